/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/dial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/reason.h"
#include "io/tcp.h"
#include "io/udp.h"

#define ADDRESSES 16
#define DATAGRAM  65536 /* room for any */
#define A_TURN	  65536 /* bytes read before others have their turn */

/* Who waits for something: at most one for each of these. */
struct waiter {
	lnl_dial_done *done; /* NULL: nobody */
	void *ctx;
	ev_io io;
	ev_timer timer;
};

struct lnl_dial {
	struct ev_loop *loop;
	struct lnl_resolver *resolver;
	enum lnl_dial_proto proto;
	char *host, *bind_dev;
	uint16_t port;
	uint32_t mark;
	double timeout;
	int fd;		 /* -1: not connected */
	bool ended, cut; /* nothing more comes; nothing more can be sent */
	char why_ended[128];

	/* Connecting. */
	struct waiter open;
	bool begun;
	struct lnl_resolve *resolve;
	struct lnl_tcp tcp;
	struct lnl_addr addresses[ADDRESSES];
	unsigned n_addresses, at;

	struct waiter sending;
	char *out;
	size_t out_len, out_at;

	struct waiter receiving;
	enum lnl_dial_wanted wanted;
	size_t n;
	char *in;
	size_t in_len, in_cap;
};

/* ---- waiting ---- */

static void stop(struct lnl_dial *d, struct waiter *w)
{
	ev_io_stop(d->loop, &w->io);
	ev_timer_stop(d->loop, &w->timer);
	w->done = NULL;
}

static void tell(struct lnl_dial *d, struct waiter *w, const struct lnl_dial_answer *a)
{
	lnl_dial_done *done = w->done;

	stop(d, w);
	done(w->ctx, a);
}

static void tell_why(struct lnl_dial *d, struct waiter *w, const char *why)
{
	const struct lnl_dial_answer a = { .why = why };

	tell(d, w, &a);
}

static void set_timer(struct lnl_dial *d, struct waiter *w, double seconds)
{
	ev_now_update(d->loop);
	ev_timer_stop(d->loop, &w->timer);
	ev_timer_set(&w->timer, seconds, 0);
	ev_timer_start(d->loop, &w->timer);
}

static void begin(struct lnl_dial *d, struct waiter *w, lnl_dial_done *done, void *ctx,
		  double timeout)
{
	w->done = done;
	w->ctx = ctx;
	if (timeout > 0)
		set_timer(d, w, timeout);
}

static void watch(struct lnl_dial *d, struct waiter *w, int events)
{
	ev_io_stop(d->loop, &w->io);
	ev_io_set(&w->io, d->fd, events);
	ev_io_start(d->loop, &w->io);
}

/* ---- connecting ---- */

static void connect_next(struct lnl_dial *d);

static void opened(struct lnl_dial *d, int fd)
{
	d->fd = fd;
	tell_why(d, &d->open, NULL);
}

static void failed(struct lnl_dial *d, const char *what, const char *why)
{
	char text[640];

	snprintf(text, sizeof(text), "%s: %s", what, why);
	tell_why(d, &d->open, text);
}

static void connected(void *ctx, int fd, const struct lnl_reason *why)
{
	struct lnl_dial *d = ctx;

	if (fd >= 0)
		opened(d, fd);
	else if (++d->at < d->n_addresses)
		connect_next(d);
	else
		failed(d, "connect", why->text);
}

/* An address that cannot even be begun with gives way to the next one. */
static void connect_next(struct lnl_dial *d)
{
	struct lnl_socket_conf conf = {
		.bind_dev = d->bind_dev, .mark = d->mark, .mtu_disc = -1, .tcp_nodelay = true
	};
	struct lnl_reason why = { "" };
	int rc = LNL_E_NOTFOUND;

	for (; d->at < d->n_addresses; d->at++) {
		const struct lnl_addr *a = &d->addresses[d->at];

		if (d->proto == LNL_DIAL_UDP)
			rc = lnl_udp_open(a, &conf, &why);
		else
			rc = lnl_tcp_connect(&d->tcp, d->loop, a, &conf, d->timeout, connected, d,
					     &why);
		if (rc >= 0)
			break;
	}
	if (rc < 0)
		failed(d, "connect", why.text);
	else if (d->proto == LNL_DIAL_UDP)
		opened(d, rc);
}

