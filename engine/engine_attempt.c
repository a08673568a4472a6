/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One attempt, up to a transport that stands: choose a remote, resolve its name, connect. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine_state.h"

static void fail(struct lnl_tunnel *t, enum lnl_cause cause, const char *text)
{
	lnl_attempt_failed(t, cause, text, LNL_PHASE_CONNECT, NULL);
}

static bool is_tcp(const struct lnl_remote *r)
{
	return r->proto >= LNL_PROTO_TCP;
}

int lnl_attempt_family(const struct lnl_remote *r)
{
	switch (r->proto) {
	case LNL_PROTO_UDP4:
	case LNL_PROTO_TCP4:
		return 4;
	case LNL_PROTO_UDP6:
	case LNL_PROTO_TCP6:
		return 6;
	default:
		return 0;
	}
}

/* ---- choosing ---- */

static void ask_remote(struct lnl_tunnel *t)
{
	struct lnl_queued *q = lnl_event_ask(t->engine, LNL_EVENT_SELECT_REMOTE, t, 10, false);

	if (!q) {
		lnl_attempt_next_remote(t);
		return;
	}
	q->event.u.select.attempt = t->attempt;
	q->event.u.select.failures = t->failures;
	q->event.u.select.last_remote = t->attempt > 1 ? t->remote_index : -1;
	if (t->end.cause != LNL_CAUSE_NONE) {
		q->event.u.select.last_cause = lnl_cause_name(t->end.cause);
		q->event.u.select.last_text = lnl_arena_str(&q->arena, t->end.text);
	}
}

void lnl_attempt_next_remote(struct lnl_tunnel *t)
{
	unsigned n = t->conf.o.n_remotes;

	if (n == 0) {
		fail(t, LNL_CAUSE_CONNECT, "there is no remote, and select_remote named none");
		return;
	}
	if (t->attempt > 1 && !t->keep_remote)
		t->place = (t->place + 1) % n;
	lnl_attempt_remote(t, &t->conf.remotes[t->order[t->place]], (int)t->order[t->place], 0);
}

void lnl_attempt_start(struct lnl_tunnel *t)
{
	t->attempt++;
	if (t->remote_chosen) {
		t->attempt--;
		t->remote_chosen = false;
		lnl_auth_prepare(t);
		return;
	}
	if (t->wanted) {
		struct lnl_remote *wanted = t->wanted;

		t->wanted = NULL;
		lnl_attempt_remote(t, wanted, t->wanted_index, 0);
		return;
	}
	/* Another address of the same host comes before another host. */
	if (t->next_address && t->address + 1 < t->n_addresses) {
		t->address++;
		lnl_auth_prepare(t);
		return;
	}
	t->n_addresses = 0;
	if (t->conf.o.asks & LNL_ASK_SELECT_REMOTE)
		ask_remote(t);
	else
		lnl_attempt_next_remote(t);
}

void lnl_attempt_remote(struct lnl_tunnel *t, const struct lnl_remote *remote, int index,
			double delay)
{
	struct lnl_arena arena = { NULL };
	struct lnl_remote *copy = lnl_arena_alloc(&arena, sizeof(*copy));

	if (!copy) {
		fail(t, LNL_CAUSE_INTERNAL, lnl_error_text(LNL_E_NOMEM));
		return;
	}
	*copy = *remote;
	copy->host = lnl_arena_str(&arena, remote->host);
	copy->local = lnl_arena_str(&arena, remote->local);
	lnl_arena_free(&t->remote_arena); /* after the copy: |remote| may live in it */
	t->remote_arena = arena;
	t->remote = copy;
	t->remote_index = index;
	t->n_addresses = 0;
	if (delay > 0) {
		t->remote_chosen = true;
		t->wait_until = lnl_clock_now() + (uint64_t)(delay * 1e6);
		lnl_tunnel_enter(t, LNL_STATE_WAIT, "select_remote asked for a delay");
		lnl_tunnel_arm(t);
		return;
	}
	lnl_auth_prepare(t);
}

/* ---- resolving ---- */

static void connect_next(struct lnl_tunnel *t);

static void resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n, const char *why)
{
	struct lnl_tunnel *t = ctx;
	char text[512];

	t->resolve = NULL;
	if (error < 0 || n == 0) {
		snprintf(text, sizeof(text), "cannot resolve '%s': %s", t->remote->host,
			 why ? why : lnl_error_text(error));
		fail(t, LNL_CAUSE_RESOLVE, text);
		return;
	}
	if (n > LNL_ADDRESSES)
		n = LNL_ADDRESSES;
	memcpy(t->addresses, list, n * sizeof(*list));
	t->n_addresses = n;
	t->address = 0;
	t->resolving_since = 0;
	connect_next(t);
}

