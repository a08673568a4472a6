/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a TCP link could not send yet: a bounded queue of bytes, in which control packets find room
 * last.
 */
#ifndef LNL_IO_BACKLOG_H
#define LNL_IO_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define LNL_BACKLOG_SIZE    (512 * 1024)
#define LNL_BACKLOG_RESERVE (32 * 1024)	 /* of it, for control packets */
#define LNL_BACKLOG_PEER    (96 * 1024)	 /* a server's for data of one peer: 64 packets of 1,500 */
#define LNL_BACKLOG_HIGH    (128 * 1024) /* full for backpressure; no more at half of it */

/* Zeroed: empty, and without memory. */
struct lnl_backlog {
	uint8_t *data; /* LNL_BACKLOG_SIZE; NULL: nothing was queued */
	size_t start;
	size_t used;
};

/* Takes the memory that the first lnl_backlog_put would take. LNL_E_NOMEM. */
int lnl_backlog_init(struct lnl_backlog *q);
/* Gives the memory back, and forgets what was queued. */
void lnl_backlog_deinit(struct lnl_backlog *q);
/* Lends an empty queue |memory| of LNL_BACKLOG_SIZE bytes, its own from then on. */
void lnl_backlog_lend(struct lnl_backlog *q, uint8_t *memory);
/* Takes the memory of an empty queue away, for another one; NULL: it had none. */
uint8_t *lnl_backlog_take(struct lnl_backlog *q);
/*
 * Appends the bytes of |n| pieces but the first |skip|; all, or nothing and false when they do not
 * fit, or there is no memory. Data packets leave LNL_BACKLOG_RESERVE free; control packets
 * (|urgent|) do not have to.
 */
bool lnl_backlog_put(struct lnl_backlog *q, const struct iovec *pieces, unsigned n, size_t skip,
		     bool urgent);
/* Points |iov| at what is queued, oldest first: 0, 1 or 2 pieces. */
unsigned lnl_backlog_pieces(const struct lnl_backlog *q, struct iovec iov[2]);
/* |len| bytes of that, at most all, are gone. */
void lnl_backlog_took(struct lnl_backlog *q, size_t len);

#endif
