/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/call.h"

#include "bindings/host.h"
#include "bindings/sink.h"
#include "bindings/watch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Instructions between two looks at the clock: some tens of microseconds of interpreted code. */
#define STRIDE 1000

static const char traceback_mark[] = "\nstack traceback:";

/* CPU time, not the wall's: a busy machine must not end an honest hook. */
static int64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void look_at_clock(lua_State *L, lua_Debug *ar);

static void set_hook(struct lnl_vm *vm, int count)
{
	vm->slice.hurried = false;
	lua_sethook(vm->L, look_at_clock, LUA_MASKCOUNT, count);
}

/* Whether the slice is spent; from then on every instruction says so. */
static bool is_spent(struct lnl_vm *vm)
{
	struct lnl_slice *s = &vm->slice;

	if (!s->spent && cpu_time() >= s->end) {
		s->spent = true;
		set_hook(vm, 1);
	}
	return s->spent;
}

bool lnl_call_is_ours(lua_State *L, const lua_Debug *ar)
{
	const char *folder;
	size_t n;
	bool ours;

	lua_getfield(L, LUA_REGISTRYINDEX, LNL_CALL_SCRIPTS);
	folder = lua_tolstring(L, -1, &n);
	ours = folder && *ar->source == '@' && strncmp(ar->source + 1, folder, n) == 0 &&
	       strncmp(ar->source + 1 + n, "/lunel/", 7) == 0;
	lua_pop(L, 1);
	return ours;
}

/* Pushes the place of the nearest function on the stack of |from| that is the script's, if any is. */
static bool push_script_place(lua_State *L, lua_State *from, lua_Debug *nearest)
{
	lua_Debug ar;

	nearest->currentline = 0;
	for (int level = 0; from && lua_getstack(from, level, &ar); level++) {
		if (!lua_getinfo(from, "Sl", &ar) || ar.currentline <= 0)
			continue;
		if (nearest->currentline == 0)
			*nearest = ar;
		if (lnl_call_is_ours(L, &ar))
			continue;
		lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
		return true;
	}
	return false;
}

void lnl_call_push_place(lua_State *L, lua_State *from, const char *otherwise)
{
	lua_Debug nearest;

	if (push_script_place(L, from, &nearest))
		return;
	if (otherwise && *otherwise)
		lua_pushfstring(L, "%s: ", otherwise);
	else if (nearest.currentline > 0)
		lua_pushfstring(L, "%s:%d: ", nearest.short_src, nearest.currentline);
	else
		lua_pushliteral(L, "");
}

void lnl_call_error(lua_State *L)
{
	lnl_call_push_place(L, L, NULL);
	lua_insert(L, -2);
	lua_concat(L, 2);
	lua_error(L);
}

static void stop(lua_State *L)
{
	const struct lnl_slice *s = &lnl_vm_of(L)->slice;

	lnl_call_push_place(L, L, NULL);
	lua_pushfstring(L,
			"%s ran for more than its %d ms; what takes longer belongs in a task that "
			"waits (vpn.spawn)",
			s->what, (int)(s->length / 1000));
	lua_concat(L, 2);
	lua_error(L);
}

/* The time that it takes is nobody's. */
static void collect(lua_State *L, struct lnl_vm *vm)
{
	int64_t begin = cpu_time();

	vm->crowded = false;
	lua_gc(L, LUA_GCCOLLECT, 0);
	vm->slice.end += cpu_time() - begin;
}

static void look_at_clock(lua_State *L, lua_Debug *ar)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	(void)ar;
	if (vm->crowded)
		collect(L, vm);
	if (is_spent(vm))
		stop(L);
	if (vm->slice.hurried)
		set_hook(vm, STRIDE);
}

void lnl_slice_look(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	if (vm->slice.length && is_spent(vm))
		stop(L);
}

void lnl_slice_hurry(struct lnl_vm *vm)
{
	if (!vm->slice.length || vm->slice.spent || vm->slice.hurried)
		return;
	set_hook(vm, 1);
	vm->slice.hurried = true;
}

static struct lnl_watch *watch_of(const struct lnl_vm *vm)
{
	return vm->host ? vm->host->watch : NULL;
}

