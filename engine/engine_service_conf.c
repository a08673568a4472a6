/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's options: checked, copied, and what follows of them. */
#include <string.h>

#include "engine_service.h"

void lnl_server_options_init(struct lnl_server_options *o)
{
	memset(o, 0, sizeof(*o));
	lnl_security_init(&o->sec);
	o->dev = "tun";
	o->tun_mtu = 1500;
	o->mssfix = 1492;
	o->mssfix_mtu = true;
	o->topology = LNL_SERVER_SUBNET;
	o->leases_interval = 600;
	o->workers = 1;
	o->max_clients = 1024;
	o->max_routes_per_client = LNL_ROUTES_PEER;
	o->connect_freq_initial = 100;
	o->connect_freq_init_sec = 10;
	o->v2_force_cookie = true;
}

/* ---- copies ---- */

static int copy(struct lnl_service_conf *c)
{
	struct lnl_server_options *o = &c->o;
	struct lnl_arena *a = &c->arena;
	struct lnl_listen *listen = lnl_arena_alloc(a, (o->n_listen + 1) * sizeof(*listen));
	struct lnl_pool_range *pools = lnl_arena_alloc(a, (o->n_pools + 1) * sizeof(*pools));
	unsigned i;

	if (!listen || !pools)
		return LNL_E_NOMEM;
	for (i = 0; i < o->n_listen; i++) {
		listen[i] = o->listen[i];
		listen[i].address = lnl_arena_str(a, o->listen[i].address);
	}
	for (i = 0; i < o->n_pools; i++) {
		pools[i].name = lnl_arena_str(a, o->pools[i].name ? o->pools[i].name : "");
		pools[i].first = lnl_arena_str(a, o->pools[i].first);
		pools[i].last = lnl_arena_str(a, o->pools[i].last);
	}
	o->listen = listen;
	o->pools = pools;
	o->bind_dev = lnl_arena_str(a, o->bind_dev);
	o->dev = lnl_arena_str(a, o->dev);
	o->network4 = lnl_arena_str(a, o->network4);
	o->network6 = lnl_arena_str(a, o->network6);
	o->leases = lnl_arena_str(a, o->leases);
	o->network = lnl_arena_list(a, o->network, o->n_network);
	o->push = lnl_arena_list(a, o->push, o->n_push);
	o->token_secret.data = lnl_arena_copy(a, o->token_secret.data, o->token_secret.len);
	return 0;
}

/* ---- addresses ---- */

/* The address |n| behind the prefix's own. */
static struct lnl_ip address_at(const struct lnl_prefix *p, uint32_t n)
{
	struct lnl_ip ip = p->ip;
	unsigned at = (ip.family == 6 ? 16 : 4) - 1;

	for (; n; n >>= 8, at--) {
		uint32_t sum = ip.bytes[at] + (n & 0xff);

		ip.bytes[at] = (uint8_t)sum;
		n += (sum >> 8) << 8;
	}
	return ip;
}

static int read_network(struct lnl_prefix *out, const char *text, int family, unsigned most,
			const char *name, struct lnl_reason *why)
{
	if (!text)
		return 0;
	if (lnl_prefix_parse(out, text) < 0 || out->ip.family != family)
		return lnl_reason_set(why, LNL_E_INVAL, "%s: '%s' is no IPv%d network", name, text,
				      family);
	lnl_prefix_mask(out);
	if (out->bits > most || out->bits < (family == 4 ? 8U : 16U))
		return lnl_reason_set(why, LNL_E_INVAL,
				      "%s: a network of %u to %u bits is expected, not /%u", name,
				      family == 4 ? 8U : 16U, most, out->bits);
	return 0;
}

static int read_networks(struct lnl_service_conf *c, struct lnl_reason *why)
{
	int rc = read_network(&c->net4, c->o.network4, 4, 30, "server", why);

	if (rc == 0)
		rc = read_network(&c->net6, c->o.network6, 6, 124, "server-ipv6", why);
	if (rc < 0)
		return rc;
	if (c->net4.ip.family) {
		c->own4 = address_at(&c->net4, 1);
		c->peer4 = address_at(&c->net4, 2);
	}
	if (c->net6.ip.family)
		c->own6 = address_at(&c->net6, 1);
	return 0;
}

/* ---- what control is told ---- */

