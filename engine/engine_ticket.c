/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of events, and the questions that are open. */
#include <stdlib.h>

#include "engine_state.h"

struct lnl_queued *lnl_event_add(struct lnl_engine *e, enum lnl_event_kind kind,
				 struct lnl_tunnel *t)
{
	struct lnl_queued *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->event.kind = kind;
	q->event.tunnel = t ? t->id : 0;
	if (e->last_event)
		e->last_event->next = q;
	else
		e->first_event = q;
	e->last_event = q;
	return q;
}

static void release_ticket(struct lnl_ticket *k)
{
	ev_timer_stop(k->engine->loop, &k->timer);
	free(k);
}

static void deadline_passed(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_ticket *k = w->data;
	struct lnl_engine *e = k->engine;
	uint64_t id = k->id;
	enum lnl_event_kind kind = k->kind;
	struct lnl_tunnel *t;

	(void)loop;
	(void)revents;
	t = lnl_ticket_take(e, id, kind);
	if (!t)
		return;
	lnl_log(&e->log, LNL_LEVEL_WARN, "hook.deadline", LNL_F("ticket", (int64_t)id));
	lnl_tunnel_default(t, kind);
}

struct lnl_queued *lnl_event_ask(struct lnl_engine *e, enum lnl_event_kind kind,
				 struct lnl_tunnel *t, double deadline, bool sync)
{
	struct lnl_ticket *k = calloc(1, sizeof(*k));
	struct lnl_queued *q = k ? lnl_event_add(e, kind, t) : NULL;

	if (!q) {
		free(k);
		return NULL;
	}
	k->engine = e;
	k->id = ++e->next_id;
	k->kind = kind;
	k->tunnel = t;
	k->sync = sync;
	ev_timer_init(&k->timer, deadline_passed, deadline, 0);
	k->timer.data = k;
	if (deadline > 0)
		ev_timer_start(e->loop, &k->timer);
	k->next = e->tickets;
	e->tickets = k;
	q->event.ticket = k->id;
	q->event.deadline = deadline;
	return q;
}

struct lnl_tunnel *lnl_ticket_take(struct lnl_engine *e, uint64_t id, enum lnl_event_kind kind)
{
	struct lnl_ticket **p, *k;
	struct lnl_tunnel *t;

	for (p = &e->tickets; (k = *p); p = &k->next) {
		if (k->id != id || k->kind != kind)
			continue;
		*p = k->next;
		t = k->tunnel;
		release_ticket(k);
		return t;
	}
	return NULL;
}

void lnl_tickets_settle(struct lnl_engine *e)
{
	struct lnl_ticket *k = e->tickets;

	while (k) {
		if (k->sync) {
			enum lnl_event_kind kind = k->kind;
			struct lnl_tunnel *t = lnl_ticket_take(e, k->id, kind);

			lnl_tunnel_default(t, kind);
			k = e->tickets; /* the default may have changed the list */
		} else {
			k = k->next;
		}
	}
}

void lnl_tickets_drop(struct lnl_engine *e, struct lnl_tunnel *t)
{
	struct lnl_ticket **p = &e->tickets, *k;
	struct lnl_queued *q;

	while ((k = *p)) {
		if (k->tunnel != t) {
			p = &k->next;
			continue;
		}
		*p = k->next;
		for (q = e->first_event; q; q = q->next)
			if (q->event.ticket == k->id)
				q->event.ticket = 0;
		release_ticket(k);
	}
}

/* ---- replies ---- */

int lnl_reply_remote(struct lnl_engine *e, uint64_t ticket, const struct lnl_remote *remote,
		     int index, double delay)
{
	struct lnl_tunnel *t = lnl_ticket_take(e, ticket, LNL_EVENT_SELECT_REMOTE);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_attempt_remote(t, remote, index, delay);
	return 0;
}

int lnl_reply_credentials(struct lnl_engine *e, uint64_t ticket, const char *username,
			  const char *password, const char *reason)
{
	struct lnl_tunnel *t = lnl_ticket_take(e, ticket, LNL_EVENT_CREDENTIALS);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_auth_credentials(t, username, password, reason);
	return 0;
}

int lnl_reply_answer(struct lnl_engine *e, uint64_t ticket, const char *answer, const char *reason)
{
	struct lnl_tunnel *t = lnl_ticket_take(e, ticket, LNL_EVENT_CHALLENGE);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_auth_answer(t, answer, reason);
	return 0;
}

int lnl_reply_verdict(struct lnl_engine *e, uint64_t ticket, bool ok, const char *reason)
{
	static const enum lnl_event_kind kinds[] = { LNL_EVENT_VERIFY_CERT, LNL_EVENT_UP,
						     LNL_EVENT_DOWN, LNL_EVENT_CONTROL };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct lnl_tunnel *t = lnl_ticket_take(e, ticket, kinds[i]);

		if (t)
			return lnl_session_verdict(t, kinds[i], ok, reason);
	}
	return LNL_E_NOTFOUND;
}

int lnl_reply_options(struct lnl_engine *e, uint64_t ticket, const char *const *list, unsigned n,
		      const char *reason)
{
	struct lnl_tunnel *t = lnl_ticket_take(e, ticket, LNL_EVENT_PULLED);

	if (!t)
		return LNL_E_NOTFOUND;
	if (t->client)
		lnl_client_configure(t->client, list, n,
				     list ? NULL : (reason ? reason : "refused by a script"),
				     lnl_clock_now());
	lnl_session_run(t);
	return 0;
}

int lnl_reply_reconnect(struct lnl_engine *e, uint64_t ticket, double seconds, const char *reason)
{
	struct lnl_tunnel *t = lnl_ticket_take(e, ticket, LNL_EVENT_RECONNECT);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_retry_again(t, seconds, reason);
	return 0;
}

int lnl_reply_default(struct lnl_engine *e, uint64_t ticket)
{
	struct lnl_ticket *k;

	for (k = e->tickets; k; k = k->next) {
		if (k->id == ticket) {
			enum lnl_event_kind kind = k->kind;
			struct lnl_tunnel *t = lnl_ticket_take(e, ticket, kind);

			lnl_tunnel_default(t, kind);
			return 0;
		}
	}
	return LNL_E_NOTFOUND;
}
