/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets at a server's door: a byte that chooses the wrapping, one for the server's settings, then
 * records of kind(1) len(1) bytes. A record is a raw packet; a reset or a return of the cookie that
 * a client with the key wrapped, so that what stands behind authentication is met, too; the last
 * packet with a byte changed; another place or a later time. Nobody gets in by the cookie whom the
 * door did not give it, no answer is long, and nothing is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "control/admission.h"
#include "control/session.h"
#include "fuzz_env.h"

#define RECORDS	   64
#define PACKET_MAX (LNL_WRAP_PACKET_MAX + LNL_WKC_MAX)

enum record {
	RECORD_RAW,
	RECORD_STREAM,
	RECORD_RESET,
	RECORD_RETURN,
	RECORD_CHANGED,
	RECORD_AGAIN,
	RECORD_PLACE,
	RECORD_TIME,
	RECORD_KINDS
};

/* To whom a cookie was given. */
struct given {
	struct lnl_ip ip;
	uint16_t port;
	uint8_t sid[LNL_SID_LEN], cookie[LNL_SID_LEN];
	uint64_t at;
};

struct world {
	struct lnl_wrap_key server, client;
	struct lnl_wrap send;
	struct lnl_admission *a;
	bool v2;
	uint8_t wkc[LNL_WKC_MAX];
	size_t wkc_len;
	struct lnl_ip ip;
	uint16_t port;
	uint64_t now;
	struct given given[RECORDS];
	unsigned n_given;
	uint8_t last[PACKET_MAX];
	size_t last_len;
	int live; /* allocations when the door had been opened */
};

static struct fuzz_machine machine = { .wallclock = 1000, .random = 0x5c };
static const struct lnl_env env = FUZZ_ENV(&machine);

static void make_wkc(struct world *w, const uint8_t *v2_key, const struct lnl_static_key *kc)
{
	uint8_t plain[LNL_STATIC_KEY_LEN + 9] = { [LNL_STATIC_KEY_LEN] = 1, [264] = 7 };
	size_t total = 32 + sizeof(plain) + 2;
	uint8_t len[2] = { (uint8_t)(total >> 8), (uint8_t)total };
	const struct lnl_piece pieces[] = { { len, 2 }, { plain, sizeof(plain) } };
	struct lnl_hmac *h;

	memcpy(plain, kc->bytes, LNL_STATIC_KEY_LEN);
	require(lnl_hmac_new(&h, &env, LNL_DIGEST_SHA256, v2_key + 64, 32) == 0);
	require(lnl_hmac_run(h, pieces, 2, w->wkc) == 0);
	lnl_hmac_free(h);
	require(lnl_ctr_run(v2_key, w->wkc, w->wkc + 32, plain, sizeof(plain)) == 0);
	memcpy(w->wkc + total - 2, len, 2);
	w->wkc_len = total;
}

static void start(struct world *w, uint8_t mode, uint8_t settings)
{
	static uint8_t v2_key[LNL_V2_SERVER_KEY_LEN];
	struct lnl_admission_conf conf = { .env = &env, .wrap = &w->server };
	struct lnl_static_key key;

	memset(w, 0, sizeof(*w));
	w->now = 1000 * LNL_SECOND;
	w->ip.family = 4;
	for (unsigned i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)i;
	lnl_wrap_key_none(&w->server);
	lnl_wrap_key_none(&w->client);
	w->v2 = mode % 4 == 3;
	if (mode % 4 == 1) {
		require(lnl_wrap_key_auth(&w->server, &env, &key, 0, LNL_DIGEST_SHA1) == 0);
		require(lnl_wrap_key_auth(&w->client, &env, &key, 1, LNL_DIGEST_SHA1) == 0);
	} else if (mode % 4 >= 2) {
		require(lnl_wrap_key_crypt(&w->server, &env, &key, true) == 0);
		/* with tls-crypt-v2 this is Kc, and who has it may also come without its WKc */
		require(lnl_wrap_key_crypt(&w->client, &env, &key, false) == 0);
	}
	lnl_wrap_init(&w->send, &w->client, settings & 1 ? LNL_WRAP_EARLY_ID : 0, 1000);
	conf.hand_window = 60 * LNL_SECOND;
	conf.v2_key = w->v2 || settings & 2 ? v2_key : NULL;
	conf.v2_only = settings & 4;
	conf.v2_force_cookie = settings & 8;
	conf.v2_max_age = settings & 16 ? (settings & 32 ? 990 : 994) : 0;
	if (settings & 64)
		conf.limits = (struct lnl_limiter_conf){ 20, 5, 100, 10 * LNL_SECOND };
	make_wkc(w, v2_key, &key);
	require(lnl_admission_new(&w->a, &conf, w->now) == 0);
	w->live = machine.live;
}

