/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The peer's certificates: wolfSSL verifies the chain and asks here about each certificate of it,
 * good or bad. Here the chain is recorded, what OpenVPN checks beyond TLS is checked, and the one
 * cause is put into words.
 */
#include "crypto/wolfssl_tls.h"

#include <string.h>

enum lnl_cert_failure lnl_verify_failure(int code)
{
	static const struct {
		int code;
		enum lnl_cert_failure failure;
	} rows[] = {
		{ ASN_NO_SIGNER_E, LNL_CERT_UNTRUSTED }, { ASN_SELF_SIGNED_E, LNL_CERT_UNTRUSTED },
		{ ASN_AFTER_DATE_E, LNL_CERT_EXPIRED },	 { ASN_BEFORE_DATE_E, LNL_CERT_NOT_YET },
		{ CRL_CERT_REVOKED, LNL_CERT_REVOKED },	 { CRL_MISSING, LNL_CERT_CRL },
		{ CRL_CERT_DATE_ERR, LNL_CERT_CRL },	 { ASN_CRL_NO_SIGNER_E, LNL_CERT_CRL },
		{ ASN_CRL_CONFIRM_E, LNL_CERT_CRL },	 { KEYUSE_SIGNATURE_E, LNL_CERT_KU },
		{ KEYUSE_ENCIPHER_E, LNL_CERT_KU },	 { KEYUSAGE_E, LNL_CERT_KU },
		{ EXTKEYUSE_AUTH_E, LNL_CERT_EKU },	 { NO_PEER_CERT, LNL_CERT_MISSING },
		{ ASN_VERSION_E, LNL_CERT_V1 },		 { RSA_KEY_SIZE_E, LNL_CERT_WEAK },
		{ ECC_KEY_SIZE_E, LNL_CERT_WEAK },	 { ASN_SIG_HASH_E, LNL_CERT_WEAK },
		{ HASH_TYPE_E, LNL_CERT_WEAK },		 { MAX_CHAIN_ERROR, LNL_CERT_BAD },
		{ NOT_CA_ERROR, LNL_CERT_BAD },		 { VERIFY_CERT_ERROR, LNL_CERT_BAD },
		{ PEER_KEY_ERROR, LNL_CERT_BAD },	 { ECC_PEERKEY_ERROR, LNL_CERT_BAD },
		{ EXTKEYUSAGE_E, LNL_CERT_BAD },	 { ASN_PATHLEN_SIZE_E, LNL_CERT_BAD },
		{ ASN_PATHLEN_INV_E, LNL_CERT_BAD },	 { ASN_NAME_INVALID_E, LNL_CERT_BAD },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code)
			return rows[i].failure;
	}
	/* The parser's own range: whatever it did not like, it found in a certificate. */
	return code <= ASN_PARSE_E && code >= ASN_ALT_NAME_E ? LNL_CERT_BAD : LNL_CERT_OK;
}

const char *lnl_verify_text(int code)
{
	/* Negative as it is: 5.5.4 knows no other numbers. */
	return wolfSSL_ERR_reason_error_string((unsigned long)code);
}

/* ---- one sentence a cause ---- */

static const char *subject_of(const struct lnl_cert *c)
{
	return c->subject[0] != '\0' ? c->subject : "a certificate without a subject";
}

/* The CRL of |issuer| is not there or no good; it is needed for |subject|. */
static void explain_crl(struct lnl_tls *t, const char *issuer, const char *subject)
{
	const struct lnl_crl *crl = lnl_store_find_crl(&t->conf->store, issuer);
	char date[LNL_DATE_LEN];

	if (crl == NULL)
		lnl_why_say(&t->why, "no CRL of ", issuer, " to check ", subject, NULL);
	else if (crl->next_update <= t->conf->env->wallclock(t->conf->env->ctx))
		lnl_why_say(&t->why, "the CRL of ", issuer, " is out of date, next update was due ",
			    lnl_why_date(date, crl->next_update), "; it is needed to check ",
			    subject, NULL);
	else
		lnl_why_say(&t->why, "the CRL of ", issuer, " cannot be used to check ", subject,
			    NULL);
}

