/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/ops_services.h"

#include <stdlib.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/config.h"
#include "bindings/host.h"
#include "bindings/objects.h"
#include "bindings/ops.h"
#include "bindings/task.h"

#define SOCKET_TYPE "lunel.socket"
#define DECODE	    "lunel.json.decode" /* in the registry: what gives nil and why for what is no JSON */

/* lua-cjson's, which has no header of its own where it runs. */
int luaopen_cjson(lua_State *L);
int luaopen_cjson_safe(lua_State *L);

/* ---- fields of a table at index 1; what they point to stays on the stack ---- */

static const char *text_field(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	return lnl_ops_text(L, -1);
}

static struct lnl_bytes bytes_field(lua_State *L, const char *name)
{
	struct lnl_bytes b = { NULL, 0 };

	lua_getfield(L, 1, name);
	if (lua_isnil(L, -1))
		return b;
	b.data = lnl_secret_text(L, -1, &b.len);
	if (!b.data)
		luaL_error(L, "%s: a text or secret expected", name);
	return b;
}

static double number_field(lua_State *L, const char *name, double none)
{
	lua_getfield(L, 1, name);
	return lua_isnil(L, -1) ? none : luaL_checknumber(L, -1);
}

static bool bool_field(lua_State *L, const char *name)
{
	lua_getfield(L, 1, name);
	return lua_toboolean(L, -1);
}

/* ---- HTTP ---- */

static const char **header_list(lua_State *L)
{
	const char **list;
	size_t n;

	lua_getfield(L, 1, "headers");
	luaL_checktype(L, -1, LUA_TTABLE);
	n = lua_objlen(L, -1);
	list = lua_newuserdata(L, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -2, (int)i + 1);
		list[i] = luaL_checkstring(L, -1);
		lua_pop(L, 1); /* the list keeps it */
	}
	list[n] = NULL;
	return list;
}

/* http{ method, url, headers = {"Name: value"}, body, ca, cert, key, insecure, ... } */
static int op_http(lua_State *L)
{
	struct lnl_http_request r = { 0 };

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	luaL_checkstack(L, 32, "http");
	lnl_task_check(L, "vpn.http");
	r.method = text_field(L, "method");
	r.url = text_field(L, "url");
	if (!r.method || !r.url)
		return luaL_error(L, "method and url expected");
	r.headers = header_list(L);
	r.body = bytes_field(L, "body");
	r.ca = bytes_field(L, "ca");
	r.cert = bytes_field(L, "cert");
	r.key = bytes_field(L, "key");
	r.insecure = bool_field(L, "insecure");
	r.redirects = (unsigned)number_field(L, "redirects", 0);
	r.timeout = number_field(L, "timeout", 10);
	r.max = (size_t)number_field(L, "max", 1048576);
	r.bind_dev = text_field(L, "bind_dev");
	r.mark = (uint32_t)number_field(L, "mark", 0);
	return lnl_task_wait(L, lnl_op_http(lnl_ops_engine(L), &r));
}

static int failed(lua_State *L, const char *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why);
	return 2;
}

/* Whether a header says that JSON follows: "application/json", "application/problem+json; ..." */
static bool says_json(const char *line)
{
	static const char name[] = "content-type:", plain[] = "application/json", kind[] = "+json";
	size_t len;

	if (!line || strncasecmp(line, name, sizeof(name) - 1) != 0)
		return false;
	line += sizeof(name) - 1;
	line += strspn(line, " \t");
	len = strcspn(line, "; \t");
	return (len == sizeof(plain) - 1 && strncasecmp(line, plain, len) == 0) ||
	       (len >= sizeof(kind) &&
		strncasecmp(line + len - (sizeof(kind) - 1), kind, sizeof(kind) - 1) == 0);
}

/*
 * Into the table on top: `json`, or `json_error`. Here, before the task goes on: a megabyte takes more
 * than the slice of CPU time that a task has.
 */
static void set_json(lua_State *L, const struct lnl_http_answer *a)
{
	unsigned i = 0;

	while (i < a->n_headers && !says_json(a->headers[i]))
		i++;
	if (i == a->n_headers)
		return;
	lua_getfield(L, LUA_REGISTRYINDEX, DECODE);
	lua_pushlstring(L, a->body.data, a->body.len);
	lnl_call_function(L, 1, 2);
	if (lua_isnil(L, -2)) {
		lua_setfield(L, -3, "json_error");
		lua_pop(L, 1);
	} else {
		lua_pop(L, 1);
		lua_setfield(L, -2, "json");
	}
}

