/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Own certificate and key in every wrapping, with the right, a wrong and no password. */
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

/* What lnl_tls_conf_new says to a client with |s|; the text must name |text|. */
static int configure(const struct lnl_tls_settings *s, const char *text)
{
	struct lnl_tls_conf *conf = NULL;
	struct lnl_why why;
	int error = lnl_tls_conf_new(&conf, &world.env, s, &why);

	if (strstr(why.text, text) == NULL) {
		print_error("%d: \"%s\"\n", error, why.text);
		fail();
	}
	assert_int_equal(conf == NULL, error != 0);
	lnl_tls_conf_free(conf);
	return error;
}

static const struct {
	const char *name, *cert, *key;
} encrypted[] = {
	{ "EC, PKCS#8, AES", pki_good, pki_ec_pkcs8_aes },
	{ "EC, PKCS#8, 3DES of PKCS#12", pki_good, pki_ec_pkcs8_3des },
	{ "EC, PKCS#8, 3DES of PBES2", pki_good, pki_ec_pkcs8_des3v2 },
	{ "EC, DEK-Info, AES-256", pki_good, pki_ec_legacy_aes256cbc },
	{ "EC, DEK-Info, AES-128", pki_good, pki_ec_legacy_aes128cbc },
	{ "EC, DEK-Info, 3DES", pki_good, pki_ec_legacy_des3 },
	{ "RSA, PKCS#8, AES", pki_wrap_rsa_cert, pki_rsa_pkcs8_aes },
	{ "RSA, PKCS#8, 3DES of PKCS#12", pki_wrap_rsa_cert, pki_rsa_pkcs8_3des },
	{ "RSA, PKCS#8, 3DES of PBES2", pki_wrap_rsa_cert, pki_rsa_pkcs8_des3v2 },
	{ "RSA, DEK-Info, AES-256", pki_wrap_rsa_cert, pki_rsa_legacy_aes256cbc },
	{ "RSA, DEK-Info, AES-128", pki_wrap_rsa_cert, pki_rsa_legacy_aes128cbc },
	{ "RSA, DEK-Info, 3DES", pki_wrap_rsa_cert, pki_rsa_legacy_des3 },
	{ "Ed25519, PKCS#8, AES", pki_wrap_ed_cert, pki_ed_pkcs8_aes },
	{ "Ed25519, PKCS#8, 3DES of PKCS#12", pki_wrap_ed_cert, pki_ed_pkcs8_3des },
};

static void encrypted_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(encrypted) / sizeof(encrypted[0]); i++) {
		struct lnl_tls_settings s = {
			.ca = test_blob(pki_ca),
			.cert = test_blob(encrypted[i].cert),
			.key = test_blob(encrypted[i].key),
		};

		s.password = "secret";
		if (configure(&s, "") != 0)
			print_error("%s\n", encrypted[i].name);
		assert_int_equal(configure(&s, ""), 0);
		s.password = NULL;
		assert_int_equal(configure(&s, "key: encrypted, and no password given"),
				 LNL_E_PASSWORD);
		s.password = "";
		assert_int_equal(configure(&s, "no password given"), LNL_E_PASSWORD);
		/* Many wrong ones: one in 256 has padding that looks right. */
		for (unsigned wrong = 0; wrong < 300; wrong++) {
			char password[] = "secre00";

			password[5] = (char)('a' + wrong % 20);
			password[6] = (char)('a' + wrong / 20);
			s.password = password;
			/* Key stretching makes a try dear: a few are enough there. */
			if (strstr(encrypted[i].name, "PKCS#8") != NULL && wrong % 100 != 0)
				continue;
			assert_int_equal(configure(&s, "key: wrong password"), LNL_E_PASSWORD);
		}
	}
}

/* A server may refuse them without a word: the warning is all that its user will see. */
static void out_of_date(void **state)
{
	static const struct {
		int64_t years; /* from now */
		const char *text;
	} rows[] = {
		{ 0, "" },
		{ 200, "our certificate has expired: " },
		{ -50, "our certificate is not yet valid: " },
	};
	struct lnl_tls_settings s = {
		.ca = test_blob(pki_ca),
		.cert = test_blob(pki_ed_client),
		.key = test_blob(pki_ed_key),
	};
	uint64_t now = world.now;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_tls_conf *conf = NULL;
		struct lnl_why why;

		world.now = now + (uint64_t)(rows[i].years * 31557600);
		assert_int_equal(lnl_tls_conf_new(&conf, &world.env, &s, &why), 0);
		lnl_tls_conf_free(conf);
		assert_memory_equal(why.text, rows[i].text, strlen(rows[i].text));
		assert_int_equal(why.text[0] == '\0', rows[i].text[0] == '\0');
	}
	world.now = now;
}

