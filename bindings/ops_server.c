/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `lunel.core` for the policy VM, the part about servers and their clients. */
#include <inttypes.h>
#include <string.h>

#include "bindings/config.h"
#include "bindings/events.h"
#include "bindings/host.h"
#include "bindings/ops.h"

static uint32_t number_at(lua_State *L, int index)
{
	return lnl_ops_number(L, index);
}

/* server_open(options): handle, or nil, why, true when the key's pass phrase is what is missing */
static int op_server_open(lua_State *L)
{
	struct lnl_server_options o;
	struct lnl_reason why = { { 0 } };
	uint32_t handle = 0;
	int rc;

	luaL_checktype(L, 1, LUA_TTABLE);
	lnl_config_server(L, 1, &o);
	rc = lnl_server_open(lnl_ops_engine(L), &o, &handle, &why);
	return lnl_ops_opened(L, rc, handle, &why);
}

/* server_check(options): 0, or as server_open; nothing is opened */
static int op_server_check(lua_State *L)
{
	struct lnl_server_options o;
	struct lnl_reason why = { { 0 } };

	luaL_checktype(L, 1, LUA_TTABLE);
	lnl_config_server(L, 1, &o);
	return lnl_ops_opened(L, lnl_server_check(lnl_ops_engine(L), &o, &why), 0, &why);
}

/* reply_login(ticket, "ok", "deny", "challenge" or "temp", text or nil) */
static int op_reply_login(lua_State *L)
{
	static const char *const verdicts[] = { "ok", "deny", "challenge", "temp", NULL };
	int verdict = luaL_checkoption(L, 2, NULL, verdicts);

	return lnl_ops_answer(L,
			      lnl_reply_login(lnl_ops_engine(L), lnl_event_ticket(L, 1),
					      (enum lnl_login_verdict)verdict, lnl_ops_text(L, 3)));
}

/* reply_grant(ticket, table or nil, text or nil) */
static int op_reply_grant(lua_State *L)
{
	struct lnl_grant_options g;
	bool given = !lua_isnoneornil(L, 2);
	const char *text = lnl_ops_text(L, 3);

	if (given) {
		luaL_checktype(L, 2, LUA_TTABLE);
		lnl_config_grant(L, 2, &g);
	}
	return lnl_ops_answer(L, lnl_reply_grant(lnl_ops_engine(L), lnl_event_ticket(L, 1),
						 given ? &g : NULL, text));
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	if (!text || !*text)
		return;
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

/* peer_info(server, peer): a table, or nil and why */
static int op_peer_info(lua_State *L)
{
	struct lnl_peer_info p;
	int rc = lnl_peer_info(lnl_ops_engine(L), number_at(L, 1), number_at(L, 2), &p);

	if (rc < 0)
		return lnl_ops_answer(L, rc);
	lua_createtable(L, 0, 12);
	set_text(L, "name", p.name);
	set_text(L, "cn", p.cn);
	set_text(L, "user", p.user);
	set_text(L, "address", p.address);
	set_text(L, "proto", p.proto);
	set_text(L, "ipv4", p.address4);
	set_text(L, "ipv6", p.address6);
	set_text(L, "peer_info", p.peer_info);
	set_text(L, "cipher", p.cipher);
	if (p.metadata_len) {
		lua_pushlstring(L, (const char *)p.metadata, p.metadata_len);
		lua_setfield(L, -2, "metadata");
	}
	lua_pushboolean(L, p.up);
	lua_setfield(L, -2, "up");
	lua_pushnumber(L, (lua_Number)p.connected_at);
	lua_setfield(L, -2, "connected_at");
	return 1;
}

static int op_peer_stats(lua_State *L)
{
	struct lnl_stats s;
	int rc = lnl_peer_stats(lnl_ops_engine(L), number_at(L, 1), number_at(L, 2), &s);

	if (rc < 0)
		return lnl_ops_answer(L, rc);
	lnl_event_push_stats(L, &s);
	return 1;
}

/* peer_chain(server, peer): its certificates, leaf first */
static int op_peer_chain(lua_State *L)
{
	struct lnl_cert_info c;

	lua_newtable(L);
	for (unsigned i = 0;
	     lnl_peer_cert(lnl_ops_engine(L), number_at(L, 1), number_at(L, 2), i, &c); i++) {
		lnl_ops_push_cert(L, &c);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

/* peer_kill(server, peer, text or nil) */
static int op_peer_kill(lua_State *L)
{
	return lnl_ops_answer(L, lnl_peer_kill(lnl_ops_engine(L), number_at(L, 1), number_at(L, 2),
					       lnl_ops_text(L, 3)));
}

static int op_peer_text(lua_State *L)
{
	return lnl_ops_answer(L, lnl_peer_text(lnl_ops_engine(L), number_at(L, 1), number_at(L, 2),
					       luaL_checkstring(L, 3)));
}

static int op_peer_renegotiate(lua_State *L)
{
	return lnl_ops_answer(L, lnl_peer_renegotiate(lnl_ops_engine(L), number_at(L, 1),
						      number_at(L, 2)));
}

/* peer_filter(server, peer, name or nil) */
static int op_peer_filter(lua_State *L)
{
	return lnl_ops_answer(L, lnl_peer_filter(lnl_ops_engine(L), number_at(L, 1),
						 number_at(L, 2), luaL_optstring(L, 3, NULL)));
}

/* peers(server): their numbers */
static int op_peers(lua_State *L)
{
	struct lnl_engine *e = lnl_ops_engine(L);
	uint32_t server = number_at(L, 1), id = LNL_NO_PEER;
	int n = 0;

	lua_newtable(L);
	while ((id = lnl_peer_next(e, server, id)) != LNL_NO_PEER) {
		lua_pushnumber(L, id);
		lua_rawseti(L, -2, ++n);
	}
	return 1;
}

/* push_check(option): nil when it is one, else why not, and whether its name is unknown */
static int op_push_check(lua_State *L)
{
	struct lnl_reason why = { "" };
	int rc = lnl_push_check(luaL_checkstring(L, 1), &why);

	if (rc == 0)
		return 0;
	lua_pushstring(L, why.text);
	lua_pushboolean(L, rc == LNL_E_NOTFOUND);
	return 2;
}

/* push_names(): of all options that a server may push */
static int op_push_names(lua_State *L)
{
	const char *name;

	lua_newtable(L);
	for (unsigned i = 0; (name = lnl_push_name(i)) != NULL; i++) {
		lua_pushstring(L, name);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

void lnl_ops_server(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "server_open", op_server_open },
		{ "server_check", op_server_check },
		{ "reply_login", op_reply_login },
		{ "reply_grant", op_reply_grant },
		{ "peer_info", op_peer_info },
		{ "peer_stats", op_peer_stats },
		{ "peer_chain", op_peer_chain },
		{ "peer_kill", op_peer_kill },
		{ "peer_text", op_peer_text },
		{ "peer_renegotiate", op_peer_renegotiate },
		{ "peer_filter", op_peer_filter },
		{ "peers", op_peers },
		{ "push_check", op_push_check },
		{ "push_names", op_push_names },
		{ NULL, NULL },
	};

	luaL_register(L, NULL, functions);
}
