/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory of a Lua state: counted against a limit, and wiped when it is released. */
#ifndef LNL_BINDINGS_HEAP_H
#define LNL_BINDINGS_HEAP_H

#include <stddef.h>

/*
 * What a lua_Alloc does, for a state that has |*used| bytes and may have |limit|. Scripts' passwords
 * and keys live there: whatever leaves it is wiped.
 */
void *lnl_heap_realloc(size_t *used, size_t limit, void *p, size_t old, size_t size);

#endif
