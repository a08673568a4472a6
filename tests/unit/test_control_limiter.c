/* SPDX-License-Identifier: GPL-3.0-or-later */
/* S1's numbers, in virtual time, whoever knocks; and room for who did not knock too often. */
#include "control/limiter.h"
#include "test_crypto_env.h"

#define SECONDS 60

static const struct lnl_limiter_conf usual = { 20, 5, 100, 10 * LNL_SECOND };

struct fixture {
	struct test_env world;
	struct lnl_limiter *l;
	uint64_t now;
	unsigned passed; /* in passes[] */
	uint64_t passes[10000];
};

static void open_with(struct fixture *f, const struct lnl_limiter_conf *conf)
{
	lnl_limiter_free(f->l);
	f->passed = 0;
	assert_int_equal(lnl_limiter_new(&f->l, &f->world.env, conf, f->now), 0);
}

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	test_env_init(&f.world);
	f.now = 12345678;
	open_with(&f, &usual);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	lnl_limiter_free(f->l);
	return f->world.live == 0 ? 0 : -1;
}

static struct lnl_ip ip4(uint32_t a)
{
	return (struct lnl_ip){
		4, { (uint8_t)(a >> 24), (uint8_t)(a >> 16), (uint8_t)(a >> 8), (uint8_t)a }
	};
}

static bool take(struct fixture *f, struct lnl_ip ip)
{
	if (lnl_limiter_take(f->l, &ip, f->now) != LNL_LIMIT_PASS)
		return false;
	assert_true(f->passed < sizeof(f->passes) / sizeof(f->passes[0]));
	f->passes[f->passed++] = f->now;
	return true;
}

/* The most that passed within any |span|. */
static unsigned most_in(const struct fixture *f, uint64_t span)
{
	unsigned most = 0, first = 0;

	for (unsigned i = 0; i < f->passed; i++) {
		while (f->passes[i] - f->passes[first] >= span)
			first++;
		if (i - first + 1 > most)
			most = i - first + 1;
	}
	return most;
}

static uint32_t draw(struct fixture *f)
{
	uint32_t v;

	test_env_random(&f->world, (uint8_t *)&v, sizeof(v));
	return v;
}

static void S1_one_source(void **state)
{
	static const struct {
		unsigned rate, burst, at_once, in_a_second, in_all;
	} rows[] = {
		{ 20, 5, 5, 20, 15 * SECONDS + 5 }, { 20, 0, 1, 20, 19 * SECONDS + 1 },
		{ 20, 20, 20, 20, SECONDS + 20 },   { 3, 100, 3, 3, SECONDS + 3 },
		{ 1, 1, 1, 1, SECONDS + 1 },	    { 1000000, 1, 1, 1000000, 0 },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_limiter_conf conf = { rows[i].rate, rows[i].burst, 0, 0 };
		uint64_t end = f->now + (rows[i].in_all ? SECONDS * LNL_SECOND : LNL_MSEC);
		unsigned at_once = 0;

		open_with(f, &conf);
		while (at_once < 1000 && take(f, ip4(0x0a000001)))
			at_once++;
		assert_int_equal(at_once, rows[i].at_once);
		for (; f->now < end; f->now += 500)
			take(f, ip4(0x0a000001));
		assert_true(most_in(f, LNL_SECOND) <= rows[i].in_a_second);
		if (rows[i].in_all)
			assert_in_range(f->passed, rows[i].in_all * 99 / 100, rows[i].in_all);
	}
}

