/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/module.h"

#include <lauxlib.h>
#include <luajit.h>
#include <string.h>

#include "bindings/attach.h"
#include "bindings/call.h"
#include "bindings/control.h"
#include "bindings/crossing.h"
#include "bindings/host.h"
#include "bindings/lane.h"
#include "bindings/lane_lua.h"
#include "bindings/objects.h"
#include "bindings/pki.h"
#include "bindings/reload.h"
#include "bindings/scrape.h"
#include "bindings/sink.h"
#include "bindings/system.h"
#include "bindings/task.h"
#include "bindings/vault.h"
#include "bindings/watch.h"

#define HOST_TYPE "lunel.host"
#define VM_TYPE	  "lunel.vm"

#define POLICY_MEMORY ((size_t)256 << 20)

/* ---- the policy VM as a value of the launcher's ---- */

struct vm_value {
	struct lnl_vm *vm; /* NULL once closed */
	struct lnl_host *host;
};

static struct lnl_vm *check_vm(lua_State *L, int index)
{
	struct vm_value *v = luaL_checkudata(L, index, VM_TYPE);

	luaL_argcheck(L, v->vm, index, "it is closed");
	return v->vm;
}

struct lnl_vm *lnl_module_vm(lua_State *L, int index)
{
	return check_vm(L, index);
}

/*
 * Pushes what came of it; in a function of its own so that an error here finds nothing to release.
 */
static int push_crossing(lua_State *L)
{
	const struct lnl_crossing *c = lua_touserdata(L, 1);

	return lnl_plain_push(&c->out, L);
}

/* |rc| of lnl_cross: pushes true and the results, or false and why, and clears |c|. */
static int answer_crossing(lua_State *L, struct lnl_crossing *c, int rc, const char *why)
{
	int top = lua_gettop(L);

	if (rc) {
		lnl_crossing_clear(c);
		lua_pushboolean(L, 0);
		lua_pushstring(L, why);
		return 2;
	}
	lua_pushboolean(L, 1);
	lua_pushcfunction(L, push_crossing);
	lua_pushlightuserdata(L, c);
	rc = lua_pcall(L, 1, LUA_MULTRET, 0);
	lnl_crossing_clear(c);
	return rc ? lua_error(L) : lua_gettop(L) - top;
}

static int vm_call(lua_State *L)
{
	struct lnl_vm *vm = check_vm(L, 1);
	struct lnl_crossing c = { .name = luaL_checkstring(L, 2) };
	struct lnl_fault fault = { "the arguments are too large" };
	int top = lua_gettop(L), rc;
	bool fits = true;

	for (int i = 3; i <= top && fits; i++)
		fits = lnl_plain_put(&c.in, L, i);
	rc = fits ? lnl_cross(vm, &c, &fault) : -1;
	if (rc == 0 && vm->host->engine && vm->host->vm == vm)
		lnl_task_run(vm);
	return answer_crossing(L, &c, rc, fault.text);
}

/* vm:ask(name, other, name2): calls other's name2 with what name of this one gave, in this order. */
static int vm_ask(lua_State *L)
{
	struct lnl_vm *from = check_vm(L, 1), *to = check_vm(L, 3);
	struct lnl_crossing out = { .name = luaL_checkstring(L, 2) };
	struct lnl_crossing in = { .name = luaL_checkstring(L, 4) };
	struct lnl_fault fault;
	int rc = lnl_cross(from, &out, &fault);

	if (rc == 0) {
		in.in = out.out; /* wiped by lnl_cross */
		memset(&out.out, 0, sizeof(out.out));
		rc = lnl_cross(to, &in, &fault);
	}
	lnl_crossing_clear(&out);
	return answer_crossing(L, &in, rc, fault.text);
}

static int vm_close(lua_State *L)
{
	struct vm_value *v = luaL_checkudata(L, 1, VM_TYPE);

	if (v->vm && v->host->vm == v->vm) {
		v->host->vm = NULL;
		lnl_host_levels(v->host);
	}
	lnl_vm_free(v->vm);
	v->vm = NULL;
	return 0;
}

/* ---- the host ---- */

struct host_value {
	struct lnl_host host;
	bool closed;
};

static struct lnl_host *check_host(lua_State *L)
{
	struct host_value *v = luaL_checkudata(L, 1, HOST_TYPE);

	luaL_argcheck(L, !v->closed, 1, "it is closed");
	return &v->host;
}

struct lnl_host *lnl_module_host(lua_State *L)
{
	struct lnl_host *h = check_host(L);

