/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Streams of a worker that are read by a clock: how they come to it, that nothing stays unread on the
 * way in or out, and how they end. The clock that says how dense packets are is the test's: on a busy
 * machine nothing is dense.
 */
/* lunel-test: timeout 120 */
#include "test_io_worker_many.h"

#include <linux/tcp.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/timerfd.h>

#include "io/pace.h"

#define SLOWER 256
#define MARK   (64 * 1024) /* of a link that is read by the clock; otherwise 1 */

static uint64_t real_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * LNL_SECOND + (uint64_t)ts.tv_nsec / 1000;
}

static _Atomic uint64_t skipped;

/* These three stand for io/clock.c. */
uint64_t lnl_clock_now(void)
{
	return real_now() / SLOWER + atomic_load(&skipped);
}

uint64_t lnl_clock_wall(void *ctx)
{
	(void)ctx;
	return (uint64_t)time(NULL);
}

double lnl_clock_until(uint64_t due, uint64_t now)
{
	(void)due;
	(void)now;
	return 1;
}

/* A TCP link of a worker of which we have the other end, and the keys. */
struct stream {
	struct side *s;
	struct lnl_data *plane;
	int theirs, ours;
};

static uint32_t number; /* of the next packet */

static void open_stream(struct stream *t, struct side *s)
{
	int fds[2];

	tcp_pair(fds);
	*t = (struct stream){ .s = s, .theirs = fds[0], .ours = fds[1] };
}

/* A side with |n| links of one peer's. */
static void open_streams(struct stream *t, unsigned n, struct side *s)
{
	open_side(s);
	for (unsigned i = 0; i < n; i++) {
		open_stream(&t[i], s);
		t[i].plane = i == 0 ? server_plane() : t[0].plane;
		give_link(s, LINK + i, t[i].theirs, LNL_LINK_TCP);
	}
	give_peer(s, &plain_peer);
	give_key(s, LNL_CIPHER_AES_256_GCM, false);
	give_tun(s);
}

static void close_streams(struct stream *t, unsigned n)
{
	close_side(t->s);
	lnl_data_free(t->plane);
	for (unsigned i = 0; i < n; i++)
		if (t[i].ours >= 0)
			close(t[i].ours);
}

static void hang_up(struct stream *t)
{
	close(t->ours);
	t->ours = -1;
}

/* One packet, and it arrives. */
static void pass(struct stream *t)
{
	send_in_stream(t->ours, t->plane, number);
	expect_packet(t->s->tun, number++, 100);
}

static int mark_of(const struct stream *t)
{
	socklen_t len = sizeof(int);
	int bytes;

	assert_int_equal(getsockopt(t->theirs, SOL_SOCKET, SO_RCVLOWAT, &bytes, &len), 0);
	return bytes;
}

/* Whether one of the process's timers strikes as the clock does. */
static bool clock_runs(void)
{
	struct itimerspec it;

	for (int fd = 0; fd < 64; fd++)
		if (timerfd_gettime(fd, &it) == 0 && it.it_interval.tv_sec == 0 &&
		    it.it_interval.tv_nsec == LNL_PACE_EVERY * 1000)
			return true;
	return false;
}

static void pass_until_paced(struct stream *t)
{
	uint64_t end = real_now() + PATIENCE * UINT64_C(1000);

	while (mark_of(t) != MARK) {
		assert_true(real_now() < end);
		pass(t);
	}
}

static void wait_until_not_paced(const struct stream *t)
{
	uint64_t end = real_now() + PATIENCE * UINT64_C(1000);

	while (mark_of(t) != 1) {
		assert_true(real_now() < end);
		sched_yield();
	}
}

static void packets_pass_on_the_way_in_and_out(void **state)
{
	struct stream t;
	struct side s;

	(void)state;
	open_streams(&t, 1, &s);
	pass(&t);
	assert_int_equal(mark_of(&t), 1);
	assert_false(clock_runs());
	for (int times = 0; times < 3; times++) {
		pass_until_paced(&t);
		/* Far less than the mark: the clock reads it. */
		pass(&t);
		wait_until_not_paced(&t);
		assert_false(clock_runs());
		pass(&t);
	}
	close_streams(&t, 1);
}

/* More than the mark, as fast as it goes. */
static void a_burst_passes_whole(void **state)
{
	struct stream t;
	struct side s;

	(void)state;
	open_streams(&t, 1, &s);
	pass_until_paced(&t);
	/* Some at a time, since TUN's other end holds few. */
	for (unsigned sent = 0; sent < 3 * MARK; sent += 8 * 126) {
		uint32_t first = number;

		while (number < first + 8)
			send_in_stream(t.ours, t.plane, number++);
		for (; first < number; first++)
			expect_packet(s.tun, first, 100);
	}
	close_streams(&t, 1);
}

