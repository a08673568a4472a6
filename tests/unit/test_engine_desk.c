/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of a local socket as questions to the host: answers, defaults, and sockets that cannot be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "lunel.h"

#define TURNS 20000 /* of a millisecond: what a test may wait */

static struct lnl_engine *engine;
static char folder[64], path[108];
static struct lnl_event last;
static char line[2048];

static int set_up(void **state)
{
	const struct lnl_engine_options o = { .level = LNL_LEVEL_ERROR, .stay_root = true };
	struct lnl_reason why;

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/lunel-test.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	return lnl_engine_new(&engine, &o, &why);
}

static int tear_down(void **state)
{
	(void)state;
	lnl_engine_free(engine);
	return rmdir(folder); /* nothing is left in it */
}

/* A desk keeps no engine running: a timer does. True when a line came. */
static bool turn(void)
{
	struct lnl_event e;
	bool came = false;

	assert_true(lnl_op_timer(engine, 0.001) != 0);
	assert_int_equal(lnl_engine_turn(engine), 1);
	while (lnl_engine_next(engine, &e)) {
		if (e.kind != LNL_EVENT_LINE)
			continue;
		came = true;
		last = e;
		snprintf(line, sizeof(line), "%s", e.u.text);
	}
	return came;
}

static void wait_line(void)
{
	for (int i = 0; i < TURNS; i++)
		if (turn())
			return;
	fail_msg("no line came");
}

static uint32_t open_desk(const char *password)
{
	const struct lnl_desk_options o = { .path = path,
					    .greeting = "hello\n",
					    .password = password };
	struct lnl_reason why;
	uint32_t desk = 0;

	assert_int_equal(lnl_desk_open(engine, &o, &desk, &why), 0);
	assert_true(desk != 0);
	return desk;
}

static int join(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void tell(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* All that is said until |want| has come, or with NULL, until the end. */
static void expect(int fd, const char *want)
{
	char buf[512] = { 0 };
	size_t len = 0;

	for (int i = 0; i < TURNS; i++) {
		ssize_t n = recv(fd, buf + len, sizeof(buf) - 1 - len, 0);

		if (n > 0)
			len += (size_t)n;
		if (want ? strcmp(buf, want) == 0 : n == 0 || (n < 0 && errno == ECONNRESET))
			return;
		turn();
	}
	fail_msg("'%s' instead of '%s'", buf, want ? want : "the end");
}

static void a_line_is_a_question(void **state)
{
	uint32_t desk = open_desk(NULL);
	int fd = join();

	(void)state;
	expect(fd, "hello\n");
	tell(fd, "status 2\n");
	wait_line();
	assert_string_equal(line, "status 2");
	assert_int_equal(last.tunnel, desk);
	assert_true(last.peer != LNL_NO_PEER && last.ticket != 0 && last.deadline > 0);
	assert_int_equal(lnl_reply_line(engine, last.ticket, "one\n", 4, false), 0);
	assert_int_equal(lnl_reply_line(engine, last.ticket, "two\n", 4, false), LNL_E_NOTFOUND);
	assert_int_equal(lnl_reply_default(engine, last.ticket), LNL_E_NOTFOUND);
	expect(fd, "one\n");
	/* Of another kind of answer it is no question. */
	tell(fd, "x\n");
	wait_line();
	assert_int_equal(lnl_reply_verdict(engine, last.ticket, true, NULL), LNL_E_NOTFOUND);
	assert_int_equal(lnl_reply_line(engine, last.ticket, "bye\n", 4, true), 0);
	expect(fd, "bye\n");
	expect(fd, NULL);
	close(fd);
}

/* What a host that fails gives. */
static void the_default_closes(void **state)
{
	int fd, other;

	(void)state;
	open_desk(NULL);
	fd = join();
	other = join();
	tell(fd, "x\n");
	wait_line();
	assert_int_equal(lnl_reply_default(engine, last.ticket), 0);
	expect(fd, NULL);
	expect(other, "hello\n");
	close(fd);
	close(other);
}

static void the_end_of_a_desk(void **state)
{
	uint32_t desk = open_desk(NULL);
	uint64_t ticket;
	int fd = join(), again;

	(void)state;
	tell(fd, "x\n");
	wait_line();
	ticket = last.ticket;
	assert_int_equal(lnl_desk_close(engine, desk), 0);
	assert_int_equal(lnl_desk_close(engine, desk), LNL_E_NOTFOUND);
	assert_int_equal(lnl_reply_line(engine, ticket, "x", 1, false), LNL_E_NOTFOUND);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
	/* The path of before may be opened again, however late; and its end is the engine's. */
	assert_true(open_desk(NULL) != desk);
	again = join();
	expect(again, "hello\n");
	tell(again, "x\n");
	wait_line();
	close(again);
}

static void a_question_in_the_queue_is_forgotten(void **state)
{
	uint32_t desk = open_desk(NULL);
	struct lnl_event e;
	int fd = join();
	bool seen = false;

	(void)state;
	expect(fd, "hello\n");
	tell(fd, "x\n");
	/* Until it is there, and not taken. */
	for (int i = 0; i < TURNS && !seen; i++) {
		assert_true(lnl_op_timer(engine, 0.001) != 0);
		assert_int_equal(lnl_engine_turn(engine), 1);
		while (!seen && lnl_engine_next(engine, &e))
			if (e.kind == LNL_EVENT_LINE)
				seen = true;
	}
	assert_true(seen);
	assert_int_equal(lnl_reply_line(engine, e.ticket, "", 0, false), 0);
	tell(fd, "y\nz\n");
	assert_true(lnl_op_timer(engine, 0) != 0);
	lnl_engine_turn(engine);
	lnl_desk_close(engine, desk);
	while (lnl_engine_next(engine, &e))
		assert_true(e.kind != LNL_EVENT_LINE || e.ticket == 0);
	close(fd);
}

static void what_cannot_be_opened(void **state)
{
	const struct {
		struct lnl_desk_options o;
		int error;
		const char *why;
	} t[] = {
		{ { .address = "0.0.0.0", .port = 7505 }, LNL_E_INVAL, "name one address" },
		{ { .address = "::", .port = 7505 }, LNL_E_INVAL, "name one address" },
		{ { .address = "tunnel", .port = 7505 }, LNL_E_INVAL, "is no address" },
		{ { .port = 7505 }, LNL_E_INVAL, "is no address" },
		{ { .address = "192.0.2.77", .port = 7505 }, LNL_E_SYSTEM, "192.0.2.77:7505" },
		{ { .path = "/nowhere/at/all.sock" }, LNL_E_NOTFOUND, "/nowhere/at/all.sock" },
		{ { .path = folder }, LNL_E_EXIST, "no socket; remove it" },
		{ { .path = path, .user = "no-such-user" }, LNL_E_NOTFOUND, "no user" },
		{ { .path = path, .group = "no-such-group" }, LNL_E_NOTFOUND, "no group" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_reason why;
		uint32_t desk;

		assert_int_equal(lnl_desk_open(engine, &t[i].o, &desk, &why), t[i].error);
		if (!strstr(why.text, t[i].why))
			fail_msg("'%s' instead of '%s'", why.text, t[i].why);
	}
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_line_is_a_question),  test(the_default_closes),
		test(the_end_of_a_desk),     test(a_question_in_the_queue_is_forgotten),
		test(what_cannot_be_opened),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
