/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lanes of a server: each peer's own, one for all, packets from peer to peer, datagrams of strangers,
 * and peers of another worker's.
 */
/* lunel-test: timeout 120 */
#include "test_io_worker_lane.h"
#include "test_io_worker_many.h"

static const struct lnl_worker_lane filter = {
	.of = LNL_LANE_OF_PEERS,
	.points = BOTH,
	.on_error = LNL_LANE_ON_ERROR_DROP,
};

static const struct lnl_worker_lane transport = {
	.of = LNL_LANE_OF_WIRE,
	.points = WIRE,
	.overhead = 15,
	.on_error = LNL_LANE_ON_ERROR_DROP,
};

static void give_filter(struct server *s, uint32_t peer, uint32_t lane)
{
	command(&s->side,
		&(struct lnl_command){ .kind = LNL_CMD_PEER_LANE, .peer = peer, .id = lane });
}

static void wait_drops(struct server *s, uint32_t peer, enum lnl_drop reason, uint64_t n,
		       struct lnl_counters *c)
{
	do {
		counters(&s->side, peer, c);
	} while (c->drops[reason] < n);
	assert_int_equal(c->drops[reason], n);
}

/* ---- each peer its own ---- */

/* Two with a lane each, one without: nobody's packets are judged by another's lane. */
static void each_peer_has_its_own(void **state)
{
	struct client c[3];
	struct lnl_counters k;
	struct server s;

	(void)state;
	lanes_init();
	open_server(&s);
	give_lane(&s.side, 1, lane_drops_odd, &filter);
	give_lane(&s.side, 2, lane_drops_all, &filter);
	for (uint32_t i = 0; i < 3; i++)
		connect_client(&s, &c[i], 10 + i);
	give_filter(&s, 10, 1);
	give_filter(&s, 11, 2);
	settle(&s);
	/* All in one turn, mixed. */
	for (uint32_t number = 0; number < 30; number++)
		for (uint32_t i = 0; i < 3; i++)
			say(&c[i], &s, 1, number);
	for (uint32_t number = 0; number < 30; number++) {
		if (number % 2 == 0)
			expect_tun(&s, 10, 1, number);
		expect_tun(&s, 12, 1, number);
	}
	wait_drops(&s, 10, LNL_DROP_LANE, 15, &k);
	assert_int_equal(k.rx_packets, 15);
	wait_drops(&s, 11, LNL_DROP_LANE, 30, &k);
	assert_int_equal(k.rx_packets, 0);
	counters(&s.side, 12, &k);
	assert_int_equal(k.drops[LNL_DROP_LANE], 0);
	for (uint32_t number = 0; number < 30; number++)
		for (uint32_t i = 0; i < 3; i++)
			into_tun(&s, 10 + i, number);
	for (uint32_t number = 0; number < 30; number++) {
		if (number % 2 == 0)
			expect_at(&c[0], c[0].fd, 1, number);
		expect_at(&c[2], c[2].fd, 1, number);
	}
	wait_drops(&s, 10, LNL_DROP_LANE, 30, &k);
	assert_int_equal(k.tx_packets, 15);
	wait_drops(&s, 11, LNL_DROP_LANE, 60, &k);
	assert_int_equal(k.tx_packets, 0);
	/* Taken off. */
	give_filter(&s, 11, 0);
	settle(&s);
	into_tun(&s, 11, 77);
	expect_at(&c[1], c[1].fd, 1, 77);
	for (uint32_t i = 0; i < 3; i++)
		close_client(&c[i]);
	close_side(&s.side);
}

/* The one for all comes first, and what it leaves is the peer's own's. */
static void one_for_all_and_one_of_its_own(void **state)
{
	struct lnl_worker_lane all = filter;
	struct lnl_counters k;
	struct client c;
	struct server s;

	(void)state;
	lanes_init();
	all.of = LNL_LANE_OF_ALL;
	open_server(&s);
	give_lane(&s.side, 1, lane_drops_odd, &all);
	give_lane(&s.side, 2, lane_passes, &filter);
	connect_client(&s, &c, 10);
	give_filter(&s, 10, 2);
	settle(&s);
	for (uint32_t number = 0; number < 20; number++)
		say(&c, &s, 1, number);
	for (uint32_t number = 0; number < 20; number += 2)
		expect_tun(&s, 10, 1, number);
	wait_drops(&s, 10, LNL_DROP_LANE, 10, &k);
	assert_int_equal(atomic_load(&lanes[1].packets), 20);
	assert_int_equal(atomic_load(&lanes[2].packets), 10);
	close_client(&c);
	close_side(&s.side);
}

