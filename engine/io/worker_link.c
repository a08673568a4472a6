/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links of a worker: sockets that come and go, and what they receive. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/worker_state.h"

/* ---- what arrived ---- */

/* A client's server that floats is where its last authentic packet came from: a payload or a ping. */
static void follow(struct lnl_link *l, const struct lnl_batch *b)
{
	for (unsigned i = 0; i < b->n; i++)
		if (b->pkts[i].drop == LNL_DROP_NONE || b->pkts[i].drop == LNL_DROP_EMPTY)
			l->conf.remote = b->from[i];
}

/*
 * Whose a data packet from a link of many is: of the peer that it names, if that one has no stream
 * of its own, or whose address it comes from. Counted as nobody's otherwise.
 */
static uint16_t find_sender(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *from)
{
	struct lnl_worker *w = l->worker;
	const struct lnl_carrier *c;

	if (pkt->len >= 4 && lnl_op_of(pkt->p[0]) == LNL_OP_DATA_V2)
		c = lnl_worker_carrier(w, (uint32_t)pkt->p[1] << 16 | (uint32_t)pkt->p[2] << 8 |
						  pkt->p[3]);
	else
		c = lnl_worker_at(w, l, from);
	if (c == NULL)
		return LNL_DROP_PEER;
	if (c->link != NULL && !c->link->conf.many)
		return LNL_DROP_ADDRESS;
	pkt->peer = c->peer;
	return LNL_DROP_NONE;
}

/* What a server knows before it opens a packet. A stream's data is nobody's before it has a peer. */
static void sort_data(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *from)
{
	if (l->conf.many)
		pkt->drop = find_sender(l, pkt, from);
	else if (l->worker->routed && l->conf.peer == LNL_PEER_ID_NONE)
		pkt->drop = LNL_DROP_PEER;
	if (pkt->drop != LNL_DROP_NONE)
		l->worker->stray_drops[pkt->drop]++;
}

/* Control packets go to the control thread; what is neither control nor data goes along. */
static void sort(struct lnl_link *l, struct lnl_batch *b)
{
	static const struct lnl_addr nowhere;

	for (unsigned i = 0; i < b->n; i++) {
		struct lnl_packet *pkt = &b->pkts[i];
		const struct lnl_addr *from = l->conf.many ? &b->from[i] : &nowhere;

		pkt->peer = l->conf.peer;
		pkt->drop = LNL_DROP_NONE;
		if (pkt->len == 0 || pkt->len > LNL_DATAGRAM_MAX ||
		    !lnl_op_is_control(lnl_op_of(pkt->p[0]))) {
			sort_data(l, pkt, from);
			continue;
		}
		lnl_worker_note_packet(l->worker, l->conf.id, pkt, from);
		pkt->drop = LNL_DROP_OPCODE;
	}
	lnl_batch_compact(b);
}

/* Authentic packets tell where their peers are: payloads and pings. */
static void follow_many(struct lnl_link *l, const struct lnl_batch *b, uint64_t now)
{
	struct lnl_carrier *c = NULL;

	for (unsigned i = 0; i < b->n; i++) {
		if (b->pkts[i].drop != LNL_DROP_NONE && b->pkts[i].drop != LNL_DROP_EMPTY)
			continue;
		if (c == NULL || c->peer != b->pkts[i].peer)
			c = lnl_worker_carrier(l->worker, b->pkts[i].peer);
		if (c != NULL)
			lnl_worker_float(l->worker, c, l, &b->from[i], now);
	}
}

/* client-to-client: packets for other peers leave the batch for theirs. */
static void relay(struct lnl_worker *w, struct lnl_batch *b)
{
	struct lnl_batch *out = &w->relay;

	out->n = 0;
	for (unsigned i = 0; i < b->n; i++) {
		struct lnl_packet *pkt = &b->pkts[i];

		if (pkt->drop != LNL_DROP_NONE || pkt->relay == LNL_PEER_ID_NONE)
			continue;
		lnl_batch_add(out, pkt->p, pkt->len, pkt->relay);
		pkt->drop = LNL_DROP_EMPTY; /* it is on its way */
	}
	if (out->n > 0)
		lnl_worker_relay(w);
}

/* A batch that arrived: control packets aside, through the data plane to TUN. */
static void take(struct lnl_link *l, struct lnl_batch *b)
{
	struct lnl_worker *w = l->worker;
	uint64_t now;

	sort(l, b);
	if (b->n == 0)
		return;
	now = lnl_clock_now();
	if (lnl_data_open(w->data, b->pkts, b->n, now) > 0) {
		if (w->relay.memory != NULL)
			relay(w, b);
		lnl_worker_tun_write(w, b->pkts, b->n);
	}
	if (l->conf.many)
		follow_many(l, b, now);
	else if (l->conf.remote.len != 0)
		follow(l, b);
}

/* Errors that no later datagram can do better with. */
static bool useless(int err)
{
	return err == EBADF || err == ENOTSOCK || err == ENOTCONN || err == EDESTADDRREQ;
}

static void receive_datagrams(struct lnl_link *l)
{
	struct lnl_batch *b = &l->worker->rx;

	for (unsigned turn = 0; turn < LNL_WORKER_TURNS; turn++) {
		int n = lnl_batch_receive(b, l->conf.fd, l->conf.many || l->conf.remote.len != 0);

		if (n < 0 && useless(-n)) {
			lnl_worker_link_end(l, true, -n);
			return;
		}
		if (n < 0) {
			/*
			 * An ICMP error of an earlier packet; it has been taken off, more may wait.
			 */
			lnl_worker_link_error(l, -n);
			continue;
		}
		take(l, b);
		if (n < LNL_BATCH)
			return;
	}
}

