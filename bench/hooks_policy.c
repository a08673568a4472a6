/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy VM as a server has it, with the script below: events are delivered as the host delivers the
 * engine's, hooks answer, tasks wait for the real engine's timers. The server itself is not there: what
 * its script would ask of it is answered by the functions below, and a hook's answer finds nobody who
 * waits for it. So what is measured is what scripts cost, and nothing of TLS and sockets.
 */
#include "bench/hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/timing.h"
#include "bindings/crossing.h"
#include "bindings/events.h"
#include "bindings/reload.h"
#include "bindings/task.h"

#define SERVER 7
#define BATCH  64 /* hooks that are under way at once */
#define MEMORY ((size_t)256 << 20)

/* Who logs in says what the hook shall do. */
static const char script[] =
	"local vpn = require 'lunel'\n"
	"local function nap() vpn.sleep(0) end\n"
	"local naps = {}\n"
	"for i = 1, 100 do naps[i] = i end\n"
	"vpn.server {\n"
	"  name = 'bench', listen = '127.0.0.1:1194/udp', server = '10.8.0.0/16',\n"
	"  max_clients = 65000, tls = { ca = 'ca', cert = 'cert', key = 'key' },\n"
	"  on = {\n"
	"    control = function() end,\n"
	"    authenticate = function(_, cred)\n"
	"      if cred.username == 'sleep' then vpn.sleep(0)\n"
	"      elseif cred.username == 'all' then vpn.all(naps, nap) end\n"
	"      return true\n"
	"    end,\n"
	"    established = function(peer) peer.vars.since, peer.vars.team = 1, { 'a', 'b' } end,\n"
	"    adopted = function() end,\n"
	"  },\n"
	"}\n";

/* What stands for the server. */
static const char there[] =
	"local core = require 'lunel.core'\n"
	"local function yes() return true end\n"
	"core.read_file = function() return '-\\n' end\n"
	"core.server_open = function() return 7 end\n"
	"core.server_update, core.reply_verdict, core.reply_login = yes, yes, yes\n"
	"core.peer_info = function(_, id) return { name = 'n' .. id, address = 'a' .. id } end\n";

struct bench {
	struct lnl_host host;
	char file[64];
};

_Noreturn void hooks_die(const char *what, const char *why)
{
	fprintf(stderr, "hooks: %s: %s\n", what, why);
	exit(1);
}

/* ---- the VM ---- */

static int run_text(lua_State *L)
{
	const char *text = lua_touserdata(L, 1);

	if (luaL_loadstring(L, text))
		return lua_error(L);
	lnl_call_function(L, 0, 0);
	return 0;
}

static void run(struct lnl_vm *vm, const char *text)
{
	struct lnl_fault fault;

	if (lnl_call(vm, "the benchmark", LNL_SLICE_LOAD, run_text, (void *)(uintptr_t)text,
		     &fault))
		hooks_die("Lua", fault.text);
}

static struct lnl_vm *load(struct bench *b)
{
	const struct lnl_vm_options o = { .scripts = LUNEL_SCRIPTS_DIR, .limit = MEMORY };
	char text[512], why[2048];
	struct lnl_vm *vm = lnl_vm_new(&b->host, &o, why, sizeof(why));

	if (!vm)
		hooks_die("policy VM", why);
	run(vm, there);
	snprintf(text, sizeof(text),
		 "local I = require 'lunel.instance'\n"
		 "local plan, errors = I.load { kind = 'script', file = '%s' }\n"
		 "if not plan then error(table.concat(errors, '; ')) end",
		 b->file);
	run(vm, text);
	return vm;
}

static void open_bench(struct bench *b)
{
	const struct lnl_engine_options o = { .level = LNL_LEVEL_ERROR, .stay_root = true };
	struct lnl_reason why;
	int fd;

	memset(b, 0, sizeof(*b));
	b->host.log.levels.all = LNL_LEVEL_ERROR;
	if (lnl_engine_new(&b->host.engine, &o, &why))
		hooks_die("engine", why.text);
	snprintf(b->file, sizeof(b->file), "/tmp/lunel-hooks-XXXXXX");
	fd = mkstemp(b->file);
	if (fd < 0 || write(fd, script, sizeof(script) - 1) != (ssize_t)sizeof(script) - 1)
		hooks_die(b->file, "cannot be written");
	close(fd);
	b->host.vm = load(b);
	run(b->host.vm, "local I = require 'lunel.instance'\n"
			"for _, step in ipairs { 'prepare', 'open' } do\n"
			"  local ok, errors = I[step] {}\n"
			"  if not ok then error(table.concat(errors, '; ')) end end");
}

static void close_bench(struct bench *b)
{
	lnl_reload_clear(&b->host);
	lnl_vm_free(b->host.vm);
	lnl_engine_free(b->host.engine);
	lnl_record_clear(&b->host.log);
	unlink(b->file);
}

/* A hook that failed would be measured as well. */
static void expect_runs(const struct bench *b, const char *name, uint64_t n)
{
	uint64_t run = 0;

	for (unsigned i = 0; i < b->host.n_hooks; i++) {
		const struct lnl_hook_metrics *m = &b->host.hooks[i];

		if (m->errors || m->deadlines)
			hooks_die(m->name, "the hook failed");
		if (strcmp(m->name, name) == 0)
			run = m->run;
	}
	if (run != n)
		hooks_die(name, "the hook did not run each time");
	if (b->host.log.head)
		hooks_die(name, "there are errors in the log");
}

static void finish_tasks(struct bench *b)
{
	lnl_task_run(b->host.vm);
	while (b->host.vm->tasks)
		lnl_host_turn(&b->host);
}

