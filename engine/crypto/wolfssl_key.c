/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Own certificate and private key: PEM in its kinds, PKCS#12, with or without a password. Nothing
 * here ever prompts.
 */
#include "crypto/wolfssl_tls.h"

#include <string.h>
#include <wolfssl/wolfcrypt/pkcs12.h>

#include "crypto/der.h"

/* wolfSSL cuts a PEM key's password there, which then is a wrong one. */
#define PASSWORD_MAX 79

/*
 * What a failure to decrypt means: a password is wrong unless the library says that it lacks the
 * method.
 */
static int password_error(int code, const char *setting, bool given, struct lnl_why *why)
{
	if (code == MEMORY_E)
		return LNL_E_NOMEM;
	if (code == NOT_COMPILED_IN || code == ASN_UNKNOWN_OID_E || code == ALGO_ID_E) {
		lnl_why_say(why, setting, ": encrypted by a method that is not supported", NULL);
		return LNL_E_KEY;
	}
	lnl_why_say(why, setting, given ? ": wrong password" : ": encrypted, and no password given",
		    NULL);
	return LNL_E_PASSWORD;
}

/* ---- the certificate ---- */

/*
 * A warning about the first certificate of |pem|: an OpenVPN server says nothing to a client whose
 * certificate is out of date.
 */
static int tell_dates(const struct lnl_env *env, const char *pem, size_t len, struct lnl_why *why)
{
	struct lnl_cert *c = lnl_alloc(env, sizeof(*c));
	uint8_t *der = lnl_alloc(env, len);
	uint64_t now = env->wallclock(env->ctx);
	char date[LNL_DATE_LEN];
	int error = c == NULL || der == NULL ? LNL_E_NOMEM : 0;

	if (error == 0) {
		int n = wc_CertPemToDer((const unsigned char *)pem, (int)len, der, (int)len,
					CERT_TYPE);
		if (n <= 0 || lnl_cert_read(c, der, (size_t)n) != 0)
			; /* what it cannot read is not for a warning to say */
		else if (now > c->not_after)
			lnl_why_add(why, "our certificate has expired: ", c->subject,
				    ", not after ", lnl_why_date(date, c->not_after), NULL);
		else if (now < c->not_before)
			lnl_why_add(why, "our certificate is not yet valid: ", c->subject,
				    ", not before ", lnl_why_date(date, c->not_before), NULL);
	}
	lnl_release(env, der);
	lnl_release(env, c);
	return error;
}

/* The chain to send in one PEM text: |cert|, then |extra|. */
static int use_chain(WOLFSSL_CTX *ctx, const struct lnl_env *env, const struct lnl_blob *cert,
		     const struct lnl_blob *extra, struct lnl_why *why)
{
	struct lnl_pem block;
	size_t at = 0;
	size_t len = cert->len + (extra->data != NULL ? extra->len : 0) + 1;
	char *all = lnl_alloc(env, len);

	if (all == NULL)
		return LNL_E_NOMEM;
	/* Certificates alone: a key or text between them stops wolfSSL. */
	len = 0;
	for (unsigned i = 0; i < 2; i++) {
		at = 0;
		while (lnl_pem_next(i == 0 ? cert : extra, &at, &block)) {
			if (!lnl_pem_is(&block, "CERTIFICATE"))
				continue;
			memcpy(all + len, block.text, block.len);
			len += block.len;
			all[len++] = '\n';
		}
		if (i == 0 && len == 0) {
			lnl_release(env, all);
			lnl_why_say(why, "cert: no certificate in it", NULL);
			return LNL_E_CERT;
		}
	}
	int code = wolfSSL_CTX_use_certificate_chain_buffer_format(ctx, (const unsigned char *)all,
								   (long)len, WOLFSSL_FILETYPE_PEM);
	int error = code == WOLFSSL_SUCCESS ? tell_dates(env, all, len, why) : 0;
	lnl_release(env, all);
	if (code == WOLFSSL_SUCCESS)
		return error;
	if (code == MEMORY_E)
		return LNL_E_NOMEM;
	lnl_why_say(why, "cert: the certificate is malformed, or of a kind that is not supported",
		    NULL);
	return LNL_E_CERT;
}

/* ---- the key ---- */

/* Gives |ctx| the DER key, which has to fit the certificate it has. */
static int use_key(WOLFSSL_CTX *ctx, const uint8_t *der, size_t len, const char *setting,
		   struct lnl_why *why)
{
	int code = wolfSSL_CTX_use_PrivateKey_buffer(ctx, der, (long)len, WOLFSSL_FILETYPE_ASN1);

