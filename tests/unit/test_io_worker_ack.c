/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A sender with Nagle's algorithm, which a stock OpenVPN leaves on, is not kept waiting. */
/* lunel-test: timeout 120 */
#include "test_io_worker.h"

#define TIMES	 20
#define ATTEMPTS 10
#define DELAY	 (40 * LNL_MSEC) /* of an acknowledgement, or what is left of it */

static uint32_t number;

/* A response goes to |fd|, and two short packets come back, the second of which Nagle holds. */
static void exchange(struct side *s, int fd, struct lnl_data *plane)
{
	uint8_t packet[100], got[200];

	make_packet(packet, 1, sizeof(packet));
	assert_int_equal(write(s->tun, packet, sizeof(packet)), sizeof(packet));
	wait_readable(fd);
	assert_int_equal(recv(fd, got, sizeof(got), 0), 2 + 24 + sizeof(packet));
	send_in_stream(fd, plane, number++);
	send_in_stream(fd, plane, number++);
	expect_packet(s->tun, number - 2, 100);
	expect_packet(s->tun, number - 1, 100);
}

/* Microseconds that TIMES exchanges take, once a kernel no longer takes the connection for new. */
static uint64_t time_exchanges(void)
{
	struct lnl_data *plane = server_plane();
	struct side s;
	int fd = open_raw(&s, LNL_LINK_TCP);
	uint64_t begun = 0;

	for (unsigned i = 0; i < 3 * TIMES; i++) {
		if (i == 2 * TIMES)
			begun = lnl_clock_now();
		exchange(&s, fd, plane);
	}
	begun = lnl_clock_now() - begun;
	close(fd);
	close_side(&s);
	lnl_data_free(plane);
	return begun;
}

/* A busy machine may take as long for other reasons, but not each time. */
static void a_waiting_sender_is_acknowledged(void **state)
{
	uint64_t least = LNL_NEVER;

	(void)state;
	for (unsigned i = 0; i < ATTEMPTS && least > TIMES * DELAY / 4; i++) {
		uint64_t took = time_exchanges();

		least = took < least ? took : least;
	}
	assert_in_range(least, 0, TIMES * DELAY / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_waiting_sender_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
