/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/lane_vm.h"

#include <lauxlib.h>
#include <luajit.h>
#include <lualib.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/heap.h"
#include "bindings/lane_state.h"
#include "lunel_codes.h"

/* Instructions between two looks at the clock, where code is interpreted. */
#define STRIDE 1000

/* Where things stand on the state's stack for as long as it lives. */
enum { EXPLAIN = 1, VIEW, LOAD, FIXED = LOAD };

static const char modules[] = "lunel.modules";

static struct lnl_lane_vm *vm_of(lua_State *L)
{
	void *vm;

	lua_getallocf(L, &vm);
	return vm;
}

static void *allocate(void *ud, void *p, size_t old, size_t size)
{
	struct lnl_lane_vm *vm = ud;

	return lnl_heap_realloc(&vm->used, vm->limit, p, old, size);
}

/* ---- time ---- */

static int64_t cpu_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/*
 * "filter.lua:19: " of the innermost function, from |level| on, that is not one of ours; 0 when there
 * is none.
 */
static int place(lua_State *L, int level, char *out, size_t len)
{
	lua_Debug ar;

	for (; lua_getstack(L, level, &ar); level++)
		if (lua_getinfo(L, "Sl", &ar) && ar.source[0] == '@' && ar.currentline > 0)
			return snprintf(out, len, "%s:%d: ", ar.short_src, ar.currentline);
	return 0;
}

/* The clock is read when the first stride is over: most batches end before. */
static void look_at_clock(lua_State *L, lua_Debug *ar)
{
	struct lnl_lane_vm *vm = vm_of(L);
	char where[LUA_IDSIZE + 32] = "";

	(void)ar;

	if (!vm->slice.spent) {
		int64_t now = cpu_time();

		if (vm->slice.end == 0)
			vm->slice.end = now + vm->slice.length;
		if (now < vm->slice.end)
			return;
		vm->slice.spent = true;
		lua_sethook(L, look_at_clock, LUA_MASKCOUNT, 1);
	}
	place(L, 0, where, sizeof(where));
	lua_pushfstring(L, "%s%s ran for more than its %d ms", where, vm->slice.what,
			(int)(vm->slice.length / 1000));
	lua_error(L);
}

static void slice_begin(struct lnl_lane_vm *vm, const char *what, int64_t length)
{
	vm->slice.what = what;
	vm->slice.length = length;
	vm->slice.end = 0;
}

static void slice_end(struct lnl_lane_vm *vm)
{
	if (vm->slice.spent)
		lua_sethook(vm->L, look_at_clock, LUA_MASKCOUNT, STRIDE);
	vm->slice.spent = false;
}

/* ---- for other threads: the watchdog, and who reads counters ---- */

static void enter(struct lnl_lane_vm *vm, uint32_t id)
{
	uint64_t turns = atomic_load_explicit(&vm->turns, memory_order_relaxed);

	atomic_store_explicit(&vm->running, id, memory_order_relaxed);
	atomic_store_explicit(&vm->turns, turns + 1, memory_order_release);
}

static void leave(struct lnl_lane_vm *vm)
{
	uint64_t turns = atomic_load_explicit(&vm->turns, memory_order_relaxed);

	for (int i = 0; i < vm->n_counters; i++) {
		uint64_t bits;

		memcpy(&bits, &vm->counting[i], sizeof(bits));
		atomic_store_explicit(&vm->counters[i], bits, memory_order_relaxed);
	}
	atomic_store_explicit(&vm->turns, turns + 1, memory_order_release);
}

/* ---- errors ---- */

/* The handler of errors. Of a run, the first tells its story, the others are counted. */
static int explain(lua_State *L)
{
	struct lnl_lane_vm *vm = vm_of(L);
	const char *text;
	char where[LUA_IDSIZE + 32] = "";

	lua_settop(L, 1);
	if (vm->noted)
		return 1;
	vm->noted = true;
	text = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : NULL;
	if (!text)
		text = lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
	if (place(L, 1, where, sizeof(where)) > 0 && strncmp(text, where, strlen(where)) == 0)
		where[0] = '\0';
	snprintf(vm->text, sizeof(vm->text), "%s%s", where, text);
	luaL_traceback(L, L, vm->text, 1);
	snprintf(vm->text, sizeof(vm->text), "%s", lua_tostring(L, -1));
	return 1;
}

