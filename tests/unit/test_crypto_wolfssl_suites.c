/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What names in tls-cipher, tls-ciphersuites and tls-groups become on the wire: IANA's numbers in a
 * ClientHello, in order.
 */
#include "test_crypto_pair.h"

#include <stdio.h>

#include "crypto/wolfssl_tls.h"
#include "pki/pki.h"
#include "wire/buf.h"

#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

#define EXTENSION_GROUPS    10
#define EXTENSION_KEY_SHARE 51

static struct test_env world;

static int start(void **state)
{
	(void)state;
	test_env_init(&world);
	return lnl_crypto_init(&world.env);
}

static int stop(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return world.live == 0 ? 0 : -1;
}

/* What a ClientHello offers, as text: "1301 c02c". */
struct hello {
	char suites[1024];
	char groups[256];
	char shares[64]; /* groups that a key is sent of */
};

static void list_numbers(char *out, size_t cap, struct lnl_reader *r, size_t len)
{
	size_t n = 0;

	out[0] = '\0';
	for (; len >= 2 && n + 6 < cap; len -= 2) {
		unsigned id = lnl_read_u16(r);

		/* TLS_EMPTY_RENEGOTIATION_INFO_SCSV is no suite. */
		if (id != 0x00ff)
			n += (size_t)snprintf(out + n, cap - n, "%s%04x", n > 0 ? " " : "", id);
	}
}

static void list_shares(struct hello *h, struct lnl_reader *r, size_t len)
{
	size_t end = lnl_reader_left(r) - len, n = 0;

	while (r->error == 0 && lnl_reader_left(r) > end) {
		unsigned id = lnl_read_u16(r);

		n += (size_t)snprintf(h->shares + n, sizeof(h->shares) - n, "%s%04x",
				      n > 0 ? " " : "", id);
		lnl_read_bytes(r, lnl_read_u16(r));
	}
}

/* RFC 8446, 4.1.2, in one record. */
static void read_hello(struct hello *h, const uint8_t *data, size_t len)
{
	struct lnl_reader r;

	lnl_reader_init(&r, data, len);
	assert_int_equal(lnl_read_u8(&r), 22); /* handshake */
	lnl_read_bytes(&r, 4);
	assert_int_equal(lnl_read_u8(&r), 1); /* ClientHello */
	lnl_read_bytes(&r, 3 + 2 + 32);
	lnl_read_bytes(&r, lnl_read_u8(&r)); /* session id */
	list_numbers(h->suites, sizeof(h->suites), &r, lnl_read_u16(&r));
	lnl_read_bytes(&r, lnl_read_u8(&r)); /* compression */
	lnl_read_u16(&r);
	h->groups[0] = h->shares[0] = '\0';
	while (lnl_reader_left(&r) > 0) {
		unsigned type = lnl_read_u16(&r);
		size_t size = lnl_read_u16(&r);

		if (type == EXTENSION_GROUPS)
			list_numbers(h->groups, sizeof(h->groups), &r, lnl_read_u16(&r));
		else if (type == EXTENSION_KEY_SHARE)
			list_shares(h, &r, lnl_read_u16(&r));
		else
			lnl_read_bytes(&r, size);
	}
	assert_int_equal(r.error, 0);
}

/*
 * A hello by these settings; returns what lnl_tls_conf_new does, whose complaints are in |why|.
 */
static int greet(struct hello *h, struct lnl_tls_settings s, struct lnl_why *why)
{
	struct lnl_tls_conf *conf;
	struct lnl_tls *tls;
	uint8_t data[4096];

	s.ca = test_blob(pki_ca);
	int error = lnl_tls_conf_new(&conf, &world.env, &s, why);
	if (error != 0)
		return error;
	assert_int_equal(lnl_tls_new(&tls, conf), 0);
	assert_int_equal(lnl_tls_step(tls), 0);
	read_hello(h, data, lnl_tls_output(tls, data, sizeof(data)));
	lnl_tls_free(tls);
	lnl_tls_conf_free(conf);
	return 0;
}

