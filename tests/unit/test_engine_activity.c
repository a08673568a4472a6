/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* `inactive`: who is in use stays, however old the counters are; who is not ends in time. */
#include "test_engine_house.h"

static int prepare(void **state)
{
	(void)state;
	house_init();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

/* ---- the judge alone: |after| 10 s, |least| 1,000 bytes ---- */

enum step { DOUBT, COUNT, OLDER };

static const struct {
	const char *what;
	struct {
		enum step step;
		unsigned seconds;
		uint64_t bytes;
		bool is; /* what the call answers */
	} steps[6];
} rows[] = {
	{ "nothing at all",
	  { { DOUBT, 9, 0, false }, { DOUBT, 10, 0, true }, { COUNT, 10, 0, true } } },
	{ "one byte too few", { { DOUBT, 10, 0, true }, { COUNT, 10, 999, true } } },
	{ "just enough",
	  { { DOUBT, 10, 0, true },
	    { COUNT, 10, 1000, false },
	    { DOUBT, 19, 0, false },
	    { DOUBT, 20, 0, true },
	    { COUNT, 20, 1999, true } } },
	{ "little by little",
	  { { COUNT, 4, 600, false },
	    { COUNT, 8, 1200, false },
	    { DOUBT, 17, 0, false },
	    { DOUBT, 18, 0, true } } },
	{ "an older question's answer",
	  { { DOUBT, 10, 0, true },
	    { OLDER, 10, 0, false },
	    { COUNT, 10, 5000, false },
	    { DOUBT, 20, 0, true } } },
	{ "asked once",
	  { { DOUBT, 10, 0, true },
	    { DOUBT, 11, 0, false },
	    { DOUBT, 99, 0, false },
	    { COUNT, 99, 0, true } } },
	{ "a routine question ends nobody", { { COUNT, 30, 0, false }, { DOUBT, 30, 0, true } } },
};

static void test_judge(void **state)
{
	unsigned i, k;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lnl_activity a;
		bool is;

		lnl_activity_init(&a, 10, 1000);
		lnl_activity_begin(&a, 0);
		for (k = 0; k < 6 && rows[i].steps[k].seconds; k++) {
			uint64_t now = rows[i].steps[k].seconds * LNL_SECOND;

			is = rows[i].steps[k].step == DOUBT
				     ? lnl_activity_doubt(&a, now)
				     : lnl_activity_ended(&a, rows[i].steps[k].bytes,
							  rows[i].steps[k].step == COUNT, now);
			if (is != rows[i].steps[k].is)
				fail_msg("%s: step %u", rows[i].what, k);
		}
	}
}

static void test_never(void **state)
{
	struct lnl_activity a;

	(void)state;
	lnl_activity_init(&a, 0, 1000);
	lnl_activity_begin(&a, 5);
	assert_true(lnl_activity_due(&a) == LNL_NEVER);
	assert_false(lnl_activity_doubt(&a, LNL_NEVER - 1));
	assert_false(lnl_activity_ended(&a, 0, true, LNL_NEVER - 1));
}

/* ---- in a server ---- */

static void comes(void)
{
	struct guest *g = guest_new("anna", "192.0.2.2", 40001);

	guest_come(g, NULL, NULL);
	house_turn();
	assert_true(g->up);
}

/* Nobody asks for counters but `inactive` itself: a busy client stays for ever. */
static void test_busy(void **state)
{
	unsigned i;

	(void)state;
	house.o.inactive = 3;
	house_open();
	comes();
	for (i = 0; i < 60; i++) {
		house.counted.rx_bytes += 1;
		house_run(LNL_SECOND);
		assert_non_null(house_peer("anna"));
	}
}

static void test_idle(void **state)
{
	(void)state;
	house.o.inactive = 30;
	house_open();
	comes();
	house_run(29 * LNL_SECOND);
	assert_non_null(house_peer("anna"));
	house_run(2 * LNL_SECOND);
	assert_null(house_peer("anna"));
	house_run(6 * LNL_SECOND);
	assert_int_equal(house.closed, 1);
}

/* The worker answers late: what it says then counts, and until then nobody ends. */
static void test_late_counters(void **state)
{
	(void)state;
	house.o.inactive = 3;
	house_open();
	comes();
	house.hold_counters = true;
	house_run(20 * LNL_SECOND);
	assert_non_null(house_peer("anna"));
	house.counted.tx_bytes = 1;
	house.hold_counters = false;
	house_turn();
	house_run(2 * LNL_SECOND);
	assert_non_null(house_peer("anna"));
	house_run(2 * LNL_SECOND);
	assert_null(house_peer("anna"));
}

/* A time that is beyond all clocks never comes; it does not come at once. */
static void test_long(void **state)
{
	static const int64_t seconds[] = { 18446744073709, 18446744073710, 36893488147419,
					   INT64_MAX };

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		struct lnl_activity a;

		lnl_activity_init(&a, seconds[i], 1);
		lnl_activity_begin(&a, 3600 * LNL_SECOND);
		if (lnl_activity_doubt(&a, 86400 * LNL_SECOND))
			fail_msg("row %zu: over after a day", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_judge),
		cmocka_unit_test(test_never),
		cmocka_unit_test(test_long),
		cmocka_unit_test_setup_teardown(test_busy, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_idle, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_late_counters, prepare, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
