/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The host: one engine, the policy VM that answers its events, and the queue of log records on the
 * way to the launcher's sink.
 */
#ifndef LNL_BINDINGS_HOST_H
#define LNL_BINDINGS_HOST_H

#include "bindings/call.h"
#include "bindings/fallback.h"
#include "bindings/metrics.h"
#include "bindings/objects.h"
#include "bindings/plain.h"
#include "bindings/record.h"
#include "lunel.h"

struct lnl_watch;

#define LNL_HOST_SIGNALS 16

struct lnl_lanes;

/* Seconds of Lua after which the watchdog speaks. */
#define LNL_HOST_PATIENCE 1.0
struct lnl_scrape;

struct lnl_host {
	struct lnl_engine *engine;   /* NULL until it is started */
	struct lnl_vm *vm;	     /* gets the events; NULL: every question gets its default */
	struct lnl_vm *old;	     /* those that a reload has replaced, while they have to do */
	struct lnl_plain passed;     /* what they leave to |vm| */
	struct lnl_control *control; /* bindings/control.h; NULL: there is none */
	struct lnl_lanes *lanes;     /* from the first policy VM on */
	struct lnl_record_queue log;
	struct lnl_watch *watch;  /* of this thread's Lua; may be NULL */
	struct lnl_levels levels; /* of the configuration */
	struct lnl_levels asked;  /* by vpn.log.level, on top */
	bool asked_rest;	  /* of those without a name, too */
	struct lnl_secrets secrets;
	struct lnl_fallback fallback;
	struct lnl_hook_metrics hooks[LNL_HOOKS_MAX];
	unsigned n_hooks;
	struct lnl_scrape *scrape;     /* serves metrics; NULL: nobody does */
	int signals[LNL_HOST_SIGNALS]; /* arrived in this turn */
	unsigned n_signals;
};

/*
 * One turn: waits, then hands out all events and runs tasks. False when nothing is left that could
 * happen.
 */
bool lnl_host_turn(struct lnl_host *h);

/* After a change of levels, of `vm` or of its sinks: what is kept, and what the engine builds. */
void lnl_host_levels(struct lnl_host *h);

/* Logs a script's error, |what| being the hook or task. |h| may be NULL. */
void lnl_host_fault(struct lnl_host *h, const char *what, const struct lnl_fault *fault);

/* Logs what the watchdog over packet lanes says. */
void lnl_host_watched(struct lnl_host *h);

/* Seconds: the engine's clocks, or the system's before it runs. |h| may be NULL. */
double lnl_host_now(const struct lnl_host *h);
double lnl_host_wallclock(const struct lnl_host *h);

#endif
