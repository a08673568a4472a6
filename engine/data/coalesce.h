/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets of one flow that follow on each other, put together for a device with segmentation
 * offload: one write for many. What lnl_split makes of the result is, byte for byte, what went in;
 * but IPv4 ids that were all equal count on then, which with DF says nothing (RFC 6864).
 *
 * Nothing is copied: a group is a list of packets, of which the first is written whole and of the
 * others the payload alone.
 */
#ifndef LNL_DATA_COALESCE_H
#define LNL_DATA_COALESCE_H

#include "data/data.h"
#include "data/headers.h"
#include "data/vnet.h"

#define LNL_COALESCE_MAX   512 /* packets at once */
#define LNL_COALESCE_FLOWS 8   /* groups that packets are added to at the same time */
#define LNL_COALESCE_NONE  UINT16_MAX

/* What the device takes (enum lnl_coalesce_of bits). */
enum lnl_coalesce_of { LNL_COALESCE_TCP = 1, LNL_COALESCE_UDP = 2 };

struct lnl_group {
	struct lnl_vnet vnet; /* to be written in front */
	uint16_t first;	      /* packets, by number, in their order: lnl_coalesce.next leads on */
	uint16_t last;
	uint16_t n;
	uint16_t headers; /* bytes of each packet but the first that are not written */
	uint32_t len;	  /* of what is written, without vnet */
	uint32_t peer;	  /* of its packets */
};

struct lnl_coalesce {
	unsigned of;   /* enum lnl_coalesce_of */
	uint32_t link; /* bytes of the link-layer header in front of IP (TAP: 14) */
	unsigned n;    /* groups */
	struct lnl_group groups[LNL_COALESCE_MAX];
	uint16_t next[LNL_COALESCE_MAX]; /* of a packet in its group; LNL_COALESCE_NONE: the last */
	/* Those that are still open, the one used last first; coalesce.c's own. */
	unsigned n_open;
	struct lnl_coalesce_open {
		uint64_t key; /* of the flow: other flows' may be equal */
		struct lnl_headers h;
		uint16_t group;
		uint16_t size;	/* payload bytes of all but the last */
		uint32_t seq;	/* TCP's, of the next packet */
		uint16_t ip_id; /* IPv4's, of the first packet */
		uint16_t step;	/* and from one packet to the next */
		bool checked;	/* the first packet's checksums are right */
	} open[LNL_COALESCE_FLOWS];
};

/*
 * Sorts |n| packets, at most LNL_COALESCE_MAX, into |c|'s groups; |c|->of and |c|->link are given,
 * the rest is written. Groups stand in the order in which each group's first came: so packets of a
 * flow stay in order. Packets with a drop reason, and those that go on to another peer (`relay`),
 * are in none. Inner checksums are checked of those that are put together; one whose is wrong stays
 * alone, for the kernel to judge. The first packet of a group is changed to head it: lengths,
 * checksums (its TCP or UDP one then covers the pseudo header alone), PSH.
 *
 * Put together are packets of the same peer and flow whose headers are equal but for what counts
 * on: TCP without SYN, FIN, RST, URG, CWR, with payload, the next in sequence; UDP with a checksum;
 * no IP fragments; IPv4 ids that count on, or all equal with DF. All but the last are of one size,
 * a shorter one or one with PSH is the last. A group has at most 65,535 bytes from the IP header
 * on. Ethernet frames (|c|->link 14) have equal headers and no VLAN tag.
 */
void lnl_coalesce(struct lnl_coalesce *c, struct lnl_packet *pkts, unsigned n);

#endif
