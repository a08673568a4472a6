/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links of a worker: sockets that come and go, and what they receive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/socket.h"
#include "io/worker_state.h"

/* ---- what arrived ---- */

/* A peer that floats is where its last authentic packet came from: a payload or a ping. */
static void follow(struct lnl_link *l)
{
	const struct lnl_incoming *in = &l->worker->in;

	for (unsigned i = 0; i < in->n; i++)
		if (lnl_packet_is_fresh(&in->pkts[i]))
			l->conf.remote = *in->from[i];
}

/*
 * Whose packets of |l| are that say nothing else. On a stream whose client is no peer yet they are
 * nobody's: no name in a packet lets it speak for another.
 */
static uint32_t peer_of(const struct lnl_link *l)
{
	if (l->conf.kind == LNL_LINK_TCP && l->conf.peer == LNL_PEER_ID_NONE)
		return LNL_WORKER_STRANGER;
	return l->conf.peer;
}

/* Control packets go to the control thread; true where there are others. */
static bool sort(struct lnl_link *l)
{
	struct lnl_incoming *in = &l->worker->in;
	uint32_t peer = peer_of(l);

	for (unsigned i = 0; i < in->n; i++) {
		struct lnl_packet *pkt = &in->pkts[i];

		pkt->peer = peer;
		if (pkt->len == 0 || pkt->len > LNL_DATAGRAM_MAX ||
		    !lnl_op_is_control(lnl_op_of(pkt->p[0])))
			continue;
		lnl_worker_note_packet(l->worker, l->conf.id, pkt,
				       l->conf.many ? in->from[i] : NULL);
		pkt->drop = LNL_DROP_OPCODE;
	}
	/* What is neither control nor data goes along: the data plane counts it. */
	lnl_incoming_compact(in);
	return in->n > 0;
}

/* Opens what is `in`; true where something goes on. */
static bool open_all(struct lnl_worker *w, uint64_t now)
{
	struct lnl_seen seen;
	unsigned n;

	if (!lnl_worker_captures(w))
		return lnl_data_open(w->data, w->in.pkts, w->in.n, now) > 0;
	lnl_worker_capture_look(w, &seen);
	n = lnl_data_open(w->data, w->in.pkts, w->in.n, now);
	lnl_worker_capture_in(w, &seen);
	return n > 0;
}

void lnl_worker_link_take(struct lnl_link *l)
{
	struct lnl_worker *w = l->worker;
	struct lnl_carrier *owners[LNL_IN_PACKETS];
	uint64_t now;
	bool any;

	if (!sort(l))
		return;
	if (l->conf.many)
		lnl_worker_owners(l, owners);
	now = lnl_clock_now();
	any = open_all(w, now);
	if (l->conf.many)
		lnl_worker_follow(l, owners, now);
	else if (l->conf.remote.len != 0)
		follow(l);
	if (!any)
		return;
	if (w->lanes != NULL)
		lnl_worker_tap_in(w);
	lnl_worker_tun_write(w);
	if (w->relay.memory != NULL)
		lnl_worker_relay(w, now);
}

bool lnl_worker_link_is_useless(int err)
{
	return err == EBADF || err == ENOTSOCK || err == ENOTCONN || err == EDESTADDRREQ;
}

