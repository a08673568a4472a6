/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the headers of a TCP or UDP packet are, for split and coalesce. Nothing is believed. */
#ifndef LNL_DATA_HEADERS_H
#define LNL_DATA_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

#define LNL_HEADERS_MAX 256 /* of the link layer, IP with its extensions and TCP or UDP, at most */

enum lnl_ip_field {
	LNL_IPV4_LENGTH = 2,
	LNL_IPV4_ID = 4,
	LNL_IPV4_FLAGS = 6, /* and the fragment's offset */
	LNL_IPV4_PROTOCOL = 9,
	LNL_IPV4_CHECK = 10,
	LNL_IPV4_SOURCE = 12,
	LNL_IPV4_LEN = 20,
	LNL_IPV6_LENGTH = 4, /* of what is behind the header */
	LNL_IPV6_NEXT = 6,
	LNL_IPV6_SOURCE = 8,
	LNL_IPV6_LEN = 40,
};

enum lnl_l4_field {
	LNL_TCP_SEQ = 4,
	LNL_TCP_ACK = 8,
	LNL_TCP_OFFSET = 12, /* a nibble: words of the header; then flags */
	LNL_TCP_FLAGS = 13,
	LNL_TCP_CHECK = 16,
	LNL_TCP_URGENT = 18,
	LNL_TCP_LEN = 20,
	LNL_UDP_LENGTH = 4,
	LNL_UDP_CHECK = 6,
	LNL_UDP_LEN = 8,
};

#define LNL_IPV4_DF 0x4000 /* of LNL_IPV4_FLAGS */

enum lnl_tcp_flag {
	LNL_TCP_FIN = 0x01,
	LNL_TCP_SYN = 0x02,
	LNL_TCP_RST = 0x04,
	LNL_TCP_PSH = 0x08,
	LNL_TCP_ACK_FLAG = 0x10,
	LNL_TCP_URG = 0x20,
	LNL_TCP_CWR = 0x80,
};

enum lnl_protocol { LNL_PROTOCOL_TCP = 6, LNL_PROTOCOL_UDP = 17 };

/* Places are counted from the packet's first byte, the link layer's header included. */
struct lnl_headers {
	uint32_t ip;	/* the IP header; IPv4: IHL is within bounds */
	uint32_t l4;	/* the TCP or UDP header */
	uint32_t end;	/* of that: where the payload begins; at most LNL_HEADERS_MAX */
	uint32_t total; /* where IP says that the packet ends: at least |end|, at most its length */
	bool ipv4, tcp;
};

enum lnl_headers_kind {
	LNL_HEADERS_FOUND, /* TCP or UDP, and all of the headers is there */
	LNL_HEADERS_OTHER, /* neither */
	LNL_HEADERS_ODD, /* one of them, but a fragment, cut off, or with headers that do not fit */
};

/*
 * Looks at |len| bytes at |p|, of which |link| are a link-layer header: VLAN tags, at most two, may
 * follow an Ethernet one (14 bytes and more); then |h|->ip is behind them. Fills |h| when FOUND.
 */
enum lnl_headers_kind lnl_headers_find(struct lnl_headers *h, const uint8_t *p, uint32_t len,
				       uint32_t link);
/* The sum (csum.h) of the pseudo header but for the length. */
uint64_t lnl_headers_pseudo(const struct lnl_headers *h, const uint8_t *p);

/* Where the TCP or UDP checksum is, from the header's first byte. */
static inline uint32_t lnl_headers_check(bool tcp)
{
	return tcp ? LNL_TCP_CHECK : LNL_UDP_CHECK;
}

#endif
