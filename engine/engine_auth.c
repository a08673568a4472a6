/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Credentials: where they come from, how long they are kept, and what the server's words do to
 * them.
 */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

static void forget(char **secret)
{
	if (*secret)
		lnl_secret_wipe(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static void keep(char **secret, const char *value)
{
	forget(secret);
	*secret = value ? strdup(value) : NULL;
}

void lnl_auth_forget(struct lnl_tunnel *t)
{
	forget(&t->username);
	forget(&t->password);
	forget(&t->token);
	forget(&t->token_user);
	forget(&t->response);
	lnl_secret_wipe(t->challenge_state, sizeof(t->challenge_state));
}

static void no_credentials(struct lnl_tunnel *t, const char *reason)
{
	lnl_attempt_failed(t, LNL_CAUSE_CREDENTIALS, reason ? reason : "no credentials were given",
			   LNL_PHASE_CONNECT, NULL);
}

static void ask_credentials(struct lnl_tunnel *t)
{
	struct lnl_queued *q;

	if (!(t->conf.o.asks & LNL_ASK_CREDENTIALS)) {
		no_credentials(t, "auth-user-pass: no user name and password, and nobody to ask");
		return;
	}
	q = lnl_event_ask(t->engine, LNL_EVENT_CREDENTIALS, t, 0, false);
	if (!q) {
		no_credentials(t, lnl_error_text(LNL_E_NOMEM));
		return;
	}
	q->event.u.ask.kind = "auth-user-pass";
	q->event.u.ask.why = t->why_credentials ? t->why_credentials : "first";
	q->event.u.ask.user = lnl_arena_str(&q->arena, t->username);
}

static void ask_challenge(struct lnl_tunnel *t, const char *kind, const char *text, bool echo)
{
	struct lnl_queued *q;

	if (!(t->conf.o.asks & LNL_ASK_CHALLENGE)) {
		no_credentials(t, "the server asks a question, and nobody is there to answer");
		return;
	}
	q = lnl_event_ask(t->engine, LNL_EVENT_CHALLENGE, t, 0, false);
	if (!q) {
		no_credentials(t, lnl_error_text(LNL_E_NOMEM));
		return;
	}
	q->event.u.ask.kind = kind;
	q->event.u.ask.text = lnl_arena_str(&q->arena, text);
	q->event.u.ask.echo = echo;
	q->event.u.ask.user = lnl_arena_str(&q->arena, t->username);
}

static bool credentials_failed(const struct lnl_tunnel *t)
{
	return t->why_credentials && strcmp(t->why_credentials, "failed") == 0;
}

void lnl_auth_prepare(struct lnl_tunnel *t)
{
	const struct lnl_tunnel_options *o = &t->conf.o;

	if (!o->auth_user_pass) {
		lnl_attempt_resolve(t);
		return;
	}
	if (t->challenge_open && !t->response) {
		ask_challenge(t, "dynamic", t->end.text, t->challenge_echo);
		return;
	}
	if (t->token || t->challenge_open) {
		lnl_attempt_resolve(t);
		return;
	}
	if (!t->password && o->username && o->password && !credentials_failed(t)) {
		keep(&t->username, o->username);
		keep(&t->password, o->password);
	}
	if (!t->password)
		ask_credentials(t);
	else if (o->static_challenge && !t->response)
		ask_challenge(t, "static", o->static_challenge, o->static_challenge_echo);
	else
		lnl_attempt_resolve(t);
}

void lnl_auth_credentials(struct lnl_tunnel *t, const char *username, const char *password,
			  const char *reason)
{
	if (!username) {
		no_credentials(t, reason);
		return;
	}
	keep(&t->username, username);
	keep(&t->password, password ? password : "");
	t->why_credentials = NULL;
	lnl_auth_prepare(t);
}

void lnl_auth_answer(struct lnl_tunnel *t, const char *answer, const char *reason)
{
	if (t->client) {
		if (answer)
			lnl_client_respond(t->client, answer, lnl_clock_now());
		else
			lnl_client_close(t->client, LNL_CAUSE_CREDENTIALS, lnl_clock_now());
		lnl_session_run(t);
		return;
	}
	if (!answer) {
		no_credentials(t, reason);
		return;
	}
	keep(&t->response, answer);
	lnl_auth_prepare(t);
}

static char *encode(struct lnl_arena *a, const char *s)
{
	size_t cap = strlen(s) * 2 + 8;
	char *out = lnl_arena_alloc(a, cap);
	struct lnl_writer w;

	if (!out)
		return NULL;
	lnl_writer_init(&w, out, cap - 1);
	lnl_base64_write(&w, s, strlen(s));
	return out;
}

/* Forms by OpenVPN's management-notes: CRV1::state::answer, SCRV1:base64:base64. */
static char *challenged(const struct lnl_tunnel *t, struct lnl_arena *arena)
{
	const char *password, *response;

	if (t->challenge_open)
		return lnl_arena_print(arena, "CRV1::%s::%s", t->challenge_state,
				       t->response ? t->response : "");
	password = encode(arena, t->password);
	response = encode(arena, t->response);
	return password && response ? lnl_arena_print(arena, "SCRV1:%s:%s", password, response)
				    : NULL;
}

int lnl_auth_pair(struct lnl_tunnel *t, struct lnl_arena *arena, const char **username,
		  const char **password)
{
	*username = *password = NULL;
	if (!t->conf.o.auth_user_pass)
		return 0;
	*username = t->username;
	*password = t->password;
	if (t->challenge_open) {
		*username = t->challenge_user;
		*password = challenged(t, arena);
	} else if (t->token) {
		*username = t->token_user ? t->token_user : t->username;
		*password = t->token;
	} else if (t->conf.o.static_challenge && t->password && t->response) {
		*password = challenged(t, arena);
	}
	if (!*username)
		*username = "";
	/* Without a password there would be another kind of login, not this one. */
	return *password ? 0 : LNL_E_NOMEM;
}

void lnl_auth_token(struct lnl_tunnel *t, const char *token, const char *user)
{
	keep(&t->token, token);
	if (user)
		keep(&t->token_user, user);
	/* The token does for the rest of the session what the password did. */
	if (t->conf.o.auth_nocache)
		forget(&t->password);
}

void lnl_auth_ended(struct lnl_tunnel *t, enum lnl_cause cause, const struct lnl_client_end *end)
{
	forget(&t->response); /* good for one attempt */
	/* Once it has been sent, `auth-nocache` asks for it anew. */
	if (t->conf.o.auth_nocache && t->end.phase >= LNL_PHASE_AUTH)
		forget(&t->password);
	t->challenge_open = false;
	if (end && end->drop_token)
		forget(&t->token);
	if (cause == LNL_CAUSE_CHALLENGE && end) {
		t->challenge_open = true;
		t->challenge_echo = end->echo;
		memcpy(t->challenge_state, end->challenge_state, sizeof(t->challenge_state));
		memcpy(t->challenge_user, end->challenge_user, sizeof(t->challenge_user));
	}
	if (cause == LNL_CAUSE_AUTH_FAILED && t->conf.o.auth_retry == LNL_AUTH_RETRY_INTERACT) {
		forget(&t->password);
		t->why_credentials = "failed";
	}
	if (cause == LNL_CAUSE_AUTH_SESSION && t->conf.o.auth_nocache) {
		forget(&t->password);
		t->why_credentials = "expired";
	}
}
