/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every test of the real server wants: a world on the heap with it, that leaves nothing behind. */
#ifndef LNL_SIM_SERVER_CHECK_H
#define LNL_SIM_SERVER_CHECK_H

#include "sim/check.h"
#include "sim/server_world.h"

static inline struct sim_real *real_new(uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct sim_real *r = malloc(sizeof(*r));

	assert_non_null(r);
	sim_real_init(r, world_new(seed, wrap, tcp));
	return r;
}

static inline void real_start(struct sim_real *r)
{
	assert_int_equal(sim_world_start(r->w), 0);
}

/* Started and up. */
static inline void real_up(struct sim_real *r)
{
	real_start(r);
	if (!sim_real_connect(r, 60 * LNL_SECOND))
		fail_msg("client: %s, server: %s", r->w->why, r->why);
}

static inline void real_delete(struct sim_real *r)
{
	world_delete(r->w);
	free(r);
}

#endif
