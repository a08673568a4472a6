/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client does with the server's control messages (PROTOCOL 1.9). */
#include <string.h>

#include "control/client_state.h"

static void copy_text(char *out, size_t cap, const char *text, size_t len)
{
	lnl_text_clean(out, cap, text, len);
}

/* For what is sent back to the server, who must know it again; nobody is shown it. */
static void copy_field(char out[LNL_MESSAGE_FIELD + 1], const void *field, size_t len)
{
	memcpy(out, field, len);
	out[len] = 0;
}

static void take_auth_failed(struct lnl_client *c, const struct lnl_message *m)
{
	char text[512];
	struct lnl_client_event *e;
	enum lnl_cause cause = LNL_CAUSE_AUTH_FAILED;

	copy_text(text, sizeof(text), m->text, m->text_len);
	if (m->auth_failed == LNL_AUTH_FAILED_TEMP)
		cause = LNL_CAUSE_AUTH_TEMP;
	else if (m->auth_failed == LNL_AUTH_FAILED_CRV1)
		cause = LNL_CAUSE_CHALLENGE;
	else if (m->auth_failed == LNL_AUTH_FAILED_SESSION || c->has_token)
		cause = LNL_CAUSE_AUTH_SESSION;
	e = lnl_client_end_with(c, cause, text);
	if (!e)
		return;
	e->end.advance = m->advance;
	e->end.backoff = m->backoff;
	e->end.drop_token = cause != LNL_CAUSE_AUTH_TEMP;
	e->end.keep_auth = cause == LNL_CAUSE_AUTH_TEMP;
	if (cause == LNL_CAUSE_CHALLENGE) {
		e->end.echo = m->echo;
		e->end.response = m->response;
		copy_field(e->end.challenge_state, m->state, m->state_len);
		copy_field(e->end.challenge_user, m->user, m->user_len);
	}
}

/* It says no, whatever it says besides. */
static void fail_auth(struct lnl_client *c)
{
	const struct lnl_message plain = { .kind = LNL_MSG_AUTH_FAILED, .text = "" };

	take_auth_failed(c, &plain);
}

static void take_restart(struct lnl_client *c, const struct lnl_message *m)
{
	char text[512];
	struct lnl_client_event *e;

	copy_text(text, sizeof(text), m->text, m->text_len);
	e = lnl_client_end_with(c, m->kind == LNL_MSG_HALT ? LNL_CAUSE_HALT : LNL_CAUSE_RESTART,
				text);
	if (!e)
		return;
	/* of the password: a token is kept either way (OpenVPN ssl.c) */
	e->end.keep_auth = m->keep_auth;
	if (m->next_remote)
		e->end.advance = LNL_ADVANCE_REMOTE;
}

/* Waiting longer is the server's wish, within what renegotiation leaves (OpenVPN push.c). */
static void take_auth_pending(struct lnl_client *c, const struct lnl_message *m, uint64_t now)
{
	const struct lnl_session_conf *conf = &c->conf->session;
	uint64_t most = lnl_session_reneg_interval(c->session) / 2;
	uint64_t wanted = m->timeout * LNL_SECOND;

	if (most < conf->hand_window)
		most = conf->hand_window;
	if (wanted == 0 || wanted > most)
		wanted = most;
	if (c->phase == LNL_PHASE_AUTH)
		c->push_deadline = now + wanted;
	lnl_session_extend(c->session, 0, now + wanted);
	lnl_log(c->log, LNL_LEVEL_INFO, "auth.pending",
		LNL_F("seconds", (int64_t)(wanted / LNL_SECOND)));
}

static void take_info(struct lnl_client *c, const struct lnl_message *m)
{
	char text[LNL_CONTROL_TEXT_MAX];
	struct lnl_client_event *e;
	struct lnl_info info;

	lnl_info_parse(&info, m->text, m->text_len);
	copy_text(text, sizeof(text), info.text, info.text_len);
	switch (info.kind) {
	case LNL_INFO_OPEN_URL:
	case LNL_INFO_WEB_AUTH:
		lnl_client_emit(c, LNL_CLIENT_OPEN_URL, text);
		break;
	case LNL_INFO_CR_TEXT:
		e = lnl_client_emit(c, LNL_CLIENT_CHALLENGE, text);
		if (e) {
			e->echo = info.echo;
			e->response = info.response;
		}
		break;
	case LNL_INFO_OTHER:
		if (lnl_client_take_info_offer(c, text))
			break;
		lnl_client_emit(c, LNL_CLIENT_TEXT, text);
		break;
	}
}

