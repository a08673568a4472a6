/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packets that nobody honest sends, in every state: TRUST W1, W3, W4, W5, W6. */
/* lunel-test: both */
#include <stdio.h>

#include "sim/check.h"

#define TAKEN 64

/* The packets that one end sent, as they were on the wire. */
struct tape {
	unsigned from, n;
	struct {
		uint8_t bytes[LNL_SESSION_PACKET_MAX];
		size_t len;
	} packets[TAKEN];
};

static bool record(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	struct tape *t = ctx;

	if (from == t->from && t->n < TAKEN && *len <= sizeof(t->packets[0].bytes)) {
		memcpy(t->packets[t->n].bytes, bytes, *len);
		t->packets[t->n++].len = *len;
	}
	return true;
}

static struct tape *tape_new(unsigned from)
{
	struct tape *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->from = from;
	return t;
}

static struct sim_world *make(uint64_t seed, enum sim_wrap wrap, struct tape *t)
{
	struct sim_world *w = world_new(seed, wrap, false);

	if (t) {
		w->net.tap = record;
		w->net.tap_ctx = t;
	}
	assert_int_equal(sim_world_start(w), 0);
	return w;
}

static bool is_control(const uint8_t *p)
{
	return lnl_op_is_control(lnl_op_of(p[0]));
}

/* ---- W1: changed and cut packets ---- */

/* To the client, which then has |live| blocks of memory and nothing to say as long as it is wrapped. */
static void expect_refusal(struct sim_world *w, const uint8_t *p, size_t len)
{
	unsigned long live = w->env.live;
	uint8_t out[LNL_SESSION_PACKET_MAX];

	assert_int_not_equal(lnl_client_input(w->client, p, len, w->now), LNL_DROP_NONE);
	assert_int_equal(w->env.live, live);
	assert_int_equal(lnl_client_output(w->client, out, sizeof(out), w->now), 0);
	assert_int_equal(lnl_client_phase(w->client), w->phase);
}

/* All truncations, and all single-byte changes, of |p|; the original is taken afterwards. */
static void change_each_byte(struct sim_world *w, const uint8_t *p, size_t len)
{
	uint8_t copy[LNL_SESSION_PACKET_MAX];

	for (size_t n = 0; n < len; n++) {
		/* a block of just that size lets AddressSanitizer see a read past its end */
		uint8_t *exact = malloc(n + 1);

		memcpy(exact + 1, p, n);
		expect_refusal(w, exact + 1, n);
		free(exact);
	}
	memcpy(copy, p, len);
	for (size_t at = 0; at < len; at++) {
		for (unsigned change = 1; change < 256; change++) {
			copy[at] = (uint8_t)(p[at] ^ change);
			expect_refusal(w, copy, len);
		}
		copy[at] = p[at];
	}
}

/* W1, at a wrapped client: a reset, a control packet, an ack; none of the changed ones does a thing. */
static void test_changed_packets(void **state)
{
	(void)state;
	for (unsigned i = SIM_WRAP_AUTH; i < SIM_WRAPS; i++) {
		struct tape *t = tape_new(SIM_SERVER);
		struct sim_world *w = make(1 + i, (enum sim_wrap)i, t);
		unsigned seen = 0;

		sim_world_turn(w);
		while (w->counts[LNL_CLIENT_UP] == 0) {
			/* The server's next packet, before the client gets it. */
			if (t->n > seen) {
				const uint8_t *p = t->packets[seen].bytes;
				size_t len = t->packets[seen].len;

				if (is_control(p) && len < 200 && seen < 8)
					change_each_byte(w, p, len);
				seen++;
				continue;
			}
			assert_false(w->closed);
			sim_world_run(w, LNL_MSEC);
		}
		assert_true(seen >= 3);
		sim_world_traffic(w, 3, 20 * LNL_MSEC);
		assert_true(sim_world_all_arrived(w));
		world_delete(w);
		free(t);
	}
}

