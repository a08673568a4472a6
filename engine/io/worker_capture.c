/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Copies of packets for a capture: a ring from the worker to the control thread. Without a capture it
 * costs one look at a flag for each batch; with one, what finds no room is counted and passes
 * uncopied.
 */
#include <string.h>

#include "io/clock.h"
#include "io/worker_state.h"

#define RING ((size_t)4 << 20)

/* ---- the worker's side ---- */

void lnl_worker_capture_note(struct lnl_worker *w, bool out, uint32_t peer, const uint8_t *p,
			     uint32_t len, enum lnl_drop drop)
{
	uint32_t wanted = atomic_load_explicit(&w->capture_peer, memory_order_relaxed);
	uint32_t keep = atomic_load_explicit(&w->capture_keep, memory_order_relaxed);
	struct lnl_captured c;

	/* Its padding travels, too. */
	memset(&c, 0, sizeof(c));
	c.time = lnl_clock_now();
	c.peer = peer;
	c.len = len;
	c.kept = (uint16_t)(len < keep ? len : keep);
	c.drop = (uint16_t)drop;
	c.out = out;
	/* The ring is there once the flag was seen to be. */
	if (!atomic_load_explicit(&w->capturing, memory_order_acquire) ||
	    (wanted != LNL_PEER_ID_NONE && wanted != peer))
		return;
	if (!lnl_ring_put_behind(&w->captured, &c, sizeof(c), p, c.kept, 0))
		atomic_fetch_add_explicit(&w->capture_lost, 1, memory_order_relaxed);
}

void lnl_worker_capture_look(const struct lnl_worker *w, struct lnl_seen *seen)
{
	for (unsigned i = 0; i < w->in.n; i++) {
		seen->p[i] = w->in.pkts[i].p;
		seen->len[i] = w->in.pkts[i].len;
	}
}

void lnl_worker_capture_in(struct lnl_worker *w, const struct lnl_seen *seen)
{
	for (unsigned i = 0; i < w->in.n; i++) {
		const struct lnl_packet *pkt = &w->in.pkts[i];

		/* Pings and their kin: taken, and nothing of them goes on. */
		if (pkt->drop == LNL_DROP_EMPTY)
			continue;
		if (pkt->drop == LNL_DROP_NONE)
			lnl_worker_capture_note(w, false, pkt->peer, pkt->p, pkt->len,
						LNL_DROP_NONE);
		else
			lnl_worker_capture_note(w, false, pkt->peer, seen->p[i], seen->len[i],
						pkt->drop);
	}
}

bool lnl_worker_seal(struct lnl_worker *w, struct lnl_outgoing *o, uint8_t *p, uint32_t len,
		     uint32_t peer, uint32_t prefix, uint64_t now)
{
	bool sealed = lnl_outgoing_seal(o, w->data, p, len, peer, prefix, now);

	if (lnl_worker_captures(w))
		lnl_worker_capture_note(w, true, peer, p, len,
					sealed ? LNL_DROP_NONE : o->pkts[o->n].drop);
	return sealed;
}

/* ---- the control thread's ---- */

int lnl_worker_capture(struct lnl_worker *w, uint32_t peer, uint32_t keep)
{
	int rc;

	if (w->captured.data == NULL) {
		rc = lnl_ring_init(&w->captured, RING, true);
		if (rc < 0)
			return rc;
	}
	atomic_store_explicit(&w->capture_peer, peer, memory_order_relaxed);
	atomic_store_explicit(&w->capture_keep, keep < LNL_CAPTURED_MAX ? keep : LNL_CAPTURED_MAX,
			      memory_order_relaxed);
	atomic_store_explicit(&w->capturing, true, memory_order_release);
	return 0;
}

void lnl_worker_capture_end(struct lnl_worker *w)
{
	atomic_store_explicit(&w->capturing, false, memory_order_release);
}

bool lnl_worker_captured(struct lnl_worker *w, struct lnl_captured *out, uint8_t *data)
{
	uint8_t message[sizeof(*out) + LNL_CAPTURED_MAX];
	size_t len;

	if (w->captured.data == NULL || !lnl_ring_get(&w->captured, message, sizeof(message), &len))
		return false;
	memcpy(out, message, sizeof(*out));
	memcpy(data, message + sizeof(*out), out->kept);
	return true;
}

uint64_t lnl_worker_capture_lost(struct lnl_worker *w)
{
	return atomic_exchange_explicit(&w->capture_lost, 0, memory_order_relaxed);
}
