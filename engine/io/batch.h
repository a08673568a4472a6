/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets by the batch: buffers with room for headers and tags, filled from a socket or from TUN
 * with as few calls as the kernel allows, and sent the same way. Nothing here allocates after init.
 */
#ifndef LNL_IO_BATCH_H
#define LNL_IO_BATCH_H

#include <sys/socket.h>

#include "data/data.h"
#include "io/address.h"

#define LNL_BATCH      64
#define LNL_PACKET_MAX 65535 /* of a datagram, and of a TCP frame */
/* Behind a batch's packets and before them, beside what sealing needs: TCP's length prefix. */
#define LNL_BATCH_ROOM 32

struct lnl_batch {
	uint8_t *memory;
	unsigned n;
	struct lnl_packet pkts[LNL_BATCH];
	struct iovec iovs[LNL_BATCH];
	struct mmsghdr msgs[LNL_BATCH];
	struct lnl_addr from[LNL_BATCH]; /* of each packet, when it was asked for */
	bool single; /* the kernel has no recvmmsg or sendmmsg, or will not let us */
};

/* LNL_E_NOMEM. */
int lnl_batch_init(struct lnl_batch *b);
void lnl_batch_deinit(struct lnl_batch *b);

/*
 * Receives what a datagram socket holds, at most LNL_BATCH datagrams: pkts and n. Returns n, 0 when
 * there is nothing, or a negative errno. What the batch held before is forgotten. With |named| the
 * senders' addresses are in `from`.
 */
int lnl_batch_receive(struct lnl_batch *b, int fd, bool named);

/*
 * Reads packets from TUN until there are none, LNL_BATCH of them or |max_bytes|. Returns n, or a
 * negative errno when the first read failed for another reason than that there was nothing.
 */
int lnl_batch_read(struct lnl_batch *b, int fd, size_t max_bytes);

/*
 * Sends |count| packets from |at| on to |to|, or, when that is NULL, by a connected socket. Returns
 * how many went, at least 1, or a negative errno that concerns the first of them.
 */
int lnl_batch_send(struct lnl_batch *b, int fd, unsigned at, unsigned count,
		   const struct lnl_addr *to);

/*
 * Adds a packet of |len| bytes (at most LNL_PACKET_MAX), copied from |data|, to a batch that has
 * room; the packet.
 */
struct lnl_packet *lnl_batch_add(struct lnl_batch *b, const uint8_t *data, size_t len);

/* Moves the packets that have no drop reason together, addresses too; n counts them. */
void lnl_batch_compact(struct lnl_batch *b);

#endif
