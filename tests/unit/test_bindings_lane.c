/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Packet lanes as the engine meets them: loading and replacing, threads, faults, and the watchdog. What
 * lanes can do with packets is tests/lua/lane_spec.lua's. lunel-test: thread
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>

#include "bindings/lane.h"
#include "lunel_codes.h"

#define SCRIPTS LUNEL_TESTS_DIR "/../scripts"

#define DROP_ALL                                                                                   \
	"return { from_peer = function(b) for i = 0, b.n - 1 do b.p[i].verdict = 1 end end }"
#define PASS_ALL "return { from_peer = function(b) for i = 0, b.n - 1 do local p = b.p[i] end end }"
#define COUNT                                                                                      \
	"local pkt = require 'lunel.pkt'\n"                                                        \
	"local n = pkt.counter 'seen'\n"                                                           \
	"return { from_peer = function(b) for i = 0, b.n - 1 do n:add(1) end end }"
#define LOOP "return { from_peer = function(b)\n local p = b.p[1]\n while true do end\n end }"

static struct lnl_lanes *new_lanes(bool jit)
{
	char why[512];
	struct lnl_lanes *l = lnl_lanes_new(SCRIPTS, why, sizeof(why));

	if (!l)
		fail_msg("%s", why);
	if (!jit)
		lnl_lanes_no_jit(l);
	return l;
}

/* The number of the lane |text|, in the place of |id|. */
static uint32_t add(struct lnl_lanes *l, uint32_t id, const char *text)
{
	const struct lnl_lane_file f = { .path = "/etc/lunel/some.lua",
					 .text = text,
					 .text_len = strlen(text) };
	struct lnl_lane_found found;
	char why[512] = "";

	if (lnl_lanes_add(l, &f, id, &found, why, sizeof(why)))
		fail_msg("%s", why);
	assert_string_equal(found.conf.name, "some");
	assert_string_equal(found.conf.origin, "/etc/lunel/some.lua");
	return found.conf.id;
}

static void *new_vm(struct lnl_lanes *l)
{
	const struct lnl_lane_host *h = lnl_lanes_host(l);
	char why[512] = "";
	void *vm = h->vm_new(h->ctx, why, sizeof(why));

	if (!vm)
		fail_msg("%s", why);
	return vm;
}

static void load(struct lnl_lanes *l, void *vm, uint32_t id)
{
	char why[512] = "";

	if (lnl_lanes_host(l)->load(vm, id, why, sizeof(why)))
		fail_msg("%s", why);
}

/* |n| packets of one byte through the lane |id| of |vm|: what is dropped. */
static uint32_t run(struct lnl_lanes *l, void *vm, uint32_t id, uint32_t n,
		    struct lnl_lane_fault *fault)
{
	struct lnl_lane_packet p[LNL_LANE_BATCH];
	struct lnl_lane_batch b = { .n = n, .point = LNL_LANE_FROM_PEER, .p = p };
	uint8_t bytes[LNL_LANE_BATCH] = { 0 };
	uint32_t dropped = 0;
	bool ok;

	for (uint32_t i = 0; i < n; i++)
		p[i] = (struct lnl_lane_packet){ .data = &bytes[i], .len = 1 };
	ok = lnl_lanes_host(l)->run(vm, id, &b, fault);
	assert_int_equal(ok, fault->text == NULL);
	for (uint32_t i = 0; i < n; i++) {
		dropped += p[i].verdict != LNL_LANE_PASS;
		assert_ptr_equal(p[i].data, &bytes[i]);
	}
	return dropped;
}

/* ---- loading ---- */

static void a_lane_is_replaced_in_its_place(void **state)
{
	struct lnl_lanes *l = new_lanes(true);
	void *vm = new_vm(l);
	struct lnl_lane_fault fault;
	uint32_t id = add(l, 0, DROP_ALL), other = add(l, 0, PASS_ALL);

	(void)state;
	assert_int_not_equal(id, other);
	load(l, vm, id);
	load(l, vm, other);
	assert_int_equal(run(l, vm, id, 64, &fault), 64);
	assert_int_equal(run(l, vm, other, 64, &fault), 0);
	assert_int_equal(add(l, id, PASS_ALL), id);
	assert_int_equal(run(l, vm, id, 64, &fault), 64); /* not yet */
	load(l, vm, id);
	assert_int_equal(run(l, vm, id, 64, &fault), 0);
	lnl_lanes_host(l)->unload(vm, other);
	lnl_lanes_host(l)->vm_free(vm);
	lnl_lanes_free(l);
}

