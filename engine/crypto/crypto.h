/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * All that the engine asks of cryptography: AEAD, CBC with HMAC, HMAC, CTR, key derivation, TLS
 * over memory, and what a certificate says. wolfssl*.c answer it for real, fake.c for the simulator
 * and the fuzzers.
 */
#ifndef LNL_CRYPTO_CRYPTO_H
#define LNL_CRYPTO_CRYPTO_H

#include "wire/buf.h"
#include "wire/env.h"

/* ---- the library ---- */

/*
 * Prepares the library once per process. |env| gives time (validity of certificates) and randomness
 * (the seed of every generator) from now on, and must outlive the process's use of crypto; NULL:
 * the system's. LNL_E_RANDOM when no randomness can be had.
 */
int lnl_crypto_init(const struct lnl_env *env);
void lnl_crypto_deinit(void);

/* "5.9.2" and so on; static storage. */
const char *lnl_crypto_version(void);
/* Whether hardware-accelerated assembly is compiled in. */
bool lnl_crypto_has_assembly(void);

/*
 * Fills |out| from the library's seeded generator, thread-safe; 0 or LNL_E_RANDOM: fail closed.
 * |ctx| is unused.
 */
int lnl_crypto_random(void *ctx, uint8_t *out, size_t len);

/* Compares |len| bytes in a time that does not depend on them. */
bool lnl_secret_equal(const void *a, const void *b, size_t len);
/* Overwrites |len| bytes in a way that the compiler keeps. |p| may be NULL when |len| is 0. */
void lnl_secret_wipe(void *p, size_t len);

/* ---- digests and HMAC ---- */

enum lnl_digest {
	LNL_DIGEST_NONE,
	LNL_DIGEST_MD5,
	LNL_DIGEST_SHA1,
	LNL_DIGEST_SHA224,
	LNL_DIGEST_SHA256,
	LNL_DIGEST_SHA384,
	LNL_DIGEST_SHA512,
};

#define LNL_DIGEST_MAX 64

/* Bytes of |d|'s output; 0 for NONE. */
size_t lnl_digest_len(enum lnl_digest d);
/*
 * By OpenVPN's and OpenSSL's names, without regard to case ("SHA256", "SHA-256", "RSA-SHA256");
 * LNL_E_NOTFOUND.
 */
int lnl_digest_find(const char *name, enum lnl_digest *out);
/* The canonical name, as in an OCC string ("SHA256", "[null-digest]"); static storage. */
const char *lnl_digest_name(enum lnl_digest d);
/* The digest of |len| bytes; |out| has lnl_digest_len bytes. LNL_E_UNSUPPORTED. */
int lnl_digest(enum lnl_digest d, const void *data, size_t len, uint8_t *out);

/* A piece of what is hashed. */
struct lnl_piece {
	const void *data;
	size_t len;
};

struct lnl_hmac;

/*
 * A keyed HMAC for many messages, not thread-safe. LNL_E_NOMEM, LNL_E_UNSUPPORTED, LNL_E_KEY (empty
 * key).
 */
int lnl_hmac_new(struct lnl_hmac **out, const struct lnl_env *env, enum lnl_digest d,
		 const uint8_t *key, size_t key_len);
/* Wipes and releases; |h| may be NULL. */
void lnl_hmac_free(struct lnl_hmac *h);
/*
 * HMAC over the |n| pieces in order into |out| (lnl_digest_len bytes). Allocates nothing. 0 or
 * LNL_E_KEY.
 */
int lnl_hmac_run(struct lnl_hmac *h, const struct lnl_piece *pieces, unsigned n, uint8_t *out);
/*
 * The same for one message, where a key of its own is kept by thousands: an object takes nearly a
 * kilobyte. Allocates nothing. LNL_E_UNSUPPORTED, LNL_E_KEY.
 */
int lnl_hmac_once(enum lnl_digest d, const uint8_t *key, size_t key_len,
		  const struct lnl_piece *pieces, unsigned n, uint8_t *out);

/* ---- ciphers ---- */

enum lnl_cipher {
	LNL_CIPHER_NONE,
	LNL_CIPHER_AES_128_GCM,
	LNL_CIPHER_AES_192_GCM,
	LNL_CIPHER_AES_256_GCM,
	LNL_CIPHER_CHACHA20_POLY1305,
	LNL_CIPHER_AES_128_CBC,
	LNL_CIPHER_AES_192_CBC,
	LNL_CIPHER_AES_256_CBC,
	LNL_CIPHER_COUNT
};

#define LNL_KEY_MAX   32
#define LNL_TAG_LEN   16
#define LNL_NONCE_LEN 12
#define LNL_BLOCK_LEN 16

