/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/replay.h"

#include <string.h>

void lnl_replay_init(struct lnl_replay *r, uint32_t window)
{
	memset(r, 0, sizeof(*r));
	if (window < 1)
		window = 1;
	r->window = window < LNL_REPLAY_MAX ? window : LNL_REPLAY_MAX;
}

static uint64_t bit_of(uint64_t id)
{
	return UINT64_C(1) << (id % 64);
}

static uint64_t *word_of(struct lnl_replay *r, uint64_t id)
{
	return &r->seen[id / 64 % (LNL_REPLAY_MAX / 64)];
}

/* The bits of the ids between the highest and |id| still say what was there one turn of the ring
 * ago. */
static void advance(struct lnl_replay *r, uint64_t id)
{
	if (id - r->highest >= LNL_REPLAY_MAX)
		memset(r->seen, 0, sizeof(r->seen));
	else
		for (uint64_t i = r->highest + 1; i < id; i++)
			*word_of(r, i) &= ~bit_of(i);
	r->highest = id;
}

bool lnl_replay_accept(struct lnl_replay *r, uint64_t id)
{
	if (!lnl_replay_check(r, id))
		return false;
	if (id > r->highest)
		advance(r, id);
	*word_of(r, id) |= bit_of(id);
	r->accepted++;
	return true;
}

static uint64_t long_id(uint32_t time, uint32_t id)
{
	return (uint64_t)time << 32 | id;
}

bool lnl_replay_check_long(const struct lnl_replay *r, uint32_t time, uint32_t id)
{
	if (id == 0 || time < r->highest >> 32)
		return false;
	return lnl_replay_check(r, long_id(time, id));
}

/* A larger time needs no emptying: the ids of older times are refused by theirs, whatever is
 * marked. */
bool lnl_replay_accept_long(struct lnl_replay *r, uint32_t time, uint32_t id)
{
	return lnl_replay_check_long(r, time, id) && lnl_replay_accept(r, long_id(time, id));
}
