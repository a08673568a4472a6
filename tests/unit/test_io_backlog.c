/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a TCP link could not send: order around the end, limits, and the room that control packets
 * have.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/backlog.h"

static uint8_t data[LNL_BACKLOG_SIZE + 1];

static bool put(struct lnl_backlog *q, size_t len, size_t skip, bool urgent)
{
	struct iovec iov = { data, len };

	return lnl_backlog_put(q, &iov, 1, skip, urgent);
}

static void bytes_come_out_in_order(void **state)
{
	char text[] = "abcdefg";
	struct iovec in[3] = { { text, 3 }, { text, 0 }, { text + 3, 4 } }, out[2];
	struct lnl_backlog q;

	(void)state;
	assert_int_equal(lnl_backlog_init(&q), 0);
	assert_int_equal(lnl_backlog_pieces(&q, out), 0);
	assert_true(lnl_backlog_put(&q, in, 3, 0, false));
	assert_int_equal(lnl_backlog_pieces(&q, out), 1);
	assert_int_equal(out[0].iov_len, 7);
	assert_memory_equal(out[0].iov_base, "abcdefg", 7);
	lnl_backlog_took(&q, 2);
	assert_int_equal(lnl_backlog_pieces(&q, out), 1);
	assert_memory_equal(out[0].iov_base, "cdefg", 5);
	lnl_backlog_took(&q, 100);
	assert_int_equal(q.used, 0);
	lnl_backlog_deinit(&q);
}

/* What a partly sent packet still needs. */
static void the_beginning_is_skipped(void **state)
{
	static const struct {
		size_t skip;
		const char *left;
	} t[] = {
		{ 0, "abcdef" }, { 1, "bcdef" }, { 3, "def" }, { 4, "ef" }, { 6, "" }, { 9, "" }
	};
	char text[] = "abcdef";
	struct iovec in[2] = { { text, 3 }, { text + 3, 3 } }, out[2];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_backlog q;

		assert_int_equal(lnl_backlog_init(&q), 0);
		assert_true(lnl_backlog_put(&q, in, 2, t[i].skip, false));
		assert_int_equal(q.used, strlen(t[i].left));
		if (lnl_backlog_pieces(&q, out) > 0)
			assert_memory_equal(out[0].iov_base, t[i].left, q.used);
		lnl_backlog_deinit(&q);
	}
}

static void it_is_bounded(void **state)
{
	const size_t most = LNL_BACKLOG_SIZE - LNL_BACKLOG_RESERVE;
	struct lnl_backlog q;

	(void)state;
	assert_int_equal(lnl_backlog_init(&q), 0);
	assert_false(put(&q, most + 1, 0, false));
	assert_int_equal(q.used, 0);
	assert_true(put(&q, most, 0, false));
	assert_false(put(&q, 1, 0, false));
	/* Control packets find room still, up to the end. */
	assert_false(put(&q, LNL_BACKLOG_RESERVE + 1, 0, true));
	assert_true(put(&q, LNL_BACKLOG_RESERVE, 0, true));
	assert_false(put(&q, 1, 0, true));
	assert_true(put(&q, 5, 5, true));
	lnl_backlog_deinit(&q);
}

/* A counter that runs through it for several times its size, in steps that never fit evenly. */
static void it_goes_around_the_end(void **state)
{
	struct lnl_backlog q;
	uint32_t next_in = 0, next_out = 0;
	uint8_t chunk[10007];

	(void)state;
	assert_int_equal(lnl_backlog_init(&q), 0);
	while (next_out < 3 * LNL_BACKLOG_SIZE) {
		struct iovec in = { chunk, sizeof(chunk) }, out[2];
		unsigned n;
		size_t took = 0;

		for (size_t i = 0; i < sizeof(chunk); i++)
			chunk[i] = (uint8_t)((next_in + i) * 31 % 251);
		if (lnl_backlog_put(&q, &in, 1, 0, false))
			next_in += sizeof(chunk);
		n = lnl_backlog_pieces(&q, out);
		for (unsigned p = 0; p < n; p++) {
			const uint8_t *b = out[p].iov_base;

			for (size_t i = 0; i < out[p].iov_len && took < 9001;
			     i++, took++, next_out++)
				if (b[i] != (uint8_t)(next_out * 31 % 251))
					fail_msg("byte %u is wrong", next_out);
		}
		lnl_backlog_took(&q, took);
	}
	lnl_backlog_deinit(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_order),
		cmocka_unit_test(the_beginning_is_skipped),
		cmocka_unit_test(it_is_bounded),
		cmocka_unit_test(it_goes_around_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
