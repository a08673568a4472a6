/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a PUSH_REPLY to what the data plane is told. Keys are in test_control_client_keys.c. */
#include "test_control_client.h"

#include <stdio.h>

/* ---- the list of options ---- */

static void expect_options(struct attempt *a, const char *const *wanted)
{
	unsigned n = 0;

	for (; wanted[n] != NULL; n++)
		assert_string_equal(lnl_client_option(a->c, n), wanted[n]);
	assert_int_equal(lnl_client_options_len(a->c), n);
	assert_null(lnl_client_option(a->c, n));
}

static void test_split(void **state)
{
	static const struct {
		const char *reply;
		const char *options[4];
	} rows[] = {
		{ "PUSH_REPLY", { NULL } },
		{ "PUSH_REPLY,", { NULL } },
		{ "PUSH_REPLY,,,", { NULL } },
		{ "PUSH_REPLY,a", { "a", NULL } },
		{ "PUSH_REPLY,a,b c, d", { "a", "b c", " d", NULL } },
		{ "PUSH_REPLY,,a,,b,", { "a", "b", NULL } },
		{ "PUSH_REPLY,a,push-continuation 1", { "a", NULL } },
		{ "PUSH_REPLY,push-continuation 1,a", { "a", NULL } },
		{ "PUSH_REPLY,push-continuations", { "push-continuations", NULL } },
	};
	struct attempt *a = *state;

	a->hold = true;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		attempt_connect(a);
		attempt_hear(a, rows[i].reply);
		assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_CONFIGURE);
		expect_options(a, rows[i].options);
	}
	/* Parts one behind the other. */
	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY,a,push-continuation 2");
	attempt_hear(a, "PUSH_REPLY,b,push-continuation 2");
	attempt_hear(a, "PUSH_REPLY,c,push-continuation 1");
	expect_options(a, (const char *const[]){ "a", "b", "c", NULL });
}

static void test_too_many_options(void **state)
{
	struct attempt *a = *state;
	char text[2 * LNL_CLIENT_OPTIONS + 64];

	a->hold = true;
	for (unsigned n = LNL_CLIENT_OPTIONS - 1; n <= LNL_CLIENT_OPTIONS + 1; n++) {
		size_t len = (size_t)snprintf(text, sizeof(text), "PUSH_REPLY");

		for (unsigned i = 0; i < n; i++) {
			text[len++] = ',';
			text[len++] = 'x';
		}
		attempt_connect(a);
		attempt_hear_bytes(a, text, len);
		if (n <= LNL_CLIENT_OPTIONS) {
			assert_int_equal(lnl_client_options_len(a->c), n);
			continue;
		}
		assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
		assert_string_equal(attempt_closed(a)->text,
				    "the server pushed more than 512 options");
		assert_int_equal(attempt_count(a, LNL_CLIENT_PULLED), 0);
	}
}

static void test_filters(void **state)
{
	static const struct lnl_pull_filter filters[] = {
		{ LNL_FILTER_ACCEPT, "route 10." },
		{ LNL_FILTER_IGNORE, "route" },
		{ LNL_FILTER_IGNORE, "auth-token" },
		{ LNL_FILTER_REJECT, "dhcp-option" },
	};
	struct attempt *a = *state;

	a->hold = true;
	a->conf.filters = filters;
	a->conf.n_filters = ROWS(filters);
	attempt_connect(a);
	a->logged[0] = '\0';
	attempt_hear(a, "PUSH_REPLY,route 10.0.0.0,route 192.0.2.0,auth-token s3cr3t,ping 1");
	expect_options(a, (const char *const[]){ "route 10.0.0.0", "ping 1", NULL });
	assert_string_equal(a->logged, "push.ignored option=route 192.0.2.0|"
				       "push.ignored option=auth-token|");

	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY,ping 1,dhcp-option DNS 10.0.0.1,ping 2");
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
	assert_string_equal(attempt_closed(a)->text, "dhcp-option DNS 10.0.0.1");
	assert_int_equal(attempt_count(a, LNL_CLIENT_PULLED), 0);
}

