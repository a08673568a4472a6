/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Datagrams that arrive: many a call, one a call, and those that the kernel puts together. */
#include "test_io_datagrams.h"

#include "io/incoming.h"
#include "io/offload.h"

static uint32_t number_of(const struct lnl_packet *p)
{
	uint32_t v;

	memcpy(&v, p->p, sizeof(v));
	return v;
}

static struct lnl_incoming *new_incoming(void)
{
	struct lnl_incoming *in = calloc(1, sizeof(*in));

	assert_non_null(in);
	assert_int_equal(lnl_incoming_init(in), 0);
	return in;
}

static void free_incoming(struct lnl_incoming *in)
{
	lnl_incoming_deinit(in);
	free(in);
}

/* As many as there are, in order; how often depends on |single|. */
static void datagrams_are_received(void **state)
{
	(void)state;
	for (int single = 0; single < 2; single++) {
		struct lnl_incoming *in = new_incoming();
		uint32_t next = 0;
		int fds[2], n;

		open_pair(fds);
		in->single = single;
		assert_int_equal(lnl_incoming_receive(in, fds[1], false, false), 0);
		assert_false(lnl_incoming_cut(in));
		for (uint32_t i = 0; i < 100; i++) {
			send_number(fds[0], i, 4 + i);
			if (i % 10 != 9)
				continue;
			while ((n = lnl_incoming_receive(in, fds[1], false, false)) > 0) {
				assert_int_equal(n, single ? 1 : 10);
				assert_int_equal(lnl_incoming_was_full(in, false), single);
				assert_true(lnl_incoming_cut(in));
				assert_int_equal(in->n, n);
				for (int k = 0; k < n; k++, next++) {
					assert_int_equal(number_of(&in->pkts[k]), next);
					assert_int_equal(in->pkts[k].len, 4 + next);
				}
				assert_false(lnl_incoming_cut(in));
			}
			assert_int_equal(n, 0);
		}
		assert_int_equal(next, 100);
		assert_int_equal(lnl_incoming_receive(in, -1, false, false), -EBADF);
		assert_false(lnl_incoming_cut(in));
		free_incoming(in);
		close(fds[0]);
		close(fds[1]);
	}
}

/* An empty datagram is one, and the longest fits. */
static void lengths_are_kept(void **state)
{
	static const size_t lengths[] = { 0, 1, 65507 };
	struct lnl_incoming *in = new_incoming();
	struct lnl_addr to;
	int from = open_udp(&to), fd = open_udp(&to);
	uint8_t *data = calloc(1, 65507);

	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sendto(from, data, lengths[i], 0, &to.u.sa, to.len), lengths[i]);
	wait_for(fd, POLLIN);
	assert_int_equal(lnl_incoming_receive(in, fd, true, false), 3);
	assert_true(lnl_incoming_cut(in));
	assert_int_equal(in->n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(in->pkts[i].len, lengths[i]);
	assert_int_equal(lnl_addr_port(in->from[0]), port_of(from));
	free(data);
	free_incoming(in);
	close(from);
	close(fd);
}

/*
 * What was sent in segments arrives as one message and is cut at their length, the last as short as
 * it was, each with its sender; more than fit come in the next round.
 */
static void segments_are_cut_apart(void **state)
{
	struct lnl_incoming *in = new_incoming();
	struct lnl_addr to;
	int from = open_udp(&to), fd = open_udp(&to);
	uint32_t number = 0, got = 0;
	bool more = true;

	(void)state;
	if (!lnl_offload_gro(fd) || !lnl_offload_segment(from)) {
		print_message("this kernel has no UDP_GRO or UDP_SEGMENT\n");
		skip();
	}
	for (unsigned message = 0; message < 12; message++)
		send_segments(from, &to, &number, message == 11 ? 7 : 64, 100, 33);
	while (more) {
		int n;

		wait_for(fd, POLLIN);
		n = lnl_incoming_receive(in, fd, true, true);
		assert_true(n > 0 && n <= 12);
		while (lnl_incoming_cut(in)) {
			assert_true(in->n <= LNL_IN_PACKETS);
			for (unsigned i = 0; i < in->n; i++, got++) {
				assert_int_equal(number_of(&in->pkts[i]), got);
				assert_int_equal(lnl_addr_port(in->from[i]), port_of(from));
				assert_int_equal(in->pkts[i].len,
						 got % 64 == 63 || got == number - 1 ? 33 : 100);
			}
		}
		more = got < number;
	}
	assert_int_equal(number, 11 * 64 + 7);
	free_incoming(in);
	close(from);
	close(fd);
}

static int works_without(int err)
{
	struct lnl_incoming *in = calloc(1, sizeof(*in));
	int fds[2];

	open_pair(fds);
	lnl_incoming_init(in);
	for (uint32_t i = 0; i < 3; i++)
		send_number(fds[0], i, 500);
	forbid(err);
	for (uint32_t i = 0; i < 3; i++) {
		if (lnl_incoming_receive(in, fds[1], false, false) != 1 || !in->single)
			return 1;
		if (!lnl_incoming_cut(in) || in->n != 1 || number_of(&in->pkts[0]) != i)
			return 2;
	}
	return 0;
}

static void a_refused_call_is_done_without(void **state)
{
	(void)state;
	check_refused(works_without);
}

static void dropped_packets_are_left_out(void **state)
{
	struct lnl_incoming *in = new_incoming();
	struct lnl_addr from[6];

	(void)state;
	lnl_incoming_begin(in);
	for (unsigned i = 0; i < 6; i++) {
		lnl_incoming_add(in, NULL, i, &from[i]);
		in->pkts[i].drop = i % 3 == 0 ? LNL_DROP_AUTH : LNL_DROP_NONE;
	}
	lnl_incoming_compact(in);
	assert_int_equal(in->n, 4);
	assert_int_equal(in->pkts[0].len, 1);
	assert_int_equal(in->pkts[1].len, 2);
	assert_int_equal(in->pkts[2].len, 4);
	assert_int_equal(in->pkts[3].len, 5);
	assert_ptr_equal(in->from[2], &from[4]);
	lnl_incoming_begin(in);
	lnl_incoming_compact(in);
	assert_int_equal(in->n, 0);
	free_incoming(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(datagrams_are_received),
		cmocka_unit_test(lengths_are_kept),
		cmocka_unit_test(segments_are_cut_apart),
		cmocka_unit_test(a_refused_call_is_done_without),
		cmocka_unit_test(dropped_packets_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
