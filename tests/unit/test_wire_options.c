/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Pushed options and C2, the tokenizer's bounds; OCC strings and their link-mtu, as OpenVPN 2.6.14
 * logs them ("Local Options String" at verb 7, dev-type apart).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/options.h"

/*
 * Splits |list| (a copy of exactly its length) into |out|: words with '|' between, options with '/', a
 * refused one as '!'.
 */
static void take_apart(char *out, size_t cap, const char *list, size_t len)
{
	char *copy = malloc(len + (len == 0));
	const char *p = copy;
	struct lnl_option o;
	struct lnl_writer w;
	int more;

	assert_non_null(copy);
	memcpy(copy, list, len);
	lnl_writer_init(&w, out, cap - 1);
	memset(&o, 0x5a, sizeof(o));
	while ((more = lnl_option_next(&o, &p, &len)) != 0) {
		if (lnl_writer_len(&w) > 0)
			lnl_write_str(&w, "/");
		if (more < 0) {
			assert_int_equal(more, LNL_E_FORMAT);
			assert_int_equal(o.n, 0);
			lnl_write_str(&w, "!");
			continue;
		}
		assert_int_equal(more, 1);
		assert_in_range(o.n, 1, LNL_OPTION_WORDS);
		for (unsigned i = 0; i < o.n; i++) {
			lnl_write_str(&w, i ? "|" : "");
			lnl_write_str(&w, o.word[i]);
		}
	}
	assert_int_equal(o.n, 0);
	assert_int_equal(len, 0);
	assert_int_equal(lnl_option_next(&o, &p, &len), 0);
	assert_int_equal(w.error, 0);
	out[lnl_writer_len(&w)] = '\0';
	free(copy);
}

static void lists_are_taken_apart(void **state)
{
	static const struct {
		const char *list, *parts;
	} row[] = {
		{ "", "" },
		{ "ping 10", "ping|10" },
		{ "route 10.0.0.0 255.0.0.0,ping 10,tun-mtu 1500",
		  "route|10.0.0.0|255.0.0.0/ping|10/tun-mtu|1500" },
		{ ",,ping 10,, ,ping 20,", "ping|10/ping|20" },
		{ "  a   b  ", "a|b" },
		{ "echo \"two words\" x", "echo|two words|x" },
		{ "echo 'two words' x", "echo|two words|x" },
		{ "echo \"it's\" 'a \"b\"'", "echo|it's|a \"b\"" },
		{ "echo \"\" ''", "echo||" },
		{ "\"a\"b", "a|b" },
		{ "a\"b\"", "a\"b\"" },
		{ "a'b", "a'b" },
		{ "a\\ b", "a b" },
		{ "a\\\\b", "a\\b" },
		{ "\\\"a\\\"", "\"a\"" },
		{ "\\ a", " a" },
		{ "\"a\\\"b\\\\c\"", "a\"b\\c" },
		{ "'a\\b\\'", "a\\b\\" },
		{ "a # b", "a" },
		{ "a ; b", "a" },
		{ "# a,b", "b" },
		{ "a#b;c", "a#b;c" },
		{ "a \"#b\"", "a|#b" },
		/* what is refused does not take its neighbours along */
		{ "a,\"b,c", "a/!/c" },
		{ "a,'b,c'", "a/!/c'" },
		{ "a,b\\,c", "a/!/c" },
		{ "a,\\n,c", "a/!/c" },
		{ "\"a\\'\"", "!" },
		{ "a,b\tc,d", "a/!/d" },
		{ "a,b\nc,d", "a/!/d" },
		{ "a,\x1b[0m,d", "a/!/d" },
		{ "a,\x7f,d", "a/!/d" },
		{ "a,\xc3\xa9,d", "a/!/d" },
		{ "!", "!" },
	};
	char out[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		take_apart(out, sizeof(out), row[i].list, strlen(row[i].list));
		assert_string_equal(out, row[i].parts);
	}
	take_apart(out, sizeof(out), "a\0b,c", 5);
	assert_string_equal(out, "!/c");
}

