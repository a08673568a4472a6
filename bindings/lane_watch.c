/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The watchdog over packet VMs. Nothing can stop a loop in compiled code: where a lane has run for
 * most of a second without coming back, this says which, and ends the process for its supervisor.
 */
#include <signal.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "bindings/lane_state.h"
#include "bindings/lane_vm.h"

#define LOOK	 INT64_C(100000000) /* nanoseconds between two looks */
#define STUCK	 INT64_C(700000000) /* of the thread's CPU time, since it was first seen running */
#define PATIENCE 20		    /* times 10 ms for the log to take the last word */

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	if (clock_gettime(id, &t))
		return -1;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * Whether |vm| has been in the same call since it was looked at before. Its thread's CPU time
 * counts: a machine that is busy, or was asleep, is no lane's fault.
 */
static bool is_stuck(struct lnl_lane_vm *vm)
{
	uint64_t turn = atomic_load_explicit(&vm->turns, memory_order_acquire);
	int64_t cpu;

	if (turn % 2 == 0)
		return false;
	cpu = read_clock(vm->clock);
	if (turn != vm->seen.turn) {
		vm->seen.turn = turn;
		vm->seen.cpu = cpu;
	}
	return cpu >= 0 && cpu - vm->seen.cpu > STUCK;
}

static void describe(struct lnl_lanes *l, const struct lnl_lane_vm *vm)
{
	uint32_t id = atomic_load_explicit(&vm->running, memory_order_relaxed);
	const struct lnl_lane_entry *e = l->entries;

	while (e && e->id != id)
		e = e->next;
	snprintf(
		l->stuck, sizeof(l->stuck),
		"packet lane '%s' (%s) does not come back from a batch, and nothing can stop "
		"compiled code: the process ends, for its supervisor to start it again; look for a "
		"loop without an end in that file",
		e ? e->name : "?", e ? e->path : "?");
}

/*
 * The control thread, asleep in its loop, logs nothing: a signal that the engine takes wakes it (it
 * asks for counters in the log). Where nobody takes it, it would end the process another way.
 */
static void wake_control_thread(void)
{
	struct sigaction now;

	if (sigaction(SIGUSR2, NULL, &now) == 0 && now.sa_handler != SIG_DFL &&
	    now.sa_handler != SIG_IGN)
		kill(getpid(), SIGUSR2);
}

/* With |l| locked; it stays so: nobody shall wait for what the process has left to do. */
static _Noreturn void give_up(struct lnl_lanes *l, const struct lnl_lane_vm *vm)
{
	describe(l, vm);
	atomic_store_explicit(&l->word, LNL_LANE_SAID, memory_order_release);
	dprintf(STDERR_FILENO, "lunel: lane.stuck: %s\n", l->stuck);
	syslog(LOG_DAEMON | LOG_ERR, "lane.stuck: %s", l->stuck);
	wake_control_thread();
	for (int i = 0; i < PATIENCE; i++) {
		const struct timespec t = { .tv_nsec = 10000000 };

		if (atomic_load_explicit(&l->word, memory_order_acquire) == LNL_LANE_WRITTEN)
			break;
		nanosleep(&t, NULL);
	}
	_exit(1);
}

static void *watch(void *arg)
{
	struct lnl_lanes *l = arg;
	struct timespec until;

	pthread_mutex_lock(&l->lock);
	while (!l->ending) {
		int64_t t = read_clock(CLOCK_MONOTONIC) + LOOK;

		until.tv_sec = t / 1000000000;
		until.tv_nsec = t % 1000000000;
		pthread_cond_timedwait(&l->wake, &l->lock, &until);
		for (struct lnl_lane_vm *vm = l->vms; vm && !l->ending; vm = vm->next)
			if (is_stuck(vm))
				give_up(l, vm);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

bool lnl_lane_watch(struct lnl_lanes *l)
{
	sigset_t all, old;

	if (l->watched)
		return true;
	l->ending = false;
	sigfillset(&all); /* signals are the control thread's */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	l->watched = pthread_create(&l->watch, NULL, watch, l) == 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (l->watched)
		pthread_setname_np(l->watch, "lane-watch");
	return l->watched;
}

void lnl_lane_unwatch(struct lnl_lanes *l)
{
	pthread_mutex_lock(&l->lock);
	l->ending = true;
	pthread_cond_signal(&l->wake);
	pthread_mutex_unlock(&l->lock);
	if (l->watched)
		pthread_join(l->watch, NULL);
	l->watched = false;
}
