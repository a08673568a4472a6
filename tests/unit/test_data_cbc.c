/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_data_world.h"

#include "data/ivs.h"

/* Datagrams computed with python3-cryptography and hashlib: small_packet, IV a0 a1 a2 ... */
struct known {
	enum lnl_cipher cipher;
	enum lnl_digest digest;
	uint8_t key_id;
	uint32_t wire_id;
	uint32_t id;
	const char *datagram;
};

static const struct known knowns[] = {
	{ LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256, 1, 2, 1,
	  "4900000225a0a5badea64d8b20ad228026158a9d8f41d7386a6f3e7cfc3d345a05785067a0a1a2a3a4a5a6a7"
	  "a8a9aaabacadaeaf4afa463012ed6cbb2520654ea7d94b26ca1f7860894903614f35f83e9ec577226d5c4c38"
	  "0bcb0ca966268880a6a1b7fe" },
	{ LNL_CIPHER_AES_128_CBC, LNL_DIGEST_SHA1, 2, LNL_PEER_ID_NONE, 9,
	  "323e191221d64764ba9637a50745bf6c07ea2c9cc3a0a1a2a3a4a5a6a7a8a9aaabacadaeaf47625c9318a2ee"
	  "5c0f48d68fbaf8dc9130788a651856586ac946131fb4258ff3e66b7669aea3d09efa265b520ba67987" },
};

static int counting_ivs(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(0xa0 + i % LNL_BLOCK_LEN);
	return 0;
}

static struct lnl_keyslot *slot_of(struct test_env *env, const struct known *k, bool other_end)
{
	struct lnl_key_conf key;
	struct lnl_keyslot *slot;

	test_key(&key, k->cipher, k->digest);
	key.key_id = k->key_id;
	key.first_id = k->id;
	if (other_end)
		key = test_key_of_other_end(&key);
	assert_int_equal(lnl_keyslot_new(&slot, &env->env, &key), 0);
	return slot;
}

static uint32_t header_of(const struct known *k)
{
	return lnl_keyslot_header_len(k->wire_id);
}

static void seals_to_known_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];
		struct test_env env;
		struct test_buffer b;
		struct lnl_ivs ivs;

		test_env_init(&env);
		env.env.random = counting_ivs;
		lnl_ivs_init(&ivs, &env.env);
		struct lnl_keyslot *slot = slot_of(&env, k, false);
		struct lnl_packet pkt = test_packet(&b, 0, small_packet, sizeof(small_packet));
		assert_int_equal(lnl_keyslot_seal_cbc(slot, &pkt, k->wire_id, &ivs), LNL_DROP_NONE);
		assert_int_equal(pkt.len, strlen(k->datagram) / 2);
		test_hex_equal(pkt.p, k->datagram);
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
		assert_int_equal(lnl_keyslot_open_cbc(slot, &pkt, header_of(k)), LNL_DROP_NONE);
		assert_int_equal(pkt.len, sizeof(small_packet));
		assert_memory_equal(pkt.p, small_packet, sizeof(small_packet));

		len = (uint32_t)test_hex(wire, sizeof(wire), k->datagram);
		pkt = (struct lnl_packet){ .p = wire, .len = len };
		assert_int_equal(lnl_keyslot_open_cbc(slot, &pkt, header_of(k)), LNL_DROP_REPLAY);
		lnl_keyslot_free(slot, &env.env);
	}
}

/* The HMAC covers everything behind it; not the header, which is OpenVPN's choice and not ours. */
static void refuses_changed_bits(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const struct known *k = &knowns[i];
		struct test_env env;
		uint8_t wire[128];
		struct lnl_packet pkt;

		test_env_init(&env);
		struct lnl_keyslot *slot = slot_of(&env, k, true);
		uint32_t len = (uint32_t)test_hex(wire, sizeof(wire), k->datagram);
		for (uint32_t bit = header_of(k) * 8; bit < len * 8; bit++) {
			test_hex(wire, sizeof(wire), k->datagram);
			wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
			pkt = (struct lnl_packet){ .p = wire, .len = len };
			assert_int_equal(lnl_keyslot_open_cbc(slot, &pkt, header_of(k)),
					 LNL_DROP_AUTH);
		}
		assert_int_equal(slot->replay.highest, 0);

		test_hex(wire, sizeof(wire), k->datagram);
		memset(wire, 0xff, header_of(k));
		pkt = (struct lnl_packet){ .p = wire, .len = len };
		assert_int_equal(lnl_keyslot_open_cbc(slot, &pkt, header_of(k)), LNL_DROP_NONE);
		lnl_keyslot_free(slot, &env.env);
	}
}

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
		assert_int_equal(lnl_keyslot_open_cbc(slot, &pkt, 4),
				 len < 4 + 32 + 16 + 16 ? LNL_DROP_SHORT : LNL_DROP_AUTH);
		free(exact);
	}
	lnl_keyslot_free(slot, &env.env);
}

