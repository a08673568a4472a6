/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The worker from outside: packets from TUN to TUN over real sockets with real keys, what its rings
 * do when they are full, and its end.
 */
/* lunel-test: timeout 120 */
#include "test_io_worker.h"

/* ---- what has to work ---- */

static const struct {
	enum lnl_link_kind kind;
	enum lnl_cipher cipher;
} roads[] = {
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM },
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_CBC },
	{ LNL_LINK_TCP, LNL_CIPHER_CHACHA20_POLY1305 },
	{ LNL_LINK_TCP, LNL_CIPHER_AES_256_CBC },
};

/* One by one, then by the batch, both ways. */
static void packets_run_from_tun_to_tun(void **state)
{
	uint8_t packet[1500];

	(void)state;
	for (size_t r = 0; r < sizeof(roads) / sizeof(*roads); r++) {
		struct side s[2];
		struct lnl_counters c;

		open_pair(s, roads[r].kind, roads[r].cipher);
		/* The other side has its key before anything is sent. */
		counters(&s[1], PEER, &c);
		for (uint32_t i = 0; i < 100; i++) {
			size_t len = make_packet(packet, i, 24 + i * 14);

			assert_int_equal(write(s[i & 1].tun, packet, len), len);
			expect_packet(s[~i & 1].tun, i, len);
		}
		for (uint32_t i = 0; i < 200; i += 8) {
			for (uint32_t k = i; k < i + 8; k++) {
				make_packet(packet, k, 1400);
				assert_int_equal(write(s[0].tun, packet, 1400), 1400);
			}
			for (uint32_t k = i; k < i + 8; k++)
				expect_packet(s[1].tun, k, 1400);
		}
		counters(&s[0], PEER, &c);
		assert_int_equal(c.tx_packets, 250);
		assert_int_equal(c.rx_packets, 50);
		counters(&s[1], PEER, &c);
		assert_int_equal(c.rx_packets, 250);
		assert_int_equal(c.drops[LNL_DROP_AUTH], 0);
		close_side(&s[0]);
		close_side(&s[1]);
	}
}

static void control_packets_reach_the_control_thread(void **state)
{
	static const enum lnl_link_kind kinds[] = { LNL_LINK_UDP, LNL_LINK_TCP };
	static const uint8_t ops[] = { LNL_OP_HARD_RESET_CLIENT_V2, LNL_OP_CONTROL_V1,
				       LNL_OP_ACK_V1, LNL_OP_SOFT_RESET_V1 };

	(void)state;
	for (size_t k = 0; k < 2; k++) {
		struct side s[2];
		struct lnl_counters c;
		struct lnl_ntf n;

		open_pair(s, kinds[k], LNL_CIPHER_AES_128_GCM);
		for (uint32_t i = 0; i < 4; i++) {
			/*
			 * What is no control packet never gets there; a forged one ends a stream.
			 */
			if (kinds[k] == LNL_LINK_UDP)
				send_control(&s[i & 1], LNL_OP_DATA_V2, i, 40);
			send_control(&s[i & 1], 31, i, 40);
			send_control(&s[i & 1], 0, i, 40);
			send_control(&s[i & 1], ops[i], i, i == 3 ? LNL_DATAGRAM_MAX : 100);
			do {
				next(&s[~i & 1], &n);
				assert_int_not_equal(n.kind, LNL_NTF_FAILED);
			} while (n.kind != LNL_NTF_PACKET);
			assert_int_equal(n.id, LINK);
			assert_int_equal(n.u.datagram.len, i == 3 ? LNL_DATAGRAM_MAX : 100);
			assert_int_equal(n.u.datagram.bytes[0], ops[i] << 3);
			assert_memory_equal(n.u.datagram.bytes + 1, &i, sizeof(i));
		}
		/* The others were the data plane's to count: two of each four. */
		counters(&s[1], PEER, &c);
		assert_int_equal(c.drops[LNL_DROP_OPCODE], 4);
		close_side(&s[0]);
		close_side(&s[1]);
	}
}

static void a_datagram_that_is_too_long_is_refused(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = LINK };
	struct side s;

	(void)state;
	open_side(&s);
	cmd.u.datagram.len = LNL_DATAGRAM_MAX + 1;
	assert_int_equal(lnl_worker_command(s.worker, &cmd), LNL_E_INVAL);
	close(s.tun_given);
	close_side(&s);
}

static void pings_go_out_and_their_lack_is_told(void **state)
{
	struct lnl_peer_conf conf = plain_peer;
	struct side s;
	struct lnl_ntf n;
	uint8_t got[256];
	int raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	conf.ping_interval = 20 * LNL_MSEC;
	conf.ping_timeout = 100 * LNL_MSEC;
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_SET, .u.conf = conf });
	for (int i = 0; i < 3; i++) {
		wait_readable(raw);
		/* header, id, tag and the sixteen bytes of a ping */
		assert_int_equal(recv(raw, got, sizeof(got), 0), 4 + 4 + 16 + 16);
		assert_int_equal(lnl_op_of(got[0]), LNL_OP_DATA_V2);
	}
	next_of(&s, LNL_NTF_NOTICE, &n);
	assert_int_equal(n.u.notice.kind, LNL_NOTICE_PING_TIMEOUT);
	assert_int_equal(n.u.notice.peer, PEER);
	close(raw);
	close_side(&s);
}

