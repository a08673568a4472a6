/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/*
 * Lanes as the engine proper has them: which options are taken, which worker is told of what, whose a
 * filter is, what lanes that lengthen leave to packets, and what is logged.
 */
#include "test_engine_house.h"

#define BOTH (1u << LNL_LANE_FROM_PEER | 1u << LNL_LANE_TO_PEER)
#define WIRE (1u << LNL_LANE_WIRE_IN | 1u << LNL_LANE_WIRE_OUT)

static bool run_none(void *vm, uint32_t id, struct lnl_lane_batch *b, struct lnl_lane_fault *fault)
{
	(void)vm;
	(void)id;
	(void)b;
	(void)fault;
	return true;
}

static const struct lnl_lane_conf usual[] = {
	{ .id = 7, .name = "no_lateral", .origin = "filter.lua", .points = BOTH },
	{ .id = 8, .name = "long", .origin = "long.lua", .points = BOTH, .overhead = 40 },
	{ .id = 9, .name = "transport", .origin = "xor.lua", .points = WIRE, .overhead = 15 },
	{ .id = 10, .name = "filter", .origin = "all.lua", .points = BOTH, .overhead = 5 },
};

static int prepare(void **state)
{
	(void)state;
	house_init();
	house.e->lanes.run = run_none;
	house.hold = true;
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static void give_lanes(void)
{
	house.o.lanes =
		(struct lnl_lane_options){ .list = usual, .n = 4, .transport = 9, .filter = 10 };
}

static struct guest *comes_as(const char *cn, const char *ip, const char *filter)
{
	struct lnl_grant_options o = { .filter = filter };
	struct guest *g = guest_new(cn, ip, 40001);

	guest_come(g, NULL, NULL);
	house_turn();
	lnl_reply_grant(house.e, house_asked(LNL_EVENT_AUTHORIZE).ticket, &o, NULL);
	house_turn();
	return g;
}

/* ---- options ---- */

static void refused(const struct lnl_lane_conf *list, unsigned n, uint32_t transport,
		    uint32_t filter, int error, const char *text)
{
	struct lnl_lane_options o = { list, n, transport, filter };
	struct lnl_arena arena = { NULL };
	struct lnl_reason why = { "" };

	assert_int_equal(lnl_lanes_take(&o, house.e, &arena, &why), error);
	if (!strstr(why.text, text))
		fail_msg("'%s' instead of '%s'", why.text, text);
	lnl_arena_free(&arena);
}

static void test_options_of_no_sense(void **state)
{
	static struct lnl_lane_conf many[LNL_WORKER_LANES + 1];
	struct lnl_lane_conf one = usual[0], wire = usual[2], two[2] = { usual[0], usual[1] };

	(void)state;
	one.overhead = LNL_LANE_OVERHEAD + 1;
	refused(&one, 1, 0, 0, LNL_E_INVAL, "no_lateral: overhead is 65 bytes, at most 64");
	one = usual[0];
	one.points = 0;
	refused(&one, 1, 0, 0, LNL_E_INVAL, "no_lateral: a filter has from_peer, to_peer or both");
	one.points = BOTH | WIRE;
	refused(&one, 1, 0, 0, LNL_E_INVAL, "those are a transport's");
	refused(&one, 1, one.id, 0, LNL_E_INVAL, "those are a filter's");
	one = usual[0];
	one.id = 0;
	refused(&one, 1, 0, 0, LNL_E_INVAL, "a lane without a number or a name");
	two[1].id = two[0].id;
	refused(two, 2, 0, 0, LNL_E_INVAL, "no_lateral and long have the same number");
	refused(usual, 4, 9, 77, LNL_E_INVAL, "the transport or the filter is none of them");
	wire.on_error = LNL_LANE_ON_ERROR_DETACH;
	refused(&wire, 1, 9, 0, LNL_E_INVAL, "anybody who sends us bytes could take it off");
	refused(many, LNL_WORKER_LANES + 1, 0, 0, LNL_E_LIMIT, "at most 66");
	house.e->lanes.run = NULL;
	refused(usual, 4, 9, 10, LNL_E_UNSUPPORTED, "this host runs none");
	/* And so says who opens. */
	give_lanes();
	assert_true(lnl_server_check(house.e, &house.o, &house_why) < 0);
	assert_non_null(strstr(house_why.text, "this host runs none"));
}

/* Before there is a device or a peer. */
static void test_each_worker_is_told(void **state)
{
	(void)state;
	give_lanes();
	house.o.workers = 3;
	house_open();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(house.told[i][LNL_CMD_LANE_ADD].n, 4);
		assert_int_equal(house.told[i][LNL_CMD_LANE_ADD].peer, LNL_PEER_ID_NONE);
	}
}

