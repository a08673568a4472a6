/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ACC texts as OpenVPN 3 writes and reads them, offers, and everything that is neither. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/acc.h"

static const struct lnl_acc_offer both = { .max = LNL_ACC_TEXT_MAX, .text = true, .base64 = true };

/* ---- parts ---- */

static const struct {
	const char *text, *name, *bytes;
	size_t len;
	bool base64, more;
} parts[] = {
	{ "ACC,muppets,5,A,Piggy", "muppets", "Piggy", 5, false, false },
	{ "ACC,muppets,5,AF,Piggy", "muppets", "Piggy", 5, false, true },
	{ "ACC,muppets,5,FA,Piggy", "muppets", "Piggy", 5, false, true },
	{ "ACC,x,8,6,S2VybWl0", "x", "Kermit", 6, true, false },
	{ "ACC,x,8,6F,AP/+AAo=", "x", "\0\xff\xfe\0\n", 5, true, true },
	/* commas are the message's own; so is what looks like another */
	{ "ACC,a.b-c_D9,11,A,,,ACC,x,1,A", "a.b-c_D9", ",,ACC,x,1,A", 11, false, false },
	{ "ACC,x,0,A,", "x", "", 0, false, false },
	{ "ACC,x,0,6,", "x", "", 0, true, false },
	{ "ACC,x,2,A,\xc3\xa9", "x", "\xc3\xa9", 2, false, false },
	{ "ACC,x,0005,A,Piggy", "x", "Piggy", 5, false, false },
};

static void test_parts_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct lnl_acc_part p;
		char out[64];

		assert_int_equal(lnl_acc_part_read(&p, parts[i].text, strlen(parts[i].text)), 0);
		assert_int_equal(p.name_len, strlen(parts[i].name));
		assert_memory_equal(p.name, parts[i].name, p.name_len);
		assert_int_equal(p.base64, parts[i].base64);
		assert_int_equal(p.more, parts[i].more);
		assert_int_equal(p.len, parts[i].len);
		lnl_acc_part_copy(&p, out);
		assert_memory_equal(out, parts[i].bytes, p.len);
	}
}

static const char *const malformed[] = {
	"",
	"ACC",
	"ACC,",
	"ABC,x,1,A,y",
	"acc,x,1,A,y",
	"ACC,x",
	"ACC,x,1",
	"ACC,x,1,A",
	"ACC,,1,A,y",
	"ACC,x y,1,A,y",
	"ACC,x:y,1,A,y",
	"ACC,\xc3\xa9,1,A,y",
	"ACC,123456789012345678901234567890123,1,A,y", /* a name of 33 */
	"ACC,x,,A,y",
	"ACC,x,+1,A,y",
	"ACC,x,-1,A,y",
	"ACC,x,1 ,A,y",
	"ACC,x,0x1,A,y",
	"ACC,x,2,A,y",
	"ACC,x,0,A,y",
	"ACC,x,4294967297,A,y", /* 2^32 + 1 */
	"ACC,x,18446744073709551617,A,y",
	"ACC,x,1,,y",
	"ACC,x,1,F,y",
	"ACC,x,1,Q,y",
	"ACC,x,1,AQ,y",
	"ACC,x,1,a,y",
	"ACC,x,4,A6,eXl5",
	"ACC,x,4,6A,eXl5",
	"ACC,x,4,66,eXl5",
	"ACC,x,1,AA,y",
	"ACC,x,1,AFF,y",
	"ACC,x,0,AF,", /* brings nothing, and more to come */
	"ACC,x,0,6F,",
	"ACC,x,3,6,eXl",
	"ACC,x,4,6,eX=5",
	"ACC,x,4,6,e l5",
	"ACC,x,4,6,====",
};

static void test_what_is_malformed_is_refused(void **state)
{
	struct lnl_acc_part p;

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++)
		if (lnl_acc_part_read(&p, malformed[i], strlen(malformed[i])) != LNL_E_FORMAT)
			fail_msg("taken: %s", malformed[i]);
}

