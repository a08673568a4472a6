/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets on their way through lanes. What a lane gets is what it may touch; what it leaves is
 * compared with that, and a packet that stands anywhere else is dropped.
 */
#include <string.h>

#include "io/worker_lane.h"

/* A verdict of ours: the packet is not where it may be. */
#define BAD (LNL_LANE_DROP + 1)

/* ---- one run ---- */

static void put(struct lnl_worker_lanes *s, unsigned at, uint8_t *p, uint32_t len, uint32_t peer,
		unsigned room)
{
	s->pkts[at] = (struct lnl_lane_packet){
		.data = p,
		.len = len,
		.peer = peer,
		.head = (uint16_t)room,
		.tail = (uint16_t)room,
		.verdict = LNL_LANE_PASS,
	};
}

/* Notes what the host said; true when packets failed of which it does not say which. */
static bool take_fault(const struct lnl_worker_lanes *s, struct lnl_lane *lane, unsigned n,
		       const struct lnl_lane_fault *fault)
{
	unsigned flagged = 0;

	for (unsigned i = 0; i < n; i++)
		flagged += s->pkts[i].error != 0;
	lane->errors += fault->errors > 0 ? fault->errors : 1;
	if (fault->text != NULL) {
		strncpy(lane->text, fault->text, sizeof(lane->text) - 1);
		lane->text[sizeof(lane->text) - 1] = '\0';
	}
	if (fault->detached) {
		lane->ended = true;
		lane->state = lane->conf.on_error == LNL_LANE_ON_ERROR_DROP ||
					      lane->conf.of == LNL_LANE_OF_WIRE
				      ? LNL_LANE_BLOCKED
				      : LNL_LANE_OFF;
	}
	return fault->errors > flagged;
}

/* Within its room, and not longer by more than the lane may add: that much there is at either side. */
static bool is_inside(const struct lnl_lane_packet *p, const struct lnl_lane_packet *given)
{
	uintptr_t from = (uintptr_t)given->data - given->head, at = (uintptr_t)p->data;
	uintptr_t to = (uintptr_t)given->data + given->len + given->tail;

	return p->len > 0 && p->len <= given->len + given->head && at >= from && at <= to &&
	       p->len <= to - at;
}

/* What becomes of a packet that |lane| had, which was |given|: in `verdict`. */
static void judge(const struct lnl_lane *lane, struct lnl_lane_packet *p,
		  const struct lnl_lane_packet *given, bool failed)
{
	if (lane->state == LNL_LANE_BLOCKED) {
		p->verdict = LNL_LANE_DROP;
	} else if (failed || p->error) {
		p->data = given->data;
		p->len = given->len;
		p->verdict = lane->conf.on_error == LNL_LANE_ON_ERROR_DROP ? LNL_LANE_DROP
									   : LNL_LANE_PASS;
	} else if (p->verdict > LNL_LANE_DROP ||
		   (p->verdict == LNL_LANE_PASS && !is_inside(p, given))) {
		p->verdict = BAD;
	}
}

/* Shows |lane| the first |n| of `pkts`. */
static void show(struct lnl_worker_lanes *s, struct lnl_lane *lane, enum lnl_lane_point point,
		 unsigned n)
{
	struct lnl_lane_batch batch = { .n = n, .point = point, .p = s->pkts };
	struct lnl_lane_fault fault = { 0 };
	bool failed = false;

	memcpy(s->given, s->pkts, n * sizeof(*s->pkts));
	if (lane->state == LNL_LANE_RUNS && !s->host->run(s->vm, lane->id, &batch, &fault))
		failed = take_fault(s, lane, n, &fault);
	for (unsigned i = 0; i < n; i++)
		judge(lane, &s->pkts[i], &s->given[i], failed);
}

static void count(struct lnl_carrier *c, uint8_t verdict, unsigned n)
{
	if (verdict == BAD)
		c->drops_lane_bad += n;
	else
		c->drops_lane += n;
}

/* ---- plaintext ---- */

/* What of a plaintext packet the lane left. */
static void apply(struct lnl_worker *w, struct lnl_packet *pkt, const struct lnl_lane_packet *p,
		  enum lnl_lane_point point)
{
	bool passes = p->verdict == LNL_LANE_PASS;
	uint32_t len = pkt->len;
	struct lnl_carrier *c;

