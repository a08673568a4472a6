/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keys, certificates and CRLs as `lunel pki` makes them: judged by this room's own TLS, and by the
 * openssl program where there is one.
 */
#include "test_crypto_pair.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/pki.h"
#include "pki/pki.h"

#define DAY UINT64_C(86400)

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

static struct lnl_blob blob(const struct lnl_text *t)
{
	return (struct lnl_blob){ t->data, t->len };
}

/* ---- a whole PKI ---- */

struct pki {
	struct lnl_signer *ca_key, *server_key, *client_key;
	struct lnl_text ca, ca_pem, server, server_pem, client, client_pem, crl;
};

static const struct lnl_san server_names[] = {
	{ false, "vpn.example.net", 15 },
	{ true, "\xc0\x00\x02\x01", 4 },
	{ true, "\xfd\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16 },
};

static void issue(const struct pki *p, enum lnl_cert_role role, const char *cn,
		  const struct lnl_signer *key, struct lnl_text *out)
{
	const struct lnl_cert_request r = {
		.role = role,
		.cn = cn,
		.san = server_names,
		.n_san = role == LNL_CERT_ROLE_SERVER ? 3 : 0,
		.not_before = TEST_NOW - 3600,
		/* A CA's end needs a year of four digits. */
		.not_after = role == LNL_CERT_ROLE_CA ? UINT64_C(2600000000) : TEST_NOW + 825 * DAY,
		.key = key,
		.issuer = p->ca_key,
		.issuer_cert = blob(&p->ca),
	};
	struct lnl_why why = { "" };
	int error = lnl_cert_issue(&r, &world.env, out, &why);

	if (error != 0)
		print_error("%s: %d %s\n", cn, error, why.text);
	assert_int_equal(error, 0);
	assert_int_equal(out->len, strlen(out->data));
}

static void revoke_certs(struct pki *p, const struct lnl_text *const *certs, unsigned n)
{
	struct lnl_revoked list[8] = { { { 0 }, 0, 0 } };
	struct lnl_cert c;
	struct lnl_why why = { "" };
	const struct lnl_crl_request r = {
		.issuer = p->ca_key,
		.issuer_cert = blob(&p->ca),
		.number = 1 + n,
		.this_update = TEST_NOW - 60,
		.next_update = UINT64_C(2600000000),
		.revoked = list,
		.n_revoked = n,
	};

	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(lnl_cert_read_pem(&c, &world.env, blob(certs[i])), 0);
		for (const char *s = c.serial; *s; s += s[2] == ':' ? 3 : 2) {
			char two[3] = { s[0], s[1], '\0' };

			list[i].serial[list[i].serial_len++] = (uint8_t)strtoul(two, NULL, 16);
		}
		assert_int_equal(list[i].serial_len, 16);
		list[i].when = TEST_NOW - 120;
	}
	lnl_text_free(&p->crl, &world.env);
	int error = lnl_crl_issue(&r, &world.env, &p->crl, &why);
	if (error != 0)
		print_error("CRL: %d %s\n", error, why.text);
	assert_int_equal(error, 0);
}

static void make(struct pki *p, enum lnl_key_kind kind)
{
	*p = (struct pki){ 0 };
	assert_int_equal(lnl_signer_generate(&p->ca_key, &world.env, kind), 0);
	assert_int_equal(lnl_signer_generate(&p->server_key, &world.env, kind), 0);
	assert_int_equal(lnl_signer_generate(&p->client_key, &world.env, kind), 0);
	assert_int_equal(lnl_signer_kind(p->client_key), kind);
	assert_int_equal(lnl_signer_pem(p->ca_key, NULL, &p->ca_pem), 0);
	assert_int_equal(lnl_signer_pem(p->server_key, NULL, &p->server_pem), 0);
	assert_int_equal(lnl_signer_pem(p->client_key, NULL, &p->client_pem), 0);
	issue(p, LNL_CERT_ROLE_CA, "Test CA \xc3\xbc", p->ca_key, &p->ca);
	issue(p, LNL_CERT_ROLE_SERVER, "vpn.example.net", p->server_key, &p->server);
	issue(p, LNL_CERT_ROLE_CLIENT, "anna", p->client_key, &p->client);
	revoke_certs(p, NULL, 0);
}

