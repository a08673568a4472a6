/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The data plane in memory, client to peer, beside what wolfSSL alone does in the same run. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/engine_offload.h"
#include "bench/engine_raw.h"
#include "bench/engine_server.h"
#include "bench/env.h"
#include "data/data.h"

#define BATCH	   64 /* packets between two looks at the clock: a burst of the real thing */
#define ROOM	   (LNL_HEADROOM + 2048 + LNL_TAILROOM)
#define ROUNDS_MAX 1000
#define PEER	   1
#define GOAL	   0.90 /* of raw, AES-256-GCM at 1,400 bytes; of what raw scales */

static const struct {
	enum lnl_cipher cipher;
	enum lnl_digest digest;
} ciphers[] = {
	{ LNL_CIPHER_AES_256_GCM, LNL_DIGEST_NONE },
	{ LNL_CIPHER_AES_128_GCM, LNL_DIGEST_NONE },
	{ LNL_CIPHER_CHACHA20_POLY1305, LNL_DIGEST_NONE },
	{ LNL_CIPHER_AES_256_CBC, LNL_DIGEST_SHA256 },
};
static const uint32_t sizes[] = { 64, 512, 1400 };

#define N_CIPHERS (sizeof(ciphers) / sizeof(ciphers[0]))
#define N_SIZES	  (sizeof(sizes) / sizeof(sizes[0]))

#define BATCHES_MAX (1u << 16) /* in a round */

enum kind { ENGINE, RAW, KINDS };
enum op { OP_SEAL, OP_OPEN, OP_COUNT };
static const char *const op_names[] = { "seal", "open" };

/* What can be measured by itself. */
enum part { PART_CIPHERS, PART_OFFLOAD, PART_SERVER, PART_WORKERS, PARTS };
static const char *const part_names[PARTS] = { "ciphers", "offload", "server", "workers" };

struct settings {
	const char *json;
	bool parts[PARTS];
	unsigned rounds;
	unsigned milliseconds; /* a round's, for each of the four measurements */
	bool check;
};

struct result {
	double ns, raw_ns;  /* a packet, medians */
	double ratio;	    /* raw to engine: the median of the rounds' */
	double allocations; /* a packet */
};

/* All that was measured; what was not is not printed. */
struct figures {
	struct result ciphers[N_CIPHERS][N_SIZES][OP_COUNT];
	struct offload_row offload[OFFLOAD_ROWS];
	struct peers_row peers[PEERS_ROWS];
	struct workers_row workers[WORKERS_ROWS];
	bool have[PARTS];
};

struct bench {
	struct lnl_data *client;
	struct lnl_data *server;
	struct raw *raw;
	struct lnl_packet pkts[BATCH];
	struct raw_packet raw_pkts[BATCH];
	uint32_t size;
	uint32_t raw_id;
	uint64_t allocations; /* inside lnl_data_seal and lnl_data_open */
	uint8_t (*buffers)[ROOM];
};

/* ---- allocations: the linker sends every one of the program's through here ---- */

static uint64_t n_allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	n_allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	n_allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	n_allocations++;
	return __real_realloc(p, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
	n_allocations++;
	return __real_posix_memalign(out, alignment, size);
}

/* ---- the world ---- */

static void die(const char *what)
{
	fprintf(stderr, "bench/engine: %s\n", what);
	exit(1);
}

