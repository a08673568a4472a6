/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is read of a certificate, what makes it unreadable, and the name checks. */
#include "crypto/pem.h"

#include "test_crypto_env.h"

#include "pki/pki.h"

/* Decodes base64 between the lines of a PEM text; returns the length. */
static size_t der_of(const char *pem, uint8_t *out, size_t cap)
{
	const char *p = strchr(pem, '\n');
	uint32_t bits = 0;
	unsigned n = 0;
	size_t len = 0;

	for (; *p != '-' && *p != '='; p++) {
		static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					     "0123456789+/";
		const char *d = strchr(digits, *p);

		if (*p == '\n' || d == NULL)
			continue;
		bits = bits << 6 | (uint32_t)(d - digits);
		if (++n % 4 == 0 || (p[1] == '=' && n % 4 >= 2)) {
			unsigned bytes = n % 4 == 0 ? 3 : n % 4 - 1;

			bits <<= n % 4 == 0 ? 0 : 6 * (4 - n % 4);
			for (unsigned i = 0; i < bytes; i++) {
				assert_true(len < cap);
				out[len++] = (uint8_t)(bits >> (16 - 8 * i));
			}
			bits = 0;
		}
	}
	return len;
}

static int read_pem(struct lnl_cert *c, const char *pem)
{
	uint8_t der[20000];

	return lnl_cert_read(c, der, der_of(pem, der, sizeof(der)));
}

static void facts(void **state)
{
	static struct lnl_cert c;

	(void)state;
	assert_int_equal(read_pem(&c, pki_good), 0);
	assert_int_equal(c.depth, 0);
	assert_string_equal(c.subject, "C=DE, O=Example, CN=vpn.example.net");
	assert_string_equal(c.issuer, "O=Lunel, CN=Test CA");
	assert_string_equal(c.cn, "vpn.example.net");
	assert_string_equal(c.serial, "5");
	assert_true(c.not_before == 1577836800); /* 2020-01-01 */
	assert_true(c.not_after == 2366841600);	 /* 2045-01-01 */
	assert_memory_equal(c.sha256, pki_good_sha256, 32);
	assert_true(c.has_ku);
	assert_int_equal(c.ku, 0x80);
	assert_true(c.has_eku);
	assert_int_equal(c.eku, LNL_EKU_SERVER);
	assert_false(c.is_ca);
	assert_false(c.embedded_nul);
	assert_false(c.weak_digest);
	static const char *const names[] = { "DNS:vpn.example.net", "DNS:*.example.net",
					     "email:a@example.net", "URI:https://example.net/",
					     "IP:192.0.2.1",	    "IP:2001:db8:0:0:0:0:0:1" };
	assert_int_equal(c.n_san, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_string_equal(c.san[i], names[i]);

	assert_int_equal(read_pem(&c, pki_bare), 0);
	assert_false(c.has_ku);
	assert_false(c.has_eku);
	assert_int_equal(c.n_san, 0);
	assert_int_equal(read_pem(&c, pki_ca), 0);
	assert_true(c.is_ca);
	assert_int_equal(c.ku, 0x06);
	assert_int_equal(read_pem(&c, pki_eku_both), 0);
	assert_int_equal(c.eku, LNL_EKU_SERVER | LNL_EKU_CLIENT);
	assert_int_equal(read_pem(&c, pki_eku_any), 0);
	assert_int_equal(c.eku, LNL_EKU_ANY);
	assert_int_equal(read_pem(&c, pki_long_serial), 0);
	assert_string_equal(c.serial,
			    "7f:ed:cb:a9:87:65:43:21:00:11:22:33:44:55:66:77:88:99:aa:bb");
	assert_int_equal(read_pem(&c, pki_md5_leaf), 0);
	assert_true(c.weak_digest);
	assert_int_equal(read_pem(&c, pki_sha1_leaf), 0);
	assert_false(c.weak_digest);
}

static void texts(void **state)
{
	static struct lnl_cert c;

	(void)state;
	assert_int_equal(read_pem(&c, pki_two_cns), 0);
	assert_string_equal(c.subject, "CN=evil, CN=vpn.example.net");
	assert_string_equal(c.cn, "vpn.example.net");
	assert_int_equal(read_pem(&c, pki_bmp), 0);
	assert_string_equal(c.cn, "vpn.example.net");
	assert_false(c.cn_lossy);
	assert_int_equal(read_pem(&c, pki_utf8), 0);
	assert_string_equal(c.subject, "O=M??ller, CN=vpn.example.net");
	assert_true(c.subject_lossy);
	assert_false(c.cn_lossy);
	/* C1: nothing that a terminal or a log would take for more than text. */
	assert_int_equal(read_pem(&c, pki_escape), 0);
	assert_string_equal(c.cn, "a?[31m?b");
	assert_true(c.cn_lossy);
	assert_int_equal(read_pem(&c, pki_nul_cn), 0);
	assert_true(c.embedded_nul);
	assert_string_equal(c.cn, "vpn.example.net?evil.com");
	assert_int_equal(read_pem(&c, pki_nul_san), 0);
	assert_true(c.embedded_nul);
	assert_int_equal(read_pem(&c, pki_no_subject), 0);
	assert_string_equal(c.subject, "");
	assert_string_equal(c.cn, "");
}

static void refusals(void **state)
{
	static struct lnl_cert c;

	(void)state;
	assert_int_equal(read_pem(&c, pki_v1_leaf), LNL_E_UNSUPPORTED);
	/* It can still be named. */
	assert_string_equal(c.subject, "CN=v1 server");
	assert_int_equal(read_pem(&c, pki_twice), LNL_E_FORMAT);
	assert_int_equal(lnl_cert_read(&c, (const uint8_t *)"", 0), LNL_E_FORMAT);
	assert_int_equal(lnl_cert_read(&c, (const uint8_t *)pki_good, sizeof(pki_good)),
			 LNL_E_FORMAT);
}

/*
 * Every cut, every byte changed to several others: an answer, texts that end, and no read behind
 * the end.
 */
static void mutants(void **state)
{
	static struct lnl_cert c;
	uint8_t der[2000];
	size_t len = der_of(pki_good, der, sizeof(der));

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *copy = malloc(cut > 0 ? cut : 1);

		memcpy(copy, der, cut);
		assert_int_equal(lnl_cert_read(&c, copy, cut), LNL_E_FORMAT);
		free(copy);
	}
	uint8_t *copy = malloc(len);
	for (size_t i = 0; i < len; i++) {
		static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0x84, 0xff };

		for (unsigned k = 0; k < sizeof(values) + 8; k++) {
			uint8_t flipped = der[i] ^ (uint8_t)(1u << (k % 8));

			memcpy(copy, der, len);
			copy[i] = k < 8 ? flipped : values[k - 8];
			int error = lnl_cert_read(&c, copy, len);
			assert_true(error == 0 || error == LNL_E_FORMAT ||
				    error == LNL_E_UNSUPPORTED);
			assert_true(strlen(c.subject) < LNL_NAME_MAX);
			assert_true(c.n_san <= LNL_SAN_MAX);
		}
	}
	free(copy);
}

