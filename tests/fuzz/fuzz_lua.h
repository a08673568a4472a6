/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lua under a fuzzer: a state with the scripts, in which an error is a finding. libFuzzer sees no
 * coverage in Lua, so a line hook gives it some: one counter for each pair of a line and the line before.
 */
#ifndef LNL_FUZZ_LUA_H
#define LNL_FUZZ_LUA_H

#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define FUZZ_COUNTERS 32768

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t fuzz_counters[FUZZ_COUNTERS];

/* The line alone tells little of where it is, but two in a row do, and asking for the source is slow. */
static inline void fuzz_count_line(lua_State *L, lua_Debug *ar)
{
	static uint32_t before;
	uint32_t here = (uint32_t)ar->currentline * 2654435761u;

	(void)L;
	fuzz_counters[((here >> 7) ^ before) % FUZZ_COUNTERS]++;
	before = here >> 12;
}

/* Calls what lies below |nargs| arguments; an error ends the process, which is how it is found. */
static inline void fuzz_lua_call(lua_State *L, int nargs, int nresults)
{
	if (lua_pcall(L, nargs, nresults, 0) == 0)
		return;
	fprintf(stderr, "%s\n", lua_tostring(L, -1));
	abort();
}

/* A state in which |setup| has run, its |nresults| results at the bottom of the stack. */
static inline lua_State *fuzz_lua_new(const char *setup, int nresults)
{
	lua_State *L = luaL_newstate();

	if (!L)
		abort();
	luaL_openlibs(L);
	luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	lua_pushliteral(L, LUNEL_SCRIPTS_DIR);
	lua_setglobal(L, "LUNEL_SCRIPTS");
	if (luaL_loadstring(L, setup) != 0) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		abort();
	}
	fuzz_lua_call(L, 0, nresults);
	lua_sethook(L, fuzz_count_line, LUA_MASKLINE, 0);
	return L;
}

/* Gives |size| bytes to the one function that |setup| returned. */
static inline void fuzz_lua_text(lua_State *L, const uint8_t *data, size_t size)
{
	lua_pushvalue(L, 1);
	lua_pushlstring(L, (const char *)data, size);
	fuzz_lua_call(L, 1, 0);
}

#endif
