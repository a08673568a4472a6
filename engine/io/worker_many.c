/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A link of many peers: whose a packet is, who has moved where, and packets from peer to peer.
 */
#include "io/clock.h"
#include "io/worker_state.h"

/* ---- whose is it? ---- */

static uint32_t named_by(const struct lnl_packet *pkt)
{
	if (lnl_op_of(pkt->p[0]) != LNL_OP_DATA_V2 || pkt->len < 4)
		return LNL_PEER_ID_NONE;
	return (uint32_t)pkt->p[1] << 16 | (uint32_t)pkt->p[2] << 8 | pkt->p[3];
}

/*
 * By the name it carries, else by the address. A peer behind a link of its own (TCP) has no packets
 * here, or whoever forges one would end its stream.
 */
static struct lnl_carrier *owner_of(struct lnl_link *l, uint32_t named, const struct lnl_addr *from)
{
	struct lnl_carrier *c;

	if (named == LNL_PEER_ID_NONE)
		return lnl_worker_at(l->worker, l->conf.id, from);
	c = lnl_worker_carrier(l->worker, named);
	return c != NULL && c->link != NULL && c->link->conf.many ? c : NULL;
}

void lnl_worker_owners(struct lnl_link *l, struct lnl_carrier **owners)
{
	struct lnl_incoming *in = &l->worker->in;
	unsigned kept = 0;

	for (unsigned i = 0; i < in->n; i++) {
		struct lnl_packet *pkt = &in->pkts[i];
		uint32_t named = pkt->len > 0 ? named_by(pkt) : LNL_PEER_ID_NONE;
		struct lnl_carrier *c = owner_of(l, named, in->from[i]);

		if (c == NULL && l->worker->across != NULL &&
		    lnl_worker_hand_datagram(l, named, pkt, in->from[i]))
			continue;
		pkt->peer = c != NULL ? c->peer : LNL_WORKER_STRANGER;
		if (kept != i) {
			in->pkts[kept] = *pkt;
			in->from[kept] = in->from[i];
		}
		owners[kept++] = c;
	}
	in->n = kept;
}

/* ---- floats ---- */

static void put(struct lnl_floats *f, struct lnl_carrier *c)
{
	c->float_next = NULL;
	c->float_prev = f->last;
	if (f->last != NULL)
		f->last->float_next = c;
	else
		f->first = c;
	f->last = c;
	c->floats = f;
}

static void take(struct lnl_carrier *c)
{
	struct lnl_floats *f = c->floats;

	if (c->float_prev != NULL)
		c->float_prev->float_next = c->float_next;
	else
		f->first = c->float_next;
	if (c->float_next != NULL)
		c->float_next->float_prev = c->float_prev;
	else
		f->last = c->float_prev;
	c->floats = NULL;
}

void lnl_worker_float_forget(struct lnl_worker *w, struct lnl_carrier *c)
{
	(void)w;
	if (c->floats != NULL)
		take(c);
}

/*
 * Moves |c|, at once; the news waits where the last has been told within the second. Never to where
 * another one is.
 */
static void move(struct lnl_link *l, struct lnl_carrier *c, const struct lnl_addr *to, uint64_t now)
{
	struct lnl_worker *w = l->worker;

	if (lnl_worker_at(w, l->conf.id, to) != NULL ||
	    (w->across != NULL && lnl_worker_across_at(w, l->conf.id, to)))
		return;
	lnl_worker_carrier_link(w, c, l->conf.id, to);
	if (w->across != NULL)
		lnl_worker_across_moved(w, c);
	if (c->floats != NULL)
		return;
	if (c->float_told && now - c->float_at < LNL_SECOND) {
		c->float_at = now + LNL_SECOND; /* so that the list is in order */
		put(&w->floats_later, c);
	} else {
		put(&w->floats, c);
	}
}

