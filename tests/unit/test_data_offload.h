/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets for the tests of segmentation offload, and checksums by the slowest and plainest way, which
 * shares nothing with the engine's.
 */
#ifndef LNL_TEST_DATA_OFFLOAD_H
#define LNL_TEST_DATA_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The same sequence for the same seed. */
static inline uint32_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* RFC 1071, byte by byte, from |sum| on. */
static inline uint16_t naive_sum(uint16_t sum, const uint8_t *p, size_t len)
{
	uint32_t s = sum;

	for (size_t i = 0; i < len; i++) {
		s += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		if (s > 0xffff)
			s = s - 0xffff;
	}
	return (uint16_t)s;
}

#endif
