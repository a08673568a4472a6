/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/heap.h"

#include <stdlib.h>
#include <string.h>

void *lnl_heap_realloc(size_t *used, size_t limit, void *p, size_t old, size_t size)
{
	void *fresh;

	if (!p)
		old = 0;
	if (size > old && size - old > limit - *used)
		return NULL;
	if (size == 0) {
		if (p)
			explicit_bzero(p, old);
		free(p);
		*used -= old;
		return NULL;
	}
	fresh = malloc(size);
	if (!fresh) {
		if (size > old)
			return NULL;
		fresh = p; /* shrinking must not fail */
	}
	if (p && fresh != p) {
		memcpy(fresh, p, old < size ? old : size);
		explicit_bzero(p, old);
		free(p);
	}
	*used += size;
	*used -= old;
	return fresh;
}
