/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* F12: what others can make a server log; and what a flood leaves to everything else. */
#include "test_engine_house.h"

static int open_house(void **state)
{
	(void)state;
	house_init();
	house.o.duplicate_cn = true;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static enum lnl_level level_logged; /* of the last record that was counted */

/* Records of |event| that wait; |n|, if not NULL, gets the sum of their `records`. */
static unsigned logged(const char *event, int64_t *n)
{
	static struct lnl_record r;
	unsigned found = 0;
	uint64_t lost;

	while (lnl_engine_record(house.e, &r, &lost)) {
		if (strcmp(r.event, event) != 0)
			continue;
		found++;
		level_logged = r.level;
		for (unsigned i = 0; n && i < r.n; i++)
			if (strcmp(r.field[i].name, "records") == 0)
				*n += r.field[i].number;
	}
	return found;
}

/* A hundred strangers whose time is up at the same instant. */
static void time_is_up(void)
{
	for (unsigned i = 0; i < 100; i++) {
		struct lnl_ip ip = { 4, { 10, 0, (uint8_t)i, 1 } };
		struct lnl_addr at = lnl_addr_from(&ip, 50000);

		lnl_door_accept(house.s, open("/dev/null", O_RDONLY | O_CLOEXEC), &at);
	}
	assert_int_equal(house.s->n_half_open, 100);
	house_run(61 * LNL_SECOND);
	assert_int_equal(house.s->n_half_open, 0);
}

static void test_F12_strangers(void **state)
{
	(void)state;
	time_is_up();
	assert_int_equal(logged("peer.refused", NULL), 10);
}

/* What was not logged is counted, and told once. */
static void test_F12_suppressed(void **state)
{
	int64_t n = 0;

	(void)state;
	time_is_up();
	house.now += LNL_SECOND;
	lnl_quiet_tell(house.e, house.now);
	lnl_quiet_tell(house.e, house.now);
	assert_int_equal(logged("log.suppressed", &n), 1);
	assert_int_equal(n, 90);
	/* It is no warning where those were none: many clients come at once, too. */
	assert_int_equal(level_logged, LNL_LEVEL_INFO);
	/* Also without the chores of each second: when the next of the kind comes. */
	n = 0;
	time_is_up();
	house.now += LNL_SECOND;
	assert_true(lnl_quiet_passes(house.e, "peer.refused", LNL_LEVEL_INFO, house.now));
	assert_int_equal(logged("log.suppressed", &n), 1);
	assert_int_equal(n, 90);
}

/* One kind takes nothing from another, and a second later all may speak again. */
static void test_F12_kinds(void **state)
{
	static const char *const kinds[] = { "auth.denied", "control.text", "peer.moved" };

	(void)state;
	for (unsigned second = 0; second < 3; second++) {
		for (unsigned k = 0; k < 3; k++)
			for (unsigned i = 0; i < 1000; i++)
				if (lnl_quiet_passes(house.e, kinds[k], LNL_LEVEL_WARN,
						     house.now) != (i < 10))
					fail_msg("%s, number %u", kinds[k], i);
		house.now += LNL_SECOND;
	}
	for (unsigned i = 0; i < 1000; i++)
		assert_true(lnl_quiet_passes(house.e, "peer.up", LNL_LEVEL_INFO, house.now));
}

/* The twin: who is let in is logged, each one. */
static void test_F12_clients(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 14; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "192.0.%u.2", i);
		guest_come(guest_new("anna", ip, 40001), NULL, NULL);
	}
	house_turn();
	assert_int_equal(house.s->n_up, 14);
	assert_int_equal(logged("peer.up", NULL), 14);
	for (uint32_t i = 0; i < house.s->n_slots; i++)
		if (house.s->served[i])
			lnl_served_end(house.s->served[i], LNL_CAUSE_PING, "gone");
	assert_int_equal(logged("peer.closed", NULL), 14);
}

/* ---- a flood ---- */

static void count_turns(struct ev_loop *loop, ev_timer *w, int revents)
{
	unsigned *turns = w->data;

	(void)loop;
	(void)revents;
	++*turns;
}

/* However much waits in the ring, timers and signals have their turn in between; all of it is taken. */
static void test_flood_leaves_turns(void **state)
{
	unsigned turns = 0, runs = 0;
	ev_timer t;

	(void)state;
	ev_timer_init(&t, count_turns, 0, 1e-9);
	t.data = &turns;
	ev_timer_start(house.e->loop, &t);
	house.junk_from = house_addr("192.0.2.66", 6666);
	house.junk = 100000;
	house.wake(house.wake_ctx);
	while (house.junk > 0 && runs < 100000) {
		unsigned before = house.junk;

		ev_run(house.e->loop, EVRUN_NOWAIT);
		runs++;
		assert_true(before - house.junk <= 1024);
	}
	ev_timer_stop(house.e->loop, &t);
	assert_int_equal(house.junk, 0);
	assert_true(turns >= 90);
	assert_int_equal(house.s->control_drops[LNL_DROP_SHORT], 100000);
}

#define QUIET(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUIET(test_F12_strangers), QUIET(test_F12_suppressed),	   QUIET(test_F12_kinds),
		QUIET(test_F12_clients),   QUIET(test_flood_leaves_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
