/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The world that the crypto tests give the engine: counted memory that can run out, seeded
 * randomness, a fixed clock.
 */
#ifndef LNL_TEST_CRYPTO_ENV_H
#define LNL_TEST_CRYPTO_ENV_H

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"

/* 2026-01-01 00:00:00 UTC: "now" to every certificate in pki/. */
#define TEST_NOW UINT64_C(1767225600)

struct test_env {
	struct lnl_env env;
	uint64_t now;
	uint64_t seed;
	unsigned allocations; /* ever made */
	unsigned live;	      /* not released yet */
	size_t bytes;	      /* of those */
	unsigned fail_at;     /* this allocation (from 1) and all after it fail; 0: none does */
	bool no_random;
	const uint8_t *secret; /* 16 bytes that no memory may hold when it is released */
	unsigned leaks;	       /* how often one did */
};

static void *test_env_alloc(void *ctx, size_t size)
{
	struct test_env *t = ctx;

	t->allocations++;
	if (t->fail_at != 0 && t->allocations >= t->fail_at)
		return NULL;
	void *p = calloc(1, size);
	t->live++;
	t->bytes += malloc_usable_size(p);
	return p;
}

static void test_env_release(void *ctx, void *p)
{
	struct test_env *t = ctx;

	if (p != NULL && t->secret != NULL)
		t->leaks += memmem(p, malloc_usable_size(p), t->secret, 16) != NULL;
	if (p != NULL) {
		t->live--;
		t->bytes -= malloc_usable_size(p);
	}
	free(p);
}

/* splitmix64 */
static int test_env_random(void *ctx, uint8_t *out, size_t len)
{
	struct test_env *t = ctx;

	if (t->no_random)
		return LNL_E_RANDOM;
	for (size_t i = 0; i < len; i++) {
		uint64_t z = t->seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
		out[i] = (uint8_t)(z ^ (z >> 31));
	}
	return 0;
}

static uint64_t test_env_wallclock(void *ctx)
{
	const struct test_env *t = ctx;

	return t->now;
}

static inline void test_env_init(struct test_env *t)
{
	*t = (struct test_env){ .now = TEST_NOW, .seed = 1 };
	t->env = (struct lnl_env){
		.ctx = t,
		.alloc = test_env_alloc,
		.release = test_env_release,
		.random = test_env_random,
		.wallclock = test_env_wallclock,
	};
}

/* Reads hex digits into |out|; returns the number of bytes. */
static inline size_t test_hex(uint8_t *out, size_t cap, const char *hex)
{
	size_t n = strlen(hex) / 2;

	assert_true(n <= cap);
	for (size_t i = 0; i < n; i++) {
		char two[3] = { hex[2 * i], hex[2 * i + 1], '\0' };

		out[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return n;
}

static inline void test_hex_equal(const uint8_t *got, const char *hex)
{
	uint8_t want[512];
	size_t n = test_hex(want, sizeof(want), hex);

	assert_memory_equal(got, want, n);
}

#endif
