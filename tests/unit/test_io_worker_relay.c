/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A server's TCP peers, which hold up nobody and speak for nobody else, and packets from peer to
 * peer.
 */
/* lunel-test: timeout 3600 */
#include "count.h"
#include "test_io_worker_many.h"

#include <netinet/tcp.h>

/* ---- TCP ---- */

/* A connection like an accepted one; its other end. */
static int give_stream(struct server *s, uint32_t id)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	int fds[2];

	tcp_pair(fds);
	cmd.u.link = (struct lnl_link_conf){
		.id = id, .fd = fds[1], .kind = LNL_LINK_TCP, .peer = LNL_PEER_ID_NONE
	};
	command(&s->side, &cmd);
	return fds[0];
}

static void send_framed(int fd, const uint8_t *p, size_t len)
{
	uint8_t frame[2048] = { (uint8_t)(len >> 8), (uint8_t)len };

	memcpy(frame + 2, p, len);
	assert_int_equal(send(fd, frame, len + 2, 0), len + 2);
}

static void expect_framed(struct client *c, int fd, uint32_t from, uint32_t number)
{
	uint8_t got[2048];
	size_t want = 2 + 24 + LEN, held = 0;

	while (held < want) {
		ssize_t n;

		wait_readable(fd);
		n = recv(fd, got + held, want - held, 0);
		assert_true(n > 0);
		held += (size_t)n;
	}
	open_at(c, got + 2, want - 2, from, number);
}

static void a_stream_gets_its_peer_later(void **state)
{
	static const uint8_t control[30] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3 };
	struct server s;
	struct client c[2];
	struct sealed p;
	struct lnl_ntf n;
	struct lnl_counters k;
	int fd;

	(void)state;
	open_server(&s);
	connect_client(&s, &c[0], 10);
	open_client(&c[1], 11, false);
	fd = give_stream(&s, 11);
	send_framed(fd, control, sizeof(control));
	next_of(&s.side, LNL_NTF_PACKET, &n);
	assert_int_equal(n.id, 11);
	assert_int_equal(n.u.datagram.from.len, 0);
	/* Nobody yet, whatever it calls itself; and no way to hurt who it names. */
	seal(&c[1], &p, 1, 1);
	send_framed(fd, p.pkt.p, p.pkt.len);
	seal(&c[0], &p, 1, 2);
	p.pkt.p[30] ^= 1;
	send_framed(fd, p.pkt.p, p.pkt.len);
	do {
		counters(&s.side, LNL_PEER_ID_NONE, &k);
	} while (k.drops[LNL_DROP_PEER] < 2);
	counters(&s.side, 10, &k);
	assert_int_equal(k.drops[LNL_DROP_AUTH], 0);

	give_client(&s, &c[1], 11);
	settle(&s);
	seal(&c[1], &p, 1, 3);
	send_framed(fd, p.pkt.p, p.pkt.len);
	expect_tun(&s, 11, 1, 3);
	into_tun(&s, 11, 4);
	expect_framed(&c[1], fd, 1, 4);
	/* It goes, and the next one comes by the same stream. */
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 11 });
	settle(&s);
	seal(&c[1], &p, 1, 5);
	send_framed(fd, p.pkt.p, p.pkt.len);
	give_client(&s, &c[1], 11);
	settle(&s);
	seal(&c[1], &p, 1, 6);
	send_framed(fd, p.pkt.p, p.pkt.len);
	do {
		wait_readable(s.side.tun);
	} while (recv(s.side.tun, p.room, sizeof(p.room), 0) > 0 && p.room[20] != 6);
	close_side(&s.side);
	close_client(&c[0]);
	close_client(&c[1]);
	close(fd);
}

/* T1: each byte in its own segment, of two streams in turn. */
static void t1_streams_come_in_pieces(void **state)
{
	struct server s;
	struct client c[2];
	struct sealed p[2];
	int fds[2];

	(void)state;
	open_server(&s);
	for (uint32_t i = 0; i < 2; i++) {
		int on = 1;

		open_client(&c[i], 11 + i, false);
		fds[i] = give_stream(&s, 11 + i);
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		give_client(&s, &c[i], 11 + i);
	}
	settle(&s);
	for (uint32_t number = 0; number < 3; number++) {
		for (uint32_t i = 0; i < 2; i++) {
			seal(&c[i], &p[i], 1, number + 10 * i);
			p[i].pkt.p -= 2;
			p[i].pkt.p[0] = (uint8_t)(p[i].pkt.len >> 8);
			p[i].pkt.p[1] = (uint8_t)p[i].pkt.len;
		}
		for (uint32_t k = 0; k < p[0].pkt.len + 2; k++) {
			expect_nothing(s.side.tun);
			for (uint32_t i = 0; i < 2; i++)
				assert_int_equal(send(fds[i], p[i].pkt.p + k, 1, 0), 1);
			settle(&s);
		}
		for (uint32_t i = 0; i < 2; i++) {
			uint8_t got[256];

			wait_readable(s.side.tun);
			assert_int_equal(read(s.side.tun, got, sizeof(got)), LEN);
			assert_int_equal(got[20] % 10, number);
			assert_int_equal(got[15], 11 + got[20] / 10);
		}
	}
	close_side(&s.side);
	for (unsigned i = 0; i < 2; i++) {
		close_client(&c[i]);
		close(fds[i]);
	}
}

