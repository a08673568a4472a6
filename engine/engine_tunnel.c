/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A tunnel's life as the host sees it: open, states, stop, closed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

#define COUNTERS_INTERVAL (5 * LNL_SECOND)

const char *lnl_state_name(enum lnl_state s)
{
	static const char *const names[] = {
		"idle",	     "wait", "resolve",	  "connect", "hello",
		"handshake", "auth", "configure", "up",	     "closing"
	};

	return (size_t)s < sizeof(names) / sizeof(*names) ? names[s] : "unknown";
}

struct lnl_tunnel *lnl_tunnel_find(struct lnl_engine *e, uint32_t id)
{
	struct lnl_tunnel *t;

	for (t = e->tunnels; t; t = t->next)
		if (t->id == id && !t->closed_told)
			return t;
	return NULL;
}

void lnl_tunnel_enter(struct lnl_tunnel *t, enum lnl_state state, const char *detail)
{
	struct lnl_queued *q;
	char address[LNL_ADDR_TEXT];

	if (t->state == state && !detail)
		return;
	t->state = state;
	q = lnl_event_add(t->engine, LNL_EVENT_STATE, t);
	if (!q)
		return;
	q->event.u.state.state = state;
	q->event.u.state.detail = lnl_arena_str(&q->arena, detail);
	q->event.u.state.remote = t->remote_index;
	if (t->n_addresses)
		q->event.u.state.address =
			lnl_arena_str(&q->arena, lnl_addr_text(&t->addresses[t->address], address));
}

/* ---- time ---- */

static void tick_session(struct lnl_tunnel *t, uint64_t now)
{
	struct lnl_command cmd = { .kind = LNL_CMD_COUNTERS, .peer = LNL_OUR_PEER };
	bool up = t->state == LNL_STATE_UP;

	if (now >= t->answer_by) {
		lnl_attempt_failed(
			t, LNL_CAUSE_TIMEOUT,
			"no answer from the server: wrong address or port, a firewall, or "
			"a tls-auth or tls-crypt key that it does not share",
			LNL_PHASE_CONNECT, NULL);
		return;
	}
	if (up &&
	    (lnl_activity_doubt(&t->activity, now) || now >= t->counted_at + COUNTERS_INTERVAL)) {
		t->counted_at = now;
		t->counters_asked++;
		lnl_worker_command(t->worker, &cmd);
	}
	if (now >= lnl_client_next_due(t->client)) {
		lnl_client_tick(t->client, now);
		lnl_session_run(t);
	}
}

static uint64_t next_due(const struct lnl_tunnel *t)
{
	uint64_t due = LNL_NEVER;

	if (t->state == LNL_STATE_WAIT && !t->finishing)
		due = t->wait_until;
	if (t->client) {
		due = lnl_earlier(lnl_client_next_due(t->client), t->answer_by);
		if (t->state == LNL_STATE_UP)
			due = lnl_earlier(due, lnl_earlier(lnl_activity_due(&t->activity),
							   t->counted_at + COUNTERS_INTERVAL));
	}
	return due;
}

void lnl_tunnel_arm(struct lnl_tunnel *t)
{
	ev_timer_stop(t->engine->loop, &t->timer);
	if (t->closed_told)
		return;
	ev_timer_set(&t->timer, lnl_clock_until(next_due(t), lnl_clock_now()), 0);
	ev_timer_start(t->engine->loop, &t->timer);
}

static void timer_fired(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_tunnel *t = w->data;
	uint64_t now = lnl_clock_now();

	(void)loop;
	(void)revents;
	if (t->state == LNL_STATE_IDLE || (t->state == LNL_STATE_WAIT && now >= t->wait_until)) {
		if (!t->finishing) {
			t->wait_until = LNL_NEVER;
			lnl_attempt_start(t);
		}
	} else if (t->client) {
		tick_session(t, now);
	}
	lnl_tunnel_arm(t);
}