/*
 * No path to a CA. A CA that would do but for its date, its CRL or its version is the better
 * answer.
 */
static enum lnl_cert_failure explain_untrusted(struct lnl_tls *t, const struct lnl_cert *c)
{
	const struct lnl_ca *ca = lnl_store_find_out(&t->conf->store, c->issuer);
	char date[LNL_DATE_LEN];

	if (strcmp(c->subject, c->issuer) == 0)
		lnl_why_say(&t->why, "no trusted CA for ", subject_of(c), ", which is self-signed",
			    NULL);
	else
		lnl_why_say(&t->why, "no trusted CA for ", subject_of(c), ", issued by ", c->issuer,
			    NULL);
	if (ca == NULL)
		return LNL_CERT_UNTRUSTED;
	switch (ca->out) {
	case LNL_CERT_EXPIRED:
		lnl_why_add(&t->why, "the CA certificate has expired: ", ca->subject,
			    ", not after ", lnl_why_date(date, ca->not_after), NULL);
		break;
	case LNL_CERT_NOT_YET:
		lnl_why_add(&t->why, "the CA certificate is not yet valid: ", ca->subject,
			    ", not before ", lnl_why_date(date, ca->not_before), NULL);
		break;
	case LNL_CERT_REVOKED:
		lnl_why_add(&t->why, "the CA certificate is revoked: ", ca->subject, NULL);
		break;
	case LNL_CERT_CRL:
		explain_crl(t, ca->issuer, ca->subject);
		break;
	case LNL_CERT_V1:
		lnl_why_add(&t->why,
			    "the CA certificate is X.509 v1, which wolfSSL refuses: ", ca->subject,
			    NULL);
		break;
	default:
		lnl_why_add(&t->why, "not usable as a CA: ", ca->subject, NULL);
		return LNL_CERT_UNTRUSTED;
	}
	return ca->out;
}

/* What the certificate itself says, or does not. */
static void explain_content(struct lnl_tls *t, const struct lnl_cert *c,
			    enum lnl_cert_failure failure, int code)
{
	switch (failure) {
	case LNL_CERT_NAME:
		lnl_why_say(&t->why, "certificate is not for the name asked for: ", subject_of(c),
			    ", verify-x509-name ", t->conf->name, NULL);
		break;
	case LNL_CERT_KU:
		lnl_why_say(&t->why,
			    c->has_ku ? "certificate's key usage does not allow this: "
				      : "certificate has no key usage: ",
			    subject_of(c), NULL);
		break;
	case LNL_CERT_EKU:
		lnl_why_say(&t->why,
			    c->has_eku ? "certificate's extended key usage does not allow this: "
				       : "certificate has no extended key usage: ",
			    subject_of(c),
			    t->conf->server ? ", clientAuth is needed" : ", serverAuth is needed",
			    NULL);
		break;
	case LNL_CERT_FINGERPRINT:
		lnl_why_say(&t->why,
			    "certificate's fingerprint is not among those of peer-fingerprint: ",
			    subject_of(c), NULL);
		break;
	case LNL_CERT_V1:
		lnl_why_say(&t->why,
			    "certificate is X.509 v1, which wolfSSL refuses: ", subject_of(c),
			    NULL);
		break;
	case LNL_CERT_WEAK:
		lnl_why_say(&t->why, "certificate's key or signature is too weak: ", subject_of(c),
			    NULL);
		break;
	default:
		lnl_why_say(&t->why, "certificate is refused: ", subject_of(c), ": ",
			    c->embedded_nul		? "a NUL byte in a name"
			    : code == ASN_SIG_CONFIRM_E ? "its signature is not one of "
							: lnl_verify_text(code),
			    code == ASN_SIG_CONFIRM_E ? c->issuer : NULL, NULL);
		break;
	}
}

