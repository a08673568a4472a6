/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel-test: timeout 120 */
/*
 * The pattern functions of a policy VM against LuaJIT's own: the same results and the same errors,
 * on tables of edges and on random patterns; and no pattern takes longer than its slice.
 */
#include "test_bindings_vm.h"

#include <stdlib.h>
#include <time.h>

#include <lualib.h>

struct pair {
	struct lnl_vm *vm;
	lua_State *L; /* with LuaJIT's own */
};

/*
 * Runs the functions on one text and pattern, and gives all that came of it as one text. Addresses
 * are not compared: what is called is a local, so that errors have no name in them.
 */
static const char judge[] =
	"local function show(...) local out = {} for i = 1, select('#', ...) do\n"
	"  local v = select(i, ...) out[i] = type(v) .. ':' .. tostring(v) end\n"
	"  return table.concat(out, ',') end\n"
	"local function all(f, s, p) local out = {} for a, b, c in f(s, p) do\n"
	"  out[#out + 1] = show(a, b, c) if #out > 50 then break end end\n"
	"  return table.concat(out, ';') end\n"
	"local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub\n"
	"local t = { a = 'T', ab = false, b = 7, [''] = 'E' }\n"
	"return function(s, p, r, n) return table.concat({\n"
	"  show(pcall(find, s, p)), show(pcall(find, s, p, n)), show(pcall(find, s, p, n, true)),\n"
	"  show(pcall(match, s, p)), show(pcall(match, s, p, n)), show(pcall(all, gmatch, s, p)),\n"
	"  show(pcall(gsub, s, p, r)), show(pcall(gsub, s, p, r, n)), show(pcall(gsub, s, p, t)),\n"
	"  show(pcall(gsub, s, p, function(...) return select('#', ...) > 1 and show(...) or nil end)),\n"
	"  show(pcall(gsub, s, p, function(x) if x == 'b' then return {} end return x end)),\n"
	"  tostring(select(2, pcall(gsub, s, p, function() error(t) end)) == t),\n"
	"  }, '\\n') end";

static int load_judge(lua_State *L)
{
	lua_settop(L, 0);
	if (luaL_loadbuffer(L, judge, strlen(judge), "=judge"))
		return lua_error(L);
	lnl_call_function(L, 0, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, "judge");
	return 0;
}

