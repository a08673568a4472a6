/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Super-packets through workers: cut, sealed, sent in segments, received together, opened, put
 * together; what happens when a link is full in the middle of one, or takes no segments; and that
 * none of it allocates.
 */
/* lunel-test: timeout 120 */
/* lunel-test: counted */
#include "test_io_worker.h"

#include <sys/uio.h>

#include "data/split.h"
#include "unit/test_allocations.h"
#include "unit/test_data_offload.h"

#define HEADERS 40 /* IPv4 and TCP, without options */
#define SEGMENT 1000
#define PAYLOAD 30500u
#define FULL	(LNL_TUN_VNET | LNL_TUN_TSO | LNL_TUN_USO)

/* ---- packets ---- */

/* What is byte |at| of the stream that the super-packets carry. */
static uint8_t pattern(uint32_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

/* A TCP segment of |payload| bytes from |seq| on, as a device with offload gives it: its length. */
static size_t make_super(uint8_t *out, uint32_t seq, uint32_t payload)
{
	struct lnl_vnet vnet = { .flags = LNL_VNET_NEEDS_CSUM,
				 .gso_type = LNL_VNET_GSO_TCP4,
				 .hdr_len = HEADERS,
				 .gso_size = SEGMENT,
				 .csum_start = 20,
				 .csum_offset = 16 };
	uint8_t *ip = out + sizeof(vnet), *tcp = ip + 20;
	uint32_t pseudo;

	if (payload <= SEGMENT)
		vnet.gso_type = vnet.gso_size = 0;
	memcpy(out, &vnet, sizeof(vnet));
	memset(ip, 0, HEADERS);
	ip[0] = 0x45;
	put16(ip + 2, (uint16_t)(HEADERS + payload));
	put16(ip + 4, (uint16_t)(seq / SEGMENT));
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = 6;
	put32(ip + 12, 0x0a080001);
	put32(ip + 16, 0x0a080002);
	put16(ip + 10, (uint16_t)~naive_sum(0, ip, 20));
	put16(tcp, 1000);
	put16(tcp + 2, 2000);
	put32(tcp + 4, seq);
	tcp[12] = 0x50;
	tcp[13] = 0x10;
	pseudo = naive_sum(0, ip + 12, 8) + 6 + 20 + payload;
	while (pseudo >> 16)
		pseudo = (pseudo & 0xffff) + (pseudo >> 16);
	put16(tcp + 16, (uint16_t)pseudo);
	for (uint32_t i = 0; i < payload; i++)
		tcp[20 + i] = pattern(seq + i);
	return sizeof(vnet) + HEADERS + payload;
}

/* Takes one write to a device and checks that it goes on at |seq|: how much payload it had. */
static uint32_t take_super(int tun, uint32_t seq)
{
	static uint8_t got[sizeof(struct lnl_vnet) + 65536 + 100];
	uint8_t *ip = got + sizeof(struct lnl_vnet);
	ssize_t n;

	wait_readable(tun);
	n = read(tun, got, sizeof(got));
	assert_true(n > (ssize_t)sizeof(struct lnl_vnet) + HEADERS);
	assert_int_equal(get16(ip + 2), n - (ssize_t)sizeof(struct lnl_vnet));
	assert_int_equal(get32(ip + 20 + 4), seq);
	n -= (ssize_t)sizeof(struct lnl_vnet) + HEADERS;
	for (ssize_t i = 0; i < n; i++)
		assert_int_equal(ip[HEADERS + i], pattern(seq + (uint32_t)i));
	return (uint32_t)n;
}

/* Two workers whose devices speak of segments, datagrams moved as |how| says. */
static void open_offloaded(struct side s[2], enum lnl_link_kind kind, enum lnl_cipher cipher,
			   enum lnl_offload how)
{
	int fds[2];

	link_pair(fds, kind);
	for (int i = 0; i < 2; i++) {
		open_side(&s[i]);
		command(&s[i], &(struct lnl_command){ .kind = LNL_CMD_LINK_ADD,
						      .u.link = { .id = LINK,
								  .fd = fds[i],
								  .kind = kind,
								  .peer = PEER,
								  .offload = how } });
		give_peer(&s[i], &plain_peer);
		give_key(&s[i], cipher, i == 1);
		s[i].tun_offload = FULL;
		give_tun(&s[i]);
	}
	counters(&s[1], PEER, &(struct lnl_counters){ 0 });
}

static void close_pair(struct side s[2])
{
	close_side(&s[0]);
	close_side(&s[1]);
}

static void write_super(int tun, uint32_t seq, uint32_t payload)
{
	static uint8_t packet[sizeof(struct lnl_vnet) + 65536];
	size_t len = make_super(packet, seq, payload);

	assert_int_equal(write(tun, packet, len), len);
}

static const struct {
	enum lnl_link_kind kind;
	enum lnl_cipher cipher;
	enum lnl_offload how;
	bool together; /* what was sent in segments arrives in one piece */
} roads[] = {
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_FULL, true },
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_BATCH, false },
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_SINGLE, false },
	{ LNL_LINK_UDP, LNL_CIPHER_AES_256_CBC, LNL_OFFLOAD_FULL, true },
	{ LNL_LINK_UDP, LNL_CIPHER_CHACHA20_POLY1305, LNL_OFFLOAD_FULL, true },
	{ LNL_LINK_TCP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_FULL, true },
	{ LNL_LINK_TCP, LNL_CIPHER_AES_256_CBC, LNL_OFFLOAD_FULL, true },
};

