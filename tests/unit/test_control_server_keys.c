/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the data plane is told of a granted client, in which order and when; its PUSH_REPLY. */
#include "test_control_server.h"

#include <stdio.h>

#define INFO "IV_PROTO=478\nIV_CIPHERS=AES-256-GCM\n"

static struct {
	struct server_pair pair;
	char told[512];	 /* "install1 swap ..." since it was last looked at */
	uint64_t expire; /* of the last KEY_EXPIRE */
	uint8_t key_id;	 /* of the last KEY_INSTALL */
} t;

static void tell(const char *what, int slot)
{
	size_t len = strlen(t.told);

	snprintf(t.told + len, sizeof(t.told) - len, slot < 0 ? "%s%s" : "%s%s%d", len ? " " : "",
		 what, slot);
}

/* The owner says yes to everybody. */
static void take(const struct lnl_server_event *e)
{
	switch (e->kind) {
	case LNL_SERVER_AUTHENTICATE:
		lnl_server_judged(t.pair.server, LNL_JUDGED_OK, NULL, t.pair.s.now);
		break;
	case LNL_SERVER_PEER_ADD:
		tell("peer", -1);
		break;
	case LNL_SERVER_KEY_INSTALL:
		t.key_id = e->key.key_id;
		tell("install", e->slot);
		break;
	case LNL_SERVER_KEY_SWAP:
		tell("swap", -1);
		break;
	case LNL_SERVER_KEY_EXPIRE:
		t.expire = e->when;
		tell("expire", e->slot);
		break;
	case LNL_SERVER_KEY_DEL:
		tell("del", e->slot);
		break;
	case LNL_SERVER_UP:
		tell("up", -1);
		break;
	case LNL_SERVER_CLOSED:
		tell("closed", -1);
		break;
	default:
		break;
	}
}

static int begin(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	pair_init(&t.pair);
	t.pair.take = take;
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

#define KEYS_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

static void run(void)
{
	pair_run(&t.pair);
}

static void later(uint64_t span)
{
	t.pair.s.now += span;
	run();
}

static void is_told(const char *wanted)
{
	assert_string_equal(t.told, wanted);
	t.told[0] = 0;
}

/* Up to the grant, whose number of options is |n| and all alike. */
static void let_in(int ping, int ping_restart, const char *option, unsigned n)
{
	const struct lnl_grant g = { .push = (const char *[]){ option, option, option, option,
							       option, option, option, option },
				     .n_push = n,
				     .ping = ping,
				     .ping_restart = ping_restart,
				     .ends_at = LNL_NEVER };

	pair_start(&t.pair);
	is_told("");
	assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), 0);
	run();
	is_told("peer install0 up");
}

/* So that a renegotiation may begin. */
static void derive(uint8_t key_id)
{
	struct lnl_direction_key send, recv;

	assert_int_equal(lnl_session_derive(t.pair.s.s[CLIENT], key_id, true, &send, &recv), 0);
}

static void renegotiate(uint8_t key_id)
{
	derive((uint8_t)(key_id - 1));
	assert_int_equal(lnl_session_renegotiate(t.pair.s.s[CLIENT], t.pair.s.now), 0);
	run();
	assert_int_equal(t.key_id, key_id);
}

/* ---- the peer ---- */

