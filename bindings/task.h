/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks: Lua functions that may wait while everything else goes on. Each is a coroutine with an
 * owner (a number: 0 is the instance, others are sessions and tunnels of lunel/instance.lua) and is
 * cancelled with it. task.c holds the only lua_resume. All waiting is one thing: an engine operation
 * whose ticket the task waits for, or that another task wakes it.
 *
 * A wait yields a token that no script has. A script's own coroutines pass it on from their resume
 * (lunel/coroutines.lua), so that the whole task waits, whichever coroutine of it asked.
 */
#ifndef LNL_BINDINGS_TASK_H
#define LNL_BINDINGS_TASK_H

#include "bindings/vm.h"
#include "lunel.h"

/*
 * lua_CFunction, `spawn(owner, name, deadline, done, fn, ...)`: a task that runs fn(...) soon.
 * |deadline| in seconds or nil. |done| (or nil) is called once it is over, unless it was cancelled:
 * done(true, results...) or done(false, error). Returns the task's id.
 */
int lnl_task_spawn(lua_State *L);
/* lua_CFunction, `cancel(id)`: ends a task for good; true when there was one. */
int lnl_task_cancel(lua_State *L);
/* lua_CFunction, `cancel_owner(owner)`: ends all tasks of an owner; their number. */
int lnl_task_cancel_owner(lua_State *L);

/* lua_CFunction, `keep(id)`: the task answers a question, and so outlives its VM's retirement. */
int lnl_task_keep(lua_State *L);

/*
 * Whether the caller is a task, and nothing of C stands between it and its wait. If not, pushes
 * the sentence that says so: |name| ("vpn.sleep") cannot wait where it is, and the way out.
 */
bool lnl_task_may_wait(lua_State *L, const char *name);
/* Raises that sentence as an error. Before the operation is started: it is not lost then. */
void lnl_task_check(lua_State *L, const char *name);
/*
 * Ends a lua_CFunction of a task: `return lnl_task_wait(L, op)`. It goes on when |op|'s event
 * comes, with what lnl_event_result pushes. |op| 0: raises "out of memory".
 */
int lnl_task_wait(lua_State *L, uint64_t op);
/*
 * The same without an operation: until another task wakes it (true), or until |seconds| have
 * passed (false); a negative number of seconds: for ever. After lnl_task_check.
 */
int lnl_task_park(lua_State *L, double seconds);

/* Pushes what lunel/coroutines.lua needs: { held =, token =, bar = }. Once for each VM. */
void lnl_task_open(lua_State *L);
/* Adds what tasks wait for each other with to the table on top of the stack (task_join.c). */
void lnl_task_join_open(lua_State *L);

/*
 * The event of an operation: true when a task waited for it (and will run), or its deadline was
 * meant.
 */
bool lnl_task_event(struct lnl_vm *vm, const struct lnl_event *e);
/* Runs every task that can run. */
void lnl_task_run(struct lnl_vm *vm);
/* Ends those that answer no question and have no deadline: their VM was replaced. */
void lnl_task_retire(struct lnl_vm *vm);
/* Whether there is another. */
bool lnl_task_answers(const struct lnl_vm *vm);
/* Ends all tasks; the state may be closed afterwards. */
void lnl_task_clear(struct lnl_vm *vm);

#endif
