/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The registry of a policy VM's metrics, and what scripts do with it. */
#include "bindings/metrics.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/host.h"
#include "bindings/sink.h"
#include "bindings/vm.h"

#define TYPE	  "lunel.metric"
#define VALUE_MAX 256

struct metric {
	struct lnl_series *series; /* NULL: there was no room, and what is said is not kept */
	enum lnl_metric_kind kind;
};

static const char *const kinds[] = { "counter", "gauge", "histogram", NULL };

static struct lnl_metrics *metrics_of(lua_State *L)
{
	struct lnl_vm *vm = lnl_vm_of(L);

	if (!vm->metrics) {
		vm->metrics = calloc(1, sizeof(*vm->metrics));
		if (!vm->metrics)
			luaL_error(L, "out of memory");
		vm->metrics->end = &vm->metrics->first;
	}
	return vm->metrics;
}

/* ---- names ---- */

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return n > 0 && n < 128 && s[n] == 0 && (*s < '0' || *s > '9');
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n > m && strcmp(s + n - m, end) == 0;
}

/* The family's name at |index|, on the stack: a counter's without its _total. */
static const char *family_name(lua_State *L, int index, enum lnl_metric_kind kind)
{
	static const char *const taken[] = { "_total", "_created", "_count",
					     "_sum",   "_bucket",  "_info" };
	const char *name = luaL_checkstring(L, index);

	if (!is_name(name))
		luaL_error(L,
			   "'%s' is no metric's name: letters, digits and _, at most 127, and no "
			   "digit first",
			   name);
	if (strncmp(name, "lunel_", 6) == 0)
		luaL_error(L, "'%s': names with lunel_ in front are the engine's", name);
	if (kind == LNL_METRIC_COUNTER && ends_with(name, "_total")) {
		lua_pushlstring(L, name, strlen(name) - strlen("_total"));
		lua_replace(L, index);
		name = lua_tostring(L, index);
	}
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
		if (ends_with(name, taken[i]))
			luaL_error(L, "'%s': no %s's name ends with %s, which is put behind names",
				   name, kinds[kind], taken[i]);
	return name;
}

/* ---- families ---- */

static void read_buckets(lua_State *L, int index, struct lnl_family *f)
{
	static const double usual[] = { 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };

	if (lua_isnoneornil(L, index)) {
		memcpy(f->bounds, usual, sizeof(usual));
		f->n_buckets = sizeof(usual) / sizeof(*usual);
		return;
	}
	luaL_checktype(L, index, LUA_TTABLE);
	f->n_buckets = (unsigned)lua_objlen(L, index);
	if (f->n_buckets == 0 || f->n_buckets > LNL_BUCKETS_MAX)
		luaL_error(L, "buckets: 1 to %d upper bounds expected", LNL_BUCKETS_MAX);
	for (unsigned i = 0; i < f->n_buckets; i++) {
		lua_rawgeti(L, index, (int)i + 1);
		f->bounds[i] = luaL_checknumber(L, -1);
		lua_pop(L, 1);
		if (!isfinite(f->bounds[i]) || (i > 0 && f->bounds[i] <= f->bounds[i - 1]))
			luaL_error(L, "buckets: bounds that rise expected; +Inf comes by itself");
	}
}

static void check_same(lua_State *L, const struct lnl_family *f, const struct lnl_family *wanted,
		       bool bounds_given)
{
	if (f->kind != wanted->kind)
		luaL_error(L, "'%s' is a %s already", f->name, kinds[f->kind]);
	if (bounds_given &&
	    (f->n_buckets != wanted->n_buckets ||
	     memcmp(f->bounds, wanted->bounds, f->n_buckets * sizeof(*f->bounds)) != 0))
		luaL_error(L, "'%s' has other buckets already", f->name);
}

/* NULL: there is no room for another. */
static struct lnl_family *family(lua_State *L, struct lnl_metrics *m, enum lnl_metric_kind kind)
{
	const char *name = family_name(L, 2, kind);
	struct lnl_family wanted = { .kind = kind }, *f;

