/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Workers that know of one another: what comes to one and is for a peer of another one. Each has its
 * socket at an address of its own here, so that the test and no hash says who gets a datagram.
 */
/* lunel-test: timeout 120 */
#include "test_data_offload.h"
#include "test_io_worker_many.h"

#include <semaphore.h>
#include <stdatomic.h>

#define WORKERS 3

/* While it is closed the worker stands still where it wakes its control thread. */
struct gate {
	struct side *side;
	atomic_bool closed;
	sem_t inside, open;
};

static struct gate gates[WORKERS];

static void wake_by_gate(void *ctx)
{
	struct gate *g = ctx;

	wake(g->side);
	if (!atomic_exchange(&g->closed, false))
		return;
	sem_post(&g->inside);
	sem_wait(&g->open);
}

/* The link of worker |i|: the first listening address. */
static uint32_t link_of(unsigned i)
{
	return WORKERS + i;
}

static void open_workers_with(struct server *s, unsigned offload)
{
	struct lnl_worker *workers[WORKERS];

	for (unsigned i = 0; i < WORKERS; i++) {
		gates[i].side = &s[i].side;
		open_side_with(&s[i].side, 1000, wake_by_gate, &gates[i]);
		workers[i] = s[i].side.worker;
	}
	assert_int_equal(lnl_worker_connect(workers, WORKERS), 0);
	for (unsigned i = 0; i < WORKERS; i++) {
		struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
		int fd = nonblocking(SOCK_DGRAM);

		bind_loopback(fd, &s[i].at);
		cmd.u.link = (struct lnl_link_conf){
			.id = link_of(i), .fd = fd, .peer = LNL_PEER_ID_NONE, .many = true
		};
		command(&s[i].side, &cmd);
		cmd = (struct lnl_command){ .kind = LNL_CMD_TUN_ADD };
		cmd.u.tun = (struct lnl_worker_tun){ .fd = s[i].side.tun_given,
						     .routed = true,
						     .offload = offload };
		command(&s[i].side, &cmd);
	}
}

static void open_workers(struct server *s)
{
	open_workers_with(s, 0);
}

static void close_workers(struct server *s)
{
	for (unsigned i = 0; i < WORKERS; i++)
		lnl_worker_stop(s[i].side.worker);
	for (unsigned i = 0; i < WORKERS; i++)
		close_side(&s[i].side);
}

static void settle_all(struct server *s)
{
	for (unsigned i = 0; i < WORKERS; i++)
		settle(&s[i]);
}

static struct lnl_prefix host(uint32_t id)
{
	return (struct lnl_prefix){ { 4, { 10, 8, 0, (uint8_t)id } }, 32 };
}

static void tell_elsewhere(struct server *s, uint32_t peer, unsigned owner, uint64_t serial,
			   const struct client *c)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ELSEWHERE,
				   .id = link_of(owner),
				   .peer = peer };

	cmd.u.elsewhere.worker = owner;
	cmd.u.elsewhere.serial = serial;
	if (c != NULL)
		cmd.u.elsewhere.address = addr_of(&c->at);
	command(&s->side, &cmd);
	cmd = (struct lnl_command){ .kind = LNL_CMD_ROUTE_ADD, .peer = peer };
	cmd.u.route = host(peer);
	command(&s->side, &cmd);
}

/* A client of worker |owner|'s, and all know it. */
static void connect_at(struct server *s, unsigned owner, struct client *c, uint32_t id)
{
	open_client(c, id, false);
	give_client(&s[owner], c, link_of(owner));
	for (unsigned i = 0; i < WORKERS; i++)
		if (i != owner)
			tell_elsewhere(&s[i], id, owner, 0, c);
	settle_all(s);
}

