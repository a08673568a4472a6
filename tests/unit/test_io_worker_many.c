/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Many peers behind one socket: whose a packet is, routes, and floats (TRUST D4). */
/* lunel-test: timeout 120 */
#include "test_io_worker_many.h"
#include "io/incoming.h"

/* ---- whose is it? ---- */

static void packets_find_their_peers(void **state)
{
	struct server s;
	struct client c[3];
	struct lnl_counters n;

	(void)state;
	open_server(&s);
	for (uint32_t i = 0; i < 3; i++)
		connect_client(&s, &c[i], 10 + i);
	settle(&s);
	for (uint32_t i = 0; i < 30; i++) {
		say(&c[i % 3], &s, 1, i);
		expect_tun(&s, 10 + i % 3, 1, i);
	}
	/* A batch of several at once. */
	for (uint32_t i = 0; i < 30; i++)
		into_tun(&s, 10 + i % 3, i);
	for (uint32_t i = 0; i < 30; i++)
		expect_at(&c[i % 3], c[i % 3].fd, 1, i);
	/* No route: counted as nobody's, and nobody gets it. */
	into_tun(&s, 77, 1);
	into_tun(&s, 10, 2);
	expect_at(&c[0], c[0].fd, 1, 2);
	expect_nothing(c[1].fd);
	counters(&s.side, LNL_PEER_ID_NONE, &n);
	assert_int_equal(n.drops[LNL_DROP_ROUTE], 1);
	/* D6: another's source. */
	struct sealed p = { .pkt = { .p = p.room + LNL_HEADROOM, .len = LEN, .peer = 10 } };
	make(p.pkt.p, 11, 1, 1);
	assert_int_equal(lnl_data_seal(c[0].d, &p.pkt, 1, 1), 1);
	send_from(c[0].fd, &s, &p);
	say(&c[0], &s, 1, 3);
	expect_tun(&s, 10, 1, 3);
	counters(&s.side, 10, &n);
	assert_int_equal(n.drops[LNL_DROP_SOURCE], 1);
	assert_int_equal(n.rx_packets, 11);
	assert_int_equal(n.tx_packets, 11);
	close_side(&s.side);
	for (uint32_t i = 0; i < 3; i++)
		close_client(&c[i]);
}

/* Old clients name nobody: their address does. */
#define CROWD 5
#define EACH  40

/*
 * A batch of TUN for many peers in turns: each gets its own, in order, as one message of segments
 * where the kernel has them.
 */
static void a_batch_is_sorted_by_peer(void **state)
{
	struct server s;
	struct client c[CROWD];
	unsigned got[CROWD] = { 0 }, messages = 0;
	uint8_t p[LEN];

	(void)state;
	open_server(&s);
	for (uint32_t i = 0; i < CROWD; i++) {
		connect_client(&s, &c[i], i + 2);
		lnl_offload_gro(c[i].fd);
	}
	settle(&s);
	/* All are there before the worker reads: it is stopped by nothing else. */
	for (uint32_t n = 0; n < EACH; n++)
		for (uint32_t i = 0; i < CROWD; i++) {
			make(p, 1, i + 2, n);
			assert_int_equal(write(s.side.tun, p, LEN), LEN);
		}
	for (uint32_t i = 0; i < CROWD; i++)
		while (got[i] < EACH) {
			struct lnl_incoming in;

			assert_int_equal(lnl_incoming_init(&in), 0);
			wait_readable(c[i].fd);
			messages += (unsigned)lnl_incoming_receive(&in, c[i].fd, false, true);
			while (lnl_incoming_cut(&in))
				for (unsigned k = 0; k < in.n; k++) {
					in.pkts[k].peer = c[i].id;
					assert_int_equal(lnl_data_open(c[i].d, &in.pkts[k], 1, 1),
							 1);
					make(p, 1, i + 2, got[i]++);
					assert_memory_equal(in.pkts[k].p, p, LEN);
				}
			lnl_incoming_deinit(&in);
		}
	assert_true(messages <= CROWD * EACH);
	for (uint32_t i = 0; i < CROWD; i++)
		close_client(&c[i]);
	close_side(&s.side);
}

