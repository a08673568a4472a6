/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Longest prefix match: which peer an address inside the tunnel belongs to. A hash table a family,
 * keyed by prefix and length, is asked once for each length that is in use, longest first: the cost
 * grows with the lengths in use and not with the number of prefixes. Of this room only.
 */
#ifndef LNL_DATA_ROUTES_H
#define LNL_DATA_ROUTES_H

#include "wire/env.h"
#include "wire/header.h"
#include "wire/ip.h"

#define LNL_ROUTES_SEEDS 6 /* 64-bit numbers that nobody outside can know */

/*
 * Open addressing, at most half full. A cell is 1 + `words` numbers: length << 24 | peer, then the
 * address, so that the cells of 10,000 IPv4 peers fit into a processor's second cache.
 */
struct lnl_route_table {
	uint32_t *cells; /* NULL: none yet */
	uint32_t words;	 /* of an address: 1 or 4 */
	uint32_t shift;	 /* 64 - log2 of the number of cells */
	uint32_t mask;
	uint32_t n;
	uint32_t used[129]; /* prefixes of each length */
	uint8_t lens[129];  /* those that are in use, longest first */
	uint8_t n_lens;
};

struct lnl_routes {
	bool seeded;
	uint64_t seeds[LNL_ROUTES_SEEDS];
	struct lnl_route_table v4;
	struct lnl_route_table v6;
};

/* Empty; takes no memory yet. */
void lnl_routes_init(struct lnl_routes *r);
void lnl_routes_deinit(struct lnl_routes *r, const struct lnl_env *env);

/* Whether |p| is a prefix at all: of family 4 or 6 and no longer than its address. */
bool lnl_routes_is_valid(const struct lnl_prefix *p);

/*
 * Leads |p|, which is valid, without host bits and not in the table, to |peer|. LNL_E_NOMEM,
 * LNL_E_RANDOM (the seeds are drawn with the first prefix).
 */
int lnl_routes_add(struct lnl_routes *r, const struct lnl_env *env, const struct lnl_prefix *p,
		   uint32_t peer);
/* Takes out |p|, which is in the table. */
void lnl_routes_remove(struct lnl_routes *r, const struct lnl_prefix *p);
/* The peer of just this valid prefix without host bits, or LNL_PEER_ID_NONE. */
uint32_t lnl_routes_owner(const struct lnl_routes *r, const struct lnl_prefix *p);

/* The peer of the longest prefix that has the address of 4 or 16 bytes, or LNL_PEER_ID_NONE. */
uint32_t lnl_routes_find4(const struct lnl_routes *r, const uint8_t *address);
uint32_t lnl_routes_find6(const struct lnl_routes *r, const uint8_t *address);

#endif
