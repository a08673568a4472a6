/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each control message does to a client that waits for the server's verdict, or is up. */
#include "test_control_client.h"

#define REPLY                                                                                      \
	"PUSH_REPLY,ifconfig 10.8.0.2 255.255.255.0,topology subnet,peer-id 7,cipher AES-256-GCM"

/* ---- AUTH_FAILED ---- */

static void test_auth_failed(void **state)
{
	static const struct {
		const char *message;
		bool token; /* it was logged in by one */
		enum lnl_cause cause;
		const char *text;
		enum lnl_advance advance;
		unsigned backoff;
		bool drop_token, keep_auth;
	} rows[] = {
		{ "AUTH_FAILED", false, LNL_CAUSE_AUTH_FAILED, "", 0, 0, true, false },
		{ "AUTH_FAILED,who are you?", false, LNL_CAUSE_AUTH_FAILED, "who are you?", 0, 0,
		  true, false },
		{ "AUTH_FAILED,caf\xc3\xa9", false, LNL_CAUSE_AUTH_FAILED, "caf??", 0, 0, true,
		  false },
		{ "AUTH_FAILED\r\n", false, LNL_CAUSE_AUTH_FAILED, "", 0, 0, true, false },
		/* who had a token may come again with the password */
		{ "AUTH_FAILED", true, LNL_CAUSE_AUTH_SESSION, "", 0, 0, true, false },
		{ "AUTH_FAILED,SESSION: expired", true, LNL_CAUSE_AUTH_SESSION, " expired", 0, 0,
		  true, false },
		{ "AUTH_FAILED,SESSION: expired", false, LNL_CAUSE_AUTH_SESSION, " expired", 0, 0,
		  true, false },
		{ "AUTH_FAILED,TEMP", false, LNL_CAUSE_AUTH_TEMP, "", 0, 0, false, true },
		{ "AUTH_FAILED,TEMP", true, LNL_CAUSE_AUTH_TEMP, "", 0, 0, false, true },
		{ "AUTH_FAILED,TEMP[backoff 5,advance no]:later", false, LNL_CAUSE_AUTH_TEMP,
		  "later", LNL_ADVANCE_NO, 5, false, true },
		{ "AUTH_FAILED,TEMP[advance remote]:go", false, LNL_CAUSE_AUTH_TEMP, "go",
		  LNL_ADVANCE_REMOTE, 0, false, true },
		/* a malformed no is a no */
		{ "AUTH_FAILED,CRV1:R,E", false, LNL_CAUSE_AUTH_FAILED, "", 0, 0, true, false },
		{ "AUTH_FAILED,CRV1:R,E:id:***:text", true, LNL_CAUSE_AUTH_SESSION, "", 0, 0, true,
		  false },
		{ "AUTH_FAILED,a\x01z", false, LNL_CAUSE_AUTH_FAILED, "", 0, 0, true, false },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		attempt_connect(a);
		a->c->has_token = rows[i].token;
		attempt_hear(a, rows[i].message);

		const struct lnl_client_event *e = attempt_closed(a);
		assert_non_null(e);
		if (e->cause != rows[i].cause || strcmp(e->text, rows[i].text) != 0)
			fail_msg("row %u: %s \"%s\"", i, lnl_cause_name(e->cause), e->text);
		assert_int_equal(e->end.advance, rows[i].advance);
		assert_int_equal(e->end.backoff, rows[i].backoff);
		assert_int_equal(e->end.drop_token, rows[i].drop_token);
		assert_int_equal(e->end.keep_auth, rows[i].keep_auth);
		assert_string_equal(e->end.challenge_state, "");
		/* After the end nothing counts. */
		attempt_hear(a, "AUTH_FAILED,again");
		assert_int_equal(attempt_count(a, LNL_CLIENT_CLOSED), 1);
	}
}

/* What only looks like it. */
static void test_no_auth_failed(void **state)
{
	static const char *const rows[] = { "AUTH_FAILE", "auth_failed", " AUTH_FAILED",
					    "NOT_AUTH_FAILED", "" };
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		attempt_connect(a);
		attempt_hear(a, rows[i]);
		assert_null(attempt_closed(a));
	}
}