/* A filter that is not there (any more) is not the same as none. */
static void a_filter_that_is_missing_blocks(void **state)
{
	struct lnl_counters k;
	struct client c[2];
	struct server s;

	(void)state;
	lanes_init();
	open_server(&s);
	connect_client(&s, &c[0], 10);
	connect_client(&s, &c[1], 11);
	give_filter(&s, 10, 5);
	settle(&s);
	say(&c[0], &s, 1, 1);
	into_tun(&s, 10, 2);
	wait_drops(&s, 10, LNL_DROP_LANE, 2, &k);
	assert_int_equal(k.rx_packets + k.tx_packets, 0);
	give_lane(&s.side, 1, lane_passes, &filter);
	give_filter(&s, 11, 1);
	settle(&s);
	say(&c[1], &s, 1, 3);
	expect_tun(&s, 11, 1, 3);
	take_lane(&s.side, 1);
	settle(&s);
	say(&c[1], &s, 1, 4);
	wait_drops(&s, 11, LNL_DROP_LANE, 1, &k);
	close_client(&c[0]);
	close_client(&c[1]);
	close_side(&s.side);
	assert_int_equal(atomic_load(&vms), 0);
}

/* A peer has its filter from its first packet on. */
static void a_peer_comes_with_its_filter(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ADD, .id = UDP };
	struct lnl_counters k;
	struct client c;
	struct server s;

	(void)state;
	lanes_init();
	open_server(&s);
	give_lane(&s.side, 1, lane_drops_all, &filter);
	open_client(&c, 10, false);
	cmd.u.peer.conf = (struct lnl_peer_conf){ .id = 10, .wire_id = 10 };
	cmd.u.peer.address = addr_of(&c.at);
	cmd.u.peer.lane = 1;
	command(&s.side, &cmd);
	give_client_key(&s, &c);
	settle(&s);
	say(&c, &s, 1, 1);
	wait_drops(&s, 10, LNL_DROP_LANE, 1, &k);
	close_client(&c);
	close_side(&s.side);
}

/* ---- from peer to peer ---- */

/* Past the sender's lane on the way in, and the receiver's on the way out. */
static void relayed_packets_meet_both(void **state)
{
	struct lnl_worker_lane in = filter, out = filter;
	struct lnl_counters k;
	struct client c[2];
	struct server s;

	(void)state;
	lanes_init();
	in.points = 1u << LNL_LANE_FROM_PEER;
	out.points = 1u << LNL_LANE_TO_PEER;
	open_server(&s);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	give_lane(&s.side, 1, lane_drops_odd, &in);
	give_lane(&s.side, 2, lane_passes, &out);
	connect_client(&s, &c[0], 10);
	connect_client(&s, &c[1], 11);
	give_filter(&s, 10, 1);
	give_filter(&s, 11, 2);
	settle(&s);
	for (uint32_t number = 0; number < 40; number++)
		say(&c[0], &s, 11, number);
	for (uint32_t number = 0; number < 40; number += 2)
		expect_at(&c[1], c[1].fd, 10, number);
	wait_drops(&s, 10, LNL_DROP_LANE, 20, &k);
	assert_int_equal(atomic_load(&lanes[2].packets), 20);
	atomic_store(&lanes[2].fn, lane_drops_all);
	say(&c[0], &s, 11, 50);
	wait_drops(&s, 11, LNL_DROP_LANE, 1, &k);
	assert_int_equal(k.tx_packets, 20);
	expect_nothing(c[1].fd);
	close_client(&c[0]);
	close_client(&c[1]);
	close_side(&s.side);
}