	pkt->p = p->data;
	pkt->len = passes ? p->len : 0;
	if (passes && pkt->len == len)
		return;
	c = lnl_worker_counting(w, pkt->peer);
	/* The data plane took for delivered what it opened; nothing grows on the way in. */
	if (point == LNL_LANE_FROM_PEER)
		c->lane_rx_bytes += len - pkt->len;
	if (passes)
		return;
	if (point == LNL_LANE_FROM_PEER)
		c->lane_rx++;
	count(c, p->verdict, 1);
	pkt->drop = LNL_DROP_LANE;
}

static void run_plain(struct lnl_worker *w, struct lnl_lane *lane, struct lnl_packet *pkts,
		      unsigned n, enum lnl_lane_point point)
{
	struct lnl_worker_lanes *s = w->lanes;

	show(s, lane, point, n);
	for (unsigned i = 0; i < n; i++)
		apply(w, &pkts[s->index[i]], &s->pkts[i], point);
}

/* Shows the lane of packet |from| that one and all behind it that are the lane's, too. */
static void show_group(struct lnl_worker *w, struct lnl_packet *pkts, unsigned n,
		       struct lnl_lane **of, unsigned from, enum lnl_lane_point point)
{
	struct lnl_worker_lanes *s = w->lanes;
	struct lnl_lane *lane = of[from];
	unsigned room = 0, k = 0;

	if (point == LNL_LANE_TO_PEER)
		room = lane->conf.overhead < s->stage.room / 2u ? lane->conf.overhead
								: s->stage.room / 2u;
	for (unsigned i = from; i < n; i++) {
		if (of[i] != lane)
			continue;
		of[i] = NULL;
		put(s, k, pkts[i].p, pkts[i].len, pkts[i].peer, room);
		s->index[k++] = (uint16_t)i;
		if (k == LNL_LANE_BATCH) {
			run_plain(w, lane, pkts, k, point);
			k = 0;
		}
	}
	if (k > 0)
		run_plain(w, lane, pkts, k, point);
}

static void show_groups(struct lnl_worker *w, struct lnl_packet *pkts, unsigned n,
			struct lnl_lane **of, enum lnl_lane_point point)
{
	for (unsigned i = 0; i < n; i++)
		if (of[i] != NULL)
			show_group(w, pkts, n, of, i, point);
}

/* The lane of |peer|'s own at |point|, or NULL; |*last| and |*lane| are of the packet before. */
static struct lnl_lane *lane_of(struct lnl_worker *w, uint32_t peer, enum lnl_lane_point point,
				uint32_t *last, struct lnl_lane **lane)
{
	const struct lnl_carrier *c;

	if (peer == *last)
		return *lane;
	c = lnl_worker_carrier(w, peer);
	*last = peer;
	*lane = c != NULL && lnl_lane_sees(c->lane, point) ? c->lane : NULL;
	return *lane;
}

void lnl_worker_tap_in(struct lnl_worker *w)
{
	struct lnl_incoming *in = &w->in;
	struct lnl_lane *of[LNL_IN_PACKETS], *all = w->lanes->all, *lane = NULL;
	uint32_t last = LNL_WORKER_STRANGER;

	if (lnl_lane_sees(all, LNL_LANE_FROM_PEER)) {
		for (unsigned i = 0; i < in->n; i++)
			of[i] = in->pkts[i].drop == LNL_DROP_NONE ? all : NULL;
		show_groups(w, in->pkts, in->n, of, LNL_LANE_FROM_PEER);
	}
	for (unsigned i = 0; i < in->n; i++) {
		const struct lnl_packet *pkt = &in->pkts[i];

		of[i] = pkt->drop == LNL_DROP_NONE
				? lane_of(w, pkt->peer, LNL_LANE_FROM_PEER, &last, &lane)
				: NULL;
	}
	show_groups(w, in->pkts, in->n, of, LNL_LANE_FROM_PEER);
}

/* ---- super-packets ---- */

/* Those that block say so at once: nothing has to be cut for them. */
static bool wants_super(const struct lnl_lane *lane)
{
	return lnl_lane_sees(lane, LNL_LANE_TO_PEER) &&
	       (lane->conf.super || lane->state == LNL_LANE_BLOCKED);
}

