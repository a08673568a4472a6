/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "control/pool.h"

#include <stdbool.h>
#include <string.h>

#include "lunel_codes.h"

#define NONE	UINT32_MAX
#define MAX	(UINT32_C(1) << LNL_POOL_BITS)
#define CHUNK	256 /* addresses, or buckets, that are allocated together */
#define LEVELS	4   /* 64 to the power of these is enough for MAX */
#define REST	256 /* so many returned addresses rest before new ones are no longer preferred */
#define WORDS	(LNL_POOL_NAME / 4)
#define INVALID UINT64_MAX

/* A name and the address that it shall have again. */
struct lease {
	struct lease *next; /* in its bucket */
	uint32_t hash;
	uint32_t index;
	char name[]; /* terminated */
};

/* An address that was in use or leased at least once, or has a neighbour that was. */
struct slot {
	struct lease *lease;
	uint32_t older, newer; /* in the list where it waits while it is free */
	bool used;
	bool own; /* used by the name that it is leased to */
};

/* Free addresses, the longest free one first. */
struct waiting {
	uint32_t oldest, newest, n;
};

/* A name, cut, and its hash. */
struct key {
	char name[LNL_POOL_NAME];
	uint32_t hash;
};

/*
 * Addresses are numbers from 0. Nothing ever walks over all of them, nor over all leases: what is
 * allocated, cleared or moved at a time is bounded.
 */
struct lnl_pool {
	const struct lnl_env *env;
	struct lnl_pool_conf conf;
	uint32_t size;
	uint32_t used;
	unsigned version;
	uint32_t n_leases;
	uint32_t n_buckets;
	uint64_t factors[WORDS + 1]; /* of the hash */
	struct slot **slots;	     /* [i / CHUNK][i % CHUNK]; NULL where nothing was touched */
	struct lease ***buckets;     /* the same */
	/*
	 * A bit for each address that was ever touched; above, a bit for each word without a hole,
	 * up to a single word.
	 */
	uint64_t *touched[LEVELS];
	unsigned levels;
	struct waiting bare;   /* free, and nobody's */
	struct waiting leased; /* free, with a lease */
};

/* ---- addresses and numbers ---- */

static unsigned length_of(const struct lnl_ip *ip)
{
	return ip->family == 6 ? 16 : 4;
}

/* |b| - |a|, at most UINT32_MAX; INVALID when that is negative. */
static uint64_t distance(const struct lnl_ip *a, const struct lnl_ip *b)
{
	unsigned len = length_of(a);
	uint64_t low = 0;
	bool high = false;
	int borrow = 0;

	for (unsigned i = 0; i < len; i++) {
		int digit = b->bytes[len - 1 - i] - a->bytes[len - 1 - i] - borrow;

		borrow = digit < 0;
		if (i < 4)
			low |= (uint64_t)(digit & 0xff) << (8 * i);
		else
			high |= (digit & 0xff) != 0;
	}
	if (borrow)
		return INVALID;
	return high ? UINT32_MAX : low;
}

static struct lnl_ip plus(const struct lnl_ip *ip, uint32_t n)
{
	struct lnl_ip out = *ip;
	uint64_t carry = n;

	for (unsigned i = length_of(ip); i > 0 && carry > 0; i--) {
		carry += out.bytes[i - 1];
		out.bytes[i - 1] = (uint8_t)carry;
		carry >>= 8;
	}
	return out;
}

static unsigned step_of(const struct lnl_pool_conf *c)
{
	return c->kind == LNL_POOL_NET30 ? 4 : 1;
}

static struct lnl_ip address_of(const struct lnl_pool *p, uint32_t index)
{
	unsigned step = step_of(&p->conf);

	return plus(&p->conf.first, index * step + (step == 4 ? 2 : 0));
}

static uint32_t index_of(const struct lnl_pool *p, const struct lnl_ip *ip)
{
	uint64_t d;

	if (ip->family != p->conf.first.family)
		return NONE;
	d = distance(&p->conf.first, ip);
	if (d == INVALID || d / step_of(&p->conf) >= p->size)
		return NONE;
	return (uint32_t)d / step_of(&p->conf);
}

/* How many addresses |c| gives out, or LNL_E_INVAL. */
static int count(const struct lnl_pool_conf *c)
{
	uint64_t d;

	if ((c->first.family != 4 && c->first.family != 6) || c->first.family != c->last.family)
		return LNL_E_INVAL;
	d = distance(&c->first, &c->last);
	if (d == INVALID)
		return LNL_E_INVAL;
	if (c->kind == LNL_POOL_NET30) {
		if (c->first.family != 4 || c->first.bytes[3] % 4 != 0 || d < 3)
			return LNL_E_INVAL;
		d = (d - 3) / 4;
	}
	if (d < MAX)
		return (int)d + 1;
	return c->first.family == 6 ? (int)MAX : LNL_E_INVAL;
}

