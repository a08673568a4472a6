/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the blocks of a PEM text (RFC 7468); what is in them is for others. */
#ifndef LNL_CRYPTO_PEM_H
#define LNL_CRYPTO_PEM_H

#include "crypto/crypto.h"

struct lnl_pem {
	const char *label; /* "CERTIFICATE", not terminated */
	size_t label_len;
	const char *text; /* from "-----BEGIN" to behind the END line's dashes */
	size_t len;
};

/*
 * The first block at or behind |*at| (which starts at 0 and is moved behind it); false when there
 * is no more.
 */
bool lnl_pem_next(const struct lnl_blob *b, size_t *at, struct lnl_pem *out);
/* Whether the block's label ends in |tail|: "PRIVATE KEY" also takes "ENCRYPTED PRIVATE KEY". */
bool lnl_pem_is(const struct lnl_pem *p, const char *tail);
/* Whether |text| stands in the block: "ENCRYPTED", say. */
bool lnl_pem_has(const struct lnl_pem *p, const char *text);

#endif
