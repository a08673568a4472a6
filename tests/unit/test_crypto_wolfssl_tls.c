/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * TLS sessions: handshakes of every kind, the exporter, records, and what must be refused (A2, A5).
 */
#include "test_crypto_pair.h"

#include "crypto/wolfssl_tls.h"
#include "pki/pki.h"
#include "test_crypto_liar.h"

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

static const struct kind {
	const char *name, *ca, *server, *client, *key;
} kinds[] = {
	{ "RSA", pki_rsa_ca, pki_rsa_server, pki_rsa_client, pki_rsa_key },
	{ "P-256", pki_p256_ca, pki_p256_server, pki_p256_client, pki_p256_key },
	{ "P-384", pki_p384_ca, pki_p384_server, pki_p384_client, pki_p384_key },
	{ "Ed25519", pki_ed_ca, pki_ed_server, pki_ed_client, pki_ed_key },
};

static struct lnl_tls_settings settings_of(const struct kind *k, bool server)
{
	return (struct lnl_tls_settings){
		.server = server,
		.ca = test_blob(k->ca),
		.cert = test_blob(server ? k->server : k->client),
		.key = test_blob(k->key),
	};
}

static void connected(struct pair *p, size_t cut)
{
	pair_connect(p);
	pair_run(p, cut);
	if (p->result[0] != 1 || p->result[1] != 1)
		print_error("client: %s\nserver: %s\n", lnl_tls_why(p->tls[0]),
			    lnl_tls_why(p->tls[1]));
	assert_int_equal(p->result[0], 1);
	assert_int_equal(p->result[1], 1);
}

/* The same keying material at both ends, another one for another label. */
static void exporter_agrees(struct pair *p)
{
	static const char *const labels[] = { "EXPORTER-OpenVPN-datakeys",
					      "EXPORTER-OpenVPN-dynamic-tls-crypt" };
	uint8_t keys[2][2][256];

	for (unsigned end = 0; end < 2; end++) {
		for (unsigned i = 0; i < 2; i++)
			assert_int_equal(lnl_tls_export(p->tls[end], labels[i], keys[end][i], 256),
					 0);
		lnl_tls_exported(p->tls[end]);
		assert_int_equal(lnl_tls_export(p->tls[end], labels[0], keys[end][0], 256),
				 LNL_E_STATE);
	}
	for (unsigned i = 0; i < 2; i++)
		assert_memory_equal(keys[0][i], keys[1][i], 256);
	assert_memory_not_equal(keys[0][0], keys[0][1], 256);
}

/* Messages of several sizes from |from|, each one record, read whole. */
static void talk(struct pair *p, unsigned from)
{
	static const size_t sizes[] = { 1, 2, 255, 2048, 16384 };
	static uint8_t sent[16384], got[16384], records[20000];

	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(sent, (int)i + 1, sizeof(sent));
		assert_int_equal(lnl_tls_write(p->tls[from], sent, sizes[i]), 0);
		size_t n = lnl_tls_output(p->tls[from], records, sizeof(records));
		/* One record: its header tells the length of all that came. */
		assert_int_equal(records[0], 23);
		assert_int_equal(5 + (records[3] << 8 | records[4]), n);
		assert_int_equal(lnl_tls_input(p->tls[!from], records, n - 1), 0);
		assert_int_equal(lnl_tls_read(p->tls[!from], got, sizeof(got)), 0);
		assert_int_equal(lnl_tls_input(p->tls[!from], records + n - 1, 1), 0);
		assert_int_equal(lnl_tls_read(p->tls[!from], got, sizeof(got)), sizes[i]);
		assert_memory_equal(got, sent, sizes[i]);
		assert_int_equal(lnl_tls_read(p->tls[!from], got, sizeof(got)), 0);
	}
}

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

/* ---- A2 and A5: what must be refused ---- */

/*
 * As wolfSSL declares them in a header that it does not install: a record of the session's own
 * making.
 */
int BuildMessage(WOLFSSL *ssl, byte *out, int cap, const byte *in, int len, int type, int hash,
		 int size_only, int async, int epoch);