static void test_no_byte_behind_a_text_is_looked_at(void **state)
{
	static const char text[] = "ACC,muppets,8,6F,S2VybWl0";
	size_t len = sizeof(text) - 1;

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		char *copy = malloc(n + 1);
		struct lnl_acc_part p;

		assert_non_null(copy);
		memcpy(copy, text, n);
		memset(copy + n, 'x', 1);
		assert_int_equal(lnl_acc_part_read(&p, copy, n) == 0, n == len);
		free(copy);
	}
}

/* ---- sending ---- */

/* Puts together what is cut of |data|; the number of texts. */
static unsigned round_trip(const struct lnl_acc_offer *offer, const void *data, size_t len)
{
	char text[LNL_ACC_TEXT_MAX + 1];
	uint8_t *all = malloc(len + 1);
	struct lnl_acc_cut c;
	size_t at = 0;
	unsigned n = 0;
	bool more = true;

	assert_non_null(all);
	assert_int_equal(lnl_acc_cut_init(&c, offer, "lnk1", data, len), 0);
	while (lnl_acc_cut_next(&c, text)) {
		struct lnl_acc_part p;

		assert_true(more);
		assert_true(strlen(text) <= offer->max);
		assert_int_equal(lnl_acc_part_read(&p, text, strlen(text)), 0);
		assert_true(p.len <= len - at);
		lnl_acc_part_copy(&p, all + at);
		at += p.len;
		more = p.more;
		n++;
	}
	assert_false(more);
	assert_int_equal(at, len);
	assert_memory_equal(all, data, len);
	free(all);
	return n;
}

static void test_a_message_comes_back(void **state)
{
	uint8_t *data = malloc(LNL_ACC_MAX);
	static const unsigned sizes[] = { 128, 129, 130, 131, 500, 1024, 2047 };

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < LNL_ACC_MAX; i++)
		data[i] = (uint8_t)(i * 7);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		struct lnl_acc_offer offer = both;

		offer.max = sizes[s];
		for (size_t len = 0; len < 700; len++)
			round_trip(&offer, data, len);
		round_trip(&offer, data, LNL_ACC_MAX);
		memset(data, 'x', LNL_ACC_MAX);
		for (size_t len = 0; len < 700; len++)
			round_trip(&offer, data, len);
		round_trip(&offer, data, LNL_ACC_MAX);
		for (size_t i = 0; i < LNL_ACC_MAX; i++)
			data[i] = (uint8_t)(i * 7);
	}
	free(data);
}

static void check_text(const struct lnl_acc_offer *offer, const char *data, size_t len,
		       const char *want)
{
	char text[LNL_ACC_TEXT_MAX + 1];
	struct lnl_acc_cut c;

	assert_int_equal(lnl_acc_cut_init(&c, offer, "fortune", data, len), 0);
	assert_int_equal(lnl_acc_cut_next(&c, text), 1);
	assert_string_equal(text, want);
	assert_int_equal(lnl_acc_cut_next(&c, text), 0);
}

static void test_text_where_it_may_be(void **state)
{
	struct lnl_acc_offer no_text = both, no_base64 = both;
	struct lnl_acc_cut c;

	(void)state;
	no_text.text = false;
	no_base64.base64 = false;
	check_text(&both, "I want a cookie!", 16, "ACC,fortune,16,A,I want a cookie!");
	check_text(&no_text, "Kermit", 6, "ACC,fortune,8,6,S2VybWl0");
	check_text(&both, "\0\xff\xfe\0\n", 5, "ACC,fortune,8,6,AP/+AAo=");
	check_text(&both, "", 0, "ACC,fortune,0,A,");
	check_text(&both, "\x7f", 1, "ACC,fortune,4,6,fw==");
	check_text(&no_base64, "~ ", 2, "ACC,fortune,2,A,~ ");
	assert_int_equal(lnl_acc_cut_init(&c, &no_base64, "x", "\n", 1), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_acc_cut_init(&c, &both, "", "y", 1), LNL_E_INVAL);
	assert_int_equal(lnl_acc_cut_init(&c, &both, "a,b", "y", 1), LNL_E_INVAL);
	assert_int_equal(lnl_acc_cut_init(&c, &both, "x", "y", LNL_ACC_MAX + 1), LNL_E_LIMIT);
}

