/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Big-endian numbers at any address, for the packet path, which checks lengths once and not per
 * field.
 */
#ifndef LNL_DATA_BYTES_H
#define LNL_DATA_BYTES_H

#include <stdint.h>

static inline uint16_t lnl_load16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t lnl_load24(const uint8_t *p)
{
	return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

static inline uint32_t lnl_load32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | lnl_load24(p + 1);
}

static inline void lnl_store16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void lnl_store24(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 16);
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
}

static inline void lnl_store32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	lnl_store24(p + 1, v);
}

#endif
