/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What scripts cost. Rows "lane": a packet of the example lanes, in batches of 1, 16, 64 and 256,
 * compiled and interpreted, in nanoseconds of CPU time; beside them a lane that only takes each
 * packet up. A round's figure is its median batch; the table has medians over rounds.
 */
#include <getopt.h>
#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bindings/lane.h"

#define SIZES	   4
#define PACKET	   1400
#define ROOM	   64
#define ROUNDS_MAX 101
#define GOAL	   20.0 /* ns: filter.lua, 64 at once, compiled */

static const uint32_t sizes[SIZES] = { 1, 16, 64, 256 };

struct options {
	unsigned rounds, milliseconds;
	bool check;
	const char *json;
};

struct row {
	const char *name, *text; /* text: instead of examples/<name>.lua */
	enum lnl_lane_point point;
	const char *key, *value; /* its args */
};

static const struct row rows[] = {
	{ "empty",
	  "return { from_peer = function(b) for i = 0, b.n - 1 do local p = b.p[i] end end }",
	  LNL_LANE_FROM_PEER, NULL, NULL },
	{ "filter", NULL, LNL_LANE_FROM_PEER, "deny_net", "10.8.0.0/22" },
	{ "xor", NULL, LNL_LANE_WIRE_OUT, "key", "a key of some length" },
};

struct packets {
	struct lnl_lane_packet given[LNL_LANE_BATCH], p[LNL_LANE_BATCH];
	uint8_t room[LNL_LANE_BATCH][ROOM + PACKET + ROOM];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "hooks: %s: %s\n", what, why);
	exit(1);
}

/* What clients send: TCP to web servers, some UDP, and of 16 packets one mail and one for next door. */
static void make_packets(struct packets *s)
{
	for (uint32_t i = 0; i < LNL_LANE_BATCH; i++) {
		uint8_t *d = s->room[i] + ROOM;

		memset(s->room[i], 0x5a, sizeof(s->room[i]));
		memset(d, 0, 40);
		d[0] = 0x45;
		d[2] = PACKET >> 8;
		d[3] = PACKET & 255;
		d[8] = 64;
		d[9] = i % 8 == 7 ? 17 : 6;
		memcpy(d + 12, (const uint8_t[]){ 10, 9, 0, 2, 192, 0, 2, (uint8_t)i }, 8);
		if (i % 16 == 9)
			memcpy(d + 16, (const uint8_t[]){ 10, 8, 1, 3 }, 4);
		d[22] = i % 16 == 4 ? 0 : 1;
		d[23] = i % 16 == 4 ? 25 : 187;
		s->given[i] = (struct lnl_lane_packet){
			.data = d, .len = PACKET, .head = ROOM, .tail = ROOM
		};
	}
}

struct lane {
	struct lnl_lanes *lanes;
	const struct lnl_lane_host *host;
	void *vm;
	uint32_t id;
};

static void open_lane(struct lane *l, const struct row *row, bool jit)
{
	struct lnl_lane_file f = { .text = row->text };
	struct lnl_plain args = { 0 };
	struct lnl_lane_found found;
	char path[4096], why[512] = "";
	lua_State *L = luaL_newstate();

	snprintf(path, sizeof(path), "%s/../examples/%s.lua", LUNEL_SCRIPTS_DIR, row->name);
	f.path = path;
	f.text_len = row->text ? strlen(row->text) : 0;
	lua_newtable(L);
	if (row->key) {
		lua_pushstring(L, row->value);
		lua_setfield(L, -2, row->key);
	}
	if (!lnl_plain_put(&args, L, -1))
		die(row->name, "out of memory");
	lua_close(L);
	f.args = &args;
	l->lanes = lnl_lanes_new(LUNEL_SCRIPTS_DIR, why, sizeof(why));
	if (!l->lanes)
		die("scripts", why);
	if (!jit)
		lnl_lanes_no_jit(l->lanes);
	if (lnl_lanes_add(l->lanes, &f, 0, &found, why, sizeof(why)))
		die(row->name, why);
	lnl_plain_clear(&args);
	l->host = lnl_lanes_host(l->lanes);
	l->id = found.conf.id;
	l->vm = l->host->vm_new(l->host->ctx, why, sizeof(why));
	if (!l->vm || l->host->load(l->vm, l->id, why, sizeof(why)))
		die(row->name, why);
}

static void close_lane(struct lane *l)
{
	l->host->vm_free(l->vm);
	lnl_lanes_free(l->lanes);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *list, size_t n)
{
	qsort(list, n, sizeof(*list), compare);
	return list[n / 2];
}

