/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP requests by libcurl on a libev loop: nothing here blocks. Names are looked up by the resolver,
 * connections are kept and used again.
 */
#ifndef LNL_IO_HTTP_H
#define LNL_IO_HTTP_H

#include <ev.h>

#include "io/resolver.h"
#include "lunel.h"

#define LNL_HTTP_HEADER_BYTES 65536 /* of one answer's headers */

struct lnl_http;
struct lnl_http_call;

/* On |loop|, with |resolver|; both must outlive it. LNL_E_NOMEM. libcurl starts with the first call. */
int lnl_http_new(struct lnl_http **out, struct ev_loop *loop, struct lnl_resolver *resolver);
/* Gives up what is under way without a word; |h| may be NULL. */
void lnl_http_free(struct lnl_http *h);

/* Told once, from the loop, never from lnl_http_start. The texts are valid until it returns. */
typedef void lnl_http_done(void *ctx, const struct lnl_http_answer *a);

/*
 * Begins a request, of which it makes copies. What is wrong with it is told by |done|, too. NULL when
 * out of memory; else a handle that is dead once |done| was called.
 */
struct lnl_http_call *lnl_http_start(struct lnl_http *h, const struct lnl_http_request *r,
				     lnl_http_done *done, void *ctx);
/* |done| is not called. NULL is a no-op. */
void lnl_http_cancel(struct lnl_http_call *c);

#endif
