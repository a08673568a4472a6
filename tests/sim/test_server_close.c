/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a server's connections end: by either side, by time, by silence. TRUST C5. */
/* lunel-test: both */
#include "sim/server_check.h"

static struct sim_real *up(uint64_t seed, bool tcp)
{
	struct sim_real *r = real_new(seed, SIM_WRAP_CRYPT, tcp);

	r->w->conf.explicit_exit_notify = 1;
	r->w->net.faults.delay = 10 * LNL_MSEC;
	real_up(r);
	return r;
}

/* What is told ends it as soon as the client has heard. */
static void test_told(void **state)
{
	static const struct {
		const char *text;
		enum lnl_cause client;
	} rows[] = {
		{ "RESTART", LNL_CAUSE_RESTART },
		{ "RESTART,[N]", LNL_CAUSE_RESTART },
		{ "HALT,maintenance", LNL_CAUSE_HALT },
		{ "AUTH_FAILED,SESSION:expired", LNL_CAUSE_AUTH_SESSION },
		{ NULL, LNL_CAUSE_PING },
	};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_real *r = up(i, i & 1);
		uint64_t began = r->w->now;

		lnl_server_close(r->server, LNL_CAUSE_USER, rows[i / 2].text, r->w->now);
		assert_true(sim_real_closes(r, 6 * LNL_SECOND));
		/* The client that is gone acknowledges nothing: then 5 s. */
		assert_true(r->w->now - began <= 5 * LNL_SECOND + 10 * LNL_MSEC);
		assert_int_equal(r->cause, LNL_CAUSE_USER);
		assert_int_equal(r->closed_in, LNL_PHASE_UP);
		assert_int_equal(r->counts[LNL_SERVER_CLOSED], 1);
		assert_true(sim_world_closes(r->w, 100 * LNL_SECOND));
		assert_int_equal(r->w->cause, rows[i / 2].client);
		real_delete(r);
	}
}

/* C5: the client does not hear, and says goodbye a thousand times: gone 5 s after the kill. */
static void test_C5_kill(void **state)
{
	(void)state;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct sim_real *r = up(20 + tcp, tcp);
		uint64_t began = r->w->now;

		r->w->net.cut[SIM_SERVER] = true;
		lnl_server_close(r->server, LNL_CAUSE_USER, "HALT", r->w->now);
		for (unsigned i = 0; i < 1000 && !r->closed; i++) {
			lnl_client_send_text(r->w->client, i % 2 ? "EXIT" : "PUSH_REQUEST",
					     r->w->now);
			lnl_client_renegotiate(r->w->client, r->w->now);
			if (r->server) {
				const struct lnl_notice n = { .kind = LNL_NOTICE_KEY_LIMIT };

				lnl_server_close(r->server, LNL_CAUSE_HALT, "RESTART", r->w->now);
				lnl_server_notice(r->server, &n, r->w->now);
				assert_int_equal(lnl_server_send_text(r->server, "INFO,x",
								      r->w->now),
						 LNL_E_STATE);
				assert_int_equal(lnl_server_renegotiate(r->server, r->w->now),
						 LNL_E_STATE);
			}
			sim_world_run(r->w, 10 * LNL_MSEC);
		}
		assert_true(r->closed);
		assert_true(r->w->now - began <= 5 * LNL_SECOND + 20 * LNL_MSEC);
		assert_int_equal(r->cause, LNL_CAUSE_USER);
		assert_null(r->server);
		assert_int_equal(r->sessions, 1);
		real_delete(r);
	}
}

/* Whatever state it is in, an end is one. */
static void test_close_early(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct sim_real *r = real_new(30 + i, SIM_WRAP_NONE, false);

		r->verify_waits = i == 0;
		r->verdict_after = i == 1 ? LNL_NEVER : 0;
		r->grant_after = LNL_NEVER;
		real_start(r);
		sim_world_run(r->w, LNL_SECOND);
		lnl_server_close(r->server, LNL_CAUSE_HALT, "HALT", r->w->now);
		assert_true(sim_real_closes(r, 6 * LNL_SECOND));
		assert_int_equal(r->cause, LNL_CAUSE_HALT);
		assert_int_equal(r->closed_in, i == 0	? LNL_PHASE_HANDSHAKE
					       : i == 1 ? LNL_PHASE_AUTH
							: LNL_PHASE_CONFIGURE);
		real_delete(r);
	}
}

/* ---- the client goes ---- */

static unsigned drop_acks;

/* What the server sends in answer to the goodbye is lost for a while. */
static bool lose_some(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	(void)ctx;
	(void)bytes;
	(void)len;
	return !(from == SIM_SERVER && drop_acks > 0 && drop_acks--);
}

