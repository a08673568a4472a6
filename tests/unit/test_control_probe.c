/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test_control_pair.h"

#include "control/probe.h"

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

static struct lnl_static_key a_key(uint8_t first)
{
	struct lnl_static_key key;
	uint8_t *bytes = (uint8_t *)&key;

	for (size_t i = 0; i < sizeof(key); i++)
		bytes[i] = (uint8_t)(first + i * 7);
	return key;
}

/* Both ends' keys of |mode|. */
static void set_wrap(struct sessions *p, enum lnl_wrap_mode mode, uint8_t first)
{
	struct lnl_static_key key = a_key(first);

	for (int i = 0; i < 2; i++) {
		if (mode == LNL_WRAP_CRYPT)
			lnl_wrap_key_crypt(&p->wrap[i], &p->env.env, &key, i == SERVER);
		else if (mode == LNL_WRAP_AUTH)
			assert_int_equal(lnl_wrap_key_auth(&p->wrap[i], &p->env.env, &key,
							   i == SERVER ? 0 : 1, LNL_DIGEST_SHA256),
					 0);
	}
}

/* What the server says to |len| bytes; 0: nothing. */
static size_t ask_server(struct sessions *p, const uint8_t *packet, size_t len, uint8_t *out,
			 size_t cap)
{
	assert_int_equal(lnl_session_input(p->s[SERVER], packet, len, p->now), LNL_DROP_NONE);
	return lnl_session_output(p->s[SERVER], out, cap, p->now);
}

static void answered(enum lnl_wrap_mode mode)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX], back[LNL_SESSION_PACKET_MAX];
	struct lnl_probe probe, other;
	struct sessions p;
	size_t answer;
	int len;

	sessions_init(&p);
	set_wrap(&p, mode, 1);
	sessions_start(&p);
	assert_int_equal(lnl_probe_init(&probe, &p.conf[CLIENT]), 0);
	assert_int_equal(lnl_probe_init(&other, &p.conf[CLIENT]), 0);
	len = lnl_probe_write(&probe, packet, sizeof(packet));
	assert_true(len > 0);
	assert_int_equal(packet[0], 0x38);
	answer = ask_server(&p, packet, (size_t)len, back, sizeof(back));
	assert_true(answer > 0);
	/* cut short, changed, echoed, somebody else's: it is no answer */
	for (size_t i = 0; i < answer; i++)
		assert_int_not_equal(lnl_probe_read(&probe, back, i), LNL_DROP_NONE);
	if (mode != LNL_WRAP_NONE) {
		for (size_t i = 0; i < answer; i++) {
			back[i] ^= 1;
			assert_int_not_equal(lnl_probe_read(&probe, back, answer), LNL_DROP_NONE);
			back[i] ^= 1;
		}
	}
	assert_int_not_equal(lnl_probe_read(&probe, packet, (size_t)len), LNL_DROP_NONE);
	assert_int_equal(lnl_probe_read(&other, back, answer), LNL_DROP_SESSION);
	assert_int_equal(lnl_probe_read(&probe, back, answer), LNL_DROP_NONE);
	/* each copy has a packet id of its own */
	memcpy(back, packet, (size_t)len);
	assert_int_equal(lnl_probe_write(&probe, packet, sizeof(packet)), len);
	assert_int_equal(memcmp(back, packet, (size_t)len) == 0, mode == LNL_WRAP_NONE);
	sessions_deinit(&p);
}

static void test_answered(void **state)
{
	(void)state;
	answered(LNL_WRAP_NONE);
	answered(LNL_WRAP_AUTH);
	answered(LNL_WRAP_CRYPT);
}

