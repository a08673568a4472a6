/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the fuzz targets share: the machine that they give the engine, whose randomness and clock
 * stand still so that an input replays the same; and records, which many inputs are made of.
 */
#ifndef LNL_FUZZ_ENV_H
#define LNL_FUZZ_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/env.h"

/* What a target is: libFuzzer and replay.c call it by this name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool ok)
{
	if (!ok)
		abort();
}

/* A copy in a block of just that size, so that AddressSanitizer sees a step out of it. */
static inline uint8_t *fuzz_exact(const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	require(exact != NULL);
	if (len > 0)
		memcpy(exact, bytes, len);
	return exact;
}

/* ---- the machine ---- */

/* Part of what an input means: with another clock or randomness it tells another story. */
struct fuzz_machine {
	uint64_t wallclock;
	uint8_t random; /* the byte that is all of it */
	int live;	/* allocations that were not released yet */
};

static inline void *fuzz_alloc(void *ctx, size_t size)
{
	struct fuzz_machine *m = ctx;

	m->live++;
	return calloc(1, size);
}

static inline void fuzz_release(void *ctx, void *p)
{
	struct fuzz_machine *m = ctx;

	m->live -= p != NULL;
	free(p);
}

static inline int fuzz_random(void *ctx, uint8_t *out, size_t len)
{
	const struct fuzz_machine *m = ctx;

	memset(out, m->random, len);
	return 0;
}

static inline uint64_t fuzz_wallclock(void *ctx)
{
	const struct fuzz_machine *m = ctx;

	return m->wallclock;
}

/* A struct lnl_env's initializer. */
#define FUZZ_ENV(machine)                                                                          \
	{                                                                                          \
		.ctx = (machine), .alloc = fuzz_alloc, .release = fuzz_release,                    \
		.random = fuzz_random, .wallclock = fuzz_wallclock                                 \
	}

/* ---- records ---- */

struct fuzz_record {
	uint8_t kind;
	uint8_t len;
	const uint8_t *data;
};

/* Takes kind(1) len(1) bytes from |*at|; the last one may be cut off. False: there is none. */
static inline bool fuzz_next(struct fuzz_record *r, const uint8_t **at, const uint8_t *end)
{
	if (end - *at < 2)
		return false;
	r->kind = (*at)[0];
	r->len = (*at)[1];
	r->data = *at + 2;
	if (r->len > end - r->data)
		r->len = (uint8_t)(end - r->data);
	*at = r->data + r->len;
	return true;
}

#endif
