/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The way out: batches to datagram sockets, frames to streams, and what happens when they are full.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/worker_state.h"

/* ---- TCP ---- */

/* The length goes before the packet, where room was left for it. */
static void put_prefix(struct lnl_packet *pkt)
{
	pkt->p -= LNL_STREAM_PREFIX;
	pkt->p[0] = (uint8_t)(pkt->len >> 8);
	pkt->p[1] = (uint8_t)pkt->len;
	pkt->len += LNL_STREAM_PREFIX;
}

/* Bytes that the socket took, 0 when it is full, or a negative errno. */
static ssize_t write_stream(struct lnl_link *l, struct iovec *iov, unsigned n)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	do {
		sent = sendmsg(l->conf.fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return errno == EAGAIN ? 0 : -errno;
	lnl_worker_ack_sent(l);
	return sent;
}

int lnl_worker_drain(struct lnl_link *l)
{
	struct iovec iov[2];
	unsigned n;

	while ((n = lnl_backlog_pieces(&l->out, iov)) > 0) {
		ssize_t sent = write_stream(l, iov, n);

		if (sent < 0)
			return (int)-sent;
		if (sent == 0)
			break;
		lnl_backlog_took(&l->out, (size_t)sent);
	}
	return 0;
}

static void lend_queue(struct lnl_link *l)
{
	if (l->out.data != NULL || l->worker->spare_queue == NULL)
		return;
	lnl_backlog_lend(&l->out, l->worker->spare_queue);
	l->worker->spare_queue = NULL;
}

static void give_queue_back(struct lnl_link *l)
{
	if (l->worker->spare_queue == NULL)
		l->worker->spare_queue = lnl_backlog_take(&l->out);
	else
		lnl_backlog_deinit(&l->out);
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
		lend_queue(l);
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
		sent = write_stream(l, iov, n);
	if (sent < 0) {
		lnl_worker_link_end(l, true, (int)-sent);
		return n;
	}
	return enqueue(l, iov, n, (size_t)sent, urgent);
}

/*
 * The same for packets that can wait where they are: returns how many are dealt with, sent or lost
 * (|*lost|); the rest waits for the socket, a packet of which a part is gone for nothing else.
 */
static unsigned send_some(struct lnl_link *l, struct iovec *iov, unsigned n, unsigned *lost)
{
	unsigned done = 0;
	ssize_t sent;

	*lost = 0;
	if (l->out.used > 0)
		return 0;
	sent = write_stream(l, iov, n);
	if (sent < 0) {
		lnl_worker_link_end(l, true, (int)-sent);
		return *lost = n;
	}
	while (done < n && (size_t)sent >= iov[done].iov_len)
		sent -= (ssize_t)iov[done++].iov_len;
	if (sent > 0) {
		*lost = enqueue(l, &iov[done], 1, (size_t)sent, false);
		done++;
	}
	return done;
}

/* Frames |count| packets from |at| on; how many are dealt with. */
static unsigned send_stream(struct lnl_carrier *c, struct lnl_outgoing *o, unsigned at,
			    unsigned count)
{
	struct iovec iov[LNL_OUT_PACKETS];
	unsigned n = 0, done = count, lost;

	for (unsigned i = at; i < at + count; i++) {
		/* Sealed for a link of another kind, which the peer has left. */
		if (o->prefix[i] < LNL_OUT_PREFIX) {
			c->drops_send += count;
			return count;
		}
		put_prefix(&o->pkts[i]);
		iov[n++] = (struct iovec){ o->pkts[i].p, o->pkts[i].len };
	}
	if (c->link->worker->routed)
		lost = send_frames(c->link, iov, n, false);
	else
		done = send_some(c->link, iov, n, &lost);
	c->drops_queue += lost;
	/* They are framed anew when their turn comes. */
	for (unsigned i = at + done; i < at + count; i++) {
		o->pkts[i].p += LNL_OUT_PREFIX;
		o->pkts[i].len -= LNL_OUT_PREFIX;
	}
	return done;
}

/* ---- UDP ---- */

/* |to| is for a link of many. NULL: the socket is connected. */
static const struct lnl_addr *destination(const struct lnl_link *l, const struct lnl_addr *to)
{
	if (l->conf.many)
		return to;
	return l->conf.remote.len != 0 ? &l->conf.remote : NULL;
}

/* Packets from |at| on that have the same peer. */
static unsigned run_of(const struct lnl_outgoing *o, unsigned at)
{
	unsigned end = at + 1;

	while (end < o->n && o->pkts[end].peer == o->pkts[at].peer)
		end++;
	return end - at;
}

static bool can_send(const struct lnl_carrier *c)
{
	return c->link != NULL && (!c->link->conf.many || c->address.len != 0);
}

/* Puts as many packets into one call as go by |l|, whoever's they are. */
static void gather(struct lnl_link *l, struct lnl_outgoing *o, unsigned at)
{
	lnl_outgoing_begin(o);
	while (at < o->n) {
		struct lnl_carrier *c = lnl_worker_counting(l->worker, o->pkts[at].peer);
		unsigned n, most = l->segments && !c->unsegmented ? LNL_UDP_SEGMENTS : 1;

		if (c->link != l || !can_send(c))
			return;
		n = lnl_outgoing_add(o, at, run_of(o, at), most, destination(l, &c->address));
		if (n == 0)
			return;
		at += n;
	}
}

static int send_gathered(struct lnl_link *l, struct lnl_outgoing *o)
{
	int n = lnl_outgoing_send(o, l->conf.fd);

	/* The error of an earlier packet that came back by ICMP: ours has not been tried. */
	if (n == -ECONNREFUSED || n == -EHOSTUNREACH || n == -ENETUNREACH) {
		lnl_worker_link_error(l, -n);
		n = lnl_outgoing_send(o, l->conf.fd);
	}
	return n;
}

/*
 * A message of segments was refused: with EIO by the device, else since a segment is longer than
 * the way there takes (then they go one by one, and IP cuts them). True when it was that.
 */
static bool lower(struct lnl_carrier *c, int err)
{
	struct lnl_link *l = c->link;
	uint32_t peer = c->peer;

	if (err != EIO && err != EINVAL && err != EMSGSIZE && err != EOPNOTSUPP)
		return false;
	if (err == EMSGSIZE || err == EINVAL) {
		c->unsegmented = true;
	} else {
		l->segments = false;
		peer = LNL_PEER_ID_NONE;
	}
	lnl_worker_note_error(l->worker, LNL_NTF_LOWERED, l->conf.id, peer, err);
	return true;
}

/* How many packets from |at| on are dealt with, sent or dropped; 0: |*full|, or try again. */
static unsigned send_datagrams(struct lnl_carrier *c, struct lnl_outgoing *o, unsigned at,
			       bool *full)
{
	struct lnl_link *l = c->link;
	unsigned done = 0;
	int n;

	gather(l, o, at);
	n = send_gathered(l, o);
	for (int i = 0; i < n; i++)
		done += lnl_outgoing_packets(o, (unsigned)i);
	*full = n == -EAGAIN;
	if (n > 0 || *full || (lnl_outgoing_packets(o, 0) > 1 && lower(c, -n)))
		return done;
	c->drops_send += lnl_outgoing_packets(o, 0);
	if (lnl_worker_link_is_useless(-n))
		lnl_worker_link_end(l, true, -n);
	else if (n != -ENOBUFS)
		lnl_worker_link_error(l, -n);
	return lnl_outgoing_packets(o, 0);
}

/* ---- both ---- */

/*
 * Sends what stands at |*at| and moves it on. False when its socket is full: |*c| is whose, and
 * |*at| stays.
 */
static bool send_next(struct lnl_worker *w, struct lnl_outgoing *o, unsigned *at,
		      struct lnl_carrier **c)
{
	unsigned count = run_of(o, *at), done;
	bool full;

	*c = lnl_worker_counting(w, o->pkts[*at].peer);
	if (!can_send(*c)) {
		(*c)->drops_send += count;
		*at += count;
		return true;
	}
	if ((*c)->link->conf.kind == LNL_LINK_TCP) {
		done = send_stream(*c, o, *at, count);
		full = done < count;
	} else {
		done = send_datagrams(*c, o, *at, &full);
	}
	*at += done;
	return !full;
}

/*
 * Packets of one peer follow on each other, so that they can go together; each peer's stay in
 * order.
 */
static void put_in_order(struct lnl_worker *w, struct lnl_outgoing *o)
{
	struct lnl_packet pkts[LNL_OUT_PACKETS];
	uint8_t prefix[LNL_OUT_PACKETS];
	uint16_t group[LNL_OUT_PACKETS], start[LNL_OUT_PACKETS + 1] = { 0 }, groups = 0;

	if (o->n == 0 || run_of(o, 0) == o->n)
		return;
	w->turn++;
	for (unsigned i = 0; i < o->n; i++) {
		struct lnl_carrier *c = lnl_worker_counting(w, o->pkts[i].peer);

		if (c->turn != w->turn) {
			c->turn = w->turn;
			c->place_in_turn = groups++;
		}
		group[i] = c->place_in_turn;
		start[group[i] + 1]++;
	}
	for (unsigned g = 0; g < groups; g++)
		start[g + 1] = (uint16_t)(start[g + 1] + start[g]);
	for (unsigned i = 0; i < o->n; i++) {
		unsigned to = start[group[i]]++;

		pkts[to] = o->pkts[i];
		prefix[to] = o->prefix[i];
	}
	memcpy(o->pkts, pkts, o->n * sizeof(*pkts));
	memcpy(o->prefix, prefix, o->n * sizeof(*prefix));
}

void lnl_worker_flush(struct lnl_worker *w)
{
	struct lnl_outgoing *o = &w->tx;
	struct lnl_carrier *c;

	if (w->lanes != NULL)
		lnl_worker_tap_wire_out(w, o);
	if (w->tx_at == 0)
		put_in_order(w, o);
	while (w->tx_at < o->n && w->blocked == NULL) {
		if (send_next(w, o, &w->tx_at, &c) || c->link == NULL)
			continue;
		w->blocked = c->link;
		ev_io_start(w->loop, &c->link->writable);
	}
	if (w->tx_at < o->n)
		return;
	w->tx_at = 0;
	lnl_outgoing_clear(o);
}

void lnl_worker_send_or_drop(struct lnl_worker *w, struct lnl_outgoing *o)
{
	struct lnl_carrier *c;
	unsigned at = 0;

	if (w->lanes != NULL)
		lnl_worker_tap_wire_out(w, o);
	put_in_order(w, o);
	while (at < o->n) {
		if (send_next(w, o, &at, &c))
			continue;
		c->drops_queue += run_of(o, at);
		at += run_of(o, at);
	}
	lnl_outgoing_clear(o);
}

uint32_t lnl_worker_prefix(struct lnl_worker *w, uint32_t peer)
{
	const struct lnl_link *l = lnl_worker_counting(w, peer)->link;

	return l != NULL && l->conf.kind == LNL_LINK_UDP ? 0 : LNL_OUT_PREFIX;
}

static bool send_one(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *to)
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
		if (lnl_worker_link_is_useless(errno)) {
			lnl_worker_link_end(l, true, errno);
			return false;
		}
		lnl_worker_link_error(l, errno);
	}
	return false;
}

