/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "aligned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void begins_a_line_and_is_zero(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 63, 64, 65, 512, 1000, 4096, 1000000 };
	char zeros[1000] = { 0 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *p[3];

		for (unsigned k = 0; k < 3; k++) {
			p[k] = lnl_aligned_new(sizes[i]);
			assert_non_null(p[k]);
			assert_int_equal((uintptr_t)p[k] % LNL_ALIGNED_LINE, 0);
			for (size_t at = 0; at < sizes[i]; at += sizeof(zeros)) {
				size_t left = sizes[i] - at;

				assert_memory_equal(p[k] + at, zeros,
						    left < sizeof(zeros) ? left : sizeof(zeros));
			}
			memset(p[k], 0xff, sizes[i]); /* all of it is ours */
		}
		lnl_aligned_free(p[1]);
		lnl_aligned_free(p[0]);
		lnl_aligned_free(p[2]);
	}
	lnl_aligned_free(NULL);
}

static void more_than_there_is(void **state)
{
	(void)state;
	volatile size_t huge = SIZE_MAX; /* compilers would say that it cannot be */

	for (size_t i = 0; i < LNL_ALIGNED_LINE; i++)
		assert_null(lnl_aligned_new(huge - i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_a_line_and_is_zero),
		cmocka_unit_test(more_than_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
