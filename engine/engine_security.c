/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Options about keys and certificates, checked and copied, for tunnels and servers alike. */
#include "engine_security.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine_state.h"

void lnl_security_init(struct lnl_security *s)
{
	memset(s, 0, sizeof(*s));
	s->key_direction = -1;
	s->auth = "SHA1";
	s->replay_window = 64;
	s->reneg_sec = 3600;
	s->reneg_sec_min = -1;
	s->tran_window = 3600;
	s->hand_window = 60;
	s->tls_timeout = 2;
	s->max_packet_size = LNL_CONTROL_MAX;
}

/* ---- copies ---- */

const char *const *lnl_arena_list(struct lnl_arena *a, const char *const *list, unsigned n)
{
	const char **out = lnl_arena_alloc(a, (n + 1) * sizeof(*out));
	unsigned i;

	for (i = 0; out && i < n; i++)
		out[i] = lnl_arena_str(a, list[i]);
	return out;
}

static void copy(struct lnl_arena *a, struct lnl_security *s)
{
	struct lnl_bytes *const files[] = { &s->ca,	  &s->cert,	 &s->extra_certs,
					    &s->key,	  &s->pkcs12,	 &s->crl,
					    &s->tls_auth, &s->tls_crypt, &s->tls_crypt_v2 };
	const char **const texts[] = {
		&s->crl_file,	     &s->key_password, &s->tls_version_min,
		&s->tls_version_max, &s->tls_cipher,   &s->tls_ciphersuites,
		&s->tls_groups,	     &s->name,	       &s->eku,
		&s->cipher,	     &s->auth,
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(*files); i++)
		files[i]->data = lnl_arena_copy(a, files[i]->data, files[i]->len);
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		*texts[i] = lnl_arena_str(a, *texts[i]);
	s->data_ciphers = lnl_arena_list(a, s->data_ciphers, s->n_data_ciphers);
	if (s->n_fingerprints)
		s->fingerprints = (const uint8_t(*)[32])(
			void *)lnl_arena_copy(a, s->fingerprints,
					      s->n_fingerprints * sizeof(*s->fingerprints));
}

/* Keys were read out of these, and the pass phrase has done its work. */
static void wipe_sources(struct lnl_security *s)
{
	const struct lnl_bytes all[] = { s->key, s->pkcs12, s->tls_auth, s->tls_crypt,
					 s->tls_crypt_v2 };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].data)
			lnl_secret_wipe((void *)(uintptr_t)all[i].data, all[i].len);
	if (s->key_password)
		lnl_secret_wipe((void *)(uintptr_t)s->key_password, strlen(s->key_password));
}

/* ---- TLS ---- */

static struct lnl_blob blob(struct lnl_bytes b)
{
	return (struct lnl_blob){ b.data, b.len };
}

static int tls_version(const char *text, enum lnl_tls_version *out)
{
	*out = LNL_TLS_ANY;
	if (!text)
		return 0;
	if (strcmp(text, "1.0") == 0 || strcmp(text, "1.1") == 0 || strcmp(text, "1.2") == 0)
		*out = LNL_TLS_1_2; /* older ones are not spoken: the least is 1.2 */
	else if (strcmp(text, "1.3") == 0)
		*out = LNL_TLS_1_3;
	else
		return LNL_E_INVAL;
	return 0;
}

static unsigned eku_bits(const char *text)
{
	static const struct {
		const char *name;
		unsigned bits;
	} names[] = {
		{ "serverAuth", LNL_EKU_SERVER },
		{ "TLS Web Server Authentication", LNL_EKU_SERVER },
		{ "1.3.6.1.5.5.7.3.1", LNL_EKU_SERVER },
		{ "clientAuth", LNL_EKU_CLIENT },
		{ "TLS Web Client Authentication", LNL_EKU_CLIENT },
		{ "1.3.6.1.5.5.7.3.2", LNL_EKU_CLIENT },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcasecmp(text, names[i].name) == 0)
			return names[i].bits;
	return 0;
}

