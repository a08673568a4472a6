/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A PKI of one's own, as `lunel pki` keeps it; part of lunel.h, which includes it at its end. */
#ifndef LUNEL_PKI_H
#define LUNEL_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Functions over buffers, without an engine; each returns 0 or LNL_E_* with a sentence in |why|. Texts
 * they make are the caller's.
 */

/* Made text, with a NUL behind its |len| bytes. */
struct lnl_pki_text {
	char *data;
	size_t len;
};
/* Wipes and releases; leaves |t| empty. */
void lnl_pki_text_free(struct lnl_pki_text *t);

/*
 * A new private key as unencrypted PKCS#8 in PEM; |kind| is "ec" (P-256), "ed25519", "rsa2048",
 * "rsa3072" or "rsa4096", else LNL_E_NOTFOUND. LNL_E_NOMEM, LNL_E_RANDOM.
 */
int lnl_pki_key(const char *kind, struct lnl_pki_text *out, struct lnl_reason *why);
/* The nearest of those kinds; static storage. LNL_E_KEY, LNL_E_PASSWORD (it is encrypted). */
int lnl_pki_key_kind(struct lnl_bytes key, const char **kind, struct lnl_reason *why);
/* The key encrypted with |password| (PKCS#8, PBES2, AES-256). LNL_E_PASSWORD: it is empty. */
int lnl_pki_key_encrypt(struct lnl_bytes key, const char *password, struct lnl_pki_text *out,
			struct lnl_reason *why);

enum lnl_pki_role { LNL_PKI_CA, LNL_PKI_SERVER, LNL_PKI_CLIENT };

struct lnl_pki_request {
	enum lnl_pki_role role;
	const char *cn;		  /* 1 to 64 bytes */
	const char *const *names; /* alternative names: hosts or addresses */
	unsigned n_names;
	uint64_t not_before, not_after;
	struct lnl_bytes key;		  /* whose certificate it is */
	struct lnl_bytes ca_cert, ca_key; /* not for a CA, which signs itself */
};

/* A certificate in PEM. LNL_E_INVAL, LNL_E_CERT, LNL_E_KEY, LNL_E_NOMEM, LNL_E_RANDOM. */
int lnl_pki_cert(const struct lnl_pki_request *r, struct lnl_pki_text *out, struct lnl_reason *why);

struct lnl_pki_revoked {
	const char *serial; /* in hex */
	uint64_t when;
};

struct lnl_pki_list {
	struct lnl_bytes ca_cert, ca_key;
	uint64_t number; /* above that of the list before */
	uint64_t this_update, next_update;
	const struct lnl_pki_revoked *revoked;
	unsigned n_revoked;
};

/* A revocation list in PEM. Errors as lnl_pki_cert. */
int lnl_pki_crl(const struct lnl_pki_list *l, struct lnl_pki_text *out, struct lnl_reason *why);

struct lnl_pki_facts {
	char subject[256], cn[256];
	char serial[64]; /* in hex */
	char fingerprint[96];
	uint64_t not_before, not_after;
	bool ca, server, client; /* what it may be used as */
};

/* What the first certificate in |cert| says. LNL_E_CERT. */
int lnl_pki_facts(struct lnl_bytes cert, struct lnl_pki_facts *out, struct lnl_reason *why);

/* Random key files of OpenVPN's: for tls-auth and tls-crypt, tls-crypt-v2's server, auth-token. */
int lnl_pki_static_key(struct lnl_pki_text *out, struct lnl_reason *why);
int lnl_pki_v2_server_key(struct lnl_pki_text *out, struct lnl_reason *why);
int lnl_pki_auth_token_key(struct lnl_pki_text *out, struct lnl_reason *why);
/* A client's tls-crypt-v2 key, made |when|, for the server with |server_key|. LNL_E_KEY. */
int lnl_pki_v2_client_key(struct lnl_bytes server_key, uint64_t when, struct lnl_pki_text *out,
			  struct lnl_reason *why);

#endif
