/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/pki.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bindings/objects.h"
#include "lunel.h"

#define TEXT_TYPE "lunel.pki_text"
#define NAMES_MAX 16

/* ---- values ---- */

/* Holds what C made while Lua, which may run out of memory, makes its own of it. */
static struct lnl_pki_text *push_holder(lua_State *L)
{
	struct lnl_pki_text *t = lua_newuserdata(L, sizeof(*t));

	*t = (struct lnl_pki_text){ 0 };
	luaL_getmetatable(L, TEXT_TYPE);
	lua_setmetatable(L, -2);
	return t;
}

static int collect(lua_State *L)
{
	lnl_pki_text_free(luaL_checkudata(L, 1, TEXT_TYPE));
	return 0;
}

static int push_failure(lua_State *L, int rc, const struct lnl_reason *why)
{
	lua_pushnil(L);
	lua_pushstring(L, why->text[0] ? why->text : lnl_error_text(rc));
	return 2;
}

/* The text in the holder on top of the stack, or why there is none. */
static int push_text(lua_State *L, int rc, struct lnl_pki_text *t, const struct lnl_reason *why,
		     bool secret)
{
	if (rc < 0)
		return push_failure(L, rc, why);
	if (secret)
		lnl_secret_push(L, t->data, t->len);
	else
		lua_pushlstring(L, t->data, t->len);
	lnl_pki_text_free(t);
	return 1;
}

static struct lnl_bytes check_bytes(lua_State *L, int index)
{
	struct lnl_bytes b;

	b.data = lnl_secret_text(L, index, &b.len);
	if (!b.data)
		luaL_argerror(L, index, "a text or a secret is needed");
	return b;
}

/* A field of the table at 1: valid while the table is. */
static struct lnl_bytes bytes_field(lua_State *L, const char *name, bool needed)
{
	struct lnl_bytes b = { 0 };

	lua_getfield(L, 1, name);
	if (!lua_isnil(L, -1))
		b.data = lnl_secret_text(L, -1, &b.len);
	if (!b.data && (needed || !lua_isnil(L, -1)))
		luaL_error(L, "%s: a text or a secret is needed", name);
	lua_pop(L, 1);
	return b;
}

static uint64_t number_field(lua_State *L, int index, const char *name)
{
	lua_Number n;

	lua_getfield(L, index, name);
	n = lua_tonumber(L, -1);
	if (!lua_isnumber(L, -1) || !(n >= 0 && n < 9007199254740992.0))
		luaL_error(L, "%s: a number from 0 on is needed", name);
	lua_pop(L, 1);
	return (uint64_t)n;
}

static const char *text_field(lua_State *L, int index, const char *name)
{
	const char *text;

	lua_getfield(L, index, name);
	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "%s: a text is needed", name);
	text = lua_tostring(L, -1);
	lua_pop(L, 1);
	return text;
}

/* ---- keys ---- */

static int make_key(lua_State *L)
{
	const char *kind = luaL_checkstring(L, 1);
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_text *t = push_holder(L);

	return push_text(L, lnl_pki_key(kind, t, &why), t, &why, true);
}

static int key_kind(lua_State *L)
{
	struct lnl_bytes key = check_bytes(L, 1);
	struct lnl_reason why = { { 0 } };
	const char *kind = NULL;
	int rc = lnl_pki_key_kind(key, &kind, &why);

	if (rc < 0)
		return push_failure(L, rc, &why);
	lua_pushstring(L, kind);
	return 1;
}

static int encrypt(lua_State *L)
{
	struct lnl_bytes key = check_bytes(L, 1), password = check_bytes(L, 2);
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_text *t = push_holder(L);

	return push_text(L, lnl_pki_key_encrypt(key, password.data, t, &why), t, &why, true);
}

/* ---- certificates ---- */

/* Reads the list `names`: the texts are valid while it is. */
static unsigned read_names(lua_State *L, const char **out)
{
	int n;

	lua_getfield(L, 1, "names");
	n = lua_istable(L, -1) ? (int)lua_objlen(L, -1) : 0;
	if (n > NAMES_MAX)
		luaL_error(L, "names: more than %d", NAMES_MAX);
	for (int i = 1; i <= n; i++) {
		lua_rawgeti(L, -1, i);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "names: a list of texts is needed");
		out[i - 1] = lua_tostring(L, -1);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	return (unsigned)n;
}

