/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text of lease files: OpenVPN's lines, what is passed over, and names that are hard to write. */
#include <stdio.h>

#include "control/lease.h"
#include "test_crypto_env.h"

static void append(void *ctx, const char *name, const struct lnl_ip *address)
{
	char *all = ctx, text[LNL_IP_TEXT];

	snprintf(all + strlen(all), 2048 - strlen(all), "%s=%s|", name, lnl_ip_text(address, text));
}

/* A copy just as long, so that a read past its end is seen. */
static unsigned read_all(const char *text, size_t len, char all[2048])
{
	char *copy = malloc(len + (len == 0));
	unsigned bad;

	assert_non_null(copy);
	memcpy(copy, text, len);
	all[0] = '\0';
	bad = lnl_lease_read(copy, len, all, append);
	free(copy);
	return bad;
}

#define X10  "xxxxxxxxxx"
#define X50  X10 X10 X10 X10 X10
#define X250 X50 X50 X50 X50 X50

static const struct {
	const char *text, *told;
	unsigned bad;
} line_rows[] = {
	{ "", "", 0 },
	{ "\n", "", 0 },
	{ "\n\n\r\n \t\n", "", 0 },
	{ "a,10.8.0.6", "a=10.8.0.6|", 0 },
	{ "a,10.8.0.6\n", "a=10.8.0.6|", 0 },
	{ "a,10.8.0.6\r\n", "a=10.8.0.6|", 0 },
	{ "a,10.8.0.6 \t\r\nb,10.8.0.7", "a=10.8.0.6|b=10.8.0.7|", 0 },
	{ "  a,10.8.0.6\n", "a=10.8.0.6|", 0 },
	/* as OpenVPN 2.5 and later write them */
	{ "a,10.8.0.6,\n", "a=10.8.0.6|", 0 },
	{ "a,,fd00::6\n", "a=fd00::6|", 0 },
	{ "a,10.8.0.6,fd00::6\n", "a=10.8.0.6|a=fd00::6|", 0 },
	/* in any order, since nobody could take it for something else */
	{ "a,fd00::6\n", "a=fd00::6|", 0 },
	{ "a,fd00::6,10.8.0.6\n", "a=fd00::6|a=10.8.0.6|", 0 },
	{ "# a,10.8.0.6\n;b,10.8.0.7\n \t#c\nd,10.8.0.8\n", "d=10.8.0.8|", 0 },
	{ "#" X250 X250 X250 X250 "\na,10.8.0.6\n", "a=10.8.0.6|", 0 },
	/* no lease */
	{ "a\n", "", 1 },
	{ "a,\n", "", 1 },
	{ "a,,\n", "", 1 },
	{ ",10.8.0.6\n", "", 1 },
	{ ",\n", "", 1 },
	{ "a,10.8.0.6,10.8.0.7\n", "", 1 },
	{ "a,fd00::6,fd00::7\n", "", 1 },
	{ "a,10.8.0.6,fd00::6,\n", "", 1 },
	{ "a,10.8.0.6,fd00::6,b\n", "", 1 },
	{ "a,,,fd00::6\n", "", 1 },
	{ "a,10.8.0.6,x\n", "", 1 },
	{ "a,10.8.0.256\n", "", 1 },
	{ "a,10.8.0\n", "", 1 },
	{ "a, 10.8.0.6\n", "", 1 },
	{ "a,10.8.0.6 ,\n", "", 1 },
	{ "a,10.8.0.6/24\n", "", 1 },
	{ "a,10.8.0.6\rb,10.8.0.7\n", "", 1 },
	{ "Doe, John,10.8.0.6\n", "", 1 },
	{ "a\tb,10.8.0.6\n", "", 1 },
	{ "a\x1b[1m,10.8.0.6\n", "", 1 },
	{ "a\x7f,10.8.0.6\n", "", 1 },
	/* bad ones spoil nothing */
	{ "?\na,10.8.0.6\n?\n\nb,10.8.0.7\n?", "a=10.8.0.6|b=10.8.0.7|", 3 },
	{ X250 X250 X250 X250 ",10.8.0.6\na,10.8.0.7\n", "a=10.8.0.7|", 1 },
	{ X250 "xxxxxx,10.8.0.6\na,10.8.0.7\n", "a=10.8.0.7|", 1 },
	{ X250 "xxxxx,10.8.0.6\n", X250 "xxxxx=10.8.0.6|", 0 },
	/* names */
	{ "Doe%2C John,10.8.0.6\n", "Doe, John=10.8.0.6|", 0 },
	{ "%23a%0A%2c,10.8.0.6\n", "#a\n,=10.8.0.6|", 0 },
	{ "100%,10.8.0.6\n", "100%=10.8.0.6|", 0 },
	{ "%4,10.8.0.6\n", "%4=10.8.0.6|", 0 },
	{ "%%41,10.8.0.6\n", "%A=10.8.0.6|", 0 },
	{ "%x4,10.8.0.6\n", "%x4=10.8.0.6|", 0 },
	{ "%2541,10.8.0.6\n", "%41=10.8.0.6|", 0 },
	{ "a%00b,10.8.0.6\n", "", 1 },
	{ "j\xc3\xb6rg \xff,10.8.0.6\n", "j\xc3\xb6rg \xff=10.8.0.6|", 0 },
	{ "a ,10.8.0.6\n", "a =10.8.0.6|", 0 },
};

