/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes the policy VM: which libraries it has, where its scripts come from, how much memory it may
 * use.
 */
#include <errno.h>
#include <luajit.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/file.h"
#include "bindings/heap.h"
#include "bindings/host.h"
#include "bindings/library.h"
#include "bindings/objects.h"
#include "bindings/ops.h"
#include "bindings/ops_services.h"
#include "bindings/patterns.h"
#include "bindings/sink.h"
#include "bindings/task.h"
#include "bindings/vm.h"

/* So much allocated takes about as long as the instructions between two looks at the clock. */
#define CHURN ((size_t)1 << 20)

/*
 * LuaJIT collects little by little, however large what is allocated meanwhile, and nothing when the
 * limit is reached: strings of a megabyte would fill the heap with what nobody holds.
 */
static void note_churn(struct lnl_vm *vm, size_t size)
{
	vm->churned += size;
	vm->fresh += size;
	if (vm->used > vm->limit / 2 && vm->fresh > vm->limit / 4) {
		vm->fresh = 0;
		vm->crowded = true;
	}
	if (vm->churned >= CHURN) {
		vm->churned = 0;
		lnl_slice_hurry(vm);
	}
}

/* What leaves the heap is wiped: a script's passwords and keys live here. */
static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	struct lnl_vm *vm = ud;
	void *fresh = lnl_heap_realloc(&vm->used, vm->limit, p, old, size);

	if (fresh)
		note_churn(vm, size);
	return fresh;
}

/* Text only: bytecode can do what the language cannot. */
static int load_text(lua_State *L, const char *text, size_t len, const char *name)
{
	return luaL_loadbufferx(L, text, len, name, "t");
}

/* load(text or function [, name]); loadstring is the same. */
static int load(lua_State *L)
{
	const char *name = luaL_optstring(L, 2, "=(load)");
	const char *text;
	size_t len;

	if (lua_isfunction(L, 1)) {
		luaL_Buffer b;

		luaL_buffinit(L, &b);
		for (;;) {
			lua_pushvalue(L, 1);
			lnl_call_function(L, 0, 1);
			if (lua_isnil(L, -1) || lua_objlen(L, -1) == 0)
				break;
			luaL_argcheck(L, lua_isstring(L, -1), 1, "it must return texts");
			luaL_addvalue(&b);
		}
		lua_pop(L, 1);
		luaL_pushresult(&b);
		lua_replace(L, 1);
	}
	text = luaL_checklstring(L, 1, &len);
	if (load_text(L, text, len, name) == 0)
		return 1;
	lua_pushnil(L);
	lua_insert(L, -2);
	return 2;
}

/* Whether |path| is in the folder of lunel's own modules. */
static bool is_own(lua_State *L, const char *path)
{
	const char *folder;
	size_t n;
	bool own;

	lua_getfield(L, LUA_REGISTRYINDEX, LNL_CALL_SCRIPTS);
	folder = lua_tolstring(L, -1, &n);
	own = folder && strncmp(path, folder, n) == 0 && path[n] == '/';
	lua_pop(L, 1);
	return own;
}

/*
 * Pushes the chunk of |path|: 0; or an error's text: -1 when there is no such file, 1 when it is no
 * good.
 */
static int load_path(lua_State *L, const char *path)
{
	bool own = is_own(L, path);
	char name[512];
	struct lnl_file f;
	int rc;

	if ((own ? lnl_library_read(path, &f) : lnl_file_read(path, &f)) < 0) {
		lua_pushfstring(L, "cannot read %s: %s", path, f.why);
		return f.error == ENOENT ? -1 : 1;
	}
	snprintf(name, sizeof(name), "@%s", path);
	rc = load_text(L, f.data, f.len, name);
	if (!own)
		lnl_file_free(&f);
	return rc ? 1 : 0;
}

static int load_file(lua_State *L)
{
	if (load_path(L, luaL_checkstring(L, 1)) == 0)
		return 1;
	lua_pushnil(L);
	lua_insert(L, -2);
	return 2;
}

static int do_file(lua_State *L)
{
	lua_settop(L, 1);
	if (load_path(L, luaL_checkstring(L, 1)) != 0)
		return lua_error(L);
	lnl_call_function(L, 0, LUA_MULTRET);
	return lua_gettop(L) - 1;
}

/* The only searcher beside package.preload: Lua text along package.path. */
static int search(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	const char *path, *end;

	lua_getfield(L, lua_upvalueindex(1), "path");
	path = luaL_checkstring(L, -1);
	name = luaL_gsub(L, name, ".", "/");
	lua_pushliteral(L, "");
	for (; *path; path = *end ? end + 1 : end) {
		end = path + strcspn(path, ";");
		lua_pushlstring(L, path, (size_t)(end - path));
		luaL_gsub(L, lua_tostring(L, -1), "?", name);
		lua_remove(L, -2);
		switch (load_path(L, lua_tostring(L, -1))) {
		case 0:
			return 1;
		case 1:
			return luaL_error(L, "%s", lua_tostring(L, -1));
		default:
			lua_pop(L, 1);
			lua_pushfstring(L, "%s\n\tno file '%s'", lua_tostring(L, -2),
					lua_tostring(L, -1));
			lua_replace(L, -3);
			lua_pop(L, 1);
		}
	}
	return 1;
}

