/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/patterns.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bindings/call.h"

#define MAX_CAPTURES 32
#define MAX_DEPTH    200 /* LuaJIT's, beyond which a pattern is too complex */

/* Steps between two looks at the clock: some tens of microseconds. */
#define STRIDE 8192

enum kind { OPEN, CLOSED, PLACE };

struct capture {
	const char *start;
	size_t len;
	enum kind kind;
};

/* A search for one pattern in one text. Both end with a NUL: a pattern at its first one. */
struct hunt {
	lua_State *L;
	const char *text, *end;
	unsigned depth, steps;
	int n; /* captures begun */
	struct capture captures[MAX_CAPTURES];
};

static void tick(struct hunt *h, size_t steps)
{
	if (steps > STRIDE)
		steps = STRIDE;
	h->steps += (unsigned)steps;
	if (h->steps < STRIDE)
		return;
	h->steps = 0;
	lnl_slice_look(h->L);
}

/* ---- single characters ---- */

/* ASCII alone, whatever the locale. */
static bool is_in_class(unsigned char c, unsigned char letter)
{
	bool in;

	switch (letter | 0x20) {
	case 'a':
		in = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		break;
	case 'c':
		in = c < 0x20 || c == 0x7f;
		break;
	case 'd':
		in = c >= '0' && c <= '9';
		break;
	case 'g':
		in = c > 0x20 && c < 0x7f;
		break;
	case 'l':
		in = c >= 'a' && c <= 'z';
		break;
	case 'p':
		in = c > 0x20 && c < 0x7f && !is_in_class(c, 'w');
		break;
	case 's':
		in = c == ' ' || (c >= '\t' && c <= '\r');
		break;
	case 'u':
		in = c >= 'A' && c <= 'Z';
		break;
	case 'w':
		in = is_in_class(c, 'a') || is_in_class(c, 'd');
		break;
	case 'x':
		in = is_in_class(c, 'd') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
		break;
	case 'z':
		in = c == 0;
		break;
	default:
		return c == letter;
	}
	return (letter & 0x20) ? in : !in;
}