	luaL_argcheck(L, h->engine, 1, "it is not started");
	return h;
}

static enum lnl_level level_field(lua_State *L, int index)
{
	int level;

	lua_getfield(L, index, "level");
	level = lnl_level_of(luaL_optstring(L, -1, "info"));
	luaL_argcheck(L, level >= 0, index, "no such level");
	return (enum lnl_level)level;
}

/* { level =, levels = { subsystem = level } } */
static void read_levels(lua_State *L, struct lnl_levels *out)
{
	out->all = (int)level_field(L, 2);
	out->n = 0;
	lua_getfield(L, 2, "levels");
	if (!lua_istable(L, -1))
		return;
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		int level = lnl_level_of(luaL_checkstring(L, -1));

		luaL_argcheck(L, level >= 0, 2, "no such level");
		luaL_argcheck(L, lua_type(L, -2) == LUA_TSTRING, 2, "a subsystem's name expected");
		luaL_argcheck(L, lnl_levels_set(out, lua_tostring(L, -2), level), 2,
			      "too many subsystems, or a name that is too long");
		lua_pop(L, 1);
	}
}

static int host_policy(lua_State *L)
{
	struct lnl_host *h = check_host(L);
	struct lnl_vm_options o = { 0 };
	struct vm_value *v;
	char err[sizeof(struct lnl_fault)];

	luaL_checktype(L, 2, LUA_TTABLE);
	lua_getfield(L, 2, "scripts");
	o.scripts = luaL_checkstring(L, -1);
	lua_getfield(L, 2, "memory");
	o.limit = (size_t)luaL_optnumber(L, -1, (lua_Number)POLICY_MEMORY);
	v = lua_newuserdata(L, sizeof(*v));
	v->host = h;
	v->vm = NULL;
	luaL_getmetatable(L, VM_TYPE);
	lua_setmetatable(L, -2);
	/* The VM's value keeps the host alive. */
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, 1);
	lua_setfenv(L, -2);
	if (!h->lanes)
		h->lanes = lnl_lanes_new(o.scripts, err, sizeof(err));
	v->vm = h->lanes ? lnl_vm_new(h, &o, err, sizeof(err)) : NULL;
	if (v->vm)
		return 1;
	lua_pushnil(L);
	lua_pushstring(L, err);
	return 2;
}

static void add_signals(lua_State *L, struct lnl_engine *e)
{
	lua_getfield(L, 2, "signals");
	if (!lua_istable(L, -1))
		return;
	for (int i = 1; i <= (int)lua_objlen(L, -1); i++) {
		lua_rawgeti(L, -1, i);
		lnl_engine_signal(e, (int)luaL_checkinteger(L, -1));
		lua_pop(L, 1);
	}
}

/* In the helper: the configuration with its keys and passwords is not the helper's business. */
static void wipe_helper(void *ctx)
{
	struct lnl_host *h = ctx;

	lnl_vm_free(h->vm);
	lnl_lanes_free(h->lanes);
	lnl_scrub_stack();
}

/* In the helper, which is forked here, the VM that is attached already ends. */
static int host_start(lua_State *L)
{
	struct lnl_host *h = check_host(L);
	struct lnl_engine_options o = { 0 };
	struct lnl_reason why = { { 0 } };
	int rc;

	luaL_checktype(L, 2, LUA_TTABLE);
	luaL_argcheck(L, !h->engine, 1, "it is started already");
	read_levels(L, &h->levels);
	o.level = (enum lnl_level)h->levels.all;
	lua_getfield(L, 2, "user");
	o.user = luaL_optstring(L, -1, NULL);
	lua_getfield(L, 2, "group");
	o.group = luaL_optstring(L, -1, NULL);
	lua_getfield(L, 2, "stay_root");
	o.stay_root = lua_toboolean(L, -1);
	o.lanes = h->lanes ? lnl_lanes_host(h->lanes) : NULL;
	o.wipe = wipe_helper;
	o.wipe_ctx = h;
	rc = lnl_engine_new(&h->engine, &o, &why);
	if (rc == 0) {
		/* After the helper was forked, whose thread it would not be. */
		h->watch = lnl_watch_new(LNL_HOST_PATIENCE, NULL, NULL);
		add_signals(L, h->engine);
		lnl_host_levels(h);
		lua_pushboolean(L, 1);
		return 1;
	}
	h->engine = NULL;
	lua_pushnil(L);
	lua_pushstring(L, why.text[0] ? why.text : lnl_error_text(rc));
	return 2;
}

