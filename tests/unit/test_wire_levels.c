/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Levels by subsystem. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lunel_record.h"

static void a_subsystem_has_its_own(void **state)
{
	struct lnl_levels l = { .all = LNL_LEVEL_WARN };

	(void)state;
	assert_true(lnl_levels_set(&l, "tls", LNL_LEVEL_DEBUG));
	assert_int_equal(lnl_levels_of(&l, "tls.verified"), LNL_LEVEL_DEBUG);
	assert_int_equal(lnl_levels_of(&l, "tls"), LNL_LEVEL_DEBUG);
	assert_int_equal(lnl_levels_of(&l, "tlsx.verified"), LNL_LEVEL_WARN);
	assert_int_equal(lnl_levels_of(&l, "tl.verified"), LNL_LEVEL_WARN);
	assert_int_equal(lnl_levels_of(&l, ""), LNL_LEVEL_WARN);
	assert_int_equal(lnl_levels_most(&l), LNL_LEVEL_DEBUG);
	assert_true(lnl_levels_set(&l, "tls", LNL_LEVEL_ERROR));
	assert_true(lnl_levels_set(&l, "*", LNL_LEVEL_INFO));
	assert_int_equal(l.n, 1);
	assert_int_equal(lnl_levels_of(&l, "tls.verified"), LNL_LEVEL_ERROR);
	assert_int_equal(lnl_levels_of(&l, "peer.up"), LNL_LEVEL_INFO);
	assert_false(lnl_levels_set(&l, "a_name_of_24_letters_xxx", LNL_LEVEL_INFO));
	assert_true(lnl_levels_set(&l, "a_name_of_23_letters_xx", LNL_LEVEL_TRACE));
	assert_int_equal(lnl_levels_of(&l, "a_name_of_23_letters_xx.y"), LNL_LEVEL_TRACE);
	assert_int_equal(lnl_levels_of(&l, "a_name_of_24_letters_xxx.y"), LNL_LEVEL_INFO);
}

static void joined_keep_what_either_keeps(void **state)
{
	struct lnl_levels a = { .all = LNL_LEVEL_WARN }, b = { .all = -1 };

	(void)state;
	lnl_levels_set(&a, "tls", LNL_LEVEL_ERROR);
	lnl_levels_set(&a, "peer", LNL_LEVEL_TRACE);
	lnl_levels_set(&b, "tls", LNL_LEVEL_INFO);
	lnl_levels_set(&b, "net", LNL_LEVEL_ERROR);
	lnl_levels_set(&b, "push", LNL_LEVEL_DEBUG);
	lnl_levels_join(&a, &b);
	assert_int_equal(lnl_levels_of(&a, "tls.x"), LNL_LEVEL_INFO);
	assert_int_equal(lnl_levels_of(&a, "peer.x"), LNL_LEVEL_TRACE);
	assert_int_equal(lnl_levels_of(&a, "net.x"), LNL_LEVEL_WARN);
	assert_int_equal(lnl_levels_of(&a, "push.x"), LNL_LEVEL_DEBUG);
	assert_int_equal(lnl_levels_of(&a, "x.x"), LNL_LEVEL_WARN);
	b.all = LNL_LEVEL_INFO;
	lnl_levels_join(&a, &b);
	assert_int_equal(lnl_levels_of(&a, "x.x"), LNL_LEVEL_INFO);
	assert_int_equal(lnl_levels_of(&a, "net.x"), LNL_LEVEL_WARN);
}

/* With too many names rather too much is kept than too little. */
static void there_is_a_most(void **state)
{
	struct lnl_levels a = { .all = LNL_LEVEL_WARN }, b = { .all = -1 };
	char name[16];

	(void)state;
	for (unsigned i = 0; i < LNL_LEVEL_SUBS; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		assert_true(lnl_levels_set(&a, name, LNL_LEVEL_INFO));
	}
	assert_false(lnl_levels_set(&a, "more", LNL_LEVEL_INFO));
	lnl_levels_set(&b, "more", LNL_LEVEL_DEBUG);
	lnl_levels_join(&a, &b);
	assert_int_equal(lnl_levels_of(&a, "more.x"), LNL_LEVEL_DEBUG);
	assert_int_equal(lnl_levels_of(&a, "s3.x"), LNL_LEVEL_INFO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_subsystem_has_its_own),
		cmocka_unit_test(joined_keep_what_either_keeps),
		cmocka_unit_test(there_is_a_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
