/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tables into a server's options and into what it grants a client: each field alone, so that it is
 * seen to reach its place and no other; each of the wrong type; what no field is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/config.h"
#include "bindings/objects.h"

/* ---- what is made of a table ---- */

union options {
	struct lnl_server_options server;
	struct lnl_grant_options grant;
};

enum of { SERVER, GRANT };

static union options got;
static enum of kind;

static int fill(lua_State *L)
{
	if (kind == SERVER)
		lnl_config_server(L, 1, &got.server);
	else
		lnl_config_grant(L, 1, &got.grant);
	return lua_gettop(L); /* what it points to is the stack's: kept for the test */
}

/* A state with the table of |code| made into |got|; or NULL and the error in |err|. */
static lua_State *take(enum of of, const char *code, char err[512])
{
	lua_State *L = luaL_newstate();
	char text[4096];

	kind = of;
	memset(&got, 0, sizeof(got));
	luaL_openlibs(L);
	lnl_secret_register(L, NULL);
	lua_register(L, "secret", lnl_secret_new);
	lua_pushcfunction(L, fill);
	snprintf(text, sizeof(text), "return %s", code);
	if (luaL_dostring(L, text))
		fail_msg("%s", lua_tostring(L, -1));
	if (lua_pcall(L, 1, LUA_MULTRET, 0) == 0) {
		lua_gc(L, LUA_GCCOLLECT, 0);
		return L;
	}
	snprintf(err, 512, "%s", lua_tostring(L, -1));
	lua_close(L);
	return NULL;
}

static lua_State *good(enum of of, const char *code)
{
	char err[512] = "";
	lua_State *L = take(of, code, err);

	if (!L)
		fail_msg("%s: %s", code, err);
	return L;
}

static void bad(enum of of, const char *code, const char *want)
{
	char err[512] = "";

	if (take(of, code, err))
		fail_msg("taken: %s", code);
	if (!strstr(err, want))
		fail_msg("%s: %s", code, err);
}

static void defaults(enum of of, union options *o)
{
	memset(o, 0, sizeof(*o));
	if (of == SERVER)
		lnl_server_options_init(&o->server);
}

/* ---- fields ---- */

enum type { NUMBER, DOUBLE, TEXT, BYTES, LIST };

struct field {
	const char *name, *code;
	enum type type;
	size_t at, size, count_at;
	int64_t number;
	const char *text; /* of a list: its second */
};

#define AT(s, f)   offsetof(struct lnl_##s, f)
#define SIZE(s, f) sizeof(((struct lnl_##s *)0)->f)
#define FIELD(s, n, f, ...)                                                                        \
	{                                                                                          \
		.name = #n, .at = AT(s, f), .size = SIZE(s, f), __VA_ARGS__                        \
	}
