/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn.file.append: a file that a script adds to, opened anew when it was moved. */
#ifndef LNL_BINDINGS_APPEND_H
#define LNL_BINDINGS_APPEND_H

#include <lua.h>

/*
 * lua_CFunction, `append(path, mode, moved)`: a value with write(text), close() and allow(), which lets
 * the engine's helper open it later.
 */
int lnl_append_new(lua_State *L);
/* Registers the value's type in |L|. */
void lnl_append_register(lua_State *L);

#endif
