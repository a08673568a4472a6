/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Settings: what is taken, what is refused and with which words, and what the clock and new CRLs
 * change later.
 */
#include "test_crypto_pair.h"

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

/* openssl crl2pkcs7 -nocrl */
#define EMPTY_PKCS7 "MCMGCSqGSIb3DQEHAqAWMBQCAQExADALBgkqhkiG9w0BBwExAA==\n"

static const struct row {
	const char *name;
	struct lnl_tls_settings s;
	const char *ca, *crl;
	int error;
	const char *text; /* stands in |why|; with error 0, too */
} rows[] = {
	{ "no trust at all",
	  { .server = false },
	  NULL,
	  NULL,
	  LNL_E_CERT,
	  "neither a CA nor a peer-fingerprint" },
	{ "empty CA", { .server = false }, "", NULL, LNL_E_CERT, "ca: no certificate in it" },
	{ "a key as CA", { .server = false }, pki_key, NULL, LNL_E_CERT, "ca: no certificate" },
	{ "malformed CA",
	  { .server = false },
	  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	  NULL,
	  LNL_E_CERT,
	  "ca: a certificate is malformed" },
	{ "PKCS#7 with nothing in it",
	  { .server = false },
	  "-----BEGIN PKCS7-----\n" EMPTY_PKCS7 "-----END PKCS7-----\n",
	  NULL,
	  LNL_E_CERT,
	  "ca: no certificate in it" },
	{ "PKCS#7 that says it is a certificate",
	  { .server = false },
	  "-----BEGIN CERTIFICATE-----\n" EMPTY_PKCS7 "-----END CERTIFICATE-----\n",
	  NULL,
	  LNL_E_CERT,
	  "ca: a certificate is malformed" },
	{ "CA without end",
	  { .server = false },
	  "-----BEGIN CERTIFICATE-----\nAAAA\n",
	  NULL,
	  LNL_E_CERT,
	  "ca: no certificate" },
	{ "a leaf as CA",
	  { .server = false },
	  pki_good,
	  NULL,
	  LNL_E_CERT,
	  "ca: not the certificate of a CA: C=DE, O=Example, CN=vpn.example.net" },
	{ "v1 CA",
	  { .server = false },
	  pki_v1_ca,
	  NULL,
	  LNL_E_CERT,
	  "ca: an X.509 v1 certificate, which wolfSSL refuses: CN=v1 CA" },
	{ "expired CA", { .server = false }, pki_old_ca, NULL, 0, "" },
	{ "CRL", { .server = false }, pki_ca, pki_crl, 0, "" },
	{ "empty CRL file", { .server = false }, pki_ca, "", LNL_E_CERT, "crl: no CRL in it" },
	{ "malformed CRL",
	  { .server = false },
	  pki_ca,
	  "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
	  LNL_E_CERT,
	  "crl: a CRL is malformed" },
	{ "forged CRL",
	  { .server = false },
	  pki_ca,
	  pki_twin_crl,
	  LNL_E_CERT,
	  "crl: the signature of the CRL of O=Lunel, CN=Test CA is wrong" },
	{ "versions crossed",
	  { .version_min = LNL_TLS_1_3, .version_max = LNL_TLS_1_2 },
	  pki_ca,
	  NULL,
	  LNL_E_INVAL,
	  "tls-version-min: above tls-version-max" },

	{ "OpenVPN's names",
	  { .cipher_list = "TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384:"
			   "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "OpenSSL's names",
	  { .cipher_list = "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "IANA's names",
	  { .cipher_list = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "default", { .cipher_list = "DEFAULT", .ciphersuites = "DEFAULT" }, pki_ca, NULL, 0, "" },
	{ "one unknown",
	  { .cipher_list = "TLS-NO-SUCH:ECDHE-RSA-AES256-GCM-SHA384" },
	  pki_ca,
	  NULL,
	  0,
	  "tls-cipher: unknown or not available: TLS-NO-SUCH" },
	{ "an exclusion", { .cipher_list = "DEFAULT:!EXP" }, pki_ca, NULL, 0, "!EXP" },
	{ "all unknown",
	  { .cipher_list = "A:B" },
	  pki_ca,
	  NULL,
	  LNL_E_INVAL,
	  "tls-cipher: no known cipher suite is left" },
	{ "empty", { .cipher_list = "" }, pki_ca, NULL, LNL_E_INVAL, "tls-cipher: no known" },
	{ "unknown, but 1.3 only",
	  { .cipher_list = "A:B", .version_min = LNL_TLS_1_3 },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "a suite of 1.3 in tls-cipher",
	  { .cipher_list = "TLS_AES_256_GCM_SHA384" },
	  pki_ca,
	  NULL,
	  LNL_E_INVAL,
	  "not available: TLS_AES_256_GCM_SHA384" },
	{ "suites",
	  { .ciphersuites = "TLS_CHACHA20_POLY1305_SHA256:TLS-AES-128-GCM-SHA256" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "suites of 1.2",
	  { .ciphersuites = "ECDHE-RSA-AES256-GCM-SHA384" },
	  pki_ca,
	  NULL,
	  LNL_E_INVAL,
	  "tls-ciphersuites: no known" },
	{ "a name of 100 characters",
	  { .cipher_list = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
			   "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
	  pki_ca,
	  NULL,
	  LNL_E_INVAL,
	  "tls-cipher" },

	{ "groups",
	  { .groups = "X25519:secp256r1:P-384:secp521r1:ffdhe2048" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "groups in another case",
	  { .groups = "x25519:SECP384R1:prime256v1" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
	{ "one unknown group",
	  { .groups = "X25519:brainpoolP256r1" },
	  pki_ca,
	  NULL,
	  0,
	  "tls-groups: unknown or not available: brainpoolP256r1" },
	{ "no known group",
	  { .groups = "secp256k2" },
	  pki_ca,
	  NULL,
	  LNL_E_INVAL,
	  "tls-groups: no known group is left" },
	{ "more groups than fit",
	  { .groups = "X25519:P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072:ffdhe4096:X25519:P-256:"
		      "P-384:P-521:X448:ffdhe2048" },
	  pki_ca,
	  NULL,
	  0,
	  "" },
};

static void settings(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_tls_settings s = rows[i].s;
		struct lnl_tls_conf *conf = NULL;
		struct lnl_why why;

		s.ca = test_blob(rows[i].ca);
		s.crl = test_blob(rows[i].crl);
		int error = lnl_tls_conf_new(&conf, &world.env, &s, &why);
		if (error != rows[i].error || strstr(why.text, rows[i].text) == NULL ||
		    (rows[i].text[0] == '\0' && why.text[0] != '\0' &&
		     strstr(rows[i].name, "more groups") == NULL)) {
			print_error("%s: %d \"%s\"\n", rows[i].name, error, why.text);
			fail();
		}
		lnl_tls_conf_free(conf);
		/* Nobody has to want to know why. */
		if (lnl_tls_conf_new(&conf, &world.env, &s, NULL) == 0)
			lnl_tls_conf_free(conf);
	}
}

static struct lnl_tls_settings usual(bool server)
{
	return (struct lnl_tls_settings){
		.server = server,
		.no_peer_cert = true,
		.ca = test_blob(pki_ca),
		.cert = test_blob(server ? pki_good : NULL),
		.key = test_blob(server ? pki_key : NULL),
	};
}

/* The suite that each end's list lets them agree on, or none. */
static void suites_decide(void **state)
{
	static const struct {
		enum lnl_tls_version version;
		const char *client, *server, *wanted;
	} pairs[] = {
		{ LNL_TLS_1_2, "TLS-ECDHE-ECDSA-WITH-CHACHA20-POLY1305-SHA256", NULL, "CHACHA20" },
		{ LNL_TLS_1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", "DEFAULT", "AES128" },
		{ LNL_TLS_1_2, "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
		  NULL },
		{ LNL_TLS_1_3, "TLS_AES_128_GCM_SHA256", NULL, "TLS13-AES128-GCM-SHA256" },
		{ LNL_TLS_1_3, "TLS_CHACHA20_POLY1305_SHA256", NULL, "TLS13-CHACHA20" },
		{ LNL_TLS_1_3, "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256", NULL },
		{ LNL_TLS_1_3, NULL, NULL, "TLS13-AES256-GCM-SHA384" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		struct lnl_tls_settings client = usual(false), server = usual(true);
		struct pair p;

		client.version_min = client.version_max = pairs[i].version;
		if (pairs[i].version == LNL_TLS_1_2) {
			client.cipher_list = pairs[i].client;
			server.cipher_list = pairs[i].server;
		} else {
			client.ciphersuites = pairs[i].client;
			server.ciphersuites = pairs[i].server;
		}
		pair_configure(&p, &world.env, &client, &server);
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		assert_int_equal(p.result[0] == 1, pairs[i].wanted != NULL);
		if (pairs[i].wanted != NULL)
			assert_non_null(strstr(lnl_tls_cipher_name(p.tls[0]), pairs[i].wanted));
		pair_release(&p);
	}
}

/*
 * Every group alone, between two ends that have it; the post-quantum one where the library has it.
 */
static void groups_work(void **state)
{
	static const struct {
		const char *name;
		bool tls12;
		bool optional;
	} names[] = {
		{ "X25519", true, false },	   { "secp256r1", true, false },
		{ "prime256v1", true, false },	   { "P-256", true, false },
		{ "secp384r1", true, false },	   { "secp521r1", true, false },
		{ "ffdhe2048", false, false },	   { "X448", true, true },
		{ "X25519MLKEM768", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
			struct lnl_tls_settings client = usual(false), server = usual(true);
			struct lnl_tls_conf *conf;
			struct pair p;

			if (v == LNL_TLS_1_2 && !names[i].tls12)
				continue;
			client.groups = names[i].name;
			client.version_max = client.version_min = (enum lnl_tls_version)v;
			int error = lnl_tls_conf_new(&conf, &world.env, &client, NULL);
			assert_true(error == 0 || (error == LNL_E_INVAL && names[i].optional));
			if (error != 0)
				continue;
			lnl_tls_conf_free(conf);
			server.groups = "P-256:X25519:P-384:P-521:ffdhe2048:X448:X25519MLKEM768";
			pair_configure(&p, &world.env, &client, &server);
			pair_connect(&p);
			pair_run(&p, SIZE_MAX);
			if (p.result[0] != 1)
				print_error("%s, TLS 1.%u: %s / %s\n", names[i].name, v + 1,
					    lnl_tls_why(p.tls[0]), lnl_tls_why(p.tls[1]));
			assert_int_equal(p.result[0], 1);
			assert_int_equal(p.result[1], 1);
			pair_release(&p);
		}
	}
	/* And none in common. */
	struct lnl_tls_settings client = usual(false), server = usual(true);
	struct pair p;
	client.groups = "X25519";
	client.version_min = LNL_TLS_1_3;
	server.groups = "secp384r1";
	pair_configure(&p, &world.env, &client, &server);
	pair_connect(&p);
	pair_run(&p, SIZE_MAX);
	assert_int_not_equal(p.result[0], 1);
	pair_release(&p);
}

/* A first share that the server does not like costs a round trip, no more. */
static void group_is_asked_for_again(void **state)
{
	struct lnl_tls_settings client = usual(false), server = usual(true);
	struct pair p;

	(void)state;
	client.groups = "X25519:secp384r1";
	client.version_min = LNL_TLS_1_3;
	server.groups = "secp384r1";
	pair_configure(&p, &world.env, &client, &server);
	pair_connect(&p);
	pair_run(&p, SIZE_MAX);
	assert_int_equal(p.result[0], 1);
	assert_int_equal(p.result[1], 1);
	pair_release(&p);
}

static enum lnl_cert_failure verdict(struct pair *p)
{
	pair_connect(p);
	pair_run(p, SIZE_MAX);
	enum lnl_cert_failure failure = lnl_tls_cert_failure(p->tls[0], NULL);
	assert_int_equal(p->result[0], failure == LNL_CERT_OK ? 1 : LNL_E_CERT);
	pair_disconnect(p);
	return failure;
}

/* New CRLs count for the next session; bad ones change nothing. */
static void crl_is_replaced(void **state)
{
	struct lnl_tls_settings client = usual(false), server = usual(true);
	struct lnl_why why;
	struct pair p;

	(void)state;
	for (unsigned with = 0; with < 2; with++) {
		client.crl = test_blob(with ? pki_crl : NULL);
		pair_configure(&p, &world.env, &client, &server);
		assert_int_equal(verdict(&p), LNL_CERT_OK);
		assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob("junk"), &why),
				 LNL_E_CERT);
		assert_non_null(strstr(why.text, "crl: no CRL in it"));
		assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_twin_crl), &why),
				 LNL_E_CERT);
		assert_int_equal(verdict(&p), LNL_CERT_OK);
		assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_crl_newer), &why),
				 0);
		assert_int_equal(verdict(&p), LNL_CERT_REVOKED);
		assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_twin_crl), &why),
				 LNL_E_CERT);
		assert_int_equal(verdict(&p), LNL_CERT_REVOKED);
		assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_crl_empty), &why),
				 0);
		assert_int_equal(verdict(&p), LNL_CERT_OK);
		assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_crl_stale), &why),
				 0);
		assert_int_equal(verdict(&p), LNL_CERT_CRL);
		pair_release(&p);
	}
}

