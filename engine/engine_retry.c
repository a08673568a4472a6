/* SPDX-License-Identifier: GPL-3.0-or-later */
/* After an attempt or a connection: whether, when and where to connect again. */
#include <stdio.h>
#include <string.h>

#include "engine_state.h"

/*
 * Rounds over the list at the first pace; from then on the wait doubles (OpenVPN init.c,
 * socket_restart_pause).
 */
#define ROUNDS_AT_FIRST_PACE 5

static unsigned remotes(const struct lnl_tunnel *t)
{
	return t->conf.o.n_remotes ? t->conf.o.n_remotes : 1;
}

/*
 * The exit status that a cause asks for where it ends the program; -1 where another attempt
 * makes sense.
 */
static int verdict_of(const struct lnl_tunnel *t)
{
	const struct lnl_tunnel_options *o = &t->conf.o;

	if (t->stopping)
		return 0;
	switch (t->end.cause) {
	case LNL_CAUSE_AUTH_FAILED:
		return o->auth_retry == LNL_AUTH_RETRY_NONE ? 1 : -1;
	case LNL_CAUSE_CERT:
	case LNL_CAUSE_CIPHER:
		/* Another remote may have a better certificate; the same one will not. */
		return t->in_round >= remotes(t) ? 1 : -1;
	case LNL_CAUSE_TUN:
	case LNL_CAUSE_NET:
	case LNL_CAUSE_CREDENTIALS:
		return 1;
	case LNL_CAUSE_PING_EXIT:
	case LNL_CAUSE_HALT:
	case LNL_CAUSE_INACTIVE:
	case LNL_CAUSE_SESSION_TIMEOUT:
		return 0;
	case LNL_CAUSE_RESOLVE:
		if (o->resolv_retry >= 0 &&
		    lnl_clock_now() - t->resolving_since >= (uint64_t)o->resolv_retry * LNL_SECOND)
			return 1;
		break;
	default:
		break;
	}
	if (o->connect_retry_max && t->in_round >= o->connect_retry_max * remotes(t))
		return 1;
	return -1;
}

static double backoff(const struct lnl_tunnel *t)
{
	const struct lnl_tunnel_options *o = &t->conf.o;
	unsigned rounds = t->in_round / remotes(t);
	double wait = (double)o->connect_retry;

	if (t->end.hints.backoff)
		return t->end.hints.backoff;
	/* Answers to questions and the user's wish need no pause. */
	if (t->end.cause == LNL_CAUSE_CHALLENGE || t->end.cause == LNL_CAUSE_USER ||
	    t->end.cause == LNL_CAUSE_AUTH_SESSION)
		return 0;
	while (rounds-- > ROUNDS_AT_FIRST_PACE && wait < (double)o->connect_retry_max_wait)
		wait *= 2;
	return wait < (double)o->connect_retry_max_wait ? wait : (double)o->connect_retry_max_wait;
}

double lnl_retry_default(const struct lnl_tunnel *t)
{
	return verdict_of(t) >= 0 ? -1 : backoff(t);
}

/* Whether the next attempt goes to the same remote, its next address, or the next remote. */
static void choose_next(struct lnl_tunnel *t)
{
	bool was_up = t->end.phase >= LNL_PHASE_UP;
	enum lnl_cause cause = t->end.cause;

	t->keep_remote = t->next_address = false;
	switch (t->end.hints.advance) {
	case LNL_ADVANCE_NO:
		t->keep_remote = true;
		return;
	case LNL_ADVANCE_ADDR:
		t->next_address = true;
		return;
	case LNL_ADVANCE_REMOTE:
		return;
	case LNL_ADVANCE_DEFAULT:
		break;
	}
	if (was_up || cause == LNL_CAUSE_CHALLENGE || cause == LNL_CAUSE_AUTH_SESSION ||
	    cause == LNL_CAUSE_AUTH_FAILED || cause == LNL_CAUSE_USER)
		t->keep_remote = true;
	else if (t->end.phase == LNL_PHASE_CONNECT)
		t->next_address = true;
}