static void test_what_the_workers_are_told(void **state)
{
	static const enum lnl_lane_of of[] = { LNL_LANE_OF_PEERS, LNL_LANE_OF_PEERS,
					       LNL_LANE_OF_WIRE, LNL_LANE_OF_ALL };
	struct lnl_command cmd;

	(void)state;
	give_lanes();
	house_open();
	for (unsigned i = 0; i < 4; i++) {
		lnl_lane_command(&house.s->conf.o.lanes, house.e, i, &cmd);
		assert_int_equal(cmd.id, usual[i].id);
		assert_int_equal(cmd.u.lane.of, of[i]);
		assert_int_equal(cmd.u.lane.points, usual[i].points);
		assert_int_equal(cmd.u.lane.overhead, usual[i].overhead);
		assert_ptr_equal(cmd.u.lane.host, &house.e->lanes);
	}
}

/* ---- whose filter ---- */

static void test_a_grant_names_a_filter(void **state)
{
	struct guest *g;
	uint32_t peer;

	(void)state;
	give_lanes();
	house_open();
	g = comes_as("anna", "192.0.2.2", "no_lateral");
	assert_true(g->up);
	assert_int_equal(house.added_lane, 7);
	g = comes_as("ben", "192.0.2.3", NULL);
	assert_true(g->up);
	assert_int_equal(house.added_lane, 0);
	/* Later it gets one, and loses it again. */
	peer = house_peer("ben")->id;
	assert_int_equal(lnl_peer_filter(house.e, house.s->id, peer, "long"), 0);
	assert_int_equal(house.told[0][LNL_CMD_PEER_LANE].id, 8);
	assert_int_equal(house.told[0][LNL_CMD_PEER_LANE].peer, peer);
	assert_int_equal(lnl_peer_filter(house.e, house.s->id, peer, "shrot"), LNL_E_NOTFOUND);
	assert_int_equal(lnl_peer_filter(house.e, house.s->id, 99, "long"), LNL_E_NOTFOUND);
	assert_int_equal(lnl_peer_filter(house.e, house.s->id, peer, NULL), 0);
	assert_int_equal(house.told[0][LNL_CMD_PEER_LANE].id, 0);
	assert_int_equal(house.told[0][LNL_CMD_PEER_LANE].n, 2);
}

static unsigned records(const char *event, const char *field, const char *text)
{
	struct lnl_record r;
	unsigned found = 0;
	uint64_t lost;

	while (lnl_engine_record(house.e, &r, &lost)) {
		if (strcmp(r.event, event) != 0)
			continue;
		for (unsigned i = 0; i < r.n; i++)
			found += strcmp(r.field[i].name, field) == 0 &&
				 r.field[i].type == LNL_FIELD_TEXT &&
				 strcmp(r.field[i].text, text) == 0;
	}
	return found;
}

/* Whose filter is not there gets nothing; nor does the transport's name, or the filter's for all. */
static void test_a_filter_that_is_not_there_denies(void **state)
{
	static const char *const names[] = { "no_laterla", "transport", "filter", "" };
	char text[64];

	(void)state;
	give_lanes();
	house_open();
	for (unsigned i = 0; i < 4; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "192.0.2.%u", i + 2);
		assert_false(comes_as("anna", ip, names[i])->up);
		snprintf(text, sizeof(text), "there is no filter '%s'", names[i]);
		assert_int_equal(records("grant.denied", "reason", text), 1);
	}
	assert_int_equal(house.peers, 0);
}

/* ---- what is left for packets ---- */

static uint16_t mss_with(const struct lnl_lane_options *lanes, const char *filter)
{
	struct guest *g;
	uint16_t mss;

	if (house.s) {
		house_close();
		(void)prepare(NULL);
	}
	house.o.lanes = *lanes;
	house_open();
	g = comes_as("anna", "192.0.2.2", filter);
	assert_true(g->up);
	mss = house.added.mss;
	return mss;
}

static void test_what_lanes_add_lowers_the_mss(void **state)
{
	const struct lnl_lane_options none = { 0 }, wire = { usual, 4, 9, 0 },
				      both = { usual, 4, 9, 10 };
	uint16_t mss = mss_with(&none, NULL);

	(void)state;
	assert_true(mss > 1000);
	assert_int_equal(mss_with(&wire, NULL), mss - 15);
	assert_int_equal(mss_with(&both, NULL), mss - 15 - 5);
	assert_int_equal(mss_with(&both, "no_lateral"), mss - 15 - 5);
	assert_int_equal(mss_with(&both, "long"), mss - 15 - 5 - 40);
}

