/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys of this run, and both ends' configurations as the engine makes them of plain profiles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/handshake.h"
#include "bench/timing.h"

#define DAY 86400

_Noreturn void hs_die(const char *what)
{
	fprintf(stderr, "bench/handshake: %s\n", what);
	exit(1);
}

uint64_t hs_cpu_ns(void)
{
	return bench_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t hs_clock_ns(void)
{
	return bench_ns(CLOCK_MONOTONIC);
}

double hs_median(double *v, unsigned n)
{
	return bench_median(v, n);
}

/* ---- keys ---- */

static struct lnl_bytes bytes(const struct lnl_pki_text *t)
{
	return (struct lnl_bytes){ t->data, t->len };
}

static void make_cert(struct hs_pki *p, enum lnl_pki_role role, const char *cn,
		      struct lnl_pki_text *key, struct lnl_pki_text *cert)
{
	struct lnl_reason why = { .text = "" };
	uint64_t now = (uint64_t)time(NULL);
	struct lnl_pki_request r = {
		.role = role,
		.cn = cn,
		.not_before = now - DAY,
		.not_after = now + DAY,
		.ca_cert = bytes(&p->ca),
		.ca_key = bytes(&p->ca_key),
	};

	if (lnl_pki_key("ec", key, &why) != 0)
		hs_die(why.text);
	r.key = bytes(key);
	if (lnl_pki_cert(&r, cert, &why) != 0)
		hs_die(why.text);
}

void hs_pki_make(struct hs_pki *p)
{
	struct lnl_reason why = { .text = "" };

	memset(p, 0, sizeof(*p));
	make_cert(p, LNL_PKI_CA, "Bench CA", &p->ca_key, &p->ca);
	make_cert(p, LNL_PKI_SERVER, "server.example", &p->key[HS_SERVER], &p->cert[HS_SERVER]);
	make_cert(p, LNL_PKI_CLIENT, "client", &p->key[HS_CLIENT], &p->cert[HS_CLIENT]);
	if (lnl_pki_static_key(&p->tls_crypt, &why) != 0)
		hs_die(why.text);
}

void hs_pki_free(struct hs_pki *p)
{
	lnl_pki_text_free(&p->ca);
	lnl_pki_text_free(&p->ca_key);
	lnl_pki_text_free(&p->tls_crypt);
	for (unsigned i = 0; i < HS_SIDES; i++) {
		lnl_pki_text_free(&p->cert[i]);
		lnl_pki_text_free(&p->key[i]);
	}
}

/* ---- configurations ---- */

static void *env_alloc(void *ctx, size_t size)
{
	(void)ctx;
	return calloc(1, size);
}

static void env_release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static uint64_t env_wallclock(void *ctx)
{
	(void)ctx;
	return (uint64_t)time(NULL);
}

static void init_tls(struct hs_ends *e, const struct hs_pki *p, enum hs_side side)
{
	struct lnl_why why = { "" };
	struct lnl_tls_settings s = {
		.server = side == HS_SERVER,
		.ca = { p->ca.data, p->ca.len },
		.cert = { p->cert[side].data, p->cert[side].len },
		.key = { p->key[side].data, p->key[side].len },
		/* remote-cert-tls */
		.require_ku = true,
		.eku = side == HS_SERVER ? LNL_EKU_CLIENT : LNL_EKU_SERVER,
	};

	if (lnl_tls_conf_new(&e->tls[side], &e->env, &s, &why) != 0)
		hs_die(why.text);
	if (lnl_wrap_key_crypt(&e->wrap[side], &e->env, &e->static_key, side == HS_SERVER) != 0)
		hs_die("no tls-crypt key");
}

static struct lnl_session_conf session_conf(const struct hs_ends *e, enum hs_side side)
{
	return (struct lnl_session_conf){
		.env = &e->env,
		.tls = e->tls[side],
		.wrap = &e->wrap[side],
		.wrap_raw = &e->static_key,
		.server = side == HS_SERVER,
		.max_packet = LNL_CONTROL_MAX,
		.tls_timeout = 2 * LNL_SECOND,
		.hand_window = 60 * LNL_SECOND,
		.tran_window = 3600 * LNL_SECOND,
	};
}

static void init_client(struct hs_ends *e)
{
	struct lnl_client_conf *c = &e->client;

	c->session = session_conf(e, HS_CLIENT);
	c->caps = LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 | LNL_DATA_CAP_CBC;
	c->ciphers[0] = LNL_CIPHER_AES_256_GCM;
	c->n_ciphers = 1;
	c->auth = LNL_DIGEST_SHA1;
	c->pull = true;
	c->key_direction = -1;
	c->tun_mtu = 1500;
	c->mssfix = -1;
	c->version = "0.1";
	c->platform = "linux";
	c->ping = c->ping_restart = c->ping_exit = -1;
	c->explicit_exit_notify = 1;
}

static void init_server(struct hs_ends *e)
{
	struct lnl_server_conf *c = &e->server;

	c->session = session_conf(e, HS_SERVER);
	c->caps = LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 | LNL_DATA_CAP_CBC;
	c->ciphers[0] = LNL_CIPHER_AES_256_GCM;
	c->n_ciphers = 1;
	c->auth = LNL_DIGEST_SHA1;
	c->key_direction = -1;
	c->tun_mtu = 1500;
	c->mssfix = -1;
	c->ping = 10;
	c->ping_restart = 120;
	e->door.env = &e->env;
	e->door.wrap = &e->wrap[HS_SERVER];
	e->door.hand_window = c->session.hand_window;
	/* As in engine_service.c, but for the number of all. */
	e->door.limits = (struct lnl_limiter_conf){
		.source_rate = 20, .source_burst = 5, .total = 1000000000, .period = LNL_SECOND
	};
}

void hs_ends_init(struct hs_ends *e, const struct hs_pki *p)
{
	memset(e, 0, sizeof(*e));
	e->env = (struct lnl_env){
		.alloc = env_alloc,
		.release = env_release,
		.random = lnl_crypto_random,
		.wallclock = env_wallclock,
	};
	if (lnl_keyfile_static(&e->static_key, p->tls_crypt.data, p->tls_crypt.len) != 0)
		hs_die("no tls-crypt key");
	init_tls(e, p, HS_SERVER);
	init_tls(e, p, HS_CLIENT);
	init_client(e);
	init_server(e);
}

void hs_ends_deinit(struct hs_ends *e)
{
	for (unsigned i = 0; i < HS_SIDES; i++) {
		lnl_wrap_key_deinit(&e->wrap[i]);
		lnl_tls_conf_free(e->tls[i]);
	}
	lnl_secret_wipe(e, sizeof(*e));
}
