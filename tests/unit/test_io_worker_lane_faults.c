/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lanes that fail, misbehave or do not load: what becomes of packets, what is counted, what the control
 * thread hears of it.
 */
/* lunel-test: timeout 120 */
#include "test_io_worker_lane_ends.h"

/* ---- misbehaving ---- */

static bool lane_moves_before(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].data -= b->p[0].head + 1;
	b->p[0].len += b->p[0].head + 1u;
	return true;
}

static bool lane_goes_behind(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].len += b->p[0].tail + 1u;
	return true;
}

static bool lane_goes_around(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].len = UINT32_MAX;
	return true;
}

static bool lane_leaves_nothing(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].len = 0;
	return true;
}

static bool lane_points_nowhere(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].data = NULL;
	return true;
}

static bool lane_points_behind(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].data += b->p[0].len + b->p[0].tail + 1u;
	b->p[0].len = 1;
	return true;
}

static bool lane_says_what_is_no_verdict(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].verdict = 77;
	return true;
}

/* A batch that says of itself what it is not. */
static bool lane_lies(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].head = b->p[0].tail = UINT16_MAX;
	b->p[0].len += 60000;
	b->n = 1000;
	b->p = NULL;
	return true;
}

static lane_fn *const bad_ones[] = {
	lane_moves_before,   lane_goes_behind,	 lane_goes_around, lane_leaves_nothing,
	lane_points_nowhere, lane_points_behind, lane_lies,	   lane_says_what_is_no_verdict,
};

/* At each point: the packet goes, the next one comes when the lane is good again. */
static void what_stands_outside_of_its_room_is_dropped(void **state)
{
	(void)state;
	for (unsigned point = 0; point < LNL_LANE_POINTS; point++) {
		bool wire = point >= LNL_LANE_WIRE_IN;
		bool out = point == LNL_LANE_TO_PEER || point == LNL_LANE_WIRE_OUT;
		struct lnl_worker_lane conf = wire ? transport : filter;
		uint64_t bad = 0, good = 0;
		struct lnl_counters c;
		struct side s[2];

		conf.points = 1u << point;
		conf.overhead = 10;
		open_ends(s, 0, 0, lane_passes, &conf);
		for (size_t i = 0; i < sizeof(bad_ones) / sizeof(*bad_ones); i++) {
			struct side *counting = &s[out ? 0 : 1];

			atomic_store(&lanes[LANE].fn, bad_ones[i]);
			into(&s[0], (uint32_t)i);
			wait_drops(counting, PEER, LNL_DROP_LANE_BAD, ++bad, &c);
			atomic_store(&lanes[LANE].fn, lane_passes);
			into(&s[0], (uint32_t)i);
			expect_packet(s[1].tun, (uint32_t)i, LEN);
			good++;
		}
		counters(&s[1], PEER, &c);
		assert_int_equal(c.rx_packets, good);
		assert_int_equal(c.rx_bytes, good * LEN);
		nothing_more(s[1].tun);
		close_ends(s);
	}
}

static bool lane_adds_at_both_ends(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)f;
	b->p[0].data -= b->p[0].head;
	b->p[0].len += b->p[0].head + 1u;
	return true;
}

/* It may add so much at either end, and no more at both. */
static void what_is_longer_than_overhead_says_is_dropped(void **state)
{
	(void)state;
	for (int wire = 0; wire < 2; wire++) {
		struct lnl_worker_lane conf = wire ? transport : filter;
		struct lnl_counters c;
		struct side s[2];

		conf.points = 1u << (wire ? LNL_LANE_WIRE_OUT : LNL_LANE_TO_PEER);
		conf.overhead = 10;
		open_ends(s, 0, 0, lane_adds_at_both_ends, &conf);
		into(&s[0], 1);
		wait_drops(&s[0], PEER, LNL_DROP_LANE_BAD, 1, &c);
		close_ends(s);
	}
}

/* ---- errors ---- */

static bool lane_fails_at_odd(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	for (uint32_t i = 0; i < b->n; i++) {
		if ((number_of(&b->p[i]) & 1) == 0)
			continue;
		b->p[i].error = 1;
		b->p[i].data = NULL; /* whatever it did before */
		f->errors++;
	}
	f->text = "filter.lua:19: an error";
	return f->errors == 0;
}

