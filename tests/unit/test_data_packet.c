/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet's whole way: its forms, whom it is for, what is refused, and messages between the
 * engines.
 */
#include "test_data_world.h"

/* ---- every form ---- */

static void round_trip(enum lnl_cipher cipher, enum lnl_digest digest, enum lnl_framing framing,
		       bool v2)
{
	static const uint32_t lens[] = { 20, 21, 31, 32, 33, 64, 512, 1400, 1500 };
	struct world w;
	struct test_buffer b;
	uint8_t data[1500];

	world_init(&w, cipher, digest, framing, v2);
	memset(data, 0x5a, sizeof(data));
	data[0] = 0x45;
	unsigned room = lnl_data_overhead(cipher, digest, v2, framing);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		struct lnl_packet pkt = world_seal(&w, &b, data, lens[i]);
		assert_true(pkt.len <= lens[i] + room);
		assert_true(pkt.len + LNL_BLOCK_LEN + LNL_FRAMING_STUB_V2 >= lens[i] + room);
		assert_int_equal(lnl_op_of(pkt.p[0]), v2 ? LNL_OP_DATA_V2 : LNL_OP_DATA_V1);
		pkt.peer = WIRE_ID; /* DATA_V1 names nobody */
		assert_int_equal(lnl_data_open(w.server, &pkt, 1, w.now), 1);
		assert_int_equal(pkt.drop, LNL_DROP_NONE);
		assert_int_equal(pkt.peer, WIRE_ID);
		assert_int_equal(pkt.len, lens[i]);
		assert_memory_equal(pkt.p, data, lens[i]);

		/* And back. */
		pkt = test_packet(&b, WIRE_ID, data, lens[i]);
		assert_int_equal(lnl_data_seal(w.server, &pkt, 1, w.now), 1);
		pkt.peer = CLIENT_PEER;
		assert_int_equal(lnl_data_open(w.client, &pkt, 1, w.now), 1);
		assert_int_equal(pkt.len, lens[i]);
		assert_memory_equal(pkt.p, data, lens[i]);
	}
	world_deinit(&w);
}

static void every_form(void **state)
{
	(void)state;
	static const enum lnl_digest digests[] = { LNL_DIGEST_SHA1, LNL_DIGEST_SHA256,
						   LNL_DIGEST_SHA512 };

	for (int cipher = LNL_CIPHER_NONE + 1; cipher < LNL_CIPHER_COUNT; cipher++) {
		for (int form = 0; form < 8; form++) {
			enum lnl_framing framing = (enum lnl_framing)(form / 2);
			bool v2 = form % 2 != 0;
			enum lnl_cipher c = (enum lnl_cipher)cipher;
			unsigned n = lnl_cipher_is_aead(c) ? 1 : 3;
			for (unsigned i = 0; i < n; i++)
				round_trip(c, digests[i], framing, v2);
		}
	}
}

/*
 * Nothing but the datagram is written beyond the payload and its room, wherever the payload stands.
 */
static void stays_in_its_room(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	uint8_t data[100] = { 0x50 }; /* the framing's worst case */

	world_init(&w, LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA512, LNL_FRAMING_STUB_V2, true);
	for (unsigned off = 0; off < LNL_BLOCK_LEN; off++) {
		struct lnl_packet pkt = test_packet(&b, CLIENT_PEER, NULL, 0);
		pkt.p += off;
		pkt.len = sizeof(data);
		memcpy(pkt.p, data, sizeof(data));
		assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 1);
		assert_true(pkt.p >= b.bytes + off);
		for (uint8_t *p = b.bytes; p < pkt.p; p++)
			assert_int_equal(*p, 0xee);
		uint8_t *end = pkt.p + pkt.len;
		assert_true(end <= b.bytes + off + LNL_HEADROOM + sizeof(data) + LNL_TAILROOM);
		for (uint8_t *p = end; p < b.bytes + sizeof(b.bytes); p++)
			assert_int_equal(*p, 0xee);
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_INNER);
		assert_int_equal(pkt.len, sizeof(data));
		assert_memory_equal(pkt.p, data, sizeof(data));
	}
	world_deinit(&w);
}

