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
	CLIENT_CERT,
	TOPOLOGY,
	LISTEN,
	POOLS,
	LANES,
	ON_ERROR,
	SECONDS, /* double */
	RATE,	 /* double */
};

struct option {
	const char *name;
	enum type type;
	size_t at, count_at;
};

#define AT(s, field) offsetof(struct s, field)
#define OPTION(s, field, type)                                                                     \
	{                                                                                          \
#field, type, AT(s, field), 0                                                      \
	}
#define COUNTED(s, field, n, type)                                                                 \
	{                                                                                          \
#field, type, AT(s, field), AT(s, n)                                               \
	}
#define SECURE(s, field, type)                                                                     \
	{                                                                                          \
#field, type, AT(s, sec.field), 0                                                  \
	}
#define SECURE_N(s, field, n, type)                                                                \
	{                                                                                          \
#field, type, AT(s, sec.field), AT(s, sec.n)                                       \
	}
#define R(field, type)	   OPTION(lnl_remote, field, type)
#define T(field, type)	   OPTION(lnl_tunnel_options, field, type)
#define TN(field, n, type) COUNTED(lnl_tunnel_options, field, n, type)
#define S(field, type)	   OPTION(lnl_server_options, field, type)
#define SN(field, n, type) COUNTED(lnl_server_options, field, n, type)
#define L(field, type)	   OPTION(lnl_listen, field, type)
#define P(field, type)	   OPTION(lnl_pool_range, field, type)
#define G(field, type)	   OPTION(lnl_grant_options, field, type)
#define GN(field, n, type) COUNTED(lnl_grant_options, field, n, type)
#define D(field, type)	   OPTION(lnl_desk_options, field, type)
#define N(field, type)	   OPTION(lnl_lane_conf, field, type)

/* struct lnl_lane_options, which is `lanes` in struct |s|. */
#define LANE_OPTIONS(s)                                                                            \
	{ "lanes", LANES, AT(s, lanes.list), AT(s, lanes.n) },                                     \
		{ "transport", U32, AT(s, lanes.transport), 0 },                                   \
	{                                                                                          \
		"filter", U32, AT(s, lanes.filter), 0                                              \
	}