/* A lane that lengthens has the same room there, and one for super-packets sees them, too. */
static void relayed_packets_have_room(void **state)
{
	struct lnl_worker_lane out = filter;
	struct client c[2];
	struct server s;
	uint8_t got[2048], want[LEN];
	struct lnl_packet pkt = { .p = got, .peer = 11 };

	(void)state;
	lanes_init();
	out.points = 1u << LNL_LANE_TO_PEER;
	out.overhead = 8;
	open_server(&s);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	give_lane(&s.side, 2, lane_wraps, &out);
	connect_client(&s, &c[0], 10);
	connect_client(&s, &c[1], 11);
	give_filter(&s, 11, 2);
	settle(&s);
	say(&c[0], &s, 11, 1);
	wait_readable(c[1].fd);
	pkt.len = (uint32_t)recv(c[1].fd, got, sizeof(got), 0);
	assert_int_equal(lnl_data_open(c[1].d, &pkt, 1, 1), 1);
	assert_int_equal(pkt.len, LEN + 8);
	make(want, 10, 11, 1);
	assert_memory_equal(pkt.p + 5, want, LEN);
	out.super = true;
	out.overhead = 0;
	give_lane(&s.side, 2, lane_drops_odd, &out);
	settle(&s);
	say(&c[0], &s, 11, 3);
	say(&c[0], &s, 11, 4);
	expect_at(&c[1], c[1].fd, 10, 4);
	close_client(&c[0]);
	close_client(&c[1]);
	close_side(&s.side);
}

/* ---- strangers ---- */

/* Whatever they send meets the lane, and no more: nobody's counters, no notification. */
static void strangers_end_at_the_transport(void **state)
{
	uint8_t garbage[200] = { LNL_OP_HARD_RESET_CLIENT_V2 << 3 };
	struct lnl_counters k;
	struct lnl_ntf n;
	struct client c;
	struct server s;
	struct sealed p;
	struct sockaddr_in to;

	(void)state;
	lanes_init();
	open_server(&s);
	give_lane(&s.side, 1, lane_hides, &transport);
	connect_client(&s, &c, 10);
	settle(&s);
	to = s.at;
	for (unsigned i = 0; i < 200; i++) {
		garbage[1] = (uint8_t)i;
		assert_int_equal(sendto(c.fd, garbage, sizeof(garbage), 0, (struct sockaddr *)&to,
					sizeof(to)),
				 sizeof(garbage));
		if (i % 20 == 0)
			settle(&s);
	}
	wait_drops(&s, LNL_PEER_ID_NONE, LNL_DROP_LANE, 200, &k);
	counters(&s.side, 10, &k);
	assert_int_equal(k.drops[LNL_DROP_LANE], 0);
	/* Hidden as the lane has it, a packet comes through, and one that begins a session. */
	seal(&c, &p, 1, 7);
	for (uint32_t i = 0; i < p.pkt.len; i++)
		p.pkt.p[i] ^= 0x5a;
	p.pkt.p -= 1;
	p.pkt.len += 1;
	p.pkt.p[0] = 1 ^ 0x5a;
	send_from(c.fd, &s, &p);
	expect_tun(&s, 10, 1, 7);
	memset(garbage, 0x5a, sizeof(garbage));
	garbage[0] = 1 ^ 0x5a;
	garbage[1] = (LNL_OP_HARD_RESET_CLIENT_V2 << 3) ^ 0x5a;
	sendto(c.fd, garbage, sizeof(garbage), 0, (struct sockaddr *)&to, sizeof(to));
	next_of(&s.side, LNL_NTF_PACKET, &n);
	assert_int_equal(n.u.datagram.len, sizeof(garbage) - 1);
	assert_int_equal(n.u.datagram.bytes[0], LNL_OP_HARD_RESET_CLIENT_V2 << 3);
	close_client(&c);
	close_side(&s.side);
}

/* ---- two workers ---- */

static uint32_t link_of(unsigned i)
{
	return 2 + i;
}

