/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * auth-gen-token: tokens that a server gives instead of asking for the password again. A token
 * carries its own facts and an HMAC over them and the user name; the server keeps only the key
 * (OpenVPN auth_token.c).
 */
#ifndef LNL_CONTROL_TOKEN_H
#define LNL_CONTROL_TOKEN_H

#include "crypto/crypto.h"
#include "wire/keyfile.h"

#define LNL_TOKEN_TEXT	  128 /* room for "SESS_ID_AT_" and base64, terminated */
#define LNL_TOKEN_SESSION 12  /* bytes of a session's id: the same over renewals */

enum lnl_token_state {
	LNL_TOKEN_NONE,	   /* it does not look like one of ours: a password */
	LNL_TOKEN_INVALID, /* looks like one, and was not made by us for this user */
	LNL_TOKEN_EXPIRED, /* was ours */
	LNL_TOKEN_VALID,
};

struct lnl_token_facts {
	uint8_t session[LNL_TOKEN_SESSION];
	uint64_t initial; /* seconds since 1970: when the session logged in */
	uint64_t renewed; /* when this token was made */
};

struct lnl_tokens {
	struct lnl_hmac *hmac;
	uint64_t lifetime; /* seconds since `initial`; 0: no end */
	/* A token that was not renewed for twice that long has expired; 0: never. */
	uint64_t renewal;
};

/*
 * |key|: the first 64 bytes of auth-gen-token-secret's file; NULL: drawn, so that a restart
 * forgets. LNL_E_NOMEM, LNL_E_RANDOM.
 */
int lnl_tokens_init(struct lnl_tokens *t, const struct lnl_env *env, const uint8_t key[64],
		    uint64_t lifetime, uint64_t renewal);
void lnl_tokens_deinit(struct lnl_tokens *t);
/*
 * The first 64 bytes of an "OpenVPN auth-token server key" file at |text|, or of a text that is only
 * base64: see lnl_keyfile_token. LNL_E_FORMAT, and |out| is zero. The caller wipes it.
 */
int lnl_token_key(uint8_t out[64], const char *text, size_t len);

/* A first token's facts at |wall| seconds since 1970. LNL_E_RANDOM. */
int lnl_token_begin(struct lnl_token_facts *f, const struct lnl_env *env, uint64_t wall);
/*
 * Writes the token of |f| for |user|, renewed at |wall| (but never before it began), to |out|. A secret.
 * LNL_E_KEY, and |out| is "".
 */
int lnl_token_write(const struct lnl_tokens *t, struct lnl_token_facts *f, const char *user,
		    uint64_t wall, char out[LNL_TOKEN_TEXT]);
/*
 * Judges |password|: whatever begins as a token is one, however short (a truncated one is not to be
 * asked about as a password). With VALID and EXPIRED |f| is set, else zero. A token from the future
 * (60 s and more) is INVALID. The comparison takes a constant time.
 */
enum lnl_token_state lnl_token_check(const struct lnl_tokens *t, const char *user,
				     const char *password, uint64_t wall,
				     struct lnl_token_facts *f);

#endif
