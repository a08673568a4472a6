/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/session.h"

#include <string.h>

#include "control/negotiation.h"

/* IPv6 and UDP headers, which max-packet-size counts. */
#define OUTER_HEADERS 48
/* Texts that wait for a renegotiation, all together. */
#define HELD_MAX (8 * LNL_CONTROL_TEXT_MAX)
/* Between attempts to begin a renegotiation for which there is no memory. */
#define RETRY_INTERVAL LNL_SECOND

/* How key ids above 0 are wrapped once dyn-tls-crypt is agreed. */
struct dyn_wrap {
	struct lnl_wrap wrap;
	struct lnl_wrap_key key;
};

struct lnl_session {
	const struct lnl_session_conf *conf;
	uint8_t sid[LNL_SID_LEN];
	uint8_t peer_sid[LNL_SID_LEN];
	bool has_peer;
	bool tell_renegotiating, by_peer;
	uint64_t reneg_early;	/* how much of the interval this session does without */
	uint64_t peer_again_at; /* the peer may renegotiate again then */
	uint64_t retry_at;	/* a renegotiation that was due could not begin; 0: none */
	struct lnl_wrap wrap;
	struct dyn_wrap *dyn;		 /* NULL: not agreed */
	struct lnl_negotiation *primary; /* the newest */
	struct lnl_negotiation *lame;	 /* the one before, until its traffic has ended */
	struct lnl_negotiation *took;	 /* whose plaintext the last event showed */
	char *held;			 /* texts for the renegotiation's end, each with its NUL */
	size_t held_len;
};

