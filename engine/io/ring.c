/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/ring.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/crypto.h"
#include "lunel_codes.h"

#define PREFIX sizeof(uint64_t) /* the message's length; keeps messages aligned, too */

static size_t room_of(size_t len)
{
	return PREFIX + ((len + PREFIX - 1) & ~(PREFIX - 1));
}

int lnl_ring_init(struct lnl_ring *r, size_t size, bool secret)
{
	memset(r, 0, sizeof(*r));
	if (size < 64 || (size & (size - 1)) != 0)
		return LNL_E_INVAL;
	r->data = malloc(size);
	if (r->data == NULL)
		return LNL_E_NOMEM;
	/*
	 * Resident from now on: however much is sent to us later, the process does not grow. Of
	 * zeros the compiler would make calloc, which touches nothing.
	 */
	memset(r->data, 0xff, size);
	r->size = size;
	r->secret = secret;
	atomic_init(&r->written, 0);
	atomic_init(&r->read, 0);
	return 0;
}

void lnl_ring_deinit(struct lnl_ring *r)
{
	if (r->data != NULL && r->secret)
		lnl_secret_wipe(r->data, r->size);
	free(r->data);
	r->data = NULL;
}

/* Copies in at position |at|, around the end. */
static void copy_in(struct lnl_ring *r, size_t at, const void *src, size_t len)
{
	size_t start = at & (r->size - 1);
	size_t first = len < r->size - start ? len : r->size - start;

	if (len == 0)
		return;
	memcpy(r->data + start, src, first);
	memcpy(r->data, (const uint8_t *)src + first, len - first);
}

static void copy_out(struct lnl_ring *r, size_t at, void *dst, size_t len)
{
	size_t start = at & (r->size - 1);
	size_t first = len < r->size - start ? len : r->size - start;

	if (len == 0)
		return;
	memcpy(dst, r->data + start, first);
	memcpy((uint8_t *)dst + first, r->data, len - first);
}

static void wipe(struct lnl_ring *r, size_t at, size_t len)
{
	size_t start = at & (r->size - 1);
	size_t first = len < r->size - start ? len : r->size - start;

	lnl_secret_wipe(r->data + start, first);
	lnl_secret_wipe(r->data, len - first);
}

bool lnl_ring_put_behind(struct lnl_ring *r, const void *head, size_t head_len, const void *msg,
			 size_t len, size_t reserve)
{
	size_t written = atomic_load_explicit(&r->written, memory_order_relaxed);
	size_t used = written - atomic_load_explicit(&r->read, memory_order_acquire);
	size_t free_bytes = r->size - used;
	uint64_t prefix = head_len + len;

	if (head_len > r->size || len > r->size || free_bytes < reserve ||
	    free_bytes - reserve < room_of(head_len + len))
		return false;
	copy_in(r, written, &prefix, sizeof(prefix));
	copy_in(r, written + PREFIX, head, head_len);
	copy_in(r, written + PREFIX + head_len, msg, len);
	atomic_store_explicit(&r->written, written + room_of(head_len + len), memory_order_release);
	return true;
}

bool lnl_ring_put(struct lnl_ring *r, const void *msg, size_t len, size_t reserve)
{
	return lnl_ring_put_behind(r, NULL, 0, msg, len, reserve);
}

bool lnl_ring_get(struct lnl_ring *r, void *out, size_t cap, size_t *len)
{
	size_t read = atomic_load_explicit(&r->read, memory_order_relaxed);
	uint64_t prefix;
	size_t n;

	if (read == atomic_load_explicit(&r->written, memory_order_acquire))
		return false;
	copy_out(r, read, &prefix, sizeof(prefix));
	n = prefix < cap ? (size_t)prefix : cap;
	copy_out(r, read + PREFIX, out, n);
	if (r->secret)
		wipe(r, read, room_of((size_t)prefix));
	atomic_store_explicit(&r->read, read + room_of((size_t)prefix), memory_order_release);
	*len = n;
	return true;
}