struct lnl_slice lnl_slice_enter(struct lnl_vm *vm, const char *what, const char *where,
				 int64_t length)
{
	struct lnl_slice outer = vm->slice;
	int64_t now = cpu_time();

	if (outer.length) {
		outer.end -= now; /* what is left of it */
		lnl_watch_name(watch_of(vm), what, where);
	} else {
		lnl_watch_begin(watch_of(vm), now, what, where);
	}
	vm->slice = (struct lnl_slice){
		.end = now + length, .length = length, .what = what, .where = where
	};
	set_hook(vm, STRIDE);
	return outer;
}

void lnl_slice_where(struct lnl_vm *vm, const char *where)
{
	vm->slice.where = where;
	lnl_watch_name(watch_of(vm), vm->slice.what, where);
}

/* All of Lua has ended, some of it late. */
static void end_watch(struct lnl_vm *vm)
{
	char who[168], text[32];
	double seconds = lnl_watch_end(watch_of(vm), who, sizeof(who));

	if (seconds <= 0)
		return;
	snprintf(text, sizeof(text), "%.1f", seconds);
	lnl_record_text(&vm->host->log, lnl_sinks_heard(vm), LNL_LEVEL_WARN, "script.slow",
			lnl_host_wallclock(vm->host), "what", who, "seconds", text);
}

void lnl_slice_leave(struct lnl_vm *vm, struct lnl_slice outer)
{
	vm->slice = outer;
	if (!outer.length) {
		lua_sethook(vm->L, NULL, 0, 0);
		end_watch(vm);
		return;
	}
	vm->slice.end += cpu_time();
	set_hook(vm, outer.spent ? 1 : STRIDE);
	lnl_watch_name(watch_of(vm), outer.what, outer.where);
}

/* Whether |text| begins with the place of a function that |from| is in, or names a line of a file. */
static bool has_place(lua_State *from, const char *text)
{
	const char *end = text + strcspn(text, "\n"), *p = text;
	lua_Debug ar;

	while ((p = strstr(p, ".lua:")) && p < end) {
		size_t digits = strspn(p += 5, "0123456789");

		if (digits > 0 && p[digits] == ':')
			return true;
	}
	for (int level = 0; lua_getstack(from, level, &ar); level++) {
		size_t n = lua_getinfo(from, "S", &ar) ? strlen(ar.short_src) : 0;

		if (ar.what[0] != 'C' && n > 0 && !strncmp(text, ar.short_src, n) && text[n] == ':')
			return true;
	}
	return false;
}

/* How much of |text| is the place of one of our own functions, which |from| is in; 0: none. */
static size_t own_place(lua_State *L, lua_State *from, const char *text)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(from, level, &ar); level++) {
		size_t n, digits;

		if (!lua_getinfo(from, "S", &ar) || !lnl_call_is_ours(L, &ar))
			continue;
		n = strlen(ar.short_src);
		if (strncmp(text, ar.short_src, n) != 0 || text[n] != ':')
			continue;
		digits = strspn(text + n + 1, "0123456789");
		if (digits > 0 && text[n + 1 + digits] == ':')
			return n + 1 + digits + strspn(text + n + 1 + digits, ": ");
	}
	return 0;
}

/*
 * Pushes |text| with the script's place in front, where the one that it has is ours: who misused a
 * function looks for what is wrong where it was called. The traceback has both.
 */
static void push_told(lua_State *L, lua_State *from, const char *text, const char *where)
{
	size_t own = own_place(L, from, text);
	lua_Debug nearest;

	if (own > 0 && push_script_place(L, from, &nearest)) {
		lua_pushstring(L, text + own);
		lua_concat(L, 2);
	} else if (own > 0 && where && *where) {
		lua_pushfstring(L, "%s: %s", where, text + own);
	} else if (own == 0 && where && !has_place(from, text)) {
		/* assert() adds no place, and a tail call of C leaves none but its caller's. */
		lnl_call_push_place(L, from, where);
		lua_pushstring(L, text);
		lua_concat(L, 2);
	} else {
		lua_pushstring(L, text);
	}
}

void lnl_call_trace(lua_State *L, lua_State *from, int index, const char *where)
{
	const char *text;

	if (lua_type(from, index) == LUA_TSTRING)
		text = lua_tostring(from, index);
	else if (luaL_callmeta(from, index, "__tostring") && lua_type(from, -1) == LUA_TSTRING)
		text = lua_tostring(from, -1);
	else
		text = lua_pushfstring(from, "(error object is a %s value)",
				       luaL_typename(from, index));
	if (strstr(text, traceback_mark)) {
		lua_pushstring(L, text);
		return;
	}
	push_told(L, from, text, where);
	luaL_traceback(L, from, lua_tostring(L, -1), L == from ? 1 : 0);
	lua_remove(L, -2);
}

