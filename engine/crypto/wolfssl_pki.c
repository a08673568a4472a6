/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key pairs, and certificates and CRLs signed with them. */
#include "crypto/pki.h"

#include <string.h>

#include "crypto/wolfssl_compat.h"

#include <wolfssl/wolfcrypt/asn.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/pwdbased.h>
#include <wolfssl/wolfcrypt/rsa.h>

#include "crypto/pem.h"
#include "crypto/pki_tbs.h"
#include "crypto/why.h"

/* The DER of any key here: an RSA key of 4096 bits takes 2.4 KB, and nearly all comes twice. */
#define KEY_DER_MAX 8192
/* A signature with its algorithm, and what wolfSSL wants to have free. */
#define SIGNATURE_ROOM 1024
/* A certificate without its names, key and signature; a CRL without its entries. */
#define TBS_ROOM 2048
/* An entry of a CRL: serial number, time, headers. */
#define REVOKED_ROOM 48
/* A hundred times OpenSSL's default; a router of a few hundred MHz still opens it in seconds. */
#define ROUNDS 200000

struct lnl_signer {
	const struct lnl_env *env;
	enum lnl_key_kind kind;
	WC_RNG rng;
	union {
		ecc_key ec;
		ed25519_key ed;
		RsaKey rsa;
	};
};

/* What wolfSSL says, in the engine's words. */
static int error_of(int code)
{
	switch (code) {
	case MEMORY_E:
		return LNL_E_NOMEM;
	case RNG_FAILURE_E:
	case RAN_BLOCK_E:
		return LNL_E_RANDOM;
	case NOT_COMPILED_IN:
		return LNL_E_UNSUPPORTED;
	default:
		return LNL_E_KEY;
	}
}

/* ---- texts ---- */

void lnl_text_free(struct lnl_text *t, const struct lnl_env *env)
{
	if (t->data != NULL)
		lnl_secret_wipe(t->data, t->len);
	lnl_release(env, t->data);
	*t = (struct lnl_text){ 0 };
}

static int write_pem(struct lnl_text *out, const struct lnl_env *env, const uint8_t *der,
		     size_t len, int type)
{
	/* Base64 takes 4/3 and a line end in 64, and there are two lines of label. */
	size_t cap = len * 3 / 2 + 256;
	int n;

	out->data = lnl_alloc(env, cap);
	if (out->data == NULL)
		return LNL_E_NOMEM;
	n = wc_DerToPem(der, (word32)len, (byte *)out->data, (word32)cap - 1, type);
	out->len = n > 0 ? (size_t)n : cap - 1;
	if (n > 0)
		return 0;
	lnl_text_free(out, env);
	return error_of(n);
}

/* The first certificate of |pem| as DER from |env|; LNL_E_CERT, LNL_E_NOMEM. */
static int read_cert(const struct lnl_env *env, struct lnl_blob pem, uint8_t **out, size_t *len)
{
	struct lnl_pem block;
	size_t at = 0;
	int n;

	*out = NULL;
	do {
		if (!lnl_pem_next(&pem, &at, &block))
			return LNL_E_CERT;
	} while (!lnl_pem_is(&block, "CERTIFICATE"));
	*out = lnl_alloc(env, block.len);
	if (*out == NULL)
		return LNL_E_NOMEM;
	n = wc_CertPemToDer((const unsigned char *)block.text, (int)block.len, *out, (int)block.len,
			    CERT_TYPE);
	*len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		return 0;
	lnl_release(env, *out);
	*out = NULL;
	return n == MEMORY_E ? LNL_E_NOMEM : LNL_E_CERT;
}

int lnl_cert_read_pem(struct lnl_cert *out, const struct lnl_env *env, struct lnl_blob pem)
{
	uint8_t *der;
	size_t len;
	int error = read_cert(env, pem, &der, &len);

	if (error == 0 && lnl_cert_read(out, der, len) != 0)
		error = LNL_E_CERT;
	lnl_release(env, der);
	return error;
}

/* ---- keys ---- */

