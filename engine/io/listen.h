/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's sockets: bound UDP ones, and TCP ones that accept on a libev loop. */
#ifndef LNL_IO_LISTEN_H
#define LNL_IO_LISTEN_H

#include <ev.h>

#include "io/process.h"
#include "io/socket.h"

struct lnl_listen_conf {
	struct lnl_socket_conf socket; /* `local` has address and port */
	bool both; /* an IPv6 socket takes IPv4, too, where the system allows it */
};

/*
 * A UDP socket bound as |conf| says: the descriptor, or an error as lnl_socket_open's; LNL_E_EXIST
 * when the address is in use; LNL_E_PERM for a port that |helper| (may be NULL) may not bind either.
 */
int lnl_listen_udp(const struct lnl_listen_conf *conf, struct lnl_process *helper,
		   struct lnl_reason *why);

/* Told for each connection; |fd| is the callee's, non-blocking and close-on-exec. */
typedef void lnl_accepted(void *ctx, int fd, const struct lnl_addr *from);

struct lnl_listener;

/*
 * Listens on TCP. When descriptors run out, it pauses for a second instead of spinning. Errors as
 * above, and LNL_E_NOMEM.
 */
int lnl_listen_tcp(struct lnl_listener **out, struct ev_loop *loop,
		   const struct lnl_listen_conf *conf, struct lnl_process *helper,
		   lnl_accepted *accepted, void *ctx, struct lnl_reason *why);
/* |l| may be NULL. */
void lnl_listener_free(struct lnl_listener *l);

#endif
