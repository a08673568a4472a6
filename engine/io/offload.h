/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What of the kernel's ways to move many packets at once is used: probed when a socket or a device
 * is opened, forced down by who asks for it, lowered where it fails.
 */
#ifndef LNL_IO_OFFLOAD_H
#define LNL_IO_OFFLOAD_H

#include <stdbool.h>

#define LNL_UDP_SEGMENTS 64    /* datagrams in a call: UDP_MAX_SEGMENTS of kernels before 6.9 */
#define LNL_UDP_BYTES	 65507 /* and their bytes, by IPv4 */

/* Each has what those behind it have; numbered as in lunel.h. */
enum lnl_offload {
	LNL_OFFLOAD_FULL,   /* segments: TSO and USO at TUN, UDP_SEGMENT and UDP_GRO */
	LNL_OFFLOAD_BATCH,  /* many packets a call: recvmmsg, sendmmsg */
	LNL_OFFLOAD_SINGLE, /* a packet a call */
};

/* What a TUN device does (enum lnl_tun_offload bits). */
enum lnl_tun_offload {
	LNL_TUN_VNET = 1, /* a struct lnl_vnet stands in front of every packet */
	LNL_TUN_TSO = 2,
	LNL_TUN_USO = 4,
};

/* Asks the UDP socket |fd| to give datagrams of one sender together. False: it cannot. */
bool lnl_offload_gro(int fd);
/* Whether the UDP socket |fd| takes datagrams in segments. */
bool lnl_offload_segment(int fd);
/*
 * Asks the TUN device |fd|, attached with IFF_VNET_HDR, for as much as it can: enum lnl_tun_offload,
 * with LNL_TUN_VNET in any case.
 */
unsigned lnl_offload_tun(int fd);

/* What this kernel can, probed with sockets and a device node of its own. */
struct lnl_offload_probe {
	bool udp_segment, udp_gro;
	bool tun; /* there was a device node to ask */
	bool tun_vnet;
};
void lnl_offload_probe(struct lnl_offload_probe *out);

/* "full", "batch", "single". */
const char *lnl_offload_name(enum lnl_offload o);

#endif