/* What arrives at |fd| comes from |from|'s socket. */
static void expect_by(struct client *c, int fd, const struct server *from, uint32_t source,
		      uint32_t number)
{
	uint8_t got[2048];
	struct sockaddr_in at;
	socklen_t len = sizeof(at);
	ssize_t n;

	wait_readable(fd);
	n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&at, &len);
	assert_true(n > 0);
	assert_int_equal(at.sin_port, from->at.sin_port);
	open_at(c, got, (size_t)n, source, number);
}

/* ---- from TUN ---- */

static void packets_of_tun_find_the_other_worker(void **state)
{
	struct server s[WORKERS];
	struct client c[2];
	struct lnl_counters k;
	struct lnl_captured copy;
	static uint8_t bytes[LNL_CAPTURED_MAX];
	unsigned copies = 0;

	(void)state;
	open_workers(s);
	connect_at(s, 0, &c[0], 10);
	connect_at(s, 1, &c[1], 11);
	assert_int_equal(lnl_worker_capture(s[1].side.worker, 11, LNL_CAPTURED_MAX), 0);
	for (uint32_t number = 0; number < 60; number++) {
		into_tun(&s[number % WORKERS], 11, number);
		expect_by(&c[1], c[1].fd, &s[1], 1, number);
		into_tun(&s[number % WORKERS], 10, number);
		expect_by(&c[0], c[0].fd, &s[0], 1, number);
	}
	counters(&s[1].side, 11, &k);
	assert_int_equal(k.tx_packets, 60);
	counters(&s[0].side, 11, &k);
	assert_int_equal(k.tx_packets, 0);
	assert_int_equal(k.drops[LNL_DROP_QUEUE], 0);
	/* A capture sees them all, whoever read them of TUN. */
	while (lnl_worker_captured(s[1].side.worker, &copy, bytes))
		copies += copy.out && copy.peer == 11 && copy.drop == LNL_DROP_NONE;
	assert_int_equal(copies, 60);
	close_workers(s);
	close_client(&c[0]);
	close_client(&c[1]);
}

static void a_flow_stays_in_order(void **state)
{
	struct server s[WORKERS];
	struct client c;

	(void)state;
	open_workers(s);
	connect_at(s, 2, &c, 11);
	for (uint32_t round = 0; round < 50; round++) {
		for (uint32_t i = 0; i < 20; i++)
			into_tun(&s[0], 11, i + 20 * round);
		for (uint32_t i = 0; i < 20; i++)
			expect_at(&c, c.fd, 1, i + 20 * round);
	}
	close_workers(s);
	close_client(&c);
}

/* A packet of many segments goes over as one, and is cut by who seals it. */
static void super_packets_go_whole(void **state)
{
	static uint8_t room[sizeof(struct lnl_vnet) + SUPER_MAX];
	struct shape shape = { .ipv4 = true, .tcp = true, .gso_size = 1000, .flags = ACK };
	struct server s[WORKERS];
	struct client c;

	(void)state;
	open_workers_with(s, LNL_TUN_VNET | LNL_TUN_TSO);
	connect_at(s, 1, &c, 2); /* whose address the shape's is */
	for (shape.payload = 900; shape.payload < 65000; shape.payload += 12345) {
		uint8_t *super = room + sizeof(struct lnl_vnet);
		struct lnl_vnet vnet;
		uint32_t len = build_packet(&shape, super, &vnet);

		memcpy(room, &vnet, sizeof(vnet));
		assert_int_equal(write(s[0].side.tun, room, sizeof(vnet) + len),
				 sizeof(vnet) + len);
		for (unsigned i = 0; i < naive_segments(&shape); i++) {
			uint8_t got[2048], want[2048];
			struct lnl_packet pkt = { .p = got, .peer = 2 };

			wait_readable(c.fd);
			pkt.len = (uint32_t)recv(c.fd, got, sizeof(got), 0);
			assert_int_equal(lnl_data_open(c.d, &pkt, 1, 1), 1);
			assert_int_equal(pkt.len, naive_segment(&shape, super, i, want));
			assert_memory_equal(pkt.p, want, pkt.len);
		}
	}
	close_workers(s);
	close_client(&c);
}

