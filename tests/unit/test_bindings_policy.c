/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a policy VM does not have (X3): compiler, foreign code, bytecode, more memory than its
 * limit.
 */
#include "test_bindings_vm.h"

#include <stdlib.h>
#include <unistd.h>

#include <lualib.h>

static struct lnl_host host;

static int set_up(void **state)
{
	host.levels.all = LNL_LEVEL_DEBUG;
	lnl_host_levels(&host);
	*state = new_test_vm(&host);
	return 0;
}

static int tear_down(void **state)
{
	lnl_vm_free(*state);
	lnl_record_clear(&host.log);
	return 0;
}

static void what_is_absent(void **state)
{
	static const char *const names[] = {
		"_G.ffi",
		"_G.jit",
		"_G.debug",
		"_G.newproxy",
		"_G.module",
		"_G.getfenv",
		"_G.setfenv",
		"os.execute",
		"os.exit",
		"io.popen",
		"package.cpath",
		"package.loadlib",
		"package.seeall",
		"string.dump",
		"io.stdin",
		"package.loaded.jit",
		"package.loaded.ffi",
		"package.loaded.debug",
	};
	char code[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(code, sizeof(code),
			 "local ok, v = pcall(function() return %s end) "
			 "return ok and v ~= nil",
			 names[i]);
		expect_lua(*state, code, "false");
	}
	refuse_lua(*state, "require 'ffi'", "module 'ffi' not found");
	refuse_lua(*state, "require 'jit'", "module 'jit' not found");
	refuse_lua(*state, "require 'lpeg'",
		   "module 'lpeg' not found"); /* a .so is not looked for */
}

static void what_is_there(void **state)
{
	static const char *const code[] = {
		"return require('lunel.core').policy",
		"return require('cjson').encode({ true }) == '[true]'",
		"return require('cjson.safe').decode('{') == nil",
		"return type(require('lunel').client) == 'function'",
		"return type(io.open) == 'function' and type(os.date) == 'function'",
		"return bit.band(6, 3) == 2",
		"return load('return 1 + 1')() == 2",
		"local parts = { 'return ', '7' } return load(function() return table.remove(parts, 1) "
		"end)() == 7",
		"local f, err = load('x x') return f == nil and type(err) == 'string'",
	};

	for (size_t i = 0; i < sizeof(code) / sizeof(*code); i++)
		expect_lua(*state, code[i], "true");
}

static void globals_are_strict(void **state)
{
	refuse_lua(*state, "return prnt", "there is no variable 'prnt'; did you mean 'print'?");
	refuse_lua(*state, "x = 1", "'x' is not declared");
	refuse_lua(*state, "return jit.on()", "there is no jit in a policy script");
	refuse_lua(*state, "return require('lunel').clinet",
		   "there is no vpn.clinet; did you mean 'client'?");
	expect_lua(*state, "return (pcall(setmetatable, _G, {}))", "false");
}

/* Bytecode as LuaJIT's own string.dump makes it, in a state that has it. */
static void dump(char *path, size_t *len, char *text, size_t cap)
{
	lua_State *L = luaL_newstate();
	const char *code;
	FILE *f;

	luaL_openlibs(L);
	assert_int_equal(luaL_dostring(L, "return string.dump(function() return 1 end)"), 0);
	code = lua_tolstring(L, -1, len);
	assert_true(*len <= cap);
	memcpy(text, code, *len);
	f = fdopen(mkstemps(path, 4), "w");
	assert_non_null(f);
	fwrite(code, 1, *len, f);
	fclose(f);
	lua_close(L);
}

static void bytecode_is_refused(void **state)
{
	char path[] = "/tmp/lunel-bytecode-XXXXXX.lua";
	char text[4096], code[8192];
	size_t len = 0, n;

	dump(path, &len, text, sizeof(text));
	n = (size_t)snprintf(code, sizeof(code), "local f, err = load('");
	for (size_t i = 0; i < len; i++)
		n += (size_t)snprintf(code + n, sizeof(code) - n, "\\%03d", (unsigned char)text[i]);
	snprintf(code + n, sizeof(code) - n, "') return f == nil and err");
	expect_lua(*state, code, "attempt to load chunk with wrong mode");
	snprintf(code, sizeof(code), "local f, err = loadfile('%s') return f == nil and err", path);
	expect_lua(*state, code, "attempt to load chunk with wrong mode");
	snprintf(code, sizeof(code), "dofile('%s')", path);
	refuse_lua(*state, code, "attempt to load chunk with wrong mode");
	snprintf(code, sizeof(code), "package.path = '/tmp/?.lua' require('%.*s')",
		 (int)(strlen(path) - strlen("/tmp/") - strlen(".lua")), path + strlen("/tmp/"));
	refuse_lua(*state, code, "attempt to load chunk with wrong mode");
	unlink(path);
}