/* Bytes of TCP payload: what is left of the packet around the outer and inner headers. */
static void test_peer_table(void **state)
{
	static const struct {
		unsigned tun_mtu;
		int mssfix;
		bool mssfix_mtu, mssfix_fixed, tcp, ipv6, tap;
		unsigned mss;
	} rows[] = {
		/* 1492, headers of UDP and of the data channel (24), inner ones of IP and TCP */
		{ 1500, -1, .mss = 1492 - 28 - 24 - 40 },
		{ 1500, -1, .ipv6 = true, .mss = 1492 - 48 - 24 - 40 },
		{ 1500, -1, .tcp = true, .mss = 1492 - 40 - 2 - 24 - 40 },
		/* a tun-mtu of its own is what follows */
		{ 1400, -1, .mss = 1400 - 40 },
		{ 1500, 1200, .mssfix_mtu = true, .mss = 1200 - 28 - 24 - 40 },
		{ 1500, 1200, .mssfix_fixed = true, .mss = 1200 - 40 },
		{ 1500, 0, .mss = 0 },
		{ 1500, 0, .tap = true, .mss = 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_server_start start = { .admitted = &t.pair.admitted,
						  .peer = 9,
						  .tcp = rows[i].tcp,
						  .ipv6 = rows[i].ipv6 };
		const struct lnl_grant g = { .ping = 7, .ping_restart = -1, .ends_at = LNL_NEVER };

		t.pair.conf.tun_mtu = rows[i].tun_mtu;
		t.pair.conf.mssfix = rows[i].mssfix;
		t.pair.conf.mssfix_mtu = rows[i].mssfix_mtu;
		t.pair.conf.mssfix_fixed = rows[i].mssfix_fixed;
		t.pair.conf.tap = rows[i].tap;
		t.pair.conf.ping = 10;
		t.pair.conf.ping_restart = 120;
		assert_int_equal(lnl_server_new(&t.pair.server, &t.pair.conf, &start, t.pair.s.now),
				 0);
		assert_int_equal(lnl_session_new(&t.pair.s.s[CLIENT], &t.pair.s.conf[CLIENT],
						 t.pair.s.now),
				 0);
		run();
		assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), 0);
		run();
		if (t.pair.peer.mss != rows[i].mss)
			fail_msg("row %zu: mss %u", i, t.pair.peer.mss);
		assert_int_equal(t.pair.peer.id, 9);
		assert_int_equal(t.pair.peer.wire_id, 9);
		assert_int_equal(t.pair.peer.tap, rows[i].tap);
		assert_int_equal(t.pair.peer.check_source, !rows[i].tap);
		assert_true(t.pair.peer.ping_interval == 7 * LNL_SECOND);
		assert_true(t.pair.peer.ping_timeout == 120 * LNL_SECOND);
		end(NULL);
		begin(NULL);
	}
}

/* ---- keys ---- */

/* The new key sends a second after the client has our record; the old one ends with tran-window. */
static void test_swap(void **state)
{
	(void)state;
	let_in(-1, -1, "ping 10", 1);
	for (uint8_t id = 1; id < 4; id++) {
		renegotiate(id);
		is_told("install1");
		assert_true(lnl_server_next_due(t.pair.server) <= t.pair.s.now + LNL_SECOND);
		later(LNL_SECOND - 1);
		is_told("");
		later(1);
		is_told("swap expire1");
		assert_true(t.expire == t.pair.s.now + 3600 * LNL_SECOND);
		later(100 * LNL_SECOND);
		is_told("");
	}
}

/* Its record lost for ever: after hand-window it sends with the new key all the same. */
static void test_swap_unproven(void **state)
{
	(void)state;
	let_in(-1, -1, "ping 10", 1);
	derive(0);
	assert_int_equal(lnl_session_renegotiate(t.pair.s.s[CLIENT], t.pair.s.now), 0);
	/* The client's flight is in, ours to it are lost from now on. */
	while (!t.told[0] && t.pair.sent < 100) {
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		size_t len;

		pair_client_events(&t.pair);
		while ((len = lnl_session_output(t.pair.s.s[CLIENT], packet, sizeof(packet),
						 t.pair.s.now)))
			lnl_server_input(t.pair.server, packet, len, t.pair.s.now);
		pair_server_events(&t.pair);
		while (!t.told[0] && (len = lnl_server_output(t.pair.server, packet, sizeof(packet),
							      t.pair.s.now))) {
			lnl_session_input(t.pair.s.s[CLIENT], packet, len, t.pair.s.now);
			t.pair.sent++;
		}
	}
	is_told("install1");
	t.pair.deaf = true;
	for (unsigned i = 0; i < 59; i++)
		later(LNL_SECOND);
	is_told("");
	later(LNL_SECOND);
	is_told("swap expire1");
}

