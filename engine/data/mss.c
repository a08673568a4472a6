/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/mss.h"

#include "data/bytes.h"

#define ETHERNET_LEN 14
#define VLAN_LEN     4
#define VLANS_MAX    2
#define IPV4_LEN     20
#define IPV6_LEN     40
#define TCP_LEN	     20

#define EXTENSIONS_MAX 8 /* IPv6 headers that are followed; a packet with more is left alone */

enum ip_protocol {
	PROTO_HOP_BY_HOP = 0,
	PROTO_TCP = 6,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_DESTINATION = 60,
};

enum tcp_option { OPTION_END = 0, OPTION_NOP = 1, OPTION_MSS = 2 };
#define OPTION_MSS_LEN 4
#define TCP_SYN	       0x02

/*
 * Replaces the 16-bit value at |offset| of the TCP header and corrects the checksum (RFC 1624, eqn.
 * 3). At an odd offset the value lies across two words of the sum, so its bytes weigh the other way
 * round.
 */
static void replace_value(uint8_t *tcp, uint32_t offset, uint16_t now)
{
	uint16_t was = lnl_load16(tcp + offset);
	uint16_t from = was, to = now;

	if (offset & 1) {
		from = (uint16_t)(was << 8 | was >> 8);
		to = (uint16_t)(now << 8 | now >> 8);
	}
	uint32_t sum = (uint16_t)~lnl_load16(tcp + 16);
	sum += (uint16_t)~from;
	sum += to;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	lnl_store16(tcp + 16, (uint16_t)~sum);
	lnl_store16(tcp + offset, now);
}

/* |tcp| is where a TCP header should be, with |len| bytes left of its packet. */
static void clamp_tcp(uint8_t *tcp, uint32_t len, uint16_t mss)
{
	if (len < TCP_LEN || !(tcp[13] & TCP_SYN))
		return;
	uint32_t end = (uint32_t)(tcp[12] >> 4) * 4;
	if (end > len)
		return;

	uint32_t i = TCP_LEN;
	while (i + 1 < end && tcp[i] != OPTION_END) {
		if (tcp[i] == OPTION_NOP) {
			i++;
			continue;
		}
		uint32_t option_len = tcp[i + 1];
		if (option_len < 2 || option_len > end - i)
			return;
		if (tcp[i] == OPTION_MSS && option_len == OPTION_MSS_LEN &&
		    lnl_load16(tcp + i + 2) > mss)
			replace_value(tcp, i + 2, mss);
		i += option_len;
	}
}

static void clamp_ipv4(uint8_t *ip, uint32_t len, uint16_t mss)
{
	if (len < IPV4_LEN || ip[9] != PROTO_TCP || (lnl_load16(ip + 6) & 0x1fff) != 0)
		return;
	uint32_t header = (uint32_t)(ip[0] & 15) * 4;
	uint32_t total = lnl_load16(ip + 2);
	if (total > len || header < IPV4_LEN || header > total)
		return;
	clamp_tcp(ip + header, total - header, mss);
}

/*
 * Bytes that the extension header |proto| at |p| takes, or 0 when nothing behind it can be a TCP
 * header.
 */
static uint32_t extension_len(uint8_t proto, const uint8_t *p)
{
	switch (proto) {
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DESTINATION:
		return ((uint32_t)p[1] + 1) * 8;
	case PROTO_FRAGMENT:
		return (lnl_load16(p + 2) & 0xfff8) == 0 ? 8 : 0;
	case PROTO_AH:
		return ((uint32_t)p[1] + 2) * 4;
	default:
		return 0;
	}
}

static void clamp_ipv6(uint8_t *ip, uint32_t len, uint16_t mss)
{
	if (len < IPV6_LEN || mss <= IPV6_LEN - IPV4_LEN)
		return;
	uint32_t total = IPV6_LEN + lnl_load16(ip + 4);
	if (total > len)
		return;

	uint8_t proto = ip[6];
	uint32_t at = IPV6_LEN;
	for (unsigned i = 0; proto != PROTO_TCP; i++) {
		if (i == EXTENSIONS_MAX || total - at < 8)
			return;
		uint32_t n = extension_len(proto, ip + at);
		if (n == 0 || n > total - at)
			return;
		proto = ip[at];
		at += n;
	}
	clamp_tcp(ip + at, total - at, (uint16_t)(mss - (IPV6_LEN - IPV4_LEN)));
}

/* Bytes before the IP header of an Ethernet frame; 0 when it carries something else. */
static uint32_t ethernet_len(const uint8_t *p, uint32_t len)
{
	uint32_t at = ETHERNET_LEN;

	for (unsigned i = 0; i <= VLANS_MAX && at <= len; i++) {
		switch (lnl_load16(p + at - 2)) {
		case 0x0800:
		case 0x86dd:
			return at;
		case 0x8100:
		case 0x88a8:
			at += VLAN_LEN;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

void lnl_mss_clamp(uint8_t *packet, uint32_t len, uint16_t mss, bool tap)
{
	if (tap) {
		uint32_t skip = ethernet_len(packet, len);
		if (skip == 0)
			return;
		packet += skip;
		len -= skip;
	}
	if (len == 0)
		return;
	switch (packet[0] >> 4) {
	case 4:
		clamp_ipv4(packet, len, mss);
		break;
	case 6:
		clamp_ipv6(packet, len, mss);
		break;
	default:
		break;
	}
}
