/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lowers the maximum segment size that the TCP inside the tunnel announces, so that segments fit
 * the path.
 */
#ifndef LNL_DATA_MSS_H
#define LNL_DATA_MSS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * False for most packets, IPv4 that is no TCP SYN: lnl_mss_clamp leaves them alone and need not be
 * asked.
 */
static inline bool lnl_mss_concerns(const uint8_t *packet, uint32_t len, bool tap)
{
	if (tap || len < 40 || packet[0] != 0x45)
		return true;
	return packet[9] == 6 && (packet[33] & 0x02) != 0;
}

/*
 * If |packet| of |len| bytes is a TCP SYN or SYN-ACK in IPv4 or IPv6 (behind an Ethernet header,
 * with or without VLAN tags, when |tap|), lowers an MSS option above |mss| (IPv6: |mss| - 20) to it
 * and corrects the TCP checksum by the difference. Everything else is left as it is, malformed
 * packets too. Never raises a value, never changes a length.
 */
void lnl_mss_clamp(uint8_t *packet, uint32_t len, uint16_t mss, bool tap);

#endif