/* A device that has no queue for this worker is written to, and not read. */
static void what_another_reads_is_written_to(void **state)
{
	struct server s[WORKERS];
	struct lnl_command cmd = { .kind = LNL_CMD_TUN_ADD };
	uint8_t packet[LEN];
	struct client c;
	int tun[2];

	(void)state;
	open_workers(s);
	connect_at(s, 1, &c, 11);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, tun), 0);
	close(s[1].side.tun);
	s[1].side.tun = tun[0];
	cmd.u.tun = (struct lnl_worker_tun){ .fd = tun[1], .routed = true, .unread = true };
	command(&s[1].side, &cmd);
	into_tun(&s[1], 11, 1);
	say(&c, &s[1], 1, 2);
	expect_tun(&s[1], 11, 1, 2);
	settle(&s[1]);
	expect_nothing(c.fd);
	assert_int_equal(recv(tun[1], packet, LEN, MSG_PEEK | MSG_DONTWAIT), LEN);
	close_workers(s);
	close_client(&c);
}

/* A peer of the same id that came later gets nothing of what was on its way to the first. */
static void a_successor_gets_nothing(void **state)
{
	struct lnl_counters before, after;
	struct server s[WORKERS];
	struct client c;

	(void)state;
	open_workers(s);
	open_client(&c, 11, false);
	give_client(&s[1], &c, link_of(1));
	tell_elsewhere(&s[0], 11, 1, 7, &c);
	settle_all(s);
	counters(&s[1].side, LNL_PEER_ID_NONE, &before);
	into_tun(&s[0], 11, 1);
	do {
		counters(&s[1].side, LNL_PEER_ID_NONE, &after);
	} while (after.drops[LNL_DROP_QUEUE] == before.drops[LNL_DROP_QUEUE]);
	expect_nothing(c.fd);
	counters(&s[1].side, 11, &after);
	assert_int_equal(after.tx_packets, 0);
	close_workers(s);
	close_client(&c);
}

/* ---- from peer to peer ---- */

