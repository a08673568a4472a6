/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What clients send that they should not: TRUST C4, A5, W4 to W8. */
/* lunel-test: both */
/* lunel-test: timeout 14400 */
#include <stdio.h>
#include <stdlib.h>

#include "control/client_state.h"
#include "count.h"
#include "sim/server_check.h"

/* Mutants of W8 when all run, each behind a handshake. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WHOLE 20000
#else
#define WHOLE 1000000
#endif

/* As the client would write it, in plain mode: whoever sees its packets can. */
static size_t forge(const struct sim_real *r, uint8_t *out, struct lnl_control c)
{
	uint8_t body[512];
	struct lnl_writer w;
	size_t len;

	lnl_writer_init(&w, body, sizeof(body));
	lnl_control_write_body(&c, &w);
	len = lnl_writer_len(&w);
	out[0] = (uint8_t)(c.op << 3 | c.key_id);
	memcpy(out + 1, r->w->client_sid, LNL_SID_LEN);
	memcpy(out + 1 + LNL_SID_LEN, body, len);
	return 1 + LNL_SID_LEN + len;
}

/* As if from the client's address. */
static void send_packet(struct sim_real *r, const uint8_t *data, size_t len)
{
	sim_net_send(&r->w->net, SIM_CLIENT, data, len, r->w->now);
	sim_world_run(r->w, 50 * LNL_MSEC);
}

/* Bytes that the client's TLS carries instead of texts. */
static void send_raw(struct sim_real *r, const void *data, size_t len)
{
	struct lnl_session *s = r->w->client->session;
	struct lnl_tls *tls = lnl_session_tls(s, 0);

	assert_int_equal(lnl_tls_write(tls, data, len), 0);
	/* Brings it on its way. */
	lnl_session_send_text(s, "PUSH_REQUEST", r->w->now);
}

/* ---- C4 ---- */

/* C4: 10^5 messages of every kind before there is a verdict: no config, no data path, no memory. */
static void test_C4_before_the_verdict(void **state)
{
	static const char *const texts[] = {
		"PUSH_REQUEST",
		"PUSH_REQUEST,x",
		"INFO,hello",
		"INFO_PRE,CR_TEXT:R:x",
		"X-OTHER",
		"CR_RESPONSE,eA==",
		"PUSH_REPLY,ping 1",
		"RESTART",
		"AUTH_PENDING,timeout 9",
		"PUSH",
	};
	struct sim_real *r = real_new(1, SIM_WRAP_CRYPT, false);
	uint8_t data[100] = { LNL_OP_DATA_V2 << 3, 0, 0, SIM_PEER_ID, 0, 0, 0, 1 };
	size_t before;

	(void)state;
	r->verdict_after = LNL_NEVER;
	r->w->server_conf.session.hand_window = r->w->conf.session.hand_window =
		100000 * LNL_SECOND;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	before = r->w->env.live_bytes;
	for (unsigned i = 0; i < 100000; i++) {
		assert_int_equal(lnl_client_send_text(r->w->client, texts[i % 10], r->w->now), 0);
		sim_net_send(&r->w->net, SIM_CLIENT, data, sizeof(data), r->w->now);
		sim_world_run(r->w, 20 * LNL_MSEC);
	}
	sim_world_run(r->w, LNL_SECOND);
	assert_true(r->w->env.live_bytes <= before + 1024);
	assert_int_equal(r->counts[LNL_SERVER_RESPONSE], 10000);
	assert_int_equal(r->counts[LNL_SERVER_TEXT], 0);
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 1);
	assert_int_equal(r->counts[LNL_SERVER_AUTHORIZE], 0);
	assert_int_equal(r->counts[LNL_SERVER_PEER_ADD], 0);
	assert_int_equal(r->keys_installed, 0);
	assert_int_equal(r->w->counts[LNL_CLIENT_PULLED], 0);
	assert_int_equal(r->data_drops[LNL_DROP_PEER], 100000);
	/* The twin: then it is judged, and lives. */
	assert_int_equal(sim_real_judge(r), 0);
	assert_true(sim_real_connect(r, 10 * LNL_SECOND));
	sim_world_traffic(r->w, 10, 20 * LNL_MSEC);
	assert_true(sim_world_all_arrived(r->w));
	real_delete(r);
}

