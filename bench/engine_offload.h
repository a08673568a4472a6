/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Segmentation offload in memory: cutting, putting together, checksums. Part of bench/engine. */
#ifndef LNL_BENCH_ENGINE_OFFLOAD_H
#define LNL_BENCH_ENGINE_OFFLOAD_H

#include <stdint.h>
#include <stdio.h>

#define OFFLOAD_ROWS 9

struct offload_row {
	const char *what, *op;
	const char *beside; /* what took turns with it on the same bytes */
	uint32_t bytes;
	double ns, beside_ns; /* a packet, or a call; medians */
	double ratio;	      /* of the two times: the median of the rounds' */
};

/* Measures all rows, |rounds| rounds of |milliseconds| each. Ends the program when one fails. */
void offload_measure(struct offload_row rows[OFFLOAD_ROWS], unsigned rounds, unsigned milliseconds);
void offload_print(const struct offload_row rows[OFFLOAD_ROWS]);
/* The rows as elements of a JSON array. */
void offload_write_json(FILE *f, const struct offload_row rows[OFFLOAD_ROWS]);

/* Nanoseconds of the monotonic clock. */
uint64_t bench_now_ns(void);
/* The median of |n| numbers, which are sorted. */
double bench_median(double *v, unsigned n);

#endif
