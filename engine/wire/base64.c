/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/base64.h"

#include <limits.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void lnl_base64_write(struct lnl_writer *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len && !w->error; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		uint32_t v = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
			     (n > 2 ? p[i + 2] : 0);
		char four[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63],
				 n > 1 ? alphabet[v >> 6 & 63] : '=',
				 n > 2 ? alphabet[v & 63] : '=' };

		lnl_write_bytes(w, four, sizeof(four));
	}
}

/* Six bits, without a table that a secret would index; -1 for what is not of the alphabet. */
static int digit_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Reads one group of four into |v|: how many bytes it stands for, or LNL_E_FORMAT. */
static int read_group(const char *four, bool last, uint32_t *v)
{
	int pad = 0;

	if (last)
		pad = four[3] != '=' ? 0 : four[2] != '=' ? 1 : 2;
	*v = 0;
	for (int i = 0; i < 4; i++) {
		int digit = i < 4 - pad ? digit_of(four[i]) : 0;

		if (digit < 0)
			return LNL_E_FORMAT;
		*v = *v << 6 | (uint32_t)digit;
	}
	/* Bits that stand for no byte are zero, or one value would have several texts. */
	if (*v & ((UINT32_C(1) << (8 * pad)) - 1))
		return LNL_E_FORMAT;
	return 3 - pad;
}

int lnl_base64_count(const char *text, size_t len)
{
	int total = 0;

	if (len % 4 != 0 || len > INT_MAX)
		return LNL_E_FORMAT;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t v;
		int n = read_group(text + i, i + 4 == len, &v);

		if (n < 0)
			return n;
		total += n;
	}
	return total;
}

int lnl_base64_read(uint8_t *out, size_t cap, const char *text, size_t len)
{
	size_t at = 0;

	if (len % 4 != 0 || len > INT_MAX)
		return LNL_E_FORMAT;
	for (size_t i = 0; i < len; i += 4) {
		uint32_t v;
		int n = read_group(text + i, i + 4 == len, &v);

		if (n < 0)
			return n;
		if ((size_t)n > cap - at)
			return LNL_E_SPACE;
		for (int j = 0; j < n; j++)
			out[at++] = (uint8_t)(v >> (16 - 8 * j));
	}
	return (int)at;
}
