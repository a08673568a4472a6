/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A TLS 1.3 server that leaves out what it should say (RFC 8446, X25519 and TLS_AES_128_GCM_SHA256
 * only). Asked to say all of it, it is a good server: so what a client refuses, it refuses for the
 * omission.
 */
#ifndef LNL_TEST_CRYPTO_LIAR_H
#define LNL_TEST_CRYPTO_LIAR_H

#include "test_crypto_env.h"

#include "crypto/wolfssl_tls.h"

#include <wolfssl/wolfcrypt/curve25519.h>
#include <wolfssl/wolfcrypt/ecc.h>

struct liar_says {
	bool certificate;
	bool empty_certificate; /* the message, with no certificate in it */
	bool verify;
	bool finished;
	bool bad_finished;
};

struct liar {
	uint8_t out[16384]; /* records to send */
	size_t len;
	uint8_t transcript[32768];
	size_t transcript_len;
	uint8_t server_secret[32], key[16], iv[12];
	uint64_t sequence;
};

static inline void liar_hash(const struct liar *l, uint8_t out[32])
{
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, l->transcript, l->transcript_len, out), 0);
}

/* Derive-Secret and HKDF-Expand-Label (RFC 8446, 7.1). */
static inline void liar_expand(uint8_t *out, word32 len, const uint8_t *secret, const char *label,
			       const uint8_t *context, word32 context_len)
{
	assert_int_equal(wc_Tls13_HKDF_Expand_Label(out, len, secret, 32, (const byte *)"tls13 ", 6,
						    (const byte *)label, (word32)strlen(label),
						    context, context_len, WC_SHA256),
			 0);
}

static inline void liar_keys(struct liar *l, const uint8_t shared[32])
{
	uint8_t zeros[32] = { 0 }, early[32], derived[32], handshake[32], hash[32], ikm[32];

	memcpy(ikm, zeros, 32);
	assert_int_equal(wc_Tls13_HKDF_Extract(early, NULL, 0, ikm, 32, WC_SHA256), 0);
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, NULL, 0, hash), 0);
	liar_expand(derived, 32, early, "derived", hash, 32);
	memcpy(ikm, shared, 32);
	assert_int_equal(wc_Tls13_HKDF_Extract(handshake, derived, 32, ikm, 32, WC_SHA256), 0);
	liar_hash(l, hash);
	liar_expand(l->server_secret, 32, handshake, "s hs traffic", hash, 32);
	liar_expand(l->key, 16, l->server_secret, "key", NULL, 0);
	liar_expand(l->iv, 12, l->server_secret, "iv", NULL, 0);
}

/*
 * Appends a handshake message to the transcript and, sealed once there are keys, to what is sent.
 */
static inline void liar_send(struct liar *l, const struct lnl_env *env, uint8_t type,
			     const void *body, size_t len, bool sealed)
{
	uint8_t *msg = l->transcript + l->transcript_len, *record = l->out + l->len;
	uint8_t nonce[12];
	struct lnl_aead *a;

	assert_true(l->transcript_len + len + 4 <= sizeof(l->transcript));
	memcpy(msg, (uint8_t[]){ type, 0, (uint8_t)(len >> 8), (uint8_t)len }, 4);
	memcpy(msg + 4, body, len);
	len += 4;
	l->transcript_len += len;
	size_t size = sealed ? len + 1 + LNL_TAG_LEN : len;
	assert_true(l->len + 5 + size <= sizeof(l->out));
	memcpy(record, (uint8_t[]){ sealed ? 23 : 22, 3, 3, (uint8_t)(size >> 8), (uint8_t)size },
	       5);
	memcpy(record + 5, msg, len);
	l->len += 5 + size;
	if (!sealed)
		return;
	record[5 + len] = 22;
	memcpy(nonce, l->iv, 12);
	nonce[11] ^= (uint8_t)l->sequence++;
	assert_int_equal(lnl_aead_new(&a, env, LNL_CIPHER_AES_128_GCM, l->key), 0);
	assert_int_equal(lnl_aead_seal(a, nonce, record, 5, record + 5, record + 5, len + 1,
				       record + 5 + len + 1),
			 0);
	lnl_aead_free(a);
}

/* The X25519 share and the session id of a client's hello. */
static inline void liar_read_hello(const uint8_t *hello, size_t len, uint8_t share[32],
				   const uint8_t **session, size_t *session_len)
{
	struct lnl_reader r, extension, entry;
	bool found = false;

	lnl_reader_init(&r, hello + 4 + 34, len - 4 - 34);
	*session_len = lnl_read_u8(&r);
	*session = lnl_read_bytes(&r, *session_len);
	lnl_read_bytes(&r, lnl_read_u16(&r));
	lnl_read_bytes(&r, lnl_read_u8(&r));
	lnl_read_u16(&r);
	while (lnl_reader_left(&r) > 0) {
		unsigned type = lnl_read_u16(&r);
		size_t n = lnl_read_u16(&r);
		const uint8_t *data = lnl_read_bytes(&r, n);

		if (type != 51)
			continue;
		lnl_reader_init(&extension, data, n);
		lnl_read_u16(&extension);
		while (lnl_reader_left(&extension) > 0) {
			unsigned group = lnl_read_u16(&extension);

			n = lnl_read_u16(&extension);
			data = lnl_read_bytes(&extension, n);
			lnl_reader_init(&entry, data, n);
			if (group == 29) {
				lnl_read_copy(&entry, share, 32);
				found = entry.error == 0;
			}
		}
	}
	assert_true(found && r.error == 0);
}

