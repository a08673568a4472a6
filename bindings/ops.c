/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/ops.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/append.h"
#include "bindings/call.h"
#include "bindings/config.h"
#include "bindings/control.h"
#include "bindings/events.h"
#include "bindings/host.h"
#include "bindings/lane_lua.h"
#include "bindings/metrics.h"
#include "bindings/objects.h"
#include "bindings/ops_services.h"
#include "bindings/reload.h"
#include "bindings/scrape.h"
#include "bindings/sink.h"
#include "bindings/system.h"
#include "bindings/task.h"

static struct lnl_host *host_of(lua_State *L)
{
	struct lnl_host *h = lnl_vm_of(L)->host;

	if (!h)
		luaL_error(L, "there is no host");
	return h;
}

struct lnl_engine *lnl_ops_engine(lua_State *L)
{
	struct lnl_engine *e = host_of(L)->engine;

	if (!e)
		luaL_error(L, "the engine does not run yet");
	return e;
}

int lnl_ops_answer(lua_State *L, int rc)
{
	if (rc >= 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, lnl_error_text(rc));
	return 2;
}

int lnl_ops_opened(lua_State *L, int rc, uint32_t handle, const struct lnl_reason *why)
{
	if (rc == 0) {
		lua_pushnumber(L, handle);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, why->text[0] ? why->text : lnl_error_text(rc));
	lua_pushboolean(L, rc == LNL_E_PASSWORD);
	return 3;
}

const char *lnl_ops_text(lua_State *L, int index)
{
	const char *text;

	if (lua_isnoneornil(L, index))
		return NULL;
	text = lnl_secret_text(L, index, NULL);
	luaL_argcheck(L, text, index, "a text or secret expected");
	return text;
}

uint32_t lnl_ops_number(lua_State *L, int index)
{
	lua_Number n = luaL_checknumber(L, index);

	luaL_argcheck(L, n >= 0 && n <= UINT32_MAX && n == (lua_Number)(uint32_t)n, index,
		      "a handle is a whole number of 32 bits");
	return (uint32_t)n;
}

static uint32_t tunnel_at(lua_State *L, int index)
{
	return lnl_ops_number(L, index);
}

/* watch_network(): true, or nil and why */
static int op_watch_network(lua_State *L)
{
	struct lnl_reason why = { { 0 } };

	return lnl_ops_opened(L, lnl_engine_network(lnl_ops_engine(L), &why), 1, &why);
}

/* ---- log and clocks ---- */

/* "file:line" of the caller |level| levels up in |out|, or NULL: what debug.getinfo would say. */
static const char *where(lua_State *L, int level, char *out, size_t size)
{
	lua_Debug ar;

	if (!lua_getstack(L, level, &ar) || !lua_getinfo(L, "Sl", &ar) || ar.currentline < 0)
		return NULL;
	snprintf(out, size, "%s:%d", *ar.source == '@' ? ar.source + 1 : ar.short_src,
		 ar.currentline);
	return out;
}

/*
 * log(level, sub, event [, fields [, depth [, sess]]]): |depth| is how many levels up the script is
 * that logs, |sess| whom it is about.
 */
static int op_log(lua_State *L)
{
	struct lnl_host *h = host_of(L);
	int level = lnl_level_of(luaL_checkstring(L, 1)), depth = (int)luaL_optinteger(L, 5, 0);
	struct lnl_script_record r = { .sub = luaL_checkstring(L, 2),
				       .event = luaL_checkstring(L, 3),
				       .sess = luaL_optstring(L, 6, NULL) };
	char src[512];

	luaL_argcheck(L, level >= 0, 1, "no such level");
	if (!lua_isnoneornil(L, 4))
		luaL_checktype(L, 4, LUA_TTABLE);
	if (h->engine)
		lnl_record_collect(&h->log,
				   h->engine); /* what the engine said before comes first */
	r.level = (enum lnl_level)level;
	r.when = lnl_host_wallclock(h);
	r.fields = lua_istable(L, 4) ? 4 : 0;
	r.src = depth > 0 ? where(L, depth, src, sizeof(src)) : NULL;
	lnl_record_script(L, &h->log, lnl_sinks_heard(lnl_vm_of(L)), &r);
	return 0;
}

