/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel.core` as the policy VM has it: what the modules in scripts/lunel are built on. Scripts of
 * users require "lunel" instead.
 */
#ifndef LNL_BINDINGS_OPS_H
#define LNL_BINDINGS_OPS_H

#include <lua.h>

/* lua_CFunction: pushes the table. */
int lnl_ops_open(lua_State *L);

#endif
