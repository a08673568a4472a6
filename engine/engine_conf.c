/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From a host's options to what sessions need: checked, copied, keys read. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "engine_state.h"

void lnl_tunnel_options_init(struct lnl_tunnel_options *o)
{
	memset(o, 0, sizeof(*o));
	lnl_security_init(&o->sec);
	o->connect_timeout = 120;
	o->connect_retry = 1;
	o->connect_retry_max_wait = 300;
	o->resolv_retry = -1;
	o->mtu_disc = -1;
	o->dev = "tun";
	o->tun_mtu = 1500;
	o->mssfix = -1;
	o->pull = true;
	o->ping = o->ping_restart = o->ping_exit = -1;
}

static void copy_strings(struct lnl_arena *a, struct lnl_tunnel_options *o)
{
	const char **const all[] = {
		&o->bind_dev,	      &o->dev,	      &o->username,	   &o->password,
		&o->static_challenge, &o->auth_token, &o->auth_token_user, &o->peer_info_extra,
		&o->peer_info,
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(*all); i++)
		*all[i] = lnl_arena_str(a, *all[i]);
	for (i = 0; i < o->n_pull_filter; i++)
		o->pull_filter[i].text = lnl_arena_str(a, o->pull_filter[i].text);
	o->network = lnl_arena_list(a, o->network, o->n_network);
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

static void fill_client(struct lnl_tunnel_conf *c)
{
	const struct lnl_tunnel_options *o = &c->o;
	struct lnl_client_conf *k = &c->client;
	unsigned i;

	k->peer = LNL_OUR_PEER;
	memcpy(k->ciphers, c->secured.ciphers, sizeof(k->ciphers));
	k->n_ciphers = c->secured.n_ciphers;
	k->fallback = c->secured.fallback;
	k->auth = c->secured.auth;
	k->framing = (enum lnl_framing)o->sec.framing;
	k->replay_window = o->sec.replay_window;
	k->pull = o->pull;
	k->tap = o->tap;
	k->verify_asks = (o->asks & LNL_ASK_VERIFY_CERT) != 0;
	k->auth_user_pass = o->auth_user_pass;
	k->push_peer_info = o->push_peer_info;
	k->disable_occ = o->sec.disable_occ;
	k->tls_auth = o->sec.tls_auth.data != NULL;
	k->key_direction = o->sec.key_direction;
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
	k->peer_info_own = o->peer_info;
	k->ping = (int)o->ping;
	k->ping_restart = (int)o->ping_restart;
	k->ping_exit = (int)o->ping_exit;
	k->ping_timer_rem = o->ping_timer_rem;
	k->session_timeout = (int)o->session_timeout;
	k->reneg_bytes = (uint64_t)o->sec.reneg_bytes;
	k->reneg_packets = (uint64_t)o->sec.reneg_pkts;
	k->lanes = lnl_lanes_overhead(&o->lanes);
}

int lnl_tunnel_conf_init(struct lnl_tunnel_conf *c, struct lnl_engine *e,
			 const struct lnl_tunnel_options *o, struct lnl_reason *why)
{
	static const struct lnl_role role = { .server = false };
	int rc;

	memset(c, 0, sizeof(*c));
	c->o = *o;
	if (o->n_remotes == 0 && !(o->asks & LNL_ASK_SELECT_REMOTE))
		return lnl_reason_set(why, LNL_E_INVAL, "no remote to connect to");
	if (o->n_pull_filter > LNL_PULL_FILTERS)
		return lnl_reason_set(why, LNL_E_INVAL, "more than %d pull-filters",
				      LNL_PULL_FILTERS);
	copy_strings(&c->arena, &c->o);
	rc = copy_remotes(c);
	if (rc == 0)
		rc = lnl_lanes_take(&c->o.lanes, e, &c->arena, why);
	if (rc == 0)
		rc = lnl_secured_init(&c->secured, e, &c->arena, &c->o.sec, &role, why);
	if (rc < 0) {
		lnl_tunnel_conf_deinit(c);
		return rc;
	}
	lnl_secured_session(&c->secured, &c->o.sec, &role, e, &c->client.session);
	fill_client(c);
	c->client.acc = &e->acc;
	return 0;
}

void lnl_tunnel_conf_deinit(struct lnl_tunnel_conf *c)
{
	lnl_secured_deinit(&c->secured);
	lnl_arena_free(&c->updated);
	lnl_arena_free(&c->arena);
	lnl_secret_wipe(c, sizeof(*c));
}
