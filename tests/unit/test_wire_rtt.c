/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the reliable layer learns of the path from acknowledgements. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/reliable.h"

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static void give(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static const struct lnl_env env = { .alloc = take, .release = give };

/* Sends a packet at |at|; its id. */
static uint32_t send_one(struct lnl_reliable *r, uint64_t at)
{
	const struct lnl_reliable_sent *s;

	assert_int_equal(lnl_reliable_send(r, LNL_OP_CONTROL_V1, "x", 1), 0);
	s = lnl_reliable_due(r, at);
	assert_non_null(s);
	return s->id;
}

static void test_smoothed(void **state)
{
	struct lnl_reliable r;
	uint64_t now = LNL_SECOND;
	uint32_t id;

	(void)state;
	lnl_reliable_init(&r, &env, 2 * LNL_SECOND);
	assert_int_equal(r.rtt, 0);
	id = send_one(&r, now);
	assert_true(lnl_reliable_acked(&r, id, now + 80 * LNL_MSEC));
	assert_int_equal(r.rtt, 80 * LNL_MSEC);
	id = send_one(&r, now);
	assert_true(lnl_reliable_acked(&r, id, now + 160 * LNL_MSEC));
	assert_int_equal(r.rtt, 90 * LNL_MSEC);
	/* at once is not never */
	lnl_reliable_deinit(&r);
	lnl_reliable_init(&r, &env, 2 * LNL_SECOND);
	assert_true(lnl_reliable_acked(&r, send_one(&r, now), now));
	assert_int_equal(r.rtt, 1);
	lnl_reliable_deinit(&r);
}

/* Of what was sent twice nobody knows which copy was meant. */
static void test_sent_twice(void **state)
{
	struct lnl_reliable r;
	uint64_t now = LNL_SECOND;
	uint32_t id;

	(void)state;
	lnl_reliable_init(&r, &env, 2 * LNL_SECOND);
	id = send_one(&r, now);
	now += 2 * LNL_SECOND;
	assert_non_null(lnl_reliable_due(&r, now));
	assert_true(lnl_reliable_acked(&r, id, now + 1));
	assert_int_equal(r.rtt, 0);
	/* sent again because the peer moved, in one tries' time */
	id = send_one(&r, now);
	lnl_reliable_resend(&r, now + LNL_SECOND);
	assert_true(lnl_reliable_acked(&r, id, now + LNL_SECOND + 1));
	assert_int_equal(r.rtt, 0);
	id = send_one(&r, now);
	assert_true(lnl_reliable_acked(&r, id, now + 5));
	assert_int_equal(r.rtt, 5);
	/* a second ack of it tells nothing */
	assert_false(lnl_reliable_acked(&r, id, now + LNL_SECOND));
	assert_int_equal(r.rtt, 5);
	lnl_reliable_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_smoothed),
		cmocka_unit_test(test_sent_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