static bool wants_segments(const struct lnl_lane *lane)
{
	return lnl_lane_sees(lane, LNL_LANE_TO_PEER) && !wants_super(lane);
}

bool lnl_worker_tap_supers(struct lnl_worker *w, uint32_t peer)
{
	return wants_super(w->lanes->all) || wants_super(lnl_worker_counting(w, peer)->lane);
}

bool lnl_worker_tap_stages(struct lnl_worker *w, uint32_t peer)
{
	return wants_segments(w->lanes->all) || wants_segments(lnl_worker_counting(w, peer)->lane);
}

bool lnl_worker_tap_super(struct lnl_worker *w, uint32_t peer, uint8_t *p, uint32_t len,
			  const struct lnl_vnet *vnet)
{
	struct lnl_carrier *c = lnl_worker_counting(w, peer);
	struct lnl_lane *of[2] = { w->lanes->all, c->lane };
	struct lnl_lane_packet *pkt = &w->lanes->pkts[0];

	for (unsigned i = 0; i < 2; i++) {
		if (!wants_super(of[i]))
			continue;
		put(w->lanes, 0, p, len, peer, 0);
		pkt->segment = vnet->gso_type != LNL_VNET_GSO_NONE ? vnet->gso_size : 0;
		show(w->lanes, of[i], LNL_LANE_TO_PEER, 1);
		/* What the device said of it is about these bytes. */
		if (pkt->verdict == LNL_LANE_PASS && (pkt->data != p || pkt->len != len))
			pkt->verdict = BAD;
		if (pkt->verdict == LNL_LANE_PASS)
			continue;
		count(c, pkt->verdict, lnl_worker_segments(len, vnet));
		return false;
	}
	return true;
}

/* ---- the stage ---- */

void lnl_worker_stage(struct lnl_worker *w, const uint8_t *p, uint32_t len, uint32_t peer,
		      bool whole)
{
	struct lnl_stage *g = &w->lanes->stage;

	g->pkts[g->n] = (struct lnl_packet){ .p = g->memory + g->used + g->room,
					     .len = len,
					     .peer = peer,
					     .relay = LNL_PEER_ID_NONE };
	memcpy(g->pkts[g->n].p, p, len);
	g->whole[g->n++] = whole;
	g->used += len + 2u * g->room;
}

/* What |lane| sees of packet |i|: as `super`, it saw those of TUN before they were cut. */
static struct lnl_lane *of_staged(const struct lnl_stage *g, unsigned i, struct lnl_lane *lane)
{
	bool had = lane != NULL && lane->state == LNL_LANE_RUNS && lane->conf.super && !g->whole[i];

	return g->pkts[i].drop == LNL_DROP_NONE && !had ? lane : NULL;
}

static void judge_stage(struct lnl_worker *w)
{
	struct lnl_stage *g = &w->lanes->stage;
	struct lnl_lane *of[LNL_LANE_BATCH], *all = w->lanes->all, *lane = NULL;
	uint32_t last = LNL_WORKER_STRANGER;

	g->judged = true;
	if (lnl_lane_sees(all, LNL_LANE_TO_PEER)) {
		for (unsigned i = 0; i < g->n; i++)
			of[i] = of_staged(g, i, all);
		show_groups(w, g->pkts, g->n, of, LNL_LANE_TO_PEER);
	}
	for (unsigned i = 0; i < g->n; i++)
		of[i] = of_staged(g, i,
				  lane_of(w, g->pkts[i].peer, LNL_LANE_TO_PEER, &last, &lane));
	show_groups(w, g->pkts, g->n, of, LNL_LANE_TO_PEER);
}

bool lnl_worker_stage_seal(struct lnl_worker *w, struct lnl_outgoing *o, uint64_t now)
{
	struct lnl_stage *g = &w->lanes->stage;
	uint32_t last = LNL_WORKER_STRANGER, prefix = LNL_OUT_PREFIX;

	if (!g->judged)
		judge_stage(w);
	for (; g->at < g->n; g->at++) {
		struct lnl_packet *pkt = &g->pkts[g->at];

		if (pkt->drop != LNL_DROP_NONE)
			continue;
		if (!lnl_outgoing_has_room(o, pkt->len))
			return false;
		if (pkt->peer != last)
			prefix = lnl_worker_prefix(w, pkt->peer);
		last = pkt->peer;
		lnl_worker_seal(w, o, pkt->p, pkt->len, pkt->peer, prefix, now);
	}
	g->n = g->at = 0;
	g->used = 0;
	g->judged = false;
	lnl_worker_stage_fit(w->lanes);
	return true;
}

