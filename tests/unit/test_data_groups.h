/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What has to hold of every run of lnl_coalesce, whatever the packets were: for its tests and its
 * fuzz target. It stops the program where something does not.
 */
#ifndef LNL_TEST_DATA_GROUPS_H
#define LNL_TEST_DATA_GROUPS_H

#include <stdio.h>
#include <stdlib.h>

#include "data/coalesce.h"
#include "data/split.h"

#include "unit/test_data_offload.h"

#define must(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/*
 * Packets, and the same as they came; each in a block of just its size, so that the sanitizer sees
 * a step out of it. All zero to begin with.
 */
struct batch {
	struct lnl_coalesce c;
	struct lnl_packet pkts[LNL_COALESCE_MAX];
	uint8_t *now[LNL_COALESCE_MAX], *was[LNL_COALESCE_MAX];
	unsigned n;
};

static inline void batch_init(struct batch *b, unsigned of, uint32_t link)
{
	b->c.of = of;
	b->c.link = link;
	for (; b->n > 0; b->n--) {
		free(b->now[b->n - 1]);
		free(b->was[b->n - 1]);
	}
}

static inline uint8_t *exact_copy(const uint8_t *p, uint32_t len)
{
	uint8_t *copy = malloc(len > 0 ? len : 1);

	must(copy != NULL);
	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

/* Adds a packet; false where there is no room for it. */
static inline bool batch_add(struct batch *b, const uint8_t *p, uint32_t len)
{
	if (b->n == LNL_COALESCE_MAX)
		return false;
	b->now[b->n] = exact_copy(p, len);
	b->was[b->n] = exact_copy(p, len);
	b->pkts[b->n] = (struct lnl_packet){
		.p = b->now[b->n], .len = len, .peer = 1, .relay = LNL_PEER_ID_NONE
	};
	b->n++;
	return true;
}

/* Writes group |k| to |out| of SUPER_MAX bytes, as a device would get it; returns its length. */
static inline uint32_t group_write(const struct batch *b, unsigned k, uint8_t *out)
{
	const struct lnl_group *g = &b->c.groups[k];
	uint32_t len = 0;

	for (unsigned i = g->first; i != LNL_COALESCE_NONE; i = b->c.next[i]) {
		uint32_t skip = i == g->first ? 0 : g->headers;
		must(skip < b->pkts[i].len || skip == 0);
		must(len + b->pkts[i].len - skip <= SUPER_MAX || g->n == 1);
		memcpy(out + len, b->pkts[i].p + skip, b->pkts[i].len - skip);
		len += b->pkts[i].len - skip;
	}
	return len;
}

/* Gives an IPv4 packet another id. */
static inline void renumber(uint8_t *ip, uint16_t id)
{
	unsigned len = (ip[0] & 15u) * 4;

	put16(ip + 4, id);
	put16(ip + 10, 0);
	put16(ip + 10, (uint16_t)~naive_sum(0, ip, len));
}

/* What the group's packets were, from what is written: by lnl_split, which has its own tests. */
static inline void check_group_splits(const struct batch *b, unsigned k)
{
	static uint8_t out[SUPER_MAX + 65536];
	const struct lnl_group *g = &b->c.groups[k];
	struct lnl_split split;
	uint8_t *p, want[65536];
	uint32_t len = group_write(b, k, out), n = 0;
	unsigned i = g->first, second = b->c.next[i], link = b->c.link;
	bool ipv4 = out[link] >> 4 == 4, same_id = false;

	must(len == g->len);
	must(len - link <= 65535);
	must(g->vnet.hdr_len == g->headers && g->vnet.flags == LNL_VNET_NEEDS_CSUM);
	if (ipv4)
		same_id = get16(b->was[i] + link + 4) == get16(b->was[second] + link + 4);
	must(lnl_split_init(&split, out, len, &g->vnet, link) == 0);
	while (lnl_split_next(&split, &p, &len)) {
		must(i != LNL_COALESCE_NONE && len == b->pkts[i].len && len <= sizeof(want));
		memcpy(want, b->was[i], len);
		if (same_id && n > 0) {
			must((want[link + 6] & 0x40) != 0);
			renumber(want + link, (uint16_t)(get16(b->was[g->first] + link + 4) + n));
		}
		must(memcmp(p, want, len) == 0);
		i = b->c.next[i];
		n++;
	}
	must(i == LNL_COALESCE_NONE && n == g->n);
}

/* Peer, addresses and ports; false of what has none. */
static inline bool flow_of(const struct batch *b, unsigned i, uint8_t flow[42])
{
	struct lnl_headers h;
	const uint8_t *p = b->was[i];

	if (lnl_headers_find(&h, p, b->pkts[i].len, b->c.link) != LNL_HEADERS_FOUND ||
	    h.ip != b->c.link)
		return false;
	memset(flow, 0, 42);
	put32(flow, b->pkts[i].peer);
	flow[4] = (uint8_t)(h.ipv4 * 2 + h.tcp);
	memcpy(flow + 6, p + h.l4, 4);
	memcpy(flow + 10, p + h.ip + (h.ipv4 ? 12 : 8), h.ipv4 ? 8 : 32);
	return true;
}

/* Packet |i| comes behind the one of its flow that came before it; |place| has all packets'. */
static inline void check_order(const struct batch *b, const unsigned *place, unsigned i)
{
	uint8_t flow[42], other[42];

	if (place[i] == 0 || !flow_of(b, i, flow))
		return;
	for (unsigned k = i; k-- > 0;) {
		if (place[k] == 0 || !flow_of(b, k, other) || memcmp(flow, other, 42) != 0)
			continue;
		must(place[k] < place[i]);
		return;
	}
}

/* Coalesces, and checks all but what was put together with what. */
static inline void batch_run(struct batch *b)
{
	static const struct lnl_vnet none;
	unsigned place[LNL_COALESCE_MAX] = { 0 }; /* in what the device gets, from 1 on */
	unsigned total = 0, alive = 0;

	lnl_coalesce(&b->c, b->pkts, b->n);
	for (unsigned k = 0; k < b->c.n; k++) {
		const struct lnl_group *g = &b->c.groups[k];
		unsigned i = g->first, last = i, n = 0;

		must(k == 0 || b->c.groups[k - 1].first < g->first);
		for (; i != LNL_COALESCE_NONE; last = i, i = b->c.next[i], n++) {
			must(i < b->n && place[i] == 0 && (n == 0 || i > last));
			must(b->pkts[i].drop == LNL_DROP_NONE);
			must(b->pkts[i].relay == LNL_PEER_ID_NONE);
			must(b->pkts[i].peer == g->peer);
			must(n == 0 || memcmp(b->pkts[i].p, b->was[i], b->pkts[i].len) == 0);
			place[i] = ++total;
		}
		must(n == g->n && last == g->last && n > 0);
		if (n > 1) {
			check_group_splits(b, k);
			continue;
		}
		must(memcmp(&g->vnet, &none, sizeof(none)) == 0);
		must(g->len == b->pkts[last].len);
		must(memcmp(b->pkts[last].p, b->was[last], g->len) == 0);
	}
	for (unsigned i = 0; i < b->n; i++)
		alive += b->pkts[i].drop == LNL_DROP_NONE && b->pkts[i].relay == LNL_PEER_ID_NONE;
	must(total == alive);
	for (unsigned i = 0; i < b->n; i++)
		check_order(b, place, i);
}

#endif
