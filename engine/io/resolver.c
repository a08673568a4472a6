/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lunel_codes.h"

#define SOCKETS	  16 /* that c-ares has open at once */
#define ADDRESSES 32 /* of one name */
#define CONF	  "/etc/resolv.conf"

struct watch {
	ev_io io;
	struct lnl_resolver *resolver;
};

struct lnl_resolver {
	struct ev_loop *loop;
	ares_channel channel;
	struct stat conf; /* of the resolv.conf that the channel has read */
	struct watch watches[SOCKETS];
	ev_timer timer; /* c-ares' own time-outs */
	struct lnl_resolve *first;
};

struct lnl_resolve {
	struct lnl_resolver *resolver; /* NULL: cancelled, c-ares still holds it */
	struct lnl_resolve *next;
	lnl_resolved *done;
	void *ctx;
	ev_timer timer; /* gives the answer from the loop, or ends the wait */
	bool asked;	/* c-ares will call back */
	bool answered;
	uint16_t port;
	int error;
	const char *why;
	unsigned n;
	struct lnl_addr list[ADDRESSES];
};

/* ---- c-ares on the loop ---- */

static void arm(struct lnl_resolver *r)
{
	struct timeval tv, *next = ares_timeout(r->channel, NULL, &tv);

	ev_timer_stop(r->loop, &r->timer);
	if (!next)
		return;
	ev_timer_set(&r->timer, (double)tv.tv_sec + (double)tv.tv_usec / 1e6 + 0.001, 0);
	ev_timer_start(r->loop, &r->timer);
}

static void ready(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_resolver *r = w->data;

	(void)loop;
	ares_process_fd(r->channel, revents & EV_READ ? w->fd : ARES_SOCKET_BAD,
			revents & EV_WRITE ? w->fd : ARES_SOCKET_BAD);
	arm(r);
}

static void timed(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_resolver *r = w->data;

	(void)loop;
	(void)revents;
	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	arm(r);
}

/* c-ares says what it wants to know of a socket; nothing at all means that it is closed. */
static void socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct lnl_resolver *r = ctx;
	struct watch *w = NULL;
	size_t i;

	for (i = 0; i < SOCKETS; i++) {
		if (r->watches[i].resolver && r->watches[i].io.fd == fd)
			w = &r->watches[i];
		else if (!w && !r->watches[i].resolver)
			w = &r->watches[i];
		if (w && w->resolver)
			break;
	}
	if (!w)
		return; /* the query runs into its time-out */
	ev_io_stop(r->loop, &w->io);
	w->resolver = readable || writable ? r : NULL;
	if (!w->resolver)
		return;
	ev_io_set(&w->io, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	ev_io_start(r->loop, &w->io);
}

/* A channel reads the system's settings once, when it is made. */
static int open_channel(struct lnl_resolver *r, ares_channel *out)
{
	struct ares_options o = { .timeout = 2000, .tries = 3 };

	o.sock_state_cb = socket_state;
	o.sock_state_cb_data = r;
	if (stat(CONF, &r->conf) < 0)
		memset(&r->conf, 0, sizeof(r->conf));
	return ares_init_options(out, &o,
				 ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
}

/* The machine has moved to another network: its name servers are others now. */
static void refresh(struct lnl_resolver *r)
{
	ares_channel fresh;
	struct stat now;

	if (r->first || stat(CONF, &now) < 0 ||
	    (now.st_ino == r->conf.st_ino && now.st_size == r->conf.st_size &&
	     now.st_mtim.tv_sec == r->conf.st_mtim.tv_sec &&
	     now.st_mtim.tv_nsec == r->conf.st_mtim.tv_nsec))
		return;
	if (open_channel(r, &fresh) != ARES_SUCCESS)
		return;
	ares_destroy(r->channel);
	r->channel = fresh;
}

int lnl_resolver_new(struct lnl_resolver **out, struct ev_loop *loop)
{
	struct lnl_resolver *r = calloc(1, sizeof(*r));
	size_t i;

	*out = NULL;
	if (!r)
		return LNL_E_NOMEM;
	r->loop = loop;
	for (i = 0; i < SOCKETS; i++) {
		ev_init(&r->watches[i].io, ready);
		r->watches[i].io.data = r;
	}
	ev_init(&r->timer, timed);
	r->timer.data = r;
	if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(r);
		return LNL_E_SYSTEM;
	}
	if (open_channel(r, &r->channel) != ARES_SUCCESS) {
		ares_library_cleanup();
		free(r);
		return LNL_E_SYSTEM;
	}
	*out = r;
	return 0;
}

