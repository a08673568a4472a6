/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lanes on the way of packets: what they drop, change and lengthen is counted, and nothing is allocated
 * or lost behind one.
 */
/* lunel-test: timeout 120 */
/* lunel-test: counted */
#include "test_io_worker_lane_ends.h"

#include "unit/test_allocations.h"
#include "unit/test_data_offload.h"

/* ---- dropping ---- */

static void what_goes_out_is_dropped_and_counted(void **state)
{
	struct lnl_worker_lane conf = filter;

	(void)state;
	conf.points = 1u << LNL_LANE_TO_PEER;
	for (size_t r = 0; r < ROADS; r++) {
		struct lnl_counters c;
		struct side s[2];

		open_ends(s, r, 0, lane_drops_odd, &conf);
		for (uint32_t i = 0; i < 100; i++)
			into(&s[0], i);
		for (uint32_t i = 0; i < 100; i += 2)
			expect_packet(s[1].tun, i, LEN);
		/* The last of them may still be on its way there. */
		wait_drops(&s[0], PEER, LNL_DROP_LANE, 50, &c);
		assert_int_equal(c.tx_packets, 50);
		assert_int_equal(c.tx_bytes, 50 * LEN);
		assert_int_equal(atomic_load(&lanes[LANE].packets), 100);
		nothing_more(s[1].tun);
		close_ends(s);
	}
}

static void what_comes_in_is_dropped_and_counted(void **state)
{
	struct lnl_worker_lane conf = filter;

	(void)state;
	conf.points = 1u << LNL_LANE_FROM_PEER;
	for (size_t r = 0; r < ROADS; r++) {
		struct lnl_counters c;
		struct side s[2];

		open_ends(s, r, 0, lane_drops_odd, &conf);
		for (uint32_t i = 0; i < 100; i++)
			into(&s[0], i);
		for (uint32_t i = 0; i < 100; i += 2)
			expect_packet(s[1].tun, i, LEN);
		wait_drops(&s[1], PEER, LNL_DROP_LANE, 50, &c);
		/* Nothing is lost from sight. */
		assert_int_equal(c.rx_packets, 50);
		assert_int_equal(c.rx_bytes, 50 * LEN);
		nothing_more(s[1].tun);
		close_ends(s);
	}
}

/* ---- other lengths ---- */

static void what_one_end_adds_the_other_takes_off(void **state)
{
	struct lnl_worker_lane conf = filter;

	(void)state;
	conf.overhead = 8;
	for (size_t r = 0; r < ROADS; r++) {
		struct lnl_counters c;
		struct side s[2];

		open_ends(s, r, 0, lane_wraps, &conf);
		for (uint32_t i = 0; i < 200; i++) {
			into(&s[i & 1], i);
			expect_packet(s[~i & 1].tun, i, LEN);
		}
		counters(&s[0], PEER, &c);
		assert_int_equal(c.tx_bytes, 100 * (LEN + 8));
		assert_int_equal(c.rx_bytes, 100 * LEN);
		assert_int_equal(c.drops[LNL_DROP_LANE] + c.drops[LNL_DROP_LANE_BAD], 0);
		close_ends(s);
	}
}

/* ---- a transport ---- */

/* Control packets, data and pings look like nothing that is known, and arrive. */
static void a_transport_hides_all(void **state)
{
	(void)state;
	for (size_t r = 0; r < ROADS; r++) {
		struct lnl_counters c;
		struct lnl_ntf n;
		struct side s[2];

		open_ends(s, r, 0, lane_hides, &transport);
		for (uint32_t i = 0; i < 300; i++) {
			into(&s[i & 1], i);
			if (i % 50 == 0) {
				send_control(&s[0], LNL_OP_CONTROL_V1, i, 200);
				next_of(&s[1], LNL_NTF_PACKET, &n);
				assert_int_equal(n.u.datagram.len, 200);
				assert_int_equal(n.u.datagram.bytes[0], LNL_OP_CONTROL_V1 << 3);
			}
			expect_packet(s[~i & 1].tun, i, LEN);
		}
		command(&s[0], &(struct lnl_command){ .kind = LNL_CMD_SPECIAL,
						      .peer = PEER,
						      .u.special = LNL_SPECIAL_PING });
		do {
			counters(&s[1], PEER, &c);
		} while (c.pings_received == 0);
		assert_int_equal(c.rx_packets, 150);
		assert_int_equal(c.tx_packets, 150);
		close_ends(s);
	}
}