/* print goes to the log: a daemon has nowhere else. */
static int print(lua_State *L)
{
	struct lnl_host *h = host_of(L);
	struct lnl_script_record r = { .level = LNL_LEVEL_INFO, .sub = "script", .event = "print" };
	char src[512];
	luaL_Buffer b;
	int n = lua_gettop(L);

	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		if (lua_isstring(L, i))
			lua_pushvalue(L, i);
		else if (lua_isboolean(L, i))
			lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false");
		else if (!luaL_callmeta(L, i, "__tostring"))
			lua_pushstring(L, luaL_typename(L, i));
		if (!lua_isstring(L, -1))
			return luaL_error(L, "'__tostring' must return a text");
		luaL_addvalue(&b);
	}
	luaL_pushresult(&b);
	lua_createtable(L, 0, 1);
	lua_insert(L, -2);
	lua_setfield(L, -2, "text");
	r.when = lnl_host_wallclock(h);
	r.fields = lua_gettop(L);
	r.src = where(L, 1, src, sizeof(src));
	lnl_record_script(L, &h->log, lnl_sinks_heard(lnl_vm_of(L)), &r);
	return 0;
}

static int op_now(lua_State *L)
{
	lua_pushnumber(L, lnl_host_now(lnl_vm_of(L)->host));
	return 1;
}

static int op_wallclock(lua_State *L)
{
	lua_pushnumber(L, lnl_host_wallclock(lnl_vm_of(L)->host));
	return 1;
}

static int op_owner(lua_State *L)
{
	lua_pushnumber(L, (lua_Number)lnl_vm_of(L)->owner);
	return 1;
}

/*
 * as_owner(owner): what runs now belongs to |owner| until this call into Lua ends; the one before.
 */
static int op_as_owner(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	uint64_t owner = (uint64_t)luaL_checknumber(L, 1);

	lua_pushnumber(L, (lua_Number)vm->owner);
	vm->owner = owner;
	return 1;
}

/*
 * where(level): "file:line" of the caller |level| levels up, or nil: what debug.getinfo would say.
 * where(function): the same of a function of Lua; nil of one of lunel's own.
 */
static int op_where(lua_State *L)
{
	lua_Debug ar;
	char text[512];

	if (lua_isfunction(L, 1)) {
		lua_settop(L, 1);
		lua_getinfo(L, ">S", &ar);
		if (lnl_call_is_ours(L, &ar))
			return 0;
		snprintf(text, sizeof(text), "%s:%d",
			 *ar.source == '@' ? ar.source + 1 : ar.short_src, ar.linedefined);
	} else if (!where(L, (int)luaL_checkinteger(L, 1), text, sizeof(text)))
		return 0;
	lua_pushstring(L, text);
	return 1;
}

/* ---- waiting ---- */

static int op_sleep(lua_State *L)
{
	double seconds = luaL_checknumber(L, 1);

	lnl_task_check(L, "vpn.sleep");
	luaL_argcheck(L, seconds >= 0 && seconds < 1e9, 1, "seconds from 0 to 10^9 expected");
	return lnl_task_wait(L, lnl_op_timer(lnl_ops_engine(L), seconds));
}

static int op_resolve(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);
	int family = (int)luaL_optinteger(L, 2, 0);

	lnl_task_check(L, "vpn.resolve");
	luaL_argcheck(L, family == 0 || family == 4 || family == 6, 2, "4 or 6 expected");
	return lnl_task_wait(L, lnl_op_resolve(lnl_ops_engine(L), name, family));
}

/* A list of texts at |index|, NULL at its end; in a userdata that stays on the stack. */
static const char **text_list(lua_State *L, int index)
{
	size_t n = lua_objlen(L, index);
	const char **list = lua_newuserdata(L, (n + 1) * sizeof(*list));

	luaL_checkstack(L, 2, "list");
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, index, (int)i + 1);
		list[i] = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
		if (!list[i] || strlen(list[i]) != lua_objlen(L, -1))
			luaL_error(L, "a list of texts without NUL bytes expected");
		lua_pop(L, 1); /* the list keeps it */
	}
	list[n] = NULL;
	return list;
}

/* exec(argv, env or nil, input or nil, timeout) */
static int op_exec(lua_State *L)
{
	struct lnl_bytes input = { 0 };
	const char **argv, **env = NULL;
	double timeout = luaL_optnumber(L, 4, 0);

	lnl_task_check(L, "vpn.exec");
	lua_settop(L, 4);
	luaL_checktype(L, 1, LUA_TTABLE);
	argv = text_list(L, 1);
	luaL_argcheck(L, argv[0] && argv[0][0], 1, "a program expected");
	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		env = text_list(L, 2);
	}
	if (!lua_isnoneornil(L, 3)) {
		input.data = lnl_secret_text(L, 3, &input.len);
		luaL_argcheck(L, input.data, 3, "a text expected");
	}
	return lnl_task_wait(L, lnl_op_exec(lnl_ops_engine(L), argv, env, input, timeout));
}