/* No allocation once keys stand, whatever comes. */
static void allocates_nothing(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init(&w, LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256, LNL_FRAMING_STUB, true);
	unsigned before = w.env.allocations;
	for (unsigned i = 0; i < 1000; i++) {
		struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
		if (i % 3 == 0)
			pkt.p[20] ^= 1;
		world_open_copy(&w, &pkt);
		world_open_copy(&w, &pkt);
	}
	assert_int_equal(w.env.allocations, before);
	world_deinit(&w);
}

/* ---- who it is for ---- */

static void finds_the_peer(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b, c;
	struct lnl_packet copy;

	world_init_gcm(&w);
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));

	/* No address known: the peer-id decides, and one that nobody has is nobody's. */
	copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
	copy.p[3] ^= 1;
	assert_int_equal(lnl_data_open(w.server, &copy, 1, w.now), 0);
	assert_int_equal(copy.drop, LNL_DROP_PEER);
	copy = test_packet(&c, 77, pkt.p, pkt.len);
	assert_int_equal(lnl_data_open(w.server, &copy, 1, w.now), 0);
	assert_int_equal(copy.drop, LNL_DROP_PEER);
	assert_int_equal(counters_of(w.server, LNL_PEER_ID_NONE).drops[LNL_DROP_PEER], 2);
	copy = test_packet(&c, LNL_PEER_ID_NONE, pkt.p, pkt.len);
	assert_int_equal(lnl_data_open(w.server, &copy, 1, w.now), 1);
	assert_int_equal(copy.peer, WIRE_ID);

	/* DATA_V1 names nobody. */
	struct lnl_peer_conf conf = { .id = CLIENT_PEER, .wire_id = LNL_PEER_ID_NONE };
	assert_int_equal(lnl_data_peer_set(w.client, &conf, w.now), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_PEER);
	pkt.peer = WIRE_ID;
	assert_int_equal(lnl_data_open(w.server, &pkt, 1, w.now), 1);
	world_deinit(&w);
}

/* Trains of several peers in one batch: each packet finds its own. */
static void batches_mix_peers(void **state)
{
	(void)state;
	enum { PEERS = 3, BATCH = 30 };
	static struct test_buffer buffers[BATCH];
	struct lnl_packet pkts[BATCH];
	struct test_env env;
	struct lnl_data *from, *to;

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&from, &env.env, PEERS), 0);
	assert_int_equal(lnl_data_new(&to, &env.env, PEERS), 0);
	for (uint32_t id = 0; id < PEERS; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		struct lnl_key_conf key, other;
		test_key(&key, LNL_CIPHER_AES_128_GCM, LNL_DIGEST_NONE);
		key.send.cipher[0] = (uint8_t)id;
		other = test_key_of_other_end(&key);
		assert_int_equal(lnl_data_peer_add(from, &conf, 0), 0);
		assert_int_equal(lnl_data_peer_add(to, &conf, 0), 0);
		assert_int_equal(lnl_data_key_install(from, id, LNL_SLOT_PRIMARY, &key), 0);
		assert_int_equal(lnl_data_key_install(to, id, LNL_SLOT_PRIMARY, &other), 0);
	}
	for (uint32_t i = 0; i < BATCH; i++)
		pkts[i] =
			test_packet(&buffers[i], i / 2 % PEERS, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(from, pkts, BATCH, 0), BATCH);
	for (uint32_t i = 0; i < BATCH; i++)
		pkts[i].peer = LNL_PEER_ID_NONE;
	assert_int_equal(lnl_data_open(to, pkts, BATCH, 0), BATCH);
	for (uint32_t i = 0; i < BATCH; i++)
		assert_int_equal(pkts[i].peer, i / 2 % PEERS);
	for (uint32_t id = 0; id < PEERS; id++)
		assert_int_equal(counters_of(to, id).rx_packets, BATCH / PEERS);
	lnl_data_free(from);
	lnl_data_free(to);
	assert_int_equal(env.live, 0);
}

