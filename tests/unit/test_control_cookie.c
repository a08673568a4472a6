/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cookie is good for what it was made for, for three slots, and for nothing else. */
#include "control/cookie.h"
#include "test_crypto_env.h"

#define WINDOW (60 * LNL_SECOND)
#define SLOT   (30 * LNL_SECOND)
#define START  (1000 * SLOT)

static const uint8_t client[LNL_SID_LEN] = { 1, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t place[] = { 4, 192, 0, 2, 7, 0x9c, 0x40 };

struct fixture {
	struct test_env world;
	struct lnl_cookie c;
	uint8_t cookie[LNL_SID_LEN]; /* for |place| and |client| at START */
};

static int set_up(void **state)
{
	static struct fixture f;

	test_env_init(&f.world);
	assert_int_equal(lnl_cookie_init(&f.c, &f.world.env, WINDOW), 0);
	assert_int_equal(lnl_cookie_make(&f.c, place, sizeof(place), client, START, f.cookie), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	lnl_cookie_deinit(&f->c);
	assert_null(f->c.hmac);
	return f->world.live == 0 ? 0 : -1;
}

static bool check(struct fixture *f, uint64_t now)
{
	return lnl_cookie_check(&f->c, place, sizeof(place), client, f->cookie, now);
}

static void W2_time_slots(void **state)
{
	static const struct {
		uint64_t made, now;
		bool good;
	} rows[] = {
		{ 0, 0, true },
		{ 0, SLOT - 1, true },
		{ 0, SLOT, true },
		{ 0, 3 * SLOT - 1, true },
		{ 0, 3 * SLOT, false },
		{ 0, 4 * SLOT, false },
		{ SLOT - 1, SLOT, true },
		{ SLOT - 1, 3 * SLOT - 1, true },
		{ SLOT - 1, 3 * SLOT, false },
		{ SLOT, SLOT - 1, false }, /* of a slot that has yet to come */
		{ 0, 1000 * SLOT, false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client,
						 START + rows[i].made, f->cookie),
				 0);
		if (check(f, START + rows[i].now) != rows[i].good)
			fail_msg("row %zu", i);
	}
}

static void W2_every_bit_counts(void **state)
{
	struct fixture *f = *state;

	assert_true(check(f, START));
	for (unsigned bit = 0; bit < 8 * LNL_SID_LEN; bit++) {
		uint8_t other[LNL_SID_LEN];

		memcpy(other, f->cookie, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(lnl_cookie_check(&f->c, place, sizeof(place), client, other, START));
		memcpy(other, client, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(
			lnl_cookie_check(&f->c, place, sizeof(place), other, f->cookie, START));
	}
	for (unsigned bit = 0; bit < 8 * sizeof(place); bit++) {
		uint8_t other[sizeof(place)];

		memcpy(other, place, sizeof(other));
		other[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(
			lnl_cookie_check(&f->c, other, sizeof(other), client, f->cookie, START));
	}
	assert_true(check(f, START));
}

/* What is cut elsewhere is something else. */
static void lengths(void **state)
{
	struct fixture *f = *state;
	uint8_t big[65] = { 4 }, out[LNL_SID_LEN];

	assert_int_equal(lnl_cookie_make(&f->c, big, 64, client, START, out), 0);
	assert_true(lnl_cookie_check(&f->c, big, 64, client, out, START));
	assert_false(lnl_cookie_check(&f->c, big, 63, client, out, START));
	assert_false(lnl_cookie_check(&f->c, big, 65, client, out, START));
	assert_int_equal(lnl_cookie_make(&f->c, big, 65, client, START, out), LNL_E_INVAL);
	assert_false(lnl_cookie_check(&f->c, place, sizeof(place) - 1, client, f->cookie, START));
	assert_false(lnl_cookie_check(&f->c, place, 0, client, f->cookie, START));
}

static void another_server_knows_it_not(void **state)
{
	struct fixture *f = *state;
	struct lnl_cookie other;
	uint8_t out[LNL_SID_LEN];

	assert_int_equal(lnl_cookie_init(&other, &f->world.env, WINDOW), 0);
	assert_false(lnl_cookie_check(&other, place, sizeof(place), client, f->cookie, START));
	assert_int_equal(lnl_cookie_make(&other, place, sizeof(place), client, START, out), 0);
	assert_true(lnl_cookie_check(&other, place, sizeof(place), client, out, START));
	assert_memory_not_equal(out, f->cookie, sizeof(out));
	lnl_cookie_deinit(&other);
}

/* S3: the key is drawn anew; what was made with the one before is good as long as its slots are. */
static void S3_key_is_rolled(void **state)
{
	struct fixture *f = *state;
	unsigned rolls = 0;

	for (uint64_t slot = 1; slot < 10000; slot++) {
		uint64_t now = START + slot * SLOT;
		struct lnl_hmac *before = f->c.hmac;
		uint8_t out[LNL_SID_LEN];

		assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client, now - 1,
						 f->cookie),
				 0);
		assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client, now, out), 0);
		rolls += f->c.hmac != before;
		assert_true(check(f, now - 1 + 2 * SLOT));
		assert_false(check(f, now - 1 + 3 * SLOT));
		assert_true(lnl_cookie_check(&f->c, place, sizeof(place), client, out, now));
		assert_true(f->world.live <= 2);
	}
	assert_int_equal(rolls, 9999 / 120);
	assert_int_equal(f->world.live, 1); /* and the one before is gone */
}