int BuildTls13Message(WOLFSSL *ssl, byte *out, int cap, const byte *in, int len, int type, int hash,
		      int size_only, int async);

enum {
	HANDSHAKE = 22,
	HELLO_REQUEST = 0,
	CLIENT_HELLO = 1,
	SERVER_HELLO = 2,
	CERTIFICATE = 11,
	SERVER_KEY_EXCHANGE = 12
};

static struct lnl_tls_settings version_of(const struct kind *k, bool server, enum lnl_tls_version v)
{
	struct lnl_tls_settings s = settings_of(k, server);

	s.version_min = s.version_max = v;
	return s;
}

static void configure_version(struct pair *p, const struct kind *k, enum lnl_tls_version v)
{
	struct lnl_tls_settings client = version_of(k, false, v), server = version_of(k, true, v);

	pair_configure(p, &world.env, &client, &server);
}

static void a2_no_version_in_common(void **state)
{
	struct lnl_tls_settings client = version_of(&kinds[1], false, LNL_TLS_1_2);
	struct lnl_tls_settings server = version_of(&kinds[1], true, LNL_TLS_1_3);
	uint8_t key[1];
	struct pair p;

	(void)state;
	for (unsigned swap = 0; swap < 2; swap++) {
		client.version_min = client.version_max = swap ? LNL_TLS_1_3 : LNL_TLS_1_2;
		server.version_min = server.version_max = swap ? LNL_TLS_1_2 : LNL_TLS_1_3;
		pair_configure(&p, &world.env, &client, &server);
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		/* Who finds out first need not tell the other, who then waits. */
		unsigned wise = p.result[1] != 0;
		assert_int_equal(p.result[wise], LNL_E_TLS);
		assert_int_not_equal(p.result[!wise], 1);
		assert_true(strlen(lnl_tls_why(p.tls[wise])) > 10);
		/* Nothing goes any more. */
		assert_int_equal(lnl_tls_step(p.tls[wise]), LNL_E_TLS);
		assert_int_equal(lnl_tls_write(p.tls[wise], "x", 1), LNL_E_TLS);
		assert_int_equal(lnl_tls_export(p.tls[wise], "x", key, 1), LNL_E_STATE);
		pair_release(&p);
	}
}

/* The first record in |buf| that holds the handshake message |type|: its start, or |len|. */
static size_t find_record(const uint8_t *buf, size_t len, unsigned type, size_t *record_len)
{
	size_t at = 0;

	while (at + 6 <= len) {
		*record_len = 5 + (size_t)(buf[at + 3] << 8 | buf[at + 4]);
		if (buf[at] == HANDSHAKE && buf[at + 5] == type)
			return at;
		at += *record_len;
	}
	return len;
}

/*
 * TLS 1.0 and 1.1, offered to a server or chosen by one (a hello's version stands behind record and
 * message header).
 */
static void a2_old_versions(void **state)
{
	uint8_t buf[8192];
	size_t record;
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		configure_version(&p, &kinds[i / 2], LNL_TLS_1_2);
		pair_connect(&p);
		pair_step(&p, 0);
		size_t n = lnl_tls_output(p.tls[0], buf, sizeof(buf));
		if (i % 2 == 0) {
			assert_int_equal(find_record(buf, n, CLIENT_HELLO, &record), 0);
			buf[10] = 2;
		}
		lnl_tls_input(p.tls[1], buf, n);
		pair_step(&p, 1);
		if (i % 2 == 1) {
			n = lnl_tls_output(p.tls[1], buf, sizeof(buf));
			assert_int_equal(find_record(buf, n, SERVER_HELLO, &record), 0);
			buf[10] = (uint8_t)(1 + i / 2);
			lnl_tls_input(p.tls[0], buf, n);
			pair_step(&p, 0);
		}
		assert_int_equal(p.result[i % 2 == 0], LNL_E_TLS);
		pair_release(&p);
	}
}

