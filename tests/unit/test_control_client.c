/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of the client needs no server; its life with one is tested in sim/. */
#include "test_control_pair.h"

#include "control/client.h"

static int crypto_up(void **state)
{
	(void)state;
	return lnl_crypto_init(NULL);
}

static int crypto_down(void **state)
{
	(void)state;
	lnl_crypto_deinit();
	return 0;
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(lnl_cause_name(LNL_CAUSE_NONE), "none");
	assert_string_equal(lnl_cause_name(LNL_CAUSE_AUTH_FAILED), "auth_failed");
	assert_string_equal(lnl_cause_name(LNL_CAUSE_INTERNAL), "internal");
	assert_string_equal(lnl_cause_name((enum lnl_cause)(LNL_CAUSE_INTERNAL + 1)), "unknown");
	assert_string_equal(lnl_cause_name((enum lnl_cause)1000), "unknown");
	assert_string_equal(lnl_phase_name(LNL_PHASE_CONNECT), "connect");
	assert_string_equal(lnl_phase_name(LNL_PHASE_CLOSED), "closed");
	assert_string_equal(lnl_phase_name((enum lnl_phase)6), "unknown");
}

static void client_conf(struct lnl_client_conf *c, const struct sessions *p)
{
	memset(c, 0, sizeof(*c));
	c->session = p->conf[CLIENT];
	c->ciphers[0] = LNL_CIPHER_AES_256_GCM;
	c->n_ciphers = 1;
	c->pull = true;
	c->tun_mtu = 1500;
	c->key_direction = -1;
	c->version = "0.1";
	c->platform = "linux";
}

static void test_credential_lengths(void **state)
{
	static char longest[2048], longer[2049];
	struct lnl_client_conf conf;
	struct lnl_client *c;
	struct sessions p;

	(void)state;
	sessions_init(&p);
	client_conf(&conf, &p);
	memset(longest, 'x', sizeof(longest) - 1);
	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(lnl_client_new(&c, &conf, longest, longest, p.now), 0);
	lnl_client_free(c);
	assert_int_equal(lnl_client_new(&c, &conf, longer, "x", p.now), LNL_E_INVAL);
	assert_null(c);
	assert_int_equal(lnl_client_new(&c, &conf, "x", longer, p.now), LNL_E_INVAL);
	assert_null(c);
	assert_int_equal(lnl_client_new(&c, &conf, NULL, NULL, p.now), 0);
	lnl_client_free(c);
	lnl_client_free(NULL);
	sessions_deinit(&p);
}

static void test_before_the_server(void **state)
{
	const struct lnl_notice notice = { .kind = LNL_NOTICE_KEY_LIMIT };
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	struct lnl_client_event e;
	struct lnl_client_conf conf;
	struct lnl_client *c;
	struct sessions p;

	(void)state;
	sessions_init(&p);
	client_conf(&conf, &p);
	assert_int_equal(lnl_client_new(&c, &conf, NULL, NULL, p.now), 0);
	assert_int_equal(lnl_client_phase(c), LNL_PHASE_CONNECT);
	assert_int_equal(lnl_client_verified(c, true, NULL, p.now), LNL_E_STATE);
	assert_int_equal(lnl_client_configure(c, NULL, 0, NULL, p.now), LNL_E_STATE);
	assert_int_equal(lnl_client_renegotiate(c, p.now), LNL_E_STATE);
	assert_int_equal(lnl_client_respond(c, "x", p.now), LNL_E_STATE);
	assert_int_equal(lnl_client_send_text(c, "x", p.now), LNL_E_STATE);
	assert_int_equal(lnl_client_options_len(c), 0);
	assert_null(lnl_client_option(c, 0));
	lnl_client_notice(c, &notice, p.now);
	assert_false(lnl_client_next(c, &e, p.now));
	assert_true(lnl_client_next_due(c) <= p.now);
	assert_int_equal(lnl_client_output(c, packet, sizeof(packet), p.now), 1 + 8 + 1 + 4);
	assert_int_equal(lnl_client_output(c, packet, sizeof(packet), p.now), 0);
	assert_int_equal(lnl_client_next_due(c), p.now + 2 * LNL_SECOND);
	lnl_client_close(c, LNL_CAUSE_USER, p.now);
	assert_true(lnl_client_next(c, &e, p.now));
	assert_int_equal(e.kind, LNL_CLIENT_CLOSED);
	assert_int_equal(e.cause, LNL_CAUSE_USER);
	assert_int_equal(e.phase, LNL_PHASE_CONNECT);
	assert_false(lnl_client_next(c, &e, p.now));
	assert_int_equal(lnl_client_input(c, packet, 14, p.now), LNL_DROP_STATE);
	assert_true(lnl_client_next_due(c) == LNL_NEVER);
	lnl_client_tick(c, p.now + 100 * LNL_SECOND);
	assert_int_equal(lnl_client_respond(c, "x", p.now), LNL_E_STATE);
	lnl_client_free(c);
	sessions_deinit(&p);
}

static void test_event_wipe(void **state)
{
	static const struct lnl_key_conf nothing;
	struct lnl_client_event e;

	(void)state;
	memset(&e, 0xaa, sizeof(e));
	lnl_client_event_wipe(&e);
	assert_memory_equal(&e.key, &nothing, sizeof(nothing));
}

static void test_no_memory(void **state)
{
	struct lnl_client_conf conf;
	struct lnl_client *c;
	struct sessions p;

	(void)state;
	sessions_init(&p);
	client_conf(&conf, &p);
	for (unsigned k = 1; k < 6; k++) {
		p.env.fail_at = p.env.allocations + k;
		assert_int_equal(lnl_client_new(&c, &conf, "a", "b", p.now), LNL_E_NOMEM);
		assert_null(c);
	}
	p.env.fail_at = 0;
	p.env.no_random = true;
	assert_int_equal(lnl_client_new(&c, &conf, "a", "b", p.now), LNL_E_RANDOM);
	p.env.no_random = false;
	sessions_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_credential_lengths),
		cmocka_unit_test(test_before_the_server),
		cmocka_unit_test(test_event_wipe),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