/* Hours apart: each time a key is due, and none is left over. */
static void S3_seldom_used(void **state)
{
	struct fixture *f = *state;

	for (uint64_t hour = 1; hour < 100; hour++) {
		uint64_t now = START + hour * 3600 * LNL_SECOND;

		assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client, now,
						 f->cookie),
				 0);
		assert_true(check(f, now));
		assert_true(f->world.live <= 2);
	}
}

static void allocates_nothing_on_the_way(void **state)
{
	struct fixture *f = *state;
	unsigned before = f->world.allocations;

	for (unsigned i = 0; i < 1000; i++) {
		assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client, START + i,
						 f->cookie),
				 0);
		assert_true(check(f, START + i));
	}
	assert_int_equal(f->world.allocations, before);
}

static void when_it_fails(void **state)
{
	struct fixture *f = *state;
	struct lnl_cookie c;
	uint8_t out[LNL_SID_LEN];

	assert_int_equal(lnl_cookie_init(&c, &f->world.env, 0), LNL_E_INVAL);
	lnl_cookie_deinit(&c);
	f->world.no_random = true;
	assert_int_equal(lnl_cookie_init(&c, &f->world.env, WINDOW), LNL_E_RANDOM);
	lnl_cookie_deinit(&c);
	assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client, START + WINDOW * 100,
					 out),
			 LNL_E_RANDOM);
	f->world.no_random = false;
	f->world.fail_at = 1;
	assert_int_equal(lnl_cookie_init(&c, &f->world.env, WINDOW), LNL_E_NOMEM);
	lnl_cookie_deinit(&c);
	assert_int_equal(lnl_cookie_make(&f->c, place, sizeof(place), client, START + WINDOW * 100,
					 out),
			 LNL_E_NOMEM);
	f->world.fail_at = 0;
	/* A key that could not be drawn takes nothing from the one there is. */
	assert_true(check(f, START));
	/* The smallest hand-window, and a clock at its start. */
	assert_int_equal(lnl_cookie_init(&c, &f->world.env, 1), 0);
	assert_int_equal(lnl_cookie_make(&c, place, sizeof(place), client, 0, out), 0);
	assert_true(lnl_cookie_check(&c, place, sizeof(place), client, out, 0));
	assert_true(lnl_cookie_check(&c, place, sizeof(place), client, out, 2));
	assert_false(lnl_cookie_check(&c, place, sizeof(place), client, out, 3));
	lnl_cookie_deinit(&c);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(W2_time_slots),
		T(W2_every_bit_counts),
		T(lengths),
		T(another_server_knows_it_not),
		T(S3_key_is_rolled),
		T(S3_seldom_used),
		T(allocates_nothing_on_the_way),
		T(when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
