/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What sealing and opening cost a server, by its number of peers. Part of bench/engine. */
#include "bench/engine_offload.h"
#include "bench/engine_server.h"

#define ROUNDS_MAX  1000
#define BATCHES_MIN 30 /* in a round, however busy the machine is */
#define BATCHES_MAX 8192
#define JUDGED	    1400 /* bytes */

static const uint32_t counts[] = { 1, 100, 10000 };
static const uint32_t sizes[] = { 1400, 64 };
static const unsigned trains[] = { SERVER_TRAIN, 1 };

#define N(a) (sizeof(a) / sizeof((a)[0]))
_Static_assert(N(counts) * N(sizes) * (2 * SERVER_OPS - 1) == PEERS_ROWS, "a row for each");

/* One figure a round, or a batch. */
struct took {
	double v[SERVER_OPS][SERVER_SIDES][BATCHES_MAX];
};

static bool has(unsigned train, unsigned op)
{
	return op != SERVER_SPLIT || train == SERVER_TRAIN;
}

/* One batch of every kind, the same peers for both sides; into place |i|. */
static void run_batch(struct server *s, unsigned train, struct took *t, unsigned i,
		      const uint64_t *allocations, uint64_t sums[SERVER_OPS])
{
	for (unsigned op = 0; op < SERVER_OPS; op++) {
		if (!has(train, op))
			continue;
		server_choose(s);
		uint64_t before = *allocations;
		t->v[op][SERVER_ENGINE][i] =
			(double)server_run(s, SERVER_ENGINE, (enum server_op)op) / SERVER_BATCH;
		sums[op] += *allocations - before;
		t->v[op][SERVER_RAW][i] =
			(double)server_run(s, SERVER_RAW, (enum server_op)op) / SERVER_BATCH;
	}
}

/* The median batch of each kind; how many batches there were. */
static unsigned run_round(struct server *s, unsigned train, unsigned milliseconds,
			  const uint64_t *allocations, uint64_t sums[SERVER_OPS],
			  double out[SERVER_OPS][SERVER_SIDES])
{
	static struct took t;
	uint64_t end = bench_now_ns() + 6 * milliseconds * UINT64_C(1000000);
	unsigned n = 0;

	do {
		run_batch(s, train, &t, n, allocations, sums);
	} while (++n < BATCHES_MIN || (n < BATCHES_MAX && bench_now_ns() < end));
	for (unsigned op = 0; op < SERVER_OPS; op++)
		for (unsigned side = 0; has(train, op) && side < SERVER_SIDES; side++)
			out[op][side] = bench_median(t.v[op][side], n);
	return n;
}

/* The rows of one size and train; returns how many. */
static unsigned measure(struct server *s, const struct peers_row *like, struct peers_row *rows,
			unsigned rounds, unsigned milliseconds, const uint64_t *allocations)
{
	static double ns[SERVER_OPS][SERVER_SIDES][ROUNDS_MAX], ratio[SERVER_OPS][ROUNDS_MAX];
	double round[SERVER_OPS][SERVER_SIDES];
	uint64_t sums[SERVER_OPS] = { 0 };
	unsigned batches = 0, n = 0;

	server_set(s, like->bytes, like->train);
	run_round(s, like->train, milliseconds, allocations, sums, round); /* warms up */
	for (unsigned op = 0; op < SERVER_OPS; op++)
		sums[op] = 0;
	for (unsigned r = 0; r < rounds; r++) {
		batches += run_round(s, like->train, milliseconds, allocations, sums, round);
		for (unsigned op = 0; op < SERVER_OPS; op++) {
			ns[op][SERVER_ENGINE][r] = round[op][SERVER_ENGINE];
			ns[op][SERVER_RAW][r] = round[op][SERVER_RAW];
			ratio[op][r] = round[op][SERVER_RAW] / round[op][SERVER_ENGINE];
		}
	}
	for (unsigned op = 0; op < SERVER_OPS; op++) {
		if (!has(like->train, op))
			continue;
		struct peers_row *row = &rows[n++];
		*row = *like;
		row->op = (enum server_op)op;
		row->ns = bench_median(ns[op][SERVER_ENGINE], rounds);
		row->raw_ns = bench_median(ns[op][SERVER_RAW], rounds);
		row->ratio = bench_median(ratio[op], rounds); /* sorted from here on */
		row->low = ratio[op][rounds / 4];
		row->high = ratio[op][rounds - 1 - rounds / 4];
		row->allocations = (double)sums[op] / batches / SERVER_BATCH;
	}
	return n;
}

void peers_measure(struct peers_row rows[PEERS_ROWS], unsigned rounds, unsigned milliseconds,
		   const uint64_t *allocations)
{
	unsigned n = 0;

	for (unsigned c = 0; c < N(counts); c++) {
		struct server *s = server_new(counts[c]);

		for (unsigned i = 0; i < N(sizes) * N(trains); i++) {
			struct peers_row like = { .peers = counts[c],
						  .bytes = sizes[i / N(trains)],
						  .train = trains[i % N(trains)] };

			n += measure(s, &like, rows + n, rounds, milliseconds, allocations);
		}
		server_free(s);
	}
}

void peers_print(const struct peers_row rows[PEERS_ROWS])
{
	printf("%-12s %5s %5s %-5s %9s %9s %6s %11s %8s %7s\n", "server", "bytes", "train", "",
	       "ns/packet", "raw ns", "ratio", "quarters", "ns over", "allocs");
	for (unsigned i = 0; i < PEERS_ROWS; i++) {
		const struct peers_row *r = &rows[i];

		printf("%6u peer%s %5u %5u %-5s %9.1f %9.1f %5.1f%% %4.1f to %4.1f %8.1f %7.3f\n",
		       r->peers, r->peers == 1 ? " " : "s", r->bytes, r->train,
		       server_op_names[r->op], r->ns, r->raw_ns, r->ratio * 100, r->low * 100,
		       r->high * 100, r->ns - r->raw_ns, r->allocations);
	}
}

void peers_write_json(FILE *f, const struct peers_row rows[PEERS_ROWS])
{
	for (unsigned i = 0; i < PEERS_ROWS; i++) {
		const struct peers_row *r = &rows[i];

		fprintf(f, "%s\n{\"peers\":%u,\"bytes\":%u,\"train\":%u,\"op\":\"%s\",",
			i == 0 ? "" : ",", r->peers, r->bytes, r->train, server_op_names[r->op]);
		fprintf(f, "\"ns\":%.2f,\"raw_ns\":%.2f,\"ratio\":%.4f,\"ratio_low\":%.4f,", r->ns,
			r->raw_ns, r->ratio, r->low);
		fprintf(f, "\"ratio_high\":%.4f,\"allocations\":%g}", r->high, r->allocations);
	}
}

bool peers_goal_holds(const struct peers_row rows[PEERS_ROWS], double goal)
{
	bool ok = true;

	for (unsigned i = 0; i < PEERS_ROWS; i++) {
		const struct peers_row *r = &rows[i];

		if (r->allocations > 0) {
			fprintf(stderr, "bench/engine: server: packets allocate memory\n");
			return false;
		}
		if (r->bytes != JUDGED || r->op == SERVER_SPLIT || r->ratio >= goal)
			continue;
		fprintf(stderr, "bench/engine: server: %u peers, trains of %u, %s: below %.0f%%\n",
			r->peers, r->train, server_op_names[r->op], goal * 100);
		ok = false;
	}
	return ok;
}