static int make_cert(lua_State *L)
{
	static const char *const roles[] = { "ca", "server", "client", NULL };
	const char *names[NAMES_MAX];
	struct lnl_pki_request r = { .names = names };
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_text *t;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_getfield(L, 1, "role");
	r.role = (enum lnl_pki_role)luaL_checkoption(L, 2, NULL, roles);
	r.cn = text_field(L, 1, "cn");
	r.n_names = read_names(L, names);
	r.not_before = number_field(L, 1, "not_before");
	r.not_after = number_field(L, 1, "not_after");
	r.key = bytes_field(L, "key", true);
	r.ca_cert = bytes_field(L, "ca_cert", r.role != LNL_PKI_CA);
	r.ca_key = bytes_field(L, "ca_key", r.role != LNL_PKI_CA);
	t = push_holder(L);
	return push_text(L, lnl_pki_cert(&r, t, &why), t, &why, false);
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static void set_flag(lua_State *L, const char *name, bool value)
{
	lua_pushboolean(L, value);
	lua_setfield(L, -2, name);
}

static int facts(lua_State *L)
{
	struct lnl_bytes cert = check_bytes(L, 1);
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_facts f;
	int rc = lnl_pki_facts(cert, &f, &why);

	if (rc < 0)
		return push_failure(L, rc, &why);
	lua_createtable(L, 0, 9);
	set_text(L, "subject", f.subject);
	set_text(L, "cn", f.cn);
	set_text(L, "serial", f.serial);
	set_text(L, "fingerprint", f.fingerprint);
	lua_pushnumber(L, (lua_Number)f.not_before);
	lua_setfield(L, -2, "not_before");
	lua_pushnumber(L, (lua_Number)f.not_after);
	lua_setfield(L, -2, "not_after");
	set_flag(L, "ca", f.ca);
	set_flag(L, "server", f.server);
	set_flag(L, "client", f.client);
	return 1;
}

/* ---- revocation lists ---- */

/* The list `revoked`, in memory of Lua's that is left on the stack; so is the table of texts. */
static void read_revoked(lua_State *L, struct lnl_pki_list *l)
{
	struct lnl_pki_revoked *list;
	size_t n;

	lua_getfield(L, 1, "revoked");
	luaL_checktype(L, -1, LUA_TTABLE);
	n = lua_objlen(L, -1);
	list = lua_newuserdata(L, (n + 1) * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		lua_rawgeti(L, -2, (int)i + 1);
		if (!lua_istable(L, -1))
			luaL_error(L, "revoked: a list of tables is needed");
		list[i].serial = text_field(L, lua_gettop(L), "serial");
		list[i].when = number_field(L, lua_gettop(L), "when");
		lua_pop(L, 1);
	}
	l->revoked = list;
	l->n_revoked = (unsigned)n;
}

static int make_crl(lua_State *L)
{
	struct lnl_pki_list l = { 0 };
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_text *t;

	luaL_checktype(L, 1, LUA_TTABLE);
	l.ca_cert = bytes_field(L, "ca_cert", true);
	l.ca_key = bytes_field(L, "ca_key", true);
	l.number = number_field(L, 1, "number");
	l.this_update = number_field(L, 1, "this_update");
	l.next_update = number_field(L, 1, "next_update");
	read_revoked(L, &l);
	t = push_holder(L);
	return push_text(L, lnl_pki_crl(&l, t, &why), t, &why, false);
}

/* ---- OpenVPN's key files ---- */

static int make_file(lua_State *L, int (*make)(struct lnl_pki_text *, struct lnl_reason *))
{
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_text *t = push_holder(L);

	return push_text(L, make(t, &why), t, &why, true);
}

static int static_key(lua_State *L)
{
	return make_file(L, lnl_pki_static_key);
}

static int v2_server_key(lua_State *L)
{
	return make_file(L, lnl_pki_v2_server_key);
}

static int auth_token_key(lua_State *L)
{
	return make_file(L, lnl_pki_auth_token_key);
}

static int v2_client_key(lua_State *L)
{
	struct lnl_bytes server = check_bytes(L, 1);
	lua_Number when = luaL_checknumber(L, 2);
	struct lnl_reason why = { { 0 } };
	struct lnl_pki_text *t;

	luaL_argcheck(L, when >= 0 && when < 9007199254740992.0, 2, "out of range");
	t = push_holder(L);
	return push_text(L, lnl_pki_v2_client_key(server, (uint64_t)when, t, &why), t, &why, true);
}

void lnl_pki_register(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "key", make_key },
		{ "key_kind", key_kind },
		{ "encrypt", encrypt },
		{ "cert", make_cert },
		{ "crl", make_crl },
		{ "facts", facts },
		{ "static_key", static_key },
		{ "v2_server_key", v2_server_key },
		{ "auth_token_key", auth_token_key },
		{ "v2_client_key", v2_client_key },
		{ NULL, NULL },
	};

	luaL_newmetatable(L, TEXT_TYPE);
	lua_pushcfunction(L, collect);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 1);
	lua_newtable(L);
	luaL_register(L, NULL, functions);
	lua_setfield(L, -2, "pki");
}
