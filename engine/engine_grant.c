/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server's client gets: addresses, options, routes behind it, an end. */
#include <stdlib.h>
#include <string.h>

#include "engine_service.h"

#define FOREVER 1e10 /* seconds: no connection sees the end of that */
#define AT_ONCE 8e12 /* bits a second that are no limit */

#define ASK_SECONDS   10.0
#define PENDING_AFTER LNL_SECOND
#define OPTIONS_MAX   1024

static void deny(struct lnl_served *v, const char *why, const char *text)
{
	v->waits = LNL_WAIT_NOTHING;
	lnl_log(&v->service->engine->log, LNL_LEVEL_WARN, "grant.denied", LNL_F("peer", v->name),
		LNL_F("reason", why));
	lnl_grant_release(v);
	lnl_server_deny(v->control, text ? text : "", lnl_clock_now());
	lnl_served_run(v);
}

/* ---- addresses ---- */

static int take_fixed(struct lnl_served *v, const char *text, int family, struct lnl_ip *out,
		      bool *took)
{
	int rc = lnl_ip_parse(out, text);

	if (rc == 0 && out->family != family)
		rc = LNL_E_FORMAT;
	if (rc == 0)
		rc = lnl_pools_reserve(v->service, out, took);
	if (rc < 0)
		out->family = 0;
	return rc;
}

/* Routes may lead there, so it is no error; mostly it is one digit that is wrong. */
static void warn_outside(const struct lnl_served *v, const struct lnl_prefix *net,
			 const char *fixed, const struct lnl_ip *ip)
{
	if (!fixed || !ip->family || !net->ip.family || lnl_prefix_has(net, ip))
		return;
	lnl_log(&v->service->engine->log, LNL_LEVEL_WARN, "grant.outside", LNL_F("peer", v->name),
		LNL_F("address", fixed), LNL_F("why", "it is not in the server's network"));
}

static int take_one(struct lnl_served *v, const char *pool, const char *fixed, int family,
		    struct lnl_ip *out, bool *took)
{
	struct lnl_pool *p;
	int rc;

	if (fixed)
		return take_fixed(v, fixed, family, out, took);
	p = lnl_pools_find(v->service, pool, family);
	if (!p)
		return 0; /* whether there is one at all is looked at later */
	rc = lnl_pools_take(v->service, p, v->service->conf.o.duplicate_cn ? "" : v->name, out);
	*took = rc == 0;
	return rc;
}

static int take_addresses(struct lnl_served *v, const struct lnl_grant_options *g,
			  struct lnl_reason *why)
{
	int rc = take_one(v, g->pool, g->address, 4, &v->address4, &v->took4);

	if (rc < 0)
		return lnl_reason_set(why, rc, "no IPv4 address (%s): %s",
				      g->address ? g->address : "pool", lnl_error_text(rc));
	rc = take_one(v, g->pool, g->address6, 6, &v->address6, &v->took6);
	if (rc < 0)
		return lnl_reason_set(why, rc, "no IPv6 address (%s): %s",
				      g->address6 ? g->address6 : "pool", lnl_error_text(rc));
	warn_outside(v, &v->service->conf.net4, g->address, &v->address4);
	warn_outside(v, &v->service->conf.net6, g->address6, &v->address6);
	if (!v->address4.family && !v->address6.family)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no pool '%s'",
				      g->pool ? g->pool : "");
	return 0;
}

void lnl_grant_release(struct lnl_served *v)
{
	if (v->took4)
		lnl_pools_release(v->service, &v->address4);
	if (v->took6)
		lnl_pools_release(v->service, &v->address6);
	v->took4 = v->took6 = false;
}

/* ---- rates ---- */

/* Bytes a second of |bits|; a limit never becomes none by being small. */
static int read_rate(double bits, uint64_t *out)
{
	if (!(bits >= 0))
		return LNL_E_INVAL;
	*out = bits >= AT_ONCE ? 0 : (uint64_t)(bits / 8);
	if (bits > 0 && bits < 8)
		*out = 1;
	return 0;
}

