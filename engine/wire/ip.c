/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/ip.h"

#include <string.h>

#include "wire/buf.h"

#define GROUPS 8 /* of an IPv6 address, 16 bits each */

static size_t ip_len(const struct lnl_ip *ip)
{
	if (ip->family == 4)
		return 4;
	return ip->family == 6 ? 16 : 0;
}

/* Four numbers of at most three digits without leading zeros: a form that nobody reads as octal. */
static int parse_v4(uint8_t out[4], const char *s, size_t len)
{
	size_t at = 0;

	for (unsigned i = 0; i < 4; i++) {
		size_t start = at;
		uint64_t v;

		while (at < len && s[at] != '.')
			at++;
		if (at - start > 3 || (at - start > 1 && s[start] == '0') ||
		    lnl_text_dec(s + start, at - start, 255, &v) < 0)
			return LNL_E_FORMAT;
		out[i] = (uint8_t)v;
		if (i < 3 && at++ >= len)
			return LNL_E_FORMAT;
	}
	return at == len ? 0 : LNL_E_FORMAT;
}

/* Reads 1 to 4 hex digits; returns how many, 0 when there is none or a fifth. */
static size_t parse_group(uint16_t *out, const char *s, size_t len)
{
	unsigned v = 0;
	size_t n = 0;

	while (n < len && lnl_hex_digit(s[n]) >= 0) {
		if (n == 4)
			return 0;
		v = v << 4 | (unsigned)lnl_hex_digit(s[n++]);
	}
	*out = (uint16_t)v;
	return n;
}

/* What has been read of an IPv6 address. */
struct groups {
	uint16_t v[GROUPS];
	unsigned n;
	int gap; /* index of the group before which "::" stands, -1: none */
};

/* Reads the dotted quad that may end an IPv6 address. */
static int parse_quad(struct groups *g, const char *s, size_t len)
{
	uint8_t quad[4];

	if (g->n > GROUPS - 2 || parse_v4(quad, s, len) < 0)
		return LNL_E_FORMAT;
	g->v[g->n++] = (uint16_t)(quad[0] << 8 | quad[1]);
	g->v[g->n++] = (uint16_t)(quad[2] << 8 | quad[3]);
	return 0;
}

static int parse_groups(struct groups *g, const char *s, size_t len)
{
	size_t at = 0;

	if (len >= 2 && s[0] == ':' && s[1] == ':') {
		g->gap = 0;
		at = 2;
	}
	while (at < len) {
		size_t n;

		if (g->n == GROUPS)
			return LNL_E_FORMAT;
		n = parse_group(&g->v[g->n], s + at, len - at);
		if (n == 0)
			return LNL_E_FORMAT;
		if (at + n < len && s[at + n] == '.')
			return parse_quad(g, s + at, len - at);
		g->n++;
		at += n;
		if (at == len)
			break;
		if (s[at++] != ':' || at == len)
			return LNL_E_FORMAT;
		if (s[at] == ':') {
			if (g->gap >= 0)
				return LNL_E_FORMAT;
			g->gap = (int)g->n;
			at++;
		}
	}
	return 0;
}

static int parse_v6(uint8_t out[16], const char *s, size_t len)
{
	struct groups g = { .gap = -1 };
	unsigned skip;

	if (parse_groups(&g, s, len) < 0)
		return LNL_E_FORMAT;
	/* A gap stands for one group at least. */
	if (g.gap < 0 ? g.n != GROUPS : g.n == GROUPS)
		return LNL_E_FORMAT;
	skip = GROUPS - g.n;
	memset(out, 0, 16);
	for (unsigned i = 0; i < g.n; i++) {
		unsigned to = g.gap >= 0 && i >= (unsigned)g.gap ? i + skip : i;

		out[2 * to] = (uint8_t)(g.v[i] >> 8);
		out[2 * to + 1] = (uint8_t)g.v[i];
	}
	return 0;
}

static int parse(struct lnl_ip *out, const char *s, size_t len)
{
	struct lnl_ip ip = { 0 };
	int rc;

	if (memchr(s, ':', len) != NULL) {
		ip.family = 6;
		rc = parse_v6(ip.bytes, s, len);
	} else {
		ip.family = 4;
		rc = parse_v4(ip.bytes, s, len);
	}
	if (rc == 0)
		*out = ip;
	return rc;
}

int lnl_ip_parse(struct lnl_ip *out, const char *text)
{
	return parse(out, text, strlen(text));
}

int lnl_prefix_parse(struct lnl_prefix *out, const char *text)
{
	const char *slash = strchr(text, '/');
	struct lnl_prefix p;
	uint64_t bits;

	if (parse(&p.ip, text, slash != NULL ? (size_t)(slash - text) : strlen(text)) < 0)
		return LNL_E_FORMAT;
	bits = p.ip.family == 4 ? 32 : 128;
	if (slash != NULL) {
		size_t digits = strlen(slash + 1);

		if (digits > 3 || lnl_text_dec(slash + 1, digits, bits, &bits) < 0)
			return LNL_E_FORMAT;
	}
	p.bits = (uint8_t)bits;
	*out = p;
	return 0;
}

