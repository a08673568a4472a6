/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links of a worker: how they end, what they survive, and what happens when they are full. */
/* lunel-test: timeout 120 */
#include "test_io_worker.h"

#include <malloc.h>

/* Sends |bytes| or ends the stream in some way; the link has to close with |error|. */
static void expect_end(const void *bytes, size_t len, bool reset, int error)
{
	struct linger at_once = { .l_onoff = 1 };
	struct side s;
	struct lnl_ntf n;
	uint8_t packet[100], got[200];
	int raw = open_raw(&s, LNL_LINK_TCP);

	/* Something has happened before, and left an errno. */
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), sizeof(packet) + 26);
	if (len > 0)
		assert_int_equal(send(raw, bytes, len, 0), len);
	if (reset)
		setsockopt(raw, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (reset || error == 0)
		close(raw);
	next_of(&s, LNL_NTF_LINK_CLOSED, &n);
	assert_int_equal(n.id, LINK);
	assert_int_equal(n.error, error);
	/* It is gone: sending into it is no failure, deleting it neither. */
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	close_side(&s);
	if (!reset && error != 0)
		close(raw);
}

/* Undecryptable packets are the next test's. */
static void streams_end(void **state)
{
	static const uint8_t cut[] = "\0\x30\x20"
				     "beginning";

	(void)state;
	expect_end(NULL, 0, false, 0);
	expect_end(cut, sizeof(cut), false, 0);
	expect_end(NULL, 0, true, ECONNRESET);
	expect_end("\0\0", 2, false, EPROTO);
}

/* The notice comes before the end, so that its owner can say why. */
static void a_stream_that_does_not_decrypt_is_told_first(void **state)
{
	struct side s;
	struct lnl_ntf n;
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	assert_int_equal(send(raw,
			      "\0\x28\x48\0\0\0"
			      "\0\0\0\1"
			      "0123456789abcdef"
			      "0123456789abcdef",
			      42, 0),
			 42);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_NOTICE);
	assert_int_equal(n.u.notice.kind, LNL_NOTICE_DECRYPT);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_LINK_CLOSED);
	assert_int_equal(n.error, EBADMSG);
	close(raw);
	close_side(&s);
}

/* The same over UDP is told once and changes nothing. */
static void a_datagram_that_does_not_decrypt_changes_nothing(void **state)
{
	struct lnl_counters c = { 0 };
	struct side s;
	struct lnl_ntf n;
	int raw = open_raw(&s, LNL_LINK_UDP);
	unsigned told = 0;

	(void)state;
	for (unsigned i = 1; i <= 5; i++) {
		assert_int_equal(send(raw,
				      "\x48\0\0\0\0\0\0\1"
				      "0123456789abcdef"
				      "0123456789abcdef",
				      40, 0),
				 40);
		while (c.drops[LNL_DROP_AUTH] < i) {
			command(&s,
				&(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
			do {
				next(&s, &n);
				assert_int_not_equal(n.kind, LNL_NTF_LINK_CLOSED);
				told += n.kind == LNL_NTF_NOTICE;
			} while (n.kind != LNL_NTF_COUNTERS);
			c = n.u.counters;
		}
	}
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	do {
		next(&s, &n);
		told += n.kind == LNL_NTF_NOTICE;
	} while (n.kind != LNL_NTF_COUNTERS);
	/* Twice if it took more than a second. */
	assert_in_range(told, 1, 2);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	wait_readable(raw);
	close(raw);
	close_side(&s);
}

static void a_refused_datagram_is_told_and_survived(void **state)
{
	struct sockaddr_in at;
	struct side s;
	struct lnl_ntf n;
	socklen_t len = sizeof(at);
	uint8_t got[64];
	int raw = open_raw(&s, LNL_LINK_UDP);
	struct sockaddr_in peer;

	(void)state;
	assert_int_equal(getsockname(raw, (struct sockaddr *)&at, &len), 0);
	assert_int_equal(getpeername(raw, (struct sockaddr *)&peer, &len), 0);
	close(raw);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_LINK_ERROR);
	assert_int_equal(n.id, LINK);
	assert_int_equal(n.error, ECONNREFUSED);
	/* Not again within the second. */
	for (int i = 0; i < 10; i++)
		send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	/* The server is back, and the link as good as before. */
	raw = nonblocking(SOCK_DGRAM);
	assert_int_equal(bind(raw, (struct sockaddr *)&at, sizeof(at)), 0);
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 20);
	close(raw);
	close_side(&s);
}