/* An ephemeral key: the public half to |ours|, what both then share to |shared|. */
static inline void liar_exchange(uint8_t ours[32], uint8_t shared[32], const uint8_t theirs[32])
{
	curve25519_key key, peer;
	WC_RNG rng;
	word32 n = 32;

	assert_int_equal(wc_InitRng(&rng), 0);
	assert_int_equal(wc_curve25519_init(&key), 0);
	assert_int_equal(wc_curve25519_init(&peer), 0);
	assert_int_equal(wc_curve25519_make_key(&rng, 32, &key), 0);
	assert_int_equal(wc_curve25519_export_public_ex(&key, ours, &n, EC25519_LITTLE_ENDIAN), 0);
	assert_int_equal(wc_curve25519_import_public_ex(theirs, 32, &peer, EC25519_LITTLE_ENDIAN),
			 0);
	n = 32;
	assert_int_equal(wc_curve25519_shared_secret_ex(&key, &peer, shared, &n,
							EC25519_LITTLE_ENDIAN),
			 0);
	wc_curve25519_free(&key);
	wc_curve25519_free(&peer);
	wc_FreeRng(&rng);
}

/* CertificateVerify's contents: ECDSA with SHA-256 (RFC 8446, 4.4.3). */
static inline size_t liar_sign(const struct liar *l, const uint8_t *key_der, size_t key_len,
			       uint8_t *out)
{
	uint8_t content[64 + 34 + 32], hash[32];
	word32 index = 0, n = 128;
	ecc_key key;
	WC_RNG rng;

	memset(content, ' ', 64);
	memcpy(content + 64, "TLS 1.3, server CertificateVerify", 34);
	liar_hash(l, content + 98);
	assert_int_equal(lnl_digest(LNL_DIGEST_SHA256, content, sizeof(content), hash), 0);
	assert_int_equal(wc_InitRng(&rng), 0);
	assert_int_equal(wc_ecc_init(&key), 0);
	assert_int_equal(wc_EccPrivateKeyDecode(key_der, &index, &key, (word32)key_len), 0);
	assert_int_equal(wc_ecc_sign_hash(hash, 32, out + 4, &n, &rng, &key), 0);
	memcpy(out, (uint8_t[]){ 4, 3, 0, (uint8_t)n }, 4);
	wc_ecc_free(&key);
	wc_FreeRng(&rng);
	return 4 + n;
}

static inline void liar_certificate(struct liar *l, const struct lnl_env *env,
				    const struct liar_says *says, const uint8_t *der, size_t len)
{
	uint8_t body[4096] = { 0 };
	size_t list = says->empty_certificate ? 0 : 3 + len + 2;

	body[2] = (uint8_t)(list >> 8);
	body[3] = (uint8_t)list;
	body[5] = (uint8_t)(len >> 8);
	body[6] = (uint8_t)len;
	memcpy(body + 7, der, len);
	liar_send(l, env, 11, body, 4 + list, true);
}

/* The server's whole flight in answer to the record |hello|; |cert| and |key| in DER. */
static inline void liar_answer(struct liar *l, const struct lnl_env *env,
			       const struct liar_says *says, const uint8_t *hello, size_t hello_len,
			       const uint8_t *cert, size_t cert_len, const uint8_t *key,
			       size_t key_len)
{
	uint8_t share[32], ours[32], shared[32], body[256], hash[32];
	const uint8_t *session;
	size_t session_len;
	struct lnl_writer w;
	struct lnl_hmac *h;

	*l = (struct liar){ 0 };
	liar_read_hello(hello + 5, hello_len - 5, share, &session, &session_len);
	memcpy(l->transcript, hello + 5, hello_len - 5);
	l->transcript_len = hello_len - 5;
	liar_exchange(ours, shared, share);
	lnl_writer_init(&w, body, sizeof(body));
	lnl_write_u16(&w, 0x0303);
	memset(lnl_write_space(&w, 32), 0x5a, 32);
	lnl_write_u8(&w, (uint8_t)session_len);
	lnl_write_bytes(&w, session, session_len);
	lnl_write_u16(&w, 0x1301);
	lnl_write_u8(&w, 0);
	lnl_write_u16(&w, 6 + 8 + 32);
	lnl_write_bytes(&w, (uint8_t[]){ 0, 43, 0, 2, 3, 4, 0, 51, 0, 36, 0, 29, 0, 32 }, 14);
	lnl_write_bytes(&w, ours, 32);
	liar_send(l, env, 2, body, lnl_writer_len(&w), false);
	liar_keys(l, shared);
	liar_send(l, env, 8, (uint8_t[]){ 0, 0 }, 2, true);
	if (says->certificate || says->empty_certificate)
		liar_certificate(l, env, says, cert, cert_len);
	if (says->verify)
		liar_send(l, env, 15, body, liar_sign(l, key, key_len, body), true);
	if (!says->finished)
		return;
	uint8_t finished[32];
	liar_expand(finished, 32, l->server_secret, "finished", NULL, 0);
	liar_hash(l, hash);
	assert_int_equal(lnl_hmac_new(&h, env, LNL_DIGEST_SHA256, finished, 32), 0);
	assert_int_equal(lnl_hmac_run(h, &(struct lnl_piece){ hash, 32 }, 1, finished), 0);
	lnl_hmac_free(h);
	finished[0] ^= says->bad_finished;
	liar_send(l, env, 20, finished, 32, true);
}

#endif
