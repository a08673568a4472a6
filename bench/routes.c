/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs to find a packet's peer by its destination, with few peers and with many: a server
 * whose peers have an IPv4 address, an IPv6 address and a network behind them each.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/env.h"
#include "bench/timing.h"
#include "data/data.h"

#define BATCH	64
#define BATCHES 64 /* different ones, so that not one destination is looked for all the time */
#define ROOM	40
#define ROUNDS	15
#define TURNS	200 /* of all batches, a round */

enum kind { KIND_V4, KIND_V6, KIND_BEHIND, KIND_MISS, KINDS };
static const char *const kind_names[] = { "IPv4", "IPv6", "iroute", "none" };
static const uint32_t counts[] = { 1, 100, 10000 };

#define N_COUNTS (sizeof(counts) / sizeof(counts[0]))

static void die(const char *what)
{
	fprintf(stderr, "bench/routes: %s\n", what);
	exit(1);
}

/* Peer |id|'s address of this kind, or one inside its network. */
static struct lnl_ip address_of(enum kind kind, uint32_t id)
{
	struct lnl_ip ip = { kind == KIND_V6 ? 6 : 4, { 0 } };
	uint8_t *last = ip.bytes + (kind == KIND_V6 ? 14 : 2);

	ip.bytes[0] = kind == KIND_V6 ? 0xfd : kind == KIND_V4 ? 10 : kind == KIND_MISS ? 192 : 20;
	if (kind == KIND_BEHIND) {
		last = ip.bytes + 1;
		ip.bytes[3] = 77;
	}
	last[0] = (uint8_t)(id >> 8);
	last[1] = (uint8_t)id;
	return ip;
}

static struct lnl_data *new_plane(uint32_t peers)
{
	struct lnl_data *d;

	if (lnl_data_new(&d, &bench_env, peers) != 0)
		die("out of memory");
	for (uint32_t id = 0; id < peers; id++) {
		struct lnl_peer_conf conf = { .id = id, .wire_id = id };
		struct lnl_prefix p[] = { { address_of(KIND_V4, id), 32 },
					  { address_of(KIND_V6, id), 128 },
					  { address_of(KIND_BEHIND, id), 24 } };
		if (lnl_data_peer_add(d, &conf, 0) != 0)
			die("cannot add a peer");
		for (unsigned i = 0; i < 3; i++) {
			if (lnl_data_route_add(d, &p[i], id) != 0)
				die("cannot add a route");
		}
	}
	return d;
}

static void fill(struct lnl_packet *pkts, uint8_t (*bytes)[ROOM], enum kind kind, uint32_t peers)
{
	uint64_t seed = 1;

	for (unsigned i = 0; i < BATCH * BATCHES; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint32_t id = (uint32_t)(seed >> 33) % peers;
		struct lnl_ip ip = address_of(kind, id);
		memset(bytes[i], 0, ROOM);
		bytes[i][0] = ip.family == 4 ? 0x45 : 0x60;
		memcpy(bytes[i] + (ip.family == 4 ? 16 : 24), ip.bytes, ip.family == 4 ? 4 : 16);
		pkts[i] = (struct lnl_packet){ .p = bytes[i], .len = ROOM, .peer = id };
	}
}

static void check(const struct lnl_data *d, const struct lnl_packet *pkts, enum kind kind)
{
	for (unsigned i = 0; i < BATCH * BATCHES; i++) {
		struct lnl_ip ip = { pkts[i].p[0] >> 4, { 0 } };
		memcpy(ip.bytes, pkts[i].p + (ip.family == 4 ? 16 : 24), ip.family == 4 ? 4 : 16);
		uint32_t want = kind == KIND_MISS ? LNL_PEER_ID_NONE : pkts[i].peer;
		if (lnl_data_route_find(d, &ip) != want)
			die("a packet goes astray");
	}
}

/* ns a packet: the median round. */
static double measure(struct lnl_data *d, struct lnl_packet *pkts)
{
	double took[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t sum = 0;
		for (unsigned t = 0; t < TURNS; t++) {
			for (unsigned i = 0; i < BATCH * BATCHES; i++)
				pkts[i].drop = LNL_DROP_NONE;
			uint64_t t0 = bench_ns(CLOCK_MONOTONIC);
			for (unsigned i = 0; i < BATCHES; i++)
				lnl_data_route(d, pkts + (size_t)i * BATCH, BATCH);
			sum += bench_ns(CLOCK_MONOTONIC) - t0;
		}
		took[r] = (double)sum / TURNS / BATCHES / BATCH;
	}
	return bench_median(took, ROUNDS);
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool checks = false;

	for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (o == 'c') {
			checks = true;
		} else if (o == 'h') {
			puts("routes [--check]: ns to find a packet's peer by its destination, with 1,\n"
			     "100 and 10,000 peers of three routes each, at random; a destination that\n"
			     "has no route is the worst case, since every length is tried.\n"
			     "  --check   fail when 10,000 peers cost more than twice what 100 do");
			exit(0);
		} else {
			exit(2);
		}
	}
	if (optind != argc)
		exit(2);
	return checks;
}

int main(int argc, char **argv)
{
	static struct lnl_packet pkts[BATCH * BATCHES];
	static uint8_t bytes[BATCH * BATCHES][ROOM];
	bool checks = parse(argc, argv), ok = true;
	double ns[KINDS][N_COUNTS];

	if (lnl_crypto_init(NULL) != 0)
		die("cannot start wolfSSL");
	for (unsigned c = 0; c < N_COUNTS; c++) {
		struct lnl_data *d = new_plane(counts[c]);
		for (int kind = 0; kind < KINDS; kind++) {
			fill(pkts, bytes, (enum kind)kind, counts[c]);
			check(d, pkts, (enum kind)kind);
			ns[kind][c] = measure(d, pkts);
		}
		lnl_data_free(d);
	}
	lnl_crypto_deinit();
	printf("ns a packet, %d random destinations, medians of %d rounds\n%-12s", BATCH * BATCHES,
	       ROUNDS, "destination");
	for (unsigned c = 0; c < N_COUNTS; c++)
		printf(" %7u peers", counts[c]);
	printf("\n");
	for (unsigned kind = 0; kind < KINDS; kind++) {
		printf("%-12s", kind_names[kind]);
		for (unsigned c = 0; c < N_COUNTS; c++)
			printf(" %13.1f", ns[kind][c]);
		printf("\n");
		ok = ok && ns[kind][N_COUNTS - 1] <= 2 * ns[kind][N_COUNTS - 2];
	}
	return checks && !ok ? 1 : 0;
}