static int set_up(void **state)
{
	static struct pair p;
	struct lnl_fault fault;

	p.vm = new_test_vm(NULL);
	p.L = luaL_newstate();
	luaL_openlibs(p.L);
	if (lnl_call(p.vm, "the judge", LNL_SLICE_LOAD, load_judge, NULL, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(luaL_loadbuffer(p.L, judge, strlen(judge), "=judge"), 0);
	assert_int_equal(lua_pcall(p.L, 0, 1, 0), 0);
	lua_setfield(p.L, LUA_REGISTRYINDEX, "judge");
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *p = *state;

	lnl_vm_free(p->vm);
	lua_close(p->L);
	return 0;
}

struct question {
	const char *s, *p, *r;
	size_t s_len, p_len, r_len;
	double n;
	char *out;
	size_t out_len;
};

#define ANSWER 16384

static int ask(lua_State *L)
{
	struct question *q = lua_touserdata(L, 1);
	const char *text;

	lua_getfield(L, LUA_REGISTRYINDEX, "judge");
	lua_pushlstring(L, q->s, q->s_len);
	lua_pushlstring(L, q->p, q->p_len);
	lua_pushlstring(L, q->r, q->r_len);
	lua_pushnumber(L, q->n);
	lua_call(L, 4, 1);
	text = lua_tolstring(L, -1, &q->out_len);
	if (q->out_len > ANSWER)
		q->out_len = ANSWER;
	memcpy(q->out, text, q->out_len);
	return 0;
}

static void compare(struct pair *p, struct question q)
{
	static char ours[ANSWER], theirs[ANSWER];
	struct lnl_fault fault;
	size_t len;

	q.out = ours;
	if (lnl_call(p->vm, "asking", LNL_SLICE_LOAD, ask, &q, &fault))
		fail_msg("text '%s', pattern '%s': %s", q.s, q.p, fault.text);
	len = q.out_len;
	q.out = theirs;
	assert_int_equal(lua_cpcall(p->L, ask, &q), 0);
	lua_settop(p->L, 0);
	if (len != q.out_len || memcmp(ours, theirs, len) != 0)
		fail_msg("text '%s' (%zu), pattern '%s' (%zu), replacement '%s', from %f:\n%.*s\n"
			 "instead of\n%.*s",
			 q.s, q.s_len, q.p, q.p_len, q.r, q.n, (int)len, ours, (int)q.out_len,
			 theirs);
}

static const char *const texts[] = { "",
				     "a",
				     "aab",
				     "abc abc",
				     "[a]-%b^$.",
				     "((x)(y))",
				     "\x01\x7f\x80\xff",
				     "key = value",
				     "a,b,,c",
				     "THE (quick) fox" };
static const char *const patterns[] = { "",
					"^",
					"$",
					"^$",
					"a",
					".",
					"a*",
					"a-",
					"a+",
					"a?",
					"^a",
					"a$",
					"$a",
					"a^",
					"*",
					"-",
					"+a",
					"?",
					"[a-c]",
					"[^a-c]",
					"[]]",
					"[^]]",
					"[a-]",
					"[-a]",
					"[a-%]",
					"[%]",
					"[%a-z]",
					"[",
					"[a",
					"[^",
					"[]",
					"[^]",
					"%",
					"a%",
					"%%",
					"(a)",
					"()",
					"(a",
					"a)",
					"(()a)",
					"(a*(.)%w(%s*))",
					"%1",
					"(a)%1",
					"(a%1)",
					"()%1",
					"%0",
					"(.)%1",
					"%b()",
					"%b",
					"%b(",
					"%bxx",
					"%baa",
					"%f[%a]",
					"%f[%z]",
					"%f",
					"%fa",
					"%f[^%w]%f[%w]",
					"%a+",
					"%A",
					"%d",
					"%g",
					"%z",
					"%Z",
					"%q",
					"%Q",
					"%x%X",
					"%p%P",
					"%c",
					"%l%u",
					"[%l%u]+",
					"(%w+)%s*=%s*(%w+)",
					"[^,]*",
					"([^,]*),?",
					"^(.-)%s*$",
					"((.)(.))",
					"(((a)))",
					"%.",
					"[a-c-e]",
					"[c-a]",
					"[%a%]",
					"[a%]]",
					"[\x80-\xff]",
					"^^a",
					"a$$",
					"%bb[",
					"()()()",
					"((((((((((((((((((((((((((((((((((a",
					"(.)(.)(.)(.)(.)(.)(.)(.)(.)(.)",
					"a?a?a?aaa",
					"%f[(]%b()%f[%s]" };
static const char *const repls[] = { "", "<%0>", "%1", "%2%1", "%", "%%", "%x", "x%", "%9" };
static const double starts[] = { 1, 0, -1, 2, 3, 5, -3, 100, -100, 1.7, -0.5, 2.9 };

static void edges(void **state)
{
	unsigned k = 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t j = 0; j < sizeof(patterns) / sizeof(*patterns); j++) {
			struct question q = { .s = texts[i], .p = patterns[j] };

			q.r = repls[k % (sizeof(repls) / sizeof(*repls))];
			q.n = starts[k++ % (sizeof(starts) / sizeof(*starts))];
			q.s_len = strlen(q.s);
			q.p_len = strlen(q.p);
			q.r_len = strlen(q.r);
			compare(*state, q);
		}
}

static uint64_t seed;

static unsigned below(unsigned n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 16) % n;
}

/* Of pieces that mean something, now and then of what does not. */
static size_t make_pattern(char *out)
{
	static const char *const pieces[] = {
		"a",	  "b",	  ".",	  "%a", "%w", "%s", "%d", "[ab]", "[^b]", "[a-c]", "%f[a]",
		"%f[%s]", "%bab", "(",	  "(",	")",  ")",  "()", "*",	  "*",	  "-",	   "-",
		"+",	  "+",	  "?",	  "?",	"^",  "$",  "%1", "%2",	  "%b()", "[%a-]", "x",
		"%%",	  "%.",	  "[]a]", " ",	"%Z", "%u", "[",  "%",	  "-"
	};
	unsigned n = 1 + below(7);
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		const char *piece = pieces[below(sizeof(pieces) / sizeof(*pieces))];

		memcpy(out + len, piece, strlen(piece));
		len += strlen(piece);
		if (below(200) == 0)
			out[len++] = (char)below(256);
	}
	out[len] = '\0';
	return len;
}

static size_t make_text(char *out)
{
	static const char letters[] = "aaabbbcx  ().%-A1\n\x80\xff";
	unsigned n = below(14);

	for (unsigned i = 0; i < n; i++)
		out[i] = below(60) ? letters[below(sizeof(letters) - 1)] : (char)below(256);
	out[n] = '\0';
	return n;
}