static void install(struct bench *b, unsigned c)
{
	struct lnl_key_conf key = { .cipher = ciphers[c].cipher, .digest = ciphers[c].digest };
	struct lnl_peer_conf conf = { .id = PEER, .wire_id = PEER };

	key.expires = LNL_NEVER;
	if (lnl_crypto_random(NULL, key.send.cipher, sizeof(key.send.cipher)) != 0 ||
	    lnl_crypto_random(NULL, key.send.hmac, sizeof(key.send.hmac)) != 0)
		die("no randomness");
	key.recv = key.send;
	if (lnl_data_new(&b->client, &bench_env, 1) != 0 ||
	    lnl_data_new(&b->server, &bench_env, 1) != 0 ||
	    lnl_data_peer_add(b->client, &conf, 0) != 0 ||
	    lnl_data_peer_add(b->server, &conf, 0) != 0 ||
	    lnl_data_key_install(b->client, PEER, LNL_SLOT_PRIMARY, &key) != 0 ||
	    lnl_data_key_install(b->server, PEER, LNL_SLOT_PRIMARY, &key) != 0)
		die("cannot set up the planes");
	b->raw = raw_new(ciphers[c].cipher, key.send.cipher, key.send.hmac);
	if (b->raw == NULL)
		die("cannot set up wolfSSL");
}

/* A UDP packet in every buffer; it survives the way there and back, so it is written once. */
static void fill(struct bench *b, bool cbc)
{
	for (unsigned i = 0; i < BATCH; i++) {
		uint8_t *p = b->buffers[i] + LNL_HEADROOM;
		memset(b->buffers[i], 0, ROOM);
		for (uint32_t k = 0; k < b->size; k++)
			p[k] = (uint8_t)(i + k);
		memcpy(p, "\x45\x00", 2);
		p[2] = (uint8_t)(b->size >> 8);
		p[3] = (uint8_t)b->size;
		p[9] = 17;
		b->pkts[i] = (struct lnl_packet){ .p = p, .len = b->size, .peer = PEER };
		b->raw_pkts[i] = (struct raw_packet){
			.ad = p - 24,
			.tag = p - 16 - (cbc ? 32 : 0),
			.iv = p - 16,
			.text = p,
			.len = cbc ? (b->size + 4) / 16 * 16 + 16 : b->size,
		};
	}
}

static void teardown(struct bench *b)
{
	lnl_data_free(b->client);
	lnl_data_free(b->server);
	raw_free(b->raw);
}

/* ---- one batch each way, and how long each part took: it ends as it began ---- */

static void engine_batch(struct bench *b, uint64_t ns[OP_COUNT])
{
	uint64_t before = n_allocations;
	uint64_t t0 = bench_now_ns();
	unsigned sealed = lnl_data_seal(b->client, b->pkts, BATCH, t0 / 1000);
	uint64_t t1 = bench_now_ns();
	unsigned opened = lnl_data_open(b->server, b->pkts, BATCH, t1 / 1000);
	uint64_t t2 = bench_now_ns();

	b->allocations += n_allocations - before;
	if (sealed != BATCH || opened != BATCH)
		die("a packet was dropped");
	ns[OP_SEAL] = t1 - t0;
	ns[OP_OPEN] = t2 - t1;
}

static void raw_batch(struct bench *b, uint64_t ns[OP_COUNT])
{
	uint64_t t0 = bench_now_ns();
	bool sealed = raw_seal(b->raw, b->raw_pkts, BATCH, b->raw_id);
	uint64_t t1 = bench_now_ns();
	bool opened = raw_open(b->raw, b->raw_pkts, BATCH, b->raw_id);
	uint64_t t2 = bench_now_ns();

	if (!sealed || !opened)
		die("wolfSSL failed");
	b->raw_id += BATCH;
	ns[OP_SEAL] = t1 - t0;
	ns[OP_OPEN] = t2 - t1;
}

/* Batches that fill a round; they also warm caches and clocks up. */
static unsigned calibrate(struct bench *b, unsigned milliseconds)
{
	for (unsigned n = 16;; n *= 2) {
		uint64_t sum = 0;
		for (unsigned i = 0; i < n; i++) {
			uint64_t ns[KINDS][OP_COUNT];
			engine_batch(b, ns[ENGINE]);
			raw_batch(b, ns[RAW]);
			sum += (ns[0][0] + ns[0][1] + ns[1][0] + ns[1][1]) / 4;
		}
		if (sum < 2000000 && n < BATCHES_MAX)
			continue;
		uint64_t batches = milliseconds * UINT64_C(1000000) * n / (sum + 1) + 1;
		return batches < BATCHES_MAX ? (unsigned)batches : BATCHES_MAX;
	}
}

