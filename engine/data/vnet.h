/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a TUN device with offload says of a packet, in front of it: virtio's header (virtio 1.2,
 * 5.1.6; linux/virtio_net.h), in its short form of ten bytes and in the machine's byte order.
 */
#ifndef LNL_DATA_VNET_H
#define LNL_DATA_VNET_H

#include <stdint.h>

/* struct lnl_vnet.flags */
#define LNL_VNET_NEEDS_CSUM                                                                        \
	1 /* the checksum at csum_start + csum_offset has the pseudo header only */
#define LNL_VNET_DATA_VALID 2 /* the checksum has been checked */

enum lnl_vnet_gso {
	LNL_VNET_GSO_NONE = 0,
	LNL_VNET_GSO_TCP4 = 1,
	LNL_VNET_GSO_TCP6 = 4,
	LNL_VNET_GSO_UDP = 5, /* datagrams of one flow, IPv4 or IPv6 (linux/virtio_net.h UDP_L4) */
	LNL_VNET_GSO_ECN = 0x80, /* with TCP: CWR is the first segment's alone */
};

struct lnl_vnet {
	uint8_t flags;
	uint8_t gso_type;
	uint16_t hdr_len;  /* headers up to the payload; the kernel's is a hint that may be wrong */
	uint16_t gso_size; /* payload bytes a segment */
	uint16_t csum_start;
	uint16_t csum_offset; /* behind csum_start */
};

_Static_assert(sizeof(struct lnl_vnet) == 10, "as on the device");

#endif