static void C2_words_are_bounded(void **state)
{
	struct lnl_option o;
	char list[256];

	(void)state;
	for (unsigned n = 1; n <= 40; n++) {
		size_t len = 0;
		const char *p = list;

		for (unsigned i = 0; i < n; i++) {
			list[len++] = ' ';
			list[len++] = (char)('a' + i % 26);
		}
		assert_int_equal(lnl_option_next(&o, &p, &len),
				 n <= LNL_OPTION_WORDS ? 1 : LNL_E_FORMAT);
		assert_int_equal(o.n, n <= LNL_OPTION_WORDS ? n : 0);
		assert_int_equal(len, 0);
		for (unsigned i = 0; i < o.n; i++) {
			assert_int_equal(o.word[i][0], 'a' + i);
			assert_int_equal(o.word[i][1], 0);
		}
	}
}

/* Words that need as many terminators as they have characters, quoted and empty ones among them. */
static void C2_lengths_are_bounded(void **state)
{
	static const char *const filler[] = { "a", "ab ", "\"\"", "''", "\"a\"", "\\\\", "a " };
	struct lnl_option o;
	char *list;

	(void)state;
	for (size_t f = 0; f < sizeof(filler) / sizeof(filler[0]); f++) {
		for (size_t want = LNL_OPTION_LEN - 4; want < LNL_OPTION_LEN + 4; want++) {
			size_t words = 0, unit = strlen(filler[f]), len = want;
			const char *p;
			int code;

			list = malloc(want);
			assert_non_null(list);
			memset(list, 'x', want);
			for (size_t at = 0; at + unit <= want && words < LNL_OPTION_WORDS - 1;
			     at += unit, words++)
				memcpy(list + at, filler[f], unit);
			p = list;
			code = lnl_option_next(&o, &p, &len);
			assert_int_equal(code, want < LNL_OPTION_LEN ? 1 : LNL_E_FORMAT);
			assert_ptr_equal(p, list + want);
			for (unsigned i = 0; i < o.n; i++) {
				assert_true(o.word[i] >= o.text);
				assert_true(o.word[i] + strlen(o.word[i]) <
					    o.text + LNL_OPTION_LEN);
			}
			free(list);
		}
	}
}

/* Any bytes at all end, move on and stay inside. */
static void C2_noise(void **state)
{
	static const char bytes[] = "ab \\\"',#;\t\x80z";
	uint32_t seed = 5;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		char out[600], list[128];
		size_t len = round % sizeof(list);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1664525 + 1013904223;
			list[i] = bytes[(seed >> 16) % (sizeof(bytes) - 1)];
		}
		take_apart(out, sizeof(out), list, len);
	}
}

static void C2_a_very_long_list_ends(void **state)
{
	size_t len = 1 << 20;
	char *list = malloc(len);
	const char *p = list;
	struct lnl_option o;
	unsigned n = 0;

	(void)state;
	assert_non_null(list);
	for (size_t i = 0; i < len; i++)
		list[i] = i % 2 ? ',' : 'x';
	while (lnl_option_next(&o, &p, &len) == 1)
		n++;
	assert_int_equal(n, 1 << 19);
	free(list);
}

