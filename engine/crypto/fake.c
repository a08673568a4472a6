/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * crypto.h without cryptography, for the simulator and the fuzzers: deterministic, quick, and blind
 * to nothing that is changed on the way. Never linked into a program that meets a network.
 */
#include "crypto/fake.h"

#include <string.h>

/* The environment is per process here because it is in the real thing. */
static struct {
	unsigned users;
	const struct lnl_env *env;
	uint64_t drawn;
} library;

/* ---- the mixer ---- */

static uint64_t scramble(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

struct fake_mix fake_start(uint64_t purpose)
{
	return (struct fake_mix){ scramble(purpose + 1), scramble(~purpose) };
}

static void absorb_word(struct fake_mix *m, uint64_t word)
{
	m->a = scramble(m->a ^ word);
	m->b = (m->b + word) * UINT64_C(0x9e3779b97f4a7c15) + m->a;
}

void fake_absorb(struct fake_mix *m, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t word;

	absorb_word(m, len);
	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		absorb_word(m, word);
	}
	if (len > 0) {
		word = 0;
		memcpy(&word, p, len);
		absorb_word(m, word);
	}
}

static uint64_t word_at(const struct fake_mix *m, uint64_t i)
{
	return scramble(m->a + i * UINT64_C(0x9e3779b97f4a7c15)) ^ scramble(m->b ^ ~i);
}

void fake_squeeze(const struct fake_mix *m, uint8_t *out, size_t len)
{
	for (uint64_t i = 0; len > 0; i++) {
		uint64_t word = word_at(m, i);
		size_t n = len < 8 ? len : 8;

		memcpy(out, &word, n);
		out += n;
		len -= n;
	}
}

void fake_stream(const struct fake_mix *m, uint8_t *dst, const uint8_t *src, size_t len)
{
	uint8_t key[8];

	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0) {
			uint64_t word = word_at(m, i / 8);

			memcpy(key, &word, 8);
		}
		dst[i] = src[i] ^ key[i % 8];
	}
}

/* ---- the library ---- */

int lnl_crypto_init(const struct lnl_env *env)
{
	uint8_t probe[8];

	if (library.users == 0) {
		if (env != NULL && env->random(env->ctx, probe, sizeof(probe)) != 0)
			return LNL_E_RANDOM;
		library.env = env;
		library.drawn = 0;
	}
	library.users++;
	return 0;
}

void lnl_crypto_deinit(void)
{
	if (library.users > 0)
		library.users--;
}

const char *lnl_crypto_version(void)
{
	return "0.0.0-fake";
}

bool lnl_crypto_has_assembly(void)
{
	return false;
}

int lnl_crypto_random(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	if (library.users == 0)
		return LNL_E_RANDOM;
	if (library.env != NULL)
		return library.env->random(library.env->ctx, out, len);
	struct fake_mix m = fake_start(++library.drawn);
	fake_squeeze(&m, out, len);
	return 0;
}

/* ---- digest, HMAC, PRF ---- */

int lnl_digest(enum lnl_digest d, const void *data, size_t len, uint8_t *out)
{
	struct fake_mix m = fake_start(0x100 + (uint64_t)d);

	if (lnl_digest_len(d) == 0)
		return LNL_E_UNSUPPORTED;
	fake_absorb(&m, data, len);
	fake_squeeze(&m, out, lnl_digest_len(d));
	return 0;
}

struct lnl_hmac {
	const struct lnl_env *env;
	enum lnl_digest digest;
	struct fake_mix keyed;
};

int lnl_hmac_new(struct lnl_hmac **out, const struct lnl_env *env, enum lnl_digest d,
		 const uint8_t *key, size_t key_len)
{
	if (lnl_digest_len(d) == 0)
		return LNL_E_UNSUPPORTED;
	if (key_len == 0)
		return LNL_E_KEY;
	struct lnl_hmac *h = lnl_alloc(env, sizeof(*h));
	if (h == NULL)
		return LNL_E_NOMEM;
	*h = (struct lnl_hmac){ env, d, fake_start(0x200 + (uint64_t)d) };
	fake_absorb(&h->keyed, key, key_len);
	*out = h;
	return 0;
}

void lnl_hmac_free(struct lnl_hmac *h)
{
	if (h == NULL)
		return;
	const struct lnl_env *env = h->env;
	lnl_secret_wipe(h, sizeof(*h));
	lnl_release(env, h);
}

int lnl_hmac_run(struct lnl_hmac *h, const struct lnl_piece *pieces, unsigned n, uint8_t *out)
{
	struct fake_mix m = h->keyed;

	/* Byte by byte, since how a message is cut into pieces must not matter. */
	for (unsigned i = 0; i < n; i++) {
		const uint8_t *p = pieces[i].data;

		for (size_t k = 0; k < pieces[i].len; k++)
			absorb_word(&m, p[k]);
	}
	fake_squeeze(&m, out, lnl_digest_len(h->digest));
	return 0;
}

int lnl_hmac_once(enum lnl_digest d, const uint8_t *key, size_t key_len,
		  const struct lnl_piece *pieces, unsigned n, uint8_t *out)
{
	struct lnl_hmac h = { .digest = d, .keyed = fake_start(0x200 + (uint64_t)d) };

	if (lnl_digest_len(d) == 0)
		return LNL_E_UNSUPPORTED;
	if (key_len == 0)
		return LNL_E_KEY;
	fake_absorb(&h.keyed, key, key_len);
	return lnl_hmac_run(&h, pieces, n, out);
}

