/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/inner.h"

#define ETHERNET_LEN 14
#define IPV4_LEN     20
#define IPV6_LEN     40

bool lnl_inner_is_sane(const uint8_t *packet, uint32_t len, bool tap)
{
	if (tap)
		return len >= ETHERNET_LEN;
	if (len < IPV4_LEN)
		return false;
	switch (packet[0] >> 4) {
	case 4: {
		uint32_t header = (uint32_t)(packet[0] & 15) * 4;
		return header >= IPV4_LEN && header <= len;
	}
	case 6:
		return len >= IPV6_LEN;
	default:
		return false;
	}
}
