/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sans-IO rooms are given instead of taking it: memory, randomness. Time is an argument.
 */
#ifndef LNL_WIRE_ENV_H
#define LNL_WIRE_ENV_H

#include <stddef.h>
#include <stdint.h>

/* Microseconds of a clock that never goes back; its zero means nothing. */
#define LNL_SECOND UINT64_C(1000000)
#define LNL_MSEC   UINT64_C(1000)
/* "Never", as an answer to "when do you want to be called again?". */
#define LNL_NEVER UINT64_MAX

/* Of two such answers the one that comes first. */
static inline uint64_t lnl_earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* A line of the processor's cache, in bytes: memory that is far away comes by lines. */
#define LNL_LINE 64

/*
 * Has the line at |p| brought near, and nobody waits for it. A load in earnest: a mere prefetch may be
 * dropped where the page's address is not at hand either.
 */
static inline void lnl_touch(const void *p)
{
	(void)*(const volatile char *)p;
}

struct lnl_env {
	void *ctx;
	/*
	 * Returns |size| zeroed bytes or NULL. Where they are whole lines (LNL_LINE) they should
	 * begin one: packets are faster.
	 */
	void *(*alloc)(void *ctx, size_t size);
	/* Releases what alloc gave; |p| may be NULL. The caller has wiped secrets. */
	void (*release)(void *ctx, void *p);
	/* Fills |out| with |len| random bytes; 0, or LNL_E_RANDOM (the caller must fail closed). */
	int (*random)(void *ctx, uint8_t *out, size_t len);
	/* Seconds since 1970, for what the wire carries as time (wrap packet ids, tls-crypt-v2). */
	uint64_t (*wallclock)(void *ctx);
};

static inline void *lnl_alloc(const struct lnl_env *env, size_t size)
{
	return env->alloc(env->ctx, size);
}

static inline void lnl_release(const struct lnl_env *env, void *p)
{
	env->release(env->ctx, p);
}

#endif
