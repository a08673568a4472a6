/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum beside one that adds byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/csum.h"

#include "test_data_offload.h"

typedef uint64_t add_function(uint64_t, const uint8_t *, size_t);
static add_function *const functions[] = { lnl_csum_add, lnl_csum_add_plain };

#define N_FUNCTIONS (sizeof(functions) / sizeof(*functions))

/* Zero has two forms: what the naive sum says, and all ones for the other. */
static void assert_sum(uint16_t is, uint16_t should)
{
	assert_int_equal(is % 0xffff, should % 0xffff);
	assert_true((is == 0) == (should == 0));
}

/* RFC 1071, section 3. */
static void the_rfcs_example(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	(void)state;
	for (unsigned f = 0; f < N_FUNCTIONS; f++)
		assert_int_equal(lnl_csum_fold(functions[f](0, bytes, sizeof(bytes))), 0xddf2);
	assert_int_equal(naive_sum(0, bytes, sizeof(bytes)), 0xddf2);
}

/* Every length and alignment, in a block that ends where the bytes end. */
static void lengths_and_alignments(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (size_t len = 0; len <= 300; len++) {
		for (size_t shift = 0; shift < 64; shift++) {
			uint8_t *block = malloc(shift + len > 0 ? shift + len : 1);
			uint8_t *p = block + shift;

			assert_non_null(block);
			for (size_t i = 0; i < len; i++)
				p[i] = (uint8_t)next_random(&seed);
			for (unsigned f = 0; f < N_FUNCTIONS; f++)
				assert_sum(lnl_csum_fold(functions[f](0, p, len)),
					   naive_sum(0, p, len));
			if (len % 4 == 0)
				assert_sum(lnl_csum_fold(lnl_csum_add_header(0, p, (uint32_t)len)),
					   naive_sum(0, p, len));
			free(block);
		}
	}
}

/* Carries everywhere, nowhere, and as many as there can be. */
static void extremes(void **state)
{
	static uint8_t bytes[65536 + 32];

	(void)state;
	for (unsigned f = 0; f < N_FUNCTIONS; f++) {
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(lnl_csum_fold(functions[f](0, bytes, 65536)), 0);
		memset(bytes, 0xff, sizeof(bytes));
		for (size_t len = 65504; len <= 65536; len++)
			assert_sum(lnl_csum_fold(functions[f](0, bytes, len)),
				   naive_sum(0, bytes, len));
		/* What has been summed so far may be anything. */
		assert_sum(lnl_csum_fold(functions[f](UINT64_C(0xffffffff) << 31, bytes, 65535)),
			   naive_sum(lnl_csum_fold(UINT64_C(0xffffffff) << 31), bytes, 65535));
	}
	assert_int_equal(lnl_csum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(lnl_csum_fold(UINT64_C(0xffffffff0000ffff)), 0xffff);
}

/* Sums add up wherever even parts meet, and numbers are what stands big-endian in a packet. */
static void sums_add_up(void **state)
{
	uint8_t bytes[2000];
	uint64_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)next_random(&seed);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = next_random(&seed) % sizeof(bytes);
		size_t cut = len == 0 ? 0 : next_random(&seed) % len & ~(size_t)1;
		uint64_t sum = lnl_csum_add(lnl_csum_add(0, bytes + cut, len - cut), bytes, cut);

		assert_sum(lnl_csum_fold(sum), naive_sum(0, bytes, len));
	}
	uint64_t sum = lnl_csum_add16(lnl_csum_add32(0, 0x01020304), 0x0506);
	assert_int_equal(lnl_csum_fold(sum), naive_sum(0, (const uint8_t *)"\1\2\3\4\5\6", 6));
	assert_int_equal(lnl_csum_fold(lnl_csum_sub16(sum, 0x0506)), 0x0406);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfcs_example),
		cmocka_unit_test(lengths_and_alignments),
		cmocka_unit_test(extremes),
		cmocka_unit_test(sums_add_up),
	};

	return cmocka_run_group_tests_name("data/csum", tests, NULL, NULL);
}
