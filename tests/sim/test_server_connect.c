/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's client against the engine's server: they come together, and packets flow. */
/* lunel-test: both */
#include "sim/server_check.h"

static void test_every_wrap(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS * 2; i++) {
		struct sim_real *r = real_new(i, (enum sim_wrap)(i / 2), i % 2 == 1);

		real_up(r);
		assert_int_equal(r->counts[LNL_SERVER_VERIFY], 1);
		assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 1);
		assert_int_equal(r->counts[LNL_SERVER_AUTHORIZE], 1);
		assert_int_equal(r->counts[LNL_SERVER_PEER_ADD], 1);
		assert_int_equal(r->counts[LNL_SERVER_UP], 1);
		assert_int_equal(r->sessions, 1);
		assert_int_equal(lnl_server_phase(r->server), LNL_PHASE_UP);
		assert_int_equal(lnl_server_cipher(r->server), LNL_CIPHER_AES_256_GCM);
		sim_world_traffic(r->w, 50, 20 * LNL_MSEC);
		assert_true(sim_world_all_arrived(r->w));
		real_delete(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
