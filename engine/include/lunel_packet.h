/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packets as lanes see them: functions of a host that look at batches of packets on their way, in
 * the thread of the data worker that moves them. The layout of what stands here is seen by scripts
 * through FFI (scripts/lunel/pkt.lua); the engine knows nothing of what a lane is written in.
 */
#ifndef LUNEL_PACKET_H
#define LUNEL_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LNL_LANE_BATCH	  256 /* packets of one call, at most */
#define LNL_LANE_OVERHEAD 64  /* bytes that a lane may add to a packet, at most */

/* Where a packet is. */
enum lnl_lane_point {
	LNL_LANE_FROM_PEER, /* plaintext, opened and judged by the data plane, not yet in TUN */
	LNL_LANE_TO_PEER,   /* plaintext of TUN (or of another peer), not yet sealed */
	LNL_LANE_WIRE_IN,   /* datagrams as received, before their opcode is looked at */
	LNL_LANE_WIRE_OUT,  /* whole datagrams, before they are sent */
	LNL_LANE_POINTS,
};

enum lnl_lane_verdict { LNL_LANE_PASS, LNL_LANE_DROP };

/*
 * One packet. A lane may change bytes within |data| and |len|, move |data| back by at most |head| and
 * lengthen it by at most |tail|, shorten it at both ends, and set |verdict|. The engine checks all of
 * it against what it gave: a packet that stands outside of its room is dropped and counted as the
 * lane's.
 */
struct lnl_lane_packet {
	uint8_t *data;
	uint32_t len;
	uint32_t peer;	  /* of plaintext; LNL_NO_PEER: not known */
	uint16_t head;	  /* bytes free before |data| */
	uint16_t tail;	  /* and behind its end */
	uint16_t segment; /* of a super-packet: payload of each of its packets; else 0 */
	uint8_t verdict;
	uint8_t error; /* set by the lane's runner: handling it failed (on_error has its word) */
};

struct lnl_lane_batch {
	uint32_t n;
	uint32_t point;
	struct lnl_lane_packet *p;
};

/* What a lane does with a packet whose handling failed. */
enum lnl_lane_on_error {
	LNL_LANE_ON_ERROR_DROP,	  /* the packet goes, the lane stays: it is a filter */
	LNL_LANE_ON_ERROR_PASS,	  /* the packet goes on as it is */
	LNL_LANE_ON_ERROR_DETACH, /* it goes on, and after repeated errors the lane is taken off */
};

/* A lane as a configuration names it. Strings are copied by who takes it. */
struct lnl_lane_conf {
	uint32_t id;	    /* the host's number for it, never 0 */
	const char *name;   /* for logs: "no_lateral" */
	const char *origin; /* for logs: its file */
	unsigned points;    /* bits 1 << enum lnl_lane_point */
	unsigned overhead;  /* bytes that it may add, at most LNL_LANE_OVERHEAD */
	bool super;	    /* TO_PEER: super-packets as TUN gave them, not segments */
	enum lnl_lane_on_error on_error;
};

/* What happened to a lane while it ran; |text| is the host's, valid until the next run. */
struct lnl_lane_fault {
	unsigned errors;  /* packets of the batch whose handling failed */
	bool detached;	  /* it has to be taken off: it cannot go on */
	const char *text; /* the first error: "filter.lua:19: ..." */
};

/*
 * What a host that has lanes gives with its engine options. All but |ctx| is called in a worker's
 * thread alone, each VM in one thread.
 */
struct lnl_lane_host {
	void *ctx;
	/* A VM for the calling thread; NULL with a sentence in |why| (|len| bytes). */
	void *(*vm_new)(void *ctx, char *why, size_t len);
	void (*vm_free)(void *vm);
	/*
	 * Makes the lane |id| of the host (again: replaces it, and leaves the old one where that
	 * fails). 0, or LNL_E_* with a sentence in |why|.
	 */
	int (*load)(void *vm, uint32_t id, char *why, size_t len);
	void (*unload)(void *vm, uint32_t id);
	/* Runs it over |b|; false: |fault| says what went wrong. Never more than LNL_LANE_BATCH. */
	bool (*run)(void *vm, uint32_t id, struct lnl_lane_batch *b, struct lnl_lane_fault *fault);
};

#endif
