/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bindings/call.h"
#include "bindings/events.h"
#include "bindings/host.h"
#include "bindings/ops_services.h"
#include "bindings/task_table.h"

/* Tasks that keep each other busy leave the engine its turn after so many seconds. */
#define TURN 0.02

/* Its address is what a task yields while it waits; no script ever gets hold of it. */
static const char token = 0;

static void *token_of(void)
{
	return (void *)(uintptr_t)&token;
}

static struct lnl_engine *engine_of(const struct lnl_vm *vm)
{
	return vm->host ? vm->host->engine : NULL;
}

static void give_up(struct lnl_vm *vm, struct lnl_mark *ticket)
{
	struct lnl_engine *e = engine_of(vm);

	if (e && ticket->at)
		lnl_op_cancel(e, ticket->key);
	lnl_marks_take(&vm->tickets, ticket);
}

void lnl_task_wake(struct lnl_vm *vm, struct lnl_task *t, bool woken)
{
	give_up(vm, &t->op);
	lnl_task_target(NULL, t);
	t->waiting = t->parked = false;
	t->woken = woken;
	t->resumed = true;
	lnl_task_ready(vm, t);
}

/* Touches the registry by lua_unref alone, which neither allocates nor raises. */
static void release(struct lnl_vm *vm, struct lnl_task *t)
{
	give_up(vm, &t->op);
	give_up(vm, &t->timer);
	lnl_task_hide(vm, t);
	while (t->joiner)
		lnl_task_wake(vm, t->joiner, true);
	luaL_unref(vm->L, LUA_REGISTRYINDEX, t->ref);
	luaL_unref(vm->L, LUA_REGISTRYINDEX, t->done);
	free(t);
}

/* Ends |t| and whom it is the parent of, in a loop: families may be deep. */
static void drop(struct lnl_vm *vm, struct lnl_task *t)
{
	struct lnl_task *doomed = t;

	lnl_task_hide(vm, t);
	t->next = NULL;
	while ((t = doomed)) {
		struct lnl_task *child;

		doomed = t->next;
		while ((child = t->child)) {
			lnl_task_adopt(NULL, child);
			if (child == vm->current) {
				child->cancelled = true;
				continue;
			}
			lnl_task_hide(vm, child);
			child->next = doomed;
			doomed = child;
		}
		release(vm, t);
	}
}

void lnl_task_end(struct lnl_vm *vm, struct lnl_task *t)
{
	if (t == vm->current)
		t->cancelled = true;
	else
		drop(vm, t);
}

/* Coroutines that a script must not resume: tasks, and what waits in them (lunel/coroutines.lua).
 */