static void errors_have_the_word_of_on_error(void **state)
{
	(void)state;
	for (int on_error = 0; on_error <= LNL_LANE_ON_ERROR_DETACH; on_error++) {
		bool drops = on_error == LNL_LANE_ON_ERROR_DROP;
		struct lnl_worker_lane conf = filter;
		struct lnl_counters c;
		struct lnl_ntf n;
		struct side s[2];

		conf.points = 1u << LNL_LANE_FROM_PEER;
		conf.on_error = (enum lnl_lane_on_error)on_error;
		open_ends(s, 0, 0, lane_fails_at_odd, &conf);
		for (uint32_t i = 0; i < 50; i++)
			into(&s[0], i);
		for (uint32_t i = 0; i < 50; i += drops ? 2 : 1)
			expect_packet(s[1].tun, i, LEN);
		next_of(&s[1], LNL_NTF_LANE, &n);
		assert_int_equal(n.id, LANE);
		assert_int_equal(n.u.lane.news, LNL_LANE_ERRORS);
		assert_true(n.u.lane.errors > 0 && n.u.lane.errors <= 25);
		assert_string_equal(n.u.lane.text, "filter.lua:19: an error");
		counters(&s[1], PEER, &c);
		assert_int_equal(c.drops[LNL_DROP_LANE], drops ? 25 : 0);
		close_ends(s);
	}
}

/* Of a thousand errors the control thread hears once a second. */
static void errors_flood_nobody(void **state)
{
	uint64_t began = lnl_clock_now(), failed = 0;
	unsigned told = 0;
	struct side s[2];
	struct lnl_ntf n;

	(void)state;
	open_ends(s, 0, 0, lane_fails_at_odd, &filter);
	for (uint32_t i = 0; i < 1000; i++) {
		into(&s[0], 1);
		command(&s[0], &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = PEER });
	}
	/* None of them is forgotten, even if nothing else happens then. */
	while (failed < 1000) {
		next_of(&s[0], LNL_NTF_LANE, &n);
		told++;
		failed += n.u.lane.errors;
	}
	assert_int_equal(failed, 1000);
	assert_true(told >= 2);
	assert_true(told <= (lnl_clock_now() - began) / LNL_SECOND + 1);
	close_ends(s);
}

/* The host says that packets failed, and not which. */
static bool lane_fails_at_all(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	f->errors = b->n;
	f->text = "out of memory";
	return false;
}

static void a_batch_that_fails_as_a_whole_is_judged_as_a_whole(void **state)
{
	struct lnl_worker_lane conf = filter;
	struct lnl_counters c;
	struct side s[2];

	(void)state;
	open_ends(s, 0, 0, lane_fails_at_all, &conf);
	into(&s[0], 2);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 1, &c);
	close_ends(s);
	conf.on_error = LNL_LANE_ON_ERROR_PASS;
	open_ends(s, 0, 0, lane_fails_at_all, &conf);
	into(&s[0], 2);
	expect_packet(s[1].tun, 2, LEN);
	close_ends(s);
}

static bool lane_ends(struct lnl_lane_batch *b, struct lnl_lane_fault *f)
{
	(void)b;
	f->errors = 0;
	f->detached = true;
	f->text = "too many errors";
	return false;
}

/* It is taken off, if it is one that may be; a filter that cannot go on lets nothing through. */
static void a_lane_that_cannot_go_on(void **state)
{
	struct lnl_worker_lane conf = filter;
	struct lnl_counters c;
	struct side s[2];
	struct lnl_ntf n;

	(void)state;
	conf.on_error = LNL_LANE_ON_ERROR_DETACH;
	open_ends(s, 0, 0, lane_ends, &conf);
	into(&s[0], 1);
	expect_packet(s[1].tun, 1, LEN);
	next_of(&s[0], LNL_NTF_LANE, &n);
	assert_int_equal(n.u.lane.news, LNL_LANE_DETACHED);
	assert_string_equal(n.u.lane.text, "too many errors");
	assert_int_equal(atomic_load(&lanes[LANE].runs), 2); /* once at each end */
	into(&s[0], 2);
	expect_packet(s[1].tun, 2, LEN);
	assert_int_equal(atomic_load(&lanes[LANE].runs), 2);
	/* Loaded anew, it is on again. */
	give_lane(&s[0], LANE, lane_drops_all, &conf);
	into(&s[0], 3);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 1, &c);
	close_ends(s);

	open_ends(s, 0, 0, lane_ends, &filter);
	into(&s[0], 1);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 1, &c);
	into(&s[0], 2);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 2, &c);
	assert_int_equal(atomic_load(&lanes[LANE].runs), 1);
	close_ends(s);
}

static void it_is_told_that_a_filter_stopped(void **state)
{
	struct side s[2];
	struct lnl_ntf n;

	(void)state;
	open_ends(s, 0, 0, lane_ends, &filter);
	into(&s[0], 1);
	next_of(&s[0], LNL_NTF_LANE, &n);
	assert_int_equal(n.u.lane.news, LNL_LANE_STOPPED);
	close_ends(s);
}

/* ---- loading ---- */

