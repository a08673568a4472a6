/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A pool of addresses whose allocations are counted, and shorthands for what is asked of it. */
#ifndef LNL_TEST_POOL_WORLD_H
#define LNL_TEST_POOL_WORLD_H

#include <stdio.h>

#include "control/pool.h"
#include "test_crypto_env.h"

struct fixture {
	struct test_env world;
	struct lnl_pool *pool;
	size_t largest; /* allocation since it was zeroed */
};

static inline struct fixture *fixture(void **state)
{
	return *state;
}

static inline void *measured_alloc(void *ctx, size_t size)
{
	struct fixture *f = ctx;

	if (size > f->largest)
		f->largest = size;
	return test_env_alloc(ctx, size);
}

static inline int set_up(void **state)
{
	static struct fixture f;

	test_env_init(&f.world);
	/* `world` stands first, so that its functions take |f|, too. */
	f.world.env.alloc = measured_alloc;
	f.pool = NULL;
	*state = &f;
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = fixture(state);

	lnl_pool_free(f->pool);
	return f->world.live == 0 ? 0 : -1;
}

/* ---- shorthands ---- */

static inline struct lnl_ip ip(const char *text)
{
	struct lnl_ip out;

	assert_int_equal(lnl_ip_parse(&out, text), 0);
	return out;
}

/* The address |i| behind |first|, which is IPv4. */
static inline struct lnl_ip nth(const struct lnl_ip *first, int i)
{
	struct lnl_ip out = *first;
	int low = first->bytes[2] * 256 + first->bytes[3] + i;

	out.bytes[2] = (uint8_t)(low / 256);
	out.bytes[3] = (uint8_t)low;
	return out;
}

static inline int make(struct fixture *f, enum lnl_pool_kind kind, const char *first,
		       const char *last)
{
	struct lnl_pool_conf conf = { kind, ip(first), ip(last) };

	lnl_pool_free(f->pool);
	f->pool = NULL;
	return lnl_pool_new(&f->pool, &f->world.env, &conf);
}

static inline void must_make(struct fixture *f, enum lnl_pool_kind kind, const char *first,
			     const char *last)
{
	assert_int_equal(make(f, kind, first, last), 0);
}

/* |name| gets |want|, or an error when |want| is NULL. */
static inline void expect_take(struct fixture *f, const char *name, const char *want)
{
	char text[LNL_IP_TEXT];
	struct lnl_ip got;

	if (want == NULL) {
		assert_int_equal(lnl_pool_take(f->pool, name, &got), LNL_E_LIMIT);
		return;
	}
	assert_int_equal(lnl_pool_take(f->pool, name, &got), 0);
	assert_string_equal(lnl_ip_text(&got, text), want);
}

static inline void release(struct fixture *f, const char *text)
{
	struct lnl_ip address = ip(text);

	lnl_pool_release(f->pool, &address);
}

static inline int reserve(struct fixture *f, const char *text)
{
	struct lnl_ip address = ip(text);

	return lnl_pool_reserve(f->pool, &address);
}

static inline int lease(struct fixture *f, const char *name, const char *text)
{
	struct lnl_ip address = ip(text);

	return lnl_pool_lease(f->pool, name, &address);
}

static inline void append(void *ctx, const char *name, const struct lnl_ip *address)
{
	char *all = ctx, text[LNL_IP_TEXT];

	snprintf(all + strlen(all), 1024 - strlen(all), "%s=%s ", name, lnl_ip_text(address, text));
}

static inline void expect_leases(struct fixture *f, const char *want)
{
	char all[1024] = "";

	lnl_pool_each(f->pool, all, append);
	assert_string_equal(all, want);
}

static inline uint32_t draw(struct fixture *f, uint32_t below)
{
	uint32_t v = 0;

	test_env_random(&f->world, (uint8_t *)&v, sizeof(v));
	return v % below;
}

#endif
