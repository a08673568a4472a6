/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lua tables into the engine's option structs. Fields have the struct's names; what they mean is
 * lunel.h's.
 */
#ifndef LNL_BINDINGS_CONFIG_H
#define LNL_BINDINGS_CONFIG_H

#include <lua.h>

#include "lunel.h"

/*
 * Fills |o| (defaults first) from the table at |index|. Texts and arrays stay in the Lua state's
 * hands and are valid while the values it leaves on the stack are: call lua_settop when done.
 * Raises an error that names a field of the wrong type or an unknown one.
 */
void lnl_config_tunnel(lua_State *L, int index, struct lnl_tunnel_options *o);

/* The same for a server, and for what one of its clients gets. */
void lnl_config_server(lua_State *L, int index, struct lnl_server_options *o);
void lnl_config_grant(lua_State *L, int index, struct lnl_grant_options *o);
/* And for one lane. */
void lnl_config_lane(lua_State *L, int index, struct lnl_lane_conf *c);
/* And for a desk. */
void lnl_config_desk(lua_State *L, int index, struct lnl_desk_options *o);

/* The same for { host, port, proto, local, lport, connect_timeout, ... }. */
void lnl_config_remote(lua_State *L, int index, struct lnl_remote *r);

#endif
