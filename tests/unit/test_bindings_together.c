/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tasks that wait for each other: join, all, any, timeout and channels, on a real engine. */
#include "test_bindings_waiting.h"

#include <time.h>

struct row {
	const char *code, *want;
};

static void run_rows(struct lnl_host *h, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		run_waiting(h, rows[i].code, rows[i].want, false);
}

#define RUN_ROWS(state, rows) run_rows(*(state), rows, sizeof(rows) / sizeof(*(rows)))

static void joining(void **state)
{
	static const struct row rows[] = {
		{ "spawn(function() local t = vpn.spawn(function(a) core.sleep(0) return a, nil, 3 end, 1)\n"
		  "  put(t:join()) return t:join() end)",
		  "true 1 nil 3 true true 1 nil 3" },
		{ "spawn(function() return vpn.spawn(function() core.sleep(0) error 'no' end):join() end)",
		  "true nil test:2: no" },
		{ "spawn(function() return vpn.spawn(vpn.sleep, 100):join(0.01) end)\n"
		  "spawn(function() core.sleep(0.05) core.cancel_owner(0) end)",
		  "true nil timeout" },
		{ "local t = vpn.spawn(vpn.sleep, 100) spawn(function() return t:join() end)\n"
		  "spawn(function() core.sleep(0) return t:cancel(), t:cancel() end)",
		  "true true false true nil cancelled" },
		{ "local t = vpn.spawn(vpn.sleep, 100) t:cancel() spawn(function() return t:join() end)",
		  "true nil cancelled" },
		/* two that join the same; one of them gives up */
		{ "local t = vpn.spawn(vpn.sleep, 0.02) for i = 1, 2 do spawn(function()\n"
		  "  return t:join() end) end\nspawn(function() return t:join(0) end)",
		  "true nil timeout true true true true true true" },
		/* one that joins is cancelled */
		{ "local t = vpn.spawn(vpn.sleep, 0.02)\n"
		  "local j = vpn.spawn(function() t:join() put 'never' end)\n"
		  "spawn(function() core.sleep(0) return j:cancel() end)",
		  "true true" },
		{ "local t t = vpn.spawn(function() put(pcall(t.join, t)) end)",
		  "false task:join: a task cannot wait for its own end" },
		{ "local a, b a = vpn.spawn(function() put(b:join(0.01)) end)\n"
		  "b = vpn.spawn(function()\n put(pcall(function() local r = a:join() return r end)) end)",
		  "false test:4: task:join: tasks cannot wait for each other's end true" },
		/* from where nothing can wait: the result is there, or it is an error */
		{ "local t = vpn.spawn(function() return 5 end)\n"
		  "put(pcall(function() return t:join(), 1 end))\n"
		  "spawn(function() core.sleep(0) return core.try('hook x', t.join, t) end)",
		  "false test:3: task:join cannot wait in the test; what waits belongs in a task: "
		  "vpn.spawn(fn, ...) true true true 5" },
		{ "put(pcall(vpn.spawn(vpn.sleep, 0).join, {}))",
		  "false task:join: a task expected" },
		{ "local t = vpn.spawn(vpn.sleep, 0) put(pcall(t.join, t, -1))",
		  "false task:join: seconds from 0 to 10^9 expected, got -1" },
	};

	RUN_ROWS(state, rows);
}

