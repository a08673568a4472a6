/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where the rooms' memory comes from: the C library, at beginnings of lines of the cache. */
#ifndef LNL_ALIGNED_H
#define LNL_ALIGNED_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/env.h"

/*
 * |size| zeroed bytes, or NULL; released by free. Where they are whole lines they begin one: what a
 * packet needs of its peer is laid out by lines (data/plane.h), and would need one more of each if it
 * began anywhere. All else lies closer together.
 */
static inline void *lnl_aligned_new(size_t size)
{
	void *p;

	if (size == 0 || size % LNL_LINE != 0)
		return calloc(1, size > 0 ? size : 1);
	if (posix_memalign(&p, LNL_LINE, size) != 0)
		return NULL;
	return memset(p, 0, size);
}

#endif
