/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What wolfssl_conf, _store, _key, _suites, _verify and _tls know of each other. */
#ifndef LNL_CRYPTO_WOLFSSL_TLS_H
#define LNL_CRYPTO_WOLFSSL_TLS_H

#include "crypto/pem.h"
#include "crypto/queue.h"
#include "crypto/why.h"
#include "crypto/wolfssl_compat.h"

/* ---- wolfssl_store: whom to trust ---- */

/* A certificate of `ca`. */
struct lnl_ca {
	struct lnl_ca *next;
	bool unfit;		   /* by what it is, not by date or CRL */
	enum lnl_cert_failure out; /* why it is not trusted now; LNL_CERT_OK: it is */
	bool below;		   /* that is for the one above it */
	uint64_t not_before, not_after;
	char subject[LNL_NAME_MAX];
	char issuer[LNL_NAME_MAX];
	size_t len;
	uint8_t der[];
};

struct lnl_crl {
	struct lnl_crl *next;
	bool loaded; /* else its issuer is not known yet, or it is out of date */
	bool bad;    /* its signature is wrong */
	uint64_t this_update;
	uint64_t next_update; /* UINT64_MAX: not said */
	char issuer[LNL_NAME_MAX];
	size_t len;
	uint8_t der[];
};

/*
 * wolfSSL's certificate manager forgets a CA's dates, never drops what a peer's chain brought, and
 * looks at the CRL of a CA only when the peer sends it (5.5.4). So the certificates are kept here,
 * and the manager is filled anew when one of these changes its state.
 */
struct lnl_store {
	const struct lnl_env *env;
	WOLFSSL_CERT_MANAGER *manager; /* the context's, not owned */
	struct lnl_ca *cas;
	struct lnl_crl *crls;
	bool check_crl;	     /* every certificate needs one */
	bool dirty;	     /* the manager does not hold what it should */
	bool broken;	     /* it could not be filled: nobody may be trusted */
	uint64_t recheck_at; /* when a date in here passes next */
};

/* Adds the certificates of |pem|. LNL_E_CERT, LNL_E_NOMEM. */
int lnl_store_add(struct lnl_store *s, const struct lnl_blob *pem, struct lnl_why *why);
/* Adds one certificate. Errors as lnl_store_add. */
int lnl_store_add_der(struct lnl_store *s, const uint8_t *der, size_t len, struct lnl_why *why);
/*
 * Takes the CRLs of |pem| in place of those it had, which stay on error: LNL_E_CERT, LNL_E_NOMEM.
 */
int lnl_store_set_crl(struct lnl_store *s, const struct lnl_blob *pem, struct lnl_why *why);
/*
 * Brings the manager up to date, if it is not. LNL_E_NOMEM: the store is then broken until this
 * succeeds.
 */
int lnl_store_refresh(struct lnl_store *s);
/* Tries the CRLs again whose issuer the peer's chain may have brought. */
void lnl_store_retry_crls(struct lnl_store *s);
/*
 * The CA with that name that is not trusted at present, or the one above it that is to blame;
 * NULL.
 */
const struct lnl_ca *lnl_store_find_out(const struct lnl_store *s, const char *subject);
/* The CRL of that issuer, or NULL. */
const struct lnl_crl *lnl_store_find_crl(const struct lnl_store *s, const char *issuer);
void lnl_store_deinit(struct lnl_store *s);

/* ---- wolfssl_key, wolfssl_suites: what the context is given ---- */

/*
 * Own certificate and key, from PEM or PKCS#12 (whose other certificates go to |store| when there
 * is no `ca`).
 */
int lnl_key_load(WOLFSSL_CTX *ctx, struct lnl_store *store, const struct lnl_tls_settings *s,
		 struct lnl_why *why);
/* Cipher suites and groups; |why| names those that were skipped. LNL_E_INVAL. */
int lnl_suites_set(WOLFSSL_CTX *ctx, const struct lnl_tls_settings *s, struct lnl_why *why);

/* ---- wolfssl_conf, wolfssl_verify, wolfssl_tls ---- */

struct lnl_tls_conf {
	const struct lnl_env *env;
	WOLFSSL_CTX *ctx;
	struct lnl_store store;
	bool server;
	bool wants_peer;    /* a certificate is asked for */
	bool requires_peer; /* and the handshake fails without */
	bool has_ca;	    /* false: the fingerprint alone decides */
	uint8_t (*fingerprints)[32];
	unsigned n_fingerprints;
	enum lnl_name_check name_check;
	char *name;
	uint16_t *ku;
	unsigned n_ku;
	bool require_ku;
	unsigned eku;
};

struct lnl_tls {
	struct lnl_tls_conf *conf;
	WOLFSSL *ssl;
	struct lnl_queue in, out;
	struct lnl_cert *chain[LNL_CHAIN_MAX];
	unsigned chain_len;
	bool leaf_good; /* the peer's own certificate passed everything */
	bool no_memory; /* inside a callback, which cannot say so */
	bool done;	/* the handshake is complete */
	bool exported;
	int error; /* after the first one nothing goes any more */
	enum lnl_cert_failure failure;
	unsigned failure_depth;
	struct lnl_why why;
};

/* Has the context's sessions read from and write to their queues. */
void lnl_tls_set_io(WOLFSSL_CTX *ctx);
/* wolfSSL's verify callback: records the chain and judges one certificate of it. */
int lnl_verify_callback(int good, WOLFSSL_X509_STORE_CTX *x);
/*
 * What wolfSSL's error |code| says of a certificate; LNL_CERT_OK when it is about something else.
 */
enum lnl_cert_failure lnl_verify_failure(int code);
/* wolfSSL's own words for its error |code|; static storage. */
const char *lnl_verify_text(int code);

#endif
