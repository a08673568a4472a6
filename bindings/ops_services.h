/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What lunel_services.h offers to scripts, as `lunel.core` has it: HTTP, sockets, probes; and JSON,
 * which lua-cjson reads and writes. A socket is a value of its own that closes when it is collected,
 * and when its owner ends.
 */
#ifndef LNL_BINDINGS_OPS_SERVICES_H
#define LNL_BINDINGS_OPS_SERVICES_H

#include "bindings/vm.h"
#include "lunel.h"

/* Functions into the table on top of the stack. */
void lnl_ops_services(lua_State *L);
/* The type of sockets, and what reads JSON. */
void lnl_services_register(lua_State *L);
/* The two into package.preload, which is on top of the stack. */
void lnl_services_preload(lua_State *L);
/* Pushes what a task gets that waited for |e|: the number of values. */
int lnl_services_result(lua_State *L, const struct lnl_event *e);
/* Nobody waits any more: a socket that was opened is closed. */
void lnl_services_unclaimed(struct lnl_engine *engine, const struct lnl_event *e);
/* Closes the sockets of |owner|; calls no Lua. */
void lnl_services_close(struct lnl_vm *vm, uint64_t owner);

#endif
