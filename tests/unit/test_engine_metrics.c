/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: house */
/* What an engine counts, how much of which subsystem it logs, and descriptors of the host's. */
#include "test_engine_house.h"

static struct lnl_engine_metrics m;

static int open_house(void **state)
{
	(void)state;
	house_init();
	house.o.duplicate_cn = true;
	house_open();
	return 0;
}

static int close_house(void **state)
{
	(void)state;
	house_close();
	return 0;
}

static void look(void)
{
	lnl_engine_metrics(house.e, &m);
}

static unsigned logged(const char *event)
{
	static struct lnl_record r;
	unsigned found = 0;
	uint64_t lost;

	while (lnl_engine_record(house.e, &r, &lost))
		found += strcmp(r.event, event) == 0;
	return found;
}

static void come(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char ip[32];

		snprintf(ip, sizeof(ip), "192.0.%u.2", i);
		guest_come(guest_new("anna", ip, 40001), NULL, NULL);
	}
	house_turn();
	assert_int_equal(house.s->n_up, n);
}

static void clients_are_counted(void **state)
{
	(void)state;
	look();
	assert_int_equal(m.servers, 1);
	assert_int_equal(m.peers + m.established + m.keys, 0);
	come(5);
	look();
	assert_int_equal(m.peers, 5);
	assert_int_equal(m.peers_up, 5);
	assert_int_equal(m.admitted, 5);
	assert_int_equal(m.established, 5);
	assert_int_equal(m.keys, 5);
	assert_true(m.questions > 0);
	for (uint32_t i = 0; i < house.s->n_slots; i++)
		if (house.s->served[i])
			lnl_served_end(house.s->served[i], LNL_CAUSE_PING, "gone");
	look();
	assert_int_equal(m.peers_up, 0);
	assert_int_equal(m.closed, 5);
	assert_int_equal(m.refused, 0);
	assert_int_equal(m.established, 5);
}

static void strangers_are_refused(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 30; i++) {
		struct lnl_ip ip = { 4, { 10, 0, (uint8_t)i, 1 } };
		struct lnl_addr at = lnl_addr_from(&ip, 50000);

		lnl_door_accept(house.s, open("/dev/null", O_RDONLY | O_CLOEXEC), &at);
	}
	look();
	assert_int_equal(m.half_open, 30);
	house_run(61 * LNL_SECOND);
	look();
	assert_int_equal(m.half_open, 0);
	assert_int_equal(m.refused, 30);
	assert_int_equal(m.closed, 0);
	assert_int_equal(m.suppressed, 20); /* of their records */
}

/* What the data plane tells is added once, and a peer that is added anew begins at nothing. */
static void packets_are_summed(void **state)
{
	struct lnl_counters a = { .rx_bytes = 100, .tx_packets = 3 }, b = a, none = { 0 };

	(void)state;
	b.rx_bytes = 150;
	b.drops[LNL_DROP_REPLAY] = 7;
	lnl_metrics_counted(house.e, &none, &a);
	lnl_metrics_counted(house.e, &a, &b);
	lnl_metrics_counted(house.e, &b, &b);
	b.rx_bytes = 20;
	lnl_metrics_counted(house.e, &a, &b);
	look();
	assert_int_equal(m.rx_bytes, 170);
	assert_int_equal(m.tx_packets, 3);
	assert_int_equal(m.drops[LNL_DROP_REPLAY], 14);
	/* As it comes from the data plane; whoever goes takes nothing away. */
	come(1);
	house.counted.link_rx_bytes = 1000;
	lnl_served_counters(house.s->served[0], &house.counted);
	house.counted.link_rx_bytes = 1500;
	lnl_served_counters(house.s->served[0], &house.counted);
	lnl_served_end(house.s->served[0], LNL_CAUSE_PING, "gone");
	look();
	assert_int_equal(m.link_rx_bytes, 1500);
}

static void levels_are_by_subsystem(void **state)
{
	struct lnl_levels l = { .all = LNL_LEVEL_INFO };

	(void)state;
	lnl_levels_set(&l, "peer", LNL_LEVEL_ERROR);
	lnl_engine_levels(house.e, &l);
	come(1);
	assert_int_equal(logged("peer.up"), 0);
	lnl_levels_set(&l, "peer", LNL_LEVEL_INFO);
	lnl_levels_set(&l, "*", LNL_LEVEL_ERROR);
	lnl_engine_levels(house.e, &l);
	guest_come(guest_new("bert", "192.0.9.2", 40001), NULL, NULL);
	house_turn();
	assert_int_equal(logged("peer.up"), 1);
	l.all = -1;
	l.n = 0;
	lnl_engine_levels(house.e, &l);
	lnl_log(&house.e->log, LNL_LEVEL_ERROR, "x.y");
	assert_int_equal(logged("x.y"), 0);
}

static double ready(void *ctx)
{
	int *pipe = ctx;
	char c;

	assert_int_equal(read(pipe[0], &c, 1), 1);
	pipe[2]++;
	return c == 'x' ? 0.001 : -1;
}

static void a_descriptor_is_looked_at(void **state)
{
	int pipe[3] = { 0 };
	struct lnl_watch *w;

	(void)state;
	assert_int_equal(pipe2(pipe, O_CLOEXEC | O_NONBLOCK), 0);
	w = lnl_engine_watch(house.e, pipe[0], ready, pipe);
	assert_non_null(w);
	ev_run(house.e->loop, EVRUN_NOWAIT);
	assert_int_equal(pipe[2], 0);
	assert_int_equal(write(pipe[1], "y", 1), 1);
	ev_run(house.e->loop, EVRUN_NOWAIT);
	assert_int_equal(pipe[2], 1);
	lnl_engine_unwatch(w);
	assert_int_equal(write(pipe[1], "y", 1), 1);
	ev_run(house.e->loop, EVRUN_NOWAIT);
	assert_int_equal(pipe[2], 1);
	lnl_engine_unwatch(NULL);
	close(pipe[0]);
	close(pipe[1]);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)
	const struct CMUnitTest tests[] = {
		test(clients_are_counted),	 test(strangers_are_refused),
		test(packets_are_summed),	 test(levels_are_by_subsystem),
		test(a_descriptor_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
