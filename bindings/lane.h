/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet lanes of a host: which there are, with their text and arguments, their counters, the VMs
 * that run them, one in each data worker, and the watchdog over those. What the engine is given is
 * lnl_lanes_host; the VMs themselves are bindings/lane_vm.h.
 */
#ifndef LNL_BINDINGS_LANE_H
#define LNL_BINDINGS_LANE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bindings/plain.h"
#include "lunel_packet.h"

#define LNL_LANE_COUNTERS     256
#define LNL_LANE_COUNTER_NAME 64 /* bytes with the terminator */
#define LNL_LANE_STUCK	      512

struct lnl_lanes;

/*
 * Reads what the VMs are made of from |scripts|, the folder that holds lunel/: from then on no VM
 * reads a file. NULL with a sentence in |why|.
 */
struct lnl_lanes *lnl_lanes_new(const char *scripts, char *why, size_t len);
/* Forgets all lanes, wiping them. No VM may be left. |l| may be NULL. */
void lnl_lanes_free(struct lnl_lanes *l);
/* |scripts| as it was given. */
const char *lnl_lanes_scripts(const struct lnl_lanes *l);
/* VMs made from here on compile nothing, as with LUNEL_JIT=off in the environment. */
void lnl_lanes_no_jit(struct lnl_lanes *l);
/* What the engine is given; lives as long as |l|. */
const struct lnl_lane_host *lnl_lanes_host(const struct lnl_lanes *l);

/* A lane's file, or |text| (|text_len| bytes) that stands for what |path| has; NULL: it is read. */
struct lnl_lane_file {
	const char *path;
	const char *text;
	size_t text_len;
	const struct lnl_plain *args; /* the value that its `...` holds; NULL: none */
	/*
	 * It is looked at without its arguments: an error that may come of their absence is none,
	 * and |unsure| of the answer says so.
	 */
	bool alone;
};

/* What was found; the texts live as long as the lane. */
struct lnl_lane_found {
	struct lnl_lane_conf conf;
	bool unsure;
};

/*
 * Loads the lane in a VM of its own, which ends again, and keeps text and arguments for workers under
 * a number: |id|, whose lane it replaces (a VM that loads it again has the new one), or another when
 * that is 0. Returns 0, or LNL_E_* with a sentence in |why|; then all is as before. Any thread's, one
 * at a time.
 */
int lnl_lanes_add(struct lnl_lanes *l, const struct lnl_lane_file *f, uint32_t id,
		  struct lnl_lane_found *found, char *why, size_t len);
/* The lane |from| is |to| from now on, in the place of the one that was; false: there is no |from|. */
bool lnl_lanes_move(struct lnl_lanes *l, uint32_t from, uint32_t to);
/* Forgets it; VMs that have it go on with it. */
void lnl_lanes_forget(struct lnl_lanes *l, uint32_t id);

/*
 * The counter |i| with what all VMs have counted, those that ended included; false behind the last.
 * Any thread's.
 */
bool lnl_lanes_counter(struct lnl_lanes *l, unsigned i, char name[LNL_LANE_COUNTER_NAME],
		       double *value);

/*
 * For the control thread, each time that it hands log records to its sink: whether the watchdog is
 * about to end the process, and if so why (once; what is handed out then is still awaited).
 */
bool lnl_lanes_stuck(struct lnl_lanes *l, char text[LNL_LANE_STUCK]);

#endif