/*
 * One round: the median batch of each measurement, so that a batch during which somebody else had
 * the processor counts no more than any other. The kinds take turns.
 */
static void run_round(struct bench *b, unsigned batches, double out[KINDS][OP_COUNT])
{
	static double took[KINDS][OP_COUNT][BATCHES_MAX];

	for (unsigned i = 0; i < batches; i++) {
		uint64_t ns[KINDS][OP_COUNT];
		engine_batch(b, ns[ENGINE]);
		raw_batch(b, ns[RAW]);
		for (unsigned k = 0; k < KINDS; k++) {
			for (unsigned op = 0; op < OP_COUNT; op++)
				took[k][op][i] = (double)ns[k][op] / BATCH;
		}
	}
	for (unsigned k = 0; k < KINDS; k++) {
		for (unsigned op = 0; op < OP_COUNT; op++)
			out[k][op] = bench_median(took[k][op], batches);
	}
}

static void measure(struct bench *b, const struct settings *s, struct result out[OP_COUNT])
{
	static double ns[OP_COUNT][ROUNDS_MAX], raw[OP_COUNT][ROUNDS_MAX],
		ratio[OP_COUNT][ROUNDS_MAX];
	unsigned batches = calibrate(b, s->milliseconds);

	b->allocations = 0;
	for (unsigned r = 0; r < s->rounds; r++) {
		double took[KINDS][OP_COUNT];
		run_round(b, batches, took);
		for (unsigned op = 0; op < OP_COUNT; op++) {
			ns[op][r] = took[ENGINE][op];
			raw[op][r] = took[RAW][op];
			ratio[op][r] = took[RAW][op] / took[ENGINE][op];
		}
	}
	for (unsigned op = 0; op < OP_COUNT; op++) {
		out[op].ns = bench_median(ns[op], s->rounds);
		out[op].raw_ns = bench_median(raw[op], s->rounds);
		out[op].ratio = bench_median(ratio[op], s->rounds);
		out[op].allocations = (double)b->allocations / s->rounds / batches / BATCH;
	}
}

/* ---- what it says ---- */

static void print_head(const struct settings *s)
{
	printf("engine in memory, wolfSSL %s%s, %u rounds of %u ms each\n", lnl_crypto_version(),
	       lnl_crypto_has_assembly() ? " with assembly" : " WITHOUT assembly", s->rounds,
	       s->milliseconds);
}

static void print_ciphers_head(void)
{
	printf("%-18s %5s %-4s %9s %7s %9s %7s %6s %7s\n", "cipher", "bytes", "", "ns/packet",
	       "GB/s", "raw ns", "GB/s", "ratio", "allocs");
}

static void print_row(unsigned c, uint32_t size, enum op op, const struct result *r)
{
	printf("%-18s %5u %-4s %9.1f %7.3f %9.1f %7.3f %5.1f%% %7.3f\n",
	       lnl_cipher_name(ciphers[c].cipher), size, op_names[op], r->ns, size / r->ns,
	       r->raw_ns, size / r->raw_ns, r->ratio * 100, r->allocations);
	fflush(stdout);
}

static void write_ciphers(FILE *f, const struct result results[N_CIPHERS][N_SIZES][OP_COUNT])
{
	const char *comma = "";

	for (unsigned c = 0; c < N_CIPHERS; c++) {
		for (unsigned i = 0; i < N_SIZES * OP_COUNT; i++) {
			const struct result *r = &results[c][i / OP_COUNT][i % OP_COUNT];
			uint32_t size = sizes[i / OP_COUNT];
			fprintf(f, "%s\n{\"cipher\":\"%s\",\"digest\":\"%s\",\"bytes\":%u,", comma,
				lnl_cipher_name(ciphers[c].cipher),
				lnl_digest_name(ciphers[c].digest), size);
			fprintf(f, "\"op\":\"%s\",\"ns\":%.2f,\"gbps\":%.4f,",
				op_names[i % OP_COUNT], r->ns, size / r->ns);
			fprintf(f,
				"\"raw_ns\":%.2f,\"raw_gbps\":%.4f,\"ratio\":%.4f,\"allocations\":%g}",
				r->raw_ns, size / r->raw_ns, r->ratio, r->allocations);
			comma = ",";
		}
	}
}

