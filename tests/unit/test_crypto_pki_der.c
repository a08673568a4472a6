/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DER writer: what X.690 says of lengths, integers and times, read back by the reader. */
#include "test_crypto_env.h"

#include "crypto/pki_der.h"

static void expect(const struct lnl_der_writer *w, const char *hex)
{
	uint8_t want[64];
	size_t n = test_hex(want, sizeof(want), hex);

	assert_int_equal(w->error, 0);
	assert_int_equal(lnl_der_len(w), n);
	assert_memory_equal(w->p, want, n);
}

static void test_integers(void **state)
{
	static const struct {
		uint64_t value;
		const char *hex;
	} rows[] = {
		{ 0, "020100" },
		{ 1, "020101" },
		{ 127, "02017f" },
		{ 128, "02020080" },
		{ 255, "020200ff" },
		{ 256, "02020100" },
		{ 32767, "02027fff" },
		{ 32768, "0203008000" },
		{ 600000, "02030927c0" },
		{ UINT64_MAX, "020900ffffffffffffffff" },
		{ INT64_MAX, "02087fffffffffffffff" },
	};
	static const uint8_t zeros[] = { 0, 0, 0, 5 }, high[] = { 0, 0x80, 1 };
	uint8_t buf[64];
	struct lnl_der_writer w;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lnl_der_begin(&w, buf, sizeof(buf));
		lnl_der_put_number(&w, rows[i].value);
		expect(&w, rows[i].hex);
	}
	lnl_der_begin(&w, buf, sizeof(buf));
	lnl_der_put_integer(&w, zeros, sizeof(zeros));
	expect(&w, "020105");
	lnl_der_begin(&w, buf, sizeof(buf));
	lnl_der_put_integer(&w, high, sizeof(high));
	expect(&w, "0203008001");
}

static void test_lengths(void **state)
{
	static const size_t lengths[] = { 0, 1, 127, 128, 255, 256, 65535, 65536, 70000 };
	static uint8_t content[70000], buf[70016];
	struct lnl_der_writer w;
	struct lnl_reader r;
	struct lnl_der d;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		lnl_der_begin(&w, buf, sizeof(buf));
		lnl_der_element(&w, LNL_DER_OCTETS, content, lengths[i]);
		assert_int_equal(w.error, 0);
		/* The reader takes minimal lengths only. */
		lnl_reader_init(&r, w.p, lnl_der_len(&w));
		assert_true(lnl_der_take(&r, LNL_DER_OCTETS, &d));
		assert_int_equal(d.len, lengths[i]);
		assert_int_equal(lnl_reader_left(&r), 0);
	}
}

static void test_times(void **state)
{
	static const struct {
		uint64_t seconds;
		uint8_t tag;
		const char *text;
	} rows[] = {
		{ 0, LNL_DER_UTC_TIME, "700101000000Z" },
		{ TEST_NOW + 3661, LNL_DER_UTC_TIME, "260101010101Z" },
		{ UINT64_C(1709251199), LNL_DER_UTC_TIME, "240229235959Z" },
		{ UINT64_C(2524607999), LNL_DER_UTC_TIME, "491231235959Z" },
		{ UINT64_C(2524608000), LNL_DER_TIME, "20500101000000Z" },
		{ UINT64_C(253402300799), LNL_DER_TIME, "99991231235959Z" },
	};
	uint8_t buf[64];
	struct lnl_der_writer w;
	struct lnl_reader r;
	struct lnl_der d;
	uint64_t back;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		lnl_der_begin(&w, buf, sizeof(buf));
		lnl_der_put_time(&w, rows[i].seconds);
		lnl_reader_init(&r, w.p, lnl_der_len(&w));
		assert_true(lnl_der_take(&r, rows[i].tag, &d));
		assert_int_equal(d.len, strlen(rows[i].text));
		assert_memory_equal(d.data, rows[i].text, d.len);
		assert_int_equal(lnl_der_seconds(&d, &back), 0);
		assert_int_equal(back, rows[i].seconds);
	}
}

static void test_wrapping(void **state)
{
	uint8_t buf[64];
	struct lnl_der_writer w;
	size_t at;

	(void)state;
	lnl_der_begin(&w, buf, sizeof(buf));
	lnl_der_put_number(&w, 2);
	at = lnl_der_len(&w);
	lnl_der_put_number(&w, 1);
	lnl_der_wrap(&w, LNL_DER_SEQUENCE, at);
	lnl_der_wrap(&w, LNL_DER_SET, 0);
	expect(&w, "31083003020101020102");
}

static void test_no_room(void **state)
{
	uint8_t buf[8] = { 0 };
	struct lnl_der_writer w;

	(void)state;
	for (size_t cap = 0; cap <= 6; cap++) {
		lnl_der_begin(&w, buf + 1, cap);
		lnl_der_put_number(&w, 1);
		lnl_der_wrap(&w, LNL_DER_SEQUENCE, 0);
		assert_int_equal(w.error, cap < 5 ? LNL_E_SPACE : 0);
		/* It sticks, and nothing stands before the start. */
		lnl_der_put_byte(&w, 7);
		assert_int_equal(w.error, cap < 6 ? LNL_E_SPACE : 0);
		assert_int_equal(buf[0], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers), cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_times),	 cmocka_unit_test(test_wrapping),
		cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