/* IPv4 /24, IPv6 /64, and the families apart. */
static void what_a_source_is(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} rows[] = {
		{ "10.0.0.1", "10.0.0.1", true },
		{ "10.0.0.1", "10.0.0.254", true },
		{ "10.0.0.1", "10.0.1.1", false },
		{ "10.0.0.1", "11.0.0.1", false },
		{ "fd00:1:2:3::1", "fd00:1:2:3:ffff:ffff:ffff:ffff", true },
		{ "fd00:1:2:3::1", "fd00:1:2:4::1", false },
		{ "fd00:1:2:3::1", "fd00:1:3:3::1", false },
		{ "fd00:1:2:3::1", "fc00:1:2:3::1", false },
		{ "0.0.10.0", "::a", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_ip a, b;

		open_with(f, &usual);
		assert_int_equal(lnl_ip_parse(&a, rows[i].a), 0);
		assert_int_equal(lnl_ip_parse(&b, rows[i].b), 0);
		while (take(f, a))
			;
		if (take(f, b) == rows[i].same)
			fail_msg("row %zu", i);
	}
}

/* 5,000 a second, each from somewhere else: never more than 100 in any ten seconds. */
static void S1_all_sources(void **state)
{
	struct fixture *f = *state;
	uint64_t end = f->now + SECONDS * LNL_SECOND;
	unsigned before = f->world.allocations;

	for (; f->now < end; f->now += 200) {
		struct lnl_ip ip = ip4(draw(f));

		if (f->now % 3 == 0)
			ip.family = 6;
		take(f, ip);
	}
	print_message("S1: at most %u answers in 10 s, %u in %u s\n", most_in(f, usual.period),
		      f->passed, SECONDS);
	assert_int_equal(most_in(f, usual.period), usual.total);
	assert_true(f->passed >= 9 * SECONDS);
	assert_int_equal(f->world.allocations, before);
}

/*
 * |flooders| knock a thousand times a second and more, and one honest client every two seconds
 * from its own network.
 */
static unsigned honest_in_a_flood(struct fixture *f, unsigned flooders)
{
	uint64_t end = f->now + SECONDS * LNL_SECOND, next = f->now + LNL_SECOND;
	unsigned honest = 0;

	open_with(f, &usual);
	for (; f->now < end; f->now += LNL_MSEC) {
		for (unsigned i = 0; i < flooders; i++)
			take(f, ip4((i + 1) << 16));
		if (f->now >= next) {
			honest += take(f, ip4(0xc0a80001 + (honest << 8)));
			next += 2 * LNL_SECOND;
		}
	}
	assert_true(most_in(f, usual.period) <= usual.total);
	print_message("%u flooding: %u of %u of the honest passed, %u answers in %u s\n", flooders,
		      honest, SECONDS / 2, f->passed, SECONDS);
	return honest;
}

static void fair_in_a_flood(void **state)
{
	struct fixture *f = *state;

	for (unsigned flooders = 1; flooders <= 4; flooders++)
		assert_int_equal(honest_in_a_flood(f, flooders), SECONDS / 2);
	assert_true(honest_in_a_flood(f, 8) >= SECONDS / 2 - 3);
}

/* ---- what is given back ---- */

#define CLIENTS 1000

struct client {
	uint64_t again; /* when it sends its reset, the first time or once more; LNL_NEVER: never */
	uint64_t wait;
	uint64_t answered, done; /* 0: not yet */
};

/* Resets after 0, 2, 6, 14 s and so on, as OpenVPN repeats them; let in 300 ms after the answer. */
static unsigned live(struct fixture *f, struct client *c, unsigned i, bool given_back)
{
	struct lnl_ip ip = ip4(0x0b000001 + (i << 8));

	if (c->answered && !c->done && f->now >= c->answered + 300 * LNL_MSEC) {
		c->done = f->now;
		if (given_back)
			lnl_limiter_give_back(f->l, &ip, c->answered, f->now);
	}
	if (f->now < c->again)
		return 0;
	c->wait = c->wait ? 2 * c->wait : 2 * LNL_SECOND;
	c->again = f->now + c->wait;
	if (lnl_limiter_take(f->l, &ip, f->now) != LNL_LIMIT_PASS)
		return 0;
	c->answered = f->now;
	c->again = LNL_NEVER;
	return 1;
}

