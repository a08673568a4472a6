/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a program asks of its system, for the launcher and for policies: terminal, daemon, priority,
 * syslog, service manager.
 */
#ifndef LNL_BINDINGS_SYSTEM_H
#define LNL_BINDINGS_SYSTEM_H

#include <lua.h>

/* Adds the launcher's functions to the table on top of the stack. */
void lnl_system_open(lua_State *L);

/*
 * lua_CFunction, `prompt(text, echo)`: asks on the controlling terminal and waits, blocking this
 * thread (packets flow meanwhile, they have a thread of their own). Returns a secret (a text with
 * |echo|), or nil and why: "no terminal", "interrupted".
 */
int lnl_system_prompt(lua_State *L);
/* lua_CFunction, `read_file(path)`: its text and { uid, mode }, or nil and why. */
int lnl_system_read_file(lua_State *L);
/* lua_CFunction, `temporary(folder, text)`: the path of a new file of ours; or nil and why. */
int lnl_system_temporary(lua_State *L);
/* lua_CFunction, `program(name)`: its path along PATH, or nil. */
int lnl_system_program(lua_State *L);
/* lua_CFunctions: `exists(path)`, `hostname()`, `pid()`. */
int lnl_system_exists(lua_State *L);
int lnl_system_hostname(lua_State *L);
int lnl_system_pid(lua_State *L);

#endif
