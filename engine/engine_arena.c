/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pieces of memory that are wiped and released together. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

/* Each piece is a block of its own: these arenas hold dozens of strings, not millions. */
struct lnl_arena_block {
	struct lnl_arena_block *next;
	size_t size;
	max_align_t data[];
};

void *lnl_arena_alloc(struct lnl_arena *a, size_t size)
{
	struct lnl_arena_block *b = calloc(1, sizeof(*b) + (size ? size : 1));

	if (!b)
		return NULL;
	b->size = size;
	b->next = a->first;
	a->first = b;
	return b->data;
}

char *lnl_arena_copy(struct lnl_arena *a, const void *data, size_t len)
{
	char *p = data ? lnl_arena_alloc(a, len + 1) : NULL;

	if (p && len)
		memcpy(p, data, len);
	return p;
}

char *lnl_arena_str(struct lnl_arena *a, const char *s)
{
	return s ? lnl_arena_copy(a, s, strlen(s)) : NULL;
}

char *lnl_arena_print(struct lnl_arena *a, const char *format, ...)
{
	va_list ap;
	char *out;
	int len;

	va_start(ap, format);
	len = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	/* Straight into the arena, which wipes: it may be a password with its challenge. */
	out = len < 0 ? NULL : lnl_arena_alloc(a, (size_t)len + 1);
	if (!out)
		return NULL;
	va_start(ap, format);
	vsnprintf(out, (size_t)len + 1, format, ap);
	va_end(ap);
	return out;
}

void lnl_arena_free(struct lnl_arena *a)
{
	struct lnl_arena_block *b;

	while ((b = a->first)) {
		a->first = b->next;
		lnl_secret_wipe(b->data, b->size);
		free(b);
	}
}