/* Whether |c| follows a '%', a letter's class or the character itself. */
static bool fits_escape(unsigned char c, unsigned char letter)
{
	bool is_letter = (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z');

	return is_letter ? is_in_class(c, letter) : c == letter;
}

/* |p| is at '[', |last| at its ']'. */
static bool fits_set(struct hunt *h, unsigned char c, const char *p, const char *last)
{
	bool negated = p[1] == '^', found = false;

	tick(h, (size_t)(last - p));
	for (p += negated ? 2 : 1; p < last && !found; p++) {
		if (*p == '%') {
			p++;
			found = fits_escape(c, (unsigned char)*p);
		} else if (p[1] == '-' && p + 2 < last) {
			found = (unsigned char)*p <= c && c <= (unsigned char)p[2];
			p += 2;
		} else {
			found = (unsigned char)*p == c;
		}
	}
	return found != negated;
}

/* Behind the single character class that begins at |p|. */
static const char *item_end(struct hunt *h, const char *p)
{
	if (*p == '%') {
		if (!p[1])
			luaL_error(h->L, "malformed pattern (ends with '%%')");
		return p + 2;
	}
	if (*p++ != '[')
		return p;
	if (*p == '^')
		p++;
	/* A ']' in the first place stands for itself. */
	do {
		if (!*p)
			luaL_error(h->L, "malformed pattern (missing ']')");
		if (*p == '%' && p[1])
			p++;
		p++;
	} while (*p != ']');
	return p + 1;
}

static bool fits(struct hunt *h, const char *s, const char *p, const char *ep)
{
	unsigned char c;

	if (s >= h->end)
		return false;
	c = (unsigned char)*s;
	switch (*p) {
	case '.':
		return true;
	case '%':
		return fits_escape(c, (unsigned char)p[1]);
	case '[':
		return fits_set(h, c, p, ep - 1);
	default:
		return (unsigned char)*p == c;
	}
}

/* ---- what is more than one character: each gives the end of the match, or NULL ---- */

static const char *match(struct hunt *h, const char *s, const char *p);

/* As many as there are, then fewer and fewer. */
static const char *match_most(struct hunt *h, const char *s, const char *p, const char *ep)
{
	size_t n = 0;

	for (; fits(h, s + n, p, ep); n++)
		tick(h, 1);
	for (;; n--) {
		const char *end = match(h, s + n, ep + 1);

		if (end || !n)
			return end;
	}
}

static const char *match_least(struct hunt *h, const char *s, const char *p, const char *ep)
{
	for (;; s++) {
		const char *end = match(h, s, ep + 1);

		if (end)
			return end;
		if (!fits(h, s, p, ep))
			return NULL;
	}
}

static const char *match_open(struct hunt *h, const char *s, const char *p)
{
	struct capture *c = &h->captures[h->n];
	const char *end;

	if (h->n >= MAX_CAPTURES)
		luaL_error(h->L, "too many captures");
	c->start = s;
	c->len = 0;
	c->kind = *p == ')' ? PLACE : OPEN;
	h->n++;
	end = match(h, s, c->kind == PLACE ? p + 1 : p);
	if (!end)
		h->n--;
	return end;
}

static const char *match_close(struct hunt *h, const char *s, const char *p)
{
	struct capture *c = &h->captures[h->n];
	const char *end;

	do
		if (c-- == h->captures)
			luaL_error(h->L, "invalid pattern capture");
	while (c->kind != OPEN);
	c->kind = CLOSED;
	c->len = (size_t)(s - c->start);
	end = match(h, s, p);
	if (!end)
		c->kind = OPEN;
	return end;
}

/* %bxy: |p| is at x. */
static const char *match_balanced(struct hunt *h, const char *s, const char *p)
{
	size_t depth = 1;

	if (!p[0] || !p[1])
		luaL_error(h->L, "unbalanced pattern");
	if (s >= h->end || *s != p[0])
		return NULL;
	while (++s < h->end) {
		tick(h, 1);
		if (*s == p[1]) {
			if (!--depth)
				return s + 1;
		} else if (*s == p[0]) {
			depth++;
		}
	}
	return NULL;
}

/* %1: the same text once more. */
static const char *match_again(struct hunt *h, const char *s, char digit)
{
	int i = digit - '1';
	const struct capture *c = &h->captures[i < 0 ? 0 : i];

	if (i < 0 || i >= h->n || c->kind == OPEN)
		luaL_error(h->L, "invalid capture index");
	if (c->kind == PLACE)
		return NULL; /* as if it were longer than any text */
	tick(h, c->len / 16);
	if ((size_t)(h->end - s) < c->len || memcmp(c->start, s, c->len) != 0)
		return NULL;
	return s + c->len;
}

/* %f[set]: |p| is at the set. The text's ends count as NUL. */
static bool at_frontier(struct hunt *h, const char *s, const char *p, const char *ep)
{
	unsigned char before = s == h->text ? 0 : (unsigned char)s[-1];

	return !fits_set(h, before, p, ep - 1) && fits_set(h, (unsigned char)*s, p, ep - 1);
}

/*
 * One item of the pattern at |*p|, at |*s|: true when both have gone on and what comes next is to be
 * matched; false when |*s| is the end of the whole match, or NULL.
 */
static bool match_item(struct hunt *h, const char **s, const char **p)
{
	const char *ep = item_end(h, *p), *end;
	bool fit = fits(h, *s, *p, ep);

	switch (*ep) {
	case '?':
		end = fit ? match(h, *s + 1, ep + 1) : NULL;
		if (end) {
			*s = end;
			return false;
		}
		*p = ep + 1;
		return true;
	case '*':
		*s = match_most(h, *s, *p, ep);
		return false;
	case '+':
		*s = fit ? match_most(h, *s + 1, *p, ep) : NULL;
		return false;
	case '-':
		*s = match_least(h, *s, *p, ep);
		return false;
	default:
		*p = ep;
		*s = fit ? *s + 1 : NULL;
		return fit;
	}
}

/* What begins with '%': as match_item. */
static bool match_escape(struct hunt *h, const char **s, const char **p)
{
	const char *ep;

	switch ((*p)[1]) {
	case 'b':
		*s = match_balanced(h, *s, *p + 2);
		*p += 4;
		return *s != NULL;
	case 'f':
		*p += 2;
		if (**p != '[')
			luaL_error(h->L, "missing '[' after '%%f' in pattern");
		ep = item_end(h, *p);
		if (!at_frontier(h, *s, *p, ep))
			*s = NULL;
		*p = ep;
		return *s != NULL;
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		*s = match_again(h, *s, (*p)[1]);
		*p += 2;
		return *s != NULL;
	default:
		return match_item(h, s, p);
	}
}

/* The end of the match of all of |p| at |s|, or NULL. */
static const char *match(struct hunt *h, const char *s, const char *p)
{
	bool on = true;

	if (++h->depth > MAX_DEPTH)
		luaL_error(h->L, "pattern too complex");
	while (on && *p) {
		tick(h, 1);
		if (*p == '(') {
			s = match_open(h, s, p + 1);
			on = false;
		} else if (*p == ')') {
			s = match_close(h, s, p + 1);
			on = false;
		} else if (*p == '$' && !p[1]) {
			s = s == h->end ? s : NULL;
			on = false;
		} else if (*p == '%') {
			on = match_escape(h, &s, &p);
		} else {
			on = match_item(h, &s, &p);
		}
	}
	h->depth--;
	return s;
}

static const char *begin_match(struct hunt *h, const char *s, const char *p)
{
	h->n = 0;
	h->depth = 0;
	tick(h, 1);
	return match(h, s, p);
}

/* ---- captures ---- */

/* Pushes capture |i|; the whole match when there is none and |i| is 0. */
static void push_capture(struct hunt *h, int i, const char *s, const char *end)
{
	const struct capture *c = &h->captures[i < 0 ? 0 : i];

	if (i == 0 && h->n == 0) {
		lua_pushlstring(h->L, s, (size_t)(end - s));
		return;
	}
	if (i < 0 || i >= h->n)
		luaL_error(h->L, "invalid capture index");
	if (c->kind == OPEN)
		luaL_error(h->L, "unfinished capture");
	if (c->kind == PLACE)
		lua_pushinteger(h->L, c->start - h->text + 1);
	else
		lua_pushlstring(h->L, c->start, c->len);
}

/* All, or the whole match when there is none and |s| is given. */
static int push_captures(struct hunt *h, const char *s, const char *end)
{
	int n = h->n == 0 && s ? 1 : h->n;

	luaL_checkstack(h->L, n, "too many captures");
	for (int i = 0; i < n; i++)
		push_capture(h, i, s, end);
	return n;
}

/* ---- the functions ---- */

/* |h| for the text at |index|. */
static const char *begin_hunt(lua_State *L, struct hunt *h, int index)
{
	size_t len;

	h->L = L;
	h->steps = 0;
	h->text = luaL_checklstring(L, index, &len);
	h->end = h->text + len;
	return h->text;
}

static int find_plain(lua_State *L, struct hunt *h, const char *s, const char *p, size_t len)
{
	/* Linear, also for what strchr and memcmp need a square for. */
	const char *found =
		len <= (size_t)(h->end - s) ? memmem(s, (size_t)(h->end - s), p, len) : NULL;

	tick(h, (size_t)(h->end - s) / 16);
	if (!found) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, found - h->text + 1);
	lua_pushinteger(L, found - h->text + (ptrdiff_t)len);
	return 2;
}