static int read_rates(struct lnl_served *v, const struct lnl_grant_options *g,
		      struct lnl_reason *why)
{
	int rc = read_rate(g->rate_down, &v->rate_down);

	if (rc == 0)
		rc = read_rate(g->rate_up, &v->rate_up);
	return rc < 0 ? lnl_reason_set(why, rc, "a rate is below 0 or no number") : 0;
}

/* ---- its filter ---- */

static int read_filter(struct lnl_served *v, const struct lnl_grant_options *g,
		       struct lnl_reason *why)
{
	v->lane = g->filter ? lnl_lane_named(&v->service->conf.o.lanes, g->filter) : 0;
	if (g->filter && !v->lane)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no filter '%s'", g->filter);
	return 0;
}

/* ---- routes ---- */

static int read_routes(struct lnl_served *v, const struct lnl_grant_options *g,
		       struct lnl_reason *why)
{
	unsigned most = v->service->conf.o.max_routes_per_client, i;

	free(v->routes);
	v->routes = NULL;
	v->n_routes = 0;
	if (most > LNL_SERVED_ROUTES - 2)
		most = LNL_SERVED_ROUTES - 2; /* its own addresses count, too */
	if (g->n_routes > most)
		return lnl_reason_set(why, LNL_E_LIMIT, "more than %u routes behind it", most);
	if (g->n_routes > 0)
		v->routes = calloc(g->n_routes, sizeof(*v->routes));
	if (g->n_routes > 0 && !v->routes)
		return LNL_E_NOMEM;
	for (i = 0; i < g->n_routes; i++) {
		if (lnl_prefix_parse(&v->routes[i], g->routes[i]) < 0)
			return lnl_reason_set(why, LNL_E_FORMAT, "'%s' is no prefix", g->routes[i]);
		lnl_prefix_mask(&v->routes[i]);
	}
	v->n_routes = (uint16_t)g->n_routes;
	return 0;
}

static struct lnl_prefix host(const struct lnl_ip *ip)
{
	return (struct lnl_prefix){ *ip, ip->family == 6 ? 128 : 32 };
}

void lnl_grant_routes(struct lnl_served *v)
{
	struct lnl_command cmd = { .kind = LNL_CMD_ROUTE_ADD, .peer = v->id };
	unsigned i;

	if (v->address4.family) {
		cmd.u.route = host(&v->address4);
		lnl_service_command(v->service, &cmd);
	}
	if (v->address6.family) {
		cmd.u.route = host(&v->address6);
		lnl_service_command(v->service, &cmd);
	}
	for (i = 0; i < v->n_routes; i++) {
		cmd.u.route = v->routes[i];
		lnl_service_command(v->service, &cmd);
	}
}

/* ---- options ---- */

struct list {
	struct lnl_arena *arena;
	const char **item;
	unsigned n;
	int rc; /* a client without one of its options is not let in */
};

static void add(struct list *l, const char *text)
{
	if (!text)
		l->rc = LNL_E_NOMEM;
	else if (l->n == OPTIONS_MAX)
		l->rc = LNL_E_LIMIT;
	else
		l->item[l->n++] = text;
}

static bool is_removed(const struct lnl_grant_options *g, const char *option)
{
	unsigned i;

	for (i = 0; i < g->n_push_remove; i++)
		if (strncmp(option, g->push_remove[i], strlen(g->push_remove[i])) == 0)
			return true;
	return false;
}