/* W1, at a server, by its session: no answer to anything that is not whole. */
static void test_changed_first_packets_at_a_server(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAP_V2; i++) {
		struct tape *t = tape_new(SIM_CLIENT);
		struct sim_world *w = make(20 + i, (enum sim_wrap)i, t);
		struct lnl_session_conf conf;
		uint8_t copy[LNL_SESSION_PACKET_MAX], out[LNL_SESSION_PACKET_MAX];
		size_t len;

		sim_world_turn(w);
		assert_int_equal(t->n, 1);
		len = t->packets[0].len;
		conf = w->server_conf.session;
		conf.server = true;
		for (size_t at = 0; at < len * 256; at++) {
			struct lnl_session *s;
			enum lnl_drop drop;
			unsigned answers = 0;

			memcpy(copy, t->packets[0].bytes, len);
			copy[at / 256] ^= (uint8_t)at;
			assert_int_equal(lnl_session_new(&s, &conf, w->now), 0);
			drop = lnl_session_input(s, copy, len, w->now);
			while (lnl_session_output(s, out, sizeof(out), w->now))
				answers++;
			if (at % 256 == 0)
				assert_int_equal(answers, 1);
			else if (i != SIM_WRAP_NONE)
				assert_true(answers == 0 && drop != LNL_DROP_NONE);
			else
				assert_true(answers == (drop == LNL_DROP_NONE));
			assert_int_equal(lnl_session_has_peer(s), answers == 1);
			lnl_session_free(s);
		}
		world_delete(w);
		free(t);
	}
}

/* W1: plain packets, too, leave a client alive that was changed any way. */
static void test_changed_plain_packets(void **state)
{
	struct tape *t = tape_new(SIM_SERVER);
	struct sim_world *w = make(30, SIM_WRAP_NONE, t);
	struct lnl_client_event e;

	(void)state;
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	for (unsigned i = 0; i < t->n && i < 12; i++) {
		size_t len = t->packets[i].len < 60 ? t->packets[i].len : 60;

		if (!is_control(t->packets[i].bytes))
			continue;
		for (size_t at = 0; at < len * 256; at += 1 + (i > 0) * 6) {
			struct lnl_client *c;
			uint8_t copy[LNL_SESSION_PACKET_MAX], out[LNL_SESSION_PACKET_MAX];

			memcpy(copy, t->packets[i].bytes, t->packets[i].len);
			copy[at / 256] ^= (uint8_t)at;
			assert_int_equal(lnl_client_new(&c, &w->conf, NULL, NULL, w->now), 0);
			lnl_client_input(c, copy, i == 0 ? at / 256 : t->packets[i].len, w->now);
			lnl_client_input(c, copy, t->packets[i].len, w->now);
			while (lnl_client_output(c, out, sizeof(out), w->now))
				;
			while (lnl_client_next(c, &e, w->now))
				assert_int_not_equal(e.kind, LNL_CLIENT_UP);
			lnl_client_free(c);
		}
	}
	world_delete(w);
	free(t);
}

/* W1, W4: junk of every size, to clients in every state. */
static void test_junk(void **state)
{
	static uint8_t junk[65536];
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (uint8_t)sim_random(&seed);
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_world *w = make(40 + i, (enum sim_wrap)i, NULL);

		for (unsigned stage = 0; stage < 3; stage++) {
			for (size_t len = 0; len <= 65507; len += 1 + len / 64) {
				for (unsigned op = 0; op < 32; op++) {
					junk[0] = (uint8_t)(op << 3 | (len & 7));
					lnl_client_input(w->client, junk, len, w->now);
				}
			}
			assert_false(w->closed);
			if (stage == 0)
				sim_world_run(w, 12 * LNL_MSEC);
			else
				assert_true(sim_world_connect(w, 60 * LNL_SECOND));
		}
		world_delete(w);
	}
}

/* ---- W3, W4 ---- */

