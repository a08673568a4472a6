/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server asks about a client, and what becomes of every answer. TRUST A1, C4. */
/* lunel-test: both */
#include "sim/server_check.h"

static struct sim_real *with_password(uint64_t seed, const char *user, const char *password)
{
	struct sim_real *r = real_new(seed, SIM_WRAP_CRYPT, false);

	r->conf.user_pass = true;
	r->username = "anna";
	r->password = "correct horse";
	r->w->setup.username = user;
	r->w->setup.password = password;
	r->w->conf.auth_user_pass = user != NULL;
	strcpy(r->w->secret, "correct horse");
	return r;
}

/* Both ends closed, nothing was let in. */
static void expect_refused(struct sim_real *r, enum lnl_cause server, enum lnl_cause client)
{
	assert_true(sim_real_closes(r, 10 * LNL_SECOND));
	assert_int_equal(r->cause, server);
	assert_true(r->w->closed);
	assert_int_equal(r->w->cause, client);
	assert_int_equal(r->counts[LNL_SERVER_AUTHORIZE], 0);
	assert_int_equal(r->counts[LNL_SERVER_PEER_ADD], 0);
	assert_int_equal(r->w->counts[LNL_CLIENT_PULLED], 0);
	assert_int_equal(r->counts[LNL_SERVER_CLOSED], 1);
	assert_null(r->server);
}

static void test_login(void **state)
{
	struct sim_real *r = with_password(1, "anna", "correct horse");
	const struct lnl_login *login;

	(void)state;
	r->verdict_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 1);
	assert_int_equal(lnl_server_phase(r->server), LNL_PHASE_AUTH);
	login = lnl_server_login(r->server);
	assert_string_equal(login->username, "anna");
	assert_string_equal(login->password, "correct horse");
	assert_non_null(strstr(login->peer_info, "IV_PROTO=990\n"));
	assert_int_equal(lnl_server_chain_len(r->server), 1);
	assert_non_null(lnl_server_chain(r->server, 0));
	assert_null(lnl_server_chain(r->server, 1));
	assert_int_equal(lnl_server_cipher(r->server), LNL_CIPHER_NONE);
	assert_int_equal(sim_real_judge(r), 0);
	/* Nobody can look any more. */
	assert_string_equal(lnl_server_login(r->server)->username, "");
	assert_string_equal(lnl_server_login(r->server)->password, "");
	assert_int_equal(lnl_server_chain_len(r->server), 0);
	assert_null(lnl_server_chain(r->server, 0));
	assert_true(sim_real_connect(r, LNL_SECOND));
	assert_non_null(strstr(lnl_server_peer_info(r->server), "IV_VER=0.1\n"));
	assert_int_equal(r->w->secrets_seen, 0);
	real_delete(r);
}

static void test_denied(void **state)
{
	static const char *const texts[] = { NULL, "", "wrong password", "two\nlines" };
	static const char *const seen[] = { "", "", "wrong password", "two?lines" };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct sim_real *r = with_password(10 + i, "anna", "guess");

		r->refusal = texts[i];
		real_start(r);
		expect_refused(r, LNL_CAUSE_AUTH_FAILED, LNL_CAUSE_AUTH_FAILED);
		assert_string_equal(r->w->why, seen[i]);
		real_delete(r);
	}
}

static void test_no_user_name(void **state)
{
	struct sim_real *r = with_password(20, NULL, NULL);

	(void)state;
	real_start(r);
	expect_refused(r, LNL_CAUSE_AUTH_FAILED, LNL_CAUSE_AUTH_FAILED);
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 0);
	assert_non_null(strstr(r->w->why, "a user name and a password are wanted"));
	real_delete(r);
	/* The twin: who may go without is asked about like any other. */
	r = with_password(21, NULL, NULL);
	r->conf.user_pass_optional = true;
	r->username = NULL;
	real_up(r);
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 1);
	assert_string_equal(r->username_seen, "");
	real_delete(r);
}

