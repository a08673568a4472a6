/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast a peer may be: the bucket, and packets on both ways. */
#include "test_data_world.h"

/* ---- the bucket ---- */

/* Bytes that pass of |offered| a second in packets of |len|, in |seconds|. */
static uint64_t passed(struct lnl_rate *r, uint64_t offered, uint32_t len, unsigned seconds,
		       uint64_t start)
{
	uint64_t n = offered * seconds / len, sum = 0, i;

	for (i = 0; i < n; i++)
		if (lnl_rate_pass(r, len, start + i * len * LNL_SECOND / offered))
			sum += len;
	return sum;
}

static void test_rates(void **state)
{
	static const uint64_t rates[] = { 125,	    8000,      100000,	  2500000,
					  12345678, 125000000, 5000000000 };
	static const uint32_t lengths[] = { 20, 64, 1400, 65535 };

	(void)state;
	for (unsigned i = 0; i < sizeof(rates) / sizeof(*rates); i++)
		for (unsigned k = 0; k < sizeof(lengths) / sizeof(*lengths); k++) {
			uint64_t rate = rates[i], burst, sum;
			uint32_t len = lengths[k];
			unsigned seconds = rate < 10000 ? 2000 : 20;
			struct lnl_rate r = { 0 };

			if (rate * seconds / len > 10000000)
				seconds = 1;
			if (rate * seconds / len > 20000000)
				continue; /* too many packets for a test */
			lnl_rate_set(&r, rate);
			burst = rate / 4 > 65536 ? rate / 4 : 65536;
			sum = passed(&r, rate * 3, len, seconds, 7 * LNL_SECOND);
			/* The rate and one burst, to a packet and a thousandth. */
			if (sum > rate * seconds + burst + len + rate * seconds / 1000 ||
			    (sum < rate * seconds + burst - 2 * (uint64_t)len -
					     rate * seconds / 1000 &&
			     sum < rate * 3 * seconds / len * len))
				fail_msg("%llu bytes a second by %u: %llu in %u s",
					 (unsigned long long)rate, len, (unsigned long long)sum,
					 seconds);
		}
}

/* Who keeps within it loses nothing; who was silent has one burst, not what was saved up. */
static void test_within(void **state)
{
	struct lnl_rate r = { 0 };
	unsigned i, sum = 0;

	(void)state;
	lnl_rate_set(&r, 1000000);
	assert_int_equal(passed(&r, 999000, 1000, 100, LNL_SECOND), 99900000);
	for (i = 0; i < 100000; i++)
		sum += lnl_rate_pass(&r, 1000, 100000 * LNL_SECOND) ? 1000 : 0;
	assert_in_range(sum, 250000, 251000);
}

static void test_no_limit(void **state)
{
	struct lnl_rate r = { 0 };

	(void)state;
	lnl_rate_set(&r, 1000);
	while (lnl_rate_pass(&r, 65535, 5))
		;
	lnl_rate_set(&r, 0);
	for (unsigned i = 0; i < 1000000; i++)
		assert_true(lnl_rate_pass(&r, 65535, 5));
	/* The least limit still ends. */
	lnl_rate_set(&r, 1);
	assert_true(lnl_rate_pass(&r, 65535, UINT64_C(1) << 45));
	assert_true(lnl_rate_pass(&r, 65535, UINT64_C(1) << 45));
	assert_false(lnl_rate_pass(&r, 65535, UINT64_C(1) << 45));
}

/* A clock that began long ago is no reason to let nothing pass: times wrap after 8.9 years. */
static void test_old_clock(void **state)
{
	static const uint64_t clocks[] = { UINT64_C(1) << 45, UINT64_C(1) << 46,
					   UINT64_C(1) << 47, (UINT64_C(1) << 47) + LNL_SECOND,
					   UINT64_C(3) << 46, (UINT64_C(1) << 48) - 10 };

	(void)state;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct lnl_rate r = { 0 };

		lnl_rate_set(&r, 1000000);
		assert_true(lnl_rate_pass(&r, 1000, clocks[i]));
		assert_int_equal(passed(&r, 999000, 1000, 10, clocks[i] + LNL_SECOND), 9990000);
	}
}

/* ---- packets ---- */

static unsigned send_many(struct world *w, bool up, unsigned n, uint64_t *drops)
{
	struct lnl_data *from = up ? w->client : w->server, *to = up ? w->server : w->client;
	unsigned delivered = 0;

	while (n-- > 0) {
		struct test_buffer b;
		struct lnl_packet p = test_packet(&b, up ? CLIENT_PEER : WIRE_ID, small_packet,
						  sizeof(small_packet));

		if (lnl_data_seal(from, &p, 1, w->now) != 1) {
			assert_int_equal(p.drop, LNL_DROP_RATE);
			continue;
		}
		p.peer = up ? WIRE_ID : CLIENT_PEER;
		if (lnl_data_open(to, &p, 1, w->now) == 1)
			delivered++;
		else
			assert_int_equal(p.drop, LNL_DROP_RATE);
	}
	*drops = counters_of(w->server, WIRE_ID).drops[LNL_DROP_RATE];
	return delivered;
}

/* Each way has its own limit, on the server alone; what is above it is dropped by name. */
static void test_packets(void **state)
{
	/* The rate holds for what is inside: 65,536 of burst and a packet, 28 bytes each. */
	const unsigned most = 65536 / 28 + 1;
	struct lnl_peer_conf conf = { .id = WIRE_ID, .wire_id = WIRE_ID };
	struct world w;
	uint64_t drops, before;

	(void)state;
	world_init_gcm(&w);
	assert_int_equal(send_many(&w, true, 5000, &drops), 5000);
	assert_int_equal(drops, 0);
	conf.rate_up = 2800;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	assert_in_range(send_many(&w, true, 5000, &drops), most, most + 1);
	assert_in_range(drops, 5000 - most - 1, 5000 - most);
	before = drops;
	assert_int_equal(send_many(&w, false, 5000, &drops), 5000);
	w.now += LNL_SECOND; /* 2,800 bytes more */
	assert_in_range(send_many(&w, true, 5000, &drops), 99, 101);
	before = drops;
	conf.rate_up = 0;
	conf.rate_down = 2800;
	assert_int_equal(lnl_data_peer_set(w.server, &conf, w.now), 0);
	assert_in_range(send_many(&w, false, 5000, &drops), most, most + 1);
	assert_in_range(drops - before, 5000 - most - 1, 5000 - most);
	assert_int_equal(send_many(&w, true, 5000, &drops), 5000);
	world_deinit(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rates),	 cmocka_unit_test(test_within),
		cmocka_unit_test(test_no_limit), cmocka_unit_test(test_old_clock),
		cmocka_unit_test(test_packets),
	};

	return cmocka_run_group_tests(tests, crypto_up, crypto_down);
}
