/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

#include "data/ivs.h"

/* 1,000 IVs from many pools: none twice, and as many draws as pools. */
static void gives_each_once(void **state)
{
	(void)state;
	static uint8_t seen[1000][LNL_BLOCK_LEN];
	struct test_env env;
	struct lnl_ivs ivs;

	test_env_init(&env);
	lnl_ivs_init(&ivs, &env.env);
	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(lnl_ivs_take(&ivs, seen[i]), 0);
		for (unsigned j = 0; j < i; j++)
			assert_memory_not_equal(seen[i], seen[j], LNL_BLOCK_LEN);
	}
}

static void fails_closed(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_ivs ivs;
	uint8_t iv[LNL_BLOCK_LEN];

	test_env_init(&env);
	lnl_ivs_init(&ivs, &env.env);
	env.no_random = true;
	assert_int_equal(lnl_ivs_take(&ivs, iv), LNL_E_RANDOM);
	assert_int_equal(lnl_ivs_take(&ivs, iv), LNL_E_RANDOM);
	env.no_random = false;
	assert_int_equal(lnl_ivs_take(&ivs, iv), 0);
}

static void wipes_what_is_left(void **state)
{
	(void)state;
	static const uint8_t zeroes[sizeof(((struct lnl_ivs *)NULL)->pool)];
	struct test_env env;
	struct lnl_ivs ivs;
	uint8_t iv[LNL_BLOCK_LEN];

	test_env_init(&env);
	lnl_ivs_init(&ivs, &env.env);
	assert_int_equal(lnl_ivs_take(&ivs, iv), 0);
	assert_memory_not_equal(ivs.pool, zeroes, sizeof(zeroes));
	lnl_ivs_deinit(&ivs);
	assert_memory_equal(ivs.pool, zeroes, sizeof(zeroes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_each_once),
		cmocka_unit_test(fails_closed),
		cmocka_unit_test(wipes_what_is_left),
	};

	return cmocka_run_group_tests_name("data/ivs", tests, NULL, NULL);
}