static void peers_of_two_workers_reach_each_other(void **state)
{
	struct server s[WORKERS];
	struct client c[2];

	(void)state;
	open_workers(s);
	connect_at(s, 0, &c[0], 10);
	connect_at(s, 1, &c[1], 11);
	say(&c[0], &s[0], 11, 1);
	expect_tun(&s[0], 10, 11, 1);
	for (unsigned i = 0; i < WORKERS; i++)
		command(&s[i].side,
			&(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	settle_all(s);
	for (uint32_t number = 2; number < 40; number++) {
		say(&c[0], &s[0], 11, number);
		expect_by(&c[1], c[1].fd, &s[1], 10, number);
		say(&c[1], &s[1], 10, number);
		expect_by(&c[0], c[0].fd, &s[0], 11, number);
	}
	/* And by way of another worker's socket: three are on its way. */
	say(&c[0], &s[2], 11, 41);
	expect_by(&c[1], c[1].fd, &s[1], 10, 41);
	expect_nothing(s[0].side.tun);
	close_workers(s);
	close_client(&c[0]);
	close_client(&c[1]);
}

/* ---- datagrams that come to another worker ---- */

static void a_peer_moves_to_another_workers_socket(void **state)
{
	struct server s[WORKERS];
	struct client c;
	struct lnl_addr to;
	struct sockaddr_in at;
	struct sealed p, old;
	struct lnl_ntf n;
	int moved = nonblocking(SOCK_DGRAM);

	(void)state;
	open_workers(s);
	connect_at(s, 1, &c, 11);
	bind_loopback(moved, &at);
	/* What is not authentic moves nobody. */
	seal(&c, &p, 1, 1);
	p.pkt.p[30] ^= 1;
	send_from(moved, &s[0], &p);
	do {
		struct lnl_counters k;

		counters(&s[1].side, 11, &k);
		if (k.drops[LNL_DROP_AUTH] == 1)
			break;
	} while (true);
	into_tun(&s[0], 11, 2);
	expect_by(&c, c.fd, &s[1], 1, 2);
	/* It is its worker that opens, and answers, by its own socket of that listening address. */
	seal(&c, &old, 1, 3);
	send_from(moved, &s[0], &old);
	expect_tun(&s[1], 11, 1, 3);
	next_of(&s[1].side, LNL_NTF_FLOAT, &n);
	assert_int_equal(n.peer, 11);
	assert_int_equal(n.id, link_of(1));
	to = addr_of(&at);
	assert_true(lnl_addr_equal(&n.u.address, &to));
	into_tun(&s[2], 11, 4);
	expect_by(&c, moved, &s[1], 1, 4);
	/* A replay, by whichever socket, is one: and no move back. */
	for (unsigned i = 0; i < WORKERS; i++)
		send_from(c.fd, &s[i], &old);
	say(&c, &s[2], 1, 5);
	expect_tun(&s[1], 11, 1, 5);
	do {
		struct lnl_counters k;

		counters(&s[1].side, 11, &k);
		if (k.drops[LNL_DROP_REPLAY] == WORKERS)
			break;
	} while (true);
	expect_nothing(s[1].side.tun);
	close_workers(s);
	close_client(&c);
	close(moved);
}

/* An authentic packet of |c|, worker |owner|'s, at |s| from |fd|, where another one is. */
static void expect_no_move(struct server *s, unsigned owner, struct client *c, int fd, unsigned by,
			   uint32_t number)
{
	struct sealed p;

	seal(c, &p, 1, number);
	send_from(fd, &s[by], &p);
	expect_tun(&s[owner], c->id, 1, number);
	into_tun(&s[0], c->id, number);
	expect_by(c, c->fd, &s[owner], 1, number);
	expect_no_float(&s[owner]);
}

/* Nobody moves to where a peer is, whosever that is, be it there from the start or have it moved. */
static void nobody_takes_anothers_place(void **state)
{
	int moved = nonblocking(SOCK_DGRAM);
	struct server s[WORKERS];
	struct sockaddr_in at;
	struct client c[2];
	struct sealed p;

	(void)state;
	open_workers(s);
	connect_at(s, 0, &c[0], 10);
	connect_at(s, 1, &c[1], 11);
	/* Each listening address is another place; one socket stands for each worker's here. */
	for (unsigned by = 0; by < WORKERS; by++)
		expect_no_move(s, 1, &c[1], c[0].fd, by, 1 + by);
	bind_loopback(moved, &at);
	seal(&c[0], &p, 1, 10);
	send_from(moved, &s[2], &p);
	expect_tun(&s[0], 10, 1, 10);
	settle_all(s);
	for (unsigned by = 0; by < WORKERS; by++)
		expect_no_move(s, 1, &c[1], moved, by, 11 + by);
	/* Where it was is free; where somebody was that is gone, too. */
	seal(&c[1], &p, 1, 20);
	send_from(c[0].fd, &s[2], &p);
	expect_tun(&s[1], 11, 1, 20);
	into_tun(&s[0], 11, 21);
	expect_by(&c[1], c[0].fd, &s[1], 1, 21);
	for (unsigned i = 0; i < WORKERS; i++)
		command(&s[i].side, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 10 });
	settle_all(s);
	seal(&c[1], &p, 1, 22);
	send_from(moved, &s[1], &p);
	expect_tun(&s[1], 11, 1, 22);
	into_tun(&s[0], 11, 23);
	expect_by(&c[1], moved, &s[1], 1, 23);
	close_workers(s);
	close_client(&c[0]);
	close_client(&c[1]);
	close(moved);
}

static void give_control(int fd, const struct server *s)
{
	static const uint8_t control[30] = { LNL_OP_CONTROL_V1 << 3 };

	assert_int_equal(sendto(fd, control, sizeof(control), 0, (const struct sockaddr *)&s->at,
				sizeof(s->at)),
			 sizeof(control));
}

/* Control packets of a peer are no stranger's, by whichever socket they come. */
static void control_packets_come_by_any_socket(void **state)
{
	struct server s[WORKERS];
	struct lnl_ntf n;
	struct client c;

	(void)state;
	open_workers(s);
	connect_at(s, 1, &c, 11);
	for (unsigned by = 0; by < WORKERS; by++) {
		const struct lnl_addr from = addr_of(&c.at);

		give_control(c.fd, &s[by]);
		next_of(&s[by].side, LNL_NTF_PACKET, &n);
		assert_int_equal(n.id, link_of(by));
		assert_true(lnl_addr_equal(&n.u.datagram.from, &from));
	}
	close_workers(s);
	close_client(&c);
}

/* By UDP nobody speaks for a peer behind TCP, wherever it comes in. */
static void streams_are_safe_from_datagrams(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
	struct server s[WORKERS];
	struct lnl_counters k;
	struct client c;
	struct sealed p;
	int fds[2];

	(void)state;
	open_workers(s);
	tcp_pair(fds);
	cmd.u.link = (struct lnl_link_conf){ .id = link_of(1) + WORKERS,
					     .fd = fds[1],
					     .kind = LNL_LINK_TCP,
					     .peer = LNL_PEER_ID_NONE };
	command(&s[1].side, &cmd);
	open_client(&c, 11, false);
	give_client(&s[1], &c, link_of(1) + WORKERS);
	tell_elsewhere(&s[0], 11, 1, 0, NULL);
	settle_all(s);
	seal(&c, &p, 1, 1);
	send_from(c.fd, &s[0], &p);
	do {
		counters(&s[1].side, LNL_PEER_ID_NONE, &k);
	} while (k.drops[LNL_DROP_PEER] == 0);
	counters(&s[1].side, 11, &k);
	assert_int_equal(k.rx_packets, 0);
	expect_nothing(s[1].side.tun);
	close_workers(s);
	close_client(&c);
	close(fds[0]);
}

/* ---- a full ring ---- */

static void wait_for_all(struct server *s, uint32_t peer, uint64_t total, uint64_t *sent,
			 uint64_t *lost)
{
	struct lnl_counters k;

	*sent = 0;
	while (*sent + *lost < total) {
		counters(&s[0].side, peer, &k);
		*lost += k.drops[LNL_DROP_QUEUE];
		counters(&s[1].side, peer, &k);
		*sent = k.tx_packets;
	}
	assert_int_equal(*sent + *lost, total);
}

/* Worker 1 stands still from now on. */
static void close_gate(struct server *s)
{
	struct gate *gate = &gates[1];

	sem_init(&gate->inside, 0, 0);
	sem_init(&gate->open, 0, 0);
	atomic_store(&gate->closed, true);
	command(&s[1].side, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 11 });
	sem_wait(&gate->inside);
}

