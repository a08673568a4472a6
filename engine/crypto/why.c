/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences and dates without stdio: this room formats nothing else. */
#include "crypto/why.h"

#include <stdarg.h>
#include <string.h>

static size_t append(struct lnl_why *why, size_t len, const char *text)
{
	for (; *text != '\0' && len + 1 < sizeof(why->text); text++)
		why->text[len++] = *text;
	why->text[len] = '\0';
	return len;
}

static void append_all(struct lnl_why *why, size_t len, const char *first, va_list more)
{
	for (const char *text = first; text != NULL; text = va_arg(more, const char *))
		len = append(why, len, text);
}

void lnl_why_say(struct lnl_why *why, const char *first, ...)
{
	va_list more;

	if (why == NULL)
		return;
	va_start(more, first);
	append_all(why, 0, first, more);
	va_end(more);
}

void lnl_why_add(struct lnl_why *why, const char *first, ...)
{
	va_list more;

	if (why == NULL)
		return;
	size_t len = strlen(why->text);
	if (len > 0)
		len = append(why, len, "; ");
	va_start(more, first);
	append_all(why, len, first, more);
	va_end(more);
}

const char *lnl_why_date(char out[LNL_DATE_LEN], uint64_t seconds)
{
	struct lnl_writer w;
	/* Beyond the year 9999 nothing in a certificate can be. */
	uint64_t days = seconds / 86400 < 2932896 ? seconds / 86400 : 2932896;
	unsigned in_day = (unsigned)(seconds % 86400);
	/* Eras of 400 years from 0000-03-01, so that a leap day ends its year. */
	uint64_t z = days + 719468;
	uint64_t era = z / 146097, day_of_era = z % 146097;
	uint64_t year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	uint64_t shifted = (5 * day_of_year + 2) / 153;
	uint64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
	const uint64_t fields[] = { month, day_of_year - (153 * shifted + 2) / 5 + 1, in_day / 3600,
				    in_day / 60 % 60, in_day % 60 };

	lnl_writer_init(&w, out, LNL_DATE_LEN - 1);
	lnl_write_dec(&w, era * 400 + year + (month <= 2));
	for (unsigned i = 0; i < 5; i++) {
		lnl_write_u8(&w, (uint8_t) "-- ::"[i]);
		lnl_write_u8(&w, (uint8_t)('0' + fields[i] / 10));
		lnl_write_u8(&w, (uint8_t)('0' + fields[i] % 10));
	}
	lnl_write_str(&w, " UTC");
	out[lnl_writer_len(&w)] = '\0';
	return out;
}