static void random_patterns(void **state)
{
	const char *given = getenv("LUNEL_SEED"), *count = getenv("LUNEL_COUNT");
	unsigned n = count ? (unsigned)atoi(count) : 8000;

	seed = given ? strtoull(given, NULL, 10) : UINT64_C(88172645463325252);
	for (unsigned i = 0; i < n; i++) {
		char s[64], p[256], r[64];
		struct question q = { .s = s, .p = p, .r = r, .n = (double)below(20) - 8 };

		q.s_len = make_text(s);
		q.p_len = make_pattern(p);
		q.r_len = (size_t)snprintf(r, sizeof(r), "%s", below(2) ? "<%1%0>" : "%2");
		compare(*state, q);
	}
}

/* Long ones: deep recursion, long captures, results larger than a buffer. */
static void long_ones(void **state)
{
	static char text[20000], pattern[2000];
	struct question q = { .s = text, .p = pattern, .r = "%0%0", .r_len = 4, .n = 7000 };

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 97 == 96 ? '\n' : (char)('a' + i % 7);
	q.s_len = sizeof(text) - 1;
	for (int depth = 60; depth <= 70; depth++) {
		q.p_len = 0;
		for (int i = 0; i < depth; i++)
			q.p_len += (size_t)snprintf(pattern + q.p_len, 8, "%s", "a*b?.-");
		compare(*state, q);
	}
	for (int depth = 195; depth <= 205; depth++) {
		memset(pattern, 'a', sizeof(pattern));
		for (int i = 0; i < depth; i++)
			memcpy(pattern + 2 * (size_t)i, "a?", 2);
		pattern[2 * depth] = '\0';
		q.p_len = strlen(pattern);
		compare(*state, q);
	}
	q.p = "(.-)\n(.*)";
	q.p_len = strlen(q.p);
	compare(*state, q);
	q.p = "[^\n]+";
	q.p_len = strlen(q.p);
	compare(*state, q);
}

static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Each would take from minutes to longer than the world stands. */
static void no_pattern_takes_longer_than_its_slice(void **state)
{
	static const char *const codes[] = {
		"return s:find('(.-)(.-)(.-)(.-)(.-)(.-)(.-)(.-)b')",
		"return s:match('.*.*.*.*.*.*.*.*b')",
		"return s:gsub('a*a*a*a*a*a*a*a*b', '')",
		"for _ in s:gmatch('a-a-a-a-a-a-a-a-b') do end",
		"return s:find(('a?'):rep(150) .. ('a'):rep(150) .. 'b')",
		"local t = ('('):rep(300000) return t:gsub('%b()', '')",
		"local t = s:rep(20) return t:find('(' .. ('.'):rep(20000) .. ').-%1b')",
		"local set = '[' .. ('c'):rep(100000) .. ']*' return s:rep(10):gsub(set, '')",
		"return pcall(s.find, s, '(.-)(.-)(.-)(.-)(.-)(.-)b')",
		"while true do pcall(s.find, s, '(.-)(.-)(.-)(.-)(.-)(.-)b') end",
		"local t = ('x'):rep(8e6) while true do t:find('y', 1, true) end",
		"local t = ('x'):rep(8e6) while true do t:gsub('', '') end",
	};
	struct pair *p = *state;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		char code[512];
		double begin = cpu_seconds();

		snprintf(code, sizeof(code),
			 "local s = ('a'):rep(3000)\nlocal function run() %s end\nlocal r = run()",
			 codes[i]);
		refuse_lua(p->vm, code, ": the test ran for more than its 50 ms");
		if (cpu_seconds() - begin > 0.5)
			fail_msg("%s\ntook %f s", codes[i], cpu_seconds() - begin);
		expect_lua(p->vm, "collectgarbage() return ('fine'):match '.*'", "fine");
	}
}

/* A plain search is linear: LuaJIT's own compares a square of bytes here. */
static void a_plain_search_is_linear(void **state)
{
	struct pair *p = *state;
	double begin = cpu_seconds();

	expect_lua(p->vm, "local s = ('a'):rep(4e6) return s:find(('a'):rep(2e6) .. 'b', 1, true)",
		   "nil");
	assert_true(cpu_seconds() - begin < 0.5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(edges),
		cmocka_unit_test(random_patterns),
		cmocka_unit_test(long_ones),
		cmocka_unit_test(no_pattern_takes_longer_than_its_slice),
		cmocka_unit_test(a_plain_search_is_linear),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