static bool has_specials(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] && strchr("^$*+?.([%-", p[i]))
			return true;
	return false;
}

/* Where the number at |index| says to begin: 1 is the first, -1 the last. */
static const char *start_at(lua_State *L, int index, const struct hunt *h)
{
	ptrdiff_t len = h->end - h->text, start;
	double n = luaL_optnumber(L, index, 1);

	/* No text is that long. */
	start = n >= INT32_MAX ? INT32_MAX : n > INT32_MIN ? (ptrdiff_t)n : INT32_MIN;
	if (start < 0)
		start += len;
	else
		start--;
	return h->text + (start < 0 ? 0 : start > len ? len : start);
}

static int search(lua_State *L, bool find)
{
	struct hunt h;
	size_t len;
	const char *s, *p, *end;
	bool anchored;

	begin_hunt(L, &h, 1);
	p = luaL_checklstring(L, 2, &len);
	s = start_at(L, 3, &h);
	if (find && (lua_toboolean(L, 4) || !has_specials(p, len)))
		return find_plain(L, &h, s, p, len);
	anchored = *p == '^';
	if (anchored)
		p++;
	do {
		end = begin_match(&h, s, p);
		if (!end)
			continue;
		if (!find)
			return push_captures(&h, s, end);
		lua_pushinteger(L, s - h.text + 1);
		lua_pushinteger(L, end - h.text);
		return push_captures(&h, NULL, NULL) + 2;
	} while (s++ < h.end && !anchored);
	lua_pushnil(L);
	return 1;
}

