/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The peers of a worker: by which link and at which address each is reached, and what of theirs was
 * lost on the way.
 */
#include <stdlib.h>
#include <string.h>

#include "io/worker_state.h"

static struct lnl_carrier *by_peer(struct lnl_node *node)
{
	return node != NULL ? LNL_NODE_OF(node, struct lnl_carrier, node) : NULL;
}

struct lnl_carrier *lnl_worker_carrier(struct lnl_worker *w, uint32_t peer)
{
	return by_peer(lnl_nodes_find(&w->carriers, peer));
}

struct lnl_carrier *lnl_worker_counting(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	return c != NULL ? c : &w->nobody;
}

/* ---- addresses ---- */

/*
 * Keyed by numbers drawn at start: who can choose its address cannot choose its place. The link
 * counts, too: behind a NAT two clients of two of our sockets may have the same address.
 */
uint32_t lnl_worker_address_key(const struct lnl_worker *w, uint32_t link_id,
				const struct lnl_addr *a)
{
	const struct lnl_ip ip = lnl_addr_ip(a);
	uint64_t sum = w->seeds[0] + link_id * w->seeds[1] + lnl_addr_port(a) * w->seeds[2];
	uint32_t words[4];

	memcpy(words, ip.bytes, sizeof(words));
	for (unsigned i = 0; i < 4; i++)
		sum += words[i] * w->seeds[3 + i];
	return (uint32_t)(sum >> 32);
}

struct lnl_carrier *lnl_worker_at(struct lnl_worker *w, uint32_t link_id, const struct lnl_addr *a)
{
	struct lnl_node *node =
		lnl_nodes_find(&w->addresses, lnl_worker_address_key(w, link_id, a));

	for (; node != NULL; node = lnl_nodes_again(node)) {
		struct lnl_carrier *c = LNL_NODE_OF(node, struct lnl_carrier, place);

		if (c->link_id == link_id && lnl_addr_equal(&c->address, a))
			return c;
	}
	return NULL;
}

static void unplace(struct lnl_worker *w, struct lnl_carrier *c)
{
	if (c->placed)
		lnl_nodes_take(&w->addresses, &c->place);
	c->placed = false;
}

/* Where two are said to be at one address, the later is. */
static void place(struct lnl_worker *w, struct lnl_carrier *c)
{
	struct lnl_carrier *other;

	if (c->address.len == 0)
		return;
	other = lnl_worker_at(w, c->link_id, &c->address);
	if (other != NULL)
		unplace(w, other);
	lnl_nodes_put(&w->addresses, &c->place, lnl_worker_address_key(w, c->link_id, &c->address));
	c->placed = true;
}

/* ---- links ---- */

static void leave_link(struct lnl_carrier *c)
{
	*c->on_link = c->next_on_link;
	if (c->next_on_link != NULL)
		c->next_on_link->on_link = c->on_link;
}

/* |link| NULL: to those whose link is not there. */
static void enter_link(struct lnl_worker *w, struct lnl_carrier *c, struct lnl_link *link)
{
	struct lnl_carrier **first = link != NULL ? &link->carriers : &w->unlinked;

	c->link = link;
	c->next_on_link = *first;
	c->on_link = first;
	if (*first != NULL)
		(*first)->on_link = &c->next_on_link;
	*first = c;
	/* A client that connected by TCP has become a peer. */
	if (link != NULL && link->conf.kind == LNL_LINK_TCP && link->conf.peer == LNL_PEER_ID_NONE)
		link->conf.peer = c->peer;
}

void lnl_worker_carrier_link(struct lnl_worker *w, struct lnl_carrier *c, uint32_t link_id,
			     const struct lnl_addr *address)
{
	leave_link(c);
	unplace(w, c);
	c->link_id = link_id;
	if (address != NULL)
		c->address = *address;
	c->unsegmented = false; /* another way */
	enter_link(w, c, lnl_worker_link(w, link_id));
	place(w, c);
}

void lnl_worker_carriers_link(struct lnl_worker *w, struct lnl_link *link)
{
	struct lnl_carrier *c = w->unlinked;

	while (c != NULL) {
		struct lnl_carrier *next = c->next_on_link;

		if (c->link_id == link->conf.id) {
			leave_link(c);
			enter_link(w, c, link);
		}
		c = next;
	}
}

void lnl_worker_carriers_unlink(struct lnl_worker *w, struct lnl_link *link)
{
	while (link->carriers != NULL) {
		struct lnl_carrier *c = link->carriers;

		leave_link(c);
		enter_link(w, c, NULL);
	}
}

/* ---- coming and going ---- */

int lnl_worker_carrier_add(struct lnl_worker *w, uint32_t peer, uint32_t link_id,
			   const struct lnl_addr *address, uint64_t serial)
{
	struct lnl_carrier *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return LNL_E_NOMEM;
	c->peer = peer;
	c->serial = serial;
	c->link_id = link_id;
	c->address = *address;
	lnl_nodes_put(&w->carriers, &c->node, peer);
	c->older = w->newest;
	if (c->older != NULL)
		c->older->newer = c;
	w->newest = c;
	enter_link(w, c, lnl_worker_link(w, link_id));
	place(w, c);
	return 0;
}

void lnl_worker_carrier_del(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	if (c == NULL)
		return;
	/* The next that is added by this link is who is there. */
	if (c->link != NULL && c->link->conf.kind == LNL_LINK_TCP && c->link->conf.peer == peer)
		c->link->conf.peer = LNL_PEER_ID_NONE;
	lnl_worker_float_forget(w, c);
	unplace(w, c);
	leave_link(c);
	lnl_nodes_take(&w->carriers, &c->node);
	if (c->newer != NULL)
		c->newer->older = c->older;
	else
		w->newest = c->older;
	if (c->older != NULL)
		c->older->newer = c->newer;
	free(c);
}

void lnl_worker_carriers_free(struct lnl_worker *w)
{
	while (w->newest != NULL)
		lnl_worker_carrier_del(w, w->newest->peer);
	lnl_nodes_deinit(&w->carriers);
	lnl_nodes_deinit(&w->addresses);
}

void lnl_worker_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out)
{
	const struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	memset(out, 0, sizeof(*out));
	if (w->across != NULL && lnl_worker_across_count(w, peer, out))
		return;
	if (lnl_data_counters(w->data, peer, out) < 0)
		return;
	if (c == NULL)
		c = &w->nobody;
	/* The data plane took for delivered what it gave to us. */
	out->rx_packets -= c->drops_tun < out->rx_packets ? c->drops_tun : out->rx_packets;
	out->rx_bytes -= c->drops_tun_bytes < out->rx_bytes ? c->drops_tun_bytes : out->rx_bytes;
	out->rx_packets -= c->lane_rx < out->rx_packets ? c->lane_rx : out->rx_packets;
	out->rx_bytes -= c->lane_rx_bytes < out->rx_bytes ? c->lane_rx_bytes : out->rx_bytes;
	out->drops[LNL_DROP_LANE] += c->drops_lane;
	out->drops[LNL_DROP_LANE_BAD] += c->drops_lane_bad;
	out->drops[LNL_DROP_TUN] += c->drops_tun;
	out->drops[LNL_DROP_SEND] += c->drops_send;
	out->drops[LNL_DROP_QUEUE] += c->drops_queue;
}