/* What looks like nothing meets the lane before its opcode, and is dropped there. */
static void garbage_ends_at_the_transport(void **state)
{
	const uint8_t garbage[40] = { 0 };
	struct lnl_counters c;
	struct side s;
	int fd;

	(void)state;
	lanes_init();
	fd = open_raw(&s, LNL_LINK_UDP);
	give_lane(&s, LANE, lane_hides, &transport);
	counters(&s, PEER, &c);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(send(fd, garbage, sizeof(garbage), 0), sizeof(garbage));
	wait_drops(&s, PEER, LNL_DROP_LANE, 20, &c);
	assert_int_equal(c.drops[LNL_DROP_OPCODE], 0);
	/* One that is empty is nothing for a lane. */
	assert_int_equal(send(fd, garbage, 0, 0), 0);
	wait_drops(&s, PEER, LNL_DROP_SHORT, 1, &c);
	close(fd);
	close_side(&s);
}

/* A lane that the wire has dropped all that goes out, counted where it was sealed. */
static void what_the_transport_drops_is_counted(void **state)
{
	struct lnl_counters c;
	struct side s[2];

	(void)state;
	open_ends(s, 0, 0, lane_drops_all, &transport);
	for (uint32_t i = 0; i < 30; i++)
		into(&s[0], i);
	send_control(&s[0], LNL_OP_CONTROL_V1, 1, 200);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 31, &c);
	assert_int_equal(c.tx_packets, 30);
	assert_int_equal(c.drops[LNL_DROP_SEND], 0);
	close_ends(s);
}

/* ---- super-packets ---- */

#define FULL (LNL_TUN_VNET | LNL_TUN_TSO | LNL_TUN_USO)

static const struct shape super_shape = {
	.ipv4 = true, .tcp = true, .gso_size = 1000, .flags = ACK, .payload = 30500
};

static void into_super(struct side *s, const struct shape *shape, uint8_t *packet, uint32_t *len)
{
	static uint8_t room[sizeof(struct lnl_vnet) + SUPER_MAX];
	struct lnl_vnet vnet;

	*len = build_packet(shape, room + sizeof(vnet), &vnet);
	memcpy(packet, room + sizeof(vnet), *len);
	memcpy(room, &vnet, sizeof(vnet));
	assert_int_equal(write(s->tun, room, sizeof(vnet) + *len), sizeof(vnet) + *len);
}

/* Every segment is a whole packet, with a checksum that is right. */
static bool lane_checks_segments(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	for (uint32_t i = 0; b->point == LNL_LANE_TO_PEER && i < b->n; i++) {
		const uint8_t *ip = b->p[i].data;
		uint32_t len = b->p[i].len, pseudo;

		if (len > 1040 || get16(ip + 2) != len || b->p[i].segment)
			abort();
		pseudo = naive_sum(0, ip + 12, 8) + TCP + len - 20;
		while (pseudo >> 16)
			pseudo = (pseudo & 0xffff) + (pseudo >> 16);
		if (naive_sum((uint16_t)pseudo, ip + 20, len - 20) != 0xffff)
			abort();
	}
	return true;
}

/* Takes what the other end's device gets: bytes of payload. */
static uint32_t take_payload(int tun, uint32_t headers)
{
	static uint8_t got[sizeof(struct lnl_vnet) + SUPER_MAX];
	ssize_t n;

	wait_readable(tun);
	n = read(tun, got, sizeof(got));
	assert_true(n > (ssize_t)(sizeof(struct lnl_vnet) + headers));
	return (uint32_t)n - (uint32_t)sizeof(struct lnl_vnet) - headers;
}

