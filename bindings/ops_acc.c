/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Protocol extensions: what lunel/acc.lua asks of the engine. */
#include <lauxlib.h>

#include "bindings/ops.h"

#define EXTENSIONS_MAX 64 /* the engine's own limit is lower, and says so */

static uint32_t peer_at(lua_State *L, int index)
{
	return lua_isnoneornil(L, index) ? LNL_NO_PEER : (uint32_t)luaL_checknumber(L, index);
}

static const char *field_text(lua_State *L, const char *name)
{
	const char *text;

	lua_getfield(L, -1, name);
	text = luaL_checkstring(L, -1);
	lua_pop(L, 1); /* the table keeps it */
	return text;
}

static double field_number(lua_State *L, const char *name)
{
	double n;

	lua_getfield(L, -1, name);
	n = luaL_checknumber(L, -1);
	lua_pop(L, 1);
	return n;
}

/* extensions(list of { name, max, count, per }): true, or nil and why */
static int op_extensions(lua_State *L)
{
	struct lnl_extension list[EXTENSIONS_MAX];
	struct lnl_reason why = { "" };
	size_t n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = lua_objlen(L, 1);
	luaL_argcheck(L, n <= EXTENSIONS_MAX, 1, "too many extensions");
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, 1, (int)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		list[i].name = field_text(L, "name");
		list[i].max = (unsigned)field_number(L, "max");
		list[i].count = (unsigned)field_number(L, "count");
		list[i].per = field_number(L, "per");
		lua_pop(L, 1);
	}
	if (lnl_engine_extensions(lnl_ops_engine(L), list, (unsigned)n, &why) == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, why.text);
	return 2;
}

/* extension_known(handle, peer or nil, name) */
static int op_known(lua_State *L)
{
	lua_pushboolean(L, lnl_extension_known(lnl_ops_engine(L), (uint32_t)luaL_checknumber(L, 1),
					       peer_at(L, 2), luaL_checkstring(L, 3)));
	return 1;
}

/* extension_send(handle, peer or nil, name, message): true, or nil and why */
static int op_send(lua_State *L)
{
	struct lnl_bytes message;

	message.data = luaL_checklstring(L, 4, &message.len);
	return lnl_ops_answer(L, lnl_extension_send(lnl_ops_engine(L),
						    (uint32_t)luaL_checknumber(L, 1), peer_at(L, 2),
						    luaL_checkstring(L, 3), message));
}

/* extension_stats(handle, peer or nil): { received, sent, dropped = { reason = n } }, or nil and why */
static int op_stats(lua_State *L)
{
	struct lnl_extension_stats s;
	int rc = lnl_extension_stats(lnl_ops_engine(L), (uint32_t)luaL_checknumber(L, 1),
				     peer_at(L, 2), &s);

	if (rc < 0)
		return lnl_ops_answer(L, rc);
	lua_createtable(L, 0, 3);
	lua_pushnumber(L, (lua_Number)s.received);
	lua_setfield(L, -2, "received");
	lua_pushnumber(L, (lua_Number)s.sent);
	lua_setfield(L, -2, "sent");
	lua_createtable(L, 0, (int)s.n_dropped);
	for (unsigned i = 0; i < s.n_dropped; i++) {
		if (s.dropped[i].n == 0)
			continue;
		lua_pushnumber(L, (lua_Number)s.dropped[i].n);
		lua_setfield(L, -2, s.dropped[i].reason);
	}
	lua_setfield(L, -2, "dropped");
	return 1;
}

void lnl_ops_acc(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "extensions", op_extensions },
		{ "extension_known", op_known },
		{ "extension_send", op_send },
		{ "extension_stats", op_stats },
		{ NULL, NULL },
	};

	luaL_register(L, NULL, functions);
}