/* Runs |body| outside of all packets: 0, or -1 with the error's first line in |why|. */
static int call(struct lnl_lane_vm *vm, lua_CFunction body, void *arg, char *why, size_t len)
{
	const char *text;
	int rc = lua_cpcall(vm->L, body, arg);

	if (rc == 0)
		return 0;
	text = lua_type(vm->L, -1) == LUA_TSTRING ? lua_tostring(vm->L, -1) : "unknown error";
	snprintf(why, len, "%.*s", (int)strcspn(text, "\n"), text);
	lua_pop(vm->L, 1);
	return -1;
}

/* ---- making ---- */

/* counter(name): where this VM counts. */
static int core_counter(lua_State *L)
{
	struct lnl_lane_vm *vm = vm_of(L);
	const char *name = luaL_checkstring(L, 1);
	int i = lnl_lanes_counter_of(vm->lanes, name);

	if (i < 0)
		return luaL_error(L, "there are more than %d counters; name fewer",
				  LNL_LANE_COUNTERS);
	if (vm->n_counters <= i)
		vm->n_counters = i + 1;
	lua_pushlightuserdata(L, &vm->counting[i]);
	return 1;
}

static void push_core(lua_State *L)
{
	struct lnl_lane_vm *vm = vm_of(L);

	lua_newtable(L);
	lua_pushlightuserdata(L, &vm->view);
	lua_setfield(L, -2, "view");
	lua_pushlightuserdata(L, (void *)(uintptr_t)&lnl_lane_leaf);
	lua_setfield(L, -2, "leaf");
	lua_pushlightuserdata(L, &vm->random);
	lua_setfield(L, -2, "random");
	lua_pushcfunction(L, core_counter);
	lua_setfield(L, -2, "counter");
	lua_pushinteger(L, LNL_LANE_COUNTER_NAME - 1);
	lua_setfield(L, -2, "counter_name");
	lua_pushinteger(L, LNL_LANE_OVERHEAD);
	lua_setfield(L, -2, "overhead");
	lua_pushinteger(L, LNL_LANE_BATCH);
	lua_setfield(L, -2, "batch");
}

/* Our own modules require each other, and `ffi`; lanes get another function of that name. */
static int require(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	lua_getfield(L, LUA_REGISTRYINDEX, modules);
	lua_getfield(L, -1, name);
	if (lua_isnil(L, -1))
		return luaL_error(L, "there is no module '%s' here", name);
	return 1;
}

static void open_libraries(lua_State *L)
{
	static const luaL_Reg libraries[] = {
		{ "", luaopen_base },
		{ LUA_TABLIBNAME, luaopen_table },
		{ LUA_STRLIBNAME, luaopen_string },
		{ LUA_MATHLIBNAME, luaopen_math },
		{ LUA_BITLIBNAME, luaopen_bit },
		{ LUA_JITLIBNAME, luaopen_jit }, /* it starts the compiler */
	};

	for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
		lua_pushcfunction(L, libraries[i].func);
		lua_pushstring(L, libraries[i].name);
		lnl_call_function(L, 1, 0);
	}
	lua_newtable(L);
	lua_pushcfunction(L, luaopen_ffi);
	lua_pushliteral(L, LUA_FFILIBNAME);
	lnl_call_function(L, 1, 1);
	lua_setfield(L, -2, "ffi");
	push_core(L);
	lua_setfield(L, -2, "lunel.core");
	lua_setfield(L, LUA_REGISTRYINDEX, modules);
	lua_register(L, "require", require);
}

/* Their chunks' names begin with "=": what stands behind "@" is a lane's. */
static void load_modules(lua_State *L, const struct lnl_lane_module *m)
{
	lua_getfield(L, LUA_REGISTRYINDEX, modules);
	for (unsigned i = 0; i < LNL_LANE_MODULES; i++) {
		lua_pushfstring(L, "=%s", m[i].name);
		if (luaL_loadbufferx(L, m[i].text, m[i].len, lua_tostring(L, -1), "t"))
			lua_error(L);
		lnl_call_function(L, 0, 1);
		lua_setfield(L, -3, m[i].name);
		lua_pop(L, 1);
	}
}

