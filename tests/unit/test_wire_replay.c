/* SPDX-License-Identifier: GPL-3.0-or-later */
/* D1: the replay window, as a truth table, against a model, and over a million shuffled ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/replay.h"

#define ID48 UINT64_C(0xffffffffffff)

/* Rows run in order on one window; a row with |window| starts a new one. */
static const struct {
	uint32_t window;
	uint64_t id;
	bool ok;
} truth[] = {
	/* the first ids, in order and doubled */
	{ 64, 0, false },
	{ 0, 1, true },
	{ 0, 1, false },
	{ 0, 0, false },
	{ 0, 2, true },
	{ 0, 3, true },
	{ 0, 2, false },
	{ 0, 1, false },
	{ 0, 3, false },
	/* the lower edge: 64 ids, the highest among them */
	{ 0, 64, true },
	{ 0, 63, true },
	{ 0, 4, true },
	{ 0, 4, false },
	{ 0, 65, true },
	{ 0, 66, true },
	{ 0, 67, true },
	{ 0, 68, true },
	{ 0, 69, true },
	{ 0, 5, false }, /* 69 - 5 = 64: one too old, though never seen */
	{ 0, 6, true },	 /* 69 - 6 = 63: just in */
	{ 0, 6, false },
	{ 0, 7, true },
	{ 0, 64, false },
	{ 0, 63, false },
	/* a jump by less than the window, the gap filled later */
	{ 0, 100, true },
	{ 0, 99, true },
	{ 0, 37, true },
	{ 0, 36, false },
	{ 0, 69, false },
	{ 0, 100, false },
	/* a jump by exactly the window, and by the ring's size */
	{ 0, 164, true },
	{ 0, 100, false },
	{ 0, 101, true },
	{ 0, 164 + 2048, true },
	{ 0, 164, false },
	{ 0, 164 + 2047, true },
	{ 0, 164 + 2048 - 63, true },
	{ 0, 164 + 2048 - 64, false },
	/* a jump by the ring's size less and more one: no mark of the turn before is left */
	{ 0, 4259, true },
	{ 0, 4258, true },
	{ 0, 6308, true },
	{ 0, 6307, true },
	{ 0, 6306, true },
	/* a large jump */
	{ 0, 1000000, true },
	{ 0, 999999, true },
	{ 0, 999999, false },
	{ 0, 6309, false },
	/* the ends of 32 and 48 bits, and of the type */
	{ 0, 0xfffffffe, true },
	{ 0, 0xffffffff, true },
	{ 0, 0xffffffff, false },
	{ 0, 0x100000000, true },
	{ 0, 0xfffffffd, true },
	{ 0, ID48, true },
	{ 0, ID48 - 63, true },
	{ 0, ID48 - 64, false },
	{ 0, UINT64_MAX, true },
	{ 0, UINT64_MAX, false },
	{ 0, UINT64_MAX - 63, true },
	{ 0, UINT64_MAX - 64, false },
	{ 0, 0, false },
	{ 0, 1, false },
	/* a window of one: only forward */
	{ 1, 5, true },
	{ 0, 4, false },
	{ 0, 6, true },
	{ 0, 8, true },
	{ 0, 7, false },
	/* the largest window: every bit of the ring is somebody's */
	{ 2048, 2048, true },
	{ 0, 1, true },
	{ 0, 2049, true },
	{ 0, 1, false },
	{ 0, 2, true },
	{ 0, 2, false },
	{ 0, 4096, true },
	{ 0, 2048, false },
	{ 0, 2049, false },
	{ 0, 2050, true },
	/* first packet far from 1: what is in its window was not seen */
	{ 64, 5000, true },
	{ 0, 4937, true },
	{ 0, 4936, false },
	{ 0, 5000, false },
	/* more than the largest window is the largest */
	{ 1 << 20, 5000, true },
	{ 0, 5000 - 2047, true },
	{ 0, 5000 - 2048, false },
};

static void D1_truth_table(void **state)
{
	struct lnl_replay r = { 0 };

	(void)state;
	assert_true(sizeof(truth) / sizeof(truth[0]) >= 60);
	for (size_t i = 0; i < sizeof(truth) / sizeof(truth[0]); i++) {
		struct lnl_replay before;

		if (truth[i].window)
			lnl_replay_init(&r, truth[i].window);
		before = r;
		if (lnl_replay_check(&r, truth[i].id) != truth[i].ok)
			fail_msg("row %zu: check", i);
		assert_memory_equal(&r, &before, sizeof(r));
		if (lnl_replay_accept(&r, truth[i].id) != truth[i].ok)
			fail_msg("row %zu: accept", i);
		if (!truth[i].ok)
			assert_memory_equal(&r, &before, sizeof(r));
	}
}

/* A window of 0 would refuse all; it is 1. */
static void D1_window_of_zero(void **state)
{
	struct lnl_replay r;

	(void)state;
	lnl_replay_init(&r, 0);
	assert_true(lnl_replay_accept(&r, 1));
	assert_false(lnl_replay_accept(&r, 1));
	assert_true(lnl_replay_accept(&r, 2));
	assert_false(lnl_replay_accept(&r, 1));
}

