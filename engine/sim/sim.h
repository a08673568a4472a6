/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this room share: the one world, its time, its endpoints. */
#ifndef LNL_SIM_SIM_H
#define LNL_SIM_SIM_H

#include <ev.h>

#include "io/address.h"
#include "lunel_sim.h"
#include "sim/due.h"

/* Who lies in the heap of what is due. */
enum lnl_sim_kind { LNL_SIM_TIMER, LNL_SIM_PACKET, LNL_SIM_TOLD };

/* ---- loop.c: time, and libev's loops over it ---- */

/* Microseconds. */
uint64_t lnl_sim_clock(void);
/* |what| happens then; see lnl_dues_put. Out of memory ends the process: it is a test's. */
void lnl_sim_put(int *place, uint64_t at, enum lnl_sim_kind kind, void *what);
void lnl_sim_drop(int *place);
/* |w| is to be called in its loop's next turn, if it is started. */
void lnl_sim_feed_io(ev_io *w, int revents);
/* Memory that is there. */
void *lnl_sim_alloc(size_t size);

/* ---- socket.c: datagrams, streams and devices in memory ---- */

enum lnl_sim_end_kind { LNL_SIM_UDP, LNL_SIM_LISTENER, LNL_SIM_STREAM, LNL_SIM_TUN };

struct lnl_sim_packet {
	struct lnl_sim_packet *next;
	enum lnl_sim_end_kind to_kind;
	int to_fd; /* of a stream */
	uint64_t serial;
	struct lnl_addr from, to;
	bool eof;
	size_t len, at;
	uint8_t bytes[];
};

/* What a file descriptor stands for. */
struct lnl_sim_end {
	enum lnl_sim_end_kind kind;
	unsigned host;
	uint64_t serial; /* another one for each that ever was */
	struct lnl_addr local, remote;
	int other; /* the stream's other end, -1: gone */
	uint64_t other_serial;
	struct lnl_sim_packet *first, **last;	/* to be read */
	struct lnl_sim_packet *out, **out_last; /* written to a device */
	unsigned n_out;
	ev_io *reader;
};

/* A new end: its descriptor, or a negative errno. */
int lnl_sim_open(enum lnl_sim_end_kind kind);
struct lnl_sim_end *lnl_sim_end(int fd);
/* Who is reached at |to|; NULL: nobody. */
struct lnl_sim_end *lnl_sim_at(enum lnl_sim_end_kind kind, const struct lnl_addr *to, int *fd);
bool lnl_sim_is_gone(const struct lnl_addr *to);
/* How long a packet takes. */
uint64_t lnl_sim_delay(void);
/* The current host's own address in the family of |like|, with another port each time. */
struct lnl_addr lnl_sim_own(const struct lnl_addr *like);
unsigned lnl_sim_host(void);
/* A packet has come to its end. */
void lnl_sim_arrive(struct lnl_sim_packet *p);
/* Somebody reads |w|'s descriptor: it is fed what waits. Or does not any more. */
void lnl_sim_watch(ev_io *w);
void lnl_sim_unwatch(ev_io *w);
void lnl_sim_sockets_reset(void);

/* ---- machine.c ---- */

void lnl_sim_machine_reset(void);

#endif
