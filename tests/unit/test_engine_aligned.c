/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "aligned.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void whole_lines_begin_one_and_all_is_zero(void **state)
{
	(void)state;
	static const size_t sizes[] = { 0,   1,	  15,  16,  17,	  63,	64,	 65,	 255,
					256, 257, 448, 512, 1000, 4096, 1000000, 1 << 20 };
	char zeros[1000] = { 0 };

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *p[3];

		for (unsigned k = 0; k < 3; k++) {
			p[k] = lnl_aligned_new(sizes[i]);
			assert_non_null(p[k]);
			if (sizes[i] % LNL_LINE == 0 && sizes[i] > 0)
				assert_int_equal((uintptr_t)p[k] % LNL_LINE, 0);
			for (size_t at = 0; at < sizes[i]; at += sizeof(zeros)) {
				size_t left = sizes[i] - at;

				assert_memory_equal(p[k] + at, zeros,
						    left < sizeof(zeros) ? left : sizeof(zeros));
			}
			memset(p[k], 0xff, sizes[i]); /* all of it is ours */
		}
		for (unsigned k = 0; k < 3; k++)
			free(p[k]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_lines_begin_one_and_all_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
