/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses and prefixes as text and as bytes. Expected texts are those of python3's ipaddress. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lunel_codes.h"
#include "wire/ip.h"

static const struct {
	const char *text;
	const char *canonical;
	uint8_t family;
	uint8_t bytes[16];
} good[] = {
	{ "0.0.0.0", "0.0.0.0", 4, { 0 } },
	{ "255.255.255.255", "255.255.255.255", 4, { 255, 255, 255, 255 } },
	{ "10.8.0.1", "10.8.0.1", 4, { 10, 8, 0, 1 } },
	{ "192.0.2.100", "192.0.2.100", 4, { 192, 0, 2, 100 } },
	{ "::", "::", 6, { 0 } },
	{ "::1", "::1", 6, { [15] = 1 } },
	{ "1::", "1::", 6, { 0, 1 } },
	{ "FD00::00aB", "fd00::ab", 6, { 0xfd, [15] = 0xab } },
	{ "2001:db8:0:0:1:0:0:1",
	  "2001:db8::1:0:0:1",
	  6,
	  { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 } },
	{ "2001:db8:0:1:1:1:1:1",
	  "2001:db8:0:1:1:1:1:1",
	  6,
	  { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 } },
	{ "1:0:0:2:0:0:0:3", "1:0:0:2::3", 6, { 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3 } },
	{ "1:2:3:4:5:6:7::",
	  "1:2:3:4:5:6:7:0",
	  6,
	  { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 0 } },
	{ "::2:3:4:5:6:7:8",
	  "0:2:3:4:5:6:7:8",
	  6,
	  { 0, 0, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8 } },
	{ "::ffff:192.0.2.1",
	  "::ffff:192.0.2.1",
	  6,
	  { [10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1 } },
	{ "64:ff9b::192.0.2.33",
	  "64:ff9b::c000:221",
	  6,
	  { 0, 0x64, 0xff, 0x9b, [12] = 192, [14] = 2, [15] = 33 } },
	{ "1:2:3:4:5:6:1.2.3.4",
	  "1:2:3:4:5:6:102:304",
	  6,
	  { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 1, 2, 3, 4 } },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	  6,
	  { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 } },
};

static const char *const bad[] = {
	"",
	" ",
	"1",
	"1.2.3",
	"1.2.3.",
	"1.2.3.4.",
	"1.2.3.4.5",
	".1.2.3.4",
	"1..2.3",
	"256.1.1.1",
	"1.1.1.1000",
	"01.2.3.4",
	"1.2.3.04",
	"0x1.2.3.4",
	"+1.2.3.4",
	" 1.2.3.4",
	"1.2.3.4 ",
	"1,2.3.4",
	"host",
	":",
	":::",
	"::1::",
	"1::2::3",
	"1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9",
	"1:2:3:4:5:6:7:8::",
	"::1:2:3:4:5:6:7:8",
	"1:2:3:4::5:6:7:8",
	":1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:",
	"12345::",
	"g::",
	"fe80::1%eth0",
	"[::1]",
	"::1.2.3",
	"::1.2.3.4.5",
	"::1.2.3.4:5",
	"1:2:3:4:5:6:7:1.2.3.4",
	"::256.2.3.4",
	"1.2.3.4::",
	"10.0.0.0/8",
};

static void addresses_are_read(void **state)
{
	char text[LNL_IP_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct lnl_ip ip;

		assert_int_equal(lnl_ip_parse(&ip, good[i].text), 0);
		assert_int_equal(ip.family, good[i].family);
		assert_memory_equal(ip.bytes, good[i].bytes, 16);
		assert_string_equal(lnl_ip_text(&ip, text), good[i].canonical);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct lnl_ip ip = { .family = 77 };

		if (lnl_ip_parse(&ip, bad[i]) != LNL_E_FORMAT)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_int_equal(ip.family, 77);
	}
}

static void nothing_is_written_for_no_family(void **state)
{
	struct lnl_prefix none = { 0 };
	char text[LNL_IP_TEXT] = "x";

	(void)state;
	assert_string_equal(lnl_ip_text(&none.ip, text), "");
	assert_string_equal(lnl_prefix_text(&none, text), "");
}

