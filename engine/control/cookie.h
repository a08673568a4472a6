/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The session id by which a server recognises a client of which it keeps nothing yet: a keyed hash
 * over time slot, address and the client's session id (PROTOCOL 1.5). Who sends it back has proven
 * its address.
 */
#ifndef LNL_CONTROL_COOKIE_H
#define LNL_CONTROL_COOKIE_H

#include "crypto/crypto.h"
#include "wire/header.h"

#define LNL_COOKIE_SLOTS 3 /* the current one and the two before are accepted */

struct lnl_cookie {
	const struct lnl_env *env;
	struct lnl_hmac *hmac;	/* of the slots from `since` on */
	struct lnl_hmac *older; /* of the slots before; NULL: none */
	uint64_t slot_len;	/* microseconds: half a hand-window */
	uint64_t since;		/* the first slot of `hmac` */
};

/* Draws a key. |hand_window| in microseconds. LNL_E_NOMEM, LNL_E_RANDOM, LNL_E_INVAL (0). */
int lnl_cookie_init(struct lnl_cookie *c, const struct lnl_env *env, uint64_t hand_window);
void lnl_cookie_deinit(struct lnl_cookie *c);

/*
 * The session id for a client at |address| (|len| bytes that stand for address and port, at most
 * 64) with session id |client|; never all zero. The key is drawn anew from time to time; the one
 * before counts as long as its slots do. LNL_E_KEY, LNL_E_RANDOM, LNL_E_NOMEM, LNL_E_INVAL (|len|).
 */
int lnl_cookie_make(struct lnl_cookie *c, const void *address, size_t len,
		    const uint8_t client[LNL_SID_LEN], uint64_t now, uint8_t out[LNL_SID_LEN]);
/* Whether |cookie| was made for just these within the last LNL_COOKIE_SLOTS slots. */
bool lnl_cookie_check(struct lnl_cookie *c, const void *address, size_t len,
		      const uint8_t client[LNL_SID_LEN], const uint8_t cookie[LNL_SID_LEN],
		      uint64_t now);

#endif
