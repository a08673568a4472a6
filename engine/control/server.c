/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/server.h"

#include <string.h>

#include "control/server_state.h"

/* A text that ends the connection is repeated so long, and retransmitted goodbyes absorbed. */
#define LINGER (5 * LNL_SECOND)
/* With so many events waiting, the session's have to wait. */
#define EVENTS_ENOUGH 4

char *lnl_server_copy(struct lnl_server *s, const char *text, size_t len, bool clean)
{
	char *copy = lnl_alloc(s->env, len + 1);

	if (!copy)
		return NULL;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		copy[i] = clean && (c < 0x20 || c == 0x7f) ? '_' : text[i];
	}
	return copy;
}

void lnl_server_drop(struct lnl_server *s, char **text)
{
	if (*text)
		lnl_secret_wipe(*text, strlen(*text));
	lnl_release(s->env, *text);
	*text = NULL;
}

struct lnl_server_note *lnl_server_emit(struct lnl_server *s, enum lnl_server_event_kind kind,
					const char *text)
{
	unsigned i = (s->first_event + s->n_events) % LNL_SERVER_EVENTS;
	struct lnl_server_note *e = &s->events[i];
	char *copy = NULL;

	if (s->phase == LNL_PHASE_CLOSED && kind != LNL_SERVER_CLOSED)
		return NULL;
	if (kind != LNL_SERVER_CLOSED) {
		/* One place is kept for the last word. */
		if (s->n_events == LNL_SERVER_EVENTS - 1) {
			lnl_server_end_with(s, LNL_CAUSE_INTERNAL, "too many events at once");
			return NULL;
		}
		if (text && !(copy = lnl_server_copy(s, text, strlen(text), false))) {
			lnl_server_end_with(s, LNL_CAUSE_INTERNAL, lnl_error_text(LNL_E_NOMEM));
			return NULL;
		}
	}
	s->n_events++;
	memset(e, 0, sizeof(*e));
	e->kind = (uint8_t)kind;
	e->phase = (uint8_t)s->phase;
	e->text = copy;
	return e;
}

void lnl_server_end_with(struct lnl_server *s, enum lnl_cause cause, const char *why)
{
	enum lnl_phase phase = s->phase;
	struct lnl_server_note *e;

	if (s->phase == LNL_PHASE_CLOSED)
		return;
	/* Whatever came of it: it is over because that was wanted. */
	if (s->closing != LNL_CAUSE_NONE) {
		cause = s->closing;
		why = NULL;
	} else {
		lnl_server_drop(s, &s->why);
		s->why = why ? lnl_server_copy(s, why, strlen(why), true) : NULL;
	}
	lnl_server_forget_login(s);
	s->verify_waits = s->authorize_waits = false;
	s->phase = LNL_PHASE_CLOSED;
	e = lnl_server_emit(s, LNL_SERVER_CLOSED, NULL);
	e->cause = (uint8_t)cause;
	e->phase = (uint8_t)phase;
	e->text = s->why;
	s->why = NULL;
}

/* Goes on as a connection that only waits for its end to be acknowledged. */
static void start_closing(struct lnl_server *s, enum lnl_cause cause, const char *why, uint64_t now)
{
	lnl_server_drop(s, &s->why);
	s->why = why ? lnl_server_copy(s, why, strlen(why), true) : NULL;
	lnl_server_forget_login(s);
	s->verify_waits = s->authorize_waits = s->replying = false;
	s->record_at = LNL_NEVER;
	s->closing = cause;
	s->close_at = now + LINGER;
}

void lnl_server_end_after(struct lnl_server *s, enum lnl_cause cause, const char *text,
			  const char *why, uint64_t now)
{
	bool verifying = s->verify_waits;

	if (s->phase == LNL_PHASE_CLOSED || s->closing != LNL_CAUSE_NONE)
		return;
	/* Who has no record of ours does not hear: it completes the negotiation, and makes no key. */
	if (text && s->record_at != LNL_NEVER)
		lnl_server_give_record(s, now);
	if (s->phase == LNL_PHASE_CLOSED)
		return;
	start_closing(s, cause, why, now);
	if (!text || lnl_session_send_text(s->session, text, now) < 0) {
		lnl_server_end_with(s, cause, NULL);
		return;
	}
	s->last_text = lnl_server_copy(s, text, strlen(text), false);
	/* The text waits for the renegotiation, and that for a word that nobody gives any more. */
	if (verifying)
		lnl_server_finish_verify(s, s->key_id, now);
}

