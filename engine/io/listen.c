/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/listen.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "io/reason.h"

#define AT_ONCE 16 /* accepted before others have their turn */
#define PAUSE	1.0

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* ---- sockets ---- */

/* What has to be set before bind and needs no rights. */
static int make(int type, const struct lnl_addr *local, bool v6only, bool shared)
{
	int family = local->len == 0 ? AF_UNSPEC : local->u.sa.sa_family;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if ((family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only) < 0) ||
	    (shared && set(fd, SOL_SOCKET, SO_REUSEPORT, 1) < 0)) {
		int err = errno;

		close(fd);
		return -err;
	}
	/*
	 * The connections of before, which linger, must not keep the port. With UDP the same would
	 * let a second server in.
	 */
	if (type == SOCK_STREAM)
		set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return fd;
}

static int make_bound(int type, const struct lnl_addr *local, bool v6only, bool shared)
{
	int fd = make(type, local, v6only, shared);

	if (fd >= 0 && bind(fd, &local->u.sa, local->len) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

int lnl_listen_bind(int type, const struct lnl_addr *local, bool v6only)
{
	return make_bound(type, local, v6only, false);
}

int lnl_listen_bind_shared(const struct lnl_addr *local, bool v6only)
{
	return make_bound(SOCK_DGRAM, local, v6only, true);
}

static int fail(struct lnl_reason *why, int err, int type, const struct lnl_addr *local)
{
	char text[LNL_ADDR_TEXT];

	if (err == EAFNOSUPPORT)
		return lnl_reason_set(why, LNL_E_UNSUPPORTED, "this system has no %s",
				      local->len != 0 && local->u.sa.sa_family == AF_INET6
					      ? "IPv6"
					      : "such address family");
	return lnl_reason_errno(why, err, "cannot listen on %s over %s", lnl_addr_text(local, text),
				type == SOCK_STREAM ? "TCP" : "UDP");
}

static int set_options(int fd, int type, const struct lnl_listen_conf *conf, struct lnl_reason *why)
{
	int family = conf->local.u.sa.sa_family;

	/* IPv4's peers of an IPv6 socket go by IPv4's setting. */
	if (family == AF_INET6 && !conf->v6only && conf->socket.mtu_disc >= 0)
		set(fd, IPPROTO_IP, IP_MTU_DISCOVER, conf->socket.mtu_disc);
	return lnl_socket_set(fd, type, family, &conf->socket, why);
}

/* A device or mark is set before bind, so that nothing arrives that shall not. */
static int open_bound(int type, const struct lnl_listen_conf *conf, struct lnl_reason *why)
{
	int fd = make(type, &conf->local, conf->v6only, conf->shared), rc;

	if (fd < 0)
		return fail(why, -fd, type, &conf->local);
	rc = set_options(fd, type, conf, why);
	if (rc == 0 && bind(fd, &conf->local.u.sa, conf->local.len) < 0)
		rc = errno;
	if (rc == 0)
		return fd;
	close(fd);
	if (rc < 0)
		return rc;
	if (rc != EACCES || conf->helper == NULL)
		return fail(why, rc, type, &conf->local);
	fd = conf->shared ? lnl_process_bind_shared(conf->helper, &conf->local, conf->v6only)
			  : lnl_process_bind(conf->helper, type, &conf->local, conf->v6only);
	if (fd < 0)
		return fail(why, -fd, type, &conf->local);
	rc = set_options(fd, type, conf, why);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

int lnl_listen_udp(const struct lnl_listen_conf *conf, struct lnl_reason *why)
{
	return open_bound(SOCK_DGRAM, conf, why);
}

/* ---- accepting ---- */

void lnl_listener_init(struct lnl_listener *l)
{
	memset(l, 0, sizeof(*l));
}

/* accept(2): errors of the connection that is no more, or of the network; the next may be fine. */
static bool concerns_one(int err)
{
	return err == EINTR || err == ECONNABORTED || err == EPROTO || err == ENOPROTOOPT ||
	       err == EPERM || err == EOPNOTSUPP || err == ENETDOWN || err == ENETUNREACH ||
	       err == EHOSTDOWN || err == EHOSTUNREACH || err == ENONET;
}

/* The queue stays as it is, and the loop would come back at once for ever. */
static void pause_for(struct lnl_listener *l, int err)
{
	struct lnl_reason why;

	ev_io_stop(l->loop, &l->io);
	ev_timer_set(&l->pause, PAUSE, 0);
	ev_now_update(l->loop);
	ev_timer_start(l->loop, &l->pause);
	if (l->failed == NULL)
		return;
	lnl_reason_errno(&why, err, "cannot accept connections");
	l->failed(l->ctx, &why);
}

static void resumed(struct ev_loop *loop, struct ev_timer *timer, int revents)
{
	struct lnl_listener *l = timer->data;

	(void)revents;
	ev_io_start(loop, &l->io);
}

static void accept_one(struct lnl_listener *l, int fd, const struct sockaddr *sa, socklen_t len)
{
	struct lnl_addr from = { 0 };

	if (sa->sa_family != AF_UNIX && lnl_addr_from_sockaddr(&from, sa, len) < 0) {
		close(fd);
		return;
	}
	if (l->tcp_nodelay)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	l->accepted(l->ctx, fd, &from);
}

static void acceptable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_listener *l = io->data;

	(void)loop;
	(void)revents;
	for (unsigned i = 0; i < AT_ONCE && l->loop != NULL; i++) {
		struct sockaddr_storage sa;
		socklen_t len = sizeof(sa);
		int fd =
			accept4(io->fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			accept_one(l, fd, (const struct sockaddr *)&sa, len);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (!concerns_one(errno)) {
			pause_for(l, errno);
			return;
		}
	}
}

int lnl_listen_tcp(struct lnl_listener *l, struct ev_loop *loop, const struct lnl_listen_conf *conf,
		   lnl_accepted *accepted, lnl_accept_failed *failed, void *ctx,
		   struct lnl_reason *why)
{
	int fd;

	if (l->loop != NULL)
		return LNL_E_STATE;
	fd = open_bound(SOCK_STREAM, conf, why);
	if (fd < 0)
		return fd;
	if (listen(fd, SOMAXCONN) < 0) {
		int rc = fail(why, errno, SOCK_STREAM, &conf->local);

		close(fd);
		return rc;
	}
	l->tcp_nodelay = conf->socket.tcp_nodelay;
	return lnl_listen_on(l, loop, fd, accepted, failed, ctx);
}

int lnl_listen_on(struct lnl_listener *l, struct ev_loop *loop, int fd, lnl_accepted *accepted,
		  lnl_accept_failed *failed, void *ctx)
{
	if (l->loop != NULL)
		return LNL_E_STATE;
	l->loop = loop;
	l->accepted = accepted;
	l->failed = failed;
	l->ctx = ctx;
	ev_io_init(&l->io, acceptable, fd, EV_READ);
	ev_init(&l->pause, resumed);
	l->io.data = l->pause.data = l;
	ev_io_start(loop, &l->io);
	return 0;
}

void lnl_listener_stop(struct lnl_listener *l)
{
	if (l->loop == NULL)
		return;
	ev_io_stop(l->loop, &l->io);
	ev_timer_stop(l->loop, &l->pause);
	l->loop = NULL;
	close(l->io.fd);
}