static void resolved(void *ctx, int error, const struct lnl_addr *list, unsigned n, const char *why)
{
	struct lnl_dial *d = ctx;
	char text[512];

	d->resolve = NULL;
	if (error < 0 || n == 0) {
		snprintf(text, sizeof(text), "cannot resolve '%.256s': %s", d->host,
			 why ? why : lnl_error_text(error));
		failed(d, "resolve", text);
		return;
	}
	d->n_addresses = n < ADDRESSES ? n : ADDRESSES;
	memcpy(d->addresses, list, d->n_addresses * sizeof(*list));
	connect_next(d);
}

static void connect_unix(struct lnl_dial *d)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct lnl_reason why;
	int fd;

	if (strlen(d->host) >= sizeof(sun.sun_path)) {
		failed(d, "connect", "the path of a Unix socket has at most 107 bytes");
		return;
	}
	strcpy(sun.sun_path, d->host);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) == 0) {
		opened(d, fd);
		return;
	}
	lnl_reason_errno(&why, errno, "cannot connect to %s", d->host);
	if (fd >= 0)
		close(fd);
	failed(d, "connect", why.text);
}

/* Begins, from the loop; then the time is over. */
static void open_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_dial *d = w->data;

	(void)loop;
	(void)revents;
	if (d->begun) {
		lnl_resolver_cancel(d->resolve);
		d->resolve = NULL;
		lnl_tcp_cancel(&d->tcp);
		tell_why(d, &d->open, "timeout");
		return;
	}
	d->begun = true;
	set_timer(d, &d->open, d->timeout);
	if (d->proto == LNL_DIAL_UNIX) {
		connect_unix(d);
		return;
	}
	d->resolve = lnl_resolver_lookup(d->resolver, d->host, d->port, 0, resolved, d);
	if (!d->resolve)
		failed(d, "connect", lnl_error_text(LNL_E_NOMEM));
}

/* ---- sending ---- */

static void drop_out(struct lnl_dial *d)
{
	if (d->out)
		explicit_bzero(d->out, d->out_len);
	free(d->out);
	d->out = NULL;
}

/* What was sent in part would be taken for what comes after it. */
static void cut_short(struct lnl_dial *d)
{
	d->cut = d->cut || (d->proto != LNL_DIAL_UDP && d->out_at > 0);
	drop_out(d);
}

static void writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_dial *d = w->data;
	ssize_t n;

	(void)loop;
	(void)revents;
	n = send(d->fd, d->out + d->out_at, d->out_len - d->out_at, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		bool closed = errno == EPIPE || errno == ECONNRESET;
		const char *why = closed ? "closed" : strerror(errno);

		d->cut = d->cut || d->proto != LNL_DIAL_UDP;
		drop_out(d);
		tell_why(d, &d->sending, why);
		return;
	}
	d->out_at += (size_t)n;
	if (d->out_at < d->out_len && d->proto != LNL_DIAL_UDP)
		return;
	drop_out(d);
	tell_why(d, &d->sending, NULL);
}

static void send_late(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_dial *d = w->data;

	(void)loop;
	(void)revents;
	cut_short(d);
	tell_why(d, &d->sending, "timeout");
}

int lnl_dial_send(struct lnl_dial *d, struct lnl_bytes data, double timeout, lnl_dial_done *done,
		  void *ctx)
{
	if (d->fd < 0 || d->sending.done || d->cut)
		return LNL_E_STATE;
	if (data.len > LNL_DIAL_MAX)
		return LNL_E_INVAL;
	d->out = malloc(data.len + 1);
	if (!d->out)
		return LNL_E_NOMEM;
	if (data.len)
		memcpy(d->out, data.data, data.len);
	d->out_len = data.len;
	d->out_at = 0;
	begin(d, &d->sending, done, ctx, timeout);
	watch(d, &d->sending, EV_WRITE);
	return 0;
}

