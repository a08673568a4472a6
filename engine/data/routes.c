/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/routes.h"

#include <string.h>

#include "data/bytes.h"
#include "lunel_codes.h"

#define CELLS_MIN_LOG2 4
#define CELLS_MAX_LOG2 30
#define EMPTY	       UINT32_MAX /* no length, no peer */
#define WORDS_MAX      4

/* An address as numbers, most significant first; words beyond the family's are not looked at. */
struct key {
	uint32_t words[WORDS_MAX];
};

static inline struct key load(const uint8_t *address, uint32_t words)
{
	struct key k = { { 0 } };

	for (uint32_t i = 0; i < words; i++)
		k.words[i] = lnl_load32(address + 4 * (size_t)i);
	return k;
}

static inline void keep_bits(struct key *k, uint32_t words, uint32_t bits)
{
	for (uint32_t i = 0; i < words; i++) {
		uint32_t before = 32 * i;
		if (bits <= before)
			k->words[i] = 0;
		else if (bits - before < 32)
			k->words[i] &= ~(UINT32_MAX >> (bits - before));
	}
}

/*
 * Multiplied by numbers that are drawn at start, so that who chooses addresses cannot choose the
 * cells, and stirred, since pools are runs of numbers that would stay runs.
 */
static inline uint32_t home_of(const uint64_t *seeds, const struct lnl_route_table *t,
			       uint32_t words, const struct key *k, uint32_t bits)
{
	uint64_t sum = seeds[0] + bits * seeds[1];

	for (uint32_t i = 0; i < words; i++)
		sum += k->words[i] * seeds[2 + i];
	sum ^= sum >> 32;
	sum *= UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(sum >> t->shift);
}

static inline uint32_t *cell_at(const struct lnl_route_table *t, uint32_t words, uint32_t i)
{
	return t->cells + (size_t)i * (1 + words);
}

static inline bool holds(const uint32_t *cell, uint32_t words, const struct key *k, uint32_t bits)
{
	if (cell[0] >> 24 != bits)
		return false;
	for (uint32_t i = 0; i < words; i++) {
		if (cell[1 + i] != k->words[i])
			return false;
	}
	return true;
}

/* The cell of a prefix, or the empty one where it would be. */
static inline uint32_t *search(const uint64_t *seeds, const struct lnl_route_table *t,
			       uint32_t words, const struct key *k, uint32_t bits)
{
	uint32_t i = home_of(seeds, t, words, k, bits);
	uint32_t *cell;

	while ((cell = cell_at(t, words, i))[0] != EMPTY && !holds(cell, words, k, bits))
		i = (i + 1) & t->mask;
	return cell;
}

/* |words| is a constant where this is inlined, and the loops are gone. */
static inline uint32_t find(const struct lnl_routes *r, const struct lnl_route_table *t,
			    uint32_t words, const uint8_t *address)
{
	struct key k;

	if (t->n_lens == 0)
		return LNL_PEER_ID_NONE;
	k = load(address, words);
	for (uint32_t i = 0; i < t->n_lens; i++) {
		keep_bits(&k, words, t->lens[i]);
		uint32_t owner = search(r->seeds, t, words, &k, t->lens[i])[0];
		if (owner != EMPTY)
			return owner & LNL_PEER_ID_NONE;
	}
	return LNL_PEER_ID_NONE;
}

uint32_t lnl_routes_find4(const struct lnl_routes *r, const uint8_t *address)
{
	return find(r, &r->v4, 1, address);
}

uint32_t lnl_routes_find6(const struct lnl_routes *r, const uint8_t *address)
{
	return find(r, &r->v6, WORDS_MAX, address);
}

/* ---- coming and going ---- */

void lnl_routes_init(struct lnl_routes *r)
{
	memset(r, 0, sizeof(*r));
	r->v4.words = 1;
	r->v6.words = WORDS_MAX;
}

void lnl_routes_deinit(struct lnl_routes *r, const struct lnl_env *env)
{
	lnl_release(env, r->v4.cells);
	lnl_release(env, r->v6.cells);
}

bool lnl_routes_is_valid(const struct lnl_prefix *p)
{
	return (p->ip.family == 4 && p->bits <= 32) || (p->ip.family == 6 && p->bits <= 128);
}

static struct lnl_route_table *table_of(struct lnl_routes *r, const struct lnl_prefix *p)
{
	return p->ip.family == 4 ? &r->v4 : &r->v6;
}

uint32_t lnl_routes_owner(const struct lnl_routes *r, const struct lnl_prefix *p)
{
	const struct lnl_route_table *t = p->ip.family == 4 ? &r->v4 : &r->v6;

	if (t->cells == NULL)
		return LNL_PEER_ID_NONE;
	struct key k = load(p->ip.bytes, t->words);
	return search(r->seeds, t, t->words, &k, p->bits)[0] & LNL_PEER_ID_NONE;
}

