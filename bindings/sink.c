/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/sink.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/call.h"
#include "bindings/fallback.h"
#include "bindings/host.h"

struct sink {
	struct sink *next;
	unsigned number;
	int batch; /* reference to the function */
	struct lnl_levels levels;
	unsigned failures; /* in a row */
	uint64_t lost;	   /* that it was not told of yet */
	bool closed;
	char what[128];
};

struct lnl_sinks {
	struct lnl_record_tap tap;
	struct sink *first;
	unsigned n, last_number;
	uint64_t owner; /* of what they spawn */
	bool running;
};

static struct lnl_host *host_of(lua_State *L)
{
	struct lnl_host *h = lnl_vm_of(L)->host;

	if (!h)
		luaL_error(L, "there is no host");
	return h;
}

struct lnl_record_tap *lnl_sinks_tap(const struct lnl_vm *vm)
{
	struct lnl_sinks *s = vm->sinks;

	if (!s || s->n == 0 || s->running || (vm->owner && vm->owner == s->owner))
		return NULL;
	return &s->tap;
}

struct lnl_record_tap *lnl_sinks_heard(const struct lnl_vm *vm)
{
	const struct lnl_vm *now = vm->host ? vm->host->vm : NULL;

	return lnl_sinks_tap(now && now != vm && vm->attached ? now : vm);
}

const struct lnl_levels *lnl_sinks_levels(const struct lnl_vm *vm)
{
	return vm->sinks && vm->sinks->n ? &vm->sinks->tap.levels : NULL;
}

static const struct lnl_levels nothing = { .all = -1 };

static void changed(struct lnl_vm *vm)
{
	struct lnl_sinks *all = vm->sinks;
	struct sink *s;

	all->tap.levels = nothing;
	for (s = all->first; s; s = s->next)
		if (!s->closed)
			lnl_levels_join(&all->tap.levels, &s->levels);
	if (vm->host && vm->host->vm == vm)
		lnl_host_levels(vm->host);
}

/* ---- coming and going ---- */

static int level_at(lua_State *L, int index)
{
	int level = lnl_level_of(luaL_checkstring(L, index));

	luaL_argcheck(L, level >= 0, index, "no such level");
	return level;
}

static void read_levels(lua_State *L, struct lnl_levels *out)
{
	int level = level_at(L, 4);

	*out = nothing;
	if (lua_isnoneornil(L, 5)) {
		out->all = level;
		return;
	}
	luaL_checktype(L, 5, LUA_TTABLE);
	for (int i = 1; i <= (int)lua_objlen(L, 5); i++) {
		lua_rawgeti(L, 5, i);
		if (!lnl_levels_set(out, luaL_checkstring(L, -1), level))
			luaL_error(L, "at most %d subsystems, of at most %d letters",
				   LNL_LEVEL_SUBS, LNL_LEVEL_SUB - 1);
		lua_pop(L, 1);
	}
}

int lnl_sink_add(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	struct lnl_levels levels;
	struct sink *s, **end;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	read_levels(L, &levels);
	if (!vm->sinks)
		vm->sinks = calloc(1, sizeof(*vm->sinks));
	if (!vm->sinks)
		return luaL_error(L, "out of memory");
	if (vm->sinks->n == LNL_SINKS)
		return luaL_error(L, "there are %d sinks already, and can be no more", LNL_SINKS);
	s = calloc(1, sizeof(*s));
	if (!s)
		return luaL_error(L, "out of memory");
	s->batch = LUA_NOREF;
	s->levels = levels;
	s->number = ++vm->sinks->last_number;
	snprintf(s->what, sizeof(s->what), "%s", luaL_optstring(L, 2, "a log sink"));
	for (end = &vm->sinks->first; *end; end = &(*end)->next)
		;
	*end = s; /* linked first: an error below must not lose it */
	vm->sinks->owner = (uint64_t)luaL_optnumber(L, 3, 0);
	vm->sinks->n++;
	lua_pushvalue(L, 1);
	s->batch = luaL_ref(L, LUA_REGISTRYINDEX);
	changed(vm);
	lua_pushnumber(L, s->number);
	return 1;
}

static void take_off(struct lnl_vm *vm, struct sink *s)
{
	s->closed = true;
	vm->sinks->n--;
	changed(vm);
}

/* Those that are closed, when none of them runs. */
static void sweep(struct lnl_vm *vm)
{
	struct sink **p = &vm->sinks->first, *s;

	while ((s = *p)) {
		if (!s->closed) {
			p = &s->next;
			continue;
		}
		*p = s->next;
		luaL_unref(vm->L, LUA_REGISTRYINDEX, s->batch);
		free(s);
	}
	if (vm->sinks->n == 0)
		lnl_tap_drop(&vm->sinks->tap, LNL_RECORD_QUEUE);
}

