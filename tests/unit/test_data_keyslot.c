/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

struct row {
	enum lnl_cipher cipher;
	enum lnl_digest digest;
	uint8_t key_id;
	int error;
};

static const struct row rows[] = {
	{ LNL_CIPHER_AES_128_GCM, LNL_DIGEST_NONE, 0, 0 },
	{ LNL_CIPHER_AES_192_GCM, LNL_DIGEST_NONE, 7, 0 },
	{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_SHA256, 1, 0 }, /* AEAD needs no digest */
	{ LNL_CIPHER_CHACHA20_POLY1305, LNL_DIGEST_NONE, 1, 0 },
	{ LNL_CIPHER_AES_128_CBC, LNL_DIGEST_SHA1, 1, 0 },
	{ LNL_CIPHER_AES_192_CBC, LNL_DIGEST_SHA512, 1, 0 },
	{ LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256, 1, 0 },
	{ LNL_CIPHER_AES_256_CBC, LNL_DIGEST_NONE, 1, LNL_E_UNSUPPORTED },
	{ LNL_CIPHER_NONE, LNL_DIGEST_SHA256, 1, LNL_E_UNSUPPORTED },
	{ LNL_CIPHER_COUNT, LNL_DIGEST_SHA256, 1, LNL_E_UNSUPPORTED },
	{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, 8, LNL_E_KEY },
};

static void installs_by_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct test_env env;
		struct lnl_key_conf key;
		struct lnl_keyslot *k;

		test_env_init(&env);
		test_key(&key, rows[i].cipher, rows[i].digest);
		key.key_id = rows[i].key_id;
		assert_int_equal(lnl_keyslot_new(&k, &env.env, &key), rows[i].error);
		if (rows[i].error != 0) {
			assert_null(k);
		} else {
			assert_int_equal(k->id, rows[i].key_id);
			assert_int_equal(k->next_id, 1);
			assert_int_equal(k->replay.window, LNL_REPLAY_DEFAULT);
			bool aead = lnl_cipher_is_aead(rows[i].cipher);
			assert_int_equal(k->mac_len, aead ? 0 : lnl_digest_len(rows[i].digest));
		}
		lnl_keyslot_free(k, &env.env);
		assert_int_equal(env.live, 0);
	}
}

/* Whichever allocation fails, the answer is NOMEM and nothing is left. */
static void survives_the_end_of_memory(void **state)
{
	(void)state;
	static const enum lnl_cipher ciphers[] = { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_256_CBC };

	for (size_t c = 0; c < 2; c++) {
		for (unsigned fail_at = 1;; fail_at++) {
			struct test_env env;
			struct lnl_key_conf key;
			struct lnl_keyslot *k;

			test_env_init(&env);
			env.fail_at = fail_at;
			test_key(&key, ciphers[c], LNL_DIGEST_SHA256);
			int r = lnl_keyslot_new(&k, &env.env, &key);
			if (r == 0) {
				assert_true(fail_at > 3);
				lnl_keyslot_free(k, &env.env);
				assert_int_equal(env.live, 0);
				break;
			}
			assert_int_equal(r, LNL_E_NOMEM);
			assert_null(k);
			assert_int_equal(env.live, 0);
		}
	}
}

/* The window and the first id are what was asked for. */
static void takes_what_was_asked(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_key_conf key;
	struct lnl_keyslot *k;

	test_env_init(&env);
	test_key(&key, LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE);
	key.replay_window = 128;
	key.first_id = 77;
	key.expires = 5;
	assert_int_equal(lnl_keyslot_new(&k, &env.env, &key), 0);
	assert_int_equal(k->replay.window, 128);
	assert_int_equal(k->next_id, 77);
	assert_int_equal(k->expires, 5);
	lnl_keyslot_free(k, &env.env);
}

static struct lnl_keyslot *slot_of(struct test_env *env, enum lnl_cipher cipher)
{
	struct lnl_key_conf key;
	struct lnl_keyslot *k;

	test_env_init(env);
	test_key(&key, cipher, LNL_DIGEST_SHA1);
	assert_int_equal(lnl_keyslot_new(&k, &env->env, &key), 0);
	return k;
}

/* TRUST D2: the last ids, and none after the last. */
static void d2_ids_end(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_keyslot *k = slot_of(&env, LNL_CIPHER_CHACHA20_POLY1305);
	uint32_t id = 0;

	k->next_id = 0xfeffffff;
	assert_true(lnl_keyslot_take_id(k, 100, &id));
	assert_int_equal(id, 0xfeffffff);
	assert_false(lnl_keyslot_is_worn(k));
	assert_true(lnl_keyslot_take_id(k, 100, &id));
	assert_int_equal(id, 0xff000000);
	assert_true(lnl_keyslot_is_worn(k));
	k->next_id = 0xffffffff;
	assert_true(lnl_keyslot_take_id(k, 100, &id));
	assert_int_equal(id, 0xffffffff);
	for (int i = 0; i < 10; i++)
		assert_false(lnl_keyslot_take_id(k, 100, &id));
	assert_int_equal(id, 0xffffffff);
	assert_true(lnl_keyslot_is_worn(k));
	lnl_keyslot_free(k, &env.env);
}