static void the_end_is_seen(void **state)
{
	static const struct linger at_once = { .l_onoff = 1 };

	(void)state;
	for (int reset = 0; reset < 2; reset++) {
		struct stream t;
		struct side s;
		struct lnl_ntf n;

		open_streams(&t, 1, &s);
		pass_until_paced(&t);
		if (reset)
			setsockopt(t.ours, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
		hang_up(&t);
		next_of(&s, LNL_NTF_LINK_CLOSED, &n);
		assert_int_equal(n.error, reset ? ECONNRESET : 0);
		close_streams(&t, 1);
	}
}

/* Several are read by one clock, and go in any order, by their own doing or by command. */
static void links_come_and_go(void **state)
{
	static const unsigned order[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 0, 2 } };

	(void)state;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		const unsigned *go = order[i];
		struct stream t[3];
		struct lnl_ntf n;
		struct side s;

		open_streams(t, 3, &s);
		do {
			for (unsigned k = 0; k < 3; k++)
				pass(&t[k]);
		} while (mark_of(&t[0]) != MARK || mark_of(&t[1]) != MARK ||
			 mark_of(&t[2]) != MARK);
		command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_DEL, .id = LINK + go[0] });
		pass(&t[go[1]]);
		pass(&t[go[2]]);
		hang_up(&t[go[1]]);
		next_of(&s, LNL_NTF_LINK_CLOSED, &n);
		assert_int_equal(n.id, LINK + go[1]);
		pass(&t[go[2]]);
		pass_until_paced(&t[go[2]]);
		wait_until_not_paced(&t[go[2]]);
		close_streams(t, 3);
	}
}

/* ---- one that ends at another's turn ---- */

static atomic_bool hold, held;

/* Holds the worker up where it is asked to. */
static void wake_and_wait(void *ctx)
{
	wake(ctx);
	while (atomic_load(&hold))
		atomic_store(&held, true);
	atomic_store(&held, false);
}

/* A client of |s| by a stream of its own. */
static void join_by_stream(struct stream *t, struct server *s, struct client *c, uint32_t id)
{
	open_client(c, id, false);
	open_stream(t, &s->side);
	command(&s->side, &(struct lnl_command){ .kind = LNL_CMD_LINK_ADD,
						 .u.link = { .id = id,
							     .fd = t->theirs,
							     .kind = LNL_LINK_TCP,
							     .peer = LNL_PEER_ID_NONE } });
	give_client(s, c, id);
}

static void say_by(struct stream *t, struct client *c, uint32_t to)
{
	struct sealed p;

	seal(c, &p, to, number);
	p.pkt.p -= 2;
	p.pkt.p[0] = 0;
	p.pkt.p[1] = (uint8_t)p.pkt.len;
	assert_int_equal(send(t->ours, p.pkt.p, p.pkt.len + 2, 0), p.pkt.len + 2);
}

static void talk_until_paced(struct server *s, struct stream t[2], struct client c[2])
{
	do {
		for (unsigned i = 0; i < 2; i++) {
			say_by(&t[i], &c[i], 1);
			expect_tun(s, c[i].id, 1, number++);
		}
	} while (mark_of(&t[0]) != MARK || mark_of(&t[1]) != MARK);
}

/*
 * The second's packet goes on to the first, whose stream is no more: that is seen at the second's turn,
 * before the first's, which was to be the next.
 */
static void a_link_ends_at_anothers_turn(void **state)
{
	static const struct linger at_once = { .l_onoff = 1 };
	struct server s;
	struct client c[2];
	struct stream t[2];
	struct lnl_ntf n;
	uint64_t since;

	(void)state;
	atomic_store(&hold, false);
	open_side_with(&s.side, 16, wake_and_wait, &s.side);
	command(&s.side,
		&(struct lnl_command){ .kind = LNL_CMD_TUN_ADD,
				       .u.tun = { .fd = s.side.tun_given, .routed = true } });
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_RELAY, .u.relay = true });
	for (uint32_t i = 0; i < 2; i++)
		join_by_stream(&t[i], &s, &c[i], 10 + i);
	settle(&s);
	talk_until_paced(&s, t, c);
	atomic_store(&hold, true);
	settle(&s);
	while (!atomic_load(&held))
		sched_yield();
	say_by(&t[1], &c[1], 10);
	setsockopt(t[0].ours, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	hang_up(&t[0]);
	/* The clock has struck by then. */
	for (since = real_now(); real_now() - since < 1000;)
		sched_yield();
	atomic_store(&hold, false);
	next_of(&s.side, LNL_NTF_LINK_CLOSED, &n);
	assert_int_equal(n.id, 10);
	say_by(&t[1], &c[1], 1);
	expect_tun(&s, 11, 1, number);
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_COUNTERS, .peer = 11 });
	next(&s.side, &n);
	assert_int_equal(n.kind, LNL_NTF_COUNTERS);
	close_side(&s.side);
	for (unsigned i = 0; i < 2; i++)
		close_client(&c[i]);
	close(t[1].ours);
}

/* ---- acknowledgements ---- */

