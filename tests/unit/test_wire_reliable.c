/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The reliable layer in virtual time: windows, acknowledgements, retransmission; W5 by name; and
 * both ends over a path that drops half and reorders half.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wire/reliable.h"

#define OP LNL_OP_CONTROL_V1

/* Memory that counts what is held and can run out. */
struct heap {
	int held;
	int left; /* allocations until it fails; negative: never */
};

static void *heap_alloc(void *ctx, size_t size)
{
	struct heap *h = ctx;

	if (h->left == 0)
		return NULL;
	h->left--;
	h->held++;
	return calloc(1, size);
}

static void heap_release(void *ctx, void *p)
{
	struct heap *h = ctx;

	if (p)
		h->held--;
	free(p);
}

struct fixture {
	struct heap heap;
	struct lnl_env env;
	struct lnl_reliable r;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->heap.left = -1;
	f->env = (struct lnl_env){ .ctx = &f->heap, .alloc = heap_alloc, .release = heap_release };
	lnl_reliable_init(&f->r, &f->env, 2 * LNL_SECOND);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	lnl_reliable_deinit(&f->r);
	assert_int_equal(f->heap.held, 0);
	free(f);
	return 0;
}

static void queue(struct lnl_reliable *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(lnl_reliable_send(r, OP, "x", 1), 0);
}

/* How many packets are due at |now|, all of them sent. */
static unsigned flush(struct lnl_reliable *r, uint64_t now)
{
	unsigned n = 0;

	while (lnl_reliable_due(r, now))
		n++;
	return n;
}

static void packets_go_out_in_order_and_once(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	const struct lnl_reliable_sent *s;
	char text[] = "one";

	assert_true(lnl_reliable_idle(r));
	assert_null(lnl_reliable_due(r, 100));
	assert_true(lnl_reliable_next_due(r) == LNL_NEVER);
	assert_int_equal(lnl_reliable_send(r, LNL_OP_HARD_RESET_CLIENT_V2, NULL, 0), 0);
	assert_int_equal(lnl_reliable_send(r, OP, text, 3), 0);
	text[0] = '#'; /* a copy was taken */
	assert_true(lnl_reliable_next_due(r) <= 100);
	assert_false(lnl_reliable_idle(r));

	s = lnl_reliable_due(r, 100);
	assert_non_null(s);
	assert_int_equal(s->id, 0);
	assert_int_equal(s->op, LNL_OP_HARD_RESET_CLIENT_V2);
	assert_int_equal(s->len, 0);
	s = lnl_reliable_due(r, 100);
	assert_non_null(s);
	assert_int_equal(s->id, 1);
	assert_int_equal(s->op, OP);
	assert_int_equal(s->len, 3);
	assert_memory_equal(s->data, "one", 3);
	assert_null(lnl_reliable_due(r, 100));
	assert_true(lnl_reliable_next_due(r) == 100 + 2 * LNL_SECOND);
}

/* Packet 0 is exchanged: a copy of it is a duplicate, an ack of it names nothing. */
static void resumed_behind_packet_0(void **state)
{
	struct fixture *f = *state;
	struct lnl_reliable *r = &f->r;
	const struct lnl_reliable_sent *s;
	uint32_t acks[LNL_ACKS_MAX];

	lnl_reliable_resume(r);
	assert_true(lnl_reliable_idle(r));
	assert_false(lnl_reliable_has_acks(r));
	assert_false(lnl_reliable_acked(r, 0, 0));
	assert_int_equal(lnl_reliable_receive(r, LNL_OP_HARD_RESET_CLIENT_V2, 0, "", 0), 0);
	assert_int_equal(f->heap.held, 0);
	assert_int_equal(lnl_reliable_take_acks(r, acks, LNL_ACKS_MAX, false), 1);
	assert_int_equal(acks[0], 0);
	assert_null(lnl_reliable_next(r));
	assert_int_equal(lnl_reliable_receive(r, OP, 1, "x", 1), 1);
	assert_int_equal(lnl_reliable_next(r)->id, 1);
	assert_int_equal(lnl_reliable_send(r, OP, "y", 1), 0);
	s = lnl_reliable_due(r, 0);
	assert_non_null(s);
	assert_int_equal(s->id, 1);
	assert_true(lnl_reliable_acked(r, 1, 0));
	/* the window moves on as ever */
	queue(r, LNL_RELIABLE_SEND);
	assert_false(lnl_reliable_can_send(r));
}

