/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reliable layer of one key state: message packet ids in order and without gaps, over datagrams
 * that get lost, doubled and reordered. A sender, a receiver and the acknowledgements to send.
 */
#ifndef LNL_WIRE_RELIABLE_H
#define LNL_WIRE_RELIABLE_H

#include "wire/env.h"
#include "wire/header.h"

#define LNL_RELIABLE_SEND	 6  /* packets in flight (OpenVPN ssl_pkt.h) */
#define LNL_RELIABLE_RECV	 12 /* packets held for reordering */
#define LNL_RELIABLE_TIMEOUT_MAX (60 * LNL_SECOND)
/*
 * Retransmissions of one packet after which the timeout is LNL_RELIABLE_TIMEOUT_MAX, however short
 * it began: so there are at most so many in a hand-window of 60 s, and a packet is never given up.
 */
#define LNL_RELIABLE_TRIES 10

struct lnl_reliable_sent {
	uint8_t *data; /* from env; NULL: the slot is free */
	uint16_t len;
	uint8_t op;
	uint8_t tries;	    /* sent how many times; stops counting above LNL_RELIABLE_TRIES */
	uint8_t later_acks; /* acks of later packets since the last send: 3 mean it is lost */
	bool timed;	    /* its ack tells how long the way is */
	uint32_t id;
	uint32_t first; /* when it was sent first, the lower half */
	uint64_t due;	/* when to (re)send */
	uint64_t timeout;
};

struct lnl_reliable_got {
	uint8_t *data; /* from env; not NULL while used, even with no bytes of payload */
	uint16_t len;
	uint8_t op;
	bool used;
	uint32_t id;
};

struct lnl_reliable {
	const struct lnl_env *env;
	uint64_t timeout; /* the first retransmission timeout, microseconds (tls-timeout) */
	uint32_t next_send;
	uint32_t next_recv;
	struct lnl_reliable_sent out[LNL_RELIABLE_SEND];
	struct lnl_reliable_got in[LNL_RELIABLE_RECV];
	uint32_t acks[LNL_RELIABLE_RECV]; /* to send, oldest first */
	uint8_t n_acks, n_recent;
	/* Acknowledged lately, newest first: they fill up packets that have room. */
	uint32_t recent[LNL_ACKS_MAX];
	/*
	 * How long acks take, microseconds, smoothed by eighths; 0: none came yet. Only packets that were
	 * sent once tell it: of others nobody knows which copy was acknowledged (RFC 6298, 3).
	 */
	uint32_t rtt;
};

/*
 * Starts |r| empty; |timeout| in microseconds is the first retransmission's, brought into a
 * millisecond..LNL_RELIABLE_TIMEOUT_MAX. |env| must outlive it.
 */
void lnl_reliable_init(struct lnl_reliable *r, const struct lnl_env *env, uint64_t timeout);
/*
 * After init: packet 0 has been exchanged and acknowledged both ways, elsewhere. So the next one to
 * send and to expect is 1; a copy of the peer's is a duplicate that is acknowledged again.
 */
void lnl_reliable_resume(struct lnl_reliable *r);
/* Releases what is held; |r| is unusable until init. Payload is TLS records and is not wiped. */
void lnl_reliable_deinit(struct lnl_reliable *r);

/*
 * Whether another packet may be sent: a slot is free, and the oldest unacknowledged id is not
 * LNL_RELIABLE_SEND behind.
 */
bool lnl_reliable_can_send(const struct lnl_reliable *r);

/*
 * Queues a copy of |len| bytes at |data| as the next packet with opcode |op|, due at once.
 * LNL_E_SPACE when lnl_reliable_can_send is false; LNL_E_NOMEM; LNL_E_LIMIT when the ids are used
 * up (2^32 - 1, so that they never wrap); LNL_E_INVAL above 65,535 bytes.
 */
int lnl_reliable_send(struct lnl_reliable *r, uint8_t op, const void *data, size_t len);

/*
 * The packet that has to go out at |now|, or NULL; in order of id. Marks it sent: its next time is
 * the timeout, doubled at each retransmission up to LNL_RELIABLE_TIMEOUT_MAX. Valid until it is
 * acknowledged or |r| ends.
 */
const struct lnl_reliable_sent *lnl_reliable_due(struct lnl_reliable *r, uint64_t now);

/*
 * What was sent and is not acknowledged is due at |now|, as if it had not been sent often: the peer is
 * elsewhere, and the copies went where it was.
 */
void lnl_reliable_resend(struct lnl_reliable *r, uint64_t now);
/* When lnl_reliable_due will give a packet next: a time, possibly past, or LNL_NEVER. */
uint64_t lnl_reliable_next_due(const struct lnl_reliable *r);

/* Whether everything sent has been acknowledged. */
bool lnl_reliable_idle(const struct lnl_reliable *r);

/*
 * An acknowledgement of |id| arrived. Frees that packet; counts against earlier ones, which become
 * due at |now| at the third (fast retransmission). Returns whether it was outstanding, that is sent
 * and not acknowledged: any other id changes nothing (CVE-2026-84732).
 */
bool lnl_reliable_acked(struct lnl_reliable *r, uint32_t id, uint64_t now);

/*
 * Packet |id| arrived. Returns 1 when it was kept (a copy), 0 when it was a duplicate, LNL_E_LIMIT
 * when it is beyond the window or above 65,535 bytes (do not acknowledge), LNL_E_NOMEM. Kept and
 * duplicate packets are put on the list of acks; when that is full the ack is left to the packet's
 * next copy.
 */
int lnl_reliable_receive(struct lnl_reliable *r, uint8_t op, uint32_t id, const void *data,
			 size_t len);

/*
 * The next packet in order, or NULL. It stays valid until lnl_reliable_took, which releases it and
 * moves on.
 */
const struct lnl_reliable_got *lnl_reliable_next(const struct lnl_reliable *r);
void lnl_reliable_took(struct lnl_reliable *r);

/* Whether acknowledgements wait that no packet has carried yet. */
bool lnl_reliable_has_acks(const struct lnl_reliable *r);

/*
 * Moves at most |max| acknowledgements to |out|: waiting ones first, then, if |repeat|, recently
 * sent ones again (the packet that carried them may be lost). Returns their number; no id stands
 * twice.
 */
unsigned lnl_reliable_take_acks(struct lnl_reliable *r, uint32_t *out, unsigned max, bool repeat);

#endif