static const struct {
	struct lnl_occ occ;
	const char *text;
} occs[] = {
	{ { .key_direction = -1,
	    .link_mtu = 1549,
	    .tun_mtu = 1500,
	    .cipher = "AES-256-GCM",
	    .auth = "SHA1",
	    .key_bits = 256 },
	  "V4,dev-type tun,link-mtu 1549,tun-mtu 1500,proto UDPv4,cipher AES-256-GCM,auth [null-digest],"
	  "keysize 256,key-method 2,tls-client" },
	/* no cipher in the profile */
	{ { .key_direction = -1,
	    .link_mtu = 1541,
	    .tun_mtu = 1500,
	    .auth = "SHA1",
	    .key_bits = 128 },
	  "V4,dev-type tun,link-mtu 1541,tun-mtu 1500,proto UDPv4,auth SHA1,keysize 128,key-method 2,"
	  "tls-client" },
	/* --proto udp6 --tls-auth ta.key 1 --comp-lzo no --cipher AES-256-CBC --auth SHA256 */
	{ { .ipv6 = true,
	    .tls_auth = true,
	    .key_direction = 1,
	    .link_mtu = 1570,
	    .tun_mtu = 1500,
	    .cipher = "AES-256-CBC",
	    .auth = "SHA256",
	    .key_bits = 256,
	    .comp_lzo = true },
	  "V4,dev-type tun,link-mtu 1570,tun-mtu 1500,proto UDPv4,comp-lzo,keydir 1,cipher AES-256-CBC,"
	  "auth SHA256,keysize 256,tls-auth,key-method 2,tls-client" },
	/* --proto tcp-server --tls-auth ta.key 0 --cipher AES-256-CBC --auth SHA256 */
	{ { .server = true,
	    .tcp = true,
	    .tls_auth = true,
	    .key_direction = 0,
	    .link_mtu = 1571,
	    .tun_mtu = 1500,
	    .cipher = "AES-256-CBC",
	    .auth = "SHA256",
	    .key_bits = 256 },
	  "V4,dev-type tun,link-mtu 1571,tun-mtu 1500,proto TCPv4_SERVER,keydir 0,cipher AES-256-CBC,"
	  "auth SHA256,keysize 256,tls-auth,key-method 2,tls-server" },
	/* --proto tcp6-client --tls-auth ta.key */
	{ { .tcp = true,
	    .ipv6 = true,
	    .tls_auth = true,
	    .key_direction = -1,
	    .link_mtu = 1543,
	    .tun_mtu = 1500,
	    .auth = "SHA1",
	    .key_bits = 128 },
	  "V4,dev-type tun,link-mtu 1543,tun-mtu 1500,proto TCPv4_CLIENT,auth SHA1,keysize 128,tls-auth,"
	  "key-method 2,tls-client" },
	/* --dev tap --cipher AES-256-GCM */
	{ { .tap = true,
	    .key_direction = -1,
	    .link_mtu = 1549 + LNL_OCC_TAP_EXTRA,
	    .tun_mtu = 1500,
	    .cipher = "AES-256-GCM",
	    .key_bits = 256 },
	  "V4,dev-type tap,link-mtu 1581,tun-mtu 1500,proto UDPv4,cipher AES-256-GCM,auth [null-digest],"
	  "keysize 256,key-method 2,tls-client" },
	/* --cipher AES-256-CBC --auth none */
	{ { .key_direction = -1,
	    .link_mtu = 1537,
	    .tun_mtu = 1500,
	    .cipher = "AES-256-CBC",
	    .auth = "none",
	    .key_bits = 256 },
	  "V4,dev-type tun,link-mtu 1537,tun-mtu 1500,proto UDPv4,cipher AES-256-CBC,auth [null-digest],"
	  "keysize 256,key-method 2,tls-client" },
};

static void occ_strings(void **state)
{
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(occs) / sizeof(occs[0]); i++) {
		size_t need = strlen(occs[i].text) + 1;

		assert_int_equal(lnl_occ_write(&occs[i].occ, out, need), 0);
		assert_string_equal(out, occs[i].text);
		for (size_t cap = 1; cap < need; cap++) {
			assert_int_equal(lnl_occ_write(&occs[i].occ, out, cap), LNL_E_SPACE);
			assert_string_equal(out, "");
		}
		assert_int_equal(lnl_occ_write(&occs[i].occ, out, 0), LNL_E_SPACE);
	}
}