static void a_full_ring_drops_and_counts(void **state)
{
	enum { TOTAL = 4000 };
	struct server s[WORKERS];
	uint64_t sent, lost = 0;
	struct lnl_counters k;
	struct client c;

	(void)state;
	open_workers(s);
	connect_at(s, 1, &c, 11);
	close_gate(s);
	for (uint32_t i = 0; i < TOTAL; i++) {
		struct pollfd p = { .fd = s[0].side.tun, .events = POLLOUT };

		assert_int_equal(poll(&p, 1, PATIENCE), 1);
		into_tun(&s[0], 11, i);
	}
	/* More than the ring holds; and what others do is not held up. */
	while (lost < TOTAL / 2) {
		counters(&s[0].side, 11, &k);
		lost += k.drops[LNL_DROP_QUEUE];
	}
	sem_post(&gates[1].open);
	wait_for_all(s, 11, TOTAL, &sent, &lost);
	assert_in_range(sent, 500, TOTAL / 2);
	counters(&s[0].side, 11, &k);
	assert_int_equal(k.drops[LNL_DROP_QUEUE], 0); /* each is told of once */
	/* It goes on afterwards. */
	while (recv(c.fd, (uint8_t[2048]){ 0 }, 2048, MSG_DONTWAIT) > 0)
		;
	into_tun(&s[0], 11, 77);
	wait_readable(c.fd);
	close_workers(s);
	close_client(&c);
}