int lnl_sink_close(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);
	unsigned number = (unsigned)luaL_checknumber(L, 1);
	struct sink *s = vm->sinks ? vm->sinks->first : NULL;

	while (s && (s->number != number || s->closed))
		s = s->next;
	if (s) {
		take_off(vm, s);
		if (!vm->sinks->running)
			sweep(vm);
	}
	lua_pushboolean(L, s != NULL);
	return 1;
}

int lnl_sink_level(lua_State *L)
{
	struct lnl_host *h = host_of(L);
	const char *sub = luaL_checkstring(L, 1);

	lua_pushstring(L, lnl_level_name((enum lnl_level)lnl_levels_of(&h->log.levels, sub)));
	if (lua_isnoneornil(L, 2))
		return 1;
	if (!lnl_levels_set(&h->asked, sub, level_at(L, 2)))
		return luaL_error(L, "levels are for at most %d subsystems, of at most %d letters",
				  LNL_LEVEL_SUBS, LNL_LEVEL_SUB - 1);
	h->asked_rest = h->asked_rest || strcmp(sub, "*") == 0;
	lnl_host_levels(h);
	return 1;
}

/* ---- batches ---- */

struct round {
	struct sink *sink;
	unsigned n; /* records of the tap that this is about */
};

static int give(lua_State *L)
{
	struct round *r = lua_touserdata(L, 1);
	unsigned found;

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, r->sink->batch);
	found = lnl_tap_push(L, &lnl_vm_of(L)->sinks->tap, r->n, &r->sink->levels);
	lua_pushnumber(L, found);
	lua_pushnumber(L, (lua_Number)r->sink->lost);
	lnl_call_function(L, 3, 0);
	return 0;
}

static void failed(struct lnl_vm *vm, struct sink *s, const char *fault)
{
	struct lnl_host *h = vm->host;
	char text[640];

	snprintf(text, sizeof(text), "%s: %.*s", s->what, (int)strcspn(fault, "\n"), fault);
	lnl_fallback_say(h, text);
	if (++s->failures < LNL_SINK_FAILURES || s->closed)
		return;
	snprintf(text, sizeof(text), "%s failed %d times in a row and gets no more records",
		 s->what, LNL_SINK_FAILURES);
	lnl_fallback_say(h, text);
	if (h)
		lnl_record_text(&h->log, NULL, LNL_LEVEL_ERROR, "log.sink_removed",
				lnl_host_wallclock(h), "sink", s->what, "error", fault);
	take_off(vm, s);
}

static void run(struct lnl_vm *vm, struct sink *s, unsigned n)
{
	struct round r = { .sink = s, .n = n };
	unsigned wanted = lnl_tap_count(&vm->sinks->tap, n, &s->levels);
	struct lnl_fault fault;

	if (wanted == 0 && s->lost == 0)
		return;
	if (lnl_call(vm, s->what, LNL_SLICE_HOOK, give, &r, &fault) == 0) {
		s->lost = s->failures = 0;
		return;
	}
	s->lost += wanted; /* what it did with them nobody knows */
	failed(vm, s, fault.text);
}

bool lnl_sinks_pending(const struct lnl_vm *vm)
{
	const struct lnl_sinks *all = vm->sinks;

	return all && all->n && (all->tap.n || all->tap.lost);
}

void lnl_sinks_run(struct lnl_vm *vm)
{
	struct lnl_sinks *all = vm->sinks;
	uint64_t owner = vm->owner;
	struct sink *s;
	unsigned n;

	if (!lnl_sinks_pending(vm))
		return;
	n = all->tap.n < LNL_RECORD_BATCH ? all->tap.n : LNL_RECORD_BATCH;
	all->running = true;
	vm->owner = all->owner;
	for (s = all->first; s; s = s->next) {
		s->lost += all->tap.lost;
		if (!s->closed)
			run(vm, s, n);
	}
	all->tap.lost = 0;
	lnl_tap_drop(&all->tap, n);
	vm->owner = owner;
	all->running = false;
	sweep(vm);
}

void lnl_sinks_drain(struct lnl_vm *vm)
{
	for (int i = 0; i <= LNL_RECORD_QUEUE / LNL_RECORD_BATCH && lnl_sinks_pending(vm); i++)
		lnl_sinks_run(vm);
}

void lnl_sinks_free(struct lnl_vm *vm)
{
	struct lnl_sinks *all = vm->sinks;

	if (!all)
		return;
	if (vm->host && vm->host->log.tap == &all->tap)
		vm->host->log.tap = NULL;
	lnl_tap_drop(&all->tap, LNL_RECORD_QUEUE);
	while (all->first) {
		struct sink *s = all->first;

		all->first = s->next;
		free(s);
	}
	vm->sinks = NULL;
	free(all);
}