/* W3: the server asks for a WKc of a client that has none: it goes on as if it had not. */
static void test_wkc_that_is_not_there(void **state)
{
	struct tape *t = tape_new(SIM_CLIENT);
	struct sim_world *w = world_new(50, SIM_WRAP_NONE, false);

	(void)state;
	w->server_conf.ask_wkc = true;
	w->net.tap = record;
	w->net.tap_ctx = t;
	assert_int_equal(sim_world_start(w), 0);
	assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	for (unsigned i = 0; i < t->n; i++)
		assert_int_not_equal(lnl_op_of(t->packets[i].bytes[0]), LNL_OP_CONTROL_WKC_V1);
	world_delete(w);
	free(t);
}

/* W3: with one it is sent back at once, in the first packet after the reset, and never later. */
static void test_wkc_again(void **state)
{
	(void)state;
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		struct tape *t = tape_new(SIM_CLIENT);
		struct sim_world *w = world_new(51 + tcp, SIM_WRAP_V2, tcp);

		w->net.tap = record;
		w->net.tap_ctx = t;
		assert_int_equal(sim_world_start(w), 0);
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		assert_int_equal(lnl_op_of(t->packets[0].bytes[0]), LNL_OP_HARD_RESET_CLIENT_V3);
		/* The packet id says that we know the cookie. */
		assert_memory_equal(t->packets[0].bytes + 9, "\x0f\x00\x00\x01", 4);
		assert_int_equal(lnl_op_of(t->packets[1].bytes[0]),
				 tcp ? LNL_OP_CONTROL_V1 : LNL_OP_CONTROL_WKC_V1);
		for (unsigned i = 2; i < t->n; i++)
			assert_int_not_equal(lnl_op_of(t->packets[i].bytes[0]),
					     LNL_OP_CONTROL_WKC_V1);
		assert_int_equal(w->server.early_packets, 0);
		world_delete(w);
		free(t);
	}
}

/* W3: a server that does not know the key never answers; the client ends in order. */
static void test_wkc_of_another_server(void **state)
{
	struct sim_world *w = make(53, SIM_WRAP_V2, NULL);

	(void)state;
	w->v2_key[3] ^= 1;
	assert_true(sim_world_closes(w, 100 * LNL_SECOND));
	assert_int_equal(w->cause, LNL_CAUSE_TIMEOUT);
	assert_int_equal(w->closed_in, LNL_PHASE_CONNECT);
	assert_int_equal(w->net.sent[SIM_SERVER], 0);
	world_delete(w);
}

