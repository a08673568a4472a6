/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Key files. The samples were made for this test by OpenVPN 2.6.14 (--genkey); what they decode to
 * was computed with python3 (bytes.fromhex, base64.b64decode). They protect nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/base64.h"
#include "wire/keyfile.h"

static const char static_text[] = "#\n"
				  "# 2048 bit OpenVPN static key\n"
				  "#\n"
				  "-----BEGIN OpenVPN Static key V1-----\n"
				  "139f071fa348acf8418900519829531f\n"
				  "d7694487acf3164e4af8ced289fcf64b\n"
				  "42fe5ade46eb0d84ce0ab1f324ce56bf\n"
				  "7839838e823ee784c1451dad24a5aa07\n"
				  "573c718c48783fbc2ce28123e433fce8\n"
				  "a66a810ce11abade3a8116de29c8f8fa\n"
				  "919b0479f8d19c24f5fc5d5c7d6a8db7\n"
				  "3777e02ad236c413bab17f20fe71484c\n"
				  "723b758a6f0910fcb975fc0fe93ecaaa\n"
				  "af2bd67586a52a3a1715b31943e6eacd\n"
				  "87594c5b87a4ad557c22c4be0eba5990\n"
				  "11d672fededccdd9ee5ed80e6cdc31d7\n"
				  "2346781e6dfa190eb6bf3b69fb73b3da\n"
				  "a7dbf810b52023b9b3b303f8c1c5d62a\n"
				  "0177da4815e9a803dee5ec77e7bfef18\n"
				  "5501e7c872906e312c1c17b90e9fbded\n"
				  "-----END OpenVPN Static key V1-----\n";

static const char client_text[] =
	"-----BEGIN OpenVPN tls-crypt-v2 client key-----\n"
	"FKaULFLuOd3KbksnM1gwSwXOBL1AdD1TgUI+cHnp7GEJhY8+tsXBDlEDu10zoj/7\n"
	"xW9gPkp2qsQZSLo4qarTNXxkfqtJ4qmS8qwov1WYR9eWz3lu0ymtV3+aZmg4Jkpo\n"
	"C9a+Tw4nFEIe9unqA3qsT5pUSqnSrBeQCRtdQ4dO+fGFFQduXNbf8F/fZs8L1bGR\n"
	"xsb1g4fZVJ+25zwDGJayzmezNs0HMgAmdSVC/eGvi8BMHG87+9HX2n8w7tD9zJp2\n"
	"I7dIgn3y5DO6+OhL3jHTsRZ/p2F5i/KJ2Q2qn/Ue92uWASaws4/wplgMEZ7/Ea1w\n"
	"Y14Mlm6iMKBL3cOmfmI/S8ZJpMFckqCyvxqqmKi8gjhHOlcMWIr58lpHFmV7w3Gf\n"
	"Wv4CEKsxqgY3p5zGjhv8dG8T+ZM21FIjYR+13cY+ph6edBKfDEYPJHmOZFXP4zDl\n"
	"vIddhv4LI32SY4yNzDsUXdKjagTCMwtwdmPZrRpHVujYJ/KjOSMcSH5elsQEp4C0\n"
	"DjJIl4DTegIxkeRr9TIIPa1TsEO5QGLnERDm5MWTGs6h0diwlLAXbM148vxNGPrl\n"
	"GUnmCRX+vdi0SieMX5FroKKTw1k5WDEnJG7GyPRb2xlozjb7dR/JihrFcnlyfnB4\n"
	"qzo5LtYlfWS4xbuNaqkmpvsxkKHATvqYoKnp+ZPOb7O3JZQ5GNpTn5j7P4qtYnyx\n"
	"PopOva4XWYVy/r1VFC9MFmTdM8D32lSY+wEr\n"
	"-----END OpenVPN tls-crypt-v2 client key-----\n";