static void six_packets_are_in_flight_at_most(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;

	queue(r, LNL_RELIABLE_SEND);
	assert_false(lnl_reliable_can_send(r));
	assert_int_equal(lnl_reliable_send(r, OP, "x", 1), LNL_E_SPACE);
	assert_int_equal(flush(r, 0), LNL_RELIABLE_SEND);
	/* A gap behind the oldest does not widen the window. */
	for (uint32_t id = 1; id < LNL_RELIABLE_SEND; id++)
		assert_true(lnl_reliable_acked(r, id, 0));
	assert_false(lnl_reliable_can_send(r));
	assert_int_equal(lnl_reliable_send(r, OP, "x", 1), LNL_E_SPACE);
	assert_true(lnl_reliable_acked(r, 0, 0));
	assert_true(lnl_reliable_idle(r));
	queue(r, LNL_RELIABLE_SEND);
	assert_false(lnl_reliable_can_send(r));
}

static void sizes_and_memory(void **state)
{
	struct fixture *f = *state;
	struct lnl_reliable *r = &f->r;
	uint8_t *big = calloc(1, UINT16_MAX + 1);

	assert_non_null(big);
	assert_int_equal(lnl_reliable_send(r, OP, big, UINT16_MAX), 0);
	assert_int_equal(lnl_reliable_send(r, OP, big, UINT16_MAX + 1), LNL_E_INVAL);
	assert_int_equal(lnl_reliable_receive(r, OP, 0, big, UINT16_MAX + 1), LNL_E_LIMIT);
	f->heap.left = 0;
	assert_int_equal(lnl_reliable_send(r, OP, "x", 1), LNL_E_NOMEM);
	assert_int_equal(lnl_reliable_receive(r, OP, 0, "x", 1), LNL_E_NOMEM);
	assert_false(lnl_reliable_has_acks(r));
	assert_null(lnl_reliable_next(r));
	f->heap.left = -1;
	assert_int_equal(lnl_reliable_receive(r, OP, 0, "x", 1), 1);
	assert_int_equal(lnl_reliable_send(r, OP, "x", 1), 0);
	assert_int_equal(r->next_send, 2); /* no id was lost: the peer takes no gaps */
	free(big);
}

static void retransmission_backs_off(void **state)
{
	static const uint64_t seconds[] = { 2, 6, 14, 30, 62, 122, 182 };
	struct lnl_reliable *r = &((struct fixture *)*state)->r;

	queue(r, 1);
	assert_int_equal(flush(r, 0), 1);
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		assert_true(lnl_reliable_next_due(r) == seconds[i] * LNL_SECOND);
		assert_int_equal(flush(r, seconds[i] * LNL_SECOND - 1), 0);
		assert_int_equal(flush(r, seconds[i] * LNL_SECOND), 1);
	}
	assert_true(lnl_reliable_acked(r, 0, 0));
	assert_true(lnl_reliable_next_due(r) == LNL_NEVER);
	assert_int_equal(flush(r, LNL_NEVER), 0);
}