static bool was_given(const struct world *w, const struct lnl_admitted *got)
{
	for (unsigned i = 0; i < w->n_given; i++) {
		const struct given *g = &w->given[i];

		if (lnl_ip_equal(&g->ip, &w->ip) && g->port == w->port &&
		    memcmp(g->sid, got->client_sid, LNL_SID_LEN) == 0 &&
		    memcmp(g->cookie, got->server_sid, LNL_SID_LEN) == 0 &&
		    w->now - g->at < 90 * LNL_SECOND)
			return true;
	}
	return false;
}

/* The answer, as the client reads it. */
static void take_answer(struct world *w, const uint8_t *reply, size_t len, size_t asked)
{
	struct given *g = &w->given[w->n_given % RECORDS];
	uint8_t scratch[LNL_SESSION_PACKET_MAX];
	struct lnl_control c;
	struct lnl_wrap recv;

	require(10 * len <= 19 * asked);
	require(w->client.mode == LNL_WRAP_NONE || 10 * len <= 13 * asked);
	lnl_wrap_init(&recv, &w->client, 0, 0);
	require(lnl_wrap_read(&recv, &c, reply, len, scratch, sizeof(scratch)) == LNL_DROP_NONE);
	require(c.op == LNL_OP_HARD_RESET_SERVER_V2 && c.n_acks == 1 && c.acks[0] == 0);
	*g = (struct given){ .ip = w->ip, .port = w->port, .at = w->now };
	memcpy(g->sid, c.peer_sid, LNL_SID_LEN);
	memcpy(g->cookie, c.sid, LNL_SID_LEN);
	w->n_given++;
}

static enum lnl_admission_verdict give(struct world *w, const uint8_t *packet, size_t len,
				       bool stream)
{
	static const struct lnl_v2_facts none;
	uint8_t *exact = fuzz_exact(packet, len), reply[LNL_SESSION_PACKET_MAX];
	struct lnl_admitted got;

	if (stream)
		lnl_admission_stream(w->a, exact, len, w->now, &got);
	else
		lnl_admission_datagram(w->a, &w->ip, w->port, exact, len, reply, sizeof(reply),
				       w->now, &got);
	free(exact);
	/* The cookie's key before the current one may be there, too. */
	require(machine.live == w->live || machine.live == w->live + 1);
	require((got.drop == LNL_DROP_NONE) == (got.verdict != LNL_ADMISSION_DROP));
	if (got.verdict != LNL_ADMISSION_ADMIT)
		require(!got.has_v2 && memcmp(&got.v2, &none, sizeof(none)) == 0);
	else
		require(got.len > 0 && got.len <= len && (!got.resume || was_given(w, &got)));
	require(!stream || (got.verdict != LNL_ADMISSION_REPLY && !got.resume));
	if (got.verdict == LNL_ADMISSION_REPLY)
		take_answer(w, reply, got.reply_len, len);
	return got.verdict;
}