/* How many of 1,000 that all come within a second are let in after |span|. */
static unsigned storm(struct fixture *f, uint64_t span, bool given_back, bool flood)
{
	static struct client clients[CLIENTS];
	uint64_t begin = f->now;
	unsigned in = 0;

	open_with(f, &usual);
	memset(clients, 0, sizeof(clients));
	for (unsigned i = 0; i < CLIENTS; i++)
		clients[i].again = begin + i * LNL_MSEC;
	for (; f->now < begin + span; f->now += LNL_MSEC) {
		for (unsigned i = 0; i < CLIENTS; i++)
			live(f, &clients[i], i, given_back);
		if (flood)
			take(f, ip4(0xc0000201));
	}
	for (unsigned i = 0; i < CLIENTS; i++)
		in += clients[i].done != 0;
	return in;
}

/* A server that starts anew has all its clients back within seconds; before, ten a second. */
static void honest_storm(void **state)
{
	struct fixture *f = *state;
	unsigned with = storm(f, 15 * LNL_SECOND, true, false);
	unsigned without = storm(f, 15 * LNL_SECOND, false, false);

	print_message("15 s after a restart: %u of %u clients, without giving back %u\n", with,
		      CLIENTS, without);
	assert_int_equal(with, CLIENTS);
	assert_true(without < 300);
}

/* One that floods meanwhile has no more for it, and does not keep the others out. */
static void storm_in_a_flood(void **state)
{
	struct fixture *f = *state;
	unsigned in = storm(f, 40 * LNL_SECOND, true, true);

	print_message("in a flood: %u of %u clients after 40 s; to who floods at most %u answers "
		      "in 10 s\n",
		      in, CLIENTS, most_in(f, usual.period));
	assert_true(in >= CLIENTS * 99 / 100);
	assert_true(most_in(f, usual.period) <= usual.total * 2 / 3);
	assert_true(most_in(f, LNL_SECOND) <= usual.source_rate);
}

/* How many pass at once, each from a network of its own. */
static unsigned left(struct fixture *f, uint32_t first)
{
	unsigned n = 0;

	while (n < 1000 && take(f, ip4(first + (n << 8))))
		n++;
	return n;
}

/* Who had one answer gives back one; who had none, or long ago, nothing. */
static void give_back_bounds(void **state)
{
	struct fixture *f = *state;
	struct lnl_ip honest = ip4(0x0a000001), nobody = ip4(0x14000001);
	uint64_t at = f->now;

	assert_true(take(f, honest));
	assert_int_equal(left(f, 0x1e000000), 99);
	for (unsigned i = 0; i < 1000; i++)
		lnl_limiter_give_back(f->l, &nobody, at, f->now);
	assert_int_equal(left(f, 0x28000000), 0);
	for (unsigned i = 0; i < 1000; i++)
		lnl_limiter_give_back(f->l, &honest, at, f->now);
	assert_int_equal(left(f, 0x32000000), 1);

	/* Its answer is out of the period, those that came later are not. */
	open_with(f, &usual);
	at = f->now;
	assert_true(take(f, honest));
	f->now += 10 * LNL_SECOND;
	left(f, 0x1e000000);
	lnl_limiter_give_back(f->l, &honest, at, f->now);
	assert_int_equal(left(f, 0x28000000), 0);
}

/* What is given back late leaves nobody more than |total| in any period. */
static void give_back_late(void **state)
{
	struct fixture *f = *state;
	unsigned honest = 0, more;

	for (unsigned s = 0; s < 200; s++) {
		struct lnl_ip ip = ip4(0x0a000001 + (s << 8));
		uint64_t at = f->now;

		honest = lnl_limiter_take(f->l, &ip, f->now) == LNL_LIMIT_PASS;
		for (more = 0; more < 30; more++)
			take(f, ip4(draw(f)));
		f->now += 9 * LNL_SECOND + draw(f) % (2 * LNL_SECOND);
		if (honest)
			lnl_limiter_give_back(f->l, &ip, at, f->now);
	}
	assert_true(most_in(f, usual.period) <= usual.total);
	assert_true(f->passed > 2000);
}

