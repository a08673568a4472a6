/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Plain values from one Lua state to another: what arrives is what was sent, less what is not plain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bindings/plain.h"

/* Sends the values of |code| from one state to another, where |check| has to be true of `...`. */
static void send(const char *code, const char *check)
{
	lua_State *from = luaL_newstate(), *to = luaL_newstate();
	struct lnl_plain p = { 0 };
	int n;

	luaL_openlibs(from);
	luaL_openlibs(to);
	if (luaL_dostring(from, code))
		fail_msg("%s: %s", code, lua_tostring(from, -1));
	n = lua_gettop(from);
	for (int i = 1; i <= n; i++)
		assert_true(lnl_plain_put(&p, from, i));
	assert_int_equal(lua_gettop(from), n);
	assert_int_equal(luaL_loadstring(to, check), 0);
	assert_int_equal(lnl_plain_push(&p, to), n);
	if (lua_pcall(to, n, 1, 0))
		fail_msg("%s: %s", check, lua_tostring(to, -1));
	if (!lua_toboolean(to, -1))
		fail_msg("%s\nis not so of: %s", check, code);
	lnl_plain_clear(&p);
	lua_close(from);
	lua_close(to);
}

static void what_arrives(void **state)
{
	static const struct {
		const char *code, *check;
	} rows[] = {
		{ "return", "return select('#', ...) == 0" },
		{ "return nil, true, false",
		  "local a, b, c = ... return a == nil and b == true and c == false "
		  "and select('#', ...) == 3" },
		{ "return 0, -1.5, 1/0, 2^53",
		  "local a, b, c, d = ... return a == 0 and b == -1.5 and c == 1/0 "
		  "and d == 2^53" },
		{ "return 0/0", "return ... ~= ..." },
		{ "return '', 'a\\0b', ('x'):rep(1e5)",
		  "local a, b, c = ... return a == '' and b == 'a\\0b' and "
		  "#c == 1e5" },
		{ "return { 1, 2, x = { y = { 'deep' } } }",
		  "local t = ... return #t == 2 and t.x.y[1] == 'deep'" },
		{ "return {}", "return next((...)) == nil" },
		/* not plain: nil, and keys that are neither text nor number are left out */
		{ "return print, coroutine.create(print), io.stdout",
		  "local a, b, c = ... return a == nil and "
		  "b == nil and c == nil" },
		{ "return { f = print, [print] = 1, [true] = 2, [1] = 3 }",
		  "local t = ... return t.f == nil and t[1] == 3 and next(t, next(t)) == nil" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		send(rows[i].code, rows[i].check);
}

/* A table in itself ends at the depth; what is deeper is nil. */
static void depth_is_bounded(void **state)
{
	(void)state;
	send("local t = {} t.t = t return t",
	     "local t, n = ..., 0 while t do t, n = t.t, n + 1 end return n == 12");
}

static void size_is_bounded(void **state)
{
	lua_State *L = luaL_newstate();
	struct lnl_plain p = { 0 };

	(void)state;
	luaL_openlibs(L);
	assert_int_equal(luaL_dostring(L, "return { ('x'):rep(2^22), ('x'):rep(2^22) }"), 0);
	assert_false(lnl_plain_put(&p, L, 1));
	assert_int_equal(lua_gettop(L), 1);
	lnl_plain_clear(&p);
	assert_null(p.data);
	lua_close(L);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_arrives),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(size_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