/* A token that a filter rejects is not named in the end that it causes. */
static void test_rejected_token(void **state)
{
	static const struct lnl_pull_filter filter = { LNL_FILTER_REJECT, "auth-token" };
	struct attempt *a = *state;

	a->conf.filters = &filter;
	a->conf.n_filters = 1;
	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY," USUAL ",auth-token s3cr3t");
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
	assert_string_equal(attempt_closed(a)->text, "auth-token");
	assert_null(strstr(a->logged, "s3cr3t"));
}

/* ---- the owner's answer ---- */

static void test_configure(void **state)
{
	static const char *const own[] = { "ifconfig 10.1.0.2 255.255.0.0", "topology subnet",
					   "cipher AES-256-GCM", "route 10.9.0.0 255.255.0.0",
					   "script-security 3" };
	struct attempt *a = *state;

	a->hold = true;
	attempt_connect(a);
	assert_int_equal(lnl_client_configure(a->c, NULL, 0, NULL, a->p.now), LNL_E_STATE);
	attempt_hear(a, "PUSH_REPLY," USUAL);
	assert_int_equal(lnl_client_configure(a->c, own, ROWS(own), NULL, a->p.now), 0);
	assert_int_equal(lnl_client_configure(a->c, NULL, 0, NULL, a->p.now), LNL_E_STATE);
	attempt_take(a);
	assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
	assert_int_equal(lnl_client_pulled(a->c)->net.n_routes, 1);
	assert_int_equal(lnl_client_pulled(a->c)->peer_id, LNL_PEER_ID_NONE);
	/* What a server may not push, a script may not add. */
	assert_non_null(strstr(a->logged, "push.refused why=script-security"));
	assert_int_equal(lnl_client_options_len(a->c), 0);

	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY," USUAL);
	assert_int_equal(lnl_client_configure(a->c, own, ROWS(own), "not today", a->p.now), 0);
	attempt_take(a);
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_SCRIPT);
	assert_string_equal(attempt_closed(a)->text, "not today");
	assert_int_equal(attempt_count(a, LNL_CLIENT_PEER_ADD), 0);
	assert_int_equal(lnl_client_configure(a->c, NULL, 0, NULL, a->p.now), LNL_E_STATE);
}

/* Who pulls nothing has the profile's options, and the same events. */
static void test_without_pull(void **state)
{
	static const char *const profile[] = { "ifconfig 10.1.0.2 10.1.0.1", "no-such-option",
					       "route 10.9.0.0 255.255.0.0", "ping 7" };
	struct attempt *a = *state;

	a->conf.pull = false;
	a->conf.fallback = LNL_CIPHER_AES_256_CBC;
	a->conf.options = profile;
	a->conf.n_options = ROWS(profile);
	attempt_connect(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_PULLED), 1);
	assert_int_equal(attempt_event(a, LNL_CLIENT_KEY_INSTALL)->key.cipher,
			 LNL_CIPHER_AES_256_CBC);
	assert_int_equal(attempt_event(a, LNL_CLIENT_KEY_INSTALL)->key.digest, LNL_DIGEST_SHA256);
	assert_int_equal(lnl_client_pulled(a->c)->net.n_routes, 1);
	assert_non_null(strstr(a->logged, "profile.refused why=no-such-option"));
}

/* The order is the data plane's: a peer, its key, then packets. */
static void test_order(void **state)
{
	static const enum lnl_client_event_kind wanted[] = {
		LNL_CLIENT_PULLED, LNL_CLIENT_PEER_ADD, LNL_CLIENT_KEY_INSTALL,
		LNL_CLIENT_TOKEN,  LNL_CLIENT_PHASE,	LNL_CLIENT_UP,
	};
	struct attempt *a = *state;
	unsigned at = 0;

	bring_up(a, "auth-token abc");
	while (at < a->n && a->events[at].kind != LNL_CLIENT_PULLED)
		at++;
	assert_int_equal(a->n - at, ROWS(wanted));
	for (unsigned i = 0; i < ROWS(wanted); i++)
		assert_int_equal(a->events[at + i].kind, wanted[i]);
}