/* Both ways, longest and shortest, and nothing is lost or turned round. */
static void super_packets_cross(void **state)
{
	static const uint32_t lengths[] = { PAYLOAD, 1, SEGMENT, SEGMENT + 1, 65535 - HEADERS };

	(void)state;
	for (size_t r = 0; r < sizeof(roads) / sizeof(*roads); r++) {
		struct lnl_counters c;
		struct side s[2];
		uint32_t segments = 0, writes = 0;

		open_offloaded(s, roads[r].kind, roads[r].cipher, roads[r].how);
		for (unsigned i = 0; i < 20; i++) {
			uint32_t len = lengths[i % 5], seq = 0;

			write_super(s[i & 1].tun, 0, len);
			segments += (len + SEGMENT - 1) / SEGMENT;
			for (; seq < len; writes++)
				seq += take_super(s[~i & 1].tun, seq);
			assert_int_equal(seq, len);
		}
		counters(&s[0], PEER, &c);
		assert_int_equal(c.tx_packets + c.rx_packets, segments);
		assert_int_equal(c.drops[LNL_DROP_REPLAY] + c.drops[LNL_DROP_AUTH], 0);
		if (roads[r].together)
			assert_true(writes < segments / 5);
		close_pair(s);
	}
}

/* Once it runs. What moves between two looks at the counter are a hundred super-packets each way. */
static void packets_allocate_nothing(void **state)
{
	(void)state;
	for (size_t r = 0; r < sizeof(roads) / sizeof(*roads); r++) {
		struct side s[2];
		uint64_t before = 0;

		open_offloaded(s, roads[r].kind, roads[r].cipher, roads[r].how);
		for (unsigned i = 0; i < 220; i++) {
			uint32_t seq = 0;

			if (i == 20)
				before = atomic_load(&allocations);
			write_super(s[i & 1].tun, 0, PAYLOAD);
			while (seq < PAYLOAD)
				seq += take_super(s[~i & 1].tun, seq);
		}
		assert_int_equal(atomic_load(&allocations) - before, 0);
		close_pair(s);
	}
}

/* So many segments that they are several turns' work, and nothing behind them that wakes anybody. */
static void a_packet_of_two_thousand_segments_ends(void **state)
{
	static uint8_t packet[sizeof(struct lnl_vnet) + 65536];
	struct lnl_vnet vnet;
	struct side s[2];
	size_t len = make_super(packet, 0, 65535 - HEADERS);
	uint32_t seq = 0;

	(void)state;
	open_offloaded(s, LNL_LINK_TCP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_FULL);
	memcpy(&vnet, packet, sizeof(vnet));
	vnet.gso_size = 32;
	memcpy(packet, &vnet, sizeof(vnet));
	assert_int_equal(write(s[0].tun, packet, len), len);
	while (seq < 65535 - HEADERS)
		seq += take_super(s[1].tun, seq);
	close_pair(s);
}

/* TUN takes super-packets until |s|'s link and its own queue are full: how much payload. */
static uint32_t fill_up(struct side *s)
{
	static uint8_t packet[sizeof(struct lnl_vnet) + 65536];
	uint32_t sent = 0;

	for (;;) {
		struct pollfd p = { .fd = s->tun, .events = POLLOUT };
		size_t len = make_super(packet, sent, PAYLOAD);

		if (write(s->tun, packet, len) == (ssize_t)len)
			sent += PAYLOAD;
		else if (poll(&p, 1, 300) == 0)
			return sent;
	}
}

/* One worker with offload at a device of its own, and the other end of its stream. */
static int open_stream(struct side *s)
{
	const int small = 16 * 1024;
	int fd = open_raw(s, LNL_LINK_TCP), tun[2];

	s->tun_offload = FULL;
	close(s->tun);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, tun), 0);
	s->tun = tun[0];
	s->tun_given = tun[1];
	give_tun(s);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	return fd;
}

