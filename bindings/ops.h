/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel.core` as the policy VM has it: what the modules in scripts/lunel are built on. Scripts of
 * users require "lunel" instead.
 */
#ifndef LNL_BINDINGS_OPS_H
#define LNL_BINDINGS_OPS_H

#include <lua.h>

#include "lunel.h"

/* lua_CFunction: pushes the table. */
int lnl_ops_open(lua_State *L);

/* The same for what a server needs; into the table on top of the stack. */
void lnl_ops_server(lua_State *L);

/* The same for protocol extensions. */
void lnl_ops_acc(lua_State *L);
/* lua_CFunctions, `tunnel_update(handle, options, check)` and `server_update`: true, or nil and why. */
int lnl_ops_tunnel_update(lua_State *L);
int lnl_ops_server_update(lua_State *L);
/* lua_CFunction, `lane_renew(handle, lane)`: its lane of that id is loaded anew. */
int lnl_ops_lane_renew(lua_State *L);

/* For ops*.c: the engine (an error where none runs); 0 as true, errors as nil and their text. */
struct lnl_engine *lnl_ops_engine(lua_State *L);
int lnl_ops_answer(lua_State *L, int rc);
/* What an open answers: the handle, or nil, why, true when the key's pass phrase is missing. */
int lnl_ops_opened(lua_State *L, int rc, uint32_t handle, const struct lnl_reason *why);
/* The handle or number of a peer at |index|; what cannot be one is an error. */
uint32_t lnl_ops_number(lua_State *L, int index);
/* The text or secret at |index|, NULL for nil, an error for anything else. */
const char *lnl_ops_text(lua_State *L, int index);
/* Pushes a certificate's table. */
void lnl_ops_push_cert(lua_State *L, const struct lnl_cert_info *c);

#endif
