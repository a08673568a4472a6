/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/nodes.h"

#include <stdlib.h>

#define FEW_LOG2 3
#define LOG2_MAX 24

_Static_assert(LNL_NODES_FEW == 1 << FEW_LOG2, "the buckets that are always there");

static uint32_t size_of(const struct lnl_nodes *t)
{
	return t->buckets != NULL ? UINT32_C(1) << t->log2 : LNL_NODES_FEW;
}

/* Fibonacci hashing: spreads numbers given out one after another. */
static uint32_t home_of(uint32_t key, uint32_t log2)
{
	return (uint32_t)(key * UINT32_C(0x9e3779b9)) >> (32 - log2);
}

static struct lnl_node *const *bucket_of(const struct lnl_nodes *t, uint32_t key)
{
	if (t->buckets == NULL)
		return &t->few[home_of(key, FEW_LOG2)];
	return &t->buckets[home_of(key, t->log2)];
}

static struct lnl_node **bucket(struct lnl_nodes *t, uint32_t key)
{
	if (t->buckets == NULL)
		return &t->few[home_of(key, FEW_LOG2)];
	return &t->buckets[home_of(key, t->log2)];
}

/* Twice as many buckets. Without memory for them the old ones do, only slower. */
static void grow(struct lnl_nodes *t)
{
	uint32_t log2 = (t->buckets != NULL ? t->log2 : FEW_LOG2) + 1;
	struct lnl_node **old = t->buckets != NULL ? t->buckets : t->few;
	struct lnl_node **wider;

	if (log2 > LOG2_MAX)
		return;
	wider = calloc((size_t)1 << log2, sizeof(struct lnl_node *));
	if (wider == NULL)
		return;
	for (uint32_t i = 0; i < size_of(t); i++)
		while (old[i] != NULL) {
			struct lnl_node *node = old[i];
			struct lnl_node **to = &wider[home_of(node->key, log2)];

			old[i] = node->next;
			node->next = *to;
			*to = node;
		}
	free(t->buckets);
	t->buckets = wider;
	t->log2 = log2;
}

void lnl_nodes_deinit(struct lnl_nodes *t)
{
	free(t->buckets);
	t->buckets = NULL;
}

void lnl_nodes_put(struct lnl_nodes *t, struct lnl_node *node, uint32_t key)
{
	struct lnl_node **at;

	if (t->n >= size_of(t))
		grow(t);
	at = bucket(t, key);
	node->key = key;
	node->next = *at;
	*at = node;
	t->n++;
}

void lnl_nodes_take(struct lnl_nodes *t, struct lnl_node *node)
{
	struct lnl_node **at = bucket(t, node->key);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	t->n--;
}

static struct lnl_node *find_from(struct lnl_node *node, uint32_t key)
{
	while (node != NULL && node->key != key)
		node = node->next;
	return node;
}

struct lnl_node *lnl_nodes_find(const struct lnl_nodes *t, uint32_t key)
{
	return find_from(*bucket_of(t, key), key);
}

struct lnl_node *lnl_nodes_again(const struct lnl_node *node)
{
	return find_from(node->next, node->key);
}

struct lnl_node *lnl_nodes_any(const struct lnl_nodes *t, uint32_t *from)
{
	struct lnl_node *const *buckets = t->buckets != NULL ? t->buckets : t->few;

	for (; *from < size_of(t); ++*from)
		if (buckets[*from] != NULL)
			return buckets[*from];
	return NULL;
}