void lnl_worker_follow(struct lnl_link *l, struct lnl_carrier **owners, uint64_t now)
{
	const struct lnl_incoming *in = &l->worker->in;

	for (unsigned i = 0; i < in->n; i++) {
		struct lnl_carrier *c = owners[i];

		if (c == NULL || !lnl_packet_is_fresh(&in->pkts[i]) ||
		    (c->link == l && c->placed && lnl_addr_equal(&c->address, in->from[i])))
			continue;
		move(l, c, in->from[i], now);
	}
}

static void tell(struct lnl_worker *w, struct lnl_carrier *c, uint64_t now)
{
	struct lnl_ntf n;

	take(c);
	c->float_told = true;
	c->float_at = now;
	n.kind = LNL_NTF_FLOAT;
	n.id = c->link_id;
	n.peer = c->peer;
	n.error = 0;
	n.u.address = c->address;
	lnl_worker_note(w, &n, offsetof(struct lnl_ntf, u) + sizeof(n.u.address));
}

void lnl_worker_floats_tell(struct lnl_worker *w)
{
	uint64_t now;

	if (w->floats.first == NULL && w->floats_later.first == NULL)
		return;
	now = lnl_clock_now();
	while (w->floats.first != NULL && lnl_worker_has_room(w))
		tell(w, w->floats.first, now);
	while (w->floats_later.first != NULL && w->floats_later.first->float_at <= now &&
	       lnl_worker_has_room(w))
		tell(w, w->floats_later.first, now);
}

uint64_t lnl_worker_floats_due(const struct lnl_worker *w)
{
	return w->floats_later.first != NULL ? w->floats_later.first->float_at : LNL_NEVER;
}

/* ---- from peer to peer ---- */

int lnl_worker_set_relay(struct lnl_worker *w, bool on)
{
	bool single = w->relay.single;

	if (on && w->relay.memory == NULL && lnl_outgoing_init(&w->relay) < 0)
		return LNL_E_NOMEM;
	w->relay.single = single;
	lnl_outgoing_set_room(&w->relay, w->tx.next_room);
	lnl_data_set_relay(w->data, on);
	return 0;
}

/* The stage is empty where nothing is blocked, and is so again. */
static void relay_stage(struct lnl_worker *w, uint64_t now)
{
	while (!lnl_worker_stage_seal(w, &w->relay, now))
		lnl_worker_send_or_drop(w, &w->relay);
}

/* True when |pkt| is for a peer with a lane, and waits for that. */
static bool relay_staged(struct lnl_worker *w, const struct lnl_packet *pkt, uint64_t now)
{
	if (!lnl_worker_tap_stages(w, pkt->relay) && !lnl_worker_tap_supers(w, pkt->relay))
		return false;
	if (!lnl_worker_stage_has_room(w))
		relay_stage(w, now);
	lnl_worker_stage(w, pkt->p, pkt->len, pkt->relay, true);
	return true;
}

void lnl_worker_relay(struct lnl_worker *w, uint64_t now)
{
	static const struct lnl_vnet whole;
	struct lnl_outgoing *o = &w->relay;

	for (unsigned i = 0; i < w->in.n; i++) {
		struct lnl_packet *pkt = &w->in.pkts[i];

		if (pkt->drop != LNL_DROP_NONE || pkt->relay == LNL_PEER_ID_NONE)
			continue;
		if (w->across != NULL &&
		    lnl_worker_hand_packet(w, pkt->relay, pkt->p, pkt->len, &whole))
			continue;
		/* The socket is full, and what waits for it must not be overtaken. */
		if (w->blocked != NULL) {
			lnl_worker_counting(w, pkt->relay)->drops_queue++;
			continue;
		}
		if (w->lanes != NULL && relay_staged(w, pkt, now))
			continue;
		if (!lnl_outgoing_has_room(o, pkt->len))
			lnl_worker_send_or_drop(w, o);
		lnl_worker_seal(w, o, pkt->p, pkt->len, pkt->relay,
				lnl_worker_prefix(w, pkt->relay), now);
	}
	if (w->lanes != NULL)
		relay_stage(w, now);
	lnl_worker_send_or_drop(w, o);
}
