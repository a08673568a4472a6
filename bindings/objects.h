/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Secrets in Lua: a value that prints as "***", cannot be concatenated, compared or indexed into,
 * and is wiped when collected. `s:reveal()` gives the text.
 */
#ifndef LNL_BINDINGS_OBJECTS_H
#define LNL_BINDINGS_OBJECTS_H

#include <lua.h>
#include <stddef.h>

struct secret;

/* Secrets that scripts revealed, the latest first: what no log may show. */
#define LNL_SECRETS	  64
#define LNL_SECRET_HIDDEN 6 /* bytes that one has at least: less would be found everywhere */

struct lnl_secrets {
	struct secret *first, *last;
	unsigned n;
};

/* Registers the type in |L|; |list|, which lives longer than |L|, remembers who is revealed, or NULL. */
void lnl_secret_register(lua_State *L, struct lnl_secrets *list);
/*
 * How many bytes at the beginning of |text| are such a secret, or, up to the end of |text|, its
 * beginning; 0: none are. |list| may be NULL.
 */
size_t lnl_secrets_match(const struct lnl_secrets *list, const char *text, size_t len);
/* Pushes a secret with a copy of |text|. */
void lnl_secret_push(lua_State *L, const char *text, size_t len);
/* The text of a secret or string at |index|, NULL for anything else; valid while the value is. */
const char *lnl_secret_text(lua_State *L, int index, size_t *len);
/* lua_CFunction, `secret(text)`. */
int lnl_secret_new(lua_State *L);

#endif
