/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AEAD, CBC and CTR against known answers; what is changed on the way is refused; nothing is
 * allocated a packet.
 */
#include "test_crypto_env.h"

#include "crypto/wolfssl_compat.h"

static struct test_env world;
static unsigned library_allocations;

/* wolfSSL's allocators, only to count: the AEAD paths must not come here either. */
static void *count_malloc(size_t size)
{
	library_allocations++;
	return malloc(size);
}

static void count_free(void *p)
{
	free(p);
}

static void *count_realloc(void *p, size_t size)
{
	library_allocations++;
	return realloc(p, size);
}

static int start(void **state)
{
	(void)state;
	test_env_init(&world);
	wolfSSL_SetAllocators(count_malloc, count_free, count_realloc);
	return lnl_crypto_init(&world.env);
}

static int stop(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return world.live == 0 ? 0 : -1;
}

static void pattern(uint8_t *out, size_t len, unsigned first)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 + first);
}

/* The GCM specification's test cases 4, 10 and 16 (one key, cut short) and RFC 8439, 2.8.2. */
static const char gcm_key[] = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
static const char gcm_nonce[] = "cafebabefacedbaddecaf888";
static const char gcm_ad[] = "feedfacedeadbeeffeedfacedeadbeefabaddad2";
static const char gcm_text[] = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
			       "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

static const struct {
	enum lnl_cipher cipher;
	const char *key, *nonce, *ad, *text, *sealed;
} aead_answers[] = {
	{ LNL_CIPHER_AES_128_GCM, gcm_key, gcm_nonce, gcm_ad, gcm_text,
	  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5a"
	  "ac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47" },
	{ LNL_CIPHER_AES_192_GCM, gcm_key, gcm_nonce, gcm_ad, gcm_text,
	  "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c7d773d00c144c525ac619d18"
	  "c84a3f4718e2448b2fe324d9ccda27102519498e80f1478f37ba55bd6d27618c" },
	{ LNL_CIPHER_AES_256_GCM, gcm_key, gcm_nonce, gcm_ad, gcm_text,
	  "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b10"
	  "56828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b" },
	{ LNL_CIPHER_CHACHA20_POLY1305,
	  "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
	  "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
	  "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966"
	  "204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675"
	  "747572652c2073756e73637265656e20776f756c642062652069742e",
	  "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69"
	  "da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad6"
	  "75945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060"
	  "0691" },
};

static void aead_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(aead_answers) / sizeof(aead_answers[0]); i++) {
		uint8_t key[32], nonce[12], ad[32], text[128], sealed[160], tag[16], got[128];
		struct lnl_aead *a;

		test_hex(key, sizeof(key), aead_answers[i].key);
		test_hex(nonce, sizeof(nonce), aead_answers[i].nonce);
		size_t ad_len = test_hex(ad, sizeof(ad), aead_answers[i].ad);
		size_t len = test_hex(text, sizeof(text), aead_answers[i].text);
		assert_int_equal(test_hex(sealed, sizeof(sealed), aead_answers[i].sealed),
				 len + 16);
		assert_int_equal(lnl_aead_new(&a, &world.env, aead_answers[i].cipher, key), 0);
		assert_int_equal(lnl_aead_seal(a, nonce, ad, ad_len, got, text, len, tag), 0);
		assert_memory_equal(got, sealed, len);
		assert_memory_equal(tag, sealed + len, 16);
		assert_int_equal(lnl_aead_open(a, nonce, ad, ad_len, got, sealed, len,
					       sealed + len),
				 0);
		assert_memory_equal(got, text, len);
		lnl_aead_free(a);
	}
}

/*
 * Every length from 0 to 600 and some large ones, so that each path of the assembly is met: the
 * SHA-256 over all ciphertexts and tags, computed with python3's cryptography 48. In place; opened
 * again, in place.
 */
static const struct {
	enum lnl_cipher cipher;
	const char *digest;
} aead_bulk[] = {
	{ LNL_CIPHER_AES_128_GCM,
	  "d3de482e1f93aeb5182e8a15cd707e8e21ecee5237b8edd073fd6bb19bf1740f" },
	{ LNL_CIPHER_AES_192_GCM,
	  "d3c705d08a5f9e2c365294e3effda49d573c608787b96bcf36a75d0e013bb989" },
	{ LNL_CIPHER_AES_256_GCM,
	  "8662c7e2d24148ddf95211109da3bcaa720fac899d050192b22a720fd0a548e6" },
	{ LNL_CIPHER_CHACHA20_POLY1305,
	  "a49dd7b262f7773939f0f957471845adb9e277855bc60135c3684bc2059079b2" },
};

