/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/lease.h"

#include <string.h>

#define LINE_MAX_LEN 256

static bool is_name(const char *name)
{
	const char *p;

	if (!*name || *name == '#' || *name == ';' || strlen(name) >= LNL_LEASE_NAME)
		return false;
	for (p = name; *p; p++)
		if (*p == ',' || *p < 0x20 || *p > 0x7e)
			return false;
	return true;
}

/* Reads the addresses behind the name: how many, or -1. */
static int read_addresses(char *text, struct lnl_ip ips[2])
{
	int n = 0;

	while (text) {
		char *comma = strchr(text, ',');

		if (comma)
			*comma++ = 0;
		if (*text) {
			if (n == 2 || lnl_ip_parse(&ips[n], text) < 0)
				return -1;
			n++;
		}
		text = comma;
	}
	return n > 0 ? n : -1;
}

/* 0: a comment or nothing. 1: a lease. -1: neither. */
static int read_line(char *line, void *ctx,
		     void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip))
{
	size_t len = strlen(line);
	struct lnl_ip ips[2];
	char *comma;
	int n, i;

	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
		line[--len] = 0;
	if (!*line || *line == '#' || *line == ';')
		return 0;
	comma = strchr(line, ',');
	if (!comma)
		return -1;
	*comma++ = 0;
	n = is_name(line) ? read_addresses(comma, ips) : -1;
	for (i = 0; i < n; i++)
		tell(ctx, line, &ips[i]);
	return n < 0 ? -1 : 1;
}

unsigned lnl_lease_read(const char *text, size_t len, void *ctx,
			void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip))
{
	unsigned bad = 0;

	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t n = end ? (size_t)(end - text) : len;
		char line[LINE_MAX_LEN];

		if (n >= sizeof(line) || memchr(text, 0, n)) {
			bad++;
		} else {
			memcpy(line, text, n);
			line[n] = 0;
			bad += read_line(line, ctx, tell) < 0;
		}
		if (end)
			n++;
		text += n;
		len -= n;
	}
	return bad;
}

void lnl_lease_write(struct lnl_writer *w, const char *name, const struct lnl_ip *ip)
{
	char text[LNL_IP_TEXT];

	if (!is_name(name) || !ip->family)
		return;
	lnl_write_str(w, name);
	lnl_write_u8(w, ',');
	lnl_write_str(w, lnl_ip_text(ip, text));
	lnl_write_u8(w, '\n');
}
