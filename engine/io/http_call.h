/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside io/http: what libcurl's loop and a single request know of each other. */
#ifndef LNL_IO_HTTP_CALL_H
#define LNL_IO_HTTP_CALL_H

#include <curl/curl.h>

#include "io/http.h"

struct lnl_http {
	struct ev_loop *loop;
	struct lnl_resolver *resolver;
	CURLM *multi; /* NULL until the first request */
	bool global;
	ev_timer timer; /* libcurl's own */
	struct watch *watches;
	struct lnl_http_call *calls;
	unsigned n_calls;
};

/* Starts libcurl if it does not run yet. */
bool lnl_http_ready(struct lnl_http *h);
/* libcurl is done with |c|. */
void lnl_http_call_over(struct lnl_http_call *c, CURLcode code);

#endif
