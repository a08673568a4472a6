/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/tcp.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/reason.h"

void lnl_tcp_init(struct lnl_tcp *t)
{
	memset(t, 0, sizeof(*t));
}

/* Stops the watchers and gives the socket out of |t|. */
static int detach(struct lnl_tcp *t)
{
	int fd = t->io.fd;

	ev_io_stop(t->loop, &t->io);
	ev_timer_stop(t->loop, &t->timer);
	t->loop = NULL;
	return fd;
}

static void fail(struct lnl_tcp *t, int err)
{
	struct lnl_reason why;
	char text[LNL_ADDR_TEXT];
	int rc = lnl_reason_errno(&why, err, "cannot connect to %s over TCP",
				  lnl_addr_text(&t->remote, text));

	close(detach(t));
	t->done(t->ctx, rc, &why);
}

static void writable(struct ev_loop *loop, struct ev_io *w, int revents)
{
	struct lnl_tcp *t = w->data;
	int err = 0;
	socklen_t len = sizeof(err);

	(void)loop;
	(void)revents;
	if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		err = errno;
	if (err != 0)
		fail(t, err);
	else
		t->done(t->ctx, detach(t), NULL);
}

static void expired(struct ev_loop *loop, struct ev_timer *w, int revents)
{
	(void)loop;
	(void)revents;
	fail(w->data, ETIMEDOUT);
}

int lnl_tcp_connect(struct lnl_tcp *t, struct ev_loop *loop, const struct lnl_addr *remote,
		    const struct lnl_socket_conf *conf, double timeout, lnl_tcp_done *done,
		    void *ctx, struct lnl_reason *why)
{
	char text[LNL_ADDR_TEXT];
	int fd;

	if (t->loop != NULL)
		return LNL_E_STATE;
	fd = lnl_socket_open(SOCK_STREAM, remote, conf, why);
	if (fd < 0)
		return fd;
	if (connect(fd, &remote->u.sa, remote->len) < 0 && errno != EINPROGRESS) {
		int rc = lnl_reason_errno(why, errno, "cannot connect to %s over TCP",
					  lnl_addr_text(remote, text));

		close(fd);
		return rc;
	}
	t->loop = loop;
	t->remote = *remote;
	t->done = done;
	t->ctx = ctx;
	ev_io_init(&t->io, writable, fd, EV_WRITE);
	ev_timer_init(&t->timer, expired, timeout, 0);
	t->io.data = t->timer.data = t;
	ev_now_update(loop);
	ev_io_start(loop, &t->io);
	ev_timer_start(loop, &t->timer);
	return 0;
}

void lnl_tcp_cancel(struct lnl_tcp *t)
{
	if (t->loop != NULL)
		close(detach(t));
}
