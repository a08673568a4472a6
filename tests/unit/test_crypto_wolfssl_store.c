/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The store by itself: what it takes, whom it has the manager trust as dates pass, and what a
 * failure leaves behind. CRLs are in test_crypto_wolfssl_crl.c, sessions around a store in
 * test_crypto_wolfssl_conf.c.
 */
#include "test_crypto_store.h"

/* Dates in pki/: the ends of the old CA and the young one's beginning. */
#define OLD_ENDS  UINT64_C(1735689600) /* 2025-01-01 */
#define YOUNG_AGE UINT64_C(1798761600) /* 2027-01-01 */

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

/*
 * A CA that reads well here and that wolfSSL does not load is out, whatever byte of it is wrong: the
 * store never believes in one that the manager lacks.
 */
static void what_the_library_refuses_is_out(void **state)
{
	unsigned loaded = 0, refused = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(pki_ca_der); i++) {
		WOLFSSL_CERT_MANAGER *alone = wolfSSL_CertManagerNew();
		uint8_t der[sizeof(pki_ca_der)];
		struct lnl_store s;

		memcpy(der, pki_ca_der, sizeof(der));
		der[i] ^= 4;
		open_store(&s);
		if (lnl_store_add_der(&s, der, sizeof(der), NULL) == 0 && !s.cas->unfit) {
			bool takes = wolfSSL_CertManagerLoadCABuffer(alone, der, sizeof(der),
								     WOLFSSL_FILETYPE_ASN1) ==
				     WOLFSSL_SUCCESS;

			assert_int_equal(lnl_store_refresh(&s), 0);
			if ((s.cas->out == LNL_CERT_OK) != takes)
				fail_msg("byte %u: %d", (unsigned)i, (int)s.cas->out);
			loaded += takes;
			refused += !takes;
		}
		close_store(&s);
		wolfSSL_CertManagerFree(alone);
	}
	assert_true(loaded > 20);
	assert_true(refused > 20);
}

/* ---- the clock ---- */

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

/* One that is out for ever does not keep those behind it out. */
static void comes_back_behind_an_unfit_one(void **state)
{
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_v1_ca, pki_old_ca, pki_young_ca);
	assert_int_equal(ca_at(&s, 2)->out, LNL_CERT_NOT_YET);
	at(&s, YOUNG_AGE);
	assert_int_equal(ca_at(&s, 0)->out, LNL_CERT_V1);
	assert_int_equal(ca_at(&s, 1)->out, LNL_CERT_EXPIRED);
	assert_int_equal(ca_at(&s, 2)->out, LNL_CERT_OK);
	assert_true(trusts(&s, pki_young_ca_leaf));
	close_store(&s);
}

/* What fell with its root, and is then out of date itself, is to blame itself. */
static void blame_moves(void **state)
{
	static const char below[] = "CN=below young_ca";
	struct lnl_store s;

	(void)state;
	open_store(&s);
	ADD(&s, pki_young_ca_below, pki_young_ca);
	assert_string_equal(lnl_store_find_out(&s, below)->subject, "CN=young_ca");
	s.cas->not_after = TEST_NOW + 10;
	s.dirty = true;
	at(&s, TEST_NOW + 10);
	assert_string_equal(lnl_store_find_out(&s, below)->subject, "CN=young_ca");
	at(&s, TEST_NOW + 11);
	assert_ptr_equal(lnl_store_find_out(&s, below), s.cas);
	assert_int_equal(s.cas->out, LNL_CERT_EXPIRED);
	assert_false(s.cas->below);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_pem),
		TEST(reads_der),
		TEST(unfit_ones_stay_out),
		TEST(what_the_library_refuses_is_out),
		TEST(dates_pass_to_the_second),
		TEST(intermediates_follow_their_root),
		TEST(comes_back_behind_an_unfit_one),
		TEST(blame_moves),
		TEST(long_chains_fall),
		TEST(blame_does_not_go_round),
		TEST(forgets_what_peers_brought),
		TEST(runs_out_of_memory),
		TEST(library_has_no_memory_for_cas),
		TEST(library_has_no_memory_for_crls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
