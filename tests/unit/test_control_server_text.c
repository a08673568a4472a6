/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A client's control messages before and after it is let in, and texts of the server's that cannot
 * be sent. TRUST C4, W7.
 */
#include "test_control_server.h"

#include <stdio.h>

#define INFO "IV_PROTO=478\nIV_CIPHERS=AES-256-GCM\n"
#define BIG  65536

static struct {
	struct server_pair pair;
	struct lnl_log log;
	unsigned records; /* so far */
	char last[512];	  /* "event name=text" of the last one */
} t;

static void count(void *ctx, const struct lnl_record *r)
{
	(void)ctx;
	t.records++;
	snprintf(t.last, sizeof(t.last), "%s", r->event);
	for (unsigned i = 0; i < r->n; i++) {
		size_t len = strlen(t.last);

		if (r->field[i].type == LNL_FIELD_TEXT)
			snprintf(t.last + len, sizeof(t.last) - len, " %s=%s", r->field[i].name,
				 r->field[i].text);
	}
}

static int begin(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	pair_init(&t.pair);
	t.log = (struct lnl_log){ NULL, count, LNL_LEVEL_TRACE };
	t.pair.conf.session.log = &t.log;
	t.pair.record.peer_info = INFO;
	return 0;
}

static int end(void **state)
{
	(void)state;
	lnl_secret_wipe(&t.pair.key, sizeof(t.pair.key));
	pair_deinit(&t.pair);
	return 0;
}

#define TEXT_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

/* The bytes as plaintext of the client's TLS, in records of at most 16 KiB. */
static void say(const char *data, size_t len)
{
	struct lnl_session *c = t.pair.s.s[CLIENT];
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = len - at < 16000 ? len - at : 16000;
		assert_int_equal(lnl_tls_write(lnl_session_tls(c, 0), data + at, n), 0);
		/* TLS has it; a text of the session's brings both on their way. */
		lnl_session_send_text(c, "INFO", t.pair.s.now);
		pair_run(&t.pair);
	}
}

static void judge(void)
{
	assert_int_equal(lnl_server_judged(t.pair.server, LNL_JUDGED_OK, NULL, t.pair.s.now), 0);
	pair_run(&t.pair);
	assert_int_equal(t.pair.events[LNL_SERVER_AUTHORIZE], 1);
}

static void grant(void)
{
	static const char *const push[] = { "ping 10" };
	static const struct lnl_grant g = { .push = push, .n_push = 1, .ends_at = LNL_NEVER };

	assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), 0);
	pair_run(&t.pair);
	assert_int_equal(t.pair.events[LNL_SERVER_UP], 1);
}

/* Nothing that is granted, and nothing that says how it stands. */
static void has_nothing(void)
{
	assert_int_equal(t.pair.n_texts, 0);
	assert_int_equal(t.pair.events[LNL_SERVER_PEER_ADD], 0);
	assert_int_equal(t.pair.events[LNL_SERVER_KEY_INSTALL], 0);
	assert_int_equal(t.pair.events[LNL_SERVER_UP], 0);
	assert_int_equal(t.pair.events[LNL_SERVER_TEXT], 0);
	assert_int_equal(t.pair.events[LNL_SERVER_CLOSED], 0);
}

/* What a client can say; |malformed| is the log's line once it is let in, NULL: none. */
static const struct row {
	const char *data;
	size_t len;
	unsigned responses; /* given to the owner, who knows whether it asked */
	unsigned texts;	    /* of who is let in */
	const char *malformed;
} rows[] = {
#define ROW(s, ...)                                                                                \
	{                                                                                          \
		s, sizeof(s) - 1, __VA_ARGS__                                                      \
	}
	ROW("PUSH_REQUEST\0", 0, 0, NULL),
	ROW("PUSH_REQUEST", 0, 0, NULL), /* no NUL */
	ROW("PUSH_REQUEST,x\0", 0, 0, NULL),
	ROW("PUSH_REQUESTX\0", 0, 0, "PUSH_REQUESTX"),
	ROW("PUSH_REQUEST\x01\0", 0, 0, "PUSH_REQUEST?"),
	ROW("PUSH_REPLY,ping 1\0", 0, 1, NULL),
	ROW("CR_RESPONSE,eA==\0", 1, 0, NULL), /* nobody asked */
	ROW("CR_RESPONSE\0", 1, 0, NULL),
	ROW("CR_RESPONSE,!!secret\0", 0, 0, "CR_RESPONSE"),
	ROW("CR_RESPONSE,AAE=\0", 0, 0, NULL), /* an answer of control bytes */
	ROW("CR_RESPONSEX,secret\0", 0, 0, "CR_RESPONSEX"),
	ROW("AUTH_FAILED\0", 0, 1, NULL),
	ROW("RESTART,[N]\0", 0, 1, NULL),
	ROW("what is this\0", 0, 1, NULL),
	ROW("what is this", 0, 1, NULL), /* no NUL */
	ROW("what\x1b[2J\0", 0, 0, "what?[2J"),
	ROW("\0", 0, 0, NULL),
	ROW("\0\0\0\0\0", 0, 0, NULL),
	ROW("\r\n\0", 0, 1, NULL),
#undef ROW
};

