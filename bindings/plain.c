/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/plain.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

enum tag { TAG_NIL, TAG_FALSE, TAG_TRUE, TAG_NUMBER, TAG_TEXT, TAG_TABLE, TAG_END };

static bool put_bytes(struct lnl_plain *p, const void *data, size_t len)
{
	if (len > LNL_PLAIN_MAX - p->len)
		return false;
	if (len > p->cap - p->len) {
		size_t cap = (p->len + len) * 2 + 256;
		char *grown = malloc(cap);

		if (!grown)
			return false;
		if (p->data) {
			memcpy(grown, p->data, p->len);
			explicit_bzero(p->data, p->len);
			free(p->data);
		}
		p->data = grown;
		p->cap = cap;
	}
	if (len)
		memcpy(p->data + p->len, data, len);
	p->len += len;
	return true;
}

static bool put_tag(struct lnl_plain *p, enum tag tag)
{
	char c = (char)tag;

	return put_bytes(p, &c, 1);
}

static bool put_value(struct lnl_plain *p, lua_State *L, int index, int depth);

static bool put_table(struct lnl_plain *p, lua_State *L, int index, int depth)
{
	if (depth >= LNL_PLAIN_DEPTH || !lua_checkstack(L, 4))
		return put_tag(p, TAG_NIL);
	if (!put_tag(p, TAG_TABLE))
		return false;
	lua_pushnil(L);
	while (lua_next(L, index)) {
		int key = lua_type(L, -2);
		int top = lua_gettop(L);

		if ((key == LUA_TSTRING || key == LUA_TNUMBER) &&
		    (!put_value(p, L, top - 1, depth + 1) || !put_value(p, L, top, depth + 1))) {
			lua_pop(L, 2);
			return false;
		}
		lua_pop(L, 1);
	}
	return put_tag(p, TAG_END);
}

static bool put_value(struct lnl_plain *p, lua_State *L, int index, int depth)
{
	lua_Number number;
	const char *text;
	size_t len;

	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		return put_tag(p, lua_toboolean(L, index) ? TAG_TRUE : TAG_FALSE);
	case LUA_TNUMBER:
		number = lua_tonumber(L, index);
		return put_tag(p, TAG_NUMBER) && put_bytes(p, &number, sizeof(number));
	case LUA_TSTRING:
		text = lua_tolstring(L, index, &len);
		return put_tag(p, TAG_TEXT) && put_bytes(p, &len, sizeof(len)) &&
		       put_bytes(p, text, len);
	case LUA_TTABLE:
		return put_table(p, L, index, depth);
	default:
		return put_tag(p, TAG_NIL);
	}
}

bool lnl_plain_put(struct lnl_plain *p, lua_State *L, int index)
{
	if (index < 0)
		index = lua_gettop(L) + index + 1;
	if (!put_value(p, L, index, 0))
		return false;
	p->n++;
	return true;
}

bool lnl_plain_number(struct lnl_plain *p, double n)
{
	lua_Number number = n;

	if (!put_tag(p, TAG_NUMBER) || !put_bytes(p, &number, sizeof(number)))
		return false;
	p->n++;
	return true;
}

/* The bytes are our own, of this very process: their form is not in doubt. */
static const char *push_value(const char *at, lua_State *L)
{
	enum tag tag = (enum tag) * at++;
	lua_Number number;
	size_t len;

	luaL_checkstack(L, 4, "values between states");
	switch (tag) {
	case TAG_NUMBER:
		memcpy(&number, at, sizeof(number));
		lua_pushnumber(L, number);
		return at + sizeof(number);
	case TAG_TEXT:
		memcpy(&len, at, sizeof(len));
		lua_pushlstring(L, at + sizeof(len), len);
		return at + sizeof(len) + len;
	case TAG_TABLE:
		lua_newtable(L);
		while (*at != TAG_END) {
			at = push_value(at, L);
			at = push_value(at, L);
			lua_rawset(L, -3);
		}
		return at + 1;
	case TAG_NIL:
		lua_pushnil(L);
		return at;
	default:
		lua_pushboolean(L, tag == TAG_TRUE);
		return at;
	}
}

int lnl_plain_push(const struct lnl_plain *p, lua_State *L)
{
	const char *at = p->data;

	for (unsigned i = 0; i < p->n; i++)
		at = push_value(at, L);
	return (int)p->n;
}

bool lnl_plain_copy(struct lnl_plain *to, const struct lnl_plain *from)
{
	if (!put_bytes(to, from->data, from->len))
		return false;
	to->n = from->n;
	return true;
}

void lnl_plain_clear(struct lnl_plain *p)
{
	if (p->data)
		explicit_bzero(p->data, p->len);
	free(p->data);
	*p = (struct lnl_plain){ 0 };
}