static size_t bulk_len(unsigned i)
{
	static const size_t large[] = { 1400, 1500, 8192, 65535 };

	return i <= 600 ? i : large[i - 601];
}

static void aead_every_length(void **state)
{
	uint8_t *all = malloc(400000), *again = malloc(65536);

	(void)state;
	for (size_t c = 0; c < sizeof(aead_bulk) / sizeof(aead_bulk[0]); c++) {
		uint8_t key[32], nonce[12], ad[32], digest[32];
		struct lnl_aead *a;
		size_t used = 0;

		pattern(key, sizeof(key), 1);
		assert_int_equal(lnl_aead_new(&a, &world.env, aead_bulk[c].cipher, key), 0);
		unsigned before = world.allocations, library_before = library_allocations;
		for (unsigned i = 0; i < 605; i++) {
			size_t n = bulk_len(i);
			uint8_t *p = all + used;

			nonce[0] = nonce[1] = 0;
			nonce[2] = (uint8_t)(n >> 8);
			nonce[3] = (uint8_t)n;
			pattern(nonce + 4, 8, 9);
			pattern(ad, n % 21, 3);
			pattern(p, n, (unsigned)(n & 0xff));
			assert_int_equal(lnl_aead_seal(a, nonce, ad, n % 21, p, p, n, p + n), 0);
			memcpy(again, p, n);
			assert_int_equal(lnl_aead_open(a, nonce, ad, n % 21, again, again, n,
						       p + n),
					 0);
			uint8_t last = (uint8_t)((n - 1) * 7 + (n & 0xff));
			assert_true(n == 0 || again[n - 1] == last);
			used += n + 16;
		}
		assert_int_equal(world.allocations, before);
		assert_int_equal(library_allocations, library_before);
		assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, all, used, digest), 0);
		test_hex_equal(digest, aead_bulk[c].digest);
		lnl_aead_free(a);
	}
	free(all);
	free(again);
}

/* One bit anywhere in ciphertext, tag, additional data, nonce or key, and one byte less or more. */
static void aead_refuses_changes(void **state)
{
	(void)state;
	for (size_t c = 0; c < sizeof(aead_bulk) / sizeof(aead_bulk[0]); c++) {
		/* key, nonce, additional data, ciphertext and tag, in a row, to flip each bit. */
		uint8_t all[32 + 12 + 8 + 40 + 16], out[64];
		uint8_t *nonce = all + 32, *ad = nonce + 12, *text = ad + 8, *tag = text + 40;
		size_t key_len = lnl_cipher_key_len(aead_bulk[c].cipher);
		struct lnl_aead *a, *other;

		pattern(all, sizeof(all), 5);
		assert_int_equal(lnl_aead_new(&a, &world.env, aead_bulk[c].cipher, all), 0);
		assert_int_equal(lnl_aead_seal(a, nonce, ad, 8, text, text, 40, tag), 0);
		assert_int_equal(lnl_aead_open(a, nonce, ad, 8, out, text, 40, tag), 0);
		for (size_t bit = 0; bit < 8 * sizeof(all); bit++) {
			size_t at = bit / 8;

			if (at >= key_len && at < 32)
				continue;
			all[at] ^= (uint8_t)(1u << (bit % 8));
			if (at < 32) {
				assert_int_equal(lnl_aead_new(&other, &world.env,
							      aead_bulk[c].cipher, all),
						 0);
				assert_int_equal(lnl_aead_open(other, nonce, ad, 8, out, text, 40,
							       tag),
						 LNL_E_AUTH);
				lnl_aead_free(other);
			} else {
				assert_int_equal(lnl_aead_open(a, nonce, ad, 8, out, text, 40, tag),
						 LNL_E_AUTH);
			}
			all[at] ^= (uint8_t)(1u << (bit % 8));
		}
		assert_int_equal(lnl_aead_open(a, nonce, ad, 8, out, text, 39, tag), LNL_E_AUTH);
		assert_int_equal(lnl_aead_open(a, nonce, ad, 7, out, text, 40, tag), LNL_E_AUTH);
		assert_int_equal(lnl_aead_open(a, nonce, ad, 0, out, text, 40, tag), LNL_E_AUTH);
		assert_int_equal(lnl_aead_open(a, nonce, ad, 8, out, text, 0, tag), LNL_E_AUTH);
		assert_int_equal(lnl_aead_open(a, nonce, ad, 8, out, text, 40, tag), 0);
		lnl_aead_free(a);
	}
}

