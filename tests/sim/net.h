/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A network between two ends, in virtual time, that loses, doubles, delays and damages by a seed. */
#ifndef LNL_SIM_NET_H
#define LNL_SIM_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_PACKET_MAX 4096

enum { SIM_CLIENT, SIM_SERVER, SIM_ENDS };

/* Chances are one in so many packets; 0: never. Times in microseconds. */
struct sim_faults {
	unsigned drop, duplicate, corrupt, reorder;
	uint64_t delay; /* one way */
	uint64_t jitter;
};

struct sim_packet {
	struct sim_packet *next, *before;
	uint64_t at;
	unsigned to;
	size_t len;
	uint8_t bytes[SIM_PACKET_MAX];
};

struct sim_net {
	uint64_t seed;
	struct sim_faults faults;
	bool stream;	    /* TCP: in order, nothing is lost */
	bool cut[SIM_ENDS]; /* what this end sends is lost */
	struct sim_packet *first, *last;
	struct sim_packet *spare;
	unsigned long sent[SIM_ENDS], lost[SIM_ENDS];
	uint64_t bytes[SIM_ENDS];
	/* Sees every packet before it is sent; false: it is not. NULL: none. */
	bool (*tap)(void *ctx, unsigned from, uint8_t *bytes, size_t *len);
	void *tap_ctx;
};

void sim_net_init(struct sim_net *n, uint64_t seed);
void sim_net_deinit(struct sim_net *n);
void sim_net_send(struct sim_net *n, unsigned from, const void *data, size_t len, uint64_t now);
/* The next packet that has arrived at |now|, or NULL; give it back by sim_net_took. */
struct sim_packet *sim_net_next(struct sim_net *n, uint64_t now);
void sim_net_took(struct sim_net *n, struct sim_packet *p);
/* When the next packet arrives, or LNL_NEVER. */
uint64_t sim_net_due(const struct sim_net *n);

#endif