/* A TLS 1.2 server that leaves out its certificate, or what proves that it has the key. */
static void a2_missing_messages(void **state)
{
	static const unsigned left_out[] = { CERTIFICATE, SERVER_KEY_EXCHANGE };
	uint8_t buf[16384];
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		configure_version(&p, &kinds[1], LNL_TLS_1_2);
		pair_connect(&p);
		pair_step(&p, 0);
		pair_move(&p, 0, SIZE_MAX);
		pair_step(&p, 1);
		size_t n = lnl_tls_output(p.tls[1], buf, sizeof(buf)), record;
		size_t at = find_record(buf, n, left_out[i], &record);
		assert_true(at < n);
		memmove(buf + at, buf + at + record, n - at - record);
		lnl_tls_input(p.tls[0], buf, n - record);
		pair_run(&p, SIZE_MAX);
		assert_int_equal(p.result[0], LNL_E_TLS);
		assert_int_not_equal(p.result[1], 1);
		pair_release(&p);
	}
}

/* A peer that shows a certificate whose key it does not have. */
static void a2_wrong_signature(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		enum lnl_tls_version v = i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3;
		unsigned liar = i / 2;
		struct pair p;

		configure_version(&p, &kinds[1], v);
		/* Behind the back of lnl_tls_conf_new, which would have noticed. */
		assert_int_equal(wolfSSL_CTX_use_PrivateKey_buffer(p.conf[liar]->ctx,
								   (const unsigned char *)
									   pki_other_key,
								   (long)strlen(pki_other_key),
								   WOLFSSL_FILETYPE_PEM),
				 WOLFSSL_SUCCESS);
		pair_connect(&p);
		pair_run(&p, SIZE_MAX);
		assert_true(p.result[!liar] < 0);
		assert_int_equal(lnl_tls_cert_failure(p.tls[!liar], NULL), LNL_CERT_OK);
		pair_release(&p);
	}
}

