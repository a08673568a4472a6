/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The Internet checksum (RFC 1071), as fast as the machine adds. */
#ifndef LNL_DATA_CSUM_H
#define LNL_DATA_CSUM_H

#include <stddef.h>
#include <stdint.h>

/*
 * Adds |len| bytes at |p|, which starts at an even place of what is summed, to |sum|: a sum that
 * lnl_csum_fold makes 16 bits of. Sums add up.
 */
uint64_t lnl_csum_add(uint64_t sum, const uint8_t *p, size_t len);
/* The same by plain C, for where the machine has nothing better, and for tests. */
uint64_t lnl_csum_add_plain(uint64_t sum, const uint8_t *p, size_t len);
/* The ones' complement sum of |sum|, not complemented: what a big-endian 16-bit load would see. */
uint16_t lnl_csum_fold(uint64_t sum);

#endif