static void give_back_to_a_source(void **state)
{
	struct fixture *f = *state;
	struct lnl_ip ip = ip4(0x0a000001);

	/* A whole office behind one address: as many as are let in, while strangers have 5. */
	for (unsigned i = 0; i < 50; i++) {
		assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_PASS);
		lnl_limiter_give_back(f->l, &ip, f->now, f->now);
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_PASS);
	assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_SOURCE);
	/* Without limits there is nothing to give. */
	open_with(f, &(struct lnl_limiter_conf){ 0 });
	assert_true(take(f, ip));
	lnl_limiter_give_back(f->l, &ip, f->now, f->now);
	assert_true(take(f, ip));
}

/* Sources meet in a cell by chance only, and seldom. */
static void few_neighbours(void **state)
{
	static const struct lnl_limiter_conf conf = { 1, 1, 0, 0 };
	struct fixture *f = *state;
	unsigned refused = 0;

	for (unsigned net = 0; net < 200; net++) {
		open_with(f, &conf);
		take(f, ip4(draw(f)));
		for (unsigned i = 0; i < 10; i++)
			refused += !take(f, ip4((net << 16) + (i << 8)));
	}
	/* 2,000 draws, each meets one of at most ten in 4,096 cells */
	assert_true(refused < 2000 * 10 / 4096 + 15);
}

static void without_limits(void **state)
{
	static const struct lnl_limiter_conf none, no_source = { 0, 0, 100, 10 * LNL_SECOND },
						   no_period = { 0, 0, 1, 0 };
	struct fixture *f = *state;
	unsigned n = 0;

	open_with(f, &none);
	for (unsigned i = 0; i < 10000; i++)
		assert_true(take(f, ip4(1)));
	open_with(f, &no_source);
	while (take(f, ip4(1)))
		n++;
	assert_int_equal(n, 50); /* what it leaves to the others is as much */
	assert_true(take(f, ip4(0x01000001)));
	open_with(f, &no_period);
	assert_true(take(f, ip4(1)));
	assert_false(take(f, ip4(0x01000001)));
	f->now += 10 * LNL_MSEC;
	assert_true(take(f, ip4(1)));
}

/* Which limit it was, and that what is refused does not count. */
static void refusals(void **state)
{
	struct fixture *f = *state;
	struct lnl_ip ip = ip4(0x0a000001);

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_PASS);
	for (unsigned i = 0; i < 100000; i++)
		assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_SOURCE);
	f->now += LNL_SECOND / 15;
	assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_PASS);
	for (uint32_t i = 106; i < 200; i++) {
		ip = ip4(i << 24);
		assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_PASS);
	}
	for (uint32_t i = 200; i < 250; i++) {
		ip = ip4(i << 24);
		assert_int_equal(lnl_limiter_take(f->l, &ip, f->now), LNL_LIMIT_TOTAL);
	}
	/* Long after, all is there again, and nothing is left over from before. */
	f->now += 1000000 * LNL_SECOND;
	f->passed = 0;
	for (uint32_t i = 0; i < 200; i++)
		take(f, ip4(i << 24));
	assert_int_equal(f->passed, 100);
}

static void when_it_fails(void **state)
{
	struct fixture *f = *state;
	struct lnl_limiter *l;

	f->world.no_random = true;
	assert_int_equal(lnl_limiter_new(&l, &f->world.env, &usual, 0), LNL_E_RANDOM);
	assert_null(l);
	f->world.no_random = false;
	f->world.fail_at = 1;
	assert_int_equal(lnl_limiter_new(&l, &f->world.env, &usual, 0), LNL_E_NOMEM);
	assert_null(l);
	f->world.fail_at = 0;
	lnl_limiter_free(NULL);
}

#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(S1_one_source),
		T(what_a_source_is),
		T(S1_all_sources),
		T(fair_in_a_flood),
		T(few_neighbours),
		T(without_limits),
		T(refusals),
		T(when_it_fails),
		T(honest_storm),
		T(storm_in_a_flood),
		T(give_back_bounds),
		T(give_back_late),
		T(give_back_to_a_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