static void unmake(struct pki *p)
{
	lnl_signer_free(p->ca_key);
	lnl_signer_free(p->server_key);
	lnl_signer_free(p->client_key);
	lnl_text_free(&p->ca, &world.env);
	lnl_text_free(&p->ca_pem, &world.env);
	lnl_text_free(&p->server, &world.env);
	lnl_text_free(&p->server_pem, &world.env);
	lnl_text_free(&p->client, &world.env);
	lnl_text_free(&p->client_pem, &world.env);
	lnl_text_free(&p->crl, &world.env);
}

/* ---- judged by our own TLS ---- */

/*
 * A handshake with mutual authentication, both ends asking for everything: what the server says of
 * the client's certificate, and the client of the server's.
 */
static void shake(const struct pki *p, enum lnl_tls_version version,
		  enum lnl_cert_failure of_client, enum lnl_cert_failure of_server)
{
	const struct lnl_tls_settings client = {
		.ca = blob(&p->ca),
		.cert = blob(&p->client),
		.key = blob(&p->client_pem),
		.crl = blob(&p->crl),
		.version_min = version,
		.version_max = version,
		.require_ku = true,
		.eku = LNL_EKU_SERVER,
		.name_check = LNL_NAME_CN,
		.name = "vpn.example.net",
	};
	const struct lnl_tls_settings server = {
		.server = true,
		.ca = blob(&p->ca),
		.cert = blob(&p->server),
		.key = blob(&p->server_pem),
		.crl = blob(&p->crl),
		.version_min = version,
		.version_max = version,
		.require_ku = true,
		.eku = LNL_EKU_CLIENT,
	};
	struct pair pair;

	pair_configure(&pair, &world.env, &client, &server);
	pair_connect(&pair);
	pair_run(&pair, SIZE_MAX);
	assert_int_equal(lnl_tls_cert_failure(pair.tls[1], NULL), of_client);
	assert_int_equal(lnl_tls_cert_failure(pair.tls[0], NULL), of_server);
	if (of_client == LNL_CERT_OK && of_server == LNL_CERT_OK) {
		assert_int_equal(pair.result[0], 1);
		assert_int_equal(pair.result[1], 1);
	} else {
		assert_true(pair.result[0] < 0 || pair.result[1] < 0);
	}
	pair_release(&pair);
}

/* ---- judged by openssl ---- */

static bool has_openssl(void)
{
	return system("command -v openssl >/dev/null") == 0;
}

static void save(const char *folder, const char *name, const struct lnl_text *t)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(t->data, 1, t->len, f), t->len);
	fclose(f);
}

