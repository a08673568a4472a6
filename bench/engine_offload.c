/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/engine_offload.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/coalesce.h"
#include "data/csum.h"
#include "data/split.h"
#include "tests/unit/test_data_offload.h"

#define PACKET	   1400 /* bytes */
#define PACKETS	   46	/* a super-packet of nearly 64 KiB */
#define FLOWS_MAX  8
#define PLACE	   2048 /* bytes from one packet to the next */
#define ROUNDS_MAX 1000
#define BATCHES	   4096 /* a round's, at most */

enum what { SPLIT, COALESCE, CSUM };

/* What rows are measured; payloads are made so that packets have |bytes| with their headers. */
static const struct {
	enum what what;
	const char *name;
	bool ipv4, tcp;
	unsigned flows;
	uint32_t bytes;
} kinds[OFFLOAD_ROWS] = {
	{ SPLIT, "TCP, IPv4", true, true, 1, PACKET },
	{ SPLIT, "TCP, IPv6", false, true, 1, PACKET },
	{ SPLIT, "UDP, IPv4", true, false, 1, PACKET },
	{ COALESCE, "TCP, IPv4", true, true, 1, PACKET },
	{ COALESCE, "TCP, IPv6", false, true, 1, PACKET },
	{ COALESCE, "UDP, IPv4", true, false, 1, PACKET },
	{ COALESCE, "TCP, IPv4, 8 flows", true, true, FLOWS_MAX, PACKET },
	{ CSUM, "", false, false, 1, PACKET },
	{ CSUM, "", false, false, 1, 64 },
};
static const char *const ops[] = { "split", "coalesce", "csum" };

struct offload {
	unsigned kind;
	struct shape shape;
	struct lnl_vnet vnet;
	uint32_t super_len;
	struct lnl_coalesce coalesce;
	struct lnl_packet pkts[PACKETS];
	uint8_t super[SUPER_MAX], headers[FLOWS_MAX][LNL_SPLIT_HEADERS];
	uint8_t packets[PACKETS][PLACE], copies[PACKETS][PLACE];
	uint64_t sum; /* so that nothing is left out by the compiler */
};

