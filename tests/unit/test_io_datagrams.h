/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagram sockets for tests of what is sent and received in bulk, and kernels that lack calls. */
#ifndef LNL_TEST_IO_DATAGRAMS_H
#define LNL_TEST_IO_DATAGRAMS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/address.h"
#include "io/compat.h"

static inline void open_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

/* A UDP socket on loopback; |address| is where it is. */
static inline int open_udp(struct lnl_addr *address)
{
	const int room = 4 << 20;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	memset(address, 0, sizeof(*address));
	address->u.in4.sin_family = AF_INET;
	address->u.in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->len = sizeof(address->u.in4);
	assert_int_equal(bind(fd, &address->u.sa, address->len), 0);
	assert_int_equal(getsockname(fd, &address->u.sa, &address->len), 0);
	return fd;
}

static inline uint16_t port_of(int fd)
{
	struct lnl_addr a = { .len = sizeof(a.u) };

	assert_int_equal(getsockname(fd, &a.u.sa, &a.len), 0);
	return lnl_addr_port(&a);
}

static inline void wait_for(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	assert_int_equal(poll(&p, 1, 20000), 1);
}

static inline void send_number(int fd, uint32_t v, size_t len)
{
	uint8_t p[2000] = { 0 };

	memcpy(p, &v, sizeof(v));
	assert_int_equal(send(fd, p, len, 0), len);
}

/* |n| numbered datagrams of |len| bytes in one call, the last of |last|. */
static inline void send_segments(int fd, const struct lnl_addr *to, uint32_t *number, unsigned n,
				 uint16_t len, size_t last)
{
	uint8_t data[65536] = { 0 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(len))];
	} control = { 0 };
	struct iovec iov = { data, (n - 1) * len + last };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)&to->u,
			      .msg_namelen = to->len,
			      .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	for (unsigned i = 0; i < n; i++, (*number)++)
		memcpy(data + i * len, number, sizeof(*number));
	c->cmsg_level = SOL_UDP;
	c->cmsg_type = UDP_SEGMENT;
	c->cmsg_len = CMSG_LEN(sizeof(len));
	memcpy(CMSG_DATA(c), &len, sizeof(len));
	assert_int_equal(sendmsg(fd, &msg, 0), iov.iov_len);
}

/* From here on this process has no sendmmsg and no recvmmsg: |err| says so. */
static inline void forbid(int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_recvmmsg, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmmsg, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(9);
}

/* A kernel without the calls, and a sandbox that refuses them: |works| returns 0 with either. */
static inline void check_refused(int (*works)(int err))
{
	static const int errors[] = { ENOSYS, EPERM };

	for (size_t i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(works(errors[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

#endif