static void hold(lua_State *L, int index)
{
	lua_pushlightuserdata(L, token_of());
	lua_rawget(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, index);
	lua_pushboolean(L, 1);
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

int lnl_task_spawn(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t owner = (uint64_t)luaL_checknumber(L, 1);
	const char *name = luaL_checkstring(L, 2);
	double deadline = luaL_optnumber(L, 3, 0);
	struct lnl_task *t;
	lua_State *co;
	int n = lua_gettop(L) - 4;

	if (!lua_isnil(L, 4))
		luaL_checktype(L, 4, LUA_TFUNCTION);
	luaL_checktype(L, 5, LUA_TFUNCTION);
	co = lua_newthread(L);
	hold(L, lua_gettop(L));
	lua_insert(L, 5);
	luaL_argcheck(L, lua_checkstack(co, n + 1), 5, "too many arguments");
	lua_xmove(L, co, n);
	t = lnl_task_add(vm, owner);
	if (!t)
		return luaL_error(L, "out of memory");
	/* It is found from now on: an error below must not lose it. */
	t->ref = t->done = LUA_NOREF;
	t->co = t->waiter = co;
	t->deadline = deadline;
	t->nargs = n - 1;
	snprintf(t->name, sizeof(t->name), "%s", name);
	lnl_call_place(co, 1, t->where, sizeof(t->where));
	t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	if (!lua_isnil(L, 4)) {
		lua_pushvalue(L, 4);
		t->done = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	lnl_task_ready(vm, t);
	lua_pushnumber(L, (lua_Number)t->number.key);
	return 1;
}

int lnl_task_cancel(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_task *t = lnl_task_find(vm, (uint64_t)luaL_checknumber(L, 1));

	if (t)
		lnl_task_end(vm, t);
	lua_pushboolean(L, t != NULL);
	return 1;
}

int lnl_task_cancel_owner(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t owner = (uint64_t)luaL_checknumber(L, 1);
	struct lnl_task *t;
	int n = 0;

	for (; (t = lnl_marks_find(&vm->owners, owner)); n++) {
		lnl_marks_take(&vm->owners, &t->owned_by); /* the one that runs is still there */
		lnl_task_end(vm, t);
	}
	lnl_services_close(vm, owner);
	lua_pushinteger(L, n);
	return 1;
}

/* ---- waiting ---- */

/*
 * resume(co, ...) where nothing can wait: coroutine.resume itself, which is the upvalue; what is
 * resumed knows that it must not wait.
 */
static int barred_resume(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	lua_State *before = vm->barred;
	int rc;

	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	if (!before)
		vm->barred = L;
	rc = lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0);
	vm->barred = before;
	return rc ? lua_error(L) : lua_gettop(L);
}

/*
 * Pushes the name of the function of C that stands between |L| and its beginning, through which no
 * yield goes.
 */
static void push_barrier(lua_State *to, lua_State *L)
{
	lua_Debug ar;

	for (int level = 1; lua_getstack(L, level, &ar); level++) {
		lua_CFunction f;

		lua_getinfo(L, "nf", &ar);
		/* pcall and its kin, which are no barrier, have no function of C's. */
		f = lua_tocfunction(L, -1);
		lua_pop(L, 1);
		if (f && f != barred_resume && ar.name) {
			lua_pushstring(to, ar.name);
			return;
		}
	}
	lua_pushliteral(to, "a function of C");
}

bool lnl_task_may_wait(lua_State *L, const char *name)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	if (!vm->current) {
		lua_pushfstring(
			L, "%s cannot wait in %s; what waits belongs in a task: vpn.spawn(fn, ...)",
			name, vm->slice.what);
		return false;
	}
	if (vm->barred || !lua_isyieldable(L)) {
		push_barrier(L, vm->barred ? vm->barred : L);
		lua_pushfstring(L,
				"%s cannot wait in what '%s' calls (%s); wait before it and give "
				"it what came of that, or use vpn.spawn(fn, ...)",
				name, lua_tostring(L, -1), vm->slice.what);
		lua_remove(L, -2);
		return false;
	}
	if (!engine_of(vm)) {
		lua_pushfstring(L, "%s cannot wait before the engine runs", name);
		return false;
	}
	return true;
}

void lnl_task_check(lua_State *L, const char *name)
{
	if (!lnl_task_may_wait(L, name))
		lnl_call_error(L);
}

static int wait_for(lua_State *L, struct lnl_task *t, uint64_t op)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	give_up(vm, &t->op); /* of a wait whose way back an error has cut */
	if (op && !lnl_marks_put(&vm->tickets, &t->op, op, t)) {
		lnl_op_cancel(engine_of(vm), op);
		return luaL_error(L, "out of memory");
	}
	t->waiting = true;
	t->waiter = L;
	if (t->deadline > 0 && !t->timer.at) {
		uint64_t timer = lnl_op_timer(engine_of(vm), t->deadline);

		if (timer && !lnl_marks_put(&vm->tickets, &t->timer, timer, t))
			lnl_op_cancel(engine_of(vm), timer);
	}
	lua_pushlightuserdata(L, token_of());
	return lua_yield(L, 1);
}

int lnl_task_wait(lua_State *L, uint64_t op)
{
	struct lnl_task *t = lnl_vm_of(L)->current;

	if (!op)
		return luaL_error(L, "out of memory");
	t->parked = false;
	return wait_for(L, t, op);
}

int lnl_task_park(lua_State *L, double seconds)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t op = 0;

	if (seconds >= 0) {
		op = lnl_op_timer(engine_of(vm), seconds);
		if (!op)
			return luaL_error(L, "out of memory");
	}
	vm->current->parked = true;
	return wait_for(L, vm->current, op);
}

