/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How connections end: goodbyes of either side, silence, and who is said to have ended it. */
/* lunel-test: both */
#include "sim/check.h"

static struct sim_world *up(struct sim_world *w)
{
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 30 * LNL_SECOND));
	return w;
}

/* ---- our goodbye ---- */

static void test_exit_by_control(void **state)
{
	struct sim_world *w = world_new(1, SIM_WRAP_CRYPT, false);
	uint64_t began;

	(void)state;
	w->conf.explicit_exit_notify = 2;
	up(w);
	began = w->now;
	lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
	lnl_client_close(w->client, LNL_CAUSE_PING, w->now);
	assert_true(sim_world_closes(w, 10 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_USER);
	assert_true(w->server.said_exit);
	assert_false(w->server.data_exit);
	/* The ack ended the wait. */
	assert_true(w->now - began < 100 * LNL_MSEC);
	world_delete(w);
}

static void test_exit_by_control_unheard(void **state)
{
	struct sim_world *w = world_new(2, SIM_WRAP_CRYPT, false);
	uint64_t began;

	(void)state;
	w->conf.explicit_exit_notify = 2;
	up(w);
	began = w->now;
	w->net.cut[SIM_CLIENT] = true;
	lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
	assert_true(sim_world_closes(w, 10 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_USER);
	assert_true(w->now - began >= 2 * LNL_SECOND && w->now - began < 4 * LNL_SECOND);
	world_delete(w);
}

static void test_exit_by_data(void **state)
{
	struct sim_world *w = world_new(3, SIM_WRAP_CRYPT, false);
	uint64_t began;

	(void)state;
	w->server_conf.cc_exit = w->server_conf.dyn = false;
	w->server_conf.extra = "explicit-exit-notify 3";
	up(w);
	began = w->now;
	lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
	assert_true(sim_world_closes(w, 10 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_USER);
	assert_int_equal(w->counts[LNL_CLIENT_SPECIAL], 3);
	sim_world_run(w, LNL_SECOND);
	assert_true(w->server.data_exit);
	assert_false(w->server.said_exit);
	assert_true(w->now - began >= 3 * LNL_SECOND);
	world_delete(w);
}

/* Nobody asked for a goodbye, or TCP's end says it. */
static void test_no_goodbye(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sim_world *w = world_new(4 + i, SIM_WRAP_CRYPT, i == 1);
		uint64_t began;

		w->conf.explicit_exit_notify = i > 0;
		w->server_conf.cc_exit = w->server_conf.dyn = false;
		if (i == 2)
			assert_int_equal(sim_world_start(w), 0);
		else
			up(w);
		began = w->now;
		lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
		assert_true(sim_world_closes(w, LNL_SECOND));
		assert_int_equal(w->cause, LNL_CAUSE_USER);
		assert_int_equal(w->counts[LNL_CLIENT_SPECIAL], 0);
		assert_true(w->now == began);
		world_delete(w);
	}
}

/* What the server does about our goodbye is no cause of its own. */
static void test_answered_goodbye(void **state)
{
	static const char *const answers[] = { "EXIT", "RESTART,bye", "HALT", "AUTH_FAILED" };

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct sim_world *w = world_new(10 + i, SIM_WRAP_CRYPT, false);

		w->conf.explicit_exit_notify = 2;
		up(w);
		/* Its text is on the way when we say goodbye, and our goodbye does not arrive. */
		lnl_session_send_text(w->server.session, answers[i], w->now);
		sim_server_run(&w->server, w->now);
		w->net.cut[SIM_CLIENT] = true;
		lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
		assert_true(sim_world_closes(w, 10 * LNL_SECOND));
		assert_int_equal(w->cause, LNL_CAUSE_USER);
		world_delete(w);
	}
}

/* ---- the server's goodbye ---- */

static void test_server_ends(void **state)
{
	static const struct {
		const char *text;
		enum lnl_cause cause;
		const char *why;
		bool keep, remote;
	} rows[] = {
		{ "RESTART", LNL_CAUSE_RESTART, "", false, false },
		{ "RESTART,[N]", LNL_CAUSE_RESTART, "", false, true },
		{ "RESTART,[P]back soon", LNL_CAUSE_RESTART, "back soon", true, false },
		{ "RESTART,[NP]x", LNL_CAUSE_RESTART, "x", true, true },
		{ "RESTART,no flags", LNL_CAUSE_RESTART, "no flags", false, false },
		{ "HALT", LNL_CAUSE_HALT, "", false, false },
		{ "HALT,for good", LNL_CAUSE_HALT, "for good", false, false },
		{ "EXIT", LNL_CAUSE_EXIT, "the server said goodbye", false, false },
		{ "AUTH_FAILED,kicked", LNL_CAUSE_AUTH_FAILED, "kicked", false, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_world *w = up(world_new(20 + i, SIM_WRAP_CRYPT, i % 2));

		lnl_session_send_text(w->server.session, rows[i].text, w->now);
		assert_true(sim_world_closes(w, 5 * LNL_SECOND));
		assert_int_equal(w->cause, rows[i].cause);
		assert_int_equal(w->closed_in, LNL_PHASE_UP);
		assert_string_equal(w->why, rows[i].why);
		assert_int_equal(w->end.keep_auth, rows[i].keep);
		assert_int_equal(w->end.drop_token, rows[i].cause == LNL_CAUSE_AUTH_FAILED);
		assert_int_equal(w->end.advance,
				 rows[i].remote ? LNL_ADVANCE_REMOTE : LNL_ADVANCE_DEFAULT);
		world_delete(w);
	}
}

/* What only looks like an end is none. */
static void test_server_does_not_end(void **state)
{
	static const char *const texts[] = { "RESTARTX", "restart",   "HALTED",
					     "EXITING",	 "INFO,HALT", "RESTART\x01" };
	struct sim_world *w = up(world_new(40, SIM_WRAP_CRYPT, false));

	(void)state;
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		lnl_session_send_text(w->server.session, texts[i], w->now);
		sim_world_run(w, LNL_SECOND);
		if (w->closed)
			fail_msg("%s: %s", texts[i], w->why);
	}
	world_delete(w);
}

static void test_server_exits_by_data(void **state)
{
	struct sim_world *w = up(world_new(41, SIM_WRAP_CRYPT, false));

	(void)state;
	sim_server_exit(&w->server, w->now);
	assert_true(sim_world_closes(w, 5 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_EXIT);
	world_delete(w);
}

/* ---- silence ---- */

static void silence(const char *extra, unsigned seconds, enum lnl_cause cause)
{
	struct sim_world *w = world_new(50 + seconds, SIM_WRAP_CRYPT, false);
	uint64_t began;

	w->server_conf.extra = extra;
	up(w);
	sim_world_run(w, 15 * LNL_SECOND);
	w->net.cut[SIM_SERVER] = true;
	began = w->now;
	assert_true(sim_world_closes(w, 1000 * LNL_SECOND));
	assert_int_equal(w->cause, cause);
	/* The last ping came up to ten seconds before. */
	assert_in_range((w->now - began) / LNL_SECOND, seconds - 11, seconds + 1);
	world_delete(w);
}

static void test_ping_restart(void **state)
{
	(void)state;
	silence(NULL, 60, LNL_CAUSE_PING);
	silence("ping-restart 90", 90, LNL_CAUSE_PING);
	silence("ping-exit 30", 30, LNL_CAUSE_PING_EXIT);
}

static void test_pings_keep_alive(void **state)
{
	struct sim_world *w = up(world_new(60, SIM_WRAP_CRYPT, false));
	struct lnl_counters c;

	(void)state;
	sim_world_run(w, 1000 * LNL_SECOND);
	assert_false(w->closed);
	assert_int_equal(lnl_data_counters(w->data, SIM_OUR_PEER, &c), 0);
	assert_in_range(c.pings_received, 98, 101);
	assert_in_range(c.pings_sent, 98, 101);
	assert_int_equal(c.rx_packets, 0);
	world_delete(w);
}

static void test_session_timeout(void **state)
{
	struct sim_world *w = world_new(61, SIM_WRAP_CRYPT, false);

	(void)state;
	w->server_conf.extra = "session-timeout 300";
	up(w);
	sim_world_run(w, 299 * LNL_SECOND);
	assert_false(w->closed);
	assert_true(sim_world_closes(w, 2 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_SESSION_TIMEOUT);
	world_delete(w);
}

/* The renegotiation does not come about: the connection ends with its hand-window. */
static void test_renegotiation_times_out(void **state)
{
	struct sim_world *w = world_new(62, SIM_WRAP_CRYPT, false);

	(void)state;
	w->server_conf.extra = "ping-restart 0";
	up(w);
	w->server_conf.silent_record = true;
	lnl_client_renegotiate(w->client, w->now);
	sim_world_run(w, 59 * LNL_SECOND);
	assert_false(w->closed);
	sim_world_traffic(w, 5, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	assert_true(sim_world_closes(w, 2 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_TIMEOUT);
	assert_int_equal(w->closed_in, LNL_PHASE_UP);
	world_delete(w);
}

/* ---- damage ---- */

/* D8, and packets that are not the peer's: dropped and counted over UDP, the end over TCP. */
static void bad_data(bool tcp, unsigned kind)
{
	struct sim_world *w = up(world_new(70 + kind, SIM_WRAP_CRYPT, tcp));
	uint8_t junk[100] = {
		lnl_op_byte(LNL_OP_DATA_V2, kind == 1 ? 5 : 0), 0, 0, SIM_PEER_ID, 0, 0, 0, 99
	};

	if (kind == 2)
		junk[0] = lnl_op_byte(LNL_OP_DATA_V1, 0);
	sim_net_send(&w->net, SIM_SERVER, junk, kind == 3 ? 1 : sizeof(junk), w->now);
	sim_world_run(w, LNL_SECOND);
	/* A stray key id is no failure to decrypt. */
	assert_int_equal(w->closed, tcp && kind != 1);
	if (w->closed) {
		assert_int_equal(w->cause, LNL_CAUSE_DECRYPT);
	} else {
		assert_int_equal(w->data_drops[kind == 1   ? LNL_DROP_KEY_ID
					       : kind == 3 ? LNL_DROP_SHORT
							   : LNL_DROP_AUTH],
				 1);
		sim_world_traffic(w, 5, 20 * LNL_MSEC);
		assert_true(sim_world_all_arrived(w));
	}
	world_delete(w);
}

static void test_bad_data(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 3; kind++) {
		bad_data(false, kind);
		bad_data(true, kind);
	}
	bad_data(false, 3);
}

/* Data before there are keys is dropped and changes nothing. */
static void test_data_too_early(void **state)
{
	struct sim_world *w = world_new(80, SIM_WRAP_CRYPT, false);
	const uint8_t junk[100] = { lnl_op_byte(LNL_OP_DATA_V2, 0), 0, 0, SIM_PEER_ID };

	(void)state;
	assert_int_equal(sim_world_start(w), 0);
	for (unsigned i = 0; i < 40; i++) {
		sim_net_send(&w->net, SIM_SERVER, junk, sizeof(junk), w->now);
		sim_world_run(w, LNL_MSEC);
	}
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	sim_world_traffic(w, 5, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(w));
	world_delete(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_by_control),
		cmocka_unit_test(test_exit_by_control_unheard),
		cmocka_unit_test(test_exit_by_data),
		cmocka_unit_test(test_no_goodbye),
		cmocka_unit_test(test_answered_goodbye),
		cmocka_unit_test(test_server_ends),
		cmocka_unit_test(test_server_does_not_end),
		cmocka_unit_test(test_server_exits_by_data),
		cmocka_unit_test(test_ping_restart),
		cmocka_unit_test(test_pings_keep_alive),
		cmocka_unit_test(test_session_timeout),
		cmocka_unit_test(test_renegotiation_times_out),
		cmocka_unit_test(test_bad_data),
		cmocka_unit_test(test_data_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
