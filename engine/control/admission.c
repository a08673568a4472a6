/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/admission.h"

#include <string.h>

#include "control/session.h"

/* WKc: tag | encrypted Kc and metadata | length of all of it (PROTOCOL 1.5). */
#define WKC_TAG	   32
#define WKC_LENGTH 2
#define WKC_MIN	   (WKC_TAG + LNL_STATIC_KEY_LEN + WKC_LENGTH)

/* The shortest packet that tls-crypt makes: opcode, session id, id, time, tag, no acks. */
#define CRYPT_MIN (1 + LNL_SID_LEN + 8 + 32 + 1)
/* Where a wrapped packet that is not tls-auth's has its id; the top byte tells what it can do. */
#define CRYPT_ID_AT (1 + LNL_SID_LEN)

#define METADATA_TIME	  1
#define METADATA_TIME_LEN 9

/* Of our answer, which is the first packet that a session sends. */
#define ANSWER_WRAP_ID 1

struct lnl_admission {
	struct lnl_admission_conf conf;
	struct lnl_cookie cookie;
	struct lnl_limiter *limiter;
	struct lnl_hmac *v2_hmac; /* NULL: no tls-crypt-v2 */
};

/* Who stands at the door: a packet, and what it takes to read and answer it. */
struct visitor {
	const uint8_t *data;
	size_t len; /* without its WKc */
	bool v2;
	const struct lnl_wrap_key *key;
	struct lnl_wrap_key own; /* of its WKc */
	struct lnl_control c;
	uint8_t scratch[LNL_WRAP_PACKET_MAX];
};

int lnl_admission_new(struct lnl_admission **out, const struct lnl_admission_conf *conf,
		      uint64_t now)
{
	struct lnl_admission *a = lnl_alloc(conf->env, sizeof(*a));
	int rc;

	*out = NULL;
	if (!a)
		return LNL_E_NOMEM;
	a->conf = *conf;
	rc = lnl_cookie_init(&a->cookie, conf->env, conf->hand_window);
	if (rc == 0)
		rc = lnl_limiter_new(&a->limiter, conf->env, &conf->limits, now);
	if (rc == 0 && conf->v2_key)
		rc = lnl_hmac_new(&a->v2_hmac, conf->env, LNL_DIGEST_SHA256,
				  conf->v2_key + LNL_V2_SERVER_KEY_LEN / 2, WKC_TAG);
	if (rc < 0) {
		lnl_admission_free(a);
		return rc;
	}
	*out = a;
	return 0;
}

void lnl_admission_free(struct lnl_admission *a)
{
	if (!a)
		return;
	lnl_cookie_deinit(&a->cookie);
	lnl_limiter_free(a->limiter);
	lnl_hmac_free(a->v2_hmac);
	lnl_release(a->conf.env, a);
}

/* ---- tls-crypt-v2's wrapped keys ---- */

static bool carries_wkc(unsigned op)
{
	return op == LNL_OP_HARD_RESET_CLIENT_V3 || op == LNL_OP_CONTROL_WKC_V1;
}

size_t lnl_admission_without_wkc(const uint8_t *data, size_t len)
{
	size_t wkc;

	if (len < CRYPT_MIN + WKC_MIN || !carries_wkc(lnl_op_of(data[0])))
		return 0;
	wkc = (size_t)data[len - 2] << 8 | data[len - 1];
	if (wkc < WKC_MIN || wkc > LNL_WKC_MAX || wkc > len - CRYPT_MIN)
		return 0;
	return len - wkc;
}

/* The client's key and metadata out of the |len| bytes at |wkc|, whose length was checked. */
static enum lnl_drop unwrap(struct lnl_admission *a, const uint8_t *wkc, size_t len,
			    struct lnl_v2_facts *facts)
{
	uint8_t plain[LNL_WKC_MAX], tag[LNL_DIGEST_MAX];
	size_t plain_len = len - WKC_TAG - WKC_LENGTH;
	const struct lnl_piece pieces[] = {
		{ wkc + len - WKC_LENGTH, WKC_LENGTH },
		{ plain, plain_len },
	};
	bool ok = lnl_ctr_run(a->conf.v2_key, wkc, plain, wkc + WKC_TAG, plain_len) == 0 &&
		  lnl_hmac_run(a->v2_hmac, pieces, 2, tag) == 0 &&
		  lnl_secret_equal(tag, wkc, WKC_TAG);

	if (ok) {
		memcpy(facts->kc.bytes, plain, LNL_STATIC_KEY_LEN);
		facts->metadata_len = plain_len - LNL_STATIC_KEY_LEN;
		memcpy(facts->metadata, plain + LNL_STATIC_KEY_LEN, facts->metadata_len);
	}
	lnl_secret_wipe(plain, sizeof(plain));
	return ok ? LNL_DROP_NONE : LNL_DROP_AUTH;
}

/* A time yet to come is no age: clocks differ. */
static enum lnl_drop check_age(const struct lnl_admission *a, const struct lnl_v2_facts *facts)
{
	uint64_t now = a->conf.env->wallclock(a->conf.env->ctx);
	struct lnl_reader r;
	uint64_t made;

