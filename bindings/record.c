/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/objects.h"

#define SCRIPT_FIELDS 16
#define SCRIPT_STORE  2048

struct text_field {
	const char *name, *text; /* text NULL: number */
	double number;
};

struct lnl_record_node {
	struct lnl_record_node *next;
	unsigned refs; /* queue and tap */
	double when;
	enum lnl_level level;
	const char *event;
	const char *src, *sess; /* NULL: none */
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

static void release(struct lnl_record_node *r)
{
	if (--r->refs == 0)
		free(r);
}

static void link_to(struct lnl_record_queue *q, struct lnl_record_node *r)
{
	if (q->n == LNL_RECORD_QUEUE) {
		q->lost++;
		return;
	}
	r->refs++;
	if (q->tail)
		q->tail->next = r;
	else
		q->head = r;
	q->tail = r;
	q->n++;
}

static void put_in(struct lnl_record_tap *tap, struct lnl_record_node *r)
{
	if (tap->n == LNL_RECORD_QUEUE) {
		tap->lost++;
		return;
	}
	r->refs++;
	tap->ring[(tap->first + tap->n++) % LNL_RECORD_QUEUE] = r;
}

/*
 * An empty record in the queue, the tap or both, as their levels are; |tap| may be NULL. NULL when
 * nobody wants it, or there is no room or memory: then the loss is counted.
 */
static struct lnl_record_node *append(struct lnl_record_queue *q, struct lnl_record_tap *tap,
				      enum lnl_level level, const char *event, double when)
{
	bool here = (int)level <= lnl_levels_of(&q->levels, event);
	bool there = tap && (int)level <= lnl_levels_of(&tap->levels, event);
	struct lnl_record_node *r = here || there ? malloc(sizeof(*r)) : NULL;

	if (!r) {
		q->lost += here;
		if (there)
			tap->lost++;
		return NULL;
	}
	*r = (struct lnl_record_node){ .when = when, .level = level, .event = event };
	if (here)
		link_to(q, r);
	if (there)
		put_in(tap, r);
	if (r->refs > 0)
		return r;
	free(r);
	return NULL;
}

size_t lnl_utf8(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t n = s[0] < 0x80	 ? 1
		   : s[0] < 0xc2 ? 0
		   : s[0] < 0xe0 ? 2
		   : s[0] < 0xf0 ? 3
		   : s[0] < 0xf5 ? 4
				 : 0;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/*
 * A copy in the record's store: UTF-8 without control characters, and without secrets that a script
 * revealed; cut where the store ends.
 */
static const char *keep(struct lnl_record_node *r, const struct lnl_secrets *secrets,
			const char *text, size_t len)
{
	size_t room = sizeof(r->store) - r->used, at = 0, n;
	char *out = r->store + r->used;

	if (room <= 4)
		return "";
	while (len > 0) {
		const char *put = text;
		size_t hidden = lnl_secrets_match(secrets, text, len);

		n = hidden ? 3 : lnl_utf8(text, len);
		if (hidden)
			put = "***";
		else if (n == 0)
			put = "?";
		else if (n == 1 && ((unsigned char)*text < 0x20 || *text == 0x7f))
			put = " ";
		if (n == 0)
			n = 1;
		if (n > room - 1 - at)
			break;
		memcpy(out + at, put, n);
		at += n;
		n = hidden ? hidden : n;
		text += n;
		len -= n;
	}
	out[at] = '\0';
	r->used += at + 1;
	return out;
}

static void add_text(struct lnl_record_node *r, const struct lnl_secrets *secrets, const char *name,
		     const char *text, size_t len)
{
	if (r->n < SCRIPT_FIELDS)
		r->field[r->n++] =
			(struct text_field){ .name = name, .text = keep(r, secrets, text, len) };
}

static void add_number(struct lnl_record_node *r, const char *name, double number)
{
	if (r->n < SCRIPT_FIELDS)
		r->field[r->n++] = (struct text_field){ .name = name, .number = number };
}

static void collect(struct lnl_record_queue *q, const struct lnl_record *in)
{
	struct lnl_record_node *r = append(q, q->tap, in->level, in->event, (double)in->time / 1e6);

	for (unsigned i = 0; r && i < in->n; i++) {
		const struct lnl_field *f = &in->field[i];
		const char *text = f->text ? f->text : "";

		if (f->type == LNL_FIELD_NUMBER) {
			add_number(r, f->name, (double)f->number);
			continue;
		}
		add_text(r, NULL, f->name, text, strlen(text));
		if (strcmp(f->name, "peer") == 0)
			r->sess = r->field[r->n - 1].text;
	}
}

void lnl_record_collect(struct lnl_record_queue *q, struct lnl_engine *e)
{
	struct lnl_record in;
	uint64_t lost = 0;

	while (lnl_engine_record(e, &in, &lost)) {
		q->lost += lost;
		if (q->tap)
			q->tap->lost += lost;
		collect(q, &in);
	}
}

void lnl_record_text(struct lnl_record_queue *q, struct lnl_record_tap *tap, enum lnl_level level,
		     const char *event, double when, const char *name1, const char *text1,
		     const char *name2, const char *text2)
{
	struct lnl_record_node *r = append(q, tap, level, event, when);

	if (!r)
		return;
	add_text(r, q->secrets, name1, text1, strlen(text1));
	add_text(r, q->secrets, name2, text2, strlen(text2));
}

static void add_value(lua_State *L, const struct lnl_secrets *secrets, struct lnl_record_node *r,
		      const char *name)
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
		/* Tables and secrets are not for a log; what they are says enough. */
		text = lnl_secret_text(L, -1, NULL) ? "***" : luaL_typename(L, -1);
		len = strlen(text);
	}
	add_text(r, secrets, name, text, len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct text_field *)a)->name, ((const struct text_field *)b)->name);
}

