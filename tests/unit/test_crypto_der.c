/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The DER reader: what it takes, what it refuses, and the calendar. */
#include "crypto/der.h"

#include "test_crypto_env.h"

static void elements(void **state)
{
	static const struct {
		const char *hex;
		bool good;
		uint8_t tag;
		size_t len;
	} rows[] = {
		{ "0500", true, 0x05, 0 },
		{ "020101", true, 0x02, 1 },
		{ "3003020101", true, 0x30, 3 },
		{ "a003020102", true, 0xa0, 3 },
		{ "020101ff", true, 0x02, 1 },
		{ "", false, 0, 0 },
		{ "02", false, 0, 0 },
		{ "0201", false, 0, 0 },
		{ "0202ff", false, 0, 0 },
		/* lengths: indefinite, not minimal, too long, reserved */
		{ "3080", false, 0, 0 },
		{ "30800000", false, 0, 0 },
		{ "028101ff", false, 0, 0 },
		{ "02820001ff", false, 0, 0 },
		{ "0284ffffffff", false, 0, 0 },
		{ "02850000000001ff", false, 0, 0 },
		{ "02ff", false, 0, 0 },
		/* tags of more bytes */
		{ "1f0100", false, 0, 0 },
		{ "bf210100", false, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t buf[32];
		size_t n = test_hex(buf, sizeof(buf), rows[i].hex);
		struct lnl_reader r;
		struct lnl_der d;

		lnl_reader_init(&r, buf, n);
		assert_int_equal(lnl_der_next(&r, &d), rows[i].good);
		assert_int_equal(d.tag, rows[i].tag);
		assert_int_equal(d.len, rows[i].len);
		/* The end alone is no error. */
		assert_int_equal(r.error != 0, !rows[i].good && n > 0);
	}
}

static void long_lengths(void **state)
{
	static const size_t lens[] = { 0, 1, 127, 128, 255, 256, 65535, 65536 };
	uint8_t *buf = calloc(1, 70000);

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		size_t len = lens[i], head = 2;
		struct lnl_reader r;
		struct lnl_der d;

		buf[0] = LNL_DER_OCTETS;
		buf[1] = (uint8_t)len;
		if (len >= 128) {
			unsigned n = len > 65535 ? 3 : len > 255 ? 2 : 1;

			buf[1] = (uint8_t)(0x80 | n);
			for (unsigned k = 0; k < n; k++)
				buf[2 + k] = (uint8_t)(len >> 8 * (n - 1 - k));
			head += n;
		}
		lnl_reader_init(&r, buf, head + len);
		assert_true(lnl_der_take(&r, LNL_DER_OCTETS, &d));
		assert_int_equal(d.len, len);
		assert_int_equal(lnl_reader_left(&r), 0);
		lnl_reader_init(&r, buf, head + len);
		assert_false(lnl_der_take(&r, LNL_DER_INTEGER, &d));
		assert_int_equal(r.error, LNL_E_FORMAT);
		if (len == 0)
			continue;
		lnl_reader_init(&r, buf, head + len - 1);
		assert_false(lnl_der_take(&r, LNL_DER_OCTETS, &d));
	}
	free(buf);
}

/* The numbers are python3's calendar.timegm. */
static void times(void **state)
{
	static const struct {
		uint8_t tag;
		const char *text;
		int error;
		uint64_t seconds;
	} rows[] = {
		{ LNL_DER_UTC_TIME, "700101000000Z", 0, 0 },
		{ LNL_DER_UTC_TIME, "700101000001Z", 0, 1 },
		{ LNL_DER_UTC_TIME, "000229120000Z", 0, 951825600 },
		{ LNL_DER_UTC_TIME, "260101000000Z", 0, 1767225600 },
		{ LNL_DER_UTC_TIME, "491231235959Z", 0, 2524607999 },
		{ LNL_DER_UTC_TIME, "500101000000Z", 0, 0 },
		{ LNL_DER_TIME, "20500101000000Z", 0, 2524608000 },
		{ LNL_DER_TIME, "21000228235959Z", 0, 4107542399 },
		{ LNL_DER_TIME, "20240229000000Z", 0, 1709164800 },
		{ LNL_DER_TIME, "99991231235959Z", 0, UINT64_C(253402300799) },
		{ LNL_DER_TIME, "00010101000000Z", 0, 0 },
		{ LNL_DER_TIME, "21000229000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250229000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250431000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250001000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "251301000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250100000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250101240000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250101006000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250101000060Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "2501010000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250101000000", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "250101000000z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "2501010000+1Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "20250101000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_TIME, "250101000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_OCTETS, "250101000000Z", LNL_E_FORMAT, 0 },
		{ LNL_DER_UTC_TIME, "", LNL_E_FORMAT, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_der d = { rows[i].tag, (const uint8_t *)rows[i].text,
				     strlen(rows[i].text) };
		uint64_t seconds = 0;

		assert_int_equal(lnl_der_seconds(&d, &seconds), rows[i].error);
		assert_true(seconds == rows[i].seconds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements),
		cmocka_unit_test(long_lengths),
		cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
