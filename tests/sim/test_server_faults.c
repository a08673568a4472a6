/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine's own ends over networks that lose, double, reorder and damage. TRUST F1, F3, Z4. */
/* lunel-test: both */
#include <stdio.h>

#include "sim/server_check.h"

/* OpenVPN 3's test wire, and duplicates. */
static const struct sim_faults rough = {
	.drop = 16,
	.duplicate = 16,
	.corrupt = 32,
	.reorder = 8,
	.delay = 10 * LNL_MSEC,
	.jitter = 10 * LNL_MSEC,
};

static struct sim_real *make(uint64_t seed, enum sim_wrap wrap, const struct sim_faults *faults)
{
	struct sim_real *r = real_new(seed, wrap, false);

	r->w->net.faults = *faults;
	/* Without a tag, what is damaged cannot be told from what is not. */
	if (wrap == SIM_WRAP_NONE)
		r->w->net.faults.corrupt = 0;
	real_start(r);
	return r;
}

/*
 * Each packet is sent five times in a hand-window at most, and each time one in eleven does not
 * come through: a connection in thousands has no luck.
 */
static void test_connect(void **state)
{
	unsigned failed = 0;

	(void)state;
	for (unsigned seed = 0; seed < 60 * SIM_WRAPS; seed++) {
		struct sim_real *r = make(seed, (enum sim_wrap)(seed % SIM_WRAPS), &rough);

		if (!sim_real_connect(r, 60 * LNL_SECOND))
			failed++;
		if (r->w->closed)
			assert_int_equal(r->w->cause, LNL_CAUSE_TIMEOUT);
		real_delete(r);
	}
	assert_true(failed <= 1);
}

/* F1: traffic and renegotiations on such a network; nothing twice, nothing damaged. */
static void test_traffic(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = make(2000 + i, (enum sim_wrap)i, &rough);

		assert_true(sim_real_connect(r, 60 * LNL_SECOND));
		for (unsigned round = 0; round < 8; round++) {
			if (round % 3 != 1)
				lnl_client_renegotiate(r->w->client, r->w->now);
			if (round % 3 != 0)
				lnl_server_renegotiate(r->server, r->w->now);
			sim_world_traffic(r->w, 2000, 50 * LNL_MSEC);
		}
		if (r->closed || r->w->closed)
			fail_msg("wrap %u: %s; %s", i, r->w->why, r->why);
		assert_int_equal(r->keys_installed, 9);
		assert_int_equal(r->keys_swapped, 8);
		assert_int_equal(r->sessions, 1);
		for (unsigned end = 0; end < SIM_ENDS; end++) {
			const struct sim_traffic *t = &r->w->traffic[end];

			assert_int_equal(t->doubled, 0);
			assert_int_equal(t->damaged, 0);
			assert_true(t->got > t->sent * 85UL / 100);
		}
		real_delete(r);
	}
}

/*
 * Where nothing is lost but packets overtake each other and come twice, renegotiations lose none:
 * 10^4 each way.
 */
static void test_reordered(void **state)
{
	const struct sim_faults faults = {
		.reorder = 8, .duplicate = 16, .delay = 10 * LNL_MSEC, .jitter = 10 * LNL_MSEC
	};

	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = make(3000 + i, (enum sim_wrap)i, &faults);

		assert_true(sim_real_connect(r, 60 * LNL_SECOND));
		sim_world_run(r->w, LNL_SECOND);
		for (unsigned round = 0; round < 10; round++) {
			if (round & 1)
				lnl_client_renegotiate(r->w->client, r->w->now);
			else
				lnl_server_renegotiate(r->server, r->w->now);
			sim_world_traffic(r->w, 1000, 65 * LNL_MSEC);
		}
		sim_world_run(r->w, LNL_SECOND);
		for (unsigned end = 0; end < SIM_ENDS; end++) {
			const struct sim_traffic *t = &r->w->traffic[end];

			assert_int_equal(t->sent, 10000);
			assert_int_equal(t->got, 10000);
			assert_int_equal(t->doubled, 0);
		}
		real_delete(r);
	}
}

/* A renegotiation ends well under 5 % loss, again and again. */
static void test_renegotiation_under_loss(void **state)
{
	const struct sim_faults faults = { .drop = 20, .delay = 10 * LNL_MSEC };

	(void)state;
	for (unsigned seed = 0; seed < 60; seed++) {
		struct sim_real *r = make(4000 + seed, SIM_WRAP_CRYPT, &faults);

		assert_true(sim_real_connect(r, 60 * LNL_SECOND));
		for (unsigned round = 0; round < 3; round++) {
			if (seed & 1)
				lnl_client_renegotiate(r->w->client, r->w->now);
			else
				lnl_server_renegotiate(r->server, r->w->now);
			sim_world_run(r->w, 120 * LNL_SECOND);
			if (r->keys_installed != round + 2 || r->keys_swapped != round + 1 ||
			    r->closed)
				fail_msg("seed %u, round %u: %u keys, %s", seed, round,
					 r->keys_installed, r->why);
		}
		real_delete(r);
	}
}

/* Z4: control texts both ways on the rough network, each once and in order. */
static void test_texts(void **state)
{
	struct sim_real *r = make(5000, SIM_WRAP_CRYPT, &rough);
	char text[64];

	(void)state;
	assert_true(sim_real_connect(r, 60 * LNL_SECOND));
	for (unsigned i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "X-NUMBER,%u", i);
		assert_int_equal(lnl_client_send_text(r->w->client, text, r->w->now), 0);
		assert_int_equal(lnl_server_send_text(r->server, text, r->w->now), 0);
		for (unsigned k = 0; k < 100; k++) {
			if (r->counts[LNL_SERVER_TEXT] == i + 1 &&
			    r->w->counts[LNL_CLIENT_TEXT] == i + 1)
				break;
			sim_world_run(r->w, LNL_SECOND);
		}
		assert_int_equal(r->counts[LNL_SERVER_TEXT], i + 1);
		assert_int_equal(r->w->counts[LNL_CLIENT_TEXT], i + 1);
		assert_string_equal(r->text, text);
		assert_string_equal(r->w->text, text);
	}
	real_delete(r);
}

/* A long reply comes whole through such a network. */
static void test_long_reply(void **state)
{
	static char text[258][40];
	const char *push[258];

	(void)state;
	for (unsigned i = 0; i < 258; i++) {
		snprintf(text[i], sizeof(text[i]), "route 10.%u.%u.0 255.255.255.0", i / 100,
			 i % 100);
		push[i] = text[i];
	}
	push[0] = "topology subnet";
	push[257] = "ifconfig 10.8.0.2 255.255.255.0";
	for (unsigned seed = 0; seed < 30; seed++) {
		struct sim_real *r = make(6000 + seed, SIM_WRAP_CRYPT, &rough);
		const struct lnl_pulled *pulled;

		r->push = push;
		r->n_push = 258;
		if (!sim_real_connect(r, 60 * LNL_SECOND))
			fail_msg("seed %u: %s; %s", seed, r->w->why, r->why);
		pulled = lnl_client_pulled(r->w->client);
		assert_int_equal(pulled->net.n_routes, LNL_NET_ROUTES);
		assert_true(pulled->has_ifconfig);
		assert_int_equal(pulled->peer_id, SIM_PEER_ID);
		real_delete(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),	  cmocka_unit_test(test_traffic),
		cmocka_unit_test(test_reordered), cmocka_unit_test(test_renegotiation_under_loss),
		cmocka_unit_test(test_texts),	  cmocka_unit_test(test_long_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
