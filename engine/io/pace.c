/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/pace.h"

/* A clock spares wake-ups where at least so many packets come between two reads. */
#define PACKETS 2

static void begin_window(struct lnl_pace *p, uint64_t now)
{
	p->reads = 0;
	p->bytes = p->packets = 0;
	p->begun = now;
}

/* Read as it comes: are they so many that a clock would spare half of them? */
static enum lnl_pace_turn count(struct lnl_pace *p, uint64_t now, size_t bytes)
{
	uint32_t need = p->need != 0 ? p->need : LNL_PACE_READS;

	if (now - p->last > LNL_PACE_EVERY || bytes > LNL_PACE_MUCH) {
		begin_window(p, now);
		return LNL_PACE_STAY;
	}
	p->bytes += bytes;
	if (++p->reads < need)
		return LNL_PACE_STAY;
	p->before_bytes = p->bytes;
	p->before_time = now - p->begun;
	begin_window(p, now);
	if (p->before_time * PACKETS > (uint64_t)need * LNL_PACE_EVERY)
		return LNL_PACE_STAY;
	p->paced = true;
	p->worth = false;
	return LNL_PACE_CLOCK;
}

/* As much as before, but for an eighth, which comes and goes with everything. */
static bool carries_as_much(const struct lnl_pace *p, uint64_t now)
{
	return p->bytes * p->before_time * 8 >= p->before_bytes * (now - p->begun) * 7;
}

/* Reads by the clock: do they bring anything? */
static enum lnl_pace_turn weigh(struct lnl_pace *p, uint64_t now, size_t bytes, size_t packets)
{
	bool many, much;

	p->bytes += bytes;
	p->packets += packets;
	if (++p->reads < LNL_PACE_WINDOW)
		return LNL_PACE_STAY;
	many = p->packets >= LNL_PACE_WINDOW * PACKETS;
	much = p->bytes > (uint64_t)LNL_PACE_WINDOW * LNL_PACE_MUCH;
	if (many && !much && carries_as_much(p, now)) {
		p->worth = true;
		begin_window(p, now);
		return LNL_PACE_STAY;
	}
	/* Where it brought nothing from the start, it is tried ever more rarely. */
	if (p->worth || much)
		p->need = LNL_PACE_READS;
	else if (p->need < LNL_PACE_RARELY)
		p->need = (p->need != 0 ? p->need : LNL_PACE_READS) * 2;
	p->paced = false;
	begin_window(p, now);
	return LNL_PACE_COMES;
}

enum lnl_pace_turn lnl_pace_read(struct lnl_pace *p, uint64_t now, size_t bytes, size_t packets)
{
	enum lnl_pace_turn turn = p->paced ? weigh(p, now, bytes, packets) : count(p, now, bytes);

	p->last = now;
	return turn;
}