static const struct row all_rows[] = {
	{ "spawn(function() local r, e = vpn.all({ 30, 10, 20 }, function(ms, i)\n"
	  "  core.sleep(ms / 1000) put(i) return ms * i end)\n"
	  "  return r[1], r[2], r[3], next(e) end)",
	  "2 3 1 true 30 20 60 nil" },
	/* one that fails, one that takes too long */
	{ "spawn(function() local r, e = vpn.all({ 1, 2, 3 }, function(i) core.sleep(0)\n"
	  "  if i == 2 then error 'two' elseif i == 3 then core.sleep(100) end return i end,\n"
	  "  { timeout = 0.05 }) return r[1], r[2], e[2], r[3], e[3] end)",
	  "true 1 nil test:3: two nil timeout" },
	/* never more than the limit at once, and those that are not begun time out, too */
	{ "spawn(function() local now, most = 0, 0 vpn.all({ 1, 2, 3, 4, 5, 6, 7 }, function()\n"
	  "  now = now + 1 most = math.max(most, now) core.sleep(0.001) now = now - 1 end,\n"
	  "  { limit = 3 }) return most, now end)",
	  "true 3 0" },
	{ "spawn(function() local r, e = vpn.all({ 1, 2, 3 }, function(i) core.sleep(0.04)\n"
	  "  return i end, { limit = 1, timeout = 0.06 })\n"
	  "  return r[1], r[2], e[2], r[3], e[3] end)",
	  "true 1 nil timeout nil timeout" },
	{ "spawn(function() return #vpn.all({}, print) end)", "true 0" },
	/* more than are begun in one stretch; the first of them ends all */
	{ "spawn(function() local list = {} for i = 1, 1500 do list[i] = i end\n"
	  "  local r = vpn.all(list, function(i) return i end) put(#r)\n"
	  "  r = vpn.all(list, function(i) core.sleep(0) return i end, { limit = 700 })\n"
	  "  put(#r, vpn.any(list, function(i) return i == 1 and 'x' end))\n"
	  "  put(select('#', vpn.all(list, vpn.sleep, { timeout = 0 }))) end)",
	  "1500 1500 x 1 2 true" },
	/* within each other, and from a coroutine */
	{ "spawn(function() return coroutine.wrap(function() local r = vpn.all({ 1, 2 }, function(i)\n"
	  "  return vpn.all({ 1, 2 }, function(j) core.sleep(0) return i * 10 + j end)[2] end)\n"
	  "  return r[1], r[2] end)() end)",
	  "true 12 22" },
	/* they end with the one that asks: cancelled, late, and when its owner ends */
	{ "local t = vpn.spawn(function() vpn.all({ 1, 2 }, function() core.sleep(0.02)\n"
	  "  put 'never' end) end) spawn(function() core.sleep(0) return t:cancel() end)",
	  "true true" },
	{ "core.spawn(0, 'late', 0.01, put, function() vpn.all({ 1, 2 }, function()\n"
	  "  vpn.all({ 1 }, function() core.sleep(0.03) put 'never' end) end) end)",
	  "false test:2: its deadline has passed" },
	{ "core.spawn(7, 'x', nil, put, function() vpn.all({ 1, 2 }, function()\n"
	  "  core.sleep(0.02) put 'never' end) end)\n"
	  "spawn(function() core.sleep(0) core.cancel_owner(7) end)",
	  "true" },
	/* one of them ends the one that asks, and so itself */
	{ "local t t = vpn.spawn(function() vpn.all({ 1, 2 }, function(i) core.sleep(i / 1000)\n"
	  "  put(t:cancel()) core.sleep(0) put 'never' end) end)",
	  "true" },
	/* mistakes name the caller's line */
	{ "spawn(function()\n put(pcall(function()\n local r = vpn.all(5, print) end)) end)",
	  "false test:4: vpn.all: a list expected, got a number true" },
	{ "spawn(function() put(pcall(vpn.all, {}, {})) put(pcall(vpn.all, {}, print, 5))\n"
	  "  put(pcall(vpn.all, {}, print, { limt = 1 })) put(pcall(vpn.all, {}, print,\n"
	  "  { limit = 0 })) put(pcall(vpn.all, {}, print, { timeout = 'x' })) end)",
	  "false vpn.all: a function expected, got a table "
	  "false vpn.all: options are a table, got a number "
	  "false vpn.all: there is no option 'limt'; there are limit and timeout "
	  "false vpn.all: limit is a number from 1, not 0 "
	  "false vpn.all: timeout: seconds from 0 to 10^9 expected, got a string true" },
	{ "put(pcall(function()\n local r = vpn.all({ 1 }, print) end))",
	  "false test:3: vpn.all cannot wait in the test; what waits belongs in a task: "
	  "vpn.spawn(fn, ...)" },
};

static void all_of_them(void **state)
{
	RUN_ROWS(state, all_rows);
}

static void the_first_of_them(void **state)
{
	static const struct row rows[] = {
		{ "spawn(function() return vpn.any({ 50, 1, 20 }, function(ms) core.sleep(ms / 1000)\n"
		  "  put(ms) return ms end) end)",
		  "1 true 1 2" },
		/* the others have ended, although the one that asked goes on */
		{ "spawn(function() local v = vpn.any({ 1, 20 }, function(ms) core.sleep(ms / 1000) put(ms)\n"
		  "  return ms end) core.sleep(0.05) return v end)",
		  "1 true 1" },
		{ "spawn(function() return vpn.any({ 1, 2, 3 }, function(i) core.sleep(i / 100)\n"
		  "  return i > 1 and 'x' end) end)",
		  "true x 2" },
		{ "spawn(function() return vpn.any({ 1, 2 }, function(i) error(i) end) end)",
		  "true nil test:2: 1" },
		{ "spawn(function() return vpn.any({ 1, 2 }, function() end) end)",
		  "true nil none" },
		{ "spawn(function() return vpn.any({}, print) end)", "true nil none" },
		{ "spawn(function() return vpn.any({ 1 }, vpn.sleep, { timeout = 0.01 }) end)",
		  "true nil timeout" },
	};

	RUN_ROWS(state, rows);
}

