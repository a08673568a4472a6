/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whoever has used the wide halves of vector registers cleans them up. When wolfSSL's assembly does
 * not, SHA-256 takes a hundred times as long on processors that then save and restore them at each
 * step (cmake/wolfssl.sh, clean_registers).
 */
#include "test_crypto_env.h"

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/poly1305.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>

#include "pki/pki.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

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

#if defined(__x86_64__)

#include <cpuid.h>

/* The state components that are not as after a reset: upper halves of YMM and of ZMM registers. */
#define WIDE (1U << 2 | 1U << 6)

static bool is_wide(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(1));
	return (low & WIDE) != 0;
}

/* Whether the processor can tell, and does. */
static bool can_tell(void)
{
	uint32_t a, b, c, d;
	bool dirty, clean;

	if (!__builtin_cpu_supports("avx2") || !__get_cpuid_count(0xd, 1, &a, &b, &c, &d) ||
	    (a & 1U << 2) == 0)
		return false;
	__asm__ volatile("vpcmpeqd %%ymm0, %%ymm0, %%ymm0" : : : "xmm0");
	dirty = is_wide();
	__asm__ volatile("vzeroupper" : : : "xmm0");
	clean = !is_wide();
	return dirty && clean;
}

#else

static bool is_wide(void)
{
	return false;
}

static bool can_tell(void)
{
	return false;
}

#endif

/* At once: the next memset() of the C library may clean up. */
#define assert_clean(call)                                                                         \
	do {                                                                                       \
		int result_ = (call);                                                              \
		bool wide_ = is_wide();                                                            \
		assert_true(result_ >= 0);                                                         \
		assert_false(wide_);                                                               \
	} while (0)

static void use_curve(WC_RNG *rng, int curve)
{
	uint8_t hash[32] = { 1 }, signature[160], secret[80];
	word32 len = sizeof(signature), secret_len = sizeof(secret);
	ecc_key key;
	int good = 0;

	assert_int_equal(wc_ecc_init(&key), 0);
	assert_clean(wc_ecc_make_key_ex(rng, 0, &key, curve));
	assert_int_equal(wc_ecc_set_rng(&key, rng), 0);
	assert_clean(wc_ecc_sign_hash(hash, sizeof(hash), signature, &len, rng, &key));
	assert_clean(wc_ecc_verify_hash(signature, len, hash, sizeof(hash), &good, &key));
	assert_int_equal(good, 1);
	assert_clean(wc_ecc_shared_secret(&key, &key, secret, &secret_len));
	wc_ecc_free(&key);
}

static void test_curves(void **state)
{
	static const int curves[] = { ECC_SECP256R1, ECC_SECP384R1, ECC_SECP521R1 };
	WC_RNG rng;

	(void)state;
	if (!can_tell())
		skip();
	assert_int_equal(wc_InitRng(&rng), 0);
	for (size_t i = 0; i < ROWS(curves); i++)
		use_curve(&rng, curves[i]);
	wc_FreeRng(&rng);
}

static void test_rsa(void **state)
{
	uint8_t der[2048], hash[32] = { 1 }, signature[512];
	word32 at = 0;
	RsaKey key;
	WC_RNG rng;
	int len;

	(void)state;
	if (!can_tell())
		skip();
	assert_int_equal(wc_InitRng(&rng), 0);
	assert_int_equal(wc_InitRsaKey(&key, NULL), 0);
	assert_int_equal(wc_RsaSetRNG(&key, &rng), 0);
	len = wc_KeyPemToDer((const unsigned char *)pki_rsa_key, (int)strlen(pki_rsa_key), der,
			     sizeof(der), NULL);
	assert_true(len > 0);
	assert_int_equal(wc_RsaPrivateKeyDecode(der, &at, &key, (word32)len), 0);
	assert_clean(wc_RsaSSL_Sign(hash, sizeof(hash), signature, sizeof(signature), &key, &rng));
	wc_FreeRsaKey(&key);
	wc_FreeRng(&rng);
}

static void test_poly1305(void **state)
{
	static const uint8_t key[32] = { 1 };
	Poly1305 poly;

	(void)state;
	if (!can_tell())
		skip();
	assert_clean(wc_Poly1305SetKey(&poly, key, sizeof(key)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_curves),
		cmocka_unit_test(test_rsa),
		cmocka_unit_test(test_poly1305),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
