/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bindings/config.h"
#include "bindings/events.h"
#include "bindings/module.h"

/* One line a connection is under way: as many as a desk has connections, and some that ended. */
#define MOST 64

struct said {
	struct said *next;
	uint64_t ticket;
	uint32_t connection;
	char text[];
};

struct lnl_control {
	uint32_t desk;
	struct said *first, **end;
	unsigned n;
	struct lnl_plain told; /* ticket, value, ticket, value, ... */
};

int lnl_control_open(lua_State *L)
{
	struct lnl_host *h = lnl_module_host(L);
	struct lnl_control *c;
	struct lnl_desk_options o;
	struct lnl_reason why = { { 0 } };
	int rc;

	luaL_checktype(L, 2, LUA_TTABLE);
	luaL_argcheck(L, !h->control, 1, "it has one already");
	lnl_config_desk(L, 2, &o);
	c = calloc(1, sizeof(*c));
	rc = c ? lnl_desk_open(h->engine, &o, &c->desk, &why) : LNL_E_NOMEM;
	if (rc == 0) {
		c->end = &c->first;
		h->control = c;
		lua_pushboolean(L, 1);
		return 1;
	}
	free(c);
	lua_pushnil(L);
	lua_pushstring(L, why.text[0] ? why.text : lnl_error_text(rc));
	lua_pushboolean(L, rc == LNL_E_EXIST);
	return 3;
}

int lnl_control_answer(lua_State *L)
{
	struct lnl_host *h = lnl_module_host(L);
	size_t len;
	const char *text = luaL_checklstring(L, 3, &len);
	int rc = lnl_reply_line(h->engine, lnl_event_ticket(L, 2), text, len, lua_toboolean(L, 4));

	if (rc == 0) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_pushnil(L);
	lua_pushstring(L, lnl_error_text(rc));
	return 2;
}

static void keep(struct lnl_control *c, struct lnl_engine *engine, const struct lnl_event *e)
{
	size_t len = strlen(e->u.text);
	struct said *s = c->n < MOST ? malloc(sizeof(*s) + len + 1) : NULL;

	if (!s) {
		lnl_reply_default(engine, e->ticket);
		return;
	}
	s->next = NULL;
	s->ticket = e->ticket;
	s->connection = e->peer;
	memcpy(s->text, e->u.text, len + 1);
	*c->end = s;
	c->end = &s->next;
	c->n++;
}

bool lnl_control_event(struct lnl_host *h, const struct lnl_event *e)
{
	struct lnl_control *c = h->control;

	if (!c || e->kind != LNL_EVENT_LINE || e->tunnel != c->desk)
		return false;
	if (e->ticket)
		keep(c, h->engine, e);
	return true;
}

static void pop(struct lnl_control *c)
{
	struct said *s = c->first;

	c->first = s->next;
	if (!c->first)
		c->end = &c->first;
	c->n--;
	explicit_bzero(s->text, strlen(s->text));
	free(s);
}

static void push_lines(lua_State *L, struct lnl_control *c)
{
	char ticket[24];

	lua_createtable(L, (int)c->n, 0);
	for (int i = 1; c->first; i++) {
		lua_createtable(L, 0, 3);
		snprintf(ticket, sizeof(ticket), "%" PRIx64, c->first->ticket);
		lua_pushstring(L, ticket);
		lua_setfield(L, -2, "ticket");
		lua_pushnumber(L, c->first->connection);
		lua_setfield(L, -2, "connection");
		lua_pushstring(L, c->first->text);
		lua_setfield(L, -2, "text");
		lua_rawseti(L, -2, i);
		pop(c);
	}
}

static int push_told(lua_State *L)
{
	const struct lnl_plain *p = lua_touserdata(L, 1);
	int n;

	luaL_checkstack(L, (int)p->n + 4, "answers");
	n = lnl_plain_push(p, L);
	lua_createtable(L, n / 2, 0);
	for (int i = 0; i + 1 < n; i += 2) {
		lua_createtable(L, 0, 2);
		lua_pushvalue(L, 2 + i);
		lua_setfield(L, -2, "ticket");
		lua_pushvalue(L, 3 + i);
		lua_setfield(L, -2, "value");
		lua_rawseti(L, -2, i / 2 + 1);
	}
	return 1;
}

void lnl_control_push(lua_State *L, struct lnl_host *h)
{
	if (h->control && h->control->first)
		push_lines(L, h->control);
	else
		lua_pushnil(L);
}

int lnl_control_told(lua_State *L)
{
	struct lnl_control *c = lnl_module_host(L)->control;
	int rc;

	if (!c || c->told.n == 0)
		return 0;
	lua_pushcfunction(L, push_told);
	lua_pushlightuserdata(L, &c->told);
	rc = lua_pcall(L, 1, 1, 0);
	lnl_plain_clear(&c->told);
	return rc ? lua_error(L) : 1;
}

void lnl_control_close(struct lnl_host *h)
{
	struct lnl_control *c = h->control;

	if (!c)
		return;
	while (c->first)
		pop(c);
	lnl_plain_clear(&c->told);
	free(c); /* the desk ends with the engine */
	h->control = NULL;
}

int lnl_control_tell(lua_State *L)
{
	struct lnl_host *h = lnl_vm_of(L)->host;
	struct lnl_control *c = h ? h->control : NULL;
	struct lnl_plain before;

	luaL_checkstring(L, 1);
	luaL_checkany(L, 2);
	if (!c)
		return 0;
	before = c->told;
	if (c->told.n < 2 * MOST && lnl_plain_put(&c->told, L, 1) &&
	    lnl_plain_put(&c->told, L, 2)) {
		lua_pushboolean(L, 1);
		return 1;
	}
	c->told.len = before.len; /* what was there stays; the buffer may be another */
	c->told.n = before.n;
	lua_pushboolean(L, 0);
	return 1;
}
