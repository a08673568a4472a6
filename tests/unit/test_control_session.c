/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_control_pair.h"

static const uint8_t cookie[LNL_SID_LEN] = { 0xc0, 0, 0, 0, 0, 0, 0, 1 };
static const struct lnl_km2 km2 = { "V4", "", "", "" };

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

static void connect_both(struct sessions *p)
{
	sessions_init(p);
	sessions_start(p);
	sessions_run(p);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(p->events[i][LNL_SESSION_VERIFY], 1);
		assert_int_equal(p->events[i][LNL_SESSION_RECORD], 1);
		assert_int_equal(p->events[i][LNL_SESSION_NEGOTIATED], 1);
		assert_int_equal(p->events[i][LNL_SESSION_FAILED], 0);
		assert_true(lnl_session_idle(p->s[i]));
		assert_true(lnl_session_has_peer(p->s[i]));
	}
}

static void derive_both(struct sessions *p, uint8_t key_id, bool ekm)
{
	struct lnl_direction_key send[2], recv[2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(lnl_session_derive(p->s[i], key_id, ekm, &send[i], &recv[i]), 0);
	assert_memory_equal(&send[0], &recv[1], sizeof(send[0]));
	assert_memory_equal(&send[1], &recv[0], sizeof(send[0]));
	assert_memory_not_equal(&send[0], &send[1], sizeof(send[0]));
}

static void test_connect(void **state)
{
	struct sessions p;

	(void)state;
	for (unsigned ekm = 0; ekm < 2; ekm++) {
		struct lnl_direction_key a, b;

		connect_both(&p);
		derive_both(&p, 0, ekm);
		/* once */
		assert_int_equal(lnl_session_derive(p.s[CLIENT], 0, ekm, &a, &b), LNL_E_STATE);
		sessions_deinit(&p);
	}
}

/* What cannot be done before its time says so. */
static void test_too_early(void **state)
{
	struct lnl_direction_key a, b;
	struct sessions p;

	(void)state;
	sessions_init(&p);
	sessions_start(&p);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lnl_session_verified(p.s[i], 0, &km2, p.now), LNL_E_STATE);
		assert_int_equal(lnl_session_send_record(p.s[i], 0, &km2, p.now), LNL_E_STATE);
		assert_int_equal(lnl_session_derive(p.s[i], 0, true, &a, &b), LNL_E_STATE);
		assert_int_equal(lnl_session_dyn_crypt(p.s[i], 0), LNL_E_STATE);
		assert_int_equal(lnl_session_send_text(p.s[i], "x", p.now), LNL_E_STATE);
		assert_int_equal(lnl_session_renegotiate(p.s[i], p.now), 0);
		assert_null(lnl_session_tls(p.s[i], 0));
		assert_null(lnl_session_tls(p.s[i], 5));
		assert_false(lnl_session_has_peer(p.s[i]));
	}
	assert_false(lnl_session_idle(p.s[CLIENT]));
	assert_true(lnl_session_idle(p.s[SERVER]));
	sessions_run(&p);
	assert_int_equal(p.events[CLIENT][LNL_SESSION_NEGOTIATED], 1);
	sessions_deinit(&p);
}

/* Nothing is sent or believed before the owner's word, at either end. */
static void test_hold(void **state)
{
	(void)state;
	for (int held = 0; held < 2; held++) {
		struct sessions p;

		sessions_init(&p);
		sessions_start(&p);
		p.hold[held] = true;
		sessions_run(&p);
		assert_int_equal(p.events[held][LNL_SESSION_VERIFY], 1);
		assert_int_equal(p.events[CLIENT][LNL_SESSION_RECORD], 0);
		assert_int_equal(p.events[SERVER][LNL_SESSION_RECORD], 0);
		assert_int_equal(lnl_session_verified(p.s[held], 3, &km2, p.now), LNL_E_STATE);
		p.hold[held] = false;
		assert_int_equal(lnl_session_verified(p.s[held], 0, &km2, p.now), 0);
		assert_int_equal(lnl_session_verified(p.s[held], 0, &km2, p.now), LNL_E_STATE);
		sessions_run(&p);
		assert_int_equal(p.events[held][LNL_SESSION_NEGOTIATED], 1);
		sessions_deinit(&p);
	}
}