/* One row, |n| times: gives what it left in the log. */
static unsigned say_row(const struct row *row, unsigned n)
{
	unsigned before = t.records;

	for (unsigned i = 0; i < n; i++)
		say(row->data, row->len);
	return t.records - before;
}

/* C4: whatever is said before the verdict and before the grant: no line, no configuration. */
static void test_premature(void **state)
{
	unsigned responses = 0;

	(void)state;
	pair_start(&t.pair);
	for (unsigned granting = 0; granting < 2; granting++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			responses += 50 * rows[i].responses;
			if (say_row(&rows[i], 50) > 0)
				fail_msg("row %zu: logged %s", i, t.last);
			assert_int_equal(t.pair.events[LNL_SERVER_RESPONSE], responses);
			has_nothing();
		}
		if (!granting)
			judge();
		has_nothing();
	}
	/* The twin: it is let in, and has its reply, once. */
	grant();
	assert_int_equal(t.pair.n_texts, 1);
	assert_int_equal(strncmp(t.pair.texts[0], "PUSH_REPLY,ping 10,", 19), 0);
}

/* The twin: who is let in is heard, and what is malformed is logged without what may be secret. */
static void test_let_in(void **state)
{
	(void)state;
	pair_start(&t.pair);
	judge();
	grant();
	t.pair.events[LNL_SERVER_RESPONSE] = t.pair.events[LNL_SERVER_TEXT] = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned texts = t.pair.events[LNL_SERVER_TEXT];
		unsigned responses = t.pair.events[LNL_SERVER_RESPONSE];
		char line[128] = "";

		t.last[0] = 0;
		if (rows[i].malformed)
			snprintf(line, sizeof(line), "control.malformed text=%s",
				 rows[i].malformed);
		assert_int_equal(say_row(&rows[i], 1), rows[i].malformed != NULL);
		assert_string_equal(t.last, line);
		assert_int_equal(t.pair.events[LNL_SERVER_RESPONSE], responses + rows[i].responses);
		/* "INFO", which brings it on its way, is one, too. */
		assert_int_equal(t.pair.events[LNL_SERVER_TEXT], texts + rows[i].texts + 1);
	}
	assert_int_equal(t.pair.events[LNL_SERVER_CLOSED], 0);
}

/* W7: 64 KiB with a NUL nowhere, at each end of a text, or everywhere: bounded, and nothing said. */
static void test_premature_and_big(void **state)
{
	char *big = malloc(BIG);

	(void)state;
	assert_non_null(big);
	pair_start(&t.pair);
	for (unsigned row = 0; row < 5; row++) {
		unsigned records = t.records;
		size_t bytes = t.pair.s.env.bytes;

		memset(big, row == 4 ? 0 : row == 3 ? 0x01 : 'x', BIG);
		if (row == 1)
			memcpy(big, "CR_RESPONSE,", 12);
		for (unsigned i = 0; row == 2 && i < BIG; i += 100)
			memcpy(big + i, "PUSH_REQUEST", 13);
		say(big, BIG);
		assert_int_equal(t.records, records);
		assert_int_equal(t.pair.events[LNL_SERVER_RESPONSE], 0);
		assert_true(t.pair.s.env.bytes <= bytes + 4096);
		has_nothing();
	}
	free(big);
	judge();
	grant();
	assert_int_equal(t.pair.n_texts, 1);
}

/* ---- the server's own texts, which wait for a renegotiation ---- */

static unsigned allocations, fails_at;
static char held[LNL_CONTROL_TEXT_MAX]; /* so long that TLS needs memory for it */

/* This one fails, and no other. */
static void *alloc_but_one(void *ctx, size_t size)
{
	return ++allocations == fails_at ? NULL : test_env_alloc(ctx, size);
}