static void memory_is_limited(void **state)
{
	static const char *const eaters[] = {
		"return #string.rep('x', 2^28)",
		"local t = {} while true do t[#t + 1] = string.rep('x', 2^16) .. #t end",
		"local t = {} for i = 1, 1e9 do t[i] = i end",
		"local s = 'x' while true do s = s .. s end",
		"local t = {} while true do t[#t + 1] = select(2, pcall(string.rep, 'x', 2^24)) end",
	};
	struct lnl_vm *vm = *state;
	struct lnl_fault fault;

	for (size_t i = 0; i < sizeof(eaters) / sizeof(*eaters); i++) {
		assert_int_equal(run_lua(vm, eaters[i], 10 * TEST_SLICE, NULL, 0, &fault), -1);
		if (!strstr(fault.text, "not enough memory") && !strstr(fault.text, "ran for more"))
			fail_msg("%s: %s", eaters[i], fault.text);
		assert_true(vm->used <= vm->limit);
		expect_lua(vm, "collectgarbage() return 'fine'", "fine");
		assert_true(vm->used < vm->limit / 2);
	}
}

/* Every function of the API, with what it does not expect: an error, never a crash. */
static void wrong_arguments(void **state)
{
	expect_lua(
		*state,
		"local core = require 'lunel.core'\n"
		"local vpn = require 'lunel'\n"
		"local odd = { nil, true, -1, 0/0, 1/0, 2^53, 'text', '', {}, { {} }, print,\n"
		"              coroutine.create(print), core.secret 's', string.rep('x', 1e5) }\n"
		"local n = 0\n"
		"for _, api in ipairs { core, vpn } do\n"
		"  for name, fn in pairs(api) do\n"
		"    if type(fn) == 'function' and name ~= 'prompt' and name ~= 'cancel_owner' then\n"
		"      for i = 1, 14 do\n"
		"        for j = 1, 14 do\n"
		"          pcall(fn, odd[i], odd[j], odd[(i + j) % 14 + 1], odd[i * j % 14 + 1])\n"
		"          n = n + 1\n"
		"        end\n"
		"        pcall(fn)\n"
		"      end\n"
		"    end\n"
		"  end\n"
		"end\n"
		"return n > 1000",
		"true");
}

static void secrets_do_not_show(void **state)
{
	expect_lua(*state, "return tostring(require('lunel.core').secret 'hunter2')", "***");
	expect_lua(*state, "return require('lunel.core').secret('hunter2'):reveal()", "hunter2");
	refuse_lua(*state, "return 'x' .. require('lunel.core').secret 'hunter2'", "concatenate");
	expect_lua(*state, "return getmetatable(require('lunel.core').secret 'x')", "secret");
	expect_lua(
		*state,
		"require('lunel.core').log('info', 'a', 'b', "
		"{ password = require('lunel.core').secret 'hunter2', t = { 'hunter2' } }) return 1",
		"1");
	assert_non_null(host.log.head);
	lua_State *L = luaL_newstate();

	luaL_openlibs(L);
	assert_int_equal(lnl_record_push(L, &host.log), 2);
	lua_pop(L, 1);
	lua_setglobal(L, "records");
	assert_int_equal(luaL_dostring(L, "local f = records[#records].fields\n"
					  "return f.password .. ' ' .. f.t"),
			 0);
	assert_string_equal(lua_tostring(L, -1), "*** table");
	lua_close(L);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_absent),      cmocka_unit_test(what_is_there),
		cmocka_unit_test(globals_are_strict),  cmocka_unit_test(bytecode_is_refused),
		cmocka_unit_test(memory_is_limited),   cmocka_unit_test(wrong_arguments),
		cmocka_unit_test(secrets_do_not_show),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
