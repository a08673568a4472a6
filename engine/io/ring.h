/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A bounded ring of messages of any length from one thread to one other. Neither side ever waits;
 * each message is copied in and out whole.
 */
#ifndef LNL_IO_RING_H
#define LNL_IO_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lnl_ring {
	uint8_t *data;
	size_t size; /* a power of two */
	bool secret; /* messages are wiped once read */
	/*
	 * Bytes ever written and read; each has its own cache line, since two threads write them.
	 */
	alignas(64) _Atomic size_t written;
	alignas(64) _Atomic size_t read;
};

/*
 * An empty ring of |size| bytes (a power of two, at least 64). With |secret| a message is wiped
 * from the ring as soon as it was read, and the rest when the ring goes. LNL_E_NOMEM, LNL_E_INVAL.
 */
int lnl_ring_init(struct lnl_ring *r, size_t size, bool secret);
/* Releases what init took; neither side may use it any more. A zeroed ring is fine. */
void lnl_ring_deinit(struct lnl_ring *r);

/*
 * Writer: copies a message of |len| bytes (0 too) in, unless that would leave less than |reserve|
 * bytes free: then false. A message takes its length rounded up to 8, and 8 more.
 */
bool lnl_ring_put(struct lnl_ring *r, const void *msg, size_t len, size_t reserve);
/* The same for a message in two pieces: |head_len| bytes, and |len| behind them. */
bool lnl_ring_put_behind(struct lnl_ring *r, const void *head, size_t head_len, const void *msg,
			 size_t len, size_t reserve);

/*
 * Reader: copies the oldest message to |out|, at most |cap| bytes of it (the rest is lost: give the
 * longest message's length), and sets |*len| to what was copied. False when the ring is empty.
 */
bool lnl_ring_get(struct lnl_ring *r, void *out, size_t cap, size_t *len);

#endif