static void woken(struct ev_loop *loop, ev_async *w, int revents)
{
	(void)loop;
	(void)revents;
	lnl_session_wake(w->data);
}

/* Called from the worker's thread. */
static void wake(void *ctx)
{
	struct lnl_tunnel *t = ctx;

	ev_async_send(t->engine->loop, &t->wake);
}

/* ---- the default answers ---- */

void lnl_tunnel_default(struct lnl_tunnel *t, enum lnl_event_kind kind)
{
	switch (kind) {
	case LNL_EVENT_SELECT_REMOTE:
		lnl_attempt_next_remote(t);
		break;
	case LNL_EVENT_CREDENTIALS:
		lnl_auth_credentials(t, NULL, NULL, NULL);
		break;
	case LNL_EVENT_CHALLENGE:
		lnl_auth_answer(t, NULL, NULL);
		break;
	case LNL_EVENT_VERIFY_CERT:
		lnl_session_verdict(t, kind, false, "verify_cert failed");
		break;
	case LNL_EVENT_PULLED:
		if (t->client)
			lnl_client_configure(t->client, NULL, 0, NULL, lnl_clock_now());
		lnl_session_run(t);
		break;
	case LNL_EVENT_RECONNECT:
		lnl_retry_again(t, lnl_retry_default(t), NULL);
		break;
	default:
		lnl_session_verdict(t, kind, false, NULL);
		break;
	}
}

/* ---- the end ---- */

void lnl_tunnel_finish(struct lnl_tunnel *t, int status)
{
	if (t->finishing)
		return;
	t->finishing = true;
	t->exit_status = status;
	lnl_tunnel_enter(t, LNL_STATE_CLOSING, NULL);
	if (t->up_told)
		lnl_net_ask_down(t);
	else
		lnl_retry_down(t);
}

static void fill_stats(const struct lnl_tunnel *t, struct lnl_stats *s)
{
	const struct lnl_counters *c = &t->counters;
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->rx_packets = c->rx_packets;
	s->rx_bytes = c->rx_bytes;
	s->tx_packets = c->tx_packets;
	s->tx_bytes = c->tx_bytes;
	s->link_rx_bytes = c->link_rx_bytes;
	s->link_tx_bytes = c->link_tx_bytes;
	for (i = 0; i < LNL_DROP_COUNT; i++)
		s->drops[i] = c->drops[i] + t->control_drops[i];
	s->connected_at = t->connected_at;
	s->rtt = t->client ? (double)lnl_client_rtt(t->client) / LNL_SECOND : 0;
	s->loss = lnl_loss_now(&t->loss, c);
}

void lnl_tunnel_tell_closed(struct lnl_tunnel *t)
{
	struct lnl_queued *q;

	if (t->closed_told || t->counters_asked || t->up_told)
		return;
	q = lnl_event_add(t->engine, LNL_EVENT_CLOSED, t);
	if (q) {
		q->event.u.end.cause = lnl_cause_name(t->end.cause);
		q->event.u.end.text = lnl_arena_str(&q->arena, t->end.text);
		q->event.u.end.phase = lnl_phase_name(t->end.phase);
		q->event.u.end.remote = t->remote_index;
		q->event.u.end.failures = t->failures;
		q->event.u.end.exit_status = t->exit_status;
		fill_stats(t, &q->event.u.end.stats);
	}
	t->closed_told = true;
	lnl_tickets_drop(t->engine, t);
	lnl_tunnel_arm(t);
}

void lnl_tunnel_free(struct lnl_tunnel *t)
{
	lnl_tickets_drop(t->engine, t);
	lnl_probes_drop(t);
	lnl_attempt_cancel(t);
	if (t->worker)
		lnl_session_close(t);
	lnl_net_down(t);
	ev_timer_stop(t->engine->loop, &t->timer);
	ev_async_stop(t->engine->loop, &t->wake);
	lnl_worker_free(t->worker);
	lnl_auth_forget(t);
	lnl_arena_free(&t->remote_arena);
	lnl_arena_free(&t->wanted_arena);
	lnl_tunnel_conf_deinit(&t->conf);
	free(t);
}

