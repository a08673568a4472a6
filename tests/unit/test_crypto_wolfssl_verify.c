/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A3: a table of certificates and settings with the verdict that each must have, under TLS 1.2 and
 * 1.3.
 */
#include "test_crypto_pair.h"

#include "crypto/wolfssl_tls.h"
#include "pki/pki.h"

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

/* Several PEM texts in one. */
#define MAX_PARTS 3

struct row {
	const char *name;
	/* the server shows: */
	const char *chain[MAX_PARTS];
	const char *key; /* NULL: pki_key */
	bool smuggled;	 /* no wolfSSL server would start with it: put there behind its back */
	/* the client has: */
	const char *ca[MAX_PARTS];
	const char *crl[MAX_PARTS];
	enum lnl_name_check check;
	const char *wanted;
	bool require_ku;
	uint16_t ku;
	unsigned eku;
	const uint8_t (*fingerprint)[32];
	unsigned n_fingerprints;
	/* and says: */
	enum lnl_cert_failure failure;
	unsigned depth;
	const char *text; /* stands in lnl_tls_why */
};

#define CA	  .ca = { pki_ca }
#define WITH(...) .chain = { __VA_ARGS__ }
#define CRL(...)  .crl = { __VA_ARGS__ }
#define OLD	  "not after 2025-01-01 00:00:00 UTC"

/* That of pki_self, with the first byte one too low and the last one too high. */
static uint8_t fingerprints_off_by_one[2][32];