	if (kind == LNL_METRIC_HISTOGRAM)
		read_buckets(L, 4, &wanted);
	for (f = m->first; f; f = f->next) {
		if (strcmp(f->name, name) == 0) {
			check_same(L, f, &wanted, !lua_isnoneornil(L, 4));
			return f;
		}
	}
	if (m->n_families == LNL_FAMILIES_MAX)
		return NULL;
	f = calloc(1, sizeof(*f) + strlen(name) + 1);
	if (!f)
		luaL_error(L, "out of memory");
	*f = wanted;
	memcpy(f->name, name, strlen(name) + 1);
	f->end = &f->first;
	*m->end = f;
	m->end = &f->next;
	m->n_families++;
	return f;
}

/* ---- labels ---- */

struct labels {
	unsigned n;
	const char *pair[2 * LNL_LABELS_MAX];
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void check_label(lua_State *L, const char *name, enum lnl_metric_kind kind)
{
	if (!is_name(name) || strncmp(name, "__", 2) == 0)
		luaL_error(
			L,
			"'%s' is no label's name: letters, digits and _, no digit and no __ first",
			name);
	if (kind == LNL_METRIC_HISTOGRAM && strcmp(name, "le") == 0)
		luaL_error(L, "a histogram has a label le already");
}

/* In place of the text on top of the stack, it with "?" for what is no UTF-8. */
static const char *only_utf8(lua_State *L, const char *text, size_t len)
{
	char clean[VALUE_MAX + 1];
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = lnl_utf8(text + i, len - i);
		memcpy(clean + i, n ? text + i : "?", n ? n : 1);
		n = n ? n : 1;
	}
	lua_pushlstring(L, clean, len);
	lua_replace(L, -2);
	return lua_tostring(L, -1);
}

/* The label's value, on top of the stack, as text there. */
static const char *label_value(lua_State *L, const char *name)
{
	size_t len;
	const char *text;

	if (lua_isboolean(L, -1)) {
		lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
		lua_replace(L, -2);
	}
	if (!lua_isstring(L, -1))
		luaL_error(L, "label %s: a text expected, got a %s", name, luaL_typename(L, -1));
	text = lua_tolstring(L, -1, &len);
	if (len > VALUE_MAX || strlen(text) != len)
		luaL_error(L, "label %s: a text of at most %d bytes, without NUL, expected", name,
			   VALUE_MAX);
	for (size_t i = 0, n; i < len; i += n) {
		n = lnl_utf8(text + i, len - i);
		if (n == 0)
			return only_utf8(L, text, len);
	}
	return text;
}

/* Reads the table at |index|; the texts stay on the stack. */
static void read_labels(lua_State *L, int index, enum lnl_metric_kind kind, struct labels *out)
{
	out->n = 0;
	if (lua_isnoneornil(L, index))
		return;
	luaL_checktype(L, index, LUA_TTABLE);
	luaL_checkstack(L, 2 * LNL_LABELS_MAX + 4, "labels");
	lua_pushnil(L);
	while (lua_next(L, index)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "";

		check_label(L, name, kind);
		if (out->n == LNL_LABELS_MAX)
			luaL_error(L, "at most %d labels", LNL_LABELS_MAX);
		out->pair[2 * out->n] = name;
		out->pair[2 * out->n++ + 1] = label_value(L, name);
		lua_pushvalue(L, -2); /* the value stays below the key */
		lua_remove(L, -3);
	}
	qsort(out->pair, out->n, 2 * sizeof(*out->pair), by_name);
}

/* ---- series ---- */

static unsigned hash_of(const struct lnl_family *f, const struct labels *l)
{
	uint32_t h = 2166136261u ^ (uint32_t)((uintptr_t)f >> 4);

	for (unsigned i = 0; i < 2 * l->n; i++)
		for (const char *p = l->pair[i];; p++) {
			h = (h ^ (unsigned char)*p) * 16777619u;
			if (!*p)
				break;
		}
	return (h ^ h >> 15) % LNL_SERIES_HASH;
}