/* A client believes its socket, whatever id the server writes; the id is still authenticated. */
static void client_takes_any_wire_id(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = 0x777777 };

	world_init_gcm(&w);
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	struct lnl_packet pkt = test_packet(&b, WIRE_ID, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.server, &pkt, 1, w.now), 1);
	assert_int_equal(pkt.p[1], 0x77);
	pkt.peer = CLIENT_PEER;
	assert_int_equal(lnl_data_open(w.client, &pkt, 1, w.now), 1);
	assert_int_equal(pkt.peer, CLIENT_PEER);

	pkt = test_packet(&b, WIRE_ID, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.server, &pkt, 1, w.now), 1);
	pkt.p[1] ^= 1;
	pkt.peer = CLIENT_PEER;
	assert_int_equal(lnl_data_open(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_AUTH);
	world_deinit(&w);
}

static void refuses_by_form(void **state)
{
	(void)state;
	static const struct {
		const char *datagram;
		uint32_t peer;
		uint16_t drop;
	} rows[] = {
		{ "", LNL_PEER_ID_NONE, LNL_DROP_SHORT },
		{ "", WIRE_ID, LNL_DROP_SHORT },
		{ "48", LNL_PEER_ID_NONE, LNL_DROP_SHORT },
		{ "480a0b", LNL_PEER_ID_NONE, LNL_DROP_SHORT },
		{ "480a0b0c", LNL_PEER_ID_NONE, LNL_DROP_SHORT },
		{ "48ffffff00000001", LNL_PEER_ID_NONE, LNL_DROP_PEER },
		{ "30", LNL_PEER_ID_NONE, LNL_DROP_PEER },
		{ "30", WIRE_ID, LNL_DROP_SHORT },
		{ "20", WIRE_ID, LNL_DROP_OPCODE }, /* control */
		{ "00", WIRE_ID, LNL_DROP_OPCODE },
		{ "f8", WIRE_ID, LNL_DROP_OPCODE },
		{ "58", LNL_PEER_ID_NONE, LNL_DROP_OPCODE },
		{ "490a0b0c00000001", LNL_PEER_ID_NONE, LNL_DROP_KEY_ID },
	};
	struct world w;
	uint64_t mine = 0, nobodys = 0;

	world_init_gcm(&w);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t wire[32];
		size_t len = test_hex(wire, sizeof(wire), rows[i].datagram);
		struct lnl_packet pkt = { .p = wire, .len = (uint32_t)len, .peer = rows[i].peer };
		assert_int_equal(lnl_data_open(w.server, &pkt, 1, w.now), 0);
		assert_int_equal(pkt.drop, rows[i].drop);
		if (pkt.peer == WIRE_ID)
			mine++;
		else
			nobodys++;
	}
	struct lnl_counters c = counters_of(w.server, WIRE_ID);
	assert_int_equal(drops_of(&c), mine);
	c = counters_of(w.server, LNL_PEER_ID_NONE);
	assert_int_equal(drops_of(&c), nobodys);
	world_deinit(&w);
}

static void seal_refuses(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init_gcm(&w);
	struct lnl_packet pkt = test_packet(&b, CLIENT_PEER, NULL, 0);
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_SHORT);
	pkt = test_packet(&b, CLIENT_PEER, small_packet, sizeof(small_packet));
	pkt.len = 65536; /* never looked at */
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_LONG);
	pkt = test_packet(&b, 6, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_PEER);
	assert_int_equal(lnl_data_key_swap(w.client, CLIENT_PEER), 0);
	pkt = test_packet(&b, CLIENT_PEER, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_NO_KEY);
	assert_int_equal(lnl_data_key_swap(w.client, CLIENT_PEER), 0);
	world_seal(&w, &b, small_packet, sizeof(small_packet));

	struct lnl_counters c = counters_of(w.client, CLIENT_PEER);
	assert_int_equal(drops_of(&c), 3);
	assert_int_equal(c.tx_packets, 1);
	assert_int_equal(c.tx_bytes, sizeof(small_packet));
	assert_int_equal(c.link_tx_bytes, sizeof(small_packet) + 24);
	assert_int_equal(counters_of(w.client, LNL_PEER_ID_NONE).drops[LNL_DROP_PEER], 1);
	world_deinit(&w);
}

/* ---- messages between the engines ---- */