/* For lunel/coroutines.lua: held, token, barred(resume) -> function. */
static int bar(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_pushcclosure(L, barred_resume, 1);
	return 1;
}

void lnl_task_open(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_pushlightuserdata(L, token_of());
	lua_pushvalue(L, -2);
	lua_rawset(L, LUA_REGISTRYINDEX);
	lua_createtable(L, 0, 3);
	lua_insert(L, -2);
	lua_setfield(L, -2, "held");
	lua_pushlightuserdata(L, token_of());
	lua_setfield(L, -2, "token");
	lua_pushcfunction(L, bar);
	lua_setfield(L, -2, "bar");
}

/* ---- running ---- */

/* Runs |t->done|, if any, with the values that |push| left on top of |L|'s stack: ok first. */
static void call_done(lua_State *L, struct lnl_task *t, int n)
{
	if (t->done == LUA_NOREF) {
		lua_pop(L, n);
		return;
	}
	lua_rawgeti(L, LUA_REGISTRYINDEX, t->done);
	lua_insert(L, -n - 1);
	lnl_call_function(L, n, 0);
}

static void succeed(lua_State *L, struct lnl_task *t)
{
	int n = lua_gettop(t->co);

	luaL_checkstack(L, n + 8, "task results");
	lua_pushboolean(L, 1);
	lua_xmove(t->co, L, n);
	call_done(L, t, n + 1);
}

/* The deadline of |t|, which waits, has passed. */
static void late(lua_State *L, struct lnl_task *t)
{
	const char *text;

	lnl_call_push_place(L, t->waiter, t->where);
	text = lua_pushfstring(L, "%sits deadline has passed", lua_tostring(L, -1));
	luaL_traceback(L, t->waiter, text, 0);
	lua_replace(L, -3);
	lua_pop(L, 1);
}

static void fail(lua_State *L, struct lnl_task *t)
{
	lua_pushboolean(L, 0);
	if (lua_status(t->co) == LUA_ERRMEM)
		lnl_call_no_memory(L, t->co, t->where);
	else if (lua_status(t->co) != LUA_YIELD)
		lnl_call_trace(L, t->co, -1, t->where);
	else if (t->waiting)
		late(L, t);
	else
		luaL_traceback(L, t->co,
			       "a task waits by vpn.sleep and its kin, not by coroutine.yield", 0);
	call_done(L, t, 2);
}

struct step {
	struct lnl_task *t;
	bool over;
};

/* Whether the yield of |t| is a wait; then its stack is as the answer needs it. */
static bool waits(struct lnl_task *t)
{
	if (!t->waiting || lua_gettop(t->co) != 1 || lua_touserdata(t->co, 1) != token_of()) {
		t->waiting = false;
		return false;
	}
	lua_settop(t->co, 0);
	return true;
}

/* One stretch of a task, up to its next wait or its end. */
static int resume(lua_State *L)
{
	struct step *s = lua_touserdata(L, 1);
	struct lnl_task *t = s->t;
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_slice outer;
	int rc;

	lua_settop(L, 0);
	lnl_slice_where(vm, t->where);
	vm->current = t;
	vm->owner = t->owned_by.key;
	vm->barred = NULL;
	if (t->resumed) {
		t->resumed = false;
		lua_pushboolean(t->co, t->woken);
		t->nargs = 1;
	}
	rc = lua_resume(t->co, t->nargs);
	vm->current = NULL;
	if (rc == LUA_YIELD && waits(t) && !t->cancelled)
		return 0;
	s->over = true;
	if (t->cancelled)
		return 0;
	lnl_task_hide(vm, t); /* what runs now must not cancel it */
	outer = lnl_slice_enter(vm, t->name, t->where, LNL_SLICE_OURS);
	if (rc == 0)
		succeed(L, t);
	else
		fail(L, t);
	lnl_slice_leave(vm, outer);
	return 0;
}

