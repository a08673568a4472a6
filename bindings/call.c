/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/call.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Instructions between two looks at the clock: some tens of microseconds of interpreted code. */
#define STRIDE 1000

static const char traceback_mark[] = "\nstack traceback:";

/* CPU time, not the wall's: a busy machine must not end an honest hook. */
static int64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void look_at_clock(lua_State *L, lua_Debug *ar)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_slice *s = &vm->slice;

	if (!s->spent) {
		if (cpu_time() < s->end)
			return;
		s->spent = true;
		lua_sethook(L, look_at_clock, LUA_MASKCOUNT, 1);
	}
	lua_getinfo(L, "Sl", ar);
	lua_pushfstring(L,
			"%s:%d: %s ran for more than its %d ms; what takes longer belongs in a "
			"task that waits (vpn.spawn)",
			ar->short_src, ar->currentline, s->what, (int)(s->length / 1000));
	lua_error(L);
}

struct lnl_slice lnl_slice_enter(struct lnl_vm *vm, const char *what, int64_t length)
{
	struct lnl_slice outer = vm->slice;
	int64_t now = cpu_time();

	if (outer.length)
		outer.end -= now; /* what is left of it */
	vm->slice = (struct lnl_slice){ .end = now + length, .length = length, .what = what };
	lua_sethook(vm->L, look_at_clock, LUA_MASKCOUNT, STRIDE);
	return outer;
}

void lnl_slice_leave(struct lnl_vm *vm, struct lnl_slice outer)
{
	if (!outer.length) {
		vm->slice = outer;
		lua_sethook(vm->L, NULL, 0, 0);
		return;
	}
	outer.end += cpu_time();
	vm->slice = outer;
	lua_sethook(vm->L, look_at_clock, LUA_MASKCOUNT, outer.spent ? 1 : STRIDE);
}

void lnl_call_trace(lua_State *L, lua_State *from, int index)
{
	const char *text;

	if (lua_type(from, index) == LUA_TSTRING)
		text = lua_tostring(from, index);
	else if (luaL_callmeta(from, index, "__tostring") && lua_type(from, -1) == LUA_TSTRING)
		text = lua_tostring(from, -1);
	else
		text = lua_pushfstring(from, "(error object is a %s value)",
				       luaL_typename(from, index));
	if (strstr(text, traceback_mark))
		lua_pushstring(L, text);
	else
		luaL_traceback(L, from, text, L == from ? 1 : 0);
}

static int add_traceback(lua_State *L)
{
	lnl_call_trace(L, L, 1);
	return 1;
}

struct door {
	lua_CFunction body;
	void *arg;
	struct lnl_fault *fault;
	bool failed;
};

static void note_fault(lua_State *L, struct door *d)
{
	const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;

	d->failed = true;
	snprintf(d->fault->text, sizeof(d->fault->text), "%s", text ? text : "unknown error");
}

static int pass(lua_State *L)
{
	struct door *d = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_pushcfunction(L, add_traceback);
	lua_pushcfunction(L, d->body);
	lua_pushlightuserdata(L, d->arg);
	if (lua_pcall(L, 1, 0, 1) != 0)
		note_fault(L, d);
	return 0;
}

int lnl_call(struct lnl_vm *vm, const char *what, int64_t slice, lua_CFunction body, void *arg,
	     struct lnl_fault *fault)
{
	struct door d = { .body = body, .arg = arg, .fault = fault };
	struct lnl_slice outer = lnl_slice_enter(vm, what, slice);
	int top = lua_gettop(vm->L);

	if (lua_cpcall(vm->L, pass, &d) != 0)
		note_fault(vm->L, &d); /* no memory even for the door itself */
	lua_settop(vm->L, top);
	lnl_slice_leave(vm, outer);
	return d.failed ? -1 : 0;
}

void lnl_call_function(lua_State *L, int nargs, int nresults)
{
	int handler = lua_gettop(L) - nargs;

	lua_pushcfunction(L, add_traceback);
	lua_insert(L, handler);
	if (lua_pcall(L, nargs, nresults, handler) != 0)
		lua_error(L);
	lua_remove(L, handler);
}

int lnl_call_try(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	const char *what = luaL_checkstring(L, 1);
	struct lnl_task *task = vm->current;
	struct lnl_slice outer;
	int rc;

	luaL_checkany(L, 2);
	lua_pushcfunction(L, add_traceback);
	lua_insert(L, 2);
	vm->current = NULL; /* a sync context even when a task asks */
	outer = lnl_slice_enter(vm, what, LNL_SLICE_HOOK);
	rc = lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 2);
	lnl_slice_leave(vm, outer);
	vm->current = task;
	lua_pushboolean(L, rc == 0);
	lua_replace(L, 2);
	return lua_gettop(L) - 1;
}
