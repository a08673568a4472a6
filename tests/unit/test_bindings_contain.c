/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: timeout 120 */
/*
 * Faults of scripts, each by its name: in the hook of one peer, in a task and in a sync hook. That
 * peer's question gets its default, the log names hook, file and line, and another peer's question
 * is answered as if nothing had been.
 */
#include "test_bindings_waiting.h"

#include <time.h>

#include <lualib.h>

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A server without an engine's; peers 1 and 2; what is replied is in `out`. */
static const char world[] =
	"local core, vpn = require 'lunel.core', require 'lunel'\n"
	"local out = {} package.loaded.out = out\n"
	"for _, kind in ipairs { 'login', 'verdict', 'default' } do\n"
	"  core['reply_' .. kind] = function(ticket, value)\n"
	"    out[#out + 1] = ticket .. '=' .. (kind == 'default' and kind or tostring(value))\n"
	"    return true end end\n"
	"core.peer_info = function(_, id) return { address = 'a' .. id, name = 'n' .. id } end\n"
	"core.hook_ran = function() end core.peer_kill = function() return true end\n"
	"local asking = require 'lunel.hooks_server'\n"
	"local function fault(peer)\n%s\nend\n"
	"local function hook(peer) if peer.id == 1 then fault(peer) end return true end\n"
	"local t = { on = { authenticate = hook, learn = hook, closed = function() end },\n"
	"  peers = {}, coming = {}, newcomers = 0, interval = 1, handle = 1,\n"
	"  gone = { rx = 0, tx = 0 } }\n"
	"local function ask(kind, peer, ticket) asking.event(t, { kind = kind, tunnel = 1,\n"
	"  peer = peer, ticket = ticket, deadline = 0.2, username = 'u', prefix = '10.0.0.1' }) end\n"
	"package.loaded.ask, package.loaded.server = ask, t\n";

static const struct {
	const char *name, *code; /* of the fault, from line 11 on */
	const char *log;	 /* what the log says of it; time or memory may be what ends */
	bool waits;		 /* only in a task */
} faults[] = {
	{ "an error", "local x x = x.field", "test:11: attempt to index local 'x'", false },
	{ "an error that is no text", "error({ 1 })", "(error object is a table value)", false },
	{ "an endless loop", "while true do end", "test:11: hook ", false },
	{ "an endless loop of pcall", "while true do pcall(function() while true do end end) end",
	  "test:11: hook ", false },
	{ "an endless loop of coroutines",
	  "while true do coroutine.wrap(function() pcall(function() while true do end end) end)() end",
	  "test:11: hook ", false },
	{ "an endless recursion of pcall", "local function f() pcall(f) f() end f()",
	  "test:11: ", false },
	{ "xpcall with a handler that loops",
	  "xpcall(error, function() while true do pcall(error) end end, 'x')", "test:11: hook ",
	  false },
	{ "a catastrophic pattern",
	  "local s = ('a'):rep(5000):find('(.-)(.-)(.-)(.-)(.-)(.-)(.-)b')", "test:11: hook ",
	  false },
	/* of a tail call of C's nothing is left but who called */
	{ "a catastrophic pattern, as a tail call",
	  "return ('a'):rep(5000):find('(.-)(.-)(.-)(.-)(.-)(.-)(.-)b')", "test:13: hook ", false },
	{ "an error of C's, as a tail call", "return ('x'):rep({})", "test:13: bad argument",
	  false },
	/* these have no place of their own */
	{ "what assert says", "assert(nil, 'the host 192.0.2.1:443: refused')",
	  "test:11: the host 192.0.2.1:443", false },
	{ "an error without a place", "error('boo', 0)", "test:11: boo", false },
	{ "an error that is a table", "error({})", "test:11: (error object is a table", false },
	{ "catastrophic patterns in pcall",
	  "while true do pcall(string.gsub, ('a'):rep(5000), 'a*a*a*a*a*a*b', '') end",
	  "test:11: hook ", false },
	{ "10 GB of strings, kept",
	  "local t = {} for i = 1, 10000 do t[i] = ('x'):rep(2^20) .. i end", "", false },
	{ "10 GB of strings, dropped", "for i = 1, 10000 do local s = ('x'):rep(2^20) .. i end",
	  "test:11: hook ", false },
	{ "one string of 1 GB", "local s = ('x'):rep(2^30)", "not enough memory", false },
	{ "doubling strings", "local s = 'x' while true do s = s .. s end", "", false },
	{ "joining too much",
	  "local t = {} for i = 1, 2000 do t[i] = ('x'):rep(2^14) end\n"
	  "local s = table.concat(t, ('y'):rep(2^14))",
	  "", false },
	{ "garbage collection for ever", "while true do collectgarbage() end", "test:11: hook ",
	  false },
	{ "a width of a billion", "local s = ('%1000000000d'):format(1)", "test:11: invalid option",
	  false },
	{ "bytecode", "assert(load('\\27LJ\\2\\0'))",
	  "test:11: attempt to load chunk with wrong mode", false },
	{ "a wait in table.sort", "table.sort({ 2, 1 }, function() vpn.sleep(0) end)",
	  "test:11: vpn.sleep cannot wait in what 'sort' calls (hook 'authenticate')", true },
	{ "a wait that is too long", "vpn.sleep(100)", "test:11: its deadline has passed", true },
	{ "waits for each other", "vpn.channel():receive()", "test:11: its deadline has passed",
	  true },
	{ "waits without end", "while true do vpn.sleep(0) end", "test:11: its deadline has passed",
	  true },
	{ "a bare yield", "coroutine.yield()",
	  "a task waits by vpn.sleep and its kin, not by coroutine.yield", true },
};

