/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What it costs a server to find whose a packet is, with few clients and with many: by the peer-id
 * in it, by the address that it comes from, by the destination inside.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/timing.h"
#include "data/plane.h"
#include "engine/aligned.h"
#include "engine/engine_service.h"
#include "io/worker_state.h"

#define LOOKUPS	 (1 << 14) /* keys, at random */
#define COUNTED	 (1 << 12) /* of them, where instructions are counted */
#define TURNS	 40	   /* of all, a round */
#define ROUNDS	 9
#define APART	 12288 /* bytes between two peers of the data plane: what a client has besides */
#define LINK	 1
#define N_COUNTS 3

enum way { WAY_ID, WAY_CARRIER, WAY_ADDRESS, WAY_DOOR, WAY_ROUTE4, WAY_ROUTE6, WAYS };

static const struct {
	const char *name, *what;
} ways[WAYS] = {
	[WAY_ID] = { "peer-id, data plane", "DATA_V2: keys, counters" },
	[WAY_CARRIER] = { "peer-id, worker", "DATA_V2: the way back, floats" },
	[WAY_ADDRESS] = { "address, worker", "DATA_V1" },
	[WAY_DOOR] = { "address, door", "control packets" },
	[WAY_ROUTE4] = { "route, IPv4", "longest prefix: TUN, source check" },
	[WAY_ROUTE6] = { "route, IPv6", "the same" },
};

static const uint32_t counts[N_COUNTS] = { 1, 100, 10000 };

/* A server's tables with |n| clients in them, and keys in the order in which they are looked for. */
struct house {
	uint32_t n;
	struct lnl_data *data;
	struct lnl_worker *w;
	struct lnl_engine *e;
	struct lnl_service *s;
	struct lnl_served *served;
	uint32_t ids[LOOKUPS];
	struct lnl_addr addresses[LOOKUPS];
	struct lnl_ip ip4[LOOKUPS], ip6[LOOKUPS];
};

static struct house house;

static void die(const char *what)
{
	fprintf(stderr, "bench/peers: %s\n", what);
	exit(1);
}

/* ---- what the rooms are given ---- */

static void *env_alloc(void *ctx, size_t size)
{
	void *p = lnl_aligned_new(size);

	(void)ctx;
	/* Of each peer only a few lines are looked at, and they are as far apart as in a server. */
	if (size == sizeof(struct lnl_peer) && malloc(APART) == NULL)
		die("out of memory");
	return p;
}

static void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static uint64_t env_wallclock(void *ctx)
{
	(void)ctx;
	return 1;
}

static struct lnl_env env = {
	.alloc = env_alloc,
	.release = env_release,
	.random = lnl_crypto_random,
	.wallclock = env_wallclock,
};

/* ---- clients ---- */

static struct lnl_ip inner(uint32_t id, int family)
{
	struct lnl_ip ip = { (uint8_t)family, { 0 } };
	uint8_t *last = ip.bytes + (family == 6 ? 14 : 2);

	ip.bytes[0] = family == 6 ? 0xfd : 10;
	last[0] = (uint8_t)(id >> 8);
	last[1] = (uint8_t)id;
	return ip;
}

/* They are anywhere, a few behind one address. */
static struct lnl_addr outer(uint32_t id)
{
	uint32_t host = (id / 4 + 1) * UINT32_C(0x9e3779b1);
	struct lnl_ip ip = { 4, { 0 } };

	memcpy(ip.bytes, &host, sizeof(host));
	return lnl_addr_from(&ip, (uint16_t)(1024 + id % 60000));
}

static void add_client(uint32_t id)
{
	struct lnl_peer_conf conf = { .id = id, .wire_id = id };
	struct lnl_addr from = outer(id);
	struct lnl_served *v = &house.served[id];

	if (lnl_data_peer_add(house.data, &conf, 0) < 0)
		die("cannot add a peer");
	for (int family = 4; family <= 6; family += 2) {
		struct lnl_prefix p = { inner(id, family), family == 4 ? 32 : 128 };

		if (lnl_data_route_add(house.data, &p, id) < 0)
			die("cannot add a route");
	}
	if (lnl_worker_carrier_add(house.w, id, LINK, &from, 0) < 0)
		die("out of memory");
	v->service = house.s;
	v->id = id;
	v->name = "";
	lnl_door_moved(v, LINK, &from);
}