/* By OpenVPN's names, without regard to case ("AES-256-GCM", "id-aes256-GCM"); LNL_E_NOTFOUND. */
int lnl_cipher_find(const char *name, enum lnl_cipher *out);
/* "AES-256-GCM"; static storage. */
const char *lnl_cipher_name(enum lnl_cipher c);
size_t lnl_cipher_key_len(enum lnl_cipher c);
bool lnl_cipher_is_aead(enum lnl_cipher c);

struct lnl_aead;

/*
 * A key for one direction. |key| has lnl_cipher_key_len bytes. LNL_E_NOMEM, LNL_E_UNSUPPORTED,
 * LNL_E_KEY.
 */
int lnl_aead_new(struct lnl_aead **out, const struct lnl_env *env, enum lnl_cipher c,
		 const uint8_t *key);
/* Wipes and releases; |a| may be NULL. */
void lnl_aead_free(struct lnl_aead *a);
/*
 * Asks for the memory that a packet needs of |a| (may be NULL), and waits for none of it: for who
 * knows early which key comes next.
 */
void lnl_aead_near(const struct lnl_aead *a);
/*
 * Encrypts |len| bytes from |src| to |dst| (equal, or not overlapping), writes LNL_TAG_LEN bytes to
 * |tag|. Allocates nothing. 0 or LNL_E_KEY.
 */
int lnl_aead_seal(struct lnl_aead *a, const uint8_t nonce[LNL_NONCE_LEN], const void *ad,
		  size_t ad_len, uint8_t *dst, const uint8_t *src, size_t len,
		  uint8_t tag[LNL_TAG_LEN]);
/*
 * Decrypts and verifies. |dst| may be written before the tag is known to be wrong: nobody may look
 * at it unless this returns 0. LNL_E_AUTH.
 */
int lnl_aead_open(struct lnl_aead *a, const uint8_t nonce[LNL_NONCE_LEN], const void *ad,
		  size_t ad_len, uint8_t *dst, const uint8_t *src, size_t len,
		  const uint8_t tag[LNL_TAG_LEN]);

struct lnl_cbc;

/* AES-CBC for one direction; |encrypt| or decrypt. Errors as lnl_aead_new. */
int lnl_cbc_new(struct lnl_cbc **out, const struct lnl_env *env, enum lnl_cipher c,
		const uint8_t *key, bool encrypt);
void lnl_cbc_free(struct lnl_cbc *c);
/*
 * |len| is a multiple of LNL_BLOCK_LEN (padding is the caller's); |dst| may equal |src|. 0,
 * LNL_E_INVAL or LNL_E_KEY.
 */
int lnl_cbc_run(struct lnl_cbc *c, const uint8_t iv[LNL_BLOCK_LEN], uint8_t *dst,
		const uint8_t *src, size_t len);

/*
 * AES-256-CTR with a full 128-bit counter that starts at |iv| (tls-crypt). |dst| may equal |src|. 0
 * or LNL_E_KEY.
 */
int lnl_ctr_run(const uint8_t key[32], const uint8_t iv[16], uint8_t *dst, const uint8_t *src,
		size_t len);

/* ---- key derivation ---- */

/*
 * The TLS 1.0 PRF (MD5 xor SHA-1) over |label| (without NUL) and |seed|. 0, LNL_E_UNSUPPORTED or
 * LNL_E_KEY.
 */
int lnl_prf_tls10(uint8_t *out, size_t out_len, const uint8_t *secret, size_t secret_len,
		  const char *label, const uint8_t *seed, size_t seed_len);

/* ---- certificates ---- */

#define LNL_NAME_MAX  256
#define LNL_SAN_MAX   16
#define LNL_CHAIN_MAX 10

enum lnl_eku { LNL_EKU_SERVER = 1, LNL_EKU_CLIENT = 2, LNL_EKU_ANY = 4 };

/*
 * What is recorded of one certificate of a peer's chain. Texts are printable ASCII (others become
 * '?') and terminated.
 */