static void test_texts(void **state)
{
	static char text[LNL_CONTROL_TEXT_MAX + 1];
	struct sessions p;

	(void)state;
	connect_both(&p);
	memset(text, 'x', LNL_CONTROL_TEXT_MAX);
	assert_int_equal(lnl_session_send_text(p.s[CLIENT], text, p.now), LNL_E_INVAL);
	text[LNL_CONTROL_TEXT_MAX - 1] = '\0';
	assert_int_equal(lnl_session_send_text(p.s[CLIENT], text, p.now), 0);
	assert_int_equal(lnl_session_send_text(p.s[CLIENT], "last", p.now), 0);
	assert_int_equal(lnl_session_send_text(p.s[SERVER], "", p.now), 0);
	assert_int_equal(lnl_session_send_text(p.s[SERVER], "other", p.now), 0);
	sessions_run(&p);
	assert_int_equal(p.events[SERVER][LNL_SESSION_TEXT], 2);
	assert_string_equal(p.text[SERVER], "last");
	assert_int_equal(p.events[CLIENT][LNL_SESSION_TEXT], 1);
	assert_string_equal(p.text[CLIENT], "other");
	sessions_deinit(&p);
}

/* Key ids go 1..7 and then 1 again; without the keys of the last one none begins. */
static void test_renegotiations(void **state)
{
	struct sessions p;

	(void)state;
	connect_both(&p);
	assert_int_equal(lnl_session_renegotiate(p.s[CLIENT], p.now), 0);
	sessions_run(&p);
	assert_int_equal(p.events[CLIENT][LNL_SESSION_RENEGOTIATING], 0);
	derive_both(&p, 0, true);
	for (unsigned i = 0; i < 16; i++) {
		uint8_t id = (uint8_t)(i % 7 + 1);

		assert_int_equal(lnl_session_renegotiate(p.s[i % 2], p.now), 0);
		sessions_run(&p);
		assert_int_equal(p.events[CLIENT][LNL_SESSION_RENEGOTIATING], i + 1);
		assert_int_equal(p.events[SERVER][LNL_SESSION_RENEGOTIATING], i + 1);
		assert_int_equal(p.events[CLIENT][LNL_SESSION_NEGOTIATED], i + 2);
		assert_non_null(lnl_session_tls(p.s[CLIENT], id));
		derive_both(&p, id, i % 3);
		p.now += LNL_SECOND;
	}
	sessions_deinit(&p);
}

/* The one before goes a hand-window after the new one is complete. */
static void test_lame_negotiation(void **state)
{
	struct sessions p;

	(void)state;
	connect_both(&p);
	derive_both(&p, 0, true);
	lnl_session_renegotiate(p.s[CLIENT], p.now);
	sessions_run(&p);
	assert_non_null(lnl_session_tls(p.s[CLIENT], 0));
	assert_int_equal(lnl_session_next_due(p.s[CLIENT]), p.now + 60 * LNL_SECOND);
	p.now += 60 * LNL_SECOND;
	lnl_session_tick(p.s[CLIENT], p.now);
	assert_null(lnl_session_tls(p.s[CLIENT], 0));
	assert_non_null(lnl_session_tls(p.s[CLIENT], 1));
	assert_int_equal(lnl_session_next_due(p.s[CLIENT]), LNL_NEVER);
	sessions_deinit(&p);
}

/*
 * OpenVPN hears texts of its newest key state alone: what is said while a renegotiation runs, waits
 * for it, and goes down with it.
 */
static void test_texts_wait(void **state)
{
	static char text[LNL_CONTROL_TEXT_MAX];
	struct sessions p;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (int speaker = 0; speaker < 2; speaker++) {
		int listener = !speaker;

		connect_both(&p);
		derive_both(&p, 0, true);
		p.hold[CLIENT] = true;
		assert_int_equal(lnl_session_renegotiate(p.s[speaker], p.now), 0);
		assert_int_equal(lnl_session_send_text(p.s[speaker], "first", p.now), 0);
		sessions_run(&p);
		for (unsigned i = 0; i < 7; i++)
			assert_int_equal(lnl_session_send_text(p.s[speaker], text, p.now), 0);
		assert_int_equal(lnl_session_send_text(p.s[speaker], text, p.now), LNL_E_LIMIT);
		p.env.fail_at = p.env.allocations + 1;
		assert_int_equal(lnl_session_send_text(p.s[speaker], "none", p.now), LNL_E_NOMEM);
		p.env.fail_at = 0;
		assert_int_equal(lnl_session_send_text(p.s[speaker], "last", p.now), 0);
		sessions_run(&p);
		assert_int_equal(p.events[listener][LNL_SESSION_TEXT], 0);
		assert_false(lnl_session_idle(p.s[speaker]));
		p.hold[CLIENT] = false;
		assert_int_equal(lnl_session_verified(p.s[CLIENT], 1, &km2, p.now), 0);
		sessions_run(&p);
		assert_int_equal(p.events[listener][LNL_SESSION_TEXT], 9);
		assert_string_equal(p.text[listener], "last");
		assert_true(lnl_session_idle(p.s[speaker]));
		/* A renegotiation that fails takes them along. */
		derive_both(&p, 1, true);
		p.hold[CLIENT] = true;
		assert_int_equal(lnl_session_renegotiate(p.s[speaker], p.now), 0);
		assert_int_equal(lnl_session_send_text(p.s[speaker], "lost", p.now), 0);
		p.now += 61 * LNL_SECOND;
		lnl_session_tick(p.s[speaker], p.now);
		assert_int_equal(lnl_session_send_text(p.s[speaker], "late", p.now), LNL_E_STATE);
		sessions_deinit(&p);
	}
}

