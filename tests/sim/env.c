/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunel_codes.h"

#define MAGIC UINT64_C(0x6c756e656c73696d)

/* In front of each block; its size keeps what follows aligned. */
struct block {
	uint64_t magic;
	uint64_t size;
};

void sim_require(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "simulator: %s\n", what);
	abort();
}

uint64_t sim_random(uint64_t *seed)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void *env_alloc(void *ctx, size_t size)
{
	struct sim_env *e = ctx;
	struct block *b;

	e->allocations++;
	if (e->fail_at &&
	    (e->fail_on ? e->allocations >= e->fail_at : e->allocations == e->fail_at))
		return NULL;
	b = calloc(1, sizeof(*b) + size);
	sim_require(b != NULL, "out of memory");
	b->magic = MAGIC;
	b->size = size;
	e->live++;
	e->live_bytes += size;
	return b + 1;
}

static void env_release(void *ctx, void *p)
{
	struct sim_env *e = ctx;
	struct block *b;

	if (!p)
		return;
	b = (struct block *)p - 1;
	sim_require(b->magic == MAGIC, "a block that is none of ours was released");
	for (unsigned i = 0; i < e->n_marks; i++)
		if (memmem(p, b->size, e->marks[i].bytes, e->marks[i].len))
			e->marks_found++;
	e->live--;
	e->live_bytes -= b->size;
	memset(b, 0xdd, sizeof(*b) + b->size);
	free(b);
}

static int env_random(void *ctx, uint8_t *out, size_t len)
{
	struct sim_env *e = ctx;

	if (e->no_random)
		return LNL_E_RANDOM;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(sim_random(&e->seed) >> 32);
	if (len == e->mark_random && e->n_marks < SIM_MARKS)
		sim_env_mark(e, out, len);
	return 0;
}

static uint64_t env_wallclock(void *ctx)
{
	const struct sim_env *e = ctx;

	return SIM_WALLCLOCK + (e->now ? *e->now / LNL_SECOND : 0);
}

void sim_env_init(struct sim_env *e, uint64_t seed, const uint64_t *now)
{
	memset(e, 0, sizeof(*e));
	e->seed = seed;
	e->now = now;
	e->env = (struct lnl_env){
		.ctx = e,
		.alloc = env_alloc,
		.release = env_release,
		.random = env_random,
		.wallclock = env_wallclock,
	};
}

void sim_env_mark(struct sim_env *e, const void *bytes, size_t len)
{
	struct sim_mark *m = &e->marks[e->n_marks];

	sim_require(e->n_marks < SIM_MARKS, "too many secrets to look for");
	m->len = len < sizeof(m->bytes) ? len : sizeof(m->bytes);
	memcpy(m->bytes, bytes, m->len);
	e->n_marks++;
}
