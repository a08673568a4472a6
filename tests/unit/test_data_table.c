/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

#define PEERS 10000

static struct lnl_peer peers[PEERS];

static void finds_what_was_added(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_peer_table t;

	test_env_init(&env);
	assert_int_equal(lnl_table_init(&t, &env.env), 0);
	assert_null(lnl_table_find(&t, 0));
	for (uint32_t i = 0; i < PEERS; i++) {
		peers[i].conf.id = i;
		assert_int_equal(lnl_table_add(&t, &env.env, &peers[i]), 0);
	}
	assert_int_equal(t.n, PEERS);
	for (uint32_t i = 0; i < PEERS; i++)
		assert_ptr_equal(lnl_table_find(&t, i), &peers[i]);
	for (uint32_t i = PEERS; i < 3 * PEERS; i++)
		assert_null(lnl_table_find(&t, i));
	lnl_table_deinit(&t, &env.env);
	assert_int_equal(env.live, 0);
}

/* Random additions and removals against a plain array, with ids that share their homes. */
static void agrees_with_an_array(void **state)
{
	(void)state;
	enum { IDS = 512 };
	struct test_env env;
	struct lnl_peer_table t;
	bool in[IDS] = { false };
	uint64_t seed = 7;

	test_env_init(&env);
	assert_int_equal(lnl_table_init(&t, &env.env), 0);
	for (unsigned i = 0; i < IDS; i++)
		peers[i].conf.id = i % 2 != 0 ? i : i << 14;
	for (unsigned step = 0; step < 200000; step++) {
		unsigned i = next_random(&seed) % IDS;
		assert_ptr_equal(lnl_table_find(&t, peers[i].conf.id), in[i] ? &peers[i] : NULL);
		if (in[i])
			lnl_table_remove(&t, &peers[i]);
		else
			assert_int_equal(lnl_table_add(&t, &env.env, &peers[i]), 0);
		in[i] = !in[i];
		unsigned j = next_random(&seed) % IDS;
		assert_ptr_equal(lnl_table_find(&t, peers[j].conf.id), in[j] ? &peers[j] : NULL);
	}
	lnl_table_deinit(&t, &env.env);
}

/* No memory to grow: nothing is lost, and it can be tried again. */
static void survives_the_end_of_memory(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_peer_table t;

	test_env_init(&env);
	env.fail_at = 1;
	assert_int_equal(lnl_table_init(&t, &env.env), LNL_E_NOMEM);
	test_env_init(&env);
	assert_int_equal(lnl_table_init(&t, &env.env), 0);
	env.fail_at = 2;
	uint32_t n = 0;
	for (;; n++) {
		peers[n].conf.id = n;
		if (lnl_table_add(&t, &env.env, &peers[n]) != 0)
			break;
	}
	assert_int_equal(n, 4);
	for (uint32_t i = 0; i < n; i++)
		assert_ptr_equal(lnl_table_find(&t, i), &peers[i]);
	env.fail_at = 0;
	assert_int_equal(lnl_table_add(&t, &env.env, &peers[n]), 0);
	assert_ptr_equal(lnl_table_find(&t, n), &peers[n]);
	lnl_table_deinit(&t, &env.env);
	assert_int_equal(env.live, 0);
}

/* The longest run of cells that a search may walk along. */
static uint32_t longest_run(const struct lnl_peer_table *t)
{
	uint32_t longest = 0, run = 0;

	for (uint32_t i = 0; i <= 2 * t->mask; i++) {
		run = t->cells[i & t->mask].peer != NULL ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* Ids as servers give them out, then with nine in ten gone: a search takes a few steps. */
static void takes_few_steps(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_peer_table t;
	uint64_t seed = 3;

	test_env_init(&env);
	assert_int_equal(lnl_table_init(&t, &env.env), 0);
	for (uint32_t i = 0; i < PEERS; i++) {
		peers[i].conf.id = i;
		assert_int_equal(lnl_table_add(&t, &env.env, &peers[i]), 0);
		assert_true(i % 97 != 0 || longest_run(&t) <= 4);
	}
	assert_true(longest_run(&t) <= 4);
	for (uint32_t i = 0; i < PEERS; i++)
		if (next_random(&seed) % 10 != 0)
			lnl_table_remove(&t, &peers[i]);
	assert_true(longest_run(&t) <= 4);
	lnl_table_deinit(&t, &env.env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(agrees_with_an_array),
		cmocka_unit_test(survives_the_end_of_memory),
		cmocka_unit_test(takes_few_steps),
	};

	return cmocka_run_group_tests_name("data/table", tests, NULL, NULL);
}
