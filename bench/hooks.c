/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What scripts cost. Rows "hook" and "reload": bench/hooks_policy.c. Rows "lane": a packet of the example lanes, in batches of 1, 16, 64 and 256,
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

#include "bench/hooks.h"
#include "bench/timing.h"
#include "bindings/lane.h"

#define SIZES  4
#define PACKET 1400
#define ROOM   64
#define GOAL   20.0 /* ns: filter.lua, 64 at once, compiled */

static const uint32_t sizes[SIZES] = { 1, 16, 64, 256 };

struct options {
	unsigned rounds, milliseconds, peers;
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
		hooks_die(row->name, "out of memory");
	lua_close(L);
	f.args = &args;
	l->lanes = lnl_lanes_new(LUNEL_SCRIPTS_DIR, why, sizeof(why));
	if (!l->lanes)
		hooks_die("scripts", why);
	if (!jit)
		lnl_lanes_no_jit(l->lanes);
	if (lnl_lanes_add(l->lanes, &f, 0, &found, why, sizeof(why)))
		hooks_die(row->name, why);
	lnl_plain_clear(&args);
	l->host = lnl_lanes_host(l->lanes);
	l->id = found.conf.id;
	l->vm = l->host->vm_new(l->host->ctx, why, sizeof(why));
	if (!l->vm || l->host->load(l->vm, l->id, why, sizeof(why)))
		hooks_die(row->name, why);
}

static void close_lane(struct lane *l)
{
	l->host->vm_free(l->vm);
	lnl_lanes_free(l->lanes);
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
			hooks_die(row->name, fault.text);
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
	return bench_median(list, (unsigned)(have < PIECES ? have : PIECES));
}

/* ---- lanes ---- */

#define LANES (2 * sizeof(rows) / sizeof(*rows)) /* each compiled and interpreted */

struct figures {
	double ns[LANES][SIZES];
};

/* All take turns in each round, so that what another program took in it is shared by all. */
static void measure_lanes(const struct options *o, struct figures *out)
{
	static double list[LANES][SIZES][HOOKS_ROUNDS_MAX];
	static struct packets s;
	struct lane l[LANES];

	make_packets(&s);
	for (size_t i = 0; i < LANES; i++) {
		open_lane(&l[i], &rows[i / 2], i % 2 == 0);
		for (unsigned size = 0; size < SIZES; size++) /* until it is compiled */
			measure(&l[i], &rows[i / 2], &s, sizes[SIZES - 1 - size], 200);
	}
	for (unsigned r = 0; r < o->rounds; r++)
		for (size_t i = 0; i < LANES; i++)
			for (unsigned size = 0; size < SIZES; size++)
				list[i][size][r] =
					measure_round(&l[i], &rows[i / 2], &s, sizes[size], o);
	for (size_t i = 0; i < LANES; i++) {
		for (unsigned size = 0; size < SIZES; size++)
			out->ns[i][size] = bench_median(list[i][size], o->rounds);
		close_lane(&l[i]);
	}
}

/* Batches of 64, compiled. */
static void repeat_lane(const struct row *row, unsigned batches)
{
	static struct packets s;
	struct lane l;

	make_packets(&s);
	open_lane(&l, row, true);
	measure(&l, row, &s, sizes[2], batches);
	close_lane(&l);
}

/* As bindings/lane.c reads it. */
static bool compiler_is_off(void)
{
	const char *jit = getenv("LUNEL_JIT");

	return jit && strcmp(jit, "off") == 0;
}

static const char *mode_of(size_t lane)
{
	return lane % 2 == 0 && !compiler_is_off() ? "compiled" : "interpreted";
}

static void show_lanes(const struct figures *f)
{
	printf("\nlane, ns a packet of %d bytes, in batches of%7u %9u %9u %9u\n", PACKET,
	       (unsigned)sizes[0], (unsigned)sizes[1], (unsigned)sizes[2], (unsigned)sizes[3]);
	for (size_t i = 0; i < LANES; i++) {
		printf("  %-24s %-12s", rows[i / 2].name, mode_of(i));
		for (unsigned size = 0; size < SIZES; size++)
			printf(" %9.1f", f->ns[i][size]);
		printf("\n");
	}
}

/* ---- the command line ---- */

static const char *const hook_names[HOOKS_ROWS] = { "control", "authenticate", "sleep", "all" };
static const char *const hook_texts[HOOKS_ROWS] = {
	"sync hook (control), empty",
	"task hook (authenticate), empty",
	"task hook with vpn.sleep(0)",
	"task hook with vpn.all over 100",
};
static const char *const part_names[HOOKS_PARTS] = { "load", "swap", "adopted" };
static const char *const part_texts[HOOKS_PARTS] = {
	"a new VM, the script loaded and checked",
	"clients passed over, the new one begun",
	"the hook adopted, of each client",
};

static const char usage[] =
	"usage: ./run bench hooks [OPTION...]\n"
	"\n"
	"What scripts cost, in CPU time: hooks and waiting, a reload, packet lanes by batch size.\n"
	"Medians over rounds, in which all rows take turns; bench/README.md says how to read them.\n"
	"\n"
	"  --rounds N         of them (5; up to 101)\n"
	"  --milliseconds N   of each measurement (60)\n"
	"  --peers N          clients that are connected in a reload (1000)\n"
	"  --json FILE        the figures for machines\n"
	"  --check            fail where filter.lua, compiled, costs more than 20 ns a packet at 64\n"
	"  --repeat NAME[:N]  instead: N (1) batches of one row, for ./run profile: control,\n"
	"                     authenticate, sleep (64 hooks a batch), all (4); empty, filter,\n"
	"                     xor (64 packets, compiled)\n"
	"  --help             this page\n";

