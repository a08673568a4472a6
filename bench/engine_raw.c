/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bench/engine_raw.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/wolfssl_compat.h"

#include <wolfssl/wolfcrypt/chacha20_poly1305.h>

#define AD_LEN 8

struct raw {
	enum lnl_cipher cipher;
	Aes send;
	Aes recv;
	Hmac hmac;
	uint8_t key[32];
	uint8_t nonce[LNL_NONCE_LEN];
};

static bool is_cbc(enum lnl_cipher cipher)
{
	return !lnl_cipher_is_aead(cipher);
}

static int set_keys(struct raw *r)
{
	word32 len = (word32)lnl_cipher_key_len(r->cipher);
	int error = wc_AesInit(&r->send, NULL, INVALID_DEVID) |
		    wc_AesInit(&r->recv, NULL, INVALID_DEVID);

	if (r->cipher == LNL_CIPHER_CHACHA20_POLY1305)
		return error;
	if (!is_cbc(r->cipher))
		return error | wc_AesGcmSetKey(&r->send, r->key, len) |
		       wc_AesGcmSetKey(&r->recv, r->key, len);
	return error | wc_AesSetKey(&r->send, r->key, len, NULL, AES_ENCRYPTION) |
	       wc_AesSetKey(&r->recv, r->key, len, NULL, AES_DECRYPTION) |
	       wc_HmacInit(&r->hmac, NULL, INVALID_DEVID) |
	       wc_HmacSetKey(&r->hmac, WC_SHA256, r->key, 32);
}

struct raw *raw_new(enum lnl_cipher cipher, const uint8_t key[32], const uint8_t nonce_end[8])
{
	struct raw *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->cipher = cipher;
	memcpy(r->key, key, sizeof(r->key));
	memcpy(r->nonce + 4, nonce_end, 8);
	if (set_keys(r) != 0) {
		raw_free(r);
		return NULL;
	}
	return r;
}

void raw_free(struct raw *r)
{
	if (r == NULL)
		return;
	wc_AesFree(&r->send);
	wc_AesFree(&r->recv);
	if (is_cbc(r->cipher))
		wc_HmacFree(&r->hmac);
	free(r);
}

static void set_nonce(struct raw *r, uint32_t id)
{
	r->nonce[0] = (uint8_t)(id >> 24);
	r->nonce[1] = (uint8_t)(id >> 16);
	r->nonce[2] = (uint8_t)(id >> 8);
	r->nonce[3] = (uint8_t)id;
}

static int seal_one(struct raw *r, const struct raw_packet *p)
{
	const uint8_t *from = p->from != NULL ? p->from : p->text;

	switch (r->cipher) {
	case LNL_CIPHER_CHACHA20_POLY1305:
		return wc_ChaCha20Poly1305_Encrypt(r->key, r->nonce, p->ad, AD_LEN, from, p->len,
						   p->text, p->tag);
	case LNL_CIPHER_AES_128_CBC:
	case LNL_CIPHER_AES_192_CBC:
	case LNL_CIPHER_AES_256_CBC:
		return wc_AesSetIV(&r->send, p->iv) |
		       wc_AesCbcEncrypt(&r->send, p->text, p->text, p->len) |
		       wc_HmacUpdate(&r->hmac, p->iv, LNL_BLOCK_LEN + p->len) |
		       wc_HmacFinal(&r->hmac, p->tag);
	default:
		return wc_AesGcmEncrypt(&r->send, p->text, from, p->len, r->nonce, LNL_NONCE_LEN,
					p->tag, LNL_TAG_LEN, p->ad, AD_LEN);
	}
}

static int open_one(struct raw *r, const struct raw_packet *p)
{
	uint8_t mac[LNL_DIGEST_MAX];

	switch (r->cipher) {
	case LNL_CIPHER_CHACHA20_POLY1305:
		return wc_ChaCha20Poly1305_Decrypt(r->key, r->nonce, p->ad, AD_LEN, p->text, p->len,
						   p->tag, p->text);
	case LNL_CIPHER_AES_128_CBC:
	case LNL_CIPHER_AES_192_CBC:
	case LNL_CIPHER_AES_256_CBC:
		return wc_HmacUpdate(&r->hmac, p->iv, LNL_BLOCK_LEN + p->len) |
		       wc_HmacFinal(&r->hmac, mac) | (memcmp(mac, p->tag, 32) != 0) |
		       wc_AesSetIV(&r->recv, p->iv) |
		       wc_AesCbcDecrypt(&r->recv, p->text, p->text, p->len);
	default:
		return wc_AesGcmDecrypt(&r->recv, p->text, p->text, p->len, r->nonce, LNL_NONCE_LEN,
					p->tag, LNL_TAG_LEN, p->ad, AD_LEN);
	}
}

bool raw_seal(struct raw *r, const struct raw_packet *pkts, unsigned n, uint32_t id)
{
	int error = 0;

	for (unsigned i = 0; i < n; i++) {
		set_nonce(r, id + i);
		error |= seal_one(r, &pkts[i]);
	}
	return error == 0;
}

bool raw_open(struct raw *r, const struct raw_packet *pkts, unsigned n, uint32_t id)
{
	int error = 0;

	for (unsigned i = 0; i < n; i++) {
		set_nonce(r, id + i);
		error |= open_one(r, &pkts[i]);
	}
	return error == 0;
}
