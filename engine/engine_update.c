/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What of a tunnel or server can change while it is up: a host's reload. */
#include <string.h>

#include "engine_service.h"

/* ---- clients ---- */

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_remote(const struct lnl_remote *a, const struct lnl_remote *b)
{
	return a->port == b->port && a->proto == b->proto && same_text(a->host, b->host);
}

/* Where the remote that is in use stands in |list|; -1: nowhere. */
static int find_remote(const struct lnl_remote *in_use, const struct lnl_remote *list, unsigned n)
{
	unsigned i;

	for (i = 0; in_use && i < n; i++)
		if (same_remote(in_use, &list[i]))
			return (int)i;
	return -1;
}

static struct lnl_remote *copy_remotes(struct lnl_arena *a, const struct lnl_tunnel_options *o)
{
	struct lnl_remote *out = lnl_arena_alloc(a, (o->n_remotes + 1) * sizeof(*out));
	unsigned i;

	for (i = 0; out && i < o->n_remotes; i++) {
		out[i] = o->remotes[i];
		out[i].host = lnl_arena_str(a, o->remotes[i].host);
		out[i].local = lnl_arena_str(a, o->remotes[i].local);
		if (!out[i].host || (o->remotes[i].local && !out[i].local))
			return NULL;
	}
	return out;
}

static void take_tunnel(struct lnl_tunnel_options *to, const struct lnl_tunnel_options *from)
{
	to->asks = from->asks;
	to->remote_random = from->remote_random;
	to->connect_timeout = from->connect_timeout;
	to->connect_retry = from->connect_retry;
	to->connect_retry_max_wait = from->connect_retry_max_wait;
	to->connect_retry_max = from->connect_retry_max;
	to->resolv_retry = from->resolv_retry;
	to->auth_retry = from->auth_retry;
	to->explicit_exit_notify = from->explicit_exit_notify;
}

/* The order in which the new remotes are tried goes on from the one in use. */
static void place(struct lnl_tunnel *t, unsigned *order)
{
	unsigned i, n = t->conf.o.n_remotes;

	t->order = order;
	t->place = 0;
	for (i = 0; i < n; i++)
		if ((int)order[i] == t->remote_index)
			t->place = i;
}

static int update_remotes(struct lnl_tunnel *t, const struct lnl_tunnel_options *o)
{
	struct lnl_arena fresh = { NULL };
	struct lnl_remote *remotes = copy_remotes(&fresh, o);
	unsigned *order = lnl_tunnel_order(t->engine, &fresh, o->n_remotes, o->remote_random);

	if (!remotes || !order) {
		lnl_arena_free(&fresh);
		return LNL_E_NOMEM;
	}
	t->remote_index = find_remote(t->remote, remotes, o->n_remotes);
	t->wanted_index = find_remote(t->wanted, remotes, o->n_remotes);
	t->conf.remotes = remotes;
	t->conf.o.remotes = remotes;
	t->conf.o.n_remotes = o->n_remotes;
	place(t, order);
	lnl_arena_free(&t->conf.updated);
	t->conf.updated = fresh;
	return 0;
}

int lnl_tunnel_update(struct lnl_engine *e, uint32_t tunnel, const struct lnl_tunnel_options *o,
		      bool check, struct lnl_reason *why)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	int rc;

	why->text[0] = 0;
	if (!t || t->stopping)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "the tunnel has ended");
	if (o->n_remotes == 0 && !(o->asks & LNL_ASK_SELECT_REMOTE))
		return lnl_reason_set(why, LNL_E_INVAL, "no remote to connect to");
	if (check)
		return 0;
	rc = update_remotes(t, o);
	if (rc < 0)
		return lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	take_tunnel(&t->conf.o, o);
	t->conf.client.verify_asks = (o->asks & LNL_ASK_VERIFY_CERT) != 0;
	return 0;
}

/* ---- servers ---- */

static bool same_pools(const struct lnl_server_options *a, const struct lnl_server_options *b)
{
	unsigned i;

	if (a->n_pools != b->n_pools)
		return false;
	for (i = 0; i < a->n_pools; i++)
		if (!same_text(a->pools[i].name, b->pools[i].name) ||
		    !same_text(a->pools[i].first, b->pools[i].first) ||
		    !same_text(a->pools[i].last, b->pools[i].last))
			return false;
	return true;
}

