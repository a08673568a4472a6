/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/host.h"

#include <string.h>
#include <time.h>

#include "bindings/control.h"
#include "bindings/events.h"
#include "bindings/lane.h"
#include "bindings/ops_services.h"
#include "bindings/reload.h"
#include "bindings/sink.h"
#include "bindings/task.h"

static double clock_seconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double lnl_host_now(const struct lnl_host *h)
{
	return h && h->engine ? lnl_engine_now(h->engine) : clock_seconds(CLOCK_MONOTONIC);
}

double lnl_host_wallclock(const struct lnl_host *h)
{
	return h && h->engine ? lnl_engine_wallclock(h->engine) : clock_seconds(CLOCK_REALTIME);
}

void lnl_host_fault(struct lnl_host *h, const char *what, const struct lnl_fault *fault)
{
	struct lnl_record_tap *tap = h && h->vm ? lnl_sinks_tap(h->vm) : NULL;
	char first[512];
	size_t n = strcspn(fault->text, "\n");

	if (!h)
		return;
	if (n >= sizeof(first))
		n = sizeof(first) - 1;
	memcpy(first, fault->text, n);
	first[n] = '\0';
	lnl_record_text(&h->log, tap, LNL_LEVEL_ERROR, "script.error", lnl_host_wallclock(h),
			"what", what, "error", first);
	/* The way there is for whoever looks closer. */
	for (const char *p = fault->text + strcspn(fault->text, "\n"); *p;) {
		size_t len = strcspn(++p, "\n");

		if (len >= sizeof(first))
			len = sizeof(first) - 1;
		memcpy(first, p, len);
		first[len] = '\0';
		if (!strstr(first, "[C]: at 0x")) /* a function of ours without a name */
			lnl_record_text(&h->log, tap, LNL_LEVEL_DEBUG, "script.traceback",
					lnl_host_wallclock(h), "what", what, "line", first);
		p += strcspn(p, "\n");
	}
}

void lnl_host_levels(struct lnl_host *h)
{
	struct lnl_levels all = h->levels;

	if (h->vm)
		h->vm->attached = true;

	if (h->asked_rest)
		all.all = h->asked.all;
	for (unsigned i = 0; i < h->asked.n; i++)
		if (!lnl_levels_set(&all, h->asked.sub[i].sub, h->asked.sub[i].level) &&
		    all.all < h->asked.sub[i].level)
			all.all = h->asked.sub[i].level; /* too many names: rather too much */
	h->log.levels = all;
	h->log.tap = h->vm ? lnl_sinks_tap(h->vm) : NULL;
	h->log.secrets = &h->secrets;
	if (h->vm && lnl_sinks_levels(h->vm))
		lnl_levels_join(&all, lnl_sinks_levels(h->vm));
	if (h->engine)
		lnl_engine_levels(h->engine, &all);
}

void lnl_host_watched(struct lnl_host *h)
{
	char text[LNL_LANE_STUCK];

	if (h->lanes && lnl_lanes_stuck(h->lanes, text))
		lnl_record_text(&h->log, h->vm ? lnl_sinks_tap(h->vm) : NULL, LNL_LEVEL_ERROR,
				"lane.stuck", lnl_host_wallclock(h), "what",
				"the watchdog over packet lanes", "error", text);
}

static void take_records(struct lnl_host *h)
{
	lnl_record_collect(&h->log, h->engine);
}

static void deliver(struct lnl_host *h, const struct lnl_event *e)
{
	struct lnl_vm *vm = lnl_reload_owner(h, e);

	if (lnl_control_event(h, e))
		return;
	if (vm)
		lnl_event_deliver(vm, e);
	else if (e->ticket)
		lnl_reply_default(h->engine, e->ticket);
	if (h->old)
		lnl_reload_overhear(h, e);
}

static void handle(struct lnl_host *h, const struct lnl_event *e)
{
	switch (e->kind) {
	case LNL_EVENT_SIGNAL:
		if (h->n_signals < LNL_HOST_SIGNALS)
			h->signals[h->n_signals++] = e->u.signal;
		break;
	case LNL_EVENT_TIMER:
	case LNL_EVENT_RESOLVED:
	case LNL_EVENT_EXITED:
		if (!h->vm || !lnl_task_event(h->vm, e))
			lnl_reload_event(h, e);
		break;
	case LNL_EVENT_HTTP:
	case LNL_EVENT_DIAL:
	case LNL_EVENT_PROBED:
		if ((!h->vm || !lnl_task_event(h->vm, e)) && !lnl_reload_event(h, e))
			lnl_services_unclaimed(h->engine, e);
		break;
	default:
		deliver(h, e);
	}
	if (h->vm)
		lnl_task_run(h->vm);
	if (h->old)
		lnl_reload_run(h);
}

bool lnl_host_turn(struct lnl_host *h)
{
	struct lnl_event e;
	int alive;

	h->n_signals = 0;
	if (h->vm)
		lnl_task_run(h->vm);
	if (h->old)
		lnl_reload_run(h);
	/* What sinks have to get yet must not wait for something to happen. */
	if (h->vm && lnl_sinks_pending(h->vm))
		lnl_engine_hurry(h->engine);
	alive = lnl_engine_turn(h->engine);
	take_records(h);
	while (lnl_engine_next(h->engine, &e)) {
		handle(h, &e);
		take_records(h);
	}
	if (h->vm)
		lnl_sinks_run(h->vm);
	return alive > 0;
}
