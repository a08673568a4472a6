/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Super-packets as a hostile kernel might give them: link(1) virtio header(10) packet. What is
 * refused is left as it was; what is cut has its payload once, in order, in segments of one size
 * whose lengths and checksums are right.
 */
#include "data/split.h"
#include "fuzz_env.h"
#include "unit/test_data_offload.h"

#define SEGMENTS_MAX 4096 /* looked at; an input may ask for 65,535 */

struct super {
	const uint8_t *p;
	uint32_t len;
	struct lnl_vnet vnet;
	uint32_t link;
	struct lnl_headers h;
	uint16_t pseudo; /* what was in the checksum less what should have been, mod 0xffff */
};

/* The pseudo header's sum for |len| bytes of TCP or UDP. */
static uint16_t pseudo_of(const struct lnl_headers *h, const uint8_t *p, uint32_t len)
{
	uint8_t rest[4] = { 0, h->tcp ? TCP : UDP };

	put16(rest + 2, len);
	uint16_t sum = h->ipv4 ? naive_sum(0, p + h->ip + 12, 8) : naive_sum(0, p + h->ip + 8, 32);
	return naive_sum(sum, rest, 4);
}

static void check_segment(const struct super *s, const uint8_t *p, uint32_t len, uint32_t done)
{
	const struct lnl_headers *h = &s->h;
	struct lnl_headers found;
	uint32_t l4_len = len - h->l4;

	require(len > h->end || s->len == h->end);
	require(memcmp(p + h->end, s->p + h->end + done, len - h->end) == 0);
	require(memcmp(p, s->p, h->ip) == 0);
	require(lnl_headers_find(&found, p, len, s->link) == LNL_HEADERS_FOUND);
	require(found.ip == h->ip && found.l4 == h->l4 && found.end == h->end);
	require(found.total == len && found.tcp == h->tcp && found.ipv4 == h->ipv4);
	if (h->ipv4)
		require(naive_sum(0, p + h->ip, h->l4 - h->ip) == 0xffff);
	if (h->tcp)
		require(get32(p + h->l4 + 4) == get32(s->p + h->l4 + 4) + done);
	else
		require(get16(p + h->l4 + 4) == l4_len && get16(p + h->l4 + 6) != 0);
	uint16_t sum = naive_sum(pseudo_of(h, p, l4_len), p + h->l4, l4_len);
	require((sum + s->pseudo) % 0xffff == 0);
}

static void check_segments(struct super *s, struct lnl_split *split)
{
	uint32_t len, done = 0;
	unsigned n = 0;
	uint8_t *p;

	require(lnl_headers_find(&s->h, s->p, s->len, s->link) == LNL_HEADERS_FOUND);
	if (s->vnet.flags & LNL_VNET_NEEDS_CSUM) {
		uint32_t is = get16(s->p + s->vnet.csum_start + s->vnet.csum_offset);
		s->pseudo = (uint16_t)((is + 0xffff - pseudo_of(&s->h, s->p, s->len - s->h.l4)) %
				       0xffff);
	}
	while (lnl_split_next(split, &p, &len)) {
		if (n++ < SEGMENTS_MAX)
			check_segment(s, p, len, done);
		done += len - s->h.end;
		require(done <= s->len - s->h.end);
		require(len - s->h.end == s->vnet.gso_size || done == s->len - s->h.end);
	}
	require(done == s->len - s->h.end);
}

static void check_whole(const struct super *s, struct lnl_split *split, const uint8_t *copy)
{
	uint32_t len, at = (uint32_t)s->vnet.csum_start + s->vnet.csum_offset;
	uint8_t *p;

	require(lnl_split_next(split, &p, &len));
	require(p == copy && len == s->len);
	if (s->vnet.flags & LNL_VNET_NEEDS_CSUM) {
		uint16_t sum = naive_sum(0, s->p + s->vnet.csum_start, len - s->vnet.csum_start);
		require((sum + get16(p + at)) % 0xffff == 0);
		require(memcmp(p, s->p, at) == 0);
		require(memcmp(p + at + 2, s->p + at + 2, len - at - 2) == 0);
	} else {
		require(memcmp(p, s->p, len) == 0);
	}
	require(!lnl_split_next(split, &p, &len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct super s = { 0 };
	struct lnl_split split;

	if (size < 1 + sizeof(s.vnet) || size > 70000)
		return 0;
	s.link = data[0] & 1 ? 14 : data[0] & 2 ? data[0] >> 2 : 0;
	memcpy(&s.vnet, data + 1, sizeof(s.vnet));
	s.len = (uint32_t)(size - 1 - sizeof(s.vnet));
	/* Blocks of just that size, so that the sanitizer sees each step out of them. */
	uint8_t *was = fuzz_exact(data + 1 + sizeof(s.vnet), s.len);
	uint8_t *copy = fuzz_exact(was, s.len);
	s.p = was;
	if (lnl_split_init(&split, copy, s.len, &s.vnet, s.link) != 0)
		require(memcmp(copy, was, s.len) == 0);
	else if (s.vnet.gso_type == LNL_VNET_GSO_NONE)
		check_whole(&s, &split, copy);
	else
		check_segments(&s, &split);
	free(copy);
	free(was);
	return 0;
}