static void segments_are_shown_together(void **state)
{
	static uint8_t packet[SUPER_MAX];

	(void)state;
	for (size_t r = 0; r < ROADS; r++) {
		struct side s[2];
		uint32_t seen = 0, len;

		open_ends(s, r, FULL, lane_checks_segments, &filter);
		into_super(&s[0], &super_shape, packet, &len);
		while (seen < super_shape.payload)
			seen += take_payload(s[1].tun, 40);
		assert_int_equal(seen, super_shape.payload);
		assert_int_equal(atomic_load(&lanes[LANE].largest), 31);
		close_ends(s);
	}
}

static void a_super_lane_has_one_word_for_all(void **state)
{
	static uint8_t packet[SUPER_MAX];
	struct lnl_worker_lane conf = filter;
	struct lnl_counters c;
	struct side s[2];
	uint32_t seen = 0, len;

	(void)state;
	conf.points = 1u << LNL_LANE_TO_PEER;
	conf.super = true;
	open_ends(s, 0, FULL, lane_passes, &conf);
	into_super(&s[0], &super_shape, packet, &len);
	while (seen < super_shape.payload)
		seen += take_payload(s[1].tun, 40);
	assert_int_equal(atomic_load(&lanes[LANE].packets), 1);
	assert_int_equal(atomic_load(&lanes[LANE].segment), super_shape.gso_size);
	atomic_store(&lanes[LANE].fn, lane_drops_all);
	into_super(&s[0], &super_shape, packet, &len);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 31, &c);
	assert_int_equal(c.tx_packets, 31);
	close_ends(s);
}

static bool lane_shortens(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	for (uint32_t i = 0; i < b->n; i++)
		b->p[i].len--;
	return true;
}

/* Lengths and checksums are what the device said, for the whole. */
static void a_super_packet_keeps_its_length(void **state)
{
	static uint8_t packet[SUPER_MAX];
	struct lnl_worker_lane conf = filter;
	struct lnl_counters c;
	struct side s[2];
	uint32_t len;

	(void)state;
	conf.points = 1u << LNL_LANE_TO_PEER;
	conf.super = true;
	open_ends(s, 0, FULL, lane_shortens, &conf);
	into_super(&s[0], &super_shape, packet, &len);
	wait_drops(&s[0], PEER, LNL_DROP_LANE_BAD, 31, &c);
	assert_int_equal(c.tx_packets, 0);
	close_ends(s);
}

/* ---- many at once, and none ---- */

/* Lanes at all four points, of which two lengthen: once it runs, nothing is allocated. */
static void lanes_allocate_nothing(void **state)
{
	static uint8_t packet[SUPER_MAX];
	struct lnl_worker_lane conf = filter;

	(void)state;
	conf.overhead = 8;
	for (size_t r = 0; r < ROADS; r++) {
		struct side s[2];
		uint64_t before = 0;
		uint32_t len;

		open_ends(s, r, FULL, lane_wraps, &conf);
		give_lane(&s[0], LANE + 1, lane_hides, &transport);
		give_lane(&s[1], LANE + 1, lane_hides, &transport);
		counters(&s[1], PEER, &(struct lnl_counters){ 0 });
		counters(&s[0], PEER, &(struct lnl_counters){ 0 });
		for (unsigned i = 0; i < 60; i++) {
			uint32_t seen = 0;

			if (i == 20)
				before = atomic_load(&allocations);
			into_super(&s[i & 1], &super_shape, packet, &len);
			while (seen < super_shape.payload)
				seen += take_payload(s[~i & 1].tun, 40);
			assert_int_equal(seen, super_shape.payload);
		}
		assert_int_equal(atomic_load(&allocations) - before, 0);
		close_ends(s);
	}
}