/* ---- the host's part ---- */

unsigned *lnl_tunnel_order(struct lnl_engine *e, struct lnl_arena *a, unsigned n, bool random)
{
	unsigned *order = lnl_arena_alloc(a, (n + 1) * sizeof(*order)), i;

	for (i = 0; order && i < n; i++)
		order[i] = i;
	for (i = n; order && random && i > 1; i--) {
		uint32_t r;
		unsigned swap;

		if (e->env.random(NULL, (uint8_t *)&r, sizeof(r)) < 0)
			return NULL;
		swap = order[r % i];
		order[r % i] = order[i - 1];
		order[i - 1] = swap;
	}
	return order;
}

static int start(struct lnl_tunnel *t)
{
	struct lnl_command cmd;
	unsigned i;
	int rc;

	t->order = lnl_tunnel_order(t->engine, &t->conf.arena, t->conf.o.n_remotes,
				    t->conf.o.remote_random);
	if (!t->order)
		return LNL_E_NOMEM;
	ev_async_init(&t->wake, woken);
	t->wake.data = t;
	ev_async_start(t->engine->loop, &t->wake);
	ev_timer_init(&t->timer, timer_fired, 0, 0);
	t->timer.data = t;
	ev_timer_start(t->engine->loop, &t->timer);
	lnl_tcp_init(&t->connect);
	t->answer_by = LNL_NEVER;
	t->socket = -1;
	t->remote_index = -1;
	lnl_activity_init(&t->activity, t->conf.o.inactive, t->conf.o.inactive_bytes);
	rc = lnl_worker_new(&t->worker, &t->engine->env, 1, 2, wake, t);
	for (i = 0; rc == 0 && i < t->conf.o.lanes.n; i++) {
		lnl_lane_command(&t->conf.o.lanes, t->engine, i, &cmd);
		rc = lnl_worker_command(t->worker, &cmd);
	}
	return rc;
}

int lnl_tunnel_open(struct lnl_engine *e, const struct lnl_tunnel_options *o, uint32_t *tunnel,
		    struct lnl_reason *why)
{
	struct lnl_tunnel *t = calloc(1, sizeof(*t));
	int rc = t ? 0 : LNL_E_NOMEM;

	why->text[0] = 0;
	if (rc == 0) {
		t->engine = e;
		rc = lnl_tunnel_conf_init(&t->conf, e, o, why);
	}
	if (rc < 0) {
		free(t);
		return why->text[0] ? rc : lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	}
	rc = start(t);
	if (rc < 0) {
		lnl_tunnel_free(t);
		return lnl_reason_set(why, rc, "cannot start the data worker: %s",
				      lnl_error_text(rc));
	}
	if (o->sec.crl_file && lnl_process_allow(e->process, o->sec.crl_file) < 0)
		lnl_log(&e->log, LNL_LEVEL_WARN, "crl.not_reread", LNL_F("file", o->sec.crl_file));
	if (o->auth_token)
		lnl_auth_token(t, o->auth_token, o->auth_token_user);
	t->id = (uint32_t)++e->next_id;
	t->next = e->tunnels;
	e->tunnels = t;
	*tunnel = t->id;
	return 0;
}

int lnl_tunnel_stop(struct lnl_engine *e, uint32_t tunnel, const char *reason)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	struct lnl_service *s = t ? NULL : lnl_service_find(e, tunnel);

	if (s)
		lnl_service_stop(s, reason);
	if (!t)
		return s ? 0 : LNL_E_NOTFOUND;
	if (t->stopping)
		return 0;
	t->stopping = true;
	lnl_log(&e->log, LNL_LEVEL_INFO, "tunnel.stopping", LNL_F("reason", reason));
	if (t->client)
		lnl_session_goodbye(t, LNL_CAUSE_USER);
	else
		lnl_attempt_failed(t, LNL_CAUSE_USER, reason, LNL_PHASE_CONNECT, NULL);
	return 0;
}

