/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CRLs in the store: which of them counts, from when to when, and what their own words say. */
#include "test_crypto_store.h"

#define SOON_ENDS UINT64_C(1769904000) /* pki_crl_soon: 2026-02-01 */
#define CRL_NEWER UINT64_C(1766188800) /* pki_crl_newer: 2025-12-20 */

static void later_crl_wins(void **state)
{
	static const struct {
		const char *parts[5];
		uint64_t this_update;
	} rows[] = {
		{ { pki_crl }, CRL_FIRST },
		{ { pki_crl, pki_crl_newer }, CRL_NEWER },
		{ { pki_crl_newer, pki_crl }, CRL_NEWER },
		{ { pki_crl_stale, pki_crl_newer, pki_crl }, CRL_NEWER },
		{ { pki_other_crl, pki_crl_newer, pki_crl }, CRL_NEWER },
		/* the one that makes room for another may stand anywhere in the list */
		{ { pki_crl, pki_other_crl, pki_crl_newer }, CRL_NEWER },
		{ { pki_other_crl, pki_crl, pki_mid_crl, pki_crl_newer }, CRL_NEWER },
		/* what is no CRL is passed over */
		{ { pki_ca, pki_crl, pki_key, pki_crl_newer }, CRL_NEWER },
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		const struct lnl_crl *crl;
		struct lnl_store s;

		open_store(&s);
		ADD(&s, pki_ca);
		assert_null(lnl_store_find_crl(&s, CA_NAME));
		assert_int_equal(set_crl(&s, rows[i].parts, NULL), 0);
		crl = lnl_store_find_crl(&s, CA_NAME);
		assert_int_equal(crl->this_update, rows[i].this_update);
		assert_true(crl->loaded);
		assert_false(crl->bad);
		assert_null(lnl_store_find_crl(&s, "CN=Test CA"));
		for (unsigned k = 0; rows[i].parts[k] != NULL; k++) {
			if (rows[i].parts[k] == pki_other_crl)
				assert_non_null(lnl_store_find_crl(&s, "CN=Other CA"));
			if (rows[i].parts[k] == pki_mid_crl)
				assert_non_null(lnl_store_find_crl(&s, "CN=Middle CA"));
		}
		/* 5 is revoked by the newer one, 7 to 9 by the other. */
		assert_int_equal(verdict(&s, pki_revoked) == CRL_CERT_REVOKED,
				 rows[i].this_update == CRL_FIRST);
		assert_int_equal(verdict(&s, pki_good) == CRL_CERT_REVOKED,
				 rows[i].this_update == CRL_NEWER);
		close_store(&s);
	}
}

/* One whose issuer nobody knows waits for a peer that brings it, and counts from then on. */
static void unknown_issuers_wait(void **state)
{
	const struct lnl_crl *crl;
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_ca);
	assert_int_equal(SET_CRL(&s, pki_crl, pki_mid_crl), 0);
	crl = lnl_store_find_crl(&s, "CN=Middle CA");
	assert_false(crl->loaded);
	assert_false(crl->bad);
	lnl_store_retry_crls(&s);
	assert_false(crl->loaded);
	assert_int_equal(wolfSSL_CertManagerLoadCABuffer(s.manager, (const unsigned char *)pki_mid,
							 (long)strlen(pki_mid),
							 WOLFSSL_FILETYPE_PEM),
			 WOLFSSL_SUCCESS);
	assert_false(trusts(&s, pki_mid_leaf)); /* it has no CRL yet */
	lnl_store_retry_crls(&s);
	assert_true(crl->loaded);
	assert_true(trusts(&s, pki_mid_leaf));
	assert_int_equal(verdict(&s, pki_mid_leaf_revoked), CRL_CERT_REVOKED);
	close_store(&s);
}

/* With CRLs every CA needs a good one, whoever sends it. */
static void revoked_cas_fall(void **state)
{
	static const struct {
		const char *ca[2];
		const char *crl[3];
		enum lnl_cert_failure out;
	} rows[] = {
		{ { pki_ca }, { pki_crl }, LNL_CERT_OK },
		{ { pki_ca }, { pki_other_crl }, LNL_CERT_CRL },
		{ { pki_ca }, { pki_crl_stale }, LNL_CERT_CRL },
		{ { pki_mid, pki_ca }, { pki_crl, pki_mid_crl }, LNL_CERT_OK },
		{ { pki_mid_gone, pki_ca }, { pki_crl, pki_mid_gone_crl }, LNL_CERT_REVOKED },
		{ { pki_mid_gone, pki_ca }, { pki_crl_empty, pki_mid_gone_crl }, LNL_CERT_OK },
		{ { pki_mid, pki_ca }, { pki_mid_crl }, LNL_CERT_CRL },
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct lnl_store s;
		char text[4096];

		open_store(&s);
		strcpy(text, rows[i].ca[0]);
		strcat(text, rows[i].ca[1] != NULL ? rows[i].ca[1] : "");
		ADD(&s, text);
		assert_int_equal(s.cas->out, LNL_CERT_OK);
		assert_int_equal(set_crl(&s, rows[i].crl, NULL), 0);
		if (s.cas->out != rows[i].out)
			fail_msg("row %u: %d", i, (int)s.cas->out);
		close_store(&s);
	}
}