/* Who floods with datagrams that name a peer takes no room from the packets for it. */
static void datagrams_leave_room_to_packets(void **state)
{
	enum { FLOOD = 300, PACKETS = 100 };
	struct server s[WORKERS];
	struct lnl_counters k;
	struct client c[2];
	struct sealed p;

	(void)state;
	open_workers(s);
	connect_at(s, 0, &c[0], 10);
	connect_at(s, 1, &c[1], 11);
	close_gate(s);
	for (unsigned i = 0; i < FLOOD; i++) {
		uint8_t junk[1400] = { LNL_OP_DATA_V2 << 3, 0, 0, 11 };

		assert_int_equal(sendto(c[1].fd, junk, sizeof(junk), 0,
					(const struct sockaddr *)&s[0].at, sizeof(s[0].at)),
				 sizeof(junk));
		if (i % 50 == 49) { /* no more than the socket holds */
			say(&c[0], &s[0], 1, i);
			expect_tun(&s[0], 10, 1, i);
		}
	}
	counters(&s[0].side, 11, &k);
	assert_in_range(k.drops[LNL_DROP_QUEUE], FLOOD / 2, FLOOD - 50);
	for (uint32_t i = 0; i < PACKETS; i++)
		into_tun(&s[0], 11, i);
	into_tun(&s[0], 10, 1);
	expect_at(&c[0], c[0].fd, 1, 1);
	counters(&s[0].side, 11, &k);
	assert_int_equal(k.drops[LNL_DROP_QUEUE], 0);
	sem_post(&gates[1].open);
	for (uint32_t i = 0; i < PACKETS; i++)
		expect_at(&c[1], c[1].fd, 1, i);
	seal(&c[1], &p, 1, 7);
	send_from(c[1].fd, &s[0], &p);
	expect_tun(&s[1], 11, 1, 7);
	close_workers(s);
	close_client(&c[0]);
	close_client(&c[1]);
}