static bool write_json(const struct settings *s, const struct figures *v)
{
	FILE *f = strcmp(s->json, "-") == 0 ? stdout : fopen(s->json, "w");

	if (f == NULL)
		return false;
	fprintf(f, "{\"bench\":\"engine\",\"wolfssl\":\"%s\",\"assembly\":%s,",
		lnl_crypto_version(), lnl_crypto_has_assembly() ? "true" : "false");
	fprintf(f, "\"rounds\":%u,\"milliseconds\":%u,\"batch\":%d,\"results\":[", s->rounds,
		s->milliseconds, BATCH);
	if (v->have[PART_CIPHERS])
		write_ciphers(f, v->ciphers);
	fprintf(f, "\n],\"offload\":[");
	if (v->have[PART_OFFLOAD])
		offload_write_json(f, v->offload);
	fprintf(f, "\n],\"server\":[");
	if (v->have[PART_SERVER])
		peers_write_json(f, v->peers);
	fprintf(f, "\n],\"workers\":[");
	if (v->have[PART_WORKERS])
		workers_write_json(f, v->workers);
	fprintf(f, "\n]}\n");
	bool ok = !ferror(f);
	if (f != stdout && fclose(f) != 0)
		ok = false;
	return ok;
}

/* Whether the goals hold: see GOAL, and no allocation anywhere. */
static bool ciphers_hold(const struct result results[N_CIPHERS][N_SIZES][OP_COUNT])
{
	bool ok = true;

	for (unsigned op = 0; op < OP_COUNT; op++) {
		if (results[0][N_SIZES - 1][op].ratio >= GOAL)
			continue;
		fprintf(stderr, "bench/engine: %s of %u bytes is below %.0f%% of raw\n",
			op_names[op], sizes[N_SIZES - 1], GOAL * 100);
		ok = false;
	}
	for (unsigned c = 0; c < N_CIPHERS; c++) {
		for (unsigned i = 0; i < N_SIZES; i++) {
			if (results[c][i][OP_SEAL].allocations > 0) {
				fprintf(stderr, "bench/engine: packets allocate memory\n");
				return false;
			}
		}
	}
	return ok;
}

static bool goals_hold(const struct figures *v)
{
	bool ok = !v->have[PART_CIPHERS] || ciphers_hold(v->ciphers);

	ok = (!v->have[PART_SERVER] || peers_goal_holds(v->peers, GOAL)) && ok;
	return (!v->have[PART_WORKERS] || workers_goal_holds(v->workers, GOAL)) && ok;
}

/* ---- arguments ---- */

static void help(void)
{
	puts("engine [OPTION ...]: packets sealed at a client and opened at its peer, in memory, per\n"
	     "cipher and size, beside wolfSSL alone on the same buffers in the same run.\n"
	     "  --json FILE        write the figures as JSON too (- for standard output)\n"
	     "  --rounds N         rounds of which the median is taken (default 15, at most 1000)\n"
	     "  --milliseconds N   time of each measurement in a round (default 10)\n"
	     "  --only PART        ciphers, offload, server (1, 100 and 10,000 peers) or workers (two\n"
	     "                     threads) alone; again for another (default: all)\n"
	     "  --check            fail when AES-256-GCM at 1,400 bytes is below 90% of wolfSSL alone,\n"
	     "                     two threads bring less than 90% of what they bring wolfSSL, or a\n"
	     "                     packet allocates memory\n"
	     "  --help             this text\n"
	     "ns/packet and GB/s (10^9 bytes of payload a second) are medians of the rounds; ratio is\n"
	     "wolfSSL's time by the engine's; allocs counts calls of malloc and its kin for one\n"
	     "packet sealed and opened. Behind them segmentation offload: packets cut from one of 64 KiB\n"
	     "and put together again, beside memcpy of the same bytes, and checksums, beside plain C.\n"
	     "Then a server's plane and two of them at once, AES-256-GCM: see bench/README.md.");
}

