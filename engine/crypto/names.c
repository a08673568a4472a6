/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What digests and ciphers are called, and their sizes: the same whichever library answers. */
#include "crypto/crypto.h"

static const struct {
	const char *name; /* as in an OCC string */
	size_t len;
} digests[] = {
	[LNL_DIGEST_NONE] = { "[null-digest]", 0 }, [LNL_DIGEST_MD5] = { "MD5", 16 },
	[LNL_DIGEST_SHA1] = { "SHA1", 20 },	    [LNL_DIGEST_SHA224] = { "SHA224", 28 },
	[LNL_DIGEST_SHA256] = { "SHA256", 32 },	    [LNL_DIGEST_SHA384] = { "SHA384", 48 },
	[LNL_DIGEST_SHA512] = { "SHA512", 64 },
};

/*
 * Other names that profiles use: OpenSSL's with a hyphen, OpenSSL 3's, and the old signature names.
 */
static const struct {
	const char *name;
	enum lnl_digest digest;
} digest_aliases[] = {
	{ "none", LNL_DIGEST_NONE },	     { "RSA-MD5", LNL_DIGEST_MD5 },
	{ "SHA", LNL_DIGEST_SHA1 },	     { "SHA-1", LNL_DIGEST_SHA1 },
	{ "RSA-SHA1", LNL_DIGEST_SHA1 },     { "SHA-224", LNL_DIGEST_SHA224 },
	{ "SHA2-224", LNL_DIGEST_SHA224 },   { "RSA-SHA224", LNL_DIGEST_SHA224 },
	{ "SHA-256", LNL_DIGEST_SHA256 },    { "SHA2-256", LNL_DIGEST_SHA256 },
	{ "RSA-SHA256", LNL_DIGEST_SHA256 }, { "SHA-384", LNL_DIGEST_SHA384 },
	{ "SHA2-384", LNL_DIGEST_SHA384 },   { "RSA-SHA384", LNL_DIGEST_SHA384 },
	{ "SHA-512", LNL_DIGEST_SHA512 },    { "SHA2-512", LNL_DIGEST_SHA512 },
	{ "RSA-SHA512", LNL_DIGEST_SHA512 },
};

static const struct {
	const char *name;
	const char *alias; /* OpenSSL's long name */
	size_t key_len;
	bool aead;
} ciphers[LNL_CIPHER_COUNT] = {
	[LNL_CIPHER_NONE] = { "[null-cipher]", NULL, 0, false },
	[LNL_CIPHER_AES_128_GCM] = { "AES-128-GCM", "id-aes128-GCM", 16, true },
	[LNL_CIPHER_AES_192_GCM] = { "AES-192-GCM", "id-aes192-GCM", 24, true },
	[LNL_CIPHER_AES_256_GCM] = { "AES-256-GCM", "id-aes256-GCM", 32, true },
	[LNL_CIPHER_CHACHA20_POLY1305] = { "CHACHA20-POLY1305", "ChaCha20-Poly1305", 32, true },
	[LNL_CIPHER_AES_128_CBC] = { "AES-128-CBC", "aes128", 16, false },
	[LNL_CIPHER_AES_192_CBC] = { "AES-192-CBC", "aes192", 24, false },
	[LNL_CIPHER_AES_256_CBC] = { "AES-256-CBC", "aes256", 32, false },
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Not strcasecmp: names must not depend on the locale. */
static bool same_name(const char *a, const char *b)
{
	while (*a != '\0' && lower(*a) == lower(*b)) {
		a++;
		b++;
	}
	return lower(*a) == lower(*b);
}

size_t lnl_digest_len(enum lnl_digest d)
{
	return (size_t)d < sizeof(digests) / sizeof(digests[0]) ? digests[d].len : 0;
}

const char *lnl_digest_name(enum lnl_digest d)
{
	return (size_t)d < sizeof(digests) / sizeof(digests[0]) ? digests[d].name : digests[0].name;
}

int lnl_digest_find(const char *name, enum lnl_digest *out)
{
	for (size_t i = 0; i < sizeof(digests) / sizeof(digests[0]); i++) {
		if (same_name(name, digests[i].name)) {
			*out = (enum lnl_digest)i;
			return 0;
		}
	}
	for (size_t i = 0; i < sizeof(digest_aliases) / sizeof(digest_aliases[0]); i++) {
		if (same_name(name, digest_aliases[i].name)) {
			*out = digest_aliases[i].digest;
			return 0;
		}
	}
	return LNL_E_NOTFOUND;
}

int lnl_cipher_find(const char *name, enum lnl_cipher *out)
{
	/* From 1: "none" is no cipher to anyone who asks by name. */
	for (size_t i = 1; i < LNL_CIPHER_COUNT; i++) {
		if (same_name(name, ciphers[i].name) || same_name(name, ciphers[i].alias)) {
			*out = (enum lnl_cipher)i;
			return 0;
		}
	}
	return LNL_E_NOTFOUND;
}

const char *lnl_cipher_name(enum lnl_cipher c)
{
	return (size_t)c < LNL_CIPHER_COUNT ? ciphers[c].name : ciphers[0].name;
}

size_t lnl_cipher_key_len(enum lnl_cipher c)
{
	return (size_t)c < LNL_CIPHER_COUNT ? ciphers[c].key_len : 0;
}

bool lnl_cipher_is_aead(enum lnl_cipher c)
{
	return (size_t)c < LNL_CIPHER_COUNT && ciphers[c].aead;
}