/* C4: a goodbye before the verdict is one. */
static void test_C4_exit(void **state)
{
	struct sim_real *r = real_new(2, SIM_WRAP_CRYPT, false);

	(void)state;
	r->verdict_after = LNL_NEVER;
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	lnl_client_send_text(r->w->client, "EXIT", r->w->now);
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(sim_real_judge(r), LNL_E_STATE);
	assert_true(sim_real_closes(r, 5 * LNL_SECOND));
	assert_int_equal(r->cause, LNL_CAUSE_EXIT);
	assert_int_equal(r->closed_in, LNL_PHASE_AUTH);
	assert_int_equal(r->counts[LNL_SERVER_KEY_DEL], 0);
	real_delete(r);
}

/* ---- W7 ---- */

/* W7: payloads of few bytes, without NUL, with many, of a whole record. */
static void test_W7_sizes(void **state)
{
	static const struct {
		const char *data;
		size_t len;
		unsigned texts;
		const char *last;
	} rows[] = {
		{ "\0", 1, 0, "" },
		{ "\0\0\0\0\0", 5, 0, "" },
		{ "X", 1, 1, "X" },
		{ "XY", 2, 1, "XY" },
		{ "XYZ", 3, 1, "XYZ" },
		{ "XYZ\0", 4, 1, "XYZ" },
		{ "X\0Y\0Z", 5, 3, "Z" },
		{ "\0\0X\0\0", 5, 1, "X" },
		{ "X-A\r\n", 6, 1, "X-A" },
		{ "X\x01Y", 4, 0, "" }, /* CVE-2024-5594 */
		{ "CR_RESPONSE,!!", 15, 0, "" },
		{ "CR_RESPONSE,AAE=", 17, 0, "" }, /* control bytes */
		{ "CR_RESPONSE,YQFi", 17, 0, "" },
		{ "CR_RESPONSEX", 13, 0, "" },
		{ "PUSH_REQUESTX", 14, 0, "" },
		{ "X\xff\xfe", 4, 1, "X??" },
	};
	static uint8_t big[16384];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sim_real *r = real_new(10 + i, SIM_WRAP_CRYPT, false);

		real_up(r);
		send_raw(r, rows[i].data, rows[i].len);
		sim_world_run(r->w, LNL_SECOND);
		assert_false(r->closed);
		assert_int_equal(r->counts[LNL_SERVER_TEXT], rows[i].texts);
		assert_string_equal(r->text, rows[i].last);
		real_delete(r);
	}
	for (unsigned i = 0; i < 6; i++) {
		struct sim_real *r = real_new(30 + i, SIM_WRAP_CRYPT, false);

		/* 64 KiB, in records of 16 */
		real_up(r);
		memset(big, i & 1 ? 'x' : 0, sizeof(big));
		for (unsigned k = 0; k < 4; k++)
			send_raw(r, big, i < 2 ? 2048 : i < 4 ? 4095 : sizeof(big));
		sim_world_run(r->w, 10 * LNL_SECOND);
		if (!r->closed) {
			sim_world_traffic(r->w, 10, 20 * LNL_MSEC);
			assert_true(sim_world_all_arrived(r->w));
		}
		assert_true(strlen(r->text) < LNL_CONTROL_TEXT_MAX);
		real_delete(r);
	}
}

/* W7: 10^5 messages, and memory stays as it was. */
static void test_W7_many(void **state)
{
	struct sim_real *r = real_new(40, SIM_WRAP_CRYPT, false);
	size_t before, most = 0;

	(void)state;
	real_up(r);
	sim_world_run(r->w, 2 * LNL_SECOND);
	before = r->w->env.live_bytes;
	for (unsigned i = 0; i < 100000; i++) {
		lnl_client_send_text(r->w->client,
				     i % 3 ? "X-NOISE,and more of it" : "PUSH_REQUEST", r->w->now);
		if (i % 4 == 3)
			sim_world_run(r->w, 20 * LNL_MSEC);
		if (r->w->env.live_bytes > most)
			most = r->w->env.live_bytes;
	}
	sim_world_run(r->w, LNL_SECOND);
	assert_int_equal(r->counts[LNL_SERVER_TEXT], 66666);
	assert_true(most < before + 16384);
	assert_true(r->w->env.live_bytes <= before + 1024);
	assert_int_equal(r->w->counts[LNL_CLIENT_UP], 1);
	real_delete(r);
}