/* Records |failure| of |c|; |code| is wolfSSL's, for what has no words of its own. */
static void refuse(struct lnl_tls *t, const struct lnl_cert *c, enum lnl_cert_failure failure,
		   int code)
{
	char date[LNL_DATE_LEN];

	t->failure = failure;
	t->failure_depth = c->depth;
	switch (failure) {
	case LNL_CERT_UNTRUSTED:
		t->failure = explain_untrusted(t, c);
		break;
	case LNL_CERT_EXPIRED:
		lnl_why_say(&t->why, "certificate has expired: ", subject_of(c), ", not after ",
			    lnl_why_date(date, c->not_after), NULL);
		break;
	case LNL_CERT_NOT_YET:
		lnl_why_say(&t->why, "certificate is not yet valid: ", subject_of(c),
			    ", not before ", lnl_why_date(date, c->not_before), NULL);
		break;
	case LNL_CERT_REVOKED:
		lnl_why_say(&t->why, "certificate is revoked: ", subject_of(c), ", serial ",
			    c->serial, ", by the CRL of ", c->issuer, NULL);
		break;
	case LNL_CERT_CRL:
		explain_crl(t, c->issuer, subject_of(c));
		break;
	default:
		explain_content(t, c, failure, code);
		break;
	}
}

/* ---- the checks ---- */

static bool has_key_usage(const struct lnl_tls_conf *conf, const struct lnl_cert *c)
{
	if (conf->require_ku && !c->has_ku)
		return false;
	/*
	 * digitalSignature, keyEncipherment, keyAgreement: one of them TLS needs (5.5.4 does not
	 * look under 1.3).
	 */
	if (c->has_ku && (c->ku & 0xa8) == 0)
		return false;
	if (conf->n_ku == 0)
		return true;
	for (unsigned i = 0; i < conf->n_ku; i++) {
		if (c->has_ku && conf->ku[i] != 0 && (c->ku & conf->ku[i]) == conf->ku[i])
			return true;
	}
	return false;
}

static bool has_fingerprint(const struct lnl_tls_conf *conf, const struct lnl_cert *c)
{
	bool found = conf->n_fingerprints == 0;

	for (unsigned i = 0; i < conf->n_fingerprints; i++)
		found |= lnl_secret_equal(conf->fingerprints[i], c->sha256, sizeof(c->sha256));
	return found;
}

/* What the settings ask of the peer's own certificate. */
static enum lnl_cert_failure check_leaf(const struct lnl_tls_conf *conf, const struct lnl_cert *c)
{
	if (!has_fingerprint(conf, c))
		return LNL_CERT_FINGERPRINT;
	if (!lnl_cert_name_matches(c, conf->name_check, conf->name))
		return LNL_CERT_NAME;
	if (!has_key_usage(conf, c))
		return LNL_CERT_KU;
	if (conf->eku != 0 && (c->eku & conf->eku) != conf->eku)
		return LNL_CERT_EKU;
	return LNL_CERT_OK;
}

/* What no certificate of a chain may be, trusted or not. */
static enum lnl_cert_failure check_any(const struct lnl_tls_conf *conf, const struct lnl_cert *c)
{
	uint64_t now = conf->env->wallclock(conf->env->ctx);

	if (c->embedded_nul)
		return LNL_CERT_BAD;
	if (now < c->not_before)
		return LNL_CERT_NOT_YET;
	if (now > c->not_after)
		return LNL_CERT_EXPIRED;
	/* On itself, a root's signature proves nothing and harms nobody. */
	if (c->weak_digest && strcmp(c->subject, c->issuer) != 0)
		return LNL_CERT_WEAK;
	return LNL_CERT_OK;
}

/* With fingerprints and no CA, these are what every chain fails with. */
static bool is_about_trust(int code)
{
	return code == ASN_NO_SIGNER_E || code == ASN_SELF_SIGNED_E || code == ASN_SIG_CONFIRM_E;
}

/* The CRL may be one of a CA that only this chain has brought. */
static int ask_crls_again(struct lnl_tls *t, WOLFSSL_X509_STORE_CTX *x, int code)
{
	struct lnl_store *store = &t->conf->store;
	WOLFSSL_BUFFER_INFO *der = &x->certs[x->error_depth];

	if (code != CRL_MISSING)
		return code;
	lnl_store_retry_crls(store);
	code = wolfSSL_CertManagerCheckCRL(store->manager, der->buffer, (int)der->length);
	return code == WOLFSSL_SUCCESS ? 0 : code;
}