static int copy_pools(struct lnl_arena *a, const struct lnl_server_options *o,
		      const struct lnl_pool_range **out)
{
	struct lnl_pool_range *pools = lnl_arena_alloc(a, (o->n_pools + 1) * sizeof(*pools));
	unsigned i;

	*out = pools;
	if (!pools)
		return LNL_E_NOMEM;
	for (i = 0; i < o->n_pools; i++) {
		pools[i].name = lnl_arena_str(a, o->pools[i].name ? o->pools[i].name : "");
		pools[i].first = lnl_arena_str(a, o->pools[i].first);
		pools[i].last = lnl_arena_str(a, o->pools[i].last);
		if (!pools[i].name || !pools[i].first || (o->pools[i].last && !pools[i].last))
			return LNL_E_NOMEM;
	}
	return 0;
}

static int copy_push(struct lnl_arena *a, const struct lnl_server_options *o,
		     const char *const **out)
{
	unsigned i;

	*out = lnl_arena_list(a, o->push, o->n_push);
	for (i = 0; *out && i < o->n_push; i++)
		if (!(*out)[i])
			return LNL_E_NOMEM;
	return *out ? 0 : LNL_E_NOMEM;
}

static void take_server(struct lnl_server_options *to, const struct lnl_server_options *from)
{
	to->asks = from->asks;
	to->client_to_client = from->client_to_client;
	to->duplicate_cn = from->duplicate_cn;
	to->max_clients = from->max_clients;
	to->max_routes_per_client = from->max_routes_per_client;
	to->connect_freq = from->connect_freq;
	to->connect_freq_sec = from->connect_freq_sec;
	to->ping = from->ping;
	to->ping_restart = from->ping_restart;
	to->inactive = from->inactive;
	to->inactive_bytes = from->inactive_bytes;
	to->session_timeout = from->session_timeout;
	to->explicit_exit_notify = from->explicit_exit_notify;
	to->auth_user_pass = from->auth_user_pass;
	to->auth_user_pass_optional = from->auth_user_pass_optional;
}

/* What |o| would make of |s|, as far as it is checked: the rest of it is as it was. */
static int check_server(const struct lnl_service *s, const struct lnl_server_options *o,
			struct lnl_reason *why)
{
	struct lnl_server_options all = s->conf.o;
	uint32_t most = s->most_clients;

	take_server(&all, o);
	all.push = o->push;
	all.n_push = o->n_push;
	all.pools = o->pools;
	all.n_pools = o->n_pools;
	if (o->max_clients > most)
		return lnl_reason_set(why, LNL_E_LIMIT,
				      "max_clients: %u is more than it began with, which is %u; "
				      "that needs a restart",
				      o->max_clients, (unsigned)most);
	return lnl_service_conf_check(&all, why);
}

static void take_control(struct lnl_service *s)
{
	const struct lnl_server_options *o = &s->conf.o;
	struct lnl_server_conf *k = &s->conf.control;
	struct lnl_command relay = { .kind = LNL_CMD_RELAY, .u.relay = o->client_to_client };

	k->verify_asks = (o->asks & LNL_ASK_VERIFY_CERT) != 0;
	k->user_pass = o->auth_user_pass;
	k->user_pass_optional = o->auth_user_pass_optional;
	k->ping = (int)o->ping;
	k->ping_restart = (int)o->ping_restart;
	lnl_service_command(s, &relay);
}

int lnl_server_update(struct lnl_engine *e, uint32_t server, const struct lnl_server_options *o,
		      bool check, struct lnl_reason *why)
{
	struct lnl_service *s = lnl_service_find(e, server);
	struct lnl_arena fresh = { NULL };
	const struct lnl_pool_range *pools = NULL;
	const char *const *push = NULL;
	int rc;

	why->text[0] = 0;
	if (!s || s->stopping)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "the server has ended");
	rc = check_server(s, o, why);
	if (rc == 0)
		rc = copy_push(&fresh, o, &push);
	if (rc == 0)
		rc = copy_pools(&fresh, o, &pools);
	if (rc == 0 && !same_pools(&s->conf.o, o))
		rc = lnl_pools_replace(s, pools, o->n_pools, check, why);
	if (rc < 0 || check) {
		lnl_arena_free(&fresh);
		return rc == 0 || why->text[0] ? rc
					       : lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	}
	s->conf.o.push = push;
	s->conf.o.n_push = o->n_push;
	if (s->conf.o.pools != pools) { /* the same as before, but in memory that stays */
		s->conf.o.pools = pools;
		lnl_pools_rename(s);
	}
	take_server(&s->conf.o, o);
	take_control(s);
	lnl_arena_free(&s->conf.updated);
	s->conf.updated = fresh;
	return 0;
}
