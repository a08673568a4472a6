/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Virtual time, and in it what the engine asks of libev and of threads. Functions here have libev's
 * names and are linked in its place; a watcher's `active`, `pending` and `repeat` mean what they
 * mean there.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/worker_state.h"
#include "lunel.h"
#include "sim/sim.h"

#define PREPARES 8
#define START	 (1000 * LNL_SECOND)
#define PARKED	 9e8 /* seconds */

struct pending {
	ev_watcher *w; /* NULL: it was stopped meanwhile */
	int revents;
};

struct ev_loop {
	struct ev_loop *next;
	unsigned host;
	bool threaded, broken, fresh;
	struct pending *list;
	int n, cap;
	ev_prepare *prepares[PREPARES];
	unsigned n_prepares;
};

struct park {
	struct park *next;
	unsigned id;
	ev_timer *timer;
	uint64_t started;
};

static struct {
	uint64_t now;
	double wall; /* seconds since 1970 when `now` was 0 */
	struct lnl_dues dues;
	struct ev_loop *loops;
	ev_timer *last_timer;
	uint64_t timers_started;
	struct park *parks;
	unsigned last_park;
	bool begun, makes_worker;
	pthread_t thread; /* whose time it is */
} world = { .now = START };

void *lnl_sim_alloc(size_t size)
{
	void *p = calloc(1, size);

	if (!p) {
		fprintf(stderr, "the simulator is out of memory\n");
		abort();
	}
	return p;
}

uint64_t lnl_sim_clock(void)
{
	return world.now;
}

double lnl_sim_now(void)
{
	return (double)(world.now - START) / 1e6;
}

void lnl_sim_set_wall(double wall)
{
	world.wall = wall - (double)world.now / 1e6;
}

void lnl_sim_put(int *place, uint64_t at, enum lnl_sim_kind kind, void *what)
{
	if (!lnl_dues_put(&world.dues, place, at, kind, what))
		abort();
}

void lnl_sim_drop(int *place)
{
	lnl_dues_drop(&world.dues, place);
}

/* ---- loops ---- */

struct ev_loop *ev_loop_new(unsigned flags)
{
	struct ev_loop *l = lnl_sim_alloc(sizeof(*l));

	(void)flags;
	l->fresh = true;
	l->host = lnl_sim_host();
	l->next = world.loops;
	world.loops = l;
	return l;
}

void ev_loop_destroy(struct ev_loop *loop)
{
	struct ev_loop **p = &world.loops;

	while (*p != loop)
		p = &(*p)->next;
	*p = loop->next;
	free(loop->list);
	free(loop);
}

static void feed(struct ev_loop *loop, void *watcher, int revents)
{
	ev_watcher *w = watcher;

	if (w->pending) {
		loop->list[w->pending - 1].revents |= revents;
		return;
	}
	if (loop->n == loop->cap) {
		loop->cap = loop->cap ? 2 * loop->cap : 64;
		loop->list = realloc(loop->list, (size_t)loop->cap * sizeof(*loop->list));
		if (!loop->list)
			abort();
	}
	loop->list[loop->n] = (struct pending){ w, revents };
	w->pending = ++loop->n;
}

static void forget(struct ev_loop *loop, void *watcher)
{
	ev_watcher *w = watcher;

	if (w->pending)
		loop->list[w->pending - 1].w = NULL;
	w->pending = 0;
}

/* What was fed before it began; what is fed meanwhile has its turn later. */
static void dispatch(struct ev_loop *loop)
{
	int n = loop->n;

	for (int i = 0; i < n && !loop->broken; i++) {
		struct pending p = loop->list[i];

		if (!p.w)
			continue;
		loop->list[i].w = NULL;
		p.w->pending = 0;
		p.w->cb(loop, p.w, p.revents);
	}
	loop->n -= n;
	if (loop->n > 0)
		memmove(loop->list, loop->list + n, (size_t)loop->n * sizeof(*loop->list));
	for (int i = 0; i < loop->n; i++)
		if (loop->list[i].w)
			loop->list[i].w->pending = i + 1;
}

