/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS sessions: handshakes of every kind, the exporter, records, and who must show what. */
#include "test_crypto_tls.h"

static void every_kind_connects(void **state)
{
	static const size_t cuts[] = { SIZE_MAX, 1, 1200 };

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		const struct kind *k = &kinds[i / 2];
		enum lnl_tls_version v = i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3;
		struct lnl_tls_settings client = settings_of(k, false);
		struct lnl_tls_settings server = settings_of(k, true);
		struct pair p;

		client.version_max = v;
		server.version_min = v;
		pair_configure(&p, &world.env, &client, &server);
		for (unsigned cut = 0; cut < 3; cut++) {
			connected(&p, cuts[cut]);
			assert_string_equal(lnl_tls_version_name(p.tls[0]),
					    v == LNL_TLS_1_2 ? "TLSv1.2" : "TLSv1.3");
			assert_string_equal(lnl_tls_cipher_name(p.tls[0]),
					    lnl_tls_cipher_name(p.tls[1]));
			assert_int_equal(lnl_tls_chain_len(p.tls[0]), 1);
			assert_string_equal(lnl_tls_chain(p.tls[0], 0)->subject,
					    "C=DE, O=Example, CN=vpn.example.net");
			assert_string_equal(lnl_tls_chain(p.tls[1], 0)->cn, "alice");
			assert_null(lnl_tls_chain(p.tls[0], 1));
			assert_int_equal(lnl_tls_cert_failure(p.tls[0], NULL), LNL_CERT_OK);
			assert_string_equal(lnl_tls_why(p.tls[0]), "");
			exporter_agrees(&p);
			talk(&p, 0);
			talk(&p, 1);
			lnl_tls_chain_drop(p.tls[0]);
			assert_int_equal(lnl_tls_chain_len(p.tls[0]), 0);
			pair_disconnect(&p);
		}
		pair_release(&p);
	}
}

/* The server's side of who must show a certificate. */
static void a2_client_certificates(void **state)
{
	static const struct {
		const char *name, *cert;
		bool none, optional;
		int result;
		enum lnl_cert_failure failure;
	} rows[] = {
		{ "required, shown", pki_client, false, false, 1, LNL_CERT_OK },
		{ "required, not shown", NULL, false, false, LNL_E_CERT, LNL_CERT_MISSING },
		{ "optional, not shown", NULL, false, true, 1, LNL_CERT_OK },
		{ "optional, shown", pki_client, false, true, 1, LNL_CERT_OK },
		{ "optional, revoked", pki_client_revoked, false, true, LNL_E_CERT,
		  LNL_CERT_REVOKED },
		{ "optional, of another CA", pki_other_client, false, true, LNL_E_CERT,
		  LNL_CERT_UNTRUSTED },
		{ "revoked", pki_client_revoked, false, false, LNL_E_CERT, LNL_CERT_REVOKED },
		{ "a server's certificate", pki_good, false, false, LNL_E_CERT, LNL_CERT_EKU },
		{ "of another CA", pki_other_client, false, false, LNL_E_CERT, LNL_CERT_UNTRUSTED },
		{ "not asked for", pki_client, true, false, 1, LNL_CERT_OK },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		enum lnl_tls_version v = i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3;
		unsigned r = i / 2;
		struct lnl_tls_settings client = { .ca = test_blob(pki_ca), .version_max = v };
		struct lnl_tls_settings server = {
			.server = true,
			.ca = test_blob(pki_ca),
			.cert = test_blob(pki_good),
			.key = test_blob(pki_key),
			.crl = test_blob(pki_crl),
			.no_peer_cert = rows[r].none,
			.optional_peer_cert = rows[r].optional,
		};
		struct pair p;

		if (rows[r].cert != NULL) {
			client.cert = test_blob(rows[r].cert);
			client.key = test_blob(pki_key);
		}
		pair_configure(&p, &world.env, &client, &server);
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		if (p.result[1] != rows[r].result)
			print_error("%s, TLS %u: %d %s\n", rows[r].name, v, p.result[1],
				    lnl_tls_why(p.tls[1]));
		assert_int_equal(p.result[1], rows[r].result);
		assert_int_equal(lnl_tls_cert_failure(p.tls[1], NULL), rows[r].failure);
		assert_int_equal(lnl_tls_chain_len(p.tls[1]),
				 rows[r].cert != NULL && !rows[r].none);
		if (rows[r].result != 1 && v == LNL_TLS_1_2)
			assert_non_null(strstr(lnl_tls_why(p.tls[0]), "the peer refused: alert"));
		pair_release(&p);
	}
}

