/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* Extensions at a server of the engine proper: declared, heard, sent, counted; what floods is not logged. */
#include "test_engine_house.h"

static const struct lnl_extension mine[] = {
	{ "lnk1", 64, 4, 60 },
	{ "big", 65536, 1000, 1 },
};
static const struct lnl_acc_conf theirs = {
	.n = 2,
	.protocol = { { "lnk1", 512, 10, LNL_SECOND }, { "big", LNL_ACC_MAX, 10, LNL_SECOND } },
};

static int prepare(void **state)
{
	(void)state;
	house_init();
	assert_int_equal(lnl_engine_extensions(house.e, mine, 2, &house_why), 0);
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static void test_declarations(void **state)
{
	static const struct {
		struct lnl_extension x;
		const char *why;
	} rows[] = {
		{ { "", 1, 1, 1 }, "extension '': a name is 1 to 32 letters" },
		{ { "a,b", 1, 1, 1 }, "extension 'a,b': a name is" },
		{ { "a", 0, 1, 1 }, "extension a: max is 1 to 65536 bytes" },
		{ { "a", 65537, 1, 1 }, "max is" },
		{ { "a", 1, 0, 1 }, "a rate is 1 to 1000000 messages in 0.001 to 86400 seconds" },
		{ { "a", 1, 1000001, 1 }, "a rate is" },
		{ { "a", 1, 1, 0 }, "a rate is" },
		{ { "a", 1, 1, -1 }, "a rate is" },
		{ { "a", 1, 1, 86401 }, "a rate is" },
		{ { "a", 1, 1, 0.0 / 0.0 }, "a rate is" },
		{ { "lnk1", 1, 1, 1 }, "extension lnk1 is declared twice" },
	};
	struct lnl_extension list[9];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		list[0] = mine[0];
		list[1] = rows[i].x;
		assert_true(lnl_engine_extensions(house.e, list, 2, &house_why) < 0);
		if (!strstr(house_why.text, rows[i].why))
			fail_msg("row %u: %s", i, house_why.text);
	}
	for (unsigned i = 0; i < 9; i++)
		list[i] = mine[0];
	assert_int_equal(lnl_engine_extensions(house.e, list, 9, &house_why), LNL_E_LIMIT);
	/* what stood before still does */
	assert_int_equal(house.e->acc.n, 2);
	assert_string_equal(house.e->acc.protocol[1].name, "big");
	assert_int_equal(lnl_engine_extensions(house.e, NULL, 0, &house_why), 0);
	assert_int_equal(house.e->acc.n, 0);
}

/* The host's next MESSAGE; the rest is passed over. */
static bool next_message(struct lnl_event *ev)
{
	while (lnl_engine_next(house.e, ev))
		if (ev->kind == LNL_EVENT_MESSAGE)
			return true;
	return false;
}

static struct guest *come(const struct lnl_acc_conf *conf)
{
	struct guest *g = guest_new("anna", "192.0.2.2", 40000);

	g->conf.acc = conf;
	guest_come(g, NULL, NULL);
	house_turn();
	assert_true(g->up);
	return g;
}

static void test_messages(void **state)
{
	struct guest *g = come(&theirs);
	uint32_t id = house_peer("anna")->id;
	struct lnl_extension_stats stats;
	struct lnl_acc_message m;
	struct lnl_event ev;

	(void)state;
	assert_true(lnl_extension_known(house.e, house.s->id, id, "lnk1"));
	assert_false(lnl_extension_known(house.e, house.s->id, id, "other"));
	assert_false(lnl_extension_known(house.e, house.s->id, id + 1, "lnk1"));
	assert_false(lnl_extension_known(house.e, house.s->id + 1, id, "lnk1"));
	assert_false(lnl_extension_known(house.e, house.s->id, LNL_NO_PEER, "lnk1"));
	/* it may send six; ours hears four */
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(lnl_client_send_message(g->c, "lnk1", "a\0b\n", 4, house.now), 0);
		guest_turn(g);
		assert_int_equal(next_message(&ev), i < 4);
		if (i < 4) {
			assert_int_equal(ev.tunnel, house.s->id);
			assert_int_equal(ev.peer, id);
			assert_int_equal(ev.ticket, 0);
			assert_string_equal(ev.u.message.protocol, "lnk1");
			assert_int_equal(ev.u.message.len, 4);
			assert_memory_equal(ev.u.message.data, "a\0b\n", 5);
		}
		house_turn();
	}
	assert_int_equal(lnl_extension_send(house.e, house.s->id, id, "lnk1",
					    (struct lnl_bytes){ "yes", 3 }),
			 0);
	house_turn();
	assert_true(lnl_client_message(g->c, &m));
	assert_string_equal(m.data, "yes");
	assert_int_equal(lnl_extension_stats(house.e, house.s->id, id, &stats), 0);
	assert_int_equal(stats.received, 4);
	assert_int_equal(stats.sent, 1);
	for (unsigned i = 0; i < stats.n_dropped; i++)
		assert_int_equal(stats.dropped[i].n,
				 strcmp(stats.dropped[i].reason, "rate") == 0 ? 2 : 0);
	assert_int_equal(stats.n_dropped, LNL_ACC_DROP_COUNT - 1);
}

static void test_what_cannot_be_sent(void **state)
{
	static const struct lnl_bytes one = { "x", 1 };
	static char long_one[65];
	struct lnl_extension_stats stats;
	uint32_t id;

	(void)state;
	come(&theirs);
	id = house_peer("anna")->id;
	assert_int_equal(lnl_extension_send(house.e, house.s->id, id, "lnk1",
					    (struct lnl_bytes){ long_one, sizeof(long_one) }),
			 LNL_E_INVAL);
	assert_int_equal(lnl_extension_send(house.e, house.s->id, id, "other", one),
			 LNL_E_NOTFOUND);
	assert_int_equal(lnl_extension_send(house.e, house.s->id, id + 1, "lnk1", one),
			 LNL_E_STATE);
	assert_int_equal(lnl_extension_send(house.e, 77, LNL_NO_PEER, "lnk1", one), LNL_E_STATE);
	assert_int_equal(lnl_extension_stats(house.e, house.s->id, id + 1, &stats), LNL_E_STATE);
}

/* Who has nothing of it: no custom-control, no message, and nothing of what it says comes through. */
static void test_without(void **state)
{
	struct guest *g = come(NULL);
	uint32_t id = house_peer("anna")->id;
	struct lnl_extension_stats stats;
	struct lnl_record record;
	struct lnl_event ev;
	unsigned dropped = 0;
	uint64_t lost;

	(void)state;
	assert_false(lnl_extension_known(house.e, house.s->id, id, "lnk1"));
	while (lnl_engine_record(house.e, &record, &lost))
		;
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(lnl_client_send_text(g->c, "ACC,lnk1,1,A,x", house.now), 0);
		guest_turn(g);
		assert_false(next_message(&ev));
		house_turn();
	}
	while (lnl_engine_record(house.e, &record, &lost))
		dropped += strcmp(record.event, "acc.dropped") == 0;
	assert_int_equal(dropped, LNL_QUIET_RATE);
	assert_int_equal(lnl_extension_stats(house.e, house.s->id, id, &stats), 0);
	assert_int_equal(stats.received, 0);
	assert_true(g->up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_declarations, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_messages, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_sent, prepare, close_house),
		cmocka_unit_test_setup_teardown(test_without, prepare, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
