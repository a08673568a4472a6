/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of a host's lanes, for bindings/lane*.c. */
#ifndef LNL_BINDINGS_LANE_STATE_H
#define LNL_BINDINGS_LANE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "bindings/lane.h"

#define LNL_LANE_MODULES 4

/* One of the modules that a packet VM is made of. */
struct lnl_lane_module {
	const char *name; /* "lunel.pkt" */
	char *text;
	size_t len;
};

struct lnl_lane_entry {
	struct lnl_lane_entry *next;
	uint32_t id;
	unsigned users; /* workers that load it just now */
	bool forgotten;
	char *path, *name, *text;
	size_t len;
	struct lnl_plain args;
};

/* How far the watchdog's word has come. */
enum lnl_lane_word { LNL_LANE_QUIET, LNL_LANE_SAID, LNL_LANE_TAKEN, LNL_LANE_WRITTEN };

struct lnl_lane_vm;

struct lnl_lanes {
	struct lnl_lane_host host;
	struct lnl_lane_module modules[LNL_LANE_MODULES]; /* never changed */
	char *scripts;
	bool jit;

	pthread_mutex_t lock; /* over all below */
	pthread_cond_t wake;  /* the watchdog: the end */
	struct lnl_lane_entry *entries;
	uint32_t last_id;
	struct lnl_lane_vm *vms;
	char names[LNL_LANE_COUNTERS][LNL_LANE_COUNTER_NAME];
	double gone[LNL_LANE_COUNTERS]; /* what VMs had counted that are no more */
	unsigned n_counters;

	pthread_t watch;
	bool watched, ending;
	char stuck[LNL_LANE_STUCK];
	_Atomic int word; /* enum lnl_lane_word */
};

/* The modules in the order in which they are loaded, LNL_LANE_MODULES of them. */
const struct lnl_lane_module *lnl_lanes_modules(const struct lnl_lanes *l);
/* The number of the counter |name|, made when there is none; negative: no more room. */
int lnl_lanes_counter_of(struct lnl_lanes *l, const char *name);

/* With |l| locked: makes the watchdog's thread, if there is none. False: it cannot be. */
bool lnl_lane_watch(struct lnl_lanes *l);
/* Ends it. */
void lnl_lane_unwatch(struct lnl_lanes *l);

#endif