/* A session that runs keeps running while the CRLs change under it. */
static void crl_is_replaced_in_a_handshake(void **state)
{
	struct lnl_tls_settings client = usual(false), server = usual(true);
	struct pair p;

	(void)state;
	client.crl = test_blob(pki_crl);
	pair_configure(&p, &world.env, &client, &server);
	pair_connect(&p);
	pair_step(&p, 0);
	assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_crl_empty), NULL), 0);
	pair_run(&p, SIZE_MAX);
	assert_int_equal(p.result[0], 1);
	assert_int_equal(lnl_tls_conf_set_crl(p.conf[0], test_blob(pki_crl_newer), NULL), 0);
	uint8_t got[8];
	assert_int_equal(lnl_tls_write(p.tls[0], "x", 1), 0);
	pair_move(&p, 0, SIZE_MAX);
	assert_int_equal(lnl_tls_read(p.tls[1], got, sizeof(got)), 1);
	pair_release(&p);
}

/* What held when the settings were read need not hold a year later, and the other way round. */
static void clock_goes_on(void **state)
{
	static const uint64_t year = 31557600;
	struct lnl_tls_settings client = usual(false), server = usual(true);
	struct pair p;

	(void)state;
	server.cert = test_blob(pki_old_ca_leaf);
	client.ca = test_blob(pki_old_ca);
	world.now = TEST_NOW - 2 * year;
	pair_configure(&p, &world.env, &client, &server);
	assert_int_equal(verdict(&p), LNL_CERT_OK);
	world.now = TEST_NOW;
	assert_int_equal(verdict(&p), LNL_CERT_EXPIRED);
	pair_release(&p);

	server.cert = test_blob(pki_young_ca_leaf);
	client.ca = test_blob(pki_young_ca);
	pair_configure(&p, &world.env, &client, &server);
	assert_int_equal(verdict(&p), LNL_CERT_NOT_YET);
	world.now = TEST_NOW + 2 * year;
	assert_int_equal(verdict(&p), LNL_CERT_OK);
	pair_release(&p);

	server.cert = test_blob(pki_good);
	client.ca = test_blob(pki_ca);
	client.crl = test_blob(pki_crl_soon);
	world.now = TEST_NOW;
	pair_configure(&p, &world.env, &client, &server);
	assert_int_equal(verdict(&p), LNL_CERT_OK);
	world.now = TEST_NOW + year;
	assert_int_equal(verdict(&p), LNL_CERT_CRL);
	pair_release(&p);
}

