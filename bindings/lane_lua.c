/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/lane_lua.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "bindings/host.h"
#include "bindings/lane.h"
#include "bindings/lane_vm.h"
#include "lunel.h"

#define LANE_TYPE "lunel.lane"

/* ---- what was found ---- */

static const char *const on_error[] = { "drop", "pass", "detach" };

static const char *const points[LNL_LANE_POINTS] = { "from_peer", "to_peer", "wire_in",
						     "wire_out" };

static int push_found(lua_State *L, const struct lnl_lane_found *f)
{
	lua_createtable(L, 0, 8);
	lua_pushnumber(L, f->conf.id);
	lua_setfield(L, -2, "id");
	lua_pushstring(L, f->conf.name);
	lua_setfield(L, -2, "name");
	lua_pushstring(L, f->conf.origin);
	lua_setfield(L, -2, "origin");
	lua_pushnumber(L, f->conf.points);
	lua_setfield(L, -2, "points");
	lua_pushnumber(L, f->conf.overhead);
	lua_setfield(L, -2, "overhead");
	lua_pushboolean(L, f->conf.super);
	lua_setfield(L, -2, "super");
	lua_pushstring(L, on_error[f->conf.on_error]);
	lua_setfield(L, -2, "on_error");
	lua_pushboolean(L, f->unsure);
	lua_setfield(L, -2, "unsure");
	return 1;
}

/* Takes the lane |f|, with the value at |args| as its arguments: 0, or an error in |why|. */
static int add(lua_State *L, struct lnl_lanes *l, struct lnl_lane_file *f, int args, uint32_t id,
	       struct lnl_lane_found *found, char *why, size_t len)
{
	struct lnl_plain plain = { 0 };
	int rc;

	if (args && !lua_isnoneornil(L, args) && !lnl_plain_put(&plain, L, args)) {
		lnl_plain_clear(&plain);
		snprintf(why, len, "%s: its args are too large", f->path);
		return LNL_E_LIMIT;
	}
	f->args = plain.n ? &plain : NULL;
	rc = lnl_lanes_add(l, f, id, found, why, len);
	lnl_plain_clear(&plain);
	return rc;
}

