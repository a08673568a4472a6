/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A script's socket: it connects, sends and receives on a libev loop, with bounded buffers. It reads
 * only while somebody waits for bytes: what is not asked for stays with the kernel and the sender.
 */
#ifndef LNL_IO_DIAL_H
#define LNL_IO_DIAL_H

#include <ev.h>

#include "io/resolver.h"
#include "lunel.h"

struct lnl_dial;

/* Told once, from the loop; `dial` of |a| is not set. The texts are valid until it returns. */
typedef void lnl_dial_done(void *ctx, const struct lnl_dial_answer *a);

/* Begins to connect; NULL when out of memory. Whatever |done| is told, the caller frees it. */
struct lnl_dial *lnl_dial_new(struct ev_loop *loop, struct lnl_resolver *resolver,
			      const struct lnl_dial_request *r, lnl_dial_done *done, void *ctx);
/* Closes; nobody is told. NULL is a no-op. */
void lnl_dial_free(struct lnl_dial *d);

/*
 * As lnl_op_dial_send and its sister. LNL_E_STATE: not connected, or another one is under way;
 * LNL_E_INVAL: too much; LNL_E_NOMEM. Then |done| is not called.
 */
int lnl_dial_send(struct lnl_dial *d, struct lnl_bytes data, double timeout, lnl_dial_done *done,
		  void *ctx);
int lnl_dial_receive(struct lnl_dial *d, enum lnl_dial_wanted wanted, size_t n, double timeout,
		     lnl_dial_done *done, void *ctx);
/* |done| is not called. */
void lnl_dial_cancel_send(struct lnl_dial *d);
void lnl_dial_cancel_receive(struct lnl_dial *d);

#endif