static void test_certificate_refused(void **state)
{
	struct sim_real *r = real_new(22, SIM_WRAP_CRYPT, false);

	(void)state;
	r->verify_waits = true;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	assert_true(r->verify_waiting);
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 0);
	assert_int_equal(lnl_server_chain_len(r->server), 1);
	assert_int_equal(lnl_server_verified(r->server, false, "not this one", r->w->now), 0);
	assert_int_equal(lnl_server_verified(r->server, true, NULL, r->w->now), LNL_E_STATE);
	sim_world_run(r->w, LNL_SECOND);
	assert_true(r->closed);
	assert_int_equal(r->cause, LNL_CAUSE_CERT);
	assert_string_equal(r->why, "not this one");
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 0);
	real_delete(r);
	/* The twin, late. */
	r = real_new(23, SIM_WRAP_CRYPT, false);
	r->verify_waits = true;
	real_start(r);
	sim_world_run(r->w, 20 * LNL_SECOND);
	assert_int_equal(lnl_server_verified(r->server, true, NULL, r->w->now), 0);
	assert_true(sim_real_connect(r, 10 * LNL_SECOND));
	real_delete(r);
}

static void test_no_certificate(void **state)
{
	struct sim_real *r = real_new(24, SIM_WRAP_CRYPT, false);

	(void)state;
	r->w->setup.client_cert = NULL;
	r->conf.verify_asks = false;
	real_up(r);
	assert_int_equal(r->counts[LNL_SERVER_VERIFY], 0);
	assert_int_equal(r->chain_seen, 0);
	assert_string_equal(r->cn, "");
	lnl_client_renegotiate(r->w->client, r->w->now);
	sim_world_run(r->w, 5 * LNL_SECOND);
	assert_int_equal(r->keys_installed, 2);
	real_delete(r);
}

/* ---- other answers than yes and no ---- */

static void test_challenge(void **state)
{
	struct sim_real *r = with_password(30, "anna", "correct horse");

	(void)state;
	r->verdict = LNL_JUDGED_CHALLENGE;
	r->verdict_text = "CRV1:R,E:state-7:YW5uYQ==:Which colour?";
	real_start(r);
	expect_refused(r, LNL_CAUSE_CHALLENGE, LNL_CAUSE_CHALLENGE);
	assert_string_equal(r->w->why, "Which colour?");
	assert_string_equal(r->w->end.challenge_state, "state-7");
	assert_string_equal(r->w->end.challenge_user, "anna");
	assert_true(r->w->end.echo && r->w->end.response);
	real_delete(r);
}

static void test_temporary(void **state)
{
	struct sim_real *r = with_password(31, "anna", "correct horse");

	(void)state;
	r->verdict = LNL_JUDGED_TEMP;
	r->verdict_text = "[backoff 42,advance no]:full";
	real_start(r);
	expect_refused(r, LNL_CAUSE_AUTH_TEMP, LNL_CAUSE_AUTH_TEMP);
	assert_string_equal(r->w->why, "full");
	assert_int_equal(r->w->end.backoff, 42);
	real_delete(r);
}

/* What is no answer at all denies. */
static void test_nonsense(void **state)
{
	struct sim_real *r = with_password(32, "anna", "correct horse");

	(void)state;
	r->verdict = (enum lnl_judgement)77;
	real_start(r);
	expect_refused(r, LNL_CAUSE_AUTH_FAILED, LNL_CAUSE_AUTH_FAILED);
	real_delete(r);
}

/* AUTH_PENDING makes both ends wait, a question is asked and answered meanwhile. */
static void test_pending(void **state)
{
	struct sim_real *r = with_password(33, "anna", "correct horse");

	(void)state;
	r->w->conf.session.reneg_interval = 3600 * LNL_SECOND;
	r->verdict_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(lnl_server_pending(r->server, 200, "CR_TEXT:R,E:Which colour?", r->w->now),
			 0);
	sim_world_run(r->w, 150 * LNL_SECOND);
	assert_false(r->closed || r->w->closed);
	assert_string_equal(r->w->text, "Which colour?");
	assert_true(r->w->challenge_response && r->w->challenge_echo);
	assert_int_equal(lnl_client_respond(r->w->client, "blue", r->w->now), 0);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->counts[LNL_SERVER_RESPONSE], 1);
	assert_string_equal(r->text, "blue");
	assert_int_equal(sim_real_judge(r), 0);
	assert_true(sim_real_connect(r, 10 * LNL_SECOND));
	assert_int_equal(lnl_server_pending(r->server, 10, NULL, r->w->now), LNL_E_STATE);
	real_delete(r);
}