struct lnl_cert {
	unsigned depth; /* 0: the peer's own */
	char subject
		[LNL_NAME_MAX]; /* as OpenVPN writes it: "C=DE, O=Example, CN=vpn.example.net" */
	bool subject_lossy;	/* cut, or not all printable ASCII: matches no name */
	bool cn_lossy;
	char issuer[LNL_NAME_MAX];
	char cn[LNL_NAME_MAX];		/* the last CN, empty if there is none */
	char serial[64];		/* decimal when it fits 64 bits, else hex pairs with ':' */
	uint8_t sha256[32];		/* fingerprint */
	uint8_t sha1[20];		/* the older one, which decides nothing */
	uint64_t not_before, not_after; /* seconds since 1970 */
	bool has_ku;
	/*
	 * As in remote-cert-ku: 0x80 digitalSignature, 0x20 keyEncipherment, 0x08 keyAgreement ...
	 */
	uint16_t ku;
	bool has_eku;
	unsigned eku; /* enum lnl_eku bits */
	bool is_ca;
	bool weak_digest;  /* signed over MD5 or older */
	bool embedded_nul; /* subject or SAN holds a NUL: refused (CVE-2026-84790) */
	/*
	 * "DNS:host", "IP:10.0.0.1", "email:...", "URI:...". Last, since of a recorded chain no more
	 * than `n_san` are in memory: such a struct is not copied whole.
	 */
	unsigned n_san;
	char san[LNL_SAN_MAX][LNL_NAME_MAX];
};

/*
 * Reads the facts of a DER certificate. LNL_E_FORMAT; LNL_E_UNSUPPORTED for X.509 v1. |depth| is
 * left at 0.
 */
int lnl_cert_read(struct lnl_cert *out, const uint8_t *der, size_t len);

enum lnl_name_check { LNL_NAME_NONE, LNL_NAME_SUBJECT, LNL_NAME_CN, LNL_NAME_CN_PREFIX };

/*
 * verify-x509-name: SUBJECT compares the whole subject as above, CN the common name, CN_PREFIX its
 * start. False when the certificate's text held a NUL, is lossy or empty, or |name| is empty.
 */
bool lnl_cert_name_matches(const struct lnl_cert *c, enum lnl_name_check how, const char *name);

/* ---- TLS ---- */

enum lnl_tls_version { LNL_TLS_ANY, LNL_TLS_1_2, LNL_TLS_1_3 };

/* What was asked of the peer's certificate and failed: one cause, one text, for log and exit. */
enum lnl_cert_failure {
	LNL_CERT_OK,
	LNL_CERT_UNTRUSTED, /* no path to a trusted CA */
	LNL_CERT_EXPIRED,
	LNL_CERT_NOT_YET,
	LNL_CERT_REVOKED,
	LNL_CERT_CRL, /* CRL missing or out of date */
	LNL_CERT_NAME,
	LNL_CERT_KU,
	LNL_CERT_EKU,
	LNL_CERT_FINGERPRINT,
	LNL_CERT_MISSING, /* the peer sent none */
	LNL_CERT_V1,	  /* X.509 v1: wolfSSL refuses those */
	LNL_CERT_WEAK,	  /* key or digest below what the library takes */
	LNL_CERT_BAD,	  /* anything else: malformed, bad signature */
};

/* Room for one readable sentence on what went wrong; always terminated. */
struct lnl_why {
	char text[256];
};

/* Bytes that the caller owns; PEM unless said otherwise. */
struct lnl_blob {
	const char *data; /* NULL: not given */
	size_t len;
};

struct lnl_tls_settings {
	bool server;
	/* One or more certificates. */
	struct lnl_blob ca;
	/* Own, with intermediates behind it. */
	struct lnl_blob cert;
	/* More intermediates. */
	struct lnl_blob extra_certs;
	/* PKCS#1, SEC1 or PKCS#8, also encrypted. */
	struct lnl_blob key;
	/* DER; instead of cert and key, and of ca when that is not given. */
	struct lnl_blob pkcs12;
	/* One or more CRLs: then every certificate of the chain must have one that is valid. */
	struct lnl_blob crl;
	/* For key or pkcs12; NULL: none. */
	const char *password;
	/* ANY: 1.2, and the highest there is. */
	enum lnl_tls_version version_min;
	enum lnl_tls_version version_max;
	/*
	 * tls-cipher, tls-ciphersuites and tls-groups: lists with colons of OpenVPN's
	 * ("TLS-ECDHE-RSA-WITH-AES-256-GCM-SHA384"), IANA's or OpenSSL's names; NULL: the default.
	 */
	const char *cipher_list;
	const char *ciphersuites;
	const char *groups;
	/* peer-fingerprint: any of them passes; with no ca the only check besides the dates'. */
	const uint8_t (*fingerprints)[32];
	unsigned n_fingerprints;
	/* verify-x509-name; |name| is needed unless |name_check| is NONE. */
	enum lnl_name_check name_check;
	const char *name;
	/* remote-cert-ku: all bits of at least one entry must be there. */
	const uint16_t *ku;
	unsigned n_ku;
	/*
	 * remote-cert-ku without values, and remote-cert-tls: there must be a KU. (One that does
	 * not allow TLS is refused in any case.)
	 */
	bool require_ku;
	/* enum lnl_eku bits that the peer must have; 0: not asked. */
	unsigned eku;
	/* Server: verify-client-cert none, optional. */
	bool no_peer_cert;
	bool optional_peer_cert;
};

