/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Secrets in Lua: a value that prints as "***", cannot be concatenated, compared or indexed into,
 * and is wiped when collected. `s:reveal()` gives the text.
 */
#ifndef LNL_BINDINGS_OBJECTS_H
#define LNL_BINDINGS_OBJECTS_H

#include <lua.h>
#include <stddef.h>

/* Registers the type in |L|. */
void lnl_secret_register(lua_State *L);
/* Pushes a secret with a copy of |text|. */
void lnl_secret_push(lua_State *L, const char *text, size_t len);
/* The text of a secret or string at |index|, NULL for anything else; valid while the value is. */
const char *lnl_secret_text(lua_State *L, int index, size_t *len);
/* lua_CFunction, `secret(text)`. */
int lnl_secret_new(lua_State *L);

#endif