uint64_t bench_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double bench_median(double *v, unsigned n)
{
	qsort(v, n, sizeof(*v), compare);
	return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static void die(const char *what)
{
	fprintf(stderr, "bench/engine: %s\n", what);
	exit(1);
}

/* The super-packet, and the packets of the flows by turns. */
static void fill(struct offload *o, unsigned kind)
{
	struct shape s = { .ipv4 = kinds[kind].ipv4, .tcp = kinds[kind].tcp, .flags = 16 };
	unsigned flows = kinds[kind].flows;
	struct lnl_vnet none;

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	s.tcp_more = s.tcp ? 12 : 0; /* timestamps */
	uint32_t segment = PACKET - shape_headers(&s);
	s.payload = segment;
	for (unsigned i = 0; i < PACKETS; i++) {
		struct shape one = s;
		one.port = 1000 + i % flows;
		one.seq = i / flows * segment;
		one.id = i / flows;
		uint32_t len = build_packet(&one, o->packets[i], &none);
		o->pkts[i] = (struct lnl_packet){
			.p = o->packets[i], .len = len, .peer = 1, .relay = LNL_PEER_ID_NONE
		};
		if (i < flows)
			memcpy(o->headers[i], o->packets[i], shape_headers(&s));
	}
	s.gso_size = segment;
	s.payload = PACKETS * segment;
	o->shape = s;
	o->super_len = build_packet(&s, o->super, &o->vnet);
	o->coalesce.of = LNL_COALESCE_TCP | LNL_COALESCE_UDP;
	if (kinds[kind].what == SPLIT)
		memcpy(o->headers[0], o->super, shape_headers(&s));
}

/* One batch of the engine's; what it has changed is put back first, outside of the clock. */
static uint64_t ours(struct offload *o)
{
	unsigned flows = kinds[o->kind].flows, n = 0;
	uint32_t headers = shape_headers(&o->shape), len, bytes = kinds[o->kind].bytes;
	bool whole = kinds[o->kind].what == SPLIT;
	struct lnl_split split;
	uint8_t *p;

	for (unsigned i = 0; i < flows; i++)
		memcpy(whole ? o->super : o->packets[i], o->headers[i], headers);
	uint64_t start = bench_now_ns();
	switch (kinds[o->kind].what) {
	case SPLIT:
		if (lnl_split_init(&split, o->super, o->super_len, &o->vnet, 0) != 0)
			die("the super-packet was refused");
		while (lnl_split_next(&split, &p, &len))
			n++;
		break;
	case COALESCE:
		lnl_coalesce(&o->coalesce, o->pkts, PACKETS);
		n = o->coalesce.n == flows ? PACKETS : 0;
		break;
	case CSUM:
		for (; n < PACKETS; n++)
			o->sum += lnl_csum_add(0, o->packets[n], bytes);
	}
	uint64_t took = bench_now_ns() - start;
	if (n != PACKETS)
		die("packets were not cut or not put together");
	return took;
}

static uint64_t beside(struct offload *o)
{
	uint32_t bytes = kinds[o->kind].bytes;
	uint64_t start = bench_now_ns();

	for (unsigned i = 0; i < PACKETS; i++) {
		if (kinds[o->kind].what == CSUM)
			o->sum += lnl_csum_add_plain(0, o->packets[i], bytes);
		else
			memcpy(o->copies[i], o->packets[i], bytes);
		/* The copy is needed, as far as the compiler knows. */
		__asm__ volatile("" : : "r"(o->copies[i]) : "memory");
	}
	return bench_now_ns() - start;
}

/* One round: median batches, which take turns. */
static void run_round(struct offload *o, unsigned milliseconds, double *ns, double *beside_ns)
{
	static double took[2][BATCHES];
	uint64_t end = bench_now_ns() + 2 * milliseconds * UINT64_C(1000000);
	unsigned n = 0;

	do {
		took[0][n] = (double)ours(o) / PACKETS;
		took[1][n] = (double)beside(o) / PACKETS;
	} while (++n < BATCHES && bench_now_ns() < end);
	*ns = bench_median(took[0], n);
	*beside_ns = bench_median(took[1], n);
}

void offload_measure(struct offload_row rows[OFFLOAD_ROWS], unsigned rounds, unsigned milliseconds)
{
	static double ns[ROUNDS_MAX], beside_ns[ROUNDS_MAX], ratio[ROUNDS_MAX];
	static struct offload o;

	for (unsigned kind = 0; kind < OFFLOAD_ROWS; kind++) {
		fill(&o, kind);
		for (unsigned i = 0; i < 100; i++)
			(void)(ours(&o) + beside(&o));
		for (unsigned r = 0; r < rounds && r < ROUNDS_MAX; r++) {
			run_round(&o, milliseconds, &ns[r], &beside_ns[r]);
			ratio[r] = beside_ns[r] / ns[r];
		}
		rows[kind] = (struct offload_row){
			.what = kinds[kind].name,
			.op = ops[kinds[kind].what],
			.beside = kinds[kind].what == CSUM ? "plain" : "memcpy",
			.bytes = kinds[kind].bytes,
			.ns = bench_median(ns, rounds),
			.beside_ns = bench_median(beside_ns, rounds),
			.ratio = bench_median(ratio, rounds),
		};
	}
}

void offload_print(const struct offload_row rows[OFFLOAD_ROWS])
{
	printf("%-18s %5s %-8s %9s %7s %-6s %9s %7s %6s\n", "offload", "bytes", "", "ns/packet",
	       "GB/s", "beside", "ns", "GB/s", "ratio");
	for (unsigned i = 0; i < OFFLOAD_ROWS; i++) {
		const struct offload_row *r = &rows[i];
		printf("%-18s %5u %-8s %9.1f %7.3f %-6s %9.1f %7.3f %5.1f%%\n", r->what, r->bytes,
		       r->op, r->ns, r->bytes / r->ns, r->beside, r->beside_ns,
		       r->bytes / r->beside_ns, r->ratio * 100);
	}
}

void offload_write_json(FILE *f, const struct offload_row rows[OFFLOAD_ROWS])
{
	for (unsigned i = 0; i < OFFLOAD_ROWS; i++) {
		const struct offload_row *r = &rows[i];
		fprintf(f, "%s\n{\"op\":\"%s\",\"what\":\"%s\",\"bytes\":%u,", i == 0 ? "" : ",",
			r->op, r->what, r->bytes);
		fprintf(f, "\"ns\":%.2f,\"gbps\":%.4f,\"beside\":\"%s\",", r->ns, r->bytes / r->ns,
			r->beside);
		fprintf(f, "\"beside_ns\":%.2f,\"beside_gbps\":%.4f,\"ratio\":%.4f}", r->beside_ns,
			r->bytes / r->beside_ns, r->ratio);
	}
}
