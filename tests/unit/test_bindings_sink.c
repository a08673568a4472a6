/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * vpn.log.sink on a real engine: what sinks are given and how often, what becomes of one that fails,
 * that none feeds itself, and that secrets are in nothing that is said.
 */
#include "test_bindings_vm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "bindings/sink.h"

static int set_up(void **state)
{
	struct lnl_host *h = calloc(1, sizeof(*h));
	const struct lnl_engine_options o = { .level = LNL_LEVEL_INFO, .stay_root = true };
	struct lnl_reason why;

	assert_non_null(h);
	h->levels.all = LNL_LEVEL_INFO;
	if (lnl_engine_new(&h->engine, &o, &why))
		fail_msg("%s", why.text);
	h->vm = new_test_vm(h);
	lnl_host_levels(h);
	expect_lua(h->vm,
		   "package.loaded.vpn = require 'lunel' package.loaded.seen = {} "
		   "package.loaded.calls = {} return #package.loaded.seen",
		   "0");
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct lnl_host *h = *state;

	lnl_vm_free(h->vm);
	lnl_engine_free(h->engine);
	lnl_record_clear(&h->log);
	free(h);
	return 0;
}

/* `vpn`; `seen`, all records that `keep` got; `calls`, each { n, lost }. */
#define WORLD                                                                                      \
	"local vpn, seen, calls = require 'vpn', require 'seen', require 'calls' "                 \
	"local log = vpn.log 'test' "                                                              \
	"local function keep(recs, n, lost) "                                                      \
	"  calls[#calls + 1] = { n, lost } "                                                       \
	"  for i = 1, n do seen[#seen + 1] = recs[i] end "                                         \
	"end "

static void expect(struct lnl_host *h, const char *code, const char *want)
{
	char text[4096];

	snprintf(text, sizeof(text), WORLD "%s", code);
	expect_lua(h->vm, text, want);
}

static void turns(struct lnl_host *h, unsigned n)
{
	for (; n > 0; n--)
		lnl_host_turn(h);
}

/* What stderr gets from here on goes to a file. */
static int begin_stderr(FILE **file)
{
	int before = dup(STDERR_FILENO);

	*file = tmpfile();
	assert_non_null(*file);
	dup2(fileno(*file), STDERR_FILENO);
	return before;
}

static void end_stderr(int before, FILE *file, char *out, size_t size)
{
	size_t n;

	dup2(before, STDERR_FILENO);
	close(before);
	rewind(file);
	n = fread(out, 1, size - 1, file);
	out[n] = 0;
	fclose(file);
}

static void what_a_sink_gets(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "vpn.log.sink { batch = keep } log.info('one', { n = 1 }) log.debug('none') "
	       "log.error('two') print('three') return #seen",
	       "0");
	turns(h, 1);
	expect(h,
	       "local r = seen[1] return table.concat({ #calls, calls[1][1], calls[1][2], r.sub, "
	       "r.event, r.level, r.fields.n, r.src, tostring(r.sess), seen[2].event, "
	       "seen[3].fields.text, seen[3].src }, ' ')",
	       "1 3 0 test one info 1 test:1 nil two three test:1");
	turns(h, 3);
	expect(h, "return #calls", "1");
	/* The launcher's log has them as well. */
	assert_int_equal(h->log.n, 3);
}

static void each_gets_what_it_wants(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "vpn.log.sink { level = 'debug', subs = { 'test', 'other' }, batch = keep } "
	       "log.debug('a') vpn.log('more').debug('b') vpn.log('more').error('c') "
	       "vpn.log('other').info('d') return vpn.log.level('test')",
	       "info");
	turns(h, 1);
	expect(h, "return seen[1].event .. seen[2].event .. #seen", "ad2");
	/* What a sink alone wants is not in the launcher's log. */
	assert_int_equal(h->log.n, 2);
	expect(h, "return tostring(vpn.log.sink { batch = keep }:close())", "true");
}

