/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/limiter.h"

#include "lunel_codes.h"

#define CELL_BITS 12
#define SLICES	  16 /* of a period */

/* What sources that share a hash had. */
struct cell {
	uint64_t free_at; /* when the source has its whole burst again */
	uint64_t period;  /* of which `taken` counts */
	uint64_t taken;
	uint64_t before; /* `taken` of the period before */
};

struct lnl_limiter {
	const struct lnl_env *env;
	uint64_t factors[3];
	uint64_t interval; /* between answers to a source that had its burst; 0: no limit */
	uint64_t burst;	   /* microseconds that a source may be ahead of that */
	uint64_t total;
	uint64_t period, slice_len;
	uint64_t slice;	 /* the current one */
	uint64_t in_all; /* answers in the slices */
	uint64_t slices[SLICES + 1];
	struct cell cells[1 << CELL_BITS];
};

/*
 * In any second a source gets its burst and what it earns meanwhile: together that may not be more
 * than the rate.
 */
static void set_source(struct lnl_limiter *l, const struct lnl_limiter_conf *conf)
{
	unsigned burst = conf->source_burst > 0 ? conf->source_burst : 1;

	if (conf->source_rate == 0)
		return;
	if (burst > conf->source_rate)
		burst = conf->source_rate;
	l->interval =
		burst < conf->source_rate ? LNL_SECOND / (conf->source_rate - burst) : LNL_SECOND;
	l->burst = l->interval * (burst - 1);
}

int lnl_limiter_new(struct lnl_limiter **out, const struct lnl_env *env,
		    const struct lnl_limiter_conf *conf, uint64_t now)
{
	struct lnl_limiter *l = lnl_alloc(env, sizeof(*l));
	int rc;

	*out = NULL;
	if (!l)
		return LNL_E_NOMEM;
	l->env = env;
	rc = env->random(env->ctx, (uint8_t *)l->factors, sizeof(l->factors));
	if (rc < 0) {
		lnl_release(env, l);
		return rc;
	}
	set_source(l, conf);
	l->total = conf->total;
	l->period = conf->period > 0 ? conf->period : 1;
	l->slice_len = (l->period - 1) / SLICES + 1;
	l->slice = now / l->slice_len;
	*out = l;
	return 0;
}

void lnl_limiter_free(struct lnl_limiter *l)
{
	if (l)
		lnl_release(l->env, l);
}

static uint64_t read_be(const uint8_t *p, unsigned len)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < len; i++)
		v = v << 8 | p[i];
	return v;
}

/* Multiply-shift over the halves of the prefix: who does not know the factors finds no neighbour. */
static struct cell *cell_of(struct lnl_limiter *l, const struct lnl_ip *ip)
{
	uint64_t high = ip->family == 4 ? 0 : read_be(ip->bytes, 4);
	uint64_t low = ip->family == 4 ? read_be(ip->bytes, 3) : read_be(ip->bytes + 4, 4);
	uint64_t hash = (l->factors[0] + high) * (l->factors[1] + low);

	hash += ip->family * (l->factors[2] | 1);
	return &l->cells[hash >> (64 - CELL_BITS)];
}

/* Forgets what is more than a period ago. */
static void move_on(struct lnl_limiter *l, uint64_t now)
{
	uint64_t slice = now / l->slice_len;

	if (slice > l->slice + SLICES)
		l->slice = slice - SLICES - 1;
	while (l->slice < slice) {
		uint64_t *next = &l->slices[++l->slice % (SLICES + 1)];

		l->in_all -= *next;
		*next = 0;
	}
}

/* The cell's counts are the current period's. */
static void turn(const struct lnl_limiter *l, struct cell *c, uint64_t now)
{
	uint64_t period = now / l->period;

	if (c->period == period)
		return;
	c->before = c->period + 1 == period ? c->taken : 0;
	c->taken = 0;
	c->period = period;
}

/* What the source had within about a period: of the one before, the part that is not over yet. */
static uint64_t lately(const struct lnl_limiter *l, const struct cell *c, uint64_t now)
{
	uint64_t left = l->period - now % l->period;

	return c->taken + (c->before * left + l->period - 1) / l->period;
}

/*
 * A source gets no more than it leaves to the others: so one that floods takes about half of all there
 * is, two take a third each, and who comes new finds something left.
 */
static enum lnl_limit check_total(struct lnl_limiter *l, struct cell *c, uint64_t now)
{
	if (l->total == 0)
		return LNL_LIMIT_PASS;
	move_on(l, now);
	if (l->in_all >= l->total)
		return LNL_LIMIT_TOTAL;
	return lately(l, c, now) < l->total - l->in_all ? LNL_LIMIT_PASS : LNL_LIMIT_SOURCE;
}

enum lnl_limit lnl_limiter_take(struct lnl_limiter *l, const struct lnl_ip *ip, uint64_t now)
{
	struct cell *c = cell_of(l, ip);
	enum lnl_limit limit;

	turn(l, c, now);
	if (l->interval > 0 && c->free_at > now + l->burst)
		return LNL_LIMIT_SOURCE;
	limit = check_total(l, c, now);
	if (limit != LNL_LIMIT_PASS)
		return limit;
	if (l->interval > 0)
		c->free_at = (c->free_at > now ? c->free_at : now) + l->interval;
	c->taken++;
	if (l->total > 0) {
		l->in_all++;
		l->slices[l->slice % (SLICES + 1)]++;
	}
	return LNL_LIMIT_PASS;
}

/*
 * Which slice the answer is in is not known: the oldest that has one is never later than that, so
 * nothing leaves the count too early.
 */
static void uncount(struct lnl_limiter *l, uint64_t now)
{
	move_on(l, now);
	for (unsigned i = 1; i <= SLICES + 1; i++) {
		uint64_t *slice = &l->slices[(l->slice + i) % (SLICES + 1)];

		if (*slice == 0)
			continue;
		--*slice;
		l->in_all--;
		return;
	}
}

void lnl_limiter_give_back(struct lnl_limiter *l, const struct lnl_ip *ip, uint64_t at,
			   uint64_t now)
{
	struct cell *c = cell_of(l, ip);

	turn(l, c, now);
	if (now - at >= l->period || (c->taken == 0 && c->before == 0))
		return;
	if (c->taken > 0)
		c->taken--;
	else
		c->before--;
	if (c->free_at > now)
		c->free_at -= l->interval;
	if (l->total > 0)
		uncount(l, now);
}