/* What waits for a full link is its peer's, and not of whoever has its number next. */
static void what_waits_goes_with_its_peer(void **state)
{
	struct side s;
	uint8_t got[2048];
	int fd = open_stream(&s), fds[2];

	(void)state;
	fill_up(&s);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = PEER });
	udp_pair(fds);
	give_link(&s, LINK + 1, fds[0], LNL_LINK_UDP);
	command(&s, &(struct lnl_command){
			    .kind = LNL_CMD_PEER_ADD, .id = LINK + 1, .u.peer.conf = plain_peer });
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	/* The rest of the device's queue is the new one's, from its first id on. */
	wait_readable(fds[1]);
	assert_true(recv(fds[1], got, sizeof(got), 0) > 24);
	assert_int_equal(get32(got + 4), 1);
	close(fd);
	close(fds[1]);
	close_side(&s);
}

/*
 * A stream whose other end does not read: TUN waits, in the middle of a super-packet, and goes on
 * where it stopped.
 */
static void a_full_stream_stops_in_the_middle(void **state)
{
	static uint8_t got[1 << 20];
	uint32_t sent, seen = 0, pings = 0, next_id = 1;
	struct lnl_counters c;
	struct lnl_stream in;
	struct side s;
	int fd = open_stream(&s);

	(void)state;
	sent = fill_up(&s);
	assert_true(sent > 4 * PAYLOAD);
	/* What is sealed now must not overtake what was sealed before. */
	command(&s, &(struct lnl_command){
			    .kind = LNL_CMD_SPECIAL, .peer = PEER, .u.special = LNL_SPECIAL_PING });
	counters(&s, PEER, &c);
	assert_int_equal(c.pings_sent, 1);
	lnl_stream_init(&in, got, sizeof(got), 65535);
	while (seen < sent) {
		uint8_t *p;
		size_t len;

		take_stream(fd, &in);
		while (lnl_stream_next(&in, &p, &len) == 1) {
			/* Every packet once and in order: ids say so, lengths what they carry. */
			assert_int_equal(get32(p + 4), next_id);
			next_id++;
			if (len == 24 + 16)
				pings++;
			else
				seen += (uint32_t)len - 24 - HEADERS;
		}
	}
	assert_int_equal(seen, sent);
	assert_int_equal(pings, 1);
	close(fd);
	close_side(&s);
}

/* A way that is too narrow for a segment: datagrams go one by one, IP cuts them, and it is told. */
static void a_narrow_way_takes_no_segments(void **state)
{
	struct lnl_counters c;
	struct side s[2];
	struct lnl_ntf n;
	uint32_t seq = 0;

	(void)state;
	test_need_tun();
	if (!test_namespace())
		test_skip("no network namespace");
	assert_int_equal(system("ip link set lo up mtu 900"), 0);
	open_offloaded(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_FULL);
	write_super(s[0].tun, 0, PAYLOAD);
	while (seq < PAYLOAD)
		seq += take_super(s[1].tun, seq);
	next_of(&s[0], LNL_NTF_LOWERED, &n);
	assert_int_equal(n.id, LINK);
	assert_int_equal(n.peer, PEER);
	assert_true(n.error == EMSGSIZE || n.error == EINVAL);
	counters(&s[0], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_SEND], 0);
	close_pair(s);
}

/* A header that says what the packet is not: dropped, counted, and the next one is none the worse. */
static void a_device_that_contradicts_itself_is_survived(void **state)
{
	static uint8_t packet[sizeof(struct lnl_vnet) + 65536];
	struct lnl_counters c = { 0 };
	struct lnl_vnet vnet;
	struct side s[2];
	size_t len;
	uint32_t seq = 0;

	(void)state;
	open_offloaded(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM, LNL_OFFLOAD_FULL);
	len = make_super(packet, 0, PAYLOAD);
	memcpy(&vnet, packet, sizeof(vnet));
	vnet.gso_type = LNL_VNET_GSO_TCP6;
	memcpy(packet, &vnet, sizeof(vnet));
	assert_int_equal(write(s[0].tun, packet, len), len);
	assert_int_equal(write(s[0].tun, packet, sizeof(vnet) - 1), sizeof(vnet) - 1);
	write_super(s[0].tun, 0, PAYLOAD);
	while (seq < PAYLOAD)
		seq += take_super(s[1].tun, seq);
	counters(&s[0], PEER, &c);
	assert_int_equal(c.tx_packets, (PAYLOAD + SEGMENT - 1) / SEGMENT);
	counters(&s[0], LNL_PEER_ID_NONE, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 2);
	close_pair(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(super_packets_cross),
		cmocka_unit_test(packets_allocate_nothing),
		cmocka_unit_test(a_packet_of_two_thousand_segments_ends),
		cmocka_unit_test(a_full_stream_stops_in_the_middle),
		cmocka_unit_test(what_waits_goes_with_its_peer),
		cmocka_unit_test(a_narrow_way_takes_no_segments),
		cmocka_unit_test(a_device_that_contradicts_itself_is_survived),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
