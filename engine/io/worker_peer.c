/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The peers of a worker: by which link each is reached, and what of theirs was lost on the way. */
#include <stdlib.h>
#include <string.h>

#include "io/worker_state.h"

struct lnl_carrier *lnl_worker_carrier(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier *c = w->carriers[peer % LNL_WORKER_BUCKETS];

	while (c != NULL && c->peer != peer)
		c = c->next;
	return c;
}

struct lnl_carrier *lnl_worker_counting(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	return c != NULL ? c : &w->nobody;
}

int lnl_worker_carrier_add(struct lnl_worker *w, uint32_t peer, uint32_t link_id)
{
	struct lnl_carrier **bucket = &w->carriers[peer % LNL_WORKER_BUCKETS];
	struct lnl_carrier *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return LNL_E_NOMEM;
	c->peer = peer;
	c->link_id = link_id;
	c->link = lnl_worker_link(w, link_id);
	c->next = *bucket;
	*bucket = c;
	c->older = w->newest;
	w->newest = c;
	return 0;
}

void lnl_worker_carrier_del(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier **at = &w->carriers[peer % LNL_WORKER_BUCKETS];
	struct lnl_carrier **age = &w->newest;
	struct lnl_carrier *c;

	while (*at != NULL && (*at)->peer != peer)
		at = &(*at)->next;
	c = *at;
	if (c == NULL)
		return;
	*at = c->next;
	while (*age != c)
		age = &(*age)->older;
	*age = c->older;
	free(c);
}

void lnl_worker_carriers_free(struct lnl_worker *w)
{
	while (w->newest != NULL)
		lnl_worker_carrier_del(w, w->newest->peer);
}

void lnl_worker_carriers_link(struct lnl_worker *w, uint32_t id, struct lnl_link *link)
{
	for (struct lnl_carrier *c = w->newest; c != NULL; c = c->older)
		if (c->link_id == id)
			c->link = link;
}

void lnl_worker_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out)
{
	const struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	memset(out, 0, sizeof(*out));
	if (lnl_data_counters(w->data, peer, out) < 0)
		return;
	if (c == NULL)
		c = &w->nobody;
	/* The data plane took for delivered what it gave to us. */
	out->rx_packets -= c->drops_tun < out->rx_packets ? c->drops_tun : out->rx_packets;
	out->rx_bytes -= c->drops_tun_bytes < out->rx_bytes ? c->drops_tun_bytes : out->rx_bytes;
	out->drops[LNL_DROP_TUN] += c->drops_tun;
	out->drops[LNL_DROP_SEND] += c->drops_send;
	out->drops[LNL_DROP_QUEUE] += c->drops_queue;
}