static const char *const kind_names[] = { "ec", "ed25519", "rsa2048", "rsa3072", "rsa4096" };
#define KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

int lnl_key_kind_find(const char *name, enum lnl_key_kind *out)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(name, kind_names[i]) != 0)
			continue;
		*out = (enum lnl_key_kind)i;
		return 0;
	}
	return LNL_E_NOTFOUND;
}

const char *lnl_key_kind_name(enum lnl_key_kind kind)
{
	return (size_t)kind < KINDS ? kind_names[kind] : "?";
}

enum lnl_key_kind lnl_signer_kind(const struct lnl_signer *s)
{
	return s->kind;
}

/* Starts the key as one of |kind|. */
static int start_key(struct lnl_signer *s, enum lnl_key_kind kind)
{
	s->kind = kind;
	if (kind == LNL_KEY_EC)
		return wc_ecc_init(&s->ec);
	if (kind == LNL_KEY_ED25519)
		return wc_ed25519_init(&s->ed);
	return wc_InitRsaKey(&s->rsa, NULL);
}

static void end_key(struct lnl_signer *s)
{
	if (s->kind == LNL_KEY_EC)
		wc_ecc_free(&s->ec);
	else if (s->kind == LNL_KEY_ED25519)
		wc_ed25519_free(&s->ed);
	else
		wc_FreeRsaKey(&s->rsa);
}

void lnl_signer_free(struct lnl_signer *s)
{
	if (s == NULL)
		return;
	const struct lnl_env *env = s->env;
	end_key(s);
	wc_FreeRng(&s->rng);
	lnl_secret_wipe(s, sizeof(*s));
	lnl_release(env, s);
}

/* A signer with a generator and an empty key of |kind|. */
static int new_signer(struct lnl_signer **out, const struct lnl_env *env, enum lnl_key_kind kind)
{
	struct lnl_signer *s = lnl_alloc(env, sizeof(*s));

	*out = NULL;
	if (s == NULL)
		return LNL_E_NOMEM;
	s->env = env;
	if (wc_InitRng(&s->rng) != 0) {
		lnl_release(env, s);
		return LNL_E_RANDOM;
	}
	int code = start_key(s, kind);
	if (code != 0) {
		wc_FreeRng(&s->rng);
		lnl_release(env, s);
		return error_of(code);
	}
	*out = s;
	return 0;
}

/* What a private operation is blinded with. */
static int set_blinding(struct lnl_signer *s)
{
	if (s->kind == LNL_KEY_EC)
		return wc_ecc_set_rng(&s->ec, &s->rng);
	return s->kind == LNL_KEY_ED25519 ? 0 : wc_RsaSetRNG(&s->rsa, &s->rng);
}

int lnl_signer_generate(struct lnl_signer **out, const struct lnl_env *env, enum lnl_key_kind kind)
{
	static const int bits[] = {
		[LNL_KEY_RSA2048] = 2048, [LNL_KEY_RSA3072] = 3072, [LNL_KEY_RSA4096] = 4096
	};
	struct lnl_signer *s;
	int code, error = new_signer(out, env, kind);

	if (error != 0)
		return error;
	s = *out;
	if (kind == LNL_KEY_EC)
		code = wc_ecc_make_key_ex(&s->rng, 32, &s->ec, ECC_SECP256R1);
	else if (kind == LNL_KEY_ED25519)
		code = wc_ed25519_make_key(&s->rng, ED25519_KEY_SIZE, &s->ed);
	else
		code = wc_MakeRsaKey(&s->rsa, bits[kind], WC_RSA_EXPONENT, &s->rng);
	if (code == 0)
		code = set_blinding(s);
	if (code == 0)
		return 0;
	lnl_signer_free(s);
	*out = NULL;
	return error_of(code);
}

/* The public half, where the file has the private one alone. */
static int complete_ed25519(ed25519_key *k)
{
	uint8_t point[ED25519_PUB_KEY_SIZE];
	int code;

	if (k->pubKeySet)
		return 0;
	code = wc_ed25519_make_public(k, point, sizeof(point));
	return code != 0 ? code : wc_ed25519_import_public(point, sizeof(point), k);
}

