/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `lunel.core` for the policy VM, the part about what changes while tunnels are up. */
#include <lauxlib.h>

#include "bindings/config.h"
#include "bindings/ops.h"

static int answer(lua_State *L, int rc, const struct lnl_reason *why)
{
	if (rc == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, why->text[0] ? why->text : lnl_error_text(rc));
	return 2;
}

int lnl_ops_tunnel_update(lua_State *L)
{
	struct lnl_tunnel_options o;
	struct lnl_reason why = { { 0 } };

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 3);
	lnl_config_tunnel(L, 2, &o);
	return answer(L,
		      lnl_tunnel_update(lnl_ops_engine(L), (uint32_t)luaL_checknumber(L, 1), &o,
					lua_toboolean(L, 3), &why),
		      &why);
}

int lnl_ops_server_update(lua_State *L)
{
	struct lnl_server_options o;
	struct lnl_reason why = { { 0 } };

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 3);
	lnl_config_server(L, 2, &o);
	return answer(L,
		      lnl_server_update(lnl_ops_engine(L), (uint32_t)luaL_checknumber(L, 1), &o,
					lua_toboolean(L, 3), &why),
		      &why);
}

int lnl_ops_lane_renew(lua_State *L)
{
	struct lnl_lane_conf c;
	struct lnl_reason why = { { 0 } };

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	lnl_config_lane(L, 2, &c);
	return answer(L, lnl_lane_renew(lnl_ops_engine(L), lnl_ops_number(L, 1), &c, &why), &why);
}
