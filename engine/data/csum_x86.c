/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The checksum where the processor may have AVX2. Vectors are the compiler's own, so that no header
 * of the machine's is needed.
 */
#include <string.h>

#include "data/csum.h"

typedef uint64_t vector __attribute__((vector_size(32)));

#define BLOCK 64 /* bytes a round: two vectors, each with sums of its own */
#define SHORT 64 /* below this, what it takes to start costs more than it saves */

/* As csum.c does it. */
__attribute__((target("avx2"))) static uint64_t add_avx2(uint64_t sum, const uint8_t *p, size_t len)
{
	vector whole = { 0 }, high = { 0 }, whole_2 = { 0 }, high_2 = { 0 };

	for (; len >= BLOCK; len -= BLOCK, p += BLOCK) {
		vector v, w;
		memcpy(&v, p, sizeof(v));
		memcpy(&w, p + sizeof(v), sizeof(w));
		whole += v;
		high += v >> 32;
		whole_2 += w;
		high_2 += w >> 32;
	}
	if (len >= sizeof(vector)) {
		vector v;
		memcpy(&v, p, sizeof(v));
		whole += v;
		high += v >> 32;
		p += sizeof(v);
		len -= sizeof(v);
	}
	whole += whole_2;
	high += high_2;
	whole += high - (high << 32);
	return lnl_csum_add_rest(sum + whole[0] + whole[1] + whole[2] + whole[3], p, len);
}

uint64_t lnl_csum_add(uint64_t sum, const uint8_t *p, size_t len)
{
	if (len >= SHORT && __builtin_cpu_supports("avx2"))
		return add_avx2(sum, p, len);
	return lnl_csum_add_plain(sum, p, len);
}