/* Leaves lunel.lane's `open(_G)` results, the view and `load`, in the registry under their places. */
static int set_up(lua_State *L)
{
	const struct lnl_lane_vm *vm = lua_touserdata(L, 1);

	lua_settop(L, 0);
	open_libraries(L);
	load_modules(L, lnl_lanes_modules(vm->lanes));
	lua_getfield(L, 1, "lunel.lane");
	lua_getfield(L, -1, "open");
	lua_pushvalue(L, LUA_GLOBALSINDEX);
	lnl_call_function(L, 1, 2);
	lua_rawseti(L, 1, LOAD);
	lua_rawseti(L, 1, VIEW);
	lua_pushcfunction(L, explain);
	lua_rawseti(L, 1, EXPLAIN);
	return 0;
}

/* Nothing here can raise an error: the table is there, and the stack has room. */
static void fix_stack(lua_State *L)
{
	lua_settop(L, 0);
	lua_pushnil(L);
	lua_getfield(L, LUA_REGISTRYINDEX, modules);
	for (int i = EXPLAIN; i <= FIXED; i++)
		lua_rawgeti(L, 2, i);
	lua_remove(L, 2);
	lua_remove(L, 1);
}

struct lnl_lane_vm *lnl_lane_vm_new(struct lnl_lanes *l, bool jit, char *why, size_t len)
{
	struct lnl_lane_vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		snprintf(why, len, "out of memory");
		return NULL;
	}
	vm->lanes = l;
	vm->jit = jit;
	vm->limit = LNL_LANE_MEMORY;
	pthread_getcpuclockid(pthread_self(), &vm->clock);
	vm->L = lua_newstate(allocate, vm);
	if (!vm->L) {
		snprintf(why, len, "cannot make a Lua state (LuaJIT without GC64?)");
		free(vm);
		return NULL;
	}
	if (call(vm, set_up, vm, why, len)) {
		lnl_lane_vm_free(vm);
		return NULL;
	}
	fix_stack(vm->L);
	if (!jit) {
		luaJIT_setmode(vm->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
		lua_sethook(vm->L, look_at_clock, LUA_MASKCOUNT, STRIDE);
	}
	return vm;
}

void lnl_lane_vm_free(struct lnl_lane_vm *vm)
{
	if (!vm)
		return;
	lua_close(vm->L);
	free(vm->slots);
	explicit_bzero(vm, sizeof(*vm));
	free(vm);
}

/* ---- loading ---- */

static struct lnl_lane_slot *slot_of(struct lnl_lane_vm *vm, uint32_t id)
{
	for (unsigned i = 0; i < vm->n_slots; i++)
		if (vm->slots[i].id == id)
			return &vm->slots[i];
	return NULL;
}

static struct lnl_lane_slot *slot_for(struct lnl_lane_vm *vm, uint32_t id)
{
	struct lnl_lane_slot *s = slot_of(vm, id);
	struct lnl_lane_slot *grown;

	if (!s)
		s = slot_of(vm, 0);
	if (s)
		return s;
	grown = reallocarray(vm->slots, vm->n_slots + 1, sizeof(*s));
	if (!grown)
		return NULL;
	vm->slots = grown;
	s = &vm->slots[vm->n_slots++];
	*s = (struct lnl_lane_slot){ 0 };
	return s;
}

static void release(struct lnl_lane_vm *vm, const struct lnl_lane_slot *s)
{
	for (int i = 0; i < LNL_LANE_POINTS; i++)
		luaL_unref(vm->L, LUA_REGISTRYINDEX, s->fn[i]);
}

struct loading {
	const struct lnl_lane_text *text;
	struct lnl_lane_slot slot;
	struct lnl_lane_found found;
};