/* Builds an authentic datagram around |text|, which a peer that has the key could send. */
static uint16_t open_text(const uint8_t *text, uint32_t len, struct lnl_packet *out, uint8_t *wire)
{
	struct test_env env;
	struct lnl_key_conf key, other;
	struct lnl_keyslot *from, *to;

	test_env_init(&env);
	test_key(&key, LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA1);
	other = test_key_of_other_end(&key);
	assert_int_equal(lnl_keyslot_new(&from, &env.env, &key), 0);
	assert_int_equal(lnl_keyslot_new(&to, &env.env, &other), 0);

	uint8_t *iv = wire + 1 + 20;
	memset(iv, 0x77, LNL_BLOCK_LEN);
	memcpy(iv + LNL_BLOCK_LEN, text, len);
	assert_int_equal(lnl_cbc_run(from->cbc_send.cipher, iv, iv + LNL_BLOCK_LEN,
				     iv + LNL_BLOCK_LEN, len / LNL_BLOCK_LEN * LNL_BLOCK_LEN),
			 0);
	struct lnl_piece piece = { iv, LNL_BLOCK_LEN + len };
	assert_int_equal(lnl_hmac_run(from->cbc_send.hmac, &piece, 1, wire + 1), 0);
	*out = (struct lnl_packet){ .p = wire, .len = 1 + 20 + LNL_BLOCK_LEN + len };
	uint16_t drop = lnl_keyslot_open_cbc(to, out, 1);
	lnl_keyslot_free(from, &env.env);
	lnl_keyslot_free(to, &env.env);
	return drop;
}

/* What only a peer with the key can get wrong. */
static void checks_padding_behind_the_mac(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint16_t drop;
		uint32_t len;
	} rows[] = {
		{ "00000001"
		  "45"
		  "0b0b0b0b0b0b0b0b0b0b0b",
		  LNL_DROP_NONE, 1 },
		{ "00000001"
		  "0c0c0c0c0c0c0c0c0c0c0c0c",
		  LNL_DROP_NONE, 0 },
		{ "00000001"
		  "454545454545454545454501",
		  LNL_DROP_NONE, 11 },
		{ "00000001454545454545454545454545"
		  "10101010101010101010101010101010",
		  LNL_DROP_NONE, 12 },
		{ "00000001"
		  "454545454545454545454500",
		  LNL_DROP_FORMAT, 0 },
		{ "00000001"
		  "454545454545454545454511",
		  LNL_DROP_FORMAT, 0 },
		{ "00000001"
		  "454545454545454545450102",
		  LNL_DROP_FORMAT, 0 },
		{ "00000001454545454545454545454545"
		  "ffffffffffffffffffffffffffffffff",
		  LNL_DROP_FORMAT, 0 },
		{ "00000001454545454545454545454511"
		  "11111111111111111111111111111111",
		  LNL_DROP_FORMAT, 0 },
		{ "0000000d0d0d0d0d0d0d0d0d0d0d0d0d", LNL_DROP_FORMAT, 0 }, /* 3 bytes left */
		{ "10101010101010101010101010101010", LNL_DROP_FORMAT, 0 }, /* none left */
		{ "00000000"
		  "45"
		  "0b0b0b0b0b0b0b0b0b0b0b",
		  LNL_DROP_REPLAY, 0 },					      /* id 0 */
		{ "0000000145454545454545454545450145", LNL_DROP_FORMAT, 0 }, /* 17 bytes */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t text[64], wire[128];
		struct lnl_packet pkt;
		uint32_t len = (uint32_t)test_hex(text, sizeof(text), rows[i].text);
		assert_int_equal(open_text(text, len, &pkt, wire), rows[i].drop);
		if (rows[i].drop == LNL_DROP_NONE)
			assert_int_equal(pkt.len, rows[i].len);
	}
}

/* Every length is padded and comes back; the IV differs each time. */
static void carries_every_length(void **state)
{
	(void)state;
	struct world w;
	uint8_t data[200], last_iv[LNL_BLOCK_LEN] = { 0 };
	struct test_buffer b;

	world_init(&w, LNL_CIPHER_AES_192_CBC, LNL_DIGEST_SHA512, LNL_FRAMING_NONE, true);
	memset(data, 0x5a, sizeof(data));
	data[0] = 0x45;
	for (uint32_t len = 20; len <= sizeof(data); len++) {
		struct lnl_packet pkt = world_seal(&w, &b, data, len);
		assert_int_equal(pkt.len, 4 + 64 + 16 + (4 + len) / 16 * 16 + 16);
		assert_true(pkt.len <= len + lnl_data_overhead(LNL_CIPHER_AES_192_CBC,
							       LNL_DIGEST_SHA512, true,
							       LNL_FRAMING_NONE));
		assert_memory_not_equal(pkt.p + 4 + 64, last_iv, LNL_BLOCK_LEN);
		memcpy(last_iv, pkt.p + 4 + 64, LNL_BLOCK_LEN);
		assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
		assert_int_equal(pkt.len, len);
		assert_memory_equal(pkt.p, data, len);
	}
	world_deinit(&w);
}

/* Without randomness nothing is sent. */
static void fails_closed_without_randomness(void **state)
{
	(void)state;
	struct world w;
	struct test_buffer b;

	world_init(&w, LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256, LNL_FRAMING_NONE, true);
	w.env.no_random = true;
	struct lnl_packet pkt = test_packet(&b, CLIENT_PEER, small_packet, sizeof(small_packet));
	assert_int_equal(lnl_data_seal(w.client, &pkt, 1, w.now), 0);
	assert_int_equal(pkt.drop, LNL_DROP_STATE);
	w.env.no_random = false;
	pkt = world_seal(&w, &b, small_packet, sizeof(small_packet));
	assert_int_equal(world_open(&w, &pkt), LNL_DROP_NONE);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seals_to_known_answers),
		cmocka_unit_test(opens_known_answers),
		cmocka_unit_test(refuses_changed_bits),
		cmocka_unit_test(refuses_truncations),
		cmocka_unit_test(checks_padding_behind_the_mac),
		cmocka_unit_test(carries_every_length),
		cmocka_unit_test(fails_closed_without_randomness),
	};

	return cmocka_run_group_tests_name("data/cbc", tests, crypto_up, crypto_down);
}