static void test_pending_ends(void **state)
{
	static char long_info[LNL_CONTROL_TEXT_MAX];
	struct sim_real *r = with_password(34, "anna", "correct horse");

	(void)state;
	r->verdict_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	memset(long_info, 'x', sizeof(long_info) - 1);
	assert_int_equal(lnl_server_pending(r->server, 1000, long_info, r->w->now), LNL_E_INVAL);
	assert_int_equal(lnl_server_pending(r->server, 1000, "a\nb", r->w->now), LNL_E_INVAL);
	/* Shorter than there is time anyway: nothing is taken away. */
	assert_int_equal(lnl_server_pending(r->server, 5, NULL, r->w->now), 0);
	sim_world_run(r->w, 50 * LNL_SECOND);
	assert_false(r->closed);
	assert_true(sim_real_closes(r, 20 * LNL_SECOND));
	assert_int_equal(r->cause, LNL_CAUSE_TIMEOUT);
	real_delete(r);
}

/* ---- A1 ---- */

/* A1: no word is a no, at the end of hand-window. */
static void test_A1_no_verdict(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct sim_real *r = with_password(40 + i, "anna", "correct horse");

		r->verdict_after = i == 0 ? LNL_NEVER : 0;
		r->grant_after = LNL_NEVER;
		/* The client waits longer than the server. */
		r->w->conf.session.hand_window = 100 * LNL_SECOND;
		real_start(r);
		sim_world_run(r->w, 55 * LNL_SECOND);
		assert_false(r->closed);
		assert_true(sim_real_closes(r, 10 * LNL_SECOND));
		assert_int_equal(r->cause, LNL_CAUSE_TIMEOUT);
		assert_int_equal(r->w->cause, LNL_CAUSE_AUTH_FAILED);
		assert_int_equal(r->counts[LNL_SERVER_PEER_ADD], 0);
		real_delete(r);
	}
}

/* A1: a late verdict counts as the one there is; of two the first counts. */
static void test_A1_late_and_twice(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct sim_real *r = with_password(50 + i, "anna", "correct horse");
		enum lnl_judgement first = i & 1 ? LNL_JUDGED_DENY : LNL_JUDGED_OK;
		enum lnl_judgement second = i & 2 ? LNL_JUDGED_DENY : LNL_JUDGED_OK;

		r->verdict_after = LNL_NEVER;
		real_start(r);
		/* Too early, before anything is asked. */
		sim_world_run(r->w, 30 * LNL_SECOND);
		assert_int_equal(lnl_server_judged(r->server, first, NULL, r->w->now), 0);
		assert_int_equal(lnl_server_judged(r->server, second, NULL, r->w->now),
				 LNL_E_STATE);
		if (first == LNL_JUDGED_OK) {
			assert_true(sim_real_connect(r, 10 * LNL_SECOND));
			assert_int_equal(lnl_server_judged(r->server, second, NULL, r->w->now),
					 LNL_E_STATE);
			assert_int_equal(lnl_server_deny(r->server, NULL, r->w->now), LNL_E_STATE);
			assert_int_equal(sim_real_grant(r), LNL_E_STATE);
			assert_int_equal(r->counts[LNL_SERVER_AUTHORIZE], 1);
			sim_world_traffic(r->w, 10, 20 * LNL_MSEC);
			assert_true(sim_world_all_arrived(r->w));
		} else {
			assert_int_equal(sim_real_grant(r), LNL_E_STATE);
			expect_refused(r, LNL_CAUSE_AUTH_FAILED, LNL_CAUSE_AUTH_FAILED);
		}
		real_delete(r);
	}
}

/* A1: a verdict on a connection that is closing is none. */
static void test_A1_after_the_end(void **state)
{
	struct sim_real *r = with_password(60, "anna", "correct horse");

	(void)state;
	r->verdict_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	r->w->net.cut[SIM_CLIENT] = true;
	lnl_server_close(r->server, LNL_CAUSE_USER, "HALT", r->w->now);
	assert_int_equal(lnl_server_judged(r->server, LNL_JUDGED_OK, NULL, r->w->now), LNL_E_STATE);
	assert_int_equal(sim_real_grant(r), LNL_E_STATE);
	assert_int_equal(lnl_server_pending(r->server, 9, NULL, r->w->now), LNL_E_STATE);
	assert_true(sim_real_closes(r, 6 * LNL_SECOND));
	assert_int_equal(r->cause, LNL_CAUSE_USER);
	assert_int_equal(r->counts[LNL_SERVER_AUTHORIZE], 0);
	real_delete(r);
}

