/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

static struct lnl_data *plane_of(struct test_env *env, uint32_t peers)
{
	struct lnl_data *d;

	test_env_init(env);
	assert_int_equal(lnl_data_new(&d, &env->env, peers), 0);
	for (uint32_t i = 0; i < peers; i++) {
		struct lnl_peer_conf conf = { .id = i, .wire_id = i };
		assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	}
	return d;
}

static struct lnl_peer *peer_of(struct lnl_data *d, uint32_t id)
{
	return lnl_table_find(&d->peers, id);
}

static void equal_ones_collapse(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d = plane_of(&env, 3);

	expect_no_notice(d);
	for (int i = 0; i < 1000; i++) {
		lnl_notice_put(d, peer_of(d, 2), LNL_NOTICE_DECRYPT, 4);
		lnl_notice_put(d, peer_of(d, 0), LNL_NOTICE_EXIT, 0);
		lnl_notice_put(d, peer_of(d, 2), LNL_NOTICE_DECRYPT, 5);
		lnl_notice_put(d, peer_of(d, 2), LNL_NOTICE_PING_TIMEOUT, 0);
	}
	expect_notice(d, LNL_NOTICE_PING_TIMEOUT, 2, 0);
	expect_notice(d, LNL_NOTICE_DECRYPT, 2, 4);
	expect_notice(d, LNL_NOTICE_DECRYPT, 2, 5);
	expect_notice(d, LNL_NOTICE_EXIT, 0, 0);
	expect_no_notice(d);
	lnl_notice_put(d, peer_of(d, 2), LNL_NOTICE_DECRYPT, 4);
	expect_notice(d, LNL_NOTICE_DECRYPT, 2, 4);
	expect_no_notice(d);
	lnl_data_free(d);
}

/*
 * Peers that go take their notices with them, from the front, the middle and the end of the list.
 */
static void removed_peers_say_nothing(void **state)
{
	(void)state;
	for (unsigned gone = 0; gone < 1u << 4; gone++) {
		struct test_env env;
		struct lnl_data *d = plane_of(&env, 4);

		for (uint32_t i = 0; i < 4; i++)
			lnl_notice_put(d, peer_of(d, i), LNL_NOTICE_EXIT, 0);
		for (uint32_t i = 0; i < 4; i++) {
			if (gone >> i & 1)
				assert_int_equal(lnl_data_peer_del(d, i), 0);
		}
		for (uint32_t i = 0; i < 4; i++) {
			if (!(gone >> i & 1))
				expect_notice(d, LNL_NOTICE_EXIT, i, 0);
		}
		expect_no_notice(d);
		lnl_data_free(d);
		assert_int_equal(env.live, 0);
	}
}

/* A new notice of a peer that still stands in the list, empty-handed, is not lost. */
static void emptied_peers_may_speak_again(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d = plane_of(&env, 2);

	lnl_notice_put(d, peer_of(d, 0), LNL_NOTICE_EXIT, 0);
	lnl_notice_put(d, peer_of(d, 1), LNL_NOTICE_EXIT, 0);
	expect_notice(d, LNL_NOTICE_EXIT, 0, 0);
	lnl_notice_put(d, peer_of(d, 0), LNL_NOTICE_KEY_LIMIT, 7);
	expect_notice(d, LNL_NOTICE_KEY_LIMIT, 0, 7);
	expect_notice(d, LNL_NOTICE_EXIT, 1, 0);
	expect_no_notice(d);
	lnl_data_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_ones_collapse),
		cmocka_unit_test(removed_peers_say_nothing),
		cmocka_unit_test(emptied_peers_may_speak_again),
	};

	return cmocka_run_group_tests_name("data/notice", tests, NULL, NULL);
}