/* The TLVs of a server's reset, in every form. */
static void test_reset_tlvs(void **state)
{
	static const struct {
		const char *tlv;
		size_t len;
		bool ends;
	} rows[] = {
		{ "\0\1\0\2\0\1", 6, false },
		{ "\0\1\0\2\0\0", 6, false },
		{ "\0\1\0\2\xff\xff", 6, false },
		{ "\0\2\0\0", 4, false },
		{ "\xff\xff\0\1x", 5, false },
		{ "\0\1\0\0", 4, false },
		{ "\0\1\0\3\0\1\1", 7, false },
		{ "\0", 1, true },
		{ "\0\1", 2, true },
		{ "\0\1\0\2\0", 5, true },
		{ "\0\1\xff\xff\0\1", 6, true },
		{ "\0\2\0\1x\0\1\0\2\0\1", 11, false },
		{ "\0\1\0\2\0\1\0\1\0\2\0", 11, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct tape *t = tape_new(SIM_CLIENT);
		struct sim_world *w = make(60, SIM_WRAP_NONE, t);
		struct lnl_control c = { .op = LNL_OP_HARD_RESET_SERVER_V2,
					 .n_acks = 1,
					 .payload = (const uint8_t *)rows[i].tlv,
					 .payload_len = rows[i].len };
		struct lnl_writer writer;
		uint8_t packet[128];

		sim_world_turn(w);
		lnl_writer_init(&writer, packet, sizeof(packet));
		lnl_write_u8(&writer, lnl_op_byte(LNL_OP_HARD_RESET_SERVER_V2, 0));
		lnl_write_bytes(&writer, "abcdefgh", 8);
		memcpy(c.peer_sid, t->packets[0].bytes + 1, LNL_SID_LEN);
		lnl_control_write_body(&c, &writer);
		assert_int_equal(lnl_client_input(w->client, packet, lnl_writer_len(&writer),
						  w->now),
				 LNL_DROP_NONE);
		w->net.cut[SIM_SERVER] = true;
		sim_world_turn(w);
		if (w->closed != rows[i].ends)
			fail_msg("row %u: closed %d, %s", i, w->closed, w->why);
		world_delete(w);
		free(t);
	}
}

/* ---- W5, W6: what only the peer could send, badly ---- */

struct forger {
	struct sim_world *w;
	struct lnl_wrap wrap;
};

/* With the server's keys, at the client. */
static enum lnl_drop forge(struct forger *f, const struct lnl_control *c)
{
	uint8_t packet[LNL_SESSION_PACKET_MAX];
	int len;

	f->wrap.send_time = (uint32_t)(SIM_WALLCLOCK + f->w->now / LNL_SECOND) + 1000;
	len = lnl_wrap_write(&f->wrap, c, packet, sizeof(packet));
	assert_true(len > 0);
	return lnl_client_input(f->w->client, packet, (size_t)len, f->w->now);
}

static void forger_init(struct forger *f, struct sim_world *w, struct lnl_control *c)
{
	f->w = w;
	lnl_wrap_init(&f->wrap, &w->wrap[SIM_SERVER], 0, 0);
	memset(c, 0, sizeof(*c));
	memcpy(c->sid, w->server_sid, LNL_SID_LEN);
	/* The client's own id stands behind the acks of each packet to it. */
	memcpy(c->peer_sid, w->client_sid, LNL_SID_LEN);
}

/* W5: acks of packets that nobody sent. */
static void test_bogus_acks(void **state)
{
	struct sim_world *w = world_new(70, SIM_WRAP_AUTH, false);
	struct lnl_control c;
	struct forger f;

	(void)state;
	w->server_conf.dyn = false;
	assert_int_equal(sim_world_start(w), 0);
	sim_world_run(w, 12 * LNL_MSEC);
	assert_int_equal(w->phase, LNL_PHASE_HANDSHAKE);
	forger_init(&f, w, &c);
	c.op = LNL_OP_ACK_V1;
	for (unsigned k = 0; k < 33; k++) {
		c.n_acks = 8;
		for (unsigned i = 0; i < 8; i++)
			c.acks[i] = (uint32_t)(k < 32 ? UINT64_C(1) << k : UINT32_MAX) + 10 +
				    (i & 1 ? 0U - i : i);
		forge(&f, &c);
	}
	/* The forged sequence of ids is the later one: the server's own counts no more, so by ours. */
	assert_false(w->closed);
	assert_true(lnl_client_next_due(w->client) > w->now);
	assert_true(lnl_client_next_due(w->client) <= w->now + 2 * LNL_SECOND);
	world_delete(w);
}

/* A packet with nothing in it, from the session |sid|, at the client. */
static enum lnl_drop poke(struct sim_world *w, const uint8_t *sid, uint8_t op, uint8_t key_id)
{
	struct lnl_control c = { .op = op };
	struct lnl_writer writer;
	uint8_t packet[64];

	lnl_writer_init(&writer, packet, sizeof(packet));
	lnl_write_u8(&writer, (uint8_t)(op << 3 | key_id));
	lnl_write_bytes(&writer, sid, LNL_SID_LEN);
	lnl_control_write_body(&c, &writer);
	return lnl_client_input(w->client, packet, lnl_writer_len(&writer), w->now);
}

/* W6's table for a client that knows its server; keys below |keys| are there or may begin. */
static enum lnl_drop verdict(uint8_t op, uint8_t key_id, unsigned keys, bool renegotiating)
{
	if (!lnl_op_is_control(op))
		return LNL_DROP_OPCODE;
	if (op == LNL_OP_ACK_V1)
		return LNL_DROP_FORMAT; /* of nothing */
	if (op == LNL_OP_SOFT_RESET_V1)
		return key_id < keys ? LNL_DROP_NONE : LNL_DROP_STATE;
	if (op == LNL_OP_HARD_RESET_SERVER_V2)
		return key_id == 0 ? LNL_DROP_NONE : LNL_DROP_OPCODE;
	if (lnl_op_is_hard_reset(op))
		return LNL_DROP_OPCODE;
	return key_id == 0 || (renegotiating && key_id == 1) ? LNL_DROP_NONE : LNL_DROP_KEY_ID;
}

/* W6: each opcode with each key id, whole, when the connection is up and while it renegotiates. */
static void test_opcodes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32 * 8 * 2; i++) {
		struct sim_world *w = world_new(80 + i, SIM_WRAP_NONE, false);
		uint8_t op = (uint8_t)(i / 8 % 32), key_id = (uint8_t)(i % 8);
		bool renegotiating = i >= 256;

		w->server_conf.dyn = false;
		assert_int_equal(sim_world_start(w), 0);
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		sim_world_run(w, LNL_SECOND);
		if (renegotiating) {
			w->net.cut[SIM_CLIENT] = true;
			lnl_client_renegotiate(w->client, w->now);
			sim_world_turn(w);
		}
		assert_int_equal(poke(w, w->server_sid, op, key_id),
				 verdict(op, key_id, 2, renegotiating));
		w->net.cut[SIM_CLIENT] = false;
		sim_world_traffic(w, 5, 20 * LNL_MSEC);
		assert_true(sim_world_all_arrived(w));
		/* And a real renegotiation comes about all the same. */
		lnl_session_renegotiate(w->server.session, w->now);
		sim_world_run(w, 20 * LNL_SECOND);
		if (w->closed || w->keys_installed < 2)
			fail_msg("op %u, key id %u, %d: %s, %u keys", op, key_id, renegotiating,
				 w->why, w->keys_installed);
		world_delete(w);
	}
}

