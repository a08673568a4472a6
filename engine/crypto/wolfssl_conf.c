/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all sessions of a client or server share: wolfSSL's context, trust, and policy. */
#include "crypto/wolfssl_tls.h"

#include <string.h>

/*
 * Smaller RSA keys no peer may show, whatever the library's own idea is: what OpenSSL's level 1
 * asks.
 */
#define RSA_BITS_MIN 1024

static WOLFSSL_METHOD *choose_method(const struct lnl_tls_settings *s)
{
	if (s->version_max == LNL_TLS_1_2)
		return s->server ? wolfTLSv1_2_server_method() : wolfTLSv1_2_client_method();
	if (s->version_min == LNL_TLS_1_3)
		return s->server ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method();
	return s->server ? wolfSSLv23_server_method() : wolfSSLv23_client_method();
}

static int new_context(struct lnl_tls_conf *c, const struct lnl_tls_settings *s,
		       struct lnl_why *why)
{
	int verify = WOLFSSL_VERIFY_NONE;

	if (s->version_min == LNL_TLS_1_3 && s->version_max == LNL_TLS_1_2) {
		lnl_why_say(why, "tls-version-min: above tls-version-max", NULL);
		return LNL_E_INVAL;
	}
	c->ctx = wolfSSL_CTX_new(choose_method(s));
	if (c->ctx == NULL)
		return LNL_E_NOMEM;
	c->store.manager = wolfSSL_CTX_GetCertManager(c->ctx);
	if (wolfSSL_CTX_SetMinVersion(c->ctx, s->version_min == LNL_TLS_1_3
						      ? WOLFSSL_TLSV1_3
						      : WOLFSSL_TLSV1_2) != WOLFSSL_SUCCESS ||
	    wolfSSL_CTX_SetMinRsaKey_Sz(c->ctx, RSA_BITS_MIN) != WOLFSSL_SUCCESS)
		return LNL_E_NOMEM;
	if (c->wants_peer)
		verify = WOLFSSL_VERIFY_PEER;
	if (c->requires_peer)
		verify |= WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	wolfSSL_CTX_set_verify(c->ctx, verify, lnl_verify_callback);
	return 0;
}

static void *copy(const struct lnl_env *env, const void *from, size_t len)
{
	void *to = lnl_alloc(env, len);

	if (to != NULL)
		memcpy(to, from, len);
	return to;
}

static int copy_policy(struct lnl_tls_conf *c, const struct lnl_tls_settings *s)
{
	c->server = s->server;
	c->wants_peer = !s->server || !s->no_peer_cert;
	c->requires_peer = c->wants_peer && !(s->server && s->optional_peer_cert);
	c->name_check = s->name_check;
	c->require_ku = s->require_ku;
	c->eku = s->eku;
	if (s->n_fingerprints > 0) {
		c->fingerprints =
			copy(c->env, s->fingerprints, s->n_fingerprints * sizeof(*s->fingerprints));
		c->n_fingerprints = s->n_fingerprints;
	}
	if (s->name_check != LNL_NAME_NONE)
		c->name = copy(c->env, s->name, strlen(s->name) + 1);
	if (s->n_ku > 0) {
		c->ku = copy(c->env, s->ku, s->n_ku * sizeof(*s->ku));
		c->n_ku = s->n_ku;
	}
	if ((s->n_fingerprints > 0 && c->fingerprints == NULL) ||
	    (s->name_check != LNL_NAME_NONE && c->name == NULL) || (s->n_ku > 0 && c->ku == NULL))
		return LNL_E_NOMEM;
	return 0;
}

/* All of `ca` being unusable for good is an error of the settings, not of the peer. */
static int check_cas(const struct lnl_tls_conf *c, struct lnl_why *why)
{
	const struct lnl_ca *last = NULL;

	for (const struct lnl_ca *ca = c->store.cas; ca != NULL; ca = ca->next) {
		if (!ca->unfit)
			return 0;
		last = ca;
	}
	if (last == NULL)
		return 0;
	lnl_why_say(why,
		    last->out == LNL_CERT_V1
			    ? "ca: an X.509 v1 certificate, which wolfSSL refuses: "
			    : "ca: not the certificate of a CA: ",
		    last->subject, NULL);
	return LNL_E_CERT;
}

static int load_trust(struct lnl_tls_conf *c, const struct lnl_tls_settings *s, struct lnl_why *why)
{
	int error = 0;

	if (s->ca.data != NULL)
		error = lnl_store_add(&c->store, &s->ca, why);
	if (error == 0)
		error = check_cas(c, why);
	if (error != 0)
		return error;
	c->has_ca = c->store.cas != NULL;
	if (c->wants_peer && !c->has_ca && c->n_fingerprints == 0) {
		lnl_why_say(why, "ca: neither a CA nor a peer-fingerprint is given", NULL);
		return LNL_E_CERT;
	}
	if (s->crl.data != NULL)
		return lnl_store_set_crl(&c->store, &s->crl, why);
	return lnl_store_refresh(&c->store);
}

int lnl_tls_conf_new(struct lnl_tls_conf **out, const struct lnl_env *env,
		     const struct lnl_tls_settings *s, struct lnl_why *why)
{
	struct lnl_tls_conf *c = lnl_alloc(env, sizeof(*c));

	if (c == NULL) {
		lnl_why_say(why, "out of memory", NULL);
		return LNL_E_NOMEM;
	}
	lnl_why_say(why, "", NULL);
	c->env = c->store.env = env;
	int error = copy_policy(c, s);
	if (error == 0)
		error = new_context(c, s, why);
	if (error == 0)
		error = lnl_key_load(c->ctx, &c->store, s, why);
	if (error == 0)
		error = load_trust(c, s, why);
	if (error == 0)
		error = lnl_suites_set(c->ctx, s, why);
	if (error != 0) {
		if (error == LNL_E_NOMEM)
			lnl_why_say(why, "out of memory", NULL);
		lnl_tls_conf_free(c);
		return error;
	}
	lnl_tls_set_io(c->ctx);
	*out = c;
	return 0;
}

void lnl_tls_conf_free(struct lnl_tls_conf *c)
{
	if (c == NULL)
		return;
	wolfSSL_CTX_free(c->ctx);
	lnl_store_deinit(&c->store);
	lnl_release(c->env, c->fingerprints);
	lnl_release(c->env, c->name);
	lnl_release(c->env, c->ku);
	lnl_release(c->env, c);
}

int lnl_tls_conf_set_crl(struct lnl_tls_conf *c, struct lnl_blob crl, struct lnl_why *why)
{
	int error = lnl_store_set_crl(&c->store, &crl, why);

	if (error == LNL_E_NOMEM)
		lnl_why_say(why, "out of memory", NULL);
	return error;
}