/* ---- ciphers ---- */

#define GCM256 LNL_CIPHER_AES_256_GCM
#define GCM128 LNL_CIPHER_AES_128_GCM
#define CHACHA LNL_CIPHER_CHACHA20_POLY1305
#define CBC256 LNL_CIPHER_AES_256_CBC
#define NONE   LNL_CIPHER_NONE

/* data-ciphers are AES-256-GCM and CHACHA20-POLY1305. */
static void test_ciphers(void **state)
{
	static const struct {
		const char *pushed;
		enum lnl_cipher occ, fallback;
		enum lnl_cipher used; /* NONE: refused */
		const char *why;
	} rows[] = {
		{ "cipher AES-256-GCM", NONE, NONE, GCM256, NULL },
		{ "cipher CHACHA20-POLY1305", NONE, NONE, CHACHA, NULL },
		{ "cipher chacha20-poly1305", NONE, NONE, CHACHA, NULL },
		{ "cipher AES-128-GCM", NONE, NONE, NONE,
		  "the server chose AES-128-GCM, which data-ciphers does not list" },
		{ "cipher AES-128-GCM", GCM128, NONE, NONE, "the server chose AES-128-GCM" },
		{ "cipher AES-128-GCM", GCM256, GCM128, GCM128, NULL },
		/* its push means more than its OCC string, and the string more than our guess */
		{ "cipher CHACHA20-POLY1305", GCM256, CBC256, CHACHA, NULL },
		{ "ping 0", GCM256, NONE, GCM256, NULL },
		{ "ping 0", CHACHA, CBC256, CHACHA, NULL },
		{ "ping 0", CBC256, NONE, NONE, "the server does not negotiate a cipher" },
		{ "ping 0", CBC256, CBC256, CBC256, NULL },
		{ "ping 0", GCM128, CBC256, CBC256, NULL },
		{ "ping 0", NONE, CBC256, CBC256, NULL },
		{ "ping 0", NONE, NONE, NONE, "set data-ciphers-fallback" },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		char text[256];

		a->conf.fallback = rows[i].fallback;
		attempt_connect(a);
		a->c->occ_cipher = rows[i].occ;
		snprintf(text, sizeof(text),
			 "PUSH_REPLY,ifconfig 10.8.0.2 255.255.255.0,topology subnet,%s",
			 rows[i].pushed);
		attempt_hear(a, text);
		assert_int_equal(attempt_closed(a) == NULL, rows[i].used != NONE);
		if (rows[i].used != NONE) {
			assert_int_equal(attempt_event(a, LNL_CLIENT_KEY_INSTALL)->key.cipher,
					 rows[i].used);
			continue;
		}
		assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_CIPHER);
		assert_non_null(strstr(attempt_closed(a)->text, rows[i].why));
		assert_int_equal(attempt_count(a, LNL_CLIENT_PEER_ADD), 0);
	}
	/* One that we do not have at all cannot be passed over. */
	attempt_connect(a);
	attempt_hear(a, "PUSH_REPLY,cipher BF-CBC," USUAL);
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
	assert_non_null(strstr(attempt_closed(a)->text, "BF-CBC"));
}

/* ---- the peer ---- */

