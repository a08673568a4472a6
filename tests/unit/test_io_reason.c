/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sentences on what went wrong, and the codes that go with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "io/reason.h"

static void sentences_are_made(void **state)
{
	struct lnl_reason why;

	(void)state;
	assert_int_equal(lnl_reason_set(&why, LNL_E_INVAL, "%s is %d", "it", 5), LNL_E_INVAL);
	assert_string_equal(why.text, "it is 5");
	assert_int_equal(lnl_reason_errno(&why, ENOENT, "cannot open %s", "x"), LNL_E_NOTFOUND);
	assert_string_equal(why.text, "cannot open x: No such file or directory");
	assert_int_equal(lnl_reason_set(NULL, LNL_E_INVAL, "%s", "x"), LNL_E_INVAL);
	assert_int_equal(lnl_reason_errno(NULL, EPERM, "%s", "x"), LNL_E_PERM);
}

static void errnos_have_codes(void **state)
{
	static const struct {
		int err, code;
	} t[] = {
		{ EPERM, LNL_E_PERM },	      { EACCES, LNL_E_PERM },
		{ ENOMEM, LNL_E_NOMEM },      { ENOENT, LNL_E_NOTFOUND },
		{ ENODEV, LNL_E_NOTFOUND },   { ENXIO, LNL_E_NOTFOUND },
		{ EEXIST, LNL_E_EXIST },      { EBUSY, LNL_E_EXIST },
		{ ETIMEDOUT, LNL_E_TIMEOUT }, { ECONNREFUSED, LNL_E_SYSTEM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_int_equal(lnl_reason_errno(NULL, t[i].err, "%s", ""), t[i].code);
}

static void what_is_too_long_is_cut(void **state)
{
	static char longer[2 * sizeof(struct lnl_reason)];
	struct lnl_reason why;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	lnl_reason_set(&why, 0, "%s", longer);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
	lnl_reason_errno(&why, EPERM, "%s", longer);
	assert_int_equal(strlen(why.text), sizeof(why.text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences_are_made),
		cmocka_unit_test(errnos_have_codes),
		cmocka_unit_test(what_is_too_long_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
