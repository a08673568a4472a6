/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/pool.h"

#include <string.h>

#include "wire/buf.h"

#define BUCKETS_MIN 64u

/* An address that somebody has or had. */
struct lease {
	struct lease *next_index, *next_name; /* in their buckets */
	struct lease *older, *newer;	      /* among the free ones, the longest free first */
	uint32_t index;
	bool used;
	char name[LNL_POOL_NAME]; /* "": nobody's in particular */
};

struct lnl_pool {
	const struct lnl_env *env;
	struct lnl_pool_conf conf;
	uint32_t size;	/* addresses that are given out */
	uint32_t fresh; /* none from here on was ever leased, but for those in the table */
	uint32_t used, n, mask;
	unsigned version;
	struct lease **by_index, **by_name;
	struct lease *oldest, *newest; /* free ones */
};

/* ---- addresses and numbers ---- */

static unsigned bytes_of(const struct lnl_ip *ip)
{
	return ip->family == 6 ? 16 : 4;
}

static unsigned step_of(const struct lnl_pool *p)
{
	return p->conf.kind == LNL_POOL_NET30 ? 4 : 1;
}

/* |b| - |a|, or UINT64_MAX when that is negative or above 32 bits. */
static uint64_t distance(const struct lnl_ip *a, const struct lnl_ip *b)
{
	unsigned len = bytes_of(a), i;
	uint64_t d = 0;
	int borrow = 0;

	for (i = len; i > 0; i--) {
		int x = b->bytes[i - 1] - a->bytes[i - 1] - borrow;

		borrow = x < 0;
		x &= 0xff;
		if (len - i < 4)
			d |= (uint64_t)x << 8 * (len - i);
		else if (x)
			return UINT64_MAX;
	}
	return borrow ? UINT64_MAX : d;
}

static struct lnl_ip plus(const struct lnl_ip *ip, uint32_t n)
{
	struct lnl_ip out = *ip;
	uint64_t carry = n;
	unsigned i;

	for (i = bytes_of(ip); i > 0 && carry; i--) {
		carry += out.bytes[i - 1];
		out.bytes[i - 1] = (uint8_t)carry;
		carry >>= 8;
	}
	return out;
}

/* The client's address of number |index|: in net30 the third of its four. */
static struct lnl_ip address_of(const struct lnl_pool *p, uint32_t index)
{
	return plus(&p->conf.first, index * step_of(p) + (step_of(p) == 4 ? 2 : 0));
}

/* The number of just this client's address: false outside the pool. */
static bool index_of(const struct lnl_pool *p, const struct lnl_ip *ip, uint32_t *index)
{
	uint64_t d;

	if (ip->family != p->conf.first.family)
		return false;
	d = distance(&p->conf.first, ip);
	if (step_of(p) == 4) {
		if (d % 4 != 2)
			return false;
		d /= 4;
	}
	if (d >= p->size)
		return false;
	*index = (uint32_t)d;
	return true;
}

/* ---- tables ---- */

static uint32_t hash_name(const char *name)
{
	uint32_t h = 2166136261u;

	for (; *name; name++)
		h = (h ^ (uint8_t)*name) * 16777619u;
	return h ^ h >> 15;
}

static uint32_t hash_index(uint32_t index)
{
	return index * UINT32_C(0x9e3779b9) >> 7;
}

static struct lease *find_index(const struct lnl_pool *p, uint32_t index)
{
	struct lease *l = p->by_index[hash_index(index) & p->mask];

	while (l && l->index != index)
		l = l->next_index;
	return l;
}

static struct lease *find_name(const struct lnl_pool *p, const char *name)
{
	struct lease *l = p->by_name[hash_name(name) & p->mask];

	while (l && strcmp(l->name, name) != 0)
		l = l->next_name;
	return l;
}

static void enter_name(struct lnl_pool *p, struct lease *l)
{
	struct lease **b = &p->by_name[hash_name(l->name) & p->mask];

	if (!l->name[0])
		return;
	l->next_name = *b;
	*b = l;
}

