/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel.h's PKI over buffers: what a host gives, what it gets, what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lunel.h"

#define NOW  UINT64_C(1767225600)
#define YEAR UINT64_C(31536000)

static struct lnl_bytes bytes(const struct lnl_pki_text *t)
{
	return (struct lnl_bytes){ t->data, t->len };
}

struct authority {
	struct lnl_pki_text key, cert;
};

static struct lnl_reason why;

static void make(struct authority *a, const char *kind)
{
	assert_int_equal(lnl_pki_key(kind, &a->key, &why), 0);
	const struct lnl_pki_request r = { .role = LNL_PKI_CA,
					   .cn = "CA",
					   .not_before = NOW,
					   .not_after = NOW + 10 * YEAR,
					   .key = bytes(&a->key) };
	assert_int_equal(lnl_pki_cert(&r, &a->cert, &why), 0);
}

static void unmake(struct authority *a)
{
	lnl_pki_text_free(&a->key);
	lnl_pki_text_free(&a->cert);
}

static void test_facts(void **state)
{
	static const char *const names[] = { "vpn.example.net", "192.0.2.1", "fd00::1" };
	struct lnl_pki_text key, cert;
	struct lnl_pki_facts facts;
	struct authority a;
	const char *kind;

	(void)state;
	make(&a, "ec");
	assert_int_equal(lnl_pki_key_kind(bytes(&a.key), &kind, &why), 0);
	assert_string_equal(kind, "ec");
	assert_int_equal(lnl_pki_facts(bytes(&a.cert), &facts, &why), 0);
	assert_true(facts.ca && !facts.server && !facts.client);
	assert_string_equal(facts.subject, "CN=CA");
	assert_int_equal(lnl_pki_key("ed25519", &key, &why), 0);
	const struct lnl_pki_request r = { .role = LNL_PKI_SERVER,
					   .cn = "vpn",
					   .names = names,
					   .n_names = 3,
					   .not_before = NOW,
					   .not_after = NOW + YEAR,
					   .key = bytes(&key),
					   .ca_cert = bytes(&a.cert),
					   .ca_key = bytes(&a.key) };
	assert_int_equal(lnl_pki_cert(&r, &cert, &why), 0);
	assert_int_equal(lnl_pki_facts(bytes(&cert), &facts, &why), 0);
	assert_true(!facts.ca && facts.server && !facts.client);
	assert_string_equal(facts.cn, "vpn");
	assert_int_equal(facts.not_before, NOW);
	assert_int_equal(facts.not_after, NOW + YEAR);
	assert_int_equal(strlen(facts.serial), 32);
	assert_int_equal(strspn(facts.serial, "0123456789abcdef"), 32);
	assert_int_equal(strlen(facts.fingerprint), 32 * 3 - 1);
	lnl_pki_text_free(&key);
	lnl_pki_text_free(&cert);
	unmake(&a);
}

static void test_refusals(void **state)
{
	static const char *const bad_names[] = { "", "two words", "t\xc3\xb6st" };
	const char *many[17];
	const char *kind;
	struct lnl_pki_text out;
	struct lnl_pki_facts facts;
	struct authority a;

	(void)state;
	make(&a, "ec");
	struct lnl_pki_request r = { .role = LNL_PKI_SERVER,
				     .cn = "vpn",
				     .n_names = 1,
				     .not_before = NOW,
				     .not_after = NOW + 1,
				     .key = bytes(&a.key),
				     .ca_cert = bytes(&a.cert),
				     .ca_key = bytes(&a.key) };
	for (size_t i = 0; i < 3; i++) {
		r.names = &bad_names[i];
		assert_int_equal(lnl_pki_cert(&r, &out, &why), LNL_E_INVAL);
		assert_non_null(strstr(why.text, "alternative name"));
	}
	for (unsigned i = 0; i < 17; i++)
		many[i] = "x";
	r.names = many;
	r.n_names = 16;
	assert_int_equal(lnl_pki_cert(&r, &out, &why), 0);
	lnl_pki_text_free(&out);
	r.n_names = 17;
	assert_int_equal(lnl_pki_cert(&r, &out, &why), LNL_E_INVAL);
	assert_null(out.data);
	r.n_names = 0;
	r.ca_key = (struct lnl_bytes){ 0 };
	assert_int_equal(lnl_pki_cert(&r, &out, &why), LNL_E_KEY);
	r.ca_key = bytes(&a.key);
	r.ca_cert = (struct lnl_bytes){ 0 };
	assert_int_equal(lnl_pki_cert(&r, &out, &why), LNL_E_CERT);
	assert_int_equal(lnl_pki_key("dsa", &out, &why), LNL_E_NOTFOUND);
	assert_non_null(strstr(why.text, "no kind of key 'dsa'"));
	assert_int_equal(lnl_pki_facts(bytes(&a.key), &facts, &why), LNL_E_CERT);
	assert_int_equal(lnl_pki_key_encrypt(bytes(&a.key), "", &out, &why), LNL_E_PASSWORD);
	assert_int_equal(lnl_pki_key_encrypt(bytes(&a.cert), "x", &out, &why), LNL_E_KEY);
	assert_int_equal(lnl_pki_key_encrypt(bytes(&a.key), "secret", &out, &why), 0);
	assert_int_equal(lnl_pki_key_kind(bytes(&out), &kind, &why), LNL_E_PASSWORD);
	lnl_pki_text_free(&out);
	unmake(&a);
}

static void test_crl(void **state)
{
	static const struct {
		const char *serial;
		int error;
	} rows[] = {
		{ "01", 0 },
		{ "7fFFffffffffffffffffffffffffffffffffffff", 0 }, /* 20 bytes */
		{ "", LNL_E_INVAL },
		{ "1", LNL_E_INVAL },
		{ "0g", LNL_E_INVAL },
		{ "80", LNL_E_INVAL },					       /* negative */
		{ "007fffffffffffffffffffffffffffffffffffffff", LNL_E_INVAL }, /* 21 */
	};
	struct lnl_pki_text out;
	struct authority a;

	(void)state;
	make(&a, "ed25519");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct lnl_pki_revoked revoked = { rows[i].serial, NOW };
		const struct lnl_pki_list l = { .ca_cert = bytes(&a.cert),
						.ca_key = bytes(&a.key),
						.number = 1,
						.this_update = NOW,
						.next_update = NOW + 1,
						.revoked = &revoked,
						.n_revoked = 1 };

		assert_int_equal(lnl_pki_crl(&l, &out, &why), rows[i].error);
		if (rows[i].error == 0)
			assert_non_null(strstr(out.data, "-----BEGIN X509 CRL-----"));
		else
			assert_true(out.data == NULL && why.text[0] != '\0');
		lnl_pki_text_free(&out);
	}
	unmake(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_crl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