/* A server with other keys takes it for nothing, and what it says is nothing to us. */
static void test_other_keys(void **state)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX], back[LNL_SESSION_PACKET_MAX];
	struct lnl_probe probe;
	struct sessions p, q;
	size_t answer;
	int len;

	(void)state;
	sessions_init(&p);
	set_wrap(&p, LNL_WRAP_CRYPT, 1);
	sessions_init(&q);
	set_wrap(&q, LNL_WRAP_CRYPT, 2);
	sessions_start(&q);
	assert_int_equal(lnl_probe_init(&probe, &p.conf[CLIENT]), 0);
	len = lnl_probe_write(&probe, packet, sizeof(packet));
	assert_int_equal(lnl_session_input(q.s[SERVER], packet, (size_t)len, q.now), LNL_DROP_AUTH);
	len = (int)lnl_session_output(q.s[CLIENT], packet, sizeof(packet), q.now);
	answer = ask_server(&q, packet, (size_t)len, back, sizeof(back));
	assert_true(answer > 0);
	assert_int_equal(lnl_probe_read(&probe, back, answer), LNL_DROP_AUTH);
	sessions_deinit(&p);
	sessions_deinit(&q);
}

/* tls-crypt-v2: the wrapped key rides behind, and the packet id says that we can do the cookie. */
static void test_wrapped_key(void **state)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX], wkc[300];
	struct lnl_probe probe;
	struct sessions p;
	int len;

	(void)state;
	memset(wkc, 0xab, sizeof(wkc));
	sessions_init(&p);
	set_wrap(&p, LNL_WRAP_CRYPT, 1);
	p.conf[CLIENT].wkc = wkc;
	p.conf[CLIENT].wkc_len = sizeof(wkc);
	assert_int_equal(lnl_probe_init(&probe, &p.conf[CLIENT]), 0);
	len = lnl_probe_write(&probe, packet, sizeof(packet));
	assert_true(len > (int)sizeof(wkc));
	assert_int_equal(packet[0], 0x50);
	assert_memory_equal(packet + 9, ((uint8_t[]){ 0x0f, 0, 0, 1 }), 4);
	assert_memory_equal(packet + len - sizeof(wkc), wkc, sizeof(wkc));
	assert_int_equal(lnl_probe_write(&probe, packet, sizeof(wkc)), LNL_E_SPACE);
	sessions_deinit(&p);
}

/* Nobody's answer: no ack, an ack for another packet, another opcode, another key id, no session. */
static void test_not_an_answer(void **state)
{
	static const struct {
		uint8_t op, key_id, n_acks, ack, sid;
		enum lnl_drop want;
	} rows[] = {
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 1, 0, 1, LNL_DROP_NONE },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 0, 0, 1, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 1, 1, 1, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_SERVER_V2, 0, 1, 0, 0, LNL_DROP_SESSION },
		{ LNL_OP_HARD_RESET_SERVER_V2, 1, 1, 0, 1, LNL_DROP_OPCODE },
		{ LNL_OP_HARD_RESET_CLIENT_V2, 0, 1, 0, 1, LNL_DROP_OPCODE },
		{ LNL_OP_CONTROL_V1, 0, 1, 0, 1, LNL_DROP_OPCODE },
	};
	struct sessions p;

	(void)state;
	sessions_init(&p);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct lnl_control c = { .op = rows[i].op,
					 .key_id = rows[i].key_id,
					 .n_acks = rows[i].n_acks,
					 .sid = { rows[i].sid },
					 .acks = { rows[i].ack } };
		uint8_t packet[256];
		struct lnl_probe probe;
		struct lnl_wrap w;
		int len;

		assert_int_equal(lnl_probe_init(&probe, &p.conf[CLIENT]), 0);
		memcpy(c.peer_sid, probe.sid, LNL_SID_LEN);
		lnl_wrap_init(&w, &p.wrap[SERVER], 0, 1);
		len = lnl_wrap_write(&w, &c, packet, sizeof(packet));
		assert_true(len > 0);
		assert_int_equal(lnl_probe_read(&probe, packet, (size_t)len), rows[i].want);
	}
	sessions_deinit(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_other_keys),
		cmocka_unit_test(test_wrapped_key),
		cmocka_unit_test(test_not_an_answer),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
