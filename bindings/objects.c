/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/objects.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <string.h>

#define SECRET_TYPE "lunel.secret"

#define LIST "lunel.secrets"

struct secret {
	struct secret *newer, *older;
	struct lnl_secrets *list; /* that it is in, or NULL */
	size_t len;
	char text[];
};

/* ---- those that were revealed ---- */

static void forget(struct secret *s)
{
	struct lnl_secrets *list = s->list;

	if (!list)
		return;
	*(s->newer ? &s->newer->older : &list->first) = s->older;
	*(s->older ? &s->older->newer : &list->last) = s->newer;
	list->n--;
	s->list = NULL;
}

static void remember(struct lnl_secrets *list, struct secret *s)
{
	if (!list || s->len < LNL_SECRET_HIDDEN)
		return;
	forget(s);
	if (list->n == LNL_SECRETS)
		forget(list->last);
	s->list = list;
	s->newer = NULL;
	s->older = list->first;
	*(s->older ? &s->older->newer : &list->last) = s;
	list->first = s;
	list->n++;
}

size_t lnl_secrets_match(const struct lnl_secrets *list, const char *text, size_t len)
{
	const struct secret *s = list ? list->first : NULL;
	size_t longest = 0;

	for (; s; s = s->older) {
		size_t n = s->len < len ? s->len : len;

		if (n >= LNL_SECRET_HIDDEN && n > longest && memcmp(text, s->text, n) == 0)
			longest = n;
	}
	return longest;
}

/* ---- the value ---- */

void lnl_secret_push(lua_State *L, const char *text, size_t len)
{
	struct secret *s = lua_newuserdata(L, sizeof(*s) + len + 1);

	s->list = NULL;
	s->newer = s->older = NULL;
	s->len = len;
	memcpy(s->text, text, len);
	s->text[len] = '\0';
	luaL_getmetatable(L, SECRET_TYPE);
	lua_setmetatable(L, -2);
}

static struct secret *secret_at(lua_State *L, int index)
{
	struct secret *s = lua_touserdata(L, index);
	bool same;

	if (lua_type(L, index) != LUA_TUSERDATA || !lua_getmetatable(L, index))
		return NULL;
	luaL_getmetatable(L, SECRET_TYPE);
	same = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return same ? s : NULL;
}

const char *lnl_secret_text(lua_State *L, int index, size_t *len)
{
	struct secret *s = secret_at(L, index);

	if (s) {
		if (len)
			*len = s->len;
		return s->text;
	}
	return lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, len) : NULL;
}

int lnl_secret_new(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);

	lnl_secret_push(L, text, len);
	return 1;
}

static int reveal(lua_State *L)
{
	struct secret *s = luaL_checkudata(L, 1, SECRET_TYPE);

	lua_getfield(L, LUA_REGISTRYINDEX, LIST);
	remember(lua_touserdata(L, -1), s);
	lua_pushlstring(L, s->text, s->len);
	return 1;
}

static int to_string(lua_State *L)
{
	lua_pushliteral(L, "***");
	return 1;
}

static int collect(lua_State *L)
{
	struct secret *s = luaL_checkudata(L, 1, SECRET_TYPE);

	forget(s);
	explicit_bzero(s->text, s->len);
	return 0;
}

void lnl_secret_register(lua_State *L, struct lnl_secrets *list)
{
	static const luaL_Reg meta[] = { { "__tostring", to_string },
					 { "__gc", collect },
					 { NULL, NULL } };
	static const luaL_Reg methods[] = { { "reveal", reveal }, { NULL, NULL } };

	if (list)
		lua_pushlightuserdata(L, list);
	else
		lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, LIST);
	luaL_newmetatable(L, SECRET_TYPE);
	luaL_register(L, NULL, meta);
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "secret");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}