static void goodbyes_are_sent_and_heard(void **state)
{
	struct side s[2];
	struct lnl_ntf n;

	(void)state;
	open_pair(s, LNL_LINK_TCP, LNL_CIPHER_AES_256_GCM);
	command(&s[0], &(struct lnl_command){ .kind = LNL_CMD_SPECIAL,
					      .peer = PEER,
					      .u.special = LNL_SPECIAL_OCC_EXIT });
	next_of(&s[1], LNL_NTF_NOTICE, &n);
	assert_int_equal(n.u.notice.kind, LNL_NOTICE_EXIT);
	close_side(&s[0]);
	close_side(&s[1]);
}

/* A peer moves to another link, and from nothing to a link that comes later. */
static void a_peer_changes_its_link(void **state)
{
	struct side s;
	uint8_t packet[100], got[256];
	int fds[2], raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	make_packet(packet, 1, sizeof(packet));
	udp_pair(fds);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_LINK, .peer = PEER, .id = 2 });
	give_link(&s, 2, fds[0], LNL_LINK_UDP);
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(fds[1]);
	assert_int_equal(recv(fds[1], got, sizeof(got), 0), sizeof(packet) + 24);
	assert_int_equal(recv(raw, got, sizeof(got), MSG_DONTWAIT), -1);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_LINK, .peer = PEER, .id = LINK });
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = 2 });
	struct lnl_counters c;
	counters(&s, PEER, &c);
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), sizeof(packet) + 24);
	close(raw);
	close(fds[1]);
	close_side(&s);
}

/* ---- rings ---- */

/*
 * More commands than the ring holds, each with an answer, which nobody takes: none is lost, in
 * order.
 */
static void rings_that_overflow_lose_no_command(void **state)
{
	enum { N = 20000 };
	struct side s;
	struct lnl_ntf n;

	(void)state;
	open_side(&s);
	close(s.tun_given);
	for (uint32_t i = 0; i < N; i++)
		command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 100 + i });
	for (uint32_t i = 0; i < N; i++) {
		next(&s, &n);
		assert_int_equal(n.kind, LNL_NTF_COUNTERS);
		assert_int_equal(n.peer, 100 + i);
	}
	assert_int_equal(lnl_worker_lost(s.worker), 0);
	close_side(&s);
}

/* Long and short commands, so that a short one could find room before a long one that waits. */
static void rings_that_overflow_keep_the_order(void **state)
{
	enum { N = 6000 };
	struct lnl_command install = { .kind = LNL_CMD_KEY_INSTALL };
	struct side s;
	struct lnl_ntf n;

	(void)state;
	open_side(&s);
	close(s.tun_given);
	for (uint32_t i = 0; i < N; i++) {
		install.peer = 100 + i;
		if (i % 3 == 0)
			command(&s, &install);
		else
			command(&s,
				&(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 100 + i });
	}
	for (uint32_t i = 0; i < N; i++) {
		next(&s, &n);
		assert_int_equal(n.kind, i % 3 == 0 ? LNL_NTF_FAILED : LNL_NTF_COUNTERS);
		assert_int_equal(n.peer, 100 + i);
	}
	close_side(&s);
}

/*
 * Nobody answers these: the control thread is woken all the same, to send what waits on its side.
 */
static void what_waits_is_sent_once_there_is_room(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = 99 };
	struct side s;
	struct lnl_ntf n;
	uint64_t count;
	int raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	cmd.u.datagram.len = LNL_DATAGRAM_MAX;
	for (unsigned i = 0; i < 5000; i++)
		command(&s, &cmd);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	for (;;) {
		struct pollfd p[2] = { { .fd = raw, .events = POLLIN },
				       { .fd = s.woken, .events = POLLIN } };

		assert_true(poll(p, 2, PATIENCE) > 0);
		if (p[0].revents != 0)
			break;
		assert_int_equal(read(s.woken, &count, sizeof(count)), sizeof(count));
		while (lnl_worker_next(s.worker, &n))
			;
	}
	close(raw);
	close_side(&s);
}

