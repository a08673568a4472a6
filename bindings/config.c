/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/config.h"

#include <lauxlib.h>
#include <stddef.h>
#include <string.h>

#include "bindings/objects.h"

enum type {
	TEXT,  /* const char *, a secret too */
	BYTES, /* struct lnl_bytes, a secret too */
	BOOL,
	INT,
	UNSIGNED,
	U16,
	U32,
	I64,
	PROTO,
	RETRY, /* auth_retry */
	LIST,  /* of texts, and its number beside it */
	REMOTES,
	FINGERPRINTS,
	KU,
	FILTERS,
	NAME_CHECK,
};

struct option {
	const char *name;
	enum type type;
	size_t at, count_at;
};

#define O(field, type)                                                                             \
	{                                                                                          \
#field, type, offsetof(struct lnl_tunnel_options, field), 0                        \
	}
#define ON(field, n, type)                                                                         \
	{                                                                                          \
#field, type, offsetof(struct lnl_tunnel_options, field),                          \
			offsetof(struct lnl_tunnel_options, n)                                     \
	}
#define R(field, type)                                                                             \
	{                                                                                          \
#field, type, offsetof(struct lnl_remote, field), 0                                \
	}

static const struct option remote_options[] = {
	R(host, TEXT),
	R(port, U16),
	R(proto, PROTO),
	R(local, TEXT),
	R(lport, U16),
	R(connect_timeout, I64),
	R(explicit_exit_notify, INT),
	R(mssfix, INT),
	R(tun_mtu, INT),
	{ 0 },
};

static const struct option tunnel_options[] = {
	ON(remotes, n_remotes, REMOTES),
	O(remote_random, BOOL),
	O(connect_timeout, I64),
	O(connect_retry, I64),
	O(connect_retry_max_wait, I64),
	O(connect_retry_max, UNSIGNED),
	O(resolv_retry, I64),
	O(remote_random_hostname, BOOL),
	O(bind_dev, TEXT),
	O(mark, U32),
	O(sndbuf, INT),
	O(rcvbuf, INT),
	O(mtu_disc, INT),
	O(tcp_nodelay, BOOL),
	O(floating, BOOL),
	O(dev, TEXT),
	O(tap, BOOL),
	O(persist_tun, BOOL),
	O(tun_mtu, INT),
	O(mssfix, INT),
	O(mssfix_mtu, BOOL),
	O(mssfix_fixed, BOOL),
	O(txqueuelen, INT),
	O(ifconfig_noexec, BOOL),
	O(route_noexec, BOOL),
	ON(network, n_network, LIST),
	O(pull, BOOL),
	ON(pull_filter, n_pull_filter, FILTERS),
	O(ca, BYTES),
	O(cert, BYTES),
	O(extra_certs, BYTES),
	O(key, BYTES),
	O(pkcs12, BYTES),
	O(crl, BYTES),
	O(crl_file, TEXT),
	O(key_password, TEXT),
	O(tls_version_min, TEXT),
	O(tls_version_max, TEXT),
	O(tls_cipher, TEXT),
	O(tls_ciphersuites, TEXT),
	O(tls_groups, TEXT),
	ON(fingerprints, n_fingerprints, FINGERPRINTS),
	O(name_check, NAME_CHECK),
	O(name, TEXT),
	O(remote_cert_tls, BOOL),
	ON(ku, n_ku, KU),
	O(eku, TEXT),
	O(tls_auth, BYTES),
	O(tls_crypt, BYTES),
	O(tls_crypt_v2, BYTES),
	O(key_direction, INT),
	ON(data_ciphers, n_data_ciphers, LIST),
	O(cipher, TEXT),
	O(auth, TEXT),
	O(replay_window, UNSIGNED),
	O(framing, INT),
	O(reneg_sec, I64),
	O(reneg_bytes, I64),
	O(reneg_pkts, I64),
	O(tran_window, I64),
	O(hand_window, I64),
	O(tls_timeout, I64),
	O(ping, I64),
	O(ping_restart, I64),
	O(ping_exit, I64),
	O(ping_timer_rem, BOOL),
	O(inactive, I64),
	O(inactive_bytes, I64),
	O(session_timeout, I64),
	O(explicit_exit_notify, INT),
	O(auth_user_pass, BOOL),
	O(username, TEXT),
	O(password, TEXT),
	O(auth_nocache, BOOL),
	O(auth_retry, RETRY),
	O(static_challenge, TEXT),
	O(static_challenge_echo, BOOL),
	O(auth_token, TEXT),
	O(auth_token_user, TEXT),
	O(push_peer_info, BOOL),
	O(peer_info_extra, TEXT),
	O(max_packet_size, UNSIGNED),
	O(disable_occ, BOOL),
	O(asks, UNSIGNED),
	{ 0 },
};

