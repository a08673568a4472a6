/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The protected door: errors come back with their place, and no loop gets away with its slice. */
#include "test_bindings_vm.h"

#include <time.h>

static int set_up(void **state)
{
	*state = new_test_vm(NULL);
	return 0;
}

static int tear_down(void **state)
{
	lnl_vm_free(*state);
	return 0;
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const char *const loops[] = {
	"while true do end",
	"repeat local x = {} until false",
	"local function f() return f() end f()",
	/* pcall catches the error, and the next instruction raises it again */
	"while true do pcall(function() while true do end end) end",
	"local function deep(n) while true do if n > 0 then pcall(deep, n - 1) end end end deep(20)",
	"while true do xpcall(function() while true do end end, function() while true do end end) end",
	"local co = coroutine.wrap(function() while true do end end) while true do pcall(co) end",
	"while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
	"local co = coroutine.create(function() while true do coroutine.yield() end end) "
	"while true do coroutine.resume(co) end",
	"local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
	"table.sort({ 3, 2, 1 }, function() while true do end end)",
	"string.gsub('a', '.', function() while true do end end)",
	"for _ in function() return 1 end do end",
	"load(function() while true do end end)",
};

static void a_loop_is_stopped(void **state)
{
	struct lnl_vm *vm = *state;

	for (size_t i = 0; i < sizeof(loops) / sizeof(*loops); i++) {
		double begin = cpu_seconds();

		refuse_lua(vm, loops[i], "the test ran for more than its 50 ms");
		if (cpu_seconds() - begin > 1)
			fail_msg("%s\ntook %f s", loops[i], cpu_seconds() - begin);
		/* and the state is as good as before */
		expect_lua(vm, "local n = 0 for i = 1, 10000 do n = n + i end return n",
			   "50005000");
	}
}

static void honest_work_is_not_stopped(void **state)
{
	expect_lua(*state, "local t = {} for i = 1, 200000 do t[i % 100 + 1] = i end return #t",
		   "100");
	expect_lua(*state, "local ok, err = pcall(error, 'x') return tostring(ok) .. err",
		   "falsex");
}

static void errors_have_their_place(void **state)
{
	static const struct {
		const char *code, *want;
	} rows[] = {
		{ "\nerror('here')", "test:2: here" },
		{ "local x = nil\nreturn x.y", "test:2: attempt to index local 'x'" },
		{ "error({})", "(error object is a table value)" },
		{ "error(nil)", "(error object is a nil value)" },
		{ "error(setmetatable({}, { __tostring = function() return 'said so' end }))",
		  "said so" },
		{ "local function inner() error('deep') end\nlocal function outer() inner() end\nouter()",
		  "stack traceback:" },
		{ "local function inner() error('deep') end\nlocal function outer() inner() end\nouter()",
		  "test:1: in function 'inner'" },
		{ "this is not Lua", "test:1: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		refuse_lua(*state, rows[i].code, rows[i].want);
}

static int sync_hook(lua_State *L)
{
	lua_settop(L, 0);
	if (luaL_loadstring(
		    L, "local try = ...\n"
		       "local first, err = try('hook x', function() while true do end end)\n"
		       "local second, sum = try('hook y', function(a, b) return a + b end, 1, 2)\n"
		       "return tostring(first) .. err:match('hook x ran for more than its %d+')"
		       " .. tostring(second) .. sum"))
		return lua_error(L);
	lua_pushcfunction(L, lnl_call_try);
	lnl_call_function(L, 1, 1);
	assert_string_equal(lua_tostring(L, -1), "falsehook x ran for more than its 20true3");
	return 0;
}

/* A hook that spends its own slice does not take that of what surrounds it. */
static void a_hook_has_its_own_slice(void **state)
{
	struct lnl_vm *vm = *state;
	struct lnl_fault fault = { "" };

	if (lnl_call(vm, "around", LNL_SLICE_HOOK, sync_hook, NULL, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(vm->slice.length, 0);
	assert_null((void *)(uintptr_t)lua_gethook(vm->L));
}

static int leave_rubbish(lua_State *L)
{
	for (int i = 0; i < 10; i++)
		lua_pushinteger(L, i);
	return 0;
}

static void the_stack_is_left_as_it_was(void **state)
{
	struct lnl_vm *vm = *state;
	struct lnl_fault fault;

	for (int i = 0; i < 1000; i++) {
		assert_int_equal(lnl_call(vm, "x", LNL_SLICE_HOOK, leave_rubbish, NULL, &fault), 0);
		assert_int_equal(run_lua(vm, "error('x')", LNL_SLICE_HOOK, NULL, 0, &fault), -1);
	}
	assert_int_equal(lua_gettop(vm->L), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_is_stopped),
		cmocka_unit_test(honest_work_is_not_stopped),
		cmocka_unit_test(errors_have_their_place),
		cmocka_unit_test(a_hook_has_its_own_slice),
		cmocka_unit_test(the_stack_is_left_as_it_was),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