static void levels_change_while_it_runs(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "log.debug('no') local before = vpn.log.level('test', 'debug') log.debug('yes') "
	       "vpn.log('more').debug('no') vpn.log.level('*', 'error') log.info('yes') "
	       "vpn.log('more').info('no') return before .. ' ' .. vpn.log.level 'test' .. ' ' .. "
	       "vpn.log.level 'more'",
	       "info debug error");
	assert_int_equal(h->log.n, 2);
}

static void batches_are_bounded(void **state)
{
	struct lnl_host *h = *state;

	expect(h, "vpn.log.sink { batch = keep } for i = 1, 600 do log.info('x', { i = i }) end",
	       "nil");
	turns(h, 2);
	expect(h, "return #calls .. ' ' .. #seen .. ' ' .. seen[512].fields.i", "2 512 512");
	turns(h, 5);
	expect(h, "return #calls .. ' ' .. calls[3][1] .. ' ' .. #seen", "3 88 600");
}

static void what_is_lost_is_told(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "vpn.log.sink { batch = keep } for i = 1, 2048 + 7 do log.info('x', { i = i }) end",
	       "nil");
	turns(h, 9);
	expect(h, "return #calls .. ' ' .. calls[1][2] .. ' ' .. calls[2][2] .. ' ' .. #seen",
	       "8 7 0 2048");
}

/* All that is left, as the end is near. */
static void nothing_is_left_at_the_end(void **state)
{
	struct lnl_host *h = *state;

	expect(h, "vpn.log.sink { batch = keep } for i = 1, 2000 do log.info('x') end", "nil");
	lnl_sinks_drain(h->vm);
	expect(h, "return #seen", "2000");
}

static void no_sink_feeds_itself(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "vpn.log.sink { batch = function(...) keep(...) log.info('by the sink') print('too') "
	       "vpn.spawn(function() vpn.sleep(0) log.info('by its task') error('oops') end) end } "
	       "log.info('begin')",
	       "nil");
	while (lnl_host_turn(h))
		;
	turns(h, 5);
	expect(h, "return #calls .. ' ' .. #seen", "1 1");
	/* The launcher's log has it all: two, the two of the sink, the task's and its error. */
	assert_int_equal(h->log.n, 5);
}

static void one_that_fails_is_taken_off(void **state)
{
	struct lnl_host *h = *state;
	char said[8192], *at = said;
	FILE *file;
	int before, n = 0;

	expect(h,
	       "vpn.log.sink { batch = function() error 'broken' end } "
	       "vpn.log.sink { batch = keep } return #calls",
	       "0");
	before = begin_stderr(&file);
	for (unsigned i = 0; i < 12; i++) {
		expect(h, "log.info 'x'", "nil");
		turns(h, 1);
	}
	end_stderr(before, file, said, sizeof(said));
	while ((at = strstr(at, "test:1: broken\n"))) {
		at++;
		n++;
	}
	assert_int_equal(n, LNL_SINK_FAILURES);
	assert_non_null(strstr(said, "lunel: the log sink of test:1: test:1: broken\n"));
	assert_non_null(strstr(
		said,
		"the log sink of test:1 failed 10 times in a row and gets no more records\n"));
	/* The other one got everything, and not a word about the first. */
	expect(h, "return #calls .. ' ' .. #seen", "12 12");
	assert_int_equal(h->log.n, 13);
}

/* It closes itself as it fails for the last time: it is one less, and not two. */
static void one_that_fails_as_it_closes(void **state)
{
	struct lnl_host *h = *state;
	char said[8192];
	FILE *file;
	int before;

	expect(h,
	       "local n, sink = 0 sink = vpn.log.sink { batch = function() n = n + 1 "
	       "  if n == 10 then sink:close() end error 'broken' end } "
	       "vpn.log.sink { batch = keep } return #calls",
	       "0");
	before = begin_stderr(&file);
	for (unsigned i = 0; i < 12; i++) {
		expect(h, "log.info 'x'", "nil");
		turns(h, 1);
	}
	end_stderr(before, file, said, sizeof(said));
	expect(h, "return #calls .. ' ' .. #seen", "12 12");
	assert_null(strstr(said, "gets no more records"));
}

