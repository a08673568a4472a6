/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Probes for scripts: the first packet of a connection from a socket like the tunnel's own, and how
 * long its answer takes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/probe.h"
#include "engine_state.h"
#include "wire/stream.h"

#define A_TURN 16 /* packets read before others have their turn: anybody may send us some */

struct lnl_probing {
	struct lnl_probing *next;
	struct lnl_engine *engine;
	struct lnl_tunnel *tunnel;
	struct lnl_op *op;
	struct lnl_remote remote;
	struct lnl_arena arena;
	ev_timer timer; /* begins it; then its time is over */
	ev_io io;
	double timeout;
	bool begun, tcp;
	struct lnl_resolve *resolve;
	struct lnl_tcp connect;
	int fd; /* -1: none */
	uint64_t sent_at;
	struct lnl_probe probe;
	struct lnl_stream stream;
	uint8_t in[LNL_STREAM_PREFIX + LNL_WRAP_PACKET_MAX];
};

/* ---- the end ---- */

static void drop(struct lnl_probing *p)
{
	struct lnl_probing **at = &p->engine->probes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->engine->n_probes--;
	lnl_resolver_cancel(p->resolve);
	lnl_tcp_cancel(&p->connect);
	ev_timer_stop(p->engine->loop, &p->timer);
	ev_io_stop(p->engine->loop, &p->io);
	if (p->fd >= 0)
		close(p->fd);
	lnl_arena_free(&p->arena);
	lnl_secret_wipe(p, sizeof(*p));
	free(p);
}

static void answer(struct lnl_op *op, const char *why, double seconds)
{
	static const struct lnl_probe_answer poor = { .why = "out of memory" };
	struct lnl_queued *q = lnl_op_done(op, LNL_EVENT_PROBED);
	struct lnl_probe_answer *a = q ? lnl_arena_alloc(&q->arena, sizeof(*a)) : NULL;

	if (!q)
		return;
	q->event.u.probe = &poor;
	if (!a)
		return;
	a->why = lnl_arena_str(&q->arena, why);
	a->seconds = seconds;
	if (!why || a->why)
		q->event.u.probe = a;
}

static void fail(struct lnl_probing *p, const char *why)
{
	answer(p->op, why, 0);
	drop(p);
}

static void succeed(struct lnl_probing *p)
{
	answer(p->op, NULL, (double)(lnl_clock_now() - p->sent_at) / LNL_SECOND);
	drop(p);
}

/* ---- packets ---- */

static bool is_answer(struct lnl_probing *p, const uint8_t *data, size_t len)
{
	return lnl_probe_read(&p->probe, data, len) == LNL_DROP_NONE;
}

/* False: |p| is gone. */
static bool read_stream(struct lnl_probing *p)
{
	size_t room, len;
	uint8_t *at = lnl_stream_room(&p->stream, &room), *packet;
	ssize_t n = recv(p->fd, at, room, 0);
	int rc;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		fail(p, n == 0 ? "the server closed the connection" : strerror(errno));
		return false;
	}
	lnl_stream_added(&p->stream, (size_t)n);
	while ((rc = lnl_stream_next(&p->stream, &packet, &len)) == 1) {
		if (is_answer(p, packet, len)) {
			succeed(p);
			return false;
		}
	}
	if (rc == 0)
		return true;
	fail(p, "what answers does not speak OpenVPN");
	return false;
}

static bool read_datagram(struct lnl_probing *p)
{
	ssize_t n = recv(p->fd, p->in, sizeof(p->in), 0);

	if (n > 0 && is_answer(p, p->in, (size_t)n)) {
		succeed(p);
		return false;
	}
	/* ICMP says that nobody is there: who can forge that could as well answer in plain. */
	if (n < 0 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) {
		fail(p, strerror(errno));
		return false;
	}
	return n >= 0;
}

static void readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_probing *p = w->data;
	unsigned i;

	(void)loop;
	(void)revents;
	if (p->tcp)
		read_stream(p);
	else
		for (i = 0; i < A_TURN && read_datagram(p); i++)
			;
}

/* The socket stands: out with it. */
static void ask(struct lnl_probing *p, int fd)
{
	uint8_t packet[LNL_STREAM_PREFIX + LNL_SESSION_PACKET_MAX + LNL_WKC_MAX];
	size_t head = p->tcp ? LNL_STREAM_PREFIX : 0;
	int len;

	p->fd = fd;
	len = lnl_probe_write(&p->probe, packet + head, sizeof(packet) - head);
	if (len < 0) {
		fail(p, lnl_error_text(len));
		return;
	}
	packet[0] = p->tcp ? (uint8_t)(len >> 8) : packet[0];
	packet[1] = p->tcp ? (uint8_t)len : packet[1];
	if (!p->tcp)
		p->sent_at = lnl_clock_now();
	if (send(fd, packet, head + (size_t)len, MSG_NOSIGNAL) != (ssize_t)head + len) {
		fail(p, strerror(errno));
		return;
	}
	ev_io_set(&p->io, fd, EV_READ);
	ev_io_start(p->engine->loop, &p->io);
}

