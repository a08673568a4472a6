/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * K1 constant time (one compare function, right for every length and place) and K2 wipe (every byte
 * goes).
 */
#include "test_crypto_env.h"

#include <stdio.h>

static void k1_equal_sees_every_bit(void **state)
{
	uint8_t a[65], b[65];

	(void)state;
	for (size_t len = 0; len <= sizeof(a); len++) {
		memset(a, 0x5a, sizeof(a));
		memcpy(b, a, sizeof(a));
		assert_true(lnl_secret_equal(a, b, len));
		for (size_t i = 0; i < len; i++) {
			for (unsigned bit = 0; bit < 8; bit++) {
				b[i] ^= (uint8_t)(1u << bit);
				assert_false(lnl_secret_equal(a, b, len));
				b[i] = a[i];
			}
		}
	}
	b[64] ^= 1;
	assert_true(lnl_secret_equal(a, b, 64));
	assert_true(lnl_secret_equal(NULL, NULL, 0));
}

static void k2_wipe_leaves_nothing(void **state)
{
	uint8_t a[66];

	(void)state;
	for (size_t len = 0; len <= 64; len++) {
		memset(a, 0xee, sizeof(a));
		lnl_secret_wipe(a + 1, len);
		assert_int_equal(a[0], 0xee);
		assert_int_equal(a[len + 1], 0xee);
		for (size_t i = 1; i <= len; i++)
			assert_int_equal(a[i], 0);
	}
	lnl_secret_wipe(NULL, 0);
}

/*
 * Tags, fingerprints and the like have one way to be compared: no other one stands where they are.
 */
static void k1_no_other_compare(void **state)
{
	static const char *const files[] = { "secret",	    "wolfssl",	      "wolfssl_cipher",
					     "wolfssl_tls", "wolfssl_verify", "fake" };

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[512], line[512];

		assert_true(snprintf(path, sizeof(path), "%s/../engine/crypto/%s.c",
				     LUNEL_TESTS_DIR, files[i]) < (int)sizeof(path));
		FILE *f = fopen(path, "r");
		assert_non_null(f);
		while (fgets(line, sizeof(line), f) != NULL)
			assert_null(strstr(line, "memcmp"));
		fclose(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(k1_equal_sees_every_bit),
		cmocka_unit_test(k1_no_other_compare),
		cmocka_unit_test(k2_wipe_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
