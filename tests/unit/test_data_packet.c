/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A packet's whole way: TRUST D1, D2, D5, D8 and Z1 on the data channel. */
#include "test_data_world.h"

static uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

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

/* ---- D1: replay ---- */

/* Ids as they arrive, with a window of 64, and whether each is delivered. */
static const struct {
	uint32_t id;
	bool taken;
} replay_rows[] = {
	{ 0, false },	       { 1, true },	     { 1, false },	    { 2, true },
	{ 1, false },	       { 5, true },	     { 4, true },	    { 3, true },
	{ 3, false },	       { 4, false },	     { 0, false },	    { 64, true },
	{ 6, true },	       { 63, true },	     { 64, false },	    { 65, true },
	{ 7, true },	       { 8, true },	     { 2, false },	    { 1, false },
	{ 66, true },	       { 128, true },	     { 65, false },	    { 67, true },
	{ 66, false },	       { 127, true },	     { 126, true },	    { 68, true },
	{ 129, true },	       { 69, true },	     { 66, false },	    { 70, true },
	{ 70, false },	       { 193, true },	     { 130, true },	    { 129, false },
	{ 131, true },	       { 192, true },	     { 192, false },	    { 1000, true },
	{ 937, true },	       { 936, false },	     { 193, false },	    { 999, true },
	{ 938, true },	       { 938, false },	     { 1001, true },	    { 938, false },
	{ 939, true },	       { 937, false },	     { 4096, true },	    { 4033, true },
	{ 4032, false },       { 4095, true },	     { 4095, false },	    { 1001, false },
	{ 100000, true },      { 99999, true },	     { 99937, true },	    { 99936, false },
	{ 0x7fffffff, true },  { 0x80000000, true }, { 0x7fffffff, false }, { 0x7ffffffe, true },
	{ 0xfffffff0, true },  { 0xffffffff, true }, { 0xfffffff0, false }, { 0xffffffc0, true },
	{ 0xffffffbf, false }, { 0xfffffffe, true }, { 0xffffffff, false }, { 1, false },
	{ 0, false },
};

#define N_REPLAY (sizeof(replay_rows) / sizeof(replay_rows[0]))

/* Seals |id| at the client by setting the counter, as a peer out of its mind might. */
static struct lnl_packet seal_id(struct world *w, struct test_buffer *b, uint32_t id)
{
	lnl_table_find(&w->client->peers, CLIENT_PEER)->slots[LNL_SLOT_PRIMARY]->next_id = id;
	return world_seal(w, b, small_packet, sizeof(small_packet));
}

static void d1_replay_table(void **state)
{
	(void)state;
	static const enum lnl_cipher ciphers[] = { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_256_CBC,
						   LNL_CIPHER_CHACHA20_POLY1305 };

	assert_true(N_REPLAY >= 60);
	for (size_t c = 0; c < 3; c++) {
		struct world w;
		struct test_buffer b;
		uint64_t taken = 0;

		world_init(&w, ciphers[c], LNL_DIGEST_SHA256, LNL_FRAMING_NONE, true);
		for (size_t i = 0; i < N_REPLAY; i++) {
			struct lnl_packet pkt = seal_id(&w, &b, replay_rows[i].id);
			uint16_t drop = world_open(&w, &pkt);
			if (drop != (replay_rows[i].taken ? LNL_DROP_NONE : LNL_DROP_REPLAY))
				fail_msg("row %zu: id %u", i, replay_rows[i].id);
			taken += replay_rows[i].taken;
		}
		struct lnl_counters n = counters_of(w.server, WIRE_ID);
		assert_int_equal(n.rx_packets, taken);
		assert_int_equal(n.drops[LNL_DROP_REPLAY], N_REPLAY - taken);
		world_deinit(&w);
	}
}

/* A forged id far ahead, which does not authenticate, must not move the window. */
static void d1_forged_ids_move_nothing(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init_gcm(&w);
	for (uint32_t i = 0; i < 100; i++) {
		struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
		uint8_t right = pkt.p[4];
		pkt.p[4] = 0xf0;
		assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_AUTH);
		pkt.p[4] = right;
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	}
	world_deinit(&w);
}

/*
 * 100,000 packets that a network shuffles, loses and doubles. A model with a plain array gives the
 * verdict on each; nothing is delivered twice.
 */
