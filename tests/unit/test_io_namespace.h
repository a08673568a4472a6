/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A network namespace of the test's own, so that nothing on the host changes; and how tests say
 * that they cannot have one.
 */
#ifndef LNL_TEST_IO_NAMESPACE_H
#define LNL_TEST_IO_NAMESPACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Skips by name; where CI is true nothing may be skipped. */
#define test_skip(reason)                                                                          \
	do {                                                                                       \
		const char *ci_ = getenv("CI");                                                    \
		fprintf(stderr, "SKIP %s: %s\n", __func__, reason);                                \
		if (ci_ != NULL && strcmp(ci_, "true") == 0)                                       \
			fail_msg("skipped under CI: %s", reason);                                  \
		skip();                                                                            \
	} while (0)

/* The same for what this kernel has not got, and older ones that we support have not. */
#define test_skip_optional(reason)                                                                 \
	do {                                                                                       \
		fprintf(stderr, "SKIP %s: optional: %s\n", __func__, reason);                      \
		skip();                                                                            \
	} while (0)

/* Leaves the test unless it runs as root. */
#define test_need_root()                                                                           \
	do {                                                                                       \
		if (geteuid() != 0)                                                                \
			test_skip("not root");                                                     \
	} while (0)

#define test_need_tun()                                                                            \
	do {                                                                                       \
		test_need_root();                                                                  \
		if (access("/dev/net/tun", R_OK | W_OK) < 0)                                       \
			test_skip("no /dev/net/tun");                                              \
	} while (0)

static inline void test_link_up(const char *name)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags |= IFF_UP;
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
	close(fd);
}

/* Moves this process into a new namespace with lo up. False without the right to. */
static inline bool test_namespace(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0)
		return false;
	test_link_up("lo");
	return true;
}

#endif
