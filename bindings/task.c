/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/events.h"
#include "bindings/host.h"
#include "bindings/ops_services.h"

struct lnl_task {
	struct lnl_task *next;
	uint64_t id, owner;
	lua_State *co;
	int ref;  /* keeps |co| */
	int done; /* the function to call at the end, or LUA_NOREF */
	int nargs;
	bool ready;	/* |nargs| values on top of |co| are what to go on with */
	bool waiting;	/* for |op| */
	bool cancelled; /* while it runs: removed afterwards */
	bool keep;	/* it answers a question */
	uint64_t op, timer;
	double deadline; /* seconds; the timer starts at the first wait, as nothing ends before */
	char name[64];
};

static struct lnl_engine *engine_of(const struct lnl_vm *vm)
{
	return vm->host ? vm->host->engine : NULL;
}

static void unlink_task(struct lnl_vm *vm, struct lnl_task *t)
{
	struct lnl_task **p = &vm->tasks;

	while (*p && *p != t)
		p = &(*p)->next;
	if (*p)
		*p = t->next;
}

/* Touches the registry by lua_unref alone, which neither allocates nor raises. */
static void drop(struct lnl_vm *vm, struct lnl_task *t)
{
	struct lnl_engine *e = engine_of(vm);

	if (e && t->op)
		lnl_op_cancel(e, t->op);
	if (e && t->timer)
		lnl_op_cancel(e, t->timer);
	unlink_task(vm, t);
	luaL_unref(vm->L, LUA_REGISTRYINDEX, t->ref);
	luaL_unref(vm->L, LUA_REGISTRYINDEX, t->done);
	free(t);
}

static void cancel(struct lnl_vm *vm, struct lnl_task *t)
{
	if (t == vm->current)
		t->cancelled = true;
	else
		drop(vm, t);
}

int lnl_task_spawn(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t owner = (uint64_t)luaL_checknumber(L, 1);
	const char *name = luaL_checkstring(L, 2);
	double deadline = luaL_optnumber(L, 3, 0);
	struct lnl_task *t, **end;
	lua_State *co;
	int n = lua_gettop(L) - 4;

	if (!lua_isnil(L, 4))
		luaL_checktype(L, 4, LUA_TFUNCTION);
	luaL_checktype(L, 5, LUA_TFUNCTION);
	co = lua_newthread(L);
	lua_insert(L, 5);
	luaL_argcheck(L, lua_checkstack(co, n + 1), 5, "too many arguments");
	lua_xmove(L, co, n);
	t = calloc(1, sizeof(*t));
	if (!t)
		return luaL_error(L, "out of memory");
	t->ref = t->done = LUA_NOREF;
	t->co = co;
	t->owner = owner;
	t->deadline = deadline;
	t->nargs = n - 1;
	t->id = ++vm->last_task;
	snprintf(t->name, sizeof(t->name), "%s", name);
	for (end = &vm->tasks; *end; end = &(*end)->next)
		;
	*end = t; /* linked first: an error below must not lose it */
	t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	if (!lua_isnil(L, 4)) {
		lua_pushvalue(L, 4);
		t->done = luaL_ref(L, LUA_REGISTRYINDEX);
	}
	t->ready = true;
	lua_pushnumber(L, (lua_Number)t->id);
	return 1;
}

int lnl_task_cancel(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t id = (uint64_t)luaL_checknumber(L, 1);
	struct lnl_task *t = vm->tasks;

	while (t && t->id != id)
		t = t->next;
	if (t)
		cancel(vm, t);
	lua_pushboolean(L, t != NULL);
	return 1;
}

int lnl_task_cancel_owner(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t owner = (uint64_t)luaL_checknumber(L, 1);
	struct lnl_task *t, *next;
	int n = 0;

	for (t = vm->tasks; t; t = next) {
		next = t->next;
		if (t->owner == owner) {
			cancel(vm, t);
			n++;
		}
	}
	lnl_services_close(vm, owner);
	lua_pushinteger(L, n);
	return 1;
}

void lnl_task_check(lua_State *L, const char *name)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	if (!vm->current)
		luaL_error(L,
			   "%s cannot wait in %s; what waits belongs in a task: vpn.spawn(fn, ...)",
			   name, vm->slice.what);
	if (vm->current->co != L)
		luaL_error(L,
			   "%s cannot wait inside a coroutine of the script's own; use vpn.spawn",
			   name);
	if (!engine_of(vm))
		luaL_error(L, "%s cannot wait before the engine runs", name);
}

