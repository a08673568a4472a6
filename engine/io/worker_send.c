/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way out: batches to datagram sockets, frames to streams, and what happens when they are full.
 */
#include <errno.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/worker_state.h"

/* The same worker has many TCP links on a server; each is watched by itself. */
static void set_congested(struct lnl_link *l, bool congested)
{
	if (l->congested == congested)
		return;
	l->congested = congested;
	if (congested)
		l->worker->congested++;
	else
		l->worker->congested--;
	lnl_worker_tun_watch(l->worker);
}

/* ---- TCP ---- */

/* The length goes before the packet, where a batch has room for it. */
static void put_prefix(struct lnl_packet *pkt)
{
	pkt->p -= LNL_STREAM_PREFIX;
	pkt->p[0] = (uint8_t)(pkt->len >> 8);
	pkt->p[1] = (uint8_t)pkt->len;
	pkt->len += LNL_STREAM_PREFIX;
}

/* Bytes that the socket took, 0 when it is full, or a negative errno. */
static ssize_t write_stream(int fd, struct iovec *iov, unsigned n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	do {
		sent = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? 0 : -errno;
	return sent;
}

int lnl_worker_drain(struct lnl_link *l)
{
	struct iovec iov[2];
	unsigned n;

	while ((n = lnl_backlog_pieces(&l->out, iov)) > 0) {
		ssize_t sent = write_stream(l->conf.fd, iov, n);

		if (sent < 0)
			return (int)-sent;
		if (sent == 0)
			break;
		lnl_backlog_took(&l->out, (size_t)sent);
	}
	return 0;
}

/*
 * Queues framed packets but the first |skip| bytes; returns how many of them found no room. The link
 * is gone afterwards when the rest of a packet did not.
 */
static unsigned enqueue(struct lnl_link *l, const struct iovec *iov, unsigned n, size_t skip,
			bool urgent)
{
	/* A server's TUN waits for no peer: who does not read loses packets, and they do not pile up. */
	bool bounded = l->worker->routed && !urgent, broken = false;
	unsigned lost = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t len = iov[i].iov_len;

		if (skip >= len) {
			skip -= len;
			continue;
		}
		/*
		 * The rest of a packet of which a part is gone has to follow: it fits, with nothing
		 * before it, unless there is no memory.
		 */
		if ((bounded && l->out.used >= LNL_BACKLOG_PEER) ||
		    !lnl_backlog_put(&l->out, &iov[i], 1, skip, urgent)) {
			lost++;
			broken = broken || skip > 0;
		}
		skip = 0;
	}
	if (broken) {
		lnl_worker_link_end(l, true, ENOMEM);
		return lost;
	}
	if (l->out.used > 0)
		ev_io_start(l->worker->loop, &l->writable);
	if (l->out.used >= LNL_BACKLOG_HIGH && !l->worker->routed)
		set_congested(l, true);
	return lost;
}

/*
 * Sends framed packets, by the socket where nothing waits before them, else by the queue. Returns
 * how many were lost; the link may be gone afterwards.
 */
static unsigned send_frames(struct lnl_link *l, struct iovec *iov, unsigned n, bool urgent)
{
	ssize_t sent = 0;

	if (l->out.used == 0)
		sent = write_stream(l->conf.fd, iov, n);
	if (sent < 0) {
		lnl_worker_link_end(l, true, (int)-sent);
		return n;
	}
	return enqueue(l, iov, n, (size_t)sent, urgent);
}

static void send_stream(struct lnl_link *l, struct lnl_batch *b, unsigned at, unsigned count)
{
	struct lnl_carrier *c = lnl_worker_counting(l->worker, b->pkts[at].peer);

	for (unsigned i = at; i < at + count; i++) {
		put_prefix(&b->pkts[i]);
		b->iovs[i] = (struct iovec){ b->pkts[i].p, b->pkts[i].len };
	}
	c->drops_queue += send_frames(l, &b->iovs[at], count, false);
}

/* ---- UDP ---- */

/* Whether the socket is of no use any more. */
static bool useless(int err)
{
	return err == EBADF || err == ENOTSOCK || err == ENOTCONN || err == EDESTADDRREQ;
}

/* |to| is for a link of many. NULL: the socket is connected. */
static const struct lnl_addr *destination(const struct lnl_link *l, const struct lnl_addr *to)
{
	if (l->conf.many)
		return to;
	return l->conf.remote.len != 0 ? &l->conf.remote : NULL;
}

static int send_datagrams(struct lnl_link *l, struct lnl_batch *b, unsigned at, unsigned count,
			  const struct lnl_addr *to)
{
	int n = lnl_batch_send(b, l->conf.fd, at, count, to);

	/* The error of an earlier packet that came back by ICMP: ours has not been tried. */
	if (n == -ECONNREFUSED || n == -EHOSTUNREACH || n == -ENETUNREACH) {
		lnl_worker_link_error(l, -n);
		n = lnl_batch_send(b, l->conf.fd, at, count, to);
	}
	return n;
}