/*
 * Reads frames off a stream and checks that they are of the ids |first| on, in order; returns the
 * next id.
 */
static uint32_t read_frames(int raw, uint32_t first, uint32_t until)
{
	static uint8_t data[70000];
	size_t held = 0;

	while (first < until) {
		size_t at = 0;
		ssize_t n;

		wait_readable(raw);
		n = recv(raw, data + held, sizeof(data) - held, 0);
		assert_true(n > 0);
		held += (size_t)n;
		while (held - at >= 2) {
			size_t len = (size_t)data[at] << 8 | data[at + 1];
			uint32_t id;

			if (held - at - 2 < len)
				break;
			memcpy(&id, data + at + 2 + 4, sizeof(id));
			assert_int_equal(lnl_op_of(data[at + 2]), LNL_OP_DATA_V2);
			assert_int_equal(ntohl(id), first);
			first++;
			at += 2 + len;
		}
		memmove(data, data + at, held - at);
		held -= at;
	}
	assert_int_equal(held, 0);
	return first;
}

/* A peer that does not read: TUN is left alone until it does, and nothing is lost or reordered. */
static void a_full_stream_holds_tun_back(void **state)
{
	struct side s;
	struct lnl_counters c, before;
	uint8_t packet[1400];
	uint32_t written = 0;
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	/* Until the pair is full and stays so over a whole turn of the worker. */
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			written++;
		assert_int_equal(errno, EAGAIN);
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	assert_true(c.tx_packets < written);
	assert_true(c.tx_packets * sizeof(packet) > LNL_BACKLOG_HIGH);
	assert_int_equal(c.drops[LNL_DROP_QUEUE], 0);
	/* Control packets still find room. */
	read_frames(raw, 1, written + 1);
	counters(&s, PEER, &c);
	assert_int_equal(c.tx_packets, written);
	assert_int_equal(c.drops[LNL_DROP_QUEUE] + c.drops[LNL_DROP_SEND], 0);
	close(raw);
	close_side(&s);
}

/* The same for datagrams: a socket that would block, and a reader that takes its time. */
static void a_full_datagram_socket_holds_tun_back(void **state)
{
	struct side s;
	struct lnl_counters c = { 0 }, before;
	uint8_t packet[1400], got[2048];
	uint32_t written = 0;
	int fds[2];

	(void)state;
	/* Of this kind the kernel tells when the other end is full. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
	open_side(&s);
	give_link(&s, LINK, fds[0], LNL_LINK_UDP);
	give_peer(&s, &plain_peer);
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	give_tun(&s);
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			written++;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	assert_true(c.tx_packets < written);
	for (uint32_t i = 0; i < written; i++) {
		uint32_t id;

		wait_readable(fds[1]);
		assert_int_equal(recv(fds[1], got, sizeof(got), 0), sizeof(packet) + 24);
		memcpy(&id, got + 4, sizeof(id));
		assert_int_equal(ntohl(id), i + 1);
	}
	counters(&s, PEER, &c);
	assert_int_equal(c.tx_packets, written);
	assert_int_equal(c.drops[LNL_DROP_SEND] + c.drops[LNL_DROP_QUEUE], 0);
	/* Blocked, and then the link goes: TUN does not wait for it. */
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	for (unsigned i = 0; i < 200; i++) {
		struct pollfd p = { .fd = s.tun, .events = POLLOUT };

		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	}
	counters(&s, PEER, &c);
	assert_true(c.drops[LNL_DROP_SEND] > 0);
	close(fds[1]);
	close_side(&s);
}

/*
 * Control packets find room behind data that fills a stream; when that is full, too, they are lost
 * alone.
 */
static void control_packets_have_room_of_their_own(void **state)
{
	struct side s;
	struct lnl_counters c, before;
	uint8_t packet[1400];
	static uint8_t data[70000];
	unsigned controls = 0, frames = 0;
	size_t held = 0;
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	for (uint32_t i = 0; i < 10; i++)
		send_control(&s, LNL_OP_CONTROL_V1, i, 1000);
	while (controls < 10) {
		size_t at = 0;
		ssize_t n;

		wait_readable(raw);
		n = recv(raw, data + held, sizeof(data) - held, 0);
		assert_true(n > 0);
		held += (size_t)n;
		while (held - at >= 2 && held - at - 2 >= ((size_t)data[at] << 8 | data[at + 1])) {
			if (lnl_op_of(data[at + 2]) == LNL_OP_CONTROL_V1) {
				assert_int_equal(data[at + 3], controls);
				controls++;
			}
			frames++;
			at += 2 + ((size_t)data[at] << 8 | data[at + 1]);
		}
		memmove(data, data + at, held - at);
		held -= at;
	}
	assert_true(frames > 10);
	close(raw);
	close_side(&s);
}

