/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DER reader: elements and times. */
#include "crypto/der.h"

#include <string.h>

/* A length as DER wants it: short where possible, no leading zeros, at most four bytes. */
static bool read_length(struct lnl_reader *r, size_t *out)
{
	uint8_t first = lnl_read_u8(r);

	*out = first;
	if (first < 0x80)
		return r->error == 0;
	unsigned n = first & 0x7f;
	size_t len = 0;
	if (n == 0 || n > 4)
		return false;
	for (unsigned i = 0; i < n; i++) {
		len = len << 8 | lnl_read_u8(r);
		if (len == 0)
			return false;
	}
	*out = len;
	return r->error == 0 && len >= 0x80;
}

bool lnl_der_next(struct lnl_reader *r, struct lnl_der *out)
{
	*out = (struct lnl_der){ 0 };
	if (lnl_reader_left(r) == 0)
		return false;
	uint8_t tag = lnl_read_u8(r);
	size_t len;
	/* Tags above 30 take more bytes and occur in nothing that is read here. */
	if ((tag & 0x1f) == 0x1f || !read_length(r, &len)) {
		r->error = LNL_E_FORMAT;
		return false;
	}
	const uint8_t *data = lnl_read_bytes(r, len);
	if (data == NULL)
		return false;
	*out = (struct lnl_der){ .tag = tag, .data = data, .len = len };
	return true;
}

bool lnl_der_take(struct lnl_reader *r, uint8_t tag, struct lnl_der *out)
{
	if (lnl_der_next(r, out) && out->tag == tag)
		return true;
	if (r->error == 0)
		r->error = LNL_E_FORMAT;
	return false;
}

bool lnl_der_enter(struct lnl_reader *r, uint8_t tag, struct lnl_reader *inner)
{
	struct lnl_der d;
	bool found = lnl_der_take(r, tag, &d);

	lnl_reader_init(inner, found ? d.data : NULL, found ? d.len : 0);
	return found;
}

bool lnl_der_is_oid(const struct lnl_der *d, const void *oid, size_t len)
{
	return d->tag == LNL_DER_OID && d->len == len && memcmp(d->data, oid, len) == 0;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, 1970 or later. */
static uint64_t days_to(unsigned year, unsigned month, unsigned day)
{
	/* Years that start in March put the leap day at their end. */
	unsigned y = month <= 2 ? year - 1 : year;
	unsigned m = month <= 2 ? month + 9 : month - 3;
	uint64_t days = (uint64_t)y * 365 + y / 4 - y / 100 + y / 400;

	return days + (m * 153 + 2) / 5 + day - 1 - 719468;
}

static unsigned days_in(unsigned year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* |n| decimal digits; -1 when there are others. */
static int digits(const uint8_t *p, unsigned n)
{
	int value = 0;

	for (unsigned i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	return value;
}

int lnl_der_seconds(const struct lnl_der *d, uint64_t *out)
{
	unsigned year_len = d->tag == LNL_DER_TIME ? 4 : 2;

	if ((d->tag != LNL_DER_TIME && d->tag != LNL_DER_UTC_TIME) || d->len != year_len + 11 ||
	    d->data[d->len - 1] != 'Z')
		return LNL_E_FORMAT;
	const uint8_t *p = d->data + year_len;
	int year = digits(d->data, year_len);
	int month = digits(p, 2), day = digits(p + 2, 2);
	int hour = digits(p + 4, 2), minute = digits(p + 6, 2), second = digits(p + 8, 2);

	if (year < 0 || month < 1 || month > 12 || day < 1 || hour < 0 || hour > 23 || minute < 0 ||
	    minute > 59 || second < 0 || second > 59)
		return LNL_E_FORMAT;
	/* RFC 5280, 4.1.2.5.1: two digits from 50 are the twentieth century's. */
	if (d->tag == LNL_DER_UTC_TIME)
		year += year >= 50 ? 1900 : 2000;
	if ((unsigned)day > days_in((unsigned)year, (unsigned)month))
		return LNL_E_FORMAT;
	*out = 0;
	if (year >= 1970)
		*out = days_to((unsigned)year, (unsigned)month, (unsigned)day) * 86400 +
		       (uint64_t)(hour * 3600 + minute * 60 + second);
	return 0;
}