static void lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(line_rows) / sizeof(*line_rows); i++) {
		char all[2048];
		unsigned bad = read_all(line_rows[i].text, strlen(line_rows[i].text), all);

		assert_string_equal(all, line_rows[i].told);
		assert_int_equal(bad, line_rows[i].bad);
	}
}

static void nul_bytes(void **state)
{
	static const char text[] = "a,10.8.0.6\0\nb\0c,10.8.0.7\n\0\nd,10.8.0.8";
	char all[2048];

	(void)state;
	assert_int_equal(read_all(text, sizeof(text) - 1, all), 3);
	assert_string_equal(all, "d=10.8.0.8|");
}

/* However a file is cut, at most the line with the cut is lost. */
static void truncated(void **state)
{
	static const char text[] = "# leases\nanna,10.8.0.61,fd00::61\nb%2Cb,10.8.0.7\n";
	char all[2048];

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		unsigned bad = read_all(text, len, all);

		assert_in_range(bad, 0, 1);
		if (len > (size_t)(strchr(text, 'b') - text))
			assert_memory_equal(all, "anna=10.8.0.61|anna=fd00::61|", 29);
	}
	assert_string_equal(all, "anna=10.8.0.61|anna=fd00::61|b,b=10.8.0.7|");
}

static void written(void **state)
{
	static const struct {
		const char *name, *address, *line;
	} t[] = {
		{ "anna", "10.8.0.6", "anna,10.8.0.6\n" },
		{ "anna", "fd00::6", "anna,,fd00::6\n" },
		{ "Doe, John", "10.8.0.6", "Doe%2C John,10.8.0.6\n" },
		{ "#a#", "10.8.0.6", "%23a#,10.8.0.6\n" },
		{ ";a;", "10.8.0.6", "%3Ba;,10.8.0.6\n" },
		{ " a ", "10.8.0.6", "%20a ,10.8.0.6\n" },
		{ "a\nb,10.8.0.7", "10.8.0.6", "a%0Ab%2C10.8.0.7,10.8.0.6\n" },
		{ "a\x1b\x7f\r", "10.8.0.6", "a%1B%7F%0D,10.8.0.6\n" },
		{ "100%", "10.8.0.6", "100%,10.8.0.6\n" },
		{ "%41%4%", "10.8.0.6", "%2541%4%,10.8.0.6\n" },
		{ "DOMAIN\\user", "10.8.0.6", "DOMAIN\\user,10.8.0.6\n" },
		{ "j\xc3\xb6rg", "10.8.0.6", "j\xc3\xb6rg,10.8.0.6\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		char got[LNL_LEASE_LINE + 1], all[2048], want[2048];
		struct lnl_writer w;
		struct lnl_ip address;
		size_t len = strlen(t[i].line);

		assert_int_equal(lnl_ip_parse(&address, t[i].address), 0);
		lnl_writer_init(&w, got, len);
		lnl_lease_write(&w, t[i].name, &address);
		assert_int_equal(w.error, 0);
		assert_int_equal(lnl_writer_len(&w), len);
		assert_memory_equal(got, t[i].line, len);
		assert_int_equal(lnl_lease_len(t[i].name, &address), len);
		assert_int_equal(read_all(got, len, all), 0);
		snprintf(want, sizeof(want), "%s=%s|", t[i].name, t[i].address);
		assert_string_equal(all, want);
		/* One byte less, and there is not half a line. */
		lnl_writer_init(&w, got, len - 1);
		lnl_lease_write(&w, t[i].name, &address);
		assert_int_equal(w.error, LNL_E_SPACE);
		assert_int_equal(lnl_writer_len(&w), 0);
	}
}

static void unwritable(void **state)
{
	static char longest[LNL_LEASE_NAME + 1];
	char got[LNL_LEASE_LINE], all[2048];
	struct lnl_ip address, none = { 0 };
	struct lnl_writer w;

	(void)state;
	assert_int_equal(lnl_ip_parse(&address, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), 0);
	memset(longest, '\n', LNL_LEASE_NAME);
	assert_int_equal(lnl_lease_len(longest, &address), 0);
	assert_int_equal(lnl_lease_len("", &address), 0);
	assert_int_equal(lnl_lease_len("a", &none), 0);
	lnl_writer_init(&w, got, sizeof(got));
	lnl_lease_write(&w, longest, &address);
	assert_int_equal(w.error, LNL_E_INVAL);
	assert_int_equal(lnl_writer_len(&w), 0);
	/* The refuse twin: one byte less has room, however it is written. */
	longest[LNL_LEASE_NAME - 1] = '\0';
	lnl_writer_init(&w, got, sizeof(got));
	lnl_lease_write(&w, longest, &address);
	assert_int_equal(w.error, 0);
	assert_int_equal(read_all(got, lnl_writer_len(&w), all), 0);
	assert_memory_equal(all, longest, LNL_LEASE_NAME - 1);
	/* An error before stays what it was. */
	w.error = LNL_E_SPACE;
	lnl_lease_write(&w, "", &address);
	assert_int_equal(w.error, LNL_E_SPACE);
}

struct one {
	const char *name;
	struct lnl_ip address;
	unsigned told;
};

static void expect_one(void *ctx, const char *name, const struct lnl_ip *address)
{
	struct one *o = ctx;

	assert_string_equal(name, o->name);
	assert_true(lnl_ip_equal(address, &o->address));
	o->told++;
}

/* Whatever is written is read back, for names of any bytes, mostly hard ones. */
static void round_trip(void **state)
{
	static const char hard[] = "%%%%04aF,,#; \n\r\t\x7f\x80\xff\\\"x";
	struct test_env world;

	(void)state;
	test_env_init(&world);
	for (unsigned i = 0; i < 100000; i++) {
		uint8_t bytes[16], len;
		char name[16] = "", line[LNL_LEASE_LINE];
		struct one o = { .name = name };
		struct lnl_writer w;

		test_env_random(&world, bytes, sizeof(bytes));
		len = (uint8_t)(1 + bytes[15] % 15);
		for (unsigned j = 0; j < len; j++)
			name[j] = bytes[j] % 8 == 0 ? (char)(bytes[j] | 1)
						    : hard[bytes[j] % (sizeof(hard) - 1)];
		o.address.family = i % 2 ? 4 : 6;
		test_env_random(&world, o.address.bytes, i % 2 ? 4 : 16);
		lnl_writer_init(&w, line, sizeof(line));
		lnl_lease_write(&w, name, &o.address);
		assert_int_equal(w.error, 0);
		assert_null(memchr(line, '\n', lnl_writer_len(&w) - 1));
		assert_int_equal(lnl_lease_read(line, lnl_writer_len(&w), &o, expect_one), 0);
		assert_int_equal(o.told, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),      cmocka_unit_test(nul_bytes),
		cmocka_unit_test(truncated),  cmocka_unit_test(written),
		cmocka_unit_test(unwritable), cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