/* The log's records as "event what error", with '|' between them. */
static void read_log(struct lnl_host *h, char *out, size_t len)
{
	lua_State *L = luaL_newstate();

	luaL_openlibs(L);
	out[0] = '\0';
	while (h->log.head) {
		lnl_record_push(L, &h->log);
		lua_pop(L, 1);
		lua_setglobal(L, "records");
		if (luaL_dostring(
			    L,
			    "local out = {} for i, r in ipairs(records) do\n"
			    "  out[i] = r.sub .. '.' .. r.event .. ' ' .. tostring(r.fields.what)\n"
			    "    .. ' ' .. tostring(r.fields.error or r.fields.line) end\n"
			    "return table.concat(out, '|')"))
			fail_msg("%s", lua_tostring(L, -1));
		snprintf(out + strlen(out), len - strlen(out), "%s|", lua_tostring(L, -1));
		lua_settop(L, 0);
	}
	lua_close(L);
}

static void run(struct lnl_host *h, const char *code)
{
	struct lnl_fault fault;

	if (run_lua(h->vm, code, LNL_SLICE_LOAD, NULL, 0, &fault))
		fail_msg("%s\nfailed: %s", code, fault.text);
}

/* Asks the hook of |kind| for peer 1, whose hook has the fault, and for 2; what was replied. */
static void ask_both(struct lnl_host *h, const char *code, const char *kind, const char *want,
		     char *log, size_t log_len)
{
	char text[4096], out[256];
	struct lnl_fault fault;

	snprintf(text, sizeof(text), world, code);
	run(h, text);
	read_log(h, log, log_len);
	snprintf(text, sizeof(text),
		 "local ask = package.loaded.ask ask('%s', 1, 'bad') ask('%s', 2, 'good')", kind,
		 kind);
	run(h, text);
	while (lnl_host_turn(h))
		;
	if (run_lua(h->vm,
		    "local out = package.loaded.out table.sort(out) return table.concat(out, ' ')",
		    LNL_SLICE_LOAD, out, sizeof(out), &fault))
		fail_msg("%s", fault.text);
	if (strcmp(out, want) != 0)
		fail_msg("%s (%s): replied %s, not %s", code, kind, out, want);
	read_log(h, log, log_len);
}

static void check_fault(struct lnl_host *h, size_t i, const char *kind, const char *yes)
{
	static char log[65536];
	char want[64], title[64];
	double begin = cpu_seconds();

	snprintf(want, sizeof(want), "bad=default good=%s", yes);
	ask_both(h, faults[i].code, kind, want, log, sizeof(log));
	snprintf(title, sizeof(title), "script.error hook '%s'", kind);
	if (!strstr(log, title) || !strstr(log, faults[i].log) || !strstr(log, "test:1"))
		fail_msg("%s (%s): the log has no \"%s\" with \"%s\" and its line:\n%s",
			 faults[i].name, kind, title, faults[i].log, log);
	if (cpu_seconds() - begin > 0.6)
		fail_msg("%s (%s): %f s", faults[i].name, kind, cpu_seconds() - begin);
	expect_lua(h->vm, "collectgarbage() return 'fine'", "fine");
}

static void faults_in_a_task(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		check_fault(*state, i, "authenticate", "ok");
}

static void faults_in_a_sync_hook(void **state)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (!faults[i].waits)
			check_fault(*state, i, "learn", "true");
}

