/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client's TCP socket: a connect that does not block, on a libev loop, with a time limit. */
#ifndef LNL_IO_TCP_H
#define LNL_IO_TCP_H

#include <ev.h>

#include "io/socket.h"

/*
 * Told once: |fd| is connected and the callee's, or negative: LNL_E_TIMEOUT, or LNL_E_SYSTEM
 * (refused, unreachable ...), with the cause in |why|.
 */
typedef void lnl_tcp_done(void *ctx, int fd, const struct lnl_reason *why);

struct lnl_tcp {
	struct ev_loop *loop; /* NULL: idle */
	struct ev_io io;
	struct ev_timer timer;
	struct lnl_addr remote;
	lnl_tcp_done *done;
	void *ctx;
};

/* Makes |t| idle. */
void lnl_tcp_init(struct lnl_tcp *t);
/*
 * Begins to connect to |remote|; |done| is called from the loop, never from here, within |timeout|
 * seconds. |t| must stay where it is until then, or until lnl_tcp_cancel. Returns 0, LNL_E_STATE
 * when it is busy, or an error as lnl_socket_open's (then |done| is not called).
 */
int lnl_tcp_connect(struct lnl_tcp *t, struct ev_loop *loop, const struct lnl_addr *remote,
		    const struct lnl_socket_conf *conf, double timeout, lnl_tcp_done *done,
		    void *ctx, struct lnl_reason *why);
/* Gives up: closes the socket; |done| is not called. No-op when idle. */
void lnl_tcp_cancel(struct lnl_tcp *t);

#endif