/* An owner who takes no events holds the client up; nothing grows without end. */
static void test_W7_owner_is_slow(void **state)
{
	struct sim_real *r = real_new(41, SIM_WRAP_CRYPT, false);
	uint8_t out[LNL_SESSION_PACKET_MAX];
	struct lnl_server_event e;
	unsigned texts = 0;
	size_t before, len;

	(void)state;
	real_up(r);
	sim_world_run(r->w, 2 * LNL_SECOND);
	before = r->w->env.live_bytes;
	for (unsigned i = 0; i < 2000; i++) {
		lnl_client_send_text(r->w->client, "X-NOISE", r->w->now);
		while ((len = lnl_client_output(r->w->client, out, sizeof(out), r->w->now)))
			lnl_server_input(r->server, out, len, r->w->now);
		while ((len = lnl_server_output(r->server, out, sizeof(out), r->w->now)))
			lnl_client_input(r->w->client, out, len, r->w->now);
	}
	assert_true(r->w->env.live_bytes < before + 2 * 65536 + 8192);
	while (lnl_server_next(r->server, &e, r->w->now) && e.kind == LNL_SERVER_TEXT)
		texts++;
	assert_true(texts > 100);
	lnl_server_event_wipe(&e);
	real_delete(r);
}

/* ---- W6 ---- */

enum stage { HANDSHAKE, WAITING_AUTH, UP, REKEYING, STAGES };

static struct sim_real *at_stage(enum stage stage, uint64_t seed)
{
	struct sim_real *r = real_new(seed, SIM_WRAP_NONE, false);

	r->w->net.faults.delay = 10 * LNL_MSEC;
	r->verify_waits = stage == HANDSHAKE;
	r->verdict_after = stage == WAITING_AUTH ? LNL_NEVER : 0;
	real_start(r);
	sim_world_run(r->w, 2 * LNL_SECOND);
	assert_non_null(r->server);
	if (stage == REKEYING) {
		r->verdict_after = LNL_NEVER;
		lnl_client_renegotiate(r->w->client, r->w->now);
		sim_world_run(r->w, LNL_SECOND);
		assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 2);
	}
	return r;
}

static void go_on(struct sim_real *r, enum stage stage)
{
	if (stage == HANDSHAKE)
		assert_int_equal(lnl_server_verified(r->server, true, NULL, r->w->now), 0);
	if (stage == WAITING_AUTH || stage == REKEYING)
		assert_int_equal(sim_real_judge(r), 0);
	r->verify_waits = false;
	r->verdict_after = 0;
	assert_true(sim_real_connect(r, 10 * LNL_SECOND));
	sim_world_run(r->w, LNL_SECOND);
	sim_world_traffic(r->w, 20, 20 * LNL_MSEC);
	sim_world_run(r->w, LNL_SECOND);
	assert_true(sim_world_all_arrived(r->w));
	/* A real soft reset is not blocked by what was forged. */
	lnl_client_renegotiate(r->w->client, r->w->now);
	sim_world_run(r->w, 5 * LNL_SECOND);
	sim_world_traffic(r->w, 20, 20 * LNL_MSEC);
	sim_world_run(r->w, LNL_SECOND);
	assert_true(sim_world_all_arrived(r->w));
	assert_false(r->closed || r->w->closed);
	assert_int_equal(r->sessions, 1);
}

/*
 * W6: each opcode and key id in each state, with ids that are new, old and far away. A forged soft
 * reset may start a renegotiation, in plain mode; the session lives on.
 */
