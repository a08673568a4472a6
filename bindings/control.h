/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket: a desk of the host's own, whose lines go to the launcher and not to a policy VM,
 * so that it stays what it is when a reload replaces that.
 */
#ifndef LNL_BINDINGS_CONTROL_H
#define LNL_BINDINGS_CONTROL_H

#include "bindings/host.h"

/*
 * lua_CFunction, `host:control(options)`: listens, options as of a desk. True; or nil, why, and true
 * when another listens there.
 */
int lnl_control_open(lua_State *L);
/* lua_CFunction, `host:control_answer(ticket, text, end)`: true, or nil and why. */
int lnl_control_answer(lua_State *L);

/* True when |e| is a line said there; it waits for lnl_control_push. */
bool lnl_control_event(struct lnl_host *h, const struct lnl_event *e);
/* lua_CFunction, `host:control_told()`: what policy VMs answered, { ticket, value }; nothing for none. */
int lnl_control_told(lua_State *L);
/* Pushes the list of lines { ticket, connection, text } that were said; nil for none. */
void lnl_control_push(lua_State *L, struct lnl_host *h);
void lnl_control_close(struct lnl_host *h);

/* lua_CFunction of a policy VM, `console_answer(ticket, value)`: a plain value for the launcher. */
int lnl_control_tell(lua_State *L);

#endif