/* Bytes that a stranger's stream may begin with: frames that lie, true ones, junk. */
static size_t mutant(uint8_t *out, size_t cap, uint64_t *seed)
{
	static const uint16_t lens[] = { 0, 1, 14, 2048, 65535 };
	size_t len = 0;

	while (len + 100 < cap) {
		uint16_t frame = lens[*seed >> 33 & 3];

		*seed = *seed * 6364136223846793005U + 1442695040888963407U;
		if ((*seed >> 40 & 7) == 0)
			frame = lens[*seed >> 50 & 4];
		out[len++] = (uint8_t)(frame >> 8);
		out[len++] = (uint8_t)frame;
		for (unsigned i = 0; i < frame && i < 40; i++)
			out[len++] = (uint8_t)(*seed >> (i % 8 * 7));
		if ((*seed >> 60 & 3) == 0)
			break;
	}
	return len;
}

/* Sends what begins badly, and ends: cut off, half closed, or by a reset; or it waits to be ended. */
static void stranger(struct server *s, uint32_t id, uint64_t *seed)
{
	struct linger at_once = { .l_onoff = 1 };
	uint8_t bytes[4096];
	size_t len = mutant(bytes, sizeof(bytes), seed);
	int fd = give_stream(s, id);
	struct lnl_ntf n;

	send(fd, bytes, len, MSG_NOSIGNAL);
	switch (*seed >> 45 & 3) {
	case 0:
		shutdown(fd, SHUT_WR);
		break;
	case 1:
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		close(fd);
		fd = -1;
		break;
	case 2:
		close(fd);
		fd = -1;
		break;
	default:
		shutdown(fd, SHUT_RDWR);
		break;
	}
	do {
		next_of(&s->side, LNL_NTF_LINK_CLOSED, &n);
	} while (n.id != id);
	if (fd >= 0)
		close(fd);
}

/* T1: whatever a connection sends, and however it ends, only that one ends. */
static void t1_only_that_one_ends(void **state)
{
	unsigned count = test_count(500, 1000000);
	uint64_t seed = test_seed(7);
	struct server s;
	struct client c;
	struct sealed p;
	int fd;

	(void)state;
	open_server(&s);
	open_client(&c, 11, false);
	fd = give_stream(&s, 11);
	give_client(&s, &c, 11);
	settle(&s);
	for (uint32_t i = 0; i < count; i++) {
		uint8_t got[256];

		stranger(&s, 1000 + i, &seed);
		seal(&c, &p, 1, i % 200);
		send_framed(fd, p.pkt.p, p.pkt.len);
		wait_readable(s.side.tun);
		assert_int_equal(read(s.side.tun, got, sizeof(got)), LEN);
		assert_int_equal(got[20], i % 200);
	}
	close_side(&s.side);
	close_client(&c);
	close(fd);
}

/* By UDP nobody speaks for a peer behind TCP: it does not move, and its stream does not end. */
static void d4_streams_do_not_move(void **state)
{
	struct server s;
	struct client c;
	struct sealed p;
	struct lnl_counters n;
	int fd;

	(void)state;
	open_server(&s);
	open_client(&c, 11, false);
	fd = give_stream(&s, 11);
	give_client(&s, &c, 11);
	settle(&s);
	seal(&c, &p, 1, 1);
	p.pkt.p[30] ^= 1;
	send_from(c.fd, &s, &p);
	seal(&c, &p, 1, 2);
	send_from(c.fd, &s, &p);
	do {
		counters(&s.side, LNL_PEER_ID_NONE, &n);
	} while (n.drops[LNL_DROP_PEER] < 2);
	seal(&c, &p, 1, 3);
	send_framed(fd, p.pkt.p, p.pkt.len);
	expect_tun(&s, 11, 1, 3);
	into_tun(&s, 11, 4);
	expect_framed(&c, fd, 1, 4);
	counters(&s.side, 11, &n);
	assert_int_equal(n.drops[LNL_DROP_AUTH], 0);
	expect_no_float(&s);
	close_side(&s.side);
	close_client(&c);
	close(fd);
}