static int push_http(lua_State *L, const struct lnl_http_answer *a)
{
	if (a->why)
		return failed(L, a->why);
	lua_createtable(L, 0, 4);
	lua_pushinteger(L, a->status);
	lua_setfield(L, -2, "status");
	lua_pushlstring(L, a->body.data, a->body.len);
	lua_setfield(L, -2, "body");
	lua_createtable(L, (int)a->n_headers, 0);
	for (unsigned i = 0; i < a->n_headers; i++) {
		lua_pushstring(L, a->headers[i] ? a->headers[i] : "");
		lua_rawseti(L, -2, (int)i + 1);
	}
	lua_setfield(L, -2, "lines");
	set_json(L, a);
	return 1;
}

/* ---- sockets ---- */

struct lnl_socket {
	struct lnl_socket *next, **at; /* at NULL: closed */
	struct lnl_vm *vm;
	uint32_t dial;
	uint64_t owner;
};

static void forget(struct lnl_socket *s)
{
	if (!s->at)
		return;
	*s->at = s->next;
	if (s->next)
		s->next->at = s->at;
	s->at = NULL;
	if (s->vm->host && s->vm->host->engine)
		lnl_dial_close(s->vm->host->engine, s->dial);
}

static void push_socket(lua_State *L, uint32_t dial)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_socket *s = lua_newuserdata(L, sizeof(*s));

	s->vm = vm;
	s->dial = dial;
	s->owner = vm->owner;
	s->next = vm->sockets;
	s->at = &vm->sockets;
	luaL_getmetatable(L, SOCKET_TYPE);
	lua_setmetatable(L, -2);
	if (s->next)
		s->next->at = &s->next;
	vm->sockets = s;
}

void lnl_services_close(struct lnl_vm *vm, uint64_t owner)
{
	struct lnl_socket *s = vm->sockets, *next;

	for (; s; s = next) {
		next = s->next;
		if (s->owner == owner)
			forget(s);
	}
}

void lnl_services_unclaimed(struct lnl_engine *engine, const struct lnl_event *e)
{
	if (e->kind == LNL_EVENT_DIAL && e->u.dial->dial)
		lnl_dial_close(engine, e->u.dial->dial);
}

/* dial{ host, port, proto, timeout, bind_dev, mark }: a socket */
static int op_dial(lua_State *L)
{
	static const char *const protos[] = { "tcp", "udp", "unix", NULL };
	struct lnl_dial_request r = { 0 };

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lnl_task_check(L, "vpn.connect");
	r.host = text_field(L, "host");
	if (!r.host)
		return luaL_error(L, "host expected");
	r.port = (uint16_t)number_field(L, "port", 0);
	r.timeout = number_field(L, "timeout", 10);
	r.bind_dev = text_field(L, "bind_dev");
	r.mark = (uint32_t)number_field(L, "mark", 0);
	lua_getfield(L, 1, "proto");
	r.proto = (enum lnl_dial_proto)luaL_checkoption(L, -1, "tcp", protos);
	return lnl_task_wait(L, lnl_op_dial_open(lnl_ops_engine(L), &r));
}

static struct lnl_socket *socket_at(lua_State *L)
{
	return luaL_checkudata(L, 1, SOCKET_TYPE);
}

/* Seconds at |index|; 0: none. */
static double timeout_at(lua_State *L, int index)
{
	double timeout = luaL_optnumber(L, index, 0);

	luaL_argcheck(L, timeout >= 0 && timeout < 1e9, index, "seconds from 0 to 10^9 expected");
	/* An answer at once or none: the least that is a time. */
	return timeout == 0 && !lua_isnoneornil(L, index) ? 1e-6 : timeout;
}

/* socket:send(text [, timeout]): true, or nil and why */
static int socket_send(lua_State *L)
{
	struct lnl_socket *s = socket_at(L);
	struct lnl_bytes data = { NULL, 0 };
	double timeout = timeout_at(L, 3);

	data.data = lnl_secret_text(L, 2, &data.len);
	luaL_argcheck(L, data.data, 2, "a text or secret expected");
	lnl_task_check(L, "socket:send");
	return lnl_task_wait(L, lnl_op_dial_send(lnl_ops_engine(L), s->at ? s->dial : 0, data,
						 timeout));
}

