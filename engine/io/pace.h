/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a stream is read as it comes or by a clock.
 *
 * A reader that is faster than the sender sleeps after each packet, and each of the sender's writes
 * then pays for waking it, and for what one packet alone calls forth: acknowledgements, of the stream
 * and in the tunnel. A stock OpenVPN loses a fifth of what it could send. Network cards have the same
 * trouble and moderate their interrupts; here it is the reads. A link whose reads follow on each other
 * and bring little is read each LNL_PACE_EVERY from then on, as long as it carries as much as before:
 * what waits for answers would carry less, and is left alone.
 */
#ifndef LNL_IO_PACE_H
#define LNL_IO_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LNL_PACE_EVERY	100	    /* microseconds between reads */
#define LNL_PACE_MUCH	(16 * 1024) /* bytes of a read after which sleeping costs nothing */
#define LNL_PACE_READS	32	    /* in a row, before it is tried */
#define LNL_PACE_RARELY 1024	    /* the same where it brought nothing, again and again */
#define LNL_PACE_WINDOW 64	    /* reads by the clock, after which it is looked at */

/* Zeroed: read as it comes. */
struct lnl_pace {
	bool paced;
	bool worth;		 /* a window has shown that it carries as much */
	uint32_t reads;		 /* of the window */
	uint32_t need;		 /* before it is tried; 0: LNL_PACE_READS */
	uint64_t begun;		 /* the window, by the clock */
	uint64_t last;		 /* read */
	uint64_t bytes, packets; /* of the window */
	/* What came before it was tried. */
	uint64_t before_bytes, before_time;
};

enum lnl_pace_turn {
	LNL_PACE_STAY,	/* as it is */
	LNL_PACE_CLOCK, /* read by the clock from now on */
	LNL_PACE_COMES, /* read as it comes from now on */
};

/* A read at |now| (microseconds) brought |bytes| with |packets| that ended in them. */
enum lnl_pace_turn lnl_pace_read(struct lnl_pace *p, uint64_t now, size_t bytes, size_t packets);

#endif
