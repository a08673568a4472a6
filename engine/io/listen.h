/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's sockets: UDP for many peers, and TCP that is accepted on a libev loop. Answers leave
 * by the address that routes choose: a host of several addresses listens on each (OpenVPN's
 * `multihome` is not here yet).
 */
#ifndef LNL_IO_LISTEN_H
#define LNL_IO_LISTEN_H

#include <ev.h>

#include "io/process.h"
#include "io/socket.h"

struct lnl_listen_conf {
	/* Address, perhaps the unspecified one (0.0.0.0, ::), and port; port 0: the kernel picks. */
	struct lnl_addr local;
	bool shared; /* UDP: several sockets have this address, and the kernel gives each its clients */
	bool v6only; /* an IPv6 socket without IPv4's peers, which it shows as ::ffff:a.b.c.d */
	struct lnl_socket_conf socket; /* but for `local` and `lport`; mtu_disc -1: the system's */
	struct lnl_process *helper;    /* binds where we may not (ports below 1024), until sealed */
};

/*
 * A bound socket of |type| (SOCK_DGRAM, SOCK_STREAM), non-blocking and close-on-exec, or a negative
 * errno: what the helper does for us, too. TCP's port may be one that was in use just now.
 */
int lnl_listen_bind(int type, const struct lnl_addr *local, bool v6only);
/* The same for one of several UDP sockets (SO_REUSEPORT). */
int lnl_listen_bind_shared(const struct lnl_addr *local, bool v6only);

/*
 * A UDP socket for packets of many peers, bound and not connected: the file descriptor, or an error
 * and its cause in |why|: LNL_E_PERM (port, mark, device), LNL_E_NOTFOUND (device),
 * LNL_E_UNSUPPORTED (address family), LNL_E_SYSTEM (in use, not our address ...).
 */
int lnl_listen_udp(const struct lnl_listen_conf *conf, struct lnl_reason *why);

/*
 * Somebody connected: |fd|, the callee's, non-blocking and close-on-exec, from |from|; of a Unix
 * socket from nowhere (len 0).
 */
typedef void lnl_accepted(void *ctx, int fd, const struct lnl_addr *from);
/* None can be accepted (no descriptors, say); tried again in a second. At most one a second. */
typedef void lnl_accept_failed(void *ctx, const struct lnl_reason *why);

struct lnl_listener {
	struct ev_loop *loop; /* NULL: idle */
	struct ev_io io;
	struct ev_timer pause;
	bool tcp_nodelay;
	lnl_accepted *accepted;
	lnl_accept_failed *failed;
	void *ctx;
};

/* Makes |l| idle. */
void lnl_listener_init(struct lnl_listener *l);
/*
 * Listens over TCP; |accepted| and |failed| (may be NULL) are called from the loop, and may stop
 * |l|, which must stay where it is. Returns 0, LNL_E_STATE when it is busy, or an error as
 * lnl_listen_udp's.
 */
int lnl_listen_tcp(struct lnl_listener *l, struct ev_loop *loop, const struct lnl_listen_conf *conf,
		   lnl_accepted *accepted, lnl_accept_failed *failed, void *ctx,
		   struct lnl_reason *why);
/* The same on |fd|, |l|'s from now on, which listens already. LNL_E_STATE: then it is the caller's. */
int lnl_listen_on(struct lnl_listener *l, struct ev_loop *loop, int fd, lnl_accepted *accepted,
		  lnl_accept_failed *failed, void *ctx);
/* Closes the socket; those accepted are others'. No-op when idle. */
void lnl_listener_stop(struct lnl_listener *l);

#endif