static void within_a_time(void **state)
{
	static const struct row rows[] = {
		{ "spawn(function() return vpn.timeout(1, function(a, b) core.sleep(0) return a, nil, b\n"
		  "  end, 1, 2) end)",
		  "true 1 nil 2" },
		{ "spawn(function() return vpn.timeout(0.01, vpn.sleep, 100) end)",
		  "true nil timeout" },
		{ "spawn(function() return vpn.timeout(1, function() error 'no' end) end)",
		  "true nil test:2: no" },
		{ "spawn(function() put(vpn.timeout(0.005, function() core.sleep(0.02) put 'never' end))\n"
		  "  core.sleep(0.05) end)",
		  "nil timeout true" },
		/* the shorter one counts, from outside and inside */
		{ "spawn(function() return vpn.timeout(0.01, vpn.timeout, 100, vpn.sleep, 100) end)\n"
		  "spawn(function() return vpn.timeout(100, vpn.timeout, 0.04, vpn.sleep, 100) end)",
		  "true nil timeout true nil timeout" },
		{ "spawn(function() put(pcall(vpn.timeout, -1, print)) put(pcall(vpn.timeout, 1)) end)",
		  "false vpn.timeout: seconds from 0 to 10^9 expected, got -1 "
		  "false vpn.timeout: a function expected, got a nil true" },
		/* a loop in it is stopped as anywhere */
		{ "spawn(function() return vpn.timeout(1, function() while true do end end) end)",
		  "true nil test:2: vpn.timeout of test:2 ran for more than its 20 ms; what takes longer "
		  "belongs in a task that waits (vpn.spawn)" },
	};

	RUN_ROWS(state, rows);
}

static void channels(void **state)
{
	static const struct row rows[] = {
		{ "local c = vpn.channel(2) spawn(function() for i = 1, 5 do put(i) c:send(i) end\n"
		  "  c:close() end)\n"
		  "spawn(function() for v in function() return (c:receive()) end do put(-v) end\n"
		  "  return c:receive() end)",
		  "1 2 3 -1 -2 -3 4 5 true -4 -5 true nil closed" },
		/* handed over without room for any */
		{ "local c = vpn.channel(0) spawn(function() put(c:try_send(1)) put(c:send(2))\n"
		  "  return c:send(3) end)\nspawn(function() put(c:receive()) return c:receive() end)",
		  "nil full 2 true true true true 3" },
		{ "local c = vpn.channel() put(c:try_receive()) put(c:try_send(false)) put(c:try_send(1))\n"
		  "put(c:length()) put(c:try_receive()) c:close() put(c:try_receive())\n"
		  "put(c:try_send(1))",
		  "nil empty true nil full 1 false nil closed nil closed" },
		/* a sync context uses what needs no waiting */
		{ "local c = vpn.channel() put(c:send(1)) put(c:receive())\n"
		  "put(pcall(function()\n return c:receive(), 1 end))",
		  "true 1 false test:4: channel:receive cannot wait in the test; what waits belongs in a "
		  "task: vpn.spawn(fn, ...)" },
		{ "local c = vpn.channel() spawn(function() put(c:receive(0.01)) c:send(1)\n"
		  "  put(c:send(2, 0.01)) return c:receive(), c:try_receive() end)",
		  "nil timeout nil timeout true 1 nil empty" },
		/* whoever gave up or ended gets nothing that another could have */
		{ "local c = vpn.channel(0) local dead = vpn.spawn(c.receive, c)\n"
		  "spawn(function() return c:receive(0.01) end)\n"
		  "spawn(function() return c:receive() end)\n"
		  "spawn(function() core.sleep(0.03) dead:cancel() return c:send('v') end)",
		  "true nil timeout true true true v" },
		{ "local c = vpn.channel(1) c:try_send(1) local dead = vpn.spawn(c.send, c, 2)\n"
		  "spawn(function() return c:send(3) end)\n"
		  "spawn(function() core.sleep(0) dead:cancel() put(c:receive()) return c:receive() end)",
		  "1 true 3 true true" },
		/* in the order of asking */
		{ "local c = vpn.channel(0) for i = 1, 3 do spawn(function() return i, c:receive() end) end\n"
		  "spawn(function() core.sleep(0) for i = 1, 3 do c:send(i * 10) end end)",
		  "true true 1 10 true 2 20 true 3 30" },
		{ "local c = vpn.channel() spawn(function() return c:receive() end)\n"
		  "spawn(function() c:close() return c:send(1) end)",
		  "true nil closed true nil closed" },
		{ "local c = vpn.channel() put(pcall(c.send, c)) put(pcall(c.send, {}, 1))\n"
		  "put(pcall(vpn.channel, -1)) put(pcall(vpn.channel, 1.5))",
		  "false channel:send: nil says that a channel is closed; it is no value "
		  "false channel:send: a channel expected "
		  "false vpn.channel: a whole number from 0 to 10^6 expected, got -1 "
		  "false vpn.channel: a whole number from 0 to 10^6 expected, got 1.5" },
		/* those who wait and are cancelled, again and again, leave nothing */
		{ "local c = vpn.channel(0) spawn(function() for _ = 1, 2000 do\n"
		  "  local t = vpn.spawn(c.receive, c) core.sleep(0) t:cancel() end\n"
		  "  return c.receivers.queue:length() < 20 end)",
		  "true true" },
	};

	RUN_ROWS(state, rows);
}