/*
 * TRUST D5: blocks are counted, rounded up, one more for each message; for AES-GCM alone they end.
 */
static void d5_blocks_end(void **state)
{
	(void)state;
	static const struct {
		uint32_t len, used;
	} costs[] = { { 1, 2 }, { 16, 2 }, { 17, 3 }, { 1400, 89 }, { 1408, 89 }, { 1409, 90 } };
	struct test_env env;
	struct lnl_keyslot *k = slot_of(&env, LNL_CIPHER_AES_128_GCM);
	uint32_t id;

	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++) {
		k->send.used = 0;
		assert_true(lnl_keyslot_take_id(k, costs[i].len, &id));
		assert_int_equal(k->send.used, costs[i].used);
	}
	const uint64_t limit = (UINT64_C(1) << 36) - 1;
	k->send.used = limit / 8 * 7 - 3;
	assert_true(lnl_keyslot_take_id(k, 16, &id));
	assert_false(lnl_keyslot_is_worn(k));
	assert_true(lnl_keyslot_take_id(k, 16, &id));
	assert_true(lnl_keyslot_is_worn(k));
	k->send.used = limit - 3;
	assert_false(lnl_keyslot_take_id(k, 49, &id));
	assert_true(lnl_keyslot_take_id(k, 32, &id));
	assert_int_equal(k->send.used, limit);
	assert_false(lnl_keyslot_take_id(k, 1, &id));
	k->send.used = 0;
	k->recv.used = limit / 8 * 7;
	assert_true(lnl_keyslot_is_worn(k));
	lnl_keyslot_free(k, &env.env);

	k = slot_of(&env, LNL_CIPHER_CHACHA20_POLY1305);
	k->send.used = limit + 100;
	assert_true(lnl_keyslot_take_id(k, 1400, &id));
	assert_false(lnl_keyslot_is_worn(k));
	lnl_keyslot_free(k, &env.env);
}

static void headers(void **state)
{
	(void)state;
	struct test_env env;
	struct lnl_keyslot *k = slot_of(&env, LNL_CIPHER_AES_128_GCM);
	struct test_buffer b;
	struct lnl_packet pkt = test_packet(&b, 0, small_packet, 1);

	k->id = 5;
	lnl_keyslot_put_header(k, &pkt, 0x123456);
	assert_int_equal(pkt.len, 5);
	test_hex_equal(pkt.p, "4d12345645");
	pkt = test_packet(&b, 0, small_packet, 1);
	lnl_keyslot_put_header(k, &pkt, LNL_PEER_ID_NONE);
	assert_int_equal(pkt.len, 2);
	test_hex_equal(pkt.p, "3545");
	assert_int_equal(lnl_keyslot_header_len(0), 4);
	assert_int_equal(lnl_keyslot_header_len(LNL_PEER_ID_NONE), 1);
	lnl_keyslot_free(k, &env.env);
}

/* PROTOCOL 1.11 has 24 for DATA_V2 with GCM. */
static void overheads(void **state)
{
	(void)state;
	static const struct {
		enum lnl_cipher cipher;
		enum lnl_digest digest;
		bool v2;
		enum lnl_framing framing;
		unsigned n;
	} cases[] = {
		{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, true, LNL_FRAMING_NONE, 24 },
		{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, false, LNL_FRAMING_NONE, 21 },
		{ LNL_CIPHER_CHACHA20_POLY1305, LNL_DIGEST_NONE, true, LNL_FRAMING_LZO, 25 },
		{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, true, LNL_FRAMING_STUB, 25 },
		{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE, true, LNL_FRAMING_STUB_V2, 26 },
		{ LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA1, true, LNL_FRAMING_NONE, 60 },
		{ LNL_CIPHER_AES_128_CBC, LNL_DIGEST_SHA512, false, LNL_FRAMING_NONE, 101 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(lnl_data_overhead(cases[i].cipher, cases[i].digest, cases[i].v2,
						   cases[i].framing),
				 cases[i].n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(installs_by_table),
		cmocka_unit_test(survives_the_end_of_memory),
		cmocka_unit_test(takes_what_was_asked),
		cmocka_unit_test(d2_ids_end),
		cmocka_unit_test(d5_blocks_end),
		cmocka_unit_test(headers),
		cmocka_unit_test(overheads),
	};

	return cmocka_run_group_tests_name("data/keyslot", tests, crypto_up, crypto_down);
}