static void step(struct lnl_vm *vm, struct lnl_task *t)
{
	struct step s = { .t = t };
	struct lnl_fault fault;
	uint64_t owner = vm->owner;
	int rc;

	rc = lnl_call(vm, t->name, LNL_SLICE_HOOK, resume, &s, &fault);
	vm->current = NULL;
	vm->barred = NULL;
	vm->owner = owner;
	if (rc)
		lnl_host_fault(vm->host, t->name, &fault);
	if (rc || s.over || t->cancelled)
		drop(vm, t);
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void lnl_task_run(struct lnl_vm *vm)
{
	struct lnl_task *t = lnl_task_next(vm);
	double end;

	if (!t)
		return;
	end = seconds_now() + TURN;
	do
		step(vm, t);
	while (seconds_now() < end && (t = lnl_task_next(vm)));
	/* The engine would sleep with tasks left over. */
	if (vm->ready && !vm->nudge && engine_of(vm))
		vm->nudge = lnl_op_timer(engine_of(vm), 0);
}

struct wake {
	struct lnl_task *t;
	const struct lnl_event *e;
};

static int push_result(lua_State *L)
{
	struct wake *w = lua_touserdata(L, 1);

	if (!lua_checkstack(w->t->co, 4))
		return luaL_error(L, "out of memory");
	w->t->nargs = lnl_event_result(L, w->e);
	lua_xmove(L, w->t->co, w->t->nargs);
	return 0;
}

static int expire(lua_State *L)
{
	struct wake *w = lua_touserdata(L, 1);

	lua_settop(L, 0);
	fail(L, w->t);
	return 0;
}

static void end_late(struct lnl_vm *vm, struct lnl_task *t, struct wake *w)
{
	struct lnl_fault fault;

	lnl_task_hide(vm, t); /* what runs now must not cancel it */
	t->waiting = true;
	if (lnl_call(vm, t->name, LNL_SLICE_OURS, expire, w, &fault))
		lnl_host_fault(vm->host, t->name, &fault);
	drop(vm, t);
}

bool lnl_task_event(struct lnl_vm *vm, const struct lnl_event *e)
{
	struct lnl_task *t = lnl_marks_find(&vm->tickets, e->ticket);
	struct wake w = { .t = t, .e = e };
	uint64_t owner = vm->owner;
	struct lnl_fault fault;
	int rc;

	if (e->ticket == vm->nudge) {
		vm->nudge = 0;
		return true;
	}
	if (!t)
		return false;
	if (t->timer.at && t->timer.key == e->ticket) {
		end_late(vm, t, &w);
		return true;
	}
	lnl_marks_take(&vm->tickets, &t->op);
	if (t->parked) {
		lnl_task_wake(vm, t, false);
		return true;
	}
	t->waiting = false;
	lnl_task_ready(vm, t);
	vm->owner = t->owned_by.key; /* whose a socket is */
	rc = lnl_call(vm, t->name, LNL_SLICE_HOOK, push_result, &w, &fault);
	vm->owner = owner;
	if (rc) {
		lnl_host_fault(vm->host, t->name, &fault);
		drop(vm, t);
	}
	return rc == 0;
}

int lnl_task_keep(lua_State *L)
{
	struct lnl_task *t = lnl_task_find(lnl_vm_of(L), (uint64_t)luaL_checknumber(L, 1));

	if (t)
		t->keep = true;
	return 0;
}

/* Whether it, or what it is a part of, answers a question or has an end of its own. */
static bool outlives(const struct lnl_task *t)
{
	while (t && !t->keep && t->deadline <= 0)
		t = t->parent;
	return t != NULL;
}

void lnl_task_retire(struct lnl_vm *vm)
{
	struct lnl_task *t = vm->tasks;

	while (t) {
		if (outlives(t)) {
			t = t->next;
			continue;
		}
		drop(vm, t);
		t = vm->tasks; /* others may have gone with it */
	}
}

bool lnl_task_answers(const struct lnl_vm *vm)
{
	const struct lnl_task *t = vm->tasks;

	while (t && !outlives(t))
		t = t->next;
	return t != NULL;
}

void lnl_task_clear(struct lnl_vm *vm)
{
	while (vm->tasks)
		drop(vm, vm->tasks);
	if (vm->nudge && engine_of(vm))
		lnl_op_cancel(engine_of(vm), vm->nudge);
	vm->nudge = 0;
	lnl_marks_free(&vm->numbers);
	lnl_marks_free(&vm->owners);
	lnl_marks_free(&vm->tickets);
}