/* An error that a script has not asked for is in the log all the same. */
static void errors_are_logged(void **state)
{
	struct lnl_host *h = *state;

	run_waiting(h, "vpn.spawn(function() error 'boo' end)", "", false);
	assert_non_null(h->log.head);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cost_of(struct lnl_host *h, const char *code, int n)
{
	char text[512];
	double begin;

	snprintf(text, sizeof(text), "local n = %d %s", n, code);
	begin = cpu_seconds();
	run_waiting(h, text, "true true", false);
	return cpu_seconds() - begin;
}

/* Eight times as many cost some eight times as much, and not 64 times. */
static void many_cost_what_they_are(void **state)
{
	static const char *const codes[] = {
		"local list = {} for i = 1, n do list[i] = i end spawn(function()\n"
		"  local r = vpn.all(list, function(i) core.sleep(0) return i end) return r[n] == n end)",
		"local list = {} for i = 1, n do list[i] = i end spawn(function()\n"
		"  return (vpn.any(list, function(i) core.sleep(0) return i == 1 end)) end)",
		"local c = vpn.channel(0) for i = 1, n do vpn.spawn(c.receive, c) end\n"
		"spawn(function() core.sleep(0) for i = 1, n do c:send(i)\n"
		"  if i % 100 == 0 then core.sleep(0) end end return true end)",
		"local t = vpn.spawn(vpn.sleep, 0.05) local k = 0\n"
		"for i = 1, n do vpn.spawn(function() t:join() k = k + 1 end) end\n"
		"spawn(function() t:join() core.sleep(0) core.sleep(0) return k == n end)",
		"for i = 1, n do vpn.spawn(vpn.sleep, 100) end\n"
		"spawn(function() put(true) put(true) core.sleep(100) end)\n"
		"core.spawn(5, 'x', nil, nil, function() core.sleep(0) core.cancel_owner(0) end)",
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		double few, many;

		cost_of(*state, codes[i], 500);
		few = cost_of(*state, codes[i], 500);
		many = cost_of(*state, codes[i], 4000);
		if (many > 24 * few + 0.02)
			fail_msg("%s\n500: %f s, 4000: %f s", codes[i], few, many);
	}
}

/* Tasks that keep each other busy for ever do not keep the engine from its events. */
static void busy_tasks_leave_the_engine_its_turn(void **state)
{
	run_waiting(
		*state,
		"local a, b = vpn.channel(), vpn.channel() a:send(1)\n"
		"core.spawn(7, 'ping', nil, nil, function() while true do b:send(a:receive()) end end)\n"
		"core.spawn(7, 'pong', nil, nil, function() while true do a:send(b:receive()) end end)\n"
		"local function again() core.spawn(7, 'again', nil, nil, again) end again()\n"
		"spawn(function() core.sleep(0.05) return core.cancel_owner(7) end)",
		"true 3", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(joining, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(all_of_them, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(the_first_of_them, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(within_a_time, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(channels, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(errors_are_logged, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(many_cost_what_they_are, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(busy_tasks_leave_the_engine_its_turn, set_up_engine,
						tear_down_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
