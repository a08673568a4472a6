/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: sim */
/*
 * A client and a server with a network between them, and a story for both: bytes that choose how
 * the world is made, then events of kind(1) and what they need. Packets are changed, lost, doubled
 * and invented, either side renegotiates, texts come of any kind, verdicts late or never. Whatever
 * happens, nobody crashes, no timer stands still, the client closes at most once and nothing is
 * left in memory.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz_env.h"
#include "sim/world.h"

enum event {
	EVENT_RUN,
	EVENT_SEND,
	EVENT_RENEGOTIATE,
	EVENT_CHANGE,
	EVENT_LOSE,
	EVENT_PACKET,
	EVENT_SERVER_TEXT,
	EVENT_CLIENT_TEXT,
	EVENT_RECORD,
	EVENT_VERIFIED,
	EVENT_CONFIGURE,
	EVENT_NOTICE,
	EVENT_CUT,
	EVENT_CLOSE,
	EVENT_FORGE,
	EVENT_KINDS
};

#define EVENTS_MAX 400

struct story {
	const uint8_t *data;
	size_t size;
	struct sim_world *world;
	uint8_t change_at, change_by; /* of the next packet */
	unsigned lose;		      /* so many packets, then one twice */
};

static uint8_t take(struct story *s)
{
	if (s->size == 0)
		return 0;
	s->size--;
	return *s->data++;
}

/* Bytes whose number the story tells, at most |cap|. */
static size_t take_bytes(struct story *s, uint8_t *out, size_t cap)
{
	size_t len = take(s);

	len = len < s->size ? len : s->size;
	len = len < cap ? len : cap;
	if (len > 0)
		memcpy(out, s->data, len);
	s->data += len;
	s->size -= len;
	return len;
}

static bool tamper(void *ctx, unsigned from, uint8_t *bytes, size_t *len)
{
	struct story *s = ctx;

	(void)from;
	if (s->lose > 0) {
		s->lose--;
		return false;
	}
	if (s->change_by && *len > 0) {
		bytes[s->change_at % *len] ^= s->change_by;
		s->change_by = 0;
	}
	return true;
}

static void send_text(struct story *s, bool by_server)
{
	static const char *const texts[] = {
		"",
		"AUTH_FAILED",
		"AUTH_FAILED,TEMP[backoff 1]:x",
		"PUSH_REQUEST",
		"PUSH_REPLY,",
		"PUSH_REPLY,push-continuation 2",
		"RESTART,[N]",
		"HALT",
		"EXIT",
		"INFO_PRE,",
		"AUTH_PENDING,",
		"PUSH_REPLY,ifconfig 10.8.0.2 255.255.255.0,",
		"CR_RESPONSE,",
		"AUTH_FAILED,CRV1:",
		"INFO_PRE,CR_TEXT:R,E:",
		"PUSH_REPLY,auth-token x,",
	};
	char text[512];
	const char *head = texts[take(s) % (sizeof(texts) / sizeof(texts[0]))];
	size_t n = strlen(head);

	memcpy(text, head, n);
	n += take_bytes(s, (uint8_t *)text + n, sizeof(text) - n - 1);
	text[n] = '\0';
	if (by_server && s->world->server.session)
		lnl_session_send_text(s->world->server.session, text, s->world->now);
	else if (!by_server)
		lnl_client_send_text(s->world->client, text, s->world->now);
}

static void send_record(struct story *s)
{
	struct lnl_session *session = s->world->server.session;
	struct lnl_tls *tls = session ? lnl_session_tls(session, take(s) & 7) : NULL;
	uint8_t bytes[256];
	size_t len = take_bytes(s, bytes, sizeof(bytes));

	if (tls && len > 0)
		lnl_tls_write(tls, bytes, len);
}

/* A control packet with the server's or the client's keys, session ids and all. */
static void forge(struct story *s)
{
	struct sim_world *w = s->world;
	uint8_t to = take(s), packet[1024], payload[256];
	struct lnl_control c = { .op = take(s) % 16, .key_id = take(s) & 7, .n_acks = take(s) & 7 };
	struct lnl_wrap wrap;
	int len;

	c.id = take(s) % 8;
	for (unsigned i = 0; i < c.n_acks; i++)
		c.acks[i] = take(s) & 15;
	c.payload = payload;
	c.payload_len = take_bytes(s, payload, sizeof(payload));
	memcpy(c.sid, to & 1 ? w->client_sid : w->server_sid, LNL_SID_LEN);
	memcpy(c.peer_sid, to & 1 ? w->server_sid : w->client_sid, LNL_SID_LEN);
	lnl_wrap_init(&wrap, &w->wrap[to & 1 ? SIM_CLIENT : SIM_SERVER], 1000U + take(s),
		      (uint32_t)(SIM_WALLCLOCK + w->now / LNL_SECOND));
	len = lnl_wrap_write(&wrap, &c, packet, sizeof(packet));
	if (len > 0)
		sim_net_send(&w->net, to & 1 ? SIM_CLIENT : SIM_SERVER, packet, (size_t)len,
			     w->now);
}