static uint32_t word_of(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

int lnl_netmask_bits(const struct lnl_ip *mask)
{
	uint32_t holes;
	int bits = 0;

	if (mask->family != 4)
		return LNL_E_FORMAT;
	/* The host part of a mask is ones at the end: adding one gives a power of two, or wraps to 0. */
	holes = ~word_of(mask->bytes);
	if ((holes & (holes + 1)) != 0)
		return LNL_E_FORMAT;
	for (uint32_t m = ~holes; m != 0; m <<= 1)
		bits++;
	return bits;
}

struct lnl_ip lnl_netmask(unsigned bits)
{
	struct lnl_prefix p = { .ip = { .family = 4, .bytes = { 255, 255, 255, 255 } } };

	p.bits = (uint8_t)(bits < 32 ? bits : 32);
	lnl_prefix_mask(&p);
	return p.ip;
}

static void write_v4(struct lnl_writer *w, const uint8_t *b)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i > 0)
			lnl_write_u8(w, '.');
		lnl_write_dec(w, b[i]);
	}
}

static void write_group(struct lnl_writer *w, unsigned v)
{
	static const char digits[] = "0123456789abcdef";
	bool started = false;

	for (int shift = 12; shift >= 0; shift -= 4) {
		unsigned d = v >> shift & 15;

		started = started || d != 0 || shift == 0;
		if (started)
			lnl_write_u8(w, (uint8_t)digits[d]);
	}
}

/* The longest run of at least two zero groups, the first of equals; its length, or 0 for none. */
static unsigned longest_gap(const uint16_t *v, unsigned *start)
{
	unsigned best = 1;
	unsigned run = 0;

	for (unsigned i = 0; i < GROUPS; i++) {
		run = v[i] == 0 ? run + 1 : 0;
		if (run > best) {
			best = run;
			*start = i + 1 - run;
		}
	}
	return best > 1 ? best : 0;
}

static void write_v6(struct lnl_writer *w, const uint8_t *b)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint16_t v[GROUPS];
	unsigned start = 0;
	unsigned gap;

	if (memcmp(b, mapped, sizeof(mapped)) == 0) {
		lnl_write_str(w, "::ffff:");
		write_v4(w, b + 12);
		return;
	}
	for (unsigned i = 0; i < GROUPS; i++)
		v[i] = (uint16_t)(b[2 * i] << 8 | b[2 * i + 1]);
	gap = longest_gap(v, &start);
	for (unsigned i = 0; i < GROUPS; i++) {
		if (gap > 0 && i == start) {
			lnl_write_str(w, "::");
			i += gap - 1;
			continue;
		}
		if (i > 0 && (gap == 0 || i != start + gap))
			lnl_write_u8(w, ':');
		write_group(w, v[i]);
	}
}

static void write_ip(struct lnl_writer *w, const struct lnl_ip *ip)
{
	if (ip->family == 4)
		write_v4(w, ip->bytes);
	else if (ip->family == 6)
		write_v6(w, ip->bytes);
}

char *lnl_ip_text(const struct lnl_ip *ip, char *out)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, LNL_IP_TEXT - 1);
	write_ip(&w, ip);
	out[lnl_writer_len(&w)] = '\0';
	return out;
}

char *lnl_prefix_text(const struct lnl_prefix *p, char *out)
{
	struct lnl_writer w;

	lnl_writer_init(&w, out, LNL_IP_TEXT - 1);
	write_ip(&w, &p->ip);
	if (ip_len(&p->ip) != 0) {
		lnl_write_u8(&w, '/');
		lnl_write_dec(&w, p->bits);
	}
	out[lnl_writer_len(&w)] = '\0';
	return out;
}

bool lnl_ip_equal(const struct lnl_ip *a, const struct lnl_ip *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, ip_len(a)) == 0;
}

void lnl_prefix_mask(struct lnl_prefix *p)
{
	size_t len = ip_len(&p->ip);
	unsigned whole = p->bits / 8;

	if (whole >= len)
		return;
	p->ip.bytes[whole] = (uint8_t)(p->ip.bytes[whole] & ~(0xff >> p->bits % 8));
	memset(p->ip.bytes + whole + 1, 0, len - whole - 1);
}

bool lnl_prefix_has(const struct lnl_prefix *p, const struct lnl_ip *ip)
{
	struct lnl_prefix a = *p;
	struct lnl_prefix b = { .ip = *ip, .bits = p->bits };

	if (p->ip.family != ip->family || ip_len(ip) == 0)
		return false;
	lnl_prefix_mask(&a);
	lnl_prefix_mask(&b);
	return lnl_ip_equal(&a.ip, &b.ip);
}