/* ---- which were never touched ---- */

static int make_touched(struct lnl_pool *p)
{
	uint32_t words[LEVELS], n = p->size, total = 0;
	uint64_t *at;

	for (p->levels = 0; p->levels == 0 || n > 1; p->levels++) {
		n = (n + 63) / 64;
		words[p->levels] = n;
		total += n;
	}
	at = lnl_alloc(p->env, total * sizeof(*at));
	if (at == NULL)
		return LNL_E_NOMEM;
	n = p->size;
	for (unsigned i = 0; i < p->levels; i++) {
		p->touched[i] = at;
		at += words[i];
		/* Behind the end there is nothing to be had. */
		if (n % 64 != 0)
			p->touched[i][n / 64] = UINT64_MAX << (n % 64);
		n = words[i];
	}
	return 0;
}

static bool was_touched(const struct lnl_pool *p, uint32_t index)
{
	return p->touched[0][index / 64] >> (index % 64) & 1;
}

static void set_touched(struct lnl_pool *p, uint32_t index)
{
	for (unsigned i = 0; i < p->levels; i++) {
		uint64_t *word = &p->touched[i][index / 64];

		*word |= UINT64_C(1) << (index % 64);
		if (*word != UINT64_MAX)
			return;
		index /= 64;
	}
}

/* The lowest that was never touched, or NONE. */
static uint32_t first_untouched(const struct lnl_pool *p)
{
	uint32_t index = 0;

	if (p->touched[p->levels - 1][0] == UINT64_MAX)
		return NONE;
	for (unsigned i = p->levels; i-- > 0;)
		index = index * 64 + (uint32_t)__builtin_ctzll(~p->touched[i][index]);
	return index;
}

/* ---- slots, and the lists where free ones wait ---- */

/* NULL where no memory is needed yet. */
static struct slot *slot_at(const struct lnl_pool *p, uint32_t index)
{
	struct slot *chunk = p->slots[index / CHUNK];

	return chunk != NULL ? &chunk[index % CHUNK] : NULL;
}

/* The same, with memory; NULL when there is none. */
static struct slot *need_slot(struct lnl_pool *p, uint32_t index)
{
	uint32_t first = index / CHUNK * CHUNK;
	uint32_t n = p->size - first < CHUNK ? p->size - first : CHUNK;

	if (p->slots[index / CHUNK] == NULL)
		p->slots[index / CHUNK] = lnl_alloc(p->env, n * sizeof(struct slot));
	return slot_at(p, index);
}

static struct waiting *list_of(struct lnl_pool *p, const struct slot *s)
{
	return s->lease != NULL ? &p->leased : &p->bare;
}

/* |index| is free: it waits behind all others of its kind. */
static void park(struct lnl_pool *p, uint32_t index)
{
	struct slot *s = slot_at(p, index);
	struct waiting *list = list_of(p, s);

	s->older = list->newest;
	s->newer = NONE;
	if (list->newest != NONE)
		slot_at(p, list->newest)->newer = index;
	else
		list->oldest = index;
	list->newest = index;
	list->n++;
}

/* |index|, which is free, waits no longer. */
static void unpark(struct lnl_pool *p, uint32_t index)
{
	struct slot *s = slot_at(p, index);
	struct waiting *list = list_of(p, s);

	if (!was_touched(p, index)) {
		set_touched(p, index);
		return;
	}
	if (s->older != NONE)
		slot_at(p, s->older)->newer = s->newer;
	else
		list->oldest = s->newer;
	if (s->newer != NONE)
		slot_at(p, s->newer)->older = s->older;
	else
		list->newest = s->older;
	list->n--;
}

static void occupy(struct lnl_pool *p, struct slot *s, bool own)
{
	s->used = true;
	s->own = own;
	p->used++;
}

/* ---- leases by name ---- */

/*
 * A sum of products with factors that nobody outside knows: whoever chooses names cannot choose ones
 * that meet in a bucket.
 */
static void make_key(const struct lnl_pool *p, struct key *k, const char *name)
{
	uint64_t sum = p->factors[WORDS];
	size_t len = 0;

	memset(k->name, 0, sizeof(k->name));
	while (len < sizeof(k->name) - 1 && name[len] != '\0')
		len++;
	memcpy(k->name, name, len);
	for (unsigned i = 0; i * 4 < len; i++) {
		uint32_t word;

		memcpy(&word, k->name + 4 * i, sizeof(word));
		sum += p->factors[i] * word;
	}
	k->hash = (uint32_t)(sum >> 32);
}

