/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tasks that wait for each other: what vpn.all, vpn.any, vpn.timeout, vpn.channel and task:join
 * (lunel/waiting.lua) are made of. Nothing here looks at all tasks.
 */
#include <lauxlib.h>

#include "bindings/task.h"
#include "bindings/task_table.h"

static struct lnl_task *task_at(lua_State *L, int index)
{
	return lnl_task_find(lnl_vm_of(L), (uint64_t)luaL_checknumber(L, index));
}

/* Seconds, or -1 for none. */
static double seconds_at(lua_State *L, int index)
{
	double seconds = luaL_optnumber(L, index, -1);

	luaL_argcheck(L, lua_isnoneornil(L, index) || (seconds >= 0 && seconds < 1e9), index,
		      "seconds from 0 to 10^9 expected");
	return seconds;
}

/* self(name): the number of the task that runs; or nil and why |name| cannot wait here. */
static int self(lua_State *L)
{
	if (!lnl_task_may_wait(L, luaL_checkstring(L, 1))) {
		lua_pushnil(L);
		lua_insert(L, -2);
		return 2;
	}
	lua_pushnumber(L, (lua_Number)lnl_vm_of(L)->current->number.key);
	return 1;
}

/* park(name [, seconds]): waits until it is woken: true; or until they have passed: false. */
static int park(lua_State *L)
{
	double seconds = seconds_at(L, 2);

	lnl_task_check(L, luaL_checkstring(L, 1));
	return lnl_task_park(L, seconds);
}

/* wake(number): whether that task was parked, and goes on now. */
static int wake(lua_State *L)
{
	struct lnl_task *t = task_at(L, 1);
	bool parked = t && t->parked;

	if (parked)
		lnl_task_wake(lnl_vm_of(L), t, true);
	lua_pushboolean(L, parked);
	return 1;
}

/* parked(number): whether wake would do something. */
static int parked(lua_State *L)
{
	const struct lnl_task *t = task_at(L, 1);

	lua_pushboolean(L, t && t->parked);
	return 1;
}

/*
 * join(name, number [, seconds]): waits for the end of that task: true; false when the seconds
 * have passed before; nil when there is no such task, or nil and why it would wait for ever.
 */
static int join(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_task *target = task_at(L, 2), *t;
	double seconds = seconds_at(L, 3);

	lnl_task_check(L, luaL_checkstring(L, 1));
	if (!target)
		return 0;
	for (t = target; t; t = t->target)
		if (t == vm->current) {
			lua_pushnil(L);
			lua_pushstring(L, target == t ? "a task cannot wait for its own end"
						      : "tasks cannot wait for each other's end");
			return 2;
		}
	lnl_task_target(target, vm->current);
	return lnl_task_park(L, seconds);
}

/* belong(child, parent): it ends at the latest with its parent: at once when that is gone. */
static int belong(lua_State *L)
{
	struct lnl_task *child = task_at(L, 1), *parent = task_at(L, 2);

	if (!child)
		return 0;
	if (parent)
		lnl_task_adopt(parent, child);
	else
		lnl_task_end(lnl_vm_of(L), child);
	return 0;
}

/* disband(): ends those that belong to the task that runs. */
static int disband(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	while (vm->current && vm->current->child)
		lnl_task_end(vm, vm->current->child);
	return 0;
}

void lnl_task_join_open(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "self", self },	{ "park", park }, { "wake", wake },
		{ "parked", parked },	{ "join", join }, { "belong", belong },
		{ "disband", disband }, { NULL, NULL },
	};

	luaL_register(L, NULL, functions);
}
