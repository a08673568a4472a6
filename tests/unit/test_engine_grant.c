/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* Who a server's client is, what it gets, and who has to go for it. */
#include <math.h>

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

static void again(void)
{
	house_close();
	house_init();
}

static struct guest *comes_as(const char *cn, const char *ip, const char *user)
{
	struct guest *g = guest_new(cn, ip, 40001);

	guest_come(g, user, user ? "secret" : NULL);
	house_turn();
	return g;
}

static void refused(const struct guest *g, const char *why)
{
	assert_true(g->closed);
	if (!strstr(g->text, why))
		fail_msg("'%s' instead of '%s'", g->text, why);
}

/* ---- how many ---- */

/* While the host thinks about one, others come: max-clients counts when it has decided. */
static void test_full_after_the_question(void **state)
{
	struct guest *first, *second;

	(void)state;
	house.o.max_clients = 1;
	house.hold = true;
	house_open();
	first = comes_as("anna", "192.0.2.2", NULL);
	second = comes_as("ben", "192.0.2.3", NULL);
	assert_int_equal(house.n_asked, 2);
	house_grant();
	house_turn();
	assert_true(first->up);
	house_grant();
	house_turn();
	assert_false(second->up);
	assert_int_equal(house.s->n_up, 1);
	refused(second, "the server is full");
	/* Who comes now is not even asked about. */
	refused(comes_as("carl", "192.0.2.4", NULL), "the server is full");
	assert_int_equal(house.n_asked, 0);
	lnl_peer_kill(house.e, house.s->id, house_peer("anna")->id, "HALT");
	house_run(6 * LNL_SECOND);
	comes_as("dora", "192.0.2.5", NULL);
	house_grant();
	house_turn();
	assert_non_null(house_peer("dora"));
}

/* The same user makes room by coming, unless she may be here more than once. */
static void test_full_of_oneself(void **state)
{
	(void)state;
	for (unsigned twice = 0; twice < 2; twice++) {
		struct guest *second;

		if (twice)
			again();
		house.o.max_clients = 1;
		house.o.duplicate_cn = twice;
		house_open();
		assert_true(comes_as("anna", "192.0.2.2", NULL)->up);
		second = comes_as("anna", "192.0.2.3", NULL);
		assert_int_equal(second->up, !twice);
		house_run(3 * LNL_SECOND);
		assert_int_equal(house.s->n_up, 1);
		assert_int_equal(house.closed, !twice);
		if (twice)
			refused(second, "the server is full");
	}
}

/* ---- who has to go ---- */

/* Who is leaving before the answer comes displaces nobody. */
static void test_leaving_displaces_nobody(void **state)
{
	static const struct lnl_grant_options plain;
	struct asked a;

	(void)state;
	house_open();
	assert_true(comes_as("anna", "192.0.2.2", NULL)->up);
	house.hold = true;
	comes_as("anna", "192.0.2.3", NULL);
	a = house_asked(LNL_EVENT_AUTHORIZE);
	assert_int_equal(lnl_peer_kill(house.e, house.s->id, a.peer, "HALT"), 0);
	lnl_reply_grant(house.e, a.ticket, &plain, NULL);
	house_run(10 * LNL_SECOND);
	assert_int_equal(house.closed, 0);
	assert_int_equal(house.s->n_up, 1);
	assert_true(house.guests[0].up);
	assert_int_equal(house.s->n_served, 1);
}

/*
 * Who was told to come again does so before the server has heard that it read that: the new session
 * has the old one's place and address.
 */
static void test_told_to_restart(void **state)
{
	struct lnl_ip before;
	struct guest *old;

	(void)state;
	house.o.max_clients = 1;
	house_open();
	old = comes_as("anna", "192.0.2.2", NULL);
	assert_true(old->up);
	before = house_peer("anna")->address4;
	old->silent = true;
	lnl_peer_kill(house.e, house.s->id, house_peer("anna")->id, "RESTART");
	assert_true(comes_as("anna", "192.0.2.3", NULL)->up);
	assert_true(lnl_ip_equal(&house_peer("anna")->address4, &before));
	house_run(10 * LNL_SECOND);
	assert_int_equal(house.closed, 1);
	assert_int_equal(house.s->n_up, 1);
	assert_int_equal(house.s->n_served, 1);
}

/* An answer for who has gone meanwhile is nobody's. */
static void test_late_answer(void **state)
{
	static const struct lnl_grant_options plain;
	struct asked a;

	(void)state;
	house.hold = true;
	house_open();
	comes_as("anna", "192.0.2.2", NULL);
	a = house_asked(LNL_EVENT_AUTHORIZE);
	lnl_served_end(house.s->served[a.peer], LNL_CAUSE_PING, "gone");
	guest_free(&house.guests[0]);
	assert_int_equal(lnl_reply_grant(house.e, a.ticket, &plain, NULL), LNL_E_NOTFOUND);
	house_run(3 * LNL_SECOND);
	assert_int_equal(house.s->n_served, 0);
	house_next_id(a.peer); /* its number is the next one's */
	comes_as("ben", "192.0.2.3", NULL);
	assert_int_equal(lnl_reply_grant(house.e, a.ticket, &plain, NULL), LNL_E_NOTFOUND);
	assert_int_equal(house.s->n_up, 0);
	house_grant();
	assert_int_equal(lnl_reply_grant(house.e, a.ticket, &plain, NULL), LNL_E_NOTFOUND);
	house_turn();
	assert_non_null(house_peer("ben"));
}