/* Under TLS 1.3, where all but the hello is encrypted, it takes a server of our own. */
static void a2_missing_messages_13(void **state)
{
	static const struct {
		const char *name;
		struct liar_says says;
		bool connects;
	} rows[] = {
		{ "all of it", { .certificate = true, .verify = true, .finished = true }, true },
		{ "no certificate", { .finished = true }, false },
		{ "no certificate, but a signature", { .verify = true, .finished = true }, false },
		{ "an empty certificate", { .empty_certificate = true, .finished = true }, false },
		{ "an empty certificate and a signature",
		  { .empty_certificate = true, .verify = true, .finished = true },
		  false },
		{ "no CertificateVerify", { .certificate = true, .finished = true }, false },
		{ "no Finished", { .certificate = true, .verify = true }, false },
		{ "a wrong Finished",
		  { .certificate = true, .verify = true, .finished = true, .bad_finished = true },
		  false },
	};
	static struct liar l;
	uint8_t hello[4096], cert[2048], key[512];
	struct lnl_tls_settings s = { .ca = test_blob(pki_ca), .version_min = LNL_TLS_1_3 };
	int cert_len = wc_CertPemToDer((const unsigned char *)pki_good, (int)strlen(pki_good), cert,
				       sizeof(cert), CERT_TYPE);
	int key_len = wc_KeyPemToDer((const unsigned char *)pki_key_sec1, (int)strlen(pki_key_sec1),
				     key, sizeof(key), NULL);

	(void)state;
	assert_true(cert_len > 0 && key_len > 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_tls_conf *conf;
		struct lnl_tls *t;

		s.ciphersuites = "TLS_AES_128_GCM_SHA256";
		assert_int_equal(lnl_tls_conf_new(&conf, &world.env, &s, NULL), 0);
		assert_int_equal(lnl_tls_new(&t, conf), 0);
		assert_int_equal(lnl_tls_step(t), 0);
		size_t n = lnl_tls_output(t, hello, sizeof(hello));
		liar_answer(&l, &world.env, &rows[i].says, hello, n, cert, (size_t)cert_len, key,
			    (size_t)key_len);
		assert_int_equal(lnl_tls_input(t, l.out, l.len), 0);
		int result = lnl_tls_step(t);
		if ((result == 1) != rows[i].connects)
			print_error("%s: %d %s\n", rows[i].name, result, lnl_tls_why(t));
		assert_int_equal(result == 1, rows[i].connects);
		/* Without a Finished it still waits for one; all else is an error at once. */
		if (!rows[i].connects && rows[i].says.finished)
			assert_true(result == LNL_E_TLS || result == LNL_E_CERT);
		lnl_tls_free(t);
		lnl_tls_conf_free(conf);
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

/* 100 kB in one handshake message, whatever it claims to be, to either end. */
static void a2_large_message(void **state)
{
	static const unsigned types[] = { CLIENT_HELLO, SERVER_HELLO, CERTIFICATE };
	uint8_t record[5 + 16384];
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 12; i++) {
		unsigned end = i % 2;
		size_t sent = 0;

		configure_version(&p, &kinds[1], i % 4 < 2 ? LNL_TLS_1_2 : LNL_TLS_1_3);
		pair_connect(&p);
		pair_step(&p, 0);
		int result = 0;
		while (result == 0 && sent < 100000) {
			memset(record, 0, sizeof(record));
			memcpy(record, (uint8_t[]){ HANDSHAKE, 3, 3, 0x40, 0 }, 5);
			if (sent == 0) {
				record[5] = (uint8_t)types[i / 4];
				record[6] = 1;
				record[7] = 0x86;
				record[8] = 0xa0;
			}
			assert_int_equal(lnl_tls_input(p.tls[end], record, sizeof(record)), 0);
			result = lnl_tls_step(p.tls[end]);
			sent += 16384;
		}
		assert_true(result < 0);
		assert_true(sent < 100000);
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
 * One bit anywhere in any flight: no crash, and never two ends that both believe in different keys.
 * (A few bits, such as a record's version, mean nothing.)
 */
static void a2_changed_handshakes(void **state)
{
	static uint8_t buf[16384];
	struct pair p;

	(void)state;
	for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
		configure_version(&p, &kinds[1], (enum lnl_tls_version)v);
		for (unsigned which = 0; which < 4; which++) {
			size_t size = 1;

			for (size_t at = 0; at < size; at += 11) {
				pair_connect(&p);
				for (unsigned i = 0; i < 4; i++) {
					pair_step(&p, i % 2);
					size_t n = lnl_tls_output(p.tls[i % 2], buf, sizeof(buf));
					if (i == which)
						size = n;
					if (i == which && at < n)
						buf[at] ^= (uint8_t)(1u << (at % 8));
					lnl_tls_input(p.tls[!(i % 2)], buf, n);
				}
				pair_run(&p, SIZE_MAX);
				if (p.result[0] == 1 && p.result[1] == 1)
					exporter_agrees(&p);
				pair_disconnect(&p);
			}
		}
		pair_release(&p);
	}
}

/* A flight that ends early leaves both waiting; the session is freed in any state. */
static void a2_truncated_handshakes(void **state)
{
	static uint8_t buf[16384];
	struct pair p;

	(void)state;
	for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
		configure_version(&p, &kinds[1], (enum lnl_tls_version)v);
		for (size_t cut = 1; cut < 1500; cut += 37) {
			pair_connect(&p);
			pair_step(&p, 0);
			pair_move(&p, 0, SIZE_MAX);
			pair_step(&p, 1);
			size_t n = lnl_tls_output(p.tls[1], buf, sizeof(buf));
			lnl_tls_input(p.tls[0], buf, cut < n ? n - cut : 0);
			pair_step(&p, 0);
			assert_int_equal(p.result[0], 0);
			pair_disconnect(&p);
		}
		pair_release(&p);
	}
}

/* In data, every changed bit, a record twice and a record left out end the session. */
static void a2_changed_records(void **state)
{
	uint8_t buf[256], got[256];
	struct pair p;

	(void)state;
	for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
		configure_version(&p, &kinds[1], (enum lnl_tls_version)v);
		for (unsigned i = 0; i < 80; i++) {
			connected(&p, SIZE_MAX);
			/* Tickets and the like. */
			assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), 0);
			assert_int_equal(lnl_tls_write(p.tls[1], "PUSH_REPLY,ping 10", 19), 0);
			size_t n = lnl_tls_output(p.tls[1], buf, sizeof(buf));
			if (i == 0) {
				lnl_tls_input(p.tls[0], buf, n);
				assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), 19);
			} else if (i == 1) {
				lnl_tls_write(p.tls[1], "next", 4);
				n = lnl_tls_output(p.tls[1], buf, sizeof(buf));
			} else {
				/*
				 * Length bytes that make it longer only leave the reader waiting.
				 */
				size_t at = 5 + (i - 2) % (n - 5);
				buf[at] ^= (uint8_t)(1u << (i % 8));
			}
			lnl_tls_input(p.tls[0], buf, n);
			assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), LNL_E_TLS);
			assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), LNL_E_TLS);
			pair_disconnect(&p);
		}
		pair_release(&p);
	}
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