static void receive_datagrams(struct lnl_link *l)
{
	struct lnl_incoming *in = &l->worker->in;
	bool named = l->conf.many || l->conf.remote.len != 0;

	for (unsigned turn = 0; turn < LNL_WORKER_TURNS; turn++) {
		int n = lnl_incoming_receive(in, l->conf.fd, named, l->gro);

		if (n < 0 && lnl_worker_link_is_useless(-n)) {
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
		while (!l->closed && lnl_incoming_cut(in)) {
			if (l->worker->lanes != NULL)
				lnl_worker_tap_wire_in(l);
			lnl_worker_link_take(l);
		}
		if (l->closed || !lnl_incoming_was_full(in, l->gro))
			return;
	}
}

/*
 * Cuts what has arrived into packets, and adds their number to |packets|. LNL_E_FORMAT: the peer has
 * lost its framing.
 */
static int take_stream(struct lnl_link *l, struct lnl_stream *stream, size_t *packets)
{
	struct lnl_incoming *in = &l->worker->in;
	int rc;

	do {
		lnl_incoming_begin(in);
		rc = 0;
		while (in->n < LNL_IN_PACKETS) {
			uint8_t *p;
			size_t len;

			rc = lnl_stream_next(stream, &p, &len);
			if (rc <= 0)
				break;
			lnl_incoming_add(in, p, (uint32_t)len, NULL);
		}
		*packets += in->n;
		if (l->worker->lanes != NULL)
			lnl_worker_tap_wire_in(l);
		lnl_worker_link_take(l);
	} while (rc > 0 && !l->closed);
	return rc;
}

/*
 * What is no whole packet yet waits in the link, in as much memory as it takes: thousands of links
 * have one buffer to read into, and few of them are in the middle of a packet.
 */
static void keep_rest(struct lnl_link *l, const struct lnl_stream *in)
{
	struct lnl_worker *w = l->worker;
	size_t len = in->end - in->start;

	if (len == 0)
		return;
	if (len <= LNL_WORKER_REST && w->spare_n > 0)
		l->rest = w->spare_rests[--w->spare_n];
	else
		l->rest = malloc(len <= LNL_WORKER_REST ? LNL_WORKER_REST : len);
	if (l->rest == NULL) {
		lnl_worker_link_end(l, true, ENOMEM);
		return;
	}
	memcpy(l->rest, in->data + in->start, len);
	l->rest_len = len;
}

static void take_rest(struct lnl_link *l, struct lnl_stream *in)
{
	if (l->rest_len > 0)
		memcpy(in->data, l->rest, l->rest_len);
	lnl_stream_added(in, l->rest_len);
	if (l->rest != NULL && l->rest_len <= LNL_WORKER_REST &&
	    l->worker->spare_n < LNL_WORKER_RESTS)
		l->worker->spare_rests[l->worker->spare_n++] = l->rest;
	else
		free(l->rest);
	l->rest = NULL;
	l->rest_len = 0;
}

/* What a read brought decides how the next is done. */
static void note_read(struct lnl_link *l, size_t bytes, size_t packets)
{
	uint64_t now = lnl_clock_now();

	lnl_worker_pace_read(l, now, bytes, packets);
	if (bytes > 0)
		lnl_worker_ack_read(l, now);
}

void lnl_worker_link_read(struct lnl_link *l)
{
	struct lnl_stream in;
	size_t bytes = 0, packets = 0;
	bool more = true;

	lnl_stream_init(&in, l->worker->stream, LNL_WORKER_STREAM, LNL_PACKET_MAX);
	take_rest(l, &in);
	for (unsigned turn = 0; turn < LNL_WORKER_TURNS && more; turn++) {
		size_t room;
		uint8_t *at = lnl_stream_room(&in, &room);
		ssize_t n = recv(l->conf.fd, at, room, MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			lnl_worker_link_end(l, true, n < 0 ? errno : 0);
			return;
		}
		lnl_stream_added(&in, (size_t)n);
		bytes += (size_t)n;
		if (take_stream(l, &in, &packets) < 0 && !l->closed)
			lnl_worker_link_end(l, true, EPROTO);
		if (l->closed)
			return;
		more = (size_t)n == room;
	}
	keep_rest(l, &in);
	if (!l->closed)
		note_read(l, bytes, packets);
}

static void readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_link *l = io->data;

	(void)loop;
	(void)revents;
	if (l->conf.kind == LNL_LINK_TCP)
		lnl_worker_link_read(l);
	else
		receive_datagrams(l);
}

/* ---- coming and going ---- */

struct lnl_link *lnl_worker_link(struct lnl_worker *w, uint32_t id)
{
	struct lnl_node *node = lnl_nodes_find(&w->links, id);