/* Reads frames until one that begins with |byte|; returns how many were before it. */
static unsigned skip_frames(int fd, uint8_t byte)
{
	static uint8_t got[70000];
	size_t held = 0;
	unsigned frames = 0;

	for (;;) {
		size_t at = 0, len;
		ssize_t n;

		wait_readable(fd);
		n = recv(fd, got + held, sizeof(got) - held, 0);
		assert_true(n > 0);
		held += (size_t)n;
		while (held - at >= 2) {
			len = 2 + ((size_t)got[at] << 8 | got[at + 1]);
			if (held - at < len)
				break;
			if (got[at + 2] == byte) {
				assert_int_equal(held, at + len);
				return frames;
			}
			frames++;
			at += len;
		}
		memmove(got, got + at, held - at);
		held -= at;
	}
}

/* One that does not read loses its packets; the others lose none and wait for none. */
static void a_full_stream_holds_up_nobody(void **state)
{
	enum { N = 20000 };
	struct server s;
	struct client c[2];
	struct lnl_counters n = { 0 };
	unsigned frames;
	int fd;

	(void)state;
	open_server(&s);
	connect_client(&s, &c[0], 10);
	open_client(&c[1], 11, false);
	fd = give_stream(&s, 11);
	give_client(&s, &c[1], 11);
	settle(&s);
	for (uint32_t i = 0; i < 1000; i++) {
		for (unsigned k = 0; k < 20; k++) {
			uint8_t packet[1400];
			struct pollfd p = { .fd = s.side.tun, .events = POLLOUT };

			make_packet(packet, i, sizeof(packet));
			memcpy(packet + 12, "\x0a\x08\x00\x01\x0a\x08\x00\x0b", 8);
			assert_int_equal(poll(&p, 1, PATIENCE), 1);
			assert_int_equal(write(s.side.tun, packet, sizeof(packet)), 1400);
		}
		into_tun(&s, 10, i);
		expect_at(&c[0], c[0].fd, 1, i);
	}
	counters(&s.side, 11, &n);
	assert_int_equal(n.tx_packets, N);
	assert_true(n.drops[LNL_DROP_QUEUE] > 0);
	counters(&s.side, 10, &n);
	assert_int_equal(n.drops[LNL_DROP_QUEUE] + n.drops[LNL_DROP_SEND], 0);
	/* Control packets still have room. */
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = 11 };
	cmd.u.datagram.len = 500;
	memset(cmd.u.datagram.bytes, 0xab, 500);
	command(&s.side, &cmd);
	settle(&s);
	frames = skip_frames(fd, 0xab);
	counters(&s.side, 11, &n);
	assert_int_equal(n.drops[LNL_DROP_QUEUE], N - frames);
	/* And once it reads again it is as good as any. */
	into_tun(&s, 11, 5);
	expect_framed(&c[1], fd, 1, 5);
	close_side(&s.side);
	close_client(&c[0]);
	close_client(&c[1]);
	close(fd);
}

/* ---- from peer to peer ---- */

/* Copies of what went out to |peer|. */
static unsigned captured_to(struct server *s, uint32_t peer)
{
	static uint8_t bytes[LNL_CAPTURED_MAX];
	struct lnl_captured copy;
	unsigned n = 0;

	while (lnl_worker_captured(s->side.worker, &copy, bytes))
		n += copy.out && copy.peer == peer && copy.drop == LNL_DROP_NONE;
	return n;
}

static void peers_reach_each_other(void **state)
{
	struct server s;
	struct client c[3];
	struct lnl_counters n;
	struct sealed p;
	int fd;

	(void)state;
	open_server(&s);
	connect_client(&s, &c[0], 10);
	connect_client(&s, &c[1], 11);
	open_client(&c[2], 12, false);
	fd = give_stream(&s, 12);
	give_client(&s, &c[2], 12);
	settle(&s);
	/* Not asked for: to TUN, as everything. */
	say(&c[0], &s, 11, 1);
	expect_tun(&s, 10, 11, 1);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	settle(&s);
	assert_int_equal(lnl_worker_capture(s.side.worker, LNL_PEER_ID_NONE, LNL_CAPTURED_MAX), 0);
	for (uint32_t i = 0; i < 20; i++) {
		say(&c[i % 2], &s, 11 - i % 2, i);
		expect_at(&c[1 - i % 2], c[1 - i % 2].fd, 10 + i % 2, i);
	}
	say(&c[0], &s, 12, 30);
	expect_framed(&c[2], fd, 10, 30);
	seal(&c[2], &p, 11, 31);
	send_framed(fd, p.pkt.p, p.pkt.len);
	expect_at(&c[1], c[1].fd, 12, 31);
	assert_int_equal(captured_to(&s, 11), 11);
	lnl_worker_capture_end(s.side.worker);
	/* For us, for nobody, for itself: TUN. */
	say(&c[0], &s, 1, 40);
	expect_tun(&s, 10, 1, 40);
	say(&c[0], &s, 99, 41);
	expect_tun(&s, 10, 99, 41);
	say(&c[0], &s, 10, 42);
	expect_tun(&s, 10, 10, 42);
	expect_nothing(s.side.tun);
	counters(&s.side, 10, &n);
	assert_int_equal(n.rx_packets, 1 + 10 + 1 + 3);
	assert_int_equal(n.tx_packets, 10);
	/* To one that has no keys any more: counted there. */
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_KEY_DEL,
						.peer = 11,
						.u.key.slot = LNL_SLOT_PRIMARY });
	settle(&s);
	say(&c[0], &s, 11, 50);
	do {
		counters(&s.side, 11, &n);
	} while (n.drops[LNL_DROP_NO_KEY] == 0);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = false });
	settle(&s);
	say(&c[0], &s, 12, 51);
	expect_tun(&s, 10, 12, 51);
	close_side(&s.side);
	for (unsigned i = 0; i < 3; i++)
		close_client(&c[i]);
	close(fd);
}

