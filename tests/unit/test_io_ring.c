/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ring between two threads: order, bounds, reserve, wiping, and a race that TSan watches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "io/ring.h"
#include "lunel_codes.h"

static void messages_come_out_in_order(void **state)
{
	struct lnl_ring r;
	char out[16];
	size_t len = 99;

	(void)state;
	assert_int_equal(lnl_ring_init(&r, 64, false), 0);
	assert_false(lnl_ring_get(&r, out, sizeof(out), &len));
	assert_true(lnl_ring_put(&r, "one", 3, 0));
	assert_true(lnl_ring_put(&r, NULL, 0, 0));
	assert_true(lnl_ring_put(&r, "three", 5, 0));
	assert_true(lnl_ring_get(&r, out, sizeof(out), &len));
	assert_int_equal(len, 3);
	assert_memory_equal(out, "one", 3);
	assert_true(lnl_ring_get(&r, out, sizeof(out), &len));
	assert_int_equal(len, 0);
	assert_true(lnl_ring_get(&r, out, sizeof(out), &len));
	assert_int_equal(len, 5);
	assert_memory_equal(out, "three", 5);
	assert_false(lnl_ring_get(&r, out, sizeof(out), &len));
	lnl_ring_deinit(&r);
}

static void sizes_are_checked(void **state)
{
	static const struct {
		size_t size;
		int rc;
	} t[] = { { 0, LNL_E_INVAL },	{ 32, LNL_E_INVAL }, { 63, LNL_E_INVAL },
		  { 100, LNL_E_INVAL }, { 64, 0 },	     { 4096, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_ring r;

		assert_int_equal(lnl_ring_init(&r, t[i].size, false), t[i].rc);
		lnl_ring_deinit(&r);
	}
}

/* 64 bytes hold a message of 56 and no more; a full ring refuses and stays whole. */
static void a_full_ring_refuses(void **state)
{
	struct lnl_ring r;
	char msg[64], out[64];
	size_t len;

	(void)state;
	memset(msg, 'x', sizeof(msg));
	assert_int_equal(lnl_ring_init(&r, 64, false), 0);
	assert_false(lnl_ring_put(&r, msg, 57, 0));
	assert_false(lnl_ring_put(&r, msg, SIZE_MAX, 0));
	assert_true(lnl_ring_put(&r, msg, 56, 0));
	assert_false(lnl_ring_put(&r, msg, 0, 0));
	assert_true(lnl_ring_get(&r, out, sizeof(out), &len));
	assert_int_equal(len, 56);
	assert_true(lnl_ring_put(&r, msg, 16, 0));
	assert_true(lnl_ring_put(&r, msg, 16, 0));
	assert_false(lnl_ring_put(&r, msg, 16, 0));
	assert_true(lnl_ring_put(&r, msg, 8, 0));
	lnl_ring_deinit(&r);
}

static void the_reserve_is_kept(void **state)
{
	struct lnl_ring r;
	char msg[16] = "";

	(void)state;
	assert_int_equal(lnl_ring_init(&r, 64, false), 0);
	assert_false(lnl_ring_put(&r, msg, 8, 65));
	assert_false(lnl_ring_put(&r, msg, 8, 49));
	assert_true(lnl_ring_put(&r, msg, 8, 48));
	assert_false(lnl_ring_put(&r, msg, 8, 48));
	assert_true(lnl_ring_put(&r, msg, 8, 32));
	assert_true(lnl_ring_put(&r, msg, 8, 0));
	assert_true(lnl_ring_put(&r, msg, 8, 0));
	lnl_ring_deinit(&r);
}

static void what_does_not_fit_the_reader_is_cut(void **state)
{
	struct lnl_ring r;
	char out[4] = "";
	size_t len;

	(void)state;
	assert_int_equal(lnl_ring_init(&r, 64, false), 0);
	assert_true(lnl_ring_put(&r, "abcdef", 6, 0));
	assert_true(lnl_ring_put(&r, "g", 1, 0));
	assert_true(lnl_ring_get(&r, out, 3, &len));
	assert_int_equal(len, 3);
	assert_memory_equal(out, "abc", 4);
	assert_true(lnl_ring_get(&r, out, 3, &len));
	assert_int_equal(len, 1);
	assert_int_equal(out[0], 'g');
	lnl_ring_deinit(&r);
}

/* Every length at every place of the ring, so that both copies go around the end. */
static void messages_go_around_the_end(void **state)
{
	struct lnl_ring r;
	uint8_t msg[200], out[200];
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(msg); i++)
		msg[i] = (uint8_t)(i * 7 + 1);
	assert_int_equal(lnl_ring_init(&r, 256, true), 0);
	for (size_t n = 0; n <= sizeof(msg); n++) {
		for (unsigned i = 0; i < 40; i++) {
			memset(out, 0, sizeof(out));
			assert_true(lnl_ring_put(&r, msg, n, 0));
			assert_true(lnl_ring_get(&r, out, sizeof(out), &len));
			assert_int_equal(len, n);
			assert_memory_equal(out, msg, n);
		}
	}
	lnl_ring_deinit(&r);
}

