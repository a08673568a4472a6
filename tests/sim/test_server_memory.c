/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a connection costs a server, and what happens when there is no more: TRUST S5, R1, R3. */
/* lunel-test: both */
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "sim/server_check.h"

/* Bytes in use, the library's own included. */
static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* What leaves with the connection: of the engine's memory, and in all. */
static void cost(struct sim_real *r, size_t *own, size_t *all)
{
	size_t before = r->w->env.live_bytes, heap = in_use();

	assert_non_null(r->server);
	lnl_server_free(r->server);
	*own = before - r->w->env.live_bytes;
	*all = heap - in_use();
	r->server = NULL;
}

static void expect_below(size_t bytes, size_t limit, const char *what, unsigned row)
{
	printf("%s, wrap %u: %zu bytes\n", what, row, bytes);
	if (bytes > limit)
		fail_msg("%s, wrap %u: %zu bytes", what, row, bytes);
}

/* S5: half-open, before the first TLS record: here over TCP, where the reset begins it. */
static void test_S5_half_open(void **state)
{
	size_t own, all;

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = real_new(i, (enum sim_wrap)i, true);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		real_start(r);
		while (!r->server)
			sim_world_run(r->w, LNL_MSEC);
		assert_int_equal(lnl_server_phase(r->server), LNL_PHASE_HANDSHAKE);
		cost(r, &own, &all);
		expect_below(own, 4096, "half-open", i);
		real_delete(r);
	}
}

/* Stops what the client sends once it has shown the cookie. */
static bool only_one(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	const struct sim_real *r = ctx;

	(void)bytes;
	(void)len;
	return from == SIM_SERVER || !r->server;
}

/* S5: and with the start of a handshake in hand. */
static void test_S5_first_record(void **state)
{
	size_t own, all;

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = real_new(i, (enum sim_wrap)i, false);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		r->w->net.tap = only_one;
		r->w->net.tap_ctx = r;
		real_start(r);
		sim_world_run(r->w, 5 * LNL_SECOND);
		assert_int_equal(lnl_server_phase(r->server), LNL_PHASE_HANDSHAKE);
		cost(r, &own, &all);
		expect_below(all > own ? all : own, 65536, "first record", i);
		real_delete(r);
	}
}

/* Connected and idle, also after renegotiations from either side; the data plane's part beside it. */
static void test_idle(void **state)
{
	size_t own, all, plane;

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS * 3; i++) {
		struct sim_real *r = real_new(i, (enum sim_wrap)(i / 3), false);

		real_up(r);
		sim_world_run(r->w, 100 * LNL_SECOND);
		if (i % 3 == 1)
			lnl_server_renegotiate(r->server, r->w->now);
		if (i % 3 == 2)
			lnl_client_renegotiate(r->w->client, r->w->now);
		sim_world_run(r->w, 100 * LNL_SECOND);
		assert_int_equal(r->keys_installed, i % 3 ? 2 : 1);
		cost(r, &own, &all);
		plane = in_use();
		lnl_data_peer_del(r->data, SIM_PEER_ID);
		r->has_peer = false;
		plane -= in_use();
		expect_below(all + plane, 16384, i % 3 ? "idle, after a renegotiation" : "idle",
			     i / 3);
		expect_below(own, 8192, "  without what TLS takes itself", i / 3);
		expect_below(plane, 8192, "  of it in the data plane", i / 3);
		real_delete(r);
	}
}

/* While it renegotiates, at its dearest. */
static void test_renegotiating(void **state)
{
	size_t own, all, plane, most = 0;

	(void)state;
	for (unsigned step = 0; step < 40; step++) {
		struct sim_real *r = real_new(7, SIM_WRAP_V2, false);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		real_up(r);
		sim_world_run(r->w, 100 * LNL_SECOND);
		lnl_server_renegotiate(r->server, r->w->now);
		sim_world_run(r->w, step * 5 * LNL_MSEC);
		cost(r, &own, &all);
		plane = in_use();
		lnl_data_peer_del(r->data, SIM_PEER_ID);
		r->has_peer = false;
		all += plane - in_use();
		if (all > most)
			most = all;
		real_delete(r);
	}
	expect_below(most, 24576, "while it renegotiates", SIM_WRAP_V2);
}

