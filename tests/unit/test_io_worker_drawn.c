/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a worker reads from TUN before it seals the first of it: whose it is, and what waits. */
/* lunel-test: timeout 120 */
#include "test_io_worker_many.h"

#define LONG_LEN 3000 /* no other packet is read behind it */

/*
 * A device for tests that holds a few hundred packets before anybody reads: returns the worker's end.
 */
static int seqpacket(int *ours)
{
	const int most = 1 << 20;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds),
			 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &most, sizeof(most));
	*ours = fds[0];
	return fds[1];
}

/* ---- many peers ---- */

static void put_long(struct server *s, uint32_t to, uint32_t number)
{
	uint8_t packet[LONG_LEN];

	make_packet(packet, number, LONG_LEN);
	memcpy(packet + 12, (uint8_t[]){ 10, 8, 0, 1, 10, 8, 0, (uint8_t)to }, 8);
	assert_int_equal(write(s->side.tun, packet, LONG_LEN), LONG_LEN);
}

static void expect_long(struct client *c, uint32_t number)
{
	uint8_t want[LONG_LEN], got[LONG_LEN + 100];
	struct lnl_packet pkt = { .p = got, .peer = c->id };
	ssize_t n;

	make_packet(want, number, LONG_LEN);
	memcpy(want + 12, (uint8_t[]){ 10, 8, 0, 1, 10, 8, 0, (uint8_t)c->id }, 8);
	wait_readable(c->fd);
	n = recv(c->fd, got, sizeof(got), 0);
	assert_true(n > 0);
	pkt.len = (uint32_t)n;
	assert_int_equal(lnl_data_open(c->d, &pkt, 1, 1), 1);
	assert_int_equal(pkt.len, LONG_LEN);
	assert_memory_equal(pkt.p, want, LONG_LEN);
}

/* All of it is there when the device comes: short ones, one without a way, long ones in between. */
static void a_batch_of_all_kinds(void **state)
{
	struct server s;
	struct client c[2];
	struct lnl_counters n;

	(void)state;
	open_server(&s);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_TUN_DEL });
	for (uint32_t i = 0; i < 2; i++)
		connect_client(&s, &c[i], 10 + i);
	settle(&s);
	close(s.side.tun);
	s.side.tun_given = seqpacket(&s.side.tun);
	into_tun(&s, 10, 0);
	into_tun(&s, 77, 0);
	into_tun(&s, 11, 1);
	put_long(&s, 10, 2);
	put_long(&s, 11, 3);
	into_tun(&s, 11, 4);
	for (uint32_t i = 0; i < 40; i++)
		into_tun(&s, 10 + i % 2, 5 + i);
	command(&s.side,
		&(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
				       .u.tun = { .fd = s.side.tun_given, .routed = true } });
	expect_at(&c[0], c[0].fd, 1, 0);
	expect_at(&c[1], c[1].fd, 1, 1);
	expect_long(&c[0], 2);
	expect_long(&c[1], 3);
	expect_at(&c[1], c[1].fd, 1, 4);
	for (uint32_t i = 0; i < 40; i++)
		expect_at(&c[i % 2], c[i % 2].fd, 1, 5 + i);
	counters(&s.side, LNL_PEER_ID_NONE, &n);
	assert_int_equal(n.drops[LNL_DROP_ROUTE], 1);
	assert_int_equal(n.drops[LNL_DROP_PEER], 0);
	close_side(&s.side);
	for (uint32_t i = 0; i < 2; i++)
		close_client(&c[i]);
}

/* ---- a link that is full ---- */

#define FULL_LEN 1400
/* More than a turn seals: the worker stops in the middle of what it has read. */
#define MANY 300

/*
 * A client whose stream takes next to nothing, with |n| packets in its device; returns the stream's
 * other end once the worker waits for it. |sealed|: how many of them are.
 */
static int stop_in_the_middle(struct side *s, uint32_t n, uint32_t *sealed)
{
	const int small = 16 * 1024;
	struct lnl_counters c = { 0 };
	uint8_t packet[FULL_LEN];
	int fds[2];

	tcp_pair(fds);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(fds[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	open_side(s);
	give_link(s, LINK, fds[0], LNL_LINK_TCP);
	give_peer(s, &plain_peer);
	give_key(s, LNL_CIPHER_AES_256_GCM, false);
	close(s->tun);
	close(s->tun_given);
	s->tun_given = seqpacket(&s->tun);
	for (uint32_t i = 0; i < n; i++) {
		make_packet(packet, i, FULL_LEN);
		assert_int_equal(write(s->tun, packet, FULL_LEN), FULL_LEN);
	}
	give_tun(s);
	while (c.tx_packets == 0)
		counters(s, PEER, &c);
	*sealed = (uint32_t)c.tx_packets;
	assert_true(*sealed < n);
	assert_int_not_equal(*sealed % LNL_DATA_AHEAD, 0);
	return fds[1];
}

/* The device has no more that would wake the worker: what it has read goes out all the same. */
static void what_was_read_is_sent(void **state)
{
	static uint8_t got[1 << 16];
	uint32_t sealed, next_id = 1, n;
	struct lnl_stream in;
	struct side s;
	int fd;

	(void)state;
	fd = stop_in_the_middle(&s, MANY, &sealed);
	close(fd);
	close_side(&s);
	/* Just as many as are read when the first are sealed. */
	n = (sealed + LNL_DATA_AHEAD - 1) / LNL_DATA_AHEAD * LNL_DATA_AHEAD;
	fd = stop_in_the_middle(&s, n, &sealed);
	lnl_stream_init(&in, got, sizeof(got), 65535);
	while (next_id <= n) {
		uint8_t *p;
		size_t len;

		take_stream(fd, &in);
		while (lnl_stream_next(&in, &p, &len) == 1) {
			uint32_t id = (uint32_t)p[6] << 8 | p[7];

			assert_int_equal(id, next_id);
			next_id++;
		}
	}
	close(fd);
	close_side(&s);
}

/* What was read for a peer that is gone is not for the next one of its number. */
static void what_was_read_goes_with_its_peer(void **state)
{
	struct lnl_packet pkt = { .peer = PEER };
	struct lnl_data *far = server_plane();
	uint8_t got[2048];
	uint32_t sealed, number;
	struct side s;
	int fd, fds[2];
	ssize_t n;

	(void)state;
	fd = stop_in_the_middle(&s, MANY, &sealed);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = PEER });
	udp_pair(fds);
	give_link(&s, LINK + 1, fds[0], LNL_LINK_UDP);
	command(&s, &(struct lnl_command){
			    .kind = LNL_CMD_PEER_ADD, .id = LINK + 1, .u.peer.conf = plain_peer });
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK });
	wait_readable(fds[1]);
	n = recv(fds[1], got, sizeof(got), 0);
	assert_true(n > 0);
	pkt.p = got;
	pkt.len = (uint32_t)n;
	assert_int_equal(lnl_data_open(far, &pkt, 1, 1), 1);
	memcpy(&number, pkt.p + 20, sizeof(number));
	assert_int_equal(number, (sealed + LNL_DATA_AHEAD - 1) / LNL_DATA_AHEAD * LNL_DATA_AHEAD);
	lnl_data_free(far);
	close(fd);
	close(fds[1]);
	close_side(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_of_all_kinds),
		cmocka_unit_test(what_was_read_is_sent),
		cmocka_unit_test(what_was_read_goes_with_its_peer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
