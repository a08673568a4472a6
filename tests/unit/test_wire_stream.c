/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TCP framing: packets out of a stream that is cut anywhere, and lengths that lie (T1). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/stream.h"

/* Puts in as much of |len| bytes as there is room for; returns how many that were. */
static size_t put(struct lnl_stream *s, const void *bytes, size_t len)
{
	size_t room;
	uint8_t *at = lnl_stream_room(s, &room);

	if (len > room)
		len = room;
	memcpy(at, bytes, len);
	lnl_stream_added(s, len);
	return len;
}

static void packets_come_out(void **state)
{
	uint8_t data[32], *p = NULL;
	struct lnl_stream s;
	size_t len = 0;

	(void)state;
	lnl_stream_init(&s, data, sizeof(data), 30);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 0);
	assert_int_equal(put(&s, "\0\3abc\0\1d\0\2e", 11), 11);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 1);
	assert_int_equal(len, 3);
	assert_memory_equal(p, "abc", 3);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 1);
	assert_int_equal(len, 1);
	assert_memory_equal(p, "d", 1);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 0);
	assert_int_equal(put(&s, "f", 1), 1);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 1);
	assert_int_equal(len, 2);
	assert_memory_equal(p, "ef", 2);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 0);
}

/* The same stream cut into pieces of each size, over the smallest buffer. */
static void cuts_do_not_matter(void **state)
{
	enum { MAX = 40, N = 200 };
	uint8_t wire[N * (MAX + 2)], *data = malloc(MAX + 2);
	size_t total = 0;

	(void)state;
	assert_non_null(data);
	for (unsigned i = 0; i < N; i++) {
		unsigned len = 1 + i * 7 % MAX;

		wire[total++] = 0;
		wire[total++] = (uint8_t)len;
		memset(wire + total, (int)i, len);
		total += len;
	}
	for (size_t piece = 1; piece < 100; piece++) {
		struct lnl_stream s;
		unsigned got = 0;
		size_t sent = 0;

		lnl_stream_init(&s, data, MAX + 2, MAX);
		while (got < N) {
			uint8_t *p;
			size_t len, left = total - sent < piece ? total - sent : piece;
			size_t n = put(&s, wire + sent, left);

			assert_true(n > 0 || left == 0);
			sent += n;
			while (lnl_stream_next(&s, &p, &len) == 1) {
				assert_int_equal(len, 1 + got * 7 % MAX);
				assert_int_equal(p[0], (uint8_t)got);
				assert_int_equal(p[len - 1], (uint8_t)got);
				got++;
			}
		}
		assert_int_equal(sent, total);
	}
	free(data);
}

static void T1_lengths_are_checked(void **state)
{
	static const struct {
		size_t max;
		const char *prefix;
		int code;
	} row[] = {
		{ 10, "\0\0", LNL_E_FORMAT },
		{ 10, "\0\1", 0 },
		{ 10, "\0\12", 0 },
		{ 10, "\0\13", LNL_E_FORMAT },
		{ 10, "\1\1", LNL_E_FORMAT },
		{ 10, "\377\377", LNL_E_FORMAT },
		{ 65535, "\377\377", 0 },
		{ 65535, "\0\0", LNL_E_FORMAT },
		{ 65534, "\377\377", LNL_E_FORMAT },
		{ 1000000, "\377\377", 0 },
		{ 0, "\0\1", LNL_E_FORMAT },
		{ 256, "\1\0", 0 },
		{ 255, "\1\0", LNL_E_FORMAT },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint8_t *data = malloc(row[i].max + 2), *p = NULL;
		struct lnl_stream s;
		size_t len;

		assert_non_null(data);
		lnl_stream_init(&s, data, row[i].max + 2, row[i].max);
		put(&s, row[i].prefix, 1);
		assert_int_equal(lnl_stream_next(&s, &p, &len), 0);
		put(&s, row[i].prefix + 1, 1);
		assert_int_equal(lnl_stream_next(&s, &p, &len), row[i].code);
		put(&s, "xx", 2); /* an error is for good */
		if (row[i].code)
			assert_int_equal(lnl_stream_next(&s, &p, &len), row[i].code);
		free(data);
	}
}

/* A caller that asks for packets longer than its buffer gets the buffer's limit, not an overflow.
 */
static void the_buffer_bounds_the_packet(void **state)
{
	static const size_t cap[] = { 0, 1, 2, 3, 12 };

	(void)state;
	for (size_t i = 0; i < sizeof(cap) / sizeof(cap[0]); i++) {
		uint8_t *data = malloc(cap[i] + (cap[i] == 0)), *p = NULL;
		struct lnl_stream s;
		size_t len, room;

		assert_non_null(data);
		lnl_stream_init(&s, data, cap[i], 65535);
		put(&s, "\0\13abcdefghijk", 13);
		lnl_stream_room(&s, &room);
		assert_int_equal(room, 0);
		assert_int_equal(lnl_stream_next(&s, &p, &len), cap[i] < 2 ? 0 : LNL_E_FORMAT);
		lnl_stream_init(&s, data, cap[i], 65535);
		put(&s, "\0\12abcdefghij", 12);
		assert_int_equal(lnl_stream_next(&s, &p, &len), cap[i] < 2    ? 0
								: cap[i] < 12 ? LNL_E_FORMAT
									      : 1);
		free(data);
	}
}

static void more_than_the_room_is_clamped(void **state)
{
	uint8_t data[6] = "\0\4abcd", *p = NULL;
	struct lnl_stream s;
	size_t len = 0, room;

	(void)state;
	lnl_stream_init(&s, data, sizeof(data), 4);
	assert_ptr_equal(lnl_stream_room(&s, &room), data);
	assert_int_equal(room, 6);
	lnl_stream_added(&s, SIZE_MAX);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 1);
	assert_int_equal(len, 4);
	assert_int_equal(lnl_stream_next(&s, &p, &len), 0);
	lnl_stream_added(&s, 1); /* behind the end there is nothing to add to */
	assert_int_equal(lnl_stream_next(&s, &p, &len), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_out),
		cmocka_unit_test(cuts_do_not_matter),
		cmocka_unit_test(T1_lengths_are_checked),
		cmocka_unit_test(the_buffer_bounds_the_packet),
		cmocka_unit_test(more_than_the_room_is_clamped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