/* struct lnl_security, which is `sec` in struct |s|; in Lua its fields stand among the others. */
#define SECURITY(s)                                                                                \
	SECURE(s, ca, BYTES), SECURE(s, cert, BYTES), SECURE(s, extra_certs, BYTES),               \
		SECURE(s, key, BYTES), SECURE(s, pkcs12, BYTES), SECURE(s, crl, BYTES),            \
		SECURE(s, crl_file, TEXT), SECURE(s, key_password, TEXT),                          \
		SECURE(s, tls_version_min, TEXT), SECURE(s, tls_version_max, TEXT),                \
		SECURE(s, tls_cipher, TEXT), SECURE(s, tls_ciphersuites, TEXT),                    \
		SECURE(s, tls_groups, TEXT), SECURE(s, name_check, NAME_CHECK),                    \
		SECURE(s, name, TEXT), SECURE(s, remote_cert_tls, BOOL), SECURE(s, eku, TEXT),     \
		SECURE(s, tls_auth, BYTES), SECURE(s, tls_crypt, BYTES),                           \
		SECURE(s, tls_crypt_v2, BYTES), SECURE(s, key_direction, INT),                     \
		SECURE(s, cipher, TEXT), SECURE(s, auth, TEXT),                                    \
		SECURE(s, replay_window, UNSIGNED), SECURE(s, framing, INT),                       \
		SECURE(s, disable_occ, BOOL), SECURE(s, reneg_sec, I64),                           \
		SECURE(s, reneg_sec_min, I64), SECURE(s, reneg_bytes, I64),                        \
		SECURE(s, reneg_pkts, I64), SECURE(s, tran_window, I64),                           \
		SECURE(s, hand_window, I64), SECURE(s, tls_timeout, I64),                          \
		SECURE(s, max_packet_size, UNSIGNED),                                              \
		SECURE_N(s, fingerprints, n_fingerprints, FINGERPRINTS),                           \
		SECURE_N(s, ku, n_ku, KU), SECURE_N(s, data_ciphers, n_data_ciphers, LIST)

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
	TN(remotes, n_remotes, REMOTES),
	T(remote_random, BOOL),
	T(connect_timeout, I64),
	T(connect_retry, I64),
	T(connect_retry_max_wait, I64),
	T(connect_retry_max, UNSIGNED),
	T(resolv_retry, I64),
	T(remote_random_hostname, BOOL),
	T(bind_dev, TEXT),
	T(mark, U32),
	T(sndbuf, INT),
	T(rcvbuf, INT),
	T(mtu_disc, INT),
	T(tcp_nodelay, BOOL),
	T(floating, BOOL),
	T(dev, TEXT),
	T(tap, BOOL),
	T(persist_tun, BOOL),
	T(tun_mtu, INT),
	T(mssfix, INT),
	T(mssfix_mtu, BOOL),
	T(mssfix_fixed, BOOL),
	T(txqueuelen, INT),
	T(offload, INT),
	T(ifconfig_noexec, BOOL),
	T(route_noexec, BOOL),
	TN(network, n_network, LIST),
	T(pull, BOOL),
	TN(pull_filter, n_pull_filter, FILTERS),
	T(ping, I64),
	T(ping_restart, I64),
	T(ping_exit, I64),
	T(ping_timer_rem, BOOL),
	T(inactive, I64),
	T(inactive_bytes, I64),
	T(session_timeout, I64),
	T(explicit_exit_notify, INT),
	T(auth_user_pass, BOOL),
	T(username, TEXT),
	T(password, TEXT),
	T(auth_nocache, BOOL),
	T(auth_retry, RETRY),
	T(static_challenge, TEXT),
	T(static_challenge_echo, BOOL),
	T(auth_token, TEXT),
	T(auth_token_user, TEXT),
	T(push_peer_info, BOOL),
	T(peer_info_extra, TEXT),
	T(peer_info, TEXT),
	T(asks, UNSIGNED),
	SECURITY(lnl_tunnel_options),
	LANE_OPTIONS(lnl_tunnel_options),
	{ 0 },
};

static const struct option listen_options[] = {
	L(address, TEXT),
	L(port, U16),
	L(proto, PROTO),
	{ 0 },
};

static const struct option pool_options[] = {
	P(name, TEXT),
	P(first, TEXT),
	P(last, TEXT),
	{ 0 },
};

static const struct option lane_options[] = {
	N(id, U32),
	N(name, TEXT),
	N(origin, TEXT),
	N(points, UNSIGNED),
	N(overhead, UNSIGNED),
	N(super, BOOL),
	N(on_error, ON_ERROR),
	{ 0 },
};

static const struct option server_options[] = {
	S(verify_client_cert, CLIENT_CERT),
	SN(listen, n_listen, LISTEN),
	S(bind_dev, TEXT),
	S(mark, U32),
	S(sndbuf, INT),
	S(rcvbuf, INT),
	S(tcp_nodelay, BOOL),
	S(dev, TEXT),
	S(tun_mtu, INT),
	S(mssfix, INT),
	S(mssfix_mtu, BOOL),
	S(mssfix_fixed, BOOL),
	S(txqueuelen, INT),
	S(offload, INT),
	S(workers, UNSIGNED),
	S(ifconfig_noexec, BOOL),
	S(route_noexec, BOOL),
	S(network4, TEXT),
	S(network6, TEXT),
	S(topology, TOPOLOGY),
	SN(network, n_network, LIST),
	SN(pools, n_pools, POOLS),
	S(leases, TEXT),
	S(leases_interval, I64),
	SN(push, n_push, LIST),
	S(client_to_client, BOOL),
	S(duplicate_cn, BOOL),
	S(max_clients, UNSIGNED),
	S(max_routes_per_client, UNSIGNED),
	S(connect_freq, UNSIGNED),
	S(connect_freq_sec, UNSIGNED),
	S(connect_freq_initial, UNSIGNED),
	S(connect_freq_init_sec, UNSIGNED),
	S(v2_force_cookie, BOOL),
	S(v2_max_age, I64),
	S(ping, I64),
	S(ping_restart, I64),
	S(inactive, I64),
	S(inactive_bytes, I64),
	S(session_timeout, I64),
	S(explicit_exit_notify, INT),
	S(auth_user_pass, BOOL),
	S(auth_user_pass_optional, BOOL),
	S(username_as_common_name, BOOL),
	S(gen_token, BOOL),
	S(token_lifetime, I64),
	S(token_renewal, I64),
	S(token_secret, BYTES),
	S(asks, UNSIGNED),
	SECURITY(lnl_server_options),
	LANE_OPTIONS(lnl_server_options),
	{ 0 },
};