/* ---- the record of the chain ---- */

/*
 * Adds what was read, without the room for names that it does not have: a server keeps chains while
 * logins are judged. NULL: out of memory.
 */
static const struct lnl_cert *keep(struct lnl_tls *t, const struct lnl_cert *read)
{
	size_t len = offsetof(struct lnl_cert, san) + read->n_san * sizeof(read->san[0]);
	struct lnl_cert *c = lnl_alloc(t->conf->env, len);

	if (c != NULL) {
		memcpy(c, read, len);
		t->chain[t->chain_len++] = c;
	}
	return c;
}

static int record(struct lnl_tls *t, const WOLFSSL_X509_STORE_CTX *x, struct lnl_cert *read)
{
	for (int i = 0; i < x->totalCerts && i < LNL_CHAIN_MAX; i++) {
		const struct lnl_cert *c;

		memset(read, 0, sizeof(*read));
		int error = lnl_cert_read(read, x->certs[i].buffer, x->certs[i].length);
		read->depth = (unsigned)i;
		c = keep(t, read);
		if (c == NULL)
			return LNL_E_NOMEM;
		if (error == 0)
			continue;
		refuse(t, c, error == LNL_E_UNSUPPORTED ? LNL_CERT_V1 : LNL_CERT_BAD, ASN_PARSE_E);
		return 0;
	}
	return 0;
}

/*
 * Reads all that the peer sent, once. LNL_E_NOMEM. A certificate that cannot be read ends the
 * record before it.
 */
static int record_chain(struct lnl_tls *t, const WOLFSSL_X509_STORE_CTX *x)
{
	const struct lnl_env *env = t->conf->env;
	struct lnl_cert *read = lnl_alloc(env, sizeof(*read));
	int error = read != NULL ? record(t, x, read) : LNL_E_NOMEM;

	lnl_release(env, read);
	return error;
}

static void judge(struct lnl_tls *t, WOLFSSL_X509_STORE_CTX *x, int code)
{
	const struct lnl_tls_conf *conf = t->conf;
	const struct lnl_cert *c = t->chain[x->error_depth];
	enum lnl_cert_failure failure;

	code = ask_crls_again(t, x, code);
	if (!conf->has_ca && (is_about_trust(code) || x->error_depth > 0))
		code = 0;
	if (code != 0) {
		failure = lnl_verify_failure(code);
		refuse(t, c, failure == LNL_CERT_OK ? LNL_CERT_BAD : failure, code);
		return;
	}
	/* Without a CA all that came with the peer's certificate is decoration. */
	if (!conf->has_ca && x->error_depth > 0)
		return;
	failure = check_any(conf, c);
	if (failure == LNL_CERT_OK && x->error_depth == 0)
		failure = check_leaf(conf, c);
	if (failure != LNL_CERT_OK)
		refuse(t, c, failure, ASN_PARSE_E);
	else if (x->error_depth == 0)
		t->leaf_good = true;
}

/* The peer had a message for its certificates, and none in it. */
static int accept_none(struct lnl_tls *t)
{
	if (!t->conf->requires_peer)
		return 1;
	t->failure = LNL_CERT_MISSING;
	lnl_why_say(&t->why, "the peer sent no certificate", NULL);
	return 0;
}

int lnl_verify_callback(int good, WOLFSSL_X509_STORE_CTX *x)
{
	struct lnl_tls *t = x->userCtx;

	if (x->totalCerts == 0)
		return accept_none(t);
	if (t->chain_len == 0 && record_chain(t, x) != 0)
		t->no_memory = true;
	if (t->conf->store.broken)
		t->no_memory = true;
	if (t->no_memory || t->failure != LNL_CERT_OK)
		return 0;
	if (x->error_depth < 0 || (unsigned)x->error_depth >= t->chain_len)
		return 0;
	judge(t, x, good ? 0 : x->error);
	/* What the chain brought must not stay in the manager that all sessions share. */
	if (x->totalCerts > 1)
		t->conf->store.dirty = true;
	return t->failure == LNL_CERT_OK;
}