void lnl_dial_cancel_send(struct lnl_dial *d)
{
	if (!d->sending.done)
		return;
	cut_short(d);
	stop(d, &d->sending);
}

/* ---- receiving ---- */

static void consume(struct lnl_dial *d, size_t n)
{
	memmove(d->in, d->in + n, d->in_len - n);
	explicit_bzero(d->in + d->in_len - n, n);
	d->in_len -= n;
}

/* |len| bytes are the answer, |used| of them and their end are gone afterwards. */
static bool give(struct lnl_dial *d, size_t len, size_t used, const char *why)
{
	const struct lnl_dial_answer a = { .why = why, .bytes = { d->in ? d->in : "", len } };

	tell(d, &d->receiving, &a);
	if (used)
		consume(d, used);
	return true;
}

static bool give_line(struct lnl_dial *d)
{
	char *end = d->in_len ? memchr(d->in, '\n', d->in_len) : NULL;
	size_t len = end ? (size_t)(end - d->in) : 0;

	if (!end && d->in_len > LNL_DIAL_LINE) {
		tell_why(d, &d->receiving, "too large: a line of more than 64 KiB");
		return true;
	}
	return end && give(d, len && d->in[len - 1] == '\r' ? len - 1 : len, len + 1, NULL);
}

/* Answers with what is there, if that is enough. */
static bool satisfied(struct lnl_dial *d)
{
	switch (d->wanted) {
	case LNL_DIAL_SOME:
		if (d->in_len)
			return give(d, d->in_len, d->in_len, NULL);
		break;
	case LNL_DIAL_EXACT:
		if (d->in_len >= d->n)
			return give(d, d->n, d->n, NULL);
		break;
	case LNL_DIAL_TO_LF:
		if (give_line(d))
			return true;
		break;
	case LNL_DIAL_ALL:
		if (d->in_len > LNL_DIAL_MAX) {
			tell_why(d, &d->receiving, "too large: more than 1 MiB before the end");
			return true;
		}
		if (d->ended && !d->why_ended[0])
			return give(d, d->in_len, d->in_len, NULL);
		break;
	}
	return d->ended && give(d, d->in_len, d->in_len, d->why_ended[0] ? d->why_ended : "closed");
}

static bool grow(struct lnl_dial *d, size_t room)
{
	size_t cap = d->in_cap ? d->in_cap : 4096;
	char *more;

	while (cap < d->in_len + room)
		cap *= 2;
	if (cap == d->in_cap)
		return true;
	more = malloc(cap);
	if (!more)
		return false;
	if (d->in) {
		memcpy(more, d->in, d->in_len);
		explicit_bzero(d->in, d->in_len);
	}
	free(d->in);
	d->in = more;
	d->in_cap = cap;
	return true;
}

static void end_of(struct lnl_dial *d, ssize_t n)
{
	d->ended = true;
	if (n < 0)
		snprintf(d->why_ended, sizeof(d->why_ended), "%s",
			 errno == ECONNRESET ? "closed" : strerror(errno));
}

static void datagram(struct lnl_dial *d)
{
	ssize_t n = recv(d->fd, d->in, DATAGRAM, 0);

	if (n >= 0) {
		d->in_len = (size_t)n;
		give(d, d->in_len, d->in_len, NULL);
	} else if (errno != EAGAIN && errno != EINTR) {
		tell_why(d, &d->receiving, strerror(errno)); /* the socket goes on */
	}
}