static void make_keys(void)
{
	uint64_t seed = 1;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		uint32_t id = (uint32_t)(seed >> 33) % house.n;
		house.ids[i] = id;
		house.addresses[i] = outer(id);
		house.ip4[i] = inner(id, 4);
		house.ip6[i] = inner(id, 6);
	}
}

static void open_house(uint32_t n)
{
	memset(&house, 0, sizeof(house));
	house.n = n;
	house.w = aligned_alloc(alignof(struct lnl_worker), sizeof(*house.w));
	house.e = calloc(1, sizeof(*house.e));
	house.s = calloc(1, sizeof(*house.s));
	house.served = calloc(n, sizeof(*house.served));
	if (house.w == NULL || house.e == NULL || house.s == NULL || house.served == NULL)
		die("out of memory");
	memset(house.w, 0, sizeof(*house.w));
	house.e->env = env;
	house.s->engine = house.e;
	house.s->conf.o.max_clients = n;
	house.s->n_workers = 1;
	if (lnl_data_new(&house.data, &env, n) < 0 || lnl_door_init(house.s) < 0 ||
	    env.random(NULL, (uint8_t *)house.w->seeds, sizeof(house.w->seeds)) < 0)
		die("out of memory");
	house.w->data = house.data;
	for (uint32_t id = 0; id < n; id++)
		add_client(id);
	make_keys();
}

static void close_house(void)
{
	lnl_worker_carriers_free(house.w);
	lnl_data_free(house.data);
	lnl_door_deinit(house.s);
	free(house.w);
	free(house.e);
	free(house.s);
	free(house.served);
}

/* ---- lookups ---- */

/* Whose the |i|th packet is. */
static uint32_t look(enum way way, unsigned i)
{
	const struct lnl_carrier *c;
	const struct lnl_served *v;
	const struct lnl_peer *p;

	switch (way) {
	case WAY_ID:
		p = lnl_table_find(&house.data->peers, house.ids[i]);
		return p != NULL ? p->conf.id : LNL_PEER_ID_NONE;
	case WAY_CARRIER:
		c = lnl_worker_carrier(house.w, house.ids[i]);
		return c != NULL ? c->peer : LNL_PEER_ID_NONE;
	case WAY_ADDRESS:
		c = lnl_worker_at(house.w, LINK, &house.addresses[i]);
		return c != NULL ? c->peer : LNL_PEER_ID_NONE;
	case WAY_DOOR:
		v = lnl_door_by_address(house.s, LINK, &house.addresses[i]);
		return v != NULL ? v->id : LNL_PEER_ID_NONE;
	case WAY_ROUTE4:
		return lnl_data_route_find(house.data, &house.ip4[i]);
	default:
		return lnl_data_route_find(house.data, &house.ip6[i]);
	}
}

/* Not inlined and not static: callgrind counts what happens in it. */
uint32_t bench_lookups(enum way way, unsigned n);

__attribute__((noinline)) uint32_t bench_lookups(enum way way, unsigned n)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += look(way, i);
	return sum;
}

static void check(enum way way)
{
	for (unsigned i = 0; i < LOOKUPS; i++)
		if (look(way, i) != house.ids[i])
			die("a packet goes astray");
}

/* ns a lookup: the median round. */
static double measure(enum way way)
{
	static volatile uint32_t sink;
	double took[ROUNDS];

	for (unsigned r = 0; r < ROUNDS; r++) {
		uint64_t t0 = bench_ns(CLOCK_MONOTONIC);

		for (unsigned t = 0; t < TURNS; t++)
			sink += bench_lookups(way, LOOKUPS);
		took[r] = (double)(bench_ns(CLOCK_MONOTONIC) - t0) / TURNS / LOOKUPS;
	}
	return bench_median(took, ROUNDS);
}

