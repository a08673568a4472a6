/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: thread */
/* The watchdog: it speaks once of a stretch of Lua that nothing interrupts, and of no other. */
#include "test_bindings_waiting.h"

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "bindings/watch.h"

#define LIMIT 0.1

struct heard {
	pthread_mutex_t lock;
	unsigned n;
	char text[512];
};

static void hear(void *ctx, const char *text)
{
	struct heard *heard = ctx;

	pthread_mutex_lock(&heard->lock);
	heard->n++;
	snprintf(heard->text, sizeof(heard->text), "%s", text);
	pthread_mutex_unlock(&heard->lock);
}

static unsigned times(struct heard *heard)
{
	unsigned n;

	pthread_mutex_lock(&heard->lock);
	n = heard->n;
	pthread_mutex_unlock(&heard->lock);
	return n;
}

static struct heard heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Uses the CPU until the watchdog has spoken |n| times, as a function of C that hangs would. */
static int hang(lua_State *L)
{
	unsigned n = (unsigned)lua_tointeger(L, 1);
	double end = seconds_of(CLOCK_MONOTONIC) + 60;

	while (times(&heard) < n)
		assert_true(seconds_of(CLOCK_MONOTONIC) < end);
	/* It must not speak twice: three more looks of its. */
	end = seconds_of(CLOCK_THREAD_CPUTIME_ID) + LIMIT;
	while (seconds_of(CLOCK_THREAD_CPUTIME_ID) < end)
		;
	return 0;
}

static int add_hang(lua_State *L)
{
	lua_pushliteral(L, "hang");
	lua_pushcfunction(L, hang);
	lua_rawset(L, LUA_GLOBALSINDEX);
	return 0;
}

static int set_up(void **state)
{
	struct lnl_host *h;
	struct lnl_fault fault;

	set_up_engine(state);
	h = *state;
	if (lnl_call(h->vm, "x", LNL_SLICE_LOAD, add_hang, NULL, &fault))
		fail_msg("%s", fault.text);
	heard.n = 0;
	h->watch = lnl_watch_new(LIMIT, hear, &heard);
	assert_non_null(h->watch);
	return 0;
}

static int tear_down(void **state)
{
	struct lnl_host *h = *state;

	lnl_watch_free(h->watch);
	h->watch = NULL;
	return tear_down_engine(state);
}

static void expect_heard(unsigned n, const char *who)
{
	assert_int_equal(times(&heard), n);
	if (strncmp(heard.text, who, strlen(who)) != 0)
		fail_msg("it said: %s", heard.text);
}

static void it_names_hook_and_file_once(void **state)
{
	struct lnl_host *h = *state;
	static const char *const codes[] = {
		"core.try(\"hook 'pulled'\", function() hang(1) end)",
		"core.spawn(0, \"hook 'up'\", nil, nil, function() core.sleep(0)\n hang(2) end)",
	};
	static const char *const want[] = {
		"hook 'pulled' (test:2) has kept all but the packets waiting for ",
		"hook 'up' (test:2) has kept all but the packets waiting for ",
	};
	char code[512];

	for (unsigned i = 0; i < 2; i++) {
		lnl_record_clear(&h->log);
		snprintf(code, sizeof(code), "local core = require 'lunel.core'\n%s", codes[i]);
		expect_lua(h->vm, code, "nil");
		while (lnl_host_turn(h))
			;
		expect_heard(i + 1, want[i]);
		/* and when it is over the log has it, too */
		assert_non_null(h->log.head);
	}
}

/* Much Lua in many stretches, and one that only waits, are as they should be. */
static void it_leaves_others_alone(void **state)
{
	struct lnl_host *h = *state;
	double end = seconds_of(CLOCK_THREAD_CPUTIME_ID) + 3 * LIMIT;

	while (seconds_of(CLOCK_THREAD_CPUTIME_ID) < end)
		expect_lua(h->vm, "for i = 1, 1000 do end return 1", "1");
	/* Not the processor's time but the wall's. */
	assert_int_equal(times(&heard), 0);
	lnl_watch_begin(h->watch, (int64_t)(seconds_of(CLOCK_THREAD_CPUTIME_ID) * 1e6), "x", NULL);
	usleep((useconds_t)(3 * LIMIT * 1e6));
	assert_true(lnl_watch_end(h->watch, heard.text, sizeof(heard.text)) == 0);
	assert_int_equal(times(&heard), 0);
}

/* Without any Lua it sleeps, and wakes for the next. */
static void it_sleeps_and_wakes(void **state)
{
	struct lnl_host *h = *state;

	for (unsigned i = 1; i <= 2; i++) {
		char code[128];

		snprintf(code, sizeof(code), "require('lunel.core').try('x', hang, %u)", i);
		expect_lua(h->vm, code, "nil");
		expect_heard(i, "x has kept");
		usleep((useconds_t)(4 * LIMIT * 1e6));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_names_hook_and_file_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_leaves_others_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(it_sleeps_and_wakes, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
