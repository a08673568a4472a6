/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A script's own coroutines in tasks: they may wait, and else are what they are in any Lua. */
#include "test_bindings_waiting.h"

#include <lualib.h>

static const struct {
	const char *code, *want;
} rows[] = {
	/* the whole task waits, and the answer comes to who asked */
	{ "spawn(function() return coroutine.resume(coroutine.create(core.sleep), 0) end)",
	  "true true true" },
	{ "spawn(function() return coroutine.wrap(function(a) return a, core.sleep(0), 'x' end)(7) end)",
	  "true 7 true x" },
	/* three deep, with values of their own on the way */
	{ "spawn(function()\n"
	  "  local inner = coroutine.wrap(function() core.sleep(0) coroutine.yield 'a' core.sleep(0)\n"
	  "    coroutine.yield 'b' end)\n"
	  "  local middle = coroutine.wrap(function() core.sleep(0) coroutine.yield(inner())\n"
	  "    core.sleep(0) coroutine.yield(inner()) return inner() end)\n"
	  "  put(middle(), middle(), middle()) return 'end' end)",
	  "a b true end" },
	/* an iterator that waits for each value */
	{ "spawn(function() local n = 0 for i in coroutine.wrap(function()\n"
	  "  for i = 1, 100 do core.sleep(0) coroutine.yield(i) end end) do n = n + i end\n"
	  "  return n end)",
	  "true 5050" },
	/* others run meanwhile */
	{ "spawn(function() coroutine.wrap(function() core.sleep(0.05) end)() return 'slow' end)\n"
	  "spawn(function() coroutine.wrap(function() core.sleep(0.001) end)() return 'fast' end)",
	  "true fast true slow" },
	/* errors after a wait, through pcall and not */
	{ "spawn(function() return coroutine.resume(coroutine.create(function() core.sleep(0)\n"
	  "  error('no', 0) end)) end)",
	  "true false no" },
	{ "spawn(function() return type(select(2, pcall(coroutine.wrap(function() core.sleep(0)\n"
	  "  error({}, 0) end)))) end)",
	  "true table" },
	{ "spawn(function()\n  coroutine.wrap(function()\ncore.sleep(0) error 'no' end)()\nend)",
	  "false test:4: test:4: no" },
	{ "spawn(function() coroutine.wrap(function() pcall(core.sleep, 0) error('x', 0) end)() end)",
	  "false test:2: x" },
	/* one that waits is another task's: nobody else goes on with it */
	{ "local co = coroutine.create(function() return core.sleep(0.01), 'mine' end)\n"
	  "spawn(function() return coroutine.resume(co) end)\n"
	  "spawn(function() put(coroutine.status(co)) return coroutine.resume(co, 'stolen') end)",
	  "normal true false cannot resume a coroutine that waits in a task true true true mine" },
	/* nor with a task */
	{ "local co spawn(function() co = coroutine.running() core.sleep(0.01) return 'mine' end)\n"
	  "spawn(function() put(coroutine.status(co)) return coroutine.resume(co, 'stolen') end)",
	  "normal true false cannot resume a coroutine that waits in a task true mine" },
	/* begun in one task, gone on with in another that waits in it */
	{ "local co = coroutine.create(function() coroutine.yield() return core.sleep(0), 'b' end)\n"
	  "spawn(function() return coroutine.resume(co) end)\n"
	  "spawn(function() return coroutine.resume(co) end)",
	  "true true true true true b" },
	/* a deadline, a cancel, an owner that ends, while a coroutine waits */
	{ "core.spawn(0, 'late', 0.01, put, function()\n"
	  "  coroutine.wrap(function() core.sleep(100) end)() end)",
	  "false test:3: its deadline has passed" },
	{ "local id = spawn(function() coroutine.wrap(function() core.sleep(100) end)() end)\n"
	  "spawn(function() core.sleep(0.001) return core.cancel(id) end)",
	  "true true" },
	{ "core.spawn(7, 'x', nil, put, function() coroutine.wrap(function() core.sleep(100) end)()\n"
	  "  end) spawn(function() core.sleep(0.001) return core.cancel_owner(7) end)",
	  "true 1" },
	/* where nothing can wait: an error that names the way out, and nothing is lost */
	{ "spawn(function() table.sort({ 2, 1 }, function() core.sleep(0) end) end)",
	  "false test:2: vpn.sleep cannot wait in what 'sort' calls (task); wait before it and give "
	  "it what came of that, or use vpn.spawn(fn, ...)" },
	{ "spawn(function() local list = { 3, 1, 2 }\n"
	  "  local ok = pcall(table.sort, list, function() core.sleep(100) end)\n"
	  "  table.sort(list) return ok, core.sleep(0), unpack(list) end)",
	  "true false true 1 2 3" },
	{ "spawn(function() table.sort({ 2, 1 }, function() pcall(core.sleep, 0)\n"
	  "  coroutine.wrap(function() core.sleep(0) end)() end) end)",
	  "false test:3: test:3: vpn.sleep cannot wait in what 'sort' calls (task); wait before it and "
	  "give it what came of that, or use vpn.spawn(fn, ...)" },
	{ "spawn(function() return (('x'):gsub('x', function() return tostring(core.sleep(0)) end)) end)",
	  "false test:2: vpn.sleep cannot wait in what 'gsub' calls (task); wait before it and give it "
	  "what came of that, or use vpn.spawn(fn, ...)" },
	{ "local co = coroutine.create(core.sleep) put(coroutine.resume(co, 1))",
	  "false vpn.sleep cannot wait in the test; what waits belongs in a task: vpn.spawn(fn, ...)" },
	/* after such a place all is as it was */
	{ "spawn(function() pcall(table.sort, { 2, 1 }, function()\n"
	  "  coroutine.wrap(function() error 'x' end)() end)\n"
	  "  return coroutine.wrap(function() return core.sleep(0) end)() end)",
	  "true true" },
	/* metamethods, iterators and pcall are no such places */
	{ "spawn(function() local t = setmetatable({}, { __index = function(_, k)\n"
	  "  core.sleep(0) return k .. '!' end }) return pcall(function() return t.x end) end)",
	  "true true x!" },
	{ "spawn(function() return xpcall(function() core.sleep(0) error('e', 0) end,\n"
	  "  function(e) core.sleep(0) return e .. '?' end) end)",
	  "true false e?" },
	/* a bare yield at a task's own level */
	{ "spawn(function() coroutine.wrap(function() core.sleep(0) end)() coroutine.yield(1) end)",
	  "false a task waits by vpn.sleep and its kin, not by coroutine.yield" },
	/* many waits in one coroutine need no more stack than one */
	{ "spawn(function() return coroutine.wrap(function() for i = 1, 20000 do core.sleep(0) end\n"
	  "  return 'done' end)() end)",
	  "true done" },
};