/* ---- instructions ---- */

/* By this program under valgrind, once for each number of the table. */
static double count_instructions(enum way way, uint32_t n)
{
	char self[4096], command[6000], line[512];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	unsigned long collected = 0;
	FILE *p;

	if (len <= 0)
		die("where is this program?");
	self[len] = '\0';
	snprintf(command, sizeof(command),
		 "valgrind --tool=callgrind --callgrind-out-file=/dev/null "
		 "--toggle-collect=bench_lookups '%s' --once %d %u 2>&1",
		 self, (int)way, n);
	p = popen(command, "r");
	if (p == NULL)
		die("valgrind cannot be run");
	while (fgets(line, sizeof(line), p) != NULL) {
		const char *at = strstr(line, "Collected :");

		if (at != NULL)
			collected = strtoul(at + strlen("Collected :"), NULL, 10);
	}
	if (pclose(p) != 0 || collected == 0)
		die("valgrind is missing, or does not count (apt-get install valgrind)");
	return (double)collected / COUNTED;
}

static void once(const char *way, const char *n)
{
	int w = atoi(way), peers = atoi(n);

	if (w < 0 || w >= WAYS || peers < 1)
		exit(2);
	open_house((uint32_t)peers);
	bench_lookups((enum way)w, COUNTED);
	close_house();
	exit(0);
}

/* ---- the table ---- */

static void print_head(const char *unit)
{
	printf("%-20s", unit);
	for (unsigned c = 0; c < N_COUNTS; c++)
		printf(" %7u peers", counts[c]);
	printf("   x100  x10000\n");
}

static void print_row(enum way way, const double *v)
{
	printf("%-20s", ways[way].name);
	for (unsigned c = 0; c < N_COUNTS; c++)
		printf(" %13.1f", v[c]);
	printf(" %6.2f %7.2f   %s\n", v[1] / v[0], v[2] / v[0], ways[way].what);
}

static void fill_ns(double v[WAYS][N_COUNTS])
{
	for (unsigned c = 0; c < N_COUNTS; c++) {
		open_house(counts[c]);
		for (int way = 0; way < WAYS; way++) {
			check((enum way)way);
			v[way][c] = measure((enum way)way);
		}
		close_house();
	}
}

static void fill_instructions(double v[WAYS][N_COUNTS])
{
	for (unsigned c = 0; c < N_COUNTS; c++)
		for (int way = 0; way < WAYS; way++)
			v[way][c] = count_instructions((enum way)way, counts[c]);
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "instructions", no_argument, NULL, 'i' },
		{ "once", no_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	bool instructions = false;

	for (int o; (o = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (o == 'i') {
			instructions = true;
		} else if (o == 'o' && argc - optind == 2) {
			once(argv[optind], argv[optind + 1]);
		} else if (o == 'h') {
			puts("peers [--instructions]: ns to find a packet's client in the tables of a\n"
			     "server with 1, 100 and 10,000 clients, in random order, and how much\n"
			     "more than with one.\n"
			     "  --instructions   instructions instead, by valgrind: exact. Fails when\n"
			     "                   10,000 clients take more than 1.5 times those of one");
			exit(0);
		} else {
			exit(2);
		}
	}
	if (optind != argc)
		exit(2);
	return instructions;
}

int main(int argc, char **argv)
{
	double v[WAYS][N_COUNTS];
	bool instructions, ok = true;

	if (lnl_crypto_init(NULL) != 0)
		die("cannot start wolfSSL");
	instructions = parse(argc, argv);
	if (instructions)
		fill_instructions(v);
	else
		fill_ns(v);
	print_head(instructions ? "instructions" : "ns");
	for (int way = 0; way < WAYS; way++) {
		print_row((enum way)way, v[way]);
		ok = ok && v[way][N_COUNTS - 1] <= 1.5 * v[way][0];
	}
	lnl_crypto_deinit();
	return instructions && !ok ? 1 : 0;
}