static void test_dynamic_challenge(void **state)
{
	static const struct {
		const char *message;
		const char *state, *user, *text;
		bool echo, response;
	} rows[] = {
		{ "AUTH_FAILED,CRV1:R,E:Om01:Ym9i:How much: 1+1?", "Om01", "bob", "How much: 1+1?",
		  true, true },
		{ "AUTH_FAILED,CRV1:R:a b=:Ym9i:x", "a b=", "bob", "x", false, true },
		{ "AUTH_FAILED,CRV1::s:Ym9i:", "s", "bob", "", false, false },
		{ "AUTH_FAILED,CRV1:E:s::x", "s", "", "x", true, false },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		for (unsigned token = 0; token < 2; token++) {
			attempt_connect(a);
			a->c->has_token = token;
			attempt_hear(a, rows[i].message);

			const struct lnl_client_event *e = attempt_closed(a);
			assert_int_equal(e->cause, LNL_CAUSE_CHALLENGE);
			assert_string_equal(e->text, rows[i].text);
			assert_string_equal(e->end.challenge_state, rows[i].state);
			assert_string_equal(e->end.challenge_user, rows[i].user);
			assert_int_equal(e->end.echo, rows[i].echo);
			assert_int_equal(e->end.response, rows[i].response);
			assert_true(e->end.drop_token);
		}
	}
}

/* What the next attempt sends back comes back byte for byte: a longest state, a name in UTF-8. */
static void test_challenge_comes_back_whole(void **state)
{
	struct attempt *a = *state;
	char id[LNL_MESSAGE_FIELD + 2], text[2 * LNL_MESSAGE_FIELD] = "AUTH_FAILED,CRV1:R:";

	for (size_t len = LNL_MESSAGE_FIELD - 1; len <= LNL_MESSAGE_FIELD + 1; len++) {
		bool fits = len <= LNL_MESSAGE_FIELD;

		memset(id, 's', len);
		id[len] = '\0';
		strcpy(strchr(text, ':') + 3, id);
		strcat(text, ":asO2cmc=:x"); /* jörg */
		attempt_connect(a);
		attempt_hear(a, text);

		const struct lnl_client_event *e = attempt_closed(a);
		assert_int_equal(e->cause, fits ? LNL_CAUSE_CHALLENGE : LNL_CAUSE_AUTH_FAILED);
		assert_string_equal(e->end.challenge_state, fits ? id : "");
		assert_string_equal(e->end.challenge_user, fits ? "j\xc3\xb6rg" : "");
	}
}

/* ---- RESTART, HALT, EXIT ---- */

static void test_server_ends(void **state)
{
	static const struct {
		const char *message;
		enum lnl_cause cause;
		const char *text;
		enum lnl_advance advance;
		bool keep_auth;
	} rows[] = {
		{ "RESTART", LNL_CAUSE_RESTART, "", LNL_ADVANCE_DEFAULT, false },
		{ "RESTART,", LNL_CAUSE_RESTART, "", LNL_ADVANCE_DEFAULT, false },
		{ "RESTART,[P]", LNL_CAUSE_RESTART, "", LNL_ADVANCE_DEFAULT, true },
		{ "RESTART,[N]", LNL_CAUSE_RESTART, "", LNL_ADVANCE_REMOTE, false },
		{ "RESTART,[PN]Server is moving", LNL_CAUSE_RESTART, "Server is moving",
		  LNL_ADVANCE_REMOTE, true },
		{ "HALT", LNL_CAUSE_HALT, "", LNL_ADVANCE_DEFAULT, false },
		{ "HALT,client was killed", LNL_CAUSE_HALT, "client was killed",
		  LNL_ADVANCE_DEFAULT, false },
		{ "EXIT", LNL_CAUSE_EXIT, "the server said goodbye", LNL_ADVANCE_DEFAULT, false },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
		unsigned row = i / 2;

		attempt_connect(a);
		if (i % 2 == 1)
			attempt_hear(a, REPLY);
		attempt_hear(a, rows[row].message);

		const struct lnl_client_event *e = attempt_closed(a);
		assert_int_equal(e->cause, rows[row].cause);
		assert_string_equal(e->text, rows[row].text);
		assert_int_equal(e->phase, i % 2 == 1 ? LNL_PHASE_UP : LNL_PHASE_AUTH);
		assert_int_equal(e->end.advance, rows[row].advance);
		assert_int_equal(e->end.keep_auth, rows[row].keep_auth);
		assert_false(e->end.drop_token);
	}
}