/* Attempts in a row that failed: an answer to a challenge or the user's wish is no failure. */
static void count(struct lnl_tunnel *t)
{
	if (t->end.phase >= LNL_PHASE_UP)
		t->in_round = t->failures = 0;
	if (t->end.cause == LNL_CAUSE_USER || t->end.cause == LNL_CAUSE_CHALLENGE)
		return;
	t->failures++;
	if (t->end.phase < LNL_PHASE_UP)
		t->in_round++;
}

void lnl_attempt_failed(struct lnl_tunnel *t, enum lnl_cause cause, const char *text,
			enum lnl_phase phase, const struct lnl_client_end *end)
{
	if (t->finishing)
		return;
	/* What it refused was the token of an earlier connection: the password may still do. */
	if (cause == LNL_CAUSE_AUTH_FAILED && t->token && !t->challenge_open)
		cause = LNL_CAUSE_AUTH_SESSION;
	lnl_tickets_drop(t->engine, t);
	lnl_attempt_cancel(t);
	t->end.cause = cause;
	t->end.phase = phase;
	snprintf(t->end.text, sizeof(t->end.text), "%s", text ? text : "");
	memset(&t->end.hints, 0, sizeof(t->end.hints));
	if (end)
		t->end.hints = *end;
	t->engine->metrics.failures += cause != LNL_CAUSE_USER;
	if (cause != LNL_CAUSE_USER) /* which was said when it was asked for */
		lnl_log(&t->engine->log, LNL_LEVEL_ERROR,
			phase >= LNL_PHASE_UP ? "tunnel.lost" : "tunnel.failed",
			LNL_F("cause", lnl_cause_name(cause)), LNL_F("text", t->end.text));
	lnl_auth_ended(t, cause, end);
	lnl_session_close(t);
	choose_next(t);
	count(t);
	if (t->up_told && (!t->conf.o.persist_tun || t->hard_restart))
		lnl_net_ask_down(t);
	else
		lnl_retry_decide(t);
}

void lnl_retry_down(struct lnl_tunnel *t)
{
	t->up_told = false;
	t->hard_restart = false;
	lnl_net_down(t);
	if (t->finishing)
		lnl_tunnel_tell_closed(t);
	else
		lnl_retry_decide(t);
}

static void ask(struct lnl_tunnel *t, double wait)
{
	struct lnl_queued *q = lnl_event_ask(t->engine, LNL_EVENT_RECONNECT, t, 0, true);

	if (!q) {
		lnl_retry_again(t, wait, NULL);
		return;
	}
	q->event.u.end.cause = lnl_cause_name(t->end.cause);
	q->event.u.end.text = lnl_arena_str(&q->arena, t->end.text);
	q->event.u.end.phase = lnl_phase_name(t->end.phase);
	q->event.u.end.remote = t->remote_index;
	q->event.u.end.failures = t->failures;
	q->event.u.end.backoff = wait < 0 ? 0 : wait;
	q->event.u.end.fatal = wait < 0;
	q->event.u.end.exit_status = wait < 0 ? verdict_of(t) : 0;
}

void lnl_retry_decide(struct lnl_tunnel *t)
{
	double wait = lnl_retry_default(t);

	lnl_tunnel_enter(t, LNL_STATE_WAIT, lnl_cause_name(t->end.cause));
	if (!t->stopping && (t->conf.o.asks & LNL_ASK_RECONNECT) &&
	    t->end.cause != LNL_CAUSE_CHALLENGE && t->end.cause != LNL_CAUSE_USER)
		ask(t, wait);
	else
		lnl_retry_again(t, wait, NULL);
}

void lnl_retry_again(struct lnl_tunnel *t, double seconds, const char *reason)
{
	int status = verdict_of(t);

	if (seconds < 0) {
		if (reason)
			lnl_log(&t->engine->log, LNL_LEVEL_INFO, "tunnel.stopped",
				LNL_F("reason", reason));
		lnl_tunnel_finish(t, status >= 0 ? status : 1);
		return;
	}
	if (seconds > 0)
		lnl_log(&t->engine->log, LNL_LEVEL_INFO, "tunnel.waiting",
			LNL_F("milliseconds", (int64_t)(seconds * 1000)));
	t->wait_until = lnl_clock_now() + (uint64_t)(seconds * 1e6);
	t->remote_chosen = false;
	lnl_tunnel_arm(t);
}