static void leave_name(struct lnl_pool *p, struct lease *l)
{
	struct lease **b = &p->by_name[hash_name(l->name) & p->mask];

	if (!l->name[0])
		return;
	while (*b != l)
		b = &(*b)->next_name;
	*b = l->next_name;
	l->name[0] = 0;
}

static void enter_index(struct lnl_pool *p, struct lease *l)
{
	struct lease **b = &p->by_index[hash_index(l->index) & p->mask];

	l->next_index = *b;
	*b = l;
}

static int grow(struct lnl_pool *p)
{
	uint32_t old = p->by_index ? p->mask + 1 : 0, n = old ? old * 2 : BUCKETS_MIN, i;
	struct lease **index = lnl_alloc(p->env, n * sizeof(struct lease *));
	struct lease **name = lnl_alloc(p->env, n * sizeof(struct lease *));
	struct lease **before = p->by_index, *l, *next;

	if (!index || !name) {
		lnl_release(p->env, index);
		lnl_release(p->env, name);
		return LNL_E_NOMEM;
	}
	lnl_release(p->env, p->by_name);
	p->by_index = index;
	p->by_name = name;
	p->mask = n - 1;
	for (i = 0; i < old; i++) {
		for (l = before[i]; l; l = next) {
			next = l->next_index;
			enter_index(p, l);
			enter_name(p, l);
		}
	}
	lnl_release(p->env, before);
	return 0;
}

/* ---- free ones ---- */

static void leave_free(struct lnl_pool *p, struct lease *l)
{
	if (l->older)
		l->older->newer = l->newer;
	else
		p->oldest = l->newer;
	if (l->newer)
		l->newer->older = l->older;
	else
		p->newest = l->older;
	l->older = l->newer = NULL;
}

static void enter_free(struct lnl_pool *p, struct lease *l)
{
	l->older = p->newest;
	l->newer = NULL;
	if (p->newest)
		p->newest->newer = l;
	else
		p->oldest = l;
	p->newest = l;
}

/* A new lease of |index|, among the free ones. */
static struct lease *add(struct lnl_pool *p, uint32_t index)
{
	struct lease *l;

	if (p->n > p->mask && grow(p) < 0)
		return NULL;
	l = lnl_alloc(p->env, sizeof(*l));
	if (!l)
		return NULL;
	l->index = index;
	p->n++;
	enter_index(p, l);
	enter_free(p, l);
	return l;
}

static void use(struct lnl_pool *p, struct lease *l)
{
	leave_free(p, l);
	l->used = true;
	p->used++;
}

/* |l| is |name|'s from now on, and |name| has no other. */
static void give(struct lnl_pool *p, struct lease *l, const char *name)
{
	struct lease *other = name[0] ? find_name(p, name) : NULL;

	if (strcmp(l->name, name) == 0)
		return;
	if (other && other != l)
		leave_name(p, other);
	leave_name(p, l);
	lnl_text_clean(l->name, sizeof(l->name), name, strlen(name));
	enter_name(p, l);
	p->version++;
}

/* ---- the interface ---- */

int lnl_pool_new(struct lnl_pool **out, const struct lnl_env *env, const struct lnl_pool_conf *conf)
{
	unsigned step = conf->kind == LNL_POOL_NET30 ? 4 : 1;
	const struct lnl_ip *first = &conf->first;
	struct lnl_pool *p;
	uint64_t d;
	int rc;

	*out = NULL;
	if ((first->family != 4 && first->family != 6) || first->family != conf->last.family)
		return LNL_E_INVAL;
	if (step == 4 && (first->family != 4 || first->bytes[3] % 4 != 0))
		return LNL_E_INVAL;
	d = distance(first, &conf->last);
	if (d == UINT64_MAX || (d + 1) / step == 0 || (d + 1) / step > UINT32_C(1) << LNL_POOL_BITS)
		return LNL_E_INVAL;
	p = lnl_alloc(env, sizeof(*p));
	if (!p)
		return LNL_E_NOMEM;
	p->env = env;
	p->conf = *conf;
	p->size = (uint32_t)((d + 1) / step);
	rc = grow(p);
	if (rc < 0) {
		lnl_release(env, p);
		return rc;
	}
	*out = p;
	return 0;
}

