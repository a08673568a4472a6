/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet longer than the wire takes, as a device with segmentation offload gives it, cut into
 * those that go on the wire: TCP over IPv4 and IPv6, and UDP datagrams of one flow.
 *
 * Nothing is copied: a segment's headers are written in front of its payload, over the end of the
 * segment before it. So each has to be used (sealed to elsewhere, or copied) before the next is
 * asked for.
 */
#ifndef LNL_DATA_SPLIT_H
#define LNL_DATA_SPLIT_H

#include <stdbool.h>

#include "data/headers.h"
#include "data/vnet.h"

#define LNL_SPLIT_HEADERS LNL_HEADERS_MAX /* of all layers together; more is LNL_E_FORMAT */

/* The fields are split.c's own. */
struct lnl_split {
	uint8_t *at;	   /* the next segment's payload; of a whole packet: its first byte */
	uint32_t left;	   /* payload that no segment has been made of */
	uint32_t headers;  /* bytes in front of each payload */
	uint32_t segment;  /* payload bytes of each but the last */
	uint32_t n;	   /* segments made */
	uint32_t ip, l4;   /* where those headers are */
	uint64_t sum;	   /* of the pseudo header and of what of the TCP or UDP header stays */
	uint64_t ip_sum;   /* of an IPv4 header but its length and id */
	uint32_t seq;	   /* TCP's, of the next segment */
	uint16_t ip_id;	   /* IPv4's, of the next segment */
	uint8_t tcp_flags; /* of the packet */
	bool tcp, ipv4, ecn, whole;
	uint8_t first[LNL_HEADERS_MAX]; /* the headers, zero where each segment has its own */
};

/*
 * Begins with the packet of |len| bytes at |p| that the device gave with |vnet|; |link| bytes of a
 * link-layer header (TAP) stand in front of its IP header or of its VLAN tags. A packet that needs
 * no cutting is one segment, its checksum completed where it had to be. 0, or LNL_E_FORMAT where
 * |vnet| does not fit the packet; then nothing has changed.
 *
 * Of |vnet| gso_type, gso_size, and with NEEDS_CSUM csum_start and csum_offset are looked at: the
 * latter have to be those of the TCP or UDP header that is found. With NEEDS_CSUM the pseudo header
 * is the sum that the packet has in its checksum, as for network cards: so routing headers, which
 * make another address the last one, are the kernel's to know.
 */
int lnl_split_init(struct lnl_split *s, uint8_t *p, uint32_t len, const struct lnl_vnet *vnet,
		   uint32_t link);
/* The next segment, whole with its headers: true; false after the last. */
bool lnl_split_next(struct lnl_split *s, uint8_t **p, uint32_t *len);

#endif