/* An error now and then is forgiven; what was lost by it is told. */
static void one_that_recovers_stays(void **state)
{
	struct lnl_host *h = *state;
	char said[8192];
	FILE *file;
	int before = begin_stderr(&file);

	expect(h,
	       "local i = 0 vpn.log.sink { batch = function(...) i = i + 1 "
	       "if i % 10 ~= 0 then error 'broken' end keep(...) end }",
	       "nil");
	for (unsigned i = 0; i < 25; i++) {
		expect(h, "log.info 'x'", "nil");
		turns(h, 1);
	}
	end_stderr(before, file, said, sizeof(said));
	expect(h, "return #calls .. ' ' .. calls[2][1] .. ' ' .. calls[2][2]", "2 1 9");
}

static void a_sink_cannot_wait_nor_loop(void **state)
{
	struct lnl_host *h = *state;
	char said[8192];
	FILE *file;
	int before = begin_stderr(&file);

	expect(h,
	       "vpn.log.sink { batch = function() vpn.sleep(1) end } "
	       "vpn.log.sink { batch = function() while true do end end } log.info 'x'",
	       "nil");
	turns(h, 1);
	end_stderr(before, file, said, sizeof(said));
	assert_non_null(strstr(said, "vpn.sleep cannot wait in the log sink of test:1"));
	assert_non_null(strstr(said, "ran for more than its 20 ms"));
}

static void sinks_come_and_go(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "local s s = vpn.log.sink { batch = function(...) keep(...) s:close() end } "
	       "log.info 'a' log.info 'b'",
	       "nil");
	turns(h, 1);
	expect(h, "log.info 'c'", "nil");
	turns(h, 2);
	expect(h, "return #seen", "2");
	assert_null(lnl_sinks_tap(h->vm));
	refuse_lua(h->vm, WORLD "for i = 1, 17 do vpn.log.sink { batch = keep } end",
		   "there are 16 sinks already");
}

static void misuse_is_told(void **state)
{
	struct lnl_host *h = *state;

	refuse_lua(h->vm, WORLD "vpn.log.sink { btach = keep }", "did you mean 'batch'?");
	refuse_lua(h->vm, WORLD "vpn.log.sink {}", "vpn.log.sink: batch: a function expected");
	refuse_lua(h->vm, WORLD "vpn.log.sink { batch = keep, level = 'inof' }",
		   "did you mean 'info'?");
	refuse_lua(h->vm, WORLD "vpn.log.sink { batch = keep, subs = {} }", "has none");
	refuse_lua(h->vm, WORLD "vpn.log.level('x', 'loud')", "a level expected");
	refuse_lua(h->vm, WORLD "return vpn.log.snik", "did you mean 'sink'?");
}

/* Neither a value, nor one inside another, nor what a script made of its text. */
static void secrets_are_in_nothing(void **state)
{
	struct lnl_host *h = *state;
	char said[8192];
	FILE *file;
	int before = begin_stderr(&file);

	expect(h,
	       "package.loaded.pw = require('lunel.core').secret 'hunter2-long' "
	       "local pw = require 'pw' vpn.log.sink { batch = keep } "
	       "log.info('a', { pw = pw, inside = { pw = pw }, text = 'is ' .. pw:reveal() .. '!' }) "
	       "log.info('b', { [pw:reveal()] = 1, cut = ('x'):rep(1900) .. pw:reveal() }) "
	       "print(pw, pw:reveal()) vpn.log.fallback('it is ' .. pw:reveal()) "
	       "vpn.spawn(function() error('wrong password ' .. pw:reveal()) end)",
	       "nil");
	turns(h, 3);
	end_stderr(before, file, said, sizeof(said));
	assert_string_equal(said, "lunel: it is ***\n");
	expect(h,
	       "local all = {} for _, r in ipairs(seen) do for k, v in pairs(r.fields) do "
	       "all[#all + 1] = k .. '=' .. v end end local text = table.concat(all, ' ') "
	       "assert(not text:find 'hunt', text) "
	       "local a = seen[1].fields return #seen .. ' ' .. a.pw .. ' ' .. a.inside .. ' ' .. "
	       "a.text .. ' ' .. seen[3].fields.text .. ' ' .. seen[4].fields.error",
	       "4 *** table is ***! *** *** test:1: wrong password ***");
}