/* ---- offers ---- */

static const struct {
	const char *text;
	char sep;
	int rc;
	unsigned max;
	bool ascii, base64;
	const char *names;
} offers[] = {
	/* what OpenVPN 3 sends, and what its servers push */
	{ "2048,6:A,dpc1:muppets", ',', 0, 2047, true, true, "dpc1:muppets" },
	{ "140 A:6 flower", ' ', 0, 140, true, true, "flower" },
	{ "900 A:B:7 x", ' ', 0, 900, true, false, "x" },
	{ "128,6,x", ',', 0, 128, false, true, "x" },
	{ "4294967295,6,x", ',', 0, 2047, false, true, "x" },
	{ "127,6:A,x", ',', LNL_E_INVAL, 127, true, true, "x" },
	{ "0,6:A,x", ',', LNL_E_INVAL, 0, true, true, "x" },
	{ "2048,B,x", ',', LNL_E_INVAL, 2047, false, false, "x" },
	{ "2048,,x", ',', LNL_E_INVAL, 2047, false, false, "x" },
	{ "4294967296,6,x", ',', LNL_E_FORMAT, 0, false, false, NULL },
	{ "-1,6,x", ',', LNL_E_FORMAT, 0, false, false, NULL },
	{ "2048,6:A,", ',', LNL_E_FORMAT, 0, false, false, NULL },
	{ "2048,6:A", ',', LNL_E_FORMAT, 0, false, false, NULL },
	{ "2048 6:A x", ',', LNL_E_FORMAT, 0, false, false, NULL },
	{ "2048,6:A,x,y", ',', LNL_E_FORMAT, 0, false, false, NULL },
	{ "", ',', LNL_E_FORMAT, 0, false, false, NULL },
};

static void test_offers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(offers) / sizeof(*offers); i++) {
		const char *text = offers[i].text;
		struct lnl_acc_offer o;

		assert_int_equal(lnl_acc_offer_read(&o, text, strlen(text), offers[i].sep),
				 offers[i].rc);
		if (offers[i].rc == LNL_E_FORMAT)
			continue;
		assert_int_equal(o.max, offers[i].max);
		assert_int_equal(o.text, offers[i].ascii);
		assert_int_equal(o.base64, offers[i].base64);
		assert_int_equal(o.names_len, strlen(offers[i].names));
		assert_memory_equal(o.names, offers[i].names, o.names_len);
	}
}

static void test_ours_is_what_openvpn_3_reads(void **state)
{
	char out[LNL_ACC_OFFER];

	(void)state;
	assert_int_equal(lnl_acc_offer_write(out, sizeof(out), ',', "a:b"), 0);
	assert_string_equal(out, "2047,6:A,a:b");
	assert_int_equal(lnl_acc_offer_write(out, sizeof(out), ' ', "a:b"), 0);
	assert_string_equal(out, "2047 6:A a:b");
	assert_int_equal(lnl_acc_offer_write(out, 12, ' ', "a:b"), LNL_E_SPACE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_are_read),
		cmocka_unit_test(test_what_is_malformed_is_refused),
		cmocka_unit_test(test_no_byte_behind_a_text_is_looked_at),
		cmocka_unit_test(test_a_message_comes_back),
		cmocka_unit_test(test_text_where_it_may_be),
		cmocka_unit_test(test_offers_are_read),
		cmocka_unit_test(test_ours_is_what_openvpn_3_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