/* The long form: time beside id. */
static void D1_long_form(void **state)
{
	static const struct {
		uint32_t time, id;
		bool ok;
	} row[] = {
		{ 100, 0, false },
		{ 100, 1, true },
		{ 100, 1, false },
		{ 100, 3, true },
		{ 100, 2, true },
		{ 100, 2, false },
		{ 99, 4, false }, /* an older sequence */
		{ 99, UINT32_MAX, false },
		{ 0, 1, false },
		{ 101, 0, false }, /* id 0 starts nothing */
		{ 100, 4, true },
		{ 101, 1, true }, /* a new sequence starts at 1 again */
		{ 101, 1, false },
		{ 100, 5, false },
		{ 101, 2, true },
		{ 101, 200, true },
		{ 101, 137, true },
		{ 101, 136, false },
		{ 102, 50, true }, /* it need not start at 1 */
		{ 102, 49, true },
		{ 102, 1, true },
		{ 102, 49, false },
		{ 103, 1, true },
		{ 103, UINT32_MAX, true }, /* the last id, and the next time behind it */
		{ 103, UINT32_MAX - 1, true },
		{ 104, 1, true },
		{ 104, 1, false },
		{ 103, UINT32_MAX - 2, false }, /* within 64 by the numbers, but an older time */
		{ 104, 2, true },
		{ 104, 64, true },
		{ 104, 63, true },
		{ UINT32_MAX, 0x0f000001, true },
		{ UINT32_MAX, 2, false },
		{ UINT32_MAX, UINT32_MAX, true },
		{ UINT32_MAX, UINT32_MAX, false },
		{ 0, 1, false },
	};
	struct lnl_replay r;

	(void)state;
	lnl_replay_init(&r, 64);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct lnl_replay before = r;

		if (lnl_replay_check_long(&r, row[i].time, row[i].id) != row[i].ok)
			fail_msg("row %zu: check", i);
		assert_memory_equal(&r, &before, sizeof(r));
		if (lnl_replay_accept_long(&r, row[i].time, row[i].id) != row[i].ok)
			fail_msg("row %zu: accept", i);
		if (!row[i].ok)
			assert_memory_equal(&r, &before, sizeof(r));
	}
}

/* A peer whose clock says 0 is served too. */
static void D1_long_form_at_time_zero(void **state)
{
	struct lnl_replay r;

	(void)state;
	lnl_replay_init(&r, 64);
	assert_true(lnl_replay_accept_long(&r, 0, 1));
	assert_true(lnl_replay_accept_long(&r, 0, 2));
	assert_false(lnl_replay_accept_long(&r, 0, 2));
	assert_true(lnl_replay_accept_long(&r, 1, 1));
	assert_false(lnl_replay_accept_long(&r, 0, 3));
}

static uint32_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* The window by its definition: one flag for each id there is. */
static bool model(uint8_t *seen, uint64_t *highest, uint32_t window, uint64_t id)
{
	if (id == 0 || seen[id] || (id <= *highest && *highest - id >= window))
		return false;
	seen[id] = 1;
	if (id > *highest)
		*highest = id;
	return true;
}

static void D1_agrees_with_a_model(void **state)
{
	static const uint32_t windows[] = { 1, 2, 63, 64, 65, 127, 128, 1000, 2047, 2048 };
	enum { IDS = 400000 };
	uint8_t *seen = malloc(IDS);
	uint64_t seed = 42;

	(void)state;
	assert_non_null(seen);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
		struct lnl_replay r;
		uint64_t highest = 0, base = 1;

		memset(seen, 0, IDS);
		lnl_replay_init(&r, windows[i]);
		while (base < IDS - 8192) {
			/* mostly near the highest, at times far ahead or far behind */
			uint32_t kind = draw(&seed) % 64;
			uint32_t spread = kind == 0 ? 8192 : kind < 4 ? 2100 : 2 * windows[i] + 2;
			uint64_t id = base + draw(&seed) % spread;

			id = id > spread / 2 ? id - spread / 2 : 0;
			assert_int_equal(lnl_replay_accept(&r, id),
					 model(seen, &highest, windows[i], id));
			base = highest > base ? highest : base + (draw(&seed) % 8 == 0);
		}
	}
	free(seen);
}

/* Ids 1 to 10^6, each sent twice and shuffled within |reach| places: how many arrived, none twice.
 */
static uint32_t shuffled(uint32_t window, uint32_t reach)
{
	enum { N = 1000000 };
	uint32_t *order = malloc(2 * N * sizeof(*order)), accepted = 0;
	uint8_t *delivered = calloc(N + 1, 1);
	struct lnl_replay r;
	uint64_t seed = 1;

	assert_non_null(order);
	assert_non_null(delivered);
	for (uint32_t i = 0; i < 2 * N; i++)
		order[i] = i / 2 + 1;
	for (uint32_t i = 0; i + 1 < 2 * N; i++) {
		uint32_t left = 2 * N - i, j = i + draw(&seed) % (reach < left ? reach : left);
		uint32_t t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	lnl_replay_init(&r, window);
	for (uint32_t i = 0; i < 2 * N; i++) {
		if (!lnl_replay_accept(&r, order[i]))
			continue;
		assert_int_equal(delivered[order[i]], 0);
		delivered[order[i]] = 1;
		accepted++;
	}
	free(order);
	free(delivered);
	return accepted;
}

static void D1_million_shuffled_ids(void **state)
{
	(void)state;
	assert_int_equal(shuffled(64, 1), 1000000);
	assert_in_range(shuffled(64, 32), 999000, 1000000); /* near order: next to all arrive */
	assert_in_range(shuffled(64, 400), 100000, 999999);
	assert_in_range(shuffled(64, 2000000), 64, 10000); /* no order: most are too old */
	assert_in_range(shuffled(2048, 400), 999000, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D1_truth_table),
		cmocka_unit_test(D1_window_of_zero),
		cmocka_unit_test(D1_long_form),
		cmocka_unit_test(D1_long_form_at_time_zero),
		cmocka_unit_test(D1_agrees_with_a_model),
		cmocka_unit_test(D1_million_shuffled_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