/* Reads |der| as a key of the kind that |s| was started as. */
static int decode_key(struct lnl_signer *s, const uint8_t *der, size_t len)
{
	word32 at = 0;
	int code;

	if (s->kind == LNL_KEY_EC) {
		code = wc_EccPrivateKeyDecode(der, &at, &s->ec, (word32)len);
		/* An EC key may come without its public half. */
		if (code == 0 && s->ec.type == ECC_PRIVATEKEY_ONLY)
			code = wc_ecc_make_pub_ex(&s->ec, NULL, &s->rng);
		return code;
	}
	if (s->kind == LNL_KEY_ED25519) {
		code = wc_Ed25519PrivateKeyDecode(der, &at, &s->ed, (word32)len);
		return code != 0 ? code : complete_ed25519(&s->ed);
	}
	code = wc_RsaPrivateKeyDecode(der, &at, &s->rsa, (word32)len);
	if (code == 0) {
		int size = wc_RsaEncryptSize(&s->rsa);

		s->kind = size <= 256	? LNL_KEY_RSA2048
			  : size <= 384 ? LNL_KEY_RSA3072
					: LNL_KEY_RSA4096;
	}
	return code;
}

static int read_der(struct lnl_signer **out, const struct lnl_env *env, const uint8_t *der,
		    size_t len)
{
	static const enum lnl_key_kind kinds[] = { LNL_KEY_EC, LNL_KEY_ED25519, LNL_KEY_RSA2048 };
	int error = LNL_E_KEY;

	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		error = new_signer(out, env, kinds[i]);
		if (error != 0)
			return error;
		int code = decode_key(*out, der, len);
		if (code == 0)
			code = set_blinding(*out);
		if (code == 0)
			return 0;
		lnl_signer_free(*out);
		*out = NULL;
		error = code == MEMORY_E ? LNL_E_NOMEM : LNL_E_KEY;
	}
	return error;
}

int lnl_signer_read(struct lnl_signer **out, const struct lnl_env *env, struct lnl_blob pem,
		    struct lnl_why *why)
{
	struct lnl_pem block;
	size_t at = 0;

	*out = NULL;
	do {
		if (!lnl_pem_next(&pem, &at, &block)) {
			lnl_why_say(why, "there is no private key in it", NULL);
			return LNL_E_KEY;
		}
	} while (!lnl_pem_is(&block, "PRIVATE KEY"));
	if (lnl_pem_has(&block, "ENCRYPTED")) {
		lnl_why_say(why, "the private key is encrypted; an unencrypted one is needed",
			    NULL);
		return LNL_E_PASSWORD;
	}
	uint8_t *der = lnl_alloc(env, block.len);
	if (der == NULL)
		return LNL_E_NOMEM;
	int n = wc_KeyPemToDer((const unsigned char *)block.text, (int)block.len, der,
			       (int)block.len, NULL);
	int error = n > 0 ? read_der(out, env, der, (size_t)n) : LNL_E_KEY;
	if (error == LNL_E_KEY)
		lnl_why_say(why, "the private key is malformed, or of a kind that is not supported",
			    NULL);
	lnl_secret_wipe(der, block.len);
	lnl_release(env, der);
	return error;
}

/* ---- keys as PKCS#8 ---- */

/* Writes the private key to |out|, of KEY_DER_MAX bytes; its length or wolfSSL's error. */
static int export_key(const struct lnl_signer *s, uint8_t *out)
{
	/* wolfSSL reads its keys by pointers to what may change. */
	struct lnl_signer *k = (struct lnl_signer *)(uintptr_t)s;
	word32 len = KEY_DER_MAX;
	int code;

	if (s->kind == LNL_KEY_EC) {
		code = wc_EccKeyToPKCS8(&k->ec, out, &len);
		return code < 0 ? code : (int)len;
	}
	if (s->kind == LNL_KEY_ED25519)
		return wc_Ed25519PrivateKeyToDer(&k->ed, out, KEY_DER_MAX);
	uint8_t *bare = lnl_alloc(s->env, KEY_DER_MAX);
	if (bare == NULL)
		return MEMORY_E;
	code = wc_RsaKeyToDer(&k->rsa, bare, KEY_DER_MAX);
	if (code > 0)
		code = wc_CreatePKCS8Key(out, &len, bare, (word32)code, RSAk, NULL, 0);
	lnl_secret_wipe(bare, KEY_DER_MAX);
	lnl_release(s->env, bare);
	return code;
}