/* In the middle of a renegotiation, with a text that waits; |last|: it ends the connection. */
static void renegotiate(bool last)
{
	struct lnl_direction_key send, recv;

	memset(held, 'x', sizeof(held) - 1);
	memcpy(held, last ? "HALT," : "X-HELD,", last ? 5 : 7);
	pair_start(&t.pair);
	judge();
	grant();
	assert_int_equal(lnl_session_derive(t.pair.s.s[CLIENT], 0, true, &send, &recv), 0);
	t.pair.s.env.env.alloc = alloc_but_one;
	allocations = fails_at = 0;
	/* The client's record waits for the owner, so that ours does. */
	assert_int_equal(lnl_session_renegotiate(t.pair.s.s[CLIENT], t.pair.s.now), 0);
	t.pair.n_texts = 0;
	if (last) {
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		size_t len = lnl_session_output(t.pair.s.s[CLIENT], packet, sizeof(packet),
						t.pair.s.now);

		assert_int_equal(lnl_server_input(t.pair.server, packet, len, t.pair.s.now), 0);
		lnl_server_close(t.pair.server, LNL_CAUSE_HALT, held, t.pair.s.now);
		return;
	}
	pair_run(&t.pair);
	assert_int_equal(t.pair.events[LNL_SERVER_AUTHENTICATE], 2);
	assert_int_equal(lnl_server_send_text(t.pair.server, held, t.pair.s.now), 0);
	pair_run(&t.pair);
	assert_int_equal(t.pair.n_texts, 0);
}

static bool heard(void)
{
	for (unsigned i = 0; i < t.pair.n_texts && i < 16; i++)
		if (strcmp(t.pair.texts[i], held) == 0)
			return true;
	return false;
}

/* Whether it closed, which it says once, by a sentence. */
static bool has_closed(enum lnl_cause *cause, char *why, size_t cap)
{
	struct lnl_server_event e;
	unsigned closed = 0;

	while (lnl_server_next(t.pair.server, &e, t.pair.s.now)) {
		assert_int_equal(closed, 0);
		assert_non_null(e.text);
		closed += e.kind == LNL_SERVER_CLOSED;
		*cause = e.cause;
		snprintf(why, cap, "%s", e.text);
		lnl_server_event_wipe(&e);
	}
	return closed > 0;
}

/* A text that waited and cannot be written: the connection ends and says why, at every failure. */
static void test_held_is_not_written(void **state)
{
	bool done = false;
	unsigned n, failed = 0;

	(void)state;
	for (n = 1; !done; n++) {
		enum lnl_cause cause = LNL_CAUSE_NONE;
		char why[256] = "";

		renegotiate(false);
		allocations = 0;
		fails_at = n;
		lnl_server_judged(t.pair.server, LNL_JUDGED_OK, NULL, t.pair.s.now);
		done = allocations < n;
		fails_at = 0;
		if (has_closed(&cause, why, sizeof(why))) {
			failed++;
			if (cause != LNL_CAUSE_INTERNAL || strcmp(why, "out of memory") != 0)
				fail_msg("allocation %u: \"%s\"", n, why);
		} else {
			pair_run(&t.pair);
			if (!heard())
				fail_msg("allocation %u: neither heard nor closed", n);
			assert_int_equal(t.pair.events[LNL_SERVER_CLOSED], 0);
		}
		end(NULL);
		begin(NULL);
	}
	assert_true(n > 3 && failed > 1);
}

/* The same with the connection's last words: it ends as it was told to, heard or not. */
static void test_last_is_not_written(void **state)
{
	bool done = false;
	unsigned n;

	(void)state;
	for (n = 1; !done; n++) {
		renegotiate(true);
		allocations = 0;
		fails_at = n;
		pair_run(&t.pair);
		done = allocations < n;
		fails_at = 0;
		if (done)
			assert_true(heard());
		for (unsigned i = 0; i < 6; i++) {
			t.pair.s.now += LNL_SECOND;
			pair_run(&t.pair);
		}
		assert_int_equal(t.pair.events[LNL_SERVER_CLOSED], 1);
		assert_int_equal(t.pair.cause, LNL_CAUSE_HALT);
		assert_int_equal(t.pair.events[LNL_SERVER_AUTHENTICATE], 1);
		end(NULL);
		begin(NULL);
	}
	assert_true(n > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEXT_TEST(test_premature),	     TEXT_TEST(test_let_in),
		TEXT_TEST(test_premature_and_big),   TEXT_TEST(test_held_is_not_written),
		TEXT_TEST(test_last_is_not_written),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