static void key_refusals(void **state)
{
	uint8_t key[32] = { 1 };
	struct lnl_aead *a = NULL;
	struct lnl_cbc *b = NULL;

	(void)state;
	assert_int_equal(lnl_aead_new(&a, &world.env, LNL_CIPHER_NONE, key), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_aead_new(&a, &world.env, LNL_CIPHER_AES_256_CBC, key),
			 LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_cbc_new(&b, &world.env, LNL_CIPHER_NONE, key, true),
			 LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_cbc_new(&b, &world.env, LNL_CIPHER_AES_256_GCM, key, true),
			 LNL_E_UNSUPPORTED);
	world.fail_at = world.allocations + 1;
	assert_int_equal(lnl_aead_new(&a, &world.env, LNL_CIPHER_AES_256_GCM, key), LNL_E_NOMEM);
	assert_int_equal(lnl_cbc_new(&b, &world.env, LNL_CIPHER_AES_256_CBC, key, true),
			 LNL_E_NOMEM);
	world.fail_at = 0;
	assert_null(a);
	assert_null(b);
	lnl_aead_free(NULL);
	lnl_cbc_free(NULL);
}

/* SP 800-38A, F.2.1, F.2.3 and F.2.5: the first two blocks. */
static const struct {
	enum lnl_cipher cipher;
	const char *key, *sealed, *bulk;
} cbc_answers[] = {
	{ LNL_CIPHER_AES_128_CBC, "2b7e151628aed2a6abf7158809cf4f3c",
	  "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2",
	  "586cea9a6d4ab163ecdca979c2b271cb1cc8b9a9ebf6c2552c6b4885ec4b0b31" },
	{ LNL_CIPHER_AES_192_CBC, "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
	  "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
	  "dc70644911ca9b5399b4bdf1be53cb06cafb9025c04331171dacfc747f7977d7" },
	{ LNL_CIPHER_AES_256_CBC,
	  "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
	  "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
	  "ec67008fa8dd4d237496eb6dfd41191dfe9f220b7a949b05ea7a4282b563a311" },
};

static void cbc_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cbc_answers) / sizeof(cbc_answers[0]); i++) {
		uint8_t key[32], iv[16], text[32], got[32];
		struct lnl_cbc *in, *out;

		test_hex(key, sizeof(key), cbc_answers[i].key);
		test_hex(iv, sizeof(iv), "000102030405060708090a0b0c0d0e0f");
		test_hex(text, sizeof(text),
			 "6bc1bee22e409f96e93d7e117393172a"
			 "ae2d8a571e03ac9c9eb76fac45af8e51");
		assert_int_equal(lnl_cbc_new(&out, &world.env, cbc_answers[i].cipher, key, true),
				 0);
		assert_int_equal(lnl_cbc_new(&in, &world.env, cbc_answers[i].cipher, key, false),
				 0);
		for (unsigned run = 0; run < 2; run++) {
			assert_int_equal(lnl_cbc_run(out, iv, got, text, 32), 0);
			test_hex_equal(got, cbc_answers[i].sealed);
			assert_int_equal(lnl_cbc_run(in, iv, got, got, 32), 0);
			assert_memory_equal(got, text, 32);
		}
		assert_int_equal(lnl_cbc_run(out, iv, got, text, 31), LNL_E_INVAL);
		assert_int_equal(lnl_cbc_run(out, iv, got, text, 0), 0);
		lnl_cbc_free(in);
		lnl_cbc_free(out);
	}
}

/*
 * 1 to 89 blocks in place, both ways: the SHA-256 of all, computed with python3's cryptography 48.
 */