static void test_what_lanes_add_lowers_the_mtu(void **state)
{
	const struct lnl_lane_options none = { 0 }, both = { usual, 4, 9, 10 };

	(void)state;
	assert_int_equal(lnl_lanes_mtu(&none, 1500), 1500);
	assert_int_equal(lnl_lanes_mtu(&both, 1500), 1480);
	/* What IPv6 needs stays, and what had less keeps it. */
	assert_int_equal(lnl_lanes_mtu(&both, 1290), 1280);
	assert_int_equal(lnl_lanes_mtu(&both, 1280), 1280);
	assert_int_equal(lnl_lanes_mtu(&both, 900), 900);
	assert_int_equal(lnl_lanes_mtu(&both, 65535), 65515);
}

/* ---- reload ---- */

static void test_a_lane_is_renewed(void **state)
{
	struct lnl_lane_conf conf = usual[0];
	char name[] = "no_lateral";

	(void)state;
	give_lanes();
	house.o.workers = 2;
	house_open();
	conf.name = name;
	conf.overhead = 3;
	assert_int_equal(lnl_lane_renew(house.e, house.s->id, &conf, &house_why), 0);
	memset(name, 'x', sizeof(name) - 1); /* it was copied */
	assert_int_equal(lnl_lane_named(&house.s->conf.o.lanes, "no_lateral"), 7);
	assert_int_equal(lnl_lane_overhead(&house.s->conf.o.lanes, 7), 3);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(house.told[i][LNL_CMD_LANE_ADD].n, 5);
		assert_int_equal(house.told[i][LNL_CMD_LANE_ADD].id, 7);
	}
	conf.id = 77;
	assert_int_equal(lnl_lane_renew(house.e, house.s->id, &conf, &house_why), LNL_E_NOTFOUND);
	assert_int_equal(lnl_lane_renew(house.e, 99, &usual[0], &house_why), LNL_E_NOTFOUND);
	conf = usual[0];
	conf.points = WIRE;
	assert_int_equal(lnl_lane_renew(house.e, house.s->id, &conf, &house_why), LNL_E_INVAL);
	assert_int_equal(house.told[0][LNL_CMD_LANE_ADD].n, 5);
}

/* ---- the log ---- */

static void told(enum lnl_lane_news news, const char *text, int error)
{
	struct lnl_ntf n = { .kind = LNL_NTF_LANE, .id = 7, .error = error };

	n.u.lane.news = news;
	n.u.lane.errors = 3;
	snprintf(n.u.lane.text, sizeof(n.u.lane.text), "%s", text);
	lnl_lane_told(house.e, &house.s->conf.o.lanes, &n);
}

static void test_news_are_logged(void **state)
{
	(void)state;
	give_lanes();
	house_open();
	told(LNL_LANE_ERRORS, "filter.lua:19: no", 0);
	assert_int_equal(records("lane.error", "error", "filter.lua:19: no"), 1);
	told(LNL_LANE_ERRORS, "", 0);
	assert_int_equal(records("lane.error", "file", "filter.lua"), 1);
	told(LNL_LANE_FAILED, "", LNL_E_NOMEM);
	assert_int_equal(records("lane.failed", "error", "out of memory"), 1);
	told(LNL_LANE_DETACHED, "too many errors", 0);
	assert_int_equal(records("lane.detached", "then", "packets pass without it"), 1);
	told(LNL_LANE_STOPPED, "too many errors", 0);
	assert_int_equal(records("lane.stopped", "lane", "no_lateral"), 1);
	/* Whoever can make a lane fail cannot fill the log. */
	for (unsigned i = 0; i < 100; i++)
		told(LNL_LANE_ERRORS, "", 0);
	assert_in_range(records("lane.error", "lane", "no_lateral"), 1, LNL_QUIET_RATE);
}

#define LANE(test) cmocka_unit_test_setup_teardown(test, prepare, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LANE(test_options_of_no_sense),
		LANE(test_each_worker_is_told),
		LANE(test_what_the_workers_are_told),
		LANE(test_a_grant_names_a_filter),
		LANE(test_a_filter_that_is_not_there_denies),
		LANE(test_what_lanes_add_lowers_the_mss),
		LANE(test_what_lanes_add_lowers_the_mtu),
		LANE(test_a_lane_is_renewed),
		LANE(test_news_are_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