static void test_W6(void **state)
{
	static const uint32_t ids[] = { 0, 1, 1000, UINT32_MAX };

	(void)state;
	for (unsigned stage = 0; stage < STAGES; stage++) {
		struct sim_real *r = at_stage((enum stage)stage, 50 + stage);
		unsigned before = r->keys_installed;

		for (unsigned i = 0; i < 32 * 8 * 4; i++) {
			struct lnl_control c = { .op = (uint8_t)(i % 32),
						 .key_id = (uint8_t)(i / 32 % 8),
						 .id = ids[i / 256] };
			uint8_t packet[600];
			size_t len;

			/* The next id in order would be TLS's, as junk: whoever can see ids may end it. */
			if (c.op == LNL_OP_CONTROL_V1 && c.id != 1000 && c.id != UINT32_MAX)
				continue;
			len = forge(r, packet, c);
			send_packet(r, packet, len);
		}
		assert_in_range(r->keys_installed, before, before + 1);
		go_on(r, (enum stage)stage);
		real_delete(r);
	}
}

/* W6: everything that a client ever sent, sent again: nothing happens, with each wrap. */
static struct {
	uint8_t bytes[400][1600];
	size_t len[400];
	unsigned n;
} heard;

static bool hear(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	(void)ctx;
	if (from == SIM_CLIENT && heard.n < 400 && *len <= sizeof(heard.bytes[0])) {
		memcpy(heard.bytes[heard.n], bytes, *len);
		heard.len[heard.n++] = *len;
	}
	return true;
}

static void test_W6_replay(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SIM_WRAPS; i++) {
		struct sim_real *r = real_new(60 + i, (enum sim_wrap)i, false);

		heard.n = 0;
		r->w->net.tap = hear;
		real_up(r);
		for (unsigned round = 0; round < 3; round++) {
			if (round)
				lnl_client_renegotiate(r->w->client, r->w->now);
			sim_world_traffic(r->w, 10, 50 * LNL_MSEC);
		}
		r->w->net.tap = NULL;
		assert_true(heard.n > 40);
		assert_int_equal(r->keys_installed, 3);
		for (unsigned k = 0; k < heard.n; k++)
			send_packet(r, heard.bytes[k], heard.len[k]);
		assert_int_equal(r->keys_installed, 3);
		assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], 3);
		go_on(r, UP);
		real_delete(r);
	}
}

/* W6: while it closes: nothing reopens it, nothing puts its end off. */
static void test_W6_closing(void **state)
{
	struct sim_real *r = at_stage(UP, 58);
	uint64_t began = r->w->now;
	unsigned keys = r->keys_installed;

	(void)state;
	r->w->net.cut[SIM_SERVER] = true;
	lnl_server_close(r->server, LNL_CAUSE_USER, "HALT", r->w->now);
	for (unsigned i = 0; i < 32 * 8; i++) {
		struct lnl_control c = { .op = (uint8_t)(i % 32), .key_id = (uint8_t)(i / 32) };
		uint8_t packet[600];
		size_t len = forge(r, packet, c);

		sim_net_send(&r->w->net, SIM_CLIENT, packet, len, r->w->now);
		sim_world_run(r->w, 20 * LNL_MSEC);
	}
	assert_true(r->closed);
	assert_true(r->w->now - began <= 6 * LNL_SECOND);
	assert_int_equal(r->cause, LNL_CAUSE_USER);
	assert_int_equal(r->keys_installed, keys);
	real_delete(r);
}

/* ---- W4 ---- */

static void give_sizes(struct sim_real *r, uint8_t fill)
{
	static uint8_t packet[65507];

	memset(packet, fill, sizeof(packet));
	packet[0] = LNL_OP_CONTROL_V1 << 3;
	memcpy(packet + 1, r->w->client_sid, LNL_SID_LEN);
	for (size_t len = 0; len <= sizeof(packet); len += len < 3000 ? 1 : 509) {
		enum lnl_drop drop = lnl_server_input(r->server, packet, len, r->w->now);

		/* A short one is an old packet again, which is no error. */
		if (drop == LNL_DROP_NONE && (fill == 0xff || len > LNL_WRAP_PACKET_MAX))
			fail_msg("%zu bytes of %02x were taken", len, fill);
	}
	lnl_server_input(r->server, packet, sizeof(packet), r->w->now);
	sim_world_run(r->w, 50 * LNL_MSEC);
}