	if (code == MEMORY_E)
		return LNL_E_NOMEM;
	if (code != WOLFSSL_SUCCESS) {
		lnl_why_say(
			why, setting,
			": the private key is malformed, of a kind that is not supported, or of "
			"another kind than the certificate's",
			NULL);
		return LNL_E_KEY;
	}
	if (wolfSSL_CTX_check_private_key(ctx) != WOLFSSL_SUCCESS) {
		lnl_why_say(why, setting, ": the private key does not fit the certificate", NULL);
		return LNL_E_KEY;
	}
	return 0;
}

static bool find_key(const struct lnl_blob *b, struct lnl_pem *out)
{
	size_t at = 0;

	while (lnl_pem_next(b, &at, out)) {
		if (lnl_pem_is(out, "PRIVATE KEY"))
			return true;
	}
	return false;
}

/* Whether |der| starts as PKCS#1, SEC1 and PKCS#8 all do: a sequence with a version in front. */
static bool looks_like_key(const uint8_t *der, size_t len)
{
	struct lnl_reader r, inner;
	struct lnl_der d;

	lnl_reader_init(&r, der, len);
	return lnl_der_enter(&r, LNL_DER_SEQUENCE, &inner) &&
	       lnl_der_take(&inner, LNL_DER_INTEGER, &d) && d.len == 1 && d.data[0] <= 1;
}

static int use_pem_key(WOLFSSL_CTX *ctx, const struct lnl_env *env, const struct lnl_blob *key,
		       const char *password, struct lnl_why *why)
{
	struct lnl_pem block;

	if (!find_key(key, &block)) {
		lnl_why_say(why, "key: no private key in it", NULL);
		return LNL_E_KEY;
	}
	bool encrypted = lnl_pem_has(&block, "ENCRYPTED");
	if (encrypted && (password == NULL || password[0] == '\0'))
		return password_error(0, "key", false, why);
	if (encrypted && strlen(password) > PASSWORD_MAX) {
		lnl_why_say(why, "key: passwords above 79 characters are not supported", NULL);
		return LNL_E_PASSWORD;
	}
	uint8_t *der = lnl_alloc(env, block.len);
	if (der == NULL)
		return LNL_E_NOMEM;
	int code = wc_KeyPemToDer((const unsigned char *)block.text, (int)block.len, der,
				  (int)block.len, encrypted ? password : NULL);
	int error;
	if (code > 0)
		error = use_key(ctx, der, (size_t)code, "key", why);
	else if (encrypted)
		error = password_error(code, "key", true, why);
	else
		error = code == MEMORY_E ? LNL_E_NOMEM : LNL_E_KEY;
	/*
	 * A wrong password decrypts to noise that the padding's check lets through once in 256
	 * times.
	 */
	if (encrypted && error == LNL_E_KEY && code > 0 && !looks_like_key(der, (size_t)code))
		error = password_error(0, "key", true, why);
	else if (error == LNL_E_KEY && code <= 0)
		lnl_why_say(why, "key: the private key is malformed", NULL);
	lnl_secret_wipe(der, block.len);
	lnl_release(env, der);
	return error;
}

/* ---- PKCS#12 ---- */

struct bundle {
	byte *key, *cert;
	word32 key_len, cert_len;
	WC_DerCertList *others;
};

static void release_bundle(struct bundle *b)
{
	if (b->key != NULL)
		lnl_secret_wipe(b->key, b->key_len);
	XFREE(b->key, NULL, DYNAMIC_TYPE_PUBLIC_KEY);
	XFREE(b->cert, NULL, DYNAMIC_TYPE_PKCS);
	while (b->others != NULL) {
		WC_DerCertList *next = b->others->next;

		XFREE(b->others->buffer, NULL, DYNAMIC_TYPE_PKCS);
		XFREE(b->others, NULL, DYNAMIC_TYPE_PKCS);
		b->others = next;
	}
}

static int open_bundle(struct bundle *b, const struct lnl_blob *file, const char *password,
		       struct lnl_why *why)
{
	WC_PKCS12 *p12 = wc_PKCS12_new();
	int code, error = 0;

