/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of bench/limit.c know of each other: super-packets cut, segments put together. */
#ifndef LNL_BENCH_LIMIT_H
#define LNL_BENCH_LIMIT_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Debian 12's headers */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define LIMIT_VNET	 sizeof(struct virtio_net_hdr)
#define LIMIT_PACKET_MAX 65535u /* from the IP header on */

/* A packet of the kernel's, as far as it has been cut. */
struct limit_split {
	const uint8_t *packet;
	size_t len;
	size_t l4;	   /* where the transport's header begins */
	size_t headers;	   /* all of them */
	size_t at;	   /* how much payload is out already */
	uint32_t i;	   /* how many segments are */
	uint16_t size;	   /* of a segment's payload; 0 for a packet that stays whole */
	uint16_t checksum; /* where it is from l4 on */
	bool tcp;
	bool done;
};

/* False for what the program does not understand. |packet| has to stay. */
bool limit_split_begin(struct limit_split *s, const struct virtio_net_hdr *vnet,
		       const uint8_t *packet, size_t len);
/* Length of the next segment, with headers; 0 at the end. */
size_t limit_split_len(const struct limit_split *s);
/* Writes it to |to|, checksums made. */
void limit_split_take(struct limit_split *s, uint8_t *to);

/* Segments of one flow that follow each other, as one packet behind a vnet header. */
struct limit_join {
	uint8_t buffer[LIMIT_VNET + LIMIT_PACKET_MAX];
	size_t len; /* without vnet header; 0 when empty */
	size_t l4;
	size_t headers;
	size_t size; /* of the first one's payload */
	uint32_t n;
	uint32_t seq; /* the next one's */
	bool tcp;
	bool full; /* nothing may follow */
};

/* |packet| joins what is there; or it begins a new group, if there is none. */
bool limit_join_add(struct limit_join *j, const uint8_t *packet, size_t len, bool udp_too);
/* The group as it is written to TUN, LIMIT_VNET + |len| bytes; the next one begins anew. */
size_t limit_join_end(struct limit_join *j);

#endif