	return node != NULL ? LNL_NODE_OF(node, struct lnl_link, node) : NULL;
}

static void release(struct lnl_link *l)
{
	free(l->rest);
	lnl_backlog_deinit(&l->out);
	free(l);
}

static int make(struct lnl_worker *w, struct lnl_link **out, const struct lnl_link_conf *conf)
{
	struct lnl_link *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return LNL_E_NOMEM;
	l->conf = *conf;
	if (conf->kind == LNL_LINK_TCP) {
		if (w->stream == NULL)
			w->stream = malloc(LNL_WORKER_STREAM);
		lnl_worker_pace_init(w);
		/* A client's one queue is there from the start: full or not, it allocates nothing. */
		if (w->stream == NULL ||
		    (conf->peer != LNL_PEER_ID_NONE && lnl_backlog_init(&l->out) < 0)) {
			release(l);
			return LNL_E_NOMEM;
		}
	}
	*out = l;
	return 0;
}

static void set_offload(struct lnl_worker *w, struct lnl_link *l)
{
	if (l->conf.kind == LNL_LINK_UDP && l->conf.offload == LNL_OFFLOAD_FULL) {
		l->gro = lnl_offload_gro(l->conf.fd);
		l->segments = lnl_offload_segment(l->conf.fd);
	}
	/* Packets are put together before they are written: what waits for more only waits. */
	if (l->conf.kind == LNL_LINK_TCP)
		lnl_socket_tune(l->conf.fd, 0, 0, true);
	if (l->conf.offload == LNL_OFFLOAD_SINGLE)
		w->in.single = w->tx.single = w->relay.single = true;
}

int lnl_worker_link_add(struct lnl_worker *w, const struct lnl_link_conf *conf)
{
	struct lnl_link *l = NULL;
	int rc = 0;

	if (conf->id == 0 || (conf->many && conf->kind != LNL_LINK_UDP))
		rc = LNL_E_INVAL;
	else if (lnl_worker_link(w, conf->id) != NULL)
		rc = LNL_E_EXIST;
	else
		rc = make(w, &l, conf);
	if (rc < 0) {
		close(conf->fd);
		return rc;
	}
	l->worker = w;
	lnl_nodes_put(&w->links, &l->node, conf->id);
	ev_io_init(&l->readable, readable, conf->fd, EV_READ);
	ev_io_init(&l->writable, lnl_worker_writable, conf->fd, EV_WRITE);
	l->readable.data = l->writable.data = l;
	ev_io_start(w->loop, &l->readable);
	set_offload(w, l);
	lnl_worker_carriers_link(w, l);
	return 0;
}

void lnl_worker_link_end(struct lnl_link *l, bool tell, int error)
{
	struct lnl_worker *w = l->worker;

	lnl_nodes_take(&w->links, &l->node);
	l->closed = true;
	if (!tell && l->conf.kind == LNL_LINK_TCP)
		lnl_worker_drain(l);
	ev_io_stop(w->loop, &l->readable);
	ev_io_stop(w->loop, &l->writable);
	lnl_worker_pace_forget(l);
	close(l->conf.fd);
	lnl_worker_carriers_unlink(w, l);
	if (w->blocked == l) {
		w->blocked = NULL;
		lnl_worker_tun_go_on(w);
	}
	lnl_worker_tun_watch(w);
	if (!tell) {
		release(l);
		return;
	}
	l->ended = error;
	l->next = NULL;
	/* Thousands may end at once: none is looked for. */
	if (w->ended != NULL)
		w->last_ended->next = l;
	else
		w->ended = l;
	w->last_ended = l;
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
	struct lnl_node *node;
	uint32_t from = 0;

	while ((node = lnl_nodes_any(&w->links, &from)) != NULL)
		lnl_worker_link_end(LNL_NODE_OF(node, struct lnl_link, node), false, 0);
	lnl_nodes_deinit(&w->links);
	while (w->ended != NULL) {
		struct lnl_link *l = w->ended;

		w->ended = l->next;
		release(l);
	}
}
