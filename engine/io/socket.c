/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "io/reason.h"

/*
 * What UDP asks for by default, twice of which the kernel counts: at several Gbit/s some ms, since a
 * super-packet counts more than its bytes. Eight TCP streams in a tunnel overflow half of it, and a
 * system's usual limit (rmem_max, 208 KiB) holds not even five super-packets.
 */
#define BUFFER (4 * 1024 * 1024)

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Above the system's limit where the process may, else up to it. Never fails: it is a wish. */
static void set_buffer(int fd, int name, int force, int bytes)
{
	if (set(fd, SOL_SOCKET, force, bytes) < 0)
		set(fd, SOL_SOCKET, name, bytes);
}

static void set_buffers(int fd, int type, const struct lnl_socket_conf *conf)
{
	if (conf->rcvbuf > 0)
		set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, conf->rcvbuf);
	else if (type == SOCK_DGRAM)
		set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, BUFFER);
	if (conf->sndbuf > 0)
		set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, conf->sndbuf);
	else if (type == SOCK_DGRAM)
		set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, BUFFER);
}

/* The kernel's values are OpenVPN's: 0 never sets DF, 1 as routes say, 2 always. */
static int set_mtu_disc(int fd, int family, int how, struct lnl_reason *why)
{
	int rc;

	if (how < 0)
		return 0;
	if (family == AF_INET)
		rc = set(fd, IPPROTO_IP, IP_MTU_DISCOVER, how);
	else
		rc = set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, how);
	return rc == 0 ? 0 : lnl_reason_errno(why, errno, "cannot set mtu-disc %d", how);
}

int lnl_socket_set(int fd, int type, int family, const struct lnl_socket_conf *conf,
		   struct lnl_reason *why)
{
	if (conf->mark != 0 && set(fd, SOL_SOCKET, SO_MARK, (int)conf->mark) < 0)
		return lnl_reason_errno(why, errno, "cannot set mark %u on a socket", conf->mark);
	if (conf->bind_dev != NULL && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, conf->bind_dev,
						 (socklen_t)strlen(conf->bind_dev)) < 0)
		return lnl_reason_errno(why, errno, "cannot bind a socket to device %s",
					conf->bind_dev);
	set_buffers(fd, type, conf);
	if (type == SOCK_STREAM && conf->tcp_nodelay)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	return set_mtu_disc(fd, family, conf->mtu_disc, why);
}

static int bind_local(int fd, int type, int family, const struct lnl_socket_conf *conf,
		      struct lnl_reason *why)
{
	const struct lnl_ip any = { .family = family == AF_INET ? 4 : 6 };
	struct lnl_addr local = conf->local;
	char text[LNL_ADDR_TEXT];

	if (local.len == 0 && conf->lport == 0)
		return 0;
	if (local.len == 0)
		local = lnl_addr_from(&any, conf->lport);
	if (local.u.sa.sa_family != family)
		return lnl_reason_set(
			why, LNL_E_INVAL,
			"cannot bind to %s: the remote is of the other address family",
			lnl_addr_text(&local, text));
	/* A fixed port must not have to wait for the connection before to be forgotten. */
	if (type == SOCK_STREAM)
		set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(fd, &local.u.sa, local.len) < 0)
		return lnl_reason_errno(why, errno, "cannot bind to %s",
					lnl_addr_text(&local, text));
	return 0;
}

int lnl_socket_open(int type, const struct lnl_addr *remote, const struct lnl_socket_conf *conf,
		    struct lnl_reason *why)
{
	int family = remote->len == 0 ? AF_UNSPEC : remote->u.sa.sa_family;
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0 && errno == EAFNOSUPPORT)
		return lnl_reason_set(why, LNL_E_UNSUPPORTED, "this system has no %s",
				      family == AF_INET6 ? "IPv6" : "such address family");
	if (fd < 0)
		return lnl_reason_errno(why, errno, "cannot open a socket");
	/* One socket, one family: a dual-stack one would show IPv4 peers under other addresses. */
	if (family == AF_INET6)
		set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	rc = lnl_socket_set(fd, type, family, conf, why);
	if (rc == 0)
		rc = bind_local(fd, type, family, conf, why);
	if (rc < 0) {
		close(fd);
		return rc;
	}
	return fd;
}

void lnl_socket_tune(int fd, int sndbuf, int rcvbuf, bool tcp_nodelay)
{
	if (sndbuf > 0)
		set_buffer(fd, SO_SNDBUF, SO_SNDBUFFORCE, sndbuf);
	if (rcvbuf > 0)
		set_buffer(fd, SO_RCVBUF, SO_RCVBUFFORCE, rcvbuf);
	if (tcp_nodelay)
		set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}