static void tell(struct story *s)
{
	struct lnl_notice n = { .kind = (enum lnl_notice_kind)(take(s) % 6),
				.peer = SIM_OUR_PEER,
				.key_id = take(s) & 7 };

	lnl_client_notice(s->world->client, &n, s->world->now);
}

static void configure(struct story *s)
{
	static const char *const options[] = { "ifconfig 10.8.0.2 255.255.255.0",
					       "topology subnet",
					       "cipher AES-256-GCM",
					       "peer-id 7",
					       "protocol-flags tls-ekm",
					       "protocol-flags cc-exit tls-ekm dyn-tls-crypt" };
	uint8_t how = take(s);

	lnl_client_configure(s->world->client, how & 1 ? options : NULL, (how >> 5) % 7U,
			     how & 2 ? "no" : NULL, s->world->now);
}

static void packet(struct story *s)
{
	uint8_t bytes[300], end = take(s) & 1;
	size_t len = take_bytes(s, bytes, sizeof(bytes));

	sim_net_send(&s->world->net, end, bytes, len, s->world->now);
}

static void happen(struct story *s, enum event kind)
{
	struct sim_world *w = s->world;
	uint8_t arg = kind == EVENT_RUN || kind == EVENT_SEND || kind == EVENT_RENEGOTIATE ||
				      kind == EVENT_LOSE || kind == EVENT_CUT
			      ? take(s)
			      : 0;

	if (kind == EVENT_RUN)
		sim_world_run(w, arg < 128 ? arg * LNL_MSEC : (arg - 127U) * LNL_SECOND);
	else if (kind == EVENT_SEND)
		sim_world_send(w, arg & 1, SIM_PACKET + arg);
	else if (kind == EVENT_RENEGOTIATE && arg & 1)
		lnl_client_renegotiate(w->client, w->now);
	else if (kind == EVENT_RENEGOTIATE && w->server.session)
		lnl_session_renegotiate(w->server.session, w->now);
	else if (kind == EVENT_CHANGE)
		s->change_at = take(s), s->change_by = take(s);
	else if (kind == EVENT_LOSE)
		s->lose = arg & 3;
	else if (kind == EVENT_CUT)
		w->net.cut[arg & 1] = arg >> 1 & 1;
	else if (kind == EVENT_PACKET)
		packet(s);
	else if (kind == EVENT_SERVER_TEXT || kind == EVENT_CLIENT_TEXT)
		send_text(s, kind == EVENT_SERVER_TEXT);
	else if (kind == EVENT_RECORD)
		send_record(s);
	else if (kind == EVENT_VERIFIED)
		lnl_client_verified(w->client, take(s) & 1, NULL, w->now);
	else if (kind == EVENT_CONFIGURE)
		configure(s);
	else if (kind == EVENT_NOTICE)
		tell(s);
	else if (kind == EVENT_FORGE)
		forge(s);
	else if (kind == EVENT_CLOSE)
		lnl_client_close(w->client, LNL_CAUSE_USER, w->now);
}

static void begin(struct story *s, struct sim_world *w)
{
	uint8_t how = take(s), what = take(s), faults = take(s);

	sim_world_init(w, how, (enum sim_wrap)(how % SIM_WRAPS), how >= 200);
	w->net.tap = tamper;
	w->net.tap_ctx = s;
	w->conf.verify_asks = w->setup.verify_waits = what & 1;
	w->setup.pulled_waits = what & 2;
	w->server_conf.dyn = !(what & 4);
	w->server_conf.ekm = !(what & 8);
	w->server_conf.v1 = what & 16;
	w->server_conf.unasked = what & 32;
	w->conf.explicit_exit_notify = what >> 6;
	w->conf.session.reneg_interval = (what & 64 ? 20 : 0) * LNL_SECOND;
	w->net.faults.reorder = faults & 1 ? 4 : 0;
	w->net.faults.duplicate = faults & 2 ? 4 : 0;
	w->net.faults.drop = faults & 4 ? 8 : 0;
	w->net.faults.corrupt = faults & 8 ? 8 : 0;
	w->env.fail_at = faults >= 128 ? 2U * (faults & 127) : 0;
	s->world = w;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct story s = { data, size, NULL, 0, 0, 0 };
	struct sim_world *w = malloc(sizeof(*w));

	sim_require(w != NULL, "out of memory");
	begin(&s, w);
	if (sim_world_start(w) == 0) {
		for (unsigned i = 0; i < EVENTS_MAX && s.size > 0; i++) {
			uint8_t kind = take(&s);

			happen(&s, (enum event)(kind % EVENT_KINDS));
			sim_world_run(w, (kind / EVENT_KINDS) * LNL_MSEC);
		}
		sim_world_run(w, LNL_SECOND);
	}
	sim_world_end(w);
	sim_require(w->env.live == 0, "memory is left behind");
	sim_require(w->dirty_records == 0, "a log record holds control bytes");
	sim_require(w->traffic[0].doubled + w->traffic[1].doubled == 0, "a packet came twice");
	free(w);
	return 0;
}
