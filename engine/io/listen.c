/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/listen.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/reason.h"

#define BACKLOG 1024
#define PAUSE	1.0 /* seconds without descriptors */
#define BURST	16  /* connections in one turn */

struct lnl_listener {
	struct ev_loop *loop;
	struct ev_io io;
	struct ev_timer pause;
	bool tcp_nodelay;
	lnl_accepted *accepted;
	void *ctx;
};

static int open_bound(int type, const struct lnl_listen_conf *conf, struct lnl_process *helper,
		      struct lnl_reason *why)
{
	struct lnl_socket_conf plain = conf->socket;
	const struct lnl_addr *local = &conf->socket.local;
	char text[LNL_ADDR_TEXT];
	int fd, off = 0, on = 1, err = 0;

	/* Options first, the address afterwards: it may need the helper, or both families. */
	plain.local.len = 0;
	plain.lport = 0;
	fd = lnl_socket_open(type, local, &plain, why);
	if (fd < 0)
		return fd;
	if (conf->both)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &local->u.sa, local->len) < 0)
		err = errno;
	if (err == EACCES && lnl_process_bind(helper, fd, &local->u.sa, local->len) == 0)
		err = 0;
	if (err == 0)
		return fd;
	close(fd);
	lnl_addr_text(local, text);
	if (err == EADDRINUSE)
		return lnl_reason_set(why, LNL_E_EXIST,
				      "cannot listen on %s/%s: another program does", text,
				      type == SOCK_STREAM ? "tcp" : "udp");
	return lnl_reason_errno(why, err, "cannot listen on %s/%s", text,
				type == SOCK_STREAM ? "tcp" : "udp");
}

int lnl_listen_udp(const struct lnl_listen_conf *conf, struct lnl_process *helper,
		   struct lnl_reason *why)
{
	return open_bound(SOCK_DGRAM, conf, helper, why);
}

static void resumed(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	struct lnl_listener *l = w->data;

	(void)revents;
	ev_io_start(loop, &l->io);
}

static void rest(struct lnl_listener *l)
{
	ev_io_stop(l->loop, &l->io);
	ev_timer_set(&l->pause, PAUSE, 0);
	ev_timer_start(l->loop, &l->pause);
}

static void readable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct lnl_listener *l = w->data;

	(void)loop;
	(void)revents;
	for (unsigned i = 0; i < BURST; i++) {
		struct lnl_addr from;
		socklen_t len = sizeof(from.u);
		int fd = accept4(w->fd, &from.u.sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				rest(l);
			return; /* nothing there, or it went away again */
		}
		from.len = len;
		if (l->tcp_nodelay)
			lnl_socket_tune(fd, 0, 0, true);
		l->accepted(l->ctx, fd, &from);
	}
}

int lnl_listen_tcp(struct lnl_listener **out, struct ev_loop *loop,
		   const struct lnl_listen_conf *conf, struct lnl_process *helper,
		   lnl_accepted *accepted, void *ctx, struct lnl_reason *why)
{
	struct lnl_listener *l = calloc(1, sizeof(*l));
	int fd;

	*out = NULL;
	if (l == NULL)
		return LNL_E_NOMEM;
	fd = open_bound(SOCK_STREAM, conf, helper, why);
	if (fd >= 0 && listen(fd, BACKLOG) < 0) {
		int rc = lnl_reason_errno(why, errno, "cannot listen");

		close(fd);
		fd = rc;
	}
	if (fd < 0) {
		free(l);
		return fd;
	}
	l->loop = loop;
	l->tcp_nodelay = conf->socket.tcp_nodelay;
	l->accepted = accepted;
	l->ctx = ctx;
	ev_io_init(&l->io, readable, fd, EV_READ);
	ev_timer_init(&l->pause, resumed, 0, 0);
	l->io.data = l->pause.data = l;
	ev_io_start(loop, &l->io);
	*out = l;
	return 0;
}

void lnl_listener_free(struct lnl_listener *l)
{
	if (l == NULL)
		return;
	ev_io_stop(l->loop, &l->io);
	ev_timer_stop(l->loop, &l->pause);
	close(l->io.fd);
	free(l);
}
