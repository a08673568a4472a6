/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams of a worker that are read by a clock: see io/pace.h. */
#include <stdint.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "io/worker_state.h"

/*
 * A link that is read by the clock still wakes us when it holds so many bytes. Linux acknowledges what
 * lies unread only below this mark without delay: a sender that paces itself (BBR) takes late
 * acknowledgements for a slow network, and sends no faster than it takes us to be.
 */
#define MARK (64 * 1024)

/* A wish: without it we are woken as before. */
static void set_mark(const struct lnl_link *l, int bytes)
{
	setsockopt(l->conf.fd, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof(bytes));
}

static void set_clock(struct lnl_worker *w, bool on)
{
	const struct timespec every = { .tv_nsec = on ? LNL_PACE_EVERY * 1000 : 0 };

	timerfd_settime(w->pace_clock, 0, &(struct itimerspec){ every, every }, NULL);
	if (on)
		ev_io_start(w->loop, &w->pace_ticked);
	else
		ev_io_stop(w->loop, &w->pace_ticked);
}

/* One of them may end, or be read as it comes again, at its turn or at another's. */
static void ticked(struct ev_loop *loop, struct ev_io *io, int revents)
{
	struct lnl_worker *w = io->data;
	uint64_t times;

	(void)loop;
	(void)revents;
	if (read(w->pace_clock, &times, sizeof(times)) < 0)
		return;
	for (struct lnl_link *l = w->paced; l != NULL; l = w->paced_next) {
		w->paced_next = l->pace_next;
		lnl_worker_link_read(l);
	}
}

void lnl_worker_pace_init(struct lnl_worker *w)
{
	if (w->pace_clock >= 0)
		return;
	w->pace_clock = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	ev_io_init(&w->pace_ticked, ticked, w->pace_clock, EV_READ);
	w->pace_ticked.data = w;
}

void lnl_worker_pace_deinit(struct lnl_worker *w)
{
	if (w->pace_clock >= 0)
		close(w->pace_clock);
	w->pace_clock = -1;
}

static void begin(struct lnl_link *l)
{
	struct lnl_worker *w = l->worker;

	if (w->paced == NULL)
		set_clock(w, true);
	else
		w->paced->pace_on = &l->pace_next;
	l->pace_next = w->paced;
	l->pace_on = &w->paced;
	w->paced = l;
	set_mark(l, MARK);
}

void lnl_worker_pace_forget(struct lnl_link *l)
{
	struct lnl_worker *w = l->worker;

	if (l->pace_on == NULL)
		return;
	if (w->paced_next == l)
		w->paced_next = l->pace_next;
	*l->pace_on = l->pace_next;
	if (l->pace_next != NULL)
		l->pace_next->pace_on = l->pace_on;
	l->pace_on = NULL;
	if (w->paced == NULL)
		set_clock(w, false);
}

void lnl_worker_pace_read(struct lnl_link *l, uint64_t now, size_t bytes, size_t packets)
{
	/*
	 * Strangers have no peer yet, and are owed nothing. One whose peer went is weighed as before:
	 * the clock must not strike for it for ever.
	 */
	if (l->worker->pace_clock < 0 || (l->pace_on == NULL && l->conf.peer == LNL_PEER_ID_NONE))
		return;
	switch (lnl_pace_read(&l->pace, now, bytes, packets)) {
	case LNL_PACE_STAY:
		break;
	case LNL_PACE_CLOCK:
		begin(l);
		break;
	case LNL_PACE_COMES:
		lnl_worker_pace_forget(l);
		set_mark(l, 1);
		break;
	}
}
