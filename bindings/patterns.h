/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lua's pattern functions with a budget. LuaJIT's own are C that no hook interrupts: a pattern as
 * "(.-)*(.-)*x" on some long text would hold the control thread for years. These count their steps
 * and look at the slice's clock, and else give what LuaJIT's give, errors included (tested against
 * them on random patterns).
 */
#ifndef LNL_BINDINGS_PATTERNS_H
#define LNL_BINDINGS_PATTERNS_H

#include <lua.h>

/* Replaces find, match, gmatch and gsub in the library `string` of |L|. */
void lnl_patterns_register(lua_State *L);

#endif