static const char server_text[] =
	"-----BEGIN OpenVPN tls-crypt-v2 server key-----\n"
	"XJgLvjv0nX29pPcIhJccV0Y8CilPHb070fXlOBXjYe6iHgExn1BPmZ5Q2uaNiThL\n"
	"HaqE2S6M+o5Bwd9WVyWr58I2qTQI2a+JynMsDEyN2fS5xiM68Xxlrngm42RkPorm\n"
	"F2l1P6eXcbzahkbOD50SX0jIgXchSPt5cGItwnfXIJM=\n"
	"-----END OpenVPN tls-crypt-v2 server key-----\n";

/* Offset and value of bytes at every edge of the samples. */
struct spot {
	size_t at;
	uint8_t value;
};

static const struct spot static_spots[] = {
	{ 0, 0x13 },   { 1, 0x9f },   { 63, 0x07 },  { 64, 0x57 },  { 127, 0x4c },
	{ 128, 0x72 }, { 191, 0xd7 }, { 192, 0x23 }, { 255, 0xed },
};

static const struct spot server_spots[] = {
	{ 0, 0x5c }, { 1, 0x98 }, { 63, 0xe7 }, { 64, 0xc2 }, { 126, 0x20 }, { 127, 0x93 },
};

static const struct spot kc_spots[] = {
	{ 0, 0x14 },
	{ 1, 0xa6 },
	{ 254, 0x3f },
	{ 255, 0x4b },
};

static const struct spot wkc_spots[] = {
	{ 0, 0xc6 },   { 1, 0x49 },   { 31, 0x9f },  { 32, 0x5a },
	{ 296, 0xfb }, { 297, 0x01 }, { 298, 0x2b },
};

#define SAMPLE_WKC_LEN 299

#define SPOTS(b, s) check_spots(b, s, sizeof(s) / sizeof(s[0]))

static void check_spots(const uint8_t *bytes, const struct spot *spot, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bytes[spot[i].at] != spot[i].value)
			fail_msg("byte %zu: %02x", spot[i].at, bytes[spot[i].at]);
}

static bool all_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		if (b[i])
			return false;
	return true;
}

/* Each reads a copy of exactly |len| characters, so that ASan sees one too many. */
static int read_static(struct lnl_static_key *k, const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	int code;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(k, 0x5a, sizeof(*k));
	code = lnl_keyfile_static(k, copy, len);
	free(copy);
	if (code)
		assert_true(all_zero(k, sizeof(*k)));
	return code;
}

static int read_client(struct lnl_v2_client_key *k, const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	int code;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(k, 0x5a, sizeof(*k));
	code = lnl_keyfile_v2_client(k, copy, len);
	free(copy);
	if (code)
		assert_true(all_zero(k, sizeof(*k)));
	return code;
}

static int read_server(uint8_t *k, const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	int code;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(k, 0x5a, LNL_V2_SERVER_KEY_LEN);
	code = lnl_keyfile_v2_server(k, copy, len);
	free(copy);
	if (code)
		assert_true(all_zero(k, LNL_V2_SERVER_KEY_LEN));
	return code;
}

static void samples_are_read(void **state)
{
	struct lnl_static_key k;
	struct lnl_v2_client_key c;
	uint8_t s[LNL_V2_SERVER_KEY_LEN];

	(void)state;
	assert_int_equal(read_static(&k, static_text, strlen(static_text)), 0);
	SPOTS(k.bytes, static_spots);
	assert_ptr_equal(lnl_static_cipher(&k, 0), k.bytes);
	assert_ptr_equal(lnl_static_hmac(&k, 0), k.bytes + 64);
	assert_ptr_equal(lnl_static_cipher(&k, 1), k.bytes + 128);
	assert_ptr_equal(lnl_static_hmac(&k, 1), k.bytes + 192);
	assert_int_equal(read_client(&c, client_text, strlen(client_text)), 0);
	SPOTS(c.kc.bytes, kc_spots);
	assert_int_equal(c.wkc_len, SAMPLE_WKC_LEN);
	SPOTS(c.wkc, wkc_spots);
	assert_int_equal(read_server(s, server_text, strlen(server_text)), 0);
	SPOTS(s, server_spots);
}