/* lunel.lane's load gives: four functions or nils, on_error's number, overhead, super, unsure. */
static void take_results(lua_State *L, struct loading *l)
{
	struct lnl_lane_conf *c = &l->found.conf;
	int at = lua_gettop(L) - (LNL_LANE_POINTS + 4);

	l->slot.on_error = (enum lnl_lane_on_error)lua_tointeger(L, at + LNL_LANE_POINTS + 1);
	c->on_error = l->slot.on_error;
	c->overhead = (unsigned)lua_tointeger(L, at + LNL_LANE_POINTS + 2);
	c->super = lua_toboolean(L, at + LNL_LANE_POINTS + 3);
	l->found.unsure = lua_toboolean(L, at + LNL_LANE_POINTS + 4);
	for (int i = 0; i < LNL_LANE_POINTS; i++) {
		if (lua_isnil(L, at + i + 1))
			continue;
		c->points |= 1U << i;
		lua_pushvalue(L, at + i + 1);
		l->slot.fn[i] = luaL_ref(L, LUA_REGISTRYINDEX);
	}
}

static int load(lua_State *L)
{
	struct loading *l = lua_touserdata(L, 1);
	const struct lnl_lane_text *t = l->text;

	lua_settop(L, 0);
	lua_getfield(L, LUA_REGISTRYINDEX, modules);
	lua_rawgeti(L, 1, LOAD);
	lua_pushfstring(L, "@%s", t->path);
	if (luaL_loadbufferx(L, t->text, t->len, lua_tostring(L, -1), "t"))
		return lua_error(L);
	lua_remove(L, -2);
	lua_pushboolean(L, t->alone);
	if (!t->args || lnl_plain_push(t->args, L) == 0)
		lua_pushnil(L);
	lua_pushstring(L, t->path);
	lnl_call_function(L, 4, LNL_LANE_POINTS + 4);
	take_results(L, l);
	return 0;
}

int lnl_lane_vm_load(struct lnl_lane_vm *vm, uint32_t id, const struct lnl_lane_text *t,
		     struct lnl_lane_found *found, char *why, size_t len)
{
	struct lnl_lane_slot *s = slot_for(vm, id);
	struct loading l = { .text = t, .slot.id = id };
	int rc;

	if (!s) {
		snprintf(why, len, "out of memory");
		return LNL_E_NOMEM;
	}
	for (int i = 0; i < LNL_LANE_POINTS; i++)
		l.slot.fn[i] = LUA_NOREF;
	/* Interpreted, so that a loop in it ends with an error and not with the process. */
	luaJIT_setmode(vm->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_OFF);
	lua_sethook(vm->L, look_at_clock, LUA_MASKCOUNT, STRIDE);
	slice_begin(vm, "the lane's main chunk", LNL_LANE_LOAD);
	enter(vm, id);
	rc = call(vm, load, &l, why, len);
	leave(vm);
	slice_end(vm);
	if (vm->jit) {
		lua_sethook(vm->L, NULL, 0, 0);
		luaJIT_setmode(vm->L, 0, LUAJIT_MODE_ENGINE | LUAJIT_MODE_ON);
	}
	if (rc) {
		release(vm, &l.slot);
		return LNL_E_INVAL;
	}
	if (s->id)
		release(vm, s);
	*s = l.slot;
	if (found)
		*found = l.found;
	return 0;
}

void lnl_lane_vm_unload(struct lnl_lane_vm *vm, uint32_t id)
{
	struct lnl_lane_slot *s = slot_of(vm, id);

	if (!s || !id)
		return;
	release(vm, s);
	s->id = 0;
}

/* ---- running ---- */

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/*
 * The packets from |from| up to |to| of |b| failed: they are as they came, with the verdict that the
 * lane's on_error gives.
 */
static void fail(struct lnl_lane_batch *b, uint32_t from, uint32_t to, enum lnl_lane_on_error on,
		 struct lnl_lane_fault *fault)
{
	for (uint32_t i = from; i < to; i++) {
		b->p[i].error = 1;
		b->p[i].verdict = on == LNL_LANE_ON_ERROR_DROP ? LNL_LANE_DROP : LNL_LANE_PASS;
	}
	fault->errors += to - from;
}

