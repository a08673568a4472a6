/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a server's packets go, and where they may come from. */
#include "data/plane.h"

#include <string.h>

/*
 * Where addresses stand in IP headers; a packet's version is its own claim, checked against its
 * length.
 */
#define IPV4_LEN    20
#define IPV4_SOURCE 12
#define IPV6_LEN    40
#define IPV6_SOURCE 8

enum end { END_SOURCE, END_DESTINATION };

/* The peer that the source or destination of an IP packet routes to, or LNL_PEER_ID_NONE. */
static uint32_t find_end(const struct lnl_data *d, const struct lnl_packet *pkt, enum end end)
{
	uint32_t version = pkt->len > 0 ? pkt->p[0] >> 4 : 0;

	if (d->routes == NULL)
		return LNL_PEER_ID_NONE;
	if (version == 4 && pkt->len >= IPV4_LEN)
		return lnl_routes_find4(d->routes,
					pkt->p + IPV4_SOURCE + (end == END_DESTINATION ? 4 : 0));
	if (version == 6 && pkt->len >= IPV6_LEN)
		return lnl_routes_find6(d->routes,
					pkt->p + IPV6_SOURCE + (end == END_DESTINATION ? 16 : 0));
	return LNL_PEER_ID_NONE;
}

unsigned lnl_data_route(struct lnl_data *d, struct lnl_packet *pkts, unsigned n)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n; i++) {
		struct lnl_packet *pkt = &pkts[i];
		if (pkt->drop != LNL_DROP_NONE)
			continue;
		pkt->peer = find_end(d, pkt, END_DESTINATION);
		if (pkt->peer != LNL_PEER_ID_NONE) {
			found++;
			continue;
		}
		pkt->drop = LNL_DROP_ROUTE;
		d->strays.drops[LNL_DROP_ROUTE]++;
	}
	return found;
}

/*
 * Whether the source routes to |p|. Most peers have one address: as long as no route changes, it is
 * not looked for again. What is no IP packet has no source.
 */
static bool comes_from(const struct lnl_data *d, struct lnl_peer *p, const struct lnl_packet *pkt)
{
	uint8_t family = pkt->len > 0 ? pkt->p[0] >> 4 : 0;
	const uint8_t *source = pkt->p + (family == 4 ? IPV4_SOURCE : IPV6_SOURCE);

	if (p->source.family == family && p->source_change == d->route_changes) {
		if (family == 4 && pkt->len >= IPV4_LEN && memcmp(p->source.bytes, source, 4) == 0)
			return true;
		if (family == 6 && pkt->len >= IPV6_LEN && memcmp(p->source.bytes, source, 16) == 0)
			return true;
	}
	if (find_end(d, pkt, END_SOURCE) != p->conf.id)
		return false;
	p->source.family = family;
	memcpy(p->source.bytes, source, family == 4 ? 4 : 16);
	p->source_change = d->route_changes;
	return true;
}

uint16_t lnl_steer(const struct lnl_data *d, struct lnl_peer *p, struct lnl_packet *pkt)
{
	if (p->conf.check_source && !comes_from(d, p, pkt))
		return LNL_DROP_SOURCE;
	if (!d->relay)
		return LNL_DROP_NONE;
	uint32_t to = find_end(d, pkt, END_DESTINATION);
	if (to != p->conf.id)
		pkt->relay = to;
	return LNL_DROP_NONE;
}
