/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may come in: certificates, credentials, challenges, tokens, and how long a client waits. */
/* lunel-test: both */
#include "sim/check.h"
#include "unit/pki/pki.h"

static struct sim_world *start(struct sim_world *w)
{
	assert_int_equal(sim_world_start(w), 0);
	return w;
}

static struct sim_world *with_password(uint64_t seed)
{
	struct sim_world *w = world_new(seed, SIM_WRAP_CRYPT, false);

	w->conf.auth_user_pass = true;
	w->setup.username = "alice";
	w->setup.password = "correct horse";
	w->server_conf.username = "alice";
	w->server_conf.password = "correct horse";
	strcpy(w->secret, "correct horse");
	sim_env_mark(&w->env, "correct horse", 13);
	return w;
}

static void end(struct sim_world *w)
{
	assert_int_equal(w->secrets_seen, 0);
	world_delete(w);
}

static void test_password(void **state)
{
	struct sim_world *w = start(with_password(1));

	(void)state;
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	assert_string_equal(w->server.username, "alice");
	assert_non_null(strstr(w->server.peer_info, "IV_PROTO="));
	end(w);
}

static void test_wrong_password(void **state)
{
	struct sim_world *w = with_password(2);

	(void)state;
	w->setup.password = "battery staple";
	start(w);
	assert_true(sim_world_closes(w, 30 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_AUTH_FAILED);
	assert_int_equal(w->closed_in, LNL_PHASE_AUTH);
	assert_true(w->end.drop_token);
	assert_int_equal(w->counts[LNL_CLIENT_UP], 0);
	assert_int_equal(w->keys_installed, 0);
	end(w);
}

/* What a client does not have it does not send, and what it is not asked for neither. */
static void test_no_password_without_auth_user_pass(void **state)
{
	struct sim_world *w = with_password(3);

	(void)state;
	w->conf.auth_user_pass = false;
	start(w);
	assert_true(sim_world_closes(w, 30 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_AUTH_FAILED);
	assert_string_equal(w->server.password, "");
	end(w);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *text;
		enum lnl_cause cause;
		const char *why;
		enum lnl_advance advance;
		uint32_t backoff;
		bool keep;
	} rows[] = {
		{ "AUTH_FAILED", LNL_CAUSE_AUTH_FAILED, "", LNL_ADVANCE_DEFAULT, 0, false },
		{ "AUTH_FAILED,", LNL_CAUSE_AUTH_FAILED, "", LNL_ADVANCE_DEFAULT, 0, false },
		{ "AUTH_FAILED,go away", LNL_CAUSE_AUTH_FAILED, "go away", LNL_ADVANCE_DEFAULT, 0,
		  false },
		{ "AUTH_FAILED,Data channel cipher negotiation failed (no shared cipher)",
		  LNL_CAUSE_AUTH_FAILED,
		  "Data channel cipher negotiation failed (no shared cipher)", LNL_ADVANCE_DEFAULT,
		  0, false },
		{ "AUTH_FAILED,TEMP", LNL_CAUSE_AUTH_TEMP, "", LNL_ADVANCE_DEFAULT, 0, true },
		{ "AUTH_FAILED,TEMP:later", LNL_CAUSE_AUTH_TEMP, "later", LNL_ADVANCE_DEFAULT, 0,
		  true },
		{ "AUTH_FAILED,TEMP[backoff 42,advance no]:later", LNL_CAUSE_AUTH_TEMP, "later",
		  LNL_ADVANCE_NO, 42, true },
		{ "AUTH_FAILED,TEMP[advance remote]:", LNL_CAUSE_AUTH_TEMP, "", LNL_ADVANCE_REMOTE,
		  0, true },
		{ "AUTH_FAILED,TEMP[advance addr,backoff 1]", LNL_CAUSE_AUTH_TEMP, "",
		  LNL_ADVANCE_ADDR, 1, true },
		{ "AUTH_FAILED,SESSION:expired", LNL_CAUSE_AUTH_SESSION, "expired",
		  LNL_ADVANCE_DEFAULT, 0, false },
		/* malformed: a refusal all the same */
		{ "AUTH_FAILEDX", LNL_CAUSE_AUTH_FAILED, "", LNL_ADVANCE_DEFAULT, 0, false },
		{ "AUTH_FAILED,a\x01z", LNL_CAUSE_AUTH_FAILED, "", LNL_ADVANCE_DEFAULT, 0, false },
		{ "AUTH_FAILED,CRV1:R", LNL_CAUSE_AUTH_FAILED, "", LNL_ADVANCE_DEFAULT, 0, false },
		{ "AUTH_FAILED,CRV1:R:state:***:text", LNL_CAUSE_AUTH_FAILED, "",
		  LNL_ADVANCE_DEFAULT, 0, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = with_password(100 + i);

		w->setup.password = "wrong";
		w->server_conf.refusal = rows[i].text;
		start(w);
		if (!sim_world_closes(w, 30 * LNL_SECOND))
			fail_msg("%s: the connection goes on", rows[i].text);
		assert_int_equal(w->cause, rows[i].cause);
		assert_string_equal(w->why, rows[i].why);
		assert_int_equal(w->end.advance, rows[i].advance);
		assert_int_equal(w->end.backoff, rows[i].backoff);
		assert_int_equal(w->end.keep_auth, rows[i].keep);
		assert_int_equal(w->end.drop_token, !rows[i].keep);
		end(w);
	}
}

/* What only looks like a refusal is none. */
static void test_no_refusals(void **state)
{
	static const char *const texts[] = {
		"auth_failed", "XAUTH_FAILED", "INFO,AUTH_FAILED", "", "AUTH_PENDING", "INFO_PRE",
		NULL
	};
	struct sim_world *w = with_password(4);

	(void)state;
	w->server_conf.greeting = texts;
	start(w);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	end(w);
}

static void test_dynamic_challenge(void **state)
{
	struct sim_world *w = with_password(5);

	(void)state;
	w->setup.password = "wrong";
	/* base64 of "alice" by coreutils */
	w->server_conf.refusal = "AUTH_FAILED,CRV1:R,E:Om01u7Fh4LrGBS7u:YWxpY2U=:Enter: PIN";
	start(w);
	assert_true(sim_world_closes(w, 30 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_CHALLENGE);
	assert_string_equal(w->why, "Enter: PIN");
	assert_string_equal(w->end.challenge_state, "Om01u7Fh4LrGBS7u");
	assert_string_equal(w->end.challenge_user, "alice");
	assert_true(w->end.echo && w->end.response);
	end(w);
}

static void test_text_challenge(void **state)
{
	static const char *const greeting[] = { "AUTH_PENDING,timeout 30",
						"INFO_PRE,CR_TEXT:R,E:Code?", NULL };
	struct sim_world *w = with_password(6);

	(void)state;
	w->server_conf.greeting = greeting;
	w->server_conf.verdict_after = LNL_NEVER;
	start(w);
	sim_world_run(w, 2 * LNL_SECOND);
	assert_int_equal(w->counts[LNL_CLIENT_CHALLENGE], 1);
	assert_string_equal(w->text, "Code?");
	assert_true(w->challenge_echo && w->challenge_response);
	assert_int_equal(lnl_client_respond(w->client, "123456", w->now), 0);
	sim_world_run(w, LNL_SECOND);
	/* base64 of "123456" by coreutils */
	assert_string_equal(w->server.texts[w->server.n_texts - 1], "CR_RESPONSE,MTIzNDU2");
	w->server.verdict_at = w->now;
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	end(w);
}

static void test_page_to_open(void **state)
{
	static const char *const greeting[] = { "INFO_PRE,WEB_AUTH:external:https://a.example/x",
						NULL };
	struct sim_world *w = with_password(7);

	(void)state;
	w->server_conf.greeting = greeting;
	w->server_conf.verdict_after = LNL_SECOND;
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	assert_int_equal(w->counts[LNL_CLIENT_OPEN_URL], 1);
	assert_string_equal(w->text, "https://a.example/x");
	assert_int_equal(w->counts[LNL_CLIENT_CHALLENGE], 0);
	end(w);
}

/* ---- certificates ---- */

static void test_stranger(void **state)
{
	struct sim_world *w = world_new(8, SIM_WRAP_NONE, false);

	(void)state;
	w->setup.ca = pki_other_ca;
	start(w);
	assert_true(sim_world_closes(w, 30 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_CERT);
	assert_int_equal(w->closed_in, LNL_PHASE_HANDSHAKE);
	assert_true(w->why[0] != 0);
	assert_string_equal(w->server.peer_info, "");
	world_delete(w);
}

/* Not a byte of key method 2 leaves before the owner's word. */
static void verify_waits(bool accept)
{
	struct sim_world *w = with_password(9);

	w->conf.verify_asks = true;
	w->setup.verify_waits = true;
	start(w);
	assert_int_equal(lnl_client_verified(w->client, true, NULL, w->now), LNL_E_STATE);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_true(w->verify_waiting);
	assert_int_equal(w->counts[LNL_CLIENT_VERIFY], 1);
	assert_true(lnl_client_chain_len(w->client) > 0);
	assert_non_null(lnl_client_chain(w->client, 0));
	assert_null(lnl_client_chain(w->client, 99));
	assert_string_equal(w->server.peer_info, "");
	assert_int_equal(lnl_client_verified(w->client, accept, accept ? NULL : "no friend",
					     w->now),
			 0);
	if (accept) {
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		assert_int_equal(lnl_client_chain_len(w->client), 0);
	} else {
		assert_true(sim_world_closes(w, 10 * LNL_SECOND));
		assert_int_equal(w->cause, LNL_CAUSE_CERT);
		assert_string_equal(w->why, "no friend");
		assert_string_equal(w->server.peer_info, "");
		assert_int_equal(lnl_client_verified(w->client, true, NULL, w->now), LNL_E_STATE);
	}
	end(w);
}

static void test_verify(void **state)
{
	(void)state;
	verify_waits(true);
	verify_waits(false);
}

/* An owner who never answers ends it by the hand-window, and comes too late then. */
static void test_verify_unanswered(void **state)
{
	struct sim_world *w = with_password(19);
	uint64_t began = w->now;

	(void)state;
	w->conf.verify_asks = true;
	w->setup.verify_waits = true;
	start(w);
	assert_true(sim_world_closes(w, 100 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_TIMEOUT);
	assert_true(w->now - began == 60 * LNL_SECOND);
	assert_int_equal(lnl_client_verified(w->client, true, NULL, w->now), LNL_E_STATE);
	assert_int_equal(lnl_client_chain_len(w->client), 0);
	end(w);
}

/* It is asked at each renegotiation, and a refusal there ends the connection, too. */
static void test_verify_later(void **state)
{
	struct sim_world *w = with_password(10);

	(void)state;
	w->conf.verify_asks = true;
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	w->setup.verify_waits = true;
	assert_int_equal(lnl_client_renegotiate(w->client, w->now), 0);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_int_equal(w->counts[LNL_CLIENT_VERIFY], 2);
	assert_int_equal(w->keys_installed, 1);
	assert_int_equal(lnl_client_verified(w->client, false, NULL, w->now), 0);
	assert_true(sim_world_closes(w, 10 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_CERT);
	end(w);
}

/* ---- tokens ---- */

static struct sim_world *with_token(uint64_t seed)
{
	struct sim_world *w = with_password(seed);

	w->server_conf.token = "SESS_ID_AT_0123456789";
	sim_env_mark(&w->env, "SESS_ID_AT_0123456789", 21);
	return w;
}

static void test_token(void **state)
{
	struct sim_world *w = start(with_token(11));

	(void)state;
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	assert_int_equal(w->counts[LNL_CLIENT_TOKEN], 1);
	assert_string_equal(w->token, "SESS_ID_AT_0123456789");
	assert_string_equal(w->token_user, "");
	assert_string_equal(w->server.password, "correct horse");
	/* The server takes only the token now, and the client sends it. */
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_int_equal(w->server.negotiations, 2);
	assert_string_equal(w->server.username, "alice");
	assert_string_equal(w->server.password, "SESS_ID_AT_0123456789");
	assert_true(w->up);
	end(w);
}

/* A later PUSH_REPLY renews the token and nothing else. */
static void test_token_renewed(void **state)
{
	struct sim_world *w = start(with_token(12));

	(void)state;
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	lnl_session_send_text(w->server.session,
			      "PUSH_REPLY,auth-token SESS_ID_AT_new,ifconfig 1.2.3.4 255.0.0.0,"
			      "auth-token-user Ym9i,ping 3",
			      w->now);
	sim_world_run(w, 2 * LNL_SECOND);
	assert_int_equal(w->counts[LNL_CLIENT_TOKEN], 2);
	assert_int_equal(w->counts[LNL_CLIENT_PULLED], 1);
	assert_string_equal(w->token, "SESS_ID_AT_new");
	assert_string_equal(w->token_user, "bob");
	assert_int_equal(lnl_client_pulled(w->client)->net.addr4.ip.bytes[0], 10);
	assert_int_equal(lnl_client_pulled(w->client)->ping, 10);
	w->server_conf.token = "SESS_ID_AT_new";
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_string_equal(w->server.username, "bob");
	assert_string_equal(w->server.password, "SESS_ID_AT_new");
	assert_true(w->up);
	end(w);
}

static void test_token_expired(void **state)
{
	struct sim_world *w = start(with_token(13));

	(void)state;
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	w->server_conf.token = "another";
	lnl_client_renegotiate(w->client, w->now);
	assert_true(sim_world_closes(w, 10 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_AUTH_SESSION);
	assert_true(w->end.drop_token);
	end(w);
}

/* A client without a password is given a token and a name for it. */
static void test_token_without_password(void **state)
{
	struct sim_world *w = world_new(14, SIM_WRAP_CRYPT, false);

	(void)state;
	/* base64 of "carol" by coreutils */
	w->server_conf.extra = "auth-token-user Y2Fyb2w=,auth-token SESS_ID_AT_c";
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	assert_string_equal(w->server.username, "");
	assert_string_equal(w->token_user, "carol");
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_string_equal(w->server.username, "carol");
	assert_string_equal(w->server.password, "SESS_ID_AT_c");
	world_delete(w);
}

static void test_token_without_password_or_name(void **state)
{
	struct sim_world *w = world_new(15, SIM_WRAP_CRYPT, false);

	(void)state;
	w->server_conf.token = "SESS_ID_AT_c";
	start(w);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_int_equal(w->server.negotiations, 2);
	assert_string_equal(w->server.username, "");
	assert_string_equal(w->server.password, "");
	world_delete(w);
}

/* Neither filters nor malformed messages bring a token into the log. */
static void test_token_is_not_logged(void **state)
{
	static const struct lnl_pull_filter filters[] = {
		{ LNL_FILTER_IGNORE, "auth-token" },
		{ LNL_FILTER_REJECT, "auth-token" },
	};
	static const char *const malformed[] = { "PUSH_REPLY,auth-token SESS_ID_AT_01234,echo \x01",
						 NULL };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sim_world *w = with_token(16 + i);

		strcpy(w->secret, "SESS_ID");
		if (i < 2) {
			w->conf.filters = &filters[i];
			w->conf.n_filters = 1;
		}
		w->server_conf.greeting = malformed;
		start(w);
		assert_int_equal(sim_world_connect(w, 10 * LNL_SECOND), i != 1);
		assert_int_equal(w->counts[LNL_CLIENT_TOKEN], i == 2);
		if (i == 1) {
			assert_int_equal(w->cause, LNL_CAUSE_PUSH);
			assert_null(strstr(w->why, "SESS_ID"));
		}
		end(w);
	}
}

/* ---- waiting ---- */

/* Nobody answers. */
static void test_no_answer(void **state)
{
	struct sim_world *w = world_new(20, SIM_WRAP_CRYPT, false);
	uint64_t began = w->now;

	(void)state;
	w->net.cut[SIM_SERVER] = true;
	start(w);
	assert_true(sim_world_closes(w, 100 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_TIMEOUT);
	assert_int_equal(w->closed_in, LNL_PHASE_CONNECT);
	assert_true(w->now - began == 60 * LNL_SECOND);
	/* 0, 2, 6, 14, 30 seconds */
	assert_int_equal(w->net.sent[SIM_CLIENT], 5);
	world_delete(w);
}

/* The handshake begins, and does not end. */
static void test_no_record(void **state)
{
	struct sim_world *w = world_new(21, SIM_WRAP_CRYPT, false);
	uint64_t began = w->now;

	(void)state;
	w->server_conf.silent_record = true;
	start(w);
	assert_true(sim_world_closes(w, 100 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_TIMEOUT);
	assert_int_equal(w->closed_in, LNL_PHASE_HANDSHAKE);
	assert_true(w->now - began == 60 * LNL_SECOND);
	world_delete(w);
}

static void test_no_push(void **state)
{
	struct sim_world *w = world_new(22, SIM_WRAP_CRYPT, false);
	uint64_t began = w->now;

	(void)state;
	w->server_conf.mute = true;
	start(w);
	assert_true(sim_world_closes(w, 100 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_PUSH);
	assert_int_equal(w->closed_in, LNL_PHASE_AUTH);
	assert_true(w->now - began >= 60 * LNL_SECOND && w->now - began < 61 * LNL_SECOND);
	/* one at once, then each 5 seconds */
	assert_int_equal(w->server.push_requests, 12);
	world_delete(w);
}

/* AUTH_PENDING: at most half the renegotiation interval, at least the hand-window. */
static void test_pending(void **state)
{
	static const struct {
		const char *text;
		unsigned reneg, closes; /* seconds */
	} rows[] = {
		{ "AUTH_PENDING,timeout 300", 3600, 300 },
		{ "AUTH_PENDING,timeout 20", 3600, 20 },
		{ "AUTH_PENDING,timeout 9999", 3600, 1800 },
		{ "AUTH_PENDING,timeout 4294967295", 3600, 1800 },
		{ "AUTH_PENDING,timeout 99999999999", 3600, 1800 },
		{ "AUTH_PENDING", 3600, 1800 },
		{ "AUTH_PENDING,timeout 300", 0, 60 },
		{ "AUTH_PENDINGX,timeout 300", 3600, 60 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const greeting[] = { rows[i].text, NULL };
		struct sim_world *w = world_new(30 + i, SIM_WRAP_CRYPT, false);
		uint64_t began = w->now, span;

		w->conf.session.reneg_interval = rows[i].reneg * LNL_SECOND;
		w->server_conf.greeting = greeting;
		w->server_conf.mute = true;
		start(w);
		assert_true(sim_world_closes(w, 4000 * LNL_SECOND));
		assert_int_equal(w->cause, LNL_CAUSE_PUSH);
		span = (w->now - began) / LNL_SECOND;
		if (span != rows[i].closes)
			fail_msg("%s: closed after %lu s, not %u", rows[i].text,
				 (unsigned long)span, rows[i].closes);
		world_delete(w);
	}
}

static void test_pending_then_accepted(void **state)
{
	static const char *const greeting[] = { "AUTH_PENDING,timeout 200", NULL };
	struct sim_world *w = world_new(40, SIM_WRAP_CRYPT, false);

	(void)state;
	w->conf.session.reneg_interval = 3600 * LNL_SECOND;
	w->server_conf.greeting = greeting;
	w->server_conf.verdict_after = 190 * LNL_SECOND;
	start(w);
	assert_false(sim_world_connect(w, 180 * LNL_SECOND));
	assert_false(w->closed);
	assert_true(sim_world_connect(w, 15 * LNL_SECOND));
	sim_world_traffic(w, 5, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_password),
		cmocka_unit_test(test_wrong_password),
		cmocka_unit_test(test_no_password_without_auth_user_pass),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_refusals),
		cmocka_unit_test(test_dynamic_challenge),
		cmocka_unit_test(test_text_challenge),
		cmocka_unit_test(test_page_to_open),
		cmocka_unit_test(test_stranger),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_verify_unanswered),
		cmocka_unit_test(test_verify_later),
		cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_renewed),
		cmocka_unit_test(test_token_expired),
		cmocka_unit_test(test_token_without_password),
		cmocka_unit_test(test_token_without_password_or_name),
		cmocka_unit_test(test_token_is_not_logged),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_no_record),
		cmocka_unit_test(test_no_push),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_pending_then_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
