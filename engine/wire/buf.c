/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/buf.h"

#include <string.h>

/* What an empty reader or writer points at, since arithmetic on NULL is undefined. */
static const uint8_t nothing[1];

void lnl_reader_init(struct lnl_reader *r, const void *data, size_t len)
{
	r->p = len > 0 ? data : nothing;
	r->end = r->p + len;
	r->error = 0;
}

size_t lnl_reader_left(const struct lnl_reader *r)
{
	return r->error ? 0 : (size_t)(r->end - r->p);
}

const uint8_t *lnl_read_bytes(struct lnl_reader *r, size_t len)
{
	const uint8_t *p = r->p;

	if (r->error)
		return NULL;
	if (len > (size_t)(r->end - r->p)) {
		r->error = LNL_E_SHORT;
		return NULL;
	}
	r->p += len;
	return p;
}

static uint64_t read_number(struct lnl_reader *r, size_t len)
{
	const uint8_t *p = lnl_read_bytes(r, len);
	uint64_t v = 0;

	if (!p)
		return 0;
	for (size_t i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t lnl_read_u8(struct lnl_reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t lnl_read_u16(struct lnl_reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t lnl_read_u24(struct lnl_reader *r)
{
	return (uint32_t)read_number(r, 3);
}

uint32_t lnl_read_u32(struct lnl_reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t lnl_read_u64(struct lnl_reader *r)
{
	return read_number(r, 8);
}

void lnl_read_copy(struct lnl_reader *r, void *out, size_t len)
{
	const uint8_t *p = lnl_read_bytes(r, len);

	if (len == 0)
		return;
	if (p)
		memcpy(out, p, len);
	else
		memset(out, 0, len);
}

void lnl_writer_init(struct lnl_writer *w, void *data, size_t cap)
{
	w->base = data;
	w->p = data;
	w->end = cap > 0 ? w->base + cap : w->base;
	w->error = 0;
}

size_t lnl_writer_len(const struct lnl_writer *w)
{
	return (size_t)(w->p - w->base);
}

size_t lnl_writer_left(const struct lnl_writer *w)
{
	return w->error ? 0 : (size_t)(w->end - w->p);
}

uint8_t *lnl_write_space(struct lnl_writer *w, size_t len)
{
	uint8_t *p = w->p;

	if (w->error)
		return NULL;
	if (len > (size_t)(w->end - w->p)) {
		w->error = LNL_E_SPACE;
		return NULL;
	}
	if (len > 0)
		w->p += len;
	return p;
}

static void write_number(struct lnl_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = lnl_write_space(w, len);

	if (!p)
		return;
	for (size_t i = len; i-- > 0; v >>= 8)
		p[i] = (uint8_t)v;
}

void lnl_write_u8(struct lnl_writer *w, uint8_t v)
{
	write_number(w, v, 1);
}

void lnl_write_u16(struct lnl_writer *w, uint16_t v)
{
	write_number(w, v, 2);
}

void lnl_write_u24(struct lnl_writer *w, uint32_t v)
{
	write_number(w, v, 3);
}

void lnl_write_u32(struct lnl_writer *w, uint32_t v)
{
	write_number(w, v, 4);
}

void lnl_write_u64(struct lnl_writer *w, uint64_t v)
{
	write_number(w, v, 8);
}

void lnl_write_bytes(struct lnl_writer *w, const void *data, size_t len)
{
	uint8_t *p = lnl_write_space(w, len);

	if (p && len > 0)
		memcpy(p, data, len);
}

void lnl_write_str(struct lnl_writer *w, const char *s)
{
	lnl_write_bytes(w, s, strlen(s));
}

void lnl_write_dec(struct lnl_writer *w, uint64_t v)
{
	char digits[20]; /* 2^64 - 1 has as many */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	lnl_write_bytes(w, digits + at, sizeof(digits) - at);
}

void lnl_write_hex(struct lnl_writer *w, const void *data, size_t len)
{
	static const char digit[] = "0123456789abcdef";
	const uint8_t *from = data;
	uint8_t *to;

	if (len > lnl_writer_left(w) / 2) {
		if (!w->error)
			w->error = LNL_E_SPACE;
		return;
	}
	to = lnl_write_space(w, 2 * len);
	for (size_t i = 0; to && i < len; i++) {
		to[2 * i] = (uint8_t)digit[from[i] >> 4];
		to[2 * i + 1] = (uint8_t)digit[from[i] & 15];
	}
}

size_t lnl_text_clean(char *dst, size_t cap, const void *src, size_t len)
{
	const uint8_t *from = src;
	size_t n = len < cap - 1 ? len : cap - 1;

	for (size_t i = 0; i < n; i++)
		dst[i] = from[i] >= 0x20 && from[i] <= 0x7e ? (char)from[i] : '?';
	dst[n] = '\0';
	return n;
}

int lnl_text_dec(const char *s, size_t len, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (len == 0)
		return LNL_E_FORMAT;
	for (size_t i = 0; i < len; i++) {
		unsigned digit = (unsigned)(unsigned char)s[i] - '0';

		if (digit > 9 || v > UINT64_MAX / 10 || v * 10 > UINT64_MAX - digit)
			return LNL_E_FORMAT;
		v = v * 10 + digit;
		if (v > max)
			return LNL_E_FORMAT;
	}
	*out = v;
	return 0;
}

int lnl_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}