void lnl_resolver_free(struct lnl_resolver *r)
{
	size_t i;

	if (!r)
		return;
	while (r->first)
		lnl_resolver_cancel(r->first);
	ares_destroy(r->channel); /* calls back for what was cancelled, which frees it */
	ares_library_cleanup();
	ev_timer_stop(r->loop, &r->timer);
	for (i = 0; i < SOCKETS; i++)
		ev_io_stop(r->loop, &r->watches[i].io);
	free(r);
}

/* ---- one name ---- */

static void unlink_query(struct lnl_resolve *q)
{
	struct lnl_resolve **p = &q->resolver->first;

	while (*p != q)
		p = &(*p)->next;
	*p = q->next;
	ev_timer_stop(q->resolver->loop, &q->timer);
	q->resolver = NULL;
}

/* From the loop: the answer is there, or the wait is over. */
static void tell(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_resolve *q = w->data;

	(void)loop;
	(void)revents;
	unlink_query(q);
	if (!q->answered) {
		q->error = LNL_E_TIMEOUT;
		q->why = "no name server answers";
	}
	q->done(q->ctx, q->error, q->list, q->n, q->why);
	if (!q->asked)
		free(q);
}

static void answer(struct lnl_resolve *q, int error, const char *why)
{
	q->answered = true;
	q->error = error;
	q->why = why;
	ev_timer_stop(q->resolver->loop, &q->timer);
	ev_timer_set(&q->timer, 0, 0);
	ev_timer_start(q->resolver->loop, &q->timer);
}

static int error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
	case ARES_EBADNAME:
		return LNL_E_NOTFOUND;
	case ARES_ETIMEOUT:
		return LNL_E_TIMEOUT;
	case ARES_ENOMEM:
		return LNL_E_NOMEM;
	default:
		return LNL_E_SYSTEM;
	}
}

static void got(void *ctx, int status, int timeouts, struct ares_addrinfo *result)
{
	struct lnl_resolve *q = ctx;
	struct ares_addrinfo_node *node;

	(void)timeouts;
	q->asked = false;
	if (!q->resolver) {
		ares_freeaddrinfo(result);
		free(q);
		return;
	}
	for (node = result ? result->nodes : NULL; node && q->n < ADDRESSES; node = node->ai_next) {
		struct lnl_addr *a = &q->list[q->n];

		if (lnl_addr_from_sockaddr(a, node->ai_addr, (socklen_t)node->ai_addrlen) < 0)
			continue;
		lnl_addr_set_port(a, q->port);
		q->n++;
	}
	ares_freeaddrinfo(result);
	if (status == ARES_SUCCESS && q->n == 0)
		answer(q, LNL_E_NOTFOUND, "the name has no such address");
	else
		answer(q, error_of(status), status == ARES_SUCCESS ? NULL : ares_strerror(status));
}

static void ask(struct lnl_resolve *q, const char *host, int family)
{
	struct ares_addrinfo_hints hints = { 0 };

	hints.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
	hints.ai_socktype = SOCK_DGRAM;
	q->asked = true;
	ev_timer_set(&q->timer, LNL_RESOLVER_SECONDS, 0);
	ev_timer_start(q->resolver->loop, &q->timer);
	ares_getaddrinfo(q->resolver->channel, host, NULL, &hints, got, q);
	arm(q->resolver);
}

struct lnl_resolve *lnl_resolver_lookup(struct lnl_resolver *r, const char *host, uint16_t port,
					int family, lnl_resolved *done, void *ctx)
{
	struct lnl_resolve *q = calloc(1, sizeof(*q));
	struct lnl_ip ip;

	if (!q)
		return NULL;
	refresh(r);
	q->resolver = r;
	q->done = done;
	q->ctx = ctx;
	q->port = port;
	q->next = r->first;
	r->first = q;
	ev_init(&q->timer, tell);
	q->timer.data = q;
	if (lnl_ip_parse(&ip, host) < 0) {
		ask(q, host, family);
	} else if (family && family != ip.family) {
		answer(q, LNL_E_NOTFOUND, "the address is of the other family");
	} else {
		q->list[q->n++] = lnl_addr_from(&ip, port);
		answer(q, 0, NULL);
	}
	return q;
}

void lnl_resolver_cancel(struct lnl_resolve *q)
{
	if (!q || !q->resolver)
		return;
	unlink_query(q);
	if (!q->asked)
		free(q); /* else c-ares calls back, and it is freed there */
}
