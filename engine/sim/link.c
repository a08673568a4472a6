/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In the place of io's socket.c, udp.c, tcp.c and listen.c: who reaches whom. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/listen.h"
#include "io/reason.h"
#include "io/tcp.h"
#include "io/udp.h"
#include "sim/sim.h"

/* ---- sockets ---- */

int lnl_socket_set(int fd, int type, int family, const struct lnl_socket_conf *conf,
		   struct lnl_reason *why)
{
	(void)fd;
	(void)type;
	(void)family;
	(void)conf;
	(void)why;
	return 0;
}

void lnl_socket_tune(int fd, int sndbuf, int rcvbuf, bool tcp_nodelay)
{
	(void)fd;
	(void)sndbuf;
	(void)rcvbuf;
	(void)tcp_nodelay;
}

static int open_client(enum lnl_sim_end_kind kind, const struct lnl_addr *remote,
		       const struct lnl_socket_conf *conf, struct lnl_reason *why)
{
	int fd = lnl_sim_open(kind);
	struct lnl_sim_end *e = lnl_sim_end(fd);

	if (!e)
		return lnl_reason_errno(why, -fd, "cannot open a socket");
	e->local = lnl_sim_own(remote);
	e->remote = *remote;
	if (conf->local.len != 0)
		e->local = conf->local;
	if (conf->lport != 0)
		lnl_addr_set_port(&e->local, conf->lport);
	return fd;
}

int lnl_socket_open(int type, const struct lnl_addr *remote, const struct lnl_socket_conf *conf,
		    struct lnl_reason *why)
{
	return open_client(type == SOCK_DGRAM ? LNL_SIM_UDP : LNL_SIM_STREAM, remote, conf, why);
}

int lnl_udp_open(const struct lnl_addr *remote, const struct lnl_socket_conf *conf,
		 struct lnl_reason *why)
{
	return open_client(LNL_SIM_UDP, remote, conf, why);
}

/* ---- streams ---- */

void lnl_tcp_init(struct lnl_tcp *t)
{
	memset(t, 0, sizeof(*t));
}

static void fail(struct lnl_tcp *t, int err)
{
	struct lnl_reason why;
	char text[LNL_ADDR_TEXT];
	int rc = lnl_reason_errno(&why, err, "cannot connect to %s over TCP",
				  lnl_addr_text(&t->remote, text));

	close(t->io.fd);
	t->loop = NULL;
	t->done(t->ctx, rc, &why);
}

static void join(struct lnl_sim_end *a, int a_fd, struct lnl_sim_end *b, int b_fd)
{
	a->other = b_fd;
	a->other_serial = b->serial;
	b->other = a_fd;
	b->other_serial = a->serial;
}

/* Who listens is told by its loop: the connection lies before it as a packet does. */
static void knock(struct lnl_sim_end *door, int fd)
{
	struct lnl_sim_packet *p = lnl_sim_alloc(sizeof(*p));

	p->to_fd = fd;
	*door->last = p;
	door->last = &p->next;
	if (door->reader)
		lnl_sim_feed_io(door->reader, EV_READ);
}

/* The time of a connection's first packets has passed, or that to wait for them. */
static void connected(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_tcp *t = w->data;
	struct lnl_sim_end *c = lnl_sim_end(t->io.fd), *door, *s;
	int door_fd, fd;

	(void)loop;
	(void)revents;
	if (lnl_sim_is_gone(&t->remote)) {
		fail(t, ETIMEDOUT);
		return;
	}
	door = lnl_sim_at(LNL_SIM_LISTENER, &t->remote, &door_fd);
	fd = door ? lnl_sim_open(LNL_SIM_STREAM) : -ECONNREFUSED;
	s = lnl_sim_end(fd);
	if (!s) {
		fail(t, -fd);
		return;
	}
	s->host = door->host;
	s->local = t->remote;
	s->remote = c->local;
	join(c, t->io.fd, s, fd);
	knock(door, fd);
	t->loop = NULL;
	t->done(t->ctx, t->io.fd, NULL);
}