static _Noreturn void wrong(const char *what, const char *value)
{
	fprintf(stderr, "hooks: %s, not '%s'; --help lists what there is\n", what, value);
	exit(2);
}

static unsigned number(const char *text, unsigned most, const char *what)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < 1 || n > most)
		wrong(what, text);
	return (unsigned)n;
}

static _Noreturn void repeat(char *text)
{
	char *colon = strchr(text, ':');
	unsigned n = colon ? number(colon + 1, 1000000, "--repeat NAME:N needs a number") : 1;

	if (colon)
		*colon = '\0';
	for (unsigned row = 0; row < HOOKS_ROWS; row++) {
		if (strcmp(text, hook_names[row]) == 0) {
			hooks_repeat((enum hooks_row)row, n);
			exit(0);
		}
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (strcmp(text, rows[i].name) == 0) {
			repeat_lane(&rows[i], n);
			exit(0);
		}
	}
	wrong("--repeat knows control, authenticate, sleep, all, empty, filter and xor", text);
}

static void parse(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "milliseconds", required_argument, NULL, 'm' },
		{ "peers", required_argument, NULL, 'p' },
		{ "json", required_argument, NULL, 'j' },
		{ "check", no_argument, NULL, 'c' },
		{ "repeat", required_argument, NULL, 'o' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) >= 0) {
		switch (c) {
		case 'r':
			o->rounds = number(optarg, HOOKS_ROUNDS_MAX, "--rounds is 1 to 101");
			break;
		case 'm':
			o->milliseconds = number(optarg, 10000, "--milliseconds is 1 to 10000");
			break;
		case 'p':
			o->peers = number(optarg, 60000, "--peers is 1 to 60000");
			break;
		case 'j':
			o->json = optarg;
			break;
		case 'c':
			o->check = true;
			break;
		case 'o':
			repeat(optarg);
		default:
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (optind < argc)
		wrong("options expected", argv[optind]);
	if (o->check && compiler_is_off())
		wrong("--check judges what is compiled: unset LUNEL_JIT", "off");
}

/* ---- what it says ---- */

static void show_costs(const struct hooks_costs *c, const struct options *o)
{
	printf("us of CPU time each\n");
	for (unsigned i = 0; i < HOOKS_ROWS; i++)
		printf("  %-44s %9.2f\n", hook_texts[i], c->us[i]);
	printf("\nreload with %u clients, ms of CPU time%*s %8.2f\n", o->peers, 8, "", c->reload);
	for (unsigned i = 0; i < HOOKS_PARTS; i++)
		printf("  %-44s %9.2f\n", part_texts[i], c->ms[i]);
}

static void write_json(const struct options *o, const struct hooks_costs *c,
		       const struct figures *f)
{
	FILE *out = fopen(o->json, "w");

	if (!out)
		hooks_die(o->json, "cannot be written");
	fprintf(out, "{ \"rounds\": %u, \"milliseconds\": %u,\n  \"hooks_us\": { ", o->rounds,
		o->milliseconds);
	for (unsigned i = 0; i < HOOKS_ROWS; i++)
		fprintf(out, "\"%s\": %.3f, ", hook_names[i], c->us[i]);
	fprintf(out, "\"all_of\": 100 },\n  \"reload_ms\": { \"peers\": %u, \"total\": %.3f",
		o->peers, c->reload);
	for (unsigned i = 0; i < HOOKS_PARTS; i++)
		fprintf(out, ", \"%s\": %.3f", part_names[i], c->ms[i]);
	fprintf(out, " },\n  \"lanes\": [\n");
	for (size_t i = 0; i < LANES; i++) {
		fprintf(out, "    { \"lane\": \"%s\", \"mode\": \"%s\"", rows[i / 2].name,
			mode_of(i));
		for (unsigned size = 0; size < SIZES; size++)
			fprintf(out, ", \"%u\": %.2f", (unsigned)sizes[size], f->ns[i][size]);
		fprintf(out, " }%s\n", i + 1 < LANES ? "," : "");
	}
	fprintf(out, "  ] }\n");
	if (fclose(out))
		hooks_die(o->json, "cannot be written");
}

/* filter.lua, compiled, in batches of 64. */
static double judged(const struct figures *f)
{
	for (size_t i = 0; i < LANES; i += 2)
		if (strcmp(rows[i / 2].name, "filter") == 0)
			return f->ns[i][2];
	hooks_die("filter", "there is no such row");
}

int main(int argc, char **argv)
{
	struct options o = { .rounds = 5, .milliseconds = 60, .peers = 1000 };
	struct hooks_costs costs;
	struct figures f;

	parse(argc, argv, &o);
	hooks_measure(o.rounds, o.milliseconds, o.peers, &costs);
	show_costs(&costs, &o);
	fflush(stdout);
	measure_lanes(&o, &f);
	show_lanes(&f);
	if (o.json)
		write_json(&o, &costs, &f);
	if (!o.check || judged(&f) <= GOAL)
		return 0;
	printf("missed: filter.lua at batch 64 costs %.1f ns a packet, not <= %.0f\n", judged(&f),
	       GOAL);
	return 1;
}
