/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Batches of packets from and to sockets, by many at once and one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/batch.h"

static void open_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
}

static void send_number(int fd, uint32_t v, size_t len)
{
	uint8_t p[2000] = { 0 };

	memcpy(p, &v, sizeof(v));
	assert_int_equal(send(fd, p, len, 0), len);
}

static uint32_t number_of(const struct lnl_packet *p)
{
	uint32_t v;

	memcpy(&v, p->p, sizeof(v));
	return v;
}

/* As many as there are, in order, with room before and behind; how often depends on |single|. */
static void datagrams_are_received(void **state)
{
	(void)state;
	for (int single = 0; single < 2; single++) {
		struct lnl_batch *b = calloc(1, sizeof(*b));
		uint32_t next = 0;
		int fds[2], n;

		open_pair(fds);
		assert_int_equal(lnl_batch_init(b), 0);
		b->single = single;
		assert_int_equal(lnl_batch_receive(b, fds[1], false), 0);
		for (uint32_t i = 0; i < 100; i++) {
			send_number(fds[0], i, 4 + i);
			if (i % 10 != 9)
				continue;
			while ((n = lnl_batch_receive(b, fds[1], false)) > 0) {
				assert_int_equal(b->n, n);
				assert_int_equal(n, single ? 1 : 10);
				for (int k = 0; k < n; k++, next++) {
					assert_int_equal(number_of(&b->pkts[k]), next);
					assert_int_equal(b->pkts[k].len, 4 + next);
					/* ASan watches these. */
					b->pkts[k].p[-LNL_HEADROOM - LNL_BATCH_ROOM] = 1;
					b->pkts[k].p[LNL_PACKET_MAX + LNL_TAILROOM - 1] = 1;
				}
			}
			assert_int_equal(n, 0);
		}
		assert_int_equal(next, 100);
		assert_int_equal(lnl_batch_receive(b, -1, false), -EBADF);
		assert_int_equal(b->n, 0);
		lnl_batch_deinit(b);
		free(b);
		close(fds[0]);
		close(fds[1]);
	}
}

/* TUN is read until it is empty, the batch full, or enough bytes have come. */
static void packets_are_read(void **state)
{
	struct lnl_batch *b = calloc(1, sizeof(*b));
	int fds[2];

	(void)state;
	open_pair(fds);
	assert_int_equal(lnl_batch_init(b), 0);
	assert_int_equal(lnl_batch_read(b, fds[1], 100000), 0);
	for (uint32_t i = 0; i < 8; i++)
		send_number(fds[0], i, 1000);
	assert_int_equal(lnl_batch_read(b, fds[1], 2001), 3);
	assert_int_equal(number_of(&b->pkts[2]), 2);
	assert_int_equal(lnl_batch_read(b, fds[1], 100000), 5);
	assert_int_equal(number_of(&b->pkts[0]), 3);
	assert_int_equal(lnl_batch_read(b, fds[1], 100000), 0);
	assert_int_equal(lnl_batch_read(b, -1, 100000), -EBADF);
	lnl_batch_deinit(b);
	free(b);
	close(fds[0]);
	close(fds[1]);
}

/* Sends eight from the third on; what went arrives in order. */
static void check_sending(bool single)
{
	struct lnl_batch *b = calloc(1, sizeof(*b));
	uint8_t got[2000];
	unsigned at = 2;
	int fds[2], n;

	open_pair(fds);
	assert_int_equal(lnl_batch_init(b), 0);
	for (uint32_t i = 0; i < 8; i++)
		send_number(fds[0], i, 500);
	assert_int_equal(lnl_batch_read(b, fds[1], 100000), 8);
	b->single = single;
	while (at < 8) {
		n = lnl_batch_send(b, fds[1], at, 8 - at, NULL);
		assert_int_equal(n, single ? 1 : 6);
		at += (unsigned)n;
	}
	for (uint32_t i = 2; i < 8; i++) {
		uint32_t v;

		assert_int_equal(recv(fds[0], got, sizeof(got), 0), 500);
		memcpy(&v, got, sizeof(v));
		assert_int_equal(v, i);
	}
	/* Full after a while, then an error that concerns the first. */
	while ((n = lnl_batch_send(b, fds[1], 0, 8, NULL)) > 0)
		;
	assert_int_equal(n, -EAGAIN);
	close(fds[0]);
	assert_int_equal(lnl_batch_send(b, fds[1], 0, 8, NULL), -ECONNREFUSED);
	lnl_batch_deinit(b);
	free(b);
	close(fds[1]);
}