/*
 * Sends a run; returns how many packets are dealt with, sent or dropped: 0 when the socket is full.
 */
static unsigned send_run(struct lnl_carrier *c, struct lnl_batch *b, unsigned at, unsigned count)
{
	struct lnl_link *l = c->link;
	int n = send_datagrams(l, b, at, count, destination(l, &c->address));

	if (n > 0)
		return (unsigned)n;
	if (n == -EAGAIN)
		return 0;
	c->drops_send++;
	if (useless(-n))
		lnl_worker_link_end(l, true, -n);
	else if (n != -ENOBUFS)
		lnl_worker_link_error(l, -n);
	return 1;
}

/* ---- both ---- */

/* Packets of |b| from |at| on that have the same peer. */
static unsigned run_of(const struct lnl_batch *b, unsigned at)
{
	unsigned end = at + 1;

	while (end < b->n && b->pkts[end].peer == b->pkts[at].peer)
		end++;
	return end - at;
}

/*
 * Sends the run at |*at| and moves it on. False when its socket is full: |*c| is whose, and |*at|
 * stays.
 */
static bool send_next(struct lnl_worker *w, struct lnl_batch *b, unsigned *at,
		      struct lnl_carrier **c)
{
	unsigned first = *at, count = run_of(b, first), done;

	*c = lnl_worker_counting(w, b->pkts[first].peer);
	if ((*c)->link == NULL || ((*c)->link->conf.many && (*c)->address.len == 0)) {
		(*c)->drops_send += count;
		*at += count;
		return true;
	}
	if ((*c)->link->conf.kind == LNL_LINK_TCP) {
		*at += count;
		send_stream((*c)->link, b, first, count);
		return true;
	}
	done = send_run(*c, b, first, count);
	*at += done;
	return done > 0;
}

void lnl_worker_flush(struct lnl_worker *w)
{
	struct lnl_batch *b = &w->tx;
	struct lnl_carrier *c;

	while (w->tx_at < b->n && w->blocked == NULL) {
		if (send_next(w, b, &w->tx_at, &c))
			continue;
		w->blocked = c->link;
		ev_io_start(w->loop, &c->link->writable);
	}
	lnl_worker_tun_watch(w);
}

void lnl_worker_send_or_drop(struct lnl_worker *w, struct lnl_batch *b)
{
	struct lnl_carrier *c;
	unsigned at = 0;

	while (at < b->n) {
		if (send_next(w, b, &at, &c))
			continue;
		c->drops_queue += run_of(b, at);
		at += run_of(b, at);
	}
}

bool lnl_worker_send(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *to)
{
	struct iovec iov;
	ssize_t n;

	if (l->conf.kind == LNL_LINK_TCP) {
		put_prefix(pkt);
		iov = (struct iovec){ pkt->p, pkt->len };
		return send_frames(l, &iov, 1, true) == 0;
	}
	to = destination(l, to);
	if (l->conf.many && to->len == 0)
		return false;
	/* The first try may bring the error of an earlier packet. */
	for (unsigned i = 0; i < 2; i++) {
		n = sendto(l->conf.fd, pkt->p, pkt->len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   to != NULL ? &to->u.sa : NULL, to != NULL ? to->len : 0);
		if (n >= 0)
			return true;
		if (errno == EAGAIN || errno == ENOBUFS)
			return false;
		if (useless(errno)) {
			lnl_worker_link_end(l, true, errno);
			return false;
		}
		lnl_worker_link_error(l, errno);
	}
	return false;
}

int lnl_worker_special(struct lnl_worker *w, uint32_t peer, enum lnl_special what)
{
	struct lnl_packet pkt = { .p = w->special + LNL_BATCH_ROOM + LNL_HEADROOM, .peer = peer };
	struct lnl_carrier *c = lnl_worker_counting(w, peer);
	int rc = lnl_data_special(w->data, peer, what, &pkt, lnl_clock_now());

	if (rc == 0 && (c->link == NULL || !lnl_worker_send(c->link, &pkt, &c->address)))
		c->drops_send++;
	return rc;
}

void lnl_worker_writable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_link *l = io->data;
	struct lnl_worker *w = l->worker;
	int err = 0;

	(void)revents;
	if (l->conf.kind == LNL_LINK_TCP)
		err = lnl_worker_drain(l);
	if (err != 0) {
		lnl_worker_link_end(l, true, err);
		return;
	}
	if (l->out.used == 0)
		ev_io_stop(loop, io);
	/* A server has thousands of streams, of which few are full at a time. */
	if (l->out.used == 0 && w->routed)
		lnl_backlog_deinit(&l->out);
	if (l->out.used <= LNL_BACKLOG_HIGH / 2)
		set_congested(l, false);
	if (w->blocked == l) {
		w->blocked = NULL;
		lnl_worker_flush(w);
	}
}