static void three_later_acks_resend_at_once(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	const struct lnl_reliable_sent *s;
	uint64_t now = 1000;

	queue(r, 6);
	assert_int_equal(flush(r, now), 6);
	assert_true(lnl_reliable_acked(r, 2, now));
	assert_true(lnl_reliable_acked(r, 3, now));
	assert_int_equal(flush(r, now), 0);
	assert_false(lnl_reliable_acked(r, 3, now)); /* twice the same is no third */
	assert_int_equal(flush(r, now), 0);
	assert_true(lnl_reliable_acked(r, 0, now)); /* an earlier one says nothing of 1 */
	assert_int_equal(flush(r, now), 0);
	assert_true(lnl_reliable_acked(r, 5, now));
	assert_true(lnl_reliable_next_due(r) == now);
	s = lnl_reliable_due(r, now);
	assert_non_null(s);
	assert_int_equal(s->id, 1);
	assert_int_equal(s->tries, 2);
	assert_null(lnl_reliable_due(r, now)); /* 4 has one later ack only */
	assert_true(lnl_reliable_next_due(r) == now + 2 * LNL_SECOND);
	/* The count starts anew with the copy; its timeout was doubled. */
	assert_true(lnl_reliable_acked(r, 4, now));
	assert_int_equal(flush(r, now), 0);
	assert_true(lnl_reliable_next_due(r) == now + 4 * LNL_SECOND);
}

/* Who has moved gets at once what went where it was: that and no more, and backoff begins anew. */
static void a_move_resends_what_was_sent(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	uint64_t now;

	queue(r, 2);
	assert_int_equal(flush(r, 0), 2);
	assert_true(lnl_reliable_acked(r, 1, 0));
	for (now = 0; now < 20 * LNL_SECOND; now += LNL_SECOND)
		flush(r, now);
	assert_true(lnl_reliable_next_due(r) == 30 * LNL_SECOND);
	lnl_reliable_resend(r, now);
	assert_int_equal(flush(r, now), 1);
	assert_true(lnl_reliable_next_due(r) == now + 4 * LNL_SECOND);
	/* Of what is not there is nothing to send. */
	assert_true(lnl_reliable_acked(r, 0, now));
	lnl_reliable_resend(r, now);
	assert_int_equal(flush(r, LNL_NEVER), 0);
}

/* Acks from before a packet was sent again say nothing of its copy. */
static void later_acks_count_from_the_last_copy(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	uint64_t now = 2 * LNL_SECOND;

	queue(r, 6);
	assert_int_equal(flush(r, 0), 6);
	assert_true(lnl_reliable_acked(r, 1, 0));
	assert_true(lnl_reliable_acked(r, 2, 0));
	assert_int_equal(flush(r, now), 4);
	assert_true(lnl_reliable_acked(r, 3, now));
	assert_true(lnl_reliable_acked(r, 4, now));
	assert_int_equal(flush(r, now), 0);
	assert_true(lnl_reliable_acked(r, 5, now));
	assert_int_equal(lnl_reliable_due(r, now)->id, 0);
}

static void received_packets_come_in_order(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	const struct lnl_reliable_got *g;

	assert_null(lnl_reliable_next(r));
	lnl_reliable_took(r); /* nothing there: nothing happens */
	assert_int_equal(r->next_recv, 0);
	assert_int_equal(lnl_reliable_receive(r, OP, 2, "two", 3), 1);
	assert_int_equal(lnl_reliable_receive(r, OP, 1, NULL, 0), 1);
	assert_null(lnl_reliable_next(r));
	assert_int_equal(lnl_reliable_receive(r, LNL_OP_SOFT_RESET_V1, 0, "zero", 4), 1);
	g = lnl_reliable_next(r);
	assert_non_null(g);
	assert_int_equal(g->op, LNL_OP_SOFT_RESET_V1);
	assert_int_equal(g->len, 4);
	assert_memory_equal(g->data, "zero", 4);
	lnl_reliable_took(r);
	g = lnl_reliable_next(r);
	assert_non_null(g);
	assert_int_equal(g->len, 0);
	assert_non_null(g->data);
	lnl_reliable_took(r);
	g = lnl_reliable_next(r);
	assert_non_null(g);
	assert_memory_equal(g->data, "two", 3);
	lnl_reliable_took(r);
	assert_null(lnl_reliable_next(r));
}