/* remote-random-hostname: a label of random hex in front of a name defeats caches on the way. */
static void host_name(const struct lnl_tunnel *t, char *out, size_t cap)
{
	uint8_t random[6];
	struct lnl_prefix literal;
	struct lnl_writer w;

	lnl_writer_init(&w, out, cap);
	if (t->conf.o.remote_random_hostname && lnl_prefix_parse(&literal, t->remote->host) < 0 &&
	    t->engine->env.random(t->engine->env.ctx, random, sizeof(random)) == 0) {
		lnl_write_hex(&w, random, sizeof(random));
		lnl_write_u8(&w, '.');
	}
	lnl_write_str(&w, t->remote->host);
	lnl_write_u8(&w, 0);
	if (w.error)
		snprintf(out, cap, "%s", t->remote->host);
}

void lnl_attempt_resolve(struct lnl_tunnel *t)
{
	char host[512];

	if (t->n_addresses) {
		connect_next(t);
		return;
	}
	if (!t->resolving_since)
		t->resolving_since = lnl_clock_now();
	lnl_tunnel_enter(t, LNL_STATE_RESOLVE, t->remote->host);
	host_name(t, host, sizeof(host));
	t->resolve = lnl_resolver_lookup(t->engine->resolver, host, t->remote->port,
					 lnl_attempt_family(t->remote), resolved, t);
	if (!t->resolve)
		fail(t, LNL_CAUSE_INTERNAL, lnl_error_text(LNL_E_NOMEM));
}

/* ---- connecting ---- */

static void tcp_connected(void *ctx, int fd, const struct lnl_reason *why)
{
	struct lnl_tunnel *t = ctx;

	if (fd < 0)
		fail(t, fd == LNL_E_TIMEOUT ? LNL_CAUSE_TIMEOUT : LNL_CAUSE_CONNECT, why->text);
	else
		lnl_session_open(t, fd, true, &t->addresses[t->address]);
}

int lnl_attempt_socket(const struct lnl_tunnel *t, const struct lnl_remote *r,
		       struct lnl_socket_conf *s, struct lnl_reason *why)
{
	const struct lnl_tunnel_options *o = &t->conf.o;
	struct lnl_ip ip;

	memset(s, 0, sizeof(*s));
	if (r->local) {
		if (lnl_ip_parse(&ip, r->local) < 0)
			return lnl_reason_set(why, LNL_E_INVAL, "local '%s' is not an IP address",
					      r->local);
		s->local = lnl_addr_from(&ip, r->lport);
	}
	s->lport = r->lport;
	s->bind_dev = o->bind_dev;
	s->mark = o->mark;
	s->sndbuf = o->sndbuf;
	s->rcvbuf = o->rcvbuf;
	s->mtu_disc = o->mtu_disc;
	s->tcp_nodelay = o->tcp_nodelay;
	return 0;
}

static int64_t connect_timeout(const struct lnl_tunnel *t)
{
	return t->remote->connect_timeout >= 0 ? t->remote->connect_timeout
					       : t->conf.o.connect_timeout;
}

static void connect_next(struct lnl_tunnel *t)
{
	const struct lnl_addr *a = &t->addresses[t->address];
	struct lnl_socket_conf s;
	struct lnl_reason why = { "" };
	int rc = lnl_attempt_socket(t, t->remote, &s, &why);

	if (rc == 0) {
		lnl_net_protect(t, a);
		t->answer_by = lnl_clock_now() + (uint64_t)connect_timeout(t) * LNL_SECOND;
		lnl_tunnel_enter(t, is_tcp(t->remote) ? LNL_STATE_CONNECT : LNL_STATE_HELLO,
				 t->remote->host);
		if (is_tcp(t->remote))
			rc = lnl_tcp_connect(&t->connect, t->engine->loop, a, &s,
					     (double)connect_timeout(t), tcp_connected, t, &why);
		else
			rc = t->conf.o.floating ? lnl_socket_open(SOCK_DGRAM, a, &s, &why)
						: lnl_udp_open(a, &s, &why);
	}
	if (rc < 0)
		fail(t, LNL_CAUSE_CONNECT, why.text);
	else if (!is_tcp(t->remote))
		lnl_session_open(t, rc, false, a);
}

void lnl_attempt_cancel(struct lnl_tunnel *t)
{
	if (t->resolve)
		lnl_resolver_cancel(t->resolve);
	t->resolve = NULL;
	lnl_tcp_cancel(&t->connect);
}