static int make_tls(struct lnl_secured *c, struct lnl_engine *e, const struct lnl_security *o,
		    const struct lnl_role *role, struct lnl_reason *why)
{
	struct lnl_why cause = { "" };
	struct lnl_tls_settings s = {
		.server = role->server,
		.no_peer_cert = role->client_cert == LNL_CLIENT_CERT_NONE,
		.optional_peer_cert = role->client_cert == LNL_CLIENT_CERT_OPTIONAL,
		.ca = blob(o->ca),
		.cert = blob(o->cert),
		.extra_certs = blob(o->extra_certs),
		.key = blob(o->key),
		.pkcs12 = blob(o->pkcs12),
		.crl = blob(o->crl),
		.password = o->key_password,
		.cipher_list = o->tls_cipher,
		.ciphersuites = o->tls_ciphersuites,
		.groups = o->tls_groups,
		.fingerprints = o->fingerprints,
		.n_fingerprints = o->n_fingerprints,
		.name_check = (enum lnl_name_check)o->name_check,
		.name = o->name,
		.ku = o->ku,
		.n_ku = o->n_ku,
		.require_ku = o->remote_cert_tls,
	};
	int rc;

	if (o->remote_cert_tls)
		s.eku = role->server ? LNL_EKU_CLIENT : LNL_EKU_SERVER;
	if (tls_version(o->tls_version_min, &s.version_min) < 0 ||
	    tls_version(o->tls_version_max, &s.version_max) < 0)
		return lnl_reason_set(why, LNL_E_INVAL, "tls-version-min and -max take 1.2 or 1.3");
	if (o->eku) {
		s.eku |= eku_bits(o->eku);
		if (!eku_bits(o->eku))
			return lnl_reason_set(why, LNL_E_INVAL,
					      "remote-cert-eku '%s' is not known: serverAuth and "
					      "clientAuth are",
					      o->eku);
	}
	rc = lnl_tls_conf_new(&c->tls, &e->env, &s, &cause);
	if (rc < 0)
		return lnl_reason_set(why, rc, "%s", cause.text);
	if (cause.text[0])
		lnl_log(&e->log, LNL_LEVEL_WARN, "tls.settings", LNL_F("why", cause.text));
	return 0;
}

void lnl_secured_refresh_crl(const struct lnl_secured *c, const struct lnl_security *s,
			     struct lnl_engine *e)
{
	struct lnl_why why = { "" };
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (!s->crl_file)
		return;
	rc = lnl_process_read(e->process, s->crl_file, &text, &len);
	if (rc == 0)
		rc = lnl_tls_conf_set_crl(c->tls, (struct lnl_blob){ text, len }, &why);
	/* The one before still counts, until it is out of date. */
	if (rc < 0)
		lnl_log(&e->log, LNL_LEVEL_WARN, "crl.unreadable", LNL_F("file", s->crl_file),
			LNL_F("why", why.text[0] ? why.text : lnl_error_text(rc)));
	free(text);
}

/* ---- wrapping and ciphers ---- */

static int read_v2(struct lnl_secured *c, const struct lnl_security *o, bool server,
		   struct lnl_reason *why)
{
	const struct lnl_bytes *b = &o->tls_crypt_v2;
	int rc = server ? lnl_keyfile_v2_server(c->v2_server, b->data, b->len)
			: lnl_keyfile_v2_client(&c->v2, b->data, b->len);

	if (rc < 0)
		return lnl_reason_set(why, LNL_E_KEY,
				      "tls-crypt-v2: no OpenVPN tls-crypt-v2 %s key in it",
				      server ? "server" : "client");
	c->has_v2 = true;
	if (!server)
		c->wrap_raw = c->v2.kc;
	return 0;
}

/* A client has one wrapping; a server can have one beside tls-crypt-v2. */
static int check_wraps(const struct lnl_security *o, bool server, struct lnl_reason *why)
{
	bool v2 = o->tls_crypt_v2.data != NULL && !server;

	if (!!o->tls_auth.data + !!o->tls_crypt.data + v2 <= 1)
		return 0;
	return lnl_reason_set(
		why, LNL_E_INVAL,
		server ? "only one of tls-auth and tls-crypt can be set"
		       : "only one of tls-auth, tls-crypt and tls-crypt-v2 can be set");
}

static int make_wrap(struct lnl_secured *c, struct lnl_engine *e, const struct lnl_security *o,
		     bool server, struct lnl_reason *why)
{
	const struct lnl_bytes *b = o->tls_auth.data ? &o->tls_auth : &o->tls_crypt;
	int rc = check_wraps(o, server, why);

	if (rc == 0 && o->tls_crypt_v2.data)
		rc = read_v2(c, o, server, why);
	if (rc < 0)
		return rc;
	if (b->data) {
		if (lnl_keyfile_static(&c->wrap_raw, b->data, b->len) < 0)
			return lnl_reason_set(why, LNL_E_KEY, "%s: no OpenVPN static key in it",
					      o->tls_auth.data ? "tls-auth" : "tls-crypt");
	} else if (!c->has_v2 || server) {
		return 0;
	}
	c->has_wrap = true;
	if (o->tls_auth.data)
		rc = lnl_wrap_key_auth(&c->wrap, &e->env, &c->wrap_raw, o->key_direction, c->auth);
	else
		rc = lnl_wrap_key_crypt(&c->wrap, &e->env, &c->wrap_raw, server);
	return rc < 0 ? lnl_reason_set(why, rc, "control channel key: %s", lnl_error_text(rc)) : 0;
}

