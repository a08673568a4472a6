/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/http.h"

#include <stdlib.h>
#include <string.h>

#include "io/http_call.h"

#define IDLE_CONNECTIONS 16

/* ---- libcurl on the loop ---- */

/* One socket of libcurl's. */
struct watch {
	ev_io io;
	struct lnl_http *http;
	struct watch *next, **at;
};

/* What libcurl has finished. */
static void reap(struct lnl_http *h)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(h->multi, &left))) {
		struct lnl_http_call *c = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
		lnl_http_call_over(c, code);
	}
}

static void ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_http *h = ((struct watch *)w->data)->http;
	int running;

	(void)loop;
	curl_multi_socket_action(h->multi, w->fd,
				 (revents & EV_READ ? CURL_CSELECT_IN : 0) |
					 (revents & EV_WRITE ? CURL_CSELECT_OUT : 0),
				 &running);
	reap(h);
}

static void timed(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_http *h = w->data;
	int running;

	(void)loop;
	(void)revents;
	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(h);
}

static void drop_watch(struct watch *w)
{
	ev_io_stop(w->http->loop, &w->io);
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	free(w);
}

static struct watch *add_watch(struct lnl_http *h, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->http = h;
	ev_io_init(&w->io, ready, fd, 0);
	w->io.data = w;
	w->next = h->watches;
	w->at = &h->watches;
	if (w->next)
		w->next->at = &w->next;
	h->watches = w;
	return w;
}

/* libcurl says what it wants to know of a socket. */
static int socket_state(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
	struct lnl_http *h = ctx;
	struct watch *w = known;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w)
			drop_watch(w);
		return 0;
	}
	if (!w)
		w = add_watch(h, fd);
	if (!w)
		return -1; /* the request fails */
	curl_multi_assign(h->multi, fd, w);
	ev_io_stop(h->loop, &w->io);
	ev_io_set(&w->io, fd,
		  (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
	ev_io_start(h->loop, &w->io);
	return 0;
}

static int wants_timer(CURLM *multi, long ms, void *ctx)
{
	struct lnl_http *h = ctx;

	(void)multi;
	ev_timer_stop(h->loop, &h->timer);
	if (ms < 0)
		return 0;
	ev_now_update(h->loop);
	ev_timer_set(&h->timer, (double)ms / 1000, 0);
	ev_timer_start(h->loop, &h->timer);
	return 0;
}

/* ---- life ---- */

int lnl_http_new(struct lnl_http **out, struct ev_loop *loop, struct lnl_resolver *resolver)
{
	struct lnl_http *h = calloc(1, sizeof(*h));

	*out = h;
	if (!h)
		return LNL_E_NOMEM;
	h->loop = loop;
	h->resolver = resolver;
	ev_init(&h->timer, timed);
	h->timer.data = h;
	return 0;
}

bool lnl_http_ready(struct lnl_http *h)
{
	if (h->multi)
		return true;
	if (!h->global && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	h->global = true;
	h->multi = curl_multi_init();
	if (!h->multi)
		return false;
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, socket_state);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, wants_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
	return true;
}

void lnl_http_free(struct lnl_http *h)
{
	if (!h)
		return;
	while (h->calls)
		lnl_http_cancel(h->calls);
	if (h->multi)
		curl_multi_cleanup(h->multi);
	while (h->watches)
		drop_watch(h->watches);
	ev_timer_stop(h->loop, &h->timer);
	if (h->global)
		curl_global_cleanup();
	free(h);
}
