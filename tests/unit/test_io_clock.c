/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The clock: forwards only, and in the unit that it says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "io/clock.h"

static void it_never_goes_back(void **state)
{
	uint64_t last = lnl_clock_now();

	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = lnl_clock_now();

		assert_true(now >= last);
		last = now;
	}
}

static void it_counts_microseconds(void **state)
{
	struct timespec before, after;
	uint64_t now;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	now = lnl_clock_now();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(now >= (uint64_t)before.tv_sec * 1000000 + (uint64_t)before.tv_nsec / 1000);
	assert_true(now <= (uint64_t)after.tv_sec * 1000000 + (uint64_t)after.tv_nsec / 1000);
	assert_true(lnl_clock_wall(NULL) >= 1700000000);
}

static void waits_are_clamped(void **state)
{
	(void)state;
	assert_true(lnl_clock_until(5, 10) == 0);
	assert_true(lnl_clock_until(10, 10) == 0);
	assert_true(lnl_clock_until(10 + LNL_SECOND / 2, 10) == 0.5);
	assert_true(lnl_clock_until(LNL_NEVER, 10) == 86400.0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_never_goes_back),
		cmocka_unit_test(it_counts_microseconds),
		cmocka_unit_test(waits_are_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
