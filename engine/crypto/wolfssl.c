/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The library's life, its randomness and clock, digests, HMAC and key derivation, by wolfSSL. */
#include "crypto/crypto.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "crypto/wolfssl_compat.h"

/*
 * wolfSSL keeps its seed and time callbacks per process and hands them no context, so what they
 * need is per process here, too. Everything else in this room hangs on an object.
 */
static struct {
	unsigned users;
	const struct lnl_env *env;
	WC_RNG rng;
	pid_t owner; /* of |rng| */
	wolfSSL_Mutex lock;
} library;

static int seed_from_env(OS_Seed *os, byte *seed, word32 len)
{
	(void)os;
	return library.env->random(library.env->ctx, seed, len) == 0 ? 0 : RAN_BLOCK_E;
}

static time_t time_from_env(time_t *out)
{
	time_t now = (time_t)library.env->wallclock(library.env->ctx);

	if (out != NULL)
		*out = now;
	return now;
}

/*
 * The library's own wiping has gaps: 5.9.2 decrypts a private key in place, moves it to the front,
 * and wipes only as far as it is long then. So what it frees is wiped as a whole. Blocks are plain
 * malloc's, which lets those be freed that were there before.
 */
static void wiping_free(void *p)
{
	if (p != NULL)
		lnl_secret_wipe(p, malloc_usable_size(p));
	free(p);
}

static void *wiping_realloc(void *p, size_t size)
{
	size_t old = p != NULL ? malloc_usable_size(p) : 0;
	void *other = malloc(size);

	if (other != NULL && p != NULL) {
		memcpy(other, p, old < size ? old : size);
		wiping_free(p);
	}
	return other;
}

/* But a program that has set allocators keeps them. */
static void wipe_what_is_freed(bool on)
{
	wolfSSL_Malloc_cb allocate = NULL;
	wolfSSL_Free_cb release = NULL;
	wolfSSL_Realloc_cb resize = NULL;

	wolfSSL_GetAllocators(&allocate, &release, &resize);
	if (on && release == NULL)
		wolfSSL_SetAllocators(malloc, wiping_free, wiping_realloc);
	else if (!on && release == wiping_free)
		wolfSSL_SetAllocators(NULL, NULL, NULL);
}

static int start_library(void)
{
	wipe_what_is_freed(true);
	if (wolfSSL_Init() != WOLFSSL_SUCCESS)
		return LNL_E_NOMEM;
	/* After wolfSSL_Init, which sets its own. */
	if (library.env != NULL) {
		wc_SetSeed_Cb(seed_from_env);
		wc_SetTimeCb(time_from_env);
	}
	if (wc_InitRng(&library.rng) != 0)
		goto no_random;
	if (wc_InitMutex(&library.lock) != 0)
		goto no_lock;
	library.owner = getpid();
	return 0;
no_lock:
	wc_FreeRng(&library.rng);
no_random:
	wc_SetTimeCb(NULL);
	wolfSSL_Cleanup();
	return LNL_E_RANDOM;
}

int lnl_crypto_init(const struct lnl_env *env)
{
	if (library.users == 0) {
		library.env = env;
		int error = start_library();
		if (error != 0)
			return error;
	}
	library.users++;
	return 0;
}

void lnl_crypto_deinit(void)
{
	if (library.users == 0 || --library.users > 0)
		return;
	wc_FreeMutex(&library.lock);
	wc_FreeRng(&library.rng);
	wc_SetTimeCb(NULL);
	wolfSSL_Cleanup();
	wipe_what_is_freed(false);
	lnl_secret_wipe(&library, sizeof(library));
}

const char *lnl_crypto_version(void)
{
	return wolfSSL_lib_version();
}

bool lnl_crypto_has_assembly(void)
{
	return LNL_WOLFSSL_ASSEMBLY;
}

/* A child of fork would draw what its parent draws (5.5.4 does not notice): it seeds anew. */
static int own_generator(void)
{
	pid_t self = getpid();

	if (library.owner == self)
		return 0;
	wc_FreeRng(&library.rng);
	int error = wc_InitRng(&library.rng);
	if (error == 0)
		library.owner = self;
	return error;
}

int lnl_crypto_random(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	if (library.users == 0 || wc_LockMutex(&library.lock) != 0)
		return LNL_E_RANDOM;
	int error = own_generator();
	while (len > 0 && error == 0) {
		word32 part = len > RNG_MAX_BLOCK_LEN ? RNG_MAX_BLOCK_LEN : (word32)len;

		error = wc_RNG_GenerateBlock(&library.rng, out, part);
		out += part;
		len -= part;
	}
	wc_UnLockMutex(&library.lock);
	return error == 0 ? 0 : LNL_E_RANDOM;
}

static enum wc_HashType hash_type(enum lnl_digest d)
{
	static const enum wc_HashType types[] = {
		[LNL_DIGEST_NONE] = WC_HASH_TYPE_NONE,
		[LNL_DIGEST_MD5] = WC_HASH_TYPE_MD5,
		[LNL_DIGEST_SHA1] = WC_HASH_TYPE_SHA,
		[LNL_DIGEST_SHA224] = WC_HASH_TYPE_SHA224,
		[LNL_DIGEST_SHA256] = WC_HASH_TYPE_SHA256,
		[LNL_DIGEST_SHA384] = WC_HASH_TYPE_SHA384,
		[LNL_DIGEST_SHA512] = WC_HASH_TYPE_SHA512,
	};

