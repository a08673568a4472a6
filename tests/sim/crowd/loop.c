/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/crowd/loop.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "sim/env.h"

#define ASYNCS 8

static struct {
	uint64_t now;
	struct lnl_dues dues;
	ev_async *asyncs[ASYNCS];
	unsigned n_asyncs;
} loop;

/* ---- what is due ---- */

void loop_put(int *where, uint64_t at, unsigned kind, void *what)
{
	if (at == LNL_NEVER)
		lnl_dues_drop(&loop.dues, where);
	else
		sim_require(lnl_dues_put(&loop.dues, where, at, kind, what), "out of memory");
}

bool loop_next(uint64_t until, struct lnl_due *out)
{
	ev_timer *w;

	if (!lnl_dues_next(&loop.dues, until, out)) {
		loop.now = until > loop.now ? until : loop.now;
		return false;
	}
	if (out->at > loop.now)
		loop.now = out->at;
	if (out->kind != LOOP_TIMER)
		return true;
	w = out->what;
	if (w->repeat > 0)
		loop_put(&w->active, loop.now + (uint64_t)llround(w->repeat * 1e6), LOOP_TIMER, w);
	w->cb(NULL, w, EV_TIMER);
	return true;
}

void loop_drop(void (*drop)(unsigned kind, void *what))
{
	for (int i = 0; i < loop.dues.n; i++)
		if (loop.dues.heap[i].kind != LOOP_TIMER)
			drop(loop.dues.heap[i].kind, loop.dues.heap[i].what);
	lnl_dues_deinit(&loop.dues);
}

void loop_init(uint64_t now)
{
	memset(&loop, 0, sizeof(loop));
	loop.now = now;
}

void loop_deinit(void)
{
	lnl_dues_deinit(&loop.dues);
	memset(&loop, 0, sizeof(loop));
}

uint64_t loop_now(void)
{
	return loop.now;
}

bool loop_wake(void)
{
	ev_async *all[ASYNCS];
	unsigned n = loop.n_asyncs;

	memcpy(all, loop.asyncs, sizeof(all));
	loop.n_asyncs = 0;
	for (unsigned i = 0; i < n; i++) {
		all[i]->sent = 0;
		all[i]->cb(NULL, all[i], EV_ASYNC);
	}
	return n > 0;
}

void loop_readable(ev_io *w)
{
	if (w->active)
		w->cb(NULL, w, EV_READ);
}

/* ---- in the place of clock, libev and threads ---- */

uint64_t __wrap_lnl_clock_now(void);
uint64_t __wrap_lnl_clock_wall(void *ctx);
void __wrap_ev_timer_start(struct ev_loop *l, ev_timer *w);
void __wrap_ev_timer_stop(struct ev_loop *l, ev_timer *w);
void __wrap_ev_io_start(struct ev_loop *l, ev_io *w);
void __wrap_ev_io_stop(struct ev_loop *l, ev_io *w);
void __wrap_ev_async_send(struct ev_loop *l, ev_async *w);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_setname_np(pthread_t t, const char *name);
int __wrap_pthread_join(pthread_t t, void **out);
int __wrap_sched_yield(void);

uint64_t __wrap_lnl_clock_now(void)
{
	return loop.now;
}

uint64_t __wrap_lnl_clock_wall(void *ctx)
{
	(void)ctx;
	return SIM_WALLCLOCK + loop.now / LNL_SECOND;
}

void __wrap_ev_timer_start(struct ev_loop *l, ev_timer *w)
{
	(void)l;
	if (!w->active)
		loop_put(&w->active, loop.now + (uint64_t)llround(w->at * 1e6), LOOP_TIMER, w);
}

void __wrap_ev_timer_stop(struct ev_loop *l, ev_timer *w)
{
	(void)l;
	if (w->active)
		loop_put(&w->active, LNL_NEVER, LOOP_TIMER, w);
}

void __wrap_ev_io_start(struct ev_loop *l, ev_io *w)
{
	(void)l;
	w->active = 1;
}

void __wrap_ev_io_stop(struct ev_loop *l, ev_io *w)
{
	(void)l;
	w->active = 0;
}

void __wrap_ev_async_send(struct ev_loop *l, ev_async *w)
{
	(void)l;
	if (w->sent)
		return;
	w->sent = 1;
	sim_require(loop.n_asyncs < ASYNCS, "too many loops");
	loop.asyncs[loop.n_asyncs++] = w;
}

/* The worker's thread does what it has to do when the test lets it, in loop_wake. */
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
	(void)a;
	(void)run;
	(void)arg;
	memset(t, 0, sizeof(*t));
	return 0;
}

int __wrap_pthread_setname_np(pthread_t t, const char *name)
{
	(void)t;
	(void)name;
	return 0;
}

int __wrap_pthread_join(pthread_t t, void **out)
{
	(void)t;
	(void)out;
	while (loop_wake())
		;
	return 0;
}

int __wrap_sched_yield(void)
{
	loop_wake();
	return 0;
}
