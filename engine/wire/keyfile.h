/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenVPN's own key files: static keys (tls-auth, tls-crypt), tls-crypt-v2 client and server keys.
 */
#ifndef LNL_WIRE_KEYFILE_H
#define LNL_WIRE_KEYFILE_H

#include "wire/buf.h"

/* key[0]{cipher 64, hmac 64}, key[1]{cipher 64, hmac 64} (PROTOCOL 1.2). */
#define LNL_STATIC_KEY_LEN    256
#define LNL_V2_SERVER_KEY_LEN 128 /* Ke 64, Ka 64 */
#define LNL_WKC_MAX	      1024
#define LNL_TOKEN_KEY_LEN     64

struct lnl_static_key {
	uint8_t bytes[LNL_STATIC_KEY_LEN];
};

/* A tls-crypt-v2 client key: Kc, and the wrapped form WKc that only the server can read. */
struct lnl_v2_client_key {
	struct lnl_static_key kc;
	uint16_t wkc_len;
	uint8_t wkc[LNL_WKC_MAX];
};

/*
 * The readers pass over whatever stands before the BEGIN line; inside the block blank lines and
 * lines that start with '#' are passed over, and blanks anywhere. They give LNL_E_FORMAT, and a
 * zeroed |out|, when there is no such block, it has no END line, or it does not hold what it
 * should.
 */

/* "OpenVPN Static key V1": 256 bytes in hex out of |len| characters at |text|. */
int lnl_keyfile_static(struct lnl_static_key *out, const char *text, size_t len);

/*
 * "OpenVPN tls-crypt-v2 client key": base64 of Kc, then WKc, whose last two bytes (big-endian) must
 * be WKc's length. The caller wipes |out|.
 */
int lnl_keyfile_v2_client(struct lnl_v2_client_key *out, const char *text, size_t len);

/* "OpenVPN tls-crypt-v2 server key": 128 bytes in base64. */
int lnl_keyfile_v2_server(uint8_t out[LNL_V2_SERVER_KEY_LEN], const char *text, size_t len);

/*
 * "OpenVPN auth-token server key": at least 64 bytes in base64, of which the first 64 count. A text
 * without such a block may also be the base64 alone.
 */
int lnl_keyfile_token(uint8_t out[LNL_TOKEN_KEY_LEN], const char *text, size_t len);

/* Which of a static key's four 64-byte parts: |slot| 0 or 1. */
static inline const uint8_t *lnl_static_cipher(const struct lnl_static_key *k, unsigned slot)
{
	return k->bytes + 128 * (slot & 1);
}

static inline const uint8_t *lnl_static_hmac(const struct lnl_static_key *k, unsigned slot)
{
	return k->bytes + 128 * (slot & 1) + 64;
}

#endif