/* One kind of key is not another. */
static void kinds_are_told_apart(void **state)
{
	struct lnl_static_key k;
	struct lnl_v2_client_key c;
	uint8_t s[LNL_V2_SERVER_KEY_LEN];

	(void)state;
	assert_int_equal(read_static(&k, client_text, strlen(client_text)), LNL_E_FORMAT);
	assert_int_equal(read_static(&k, server_text, strlen(server_text)), LNL_E_FORMAT);
	assert_int_equal(read_client(&c, static_text, strlen(static_text)), LNL_E_FORMAT);
	assert_int_equal(read_client(&c, server_text, strlen(server_text)), LNL_E_FORMAT);
	assert_int_equal(read_server(s, static_text, strlen(static_text)), LNL_E_FORMAT);
	assert_int_equal(read_server(s, client_text, strlen(client_text)), LNL_E_FORMAT);
}

#define BEGIN "-----BEGIN OpenVPN Static key V1-----"
#define END   "-----END OpenVPN Static key V1-----"

/* Builds a static key text: |before|, 32 lines of |n| times "0a" with |eol|, |after|. */
static size_t build(char *out, size_t cap, const char *before, unsigned n, const char *eol,
		    const char *after)
{
	size_t len = (size_t)snprintf(out, cap, "%s", before);

	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(out + len, cap - len, "0a%s", i % 8 == 7 ? eol : "");
	return len + (size_t)snprintf(out + len, cap - len, "%s", after);
}

static void static_forms(void **state)
{
	static const struct {
		const char *before;
		unsigned n;
		const char *eol, *after;
		int code;
	} row[] = {
		{ BEGIN "\n", 256, "\n", END "\n", 0 },
		{ BEGIN "\n", 256, "\n", END, 0 },
		{ BEGIN "\r\n", 256, "\r\n", END "\r\n", 0 },
		{ "text of a person\n\n" BEGIN "\n", 256, "\n", END, 0 },
		{ "  " BEGIN " \n", 256, "\n\t", END, 0 },
		{ BEGIN "\n# a comment\n\n", 256, "\n#\n", END, 0 },
		{ BEGIN "\n", 256, " ", "\n" END, 0 }, /* in one line, with blanks */
		{ BEGIN "\n", 256, "\n", END "\nmore text\n" BEGIN "\n", 0 },
		{ BEGIN "\n", 0, "\n", END, LNL_E_FORMAT },
		{ BEGIN "\n", 255, "\n", "\n" END, LNL_E_FORMAT },
		{ BEGIN "\n", 257, "\n", "\n" END, LNL_E_FORMAT },
		{ BEGIN "\n0", 255, "\n", "\n" END, LNL_E_FORMAT },
		{ BEGIN "\n0", 256, "\n", "\n" END, LNL_E_FORMAT },
		{ BEGIN "\n", 512, "\n", "\n" END, LNL_E_FORMAT },
		{ BEGIN "\n", 256, "\n", "", LNL_E_FORMAT },
		{ BEGIN "\n", 256, "\n", "-----END OpenVPN Static key V1----", LNL_E_FORMAT },
		{ BEGIN "\n", 256, "\n", "-----END OpenVPN Static key V2-----", LNL_E_FORMAT },
		{ BEGIN "\n", 256, ":\n", END, LNL_E_FORMAT },
		{ BEGIN "\nxx", 255, "\n", "\n" END, LNL_E_FORMAT },
		{ BEGIN, 256, "\n", END, LNL_E_FORMAT },
		{ "x" BEGIN "\n", 256, "\n", END, LNL_E_FORMAT },
		{ "-----BEGIN OpenVPN Static key V2-----\n", 256, "\n", END, LNL_E_FORMAT },
		{ "", 256, "\n", END, LNL_E_FORMAT },
		{ "", 0, "\n", "", LNL_E_FORMAT },
	};
	struct lnl_static_key k;
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = build(text, sizeof(text), row[i].before, row[i].n, row[i].eol,
				   row[i].after);

		assert_true(len < sizeof(text));
		if (read_static(&k, text, len) != row[i].code)
			fail_msg("row %zu", i);
		for (size_t j = 0; !row[i].code && j < sizeof(k.bytes); j++)
			assert_int_equal(k.bytes[j], 0x0a);
	}
}