/* Whose a packet by |l| to |to| is, as far as that is known. */
static struct lnl_carrier *owner_of(struct lnl_link *l, const struct lnl_addr *to)
{
	struct lnl_carrier *c = NULL;

	if (l->conf.many && to->len != 0)
		c = lnl_worker_at(l->worker, l->conf.id, to);
	return c != NULL ? c : lnl_worker_counting(l->worker, l->conf.peer);
}

/* Shows the lane a copy that has room. */
static bool send_shown(struct lnl_link *l, const struct lnl_packet *pkt, const struct lnl_addr *to)
{
	uint8_t room[LNL_OUT_PREFIX + LNL_DATAGRAM_MAX + 2 * LNL_LANE_OVERHEAD];
	struct lnl_packet copy = *pkt;

	if (pkt->len > LNL_DATAGRAM_MAX)
		return false;
	copy.p = room + LNL_OUT_PREFIX + LNL_LANE_OVERHEAD;
	memcpy(copy.p, pkt->p, pkt->len);
	if (!lnl_worker_tap_wire_one(l->worker, &copy, owner_of(l, to)))
		return true;
	return send_one(l, &copy, to);
}

bool lnl_worker_send(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *to)
{
	if (l->worker->lanes != NULL && lnl_worker_tap_sends(l->worker))
		return send_shown(l, pkt, to);
	return send_one(l, pkt, to);
}