/* What a client sends: a byte for its shape, its session id's, then payload. */
static void seal(struct world *w, bool reset, const uint8_t *data, size_t len)
{
	struct lnl_control c = { .key_id = data[0] & 0x80 ? data[0] & 7 : 0 };
	bool wkc = w->v2 && !(data[0] & 0x40);
	int rc;

	memset(c.sid, len > 1 ? data[1] : 0, sizeof(c.sid));
	if (reset) {
		c.op = wkc ? LNL_OP_HARD_RESET_CLIENT_V3 : LNL_OP_HARD_RESET_CLIENT_V2;
	} else {
		c.op = data[0] & 1 ? LNL_OP_ACK_V1
		       : wkc	   ? LNL_OP_CONTROL_WKC_V1
				   : LNL_OP_CONTROL_V1;
		c.id = data[0] >> 1 & 3;
		c.n_acks = data[0] >> 3 & 3;
		for (unsigned i = 0; i < c.n_acks; i++)
			c.acks[i] = len > 2 + i ? data[2 + i] % 4 : 0;
		if (w->n_given > 0)
			memcpy(c.peer_sid, w->given[(w->n_given - 1) % RECORDS].cookie,
			       LNL_SID_LEN);
	}
	c.payload = data + (len > 6 ? 6 : len);
	c.payload_len = len > 6 ? len - 6 : 0;
	rc = lnl_wrap_write(&w->send, &c, w->last, LNL_WRAP_PACKET_MAX);
	require(rc > 0);
	w->last_len = (size_t)rc;
	if (c.op == LNL_OP_HARD_RESET_CLIENT_V3 || c.op == LNL_OP_CONTROL_WKC_V1) {
		memcpy(w->last + w->last_len, w->wkc, w->wkc_len);
		w->last_len += w->wkc_len;
	}
}

static void change(struct world *w, const uint8_t *data, size_t len)
{
	size_t at;

	if (w->last_len == 0 || len < 3)
		return;
	at = ((size_t)data[0] << 8 | data[1]) % w->last_len;
	w->last[at] ^= (uint8_t)(data[2] | 1);
	require(give(w, w->last, w->last_len, false) == LNL_ADMISSION_DROP ||
		w->client.mode == LNL_WRAP_NONE);
	w->last[at] ^= (uint8_t)(data[2] | 1);
}

static void run(struct world *w, uint8_t kind, const uint8_t *data, size_t len)
{
	enum lnl_admission_verdict verdict;

	switch (kind) {
	case RECORD_RAW:
	case RECORD_STREAM:
		verdict = give(w, data, len, kind == RECORD_STREAM);
		require(verdict == LNL_ADMISSION_DROP || w->server.mode == LNL_WRAP_NONE);
		break;
	case RECORD_RESET:
	case RECORD_RETURN:
		if (len > 0) {
			seal(w, kind == RECORD_RESET, data, len);
			give(w, w->last, w->last_len, false);
		}
		break;
	case RECORD_CHANGED:
		change(w, data, len);
		break;
	case RECORD_AGAIN:
		give(w, w->last, w->last_len, len % 2);
		break;
	case RECORD_PLACE:
		w->ip.family = len > 0 ? (data[0] % 3 == 0 ? 6 : data[0] % 3 == 1 ? 4 : 0) : 4;
		memset(w->ip.bytes, len > 1 ? data[1] : 0, sizeof(w->ip.bytes));
		w->port = len > 2 ? data[2] : 0;
		break;
	case RECORD_TIME:
		w->now += len * len * LNL_SECOND;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	static struct world w;
	struct fuzz_record r;

	if (size < 2)
		return 0;
	start(&w, data[0], data[1]);
	data += 2;
	for (unsigned i = 0; i < RECORDS && fuzz_next(&r, &data, end); i++)
		run(&w, r.kind % RECORD_KINDS, r.data, r.len);
	lnl_admission_free(w.a);
	lnl_wrap_key_deinit(&w.server);
	lnl_wrap_key_deinit(&w.client);
	require(machine.live == 0);
	return 0;
}
