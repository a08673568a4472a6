/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store by itself: what it takes, whom it has the manager trust as dates pass and CRLs change,
 * and what a failure leaves behind. With sessions around it: test_crypto_wolfssl_conf.c.
 */
#include "test_crypto_pair.h"

#include "crypto/wolfssl_tls.h"
#include "pki/pki.h"

/* Dates in pki/: 2025-01-01 and 2027-01-01, the ends of the old CA and the young one's beginning. */
#define OLD_ENDS   UINT64_C(1735689600)
#define YOUNG_AGE  UINT64_C(1798761600)
#define SOON_ENDS  UINT64_C(1769904000) /* pki_crl_soon: 2026-02-01 */
#define ROWS(rows) (sizeof(rows) / sizeof((rows)[0]))

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

static void open_store(struct lnl_store *s)
{
	*s = (struct lnl_store){ .env = &world.env, .manager = wolfSSL_CertManagerNew() };
	assert_non_null(s->manager);
}

static void close_store(struct lnl_store *s)
{
	wolfSSL_CertManagerFree(s->manager);
	lnl_store_deinit(s);
	assert_null(s->cas);
	assert_null(s->crls);
}

static int add(struct lnl_store *s, const char *pem, struct lnl_why *why)
{
	struct lnl_blob blob = test_blob(pem);

	return lnl_store_add(s, &blob, why);
}

/* A PEM text that is fine, of |parts| up to NULL. */
static void must_add(struct lnl_store *s, const char *const *parts)
{
	struct lnl_why why = { "" };

	for (; *parts != NULL; parts++) {
		if (add(s, *parts, &why) != 0)
			fail_msg("%s", why.text);
	}
	assert_int_equal(lnl_store_refresh(s), 0);
}

static int set_crl(struct lnl_store *s, const char *const *parts, struct lnl_why *why)
{
	char text[8192] = "";
	struct lnl_blob blob = { text, 0 };

	for (; *parts != NULL; parts++)
		strcat(text, *parts);
	blob.len = strlen(text);
	return lnl_store_set_crl(s, &blob, why);
}

#define ADD(s, ...)	must_add(s, (const char *const[]){ __VA_ARGS__, NULL })
#define SET_CRL(s, ...) set_crl(s, (const char *const[]){ __VA_ARGS__, NULL }, NULL)

static const struct lnl_ca *ca_at(const struct lnl_store *s, unsigned i)
{
	const struct lnl_ca *ca = s->cas;

	while (ca != NULL && i-- > 0)
		ca = ca->next;
	return ca;
}

static unsigned count(const struct lnl_store *s)
{
	unsigned n = 0;

	while (ca_at(s, n) != NULL)
		n++;
	return n;
}

/* What the manager, asked directly, makes of a certificate. */
static int verdict(const struct lnl_store *s, const char *pem)
{
	return wolfSSL_CertManagerVerifyBuffer(s->manager, (const unsigned char *)pem,
					       (long)strlen(pem), WOLFSSL_FILETYPE_PEM);
}

static bool trusts(const struct lnl_store *s, const char *pem)
{
	return verdict(s, pem) == WOLFSSL_SUCCESS;
}

/* ---- what is taken ---- */

static void reads_pem(void **state)
{
	static const char malformed[] =
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	static const struct {
		const char *parts[3];
		int error;
		unsigned n; /* in the store then */
		const char *text;
	} rows[] = {
		{ { pki_ca }, 0, 1, "" },
		{ { pki_ca, pki_other_ca }, 0, 2, "" },
		{ { "# a comment\n", pki_ca, "and words\n" }, 0, 1, "" },
		{ { pki_key, pki_ca, pki_crl }, 0, 1, "" },
		{ { "" }, LNL_E_CERT, 0, "ca: no certificate in it" },
		{ { pki_key, pki_crl }, LNL_E_CERT, 0, "ca: no certificate in it" },
		{ { malformed }, LNL_E_CERT, 0, "ca: a certificate is malformed" },
		{ { pki_ca, malformed, pki_other_ca },
		  LNL_E_CERT,
		  1,
		  "ca: a certificate is malformed" },
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		struct lnl_why why = { "" };
		struct lnl_store s;
		char text[8192] = "";

		open_store(&s);
		for (unsigned k = 0; k < 3 && rows[i].parts[k] != NULL; k++)
			strcat(text, rows[i].parts[k]);
		assert_int_equal(add(&s, text, &why), rows[i].error);
		assert_int_equal(count(&s), rows[i].n);
		assert_string_equal(why.text, rows[i].text);
		assert_int_equal(s.dirty, rows[i].n > 0);
		assert_int_equal(lnl_store_refresh(&s), 0);
		assert_false(s.dirty);
		assert_int_equal(trusts(&s, pki_good), rows[i].n > 0);
		assert_int_equal(trusts(&s, pki_other_leaf), rows[i].n > 1);
		close_store(&s);
	}
}