/* EXIT on the control channel: acknowledged again and again for 5 s, and no new session. */
static void test_exit_by_control(void **state)
{
	(void)state;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct sim_real *r = up(40 + tcp, tcp);
		uint64_t began;

		drop_acks = tcp ? 0 : 2;
		r->w->net.tap = lose_some;
		sim_world_run(r->w, LNL_SECOND);
		began = r->w->now;
		lnl_client_close(r->w->client, LNL_CAUSE_USER, r->w->now);
		assert_true(sim_real_closes(r, 8 * LNL_SECOND));
		assert_int_equal(r->cause, LNL_CAUSE_EXIT);
		assert_int_equal(r->counts[LNL_SERVER_KEY_DEL], 2);
		assert_true(tcp ? r->w->now - began < LNL_SECOND
				: r->w->now - began >= 5 * LNL_SECOND);
		sim_world_run(r->w, LNL_SECOND);
		assert_int_equal(r->sessions, 1);
		assert_int_equal(r->w->cause, LNL_CAUSE_USER);
		real_delete(r);
	}
}

/* OCC EXIT on the data channel, by the notice. */
static void test_exit_by_data(void **state)
{
	uint8_t buf[LNL_HEADROOM + 64 + LNL_TAILROOM];
	struct lnl_packet p = { .p = buf + LNL_HEADROOM };
	struct sim_real *r = up(50, false);

	(void)state;
	assert_int_equal(lnl_data_special(r->w->data, SIM_OUR_PEER, LNL_SPECIAL_OCC_EXIT, &p,
					  r->w->now),
			 0);
	sim_net_send(&r->w->net, SIM_CLIENT, p.p, p.len, r->w->now);
	sim_world_run(r->w, 50 * LNL_MSEC);
	assert_true(r->closed);
	assert_int_equal(r->cause, LNL_CAUSE_EXIT);
	real_delete(r);
}

/* ---- time ---- */

static void test_silence(void **state)
{
	struct sim_real *r = up(60, false);

	(void)state;
	sim_world_run(r->w, 1000 * LNL_SECOND);
	assert_false(r->closed);
	r->w->net.cut[SIM_CLIENT] = true;
	sim_world_run(r->w, 105 * LNL_SECOND);
	assert_false(r->closed);
	sim_world_run(r->w, 20 * LNL_SECOND);
	assert_true(r->closed);
	assert_int_equal(r->cause, LNL_CAUSE_PING);
	real_delete(r);
}

static void test_lifetime(void **state)
{
	struct sim_real *r = real_new(61, SIM_WRAP_CRYPT, false);
	uint64_t began;

	(void)state;
	r->lifetime = 1000 * LNL_SECOND;
	real_up(r);
	began = r->w->now;
	assert_false(sim_real_closes(r, 990 * LNL_SECOND));
	assert_true(sim_real_closes(r, 20 * LNL_SECOND));
	assert_true(r->w->now - began <= 1006 * LNL_SECOND);
	assert_int_equal(r->cause, LNL_CAUSE_SESSION_TIMEOUT);
	assert_int_equal(r->w->cause, LNL_CAUSE_RESTART);
	real_delete(r);
}

/* A client that goes silent in the handshake is forgotten after hand-window. */
static void test_half_open(void **state)
{
	(void)state;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct sim_real *r = real_new(62 + tcp, SIM_WRAP_CRYPT, tcp);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		real_start(r);
		while (!r->server)
			sim_world_run(r->w, LNL_MSEC);
		r->w->net.cut[SIM_CLIENT] = true;
		sim_world_run(r->w, 58 * LNL_SECOND);
		assert_false(r->closed);
		assert_true(sim_real_closes(r, 3 * LNL_SECOND));
		assert_int_equal(r->cause, LNL_CAUSE_TIMEOUT);
		assert_int_equal(r->closed_in, LNL_PHASE_HANDSHAKE);
		real_delete(r);
	}
}

/* Over TCP a packet that does not decrypt ends it, over UDP none does. */
static void test_decrypt(void **state)
{
	const struct lnl_notice n = { .kind = LNL_NOTICE_DECRYPT };

	(void)state;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct sim_real *r = up(70 + tcp, tcp);

		lnl_server_notice(r->server, &n, r->w->now);
		sim_world_run(r->w, LNL_MSEC);
		assert_int_equal(r->closed, tcp);
		if (tcp)
			assert_int_equal(r->cause, LNL_CAUSE_DECRYPT);
		real_delete(r);
	}
}

/* The same client comes again, in a new session. */
static void test_again(void **state)
{
	struct sim_real *r = up(80, false);

	(void)state;
	lnl_server_close(r->server, LNL_CAUSE_USER, "RESTART", r->w->now);
	assert_true(sim_real_closes(r, 6 * LNL_SECOND));
	assert_true(r->w->closed);
	lnl_client_free(r->w->client);
	r->w->closed = false;
	lnl_data_peer_del(r->w->data, SIM_OUR_PEER);
	assert_int_equal(lnl_client_new(&r->w->client, &r->w->conf, NULL, NULL, r->w->now), 0);
	assert_true(sim_real_connect(r, 10 * LNL_SECOND));
	assert_int_equal(r->sessions, 2);
	sim_world_traffic(r->w, 10, 50 * LNL_MSEC);
	assert_true(sim_world_all_arrived(r->w));
	real_delete(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_told),	     cmocka_unit_test(test_C5_kill),
		cmocka_unit_test(test_close_early),  cmocka_unit_test(test_exit_by_control),
		cmocka_unit_test(test_exit_by_data), cmocka_unit_test(test_silence),
		cmocka_unit_test(test_lifetime),     cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_decrypt),	     cmocka_unit_test(test_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