static void open_libraries(lua_State *L)
{
	static const luaL_Reg libraries[] = {
		{ "", luaopen_base },
		{ LUA_LOADLIBNAME, luaopen_package },
		{ LUA_TABLIBNAME, luaopen_table },
		{ LUA_STRLIBNAME, luaopen_string },
		{ LUA_MATHLIBNAME, luaopen_math },
		{ LUA_IOLIBNAME, luaopen_io },
		{ LUA_OSLIBNAME, luaopen_os },
		{ LUA_BITLIBNAME, luaopen_bit },
	};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		lua_pushcfunction(L, libraries[i].func);
		lua_pushstring(L, libraries[i].name);
		lnl_call_function(L, 1, 0);
	}
}

/* What a policy has no use for, or could end or block the process with. */
static void remove_names(lua_State *L)
{
	static const struct {
		const char *table, *name;
	} names[] = {
		{ "_G", "newproxy" },	{ "_G", "module" },	 { "_G", "gcinfo" },
		{ "_G", "getfenv" },	{ "_G", "setfenv" },	 { "os", "execute" },
		{ "os", "exit" },	{ "os", "setlocale" },	 { "io", "popen" },
		{ "io", "stdin" },	{ "io", "read" },	 { "package", "loadlib" },
		{ "package", "cpath" }, { "package", "seeall" }, { "package", "config" },
		{ "string", "dump" },	{ "string", "gfind" },	 { "_G", "jit" },
		{ "_G", "debug" },	{ "_G", "ffi" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		lua_getglobal(L, names[i].table);
		lua_pushnil(L);
		lua_setfield(L, -2, names[i].name);
		lua_pop(L, 1);
	}
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "loaded");
	lua_pushnil(L);
	lua_setfield(L, -2, "jit");
	lua_pushnil(L);
	lua_setfield(L, -2, "debug");
	lua_pop(L, 2);
}

/* collectgarbage, which is the upvalue; a full collection may take as long as a slice. */
static int collect(lua_State *L)
{
	int rc;

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	rc = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	lnl_slice_hurry(lnl_vm_of(L));
	return rc ? lua_error(L) : lua_gettop(L);
}

/*
 * No hook fires in a finaliser: one of Lua could never be stopped. A file's metatable, which is its
 * own __index in LuaJIT, is the only one with a __gc that scripts could reach.
 */
static void protect_files(lua_State *L)
{
	luaL_getmetatable(L, LUA_FILEHANDLE);
	lua_newtable(L);
	lua_pushnil(L);
	while (lua_next(L, -3)) {
		if (lua_type(L, -2) == LUA_TSTRING && strncmp(lua_tostring(L, -2), "__", 2) != 0) {
			lua_pushvalue(L, -2);
			lua_insert(L, -2);
			lua_rawset(L, -4);
		} else {
			lua_pop(L, 1);
		}
	}
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "file");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

static void contain(lua_State *L)
{
	lua_getglobal(L, "collectgarbage");
	lua_pushcclosure(L, collect, 1);
	lua_setglobal(L, "collectgarbage");
	protect_files(L);
	lnl_patterns_register(L);
}

static void replace_loading(lua_State *L, const char *scripts)
{
	lua_register(L, "load", load);
	lua_register(L, "loadstring", load);
	lua_register(L, "loadfile", load_file);
	lua_register(L, "dofile", do_file);
	lua_getglobal(L, "package");
	lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", scripts, scripts);
	lua_setfield(L, -2, "path");
	lua_getfield(L, -1, "loaders");
	lua_pushvalue(L, -2);
	lua_pushcclosure(L, search, 1);
	lua_rawseti(L, -2, 2);
	lua_pushnil(L);
	lua_rawseti(L, -2, 4);
	lua_pushnil(L);
	lua_rawseti(L, -2, 3);
	lua_getfield(L, -2, "preload");
	lua_pushcfunction(L, lnl_ops_open);
	lua_setfield(L, -2, "lunel.core");
	lnl_services_preload(L);
	lua_pop(L, 3);
}

static int set_up(lua_State *L)
{
	const struct lnl_vm_options *o = lua_touserdata(L, 1);
	struct lnl_vm *vm = lnl_vm_of(L);

	lua_settop(L, 0);
	lua_pushstring(L, o->scripts);
	lua_setfield(L, LUA_REGISTRYINDEX, LNL_CALL_SCRIPTS);
	open_libraries(L);
	remove_names(L);
	contain(L);
	replace_loading(L, o->scripts);
	lnl_secret_register(L, vm->host ? &vm->host->secrets : NULL);
	lnl_services_register(L);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "lunel.instance");
	lnl_call_function(L, 1, 1);
	vm->instance = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

struct lnl_vm *lnl_vm_new(struct lnl_host *host, const struct lnl_vm_options *o, char *err,
			  size_t err_len)
{
	struct lnl_vm *vm = calloc(1, sizeof(*vm));
	struct lnl_fault fault;

	if (!vm) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	vm->host = host;
	vm->limit = o->limit;
	vm->instance = LUA_NOREF;
	vm->L = lua_newstate(allocate, vm);
	if (!vm->L) {
		snprintf(err, err_len, "cannot make a Lua state (LuaJIT without GC64?)");
		free(vm);
		return NULL;
	}
	luaJIT_setmode(vm->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	if (lnl_call(vm, "loading lunel.instance", LNL_SLICE_LOAD, set_up, (void *)(uintptr_t)o,
		     &fault)) {
		snprintf(err, err_len, "%s", fault.text);
		lnl_vm_free(vm);
		return NULL;
	}
	return vm;
}

void lnl_vm_free(struct lnl_vm *vm)
{
	if (!vm)
		return;
	lnl_task_clear(vm);
	lnl_sinks_free(vm);
	lua_close(vm->L);
	free(vm->keeps);
	lnl_metrics_free(vm);
	free(vm);
}
