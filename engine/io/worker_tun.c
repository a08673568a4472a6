/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TUN side of a worker: plaintext in, plaintext out. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/worker_state.h"

#define ETHERNET_LEN 14

static void fail(struct lnl_worker *w, int error)
{
	lnl_worker_tun_del(w);
	w->tun_error = error;
}

/* ---- from TUN ---- */

/* Reads one packet to where |d| has it; false when there is none, or none that ends in a packet. */
static bool read_packet(struct lnl_worker *w, struct lnl_drawn *d)
{
	const size_t before = w->vnet ? sizeof(struct lnl_vnet) : 0;
	ssize_t len;

	do {
		len = read(w->tun_fd, d->p - before, LNL_WORKER_LONG);
	} while (len < 0 && errno == EINTR);
	if (len < 0 && errno != EAGAIN)
		fail(w, errno);
	if (len <= 0) {
		w->dry = true;
		return false;
	}
	if ((size_t)len < before) {
		w->nobody.drops_tun++;
		return false;
	}
	d->vnet = (struct lnl_vnet){ 0 };
	memcpy(&d->vnet, d->p - before, before);
	d->len = (uint32_t)((size_t)len - before);
	d->link = w->tap ? ETHERNET_LEN : 0;
	return true;
}

/*
 * Whose the packets are that were read. All are looked at together: with thousands of peers none of
 * what a packet needs is near, and it is waited for once and not for each.
 */
static void find_peers(struct lnl_worker *w)
{
	struct lnl_packet pkts[LNL_DATA_AHEAD];
	unsigned n = w->drawn_n;

	for (unsigned i = 0; i < n; i++) {
		pkts[i] = (struct lnl_packet){ .p = w->drawn[i].p, .len = w->drawn[i].len };
		w->drawn[i].peer = w->newest != NULL ? w->newest->peer : LNL_PEER_ID_NONE;
	}
	if (!w->routed)
		return;
	lnl_data_route(w->data, pkts, n);
	lnl_data_ahead(w->data, pkts, n);
	for (unsigned i = 0; i < n; i++) {
		w->drawn[i].peer = pkts[i].peer;
		w->drawn[i].gone = pkts[i].drop != LNL_DROP_NONE; /* and counted */
	}
}

/*
 * Reads what the device has, when all that was read before is begun: short packets, or a long one at
 * the end. False when there was nothing.
 */
static bool draw(struct lnl_worker *w)
{
	uint8_t *p = w->super + LNL_WORKER_SUPER_BEFORE;

	w->drawn_at = w->drawn_n = 0;
	while (w->drawn_n < LNL_DATA_AHEAD && w->tun_fd >= 0 && !w->dry) {
		struct lnl_drawn *d = &w->drawn[w->drawn_n];

		*d = (struct lnl_drawn){ .p = p };
		if (!read_packet(w, d))
			continue;
		w->drawn_n++;
		if (d->len > LNL_WORKER_SHORT)
			break;
		p += LNL_WORKER_SHORT_ROOM;
	}
	if (w->drawn_n > 0)
		find_peers(w);
	return w->drawn_n > 0;
}

/* Begins with the next packet that was read; false when there is none. */
static bool begin(struct lnl_worker *w)
{
	struct lnl_drawn *d;

	if (w->drawn_at == w->drawn_n)
		return false;
	d = &w->drawn[w->drawn_at++];
	if (d->gone)
		return true;
	w->super_peer = d->peer;
	if (w->across != NULL && lnl_worker_hand_packet(w, d->peer, d->p, d->len, &d->vnet))
		return true;
	if (w->lanes != NULL && !lnl_worker_tap_super(w, d->peer, d->p, d->len, &d->vnet))
		return true;
	/* A kernel that contradicts itself. */
	if (lnl_split_init(&w->split, d->p, d->len, &d->vnet, d->link) < 0)
		w->nobody.drops_tun++;
	else
		w->splitting = true;
	return true;
}

