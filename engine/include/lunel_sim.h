/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The simulator behind `lunel test`: engines in virtual time, on a network in memory. It takes the
 * place of clock, libev, threads, sockets, devices, names and programs by the order of linking
 * (engine/sim/README.md); what is left is the engine as it is. One world a process, one thread.
 */
#ifndef LUNEL_SIM_H
#define LUNEL_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lnl_engine;

/* ---- the world ---- */

/* A new world, |wall| seconds after 1970. All engines of the one before are freed already. */
void lnl_sim_reset(double wall);
/* Moves the wall clock there; nothing that is due moves with it. */
void lnl_sim_set_wall(double wall);
/*
 * What is opened from now on belongs to host |host| (a number of the caller's, 1 to 1023), whose address
 * is |address|, of IPv4: its servers are reached there, its clients come from there.
 */
void lnl_sim_enter(unsigned host, const char *address);
/* Host |host| is reached at every address and port that nobody else has; 0: nobody is. */
void lnl_sim_everywhere(unsigned host);
/* Seconds one way of packets from now on (0.01 at first), and of how many UDP loses one (0: none). */
void lnl_sim_network(double delay, unsigned loss);

/* ---- time ---- */

/* Seconds since the world began. */
double lnl_sim_now(void);
/* Workers do what they have to do; true: there was something. */
bool lnl_sim_work(void);
/* Whether somebody has something to do without time passing. */
bool lnl_sim_is_busy(void);
/* Hosts whose engine has something to do in a turn, up to |cap|: how many. */
unsigned lnl_sim_busy_hosts(unsigned *out, unsigned cap);

enum lnl_sim_step {
	LNL_SIM_NOTHING, /* nothing was due; it is |until| now */
	LNL_SIM_MOVED,	 /* something happened, or can happen now */
	LNL_SIM_NOTE,	 /* lnl_sim_note's is due */
};
/* The next of what is due until |until|: the clock moves there. */
enum lnl_sim_step lnl_sim_step(double until, unsigned *note);
/* Has lnl_sim_step tell |note| at |at|. False when out of memory. */
bool lnl_sim_note(double at, unsigned note);

/* ---- what a test answers ---- */

/*
 * An operation (lunel.h) whose event, LNL_EVENT_TIMER, comes when lnl_sim_unpark is told |*park|. 0
 * when out of memory. Cancelled like others.
 */
uint64_t lnl_sim_park(struct lnl_engine *e, unsigned *park);
/* What is over already is fine. */
void lnl_sim_unpark(unsigned park);
/* How many there have been, in all worlds. */
unsigned lnl_sim_parks(void);

/* A name that an engine looks up, to connect to it. */
struct lnl_sim_lookup {
	unsigned id;
	unsigned host; /* who asks */
	const char *name;
	uint16_t port;
	int family; /* 0: any */
};
/* The next that has not been told; texts are valid until it is answered. */
bool lnl_sim_lookup(struct lnl_sim_lookup *out);
/* |address| NULL: there is no such name. What is no address any more (cancelled) is fine. */
void lnl_sim_found(unsigned id, const char *address);
/* Nothing that is sent to |address| arrives, and nobody answers there, as long as |gone|. */
void lnl_sim_set_gone(const char *address, bool gone);

/* ---- devices ---- */

/* A packet for the device of |host| to be read by its engine. False: it has none, or no memory. */
bool lnl_sim_tun_put(unsigned host, const void *bytes, size_t len);
/* The next packet that was written to a device of |host|: its length, 0 for none. */
size_t lnl_sim_tun_take(unsigned host, void *out, size_t cap);

/* What an engine has written to a file, by its name, in place of the disk; NULL: it has not. */
const char *lnl_sim_file(const char *path, size_t *len);

#endif