/* dyn-tls-crypt: the first negotiation's packets stay, the others are wrapped. */
static void test_dyn_crypt(void **state)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	struct sessions p;
	size_t len;

	(void)state;
	connect_both(&p);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(lnl_session_dyn_crypt(p.s[i], 1), LNL_E_STATE);
		assert_int_equal(lnl_session_dyn_crypt(p.s[i], 0), 0);
		assert_int_equal(lnl_session_dyn_crypt(p.s[i], 0), LNL_E_STATE);
	}
	derive_both(&p, 0, true);
	lnl_session_send_text(p.s[CLIENT], "plain", p.now);
	sessions_run(&p);
	assert_string_equal(p.text[SERVER], "plain");
	lnl_session_renegotiate(p.s[CLIENT], p.now);
	len = lnl_session_output(p.s[CLIENT], packet, sizeof(packet), p.now);
	assert_int_equal(packet[0], lnl_op_byte(LNL_OP_SOFT_RESET_V1, 1));
	/* op, sid, id, time, tag, no acks, id */
	assert_int_equal(len, 1 + 8 + 8 + 32 + 1 + 4);
	packet[20] ^= 1;
	assert_int_equal(lnl_session_input(p.s[SERVER], packet, len, p.now), LNL_DROP_AUTH);
	packet[20] ^= 1;
	assert_int_equal(lnl_session_input(p.s[SERVER], packet, len, p.now), LNL_DROP_NONE);
	sessions_run(&p);
	assert_int_equal(p.events[CLIENT][LNL_SESSION_NEGOTIATED], 2);
	sessions_deinit(&p);
}

static void test_hand_window(void **state)
{
	struct sessions p;

	(void)state;
	sessions_init(&p);
	sessions_start(&p);
	p.hold[SERVER] = true;
	sessions_run(&p);
	lnl_session_extend(p.s[CLIENT], 0, p.now + 90 * LNL_SECOND);
	lnl_session_extend(p.s[CLIENT], 0, p.now + 70 * LNL_SECOND);
	lnl_session_extend(p.s[CLIENT], 4, p.now + 200 * LNL_SECOND);
	p.now += 89 * LNL_SECOND;
	lnl_session_tick(p.s[CLIENT], p.now);
	sessions_take(&p, CLIENT);
	assert_int_equal(p.error[CLIENT], 0);
	p.now += LNL_SECOND;
	lnl_session_tick(p.s[CLIENT], p.now);
	sessions_take(&p, CLIENT);
	assert_int_equal(p.error[CLIENT], LNL_E_TIMEOUT);
	assert_int_equal(p.events[CLIENT][LNL_SESSION_FAILED], 1);
	sessions_take(&p, CLIENT);
	assert_int_equal(p.events[CLIENT][LNL_SESSION_FAILED], 1);
	sessions_deinit(&p);
}