/* Has |from| send the plaintext handshake message |msg| under its keys. */
static void smuggle(struct pair *p, unsigned from, enum lnl_tls_version v, const uint8_t *msg,
		    int len)
{
	uint8_t record[4096];
	int n = v == LNL_TLS_1_2 ? BuildMessage(p->tls[from]->ssl, record, sizeof(record), msg, len,
						HANDSHAKE, 0, 0, 0, 0)
				 : BuildTls13Message(p->tls[from]->ssl, record, sizeof(record), msg,
						     len, HANDSHAKE, 0, 0, 0);

	assert_true(n > 0);
	assert_int_equal(lnl_tls_input(p->tls[!from], record, (size_t)n), 0);
}

/* Either end asks for a new handshake inside the session: refused, and no handshake starts. */
static void a5_renegotiation(void **state)
{
	uint8_t hello[4096], got[64], out[4096];
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		enum lnl_tls_version v = i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3;
		unsigned asker = i / 2;

		configure_version(&p, &kinds[1], v);
		/* A client's real hello, without its record header. */
		pair_connect(&p);
		pair_step(&p, 0);
		size_t n = lnl_tls_output(p.tls[0], hello, sizeof(hello));
		pair_disconnect(&p);
		connected(&p, SIZE_MAX);
		assert_int_equal(lnl_tls_read(p.tls[0], got, sizeof(got)), 0);
		if (asker == 0)
			smuggle(&p, 0, v, hello + 5, (int)n - 5);
		else
			smuggle(&p, 1, v, (const uint8_t[4]){ HELLO_REQUEST }, 4);
		int result = lnl_tls_read(p.tls[!asker], got, sizeof(got));
		/*
		 * Ignored or fatal: both are refusals. An alert is short, a handshake's message is
		 * not.
		 */
		assert_true(result == 0 || result == LNL_E_TLS);
		assert_true(lnl_tls_output(p.tls[!asker], out, sizeof(out)) < 64);
		if (result == 0) {
			assert_int_equal(lnl_tls_write(p.tls[!asker], "still here", 10), 0);
			pair_move(&p, !asker, SIZE_MAX);
		}
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

/* Junk of all lengths, to both, at the start and when connected. */
static void junk_ends_only_the_session(void **state)
{
	uint8_t junk[700], got[16];
	struct pair p;

	(void)state;
	configure_version(&p, &kinds[1], LNL_TLS_1_3);
	for (unsigned i = 0; i < 3000; i++) {
		pair_connect(&p);
		size_t n = 1 + i % sizeof(junk);
		world.env.random(world.env.ctx, junk, n);
		/* Half of them with a header that passes for a record's. */
		if (i % 2 == 0 && n >= 5)
			memcpy(junk, (uint8_t[]){ (uint8_t)(20 + i / 2 % 4), 3, 3, 0, (uint8_t)i },
			       5);
		for (unsigned e = 0; e < 2; e++) {
			if (e == 0)
				pair_step(&p, 0);
			lnl_tls_input(p.tls[e], junk, n);
			int result = lnl_tls_step(p.tls[e]);
			assert_true(result == 0 || result == LNL_E_TLS || result == LNL_E_CERT);
			assert_int_equal(lnl_tls_read(p.tls[e], got, sizeof(got)),
					 result == 0 ? LNL_E_STATE : result);
		}
		pair_disconnect(&p);
	}
	pair_release(&p);
}

/* ---- resources ---- */

/*
 * wolfSSL's memory: counted, failing on demand, and in a list, since 5.5.4 forgets some of its own
 * when an allocation fails.
 */
struct block {
	_Alignas(16) struct block *next;
	struct block **link;
	size_t size;
};

static struct block *blocks;
static size_t library_bytes;
static unsigned library_calls, library_fail_at;

static void *counting_malloc(size_t size)
{
	library_calls++;
	if (library_fail_at != 0 && library_calls >= library_fail_at)
		return NULL;
	struct block *b = malloc(sizeof(*b) + size);
	*b = (struct block){ .next = blocks, .link = &blocks, .size = size };
	if (blocks != NULL)
		blocks->link = &b->next;
	blocks = b;
	library_bytes += size;
	return b + 1;
}

static void counting_free(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (p == NULL)
		return;
	*b->link = b->next;
	if (b->next != NULL)
		b->next->link = b->link;
	library_bytes -= b->size;
	free(b);
}

static void *counting_realloc(void *p, size_t size)
{
	void *other = counting_malloc(size);

	if (other != NULL && p != NULL) {
		size_t old = ((struct block *)p - 1)->size;

		memcpy(other, p, old < size ? old : size);
		counting_free(p);
	}
	return other;
}

static int start_counting(void **state)
{
	library_bytes = 0;
	library_fail_at = 0;
	wolfSSL_SetAllocators(counting_malloc, counting_free, counting_realloc);
	return start(state);
}

static int stop_counting(void **state)
{
	int result = stop(state);

	wolfSSL_SetAllocators(malloc, free, realloc);
	return result == 0 && library_bytes == 0 ? 0 : -1;
}

/* Behind a failure that was made, the library's memory is its own affair. */
static int stop_forgiving(void **state)
{
	int result = stop(state);

	wolfSSL_SetAllocators(malloc, free, realloc);
	while (blocks != NULL)
		counting_free(blocks + 1);
	return result;
}

/* An idle session: nothing of the handshake's is kept. */
static void idle_session_is_small(void **state)
{
	uint8_t got[16];
	struct pair p;

	(void)state;
	for (unsigned v = LNL_TLS_1_2; v <= LNL_TLS_1_3; v++) {
		configure_version(&p, &kinds[1], (enum lnl_tls_version)v);
		size_t ours = world.bytes, library = library_bytes;
		connected(&p, SIZE_MAX);
		for (unsigned e = 0; e < 2; e++)
			lnl_tls_read(p.tls[e], got, sizeof(got));
		size_t before = library_bytes;
		exporter_agrees(&p);
		assert_true(library_bytes + 500 < before);
		talk(&p, 0);
		talk(&p, 1);
		lnl_tls_chain_drop(p.tls[0]);
		lnl_tls_chain_drop(p.tls[1]);
		ours = (world.bytes - ours) / 2;
		library = (library_bytes - library) / 2;
		print_message("TLS 1.%u: %zu bytes of ours, %zu of the library's\n", v + 1, ours,
			      library);
		assert_true(ours <= 1024);
		pair_release(&p);
	}
}

/* One handshake whose |k|-th allocation fails, and all after it. True when none was needed. */
static bool fails_at(struct pair *p, unsigned k, bool library)
{
	world.fail_at = library ? 0 : world.allocations + k;
	library_fail_at = library ? library_calls + k : 0;
	p->result[0] = p->result[1] = 0;
	if (lnl_tls_new(&p->tls[0], p->conf[0]) == 0 && lnl_tls_new(&p->tls[1], p->conf[1]) == 0)
		pair_run(p, SIZE_MAX);
	bool done = p->result[0] == 1 && p->result[1] == 1;
	world.fail_at = library_fail_at = 0;
	pair_disconnect(p);
	return done;
}

static void memory_runs_out_in_handshake(void **state)
{
	struct pair p;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		configure_version(&p, &kinds[1], i % 2 == 0 ? LNL_TLS_1_2 : LNL_TLS_1_3);
		unsigned k = 1;
		while (!fails_at(&p, k, i >= 2))
			assert_true(++k < 5000);
		/* And afterwards all is well again. */
		connected(&p, SIZE_MAX);
		pair_release(&p);
	}
}