/* Of |n| buckets, those below the highest power of two in |n| that were split use one bit more. */
static struct lease **bucket_of(const struct lnl_pool *p, uint32_t hash)
{
	uint32_t power = UINT32_C(1) << (31 - __builtin_clz(p->n_buckets));
	uint32_t i = hash & (2 * power - 1);

	if (i >= p->n_buckets)
		i -= power;
	return &p->buckets[i / CHUNK][i % CHUNK];
}

static struct lease *find_lease(const struct lnl_pool *p, const struct key *k)
{
	struct lease *l = *bucket_of(p, k->hash);

	while (l != NULL && (l->hash != k->hash || strcmp(l->name, k->name) != 0))
		l = l->next;
	return l;
}

static void link_lease(struct lnl_pool *p, struct lease *l)
{
	struct lease **bucket = bucket_of(p, l->hash);

	l->next = *bucket;
	*bucket = l;
}

/*
 * One bucket more, which takes its share of the one that it splits. So the table grows with the
 * leases without a moment when all of them move. Without memory it stays as it is.
 */
static void split(struct lnl_pool *p)
{
	uint32_t n = p->n_buckets;
	uint32_t power = UINT32_C(1) << (31 - __builtin_clz(n));
	struct lease *l, *next, **old = &p->buckets[(n - power) / CHUNK][(n - power) % CHUNK];

	if (n % CHUNK == 0) {
		p->buckets[n / CHUNK] = lnl_alloc(p->env, CHUNK * sizeof(struct lease *));
		if (p->buckets[n / CHUNK] == NULL)
			return;
	}
	l = *old;
	*old = NULL;
	p->n_buckets++;
	for (; l != NULL; l = next) {
		next = l->next;
		link_lease(p, l);
	}
}

static struct lease *new_lease(struct lnl_pool *p, const struct key *k)
{
	size_t len = strlen(k->name) + 1;
	struct lease *l = lnl_alloc(p->env, sizeof(*l) + len);

	if (l == NULL)
		return NULL;
	l->hash = k->hash;
	l->index = NONE;
	memcpy(l->name, k->name, len);
	if (p->n_leases >= p->n_buckets && p->n_buckets < (p->size + CHUNK - 1) / CHUNK * CHUNK)
		split(p);
	link_lease(p, l);
	p->n_leases++;
	return l;
}

/* The address of |l|, if it has one, is nobody's. */
static void detach(struct lnl_pool *p, struct lease *l)
{
	struct slot *s;

	if (l->index == NONE)
		return;
	s = slot_at(p, l->index);
	if (!s->used)
		unpark(p, l->index);
	s->lease = NULL;
	s->own = false;
	if (!s->used)
		park(p, l->index);
	l->index = NONE;
}

static void drop_lease(struct lnl_pool *p, struct lease *l)
{
	struct lease **at = bucket_of(p, l->hash);

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	detach(p, l);
	lnl_release(p->env, l);
	p->n_leases--;
	p->version++;
}

/* |index|, which does not wait, is leased by |l| (NULL: nobody) and by no other. */
static void settle(struct lnl_pool *p, struct lease *l, uint32_t index)
{
	struct slot *s = slot_at(p, index);

	if (s->lease == l)
		return;
	if (s->lease != NULL) {
		/* Not by detach: it would wait again. */
		s->lease->index = NONE;
		drop_lease(p, s->lease);
		s->lease = NULL;
		s->own = false;
	}
	if (l == NULL)
		return;
	detach(p, l);
	l->index = index;
	s->lease = l;
	p->version++;
}

/* ---- the interface ---- */

static int make(struct lnl_pool *p)
{
	uint32_t chunks = (p->size + CHUNK - 1) / CHUNK;
	int rc = p->env->random(p->env->ctx, (uint8_t *)p->factors, sizeof(p->factors));

	if (rc < 0)
		return rc;
	p->slots = lnl_alloc(p->env, chunks * sizeof(*p->slots));
	p->buckets = lnl_alloc(p->env, chunks * sizeof(*p->buckets));
	if (p->slots == NULL || p->buckets == NULL)
		return LNL_E_NOMEM;
	p->buckets[0] = lnl_alloc(p->env, CHUNK * sizeof(struct lease *));
	p->n_buckets = CHUNK;
	if (p->buckets[0] == NULL)
		return LNL_E_NOMEM;
	return make_touched(p);
}