/* A server that answers no one in particular, or another, is none. */
static void test_first_answer(void **state)
{
	static const struct {
		uint8_t op, key_id, n_acks;
		bool our_sid, zero_sid;
		enum lnl_drop drop;
	} rows[] = {
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 1, true, false, LNL_DROP_NONE },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 0, true, false, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 1, false, false, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 1, true, true, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_SERVER_V2, 1, 1, true, false, LNL_DROP_OPCODE },
		{ LNL_OP_HARD_RESET_CLIENT_V2, 0, 1, true, false, LNL_DROP_OPCODE },
		{ LNL_OP_HARD_RESET_CLIENT_V3, 0, 1, true, false, LNL_DROP_OPCODE },
		{ LNL_OP_SOFT_RESET_V1, 0, 1, true, false, LNL_DROP_SESSION },
		{ LNL_OP_CONTROL_V1, 0, 1, true, false, LNL_DROP_SESSION },
		{ LNL_OP_ACK_V1, 0, 1, true, false, LNL_DROP_SESSION },
		{ LNL_OP_CONTROL_WKC_V1, 0, 1, true, false, LNL_DROP_SESSION },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_control c = { .op = rows[i].op, .n_acks = rows[i].n_acks };
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		struct lnl_writer w;
		struct sessions p;

		sessions_init(&p);
		sessions_start(&p);
		lnl_session_output(p.s[CLIENT], packet, sizeof(packet), p.now);
		if (rows[i].our_sid)
			memcpy(c.peer_sid, packet + 1, LNL_SID_LEN);
		lnl_writer_init(&w, packet, sizeof(packet));
		lnl_write_u8(&w, lnl_op_byte((enum lnl_opcode)rows[i].op, rows[i].key_id));
		lnl_write_bytes(&w, rows[i].zero_sid ? "\0\0\0\0\0\0\0\0" : "abcdefgh", 8);
		lnl_control_write_body(&c, &w);
		assert_int_equal(lnl_session_input(p.s[CLIENT], packet, lnl_writer_len(&w), p.now),
				 rows[i].drop);
		assert_int_equal(lnl_session_has_peer(p.s[CLIENT]), rows[i].drop == LNL_DROP_NONE);
		sessions_deinit(&p);
	}
}

/* The packet that brings the WKc back must not be overtaken by a bare ack (PROTOCOL 1.5). */
static void test_no_ack_before_the_wkc(void **state)
{
	static const uint8_t wkc[290];

	(void)state;
	for (unsigned with = 0; with < 2; with++) {
		/* It asks for the WKc and acknowledges something else than our reset. */
		struct lnl_control c = { .op = LNL_OP_HARD_RESET_SERVER_V2,
					 .n_acks = 1,
					 .acks = { 9 },
					 .payload = (const uint8_t *)"\0\1\0\2\0\1",
					 .payload_len = 6 };
		uint8_t packet[LNL_SESSION_PACKET_MAX];
		struct lnl_writer w;
		struct sessions p;
		size_t len;

		sessions_init(&p);
		p.conf[CLIENT].wkc = with ? wkc : NULL;
		p.conf[CLIENT].wkc_len = with ? sizeof(wkc) : 0;
		sessions_start(&p);
		len = lnl_session_output(p.s[CLIENT], packet, sizeof(packet), p.now);
		assert_int_equal(len, 14 + p.conf[CLIENT].wkc_len);
		memcpy(c.peer_sid, packet + 1, LNL_SID_LEN);
		lnl_writer_init(&w, packet, sizeof(packet));
		lnl_write_u8(&w, lnl_op_byte(LNL_OP_HARD_RESET_SERVER_V2, 0));
		lnl_write_bytes(&w, "abcdefgh", 8);
		lnl_control_write_body(&c, &w);
		assert_int_equal(lnl_session_input(p.s[CLIENT], packet, lnl_writer_len(&w), p.now),
				 LNL_DROP_NONE);
		len = lnl_session_output(p.s[CLIENT], packet, sizeof(packet), p.now);
		if (with)
			assert_int_equal(len, 0);
		else
			assert_int_equal(packet[0], lnl_op_byte(LNL_OP_ACK_V1, 0));
		sessions_deinit(&p);
	}
}

/* The answer that a server gives of which nothing is kept: the cookie is its session id. */
static size_t write_answer(uint8_t *packet, size_t cap, const uint8_t *client_sid)
{
	struct lnl_control c = { .op = LNL_OP_HARD_RESET_SERVER_V2, .n_acks = 1 };
	struct lnl_writer w;

	memcpy(c.peer_sid, client_sid, LNL_SID_LEN);
	lnl_writer_init(&w, packet, cap);
	lnl_write_u8(&w, lnl_op_byte(LNL_OP_HARD_RESET_SERVER_V2, 0));
	lnl_write_bytes(&w, cookie, LNL_SID_LEN);
	assert_int_equal(lnl_control_write_body(&c, &w), 0);
	return lnl_writer_len(&w);
}

