/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who a server's client is: tokens, challenges, and the host's verdict. */
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

#define ASK_SECONDS   10.0
#define PENDING_AFTER LNL_SECOND

static double deadline_of(const struct lnl_served *v)
{
	double half = (double)v->service->conf.o.sec.hand_window / 2;

	return half > 0 && half < ASK_SECONDS ? half : ASK_SECONDS;
}

/* ---- what the client said ---- */

/* "SCRV1:base64:base64": a password and the answer to a static challenge. */
static bool split_static(struct lnl_queued *q, const char *text)
{
	uint8_t password[LNL_NAME_MAX * 2], answer[LNL_NAME_MAX * 2];
	const char *second = strchr(text, ':');
	int n, m;

	if (!second)
		return false;
	n = lnl_base64_read(password, sizeof(password), text, (size_t)(second - text));
	m = lnl_base64_read(answer, sizeof(answer), second + 1, strlen(second + 1));
	if (n >= 0 && m >= 0) {
		q->event.u.login.password = lnl_arena_copy(&q->arena, password, (size_t)n);
		q->event.u.login.response = lnl_arena_copy(&q->arena, answer, (size_t)m);
	}
	lnl_secret_wipe(password, sizeof(password));
	lnl_secret_wipe(answer, sizeof(answer));
	return n >= 0 && m >= 0;
}

/* "CRV1::state::answer": the answer to a dynamic challenge. */
static bool split_dynamic(struct lnl_queued *q, const char *text)
{
	const char *end = text[0] == ':' ? strstr(text + 1, "::") : NULL;

	if (!end)
		return false;
	q->event.u.login.state = lnl_arena_copy(&q->arena, text + 1, (size_t)(end - text - 1));
	q->event.u.login.response = lnl_arena_str(&q->arena, end + 2);
	q->event.u.login.password = "";
	return true;
}

static void fill(struct lnl_queued *q, const struct lnl_login *login, bool again,
		 enum lnl_token_seen token)
{
	q->event.u.login.username = lnl_arena_str(&q->arena, login->username);
	q->event.u.login.again = again;
	q->event.u.login.token = token;
	if (token != LNL_TOKEN_SEEN_NONE) {
		q->event.u.login.password = "";
		return;
	}
	if (strncmp(login->password, "SCRV1:", 6) == 0 && split_static(q, login->password + 6))
		return;
	if (strncmp(login->password, "CRV1:", 5) == 0 && split_dynamic(q, login->password + 5))
		return;
	q->event.u.login.password = lnl_arena_str(&q->arena, login->password);
}

static void ask(struct lnl_served *v, bool again, const char *response)
{
	struct lnl_service *s = v->service;
	double seconds = deadline_of(v);
	struct lnl_queued *q =
		lnl_event_ask_peer(s->engine, LNL_EVENT_AUTHENTICATE, s, v->id, seconds, false);

	v->waits = LNL_WAIT_LOGIN;
	if (!q) {
		lnl_login_failed(v);
		return;
	}
	v->wait_seconds = seconds;
	v->pending_at = lnl_clock_now() + PENDING_AFTER;
	fill(q, lnl_server_login(v->control), again, v->seen);
	if (response)
		q->event.u.login.response = lnl_arena_str(&q->arena, response);
}

/* ---- tokens ---- */

/* A valid token goes on; after another one, who is let in gets a new one. */
static enum lnl_token_seen look_at_token(struct lnl_served *v, const struct lnl_login *login)
{
	static const enum lnl_token_seen seen[] = {
		[LNL_TOKEN_NONE] = LNL_TOKEN_SEEN_NONE,
		[LNL_TOKEN_VALID] = LNL_TOKEN_SEEN_VALID,
		[LNL_TOKEN_EXPIRED] = LNL_TOKEN_SEEN_EXPIRED,
		[LNL_TOKEN_INVALID] = LNL_TOKEN_SEEN_INVALID,
	};
	struct lnl_service *s = v->service;
	struct lnl_token_facts facts;
	enum lnl_token_state state;

	if (!s->conf.o.gen_token)
		return LNL_TOKEN_SEEN_NONE;
	state = lnl_token_check(&s->tokens, login->username, login->password,
				s->engine->env.wallclock(NULL), &facts);
	if (state == LNL_TOKEN_VALID)
		v->token = facts;
	if (state != LNL_TOKEN_NONE)
		v->has_token = state == LNL_TOKEN_VALID;
	return seen[state];
}

/* True: the password was a token, and that is the answer. */
static bool judge_token(struct lnl_served *v)
{
	switch (v->seen) {
	case LNL_TOKEN_SEEN_NONE:
		return false;
	case LNL_TOKEN_SEEN_VALID:
		lnl_login_answer(v, LNL_LOGIN_OK, NULL);
		return true;
	case LNL_TOKEN_SEEN_EXPIRED:
		lnl_login_answer(v, LNL_LOGIN_DENY, "SESSION:token expired");
		return true;
	case LNL_TOKEN_SEEN_INVALID:
		break;
	}
	lnl_login_answer(v, LNL_LOGIN_DENY, "SESSION:token refused");
	return true;
}

const char *lnl_login_token(struct lnl_served *v, struct lnl_arena *arena)
{
	struct lnl_service *s = v->service;
	uint64_t wall = s->engine->env.wallclock(NULL);
	const char *out = NULL;
	char text[LNL_TOKEN_TEXT];

	if (!s->conf.o.gen_token || !v->user[0])
		return NULL;
	if (!v->has_token && lnl_token_begin(&v->token, &s->engine->env, wall) < 0)
		return NULL;
	v->has_token = true;
	if (lnl_token_write(&s->tokens, &v->token, v->user, wall, text) == 0)
		out = lnl_arena_print(arena, "auth-token %s", text);
	lnl_secret_wipe(text, sizeof(text));
	return out;
}

