/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables into the engine's options: every type of field, and what is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "bindings/config.h"
#include "bindings/objects.h"

static struct lnl_tunnel_options options;

static int fill(lua_State *L)
{
	lnl_config_tunnel(L, 1, &options);
	/* What it points to is the stack's: keep it for the test. */
	lua_createtable(L, 0, 0);
	return lua_gettop(L);
}

/* A state with the table of |code| made into |options|; or NULL and the error in |err|. */
static lua_State *take(const char *code, char *err, size_t err_len)
{
	lua_State *L = luaL_newstate();
	char text[4096];

	luaL_openlibs(L);
	lnl_secret_register(L, NULL);
	lua_register(L, "secret", lnl_secret_new);
	snprintf(text, sizeof(text), "return %s", code);
	if (luaL_dostring(L, text))
		fail_msg("%s", lua_tostring(L, -1));
	lua_pushcfunction(L, fill);
	lua_insert(L, 1);
	if (lua_pcall(L, 1, LUA_MULTRET, 0) == 0)
		return L;
	snprintf(err, err_len, "%s", lua_tostring(L, -1));
	lua_close(L);
	return NULL;
}

static lua_State *good(const char *code)
{
	char err[512] = "";
	lua_State *L = take(code, err, sizeof(err));

	if (!L)
		fail_msg("%s: %s", code, err);
	return L;
}

static void every_type(void **state)
{
	lua_State *L = good(
		"{ dev = 'tun7', tap = true, sndbuf = -5, connect_retry_max = 7, mark = 4294967295,\n"
		"  connect_timeout = -1, ca = 'a\\0b', key_password = secret 'pass', auth_retry = 'interact',\n"
		"  name_check = 'name-prefix', data_ciphers = { 'A', 'B' }, network = {},\n"
		"  ku = { 160, 136 }, fingerprints = { ('\\1'):rep(32), ('\\2'):rep(32) },\n"
		"  pull_filter = { { 'reject', 'route ' }, { 'accept', '' } },\n"
		"  remotes = { { host = 'h', port = 443, proto = 'tcp6', mssfix = 1300 }, { host = 'i' } } }");

	(void)state;
	assert_string_equal(options.dev, "tun7");
	assert_true(options.tap);
	assert_int_equal(options.sndbuf, -5);
	assert_int_equal(options.connect_retry_max, 7);
	assert_int_equal(options.mark, UINT32_MAX);
	assert_int_equal(options.connect_timeout, -1);
	assert_int_equal(options.sec.ca.len, 3);
	assert_memory_equal(options.sec.ca.data, "a\0b", 3);
	assert_string_equal(options.sec.key_password, "pass");
	assert_int_equal(options.auth_retry, LNL_AUTH_RETRY_INTERACT);
	assert_int_equal(options.sec.name_check, 3);
	assert_int_equal(options.sec.n_data_ciphers, 2);
	assert_string_equal(options.sec.data_ciphers[1], "B");
	assert_int_equal(options.n_network, 0);
	assert_int_equal(options.sec.n_ku, 2);
	assert_int_equal(options.sec.ku[0], 0xa0);
	assert_int_equal(options.sec.n_fingerprints, 2);
	assert_int_equal(options.sec.fingerprints[1][31], 2);
	assert_int_equal(options.n_pull_filter, 2);
	assert_int_equal(options.pull_filter[0].action, 2);
	assert_string_equal(options.pull_filter[0].text, "route ");
	assert_int_equal(options.n_remotes, 2);
	assert_int_equal(options.remotes[0].proto, LNL_PROTO_TCP6);
	assert_int_equal(options.remotes[0].mssfix, 1300);
	assert_int_equal(options.remotes[0].connect_timeout, -1);
	assert_int_equal(options.remotes[1].port, 1194);
	assert_int_equal(options.remotes[1].proto, LNL_PROTO_UDP);
	lua_close(L);
}

static void defaults_stay(void **state)
{
	struct lnl_tunnel_options defaults;
	lua_State *L = good("{}");

	(void)state;
	lnl_tunnel_options_init(&defaults);
	assert_memory_equal(&options, &defaults, sizeof(defaults));
	lua_close(L);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *code, *want;
	} rows[] = {
		{ "{ devv = 'tun' }", "the engine has no option 'devv'" },
		{ "{ 'tun' }", "the engine has no option '?'" },
		{ "{ dev = {} }", "option dev: a text expected, got a table" },
		{ "{ dev = 5 }", "option dev: a text expected, got a number" },
		{ "{ tap = 1 }", "option tap: a boolean expected, got a number" },
		{ "{ sndbuf = 1.5 }", "option sndbuf: a whole number" },
		{ "{ sndbuf = 0/0 }", "option sndbuf: a whole number" },
		{ "{ sndbuf = 2^31 }", "option sndbuf: a whole number" },
		{ "{ sndbuf = '5' }", "option sndbuf: a whole number" },
		{ "{ mark = -1 }", "option mark: a whole number" },
		{ "{ connect_timeout = -2 }", "option connect_timeout: a whole number" },
		{ "{ auth_retry = 'never' }", "option auth_retry: 'never' is no value it takes" },
		{ "{ data_ciphers = 'A' }", "option data_ciphers: a list expected" },
		{ "{ data_ciphers = { 1 } }", "option data_ciphers: a text expected" },
		{ "{ fingerprints = { 'short' } }", "option fingerprints: 32 bytes expected" },
		{ "{ ku = { 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17 } }",
		  "option ku: more than 16" },
		{ "{ pull_filter = { { 'deny', 'x' } } }",
		  "option pull_filter: 'deny' is no value" },
		{ "{ pull_filter = { 'x' } }",
		  "option pull_filter: a table expected, got a string" },
		{ "{ pull_filter = 'x' }", "option pull_filter: a list expected, got a string" },
		{ "{ ku = 160 }", "option ku: a list expected, got a number" },
		{ "{ remotes = { 'h' } }", "option remotes: a table expected, got a string" },
		{ "{ remotes = { {} } }", "a remote without a host" },
		{ "{ remotes = { { host = 'h', port = 65536 } } }", "option port: a whole number" },
		{ "{ remotes = { { host = 'h', proto = 'sctp' } } }",
		  "option proto: 'sctp' is no value" },
		{ "{ remotes = { { host = 'h', site = 'x' } } }",
		  "the engine has no option 'site'" },
	};
	char err[512];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (take(rows[i].code, err, sizeof(err)))
			fail_msg("taken: %s", rows[i].code);
		if (!strstr(err, rows[i].want))
			fail_msg("%s: %s", rows[i].code, err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type),
		cmocka_unit_test(defaults_stay),
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