static int find(lua_State *L)
{
	return search(L, true);
}

static int find_captures(lua_State *L)
{
	return search(L, false);
}

/* Upvalues: text, pattern, where to go on. */
static int next_match(lua_State *L)
{
	struct hunt h;
	const char *p = lua_tostring(L, lua_upvalueindex(2)), *s;

	begin_hunt(L, &h, lua_upvalueindex(1));
	for (s = h.text + lua_tointeger(L, lua_upvalueindex(3)); s <= h.end; s++) {
		const char *end = begin_match(&h, s, p);

		if (!end)
			continue;
		/* An empty one must not be found for ever. */
		lua_pushinteger(L, (end == s ? end + 1 : end) - h.text);
		lua_replace(L, lua_upvalueindex(3));
		return push_captures(&h, s, end);
	}
	return 0;
}

static int each_match(lua_State *L)
{
	luaL_checkstring(L, 1);
	luaL_checkstring(L, 2);
	lua_settop(L, 2);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_match, 3);
	return 1;
}

/* The replacement at 3 is a text: %1 and its kin are captures. */
static void add_text(struct hunt *h, luaL_Buffer *b, const char *s, const char *end)
{
	size_t len;
	const char *text = lua_tolstring(h->L, 3, &len);

	tick(h, len / 16);
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '%') {
			luaL_addchar(b, text[i]);
			continue;
		}
		i++; /* behind a last one is the NUL of the text's end */
		if (text[i] < '0' || text[i] > '9') {
			luaL_addchar(b, text[i]);
		} else if (text[i] == '0') {
			luaL_addlstring(b, s, (size_t)(end - s));
		} else {
			push_capture(h, text[i] - '1', s, end);
			luaL_addvalue(b);
		}
	}
}

static void add_replacement(struct hunt *h, luaL_Buffer *b, const char *s, const char *end)
{
	lua_State *L = h->L;

	switch (lua_type(L, 3)) {
	case LUA_TFUNCTION:
		lua_pushvalue(L, 3);
		lnl_call_back(L, push_captures(h, s, end), 1);
		break;
	case LUA_TTABLE:
		push_capture(h, 0, s, end);
		lua_gettable(L, 3);
		break;
	default:
		add_text(h, b, s, end);
		return;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		lua_pushlstring(L, s, (size_t)(end - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
	}
	luaL_addvalue(b);
}

static int replace(lua_State *L)
{
	struct hunt h;
	const char *s = begin_hunt(L, &h, 1), *p = luaL_checkstring(L, 2);
	int type = lua_type(L, 3);
	double most = luaL_optnumber(L, 4, (lua_Number)(h.end - h.text) + 1);
	bool anchored = *p == '^', on = true;
	lua_Integer n = 0;
	luaL_Buffer b;

	luaL_argcheck(L,
		      type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION ||
			      type == LUA_TTABLE,
		      3, "string/function/table expected");
	if (anchored)
		p++;
	luaL_buffinit(L, &b);
	while (on && (double)n + 1 <= most) {
		const char *end = begin_match(&h, s, p);

		if (end) {
			n++;
			add_replacement(&h, &b, s, end);
		}
		if (end && end > s)
			s = end;
		else if (s < h.end)
			luaL_addchar(&b, *s++);
		else
			on = false;
		on = on && !anchored;
	}
	luaL_addlstring(&b, s, (size_t)(h.end - s));
	luaL_pushresult(&b);
	lua_pushinteger(L, n);
	return 2;
}

void lnl_patterns_register(lua_State *L)
{
	static const luaL_Reg functions[] = {
		{ "find", find },	  { "match", find_captures },
		{ "gmatch", each_match }, { "gsub", replace },
		{ NULL, NULL },
	};

	lua_getglobal(L, LUA_STRLIBNAME);
	luaL_register(L, NULL, functions);
	lua_pop(L, 1);
}
