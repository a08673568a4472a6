/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbered packets inside the tunnel: which came, how often, whole, and in which order. */
#ifndef LNL_SIM_TRAFFIC_H
#define LNL_SIM_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_NUMBERS (1U << 18) /* packets that are told apart, each way */
#define SIM_PACKET  64	       /* bytes of a packet unless the test says otherwise */

/* Inner packets of one direction. */
struct sim_traffic {
	uint32_t sent;
	unsigned long got, doubled, damaged, reordered;
	uint32_t highest;
	uint8_t seen[SIM_NUMBERS / 8];
};

/* Writes an IPv4 packet of |len| bytes, at least SIM_PACKET, that tells its |number|. */
void sim_traffic_fill(uint8_t *p, size_t len, uint32_t number);
/* One came. */
void sim_traffic_take(struct sim_traffic *t, const uint8_t *data, size_t len);

#endif