/* The commands, run in a folder with |p|'s files; they must end with the status named. */
static void openssl_judges(const struct pki *p, bool revoked)
{
	static const char *const good[] = {
		"openssl verify -x509_strict -check_ss_sig -purpose sslserver"
		" -attime 1767225600 -CAfile ca.crt server.crt",
		"openssl verify -x509_strict -purpose sslserver -verify_hostname vpn.example.net"
		" -attime 1767225600 -CAfile ca.crt server.crt",
		"openssl verify -x509_strict -purpose sslserver -verify_ip fd00::1"
		" -attime 1767225600 -CAfile ca.crt server.crt",
		"openssl verify -x509_strict -purpose sslclient"
		" -attime 1767225600 -CAfile ca.crt client.crt",
		"openssl verify -x509_strict -check_ss_sig -attime 1767225600"
		" -CAfile ca.crt ca.crt",
		"openssl verify -x509_strict -crl_check -purpose sslserver"
		" -attime 1767225600 -CAfile ca.crt -CRLfile crl.pem server.crt",
		"openssl crl -in crl.pem -CAfile ca.crt -noout 2>&1 | grep -q 'verify OK'",
		"openssl crl -in crl.pem -noout -text | grep -q 'X509v3 CRL Number'",
		"openssl crl -in crl.pem -noout -text | grep -q 'Authority Key Identifier'",
		"openssl x509 -in ca.crt -noout -text | grep -q 'Basic Constraints: critical'",
		"for n in ca server client; do openssl pkey -in $n.key -check -noout; done",
		"for n in ca server client; do test \"$(openssl pkey -in $n.key -pubout)\" ="
		" \"$(openssl x509 -in $n.crt -noout -pubkey)\" || exit 1; done",
	};
	static const char *const bad[] = {
		"openssl verify -purpose sslclient -attime 1767225600 -CAfile ca.crt server.crt",
		"openssl verify -purpose sslserver -attime 1767225600 -CAfile ca.crt client.crt",
		"openssl verify -attime 1900000000 -CAfile ca.crt server.crt",
	};
	const char *client_by_crl =
		"openssl verify -x509_strict -crl_check -purpose sslclient"
		" -attime 1767225600 -CAfile ca.crt -CRLfile crl.pem client.crt";
	char folder[] = "/tmp/lunel-pki-XXXXXX", command[512];

	assert_non_null(mkdtemp(folder));
	save(folder, "ca.crt", &p->ca);
	save(folder, "ca.key", &p->ca_pem);
	save(folder, "server.crt", &p->server);
	save(folder, "server.key", &p->server_pem);
	save(folder, "client.crt", &p->client);
	save(folder, "client.key", &p->client_pem);
	save(folder, "crl.pem", &p->crl);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(command, sizeof(command),
			 "cd %s && { %s; } >out 2>&1 || { cat out; false; }", folder, good[i]);
		if (system(command) != 0)
			fail_msg("%s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(command, sizeof(command), "cd %s && %s >out 2>&1", folder, bad[i]);
		if (system(command) == 0)
			fail_msg("%s", bad[i]);
	}
	snprintf(command, sizeof(command), "cd %s && %s >out 2>&1", folder, client_by_crl);
	assert_int_equal(system(command) != 0, revoked);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	assert_int_equal(system(command), 0);
}

static void judge(enum lnl_key_kind kind)
{
	struct pki p;
	const struct lnl_text *revoked[2];

	make(&p, kind);
	shake(&p, LNL_TLS_1_2, LNL_CERT_OK, LNL_CERT_OK);
	shake(&p, LNL_TLS_1_3, LNL_CERT_OK, LNL_CERT_OK);
	if (has_openssl())
		openssl_judges(&p, false);
	revoked[0] = &p.client;
	revoke_certs(&p, revoked, 1);
	shake(&p, LNL_TLS_1_2, LNL_CERT_REVOKED, LNL_CERT_OK);
	shake(&p, LNL_TLS_1_3, LNL_CERT_REVOKED, LNL_CERT_OK);
	if (has_openssl())
		openssl_judges(&p, true);
	revoked[1] = &p.server;
	revoke_certs(&p, revoked, 2);
	shake(&p, LNL_TLS_1_3, LNL_CERT_OK, LNL_CERT_REVOKED);
	unmake(&p);
}

static void test_ec(void **state)
{
	(void)state;
	judge(LNL_KEY_EC);
}

static void test_ed25519(void **state)
{
	(void)state;
	judge(LNL_KEY_ED25519);
}

static void test_rsa(void **state)
{
	(void)state;
	judge(LNL_KEY_RSA2048);
}

/* ---- what a certificate says ---- */