/* What arrives is acknowledged or not, by where its id stands to the window. */
static void W5_ids_outside_the_window(void **state)
{
	static const struct {
		uint32_t next, id;
		int code;
	} row[] = {
		{ 0, 0, 1 },
		{ 0, 11, 1 },
		{ 0, 12, LNL_E_LIMIT },
		{ 0, 13, LNL_E_LIMIT },
		{ 0, 0x7fffffff, LNL_E_LIMIT },
		{ 0, 0x80000000, LNL_E_LIMIT },
		{ 0, 0xffffffff, LNL_E_LIMIT },
		{ 1, 0, 0 },
		{ 1, 12, 1 },
		{ 1, 13, LNL_E_LIMIT },
		{ 1000, 0, 0 },
		{ 1000, 988, 0 },
		{ 1000, 999, 0 },
		{ 1000, 1000, 1 },
		{ 1000, 1011, 1 },
		{ 1000, 1012, LNL_E_LIMIT },
		{ 1000, 0xffffffff, LNL_E_LIMIT },
		{ 0x80000000, 0x7fffffff, 0 },
		{ 0x80000000, 0x80000000, 1 },
		{ 0xfffffffe, 0xfffffffd, 0 },
		{ 0xfffffffe, 0xfffffffe, 1 },
		{ 0xfffffffe, 0xffffffff, LNL_E_LIMIT }, /* taking it would wrap */
		{ 0xfffffffe, 0, 0 },
		{ 0xffffffff, 0xffffffff, LNL_E_LIMIT },
		{ 0xffffffff, 0, 0 }, /* no wrap: 0 is old, not next */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint32_t acks[LNL_ACKS_MAX];

		lnl_reliable_init(&f->r, &f->env, LNL_SECOND);
		f->r.next_recv = row[i].next;
		if (lnl_reliable_receive(&f->r, OP, row[i].id, "x", 1) != row[i].code)
			fail_msg("row %zu", i);
		assert_int_equal(lnl_reliable_has_acks(&f->r), row[i].code >= 0);
		assert_int_equal(f->heap.held, row[i].code == 1);
		if (row[i].code >= 0) {
			assert_int_equal(lnl_reliable_take_acks(&f->r, acks, LNL_ACKS_MAX, false),
					 1);
			assert_int_equal(acks[0], row[i].id);
		}
		lnl_reliable_deinit(&f->r);
	}
	lnl_reliable_init(&f->r, &f->env, LNL_SECOND);
}

static void W5_duplicates_are_kept_once_and_acked_again(void **state)
{
	struct fixture *f = *state;
	struct lnl_reliable *r = &f->r;
	uint32_t acks[LNL_ACKS_MAX];

	assert_int_equal(lnl_reliable_receive(r, OP, 3, "first", 5), 1);
	for (int i = 0; i < 100; i++)
		assert_int_equal(lnl_reliable_receive(r, OP, 3, "other", 5), 0);
	assert_int_equal(f->heap.held, 1);
	assert_int_equal(lnl_reliable_take_acks(r, acks, LNL_ACKS_MAX, false), 1);
	assert_int_equal(acks[0], 3);
	assert_false(lnl_reliable_has_acks(r));

	for (uint32_t id = 0; id < 3; id++)
		assert_int_equal(lnl_reliable_receive(r, OP, id, "x", 1), 1);
	for (uint32_t id = 0; id < 3; id++)
		lnl_reliable_took(r);
	assert_memory_equal(lnl_reliable_next(r)->data, "first", 5);
	lnl_reliable_took(r);
	assert_int_equal(lnl_reliable_take_acks(r, acks, LNL_ACKS_MAX, false), 3);
	/* Delivered long ago: acknowledged again, delivered never again. */
	assert_int_equal(lnl_reliable_receive(r, OP, 3, "first", 5), 0);
	assert_null(lnl_reliable_next(r));
	assert_int_equal(lnl_reliable_take_acks(r, acks, LNL_ACKS_MAX, false), 1);
	assert_int_equal(acks[0], 3);
	assert_int_equal(f->heap.held, 0);
}