static void data_v1_is_found_by_address(void **state)
{
	struct server s;
	struct client c[2], stranger;
	struct sealed p;
	struct lnl_counters n;

	(void)state;
	open_server(&s);
	for (uint32_t i = 0; i < 2; i++) {
		open_client(&c[i], 10 + i, true);
		give_client(&s, &c[i], UDP);
	}
	open_client(&stranger, 12, true);
	settle(&s);
	for (uint32_t i = 0; i < 10; i++) {
		say(&c[i % 2], &s, 1, i);
		expect_tun(&s, 10 + i % 2, 1, i);
	}
	/* From where nobody is: authentic or not, it is nobody's. */
	seal(&c[0], &p, 1, 20);
	send_from(stranger.fd, &s, &p);
	say(&c[1], &s, 1, 21);
	expect_tun(&s, 11, 1, 21);
	counters(&s.side, LNL_PEER_ID_NONE, &n);
	assert_int_equal(n.drops[LNL_DROP_PEER], 1);
	/* The same from its own address. */
	send_from(c[0].fd, &s, &p);
	expect_tun(&s, 10, 1, 20);
	/* A new peer at an old one's address: packets that name nobody are the new one's. */
	stranger.at = c[0].at;
	give_client(&s, &stranger, UDP);
	settle(&s);
	seal(&stranger, &p, 1, 22);
	send_from(c[0].fd, &s, &p);
	expect_tun(&s, 12, 1, 22);
	close_side(&s.side);
	close_client(&c[0]);
	close_client(&c[1]);
	close_client(&stranger);
}

static void control_packets_know_their_way(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_SEND, .id = UDP };
	struct server s;
	struct client c[2];
	struct lnl_ntf n;
	uint8_t got[64];

	(void)state;
	open_server(&s);
	for (uint32_t i = 0; i < 2; i++)
		open_client(&c[i], 10 + i, false);
	for (uint32_t i = 0; i < 10; i++) {
		uint8_t packet[20] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3, (uint8_t)i };
		struct lnl_addr from = addr_of(&c[i % 2].at);

		assert_int_equal(sendto(c[i % 2].fd, packet, sizeof(packet), 0,
					(struct sockaddr *)&s.at, sizeof(s.at)),
				 sizeof(packet));
		next_of(&s.side, LNL_NTF_PACKET, &n);
		assert_int_equal(n.id, UDP);
		assert_int_equal(n.u.datagram.len, sizeof(packet));
		assert_int_equal(n.u.datagram.bytes[1], i);
		assert_true(lnl_addr_equal(&n.u.datagram.from, &from));
		/* And back to where it came from. */
		cmd.u.datagram.to = n.u.datagram.from;
		cmd.u.datagram.len = 20;
		memset(cmd.u.datagram.bytes, (int)i, 20);
		command(&s.side, &cmd);
		wait_readable(c[i % 2].fd);
		assert_int_equal(recv(c[i % 2].fd, got, sizeof(got), 0), 20);
		assert_int_equal(got[0], i);
	}
	/* Without an address it goes nowhere, and nothing ends. */
	cmd.u.datagram.to = (struct lnl_addr){ 0 };
	command(&s.side, &cmd);
	cmd.u.datagram.to = addr_of(&c[1].at);
	command(&s.side, &cmd);
	wait_readable(c[1].fd);
	expect_nothing(c[0].fd);
	close_side(&s.side);
	close_client(&c[0]);
	close_client(&c[1]);
}