static int host_attach(lua_State *L)
{
	struct lnl_host *h = check_host(L);
	struct lnl_vm *vm = lua_isnoneornil(L, 2) ? NULL : check_vm(L, 2);

	if (h->vm && h->vm != vm)
		lnl_sinks_drain(h->vm); /* what was said in its time is its sinks' */
	h->vm = vm;
	/* Kept alive as long as it gets events. */
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, 2);
	lua_rawseti(L, -2, 1);
	lua_setfenv(L, 1);
	lnl_host_levels(h);
	return 0;
}

/* capture(descriptor, { who =, keep =, most = }): true, or nil and why; it is closed in any case */
static int host_capture(lua_State *L)
{
	struct lnl_host *h = lnl_module_host(L);
	struct lnl_capture_options o = { .fd = luaL_checkint(L, 2) };
	struct lnl_reason why = { { 0 } };

	luaL_checktype(L, 3, LUA_TTABLE);
	lua_getfield(L, 3, "who");
	o.who = luaL_optstring(L, -1, NULL);
	lua_getfield(L, 3, "keep");
	o.keep = (unsigned)luaL_optint(L, -1, 0);
	lua_getfield(L, 3, "most");
	o.most = (uint64_t)luaL_optnumber(L, -1, 0);
	if (lnl_capture_start(h->engine, &o, &why) == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, why.text);
	return 2;
}

/* capture_end(): true, or false when there is none */
static int host_capture_end(lua_State *L)
{
	lua_pushboolean(L, lnl_capture_stop(lnl_module_host(L)->engine, NULL) == 0);
	return 1;
}

/* replace(vm, gone): |vm| in the place of the one that is attached; true, or nil and why not. */
static int host_replace(lua_State *L)
{
	struct lnl_host *h = lnl_module_host(L);
	struct vm_value *fresh = luaL_checkudata(L, 2, VM_TYPE);
	struct lnl_fault fault;
	struct vm_value *old;
	uint32_t *gone;
	unsigned n;

	luaL_argcheck(L, fresh->vm && fresh->vm != h->vm, 2, "another one expected");
	luaL_argcheck(L, h->vm, 1, "none is attached");
	luaL_checktype(L, 3, LUA_TTABLE);
	n = (unsigned)lua_objlen(L, 3);
	gone = lua_newuserdata(L, (n + 1) * sizeof(*gone));
	for (unsigned i = 0; i < n; i++) {
		lua_rawgeti(L, 3, (int)i + 1);
		gone[i] = (uint32_t)luaL_checknumber(L, -1);
		lua_pop(L, 1);
	}
	lua_getfenv(L, 1);
	lua_rawgeti(L, -1, 1);
	old = luaL_checkudata(L, -1, VM_TYPE);
	lua_createtable(L, 1, 0);
	lua_pushvalue(L, 2);
	lua_rawseti(L, -2, 1);
	if (lnl_reload_swap(h, fresh->vm, gone, n, &fault)) {
		lua_pushnil(L);
		lua_pushstring(L, fault.text);
		return 2;
	}
	old->vm = NULL; /* the host's from here on */
	lua_setfenv(L, 1);
	lua_pushboolean(L, 1);
	return 1;
}

