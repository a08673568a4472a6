/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenVPN's framing over TCP: a 16-bit big-endian length that does not count itself, then the
 * packet. */
#ifndef LNL_WIRE_STREAM_H
#define LNL_WIRE_STREAM_H

#include "wire/buf.h"

#define LNL_STREAM_PREFIX 2

/*
 * Cuts packets out of a byte stream without owning a buffer of its own: the caller reads the socket
 * into `data` (at lnl_stream_room), says how much came, and takes packets until there is none.
 */
struct lnl_stream {
	uint8_t *data; /* given at init, |cap| bytes */
	size_t cap;
	size_t start; /* first byte that belongs to no delivered packet */
	size_t end;   /* behind the last byte received */
	size_t max;   /* longest packet that is accepted */
};

/*
 * |data| of |cap| bytes stays the caller's; |cap| must be at least |max| + 2. Packets above |max|
 * bytes are errors: a peer that announces one has lost its framing or its manners.
 */
void lnl_stream_init(struct lnl_stream *s, uint8_t *data, size_t cap, size_t max);

/*
 * Where to put the next bytes, and in |*room| how many fit (at least 1 after packets were taken
 * until none was left). Moves an unfinished packet to the front when that makes room; so it
 * invalidates packets taken before.
 */
uint8_t *lnl_stream_room(struct lnl_stream *s, size_t *room);

/* |len| bytes have been put there. |len| above the room is clamped. */
void lnl_stream_added(struct lnl_stream *s, size_t len);

/*
 * Takes the next whole packet: returns 1 and sets |*packet| and |*len| (valid until the next
 * lnl_stream_room), 0 when more bytes are needed, LNL_E_FORMAT when the length is 0 or above max
 * (for good: the connection has to end).
 */
int lnl_stream_next(struct lnl_stream *s, uint8_t **packet, size_t *len);

#endif
