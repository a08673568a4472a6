/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of events, and the questions that are open. */
#include <stdlib.h>

#include "engine_service.h"

static struct lnl_queued *add(struct lnl_engine *e, enum lnl_event_kind kind,
			      const struct lnl_asked *about)
{
	struct lnl_queued *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->event.kind = kind;
	q->event.peer = about->service || about->desk ? about->peer : LNL_NO_PEER;
	if (about->service)
		q->event.tunnel = about->service->id;
	else if (about->desk)
		q->event.tunnel = about->desk->id;
	else if (about->tunnel)
		q->event.tunnel = about->tunnel->id;
	if (e->last_event)
		e->last_event->next = q;
	else
		e->first_event = q;
	e->last_event = q;
	return q;
}

struct lnl_queued *lnl_event_add(struct lnl_engine *e, enum lnl_event_kind kind,
				 struct lnl_tunnel *t)
{
	return add(e, kind, &(struct lnl_asked){ .tunnel = t });
}

struct lnl_queued *lnl_event_add_peer(struct lnl_engine *e, enum lnl_event_kind kind,
				      struct lnl_service *s, uint32_t peer)
{
	return add(e, kind, &(struct lnl_asked){ .service = s, .peer = peer });
}

/* ---- tickets ---- */

/*
 * Thousands of clients may wait for a host that thinks: whatever is done with one ticket looks at
 * no other.
 */
static struct lnl_ticket *find(const struct lnl_engine *e, uint64_t id)
{
	struct lnl_node *node = lnl_nodes_find(&e->tickets, (uint32_t)id);

	for (; node; node = lnl_nodes_again(node)) {
		struct lnl_ticket *k = LNL_NODE_OF(node, struct lnl_ticket, node);

		if (k->id == id)
			return k;
	}
	return NULL;
}

/* Where the tickets are that are about the same; NULL: it is gone. */
static struct lnl_ticket **list_of(const struct lnl_asked *about)
{
	struct lnl_served *v;

	if (about->tunnel)
		return &about->tunnel->tickets;
	if (about->desk)
		return &about->desk->tickets;
	v = lnl_served_find(about->service, about->peer);
	return v ? &v->tickets : NULL;
}

static void enter(struct lnl_engine *e, struct lnl_ticket *k)
{
	struct lnl_ticket **list = list_of(&k->about);

	lnl_nodes_put(&e->tickets, &k->node, (uint32_t)k->id);
	if (list) {
		k->next = *list;
		k->at = list;
		if (k->next)
			k->next->at = &k->next;
		*list = k;
	}
	if (k->sync) {
		k->next_sync = e->sync_tickets;
		k->at_sync = &e->sync_tickets;
		if (k->next_sync)
			k->next_sync->at_sync = &k->next_sync;
		e->sync_tickets = k;
	}
}

static void release_ticket(struct lnl_ticket *k)
{
	lnl_nodes_take(&k->engine->tickets, &k->node);
	if (k->at)
		*k->at = k->next;
	if (k->next)
		k->next->at = k->at;
	if (k->at_sync)
		*k->at_sync = k->next_sync;
	if (k->next_sync)
		k->next_sync->at_sync = k->at_sync;
	ev_timer_stop(k->engine->loop, &k->timer);
	free(k);
}

void lnl_ticket_told(struct lnl_engine *e, uint64_t id)
{
	struct lnl_ticket *k = find(e, id);

	if (k)
		k->queued = NULL;
}

static void answer_default(const struct lnl_asked *about, enum lnl_event_kind kind)
{
	struct lnl_served *v;

	if (about->tunnel) {
		lnl_tunnel_default(about->tunnel, kind);
		return;
	}
	if (about->desk) {
		lnl_desk_default(about->desk, about->peer);
		return;
	}
	v = lnl_served_find(about->service, about->peer);
	if (v)
		lnl_served_default(v, kind);
}

