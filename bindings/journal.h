/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal's socket: one datagram a record, in the form that scripts/lunel/log_forms.lua makes. */
#ifndef LNL_BINDINGS_JOURNAL_H
#define LNL_BINDINGS_JOURNAL_H

#include <lua.h>

/*
 * lua_CFunction, `journal(path)`: a value with send(text), which gives true, or nil and why not, and
 * never waits; or nil and why not.
 */
int lnl_journal_open(lua_State *L);
/* Registers the value's type in |L|. */
void lnl_journal_register(lua_State *L);

#endif
