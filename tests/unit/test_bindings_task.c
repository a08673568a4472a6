/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks on a real engine: they wait, end with their owner or deadline, and never hold up what is
 * beside them.
 */
#include "test_bindings_vm.h"

#include <stdlib.h>

#include "bindings/task.h"

static int set_up(void **state)
{
	struct lnl_host *h = calloc(1, sizeof(*h));
	const struct lnl_engine_options o = { .level = LNL_LEVEL_DEBUG, .stay_root = true };
	struct lnl_reason why;

	assert_non_null(h);
	h->levels.all = LNL_LEVEL_DEBUG;
	lnl_host_levels(h);
	if (lnl_engine_new(&h->engine, &o, &why))
		fail_msg("%s", why.text);
	h->vm = new_test_vm(h);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct lnl_host *h = *state;

	lnl_vm_free(h->vm);
	lnl_engine_free(h->engine);
	lnl_record_clear(&h->log);
	free(h);
	return 0;
}

/*
 * Runs |code| with `core` and `out`, a list, at hand; then the loop until nothing is left; |want|
 * is the list.
 */
static void run_tasks(struct lnl_host *h, const char *code, const char *want)
{
	char text[4096], out[512];
	struct lnl_fault fault;

	snprintf(
		text, sizeof(text),
		"local core = require 'lunel.core'\n"
		"local out = {}\n"
		"package.loaded.out = out\n"
		"local function put(...) for i = 1, select('#', ...) do\n"
		"  out[#out + 1] = tostring((select(i, ...))):match('^[^\\n]*') end end\n"
		"local function spawn(fn, ...) return core.spawn(core.owner(), 'task', nil, put, fn, ...) end\n"
		"%s\n",
		code);
	if (run_lua(h->vm, text, LNL_SLICE_LOAD, NULL, 0, &fault))
		fail_msg("%s\nfailed: %s", code, fault.text);
	while (lnl_host_turn(h))
		;
	if (run_lua(h->vm, "return table.concat(package.loaded.out, ' ')", LNL_SLICE_LOAD, out,
		    sizeof(out), &fault))
		fail_msg("%s", fault.text);
	if (strcmp(out, want) != 0)
		fail_msg("%s\ngave: %s\nnot:  %s", code, out, want);
	assert_null(h->vm->tasks);
}

static const struct {
	const char *code, *want;
} rows[] = {
	{ "spawn(function(a, b) return a + b end, 1, 2)", "true 3" },
	{ "spawn(function() error('no', 0) end)", "false test:7: no" },
	{ "spawn(function() put(core.sleep(0.001)) return 'end' end)", "true true end" },
	/* the later started but shorter wait ends first */
	{ "spawn(function() core.sleep(0.05) return 'slow' end)\n"
	  "spawn(function() core.sleep(0.001) return 'fast' end)",
	  "true fast true slow" },
	/* waiting inside pcall */
	{ "spawn(function() return pcall(function() core.sleep(0.001) error('x', 0) end) end)",
	  "true false x" },
	/* a task may start another */
	{ "spawn(function() spawn(function() return 'inner' end) return 'outer' end)",
	  "true outer true inner" },
	/* cancelled: nothing of it is heard again */
	{ "local id = spawn(function() core.sleep(100) end)\n"
	  "spawn(function() return core.cancel(id), core.cancel(id) end)",
	  "true true false" },
	{ "local id = spawn(function() put 'never' end) put(core.cancel(id))", "true" },
	/* a task that cancels itself ends at its next wait */
	{ "local id\nid = spawn(function() put(core.cancel(id)) core.sleep(0.001) put 'never' end)",
	  "true" },
	{ "core.spawn(7, 'a', nil, put, core.sleep, 100)\n"
	  "core.spawn(7, 'b', nil, put, core.sleep, 100)\n"
	  "core.spawn(8, 'c', nil, put, core.sleep, 0.001)\n"
	  "spawn(function() return core.cancel_owner(7) end)",
	  "true 2 true true" },
	/* what is spawned in a task has its owner */
	{ "core.spawn(9, 'a', nil, put, function()\n"
	  "  spawn(function() put(core.owner()) core.sleep(100) end) core.sleep(0.001)\n"
	  "  core.cancel_owner(9) end)",
	  "9" },
	{ "core.spawn(0, 'late', 0.01, put, function() core.sleep(100) end)",
	  "false test:7: its deadline has passed" },
	{ "core.spawn(0, 'in time', 10, put, function() core.sleep(0.001) return 'done' end)",
	  "true done" },
	/* waiting where nothing can wait */
	{ "put(pcall(core.sleep, 1))",
	  "false test:7: vpn.sleep cannot wait in the test; what waits belongs in a task: vpn.spawn(fn, ...)" },
	{ "spawn(function() return core.try(\"hook 'x'\", core.sleep, 1) end)",
	  "true false vpn.sleep cannot wait in hook 'x'; what waits belongs in a task: vpn.spawn(fn, ...)" },
	{ "spawn(coroutine.yield)",
	  "false a task waits by vpn.sleep and its kin, not by coroutine.yield" },
	/* coroutines of its own are a script's right */
	{ "spawn(function() local n = 0 for i in coroutine.wrap(function()\n"
	  "  for i = 1, 3 do coroutine.yield(i) end end) do n = n + i end return n end)",
	  "true 6" },
	{ "spawn(function() local r = core.exec({ '/bin/sh', '-c', 'cat; echo e >&2; exit 3' },\n"
	  "  { 'A=1' }, 'input', 5) return r.status, r.out, r.err, r.timeout end)",
	  "true 3 input e false" },
	{ "spawn(function() return core.exec({ '/nonexistent/program' }, nil, nil, 5) ~= false end)",
	  "true true" },
	{ "spawn(function() return core.resolve('127.0.0.1')[1] end)", "true 127.0.0.1" },
};

static void what_tasks_do(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		run_tasks(*state, rows[i].code, rows[i].want);
}

/* A task that loops is stopped; another that waits beside it goes on. */
static void a_loop_is_stopped(void **state)
{
	run_tasks(
		*state,
		"spawn(function() core.sleep(0.001) while true do pcall(function() while true do end\n"
		"  end) end end)\n"
		"spawn(function() core.sleep(0.05) return 'alive' end)",
		"false test:8: task ran for more than its 20 ms; what takes longer belongs in a task "
		"that waits (vpn.spawn) true alive");
}

/* Each stretch between two waits has its own slice. */
static void a_task_may_take_long_in_all(void **state)
{
	run_tasks(
		*state,
		"spawn(function() local n = 0 for i = 1, 20 do for j = 1, 50000 do n = n + 1 end\n"
		"  core.sleep(0) end return n end)",
		"true 1000000");
}

/* |done| that fails is logged, and nothing else suffers. */
static void a_done_that_fails_is_logged(void **state)
{
	struct lnl_host *h = *state;

	run_tasks(h,
		  "core.spawn(0, 'x', nil, function() error 'boo' end, function() end)\n"
		  "spawn(function() return 'fine' end)",
		  "true fine");
	assert_non_null(h->log.head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_tasks_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_loop_is_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_task_may_take_long_in_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_done_that_fails_is_logged, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
