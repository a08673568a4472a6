/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Acknowledgements that a stream's sender waits for.
 *
 * A stock OpenVPN leaves Nagle's algorithm on: behind a short packet that is not acknowledged it sends
 * no other. Our kernel delays acknowledgements by 40 ms and more, for an answer that would take them
 * along; where none comes, both wait, as a stock OpenVPN at this end makes them, too: a response of
 * 16 KB took 42 ms of which 41 were this. To acknowledge each read costs who waits for our answers
 * anyway 5% of its rate, so it is done where such a wait was seen, and for some time.
 */
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "io/clock.h"
#include "io/worker_state.h"

/*
 * Such a wait: after a read nothing is sent for a while. It may be short, where the delay began with a
 * packet before; what waits as long for other reasons is not so fast that a packet more would count.
 */
#define WAIT_LEAST (2 * LNL_MSEC)
#define WAIT_MOST  LNL_SECOND
/* Reads acknowledged at once, until it is seen whether that is still needed. */
#define READS 4096

void lnl_worker_ack_read(struct lnl_link *l, uint64_t now)
{
	uint64_t wait = (l->answered ? l->answered_at : now) - l->read_at;
	int on = 1;

	if (wait >= WAIT_LEAST && wait <= WAIT_MOST)
		l->prompt = READS;
	l->answered = false;
	l->read_at = now;
	/* By the clock, acknowledgements are the kernel's. */
	if (l->prompt == 0 || l->pace_on != NULL)
		return;
	l->prompt--;
	/* Linux forgets it as soon as we answer. A wish: without it both wait. */
	setsockopt(l->conf.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

void lnl_worker_ack_sent(struct lnl_link *l)
{
	if (l->answered)
		return;
	l->answered = true;
	l->answered_at = lnl_clock_now();
}
