/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Peer info written as OpenVPN 2.6 orders it, and looked up in what a peer sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/peerinfo.h"

static const struct {
	struct lnl_peerinfo p;
	const char *text;
} rows[] = {
	{ { .version = "2.6.14",
	    .platform = "linux",
	    .proto = 990,
	    .mtu = 1600,
	    .ciphers = "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305",
	    .comp_stub = true },
	  "IV_VER=2.6.14\nIV_PLAT=linux\nIV_TCPNL=1\nIV_MTU=1600\nIV_NCP=2\n"
	  "IV_CIPHERS=AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305\nIV_PROTO=990\n"
	  "IV_LZO_STUB=1\nIV_COMP_STUB=1\nIV_COMP_STUBv2=1\n" },
	/* the eduVPN profile: not both GCM sizes, so no IV_NCP */
	{ { .version = "x", .proto = 2, .ciphers = "AES-256-GCM:CHACHA20-POLY1305" },
	  "IV_VER=x\nIV_TCPNL=1\nIV_CIPHERS=AES-256-GCM:CHACHA20-POLY1305\nIV_PROTO=2\n" },
	{ { .ciphers = "AES-128-GCM:AES-256-GCMX" },
	  "IV_TCPNL=1\nIV_CIPHERS=AES-128-GCM:AES-256-GCMX\nIV_PROTO=0\n" },
	{ { .proto = UINT32_MAX }, "IV_TCPNL=1\nIV_PROTO=4294967295\n" },
	{ { .proto = 6,
	    .gui_ver = "Lunel 1",
	    .sso = "webauth,openurl,crtext",
	    .hwaddr = "02:00:00:00:00:01",
	    .extra = "UV_ASSET=7\nUV_X=y\n" },
	  "IV_TCPNL=1\nIV_PROTO=6\nIV_HWADDR=02:00:00:00:00:01\nIV_GUI_VER=Lunel 1\n"
	  "IV_SSO=webauth,openurl,crtext\nUV_ASSET=7\nUV_X=y\n" },
	/* one's own lines come first, as the first of a name counts */
	{ { .acc = "2047,6:A,a:b", .own = "UV_SITE=ams\n", .extra = "UV_SITE=fra\n" },
	  "IV_TCPNL=1\nIV_PROTO=0\nIV_ACC=2047,6:A,a:b\nUV_SITE=ams\nUV_SITE=fra\n" },
};

static void written(void **state)
{
	char out[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t need = strlen(rows[i].text) + 1;

		assert_int_equal(lnl_peerinfo_write(&rows[i].p, out, need), 0);
		assert_string_equal(out, rows[i].text);
		for (size_t cap = 1; cap < need; cap++) {
			assert_int_equal(lnl_peerinfo_write(&rows[i].p, out, cap), LNL_E_SPACE);
			assert_string_equal(out, "");
		}
		assert_int_equal(lnl_peerinfo_write(&rows[i].p, out, 0), LNL_E_SPACE);
	}
}

/* What a 2.6.22 client says (PROTOCOL 1.7): bits 1, 2, 3, 4, 6, 7, 8 and 9. */
static void iv_proto_bits(void **state)
{
	(void)state;
	assert_int_equal(LNL_IV_DATA_V2 | LNL_IV_REQUEST_PUSH | LNL_IV_TLS_KEY_EXPORT |
				 LNL_IV_AUTH_PENDING_KW | LNL_IV_DNS | LNL_IV_CC_EXIT |
				 LNL_IV_AUTH_FAIL_TEMP | LNL_IV_DYN_TLS_CRYPT,
			 990);
}

static void values_are_found(void **state)
{
	static const char info[] = "IV_VER=2.6\nIV_PROTO=990\nIV_EMPTY=\nUV_A=b=c\nIV_PROTO=1\n"
				   "XIV_MTU=5\nIV_LAST=end";
	static const struct {
		const char *name, *value;
	} row[] = {
		{ "IV_VER", "2.6" }, { "IV_PROTO", "990" }, { "IV_EMPTY", "" },
		{ "UV_A", "b=c" },   { "IV_LAST", "end" },  { "IV_MTU", NULL },
		{ "IV_V", NULL },    { "IV_VERS", NULL },   { "iv_ver", NULL },
		{ "b", NULL },	     { "UV_A=b", "c" },	    { "2.6\nIV_PROTO", NULL },
		{ "XIV_MTU", "5" },  { "IV_LASTS", NULL },
	};
	size_t len = sizeof(info) - 1;
	char *copy = malloc(len);

	(void)state;
	assert_non_null(copy);
	memcpy(copy, info, len);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		const char *value = NULL;
		size_t n = 99;
		bool found = lnl_peerinfo_get(copy, len, row[i].name, &value, &n);

		if (found != (row[i].value != NULL))
			fail_msg("%s", row[i].name);
		if (!found)
			continue;
		assert_int_equal(n, strlen(row[i].value));
		assert_memory_equal(value, row[i].value, n);
	}
	free(copy);
	for (size_t n = 0; n < 7; n++) { /* "IV_VER=" cut short */
		const char *value;
		size_t value_len;

		assert_false(lnl_peerinfo_get(info, n, "IV_VER", &value, &value_len));
	}
	assert_int_equal(lnl_peerinfo_number(NULL, 0, "IV_VER", 7), 7);
}

static void numbers(void **state)
{
	static const struct {
		const char *info;
		uint32_t n;
	} row[] = {
		{ "N=0", 0 },	       { "N=990", 990 },  { "N=4294967295", UINT32_MAX },
		{ "N=4294967296", 7 }, { "N=", 7 },	  { "N=-1", 7 },
		{ "N= 1", 7 },	       { "N=1x", 7 },	  { "N=0x10", 7 },
		{ "M=1", 7 },	       { "", 7 },	  { "N=1\r\n", 7 },
		{ "M=2\nN=3\n", 3 },   { "N=x\nN=5", 7 }, /* the first wins, right or wrong */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(lnl_peerinfo_number(row[i].info, strlen(row[i].info), "N", 7),
				 row[i].n);
}

static void lists(void **state)
{
	static const struct {
		const char *list, *item;
		bool has;
	} row[] = {
		{ "a:b:c", "a", true },	 { "a:b:c", "b", true },    { "a:b:c", "c", true },
		{ "a:b:c", "d", false }, { "a:b:c", "a:b", false }, { "ab:c", "a", false },
		{ "a:bc", "c", false },	 { "", "a", false },	    { "", "", false },
		{ "a::b", "", false },	 { "a::b", "b", true },	    { ":", "a", false },
		{ "A", "a", false },	 { "a:", "a", true },	    { ":a", "a", true },
		{ "a,b", "a", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = strlen(row[i].list);
		char *copy = malloc(len + (len == 0));

		assert_non_null(copy);
		memcpy(copy, row[i].list, len);
		if (lnl_list_has(copy, len, ':', row[i].item) != row[i].has)
			fail_msg("\"%s\" in \"%s\"", row[i].item, row[i].list);
		free(copy);
	}
	assert_true(lnl_list_has("tls-ekm dyn-tls-crypt", 21, ' ', "tls-ekm"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written),
		cmocka_unit_test(iv_proto_bits),
		cmocka_unit_test(values_are_found),
		cmocka_unit_test(numbers),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
