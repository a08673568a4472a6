/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the engine counts, and descriptors of the host's that its loop looks at. */
#include <stdlib.h>

#include "engine_service.h"

/* What came since |before|; a peer that was added anew begins at 0. */
static uint64_t more(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

void lnl_metrics_counted(struct lnl_engine *e, const struct lnl_counters *before,
			 const struct lnl_counters *now)
{
	struct lnl_engine_metrics *m = &e->metrics;
	unsigned i;

	m->rx_packets += more(before->rx_packets, now->rx_packets);
	m->rx_bytes += more(before->rx_bytes, now->rx_bytes);
	m->tx_packets += more(before->tx_packets, now->tx_packets);
	m->tx_bytes += more(before->tx_bytes, now->tx_bytes);
	m->link_rx_bytes += more(before->link_rx_bytes, now->link_rx_bytes);
	m->link_tx_bytes += more(before->link_tx_bytes, now->link_tx_bytes);
	for (i = 0; i < LNL_DROP_COUNT; i++)
		m->drops[i] += more(before->drops[i], now->drops[i]);
}

void lnl_engine_metrics(const struct lnl_engine *e, struct lnl_engine_metrics *out)
{
	const struct lnl_tunnel *t;
	const struct lnl_service *s;

	*out = e->metrics;
	out->tunnels = out->tunnels_up = 0;
	out->servers = out->peers = out->peers_up = out->half_open = 0;
	for (t = e->tunnels; t; t = t->next) {
		if (t->closed_told)
			continue;
		out->tunnels++;
		out->tunnels_up += t->state == LNL_STATE_UP;
	}
	for (s = e->services; s; s = s->next) {
		if (s->closed_told)
			continue;
		out->servers++;
		out->peers += s->n_served;
		out->peers_up += s->n_up;
		out->half_open += s->n_half_open;
	}
}

/* ---- descriptors of the host's ---- */

struct lnl_watch {
	struct lnl_engine *engine;
	ev_io io;
	ev_timer timer;
	lnl_ready *ready;
	void *ctx;
};

static void call(struct lnl_watch *w)
{
	double seconds = w->ready(w->ctx);

	ev_timer_stop(w->engine->loop, &w->timer);
	if (seconds < 0)
		return;
	ev_timer_set(&w->timer, seconds, 0);
	ev_timer_start(w->engine->loop, &w->timer);
}

static void readable(struct ev_loop *loop, ev_io *io, int revents)
{
	(void)loop;
	(void)revents;
	call(io->data);
}

static void due(struct ev_loop *loop, ev_timer *timer, int revents)
{
	(void)loop;
	(void)revents;
	call(timer->data);
}

struct lnl_watch *lnl_engine_watch(struct lnl_engine *e, int fd, lnl_ready *ready, void *ctx)
{
	struct lnl_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->engine = e;
	w->ready = ready;
	w->ctx = ctx;
	ev_timer_init(&w->timer, due, 0, 0);
	ev_io_init(&w->io, readable, fd, EV_READ);
	w->timer.data = w->io.data = w;
	ev_io_start(e->loop, &w->io);
	return w;
}

void lnl_engine_unwatch(struct lnl_watch *w)
{
	if (!w)
		return;
	ev_io_stop(w->engine->loop, &w->io);
	ev_timer_stop(w->engine->loop, &w->timer);
	free(w);
}