#define TLS12 .version_max = LNL_TLS_1_2
#define TLS13 .version_min = LNL_TLS_1_3

#define DEFAULT12 "c02c c030 cca9 cca8 c02b c02f 009f 009e"
#define DEFAULT13 "1302 1303 1301"

static const struct {
	struct lnl_tls_settings s;
	const char *suites; /* NULL: refused */
	const char *why;
} suite_rows[] = {
	{ { .server = false }, DEFAULT13 " " DEFAULT12, "" },
	{ { TLS12 }, DEFAULT12, "" },
	{ { TLS13 }, DEFAULT13, "" },
	{ { .cipher_list = "DEFAULT", TLS12 }, DEFAULT12, "" },
	{ { .ciphersuites = "DEFAULT", TLS13 }, DEFAULT13, "" },
	/* the list of a version that is off decides nothing, whatever stands in it */
	{ { .ciphersuites = "none", .cipher_list = "DEFAULT", TLS12 }, DEFAULT12, "" },
	{ { .cipher_list = "none", TLS13 }, DEFAULT13, "" },

	/* one suite by three names, each in OpenVPN's, OpenSSL's and IANA's manner */
	{ { .cipher_list = "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384", TLS12 }, "c030", "" },
	{ { .cipher_list = "ECDHE-RSA-AES256-GCM-SHA384", TLS12 }, "c030", "" },
	{ { .cipher_list = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", TLS12 }, "c030", "" },
	{ { .cipher_list = "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256", TLS12 }, "cca9", "" },
	{ { .cipher_list = "ECDHE-ECDSA-CHACHA20-POLY1305", TLS12 }, "cca9", "" },
	{ { .cipher_list = "TLS-DHE-RSA-WITH-AES-128-GCM-SHA256", TLS12 }, "009e", "" },
	{ { .cipher_list = "DHE-RSA-AES128-GCM-SHA256", TLS12 }, "009e", "" },
	{ { .ciphersuites = "TLS_AES_128_GCM_SHA256", TLS13 }, "1301", "" },
	{ { .ciphersuites = "TLS-AES-128-GCM-SHA256", TLS13 }, "1301", "" },
	{ { .ciphersuites = "TLS13-AES128-GCM-SHA256", TLS13 }, "1301", "" },
	/* CBC only for who names it */
	{ { .cipher_list = "TLS-ECDHE-RSA-WITH-AES-256-CBC-SHA384", TLS12 }, "c028", "" },

	/* order is the list's */
	{ { .cipher_list = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384", TLS12 },
	  "c02f c030",
	  "" },
	{ { .cipher_list = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256", TLS12 },
	  "c030 c02f",
	  "" },
	{ { .ciphersuites = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384", TLS13 },
	  "1303 1302",
	  "" },
	/* and that of 1.3 goes first */
	{ { .ciphersuites = "TLS_AES_128_GCM_SHA256",
	    .cipher_list = "ECDHE-RSA-AES128-GCM-SHA256" },
	  "1301 c02f",
	  "" },

	/* a name before, behind, and twice; the default's own order stays */
	{ { .cipher_list = "DEFAULT:TLS-ECDHE-RSA-WITH-AES-256-CBC-SHA384", TLS12 },
	  DEFAULT12 " c028",
	  "" },
	{ { .cipher_list = "TLS-ECDHE-RSA-WITH-AES-256-CBC-SHA384:DEFAULT", TLS12 },
	  "c028 " DEFAULT12,
	  "" },
	{ { .cipher_list = "DEFAULT:bogus:DEFAULT", TLS12 },
	  DEFAULT12,
	  "tls-cipher: unknown or not available: bogus" },
	{ { .cipher_list = "default", TLS12 },
	  NULL,
	  "tls-cipher: unknown or not available: default; tls-cipher: no known" },

	/* empty places are nothing */
	{ { .cipher_list = ":ECDHE-RSA-AES128-GCM-SHA256", TLS12 }, "c02f", "" },
	{ { .cipher_list = "ECDHE-RSA-AES128-GCM-SHA256::", TLS12 }, "c02f", "" },
	{ { .cipher_list = "::", TLS12 }, NULL, "tls-cipher: no known cipher suite is left" },
	{ { .cipher_list = "", TLS12 }, NULL, "tls-cipher: no known cipher suite is left" },
	{ { .ciphersuites = "" }, NULL, "tls-ciphersuites: no known cipher suite is left" },

	/* what is not known is skipped and named; what is left must be something */
	{ { .cipher_list = "HIGH:ECDHE-RSA-AES128-GCM-SHA256:!MD5", TLS12 },
	  "c02f",
	  "tls-cipher: unknown or not available: HIGH; "
	  "tls-cipher: unknown or not available: !MD5" },
	{ { .cipher_list = "ECDHE-RSA-AES128-GCM-SHA25", TLS12 },
	  NULL,
	  "not available: ECDHE-RSA-AES128-GCM-SHA25; tls-cipher: no known" },
	{ { .cipher_list = "ECDHE-RSA-AES128-GCM-SHA2567", TLS12 }, NULL, "no known cipher" },
	{ { .cipher_list = "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384X", TLS12 }, NULL, "no known" },
	{ { .cipher_list = " ECDHE-RSA-AES128-GCM-SHA256", TLS12 }, NULL, "no known cipher" },
	{ { .ciphersuites = "TLS_AES_512_GCM_SHA256:TLS_AES_128_GCM_SHA256", TLS13 },
	  "1301",
	  "tls-ciphersuites: unknown or not available: TLS_AES_512_GCM_SHA256" },
	/* a suite in the other version's list is none */
	{ { .cipher_list = "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256", TLS12 },
	  "c02f",
	  "tls-cipher: unknown or not available: TLS_AES_128_GCM_SHA256" },
	{ { .ciphersuites = "ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256", TLS13 },
	  "1301",
	  "tls-ciphersuites: unknown or not available: ECDHE-RSA-AES128-GCM-SHA256" },
	/* nor are those without authentication or encryption */
	{ { .cipher_list = "NULL-SHA256", TLS12 }, NULL, "no known cipher suite" },
	{ { .cipher_list = "ADH-AES128-SHA", TLS12 }, NULL, "no known cipher suite" },
	{ { .cipher_list = "TLS-RSA-WITH-NULL-SHA256", TLS12 }, NULL, "no known cipher suite" },
	{ { .cipher_list = "RC4-SHA:DES-CBC3-SHA", TLS12 }, NULL, "no known cipher suite" },
};

static void names_of_suites(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ROWS(suite_rows); i++) {
		const char *wanted = suite_rows[i].suites;
		struct lnl_why why;
		struct hello h;
		int error = greet(&h, suite_rows[i].s, &why);

		if (error != (wanted != NULL ? 0 : LNL_E_INVAL) ||
		    strstr(why.text, suite_rows[i].why) == NULL ||
		    (suite_rows[i].why[0] == '\0' && why.text[0] != '\0'))
			fail_msg("row %u: %d %s", i, error, why.text);
		if (wanted != NULL && strcmp(h.suites, wanted) != 0)
			fail_msg("row %u: %s", i, h.suites);
	}
}

#define DEFAULT_GROUPS "001d 0017 0018 0019 0100"

static const struct {
	const char *list;
	const char *groups; /* NULL: refused */
	const char *why;
} group_rows[] = {
	{ NULL, DEFAULT_GROUPS, "" },
	{ "X25519:secp256r1:secp384r1:secp521r1:ffdhe2048", DEFAULT_GROUPS, "" },
	/* every name, order kept */
	{ "X25519", "001d", "" },
	{ "secp256r1", "0017", "" },
	{ "prime256v1", "0017", "" },
	{ "P-256", "0017", "" },
	{ "secp384r1", "0018", "" },
	{ "P-384", "0018", "" },
	{ "secp521r1", "0019", "" },
	{ "P-521", "0019", "" },
	{ "ffdhe2048", "0100", "" },
	{ "P-521:X25519", "0019 001d", "" },
	{ "X25519:P-521", "001d 0019", "" },
	{ "x25519:SECP256R1:p-384", "001d 0017 0018", "" },
	/* once, by whatever names */
	{ "P-256:secp256r1:prime256v1", "0017", "" },
	{ "::X25519:", "001d", "" },
	{ "", NULL, "tls-groups: no known group is left" },
	{ ":", NULL, "tls-groups: no known group is left" },
	{ "P-25", NULL, "tls-groups: unknown or not available: P-25; tls-groups: no known" },
	{ "P-2560", NULL, "unknown or not available: P-2560;" },
	{ "X25519 ", NULL, "unknown or not available: X25519 ;" },
	{ "secp256k1:X25519", "001d", "tls-groups: unknown or not available: secp256k1" },
	{ "X25519:sect571r1", "001d", "tls-groups: unknown or not available: sect571r1" },
};

static void names_of_groups(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2 * ROWS(group_rows); i++) {
		unsigned row = i / 2;
		const char *wanted = group_rows[row].groups;
		struct lnl_why why;
		struct hello h;
		int error = greet(&h,
				  (struct lnl_tls_settings){
					  .groups = group_rows[row].list,
					  .version_max = i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3,
				  },
				  &why);

		if (error != (wanted != NULL ? 0 : LNL_E_INVAL) ||
		    strstr(why.text, group_rows[row].why) == NULL ||
		    (group_rows[row].why[0] == '\0' && why.text[0] != '\0'))
			fail_msg("row %u: %d %s", row, error, why.text);
		if (wanted != NULL && strcmp(h.groups, wanted) != 0)
			fail_msg("row %u, TLS 1.%u: %s", row, i % 2 + 2, h.groups);
	}
}

/* By the first group a key goes along, so a server that agrees answers at once; without 1.3, none. */
static void first_group_has_a_key(void **state)
{
	static const struct {
		const char *list, *share;
	} rows[] = {
		{ NULL, "001d" },
		{ "X25519:P-256", "001d" },
		{ "P-256:X25519", "0017" },
		{ "P-384:X25519", "0018" },
		{ "P-521:X25519", "0019" },
		{ "bogus:P-384", "0018" },
		{ "ffdhe2048:X25519", "0100" },
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct lnl_tls_settings s = { .groups = rows[i].list };
		struct lnl_why why;
		struct hello h;

		for (unsigned k = 0; k < 3; k++) {
			s.version_min = k == 1 ? LNL_TLS_1_3 : LNL_TLS_ANY;
			s.version_max = k == 2 ? LNL_TLS_1_2 : LNL_TLS_ANY;
			assert_int_equal(greet(&h, s, &why), 0);
			if (strcmp(h.shares, k == 2 ? "" : rows[i].share) != 0)
				fail_msg("row %u: %s", i, h.shares);
		}
	}
}

/* More groups than wolfSSL has places for are named, and cost nothing else. */
static void too_many_groups(void **state)
{
	(void)state;
	for (unsigned n = WOLFSSL_MAX_GROUP_COUNT - 2; n <= WOLFSSL_MAX_GROUP_COUNT + 2; n++) {
		bool fits = n < WOLFSSL_MAX_GROUP_COUNT;
		char list[512] = "";
		struct lnl_why why;
		struct hello h;

		for (unsigned i = 0; i < n; i++)
			strcat(list, "P-256:");
		strcat(list, "X25519");
		assert_int_equal(greet(&h, (struct lnl_tls_settings){ .groups = list }, &why), 0);
		assert_string_equal(h.groups, fits ? "0017 001d" : "0017");
		assert_int_equal(strstr(why.text, "not available: X25519") == NULL, fits);
		assert_int_equal(why.text[0] == '\0', fits);
	}
}

/* What an older library need not have: named, it is on the wire, or in the complaint. */
static void optional_groups(void **state)
{
	static const struct {
		const char *name, *id;
	} rows[] = {
		{ "X448", "001e" },	      { "ffdhe3072", "0101" },
		{ "ffdhe4096", "0102" },      { "SecP256r1MLKEM768", "11eb" },
		{ "X25519MLKEM768", "11ec" }, { "SecP384r1MLKEM1024", "11ed" },
	};
	char list[64], wanted[64];

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct lnl_why why;
		struct hello h;

		snprintf(list, sizeof(list), "%s:P-256", rows[i].name);
		assert_int_equal(greet(&h, (struct lnl_tls_settings){ .groups = list, TLS13 },
				       &why),
				 0);
		if (why.text[0] == '\0')
			snprintf(wanted, sizeof(wanted), "%s 0017", rows[i].id);
		else
			snprintf(wanted, sizeof(wanted), "0017");
		assert_string_equal(h.groups, wanted);
		if (why.text[0] != '\0')
			assert_non_null(strstr(why.text, rows[i].name));
	}
}

/* A list that does not fit is refused, not cut; names that do not fit are unknown. */
static void long_lists(void **state)
{
	static char list[20000], name[300];
	struct lnl_why why;
	struct hello h;

	(void)state;
	for (unsigned n = 0; n < 600; n++)
		strcat(list, "ECDHE-RSA-AES128-GCM-SHA256:");
	assert_int_equal(greet(&h, (struct lnl_tls_settings){ .cipher_list = list, TLS12 }, &why),
			 LNL_E_INVAL);
	assert_non_null(strstr(why.text, "tls-cipher: the list is too long"));

	for (size_t len = 62; len < 66; len++) {
		memset(name, 'x', len);
		name[len] = '\0';
		strcpy(list, name);
		strcat(list, ":ECDHE-RSA-AES128-GCM-SHA256");
		assert_int_equal(greet(&h, (struct lnl_tls_settings){ .cipher_list = list, TLS12 },
				       &why),
				 0);
		assert_string_equal(h.suites, "c02f");
		name[len < 63 ? len : 63] = '\0';
		assert_string_equal(strrchr(why.text, ' ') + 1, name);
	}

	/* Many complaints are cut, and the list works all the same. */
	list[0] = '\0';
	for (unsigned n = 0; n < 500; n++)
		strcat(list, "no-such-suite:");
	strcat(list, "ECDHE-RSA-AES128-GCM-SHA256");
	assert_int_equal(greet(&h, (struct lnl_tls_settings){ .cipher_list = list, TLS12 }, &why),
			 0);
	assert_string_equal(h.suites, "c02f");
	assert_true(strlen(why.text) < sizeof(why.text));
}

/* Without a place for complaints the answer is the same. */
static void nobody_has_to_want_to_know(void **state)
{
	WOLFSSL_CTX *ctx = wolfSSL_CTX_new(wolfTLSv1_2_client_method());
	struct lnl_tls_settings s = { .cipher_list = "A:DEFAULT", .groups = "B:X25519", TLS12 };

	(void)state;
	assert_non_null(ctx);
	assert_int_equal(lnl_suites_set(ctx, &s, NULL), 0);
	s.groups = "B";
	assert_int_equal(lnl_suites_set(ctx, &s, NULL), LNL_E_INVAL);
	s.groups = NULL;
	s.cipher_list = "A";
	assert_int_equal(lnl_suites_set(ctx, &s, NULL), LNL_E_INVAL);
	wolfSSL_CTX_free(ctx);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_of_suites),
		TEST(names_of_groups),
		TEST(first_group_has_a_key),
		TEST(too_many_groups),
		TEST(optional_groups),
		TEST(long_lists),
		TEST(nobody_has_to_want_to_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