static void prefixes_are_read(void **state)
{
	static const struct {
		const char *text;
		const char *canonical; /* NULL: refused */
		const char *masked;
	} t[] = {
		{ "10.1.2.3/8", "10.1.2.3/8", "10.0.0.0/8" },
		{ "10.1.2.3", "10.1.2.3/32", "10.1.2.3/32" },
		{ "10.1.2.3/0", "10.1.2.3/0", "0.0.0.0/0" },
		{ "10.1.2.255/25", "10.1.2.255/25", "10.1.2.128/25" },
		{ "10.1.2.255/31", "10.1.2.255/31", "10.1.2.254/31" },
		{ "fd00:1::5/64", "fd00:1::5/64", "fd00:1::/64" },
		{ "fd00::1", "fd00::1/128", "fd00::1/128" },
		{ "fdff::1/9", "fdff::1/9", "fd80::/9" },
		{ "ffff::/0", "ffff::/0", "::/0" },
		{ "10.0.0.0/33", NULL, NULL },
		{ "10.0.0.0/", NULL, NULL },
		{ "10.0.0.0/-1", NULL, NULL },
		{ "10.0.0.0/8 ", NULL, NULL },
		{ "10.0.0.0/8/8", NULL, NULL },
		{ "10.0.0.0/0008", NULL, NULL },
		{ "fd00::/129", NULL, NULL },
		{ "/8", NULL, NULL },
		{ "10.0.0.0/255.0.0.0", NULL, NULL },
	};
	char text[LNL_IP_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_prefix p;
		int rc = lnl_prefix_parse(&p, t[i].text);

		if (t[i].canonical == NULL) {
			if (rc != LNL_E_FORMAT)
				fail_msg("\"%s\" was taken", t[i].text);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(lnl_prefix_text(&p, text), t[i].canonical);
		lnl_prefix_mask(&p);
		assert_string_equal(lnl_prefix_text(&p, text), t[i].masked);
	}
}

static void netmasks_convert(void **state)
{
	static const struct {
		const char *mask;
		int bits;
	} t[] = {
		{ "0.0.0.0", 0 },	 { "128.0.0.0", 1 },	    { "255.0.0.0", 8 },
		{ "255.255.254.0", 23 }, { "255.255.255.252", 30 }, { "255.255.255.255", 32 },
		{ "255.0.255.0", -1 },	 { "0.0.0.255", -1 },	    { "255.255.255.253", -1 },
		{ "10.8.0.2", -1 },	 { "ffff::", -1 },
	};
	char text[LNL_IP_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_ip mask;

		assert_int_equal(lnl_ip_parse(&mask, t[i].mask), 0);
		if (t[i].bits < 0) {
			assert_int_equal(lnl_netmask_bits(&mask), LNL_E_FORMAT);
			continue;
		}
		assert_int_equal(lnl_netmask_bits(&mask), t[i].bits);
		mask = lnl_netmask((unsigned)t[i].bits);
		assert_string_equal(lnl_ip_text(&mask, text), t[i].mask);
	}
	for (unsigned bits = 0; bits <= 32; bits++) {
		struct lnl_ip mask = lnl_netmask(bits);

		assert_int_equal(lnl_netmask_bits(&mask), bits);
	}
}

static void prefixes_hold_addresses(void **state)
{
	static const struct {
		const char *prefix;
		const char *ip;
		bool has;
	} t[] = {
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.9.9.9/8", "10.0.0.1", true },
		{ "0.0.0.0/0", "255.1.2.3", true },
		{ "0.0.0.0/0", "::1", false },
		{ "::/0", "0.0.0.1", false },
		{ "192.0.2.4/30", "192.0.2.7", true },
		{ "192.0.2.4/30", "192.0.2.8", false },
		{ "192.0.2.4/32", "192.0.2.4", true },
		{ "192.0.2.4/32", "192.0.2.5", false },
		{ "2000::/3", "3fff::1", true },
		{ "2000::/3", "4000::1", false },
		{ "fd00::/64", "fd00::ffff:ffff:ffff:ffff", true },
		{ "fd00::/64", "fd00:0:0:1::", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_prefix p;
		struct lnl_ip ip;

		assert_int_equal(lnl_prefix_parse(&p, t[i].prefix), 0);
		assert_int_equal(lnl_ip_parse(&ip, t[i].ip), 0);
		assert_int_equal(lnl_prefix_has(&p, &ip), t[i].has);
	}
}

static void only_the_familys_bytes_are_compared(void **state)
{
	struct lnl_ip a = { .family = 4, .bytes = { 10, 0, 0, 1, 9 } };
	struct lnl_ip b = { .family = 4, .bytes = { 10, 0, 0, 1, 8 } };
	struct lnl_ip c = { .family = 6, .bytes = { 10, 0, 0, 1, 8 } };

	(void)state;
	assert_true(lnl_ip_equal(&a, &b));
	assert_false(lnl_ip_equal(&b, &c));
	b.bytes[3] = 2;
	assert_false(lnl_ip_equal(&a, &b));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(nothing_is_written_for_no_family),
		cmocka_unit_test(prefixes_are_read),
		cmocka_unit_test(netmasks_convert),
		cmocka_unit_test(prefixes_hold_addresses),
		cmocka_unit_test(only_the_familys_bytes_are_compared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
