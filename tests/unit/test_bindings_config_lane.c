/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables into the lanes of a client's and a server's options, and a grant's filter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "bindings/config.h"
#include "bindings/objects.h"

static struct lnl_tunnel_options tunnel;
static struct lnl_server_options server;
static struct lnl_grant_options grant;

static int fill(lua_State *L)
{
	const char *kind = lua_tostring(L, 2);

	if (strcmp(kind, "tunnel") == 0)
		lnl_config_tunnel(L, 1, &tunnel);
	else if (strcmp(kind, "server") == 0)
		lnl_config_server(L, 1, &server);
	else
		lnl_config_grant(L, 1, &grant);
	return lua_gettop(L); /* what it points to is the stack's: kept for the test */
}

/* A state that has what was made of the table |code|; the error in |err|, or "". */
static lua_State *take(const char *kind, const char *code, char err[512])
{
	lua_State *L = luaL_newstate();
	char text[2048];

	luaL_openlibs(L);
	lnl_secret_register(L, NULL);
	lua_pushcfunction(L, fill);
	snprintf(text, sizeof(text), "return %s", code);
	if (luaL_dostring(L, text))
		fail_msg("%s", lua_tostring(L, -1));
	lua_pushstring(L, kind);
	err[0] = '\0';
	if (lua_pcall(L, 2, LUA_MULTRET, 0))
		snprintf(err, 512, "%s", lua_tostring(L, -1));
	lua_gc(L, LUA_GCCOLLECT, 0);
	return L;
}

static const char *const lanes =
	"{ lanes = { { id = 3, name = 'a', origin = 'a.lua', points = 3, overhead = 15,"
	"              super = true, on_error = 'detach' },"
	"            { id = 4, name = 'b', origin = 'b.lua', points = 12, overhead = 0,"
	"              super = false, on_error = 'pass' } }, filter = 3, transport = 4 }";

static void check(const struct lnl_lane_options *o)
{
	assert_int_equal(o->n, 2);
	assert_int_equal(o->filter, 3);
	assert_int_equal(o->transport, 4);
	assert_int_equal(o->list[0].id, 3);
	assert_string_equal(o->list[0].name, "a");
	assert_string_equal(o->list[0].origin, "a.lua");
	assert_int_equal(o->list[0].points, 3);
	assert_int_equal(o->list[0].overhead, 15);
	assert_true(o->list[0].super);
	assert_int_equal(o->list[0].on_error, LNL_LANE_ON_ERROR_DETACH);
	assert_string_equal(o->list[1].name, "b");
	assert_false(o->list[1].super);
	assert_int_equal(o->list[1].on_error, LNL_LANE_ON_ERROR_PASS);
}

static void lanes_reach_their_place(void **state)
{
	char err[512];
	lua_State *L = take("tunnel", lanes, err);

	(void)state;
	assert_string_equal(err, "");
	check(&tunnel.lanes);
	lua_close(L);
	L = take("server", lanes, err);
	assert_string_equal(err, "");
	check(&server.lanes);
	lua_close(L);
	L = take("server", "{}", err);
	assert_int_equal(server.lanes.n, 0);
	assert_int_equal(server.lanes.transport, 0);
	lua_close(L);
}

static void a_grant_has_a_filter(void **state)
{
	char err[512];
	lua_State *L = take("grant", "{ filter = 'no_lateral' }", err);

	(void)state;
	assert_string_equal(err, "");
	assert_string_equal(grant.filter, "no_lateral");
	lua_close(L);
	L = take("grant", "{}", err);
	assert_null(grant.filter);
	lua_close(L);
}

static void what_is_wrong_is_named(void **state)
{
	static const char *const rows[][2] = {
		{ "{ lanes = 5 }", "option lanes: a list expected" },
		{ "{ lanes = { 5 } }", "option lanes: a table expected" },
		{ "{ lanes = { { on_error = 'stop' } } }", "option on_error: 'stop'" },
		{ "{ lanes = { { points = -1 } } }", "option points: a whole number" },
		{ "{ lanes = { { super = 1 } } }", "option super: a boolean expected" },
		{ "{ lanes = { { file = 'x' } } }", "the engine has no option 'file'" },
		{ "{ filter = 'x' }", "option filter: a whole number" },
	};
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		lua_State *L = take("server", rows[i][0], err);

		if (!strstr(err, rows[i][1]))
			fail_msg("%s: '%s'", rows[i][0], err);
		lua_close(L);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lanes_reach_their_place),
		cmocka_unit_test(a_grant_has_a_filter),
		cmocka_unit_test(what_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
