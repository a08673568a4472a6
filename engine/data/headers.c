/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/headers.h"

#include "data/bytes.h"
#include "data/csum.h"

#define ETHERNET_LEN	14
#define VLAN_LEN	4
#define VLANS_MAX	2
#define EXTENSIONS_MAX	8 /* IPv6 headers that are followed */
#define FRAGMENT_OFFSET 0x1fff
#define FRAGMENT_MORE	0x2000

enum extension {
	EXTENSION_HOP_BY_HOP = 0,
	EXTENSION_ROUTING = 43,
	EXTENSION_FRAGMENT = 44,
	EXTENSION_DESTINATION = 60,
};

/* The version that the EtherType in front of |h|->ip says, past VLAN tags; 0: another protocol. */
static unsigned ethernet_version(struct lnl_headers *h, const uint8_t *p, uint32_t len)
{
	for (unsigned i = 0; i <= VLANS_MAX && h->ip <= len; i++) {
		switch (lnl_load16(p + h->ip - 2)) {
		case 0x0800:
			return 4;
		case 0x86dd:
			return 6;
		case 0x8100:
		case 0x88a8:
			h->ip += VLAN_LEN;
			break;
		default:
			return 0;
		}
	}
	return 0;
}

static bool is_l4(uint8_t protocol)
{
	return protocol == LNL_PROTOCOL_TCP || protocol == LNL_PROTOCOL_UDP;
}

static enum lnl_headers_kind find_l4(struct lnl_headers *h, const uint8_t *p, uint8_t protocol)
{
	uint32_t room = h->total - h->l4, need = LNL_UDP_LEN;

	h->tcp = protocol == LNL_PROTOCOL_TCP;
	if (h->tcp) {
		if (room < LNL_TCP_LEN)
			return LNL_HEADERS_ODD;
		need = (uint32_t)(p[h->l4 + LNL_TCP_OFFSET] >> 4) * 4;
		if (need < LNL_TCP_LEN)
			return LNL_HEADERS_ODD;
	}
	if (need > room || h->l4 + need > LNL_HEADERS_MAX)
		return LNL_HEADERS_ODD;
	h->end = h->l4 + need;
	return LNL_HEADERS_FOUND;
}

static enum lnl_headers_kind find_ipv4(struct lnl_headers *h, const uint8_t *p, uint32_t len)
{
	const uint8_t *ip = p + h->ip;
	uint32_t room = len - h->ip;

	if (room < LNL_IPV4_LEN)
		return LNL_HEADERS_OTHER;
	if (!is_l4(ip[LNL_IPV4_PROTOCOL]))
		return LNL_HEADERS_OTHER;
	uint32_t header = (uint32_t)(ip[0] & 15) * 4;
	uint32_t total = lnl_load16(ip + LNL_IPV4_LENGTH);
	if (header < LNL_IPV4_LEN || total < header || total > room)
		return LNL_HEADERS_ODD;
	if ((lnl_load16(ip + LNL_IPV4_FLAGS) & (FRAGMENT_OFFSET | FRAGMENT_MORE)) != 0)
		return LNL_HEADERS_ODD;
	h->ipv4 = true;
	h->l4 = h->ip + header;
	h->total = h->ip + total;
	return find_l4(h, p, ip[LNL_IPV4_PROTOCOL]);
}

static enum lnl_headers_kind find_ipv6(struct lnl_headers *h, const uint8_t *p, uint32_t len)
{
	const uint8_t *ip = p + h->ip;
	uint32_t room = len - h->ip;

	if (room < LNL_IPV6_LEN)
		return LNL_HEADERS_OTHER;
	uint32_t total = LNL_IPV6_LEN + lnl_load16(ip + LNL_IPV6_LENGTH);
	if (total > room)
		return LNL_HEADERS_ODD;
	uint8_t protocol = ip[LNL_IPV6_NEXT];
	h->ipv4 = false;
	h->l4 = h->ip + LNL_IPV6_LEN;
	h->total = h->ip + total;
	for (unsigned i = 0; !is_l4(protocol); i++) {
		if (protocol != EXTENSION_HOP_BY_HOP && protocol != EXTENSION_ROUTING &&
		    protocol != EXTENSION_DESTINATION)
			return protocol == EXTENSION_FRAGMENT ? LNL_HEADERS_ODD : LNL_HEADERS_OTHER;
		if (i == EXTENSIONS_MAX || h->total - h->l4 < 8)
			return LNL_HEADERS_ODD;
		uint32_t need = ((uint32_t)p[h->l4 + 1] + 1) * 8;
		if (need > h->total - h->l4)
			return LNL_HEADERS_ODD;
		protocol = p[h->l4];
		h->l4 += need;
	}
	return find_l4(h, p, protocol);
}

enum lnl_headers_kind lnl_headers_find(struct lnl_headers *h, const uint8_t *p, uint32_t len,
				       uint32_t link)
{
	unsigned version = 0;

	h->ip = link;
	if (link >= ETHERNET_LEN) {
		version = ethernet_version(h, p, len);
		if (version == 0)
			return LNL_HEADERS_OTHER;
	}
	if (h->ip >= len)
		return LNL_HEADERS_OTHER;
	unsigned found = p[h->ip] >> 4;
	if (version != 0 && version != found)
		return LNL_HEADERS_OTHER;
	if (found == 4)
		return find_ipv4(h, p, len);
	return found == 6 ? find_ipv6(h, p, len) : LNL_HEADERS_OTHER;
}

uint64_t lnl_headers_pseudo(const struct lnl_headers *h, const uint8_t *p)
{
	uint64_t sum;

	if (h->ipv4)
		sum = lnl_csum_add_header(0, p + h->ip + LNL_IPV4_SOURCE, 8);
	else
		sum = lnl_csum_add_header(0, p + h->ip + LNL_IPV6_SOURCE, 32);
	return lnl_csum_add16(sum, h->tcp ? LNL_PROTOCOL_TCP : LNL_PROTOCOL_UDP);
}