static void reads_der(void **state)
{
	struct lnl_why why = { "" };
	struct lnl_store s;
	uint8_t der[sizeof(pki_ca_der)];

	(void)state;
	open_store(&s);
	for (size_t len = 0; len < sizeof(der); len++)
		assert_int_equal(lnl_store_add_der(&s, pki_ca_der, len, &why), LNL_E_CERT);
	assert_string_equal(why.text, "ca: a certificate is malformed");
	assert_null(s.cas);
	assert_false(s.dirty);
	assert_int_equal(lnl_store_add_der(&s, pki_ca_der, sizeof(pki_ca_der), NULL), 0);
	assert_int_equal(lnl_store_refresh(&s), 0);
	assert_string_equal(s.cas->subject, "O=Lunel, CN=Test CA");
	assert_string_equal(s.cas->issuer, "O=Lunel, CN=Test CA");
	assert_int_equal(s.cas->len, sizeof(pki_ca_der));
	assert_memory_equal(s.cas->der, pki_ca_der, sizeof(pki_ca_der));
	assert_true(trusts(&s, pki_good));
	assert_false(trusts(&s, pki_other_leaf));
	assert_false(trusts(&s, pki_twin_leaf));
	close_store(&s);

	/* A signature that is wrong is a root's own affair: nobody but itself vouches for it. */
	open_store(&s);
	memcpy(der, pki_ca_der, sizeof(der));
	der[sizeof(der) - 1] ^= 1;
	assert_int_equal(lnl_store_add_der(&s, der, sizeof(der), NULL), 0);
	assert_int_equal(lnl_store_refresh(&s), 0);
	assert_int_equal(s.cas->out == LNL_CERT_OK, trusts(&s, pki_good));
	close_store(&s);
}

/* What is no CA is kept, for it explains refusals, but never trusted. */
static void unfit_ones_stay_out(void **state)
{
	static const struct {
		const char *pem;
		bool unfit;
		enum lnl_cert_failure out;
	} rows[] = {
		{ pki_ca, false, LNL_CERT_OK },
		{ pki_good, true, LNL_CERT_BAD },
		{ pki_self, true, LNL_CERT_BAD },
		{ pki_mid_no_ca, true, LNL_CERT_BAD },
		{ pki_v1_ca, true, LNL_CERT_V1 },
		{ pki_old_ca, false, LNL_CERT_EXPIRED },
		{ pki_young_ca, false, LNL_CERT_NOT_YET },
	};

	(void)state;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		const struct lnl_ca *out;
		struct lnl_store s;

		open_store(&s);
		ADD(&s, rows[i].pem);
		assert_int_equal(s.cas->unfit, rows[i].unfit);
		assert_int_equal(s.cas->out, rows[i].out);
		assert_false(s.cas->below);
		out = lnl_store_find_out(&s, s.cas->subject);
		assert_ptr_equal(out, rows[i].out == LNL_CERT_OK ? NULL : s.cas);
		assert_null(lnl_store_find_out(&s, "CN=somebody else"));
		assert_null(lnl_store_find_out(&s, ""));
		/* No date makes it fit. */
		world.now = TEST_NOW + 1;
		s.dirty = true;
		assert_int_equal(lnl_store_refresh(&s), 0);
		assert_int_equal(s.cas->out, rows[i].out);
		close_store(&s);
	}
}

/* ---- the clock ---- */

static void at(struct lnl_store *s, uint64_t now)
{
	world.now = now;
	assert_int_equal(lnl_store_refresh(s), 0);
}