static bool is_same(const struct lnl_series *s, const struct lnl_family *f, const struct labels *l)
{
	if (s->family != f || s->n_labels != l->n)
		return false;
	for (unsigned i = 0; i < 2 * l->n; i++)
		if (strcmp(s->labels[i], l->pair[i]) != 0)
			return false;
	return true;
}

static void free_series(struct lnl_series *s)
{
	if (!s)
		return;
	for (unsigned i = 0; s->labels && i < 2 * s->n_labels; i++)
		free(s->labels[i]);
	free(s->labels);
	free(s->buckets);
	free(s);
}

static struct lnl_series *new_series(struct lnl_family *f, const struct labels *l)
{
	struct lnl_series *s = calloc(1, sizeof(*s));
	bool ok = s != NULL;

	if (s) {
		s->family = f;
		s->n_labels = l->n;
		s->labels = calloc(2 * (size_t)l->n + 1, sizeof(*s->labels));
		s->buckets = calloc((size_t)f->n_buckets + 1, sizeof(*s->buckets));
		ok = s->labels && s->buckets;
	}
	for (unsigned i = 0; ok && i < 2 * l->n; i++)
		ok = (s->labels[i] = strdup(l->pair[i])) != NULL;
	if (ok)
		return s;
	free_series(s);
	return NULL;
}

/* One too many: said once, and counted. */
static void drop(lua_State *L, struct lnl_metrics *m, const char *name)
{
	struct lnl_host *h = lnl_vm_of(L)->host;

	m->dropped++;
	if (m->warned || !h)
		return;
	m->warned = true;
	lnl_record_text(&h->log, lnl_sinks_heard(lnl_vm_of(L)), LNL_LEVEL_WARN, "metrics.dropped",
			lnl_host_wallclock(h), "metric", name, "why",
			"there are too many sets of labels: lunel_metrics_dropped counts the rest");
}

static struct lnl_series *series(lua_State *L, struct lnl_metrics *m, struct lnl_family *f,
				 const struct labels *l)
{
	struct lnl_series **bucket = &m->hash[hash_of(f, l)], *s;

	for (s = *bucket; s; s = s->next_hash)
		if (is_same(s, f, l))
			return s;
	if (m->n_series == LNL_SERIES_MAX) {
		drop(L, m, f->name);
		return NULL;
	}
	s = new_series(f, l);
	if (!s)
		luaL_error(L, "out of memory");
	s->next_hash = *bucket;
	*bucket = s;
	*f->end = s;
	f->end = &s->next;
	m->n_series++;
	return s;
}

int lnl_metrics_get(lua_State *L)
{
	enum lnl_metric_kind kind = (enum lnl_metric_kind)luaL_checkoption(L, 1, NULL, kinds);
	struct lnl_metrics *m = metrics_of(L);
	struct lnl_series *s = NULL;
	struct lnl_family *f;
	struct labels l;
	struct metric *out;

	lua_settop(L, 4);
	read_labels(L, 3, kind, &l);
	f = family(L, m, kind);
	if (f)
		s = series(L, m, f, &l);
	else
		drop(L, m, lua_tostring(L, 2));
	out = lua_newuserdata(L, sizeof(*out));
	*out = (struct metric){ s, kind };
	luaL_getmetatable(L, TYPE);
	lua_setmetatable(L, -2);
	return 1;
}

void lnl_metrics_free(struct lnl_vm *vm)
{
	struct lnl_metrics *m = vm->metrics;

	vm->metrics = NULL;
	while (m && m->first) {
		struct lnl_family *f = m->first;

		m->first = f->next;
		while (f->first) {
			struct lnl_series *s = f->first;

			f->first = s->next;
			free_series(s);
		}
		free(f);
	}
	free(m);
}

/* ---- what scripts do with one ---- */

static struct lnl_series *check(lua_State *L, enum lnl_metric_kind a, enum lnl_metric_kind b,
				const char *what)
{
	const struct metric *m = luaL_checkudata(L, 1, TYPE);

	if (m->kind != a && m->kind != b)
		luaL_error(L, "a %s has no %s", kinds[m->kind], what);
	return m->series;
}