static void cbc_every_length(void **state)
{
	uint8_t *all = malloc(80000), text[16 * 90];

	(void)state;
	for (size_t c = 0; c < sizeof(cbc_answers) / sizeof(cbc_answers[0]); c++) {
		uint8_t key[32], iv[16], digest[32];
		struct lnl_cbc *in, *out;
		size_t used = 0;

		pattern(key, sizeof(key), 1);
		assert_int_equal(lnl_cbc_new(&out, &world.env, cbc_answers[c].cipher, key, true),
				 0);
		assert_int_equal(lnl_cbc_new(&in, &world.env, cbc_answers[c].cipher, key, false),
				 0);
		unsigned before = world.allocations, library_before = library_allocations;
		for (size_t n = 16; n < 16 * 90; n += 16) {
			pattern(iv, sizeof(iv), (unsigned)(n & 0xff));
			pattern(all + used, n, 5);
			assert_int_equal(lnl_cbc_run(out, iv, all + used, all + used, n), 0);
			memcpy(text, all + used, n);
			assert_int_equal(lnl_cbc_run(in, iv, text, text, n), 0);
			for (size_t i = 0; i < n; i++)
				assert_int_equal(text[i], (uint8_t)(i * 7 + 5));
			used += n;
		}
		assert_int_equal(world.allocations, before);
		assert_int_equal(library_allocations, library_before);
		assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, all, used, digest), 0);
		test_hex_equal(digest, cbc_answers[c].bulk);
		lnl_cbc_free(in);
		lnl_cbc_free(out);
	}
	free(all);
}

/*
 * SP 800-38A, F.5.5; then every length with a counter that carries through all 128 bits (python3's
 * cryptography 48).
 */
static void ctr_known(void **state)
{
	uint8_t key[32], iv[16], text[32], got[32], digest[32];
	uint8_t *all = malloc(80000);
	size_t used = 0;

	(void)state;
	test_hex(key, sizeof(key),
		 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
	test_hex(iv, sizeof(iv), "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
	test_hex(text, sizeof(text),
		 "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
	assert_int_equal(lnl_ctr_run(key, iv, got, text, 32), 0);
	test_hex_equal(got, "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5");
	assert_int_equal(lnl_ctr_run(key, iv, got, got, 32), 0);
	assert_memory_equal(got, text, 32);
	pattern(key, sizeof(key), 1);
	for (size_t n = 0; n < 400; n++) {
		memset(iv, 0xff, sizeof(iv));
		iv[15] = (uint8_t)n;
		pattern(all + used, n, 5);
		assert_int_equal(lnl_ctr_run(key, iv, all + used, all + used, n), 0);
		used += n;
	}
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, all, used, digest), 0);
	test_hex_equal(digest, "ade69d80f4fccd835e3ff24d61d2097eee58f6750eb1b5c337542208d96e8e4d");
	free(all);
}

/*
 * K2: once released, no object's memory holds its key; while in use it does, or this would prove
 * nothing.
 */
static void k2_keys_are_wiped(void **state)
{
	uint8_t key[64], out[64], nonce[12] = { 0 };

	(void)state;
	world.env.random(world.env.ctx, key, sizeof(key));
	for (unsigned c = 1; c < LNL_CIPHER_COUNT; c++) {
		struct lnl_aead *a = NULL;
		struct lnl_cbc *b = NULL;
		bool aead = lnl_cipher_is_aead((enum lnl_cipher)c);

		if (aead)
			assert_int_equal(lnl_aead_new(&a, &world.env, (enum lnl_cipher)c, key), 0);
		else
			assert_int_equal(lnl_cbc_new(&b, &world.env, (enum lnl_cipher)c, key, true),
					 0);
		void *p = aead ? (void *)a : (void *)b;
		assert_non_null(memmem(p, malloc_usable_size(p), key, 16));
		if (aead)
			assert_int_equal(lnl_aead_seal(a, nonce, key, 8, out, key, 32, out + 32),
					 0);
		world.secret = key;
		lnl_aead_free(a);
		lnl_cbc_free(b);
		world.secret = NULL;
	}
	struct lnl_hmac *h;
	assert_int_equal(lnl_hmac_new(&h, &world.env, LNL_DIGEST_SHA256, key, 64), 0);
	/* It holds the key only xored with RFC 2104's pad. */
	for (unsigned i = 0; i < 64; i++)
		key[i] ^= 0x36;
	assert_non_null(memmem(h, malloc_usable_size(h), key, 16));
	world.secret = key;
	lnl_hmac_free(h);
	world.secret = NULL;
	assert_int_equal(world.leaks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(aead_known, start, stop),
		cmocka_unit_test_setup_teardown(aead_every_length, start, stop),
		cmocka_unit_test_setup_teardown(aead_refuses_changes, start, stop),
		cmocka_unit_test_setup_teardown(key_refusals, start, stop),
		cmocka_unit_test_setup_teardown(cbc_known, start, stop),
		cmocka_unit_test_setup_teardown(cbc_every_length, start, stop),
		cmocka_unit_test_setup_teardown(ctr_known, start, stop),
		cmocka_unit_test_setup_teardown(k2_keys_are_wiped, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