static void name_checks(void **state)
{
	static const struct {
		const char *subject, *cn;
		bool subject_lossy, cn_lossy, nul;
		enum lnl_name_check how;
		const char *name;
		bool matches;
	} rows[] = {
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_NONE, NULL, true },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_SUBJECT, "O=a, CN=b", true },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_SUBJECT, "O=a, CN=", false },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_SUBJECT, "b", false },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_CN, "b", true },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_CN, "B", false },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_CN, "bb", false },
		{ "O=a, CN=bc", "bc", false, false, false, LNL_NAME_CN_PREFIX, "b", true },
		{ "O=a, CN=bc", "bc", false, false, false, LNL_NAME_CN_PREFIX, "bc", true },
		{ "O=a, CN=bc", "bc", false, false, false, LNL_NAME_CN_PREFIX, "bcd", false },
		/* an empty name, of either, matches nothing */
		{ "O=a", "", false, false, false, LNL_NAME_CN, "", false },
		{ "O=a, CN=b", "b", false, false, false, LNL_NAME_CN_PREFIX, "", false },
		{ "", "", false, false, false, LNL_NAME_SUBJECT, "", false },
		/* lossy texts match nothing, but only where they are lossy */
		{ "O=?, CN=b", "b", true, false, false, LNL_NAME_SUBJECT, "O=?, CN=b", false },
		{ "O=?, CN=b", "b", true, false, false, LNL_NAME_CN, "b", true },
		{ "CN=?", "?", true, true, false, LNL_NAME_CN, "?", false },
		{ "CN=?b", "?b", true, true, false, LNL_NAME_CN_PREFIX, "?", false },
		/* a NUL anywhere refuses all */
		{ "CN=b", "b", false, false, true, LNL_NAME_CN, "b", false },
		{ "CN=b", "b", false, false, true, LNL_NAME_SUBJECT, "CN=b", false },
	};
	static struct lnl_cert c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		c = (struct lnl_cert){ .subject_lossy = rows[i].subject_lossy,
				       .cn_lossy = rows[i].cn_lossy,
				       .embedded_nul = rows[i].nul };
		strcpy(c.subject, rows[i].subject);
		strcpy(c.cn, rows[i].cn);
		assert_int_equal(lnl_cert_name_matches(&c, rows[i].how, rows[i].name),
				 rows[i].matches);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts),       cmocka_unit_test(texts),
		cmocka_unit_test(refusals),    cmocka_unit_test(mutants),
		cmocka_unit_test(name_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