static void turn(struct ev_loop *loop)
{
	loop->fresh = false;
	dispatch(loop);
	for (unsigned i = 0; i < loop->n_prepares; i++)
		loop->prepares[i]->cb(loop, loop->prepares[i], EV_PREPARE);
}

int ev_run(struct ev_loop *loop, int flags)
{
	(void)flags;
	turn(loop);
	return 1;
}

/* A loop is turned by the world, whatever it has: nothing ends for want of watchers. */
void ev_ref(struct ev_loop *loop)
{
	(void)loop;
}

void ev_unref(struct ev_loop *loop)
{
	(void)loop;
}

void ev_break(struct ev_loop *loop, int how)
{
	(void)how;
	loop->broken = true;
}

static bool has_work(const struct ev_loop *l)
{
	return !l->broken && (l->n > 0 || l->fresh);
}

bool lnl_sim_work(void)
{
	bool any = false;

	for (struct ev_loop *l = world.loops; l; l = l->next) {
		if (!l->threaded || !has_work(l))
			continue;
		turn(l);
		any = true;
	}
	return any;
}

bool lnl_sim_is_busy(void)
{
	for (const struct ev_loop *l = world.loops; l; l = l->next)
		if (has_work(l))
			return true;
	return world.dues.n > 0 && world.dues.heap[0].at <= world.now;
}

unsigned lnl_sim_busy_hosts(unsigned *out, unsigned cap)
{
	unsigned n = 0;

	for (const struct ev_loop *l = world.loops; l && n < cap; l = l->next)
		if (!l->threaded && has_work(l))
			out[n++] = l->host;
	return n;
}

/* ---- watchers ---- */

ev_tstamp ev_now(struct ev_loop *loop)
{
	(void)loop;
	return world.wall + (double)world.now / 1e6;
}

void ev_now_update(struct ev_loop *loop)
{
	(void)loop;
}

int ev_version_major(void)
{
	return EV_VERSION_MAJOR;
}

/* A timer knows its loop by a table: libev's watchers have no room for it. */
struct started {
	struct ev_loop *loop;
	ev_timer *w;
};

static void put_timer(struct ev_loop *loop, ev_timer *w, double after)
{
	struct started *s = lnl_sim_alloc(sizeof(*s));
	uint64_t span = after > 0 ? (uint64_t)llround(after * 1e6) : 0;

	*s = (struct started){ loop, w };
	/* `at` is libev's own once started: here it leads back to |s|. */
	memcpy(&w->at, &s, sizeof(s));
	lnl_sim_put(&w->active, world.now + span, LNL_SIM_TIMER, s);
	world.last_timer = w;
	world.timers_started++;
}

static void take_timer(ev_timer *w)
{
	struct started *s;

	memcpy(&s, &w->at, sizeof(s));
	lnl_sim_drop(&w->active);
	w->at = 0;
	free(s);
}

void ev_timer_start(struct ev_loop *loop, ev_timer *w)
{
	if (!w->active)
		put_timer(loop, w, w->at);
}

void ev_timer_stop(struct ev_loop *loop, ev_timer *w)
{
	forget(loop, w);
	if (w->active)
		take_timer(w);
}

void ev_timer_again(struct ev_loop *loop, ev_timer *w)
{
	ev_timer_stop(loop, w);
	if (w->repeat > 0)
		put_timer(loop, w, w->repeat);
}

static void expire(struct started *s)
{
	ev_timer *w = s->w;
	struct ev_loop *loop = s->loop;

	free(s);
	w->at = 0;
	if (w->repeat > 0)
		put_timer(loop, w, w->repeat);
	feed(loop, w, EV_TIMER);
}

/* An io watcher's list (`next`) is libev's own: here it is its loop. */
static struct ev_loop *loop_of(const ev_io *w)
{
	return (struct ev_loop *)(void *)w->next;
}