static bool refuse(struct lnl_lane_vm *vm, struct lnl_lane_batch *b, struct lnl_lane_fault *fault,
		   const char *text)
{
	snprintf(vm->text, sizeof(vm->text), "%s", text);
	fault->text = vm->text;
	fail(b, 0, b->n, LNL_LANE_ON_ERROR_DROP, fault);
	return false;
}

/* Repeated errors take a lane off that asked for it. */
static void judge(struct lnl_lane_slot *s, struct lnl_lane_fault *fault)
{
	int64_t t;

	if (s->on_error != LNL_LANE_ON_ERROR_DETACH)
		return;
	t = now();
	if (s->errors == 0 || t - s->since > 1000000000) {
		s->since = t;
		s->errors = 0;
	}
	s->errors += fault->errors;
	s->detached = s->errors >= LNL_LANE_ERRORS;
	fault->detached = s->detached;
}

/* One call for the packets from |at| on. False: an error, with which packet in the view. */
static bool run_from(struct lnl_lane_vm *vm, int fn, const struct lnl_lane_batch *b, uint32_t at)
{
	lua_State *L = vm->L;
	bool ok;

	vm->view.n = vm->view.p.n = (int32_t)(b->n - at);
	vm->view.point = (int32_t)b->point;
	vm->view.p.at = -1;
	vm->view.p.back = 0;
	vm->view.p.p = vm->packets + at;
	lua_rawgeti(L, LUA_REGISTRYINDEX, fn);
	lua_pushvalue(L, VIEW);
	ok = lua_pcall(L, 1, 0, EXPLAIN) == 0;
	if (!ok && !vm->noted) {
		/* No memory even for the story. */
		vm->noted = true;
		snprintf(vm->text, sizeof(vm->text), "%s",
			 lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "unknown error");
	}
	lua_settop(L, FIXED);
	return ok;
}

/*
 * Of a batch in which a packet failed the rest has its turn, too, where it is clear which that is:
 * as long as the lane has gone through them in order.
 */
static void run_all(struct lnl_lane_vm *vm, const struct lnl_lane_slot *s, struct lnl_lane_batch *b,
		    struct lnl_lane_fault *fault)
{
	uint32_t done = 0; /* packets that are written back, or failed */

	for (uint32_t at = 0; at < b->n;) {
		const struct lnl_lane_packets *seen = &vm->view.p;
		bool ok = run_from(vm, s->fn[b->point], b, at);
		bool clear = !ok && seen->at >= 0 && !seen->back && !vm->slice.spent;
		/* Without order, what stands before the failed one may not be done, either. */
		uint32_t fine = ok ? b->n : clear ? at + (uint32_t)seen->at : at;

		memcpy(b->p + done, vm->packets + done, (fine - done) * sizeof(*b->p));
		if (ok)
			break;
		done = clear ? fine + 1 : b->n;
		fail(b, fine, done, s->on_error, fault);
		at = done;
	}
}

bool lnl_lane_vm_run(struct lnl_lane_vm *vm, uint32_t id, struct lnl_lane_batch *b,
		     struct lnl_lane_fault *fault)
{
	struct lnl_lane_slot *s = slot_of(vm, id);

	*fault = (struct lnl_lane_fault){ 0 };
	if (!s || !id)
		return refuse(vm, b, fault, "the lane is not loaded");
	if (b->n > LNL_LANE_BATCH || b->point >= LNL_LANE_POINTS)
		return refuse(vm, b, fault, "no lane can be given such a batch");
	if (b->n == 0 || s->detached || s->fn[b->point] == LUA_NOREF)
		return true;
	memcpy(vm->packets, b->p, b->n * sizeof(*b->p));
	vm->noted = false;
	slice_begin(vm, "the lane", LNL_LANE_SLICE);
	enter(vm, id);
	run_all(vm, s, b, fault);
	leave(vm);
	slice_end(vm);
	memset(vm->packets, 0, b->n * sizeof(*b->p));
	if (fault->errors == 0)
		return true;
	fault->text = vm->text;
	judge(s, fault);
	return false;
}