static void specials_never_reach_tun(void **state)
{
	(void)state;
	static const uint8_t occ_request[17] = { 0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef,
						 0x7a, 0x81, 0x2d, 0x56, 0xb8, 0xd3,
						 0xaf, 0xc5, 0x45, 0x9c, 0 };

	for (int form = 0; form < 8; form++) {
		enum lnl_cipher cipher =
			form % 2 != 0 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_CHACHA20_POLY1305;
		struct world w;
		struct test_buffer b;

		world_init(&w, cipher, LNL_DIGEST_SHA1, (enum lnl_framing)(form / 2), true);
		struct lnl_packet pkt = test_packet(&b, 0, NULL, 0);
		assert_int_equal(lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_PING, &pkt,
						  w.now),
				 0);
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_EMPTY);
		expect_no_notice(w.server);
		pkt = test_packet(&b, 0, NULL, 0);
		assert_int_equal(lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_OCC_EXIT, &pkt,
						  w.now),
				 0);
		assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_EMPTY);
		expect_notice(w.server, LNL_NOTICE_EXIT, WIRE_ID, 0);
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_REPLAY);
		expect_notice(w.server, LNL_NOTICE_DECRYPT, WIRE_ID, 0);
		pkt = world_seal(&w, &b, occ_request, sizeof(occ_request));
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_EMPTY);
		expect_no_notice(w.server);

		struct lnl_counters c = counters_of(w.client, CLIENT_PEER);
		assert_int_equal(c.pings_sent, 1);
		assert_int_equal(c.occ_sent, 1);
		assert_int_equal(c.tx_packets, 1);
		c = counters_of(w.server, WIRE_ID);
		assert_int_equal(c.pings_received, 1);
		assert_int_equal(c.occ_received, 2);
		assert_int_equal(c.rx_packets, 0);
		assert_int_equal(c.drops[LNL_DROP_EMPTY], 0);
		world_deinit(&w);
	}
}

/*
 * An authentic packet with nothing in it is a drop, with its name: AEAD finds it short, framing
 * finds it empty.
 */
static void nothing_is_no_packet(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;

	world_init(&w, LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA1, LNL_FRAMING_NONE, true);
	struct lnl_keyslot *k =
		lnl_table_find(&w.client->peers, CLIENT_PEER)->slots[LNL_SLOT_PRIMARY];
	pkt = test_packet(&b, 0, NULL, 0);
	assert_int_equal(lnl_keyslot_seal_cbc(k, &pkt, WIRE_ID, &w.client->ivs), LNL_DROP_NONE);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_EMPTY);
	assert_int_equal(counters_of(w.server, WIRE_ID).drops[LNL_DROP_EMPTY], 1);
	world_deinit(&w);

	world_init_gcm(&w);
	k = lnl_table_find(&w.client->peers, CLIENT_PEER)->slots[LNL_SLOT_PRIMARY];
	pkt = test_packet(&b, 0, NULL, 0);
	assert_int_equal(lnl_keyslot_seal_aead(k, &pkt, WIRE_ID), LNL_DROP_NONE);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_SHORT);
	assert_int_equal(counters_of(w.server, WIRE_ID).drops[LNL_DROP_SHORT], 1);
	world_deinit(&w);
}

/* In a TAP tunnel any Ethernet frame passes, and a ping still does not. */
static void tap_carries_frames(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	uint8_t arp[42] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x08, 0x06 };
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID, .tap = true };

	world_init_gcm(&w);
	struct lnl_packet pkt = world_seal(&w, &b, arp, sizeof(arp));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_INNER);
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	pkt = world_seal(&w, &b, arp, sizeof(arp));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	assert_memory_equal(pkt.p, arp, sizeof(arp));
	pkt = world_seal(&w, &b, arp, 13);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_INNER);
	pkt = test_packet(&b, 0, NULL, 0);
	assert_int_equal(lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_PING, &pkt, w.now), 0);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_EMPTY);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form),
		cmocka_unit_test(stays_in_its_room),
		cmocka_unit_test(allocates_nothing),
		cmocka_unit_test(finds_the_peer),
		cmocka_unit_test(batches_mix_peers),
		cmocka_unit_test(client_takes_any_wire_id),
		cmocka_unit_test(refuses_by_form),
		cmocka_unit_test(seal_refuses),
		cmocka_unit_test(specials_never_reach_tun),
		cmocka_unit_test(nothing_is_no_packet),
		cmocka_unit_test(tap_carries_frames),
	};

	return cmocka_run_group_tests_name("data/packet", tests, crypto_up, crypto_down);
}
