/* SPDX-License-Identifier: GPL-3.0-or-later */
/* M1: lines out of a stream that is cut anywhere, and what is no line of ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/line.h"

#define A64   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256  A64 A64 A64 A64
#define A1024 A256 A256 A256 A256

/* |bytes| in pieces of |step|: the first answer that is not MORE. */
static enum lnl_line feed(struct lnl_line_reader *r, const char *bytes, size_t len, size_t step,
			  size_t *taken)
{
	enum lnl_line kind = LNL_LINE_MORE;
	size_t used;

	for (*taken = 0; *taken < len && kind == LNL_LINE_MORE; *taken += used) {
		size_t n = len - *taken < step ? len - *taken : step;

		kind = lnl_line_take(r, bytes + *taken, n, &used);
		assert_true(used <= n);
	}
	return kind;
}

static void each_line_is_judged(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum lnl_line kind;
		const char *text;
	} t[] = {
#define BYTES(s) s, sizeof(s) - 1
		{ BYTES("status 2\n"), LNL_LINE_TEXT, "status 2" },
		{ BYTES("status 2\r\n"), LNL_LINE_TEXT, "status 2" },
		{ BYTES("\n"), LNL_LINE_TEXT, "" },
		{ BYTES("\r\n"), LNL_LINE_TEXT, "" },
		{ BYTES("kill\tanna\n"), LNL_LINE_TEXT, "kill\tanna" },
		{ BYTES("kill J\xc3\xb6rg\n"), LNL_LINE_TEXT, "kill J\xc3\xb6rg" },
		{ BYTES("status 2"), LNL_LINE_MORE, NULL },
		{ BYTES("status 2\r"), LNL_LINE_MORE, NULL },
		{ BYTES(""), LNL_LINE_MORE, NULL },
		{ BYTES(A1024 "\n"), LNL_LINE_TEXT, A1024 },
		{ BYTES(A1024 "\r\n"), LNL_LINE_TEXT, A1024 },
		{ BYTES(A1024 "a\n"), LNL_LINE_TOO_LONG, NULL },
		{ BYTES(A1024 "a\r\n"), LNL_LINE_TOO_LONG, NULL },
		{ BYTES(A1024 "aa"), LNL_LINE_TOO_LONG, NULL },
		{ BYTES("kill\0anna\n"), LNL_LINE_BINARY, NULL },
		{ BYTES("kill\ranna\n"), LNL_LINE_BINARY, NULL },
		{ BYTES("kill\r\r\n"), LNL_LINE_BINARY, NULL },
		{ BYTES("\x7f\n"), LNL_LINE_BINARY, NULL },
		{ BYTES("\x16\x03\x01\x02\n"), LNL_LINE_BINARY, NULL },
		{ BYTES("POST / HTTP/1.1\r\n"), LNL_LINE_HTTP, NULL },
		{ BYTES("GET /kill HTTP/1.0\n"), LNL_LINE_HTTP, NULL },
		{ BYTES("OPTIONS * HTTP/1.1\n"), LNL_LINE_HTTP, NULL },
		{ BYTES("A HTTP/1.1\n"), LNL_LINE_HTTP, NULL },
		{ BYTES(" HTTP/1.1\n"), LNL_LINE_TEXT, " HTTP/1.1" },
		{ BYTES("kill a HTTP/1.1\n"), LNL_LINE_TEXT, "kill a HTTP/1.1" },
		{ BYTES("POST / HTTP/1.1 \n"), LNL_LINE_TEXT, "POST / HTTP/1.1 " },
		{ BYTES("HTTP/1.1\n"), LNL_LINE_TEXT, "HTTP/1.1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		for (size_t step = 1; step <= t[i].len + 1; step += step < 9 ? 1 : 97) {
			char text[LNL_LINE_MAX + 1];
			struct lnl_line_reader r = { .text = text, .room = sizeof(text) };
			size_t taken;

			assert_int_equal(feed(&r, t[i].bytes, t[i].len, step, &taken), t[i].kind);
			if (t[i].kind != LNL_LINE_TOO_LONG)
				assert_int_equal(taken, t[i].len);
			if (!t[i].text)
				continue;
			assert_string_equal(r.text, t[i].text);
			assert_int_equal(r.len, strlen(t[i].text));
		}
	}
}

/* What stands behind a line is left, and the next line has nothing of the one before. */
static void one_line_after_the_other(void **state)
{
	static const char bytes[] = "kill somebody\nab\r\n\nlast\n";
	static const char *const want[] = { "kill somebody", "ab", "", "last" };

	(void)state;
	for (size_t step = 1; step < sizeof(bytes); step++) {
		char text[LNL_LINE_MAX + 1];
		struct lnl_line_reader r = { .text = text, .room = sizeof(text) };
		size_t at = 0, taken;

		for (size_t i = 0; i < 4; i++, at += taken) {
			assert_int_equal(feed(&r, bytes + at, sizeof(bytes) - 1 - at, step, &taken),
					 LNL_LINE_TEXT);
			assert_string_equal(r.text, want[i]);
		}
		assert_int_equal(at, sizeof(bytes) - 1);
	}
}

/* A line without an end costs no more than one with: a MiB of it is refused at its 1,025th byte. */
static void a_mebibyte_is_refused_early(void **state)
{
	char text[LNL_LINE_MAX + 1];
	struct lnl_line_reader r = { .text = text, .room = sizeof(text) };
	char piece[512];
	size_t used, sent = 0;

	(void)state;
	memset(piece, 'a', sizeof(piece));
	while (sent < 1 << 20 && lnl_line_take(&r, piece, sizeof(piece), &used) == LNL_LINE_MORE)
		sent += used;
	assert_int_equal(sent, LNL_LINE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_line_is_judged),
		cmocka_unit_test(one_line_after_the_other),
		cmocka_unit_test(a_mebibyte_is_refused_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
