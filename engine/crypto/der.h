/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads DER (X.690) where the engine itself must know what a certificate says: definite, minimal
 * lengths, no surprises.
 */
#ifndef LNL_CRYPTO_DER_H
#define LNL_CRYPTO_DER_H

#include "wire/buf.h"

#define LNL_DER_BOOLEAN	   0x01
#define LNL_DER_INTEGER	   0x02
#define LNL_DER_BIT_STRING 0x03
#define LNL_DER_OCTETS	   0x04
#define LNL_DER_NULL	   0x05
#define LNL_DER_OID	   0x06
#define LNL_DER_UTF8	   0x0c
#define LNL_DER_UTC_TIME   0x17
#define LNL_DER_TIME	   0x18
#define LNL_DER_UNIVERSAL  0x1c
#define LNL_DER_BMP	   0x1e
#define LNL_DER_SEQUENCE   0x30
#define LNL_DER_SET	   0x31
/* [n], constructed and primitive. */
#define LNL_DER_CONTEXT(n)  (0xa0 | (n))
#define LNL_DER_IMPLICIT(n) (0x80 | (n))

/* One element: its tag and its contents, in place. */
struct lnl_der {
	uint8_t tag;
	const uint8_t *data;
	size_t len;
};

/* The next element; false at the end and when it is malformed (then |r| has an error). */
bool lnl_der_next(struct lnl_reader *r, struct lnl_der *out);
/* The next element, which must have |tag|; else |r| has an error. */
bool lnl_der_take(struct lnl_reader *r, uint8_t tag, struct lnl_der *out);
/* As lnl_der_take, and starts |inner| on the contents (on nothing after an error). */
bool lnl_der_enter(struct lnl_reader *r, uint8_t tag, struct lnl_reader *inner);
/* Whether the contents of |d| are the |len| bytes at |oid|. */
bool lnl_der_is_oid(const struct lnl_der *d, const void *oid, size_t len);
/*
 * UTCTime or GeneralizedTime as X.509 has them, in seconds since 1970 (0 for all before).
 * LNL_E_FORMAT.
 */
int lnl_der_seconds(const struct lnl_der *d, uint64_t *out);

#endif
