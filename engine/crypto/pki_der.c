/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/pki_der.h"

#include <string.h>

#include "crypto/why.h"

/* 2050-01-01: from here on years have four digits (RFC 5280, 4.1.2.5). */
#define YEAR_2050 UINT64_C(2524608000)

void lnl_der_begin(struct lnl_der_writer *w, void *data, size_t cap)
{
	w->base = data;
	w->p = w->end = w->base + cap;
	w->error = 0;
}

size_t lnl_der_len(const struct lnl_der_writer *w)
{
	return (size_t)(w->end - w->p);
}

void lnl_der_put(struct lnl_der_writer *w, const void *data, size_t len)
{
	if (w->error != 0 || len > (size_t)(w->p - w->base)) {
		w->error = LNL_E_SPACE;
		return;
	}
	w->p -= len;
	if (len > 0)
		memcpy(w->p, data, len);
}

void lnl_der_put_byte(struct lnl_der_writer *w, uint8_t byte)
{
	lnl_der_put(w, &byte, 1);
}

void lnl_der_wrap(struct lnl_der_writer *w, uint8_t tag, size_t since)
{
	size_t len = lnl_der_len(w) - since;
	uint8_t n = 0;

	if (len < 0x80) {
		lnl_der_put_byte(w, (uint8_t)len);
	} else {
		for (; len > 0; len >>= 8, n++)
			lnl_der_put_byte(w, (uint8_t)len);
		lnl_der_put_byte(w, 0x80 | n);
	}
	lnl_der_put_byte(w, tag);
}

void lnl_der_element(struct lnl_der_writer *w, uint8_t tag, const void *data, size_t len)
{
	size_t since = lnl_der_len(w);

	lnl_der_put(w, data, len);
	lnl_der_wrap(w, tag, since);
}

void lnl_der_put_integer(struct lnl_der_writer *w, const uint8_t *bytes, size_t len)
{
	size_t since = lnl_der_len(w);

	while (len > 1 && bytes[0] == 0) {
		bytes++;
		len--;
	}
	lnl_der_put(w, bytes, len);
	if (len > 0 && bytes[0] >= 0x80)
		lnl_der_put_byte(w, 0); /* else it would be negative */
	lnl_der_wrap(w, LNL_DER_INTEGER, since);
}

void lnl_der_put_number(struct lnl_der_writer *w, uint64_t value)
{
	uint8_t bytes[8];

	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
	lnl_der_put_integer(w, bytes, sizeof(bytes));
}

void lnl_der_put_time(struct lnl_der_writer *w, uint64_t seconds)
{
	char date[LNL_DATE_LEN], digits[LNL_DATE_LEN];
	size_t n = 0;

	/* "2025-01-01 00:00:00 UTC" */
	for (const char *c = lnl_why_date(date, seconds); *c != '\0'; c++) {
		if (*c >= '0' && *c <= '9')
			digits[n++] = *c;
	}
	digits[n++] = 'Z';
	if (seconds < YEAR_2050)
		lnl_der_element(w, LNL_DER_UTC_TIME, digits + 2, n - 2);
	else
		lnl_der_element(w, LNL_DER_TIME, digits, n);
}