static void readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_dial *d = w->data;
	ssize_t n;

	(void)loop;
	(void)revents;
	if (!grow(d, d->proto == LNL_DIAL_UDP ? DATAGRAM : A_TURN)) {
		tell_why(d, &d->receiving, lnl_error_text(LNL_E_NOMEM));
		return;
	}
	if (d->proto == LNL_DIAL_UDP) {
		datagram(d);
		return;
	}
	n = recv(d->fd, d->in + d->in_len, A_TURN, 0);
	if (n > 0)
		d->in_len += (size_t)n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		end_of(d, n);
	satisfied(d);
}

/* What is there may be enough at once: told from the loop all the same. */
static void receive_timer(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct lnl_dial *d = w->data;

	(void)loop;
	(void)revents;
	if (!satisfied(d))
		tell_why(d, &d->receiving, "timeout");
}

/* Whether what is there is the answer, without giving it. */
static bool is_there(const struct lnl_dial *d)
{
	if (d->ended)
		return true;
	switch (d->wanted) {
	case LNL_DIAL_SOME:
		return d->in_len > 0;
	case LNL_DIAL_EXACT:
		return d->in_len >= d->n;
	case LNL_DIAL_TO_LF:
		return d->in_len > LNL_DIAL_LINE || (d->in_len && memchr(d->in, '\n', d->in_len));
	default:
		return d->in_len > LNL_DIAL_MAX;
	}
}

int lnl_dial_receive(struct lnl_dial *d, enum lnl_dial_wanted wanted, size_t n, double timeout,
		     lnl_dial_done *done, void *ctx)
{
	if (d->fd < 0 || d->receiving.done)
		return LNL_E_STATE;
	if (wanted == LNL_DIAL_EXACT && n > LNL_DIAL_MAX)
		return LNL_E_INVAL;
	d->wanted = d->proto == LNL_DIAL_UDP ? LNL_DIAL_SOME : wanted;
	d->n = n;
	begin(d, &d->receiving, done, ctx, timeout);
	if (is_there(d))
		set_timer(d, &d->receiving, 0);
	else
		watch(d, &d->receiving, EV_READ);
	return 0;
}

void lnl_dial_cancel_receive(struct lnl_dial *d)
{
	if (d->receiving.done)
		stop(d, &d->receiving);
}

/* ---- life ---- */

static void init_waiter(struct lnl_dial *d, struct waiter *w,
			void (*ready)(struct ev_loop *, ev_io *, int),
			void (*late)(struct ev_loop *, ev_timer *, int))
{
	ev_init(&w->io, ready);
	ev_init(&w->timer, late);
	w->io.data = w->timer.data = d;
}

struct lnl_dial *lnl_dial_new(struct ev_loop *loop, struct lnl_resolver *resolver,
			      const struct lnl_dial_request *r, lnl_dial_done *done, void *ctx)
{
	struct lnl_dial *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->loop = loop;
	d->resolver = resolver;
	d->proto = r->proto;
	d->port = r->port;
	d->mark = r->mark;
	d->timeout = r->timeout;
	d->fd = -1;
	lnl_tcp_init(&d->tcp);
	init_waiter(d, &d->open, NULL, open_timer);
	init_waiter(d, &d->sending, writable, send_late);
	init_waiter(d, &d->receiving, readable, receive_timer);
	d->host = strdup(r->host);
	d->bind_dev = r->bind_dev ? strdup(r->bind_dev) : NULL;
	if (!d->host || (r->bind_dev && !d->bind_dev)) {
		lnl_dial_free(d);
		return NULL;
	}
	begin(d, &d->open, done, ctx, 0);
	set_timer(d, &d->open, 0);
	return d;
}

void lnl_dial_free(struct lnl_dial *d)
{
	if (!d)
		return;
	stop(d, &d->open);
	stop(d, &d->sending);
	stop(d, &d->receiving);
	lnl_resolver_cancel(d->resolve);
	lnl_tcp_cancel(&d->tcp);
	if (d->fd >= 0)
		close(d->fd);
	drop_out(d);
	if (d->in)
		explicit_bzero(d->in, d->in_cap);
	free(d->in);
	free(d->host);
	free(d->bind_dev);
	free(d);
}