static void dates_pass_to_the_second(void **state)
{
	struct lnl_store s;

	(void)state;
	world.now = OLD_ENDS - 1;
	open_store(&s);
	ADD(&s, pki_old_ca);
	assert_int_equal(s.cas->not_after, OLD_ENDS);
	assert_int_equal(s.recheck_at, OLD_ENDS + 1);
	assert_true(trusts(&s, pki_old_ca_leaf));
	s.dirty = true;
	at(&s, OLD_ENDS);
	assert_int_equal(s.cas->out, LNL_CERT_OK);
	assert_true(trusts(&s, pki_old_ca_leaf));
	at(&s, OLD_ENDS + 1);
	assert_int_equal(s.cas->out, LNL_CERT_EXPIRED);
	assert_int_equal(verdict(&s, pki_old_ca_leaf), ASN_NO_SIGNER_E);
	assert_true(s.recheck_at == UINT64_MAX);
	close_store(&s);

	world.now = TEST_NOW;
	open_store(&s);
	ADD(&s, pki_young_ca);
	assert_int_equal(s.cas->not_before, YOUNG_AGE);
	assert_int_equal(s.recheck_at, YOUNG_AGE);
	at(&s, YOUNG_AGE - 1);
	assert_int_equal(s.cas->out, LNL_CERT_NOT_YET);
	assert_int_equal(verdict(&s, pki_young_ca_leaf), ASN_NO_SIGNER_E);
	at(&s, YOUNG_AGE);
	assert_int_equal(s.cas->out, LNL_CERT_OK);
	assert_true(trusts(&s, pki_young_ca_leaf));
	close_store(&s);
}

/* An intermediate in `ca` falls with its root and is blamed on it, and comes back with it. */
static void intermediates_follow_their_root(void **state)
{
	static const char below[] = "CN=below young_ca";
	struct lnl_store s;

	(void)state;
	open_store(&s);
	/* In this order: the one above may come later in the list. */
	ADD(&s, pki_young_ca_below, pki_young_ca, pki_ca);
	assert_int_equal(ca_at(&s, 0)->out, LNL_CERT_NOT_YET);
	assert_true(ca_at(&s, 0)->below);
	assert_false(ca_at(&s, 1)->below);
	assert_string_equal(lnl_store_find_out(&s, below)->subject, "CN=young_ca");
	assert_false(trusts(&s, pki_young_ca_below_leaf));
	assert_true(trusts(&s, pki_good));
	at(&s, YOUNG_AGE);
	assert_false(ca_at(&s, 0)->below);
	assert_null(lnl_store_find_out(&s, below));
	assert_true(trusts(&s, pki_young_ca_below_leaf));
	close_store(&s);

	/* One whose root is not in `ca` is trusted for itself. */
	world.now = TEST_NOW;
	open_store(&s);
	ADD(&s, pki_mid);
	assert_int_equal(s.cas->out, LNL_CERT_OK);
	assert_true(trusts(&s, pki_mid_leaf));
	assert_false(trusts(&s, pki_good));
	close_store(&s);
}

/* Twelve CAs, the lowest first in the list: when the root is out, all fall at once. */
static void long_chains_fall(void **state)
{
	struct lnl_ca *root = lnl_alloc(&world.env, sizeof(*root));
	struct lnl_ca *last;
	struct lnl_store s;

	(void)state;
	root->unfit = true;
	root->out = LNL_CERT_V1;
	strcpy(root->subject, "O=Lunel, CN=Test CA");
	open_store(&s);
	ADD(&s, pki_deep_chain);
	assert_int_equal(count(&s), 13);
	last = s.cas;
	assert_true(last->unfit); /* the leaf */
	while (last->next != NULL) {
		last = last->next;
		assert_int_equal(last->out, LNL_CERT_OK);
	}
	last->next = root;
	s.dirty = true;
	assert_int_equal(lnl_store_refresh(&s), 0);
	for (const struct lnl_ca *ca = s.cas->next; ca != root; ca = ca->next) {
		assert_int_equal(ca->out, LNL_CERT_V1);
		assert_true(ca->below);
	}
	assert_ptr_equal(lnl_store_find_out(&s, "CN=Level 0"), root);
	assert_ptr_equal(lnl_store_find_out(&s, "CN=Level 2"), root);
	close_store(&s);
}