/* To look through a large heap takes longer than a hook may, and is not what answers' time. */
static void a_full_heap_does_not_end_what_answers(void **state)
{
	static char log[65536];
	struct lnl_host *h = *state;
	size_t limit = h->vm->limit;

	h->vm->limit = (size_t)256 << 20;
	for (int i = 0; i < 2; i++) {
		run(h, "local t, names = {}, {} for i = 1, 1e6 do t[i] = {} end\n"
		       "for i = 1, 2e5 do names[i] = 'x' .. i end\n"
		       "package.loaded.much, package.loaded.names = t, names");
		ask_both(h, "package.loaded.names = nil local s = ('x'):rep(2^30)",
			 i ? "learn" : "authenticate",
			 i ? "bad=default good=true" : "bad=default good=ok", log, sizeof(log));
	}
	run(h, "package.loaded.much = nil collectgarbage()");
	h->vm->limit = limit;
}

/* What a hook returned says by a function of the script's what it is: that has a hook's time, too. */
static void a_result_that_never_says_what_it_is(void **state)
{
	static char log[65536];
	struct lnl_host *h = *state;
	char code[4096];
	double begin;

	snprintf(code, sizeof(code), world, "");
	strncat(code,
		"t.on.established = function() return setmetatable({}, { __tostring = function()\n"
		"  while true do end end }) end\n"
		"asking.event(t, { kind = 'established', tunnel = 1, peer = 1 })\n",
		sizeof(code) - strlen(code) - 1);
	run(h, code);
	begin = cpu_seconds();
	while (lnl_host_turn(h))
		;
	assert_true(cpu_seconds() - begin < 0.15);
	read_log(h, log, sizeof(log));
	if (!strstr(log, "script.error hook 'established'") || !strstr(log, "script.ignored"))
		fail_msg("%s", log);
}

/* The peer is gone before its hook has answered: no reply, and its task is gone, too. */
static void a_hook_that_closes_whom_it_is_asked_about(void **state)
{
	static const char *const codes[] = {
		"core.peer_kill = function() asking.event(package.loaded.server,\n"
		"  { kind = 'peer_closed', tunnel = 1, peer = 1, cause = 'x' }) return true end\n"
		"assert(peer:kill()) vpn.sleep(0) out[#out + 1] = 'never'",
		"core.peer_kill = function() asking.event(package.loaded.server,\n"
		"  { kind = 'peer_closed', tunnel = 1, peer = 1, cause = 'x' }) return true end\n"
		"assert(peer:kill())",
	};
	static char log[65536];

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		ask_both(*state, codes[i], "authenticate", "good=ok", log, sizeof(log));
		if (strstr(log, "script.error"))
			fail_msg("%s", log);
	}
}

/* What is kept of a peer or session that is gone answers, and reaches nobody. */
static void a_dead_reference(void **state)
{
	struct lnl_host *h = *state;
	char code[4096];

	snprintf(code, sizeof(code), world, "");
	strncat(code,
		"ask('authenticate', 1, 'x') local p = t.peers[1] assert(p.name == 'n1')\n"
		"asking.event(t, { kind = 'peer_closed', tunnel = 1, peer = 1, cause = 'x' })\n"
		"core.peer_kill = function() error 'reached' end core.peer_stats = core.peer_kill\n"
		"core.peer_info = core.peer_kill\n"
		"local said = {} for _, m in ipairs { 'kill', 'restart', 'send', 'stats',\n"
		"  'renegotiate' } do local a, b = p[m](p, 'x') assert(a == nil) said[b] = true end\n"
		"assert(next(said) == 'the peer is gone' and not next(said, 'the peer is gone'))\n"
		"return tostring(p:is_up()) .. p.name",
		sizeof(code) - strlen(code) - 1);
	expect_lua(h->vm, code, "falsen1");
	expect_lua(
		h->vm,
		"local core = require 'lunel.core'\n"
		"for _, n in ipairs { 'text', 'reconnect' } do core['tunnel_' .. n] = function()\n"
		"  error 'reached' end end\n"
		"local s = require('lunel.session').new({ handle = 1 }, 5) s.up, s.ended = true, true\n"
		"local a, b = s:send 'x' local c, d = s:reconnect {}\n"
		"return tostring(s:is_up()) .. tostring(a) .. b .. tostring(c) .. d",
		"falsenilthe session has endednilthe session has ended");
}