static void test_facts(void **state)
{
	struct lnl_cert ca, server, client, again;
	struct lnl_text text;
	struct pki p;

	(void)state;
	make(&p, LNL_KEY_EC);
	assert_int_equal(lnl_cert_read_pem(&ca, &world.env, blob(&p.ca)), 0);
	assert_int_equal(lnl_cert_read_pem(&server, &world.env, blob(&p.server)), 0);
	assert_int_equal(lnl_cert_read_pem(&client, &world.env, blob(&p.client)), 0);
	assert_true(ca.is_ca && !server.is_ca && !client.is_ca);
	assert_int_equal(ca.ku, 0x06);
	assert_int_equal(server.ku, 0x88);
	assert_int_equal(client.ku, 0x80);
	assert_false(ca.has_eku);
	assert_int_equal(server.eku, LNL_EKU_SERVER);
	assert_int_equal(client.eku, LNL_EKU_CLIENT);
	assert_string_equal(client.subject, "CN=anna");
	assert_string_equal(client.issuer, server.issuer);
	assert_int_equal(client.not_before, TEST_NOW - 3600);
	assert_int_equal(client.not_after, TEST_NOW + 825 * DAY);
	assert_int_equal(ca.not_after, UINT64_C(2600000000));
	assert_int_equal(server.n_san, 3);
	assert_string_equal(server.san[0], "DNS:vpn.example.net");
	assert_string_equal(server.san[1], "IP:192.0.2.1");
	assert_int_equal(client.n_san, 0);
	/* 16 bytes as pairs, positive, and another each time. */
	issue(&p, LNL_CERT_ROLE_CLIENT, "anna", p.client_key, &text);
	assert_int_equal(lnl_cert_read_pem(&again, &world.env, blob(&text)), 0);
	assert_int_equal(strlen(client.serial), 16 * 3 - 1);
	assert_true(client.serial[0] >= '4' && client.serial[0] <= '7');
	assert_string_not_equal(client.serial, again.serial);
	lnl_text_free(&text, &world.env);
	unmake(&p);
}

/* ---- keys ---- */

static void test_key_kinds(void **state)
{
	static const struct {
		const char *name;
		enum lnl_key_kind kind;
	} rows[] = { { "ec", LNL_KEY_EC },
		     { "ed25519", LNL_KEY_ED25519 },
		     { "rsa2048", LNL_KEY_RSA2048 },
		     { "rsa3072", LNL_KEY_RSA3072 },
		     { "rsa4096", LNL_KEY_RSA4096 } };
	enum lnl_key_kind kind;
	struct lnl_why why;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_signer *made, *read;
		struct lnl_text pem, again;

		assert_int_equal(lnl_key_kind_find(rows[i].name, &kind), 0);
		assert_int_equal(kind, rows[i].kind);
		assert_string_equal(lnl_key_kind_name(kind), rows[i].name);
		assert_int_equal(lnl_signer_generate(&made, &world.env, kind), 0);
		assert_int_equal(lnl_signer_pem(made, NULL, &pem), 0);
		assert_non_null(strstr(pem.data, "-----BEGIN PRIVATE KEY-----"));
		assert_int_equal(lnl_signer_read(&read, &world.env, blob(&pem), &why), 0);
		assert_int_equal(lnl_signer_kind(read), kind);
		assert_int_equal(lnl_signer_pem(read, NULL, &again), 0);
		assert_string_equal(pem.data, again.data);
		lnl_text_free(&pem, &world.env);
		lnl_text_free(&again, &world.env);
		lnl_signer_free(made);
		lnl_signer_free(read);
	}
	assert_int_equal(lnl_key_kind_find("dsa", &kind), LNL_E_NOTFOUND);
	assert_int_equal(lnl_key_kind_find("", &kind), LNL_E_NOTFOUND);
}

/* An encrypted key opens with its password and no other, here and in openssl. */
static void check_encrypted(enum lnl_key_kind kind, size_t n)
{
	static const char *const passwords[] = {
		"s",
		"correct horse battery staple",
		"0123456789012345678901234567890123456789012345678901234567890123456789012345678",
	};
	struct lnl_signer *read;
	struct lnl_why why = { "" };
	struct pki p;

	make(&p, kind);
	for (size_t i = 0; i < n; i++) {
		struct lnl_text pem;
		struct lnl_tls_conf *conf;
		struct lnl_tls_settings s = { .ca = blob(&p.ca), .cert = blob(&p.client) };
		char command[512];

		assert_int_equal(lnl_signer_pem(p.client_key, passwords[i], &pem), 0);
		assert_non_null(strstr(pem.data, "-----BEGIN ENCRYPTED PRIVATE KEY-----"));
		s.key = blob(&pem);
		s.password = passwords[i];
		int error = lnl_tls_conf_new(&conf, &world.env, &s, &why);
		if (error != 0)
			print_error("%s\n", why.text);
		assert_int_equal(error, 0);
		lnl_tls_conf_free(conf);
		s.password = "wrong";
		assert_int_equal(lnl_tls_conf_new(&conf, &world.env, &s, &why), LNL_E_PASSWORD);
		assert_int_equal(lnl_signer_read(&read, &world.env, blob(&pem), &why),
				 LNL_E_PASSWORD);
		if (has_openssl()) {
			char folder[] = "/tmp/lunel-pki-XXXXXX";

			assert_non_null(mkdtemp(folder));
			save(folder, "key", &pem);
			snprintf(
				command, sizeof(command),
				"openssl pkey -in %s/key -noout -passin 'pass:%s'; s=$?; rm -r %s; exit $s",
				folder, passwords[i], folder);
			assert_int_equal(system(command), 0);
		}
		lnl_text_free(&pem, &world.env);
	}
	unmake(&p);
}