static const struct row rows[] = {
	/* trust */
	{ "good", WITH(pki_good), CA },
	{ "no extensions", WITH(pki_bare), CA },
	{ "wrong CA", WITH(pki_other_leaf), CA, .failure = LNL_CERT_UNTRUSTED,
	  .text = "no trusted CA for C=DE, O=Example, CN=vpn.example.net, issued by CN=Other CA" },
	{ "one of two CAs", WITH(pki_other_leaf), .ca = { pki_ca, pki_other_ca } },
	{ "CA of the same name", WITH(pki_twin_leaf), CA, .failure = LNL_CERT_BAD,
	  .text = "CN=vpn.example.net: its signature is not one of O=Lunel, CN=Test CA" },
	{ "self-signed", WITH(pki_self), CA, .failure = LNL_CERT_UNTRUSTED,
	  .text = "no trusted CA for C=DE, O=Example, CN=vpn.example.net, which is self-signed" },
	{ "expired", WITH(pki_expired), CA, .failure = LNL_CERT_EXPIRED,
	  .text = "certificate has expired: CN=old, " OLD },
	{ "not yet valid", WITH(pki_future), CA, .failure = LNL_CERT_NOT_YET,
	  .text = "certificate is not yet valid: CN=new, not before 2027-01-01 00:00:00 UTC" },
	{ "expired CA", WITH(pki_old_ca_leaf), .ca = { pki_old_ca }, .failure = LNL_CERT_EXPIRED,
	  .text = "the CA certificate has expired: CN=old_ca, " OLD },
	{ "future CA", WITH(pki_young_ca_leaf), .ca = { pki_young_ca }, .failure = LNL_CERT_NOT_YET,
	  .text = "the CA certificate is not yet valid: CN=young_ca, not before 2027" },
	{ "intermediate in ca, expired root", WITH(pki_old_ca_below_leaf),
	  .ca = { pki_old_ca, pki_old_ca_below }, .failure = LNL_CERT_EXPIRED,
	  .text = "issued by CN=below old_ca; the CA certificate has expired: CN=old_ca, " OLD },
	{ "intermediate in ca, no root", WITH(pki_old_ca_below_leaf), .ca = { pki_old_ca_below } },
	{ "expired CA beside a good one", WITH(pki_good), .ca = { pki_old_ca, pki_ca } },
	{ "X.509 v1", WITH(pki_v1_leaf), CA, .failure = LNL_CERT_V1, .text = "X.509 v1" },
	{ "X.509 v1 CA", WITH(pki_v1_ca_leaf), .ca = { pki_v1_ca, pki_ca }, .failure = LNL_CERT_V1,
	  .text = "the CA certificate is X.509 v1, which wolfSSL refuses: CN=v1 CA" },
	{ "critical extension nobody knows", WITH(pki_critical), CA, .smuggled = true,
	  .failure = LNL_CERT_BAD },
	{ "an extension twice", WITH(pki_twice), CA, .smuggled = true, .failure = LNL_CERT_BAD },
	{ "MD5", WITH(pki_md5_leaf), .ca = { pki_md5_ca }, .failure = LNL_CERT_WEAK,
	  .text = "too weak: CN=v1 server" },
	{ "SHA-1", WITH(pki_sha1_leaf), .ca = { pki_md5_ca } },
	{ "RSA of 768 bits", WITH(pki_rsa768_leaf), .ca = { pki_md5_ca }, .smuggled = true,
	  .failure = LNL_CERT_WEAK, .text = "too weak: CN=rsa768" },
	{ "RSA of 1024 bits", WITH(pki_rsa1024_leaf), pki_rsa1024_key, .ca = { pki_md5_ca } },

	/* chains */
	{ "intermediate sent", WITH(pki_mid_leaf, pki_mid), CA },
	{ "intermediate and root sent", WITH(pki_mid_leaf, pki_mid, pki_ca), CA },
	{ "intermediate not sent", WITH(pki_mid_leaf), CA, .failure = LNL_CERT_UNTRUSTED,
	  .text = "issued by CN=Middle CA" },
	{ "intermediate in ca", WITH(pki_mid_leaf), .ca = { pki_ca, pki_mid } },
	{ "intermediate expired", WITH(pki_mid_old_leaf, pki_mid_old), CA,
	  .failure = LNL_CERT_EXPIRED, .depth = 1, .text = "CN=mid_old, " OLD },
	{ "intermediate is no CA", WITH(pki_mid_no_ca_leaf, pki_mid_no_ca), CA,
	  .failure = LNL_CERT_UNTRUSTED },
	{ "intermediate does not say CA", WITH(pki_mid_bare_leaf, pki_mid_bare), CA,
	  .failure = LNL_CERT_UNTRUSTED },
	{ "a leaf as CA", WITH(pki_good, pki_bare), CA },
	{ "path length", WITH(pki_path_chain), CA, .failure = LNL_CERT_BAD, .depth = 1 },
	{ "too deep", WITH(pki_deep_chain), CA, .failure = LNL_CERT_BAD },
	{ "self-signed root unknown here", WITH(pki_other_leaf, pki_other_ca), CA,
	  .failure = LNL_CERT_UNTRUSTED, .depth = 1 },

	/* key usage */
	{ "a client's certificate", WITH(pki_eku_client), CA, .failure = LNL_CERT_EKU,
	  .text = "serverAuth is needed" },
	{ "EKU both", WITH(pki_eku_both), CA, .eku = LNL_EKU_SERVER },
	{ "EKU any, not asked", WITH(pki_eku_any), CA },
	{ "EKU any, asked", WITH(pki_eku_any), CA, .eku = LNL_EKU_SERVER, .failure = LNL_CERT_EKU },
	{ "EKU of another kind", WITH(pki_eku_other), CA, .failure = LNL_CERT_EKU },
	{ "EKU asked, none there", WITH(pki_bare), CA, .eku = LNL_EKU_SERVER,
	  .failure = LNL_CERT_EKU, .text = "has no extended key usage" },
	{ "remote-cert-tls", WITH(pki_good), CA, .require_ku = true, .eku = LNL_EKU_SERVER },
	{ "remote-cert-tls, no KU", WITH(pki_ku_none), CA, .require_ku = true,
	  .eku = LNL_EKU_SERVER, .failure = LNL_CERT_KU, .text = "has no key usage" },
	{ "KU that fits nothing", WITH(pki_ku_nothing), CA, .smuggled = true,
	  .failure = LNL_CERT_KU },
	{ "remote-cert-ku 80", WITH(pki_good), CA, .ku = 0x80 },
	{ "remote-cert-ku a0", WITH(pki_ku_both), CA, .ku = 0xa0 },
	{ "remote-cert-ku a0, half there", WITH(pki_good), CA, .ku = 0xa0, .failure = LNL_CERT_KU },
	{ "remote-cert-ku, none there", WITH(pki_ku_none), CA, .ku = 0x80, .failure = LNL_CERT_KU },

	/* names */
	{ "name", WITH(pki_good), CA, .check = LNL_NAME_CN, .wanted = "vpn.example.net" },
	{ "name of another", WITH(pki_good), CA, .check = LNL_NAME_CN, .wanted = "vpn.example.org",
	  .failure = LNL_CERT_NAME, .text = "verify-x509-name vpn.example.org" },
	{ "name, cut", WITH(pki_good), CA, .check = LNL_NAME_CN, .wanted = "vpn.example.ne",
	  .failure = LNL_CERT_NAME },
	{ "name in the SAN only", WITH(pki_no_subject), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net", .failure = LNL_CERT_NAME },
	{ "name with a suffix", WITH(pki_suffix), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net", .failure = LNL_CERT_NAME },
	{ "name in another case", WITH(pki_upper), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net", .failure = LNL_CERT_NAME },
	{ "wildcard", WITH(pki_wild), CA, .check = LNL_NAME_CN, .wanted = "vpn.example.net",
	  .failure = LNL_CERT_NAME },
	{ "last of two CNs", WITH(pki_two_cns), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net" },
	{ "first of two CNs", WITH(pki_two_cns_other), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net", .failure = LNL_CERT_NAME },
	{ "no CN", WITH(pki_no_cn), CA, .check = LNL_NAME_CN, .wanted = "vpn.example.net",
	  .failure = LNL_CERT_NAME },
	{ "CN in an organisation", WITH(pki_comma), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net", .failure = LNL_CERT_NAME },
	{ "BMPString", WITH(pki_bmp), CA, .check = LNL_NAME_CN, .wanted = "vpn.example.net" },
	{ "UTF-8 elsewhere", WITH(pki_utf8), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.example.net" },
	{ "UTF-8 in the CN", WITH(pki_utf8_cn), CA, .check = LNL_NAME_CN,
	  .wanted = "vpn.ex??mple.net", .failure = LNL_CERT_NAME },
	{ "NUL in the CN", WITH(pki_nul_cn), CA, .check = LNL_NAME_CN_PREFIX, .wanted = "vpn.",
	  .failure = LNL_CERT_BAD, .text = "a NUL byte in a name" },
	{ "NUL in the CN, no name asked", WITH(pki_nul_cn), CA, .failure = LNL_CERT_BAD },
	{ "NUL in the SAN", WITH(pki_nul_san), CA, .smuggled = true, .failure = LNL_CERT_BAD },
	{ "prefix", WITH(pki_good), CA, .check = LNL_NAME_CN_PREFIX, .wanted = "vpn." },
	{ "prefix of another", WITH(pki_good), CA, .check = LNL_NAME_CN_PREFIX, .wanted = "vpm.",
	  .failure = LNL_CERT_NAME },
	{ "prefix, longer than the name", WITH(pki_good), CA, .check = LNL_NAME_CN_PREFIX,
	  .wanted = "vpn.example.net.", .failure = LNL_CERT_NAME },
	{ "subject", WITH(pki_good), CA, .check = LNL_NAME_SUBJECT,
	  .wanted = "C=DE, O=Example, CN=vpn.example.net" },
	{ "subject, a part", WITH(pki_good), CA, .check = LNL_NAME_SUBJECT,
	  .wanted = "CN=vpn.example.net", .failure = LNL_CERT_NAME },

	/* revocation */
	{ "not revoked", WITH(pki_good), CA, CRL(pki_crl) },
	{ "revoked", WITH(pki_revoked), CA, CRL(pki_crl), .failure = LNL_CERT_REVOKED,
	  .text = "certificate is revoked: C=DE, O=Example, CN=vpn.example.net, serial 7, by the CRL "
		  "of O=Lunel, CN=Test CA" },
	{ "expired, not revoked", WITH(pki_expired), CA, CRL(pki_crl),
	  .failure = LNL_CERT_EXPIRED },
	{ "wrong CA, with CRLs", WITH(pki_other_leaf), CA, CRL(pki_crl, pki_other_crl),
	  .failure = LNL_CERT_UNTRUSTED },
	{ "CA of the same name, with its CRL", WITH(pki_twin_leaf), CA, CRL(pki_crl),
	  .failure = LNL_CERT_BAD },
	{ "revoked since", WITH(pki_good), CA, CRL(pki_crl, pki_crl_newer),
	  .failure = LNL_CERT_REVOKED },
	{ "revoked since, in the other order", WITH(pki_good), CA, CRL(pki_crl_newer, pki_crl),
	  .failure = LNL_CERT_REVOKED },
	{ "CRL of another CA", WITH(pki_good), .ca = { pki_ca, pki_other_ca }, CRL(pki_other_crl),
	  .failure = LNL_CERT_CRL,
	  .text = "no CRL of O=Lunel, CN=Test CA to check O=Lunel, CN=Test CA" },
	{ "CRL of a CA that is not there", WITH(pki_good), CA, CRL(pki_other_crl),
	  .failure = LNL_CERT_CRL },
	{ "CRL out of date", WITH(pki_good), CA, CRL(pki_crl_stale), .failure = LNL_CERT_CRL,
	  .text = "the CRL of O=Lunel, CN=Test CA is out of date, next update was due " },
	{ "intermediate, its CRL, the root's", WITH(pki_mid_leaf, pki_mid), CA,
	  CRL(pki_crl, pki_mid_crl) },
	{ "intermediate without a CRL", WITH(pki_mid_leaf, pki_mid), CA, CRL(pki_crl),
	  .failure = LNL_CERT_CRL, .text = "no CRL of CN=Middle CA to check" },
	{ "revoked by the intermediate", WITH(pki_mid_leaf_revoked, pki_mid), CA,
	  CRL(pki_crl, pki_mid_crl), .failure = LNL_CERT_REVOKED,
	  .text = "by the CRL of CN=Middle CA" },
	{ "intermediate revoked", WITH(pki_mid_gone_leaf, pki_mid_gone), CA,
	  CRL(pki_crl, pki_mid_gone_crl), .failure = LNL_CERT_REVOKED, .depth = 1,
	  .text = "revoked: CN=Revoked middle CA, serial 9" },
	{ "revoked intermediate in ca", WITH(pki_mid_gone_leaf), .ca = { pki_ca, pki_mid_gone },
	  CRL(pki_crl, pki_mid_gone_crl), .failure = LNL_CERT_REVOKED,
	  .text = "the CA certificate is revoked: CN=Revoked middle CA" },

	/* fingerprints */
	{ "fingerprint, no CA", WITH(pki_self), .fingerprint = &pki_self_sha256,
	  .n_fingerprints = 1 },
	{ "fingerprint, no CA, issued by one", WITH(pki_good), .fingerprint = &pki_good_sha256,
	  .n_fingerprints = 1 },
	{ "fingerprint, no CA, with its chain", WITH(pki_good, pki_ca),
	  .fingerprint = &pki_good_sha256, .n_fingerprints = 1 },
	{ "fingerprint of another", WITH(pki_self), .fingerprint = &pki_good_sha256,
	  .n_fingerprints = 1, .failure = LNL_CERT_FINGERPRINT },
	{ "fingerprint off by one", WITH(pki_self), .fingerprint = fingerprints_off_by_one,
	  .n_fingerprints = 2, .failure = LNL_CERT_FINGERPRINT,
	  .text = "fingerprint is not among those" },
	{ "fingerprint, expired", WITH(pki_self_expired), .fingerprint = &pki_self_expired_sha256,
	  .n_fingerprints = 1, .failure = LNL_CERT_EXPIRED, .text = "CN=old self, " OLD },
	{ "fingerprint and CA", WITH(pki_good), CA, .fingerprint = &pki_good_sha256,
	  .n_fingerprints = 1 },
	{ "fingerprint right, CA wrong", WITH(pki_good), .ca = { pki_other_ca },
	  .fingerprint = &pki_good_sha256, .n_fingerprints = 1, .failure = LNL_CERT_UNTRUSTED },
	{ "fingerprint wrong, CA right", WITH(pki_good), CA, .fingerprint = &pki_self_sha256,
	  .n_fingerprints = 1, .failure = LNL_CERT_FINGERPRINT },
};

static void join(char *out, size_t cap, const char *const parts[MAX_PARTS])
{
	out[0] = '\0';
	for (unsigned i = 0; i < MAX_PARTS && parts[i] != NULL; i++) {
		assert_true(strlen(out) + strlen(parts[i]) < cap);
		strcat(out, parts[i]);
	}
}

static void run(const struct row *r, enum lnl_tls_version version)
{
	static char chain[32768], ca[8192], crl[8192];
	struct pair p;
	unsigned depth = 99;

	join(chain, sizeof(chain), r->chain);
	join(ca, sizeof(ca), r->ca);
	join(crl, sizeof(crl), r->crl);
	struct lnl_tls_settings server = {
		.server = true,
		.no_peer_cert = true,
		.cert = test_blob(r->smuggled ? pki_good : chain),
		.key = test_blob(r->key != NULL ? r->key : pki_key),
		.version_max = version,
	};
	struct lnl_tls_settings client = {
		.ca = test_blob(r->ca[0] != NULL ? ca : NULL),
		.crl = test_blob(r->crl[0] != NULL ? crl : NULL),
		.name_check = r->check,
		.name = r->wanted,
		.require_ku = r->require_ku,
		.ku = &r->ku,
		.n_ku = r->ku != 0,
		.eku = r->eku,
		.fingerprints = r->fingerprint,
		.n_fingerprints = r->n_fingerprints,
	};
	pair_configure(&p, &world.env, &client, &server);
	if (r->smuggled)
		assert_int_equal(wolfSSL_CTX_use_certificate_chain_buffer_format(
					 p.conf[1]->ctx, (const unsigned char *)chain,
					 (long)strlen(chain), WOLFSSL_FILETYPE_PEM),
				 WOLFSSL_SUCCESS);
	/* Twice: what one session's peer sent must not help or harm the next. */
	for (unsigned i = 0; i < 2; i++) {
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		enum lnl_cert_failure failure = lnl_tls_cert_failure(p.tls[0], &depth);
		const char *why = lnl_tls_why(p.tls[0]);
		bool good = failure == r->failure &&
			    p.result[0] == (r->failure == LNL_CERT_OK ? 1 : LNL_E_CERT) &&
			    (failure == LNL_CERT_OK || depth == r->depth) &&
			    (r->text == NULL || strstr(why, r->text) != NULL) &&
			    (failure == LNL_CERT_OK) == (why[0] == '\0');
		if (!good)
			print_error("%s (%u, TLS %u): result %d, failure %d at %u: %s\n", r->name,
				    i, version, p.result[0], failure, depth, why);
		assert_true(good);
		assert_int_equal(p.result[1] == 1, r->failure == LNL_CERT_OK);
		pair_disconnect(&p);
	}
	pair_release(&p);
}

static void a3_certificates(void **state)
{
	const struct row *r = *state;

	run(r, LNL_TLS_1_2);
	run(r, LNL_TLS_1_3);
}

int main(void)
{
	enum { N = sizeof(rows) / sizeof(rows[0]) };
	static struct CMUnitTest tests[N];

	memcpy(fingerprints_off_by_one[0], pki_self_sha256, 32);
	memcpy(fingerprints_off_by_one[1], pki_self_sha256, 32);
	fingerprints_off_by_one[0][0]--;
	fingerprints_off_by_one[1][31]++;
	for (size_t i = 0; i < N; i++) {
		tests[i] = (struct CMUnitTest){
			.name = rows[i].name,
			.test_func = a3_certificates,
			.setup_func = start,
			.teardown_func = stop,
			.initial_state = (void *)(uintptr_t)&rows[i],
		};
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