static void test_resume(void **state)
{
	uint8_t reset[LNL_SESSION_PACKET_MAX], packet[LNL_SESSION_PACKET_MAX];
	struct sessions p;
	size_t reset_len, len;

	(void)state;
	sessions_init(&p);
	assert_int_equal(lnl_session_new(&p.s[CLIENT], &p.conf[CLIENT], p.now), 0);
	reset_len = lnl_session_output(p.s[CLIENT], reset, sizeof(reset), p.now);
	len = write_answer(packet, sizeof(packet), reset + 1);
	assert_int_equal(lnl_session_input(p.s[CLIENT], packet, len, p.now), LNL_DROP_NONE);
	assert_int_equal(lnl_session_resume(&p.s[SERVER], &p.conf[SERVER], cookie, reset + 1, 1,
					    p.now),
			 0);
	assert_true(lnl_session_has_peer(p.s[SERVER]));
	assert_true(lnl_session_idle(p.s[SERVER]));
	assert_int_equal(lnl_session_next_due(p.s[SERVER]), p.now + 60 * LNL_SECOND);
	assert_int_equal(lnl_session_output(p.s[SERVER], packet, sizeof(packet), p.now), 0);
	/* The client's reset once more: acknowledged, and nothing begins anew. */
	assert_int_equal(lnl_session_input(p.s[SERVER], reset, reset_len, p.now), LNL_DROP_NONE);
	len = lnl_session_output(p.s[SERVER], packet, sizeof(packet), p.now);
	assert_int_equal(packet[0], lnl_op_byte(LNL_OP_ACK_V1, 0));
	assert_int_equal(lnl_session_input(p.s[CLIENT], packet, len, p.now), LNL_DROP_NONE);
	/* Another's packets are not its. */
	reset[1] ^= 1;
	assert_int_equal(lnl_session_input(p.s[SERVER], reset, reset_len, p.now), LNL_DROP_SESSION);
	sessions_run(&p);
	for (int i = 0; i < 2; i++)
		assert_int_equal(p.events[i][LNL_SESSION_NEGOTIATED], 1);
	derive_both(&p, 0, false); /* the PRF is over both ids */
	lnl_session_renegotiate(p.s[SERVER], p.now);
	sessions_run(&p);
	assert_int_equal(p.events[CLIENT][LNL_SESSION_NEGOTIATED], 2);
	sessions_deinit(&p);
}

static void test_resume_in_vain(void **state)
{
	struct sessions p;

	(void)state;
	sessions_init(&p);
	for (unsigned k = 1; k < 4; k++) {
		p.env.fail_at = p.env.allocations + k;
		assert_int_equal(lnl_session_resume(&p.s[SERVER], &p.conf[SERVER], cookie,
						    (const uint8_t *)"abcdefgh", 1, p.now),
				 LNL_E_NOMEM);
		assert_null(p.s[SERVER]);
	}
	p.env.fail_at = 0;
	p.env.no_random = true;
	assert_int_equal(lnl_session_resume(&p.s[SERVER], &p.conf[SERVER], cookie,
					    (const uint8_t *)"abcdefgh", 1, p.now),
			 LNL_E_RANDOM);
	assert_null(p.s[SERVER]);
	p.env.no_random = false;
	/* Nobody goes on: it ends like any other negotiation. */
	assert_int_equal(lnl_session_resume(&p.s[SERVER], &p.conf[SERVER], cookie,
					    (const uint8_t *)"abcdefgh", 1, p.now),
			 0);
	p.now += 60 * LNL_SECOND;
	lnl_session_tick(p.s[SERVER], p.now);
	sessions_take(&p, SERVER);
	assert_int_equal(p.error[SERVER], LNL_E_TIMEOUT);
	sessions_deinit(&p);
}

static void test_no_memory(void **state)
{
	struct sessions p;

	(void)state;
	sessions_init(&p);
	for (unsigned k = 1; k < 5; k++) {
		p.env.fail_at = p.env.allocations + k;
		assert_int_equal(lnl_session_new(&p.s[CLIENT], &p.conf[CLIENT], p.now),
				 LNL_E_NOMEM);
		assert_null(p.s[CLIENT]);
	}
	p.env.fail_at = 0;
	p.env.no_random = true;
	assert_int_equal(lnl_session_new(&p.s[CLIENT], &p.conf[CLIENT], p.now), LNL_E_RANDOM);
	assert_null(p.s[CLIENT]);
	lnl_session_free(NULL);
	sessions_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_too_early),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_texts_wait),
		cmocka_unit_test(test_renegotiations),
		cmocka_unit_test(test_lame_negotiation),
		cmocka_unit_test(test_dyn_crypt),
		cmocka_unit_test(test_hand_window),
		cmocka_unit_test(test_first_answer),
		cmocka_unit_test(test_no_ack_before_the_wkc),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_resume),
		cmocka_unit_test(test_resume_in_vain),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