/* ---- AUTH_PENDING ---- */

/* Seconds until it gives up; the client has been waiting for |waited| when the message comes. */
static uint64_t patience(struct attempt *a, const char *message, uint64_t waited)
{
	uint64_t start;

	attempt_connect(a);
	start = a->p.now;
	a->p.now += waited;
	if (message != NULL)
		attempt_hear(a, message);
	while (attempt_closed(a) == NULL) {
		a->p.now += LNL_SECOND;
		lnl_client_tick(a->c, a->p.now);
		attempt_take(a);
	}
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
	return (a->p.now - start) / LNL_SECOND;
}

/* At most it grants half of what reneg-sec says, or the handshake's time if that is more. */
static void test_auth_pending(void **state)
{
	static const struct {
		const char *message;
		unsigned reneg, waited, patience;
	} rows[] = {
		{ NULL, 0, 0, 60 },
		{ "AUTH_PENDING", 0, 0, 60 },
		{ "AUTH_PENDING", 0, 50, 110 },
		{ "AUTH_PENDING,timeout 10", 0, 50, 60 },
		{ "AUTH_PENDING,timeout 60", 0, 10, 70 },
		{ "AUTH_PENDING,timeout 61", 0, 10, 70 },
		{ "AUTH_PENDING,timeout 0", 0, 10, 70 },
		{ "AUTH_PENDING", 100, 10, 70 },
		{ "AUTH_PENDING", 3600, 10, 1810 },
		{ "AUTH_PENDING,timeout 300", 3600, 10, 310 },
		{ "AUTH_PENDING,timeout 4000000000", 3600, 10, 1810 },
		{ "AUTH_PENDING,timeout x", 3600, 10, 1810 },
		/* it can also make it shorter: the last word counts */
		{ "AUTH_PENDING,timeout 1", 0, 0, 1 },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		a->conf.session.reneg_interval = rows[i].reneg * LNL_SECOND;
		uint64_t got = patience(a, rows[i].message, rows[i].waited * LNL_SECOND);
		if (got != rows[i].patience)
			fail_msg("row %u: %u s", i, (unsigned)got);
	}
	a->conf.session.reneg_interval = 0;
	/* Once up there is nothing to wait for. */
	attempt_connect(a);
	attempt_hear(a, REPLY);
	attempt_hear(a, "AUTH_PENDING,timeout 1");
	a->p.now += 2 * LNL_SECOND;
	lnl_client_tick(a->c, a->p.now);
	attempt_take(a);
	assert_null(attempt_closed(a));
}

/* One that comes before the server's record makes the handshake itself longer, never shorter. */
static void test_auth_pending_in_handshake(void **state)
{
	static const struct {
		const char *message;
		unsigned reneg, waited, patience; /* seconds */
	} rows[] = {
		{ NULL, 3600, 10, 60 },
		{ "AUTH_PENDING,timeout 300", 3600, 10, 310 },
		{ "AUTH_PENDING,timeout 4000000000", 3600, 10, 1810 },
		{ "AUTH_PENDING", 0, 10, 70 },
		{ "AUTH_PENDING,timeout 50", 0, 10, 60 },
		{ "AUTH_PENDING,timeout 51", 0, 10, 61 },
		{ "AUTH_PENDING,timeout 1", 3600, 10, 60 },
	};
	struct attempt *a = *state;

	a->p.hold[SERVER] = true;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		uint64_t start = a->p.now;

		a->conf.session.reneg_interval = rows[i].reneg * LNL_SECOND;
		attempt_reset(a);
		assert_int_equal(lnl_client_new(&a->c, &a->conf, "user", "pass", a->p.now), 0);
		assert_int_equal(lnl_session_new(&a->p.s[SERVER], &a->p.conf[SERVER], a->p.now), 0);
		attempt_run(a);
		assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_HANDSHAKE);
		a->p.now += rows[i].waited * LNL_SECOND;
		if (rows[i].message != NULL)
			attempt_hear(a, rows[i].message);
		while (attempt_closed(a) == NULL) {
			a->p.now += LNL_SECOND;
			lnl_client_tick(a->c, a->p.now);
			attempt_take(a);
		}
		assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_TIMEOUT);
		if (a->p.now - start != rows[i].patience * LNL_SECOND)
			fail_msg("row %u: %u s", i, (unsigned)((a->p.now - start) / LNL_SECOND));
	}
}