/* ---- replies: true, or nil and why ("not found": too late) ---- */

/* reply_remote(ticket, remote, index or nil, delay) */
static int op_reply_remote(lua_State *L)
{
	struct lnl_remote r;

	luaL_checktype(L, 2, LUA_TTABLE);
	lnl_config_remote(L, 2, &r);
	return lnl_ops_answer(L, lnl_reply_remote(lnl_ops_engine(L), lnl_event_ticket(L, 1), &r,
						  (int)luaL_optinteger(L, 3, 0) - 1,
						  luaL_optnumber(L, 4, 0)));
}

/* reply_credentials(ticket, username or nil, password, reason) */
static int op_reply_credentials(lua_State *L)
{
	return lnl_ops_answer(L, lnl_reply_credentials(lnl_ops_engine(L), lnl_event_ticket(L, 1),
						       lnl_ops_text(L, 2), lnl_ops_text(L, 3),
						       lnl_ops_text(L, 4)));
}

/* reply_answer(ticket, answer or nil, reason) */
static int op_reply_answer(lua_State *L)
{
	return lnl_ops_answer(L, lnl_reply_answer(lnl_ops_engine(L), lnl_event_ticket(L, 1),
						  lnl_ops_text(L, 2), lnl_ops_text(L, 3)));
}

/* reply_verdict(ticket, ok, reason) */
static int op_reply_verdict(lua_State *L)
{
	return lnl_ops_answer(L, lnl_reply_verdict(lnl_ops_engine(L), lnl_event_ticket(L, 1),
						   lua_toboolean(L, 2), lnl_ops_text(L, 3)));
}

/* reply_options(ticket, list or nil, reason) */
static int op_reply_options(lua_State *L)
{
	const char **list = NULL;
	unsigned n = 0;

	lua_settop(L, 3);
	if (!lua_isnoneornil(L, 2)) {
		luaL_checktype(L, 2, LUA_TTABLE);
		list = text_list(L, 2);
		n = (unsigned)lua_objlen(L, 2);
	}
	return lnl_ops_answer(L, lnl_reply_options(lnl_ops_engine(L), lnl_event_ticket(L, 1), list,
						   n, lnl_ops_text(L, 3)));
}

/* reply_reconnect(ticket, seconds, reason) */
static int op_reply_reconnect(lua_State *L)
{
	return lnl_ops_answer(L, lnl_reply_reconnect(lnl_ops_engine(L), lnl_event_ticket(L, 1),
						     luaL_checknumber(L, 2), lnl_ops_text(L, 3)));
}

static int op_reply_default(lua_State *L)
{
	return lnl_ops_answer(L, lnl_reply_default(lnl_ops_engine(L), lnl_event_ticket(L, 1)));
}

/* ---- desks ---- */

/* desk_open(options): handle, or nil and why */
static int op_desk_open(lua_State *L)
{
	struct lnl_desk_options o;
	struct lnl_reason why = { { 0 } };
	uint32_t handle = 0;
	int rc;

	luaL_checktype(L, 1, LUA_TTABLE);
	lnl_config_desk(L, 1, &o);
	rc = lnl_desk_open(lnl_ops_engine(L), &o, &handle, &why);
	return lnl_ops_opened(L, rc, handle, &why);
}

static int op_desk_close(lua_State *L)
{
	return lnl_ops_answer(L, lnl_desk_close(lnl_ops_engine(L), tunnel_at(L, 1)));
}

/* reply_line(ticket, text, true when the connection ends with it) */
static int op_reply_line(lua_State *L)
{
	size_t len;
	const char *text = luaL_checklstring(L, 2, &len);

	return lnl_ops_answer(L, lnl_reply_line(lnl_ops_engine(L), lnl_event_ticket(L, 1), text,
						len, lua_toboolean(L, 3)));
}

/* ---- tunnels ---- */

/* tunnel_open(options): handle, or nil, why, true when the key's pass phrase is what is missing */
static int op_tunnel_open(lua_State *L)
{
	struct lnl_tunnel_options o;
	struct lnl_reason why = { { 0 } };
	uint32_t handle = 0;
	int rc;

	luaL_checktype(L, 1, LUA_TTABLE);
	lnl_config_tunnel(L, 1, &o);
	rc = lnl_tunnel_open(lnl_ops_engine(L), &o, &handle, &why);
	return lnl_ops_opened(L, rc, handle, &why);
}

static int op_tunnel_stop(lua_State *L)
{
	return lnl_ops_answer(L, lnl_tunnel_stop(lnl_ops_engine(L), tunnel_at(L, 1),
						 luaL_optstring(L, 2, "stopped")));
}