/* The same as seal_rest for a peer with a lane, which sees many at once. */
static bool stage_rest(struct lnl_worker *w, uint64_t now)
{
	uint32_t len;
	uint8_t *p;

	while (w->splitting) {
		if (!lnl_worker_stage_has_room(w) && !lnl_worker_stage_seal(w, &w->tx, now))
			return false;
		w->splitting = lnl_split_next(&w->split, &p, &len);
		if (w->splitting)
			lnl_worker_stage(w, p, len, w->super_peer, false);
	}
	return true;
}

/* Seals what has been begun, as far as there is room; true once all of it is. */
static bool seal_rest(struct lnl_worker *w, uint64_t now)
{
	struct lnl_outgoing *o = &w->tx;
	uint32_t prefix, len;
	uint8_t *p;

	if (!w->splitting)
		return true;
	if (w->lanes != NULL && lnl_worker_tap_stages(w, w->super_peer))
		return stage_rest(w, now);
	prefix = lnl_worker_prefix(w, w->super_peer);
	while (w->splitting) {
		if (!lnl_outgoing_has_room(o, w->split.headers + w->split.segment))
			return false;
		w->splitting = lnl_split_next(&w->split, &p, &len);
		if (w->splitting)
			lnl_worker_seal(w, o, p, len, w->super_peer, prefix, now);
	}
	return true;
}

/* Seals what has been read, as far as there is room; true once all of it is. */
static bool seal_drawn(struct lnl_worker *w, uint64_t now)
{
	do {
		if (!seal_rest(w, now) || !lnl_outgoing_has_room(&w->tx, 0))
			return false;
	} while (begin(w));
	return true;
}

/* Reads and seals until the device is empty (false) or what is sealed should go. */
static bool fill(struct lnl_worker *w)
{
	uint64_t now = lnl_clock_now();

	do {
		if (!seal_drawn(w, now))
			return true;
	} while (draw(w));
	return w->lanes != NULL && !lnl_worker_stage_seal(w, &w->tx, now);
}

static bool is_at_end(const struct lnl_worker *w)
{
	return !w->splitting && w->drawn_at == w->drawn_n &&
	       (w->lanes == NULL || lnl_worker_stage_is_empty(w));
}

void lnl_worker_tun_end(struct lnl_worker *w)
{
	while (!is_at_end(w) && w->blocked == NULL) {
		uint64_t now = lnl_clock_now();

		if (seal_drawn(w, now) && w->lanes != NULL)
			lnl_worker_stage_seal(w, &w->tx, now);
		lnl_worker_flush(w);
	}
}

/*
 * More in the device than a few batches makes the loop come back; what has been read does not, so
 * it is brought to an end.
 */
static void readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_worker *w = io->data;
	bool more = true;

	(void)loop;
	(void)revents;
	w->dry = false;
	for (unsigned turn = 0; turn < LNL_WORKER_TURNS && more && w->blocked == NULL; turn++) {
		more = fill(w);
		lnl_worker_flush(w);
	}
	lnl_worker_tun_end(w);
	lnl_worker_tun_watch(w);
}

void lnl_worker_tun_go_on(struct lnl_worker *w)
{
	lnl_worker_flush(w);
	lnl_worker_tun_end(w);
	if (w->across != NULL)
		lnl_worker_across_go_on(w);
	lnl_worker_tun_watch(w);
}

void lnl_worker_tun_forget(struct lnl_worker *w, uint32_t peer)
{
	if (w->splitting && w->super_peer == peer)
		w->splitting = false;
	for (unsigned i = w->drawn_at; i < w->drawn_n; i++)
		if (w->drawn[i].peer == peer)
			w->drawn[i].gone = true;
	/* Dropped, and counted as nobody's, when their turn comes. */
	for (unsigned i = w->tx_at; i < w->tx.n; i++)
		if (w->tx.pkts[i].peer == peer)
			w->tx.pkts[i].peer = LNL_WORKER_STRANGER;
}

/* ---- the device ---- */