static void what_does_not_load_lets_nothing_through(void **state)
{
	struct lnl_counters c;
	struct lnl_ntf n;
	struct side s[2];

	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		open_ends(s, 0, 0, NULL, NULL);
		atomic_store(&lanes[LANE].refuses, how == 0);
		atomic_store(&no_vm, how == 1);
		give_lane(&s[0], LANE, lane_passes, &filter);
		next_of(&s[0], LNL_NTF_LANE, &n);
		assert_int_equal(n.id, LANE);
		assert_int_equal(n.u.lane.news, LNL_LANE_FAILED);
		assert_int_equal(n.error, how == 0 ? LNL_E_FORMAT : LNL_E_NOMEM);
		assert_string_equal(n.u.lane.text, how == 0 ? "lane.lua:3: it does not load"
							    : "no memory for a VM");
		into(&s[0], 1);
		wait_drops(&s[0], PEER, LNL_DROP_LANE, 1, &c);
		into(&s[1], 2);
		wait_drops(&s[0], PEER, LNL_DROP_LANE, 2, &c);
		assert_int_equal(c.rx_packets, 0);
		/* The file is put right. */
		atomic_store(&lanes[LANE].refuses, false);
		atomic_store(&no_vm, false);
		give_lane(&s[0], LANE, lane_passes, &filter);
		into(&s[0], 3);
		expect_packet(s[1].tun, 3, LEN);
		/* And broken again, which changes nothing. */
		atomic_store(&lanes[LANE].refuses, true);
		give_lane(&s[0], LANE, lane_passes, &filter);
		next_of(&s[0], LNL_NTF_LANE, &n);
		assert_int_equal(n.u.lane.news, LNL_LANE_FAILED);
		into(&s[0], 4);
		expect_packet(s[1].tun, 4, LEN);
		close_ends(s);
	}
}

static void a_transport_that_does_not_load_is_silent(void **state)
{
	struct lnl_counters c;
	struct side s[2];

	(void)state;
	open_ends(s, 0, 0, NULL, NULL);
	atomic_store(&lanes[LANE].refuses, true);
	give_lane(&s[0], LANE, lane_hides, &transport);
	into(&s[0], 1);
	send_control(&s[0], LNL_OP_CONTROL_V1, 1, 200);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 2, &c);
	into(&s[1], 1);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 3, &c);
	close_ends(s);
}

static void a_lane_is_taken_off(void **state)
{
	struct lnl_counters c;
	struct side s[2];

	(void)state;
	open_ends(s, 0, 0, lane_drops_all, &filter);
	into(&s[0], 1);
	wait_drops(&s[0], PEER, LNL_DROP_LANE, 1, &c);
	take_lane(&s[0], LANE);
	take_lane(&s[1], LANE);
	counters(&s[1], PEER, &c);
	into(&s[0], 2);
	expect_packet(s[1].tun, 2, LEN);
	assert_int_equal(atomic_load(&lanes[LANE].unloads), 2);
	assert_int_equal(atomic_load(&vms), 0);
	close_ends(s);
}

static void lanes_of_no_sense_are_refused(void **state)
{
	struct lnl_command cmd = { .kind = LNL_CMD_LANE_ADD, .id = LANE };
	struct lnl_ntf n;
	struct side s;

	(void)state;
	lanes_init();
	open_side(&s);
	cmd.u.lane = filter;
	command(&s, &cmd); /* without a host */
	next_of(&s, LNL_NTF_FAILED, &n);
	assert_int_equal(n.error, LNL_E_INVAL);
	cmd.u.lane.host = &lane_host;
	cmd.u.lane.overhead = LNL_LANE_OVERHEAD + 1;
	command(&s, &cmd);
	next_of(&s, LNL_NTF_FAILED, &n);
	assert_int_equal(n.error, LNL_E_INVAL);
	take_lane(&s, LANE);
	next_of(&s, LNL_NTF_FAILED, &n);
	assert_int_equal(n.error, LNL_E_NOTFOUND);
	close_side(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_outside_of_its_room_is_dropped),
		cmocka_unit_test(what_is_longer_than_overhead_says_is_dropped),
		cmocka_unit_test(errors_have_the_word_of_on_error),
		cmocka_unit_test(errors_flood_nobody),
		cmocka_unit_test(a_batch_that_fails_as_a_whole_is_judged_as_a_whole),
		cmocka_unit_test(a_lane_that_cannot_go_on),
		cmocka_unit_test(it_is_told_that_a_filter_stopped),
		cmocka_unit_test(what_does_not_load_lets_nothing_through),
		cmocka_unit_test(a_transport_that_does_not_load_is_silent),
		cmocka_unit_test(a_lane_is_taken_off),
		cmocka_unit_test(lanes_of_no_sense_are_refused),
	};

	assert_int_equal(lnl_crypto_init(NULL), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