static void d1_shuffled(void **state)
{
	(void)state;
	enum { PACKETS = 100000, DELAYED = 40, WINDOW = 64 };
	static struct test_buffer buffers[DELAYED];
	static struct lnl_packet waiting[DELAYED];
	static uint8_t delivered[PACKETS + 1];
	struct world w;
	uint64_t seed = 11, taken = 0, handed = 0;
	uint32_t highest = 0;

	world_init_gcm(&w);
	for (unsigned i = 0; i < DELAYED; i++)
		waiting[i] = world_seal(&w, &buffers[i], small_packet, sizeof(small_packet));
	for (uint32_t sent = DELAYED; sent < PACKETS;) {
		uint32_t i = next_random(&seed) % DELAYED;
		uint32_t id = (uint32_t)waiting[i].p[5] << 16 | (uint32_t)waiting[i].p[6] << 8 |
			      waiting[i].p[7];
		bool want = !delivered[id] && (id > highest || highest - id < WINDOW);
		uint16_t drop = world_open_copy(&w, &waiting[i]);
		handed++;
		assert_int_equal(drop, want ? LNL_DROP_NONE : LNL_DROP_REPLAY);
		if (want) {
			delivered[id] = 1;
			taken++;
			highest = id > highest ? id : highest;
		}
		if (next_random(&seed) % 10 == 0)
			continue; /* it will come again */
		waiting[i] = world_seal(&w, &buffers[i], small_packet, sizeof(small_packet));
		sent++;
	}
	struct lnl_counters c = counters_of(w.server, WIRE_ID);
	assert_int_equal(c.rx_packets, taken);
	assert_int_equal(c.rx_packets + c.drops[LNL_DROP_REPLAY], handed);
	assert_in_range(taken, PACKETS / 2, PACKETS / 10 * 9); /* both sides of the window's edge */
	world_deinit(&w);
}

/* ---- D2: the end of the ids ---- */

static void d2_ids_end(void **state)
{
	(void)state;
	static const uint32_t starts[] = { 0xfeffff00, 0xfffffff0 };

	for (size_t s = 0; s < 2; s++) {
		struct world w;
		struct test_buffer b;
		struct lnl_key_conf key;
		uint64_t id = starts[s];
		unsigned told = 0;

		world_init_bare(&w, LNL_FRAMING_NONE, true);
		test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
		key.key_id = 2;
		key.first_id = starts[s];
		world_install(&w, LNL_SLOT_PRIMARY, &key);
		for (unsigned i = 0; i < 600; i++, id++) {
			struct lnl_packet pkt =
				test_packet(&b, CLIENT_PEER, small_packet, sizeof(small_packet));
			unsigned n = lnl_data_seal(w.client, &pkt, 1, w.now);
			assert_int_equal(n, id <= UINT32_MAX ? 1 : 0);
			if (n == 1) {
				uint8_t wire[4] = { (uint8_t)(id >> 24), (uint8_t)(id >> 16),
						    (uint8_t)(id >> 8), (uint8_t)id };
				assert_memory_equal(pkt.p + 4, wire, 4);
				assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
			} else {
				assert_int_equal(pkt.drop, LNL_DROP_KEY_LIMIT);
			}
			struct lnl_notice notice;
			if (!lnl_data_notice(w.client, &notice))
				continue;
			assert_int_equal(notice.kind, LNL_NOTICE_KEY_LIMIT);
			assert_int_equal(notice.key_id, 2);
			assert_true(id <= 0xff000000 || starts[s] > 0xff000000);
			told++;
		}
		assert_int_equal(told, 1);

		/* A ping has no id left either; a new key goes on. */
		struct lnl_packet ping = test_packet(&b, 0, NULL, 0);
		int r = lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_PING, &ping, w.now);
		assert_int_equal(r, s == 0 ? 0 : LNL_E_LIMIT);
		key.key_id = 3;
		key.first_id = 0;
		world_install(&w, LNL_SLOT_PRIMARY, &key);
		struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
		world_deinit(&w);
	}
}

/* ---- D5: limits ---- */

/*
 * Failed tags are counted, replays and short packets are not, and at 2^36 the key receives nothing
 * more.
 */