static void test_peer(void **state)
{
	static const struct {
		const char *extra;
		unsigned interval, timeout; /* seconds */
		uint32_t wire_id;
		unsigned mss;
	} rows[] = {
		/* a pulling client that is told nothing gives up after two minutes */
		{ "ping-timer-rem", 0, 120, 7, 1492 - 28 - 24 - 40 },
		{ "ping 10,ping-restart 60", 10, 60, 7, 1492 - 28 - 24 - 40 },
		{ "ping-exit 30", 0, 30, 7, 1492 - 28 - 24 - 40 },
		{ "ping-restart 0", 0, 0, 7, 1492 - 28 - 24 - 40 },
		{ "peer-id 16777214", 0, 120, 16777214, 1492 - 28 - 24 - 40 },
		/* mssfix follows a tun-mtu that is not the usual one */
		{ "tun-mtu 1400", 0, 120, 7, 1400 - 40 },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		const struct lnl_peer_conf *p;

		bring_up(a, rows[i].extra);
		p = &attempt_event(a, LNL_CLIENT_PEER_ADD)->peer;
		assert_int_equal(p->id, 3);
		assert_int_equal(p->wire_id, rows[i].wire_id);
		if (p->ping_interval != rows[i].interval * LNL_SECOND ||
		    p->ping_timeout != rows[i].timeout * LNL_SECOND)
			fail_msg("row %u: %u %u", i, (unsigned)(p->ping_interval / LNL_SECOND),
				 (unsigned)(p->ping_timeout / LNL_SECOND));
		assert_int_equal(p->mss, rows[i].mss);
		assert_int_equal(p->ping_timer_rem, i == 0);
		assert_false(p->tap);
		assert_int_equal(p->framing, LNL_FRAMING_NONE);
	}
}

static enum lnl_cause cause_of_silence(struct attempt *a)
{
	static const struct lnl_notice silence = { .kind = LNL_NOTICE_PING_TIMEOUT };

	lnl_client_notice(a->c, &silence, a->p.now);
	attempt_take(a);
	return attempt_closed(a)->cause;
}

/* What the profile says holds until the server says something else. */
static void test_peer_by_profile(void **state)
{
	struct attempt *a = *state;
	const struct lnl_peer_conf *p;

	a->conf.ping = 5;
	a->conf.ping_exit = 50;
	a->conf.framing = LNL_FRAMING_STUB_V2;
	a->conf.mssfix = 1300;
	a->conf.mssfix_fixed = true;
	bring_up(a, "echo x");
	p = &attempt_event(a, LNL_CLIENT_PEER_ADD)->peer;
	assert_true(p->ping_interval == 5 * LNL_SECOND);
	assert_true(p->ping_timeout == 50 * LNL_SECOND);
	assert_int_equal(p->framing, LNL_FRAMING_STUB_V2);
	assert_int_equal(p->mss, 1260);
	assert_int_equal(cause_of_silence(a), LNL_CAUSE_PING_EXIT);
	/* Also after a first attempt by other rules. */
	bring_up(a, "ping 6,ping-restart 70,compress stub,tun-mtu 1400");
	p = &attempt_event(a, LNL_CLIENT_PEER_ADD)->peer;
	assert_true(p->ping_interval == 6 * LNL_SECOND);
	assert_true(p->ping_timeout == 70 * LNL_SECOND);
	assert_int_equal(p->framing, LNL_FRAMING_STUB);
	assert_int_equal(p->mss, 1260);
	assert_int_equal(cause_of_silence(a), LNL_CAUSE_PING);
}

/*
 * CBC encrypts whole blocks, and with them the packet id and a mark of compression. By hand: of
 * 1492 - 28 bytes 52 are header, HMAC and IV; 1408 of blocks are 4 of id, 1 or 0 of mark, 1 of
 * padding at least, and the packet.
 */
static void test_peer_cbc(void **state)
{
	static const struct {
		enum lnl_framing framing;
		unsigned mss;
	} rows[] = {
		{ LNL_FRAMING_NONE, 1408 - 4 - 1 - 40 },
		{ LNL_FRAMING_LZO, 1408 - 4 - 1 - 1 - 40 },
		{ LNL_FRAMING_STUB, 1408 - 4 - 1 - 1 - 40 },
		{ LNL_FRAMING_STUB_V2, 1408 - 4 - 1 - 40 },
	};
	struct attempt *a = *state;

	a->conf.fallback = CBC256;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		a->conf.framing = rows[i].framing;
		bring_up(a, "cipher AES-256-CBC");
		assert_int_equal(attempt_event(a, LNL_CLIENT_KEY_INSTALL)->key.digest,
				 LNL_DIGEST_SHA256);
		if (attempt_event(a, LNL_CLIENT_PEER_ADD)->peer.mss != rows[i].mss)
			fail_msg("row %u: %u", i, attempt_event(a, LNL_CLIENT_PEER_ADD)->peer.mss);
	}
}