/* Ids go out as they were given out: what is passed on overtakes nothing that is sealed already. */
static void nothing_is_overtaken(void **state)
{
	enum { PACKETS = 100 };
	struct server s[WORKERS];
	struct client c[3];

	(void)state;
	open_workers(s);
	connect_at(s, 0, &c[0], 10);
	connect_at(s, 1, &c[1], 11);
	connect_at(s, 1, &c[2], 12);
	command(&s[1].side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	settle_all(s);
	close_gate(s);
	for (uint32_t i = 0; i < PACKETS; i++)
		into_tun(&s[0], 11, i);
	into_tun(&s[0], 10, 1);
	expect_at(&c[0], c[0].fd, 1, 1);
	say(&c[2], &s[0], 11, 7);
	say(&c[0], &s[0], 1, 1);
	expect_tun(&s[0], 10, 1, 1);
	sem_post(&gates[1].open);
	for (uint32_t i = 0; i < PACKETS; i++)
		expect_at(&c[1], c[1].fd, 1, i);
	expect_at(&c[1], c[1].fd, 12, 7);
	close_workers(s);
	for (unsigned i = 0; i < 3; i++)
		close_client(&c[i]);
}

/* ---- beginning and end ---- */

static void what_cannot_be_is_refused(void **state)
{
	struct lnl_worker *none[LNL_WORKERS_MAX + 1] = { NULL };
	struct server s[WORKERS], one;
	struct client c[2];
	struct lnl_ntf n;

	(void)state;
	assert_int_equal(lnl_worker_connect(none, 1), LNL_E_INVAL);
	assert_int_equal(lnl_worker_connect(none, LNL_WORKERS_MAX + 1), LNL_E_INVAL);
	open_server(&one);
	tell_elsewhere(&one, 11, 1, 0, NULL);
	next_of(&one.side, LNL_NTF_FAILED, &n);
	assert_int_equal(n.id, LNL_CMD_PEER_ELSEWHERE);
	assert_int_equal(n.peer, 11);
	assert_int_equal(n.error, LNL_E_INVAL);
	close_side(&one.side);

	open_workers(s);
	connect_at(s, 1, &c[0], 11);
	tell_elsewhere(&s[0], 12, 0, 0, NULL);
	next_of(&s[0].side, LNL_NTF_FAILED, &n);
	assert_int_equal(n.error, LNL_E_INVAL);
	tell_elsewhere(&s[0], 12, WORKERS, 0, NULL);
	next_of(&s[0].side, LNL_NTF_FAILED, &n);
	assert_int_equal(n.peer, 12);
	tell_elsewhere(&s[1], 11, 0, 0, NULL);
	do {
		next_of(&s[1].side, LNL_NTF_FAILED, &n);
	} while (n.id != LNL_CMD_PEER_ELSEWHERE);
	assert_int_equal(n.error, LNL_E_EXIST);
	/* Gone, it is nobody's; its routes went with it. */
	for (unsigned i = 0; i < WORKERS; i++)
		command(&s[i].side, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 11 });
	settle_all(s);
	into_tun(&s[0], 11, 1);
	do {
		counters(&s[0].side, LNL_PEER_ID_NONE, &n.u.counters);
	} while (n.u.counters.drops[LNL_DROP_ROUTE] == 0);
	connect_at(s, 0, &c[1], 11);
	close_workers(s);
	close_client(&c[0]);
	close_client(&c[1]);
}

/* In the middle of packets from everywhere to everywhere. */
static void the_end_comes_at_any_time(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct server s[WORKERS];
		struct client c[WORKERS];

		open_workers(s);
		for (unsigned i = 0; i < WORKERS; i++)
			connect_at(s, i, &c[i], 10 + i);
		for (uint32_t number = 0; number < 10 * round; number++)
			for (unsigned i = 0; i < WORKERS; i++) {
				uint8_t packet[LEN];
				ssize_t written;

				make(packet, 1, 10 + (i + number) % WORKERS, number);
				written = write(s[i].side.tun, packet, LEN);
				(void)written; /* its queue may be full */
				say(&c[i], &s[(i + number) % WORKERS], 1, number);
			}
		close_workers(s);
		for (unsigned i = 0; i < WORKERS; i++)
			close_client(&c[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_tun_find_the_other_worker),
		cmocka_unit_test(a_flow_stays_in_order),
		cmocka_unit_test(super_packets_go_whole),
		cmocka_unit_test(what_another_reads_is_written_to),
		cmocka_unit_test(a_successor_gets_nothing),
		cmocka_unit_test(peers_of_two_workers_reach_each_other),
		cmocka_unit_test(a_peer_moves_to_another_workers_socket),
		cmocka_unit_test(nobody_takes_anothers_place),
		cmocka_unit_test(control_packets_come_by_any_socket),
		cmocka_unit_test(streams_are_safe_from_datagrams),
		cmocka_unit_test(a_full_ring_drops_and_counts),
		cmocka_unit_test(datagrams_leave_room_to_packets),
		cmocka_unit_test(nothing_is_overtaken),
		cmocka_unit_test(what_cannot_be_is_refused),
		cmocka_unit_test(the_end_comes_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
