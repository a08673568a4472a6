/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A2 and A5: what a TLS session must refuse, from a peer that lies, errs or breaks off. */
#include "test_crypto_tls.h"

#include "test_crypto_liar.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a2_no_version_in_common, start, stop),
		cmocka_unit_test_setup_teardown(a2_old_versions, start, stop),
		cmocka_unit_test_setup_teardown(a2_missing_messages, start, stop),
		cmocka_unit_test_setup_teardown(a2_missing_messages_13, start, stop),
		cmocka_unit_test_setup_teardown(a2_wrong_signature, start, stop),
		cmocka_unit_test_setup_teardown(a2_large_message, start, stop),
		cmocka_unit_test_setup_teardown(a2_changed_handshakes, start, stop),
		cmocka_unit_test_setup_teardown(a2_truncated_handshakes, start, stop),
		cmocka_unit_test_setup_teardown(a2_changed_records, start, stop),
		cmocka_unit_test_setup_teardown(a5_renegotiation, start, stop),
		cmocka_unit_test_setup_teardown(junk_ends_only_the_session, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