/* A key that is used up is left as soon as the client has the next one, or had it. */
static void test_limit(void **state)
{
	static const struct lnl_notice limit = { .kind = LNL_NOTICE_KEY_LIMIT };

	(void)state;
	let_in(-1, -1, "ping 10", 1);
	/* There is no newer one yet: it is made, and taken without a second's wait. */
	derive(0);
	lnl_server_notice(t.pair.server, &limit, t.pair.s.now);
	run();
	assert_int_equal(t.key_id, 1);
	is_told("install1 swap expire1");
	/* There is one that the client has. */
	renegotiate(2);
	is_told("install1");
	lnl_server_notice(t.pair.server, &limit, t.pair.s.now);
	run();
	is_told("swap expire1");
	/* The limit of the one before has no part in the next. */
	renegotiate(3);
	is_told("install1");
	later(LNL_SECOND);
	is_told("swap expire1");
}

/* Two renegotiations within that second: the first's key takes its place before the other comes. */
static void test_two_at_once(void **state)
{
	(void)state;
	let_in(-1, -1, "ping 10", 1);
	renegotiate(1);
	is_told("install1");
	renegotiate(2);
	is_told("swap expire1 install1");
	later(LNL_SECOND);
	is_told("swap expire1");
}

/* The end takes both keys back where the client was told no. */
static void test_denied(void **state)
{
	(void)state;
	let_in(-1, -1, "ping 10", 1);
	t.pair.conf.user_pass = true; /* from now on: this one has none */
	derive(0);
	assert_int_equal(lnl_session_renegotiate(t.pair.s.s[CLIENT], t.pair.s.now), 0);
	run();
	is_told("del0 del1 closed");
	assert_string_equal(t.pair.texts[t.pair.n_texts - 1],
			    "AUTH_FAILED,a user name and a password are wanted (auth-user-pass)");
}

/* ---- the reply ---- */

/* A long reply goes out in bursts of four messages, each once the one before is acknowledged. */
static void test_reply_bursts(void **state)
{
	static char option[900];
	unsigned before;

	(void)state;
	memset(option, 'x', sizeof(option) - 1);
	memcpy(option, "setenv a", 8);
	let_in(-1, -1, option, 8);
	assert_int_equal(t.pair.n_texts, 8);
	for (unsigned i = 0; i < 8; i++)
		assert_non_null(strstr(t.pair.texts[i],
				       i < 7 ? ",push-continuation 2" : ",push-continuation 1"));
	/* Who acknowledges nothing has four of them under way, and no more. */
	t.pair.s.now += 30 * LNL_SECOND;
	assert_int_equal(lnl_session_send_text(t.pair.s.s[CLIENT], "PUSH_REQUEST", t.pair.s.now),
			 0);
	t.pair.deaf = true;
	before = t.pair.sent;
	run();
	assert_in_range(t.pair.sent - before, 4, 5);
	assert_int_equal(t.pair.n_texts, 8);
}

/* What cannot be pushed is no grant, and leaves the question open. */
static void test_grant_errors(void **state)
{
	static const char *const bad[] = { "ping 10", "a,b" };
	struct lnl_grant g = { .push = bad, .n_push = 2, .ends_at = LNL_NEVER };

	(void)state;
	pair_server(&t.pair);
	assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), LNL_E_STATE);
	assert_int_equal(lnl_session_new(&t.pair.s.s[CLIENT], &t.pair.s.conf[CLIENT], t.pair.s.now),
			 0);
	run();
	assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), LNL_E_INVAL);
	for (unsigned i = 1; i < 3; i++) {
		t.pair.s.env.fail_at = t.pair.s.env.allocations + i;
		g.n_push = 1;
		assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), LNL_E_NOMEM);
		t.pair.s.env.fail_at = 0;
	}
	run();
	is_told("");
	assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), 0);
	assert_int_equal(lnl_server_grant(t.pair.server, &g, t.pair.s.now), LNL_E_STATE);
	run();
	is_told("peer install0 up");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEYS_TEST(test_peer_table),    KEYS_TEST(test_swap),
		KEYS_TEST(test_swap_unproven), KEYS_TEST(test_limit),
		KEYS_TEST(test_two_at_once),   KEYS_TEST(test_denied),
		KEYS_TEST(test_reply_bursts),  KEYS_TEST(test_grant_errors),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