/* Too long for a frame once it is sealed: it is dropped, and takes nothing along. */
static void what_outgrows_a_frame_is_dropped(void **state)
{
	static uint8_t packet[65535];
	struct side s;
	struct lnl_counters c;
	uint8_t got[256];
	int raw = open_raw(&s, LNL_LINK_TCP), size = 1 << 20;

	(void)state;
	setsockopt(s.tun, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	make_packet(packet, 2, 100);
	assert_int_equal(write(s.tun, packet, 100), 100);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 2 + 24 + 100);
	assert_int_equal(got[1], 24 + 100);
	counters(&s, PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_LONG], 1);
	close(raw);
	close_side(&s);
}

/* A link that is full and ends lets TUN go on. */
static void a_full_stream_that_ends_lets_tun_go(void **state)
{
	struct side s;
	struct lnl_counters c, before;
	struct lnl_ntf n;
	uint8_t packet[1400];
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	make_packet(packet, 0, sizeof(packet));
	counters(&s, PEER, &c);
	do {
		before = c;
		while (write(s.tun, packet, sizeof(packet)) > 0)
			;
		counters(&s, PEER, &c);
	} while (c.tx_packets != before.tx_packets || c.tx_packets == 0);
	close(raw);
	next_of(&s, LNL_NTF_LINK_CLOSED, &n);
	for (unsigned i = 0; i < 1000; i++) {
		struct pollfd p = { .fd = s.tun, .events = POLLOUT };

		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	}
	counters(&s, PEER, &c);
	assert_true(c.drops[LNL_DROP_SEND] > 0);
	close_side(&s);
}

/* What was queued is sent before the socket closes, and the end is not told to who asked for it. */
static void a_deleted_link_sends_what_it_has(void **state)
{
	struct side s;
	struct lnl_ntf n;
	uint8_t got[64];
	int raw = open_raw(&s, LNL_LINK_TCP);

	(void)state;
	send_control(&s, LNL_OP_CONTROL_V1, 1, 20);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 22);
	wait_readable(raw);
	assert_int_equal(recv(raw, got, sizeof(got), 0), 0);
	close(raw);
	close_side(&s);
}

/* ---- float ---- */

/* A sealed packet |number| from |fd| to |to|, with a bit turned over when |forged|. */
static void send_sealed(struct lnl_data *d, int fd, const struct sockaddr_in *to, uint32_t number,
			bool forged)
{
	uint8_t room[LNL_HEADROOM + 256 + LNL_TAILROOM];
	struct lnl_packet pkt = { .p = room + LNL_HEADROOM, .peer = PEER };

	pkt.len = (uint32_t)make_packet(pkt.p, number, 100);
	assert_int_equal(lnl_data_seal(d, &pkt, 1, 1), 1);
	pkt.p[pkt.len - 1] ^= forged;
	assert_int_equal(sendto(fd, pkt.p, pkt.len, 0, (const struct sockaddr *)to, sizeof(*to)),
			 pkt.len);
}

