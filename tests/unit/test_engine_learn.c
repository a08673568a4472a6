/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* `learn`: each address and network is asked about, at once or with time to think. */
#include "test_engine_house.h"

static const char *const network[] = { "10.1.0.0/16" };
static const struct lnl_grant_options routed = { .routes = network, .n_routes = 1 };

static int prepare(void **state)
{
	(void)state;
	house_init();
	house.o.asks = LNL_ASK_AUTHORIZE | LNL_ASK_LEARN | LNL_ASK_LEARN_LATER;
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
	return g;
}

/* The answer to the oldest question, which is about |g| and has to be of `learn`. */
static void say(bool ok)
{
	struct asked a = house_asked(LNL_EVENT_LEARN);

	assert_int_equal(lnl_reply_verdict(house.e, a.ticket, ok, NULL), 0);
	house_turn();
}

/* Packets flow once all is answered by yes, and not before. */
static void test_later(void **state)
{
	struct guest *g;
	struct asked a;

	(void)state;
	house.o.network6 = "fd00:8::/64";
	house.hold = true;
	house_open();
	g = comes("anna", "192.0.2.2");
	a = house_asked(LNL_EVENT_AUTHORIZE);
	lnl_reply_grant(house.e, a.ticket, &routed, NULL);
	house_turn();
	assert_int_equal(house.n_asked, 3); /* two addresses and a network */
	lnl_tickets_settle(house.e);	    /* the turn ends; the questions do not */
	house_run(5 * LNL_SECOND);
	for (unsigned i = 0; i < 3; i++) {
		assert_false(g->up);
		assert_int_equal(house.peers, 0);
		say(true);
	}
	assert_true(g->up);
	assert_int_equal(house.peers, 1);
	assert_int_equal(house.established, 1);
}

/* Without that, the answer comes in the same turn or is no. */
static void test_at_once(void **state)
{
	struct guest *g;

	(void)state;
	house.o.asks &= ~(unsigned)LNL_ASK_LEARN_LATER;
	house_open();
	g = comes("anna", "192.0.2.2");
	assert_int_equal(house.n_asked, 1);
	lnl_tickets_settle(house.e);
	house_turn();
	assert_true(g->closed);
	assert_int_equal(g->cause, LNL_CAUSE_AUTH_FAILED);
	house.n_asked = 0;
	comes("ben", "192.0.2.3");
	say(true);
	assert_non_null(house_peer("ben"));
}

/* Whatever is refused, by a no or by no answer, refuses the client. Its end is told. */
static void test_refused(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 4; row++) {
		struct guest *g;

		if (row > 0) {
			close_house(NULL);
			prepare(NULL);
		}
		house.o.network6 = "fd00:8::/64";
		house_open();
		g = comes("anna", "192.0.2.2");
		assert_int_equal(house.n_asked, 2);
		for (unsigned i = 0; i < 2; i++) {
			if (row == 3)
				lnl_reply_default(house.e, house_asked(LNL_EVENT_LEARN).ticket);
			else
				say(i != row && row != 2);
		}
		house_run(10 * LNL_SECOND);
		assert_true(g->closed);
		assert_int_equal(g->cause, LNL_CAUSE_AUTH_FAILED);
		assert_int_equal(house.established, 0);
		assert_int_equal(house.closed, 1);
		assert_int_equal(house.s->n_served, 0);
	}
}

/* Who leaves while the answer waits gets nothing by it. */
static void test_leaving(void **state)
{
	struct asked a;

	(void)state;
	for (unsigned gone = 0; gone < 2; gone++) {
		int rc;

		if (gone) {
			close_house(NULL);
			prepare(NULL);
		}
		house_open();
		comes("anna", "192.0.2.2");
		a = house_asked(LNL_EVENT_LEARN);
		if (gone)
			lnl_served_end(house.s->served[a.peer], LNL_CAUSE_PING, "gone");
		else
			lnl_peer_kill(house.e, house.s->id, a.peer, "HALT");
		rc = lnl_reply_verdict(house.e, a.ticket, true, NULL);
		assert_int_equal(rc, gone ? LNL_E_NOTFOUND : 0);
		guest_free(&house.guests[0]);
		house_run(10 * LNL_SECOND);
		assert_int_equal(house.established, 0);
		assert_int_equal(house.closed, 1);
		assert_int_equal(house.s->n_served, 0);
		assert_int_equal(house.peers, 0);
	}
}

/* Least of all the place of one who is there. */
static void test_leaving_displaces_nobody(void **state)
{
	struct guest *second;
	struct asked a;

	(void)state;
	house_open();
	comes("anna", "192.0.2.2");
	a = house_asked(LNL_EVENT_LEARN);
	second = comes("anna", "192.0.2.3");
	say(true);
	assert_true(second->up);
	lnl_peer_kill(house.e, house.s->id, a.peer, "HALT");
	lnl_reply_verdict(house.e, a.ticket, true, NULL);
	house_run(10 * LNL_SECOND);
	assert_true(second->up);
	assert_int_equal(house.s->n_up, 1);
}

/* While one is thought about, others come: what counts is who is there when it is decided. */
static void test_full(void **state)
{
	struct guest *second;

	(void)state;
	house.o.max_clients = 1;
	house_open();
	assert_false(comes("anna", "192.0.2.2")->up);
	second = comes("ben", "192.0.2.3");
	say(true);
	assert_non_null(house_peer("anna"));
	say(true);
	assert_false(second->up);
	assert_int_equal(house.s->n_up, 1);
	assert_non_null(strstr(second->text, "the server is full"));
}

/* And of one name one is left, the last that was let in, unless there may be more. */
static void test_same_name(void **state)
{
	(void)state;
	for (unsigned twice = 0; twice < 2; twice++) {
		struct guest *first, *second;

		if (twice) {
			close_house(NULL);
			prepare(NULL);
		}
		house.o.duplicate_cn = twice;
		house_open();
		first = comes("anna", "192.0.2.2");
		second = comes("anna", "192.0.2.3");
		assert_int_equal(house.n_asked, 2);
		say(true);
		assert_true(first->up);
		say(true);
		assert_true(second->up);
		house_run(3 * LNL_SECOND);
		assert_int_equal(house.s->n_up, 1 + twice);
		assert_int_equal(house.closed, !twice);
	}
}

#define LEARN(test) cmocka_unit_test_setup_teardown(test, prepare, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEARN(test_later),
		LEARN(test_at_once),
		LEARN(test_refused),
		LEARN(test_leaving),
		LEARN(test_leaving_displaces_nobody),
		LEARN(test_full),
		LEARN(test_same_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
