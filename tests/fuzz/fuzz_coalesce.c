/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets as hostile peers inject them: of and link(1), then records (fuzz_env.h). A record's kind
 * says whose the packet is, whether it goes on at all, whether its data is the packet or only what
 * is new since the packet before, and whether its lengths and checksums are made right.
 *
 * What has to hold is in test_data_groups.h: groups split back into what came, nothing is lost,
 * nothing is overtaken, and what is alone is left alone.
 */
#include "data/headers.h"
#include "fuzz_env.h"
#include "unit/test_data_groups.h"

enum {
	KIND_OTHER_PEER = 1,
	KIND_DROPPED = 2,
	KIND_RELAYED = 4,
	KIND_FOLLOWS = 8, /* place(1) change(1): the packet before, counted on, one byte changed */
	KIND_RIGHT = 16,
};

static struct batch b;

/* Makes lengths and checksums right, where there are any. */
static void make_right(uint8_t *p, uint32_t len, uint32_t link)
{
	struct lnl_headers h;
	uint8_t rest[4] = { 0 };

	if (len < link + 40)
		return;
	if (p[link] >> 4 == 4)
		put16(p + link + 2, len - link);
	else
		put16(p + link + 4, len - link - 40);
	if (lnl_headers_find(&h, p, len, link) != LNL_HEADERS_FOUND)
		return;
	uint8_t *ip = p + h.ip, *l4 = p + h.l4, *check = l4 + (h.tcp ? 16 : 6);
	if (h.ipv4) {
		put16(ip + 10, 0);
		put16(ip + 10, (uint16_t)~naive_sum(0, ip, h.l4 - h.ip));
	}
	if (!h.tcp)
		put16(l4 + 4, len - h.l4);
	rest[1] = h.tcp ? TCP : UDP;
	put16(rest + 2, len - h.l4);
	put16(check, 0);
	uint16_t sum = h.ipv4 ? naive_sum(0, ip + 12, 8) : naive_sum(0, ip + 8, 32);
	sum = naive_sum(naive_sum(sum, rest, 4), l4, len - h.l4);
	put16(check, (uint16_t)~sum);
}

/* The packet that comes behind the last one. */
static void add_following(const struct fuzz_record *r)
{
	const uint8_t *before = b.was[b.n - 1];
	uint32_t len = b.pkts[b.n - 1].len, link = b.c.link;
	static uint8_t p[65536];
	struct lnl_headers h;

	memcpy(p, before, len);
	if (lnl_headers_find(&h, before, len, link) == LNL_HEADERS_FOUND) {
		if (h.ipv4)
			put16(p + h.ip + 4, get16(p + h.ip + 4) + 1u);
		if (h.tcp)
			put32(p + h.l4 + 4, get32(p + h.l4 + 4) + (h.total - h.end));
	}
	if (r->len >= 2 && r->data[0] < len)
		p[r->data[0]] ^= r->data[1];
	if (r->len >= 3 && r->data[2] < len)
		len -= r->data[2];
	batch_add(&b, p, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *at = data, *end = data + size;
	struct fuzz_record r;

	if (size < 1)
		return 0;
	batch_init(&b, data[0] & 3, data[0] & 4 ? 14 : 0);
	at++;
	while (b.n < LNL_COALESCE_MAX && fuzz_next(&r, &at, end)) {
		if ((r.kind & KIND_FOLLOWS) != 0 && b.n > 0)
			add_following(&r);
		else
			batch_add(&b, r.data, r.len);
		struct lnl_packet *pkt = &b.pkts[b.n - 1];
		if (r.kind & KIND_RIGHT)
			make_right(pkt->p, pkt->len, b.c.link);
		memcpy(b.was[b.n - 1], pkt->p, pkt->len);
		if (r.kind & KIND_OTHER_PEER)
			pkt->peer = 2;
		if (r.kind & KIND_DROPPED)
			pkt->drop = LNL_DROP_AUTH;
		if (r.kind & KIND_RELAYED)
			pkt->relay = 2;
	}
	batch_run(&b);
	return 0;
}