static void acks_are_taken_oldest_first_and_repeated(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	uint32_t acks[LNL_ACKS_MAX];

	assert_int_equal(lnl_reliable_take_acks(r, acks, 8, true), 0);
	for (uint32_t id = 0; id < 6; id++)
		lnl_reliable_receive(r, OP, id, "x", 1);
	assert_int_equal(lnl_reliable_take_acks(r, acks, 0, true), 0);
	assert_int_equal(lnl_reliable_take_acks(r, acks, 4, true), 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(acks[i], i);
	assert_true(lnl_reliable_has_acks(r));
	/* Two wait; then those sent last, newest first; none twice. */
	assert_int_equal(lnl_reliable_take_acks(r, acks, 8, true), 6);
	assert_memory_equal(acks, ((uint32_t[]){ 4, 5, 3, 2, 1, 0 }), 6 * sizeof(acks[0]));
	assert_false(lnl_reliable_has_acks(r));
	assert_int_equal(lnl_reliable_take_acks(r, acks, 8, false), 0);
	assert_int_equal(lnl_reliable_take_acks(r, acks, 3, true), 3);
	assert_memory_equal(acks, ((uint32_t[]){ 5, 4, 3 }), 3 * sizeof(acks[0]));
	/* An old one that came again moves to the front. */
	assert_int_equal(lnl_reliable_receive(r, OP, 1, "x", 1), 0);
	assert_int_equal(lnl_reliable_take_acks(r, acks, 8, true), 6);
	assert_memory_equal(acks, ((uint32_t[]){ 1, 5, 4, 3, 2, 0 }), 6 * sizeof(acks[0]));
}

/* As many acks wait as packets can be held; one more is left to the packet's next copy. */
static void acks_that_wait_are_bounded(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	uint32_t acks[2 * LNL_RELIABLE_RECV];
	unsigned n;

	for (uint32_t id = 0; id < LNL_RELIABLE_RECV; id++)
		assert_int_equal(lnl_reliable_receive(r, OP, id, "x", 1), 1);
	lnl_reliable_took(r);
	assert_int_equal(lnl_reliable_receive(r, OP, LNL_RELIABLE_RECV, "x", 1), 1);
	n = lnl_reliable_take_acks(r, acks, 2 * LNL_RELIABLE_RECV, true);
	assert_int_equal(n, LNL_RELIABLE_RECV);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(acks[i], i);
	assert_int_equal(lnl_reliable_receive(r, OP, LNL_RELIABLE_RECV, "x", 1), 0);
	assert_int_equal(lnl_reliable_take_acks(r, acks, LNL_ACKS_MAX, false), 1);
	assert_int_equal(acks[0], LNL_RELIABLE_RECV);
}

/* Acknowledgements of what is not outstanding change not one byte of the state. */
static void W5_bogus_acks_change_nothing(void **state)
{
	static const uint32_t base[] = { 0, 6, 100, 0x7ffffffe, 0x80000000, 0xfffffff0 };
	struct fixture *f = *state;
	struct lnl_reliable *r = &f->r;

	for (size_t b = 0; b < sizeof(base) / sizeof(base[0]); b++) {
		struct lnl_reliable before;

		lnl_reliable_init(r, &f->env, LNL_SECOND);
		r->next_send = base[b];
		queue(r, 3);
		assert_int_equal(flush(r, 10), 3);
		queue(r, 1); /* queued, not sent: nobody can have seen it */
		before = *r;
		for (unsigned k = 0; k < 32; k++) {
			uint32_t step = UINT32_C(1) << k;

			for (uint32_t near = 0; near < 3; near++) {
				uint32_t up = base[b] + near + step, down = base[b] + near - step;

				if (up - base[b] > 2)
					assert_false(lnl_reliable_acked(r, up, 11));
				if (down - base[b] > 2)
					assert_false(lnl_reliable_acked(r, down, 11));
			}
		}
		assert_false(lnl_reliable_acked(r, base[b] + 3, 11));
		assert_false(lnl_reliable_acked(r, 0xffffffff, 11));
		for (uint32_t id = 3; id < 40; id++)
			assert_false(lnl_reliable_acked(r, base[b] + id, 11));
		assert_memory_equal(r, &before, sizeof(before));
		/* The twin: what is outstanding is taken, once. */
		for (uint32_t id = 0; id < 3; id++) {
			assert_true(lnl_reliable_acked(r, base[b] + id, 11));
			assert_false(lnl_reliable_acked(r, base[b] + id, 11));
		}
		assert_int_equal(f->heap.held, 1);
		lnl_reliable_deinit(r);
	}
	lnl_reliable_init(r, &f->env, LNL_SECOND);
	for (uint32_t id = 0; id < 100; id++) /* nothing was ever sent */
		assert_false(lnl_reliable_acked(r, id, 0));
}

/* A million bogus acks do not shorten, lengthen or multiply a retransmission. */
static void W5_bogus_acks_cause_no_traffic(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	unsigned sent = 0;
	uint64_t now = 0;

	queue(r, 4);
	for (uint32_t i = 0; i < 1000000; i++) {
		assert_false(lnl_reliable_acked(r, 4 + i, now));
		sent += flush(r, now);
		now += 60;
	}
	assert_int_equal(sent, 4 * 5); /* in 60 s: at 0, 2, 6, 14 and 30 */
}

static void W5_timeouts_stay_in_bounds(void **state)
{
	static const uint64_t first[] = { 0,
					  1,
					  LNL_MSEC,
					  100 * LNL_MSEC,
					  LNL_SECOND,
					  2 * LNL_SECOND,
					  7 * LNL_SECOND,
					  LNL_RELIABLE_TIMEOUT_MAX,
					  LNL_RELIABLE_TIMEOUT_MAX + 1,
					  UINT64_MAX / 2 + 1,
					  UINT64_MAX };
	struct fixture *f = *state;
	struct lnl_reliable *r = &f->r;

	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		uint64_t start = 12345, now = start, recent[LNL_RELIABLE_TRIES] = { 0 };
		unsigned in_hand_window = 0;

		lnl_reliable_init(r, &f->env, first[i]);
		queue(r, 1);
		assert_int_equal(flush(r, now), 1);
		for (unsigned n = 0; n < 1000; n++) {
			uint64_t next = lnl_reliable_next_due(r);
			const struct lnl_reliable_sent *s;

			assert_true(next > now && next - now <= LNL_RELIABLE_TIMEOUT_MAX);
			assert_int_equal(flush(r, next - 1), 0);
			s = lnl_reliable_due(r, next);
			assert_non_null(s);
			assert_true(s->timeout > 0 && s->timeout <= LNL_RELIABLE_TIMEOUT_MAX);
			assert_null(lnl_reliable_due(r, next));
			now = next;
			in_hand_window += now - start < 60 * LNL_SECOND;
			/* in any 60 s, not only in the first */
			assert_true(n < LNL_RELIABLE_TRIES ||
				    now - recent[n % LNL_RELIABLE_TRIES] >= 60 * LNL_SECOND);
			recent[n % LNL_RELIABLE_TRIES] = now;
		}
		assert_true(in_hand_window <= LNL_RELIABLE_TRIES);
		assert_true(lnl_reliable_acked(r, 0, now)); /* it was never given up */
		lnl_reliable_deinit(r);
	}
	lnl_reliable_init(r, &f->env, LNL_SECOND);
}