static int read_ciphers(struct lnl_secured *c, const struct lnl_security *o, struct lnl_reason *why)
{
	static const char *const usual[] = { "AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305" };
	const char *const *list = o->n_data_ciphers ? o->data_ciphers : usual;
	unsigned n = o->n_data_ciphers ? o->n_data_ciphers : 3, i;

	for (i = 0; i < n && c->n_ciphers < LNL_CIPHERS_MAX; i++) {
		bool optional = list[i][0] == '?';

		if (lnl_cipher_find(list[i] + optional, &c->ciphers[c->n_ciphers]) == 0)
			c->n_ciphers++;
		else if (!optional)
			return lnl_reason_set(why, LNL_E_INVAL,
					      "data-ciphers: '%s' is not known; known are %s",
					      list[i], lnl_cipher_list());
	}
	if (c->n_ciphers == 0)
		return lnl_reason_set(why, LNL_E_INVAL, "data-ciphers lists nothing that is known");
	if (o->cipher && lnl_cipher_find(o->cipher, &c->fallback) < 0)
		return lnl_reason_set(why, LNL_E_INVAL, "cipher '%s' is not known; known are %s",
				      o->cipher, lnl_cipher_list());
	if (lnl_digest_find(o->auth, &c->auth) < 0)
		return lnl_reason_set(why, LNL_E_INVAL, "auth '%s' is not known", o->auth);
	return 0;
}

/* ---- the whole ---- */

int lnl_secured_init(struct lnl_secured *out, struct lnl_engine *e, struct lnl_arena *a,
		     struct lnl_security *s, const struct lnl_role *role, struct lnl_reason *why)
{
	int rc;

	memset(out, 0, sizeof(*out));
	lnl_wrap_key_none(&out->wrap);
	copy(a, s);
	rc = read_ciphers(out, s, why);
	if (rc == 0)
		rc = make_wrap(out, e, s, role->server, why);
	if (rc == 0)
		rc = make_tls(out, e, s, role, why);
	wipe_sources(s);
	return rc;
}

void lnl_secured_deinit(struct lnl_secured *c)
{
	lnl_tls_conf_free(c->tls);
	lnl_wrap_key_deinit(&c->wrap);
	lnl_secret_wipe(c, sizeof(*c));
}

/*
 * Below every interval that can be set, since a client whose soft reset is dropped has a key id by
 * then that hears nothing of ours until it comes again; and it holds a client that never stops to a
 * handshake in so long.
 */
#define CLIENT_RENEG_INTERVAL LNL_SECOND

/* OpenVPN's: a server's sessions, which began together after a restart, fall apart by a tenth. */
static uint64_t reneg_spread(const struct lnl_security *s, bool server)
{
	int64_t least = s->reneg_sec_min > 1 ? s->reneg_sec_min : 1;

	if (s->reneg_sec_min >= 0)
		return least < s->reneg_sec ? (uint64_t)(s->reneg_sec - least) * LNL_SECOND : 0;
	return server ? (uint64_t)s->reneg_sec * LNL_SECOND / 10 : 0;
}

void lnl_secured_session(const struct lnl_secured *c, const struct lnl_security *s,
			 const struct lnl_role *role, struct lnl_engine *e,
			 struct lnl_session_conf *out)
{
	*out = (struct lnl_session_conf){
		.env = &e->env,
		.log = &e->log,
		.tls = c->tls,
		.wrap = &c->wrap,
		.wrap_raw = c->has_wrap ? &c->wrap_raw : NULL,
		.server = role->server,
		.max_packet = (uint16_t)s->max_packet_size,
		.tls_timeout = (uint64_t)s->tls_timeout * LNL_SECOND,
		.hand_window = (uint64_t)s->hand_window * LNL_SECOND,
		.tran_window = (uint64_t)s->tran_window * LNL_SECOND,
		.reneg_interval = (uint64_t)s->reneg_sec * LNL_SECOND,
		.reneg_spread = reneg_spread(s, role->server),
		.peer_interval = role->server ? CLIENT_RENEG_INTERVAL : 0,
	};
	if (c->has_v2 && !role->server) {
		out->wkc = c->v2.wkc;
		out->wkc_len = c->v2.wkc_len;
	}
}

const char *lnl_cipher_list(void)
{
	return "AES-256-GCM, AES-192-GCM, AES-128-GCM, CHACHA20-POLY1305, AES-256-CBC, AES-192-CBC, "
	       "AES-128-CBC";
}
