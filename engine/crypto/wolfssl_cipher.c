/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AEAD, CBC and CTR by wolfSSL. Keys are scheduled once; a packet is one call and allocates
 * nothing.
 */
#include "crypto/crypto.h"

#include "crypto/wolfssl_compat.h"

#define NEEDED 336 /* bytes that every packet looks at: AES's round keys and GCM's hash key */

/*
 * ChaCha20-Poly1305 is put together here: wolfSSL's one-shot call copies the key to its stack, and
 * leaves it there.
 */
struct chacha {
	ChaCha stream;
	Poly1305 poly;
};

struct lnl_aead {
	const struct lnl_env *env;
	enum lnl_cipher cipher;
	union {
		Aes aes;
		struct chacha chacha;
	} u;
};

int lnl_aead_new(struct lnl_aead **out, const struct lnl_env *env, enum lnl_cipher c,
		 const uint8_t *key)
{
	int error;

	if (!lnl_cipher_is_aead(c))
		return LNL_E_UNSUPPORTED;
	struct lnl_aead *a = lnl_alloc(env, sizeof(*a));
	if (a == NULL)
		return LNL_E_NOMEM;
	a->env = env;
	a->cipher = c;
	if (c == LNL_CIPHER_CHACHA20_POLY1305) {
		error = wc_Chacha_SetKey(&a->u.chacha.stream, key, CHACHA_MAX_KEY_SZ);
	} else {
		error = wc_AesInit(&a->u.aes, NULL, INVALID_DEVID);
		if (error == 0)
			error = wc_AesGcmSetKey(&a->u.aes, key, (word32)lnl_cipher_key_len(c));
	}
	if (error != 0) {
		lnl_aead_free(a);
		return LNL_E_KEY;
	}
	*out = a;
	return 0;
}

void lnl_aead_free(struct lnl_aead *a)
{
	if (a == NULL)
		return;
	if (a->cipher != LNL_CIPHER_CHACHA20_POLY1305)
		wc_AesFree(&a->u.aes);
	const struct lnl_env *env = a->env;
	lnl_secret_wipe(a, sizeof(*a));
	lnl_release(env, a);
}

void lnl_aead_near(const struct lnl_aead *a)
{
	const char *p = (const char *)a;

	if (a == NULL)
		return;
	lnl_touch(p);
	for (size_t i = LNL_LINE; i < NEEDED; i += LNL_LINE)
		__builtin_prefetch(p + i);
	__builtin_prefetch(p + NEEDED - 1); /* it may begin anywhere in a line */
#ifdef WOLFSSL_AESNI
	__builtin_prefetch(&a->u.aes.use_aesni); /* far behind, and the first that is looked at */
#endif
}

/* RFC 8439, 2.6 and 2.8: block 0 keys the authenticator, block 1 starts the stream. */
static int start_chacha(struct chacha *c, const uint8_t *nonce)
{
	uint8_t key[CHACHA_MAX_KEY_SZ] = { 0 };
	int error = wc_Chacha_SetIV(&c->stream, nonce, 0);

	if (error == 0)
		error = wc_Chacha_Process(&c->stream, key, key, sizeof(key));
	if (error == 0)
		error = wc_Poly1305SetKey(&c->poly, key, sizeof(key));
	if (error == 0)
		error = wc_Chacha_SetIV(&c->stream, nonce, 1);
	lnl_secret_wipe(key, sizeof(key));
	return error;
}

static int seal_chacha(struct chacha *c, const uint8_t *nonce, const void *ad, word32 ad_len,
		       uint8_t *dst, const uint8_t *src, word32 len, uint8_t *tag)
{
	int error = start_chacha(c, nonce);

	if (error == 0 && len > 0)
		error = wc_Chacha_Process(&c->stream, dst, src, len);
	if (error == 0)
		error = wc_Poly1305_MAC(&c->poly, ad, ad_len, dst, len, tag, LNL_TAG_LEN);
	return error;
}

static int open_chacha(struct chacha *c, const uint8_t *nonce, const void *ad, word32 ad_len,
		       uint8_t *dst, const uint8_t *src, word32 len, const uint8_t *tag)
{
	uint8_t expected[LNL_TAG_LEN];
	int error = start_chacha(c, nonce);

	if (error == 0)
		error = wc_Poly1305_MAC(&c->poly, ad, ad_len, src, len, expected, LNL_TAG_LEN);
	if (error == 0 && !lnl_secret_equal(expected, tag, LNL_TAG_LEN))
		error = MAC_CMP_FAILED_E;
	if (error == 0 && len > 0)
		error = wc_Chacha_Process(&c->stream, dst, src, len);
	return error;
}

