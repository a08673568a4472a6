/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The fake keeps crypto.h's contract: it is its own inverse, sees every change, and is the same on
 * every run.
 */

/* The unit tests of this room link the real thing; what is defined here goes before it. */
#include "crypto/fake.c"

#include "test_crypto_env.h"

static struct test_env world;

static int start(void **state)
{
	(void)state;
	test_env_init(&world);
	return lnl_crypto_init(&world.env);
}

static int stop(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return world.live == 0 ? 0 : -1;
}

static void random_is_the_environments(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	assert_string_equal(lnl_crypto_version(), "0.0.0-fake");
	assert_false(lnl_crypto_has_assembly());
	world.seed = 3;
	assert_int_equal(lnl_crypto_random(NULL, a, sizeof(a)), 0);
	world.seed = 3;
	assert_int_equal(lnl_crypto_random(NULL, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	world.no_random = true;
	assert_int_equal(lnl_crypto_random(NULL, a, sizeof(a)), LNL_E_RANDOM);
	lnl_crypto_deinit();
	assert_int_equal(lnl_crypto_init(&world.env), LNL_E_RANDOM);
	assert_int_equal(lnl_crypto_random(NULL, a, sizeof(a)), LNL_E_RANDOM);
	world.no_random = false;
	assert_int_equal(lnl_crypto_init(NULL), 0);
	assert_int_equal(lnl_crypto_random(NULL, a, sizeof(a)), 0);
	assert_int_equal(lnl_crypto_random(NULL, b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	lnl_crypto_deinit();
	assert_int_equal(lnl_crypto_init(&world.env), 0);
}

static void hmac_and_digest(void **state)
{
	const struct lnl_piece whole = { "abcdefghi", 9 };
	const struct lnl_piece parts[] = { { "abc", 3 }, { NULL, 0 }, { "defghi", 6 } };
	uint8_t a[64], b[64];
	struct lnl_hmac *h;

	(void)state;
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_SHA256, (const uint8_t *)"k", 1),
			 0);
	assert_int_equal(lnl_hmac_run(h, &whole, 1, a), 0);
	assert_int_equal(lnl_hmac_run(h, parts, 3, b), 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(lnl_hmac_run(h, parts, 2, b), 0);
	assert_memory_not_equal(a, b, 32);
	lnl_hmac_free(h);
	assert_int_equal(lnl_hmac_once(LNL_DIGEST_SHA256, (const uint8_t *)"k", 1, &whole, 1, b),
			 0);
	assert_memory_equal(a, b, 32);
	assert_int_equal(lnl_hmac_once(LNL_DIGEST_NONE, a, 1, &whole, 1, b), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_hmac_once(LNL_DIGEST_MD5, a, 0, &whole, 1, b), LNL_E_KEY);
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_SHA256, (const uint8_t *)"l", 1),
			 0);
	assert_int_equal(lnl_hmac_run(h, &whole, 1, b), 0);
	assert_memory_not_equal(a, b, 32);
	lnl_hmac_free(h);
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_NONE, a, 1), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_MD5, a, 0), LNL_E_KEY);
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, "a", 1, a), 0);
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, "b", 1, b), 0);
	assert_memory_not_equal(a, b, 32);
	assert_int_equal(lnl_digest(LNL_DIGEST_NONE, "b", 1, b), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_prf_tls10(a, 64, (const uint8_t *)"s", 1, "x", b, 64), 0);
	assert_int_equal(lnl_prf_tls10(b, 64, (const uint8_t *)"s", 1, "y", b, 64), 0);
	assert_memory_not_equal(a, b, 64);
	assert_int_equal(lnl_prf_tls10(a, 257, b, 1, "x", b, 64), LNL_E_KEY);
}

static void aead_sees_changes(void **state)
{
	(void)state;
	for (unsigned c = 1; c < LNL_CIPHER_COUNT; c++) {
		uint8_t key[32] = { 7 }, all[12 + 8 + 40 + 16], out[40];
		uint8_t *ad = all + 12, *text = ad + 8, *tag = text + 40;
		struct lnl_aead *a = NULL;
		int error = lnl_aead_new(&a, &world.env, (enum lnl_cipher)c, key);

		if (!lnl_cipher_is_aead((enum lnl_cipher)c)) {
			assert_int_equal(error, LNL_E_UNSUPPORTED);
			continue;
		}
		memset(all, 9, sizeof(all));
		assert_int_equal(lnl_aead_seal(a, all, ad, 8, text, text, 40, tag), 0);
		for (size_t bit = 0; bit < 8 * sizeof(all); bit++) {
			all[bit / 8] ^= (uint8_t)(1u << (bit % 8));
			assert_int_equal(lnl_aead_open(a, all, ad, 8, out, text, 40, tag),
					 LNL_E_AUTH);
			all[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		}
		assert_int_equal(lnl_aead_open(a, all, ad, 7, out, text, 40, tag), LNL_E_AUTH);
		assert_int_equal(lnl_aead_open(a, all, ad, 8, out, text, 39, tag), LNL_E_AUTH);
		assert_int_equal(lnl_aead_open(a, all, ad, 8, text, text, 40, tag), 0);
		for (unsigned i = 0; i < 40; i++)
			assert_int_equal(text[i], 9);
		lnl_aead_free(a);
	}
}

static void cbc_and_ctr_invert(void **state)
{
	uint8_t key[32] = { 1 }, iv[16] = { 2 }, text[48], got[48];
	struct lnl_cbc *in, *out;

	(void)state;
	memset(text, 3, sizeof(text));
	assert_int_equal(lnl_cbc_new(&out, &world.env, LNL_CIPHER_AES_256_CBC, key, true), 0);
	assert_int_equal(lnl_cbc_new(&in, &world.env, LNL_CIPHER_AES_256_CBC, key, false), 0);
	assert_int_equal(lnl_cbc_run(out, iv, got, text, 48), 0);
	assert_memory_not_equal(got, text, 48);
	assert_int_equal(lnl_cbc_run(in, iv, got, got, 48), 0);
	assert_memory_equal(got, text, 48);
	assert_int_equal(lnl_cbc_run(in, iv, got, got, 47), LNL_E_INVAL);
	lnl_cbc_free(in);
	lnl_cbc_free(out);
	assert_int_equal(lnl_cbc_new(&out, &world.env, LNL_CIPHER_AES_256_GCM, key, true),
			 LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_ctr_run(key, iv, got, text, 47), 0);
	assert_memory_not_equal(got, text, 47);
	assert_int_equal(lnl_ctr_run(key, iv, got, got, 47), 0);
	assert_memory_equal(got, text, 47);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_is_the_environments, start, stop),
		cmocka_unit_test_setup_teardown(hmac_and_digest, start, stop),
		cmocka_unit_test_setup_teardown(aead_sees_changes, start, stop),
		cmocka_unit_test_setup_teardown(cbc_and_ctr_invert, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
