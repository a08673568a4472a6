/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sealed packets on their way out: written one behind the other, so that those of a peer are one
 * piece of memory, and given to a datagram socket with as few calls as the kernel allows. Nothing
 * here allocates after init.
 */
#ifndef LNL_IO_OUTGOING_H
#define LNL_IO_OUTGOING_H

#include <sys/socket.h>

#include "data/data.h"
#include "io/address.h"
#include "io/offload.h"
#include "lunel_packet.h"

#define LNL_OUT_PACKETS 256
/* Of them, those that only lnl_outgoing_append adds: a ping for each interval that a link is full. */
#define LNL_OUT_RESERVE	 8
#define LNL_OUT_MESSAGES 64
/* TCP's length prefix, which stands in front of every packet of a stream */
#define LNL_OUT_PREFIX 2

struct lnl_outgoing {
	uint8_t *memory;
	uint32_t used; /* bytes of it */
	unsigned n;
	struct lnl_packet pkts[LNL_OUT_PACKETS];
	uint8_t prefix[LNL_OUT_PACKETS]; /* bytes of room in front of each */
	/*
	 * Bytes that a lane may add at either side of a packet; `next_room` is taken over with the
	 * next empty batch. Packets before `shown` have been shown to it.
	 */
	uint16_t room, next_room;
	unsigned shown;
	bool single; /* the kernel has no sendmmsg, or shall not be asked */
	struct lnl_out_calls *calls;
	unsigned messages; /* of the next call */
};

/* LNL_E_NOMEM. */
int lnl_outgoing_init(struct lnl_outgoing *o);
void lnl_outgoing_deinit(struct lnl_outgoing *o);
/* Forgets all packets. */
void lnl_outgoing_clear(struct lnl_outgoing *o);
/* Packets of the next batch have |room| bytes at either side, at most LNL_LANE_OVERHEAD. */
void lnl_outgoing_set_room(struct lnl_outgoing *o, uint16_t room);

/* Whether a packet of |len| bytes of payload finds room; some is left for lnl_outgoing_append. */
bool lnl_outgoing_has_room(const struct lnl_outgoing *o, uint32_t len);
/*
 * Seals the payload of |len| bytes at |text| for |peer|, room for |prefix| bytes in front of it. False
 * when it was dropped. There has to be room.
 */
bool lnl_outgoing_seal(struct lnl_outgoing *o, struct lnl_data *d, uint8_t *text, uint32_t len,
		       uint32_t peer, uint32_t prefix, uint64_t now);

/*
 * Puts a packet that is sealed already behind all others, room for |prefix| bytes in front of it.
 * False when there is no room.
 */
bool lnl_outgoing_append(struct lnl_outgoing *o, const struct lnl_packet *pkt, uint32_t prefix);

/* Begins a call. */
void lnl_outgoing_begin(struct lnl_outgoing *o);
/*
 * Adds to it the first of |count| packets from |at| on, for |to| (NULL: the socket is connected):
 * with |segments| above 1 up to that many that the kernel takes in one message. Returns how many,
 * 0 when the call is full. |to| must stay where it is.
 */
unsigned lnl_outgoing_add(struct lnl_outgoing *o, unsigned at, unsigned count, unsigned segments,
			  const struct lnl_addr *to);
/* Sends. How many messages went, at least 1, or a negative errno that concerns the first of them. */
int lnl_outgoing_send(struct lnl_outgoing *o, int fd);
/* Packets of message |i| of the call. */
unsigned lnl_outgoing_packets(const struct lnl_outgoing *o, unsigned i);

#endif