	if (a->conf.v2_max_age == 0)
		return LNL_DROP_NONE;
	lnl_reader_init(&r, facts->metadata, facts->metadata_len);
	if (facts->metadata_len != METADATA_TIME_LEN || lnl_read_u8(&r) != METADATA_TIME)
		return LNL_DROP_KEY_LIMIT;
	made = lnl_read_u64(&r);
	return now > made && now - made > a->conf.v2_max_age ? LNL_DROP_KEY_LIMIT : LNL_DROP_NONE;
}

static enum lnl_drop take_wkc(struct lnl_admission *a, struct visitor *v,
			      struct lnl_v2_facts *facts)
{
	size_t len = lnl_admission_without_wkc(v->data, v->len);
	enum lnl_drop drop;

	if (len == 0)
		return LNL_DROP_FORMAT;
	drop = unwrap(a, v->data + len, v->len - len, facts);
	if (drop == LNL_DROP_NONE)
		drop = check_age(a, facts);
	if (drop != LNL_DROP_NONE)
		return drop;
	v->len = len;
	if (lnl_wrap_key_crypt(&v->own, a->conf.env, &facts->kc, true) < 0)
		return LNL_DROP_NOMEM;
	v->key = &v->own;
	return LNL_DROP_NONE;
}

/* ---- reading ---- */

static bool is_zero(const uint8_t sid[LNL_SID_LEN])
{
	static const uint8_t zero[LNL_SID_LEN];

	return memcmp(sid, zero, LNL_SID_LEN) == 0;
}

/* What costs nothing to see. */
static enum lnl_drop check_head(const struct lnl_admission *a, const uint8_t *data, size_t len,
				bool stream)
{
	unsigned op = len > 0 ? lnl_op_of(data[0]) : 0;
	bool reset = op == LNL_OP_HARD_RESET_CLIENT_V2 || op == LNL_OP_HARD_RESET_CLIENT_V3;

	if (len < 1 + LNL_SID_LEN)
		return LNL_DROP_SHORT;
	if (len > LNL_WRAP_PACKET_MAX + LNL_WKC_MAX)
		return LNL_DROP_LONG;
	if (lnl_op_is_data(op))
		return LNL_DROP_PEER;
	if (!reset && (stream || (op != LNL_OP_CONTROL_V1 && op != LNL_OP_CONTROL_WKC_V1 &&
				  op != LNL_OP_ACK_V1)))
		return LNL_DROP_OPCODE;
	if (carries_wkc(op) ? !a->v2_hmac : a->conf.v2_only)
		return LNL_DROP_OPCODE;
	if (lnl_key_id_of(data[0]) != 0)
		return LNL_DROP_KEY_ID;
	return is_zero(data + 1) ? LNL_DROP_SESSION : LNL_DROP_NONE;
}

/* Opens the wrapping. |v| is then to be left, whatever comes of it. */
static enum lnl_drop enter(struct lnl_admission *a, struct visitor *v, const uint8_t *data,
			   size_t len, bool stream, struct lnl_v2_facts *facts)
{
	enum lnl_drop drop = check_head(a, data, len, stream);
	struct lnl_wrap w;

	lnl_wrap_key_none(&v->own);
	v->data = data;
	v->len = len;
	v->v2 = false;
	v->key = a->conf.wrap;
	if (drop != LNL_DROP_NONE)
		return drop;
	v->v2 = carries_wkc(lnl_op_of(data[0]));
	if (v->v2)
		drop = take_wkc(a, v, facts);
	if (drop != LNL_DROP_NONE)
		return drop;
	lnl_wrap_init(&w, v->key, 0, 0);
	return lnl_wrap_read(&w, &v->c, v->data, v->len, v->scratch, sizeof(v->scratch));
}

static void leave(struct visitor *v)
{
	lnl_wrap_key_deinit(&v->own);
}

static void admit(const struct visitor *v, struct lnl_admitted *out)
{
	out->verdict = LNL_ADMISSION_ADMIT;
	out->len = v->len;
	memcpy(out->client_sid, v->c.sid, LNL_SID_LEN);
	out->has_v2 = v->v2;
}

/* Nobody keeps the key of a client that was not let in. */
static void finish(struct lnl_admitted *out, enum lnl_drop drop)
{
	out->drop = drop;
	if (out->verdict != LNL_ADMISSION_ADMIT)
		lnl_secret_wipe(&out->v2, sizeof(out->v2));
}

/* ---- datagrams ---- */

#define PLACE_LEN 19

/* Family, address and port in a form that is the same whenever they are; false: no address. */
static bool write_place(uint8_t out[PLACE_LEN], const struct lnl_ip *ip, uint16_t port)
{
	memset(out, 0, PLACE_LEN);
	if (ip->family != 4 && ip->family != 6)
		return false;
	out[0] = ip->family;
	memcpy(out + 1, ip->bytes, ip->family == 4 ? 4 : 16);
	out[17] = (uint8_t)(port >> 8);
	out[18] = (uint8_t)port;
	return true;
}