static void occ_link_mtus(void **state)
{
	static const struct {
		const char *cipher, *auth;
		unsigned udp, tcp, lzo;
	} row[] = {
		{ "AES-256-GCM", "SHA1", 1549, 1551, 1550 },
		{ "AES-128-GCM", "SHA512", 1549, 1551, 1550 },
		{ "aes-192-gcm", "none", 1549, 1551, 1550 },
		{ "CHACHA20-POLY1305", "SHA256", 1534, 1536, 1535 },
		{ "AES-256-CBC", "SHA1", 1557, 1559, 1558 },
		{ "AES-192-CBC", "SHA256", 1569, 1571, 1570 },
		{ "AES-128-CBC", "SHA512", 1601, 1603, 1602 },
		{ "AES-256-CBC", "none", 1537, 1539, 1538 },
		{ "AES-256-CBC", "SHA384", 1585, 1587, 1586 },
		{ "AES-256-CBC", "MD5", 1553, 1555, 1554 },
		{ "AES-256-CBC", "sha224", 1565, 1567, 1566 },
		{ NULL, "SHA1", 1541, 1543, 1542 },
		{ "BF-CBC", "SHA1", 1541, 1543, 1542 },
		{ "none", "SHA1", 1525, 1527, 1526 },
		{ "none", "SHA512", 1569, 1571, 1570 },
		{ "none", "none", 1505, 1507, 1506 },
		{ "none", NULL, 1505, 1507, 1506 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *c = row[i].cipher, *a = row[i].auth;

		assert_int_equal(lnl_occ_link_mtu(1500, false, c, a, false), row[i].udp);
		assert_int_equal(lnl_occ_link_mtu(1500, true, c, a, false), row[i].tcp);
		assert_int_equal(lnl_occ_link_mtu(1500, false, c, a, true), row[i].lzo);
		assert_int_equal(lnl_occ_link_mtu(1400, false, c, a, false), row[i].udp - 100);
	}
}

struct differences {
	char text[2048];
	unsigned n;
};

static void note(void *ctx, const char *ours, const char *theirs)
{
	struct differences *d = ctx;

	assert_true(strlen(ours) < 64 && strlen(theirs) < 64);
	if (d->n++ < 4) {
		strcat(d->text, ours);
		strcat(d->text, "<>");
		strcat(d->text, theirs);
		strcat(d->text, "\n");
	}
}

static void occ_compared(void **state)
{
	static const struct {
		const char *ours, *theirs, *differences;
	} row[] = {
		{ "V4,tun-mtu 1500,tls-server", "V4,tun-mtu 1500,tls-server", "" },
		{ "V4,tun-mtu 1500,tls-server", "V4,tls-server,,tun-mtu 1500,", "" },
		{ "V4,tun-mtu 1500", "V4,tun-mtu 1400", "tun-mtu 1500<>tun-mtu 1400\n" },
		{ "V4,tun-mtu 1500", "V4,tun-mtu 150", "tun-mtu 1500<>tun-mtu 150\n" },
		{ "V4,comp-lzo", "V4", "comp-lzo<>\n" },
		{ "V4", "V4,comp-lzo", "<>comp-lzo\n" },
		{ "V4,tls-server", "V4,tls-client", "tls-server<>\n<>tls-client\n" },
		{ "V4,auth SHA1", "V4,auth", "auth SHA1<>auth\n" },
		{ "V4", "V4,x\x1b[31m\ny", "<>x?[31m?y\n" },
		{ "V4", "", "V4<>\n" },
		{ "", "", "" },
		{ "", ",,,", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct differences d = { 0 };

		lnl_occ_compare(row[i].ours, row[i].theirs, &d, note);
		assert_string_equal(d.text, row[i].differences);
	}
	for (size_t i = 0; i < sizeof(occs) / sizeof(occs[0]); i++) {
		struct differences d = { 0 };

		lnl_occ_compare(occs[i].text, occs[i].text, &d, note);
		assert_int_equal(d.n, 0);
	}
}

/* A peer cannot make us report for ever, nor with a long text. */
static void occ_reports_are_bounded(void **state)
{
	struct differences d = { 0 };
	char theirs[1024];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(theirs); i++)
		theirs[i] = i % 2 ? ',' : 'a';
	theirs[sizeof(theirs) - 1] = '\0';
	lnl_occ_compare("V4,b", theirs, &d, note);
	assert_int_equal(d.n, 32);
	memset(theirs, 'a', sizeof(theirs) - 1);
	d = (struct differences){ 0 };
	lnl_occ_compare("V4", theirs, &d, note);
	assert_int_equal(d.n, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_taken_apart),
		cmocka_unit_test(C2_words_are_bounded),
		cmocka_unit_test(C2_lengths_are_bounded),
		cmocka_unit_test(C2_noise),
		cmocka_unit_test(C2_a_very_long_list_ends),
		cmocka_unit_test(occ_strings),
		cmocka_unit_test(occ_link_mtus),
		cmocka_unit_test(occ_compared),
		cmocka_unit_test(occ_reports_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