/* The engine has answered by its default already: nobody is harmed. */
static void a_reply_after_the_deadline(void **state)
{
	struct lnl_host *h = *state;

	expect_lua(
		h->vm,
		"local core, out = require 'lunel.core', {}\n"
		"for name, fn in pairs(core) do if name:find '^reply_' and name ~= 'reply_line'\n"
		"  and name ~= 'reply_remote' then\n"
		"    local ok, err = fn('abcdef', ({ reply_reconnect = 1, reply_login = 'ok' })[name])\n"
		"    assert(ok == nil, name) out[err] = true end end\n"
		"return next(out) .. tostring(next(out, (next(out))))",
		"not foundnil");
}

/*
 * No hook fires in a finaliser, so no script has one: tables have none in LuaJIT, there is no
 * newproxy, and no metatable with a __gc can be reached.
 */
static void no_finaliser_is_a_scripts(void **state)
{
	struct lnl_host *h = *state;
	double begin = cpu_seconds();

	expect_lua(h->vm,
		   "local function busy() while true do end end\n"
		   "setmetatable({}, { __gc = busy })\n"
		   "local f = io.open '/dev/null' local core = require 'lunel.core'\n"
		   "for _, u in ipairs { f, io.stdout, core.secret 'x' } do\n"
		   "  pcall(function() getmetatable(u).__gc = busy end)\n"
		   "  pcall(function() u.__index.__gc = busy end)\n"
		   "  pcall(function() u.__gc = busy end)\n"
		   "  pcall(function() setmetatable(u, { __gc = busy }) end) end\n"
		   "f = nil collectgarbage() collectgarbage() return 'fine'",
		   "fine");
	expect_lua(
		h->vm,
		"local seen, found = {}, 'none'\n"
		"local function walk(v, path) local kind = type(v)\n"
		"  if kind ~= 'table' and kind ~= 'userdata' or seen[v] then return end\n"
		"  seen[v] = true\n"
		"  if kind == 'table' then if rawget(v, '__gc') then found = path end\n"
		"    for k, w in next, v do walk(w, path .. '.' .. tostring(k)) end end\n"
		"  for _, k in ipairs { '__index', '__gc' } do\n"
		"    local ok, w = pcall(function() return v[k] end)\n"
		"    if ok then if k == '__gc' and w then found = path end walk(w, path .. k) end end\n"
		"  walk(getmetatable(v), path .. '<meta>') end\n"
		"walk(_G, '_G') walk(getmetatable '', 'string')\n"
		"walk(require('lunel.core').secret 'x', 'secret') return found",
		"none");
	expect_lua(
		h->vm,
		"local f = io.open('/dev/null', 'w') return tostring(f:write('x') == f or true)\n"
		"  .. tostring(f:seek()) .. tostring(f:close()) .. io.type(f) .. getmetatable(f)",
		"true0trueclosed filefile");
	assert_true(cpu_seconds() - begin < 1);
}

/* Functions of C that take long and allocate: what they hold up is bounded. */
static void heavy_functions_are_seen_soon(void **state)
{
	static const char *const codes[] = {
		"local s = ('x'):rep(4e6) while true do s:reverse() end",
		"local s = ('x'):rep(4e6) while true do s:upper() end",
		"while true do ('x'):rep(4e6) end",
		"local t = {} for i = 1, 1e5 do t[i] = 'xxxxxxxx' end while true do table.concat(t) end",
		"local s = ('x'):rep(2e6) while true do ('%s%s'):format(s, s) end",
	};
	struct lnl_host *h = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		double begin = cpu_seconds();

		refuse_lua(h->vm, codes[i], "test:1: the test ran for more than its 50 ms");
		if (cpu_seconds() - begin > 1)
			fail_msg("%s\ntook %f s", codes[i], cpu_seconds() - begin);
	}
}

/* LuaJIT alone would run out of memory here: it collects little by little. */
static void what_nobody_holds_does_not_fill_the_heap(void **state)
{
	struct lnl_host *h = *state;

	expect_lua(
		h->vm,
		"for i = 1, 1000 do local s = ('x'):rep(2^20) .. i end\n"
		"local keep = ('k'):rep(2^22) .. 1 for i = 1, 200 do local s = ('x'):rep(2^20) .. i end\n"
		"return #keep",
		"4194305");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(faults_in_a_task, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(faults_in_a_sync_hook, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(a_full_heap_does_not_end_what_answers,
						set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(a_result_that_never_says_what_it_is, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(a_hook_that_closes_whom_it_is_asked_about,
						set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(a_dead_reference, set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(a_reply_after_the_deadline, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(no_finaliser_is_a_scripts, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(what_nobody_holds_does_not_fill_the_heap,
						set_up_engine, tear_down_engine),
		cmocka_unit_test_setup_teardown(heavy_functions_are_seen_soon, set_up_engine,
						tear_down_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
