/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 32-bit words are added up in 64 bits, so that no carry is lost and none has to be looked after;
 * eight sums at once, since each addition waits for the one before it.
 */
#include "data/csum.h"

#include <string.h>

#define BLOCK 32 /* bytes a round */

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The two halves of |v|, each of 32 bits, as one sum. */
static inline uint64_t halves(uint64_t v)
{
	return (v & UINT32_MAX) + (v >> 32);
}

uint64_t lnl_csum_add_plain(uint64_t sum, const uint8_t *p, size_t len)
{
	uint64_t low[4] = { 0 }, high[4] = { 0 };

	for (; len >= BLOCK; len -= BLOCK, p += BLOCK) {
		for (unsigned i = 0; i < 4; i++) {
			uint64_t v = load64(p + 8 * i);
			low[i] += v & UINT32_MAX;
			high[i] += v >> 32;
		}
	}
	for (; len >= 8; len -= 8, p += 8)
		low[0] += halves(load64(p));
	if ((len & 4) != 0) {
		low[1] += lnl_csum_load32(p);
		p += 4;
	}
	if ((len & 2) != 0) {
		uint16_t v;
		memcpy(&v, p, sizeof(v));
		low[2] += v;
		p += 2;
	}
	if ((len & 1) != 0)
		low[3] += lnl_csum_order((uint16_t)(*p << 8));
	for (unsigned i = 0; i < 4; i++)
		sum += low[i] + high[i];
	return sum;
}

uint16_t lnl_csum_fold(uint64_t sum)
{
	sum = halves(sum);
	sum = halves(sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return lnl_csum_order((uint16_t)sum);
}
