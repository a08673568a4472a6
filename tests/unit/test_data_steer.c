/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where packets go and may come from: TRUST D6 (sources), R4 and D4 as far as the plane knows it. */
#include "test_data_world.h"

#define OTHER_PEER 0x0a0b0d

/* A plane that has a second peer and routes: 10.8.0.2 and fd00::2 the first's, 10.8.0.3 the other's. */
static void add_routes(struct world *w, bool check_source)
{
	struct lnl_peer_conf conf = { .id = OTHER_PEER, .wire_id = OTHER_PEER };
	struct lnl_prefix p = { { 4, { 10, 8, 0, 2 } }, 32 };

	assert_int_equal(lnl_data_peer_add(w->server, &conf, w->now), 0);
	conf.id = conf.wire_id = WIRE_ID;
	conf.check_source = check_source;
	assert_int_equal(lnl_data_peer_set(w->server, &conf, w->now), 0);
	assert_int_equal(lnl_data_route_add(w->server, &p, WIRE_ID), 0);
	p.ip.bytes[3] = 3;
	assert_int_equal(lnl_data_route_add(w->server, &p, OTHER_PEER), 0);
	p = (struct lnl_prefix){ { 6, { 0xfd, [15] = 2 } }, 128 };
	assert_int_equal(lnl_data_route_add(w->server, &p, WIRE_ID), 0);
}

static struct lnl_packet seal_from_to(struct world *w, struct test_buffer *b, uint8_t from,
				      uint8_t to)
{
	uint8_t data[sizeof(small_packet)];

	memcpy(data, small_packet, sizeof(data));
	data[15] = from;
	data[19] = to;
	return world_seal(w, b, data, sizeof(data));
}

static struct lnl_packet seal6_from(struct world *w, struct test_buffer *b, uint8_t from)
{
	uint8_t data[40] = { 0x60, [8] = 0xfd, [23] = from, [24] = 0xfd, [39] = 1 };

	return world_seal(w, b, data, sizeof(data));
}