static void d5_failed_tags_end_the_key(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init_gcm(&w);
	struct lnl_keyslot *k = lnl_table_find(&w.server->peers, WIRE_ID)->slots[LNL_SLOT_PRIMARY];
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_NONE);
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_REPLAY);
	assert_int_equal(k->failed, 0);

	k->failed = (UINT64_C(1) << 36) - 2;
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	pkt.p[10] ^= 1;
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_AUTH);
	expect_notice(w.server, LNL_NOTICE_DECRYPT, WIRE_ID, 0);
	expect_no_notice(w.server);
	pkt.p[10] ^= 1;
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_NONE);
	pkt.p[10] ^= 1;
	pkt.p[7] ^= 0x40;
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_AUTH);
	expect_notice(w.server, LNL_NOTICE_KEY_LIMIT, WIRE_ID, 0);
	expect_notice(w.server, LNL_NOTICE_DECRYPT, WIRE_ID, 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_KEY_LIMIT);
	expect_no_notice(w.server);
	world_deinit(&w);
}

/* Both directions' blocks ask for a new key; the sender stops at the limit. */
static void d5_blocks_end_the_key(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	const uint64_t limit = (UINT64_C(1) << 36) - 1;

	world_init_gcm(&w);
	struct lnl_keyslot *from =
		lnl_table_find(&w.client->peers, CLIENT_PEER)->slots[LNL_SLOT_PRIMARY];
	struct lnl_keyslot *to = lnl_table_find(&w.server->peers, WIRE_ID)->slots[LNL_SLOT_PRIMARY];
	from->send.used = to->recv.used = limit / 8 * 7 - 4;
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	expect_no_notice(w.client);
	expect_no_notice(w.server);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	expect_notice(w.client, LNL_NOTICE_KEY_LIMIT, CLIENT_PEER, 0);
	expect_notice(w.server, LNL_NOTICE_KEY_LIMIT, WIRE_ID, 0);

	from->send.used = limit - 3;
	world_seal(&w, &b, small_packet, sizeof(small_packet));
	pkt = test_packet(&b, CLIENT_PEER, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_KEY_LIMIT);
	expect_no_notice(w.client);
	world_deinit(&w);
}

/* reneg-bytes and reneg-pkts: told once, by what passed both ways, and nothing is refused. */
static void owners_limits_are_told(void **state)
{
	(void)state;
	for (int by_bytes = 0; by_bytes < 2; by_bytes++) {
		struct world w;
		struct test_buffer b;
		struct lnl_key_conf key;
		const uint32_t datagram = sizeof(small_packet) + 24;

		world_init_bare(&w, LNL_FRAMING_NONE, true);
		test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
		if (by_bytes)
			key.limit_bytes = 6 * datagram;
		else
			key.limit_packets = 6;
		world_install(&w, LNL_SLOT_PRIMARY, &key);
		for (unsigned i = 1; i <= 10; i++) {
			struct lnl_packet pkt =
				world_seal(&w, &b, small_packet, sizeof(small_packet));
			assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_NONE);
			assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_REPLAY);
			expect_notice(w.server, LNL_NOTICE_DECRYPT, WIRE_ID, 0);
			pkt = test_packet(&b, WIRE_ID, small_packet, sizeof(small_packet));
			assert_int_equal(lnl_data_seal(w.server, &pkt, 1, w.now), 1);
			if (i == 3)
				expect_notice(w.server, LNL_NOTICE_KEY_LIMIT, WIRE_ID, 0);
			expect_no_notice(w.server);
		}
		world_deinit(&w);
	}
}

