/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker's insides, shared by the worker*.c files only. All but the first part is its thread's
 * own.
 */
#ifndef LNL_IO_WORKER_STATE_H
#define LNL_IO_WORKER_STATE_H

#include <ev.h>
#include <pthread.h>

#include "io/backlog.h"
#include "io/batch.h"
#include "io/ring.h"
#include "io/worker.h"
#include "wire/stream.h"

#define LNL_WORKER_BUCKETS 256		/* at least; more with more peers */
#define LNL_WORKER_STREAM  (256 * 1024) /* read from a TCP socket at once */
#define LNL_WORKER_TURNS   4		/* batches from one socket before others have their turn */
#define LNL_WORKER_TUN	   (256 * 1024) /* bytes of TUN in one batch: fits a link's queue */
#define LNL_WORKER_SPECIAL (LNL_BATCH_ROOM + LNL_HEADROOM + 64 + LNL_TAILROOM)

struct lnl_worker;

struct lnl_link {
	struct lnl_link *next; /* in its bucket, or in the list of those that ended */
	struct lnl_worker *worker;
	struct lnl_link_conf conf;
	struct ev_io readable;
	struct ev_io writable;
	bool congested; /* counted in the worker's `congested` */
	bool errored;	/* an error was told at `error_at` */
	uint64_t error_at;
	int ended;		/* errno to tell in LNL_NTF_LINK_CLOSED */
	struct lnl_stream in;	/* TCP */
	struct lnl_backlog out; /* TCP */
};

/*
 * What the worker knows of a peer beside the data plane: its way out, and what was lost after
 * sealing or opening.
 */
struct lnl_carrier {
	struct lnl_carrier *next;	   /* in its bucket */
	struct lnl_carrier *older, *newer; /* in the order in which they were added */
	uint32_t peer;
	uint32_t link_id;
	struct lnl_link *link;	 /* NULL: none */
	struct lnl_addr address; /* behind a link of many; else none */
	struct lnl_carrier *next_address;
	bool placed; /* in the table of addresses */
	/* It moved, and the control thread is to be told: not before `float_at`. */
	struct lnl_carrier *next_floated;
	bool floated;
	uint64_t float_at;
	uint64_t drops_tun, drops_tun_bytes;
	uint64_t drops_send, drops_queue;
};

/* A command that did not fit into the ring. */
struct lnl_waiting {
	struct lnl_waiting *next;
	size_t len;
	struct lnl_command cmd; /* only `len` bytes of it are there */
};

struct lnl_worker {
	/* The control thread's. */
	struct lnl_waiting *waiting;
	struct lnl_waiting **waiting_end;
	pthread_t thread;
	bool started;

	/* Shared. */
	struct lnl_ring commands;
	struct lnl_ring notes;
	struct ev_loop *loop;
	struct ev_async async;
	atomic_bool
		/* commands wait on the control thread's side: wake it once there is room */
		overflowed;
	atomic_bool starved; /* notifications wait on this side: wake us once there is room */
	atomic_bool quit;    /* nobody takes notifications any more */
	_Atomic uint64_t lost;
	void (*wake)(void *ctx);
	void *wake_ctx;

	/* The worker's. */
	struct ev_prepare prepare;
	struct ev_timer timer;
	uint64_t armed; /* what the timer waits for; LNL_NEVER: it is off */
	bool noted;	/* the control thread has to be woken */
	bool stopping;
	struct lnl_data *data;
	uint32_t mask; /* of the three tables' buckets */
	uint64_t seed; /* so that nobody outside can aim at one bucket */
	struct lnl_link **links;
	struct lnl_link *ended;
	struct lnl_carrier **carriers;
	struct lnl_carrier **addresses;
	struct lnl_carrier *newest; /* a client's: TUN's packets are its */
	struct lnl_carrier *floated;
	struct lnl_carrier nobody;	      /* counts what is no peer's */
	uint64_t stray_drops[LNL_DROP_COUNT]; /* before the data plane saw them */
	struct lnl_notice notice;	      /* one that found no room; kind NONE: there is none */
	bool decrypt_told;
	uint64_t decrypt_at;

	int tun_fd; /* -1: none */
	bool tap;
	bool routed;   /* a server's */
	int tun_error; /* to be told; 0: nothing */
	struct ev_io tun_readable;
	unsigned congested;	  /* links that hold TUN back */
	struct lnl_link *blocked; /* UDP link that the rest of `tx` waits for */
	unsigned tx_at;		  /* packets of `tx` before it are gone */
	struct lnl_batch rx;
	struct lnl_batch tx;
	struct lnl_batch relay; /* client-to-client; no memory: it is off */
	uint8_t special[LNL_WORKER_SPECIAL];
};

/* ---- worker.c ---- */

/* Puts a notification into the ring, its first |len| bytes; false when there is no room. */
bool lnl_worker_note(struct lnl_worker *w, const struct lnl_ntf *n, size_t len);
/* A control packet for the control thread; one that finds no room is lost. */
void lnl_worker_note_packet(struct lnl_worker *w, uint32_t link, const struct lnl_packet *pkt,
			    const struct lnl_addr *from);
