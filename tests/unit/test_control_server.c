/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of the server needs no client; its life with one is tested in sim/. */
#include "test_control_server.h"

static void test_before_the_client(void **state)
{
	static const struct lnl_grant grant = { .ends_at = LNL_NEVER };
	static const struct lnl_notice limit = { .kind = LNL_NOTICE_KEY_LIMIT };
	uint8_t packet[LNL_SESSION_PACKET_MAX] = { 0 };
	struct lnl_server_event e;
	struct server_pair p;

	(void)state;
	pair_init(&p);
	pair_server(&p);
	assert_int_equal(lnl_server_phase(p.server), LNL_PHASE_CONNECT);
	assert_int_equal(lnl_server_cipher(p.server), LNL_CIPHER_NONE);
	assert_string_equal(lnl_server_cn(p.server), "");
	assert_string_equal(lnl_server_peer_info(p.server), "");
	assert_string_equal(lnl_server_login(p.server)->username, "");
	assert_int_equal(lnl_server_chain_len(p.server), 0);
	assert_null(lnl_server_chain(p.server, 0));
	assert_int_equal(lnl_server_verified(p.server, true, NULL, p.s.now), LNL_E_STATE);
	assert_int_equal(lnl_server_judged(p.server, LNL_JUDGED_OK, NULL, p.s.now), LNL_E_STATE);
	assert_int_equal(lnl_server_pending(p.server, 5, NULL, p.s.now), LNL_E_STATE);
	assert_int_equal(lnl_server_grant(p.server, &grant, p.s.now), LNL_E_STATE);
	assert_int_equal(lnl_server_deny(p.server, NULL, p.s.now), LNL_E_STATE);
	assert_int_equal(lnl_server_send_text(p.server, "X", p.s.now), LNL_E_STATE);
	assert_int_equal(lnl_server_send_text(p.server, "X\n", p.s.now), LNL_E_INVAL);
	assert_int_equal(lnl_server_renegotiate(p.server, p.s.now), LNL_E_STATE);
	lnl_server_notice(p.server, &limit, p.s.now);
	assert_int_equal(lnl_server_input(p.server, packet, 0, p.s.now), LNL_DROP_SHORT);
	assert_int_equal(lnl_server_input(p.server, packet, 14, p.s.now), LNL_DROP_OPCODE);
	assert_int_equal(lnl_server_output(p.server, packet, sizeof(packet), p.s.now), 0);
	assert_false(lnl_server_next(p.server, &e, p.s.now));
	/* Nothing of use within a hand-window: it was nobody. */
	assert_true(lnl_server_next_due(p.server) == p.s.now + 60 * LNL_SECOND);
	lnl_server_tick(p.server, p.s.now + 60 * LNL_SECOND - 1);
	assert_false(lnl_server_next(p.server, &e, p.s.now));
	lnl_server_tick(p.server, p.s.now + 60 * LNL_SECOND);
	assert_true(lnl_server_next(p.server, &e, p.s.now));
	assert_int_equal(e.kind, LNL_SERVER_CLOSED);
	assert_int_equal(e.cause, LNL_CAUSE_TIMEOUT);
	assert_int_equal(e.phase, LNL_PHASE_CONNECT);
	assert_false(lnl_server_next(p.server, &e, p.s.now));
	assert_true(lnl_server_next_due(p.server) == LNL_NEVER);
	assert_int_equal(lnl_server_input(p.server, packet, 14, p.s.now), LNL_DROP_STATE);
	lnl_server_close(p.server, LNL_CAUSE_USER, "HALT", p.s.now);
	lnl_server_notice(p.server, &limit, p.s.now);
	lnl_server_tick(p.server, p.s.now + 900 * LNL_SECOND);
	assert_false(lnl_server_next(p.server, &e, p.s.now));
	lnl_server_free(NULL);
	pair_deinit(&p);
}

static void test_close_unheard(void **state)
{
	struct lnl_server_event e;
	struct server_pair p;

	(void)state;
	pair_init(&p);
	pair_server(&p);
	/* There is nobody to tell. */
	lnl_server_close(p.server, LNL_CAUSE_USER, "HALT", p.s.now);
	lnl_server_close(p.server, LNL_CAUSE_HALT, NULL, p.s.now);
	assert_true(lnl_server_next(p.server, &e, p.s.now));
	assert_int_equal(e.kind, LNL_SERVER_CLOSED);
	assert_int_equal(e.cause, LNL_CAUSE_USER);
	assert_string_equal(e.text, "");
	assert_false(lnl_server_next(p.server, &e, p.s.now));
	pair_deinit(&p);
}

static void test_event_wipe(void **state)
{
	static const struct lnl_key_conf nothing;
	struct lnl_server_event e;

	(void)state;
	memset(&e, 0xaa, sizeof(e));
	lnl_server_event_wipe(&e);
	assert_memory_equal(&e.key, &nothing, sizeof(nothing));
}

static void test_no_memory(void **state)
{
	struct lnl_admitted a = { .has_v2 = true };
	const struct lnl_server_start start = { .admitted = &a, .peer = 1 };
	struct lnl_server *server;
	struct server_pair p;
	unsigned n = 0;

	(void)state;
	pair_init(&p);
	memset(a.v2.kc.bytes, 0x5a, sizeof(a.v2.kc.bytes));
	p.s.env.secret = a.v2.kc.bytes;
	for (int rc = LNL_E_NOMEM; rc < 0; n++) {
		p.s.env.fail_at = p.s.env.allocations + n + 1;
		rc = lnl_server_new(&server, &p.conf, &start, p.s.now);
		assert_true(rc == 0 || rc == LNL_E_NOMEM);
		assert_int_equal(rc == 0, server != NULL);
	}
	assert_true(n > 3);
	lnl_server_free(server);
	p.s.env.fail_at = 0;
	p.s.env.no_random = true;
	assert_int_equal(lnl_server_new(&server, &p.conf, &start, p.s.now), LNL_E_RANDOM);
	assert_null(server);
	assert_int_equal(p.s.env.leaks, 0);
	p.s.env.no_random = false;
	pair_deinit(&p);
}

/* A client that sends the cookie back goes on where the stateless answer stopped. */
static void test_resume(void **state)
{
	struct lnl_admitted a = { .resume = true,
				  .client_sid = { 1, 2, 3, 4, 5, 6, 7, 8 },
				  .server_sid = { 8, 7, 6, 5, 4, 3, 2, 1 },
				  .wrap_id = 1 };
	const struct lnl_server_start start = { .admitted = &a, .peer = 1 };
	uint8_t packet[] = {
		LNL_OP_ACK_V1 << 3, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1
	};
	struct server_pair p;

	(void)state;
	pair_init(&p);
	assert_int_equal(lnl_server_new(&p.server, &p.conf, &start, p.s.now), 0);
	assert_int_equal(lnl_server_input(p.server, packet, sizeof(packet), p.s.now),
			 LNL_DROP_NONE);
	assert_int_equal(lnl_server_phase(p.server), LNL_PHASE_HANDSHAKE);
	packet[1]++;
	assert_int_equal(lnl_server_input(p.server, packet, sizeof(packet), p.s.now),
			 LNL_DROP_SESSION);
	pair_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_before_the_client),
		cmocka_unit_test(test_close_unheard),
		cmocka_unit_test(test_event_wipe),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_resume),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
