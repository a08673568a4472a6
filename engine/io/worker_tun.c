/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TUN side of a worker: plaintext in, plaintext out. */
#include <errno.h>
#include <unistd.h>

#include "io/clock.h"
#include "io/worker_state.h"

static void fail(struct lnl_worker *w, int error)
{
	lnl_worker_tun_del(w);
	w->tun_error = error;
}

/* Reads one batch, seals it and sends it. More in the device makes the loop come back. */
static void readable(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_worker *w = io->data;
	struct lnl_batch *b = &w->tx;
	int n = lnl_batch_read(b, w->tun_fd, LNL_WORKER_TUN);

	(void)loop;
	(void)revents;
	w->tx_at = 0;
	if (n < 0)
		fail(w, -n);
	if (n <= 0)
		return;
	if (w->routed)
		lnl_data_route(w->data, b->pkts, b->n);
	else
		for (unsigned i = 0; i < b->n; i++)
			b->pkts[i].peer = w->newest != NULL ? w->newest->peer : LNL_PEER_ID_NONE;
	lnl_data_seal(w->data, b->pkts, b->n, lnl_clock_now());
	lnl_batch_compact(b);
	lnl_worker_flush(w);
}

void lnl_worker_tun_add(struct lnl_worker *w, int fd, bool tap, bool routed)
{
	lnl_worker_tun_del(w);
	w->tun_fd = fd;
	w->tap = tap;
	w->routed = routed;
	w->tun_error = 0;
	ev_io_init(&w->tun_readable, readable, fd, EV_READ);
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
	if (w->tun_fd < 0)
		return;
	if (w->congested == 0 && w->blocked == NULL)
		ev_io_start(w->loop, &w->tun_readable);
	else
		ev_io_stop(w->loop, &w->tun_readable);
}

void lnl_worker_tun_write(struct lnl_worker *w, const struct lnl_packet *pkts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct lnl_carrier *c;
		ssize_t written = -1;

		if (pkts[i].drop != LNL_DROP_NONE || pkts[i].relay != LNL_PEER_ID_NONE)
			continue;
		errno = EBADF;
		do {
			if (w->tun_fd >= 0)
				written = write(w->tun_fd, pkts[i].p, pkts[i].len);
		} while (written < 0 && errno == EINTR);
		if (written >= 0)
			continue;
		c = lnl_worker_counting(w, pkts[i].peer);
		c->drops_tun++;
		c->drops_tun_bytes += pkts[i].len;
		/*
		 * Deleted. A device that is down (EIO), or a packet that it does not take, is no
		 * reason.
		 */
		if (errno == EBADFD && w->tun_fd >= 0)
			fail(w, EBADFD);
	}
}
