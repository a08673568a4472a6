/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The peers of a worker: by which link and where each is reached, and what of theirs was lost on the
 * way.
 */
#include <stdlib.h>
#include <string.h>

#include "io/worker_state.h"

struct lnl_carrier *lnl_worker_carrier(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier *c = w->carriers[peer & w->mask];

	while (c != NULL && c->peer != peer)
		c = c->next;
	return c;
}

struct lnl_carrier *lnl_worker_counting(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	return c != NULL ? c : &w->nobody;
}

/* ---- addresses ---- */

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 32;
}

static struct lnl_carrier **bucket_at(const struct lnl_worker *w, uint32_t link,
				      const struct lnl_addr *a)
{
	uint64_t h = mix(w->seed, link), words[2] = { 0, 0 };

	if (a->u.sa.sa_family == AF_INET6)
		memcpy(words, &a->u.in6.sin6_addr, sizeof(words));
	else
		memcpy(words, &a->u.in4.sin_addr, sizeof(a->u.in4.sin_addr));
	h = mix(mix(h, words[0]), words[1]);
	return &w->addresses[mix(h, lnl_addr_port(a)) & w->mask];
}

struct lnl_carrier *lnl_worker_at(const struct lnl_worker *w, const struct lnl_link *link,
				  const struct lnl_addr *address)
{
	struct lnl_carrier *c = *bucket_at(w, link->conf.id, address);

	while (c != NULL && (c->link != link || !lnl_addr_equal(&c->address, address)))
		c = c->next_address;
	return c;
}

static void leave_place(struct lnl_worker *w, struct lnl_carrier *c)
{
	struct lnl_carrier **p = bucket_at(w, c->link_id, &c->address);

	if (!c->placed)
		return;
	while (*p != c)
		p = &(*p)->next_address;
	*p = c->next_address;
	c->placed = false;
}

/* Whoever was there before has to be found by its peer-id now. */
static void take_place(struct lnl_worker *w, struct lnl_carrier *c)
{
	struct lnl_carrier **p, *before;

	if (c->address.len == 0 || c->link == NULL || !c->link->conf.many)
		return;
	before = lnl_worker_at(w, c->link, &c->address);
	if (before != NULL)
		leave_place(w, before);
	p = bucket_at(w, c->link_id, &c->address);
	c->next_address = *p;
	*p = c;
	c->placed = true;
}

void lnl_worker_float(struct lnl_worker *w, struct lnl_carrier *c, struct lnl_link *link,
		      const struct lnl_addr *address, uint64_t now)
{
	if (c->link == link && lnl_addr_equal(&c->address, address))
		return;
	/* A stream does not move, and nobody moves to where somebody else is. */
	if ((c->link != NULL && !c->link->conf.many) || lnl_worker_at(w, link, address) != NULL)
		return;
	leave_place(w, c);
	c->link = link;
	c->link_id = link->conf.id;
	c->address = *address;
	take_place(w, c);
	if (c->floated)
		return;
	c->floated = true;
	if (c->float_at < now)
		c->float_at = now;
	c->next_floated = w->floated;
	w->floated = c;
}

void lnl_worker_floats_tell(struct lnl_worker *w, uint64_t now)
{
	struct lnl_carrier **p = &w->floated, *c;
	struct lnl_ntf n;

	while ((c = *p) != NULL && lnl_worker_has_room(w)) {
		if (c->float_at > now) {
			p = &c->next_floated;
			continue;
		}
		*p = c->next_floated;
		c->floated = false;
		c->float_at = now + LNL_SECOND;
		n.kind = LNL_NTF_FLOAT;
		n.id = c->link_id;
		n.peer = c->peer;
		n.error = 0;
		n.u.address = c->address;
		lnl_worker_note(w, &n, offsetof(struct lnl_ntf, u) + sizeof(n.u.address));
	}
}

