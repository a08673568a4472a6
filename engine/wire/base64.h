/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Base64 (RFC 4648, with padding), as challenges and tls-crypt-v2 key files use it. */
#ifndef LNL_WIRE_BASE64_H
#define LNL_WIRE_BASE64_H

#include "wire/buf.h"

/* Writes |len| bytes as base64; the writer's error says whether they fitted. */
void lnl_base64_write(struct lnl_writer *w, const void *data, size_t len);

/*
 * Decodes |len| characters at |text|, which hold no white space. Returns the bytes written to
 * |out|; LNL_E_SPACE when they are more than |cap|; LNL_E_FORMAT, also for padding that is missing
 * or stands inside, and for a last group whose unused bits are not zero. After an error |out| is
 * undefined.
 */
int lnl_base64_read(uint8_t *out, size_t cap, const char *text, size_t len);

/* How many bytes lnl_base64_read would write, or LNL_E_FORMAT. */
int lnl_base64_count(const char *text, size_t len);

#endif
