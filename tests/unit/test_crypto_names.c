/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names and sizes of digests and ciphers. */
#include "test_crypto_env.h"

static void digest_names(void **state)
{
	static const struct {
		const char *name;
		int error;
		enum lnl_digest digest;
	} rows[] = {
		{ "SHA256", 0, LNL_DIGEST_SHA256 },
		{ "sha256", 0, LNL_DIGEST_SHA256 },
		{ "SHA-256", 0, LNL_DIGEST_SHA256 },
		{ "SHA2-256", 0, LNL_DIGEST_SHA256 },
		{ "RSA-SHA256", 0, LNL_DIGEST_SHA256 },
		{ "SHA1", 0, LNL_DIGEST_SHA1 },
		{ "SHA-1", 0, LNL_DIGEST_SHA1 },
		{ "rsa-sha1", 0, LNL_DIGEST_SHA1 },
		{ "MD5", 0, LNL_DIGEST_MD5 },
		{ "SHA224", 0, LNL_DIGEST_SHA224 },
		{ "SHA384", 0, LNL_DIGEST_SHA384 },
		{ "SHA512", 0, LNL_DIGEST_SHA512 },
		{ "none", 0, LNL_DIGEST_NONE },
		{ "[null-digest]", 0, LNL_DIGEST_NONE },
		{ "", LNL_E_NOTFOUND, LNL_DIGEST_NONE },
		{ "SHA", 0, LNL_DIGEST_SHA1 },
		{ "SHA25", LNL_E_NOTFOUND, LNL_DIGEST_NONE },
		{ "SHA2567", LNL_E_NOTFOUND, LNL_DIGEST_NONE },
		{ "SHA256 ", LNL_E_NOTFOUND, LNL_DIGEST_NONE },
		{ "BLAKE2b512", LNL_E_NOTFOUND, LNL_DIGEST_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum lnl_digest d = LNL_DIGEST_NONE;

		assert_int_equal(lnl_digest_find(rows[i].name, &d), rows[i].error);
		assert_int_equal(d, rows[i].digest);
	}
	assert_string_equal(lnl_digest_name(LNL_DIGEST_NONE), "[null-digest]");
	assert_string_equal(lnl_digest_name(LNL_DIGEST_SHA512), "SHA512");
	assert_string_equal(lnl_digest_name((enum lnl_digest)99), "[null-digest]");
	assert_int_equal(lnl_digest_len(LNL_DIGEST_SHA384), 48);
	assert_int_equal(lnl_digest_len(LNL_DIGEST_NONE), 0);
	assert_int_equal(lnl_digest_len((enum lnl_digest)99), 0);
}

static void cipher_names(void **state)
{
	static const struct {
		const char *name;
		int error;
		enum lnl_cipher cipher;
		size_t key_len;
		bool aead;
	} rows[] = {
		{ "AES-256-GCM", 0, LNL_CIPHER_AES_256_GCM, 32, true },
		{ "aes-256-gcm", 0, LNL_CIPHER_AES_256_GCM, 32, true },
		{ "id-aes256-GCM", 0, LNL_CIPHER_AES_256_GCM, 32, true },
		{ "AES-192-GCM", 0, LNL_CIPHER_AES_192_GCM, 24, true },
		{ "AES-128-GCM", 0, LNL_CIPHER_AES_128_GCM, 16, true },
		{ "chacha20-poly1305", 0, LNL_CIPHER_CHACHA20_POLY1305, 32, true },
		{ "AES-128-CBC", 0, LNL_CIPHER_AES_128_CBC, 16, false },
		{ "AES-192-CBC", 0, LNL_CIPHER_AES_192_CBC, 24, false },
		{ "AES-256-CBC", 0, LNL_CIPHER_AES_256_CBC, 32, false },
		{ "BF-CBC", LNL_E_NOTFOUND, LNL_CIPHER_NONE, 0, false },
		{ "none", LNL_E_NOTFOUND, LNL_CIPHER_NONE, 0, false },
		{ "[null-cipher]", LNL_E_NOTFOUND, LNL_CIPHER_NONE, 0, false },
		{ "", LNL_E_NOTFOUND, LNL_CIPHER_NONE, 0, false },
		{ "AES-256-GC", LNL_E_NOTFOUND, LNL_CIPHER_NONE, 0, false },
		{ "AES-256-GCMx", LNL_E_NOTFOUND, LNL_CIPHER_NONE, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		enum lnl_cipher c = LNL_CIPHER_NONE;

		assert_int_equal(lnl_cipher_find(rows[i].name, &c), rows[i].error);
		assert_int_equal(c, rows[i].cipher);
		assert_int_equal(lnl_cipher_key_len(c), rows[i].key_len);
		assert_int_equal(lnl_cipher_is_aead(c), rows[i].aead);
	}
	assert_string_equal(lnl_cipher_name(LNL_CIPHER_AES_256_GCM), "AES-256-GCM");
	assert_string_equal(lnl_cipher_name(LNL_CIPHER_COUNT), "[null-cipher]");
	assert_int_equal(lnl_cipher_key_len(LNL_CIPHER_COUNT), 0);
	assert_false(lnl_cipher_is_aead(LNL_CIPHER_COUNT));
}

/* A name that is printed must be found again. */
static void names_round_trip(void **state)
{
	(void)state;
	for (unsigned i = 1; i < LNL_CIPHER_COUNT; i++) {
		enum lnl_cipher c;

		assert_int_equal(lnl_cipher_find(lnl_cipher_name((enum lnl_cipher)i), &c), 0);
		assert_int_equal(c, i);
	}
	for (unsigned i = 0; i <= LNL_DIGEST_SHA512; i++) {
		enum lnl_digest d;

		assert_int_equal(lnl_digest_find(lnl_digest_name((enum lnl_digest)i), &d), 0);
		assert_int_equal(d, i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_names),
		cmocka_unit_test(cipher_names),
		cmocka_unit_test(names_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