/* A filter that is not there lets nothing pass. */
static void what_is_not_loaded_drops(void **state)
{
	struct lnl_lanes *l = new_lanes(true);
	void *vm = new_vm(l);
	struct lnl_lane_fault fault;
	char why[512] = "";
	uint32_t id = add(l, 0, PASS_ALL);

	(void)state;
	assert_int_equal(run(l, vm, id, 5, &fault), 5);
	assert_int_equal(fault.errors, 5);
	assert_string_equal(fault.text, "the lane is not loaded");
	load(l, vm, id);
	assert_int_equal(run(l, vm, id, 5, &fault), 0);
	lnl_lanes_host(l)->unload(vm, id);
	lnl_lanes_host(l)->unload(vm, id);
	lnl_lanes_host(l)->unload(vm, 0);
	assert_int_equal(run(l, vm, id, 5, &fault), 5);
	assert_int_equal(run(l, vm, 0, 5, &fault), 5);
	lnl_lanes_forget(l, id);
	assert_int_equal(lnl_lanes_host(l)->load(vm, id, why, sizeof(why)), LNL_E_NOTFOUND);
	assert_non_null(strstr(why, "no lane of the number"));
	lnl_lanes_host(l)->vm_free(vm);
	lnl_lanes_free(l);
}

/* It is right where it is checked, and fails in the worker: the old one goes on. */
static void a_lane_that_fails_to_load_leaves_the_old_one(void **state)
{
	struct lnl_lanes *l = new_lanes(true);
	struct lnl_lane_file f = { .path = "/etc/lunel/some.lua" };
	struct lnl_lane_found found;
	struct lnl_lane_fault fault;
	void *vm = new_vm(l);
	char why[512] = "", text[512];
	uint32_t id = add(l, 0, DROP_ALL);

	(void)state;
	load(l, vm, id);
	f.text = "return { from_peer = 7 }";
	f.text_len = strlen(f.text);
	assert_int_equal(lnl_lanes_add(l, &f, id, &found, why, sizeof(why)), LNL_E_INVAL);
	assert_string_equal(why,
			    "/etc/lunel/some.lua: from_peer: a function expected, got a number");
	load(l, vm, id); /* still what it was */
	assert_int_equal(run(l, vm, id, 3, &fault), 3);
	/* Right in one VM, wrong in another, by chance. */
	snprintf(text, sizeof(text),
		 "local pkt = require 'lunel.pkt'\n"
		 "if pkt.random(0, 1) == 1 then error 'unlucky' end\n%s",
		 PASS_ALL);
	f.text = text;
	f.text_len = strlen(text);
	while (lnl_lanes_add(l, &f, id, &found, why, sizeof(why)))
		assert_string_equal(why, "/etc/lunel/some.lua:2: unlucky");
	assert_int_equal(found.conf.id, id);
	while (lnl_lanes_host(l)->load(vm, id, why, sizeof(why)) == 0) {
		lnl_lanes_host(l)->vm_free(vm);
		vm = new_vm(l);
	}
	assert_string_equal(why, "/etc/lunel/some.lua:2: unlucky");
	lnl_lanes_host(l)->vm_free(vm);
	lnl_lanes_free(l);
}

