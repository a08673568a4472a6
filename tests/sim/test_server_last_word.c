/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A text that ends the connection, said at every moment of a renegotiation: a client that hears the
 * control packets of its newest key state alone, as OpenVPN does, reads it all the same.
 */
/* lunel-test: both */
#include <stdio.h>

#include "control/server_state.h"
#include "sim/server_check.h"

/* How far the server has come when the text is said. */
enum moment {
	BEFORE,	 /* it knows of none; the client's SOFT_RESET may be on its way */
	TLS,	 /* from there to the end of the handshake */
	VERIFY,	 /* the owner is asked about the certificate */
	RECORD,	 /* key method 2 of the client's is here; the owner judges it, ours waits */
	PROVING, /* there is a new key, the old one sends */
	IN_USE,	 /* the new key sends */
	MOMENTS
};

static enum moment moment_of(const struct sim_real *r, uint64_t began)
{
	if (r->keys_swapped > 0)
		return IN_USE;
	if (r->keys_installed > 1)
		return PROVING;
	if (r->server->auth_waits)
		return RECORD;
	if (r->server->verify_waits)
		return VERIFY;
	return r->server->began_at >= began ? TLS : BEFORE;
}

static const struct {
	const char *text;
	enum lnl_cause cause;
} words[] = {
	{ "AUTH_FAILED,the last word", LNL_CAUSE_AUTH_FAILED },
	{ "RESTART,the last word", LNL_CAUSE_RESTART },
	{ "HALT,the last word", LNL_CAUSE_HALT },
};

/* Who renegotiates. */
enum side { BY_CLIENT, BY_SERVER, BY_BOTH, SIDES };

/* How the owner answers while it does. */
enum owner { AT_ONCE, JUDGES_LATE, VERIFIES_NEVER, OWNERS };

static struct sim_real *up(uint64_t seed, enum side side, enum owner owner)
{
	struct sim_real *r = real_new(seed, SIM_WRAP_CRYPT, seed & 1);

	r->w->setup.newest_only = true;
	r->w->net.faults.delay = 10 * LNL_MSEC;
	real_up(r);
	sim_world_run(r->w, LNL_SECOND);
	r->verdict_after = owner == JUDGES_LATE ? 40 * LNL_MSEC : 0;
	r->verify_waits = owner == VERIFIES_NEVER;
	if (side != BY_SERVER)
		lnl_client_renegotiate(r->w->client, r->w->now);
	if (side != BY_CLIENT)
		lnl_server_renegotiate(r->server, r->w->now);
	return r;
}

/* The client ends by |word|, soon, and the server as soon as it knows that. */
static void is_heard(struct sim_real *r, unsigned word, uint64_t said)
{
	if (!sim_world_closes(r->w, 3 * LNL_SECOND) || r->w->cause != words[word].cause ||
	    strcmp(r->w->why, "the last word") != 0)
		fail_msg("\"%s\" was not heard (cause %d: %s)", words[word].text, r->w->cause,
			 r->w->why);
	assert_true(sim_real_closes(r, 6 * LNL_SECOND));
	assert_true(r->w->now - said <= 5 * LNL_SECOND + 10 * LNL_MSEC);
	assert_int_equal(r->cause, LNL_CAUSE_USER);
	assert_int_equal(r->counts[LNL_SERVER_CLOSED], 1);
}

static void say_at(uint64_t span, unsigned seed, enum side side, enum owner owner, bool *hit)
{
	struct sim_real *r = up(seed, side, owner);
	unsigned word = seed % 3;
	uint64_t began = r->w->now;
	enum moment moment;
	uint64_t said;

	sim_world_run(r->w, span);
	moment = moment_of(r, began);
	hit[moment] = true;
	said = r->w->now;
	lnl_server_close(r->server, LNL_CAUSE_USER, words[word].text, r->w->now);
	is_heard(r, word, said);
	/* No key is made for who is told to go. */
	assert_true(r->keys_installed == 1 || moment >= PROVING);
	real_delete(r);
}

static void every_moment(enum side side)
{
	bool hit[MOMENTS] = { false };
	unsigned seed = 0;

	for (unsigned owner = 0; owner < OWNERS; owner++)
		for (uint64_t at = 0; at <= 140; at++)
			say_at(at * LNL_MSEC, seed++, side, (enum owner)owner, hit);
	for (unsigned i = 0; i < 3; i++)
		say_at(5 * LNL_SECOND, seed++, side, AT_ONCE, hit);
	for (unsigned i = BEFORE; i < MOMENTS; i++)
		if (hit[i] != (i > BEFORE || side == BY_CLIENT))
			fail_msg("moment %u: met %d", i, hit[i]);
}

static void test_client_began(void **state)
{
	(void)state;
	every_moment(BY_CLIENT);
}

static void test_server_began(void **state)
{
	(void)state;
	every_moment(BY_SERVER);
}

static void test_both_began(void **state)
{
	(void)state;
	every_moment(BY_BOTH);
}

/* A denial of a renegotiation: whenever the owner says so, it is heard. */
static void test_denied(void **state)
{
	(void)state;
	for (unsigned after = 0; after < 60; after += 3) {
		struct sim_real *r = up(after, BY_CLIENT, AT_ONCE);

		r->verdict_after = after * LNL_MSEC;
		r->verdict = LNL_JUDGED_DENY;
		r->verdict_text = "the last word";
		if (!sim_world_closes(r->w, 3 * LNL_SECOND))
			fail_msg("a denial %u ms after the question was not heard", after);
		assert_int_equal(r->w->cause, LNL_CAUSE_AUTH_FAILED);
		assert_string_equal(r->w->why, "the last word");
		assert_true(sim_real_closes(r, 6 * LNL_SECOND));
		assert_int_equal(r->cause, LNL_CAUSE_AUTH_FAILED);
		assert_int_equal(r->keys_installed, 1);
		real_delete(r);
	}
}

/* What such a client is like: it neither hears nor answers the key state that it has left. */
static void test_client_is_deaf(void **state)
{
	struct sim_real *r = up(1, BY_CLIENT, AT_ONCE);

	(void)state;
	assert_int_equal(lnl_session_send_text(r->server->session, "X-UNHEARD", r->w->now), 0);
	sim_world_run(r->w, 5 * LNL_SECOND);
	assert_true(r->w->unheard > 0);
	assert_int_equal(r->keys_installed, 2);
	assert_int_equal(lnl_server_send_text(r->server, "X-HEARD", r->w->now), 0);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->w->counts[LNL_CLIENT_TEXT], 1);
	assert_string_equal(r->w->text, "X-HEARD");
	sim_world_traffic(r->w, 20, 50 * LNL_MSEC);
	assert_true(sim_world_all_arrived(r->w));
	real_delete(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_client_began),   cmocka_unit_test(test_server_began),
		cmocka_unit_test(test_both_began),     cmocka_unit_test(test_denied),
		cmocka_unit_test(test_client_is_deaf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
