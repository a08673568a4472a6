/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Puts together the one sentence that tells a user why. */
#ifndef LNL_CRYPTO_WHY_H
#define LNL_CRYPTO_WHY_H

#include "crypto/crypto.h"

/* Room for what lnl_why_date writes. */
#define LNL_DATE_LEN 32

/*
 * Sets the sentence to |first| and the texts behind it, up to NULL; cut when it is too long. |why|
 * may be NULL.
 */
void lnl_why_say(struct lnl_why *why, const char *first, ...) __attribute__((sentinel));
/* The same, behind what is there, with "; " between. */
void lnl_why_add(struct lnl_why *why, const char *first, ...) __attribute__((sentinel));
/* |seconds| since 1970 as "2025-01-01 00:00:00 UTC" in |out|, which is returned. */
const char *lnl_why_date(char out[LNL_DATE_LEN], uint64_t seconds);

#endif