static const struct option grant_options[] = {
	G(pool, TEXT),
	G(address, TEXT),
	G(address6, TEXT),
	GN(routes, n_routes, LIST),
	G(push_reset, BOOL),
	GN(push, n_push, LIST),
	GN(push_remove, n_push_remove, LIST),
	G(rate_down, RATE),
	G(rate_up, RATE),
	G(filter, TEXT),
	G(expires, SECONDS),
	{ 0 },
};

static const struct option desk_options[] = {
	D(path, TEXT),
	D(address, TEXT),
	D(port, U16),
	D(user, TEXT),
	D(group, TEXT),
	D(greeting, TEXT),
	D(password, TEXT),
	D(own_user, BOOL),
	D(long_lines, BOOL),
	D(answer_by, SECONDS),
	{ 0 },
};

static void read_options(lua_State *L, int index, const struct option *list, char *base);

static double number_in(lua_State *L, const char *name, double min, double max)
{
	double n = lua_tonumber(L, -1);

	if (lua_type(L, -1) != LUA_TNUMBER || !(n >= min && n <= max) || n != (double)(int64_t)n)
		luaL_error(L, "option %s: a whole number from %f to %f expected", name, min, max);
	return n;
}

static void expect(lua_State *L, const char *name, int type)
{
	if (lua_type(L, -1) != type)
		luaL_error(L, "option %s: a %s expected, got a %s", name, lua_typename(L, type),
			   luaL_typename(L, -1));
}

static double above_0(lua_State *L, const char *name, double end, const char *unit)
{
	double n;

	expect(L, name, LUA_TNUMBER);
	n = lua_tonumber(L, -1);
	if (!(n > 0 && n < end))
		luaL_error(L, "option %s: a number of %s above 0 expected", name, unit);
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

/* The length of the list on top of the stack. One with a hole or a name would lose what is there. */
static unsigned length(lua_State *L, const char *name)
{
	size_t n, there = 0;

	if (!lua_istable(L, -1))
		luaL_error(L, "option %s: a list expected, got a %s", name, luaL_typename(L, -1));
	n = lua_objlen(L, -1);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		there++;
		lua_pop(L, 1);
	}
	if (there != n)
		luaL_error(L, "option %s: a list expected, got a table with holes or names", name);
	return (unsigned)n;
}

/*
 * The list on top of the stack: checked, its length; |size| bytes an entry, zeroed, left below the
 * list.
 */
static void *array(lua_State *L, const char *name, size_t size, unsigned *n)
{
	void *a;

	*n = length(L, name);
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
		expect(L, name, LUA_TTABLE);
		lnl_config_remote(L, lua_gettop(L), &a[i]);
		lua_pop(L, 1); /* it lives on in the list */
	}
	return a;
}