static void test_encrypted_ec(void **state)
{
	(void)state;
	check_encrypted(LNL_KEY_EC, 3);
}

/* Its PKCS#8 has a whole number of blocks: a block of padding has to follow all the same. */
static void test_encrypted_ed25519(void **state)
{
	(void)state;
	check_encrypted(LNL_KEY_ED25519, 1);
}

/* Keys that others made: other forms, other curves, private halves alone. */
static void test_foreign_keys(void **state)
{
	static const struct {
		const char *command;
		enum lnl_key_kind kind;
	} rows[] = {
		{ "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256", LNL_KEY_EC },
		{ "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384", LNL_KEY_EC },
		{ "openssl ecparam -name prime256v1 -genkey -noout", LNL_KEY_EC },
		{ "openssl ecparam -name prime256v1 -genkey -noout | openssl ec -no_public",
		  LNL_KEY_EC },
		{ "openssl genpkey -algorithm ED25519", LNL_KEY_ED25519 },
		{ "openssl genrsa -traditional 2048", LNL_KEY_RSA2048 },
		{ "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2560", LNL_KEY_RSA3072 },
	};

	(void)state;
	if (!has_openssl())
		skip();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char command[256], text[8192];
		struct lnl_signer *s;
		struct lnl_text cert;
		struct lnl_why why = { "" };
		struct pki p = { 0 };
		FILE *f;

		snprintf(command, sizeof(command), "{ %s; } 2>/dev/null", rows[i].command);
		f = popen(command, "r");
		assert_non_null(f);
		size_t n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = '\0';
		assert_int_equal(pclose(f), 0);
		int error = lnl_signer_read(&s, &world.env, test_blob(text), &why);
		if (error != 0)
			fail_msg("%s: %s", rows[i].command, why.text);
		assert_int_equal(lnl_signer_kind(s), rows[i].kind);
		/* It signs its own. */
		issue(&p, LNL_CERT_ROLE_CA, "CA", s, &cert);
		p.ca_key = s;
		p.ca = cert;
		revoke_certs(&p, NULL, 0);
		lnl_text_free(&p.crl, &world.env);
		lnl_text_free(&cert, &world.env);
		lnl_signer_free(s);
	}
}

static void test_bad_keys(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "", LNL_E_KEY },
		{ "no PEM", LNL_E_KEY },
		{ pki_ca, LNL_E_KEY },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", LNL_E_KEY },
		{ "-----BEGIN PRIVATE KEY-----\n\n-----END PRIVATE KEY-----\n", LNL_E_KEY },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		  LNL_E_PASSWORD },
	};
	struct lnl_signer *s;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_why why = { "" };

		assert_int_equal(lnl_signer_read(&s, &world.env, test_blob(rows[i].text), &why),
				 rows[i].error);
		assert_null(s);
		assert_true(why.text[0] != '\0');
	}
}

/* ---- what is refused ---- */

static const int bad_requests[] = { LNL_E_INVAL, LNL_E_INVAL, LNL_E_INVAL, LNL_E_INVAL, LNL_E_CERT,
				    LNL_E_CERT,	 LNL_E_CERT,  LNL_E_KEY,   LNL_E_KEY };