static double number_in(lua_State *L, const char *name, double min, double max)
{
	double n = lua_tonumber(L, -1);

	if (lua_type(L, -1) != LUA_TNUMBER || !(n >= min && n <= max) || n != (double)(int64_t)n)
		luaL_error(L, "option %s: a whole number from %f to %f expected", name, min, max);
	return n;
}

static const char *text_at(lua_State *L, const char *name, size_t *len)
{
	const char *text = lnl_secret_text(L, -1, len);

	if (!text)
		luaL_error(L, "option %s: a text expected, got a %s", name, luaL_typename(L, -1));
	return text;
}

static int choice(lua_State *L, const char *name, const char *const list[])
{
	const char *text = text_at(L, name, NULL);

	for (int i = 0; list[i]; i++)
		if (strcmp(list[i], text) == 0)
			return i;
	return luaL_error(L, "option %s: '%s' is no value it takes", name, text);
}

/*
 * The list on top of the stack: checked, its length; |size| bytes an entry, zeroed, left below the
 * list.
 */
static void *array(lua_State *L, const char *name, size_t size, unsigned *n)
{
	void *a;

	if (!lua_istable(L, -1))
		luaL_error(L, "option %s: a list expected, got a %s", name, luaL_typename(L, -1));
	*n = (unsigned)lua_objlen(L, -1);
	a = lua_newuserdata(L, size * (*n + 1));
	memset(a, 0, size * (*n + 1));
	lua_insert(L, -2);
	return a;
}

static const char *const *texts(lua_State *L, const char *name, unsigned *n)
{
	const char **a = array(L, name, sizeof(*a), n);

	for (unsigned i = 0; i < *n; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		a[i] = text_at(L, name, NULL);
		lua_pop(L, 1); /* the list keeps it */
	}
	return a;
}

static const struct lnl_remote *remotes(lua_State *L, const char *name, unsigned *n)
{
	struct lnl_remote *a = array(L, name, sizeof(*a), n);

	for (unsigned i = 0; i < *n; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		lnl_config_remote(L, lua_gettop(L), &a[i]);
		lua_pop(L, 1); /* it lives on in the list */
	}
	return a;
}

static const uint8_t (*fingerprints(lua_State *L, const char *name, unsigned *n))[32]
{
	uint8_t(*a)[32] = array(L, name, sizeof(*a), n);

	for (unsigned i = 0; i < *n; i++) {
		size_t len;
		const char *text;

		lua_rawgeti(L, -1, (int)i + 1);
		text = text_at(L, name, &len);
		if (len != sizeof(*a))
			luaL_error(L, "option %s: 32 bytes expected", name);
		memcpy(a[i], text, len);
		lua_pop(L, 1);
	}
	return (const uint8_t(*)[32])a;
}

static void key_usages(lua_State *L, const char *name, uint16_t *out, size_t max, unsigned *n)
{
	luaL_checktype(L, -1, LUA_TTABLE);
	*n = (unsigned)lua_objlen(L, -1);
	if (*n > max)
		luaL_error(L, "option %s: more than %d entries", name, (int)max);
	for (unsigned i = 0; i < *n; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		out[i] = (uint16_t)number_in(L, name, 0, UINT16_MAX);
		lua_pop(L, 1);
	}
}

/* { {"accept", "route "}, ... } */
static void pull_filters(lua_State *L, const char *name, struct lnl_tunnel_options *o)
{
	static const char *const actions[] = { "accept", "ignore", "reject", NULL };
	const unsigned max = sizeof(o->pull_filter) / sizeof(*o->pull_filter);

	luaL_checktype(L, -1, LUA_TTABLE);
	o->n_pull_filter = (unsigned)lua_objlen(L, -1);
	if (o->n_pull_filter > max)
		luaL_error(L, "option %s: more than %d entries", name, (int)max);
	for (unsigned i = 0; i < o->n_pull_filter; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		luaL_checktype(L, -1, LUA_TTABLE);
		lua_rawgeti(L, -1, 1);
		o->pull_filter[i].action = choice(L, name, actions);
		lua_rawgeti(L, -2, 2);
		o->pull_filter[i].text = text_at(L, name, NULL);
		lua_pop(L, 3);
	}
}