/* The two minutes are for who has said nothing about them, 0 included. */
static void test_timeout_by_profile(void **state)
{
	static const struct {
		bool pull;
		int restart, exit;
		unsigned timeout; /* seconds */
	} rows[] = {
		{ true, -1, -1, 120 }, { true, 0, -1, 0 },    { true, -1, 0, 0 },
		{ true, 1, -1, 1 },    { true, 90, -1, 90 },  { true, -1, 1, 1 },
		{ false, -1, -1, 0 },  { false, 90, -1, 90 }, { false, -1, 50, 50 },
	};
	struct attempt *a = *state;

	a->conf.fallback = GCM256;
	for (unsigned i = 0; i < ROWS(rows); i++) {
		a->conf.pull = rows[i].pull;
		a->conf.ping_restart = rows[i].restart;
		a->conf.ping_exit = rows[i].exit;
		if (rows[i].pull)
			bring_up(a, "echo x");
		else
			attempt_connect(a);
		if (attempt_event(a, LNL_CLIENT_PEER_ADD)->peer.ping_timeout !=
		    rows[i].timeout * LNL_SECOND)
			fail_msg("row %u", i);
	}
}

static void test_rest_of_profile(void **state)
{
	struct attempt *a = *state;

	for (unsigned on = 0; on < 2; on++) {
		const struct lnl_peer_conf *p;

		a->conf.ping_timer_rem = on;
		a->conf.tap = on;
		a->conf.explicit_exit_notify = 2 * (int)on;
		a->conf.session_timeout = 50 * (int)on;
		a->conf.mssfix = on ? 0 : -1;
		bring_up(a, "echo x");
		p = &attempt_event(a, LNL_CLIENT_PEER_ADD)->peer;
		assert_int_equal(p->ping_timer_rem, on);
		assert_int_equal(p->tap, on);
		assert_int_equal(p->mss == 0, on);
		assert_int_equal(lnl_client_pulled(a->c)->explicit_exit_notify, 2 * on);
		a->p.now += 50 * LNL_SECOND;
		lnl_client_tick(a->c, a->p.now);
		attempt_take(a);
		assert_int_equal(attempt_closed(a) != NULL, on);
	}
}

static void test_session_timeout(void **state)
{
	struct attempt *a = *state;

	bring_up(a, "session-timeout 100");
	a->p.now += 100 * LNL_SECOND - 1;
	lnl_client_tick(a->c, a->p.now);
	attempt_take(a);
	assert_null(attempt_closed(a));
	lnl_client_tick(a->c, ++a->p.now);
	attempt_take(a);
	assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_SESSION_TIMEOUT);
}

/* Wherever the owner's queue is full, the last event is the end, and there is one. */
static void test_queue_is_full(void **state)
{
	struct attempt *a = *state;
	unsigned up = 0;

	a->hold = true;
	for (unsigned n = 0; n < LNL_CLIENT_EVENTS; n++) {
		const struct lnl_client_event *closed;

		attempt_connect(a);
		attempt_hear(a, "PUSH_REPLY," USUAL ",auth-token abc");
		for (unsigned i = 0; i < n; i++)
			lnl_client_emit(a->c, LNL_CLIENT_TEXT, "x");
		assert_int_equal(lnl_client_configure(a->c, NULL, 0, NULL, a->p.now), 0);
		attempt_take(a);
		closed = attempt_closed(a);
		if (closed == NULL) {
			assert_int_equal(a->events[a->n - 1].kind, LNL_CLIENT_UP);
			up++;
			continue;
		}
		assert_int_equal(closed->cause, LNL_CAUSE_INTERNAL);
		assert_ptr_equal(closed, &a->events[a->n - 1]);
		assert_int_equal(attempt_count(a, LNL_CLIENT_CLOSED), 1);
	}
	/* Five events and a place for the end. */
	assert_int_equal(up, LNL_CLIENT_EVENTS - 5);
}

