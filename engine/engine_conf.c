/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a host's options to what sessions need: checked, copied, keys read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "engine_state.h"

void lnl_tunnel_options_init(struct lnl_tunnel_options *o)
{
	memset(o, 0, sizeof(*o));
	o->connect_timeout = 120;
	o->connect_retry = 1;
	o->connect_retry_max_wait = 300;
	o->resolv_retry = -1;
	o->mtu_disc = -1;
	o->dev = "tun";
	o->tun_mtu = 1500;
	o->mssfix = -1;
	o->pull = true;
	o->key_direction = -1;
	o->auth = "SHA1";
	o->replay_window = 64;
	o->reneg_sec = 3600;
	o->tran_window = 3600;
	o->hand_window = 60;
	o->tls_timeout = 2;
	o->ping = o->ping_restart = o->ping_exit = -1;
	o->max_packet_size = LNL_CONTROL_MAX;
}

/* ---- copies ---- */

static struct lnl_bytes copy_bytes(struct lnl_arena *a, struct lnl_bytes b)
{
	return (struct lnl_bytes){ lnl_arena_copy(a, b.data, b.len), b.len };
}

static const char *const *copy_list(struct lnl_arena *a, const char *const *list, unsigned n)
{
	const char **out = lnl_arena_alloc(a, (n + 1) * sizeof(*out));
	unsigned i;

	for (i = 0; out && i < n; i++)
		out[i] = lnl_arena_str(a, list[i]);
	return out;
}

static void copy_files(struct lnl_arena *a, struct lnl_tunnel_options *o)
{
	struct lnl_bytes *const all[] = { &o->ca,	&o->cert,      &o->extra_certs,
					  &o->key,	&o->pkcs12,    &o->crl,
					  &o->tls_auth, &o->tls_crypt, &o->tls_crypt_v2 };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		*all[i] = copy_bytes(a, *all[i]);
}

