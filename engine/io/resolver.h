/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names to addresses, by c-ares on a libev loop: nothing here blocks. */
#ifndef LNL_IO_RESOLVER_H
#define LNL_IO_RESOLVER_H

#include <ev.h>

#include "io/address.h"

#define LNL_RESOLVER_SECONDS 15 /* then a name counts as not resolvable */

struct lnl_resolver;
struct lnl_resolve;

/*
 * A resolver on |loop|, which must outlive it. LNL_E_NOMEM, LNL_E_SYSTEM (c-ares does not start).
 */
int lnl_resolver_new(struct lnl_resolver **out, struct ev_loop *loop);
/* Cancels what is under way; |r| may be NULL. */
void lnl_resolver_free(struct lnl_resolver *r);

/*
 * Told once, from the loop, never from lnl_resolver_lookup: |n| addresses in the system's order of
 * preference (with the port that was asked for), or |error| (LNL_E_NOTFOUND, LNL_E_TIMEOUT,
 * LNL_E_NOMEM, LNL_E_SYSTEM) and its cause in |why|. All of it is the resolver's, until this
 * returns.
 */
typedef void lnl_resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n,
			  const char *why);

/*
 * Looks |host| up: a literal, /etc/hosts, DNS. |family| 4, 6, or 0 for both. NULL when out of
 * memory; else a handle that is dead once |done| was called.
 */
struct lnl_resolve *lnl_resolver_lookup(struct lnl_resolver *r, const char *host, uint16_t port,
					int family, lnl_resolved *done, void *ctx);
/* |done| is not called. NULL is a no-op. */
void lnl_resolver_cancel(struct lnl_resolve *q);

#endif