enum stage { ASKED, HANDSHAKE, CERTIFICATE, PUSH, CLOSING, STAGES };

static struct sim_world *at_stage(uint64_t seed, enum stage stage)
{
	struct sim_world *w = world_new(seed, SIM_WRAP_NONE, false);

	w->conf.verify_asks = w->setup.verify_waits = stage == CERTIFICATE;
	w->conf.explicit_exit_notify = 2;
	w->server_conf.dyn = false;
	w->server_conf.mute = stage == PUSH;
	assert_int_equal(sim_world_start(w), 0);
	if (stage == ASKED)
		sim_world_turn(w);
	else if (stage == HANDSHAKE)
		sim_world_run(w, 12 * LNL_MSEC);
	else if (stage == CLOSING)
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	else
		sim_world_run(w, LNL_SECOND);
	assert_int_equal(w->counts[LNL_CLIENT_VERIFY], stage == CERTIFICATE);
	assert_int_equal(w->up, stage == CLOSING);
	if (stage == CLOSING) {
		w->net.cut[SIM_CLIENT] = true;
		lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
	}
	return w;
}

/* W6: the same in all other states: before an answer, in the midst of each step, at the end. */
static void test_opcodes_at_each_stage(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 32 * 8 * STAGES; i++) {
		enum stage stage = (enum stage)(i / 256);
		struct sim_world *w = at_stage(1000 + i, stage);
		uint8_t op = (uint8_t)(i / 8 % 32), key_id = (uint8_t)(i % 8);
		enum lnl_drop want = verdict(op, key_id, stage == CLOSING ? 2 : 1, false);
		enum lnl_drop drop =
			poke(w, stage == ASKED ? (const uint8_t *)"abcdefgh" : w->server_sid, op,
			     key_id);

		/* Nobody is the server yet, and who names no session of ours does not become it. */
		if (stage == ASKED && want != LNL_DROP_FORMAT && want != LNL_DROP_OPCODE)
			want = LNL_DROP_SESSION;
		if (drop != want)
			fail_msg("stage %d, op %u, key id %u: %d", stage, op, key_id, drop);
		if (stage == CERTIFICATE)
			assert_int_equal(lnl_client_verified(w->client, true, NULL, w->now), 0);
		w->server_conf.mute = false;
		if (stage == CLOSING) {
			assert_true(sim_world_closes(w, 10 * LNL_SECOND));
			assert_int_equal(w->cause, LNL_CAUSE_USER);
		} else {
			assert_true(sim_world_connect(w, 20 * LNL_SECOND));
			sim_world_traffic(w, 3, 20 * LNL_MSEC);
			assert_true(sim_world_all_arrived(w));
			assert_int_equal(w->keys_installed, 1);
		}
		world_delete(w);
	}
}

