/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Counts what the whole program allocates, for tests marked "lunel-test: counted": the linker sends each
 * malloc, calloc, realloc and posix_memalign through here.
 */
#ifndef LNL_TEST_ALLOCATIONS_H
#define LNL_TEST_ALLOCATIONS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

static _Atomic uint64_t allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_realloc(p, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
	atomic_fetch_add(&allocations, 1);
	return __real_posix_memalign(out, alignment, size);
}

#endif
