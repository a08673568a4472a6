/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client makes of a pushed custom-control, and of messages that follow or come unasked. */
#include "test_control_client.h"

static const struct lnl_acc_conf ours = {
	.n = 2,
	.protocol = { { "lnk1", 64, 4, LNL_SECOND }, { "two", 64, 4, LNL_SECOND } },
};

static void test_offers(void **state)
{
	static const struct {
		const char *pushed, *why; /* NULL: nothing is logged */
		bool one, two;
	} rows[] = {
		{ "custom-control 2048 6:A lnk1", NULL, true, false },
		{ "custom-control 900 A:6 other:two:lnk1", NULL, true, true },
		{ "custom-control 128 6 two", NULL, false, true },
		{ "custom-control 2048 6:A lnk,custom-control 2048 6:A two", NULL, false, true },
		{ "custom-control 2048 6:A lnk1,custom-control 2048 6:A two", NULL, true, false },
		{ "custom-control 2048 6:A LNK1:lnk11", NULL, false, false },
		{ "custom-control 127 6:A lnk1", "custom-control: a size", false, false },
		{ "custom-control 2048 B lnk1", "custom-control: a size", false, false },
		{ "custom-control 2048 6:A", "custom-control: a size", false, false },
		{ "custom-control many 6:A lnk1", "custom-control: a size", false, false },
		{ "custom-controls 2048 6:A lnk1", "custom-controls: it is nothing", false, false },
		{ "ping 10", NULL, false, false },
	};
	struct attempt *a = *state;

	a->conf.acc = &ours;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		bring_up(a, rows[i].pushed);
		if (lnl_client_supports(a->c, "lnk1") != rows[i].one ||
		    lnl_client_supports(a->c, "two") != rows[i].two)
			fail_msg("%s: agreed on otherwise", rows[i].pushed);
		if (rows[i].why && !strstr(a->logged, rows[i].why))
			fail_msg("%s: logged %s", rows[i].pushed, a->logged);
		if (!rows[i].why && strstr(a->logged, "push.refused"))
			fail_msg("%s: logged %s", rows[i].pushed, a->logged);
	}
	/* Who has no extensions is not told to be wrong about what is pushed to all. */
	a->conf.acc = NULL;
	bring_up(a, "custom-control 2048 6:A lnk1");
	assert_false(lnl_client_supports(a->c, "lnk1"));
	assert_null(strstr(a->logged, "push.refused"));
}

/* OpenVPN 3 hears of extensions by INFO as well. */
static void test_offers_by_info(void **state)
{
	struct attempt *a = *state;

	a->conf.acc = &ours;
	attempt_connect(a);
	attempt_hear(a, "INFO_PRE,ACC:2048 6:A lnk1");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TEXT), 1); /* not before it is in */
	bring_up(a, "ping 10");
	assert_false(lnl_client_supports(a->c, "lnk1"));
	attempt_hear(a, "INFO,ACC:2048 6:A");
	assert_non_null(strstr(a->logged, "push.refused why=custom-control: a size"));
	attempt_hear(a, "INFO_PRE,ACC:2048 6:A lnk1");
	assert_true(lnl_client_supports(a->c, "lnk1"));
	attempt_hear(a, "INFO,ACCESS denied");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TEXT), 1);
	a->conf.acc = NULL;
	bring_up(a, "ping 10");
	attempt_hear(a, "INFO,ACC:2048 6:A lnk1");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TEXT), 1);
}

static void test_messages(void **state)
{
	struct attempt *a = *state;
	struct lnl_acc_message m;

	a->conf.acc = &ours;
	attempt_connect(a);
	attempt_hear(a, "ACC,lnk1,1,A,x");
	assert_int_equal(attempt_count(a, LNL_CLIENT_MESSAGE), 0);
	assert_null(strstr(a->logged, "acc."));
	assert_int_equal(lnl_client_send_message(a->c, "lnk1", "x", 1, a->p.now), LNL_E_STATE);
	bring_up(a, "custom-control 2048 6:A lnk1");
	attempt_hear(a, "ACC,lnk1,1,AF,a");
	assert_int_equal(attempt_count(a, LNL_CLIENT_MESSAGE), 0);
	attempt_hear(a, "ACC,lnk1,1,A,b");
	assert_int_equal(attempt_count(a, LNL_CLIENT_MESSAGE), 1);
	assert_true(lnl_client_message(a->c, &m));
	assert_string_equal(m.data, "ab");
	assert_null(strstr(a->logged, "acc."));
	attempt_hear(a, "ACC,two,1,A,x");
	assert_non_null(strstr(a->logged, "acc.dropped reason=unknown_protocol|"));
	attempt_hear(a, "ACC,lnk1,2,A,x");
	assert_non_null(strstr(a->logged, "acc.dropped reason=malformed|"));
	attempt_hear(a, "ACC,lnk1,1,AF,x");
	a->p.now += LNL_ACC_WAIT;
	assert_true(lnl_client_next_due(a->c) <= a->p.now);
	lnl_client_tick(a->c, a->p.now);
	assert_non_null(strstr(a->logged, "acc.dropped reason=incomplete|"));
	assert_int_equal(attempt_count(a, LNL_CLIENT_MESSAGE), 1);
	assert_int_equal(attempt_count(a, LNL_CLIENT_TEXT), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTEMPT_TEST(test_offers),
		ATTEMPT_TEST(test_offers_by_info),
		ATTEMPT_TEST(test_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
