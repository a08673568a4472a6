/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TUN side of a worker: packets that nobody takes, and the kernel's own device. */
/* lunel-test: timeout 120 */
#include "test_io_worker.h"

/* The other end of TUN is gone: what came for it is a drop, and no delivery. */
static void a_packet_that_tun_does_not_take_is_a_drop(void **state)
{
	struct side s[2];
	struct lnl_counters c = { 0 };
	uint8_t packet[200];

	(void)state;
	open_pair(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM);
	close(s[1].tun);
	s[1].tun = -1;
	counters(&s[1], PEER, &c);
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s[0].tun, packet, sizeof(packet)), sizeof(packet));
	while (c.link_rx_bytes == 0)
		counters(&s[1], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 1);
	assert_int_equal(c.rx_packets, 0);
	assert_int_equal(c.rx_bytes, 0);
	close_side(&s[0]);
	close_side(&s[1]);
}

/* Packets of TUN before there is a peer, and after it went, are nobody's. */
static void packets_without_a_peer_are_counted(void **state)
{
	struct lnl_counters c = { 0 };
	struct side s;
	uint8_t packet[200];
	int raw;

	(void)state;
	raw = open_raw(&s, LNL_LINK_UDP);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = PEER });
	counters(&s, PEER, &c);
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s.tun, packet, sizeof(packet)), sizeof(packet));
	while (c.drops[LNL_DROP_PEER] == 0)
		counters(&s, LNL_PEER_ID_NONE, &c);
	assert_int_equal(c.drops[LNL_DROP_PEER], 1);
	close(raw);
	close_side(&s);
}

static void del_device(const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "ip link del %s", name);
	assert_int_equal(system(line), 0);
}

static void a_deleted_device_is_told(void **state)
{
	const struct lnl_tun_conf conf = { .name = "tun", .node = -1 };
	struct lnl_reason why;
	struct lnl_tun tun;
	struct lnl_ntf n;
	struct side s;

	(void)state;
	test_need_tun();
	if (!test_namespace())
		test_skip("no network namespace");
	assert_int_equal(lnl_tun_open(&tun, &conf, &why), 0);
	test_link_up(tun.name);
	open_side(&s);
	close(s.tun_given);
	s.tun_given = tun.fd;
	s.tun_offload = tun.offload;
	give_tun(&s);
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	next_of(&s, LNL_NTF_COUNTERS, &n);
	del_device(tun.name);
	next(&s, &n);
	assert_int_equal(n.kind, LNL_NTF_TUN_ERROR);
	assert_int_equal(n.error, EBADFD);
	close_side(&s);
}

/* A device that is down takes nothing; up again, it does. */
static void a_device_that_is_down_is_survived(void **state)
{
	const struct lnl_tun_conf conf = { .name = "tun", .node = -1 };
	struct lnl_counters c = { 0 };
	struct lnl_reason why;
	struct lnl_tun tun;
	struct side s[2];
	uint8_t packet[100];

	(void)state;
	test_need_tun();
	if (!test_namespace())
		test_skip("no network namespace");
	open_pair(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM);
	assert_int_equal(lnl_tun_open(&tun, &conf, &why), 0);
	s[1].tun_given = tun.fd;
	s[1].tun_offload = tun.offload;
	give_tun(&s[1]);
	counters(&s[1], PEER, &c);
	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s[0].tun, packet, sizeof(packet)), sizeof(packet));
	while (c.link_rx_bytes == 0)
		counters(&s[1], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 1);
	test_link_up(tun.name);
	assert_int_equal(write(s[0].tun, packet, sizeof(packet)), sizeof(packet));
	while (c.rx_packets == 0)
		counters(&s[1], PEER, &c);
	assert_int_equal(c.drops[LNL_DROP_TUN], 1);
	close_side(&s[0]);
	close_side(&s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_packet_that_tun_does_not_take_is_a_drop),
		cmocka_unit_test(packets_without_a_peer_are_counted),
		cmocka_unit_test(a_deleted_device_is_told),
		cmocka_unit_test(a_device_that_is_down_is_survived),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
