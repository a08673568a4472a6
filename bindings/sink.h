/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sinks: functions of a policy VM that get log records in batches, between two turns of the engine.
 * What a sink logs, or a task that it spawned, goes to the launcher's log alone, so that no sink feeds
 * itself.
 */
#ifndef LNL_BINDINGS_SINK_H
#define LNL_BINDINGS_SINK_H

#include "bindings/record.h"
#include "bindings/vm.h"

#define LNL_SINKS	  16
#define LNL_SINK_FAILURES 10 /* in a row, and it is taken off */

/*
 * lua_CFunction, `sink(batch, what, owner, level [, subs])`: the sink's number. |what| names it in
 * messages; its tasks are |owner|'s; |subs| is a list of the subsystems that it wants.
 */
int lnl_sink_add(lua_State *L);
/* lua_CFunction, `sink_close(number)`: true when there was one. */
int lnl_sink_close(lua_State *L);
/* lua_CFunction, `log_level(sub [, level])`: the level so far; sub "*" is the rest. */
int lnl_sink_level(lua_State *L);

/* Where records for |vm|'s sinks go, or NULL: there are none, or one of them is what logs. */
struct lnl_record_tap *lnl_sinks_tap(const struct lnl_vm *vm);
/* The same for what |vm|'s scripts log: one that another has taken the place of speaks to its sinks. */
struct lnl_record_tap *lnl_sinks_heard(const struct lnl_vm *vm);
/* What its sinks want together; NULL without sinks. */
const struct lnl_levels *lnl_sinks_levels(const struct lnl_vm *vm);
/* Whether there is something to tell them. */
bool lnl_sinks_pending(const struct lnl_vm *vm);
/* Gives each at most LNL_RECORD_BATCH records. Its errors are told to the fallback. */
void lnl_sinks_run(struct lnl_vm *vm);
/* Gives them all that there is, as |vm| is about to end. */
void lnl_sinks_drain(struct lnl_vm *vm);
/* Releases them without a word. */
void lnl_sinks_free(struct lnl_vm *vm);

#endif