int lnl_tcp_connect(struct lnl_tcp *t, struct ev_loop *loop, const struct lnl_addr *remote,
		    const struct lnl_socket_conf *conf, double timeout, lnl_tcp_done *done,
		    void *ctx, struct lnl_reason *why)
{
	double after = lnl_sim_is_gone(remote) ? timeout : 2e-6 * (double)lnl_sim_delay();
	int fd;

	if (t->loop)
		return LNL_E_STATE;
	fd = open_client(LNL_SIM_STREAM, remote, conf, why);
	if (fd < 0)
		return fd;
	t->loop = loop;
	t->remote = *remote;
	t->done = done;
	t->ctx = ctx;
	t->io.fd = fd;
	ev_timer_init(&t->timer, connected, after, 0);
	t->timer.data = t;
	ev_timer_start(loop, &t->timer);
	return 0;
}

void lnl_tcp_cancel(struct lnl_tcp *t)
{
	if (!t->loop)
		return;
	ev_timer_stop(t->loop, &t->timer);
	t->loop = NULL;
	close(t->io.fd);
}

/* ---- listening ---- */

static int bind_to(enum lnl_sim_end_kind kind, const struct lnl_addr *local)
{
	int fd = lnl_sim_open(kind);
	struct lnl_sim_end *e = lnl_sim_end(fd);

	if (e)
		e->local = *local;
	return fd;
}

static enum lnl_sim_end_kind kind_of(int type)
{
	return type == SOCK_DGRAM ? LNL_SIM_UDP : LNL_SIM_LISTENER;
}

int lnl_listen_bind(int type, const struct lnl_addr *local, bool v6only)
{
	(void)v6only;
	return bind_to(kind_of(type), local);
}

int lnl_listen_bind_shared(const struct lnl_addr *local, bool v6only)
{
	(void)v6only;
	return bind_to(LNL_SIM_UDP, local);
}

int lnl_listen_udp(const struct lnl_listen_conf *conf, struct lnl_reason *why)
{
	int fd = bind_to(LNL_SIM_UDP, &conf->local);

	return fd < 0 ? lnl_reason_errno(why, -fd, "cannot listen") : fd;
}

void lnl_listener_init(struct lnl_listener *l)
{
	memset(l, 0, sizeof(*l));
}

static void acceptable(struct ev_loop *loop, ev_io *io, int revents)
{
	struct lnl_listener *l = io->data;
	struct lnl_sim_end *door;
	struct lnl_sim_packet *p;

	(void)loop;
	(void)revents;
	while (l->loop && (door = lnl_sim_end(io->fd)) && (p = door->first)) {
		struct lnl_sim_end *s = lnl_sim_end(p->to_fd);
		struct lnl_addr from = { 0 };
		int fd = p->to_fd;

		if (s)
			from = s->remote;
		door->first = p->next;
		if (!door->first)
			door->last = &door->first;
		free(p);
		if (s)
			l->accepted(l->ctx, fd, &from);
	}
}

int lnl_listen_tcp(struct lnl_listener *l, struct ev_loop *loop, const struct lnl_listen_conf *conf,
		   lnl_accepted *accepted, lnl_accept_failed *failed, void *ctx,
		   struct lnl_reason *why)
{
	int fd;

	if (l->loop)
		return LNL_E_STATE;
	fd = bind_to(LNL_SIM_LISTENER, &conf->local);
	if (fd < 0)
		return lnl_reason_errno(why, -fd, "cannot listen");
	return lnl_listen_on(l, loop, fd, accepted, failed, ctx);
}

int lnl_listen_on(struct lnl_listener *l, struct ev_loop *loop, int fd, lnl_accepted *accepted,
		  lnl_accept_failed *failed, void *ctx)
{
	if (l->loop)
		return LNL_E_STATE;
	l->loop = loop;
	l->accepted = accepted;
	l->failed = failed;
	l->ctx = ctx;
	ev_io_init(&l->io, acceptable, fd, EV_READ);
	l->io.data = l;
	ev_io_start(loop, &l->io);
	return 0;
}

void lnl_listener_stop(struct lnl_listener *l)
{
	if (!l->loop)
		return;
	ev_io_stop(l->loop, &l->io);
	l->loop = NULL;
	close(l->io.fd);
}
