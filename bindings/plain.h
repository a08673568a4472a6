/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Plain values (nil, booleans, numbers, texts, tables of them) on their way from one Lua state to
 * another, as bytes in between: an error in one state never unwinds through the other.
 */
#ifndef LNL_BINDINGS_PLAIN_H
#define LNL_BINDINGS_PLAIN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

#define LNL_PLAIN_DEPTH 12
#define LNL_PLAIN_MAX	((size_t)8 << 20)

struct lnl_plain {
	char *data;
	size_t len, cap;
	unsigned n; /* values */
};

/*
 * Appends the value at |index|. Functions, threads and userdata become nil, table keys that are
 * neither text nor number are left out, as is what lies deeper than LNL_PLAIN_DEPTH. Raises no
 * error; false when memory is short or LNL_PLAIN_MAX is passed.
 */
bool lnl_plain_put(struct lnl_plain *p, lua_State *L, int index);
/* The same for a number. */
bool lnl_plain_number(struct lnl_plain *p, double n);
/* Pushes all values; how many. Raises an error when memory is short. */
int lnl_plain_push(const struct lnl_plain *p, lua_State *L);
/* |to|, which is empty, becomes the same; false when memory is short. */
bool lnl_plain_copy(struct lnl_plain *to, const struct lnl_plain *from);
/* Wipes and releases. */
void lnl_plain_clear(struct lnl_plain *p);

#endif