static void packets_are_sent(void **state)
{
	(void)state;
	check_sending(false);
	check_sending(true);
}

/* From here on this process has no sendmmsg and no recvmmsg: |err| says so. */
static void forbid(int err)
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

static int works_without(int err)
{
	struct lnl_batch *b = calloc(1, sizeof(*b));
	uint8_t got[2000];
	int fds[2];

	open_pair(fds);
	lnl_batch_init(b);
	for (uint32_t i = 0; i < 3; i++)
		send_number(fds[0], i, 500);
	forbid(err);
	if (lnl_batch_receive(b, fds[1], false) != 1 || !b->single || number_of(&b->pkts[0]) != 0)
		return 1;
	b->single = false;
	if (lnl_batch_send(b, fds[1], 0, 1, NULL) != 1 || !b->single ||
	    recv(fds[0], got, sizeof(got), 0) != 500)
		return 2;
	if (lnl_batch_receive(b, fds[1], false) != 1 || number_of(&b->pkts[0]) != 1)
		return 3;
	return 0;
}

/* A kernel without the calls, and a sandbox that refuses them. */
static void refused_calls_are_done_without(void **state)
{
	static const int errors[] = { ENOSYS, EPERM };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		int status;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(works_without(errors[i]));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

static void dropped_packets_are_left_out(void **state)
{
	struct lnl_batch *b = calloc(1, sizeof(*b));

	(void)state;
	b->n = 6;
	for (unsigned i = 0; i < 6; i++) {
		b->pkts[i].len = i;
		b->pkts[i].drop = i % 3 == 0 ? LNL_DROP_AUTH : LNL_DROP_NONE;
	}
	lnl_batch_compact(b);
	assert_int_equal(b->n, 4);
	assert_int_equal(b->pkts[0].len, 1);
	assert_int_equal(b->pkts[1].len, 2);
	assert_int_equal(b->pkts[2].len, 4);
	assert_int_equal(b->pkts[3].len, 5);
	b->n = 0;
	lnl_batch_compact(b);
	assert_int_equal(b->n, 0);
	free(b);
}

static void packets_are_added(void **state)
{
	struct lnl_batch b;
	uint8_t data[100];

	(void)state;
	assert_int_equal(lnl_batch_init(&b), 0);
	memset(data, 0x5a, sizeof(data));
	for (unsigned i = 0; i < LNL_BATCH; i++) {
		struct lnl_packet *pkt = lnl_batch_add(&b, data, i);

		assert_ptr_equal(pkt, &b.pkts[i]);
		assert_int_equal(pkt->len, i);
		assert_memory_equal(pkt->p, data, i);
		assert_int_equal(pkt->drop, LNL_DROP_NONE);
		/* Room for what sealing and TCP put around it. */
		memset(pkt->p - LNL_HEADROOM - LNL_BATCH_ROOM, 1, LNL_HEADROOM + LNL_BATCH_ROOM);
		memset(pkt->p + i, 2, LNL_TAILROOM);
	}
	assert_int_equal(b.n, LNL_BATCH);
	for (unsigned i = 0; i < LNL_BATCH; i++)
		assert_memory_equal(b.pkts[i].p, data, i);
	lnl_batch_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_are_received),
		cmocka_unit_test(packets_are_read),
		cmocka_unit_test(packets_are_sent),
		cmocka_unit_test(refused_calls_are_done_without),
		cmocka_unit_test(dropped_packets_are_left_out),
		cmocka_unit_test(packets_are_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