void ev_io_start(struct ev_loop *loop, ev_io *w)
{
	if (w->active)
		return;
	w->active = 1;
	w->next = (struct ev_watcher_list *)(void *)loop;
	if (w->events & EV_WRITE)
		feed(loop, w, EV_WRITE); /* there is always room */
	else
		lnl_sim_watch(w);
}

void ev_io_stop(struct ev_loop *loop, ev_io *w)
{
	forget(loop, w);
	if (!w->active)
		return;
	w->active = 0;
	lnl_sim_unwatch(w);
}

void lnl_sim_feed_io(ev_io *w, int revents)
{
	if (w->active)
		feed(loop_of(w), w, revents);
}

void ev_async_start(struct ev_loop *loop, ev_async *w)
{
	(void)loop;
	w->active = 1;
	w->sent = 0;
}

void ev_async_stop(struct ev_loop *loop, ev_async *w)
{
	forget(loop, w);
	w->active = 0;
}

void ev_async_send(struct ev_loop *loop, ev_async *w)
{
	if (w->active)
		feed(loop, w, EV_ASYNC);
}

void ev_prepare_start(struct ev_loop *loop, ev_prepare *w)
{
	if (w->active || loop->n_prepares == PREPARES)
		return;
	loop->prepares[loop->n_prepares++] = w;
	w->active = 1;
}

void ev_prepare_stop(struct ev_loop *loop, ev_prepare *w)
{
	unsigned n = 0;

	for (unsigned i = 0; i < loop->n_prepares; i++)
		if (loop->prepares[i] != w)
			loop->prepares[n++] = loop->prepares[i];
	loop->n_prepares = n;
	w->active = 0;
}

/* Signals are the process's own. */
void ev_signal_start(struct ev_loop *loop, ev_signal *w)
{
	(void)loop;
	w->active = 1;
}

void ev_signal_stop(struct ev_loop *loop, ev_signal *w)
{
	(void)loop;
	w->active = 0;
}

/* ---- threads and clocks, by the linker's --wrap ---- */

int __real_lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
			  uint32_t max_links, void (*wake)(void *ctx), void *ctx);
int __wrap_lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
			  uint32_t max_links, void (*wake)(void *ctx), void *ctx);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg);
int __real_pthread_setname_np(pthread_t t, const char *name);
int __wrap_pthread_setname_np(pthread_t t, const char *name);
int __real_pthread_join(pthread_t t, void **out);
int __wrap_pthread_join(pthread_t t, void **out);
int __wrap_sched_yield(void);
int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);
time_t __real_time(time_t *out);
time_t __wrap_time(time_t *out);

int __wrap_lnl_worker_new(struct lnl_worker **out, const struct lnl_env *env, uint32_t max_peers,
			  uint32_t max_links, void (*wake)(void *ctx), void *ctx)
{
	int rc;

	world.makes_worker = true;
	rc = __real_lnl_worker_new(out, env, max_peers, max_links, wake, ctx);
	world.makes_worker = false;
	return rc;
}

/* A data worker is no thread, and has no number; others watch over what runs too long. */
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
	const struct lnl_worker *w = arg;

	if (!world.makes_worker)
		return __real_pthread_create(t, a, run, arg);
	*t = 0;
	w->loop->threaded = true;
	return 0;
}

int __wrap_pthread_setname_np(pthread_t t, const char *name)
{
	return t != 0 ? __real_pthread_setname_np(t, name) : 0;
}

int __wrap_pthread_join(pthread_t t, void **out)
{
	if (t != 0)
		return __real_pthread_join(t, out);
	while (lnl_sim_work())
		;
	return 0;
}

int __wrap_sched_yield(void)
{
	lnl_sim_work();
	return 0;
}