/* Control packets that nobody takes are lost and counted; the news of the link's end is not. */
static void packets_that_overflow_are_counted(void **state)
{
	enum { N = 2000, LEN = 1000 };
	uint8_t frame[2 + LEN] = { LEN >> 8, LEN & 0xff, LNL_OP_CONTROL_V1 << 3 };
	struct side s;
	struct lnl_ntf n;
	unsigned got = 0;
	int raw = open_raw(&s, LNL_LINK_TCP);
	int flags = fcntl(raw, F_GETFL);

	(void)state;
	fcntl(raw, F_SETFL, flags & ~O_NONBLOCK);
	for (unsigned i = 0; i < N; i++)
		assert_int_equal(send(raw, frame, sizeof(frame), 0), sizeof(frame));
	shutdown(raw, SHUT_WR);
	while (lnl_worker_lost(s.worker) == 0)
		sched_yield();
	/* Until the worker has closed its end. */
	wait_readable(raw);
	do {
		next(&s, &n);
		got += n.kind == LNL_NTF_PACKET;
	} while (n.kind != LNL_NTF_LINK_CLOSED);
	assert_int_equal(n.error, 0);
	assert_int_equal(got + lnl_worker_lost(s.worker), N);
	close(raw);
	close_side(&s);
}

/* ---- failures and the end ---- */

static void commands_that_cannot_be_done_are_told(void **state)
{
	static const struct {
		enum lnl_command_kind kind;
		uint32_t peer;
		int error;
	} t[] = {
		{ LNL_CMD_PEER_LINK, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_PEER_DEL, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_KEY_SWAP, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_KEY_DEL, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_SPECIAL, 99, LNL_E_NOTFOUND },
		{ LNL_CMD_KEY_EXPIRE, 99, LNL_E_NOTFOUND },
	};
	struct side s;
	struct lnl_ntf n;
	int fds[2], raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		command(&s, &(struct lnl_command){ .kind = t[i].kind, .peer = t[i].peer });
		next(&s, &n);
		assert_int_equal(n.kind, LNL_NTF_FAILED);
		assert_int_equal(n.id, t[i].kind);
		assert_int_equal(n.peer, t[i].peer);
		assert_int_equal(n.error, t[i].error);
	}
	give_peer(&s, &plain_peer);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_FAILED);
	assert_int_equal(n.peer, PEER);
	assert_int_equal(n.error, LNL_E_EXIST);
	/* The socket of a link that cannot be is closed all the same. */
	udp_pair(fds);
	give_link(&s, LINK, fds[0], LNL_LINK_UDP);
	next(&s, &n);
	assert_int_equal(n.error, LNL_E_EXIST);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	give_link(&s, 0, fds[1], LNL_LINK_UDP);
	next(&s, &n);
	assert_int_equal(n.error, LNL_E_INVAL);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
	close(raw);
	close_side(&s);
}

static void the_end_is_told_when_asked_for(void **state)
{
	struct side s;
	struct lnl_ntf n;
	int raw = open_raw(&s, LNL_LINK_UDP);

	(void)state;
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_STOP });
	next_of(&s, LNL_NTF_STOPPED, &n);
	close(raw);
	close_side(&s);
}

/* Nothing handed over stays open, wherever it is when the worker goes; also with full rings. */
static void nothing_stays_open(void **state)
{
	struct side s;
	int fds[2], raw = open_raw(&s, LNL_LINK_TCP);
	char byte;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = i });
	tcp_pair(fds);
	give_link(&s, 2, fds[0], LNL_LINK_TCP);
	close_side(&s);
	for (int i = 0; i < 2; i++) {
		int fd = i == 0 ? raw : fds[1];

		wait_readable(fd);
		assert_int_equal(recv(fd, &byte, 1, 0), 0);
		close(fd);
	}
}

/* A link given to a worker that has stopped already. */
static void nothing_stays_open_behind_a_stop(void **state)
{
	struct side s;
	struct lnl_ntf n;
	int fds[2], tun[2];
	char byte;

	(void)state;
	open_side(&s);
	close(s.tun_given);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_STOP });
	next_of(&s, LNL_NTF_STOPPED, &n);
	tcp_pair(fds);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, tun), 0);
	give_link(&s, 2, fds[0], LNL_LINK_TCP);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_TUN_ADD, .u.tun.fd = tun[0] });
	close_side(&s);
	wait_readable(fds[1]);
	assert_int_equal(recv(fds[1], &byte, 1, 0), 0);
	assert_int_equal(recv(tun[1], &byte, 1, 0), 0);
	close(fds[1]);
	close(tun[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_run_from_tun_to_tun),
		cmocka_unit_test(control_packets_reach_the_control_thread),
		cmocka_unit_test(a_datagram_that_is_too_long_is_refused),
		cmocka_unit_test(pings_go_out_and_their_lack_is_told),
		cmocka_unit_test(goodbyes_are_sent_and_heard),
		cmocka_unit_test(a_peer_changes_its_link),
		cmocka_unit_test(rings_that_overflow_lose_no_command),
		cmocka_unit_test(rings_that_overflow_keep_the_order),
		cmocka_unit_test(what_waits_is_sent_once_there_is_room),
		cmocka_unit_test(packets_that_overflow_are_counted),
		cmocka_unit_test(commands_that_cannot_be_done_are_told),
		cmocka_unit_test(the_end_is_told_when_asked_for),
		cmocka_unit_test(nothing_stays_open),
		cmocka_unit_test(nothing_stays_open_behind_a_stop),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
