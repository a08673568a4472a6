/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of log records: bounded, in order, and nothing in it that could break a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "bindings/record.h"

static lua_State *L;
static struct lnl_record_queue q;

static int set_up(void **state)
{
	(void)state;
	L = luaL_newstate();
	luaL_openlibs(L);
	memset(&q, 0, sizeof(q));
	q.levels.all = LNL_LEVEL_INFO;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lnl_record_clear(&q);
	lua_close(L);
	return 0;
}

/* Adds a script's record with the fields of a table constructor. */
static void add(enum lnl_level level, const char *fields)
{
	struct lnl_script_record r = {
		.level = level, .sub = "sub", .event = "event", .when = 1.5
	};
	char code[8192];

	snprintf(code, sizeof(code), "return %s", fields);
	if (luaL_dostring(L, code))
		fail_msg("%s", lua_tostring(L, -1));
	r.fields = lua_istable(L, -1) ? lua_gettop(L) : 0;
	lnl_record_script(L, &q, NULL, &r);
	lua_settop(L, 0);
}

/* Takes a batch and evaluates |check| with `r` (the records) and `lost`. */
static void batch(const char *check)
{
	char code[1024];

	assert_int_equal(lnl_record_push(L, &q), 2);
	lua_setglobal(L, "lost");
	lua_setglobal(L, "r");
	snprintf(code, sizeof(code), "return %s", check);
	if (luaL_dostring(L, code))
		fail_msg("%s", lua_tostring(L, -1));
	if (!lua_toboolean(L, -1))
		fail_msg("not so: %s", check);
	lua_settop(L, 0);
}

static void what_a_record_has(void **state)
{
	(void)state;
	add(LNL_LEVEL_WARN,
	    "{ n = 1.5, a = 'text', ok = true, t = {}, f = print, [5] = 'left out' }");
	batch("#r == 1 and lost == 0");
	batch("#r == 0");
	add(LNL_LEVEL_WARN, "{ n = 1.5, a = 'text', ok = true, t = {}, [5] = 'left out' }");
	batch("r[1].level == 'warn' and r[1].sub == 'sub' and r[1].event == 'event' and r[1].ts == 1.5");
	add(LNL_LEVEL_INFO, "{ n = 1.5, a = 'text', ok = true, t = {}, [5] = 'left out' }");
	batch("table.concat(r[1], ' ') == 'a n ok t' and r[1].fields.a == 'text' and "
	      "r[1].fields.n == 1.5 and r[1].fields.ok == 'true' and r[1].fields.t == 'table'");
	add(LNL_LEVEL_INFO, "nil");
	batch("#r[1] == 0 and next(r[1].fields) == nil");
}

/* A peer's or script's text cannot make a line of its own. */
static void control_characters_are_gone(void **state)
{
	(void)state;
	add(LNL_LEVEL_INFO, "{ a = 'x\\ny\\r\\0\\27[31m\\127z' }");
	batch("r[1].fields.a == 'x y   [31m z'");
	add(LNL_LEVEL_INFO, "{ ['a\\nb'] = 1 }");
	batch("r[1][1] == 'a b'");
}

static void levels_are_kept(void **state)
{
	(void)state;
	add(LNL_LEVEL_DEBUG, "{}");
	batch("#r == 0 and lost == 0");
	assert_string_equal(lnl_level_name(LNL_LEVEL_TRACE), "trace");
	assert_string_equal(lnl_level_name((enum lnl_level)99), "trace");
	assert_int_equal(lnl_level_of("error"), LNL_LEVEL_ERROR);
	assert_int_equal(lnl_level_of("loud"), -1);
}

static void what_is_too_long_is_cut(void **state)
{
	(void)state;
	add(LNL_LEVEL_INFO, "{ a = ('x'):rep(5000), b = 'after' }");
	batch("#r[1].fields.a < 2048 and r[1].fields.a:find('^x+$')");
	add(LNL_LEVEL_INFO,
	    "(function() local t = {} for i = 1, 100 do t['f' .. i] = i end return t end)()");
	batch("#r[1] == 16");
}

static void what_is_too_much_is_counted(void **state)
{
	(void)state;
	for (int i = 0; i < LNL_RECORD_QUEUE + 5; i++)
		add(LNL_LEVEL_INFO, "{}");
	batch("#r == 256 and lost == 5");
	for (int i = 256; i < LNL_RECORD_QUEUE; i += 256)
		batch("#r == 256 and lost == 0");
	batch("#r == 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_record_has, set_up, tear_down),
		cmocka_unit_test_setup_teardown(control_characters_are_gone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(levels_are_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_long_is_cut, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_much_is_counted, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