int lnl_prf_tls10(uint8_t *out, size_t out_len, const uint8_t *secret, size_t secret_len,
		  const char *label, const uint8_t *seed, size_t seed_len)
{
	struct fake_mix m = fake_start(0x300);

	if (secret_len == 0 || secret_len > 512 || out_len == 0 || out_len > 256 ||
	    strlen(label) > 256 || seed_len > 256 - strlen(label))
		return LNL_E_KEY;
	fake_absorb(&m, secret, secret_len);
	fake_absorb(&m, label, strlen(label));
	fake_absorb(&m, seed, seed_len);
	fake_squeeze(&m, out, out_len);
	return 0;
}

/* ---- ciphers ---- */

struct lnl_aead {
	const struct lnl_env *env;
	struct fake_mix keyed;
};

static struct fake_mix key_mix(uint64_t purpose, enum lnl_cipher c, const uint8_t *key)
{
	struct fake_mix m = fake_start(purpose + (uint64_t)c);

	fake_absorb(&m, key, lnl_cipher_key_len(c));
	return m;
}

int lnl_aead_new(struct lnl_aead **out, const struct lnl_env *env, enum lnl_cipher c,
		 const uint8_t *key)
{
	if (!lnl_cipher_is_aead(c))
		return LNL_E_UNSUPPORTED;
	struct lnl_aead *a = lnl_alloc(env, sizeof(*a));
	if (a == NULL)
		return LNL_E_NOMEM;
	*a = (struct lnl_aead){ env, key_mix(0x400, c, key) };
	*out = a;
	return 0;
}

void lnl_aead_free(struct lnl_aead *a)
{
	if (a == NULL)
		return;
	const struct lnl_env *env = a->env;
	lnl_secret_wipe(a, sizeof(*a));
	lnl_release(env, a);
}

void lnl_aead_near(const struct lnl_aead *a)
{
	(void)a; /* it takes no time, and is measured by nobody */
}

static void make_tag(const struct fake_mix *nonced, const void *ad, size_t ad_len,
		     const uint8_t *sealed, size_t len, uint8_t *tag)
{
	struct fake_mix m = *nonced;

	fake_absorb(&m, ad, ad_len);
	fake_absorb(&m, sealed, len);
	fake_squeeze(&m, tag, LNL_TAG_LEN);
}

int lnl_aead_seal(struct lnl_aead *a, const uint8_t nonce[LNL_NONCE_LEN], const void *ad,
		  size_t ad_len, uint8_t *dst, const uint8_t *src, size_t len,
		  uint8_t tag[LNL_TAG_LEN])
{
	struct fake_mix m = a->keyed;

	fake_absorb(&m, nonce, LNL_NONCE_LEN);
	fake_stream(&m, dst, src, len);
	make_tag(&m, ad, ad_len, dst, len, tag);
	return 0;
}

int lnl_aead_open(struct lnl_aead *a, const uint8_t nonce[LNL_NONCE_LEN], const void *ad,
		  size_t ad_len, uint8_t *dst, const uint8_t *src, size_t len,
		  const uint8_t tag[LNL_TAG_LEN])
{
	struct fake_mix m = a->keyed;
	uint8_t expected[LNL_TAG_LEN];

	fake_absorb(&m, nonce, LNL_NONCE_LEN);
	make_tag(&m, ad, ad_len, src, len, expected);
	if (!lnl_secret_equal(expected, tag, LNL_TAG_LEN))
		return LNL_E_AUTH;
	fake_stream(&m, dst, src, len);
	return 0;
}

struct lnl_cbc {
	const struct lnl_env *env;
	struct fake_mix keyed;
};

int lnl_cbc_new(struct lnl_cbc **out, const struct lnl_env *env, enum lnl_cipher c,
		const uint8_t *key, bool encrypt)
{
	(void)encrypt; /* a stream is its own inverse */
	if (lnl_cipher_is_aead(c) || lnl_cipher_key_len(c) == 0)
		return LNL_E_UNSUPPORTED;
	struct lnl_cbc *b = lnl_alloc(env, sizeof(*b));
	if (b == NULL)
		return LNL_E_NOMEM;
	*b = (struct lnl_cbc){ env, key_mix(0x500, c, key) };
	*out = b;
	return 0;
}

void lnl_cbc_free(struct lnl_cbc *c)
{
	if (c == NULL)
		return;
	const struct lnl_env *env = c->env;
	lnl_secret_wipe(c, sizeof(*c));
	lnl_release(env, c);
}

int lnl_cbc_run(struct lnl_cbc *c, const uint8_t iv[LNL_BLOCK_LEN], uint8_t *dst,
		const uint8_t *src, size_t len)
{
	struct fake_mix m = c->keyed;

	if (len % LNL_BLOCK_LEN != 0)
		return LNL_E_INVAL;
	fake_absorb(&m, iv, LNL_BLOCK_LEN);
	fake_stream(&m, dst, src, len);
	return 0;
}

int lnl_ctr_run(const uint8_t key[32], const uint8_t iv[16], uint8_t *dst, const uint8_t *src,
		size_t len)
{
	struct fake_mix m = fake_start(0x600);

	fake_absorb(&m, key, 32);
	fake_absorb(&m, iv, 16);
	fake_stream(&m, dst, src, len);
	return 0;
}