/* The control thread takes none for a while: control packets are lost, data goes on. */
static void a_flood_of_control_packets_stops_no_data(void **state)
{
	static const uint8_t flood[1000] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3 };
	struct server s;
	struct client c;
	struct lnl_ntf n;
	unsigned taken = 0;

	(void)state;
	open_server(&s);
	connect_client(&s, &c, 10);
	settle(&s);
	for (uint32_t i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 20; k++)
			assert_true(sendto(c.fd, flood, sizeof(flood), 0, (struct sockaddr *)&s.at,
					   sizeof(s.at)) > 0);
		say(&c, &s, 1, i);
		expect_tun(&s, 10, 1, i);
		into_tun(&s, 10, i);
		expect_at(&c, c.fd, 1, i);
	}
	assert_true(lnl_worker_lost(s.side.worker) > 1000);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 10 });
	do {
		next(&s.side, &n);
		taken += n.kind == LNL_NTF_PACKET;
	} while (n.kind != LNL_NTF_COUNTERS);
	assert_int_equal(taken + lnl_worker_lost(s.side.worker), 2000);
	close_side(&s.side);
	close_client(&c);
}

/* Nor what established peers say: strangers leave them room. TCP peers have links of their own. */
static void strangers_leave_room(void **state)
{
	static const uint8_t flood[1000] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3 };
	static const uint8_t soft[100] = { LNL_OP_SOFT_RESET_V1 << 3, 1 };
	struct client c, stranger;
	unsigned heard = 0;
	struct server s;
	struct lnl_ntf n;

	(void)state;
	open_server(&s);
	connect_client(&s, &c, 10);
	open_client(&stranger, 11, false);
	settle(&s);
	for (uint32_t i = 0; i < 100; i++) {
		for (unsigned k = 0; k < 20; k++)
			assert_true(sendto(stranger.fd, flood, sizeof(flood), 0,
					   (struct sockaddr *)&s.at, sizeof(s.at)) > 0);
		/* Once this has passed the worker has seen them all. */
		say(&c, &s, 1, i);
		expect_tun(&s, 10, 1, i);
	}
	for (uint32_t i = 0; i < 100; i++)
		assert_true(sendto(c.fd, soft, sizeof(soft), 0, (struct sockaddr *)&s.at,
				   sizeof(s.at)) > 0);
	say(&c, &s, 1, 100);
	expect_tun(&s, 10, 1, 100);
	assert_true(lnl_worker_lost(s.side.worker) > 1000);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 10 });
	do {
		next(&s.side, &n);
		heard += n.kind == LNL_NTF_PACKET && n.u.datagram.len == sizeof(soft);
	} while (n.kind != LNL_NTF_COUNTERS);
	assert_int_equal(heard, 100);
	close_side(&s.side);
	close_client(&c);
	close_client(&stranger);
}

/* The control thread is woken for strangers once a millisecond, for peers at once. */
static void strangers_wake_seldom(void **state)
{
	static const uint8_t reset[14] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3, 1 };
	static const uint8_t soft[14] = { LNL_OP_SOFT_RESET_V1 << 3, 1 };
	uint64_t begin, wakes = 0, took;
	struct client c, stranger;
	unsigned heard = 0;
	struct server s;
	struct lnl_ntf n;

	(void)state;
	open_server(&s);
	connect_client(&s, &c, 10);
	open_client(&stranger, 11, false);
	settle(&s);
	begin = lnl_clock_now();
	for (uint32_t i = 0; i < 1000; i++) {
		assert_true(sendto(stranger.fd, reset, sizeof(reset), 0, (struct sockaddr *)&s.at,
				   sizeof(s.at)) > 0);
		say(&c, &s, 1, i % 200);
		expect_tun(&s, 10, 1, i % 200);
	}
	took = (lnl_clock_now() - begin) / LNL_MSEC;
	wait_readable(s.side.woken);
	assert_int_equal(read(s.side.woken, &wakes, sizeof(wakes)), sizeof(wakes));
	print_message("1000 strangers within %llu ms: %llu wakes\n", (unsigned long long)took,
		      (unsigned long long)wakes);
	assert_true(wakes <= took + 2);
	/* Nobody is forgotten, also when nothing follows. */
	while (heard < 1000) {
		next(&s.side, &n);
		heard += n.kind == LNL_NTF_PACKET;
	}
	assert_int_equal(lnl_worker_lost(s.side.worker), 0);
	/* The twin: of a peer each turn is told. */
	while (poll(&(struct pollfd){ .fd = s.side.woken, .events = POLLIN }, 1, 10) > 0)
		assert_true(read(s.side.woken, &wakes, sizeof(wakes)) > 0);
	for (uint32_t i = 0; i < 100; i++) {
		assert_true(sendto(c.fd, soft, sizeof(soft), 0, (struct sockaddr *)&s.at,
				   sizeof(s.at)) > 0);
		wait_readable(s.side.woken);
		assert_int_equal(read(s.side.woken, &wakes, sizeof(wakes)), sizeof(wakes));
		assert_int_equal(wakes, 1);
	}
	close_side(&s.side);
	close_client(&c);
	close_client(&stranger);
}

