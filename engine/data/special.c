/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/special.h"

#include <string.h>

#define MAGIC_LEN 16

#define OCC_EXIT 6 /* OpenVPN occ.h */

/* OpenVPN ping.c and occ.c. Neither can start an IP packet: the version would be 2. */
static const uint8_t ping_magic[MAGIC_LEN] = {
	0x2a, 0x18, 0x7b, 0xf3, 0x64, 0x1e, 0xb4, 0xcb,
	0x07, 0xed, 0x2d, 0x0a, 0x98, 0x1f, 0xc7, 0x48,
};
static const uint8_t occ_magic[MAGIC_LEN] = {
	0x28, 0x7f, 0x34, 0x6b, 0xd4, 0xef, 0x7a, 0x81,
	0x2d, 0x56, 0xb8, 0xd3, 0xaf, 0xc5, 0x45, 0x9c,
};

enum lnl_message lnl_special_find(const uint8_t *payload, uint32_t len)
{
	if (len < MAGIC_LEN)
		return LNL_MESSAGE_NONE;
	if (payload[0] == ping_magic[0] && memcmp(payload, ping_magic, MAGIC_LEN) == 0)
		return LNL_MESSAGE_PING;
	if (payload[0] != occ_magic[0] || memcmp(payload, occ_magic, MAGIC_LEN) != 0)
		return LNL_MESSAGE_NONE;
	if (len > MAGIC_LEN && payload[MAGIC_LEN] == OCC_EXIT)
		return LNL_MESSAGE_OCC_EXIT;
	return LNL_MESSAGE_OCC_OTHER;
}

uint32_t lnl_special_write(enum lnl_special what, uint8_t *out)
{
	if (what == LNL_SPECIAL_PING) {
		memcpy(out, ping_magic, MAGIC_LEN);
		return MAGIC_LEN;
	}
	memcpy(out, occ_magic, MAGIC_LEN);
	out[MAGIC_LEN] = OCC_EXIT;
	return MAGIC_LEN + 1;
}