static void long_password(void **state)
{
	char password[200];
	struct lnl_tls_settings s = {
		.ca = test_blob(pki_ca),
		.cert = test_blob(pki_good),
		.key = test_blob(pki_ec_pkcs8_aes),
		.password = password,
	};

	(void)state;
	memset(password, 'x', sizeof(password));
	password[sizeof(password) - 1] = '\0';
	assert_int_equal(configure(&s, "passwords above"), LNL_E_PASSWORD);
}

static void open_keys(void **state)
{
	static const struct {
		const char *name, *cert, *key;
		int error;
		const char *text;
	} rows[] = {
		{ "PKCS#8", pki_good, pki_key, 0, "" },
		{ "SEC1", pki_good, pki_key_sec1, 0, "" },
		{ "PKCS#1", pki_wrap_rsa_cert, pki_wrap_rsa_pkcs1, 0, "" },
		{ "Ed25519", pki_ed_client, pki_ed_key, 0, "" },
		{ "P-384", pki_p384_client, pki_p384_key, 0, "" },
		{ "another key of the kind", pki_good, pki_other_key, LNL_E_KEY,
		  "key: the private key does not fit the certificate" },
		{ "a key of another kind", pki_good, pki_wrap_rsa_pkcs1, LNL_E_KEY, "key: " },
		{ "a key of another kind", pki_wrap_rsa_cert, pki_key, LNL_E_KEY, "key: " },
		{ "a key of another kind", pki_ed_client, pki_key, LNL_E_KEY, "key: " },
		{ "a certificate as key", pki_good, pki_good, LNL_E_KEY,
		  "key: no private key in it" },
		{ "a key as certificate", pki_key, pki_key, LNL_E_CERT,
		  "cert: no certificate in it" },
		{ "no key", pki_good, NULL, LNL_E_KEY, "cert: no key for it" },
		{ "no certificate", NULL, pki_key, LNL_E_KEY, "key: no cert for it" },
		{ "empty key", pki_good, "", LNL_E_KEY, "key: no private key in it" },
		{ "noise", pki_good,
		  "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", LNL_E_KEY,
		  "key: " },
		{ "no base64", pki_good,
		  "-----BEGIN PRIVATE KEY-----\n!!!\n-----END PRIVATE KEY-----\n", LNL_E_KEY,
		  "key: " },
		{ "noise as certificate",
		  "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", pki_key,
		  LNL_E_CERT, "cert: " },
		{ "neither", NULL, NULL, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_tls_settings s = {
			.ca = test_blob(pki_ca),
			.cert = test_blob(rows[i].cert),
			.key = test_blob(rows[i].key),
		};
		int error = configure(&s, rows[i].text);

		if (error != rows[i].error)
			print_error("%s (%zu): %d\n", rows[i].name, i, error);
		assert_int_equal(error, rows[i].error);
	}
}

/* Every cut of a key and of a certificate: refused, nothing read behind the end. */
static void truncated(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < strlen(pki_key) - 1; cut++) {
		char *copy = malloc(strlen(pki_key) - cut);
		struct lnl_tls_settings s = { .ca = test_blob(pki_ca),
					      .cert = test_blob(pki_good) };

		memcpy(copy, pki_key, strlen(pki_key) - cut);
		s.key = (struct lnl_blob){ copy, strlen(pki_key) - cut };
		/* Without the line's end, the last dashes still close the block. */
		assert_int_equal(configure(&s, ""), cut == 1 ? 0 : LNL_E_KEY);
		free(copy);
	}
	for (size_t cut = 1; cut < strlen(pki_good) - 1; cut++) {
		char *copy = malloc(strlen(pki_good) - cut);
		struct lnl_tls_settings s = { .ca = test_blob(pki_ca), .key = test_blob(pki_key) };

		memcpy(copy, pki_good, strlen(pki_good) - cut);
		s.cert = (struct lnl_blob){ copy, strlen(pki_good) - cut };
		assert_int_equal(configure(&s, ""), cut == 1 ? 0 : LNL_E_CERT);
		free(copy);
	}
}

#define BUNDLE(p12)                                                                                \
	{                                                                                          \
		(const char *)(p12), sizeof(p12)                                                   \
	}

