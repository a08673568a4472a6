/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bounded reader and writer: numbers, edges, the sticky error; and C1, cleaning of a peer's
 * text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/buf.h"

static const uint8_t count[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18 };

static void numbers_are_big_endian(void **state)
{
	struct lnl_reader r;

	(void)state;
	lnl_reader_init(&r, count, sizeof(count));
	assert_int_equal(lnl_read_u8(&r), 0x01);
	assert_int_equal(lnl_read_u16(&r), 0x0203);
	assert_int_equal(lnl_read_u24(&r), 0x040506);
	assert_int_equal(lnl_read_u32(&r), 0x0708090a);
	assert_true(lnl_read_u64(&r) == UINT64_C(0x0b0c0d0e0f101112));
	assert_int_equal(lnl_reader_left(&r), 0);
	assert_int_equal(r.error, 0);
}

static void what_is_written_is_read(void **state)
{
	uint8_t out[18];
	struct lnl_writer w;

	(void)state;
	lnl_writer_init(&w, out, sizeof(out));
	lnl_write_u8(&w, 0x01);
	lnl_write_u16(&w, 0x0203);
	lnl_write_u24(&w, 0xff040506); /* the top byte is not the number's */
	lnl_write_u32(&w, 0x0708090a);
	assert_int_equal(lnl_writer_len(&w), 10);
	assert_int_equal(lnl_writer_left(&w), 8);
	lnl_write_u64(&w, UINT64_C(0x0b0c0d0e0f101112));
	assert_int_equal(w.error, 0);
	assert_int_equal(lnl_writer_left(&w), 0);
	assert_memory_equal(out, count, sizeof(count));
}

/* Each read of each size over each length: allocated exactly, so that ASan sees one byte too many.
 */
static void reads_stop_at_the_end(void **state)
{
	static const size_t size[] = { 1, 2, 3, 4, 8 };

	(void)state;
	for (size_t len = 0; len <= 9; len++) {
		uint8_t *data = malloc(len + (len == 0));

		assert_non_null(data);
		memset(data, 0xff, len + (len == 0));
		for (size_t i = 0; i < 5; i++) {
			struct lnl_reader r;
			uint64_t v;

			lnl_reader_init(&r, data, len);
			v = size[i] == 1   ? lnl_read_u8(&r)
			    : size[i] == 2 ? lnl_read_u16(&r)
			    : size[i] == 3 ? lnl_read_u24(&r)
			    : size[i] == 4 ? lnl_read_u32(&r)
					   : lnl_read_u64(&r);
			assert_int_equal(r.error, size[i] <= len ? 0 : LNL_E_SHORT);
			assert_true(v == (size[i] <= len ? UINT64_MAX >> (64 - 8 * size[i]) : 0));
			assert_int_equal(lnl_reader_left(&r), size[i] <= len ? len - size[i] : 0);
		}
		free(data);
	}
}

static void a_failed_read_sticks(void **state)
{
	struct lnl_reader r;
	uint8_t out[4] = { 9, 9, 9, 9 };
	const uint8_t *before;

	(void)state;
	lnl_reader_init(&r, count, 3);
	assert_int_equal(lnl_read_u8(&r), 1);
	before = r.p;
	assert_int_equal(lnl_read_u32(&r), 0);
	assert_int_equal(r.error, LNL_E_SHORT);
	assert_ptr_equal(r.p, before);
	assert_int_equal(lnl_read_u8(&r), 0);
	assert_null(lnl_read_bytes(&r, 1));
	assert_null(lnl_read_bytes(&r, 0));
	lnl_read_copy(&r, out, sizeof(out));
	assert_memory_equal(out, "\0\0\0\0", 4);
	assert_int_equal(lnl_reader_left(&r), 0);
}

static void bytes_are_given_in_place(void **state)
{
	struct lnl_reader r;
	uint8_t out[2];

	(void)state;
	lnl_reader_init(&r, count, 4);
	assert_ptr_equal(lnl_read_bytes(&r, 2), count);
	assert_ptr_equal(lnl_read_bytes(&r, 0), count + 2);
	lnl_read_copy(&r, out, 2);
	assert_memory_equal(out, count + 2, 2);
	assert_null(lnl_read_bytes(&r, SIZE_MAX));
	assert_int_equal(r.error, LNL_E_SHORT);
}