/* ---- hooks ---- */

static void deliver(struct bench *b, enum hooks_row row, unsigned number)
{
	static const char *const logins[HOOKS_ROWS] = { "", "nothing", "sleep", "all" };
	struct lnl_event e = { .tunnel = SERVER, .peer = 1, .ticket = number + 1 };

	if (row == HOOKS_CONTROL) {
		e.kind = LNL_EVENT_CONTROL;
		e.u.text = "INFO,nothing";
	} else {
		e.kind = LNL_EVENT_AUTHENTICATE;
		e.deadline = 30;
		e.u.login.username = logins[row];
		e.u.login.password = "secret";
	}
	lnl_event_deliver(b->host.vm, &e);
}

static unsigned batch_of(enum hooks_row row)
{
	return row == HOOKS_ALL ? 4 : BATCH;
}

static void run_batch(struct bench *b, enum hooks_row row)
{
	for (unsigned i = 0; i < batch_of(row); i++)
		deliver(b, row, i);
	finish_tasks(b);
}

static double thread_us(void)
{
	return (double)bench_ns(CLOCK_THREAD_CPUTIME_ID) / 1e3;
}

/* The median batch, in microseconds a hook. |runs| counts them. */
static double measure_row(struct bench *b, enum hooks_row row, unsigned milliseconds,
			  uint64_t *runs)
{
	enum { MOST = 4096 };
	static double list[MOST];
	double end = thread_us() + milliseconds * 1e3;
	unsigned n = 0;

	do {
		double begin = thread_us();

		run_batch(b, row);
		list[n++] = (thread_us() - begin) / batch_of(row);
		*runs += batch_of(row);
	} while (n < MOST && thread_us() < end);
	return bench_median(list, n);
}

/* ---- a reload ---- */

static void connect_peers(struct bench *b, unsigned peers)
{
	for (unsigned i = 1; i <= peers; i++) {
		struct lnl_event e = { .kind = LNL_EVENT_ESTABLISHED, .tunnel = SERVER, .peer = i };

		lnl_event_deliver(b->host.vm, &e);
		if (i % BATCH == 0 || i == peers)
			finish_tasks(b);
	}
}

static void call(struct lnl_vm *vm, const char *name, struct lnl_plain *in, struct lnl_plain *out)
{
	struct lnl_crossing c = { .name = name };
	struct lnl_fault fault;

	if (in) {
		c.in = *in;
		memset(in, 0, sizeof(*in));
	}
	if (lnl_cross(vm, &c, &fault))
		hooks_die(name, fault.text);
	if (out) {
		*out = c.out;
		memset(&c.out, 0, sizeof(c.out));
	}
	lnl_crossing_clear(&c);
}

static void reload(struct bench *b, double ms[HOOKS_PARTS])
{
	struct lnl_plain outline = { 0 };
	struct lnl_fault fault;
	double begin = thread_us(), loaded, swapped;
	struct lnl_vm *fresh = load(b);

	call(b->host.vm, "outline", NULL, &outline);
	call(fresh, "match", &outline, NULL);
	loaded = thread_us();
	if (lnl_reload_swap(&b->host, fresh, NULL, 0, &fault))
		hooks_die("reload", fault.text);
	call(fresh, "begin", NULL, NULL);
	swapped = thread_us();
	finish_tasks(b);
	lnl_reload_run(&b->host); /* the old one is released */
	ms[HOOKS_LOAD] = (loaded - begin) / 1e3;
	ms[HOOKS_SWAP] = (swapped - loaded) / 1e3;
	ms[HOOKS_TELL] = (thread_us() - swapped) / 1e3;
	if (b->host.old)
		hooks_die("reload", "the old script is not released");
}

/* ---- all of it ---- */

void hooks_measure(unsigned rounds, unsigned milliseconds, unsigned peers, struct hooks_costs *out)
{
	double us[HOOKS_ROWS][HOOKS_ROUNDS_MAX], ms[HOOKS_PARTS][HOOKS_ROUNDS_MAX];
	double all[HOOKS_ROUNDS_MAX], parts[HOOKS_PARTS];
	uint64_t runs[2] = { 0, 0 };
	struct bench b;

	open_bench(&b);
	connect_peers(&b, peers);
	expect_runs(&b, "established", peers);
	for (unsigned r = 0; r < rounds; r++)
		for (unsigned row = 0; row < HOOKS_ROWS; row++)
			us[row][r] = measure_row(&b, (enum hooks_row)row, milliseconds,
						 &runs[row != HOOKS_CONTROL]);
	expect_runs(&b, "control", runs[0]);
	expect_runs(&b, "authenticate", runs[1]);
	for (unsigned r = 0; r < rounds; r++) {
		reload(&b, parts);
		all[r] = 0;
		for (unsigned i = 0; i < HOOKS_PARTS; i++) {
			ms[i][r] = parts[i];
			all[r] += parts[i];
		}
	}
	expect_runs(&b, "adopted", (uint64_t)rounds * peers);
	for (unsigned row = 0; row < HOOKS_ROWS; row++)
		out->us[row] = bench_median(us[row], rounds);
	for (unsigned i = 0; i < HOOKS_PARTS; i++)
		out->ms[i] = bench_median(ms[i], rounds);
	out->reload = bench_median(all, rounds);
	close_bench(&b);
}

void hooks_repeat(enum hooks_row row, unsigned batches)
{
	struct bench b;

	open_bench(&b);
	connect_peers(&b, 1);
	for (unsigned i = 0; i < batches; i++)
		run_batch(&b, row);
	close_bench(&b);
}