static double finite_at(lua_State *L, int index, double otherwise)
{
	double n = luaL_optnumber(L, index, otherwise);

	luaL_argcheck(L, isfinite(n), index, "a number that is finite expected");
	return n;
}

static int method_add(lua_State *L)
{
	struct lnl_series *s = check(L, LNL_METRIC_COUNTER, LNL_METRIC_GAUGE, "add: use observe");
	double n = finite_at(L, 2, 1);

	if (((const struct metric *)lua_touserdata(L, 1))->kind == LNL_METRIC_COUNTER)
		luaL_argcheck(L, n >= 0, 2, "a counter only rises; use a gauge");
	if (s)
		s->value += n;
	return 0;
}

static int method_set(lua_State *L)
{
	struct lnl_series *s = check(L, LNL_METRIC_GAUGE, LNL_METRIC_GAUGE, "set: use a gauge");
	double n = finite_at(L, 2, NAN);

	if (s)
		s->value = n;
	return 0;
}

static int method_observe(lua_State *L)
{
	struct lnl_series *s =
		check(L, LNL_METRIC_HISTOGRAM, LNL_METRIC_HISTOGRAM, "observe: use a histogram");
	double n = finite_at(L, 2, NAN);
	unsigned i = 0;

	if (!s)
		return 0;
	while (i < s->family->n_buckets && n > s->family->bounds[i])
		i++;
	s->buckets[i]++; /* the last one is +Inf */
	s->count++;
	s->value += n;
	return 0;
}

void lnl_metrics_register(lua_State *L)
{
	static const luaL_Reg methods[] = { { "add", method_add },
					    { "set", method_set },
					    { "observe", method_observe },
					    { NULL, NULL } };

	luaL_newmetatable(L, TYPE);
	lua_newtable(L);
	luaL_register(L, NULL, methods);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, "metric");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

/* ---- hooks ---- */

int lnl_metrics_hook(lua_State *L)
{
	static const char *const outcomes[] = { "ok", "error", "deadline", NULL };
	struct lnl_host *h = lnl_vm_of(L)->host;
	const char *name = luaL_checkstring(L, 1);
	double seconds = luaL_optnumber(L, 2, 0);
	int outcome = lua_isnoneornil(L, 3) ? -1 : luaL_checkoption(L, 3, NULL, outcomes);
	struct lnl_hook_metrics *m;
	unsigned i = 0;

	if (!h)
		return 0;
	while (i < h->n_hooks && strcmp(h->hooks[i].name, name) != 0)
		i++;
	if (i == LNL_HOOKS_MAX || strlen(name) >= sizeof(h->hooks[i].name))
		return 0;
	m = &h->hooks[i];
	if (i == h->n_hooks) {
		memcpy(m->name, name, strlen(name) + 1);
		h->n_hooks++;
	}
	m->run += outcome < 0;
	m->errors += outcome == 1;
	m->deadlines += outcome == 2;
	m->seconds += seconds;
	return 0;
}

/* ---- snapshot ---- */

static bool push_sample(void *ctx, const struct lnl_sample *s)
{
	lua_State *L = ctx;

	lua_createtable(L, 0, 3);
	lua_pushfstring(L, "%s%s", s->family, s->suffix);
	lua_setfield(L, -2, "name");
	lua_pushnumber(L, s->value);
	lua_setfield(L, -2, "value");
	lua_createtable(L, 0, (int)s->n_labels + 1);
	for (unsigned i = 0; i < s->n_labels; i++) {
		lua_pushstring(L, s->labels[2 * i + 1]);
		lua_setfield(L, -2, s->labels[2 * i]);
	}
	if (s->le) {
		lua_pushstring(L, s->le);
		lua_setfield(L, -2, "le");
	}
	lua_setfield(L, -2, "labels");
	lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
	return true;
}

int lnl_metrics_snapshot(lua_State *L)
{
	const struct lnl_host *h = lnl_vm_of(L)->host;

	if (!h)
		return luaL_error(L, "there is no host");
	lua_newtable(L);
	lnl_metrics_each(h, push_sample, L);
	return 1;
}