/* ---- what is logged ---- */

static void test_logged(void **state)
{
	static const struct {
		const char *extra, *logged, *not_logged;
	} rows[] = {
		{ "echo x", "data.keys cipher=AES-256-GCM peer_id=7 derivation=prf|", "refused" },
		{ EKM, "data.keys cipher=AES-256-GCM peer_id=7 derivation=tls-ekm|", "warning" },
		{ "auth-token \"open", "push.refused why=an option is malformed|", "open" },
		{ "route 10.9.0.0 255.255.0.0 vpn_gateway,route vpn_gateway",
		  "push.warning why=route vpn_gateway: there is no such gateway", "refused" },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		bring_up(a, rows[i].extra);
		if (strstr(a->logged, rows[i].logged) == NULL ||
		    strstr(a->logged, rows[i].not_logged) != NULL)
			fail_msg("row %u: %s", i, a->logged);
	}
	/* Where the server's OCC string differs, once the cipher is known. */
	for (unsigned differs = 0; differs < 2; differs++) {
		attempt_connect(a);
		strcpy(a->c->occ, differs ? "V4,dev-type tap,tun-mtu 1500" : "");
		attempt_hear(a, "PUSH_REPLY," USUAL);
		assert_int_equal(strstr(a->logged, "theirs=dev-type tap|") != NULL, differs);
	}
}

/* ---- tokens ---- */

static void test_token(void **state)
{
	struct attempt *a = *state;

	bring_up(a, "auth-token first,auth-token-user Ym9i");
	assert_string_equal(attempt_event(a, LNL_CLIENT_TOKEN)->text, "first");
	assert_string_equal(attempt_event(a, LNL_CLIENT_TOKEN)->text2, "bob");
	assert_string_equal(a->c->username, "bob");
	assert_string_equal(a->c->password, "first");
	assert_true(a->c->has_token);
	/* Later a token is all that is taken of a PUSH_REPLY. */
	attempt_hear(a, "PUSH_REPLY,route 10.9.0.0 255.255.0.0,peer-id 9,auth-token second");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TOKEN), 2);
	assert_string_equal(attempt_event(a, LNL_CLIENT_TOKEN)->text, "second");
	assert_string_equal(a->c->password, "second");
	assert_string_equal(a->c->username, "bob");
	assert_int_equal(lnl_client_pulled(a->c)->net.n_routes, 0);
	assert_int_equal(lnl_client_pulled(a->c)->peer_id, 7);
	/* None, none that can be read, and nothing are no new token, nor an end. */
	attempt_hear(a, "PUSH_REPLY,ping 1");
	attempt_hear(a, "PUSH_REPLY,auth-token");
	attempt_hear(a, "PUSH_REPLY,auth-token \"open");
	attempt_hear(a, "PUSH_REPLY");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TOKEN), 2);
	assert_string_equal(a->c->password, "second");
	/* It may come in parts, like the first one. */
	attempt_hear(a, "PUSH_REPLY,auth-token third,push-continuation 2");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TOKEN), 2);
	attempt_hear(a, "PUSH_REPLY,auth-token-user YW5u");
	assert_string_equal(attempt_event(a, LNL_CLIENT_TOKEN)->text, "third");
	assert_string_equal(a->c->username, "ann");
	assert_null(attempt_closed(a));
	for (unsigned i = 0; i < 3; i++)
		assert_null(strstr(a->logged,
				   ((const char *const[]){ "first", "second", "third" })[i]));

	bring_up(a, "echo x");
	assert_int_equal(attempt_count(a, LNL_CLIENT_TOKEN), 0);
	assert_string_equal(a->c->password, "password");
	assert_false(a->c->has_token);
}

