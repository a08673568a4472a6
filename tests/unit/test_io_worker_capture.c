/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Copies of packets for a capture: which, how much of them, and what is lost where nobody takes them. */
/* lunel-test: timeout 60 */
#include "test_io_worker.h"

static uint8_t bytes[LNL_CAPTURED_MAX];

/* Waits for the next copy. */
static void captured(struct side *s, struct lnl_captured *c)
{
	for (int i = 0; !lnl_worker_captured(s->worker, c, bytes); i++) {
		struct lnl_counters counted;

		if (i == 1000)
			fail_msg("nothing was captured");
		counters(s, PEER, &counted); /* a turn of the worker's */
	}
}

static void pass(struct side s[2], uint32_t number, size_t len)
{
	uint8_t packet[1400];

	make_packet(packet, number, len);
	assert_int_equal(write(s[0].tun, packet, len), len);
	wait_readable(s[1].tun);
	assert_int_equal(read(s[1].tun, packet, sizeof(packet)), len);
}

static void both_ends_have_copies(void **state)
{
	struct lnl_captured c;
	struct side s[2];
	uint8_t packet[300];

	(void)state;
	open_pair(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM);
	assert_false(lnl_worker_captured(s[0].worker, &c, bytes));
	assert_int_equal(lnl_worker_capture(s[0].worker, LNL_PEER_ID_NONE, 100), 0);
	assert_int_equal(lnl_worker_capture(s[1].worker, PEER, LNL_CAPTURED_MAX), 0);
	pass(s, 1, sizeof(packet));
	make_packet(packet, 1, sizeof(packet));
	captured(&s[0], &c);
	assert_true(c.out);
	assert_int_equal(c.peer, PEER);
	assert_int_equal(c.len, 300);
	assert_int_equal(c.kept, 100);
	assert_int_equal(c.drop, LNL_DROP_NONE);
	assert_memory_equal(bytes, packet, 100);
	captured(&s[1], &c);
	assert_false(c.out);
	assert_int_equal(c.kept, 300);
	assert_memory_equal(bytes, packet, 300);
	/* Of another peer nothing, and nothing once it has ended. */
	assert_int_equal(lnl_worker_capture(s[1].worker, PEER + 1, LNL_CAPTURED_MAX), 0);
	lnl_worker_capture_end(s[0].worker);
	pass(s, 2, sizeof(packet));
	assert_false(lnl_worker_captured(s[0].worker, &c, bytes));
	assert_false(lnl_worker_captured(s[1].worker, &c, bytes));
	close_side(&s[0]);
	close_side(&s[1]);
}

/* Twice the same datagram: the second is a copy of what came, and why it goes no further. */
static void what_is_dropped_is_seen_with_its_reason(void **state)
{
	struct lnl_captured c;
	uint8_t datagram[2000];
	struct side s;
	int raw;

	(void)state;
	raw = open_raw(&s, LNL_LINK_UDP);
	assert_int_equal(lnl_worker_capture(s.worker, LNL_PEER_ID_NONE, 64), 0);
	memset(datagram, 0x5a, sizeof(datagram));
	datagram[0] = LNL_OP_DATA_V2 << 3;
	assert_int_equal(send(raw, datagram, 200, 0), 200);
	captured(&s, &c);
	assert_int_not_equal(c.drop, LNL_DROP_NONE);
	assert_int_equal(c.len, 200);
	assert_int_equal(c.kept, 64);
	assert_int_equal(bytes[0], LNL_OP_DATA_V2 << 3);
	close(raw);
	close_side(&s);
}

static void what_nobody_takes_is_counted_and_passes(void **state)
{
	struct lnl_captured c;
	struct side s[2];
	uint64_t lost = 0;
	unsigned n = 0;

	(void)state;
	open_pair(s, LNL_LINK_UDP, LNL_CIPHER_AES_256_GCM);
	assert_int_equal(lnl_worker_capture(s[0].worker, LNL_PEER_ID_NONE, LNL_CAPTURED_MAX), 0);
	while (lost == 0 && n < 10000) {
		pass(s, ++n, 1400);
		lost = lnl_worker_capture_lost(s[0].worker);
	}
	assert_in_range(n, 2500, 4000); /* 4 MiB of them */
	assert_int_equal(lost, 1);
	while (lnl_worker_captured(s[0].worker, &c, bytes))
		n--;
	assert_int_equal(n, 1);
	close_side(&s[0]);
	close_side(&s[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_have_copies),
		cmocka_unit_test(what_is_dropped_is_seen_with_its_reason),
		cmocka_unit_test(what_nobody_takes_is_counted_and_passes),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
