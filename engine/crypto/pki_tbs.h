/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is signed, and what wraps a key: the formats of RFC 5280, 5958 and 8018, without a library.
 * wolfSSL 5.5.4 can mark neither a CA's basic constraints critical nor write a CRL, so both are put
 * together here for all versions alike.
 */
#ifndef LNL_CRYPTO_PKI_TBS_H
#define LNL_CRYPTO_PKI_TBS_H

#include "crypto/pki.h"
#include "crypto/pki_der.h"

#define LNL_KEY_ID_MAX 64
#define LNL_SERIAL_LEN 16

/* What an issuer's certificate says, in place. */
struct lnl_issuer {
	const uint8_t *name; /* the subject, tag and length included */
	size_t name_len;
	const uint8_t *spki; /* likewise */
	size_t spki_len;
	uint8_t key_id[LNL_KEY_ID_MAX];
	size_t key_id_len;
};

/*
 * Reads the DER certificate of a CA. Without a subject key identifier in it the id is that of its
 * key. LNL_E_FORMAT.
 */
int lnl_issuer_read(struct lnl_issuer *out, const uint8_t *der, size_t len);

/* A public key, and how its owner signs. */
struct lnl_public {
	enum lnl_key_kind kind;
	const uint8_t *spki; /* SubjectPublicKeyInfo */
	size_t spki_len;
};

/*
 * TBSCertificate. |signer| tells how the issuer signs; |issuer| NULL: the certificate is the CA's
 * own. 0, LNL_E_SPACE, LNL_E_FORMAT (|subject|'s key).
 */
int lnl_tbs_cert(struct lnl_der_writer *w, const struct lnl_cert_request *r,
		 const uint8_t serial[LNL_SERIAL_LEN], const struct lnl_public *subject,
		 enum lnl_key_kind signer, const struct lnl_issuer *issuer);
/* TBSCertList. 0 or LNL_E_SPACE. */
int lnl_tbs_crl(struct lnl_der_writer *w, const struct lnl_crl_request *r, enum lnl_key_kind signer,
		const struct lnl_issuer *issuer);

/* How a PKCS#8 key was encrypted. */
struct lnl_pbes2 {
	uint8_t salt[16];
	uint8_t iv[16];
	unsigned rounds;
};

/* EncryptedPrivateKeyInfo with |sealed|, the key after AES-256-CBC. 0 or LNL_E_SPACE. */
int lnl_key_sealed(struct lnl_der_writer *w, const struct lnl_pbes2 *how, const uint8_t *sealed,
		   size_t len);

#endif