/* A list of tables, each into |size| bytes by |list|. */
static void *structs(lua_State *L, const char *name, const struct option *list, size_t size,
		     unsigned *n)
{
	char *a = array(L, name, size, n);
	int top = lua_gettop(L);

	for (unsigned i = 0; i < *n; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		expect(L, name, LUA_TTABLE);
		read_options(L, lua_gettop(L), list, a + i * size);
		lua_settop(L, top); /* its texts live on in the list */
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

static void key_usages(lua_State *L, const char *name, uint16_t *out, unsigned *n)
{
	const size_t max = sizeof(((struct lnl_security *)0)->ku) / sizeof(*out);

	*n = length(L, name);
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

	o->n_pull_filter = length(L, name);
	if (o->n_pull_filter > max)
		luaL_error(L, "option %s: more than %d entries", name, (int)max);
	for (unsigned i = 0; i < o->n_pull_filter; i++) {
		lua_rawgeti(L, -1, (int)i + 1);
		expect(L, name, LUA_TTABLE);
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
	unsigned *n = (unsigned *)(void *)(base + o->count_at);
	void *at = base + o->at;

	switch (o->type) {
	case LIST:
		*(const char *const **)at = texts(L, o->name, n);
		break;
	case REMOTES:
		*(const struct lnl_remote **)at = remotes(L, o->name, n);
		break;
	case FINGERPRINTS:
		*(const uint8_t(**)[32])at = fingerprints(L, o->name, n);
		break;
	case KU:
		key_usages(L, o->name, at, n);
		break;
	case LISTEN:
		*(const struct lnl_listen **)at =
			structs(L, o->name, listen_options, sizeof(struct lnl_listen), n);
		break;
	case POOLS:
		*(const struct lnl_pool_range **)at =
			structs(L, o->name, pool_options, sizeof(struct lnl_pool_range), n);
		break;
	case LANES:
		*(const struct lnl_lane_conf **)at =
			structs(L, o->name, lane_options, sizeof(struct lnl_lane_conf), n);
		break;
	default:
		pull_filters(L, o->name, (void *)base);
	}
}

/* One of a list of words. */
static void set_choice(lua_State *L, const struct option *o, void *at)
{
	static const char *const protos[] = { "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6", NULL };
	static const char *const retries[] = { "none", "nointeract", "interact", NULL };
	static const char *const checks[] = { "none", "subject", "name", "name-prefix", NULL };
	static const char *const certs[] = { "require", "optional", "none", NULL };
	static const char *const topologies[] = { "net30", "p2p", "subnet", NULL };
	static const char *const on_errors[] = { "drop", "pass", "detach", NULL };

	switch (o->type) {
	case PROTO:
		*(enum lnl_proto *)at = (enum lnl_proto)choice(L, o->name, protos);
		break;
	case RETRY:
		*(enum lnl_auth_retry *)at = (enum lnl_auth_retry)choice(L, o->name, retries);
		break;
	case CLIENT_CERT:
		*(enum lnl_client_cert *)at = (enum lnl_client_cert)choice(L, o->name, certs);
		break;
	case TOPOLOGY:
		*(enum lnl_server_topology *)at =
			(enum lnl_server_topology)choice(L, o->name, topologies);
		break;
	case ON_ERROR:
		*(enum lnl_lane_on_error *)at =
			(enum lnl_lane_on_error)choice(L, o->name, on_errors);
		break;
	default:
		*(int *)at = choice(L, o->name, checks);
	}
}

/* The value is on top of the stack. */
static void set_option(lua_State *L, const struct option *o, char *base)
{
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
		expect(L, o->name, LUA_TBOOLEAN);
		*(bool *)at = lua_toboolean(L, -1);
		break;
	case PROTO:
	case RETRY:
	case NAME_CHECK:
	case CLIENT_CERT:
	case TOPOLOGY:
	case ON_ERROR:
		set_choice(L, o, at);
		break;
	case LIST:
	case REMOTES:
	case FINGERPRINTS:
	case KU:
	case FILTERS:
	case LISTEN:
	case POOLS:
	case LANES:
		set_list(L, o, base);
		break;
	case SECONDS:
		/* What is over already is no grant; nor is what is no number. */
		*(double *)at = above_0(L, o->name, 1e10, "seconds");
		break;
	case RATE:
		*(double *)at = above_0(L, o->name, 1e15, "bits a second");
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

void lnl_config_server(lua_State *L, int index, struct lnl_server_options *o)
{
	lnl_server_options_init(o);
	read_options(L, index, server_options, (char *)o);
}

void lnl_config_grant(lua_State *L, int index, struct lnl_grant_options *o)
{
	memset(o, 0, sizeof(*o));
	read_options(L, index, grant_options, (char *)o);
}

void lnl_config_lane(lua_State *L, int index, struct lnl_lane_conf *c)
{
	memset(c, 0, sizeof(*c));
	read_options(L, index, lane_options, (char *)c);
}

void lnl_config_desk(lua_State *L, int index, struct lnl_desk_options *o)
{
	memset(o, 0, sizeof(*o));
	read_options(L, index, desk_options, (char *)o);
}