/* ---- R3 ---- */

#define PASSWORD "correct horse battery staple"
#define TOKEN	 "SESS_ID_AT_0f1e2d3c4b5a69788796a5b4c3d2e1f0"

static const char *const push[] = { "topology subnet", "ifconfig 10.8.0.2 255.255.255.0", "ping 10",
				    "auth-token " TOKEN };

static struct sim_real *make(enum sim_wrap wrap, bool marks)
{
	struct sim_real *r = real_new(1, wrap, false);

	r->w->conf.auth_user_pass = true;
	r->w->setup.username = "anna";
	r->w->setup.password = PASSWORD;
	r->w->conf.explicit_exit_notify = 1;
	r->push = push;
	r->n_push = 4;
	if (marks) {
		r->w->mark_secrets = true;
		sim_env_mark(&r->w->env, TOKEN, strlen(TOKEN));
		sim_env_mark(&r->w->env, PASSWORD, strlen(PASSWORD));
	}
	return r;
}

/* Connects, renegotiates from both sides, carries packets, ends; whether all of it came about. */
static bool live(struct sim_real *r)
{
	struct sim_world *w = r->w;

	if (sim_world_start(w) < 0 || !sim_real_connect(r, 200 * LNL_SECOND))
		return false;
	lnl_client_renegotiate(w->client, w->now);
	sim_world_traffic(w, 100, 20 * LNL_MSEC);
	if (r->server)
		lnl_server_renegotiate(r->server, w->now);
	sim_world_run(w, 150 * LNL_SECOND);
	lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
	sim_world_run(w, 10 * LNL_SECOND);
	return r->closed && r->cause == LNL_CAUSE_EXIT && r->keys_installed == 3;
}

/* R3: the |k|th allocation fails, or all from there on, for every k there is. */
static void fail_each(enum sim_wrap wrap, bool on)
{
	unsigned long total, lived = 0;
	struct sim_real *r = make(wrap, true);

	assert_true(live(r));
	total = r->w->env.allocations;
	real_delete(r);
	assert_true(total > 100);
	for (unsigned long k = 1; k <= total; k++) {
		r = make(wrap, k % 16 == 1);
		r->w->env.fail_at = k;
		r->w->env.fail_on = on;
		lived += live(r);
		real_delete(r);
	}
	assert_true(lived < total * 2 / 3);
}

static void test_R3(void **state)
{
	(void)state;
	fail_each(SIM_WRAP_NONE, false);
	fail_each(SIM_WRAP_V2, false);
	fail_each(SIM_WRAP_CRYPT, true);
}

/* R1: 1,000 connections that come and go leave nothing. */
static void test_R1(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		struct sim_real *r = make((enum sim_wrap)(i % SIM_WRAPS), i % 16 == 0);

		r->verdict = i % 3 ? LNL_JUDGED_OK : LNL_JUDGED_DENY;
		r->verdict_after = i % 5 == 1 ? LNL_NEVER : 0;
		assert_int_equal(sim_world_start(r->w), 0);
		sim_world_run(r->w, i % 7 * 100 * LNL_MSEC);
		real_delete(r);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_S5_half_open), cmocka_unit_test(test_S5_first_record),
		cmocka_unit_test(test_idle),	     cmocka_unit_test(test_renegotiating),
		cmocka_unit_test(test_R3),	     cmocka_unit_test(test_R1),
	};

	(void)argc;
	/* The C library's cache of free blocks would count as in use. */
	if (!getenv("GLIBC_TUNABLES")) {
		setenv("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0", 1);
		execv("/proc/self/exe", argv);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