/* Of a VM of any kind. */
static int add_traceback(lua_State *L)
{
	lnl_call_trace(L, L, 1, NULL);
	return 1;
}

static int add_place(lua_State *L)
{
	lnl_call_trace(L, L, 1, lnl_vm_of(L)->slice.where);
	return 1;
}

struct door {
	lua_CFunction body;
	void *arg;
	struct lnl_fault *fault;
	bool failed;
};

static void note_fault(lua_State *L, struct door *d)
{
	const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;

	d->failed = true;
	snprintf(d->fault->text, sizeof(d->fault->text), "%s", text ? text : "unknown error");
}

static int pass(lua_State *L)
{
	struct door *d = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_pushcfunction(L, add_traceback);
	lua_pushcfunction(L, d->body);
	lua_pushlightuserdata(L, d->arg);
	if (lua_pcall(L, 1, 0, 1) != 0)
		note_fault(L, d);
	return 0;
}

int lnl_call(struct lnl_vm *vm, const char *what, int64_t slice, lua_CFunction body, void *arg,
	     struct lnl_fault *fault)
{
	struct door d = { .body = body, .arg = arg, .fault = fault };
	struct lnl_slice outer = lnl_slice_enter(vm, what, NULL, slice);
	int top = lua_gettop(vm->L);

	if (lua_cpcall(vm->L, pass, &d) != 0)
		note_fault(vm->L, &d); /* no memory even for the door itself */
	lua_settop(vm->L, top);
	lnl_slice_leave(vm, outer);
	return d.failed ? -1 : 0;
}

void lnl_call_function(lua_State *L, int nargs, int nresults)
{
	int handler = lua_gettop(L) - nargs;

	lua_pushcfunction(L, add_traceback);
	lua_insert(L, handler);
	if (lua_pcall(L, nargs, nresults, handler) != 0)
		lua_error(L);
	lua_remove(L, handler);
}

void lnl_call_place(lua_State *L, int index, char *out, size_t len)
{
	lua_Debug ar;

	out[0] = '\0';
	lua_pushvalue(L, index);
	if (lua_getinfo(L, ">S", &ar) && ar.linedefined > 0 && !lnl_call_is_ours(L, &ar))
		snprintf(out, len, "%s:%d", ar.short_src, ar.linedefined);
}

void lnl_call_no_memory(lua_State *L, lua_State *from, const char *place)
{
	/* LuaJIT itself collects nothing before it gives up. */
	collect(L, lnl_vm_of(L));
	lnl_call_push_place(L, from, place);
	lua_pushfstring(L, "%snot enough memory: all scripts together may have %d MiB",
			lua_tostring(L, -1), (int)(lnl_vm_of(L)->limit >> 20));
	lua_remove(L, -2);
}

void lnl_call_back(lua_State *L, int nargs, int nresults)
{
	lua_call(L, nargs, nresults);
}

int lnl_call_try(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	const char *what = luaL_checkstring(L, 1);
	struct lnl_task *task = vm->current;
	struct lnl_slice outer;
	char place[96];
	int rc;

	if (lua_type(L, 2) == LUA_TSTRING) {
		snprintf(place, sizeof(place), "%s", lua_tostring(L, 2));
		lua_remove(L, 2);
		luaL_checktype(L, 2, LUA_TFUNCTION);
	} else {
		luaL_checktype(L, 2, LUA_TFUNCTION);
		lnl_call_place(L, 2, place, sizeof(place));
	}
	lua_pushcfunction(L, add_place);
	lua_insert(L, 2);
	vm->current = NULL; /* a sync context even when a task asks */
	outer = lnl_slice_enter(vm, what, place, LNL_SLICE_HOOK);
	rc = lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 2);
	lnl_slice_leave(vm, outer);
	vm->current = task;
	if (rc == LUA_ERRMEM) {
		lnl_call_no_memory(L, NULL, place);
		lua_replace(L, -2);
	}
	lua_pushboolean(L, rc == 0);
	lua_replace(L, 2);
	return lua_gettop(L) - 1;
}