/* Whether packets of |peer| are sealed and wait for its link. */
static bool waits_to_go(const struct lnl_worker *w, uint32_t peer)
{
	for (unsigned i = w->tx_at; i < w->tx.n; i++)
		if (w->tx.pkts[i].peer == peer)
			return true;
	return false;
}

/*
 * A ping has the latest id: before packets that wait, it would put them out of the peer's replay
 * window, which ends a stock peer's connection by TCP. A goodbye may.
 */
int lnl_worker_special(struct lnl_worker *w, uint32_t peer, enum lnl_special what)
{
	struct lnl_packet pkt = { .p = w->special + LNL_OUT_PREFIX + LNL_HEADROOM, .peer = peer };
	struct lnl_carrier *c = lnl_worker_counting(w, peer);
	int rc = lnl_data_special(w->data, peer, what, &pkt, lnl_clock_now());

	bool sent;

	if (rc < 0)
		return rc;
	if (what == LNL_SPECIAL_PING && waits_to_go(w, peer))
		sent = lnl_outgoing_append(&w->tx, &pkt, lnl_worker_prefix(w, peer));
	else
		sent = c->link != NULL && lnl_worker_send(c->link, &pkt, &c->address);
	if (!sent)
		c->drops_send++;
	return 0;
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
		give_queue_back(l);
	if (w->blocked == l && l->out.used == 0) {
		w->blocked = NULL;
		lnl_worker_tun_go_on(w);
	}
}