/* A CA that is out by its date keeps no other from being asked about. */
static void revoked_behind_another(void **state)
{
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_old_ca, pki_mid_gone, pki_ca);
	assert_int_equal(SET_CRL(&s, pki_crl, pki_mid_gone_crl), 0);
	assert_int_equal(ca_at(&s, 0)->out, LNL_CERT_EXPIRED);
	assert_int_equal(ca_at(&s, 1)->out, LNL_CERT_REVOKED);
	assert_int_equal(ca_at(&s, 2)->out, LNL_CERT_OK);
	close_store(&s);
}

static void crl_dates_pass(void **state)
{
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_ca);
	assert_int_equal(SET_CRL(&s, pki_crl_soon), 0);
	assert_int_equal(s.crls->next_update, SOON_ENDS);
	at(&s, SOON_ENDS - 1);
	assert_int_equal(s.cas->out, LNL_CERT_OK);
	assert_true(trusts(&s, pki_good));
	at(&s, SOON_ENDS + 1);
	assert_int_equal(s.cas->out, LNL_CERT_CRL);
	assert_false(trusts(&s, pki_good));
	/* Out of date is not forged. */
	assert_false(s.crls->bad);
	assert_int_equal(SET_CRL(&s, pki_crl), 0);
	assert_int_equal(s.cas->out, LNL_CERT_OK);
	assert_true(trusts(&s, pki_good));
	close_store(&s);
}

/*
 * At its last second a CRL still holds: who looks then has to look again. Here only the root's CRL
 * passes, and wolfSSL would go on trusting the intermediate.
 */
static void crl_date_is_not_missed(void **state)
{
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_mid, pki_ca);
	assert_int_equal(SET_CRL(&s, pki_crl_soon, pki_mid_crl), 0);
	assert_true(trusts(&s, pki_mid_leaf));
	s.dirty = true;
	at(&s, SOON_ENDS);
	at(&s, SOON_ENDS + 1);
	assert_false(trusts(&s, pki_mid_leaf));
	assert_int_equal(ca_at(&s, 0)->out, LNL_CERT_CRL);
	assert_int_equal(ca_at(&s, 1)->out, LNL_CERT_CRL);
	close_store(&s);
}

/* Those that came before stay, whatever was wrong with the new ones. */
static void bad_crls_change_nothing(void **state)
{
	static const char malformed[] = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
	static const struct {
		const char *parts[3];
		const char *text;
	} rows[] = {
		{ { "" }, "crl: no CRL in it" },
		{ { pki_ca }, "crl: no CRL in it" },
		{ { malformed }, "crl: a CRL is malformed" },
		{ { pki_crl_newer, malformed }, "crl: a CRL is malformed" },
		{ { pki_twin_crl }, "crl: the signature of the CRL of " CA_NAME " is wrong" },
		{ { pki_other_crl, pki_twin_crl },
		  "crl: the signature of the CRL of " CA_NAME " is wrong" },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
		bool before = i >= ROWS(rows);
		const char *const *parts = rows[i % ROWS(rows)].parts;
		struct lnl_why why = { "" };
		struct lnl_store s;

		open_store(&s);
		ADD(&s, pki_ca);
		if (before)
			assert_int_equal(SET_CRL(&s, pki_crl), 0);
		assert_int_equal(set_crl(&s, parts, &why), LNL_E_CERT);
		assert_string_equal(why.text, rows[i % ROWS(rows)].text);
		assert_int_equal(lnl_store_refresh(&s), 0);
		assert_int_equal(s.check_crl, before);
		assert_int_equal(lnl_store_find_crl(&s, CA_NAME) != NULL, before);
		assert_true(trusts(&s, pki_good));
		assert_int_equal(trusts(&s, pki_revoked), !before);
		close_store(&s);
	}
}

