/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Datagrams that have arrived: as many as the kernel gives in a call, those that it has put together
 * (UDP_GRO) cut apart where they lie. Nothing here allocates after init.
 */
#ifndef LNL_IO_INCOMING_H
#define LNL_IO_INCOMING_H

#include <sys/socket.h>

#include "data/coalesce.h"
#include "io/address.h"

#define LNL_PACKET_MAX	65535 /* of a datagram, and of a TCP frame */
#define LNL_IN_MESSAGES 64    /* in a call */
#define LNL_IN_PACKETS	LNL_COALESCE_MAX

struct lnl_incoming {
	uint8_t *memory;
	bool single;	   /* the kernel has no recvmmsg, or shall not be asked */
	unsigned messages; /* received */
	unsigned message;  /* the next to be cut */
	struct mmsghdr *heads;
	struct lnl_in_message *list;
	/* packets of what was cut last, or of a stream */
	unsigned n;
	struct lnl_packet pkts[LNL_IN_PACKETS];
	const struct lnl_addr *from[LNL_IN_PACKETS]; /* where it was asked for */
};

/* LNL_E_NOMEM. */
int lnl_incoming_init(struct lnl_incoming *in);
void lnl_incoming_deinit(struct lnl_incoming *in);

/*
 * Receives what the datagram socket |fd| holds, as far as fits; |gro|: it gives datagrams together.
 * Returns how many messages, 0 when there is nothing, or a negative errno. Everything that was there
 * before is forgotten. With |named| the senders' addresses are noted.
 */
int lnl_incoming_receive(struct lnl_incoming *in, int fd, bool named, bool gro);
/* Whether the last call was full: more may wait. */
bool lnl_incoming_was_full(const struct lnl_incoming *in, bool gro);
/* The next packets of what was received, in `pkts`, `from` and `n`: true; false after the last. */
bool lnl_incoming_cut(struct lnl_incoming *in);
/* Begins a batch of packets that lie elsewhere. */
static inline void lnl_incoming_begin(struct lnl_incoming *in)
{
	in->n = 0;
}
/* Adds one, which stays where it is, to a batch that has room; |from| may be NULL. */
void lnl_incoming_add(struct lnl_incoming *in, uint8_t *p, uint32_t len,
		      const struct lnl_addr *from);
/* Moves the packets that have no drop reason together; n counts them. */
void lnl_incoming_compact(struct lnl_incoming *in);

#endif