/* Fast retransmission counts as well: with it, too, no packet goes out more than so often. */
static void W5_fast_resends_are_bounded(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;
	unsigned resent = 0;
	uint64_t now = 0;

	/* The peer takes all but packet 0, for as long as it can. */
	queue(r, 6);
	flush(r, now);
	for (uint32_t id = 1; id < 1000; id++, now += 50 * LNL_MSEC) {
		lnl_reliable_acked(r, id, now);
		while (lnl_reliable_can_send(r))
			queue(r, 1);
		resent += flush(r, now);
	}
	assert_true(now < 60 * LNL_SECOND);
	assert_in_range(resent, 1, LNL_RELIABLE_TRIES);
}

/* Near the end of the clock nothing overflows into "due at once". */
static void W5_the_end_of_time(void **state)
{
	struct lnl_reliable *r = &((struct fixture *)*state)->r;

	queue(r, 1);
	assert_int_equal(flush(r, LNL_NEVER - 5), 1);
	assert_true(lnl_reliable_next_due(r) == LNL_NEVER);
	assert_int_equal(flush(r, LNL_NEVER), 0);
}

static void W5_ids_do_not_wrap(void **state)
{
	struct fixture *f = *state;
	struct lnl_reliable *r = &f->r;
	uint32_t acks[LNL_ACKS_MAX];

	r->next_send = UINT32_MAX - 2;
	queue(r, 2);
	assert_int_equal(lnl_reliable_send(r, OP, "x", 1), LNL_E_LIMIT);
	assert_int_equal(lnl_reliable_due(r, 0)->id, UINT32_MAX - 2);
	assert_int_equal(lnl_reliable_due(r, 0)->id, UINT32_MAX - 1);
	assert_true(lnl_reliable_acked(r, UINT32_MAX - 1, 0));
	assert_true(lnl_reliable_acked(r, UINT32_MAX - 2, 0));
	assert_int_equal(lnl_reliable_send(r, OP, "x", 1), LNL_E_LIMIT);
	assert_true(lnl_reliable_idle(r));

	r->next_recv = UINT32_MAX - 2;
	assert_int_equal(lnl_reliable_receive(r, OP, UINT32_MAX - 1, "b", 1), 1);
	assert_int_equal(lnl_reliable_receive(r, OP, UINT32_MAX, "c", 1), LNL_E_LIMIT);
	assert_int_equal(lnl_reliable_receive(r, OP, UINT32_MAX - 2, "a", 1), 1);
	lnl_reliable_took(r);
	lnl_reliable_took(r);
	assert_int_equal(r->next_recv, UINT32_MAX);
	assert_null(lnl_reliable_next(r));
	lnl_reliable_took(r);
	assert_int_equal(r->next_recv, UINT32_MAX);
	assert_int_equal(lnl_reliable_take_acks(r, acks, LNL_ACKS_MAX, false), 2);
}