/* TUN takes packets until |s|'s link, its queue and the stage are full: how many. */
static uint32_t fill_up(struct side *s)
{
	uint8_t packet[LEN];
	uint32_t sent = 0;

	for (;;) {
		struct pollfd p = { .fd = s->tun, .events = POLLOUT };

		make_packet(packet, sent, LEN);
		if (write(s->tun, packet, LEN) == LEN)
			sent++;
		else if (poll(&p, 1, 300) == 0)
			return sent;
	}
}

/* What is staged is its peer's, and not of whoever has its number next. */
static void what_is_staged_goes_with_its_peer(void **state)
{
	const int small = 16 * 1024;
	uint32_t sent, shown;
	struct lnl_counters c;
	struct side s;
	int fd, fds[2];

	(void)state;
	lanes_init();
	fd = open_raw(&s, LNL_LINK_TCP);
	give_lane(&s, LANE, lane_passes, &filter);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	counters(&s, PEER, &c);
	sent = fill_up(&s);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = PEER });
	counters(&s, LNL_PEER_ID_NONE, &c);
	shown = atomic_load(&lanes[LANE].packets);
	assert_true(shown < sent);
	udp_pair(fds);
	give_link(&s, LINK + 1, fds[0], LNL_LINK_UDP);
	command(&s, &(struct lnl_command){
			    .kind = LNL_CMD_PEER_ADD, .id = LINK + 1, .u.peer.conf = plain_peer });
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	/* The rest of the device's queue is the new one's, and no more. */
	do {
		counters(&s, PEER, &c);
	} while (c.tx_packets < sent - shown);
	assert_int_equal(c.tx_packets, sent - shown);
	close(fd);
	close(fds[1]);
	close_side(&s);
}

/* A stream whose other end does not read: TUN waits, and no packet is shown, or sent, twice. */
static void a_full_stream_loses_nothing_behind_a_lane(void **state)
{
	const int small = 16 * 1024, large = 1 << 20;
	uint32_t sent, next_number = 0, next_id = 1;
	static uint8_t got[1 << 20];
	struct lnl_counters c;
	struct lnl_stream in;
	struct side s;
	int fd;

	(void)state;
	lanes_init();
	fd = open_raw(&s, LNL_LINK_TCP);
	give_lane(&s, LANE, lane_drops_odd, &filter);
	give_lane(&s, LANE + 1, lane_passes, &transport);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	counters(&s, PEER, &c);
	sent = fill_up(&s);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	lnl_stream_init(&in, got, sizeof(got), 65535);
	while (next_number < sent) {
		uint8_t *p;
		size_t len;

		take_stream(fd, &in);
		while (lnl_stream_next(&in, &p, &len) == 1) {
			assert_int_equal(get32(p + 4), next_id++);
			next_number += 2;
		}
	}
	counters(&s, PEER, &c);
	assert_int_equal(c.tx_packets, (sent + 1) / 2);
	assert_int_equal(c.drops[LNL_DROP_LANE], sent / 2);
	assert_int_equal(atomic_load(&lanes[LANE].packets), sent);
	assert_int_equal(atomic_load(&lanes[LANE + 1].packets), c.tx_packets);
	close(fd);
	close_side(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_goes_out_is_dropped_and_counted),
		cmocka_unit_test(what_comes_in_is_dropped_and_counted),
		cmocka_unit_test(what_one_end_adds_the_other_takes_off),
		cmocka_unit_test(a_transport_hides_all),
		cmocka_unit_test(garbage_ends_at_the_transport),
		cmocka_unit_test(what_the_transport_drops_is_counted),
		cmocka_unit_test(segments_are_shown_together),
		cmocka_unit_test(a_super_lane_has_one_word_for_all),
		cmocka_unit_test(a_super_packet_keeps_its_length),
		cmocka_unit_test(lanes_allocate_nothing),
		cmocka_unit_test(a_full_stream_loses_nothing_behind_a_lane),
		cmocka_unit_test(what_is_staged_goes_with_its_peer),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