/* The reset of a server that will know its session id again when it comes back. */
static enum lnl_drop answer(struct lnl_admission *a, const struct visitor *v, const uint8_t *place,
			    uint64_t now, uint8_t *reply, size_t cap, struct lnl_admitted *out)
{
	static const uint8_t resend_wkc[] = { 0, 1, 0, 2, 0, 1 };
	const struct lnl_env *env = a->conf.env;
	struct lnl_control c = { .op = LNL_OP_HARD_RESET_SERVER_V2, .n_acks = 1 };
	struct lnl_wrap w;
	int rc;

	rc = lnl_cookie_make(&a->cookie, place, PLACE_LEN, v->c.sid, now, c.sid);
	memcpy(c.peer_sid, v->c.sid, LNL_SID_LEN);
	if (v->v2) {
		c.payload = resend_wkc;
		c.payload_len = sizeof(resend_wkc);
	}
	lnl_wrap_init(&w, v->key, ANSWER_WRAP_ID - 1, (uint32_t)env->wallclock(env->ctx));
	if (rc == 0)
		rc = lnl_wrap_write(&w, &c, reply, cap);
	if (rc < 0)
		return rc == LNL_E_NOMEM ? LNL_DROP_NOMEM : LNL_DROP_NO_KEY;
	out->verdict = LNL_ADMISSION_REPLY;
	out->reply_len = (size_t)rc;
	return LNL_DROP_NONE;
}

/* Whether a tls-crypt-v2 client will send its WKc again when asked. */
static bool knows_cookie(const struct visitor *v)
{
	return v->data[CRYPT_ID_AT] == LNL_WRAP_EARLY_ID >> 24;
}

/* |v| comes back with the cookie: it may have seen our reset, and sent one packet behind its own. */
static enum lnl_drop check_return(struct lnl_admission *a, const struct visitor *v,
				  const uint8_t *place, uint64_t now)
{
	const struct lnl_control *c = &v->c;
	bool reset_acked = false;

	if (c->n_acks == 0)
		return LNL_DROP_SESSION;
	for (unsigned i = 0; i < c->n_acks; i++) {
		if (c->acks[i] > 1)
			return LNL_DROP_WINDOW;
		reset_acked |= c->acks[i] == 0;
	}
	if (!reset_acked || c->id > 1)
		return LNL_DROP_WINDOW;
	return lnl_cookie_check(&a->cookie, place, PLACE_LEN, c->sid, c->peer_sid, now)
		       ? LNL_DROP_NONE
		       : LNL_DROP_SESSION;
}

static enum lnl_drop judge(struct lnl_admission *a, const struct visitor *v,
			   const struct lnl_ip *ip, uint16_t port, uint64_t now, uint8_t *reply,
			   size_t cap, struct lnl_admitted *out)
{
	bool stateless = !v->v2 || knows_cookie(v);
	uint8_t place[PLACE_LEN];
	enum lnl_drop drop;

	if (!write_place(place, ip, port))
		return LNL_DROP_ADDRESS;
	if (!lnl_op_is_hard_reset(v->c.op)) {
		drop = check_return(a, v, place, now);
		if (drop != LNL_DROP_NONE)
			return drop;
		admit(v, out);
		out->resume = true;
		out->wrap_id = ANSWER_WRAP_ID;
		memcpy(out->server_sid, v->c.peer_sid, LNL_SID_LEN);
		return LNL_DROP_NONE;
	}
	if (!stateless && a->conf.v2_force_cookie)
		return LNL_DROP_STATE;
	if (lnl_limiter_take(a->limiter, ip, now) != LNL_LIMIT_PASS)
		return LNL_DROP_RATE;
	if (stateless)
		return answer(a, v, place, now, reply, cap, out);
	admit(v, out);
	return LNL_DROP_NONE;
}

void lnl_admission_datagram(struct lnl_admission *a, const struct lnl_ip *ip, uint16_t port,
			    const uint8_t *data, size_t len, uint8_t *reply, size_t cap,
			    uint64_t now, struct lnl_admitted *out)
{
	enum lnl_drop drop;
	struct visitor v;

	memset(out, 0, sizeof(*out));
	drop = enter(a, &v, data, len, false, &out->v2);
	if (drop == LNL_DROP_NONE)
		drop = judge(a, &v, ip, port, now, reply, cap, out);
	leave(&v);
	finish(out, drop);
}

void lnl_admission_honest(struct lnl_admission *a, const struct lnl_ip *ip, uint64_t at,
			  uint64_t now)
{
	lnl_limiter_give_back(a->limiter, ip, at, now);
}

void lnl_admission_stream(struct lnl_admission *a, const uint8_t *data, size_t len, uint64_t now,
			  struct lnl_admitted *out)
{
	enum lnl_drop drop;
	struct visitor v;

	(void)now;
	memset(out, 0, sizeof(*out));
	drop = enter(a, &v, data, len, true, &out->v2);
	if (drop == LNL_DROP_NONE)
		admit(&v, out);
	leave(&v);
	finish(out, drop);
}