uint64_t lnl_worker_floats_due(const struct lnl_worker *w)
{
	const struct lnl_carrier *c;
	uint64_t due = LNL_NEVER;

	for (c = w->floated; c != NULL; c = c->next_floated)
		if (c->float_at < due)
			due = c->float_at;
	return due;
}

/* ---- coming and going ---- */

/* A stream that nobody has yet is the peer's from now on. */
static void own_stream(struct lnl_carrier *c)
{
	struct lnl_link *l = c->link;

	if (l != NULL && l->conf.kind == LNL_LINK_TCP && l->conf.peer == LNL_PEER_ID_NONE)
		l->conf.peer = c->peer;
}

int lnl_worker_carrier_add(struct lnl_worker *w, uint32_t peer, uint32_t link_id,
			   const struct lnl_addr *address)
{
	struct lnl_carrier **bucket = &w->carriers[peer & w->mask];
	struct lnl_carrier *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return LNL_E_NOMEM;
	c->peer = peer;
	c->link_id = link_id;
	c->link = lnl_worker_link(w, link_id);
	c->address = *address;
	c->next = *bucket;
	*bucket = c;
	c->older = w->newest;
	if (w->newest != NULL)
		w->newest->newer = c;
	w->newest = c;
	take_place(w, c);
	own_stream(c);
	return 0;
}

static void leave_floated(struct lnl_worker *w, struct lnl_carrier *c)
{
	struct lnl_carrier **p = &w->floated;

	if (!c->floated)
		return;
	while (*p != c)
		p = &(*p)->next_floated;
	*p = c->next_floated;
}

void lnl_worker_carrier_del(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_carrier **at = &w->carriers[peer & w->mask];
	struct lnl_carrier *c;

	while (*at != NULL && (*at)->peer != peer)
		at = &(*at)->next;
	c = *at;
	if (c == NULL)
		return;
	*at = c->next;
	if (c->newer != NULL)
		c->newer->older = c->older;
	else
		w->newest = c->older;
	if (c->older != NULL)
		c->older->newer = c->newer;
	leave_place(w, c);
	leave_floated(w, c);
	free(c);
}

void lnl_worker_carriers_free(struct lnl_worker *w)
{
	while (w->newest != NULL)
		lnl_worker_carrier_del(w, w->newest->peer);
}

static void relink(struct lnl_worker *w, struct lnl_carrier *c, struct lnl_link *link, bool there)
{
	if (c->link_id != link->conf.id)
		return;
	leave_place(w, c);
	c->link = there ? link : NULL;
	take_place(w, c);
}

void lnl_worker_carriers_link(struct lnl_worker *w, struct lnl_link *link, bool there)
{
	struct lnl_carrier *c;

	/* A stream has one peer: a server has too many of both to look through. */
	if (link->conf.kind == LNL_LINK_TCP && w->routed) {
		c = lnl_worker_carrier(w, link->conf.peer);
		if (c != NULL)
			relink(w, c, link, there);
		return;
	}
	for (c = w->newest; c != NULL; c = c->older)
		relink(w, c, link, there);
}

void lnl_worker_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out)
{
	const struct lnl_carrier *c = lnl_worker_carrier(w, peer);

	memset(out, 0, sizeof(*out));
	if (lnl_data_counters(w->data, peer, out) < 0)
		return;
	if (c == NULL) {
		c = &w->nobody;
		for (unsigned i = 0; i < LNL_DROP_COUNT; i++)
			out->drops[i] += w->stray_drops[i];
	}
	/* The data plane took for delivered what it gave to us. */
	out->rx_packets -= c->drops_tun < out->rx_packets ? c->drops_tun : out->rx_packets;
	out->rx_bytes -= c->drops_tun_bytes < out->rx_bytes ? c->drops_tun_bytes : out->rx_bytes;
	out->drops[LNL_DROP_TUN] += c->drops_tun;
	out->drops[LNL_DROP_SEND] += c->drops_send;
	out->drops[LNL_DROP_QUEUE] += c->drops_queue;
}