void lnl_pool_free(struct lnl_pool *p)
{
	struct lease *l, *next;
	uint32_t i;

	if (!p)
		return;
	for (i = 0; i <= p->mask; i++) {
		for (l = p->by_index[i]; l; l = next) {
			next = l->next_index;
			lnl_release(p->env, l);
		}
	}
	lnl_release(p->env, p->by_index);
	lnl_release(p->env, p->by_name);
	lnl_release(p->env, p);
}

/* The next address that was never leased, or else the one that is free the longest. */
static struct lease *next_free(struct lnl_pool *p, int *error)
{
	struct lease *l;

	while (p->fresh < p->size && find_index(p, p->fresh))
		p->fresh++;
	if (p->fresh == p->size) {
		*error = LNL_E_LIMIT;
		return p->oldest;
	}
	*error = LNL_E_NOMEM;
	l = add(p, p->fresh);
	if (l)
		p->fresh++;
	return l;
}

int lnl_pool_take(struct lnl_pool *p, const char *name, struct lnl_ip *out)
{
	char key[LNL_POOL_NAME];
	struct lease *l = NULL;
	int error = 0;

	lnl_text_clean(key, sizeof(key), name, strlen(name));
	if (key[0])
		l = find_name(p, key);
	if (l && l->used)
		l = NULL;
	if (!l)
		l = next_free(p, &error);
	if (!l)
		return error;
	/* Who has its address in use keeps it as its lease; this second one is nobody's. */
	if (key[0] && (!find_name(p, key) || !find_name(p, key)->used))
		give(p, l, key);
	else if (strcmp(l->name, key) != 0)
		give(p, l, "");
	use(p, l);
	*out = address_of(p, l->index);
	return 0;
}

int lnl_pool_reserve(struct lnl_pool *p, const struct lnl_ip *ip)
{
	struct lease *l;
	uint32_t index;

	if (!index_of(p, ip, &index))
		return LNL_E_NOTFOUND;
	l = find_index(p, index);
	if (l && l->used)
		return LNL_E_EXIST;
	if (!l)
		l = add(p, index);
	if (!l)
		return LNL_E_NOMEM;
	use(p, l);
	return 0;
}

void lnl_pool_release(struct lnl_pool *p, const struct lnl_ip *ip)
{
	struct lease *l;
	uint32_t index;

	if (!index_of(p, ip, &index))
		return;
	l = find_index(p, index);
	if (!l || !l->used)
		return;
	l->used = false;
	p->used--;
	enter_free(p, l);
}

int lnl_pool_lease(struct lnl_pool *p, const char *name, const struct lnl_ip *ip)
{
	char key[LNL_POOL_NAME];
	struct lease *l;
	uint32_t index;

	if (!index_of(p, ip, &index))
		return LNL_E_NOTFOUND;
	l = find_index(p, index);
	if (!l)
		l = add(p, index);
	if (!l)
		return LNL_E_NOMEM;
	lnl_text_clean(key, sizeof(key), name, strlen(name));
	give(p, l, key);
	return 0;
}

void lnl_pool_each(const struct lnl_pool *p, void *ctx,
		   void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip))
{
	uint32_t i, seen = 0;

	for (i = 0; i < p->size && seen < p->n; i++) {
		const struct lease *l = find_index(p, i);
		struct lnl_ip ip;

		if (!l)
			continue;
		seen++;
		ip = address_of(p, i);
		if (l->name[0])
			tell(ctx, l->name, &ip);
	}
}

unsigned lnl_pool_used(const struct lnl_pool *p)
{
	return p->used;
}

unsigned lnl_pool_size(const struct lnl_pool *p)
{
	return p->size;
}

unsigned lnl_pool_leases(const struct lnl_pool *p)
{
	return p->n;
}

unsigned lnl_pool_version(const struct lnl_pool *p)
{
	return p->version;
}