/* Encrypts |len| bytes of |der|, which has room for a block more, in place; the new length. */
static int seal_key(const struct lnl_env *env, const struct lnl_pbes2 *how, const char *password,
		    uint8_t *der, size_t len)
{
	struct lnl_cbc *cbc = NULL;
	uint8_t key[32];
	uint8_t pad = (uint8_t)(LNL_BLOCK_LEN - len % LNL_BLOCK_LEN);
	int error;

	memset(der + len, pad, pad);
	len += pad;
	int code = wc_PBKDF2(key, (const byte *)password, (int)strlen(password), how->salt,
			     (int)sizeof(how->salt), (int)how->rounds, (int)sizeof(key), WC_SHA256);
	error = code != 0 ? error_of(code) : 0;
	if (error == 0)
		error = lnl_cbc_new(&cbc, env, LNL_CIPHER_AES_256_CBC, key, true);
	if (error == 0)
		error = lnl_cbc_run(cbc, how->iv, der, der, len);
	lnl_cbc_free(cbc);
	lnl_secret_wipe(key, sizeof(key));
	return error != 0 ? error : (int)len;
}

static int write_sealed(const struct lnl_signer *s, const char *password, uint8_t *der, size_t len,
			struct lnl_text *out)
{
	struct lnl_pbes2 how = { .rounds = ROUNDS };
	struct lnl_der_writer w;
	size_t cap = KEY_DER_MAX + TBS_ROOM;
	int n;

	if (s->env->random(s->env->ctx, how.salt, sizeof(how.salt)) != 0 ||
	    s->env->random(s->env->ctx, how.iv, sizeof(how.iv)) != 0)
		return LNL_E_RANDOM;
	n = seal_key(s->env, &how, password, der, len);
	if (n < 0)
		return n;
	uint8_t *whole = lnl_alloc(s->env, cap);
	if (whole == NULL)
		return LNL_E_NOMEM;
	lnl_der_begin(&w, whole, cap);
	int error = lnl_key_sealed(&w, &how, der, (size_t)n);
	if (error == 0)
		error = write_pem(out, s->env, w.p, lnl_der_len(&w), PKCS8_ENC_PRIVATEKEY_TYPE);
	lnl_release(s->env, whole);
	return error;
}

int lnl_signer_pem(const struct lnl_signer *s, const char *password, struct lnl_text *out)
{
	uint8_t *der = lnl_alloc(s->env, KEY_DER_MAX + LNL_BLOCK_LEN);
	int error;

	*out = (struct lnl_text){ 0 };
	if (der == NULL)
		return LNL_E_NOMEM;
	int n = export_key(s, der);
	if (n <= 0)
		error = error_of(n);
	else if (password != NULL && password[0] != '\0')
		error = write_sealed(s, password, der, (size_t)n, out);
	else
		error = write_pem(out, s->env, der, (size_t)n, PKCS8_PRIVATEKEY_TYPE);
	lnl_secret_wipe(der, KEY_DER_MAX + LNL_BLOCK_LEN);
	lnl_release(s->env, der);
	return error;
}

/* ---- signatures ---- */

/* The public half as SubjectPublicKeyInfo in |out|, of KEY_DER_MAX bytes; its length. */
static int export_public(const struct lnl_signer *s, uint8_t *out)
{
	struct lnl_signer *k = (struct lnl_signer *)(uintptr_t)s;

	if (s->kind == LNL_KEY_EC)
		return wc_EccPublicKeyToDer(&k->ec, out, KEY_DER_MAX, 1);
	if (s->kind == LNL_KEY_ED25519)
		return wc_Ed25519PublicKeyToDer(&k->ed, out, KEY_DER_MAX, 1);
	return wc_RsaKeyToPublicDer(&k->rsa, out, KEY_DER_MAX);
}

