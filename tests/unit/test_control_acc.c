/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages of extensions: put together, and bounded in size, rate, time and memory. */
#include "test_control_pair.h"

#include <stdio.h>

#include "control/acc.h"

static const struct lnl_acc_conf conf = {
	.n = 3,
	.protocol = { { "lnk1", 512, 4, 60 * LNL_SECOND },
		      { "big", LNL_ACC_MAX, 1000, LNL_SECOND },
		      { "alone", 10, 1, LNL_SECOND } },
};

struct fixture {
	struct test_env env;
	struct lnl_acc *acc;
	uint64_t now;
};

static struct lnl_acc_offer offer_of(const char *text)
{
	struct lnl_acc_offer o;

	assert_int_equal(lnl_acc_offer_read(&o, text, strlen(text), ','), 0);
	return o;
}

static int begin(void **state)
{
	struct lnl_acc_offer offer = offer_of("2048,6:A,other:big:lnk1");
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	test_env_init(&f->env);
	f->now = 7 * LNL_SECOND;
	*state = f;
	return lnl_acc_new(&f->acc, &f->env.env, &conf, &offer);
}

static int end(void **state)
{
	struct fixture *f = *state;
	unsigned long live;

	lnl_acc_free(f->acc);
	live = (unsigned long)f->env.live;
	free(f);
	return live == 0 ? 0 : -1;
}

#define ACC_TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

/* What becomes of a text: NONE with |*done| when it completes a message. */
static enum lnl_acc_drop hear(struct fixture *f, const char *text, bool *done)
{
	enum lnl_acc_drop drop;

	*done = lnl_acc_take(f->acc, text, strlen(text), f->now, &drop);
	return drop;
}

static void check(struct fixture *f, const char *text, enum lnl_acc_drop want, bool complete)
{
	bool done;
	enum lnl_acc_drop drop = hear(f, text, &done);

	if (drop != want || done != complete)
		fail_msg("%s: %s, %s", text, lnl_acc_drop_name(drop), done ? "complete" : "not");
}

static void check_message(struct fixture *f, const char *name, const char *data)
{
	struct lnl_acc_message m;

	assert_true(lnl_acc_next(f->acc, &m));
	assert_string_equal(m.name, name);
	assert_int_equal(m.len, strlen(data));
	assert_string_equal(m.data, data);
}

static void nothing_waits(struct fixture *f)
{
	struct lnl_acc_message m;

	assert_false(lnl_acc_next(f->acc, &m));
}

static void test_what_both_have(void **state)
{
	struct fixture *f = *state;
	struct lnl_acc_offer none = offer_of("2048,6:A,lnk:lnk11:LNK1");
	struct lnl_acc *other = f->acc;
	char text[LNL_ACC_OFFER];

	assert_true(lnl_acc_supports(f->acc, "lnk1"));
	assert_true(lnl_acc_supports(f->acc, "big"));
	assert_false(lnl_acc_supports(f->acc, "alone"));
	assert_false(lnl_acc_supports(f->acc, "other"));
	assert_false(lnl_acc_supports(NULL, "lnk1"));
	assert_string_equal(lnl_acc_option(f->acc), "custom-control 2047 6:A lnk1:big");
	assert_null(lnl_acc_option(NULL));
	assert_int_equal(lnl_acc_announce(&conf, ',', text, sizeof(text)), 0);
	assert_string_equal(text, "2047,6:A,lnk1:big:alone");
	assert_int_equal(lnl_acc_new(&other, &f->env.env, &conf, &none), 0);
	assert_null(other);
}

static void test_all_names_fit(void **state)
{
	struct lnl_acc_conf full = { .n = LNL_ACC_PROTOCOLS };
	struct fixture *f = *state;
	struct lnl_acc_offer offer;
	char text[LNL_ACC_OFFER];
	struct lnl_acc *acc;

	for (unsigned i = 0; i < full.n; i++) {
		memset(full.protocol[i].name, 'a' + (int)i, LNL_ACC_NAME);
		full.protocol[i].max = full.protocol[i].count = 1;
		full.protocol[i].per = LNL_SECOND;
	}
	assert_int_equal(lnl_acc_announce(&full, ',', text, sizeof(text)), 0);
	offer = offer_of(text);
	assert_int_equal(lnl_acc_new(&acc, &f->env.env, &full, &offer), 0);
	for (unsigned i = 0; i < full.n; i++)
		assert_true(lnl_acc_supports(acc, full.protocol[i].name));
	assert_int_equal(strlen(lnl_acc_option(acc)), strlen("custom-control ") + strlen(text));
	lnl_acc_free(acc);
}