/* Out of date nobody asks who signed it: it vouches for none. At its last second it counts. */
static void forged_until_the_last_second(void **state)
{
	struct lnl_store s;
	uint64_t ends;

	(void)state;
	open_store(&s);
	assert_int_equal(SET_CRL(&s, pki_twin_crl), 0); /* here by nobody's name */
	ends = s.crls->next_update;
	close_store(&s);
	for (unsigned late = 0; late < 2; late++) {
		open_store(&s);
		world.now = ends + late;
		ADD(&s, pki_ca);
		assert_int_equal(SET_CRL(&s, pki_twin_crl), late == 0 ? LNL_E_CERT : 0);
		assert_int_equal(s.check_crl, late == 1);
		assert_int_equal(lnl_store_refresh(&s), 0);
		assert_int_equal(s.cas->out, late == 1 ? LNL_CERT_CRL : LNL_CERT_OK);
		close_store(&s);
	}
}

/* ---- a CRL's own words ---- */

#define VERSION	  "020101"
#define ALGORITHM "300506032a0304"
#define SIGNER	  "300d310b3009060355040313024141"     /* CN=AA */
#define T2026	  "170d3236303130313030303030305a"     /* 260101000000Z */
#define T2050	  "180f32303530303130313030303030305a" /* 20500101000000Z */
#define MONTH_0	  "170d3236303030313030303030305a"

/*
 * A CRL of |fields| (hex, what stands inside tbsCertList) that nobody signed: its issuer is
 * unknown, so only what is read here decides.
 */
static int set_fields(struct lnl_store *s, const char *fields)
{
	uint8_t der[128] = { 0x30, 0, 0x30, 0 };
	size_t len = test_hex(der + 4, 120, fields);
	char text[512];

	der[1] = (uint8_t)(len + 2);
	der[3] = (uint8_t)len;
	int n = wc_DerToPem(der, (word32)len + 4, (byte *)text, sizeof(text), CRL_TYPE);
	assert_true(n > 0);

	struct lnl_blob blob = { text, (size_t)n };
	return lnl_store_set_crl(s, &blob, NULL);
}

static void reads_crls(void **state)
{
	static const uint64_t never = UINT64_MAX, y2050 = UINT64_C(2524608000);
	const struct {
		const char *fields;
		uint64_t this_update, next_update; /* 0: malformed */
	} rows[] = {
		{ ALGORITHM SIGNER T2026, TEST_NOW, never },
		{ VERSION ALGORITHM SIGNER T2026, TEST_NOW, never },
		{ ALGORITHM SIGNER T2026 T2050, TEST_NOW, y2050 },
		{ VERSION ALGORITHM SIGNER T2050 T2026, y2050, TEST_NOW },
		/* what follows the dates is wolfSSL's to read */
		{ ALGORITHM SIGNER T2026 "3000", TEST_NOW, never },
		{ ALGORITHM SIGNER T2026 T2050 "3000", TEST_NOW, y2050 },
		{ "", 0, 0 },
		{ VERSION, 0, 0 },
		{ ALGORITHM, 0, 0 },
		{ ALGORITHM SIGNER, 0, 0 },
		{ SIGNER T2026, 0, 0 },
		{ VERSION VERSION ALGORITHM SIGNER T2026, 0, 0 },
		{ ALGORITHM SIGNER MONTH_0, 0, 0 },
		{ ALGORITHM SIGNER T2026 MONTH_0, 0, 0 },
		{ ALGORITHM SIGNER "0400", 0, 0 },
		{ ALGORITHM "300d310b300906035504031302" T2026, 0, 0 },
		{ ALGORITHM SIGNER "170d3236303130313030303030", 0, 0 },
		{ ALGORITHM SIGNER T2026 "170d3236303130313030303030", 0, 0 },
		{ "0281", 0, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct lnl_store s;

		open_store(&s);
		int error = set_fields(&s, rows[i].fields);
		if (error != (rows[i].next_update != 0 ? 0 : LNL_E_CERT))
			fail_msg("row %u: %d", i, error);
		if (error == 0) {
			assert_string_equal(s.crls->issuer, "CN=AA");
			assert_true(s.crls->this_update == rows[i].this_update);
			assert_true(s.crls->next_update == rows[i].next_update);
			assert_false(s.crls->loaded);
			assert_false(s.crls->bad);
		}
		close_store(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(later_crl_wins),
		TEST(unknown_issuers_wait),
		TEST(revoked_cas_fall),
		TEST(revoked_behind_another),
		TEST(crl_dates_pass),
		TEST(crl_date_is_not_missed),
		TEST(bad_crls_change_nothing),
		TEST(forged_until_the_last_second),
		TEST(reads_crls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