int lnl_aead_seal(struct lnl_aead *a, const uint8_t nonce[LNL_NONCE_LEN], const void *ad,
		  size_t ad_len, uint8_t *dst, const uint8_t *src, size_t len,
		  uint8_t tag[LNL_TAG_LEN])
{
	int error;

	if (len > INT32_MAX || ad_len > INT32_MAX)
		return LNL_E_KEY;
	if (a->cipher == LNL_CIPHER_CHACHA20_POLY1305)
		error = seal_chacha(&a->u.chacha, nonce, ad, (word32)ad_len, dst, src, (word32)len,
				    tag);
	else
		error = wc_AesGcmEncrypt(&a->u.aes, dst, src, (word32)len, nonce, LNL_NONCE_LEN,
					 tag, LNL_TAG_LEN, ad, (word32)ad_len);
	return error == 0 ? 0 : LNL_E_KEY;
}

int lnl_aead_open(struct lnl_aead *a, const uint8_t nonce[LNL_NONCE_LEN], const void *ad,
		  size_t ad_len, uint8_t *dst, const uint8_t *src, size_t len,
		  const uint8_t tag[LNL_TAG_LEN])
{
	int error;

	if (len > INT32_MAX || ad_len > INT32_MAX)
		return LNL_E_AUTH;
	if (a->cipher == LNL_CIPHER_CHACHA20_POLY1305)
		error = open_chacha(&a->u.chacha, nonce, ad, (word32)ad_len, dst, src, (word32)len,
				    tag);
	else
		error = wc_AesGcmDecrypt(&a->u.aes, dst, src, (word32)len, nonce, LNL_NONCE_LEN,
					 tag, LNL_TAG_LEN, ad, (word32)ad_len);
	return error == 0 ? 0 : LNL_E_AUTH;
}

struct lnl_cbc {
	const struct lnl_env *env;
	bool encrypt;
	Aes aes;
};

int lnl_cbc_new(struct lnl_cbc **out, const struct lnl_env *env, enum lnl_cipher c,
		const uint8_t *key, bool encrypt)
{
	if (lnl_cipher_is_aead(c) || lnl_cipher_key_len(c) == 0)
		return LNL_E_UNSUPPORTED;
	struct lnl_cbc *b = lnl_alloc(env, sizeof(*b));
	if (b == NULL)
		return LNL_E_NOMEM;
	b->env = env;
	b->encrypt = encrypt;
	if (wc_AesInit(&b->aes, NULL, INVALID_DEVID) != 0 ||
	    wc_AesSetKey(&b->aes, key, (word32)lnl_cipher_key_len(c), NULL,
			 encrypt ? AES_ENCRYPTION : AES_DECRYPTION) != 0) {
		lnl_cbc_free(b);
		return LNL_E_KEY;
	}
	*out = b;
	return 0;
}

void lnl_cbc_free(struct lnl_cbc *c)
{
	if (c == NULL)
		return;
	wc_AesFree(&c->aes);
	const struct lnl_env *env = c->env;
	lnl_secret_wipe(c, sizeof(*c));
	lnl_release(env, c);
}

int lnl_cbc_run(struct lnl_cbc *c, const uint8_t iv[LNL_BLOCK_LEN], uint8_t *dst,
		const uint8_t *src, size_t len)
{
	int error;

	if (len % LNL_BLOCK_LEN != 0 || len > INT32_MAX)
		return LNL_E_INVAL;
	if (len == 0)
		return 0;
	error = wc_AesSetIV(&c->aes, iv);
	if (error == 0)
		error = c->encrypt ? wc_AesCbcEncrypt(&c->aes, dst, src, (word32)len)
				   : wc_AesCbcDecrypt(&c->aes, dst, src, (word32)len);
	return error == 0 ? 0 : LNL_E_KEY;
}

int lnl_ctr_run(const uint8_t key[32], const uint8_t iv[16], uint8_t *dst, const uint8_t *src,
		size_t len)
{
	Aes aes;
	int error;

	if (len > INT32_MAX || wc_AesInit(&aes, NULL, INVALID_DEVID) != 0)
		return LNL_E_KEY;
	error = wc_AesSetKey(&aes, key, 32, iv, AES_ENCRYPTION);
	if (error == 0 && len > 0)
		error = wc_AesCtrEncrypt(&aes, dst, src, (word32)len);
	wc_AesFree(&aes);
	lnl_secret_wipe(&aes, sizeof(aes));
	return error == 0 ? 0 : LNL_E_KEY;
}