/* ---- who it is ---- */

/* A name that nobody judges is nobody's: not the peer's, not a lease's, not a token's. */
static void test_unjudged_names(void **state)
{
	static const struct {
		unsigned asks;
		bool as_cn, token;
		const char *name, *user;
	} rows[] = {
		{ LNL_ASK_AUTHORIZE, false, false, "anna", "" },
		{ LNL_ASK_AUTHORIZE, true, false, "anna", "" },
		{ LNL_ASK_AUTHORIZE, true, true, "anna", "" },
		{ LNL_ASK_AUTHORIZE | LNL_ASK_AUTHENTICATE, false, true, "anna", "boss" },
		{ LNL_ASK_AUTHORIZE | LNL_ASK_AUTHENTICATE, true, true, "boss", "boss" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const struct lnl_served *v;
		struct guest *g;

		if (i > 0)
			again();
		house.o.asks = rows[i].asks;
		house.o.username_as_common_name = rows[i].as_cn;
		house.o.gen_token = rows[i].token;
		house_open();
		g = comes_as("anna", "192.0.2.2", "boss");
		if (rows[i].asks & LNL_ASK_AUTHENTICATE) {
			struct asked a = house_asked(LNL_EVENT_AUTHENTICATE);

			lnl_reply_login(house.e, a.ticket, LNL_LOGIN_OK, NULL);
			house_turn();
		}
		assert_true(g->up);
		v = house_peer(rows[i].name);
		if (!v)
			fail_msg("row %zu: nobody is called %s", i, rows[i].name);
		else
			assert_string_equal(v->user, rows[i].user);
		assert_int_equal(v && v->has_token, rows[i].token && rows[i].user[0]);
	}
}

/* ---- how long ---- */

static void test_expires(void **state)
{
	static const struct {
		double expires;
		bool denied;
		unsigned ends_within; /* seconds; 0: not within a day */
	} rows[] = {
		{ 0, false, 0 },     { 5, false, 5 },	     { 0.5, false, 1 },
		{ 1e300, false, 0 }, { INFINITY, false, 0 }, { -1, true, 0 },
		{ -0.001, true, 0 }, { -INFINITY, true, 0 }, { NAN, true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lnl_grant_options o = { .expires = rows[i].expires };
		struct asked a;
		struct guest *g;

		if (i > 0)
			again();
		house.hold = true;
		house_open();
		g = comes_as("anna", "192.0.2.2", NULL);
		a = house_asked(LNL_EVENT_AUTHORIZE);
		lnl_reply_grant(house.e, a.ticket, &o, NULL);
		house_turn();
		if (g->up == rows[i].denied)
			fail_msg("row %zu: up %d", i, g->up);
		if (rows[i].denied) {
			refused(g, "");
			continue;
		}
		house_run(rows[i].ends_within ? rows[i].ends_within * LNL_SECOND : 60 * LNL_SECOND);
		if (g->closed != (rows[i].ends_within > 0))
			fail_msg("row %zu: closed %d", i, g->closed);
		if (g->closed)
			assert_int_equal(g->cause, LNL_CAUSE_RESTART);
	}
}

/* ---- how fast ---- */

static void test_rates(void **state)
{
	static const struct {
		double bits;
		bool denied;
		uint64_t bytes;
	} rows[] = {
		{ 0, false, 0 },     { 20e6, false, 2500000 }, { 8, false, 1 }, { 0.001, false, 1 },
		{ 1e300, false, 0 }, { INFINITY, false, 0 },   { -1, true, 0 }, { NAN, true, 0 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		bool down = i % 2;
		struct lnl_grant_options o = { 0 };
		struct guest *g;

		if (i > 0)
			again();
		*(down ? &o.rate_down : &o.rate_up) = rows[i / 2].bits;
		house.hold = true;
		house_open();
		g = comes_as("anna", "192.0.2.2", NULL);
		lnl_reply_grant(house.e, house_asked(LNL_EVENT_AUTHORIZE).ticket, &o, NULL);
		house_turn();
		if (g->up == rows[i / 2].denied)
			fail_msg("row %zu: up %d", i / 2, g->up);
		if (!g->up)
			continue;
		assert_int_equal(house.added.rate_down, down ? rows[i / 2].bytes : 0);
		assert_int_equal(house.added.rate_up, down ? 0 : rows[i / 2].bytes);
	}
}

#define GRANT(test) cmocka_unit_test_setup_teardown(test, prepare, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GRANT(test_full_after_the_question),
		GRANT(test_full_of_oneself),
		GRANT(test_leaving_displaces_nobody),
		GRANT(test_late_answer),
		GRANT(test_told_to_restart),
		GRANT(test_unjudged_names),
		GRANT(test_expires),
		GRANT(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