static void what_coroutines_do(void **state)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		run_waiting(*state, rows[i].code, rows[i].want, false);
}

/* What has nothing to do with waiting is as in a plain LuaJIT: each gives a text. */
static const char *const plain[] = {
	"return tostring(select('#', coroutine.resume(coroutine.create(function() end))))",
	"return tostring(select('#', coroutine.resume(coroutine.create(function() return nil, nil end))))",
	"return tostring(select(2, pcall(coroutine.wrap(function() error('x') end))))",
	"local f = coroutine.wrap(function() error('x') end)\n"
	"local ok, e = pcall(function()\nf() end) return e",
	"local f = coroutine.wrap(function() error('x', 0) end)\n"
	"local ok, e = pcall(function()\nlocal r = f() return r end) return e",
	"local f = coroutine.wrap(function() local x = nil + 1 end)\n"
	"local ok, e = pcall(function()\nlocal r = f() return r end) return e",
	"local t = {} local ok, e = pcall(coroutine.wrap(function() error(t) end))\n"
	"return tostring(e == t)",
	"local f = coroutine.wrap(function() end) f() local ok, e = pcall(f) return e",
	"local f f = coroutine.wrap(function() return f() end) local ok, e = pcall(f) return e",
	"local co co = coroutine.create(function() return coroutine.status(co) end)\n"
	"local a = coroutine.status(co) local _, b = coroutine.resume(co)\n"
	"return a .. b .. coroutine.status(co)",
	"local co co = coroutine.create(function() return coroutine.wrap(function()\n"
	"  return coroutine.status(co) end)() end) return select(2, coroutine.resume(co))",
	"local co = coroutine.create(function(...) return select('#', ...), coroutine.yield(...) end)\n"
	"return table.concat({ tostring(coroutine.resume(co, 1, nil, nil)),\n"
	"  select('#', coroutine.resume(co, nil, nil)) }, ' ')",
	"local ok, e = pcall(coroutine.resume, 5) return (e:gsub('to .*', ''))",
	"local ok, e = pcall(coroutine.wrap, 5) return (e:gsub('to .*', ''))",
	"local n = 0 for a, b in coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i, i) end\n"
	"  end) do n = n + a * b end return tostring(n)",
	"local s = {} local co = coroutine.wrap(function() for i = 1, 3 do\n"
	"  table.sort({ 2, 1 }, function(a, b) s[#s + 1] = coroutine.wrap(function()\n"
	"  coroutine.yield(i) end)() return a < b end) coroutine.yield() end end)\n"
	"co() co() co() return table.concat(s)",
};

static void what_does_not_wait_is_as_ever(void **state)
{
	struct lnl_host *h = *state;
	lua_State *L = luaL_newstate();
	char want[512];

	luaL_openlibs(L);
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++) {
		char code[2048];

		if (luaL_loadbuffer(L, plain[i], strlen(plain[i]), "=test") ||
		    lua_pcall(L, 0, 1, 0))
			fail_msg("%s: %s", plain[i], lua_tostring(L, -1));
		snprintf(want, sizeof(want), "true %s", lua_tostring(L, -1));
		lua_pop(L, 1);
		expect_lua(h->vm, plain[i], want + strlen("true "));
		snprintf(code, sizeof(code), "spawn(load([==[%s]==], '=test'))", plain[i]);
		run_waiting(h, code, want, false);
	}
	lua_close(L);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_coroutines_do, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(what_does_not_wait_is_as_ever, set_up_engine,
						tear_down_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
