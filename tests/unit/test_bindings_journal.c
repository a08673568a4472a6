/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The journal's socket, played by the test: one datagram a record, never a wait, and a new beginning. */
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
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bindings/journal.h"

static lua_State *L;
static char folder[64], path[100];
static int fd;

static void listen_there(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/lunel-journal.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", folder);
	listen_there();
	L = luaL_newstate();
	luaL_openlibs(L);
	lnl_journal_register(L);
	lua_register(L, "journal", lnl_journal_open);
	lua_pushstring(L, path);
	lua_setglobal(L, "path");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lua_close(L);
	close(fd);
	unlink(path);
	return rmdir(folder);
}

static const char *run(const char *code)
{
	if (luaL_dostring(L, code))
		fail_msg("%s", lua_tostring(L, -1));
	return lua_tostring(L, -1);
}

static void expect_datagram(const char *want)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	assert_true(n >= 0);
	got[n] = 0;
	assert_string_equal(got, want);
}

static void records_arrive(void **state)
{
	(void)state;
	run("j = assert(journal(path)) assert(j:send 'MESSAGE=one\\n') assert(j:send 'MESSAGE=two\\n')");
	expect_datagram("MESSAGE=one\n");
	expect_datagram("MESSAGE=two\n");
}

static void a_new_journal_gets_them(void **state)
{
	(void)state;
	run("j = assert(journal(path))");
	close(fd);
	assert_string_equal(run("return (select(2, j:send 'x'))"), "Connection refused");
	unlink(path);
	listen_there();
	run("assert(j:send 'MESSAGE=again\\n')");
	expect_datagram("MESSAGE=again\n");
}

static void a_full_one_is_not_waited_for(void **state)
{
	(void)state;
	assert_string_equal(run("j = assert(journal(path)) for i = 1, 1e5 do "
				"local ok, err = j:send(('x'):rep(1000)) "
				"if not ok then return err end end return 'never full'"),
			    "Resource temporarily unavailable");
}

static void one_that_is_not_there(void **state)
{
	(void)state;
	assert_string_equal(run("return (select(2, journal('/nonexistent/socket')))"),
			    "No such file or directory");
	assert_string_equal(run("return tostring(pcall(journal, ('x'):rep(108)))"), "false");
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(records_arrive),
		test(a_new_journal_gets_them),
		test(a_full_one_is_not_waited_for),
		test(one_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