/*
 * Signs what |w| holds, which lies at the end of |buf| (|cap| bytes, SIGNATURE_ROOM more than it
 * takes), and writes the whole as PEM.
 */
static int sign(const struct lnl_signer *s, uint8_t *buf, size_t cap,
		const struct lnl_der_writer *w, int pem_type, struct lnl_text *out)
{
	struct lnl_signer *k = (struct lnl_signer *)(uintptr_t)s;
	size_t len = lnl_der_len(w);
	int type = RSA_TYPE, algorithm = CTC_SHA256wRSA;
	void *key = &k->rsa;

	if (s->kind == LNL_KEY_EC) {
		type = ECC_TYPE;
		algorithm = CTC_SHA256wECDSA;
		key = &k->ec;
	} else if (s->kind == LNL_KEY_ED25519) {
		type = ED25519_TYPE;
		algorithm = CTC_ED25519;
		key = &k->ed;
	}
	memmove(buf, w->p, len);
	int n = wc_SignCert_ex((int)len, algorithm, buf, (word32)cap, type, key, &k->rng);
	return n > 0 ? write_pem(out, s->env, buf, (size_t)n, pem_type) : error_of(n);
}

/* A CA's certificate, read, with the proof that |key| is its. */
struct authority {
	uint8_t *der;
	struct lnl_issuer issuer;
};

static int open_authority(struct authority *a, const struct lnl_env *env,
			  const struct lnl_signer *key, struct lnl_blob pem, struct lnl_why *why)
{
	struct lnl_cert *facts = lnl_alloc(env, sizeof(*facts));
	uint8_t *spki = lnl_alloc(env, KEY_DER_MAX);
	size_t len;
	int error = facts == NULL || spki == NULL ? LNL_E_NOMEM : 0;

	*a = (struct authority){ 0 };
	if (error == 0)
		error = read_cert(env, pem, &a->der, &len);
	if (error == 0 && (lnl_cert_read(facts, a->der, len) != 0 ||
			   lnl_issuer_read(&a->issuer, a->der, len) != 0))
		error = LNL_E_CERT;
	if (error == LNL_E_CERT) {
		lnl_why_say(why, "the CA's certificate cannot be read", NULL);
	} else if (error == 0 && !facts->is_ca) {
		lnl_why_say(why, "the certificate is not a CA's", NULL);
		error = LNL_E_CERT;
	} else if (error == 0) {
		int n = export_public(key, spki);

		if (n <= 0 || (size_t)n != a->issuer.spki_len ||
		    memcmp(spki, a->issuer.spki, (size_t)n) != 0) {
			lnl_why_say(why, "the CA's private key does not fit its certificate", NULL);
			error = LNL_E_KEY;
		}
	}
	lnl_release(env, spki);
	lnl_release(env, facts);
	return error;
}

static void close_authority(struct authority *a, const struct lnl_env *env)
{
	lnl_release(env, a->der);
}

/* ---- certificates ---- */

static int check_request(const struct lnl_cert_request *r, struct lnl_why *why)
{
	size_t len = strlen(r->cn);

	if (len == 0 || len > LNL_CN_MAX) {
		lnl_why_say(why, "a common name has 1 to 64 characters", NULL);
		return LNL_E_INVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if ((uint8_t)r->cn[i] >= 0x20 && r->cn[i] != 0x7f)
			continue;
		lnl_why_say(why, "a common name has no control characters", NULL);
		return LNL_E_INVAL;
	}
	if (r->not_after <= r->not_before) {
		lnl_why_say(why, "a certificate has to begin before it ends", NULL);
		return LNL_E_INVAL;
	}
	return 0;
}

/* 126 random bits: always 16 bytes, always positive. */
static int make_serial(const struct lnl_env *env, uint8_t out[LNL_SERIAL_LEN])
{
	if (env->random(env->ctx, out, LNL_SERIAL_LEN) != 0)
		return LNL_E_RANDOM;
	out[0] = (out[0] & 0x3f) | 0x40;
	return 0;
}

