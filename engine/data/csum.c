/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * 32-bit words are added up in 64 bits, so that no carry is lost and none has to be looked after. Of
 * words of 64 bits the whole is added up, whatever overflows, and the upper halves: the lower halves'
 * sum is the whole less the upper halves', and fits. Eight sums at once, since each addition waits for
 * the one before it.
 */
#include "data/csum.h"

#define BLOCK 32 /* bytes a round */

uint64_t lnl_csum_add_plain(uint64_t sum, const uint8_t *p, size_t len)
{
	uint64_t whole[4] = { 0 }, high[4] = { 0 };

	for (; len >= BLOCK; len -= BLOCK, p += BLOCK) {
		for (unsigned i = 0; i < 4; i++) {
			uint64_t v = lnl_csum_load64(p + 8 * i);
			whole[i] += v;
			high[i] += v >> 32;
		}
	}
	for (unsigned i = 0; i < 4; i++)
		sum += whole[i] - (high[i] << 32) + high[i];
	return lnl_csum_add_rest(sum, p, len);
}

uint16_t lnl_csum_fold(uint64_t sum)
{
	sum = lnl_csum_halves(sum);
	sum = lnl_csum_halves(sum);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return lnl_csum_order((uint16_t)sum);
}