/* What the topology asks for; the same order as OpenVPN's (PROTOCOL 1.10). */
static void add_topology(struct list *l, const struct lnl_service *s)
{
	static const char *const names[] = { "topology net30", "topology p2p", "topology subnet" };
	const struct lnl_service_conf *c = &s->conf;
	char own[LNL_IP_TEXT], net[LNL_IP_TEXT], mask[LNL_IP_TEXT];
	struct lnl_ip bits = lnl_netmask(c->net4.bits);

	if (!c->net4.ip.family)
		return;
	lnl_ip_text(&c->own4, own);
	if (c->o.topology == LNL_SERVER_SUBNET)
		add(l, lnl_arena_print(l->arena, "route-gateway %s", own));
	else if (c->o.client_to_client)
		add(l, lnl_arena_print(l->arena, "route %s %s", lnl_ip_text(&c->net4.ip, net),
				       lnl_ip_text(&bits, mask)));
	else
		add(l, lnl_arena_print(l->arena, "route %s", own));
	add(l, names[c->o.topology]);
}

static void add_addresses(struct list *l, const struct lnl_served *v)
{
	const struct lnl_service_conf *c = &v->service->conf;
	char ip[LNL_IP_TEXT], other[LNL_IP_TEXT];
	struct lnl_ip second = lnl_netmask(c->net4.bits);

	if (v->address6.family)
		add(l, lnl_arena_print(l->arena, "ifconfig-ipv6 %s/%u %s",
				       lnl_ip_text(&v->address6, ip), c->net6.bits,
				       lnl_ip_text(&c->own6, other)));
	if (!v->address4.family)
		return;
	if (c->o.topology == LNL_SERVER_P2P)
		second = c->own4;
	if (c->o.topology == LNL_SERVER_NET30) {
		second = v->address4;
		second.bytes[3]--;
	}
	add(l, lnl_arena_print(l->arena, "ifconfig %s %s", lnl_ip_text(&v->address4, ip),
			       lnl_ip_text(&second, other)));
}

static int build_push(struct lnl_served *v, const struct lnl_grant_options *g)
{
	const struct lnl_server_options *o = &v->service->conf.o;
	struct list l = { &v->grant_arena, NULL, 0, 0 };
	const char *token;
	unsigned i;

	l.item = lnl_arena_alloc(l.arena, OPTIONS_MAX * sizeof(char *));
	if (!l.item)
		return LNL_E_NOMEM;
	if (v->address6.family)
		add(&l, "tun-ipv6");
	add_topology(&l, v->service);
	for (i = 0; i < o->n_push && !g->push_reset; i++)
		if (!is_removed(g, o->push[i]))
			/* A reload may replace the list while `learn` is asked. */
			add(&l, lnl_arena_str(l.arena, o->push[i]));
	for (i = 0; i < g->n_push; i++)
		add(&l, lnl_arena_str(l.arena, g->push[i]));
	if (o->tcp_nodelay && v->tcp)
		add(&l, "socket-flags TCP_NODELAY");
	add_addresses(&l, v);
	token = lnl_login_token(v, l.arena);
	if (token)
		add(&l, token);
	v->grant.push = l.item;
	v->grant.n_push = l.n;
	return l.rc;
}

/* ---- room ---- */

/* Whoever was ending already ends for that reason: its client came back because it was told. */
static void give_way(struct lnl_served *v, const char *why)
{
	enum lnl_cause cause = v->control ? lnl_server_closing(v->control) : LNL_CAUSE_NONE;

	if (cause == LNL_CAUSE_NONE)
		lnl_served_end(v, LNL_CAUSE_RESTART, why);
	else
		lnl_served_end(v, cause, NULL);
}

/* Whether |v| would be one client too many; one of its name makes room. */
static bool is_full(const struct lnl_served *v)
{
	const struct lnl_service *s = v->service;

	return s->n_up >= s->conf.o.max_clients &&
	       (s->conf.o.duplicate_cn || !lnl_door_same_name(v));
}

static void deny_full(struct lnl_served *v)
{
	struct lnl_service *s = v->service;

	v->waits = LNL_WAIT_NOTHING;
	lnl_log(&s->engine->log, LNL_LEVEL_WARN, "server.full", LNL_F("peer", v->name),
		LNL_F("clients", (int64_t)s->n_up));
	lnl_server_deny(v->control, "TEMP[backoff 30]:the server is full", lnl_clock_now());
}