/* tunnel_reconnect(handle, hard, remote or nil, index or nil, reason) */
static int op_tunnel_reconnect(lua_State *L)
{
	struct lnl_remote r;
	bool given = !lua_isnoneornil(L, 3);

	if (given) {
		luaL_checktype(L, 3, LUA_TTABLE);
		lnl_config_remote(L, 3, &r);
	}
	return lnl_ops_answer(L, lnl_tunnel_reconnect(lnl_ops_engine(L), tunnel_at(L, 1),
						      lua_toboolean(L, 2), given ? &r : NULL,
						      (int)luaL_optinteger(L, 4, 0) - 1,
						      luaL_optstring(L, 5, "asked for")));
}

static int op_tunnel_stats(lua_State *L)
{
	struct lnl_stats s;
	int rc = lnl_tunnel_stats(lnl_ops_engine(L), tunnel_at(L, 1), &s);

	if (rc < 0)
		return lnl_ops_answer(L, rc);
	lnl_event_push_stats(L, &s);
	return 1;
}

static int op_tunnel_state(lua_State *L)
{
	lua_pushstring(L, lnl_state_name(lnl_tunnel_state(lnl_ops_engine(L), tunnel_at(L, 1))));
	return 1;
}

static int op_tunnel_text(lua_State *L)
{
	return lnl_ops_answer(L, lnl_tunnel_text(lnl_ops_engine(L), tunnel_at(L, 1),
						 luaL_checkstring(L, 2)));
}

void lnl_ops_push_cert(lua_State *L, const struct lnl_cert_info *c)
{
	const struct {
		const char *name, *text;
	} texts[] = {
		{ "subject", c->subject }, { "issuer", c->issuer },	      { "cn", c->cn },
		{ "serial", c->serial },   { "fingerprint", c->fingerprint }, { "sha1", c->sha1 },
	};

	lua_createtable(L, 0, 9);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		lua_pushstring(L, texts[i].text ? texts[i].text : "");
		lua_setfield(L, -2, texts[i].name);
	}
	lua_pushnumber(L, c->depth);
	lua_setfield(L, -2, "depth");
	lua_pushnumber(L, (lua_Number)c->not_before);
	lua_setfield(L, -2, "not_before");
	lua_pushnumber(L, (lua_Number)c->not_after);
	lua_setfield(L, -2, "not_after");
	lua_createtable(L, (int)c->n_san, 0);
	for (unsigned i = 0; i < c->n_san; i++) {
		lua_pushstring(L, c->san[i]);
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "san");
}

