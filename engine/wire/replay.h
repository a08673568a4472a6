/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The sliding window that lets each packet id through once. */
#ifndef LNL_WIRE_REPLAY_H
#define LNL_WIRE_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define LNL_REPLAY_DEFAULT 64
#define LNL_REPLAY_MAX	   2048 /* ids; OpenVPN allows 65,536, which nobody needs */

/*
 * Ids are 64 bits wide: a data packet's id (32 or 48 bits), or time << 32 | id for the long form of
 * the control channel, where a larger time starts a new sequence and a smaller one is refused.
 */
struct lnl_replay {
	uint64_t highest; /* 0: nothing accepted yet */
	uint32_t window;
	uint32_t accepted; /* ids, since init: beside `highest` it tells how many never came */
	uint64_t seen[LNL_REPLAY_MAX / 64]; /* ring of bits, by id modulo the array's size */
};

/* Empties |r|; |window| in ids is clamped to 1..LNL_REPLAY_MAX. */
void lnl_replay_init(struct lnl_replay *r, uint32_t window);

/*
 * Whether |id| may be accepted: not 0, not below the window, not seen. Changes nothing, so that it
 * can be asked before the tag is checked.
 */
static inline bool lnl_replay_check(const struct lnl_replay *r, uint64_t id)
{
	if (id == 0)
		return false;
	if (id > r->highest)
		return true;
	if (r->highest - id >= r->window)
		return false;
	return !(r->seen[id / 64 % (LNL_REPLAY_MAX / 64)] >> (id % 64) & 1);
}

/* Marks |id| as seen after its packet was authenticated. Returns false, unchanged, where check
 * would. */
bool lnl_replay_accept(struct lnl_replay *r, uint64_t id);

/*
 * The long form: |time| from the packet beside |id|. A time above the highest one empties the
 * window; one below is refused. Id 0 is refused.
 */
bool lnl_replay_check_long(const struct lnl_replay *r, uint32_t time, uint32_t id);
bool lnl_replay_accept_long(struct lnl_replay *r, uint32_t time, uint32_t id);

#endif