/* Whether it is the world's time that is asked for: other threads live in ours. */
static bool is_virtual(void)
{
	return world.begun && pthread_equal(world.thread, pthread_self());
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
	uint64_t t = world.now;

	if ((id != CLOCK_REALTIME && id != CLOCK_MONOTONIC) || !is_virtual())
		return __real_clock_gettime(id, out);
	if (id == CLOCK_REALTIME)
		t = (uint64_t)llround(world.wall * 1e6 + (double)t);
	out->tv_sec = (time_t)(t / LNL_SECOND);
	out->tv_nsec = (long)(t % LNL_SECOND) * 1000;
	return 0;
}

time_t __wrap_time(time_t *out)
{
	time_t t = (time_t)(world.wall + (double)world.now / 1e6);

	if (!is_virtual())
		return __real_time(out);
	if (out)
		*out = t;
	return t;
}

/* ---- what waits for the test ---- */

uint64_t lnl_sim_park(struct lnl_engine *e, unsigned *park)
{
	struct park *p = lnl_sim_alloc(sizeof(*p));
	uint64_t op = lnl_op_timer(e, PARKED);

	if (!op) {
		free(p);
		return 0;
	}
	*park = p->id = ++world.last_park;
	p->timer = world.last_timer;
	memcpy(&p->started, &p->timer->at, sizeof(p->started));
	p->next = world.parks;
	world.parks = p;
	return op;
}

unsigned lnl_sim_parks(void)
{
	return world.last_park;
}

/* Whether the timer that was started then is still in; its memory may be another's now. */
static bool waits(const struct park *p)
{
	for (int i = 0; i < world.dues.n; i++) {
		const struct lnl_due *d = &world.dues.heap[i];

		if (d->kind == LNL_SIM_TIMER && (uintptr_t)d->what == (uintptr_t)p->started &&
		    ((const struct started *)d->what)->w == p->timer &&
		    d->at > world.now + 1000 * LNL_SECOND)
			return true;
	}
	return false;
}

void lnl_sim_unpark(unsigned id)
{
	struct park **at = &world.parks, *p;
	struct started *s;

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	if (!(p = *at))
		return;
	*at = p->next;
	if (waits(p)) {
		memcpy(&s, &p->timer->at, sizeof(s));
		lnl_sim_put(&p->timer->active, world.now, LNL_SIM_TIMER, s);
	}
	free(p);
}

bool lnl_sim_note(double at, unsigned note)
{
	uint64_t when = START + (at > 0 ? (uint64_t)llround(at * 1e6) : 0);

	return lnl_dues_put(&world.dues, NULL, when > world.now ? when : world.now, LNL_SIM_TOLD,
			    (void *)(uintptr_t)note);
}

enum lnl_sim_step lnl_sim_step(double until, unsigned *note)
{
	uint64_t end = START + (until > 0 ? (uint64_t)llround(until * 1e6) : 0);
	struct lnl_due d;

	if (!lnl_dues_next(&world.dues, end, &d)) {
		world.now = end > world.now ? end : world.now;
		return LNL_SIM_NOTHING;
	}
	if (d.at > world.now)
		world.now = d.at;
	switch (d.kind) {
	case LNL_SIM_TIMER:
		expire(d.what);
		return LNL_SIM_MOVED;
	case LNL_SIM_PACKET:
		lnl_sim_arrive(d.what);
		return LNL_SIM_MOVED;
	default:
		*note = (unsigned)(uintptr_t)d.what;
		return LNL_SIM_NOTE;
	}
}

static void drop_due(const struct lnl_due *d)
{
	if (d->kind == LNL_SIM_PACKET || d->kind == LNL_SIM_TIMER)
		free(d->what);
}

void lnl_sim_reset(double wall)
{
	for (int i = 0; i < world.dues.n; i++)
		drop_due(&world.dues.heap[i]);
	lnl_dues_deinit(&world.dues);
	while (world.parks) {
		struct park *p = world.parks;

		world.parks = p->next;
		free(p);
	}
	world.begun = true;
	world.thread = pthread_self();
	world.now = START;
	lnl_sim_set_wall(wall);
	lnl_sim_sockets_reset();
	lnl_sim_machine_reset();
}
