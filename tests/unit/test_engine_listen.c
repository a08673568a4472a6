/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where a server listens that was told no address, on a machine that has IPv6 or has it not. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine_service.h"

#include <seccomp.h> /* behind ev.h: it brings elf.h, whose names are the same */

static void wake(void *ctx)
{
	(void)ctx;
}

/* As if the kernel was started with ipv6.disable=1; for this process, and for good. */
static bool switch_off_ipv6(void)
{
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	bool ok = c != NULL &&
		  seccomp_rule_add(c, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				   SCMP_A0(SCMP_CMP_EQ, AF_INET6)) == 0 &&
		  seccomp_load(c) == 0 && socket(AF_INET6, SOCK_DGRAM, 0) < 0;

	seccomp_release(c);
	return ok;
}

/* A port that nobody has just now. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		_exit(100);
	close(fd);
	return ntohs(a.sin_port);
}

/* What lnl_service_listen says to |l|, in a process of its own: minus its result as exit status. */
static int listens(const struct lnl_listen *l)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		static const struct lnl_engine_options options = { .level = LNL_LEVEL_ERROR,
								   .stay_root = true };
		struct lnl_service *s = calloc(1, sizeof(*s));
		struct lnl_reason why = { "" };
		int rc;

		if (!s || lnl_engine_new(&s->engine, &options, &why) < 0 ||
		    lnl_worker_new(&s->workers[0], &s->engine->env, 4, 4, wake, s) < 0 ||
		    !switch_off_ipv6())
			_exit(100);
		s->n_workers = 1;
		s->conf.o.listen = l;
		s->conf.o.n_listen = 1;
		rc = lnl_service_listen(s, &why);
		_exit(-rc);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 100);
	return -WEXITSTATUS(status);
}

/* Without an address everywhere is meant, which is IPv4 where there is no more; else what was said. */
static void test_no_ipv6(void **state)
{
	static const struct {
		const char *address;
		enum lnl_proto proto;
		int without;
	} rows[] = {
		{ NULL, LNL_PROTO_UDP, 0 },
		{ NULL, LNL_PROTO_TCP, 0 },
		{ "", LNL_PROTO_UDP, 0 },
		{ NULL, LNL_PROTO_UDP4, 0 },
		{ NULL, LNL_PROTO_UDP6, LNL_E_UNSUPPORTED },
		{ NULL, LNL_PROTO_TCP6, LNL_E_UNSUPPORTED },
		{ "::1", LNL_PROTO_UDP, LNL_E_UNSUPPORTED },
		{ "127.0.0.1", LNL_PROTO_TCP, 0 },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		/* Port 0 is any that is free. */
		const struct lnl_listen l = { .address = rows[i].address, .proto = rows[i].proto };
		int rc = listens(&l);

		if (rc != rows[i].without)
			fail_msg("row %u: %d without IPv6", i, rc);
	}
}

/* A server's sockets of one address are its own: who comes later gets none, however many it wants. */
static int listens_twice(unsigned first, unsigned second)
{
	static const struct lnl_engine_options options = { .level = LNL_LEVEL_ERROR,
							   .stay_root = true };
	const unsigned workers[] = { first, second };
	struct lnl_reason why = { "" };
	struct lnl_listen l = { .address = "127.0.0.1", .proto = LNL_PROTO_UDP };
	struct lnl_engine *e;
	int rc = 0;

	/* One for both, since it forks its helper: before there are threads. */
	if (lnl_engine_new(&e, &options, &why) < 0)
		_exit(100);
	for (unsigned i = 0; i < 2; i++) {
		struct lnl_service *s = calloc(1, sizeof(*s));

		if (!s)
			_exit(100);
		s->engine = e;
		for (; s->n_workers < workers[i]; s->n_workers++)
			if (lnl_worker_new(&s->workers[s->n_workers], &s->engine->env, 4, 4, wake,
					   s) < 0)
				_exit(100);
		if (l.port == 0)
			l.port = free_port();
		s->conf.o.listen = &l;
		s->conf.o.n_listen = 1;
		rc = lnl_service_listen(s, &why);
		if (i == 0 && rc < 0)
			_exit(101);
	}
	return rc;
}

static void test_sockets_are_ours(void **state)
{
	static const struct {
		unsigned first, second;
	} rows[] = { { 1, 1 }, { 1, 3 }, { 3, 1 }, { 3, 3 } };

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(-listens_twice(rows[i].first, rows[i].second));
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != -LNL_E_SYSTEM)
			fail_msg("row %u: %d", i, WEXITSTATUS(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_ipv6),
		cmocka_unit_test(test_sockets_are_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