static void hex_of_both_cases(void **state)
{
	struct lnl_static_key k;
	char text[2048];
	size_t len = build(text, sizeof(text), BEGIN "\nAbFf09aF", 252, "\n", "\n" END);

	(void)state;
	assert_int_equal(read_static(&k, text, len), 0);
	assert_memory_equal(k.bytes, "\xab\xff\x09\xaf\x0a", 5);
	text[sizeof(BEGIN)] = 'g';
	assert_int_equal(read_static(&k, text, len), LNL_E_FORMAT);
	text[sizeof(BEGIN)] = '\0';
	assert_int_equal(read_static(&k, text, len), LNL_E_FORMAT);
}

#define TOKEN_BEGIN "-----BEGIN OpenVPN auth-token server key-----\n"
#define TOKEN_END   "-----END OpenVPN auth-token server key-----\n"

static int read_token(uint8_t *k, const char *text, size_t len)
{
	char *copy = malloc(len + (len == 0));
	int code;

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(k, 0x5a, LNL_TOKEN_KEY_LEN);
	code = lnl_keyfile_token(k, copy, len);
	free(copy);
	if (code)
		assert_true(all_zero(k, LNL_TOKEN_KEY_LEN));
	return code;
}

/* |before|, base64 of |n| bytes that count from 0 in lines of |line| characters, |after|. */
static size_t token_key(char *out, size_t cap, const char *before, size_t n, size_t line,
			const char *after)
{
	uint8_t bytes[512];
	char b64[sizeof(bytes) / 3 * 4 + 8];
	struct lnl_writer w;
	size_t at = (size_t)snprintf(out, cap, "%s", before);

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	lnl_writer_init(&w, b64, sizeof(b64));
	lnl_base64_write(&w, bytes, n);
	assert_int_equal(w.error, 0);
	for (size_t i = 0; i < lnl_writer_len(&w); i += line) {
		size_t left = lnl_writer_len(&w) - i;

		at += (size_t)snprintf(out + at, cap - at, "%.*s\n",
				       (int)(left < line ? left : line), b64 + i);
	}
	return at + (size_t)snprintf(out + at, cap - at, "%s", after);
}