/* CAs that certify each other, with nobody above to blame: the search ends. */
static void blame_does_not_go_round(void **state)
{
	struct lnl_ca a = { .out = LNL_CERT_EXPIRED, .below = true, .subject = "A", .issuer = "B" };
	struct lnl_ca b = { .out = LNL_CERT_EXPIRED, .below = true, .subject = "B", .issuer = "A" };
	struct lnl_ca c = { .out = LNL_CERT_EXPIRED, .below = true, .subject = "C", .issuer = "D" };
	struct lnl_store s = { .env = &world.env, .cas = &a };

	(void)state;
	a.next = &b;
	b.next = &c;
	assert_non_null(lnl_store_find_out(&s, "A"));
	assert_ptr_equal(lnl_store_find_out(&s, "C"), &c);
}

/* What a peer's chain brought is gone when the store is filled anew, and only then. */
static void forgets_what_peers_brought(void **state)
{
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_ca);
	assert_false(trusts(&s, pki_mid_leaf));
	assert_int_equal(wolfSSL_CertManagerLoadCABuffer(s.manager, (const unsigned char *)pki_mid,
							 (long)strlen(pki_mid),
							 WOLFSSL_FILETYPE_PEM),
			 WOLFSSL_SUCCESS);
	assert_int_equal(lnl_store_refresh(&s), 0); /* nothing to do */
	assert_true(trusts(&s, pki_mid_leaf));
	s.dirty = true;
	assert_int_equal(lnl_store_refresh(&s), 0);
	assert_false(trusts(&s, pki_mid_leaf));
	assert_true(trusts(&s, pki_good));
	close_store(&s);
}

/* ---- CRLs ---- */

#define CA_NAME	  "O=Lunel, CN=Test CA"
#define CRL_FIRST UINT64_C(1764547200) /* pki_crl: 2025-12-01 */
#define CRL_NEWER UINT64_C(1766188800) /* pki_crl_newer: 2025-12-20 */