int lnl_pool_new(struct lnl_pool **out, const struct lnl_env *env, const struct lnl_pool_conf *conf)
{
	static const struct waiting none = { NONE, NONE, 0 };
	int rc = count(conf);
	struct lnl_pool *p;

	*out = NULL;
	if (rc < 0)
		return rc;
	p = lnl_alloc(env, sizeof(*p));
	if (p == NULL)
		return LNL_E_NOMEM;
	p->env = env;
	p->conf = *conf;
	p->size = (uint32_t)rc;
	p->bare = p->leased = none;
	rc = make(p);
	if (rc < 0) {
		lnl_pool_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void lnl_pool_free(struct lnl_pool *p)
{
	if (p == NULL)
		return;
	for (uint32_t i = 0; p->buckets != NULL && i < (p->size + CHUNK - 1) / CHUNK; i++) {
		struct slot *chunk = p->slots != NULL ? p->slots[i] : NULL;

		for (uint32_t j = 0; chunk != NULL && j < CHUNK && i * CHUNK + j < p->size; j++)
			lnl_release(p->env, chunk[j].lease);
		lnl_release(p->env, chunk);
		lnl_release(p->env, p->buckets[i]);
	}
	lnl_release(p->env, p->slots);
	lnl_release(p->env, p->buckets);
	lnl_release(p->env, p->touched[0]);
	lnl_release(p->env, p);
}

/* An address for who has none: NONE when all are in use. */
static uint32_t choose(const struct lnl_pool *p)
{
	uint32_t fresh = first_untouched(p);

	if (p->bare.n > 0 && (fresh == NONE || p->bare.n >= REST))
		return p->bare.oldest;
	return fresh != NONE ? fresh : p->leased.oldest;
}

int lnl_pool_take(struct lnl_pool *p, const char *name, struct lnl_ip *out)
{
	struct key k;
	struct lease *l = NULL;
	uint32_t index;

	make_key(p, &k, name);
	if (k.name[0] != '\0')
		l = find_lease(p, &k);
	if (l != NULL && !slot_at(p, l->index)->used) {
		index = l->index;
	} else {
		index = choose(p);
		if (index == NONE)
			return LNL_E_LIMIT;
		if (need_slot(p, index) == NULL)
			return LNL_E_NOMEM;
		if (l == NULL && k.name[0] != '\0') {
			l = new_lease(p, &k);
			if (l == NULL)
				return LNL_E_NOMEM;
		} else if (l != NULL && slot_at(p, l->index)->own) {
			l = NULL; /* who uses the leased address keeps that lease */
		}
	}
	unpark(p, index);
	settle(p, l, index);
	occupy(p, slot_at(p, index), l != NULL);
	*out = address_of(p, index);
	return 0;
}

int lnl_pool_reserve(struct lnl_pool *p, const struct lnl_ip *ip)
{
	uint32_t index = index_of(p, ip);
	struct slot *s;

	if (index == NONE)
		return LNL_E_NOTFOUND;
	s = need_slot(p, index);
	if (s == NULL)
		return LNL_E_NOMEM;
	if (s->used)
		return LNL_E_EXIST;
	unpark(p, index);
	occupy(p, s, false);
	return 0;
}

void lnl_pool_release(struct lnl_pool *p, const struct lnl_ip *ip)
{
	uint32_t index = index_of(p, ip);
	struct slot *s = index != NONE ? slot_at(p, index) : NULL;

	if (s == NULL || !s->used)
		return;
	s->used = false;
	s->own = false;
	p->used--;
	park(p, index);
}

int lnl_pool_lease(struct lnl_pool *p, const char *name, const struct lnl_ip *ip)
{
	uint32_t index = index_of(p, ip);
	struct slot *s;
	struct lease *l;
	struct key k;

	make_key(p, &k, name);
	if (index == NONE)
		return LNL_E_NOTFOUND;
	if (k.name[0] == '\0')
		return LNL_E_INVAL;
	s = need_slot(p, index);
	if (s == NULL)
		return LNL_E_NOMEM;
	l = find_lease(p, &k);
	if (l == NULL)
		l = new_lease(p, &k);
	if (l == NULL)
		return LNL_E_NOMEM;
	if (s->lease == l)
		return 0;
	if (!s->used)
		unpark(p, index);
	settle(p, l, index);
	if (!s->used)
		park(p, index);
	return 0;
}

void lnl_pool_each(const struct lnl_pool *p, void *ctx,
		   void (*tell)(void *ctx, const char *name, const struct lnl_ip *ip))
{
	for (uint32_t i = 0; i < p->size; i++) {
		const struct slot *s = slot_at(p, i);

		if (s == NULL) {
			i |= CHUNK - 1;
		} else if (s->lease != NULL) {
			struct lnl_ip ip = address_of(p, i);

			tell(ctx, s->lease->name, &ip);
		}
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
	return p->n_leases;
}

unsigned lnl_pool_version(const struct lnl_pool *p)
{
	return p->version;
}
