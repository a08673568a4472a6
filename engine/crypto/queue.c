/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The byte queue between the caller's packets and the TLS library's reads and writes. */
#include "crypto/queue.h"

#include <string.h>

/* Moves what is held to the front of new or the same memory that has room for |need| bytes. */
static int make_room(struct lnl_queue *q, const struct lnl_env *env, size_t need)
{
	size_t cap = 2048;

	if (q->cap >= need) {
		memmove(q->data, q->data + q->start, q->len);
		q->start = 0;
		return 0;
	}
	while (cap < need)
		cap *= 2;
	uint8_t *data = lnl_alloc(env, cap);
	if (data == NULL)
		return LNL_E_NOMEM;
	if (q->len > 0)
		memcpy(data, q->data + q->start, q->len);
	lnl_release(env, q->data);
	q->data = data;
	q->start = 0;
	q->cap = cap;
	return 0;
}

int lnl_queue_put(struct lnl_queue *q, const struct lnl_env *env, const void *data, size_t len)
{
	if (len > LNL_QUEUE_MAX - q->len)
		return LNL_E_LIMIT;
	if (len == 0)
		return 0;
	if (q->cap - q->start - q->len < len) {
		int error = make_room(q, env, q->len + len);
		if (error != 0)
			return error;
	}
	memcpy(q->data + q->start + q->len, data, len);
	q->len += len;
	return 0;
}

size_t lnl_queue_take(struct lnl_queue *q, const struct lnl_env *env, uint8_t *out, size_t cap)
{
	size_t n = q->len < cap ? q->len : cap;

	if (n == 0)
		return 0;
	memcpy(out, q->data + q->start, n);
	q->start += n;
	q->len -= n;
	if (q->len == 0)
		lnl_queue_clear(q, env);
	return n;
}

void lnl_queue_clear(struct lnl_queue *q, const struct lnl_env *env)
{
	if (q->data != NULL) {
		lnl_secret_wipe(q->data, q->cap);
		lnl_release(env, q->data);
	}
	*q = (struct lnl_queue){ 0 };
}
