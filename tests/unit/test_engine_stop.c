/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* A server that stops: what the host is told of the clients that it had. Z5. */
#include "test_engine_house.h"

/* What the host heard since the stop. */
static struct {
	unsigned closed, ended; /* PEER_CLOSED, CLOSED */
	char cause[32];
	uint64_t rx_bytes;
	bool late; /* a client was told of after the server */
} heard;

static int open_house(void **state)
{
	(void)state;
	memset(&heard, 0, sizeof(heard));
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

static void hear(void)
{
	struct lnl_event ev;

	while (lnl_engine_next(house.e, &ev)) {
		if (ev.kind == LNL_EVENT_CLOSED)
			heard.ended++;
		if (ev.kind != LNL_EVENT_PEER_CLOSED)
			continue;
		heard.closed++;
		heard.late = heard.late || heard.ended > 0;
		heard.rx_bytes = ev.u.end.stats.rx_bytes;
		snprintf(heard.cause, sizeof(heard.cause), "%s", ev.u.end.cause);
	}
}

static struct guest *up(const char *ip)
{
	struct guest *g = guest_new("anna", ip, 40001);

	guest_come(g, NULL, NULL);
	house_turn();
	assert_true(g->up);
	return g;
}

/* Time passes for the server alone; the worker answers, if |answers|, with its last counters. */
static void wait_for_the_end(uint64_t span, bool answers)
{
	static const struct lnl_counters last = { .rx_bytes = 4711 };
	uint64_t until = house.now + span;

	while (!heard.ended && house.now < until) {
		house.now += 50 * LNL_MSEC;
		house_timers();
		for (; answers && house.n_counters > 0; house.n_counters--) {
			uint32_t id = house.counters[house.n_counters - 1];
			struct lnl_served *v = lnl_served_find(house.s, id);

			if (v)
				lnl_served_counters(v, &last);
		}
		lnl_service_settle(house.s);
		hear();
	}
}

/* A client that does not acknowledge our goodbye, as OpenVPN's, ends like the others. */
static void test_silent(void **state)
{
	struct guest *g = up("192.0.2.2");
	uint64_t began = house.now;

	(void)state;
	g->silent = true;
	lnl_service_stop(house.s, "a test");
	wait_for_the_end(10 * LNL_SECOND, true);
	assert_true(house.now - began <= 1200 * LNL_MSEC);
	assert_int_equal(heard.ended, 1);
	assert_int_equal(heard.closed, 1);
	assert_false(heard.late);
	assert_string_equal(heard.cause, "user");
	assert_int_equal(heard.rx_bytes, 4711);
	assert_int_equal(house.peers, 0);
}

/* Nor does a worker that does not answer hold it up. */
static void test_no_counters(void **state)
{
	struct guest *g = up("192.0.2.2");
	uint64_t began = house.now;

	(void)state;
	g->silent = true;
	lnl_service_stop(house.s, "a test");
	wait_for_the_end(10 * LNL_SECOND, false);
	assert_true(house.now - began <= 2200 * LNL_MSEC);
	assert_int_equal(heard.ended, 1);
	assert_int_equal(heard.closed, 1);
	assert_false(heard.late);
	assert_string_equal(heard.cause, "user");
}

/* The twin: who acknowledges is gone at once. Who is being refused keeps that cause. */
static void test_heard(void **state)
{
	uint64_t began;

	(void)state;
	up("192.0.2.2");
	began = house.now;
	lnl_service_stop(house.s, "a test");
	house_run(200 * LNL_MSEC);
	assert_int_equal(house.closed, 1);
	assert_int_equal(house.s->n_served, 0);
	wait_for_the_end(LNL_SECOND, true);
	assert_int_equal(heard.ended, 1);
	assert_true(house.now - began <= 400 * LNL_MSEC);
}

static void test_closing_already(void **state)
{
	struct guest *g = up("192.0.2.2");

	(void)state;
	g->silent = true;
	lnl_served_close(house.s->served[house_peer("anna")->id], LNL_CAUSE_SESSION_TIMEOUT,
			 "RESTART");
	lnl_service_stop(house.s, "a test");
	wait_for_the_end(10 * LNL_SECOND, true);
	assert_int_equal(heard.closed, 1);
	assert_string_equal(heard.cause, lnl_cause_name(LNL_CAUSE_SESSION_TIMEOUT));
}

#define STOP(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STOP(test_silent),
		STOP(test_no_counters),
		STOP(test_heard),
		STOP(test_closing_already),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