static void token_forms(void **state)
{
	static const struct {
		const char *before;
		size_t n, line;
		const char *after;
		int code;
	} row[] = {
		{ TOKEN_BEGIN, 128, 64, TOKEN_END, 0 },
		{ TOKEN_BEGIN, 64, 64, TOKEN_END, 0 },
		{ TOKEN_BEGIN, 512, 64, TOKEN_END, 0 },
		{ TOKEN_BEGIN, 128, 7, TOKEN_END, 0 },
		{ TOKEN_BEGIN "# a comment\n\n", 65, 1000, TOKEN_END, 0 },
		{ "some text\n" TOKEN_BEGIN, 66, 64, TOKEN_END "more text\n", 0 },
		{ TOKEN_BEGIN, 63, 64, TOKEN_END, LNL_E_FORMAT },
		{ TOKEN_BEGIN, 0, 64, TOKEN_END, LNL_E_FORMAT },
		{ TOKEN_BEGIN, 128, 64, "", LNL_E_FORMAT },
		{ TOKEN_BEGIN "A", 128, 64, TOKEN_END, LNL_E_FORMAT },
		{ TOKEN_BEGIN, 128, 64, "AAAA\n" TOKEN_END, LNL_E_FORMAT }, /* behind padding */
		{ TOKEN_BEGIN, 128, 64, "-----END OpenVPN Static key V1-----\n", LNL_E_FORMAT },
		/* base64 alone */
		{ "", 64, 64, "", 0 },
		{ "", 128, 30, "\n\n", 0 },
		{ "# a comment\n", 128, 64, "", 0 },
		{ "", 63, 64, "", LNL_E_FORMAT },
		{ "", 0, 64, "", LNL_E_FORMAT },
		{ "", 128, 64, "!", LNL_E_FORMAT },
		{ "", 128, 64, TOKEN_END, LNL_E_FORMAT },
		{ "-----BEGIN OpenVPN tls-crypt-v2 server key-----\n", 128, 64,
		  "-----END OpenVPN tls-crypt-v2 server key-----\n", LNL_E_FORMAT },
	};
	uint8_t k[LNL_TOKEN_KEY_LEN];
	char text[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t len = token_key(text, sizeof(text), row[i].before, row[i].n, row[i].line,
				       row[i].after);

		assert_true(len < sizeof(text));
		if (read_token(k, text, len) != row[i].code)
			fail_msg("row %zu", i);
		for (size_t j = 0; !row[i].code && j < sizeof(k); j++)
			assert_int_equal(k[j], j);
	}
	/* A block that is cut is no key, although its base64 alone would be one. */
	for (size_t n = 0, len = token_key(text, sizeof(text), TOKEN_BEGIN, 128, 64, TOKEN_END);
	     n < len; n++)
		assert_int_equal(read_token(k, text, n), n < len - 1 ? LNL_E_FORMAT : 0);
	assert_int_equal(read_token(k, static_text, strlen(static_text)), LNL_E_FORMAT);
	assert_int_equal(read_token(k, server_text, strlen(server_text)), LNL_E_FORMAT);
}

/* No truncation of a key file is a key. */
static void truncations_are_refused(void **state)
{
	struct lnl_static_key k;
	struct lnl_v2_client_key c;
	uint8_t s[LNL_V2_SERVER_KEY_LEN];

	(void)state;
	for (size_t n = 0; n < strlen(static_text) - 1; n++)
		assert_int_equal(read_static(&k, static_text, n), LNL_E_FORMAT);
	for (size_t n = 0; n < strlen(client_text) - 1; n++)
		assert_int_equal(read_client(&c, client_text, n), LNL_E_FORMAT);
	for (size_t n = 0; n < strlen(server_text) - 1; n++)
		assert_int_equal(read_server(s, server_text, n), LNL_E_FORMAT);
	assert_int_equal(read_static(&k, static_text, strlen(static_text) - 1), 0);
	assert_int_equal(read_client(&c, client_text, strlen(client_text) - 1), 0);
	assert_int_equal(read_server(s, server_text, strlen(server_text) - 1), 0);
}

/* A client key text whose WKc has |len| bytes and says that it has |says|. */
static size_t client_key(char *out, size_t cap, size_t len, size_t says, size_t line)
{
	uint8_t bytes[LNL_STATIC_KEY_LEN + LNL_WKC_MAX + 8];
	char b64[4 * sizeof(bytes) / 3 + 8];
	struct lnl_writer w;
	size_t at;

	memset(bytes, 0x11, sizeof(bytes));
	if (len >= 2) {
		bytes[LNL_STATIC_KEY_LEN + len - 2] = (uint8_t)(says >> 8);
		bytes[LNL_STATIC_KEY_LEN + len - 1] = (uint8_t)says;
	}
	lnl_writer_init(&w, b64, sizeof(b64));
	lnl_base64_write(&w, bytes, LNL_STATIC_KEY_LEN + len);
	assert_int_equal(w.error, 0);
	at = (size_t)snprintf(out, cap, "-----BEGIN OpenVPN tls-crypt-v2 client key-----\n");
	for (size_t i = 0; i < lnl_writer_len(&w); i += line) {
		size_t n = lnl_writer_len(&w) - i < line ? lnl_writer_len(&w) - i : line;

		at += (size_t)snprintf(out + at, cap - at, "%.*s\n", (int)n, b64 + i);
	}
	return at + (size_t)snprintf(out + at, cap - at,
				     "-----END OpenVPN tls-crypt-v2 client key-----\n");
}