int lnl_task_wait(lua_State *L, uint64_t op)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_task *t = vm->current;

	if (!op)
		return luaL_error(L, "out of memory");
	t->op = op;
	t->waiting = true;
	if (t->deadline > 0 && !t->timer)
		t->timer = lnl_op_timer(engine_of(vm), t->deadline);
	return lua_yield(L, 0);
}

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

static void fail(lua_State *L, struct lnl_task *t)
{
	lua_pushboolean(L, 0);
	if (t->waiting || lua_status(t->co) == LUA_YIELD)
		luaL_traceback(L, t->co,
			       t->waiting ? "its deadline has passed"
					  : "a task waits by vpn.sleep and its kin, "
					    "not by coroutine.yield",
			       0);
	else
		lnl_call_trace(L, t->co, -1);
	call_done(L, t, 2);
}

struct step {
	struct lnl_task *t;
	bool over;
};

/* One stretch of a task, up to its next wait or its end. */
static int resume(lua_State *L)
{
	struct step *s = lua_touserdata(L, 1);
	struct lnl_task *t = s->t;
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_slice outer;
	int rc;

	lua_settop(L, 0);
	vm->current = t;
	vm->owner = t->owner;
	rc = lua_resume(t->co, t->nargs);
	vm->current = NULL;
	if (rc == LUA_YIELD && t->waiting && !t->cancelled)
		return 0;
	s->over = true;
	if (t->cancelled)
		return 0;
	unlink_task(vm, t); /* what runs now must not cancel it */
	outer = lnl_slice_enter(vm, t->name, LNL_SLICE_HOOK);
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

	t->ready = false;
	rc = lnl_call(vm, t->name, LNL_SLICE_HOOK, resume, &s, &fault);
	vm->current = NULL;
	vm->owner = owner;
	if (rc)
		lnl_host_fault(vm->host, t->name, &fault);
	if (rc || s.over || t->cancelled)
		drop(vm, t);
}

void lnl_task_run(struct lnl_vm *vm)
{
	struct lnl_task *t = vm->tasks;

	while (t) {
		if (!t->ready) {
			t = t->next;
			continue;
		}
		step(vm, t);
		t = vm->tasks; /* any may have come or gone */
	}
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
	unlink_task(lnl_vm_of(L), w->t); /* what runs now must not cancel it */
	fail(L, w->t);
	return 0;
}

bool lnl_task_event(struct lnl_vm *vm, const struct lnl_event *e)
{
	struct wake w = { .t = vm->tasks, .e = e };
	uint64_t owner = vm->owner;
	struct lnl_fault fault;
	struct lnl_task *t;
	int rc;

	while (w.t && w.t->op != e->ticket && w.t->timer != e->ticket)
		w.t = w.t->next;
	t = w.t;
	if (!t)
		return false;
	if (t->timer == e->ticket) {
		t->timer = 0;
		if (lnl_call(vm, t->name, LNL_SLICE_HOOK, expire, &w, &fault))
			lnl_host_fault(vm->host, t->name, &fault);
		drop(vm, t);
		return true;
	}
	t->op = 0;
	t->waiting = false;
	t->ready = true;
	vm->owner = t->owner; /* whose a socket is */
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
	uint64_t id = (uint64_t)luaL_checknumber(L, 1);
	struct lnl_task *t = lnl_vm_of(L)->tasks;

	while (t && t->id != id)
		t = t->next;
	if (t)
		t->keep = true;
	return 0;
}

void lnl_task_retire(struct lnl_vm *vm)
{
	struct lnl_task *t, *next;

	for (t = vm->tasks; t; t = next) {
		next = t->next;
		if (!t->keep && t->deadline <= 0)
			drop(vm, t);
	}
}

bool lnl_task_answers(const struct lnl_vm *vm)
{
	const struct lnl_task *t = vm->tasks;

	while (t && !t->keep && t->deadline <= 0)
		t = t->next;
	return t != NULL;
}

void lnl_task_clear(struct lnl_vm *vm)
{
	while (vm->tasks)
		drop(vm, vm->tasks);
}
