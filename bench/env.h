/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a data plane is given in a benchmark that measures neither memory nor certificates' dates. */
#ifndef LNL_BENCH_ENV_H
#define LNL_BENCH_ENV_H

#include "crypto/crypto.h"
#include "engine/aligned.h"

static inline void *bench_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return lnl_aligned_new(size);
}

static inline void bench_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static inline uint64_t bench_wallclock(void *ctx)
{
	(void)ctx;
	return 1;
}

static const struct lnl_env bench_env = {
	.alloc = bench_alloc,
	.release = bench_release,
	.random = lnl_crypto_random,
	.wallclock = bench_wallclock,
};

#endif