/* What goes into TUN comes out at |fd| and nowhere else. */
static void expect_at(struct side *s, int fd, int other, uint32_t number)
{
	uint8_t packet[128], got[256];
	size_t len = make_packet(packet, number, 100);

	assert_int_equal(write(s->tun, packet, len), len);
	wait_readable(fd);
	assert_true(recv(fd, got, sizeof(got), 0) > (ssize_t)len);
	assert_int_equal(recv(other, got, sizeof(got), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_peer_that_floats_is_followed(void **state)
{
	int a = nonblocking(SOCK_DGRAM), b = nonblocking(SOCK_DGRAM),
	    link = nonblocking(SOCK_DGRAM);
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	struct lnl_data *server = server_plane();
	struct sockaddr_in at_a, at_b, at;
	struct side s;

	(void)state;
	bind_loopback(a, &at_a);
	bind_loopback(b, &at_b);
	bind_loopback(link, &at);
	open_side(&s);
	cmd.u.link = (struct lnl_link_conf){ .id = LINK, .fd = link, .peer = PEER };
	assert_int_equal(lnl_addr_from_sockaddr(&cmd.u.link.remote, (struct sockaddr *)&at_a,
						sizeof(at_a)),
			 0);
	command(&s, &cmd);
	give_peer(&s, &plain_peer);
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	give_tun(&s);
	expect_at(&s, a, b, 1);

	/* Its refuse twin: who cannot seal moves nobody. The packet behind it shows that it was seen. */
	send_sealed(server, b, &at, 2, true);
	send_sealed(server, a, &at, 3, false);
	expect_packet(s.tun, 3, 100);
	expect_at(&s, a, b, 4);

	send_sealed(server, b, &at, 5, false);
	expect_packet(s.tun, 5, 100);
	expect_at(&s, b, a, 6);

	close_side(&s);
	lnl_data_free(server);
	close(a);
	close(b);
}

#define STREAMS 100
#define CONTROL 1400
#define FILLING 150 /* of them: more than the socket takes, less than the ring of commands */

/* A control packet by the stream, in two pieces, and the worker's word that it came. */
static void knock_by(struct side *s, uint32_t id, int fd)
{
	uint8_t frame[2 + 40] = { 0, 40, LNL_OP_CONTROL_V1 << 3 };
	struct lnl_counters c;
	struct lnl_ntf n;

	assert_int_equal(write(fd, frame, 7), 7);
	/* The answer comes from a turn that has read it, the second one's at the latest. */
	counters(s, PEER, &c);
	counters(s, PEER, &c);
	assert_int_equal(write(fd, frame + 7, sizeof(frame) - 7), sizeof(frame) - 7);
	next_of(s, LNL_NTF_PACKET, &n);
	assert_int_equal(n.id, id);
	assert_int_equal(n.u.datagram.len, 40);
}

/* As much as makes the stream's queue grow, all of it read afterwards. */
static void fill_and_drain(struct side *s, uint32_t id, int fd)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = id };
	static uint8_t buf[65536];
	size_t left = FILLING * (2 + CONTROL);

	cmd.u.datagram.len = CONTROL;
	cmd.u.datagram.bytes[0] = LNL_OP_CONTROL_V1 << 3;
	for (unsigned i = 0; i < FILLING; i++)
		command(s, &cmd);
	while (left > 0) {
		ssize_t n;

		wait_readable(fd);
		n = recv(fd, buf, sizeof(buf), 0);
		assert_true(n > 0);
		left -= (size_t)n;
	}
}

static size_t in_use(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* A server's streams that are idle hold no buffers, whatever they carried before: TRUST L2. */
static void idle_streams_cost_little(void **state)
{
	int fds[STREAMS + 1][2];
	size_t before = 0, now;
	struct side s;

	(void)state;
	open_side(&s);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
					   .u.tun = { .fd = s.tun_given, .routed = true } });
	for (uint32_t i = 0; i <= STREAMS; i++) {
		struct lnl_link_conf conf = { .id = i + 1,
					      .kind = LNL_LINK_TCP,
					      .peer = LNL_PEER_ID_NONE };

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
					    fds[i]),
				 0);
		conf.fd = fds[i][1];
		command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_ADD, .u.link = conf });
		knock_by(&s, i + 1, fds[i][0]);
		fill_and_drain(&s, i + 1, fds[i][0]);
		knock_by(&s, i + 1, fds[i][0]);
		/* What the first has brought about is there for all. */
		if (i == 0)
			before = in_use();
	}
	/* One queue is kept for whichever is full next. */
	now = in_use();
	now -= now > LNL_BACKLOG_SIZE ? LNL_BACKLOG_SIZE : now;
	if (now > before + STREAMS * 1024)
		fail_msg("%zu bytes a stream", (now - before) / STREAMS);
	for (uint32_t i = 0; i <= STREAMS; i++)
		close(fds[i][0]);
	close_side(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_end),
		cmocka_unit_test(a_stream_that_does_not_decrypt_is_told_first),
		cmocka_unit_test(a_datagram_that_does_not_decrypt_changes_nothing),
		cmocka_unit_test(a_refused_datagram_is_told_and_survived),
		cmocka_unit_test(a_full_stream_holds_tun_back),
		cmocka_unit_test(a_full_datagram_socket_holds_tun_back),
		cmocka_unit_test(control_packets_have_room_of_their_own),
		cmocka_unit_test(what_outgrows_a_frame_is_dropped),
		cmocka_unit_test(a_full_stream_that_ends_lets_tun_go),
		cmocka_unit_test(a_deleted_link_sends_what_it_has),
		cmocka_unit_test(a_peer_that_floats_is_followed),
		cmocka_unit_test(idle_streams_cost_little),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
