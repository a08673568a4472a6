/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/module.h"

#include <lauxlib.h>
#include <luajit.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/host.h"
#include "bindings/objects.h"
#include "bindings/pki.h"
#include "bindings/plain.h"
#include "bindings/scrape.h"
#include "bindings/sink.h"
#include "bindings/system.h"
#include "bindings/task.h"
#include "bindings/vault.h"

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

struct crossing {
	const char *name; /* of instance's function */
	struct lnl_plain in, out;
	bool failed;
};

static int cross(lua_State *L)
{
	struct crossing *c = lua_touserdata(L, 1);
	int n;

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, lnl_vm_of(L)->instance);
	lua_getfield(L, 1, c->name);
	n = lnl_plain_push(&c->in, L);
	lnl_call_function(L, n, LUA_MULTRET);
	for (int i = 2; i <= lua_gettop(L); i++)
		if (!lnl_plain_put(&c->out, L, i))
			return luaL_error(L, "%s: its results are too large", c->name);
	return 0;
}

/*
 * Pushes what came of it; in a function of its own so that an error here finds nothing to release.
 */
static int push_crossing(lua_State *L)
{
	const struct crossing *c = lua_touserdata(L, 1);

	return lnl_plain_push(&c->out, L);
}

/* What a call is in the eyes of who wrote the script. */
static const char *what(const char *name)
{
	return strcmp(name, "load") == 0 ? "the script's main chunk" : name;
}

/* What functions had there when they returned: gsub, for one, works on the stack. */
static __attribute__((noinline)) void scrub_stack(void)
{
	char area[128 * 1024];

	explicit_bzero(area, sizeof(area));
}

static int vm_call(lua_State *L)
{
	struct lnl_vm *vm = check_vm(L, 1);
	struct crossing c = { .name = luaL_checkstring(L, 2) };
	struct lnl_fault fault;
	int top = lua_gettop(L), rc;
	bool fits = true;

	for (int i = 3; i <= top && fits; i++)
		fits = lnl_plain_put(&c.in, L, i);
	rc = fits ? lnl_call(vm, what(c.name), LNL_SLICE_LOAD, cross, &c, &fault) : -1;
	scrub_stack();
	lnl_plain_clear(&c.in);
	if (rc) {
		lnl_plain_clear(&c.out);
		lua_pushboolean(L, 0);
		lua_pushstring(L, fits ? fault.text : "the arguments are too large");
		return 2;
	}
	if (vm->host->engine && vm->host->vm == vm)
		lnl_task_run(vm);
	lua_pushboolean(L, 1);
	lua_pushcfunction(L, push_crossing);
	lua_pushlightuserdata(L, &c);
	rc = lua_pcall(L, 1, LUA_MULTRET, 0);
	lnl_plain_clear(&c.out);
	return rc ? lua_error(L) : lua_gettop(L) - top;
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

static struct lnl_host *check_running(lua_State *L)
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
	v->vm = lnl_vm_new(h, &o, err, sizeof(err));
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
	scrub_stack();
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
	o.wipe = wipe_helper;
	o.wipe_ctx = h;
	rc = lnl_engine_new(&h->engine, &o, &why);
	if (rc == 0) {
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

static int host_turn(lua_State *L)
{
	struct lnl_host *h = check_running(L);

	lua_pushboolean(L, lnl_host_turn(h));
	lua_createtable(L, (int)h->n_signals, 0);
	for (unsigned i = 0; i < h->n_signals; i++) {
		lua_pushinteger(L, h->signals[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 2;
}

static int host_records(lua_State *L)
{
	struct lnl_host *h = check_host(L);

	if (h->engine)
		lnl_record_collect(&h->log, h->engine);
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
	lnl_scrape_close(&v->host);
	lnl_engine_free(v->host.engine);
	v->host.engine = NULL;
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
		{ "policy", host_policy }, { "start", host_start },	{ "attach", host_attach },
		{ "turn", host_turn },	   { "records", host_records }, { "tap", host_tap },
		{ "drain", host_drain },   { "close", host_close },	{ NULL, NULL },
	};
	static const luaL_Reg vm[] = { { "call", vm_call }, { "close", vm_close }, { NULL, NULL } };

	new_type(L, HOST_TYPE, host, host_close);
	new_type(L, VM_TYPE, vm, vm_close);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lnl_system_open(L);
	lnl_secret_register(L, NULL);
	lnl_vault_open(L);
	lnl_pki_register(L);
	return 1;
}