static void memory_runs_out_in_settings(void **state)
{
	/* 5.5.4 itself reads through NULL when there is no memory for a private key. */
	unsigned runs = strncmp(lnl_crypto_version(), "5.5", 3) == 0 ? 2 : 4;

	(void)state;
	for (unsigned i = 0; i < runs; i++) {
		static const uint16_t ku = 0x80;
		struct lnl_tls_settings s = {
			.ca = test_blob(pki_ca),
			.crl = test_blob(pki_crl),
			.cert = test_blob(pki_good),
			.key = test_blob(i % 2 == 0 ? pki_key : pki_ec_pkcs8_aes),
			.password = "secret",
			.fingerprints = &pki_good_sha256,
			.n_fingerprints = 1,
			.name_check = LNL_NAME_CN,
			.name = "x",
			.ku = &ku,
			.n_ku = 1,
		};
		struct lnl_tls_conf *conf;
		struct lnl_why why;
		int error = LNL_E_NOMEM;

		if (i % 2 == 1)
			s.pkcs12 =
				(struct lnl_blob){ (const char *)pki_ec_p12, sizeof(pki_ec_p12) };
		for (unsigned k = 1; error != 0; k++) {
			assert_true(k < 5000);
			world.fail_at = i < 2 ? world.allocations + k : 0;
			library_fail_at = i < 2 ? 0 : library_calls + k;
			error = lnl_tls_conf_new(&conf, &world.env, &s, &why);
			world.fail_at = library_fail_at = 0;
			if (error != 0)
				assert_true(strlen(why.text) > 5);
		}
		lnl_tls_conf_free(conf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_kind_connects, start, stop),
		cmocka_unit_test_setup_teardown(a2_no_version_in_common, start, stop),
		cmocka_unit_test_setup_teardown(a2_old_versions, start, stop),
		cmocka_unit_test_setup_teardown(a2_missing_messages, start, stop),
		cmocka_unit_test_setup_teardown(a2_missing_messages_13, start, stop),
		cmocka_unit_test_setup_teardown(a2_wrong_signature, start, stop),
		cmocka_unit_test_setup_teardown(a2_client_certificates, start, stop),
		cmocka_unit_test_setup_teardown(a2_large_message, start, stop),
		cmocka_unit_test_setup_teardown(a2_too_much_input, start, stop),
		cmocka_unit_test_setup_teardown(a2_changed_handshakes, start, stop),
		cmocka_unit_test_setup_teardown(a2_truncated_handshakes, start, stop),
		cmocka_unit_test_setup_teardown(a2_changed_records, start, stop),
		cmocka_unit_test_setup_teardown(a2_nothing_to_resume, start, stop),
		cmocka_unit_test_setup_teardown(a5_renegotiation, start, stop),
		cmocka_unit_test_setup_teardown(close_is_said, start, stop),
		cmocka_unit_test_setup_teardown(junk_ends_only_the_session, start, stop),
		cmocka_unit_test_setup_teardown(idle_session_is_small, start_counting,
						stop_counting),
		cmocka_unit_test_setup_teardown(memory_runs_out_in_handshake, start_counting,
						stop_forgiving),
		cmocka_unit_test_setup_teardown(memory_runs_out_in_settings, start_counting,
						stop_forgiving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