/* A key that a renegotiation has replaced already asks for none, until it sends again. */
static void secondary_keys_ask_for_nothing(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_key_conf key;

	world_init_bare(&w, LNL_FRAMING_NONE, true);
	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	key.limit_packets = 1;
	world_install(&w, LNL_SLOT_PRIMARY, &key);
	assert_int_equal(lnl_data_key_swap(w.server, WIRE_ID), 0);
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	expect_no_notice(w.server);
	expect_notice(w.client, LNL_NOTICE_KEY_LIMIT, CLIENT_PEER, 0);
	assert_int_equal(lnl_data_key_swap(w.server, WIRE_ID), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	expect_notice(w.server, LNL_NOTICE_KEY_LIMIT, WIRE_ID, 0);
	world_deinit(&w);
}

/* ---- D8: key ids ---- */

/* Installs key |id| whose bytes differ from every other id's. */
static void install_id(struct world *w, enum lnl_slot slot, uint8_t id)
{
	struct lnl_key_conf key;

	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	key.key_id = id;
	key.send.cipher[0] = key.recv.cipher[0] = (uint8_t)(0xc0 + id);
	world_install(w, slot, &key);
}

static void d8_key_ids(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet of1, of2, pkt;
	struct lnl_counters c;

	/* No key at all: the state before authentication has ended. */
	world_init_bare(&w, LNL_FRAMING_NONE, true);
	struct lnl_key_conf key;
	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	assert_int_equal(lnl_data_key_install(w.client, CLIENT_PEER, LNL_SLOT_PRIMARY, &key), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_NO_KEY);

	/* Renegotiation: the old key receives beside the new one, each under its own id. */
	install_id(&w, LNL_SLOT_PRIMARY, 1);
	of1 = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &of1), LNL_DROP_NONE);
	of1 = world_seal(&w, &b, small_packet, sizeof(small_packet));
	install_id(&w, LNL_SLOT_SECONDARY, 2);
	assert_int_equal(lnl_data_key_swap(w.client, CLIENT_PEER), 0);
	assert_int_equal(lnl_data_key_swap(w.server, WIRE_ID), 0);
	struct test_buffer b2;
	of2 = world_seal(&w, &b2, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_key_id_of(of2.p[0]), 2);
	assert_int_equal(world_open_copy(&w, &of2), LNL_DROP_NONE);
	assert_int_equal(world_open_copy(&w, &of1), LNL_DROP_NONE);

	/* Another key's id: 6 that nobody has, and the one key's packet under the other's id. */
	for (uint8_t id = 0; id < LNL_KEY_IDS; id++) {
		if (id == 1 || id == 2)
			continue;
		of2.p[0] = lnl_op_byte(LNL_OP_DATA_V2, id);
		assert_int_equal(world_open_copy(&w, &of2), LNL_DROP_KEY_ID);
	}
	expect_no_notice(w.server);
	of2 = world_seal(&w, &b2, small_packet, sizeof(small_packet));
	of2.p[0] = lnl_op_byte(LNL_OP_DATA_V2, 1);
	of2.p[7] = 99;
	assert_int_equal(world_open_copy(&w, &of2), LNL_DROP_AUTH);
	expect_notice(w.server, LNL_NOTICE_DECRYPT, WIRE_ID, 1);

	/* The old key expires: to the microsecond, though nobody has called tick. */
	assert_int_equal(lnl_data_key_swap(w.client, CLIENT_PEER), 0);
	assert_int_equal(lnl_data_key_expire(w.server, WIRE_ID, LNL_SLOT_SECONDARY, w.now + 10), 0);
	w.now += 9;
	of1 = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &of1), LNL_DROP_NONE);
	w.now += 1;
	of1 = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(&w, &of1), LNL_DROP_KEY_ID);
	assert_int_equal(lnl_data_tick(w.server, w.now), LNL_PEER_ID_NONE);
	expect_notice(w.server, LNL_NOTICE_KEY_EXPIRED, WIRE_ID, 1);
	assert_int_equal(world_open_copy(&w, &of1), LNL_DROP_KEY_ID);

	/* The last one goes. */
	assert_int_equal(lnl_data_key_del(w.server, WIRE_ID, LNL_SLOT_PRIMARY), 0);
	assert_int_equal(world_open_copy(&w, &of2), LNL_DROP_NO_KEY);

	c = counters_of(w.server, WIRE_ID);
	assert_int_equal(c.rx_packets, 4);
	assert_int_equal(c.drops[LNL_DROP_KEY_ID], 6 + 2);
	assert_int_equal(c.drops[LNL_DROP_NO_KEY], 2);
	assert_int_equal(c.drops[LNL_DROP_AUTH], 1);
	assert_int_equal(drops_of(&c), 11);
	world_deinit(&w);
}