static uint32_t acks_of(const struct stream *t)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	assert_int_equal(getsockopt(t->theirs, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_segs_out - info.tcpi_data_segs_out;
}

/* |times| packets with an answer each; how many acknowledgements went alone. */
static uint32_t acks_of_answered(struct stream *t, unsigned times)
{
	uint32_t before = acks_of(t);
	struct lnl_counters c;

	for (unsigned i = 0; i < times; i++) {
		uint8_t answer[100], got[200];

		pass(t);
		make_packet(answer, i, sizeof(answer));
		assert_int_equal(write(t->s->tun, answer, sizeof(answer)), sizeof(answer));
		wait_readable(t->ours);
		assert_int_equal(recv(t->ours, got, sizeof(got), 0), 2 + 24 + sizeof(answer));
		/* Once it has noted that it answered, the next takes its time. */
		counters(t->s, PEER, &c);
		atomic_fetch_add(&skipped, 10 * LNL_MSEC);
	}
	return acks_of(t) - before;
}

/*
 * Answers take acknowledgements along, but for some time after somebody was seen to wait. (A kernel
 * acknowledges a connection's first segments at once.)
 */
static void answers_acknowledge(void **state)
{
	struct lnl_counters c;
	struct stream t;
	struct side s;

	(void)state;
	open_streams(&t, 1, &s);
	acks_of_answered(&t, 100);
	assert_in_range(acks_of_answered(&t, 200), 0, 100);
	pass(&t);
	/* It has been read, and that is noted: nobody answers. */
	counters(&s, PEER, &c);
	atomic_fetch_add(&skipped, 10 * LNL_MSEC);
	assert_in_range(acks_of_answered(&t, 200), 150, 250);
	acks_of_answered(&t, 4096);
	assert_in_range(acks_of_answered(&t, 200), 0, 100);
	close_streams(&t, 1);
}

/* The peer of a link goes, and the clock does not strike on for who is a stranger now. */
static void a_peer_goes(void **state)
{
	struct server s;
	struct client c;
	struct stream t;

	(void)state;
	open_server(&s);
	join_by_stream(&t, &s, &c, 10);
	settle(&s);
	while (mark_of(&t) != MARK) {
		say_by(&t, &c, 1);
		expect_tun(&s, 10, 1, number++);
	}
	command(&s.side, &(struct lnl_command){ .kind = LNL_CMD_PEER_DEL, .peer = 10 });
	wait_until_not_paced(&t);
	assert_false(clock_runs());
	close_side(&s.side);
	close_client(&c);
	close(t.ours);
}

/* Who is nobody's peer is read as it comes. */
static void strangers_are_not_paced(void **state)
{
	static const uint8_t frame[2 + 40] = { 0, 40, LNL_OP_CONTROL_V1 << 3 };
	struct stream t;
	struct lnl_ntf n;
	struct side s;

	(void)state;
	open_side(&s);
	open_stream(&t, &s);
	t.plane = NULL;
	command(&s, &(struct lnl_command){ .kind = LNL_CMD_LINK_ADD,
					   .u.link = { .id = LINK,
						       .fd = t.theirs,
						       .kind = LNL_LINK_TCP,
						       .peer = LNL_PEER_ID_NONE } });
	for (unsigned i = 0; i < 10 * LNL_PACE_READS; i++) {
		assert_int_equal(send(t.ours, frame, sizeof(frame), 0), sizeof(frame));
		next_of(&s, LNL_NTF_PACKET, &n);
		assert_int_equal(mark_of(&t), 1);
	}
	close_streams(&t, 1);
}

/* No descriptor is left for a clock: all is read as it comes. */
static void without_a_clock(void **state)
{
	struct rlimit before, none;
	struct lnl_counters c;
	struct stream t;
	struct side s;
	int free_fd;

	(void)state;
	open_side(&s);
	open_stream(&t, &s);
	t.plane = server_plane();
	free_fd = dup(t.ours);
	close(free_fd);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ (rlim_t)free_fd, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	give_link(&s, LINK, t.theirs, LNL_LINK_TCP);
	give_peer(&s, &plain_peer);
	counters(&s, PEER, &c);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	give_key(&s, LNL_CIPHER_AES_256_GCM, false);
	give_tun(&s);
	for (unsigned i = 0; i < 10 * LNL_PACE_READS; i++) {
		pass(&t);
		assert_int_equal(mark_of(&t), 1);
	}
	close_streams(&t, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_pass_on_the_way_in_and_out),
		cmocka_unit_test(a_burst_passes_whole),
		cmocka_unit_test(the_end_is_seen),
		cmocka_unit_test(links_come_and_go),
		cmocka_unit_test(a_link_ends_at_anothers_turn),
		cmocka_unit_test(a_peer_goes),
		cmocka_unit_test(answers_acknowledge),
		cmocka_unit_test(strangers_are_not_paced),
		cmocka_unit_test(without_a_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