static int host_turn(lua_State *L)
{
	struct lnl_host *h = lnl_module_host(L);

	lua_pushboolean(L, lnl_host_turn(h));
	lua_createtable(L, (int)h->n_signals, 0);
	for (unsigned i = 0; i < h->n_signals; i++) {
		lua_pushinteger(L, h->signals[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lnl_control_push(L, h);
	return 3;
}

static int host_records(lua_State *L)
{
	struct lnl_host *h = check_host(L);

	if (h->engine)
		lnl_record_collect(&h->log, h->engine);
	lnl_host_watched(h);
	return lnl_record_push(L, &h->log);
}

/* tap(level, sub, event, fields): a record of the launcher's own, for the policy's sinks */
static int host_tap(lua_State *L)
{
	struct lnl_host *h = check_host(L);
	int level = lnl_level_of(luaL_checkstring(L, 2));
	struct lnl_script_record r = { .sub = luaL_checkstring(L, 3),
				       .event = luaL_checkstring(L, 4),
				       .when = lnl_host_wallclock(h),
				       .fields = 5 };
	struct lnl_record_queue nobody = { .levels = { .all = -1 } };

	luaL_argcheck(L, level >= 0, 2, "no such level");
	luaL_checktype(L, 5, LUA_TTABLE);
	lua_settop(L, 5);
	r.level = (enum lnl_level)level;
	if (h->engine)
		lnl_record_collect(&h->log, h->engine);
	if (h->log.tap)
		lnl_record_script(L, &nobody, h->log.tap, &r);
	return 0;
}

/* drain(): the end is near, and the policy's sinks get what is left */
static int host_drain(lua_State *L)
{
	struct lnl_host *h = check_host(L);

	if (h->engine)
		lnl_record_collect(&h->log, h->engine);
	if (h->vm)
		lnl_sinks_drain(h->vm);
	return 0;
}

static int host_close(lua_State *L)
{
	struct host_value *v = luaL_checkudata(L, 1, HOST_TYPE);

	if (v->closed)
		return 0;
	v->closed = true;
	/* Tasks hold operations of the engine: they end first. */
	if (v->host.vm)
		lnl_task_clear(v->host.vm);
	lnl_reload_clear(&v->host);
	lnl_control_close(&v->host);
	lnl_watch_free(v->host.watch);
	v->host.watch = NULL;
	lnl_scrape_close(&v->host);
	lnl_engine_free(v->host.engine);
	v->host.engine = NULL;
	lnl_lanes_free(v->host.lanes);
	v->host.lanes = NULL;
	lnl_record_clear(&v->host.log);
	return 0;
}

static int core_host(lua_State *L)
{
	struct host_value *v;
	enum lnl_level level;

	luaL_checktype(L, 1, LUA_TTABLE);
	level = level_field(L, 1);
	v = lua_newuserdata(L, sizeof(*v));
	memset(v, 0, sizeof(*v));
	v->host.levels.all = (int)level;
	lnl_host_levels(&v->host);
	luaL_getmetatable(L, HOST_TYPE);
	lua_setmetatable(L, -2);
	return 1;
}

/* ---- about this build ---- */

static int core_build(lua_State *L)
{
	struct lnl_build b;

	lnl_build_info(&b);
	lua_createtable(L, 0, 9);
	lua_pushstring(L, b.version);
	lua_setfield(L, -2, "version");
	lua_pushstring(L, b.wolfssl);
	lua_setfield(L, -2, "wolfssl");
	lua_pushstring(L, b.libev);
	lua_setfield(L, -2, "libev");
	lua_pushstring(L, b.cares);
	lua_setfield(L, -2, "cares");
	lua_pushboolean(L, b.assembly);
	lua_setfield(L, -2, "assembly");
	lua_pushboolean(L, b.udp_segment);
	lua_setfield(L, -2, "udp_segment");
	lua_pushboolean(L, b.udp_gro);
	lua_setfield(L, -2, "udp_gro");
	lua_pushboolean(L, b.tun_vnet);
	lua_setfield(L, -2, "tun_vnet");
	lua_getglobal(L, "jit");
	if (lua_istable(L, -1))
		lua_getfield(L, -1, "version");
	else
		lua_pushliteral(L, LUAJIT_VERSION);
	lua_setfield(L, -3, "luajit");
	lua_pop(L, 1);
	return 1;
}

static int core_ciphers(lua_State *L)
{
	lua_pushstring(L, lnl_cipher_list());
	return 1;
}

static void new_type(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction end)
{
	luaL_newmetatable(L, name);
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, end);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
}

int luaopen_lunel_core(lua_State *L)
{
	static const luaL_Reg functions[] = { { "build", core_build },
					      { "ciphers", core_ciphers },
					      { "host", core_host },
					      { NULL, NULL } };
	static const luaL_Reg host[] = {
		{ "policy", host_policy },
		{ "start", host_start },
		{ "attach", host_attach },
		{ "capture", host_capture },
		{ "capture_end", host_capture_end },
		{ "replace", host_replace },
		{ "control", lnl_control_open },
		{ "control_answer", lnl_control_answer },
		{ "control_told", lnl_control_told },
		{ "turn", host_turn },
		{ "records", host_records },
		{ "tap", host_tap },
		{ "drain", host_drain },
		{ "close", host_close },
		{ NULL, NULL },
	};
	static const luaL_Reg vm[] = {
		{ "call", vm_call }, { "ask", vm_ask }, { "close", vm_close }, { NULL, NULL }
	};

	new_type(L, HOST_TYPE, host, host_close);
	new_type(L, VM_TYPE, vm, vm_close);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lnl_system_open(L);
	lnl_attach_open(L);
	lnl_secret_register(L, NULL);
	lnl_vault_open(L);
	lnl_pki_register(L);
	lnl_lane_launcher(L);
	return 1;
}
