/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a second thread with a data plane of its own brings. Part of bench/engine. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "bench/engine_offload.h"
#include "bench/engine_server.h"

#define THREADS	    2
#define ROUNDS_MAX  1000
#define BATCHES_MIN 100 /* in a phase, however busy the machine is */
#define BATCHES_MAX 4096
#define BYTES	    1400

static const unsigned trains[] = { SERVER_TRAIN, 1 };
static const enum server_op ops[] = { SERVER_SEAL, SERVER_OPEN };

#define N_TRAINS 2
#define N_OPS	 2
_Static_assert(N_TRAINS *N_OPS == WORKERS_ROWS, "a row for each");

struct worker {
	struct server *server;
	int cpu; /* which is this thread's alone, as far as we can say */
	enum server_side side;
	uint64_t end;
	double median[N_OPS]; /* ns a packet */
	double took[N_OPS][BATCHES_MAX];
};

/* Packets a nanosecond. */
struct speed {
	double alone[N_OPS]; /* a thread's, the mean of both */
	double both[N_OPS];  /* their sum */
};

static void die(const char *what)
{
	fprintf(stderr, "bench/engine: workers: %s\n", what);
	exit(1);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned n = 0;
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET((unsigned)w->cpu, &cpu);
	if (pthread_setaffinity_np(pthread_self(), sizeof(cpu), &cpu) != 0)
		die("a processor is gone");
	do {
		for (unsigned op = 0; op < N_OPS; op++) {
			server_choose(w->server);
			w->took[op][n] =
				(double)server_run(w->server, w->side, ops[op]) / SERVER_BATCH;
		}
	} while (++n < BATCHES_MIN || (n < BATCHES_MAX && bench_now_ns() < w->end));
	for (unsigned op = 0; op < N_OPS; op++)
		w->median[op] = bench_median(w->took[op], n);
	return NULL;
}

/* Runs |n| threads at once. */
static void run_phase(struct worker *w, unsigned n, enum server_side side, unsigned milliseconds)
{
	uint64_t end = bench_now_ns() + 4 * milliseconds * UINT64_C(1000000);
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < n; i++) {
		w[i].side = side;
		w[i].end = end;
		if (pthread_create(&threads[i], NULL, work, &w[i]) != 0)
			die("cannot start a thread");
	}
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static struct speed run_round(struct worker w[THREADS], enum server_side side,
			      unsigned milliseconds)
{
	struct speed v = { 0 };

	for (unsigned i = 0; i < THREADS; i++) {
		run_phase(&w[i], 1, side, milliseconds);
		for (unsigned op = 0; op < N_OPS; op++)
			v.alone[op] += 1 / w[i].median[op] / THREADS;
	}
	run_phase(w, THREADS, side, milliseconds);
	for (unsigned i = 0; i < THREADS; i++)
		for (unsigned op = 0; op < N_OPS; op++)
			v.both[op] += 1 / w[i].median[op];
	return v;
}

/* The rows of one train. */
static void measure(struct worker w[THREADS], unsigned train, struct workers_row rows[N_OPS],
		    unsigned rounds, unsigned milliseconds)
{
	static double ns[N_OPS][SERVER_SIDES][THREADS][ROUNDS_MAX],
		scale[N_OPS][SERVER_SIDES][ROUNDS_MAX], ratio[N_OPS][ROUNDS_MAX];

	for (unsigned i = 0; i < THREADS; i++)
		server_set(w[i].server, BYTES, train);
	for (unsigned side = 0; side < SERVER_SIDES; side++)
		run_round(w, (enum server_side)side, milliseconds); /* warms up */
	for (unsigned r = 0; r < rounds; r++) {
		for (unsigned side = 0; side < SERVER_SIDES; side++) {
			struct speed v = run_round(w, (enum server_side)side, milliseconds);

			for (unsigned op = 0; op < N_OPS; op++) {
				ns[op][side][0][r] = 1 / v.alone[op];
				ns[op][side][1][r] = THREADS / v.both[op];
				scale[op][side][r] = v.both[op] / v.alone[op];
			}
		}
		for (unsigned op = 0; op < N_OPS; op++)
			ratio[op][r] = scale[op][SERVER_ENGINE][r] / scale[op][SERVER_RAW][r];
	}
	for (unsigned op = 0; op < N_OPS; op++) {
		struct workers_row *row = &rows[op];

		row->train = train;
		row->op = ops[op];
		for (unsigned side = 0; side < SERVER_SIDES; side++) {
			row->ns[side][0] = bench_median(ns[op][side][0], rounds);
			row->ns[side][1] = bench_median(ns[op][side][1], rounds);
			row->scale[side] = bench_median(scale[op][side], rounds);
		}
		row->ratio = bench_median(ratio[op], rounds); /* sorted from here on */
		row->low = ratio[op][rounds / 4];
		row->high = ratio[op][rounds - 1 - rounds / 4];
	}
}