static void nothing_at_null_is_empty(void **state)
{
	struct lnl_reader r;
	struct lnl_writer w;

	(void)state;
	lnl_reader_init(&r, NULL, 0);
	assert_int_equal(lnl_reader_left(&r), 0);
	assert_non_null(lnl_read_bytes(&r, 0));
	lnl_read_copy(&r, NULL, 0);
	assert_int_equal(r.error, 0);
	assert_int_equal(lnl_read_u8(&r), 0);
	assert_int_equal(r.error, LNL_E_SHORT);

	lnl_writer_init(&w, NULL, 0);
	assert_int_equal(lnl_writer_left(&w), 0);
	lnl_write_bytes(&w, NULL, 0);
	assert_int_equal(w.error, 0);
	lnl_write_u8(&w, 1);
	assert_int_equal(w.error, LNL_E_SPACE);
	assert_int_equal(lnl_writer_len(&w), 0);
}

static void a_failed_write_sticks(void **state)
{
	uint8_t out[4] = { 0xaa, 0xaa, 0xaa, 0xaa };
	struct lnl_writer w;

	(void)state;
	lnl_writer_init(&w, out, 3);
	lnl_write_u16(&w, 0x0102);
	lnl_write_u16(&w, 0x0304);
	assert_int_equal(w.error, LNL_E_SPACE);
	lnl_write_u8(&w, 5); /* would fit, but the message is lost already */
	assert_null(lnl_write_space(&w, 1));
	lnl_write_hex(&w, "x", 0);
	assert_int_equal(lnl_writer_len(&w), 2);
	assert_int_equal(lnl_writer_left(&w), 0);
	assert_memory_equal(out, "\x01\x02\xaa\xaa", 4);
}

static void space_is_filled_by_the_caller(void **state)
{
	uint8_t out[4];
	struct lnl_writer w;

	(void)state;
	lnl_writer_init(&w, out, 4);
	assert_ptr_equal(lnl_write_space(&w, 3), out);
	assert_int_equal(lnl_writer_len(&w), 3);
	assert_null(lnl_write_space(&w, SIZE_MAX));
	assert_int_equal(w.error, LNL_E_SPACE);
}

static void decimal_and_hex(void **state)
{
	static const struct {
		uint64_t v;
		const char *text;
	} row[] = {
		{ 0, "0" },
		{ 9, "9" },
		{ 10, "10" },
		{ 1500, "1500" },
		{ UINT32_MAX, "4294967295" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char out[32];
	struct lnl_writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = strlen(row[i].text);

		lnl_writer_init(&w, out, len);
		lnl_write_dec(&w, row[i].v);
		assert_int_equal(w.error, 0);
		assert_int_equal(lnl_writer_len(&w), len);
		assert_memory_equal(out, row[i].text, len);
		lnl_writer_init(&w, out, len - 1);
		lnl_write_dec(&w, row[i].v);
		assert_int_equal(w.error, LNL_E_SPACE);
		assert_int_equal(lnl_writer_len(&w), 0);
	}
	lnl_writer_init(&w, out, 8);
	lnl_write_hex(&w, "\x00\x7f\xab\xff", 4);
	assert_int_equal(w.error, 0);
	assert_memory_equal(out, "007fabff", 8);
	lnl_writer_init(&w, out, 7);
	lnl_write_hex(&w, "\x00\x7f\xab\xff", 4);
	assert_int_equal(w.error, LNL_E_SPACE);
	lnl_writer_init(&w, out, 7);
	lnl_write_hex(&w, "x", SIZE_MAX / 2 + 2); /* twice the length wraps */
	assert_int_equal(w.error, LNL_E_SPACE);
	lnl_writer_init(&w, out, 5);
	lnl_write_str(&w, "");
	lnl_write_str(&w, "IV_=\n");
	assert_memory_equal(out, "IV_=\n", 5);
	assert_int_equal(lnl_writer_left(&w), 0);
}

static void C1_text_is_cleaned(void **state)
{
	static const struct {
		const char *from;
		size_t len, cap;
		const char *to;
	} row[] = {
		{ "plain", 5, 16, "plain" },
		{ "", 0, 16, "" },
		{ NULL, 0, 16, "" },
		{ "a\0b", 3, 16, "a?b" },
		{ "\x1b[31m", 5, 16, "?[31m" },
		{ "one\ntwo\r", 8, 16, "one?two?" },
		{ "\t ~\x7f", 4, 16, "? ~?" },
		{ "\x80\xff\xc3\xa9", 4, 16, "????" },
		{ "%s%n", 4, 16, "%s%n" },
		{ "too long", 8, 4, "too" },
		{ "exact", 5, 6, "exact" },
		{ "exact", 5, 5, "exac" },
		{ "x", 1, 1, "" },
	};
	char out[16];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		memset(out, '#', sizeof(out));
		assert_int_equal(lnl_text_clean(out, row[i].cap, row[i].from, row[i].len),
				 strlen(row[i].to));
		assert_string_equal(out, row[i].to);
		for (size_t j = row[i].cap; j < sizeof(out); j++)
			assert_int_equal(out[j], '#');
	}
}

