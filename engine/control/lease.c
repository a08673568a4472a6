/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/lease.h"

#include <string.h>

/* A name of three characters a byte, two commas, an address and the line's end. */
_Static_assert(LNL_LEASE_LINE >= 3 * (LNL_LEASE_NAME - 1) + 2 + LNL_IP_TEXT, "a line has room");

typedef void lnl_lease_teller(void *ctx, const char *name, const struct lnl_ip *ip);

/* Whether "%XX" begins at |s|, which is terminated. */
static bool is_escape(const char *s)
{
	return s[0] == '%' && lnl_hex_digit(s[1]) >= 0 && lnl_hex_digit(s[2]) >= 0;
}

/* ---- reading ---- */

/* Replaces escapes by what they mean. */
static int read_name(char *name)
{
	char *to = name;

	for (const char *s = name; *s != '\0'; s++) {
		char c = *s;

		if ((uint8_t)c < 0x20 || c == 0x7f)
			return LNL_E_FORMAT;
		if (is_escape(s)) {
			c = (char)(lnl_hex_digit(s[1]) << 4 | lnl_hex_digit(s[2]));
			s += 2;
			if (c == '\0')
				return LNL_E_FORMAT;
		}
		*to++ = c;
	}
	*to = '\0';
	return to > name && to - name < LNL_LEASE_NAME ? 0 : LNL_E_FORMAT;
}

/* Cuts the field at |s| off at its comma: the next one, or NULL. */
static char *cut(char *s)
{
	char *comma = strchr(s, ',');

	if (comma == NULL)
		return NULL;
	*comma = '\0';
	return comma + 1;
}

/* Reads the one or two fields of addresses, of different families: how many there are. */
static int read_addresses(char *text, struct lnl_ip ips[2])
{
	int n = 0;

	for (int field = 0; text != NULL; field++) {
		char *next = cut(text);

		if (field == 2)
			return LNL_E_FORMAT;
		if (*text != '\0' && lnl_ip_parse(&ips[n++], text) < 0)
			return LNL_E_FORMAT;
		text = next;
	}
	if (n == 0 || (n == 2 && ips[0].family == ips[1].family))
		return LNL_E_FORMAT;
	return n;
}

/* |line| has a NUL behind its |len| bytes. */
static int read_line(char *line, size_t len, void *ctx, lnl_lease_teller *tell)
{
	struct lnl_ip ips[2];
	char *rest;
	int n;

	while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
		line[--len] = '\0';
	while (*line == ' ' || *line == '\t')
		line++;
	if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
		return 0;
	rest = cut(line);
	if (rest == NULL || read_name(line) < 0)
		return LNL_E_FORMAT;
	n = read_addresses(rest, ips);
	for (int i = 0; i < n; i++)
		tell(ctx, line, &ips[i]);
	return n < 0 ? n : 0;
}

unsigned lnl_lease_read(const char *text, size_t len, void *ctx, lnl_lease_teller *tell)
{
	unsigned bad = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end != NULL ? (size_t)(end - text) : len;
		size_t taken = end != NULL ? n + 1 : n;
		char line[LNL_LEASE_LINE + 1];

		if (n < sizeof(line) && memchr(text, '\0', n) == NULL) {
			memcpy(line, text, n);
			line[n] = '\0';
			bad += read_line(line, n, ctx, tell) < 0;
		} else {
			bad += text[0] != '#' && text[0] != ';';
		}
		text += taken;
		len -= taken;
	}
	return bad;
}

/* ---- writing ---- */

static void write_name(struct lnl_writer *w, const char *name)
{
	static const char digits[] = "0123456789ABCDEF";

	for (const char *s = name; *s != '\0'; s++) {
		uint8_t c = (uint8_t)*s;

		if (c < 0x20 || c == 0x7f || c == ',' || is_escape(s) ||
		    (s == name && (c == '#' || c == ';' || c == ' '))) {
			lnl_write_u8(w, '%');
			lnl_write_u8(w, (uint8_t)digits[c >> 4]);
			lnl_write_u8(w, (uint8_t)digits[c & 15]);
		} else {
			lnl_write_u8(w, c);
		}
	}
}

/* Writes the line to |out|: its length, 0 when there is none. */
static size_t make_line(char out[LNL_LEASE_LINE], const char *name, const struct lnl_ip *ip)
{
	char text[LNL_IP_TEXT];
	struct lnl_writer w;

	if (name[0] == '\0' || strlen(name) >= LNL_LEASE_NAME || ip->family == 0)
		return 0;
	lnl_writer_init(&w, out, LNL_LEASE_LINE);
	write_name(&w, name);
	lnl_write_str(&w, ip->family == 6 ? ",," : ",");
	lnl_write_str(&w, lnl_ip_text(ip, text));
	lnl_write_u8(&w, '\n');
	return lnl_writer_len(&w);
}

void lnl_lease_write(struct lnl_writer *w, const char *name, const struct lnl_ip *ip)
{
	char line[LNL_LEASE_LINE];
	size_t len = make_line(line, name, ip);

	if (len == 0 && w->error == 0)
		w->error = LNL_E_INVAL;
	lnl_write_bytes(w, line, len);
}

size_t lnl_lease_len(const char *name, const struct lnl_ip *ip)
{
	char line[LNL_LEASE_LINE];

	return make_line(line, name, ip);
}