#define S_NUMBER(n, c, v) FIELD(server_options, n, n, .code = (c), .number = (v))
#define S_TEXT(n)	  FIELD(server_options, n, n, .code = "'" #n "!'", .type = TEXT, .text = #n "!")
#define S_LIST(n)                                                                                  \
	FIELD(server_options, n, n, .code = "{ 'a', '" #n "!' }", .type = LIST,                    \
	      .count_at = AT(server_options, n_##n), .text = #n "!")
#define X_NUMBER(n, c, v) FIELD(server_options, n, sec.n, .code = (c), .number = (v))
#define X_TEXT(n)                                                                                  \
	FIELD(server_options, n, sec.n, .code = "secret '" #n "!'", .type = TEXT, .text = #n "!")
#define X_BYTES(n)                                                                                 \
	FIELD(server_options, n, sec.n, .code = "'" #n "!'", .type = BYTES, .text = #n "!")
#define G_TEXT(n) FIELD(grant_options, n, n, .code = "'" #n "!'", .type = TEXT, .text = #n "!")
#define G_LIST(n)                                                                                  \
	FIELD(grant_options, n, n, .code = "{ 'a', '" #n "!' }", .type = LIST,                     \
	      .count_at = AT(grant_options, n_##n), .text = #n "!")

static const struct field server_fields[] = {
	S_NUMBER(verify_client_cert, "'none'", LNL_CLIENT_CERT_NONE),
	S_TEXT(bind_dev),
	S_NUMBER(mark, "4294967295", UINT32_MAX),
	S_NUMBER(sndbuf, "-11", -11),
	S_NUMBER(rcvbuf, "2147483647", INT32_MAX),
	S_NUMBER(tcp_nodelay, "true", true),
	S_TEXT(dev),
	S_NUMBER(tun_mtu, "1401", 1401),
	S_NUMBER(mssfix, "1301", 1301),
	S_NUMBER(mssfix_mtu, "false", false),
	S_NUMBER(mssfix_fixed, "true", true),
	S_NUMBER(txqueuelen, "501", 501),
	S_NUMBER(workers, "3", 3),
	S_NUMBER(ifconfig_noexec, "true", true),
	S_NUMBER(route_noexec, "true", true),
	S_TEXT(network4),
	S_TEXT(network6),
	S_NUMBER(topology, "'p2p'", LNL_SERVER_P2P),
	S_LIST(network),
	S_TEXT(leases),
	S_NUMBER(leases_interval, "0", 0),
	S_LIST(push),
	S_NUMBER(client_to_client, "true", true),
	S_NUMBER(duplicate_cn, "true", true),
	S_NUMBER(max_clients, "4294967295", UINT32_MAX),
	S_NUMBER(max_routes_per_client, "17", 17),
	S_NUMBER(connect_freq, "18", 18),
	S_NUMBER(connect_freq_sec, "19", 19),
	S_NUMBER(connect_freq_initial, "0", 0),
	S_NUMBER(connect_freq_init_sec, "21", 21),
	S_NUMBER(v2_force_cookie, "false", false),
	S_NUMBER(v2_max_age, "9007199254740992", INT64_C(9007199254740992)),
	S_NUMBER(ping, "22", 22),
	S_NUMBER(ping_restart, "23", 23),
	S_NUMBER(inactive, "24", 24),
	S_NUMBER(inactive_bytes, "5000000000", INT64_C(5000000000)),
	S_NUMBER(session_timeout, "25", 25),
	S_NUMBER(explicit_exit_notify, "2", 2),
	S_NUMBER(auth_user_pass, "true", true),
	S_NUMBER(auth_user_pass_optional, "true", true),
	S_NUMBER(username_as_common_name, "true", true),
	S_NUMBER(gen_token, "true", true),
	S_NUMBER(token_lifetime, "26", 26),
	S_NUMBER(token_renewal, "27", 27),
	FIELD(server_options, token_secret, token_secret, .code = "secret 'a\\0b'", .type = BYTES,
	      .text = "a\0b"),
	S_NUMBER(asks, "28", 28),
	X_BYTES(ca),
	X_BYTES(cert),
	X_BYTES(extra_certs),
	X_BYTES(key),
	X_BYTES(pkcs12),
	X_BYTES(crl),
	X_TEXT(crl_file),
	X_TEXT(key_password),
	X_TEXT(tls_version_min),
	X_TEXT(tls_version_max),
	X_TEXT(tls_cipher),
	X_TEXT(tls_ciphersuites),
	X_TEXT(tls_groups),
	X_NUMBER(name_check, "'name'", 2),
	X_TEXT(name),
	X_NUMBER(remote_cert_tls, "true", true),
	X_TEXT(eku),
	X_BYTES(tls_auth),
	X_BYTES(tls_crypt),
	X_BYTES(tls_crypt_v2),
	X_NUMBER(key_direction, "1", 1),
	X_TEXT(cipher),
	X_TEXT(auth),
	X_NUMBER(replay_window, "31", 31),
	X_NUMBER(framing, "3", 3),
	X_NUMBER(disable_occ, "true", true),
	X_NUMBER(reneg_sec, "0", 0),
	X_NUMBER(reneg_sec_min, "30", 30),
	X_NUMBER(reneg_bytes, "32", 32),
	X_NUMBER(reneg_pkts, "33", 33),
	X_NUMBER(tran_window, "34", 34),
	X_NUMBER(hand_window, "35", 35),
	X_NUMBER(tls_timeout, "36", 36),
	X_NUMBER(max_packet_size, "1024", 1024),
	FIELD(server_options, data_ciphers, sec.data_ciphers, .code = "{ 'a', secret 'b' }",
	      .type = LIST, .count_at = AT(server_options, sec.n_data_ciphers), .text = "b"),
};

static const struct field grant_fields[] = {
	G_TEXT(pool),
	G_TEXT(address),
	G_TEXT(address6),
	G_LIST(routes),
	FIELD(grant_options, push_reset, push_reset, .code = "true", .number = true),
	G_LIST(push),
	G_LIST(push_remove),
	FIELD(grant_options, rate_down, rate_down, .code = "2e7", .type = DOUBLE),
	FIELD(grant_options, rate_up, rate_up, .code = "1000", .type = DOUBLE),
	FIELD(grant_options, expires, expires, .code = "0.5", .type = DOUBLE),
};

#define N(list) (sizeof(list) / sizeof(*(list)))

static int64_t number_at(const char *base, const struct field *f)
{
	bool b;
	int32_t i;
	int64_t l;

	switch (f->size) {
	case sizeof(b):
		memcpy(&b, base + f->at, sizeof(b));
		return b;
	case sizeof(i):
		memcpy(&i, base + f->at, sizeof(i));
		return i;
	default:
		memcpy(&l, base + f->at, sizeof(l));
		return l;
	}
}

static void check_list(const char *base, const struct field *f)
{
	const char *const *list;
	unsigned n;

	memcpy((void *)&list, base + f->at, sizeof(list));
	memcpy(&n, base + f->count_at, sizeof(n));
	assert_int_equal(n, 2);
	assert_string_equal(list[0], "a");
	assert_string_equal(list[1], f->text);
}

static void check_field(const char *base, const struct field *f)
{
	struct lnl_bytes bytes;
	const char *text;
	double seconds;
	int64_t want = f->size == sizeof(int32_t) ? (int32_t)f->number : f->number;

	switch (f->type) {
	case NUMBER:
		assert_true(number_at(base, f) == want);
		break;
	case DOUBLE:
		memcpy(&seconds, base + f->at, sizeof(seconds));
		assert_true(seconds == strtod(f->code, NULL));
		break;
	case TEXT:
		memcpy((void *)&text, base + f->at, sizeof(text));
		assert_string_equal(text, f->text);
		break;
	case BYTES:
		memcpy(&bytes, base + f->at, sizeof(bytes));
		assert_int_equal(bytes.len, strlen(f->text) + 2 * (f->text[1] == '\0'));
		assert_memory_equal(bytes.data, f->text, bytes.len);
		break;
	case LIST:
		check_list(base, f);
		break;
	}
}

/* The field is there, it is not what it was, and without it all is as it was. */
static void each_alone(enum of of, const struct field *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct field *f = &list[i];
		union options before;
		char code[256], *base = (char *)&got;
		lua_State *L;

		defaults(of, &before);
		snprintf(code, sizeof(code), "{ %s = %s }", f->name, f->code);
		L = good(of, code);
		check_field(base, f);
		if (memcmp(base + f->at, (char *)&before + f->at, f->size) == 0)
			fail_msg("%s is no test: that is the default", code);
		memcpy(base + f->at, (char *)&before + f->at, f->size);
		if (f->type == LIST)
			memset(base + f->count_at, 0, sizeof(unsigned));
		if (memcmp(&got, &before, sizeof(got)) != 0)
			fail_msg("%s changed another field", code);
		lua_close(L);
	}
}

static void each_server_field(void **state)
{
	(void)state;
	each_alone(SERVER, server_fields, N(server_fields));
}

static void each_grant_field(void **state)
{
	(void)state;
	each_alone(GRANT, grant_fields, N(grant_fields));
}

/* ---- fields of the wrong type ---- */

static void wrong_types(enum of of, const struct field *list, size_t n)
{
	static const char *const values[] = {
		"function() end", "{ {} }", "{ 1 }", "5", "'5'", "true"
	};

	for (size_t i = 0; i < n; i++) {
		const struct field *f = &list[i];
		bool is_number = f->type == DOUBLE ||
				 (f->type == NUMBER && strspn(f->code, "-.0123456789") > 0);
		bool is_bool = f->type == NUMBER && (f->code[0] == 't' || f->code[0] == 'f');
		bool is_text = f->type == TEXT || f->type == BYTES;

		for (size_t j = 0; j < N(values); j++) {
			char code[256], want[64];

			if ((is_number && j == 3) || (is_text && j == 4) || (is_bool && j == 5))
				continue;
			snprintf(code, sizeof(code), "{ %s = %s }", f->name, values[j]);
			snprintf(want, sizeof(want), "option %s: ", f->name);
			bad(of, code, want);
		}
	}
}

static void server_fields_of_wrong_types(void **state)
{
	(void)state;
	wrong_types(SERVER, server_fields, N(server_fields));
}

static void grant_fields_of_wrong_types(void **state)
{
	(void)state;
	wrong_types(GRANT, grant_fields, N(grant_fields));
}

/* ---- the whole ---- */

static void defaults_stay(void **state)
{
	union options before;

	(void)state;
	for (int of = SERVER; of <= GRANT; of++) {
		lua_State *L = good(of, "{}");

		defaults(of, &before);
		assert_memory_equal(&got, &before, sizeof(got));
		lua_close(L);
	}
	lua_close(good(GRANT, "{ routes = {}, push = {} }"));
	assert_int_equal(got.grant.n_routes, 0);
	assert_int_equal(got.grant.n_push, 0);
}

/* One table with all fields: none takes another's place, and the stack has room. */
static void all_at_once(enum of of, const struct field *list, size_t n)
{
	char code[4096] = "{ ";
	lua_State *L;

	for (size_t i = 0; i < n; i++)
		snprintf(code + strlen(code), sizeof(code) - strlen(code), "%s = %s, ",
			 list[i].name, list[i].code);
	snprintf(code + strlen(code), sizeof(code) - strlen(code), "}");
	L = good(of, code);
	for (size_t i = 0; i < n; i++)
		check_field((char *)&got, &list[i]);
	lua_close(L);
}

static void all_fields(void **state)
{
	(void)state;
	all_at_once(SERVER, server_fields, N(server_fields));
	all_at_once(GRANT, grant_fields, N(grant_fields));
}

static void choices(void **state)
{
	static const char *const certs[] = { "require", "optional", "none" };
	static const char *const topologies[] = { "net30", "p2p", "subnet" };
	char code[64];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(code, sizeof(code), "{ verify_client_cert = '%s', topology = '%s' }",
			 certs[i], topologies[i]);
		lua_close(good(SERVER, code));
		assert_int_equal(got.server.verify_client_cert, i);
		assert_int_equal(got.server.topology, i);
	}
	assert_int_equal(LNL_CLIENT_CERT_NONE, 2);
	assert_int_equal(LNL_SERVER_SUBNET, 2);
	bad(SERVER, "{ verify_client_cert = 'never' }",
	    "option verify_client_cert: 'never' is no value it takes");
	bad(SERVER, "{ topology = 'Subnet' }", "option topology: 'Subnet' is no value it takes");
	bad(SERVER, "{ topology = '' }", "option topology: '' is no value it takes");
}

/* Lists of tables, the texts of which live on after a collection. */
static void lists_of_tables(void **state)
{
	static const char *const protos[] = { "udp", "udp4", "udp6", "tcp", "tcp4", "tcp6" };
	const struct lnl_server_options *o = &got.server;
	char code[512] = "{ listen = { {}, ";
	lua_State *L;

	(void)state;
	for (unsigned i = 0; i < 6; i++)
		snprintf(code + strlen(code), sizeof(code) - strlen(code),
			 "{ address = 'a'..%u, port = 6553%u, proto = '%s' }, ", i, i % 6,
			 protos[i]);
	snprintf(code + strlen(code), sizeof(code) - strlen(code),
		 "}, pools = { { name = 'n'..1, first = 'f'..1, last = 'l'..1 }, { first = 'p'..1 "
		 "} } }");
	L = good(SERVER, code);
	assert_int_equal(o->n_listen, 7);
	assert_null(o->listen[0].address);
	assert_int_equal(o->listen[0].port, 0);
	assert_int_equal(o->listen[0].proto, LNL_PROTO_UDP);
	for (unsigned i = 0; i < 6; i++) {
		assert_int_equal(o->listen[i + 1].address[1], '0' + i);
		assert_int_equal(o->listen[i + 1].port, 65530 + i);
		assert_int_equal(o->listen[i + 1].proto, i);
	}
	assert_int_equal(LNL_PROTO_TCP6, 5);
	assert_int_equal(o->n_pools, 2);
	assert_string_equal(o->pools[0].name, "n1");
	assert_string_equal(o->pools[0].first, "f1");
	assert_string_equal(o->pools[0].last, "l1");
	assert_null(o->pools[1].name);
	assert_string_equal(o->pools[1].first, "p1");
	assert_null(o->pools[1].last);
	lua_close(L);
}

static void fixed_lists(void **state)
{
	lua_State *L = good(SERVER, "{ ku = { 160, 65535 }, fingerprints = { ('\\1'):rep(32), "
				    "('\\2'):rep(32) } }");

	(void)state;
	assert_int_equal(got.server.sec.n_ku, 2);
	assert_int_equal(got.server.sec.ku[0], 160);
	assert_int_equal(got.server.sec.ku[1], 65535);
	assert_int_equal(got.server.sec.n_fingerprints, 2);
	assert_int_equal(got.server.sec.fingerprints[0][31], 1);
	assert_int_equal(got.server.sec.fingerprints[1][0], 2);
	lua_close(L);
}

static void what_a_server_refuses(void **state)
{
	static const struct {
		const char *code, *want;
	} rows[] = {
		{ "{ remotes = {} }", "the engine has no option 'remotes'" },
		{ "{ sec = {} }", "the engine has no option 'sec'" },
		{ "{ n_listen = 1 }", "the engine has no option 'n_listen'" },
		{ "{ 'tun' }", "the engine has no option '?'" },
		{ "{ dev = 'tun', [true] = 1 }", "the engine has no option '?'" },
		{ "{ DEV = 'tun' }", "the engine has no option 'DEV'" },
		{ "{ max_clients = -1 }", "option max_clients: a whole number" },
		{ "{ max_clients = 2^32 }", "option max_clients: a whole number" },
		{ "{ max_clients = 1.5 }", "option max_clients: a whole number" },
		{ "{ ping = -2 }", "option ping: a whole number" },
		{ "{ ping = 2^53 + 2 }", "option ping: a whole number" },
		{ "{ ping = 0/0 }", "option ping: a whole number" },
		{ "{ ping = 1/0 }", "option ping: a whole number" },
		{ "{ push = { 'a', nil, 'b' } }",
		  "option push: a list expected, got a table with holes or names" },
		{ "{ push = { [2] = 'b' } }", "option push: a list expected" },
		{ "{ push = { 'a', x = 'b' } }", "option push: a list expected" },
		{ "{ ku = { [2] = 1 } }", "option ku: a list expected" },
		{ "{ listen = { proto = 'udp' } }", "option listen: a list expected" },
		{ "{ push = { {} } }", "option push: a text expected, got a table" },
		{ "{ push = 'a' }", "option push: a list expected, got a string" },
		{ "{ listen = '1194/udp' }", "option listen: a list expected, got a string" },
		{ "{ listen = { '1194/udp' } }", "option listen: a table expected, got a string" },
		{ "{ listen = { { port = -1 } } }", "option port: a whole number" },
		{ "{ listen = { { port = 65536 } } }", "option port: a whole number" },
		{ "{ listen = { { proto = 'sctp' } } }", "option proto: 'sctp' is no value" },
		{ "{ listen = { { address = 1 } } }", "option address: a text expected" },
		{ "{ listen = { { host = 'h' } } }", "the engine has no option 'host'" },
		{ "{ listen = { {}, { {} } } }", "the engine has no option '?'" },
		{ "{ pools = { 1 } }", "option pools: a table expected, got a number" },
		{ "{ pools = { { first = {} } } }", "option first: a text expected" },
		{ "{ pools = { { size = 1 } } }", "the engine has no option 'size'" },
		{ "{ fingerprints = { ('x'):rep(33) } }",
		  "option fingerprints: 32 bytes expected" },
		{ "{ ku = { 65536 } }", "option ku: a whole number" },
	};

	(void)state;
	for (size_t i = 0; i < N(rows); i++)
		bad(SERVER, rows[i].code, rows[i].want);
}

static void what_a_grant_refuses(void **state)
{
	static const char *const seconds[] = { "0", "-1", "0/0", "1/0", "-1/0", "1e10" };
	char code[64];

	(void)state;
	for (size_t i = 0; i < N(seconds); i++) {
		snprintf(code, sizeof(code), "{ expires = %s }", seconds[i]);
		bad(GRANT, code, "option expires: a number of seconds above 0 expected");
		snprintf(code, sizeof(code), "{ rate_up = %s }",
			 i == N(seconds) - 1 ? "1e15" : seconds[i]);
		bad(GRANT, code, "option rate_up: a number of bits a second above 0 expected");
	}
	/* The twins of the edges. */
	lua_close(good(GRANT, "{ expires = 1e-3 }"));
	assert_true(got.grant.expires == 1e-3);
	lua_close(good(GRANT, "{ expires = 9999999999 }"));
	assert_true(got.grant.expires == 9999999999.0);
	bad(GRANT, "{ push = { 1 } }", "option push: a text expected, got a number");
	bad(GRANT, "{ routes = '10.0.0.0/8' }", "option routes: a list expected, got a string");
	bad(GRANT, "{ push_remove = { all = 'route' } }", "option push_remove: a list expected");
	bad(GRANT, "{ n_push = 1 }", "the engine has no option 'n_push'");
	bad(GRANT, "{ dev = 'tun' }", "the engine has no option 'dev'");
	bad(GRANT, "{ 'a' }", "the engine has no option '?'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_server_field),
		cmocka_unit_test(each_grant_field),
		cmocka_unit_test(server_fields_of_wrong_types),
		cmocka_unit_test(grant_fields_of_wrong_types),
		cmocka_unit_test(defaults_stay),
		cmocka_unit_test(all_fields),
		cmocka_unit_test(choices),
		cmocka_unit_test(lists_of_tables),
		cmocka_unit_test(fixed_lists),
		cmocka_unit_test(what_a_server_refuses),
		cmocka_unit_test(what_a_grant_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