static void test_parts_make_a_message(void **state)
{
	struct fixture *f = *state;

	check(f, "ACC,lnk1,3,AF,one", LNL_ACC_DROP_NONE, false);
	/* another protocol's in between, as nobody does who sends one after the other */
	check(f, "ACC,big,4,6,SGkh", LNL_ACC_DROP_NONE, true);
	check(f, "ACC,lnk1,4,6F,IHR3", LNL_ACC_DROP_NONE, false);
	check(f, "ACC,lnk1,1,A,o", LNL_ACC_DROP_NONE, true);
	check(f, "ACC,lnk1,0,A,", LNL_ACC_DROP_NONE, true);
	check_message(f, "big", "Hi!");
	check_message(f, "lnk1", "one two");
	check_message(f, "lnk1", "");
	nothing_waits(f);
	assert_int_equal(lnl_acc_counters(f->acc)->received, 3);
	assert_int_equal(lnl_acc_due(f->acc), LNL_NEVER);
}

/* What is dropped is dropped whole, counted once, and what comes next is heard. */
static void test_what_is_dropped(void **state)
{
	struct fixture *f = *state;
	const struct lnl_acc_counters *c = lnl_acc_counters(f->acc);
	char text[700];

	check(f, "ACC,lnk1,4,A,one", LNL_ACC_DROP_MALFORMED, false);
	check(f, "ACC,alone,3,A,one", LNL_ACC_DROP_UNKNOWN, false);
	check(f, "ACC,lnk,3,A,one", LNL_ACC_DROP_UNKNOWN, false);
	check(f, "ACC,lnk11,3,A,one", LNL_ACC_DROP_UNKNOWN, false);
	snprintf(text, sizeof(text), "ACC,lnk1,513,A,%0513d", 0);
	check(f, text, LNL_ACC_DROP_LONG, false);
	snprintf(text, sizeof(text), "ACC,lnk1,512,AF,%0512d", 0);
	check(f, text, LNL_ACC_DROP_NONE, false);
	check(f, "ACC,lnk1,1,AF,x", LNL_ACC_DROP_LONG, false);
	check(f, "ACC,lnk1,1,AF,y", LNL_ACC_DROP_NONE, false);
	check(f, "ACC,lnk1,1,A,z", LNL_ACC_DROP_NONE, false); /* its last part */
	check(f, "ACC,lnk1,2,A,ok", LNL_ACC_DROP_NONE, true);
	check_message(f, "lnk1", "ok");
	nothing_waits(f);
	assert_int_equal(c->dropped[LNL_ACC_DROP_MALFORMED], 1);
	assert_int_equal(c->dropped[LNL_ACC_DROP_UNKNOWN], 3);
	assert_int_equal(c->dropped[LNL_ACC_DROP_LONG], 2);
	assert_int_equal(c->received, 1);
}

/* No more than `count` in any `per`, however they come. */
static void test_rate(void **state)
{
	struct fixture *f = *state;
	uint64_t taken[4000];
	unsigned n = 0;
	bool done;

	for (unsigned i = 0; i < 4000; i++, f->now += 333333)
		if (hear(f, "ACC,lnk1,1,A,x", &done) == LNL_ACC_DROP_NONE)
			taken[n++] = f->now;
	assert_in_range(n, 4 + 1333 / 15 - 2, 4 + 1333 / 15 + 2);
	assert_int_equal(taken[3] - taken[0], 3 * 333333);
	for (unsigned i = 0; i + 8 < n; i++)
		assert_true(taken[i + 8] - taken[i] > 59 * LNL_SECOND);
	assert_int_equal(lnl_acc_counters(f->acc)->dropped[LNL_ACC_DROP_RATE], 4000 - n);
	/* after a pause all of them at once, and no more */
	f->now += 1000 * LNL_SECOND;
	for (unsigned i = 0; i < 9; i++)
		check(f, "ACC,lnk1,1,A,x", i < 4 ? LNL_ACC_DROP_NONE : LNL_ACC_DROP_RATE, i < 4);
	/* the parts of one that comes too soon are dropped with it; other protocols are not */
	check(f, "ACC,lnk1,1,AF,x", LNL_ACC_DROP_RATE, false);
	check(f, "ACC,big,1,A,y", LNL_ACC_DROP_NONE, true);
	f->now += 60 * LNL_SECOND;
	check(f, "ACC,lnk1,1,A,z", LNL_ACC_DROP_NONE, false);
	check(f, "ACC,lnk1,2,A,ok", LNL_ACC_DROP_NONE, true);
}

