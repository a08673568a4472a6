/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether a stream is read as it comes or by a clock: what begins it, what it is worth, and what ends it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/pace.h"

/* A stream as the test plays it: reads |gap| apart that bring |bytes| in |packets|. */
struct traffic {
	uint32_t gap;
	size_t bytes, packets;
};

static const struct traffic dense = { 25, 1446, 1 };
static const struct traffic good = { LNL_PACE_EVERY, 6000, 4 }; /* of |dense|, by the clock */

static uint64_t now = 1000000;

static enum lnl_pace_turn play(struct lnl_pace *p, struct traffic t)
{
	now += t.gap;
	return lnl_pace_read(p, now, t.bytes, t.packets);
}

/* How many reads it takes until something changes, at most |most|, and what; |most| + 1: nothing does. */
static uint32_t reads_until(struct lnl_pace *p, struct traffic t, uint32_t most,
			    enum lnl_pace_turn *turn)
{
	for (uint32_t i = 1; i <= most; i++) {
		*turn = play(p, t);
		if (*turn != LNL_PACE_STAY)
			return i;
	}
	return most + 1;
}

static void expect_clock(struct lnl_pace *p, struct traffic t, uint32_t reads)
{
	enum lnl_pace_turn turn;

	assert_int_equal(reads_until(p, t, reads, &turn), reads);
	assert_int_equal(turn, LNL_PACE_CLOCK);
	assert_true(p->paced);
}

static void expect_comes(struct lnl_pace *p, struct traffic t)
{
	enum lnl_pace_turn turn;

	assert_int_equal(reads_until(p, t, LNL_PACE_WINDOW, &turn), LNL_PACE_WINDOW);
	assert_int_equal(turn, LNL_PACE_COMES);
	assert_false(p->paced);
}

static void expect_nothing(struct lnl_pace *p, struct traffic t, uint32_t reads)
{
	enum lnl_pace_turn turn;

	assert_int_equal(reads_until(p, t, reads, &turn), reads + 1);
}

/* The first of a row is not of it: what came before is not known. */
static void small_reads_in_a_row_begin_it(void **state)
{
	struct lnl_pace p = { 0 };

	(void)state;
	expect_clock(&p, dense, 1 + LNL_PACE_READS);
}

static void what_does_not_begin_it(void **state)
{
	static const struct traffic t[] = {
		{ LNL_PACE_EVERY + 1, 1446, 1 },     /* a read from time to time */
		{ LNL_PACE_EVERY / 2 + 1, 1446, 1 }, /* a clock would spare less than half */
		{ 10, LNL_PACE_MUCH + 1, 12 },	     /* who brings that much is as fast as we */
		{ LNL_PACE_EVERY + 1, LNL_PACE_MUCH + 1, 12 },
		{ 10000, 100, 1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_pace p = { 0 };

		expect_nothing(&p, t[i], 10 * LNL_PACE_RARELY);
	}
}

static void a_row_that_breaks_begins_anew(void **state)
{
	static const struct traffic breaks[] = { { LNL_PACE_EVERY + 1, 1446, 1 },
						 { 25, LNL_PACE_MUCH + 1, 12 } };

	(void)state;
	for (size_t i = 0; i < sizeof(breaks) / sizeof(*breaks); i++) {
		struct lnl_pace p = { 0 };

		expect_nothing(&p, dense, LNL_PACE_READS);
		expect_nothing(&p, breaks[i], 1);
		expect_clock(&p, dense, LNL_PACE_READS);
	}
}

static void it_stays_while_it_carries_as_much(void **state)
{
	/* The limits: an eighth less than |dense|, and two packets a read. */
	static const struct traffic t[] = { { LNL_PACE_EVERY, 6000, 4 },
					    { LNL_PACE_EVERY, 1446 * 4 * 7 / 8 + 1, 4 },
					    { LNL_PACE_EVERY, 5784, 2 },
					    { LNL_PACE_EVERY, LNL_PACE_MUCH, 12 },
					    { 2 * LNL_PACE_EVERY, 12000, 8 } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_pace p = { 0 };

		expect_clock(&p, dense, 1 + LNL_PACE_READS);
		expect_nothing(&p, t[i], 10 * LNL_PACE_WINDOW);
	}
}

static void it_ends_where_it_brings_nothing(void **state)
{
	static const struct traffic t[] = {
		{ LNL_PACE_EVERY, 0, 0 },		     /* silence */
		{ LNL_PACE_EVERY, 5784, 1 },		     /* no wake-up is spared */
		{ LNL_PACE_EVERY, 1446 * 4 * 7 / 8 - 1, 4 }, /* it waited for our answers */
		{ 2 * LNL_PACE_EVERY, 6000, 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_pace p = { 0 };
		uint32_t need = LNL_PACE_READS;

		expect_clock(&p, dense, 1 + need);
		expect_comes(&p, t[i]);
		/* And is tried ever more rarely. */
		while (need < LNL_PACE_RARELY) {
			need *= 2;
			expect_clock(&p, dense, need);
			expect_comes(&p, t[i]);
		}
		expect_clock(&p, dense, need);
	}
}

static void what_was_worth_it_is_tried_soon(void **state)
{
	static const struct traffic silence = { LNL_PACE_EVERY, 0, 0 };
	struct lnl_pace p = { 0 };

	(void)state;
	expect_clock(&p, dense, 1 + LNL_PACE_READS);
	expect_comes(&p, silence);
	expect_clock(&p, dense, 2 * LNL_PACE_READS);
	expect_nothing(&p, good, LNL_PACE_WINDOW);
	expect_comes(&p, silence);
	expect_clock(&p, dense, LNL_PACE_READS);
	/* Worth is of one try, not for ever. */
	expect_comes(&p, silence);
	expect_clock(&p, dense, 2 * LNL_PACE_READS);
}

/* A sender that became fast needs no clock; that is no failure of the clock's. */
static void a_fast_sender_ends_it(void **state)
{
	static const struct traffic fast = { LNL_PACE_EVERY, LNL_PACE_MUCH + 1, 12 };
	struct lnl_pace p = { 0 };

	(void)state;
	expect_clock(&p, dense, 1 + LNL_PACE_READS);
	expect_comes(&p, fast);
	expect_clock(&p, dense, LNL_PACE_READS);
}

/* A clock that stands still, as a suspended machine's may, divides by nothing. */
static void no_time_passes(void **state)
{
	static const struct traffic none = { 0, 1446, 1 };
	struct lnl_pace p = { 0 };

	(void)state;
	expect_nothing(&p, dense, 1);
	expect_clock(&p, none, LNL_PACE_READS);
	expect_comes(&p, none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_reads_in_a_row_begin_it),
		cmocka_unit_test(what_does_not_begin_it),
		cmocka_unit_test(a_row_that_breaks_begins_anew),
		cmocka_unit_test(it_stays_while_it_carries_as_much),
		cmocka_unit_test(it_ends_where_it_brings_nothing),
		cmocka_unit_test(what_was_worth_it_is_tried_soon),
		cmocka_unit_test(a_fast_sender_ends_it),
		cmocka_unit_test(no_time_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