/* Cuts what has arrived into packets. LNL_E_FORMAT: the peer has lost its framing. */
static int take_stream(struct lnl_link *l)
{
	struct lnl_batch *b = &l->worker->rx;
	int rc;

	do {
		b->n = 0;
		rc = 0;
		while (b->n < LNL_BATCH) {
			uint8_t *p;
			size_t len;

			rc = lnl_stream_next(&l->in, &p, &len);
			if (rc <= 0)
				break;
			b->pkts[b->n++] = (struct lnl_packet){ .p = p, .len = (uint32_t)len };
		}
		take(l, b);
	} while (rc > 0);
	return rc;
}

static void receive_stream(struct lnl_link *l)
{
	for (unsigned turn = 0; turn < LNL_WORKER_TURNS; turn++) {
		size_t room;
		uint8_t *at = lnl_stream_room(&l->in, &room);
		ssize_t n = recv(l->conf.fd, at, room, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			lnl_worker_link_end(l, true, n < 0 ? errno : 0);
			return;
		}
		lnl_stream_added(&l->in, (size_t)n);
		if (take_stream(l) < 0) {
			lnl_worker_link_end(l, true, EPROTO);
			return;
		}
		if ((size_t)n < room)
			return;
	}
}

static void readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_link *l = io->data;

	(void)loop;
	(void)revents;
	if (l->conf.kind == LNL_LINK_TCP)
		receive_stream(l);
	else
		receive_datagrams(l);
}

/* ---- coming and going ---- */

struct lnl_link *lnl_worker_link(struct lnl_worker *w, uint32_t id)
{
	struct lnl_link *l = w->links[id & w->mask];

	while (l != NULL && l->conf.id != id)
		l = l->next;
	return l;
}

static void release(struct lnl_link *l)
{
	free(l->in.data);
	lnl_backlog_deinit(&l->out);
	free(l);
}

static int make(struct lnl_link **out, const struct lnl_link_conf *conf)
{
	struct lnl_link *l = calloc(1, sizeof(*l));
	uint8_t *data;

	if (l == NULL)
		return LNL_E_NOMEM;
	l->conf = *conf;
	if (conf->kind == LNL_LINK_TCP) {
		data = malloc(LNL_WORKER_STREAM);
		if (data == NULL || lnl_backlog_init(&l->out) < 0) {
			free(data);
			free(l);
			return LNL_E_NOMEM;
		}
		lnl_stream_init(&l->in, data, LNL_WORKER_STREAM, LNL_PACKET_MAX);
	}
	*out = l;
	return 0;
}

int lnl_worker_link_add(struct lnl_worker *w, const struct lnl_link_conf *conf)
{
	struct lnl_link **bucket = &w->links[conf->id & w->mask];
	struct lnl_link *l = NULL;
	int rc = 0;

	if (conf->id == 0)
		rc = LNL_E_INVAL;
	else if (lnl_worker_link(w, conf->id) != NULL)
		rc = LNL_E_EXIST;
	else
		rc = make(&l, conf);
	if (rc < 0) {
		close(conf->fd);
		return rc;
	}
	l->worker = w;
	l->next = *bucket;
	*bucket = l;
	ev_io_init(&l->readable, readable, conf->fd, EV_READ);
	ev_io_init(&l->writable, lnl_worker_writable, conf->fd, EV_WRITE);
	l->readable.data = l->writable.data = l;
	ev_io_start(w->loop, &l->readable);
	lnl_worker_carriers_link(w, l, true);
	return 0;
}

void lnl_worker_link_end(struct lnl_link *l, bool tell, int error)
{
	struct lnl_worker *w = l->worker;
	struct lnl_link **at = &w->links[l->conf.id & w->mask];

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	if (!tell && l->conf.kind == LNL_LINK_TCP)
		lnl_worker_drain(l);
	ev_io_stop(w->loop, &l->readable);
	ev_io_stop(w->loop, &l->writable);
	close(l->conf.fd);
	lnl_worker_carriers_link(w, l, false);
	if (l->congested && !w->routed)
		w->congested--;
	l->congested = false;
	if (w->blocked == l) {
		w->blocked = NULL;
		lnl_worker_flush(w);
	}
	lnl_worker_tun_watch(w);
	if (!tell) {
		release(l);
		return;
	}
	l->ended = error;
	l->next = NULL;
	for (at = &w->ended; *at != NULL; at = &(*at)->next)
		;
	*at = l;
}

void lnl_worker_link_error(struct lnl_link *l, int error)
{
	uint64_t now = lnl_clock_now();

	if (l->errored && now - l->error_at < LNL_SECOND)
		return;
	l->errored = true;
	l->error_at = now;
	lnl_worker_note_error(l->worker, LNL_NTF_LINK_ERROR, l->conf.id, l->conf.peer, error);
}

void lnl_worker_links_tell(struct lnl_worker *w)
{
	while (w->ended != NULL && lnl_worker_has_room(w)) {
		struct lnl_link *l = w->ended;

		lnl_worker_note_error(w, LNL_NTF_LINK_CLOSED, l->conf.id, l->conf.peer, l->ended);
		w->ended = l->next;
		release(l);
	}
}

void lnl_worker_links_free(struct lnl_worker *w)
{
	for (uint32_t i = 0; w->links != NULL && i <= w->mask; i++)
		while (w->links[i] != NULL)
			lnl_worker_link_end(w->links[i], false, 0);
	while (w->ended != NULL) {
		struct lnl_link *l = w->ended;

		w->ended = l->next;
		release(l);
	}
}