/* An intermediate that one peer brought must not vouch for the next one's certificate. */
static void chains_are_forgotten(void **state)
{
	struct lnl_tls_settings client = usual(false), server = usual(true), other = usual(true);
	char chain[4096];
	struct lnl_tls_conf *short_of_one;
	struct pair p;

	(void)state;
	strcpy(chain, pki_mid_leaf);
	strcat(chain, pki_mid);
	server.cert = test_blob(chain);
	other.cert = test_blob(pki_mid_leaf);
	pair_configure(&p, &world.env, &client, &server);
	assert_int_equal(lnl_tls_conf_new(&short_of_one, &world.env, &other, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct lnl_tls_conf *whole = p.conf[1];

		assert_int_equal(verdict(&p), LNL_CERT_OK);
		p.conf[1] = short_of_one;
		assert_int_equal(verdict(&p), LNL_CERT_UNTRUSTED);
		p.conf[1] = whole;
	}
	lnl_tls_conf_free(short_of_one);
	pair_release(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(settings, start, stop),
		cmocka_unit_test_setup_teardown(suites_decide, start, stop),
		cmocka_unit_test_setup_teardown(groups_work, start, stop),
		cmocka_unit_test_setup_teardown(group_is_asked_for_again, start, stop),
		cmocka_unit_test_setup_teardown(crl_is_replaced, start, stop),
		cmocka_unit_test_setup_teardown(crl_is_replaced_in_a_handshake, start, stop),
		cmocka_unit_test_setup_teardown(clock_goes_on, start, stop),
		cmocka_unit_test_setup_teardown(chains_are_forgotten, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
