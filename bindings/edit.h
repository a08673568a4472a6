/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of a terminal with editing, history and completion, by libedit: for the program alone. */
#ifndef LNL_BINDINGS_EDIT_H
#define LNL_BINDINGS_EDIT_H

#include <lua.h>

/*
 * `lunel.edit`: read(prompt) gives a line, or nil at the end of input; complete(fn) has fn(text) asked
 * for the list of words that the last one of |text|, the line up to the cursor, may become.
 */
int luaopen_lunel_edit(lua_State *L);

#endif