/* W4: P_CONTROL of all sizes, in each state. */
static void test_W4(void **state)
{
	(void)state;
	for (unsigned stage = 0; stage < STAGES; stage++) {
		struct sim_real *r = at_stage((enum stage)stage, 80 + stage);

		give_sizes(r, 0);
		give_sizes(r, 0xff);
		go_on(r, (enum stage)stage);
		real_delete(r);
	}
}

/* ---- W5 ---- */

/* When the server sent which control packet, of a handshake whose client is not heard. */
static struct {
	unsigned sent[64];
	uint64_t at[64], shortest, longest;
	const struct sim_world *w;
	bool lost; /* what the server sends, its stateless answer apart */
} flight;

static bool watch(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	struct lnl_control c = { .op = lnl_op_of(bytes[0]) };
	struct lnl_reader in;

	(void)ctx;
	lnl_reader_init(&in, bytes + 1 + LNL_SID_LEN, *len - 1 - LNL_SID_LEN);
	if (from == SIM_SERVER && c.op == LNL_OP_CONTROL_V1 &&
	    lnl_control_read_body(&c, &in) == 0 && c.id < 64) {
		uint64_t since = flight.w->now - flight.at[c.id];

		if (flight.sent[c.id]++ > 0 && since < flight.shortest)
			flight.shortest = since;
		if (flight.sent[c.id] > 1 && since > flight.longest)
			flight.longest = since;
		flight.at[c.id] = flight.w->now;
	}
	return from != SIM_SERVER || c.op == LNL_OP_HARD_RESET_SERVER_V2 || !flight.lost;
}

/* A handshake in whose midst the client hears nothing more; what it sends arrives. */
static struct sim_real *deaf(uint64_t seed)
{
	struct sim_real *r = real_new(seed, SIM_WRAP_NONE, false);

	memset(&flight, 0, sizeof(flight));
	flight.shortest = LNL_NEVER;
	flight.lost = true;
	flight.w = r->w;
	r->w->net.faults.delay = 10 * LNL_MSEC;
	r->w->net.tap = watch;
	real_start(r);
	sim_world_run(r->w, 500 * LNL_MSEC);
	assert_true(flight.sent[1] > 0);
	return r;
}

/* W5: each packet at most ten times in a hand-window, never at once and never after a minute. */
static void test_W5_retransmits(void **state)
{
	struct sim_real *r = deaf(90);

	(void)state;
	assert_true(sim_real_closes(r, 70 * LNL_SECOND));
	assert_int_equal(r->cause, LNL_CAUSE_TIMEOUT);
	for (unsigned id = 0; id < 64; id++)
		assert_true(flight.sent[id] <= 10);
	assert_true(flight.sent[1] >= 3);
	assert_true(flight.shortest >= LNL_SECOND);
	assert_true(flight.longest <= 60 * LNL_SECOND);
	real_delete(r);
}

/* W5: acks of what nobody sent, and lists of them that lie about their length. */
static void test_W5_bogus_acks(void **state)
{
	struct sim_real *r = deaf(91);
	uint64_t due = lnl_server_next_due(r->server);
	unsigned before = flight.sent[1];
	uint8_t packet[600] = { LNL_OP_ACK_V1 << 3 };

	(void)state;
	for (unsigned k = 0; k <= 32; k++) {
		struct lnl_control c = { .op = LNL_OP_ACK_V1, .n_acks = 8 };

		memcpy(c.peer_sid, r->w->server_sid, LNL_SID_LEN);
		for (unsigned i = 0; i < 8; i++)
			c.acks[i] = (uint32_t)(k < 32 ? UINT64_C(1) << k : UINT32_MAX) + 64 +
				    (i & 1 ? 0U - i : i);
		lnl_server_input(r->server, packet, forge(r, packet, c), r->w->now);
	}
	for (unsigned n = 0; n < 256; n++) {
		for (size_t len = 0; len < 40; len++) {
			packet[0] = (uint8_t)((len & 1 ? LNL_OP_ACK_V1 : LNL_OP_CONTROL_V1) << 3);
			memset(packet + 9, 0xfe, sizeof(packet) - 9);
			packet[9] = (uint8_t)n;
			lnl_server_input(r->server, packet, 10 + len, r->w->now);
		}
	}
	assert_int_equal(lnl_server_next_due(r->server), due);
	sim_world_run(r->w, 5 * LNL_SECOND);
	assert_true(flight.sent[1] > before);
	/* The twin: true ones count, and the handshake ends well. */
	flight.lost = false;
	assert_true(sim_real_connect(r, 50 * LNL_SECOND));
	assert_int_equal(r->sessions, 1);
	real_delete(r);
}