static void open_workers(struct server s[2], const struct lnl_worker_lane *conf, lane_fn *fn)
{
	struct lnl_worker *workers[2];

	for (unsigned i = 0; i < 2; i++) {
		open_side_for(&s[i].side, 1000);
		workers[i] = s[i].side.worker;
	}
	assert_int_equal(lnl_worker_connect(workers, 2), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct lnl_command cmd = { .kind = LNL_CMD_LINK_ADD };
		int fd = nonblocking(SOCK_DGRAM);

		give_lane(&s[i].side, 1, fn, conf);
		bind_loopback(fd, &s[i].at);
		cmd.u.link = (struct lnl_link_conf){
			.id = link_of(i), .fd = fd, .peer = LNL_PEER_ID_NONE, .many = true
		};
		command(&s[i].side, &cmd);
		command(&s[i].side, &(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
							   .u.tun = { .fd = s[i].side.tun_given,
								      .routed = true } });
		command(&s[i].side,
			&(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	}
}

static void connect_at(struct server s[2], unsigned owner, struct client *c, uint32_t id)
{
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_ELSEWHERE,
				   .id = link_of(owner),
				   .peer = id };

	open_client(c, id, false);
	give_client(&s[owner], c, link_of(owner));
	cmd.u.elsewhere.worker = owner;
	cmd.u.elsewhere.address = addr_of(&c->at);
	command(&s[!owner].side, &cmd);
	cmd = (struct lnl_command){ .kind = LNL_CMD_ROUTE_ADD, .peer = id };
	cmd.u.route = (struct lnl_prefix){ { 4, { 10, 8, 0, (uint8_t)id } }, 32 };
	command(&s[!owner].side, &cmd);
	settle(&s[0]);
	settle(&s[1]);
}

static void close_workers(struct server s[2])
{
	lnl_worker_stop(s[0].side.worker);
	lnl_worker_stop(s[1].side.worker);
	close_side(&s[0].side);
	close_side(&s[1].side);
	assert_int_equal(atomic_load(&vms), 0);
}

/* Whose peer it is shows its packets to its lane, once, wherever they come from. */
static void a_peers_worker_runs_its_lane(void **state)
{
	struct lnl_counters k;
	struct server s[2];
	struct client c[2];

	(void)state;
	lanes_init();
	open_workers(s, &filter, lane_drops_odd);
	connect_at(s, 0, &c[0], 10);
	connect_at(s, 1, &c[1], 11);
	give_filter(&s[1], 11, 1);
	settle(&s[1]);
	/* From TUN, of either worker. */
	for (uint32_t number = 0; number < 60; number++) {
		into_tun(&s[number / 2 % 2], 11, number);
		if (number % 2 == 0)
			expect_at(&c[1], c[1].fd, 1, number);
	}
	wait_drops(&s[1], 11, LNL_DROP_LANE, 30, &k);
	/* From a peer of the other one's, and to it. */
	for (uint32_t number = 60; number < 80; number++)
		say(&c[0], &s[0], 11, number);
	for (uint32_t number = 60; number < 80; number += 2)
		expect_at(&c[1], c[1].fd, 10, number);
	wait_drops(&s[1], 11, LNL_DROP_LANE, 40, &k);
	for (uint32_t number = 80; number < 100; number++)
		say(&c[1], &s[1], 10, number);
	for (uint32_t number = 80; number < 100; number += 2)
		expect_at(&c[0], c[0].fd, 11, number);
	wait_drops(&s[1], 11, LNL_DROP_LANE, 50, &k);
	/* By the other one's socket. */
	say(&c[1], &s[0], 10, 101);
	wait_drops(&s[1], 11, LNL_DROP_LANE, 51, &k);
	assert_int_equal(atomic_load(&lanes[1].packets), 101);
	expect_nothing(c[0].fd);
	expect_nothing(c[1].fd);
	close_workers(s);
	close_client(&c[0]);
	close_client(&c[1]);
}

/* A datagram that is handed on has met the transport where it came. */
static void the_transport_is_passed_once(void **state)
{
	struct lnl_worker_lane conf = transport;
	struct server s[2];
	struct client c;

	(void)state;
	lanes_init();
	conf.points = 1u << LNL_LANE_WIRE_IN;
	open_workers(s, &conf, lane_passes);
	connect_at(s, 1, &c, 11);
	say(&c, &s[1], 1, 1);
	expect_tun(&s[1], 11, 1, 1);
	assert_int_equal(atomic_load(&lanes[1].packets), 1);
	say(&c, &s[0], 1, 2);
	expect_tun(&s[1], 11, 1, 2);
	assert_int_equal(atomic_load(&lanes[1].packets), 2);
	close_workers(s);
	close_client(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_peer_has_its_own),
		cmocka_unit_test(one_for_all_and_one_of_its_own),
		cmocka_unit_test(a_filter_that_is_missing_blocks),
		cmocka_unit_test(a_peer_comes_with_its_filter),
		cmocka_unit_test(relayed_packets_meet_both),
		cmocka_unit_test(relayed_packets_have_room),
		cmocka_unit_test(strangers_end_at_the_transport),
		cmocka_unit_test(a_peers_worker_runs_its_lane),
		cmocka_unit_test(the_transport_is_passed_once),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