static void copy_strings(struct lnl_arena *a, struct lnl_tunnel_options *o)
{
	const char **const all[] = {
		&o->bind_dev,
		&o->dev,
		&o->crl_file,
		&o->key_password,
		&o->tls_version_min,
		&o->tls_version_max,
		&o->tls_cipher,
		&o->tls_ciphersuites,
		&o->tls_groups,
		&o->name,
		&o->eku,
		&o->cipher,
		&o->auth,
		&o->username,
		&o->password,
		&o->static_challenge,
		&o->auth_token,
		&o->auth_token_user,
		&o->peer_info_extra,
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		*all[i] = lnl_arena_str(a, *all[i]);
	for (i = 0; i < o->n_pull_filter; i++)
		o->pull_filter[i].text = lnl_arena_str(a, o->pull_filter[i].text);
	o->network = copy_list(a, o->network, o->n_network);
	o->data_ciphers = copy_list(a, o->data_ciphers, o->n_data_ciphers);
	if (o->n_fingerprints)
		o->fingerprints = (const uint8_t(*)[32])(
			void *)lnl_arena_copy(a, o->fingerprints,
					      o->n_fingerprints * sizeof(*o->fingerprints));
}

static int copy_remotes(struct lnl_tunnel_conf *c)
{
	unsigned i;

	c->remotes = lnl_arena_alloc(&c->arena, (c->o.n_remotes + 1) * sizeof(*c->remotes));
	if (!c->remotes)
		return LNL_E_NOMEM;
	for (i = 0; i < c->o.n_remotes; i++) {
		c->remotes[i] = c->o.remotes[i];
		c->remotes[i].host = lnl_arena_str(&c->arena, c->o.remotes[i].host);
		c->remotes[i].local = lnl_arena_str(&c->arena, c->o.remotes[i].local);
	}
	c->o.remotes = c->remotes;
	return 0;
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

static int make_tls(struct lnl_tunnel_conf *c, struct lnl_engine *e, struct lnl_reason *why)
{
	const struct lnl_tunnel_options *o = &c->o;
	struct lnl_why cause = { "" };
	struct lnl_tls_settings s = {
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
		.eku = o->remote_cert_tls ? LNL_EKU_SERVER : 0,
	};
	int rc;

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

/* ---- wrapping and ciphers ---- */

static int make_wrap(struct lnl_tunnel_conf *c, struct lnl_engine *e, enum lnl_digest digest,
		     struct lnl_reason *why)
{
	const struct lnl_tunnel_options *o = &c->o;
	struct lnl_session_conf *s = &c->client.session;
	int rc;

	lnl_wrap_key_none(&c->wrap);
	s->wrap = &c->wrap;
	if (!!o->tls_auth.data + !!o->tls_crypt.data + !!o->tls_crypt_v2.data > 1)
		return lnl_reason_set(
			why, LNL_E_INVAL,
			"only one of tls-auth, tls-crypt and tls-crypt-v2 can be set");
	if (o->tls_crypt_v2.data) {
		rc = lnl_keyfile_v2_client(&c->v2, o->tls_crypt_v2.data, o->tls_crypt_v2.len);
		if (rc < 0)
			return lnl_reason_set(
				why, LNL_E_KEY,
				"tls-crypt-v2: no OpenVPN tls-crypt-v2 client key in it");
		s->wkc = c->v2.wkc;
		s->wkc_len = c->v2.wkc_len;
		c->wrap_raw = c->v2.kc;
	} else if (o->tls_auth.data || o->tls_crypt.data) {
		struct lnl_bytes b = o->tls_auth.data ? o->tls_auth : o->tls_crypt;

		if (lnl_keyfile_static(&c->wrap_raw, b.data, b.len) < 0)
			return lnl_reason_set(why, LNL_E_KEY, "%s: no OpenVPN static key in it",
					      o->tls_auth.data ? "tls-auth" : "tls-crypt");
	} else {
		return 0;
	}
	s->wrap_raw = &c->wrap_raw;
	if (o->tls_auth.data)
		rc = lnl_wrap_key_auth(&c->wrap, &e->env, &c->wrap_raw, o->key_direction, digest);
	else
		rc = lnl_wrap_key_crypt(&c->wrap, &e->env, &c->wrap_raw, false);
	return rc < 0 ? lnl_reason_set(why, rc, "control channel key: %s", lnl_error_text(rc)) : 0;
}

static int read_ciphers(struct lnl_tunnel_conf *c, struct lnl_reason *why)
{
	static const char *const usual[] = { "AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305" };
	const char *const *list = c->o.n_data_ciphers ? c->o.data_ciphers : usual;
	unsigned n = c->o.n_data_ciphers ? c->o.n_data_ciphers : 3, i;
	struct lnl_client_conf *k = &c->client;

	for (i = 0; i < n && k->n_ciphers < LNL_CIPHERS_MAX; i++) {
		bool optional = list[i][0] == '?';

		if (lnl_cipher_find(list[i] + optional, &k->ciphers[k->n_ciphers]) == 0)
			k->n_ciphers++;
		else if (!optional)
			return lnl_reason_set(why, LNL_E_INVAL,
					      "data-ciphers: '%s' is not known; known are %s",
					      list[i], lnl_cipher_list());
	}
	if (k->n_ciphers == 0)
		return lnl_reason_set(why, LNL_E_INVAL, "data-ciphers lists nothing that is known");
	if (c->o.cipher && lnl_cipher_find(c->o.cipher, &k->fallback) < 0)
		return lnl_reason_set(why, LNL_E_INVAL, "cipher '%s' is not known; known are %s",
				      c->o.cipher, lnl_cipher_list());
	if (lnl_digest_find(c->o.auth, &k->auth) < 0)
		return lnl_reason_set(why, LNL_E_INVAL, "auth '%s' is not known", c->o.auth);
	return 0;
}

static const char *platform(struct lnl_arena *a)
{
	struct utsname u;
	size_t i;

	if (uname(&u) < 0)
		return "linux";
	for (i = 0; u.sysname[i]; i++)
		if (u.sysname[i] >= 'A' && u.sysname[i] <= 'Z')
			u.sysname[i] = (char)(u.sysname[i] - 'A' + 'a');
	return lnl_arena_str(a, u.sysname);
}

static void fill_session(struct lnl_tunnel_conf *c, struct lnl_engine *e)
{
	const struct lnl_tunnel_options *o = &c->o;
	struct lnl_session_conf *s = &c->client.session;

	s->env = &e->env;
	s->log = &e->log;
	s->tls = c->tls;
	s->max_packet = (uint16_t)o->max_packet_size;
	s->tls_timeout = (uint64_t)o->tls_timeout * LNL_SECOND;
	s->hand_window = (uint64_t)o->hand_window * LNL_SECOND;
	s->tran_window = (uint64_t)o->tran_window * LNL_SECOND;
	s->reneg_interval = (uint64_t)o->reneg_sec * LNL_SECOND;
}

static void fill_client(struct lnl_tunnel_conf *c)
{
	const struct lnl_tunnel_options *o = &c->o;
	struct lnl_client_conf *k = &c->client;
	unsigned i;

	k->peer = LNL_OUR_PEER;
	k->framing = (enum lnl_framing)o->framing;
	k->replay_window = o->replay_window;
	k->pull = o->pull;
	k->tap = o->tap;
	k->verify_asks = (o->asks & LNL_ASK_VERIFY_CERT) != 0;
	k->auth_user_pass = o->auth_user_pass;
	k->push_peer_info = o->push_peer_info;
	k->disable_occ = o->disable_occ;
	k->tls_auth = o->tls_auth.data != NULL;
	k->key_direction = o->key_direction;
	k->options = o->network;
	k->n_options = o->n_network;
	for (i = 0; i < o->n_pull_filter; i++) {
		c->filters[i].action = (enum lnl_filter_action)o->pull_filter[i].action;
		c->filters[i].text = o->pull_filter[i].text;
	}
	k->filters = c->filters;
	k->n_filters = o->n_pull_filter;
	k->version = "lunel-" LUNEL_VERSION;
	k->platform = platform(&c->arena);
	k->peer_info_extra = o->peer_info_extra;
	k->ping = (int)o->ping;
	k->ping_restart = (int)o->ping_restart;
	k->ping_exit = (int)o->ping_exit;
	k->ping_timer_rem = o->ping_timer_rem;
	k->session_timeout = (int)o->session_timeout;
	k->reneg_bytes = (uint64_t)o->reneg_bytes;
	k->reneg_packets = (uint64_t)o->reneg_pkts;
}

/* Keys were read out of these, and the pass phrase has done its work. */
static void wipe_sources(struct lnl_tunnel_options *o)
{
	const struct lnl_bytes all[] = { o->key, o->pkcs12, o->tls_auth, o->tls_crypt,
					 o->tls_crypt_v2 };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i].data)
			lnl_secret_wipe((void *)(uintptr_t)all[i].data, all[i].len);
	if (o->key_password)
		lnl_secret_wipe((void *)(uintptr_t)o->key_password, strlen(o->key_password));
}

int lnl_tunnel_conf_init(struct lnl_tunnel_conf *c, struct lnl_engine *e,
			 const struct lnl_tunnel_options *o, struct lnl_reason *why)
{
	int rc;

	memset(c, 0, sizeof(*c));
	c->o = *o;
	if (o->n_remotes == 0 && !(o->asks & LNL_ASK_SELECT_REMOTE))
		return lnl_reason_set(why, LNL_E_INVAL, "no remote to connect to");
	if (o->n_pull_filter > LNL_PULL_FILTERS)
		return lnl_reason_set(why, LNL_E_INVAL, "more than %d pull-filters",
				      LNL_PULL_FILTERS);
	copy_files(&c->arena, &c->o);
	copy_strings(&c->arena, &c->o);
	rc = copy_remotes(c);
	if (rc == 0)
		rc = read_ciphers(c, why);
	if (rc == 0)
		rc = make_wrap(c, e, c->client.auth, why);
	if (rc == 0)
		rc = make_tls(c, e, why);
	if (rc < 0) {
		lnl_tunnel_conf_deinit(c);
		return rc;
	}
	fill_session(c, e);
	fill_client(c);
	wipe_sources(&c->o);
	return 0;
}

void lnl_conf_refresh_crl(struct lnl_tunnel_conf *c, struct lnl_engine *e)
{
	struct lnl_why why = { "" };
	char *text = NULL;
	size_t len = 0;
	int rc;

	if (!c->o.crl_file)
		return;
	rc = lnl_process_read(e->process, c->o.crl_file, &text, &len);
	if (rc == 0)
		rc = lnl_tls_conf_set_crl(c->tls, (struct lnl_blob){ text, len }, &why);
	/* The one before still counts, until it is out of date. */
	if (rc < 0)
		lnl_log(&e->log, LNL_LEVEL_WARN, "crl.unreadable", LNL_F("file", c->o.crl_file),
			LNL_F("why", why.text[0] ? why.text : lnl_error_text(rc)));
	free(text);
}

void lnl_tunnel_conf_deinit(struct lnl_tunnel_conf *c)
{
	lnl_tls_conf_free(c->tls);
	lnl_wrap_key_deinit(&c->wrap);
	lnl_arena_free(&c->arena);
	lnl_secret_wipe(c, sizeof(*c));
}

const char *lnl_cipher_list(void)
{
	return "AES-256-GCM, AES-192-GCM, AES-128-GCM, CHACHA20-POLY1305, AES-256-CBC, AES-192-CBC, "
	       "AES-128-CBC";
}
