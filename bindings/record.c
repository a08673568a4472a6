/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCRIPT_FIELDS 16
#define SCRIPT_STORE  2048

struct text_field {
	const char *name, *text; /* text NULL: number */
	double number;
};

struct lnl_record_node {
	struct lnl_record_node *next;
	double when;
	enum lnl_level level;
	const char *event;
	unsigned n;
	struct text_field field[SCRIPT_FIELDS];
	size_t used;
	char store[SCRIPT_STORE];
};

static const char *const level_names[] = { "error", "warn", "info", "debug", "trace" };

const char *lnl_level_name(enum lnl_level level)
{
	return (unsigned)level < sizeof(level_names) / sizeof(*level_names) ? level_names[level]
									    : "trace";
}

int lnl_level_of(const char *name)
{
	for (unsigned i = 0; i < sizeof(level_names) / sizeof(*level_names); i++)
		if (strcmp(name, level_names[i]) == 0)
			return (int)i;
	return -1;
}

/* NULL when the queue is full or memory is short: the loss is counted. */
static struct lnl_record_node *append(struct lnl_record_queue *q, enum lnl_level level, double when)
{
	struct lnl_record_node *r = q->n < LNL_RECORD_QUEUE ? malloc(sizeof(*r)) : NULL;

	if (!r) {
		q->lost++;
		return NULL;
	}
	r->next = NULL;
	r->when = when;
	r->level = level;
	r->n = 0;
	r->used = 0;
	if (q->tail)
		q->tail->next = r;
	else
		q->head = r;
	q->tail = r;
	q->n++;
	return r;
}

/* A copy in the record's store, without control characters, cut where the store ends. */
static const char *keep(struct lnl_record_node *r, const char *text, size_t len)
{
	size_t room = sizeof(r->store) - r->used;
	char *out = r->store + r->used;

	if (room <= 1)
		return "";
	if (len > room - 1)
		len = room - 1;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		out[i] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	out[len] = '\0';
	r->used += len + 1;
	return out;
}

static void add_text(struct lnl_record_node *r, const char *name, const char *text, size_t len)
{
	if (r->n < SCRIPT_FIELDS)
		r->field[r->n++] = (struct text_field){ .name = name, .text = keep(r, text, len) };
}

static void add_number(struct lnl_record_node *r, const char *name, double number)
{
	if (r->n < SCRIPT_FIELDS)
		r->field[r->n++] = (struct text_field){ .name = name, .number = number };
}

void lnl_record_collect(struct lnl_record_queue *q, struct lnl_engine *e)
{
	struct lnl_record in;
	uint64_t lost = 0;

	while (lnl_engine_record(e, &in, &lost)) {
		struct lnl_record_node *r = append(q, in.level, (double)in.time / 1e6);

		q->lost += lost;
		if (!r)
			continue;
		r->event = in.event;
		for (unsigned i = 0; i < in.n; i++) {
			const struct lnl_field *f = &in.field[i];

			if (f->type == LNL_FIELD_NUMBER)
				add_number(r, f->name, (double)f->number);
			else
				add_text(r, f->name, f->text ? f->text : "",
					 f->text ? strlen(f->text) : 0);
		}
	}
}

void lnl_record_text(struct lnl_record_queue *q, enum lnl_level level, const char *event,
		     double when, const char *name1, const char *text1, const char *name2,
		     const char *text2)
{
	struct lnl_record_node *r = level <= q->level ? append(q, level, when) : NULL;

	if (!r)
		return;
	r->event = event;
	add_text(r, name1, text1, strlen(text1));
	add_text(r, name2, text2, strlen(text2));
}

static void add_value(lua_State *L, struct lnl_record_node *r, const char *name)
{
	size_t len;
	const char *text;

	switch (lua_type(L, -1)) {
	case LUA_TNUMBER:
		add_number(r, name, lua_tonumber(L, -1));
		return;
	case LUA_TSTRING:
		text = lua_tolstring(L, -1, &len);
		break;
	case LUA_TBOOLEAN:
		text = lua_toboolean(L, -1) ? "true" : "false";
		len = strlen(text);
		break;
	default:
		/* Tables and secrets are not for a log; their type says enough. */
		text = luaL_typename(L, -1);
		len = strlen(text);
	}
	add_text(r, name, text, len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct text_field *)a)->name, ((const struct text_field *)b)->name);
}

void lnl_record_script(lua_State *L, struct lnl_record_queue *q, enum lnl_level level,
		       const char *sub, const char *event, double when, int fields)
{
	struct lnl_record_node *r = level <= q->level ? append(q, level, when) : NULL;
	char name[128];
	int n;

	if (!r)
		return;
	n = snprintf(name, sizeof(name), "%s.%s", sub, event);
	r->event = keep(r, name, n < (int)sizeof(name) ? (size_t)n : sizeof(name) - 1);
	if (!fields)
		return;
	lua_pushnil(L);
	while (lua_next(L, fields)) {
		if (lua_type(L, -2) == LUA_TSTRING) {
			size_t len;
			const char *key = lua_tolstring(L, -2, &len);

			add_value(L, r, keep(r, key, len));
		}
		lua_pop(L, 1);
	}
	/* A table has no order: one that does not change from run to run is better to read. */
	qsort(r->field, r->n, sizeof(*r->field), by_name);
}

static void push_record(lua_State *L, const struct lnl_record_node *r)
{
	const char *dot = strchr(r->event, '.');

	lua_createtable(L, (int)r->n, 6);
	lua_pushnumber(L, r->when);
	lua_setfield(L, -2, "ts");
	lua_pushstring(L, lnl_level_name(r->level));
	lua_setfield(L, -2, "level");
	lua_pushlstring(L, r->event, dot ? (size_t)(dot - r->event) : 0);
	lua_setfield(L, -2, "sub");
	lua_pushstring(L, dot ? dot + 1 : r->event);
	lua_setfield(L, -2, "event");
	lua_createtable(L, 0, (int)r->n);
	for (unsigned i = 0; i < r->n; i++) {
		const struct text_field *f = &r->field[i];

		if (f->text)
			lua_pushstring(L, f->text);
		else
			lua_pushnumber(L, f->number);
		lua_setfield(L, -2, f->name);
		lua_pushstring(L, f->name);
		lua_rawseti(L, -3, (int)i + 1);
	}
	lua_setfield(L, -2, "fields");
}

static void pop(struct lnl_record_queue *q)
{
	struct lnl_record_node *r = q->head;

	q->head = r->next;
	if (!q->head)
		q->tail = NULL;
	q->n--;
	free(r);
}

int lnl_record_push(lua_State *L, struct lnl_record_queue *q)
{
	lua_createtable(L, (int)q->n, 0);
	for (int i = 1; q->head && i <= LNL_RECORD_BATCH; i++) {
		push_record(L, q->head);
		lua_rawseti(L, -2, i);
		pop(q);
	}
	lua_pushnumber(L, (lua_Number)q->lost);
	q->lost = 0;
	return 2;
}

void lnl_record_clear(struct lnl_record_queue *q)
{
	while (q->head)
		pop(q);
}