static unsigned number(const char *text, unsigned max)
{
	char *end;

	errno = 0;
	unsigned long v = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || v < 1 || v > max) {
		fprintf(stderr, "bench/engine: %s is not a number from 1 to %u\n", text, max);
		exit(2);
	}
	return (unsigned)v;
}

static enum part part_named(const char *name)
{
	unsigned i = 0;

	while (i < PARTS && strcmp(name, part_names[i]) != 0)
		i++;
	if (i == PARTS) {
		fprintf(stderr, "bench/engine: there is no part %s, see --help\n", name);
		exit(2);
	}
	return (enum part)i;
}

static struct settings parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", required_argument, NULL, 'j' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "milliseconds", required_argument, NULL, 'm' },
		{ "only", required_argument, NULL, 'o' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct settings s = { .rounds = 15, .milliseconds = 10 };
	bool all = true;

	for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (o) {
		case 'j':
			s.json = optarg;
			break;
		case 'r':
			s.rounds = number(optarg, ROUNDS_MAX);
			break;
		case 'm':
			s.milliseconds = number(optarg, 60000);
			break;
		case 'o':
			s.parts[part_named(optarg)] = true;
			all = false;
			break;
		case 'c':
			s.check = true;
			break;
		case 'h':
			help();
			exit(0);
		default:
			exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "bench/engine: unexpected %s, see --help\n", argv[optind]);
		exit(2);
	}
	for (unsigned i = 0; i < PARTS; i++)
		s.parts[i] = s.parts[i] || all;
	return s;
}

static void run_ciphers(const struct settings *s,
			struct result results[N_CIPHERS][N_SIZES][OP_COUNT])
{
	static uint8_t buffers[BATCH][ROOM];

	print_ciphers_head();
	for (unsigned c = 0; c < N_CIPHERS; c++) {
		for (unsigned i = 0; i < N_SIZES; i++) {
			struct bench b = { .size = sizes[i], .raw_id = 1, .buffers = buffers };
			install(&b, c);
			fill(&b, !lnl_cipher_is_aead(ciphers[c].cipher));
			measure(&b, s, results[c][i]);
			for (unsigned op = 0; op < OP_COUNT; op++)
				print_row(c, sizes[i], (enum op)op, &results[c][i][op]);
			teardown(&b);
		}
	}
}

static void run_part(const struct settings *s, enum part part, struct figures *v)
{
	v->have[part] = true;
	switch (part) {
	case PART_CIPHERS:
		run_ciphers(s, v->ciphers);
		break;
	case PART_OFFLOAD:
		offload_measure(v->offload, s->rounds, s->milliseconds);
		offload_print(v->offload);
		break;
	case PART_SERVER:
		peers_measure(v->peers, s->rounds, s->milliseconds, &n_allocations);
		peers_print(v->peers);
		break;
	default:
		v->have[part] = workers_measure(v->workers, s->rounds, s->milliseconds);
		if (v->have[part])
			workers_print(v->workers);
		else
			puts("workers: this process has one processor, so two are not measured");
	}
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static struct figures v;
	struct settings s = parse(argc, argv);

	if (lnl_crypto_init(NULL) != 0)
		die("cannot start wolfSSL");
	print_head(&s);
	for (unsigned i = 0; i < PARTS; i++)
		if (s.parts[i])
			run_part(&s, (enum part)i, &v);
	lnl_crypto_deinit();
	if (s.json != NULL && !write_json(&s, &v))
		die("cannot write the JSON file");
	return s.check && !goals_hold(&v) ? 1 : 0;
}