/* The newest connection of a name counts: the ones before it end, and their addresses are free. */
static void displace(struct lnl_served *v)
{
	struct lnl_served *other;

	/*
	 * One that has moved, or came later with the same number, is in the table. Whom that one
	 * was to replace is next: lnl_served_end hands it on.
	 */
	while ((other = lnl_served_find(v->service, v->replaces)) && other != v &&
	       !other->in_table && !other->ended)
		give_way(other, "its client has begun a new session");
	v->replaces = LNL_PEER_ID_NONE;
	while (!v->service->conf.o.duplicate_cn && (other = lnl_door_same_name(v)))
		give_way(other, "its user has begun another session");
}

/* ---- learn ---- */

static void ask_learn(struct lnl_served *v, const struct lnl_prefix *p)
{
	struct lnl_service *s = v->service;
	bool later = s->conf.o.asks & LNL_ASK_LEARN_LATER;
	struct lnl_queued *q = lnl_event_ask_peer(s->engine, LNL_EVENT_LEARN, s, v->id,
						  later ? ASK_SECONDS : 0, !later);
	char text[LNL_IP_TEXT];

	if (!q) {
		v->refused = true;
		return;
	}
	q->event.u.learn.prefix = lnl_arena_str(&q->arena, lnl_prefix_text(p, text));
	q->event.u.learn.op = "add";
	v->learning++;
	v->learned = true;
}

static void finish(struct lnl_served *v)
{
	int rc;

	v->pending_at = LNL_NEVER;
	if (v->refused) {
		deny(v, "learn refused one of its addresses", NULL);
		return;
	}
	/* Others may have come while the answer waited. */
	if (is_full(v)) {
		lnl_grant_release(v);
		deny_full(v);
		lnl_served_run(v);
		return;
	}
	displace(v);
	v->waits = LNL_WAIT_NOTHING;
	rc = lnl_server_grant(v->control, &v->grant, lnl_clock_now());
	lnl_arena_free(&v->grant_arena);
	memset(&v->grant, 0, sizeof(v->grant));
	if (rc < 0)
		deny(v, rc == LNL_E_INVAL ? "an option cannot be pushed" : lnl_error_text(rc),
		     NULL);
	else
		lnl_served_run(v);
}

void lnl_grant_learned(struct lnl_served *v, bool ok)
{
	if (v->waits != LNL_WAIT_LEARN || v->learning == 0)
		return;
	/* Who is leaving gets nothing any more. */
	if (lnl_server_closing(v->control) != LNL_CAUSE_NONE)
		return;
	v->refused = v->refused || !ok;
	if (--v->learning == 0)
		finish(v);
}

static void learn(struct lnl_served *v)
{
	struct lnl_prefix own;
	unsigned i;

	v->waits = LNL_WAIT_LEARN;
	v->learning = 0;
	v->refused = false;
	if (v->service->conf.o.asks & LNL_ASK_LEARN) {
		own = host(&v->address4);
		if (own.ip.family)
			ask_learn(v, &own);
		own = host(&v->address6);
		if (own.ip.family)
			ask_learn(v, &own);
		for (i = 0; i < v->n_routes; i++)
			ask_learn(v, &v->routes[i]);
	}
	if (v->learning == 0) {
		finish(v);
		return;
	}
	v->wait_seconds = ASK_SECONDS;
	v->pending_at = lnl_clock_now() + PENDING_AFTER;
}

/* ---- question and answer ---- */