static void test_bad_requests(void **state)
{
	static const char long_name[] = "0123456789012345678901234567890123456789"
					"0123456789012345678901234";
	struct lnl_text out;
	struct lnl_why why;
	struct pki p, other;

	(void)state;
	make(&p, LNL_KEY_EC);
	make(&other, LNL_KEY_EC);
	const struct lnl_cert_request fine = {
		.role = LNL_CERT_ROLE_CLIENT,
		.cn = "anna",
		.not_before = TEST_NOW,
		.not_after = TEST_NOW + 1,
		.key = p.client_key,
		.issuer = p.ca_key,
		.issuer_cert = blob(&p.ca),
	};
	struct lnl_cert_request rows[9];
	for (unsigned i = 0; i < 9; i++)
		rows[i] = fine;
	rows[0].cn = "";
	rows[1].cn = long_name;
	rows[2].cn = "an\nna";
	rows[3].not_after = TEST_NOW;
	rows[4].issuer_cert = blob(&p.server);
	rows[5].issuer_cert = test_blob("nothing");
	rows[6].issuer_cert = blob(&p.ca_pem);
	rows[7].issuer_cert = blob(&other.ca);
	rows[8].issuer = p.client_key;
	for (unsigned i = 0; i < 9; i++) {
		why.text[0] = '\0';
		assert_int_equal(lnl_cert_issue(&rows[i], &world.env, &out, &why), bad_requests[i]);
		assert_null(out.data);
		assert_true(why.text[0] != '\0');
	}
	assert_int_equal(lnl_cert_issue(&fine, &world.env, &out, &why), 0);
	lnl_text_free(&out, &world.env);
	unmake(&p);
	unmake(&other);
}

static void test_bad_lists(void **state)
{
	const struct lnl_revoked negative = { { 0x80 }, 1, TEST_NOW };
	const struct lnl_revoked empty = { { 0 }, 0, TEST_NOW };
	struct lnl_text out;
	struct lnl_why why;
	struct pki p;

	(void)state;
	make(&p, LNL_KEY_EC);
	struct lnl_crl_request crl = { .issuer = p.ca_key,
				       .issuer_cert = blob(&p.ca),
				       .this_update = TEST_NOW,
				       .next_update = TEST_NOW + 1,
				       .n_revoked = 1,
				       .revoked = &negative };
	assert_int_equal(lnl_crl_issue(&crl, &world.env, &out, &why), LNL_E_INVAL);
	crl.revoked = &empty;
	assert_int_equal(lnl_crl_issue(&crl, &world.env, &out, &why), LNL_E_INVAL);
	crl.n_revoked = 0;
	crl.next_update = TEST_NOW;
	assert_int_equal(lnl_crl_issue(&crl, &world.env, &out, &why), LNL_E_INVAL);
	crl.next_update++;
	crl.issuer = p.server_key;
	assert_int_equal(lnl_crl_issue(&crl, &world.env, &out, &why), LNL_E_KEY);
	/* The twin. */
	crl.issuer = p.ca_key;
	assert_int_equal(lnl_crl_issue(&crl, &world.env, &out, &why), 0);
	lnl_text_free(&out, &world.env);
	unmake(&p);
}

/* A list of thousands, the last of whom counts, too. */
static void test_long_list(void **state)
{
	enum { N = 5000 };
	struct lnl_revoked *list = calloc(N, sizeof(*list));
	struct lnl_cert c;
	struct lnl_why why = { "" };
	struct pki p;

	(void)state;
	make(&p, LNL_KEY_EC);
	for (unsigned i = 0; i < N; i++) {
		world.env.random(&world, list[i].serial, LNL_SERIAL_MAX);
		list[i].serial[0] &= 0x7f;
		list[i].serial_len = LNL_SERIAL_MAX;
		list[i].when = UINT64_C(2550000000);
	}
	assert_int_equal(lnl_cert_read_pem(&c, &world.env, blob(&p.client)), 0);
	const char *s = c.serial;
	for (unsigned i = 0; i < 16; i++, s += 3)
		list[N - 1].serial[i] = (uint8_t)strtoul((char[]){ s[0], s[1], 0 }, NULL, 16);
	list[N - 1].serial_len = 16;
	const struct lnl_crl_request r = { .issuer = p.ca_key,
					   .issuer_cert = blob(&p.ca),
					   .number = UINT64_MAX,
					   .this_update = TEST_NOW,
					   .next_update = TEST_NOW + DAY,
					   .revoked = list,
					   .n_revoked = N };
	lnl_text_free(&p.crl, &world.env);
	assert_int_equal(lnl_crl_issue(&r, &world.env, &p.crl, &why), 0);
	shake(&p, LNL_TLS_1_3, LNL_CERT_REVOKED, LNL_CERT_OK);
	unmake(&p);
	free(list);
}

