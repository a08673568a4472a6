/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

/*
 * Datagrams computed with python3-cryptography (OpenSSL): small_packet sealed with the client's key
 * of test_data_world.h.
 */
struct known {
	enum lnl_cipher cipher;
	bool v2;
	uint8_t key_id;
	uint32_t wire_id;
	uint32_t id;
	const char *datagram;
};

static const struct known knowns[] = {
	{ LNL_CIPHER_AES_256_GCM, true, 3, 0x0a0b0c, 1,
	  "4b0a0b0c0000000152620cbcccec82ce1c625c00ab915a128ecb7ba16bb7a6c955afe2847e3e0821f96539a0"
	  "f41b9278f344015d" },
	{ LNL_CIPHER_AES_128_GCM, false, 0, LNL_PEER_ID_NONE, 7,
	  "3000000007ec018eb5c983a25a0151d05327c86b1e7fe26a3ab63507542f3da4c5bdb225640f08c9efd57775"
	  "6e605b4976" },
	{ LNL_CIPHER_CHACHA20_POLY1305, true, 7, 1, 0xfeffffff,
	  "4f000001feffffff3274674c7959be124bdf299cab53ff73a5b611d2eb8f132ceaa0d11b2f9920e78f2d950d"
	  "74b13b601cb69734" },
};

static struct lnl_keyslot *slot_of(struct test_env *env, const struct known *k, bool other_end)
{
	struct lnl_key_conf key;
	struct lnl_keyslot *slot;

	test_key(&key, k->cipher, LNL_DIGEST_NONE);
	key.key_id = k->key_id;
	key.first_id = k->id;
	if (other_end)
		key = test_key_of_other_end(&key);
	assert_int_equal(lnl_keyslot_new(&slot, &env->env, &key), 0);
	return slot;
}

static void seals_to_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];
		struct test_env env;
		struct test_buffer b;

		test_env_init(&env);
		struct lnl_keyslot *slot = slot_of(&env, k, false);
		struct lnl_packet pkt = test_packet(&b, 0, small_packet, sizeof(small_packet));
		assert_int_equal(lnl_keyslot_seal_aead(slot, &pkt, k->wire_id), LNL_DROP_NONE);
		assert_int_equal(pkt.len, strlen(k->datagram) / 2);
		test_hex_equal(pkt.p, k->datagram);
		assert_int_equal(slot->next_id, (uint64_t)k->id + 1);
		lnl_keyslot_free(slot, &env.env);
		assert_int_equal(env.live, 0);
	}
}

static void opens_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];
		struct test_env env;
		uint8_t wire[128];

		test_env_init(&env);
		struct lnl_keyslot *slot = slot_of(&env, k, true);
		uint32_t len = (uint32_t)test_hex(wire, sizeof(wire), k->datagram);
		struct lnl_packet pkt = { .p = wire, .len = len };
		assert_int_equal(lnl_keyslot_open_aead(slot, &pkt, k->v2 ? 4 : 1), LNL_DROP_NONE);
		assert_int_equal(pkt.len, sizeof(small_packet));
		assert_memory_equal(pkt.p, small_packet, sizeof(small_packet));

		len = (uint32_t)test_hex(wire, sizeof(wire), k->datagram);
		pkt = (struct lnl_packet){ .p = wire, .len = len };
		assert_int_equal(lnl_keyslot_open_aead(slot, &pkt, k->v2 ? 4 : 1), LNL_DROP_REPLAY);
		lnl_keyslot_free(slot, &env.env);
	}
}

/*
 * Any changed bit of what is authenticated is found, and changes nothing: the right packet still
 * passes behind it. With DATA_V1 the opcode byte is not authenticated, with DATA_V2 it is.
 */
static void refuses_changed_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];
		uint32_t header = k->v2 ? 4 : 1;
		struct test_env env;
		uint8_t wire[128];
		struct lnl_packet pkt;

		test_env_init(&env);
		struct lnl_keyslot *slot = slot_of(&env, k, true);
		uint32_t len = (uint32_t)test_hex(wire, sizeof(wire), k->datagram);
		for (uint32_t bit = k->v2 ? 0 : 8; bit < len * 8; bit++) {
			test_hex(wire, sizeof(wire), k->datagram);
			wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
			pkt = (struct lnl_packet){ .p = wire, .len = len };
			uint16_t drop = lnl_keyslot_open_aead(slot, &pkt, header);
			assert_true(drop == LNL_DROP_AUTH ||
				    (drop == LNL_DROP_REPLAY && k->id == 1));
		}
		assert_int_equal(slot->replay.highest, 0);
		assert_int_equal(slot->recv.used, 0);

		test_hex(wire, sizeof(wire), k->datagram);
		if (!k->v2)
			wire[0] ^= 0xff;
		pkt = (struct lnl_packet){ .p = wire, .len = len };
		assert_int_equal(lnl_keyslot_open_aead(slot, &pkt, header), LNL_DROP_NONE);
		lnl_keyslot_free(slot, &env.env);
	}
}

/*
 * A replayed id is refused before the tag is looked at: it costs nothing and does not count as
 * forged.
 */
static void replay_comes_before_the_tag(void **state)
{
	(void)state;
	const struct known *k = &knowns[0];
	struct test_env env;
	uint8_t wire[128];

	test_env_init(&env);
	struct lnl_keyslot *slot = slot_of(&env, k, true);
	for (int i = 0; i < 2; i++) {
		uint32_t len = (uint32_t)test_hex(wire, sizeof(wire), k->datagram);
		struct lnl_packet pkt = { .p = wire, .len = len };
		if (i == 1)
			wire[10] ^= 1;
		assert_int_equal(lnl_keyslot_open_aead(slot, &pkt, 4),
				 i == 0 ? LNL_DROP_NONE : LNL_DROP_REPLAY);
	}
	lnl_keyslot_free(slot, &env.env);
}

/* Every truncation; below one byte of ciphertext it is short before any key is used. */
static void refuses_truncations(void **state)
{
	(void)state;
	const struct known *k = &knowns[0];
	struct test_env env;

	test_env_init(&env);
	struct lnl_keyslot *slot = slot_of(&env, k, true);
	for (uint32_t len = 4; len < strlen(k->datagram) / 2; len++) {
		uint8_t wire[128];
		test_hex(wire, sizeof(wire), k->datagram);
		uint8_t *exact = malloc(len);
		assert_non_null(exact);
		memcpy(exact, wire, len);
		struct lnl_packet pkt = { .p = exact, .len = len };
		assert_int_equal(lnl_keyslot_open_aead(slot, &pkt, 4),
				 len < 4 + 4 + 16 + 1 ? LNL_DROP_SHORT : LNL_DROP_AUTH);
		free(exact);
	}
	lnl_keyslot_free(slot, &env.env);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_to_known_answers),
		cmocka_unit_test(opens_known_answers),
		cmocka_unit_test(refuses_changed_bits),
		cmocka_unit_test(replay_comes_before_the_tag),
		cmocka_unit_test(refuses_truncations),
	};

	return cmocka_run_group_tests_name("data/aead", tests, crypto_up, crypto_down);
}