/* ---- the grant ---- */

static void test_grant(void **state)
{
	static const char *const bad[] = { "ping 10", "echo a,b" };
	static const char *const good[] = { "ping 7", "topology subnet",
					    "ifconfig 10.9.0.2 255.255.255.0" };
	struct sim_real *r = real_new(70, SIM_WRAP_CRYPT, false);

	(void)state;
	r->grant_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, 20 * LNL_SECOND);
	assert_int_equal(lnl_server_phase(r->server), LNL_PHASE_CONFIGURE);
	assert_int_equal(r->w->counts[LNL_CLIENT_PULLED], 0);
	r->push = bad;
	r->n_push = 2;
	assert_int_equal(sim_real_grant(r), LNL_E_INVAL);
	r->push = good;
	r->n_push = 3;
	assert_int_equal(sim_real_grant(r), 0);
	assert_true(sim_real_connect(r, 10 * LNL_SECOND));
	assert_int_equal(lnl_client_pulled(r->w->client)->ping, 7);
	assert_int_equal(lnl_client_pulled(r->w->client)->peer_id, SIM_PEER_ID);
	assert_int_equal(lnl_client_pulled(r->w->client)->tun_mtu, 1500);
	assert_int_equal(lnl_client_pulled(r->w->client)->protocol_flags,
			 LNL_PROTOCOL_CC_EXIT | LNL_PROTOCOL_TLS_EKM | LNL_PROTOCOL_DYN_TLS_CRYPT);
	assert_int_equal(r->peer.wire_id, SIM_PEER_ID);
	assert_int_equal(r->peer.ping_interval, 10 * LNL_SECOND);
	assert_int_equal(r->peer.ping_timeout, 120 * LNL_SECOND);
	assert_true(r->peer.check_source);
	/* As OpenVPN 2.6 clamps with AES-256-GCM over UDP: 1492 - 28 - 24 - 40. */
	assert_int_equal(r->peer.mss, 1400);
	real_delete(r);
	r = real_new(71, SIM_WRAP_CRYPT, false);
	r->grant_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(lnl_server_deny(r->server, "no room", r->w->now), 0);
	assert_true(sim_real_closes(r, 10 * LNL_SECOND));
	assert_string_equal(r->w->why, "no room");
	assert_int_equal(r->counts[LNL_SERVER_PEER_ADD], 0);
	real_delete(r);
	/* For now only: the client comes again by itself, when it is told to. */
	r = real_new(73, SIM_WRAP_CRYPT, false);
	r->grant_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(lnl_server_deny(r->server, "TEMP[backoff 30]:full", r->w->now), 0);
	assert_true(sim_real_closes(r, 10 * LNL_SECOND));
	assert_int_equal(r->w->cause, LNL_CAUSE_AUTH_TEMP);
	assert_int_equal(r->w->end.backoff, 30);
	assert_string_equal(r->w->why, "full");
	real_delete(r);
}

/* A repeated PUSH_REQUEST is answered once in 30 s. */
static void test_push_again(void **state)
{
	struct sim_real *r = real_new(72, SIM_WRAP_CRYPT, false);
	unsigned long sent;

	(void)state;
	real_up(r);
	sim_world_run(r->w, 2 * LNL_SECOND);
	sent = r->w->net.bytes[SIM_SERVER];
	for (unsigned i = 0; i < 10; i++) {
		lnl_client_send_text(r->w->client, "PUSH_REQUEST", r->w->now);
		sim_world_run(r->w, LNL_SECOND);
	}
	assert_true(r->w->net.bytes[SIM_SERVER] - sent < 10 * 100);
	sim_world_run(r->w, 20 * LNL_SECOND);
	sent = r->w->net.bytes[SIM_SERVER];
	lnl_client_send_text(r->w->client, "PUSH_REQUEST", r->w->now);
	sim_world_run(r->w, LNL_SECOND);
	assert_true(r->w->net.bytes[SIM_SERVER] - sent > 200);
	assert_int_equal(r->w->counts[LNL_CLIENT_UP], 1);
	real_delete(r);
}

/* ---- ciphers ---- */