static void later_crl_wins(void **state)
{
	static const struct {
		const char *parts[4];
		uint64_t this_update;
	} rows[] = {
		{ { pki_crl }, CRL_FIRST },
		{ { pki_crl, pki_crl_newer }, CRL_NEWER },
		{ { pki_crl_newer, pki_crl }, CRL_NEWER },
		{ { pki_crl_stale, pki_crl_newer, pki_crl }, CRL_NEWER },
		{ { pki_other_crl, pki_crl_newer, pki_crl }, CRL_NEWER },
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

/* ---- a CRL's own words ---- */

#define VERSION	  "020101"
#define ALGORITHM "300506032a0304"
#define SIGNER	  "300d310b3009060355040313024141"     /* CN=AA */
#define T2026	  "170d3236303130313030303030305a"     /* 260101000000Z */
#define T2050	  "180f32303530303130313030303030305a" /* 20500101000000Z */
#define MONTH_0	  "170d3236303030313030303030305a"

/*
 * A CRL of |fields| (hex, what stands inside tbsCertList) that nobody signed: its issuer is unknown,
 * so only what is read here decides.
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

/* ---- no memory ---- */

static void runs_out_of_memory(void **state)
{
	struct lnl_store s;
	struct lnl_why why;
	unsigned live;

	(void)state;
	open_store(&s);
	ADD(&s, pki_ca);
	assert_int_equal(SET_CRL(&s, pki_crl), 0);
	live = world.live;
	for (unsigned k = 1; k <= 2; k++) {
		world.fail_at = world.allocations + k;
		assert_int_equal(add(&s, pki_other_ca, &why), LNL_E_NOMEM);
		world.fail_at = world.allocations + k;
		assert_int_equal(lnl_store_add_der(&s, pki_ca_der, sizeof(pki_ca_der), &why),
				 LNL_E_NOMEM);
		world.fail_at = world.allocations + k;
		assert_int_equal(SET_CRL(&s, pki_crl_newer, pki_other_crl), LNL_E_NOMEM);
		assert_int_equal(world.live, live);
	}
	world.fail_at = 0;
	assert_int_equal(lnl_store_refresh(&s), 0);
	assert_int_equal(count(&s), 1);
	assert_int_equal(lnl_store_find_crl(&s, CA_NAME)->this_update, CRL_FIRST);
	assert_true(trusts(&s, pki_good));
	assert_false(trusts(&s, pki_revoked));
	assert_int_equal(add(&s, pki_other_ca, &why), 0);
	assert_int_equal(SET_CRL(&s, pki_crl_newer, pki_other_crl), 0);
	assert_true(trusts(&s, pki_other_leaf));
	close_store(&s);
}

static unsigned wolfssl_fails_at; /* this allocation of its, counted down; 0: none */

static bool wolfssl_starves(void)
{
	return wolfssl_fails_at > 0 && --wolfssl_fails_at == 0;
}

static void *starving_malloc(size_t n)
{
	return wolfssl_starves() ? NULL : malloc(n);
}

static void *starving_realloc(void *p, size_t n)
{
	return wolfssl_starves() ? NULL : realloc(p, n);
}

/*
 * Refreshes |s| with the library's allocation number |k| failing; false when there were not so
 * many. What then is wrong is too much caution, at most, and gone the next time.
 */
static bool refresh_starving(struct lnl_store *s, unsigned k, int *error)
{
	s->dirty = true;
	wolfssl_fails_at = k;
	*error = lnl_store_refresh(s);

	bool starved = wolfssl_fails_at == 0;
	wolfssl_fails_at = 0;
	assert_true(*error == 0 || *error == LNL_E_NOMEM);
	assert_int_equal(s->broken, *error != 0);
	assert_int_equal(s->dirty, *error != 0);
	return starved;
}

/* A store that could not be filled says so, is broken until it can, and calls no good CA bad. */
static void library_has_no_memory_for_cas(void **state)
{
	unsigned misjudged = 0;
	struct lnl_store s;
	int error;

	(void)state;
	open_store(&s);
	ADD(&s, pki_ca);
	wolfSSL_SetAllocators(starving_malloc, free, starving_realloc);
	for (unsigned k = 1; refresh_starving(&s, k, &error); k++) {
		misjudged += error == 0 && !trusts(&s, pki_good);
		if (error != 0) {
			assert_int_equal(lnl_store_refresh(&s), 0);
			assert_true(trusts(&s, pki_good));
		}
	}
	/* 5.5.4 has one that it takes for a key too short. */
	assert_true(misjudged <= (LIBWOLFSSL_VERSION_HEX < 0x05006000));
	wolfSSL_SetAllocators(malloc, free, realloc);
	close_store(&s);
}

/* Of CRLs the library often calls malformed what it had no memory for: then nobody is trusted. */
static void library_has_no_memory_for_crls(void **state)
{
	unsigned failures = 0;
	struct lnl_store s;
	int error;

	(void)state;
	open_store(&s);
	ADD(&s, pki_mid, pki_ca);
	assert_int_equal(SET_CRL(&s, pki_crl, pki_mid_crl), 0);
	wolfSSL_SetAllocators(starving_malloc, free, starving_realloc);
	for (unsigned k = 1; refresh_starving(&s, k, &error); k++) {
		failures += error != 0;
		if (error == 0) {
			assert_false(trusts(&s, pki_revoked));
			assert_false(trusts(&s, pki_mid_leaf_revoked));
		}
		s.dirty = true;
		assert_int_equal(lnl_store_refresh(&s), 0);
		assert_true(trusts(&s, pki_good));
		assert_true(trusts(&s, pki_mid_leaf));
		assert_int_equal(verdict(&s, pki_revoked), CRL_CERT_REVOKED);
	}
	assert_true(failures > 5);
	wolfSSL_SetAllocators(malloc, free, realloc);
	close_store(&s);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_pem),
		TEST(reads_der),
		TEST(unfit_ones_stay_out),
		TEST(dates_pass_to_the_second),
		TEST(intermediates_follow_their_root),
		TEST(long_chains_fall),
		TEST(blame_does_not_go_round),
		TEST(forgets_what_peers_brought),
		TEST(later_crl_wins),
		TEST(unknown_issuers_wait),
		TEST(revoked_cas_fall),
		TEST(crl_dates_pass),
		TEST(crl_date_is_not_missed),
		TEST(bad_crls_change_nothing),
		TEST(reads_crls),
		TEST(runs_out_of_memory),
		TEST(library_has_no_memory_for_cas),
		TEST(library_has_no_memory_for_crls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