/* A token is a credential of who had none; without a user of its own it changes no name. */
static void test_token_alone(void **state)
{
	struct attempt *a = *state;

	attempt_connect(a);
	a->c->has_credentials = false;
	attempt_hear(a, "PUSH_REPLY," USUAL ",auth-token abc");
	assert_true(a->c->has_credentials);
	assert_true(a->c->has_token);
	assert_string_equal(a->c->username, "user");
	assert_null(attempt_event(a, LNL_CLIENT_TOKEN)->text2);
}

/* Each renewal is counted by itself: a long session may have more than an answer has parts. */
static void test_many_renewals(void **state)
{
	struct attempt *a = *state;

	bring_up(a, "auth-token first");
	for (unsigned i = 0; i < LNL_PUSH_MESSAGES + 10; i++) {
		a->n = 0;
		attempt_hear(a, "PUSH_REPLY,auth-token s3cr3t-s3cr3t-16");
		assert_int_equal(attempt_count(a, LNL_CLIENT_TOKEN), 1);
	}
	assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
	/* And nothing of it stays in memory that is given back. */
	memset(a->texts, 0, sizeof(a->texts));
	a->p.env.secret = (const uint8_t *)"s3cr3t-s3cr3t-16";
	attempt_hear(a, "PUSH_REPLY,auth-token s3cr3t-s3cr3t-16");
	memset(a->texts, 0, sizeof(a->texts));
	attempt_reset(a);
	assert_int_equal(a->p.env.leaks, 0);
}

/* ---- what cannot be brought up ---- */

static void test_contradictions(void **state)
{
	static const struct {
		const char *reply;
		const char *text;
	} rows[] = {
		{ "PUSH_REPLY,topology subnet,ifconfig 10.8.0.2 10.8.0.1,cipher AES-256-GCM",
		  "ifconfig" },
		{ "PUSH_REPLY," USUAL ",comp-lzo yes", "comp-lzo" },
		{ "PUSH_REPLY," USUAL ",compress lz4", "compress" },
		{ "PUSH_REPLY," USUAL ",protocol-flags tls-ekm aead-epoch", "aead-epoch" },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		attempt_connect(a);
		attempt_hear(a, rows[i].reply);
		assert_non_null(attempt_closed(a));
		assert_int_equal(attempt_closed(a)->cause, LNL_CAUSE_PUSH);
		assert_non_null(strstr(attempt_closed(a)->text, rows[i].text));
		assert_int_equal(attempt_count(a, LNL_CLIENT_PEER_ADD), 0);
	}
	/* What is merely useless is left out, and said. */
	bring_up(a, "script-security 3,route 10.9.0.0 255.0.0.255,no-such-option");
	assert_non_null(strstr(a->logged, "push.refused why=script-security"));
	assert_non_null(strstr(a->logged, "push.refused why=route"));
	assert_non_null(strstr(a->logged, "push.refused why=no-such-option"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ATTEMPT_TEST(test_split),
		ATTEMPT_TEST(test_too_many_options),
		ATTEMPT_TEST(test_filters),
		ATTEMPT_TEST(test_rejected_token),
		ATTEMPT_TEST(test_configure),
		ATTEMPT_TEST(test_without_pull),
		ATTEMPT_TEST(test_order),
		ATTEMPT_TEST(test_ciphers),
		ATTEMPT_TEST(test_peer),
		ATTEMPT_TEST(test_peer_by_profile),
		ATTEMPT_TEST(test_peer_cbc),
		ATTEMPT_TEST(test_timeout_by_profile),
		ATTEMPT_TEST(test_rest_of_profile),
		ATTEMPT_TEST(test_session_timeout),
		ATTEMPT_TEST(test_queue_is_full),
		ATTEMPT_TEST(test_logged),
		ATTEMPT_TEST(test_token),
		ATTEMPT_TEST(test_token_alone),
		ATTEMPT_TEST(test_many_renewals),
		ATTEMPT_TEST(test_contradictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