/* ---- D4 ---- */

static void expect_float(struct server *s, uint32_t peer, const struct sockaddr_in *to)
{
	struct lnl_addr address = addr_of(to);
	struct lnl_ntf n;

	next_of(&s->side, LNL_NTF_FLOAT, &n);
	assert_int_equal(n.peer, peer);
	assert_int_equal(n.id, UDP);
	assert_true(lnl_addr_equal(&n.u.address, &address));
}

static int other_socket(struct sockaddr_in *at)
{
	int fd = nonblocking(SOCK_DGRAM);

	bind_loopback(fd, at);
	return fd;
}

static void d4_only_fresh_packets_move(void **state)
{
	struct server s;
	struct client c;
	struct sealed p;
	struct sockaddr_in at;
	int fd = other_socket(&at);

	(void)state;
	open_server(&s);
	connect_client(&s, &c, 10);
	settle(&s);
	/* Forged, from elsewhere. */
	for (uint32_t i = 0; i < 100; i++) {
		seal(&c, &p, 1, i);
		p.pkt.p[p.pkt.len - 1 - i % 80] ^= 1;
		send_from(fd, &s, &p);
	}
	/* Heard already, and again from elsewhere. */
	seal(&c, &p, 1, 200);
	send_from(c.fd, &s, &p);
	expect_tun(&s, 10, 1, 200);
	send_from(fd, &s, &p);
	say(&c, &s, 1, 201);
	expect_tun(&s, 10, 1, 201);
	into_tun(&s, 10, 202);
	expect_at(&c, c.fd, 1, 202);
	expect_no_float(&s);
	/* Fresh: at once, for data and for who asks. */
	seal(&c, &p, 1, 203);
	send_from(fd, &s, &p);
	expect_tun(&s, 10, 1, 203);
	into_tun(&s, 10, 204);
	expect_at(&c, fd, 1, 204);
	expect_nothing(c.fd);
	expect_float(&s, 10, &at);
	/* A ping moves, too; and back again. */
	p.pkt = (struct lnl_packet){ .p = p.room + LNL_HEADROOM };
	assert_int_equal(lnl_data_special(c.d, 10, LNL_SPECIAL_PING, &p.pkt, 1), 0);
	send_from(c.fd, &s, &p);
	expect_float(&s, 10, &c.at);
	into_tun(&s, 10, 205);
	expect_at(&c, c.fd, 1, 205);
	close_side(&s.side);
	close_client(&c);
	close(fd);
}