/* |times| batches of |n| packets, in nanoseconds a packet. */
static double measure(const struct lane *l, const struct row *row, struct packets *s, uint32_t n,
		      unsigned times)
{
	struct lnl_lane_batch b = { .n = n, .point = row->point, .p = s->p };
	struct lnl_lane_fault fault;
	double begin = now();

	for (unsigned i = 0; i < times; i++) {
		memcpy(s->p, s->given, n * sizeof(*s->p));
		if (!l->host->run(l->vm, l->id, &b, &fault))
			die(row->name, fault.text);
	}
	return (now() - begin) / times / n;
}

static double measure_round(const struct lane *l, const struct row *row, struct packets *s,
			    uint32_t n, const struct options *o)
{
	enum { PIECES = 64 };
	unsigned times = 4096 / n > 16 ? 4096 / n : 16;
	double list[PIECES], end = now() + o->milliseconds * 1e6;
	size_t have = 0;

	do
		list[have++ % PIECES] = measure(l, row, s, n, times);
	while (now() < end);
	return median(list, have < PIECES ? have : PIECES);
}

struct figures {
	double ns[SIZES];
};

static void measure_row(const struct row *row, bool jit, const struct options *o,
			struct figures *out)
{
	static struct packets s;
	double list[SIZES][ROUNDS_MAX];
	struct lane l;

	make_packets(&s);
	open_lane(&l, row, jit);
	for (unsigned size = 0; size < SIZES; size++) /* until it is compiled */
		measure(&l, row, &s, sizes[SIZES - 1 - size], 200);
	for (unsigned r = 0; r < o->rounds; r++)
		for (unsigned size = 0; size < SIZES; size++)
			list[size][r] = measure_round(&l, row, &s, sizes[size], o);
	for (unsigned size = 0; size < SIZES; size++)
		out->ns[size] = median(list[size], o->rounds);
	close_lane(&l);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "milliseconds", required_argument, NULL, 'm' },
		{ "json", required_argument, NULL, 'j' },
		{ "check", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (c) {
		case 'r':
			o->rounds = (unsigned)atoi(optarg);
			break;
		case 'm':
			o->milliseconds = (unsigned)atoi(optarg);
			break;
		case 'j':
			o->json = optarg;
			break;
		case 'c':
			o->check = true;
			break;
		default:
			printf("usage: hooks [--rounds N] [--milliseconds N] [--json FILE] "
			       "[--check]\n");
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (o->rounds < 1 || o->rounds > ROUNDS_MAX)
		die("--rounds", "1 to 101 expected");
}

static void show(FILE *json, const struct row *row, bool jit, const struct figures *f, bool last)
{
	const char *mode = jit ? "compiled" : "interpreted";

	printf("lane  %-8s %-12s", row->name, mode);
	for (unsigned i = 0; i < SIZES; i++)
		printf(" %9.1f", f->ns[i]);
	printf("\n");
	fflush(stdout);
	if (!json)
		return;
	fprintf(json, "  { \"lane\": \"%s\", \"mode\": \"%s\"", row->name, mode);
	for (unsigned i = 0; i < SIZES; i++)
		fprintf(json, ", \"%u\": %.2f", (unsigned)sizes[i], f->ns[i]);
	fprintf(json, " }%s\n", last ? "" : ",");
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 5, .milliseconds = 60 };
	const size_t n = sizeof(rows) / sizeof(*rows);
	double judged = 0;
	FILE *json = NULL;

	parse(argc, argv, &o);
	if (o.json && !(json = fopen(o.json, "w")))
		die(o.json, "cannot be written");
	if (json)
		fprintf(json, "{ \"lanes\": [\n");
	printf("ns a packet, %d bytes, in batches of%16u %9u %9u %9u\n", PACKET, (unsigned)sizes[0],
	       (unsigned)sizes[1], (unsigned)sizes[2], (unsigned)sizes[3]);
	for (size_t i = 0; i < n * 2; i++) {
		const struct row *row = &rows[i / 2];
		struct figures f;

		measure_row(row, i % 2 == 0, &o, &f);
		show(json, row, i % 2 == 0, &f, i + 1 == n * 2);
		if (i % 2 == 0 && strcmp(row->name, "filter") == 0)
			judged = f.ns[2];
	}
	if (json) {
		fprintf(json, "] }\n");
		fclose(json);
	}
	if (!o.check || judged <= GOAL)
		return 0;
	printf("filter.lua at batch 64 costs %.1f ns a packet; the goal is %.0f\n", judged, GOAL);
	return 1;
}