static void set_number(lua_State *L, const struct option *o, void *at)
{
	switch (o->type) {
	case INT:
		*(int *)at = (int)number_in(L, o->name, INT32_MIN, INT32_MAX);
		break;
	case UNSIGNED:
		*(unsigned *)at = (unsigned)number_in(L, o->name, 0, UINT32_MAX);
		break;
	case U16:
		*(uint16_t *)at = (uint16_t)number_in(L, o->name, 0, UINT16_MAX);
		break;
	case U32:
		*(uint32_t *)at = (uint32_t)number_in(L, o->name, 0, UINT32_MAX);
		break;
	default:
		*(int64_t *)at = (int64_t)number_in(L, o->name, -1, 9007199254740992.0);
	}
}

static void set_list(lua_State *L, const struct option *o, char *base)
{
	struct lnl_tunnel_options *t = (void *)base;
	unsigned *n = (unsigned *)(void *)(base + o->count_at);

	switch (o->type) {
	case LIST:
		*(const char *const **)(void *)(base + o->at) = texts(L, o->name, n);
		break;
	case REMOTES:
		t->remotes = remotes(L, o->name, n);
		break;
	case FINGERPRINTS:
		t->fingerprints = fingerprints(L, o->name, n);
		break;
	case KU:
		key_usages(L, o->name, t->ku, sizeof(t->ku) / sizeof(*t->ku), n);
		break;
	default:
		pull_filters(L, o->name, t);
	}
}

/* The value is on top of the stack. */
static void set_option(lua_State *L, const struct option *o, char *base)
{
	static const char *const protos[] = { "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6", NULL };
	static const char *const retries[] = { "none", "nointeract", "interact", NULL };
	static const char *const checks[] = { "none", "subject", "name", "name-prefix", NULL };
	struct lnl_bytes *bytes;
	void *at = base + o->at;

	switch (o->type) {
	case TEXT:
		*(const char **)at = text_at(L, o->name, NULL);
		break;
	case BYTES:
		bytes = at;
		bytes->data = text_at(L, o->name, &bytes->len);
		break;
	case BOOL:
		luaL_checktype(L, -1, LUA_TBOOLEAN);
		*(bool *)at = lua_toboolean(L, -1);
		break;
	case PROTO:
		*(enum lnl_proto *)at = (enum lnl_proto)choice(L, o->name, protos);
		break;
	case RETRY:
		*(enum lnl_auth_retry *)at = (enum lnl_auth_retry)choice(L, o->name, retries);
		break;
	case NAME_CHECK:
		*(int *)at = choice(L, o->name, checks);
		break;
	case LIST:
	case REMOTES:
	case FINGERPRINTS:
	case KU:
	case FILTERS:
		set_list(L, o, base);
		break;
	default:
		set_number(L, o, at);
	}
}

/* Every known field that the table has; then no other may be in it. */
static void read_options(lua_State *L, int index, const struct option *list, char *base)
{
	unsigned found = 0, there = 0;

	for (const struct option *o = list; o->name; o++) {
		luaL_checkstack(L, 8, "options");
		lua_getfield(L, index, o->name);
		if (lua_isnil(L, -1)) {
			lua_pop(L, 1);
			continue;
		}
		found++;
		set_option(L, o, base); /* and what it points to stays on the stack */
	}
	lua_pushnil(L);
	while (lua_next(L, index)) {
		there++;
		lua_pop(L, 1);
	}
	if (there == found)
		return;
	lua_pushnil(L);
	while (lua_next(L, index)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "?";
		const struct option *o = list;

		while (o->name && strcmp(o->name, key) != 0)
			o++;
		if (!o->name)
			luaL_error(L, "the engine has no option '%s'", key);
		lua_pop(L, 1);
	}
}

void lnl_config_remote(lua_State *L, int index, struct lnl_remote *r)
{
	int top = lua_gettop(L);

	memset(r, 0, sizeof(*r));
	r->port = 1194;
	r->connect_timeout = r->explicit_exit_notify = r->mssfix = r->tun_mtu = -1;
	read_options(L, index, remote_options, (char *)r);
	lua_settop(L, top); /* its texts are fields of the table */
	if (!r->host)
		luaL_error(L, "a remote without a host");
}

void lnl_config_tunnel(lua_State *L, int index, struct lnl_tunnel_options *o)
{
	lnl_tunnel_options_init(o);
	read_options(L, index, tunnel_options, (char *)o);
}