int lnl_tunnel_reconnect(struct lnl_engine *e, uint32_t tunnel, bool hard,
			 const struct lnl_remote *remote, int index, const char *reason)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);

	if (!t)
		return LNL_E_NOTFOUND;
	if (t->stopping)
		return LNL_E_STATE;
	lnl_log(&e->log, LNL_LEVEL_INFO, "tunnel.reconnecting", LNL_F("reason", reason));
	if (remote) {
		lnl_arena_free(&t->wanted_arena);
		t->wanted = lnl_arena_alloc(&t->wanted_arena, sizeof(*t->wanted));
		if (!t->wanted)
			return LNL_E_NOMEM;
		*t->wanted = *remote;
		t->wanted->host = lnl_arena_str(&t->wanted_arena, remote->host);
		t->wanted->local = lnl_arena_str(&t->wanted_arena, remote->local);
		t->wanted_index = index;
	}
	t->hard_restart = hard;
	if (t->client)
		lnl_session_goodbye(t, LNL_CAUSE_USER);
	else
		lnl_attempt_failed(t, LNL_CAUSE_USER, reason, LNL_PHASE_CONNECT, NULL);
	return 0;
}

int lnl_tunnel_stats(struct lnl_engine *e, uint32_t tunnel, struct lnl_stats *out)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);

	if (!t)
		return LNL_E_NOTFOUND;
	fill_stats(t, out);
	t->counted_at = 0; /* ask the worker anew */
	lnl_tunnel_arm(t);
	return 0;
}

enum lnl_state lnl_tunnel_state(struct lnl_engine *e, uint32_t tunnel)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);

	return t ? t->state : LNL_STATE_IDLE;
}

int lnl_tunnel_text(struct lnl_engine *e, uint32_t tunnel, const char *text)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	int rc;

	if (!t)
		return LNL_E_NOTFOUND;
	if (!t->client)
		return LNL_E_STATE;
	rc = lnl_client_send_text(t->client, text, lnl_clock_now());
	lnl_session_run(t);
	return rc;
}

int lnl_tunnel_renegotiate(struct lnl_engine *e, uint32_t tunnel)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	int rc;

	if (!t)
		return LNL_E_NOTFOUND;
	if (!t->client)
		return LNL_E_STATE;
	rc = lnl_client_renegotiate(t->client, lnl_clock_now());
	lnl_session_run(t);
	return rc;
}

static void put_pairs(char *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 3 * i, 4, "%02X%s", bytes[i], i + 1 < n ? ":" : "");
}

void lnl_cert_describe(const struct lnl_cert *c, struct lnl_cert_info *out)
{
	unsigned j;

	memset(out, 0, sizeof(*out));
	out->depth = c->depth;
	out->subject = c->subject;
	out->issuer = c->issuer;
	out->cn = c->cn;
	out->serial = c->serial;
	for (j = 0; j < c->n_san && j < sizeof(out->san) / sizeof(*out->san); j++)
		out->san[j] = c->san[j];
	out->n_san = j;
	put_pairs(out->fingerprint, c->sha256, sizeof(c->sha256));
	put_pairs(out->sha1, c->sha1, sizeof(c->sha1));
	out->not_before = c->not_before;
	out->not_after = c->not_after;
}

bool lnl_tunnel_cert(struct lnl_engine *e, uint32_t tunnel, unsigned i, struct lnl_cert_info *out)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	const struct lnl_cert *c = t && t->client ? lnl_client_chain(t->client, i) : NULL;

	if (c)
		lnl_cert_describe(c, out);
	return c != NULL;
}
