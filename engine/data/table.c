/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/plane.h"

#define CELLS_MIN_LOG2 3

/*
 * Fibonacci hashing: ids are given out by us, mostly one after another, and this spreads just
 * those.
 */
static uint32_t home_of(const struct lnl_peer_table *t, uint32_t id)
{
	return (uint32_t)(id * UINT32_C(0x9e3779b9)) >> t->shift;
}

static int alloc_cells(struct lnl_peer_table *t, const struct lnl_env *env, uint32_t log2)
{
	t->cells = lnl_alloc(env, sizeof(*t->cells) << log2);
	if (t->cells == NULL)
		return LNL_E_NOMEM;
	t->shift = 32 - log2;
	t->mask = (UINT32_C(1) << log2) - 1;
	return 0;
}

static void put(struct lnl_peer_table *t, const struct lnl_peer_cell *cell)
{
	uint32_t i = home_of(t, cell->peer->conf.id);

	while (t->cells[i].peer != NULL)
		i = (i + 1) & t->mask;
	t->cells[i] = *cell;
}

static uint32_t place_of(const struct lnl_peer_table *t, const struct lnl_peer *p)
{
	uint32_t i = home_of(t, p->conf.id);

	while (t->cells[i].peer != p)
		i = (i + 1) & t->mask;
	return i;
}

int lnl_table_init(struct lnl_peer_table *t, const struct lnl_env *env)
{
	t->n = 0;
	return alloc_cells(t, env, CELLS_MIN_LOG2);
}

void lnl_table_deinit(struct lnl_peer_table *t, const struct lnl_env *env)
{
	lnl_release(env, t->cells);
}

struct lnl_peer *lnl_table_find(const struct lnl_peer_table *t, uint32_t id)
{
	struct lnl_peer *p;

	for (uint32_t i = home_of(t, id); (p = t->cells[i].peer) != NULL; i = (i + 1) & t->mask) {
		if (p->conf.id == id)
			return p;
	}
	return NULL;
}

int lnl_table_add(struct lnl_peer_table *t, const struct lnl_env *env, struct lnl_peer *p)
{
	if ((t->n + 1) * 2 > t->mask + 1) {
		struct lnl_peer_table wider = { .n = t->n };
		if (alloc_cells(&wider, env, 32 - t->shift + 1) != 0)
			return LNL_E_NOMEM;
		for (uint32_t i = 0; i <= t->mask; i++) {
			if (t->cells[i].peer != NULL)
				put(&wider, &t->cells[i]);
		}
		lnl_release(env, t->cells);
		*t = wider;
	}
	put(t, &(struct lnl_peer_cell){ .peer = p });
	t->n++;
	return 0;
}

void lnl_table_note_key(struct lnl_peer_table *t, const struct lnl_peer *p)
{
	struct lnl_peer_cell *cell = &t->cells[place_of(t, p)];
	const struct lnl_keyslot *k = p->slots[LNL_SLOT_PRIMARY];

	cell->key = k;
	cell->send = k != NULL ? k->send.aead : NULL;
	cell->recv = k != NULL ? k->recv.aead : NULL;
}

const struct lnl_peer_cell *lnl_table_home(const struct lnl_peer_table *t, uint32_t id)
{
	return &t->cells[home_of(t, id)];
}

/*
 * Closes the gap by moving back every later entry of the run that would otherwise not be found any
 * more.
 */
void lnl_table_remove(struct lnl_peer_table *t, const struct lnl_peer *p)
{
	uint32_t gap = place_of(t, p);

	for (uint32_t i = (gap + 1) & t->mask; t->cells[i].peer != NULL; i = (i + 1) & t->mask) {
		uint32_t home = home_of(t, t->cells[i].peer->conf.id);
		if (((i - home) & t->mask) < ((i - gap) & t->mask))
			continue;
		t->cells[gap] = t->cells[i];
		gap = i;
	}
	t->cells[gap] = (struct lnl_peer_cell){ 0 };
	t->n--;
}