/* What is granted is what is logged. */
static void test_auth_pending_is_logged(void **state)
{
	struct attempt *a = *state;

	a->conf.session.reneg_interval = 3600 * LNL_SECOND;
	attempt_connect(a);
	a->logged[0] = '\0';
	attempt_hear(a, "AUTH_PENDING,timeout 300");
	attempt_hear(a, "AUTH_PENDING,timeout 4000000000");
	assert_string_equal(a->logged, "auth.pending seconds=300|auth.pending seconds=1800|");
}

/* ---- INFO and what nobody knows ---- */

static void test_info(void **state)
{
	static const struct {
		const char *message;
		enum lnl_client_event_kind kind;
		const char *text;
		bool echo, response;
	} rows[] = {
		{ "INFO_PRE,OPEN_URL:https://a.example/?x=1,2", LNL_CLIENT_OPEN_URL,
		  "https://a.example/?x=1,2", false, false },
		{ "INFO,OPEN_URL:https://a.example", LNL_CLIENT_OPEN_URL, "https://a.example",
		  false, false },
		{ "INFO_PRE,WEB_AUTH:hidden:https://b.example", LNL_CLIENT_OPEN_URL,
		  "https://b.example", false, false },
		{ "INFO_PRE,CR_TEXT:R,E:Code, please", LNL_CLIENT_CHALLENGE, "Code, please", true,
		  true },
		{ "INFO_PRE,CR_TEXT:R:Code", LNL_CLIENT_CHALLENGE, "Code", false, true },
		{ "INFO_PRE,CR_TEXT::Read this", LNL_CLIENT_CHALLENGE, "Read this", false, false },
		{ "INFO_PRE,CR_TEXT:R:C\xc3\xb6", LNL_CLIENT_CHALLENGE, "C??", false, true },
		{ "INFO,news", LNL_CLIENT_TEXT, "news", false, false },
		{ "INFO_PRE,OPEN_URLS:x", LNL_CLIENT_TEXT, "OPEN_URLS:x", false, false },
		{ "WHATEVER,1,2", LNL_CLIENT_TEXT, "WHATEVER,1,2", false, false },
		{ "WHATEVER\r\n", LNL_CLIENT_TEXT, "WHATEVER", false, false },
		/* a client's own words from a server are words */
		{ "PUSH_REQUEST", LNL_CLIENT_TEXT, "PUSH_REQUEST", false, false },
		{ "CR_RESPONSE,eA==", LNL_CLIENT_TEXT, "CR_RESPONSE,eA==", false, false },
		{ "PUSH_UPDATE,route 10.0.0.0", LNL_CLIENT_TEXT, "PUSH_UPDATE,route 10.0.0.0",
		  false, false },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		attempt_connect(a);
		unsigned before = a->n;
		attempt_hear(a, rows[i].message);
		if (a->n != before + 1 || a->events[before].kind != rows[i].kind)
			fail_msg("row %u: %u events", i, a->n - before);
		assert_string_equal(a->events[before].text, rows[i].text);
		assert_int_equal(a->events[before].echo, rows[i].echo);
		assert_int_equal(a->events[before].response, rows[i].response);
		assert_null(attempt_closed(a));
	}
}

/*
 * A server that says much before the owner listens: one place is kept for the end, which is then the
 * last that counts.
 */
