/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A data plane as a server has it, many peers with keys, routes and replay windows of their own,
 * beside wolfSSL with as many keys, which takes them in the same order. Part of bench/engine.
 */
#ifndef LNL_BENCH_ENGINE_SERVER_H
#define LNL_BENCH_ENGINE_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define SERVER_BATCH 80 /* packets: two trains of super-packets */
#define SERVER_TRAIN 40 /* segments of one super-packet, all for one peer */

/* ---- engine_server.c: the server ---- */

struct server;

enum server_side { SERVER_ENGINE, SERVER_RAW, SERVER_SIDES };
enum server_op {
	SERVER_SEAL, /* a route for each train, then each packet from TUN's buffer to the outgoing */
	SERVER_SPLIT, /* the same, cut from a super-packet on the way */
	SERVER_OPEN,
	SERVER_OPS
};

/* Ends the program where memory or keys are refused. */
struct server *server_new(uint32_t peers);
void server_free(struct server *s);
/* What its packets are like from now on; |train| packets for one peer follow on each other. */
void server_set(struct server *s, uint32_t bytes, unsigned train);
/* Peers at random for the next batch: as many as it has trains. */
void server_choose(struct server *s);
/*
 * Does |op| with the batch's packets, and returns how many nanoseconds it took. What that needs
 * first (packets in TUN's buffer, packets sealed by clients) is not in them. Ends the program when
 * a packet is dropped. wolfSSL knows no cutting: there SERVER_SPLIT is SERVER_SEAL.
 */
uint64_t server_run(struct server *s, enum server_side side, enum server_op op);
extern const char *const server_op_names[SERVER_OPS];

/* ---- engine_peers.c: by number of peers ---- */

#define PEERS_ROWS 30

struct peers_row {
	uint32_t peers, bytes;
	unsigned train;
	enum server_op op;
	double ns, raw_ns; /* a packet, medians */
	double ratio;	   /* raw to engine, and by how much one round's differs from another's */
	double low, high;  /* a quarter of the rounds is below, a quarter above */
	double allocations;
};

/* |allocations| counts those of the program. */
void peers_measure(struct peers_row rows[PEERS_ROWS], unsigned rounds, unsigned milliseconds,
		   const uint64_t *allocations);
void peers_print(const struct peers_row rows[PEERS_ROWS]);
/* The rows as elements of a JSON array. */
void peers_write_json(FILE *f, const struct peers_row rows[PEERS_ROWS]);
/* Whether sealing and opening 1,400 bytes reach |goal| of wolfSSL everywhere; says where not. */
bool peers_goal_holds(const struct peers_row rows[PEERS_ROWS], double goal);

/* ---- engine_workers.c: by number of threads ---- */

#define WORKERS_PEERS 1000 /* of each */
#define WORKERS_ROWS  4

struct workers_row {
	unsigned train;
	enum server_op op;
	double ns[SERVER_SIDES][2]; /* a packet, with one thread and with two; medians */
	double scale[SERVER_SIDES]; /* packets a second with two to those with one */
	double ratio, low, high;    /* the engine's scale to wolfSSL's; quarters as above */
};

/* False, and no rows, where the process has one processor only. */
bool workers_measure(struct workers_row rows[WORKERS_ROWS], unsigned rounds, unsigned milliseconds);
void workers_print(const struct workers_row rows[WORKERS_ROWS]);
void workers_write_json(FILE *f, const struct workers_row rows[WORKERS_ROWS]);
bool workers_goal_holds(const struct workers_row rows[WORKERS_ROWS], double goal);

#endif