/* Nothing is sent any more to who is gone or has no right to it. */
static void stop_packets(struct lnl_server *s)
{
	for (unsigned i = 0; s->phase == LNL_PHASE_UP && i < 2; i++) {
		struct lnl_server_note *e = lnl_server_emit(s, LNL_SERVER_KEY_DEL, NULL);

		if (e)
			e->slot = i ? LNL_SLOT_SECONDARY : LNL_SLOT_PRIMARY;
	}
}

void lnl_server_linger(struct lnl_server *s, enum lnl_cause cause, const char *why, uint64_t now)
{
	stop_packets(s);
	start_closing(s, cause, why, now);
	s->lingers = !s->session_conf.tcp;
}

void lnl_server_refuse(struct lnl_server *s, enum lnl_cause cause, const char *text,
		       const char *why, uint64_t now)
{
	char message[LNL_CONTROL_TEXT_MAX];
	struct lnl_writer w;
	size_t i, len = strlen(text), most = sizeof(message) - sizeof("AUTH_FAILED,");

	lnl_writer_init(&w, message, sizeof(message));
	lnl_write_str(&w, "AUTH_FAILED");
	if (len > 0)
		lnl_write_u8(&w, ',');
	for (i = 0; i < len && i < most; i++) {
		unsigned char c = (unsigned char)text[i];

		lnl_write_u8(&w, c < 0x20 || c == 0x7f ? '?' : c);
	}
	lnl_write_u8(&w, 0);
	stop_packets(s);
	lnl_server_end_after(s, cause, message, why, now);
	lnl_secret_wipe(message, sizeof(message));
}

/* ---- beginning and end ---- */

static int make_wrap(struct lnl_server *s, const struct lnl_v2_facts *v2)
{
	s->wrap = lnl_alloc(s->env, sizeof(*s->wrap));
	if (!s->wrap)
		return LNL_E_NOMEM;
	s->wrap->raw = v2->kc;
	s->session_conf.wrap = &s->wrap->key;
	s->session_conf.wrap_raw = &s->wrap->raw;
	return lnl_wrap_key_crypt(&s->wrap->key, s->env, &s->wrap->raw, true);
}