/* A whole batch at once, to one that does not read: it loses its own. */
static void a_relay_waits_for_nobody(void **state)
{
	enum { ROUNDS = 400, EACH = 20 };
	struct server s;
	struct client c[3];
	struct lnl_counters n;
	int fd;

	(void)state;
	open_server(&s);
	connect_client(&s, &c[0], 10);
	connect_client(&s, &c[1], 11);
	open_client(&c[2], 12, false);
	fd = give_stream(&s, 12);
	give_client(&s, &c[2], 12);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	settle(&s);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		for (unsigned k = 0; k < EACH; k++) {
			uint8_t room[LNL_HEADROOM + 1400 + LNL_TAILROOM];
			struct lnl_packet pkt = { .p = room + LNL_HEADROOM,
						  .len = 1400,
						  .peer = 10 };

			make_packet(pkt.p, i, 1400);
			memcpy(pkt.p + 12, "\x0a\x08\x00\x0a\x0a\x08\x00\x0c", 8);
			assert_int_equal(lnl_data_seal(c[0].d, &pkt, 1, 1), 1);
			assert_true(sendto(c[0].fd, pkt.p, pkt.len, 0, (struct sockaddr *)&s.at,
					   sizeof(s.at)) > 0);
		}
		say(&c[0], &s, 11, i);
		expect_at(&c[1], c[1].fd, 10, i);
	}
	counters(&s.side, 12, &n);
	assert_int_equal(n.tx_packets, ROUNDS * EACH);
	assert_true(n.drops[LNL_DROP_QUEUE] > 0);
	counters(&s.side, 11, &n);
	assert_int_equal(n.drops[LNL_DROP_QUEUE] + n.drops[LNL_DROP_SEND], 0);
	close_side(&s.side);
	for (unsigned i = 0; i < 3; i++)
		close_client(&c[i]);
	close(fd);
}

/* Whoever a packet is relayed to may end while it is, and so may who sent it. */
static void a_relay_survives_ends(void **state)
{
	struct linger at_once = { .l_onoff = 1 };
	struct server s;
	struct client c[2];
	struct lnl_ntf n;
	struct sealed p;
	int fds[2];

	(void)state;
	open_server(&s);
	for (uint32_t i = 0; i < 2; i++) {
		open_client(&c[i], 11 + i, false);
		fds[i] = give_stream(&s, 11 + i);
		give_client(&s, &c[i], 11 + i);
	}
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	settle(&s);
	setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	for (uint32_t i = 0; i < 100; i++) {
		seal(&c[0], &p, 12, i);
		send_framed(fds[0], p.pkt.p, p.pkt.len);
		if (i == 50)
			close(fds[1]);
	}
	next_of(&s.side, LNL_NTF_LINK_CLOSED, &n);
	assert_int_equal(n.id, 12);
	seal(&c[0], &p, 1, 200);
	send_framed(fds[0], p.pkt.p, p.pkt.len);
	expect_tun(&s, 11, 1, 200);
	close_side(&s.side);
	for (unsigned i = 0; i < 2; i++)
		close_client(&c[i]);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_gets_its_peer_later),
		cmocka_unit_test(t1_streams_come_in_pieces),
		cmocka_unit_test(t1_only_that_one_ends),
		cmocka_unit_test(d4_streams_do_not_move),
		cmocka_unit_test(a_full_stream_holds_up_nobody),
		cmocka_unit_test(peers_reach_each_other),
		cmocka_unit_test(a_relay_waits_for_nobody),
		cmocka_unit_test(a_relay_survives_ends),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