static struct key key_at(const uint32_t *cell, uint32_t words)
{
	struct key k = { { 0 } };

	memcpy(k.words, cell + 1, words * sizeof(*cell));
	return k;
}

static int widen(struct lnl_routes *r, struct lnl_route_table *t, const struct lnl_env *env)
{
	uint32_t log2 = t->cells == NULL ? CELLS_MIN_LOG2 : 64 - t->shift + 1;
	size_t stride = 1 + t->words;
	struct lnl_route_table wider = *t;

	if (log2 > CELLS_MAX_LOG2)
		return LNL_E_NOMEM;
	wider.shift = 64 - log2;
	wider.mask = (UINT32_C(1) << log2) - 1;
	wider.cells = lnl_alloc(env, (stride * sizeof(*t->cells)) << log2);
	if (wider.cells == NULL)
		return LNL_E_NOMEM;
	for (uint32_t i = 0; i <= wider.mask; i++)
		wider.cells[i * stride] = EMPTY;
	for (uint32_t i = 0; t->cells != NULL && i <= t->mask; i++) {
		const uint32_t *cell = cell_at(t, t->words, i);
		if (cell[0] == EMPTY)
			continue;
		struct key k = key_at(cell, t->words);
		memcpy(search(r->seeds, &wider, t->words, &k, cell[0] >> 24), cell,
		       stride * sizeof(*cell));
	}
	lnl_release(env, t->cells);
	*t = wider;
	return 0;
}

/* One prefix of |bits| more. */
static void use_len(struct lnl_route_table *t, uint8_t bits)
{
	uint8_t at = 0;

	if (t->used[bits]++ > 0)
		return;
	while (at < t->n_lens && t->lens[at] > bits)
		at++;
	memmove(t->lens + at + 1, t->lens + at, t->n_lens - at);
	t->lens[at] = bits;
	t->n_lens++;
}

static void drop_len(struct lnl_route_table *t, uint8_t bits)
{
	uint8_t at = 0;

	if (--t->used[bits] > 0)
		return;
	while (t->lens[at] != bits)
		at++;
	t->n_lens--;
	memmove(t->lens + at, t->lens + at + 1, t->n_lens - at);
}

static int seed(struct lnl_routes *r, const struct lnl_env *env)
{
	if (r->seeded)
		return 0;
	if (env->random(env->ctx, (uint8_t *)r->seeds, sizeof(r->seeds)) != 0)
		return LNL_E_RANDOM;
	r->seeded = true;
	return 0;
}

int lnl_routes_add(struct lnl_routes *r, const struct lnl_env *env, const struct lnl_prefix *p,
		   uint32_t peer)
{
	struct lnl_route_table *t = table_of(r, p);
	int rc = seed(r, env);

	if (rc == 0 && (t->cells == NULL || ((uint64_t)t->n + 1) * 2 > (uint64_t)t->mask + 1))
		rc = widen(r, t, env);
	if (rc != 0)
		return rc;
	struct key k = load(p->ip.bytes, t->words);
	uint32_t *cell = search(r->seeds, t, t->words, &k, p->bits);
	cell[0] = (uint32_t)p->bits << 24 | peer;
	memcpy(cell + 1, k.words, t->words * sizeof(*cell));
	t->n++;
	use_len(t, p->bits);
	return 0;
}

/*
 * Closes the gap by moving back every later cell of the run that would otherwise not be found any
 * more.
 */
void lnl_routes_remove(struct lnl_routes *r, const struct lnl_prefix *p)
{
	struct lnl_route_table *t = table_of(r, p);
	size_t stride = 1 + t->words;
	struct key k = load(p->ip.bytes, t->words);
	uint32_t *found = search(r->seeds, t, t->words, &k, p->bits);
	uint32_t gap = (uint32_t)((size_t)(found - t->cells) / stride);

	for (uint32_t i = (gap + 1) & t->mask;; i = (i + 1) & t->mask) {
		const uint32_t *cell = cell_at(t, t->words, i);
		if (cell[0] == EMPTY)
			break;
		k = key_at(cell, t->words);
		uint32_t home = home_of(r->seeds, t, t->words, &k, cell[0] >> 24);
		if (((i - home) & t->mask) < ((i - gap) & t->mask))
			continue;
		memcpy(cell_at(t, t->words, gap), cell, stride * sizeof(*cell));
		gap = i;
	}
	cell_at(t, t->words, gap)[0] = EMPTY;
	t->n--;
	drop_len(t, p->bits);
}