static void test_too_much_at_once(void **state)
{
	static const struct {
		const char *message;
		enum lnl_client_event_kind kind;
	} rows[] = {
		{ "INFO_PRE,CR_TEXT:R,E:Code", LNL_CLIENT_CHALLENGE },
		{ "INFO_PRE,OPEN_URL:https://a.example", LNL_CLIENT_OPEN_URL },
		{ "INFO,news", LNL_CLIENT_TEXT },
		{ "WHATEVER", LNL_CLIENT_TEXT },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < 2 * ROWS(rows); i++) {
		/* without and with one too many */
		unsigned n = LNL_CLIENT_EVENTS - 1 + i % 2, row = i / 2;

		attempt_connect(a);
		for (unsigned k = 0; k < n; k++)
			lnl_client_take_text(a->c, rows[row].message, strlen(rows[row].message),
					     a->p.now);
		if (i % 2 == 0)
			lnl_client_take_text(a->c, "AUTH_FAILED,no", 14, a->p.now);
		else
			lnl_client_take_text(a->c, rows[row].message, strlen(rows[row].message),
					     a->p.now);
		attempt_take(a);
		assert_int_equal(attempt_count(a, rows[row].kind), LNL_CLIENT_EVENTS - 1);
		assert_int_equal(attempt_closed(a)->cause,
				 i % 2 == 0 ? LNL_CAUSE_AUTH_FAILED : LNL_CAUSE_INTERNAL);
		assert_ptr_equal(attempt_closed(a), &a->events[a->n - 1]);
	}
}

/* Nothing comes of it but a line in the log, which ends before what may be a secret. */
static void test_malformed(void **state)
{
	static const struct {
		const char *message;
		const char *logged;
	} rows[] = {
		{ "PUSH_REPLYX,auth-token secret", "control.malformed text=PUSH_REPLYX|" },
		{ "PUSH_REPLY,auth-token sec\x7fret", "control.malformed text=PUSH_REPLY|" },
		{ "INFO\x02,secret", "control.malformed text=INFO?|" },
		{ "what\x1b[2J", "control.malformed text=what?[2J|" },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		attempt_connect(a);
		unsigned before = a->n;
		a->logged[0] = '\0';
		attempt_hear(a, rows[i].message);
		assert_int_equal(a->n, before);
		assert_string_equal(a->logged, rows[i].logged);
	}
	attempt_connect(a);
	a->logged[0] = '\0';
	attempt_hear_bytes(a, "a\0b", 3);
	assert_string_equal(a->logged, "control.malformed text=a?b|");
}

/* ---- PUSH_REPLY ---- */

/* Of two parts, when is the first one not all? */
static void test_continuation(void **state)
{
	static const struct {
		const char *tail;
		bool more;
	} rows[] = {
		{ "", false },
		{ ",push-continuation 2", true },
		{ ",push-continuation 1", false },
		{ ",push-continuation 0", false },
		{ ",push-continuation 22", false },
		{ ",push-continuation 2,", false },
		{ ",push-continuation 2 ", false },
		{ ",xpush-continuation 2", false },
		{ ",echo push-continuation 2", false },
		{ ",push-continuation 2,echo x", false },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		char text[256] = REPLY;

		attempt_connect(a);
		strcat(text, rows[i].tail);
		attempt_hear(a, text);
		if (attempt_count(a, LNL_CLIENT_PULLED) != !rows[i].more)
			fail_msg("row %u", i);
		assert_int_equal(lnl_client_phase(a->c),
				 rows[i].more ? LNL_PHASE_AUTH : LNL_PHASE_UP);
		attempt_hear(a, "PUSH_REPLY,route 10.9.0.0 255.255.0.0");
		assert_int_equal(attempt_count(a, LNL_CLIENT_PULLED), 1);
		assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
		assert_int_equal(lnl_client_pulled(a->c)->net.n_routes, rows[i].more);
	}
	/* The word alone, without options before it. */
	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY,push-continuation 2");
	attempt_hear(a, REPLY);
	assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
}

