/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What Lua is slow at with packets, as plain C functions that lunel/pkt.lua calls through FFI by
 * their addresses. They check nothing: pkt.lua has, before it calls them.
 */
#ifndef LNL_BINDINGS_LANE_LEAF_H
#define LNL_BINDINGS_LANE_LEAF_H

#include <stddef.h>
#include <stdint.h>

/* The kernel's randomness, taken in pieces. */
struct lnl_lane_random {
	uint32_t left;
	uint8_t bytes[4096];
};

/* As lunel/pkt.lua has it: a change here is one there. */
struct lnl_lane_leaf {
	/* Each byte of |data| with that of |key|, which is repeated; |key_len| > 0. */
	void (*mix)(uint8_t *data, uint32_t len, const uint8_t *key, uint32_t key_len);
	/*
	 * The Internet checksum of |len| bytes, |start| added: in network order as bytes stand in a
	 * packet, that is, the number that set_u16 writes.
	 */
	uint32_t (*csum)(const uint8_t *data, uint32_t len, uint32_t start);
	/* Where |text| is in |data|, or -1. */
	int32_t (*find)(const uint8_t *data, uint32_t len, const char *text, uint32_t text_len);
	/* 32 random bits, or -1: the kernel has none. */
	double (*number)(struct lnl_lane_random *r);
	/* 1, or 0: the kernel has none. */
	int32_t (*fill)(struct lnl_lane_random *r, uint8_t *data, uint32_t len);
	/* 4 or 6 with the address in |out| (16 bytes, zeros behind), 0: none is written so. */
	int32_t (*address)(const char *text, uint8_t *out);
};

extern const struct lnl_lane_leaf lnl_lane_leaf;

#endif