	return (size_t)d < sizeof(types) / sizeof(types[0]) ? types[d] : WC_HASH_TYPE_NONE;
}

int lnl_digest(enum lnl_digest d, const void *data, size_t len, uint8_t *out)
{
	static const uint8_t nothing;
	const uint8_t *in = len > 0 ? data : &nothing;

	if (lnl_digest_len(d) == 0 || len > UINT32_MAX ||
	    wc_Hash(hash_type(d), in, (word32)len, out, (word32)lnl_digest_len(d)) != 0)
		return LNL_E_UNSUPPORTED;
	return 0;
}

struct lnl_hmac {
	const struct lnl_env *env;
	Hmac hmac;
};

int lnl_hmac_new(struct lnl_hmac **out, const struct lnl_env *env, enum lnl_digest d,
		 const uint8_t *key, size_t key_len)
{
	if (lnl_digest_len(d) == 0)
		return LNL_E_UNSUPPORTED;
	if (key_len == 0 || key_len > UINT32_MAX)
		return LNL_E_KEY;
	struct lnl_hmac *h = lnl_alloc(env, sizeof(*h));
	if (h == NULL)
		return LNL_E_NOMEM;
	h->env = env;
	if (wc_HmacInit(&h->hmac, NULL, INVALID_DEVID) != 0 ||
	    wc_HmacSetKey(&h->hmac, (int)hash_type(d), key, (word32)key_len) != 0) {
		lnl_hmac_free(h);
		return LNL_E_UNSUPPORTED;
	}
	*out = h;
	return 0;
}

void lnl_hmac_free(struct lnl_hmac *h)
{
	if (h == NULL)
		return;
	wc_HmacFree(&h->hmac);
	const struct lnl_env *env = h->env;
	lnl_secret_wipe(h, sizeof(*h));
	lnl_release(env, h);
}

static int hash_pieces(Hmac *hmac, const struct lnl_piece *pieces, unsigned n, uint8_t *out)
{
	int error = 0;

	for (unsigned i = 0; i < n; i++) {
		if (pieces[i].len > UINT32_MAX)
			error = BAD_FUNC_ARG;
		else if (pieces[i].len > 0 && error == 0)
			error = wc_HmacUpdate(hmac, pieces[i].data, (word32)pieces[i].len);
	}
	/* Also after an error: this is what makes it ready for the next message. */
	if (wc_HmacFinal(hmac, out) != 0)
		error = BAD_FUNC_ARG;
	return error == 0 ? 0 : LNL_E_KEY;
}

int lnl_hmac_run(struct lnl_hmac *h, const struct lnl_piece *pieces, unsigned n, uint8_t *out)
{
	return hash_pieces(&h->hmac, pieces, n, out);
}

int lnl_hmac_once(enum lnl_digest d, const uint8_t *key, size_t key_len,
		  const struct lnl_piece *pieces, unsigned n, uint8_t *out)
{
	int error = LNL_E_UNSUPPORTED;
	Hmac hmac;

	if (lnl_digest_len(d) == 0)
		return LNL_E_UNSUPPORTED;
	if (key_len == 0 || key_len > UINT32_MAX)
		return LNL_E_KEY;
	if (wc_HmacInit(&hmac, NULL, INVALID_DEVID) != 0)
		return LNL_E_UNSUPPORTED;
	if (wc_HmacSetKey(&hmac, (int)hash_type(d), key, (word32)key_len) == 0)
		error = hash_pieces(&hmac, pieces, n, out);
	wc_HmacFree(&hmac);
	lnl_secret_wipe(&hmac, sizeof(hmac));
	return error;
}

/*
 * The data channel's key block, the longest that is asked for, and the longest label with its seed.
 */
#define PRF_OUT_MAX  256
#define PRF_SEED_MAX 256

int lnl_prf_tls10(uint8_t *out, size_t out_len, const uint8_t *secret, size_t secret_len,
		  const char *label, const uint8_t *seed, size_t seed_len)
{
	uint8_t sha[PRF_OUT_MAX];
	uint8_t labelled[PRF_SEED_MAX];
	size_t label_len = strlen(label);
	/* Two halves that share the middle byte when the length is odd. */
	word32 half = (word32)((secret_len + 1) / 2);

	if (secret_len == 0 || secret_len > 512 || out_len == 0 || out_len > sizeof(sha) ||
	    label_len > sizeof(labelled) || seed_len > sizeof(labelled) - label_len)
		return LNL_E_KEY;
	memcpy(labelled, label, label_len);
	memcpy(labelled + label_len, seed, seed_len);
	/*
	 * wc_PRF_TLSv1 stops at 224 bytes, and the data channel's key block has 256: so its two
	 * parts here.
	 */
	int error = wc_PRF(out, (word32)out_len, secret, half, labelled,
			   (word32)(label_len + seed_len), md5_mac, NULL, INVALID_DEVID);
	if (error == 0)
		error = wc_PRF(sha, (word32)out_len, secret + secret_len - half, half, labelled,
			       (word32)(label_len + seed_len), sha_mac, NULL, INVALID_DEVID);
	if (error == 0) {
		for (size_t i = 0; i < out_len; i++)
			out[i] ^= sha[i];
	} else {
		lnl_secret_wipe(out, out_len);
	}
	lnl_secret_wipe(sha, sizeof(sha));
	lnl_secret_wipe(labelled, sizeof(labelled));
	if (error == 0)
		return 0;
	return error == HASH_TYPE_E ? LNL_E_UNSUPPORTED : LNL_E_KEY;
}
