/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The byte queue keeps order and its bound, and owns nothing while it is empty. */
#include "crypto/queue.h"

#include "test_crypto_env.h"

static struct test_env world;

static int start(void **state)
{
	(void)state;
	test_env_init(&world);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	return world.live == 0 ? 0 : -1;
}

/* Puts and takes of many sizes against a running number. */
static void keeps_order(void **state)
{
	struct lnl_queue q = { 0 };
	uint8_t buf[5000];
	uint8_t next_in = 0, next_out = 0;
	size_t held = 0;

	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		size_t n = (round * 7919u) % sizeof(buf);

		if (round % 3 != 0 && held + n <= LNL_QUEUE_MAX) {
			for (size_t i = 0; i < n; i++)
				buf[i] = next_in++;
			assert_int_equal(lnl_queue_put(&q, &world.env, buf, n), 0);
			held += n;
		} else {
			size_t got = lnl_queue_take(&q, &world.env, buf, n);

			assert_int_equal(got, n < held ? n : held);
			for (size_t i = 0; i < got; i++)
				assert_int_equal(buf[i], next_out++);
			held -= got;
		}
		assert_int_equal(q.len, held);
		assert_int_equal(world.live, held > 0);
	}
	lnl_queue_clear(&q, &world.env);
}

static void bounds(void **state)
{
	static const uint8_t big[LNL_QUEUE_MAX + 1];
	struct lnl_queue q = { 0 };
	uint8_t out[16];

	(void)state;
	assert_int_equal(lnl_queue_put(&q, &world.env, big, sizeof(big)), LNL_E_LIMIT);
	assert_int_equal(world.live, 0);
	assert_int_equal(lnl_queue_put(&q, &world.env, big, 0), 0);
	assert_int_equal(lnl_queue_put(&q, &world.env, big, LNL_QUEUE_MAX), 0);
	assert_int_equal(lnl_queue_put(&q, &world.env, big, 1), LNL_E_LIMIT);
	assert_int_equal(lnl_queue_take(&q, &world.env, out, 1), 1);
	assert_int_equal(lnl_queue_put(&q, &world.env, big, 1), 0);
	assert_int_equal(q.len, LNL_QUEUE_MAX);
	lnl_queue_clear(&q, &world.env);
	lnl_queue_clear(&q, &world.env);
	assert_int_equal(lnl_queue_take(&q, &world.env, out, 1), 0);
}

/* No memory: what was there stays. */
static void memory_runs_out(void **state)
{
	static const uint8_t zeros[3000];
	struct lnl_queue q = { 0 };
	uint8_t out[16];

	(void)state;
	world.fail_at = 1;
	assert_int_equal(lnl_queue_put(&q, &world.env, "abc", 3), LNL_E_NOMEM);
	world.fail_at = 0;
	assert_int_equal(lnl_queue_put(&q, &world.env, "abc", 3), 0);
	world.fail_at = 1;
	assert_int_equal(lnl_queue_put(&q, &world.env, zeros, sizeof(zeros)), LNL_E_NOMEM);
	assert_int_equal(lnl_queue_take(&q, &world.env, out, sizeof(out)), 3);
	assert_memory_equal(out, "abc", 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_order, start, stop),
		cmocka_unit_test_setup_teardown(bounds, start, stop),
		cmocka_unit_test_setup_teardown(memory_runs_out, start, stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