/* A short one: no union. Lost when there is no room. */
void lnl_worker_note_error(struct lnl_worker *w, enum lnl_ntf_kind kind, uint32_t id, uint32_t peer,
			   int error);
/*
 * Room for the longest notification that is no packet. When there is none, we are woken once there
 * is.
 */
bool lnl_worker_has_room(struct lnl_worker *w);

/* ---- worker_command.c ---- */

/* Bytes of a command that its kind uses. */
size_t lnl_worker_command_len(const struct lnl_command *cmd);
/* Closes what a command that was never carried out hands over, and wipes it. */
void lnl_worker_command_discard(struct lnl_command *cmd);
/* Carries out one command and wipes it. */
void lnl_worker_run(struct lnl_worker *w, struct lnl_command *cmd);

/* ---- worker_peer.c ---- */

struct lnl_carrier *lnl_worker_carrier(struct lnl_worker *w, uint32_t peer); /* NULL: none */
/* The same, or the one that counts what is nobody's. */
struct lnl_carrier *lnl_worker_counting(struct lnl_worker *w, uint32_t peer);
/* |address|: where it is behind a link of many, or none. LNL_E_NOMEM. */
int lnl_worker_carrier_add(struct lnl_worker *w, uint32_t peer, uint32_t link_id,
			   const struct lnl_addr *address);
void lnl_worker_carrier_del(struct lnl_worker *w, uint32_t peer);
void lnl_worker_carriers_free(struct lnl_worker *w);
/* |link| has come (|there|), or goes: so does its peers' way out. */
void lnl_worker_carriers_link(struct lnl_worker *w, struct lnl_link *link, bool there);
/* Who is at |address| behind |link|, or NULL. */
struct lnl_carrier *lnl_worker_at(const struct lnl_worker *w, const struct lnl_link *link,
				  const struct lnl_addr *address);
/* An authentic packet of |c| came from there: that is where it is, unless it is another's place. */
void lnl_worker_float(struct lnl_worker *w, struct lnl_carrier *c, struct lnl_link *link,
		      const struct lnl_addr *address, uint64_t now);
/* Tells of those that moved, as far as it is time and there is room. */
void lnl_worker_floats_tell(struct lnl_worker *w, uint64_t now);
/* When that is next, or LNL_NEVER. */
uint64_t lnl_worker_floats_due(const struct lnl_worker *w);
/* The data plane's counters and ours. */
void lnl_worker_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out);

/* ---- worker_link.c ---- */

struct lnl_link *lnl_worker_link(struct lnl_worker *w, uint32_t id); /* NULL: none */
/* Takes over the socket. LNL_E_INVAL, LNL_E_EXIST, LNL_E_NOMEM: it is closed. */
int lnl_worker_link_add(struct lnl_worker *w, const struct lnl_link_conf *conf);
/* Takes the link out and closes it; |tell|: LNL_NTF_LINK_CLOSED with |error|. */
void lnl_worker_link_end(struct lnl_link *l, bool tell, int error);
/* Tells of an error that the link survives, at most one a second. */
void lnl_worker_link_error(struct lnl_link *l, int error);
/* Tells of links that ended, as far as there is room. */
void lnl_worker_links_tell(struct lnl_worker *w);
void lnl_worker_links_free(struct lnl_worker *w);

/* ---- worker_send.c ---- */

/* Sends the batch `tx` from `tx_at` on, as far as links take it. */
void lnl_worker_flush(struct lnl_worker *w);
/*
 * Sends one packet with LNL_BATCH_ROOM before it: control, ping. |to| where the link is one of many.
 * False when it was dropped.
 */
bool lnl_worker_send(struct lnl_link *l, struct lnl_packet *pkt, const struct lnl_addr *to);
/* Seals and sends the batch `relay`; what finds no room is lost. */
void lnl_worker_relay(struct lnl_worker *w);
/* Asks the data plane for a ping or a goodbye and sends it. LNL_E_* as lnl_data_special. */
int lnl_worker_special(struct lnl_worker *w, uint32_t peer, enum lnl_special what);
/* Sends what is queued as far as it needs no waiting. Returns 0 or an errno that ends the link. */
int lnl_worker_drain(struct lnl_link *l);
/* libev's callback for a link that was full. */
void lnl_worker_writable(struct ev_loop *loop, struct ev_io *io, int revents);

/* ---- worker_tun.c ---- */

void lnl_worker_tun_add(struct lnl_worker *w, int fd, bool tap, bool routed);
void lnl_worker_tun_del(struct lnl_worker *w);
/* Reads TUN, or stops reading, as links have room. */
void lnl_worker_tun_watch(struct lnl_worker *w);
/* Writes opened packets without a drop reason. */
void lnl_worker_tun_write(struct lnl_worker *w, const struct lnl_packet *pkts, unsigned n);

#endif