/* Every byte value, and 1 MiB of noise: the result is always printable ASCII. */
static void C1_no_byte_gets_through_raw(void **state)
{
	size_t len = 1 << 20;
	uint8_t *noise = malloc(len);
	char *out = malloc(len + 1);
	uint32_t seed = 1;

	(void)state;
	assert_non_null(noise);
	assert_non_null(out);
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		noise[i] = i < 256 ? (uint8_t)i : (uint8_t)(seed >> 24);
	}
	assert_int_equal(lnl_text_clean(out, len + 1, noise, len), len);
	for (size_t i = 0; i < len; i++) {
		assert_true(out[i] >= 0x20 && out[i] <= 0x7e);
		if (noise[i] >= 0x20 && noise[i] <= 0x7e)
			assert_int_equal(out[i], noise[i]);
		else
			assert_int_equal(out[i], '?');
	}
	free(noise);
	free(out);
}

/* Each of 256 characters. */
static void hex_digits(void **state)
{
	static const char digits[] = "0123456789abcdef", large[] = "0123456789ABCDEF";

	(void)state;
	for (int c = -128; c < 128; c++) {
		const char *small = c ? strchr(digits, c) : NULL,
			   *big = c ? strchr(large, c) : NULL;
		int want = small ? (int)(small - digits) : big ? (int)(big - large) : -1;

		assert_int_equal(lnl_hex_digit((char)c), want);
	}
}

static void decimals_are_bounded(void **state)
{
	static const struct {
		const char *s;
		uint64_t max;
		int code;
		uint64_t v;
	} row[] = {
		{ "0", 0, 0, 0 },
		{ "1", 0, LNL_E_FORMAT, 0 },
		{ "007", 7, 0, 7 },
		{ "65535", 65535, 0, 65535 },
		{ "65536", 65535, LNL_E_FORMAT, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, LNL_E_FORMAT, 0 },
		{ "18446744073709551619", UINT64_MAX, LNL_E_FORMAT, 0 },
		{ "99999999999999999999", UINT64_MAX, LNL_E_FORMAT, 0 },
		{ "184467440737095516150", UINT64_MAX, LNL_E_FORMAT, 0 },
		{ "", 10, LNL_E_FORMAT, 0 },
		{ "-1", 10, LNL_E_FORMAT, 0 },
		{ "+1", 10, LNL_E_FORMAT, 0 },
		{ " 1", 10, LNL_E_FORMAT, 0 },
		{ "1 ", 10, LNL_E_FORMAT, 0 },
		{ "0x1", 10, LNL_E_FORMAT, 0 },
		{ "1.0", 10, LNL_E_FORMAT, 0 },
		{ "\xb1", 10, LNL_E_FORMAT, 0 },
		{ "/", 10, LNL_E_FORMAT, 0 },
		{ ":", 10, LNL_E_FORMAT, 0 },
	};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		v = 4711;
		assert_int_equal(lnl_text_dec(row[i].s, strlen(row[i].s), row[i].max, &v),
				 row[i].code);
		assert_true(v == (row[i].code ? 4711 : row[i].v));
	}
	assert_int_equal(lnl_text_dec("12x", 2, 99, &v), 0);
	assert_true(v == 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(reads_stop_at_the_end),
		cmocka_unit_test(a_failed_read_sticks),
		cmocka_unit_test(bytes_are_given_in_place),
		cmocka_unit_test(nothing_at_null_is_empty),
		cmocka_unit_test(a_failed_write_sticks),
		cmocka_unit_test(space_is_filled_by_the_caller),
		cmocka_unit_test(decimal_and_hex),
		cmocka_unit_test(C1_text_is_cleaned),
		cmocka_unit_test(C1_no_byte_gets_through_raw),
		cmocka_unit_test(hex_digits),
		cmocka_unit_test(decimals_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
