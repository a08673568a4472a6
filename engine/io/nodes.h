/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Things found by a number: a hash table of nodes that lie in the things themselves, so that adding
 * one cannot fail. It grows as they become more.
 */
#ifndef LNL_IO_NODES_H
#define LNL_IO_NODES_H

#include <stddef.h>
#include <stdint.h>

#define LNL_NODES_FEW 8

struct lnl_node {
	struct lnl_node *next; /* in its bucket */
	uint32_t key;
};

/* Zeroed: empty. It must stay where it is while it has nodes. */
struct lnl_nodes {
	struct lnl_node **buckets; /* NULL: `few` */
	struct lnl_node *few[LNL_NODES_FEW];
	uint32_t log2; /* of the number of buckets, where they are allocated */
	uint32_t n;
};

/* The struct of |type| whose |member| is |node|. */
#define LNL_NODE_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

/* Releases the buckets; the nodes are others'. */
void lnl_nodes_deinit(struct lnl_nodes *t);
/* Puts |node| in under |key|; several may have the same. */
void lnl_nodes_put(struct lnl_nodes *t, struct lnl_node *node, uint32_t key);
/* Takes out |node|, which is in it. */
void lnl_nodes_take(struct lnl_nodes *t, struct lnl_node *node);
/* A node with |key|, or NULL; and another one behind |node| with the same. */
struct lnl_node *lnl_nodes_find(const struct lnl_nodes *t, uint32_t key);
struct lnl_node *lnl_nodes_again(const struct lnl_node *node);
/* Any node, or NULL. |*from|, 0 at first, spares looking where there was none before. */
struct lnl_node *lnl_nodes_any(const struct lnl_nodes *t, uint32_t *from);

#endif