static bool holds(const struct lnl_ring *r, uint8_t byte)
{
	for (size_t i = 0; i < r->size; i++)
		if (r->data[i] == byte)
			return true;
	return false;
}

/* A key that passed through leaves nothing behind; without `secret` it would. */
static void secrets_are_wiped(void **state)
{
	struct lnl_ring r;
	uint8_t key[100], out[100];
	size_t len;

	(void)state;
	memset(key, 0xa5, sizeof(key));
	for (int secret = 0; secret < 2; secret++) {
		assert_int_equal(lnl_ring_init(&r, 256, secret), 0);
		memset(r.data, 0, r.size);
		for (unsigned i = 0; i < 5; i++) {
			assert_true(lnl_ring_put(&r, key, sizeof(key), 0));
			assert_true(lnl_ring_get(&r, out, sizeof(out), &len));
			assert_int_equal(holds(&r, 0xa5), !secret);
		}
		lnl_ring_deinit(&r);
	}
}

#define RACE 200000

static void *race_writer(void *arg)
{
	struct lnl_ring *r = arg;
	uint32_t msg[16];

	for (uint32_t i = 0; i < RACE; i++) {
		size_t words = i % 15 + 1;

		for (size_t k = 0; k < words; k++)
			msg[k] = i;
		while (!lnl_ring_put(r, msg, words * sizeof(*msg), i % 3 * 8))
			sched_yield();
	}
	return NULL;
}

static void two_threads_agree(void **state)
{
	struct lnl_ring r;
	pthread_t writer;
	uint32_t out[16];
	size_t len;

	(void)state;
	assert_int_equal(lnl_ring_init(&r, 1024, true), 0);
	assert_int_equal(pthread_create(&writer, NULL, race_writer, &r), 0);
	for (uint32_t i = 0; i < RACE; i++) {
		while (!lnl_ring_get(&r, out, sizeof(out), &len))
			sched_yield();
		if (len != (i % 15 + 1) * sizeof(*out))
			fail_msg("message %u has %zu bytes", i, len);
		for (size_t k = 0; k < len / sizeof(*out); k++)
			if (out[k] != i)
				fail_msg("message %u holds %u", i, out[k]);
	}
	pthread_join(writer, NULL);
	assert_false(lnl_ring_get(&r, out, sizeof(out), &len));
	lnl_ring_deinit(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_come_out_in_order),
		cmocka_unit_test(sizes_are_checked),
		cmocka_unit_test(a_full_ring_refuses),
		cmocka_unit_test(the_reserve_is_kept),
		cmocka_unit_test(what_does_not_fit_the_reader_is_cut),
		cmocka_unit_test(messages_go_around_the_end),
		cmocka_unit_test(secrets_are_wiped),
		cmocka_unit_test(two_threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
