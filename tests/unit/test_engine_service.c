/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* How a server ends. */
#include "test_engine_house.h"

static int open_house(void **state)
{
	(void)state;
	house_init();
	house.o.explicit_exit_notify = 1;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static struct guest *comes(const char *cn, const char *ip)
{
	struct guest *g = guest_new(cn, ip, 40001);

	guest_come(g, NULL, NULL);
	house_turn();
	assert_true(g->up);
	return g;
}

/* R1: who does not answer any more at the end is closed all the same: for a reason, and once. */
static void test_R1_end_of_the_silent(void **state)
{
	uint32_t anna, ben;

	(void)state;
	comes("anna", "192.0.2.2");
	guest_free(comes("ben", "192.0.2.3")); /* gone without a word */
	comes("carl", "192.0.2.4");
	anna = house_peer("anna")->id;
	ben = house_peer("ben")->id;
	lnl_tunnel_stop(house.e, house.s->id, "test");
	house_turn();
	assert_false(house.ended); /* ben may yet hear of it */
	house_run(2 * LNL_SECOND);
	assert_true(house.ended);
	assert_int_equal(house.established, 3);
	assert_int_equal(house.closed, 3);
	assert_string_equal(house.closed_cause[anna], "user");
	assert_string_equal(house.closed_cause[ben], "user");
	assert_int_equal(house.peers, 0);
}

/* The last counters are waited for, but not for ever. */
static void test_end_without_counters(void **state)
{
	(void)state;
	guest_free(comes("anna", "192.0.2.2"));
	house.hold_counters = true;
	lnl_tunnel_stop(house.e, house.s->id, "test");
	house_run(2 * LNL_SECOND);
	assert_false(house.ended);
	house_run(2 * LNL_SECOND);
	assert_true(house.ended);
	assert_int_equal(house.closed, 1);
}

#define SERVICE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVICE(test_R1_end_of_the_silent),
		SERVICE(test_end_without_counters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
