/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum (RFC 1071), as fast as the machine adds. */
#ifndef LNL_DATA_CSUM_H
#define LNL_DATA_CSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Adds |len| bytes at |p|, which starts at an even place of what is summed, to |sum|: a sum that
 * lnl_csum_fold makes 16 bits of. Sums add up. It has room for 2^32 bytes.
 */
uint64_t lnl_csum_add(uint64_t sum, const uint8_t *p, size_t len);
/* The same by plain C, for where the machine has nothing better, and for tests. */
uint64_t lnl_csum_add_plain(uint64_t sum, const uint8_t *p, size_t len);
/* The ones' complement sum of |sum|, not complemented: what a big-endian 16-bit load would see. */
uint16_t lnl_csum_fold(uint64_t sum);

/*
 * A sum is of words as the machine loads them, since ones' complement sums do not mind the order of
 * bytes (RFC 1071, 2(B)); so a number has to be turned to what a load from a packet would give.
 */
static inline uint16_t lnl_csum_order(uint16_t v)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap16(v) : v;
}

static inline uint32_t lnl_csum_load32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t lnl_csum_load64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* The two halves of |v|, each of 32 bits, as one sum. */
static inline uint64_t lnl_csum_halves(uint64_t v)
{
	return (v & UINT32_MAX) + (v >> 32);
}

/* lnl_csum_add for the few bytes that are left of many. */
static inline uint64_t lnl_csum_add_rest(uint64_t sum, const uint8_t *p, size_t len)
{
	for (; len >= 8; len -= 8, p += 8)
		sum += lnl_csum_halves(lnl_csum_load64(p));
	if ((len & 4) != 0) {
		sum += lnl_csum_load32(p);
		p += 4;
	}
	if ((len & 2) != 0) {
		uint16_t v;
		memcpy(&v, p, sizeof(v));
		sum += v;
		p += 2;
	}
	if ((len & 1) != 0)
		sum += lnl_csum_order((uint16_t)(*p << 8));
	return sum;
}

/* lnl_csum_add for headers: |len| is a multiple of four, and so small that a call would show. */
static inline uint64_t lnl_csum_add_header(uint64_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 4)
		sum += lnl_csum_load32(p + i);
	return sum;
}

/* |sum| and the 16-bit number |v|, which stands big-endian in the packet. */
static inline uint64_t lnl_csum_add16(uint64_t sum, uint16_t v)
{
	return sum + lnl_csum_order(v);
}

/* |sum| less the 16-bit number |v| in it. */
static inline uint64_t lnl_csum_sub16(uint64_t sum, uint16_t v)
{
	return sum + (uint16_t)~lnl_csum_order(v);
}

/* |sum| and the 32-bit number |v|. */
static inline uint64_t lnl_csum_add32(uint64_t sum, uint32_t v)
{
	return lnl_csum_add16(lnl_csum_add16(sum, (uint16_t)(v >> 16)), (uint16_t)v);
}

#endif