static void d6_spoofed_sources_are_dropped(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;

	world_init_gcm(&w);
	add_routes(&w, true);
	pkt = seal_from_to(&w, &b, 2, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	pkt = seal6_from(&w, &b, 2);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	/* Another's, nobody's, and nobody's of the other family. */
	pkt = seal_from_to(&w, &b, 3, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	assert_true(lnl_packet_is_fresh(&pkt));
	pkt = seal_from_to(&w, &b, 4, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	pkt = seal6_from(&w, &b, 3);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	struct lnl_counters c = counters_of(w.server, WIRE_ID);
	assert_int_equal(c.drops[LNL_DROP_SOURCE], 3);
	assert_int_equal(c.rx_packets, 2);
	/* A ping has no source. */
	pkt = test_packet(&b, 0, NULL, 0);
	assert_int_equal(lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_PING, &pkt, w.now), 0);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_EMPTY);

	/* Who is not checked is free to, and frames have no source that we know. */
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID };
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = seal_from_to(&w, &b, 3, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	conf.check_source = conf.tap = true;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = seal_from_to(&w, &b, 3, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	world_deinit(&w);
}

/* Its own addresses and what lies behind it; until it has any, nothing. */
static void sources_follow_routes(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID, .check_source = true };
	struct lnl_prefix p = { { 4, { 10, 8, 0, 0 } }, 24 };

	world_init_gcm(&w);
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = seal_from_to(&w, &b, 2, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	assert_int_equal(lnl_data_route_add(w.server, &p, WIRE_ID), 0);
	pkt = seal_from_to(&w, &b, 200, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(lnl_data_route_del(w.server, &p), 0);
	pkt = seal_from_to(&w, &b, 200, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	world_deinit(&w);
}

/* A source that was found right is remembered no longer than it is right. */
static void sources_are_judged_anew(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID, .check_source = true };
	struct lnl_peer_conf other = { .id = OTHER_PEER, .wire_id = OTHER_PEER };
	const uint8_t six[40] = { 0x60, [8] = 10, 8, 0, 7, [24] = 0xfd };
	struct lnl_prefix net = { { 4, { 10, 8, 0, 0 } }, 24 },
			  host = { { 4, { 10, 8, 0, 7 } }, 32 };

	world_init_gcm(&w);
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	assert_int_equal(lnl_data_peer_add(w.server, &other, w.now), 0);
	assert_int_equal(lnl_data_route_add(w.server, &net, WIRE_ID), 0);
	for (unsigned i = 0; i < 3; i++) {
		pkt = seal_from_to(&w, &b, 7, 1);
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
		/* The same bytes of another family are another source. */
		pkt = world_seal(&w, &b, six, sizeof(six));
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	}
	/* A longer prefix leads to somebody else; then not any more. */
	assert_int_equal(lnl_data_route_add(w.server, &host, OTHER_PEER), 0);
	pkt = seal_from_to(&w, &b, 7, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	pkt = seal_from_to(&w, &b, 8, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(lnl_data_peer_del(w.server, OTHER_PEER), 0);
	pkt = seal_from_to(&w, &b, 7, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(lnl_data_route_del(w.server, &net), 0);
	pkt = seal_from_to(&w, &b, 7, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	world_deinit(&w);
}

/* R4: what a peer claims to be changes no table and takes no memory. */
static void r4_sources_leave_nothing_behind(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	uint8_t data[sizeof(small_packet)];

	world_init_gcm(&w);
	add_routes(&w, true);
	memcpy(data, small_packet, sizeof(data));
	unsigned before = w.env.allocations;
	for (uint32_t i = 0; i < 1000000; i++) {
		data[12] = 11;
		memcpy(data + 13, &i, 3);
		struct lnl_packet pkt = world_seal(&w, &b, data, sizeof(data));
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	}
	assert_int_equal(w.env.allocations, before);
	assert_int_equal(counters_of(w.server, WIRE_ID).drops[LNL_DROP_SOURCE], 1000000);
	struct lnl_packet pkt = seal_from_to(&w, &b, 2, 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	world_deinit(&w);
}

static void relays_to_other_peers(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;

	world_init_gcm(&w);
	add_routes(&w, true);
	pkt = seal_from_to(&w, &b, 2, 3);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(pkt.relay, LNL_PEER_ID_NONE);
	lnl_data_set_relay(w.server, true);
	pkt = seal_from_to(&w, &b, 2, 3);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(pkt.relay, OTHER_PEER);
	/* To nobody's address, to itself: TUN. */
	pkt = seal_from_to(&w, &b, 2, 77);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(pkt.relay, LNL_PEER_ID_NONE);
	pkt = seal_from_to(&w, &b, 2, 2);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(pkt.relay, LNL_PEER_ID_NONE);
	/* Spoofed: nowhere. */
	pkt = seal_from_to(&w, &b, 4, 3);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SOURCE);
	assert_int_equal(pkt.relay, LNL_PEER_ID_NONE);
	assert_int_equal(counters_of(w.server, WIRE_ID).rx_packets, 4);
	lnl_data_set_relay(w.server, false);
	pkt = seal_from_to(&w, &b, 2, 3);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(pkt.relay, LNL_PEER_ID_NONE);
	world_deinit(&w);
}

/* D4: what may move a peer. */
static void d4_only_fresh_packets_say_where_a_peer_is(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b, c;
	struct lnl_packet pkt, copy;

	world_init_gcm(&w);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
	copy.p[copy.len - 1] ^= 1;
	assert_int_equal(world_open(&w, &copy), LNL_DROP_AUTH);
	assert_false(lnl_packet_is_fresh(&copy));
	copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
	assert_int_equal(world_open(&w, &copy), LNL_DROP_NONE);
	assert_true(lnl_packet_is_fresh(&copy));
	copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
	assert_int_equal(world_open(&w, &copy), LNL_DROP_REPLAY);
	assert_false(lnl_packet_is_fresh(&copy));
	pkt = test_packet(&b, 0, NULL, 0);
	assert_int_equal(lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_PING, &pkt, w.now), 0);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_EMPTY);
	assert_true(lnl_packet_is_fresh(&pkt));
	pkt = world_seal(&w, &b, small_packet, 10);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_INNER);
	assert_true(lnl_packet_is_fresh(&pkt));
	/* Before keys. */
	assert_int_equal(lnl_data_key_del(w.server, WIRE_ID, LNL_SLOT_PRIMARY), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NO_KEY);
	assert_false(lnl_packet_is_fresh(&pkt));
	world_deinit(&w);
}

/* D4: a million forgeries, each of them fresh by its number, and replays: none says a thing. */
static void d4_forgeries_say_nothing(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b, c;
	struct lnl_packet pkt, copy;

	world_init_gcm(&w);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	for (uint32_t i = 0; i < 1000000; i++) {
		copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
		/* behind opcode and peer-id: packet id, tag, payload */
		memcpy(copy.p + 4, &i, sizeof(i));
		if (memcmp(copy.p, pkt.p, pkt.len) == 0)
			continue;
		lnl_data_open(w.server, &copy, 1, w.now);
		if (lnl_packet_is_fresh(&copy) || copy.drop == LNL_DROP_NONE)
			fail_msg("number %u", i);
	}
	/* The twin: the true one is heard, and once. */
	copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
	assert_int_equal(world_open(&w, &copy), LNL_DROP_NONE);
	assert_true(lnl_packet_is_fresh(&copy));
	for (unsigned i = 0; i < 1000; i++) {
		copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
		assert_int_equal(world_open(&w, &copy), LNL_DROP_REPLAY);
		assert_false(lnl_packet_is_fresh(&copy));
	}
	world_deinit(&w);
}

/* As TUN gives them: what has no route, or is no IP packet, is dropped and counted once. */
static void routes_packets(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d;
	struct lnl_peer_conf conf = { .id = 1 };
	struct lnl_prefix one = { { 4, { 10, 8, 0, 1 } }, 32 };
	struct lnl_prefix two = { { 6, { 0xfd, [15] = 2 } }, 128 };
	struct test_buffer b[8];
	struct lnl_packet pkts[8];
	uint8_t v4[20] = { 0x45 }, v6[40] = { 0x60 };

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&d, &env.env, 2), 0);
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	conf.id = 2;
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	assert_int_equal(lnl_data_route_add(d, &one, 1), 0);
	assert_int_equal(lnl_data_route_add(d, &two, 2), 0);
	memcpy(v4 + 12, "\x0a\x08\x00\x63\x0a\x08\x00\x01", 8);
	v6[24] = 0xfd;
	v6[39] = 2;
	pkts[0] = test_packet(&b[0], 99, v4, sizeof(v4));
	pkts[1] = test_packet(&b[1], 99, v6, sizeof(v6));
	pkts[2] = test_packet(&b[2], 99, v4, sizeof(v4) - 1);
	pkts[3] = test_packet(&b[3], 99, v6, sizeof(v6) - 1);
	pkts[4] = test_packet(&b[4], 99, v4, 0);
	pkts[5] = test_packet(&b[5], 99, v4, sizeof(v4));
	pkts[5].p[19] = 2;
	pkts[6] = test_packet(&b[6], 99, v4, sizeof(v4));
	pkts[6].drop = LNL_DROP_LANE;
	pkts[7] = test_packet(&b[7], 99, v4, sizeof(v4));
	pkts[7].p[0] = 0x55;
	assert_int_equal(lnl_data_route(d, pkts, 8), 2);
	assert_int_equal(pkts[0].peer, 1);
	assert_int_equal(pkts[1].peer, 2);
	assert_int_equal(pkts[6].drop, LNL_DROP_LANE);
	assert_int_equal(pkts[6].peer, 99);
	for (unsigned i = 0; i < 8; i++) {
		if (i == 0 || i == 1)
			assert_int_equal(pkts[i].drop, LNL_DROP_NONE);
		else if (i != 6)
			assert_int_equal(pkts[i].drop, LNL_DROP_ROUTE);
	}
	/* Sealing passes over them: they keep their reason and are not counted again. */
	assert_int_equal(lnl_data_seal(d, pkts, 6, 0), 0);
	assert_int_equal(pkts[0].drop, LNL_DROP_NO_KEY);
	for (unsigned i = 2; i < 6; i++)
		assert_int_equal(pkts[i].drop, LNL_DROP_ROUTE);
	struct lnl_counters c = counters_of(d, LNL_PEER_ID_NONE);
	assert_int_equal(c.drops[LNL_DROP_ROUTE], 5);
	assert_int_equal(drops_of(&c), 5);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(d6_spoofed_sources_are_dropped),
		cmocka_unit_test(sources_follow_routes),
		cmocka_unit_test(sources_are_judged_anew),
		cmocka_unit_test(r4_sources_leave_nothing_behind),
		cmocka_unit_test(relays_to_other_peers),
		cmocka_unit_test(d4_only_fresh_packets_say_where_a_peer_is),
		cmocka_unit_test(d4_forgeries_say_nothing),
		cmocka_unit_test(routes_packets),
	};

	return cmocka_run_group_tests_name("data/steer", tests, crypto_up, crypto_down);
}