bool lnl_worker_stage_is_empty(const struct lnl_worker *w)
{
	return w->lanes->stage.n == 0;
}

void lnl_worker_stage_forget(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_stage *g = &w->lanes->stage;

	/* Dropped, and counted as nobody's, when their turn comes. */
	for (unsigned i = g->at; i < g->n; i++)
		if (g->pkts[i].peer == peer)
			g->pkts[i].peer = LNL_WORKER_STRANGER;
}

/* ---- datagrams ---- */

void lnl_worker_tap_wire_in(struct lnl_link *l)
{
	struct lnl_worker *w = l->worker;
	struct lnl_worker_lanes *s = w->lanes;
	struct lnl_incoming *in = &w->in;
	unsigned k = 0;

	if (!lnl_lane_sees(s->wire, LNL_LANE_WIRE_IN))
		return;
	for (unsigned i = 0; i < in->n; i++) {
		/* The data plane counts those that are empty. */
		if (in->pkts[i].len > 0) {
			put(s, k, in->pkts[i].p, in->pkts[i].len, LNL_PEER_ID_NONE, 0);
			s->index[k++] = (uint16_t)i;
		}
		if (k == 0 || (k < LNL_LANE_BATCH && i + 1 < in->n))
			continue;
		show(s, s->wire, LNL_LANE_WIRE_IN, k);
		while (k > 0) {
			const struct lnl_lane_packet *p = &s->pkts[--k];
			struct lnl_packet *pkt = &in->pkts[s->index[k]];

			pkt->p = p->data;
			pkt->len = p->len;
			if (p->verdict == LNL_LANE_PASS)
				continue;
			pkt->drop = LNL_DROP_LANE;
			count(lnl_worker_counting(w, l->conf.peer), p->verdict, 1);
		}
	}
	lnl_incoming_compact(in);
}

void lnl_worker_tap_wire_out(struct lnl_worker *w, struct lnl_outgoing *o)
{
	struct lnl_worker_lanes *s = w->lanes;
	unsigned from = o->shown, kept = from, n = o->n - from;

	o->shown = o->n;
	if (n == 0 || !lnl_lane_sees(s->wire, LNL_LANE_WIRE_OUT))
		return;
	for (unsigned i = 0; i < n; i++)
		put(s, i, o->pkts[from + i].p, o->pkts[from + i].len, LNL_PEER_ID_NONE, o->room);
	show(s, s->wire, LNL_LANE_WIRE_OUT, n);
	for (unsigned i = 0; i < n; i++) {
		struct lnl_packet pkt = o->pkts[from + i];

		if (s->pkts[i].verdict != LNL_LANE_PASS) {
			count(lnl_worker_counting(w, pkt.peer), s->pkts[i].verdict, 1);
			continue;
		}
		pkt.p = s->pkts[i].data;
		pkt.len = s->pkts[i].len;
		o->prefix[kept] = o->prefix[from + i];
		o->pkts[kept++] = pkt;
	}
	o->n = o->shown = kept;
}

_Static_assert(LNL_OUT_PACKETS <= LNL_LANE_BATCH, "what is sent at once is one batch");

bool lnl_worker_tap_wire_one(struct lnl_worker *w, struct lnl_packet *pkt, struct lnl_carrier *c)
{
	struct lnl_worker_lanes *s = w->lanes;

	put(s, 0, pkt->p, pkt->len, LNL_PEER_ID_NONE, s->wire->conf.overhead);
	show(s, s->wire, LNL_LANE_WIRE_OUT, 1);
	if (s->pkts[0].verdict != LNL_LANE_PASS) {
		count(c, s->pkts[0].verdict, 1);
		return false;
	}
	pkt->p = s->pkts[0].data;
	pkt->len = s->pkts[0].len;
	return true;
}

bool lnl_worker_tap_sends(const struct lnl_worker *w)
{
	return lnl_lane_sees(w->lanes->wire, LNL_LANE_WIRE_OUT);
}
