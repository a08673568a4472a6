/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* Pools that overlap: an address has one client, whichever pool or word gave it. */
#include "test_engine_house.h"

static const struct lnl_pool_range ranges[] = {
	{ .name = "office", .first = "10.8.0.2", .last = "10.8.0.4" },
	{ .name = "late", .first = "10.8.0.4", .last = "10.8.0.9" },
};

static int prepare(void **state)
{
	(void)state;
	house_init();
	house.o.pools = ranges;
	house.o.n_pools = 2;
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

/* Comes from a place of its own, and is answered with |pool| or |address|. */
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

static const char *address_of(const char *cn)
{
	static char text[LNL_IP_TEXT];
	const struct lnl_served *v = house_peer(cn);

	if (!v) {
		fail_msg("%s is not up", cn);
		return NULL;
	}
	return lnl_ip_text(&v->address4, text);
}

/* Its last byte lies there, and nobody else has it. */
static void has(const char *cn, unsigned first, unsigned last)
{
	const struct lnl_served *v = house_peer(cn);
	uint32_t i;

	if (v->address4.bytes[3] < first || v->address4.bytes[3] > last)
		fail_msg("%s has %s", cn, address_of(cn));
	for (i = 0; i < house.s->n_slots; i++) {
		const struct lnl_served *other = house.s->served[i];

		if (other && other != v && other->up && !other->ended)
			assert_false(lnl_ip_equal(&other->address4, &v->address4));
	}
}

static void goes(const char *cn)
{
	lnl_peer_kill(house.e, house.s->id, house_peer(cn)->id, "HALT");
	house_run(6 * LNL_SECOND);
	assert_null(house_peer(cn));
}

static void test_overlap(void **state)
{
	char annas[LNL_IP_TEXT];

	(void)state;
	comes("anna", "office", NULL);
	has("anna", 2, 4);
	comes("ben", "office", NULL);
	has("ben", 2, 4);
	comes("carl", "office", NULL);
	has("carl", 2, 4);
	/* Of office's three none is left, of the others' the ones behind. */
	assert_false(comes("dora", "office", NULL)->up);
	comes("emil", "late", NULL);
	has("emil", 5, 9);
	comes("fred", NULL, NULL);
	has("fred", 5, 254);
	strcpy(annas, address_of("anna"));
	goes("anna");
	comes("dora", "office", NULL);
	assert_string_equal(address_of("dora"), annas);
}

/* Wherever an address came from, it is taken for who asks for just that one. */
static void test_fixed_is_taken(void **state)
{
	static const char *const pools[] = { "office", "late", NULL };
	char taken[LNL_IP_TEXT];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		comes("anna", pools[i], NULL);
		strcpy(taken, address_of("anna"));
		assert_false(comes("carl", NULL, taken)->up);
		goes("anna");
		comes("carl", NULL, taken);
		assert_string_equal(address_of("carl"), taken);
		/* And by whom it is fixed, for the pools. */
		comes("emil", "office", NULL);
		has("emil", 2, 4);
		goes("emil");
		goes("carl");
	}
}

/* Who is refused after its addresses were taken leaves none of them in use. */
static void test_refused_leaves_nothing(void **state)
{
	static const char *const bad[] = { "10.0.0.0/33" };
	struct lnl_grant_options o = { .pool = "late", .routes = bad, .n_routes = 1 };
	struct guest *g;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		g = guest_new("anna", "192.0.2.3", (uint16_t)(41000 + i));
		guest_come(g, NULL, NULL);
		house_turn();
		lnl_reply_grant(house.e, house_asked(LNL_EVENT_AUTHORIZE).ticket, &o, NULL);
		house_run(LNL_SECOND);
		assert_false(g->up);
	}
	comes("ben", "late", NULL);
	has("ben", 4, 9);
}

#define POOLS(test) cmocka_unit_test_setup_teardown(test, prepare, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POOLS(test_overlap),
		POOLS(test_fixed_is_taken),
		POOLS(test_refused_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
