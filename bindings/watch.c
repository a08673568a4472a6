/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/watch.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

/* Between two looks, as a part of the limit. */
#define LOOKS 4
/* Looks without any Lua in between after which it sleeps. */
#define IDLE 8

struct lnl_watch {
	pthread_t thread;
	pthread_mutex_t lock; /* for all below */
	pthread_cond_t wake;
	clockid_t cpu; /* of the thread that is watched */
	double limit;
	lnl_watch_tell tell;
	void *ctx;
	bool asleep, quit;
	bool running, told;
	uint64_t stretches;
	double begin, cpu_begin;
	char what[64], where[96];
	char who[168]; /* that was told of */
};

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void tell_by_default(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "lunel: %s\n", text);
	syslog(LOG_DAEMON | LOG_WARNING, "%s", text);
}

/* Called and returns with the lock held. */
static void look(struct lnl_watch *w)
{
	double wall = seconds_of(CLOCK_MONOTONIC) - w->begin;
	double cpu = seconds_of(w->cpu) - w->cpu_begin;
	char text[320];

	if (!w->running || w->told || wall <= w->limit || cpu <= w->limit)
		return;
	w->told = true;
	snprintf(w->who, sizeof(w->who), "%s%s%s%s", w->what, w->where[0] ? " (" : "", w->where,
		 w->where[0] ? ")" : "");
	snprintf(text, sizeof(text),
		 "%s has kept all but the packets waiting for %.1f s; it is in a function that "
		 "nothing interrupts (table.sort of very many, for one)",
		 w->who, wall);
	pthread_mutex_unlock(&w->lock);
	w->tell(w->ctx, text);
	pthread_mutex_lock(&w->lock);
}

static void wait_for_next(struct lnl_watch *w)
{
	struct timespec until;
	double step = w->limit / LOOKS;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)step;
	until.tv_nsec += (long)((step - (double)(time_t)step) * 1e9);
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	while (!w->quit && pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0)
		;
}

static void *watch(void *arg)
{
	struct lnl_watch *w = arg;
	uint64_t seen = 0;
	unsigned idle = IDLE;

	pthread_mutex_lock(&w->lock);
	while (!w->quit) {
		if (w->running || w->stretches != seen)
			idle = 0;
		else
			idle++;
		seen = w->stretches;
		if (idle > IDLE) {
			w->asleep = true;
			while (w->asleep && !w->quit)
				pthread_cond_wait(&w->wake, &w->lock);
		}
		wait_for_next(w);
		look(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void set_up(struct lnl_watch *w)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->wake, &attr);
	pthread_condattr_destroy(&attr);
}

struct lnl_watch *lnl_watch_new(double limit, lnl_watch_tell tell, void *ctx)
{
	struct lnl_watch *w = calloc(1, sizeof(*w));
	sigset_t all, before;
	int rc;

	if (!w)
		return NULL;
	w->limit = limit;
	w->tell = tell ? tell : tell_by_default;
	w->ctx = ctx;
	if (pthread_getcpuclockid(pthread_self(), &w->cpu)) {
		free(w);
		return NULL;
	}
	set_up(w);
	/* Signals are the control thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, watch, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc) {
		pthread_cond_destroy(&w->wake);
		pthread_mutex_destroy(&w->lock);
		free(w);
		return NULL;
	}
	pthread_setname_np(w->thread, "lunel-watch");
	return w;
}

void lnl_watch_free(struct lnl_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->quit = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->thread, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static void copy(char *out, size_t len, const char *text)
{
	size_t n = text ? strnlen(text, len - 1) : 0;

	memcpy(out, text ? text : "", n);
	out[n] = '\0';
}

static void name(struct lnl_watch *w, const char *what, const char *where)
{
	copy(w->what, sizeof(w->what), what);
	copy(w->where, sizeof(w->where), where);
}

void lnl_watch_begin(struct lnl_watch *w, int64_t cpu, const char *what, const char *where)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->running = true;
	w->told = false;
	w->stretches++;
	w->begin = seconds_of(CLOCK_MONOTONIC);
	w->cpu_begin = (double)cpu / 1e6;
	name(w, what, where);
	if (w->asleep) {
		w->asleep = false;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&w->lock);
}

void lnl_watch_name(struct lnl_watch *w, const char *what, const char *where)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	name(w, what, where);
	pthread_mutex_unlock(&w->lock);
}

double lnl_watch_end(struct lnl_watch *w, char *who, size_t len)
{
	double seconds = 0;

	if (!w)
		return 0;
	pthread_mutex_lock(&w->lock);
	w->running = false;
	if (w->told) {
		seconds = seconds_of(CLOCK_MONOTONIC) - w->begin;
		copy(who, len, w->who);
	}
	pthread_mutex_unlock(&w->lock);
	return seconds;
}