/* Before TLS and records have proven anything, nothing is believed. */
static void test_reply_too_early(void **state)
{
	struct attempt *a = *state;

	attempt_reset(a);
	assert_int_equal(lnl_client_new(&a->c, &a->conf, NULL, NULL, a->p.now), 0);
	attempt_hear(a, REPLY);
	assert_int_equal(a->n, 0);
	assert_int_equal(lnl_client_options_len(a->c), 0);
	/* And not while the owner thinks about the first one. */
	a->hold = true;
	attempt_connect(a);
	attempt_hear(a, REPLY);
	assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_CONFIGURE);
	attempt_hear(a, "PUSH_REPLY,route 10.9.0.0 255.255.0.0");
	assert_int_equal(attempt_count(a, LNL_CLIENT_PULLED), 1);
	assert_int_equal(lnl_client_options_len(a->c), 4);
	a->hold = false;
}

/* All parts of an answer together, as they are kept: each with a comma behind it. */
static void test_limits(void **state)
{
	static char part[LNL_PUSH_TEXT_MAX + 64];
	static const size_t head = sizeof("PUSH_REPLY,") - 1;
	struct attempt *a = *state;

	/* 64 KiB with the NUL that they once had, one byte more or less. */
	for (size_t len = LNL_PUSH_TEXT_MAX - 3; len <= LNL_PUSH_TEXT_MAX; len++) {
		bool fits = len <= LNL_PUSH_TEXT_MAX - 2;

		attempt_connect(a);
		memset(part, ',', sizeof(part));
		memcpy(part, "PUSH_REPLY,", head);
		attempt_hear_bytes(a, part, head + len);
		assert_int_equal(attempt_count(a, LNL_CLIENT_PULLED), fits);
		if (!fits)
			assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
	}
	for (unsigned n = LNL_PUSH_MESSAGES - 1; n <= LNL_PUSH_MESSAGES; n++) {
		attempt_connect(a);
		for (unsigned i = 0; i < n; i++)
			attempt_hear(a, "PUSH_REPLY,push-continuation 2");
		assert_null(attempt_closed(a));
		attempt_hear(a, REPLY);
		if (n < LNL_PUSH_MESSAGES) {
			assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
			continue;
		}
		assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
		assert_non_null(strstr(attempt_closed(a)->text, "does not end"));
	}
}

static void test_no_memory(void **state)
{
	struct attempt *a = *state;

	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY,auth-token s3cr3t-s3cr3t-16,push-continuation 2");
	a->p.env.fail_at = a->p.env.allocations + 1;
	attempt_hear(a, REPLY);
	a->p.env.fail_at = 0;
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
	assert_string_equal(attempt_closed(a)->text, lnl_error_text(LNL_E_NOMEM));
	/* What came before is kept till the end, and wiped then. */
	a->p.env.secret = (const uint8_t *)"s3cr3t-s3cr3t-16";
	attempt_reset(a);
	assert_int_equal(a->p.env.leaks, 0);
	/* Nor does a part that was moved to make room leave it behind. */
	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY,auth-token s3cr3t-s3cr3t-16,push-continuation 2");
	attempt_hear(a, REPLY);
	assert_string_equal(attempt_event(a, LNL_CLIENT_TOKEN)->text, "s3cr3t-s3cr3t-16");
	memset(a->texts, 0, sizeof(a->texts));
	attempt_reset(a);
	assert_int_equal(a->p.env.leaks, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTEMPT_TEST(test_auth_failed),
		ATTEMPT_TEST(test_no_auth_failed),
		ATTEMPT_TEST(test_dynamic_challenge),
		ATTEMPT_TEST(test_challenge_comes_back_whole),
		ATTEMPT_TEST(test_server_ends),
		ATTEMPT_TEST(test_auth_pending),
		ATTEMPT_TEST(test_auth_pending_in_handshake),
		ATTEMPT_TEST(test_auth_pending_is_logged),
		ATTEMPT_TEST(test_info),
		ATTEMPT_TEST(test_too_much_at_once),
		ATTEMPT_TEST(test_malformed),
		ATTEMPT_TEST(test_continuation),
		ATTEMPT_TEST(test_reply_too_early),
		ATTEMPT_TEST(test_limits),
		ATTEMPT_TEST(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