static void deadline_passed(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_ticket *k = w->data;
	struct lnl_engine *e = k->engine;
	uint64_t id = k->id;
	enum lnl_event_kind kind = k->kind;
	struct lnl_asked about;

	(void)loop;
	(void)revents;
	if (!lnl_ticket_take(e, id, kind, &about))
		return;
	e->metrics.deadlines++;
	lnl_log(&e->log, LNL_LEVEL_WARN, "hook.deadline", LNL_F("ticket", (int64_t)id));
	answer_default(&about, kind);
}

static struct lnl_queued *ask(struct lnl_engine *e, enum lnl_event_kind kind,
			      const struct lnl_asked *about, double deadline, bool sync)
{
	struct lnl_ticket *k = calloc(1, sizeof(*k));
	struct lnl_queued *q = k ? add(e, kind, about) : NULL;

	if (!q) {
		free(k);
		return NULL;
	}
	e->metrics.questions++;
	k->engine = e;
	k->id = ++e->next_id;
	k->kind = kind;
	k->about = *about;
	k->sync = sync;
	ev_timer_init(&k->timer, deadline_passed, deadline, 0);
	k->timer.data = k;
	if (deadline > 0)
		ev_timer_start(e->loop, &k->timer);
	k->queued = q;
	enter(e, k);
	q->event.ticket = k->id;
	q->event.deadline = deadline;
	return q;
}

struct lnl_queued *lnl_event_ask(struct lnl_engine *e, enum lnl_event_kind kind,
				 struct lnl_tunnel *t, double deadline, bool sync)
{
	return ask(e, kind, &(struct lnl_asked){ .tunnel = t }, deadline, sync);
}

struct lnl_queued *lnl_event_ask_peer(struct lnl_engine *e, enum lnl_event_kind kind,
				      struct lnl_service *s, uint32_t peer, double deadline,
				      bool sync)
{
	return ask(e, kind, &(struct lnl_asked){ .service = s, .peer = peer }, deadline, sync);
}

struct lnl_queued *lnl_event_ask_desk(struct lnl_engine *e, enum lnl_event_kind kind,
				      struct lnl_desk *d, uint32_t connection, double deadline)
{
	return ask(e, kind, &(struct lnl_asked){ .desk = d, .peer = connection }, deadline, false);
}

bool lnl_ticket_take(struct lnl_engine *e, uint64_t id, enum lnl_event_kind kind,
		     struct lnl_asked *out)
{
	struct lnl_ticket *k = find(e, id);

	if (!k || k->kind != kind)
		return false;
	*out = k->about;
	release_ticket(k);
	return true;
}

/* The same for a question that only tunnels are asked. */
static struct lnl_tunnel *take_tunnel(struct lnl_engine *e, uint64_t id, enum lnl_event_kind kind)
{
	struct lnl_asked about;

	return lnl_ticket_take(e, id, kind, &about) ? about.tunnel : NULL;
}

/* And for one that only servers' peers are; NULL, too, when the peer is gone. */
static struct lnl_served *take_served(struct lnl_engine *e, uint64_t id, enum lnl_event_kind kind)
{
	struct lnl_asked about;

	if (!lnl_ticket_take(e, id, kind, &about) || !about.service)
		return NULL;
	return lnl_served_find(about.service, about.peer);
}

void lnl_tickets_settle(struct lnl_engine *e)
{
	struct lnl_ticket *k;
	struct lnl_asked about;

	/* What a default asks anew gets its default, too. */
	while ((k = e->sync_tickets)) {
		enum lnl_event_kind kind = k->kind;

		lnl_ticket_take(e, k->id, kind, &about);
		answer_default(&about, kind);
	}
}

static void forget(struct lnl_ticket *k)
{
	while (k) {
		struct lnl_ticket *next = k->next;

		if (k->queued)
			k->queued->event.ticket = 0;
		release_ticket(k);
		k = next;
	}
}

void lnl_tickets_drop(struct lnl_engine *e, struct lnl_tunnel *t)
{
	(void)e;
	forget(t->tickets);
}

void lnl_tickets_drop_peer(struct lnl_engine *e, struct lnl_service *s, uint32_t peer)
{
	struct lnl_served *v = lnl_served_find(s, peer);

	(void)e;
	if (v)
		forget(v->tickets);
}

