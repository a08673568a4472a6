/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every error and drop reason has a name of its own; everything else has a fallback. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lunel_codes.h"

static void errors_have_texts(void **state)
{
	static const struct {
		int code;
		const char *text;
	} row[] = {
		{ LNL_E_NOMEM, "out of memory" },
		{ LNL_E_INVAL, "invalid argument or value" },
		{ LNL_E_AUTH, "authentication tag does not verify" },
		{ LNL_E_AGAIN, "would block" },
		{ 0, "success" },
		{ 1, "success" },
		{ INT_MAX, "success" },
		{ -1, "out of memory" },
		{ -23, "would block" },
		{ -24, "unknown error" },
		{ INT_MIN, "unknown error" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_string_equal(lnl_error_text(row[i].code), row[i].text);
}

static void error_values_are_distinct(void **state)
{
	static const int code[] = {
#define X(name, value, text) LNL_E_##name,
		LNL_ERRORS(X)
#undef X
	};

	(void)state;
	for (size_t i = 0; i < sizeof(code) / sizeof(code[0]); i++) {
		assert_true(code[i] < 0);
		for (size_t j = 0; j < i; j++) {
			assert_int_not_equal(code[i], code[j]);
			assert_string_not_equal(lnl_error_text(code[i]), lnl_error_text(code[j]));
		}
	}
}

static void drops_have_metric_names(void **state)
{
	(void)state;
	assert_string_equal(lnl_drop_name(LNL_DROP_NONE), "none");
	assert_string_equal(lnl_drop_name(LNL_DROP_REPLAY), "replay");
	assert_string_equal(lnl_drop_name(LNL_DROP_NOMEM), "out_of_memory");
	assert_string_equal(lnl_drop_name(LNL_DROP_COUNT), "unknown");
	assert_string_equal(lnl_drop_name((enum lnl_drop)1000), "unknown");
	for (int i = 0; i < LNL_DROP_COUNT; i++) {
		const char *name = lnl_drop_name((enum lnl_drop)i);

		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, lnl_drop_name((enum lnl_drop)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_have_texts),
		cmocka_unit_test(error_values_are_distinct),
		cmocka_unit_test(drops_have_metric_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
