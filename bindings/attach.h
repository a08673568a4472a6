/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The other end of a control socket, for `lunel console` and its kin; and the folder of the sockets. */
#ifndef LNL_BINDINGS_ATTACH_H
#define LNL_BINDINGS_ATTACH_H

#include <lua.h>

/*
 * Adds to the table on top of the stack:
 *   attach(path)      a connection, or nil and why: c:send(text) sends it and a line break; true, or nil
 *                     and why. c:receive(seconds) gives a line without its end; or nil and "timeout",
 *                     "interrupted" (^C), "closed", or a sentence. c:close()
 *   socket_folder(p)  makes the folder p for its owner alone, if it is not there: true; or nil and why
 *                     when what is there is not ours alone
 *   sockets(p)        the names of what ends in .sock in there, sorted
 */
void lnl_attach_open(lua_State *L);

#endif