/* W6: all that the server ever sent comes again, in every order, and changes nothing. */
static void test_replayed_packets(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct tape *t = tape_new(SIM_SERVER);
		struct sim_world *w = make(400 + i, (enum sim_wrap)i, t);
		uint64_t seed = i;

		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
		lnl_session_renegotiate(w->server.session, w->now);
		sim_world_run(w, 70 * LNL_SECOND);
		lnl_session_renegotiate(w->server.session, w->now);
		sim_world_run(w, 70 * LNL_SECOND);
		assert_int_equal(w->keys_installed, 3);
		w->net.tap = NULL;
		for (unsigned k = 0; k < 3000; k++) {
			unsigned n = (unsigned)(sim_random(&seed) % t->n);

			if (is_control(t->packets[n].bytes))
				lnl_client_input(w->client, t->packets[n].bytes, t->packets[n].len,
						 w->now);
			sim_world_run(w, LNL_MSEC);
		}
		assert_false(w->closed);
		assert_int_equal(w->keys_installed, 3);
		sim_world_traffic(w, 5, 20 * LNL_MSEC);
		assert_true(sim_world_all_arrived(w));
		lnl_session_renegotiate(w->server.session, w->now);
		sim_world_run(w, 10 * LNL_SECOND);
		assert_int_equal(w->keys_installed, 4);
		world_delete(w);
		free(t);
	}
}

/* W6: packets of another session, with the right wrapping. */
static void test_other_session(void **state)
{
	struct tape *t = tape_new(SIM_SERVER);
	struct sim_world *other = make(500, SIM_WRAP_NONE, t), *w;

	(void)state;
	assert_true(sim_world_connect(other, 10 * LNL_SECOND));
	world_delete(other);
	w = make(501, SIM_WRAP_NONE, NULL);
	for (unsigned stage = 0; stage < 2; stage++) {
		for (unsigned i = 0; i < t->n; i++) {
			if (!is_control(t->packets[i].bytes))
				continue;
			assert_int_equal(lnl_client_input(w->client, t->packets[i].bytes,
							  t->packets[i].len, w->now),
					 LNL_DROP_SESSION);
		}
		assert_true(sim_world_connect(w, 10 * LNL_SECOND));
	}
	world_delete(w);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changed_packets),
		cmocka_unit_test(test_changed_first_packets_at_a_server),
		cmocka_unit_test(test_changed_plain_packets),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_wkc_that_is_not_there),
		cmocka_unit_test(test_wkc_again),
		cmocka_unit_test(test_wkc_of_another_server),
		cmocka_unit_test(test_reset_tlvs),
		cmocka_unit_test(test_bogus_acks),
		cmocka_unit_test(test_opcodes),
		cmocka_unit_test(test_opcodes_at_each_stage),
		cmocka_unit_test(test_replayed_packets),
		cmocka_unit_test(test_other_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