static void files_are_read_and_named(void **state)
{
	struct lnl_lanes *l = new_lanes(true);
	struct lnl_lane_file f = { .path = "/nonexistent/lane.lua" };
	struct lnl_lane_found found;
	char why[512] = "";

	(void)state;
	assert_int_equal(lnl_lanes_add(l, &f, 0, &found, why, sizeof(why)), LNL_E_INVAL);
	assert_string_equal(why, "cannot read /nonexistent/lane.lua: No such file or directory");
	f.path = SCRIPTS "/../examples/xor.lua";
	f.alone = true;
	assert_int_equal(lnl_lanes_add(l, &f, 0, &found, why, sizeof(why)), 0);
	assert_true(found.unsure);
	assert_string_equal(found.conf.name, "xor");
	lnl_lanes_free(l);
	assert_null(lnl_lanes_new("/nonexistent", why, sizeof(why)));
	assert_non_null(strstr(why, "/nonexistent/lunel/suggest.lua"));
}

/* ---- threads ---- */

struct thread {
	pthread_t id;
	struct lnl_lanes *lanes;
	uint32_t lane;
	bool ok;
};

static void *count_in_thread(void *arg)
{
	struct thread *t = arg;
	const struct lnl_lane_host *h = lnl_lanes_host(t->lanes);
	struct lnl_lane_packet p[64] = { 0 };
	struct lnl_lane_batch b = { .n = 64, .point = LNL_LANE_FROM_PEER, .p = p };
	struct lnl_lane_fault fault;
	char why[512];
	void *vm = h->vm_new(h->ctx, why, sizeof(why));

	t->ok = vm && h->load(vm, t->lane, why, sizeof(why)) == 0;
	for (int i = 0; i < 500 && t->ok; i++)
		t->ok = h->run(vm, t->lane, &b, &fault);
	h->vm_free(vm);
	return NULL;
}

static double counter(struct lnl_lanes *l, const char *want)
{
	char name[LNL_LANE_COUNTER_NAME];
	double value;

	for (unsigned i = 0; lnl_lanes_counter(l, i, name, &value); i++)
		if (strcmp(name, want) == 0)
			return value;
	return -1;
}

static void threads_count_together(void **state)
{
	struct lnl_lanes *l = new_lanes(true);
	struct thread t[3];
	uint32_t id = add(l, 0, COUNT);
	struct lnl_lane_fault fault;
	double last = 0;
	void *vm = new_vm(l);

	(void)state;
	load(l, vm, id);
	for (int i = 0; i < 3; i++) {
		t[i] = (struct thread){ .lanes = l, .lane = id };
		assert_int_equal(pthread_create(&t[i].id, NULL, count_in_thread, &t[i]), 0);
	}
	/* Meanwhile this thread reads, and replaces what they load. */
	for (int i = 0; i < 50; i++) {
		double now = counter(l, "seen");

		assert_true(now >= last);
		last = now;
		add(l, id, COUNT);
		run(l, vm, id, 10, &fault);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i].id, NULL);
		assert_true(t[i].ok);
	}
	assert_true(counter(l, "seen") == 3 * 500 * 64 + 50 * 10);
	lnl_lanes_host(l)->vm_free(vm);
	assert_true(counter(l, "seen") == 3 * 500 * 64 + 50 * 10); /* what has gone counts */
	lnl_lanes_free(l);
}

/* ---- loops ---- */

/* Interpreted, a loop ends after 20 ms of CPU time, and so does one that hides in pcall. */
static void an_interpreted_loop_is_stopped(void **state)
{
	static const char *const texts[] = {
		LOOP,
		"return { from_peer = function(b)\n local p = b.p[0]\n"
		" while true do pcall(function() while true do end end) end\n end }",
		"return { from_peer = function(b)\n local p = b.p[0]\n"
		" while true do xpcall(function() error 'x' end, function() while true do end end) "
		"end\n end }",
	};
	struct lnl_lanes *l = new_lanes(false);
	void *vm = new_vm(l);
	struct lnl_lane_fault fault;
	struct timespec begin, end;
	uint32_t fine = add(l, 0, PASS_ALL);

	(void)state;
	load(l, vm, fine);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint32_t id = add(l, 0, texts[i]);

		load(l, vm, id);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
		/* Once for the batch, not once a packet. */
		assert_int_equal(run(l, vm, id, LNL_LANE_BATCH, &fault), LNL_LANE_BATCH);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
		assert_int_equal(fault.errors, LNL_LANE_BATCH);
		if (!strstr(fault.text, "some.lua:3: the lane ran for more than its 20 ms"))
			fail_msg("%s", fault.text);
		assert_true((double)(end.tv_sec - begin.tv_sec) +
				    (double)(end.tv_nsec - begin.tv_nsec) / 1e9 <
			    0.5);
		assert_int_equal(run(l, vm, fine, 64, &fault), 0);
	}
	lnl_lanes_host(l)->vm_free(vm);
	lnl_lanes_free(l);
}