/* Memory that runs out anywhere is an error, and nothing stays behind. */
static void test_no_memory(void **state)
{
	struct lnl_signer *s;
	struct lnl_text out;
	struct lnl_why why;
	struct pki p;

	(void)state;
	make(&p, LNL_KEY_EC);
	const struct lnl_cert_request r = {
		.role = LNL_CERT_ROLE_CLIENT,
		.cn = "anna",
		.not_before = TEST_NOW,
		.not_after = TEST_NOW + 1,
		.key = p.client_key,
		.issuer = p.ca_key,
		.issuer_cert = blob(&p.ca),
	};
	for (unsigned step = 0; step < 4; step++) {
		for (unsigned n = 1;; n++) {
			unsigned live = world.live;
			int error;

			world.fail_at = world.allocations + n;
			if (step == 0)
				error = lnl_signer_generate(&s, &world.env, LNL_KEY_EC);
			else if (step == 1)
				error = lnl_signer_read(&s, &world.env, blob(&p.ca_pem), &why);
			else if (step == 2)
				error = lnl_signer_pem(p.ca_key, "secret", &out);
			else
				error = lnl_cert_issue(&r, &world.env, &out, &why);
			world.fail_at = 0;
			if (error == 0)
				break;
			assert_int_equal(error, LNL_E_NOMEM);
			assert_int_equal(world.live, live);
		}
		if (step < 2)
			lnl_signer_free(s);
		else
			lnl_text_free(&out, &world.env);
	}
	world.no_random = true;
	assert_int_equal(lnl_cert_issue(&r, &world.env, &out, &why), LNL_E_RANDOM);
	assert_int_equal(lnl_signer_pem(p.ca_key, "secret", &out), LNL_E_RANDOM);
	assert_int_equal(lnl_signer_generate(&s, &world.env, LNL_KEY_EC), LNL_E_RANDOM);
	world.no_random = false;
	unmake(&p);
}

/* The private half of a key lies in no memory that was given back. */
static void test_secrets_wiped(void **state)
{
	struct lnl_signer *s, *read;
	struct lnl_text pem, sealed;
	struct lnl_why why;
	uint8_t secret[16];

	(void)state;
	assert_int_equal(lnl_signer_generate(&s, &world.env, LNL_KEY_ED25519), 0);
	assert_int_equal(lnl_signer_pem(s, NULL, &pem), 0);
	/* As text: the base64 of what is behind the 16 bytes of header. */
	memcpy(secret, pem.data + 28 + 24, sizeof(secret));
	world.secret = secret;
	world.leaks = 0;
	assert_int_equal(lnl_signer_read(&read, &world.env, blob(&pem), &why), 0);
	assert_int_equal(lnl_signer_pem(read, "secret", &sealed), 0);
	lnl_signer_free(read);
	lnl_signer_free(s);
	lnl_text_free(&sealed, &world.env);
	lnl_text_free(&pem, &world.env);
	assert_int_equal(world.leaks, 0);
	world.secret = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ec, start, stop),
		cmocka_unit_test_setup_teardown(test_ed25519, start, stop),
		cmocka_unit_test_setup_teardown(test_rsa, start, stop),
		cmocka_unit_test_setup_teardown(test_facts, start, stop),
		cmocka_unit_test_setup_teardown(test_key_kinds, start, stop),
		cmocka_unit_test_setup_teardown(test_encrypted_ec, start, stop),
		cmocka_unit_test_setup_teardown(test_encrypted_ed25519, start, stop),
		cmocka_unit_test_setup_teardown(test_foreign_keys, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_keys, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_requests, start, stop),
		cmocka_unit_test_setup_teardown(test_bad_lists, start, stop),
		cmocka_unit_test_setup_teardown(test_long_list, start, stop),
		cmocka_unit_test_setup_teardown(test_no_memory, start, stop),
		cmocka_unit_test_setup_teardown(test_secrets_wiped, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
