/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A packet VM: a Lua state for the lanes of one thread, with the compiler on, FFI for lunel/pkt.lua
 * alone, a memory limit, and a door of its own: one protected call a batch. All functions are for
 * the thread that made it.
 */
#ifndef LNL_BINDINGS_LANE_VM_H
#define LNL_BINDINGS_LANE_VM_H

#include <lua.h>
#include <stdatomic.h>
#include <time.h>

#include "bindings/lane.h"
#include "bindings/lane_leaf.h"

#define LNL_LANE_MEMORY ((size_t)64 << 20)
#define LNL_LANE_SLICE	INT64_C(20000)	 /* microseconds of a batch, where the compiler is off */
#define LNL_LANE_LOAD	INT64_C(1000000) /* of a lane's main chunk */
#define LNL_LANE_ERRORS 10		 /* within a second: a lane with "detach" is taken off */
#define LNL_LANE_FAULT	2048

/* As lunel/pkt.lua has them: a change here is one there. */
struct lnl_lane_packets {
	int32_t n;
	int32_t at;   /* the last packet that was handed out; -1: none yet */
	int32_t back; /* one before an earlier one was: nobody knows which are done */
	struct lnl_lane_packet *p;
};

struct lnl_lane_view {
	int32_t n;
	int32_t point;
	struct lnl_lane_packets p;
};

struct lnl_lane_slot {
	uint32_t id; /* 0: free */
	int fn[LNL_LANE_POINTS];
	enum lnl_lane_on_error on_error;
	unsigned errors; /* since |since|, in nanoseconds of the monotonic clock */
	int64_t since;
	bool detached;
};

struct lnl_lane_vm {
	lua_State *L;
	struct lnl_lanes *lanes;
	size_t used, limit; /* bytes */
	bool jit;
	struct lnl_lane_slot *slots;
	unsigned n_slots;

	struct {
		int64_t length; /* microseconds of CPU time */
		int64_t end;	/* 0: the clock was not looked at yet */
		bool spent;
		const char *what;
	} slice;

	/* What the lane sees: a packet that it keeps leads to nothing but these, later. */
	struct lnl_lane_view view;
	struct lnl_lane_packet packets[LNL_LANE_BATCH];
	struct lnl_lane_random random;
	char text[LNL_LANE_FAULT]; /* of the last fault */
	bool noted;		   /* |text| has this run's first error */

	/* What lanes count in, and the same as of the last batch, doubles, for other threads. */
	double counting[LNL_LANE_COUNTERS];
	_Atomic uint64_t counters[LNL_LANE_COUNTERS];
	int n_counters; /* of those before this number some are this VM's */

	/* For the watchdog: odd while Lua runs, and what runs. */
	_Atomic uint64_t turns;
	_Atomic uint32_t running;
	clockid_t clock; /* CPU time of the thread */
	struct {
		uint64_t turn;
		int64_t cpu;
	} seen; /* the watchdog's */
	struct lnl_lane_vm *next;
};

/* What a lane is loaded from. */
struct lnl_lane_text {
	const char *path;
	const char *text;
	size_t len;
	const struct lnl_plain *args;
	bool alone;
};

/* NULL with a sentence in |why|. With |jit| false no code is compiled, and loops are stopped. */
struct lnl_lane_vm *lnl_lane_vm_new(struct lnl_lanes *l, bool jit, char *why, size_t len);
void lnl_lane_vm_free(struct lnl_lane_vm *vm);

/*
 * Runs the lane's main chunk and takes what it returned as lane |id|, in the place of what had that
 * number. |found|, if not NULL, gets what it is; its texts are not set. Returns 0, or LNL_E_* with a
 * sentence in |why|; then an earlier lane of that number stays.
 */
int lnl_lane_vm_load(struct lnl_lane_vm *vm, uint32_t id, const struct lnl_lane_text *t,
		     struct lnl_lane_found *found, char *why, size_t len);
void lnl_lane_vm_unload(struct lnl_lane_vm *vm, uint32_t id);
/* As struct lnl_lane_host's run. */
bool lnl_lane_vm_run(struct lnl_lane_vm *vm, uint32_t id, struct lnl_lane_batch *b,
		     struct lnl_lane_fault *fault);

#endif