void lnl_worker_tun_add(struct lnl_worker *w, const struct lnl_worker_tun *tun)
{
	lnl_worker_tun_del(w);
	w->tun_fd = tun->fd;
	w->tap = tun->tap;
	w->routed = tun->routed;
	w->vnet = (tun->offload & LNL_TUN_VNET) != 0;
	w->unread = tun->unread;
	w->coalesce.link = tun->tap ? ETHERNET_LEN : 0;
	w->coalesce.of = (tun->offload & LNL_TUN_TSO ? LNL_COALESCE_TCP : 0) |
			 (tun->offload & LNL_TUN_USO ? LNL_COALESCE_UDP : 0);
	w->tun_error = 0;
	ev_io_init(&w->tun_readable, readable, tun->fd, EV_READ);
	w->tun_readable.data = w;
	lnl_worker_tun_watch(w);
}

void lnl_worker_tun_del(struct lnl_worker *w)
{
	if (w->tun_fd < 0)
		return;
	ev_io_stop(w->loop, &w->tun_readable);
	close(w->tun_fd);
	w->tun_fd = -1;
}

void lnl_worker_tun_watch(struct lnl_worker *w)
{
	if (w->tun_fd < 0 || w->unread)
		return;
	if (w->blocked == NULL)
		ev_io_start(w->loop, &w->tun_readable);
	else
		ev_io_stop(w->loop, &w->tun_readable);
}

/* ---- to TUN ---- */

/* What the device said of a write that failed; |n| packets of |bytes| bytes of |peer| are lost. */
static void lose(struct lnl_worker *w, uint32_t peer, unsigned n, uint32_t bytes)
{
	struct lnl_carrier *c = lnl_worker_counting(w, peer);

	c->drops_tun += n;
	c->drops_tun_bytes += bytes;
	/* Deleted. A device that is down (EIO), or a packet that it does not take, is no reason. */
	if (errno == EBADFD && w->tun_fd >= 0)
		fail(w, EBADFD);
}

static bool write_pieces(struct lnl_worker *w, const struct iovec *iov, unsigned n)
{
	ssize_t written = -1;

	errno = EBADF;
	do {
		if (w->tun_fd >= 0)
			written = writev(w->tun_fd, iov, (int)n);
	} while (written < 0 && errno == EINTR);
	return written >= 0;
}

/* Many in one write: the first whole, of the others the payload. */
static void write_group(struct lnl_worker *w, const struct lnl_group *g)
{
	struct iovec iov[LNL_COALESCE_MAX + 1];
	uint32_t bytes = g->len + g->headers * (g->n - 1u);
	unsigned n = 0;

	iov[n++] = (struct iovec){ (void *)(uintptr_t)&g->vnet, sizeof(g->vnet) };
	for (uint16_t i = g->first; i != LNL_COALESCE_NONE; i = w->coalesce.next[i]) {
		const struct lnl_packet *pkt = &w->in.pkts[i];
		uint32_t skip = i == g->first ? 0 : g->headers;

		iov[n++] = (struct iovec){ pkt->p + skip, pkt->len - skip };
	}
	if (write_pieces(w, iov, n))
		return;
	/* It said that it takes them. */
	if (errno == EINVAL && g->n > 1 && w->coalesce.of != 0) {
		w->coalesce.of = 0;
		lnl_worker_note_error(w, LNL_NTF_LOWERED, 0, LNL_PEER_ID_NONE, EINVAL);
		errno = EINVAL;
	}
	lose(w, g->peer, g->n, bytes);
}

static void write_plain(struct lnl_worker *w, const struct lnl_packet *pkt)
{
	struct iovec iov = { pkt->p, pkt->len };

	if (pkt->drop != LNL_DROP_NONE || pkt->relay != LNL_PEER_ID_NONE)
		return;
	if (!write_pieces(w, &iov, 1))
		lose(w, pkt->peer, 1, pkt->len);
}

void lnl_worker_tun_write(struct lnl_worker *w)
{
	if (!w->vnet) {
		for (unsigned i = 0; i < w->in.n; i++)
			write_plain(w, &w->in.pkts[i]);
		return;
	}
	lnl_coalesce(&w->coalesce, w->in.pkts, w->in.n);
	for (unsigned i = 0; i < w->coalesce.n; i++)
		write_group(w, &w->coalesce.groups[i]);
}