static void pkcs12(void **state)
{
	static const struct {
		const char *name;
		struct lnl_blob file;
		const char *password;
		int error;
		const char *text;
	} rows[] = {
		{ "AES", BUNDLE(pki_ec_p12), "secret", 0, "" },
		{ "AES", BUNDLE(pki_rsa_p12), "secret", 0, "" },
		{ "AES", BUNDLE(pki_ed_p12), "secret", 0, "" },
		{ "3DES", BUNDLE(pki_rsa_p12_3des), "secret", 0, "" },
		{ "RC2", BUNDLE(pki_rsa_p12_rc2), "secret", 0, "" },
		{ "empty password", BUNDLE(pki_rsa_p12_open), NULL, 0, "" },
		{ "empty password", BUNDLE(pki_rsa_p12_open), "", 0, "" },
		{ "empty password, given one", BUNDLE(pki_rsa_p12_open), "x", LNL_E_PASSWORD,
		  "pkcs12: wrong password" },
		{ "wrong", BUNDLE(pki_ec_p12), "Secret", LNL_E_PASSWORD, "pkcs12: wrong password" },
		{ "wrong", BUNDLE(pki_rsa_p12_3des), "secret1", LNL_E_PASSWORD, "wrong password" },
		{ "wrong", BUNDLE(pki_rsa_p12_rc2), "secre", LNL_E_PASSWORD, "wrong password" },
		{ "missing", BUNDLE(pki_ec_p12), NULL, LNL_E_PASSWORD, "no password given" },
		{ "PEM",
		  { pki_good, sizeof(pki_good) },
		  "secret",
		  LNL_E_KEY,
		  "pkcs12: not a PKCS#12 file" },
		{ "empty", { "", 0 }, "secret", LNL_E_KEY, "not a PKCS#12 file" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_tls_settings s = { .pkcs12 = rows[i].file,
					      .password = rows[i].password };
		int error = configure(&s, rows[i].text);

		if (error != rows[i].error)
			print_error("%s (%zu): %d\n", rows[i].name, i, error);
		assert_int_equal(error, rows[i].error);
	}
}

/* The bundle's CA is trusted when `ca` is not given, and is not when it is. */
static void pkcs12_connects(void **state)
{
	(void)state;
	for (unsigned with_ca = 0; with_ca < 2; with_ca++) {
		struct lnl_tls_settings client = {
			.pkcs12 = BUNDLE(pki_ec_p12),
			.password = "secret",
			.ca = test_blob(with_ca ? pki_other_ca : NULL),
		};
		struct lnl_tls_settings server = {
			.server = true,
			.no_peer_cert = true,
			.cert = test_blob(pki_good),
			.key = test_blob(pki_key),
		};
		struct pair p;

		pair_configure(&p, &world.env, &client, &server);
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		assert_int_equal(p.result[0], with_ca ? LNL_E_CERT : 1);
		pair_release(&p);
	}
}

/* Any cut and any byte changed: refused or, where it does not matter, taken; never a crash. */
static void pkcs12_mutants(void **state)
{
	uint8_t *copy = malloc(sizeof(pki_ec_p12));

	(void)state;
	for (size_t i = 0; i < sizeof(pki_ec_p12); i += 7) {
		struct lnl_tls_settings s = { .password = "secret" };
		struct lnl_tls_conf *conf;
		struct lnl_why why;

		memcpy(copy, pki_ec_p12, sizeof(pki_ec_p12));
		copy[i] ^= 0x55;
		s.pkcs12 = (struct lnl_blob){ (const char *)copy, sizeof(pki_ec_p12) };
		if (lnl_tls_conf_new(&conf, &world.env, &s, &why) == 0)
			lnl_tls_conf_free(conf);
		s.pkcs12 = (struct lnl_blob){ (const char *)pki_ec_p12, i };
		assert_true(lnl_tls_conf_new(&conf, &world.env, &s, &why) < 0);
	}
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(encrypted_keys, start, stop),
		cmocka_unit_test_setup_teardown(out_of_date, start, stop),
		cmocka_unit_test_setup_teardown(long_password, start, stop),
		cmocka_unit_test_setup_teardown(open_keys, start, stop),
		cmocka_unit_test_setup_teardown(truncated, start, stop),
		cmocka_unit_test_setup_teardown(pkcs12, start, stop),
		cmocka_unit_test_setup_teardown(pkcs12_connects, start, stop),
		cmocka_unit_test_setup_teardown(pkcs12_mutants, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
