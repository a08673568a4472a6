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

#include "data/vnet.h"

#define LNL_SPLIT_HEADERS                                                                          \
	256 /* of the link layer, IP with its extensions and TCP or UDP, at most */

struct lnl_split {
	uint8_t *at;	  /* the next segment's payload */
	uint32_t left;	  /* payload that no segment has been made of */
	uint32_t headers; /* bytes in front of each payload */
	uint32_t segment; /* payload bytes of each but the last */
	uint32_t n;	  /* segments made */
	/* what the headers of all have in common, and what of them is counted on */
	uint8_t first[LNL_SPLIT_HEADERS];
	uint32_t link, ip; /* bytes of the link layer's header, and of IP's with its extensions */
	uint64_t sum;	   /* of the pseudo header and of what of the TCP or UDP header stays */
	uint64_t ip_sum;   /* of an IPv4 header but its length and id */
	uint32_t seq;	   /* TCP's, of the next segment */
	uint16_t ip_id;	   /* IPv4's, of the next segment */
	bool tcp, ipv4, ecn, whole;
};

/*
 * Begins with the packet of |len| bytes at |p| that the device gave with |vnet|; |link| bytes of a
 * link-layer header (TAP) stand in front of its IP header. A packet that needs no cutting is one
 * segment, its checksum completed where it had to be. 0, or LNL_E_FORMAT where |vnet| does not fit
 * the packet; then nothing has changed.
 */
int lnl_split_init(struct lnl_split *s, uint8_t *p, uint32_t len, const struct lnl_vnet *vnet,
		   uint32_t link);
/* The next segment, whole with its headers: true; false after the last. */
bool lnl_split_next(struct lnl_split *s, uint8_t **p, uint32_t *len);

#endif