	*b = (struct bundle){ 0 };
	if (p12 == NULL)
		return LNL_E_NOMEM;
	code = file->len > INT32_MAX
		       ? ASN_PARSE_E
		       : wc_d2i_PKCS12((const byte *)file->data, (word32)file->len, p12);
	if (code != 0) {
		lnl_why_say(why, "pkcs12: not a PKCS#12 file", NULL);
		error = code == MEMORY_E ? LNL_E_NOMEM : LNL_E_KEY;
	} else {
		code = wc_PKCS12_parse(p12, password != NULL ? password : "", &b->key, &b->key_len,
				       &b->cert, &b->cert_len, &b->others);
		if (code != 0) {
			*b = (struct bundle){ 0 };
			error = password_error(code, "pkcs12", password != NULL, why);
		}
	}
	wc_PKCS12_free(p12);
	if (error == 0 && (b->key == NULL || b->cert == NULL)) {
		release_bundle(b);
		lnl_why_say(why, "pkcs12: no certificate with its private key in it", NULL);
		error = LNL_E_KEY;
	}
	return error;
}

/* Appends |der| as PEM; false when it does not fit. */
static bool append_pem(char *all, size_t cap, size_t *len, const byte *der, word32 der_len)
{
	int n = wc_DerToPem(der, der_len, (byte *)all + *len, (word32)(cap - *len), CERT_TYPE);

	if (n <= 0)
		return false;
	*len += (size_t)n;
	return true;
}

/*
 * The chain is handed over as PEM, the one form in which wolfSSL takes more than one certificate.
 */
static int use_bundle_chain(WOLFSSL_CTX *ctx, const struct lnl_env *env, const struct bundle *b,
			    const struct lnl_blob *extra, struct lnl_why *why)
{
	/* Base64 takes 4/3 and a line end in 64, each certificate two lines of label. */
	size_t cap = b->cert_len * 3 / 2 + 256, len = 0;

	for (const WC_DerCertList *c = b->others; c != NULL; c = c->next)
		cap += c->bufferSz * 3 / 2 + 256;
	char *all = lnl_alloc(env, cap);
	if (all == NULL)
		return LNL_E_NOMEM;
	bool good = append_pem(all, cap, &len, b->cert, b->cert_len);
	for (const WC_DerCertList *c = b->others; c != NULL && good; c = c->next)
		good = append_pem(all, cap, &len, c->buffer, c->bufferSz);
	int error = LNL_E_CERT;
	if (good)
		error = use_chain(ctx, env, &(struct lnl_blob){ all, len }, extra, why);
	lnl_release(env, all);
	return error;
}

/*
 * wolfSSL takes a bundle's key out of its PKCS#8 wrapping, without which 5.9.2 knows no Ed25519 key
 * (RFC 8410, 7).
 */
static int use_bundle_key(WOLFSSL_CTX *ctx, const struct bundle *b, struct lnl_why *why)
{
	static const uint8_t head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05,
					0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22 };
	uint8_t wrapped[sizeof(head) + 34];

	if (b->key_len != 34 || b->key[0] != LNL_DER_OCTETS)
		return use_key(ctx, b->key, b->key_len, "pkcs12", why);
	memcpy(wrapped, head, sizeof(head));
	memcpy(wrapped + sizeof(head), b->key, 34);
	int error = use_key(ctx, wrapped, sizeof(wrapped), "pkcs12", why);
	lnl_secret_wipe(wrapped, sizeof(wrapped));
	return error;
}

static int use_bundle(WOLFSSL_CTX *ctx, struct lnl_store *store, const struct lnl_tls_settings *s,
		      struct lnl_why *why)
{
	struct bundle b;
	int error = open_bundle(&b, &s->pkcs12, s->password, why);

	if (error != 0)
		return error;
	error = use_bundle_chain(ctx, store->env, &b, &s->extra_certs, why);
	if (error == 0)
		error = use_bundle_key(ctx, &b, why);
	for (const WC_DerCertList *c = b.others; c != NULL && error == 0 && s->ca.data == NULL;
	     c = c->next)
		error = lnl_store_add_der(store, c->buffer, c->bufferSz, why);
	release_bundle(&b);
	return error;
}

int lnl_key_load(WOLFSSL_CTX *ctx, struct lnl_store *store, const struct lnl_tls_settings *s,
		 struct lnl_why *why)
{
	if (s->pkcs12.data != NULL)
		return use_bundle(ctx, store, s, why);
	if (s->cert.data == NULL && s->key.data == NULL)
		return 0;
	if (s->cert.data == NULL || s->key.data == NULL) {
		lnl_why_say(why,
			    s->cert.data == NULL ? "key: no cert for it" : "cert: no key for it",
			    NULL);
		return LNL_E_KEY;
	}
	int error = use_chain(ctx, store->env, &s->cert, &s->extra_certs, why);
	if (error == 0)
		error = use_pem_key(ctx, store->env, &s->key, s->password, why);
	return error;
}