static void renew_token(struct lnl_served *v)
{
	struct lnl_arena arena = { NULL };
	const char *option = lnl_login_token(v, &arena);
	const char *text = option ? lnl_arena_print(&arena, "PUSH_REPLY,%s", option) : NULL;

	if (text)
		lnl_server_send_text(v->control, text, lnl_clock_now());
	lnl_arena_free(&arena);
}

/* ---- question and answer ---- */

/* False: out of memory. */
static bool keep_names(struct lnl_served *v, const char *user, const char *cn)
{
	size_t user_len = strnlen(user, LNL_NAME_MAX - 1), cn_len = strnlen(cn, LNL_NAME_MAX - 1);
	char *names = calloc(1, user_len + cn_len + 2);

	if (!names)
		return false;
	free(v->names);
	v->names = names;
	memcpy(names, user, user_len);
	memcpy(names + user_len + 1, cn, cn_len);
	v->user = names;
	v->cn = names + user_len + 1;
	v->name = user_len && (v->service->conf.o.username_as_common_name || !cn_len) ? v->user
										      : v->cn;
	return true;
}

void lnl_login_ask(struct lnl_served *v, bool again)
{
	const struct lnl_login *login = lnl_server_login(v->control);
	const struct lnl_server_options *o = &v->service->conf.o;
	const char *cn = lnl_server_cn(v->control);
	/* A name that nobody judges is nobody's. */
	const char *user = o->asks & LNL_ASK_AUTHENTICATE ? login->username : "";

	v->again = again;
	v->waits = LNL_WAIT_LOGIN;
	if (again && (strcmp(v->user, user) != 0 || strcmp(v->cn, cn) != 0)) {
		lnl_login_answer(v, LNL_LOGIN_DENY, "a session does not change its user");
		return;
	}
	/* Nobody can be judged of whom it is not known who it is. */
	if (!again && !keep_names(v, user, cn)) {
		lnl_login_answer(v, LNL_LOGIN_TEMP, NULL);
		return;
	}
	v->seen = user[0] ? look_at_token(v, login) : LNL_TOKEN_SEEN_NONE;
	if (again && o->asks & LNL_ASK_REAUTH) {
		ask(v, again, NULL);
		return;
	}
	if (judge_token(v))
		return;
	if (o->asks & LNL_ASK_AUTHENTICATE)
		ask(v, again, NULL);
	else
		lnl_login_answer(v, LNL_LOGIN_OK, NULL);
}

/* The answer to a CR_TEXT challenge: the host is asked again, with it. */
void lnl_login_response(struct lnl_served *v, const char *text)
{
	if (v->waits != LNL_WAIT_RESPONSE)
		return;
	ask(v, v->again, text);
}

static bool is_asked_inside(const char *text)
{
	return strncmp(text, "CR_TEXT:", 8) == 0;
}

/*
 * "CR_TEXT:R,E:What is it?": shown while the client waits, answered on the control channel. False
 * when it cannot be sent: the client would wait for a question that never comes.
 */
static bool ask_inside(struct lnl_served *v, const char *text)
{
	if (lnl_server_pending(v->control, (unsigned)v->service->conf.o.sec.hand_window, text,
			       lnl_clock_now()) < 0)
		return false;
	v->waits = LNL_WAIT_RESPONSE;
	lnl_served_run(v);
	return true;
}

/* A challenge's state lets its client go on, so it is no matter for a log. */
static const char *reason_of(enum lnl_login_verdict verdict, const char *text)
{
	if (verdict == LNL_LOGIN_CHALLENGE)
		return "it is asked a question first";
	if (verdict != LNL_LOGIN_DENY)
		return text ? text : "";
	if (!text)
		return "authenticate gave no answer";
	return *text ? text : "refused by authenticate";
}

/* |reason| is for the log, |text| for the client. */
static void answer(struct lnl_served *v, enum lnl_login_verdict verdict, const char *text,
		   const char *reason)
{
	static const enum lnl_judgement judgements[] = {
		[LNL_LOGIN_OK] = LNL_JUDGED_OK,
		[LNL_LOGIN_DENY] = LNL_JUDGED_DENY,
		[LNL_LOGIN_CHALLENGE] = LNL_JUDGED_CHALLENGE,
		[LNL_LOGIN_TEMP] = LNL_JUDGED_TEMP,
	};

	if (v->ended || v->waits != LNL_WAIT_LOGIN ||
	    lnl_server_closing(v->control) != LNL_CAUSE_NONE)
		return;
	v->pending_at = LNL_NEVER;
	if (verdict == LNL_LOGIN_CHALLENGE && text && is_asked_inside(text)) {
		if (ask_inside(v, text))
			return;
		verdict = LNL_LOGIN_DENY;
		text = reason = "the challenge cannot be sent";
	}
	v->waits = LNL_WAIT_NOTHING;
	v->service->engine->metrics.denied += verdict != LNL_LOGIN_OK;
	if (verdict != LNL_LOGIN_OK)
		lnl_log(&v->service->engine->log, LNL_LEVEL_WARN, "auth.denied",
			LNL_F("peer", v->name), LNL_F("user", v->user), LNL_F("reason", reason));
	lnl_server_judged(v->control, judgements[verdict], text ? text : "", lnl_clock_now());
	if (verdict == LNL_LOGIN_OK && v->again)
		renew_token(v);
	lnl_served_run(v);
}

void lnl_login_answer(struct lnl_served *v, enum lnl_login_verdict verdict, const char *text)
{
	answer(v, verdict, text, reason_of(verdict, text));
}

void lnl_login_failed(struct lnl_served *v)
{
	answer(v, LNL_LOGIN_DENY, NULL, "authenticate failed");
}