static int build_cert(const struct lnl_cert_request *r, const struct lnl_env *env,
		      const struct lnl_issuer *issuer, struct lnl_text *out)
{
	const struct lnl_signer *signer = issuer != NULL ? r->issuer : r->key;
	struct lnl_public subject = { .kind = r->key->kind };
	uint8_t serial[LNL_SERIAL_LEN];
	struct lnl_der_writer w;
	size_t cap = KEY_DER_MAX + TBS_ROOM + SIGNATURE_ROOM;

	for (unsigned i = 0; i < r->n_san; i++)
		cap += r->san[i].len + 8;
	if (issuer != NULL)
		cap += issuer->name_len;
	uint8_t *buf = lnl_alloc(env, cap);
	uint8_t *spki = lnl_alloc(env, KEY_DER_MAX);
	int error = buf == NULL || spki == NULL ? LNL_E_NOMEM : make_serial(env, serial);
	if (error == 0) {
		int n = export_public(r->key, spki);

		subject.spki = spki;
		subject.spki_len = n > 0 ? (size_t)n : 0;
		lnl_der_begin(&w, buf, cap);
		error = n > 0 ? lnl_tbs_cert(&w, r, serial, &subject, signer->kind, issuer)
			      : error_of(n);
	}
	if (error == 0)
		error = sign(signer, buf, cap, &w, CERT_TYPE, out);
	lnl_release(env, spki);
	lnl_release(env, buf);
	return error;
}

int lnl_cert_issue(const struct lnl_cert_request *r, const struct lnl_env *env,
		   struct lnl_text *out, struct lnl_why *why)
{
	struct authority a = { 0 };
	bool own = r->role == LNL_CERT_ROLE_CA;
	int error = check_request(r, why);

	*out = (struct lnl_text){ 0 };
	if (error == 0 && !own)
		error = open_authority(&a, env, r->issuer, r->issuer_cert, why);
	if (error == 0)
		error = build_cert(r, env, own ? NULL : &a.issuer, out);
	close_authority(&a, env);
	return error;
}

/* ---- revocation lists ---- */

static int check_revoked(const struct lnl_crl_request *r, struct lnl_why *why)
{
	for (unsigned i = 0; i < r->n_revoked; i++) {
		const struct lnl_revoked *c = &r->revoked[i];

		if (c->serial_len > 0 && c->serial_len <= LNL_SERIAL_MAX && c->serial[0] < 0x80)
			continue;
		lnl_why_say(why, "a serial number is positive and has 1 to 20 bytes", NULL);
		return LNL_E_INVAL;
	}
	if (r->next_update > r->this_update)
		return 0;
	lnl_why_say(why, "a revocation list has to begin before it ends", NULL);
	return LNL_E_INVAL;
}

int lnl_crl_issue(const struct lnl_crl_request *r, const struct lnl_env *env, struct lnl_text *out,
		  struct lnl_why *why)
{
	struct authority a = { 0 };
	struct lnl_der_writer w;
	uint8_t *buf = NULL;
	int error = check_revoked(r, why);

	*out = (struct lnl_text){ 0 };
	if (error == 0)
		error = open_authority(&a, env, r->issuer, r->issuer_cert, why);
	size_t cap =
		TBS_ROOM + SIGNATURE_ROOM + a.issuer.name_len + (size_t)r->n_revoked * REVOKED_ROOM;
	if (error == 0) {
		buf = lnl_alloc(env, cap);
		error = buf == NULL ? LNL_E_NOMEM : 0;
	}
	if (error == 0) {
		lnl_der_begin(&w, buf, cap);
		error = lnl_tbs_crl(&w, r, r->issuer->kind, &a.issuer);
	}
	if (error == 0)
		error = sign(r->issuer, buf, cap, &w, CRL_TYPE, out);
	lnl_release(env, buf);
	close_authority(&a, env);
	return error;
}