static void test_what_does_not_end(void **state)
{
	struct fixture *f = *state;
	int live = (int)f->env.live;

	check(f, "ACC,lnk1,1,AF,x", LNL_ACC_DROP_NONE, false);
	assert_int_equal(lnl_acc_due(f->acc), f->now + LNL_ACC_WAIT);
	f->now += LNL_ACC_WAIT - 1;
	check(f, "ACC,lnk1,1,AF,y", LNL_ACC_DROP_NONE, false); /* gains no time by that */
	assert_int_equal(lnl_acc_tick(f->acc, f->now), 0);
	f->now++;
	assert_int_equal(lnl_acc_tick(f->acc, f->now), 1);
	assert_int_equal(lnl_acc_tick(f->acc, f->now), 0);
	assert_int_equal(f->env.live, live);
	assert_int_equal(lnl_acc_due(f->acc), LNL_NEVER);
	/* its rest is no message */
	check(f, "ACC,lnk1,1,A,z", LNL_ACC_DROP_NONE, false);
	nothing_waits(f);
	check(f, "ACC,lnk1,1,A,n", LNL_ACC_DROP_NONE, true);
	assert_int_equal(lnl_acc_counters(f->acc)->dropped[LNL_ACC_DROP_LATE], 1);
}

/* All unfinished ones together take no more than one may. */
static void test_memory_is_bounded(void **state)
{
	struct lnl_acc_conf many = { .n = LNL_ACC_PROTOCOLS };
	struct fixture *f = *state;
	struct lnl_acc_offer offer = offer_of("2048,6:A,a:b:c:d:e:f:g:h");
	char text[1100];
	enum lnl_acc_drop drop;
	struct lnl_acc *acc;
	unsigned taken = 0;

	for (unsigned i = 0; i < many.n; i++)
		many.protocol[i] = (struct lnl_acc_protocol){
			{ (char)('a' + i) }, LNL_ACC_MAX, 1000, LNL_SECOND
		};
	assert_int_equal(lnl_acc_new(&acc, &f->env.env, &many, &offer), 0);
	for (unsigned i = 0; i < 500; i++) {
		snprintf(text, sizeof(text), "ACC,%c,1024,AF,%01024d", 'a' + (int)(i % many.n), 0);
		assert_false(lnl_acc_take(acc, text, strlen(text), f->now, &drop));
		taken += drop == LNL_ACC_DROP_NONE;
		assert_true(drop == LNL_ACC_DROP_NONE || drop == LNL_ACC_DROP_LONG);
		if (drop == LNL_ACC_DROP_LONG)
			break;
	}
	assert_int_equal(taken, LNL_ACC_MAX / 1024);
	lnl_acc_free(acc);
}

static void test_out_of_memory(void **state)
{
	struct fixture *f = *state;
	bool done;

	f->env.fail_at = f->env.allocations + 1;
	assert_int_equal(hear(f, "ACC,big,1,A,x", &done), LNL_ACC_DROP_NOMEM);
	f->env.fail_at = f->env.allocations + 2;
	assert_int_equal(hear(f, "ACC,big,1,A,x", &done), LNL_ACC_DROP_NOMEM);
	assert_false(done);
	f->env.fail_at = f->env.allocations + 1;
	assert_int_equal(lnl_acc_send(f->acc, "big", "x", 1), LNL_E_NOMEM);
	f->env.fail_at = 0;
	check(f, "ACC,big,1,A,y", LNL_ACC_DROP_NONE, true);
	check_message(f, "big", "y");
}

static void test_what_can_be_sent(void **state)
{
	struct lnl_acc_offer text_alone = offer_of("2048,A,big");
	static char data[LNL_ACC_MAX + 1];
	struct fixture *f = *state;
	struct lnl_acc *acc;

	assert_int_equal(lnl_acc_send(f->acc, "alone", "x", 1), LNL_E_NOTFOUND);
	assert_int_equal(lnl_acc_send(NULL, "lnk1", "x", 1), LNL_E_NOTFOUND);
	assert_int_equal(lnl_acc_send(f->acc, "lnk1", data, 513), LNL_E_INVAL);
	assert_int_equal(lnl_acc_send(f->acc, "big", data, sizeof(data)), LNL_E_INVAL);
	assert_int_equal(lnl_acc_send(f->acc, "big", data, LNL_ACC_MAX), 0);
	assert_int_equal(lnl_acc_send(f->acc, "big", data, LNL_ACC_MAX), 0);
	assert_int_equal(lnl_acc_send(f->acc, "lnk1", data, 1), LNL_E_LIMIT);
	assert_int_equal(lnl_acc_new(&acc, &f->env.env, &conf, &text_alone), 0);
	assert_int_equal(lnl_acc_send(acc, "big", "\n", 1), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_acc_send(acc, "big", "~", 1), 0);
	lnl_acc_free(acc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ACC_TEST(test_what_both_have),
		ACC_TEST(test_all_names_fit),
		ACC_TEST(test_parts_make_a_message),
		ACC_TEST(test_what_is_dropped),
		ACC_TEST(test_rate),
		ACC_TEST(test_what_does_not_end),
		ACC_TEST(test_memory_is_bounded),
		ACC_TEST(test_out_of_memory),
		ACC_TEST(test_what_can_be_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