/* Adds one message's options to what came before. LNL_E_LIMIT, LNL_E_NOMEM. */
static int add_push_text(struct lnl_client *c, const char *text, size_t len)
{
	char *grown;

	if (++c->push_messages > LNL_PUSH_MESSAGES || c->push_len + len + 2 > LNL_PUSH_TEXT_MAX)
		return LNL_E_LIMIT;
	grown = lnl_alloc(c->env, c->push_len + len + 2);
	if (!grown)
		return LNL_E_NOMEM;
	if (c->push_len)
		memcpy(grown, c->push_text, c->push_len);
	if (len)
		memcpy(grown + c->push_len, text, len);
	grown[c->push_len + len] = ',';
	if (c->push_text)
		lnl_secret_wipe(c->push_text, c->push_len);
	lnl_release(c->env, c->push_text);
	c->push_text = grown;
	c->push_len += len + 1;
	return 0;
}

static bool ends_with_continuation(const char *text, size_t len)
{
	static const char more[] = "push-continuation 2";
	size_t n = sizeof(more) - 1;

	return len >= n && memcmp(text + len - n, more, n) == 0 &&
	       (len == n || text[len - n - 1] == ',');
}

static void take_push_reply(struct lnl_client *c, const struct lnl_message *m)
{
	int rc;

	/* Before authentication has its turn nothing is believed, and later only a new token is. */
	if (c->phase != LNL_PHASE_AUTH && !c->configured)
		return;
	rc = add_push_text(c, m->text, m->text_len);
	if (rc < 0) {
		lnl_client_end_with(
			c, LNL_CAUSE_PUSH,
			rc == LNL_E_LIMIT
				? "the server's PUSH_REPLY does not end (limit: 64 KiB or "
				  "256 messages)"
				: lnl_error_text(rc));
		return;
	}
	if (ends_with_continuation(m->text, m->text_len))
		return;
	if (c->configured) {
		lnl_client_renew_token(c);
		return;
	}
	c->push_request_at = c->push_deadline = LNL_NEVER;
	lnl_client_split_options(c);
	if (c->phase == LNL_PHASE_CLOSED)
		return;
	c->configure_waits = true;
	lnl_client_enter(c, LNL_PHASE_CONFIGURE);
	lnl_client_emit(c, LNL_CLIENT_PULLED, NULL);
}

/* Only what stands before the first comma: behind it may be a token. */
static void log_malformed(const struct lnl_client *c, const char *text, size_t len)
{
	const char *comma = memchr(text, ',', len);
	char clean[64];

	copy_text(clean, sizeof(clean), text, comma ? (size_t)(comma - text) : len);
	lnl_log(c->log, LNL_LEVEL_WARN, "control.malformed", LNL_F("text", clean));
}

void lnl_client_take_text(struct lnl_client *c, const char *text, size_t len, uint64_t now)
{
	struct lnl_message m;
	char clean[LNL_CONTROL_TEXT_MAX];

	if (lnl_message_parse(&m, text, len) < 0) {
		log_malformed(c, text, len);
		if (m.kind == LNL_MSG_AUTH_FAILED)
			fail_auth(c);
		return;
	}
	switch (m.kind) {
	case LNL_MSG_AUTH_FAILED:
		take_auth_failed(c, &m);
		break;
	case LNL_MSG_PUSH_REPLY:
		take_push_reply(c, &m);
		break;
	case LNL_MSG_RESTART:
	case LNL_MSG_HALT:
		take_restart(c, &m);
		break;
	case LNL_MSG_INFO_PRE:
	case LNL_MSG_INFO:
		take_info(c, &m);
		break;
	case LNL_MSG_AUTH_PENDING:
		take_auth_pending(c, &m, now);
		break;
	case LNL_MSG_EXIT:
		lnl_client_end_with(c, LNL_CAUSE_EXIT, "the server said goodbye");
		break;
	case LNL_MSG_PUSH_REQUEST:
	case LNL_MSG_PUSH_UPDATE:
	case LNL_MSG_CR_RESPONSE:
	case LNL_MSG_UNKNOWN:
		if (m.kind == LNL_MSG_UNKNOWN && lnl_acc_is(m.text, m.text_len)) {
			lnl_client_take_acc(c, m.text, m.text_len, now);
			break;
		}
		/* without the line's end that some servers send */
		len = (size_t)(m.text - text) + m.text_len;
		copy_text(clean, sizeof(clean), text, len);
		lnl_client_emit(c, LNL_CLIENT_TEXT, clean);
		break;
	}
}
