/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `lunel.sim`, the module of `lunel test`: `lunel.core` over the simulator (engine/sim), and what a
 * test does to its world (bindings/sim.h). It belongs to no other program.
 */
#include "bindings/sim.h"

#include <lauxlib.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/host.h"
#include "bindings/module.h"
#include "bindings/task.h"
#include "lunel_sim.h"

#define PACKET_MAX 65535
#define HOSTS_MAX  1024

/* ---- time ---- */

static int sim_reset(lua_State *L)
{
	lnl_sim_reset(luaL_checknumber(L, 1));
	return 0;
}

static int sim_wall(lua_State *L)
{
	lnl_sim_set_wall(luaL_checknumber(L, 1));
	return 0;
}

static int sim_now(lua_State *L)
{
	lua_pushnumber(L, lnl_sim_now());
	return 1;
}

static int sim_work(lua_State *L)
{
	lua_pushboolean(L, lnl_sim_work());
	return 1;
}

static int sim_busy(lua_State *L)
{
	lua_pushboolean(L, lnl_sim_is_busy());
	return 1;
}

static int sim_hosts(lua_State *L)
{
	unsigned list[HOSTS_MAX], n = lnl_sim_busy_hosts(list, HOSTS_MAX);

	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushnumber(L, list[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

static int sim_step(lua_State *L)
{
	unsigned note = 0;

	switch (lnl_sim_step(luaL_checknumber(L, 1), &note)) {
	case LNL_SIM_NOTHING:
		lua_pushliteral(L, "nothing");
		return 1;
	case LNL_SIM_NOTE:
		lua_pushliteral(L, "note");
		lua_pushnumber(L, note);
		return 2;
	default:
		lua_pushliteral(L, "moved");
		return 1;
	}
}

static int sim_note(lua_State *L)
{
	if (!lnl_sim_note(luaL_checknumber(L, 1), (unsigned)luaL_checknumber(L, 2)))
		return luaL_error(L, "out of memory");
	return 0;
}

/* ---- hosts and their network ---- */

static int sim_enter(lua_State *L)
{
	lnl_sim_enter((unsigned)luaL_checknumber(L, 1), luaL_checkstring(L, 2));
	return 0;
}

static int sim_everywhere(lua_State *L)
{
	lnl_sim_everywhere((unsigned)luaL_checknumber(L, 1));
	return 0;
}

static int sim_network(lua_State *L)
{
	lnl_sim_network(luaL_checknumber(L, 1), (unsigned)luaL_optnumber(L, 2, 0));
	return 0;
}

static int sim_gone(lua_State *L)
{
	lnl_sim_set_gone(luaL_checkstring(L, 1), lua_toboolean(L, 2));
	return 0;
}

static int sim_lookup(lua_State *L)
{
	struct lnl_sim_lookup q;

	if (!lnl_sim_lookup(&q))
		return 0;
	lua_createtable(L, 0, 5);
	lua_pushnumber(L, q.id);
	lua_setfield(L, -2, "id");
	lua_pushnumber(L, q.host);
	lua_setfield(L, -2, "asker");
	lua_pushstring(L, q.name);
	lua_setfield(L, -2, "name");
	lua_pushnumber(L, q.port);
	lua_setfield(L, -2, "port");
	lua_pushnumber(L, q.family);
	lua_setfield(L, -2, "family");
	return 1;
}

static int sim_found(lua_State *L)
{
	lnl_sim_found((unsigned)luaL_checknumber(L, 1), luaL_optstring(L, 2, NULL));
	return 0;
}

/* ---- devices and files ---- */

static int sim_put(lua_State *L)
{
	size_t len;
	const char *bytes = luaL_checklstring(L, 2, &len);

	luaL_argcheck(L, len > 0 && len <= PACKET_MAX, 2, "1 to 65535 bytes expected");
	lua_pushboolean(L, lnl_sim_tun_put((unsigned)luaL_checknumber(L, 1), bytes, len));
	return 1;
}

static int sim_take(lua_State *L)
{
	unsigned host = (unsigned)luaL_checknumber(L, 1);
	luaL_Buffer b;
	char bytes[PACKET_MAX];
	size_t len = lnl_sim_tun_take(host, bytes, sizeof(bytes));

	if (len == 0)
		return 0;
	luaL_buffinit(L, &b);
	luaL_addlstring(&b, bytes, len);
	luaL_pushresult(&b);
	return 1;
}

static int sim_file(lua_State *L)
{
	size_t len;
	const char *text = lnl_sim_file(luaL_checkstring(L, 1), &len);

	if (!text)
		return 0;
	lua_pushlstring(L, text, len);
	return 1;
}

/* ---- what the policy VM is given besides ---- */

/* test_ask(name): the number by which the test answers, and the ticket for `test_await`. */
static int op_ask(lua_State *L)
{
	const struct lnl_vm *vm = lnl_vm_of(L);
	unsigned park = 0;
	uint64_t op;

	lnl_task_check(L, luaL_checkstring(L, 1));
	op = lnl_sim_park(vm->host->engine, &park);
	if (!op)
		return luaL_error(L, "out of memory");
	lua_pushnumber(L, park);
	lua_pushnumber(L, (lua_Number)op);
	return 2;
}

static int op_await(lua_State *L)
{
	uint64_t op = (uint64_t)luaL_checknumber(L, 1);

	lnl_task_check(L, "a scripted service");
	return lnl_task_wait(L, op);
}

static int add_functions(lua_State *L)
{
	static const luaL_Reg functions[] = { { "test_ask", op_ask },
					      { "test_await", op_await },
					      { NULL, NULL } };

	lua_settop(L, 0);
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "loaded");
	lua_getfield(L, -1, "lunel.core");
	luaL_register(L, NULL, functions);
	return 0;
}

static int sim_equip(lua_State *L)
{
	struct lnl_fault fault;

	if (lnl_call(lnl_module_vm(L, 1), "equipping a policy", LNL_SLICE_LOAD, add_functions, NULL,
		     &fault))
		return luaL_error(L, "%s", fault.text);
	return 0;
}

static int sim_unpark(lua_State *L)
{
	lnl_sim_unpark((unsigned)luaL_checknumber(L, 1));
	return 0;
}

static int sim_parks(lua_State *L)
{
	lua_pushnumber(L, lnl_sim_parks());
	return 1;
}

int luaopen_lunel_sim(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "reset", sim_reset },
		{ "wall", sim_wall },
		{ "now", sim_now },
		{ "work", sim_work },
		{ "busy", sim_busy },
		{ "hosts", sim_hosts },
		{ "step", sim_step },
		{ "note", sim_note },
		{ "enter", sim_enter },
		{ "everywhere", sim_everywhere },
		{ "network", sim_network },
		{ "gone", sim_gone },
		{ "lookup", sim_lookup },
		{ "found", sim_found },
		{ "put", sim_put },
		{ "take", sim_take },
		{ "file", sim_file },
		{ "equip", sim_equip },
		{ "unpark", sim_unpark },
		{ "parks", sim_parks },
		{ NULL, NULL },
	};

	lua_settop(L, 0);
	luaopen_lunel_core(L);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_setfield(L, -2, "sim");
	return 1;
}
