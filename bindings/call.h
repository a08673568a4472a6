/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The one protected door from C into Lua. An error comes back as text with file, line and
 * traceback; a stretch of Lua that spends its slice of CPU time is stopped, whatever pcall and
 * coroutines it hides in: once the slice is spent the hook fires at every instruction until the
 * door is reached. (The compiler is off, or the hook would not fire. Functions of C are not
 * interrupted: patterns look at the clock themselves, and what allocates much has it looked at
 * soon.)
 */
#ifndef LNL_BINDINGS_CALL_H
#define LNL_BINDINGS_CALL_H

#include "bindings/vm.h"

#define LNL_SLICE_HOOK INT64_C(20000) /* microseconds: a sync hook, a stretch of a task */
/* Our own code around hooks: it collects what they left, which takes its time. */
#define LNL_SLICE_OURS (10 * LNL_SLICE_HOOK)
#define LNL_SLICE_LOAD INT64_C(5000000) /* loading and checking a configuration */

struct lnl_fault {
	char text[2048]; /* "file:line: message", then "\nstack traceback:..." */
};

/*
 * Runs |body| with |arg| as light userdata at index 1 in |vm|, within |slice| microseconds; |what|
 * names it in messages. Returns 0, or -1 with the error in |fault|. Not reentrant: the engine never
 * calls Lua, so Lua in |vm| does not run already.
 */
int lnl_call(struct lnl_vm *vm, const char *what, int64_t slice, lua_CFunction body, void *arg,
	     struct lnl_fault *fault);

/*
 * Inside a body: calls the function below |nargs| arguments; an error goes on with its traceback.
 */
void lnl_call_function(lua_State *L, int nargs, int nresults);

/*
 * The same inside a function of C that Lua called (string.gsub): an error goes on as it is, to
 * whichever pcall of Lua's stands around that call, and at last to the door.
 */
void lnl_call_back(lua_State *L, int nargs, int nresults);

/*
 * lua_CFunction, `try(what, [place,] fn, ...)`: calls fn in a sync context with a slice of its own.
 * Returns true and its results, or false and the error with its traceback. |place| ("file:line") is
 * the script's, of an fn that is ours.
 */
int lnl_call_try(lua_State *L);

/* In the registry of a policy VM: the folder that has our own functions, in lunel/. */
#define LNL_CALL_SCRIPTS "lunel.scripts"

/*
 * Whether a function, with its source in |ar|, is of scripts/lunel/, where a script's loop or mistake
 * may come to light by chance.
 */
bool lnl_call_is_ours(lua_State *L, const lua_Debug *ar);
/* The script's function at |index| as "file:line" of its beginning; empty for one of C or ours. */
void lnl_call_place(lua_State *L, int index, char *out, size_t len);
/*
 * Pushes onto |L| "file:line: " of the nearest function on the stack of |from| (or NULL) that is the
 * script's. There is none: |otherwise| ("file:line", empty or NULL), else the place of the nearest
 * function of Lua, else nothing.
 */
void lnl_call_push_place(lua_State *L, lua_State *from, const char *otherwise);
/* Raises the text on top of |L| with that place in front. */
void lnl_call_error(lua_State *L);
/*
 * Pushes the error of LUA_ERRMEM, which has no place of its own, and makes room again. The place is that
 * of |from|, a coroutine that has failed, or |place|.
 */
void lnl_call_no_memory(lua_State *L, lua_State *from, const char *place);

/*
 * Begins a slice inside another and returns to the outer, which is not charged for it. |what| and
 * |where| ("file:line" or NULL) have to live as long.
 */
struct lnl_slice lnl_slice_enter(struct lnl_vm *vm, const char *what, const char *where,
				 int64_t length);
void lnl_slice_leave(struct lnl_vm *vm, struct lnl_slice outer);
/* Says where the function is that runs in this slice, for the watchdog. */
void lnl_slice_where(struct lnl_vm *vm, const char *where);

/*
 * For functions of C that take long, which no hook interrupts. look: raises the slice's error if it
 * is spent. hurry: has the next instruction look at the clock, as 1000 of what costs much would be
 * too many; it allocates nothing and raises nothing.
 */
void lnl_slice_look(lua_State *L);
void lnl_slice_hurry(struct lnl_vm *vm);

/*
 * Pushes the error at |index| of |from| as text with |from|'s traceback onto |L|. If it names no place
 * and |where| is not NULL (policy VMs alone), the script's line comes first, else |where|.
 */
void lnl_call_trace(lua_State *L, lua_State *from, int index, const char *where);

#endif
