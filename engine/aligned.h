/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the rooms' memory comes from: the C library, at beginnings of lines of the cache. */
#ifndef LNL_ALIGNED_H
#define LNL_ALIGNED_H

#include <stdint.h>
#include <stdlib.h>

#define LNL_ALIGNED_LINE 64

/*
 * |size| zeroed bytes that begin a line, or NULL: what a packet needs of its peer is laid out by
 * lines (data/plane.h), and one that begins anywhere would need one more of each. In front of them
 * stands what the C library gave. By calloc, which knows when memory is zero already.
 */
static inline void *lnl_aligned_new(size_t size)
{
	char *base, *p;

	if (size > SIZE_MAX - LNL_ALIGNED_LINE)
		return NULL;
	base = calloc(1, size + LNL_ALIGNED_LINE);
	if (base == NULL)
		return NULL;
	/* The C library's begin at every sixteenth byte: there is room for a pointer. */
	p = base + LNL_ALIGNED_LINE - (uintptr_t)base % LNL_ALIGNED_LINE;
	((void **)(void *)p)[-1] = base;
	return p;
}

/* Releases what lnl_aligned_new gave; |p| may be NULL. */
static inline void lnl_aligned_free(void *p)
{
	if (p != NULL)
		free(((void **)p)[-1]);
}

#endif
