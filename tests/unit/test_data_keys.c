/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TRUST D5 and D8: what ends a key, and which key a packet means. */
#include "test_data_world.h"

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

/* No key at all: the state before authentication has ended. */
static void before_keys(struct world *w)
{
	struct test_buffer b;
	struct lnl_key_conf key;
	struct lnl_packet pkt;

	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	assert_int_equal(lnl_data_key_install(w->client, CLIENT_PEER, LNL_SLOT_PRIMARY, &key), 0);
	pkt = world_seal(w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(w, &pkt), LNL_DROP_NO_KEY);
}

/* Renegotiation: the old key receives beside the new one, each under its own id. */
static void two_keys(struct world *w)
{
	struct test_buffer b, b2;
	struct lnl_packet of1, of2;

	install_id(w, LNL_SLOT_PRIMARY, 1);
	of1 = world_seal(w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(w, &of1), LNL_DROP_NONE);
	of1 = world_seal(w, &b, small_packet, sizeof(small_packet));
	install_id(w, LNL_SLOT_SECONDARY, 2);
	assert_int_equal(lnl_data_key_swap(w->client, CLIENT_PEER), 0);
	assert_int_equal(lnl_data_key_swap(w->server, WIRE_ID), 0);
	of2 = world_seal(w, &b2, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_key_id_of(of2.p[0]), 2);
	assert_int_equal(world_open_copy(w, &of2), LNL_DROP_NONE);
	assert_int_equal(world_open_copy(w, &of1), LNL_DROP_NONE);
}

/* Another key's id: 6 that nobody has, and the one key's packet under the other's id. */
static void wrong_ids(struct world *w)
{
	struct test_buffer b;
	struct lnl_packet of2 = world_seal(w, &b, small_packet, sizeof(small_packet));

	for (uint8_t id = 0; id < LNL_KEY_IDS; id++) {
		if (id == 1 || id == 2)
			continue;
		of2.p[0] = lnl_op_byte(LNL_OP_DATA_V2, id);
		assert_int_equal(world_open_copy(w, &of2), LNL_DROP_KEY_ID);
	}
	expect_no_notice(w->server);
	of2 = world_seal(w, &b, small_packet, sizeof(small_packet));
	of2.p[0] = lnl_op_byte(LNL_OP_DATA_V2, 1);
	of2.p[7] = 99;
	assert_int_equal(world_open_copy(w, &of2), LNL_DROP_AUTH);
	expect_notice(w->server, LNL_NOTICE_DECRYPT, WIRE_ID, 1);
}

/* The old key expires: to the microsecond, though nobody has called tick. */
static void old_key_expires(struct world *w)
{
	struct test_buffer b;
	struct lnl_packet of1;

	assert_int_equal(lnl_data_key_swap(w->client, CLIENT_PEER), 0);
	assert_int_equal(lnl_data_key_expire(w->server, WIRE_ID, LNL_SLOT_SECONDARY, w->now + 10),
			 0);
	w->now += 9;
	of1 = world_seal(w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(w, &of1), LNL_DROP_NONE);
	w->now += 1;
	of1 = world_seal(w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open_copy(w, &of1), LNL_DROP_KEY_ID);
	assert_int_equal(lnl_data_tick(w->server, w->now), LNL_PEER_ID_NONE);
	expect_notice(w->server, LNL_NOTICE_KEY_EXPIRED, WIRE_ID, 1);
	assert_int_equal(world_open_copy(w, &of1), LNL_DROP_KEY_ID);
}

static void d8_key_ids(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;
	struct lnl_packet pkt;
	struct lnl_counters c;

	world_init_bare(&w, LNL_FRAMING_NONE, true);
	before_keys(&w);
	two_keys(&w);
	wrong_ids(&w);
	old_key_expires(&w);
	/* The last one goes. */
	assert_int_equal(lnl_data_key_del(w.server, WIRE_ID, LNL_SLOT_PRIMARY), 0);
	assert_int_equal(lnl_data_key_swap(w.client, CLIENT_PEER), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_key_id_of(pkt.p[0]), 2);
	assert_int_equal(world_open_copy(&w, &pkt), LNL_DROP_NO_KEY);

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(d5_failed_tags_end_the_key),
		cmocka_unit_test(d5_blocks_end_the_key),
		cmocka_unit_test(owners_limits_are_told),
		cmocka_unit_test(secondary_keys_ask_for_nothing),
		cmocka_unit_test(d8_key_ids),
		cmocka_unit_test(d8_expired_keys_send_nothing),
	};

	return cmocka_run_group_tests_name("data/keys", tests, crypto_up, crypto_down);
}