/* --- both ends over a bad path (F2 of the goals), with as many packets as a handshake has --- */

enum { FLIGHT = 64, MESSAGES = 12 };

struct packet {
	bool used, has_id;
	uint32_t id, value, acks[LNL_ACKS_MAX];
	unsigned n_acks;
	uint64_t at;
};

struct end {
	struct lnl_reliable r;
	struct packet incoming[FLIGHT];
	uint32_t queued, delivered;
};

static uint32_t draw(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(*seed >> 33);
}

/* Half is lost, half of the rest comes up to a second late, some of it twice. */
static void transmit(struct end *to, const struct packet *p, uint64_t now, uint64_t *seed)
{
	unsigned copies = draw(seed) % 2 ? 0 : 1 + (draw(seed) % 8 == 0);

	for (unsigned i = 0; i < FLIGHT && copies > 0; i++) {
		if (to->incoming[i].used)
			continue;
		to->incoming[i] = *p;
		to->incoming[i].used = true;
		to->incoming[i].at = now + 20 * LNL_MSEC;
		if (draw(seed) % 2)
			to->incoming[i].at += draw(seed) % LNL_SECOND;
		copies--;
	}
}

static void arrive(struct end *e, uint64_t now)
{
	for (unsigned i = 0; i < FLIGHT; i++) {
		struct packet *p = &e->incoming[i];
		const struct lnl_reliable_got *g;

		if (!p->used || p->at > now)
			continue;
		p->used = false;
		for (unsigned a = 0; a < p->n_acks; a++)
			lnl_reliable_acked(&e->r, p->acks[a], now);
		if (p->has_id)
			lnl_reliable_receive(&e->r, OP, p->id, &p->value, sizeof(p->value));
		while ((g = lnl_reliable_next(&e->r))) {
			assert_int_equal(g->len, sizeof(e->delivered));
			assert_memory_equal(g->data, &e->delivered, sizeof(e->delivered));
			e->delivered++;
			lnl_reliable_took(&e->r);
		}
	}
}