/* Different processors for the threads; false where there are too few. */
static bool choose_processors(struct worker w[THREADS])
{
	unsigned n = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return false;
	for (int cpu = 0; cpu < CPU_SETSIZE && n < THREADS; cpu++)
		if (CPU_ISSET((unsigned)cpu, &set))
			w[n++].cpu = cpu;
	return n == THREADS;
}

bool workers_measure(struct workers_row rows[WORKERS_ROWS], unsigned rounds, unsigned milliseconds)
{
	static struct worker w[THREADS];

	if (!choose_processors(w))
		return false;
	for (unsigned i = 0; i < THREADS; i++)
		w[i].server = server_new(WORKERS_PEERS);
	for (unsigned t = 0; t < N_TRAINS; t++)
		measure(w, trains[t], rows + t * N_OPS, rounds, milliseconds);
	for (unsigned i = 0; i < THREADS; i++)
		server_free(w[i].server);
	return true;
}

void workers_print(const struct workers_row rows[WORKERS_ROWS])
{
	printf("%-12s %5s %5s %-5s %9s %9s %6s %9s %9s %6s %6s %12s\n", "workers", "bytes", "train",
	       "", "ns with 1", "with 2", "scale", "raw ns 1", "raw 2", "scale", "ratio",
	       "quarters");
	for (unsigned i = 0; i < WORKERS_ROWS; i++) {
		const struct workers_row *r = &rows[i];

		printf("%6u peers %5u %5u %-5s", WORKERS_PEERS, BYTES, r->train,
		       server_op_names[r->op]);
		for (unsigned side = 0; side < SERVER_SIDES; side++)
			printf(" %9.1f %9.1f %6.2f", r->ns[side][0], r->ns[side][1],
			       r->scale[side]);
		printf(" %5.1f%% %4.1f to %5.1f\n", r->ratio * 100, r->low * 100, r->high * 100);
	}
}

void workers_write_json(FILE *f, const struct workers_row rows[WORKERS_ROWS])
{
	for (unsigned i = 0; i < WORKERS_ROWS; i++) {
		const struct workers_row *r = &rows[i];

		fprintf(f, "%s\n{\"peers\":%u,\"bytes\":%u,\"train\":%u,\"op\":\"%s\",",
			i == 0 ? "" : ",", WORKERS_PEERS, BYTES, r->train, server_op_names[r->op]);
		fprintf(f, "\"ns\":[%.2f,%.2f],\"scale\":%.4f,", r->ns[SERVER_ENGINE][0],
			r->ns[SERVER_ENGINE][1], r->scale[SERVER_ENGINE]);
		fprintf(f, "\"raw_ns\":[%.2f,%.2f],\"raw_scale\":%.4f,", r->ns[SERVER_RAW][0],
			r->ns[SERVER_RAW][1], r->scale[SERVER_RAW]);
		fprintf(f, "\"ratio\":%.4f,\"ratio_low\":%.4f,\"ratio_high\":%.4f}", r->ratio,
			r->low, r->high);
	}
}

bool workers_goal_holds(const struct workers_row rows[WORKERS_ROWS], double goal)
{
	bool ok = true;

	for (unsigned i = 0; i < WORKERS_ROWS; i++) {
		const struct workers_row *r = &rows[i];

		if (r->ratio >= goal)
			continue;
		fprintf(stderr,
			"bench/engine: workers: trains of %u, %s: below %.0f%% of raw's scale\n",
			r->train, server_op_names[r->op], goal * 100);
		ok = false;
	}
	return ok;
}
