/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a simulated machine gives the engine: seeded randomness, a clock that only the test moves,
 * and memory that is counted, can run out, and looks for secrets in what is handed back.
 */
#ifndef LNL_SIM_ENV_H
#define LNL_SIM_ENV_H

#include <stdbool.h>

#include "wire/env.h"

#define SIM_MARKS 128

/* 2026-01-01 00:00:00 UTC, inside the dates of unit/pki. */
#define SIM_WALLCLOCK UINT64_C(1767225600)

struct sim_mark {
	uint8_t bytes[32];
	size_t len;
};

struct sim_env {
	struct lnl_env env;
	uint64_t seed;
	const uint64_t *now; /* microseconds; moves the wall clock */
	unsigned long allocations;
	unsigned long live;
	size_t live_bytes;
	unsigned long fail_at; /* this allocation (from 1) fails; 0: none */
	bool fail_on;	       /* and all after it */
	bool no_random;
	size_t mark_random; /* randomness of this length is a secret, see sim_env_mark; 0: none */
	struct sim_mark marks[SIM_MARKS];
	unsigned n_marks;
	unsigned long marks_found; /* released blocks that still held a secret */
};

void sim_env_init(struct sim_env *e, uint64_t seed, const uint64_t *now);
/* From now on blocks that are released must not hold these bytes (the first 32 of them). */
void sim_env_mark(struct sim_env *e, const void *bytes, size_t len);
/* The next of a sequence that |*seed| determines (splitmix64). */
uint64_t sim_random(uint64_t *seed);
/* Ends the process with a message unless |ok|: the simulator itself is used wrongly. */
void sim_require(bool ok, const char *what);

#endif
