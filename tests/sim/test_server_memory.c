/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a connection costs a server, and what happens when there is no more: TRUST S5, R1, R3. */
/* lunel-test: both */
#include <malloc.h>
#include <stdio.h>

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

/* S5: half-open, after the cookie came back (or over TCP the reset) and nothing else. */
static void test_half_open(void **state)
{
	size_t own, all;

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS * 2; i++) {
		struct sim_real *r = real_new(i, (enum sim_wrap)(i / 2), i % 2 == 1);

		r->w->net.faults.delay = 10 * LNL_MSEC;
		real_start(r);
		while (!r->server)
			sim_world_run(r->w, LNL_MSEC);
		assert_true(lnl_server_phase(r->server) <= LNL_PHASE_HANDSHAKE);
		cost(r, &own, &all);
		printf("half-open, wrap %u, %s: %zu bytes, %zu with the heap's own\n", i / 2,
		       i % 2 ? "tcp" : "udp", own, all);
		real_delete(r);
	}
}

static void test_idle(void **state)
{
	size_t own, all;

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
		printf("idle, wrap %u, %s: %zu bytes, %zu with TLS\n", i / 3,
		       i % 3 == 0 ? "new" : "renegotiated", own, all);
		real_delete(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_open),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