struct lnl_tls_conf;

/*
 * Reads certificates and keys and fixes the policy. Errors: LNL_E_KEY (key unreadable, does not fit
 * the certificate), LNL_E_PASSWORD (encrypted and |password| missing or wrong), LNL_E_CERT
 * (certificate, CA or CRL unreadable), LNL_E_INVAL (cipher, suite or group names that leave
 * nothing), LNL_E_NOMEM; |why| names the cause and the setting. Nothing of |s| is kept. |why|,
 * which may be NULL, also names what was skipped when this succeeds.
 */
int lnl_tls_conf_new(struct lnl_tls_conf **out, const struct lnl_env *env,
		     const struct lnl_tls_settings *s, struct lnl_why *why);
void lnl_tls_conf_free(struct lnl_tls_conf *c);
/*
 * Replaces the CRLs for handshakes that end from now on; on error the old ones stay. LNL_E_CERT,
 * LNL_E_NOMEM.
 */
int lnl_tls_conf_set_crl(struct lnl_tls_conf *c, struct lnl_blob crl, struct lnl_why *why);

struct lnl_tls;

/*
 * One TLS connection; |c| must outlive it. The handshake starts with the first step. LNL_E_NOMEM.
 */
int lnl_tls_new(struct lnl_tls **out, struct lnl_tls_conf *c);
/* Wipes and releases; |t| may be NULL. */
void lnl_tls_free(struct lnl_tls *t);

/*
 * Hands over |len| bytes of the peer's TLS records, in order, any cut. They are kept until a step
 * or a read uses them. LNL_E_LIMIT when more than 64 KiB wait (the session has to end),
 * LNL_E_NOMEM.
 */
int lnl_tls_input(struct lnl_tls *t, const void *data, size_t len);
/* Takes at most |cap| bytes of records to send; returns their number, 0 when there are none. */
size_t lnl_tls_output(struct lnl_tls *t, uint8_t *out, size_t cap);
/* Bytes that lnl_tls_output would give. */
size_t lnl_tls_output_len(const struct lnl_tls *t);

/*
 * Goes on with the handshake: 1 when it is complete, 0 when more input is needed, LNL_E_PENDING
 * when an answer from elsewhere is (a key on a token), LNL_E_CERT (see lnl_tls_cert_failure),
 * LNL_E_TLS, LNL_E_NOMEM. After an error, which stays, an alert may wait in the output.
 */
int lnl_tls_step(struct lnl_tls *t);
/*
 * Decrypts the next bytes, at most |cap|: their number, 0 when there are none yet, LNL_E_CLOSED,
 * LNL_E_STATE (no handshake yet), LNL_E_TLS, LNL_E_NOMEM.
 */
int lnl_tls_read(struct lnl_tls *t, uint8_t *out, size_t cap);
/*
 * Encrypts |len| bytes as one TLS record. 0, LNL_E_LIMIT (nothing, or more than 16,384),
 * LNL_E_STATE, LNL_E_TLS, LNL_E_NOMEM.
 */
int lnl_tls_write(struct lnl_tls *t, const void *data, size_t len);

/*
 * Keying material by RFC 5705 / RFC 8446 with |label| and without context. LNL_E_UNSUPPORTED,
 * LNL_E_STATE.
 */
int lnl_tls_export(struct lnl_tls *t, const char *label, uint8_t *out, size_t len);
/* Releases what only the exporter needed, once every label has been drawn. */
void lnl_tls_exported(struct lnl_tls *t);

/*
 * Certificates recorded of the peer's chain, as sent; |i| below lnl_tls_chain_len. NULL when out of
 * range.
 */
unsigned lnl_tls_chain_len(const struct lnl_tls *t);
const struct lnl_cert *lnl_tls_chain(const struct lnl_tls *t, unsigned i);
/* Frees the record of the chain (a connected peer needs it no more). */
void lnl_tls_chain_drop(struct lnl_tls *t);
/* Why the peer's certificate was refused, and at which depth; LNL_CERT_OK when it was not. */
enum lnl_cert_failure lnl_tls_cert_failure(const struct lnl_tls *t, unsigned *depth);
/*
 * One sentence on the last failure ("certificate has expired: CN=old, not after 2025-01-01"); "" if
 * there is none.
 */
const char *lnl_tls_why(const struct lnl_tls *t);
/* "TLSv1.3" and "TLS13-AES256-GCM-SHA384"; static storage, "" before the handshake. */
const char *lnl_tls_version_name(const struct lnl_tls *t);
const char *lnl_tls_cipher_name(const struct lnl_tls *t);

#endif
