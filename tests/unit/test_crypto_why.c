/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences are put together and cut, dates are right. */
#include "crypto/why.h"

#include "test_crypto_env.h"

static void sentences(void **state)
{
	struct lnl_why why;
	char long_text[400];

	(void)state;
	memset(&why, 'x', sizeof(why));
	lnl_why_say(&why, "a", " b", "", " c", NULL);
	assert_string_equal(why.text, "a b c");
	lnl_why_add(&why, "d", NULL);
	assert_string_equal(why.text, "a b c; d");
	lnl_why_say(&why, "", NULL);
	lnl_why_add(&why, "first", NULL);
	assert_string_equal(why.text, "first");
	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	lnl_why_say(&why, "z", long_text, "more", NULL);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	lnl_why_add(&why, "more", NULL);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	lnl_why_say(NULL, "nobody", NULL);
	lnl_why_add(NULL, "nobody", NULL);
}

/* python3's datetime.fromtimestamp(..., UTC). */
static void dates(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01 00:00:00 UTC" },
		{ 951825599, "2000-02-29 11:59:59 UTC" },
		{ 951868800, "2000-03-01 00:00:00 UTC" },
		{ 1735689600, "2025-01-01 00:00:00 UTC" },
		{ 1767225599, "2025-12-31 23:59:59 UTC" },
		{ 4107542399, "2100-02-28 23:59:59 UTC" },
		{ 4107542400, "2100-03-01 00:00:00 UTC" },
		{ UINT64_C(253402300799), "9999-12-31 23:59:59 UTC" },
	};
	char out[LNL_DATE_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(lnl_why_date(out, rows[i].seconds), rows[i].text);
	assert_int_equal(strlen(lnl_why_date(out, UINT64_MAX)), 23);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences),
		cmocka_unit_test(dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