/* ---- A5 ---- */

/* A5: TLS's own renegotiation, by a ClientHello inside: refused, nobody shakes hands again. */
static void test_A5(void **state)
{
	static const uint8_t hello[] = { 22, 3, 1, 0, 4, 1, 0, 0, 0 };
	struct sim_real *r = real_new(70, SIM_WRAP_NONE, false);
	struct lnl_control c = { .op = LNL_OP_CONTROL_V1,
				 .payload = hello,
				 .payload_len = sizeof(hello) };
	unsigned long sent;
	uint8_t packet[600];

	(void)state;
	real_up(r);
	sim_world_run(r->w, 2 * LNL_SECOND);
	sent = r->w->net.bytes[SIM_SERVER];
	for (uint32_t id = 1; id < 40; id++) {
		c.id = id;
		send_packet(r, packet, forge(r, packet, c));
	}
	assert_true(r->closed);
	assert_int_equal(r->cause, LNL_CAUSE_TLS);
	assert_int_equal(r->counts[LNL_SERVER_VERIFY], 1);
	/* acks and an alert, no ServerHello */
	assert_true(r->w->net.bytes[SIM_SERVER] - sent < 40 * 60 + 200);
	real_delete(r);
	/* The twin: OpenVPN's soft reset works. */
	r = real_new(71, SIM_WRAP_NONE, false);
	real_up(r);
	sim_world_run(r->w, LNL_SECOND);
	go_on(r, UP);
	assert_int_equal(r->keys_installed, 2);
	real_delete(r);
}

/* ---- W8 ---- */

/* A record like a client's, taken apart so that a row can break it. */
struct record {
	uint8_t bytes[6000];
	size_t len;
};

static void put_string(struct lnl_writer *w, const char *s, int len_off)
{
	size_t len = strlen(s) + 1;

	lnl_write_u16(w, (uint16_t)((int)len + len_off));
	lnl_write_bytes(w, s, len);
}

static void build(struct record *rec, uint8_t method, const char *user, unsigned broken, int by)
{
	static const char *const occ = "V4,dev-type tun,cipher AES-256-GCM,tls-client";
	static const char *const info = "IV_PROTO=990\nIV_CIPHERS=AES-256-GCM\n";
	uint8_t random[112];
	struct lnl_writer w;

	memset(random, 7, sizeof(random));
	lnl_writer_init(&w, rec->bytes, sizeof(rec->bytes));
	lnl_write_u32(&w, 0);
	lnl_write_u8(&w, method);
	lnl_write_bytes(&w, random, sizeof(random));
	put_string(&w, occ, broken == 1 ? by : 0);
	put_string(&w, user, broken == 2 ? by : 0);
	put_string(&w, "secret", broken == 3 ? by : 0);
	put_string(&w, info, broken == 4 ? by : 0);
	assert_int_equal(w.error, 0);
	rec->len = lnl_writer_len(&w);
}

/* Sends |rec| as the first thing behind the handshake. */
static struct sim_real *with_record(const struct record *rec, uint64_t seed)
{
	struct sim_real *r = real_new(seed, SIM_WRAP_CRYPT, false);

	r->verdict_after = LNL_NEVER;
	r->w->setup.verify_waits = r->w->conf.verify_asks = true;
	strcpy(r->w->secret, "secret");
	real_start(r);
	sim_world_run(r->w, LNL_SECOND);
	assert_true(r->w->verify_waiting);
	assert_int_equal(lnl_tls_write(lnl_session_tls(r->w->client->session, 0), rec->bytes,
				       rec->len),
			 0);
	assert_int_equal(lnl_client_verified(r->w->client, true, NULL, r->w->now), 0);
	sim_world_run(r->w, LNL_SECOND);
	return r;
}

