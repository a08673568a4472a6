/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* What a server makes of the host's verdict on who a client is. */
#include "test_engine_house.h"

static int open_house(void **state)
{
	(void)state;
	house_init();
	house.o.asks = LNL_ASK_AUTHENTICATE;
	house.o.auth_user_pass = true;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

/* A client that has logged in, whom the host answers by a challenge. */
static struct guest *challenged(const char *text, uint16_t port)
{
	struct guest *g = guest_new("anna", "192.0.2.2", port);

	guest_come(g, "anna", "pass");
	house_turn();
	assert_int_equal(lnl_reply_login(house.e, house_asked(LNL_EVENT_AUTHENTICATE).ticket,
					 LNL_LOGIN_CHALLENGE, text),
			 0);
	house_turn();
	return g;
}

/* A challenge that cannot be sent is a denial at once, not a wait for an answer that never comes. */
static void test_challenge_unsendable(void **state)
{
	static char endless[LNL_CONTROL_TEXT_MAX + 16];
	static const char *const texts[] = { "CR_TEXT:R:two\nlines", "CR_TEXT:R:\x1b[2J", endless };

	(void)state;
	memset(endless, 'x', sizeof(endless) - 1);
	memcpy(endless, "CR_TEXT:R:", 10);
	for (unsigned i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		struct guest *g = challenged(texts[i], (uint16_t)(40001 + i));

		if (!g->closed)
			fail_msg("row %u: it waits", i);
		assert_int_equal(g->cause, LNL_CAUSE_AUTH_FAILED);
		assert_string_equal(g->text, "the challenge cannot be sent");
		house_run(6 * LNL_SECOND);
		assert_int_equal(house.s->n_served, 0);
	}
}

/* The twin: one that can be is asked, and the answer is the host's to judge. */
static void test_challenge(void **state)
{
	struct guest *g = challenged("CR_TEXT:R:What is it?", 40001);

	(void)state;
	assert_false(g->closed);
	assert_int_equal(house.n_asked, 0);
	assert_int_equal(lnl_client_respond(g->c, "42", house.now), 0);
	house_turn();
	assert_int_equal(lnl_reply_login(house.e, house_asked(LNL_EVENT_AUTHENTICATE).ticket,
					 LNL_LOGIN_OK, NULL),
			 0);
	house_turn();
	assert_true(g->up);
}

/* The state of a challenge lets its client go on: it is the client's, not the log's. */
static void test_challenge_not_logged(void **state)
{
	struct guest *g = challenged("CRV1:R,E:stateid:YW5uYQ==:PIN?", 40001);
	static struct lnl_record r;
	unsigned denied = 0;
	uint64_t lost;

	(void)state;
	assert_true(g->closed);
	while (lnl_engine_record(house.e, &r, &lost)) {
		for (uint32_t i = 0; i + 7 <= r.used; i++)
			if (memcmp(r.store + i, "stateid", 7) == 0)
				fail_msg("%s has it", r.event);
		denied += strcmp(r.event, "auth.denied") == 0;
	}
	assert_int_equal(denied, 1);
}

#define LOGIN(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOGIN(test_challenge_unsendable),
		LOGIN(test_challenge),
		LOGIN(test_challenge_not_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
