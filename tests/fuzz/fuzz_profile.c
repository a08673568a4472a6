/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The profile importer and the schema behind it, on any text. A Lua error is a finding: what is wrong
 * with a profile is told by a list of errors. libFuzzer sees no coverage in Lua, so a line hook gives
 * it some: one counter for each pair of a line and the line before.
 */
#include <lauxlib.h>
#include <lua.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz_env.h"

#define COUNTERS 32768
#define TEXT_MAX 1024

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

static const char setup[] =
	"package.path = LUNEL_SCRIPTS .. '/?.lua;' .. LUNEL_SCRIPTS .. '/?/init.lua'\n"
	"local profile, schema = require 'lunel.profile', require 'lunel.schema'\n"
	"local function reader(path)\n"
	"  if path == 'credentials' then return 'anna\\nsecret\\n', { uid = 0 } end\n"
	"  return nil, 'no such file'\n"
	"end\n"
	"return function(text)\n"
	"  local conf, errors = profile.parse(text, 'fuzz.ovpn', reader)\n"
	"  if not conf then\n"
	"    assert(type(errors) == 'table' and #errors > 0, 'refused without a reason')\n"
	"    return\n"
	"  end\n"
	"  local checked, wrong = schema.check(conf, conf.origin)\n"
	"  assert(checked or #wrong > 0, 'refused without a reason')\n"
	"end\n";

/* The line alone tells little of where it is, but two in a row do, and asking for the source is slow. */
static void count_line(lua_State *L, lua_Debug *ar)
{
	static uint32_t before;
	uint32_t here = (uint32_t)ar->currentline * 2654435761u;

	(void)L;
	counters[((here >> 7) ^ before) % COUNTERS]++;
	before = here >> 12;
}

static lua_State *make(void)
{
	lua_State *L = luaL_newstate();

	if (!L)
		abort();
	luaL_openlibs(L);
	luaJIT_setmode(L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	lua_pushliteral(L, LUNEL_SCRIPTS_DIR);
	lua_setglobal(L, "LUNEL_SCRIPTS");
	if (luaL_loadstring(L, setup) != 0 || lua_pcall(L, 0, 1, 0) != 0) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		abort();
	}
	lua_sethook(L, count_line, LUA_MASKLINE, 0);
	return L;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static lua_State *L;

	if (size > TEXT_MAX)
		return 0;
	if (!L)
		L = make();
	lua_pushvalue(L, 1);
	lua_pushlstring(L, (const char *)data, size);
	if (lua_pcall(L, 1, 0, 0) != 0) {
		fprintf(stderr, "%s\n", lua_tostring(L, -1));
		abort();
	}
	return 0;
}