static void a2_too_much_input(void **state)
{
	static const uint8_t junk[65537];
	struct pair p;

	(void)state;
	configure_version(&p, &kinds[1], LNL_TLS_1_3);
	pair_connect(&p);
	assert_int_equal(lnl_tls_input(p.tls[0], junk, sizeof(junk)), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_input(p.tls[0], junk, 65536), 0);
	assert_int_equal(lnl_tls_input(p.tls[0], junk, 1), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_step(p.tls[0]), LNL_E_TLS);
	pair_disconnect(&p);
	connected(&p, SIZE_MAX);
	assert_int_equal(lnl_tls_write(p.tls[0], junk, 16385), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_write(p.tls[0], junk, 0), LNL_E_LIMIT);
	assert_int_equal(lnl_tls_write(p.tls[0], junk, 16384), 0);
	pair_release(&p);
}

/*
 * A client offers no session to resume, no ticket and no early data, the second time as the first.
 */
static void a2_nothing_to_resume(void **state)
{
	uint8_t hello[4096];
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		if (i % 2 == 0)
			configure_version(&p, &kinds[1], i < 2 ? LNL_TLS_1_2 : LNL_TLS_1_3);
		pair_connect(&p);
		pair_step(&p, 0);
		size_t n = lnl_tls_output(p.tls[0], hello, sizeof(hello));
		lnl_tls_input(p.tls[1], hello, n);
		/* Record header 5, message header 4, version 2, random 32. */
		struct lnl_reader r;
		lnl_reader_init(&r, hello + 43, n - 43);
		size_t session = lnl_read_u8(&r);
		/* TLS 1.3 may have a made-up one for old middleboxes. */
		assert_true(session == 0 || i >= 2);
		lnl_read_bytes(&r, session);
		lnl_read_bytes(&r, lnl_read_u16(&r));
		lnl_read_bytes(&r, lnl_read_u8(&r));
		size_t extensions = lnl_read_u16(&r);
		assert_int_equal(extensions, lnl_reader_left(&r));
		while (lnl_reader_left(&r) > 0) {
			unsigned extension = lnl_read_u16(&r);

			lnl_read_bytes(&r, lnl_read_u16(&r));
			assert_int_not_equal(extension, 35);
			assert_int_not_equal(extension, 41);
			assert_int_not_equal(extension, 42);
		}
		assert_int_equal(r.error, 0);
		pair_run(&p, SIZE_MAX);
		assert_int_equal(p.result[1], 1);
		/* A full handshake: certificates went both ways. */
		assert_int_equal(lnl_tls_chain_len(p.tls[0]), 1);
		assert_int_equal(lnl_tls_chain_len(p.tls[1]), 1);
		pair_disconnect(&p);
		if (i % 2 == 1)
			pair_release(&p);
	}
}

static void close_is_said(void **state)
{
	uint8_t got[16];
	struct pair p;

	(void)state;
	for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
		configure_version(&p, &kinds[1], (enum lnl_tls_version)v);
		connected(&p, SIZE_MAX);
		wolfSSL_shutdown(p.tls[1]->ssl);
		pair_move(&p, 1, SIZE_MAX);
		assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), LNL_E_CLOSED);
		assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), LNL_E_CLOSED);
		pair_release(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_kind_connects, start, stop),
		cmocka_unit_test_setup_teardown(a2_client_certificates, start, stop),
		cmocka_unit_test_setup_teardown(a2_too_much_input, start, stop),
		cmocka_unit_test_setup_teardown(a2_nothing_to_resume, start, stop),
		cmocka_unit_test_setup_teardown(close_is_said, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