static void test_ciphers(void **state)
{
	static const struct {
		enum lnl_cipher server[3], client[3], got;
	} rows[] = {
		{ { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_GCM },
		  { LNL_CIPHER_AES_128_GCM, LNL_CIPHER_AES_256_GCM },
		  LNL_CIPHER_AES_256_GCM },
		{ { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_CHACHA20_POLY1305 },
		  { LNL_CIPHER_AES_128_GCM, LNL_CIPHER_CHACHA20_POLY1305 },
		  LNL_CIPHER_CHACHA20_POLY1305 },
		{ { LNL_CIPHER_AES_256_CBC, LNL_CIPHER_AES_256_GCM },
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_256_CBC },
		  LNL_CIPHER_AES_256_CBC },
		{ { LNL_CIPHER_AES_128_CBC }, { LNL_CIPHER_AES_128_CBC }, LNL_CIPHER_AES_128_CBC },
		{ { LNL_CIPHER_AES_256_GCM }, { LNL_CIPHER_AES_128_GCM }, LNL_CIPHER_NONE },
		{ { LNL_CIPHER_AES_192_GCM },
		  { LNL_CIPHER_AES_256_GCM, LNL_CIPHER_AES_128_CBC },
		  LNL_CIPHER_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_real *r = real_new(80 + i, SIM_WRAP_CRYPT, i & 1);

		r->conf.auth = r->w->conf.auth = LNL_DIGEST_SHA256;
		memcpy(r->conf.ciphers, rows[i].server, sizeof(rows[i].server));
		memcpy(r->w->conf.ciphers, rows[i].client, sizeof(rows[i].client));
		r->conf.n_ciphers = rows[i].server[1] ? 2 : 1;
		r->w->conf.n_ciphers = rows[i].client[1] ? 2 : 1;
		/* Who negotiates is not let through by it. */
		r->conf.fallback = LNL_CIPHER_AES_256_CBC;
		real_start(r);
		if (rows[i].got == LNL_CIPHER_NONE) {
			expect_refused(r, LNL_CAUSE_CIPHER, LNL_CAUSE_AUTH_FAILED);
			assert_string_equal(
				r->w->why,
				"Data channel cipher negotiation failed (no shared cipher)");
		} else {
			assert_true(sim_real_connect(r, 10 * LNL_SECOND));
			assert_int_equal(lnl_server_cipher(r->server), rows[i].got);
			assert_int_equal(r->key.cipher, rows[i].got);
			sim_world_traffic(r->w, 100, 20 * LNL_MSEC);
			assert_true(sim_world_all_arrived(r->w));
		}
		real_delete(r);
	}
}

/* A client that pulls nothing, and so negotiates nothing, says by its OCC string what it has. */
static void test_without_pull(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sim_real *r = real_new(90 + i, SIM_WRAP_CRYPT, false);

		r->w->conf.pull = false;
		r->conf.auth = r->w->conf.auth = LNL_DIGEST_SHA256;
		r->w->conf.fallback = LNL_CIPHER_AES_128_CBC;
		r->conf.ciphers[1] = i == 0 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_AES_128_GCM;
		r->conf.n_ciphers = 2;
		r->conf.fallback = i == 1 ? LNL_CIPHER_AES_128_CBC : LNL_CIPHER_NONE;
		real_start(r);
		sim_world_run(r->w, 5 * LNL_SECOND);
		if (i == 2) {
			assert_true(r->closed);
			assert_int_equal(r->cause, LNL_CAUSE_CIPHER);
		} else {
			assert_true(r->up);
			assert_int_equal(lnl_server_cipher(r->server), LNL_CIPHER_AES_128_CBC);
			assert_int_equal(r->key.digest, LNL_DIGEST_SHA256);
		}
		real_delete(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_no_user_name),
		cmocka_unit_test(test_certificate_refused),
		cmocka_unit_test(test_no_certificate),
		cmocka_unit_test(test_challenge),
		cmocka_unit_test(test_temporary),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_pending_ends),
		cmocka_unit_test(test_A1_no_verdict),
		cmocka_unit_test(test_A1_late_and_twice),
		cmocka_unit_test(test_A1_after_the_end),
		cmocka_unit_test(test_grant),
		cmocka_unit_test(test_push_again),
		cmocka_unit_test(test_ciphers),
		cmocka_unit_test(test_without_pull),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
