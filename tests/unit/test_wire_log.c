/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log records: what is built, when nothing is, and C1: a peer's text in a field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/log.h"

struct sink {
	unsigned n;
	struct lnl_record last;
};

/* Keeps the record; its texts point into the one that is gone, so they are moved along. */
static void keep(void *ctx, const struct lnl_record *r)
{
	struct sink *s = ctx;

	s->n++;
	s->last = *r;
	for (unsigned i = 0; i < r->n; i++) {
		const char *text = r->field[i].text;

		if (r->field[i].type != LNL_FIELD_TEXT)
			continue;
		assert_non_null(text);
		if (*text == '\0') {
			s->last.field[i].text = "";
			continue;
		}
		assert_true(text >= r->store && text < r->store + LNL_RECORD_TEXT);
		s->last.field[i].text = s->last.store + (text - r->store);
	}
}

static void fields_are_copied(void **state)
{
	struct sink s = { 0 };
	struct lnl_log log = { &s, keep, LNL_LEVEL_INFO };
	char subject[] = "CN=server";

	(void)state;
	lnl_log(&log, LNL_LEVEL_INFO, "tls.verified", LNL_F("depth", 2), LNL_F("subject", subject),
		LNL_F("low", INT64_MIN), LNL_F("none", (const char *)NULL));
	memset(subject, '#', sizeof(subject) - 1);
	assert_int_equal(s.n, 1);
	assert_string_equal(s.last.event, "tls.verified");
	assert_int_equal(s.last.level, LNL_LEVEL_INFO);
	assert_int_equal(s.last.n, 4);
	assert_string_equal(s.last.field[0].name, "depth");
	assert_int_equal(s.last.field[0].type, LNL_FIELD_NUMBER);
	assert_int_equal(s.last.field[0].number, 2);
	assert_int_equal(s.last.field[1].type, LNL_FIELD_TEXT);
	assert_string_equal(s.last.field[1].text, "CN=server");
	assert_true(s.last.field[2].number == INT64_MIN);
	assert_string_equal(s.last.field[3].text, "");
}

static int asked;

static int ask(void)
{
	return ++asked;
}

/* Above the level, and without a log, not even the arguments are worked out. */
static void levels_are_checked_first(void **state)
{
	struct sink s = { 0 };
	struct lnl_log log = { &s, keep, LNL_LEVEL_WARN };
	const struct lnl_log *nobody = NULL;

	(void)state;
	asked = 0;
	lnl_log(&log, LNL_LEVEL_INFO, "x", LNL_F("n", ask()));
	lnl_log(nobody, LNL_LEVEL_ERROR, "x", LNL_F("n", ask()));
	assert_int_equal(s.n, 0);
	assert_int_equal(asked, 0);
	lnl_log(&log, LNL_LEVEL_WARN, "x", LNL_F("n", ask()));
	lnl_log(&log, LNL_LEVEL_ERROR, "x", LNL_F("n", ask()));
	assert_int_equal(s.n, 2);
	assert_int_equal(s.last.field[0].number, 2);
}

static void too_many_fields_are_cut(void **state)
{
	struct sink s = { 0 };
	struct lnl_log log = { &s, keep, LNL_LEVEL_TRACE };
	struct lnl_field fields[LNL_RECORD_FIELDS + 3];

	(void)state;
	for (int i = 0; i < LNL_RECORD_FIELDS + 3; i++)
		fields[i] = lnl_field_number("n", i);
	lnl_log_emit(&log, LNL_LEVEL_TRACE, "x", fields, LNL_RECORD_FIELDS + 3);
	assert_int_equal(s.last.n, LNL_RECORD_FIELDS);
	assert_int_equal(s.last.field[LNL_RECORD_FIELDS - 1].number, LNL_RECORD_FIELDS - 1);
	lnl_log_emit(&log, LNL_LEVEL_TRACE, "x", fields, 0);
	assert_int_equal(s.last.n, 0);
}

/* One event is one line: of what a peer sends nothing is left raw. */
static void C1_texts_in_records_are_clean(void **state)
{
	struct sink s = { 0 };
	struct lnl_log log = { &s, keep, LNL_LEVEL_TRACE };
	char all[256];

	(void)state;
	for (unsigned i = 0; i < 255; i++)
		all[i] = (char)(i + 1);
	all[255] = '\0';
	lnl_log(&log, LNL_LEVEL_INFO, "x", LNL_F("text", all),
		LNL_F("line", "a\nERROR forged\x1b[2J%n"));
	assert_int_equal(strlen(s.last.field[0].text), 255);
	for (unsigned i = 0; i < 255; i++) {
		unsigned char raw = (unsigned char)(i + 1);

		assert_int_equal(s.last.field[0].text[i], raw >= 0x20 && raw <= 0x7e ? raw : '?');
	}
	assert_string_equal(s.last.field[1].text, "a?ERROR forged?[2J%n");
}

/* Texts of each length around the room there is, in one field and in all of them. */
static void C1_long_texts_are_cut(void **state)
{
	struct sink s = { 0 };
	struct lnl_log log = { &s, keep, LNL_LEVEL_TRACE };

	(void)state;
	for (size_t len = 0; len < LNL_RECORD_TEXT + 8; len++) {
		char *text = malloc(len + 1);
		size_t left = LNL_RECORD_TEXT;

		assert_non_null(text);
		memset(text, 'x', len);
		text[len] = '\0';
		lnl_log(&log, LNL_LEVEL_INFO, "x", LNL_F("a", text), LNL_F("b", text),
			LNL_F("c", text), LNL_F("d", text), LNL_F("e", text), LNL_F("f", text),
			LNL_F("g", text), LNL_F("h", text));
		assert_int_equal(s.last.n, 8);
		for (unsigned i = 0; i < 8; i++) {
			size_t fits = left == 0 ? 0 : len < left ? len : left - 1;

			assert_int_equal(strlen(s.last.field[i].text), fits);
			left -= left == 0 ? 0 : fits + 1;
		}
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_copied),
		cmocka_unit_test(levels_are_checked_first),
		cmocka_unit_test(too_many_fields_are_cut),
		cmocka_unit_test(C1_texts_in_records_are_clean),
		cmocka_unit_test(C1_long_texts_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