int lnl_server_new(struct lnl_server **out, const struct lnl_server_conf *conf,
		   const struct lnl_server_start *start, uint64_t now)
{
	const struct lnl_admitted *a = start->admitted;
	struct lnl_server *s = lnl_alloc(conf->session.env, sizeof(*s));
	int rc = 0;

	*out = NULL;
	if (!s)
		return LNL_E_NOMEM;
	s->conf = conf;
	s->env = conf->session.env;
	s->log = conf->session.log;
	s->session_conf = conf->session;
	s->session_conf.server = true;
	s->session_conf.tcp = start->tcp;
	s->peer = start->peer;
	s->ipv6 = start->ipv6;
	s->deadline = now + conf->session.hand_window;
	s->swap_at = s->ends_at = s->close_at = s->record_at = LNL_NEVER;
	lnl_server_forget_login(s);
	if (a->has_v2)
		rc = make_wrap(s, &a->v2);
	if (rc == 0)
		rc = a->resume ? lnl_session_resume(&s->session, &s->session_conf, a->server_sid,
						    a->client_sid, a->wrap_id, now)
			       : lnl_session_new(&s->session, &s->session_conf, now);
	if (rc < 0) {
		lnl_server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void lnl_server_watch(struct lnl_server *s, const struct lnl_session_tap *tap)
{
	s->session_conf.tap = tap;
}

const struct lnl_session_tap *lnl_server_watched(const struct lnl_server *s)
{
	return s ? s->session_conf.tap : NULL;
}

void lnl_server_free(struct lnl_server *s)
{
	const struct lnl_env *env;

	if (!s)
		return;
	env = s->env;
	lnl_server_forget_login(s);
	lnl_session_free(s->session);
	lnl_acc_free(s->acc);
	if (s->wrap) {
		lnl_wrap_key_deinit(&s->wrap->key);
		lnl_secret_wipe(s->wrap, sizeof(*s->wrap));
		lnl_release(env, s->wrap);
	}
	for (unsigned i = 0; i < LNL_SERVER_EVENTS; i++)
		lnl_server_drop(s, &s->events[i].text);
	lnl_server_drop(s, &s->cn);
	lnl_server_drop(s, &s->peer_info);
	lnl_server_drop(s, &s->why);
	lnl_server_drop(s, &s->last_text);
	lnl_server_drop(s, &s->text);
	if (s->push_text)
		lnl_secret_wipe(s->push_text, s->push_len);
	lnl_release(env, s->push_text);
	lnl_release(env, s->push);
	lnl_secret_wipe(s, sizeof(*s));
	lnl_release(env, s);
}

/* ---- the session's events ---- */

static void take_session_event(struct lnl_server *s, const struct lnl_session_event *e,
			       uint64_t now)
{
	switch (e->kind) {
	case LNL_SESSION_VERIFY:
		lnl_server_take_verify(s, e->key_id, now);
		break;
	case LNL_SESSION_RECORD:
		lnl_server_take_record(s, e->key_id, &e->km2, now);
		break;
	case LNL_SESSION_TEXT:
		lnl_server_take_text(s, e->text, e->text_len, now);
		break;
	case LNL_SESSION_FAILED:
		lnl_server_end_with(s, lnl_cause_of(e->error), e->text);
		break;
	case LNL_SESSION_RENEGOTIATING:
		lnl_log(s->log, LNL_LEVEL_INFO, "tls.renegotiating", LNL_F("peer", s->peer),
			LNL_F("key_id", e->key_id));
		s->began_at = now;
		break;
	case LNL_SESSION_NEGOTIATED: /* our record has just been sent */
	case LNL_SESSION_NONE:
		break;
	}
}

/*
 * A renegotiation goes on after the end was decided, since the text that tells it waits for that
 * (lnl_session_send_text). Nobody is asked any more, and no key is made.
 */
static void take_last_event(struct lnl_server *s, const struct lnl_session_event *e, uint64_t now)
{
	switch (e->kind) {
	case LNL_SESSION_RENEGOTIATING:
		/* It crossed our text on the way, so that the client did not hear that. */
		if (s->last_text)
			lnl_session_send_text(s->session, s->last_text, now);
		break;
	case LNL_SESSION_VERIFY:
		lnl_server_finish_verify(s, e->key_id, now);
		break;
	case LNL_SESSION_RECORD:
		s->key_id = e->key_id;
		lnl_server_give_record(s, now);
		break;
	case LNL_SESSION_FAILED:
		lnl_server_end_with(s, s->closing, NULL);
		break;
	default:
		break;
	}
}

static void pump(struct lnl_server *s, uint64_t now)
{
	struct lnl_session_event e;

	if (s->phase == LNL_PHASE_CONNECT && lnl_session_has_peer(s->session))
		s->phase = LNL_PHASE_HANDSHAKE;
	/* A client that talks much waits for the owner, who takes events until there are none. */
	while (s->phase != LNL_PHASE_CLOSED && s->n_events < EVENTS_ENOUGH &&
	       lnl_session_next(s->session, &e, now)) {
		if (s->closing == LNL_CAUSE_NONE)
			take_session_event(s, &e, now);
		else
			take_last_event(s, &e, now);
	}
}

/* What acknowledgements and time bring about. */
static void settle(struct lnl_server *s, uint64_t now)
{
	pump(s, now);
	if (s->phase == LNL_PHASE_CLOSED)
		return;
	if (s->closing != LNL_CAUSE_NONE) {
		if (now >= s->close_at || (!s->lingers && lnl_session_idle(s->session)))
			lnl_server_end_with(s, s->closing, NULL);
		return;
	}
	if (now >= s->record_at)
		lnl_server_give_record(s, now);
	lnl_server_check_swap(s, now);
	lnl_server_push_on(s, now);
	lnl_server_acc_on(s, now);
}

enum lnl_drop lnl_server_input(struct lnl_server *s, const uint8_t *data, size_t len, uint64_t now)
{
	enum lnl_drop drop;

	if (s->phase == LNL_PHASE_CLOSED)
		return LNL_DROP_STATE;
	drop = lnl_session_input(s->session, data, len, now);
	settle(s, now);
	return drop;
}

size_t lnl_server_output(struct lnl_server *s, uint8_t *out, size_t cap, uint64_t now)
{
	return lnl_session_output(s->session, out, cap, now);
}

/* ---- events ---- */

/* What was not kept in the note. False: a key cannot be made, so that nothing else counts. */
static bool complete(struct lnl_server *s, struct lnl_server_event *e, uint8_t key_id)
{
	int rc = 0;

	if (e->kind == LNL_SERVER_PEER_ADD)
		lnl_server_fill_peer(s, &e->peer);
	if (e->kind == LNL_SERVER_KEY_INSTALL)
		rc = lnl_server_fill_key(s, key_id, &e->key);
	if (rc == 0)
		return true;
	lnl_server_event_wipe(e);
	for (; s->n_events > 0; s->n_events--) {
		lnl_server_drop(s, &s->events[s->first_event].text);
		s->first_event = (s->first_event + 1) % LNL_SERVER_EVENTS;
	}
	s->phase = s->phase == LNL_PHASE_CLOSED ? LNL_PHASE_UP : s->phase;
	lnl_server_end_with(s, LNL_CAUSE_TLS, "the data channel's keys cannot be derived");
	return false;
}

static void take_note(struct lnl_server *s, struct lnl_server_event *e, uint8_t *key_id)
{
	struct lnl_server_note *n = &s->events[s->first_event];

	memset(e, 0, sizeof(*e));
	e->kind = (enum lnl_server_event_kind)n->kind;
	e->again = n->again;
	e->cause = (enum lnl_cause)n->cause;
	e->phase = (enum lnl_phase)n->phase;
	e->when = n->when;
	e->slot = (enum lnl_slot)n->slot;
	*key_id = n->key_id;
	lnl_server_drop(s, &s->text);
	s->text = n->text;
	e->text = s->text ? s->text : "";
	memset(n, 0, sizeof(*n));
	s->first_event = (s->first_event + 1) % LNL_SERVER_EVENTS;
	s->n_events--;
}

bool lnl_server_next(struct lnl_server *s, struct lnl_server_event *e, uint64_t now)
{
	uint8_t key_id;

	do {
		if (s->n_events == 0)
			settle(s, now);
		if (s->n_events == 0)
			return false;
		take_note(s, e, &key_id);
	} while (!complete(s, e, key_id));
	return true;
}

void lnl_server_event_wipe(struct lnl_server_event *e)
{
	lnl_secret_wipe(&e->key, sizeof(e->key));
}

/* ---- time ---- */

static void take_deadline(struct lnl_server *s, uint64_t now)
{
	s->deadline = LNL_NEVER;
	if (s->auth_waits || s->authorize_waits)
		lnl_server_refuse(s, LNL_CAUSE_TIMEOUT, "",
				  s->auth_waits ? "nobody judged the credentials in time"
						: "nobody said in time what the client gets",
				  now);
	else if (s->phase == LNL_PHASE_CONNECT)
		lnl_server_end_with(s, LNL_CAUSE_TIMEOUT, "the client sent nothing of use");
}

void lnl_server_tick(struct lnl_server *s, uint64_t now)
{
	if (s->phase == LNL_PHASE_CLOSED)
		return;
	lnl_session_tick(s->session, now);
	settle(s, now);
	if (s->phase == LNL_PHASE_CLOSED || s->closing != LNL_CAUSE_NONE)
		return;
	if (now >= s->deadline)
		take_deadline(s, now);
	if (now >= s->ends_at)
		lnl_server_end_after(s, LNL_CAUSE_SESSION_TIMEOUT, "RESTART", "its time is over",
				     now);
}

uint64_t lnl_server_next_due(const struct lnl_server *s)
{
	uint64_t due = lnl_earlier(lnl_session_next_due(s->session), s->deadline);

	if (s->phase == LNL_PHASE_CLOSED)
		return LNL_NEVER;
	if (s->closing != LNL_CAUSE_NONE)
		return lnl_earlier(lnl_session_next_due(s->session), s->close_at);
	due = lnl_earlier(due, lnl_acc_due(s->acc));
	return lnl_earlier(lnl_earlier(due, s->record_at), lnl_earlier(s->swap_at, s->ends_at));
}

/* ---- the owner's part ---- */

void lnl_server_notice(struct lnl_server *s, const struct lnl_notice *n, uint64_t now)
{
	if (s->phase == LNL_PHASE_CLOSED)
		return;
	switch (n->kind) {
	case LNL_NOTICE_PING_TIMEOUT:
		lnl_server_end_with(s, LNL_CAUSE_PING, "nothing heard of the client for too long");
		break;
	case LNL_NOTICE_KEY_LIMIT:
		if (s->closing != LNL_CAUSE_NONE)
			break;
		/* A newer key takes over as soon as the client has it, if need be is made first. */
		s->limit_reached = true;
		if (s->swap_at == LNL_NEVER)
			lnl_session_renegotiate(s->session, now);
		else if (s->swap_proven)
			s->swap_at = now;
		settle(s, now);
		break;
	case LNL_NOTICE_EXIT:
		lnl_server_end_with(s, LNL_CAUSE_EXIT, "the client said goodbye");
		break;
	case LNL_NOTICE_DECRYPT:
		if (s->session_conf.tcp)
			lnl_server_end_with(s, LNL_CAUSE_DECRYPT,
					    "a data packet does not decrypt: over TCP nothing can "
					    "have been lost, so the keys differ");
		break;
	case LNL_NOTICE_KEY_EXPIRED:
	case LNL_NOTICE_NONE:
		break;
	}
}

static bool is_sendable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	return true;
}

int lnl_server_send_text(struct lnl_server *s, const char *text, uint64_t now)
{
	if (s->phase == LNL_PHASE_CLOSED || s->closing != LNL_CAUSE_NONE)
		return LNL_E_STATE;
	return is_sendable(text) ? lnl_session_send_text(s->session, text, now) : LNL_E_INVAL;
}

int lnl_server_renegotiate(struct lnl_server *s, uint64_t now)
{
	int rc;

	if (s->phase != LNL_PHASE_UP || s->closing != LNL_CAUSE_NONE)
		return LNL_E_STATE;
	rc = lnl_session_renegotiate(s->session, now);
	settle(s, now);
	return rc;
}

void lnl_server_moved(struct lnl_server *s, uint64_t now)
{
	if (s->phase != LNL_PHASE_CLOSED)
		lnl_session_moved(s->session, now);
}

void lnl_server_close(struct lnl_server *s, enum lnl_cause cause, const char *text, uint64_t now)
{
	lnl_server_end_after(s, cause, text, NULL, now);
}

enum lnl_cause lnl_server_closing(const struct lnl_server *s)
{
	return s->closing;
}

uint64_t lnl_server_rtt(const struct lnl_server *s)
{
	return lnl_session_rtt(s->session);
}

enum lnl_phase lnl_server_phase(const struct lnl_server *s)
{
	return s->phase;
}

enum lnl_cipher lnl_server_cipher(const struct lnl_server *s)
{
	return s->push ? s->facts.cipher : LNL_CIPHER_NONE;
}

const char *lnl_server_cn(const struct lnl_server *s)
{
	return s->cn ? s->cn : "";
}

const char *lnl_server_peer_info(const struct lnl_server *s)
{
	return s->peer_info ? s->peer_info : "";
}

const struct lnl_login *lnl_server_login(const struct lnl_server *s)
{
	return &s->login;
}