/* After a reload, while what was begun before it ends. */
static void who_is_replaced_speaks_to_the_new_sinks(void **state)
{
	struct lnl_host *h = *state;
	struct lnl_vm *old = h->vm;

	expect(h, "vpn.log.sink { batch = keep } return #seen", "0");
	h->vm = new_test_vm(h);
	expect_lua(h->vm,
		   "package.loaded.vpn = require 'lunel' package.loaded.seen = {} "
		   "package.loaded.calls = {} return 1",
		   "1");
	lnl_host_levels(h);
	expect(h, "vpn.log.sink { batch = keep } return #seen", "0");
	expect_lua(old, WORLD "log.info 'from the old one'", "nil");
	turns(h, 1);
	expect(h, "return seen[1].event", "from the old one");
	expect_lua(old, WORLD "return #seen", "0");
	lnl_vm_free(old);
}

/* What cannot be JSON's text is not in a record. */
static void texts_are_utf8(void **state)
{
	struct lnl_host *h = *state;

	expect(h,
	       "vpn.log.sink { batch = keep } log.info('a', { a = '\\195\\164\\128\\255x\\n', "
	       "b = '\\237\\160\\128', c = '\\240\\159\\152\\128' })",
	       "nil");
	turns(h, 1);
	expect(h,
	       "local f = seen[1].fields return f.a == '\\195\\164' .. ('?'):rep(2) .. 'x ' and f.b == ('?'):rep(3) and "
	       "f.c == '\\240\\159\\152\\128'",
	       "true");
}

static void the_fallback_is_bounded(void **state)
{
	struct lnl_host *h = *state;
	char said[32768];
	FILE *file;
	int before = begin_stderr(&file), lines = 0;

	expect(h, "for i = 1, 500 do vpn.log.fallback(('y'):rep(5000) .. '\\n') end", "nil");
	end_stderr(before, file, said, sizeof(said));
	for (const char *p = said; *p; p++)
		lines += *p == '\n';
	/* Two seconds at the most have passed. */
	assert_in_range(lines, LNL_FALLBACK_RATE, 2 * LNL_FALLBACK_RATE + 1);
	assert_true(strcspn(said, "\n") <= 1000);
}

/* Whoever read our stderr has ended: that ends nobody else. */
static void the_fallback_survives_its_reader(void **state)
{
	int before = dup(STDERR_FILENO), fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
	expect(*state, "vpn.log.fallback 'x'", "nil");
	dup2(before, STDERR_FILENO);
	close(before);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(what_a_sink_gets),
		test(each_gets_what_it_wants),
		test(levels_change_while_it_runs),
		test(batches_are_bounded),
		test(what_is_lost_is_told),
		test(nothing_is_left_at_the_end),
		test(no_sink_feeds_itself),
		test(one_that_fails_is_taken_off),
		test(one_that_fails_as_it_closes),
		test(one_that_recovers_stays),
		test(a_sink_cannot_wait_nor_loop),
		test(sinks_come_and_go),
		test(misuse_is_told),
		test(secrets_are_in_nothing),
		test(texts_are_utf8),
		test(who_is_replaced_speaks_to_the_new_sinks),
		test(the_fallback_is_bounded),
		test(the_fallback_survives_its_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