static void fill_control(struct lnl_service_conf *c, struct lnl_engine *e)
{
	static const struct lnl_role role = { .server = true };
	const struct lnl_server_options *o = &c->o;
	struct lnl_server_conf *k = &c->control;

	lnl_secured_session(&c->secured, &o->sec, &role, e, &k->session);
	k->caps = LNL_DATA_CAP_DATA_V2 | LNL_DATA_CAP_DATA_V1 | LNL_DATA_CAP_CBC;
	memcpy(k->ciphers, c->secured.ciphers, sizeof(k->ciphers));
	k->n_ciphers = c->secured.n_ciphers;
	k->fallback = c->secured.fallback;
	k->auth = c->secured.auth;
	k->framing = (enum lnl_framing)o->sec.framing;
	k->replay_window = o->sec.replay_window;
	k->verify_asks = (o->asks & LNL_ASK_VERIFY_CERT) != 0;
	k->user_pass = o->auth_user_pass;
	k->user_pass_optional = o->auth_user_pass_optional;
	k->tls_auth = o->sec.tls_auth.data != NULL;
	k->key_direction = o->sec.key_direction;
	k->tun_mtu = (unsigned)o->tun_mtu;
	k->mssfix = o->mssfix;
	k->mssfix_mtu = o->mssfix_mtu;
	k->mssfix_fixed = o->mssfix_fixed;
	k->ping = (int)o->ping;
	k->ping_restart = (int)o->ping_restart;
	k->reneg_bytes = (uint64_t)o->sec.reneg_bytes;
	k->reneg_packets = (uint64_t)o->sec.reneg_pkts;
	k->disable_occ = o->sec.disable_occ;
	k->acc = &e->acc;
	k->lanes = lnl_lanes_overhead(&o->lanes);
}

int lnl_service_conf_check(const struct lnl_server_options *o, struct lnl_reason *why)
{
	if (o->n_listen == 0)
		return lnl_reason_set(why, LNL_E_INVAL, "there is nothing to listen on");
	if (o->n_listen > LNL_SERVICE_LISTEN)
		return lnl_reason_set(why, LNL_E_INVAL, "listen: at most %d sockets",
				      LNL_SERVICE_LISTEN);
	if (o->n_pools > LNL_SERVICE_POOLS - 2)
		return lnl_reason_set(why, LNL_E_INVAL, "pools: at most %d", LNL_SERVICE_POOLS - 2);
	if (!o->network4 && !o->network6)
		return lnl_reason_set(why, LNL_E_INVAL,
				      "clients get no address: 'server' or 'server-ipv6' is "
				      "missing");
	if (o->workers == 0 || o->workers > LNL_WORKERS_MAX)
		return lnl_reason_set(why, LNL_E_INVAL, "workers: 1 to %d", LNL_WORKERS_MAX);
	if (o->max_clients == 0 || o->max_clients > 1000000)
		return lnl_reason_set(why, LNL_E_INVAL, "max-clients: 1 to 1,000,000");
	if (o->auth_user_pass && !(o->asks & LNL_ASK_AUTHENTICATE))
		return lnl_reason_set(why, LNL_E_INVAL,
				      "user names are asked for, and nobody judges them: an "
				      "authenticate hook or auth-user-pass-verify is missing");
	if (o->verify_client_cert != LNL_CLIENT_CERT_REQUIRE && !o->auth_user_pass)
		return lnl_reason_set(why, LNL_E_INVAL,
				      "verify-client-cert: without a certificate a client needs a "
				      "user name, and none is asked for");
	return 0;
}

int lnl_service_conf_init(struct lnl_service_conf *c, struct lnl_engine *e,
			  const struct lnl_server_options *o, struct lnl_reason *why)
{
	const struct lnl_role role = { .server = true, .client_cert = o->verify_client_cert };
	int rc = lnl_service_conf_check(o, why);

	memset(c, 0, sizeof(*c));
	if (rc < 0)
		return rc;
	c->o = *o;
	rc = copy(c);
	if (rc == 0)
		rc = lnl_lanes_take(&c->o.lanes, e, &c->arena, why);
	if (rc == 0)
		rc = read_networks(c, why);
	if (rc == 0)
		rc = lnl_secured_init(&c->secured, e, &c->arena, &c->o.sec, &role, why);
	if (rc < 0) {
		lnl_service_conf_deinit(c);
		return rc;
	}
	fill_control(c, e);
	return 0;
}

void lnl_service_conf_deinit(struct lnl_service_conf *c)
{
	lnl_secured_deinit(&c->secured);
	lnl_arena_free(&c->updated);
	lnl_arena_free(&c->arena);
	lnl_secret_wipe(c, sizeof(*c));
}
