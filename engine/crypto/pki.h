/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All that `lunel pki` asks of cryptography: key pairs, certificates and CRLs. wolfssl_pki.c
 * answers. Texts that are given out come from |env|, hold a NUL behind their |len| bytes, and are
 * the caller's.
 */
#ifndef LNL_CRYPTO_PKI_H
#define LNL_CRYPTO_PKI_H

#include "crypto/crypto.h"

/* PEM that was made. */
struct lnl_text {
	char *data;
	size_t len;
};

/* Wipes and releases; leaves |t| empty. */
void lnl_text_free(struct lnl_text *t, const struct lnl_env *env);

/* ---- keys ---- */

enum lnl_key_kind {
	LNL_KEY_EC, /* P-256 */
	LNL_KEY_ED25519,
	LNL_KEY_RSA2048,
	LNL_KEY_RSA3072,
	LNL_KEY_RSA4096,
};

/* "ec", "ed25519", "rsa2048" and so on; LNL_E_NOTFOUND. */
int lnl_key_kind_find(const char *name, enum lnl_key_kind *out);
const char *lnl_key_kind_name(enum lnl_key_kind kind);

/* A private key that signs, with its public half. */
struct lnl_signer;

/* Makes a key pair. LNL_E_NOMEM, LNL_E_RANDOM, LNL_E_UNSUPPORTED, LNL_E_KEY. */
int lnl_signer_generate(struct lnl_signer **out, const struct lnl_env *env, enum lnl_key_kind kind);
/*
 * Reads an unencrypted PEM key of one of the kinds (an EC key may be on another curve, RSA have
 * another size). LNL_E_PASSWORD when it is encrypted, LNL_E_KEY, LNL_E_NOMEM; |why| is a sentence.
 */
int lnl_signer_read(struct lnl_signer **out, const struct lnl_env *env, struct lnl_blob pem,
		    struct lnl_why *why);
/* Wipes and releases; |s| may be NULL. */
void lnl_signer_free(struct lnl_signer *s);
/* Its kind; that of a key that was read is the nearest. */
enum lnl_key_kind lnl_signer_kind(const struct lnl_signer *s);
/*
 * The key as PKCS#8 in PEM; with |password| (not NULL, not empty) encrypted by PBES2: PBKDF2 with
 * HMAC-SHA256, AES-256-CBC. LNL_E_NOMEM, LNL_E_RANDOM, LNL_E_KEY, LNL_E_UNSUPPORTED.
 */
int lnl_signer_pem(const struct lnl_signer *s, const char *password, struct lnl_text *out);

/* ---- certificates ---- */

enum lnl_cert_role { LNL_CERT_ROLE_CA, LNL_CERT_ROLE_SERVER, LNL_CERT_ROLE_CLIENT };

#define LNL_CN_MAX 64 /* characters of a common name (RFC 5280, ub-common-name) */

/* A subject alternative name: a host's name as text, or the 4 or 16 bytes of an address. */
struct lnl_san {
	bool is_address;
	const void *data;
	size_t len;
};

struct lnl_cert_request {
	enum lnl_cert_role role;
	const char *cn; /* UTF-8, 1 to LNL_CN_MAX bytes, no control characters */
	const struct lnl_san *san;
	unsigned n_san;
	uint64_t not_before, not_after; /* seconds since 1970 */
	const struct lnl_signer *key;	/* whose public half is certified */
	/* Who signs; for a CA, which signs itself, neither is read. */
	const struct lnl_signer *issuer;
	struct lnl_blob issuer_cert; /* PEM */
};

/*
 * Issues a certificate (X.509 v3, as RFC 5280 wants it; RSA and ECDSA over SHA-256) with a random
 * serial number of 16 bytes, the first of which is 0x40 to 0x7f. LNL_E_INVAL (name or dates),
 * LNL_E_CERT (the issuer's certificate cannot be read or is none of a CA), LNL_E_KEY (its key is
 * not the certificate's), LNL_E_NOMEM, LNL_E_RANDOM; |why| is a sentence.
 */
int lnl_cert_issue(const struct lnl_cert_request *r, const struct lnl_env *env,
		   struct lnl_text *out, struct lnl_why *why);
/*
 * The first certificate in |pem| read by lnl_cert_read. LNL_E_CERT when there is none that can be.
 */
int lnl_cert_read_pem(struct lnl_cert *out, const struct lnl_env *env, struct lnl_blob pem);

/* ---- revocation lists ---- */

#define LNL_SERIAL_MAX 20 /* bytes (RFC 5280) */

struct lnl_revoked {
	uint8_t serial[LNL_SERIAL_MAX]; /* big-endian, positive */
	size_t serial_len;
	uint64_t when; /* seconds since 1970 */
};

struct lnl_crl_request {
	const struct lnl_signer *issuer;
	struct lnl_blob issuer_cert; /* PEM */
	uint64_t number;	     /* CRL number: higher than the one before */
	uint64_t this_update, next_update;
	const struct lnl_revoked *revoked;
	unsigned n_revoked;
};

/* Issues a CRL (v2). Errors as lnl_cert_issue; LNL_E_INVAL also for a serial number. */
int lnl_crl_issue(const struct lnl_crl_request *r, const struct lnl_env *env, struct lnl_text *out,
		  struct lnl_why *why);

#endif