/* ---- the way there ---- */

static void connected(void *ctx, int fd, const struct lnl_reason *why)
{
	if (fd >= 0)
		ask(ctx, fd);
	else
		fail(ctx, why->text);
}

/* As for the tunnel's own socket: around the tunnel, the way to its own server included. */
static void protect(const struct lnl_probing *p, const struct lnl_addr *a)
{
	struct lnl_tunnel *t = p->tunnel;

	if (t->n_addresses)
		lnl_net_protect(t, &t->addresses[t->address]);
	lnl_net_protect(t, a);
}

/* A descriptor for UDP, 0 for TCP, which connects; or an error. */
static int open_one(struct lnl_probing *p, const struct lnl_addr *a,
		    const struct lnl_socket_conf *s, struct lnl_reason *why)
{
	protect(p, a);
	p->sent_at = lnl_clock_now();
	if (!p->tcp)
		return lnl_udp_open(a, s, why);
	return lnl_tcp_connect(&p->connect, p->engine->loop, a, s, p->timeout, connected, p, why);
}

static void resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n, const char *why)
{
	struct lnl_probing *p = ctx;
	struct lnl_reason text = { "" };
	struct lnl_socket_conf s;
	unsigned i;
	int rc;

	p->resolve = NULL;
	if (error < 0 || n == 0) {
		lnl_reason_set(&text, 0, "cannot resolve '%s': %s", p->remote.host,
			       why ? why : lnl_error_text(error));
		fail(p, text.text);
		return;
	}
	rc = lnl_attempt_socket(p->tunnel, &p->remote, &s, &text);
	if (rc < 0) {
		fail(p, text.text);
		return;
	}
	/* The tunnel's own socket has its port already. */
	s.lport = 0;
	lnl_addr_set_port(&s.local, 0);
	rc = LNL_E_NOTFOUND;
	/* An address that no route leads to, and the like, gives way to the next one. */
	for (i = 0; rc < 0 && i < n; i++)
		rc = open_one(p, &list[i], &s, &text);
	if (rc < 0)
		fail(p, text.text);
	else if (!p->tcp)
		ask(p, rc);
}

static void fired(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_probing *p = w->data;

	(void)revents;
	if (p->begun) {
		fail(p, "timeout");
		return;
	}
	p->begun = true;
	ev_now_update(loop);
	ev_timer_set(w, p->timeout, 0);
	ev_timer_start(loop, w);
	p->resolve = lnl_resolver_lookup(p->engine->resolver, p->remote.host, p->remote.port,
					 lnl_attempt_family(&p->remote), resolved, p);
	if (!p->resolve)
		fail(p, lnl_error_text(LNL_E_NOMEM));
}

/* ---- for the host ---- */

static void give_up(struct lnl_op *op)
{
	drop(op->what);
}

static struct lnl_probing *make(struct lnl_tunnel *t, struct lnl_op *op,
				const struct lnl_remote *remote, double timeout)
{
	struct lnl_probing *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->engine = t->engine;
	p->tunnel = t;
	p->op = op;
	p->timeout = timeout;
	p->fd = -1;
	p->remote = *remote;
	p->remote.host = lnl_arena_str(&p->arena, remote->host);
	p->remote.local = lnl_arena_str(&p->arena, remote->local);
	p->tcp = remote->proto >= LNL_PROTO_TCP;
	lnl_stream_init(&p->stream, p->in, sizeof(p->in), LNL_WRAP_PACKET_MAX);
	lnl_tcp_init(&p->connect);
	ev_io_init(&p->io, readable, -1, EV_READ);
	ev_timer_init(&p->timer, fired, 0, 0);
	p->io.data = p->timer.data = p;
	if (!p->remote.host || lnl_probe_init(&p->probe, &t->conf.client.session) < 0) {
		lnl_arena_free(&p->arena);
		free(p);
		return NULL;
	}
	return p;
}

uint64_t lnl_op_probe(struct lnl_engine *e, uint32_t tunnel, const struct lnl_remote *remote,
		      double timeout)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	struct lnl_op *op = lnl_op_new(e);
	struct lnl_probing *p;
	uint64_t id = op ? op->id : 0;

	if (!op)
		return 0;
	if (!t || e->n_probes >= LNL_PROBES) {
		answer(op, t ? "limit: 16 probes are under way" : "there is no such tunnel", 0);
		return id;
	}
	p = make(t, op, remote, timeout);
	if (!p) {
		lnl_op_cancel(e, id);
		return 0;
	}
	p->next = e->probes;
	e->probes = p;
	e->n_probes++;
	op->what = p;
	op->give_up = give_up;
	ev_timer_start(e->loop, &p->timer);
	return id;
}

void lnl_probes_drop(struct lnl_tunnel *t)
{
	struct lnl_probing *p = t->engine->probes, *next;

	for (; p; p = next) {
		next = p->next;
		if (p->tunnel == t)
			fail(p, "the tunnel is gone");
	}
}