void lnl_record_script(lua_State *L, struct lnl_record_queue *q, struct lnl_record_tap *tap,
		       const struct lnl_script_record *in)
{
	struct lnl_record_node *r;
	char name[128];

	snprintf(name, sizeof(name), "%s.%s", in->sub, in->event);
	r = append(q, tap, in->level, name, in->when);
	if (!r)
		return;
	r->event = keep(r, NULL, name, strlen(name));
	if (in->src)
		r->src = keep(r, NULL, in->src, strlen(in->src));
	if (in->sess)
		r->sess = keep(r, NULL, in->sess, strlen(in->sess));
	if (!in->fields)
		return;
	lua_pushnil(L);
	while (lua_next(L, in->fields)) {
		if (lua_type(L, -2) == LUA_TSTRING) {
			size_t len;
			const char *key = lua_tolstring(L, -2, &len);

			add_value(L, q->secrets, r, keep(r, q->secrets, key, len));
		}
		lua_pop(L, 1);
	}
	/* A table has no order: one that does not change from run to run is better to read. */
	qsort(r->field, r->n, sizeof(*r->field), by_name);
}

static void push_record(lua_State *L, const struct lnl_record_node *r)
{
	const char *dot = strchr(r->event, '.');

	lua_createtable(L, (int)r->n, 8);
	lua_pushnumber(L, r->when);
	lua_setfield(L, -2, "ts");
	lua_pushstring(L, lnl_level_name(r->level));
	lua_setfield(L, -2, "level");
	lua_pushlstring(L, r->event, dot ? (size_t)(dot - r->event) : 0);
	lua_setfield(L, -2, "sub");
	lua_pushstring(L, dot ? dot + 1 : r->event);
	lua_setfield(L, -2, "event");
	if (r->src) {
		lua_pushstring(L, r->src);
		lua_setfield(L, -2, "src");
	}
	if (r->sess) {
		lua_pushstring(L, r->sess);
		lua_setfield(L, -2, "sess");
	}
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
	release(r);
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

/* ---- the tap ---- */

static const struct lnl_record_node *at(const struct lnl_record_tap *tap, unsigned i)
{
	return tap->ring[(tap->first + i) % LNL_RECORD_QUEUE];
}

unsigned lnl_tap_push(lua_State *L, const struct lnl_record_tap *tap, unsigned n,
		      const struct lnl_levels *levels)
{
	int found = 0;

	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n && i < tap->n; i++) {
		const struct lnl_record_node *r = at(tap, i);

		if ((int)r->level > lnl_levels_of(levels, r->event))
			continue;
		push_record(L, r);
		lua_rawseti(L, -2, ++found);
	}
	return (unsigned)found;
}

unsigned lnl_tap_count(const struct lnl_record_tap *tap, unsigned n,
		       const struct lnl_levels *levels)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n && i < tap->n; i++)
		found += (int)at(tap, i)->level <= lnl_levels_of(levels, at(tap, i)->event);
	return found;
}

void lnl_tap_drop(struct lnl_record_tap *tap, unsigned n)
{
	for (; n > 0 && tap->n > 0; n--) {
		release(tap->ring[tap->first]);
		tap->first = (tap->first + 1) % LNL_RECORD_QUEUE;
		tap->n--;
	}
}
