/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

static void makes_a_plane(void **state)
{
	(void)state;
	static const struct {
		uint32_t max_peers;
		int error;
	} rows[] = {
		{ 0, LNL_E_INVAL },
		{ 1, 0 },
		{ 0xffffff, 0 },
		{ 0x1000000, LNL_E_INVAL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct test_env env;
		struct lnl_data *d;
		test_env_init(&env);
		assert_int_equal(lnl_data_new(&d, &env.env, rows[i].max_peers), rows[i].error);
		lnl_data_free(d);
		assert_int_equal(env.live, 0);
	}
	for (unsigned fail_at = 1; fail_at <= 2; fail_at++) {
		struct test_env env;
		struct lnl_data *d;
		test_env_init(&env);
		env.fail_at = fail_at;
		assert_int_equal(lnl_data_new(&d, &env.env, 1), LNL_E_NOMEM);
		assert_null(d);
		assert_int_equal(env.live, 0);
	}
}

static void adds_peers(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d;
	struct lnl_counters c;
	struct lnl_peer_conf conf = { .id = 1, .wire_id = LNL_PEER_ID_NONE };

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&d, &env.env, 2), 0);
	assert_int_equal(lnl_data_caps(d), LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 |
						   LNL_DATA_CAP_CBC | LNL_DATA_CAP_ROUTES |
						   LNL_DATA_CAP_RATES);
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), LNL_E_EXIST);
	conf.id = LNL_PEER_ID_NONE;
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), LNL_E_INVAL);
	conf.id = 2;
	conf.wire_id = LNL_PEER_ID_NONE + 1;
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), LNL_E_INVAL);
	assert_int_equal(lnl_data_peer_set(d, &conf, 0), LNL_E_INVAL);
	conf.wire_id = 0;
	assert_int_equal(lnl_data_peer_set(d, &conf, 0), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	conf.id = 3;
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), LNL_E_LIMIT);
	assert_int_equal(lnl_data_counters(d, 3, &c), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_counters(d, 2, &c), 0);
	assert_int_equal(lnl_data_peer_del(d, 3), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_peer_del(d, 1), 0);
	assert_int_equal(lnl_data_peer_del(d, 1), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* Every call that names a peer says so when there is none. */
static void knows_missing_peers(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d;
	struct lnl_key_conf key;
	struct test_buffer b;
	struct lnl_packet pkt = test_packet(&b, 0, NULL, 0);

	test_env_init(&env);
	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	assert_int_equal(lnl_data_new(&d, &env.env, 2), 0);
	assert_int_equal(lnl_data_key_install(d, 1, LNL_SLOT_PRIMARY, &key), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_key_swap(d, 1), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_key_del(d, 1, LNL_SLOT_PRIMARY), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_key_expire(d, 1, LNL_SLOT_PRIMARY, 0), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_special(d, 1, LNL_SPECIAL_PING, &pkt, 0), LNL_E_NOTFOUND);

	struct lnl_peer_conf conf = { .id = 1, .wire_id = LNL_PEER_ID_NONE };
	assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
	assert_int_equal(lnl_data_special(d, 1, LNL_SPECIAL_PING, &pkt, 0), LNL_E_STATE);
	assert_int_equal(lnl_data_key_swap(d, 1), 0);
	assert_int_equal(lnl_data_key_del(d, 1, LNL_SLOT_PRIMARY), 0);
	assert_int_equal(lnl_data_key_expire(d, 1, LNL_SLOT_PRIMARY, 0), LNL_E_NOTFOUND);
	assert_int_equal(lnl_data_key_install(d, 1, LNL_SLOT_PRIMARY, &key), 0);
	assert_int_equal(lnl_data_special(d, 1, LNL_SPECIAL_PING, &pkt, 0), 0);
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* Keys and counters outlive a change of the peer. */
static void set_keeps_keys(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init_gcm(&w);
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	struct lnl_peer_conf conf = { .id = CLIENT_PEER, .wire_id = LNL_PEER_ID_NONE };
	assert_int_equal(lnl_data_peer_set(w.client, &conf, w.now), 0);
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_op_of(pkt.p[0]), LNL_OP_DATA_V1);
	assert_int_equal(pkt.p[4], 2); /* the second id */
	assert_int_equal(counters_of(w.client, CLIENT_PEER).tx_packets, 2);
	world_deinit(&w);
}

/* A failed installation leaves the key that was there. */
static void failed_install_changes_nothing(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init_gcm(&w);
	struct lnl_key_conf key = w.key;
	key.cipher = LNL_CIPHER_NONE;
	assert_int_equal(lnl_data_key_install(w.client, CLIENT_PEER, LNL_SLOT_PRIMARY, &key),
			 LNL_E_UNSUPPORTED);
	w.env.fail_at = w.env.allocations + 1;
	assert_int_equal(lnl_data_key_install(w.client, CLIENT_PEER, LNL_SLOT_PRIMARY, &w.key),
			 LNL_E_NOMEM);
	w.env.fail_at = 0;
	struct lnl_packet pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(pkt.p[7], 1);
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	world_deinit(&w);
}

/* A peer that cannot be added for want of memory leaves nothing; with memory it can. */
static void add_survives_the_end_of_memory(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_data *d;
	struct lnl_counters c;

	test_env_init(&env);
	assert_int_equal(lnl_data_new(&d, &env.env, 100), 0);
	for (uint32_t i = 0; i < 50; i++) {
		struct lnl_peer_conf conf = { .id = i };
		for (unsigned k = 1;; k++) {
			env.fail_at = env.allocations + k;
			int r = lnl_data_peer_add(d, &conf, 0);
			env.fail_at = 0;
			if (r == 0)
				break;
			assert_int_equal(r, LNL_E_NOMEM);
			assert_int_equal(lnl_data_counters(d, i, &c), LNL_E_NOTFOUND);
		}
		assert_int_equal(lnl_data_counters(d, i, &c), 0);
	}
	lnl_data_free(d);
	assert_int_equal(env.live, 0);
}

/* TRUST K2, as far as this room goes: no key byte stays in memory that was given back. */
static unsigned char *kept[64];
static size_t kept_len[64];
static unsigned n_kept;

static void *keeping_alloc(void *ctx, size_t size)
{
	(void)ctx;
	assert_true(n_kept < 64);
	kept_len[n_kept] = size;
	kept[n_kept] = calloc(1, size);
	return kept[n_kept++];
}

static void keeping_release(void *ctx, void *p)
{
	(void)ctx;
	(void)p;
}

/* Whether |len| bytes at |what| stand anywhere in the memory that was ever given. */
static bool is_kept(const uint8_t *what, size_t len)
{
	for (unsigned i = 0; i < n_kept; i++) {
		for (size_t at = 0; at + len <= kept_len[i]; at++) {
			if (memcmp(kept[i] + at, what, len) == 0)
				return true;
		}
	}
	return false;
}

static void wipes_keys(void **state)
{
	(void)state;
	static const enum lnl_cipher ciphers[] = { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_256_CBC,
						   LNL_CIPHER_CHACHA20_POLY1305 };

	for (size_t i = 0; i < 3; i++) {
		struct test_env env;
		struct lnl_data *d;
		struct lnl_key_conf key;
		struct lnl_peer_conf conf = { .id = 1 };

		n_kept = 0;
		test_env_init(&env);
		env.env.alloc = keeping_alloc;
		env.env.release = keeping_release;
		test_key(&key, ciphers[i], LNL_DIGEST_SHA256);
		assert_int_equal(lnl_data_new(&d, &env.env, 2), 0);
		assert_int_equal(lnl_data_peer_add(d, &conf, 0), 0);
		assert_int_equal(lnl_data_key_install(d, 1, LNL_SLOT_PRIMARY, &key), 0);
		assert_int_equal(lnl_data_key_install(d, 1, LNL_SLOT_SECONDARY, &key), 0);
		bool aead = lnl_cipher_is_aead(ciphers[i]);
		assert_true(is_kept(aead ? key.send.hmac : key.send.cipher, 8));
		assert_int_equal(lnl_data_key_install(d, 1, LNL_SLOT_PRIMARY, &key), 0);
		assert_int_equal(lnl_data_key_del(d, 1, LNL_SLOT_SECONDARY), 0);
		lnl_data_free(d);
		assert_false(is_kept(key.send.cipher, 8));
		assert_false(is_kept(key.recv.cipher, 8));
		assert_false(is_kept(key.send.hmac, 8));
		assert_false(is_kept(key.recv.hmac, 8));
		for (unsigned k = 0; k < n_kept; k++)
			free(kept[k]);
	}
}

/*
 * An idle peer's share of memory, without keys: 10,000 of them in a few megabytes, and nothing up
 * front.
 */
static void peers_are_small(void **state)
{
	(void)state;
	assert_true(sizeof(struct lnl_peer) <= 512);
	assert_true(sizeof(struct lnl_data) <= 2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_a_plane),
		cmocka_unit_test(adds_peers),
		cmocka_unit_test(knows_missing_peers),
		cmocka_unit_test(set_keeps_keys),
		cmocka_unit_test(failed_install_changes_nothing),
		cmocka_unit_test(add_survives_the_end_of_memory),
		cmocka_unit_test(wipes_keys),
		cmocka_unit_test(peers_are_small),
	};

	return cmocka_run_group_tests_name("data/plane", tests, crypto_up, crypto_down);
}
