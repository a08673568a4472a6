/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* What of a server changes while clients are there: they keep what they have, others get what is new. */
#include "test_engine_house.h"

static const struct lnl_pool_range before[] = {
	{ .name = "office", .first = "10.8.0.2", .last = "10.8.0.4" },
	{ .name = "late", .first = "10.8.0.8", .last = "10.8.0.9" },
};
static const struct lnl_pool_range after[] = {
	{ .name = "office", .first = "10.8.0.3", .last = "10.8.0.9" },
	{ .name = "guests", .first = "10.8.0.100", .last = "10.8.0.101" },
};

static struct lnl_reason why;

static int prepare(void **state)
{
	(void)state;
	house_init();
	house.o.pools = before;
	house.o.n_pools = 2;
	house.o.max_clients = 10;
	house.hold = true;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static struct guest *comes(const char *cn, const char *pool, const char *address)
{
	struct lnl_grant_options o = { .pool = pool, .address = address };
	struct guest *g = guest_new(cn, "192.0.2.2", (uint16_t)(40000 + house.n_guests));

	house_run(LNL_SECOND); /* one source may not come too often */
	guest_come(g, NULL, NULL);
	house_turn();
	lnl_reply_grant(house.e, house_asked(LNL_EVENT_AUTHORIZE).ticket, &o, NULL);
	house_turn();
	return g;
}

static unsigned last_byte(const char *cn)
{
	const struct lnl_served *v = house_peer(cn);

	assert_non_null(v);
	return v ? v->address4.bytes[3] : 0;
}

static int update(const struct lnl_server_options *o, bool check)
{
	return lnl_server_update(house.e, house.s->id, o, check, &why);
}

static void test_pools(void **state)
{
	struct lnl_server_options o = house.o;
	const char *keeper = "ben";
	unsigned anna, ben, dora;

	(void)state;
	comes("anna", "office", NULL);
	comes("ben", "office", NULL);
	comes("carl", NULL, "10.8.0.100");
	anna = last_byte("anna");
	ben = last_byte("ben");
	o.pools = after;
	assert_int_equal(update(&o, true), 0);
	assert_string_equal(house.s->pools[1].name, "late");
	assert_int_equal(update(&o, false), 0);
	/* They keep theirs, and nobody else gets them, whichever pool has them now. */
	assert_int_equal(last_byte("anna"), anna);
	assert_int_equal(last_byte("ben"), ben);
	comes("dora", "office", NULL);
	dora = last_byte("dora");
	assert_true(dora >= 3 && dora <= 9 && dora != anna && dora != ben);
	comes("emil", "guests", NULL);
	assert_int_equal(last_byte("emil"), 101);
	assert_false(comes("fred", "guests", NULL)->up);
	/* There is no such pool any more. */
	assert_false(comes("gina", "late", NULL)->up);
	/* An address that is given back is free in the pools that there are. */
	lnl_peer_kill(house.e, house.s->id, house_peer("carl")->id, "HALT");
	house_run(6 * LNL_SECOND);
	comes("fred", "guests", NULL);
	assert_int_equal(last_byte("fred"), 100);
	/* And leases are what they were, where there is such an address. */
	if (ben == 2) {
		keeper = "anna";
		ben = anna;
	}
	lnl_peer_kill(house.e, house.s->id, house_peer(keeper)->id, "HALT");
	house_run(6 * LNL_SECOND);
	comes(keeper, "office", NULL);
	assert_int_equal(last_byte(keeper), ben);
}

static void test_what_is_wrong_changes_nothing(void **state)
{
	static const struct lnl_pool_range bad[] = {
		{ .name = "office", .first = "10.8.0.3", .last = "10.8.0.9" },
		{ .name = "x", .first = "nonsense" },
	};
	static const char *const push[] = { "dns 1" };
	struct lnl_server_options o = house.o;

	(void)state;
	comes("anna", "office", NULL);
	o.pools = bad;
	o.push = push;
	o.n_push = 1;
	assert_int_equal(update(&o, false), LNL_E_INVAL);
	assert_non_null(strstr(why.text, "pool 'x'"));
	o = house.o;
	o.max_clients = 11;
	assert_int_equal(update(&o, false), LNL_E_LIMIT);
	assert_non_null(strstr(why.text, "needs a restart"));
	o = house.o;
	o.auth_user_pass = true;
	assert_int_equal(update(&o, false), LNL_E_INVAL); /* nobody would judge it */
	assert_int_equal(lnl_server_update(house.e, 12345, &house.o, false, &why), LNL_E_NOTFOUND);
	assert_int_equal(house.s->conf.o.n_push, house.o.n_push);
	comes("ben", "office", NULL);
	comes("carl", "office", NULL);
	assert_true(last_byte("carl") >= 2 && last_byte("carl") <= 4);
	assert_false(comes("dora", "office", NULL)->up);
}

static void test_settings(void **state)
{
	char option[] = "dns 1";
	const char *const push[] = { option };
	struct lnl_server_options o = house.o;
	unsigned relays = house.told[0][LNL_CMD_RELAY].n;

	(void)state;
	o.push = push;
	o.n_push = 1;
	o.max_clients = 1;
	o.client_to_client = true;
	o.session_timeout = 7;
	o.asks = LNL_ASK_AUTHORIZE | LNL_ASK_VERIFY_CERT;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(update(&o, false), 0);
	option[0] = 'x'; /* it was copied */
	assert_string_equal(house.s->conf.o.push[0], "dns 1");
	assert_int_equal(house.s->conf.o.session_timeout, 7);
	assert_true(house.s->conf.control.verify_asks);
	assert_int_equal(house.told[0][LNL_CMD_RELAY].n, relays + 3);
	assert_int_equal(house.s->pools[0].family, 4);
	o.asks = LNL_ASK_AUTHORIZE;
	assert_int_equal(update(&o, false), 0);
	comes("anna", "office", NULL);
	assert_non_null(house_peer("anna"));
	/* It is full with one; with as many as it began with it is not. */
	guest_come(guest_new("ben", "192.0.2.9", 4242), NULL, NULL);
	house_turn();
	assert_null(house_peer("ben"));
	o.max_clients = 10;
	assert_int_equal(update(&o, false), 0);
	comes("carl", "office", NULL);
	assert_non_null(house_peer("carl"));
}

/* Who waits for `learn` while the list is replaced gets the options as they were. */
static void test_push_in_flight(void **state)
{
	char option[] = "route 10.1.0.0 255.255.0.0";
	const char *const push[] = { option };
	struct lnl_server_options o = house.o;
	struct guest *g = guest_new("anna", "192.0.2.2", 40000);
	struct lnl_grant_options all = { 0 };

	(void)state;
	o.push = push;
	o.n_push = 1;
	o.asks |= LNL_ASK_LEARN | LNL_ASK_LEARN_LATER;
	assert_int_equal(update(&o, false), 0);
	guest_come(g, NULL, NULL);
	house_turn();
	lnl_reply_grant(house.e, house_asked(LNL_EVENT_AUTHORIZE).ticket, &all, NULL);
	house_turn();
	o.n_push = 0;
	assert_int_equal(update(&o, false), 0);
	lnl_reply_verdict(house.e, house_asked(LNL_EVENT_LEARN).ticket, true, NULL);
	house_turn();
	assert_true(g->up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pools, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_what_is_wrong_changes_nothing, prepare,
						close_house),
		cmocka_unit_test_setup_teardown(test_settings, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_push_in_flight, prepare, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
