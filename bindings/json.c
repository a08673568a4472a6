/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * lua-cjson for the policy VM, which looks for no C modules of its own: found where LuaJIT was built
 * to look for it, or beside LuaJIT's own library, and nowhere that a script or the environment says.
 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <luaconf.h>
#include <stdio.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/ops.h"

/* |before|cjson|after|, if it is there. */
static void *load(const char *before, size_t before_len, const char *after, size_t after_len)
{
	char path[1024];
	int n = snprintf(path, sizeof(path), "%.*scjson%.*s", (int)before_len, before,
			 (int)after_len, after);

	return n > 0 && (size_t)n < sizeof(path) ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

static void *load_by_path(const char *path)
{
	void *library = NULL;
	size_t len;

	for (; *path && !library; path += len + (path[len] == ';')) {
		const char *mark;

		len = strcspn(path, ";");
		mark = memchr(path, '?', len);
		if (*path == '/' && mark)
			library = load(path, (size_t)(mark - path), mark + 1,
				       len - (size_t)(mark - path) - 1);
	}
	return library;
}

/* Debian's LuaJIT looks below the folder of its architecture, which its headers do not tell. */
static void *load_beside_luajit(void)
{
	static const char after[] = ".so";
	char folder[512];
	const char *slash;
	Dl_info info;
	int n;

	if (!dladdr((void *)(uintptr_t)luaL_newstate, &info) || !info.dli_fname)
		return NULL;
	slash = strrchr(info.dli_fname, '/');
	if (*info.dli_fname != '/' || !slash)
		return NULL;
	n = snprintf(folder, sizeof(folder), "%.*s/lua/5.1/", (int)(slash - info.dli_fname),
		     info.dli_fname);
	if (n < 0 || (size_t)n >= sizeof(folder))
		return NULL;
	return load(folder, (size_t)n, after, sizeof(after) - 1);
}

int lnl_json_open(lua_State *L)
{
	void *library = load_by_path(LUA_CPATH_DEFAULT);
	lua_CFunction open = NULL;

	if (!library)
		library = load_beside_luajit();
	if (library)
		*(void **)&open = dlsym(library, "luaopen_cjson");
	if (!open) {
		lua_pushnil(L);
		lua_pushliteral(L, "there is no cjson.so for LuaJIT");
		return 2;
	}
	lua_pushcfunction(L, open);
	lua_pushliteral(L, "cjson");
	lnl_call_function(L, 1, 1);
	return 1;
}