void lnl_tickets_drop_desk(struct lnl_engine *e, struct lnl_desk *d)
{
	(void)e;
	forget(d->tickets);
}

/* ---- replies ---- */

int lnl_reply_remote(struct lnl_engine *e, uint64_t ticket, const struct lnl_remote *remote,
		     int index, double delay)
{
	struct lnl_tunnel *t = take_tunnel(e, ticket, LNL_EVENT_SELECT_REMOTE);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_attempt_remote(t, remote, index, delay);
	return 0;
}

int lnl_reply_credentials(struct lnl_engine *e, uint64_t ticket, const char *username,
			  const char *password, const char *reason)
{
	struct lnl_tunnel *t = take_tunnel(e, ticket, LNL_EVENT_CREDENTIALS);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_auth_credentials(t, username, password, reason);
	return 0;
}

int lnl_reply_answer(struct lnl_engine *e, uint64_t ticket, const char *answer, const char *reason)
{
	struct lnl_tunnel *t = take_tunnel(e, ticket, LNL_EVENT_CHALLENGE);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_auth_answer(t, answer, reason);
	return 0;
}

int lnl_reply_verdict(struct lnl_engine *e, uint64_t ticket, bool ok, const char *reason)
{
	static const enum lnl_event_kind kinds[] = { LNL_EVENT_VERIFY_CERT, LNL_EVENT_UP,
						     LNL_EVENT_DOWN, LNL_EVENT_CONTROL,
						     LNL_EVENT_LEARN };
	struct lnl_asked about;
	struct lnl_served *v;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (!lnl_ticket_take(e, ticket, kinds[i], &about))
			continue;
		if (about.tunnel)
			return lnl_session_verdict(about.tunnel, kinds[i], ok, reason);
		v = lnl_served_find(about.service, about.peer);
		if (!v)
			return LNL_E_NOTFOUND;
		lnl_served_verdict(v, kinds[i], ok, reason);
		return 0;
	}
	return LNL_E_NOTFOUND;
}

int lnl_reply_options(struct lnl_engine *e, uint64_t ticket, const char *const *list, unsigned n,
		      const char *reason)
{
	struct lnl_tunnel *t = take_tunnel(e, ticket, LNL_EVENT_PULLED);

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
	struct lnl_tunnel *t = take_tunnel(e, ticket, LNL_EVENT_RECONNECT);

	if (!t)
		return LNL_E_NOTFOUND;
	lnl_retry_again(t, seconds, reason);
	return 0;
}

int lnl_reply_login(struct lnl_engine *e, uint64_t ticket, enum lnl_login_verdict verdict,
		    const char *text)
{
	struct lnl_served *v = take_served(e, ticket, LNL_EVENT_AUTHENTICATE);

	if (!v)
		return LNL_E_NOTFOUND;
	lnl_login_answer(v, verdict, text);
	return 0;
}

int lnl_reply_grant(struct lnl_engine *e, uint64_t ticket, const struct lnl_grant_options *g,
		    const char *text)
{
	struct lnl_served *v = take_served(e, ticket, LNL_EVENT_AUTHORIZE);

	if (!v)
		return LNL_E_NOTFOUND;
	lnl_grant_answer(v, g, text);
	return 0;
}

int lnl_reply_line(struct lnl_engine *e, uint64_t ticket, const char *text, size_t len, bool end)
{
	struct lnl_asked about;

	if (!lnl_ticket_take(e, ticket, LNL_EVENT_LINE, &about))
		return LNL_E_NOTFOUND;
	return lnl_lines_answer(about.desk->lines, about.peer, text, len, end);
}

int lnl_reply_default(struct lnl_engine *e, uint64_t ticket)
{
	struct lnl_ticket *k = find(e, ticket);
	enum lnl_event_kind kind;
	struct lnl_asked about;

	if (!k)
		return LNL_E_NOTFOUND;
	kind = k->kind;
	lnl_ticket_take(e, ticket, kind, &about);
	answer_default(&about, kind);
	return 0;
}
