/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's lanes, shared by worker_lane.c and worker_tap.c only. All of it is its thread's own. */
#ifndef LNL_IO_WORKER_LANE_H
#define LNL_IO_WORKER_LANE_H

#include "io/worker_state.h"

#define LNL_LANE_PLAIN (1u << LNL_LANE_FROM_PEER | 1u << LNL_LANE_TO_PEER)
#define LNL_LANE_WIRE  (1u << LNL_LANE_WIRE_IN | 1u << LNL_LANE_WIRE_OUT)

enum lnl_lane_state {
	LNL_LANE_RUNS,
	LNL_LANE_OFF,	  /* packets pass it by */
	LNL_LANE_BLOCKED, /* nothing passes: it was never loaded, or cannot go on */
};

struct lnl_lane {
	uint32_t id;
	struct lnl_worker_lane conf;
	enum lnl_lane_state state;
	bool loaded; /* the VM has it */
	/* to be told */
	uint32_t errors;
	bool ended; /* DETACHED or STOPPED */
	bool told;  /* errors, at `told_at` */
	uint64_t told_at;
	char text[LNL_LANE_TEXT];
};

/*
 * Plaintext for peers with lanes, copied one behind the other, so that a batch is shown at once and
 * each packet has room to grow. Empty unless a link is full, or something is being read.
 */
struct lnl_stage {
	uint8_t *memory;
	uint32_t used;	/* bytes of it */
	unsigned n, at; /* packets; those before `at` are sealed or dropped */
	bool judged;	/* lanes have seen them: no other is put to them */
	uint16_t room;	/* bytes at either side of each packet */
	struct lnl_packet pkts[LNL_LANE_BATCH];
	bool whole[LNL_LANE_BATCH]; /* lanes for super-packets have not seen it */
};

struct lnl_worker_lanes {
	const struct lnl_lane_host *host;
	void *vm; /* NULL: there is none */
	unsigned n;
	struct lnl_lane *list[LNL_WORKER_LANES];
	struct lnl_lane missing;     /* of peers whose lane is not there: it blocks */
	struct lnl_lane *all, *wire; /* of them; NULL: there is none */
	struct lnl_stage stage;
	/* what is shown, as it was, and which packets those are */
	struct lnl_lane_packet pkts[LNL_LANE_BATCH], given[LNL_LANE_BATCH];
	uint16_t index[LNL_LANE_BATCH];
};

/* Whether |lane| (may be NULL) has a word on packets at |point|. */
static inline bool lnl_lane_sees(const struct lnl_lane *lane, enum lnl_lane_point point)
{
	return lane != NULL &&
	       (lane->state == LNL_LANE_BLOCKED ||
		(lane->state == LNL_LANE_RUNS && (lane->conf.points >> point & 1) != 0));
}

/* Makes the stage that `list` wants, if it is empty. */
void lnl_worker_stage_fit(struct lnl_worker_lanes *s);

#endif