/* The address that it will have unless the answer says otherwise: programs are told of it. */
static void preview(struct lnl_served *v)
{
	struct lnl_served *other = v->service->conf.o.duplicate_cn ? NULL : lnl_door_same_name(v);

	if (other) {
		/* Which ends if this one is granted, and leaves its lease. */
		v->address4 = other->address4;
		v->address6 = other->address6;
		return;
	}
	take_one(v, NULL, NULL, 4, &v->address4, &v->took4);
	take_one(v, NULL, NULL, 6, &v->address6, &v->took6);
}

/* Whether |g| leaves the choice as previewed. */
static bool keeps_preview(const struct lnl_served *v, const struct lnl_grant_options *g)
{
	return !g->pool && !g->address && !g->address6 && (v->took4 || v->took6);
}

static uint64_t end_of(const struct lnl_served *v, const struct lnl_grant_options *g)
{
	int64_t most = v->service->conf.o.session_timeout;
	double seconds = g->expires > 0 ? g->expires : (double)most;

	if (most > 0 && seconds > (double)most)
		seconds = (double)most;
	return seconds > 0 && seconds < FOREVER ? lnl_clock_now() + (uint64_t)(seconds * 1e6)
						: LNL_NEVER;
}

/* Who is leaving displaces nobody. */
static bool awaits_grant(const struct lnl_served *v)
{
	return !v->ended && v->waits == LNL_WAIT_GRANT &&
	       lnl_server_closing(v->control) == LNL_CAUSE_NONE;
}

void lnl_grant_failed(struct lnl_served *v)
{
	if (!awaits_grant(v))
		return;
	v->pending_at = LNL_NEVER;
	deny(v, "authorize failed", NULL);
}

static const char *refusal(const char *text)
{
	if (!text)
		return "authorize gave no answer";
	return *text ? text : "refused by authorize";
}

void lnl_grant_answer(struct lnl_served *v, const struct lnl_grant_options *g, const char *text)
{
	struct lnl_reason why = { "" };
	int rc;

	if (!awaits_grant(v))
		return;
	v->pending_at = LNL_NEVER;
	if (!g) {
		deny(v, refusal(text), text);
		return;
	}
	/* Others may have come while the question waited. */
	if (is_full(v)) {
		deny_full(v);
		lnl_served_run(v);
		return;
	}
	/* What is over already is no grant; nor is what is no number. */
	if (!(g->expires >= 0)) {
		deny(v, "the grant has expired already", NULL);
		return;
	}
	displace(v);
	rc = 0;
	if (!keeps_preview(v, g)) {
		lnl_grant_release(v);
		v->address4.family = v->address6.family = 0;
		rc = take_addresses(v, g, &why);
	}
	if (rc == 0)
		rc = read_rates(v, g, &why);
	if (rc == 0)
		rc = read_filter(v, g, &why);
	if (rc == 0)
		rc = read_routes(v, g, &why);
	if (rc == 0)
		rc = build_push(v, g);
	if (rc < 0) {
		deny(v, why.text[0] ? why.text : lnl_error_text(rc), NULL);
		return;
	}
	v->grant.ping = v->grant.ping_restart = -1;
	v->grant.ends_at = end_of(v, g);
	v->grant.lanes = lnl_lane_overhead(&v->service->conf.o.lanes, v->lane);
	learn(v);
}

void lnl_grant_ask(struct lnl_served *v)
{
	static const struct lnl_grant_options nothing_special;
	struct lnl_service *s = v->service;

	v->waits = LNL_WAIT_GRANT;
	lnl_door_name(v);
	if (is_full(v)) {
		deny_full(v);
		return;
	}
	if (!(s->conf.o.asks & LNL_ASK_AUTHORIZE)) {
		lnl_grant_answer(v, &nothing_special, NULL);
		return;
	}
	preview(v);
	v->wait_seconds = ASK_SECONDS;
	v->pending_at = lnl_clock_now() + PENDING_AFTER;
	if (!lnl_event_ask_peer(s->engine, LNL_EVENT_AUTHORIZE, s, v->id, ASK_SECONDS, false))
		lnl_grant_failed(v);
}