/* What a child that is stuck in |text| writes to its standard error; it ends with status 1. */
static void get_stuck(const char *text, char *out, size_t len)
{
	int fds[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t child;

	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		struct lnl_lanes *l = new_lanes(true);
		uint32_t id = add(l, 0, text);
		struct lnl_lane_fault fault;
		void *vm = new_vm(l);

		dup2(fds[1], STDERR_FILENO);
		load(l, vm, id);
		run(l, vm, id, 2, &fault);
		_exit(7);
	}
	close(fds[1]);
	while ((got = read(fds[0], out + n, len - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void a_compiled_loop_ends_the_process(void **state)
{
	char text[2048];

	(void)state;
	get_stuck(LOOP, text, sizeof(text));
	assert_non_null(strstr(text,
			       "lane.stuck: packet lane 'some' (/etc/lunel/some.lua) does not "
			       "come back"));
}

static void wake(int number)
{
	(void)number;
}

/*
 * The control thread, asleep, is woken as the engine is by signals, gets the same for its log, and is
 * waited for while it writes.
 */
static void the_log_gets_the_last_word(void **state)
{
	int fds[2], status;
	char text[LNL_LANE_STUCK] = "";
	pid_t child;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		struct lnl_lanes *l = new_lanes(true);
		struct thread t = { .lanes = l, .lane = add(l, 0, LOOP) };

		signal(SIGUSR2, wake);
		if (!freopen("/dev/null", "w", stderr) ||
		    pthread_create(&t.id, NULL, count_in_thread, &t))
			_exit(7);
		while (!lnl_lanes_stuck(l, text))
			pause();
		if (write(fds[1], text, sizeof(text)) < 0)
			_exit(7);
		lnl_lanes_stuck(l, text); /* it is written */
		pthread_join(t.id, NULL); /* never */
		_exit(7);
	}
	close(fds[1]);
	assert_int_equal(read(fds[0], text, sizeof(text)), sizeof(text));
	assert_non_null(strstr(text, "packet lane 'some' (/etc/lunel/some.lua)"));
	close(fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* A worker that only has much to do is not stuck: each batch comes to its end. */
static void long_work_is_no_loop(void **state)
{
	struct lnl_lanes *l = new_lanes(true);
	struct lnl_lane_fault fault;
	struct timespec t;
	void *vm = new_vm(l);
	uint32_t id = add(l, 0,
			  "return { from_peer = function(b) local n = 0\n"
			  "for i = 1, 1e6 do n = n + i % 7 end b.p[0].verdict = n % 2 end }");
	int64_t end;

	(void)state;
	load(l, vm, id);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	end = t.tv_sec * 10 + t.tv_nsec / 100000000 + 9; /* 0.9 s of CPU time */
	do {
		run(l, vm, id, 1, &fault);
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while (t.tv_sec * 10 + t.tv_nsec / 100000000 < end);
	lnl_lanes_host(l)->vm_free(vm);
	lnl_lanes_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lane_is_replaced_in_its_place),
		cmocka_unit_test(what_is_not_loaded_drops),
		cmocka_unit_test(a_lane_that_fails_to_load_leaves_the_old_one),
		cmocka_unit_test(files_are_read_and_named),
		cmocka_unit_test(threads_count_together),
		cmocka_unit_test(an_interpreted_loop_is_stopped),
		cmocka_unit_test(a_compiled_loop_ends_the_process),
		cmocka_unit_test(the_log_gets_the_last_word),
		cmocka_unit_test(long_work_is_no_loop),
	};

	/* Each test says itself whether it compiles; the rest of the suite may run without (LUNEL_JIT=off). */
	unsetenv("LUNEL_JIT");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
