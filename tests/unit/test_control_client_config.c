/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a PUSH_REPLY to what the data plane is told, and what renegotiations change there. */
#include "test_control_client.h"

#include <stdio.h>

#define USUAL "ifconfig 10.8.0.2 255.255.255.0,topology subnet,peer-id 7,cipher AES-256-GCM"
#define EKM   "protocol-flags tls-ekm"

/* Up to the tunnel, by a PUSH_REPLY of USUAL and |extra|. */
static void bring_up(struct attempt *a, const char *extra)
{
	char text[1024];

	attempt_connect(a);
	snprintf(text, sizeof(text), "PUSH_REPLY," USUAL ",%s", extra);
	attempt_hear(a, text);
	if (attempt_closed(a) != NULL)
		fail_msg("%s", attempt_closed(a)->text);
	assert_int_equal(lnl_client_phase(a->c), LNL_PHASE_UP);
}

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

/* ---- keys ---- */

/* The last key that was installed is the one that the server has of |key_id|. */
static void expect_key(struct attempt *a, uint8_t key_id, bool ekm, enum lnl_slot slot)
{
	const struct lnl_client_event *e = attempt_event(a, LNL_CLIENT_KEY_INSTALL);
	struct lnl_direction_key send, recv;

	assert_int_equal(e->key.key_id, key_id);
	assert_int_equal(e->slot, slot);
	assert_true(e->key.expires == LNL_NEVER);
	assert_int_equal(lnl_session_derive(a->p.s[SERVER], key_id, ekm, &send, &recv), 0);
	assert_memory_equal(&e->key.send, &recv, sizeof(recv));
	assert_memory_equal(&e->key.recv, &send, sizeof(send));
}

static void test_keys(void **state)
{
	struct attempt *a = *state;

	a->conf.replay_window = 128;
	a->conf.first_data_id = 9;
	a->conf.reneg_bytes = 1000;
	a->conf.reneg_packets = 100;
	for (unsigned ekm = 0; ekm < 2; ekm++) {
		const struct lnl_key_conf *key;

		bring_up(a, ekm ? EKM : "echo x");
		expect_key(a, 0, ekm, LNL_SLOT_PRIMARY);
		key = &attempt_event(a, LNL_CLIENT_KEY_INSTALL)->key;
		assert_int_equal(key->cipher, GCM256);
		assert_int_equal(key->digest, LNL_DIGEST_NONE);
		assert_int_equal(key->replay_window, 128);
		assert_int_equal(key->first_id, 9);
		assert_int_equal(key->limit_bytes, 1000);
		assert_int_equal(key->limit_packets, 100);
	}
}

/* Renegotiates as |who| wishes; the new key is received with, and not yet sent with. */
static void renegotiate(struct attempt *a, int who, uint8_t key_id)
{
	unsigned installed = attempt_count(a, LNL_CLIENT_KEY_INSTALL);

	if (who == CLIENT)
		assert_int_equal(lnl_client_renegotiate(a->c, a->p.now), 0);
	else
		assert_int_equal(lnl_session_renegotiate(a->p.s[SERVER], a->p.now), 0);
	attempt_run(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_INSTALL), installed + 1);
	expect_key(a, key_id, true, LNL_SLOT_SECONDARY);
}

/* When the newest key takes over, to the microsecond. */
static void expect_swap(struct attempt *a, uint64_t after)
{
	unsigned swaps = attempt_count(a, LNL_CLIENT_KEY_SWAP);
	const struct lnl_client_event *e;

	a->p.now += after - 1;
	lnl_client_tick(a->c, a->p.now);
	attempt_take(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), swaps);
	assert_true(lnl_client_next_due(a->c) == a->p.now + 1);
	lnl_client_tick(a->c, ++a->p.now);
	attempt_take(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), swaps + 1);
	/* The one before lives on, for packets under way. */
	e = attempt_event(a, LNL_CLIENT_KEY_EXPIRE);
	assert_int_equal(e->slot, LNL_SLOT_SECONDARY);
	assert_true(e->when == a->p.now + 3600 * LNL_SECOND);
	lnl_client_tick(a->c, a->p.now + LNL_SECOND);
	attempt_take(a);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), swaps + 1);
}

static void test_swap(void **state)
{
	static const struct {
		int who;
		unsigned reneg, age, wait; /* seconds */
	} rows[] = {
		/* as long as a server may think about credentials: the handshake's time */
		{ CLIENT, 0, 1000, 60 },
		{ CLIENT, 0, 1, 60 },
		{ CLIENT, 3600, 1000, 60 },
		/* but half of what is between two renegotiations at most */
		{ CLIENT, 100, 40, 50 },
		/* and half of what was between the server's last two */
		{ SERVER, 0, 1000, 60 },
		{ SERVER, 0, 100, 50 },
		{ SERVER, 0, 10, 5 },
		{ SERVER, 100, 40, 20 },
	};
	struct attempt *a = *state;

	for (unsigned i = 0; i < ROWS(rows); i++) {
		a->conf.session.reneg_interval = rows[i].reneg * LNL_SECOND;
		bring_up(a, EKM);
		expect_key(a, 0, true, LNL_SLOT_PRIMARY);
		a->p.now += rows[i].age * LNL_SECOND;
		renegotiate(a, rows[i].who, 1);
		expect_swap(a, rows[i].wait * LNL_SECOND);
	}
}

/* A key that is nearly used up does not wait. */
static void test_swap_at_limit(void **state)
{
	static const struct lnl_notice limit = { .kind = LNL_NOTICE_KEY_LIMIT };
	struct attempt *a = *state;

	bring_up(a, EKM);
	expect_key(a, 0, true, LNL_SLOT_PRIMARY);
	lnl_client_notice(a->c, &limit, a->p.now);
	attempt_run(a);
	expect_key(a, 1, true, LNL_SLOT_SECONDARY);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), 1);
	/* The next one is an ordinary one again. */
	a->p.now += 200 * LNL_SECOND;
	renegotiate(a, CLIENT, 2);
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), 1);
	expect_swap(a, 60 * LNL_SECOND);
}

/* There are two slots: a third key moves the second one up, whatever it still waited for. */
static void test_two_in_a_row(void **state)
{
	struct attempt *a = *state;
	unsigned at;

	bring_up(a, EKM);
	expect_key(a, 0, true, LNL_SLOT_PRIMARY);
	a->p.now += 100 * LNL_SECOND;
	renegotiate(a, CLIENT, 1);
	a->p.now += 2 * LNL_SECOND;
	assert_int_equal(attempt_count(a, LNL_CLIENT_KEY_SWAP), 0);
	at = a->n;
	renegotiate(a, CLIENT, 2);
	while (at < a->n && a->events[at].kind != LNL_CLIENT_KEY_SWAP)
		at++;
	assert_int_equal(a->n - at, 3);
	assert_int_equal(a->events[at + 1].kind, LNL_CLIENT_KEY_EXPIRE);
	assert_int_equal(a->events[at + 2].kind, LNL_CLIENT_KEY_INSTALL);
	expect_swap(a, 60 * LNL_SECOND);
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
		ATTEMPT_TEST(test_session_timeout),
		ATTEMPT_TEST(test_keys),
		ATTEMPT_TEST(test_swap),
		ATTEMPT_TEST(test_swap_at_limit),
		ATTEMPT_TEST(test_two_in_a_row),
		ATTEMPT_TEST(test_token),
		ATTEMPT_TEST(test_contradictions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