static void expect_record(const struct record *rec, bool good, uint64_t seed)
{
	struct sim_real *r = with_record(rec, seed);

	assert_int_equal(r->closed, !good);
	assert_int_equal(r->counts[LNL_SERVER_AUTHENTICATE], good);
	if (!good) {
		assert_int_equal(r->cause, LNL_CAUSE_TLS);
		assert_string_not_equal(r->why, "");
	}
	assert_int_equal(r->w->secrets_seen, 0);
	real_delete(r);
}

/* W8: methods, lengths and missing ends: refused, with one sentence. */
static void test_W8_table(void **state)
{
	static const uint8_t methods[] = { 0, 1, 3, 255 };
	static const int by[] = { -1, 1, -1000, 30000 };
	static char user[4200];
	struct record rec;

	(void)state;
	build(&rec, 2, "anna", 0, 0);
	expect_record(&rec, true, 100);
	for (unsigned i = 0; i < 4; i++) {
		build(&rec, methods[i], "anna", 0, 0);
		expect_record(&rec, false, 101 + i);
	}
	for (unsigned i = 0; i < 16; i++) {
		build(&rec, 2, "anna", 1 + i / 4, by[i % 4]);
		expect_record(&rec, false, 110 + i);
	}
	for (size_t cut = 1; cut < rec.len; cut++) {
		build(&rec, 2, "anna", 0, 0);
		rec.len -= cut;
		/* Behind the options whole strings may be missing: the last, two, all three. */
		expect_record(&rec, cut == 39 || cut == 48 || cut == 55, 200 + cut);
	}
	memset(user, 'u', sizeof(user) - 1);
	user[128] = 0;
	build(&rec, 2, user, 0, 0);
	expect_record(&rec, true, 500);
	user[128] = 'u';
	user[4097] = 0;
	build(&rec, 2, user, 0, 0);
	expect_record(&rec, false, 501);
}

/* W8: a user name is one line, whatever was sent. */
static void test_W8_names(void **state)
{
	struct record rec;
	struct sim_real *r;

	(void)state;
	build(&rec, 2, "an\nna\x7f\x01\xc3\xa4", 0, 0);
	r = with_record(&rec, 600);
	assert_string_equal(r->username_seen, "an_na__\xc3\xa4");
	assert_string_equal(r->peer_info, "IV_PROTO=990\nIV_CIPHERS=AES-256-GCM\n");
	real_delete(r);
}

/* W8: mutants, each behind a handshake; the record alone has as many in test_control_keys. */
static void test_W8_mutants(void **state)
{
	unsigned n = test_count(300, WHOLE);
	uint64_t seed = test_seed(5);
	struct record rec;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct sim_real *r;

		build(&rec, 2, "anna", 0, 0);
		for (unsigned k = 0; k <= i % 4; k++)
			rec.bytes[sim_random(&seed) % rec.len] ^= (uint8_t)(sim_random(&seed) >> 8);
		r = with_record(&rec, 1000 + i);
		assert_true(r->closed || r->counts[LNL_SERVER_AUTHENTICATE] == 1);
		if (r->closed && r->cause != LNL_CAUSE_TLS && r->cause != LNL_CAUSE_TIMEOUT)
			fail_msg("mutant %u: %s", i, lnl_cause_name(r->cause));
		real_delete(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_C4_before_the_verdict),
		cmocka_unit_test(test_C4_exit),
		cmocka_unit_test(test_W7_sizes),
		cmocka_unit_test(test_W7_many),
		cmocka_unit_test(test_W7_owner_is_slow),
		cmocka_unit_test(test_W6),
		cmocka_unit_test(test_W6_replay),
		cmocka_unit_test(test_W6_closing),
		cmocka_unit_test(test_W4),
		cmocka_unit_test(test_W5_retransmits),
		cmocka_unit_test(test_W5_bogus_acks),
		cmocka_unit_test(test_A5),
		cmocka_unit_test(test_W8_table),
		cmocka_unit_test(test_W8_names),
		cmocka_unit_test(test_W8_mutants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