static void d4_not_before_keys_nor_after_its_end(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ADD, .id = UDP };
	struct server s;
	struct client c, other;
	struct sealed p;
	struct sockaddr_in at, other_at;
	int fd = other_socket(&at), other_fd = other_socket(&other_at);

	(void)state;
	open_server(&s);
	connect_client(&s, &other, 11);
	open_client(&c, 10, false);
	cmd.u.peer.conf = (struct lnl_peer_conf){ .id = 10, .wire_id = 10 };
	cmd.u.peer.address = addr_of(&c.at);
	command(&s.side, &cmd);
	settle(&s);
	seal(&c, &p, 1, 1);
	send_from(fd, &s, &p);
	say(&other, &s, 1, 2);
	expect_tun(&s, 11, 1, 2);
	expect_no_float(&s);
	/* The twin: with keys. Then the peer goes while its news waits, and is told of no more. */
	give_client_key(&s, &c);
	settle(&s);
	send_from(fd, &s, &p);
	expect_tun(&s, 10, 1, 1);
	expect_float(&s, 10, &at);
	seal(&other, &p, 1, 6);
	send_from(other_fd, &s, &p);
	expect_tun(&s, 11, 1, 6);
	expect_float(&s, 11, &other_at);
	say(&c, &s, 1, 3);
	expect_tun(&s, 10, 1, 3);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 10 });
	seal(&c, &p, 1, 4);
	send_from(fd, &s, &p);
	/* The other moves after it, so that its news, told a second later, comes behind. */
	say(&other, &s, 1, 5);
	expect_tun(&s, 11, 1, 5);
	expect_float(&s, 11, &other.at);
	expect_no_float(&s);
	close_side(&s.side);
	close_client(&c);
	close_client(&other);
	close(fd);
	close(other_fd);
}

static void d4_never_onto_another_peer(void **state)
{
	struct server s;
	struct client c[2];
	struct sealed p;

	(void)state;
	open_server(&s);
	connect_client(&s, &c[0], 10);
	connect_client(&s, &c[1], 11);
	settle(&s);
	/* Authentic, from where another is: it is heard, and changes nothing. */
	seal(&c[0], &p, 1, 1);
	send_from(c[1].fd, &s, &p);
	expect_tun(&s, 10, 1, 1);
	into_tun(&s, 10, 2);
	expect_at(&c[0], c[0].fd, 1, 2);
	into_tun(&s, 11, 3);
	expect_at(&c[1], c[1].fd, 1, 3);
	expect_no_float(&s);
	/* Once the other is gone, it may. */
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 11 });
	settle(&s);
	seal(&c[0], &p, 1, 4);
	send_from(c[1].fd, &s, &p);
	expect_tun(&s, 10, 1, 4);
	expect_float(&s, 10, &c[1].at);
	into_tun(&s, 10, 5);
	expect_at(&c[0], c[1].fd, 1, 5);
	close_side(&s.side);
	close_client(&c[0]);
	close_client(&c[1]);
}

/* Ten moves in a moment: the first is told, and within two seconds the last. */
static void d4_moves_are_told_once_a_second(void **state)
{
	struct server s;
	struct client c;
	struct sealed p;
	struct sockaddr_in at[10];
	struct lnl_counters n;
	int fds[10];
	uint64_t first;

	(void)state;
	open_server(&s);
	connect_client(&s, &c, 10);
	settle(&s);
	for (uint32_t i = 0; i < 10; i++) {
		fds[i] = other_socket(&at[i]);
		seal(&c, &p, 1, i);
		send_from(fds[i], &s, &p);
		expect_tun(&s, 10, 1, i);
		into_tun(&s, 10, i);
		expect_at(&c, fds[i], 1, i);
		if (i == 0)
			expect_float(&s, 10, &at[0]);
	}
	first = lnl_clock_now();
	expect_float(&s, 10, &at[9]);
	assert_in_range(lnl_clock_now() - first, LNL_SECOND / 2, 10 * LNL_SECOND);
	counters(&s.side, 10, &n);
	assert_int_equal(n.rx_packets, 10);
	for (unsigned i = 0; i < 10; i++)
		close(fds[i]);
	close_side(&s.side);
	close_client(&c);
}

