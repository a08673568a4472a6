/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* Who a client is when its keys are renewed: by a token, or by the host's word. */
#include <time.h>

#include "test_engine_house.h"

static uint64_t wall; /* begins as it is, for the certificates */

static uint64_t wallclock(void *ctx)
{
	(void)ctx;
	return wall;
}

static int prepare(void **state)
{
	(void)state;
	house_init();
	wall = (uint64_t)time(NULL);
	house.e->env.wallclock = wallclock;
	house.o.asks = LNL_ASK_AUTHENTICATE | LNL_ASK_REAUTH;
	house.o.auth_user_pass = true;
	house.o.gen_token = true;
	house.o.token_lifetime = 100;
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static void answer(const struct asked *a, enum lnl_login_verdict verdict, const char *text)
{
	assert_int_equal(lnl_reply_login(house.e, a->ticket, verdict, text), 0);
	house_turn();
}

/* Anna is there, by her password. */
static struct guest *comes(void)
{
	struct guest *g;
	struct asked a;

	house_open();
	g = guest_new("anna", "192.0.2.2", 40001);
	guest_come(g, "anna", "sesame");
	house_turn();
	a = house_asked(LNL_EVENT_AUTHENTICATE);
	assert_false(a.again);
	assert_string_equal(a.password, "sesame");
	answer(&a, LNL_LOGIN_OK, NULL);
	assert_true(g->up);
	return g;
}

static void renew(void)
{
	assert_int_equal(lnl_peer_renegotiate(house.e, house.s->id, house_peer("anna")->id), 0);
	house_turn();
}

/* The keys were renewed: she stays, and the next time is another. */
static void stays(const struct guest *g)
{
	house_run(3 * LNL_SECOND);
	assert_true(g->up);
	assert_false(g->closed);
}

/* Each kind of token is asked about, and not shown. */
static void test_seen(void **state)
{
	static const struct {
		bool tokens, forgotten;
		unsigned later;
		enum lnl_token_seen seen;
		const char *password;
	} rows[] = {
		{ false, false, 0, LNL_TOKEN_SEEN_NONE, "sesame" },
		{ true, false, 50, LNL_TOKEN_SEEN_VALID, "" },
		{ true, false, 101, LNL_TOKEN_SEEN_EXPIRED, "" },
		{ true, true, 0, LNL_TOKEN_SEEN_INVALID, "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct guest *g;
		struct asked a;

		if (i > 0) {
			close_house(NULL);
			prepare(NULL);
		}
		house.o.gen_token = rows[i].tokens;
		g = comes();
		wall += rows[i].later;
		if (rows[i].forgotten) {
			lnl_tokens_deinit(&house.s->tokens);
			lnl_tokens_init(&house.s->tokens, &house.e->env, NULL, 100, 0);
		}
		renew();
		a = house_asked(LNL_EVENT_AUTHENTICATE);
		assert_true(a.again);
		if (a.token != rows[i].seen)
			fail_msg("row %zu: seen as %d", i, (int)a.token);
		assert_string_equal(a.password, rows[i].password);
		answer(&a, LNL_LOGIN_OK, NULL);
		stays(g);
		/* After a yes, whatever came, there is a token that is valid now. */
		renew();
		a = house_asked(LNL_EVENT_AUTHENTICATE);
		assert_int_equal(a.token,
				 rows[i].tokens ? LNL_TOKEN_SEEN_VALID : LNL_TOKEN_SEEN_NONE);
		answer(&a, LNL_LOGIN_OK, NULL);
		stays(g);
	}
}

/* A no ends the session, whatever the token says; so does no answer. */
static void test_refused(void **state)
{
	(void)state;
	for (unsigned row = 0; row < 2; row++) {
		struct guest *g;
		struct asked a;

		if (row > 0) {
			close_house(NULL);
			prepare(NULL);
		}
		g = comes();
		renew();
		a = house_asked(LNL_EVENT_AUTHENTICATE);
		assert_int_equal(a.token, LNL_TOKEN_SEEN_VALID);
		if (row == 0)
			answer(&a, LNL_LOGIN_DENY, "no more");
		else
			lnl_reply_default(house.e, a.ticket);
		house_run(10 * LNL_SECOND);
		assert_true(g->closed);
		assert_int_equal(g->cause, LNL_CAUSE_AUTH_SESSION); /* her password is good yet */
		if (row == 0)
			assert_non_null(strstr(g->text, "no more"));
		assert_int_equal(house.s->n_served, 0);
	}
}

/* Who comes anew has her token judged by the engine, and is not asked about. */
static void test_anew(void **state)
{
	struct guest *g;
	char token[LNL_TOKEN_TEXT];
	struct lnl_token_facts facts;

	(void)state;
	g = comes();
	assert_int_equal(lnl_token_begin(&facts, &house.e->env, wall), 0);
	assert_int_equal(lnl_token_write(&house.s->tokens, &facts, "anna", wall, token), 0);
	guest_come(g, "anna", token);
	house_turn();
	assert_int_equal(house.n_asked, 0);
	assert_true(g->up);
	wall += 101;
	guest_come(g, "anna", token);
	house_turn();
	assert_int_equal(house.n_asked, 0);
	assert_true(g->closed);
	assert_non_null(strstr(g->text, "token expired"));
}

/* Without the question a token is the answer, as ever. */
static void test_not_asked(void **state)
{
	struct guest *g;

	(void)state;
	house.o.asks = LNL_ASK_AUTHENTICATE;
	g = comes();
	renew();
	assert_int_equal(house.n_asked, 0);
	stays(g);
	wall += 101;
	renew();
	assert_int_equal(house.n_asked, 0);
	house_run(10 * LNL_SECOND);
	assert_true(g->closed);
}

/* Nor does it need names: whoever has but a certificate can be asked about again, too. */
static void test_by_certificate(void **state)
{
	struct guest *g;
	struct asked a;

	(void)state;
	house.o.asks = LNL_ASK_REAUTH;
	house.o.auth_user_pass = false;
	house.o.gen_token = false;
	house_open();
	g = guest_new("anna", "192.0.2.2", 40001);
	guest_come(g, NULL, NULL);
	house_turn();
	assert_true(g->up);
	renew();
	a = house_asked(LNL_EVENT_AUTHENTICATE);
	assert_true(a.again);
	assert_int_equal(a.token, LNL_TOKEN_SEEN_NONE);
	answer(&a, LNL_LOGIN_OK, NULL);
	stays(g);
}

#define REAUTH(test) cmocka_unit_test_setup_teardown(test, prepare, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REAUTH(test_seen),	REAUTH(test_refused),	     REAUTH(test_anew),
		REAUTH(test_not_asked), REAUTH(test_by_certificate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