static void speak(struct end *e, struct end *to, uint64_t now, uint64_t *seed)
{
	const struct lnl_reliable_sent *s;
	struct packet p;

	while (e->queued < MESSAGES && lnl_reliable_can_send(&e->r)) {
		assert_int_equal(lnl_reliable_send(&e->r, OP, &e->queued, sizeof(e->queued)), 0);
		e->queued++;
	}
	while ((s = lnl_reliable_due(&e->r, now))) {
		p = (struct packet){ .has_id = true, .id = s->id };
		memcpy(&p.value, s->data, sizeof(p.value));
		p.n_acks = lnl_reliable_take_acks(&e->r, p.acks, LNL_ACKS_CONTROL, true);
		transmit(to, &p, now, seed);
	}
	while (lnl_reliable_has_acks(&e->r)) {
		p = (struct packet){ 0 };
		p.n_acks = lnl_reliable_take_acks(&e->r, p.acks, LNL_ACKS_MAX, true);
		transmit(to, &p, now, seed);
	}
}

static void all_arrives_in_order_over_a_bad_path(void **state)
{
	struct fixture *f = *state;
	static struct end a, b;

	for (uint64_t n = 1; n <= 200; n++) {
		uint64_t seed = n, now = 0;

		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		lnl_reliable_init(&a.r, &f->env, LNL_SECOND);
		lnl_reliable_init(&b.r, &f->env, LNL_SECOND);
		while (now < 1000 * LNL_SECOND &&
		       (a.delivered < MESSAGES || b.delivered < MESSAGES)) {
			arrive(&a, now);
			arrive(&b, now);
			speak(&a, &b, now, &seed);
			speak(&b, &a, now, &seed);
			now += 10 * LNL_MSEC;
		}
		if (a.delivered != MESSAGES || b.delivered != MESSAGES)
			fail_msg("seed %u: %u and %u", (unsigned)n, a.delivered, b.delivered);
		lnl_reliable_deinit(&a.r);
		lnl_reliable_deinit(&b.r);
		assert_int_equal(f->heap.held, 0);
	}
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(packets_go_out_in_order_and_once),
		T(resumed_behind_packet_0),
		T(six_packets_are_in_flight_at_most),
		T(sizes_and_memory),
		T(retransmission_backs_off),
		T(three_later_acks_resend_at_once),
		T(later_acks_count_from_the_last_copy),
		T(a_move_resends_what_was_sent),
		T(received_packets_come_in_order),
		T(W5_ids_outside_the_window),
		T(W5_duplicates_are_kept_once_and_acked_again),
		T(acks_are_taken_oldest_first_and_repeated),
		T(acks_that_wait_are_bounded),
		T(W5_bogus_acks_change_nothing),
		T(W5_bogus_acks_cause_no_traffic),
		T(W5_timeouts_stay_in_bounds),
		T(W5_fast_resends_are_bounded),
		T(W5_the_end_of_time),
		T(W5_ids_do_not_wrap),
		T(all_arrives_in_order_over_a_bad_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