static void W3_wkc_lengths(void **state)
{
	static const struct {
		size_t len, says;
		int code;
	} row[] = {
		{ 290, 290, 0 },
		{ 291, 291, 0 },
		{ 292, 292, 0 },
		{ 1024, 1024, 0 },
		{ 1023, 1023, 0 },
		{ 289, 289, LNL_E_FORMAT }, /* cannot hold tag, Kc and length */
		{ 2, 2, LNL_E_FORMAT },
		{ 1, 1, LNL_E_FORMAT },
		{ 0, 0, LNL_E_FORMAT },
		{ 1025, 1025, LNL_E_FORMAT },
		{ 300, 299, LNL_E_FORMAT },
		{ 300, 301, LNL_E_FORMAT },
		{ 300, 0, LNL_E_FORMAT },
		{ 300, 44, LNL_E_FORMAT },
		{ 300, 65535, LNL_E_FORMAT },
		{ 300, 556, LNL_E_FORMAT }, /* Kc counted in */
	};
	struct lnl_v2_client_key c;
	char text[4096];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		size_t n = client_key(text, sizeof(text), row[i].len, row[i].says, 64);

		if (read_client(&c, text, n) != row[i].code)
			fail_msg("row %zu", i);
		if (!row[i].code)
			assert_int_equal(c.wkc_len, row[i].len);
	}
	for (size_t says = 0; says < 65536; says++) {
		size_t n = client_key(text, sizeof(text), 300, says, 64);

		assert_int_equal(lnl_keyfile_v2_client(&c, text, n),
				 says == 300 ? 0 : LNL_E_FORMAT);
	}
}

/* Lines of any length, also such as cut a group of four. */
static void base64_lines_of_any_length(void **state)
{
	struct lnl_v2_client_key c;
	char text[8192];

	(void)state;
	for (size_t line = 1; line < 80; line++) {
		size_t n = client_key(text, sizeof(text), 300, 300, line);

		assert_int_equal(read_client(&c, text, n), 0);
		assert_int_equal(c.wkc[297], 0x11);
	}
}

#define S64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SRV(body)                                                                                  \
	"-----BEGIN OpenVPN tls-crypt-v2 server key-----\n" body                                   \
	"-----END OpenVPN tls-crypt-v2 server key-----\n"
#define S168 S64 S64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

static void server_forms(void **state)
{
	static const struct {
		const char *text;
		int code;
	} row[] = {
		{ SRV(S168 "AAA=\n"), 0 },
		{ SRV(S168 "\n\n# x\nAAA=\n"), 0 },
		{ "x\n" SRV(S168 "A AA =\n"), 0 },
		{ SRV(S168 "AA==\n"), LNL_E_FORMAT },	 /* 127 */
		{ SRV(S168 "AAAA\n"), LNL_E_FORMAT },	 /* 129 */
		{ SRV(S168 "AAA\n"), LNL_E_FORMAT },	 /* no padding */
		{ SRV(S168 "AAB=\n"), LNL_E_FORMAT },	 /* bits behind the end */
		{ SRV("AAA=" S168 "\n"), LNL_E_FORMAT }, /* padding inside */
		{ SRV(S168 "AAA=AAA=\n"), LNL_E_FORMAT },
		{ SRV(S168 "AA*=\n"), LNL_E_FORMAT },
		{ SRV("\n"), LNL_E_FORMAT },
		{ SRV(""), LNL_E_FORMAT },
	};
	uint8_t s[LNL_V2_SERVER_KEY_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (read_server(s, row[i].text, strlen(row[i].text)) != row[i].code)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_read), cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(static_forms),	    cmocka_unit_test(hex_of_both_cases),
		cmocka_unit_test(token_forms),	    cmocka_unit_test(truncations_are_refused),
		cmocka_unit_test(W3_wkc_lengths),   cmocka_unit_test(base64_lines_of_any_length),
		cmocka_unit_test(server_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
