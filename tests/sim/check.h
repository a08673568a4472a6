/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What every simulated test wants: a world on the heap that leaves nothing behind. */
#ifndef LNL_SIM_CHECK_H
#define LNL_SIM_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sim/world.h"

static inline struct sim_world *world_new(uint64_t seed, enum sim_wrap wrap, bool tcp)
{
	struct sim_world *w = malloc(sizeof(*w));

	assert_non_null(w);
	sim_world_init(w, seed, wrap, tcp);
	return w;
}

static inline void world_delete(struct sim_world *w)
{
	sim_world_end(w);
	assert_int_equal(w->env.live, 0);
	assert_int_equal(w->env.marks_found, 0);
	assert_int_equal(w->dirty_records, 0);
	free(w);
}

#endif
