/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that come about: every wrapping, cipher, derivation and transport. */
/* lunel-test: both */
#include "sim/check.h"

static const char *const wrap_names[] = { "none",     "tls-auth 1", "tls-auth 0",
					  "tls-auth", "tls-crypt",  "tls-crypt-v2" };

static void test_table(void **state)
{
	static const struct {
		enum lnl_cipher cipher;
		enum lnl_digest digest;
	} ciphers[] = {
		{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_SHA1 },
		{ LNL_CIPHER_AES_128_GCM, LNL_DIGEST_SHA1 },
		{ LNL_CIPHER_CHACHA20_POLY1305, LNL_DIGEST_SHA1 },
		{ LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256 },
	};

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS * 4 * 4; i++) {
		enum sim_wrap wrap = (enum sim_wrap)(i % SIM_WRAPS);
		unsigned cipher = i / SIM_WRAPS % 4;
		bool tcp = i / SIM_WRAPS / 4 % 2 == 1;
		struct sim_world *w = world_new(i, wrap, tcp);

		w->server_conf.ekm = i / SIM_WRAPS / 8 == 0;
		sim_world_cipher(w, ciphers[cipher].cipher, ciphers[cipher].digest);
		assert_int_equal(sim_world_start(w), 0);
		if (!sim_world_connect(w, 30 * LNL_SECOND))
			fail_msg("%s, cipher %u, %s, %s: %s", wrap_names[wrap], cipher,
				 tcp ? "TCP" : "UDP", w->server_conf.ekm ? "EKM" : "PRF", w->why);
		sim_world_traffic(w, 10, 20 * LNL_MSEC);
		assert_true(sim_world_all_arrived(w));
		world_delete(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
