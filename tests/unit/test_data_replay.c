/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TRUST D1 and D2: no packet twice, and what happens when the ids end. */
#include "test_data_world.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(d1_replay_table),
		cmocka_unit_test(d1_forged_ids_move_nothing),
		cmocka_unit_test(d1_shuffled),
		cmocka_unit_test(d2_ids_end),
	};

	return cmocka_run_group_tests_name("data/replay", tests, crypto_up, crypto_down);
}
