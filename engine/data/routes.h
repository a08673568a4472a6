/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Which destinations belong to which peer: the longest prefix wins. A hash table of prefixes for each
 * family, asked once for each length that is in use, so that its cost grows with neither peers nor
 * routes. Private to this room; data.h is what others see.
 */
#ifndef LNL_DATA_ROUTES_H
#define LNL_DATA_ROUTES_H

#include "data/data.h"

struct lnl_peer;

/* One prefix; on the list of its peer. */
struct lnl_data_route {
	struct lnl_data_route *next;
	struct lnl_peer *peer;
	struct lnl_prefix prefix; /* without host bits */
};

#define LNL_ROUTE_LENGTHS 129 /* of an IPv6 prefix: 0..128 */

/* The routes of one family: open addressing, at most half full. */
struct lnl_route_table {
	struct lnl_data_route **cells; /* NULL: empty */
	uint32_t mask, n;
	uint8_t lengths[LNL_ROUTE_LENGTHS]; /* in use, the longest first */
	unsigned n_lengths;
	uint32_t count[LNL_ROUTE_LENGTHS]; /* routes of each length */
};

struct lnl_routes {
	const struct lnl_env *env;
	uint64_t seed; /* so that nobody outside can aim at one cell */
	struct lnl_route_table v4, v6;
};

/* LNL_E_RANDOM. */
int lnl_routes_init(struct lnl_routes *r, const struct lnl_env *env);
/* Releases the tables; routes are their peers'. */
void lnl_routes_deinit(struct lnl_routes *r);
/* LNL_E_EXIST (another peer's), LNL_E_NOMEM, LNL_E_INVAL (no prefix). */
int lnl_routes_add(struct lnl_routes *r, const struct lnl_prefix *prefix, struct lnl_peer *peer);
/* LNL_E_NOTFOUND. */
int lnl_routes_del(struct lnl_routes *r, const struct lnl_prefix *prefix);
/* All of one peer. */
void lnl_routes_forget(struct lnl_routes *r, struct lnl_peer *peer);
/* The peer that has |address| of |family| (4 bytes or 16), or NULL. */
struct lnl_peer *lnl_routes_find(const struct lnl_routes *r, int family, const uint8_t *address);

/*
 * Where the destination (|source|: the source) stands in an IP packet: its bytes and |*family|, or
 * NULL when it is no IP packet.
 */
const uint8_t *lnl_inner_address(const uint8_t *packet, uint32_t len, bool source, int *family);

#endif
