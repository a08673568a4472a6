/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question to a socket of this machine and its whole answer, for `lunel status`. */
#ifndef LNL_BINDINGS_QUERY_H
#define LNL_BINDINGS_QUERY_H

#include <lua.h>

/*
 * lua_CFunction, `query(where, port or nil, text, seconds)`: connects to the address |where| and |port|,
 * or to the Unix socket at |where|, says |text| and gives what comes until the other end closes, at most
 * 4 MiB; or nil and why not.
 */
int lnl_query(lua_State *L);

#endif
