/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Inside the engine proper: struct lnl_security checked, copied, and its keys read. */
#ifndef LNL_ENGINE_SECURITY_H
#define LNL_ENGINE_SECURITY_H

#include "control/client.h"
#include "lunel.h"

struct lnl_arena;
struct lnl_engine;

struct lnl_role {
	bool server;
	enum lnl_client_cert client_cert; /* a server's */
};

/* What came of it. */
struct lnl_secured {
	struct lnl_tls_conf *tls;
	struct lnl_wrap_key wrap; /* none, tls-auth, tls-crypt, or a client's tls-crypt-v2 */
	struct lnl_static_key wrap_raw;
	bool has_wrap;		     /* `wrap` is not none, and wrap_raw is its key */
	struct lnl_v2_client_key v2; /* a client's */
	uint8_t v2_server[LNL_V2_SERVER_KEY_LEN];
	bool has_v2; /* one of the two is set */
	enum lnl_cipher ciphers[LNL_CIPHERS_MAX];
	unsigned n_ciphers;
	enum lnl_cipher fallback;
	enum lnl_digest auth;
};

/*
 * Copies what |s| points to into |a| (the copies replace it in |s|), makes |out| of it, and wipes the
 * copies of keys. LNL_E_INVAL, LNL_E_KEY, LNL_E_CERT, LNL_E_PASSWORD, LNL_E_NOMEM; |why| names
 * setting and cause. After an error |out| needs lnl_secured_deinit all the same.
 */
int lnl_secured_init(struct lnl_secured *out, struct lnl_engine *e, struct lnl_arena *a,
		     struct lnl_security *s, const struct lnl_role *role, struct lnl_reason *why);
void lnl_secured_deinit(struct lnl_secured *c);
/* What sessions need of it: all of |out| but `tcp`. |c| and |s| must outlive it. */
void lnl_secured_session(const struct lnl_secured *c, const struct lnl_security *s,
			 const struct lnl_role *role, struct lnl_engine *e,
			 struct lnl_session_conf *out);
/* Reads crl-verify's file again; what was read before stays when that fails. */
void lnl_secured_refresh_crl(const struct lnl_secured *c, const struct lnl_security *s,
			     struct lnl_engine *e);
/* The defaults of OpenVPN 2.6. */
void lnl_security_init(struct lnl_security *s);
/* A list of texts copied into |a|. */
const char *const *lnl_arena_list(struct lnl_arena *a, const char *const *list, unsigned n);

#endif