/* socket:receive([n, "*l" or "*a"] [, timeout]): text, or nil, why, and what came before the end */
static int socket_receive(lua_State *L)
{
	struct lnl_socket *s = socket_at(L);
	enum lnl_dial_wanted wanted = LNL_DIAL_SOME;
	double timeout = timeout_at(L, 3), n = 0;

	if (lua_type(L, 2) == LUA_TNUMBER) {
		wanted = LNL_DIAL_EXACT;
		n = lua_tonumber(L, 2);
		luaL_argcheck(L, n >= 1 && n <= LNL_DIAL_MAX, 2, "1 to 1,048,576 bytes expected");
	} else if (!lua_isnoneornil(L, 2)) {
		const char *what = luaL_checkstring(L, 2);

		luaL_argcheck(L, strcmp(what, "*l") == 0 || strcmp(what, "*a") == 0, 2,
			      "a number, '*l' (a line) or '*a' (all) expected");
		wanted = what[1] == 'l' ? LNL_DIAL_TO_LF : LNL_DIAL_ALL;
	}
	lnl_task_check(L, "socket:receive");
	return lnl_task_wait(L, lnl_op_dial_receive(lnl_ops_engine(L), s->at ? s->dial : 0, wanted,
						    (size_t)n, timeout));
}

static int socket_close(lua_State *L)
{
	forget(socket_at(L));
	return 0;
}

static int socket_text(lua_State *L)
{
	lua_pushstring(L, socket_at(L)->at ? "socket" : "closed socket");
	return 1;
}

static int push_dial(lua_State *L, const struct lnl_dial_answer *a)
{
	int n;

	if (a->dial && !a->why) {
		push_socket(L, a->dial);
		return 1;
	}
	n = a->why ? failed(L, a->why) : 0;
	if (a->bytes.data)
		lua_pushlstring(L, a->bytes.data, a->bytes.len);
	else if (!a->why)
		lua_pushboolean(L, 1);
	else
		return n;
	return n + 1;
}

/* ---- probes ---- */

/* probe(handle, remote, timeout): seconds, or nil and why */
static int op_probe(lua_State *L)
{
	uint32_t tunnel = (uint32_t)luaL_checknumber(L, 1);
	double timeout = luaL_checknumber(L, 3);
	struct lnl_remote r;

	lnl_task_check(L, "vpn.probe");
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 3);
	lnl_config_remote(L, 2, &r);
	return lnl_task_wait(L, lnl_op_probe(lnl_ops_engine(L), tunnel, &r, timeout));
}

static int push_probe(lua_State *L, const struct lnl_probe_answer *a)
{
	if (a->why)
		return failed(L, a->why);
	lua_pushnumber(L, a->seconds);
	return 1;
}

/* ---- the whole ---- */

int lnl_services_result(lua_State *L, const struct lnl_event *e)
{
	switch (e->kind) {
	case LNL_EVENT_HTTP:
		return push_http(L, e->u.http);
	case LNL_EVENT_DIAL:
		return push_dial(L, e->u.dial);
	default:
		return push_probe(L, e->u.probe);
	}
}

void lnl_services_register(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{ "send", socket_send },
		{ "receive", socket_receive },
		{ "close", socket_close },
		{ NULL, NULL },
	};

	luaL_newmetatable(L, SOCKET_TYPE);
	lua_pushcfunction(L, socket_close);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, socket_text);
	lua_setfield(L, -2, "__tostring");
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "socket");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
	lua_pushcfunction(L, luaopen_cjson_safe);
	lnl_call_function(L, 0, 1);
	lua_getfield(L, -1, "decode");
	lua_setfield(L, LUA_REGISTRYINDEX, DECODE);
	lua_pop(L, 1);
}

void lnl_services_preload(lua_State *L)
{
	lua_pushcfunction(L, luaopen_cjson);
	lua_setfield(L, -2, "cjson");
	lua_pushcfunction(L, luaopen_cjson_safe);
	lua_setfield(L, -2, "cjson.safe");
}

void lnl_ops_services(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "http", op_http },
		{ "dial", op_dial },
		{ "probe", op_probe },
		{ NULL, NULL },
	};

	luaL_register(L, NULL, functions);
}
