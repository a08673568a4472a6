/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A bounded queue of bytes that owns memory only while it holds some. */
#ifndef LNL_CRYPTO_QUEUE_H
#define LNL_CRYPTO_QUEUE_H

#include "crypto/crypto.h"

/* All zeros: empty. */
struct lnl_queue {
	uint8_t *data;
	size_t start;
	size_t len;
	size_t cap;
};

/* What one may hold: more than a peer ever has reason to send ahead. */
#define LNL_QUEUE_MAX 65536

/* Appends |len| bytes: all, or none and LNL_E_LIMIT or LNL_E_NOMEM. */
int lnl_queue_put(struct lnl_queue *q, const struct lnl_env *env, const void *data, size_t len);
/* Takes at most |cap| bytes, in order; returns their number. */
size_t lnl_queue_take(struct lnl_queue *q, const struct lnl_env *env, uint8_t *out, size_t cap);
/* Wipes and releases. */
void lnl_queue_clear(struct lnl_queue *q, const struct lnl_env *env);

#endif