static int answer(lua_State *L, int rc, const struct lnl_lane_found *found, const char *why)
{
	if (rc == 0)
		return push_found(L, found);
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

/* ---- in a policy VM ---- */

static struct lnl_lanes *lanes_of(lua_State *L)
{
	struct lnl_host *h = lnl_vm_of(L)->host;

	if (!h || !h->lanes)
		luaL_error(L, "there is no host");
	return h->lanes;
}

/* lane_check(path, args, id, text): the file's text, where it is known (lunel test's `files`). */
static int core_check(lua_State *L)
{
	struct lnl_lane_file f = { .path = luaL_checkstring(L, 1) };
	lua_Number id = luaL_optnumber(L, 3, 0);
	struct lnl_lane_found found = { 0 };
	char why[LNL_LANE_FAULT] = "";
	int rc;

	luaL_argcheck(L, id >= 0 && id <= UINT32_MAX, 3, "the number of a lane expected");
	f.text = luaL_optlstring(L, 4, NULL, &f.text_len);
	lua_settop(L, 4); /* the text stays in reach */
	if (!lua_isnil(L, 2))
		luaL_checktype(L, 2, LUA_TTABLE);
	rc = add(L, lanes_of(L), &f, 2, (uint32_t)id, &found, why, sizeof(why));
	return answer(L, rc, &found, why);
}

static int core_alone(lua_State *L)
{
	struct lnl_lane_file f = { .path = luaL_checkstring(L, 1), .alone = true };
	struct lnl_lane_found found = { 0 };
	char why[LNL_LANE_FAULT] = "";
	int rc = add(L, lanes_of(L), &f, 0, 0, &found, why, sizeof(why));
	int n = answer(L, rc, &found, why);

	if (rc == 0)
		lnl_lanes_forget(lanes_of(L), found.conf.id);
	return n;
}

/* lane_move(from, to): the lane |from| in the place of |to|; whether there is such a one */
static int core_move(lua_State *L)
{
	lua_pushboolean(L, lnl_lanes_move(lanes_of(L), (uint32_t)luaL_checknumber(L, 1),
					  (uint32_t)luaL_checknumber(L, 2)));
	return 1;
}

static int core_forget(lua_State *L)
{
	lnl_lanes_forget(lanes_of(L), (uint32_t)luaL_checknumber(L, 1));
	return 0;
}

static int push_counters(lua_State *L, struct lnl_lanes *l)
{
	char name[LNL_LANE_COUNTER_NAME];
	double value;

	lua_newtable(L);
	for (unsigned i = 0; lnl_lanes_counter(l, i, name, &value); i++) {
		lua_pushnumber(L, value);
		lua_setfield(L, -2, name);
	}
	return 1;
}

static int core_counters(lua_State *L)
{
	return push_counters(L, lanes_of(L));
}

/* ---- a lane that runs here ---- */

struct lane_value {
	struct lnl_lanes *lanes; /* its own; NULL once closed */
	void *vm;
	struct lnl_lane_found found;
};

static void close_lane(struct lane_value *v)
{
	if (!v->lanes)
		return;
	lnl_lanes_host(v->lanes)->vm_free(v->vm);
	lnl_lanes_free(v->lanes);
	v->lanes = NULL;
}

static int lane_close(lua_State *L)
{
	close_lane(luaL_checkudata(L, 1, LANE_TYPE));
	return 0;
}

static struct lane_value *check_lane(lua_State *L)
{
	struct lane_value *v = luaL_checkudata(L, 1, LANE_TYPE);

	luaL_argcheck(L, v->lanes, 1, "it is closed");
	return v;
}

static int lane_facts(lua_State *L)
{
	return push_found(L, &check_lane(L)->found);
}

static int lane_counters(lua_State *L)
{
	return push_counters(L, check_lane(L)->lanes);
}

static lua_Integer option(lua_State *L, int index, const char *name, lua_Integer otherwise,
			  lua_Integer max)
{
	lua_Integer n = otherwise;

	if (lua_istable(L, index)) {
		lua_getfield(L, index, name);
		n = luaL_optinteger(L, -1, otherwise);
		lua_pop(L, 1);
	}
	luaL_argcheck(L, n >= 0 && n <= max, index, name);
	return n;
}

/* The packets of the list at 3 in memory of Lua's, each between its room; what they stand in. */
static void lay_out(lua_State *L, struct lnl_lane_batch *b, struct lnl_lane_packet *p)
{
	uint16_t head = (uint16_t)option(L, 4, "head", 64, 65535);
	uint16_t tail = (uint16_t)option(L, 4, "tail", 64, 65535);
	uint32_t peer = (uint32_t)option(L, 4, "peer", LNL_NO_PEER, LNL_NO_PEER);
	uint16_t segment = (uint16_t)option(L, 4, "segment", 0, 65535);

	for (uint32_t i = 0; i < b->n; i++) {
		const char *text;
		uint8_t *at;
		size_t len;

		lua_rawgeti(L, 3, (int)i + 1);
		text = luaL_checklstring(L, -1, &len);
		at = lua_newuserdata(L, head + len + tail);
		memset(at, 0xa5, head + len + tail);
		memcpy(at + head, text, len);
		p[i] = (struct lnl_lane_packet){ .data = at + head,
						 .len = (uint32_t)len,
						 .peer = peer,
						 .head = head,
						 .tail = tail,
						 .segment = segment };
		lua_remove(L, -2);
		luaL_ref(L, 5); /* kept in the list at 5 */
	}
	b->p = p;
}

static void push_packets(lua_State *L, const struct lnl_lane_batch *b)
{
	lua_createtable(L, (int)b->n, 0);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct lnl_lane_packet *p = &b->p[i];

		lua_createtable(L, 0, 3);
		lua_pushlstring(L, (const char *)p->data, p->len);
		lua_setfield(L, -2, "data");
		lua_pushstring(L, p->verdict == LNL_LANE_PASS ? "pass" : "drop");
		lua_setfield(L, -2, "verdict");
		if (p->error) {
			lua_pushboolean(L, 1);
			lua_setfield(L, -2, "failed");
		}
		lua_rawseti(L, -2, (int)i + 1);
	}
}

