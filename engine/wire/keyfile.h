/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files that hold OpenVPN's own keys: static keys (tls-auth, tls-crypt) and tls-crypt-v2 client and server keys. */
#ifndef LNL_WIRE_KEYFILE_H
#define LNL_WIRE_KEYFILE_H

#include "wire/buf.h"

/* key[0]{cipher 64, hmac 64}, key[1]{cipher 64, hmac 64} (PROTOCOL 1.2). */
#define LNL_STATIC_KEY_LEN    256
#define LNL_V2_SERVER_KEY_LEN 128 /* Ke 64, Ka 64 */
#define LNL_WKC_MAX	      1024

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
 * Reads "-----BEGIN OpenVPN Static key V1-----" with 256 bytes of hex out of |len| characters at
 * |text|; whatever stands before BEGIN, blank lines and '#' comments are passed over. LNL_E_FORMAT when
 * there is no such block or it is not exactly 256 bytes.
 */
int lnl_keyfile_static(struct lnl_static_key *out, const char *text, size_t len);

/*
 * Reads "-----BEGIN OpenVPN tls-crypt-v2 client key-----" (base64 of Kc, then WKc). LNL_E_FORMAT; also when the
 * length at WKc's end (2 bytes, big-endian) is not WKc's length. The caller wipes |out|.
 */
int lnl_keyfile_v2_client(struct lnl_v2_client_key *out, const char *text, size_t len);

/* Reads "-----BEGIN OpenVPN tls-crypt-v2 server key-----": 128 bytes in base64. LNL_E_FORMAT. */
int lnl_keyfile_v2_server(uint8_t out[LNL_V2_SERVER_KEY_LEN], const char *text, size_t len);

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
