/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How fast a peer may send or be sent to. Packets above the rate are dropped, not queued: senders
 * inside the tunnel slow down as they would on a full line, and the plane keeps no packets.
 */
#ifndef LNL_DATA_RATE_H
#define LNL_DATA_RATE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * What may come at once: as much as in a quarter of a second, for a TCP that lost its last packets
 * waits 0.2 s and would leave that time unused (seen: 60% of the rate with 0.1 s, 97% with this); but
 * a super-packet's worth.
 */
#define LNL_RATE_BURST_TIME  UINT64_C(250000)
#define LNL_RATE_BURST_BYTES UINT64_C(65536)

/* Times in 1/65536 of a microsecond, which may wrap. */
struct lnl_rate {
	uint64_t cost;	/* of a byte, times 2^14; 0: no limit */
	uint64_t ahead; /* how far `due` may lie ahead of now */
	uint64_t due; /* when all that passed would be through at just this rate; 0: nothing did */
};

/* |bytes| a second (8 at least), 0: no limit. What has passed goes on counting. */
static inline void lnl_rate_set(struct lnl_rate *r, uint64_t bytes)
{
	uint64_t burst = LNL_RATE_BURST_TIME;

	if (bytes && bytes < 8)
		bytes = 8; /* so that the longest packet's time fits 64 bits */
	r->cost = bytes ? (UINT64_C(1000000) << 30) / bytes : 0;
	if (bytes && LNL_RATE_BURST_BYTES * 1000000 / bytes > burst)
		burst = LNL_RATE_BURST_BYTES * 1000000 / bytes;
	r->ahead = burst << 16;
}

/* Whether a packet of |len| bytes (to 65,535) may pass at |now|, in microseconds; if so it counts. */
static inline bool lnl_rate_pass(struct lnl_rate *r, uint32_t len, uint64_t now)
{
	uint64_t t = now << 16;

	if (r->cost == 0)
		return true;
	/* Of one that is new nothing is known: seen from zero, half of all times lie ahead. */
	if (r->due == 0 || (int64_t)(r->due - t) < 0)
		r->due = t;
	if (r->due - t > r->ahead)
		return false;
	r->due += len * r->cost >> 14;
	return true;
}

#endif