static int lane_run(lua_State *L)
{
	struct lane_value *v = check_lane(L);
	int point = luaL_checkoption(L, 2, NULL, points);
	struct lnl_lane_packet p[LNL_LANE_BATCH];
	struct lnl_lane_batch b = { .point = (uint32_t)point };
	struct lnl_lane_fault fault;

	luaL_checktype(L, 3, LUA_TTABLE);
	lua_settop(L, 4);
	luaL_argcheck(L, lua_objlen(L, 3) <= LNL_LANE_BATCH, 3, "at most 256 packets");
	b.n = (uint32_t)lua_objlen(L, 3);
	lua_newtable(L);
	lay_out(L, &b, p);
	lnl_lanes_host(v->lanes)->run(v->vm, v->found.conf.id, &b, &fault);
	push_packets(L, &b);
	if (!fault.text)
		return 1;
	lua_pushstring(L, fault.text);
	lua_pushboolean(L, fault.detached);
	return 3;
}

static const char *text_field(lua_State *L, const char *name, size_t *len)
{
	const char *text;

	lua_getfield(L, 1, name);
	text = luaL_optlstring(L, -1, NULL, len);
	lua_pop(L, 1); /* the table keeps it */
	return text;
}

/* Opens the lane of the table at 1 in |v|, whose lanes are there: 0, or an error in |why|. */
static int open_lane(lua_State *L, struct lane_value *v, char *why, size_t len)
{
	struct lnl_lane_file f = { 0 };
	const struct lnl_lane_host *host = lnl_lanes_host(v->lanes);
	int rc;

	f.path = text_field(L, "file", NULL);
	f.text = text_field(L, "text", &f.text_len);
	if (!f.path)
		f.path = "lane.lua";
	lua_getfield(L, 1, "args");
	rc = add(L, v->lanes, &f, lua_gettop(L), 0, &v->found, why, len);
	lua_settop(L, 2);
	if (rc)
		return rc;
	v->vm = host->vm_new(host->ctx, why, len);
	return v->vm ? host->load(v->vm, v->found.conf.id, why, len) : LNL_E_NOMEM;
}

static int open_with(lua_State *L, const char *scripts)
{
	struct lane_value *v;
	char why[LNL_LANE_FAULT] = "";
	bool jit;
	int rc;

	lua_getfield(L, 1, "jit");
	jit = lua_isnil(L, -1) || lua_toboolean(L, -1);
	lua_settop(L, 1);
	v = lua_newuserdata(L, sizeof(*v));
	memset(v, 0, sizeof(*v));
	luaL_getmetatable(L, LANE_TYPE);
	lua_setmetatable(L, -2);
	v->lanes = lnl_lanes_new(scripts, why, sizeof(why));
	if (v->lanes && !jit)
		lnl_lanes_no_jit(v->lanes);
	rc = v->lanes ? open_lane(L, v, why, sizeof(why)) : LNL_E_INVAL;
	if (rc == 0)
		return 1;
	close_lane(v);
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

static int core_open(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	return open_with(L, lnl_lanes_scripts(lanes_of(L)));
}

static int launcher_open(lua_State *L)
{
	const char *scripts;

	luaL_checktype(L, 1, LUA_TTABLE);
	scripts = text_field(L, "scripts", NULL);
	luaL_argcheck(L, scripts, 1, "scripts: the folder of the scripts expected");
	return open_with(L, scripts);
}

/* ---- both ---- */

static void register_type(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "facts", lane_facts }, { "run", lane_run }, { "counters", lane_counters },
		{ "close", lane_close }, { NULL, NULL },
	};

	luaL_newmetatable(L, LANE_TYPE);
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, lane_close);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "lane");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void lnl_lane_policy(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "lane_check", core_check },
		{ "lane_move", core_move },
		{ "lane_forget", core_forget },
		{ "lane_alone", core_alone },
		{ "lane_open", core_open },
		{ "lane_counters", core_counters },
		{ NULL, NULL },
	};

	register_type(L);
	luaL_register(L, NULL, functions);
}

void lnl_lane_launcher(lua_State *L)
{
	register_type(L);
	lua_pushcfunction(L, launcher_open);
	lua_setfield(L, -2, "lane_open");
}
