/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory: what happens when it runs out, and what is left in it. TRUST R1, R3, K2. */
/* lunel-test: both */
#include <stdio.h>

#include "sim/check.h"

#define TOKEN	       "SESS_ID_AT_0f1e2d3c4b5a69788796a5b4c3d2e1f0"
#define PRE_MASTER_LEN 48
#define PASSWORD       "correct horse battery staple"

static struct sim_world *make(uint64_t seed, enum sim_wrap wrap)
{
	struct sim_world *w = world_new(seed, wrap, false);

	w->conf.auth_user_pass = true;
	w->setup.username = "alice";
	w->setup.password = PASSWORD;
	w->server_conf.username = "alice";
	w->server_conf.password = PASSWORD;
	w->server_conf.token = TOKEN;
	return w;
}

static void mark(struct sim_world *w)
{
	w->mark_secrets = true;
	w->env.mark_random = PRE_MASTER_LEN;
	sim_env_mark(&w->env, TOKEN, strlen(TOKEN));
	sim_env_mark(&w->env, PASSWORD, strlen(PASSWORD));
}

/* Connects, renegotiates, carries packets; says whether all of it came about. */
static bool live(struct sim_world *w)
{
	if (sim_world_start(w) < 0)
		return false;
	if (!sim_world_connect(w, 200 * LNL_SECOND))
		return false;
	lnl_client_renegotiate(w->client, w->now);
	sim_world_traffic(w, 100, 20 * LNL_MSEC);
	lnl_session_renegotiate(w->server.session, w->now);
	sim_world_run(w, 150 * LNL_SECOND);
	lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
	return sim_world_closes(w, 10 * LNL_SECOND) && w->keys_installed == 3;
}

/* R3: the |k|th allocation fails, or all from there on, for every k there is. */
static void fail_each(enum sim_wrap wrap, bool on)
{
	unsigned long total, lived = 0;
	struct sim_world *w = make(1, wrap);

	assert_true(live(w));
	total = w->env.allocations;
	world_delete(w);
	assert_true(total > 100);
	for (unsigned long k = 1; k <= total; k++) {
		w = make(1, wrap);
		if (k % 16 == 1)
			mark(w);
		w->env.fail_at = k;
		w->env.fail_on = on;
		lived += live(w);
		world_delete(w);
	}
	/* Some are made good by a retransmission, and the last are not needed; most count. */
	assert_true(lived < total / 2);
}

static void test_one_failure(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++)
		fail_each((enum sim_wrap)i, false);
}

static void test_no_more_memory(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++)
		fail_each((enum sim_wrap)i, true);
}

/* No randomness: nothing begins, and nothing goes on with less. */
static void test_no_randomness(void **state)
{
	struct sim_world *w = make(2, SIM_WRAP_CRYPT);
	struct lnl_client *c = NULL;

	(void)state;
	assert_int_equal(sim_world_start(w), 0);
	w->env.no_random = true;
	assert_int_equal(lnl_client_new(&c, &w->conf, NULL, NULL, w->now), LNL_E_RANDOM);
	assert_null(c);
	w->env.no_random = false;
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	w->env.no_random = true;
	assert_true(lnl_client_renegotiate(w->client, w->now) < 0);
	sim_world_run(w, 5 * LNL_SECOND);
	assert_int_equal(w->keys_installed, 1);
	w->env.no_random = false;
	world_delete(w);
}

/* The interval ends while there is no memory: it is tried again, and not at every turn. */
static void test_interval_without_memory(void **state)
{
	struct sim_world *w = make(3, SIM_WRAP_CRYPT);

	(void)state;
	w->conf.session.reneg_interval = 100 * LNL_SECOND;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	sim_world_run(w, 95 * LNL_SECOND);
	w->env.fail_at = w->env.allocations + 1;
	w->env.fail_on = true;
	sim_world_run(w, 10 * LNL_SECOND);
	assert_int_equal(w->keys_installed, 1);
	w->env.fail_at = 0;
	sim_world_run(w, 60 * LNL_SECOND);
	assert_int_equal(w->keys_installed, 2);
	world_delete(w);
}

/* ---- what is left ---- */

/* K2: no released block holds password, token, pre-master secret or data key; world_delete looks. */
static void test_wiped(void **state)
{
	static const enum lnl_cipher ciphers[] = { LNL_CIPHER_AES_256_GCM,
						   LNL_CIPHER_CHACHA20_POLY1305,
						   LNL_CIPHER_AES_256_CBC };

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS * 3; i++) {
		struct sim_world *w = make(10 + i, (enum sim_wrap)(i % SIM_WRAPS));

		sim_world_cipher(w, ciphers[i / SIM_WRAPS], LNL_DIGEST_SHA256);
		w->server_conf.ekm = i % 2;
		mark(w);
		assert_true(live(w));
		assert_true(w->env.n_marks >= 2 + 3 * 4);
		for (unsigned part = 0; part < 4 && w->setup.wrap != SIM_WRAP_NONE; part++)
			sim_env_mark(&w->env, w->static_key.bytes + part * 64, 32);
		world_delete(w);
	}
}

/* The refuse twin: the allocator does see a secret that was not wiped. */
static void test_marks_are_found(void **state)
{
	struct sim_world *w = make(30, SIM_WRAP_CRYPT);
	char *p = lnl_alloc(&w->env.env, 100);

	(void)state;
	mark(w);
	memcpy(p + 50, TOKEN, sizeof(TOKEN));
	lnl_release(&w->env.env, p);
	assert_int_equal(w->env.marks_found, 1);
	free(w);
}

/* R1: connections that die at every stage leave nothing. */
static void test_deaths(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct sim_world *w = make(100 + i, (enum sim_wrap)(i % SIM_WRAPS));

		assert_int_equal(sim_world_start(w), 0);
		sim_world_run(w, i * LNL_MSEC);
		if (i % 3 == 0 && !w->closed)
			lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
		world_delete(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_failure),
		cmocka_unit_test(test_no_more_memory),
		cmocka_unit_test(test_no_randomness),
		cmocka_unit_test(test_interval_without_memory),
		cmocka_unit_test(test_wiped),
		cmocka_unit_test(test_marks_are_found),
		cmocka_unit_test(test_deaths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