/* tunnel_chain(handle): the peer's certificates, leaf first. */
static int op_tunnel_chain(lua_State *L)
{
	struct lnl_cert_info c;

	lua_newtable(L);
	for (unsigned i = 0; lnl_tunnel_cert(lnl_ops_engine(L), tunnel_at(L, 1), i, &c); i++) {
		lnl_ops_push_cert(L, &c);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

static void push_asks(lua_State *L)
{
	static const struct {
		const char *name;
		enum lnl_ask bit;
	} asks[] = {
		{ "select_remote", LNL_ASK_SELECT_REMOTE },
		{ "credentials", LNL_ASK_CREDENTIALS },
		{ "challenge", LNL_ASK_CHALLENGE },
		{ "verify_cert", LNL_ASK_VERIFY_CERT },
		{ "pulled", LNL_ASK_PULLED },
		{ "up", LNL_ASK_UP },
		{ "down", LNL_ASK_DOWN },
		{ "reconnect", LNL_ASK_RECONNECT },
		{ "control", LNL_ASK_CONTROL },
		{ "authenticate", LNL_ASK_AUTHENTICATE },
		{ "authorize", LNL_ASK_AUTHORIZE },
		{ "learn", LNL_ASK_LEARN },
		{ "learn_later", LNL_ASK_LEARN_LATER },
		{ "reauth", LNL_ASK_REAUTH },
	};

	lua_createtable(L, 0, 12);
	for (size_t i = 0; i < sizeof(asks) / sizeof(*asks); i++) {
		lua_pushinteger(L, (lua_Integer)asks[i].bit);
		lua_setfield(L, -2, asks[i].name);
	}
	lua_setfield(L, -2, "asks");
}

/* allow_read(path): it may be read after root's powers are gone, by read_again */
static int op_allow_read(lua_State *L)
{
	return lnl_ops_answer(L, lnl_engine_allow(lnl_ops_engine(L), luaL_checkstring(L, 1)));
}

/* read_again(path): the text, or nil and why not */
static int op_read_again(lua_State *L)
{
	char *text;
	size_t len;
	int rc = lnl_engine_read(lnl_ops_engine(L), luaL_checkstring(L, 1), &text, &len);

	if (rc < 0)
		return lnl_ops_answer(L, rc);
	lua_pushlstring(L, text, len);
	explicit_bzero(text, len);
	free(text);
	return 1;
}

/* allow_write(path): it may be written after root's powers are gone, by write_again */
static int op_allow_write(lua_State *L)
{
	return lnl_ops_answer(L, lnl_engine_allow_write(lnl_ops_engine(L), luaL_checkstring(L, 1)));
}

/* write_again(path, text): true; or nil and why not, and then the file is as it was */
static int op_write_again(lua_State *L)
{
	struct lnl_reason why = { "" };
	const char *path = luaL_checkstring(L, 1), *text;
	size_t len;

	text = luaL_checklstring(L, 2, &len);
	if (lnl_engine_write(lnl_ops_engine(L), path, text, len, &why) == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, why.text);
	return 2;
}

static const luaL_Reg functions[] = {
	{ "log", op_log },
	{ "sink", lnl_sink_add },
	{ "sink_close", lnl_sink_close },
	{ "log_level", lnl_sink_level },
	{ "fallback", lnl_fallback_call },
	{ "append", lnl_append_new },
	{ "metric", lnl_metrics_get },
	{ "metrics", lnl_metrics_snapshot },
	{ "hook_ran", lnl_metrics_hook },
	{ "scrape", lnl_scrape_open },
	{ "now", op_now },
	{ "wallclock", op_wallclock },
	{ "where", op_where },
	{ "owner", op_owner },
	{ "as_owner", op_as_owner },
	{ "sleep", op_sleep },
	{ "resolve", op_resolve },
	{ "exec", op_exec },
	{ "spawn", lnl_task_spawn },
	{ "cancel", lnl_task_cancel },
	{ "cancel_owner", lnl_task_cancel_owner },
	{ "keep", lnl_task_keep },
	{ "pass_vars", lnl_reload_pass_vars },
	{ "console_answer", lnl_control_tell },
	{ "tunnel_update", lnl_ops_tunnel_update },
	{ "server_update", lnl_ops_server_update },
	{ "lane_renew", lnl_ops_lane_renew },
	{ "try", lnl_call_try },
	{ "reply_remote", op_reply_remote },
	{ "reply_credentials", op_reply_credentials },
	{ "reply_answer", op_reply_answer },
	{ "reply_verdict", op_reply_verdict },
	{ "reply_options", op_reply_options },
	{ "reply_reconnect", op_reply_reconnect },
	{ "reply_default", op_reply_default },
	{ "desk_open", op_desk_open },
	{ "desk_close", op_desk_close },
	{ "reply_line", op_reply_line },
	{ "watch_network", op_watch_network },
	{ "tunnel_open", op_tunnel_open },
	{ "tunnel_stop", op_tunnel_stop },
	{ "tunnel_reconnect", op_tunnel_reconnect },
	{ "tunnel_stats", op_tunnel_stats },
	{ "tunnel_state", op_tunnel_state },
	{ "tunnel_text", op_tunnel_text },
	{ "tunnel_chain", op_tunnel_chain },
	{ "allow_read", op_allow_read },
	{ "allow_write", op_allow_write },
	{ "write_again", op_write_again },
	{ "read_again", op_read_again },
	{ "secret", lnl_secret_new },
	{ "prompt", lnl_system_prompt },
	{ "read_file", lnl_system_read_file },
	{ "temporary", lnl_system_temporary },
	{ "program", lnl_system_program },
	{ "exists", lnl_system_exists },
	{ "hostname", lnl_system_hostname },
	{ "pid", lnl_system_pid },
	{ NULL, NULL },
};

int lnl_ops_open(lua_State *L)
{
	lua_register(L, "print", print);
	lnl_append_register(L);
	lnl_metrics_register(L);
	lua_createtable(L, 0, 50);
	luaL_register(L, NULL, functions);
	lnl_ops_server(L);
	lnl_ops_acc(L);
	lnl_ops_services(L);
	lnl_lane_policy(L);
	lnl_task_join_open(L);
	lnl_task_open(L);
	lua_setfield(L, -2, "coroutines");
	push_asks(L);
	lua_pushboolean(L, 1);
	lua_setfield(L, -2, "policy");
	lua_pushliteral(L, LUNEL_VERSION);
	lua_setfield(L, -2, "version");
	return 1;
}