/* An expired key sends nothing. */
static void d8_expired_keys_send_nothing(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init_gcm(&w);
	assert_int_equal(lnl_data_key_expire(w.client, CLIENT_PEER, LNL_SLOT_PRIMARY, w.now + 1),
			 0);
	world_seal(&w, &b, small_packet, sizeof(small_packet));
	w.now++;
	struct lnl_packet pkt = test_packet(&b, CLIENT_PEER, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_NO_KEY);
	pkt = test_packet(&b, 0, NULL, 0);
	assert_int_equal(lnl_data_special(w.client, CLIENT_PEER, LNL_SPECIAL_OCC_EXIT, &pkt, w.now),
			 LNL_E_STATE);
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

/* ---- Z1: exact accounting ---- */

/*
 * Batches for several peers at once, with every kind of damage: what went in came out or has its
 * reason.
 */
static void z1_everything_is_counted(void **state)
{
	(void)state;
	enum { BATCH = 32, ROUNDS = 2000, PEERS = 4 };
	static struct test_buffer buffers[BATCH];
	struct lnl_packet pkts[BATCH];
	struct test_env env;
	struct lnl_data *from, *to;
	uint64_t seed = 5, in_seal = 0, in_open = 0, out_seal = 0, out_open = 0, messages = 0;

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&from, &env.env, PEERS), 0);
	assert_int_equal(lnl_data_new(&to, &env.env, PEERS), 0);
	for (uint32_t id = 0; id < PEERS; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		struct lnl_key_conf key, other;
		assert_int_equal(lnl_data_peer_add(from, &conf, 0), 0);
		assert_int_equal(lnl_data_peer_add(to, &conf, 0), 0);
		test_key(&key, id % 2 != 0 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_AES_128_GCM,
			 LNL_DIGEST_SHA1);
		key.send.cipher[0] = (uint8_t)id;
		other = test_key_of_other_end(&key);
		if (id != 3) /* one peer has no key */
			assert_int_equal(lnl_data_key_install(from, id, LNL_SLOT_PRIMARY, &key), 0);
		assert_int_equal(lnl_data_key_install(to, id, LNL_SLOT_PRIMARY, &other), 0);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < BATCH; i++) {
			uint32_t len = next_random(&seed) % 64;
			uint32_t peer = next_random(&seed) % (PEERS + 1);
			uint8_t data[64] = { 0x45 };
			if (next_random(&seed) % 16 == 0)
				data[0] = 0;
			pkts[i] = test_packet(&buffers[i], peer, data, len);
		}
		in_seal += BATCH;
		out_seal += lnl_data_seal(from, pkts, BATCH, round);
		unsigned n = 0;
		for (unsigned i = 0; i < BATCH; i++) {
			if (pkts[i].drop != LNL_DROP_NONE) {
				uint32_t peer = next_random(&seed) % 3;
				pkts[i] = test_packet(&buffers[i], peer, NULL, 0);
				assert_int_equal(lnl_data_special(from, peer, LNL_SPECIAL_PING,
								  &pkts[i], round),
						 0);
			}
			if (next_random(&seed) % 8 == 0)
				pkts[i].p[next_random(&seed) % pkts[i].len] ^= 1;
			if (next_random(&seed) % 8 == 0)
				pkts[i].len = next_random(&seed) % (pkts[i].len + 1);
			pkts[i].peer = LNL_PEER_ID_NONE;
			n++;
		}
		in_open += n;
		out_open += lnl_data_open(to, pkts, n, round);
	}
	uint64_t sealed = 0, opened = 0, seal_drops = 0, open_drops = 0, pings = 0;
	for (uint32_t id = 0; id <= PEERS; id++) {
		uint32_t who = id < PEERS ? id : LNL_PEER_ID_NONE;
		struct lnl_counters c = counters_of(from, who);
		sealed += c.tx_packets;
		seal_drops += drops_of(&c);
		pings += c.pings_sent;
		c = counters_of(to, who);
		opened += c.rx_packets;
		open_drops += drops_of(&c);
		messages += c.pings_received + c.occ_received;
	}
	assert_int_equal(sealed, out_seal);
	assert_int_equal(opened, out_open);
	assert_int_equal(in_seal, sealed + seal_drops);
	assert_int_equal(in_open, opened + messages + open_drops);
	assert_int_equal(in_open, sealed + pings);
	assert_true(messages > 1000 && open_drops > 1000 && opened > 10000);
	lnl_data_free(from);
	lnl_data_free(to);
	assert_int_equal(env.live, 0);
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
		cmocka_unit_test(d1_replay_table),
		cmocka_unit_test(d1_forged_ids_move_nothing),
		cmocka_unit_test(d1_shuffled),
		cmocka_unit_test(d2_ids_end),
		cmocka_unit_test(d5_failed_tags_end_the_key),
		cmocka_unit_test(d5_blocks_end_the_key),
		cmocka_unit_test(owners_limits_are_told),
		cmocka_unit_test(secondary_keys_ask_for_nothing),
		cmocka_unit_test(d8_key_ids),
		cmocka_unit_test(d8_expired_keys_send_nothing),
		cmocka_unit_test(specials_never_reach_tun),
		cmocka_unit_test(nothing_is_no_packet),
		cmocka_unit_test(tap_carries_frames),
		cmocka_unit_test(z1_everything_is_counted),
	};

	return cmocka_run_group_tests_name("data/packet", tests, crypto_up, crypto_down);
}
