/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Writes DER from its end to its start, so that every length is known when it is written: first
 * what comes last, then what it is wrapped in.
 */
#ifndef LNL_CRYPTO_PKI_DER_H
#define LNL_CRYPTO_PKI_DER_H

#include "crypto/der.h"

/* After a write that does not fit, `error` is LNL_E_SPACE and nothing is written any more. */
struct lnl_der_writer {
	uint8_t *base;
	uint8_t *p; /* where what is written begins */
	uint8_t *end;
	int error;
};

/* Starts |w| on |cap| bytes at |data|. */
void lnl_der_begin(struct lnl_der_writer *w, void *data, size_t cap);
/* Bytes written so far. They begin at |p|. */
size_t lnl_der_len(const struct lnl_der_writer *w);
/* |len| bytes as they are, in front of what is there. */
void lnl_der_put(struct lnl_der_writer *w, const void *data, size_t len);
/* One byte. */
void lnl_der_put_byte(struct lnl_der_writer *w, uint8_t byte);
/* Tag and length of all that was written since |w| was |since| bytes long. */
void lnl_der_wrap(struct lnl_der_writer *w, uint8_t tag, size_t since);
/* An element with the |len| bytes at |data|. */
void lnl_der_element(struct lnl_der_writer *w, uint8_t tag, const void *data, size_t len);
/* INTEGER of a number, and of the |len| (at least one) big-endian bytes of a positive one. */
void lnl_der_put_number(struct lnl_der_writer *w, uint64_t value);
void lnl_der_put_integer(struct lnl_der_writer *w, const uint8_t *bytes, size_t len);
/* A time as X.509 has it: UTCTime to 2049, GeneralizedTime from 2050. */
void lnl_der_put_time(struct lnl_der_writer *w, uint64_t seconds);

#endif