/* From one of our sockets to another: a phone that leaves IPv4. */
static void floats_between_links(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	struct server s;
	struct client c;
	struct sealed p;
	struct sockaddr_in second;
	struct lnl_ntf n;
	int fd = other_socket(&second);

	(void)state;
	open_server(&s);
	connect_client(&s, &c, 10);
	cmd.u.link =
		(struct lnl_link_conf){ .id = 2, .fd = fd, .peer = LNL_PEER_ID_NONE, .many = true };
	command(&s.side, &cmd);
	settle(&s);
	seal(&c, &p, 1, 1);
	assert_true(sendto(c.fd, p.pkt.p, p.pkt.len, 0, (struct sockaddr *)&second,
			   sizeof(second)) > 0);
	expect_tun(&s, 10, 1, 1);
	next_of(&s.side, LNL_NTF_FLOAT, &n);
	assert_int_equal(n.peer, 10);
	assert_int_equal(n.id, 2);
	into_tun(&s, 10, 2);
	expect_at(&c, c.fd, 1, 2);
	/* That socket goes: packets for the peer are lost until it is heard by the other. */
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = 2 });
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_PEER_LINK, .peer = 10, .id = UDP });
	settle(&s);
	into_tun(&s, 10, 3);
	expect_at(&c, c.fd, 1, 3);
	close_side(&s.side);
	close_client(&c);
}

/* ---- many ---- */

/* 10,000 come, are at home in no time, and go. */
static void thousands_come_and_go(void **state)
{
	enum { N = 10000 };
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ADD, .id = UDP };
	struct server s;
	struct client c;
	uint64_t start = lnl_clock_now();

	(void)state;
	open_side_for(&s.side, N + 1);
	lnl_worker_free(s.side.worker);
	assert_int_equal(lnl_worker_new(&s.side.worker, &env, N + 1, 1, wake, &s.side), 0);
	struct lnl_command link = { .kind = LNL_CMD_LINK_ADD };
	int fd = nonblocking(SOCK_DGRAM);
	bind_loopback(fd, &s.at);
	link.u.link = (struct lnl_link_conf){
		.id = UDP, .fd = fd, .peer = LNL_PEER_ID_NONE, .many = true
	};
	command(&s.side, &link);
	command(&s.side,
		&(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
				       .u.tun = { .fd = s.side.tun_given, .routed = true } });
	connect_client(&s, &c, 10);
	for (uint32_t i = 0; i < N; i++) {
		struct lnl_ip ip = { 4, { 192, 0, (uint8_t)(i >> 8), (uint8_t)i } };

		cmd.u.peer.conf = (struct lnl_peer_conf){ .id = 100 + i, .wire_id = 100 + i };
		cmd.u.peer.address = lnl_addr_from(&ip, 1194);
		command(&s.side, &cmd);
	}
	settle(&s);
	say(&c, &s, 1, 1);
	expect_tun(&s, 10, 1, 1);
	for (uint32_t i = 0; i < N; i++)
		command(&s.side,
			&(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 100 + i * 7 % N });
	settle(&s);
	say(&c, &s, 1, 2);
	expect_tun(&s, 10, 1, 2);
	/* Generous: what takes a time per pair of them takes minutes. */
	assert_true(lnl_clock_now() - start < 20 * LNL_SECOND);
	close_side(&s.side);
	close_client(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_find_their_peers),
		cmocka_unit_test(a_batch_is_sorted_by_peer),
		cmocka_unit_test(data_v1_is_found_by_address),
		cmocka_unit_test(control_packets_know_their_way),
		cmocka_unit_test(a_flood_of_control_packets_stops_no_data),
		cmocka_unit_test(strangers_leave_room),
		cmocka_unit_test(strangers_wake_seldom),
		cmocka_unit_test(d4_only_fresh_packets_move),
		cmocka_unit_test(d4_not_before_keys_nor_after_its_end),
		cmocka_unit_test(d4_never_onto_another_peer),
		cmocka_unit_test(d4_moves_are_told_once_a_second),
		cmocka_unit_test(floats_between_links),
		cmocka_unit_test(thousands_come_and_go),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
