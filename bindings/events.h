/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The engine's events as Lua sees them: one table each, handed to lunel/instance.lua, and the
 * results of operations.
 */
#ifndef LNL_BINDINGS_EVENTS_H
#define LNL_BINDINGS_EVENTS_H

#include "bindings/vm.h"
#include "lunel.h"

/*
 * Calls instance.event(ev). A question whose handling raises an error gets its default. The table:
 * kind ("select_remote", ...), tunnel, ticket (text; nil without one), deadline (seconds or nil),
 * and the fields of the kind under lunel.h's names.
 */
void lnl_event_deliver(struct lnl_vm *vm, const struct lnl_event *e);

/* Calls instance.overhear(ev): an end that may concern what a VM that was replaced waits for. */
void lnl_event_overhear(struct lnl_vm *vm, const struct lnl_event *e);

/* Pushes what the waiting call returns for an operation's event; how many values. */
int lnl_event_result(lua_State *L, const struct lnl_event *e);

/*
 * Pushes counters: rx, tx (bytes through the tunnel), rx_packets, tx_packets, link_rx, link_tx,
 * connected_at, drops = {}.
 */
void lnl_event_push_stats(lua_State *L, const struct lnl_stats *s);

/* The ticket at |index|, as the table had it; 0 for what is none. */
uint64_t lnl_event_ticket(lua_State *L, int index);

#endif