static bool all_zero(const uint8_t *p, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void free_negotiation(struct lnl_session *s, struct lnl_negotiation **n)
{
	if (!*n)
		return;
	if (s->took == *n)
		s->took = NULL;
	lnl_negotiation_deinit(*n);
	lnl_secret_wipe(*n, sizeof(**n));
	lnl_release(s->conf->env, *n);
	*n = NULL;
}

static int start_negotiation(struct lnl_session *s, uint8_t key_id, uint8_t op, uint64_t now)
{
	struct lnl_negotiation *n = lnl_alloc(s->conf->env, sizeof(*n));
	int rc;

	if (!n)
		return LNL_E_NOMEM;
	rc = lnl_negotiation_init(n, s->conf, key_id, op, now);
	if (rc < 0) {
		free_negotiation(s, &n);
		return rc;
	}
	if (s->primary)
		n->rel.rtt = s->primary->rel.rtt;
	free_negotiation(s, &s->lame);
	s->lame = s->primary;
	s->primary = n;
	return 0;
}

/* A session that sends its packets behind |wrap_id|; without a session id and a negotiation. */
static struct lnl_session *create(const struct lnl_session_conf *conf, uint32_t wrap_id)
{
	struct lnl_session *s = lnl_alloc(conf->env, sizeof(*s));

	if (!s)
		return NULL;
	s->conf = conf;
	lnl_wrap_init(&s->wrap, conf->wrap, wrap_id,
		      (uint32_t)conf->env->wallclock(conf->env->ctx));
	return s;
}

static int draw_interval(struct lnl_session *s)
{
	uint64_t spread = s->conf->reneg_spread, drawn;
	int rc;

	if (!s->conf->reneg_interval || spread == 0)
		return 0;
	rc = s->conf->env->random(s->conf->env->ctx, (uint8_t *)&drawn, sizeof(drawn));
	if (rc == 0)
		s->reneg_early = drawn % (spread + 1);
	return rc;
}

int lnl_session_new(struct lnl_session **out, const struct lnl_session_conf *conf, uint64_t now)
{
	struct lnl_session *s = create(conf, conf->wkc && !conf->server ? LNL_WRAP_EARLY_ID : 0);
	int rc = 0;

	*out = NULL;
	if (!s)
		return LNL_E_NOMEM;
	while (rc == 0 && all_zero(s->sid, sizeof(s->sid)))
		rc = conf->env->random(conf->env->ctx, s->sid, sizeof(s->sid));
	if (rc == 0)
		rc = draw_interval(s);
	if (rc == 0 && !conf->server)
		rc = start_negotiation(s, 0,
				       conf->wkc ? LNL_OP_HARD_RESET_CLIENT_V3
						 : LNL_OP_HARD_RESET_CLIENT_V2,
				       now);
	if (rc < 0) {
		lnl_session_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int lnl_session_resume(struct lnl_session **out, const struct lnl_session_conf *conf,
		       const uint8_t sid[LNL_SID_LEN], const uint8_t peer_sid[LNL_SID_LEN],
		       uint32_t wrap_id, uint64_t now)
{
	struct lnl_session *s = create(conf, wrap_id);
	int rc;

	*out = NULL;
	if (!s)
		return LNL_E_NOMEM;
	memcpy(s->sid, sid, LNL_SID_LEN);
	memcpy(s->peer_sid, peer_sid, LNL_SID_LEN);
	s->has_peer = true;
	rc = draw_interval(s);
	if (rc == 0)
		rc = start_negotiation(s, 0, LNL_NEG_RESUMED, now);
	if (rc < 0) {
		lnl_session_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

static void free_dyn(struct lnl_session *s, struct dyn_wrap *d)
{
	if (!d)
		return;
	lnl_wrap_key_deinit(&d->key);
	lnl_secret_wipe(d, sizeof(*d));
	lnl_release(s->conf->env, d);
}

static void free_held(struct lnl_session *s)
{
	if (s->held)
		lnl_secret_wipe(s->held, s->held_len);
	lnl_release(s->conf->env, s->held);
	s->held = NULL;
	s->held_len = 0;
}

void lnl_session_free(struct lnl_session *s)
{
	const struct lnl_env *env;

	if (!s)
		return;
	env = s->conf->env;
	free_negotiation(s, &s->primary);
	free_negotiation(s, &s->lame);
	free_held(s);
	free_dyn(s, s->dyn);
	lnl_secret_wipe(s, sizeof(*s));
	lnl_release(env, s);
}

/* Which wrapping packets of |key_id| have. */
static struct lnl_wrap *wrap_of(struct lnl_session *s, uint8_t key_id)
{
	return s->dyn && key_id > 0 ? &s->dyn->wrap : &s->wrap;
}

static struct lnl_negotiation *find(const struct lnl_session *s, uint8_t key_id)
{
	if (s->primary && s->primary->key_id == key_id)
		return s->primary;
	if (s->lame && s->lame->key_id == key_id)
		return s->lame;
	return NULL;
}

/* Key ids go 0, 1..7, 1..7: 0 marks a session's first (PROTOCOL 1.1). */
static uint8_t next_key_id(const struct lnl_negotiation *n)
{
	return (uint8_t)(n->key_id == 7 ? 1 : n->key_id + 1);
}

/*
 * Payload that one control packet of |key_id| has room for, with all the acks that may ride
 * along.
 */
static size_t payload_room(struct lnl_session *s, uint8_t key_id)
{
	size_t overhead = lnl_wrap_overhead(wrap_of(s, key_id)->key) +
			  lnl_control_body_len(LNL_OP_CONTROL_V1, LNL_ACKS_CONTROL) + OUTER_HEADERS;

	return s->conf->max_packet > overhead + 64 ? s->conf->max_packet - overhead : 64;
}

/* The texts that waited for |n|, each as a TLS record of its own. */
static void send_held(struct lnl_session *s, struct lnl_negotiation *n)
{
	size_t at, len;
	int rc = 0;

	for (at = 0; rc == 0 && at < s->held_len; at += len) {
		len = strlen(s->held + at) + 1;
		rc = lnl_tls_write(n->tls, s->held + at, len);
	}
	if (rc < 0)
		lnl_negotiation_fail(n, rc, lnl_error_text(rc));
	free_held(s);
}

static void advance(struct lnl_session *s, struct lnl_negotiation *n, uint64_t now)
{
	size_t room = payload_room(s, n->key_id);

	lnl_negotiation_advance(n, room, now);
	if (s->held && n == s->primary && n->step == LNL_NEG_DONE) {
		send_held(s, n);
		lnl_negotiation_advance(n, room, now);
	}
}

/* A renegotiation may begin once the one before is complete and its keys were drawn. */
static bool can_renegotiate(const struct lnl_session *s)
{
	return s->primary && s->primary->step == LNL_NEG_DONE && s->primary->derived;
}

static enum lnl_drop accept_reset(struct lnl_session *s, const struct lnl_control *c, uint64_t now)
{
	if (c->op == LNL_OP_SOFT_RESET_V1) {
		if (find(s, c->key_id))
			return LNL_DROP_NONE;
		if (!can_renegotiate(s) || c->key_id != next_key_id(s->primary))
			return LNL_DROP_STATE;
		if (now < s->peer_again_at)
			return LNL_DROP_RATE;
		if (start_negotiation(s, c->key_id, LNL_OP_SOFT_RESET_V1, now) < 0)
			return LNL_DROP_NOMEM;
		s->peer_again_at = now + s->conf->peer_interval;
		s->tell_renegotiating = s->by_peer = true;
		return LNL_DROP_NONE;
	}
	if (s->conf->server != (c->op != LNL_OP_HARD_RESET_SERVER_V2) || c->key_id != 0)
		return LNL_DROP_OPCODE;
	if (s->has_peer)
		return LNL_DROP_NONE;
	if (all_zero(c->sid, LNL_SID_LEN))
		return LNL_DROP_SESSION;
	/* A server's answer has to name our session: else anybody could answer for it. */
	if (!s->conf->server && c->n_acks == 0)
		return LNL_DROP_SESSION;
	if (s->conf->server && start_negotiation(s, 0, LNL_OP_HARD_RESET_SERVER_V2, now) < 0)
		return LNL_DROP_NOMEM;
	memcpy(s->peer_sid, c->sid, LNL_SID_LEN);
	s->has_peer = true;
	return LNL_DROP_NONE;
}

static enum lnl_drop check_ids(const struct lnl_session *s, const struct lnl_control *c)
{
	if (s->has_peer ? memcmp(c->sid, s->peer_sid, LNL_SID_LEN) != 0
			: !lnl_op_is_hard_reset(c->op))
		return LNL_DROP_SESSION;
	if (c->n_acks > 0 && memcmp(c->peer_sid, s->sid, LNL_SID_LEN) != 0)
		return LNL_DROP_SESSION;
	return LNL_DROP_NONE;
}

static void show_packet(const struct lnl_session *s, bool out, const struct lnl_control *c,
			enum lnl_drop drop)
{
	const struct lnl_session_tap *tap = s->conf->tap;

	if (tap)
		tap->packet(tap->ctx, out, c, drop);
}

enum lnl_drop lnl_session_input(struct lnl_session *s, const uint8_t *data, size_t len,
				uint64_t now)
{
	uint8_t scratch[LNL_SESSION_PACKET_MAX + LNL_WKC_MAX];
	struct lnl_negotiation *n;
	struct lnl_control c;
	enum lnl_drop drop;
	unsigned i;
	int rc;

	if (len == 0)
		return LNL_DROP_SHORT;
	drop = lnl_wrap_read(wrap_of(s, (uint8_t)lnl_key_id_of(data[0])), &c, data, len, scratch,
			     sizeof(scratch));
	if (drop != LNL_DROP_NONE)
		return drop;
	drop = check_ids(s, &c);
	show_packet(s, false, &c, drop);
	if (drop == LNL_DROP_NONE && (lnl_op_is_hard_reset(c.op) || c.op == LNL_OP_SOFT_RESET_V1))
		drop = accept_reset(s, &c, now);
	if (drop != LNL_DROP_NONE)
		return drop;
	n = find(s, c.key_id);
	if (!n)
		return LNL_DROP_KEY_ID;
	for (i = 0; i < c.n_acks; i++)
		lnl_reliable_acked(&n->rel, c.acks[i], now);
	if (c.op != LNL_OP_ACK_V1) {
		rc = lnl_reliable_receive(&n->rel, c.op, c.id, c.payload, c.payload_len);
		if (rc < 0)
			drop = rc == LNL_E_NOMEM ? LNL_DROP_NOMEM : LNL_DROP_WINDOW;
	}
	advance(s, n, now);
	return drop;
}

/* ---- output ---- */

static size_t write_packet(struct lnl_session *s, struct lnl_negotiation *n,
			   const struct lnl_reliable_sent *p, uint8_t *out, size_t cap)
{
	struct lnl_wrap *w = wrap_of(s, n->key_id);
	struct lnl_control c = { .key_id = n->key_id };
	/* SoftEther drops packets with more than four acks; it speaks no wrapping. */
	unsigned max = p || w->key->mode == LNL_WRAP_NONE ? LNL_ACKS_CONTROL : LNL_ACKS_MAX;
	int len;

	memcpy(c.sid, s->sid, LNL_SID_LEN);
	memcpy(c.peer_sid, s->peer_sid, LNL_SID_LEN);
	c.op = p ? p->op : LNL_OP_ACK_V1;
	if (s->has_peer)
		c.n_acks = (uint8_t)lnl_reliable_take_acks(&n->rel, c.acks, max, p != NULL);
	if (p) {
		c.id = p->id;
		c.payload = p->data;
		c.payload_len = p->len;
	}
	show_packet(s, true, &c, LNL_DROP_NONE);
	len = lnl_wrap_write(w, &c, out, cap);
	if (len < 0) {
		lnl_negotiation_fail(n, len, "a control packet cannot be wrapped");
		return 0;
	}
	if (c.op == LNL_OP_HARD_RESET_CLIENT_V3 || c.op == LNL_OP_CONTROL_WKC_V1) {
		if (cap - (size_t)len < s->conf->wkc_len)
			return 0;
		memcpy(out + len, s->conf->wkc, s->conf->wkc_len);
		len += (int)s->conf->wkc_len;
	}
	return (size_t)len;
}

static size_t output_of(struct lnl_session *s, struct lnl_negotiation *n, uint8_t *out, size_t cap,
			uint64_t now)
{
	const struct lnl_reliable_sent *p;

	if (!n)
		return 0;
	p = lnl_reliable_due(&n->rel, now);
	if (p)
		return write_packet(s, n, p, out, cap);
	/*
	 * The packet that brings the WKc back must not be overtaken by a bare ack (PROTOCOL
	 * 1.5).
	 */
	if (n->wkc_wanted && n->rel.next_send == 1)
		return 0;
	return lnl_reliable_has_acks(&n->rel) ? write_packet(s, n, NULL, out, cap) : 0;
}

size_t lnl_session_output(struct lnl_session *s, uint8_t *out, size_t cap, uint64_t now)
{
	size_t len = output_of(s, s->primary, out, cap, now);

	return len ? len : output_of(s, s->lame, out, cap, now);
}

/* ---- time ---- */

uint64_t lnl_session_rtt(const struct lnl_session *s)
{
	return s->primary ? s->primary->rel.rtt : 0;
}

uint64_t lnl_session_reneg_interval(const struct lnl_session *s)
{
	return s->conf->reneg_interval - (s->conf->reneg_interval ? s->reneg_early : 0);
}

static uint64_t reneg_due(const struct lnl_session *s)
{
	if (!s->conf->reneg_interval || !can_renegotiate(s))
		return LNL_NEVER;
	return s->retry_at ? s->retry_at : s->primary->done_at + lnl_session_reneg_interval(s);
}

static uint64_t lame_due(const struct lnl_session *s)
{
	if (!s->lame || s->primary->step != LNL_NEG_DONE)
		return LNL_NEVER;
	return s->primary->done_at + s->conf->hand_window;
}

/*
 * A server says nothing to who fails its checks: how far it went is all there is to tell the cause.
 */
static const char *timeout_text(const struct lnl_session *s)
{
	const struct lnl_negotiation *n = s->primary;

	if (!s->has_peer)
		return "no answer from the server";
	if (s->conf->server || n->key_id > 0)
		return "the key negotiation did not end within its hand-window";
	if (n->step == LNL_NEG_RECORD)
		return "the server went silent after our certificate: it may refuse it (another CA, "
		       "expired, revoked); the server's log should say";
	if (n->step == LNL_NEG_TLS && n->rel.next_recv <= 1)
		return "the server does not answer to TLS: it may allow neither our TLS version nor "
		       "our ciphers (tls-version-min, tls-cipher); the server's log should say";
	return "the TLS handshake did not end within its hand-window: the server may refuse our "
	       "certificate, or packets get lost on the way";
}

void lnl_session_tick(struct lnl_session *s, uint64_t now)
{
	if (s->primary && now >= s->primary->deadline)
		lnl_negotiation_fail(s->primary, LNL_E_TIMEOUT, timeout_text(s));
	if (now >= lame_due(s))
		free_negotiation(s, &s->lame);
	if (now >= reneg_due(s))
		s->retry_at = lnl_session_renegotiate(s, now) < 0 ? now + RETRY_INTERVAL : 0;
}

uint64_t lnl_session_next_due(const struct lnl_session *s)
{
	uint64_t due = lnl_earlier(reneg_due(s), lame_due(s));

	if (s->primary) {
		due = lnl_earlier(due, s->primary->deadline);
		if (s->primary->step != LNL_NEG_FAILED)
			due = lnl_earlier(due, lnl_reliable_next_due(&s->primary->rel));
	}
	if (s->lame)
		due = lnl_earlier(due, lnl_reliable_next_due(&s->lame->rel));
	return due;
}

/* ---- events ---- */

/* The next text in a negotiation's plaintext: texts end with NUL, or with their TLS record. */
static bool next_text(struct lnl_session *s, struct lnl_negotiation *n, struct lnl_session_event *e)
{
	uint8_t *start, *end;

	if (!n || n->step != LNL_NEG_DONE)
		return false;
	while (lnl_negotiation_read(n)) {
		start = n->plain + n->plain_at;
		end = memchr(start, 0, n->plain_len - n->plain_at);
		if (!end)
			end = n->plain + n->plain_len;
		n->plain_at = (size_t)(end - n->plain) + 1;
		if (n->plain_at >= n->plain_len)
			s->took = n;
		if (end > start) {
			e->kind = LNL_SESSION_TEXT;
			*end = 0; /* there is one byte more than was read */
			e->text = (const char *)start;
			e->text_len = (size_t)(end - start);
			if (s->conf->tap)
				s->conf->tap->text(s->conf->tap->ctx, false, e->text, e->text_len);
			return true;
		}
		if (s->took == n) {
			lnl_negotiation_took(n);
			s->took = NULL;
		}
	}
	return false;
}

static bool next_of(struct lnl_session *s, struct lnl_negotiation *n, struct lnl_session_event *e,
		    uint64_t now)
{
	if (!n)
		return false;
	e->key_id = n->key_id;
	if (n->tell_verify) {
		n->tell_verify = false;
		e->kind = LNL_SESSION_VERIFY;
		return true;
	}
	if (n->tell_record && lnl_negotiation_read_record(n, &e->km2, now) == 0) {
		s->took = n;
		e->kind = LNL_SESSION_RECORD;
		return true;
	}
	if (n->tell_negotiated) {
		n->tell_negotiated = false;
		if (s->held)
			advance(s, n, now); /* a client's is complete by the record it has read */
		e->kind = LNL_SESSION_NEGOTIATED;
		return true;
	}
	if (n->tell_failed) {
		n->tell_failed = false;
		e->kind = LNL_SESSION_FAILED;
		e->error = n->error;
		e->text = n->why ? n->why : lnl_error_text(n->error);
		e->text_len = strlen(e->text);
		return true;
	}
	return next_text(s, n, e);
}

bool lnl_session_next(struct lnl_session *s, struct lnl_session_event *e, uint64_t now)
{
	memset(e, 0, sizeof(*e));
	if (s->took) {
		lnl_negotiation_took(s->took);
		s->took = NULL;
	}
	if (s->tell_renegotiating) {
		s->tell_renegotiating = false;
		e->kind = LNL_SESSION_RENEGOTIATING;
		e->key_id = s->primary->key_id;
		e->by_peer = s->by_peer;
		return true;
	}
	if (next_of(s, s->primary, e, now))
		return true;
	/* The one before has done its work: its end is nobody's concern. */
	if (s->lame && s->lame->step == LNL_NEG_FAILED)
		free_negotiation(s, &s->lame);
	return next_of(s, s->lame, e, now);
}

/* ---- the owner's part ---- */

struct lnl_tls *lnl_session_tls(struct lnl_session *s, uint8_t key_id)
{
	struct lnl_negotiation *n = find(s, key_id);

	return n ? n->tls : NULL;
}

int lnl_session_verified(struct lnl_session *s, uint8_t key_id, const struct lnl_km2 *km2,
			 uint64_t now)
{
	struct lnl_negotiation *n = find(s, key_id);
	int rc = 0;

	if (!n || n->step != LNL_NEG_VERIFY)
		return LNL_E_STATE;
	n->tell_verify = false;
	if (s->conf->server) {
		n->step = LNL_NEG_RECORD;
	} else {
		lnl_tls_chain_drop(n->tls);
		rc = lnl_negotiation_send_record(n, km2, now);
	}
	if (rc == 0)
		advance(s, n, now);
	return rc;
}

int lnl_session_send_record(struct lnl_session *s, uint8_t key_id, const struct lnl_km2 *km2,
			    uint64_t now)
{
	struct lnl_negotiation *n = find(s, key_id);
	int rc;

	if (!n || !s->conf->server)
		return LNL_E_STATE;
	rc = lnl_negotiation_send_record(n, km2, now);
	if (rc == 0)
		advance(s, n, now);
	return n->step == LNL_NEG_FAILED ? n->error : rc;
}

int lnl_session_derive(struct lnl_session *s, uint8_t key_id, bool ekm,
		       struct lnl_direction_key *send, struct lnl_direction_key *recv)
{
	struct lnl_negotiation *n = find(s, key_id);
	bool server = s->conf->server;
	uint8_t block[LNL_KEYS_LEN];
	int rc;

	if (!n || n->step != LNL_NEG_DONE || !n->keys)
		return LNL_E_STATE;
	if (ekm)
		rc = lnl_tls_export(n->tls, LNL_LABEL_DATA_KEYS, block, sizeof(block));
	else
		rc = lnl_keys_prf(block, &n->keys->client, &n->keys->server,
				  server ? s->peer_sid : s->sid, server ? s->sid : s->peer_sid);
	if (rc == 0) {
		lnl_keys_split(block, !server, send, recv);
		lnl_secret_wipe(n->keys, sizeof(*n->keys));
		lnl_release(s->conf->env, n->keys);
		n->keys = NULL;
		n->derived = true;
		lnl_tls_exported(n->tls);
	}
	lnl_secret_wipe(block, sizeof(block));
	return rc;
}

int lnl_session_dyn_crypt(struct lnl_session *s, uint8_t key_id)
{
	struct lnl_negotiation *n = find(s, key_id);
	struct lnl_static_key key;
	struct dyn_wrap *d;
	size_t i;
	int rc;

	if (!n || n->step != LNL_NEG_DONE || s->dyn)
		return LNL_E_STATE;
	d = lnl_alloc(s->conf->env, sizeof(*d));
	if (!d)
		return LNL_E_NOMEM;
	rc = lnl_tls_export(n->tls, LNL_LABEL_DYN_CRYPT, key.bytes, sizeof(key.bytes));
	if (rc == 0) {
		for (i = 0; s->conf->wrap_raw && i < sizeof(key.bytes); i++)
			key.bytes[i] ^= s->conf->wrap_raw->bytes[i];
		rc = lnl_wrap_key_crypt(&d->key, s->conf->env, &key, s->conf->server);
	}
	lnl_secret_wipe(&key, sizeof(key));
	if (rc < 0) {
		free_dyn(s, d);
		return rc;
	}
	lnl_wrap_init(&d->wrap, &d->key, 0, (uint32_t)s->conf->env->wallclock(s->conf->env->ctx));
	s->dyn = d;
	return 0;
}

static int hold(struct lnl_session *s, const char *text, size_t len)
{
	char *all;

	if (s->held_len + len > HELD_MAX)
		return LNL_E_LIMIT;
	all = lnl_alloc(s->conf->env, s->held_len + len);
	if (!all)
		return LNL_E_NOMEM;
	if (s->held)
		memcpy(all, s->held, s->held_len);
	memcpy(all + s->held_len, text, len);
	len += s->held_len;
	free_held(s);
	s->held = all;
	s->held_len = len;
	return 0;
}

/* Negotiating again, and not yet through. */
static bool is_renegotiating(const struct lnl_session *s)
{
	return s->primary && s->lame && s->primary->step != LNL_NEG_DONE &&
	       s->primary->step != LNL_NEG_FAILED;
}

int lnl_session_send_text(struct lnl_session *s, const char *text, uint64_t now)
{
	struct lnl_negotiation *n = s->primary;
	size_t len = strlen(text) + 1;
	int rc;

	if (len > LNL_CONTROL_TEXT_MAX)
		return LNL_E_INVAL;
	if (s->conf->tap)
		s->conf->tap->text(s->conf->tap->ctx, true, text, len - 1);
	/* OpenVPN hears control messages of its newest key state alone. */
	if (is_renegotiating(s))
		return hold(s, text, len);
	if (!n || n->step != LNL_NEG_DONE)
		return LNL_E_STATE;
	rc = lnl_tls_write(n->tls, text, len);
	if (rc == 0)
		advance(s, n, now);
	return rc;
}

int lnl_session_renegotiate(struct lnl_session *s, uint64_t now)
{
	int rc;

	if (!can_renegotiate(s))
		return 0;
	rc = start_negotiation(s, next_key_id(s->primary), LNL_OP_SOFT_RESET_V1, now);
	if (rc == 0) {
		s->tell_renegotiating = true;
		s->by_peer = false;
	}
	return rc;
}

void lnl_session_moved(struct lnl_session *s, uint64_t now)
{
	if (s->primary && s->primary->step != LNL_NEG_FAILED)
		lnl_reliable_resend(&s->primary->rel, now);
	if (s->lame)
		lnl_reliable_resend(&s->lame->rel, now);
}

void lnl_session_extend(struct lnl_session *s, uint8_t key_id, uint64_t deadline)
{
	struct lnl_negotiation *n = find(s, key_id);

	if (n && n->deadline != LNL_NEVER && deadline > n->deadline)
		n->deadline = deadline;
}

bool lnl_session_idle(const struct lnl_session *s)
{
	const struct lnl_negotiation *n = s->primary;

	if (s->held || (n && !lnl_reliable_idle(&n->rel)))
		return false;
	/* Who has completed a newer one may have left the one before with packets unacknowledged. */
	return !s->lame || n->step == LNL_NEG_DONE || lnl_reliable_idle(&s->lame->rel);
}

bool lnl_session_has_peer(const struct lnl_session *s)
{
	return s->has_peer;
}
