/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a tunnel wants, as a list of changes. Reads the machine's routes and changes nothing. */
#include <stdio.h>
#include <string.h>

#include "io/netconf_state.h"

struct plan {
	struct lnl_netconf *nc;
	struct lnl_changes *out;
	int rc; /* LNL_E_NOMEM sticks */
};

static void add(struct plan *p, const struct lnl_change *change)
{
	int at = lnl_changes_find(p->out, change);

	if (at >= 0)
		p->out->v[at].outer = p->out->v[at].outer || change->outer;
	else if (p->rc == 0)
		p->rc = lnl_changes_add(p->out, change);
}

static void add_route(struct plan *p, const struct lnl_nl_route *r, bool outer)
{
	struct lnl_change c = { .kind = LNL_CHANGE_ROUTE, .outer = outer, .route = *r };

	lnl_prefix_mask(&c.route.dst);
	add(p, &c);
}

static uint8_t all_bits(const struct lnl_ip *ip)
{
	return ip->family == 6 ? 128 : 32;
}

/* ---- around the tunnel ---- */

/* The default route that we took out, or NULL. */
static const struct lnl_nl_route *taken_out(const struct lnl_netconf *nc)
{
	for (unsigned i = 0; i < nc->journal.n; i++)
		if (nc->journal.v[i].kind == LNL_CHANGE_ABSENT)
			return &nc->journal.v[i].route;
	return NULL;
}

/* The default route beside the tunnel, also when it is taken out at the moment. */
static bool outer_default(const struct lnl_netconf *nc, int family, struct lnl_nl_route *out)
{
	const struct lnl_nl_route *taken = taken_out(nc);

	if (taken != NULL && taken->dst.ip.family == family) {
		*out = *taken;
		return true;
	}
	return lnl_netlink_default(nc->nl, family, nc->index, out) == 0;
}

bool lnl_netconf_outer_gateway(const struct lnl_netconf *nc, int family, struct lnl_ip *out)
{
	struct lnl_nl_route route;

	if (!outer_default(nc, family, &route) || !route.gateway.family)
		return false;
	*out = route.gateway;
	return true;
}

struct search {
	const struct lnl_netconf *nc;
	struct lnl_ip ip;
	bool found;
	struct lnl_nl_route best;
};

static bool is_ours(const struct lnl_netconf *nc, const struct lnl_nl_route *r)
{
	for (unsigned i = 0; i < nc->journal.n; i++) {
		const struct lnl_change *c = &nc->journal.v[i];

		if (c->kind == LNL_CHANGE_ROUTE && c->route.dst.bits == r->dst.bits &&
		    lnl_ip_equal(&c->route.dst.ip, &r->dst.ip) && c->route.index == r->index)
			return true;
	}
	return false;
}

static void consider(void *ctx, const struct lnl_nl_route *r, const struct nlmsghdr *raw)
{
	struct search *s = ctx;

	(void)raw;
	if (r->index == s->nc->index || !lnl_prefix_has(&r->dst, &s->ip) ||
	    (r->kind != LNL_NL_UNICAST && r->kind != LNL_NL_LOCAL) || is_ours(s->nc, r))
		return;
	if (s->found && (s->best.dst.bits > r->dst.bits ||
			 (s->best.dst.bits == r->dst.bits && s->best.metric <= r->metric)))
		return;
	s->best = *r;
	s->found = true;
}

static bool has_routes(const struct lnl_netconf *nc)
{
	for (unsigned i = 0; i < nc->journal.n; i++)
		if (nc->journal.v[i].kind == LNL_CHANGE_ROUTE)
			return true;
	return false;
}

/*
 * How packets to |ip| would go without us. Before our first route the kernel knows best (its rules
 * count, too); afterwards its tables are searched for what is not ours.
 */
static bool outer_path(const struct lnl_netconf *nc, const struct lnl_ip *ip,
		       struct lnl_nl_route *out)
{
	struct search s = { .nc = nc, .ip = *ip };

	if (!has_routes(nc) && lnl_netlink_route_to(nc->nl, ip, out) == 0 &&
	    out->index != nc->index)
		return true;
	if (lnl_netlink_routes(nc->nl, ip->family, &s, consider) == 0 && s.found) {
		*out = s.best;
		return s.best.dst.bits > 0 || taken_out(nc) == NULL ||
		       outer_default(nc, ip->family, out);
	}
	return outer_default(nc, ip->family, out);
}

/* The way that an earlier plan found and that still stands, or NULL. */
static const struct lnl_nl_route *earlier_bypass(const struct lnl_netconf *nc,
						 const struct lnl_nl_route *r)
{
	for (unsigned i = 0; i < nc->journal.n; i++) {
		const struct lnl_change *c = &nc->journal.v[i];

		if (c->kind == LNL_CHANGE_ROUTE && c->route.dst.bits == r->dst.bits &&
		    lnl_ip_equal(&c->route.dst.ip, &r->dst.ip) && c->route.index != nc->index)
			return &c->route;
	}
	return NULL;
}

/* A host route to |ip| around the tunnel; |outer|: for the remote in use. */
static void add_bypass(struct plan *p, const struct lnl_ip *ip, bool outer)
{
	struct lnl_nl_route path;
	struct lnl_nl_route r = { .dst = { *ip, all_bits(ip) } };
	const struct lnl_nl_route *earlier = earlier_bypass(p->nc, &r);
	char text[LNL_IP_TEXT];

	if (outer_path(p->nc, ip, &path)) {
		if (path.kind == LNL_NL_LOCAL)
			return;
		r.gateway = path.gateway;
		r.index = path.index;
	} else if (earlier != NULL) {
		/*
		 * The network is down for the moment, or rules lead elsewhere than its main table.
		 */
		r = *earlier;
	} else {
		p->nc->no_way = p->nc->no_way || outer;
		lnl_netconf_warning(p->nc, "no way around the tunnel to %s: no route leads there",
				    lnl_ip_text(ip, text));
		return;
	}
	add_route(p, &r, outer);
}

static bool redirects(const struct lnl_net *net, int family)
{
	return (net->redirect & (family == 6 ? LNL_REDIRECT_IPV6 : LNL_REDIRECT_IPV4)) != 0;
}

/* Whether the tunnel would take packets to |ip|. */
static bool covered(const struct lnl_net *net, const struct lnl_ip *ip)
{
	if (redirects(net, ip->family) || lnl_prefix_has(&net->addr4, ip) ||
	    lnl_prefix_has(&net->addr6, ip))
		return true;
	for (unsigned i = 0; i < net->n_routes; i++)
		if (net->routes[i].via == LNL_VIA_TUNNEL && net->routes[i].to == LNL_TO_PREFIX &&
		    lnl_prefix_has(&net->routes[i].dst, ip))
			return true;
	return false;
}

static void plan_remotes(struct plan *p)
{
	const struct lnl_netconf *nc = p->nc;

	if ((nc->net.redirect & LNL_REDIRECT_LOCAL) != 0)
		return;
	if (nc->server.family != 0 && covered(&nc->net, &nc->server))
		add_bypass(p, &nc->server, !nc->protecting);
	for (unsigned i = 0; i < nc->n_remotes; i++)
		if (covered(&nc->net, &nc->remotes[i]))
			add_bypass(p, &nc->remotes[i], nc->protecting && i == 0);
}

/* The resolvers that the system asks; one on this host is reached anyhow. */
static void plan_bypass_dns(struct plan *p)
{
	FILE *f = fopen("/etc/resolv.conf", "re");
	char line[256], word[80];
	struct lnl_ip ip;

	if (f == NULL)
		return;
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, " nameserver %79s", word) == 1 && lnl_ip_parse(&ip, word) == 0 &&
		    redirects(&p->nc->net, ip.family))
			add_bypass(p, &ip, false);
	fclose(f);
}

/* ---- into the tunnel ---- */

/* A route into the device; on TAP by |gateway|, if one is known. */
static void add_tunnel(struct plan *p, const struct lnl_prefix *dst, const struct lnl_ip *gateway,
		       uint32_t metric)
{
	const struct lnl_net *net = &p->nc->net;
	const struct lnl_ip *known = dst->ip.family == 6 ? &net->gateway6 : &net->gateway4;
	struct lnl_nl_route r = { .dst = *dst, .index = p->nc->index, .metric = metric };
	char text[LNL_IP_TEXT];

	if (dst->ip.family == 6 && net->block_ipv6) {
		r.kind = LNL_NL_UNREACHABLE;
		r.index = 0;
	} else if (dst->ip.family == 6 && net->addr6.ip.family == 0) {
		lnl_netconf_warning(p->nc, "route %s is left out: the tunnel has no IPv6 address",
				    lnl_prefix_text(dst, text));
		return;
	} else if (net->tap) {
		r.gateway =
			gateway != NULL && gateway->family == dst->ip.family ? *gateway : *known;
	}
	add_route(p, &r, false);
}

static void add_tunnel_text(struct plan *p, const char *text)
{
	struct lnl_prefix dst;

	if (lnl_prefix_parse(&dst, text) == 0)
		add_tunnel(p, &dst, NULL, 0);
}

struct blocking {
	struct plan *p;
	struct lnl_nl_route outer; /* the default route of the connected network */
};

/* Both halves of a connected prefix lead into the tunnel; only its gateway stays reachable. */
static void block_prefix(void *ctx, const struct lnl_nl_address *a)
{
	struct blocking *b = ctx;
	struct lnl_prefix half = a->prefix;
	struct lnl_nl_route gateway = { .dst = { b->outer.gateway, all_bits(&b->outer.gateway) },
					.index = b->outer.index };
	bool link_local = a->prefix.ip.family == 6 && a->prefix.ip.bytes[0] == 0xfe &&
			  (a->prefix.ip.bytes[1] & 0xc0) == 0x80;

	if (link_local || a->peer.family != 0 || half.bits + 1 >= all_bits(&half.ip))
		return;
	if (b->outer.gateway.family == half.ip.family && lnl_prefix_has(&half, &b->outer.gateway))
		add_route(b->p, &gateway, false);
	lnl_prefix_mask(&half);
	half.bits++;
	add_tunnel(b->p, &half, NULL, 0);
	half.ip.bytes[(half.bits - 1) / 8] |= (uint8_t)(0x80 >> (half.bits - 1) % 8);
	add_tunnel(b->p, &half, NULL, 0);
}

static void plan_block_local(struct plan *p, int family)
{
	struct blocking b = { .p = p };

	if (redirects(&p->nc->net, family) && outer_default(p->nc, family, &b.outer) &&
	    b.outer.index != 0)
		lnl_netlink_addresses(p->nc->nl, family, b.outer.index, &b, block_prefix);
}

/* Without def1 the default route itself is replaced. */
static void plan_replace(struct plan *p)
{
	struct lnl_change c = { .kind = LNL_CHANGE_ABSENT };

	if (outer_default(p->nc, 4, &c.route))
		add(p, &c);
	add_tunnel_text(p, "0.0.0.0/0");
}

static void plan_redirect(struct plan *p)
{
	static const char *const everything6[] = { "::/3", "2000::/4", "3000::/4", "fc00::/7" };
	unsigned flags = p->nc->net.redirect;

	if ((flags & LNL_REDIRECT_BYPASS_DNS) != 0)
		plan_bypass_dns(p);
	if ((flags & LNL_REDIRECT_BLOCK_LOCAL) != 0) {
		plan_block_local(p, 4);
		plan_block_local(p, 6);
	}
	if ((flags & LNL_REDIRECT_PRIVATE) != 0)
		return;
	if ((flags & LNL_REDIRECT_IPV4) != 0 && (flags & LNL_REDIRECT_DEF1) != 0) {
		add_tunnel_text(p, "0.0.0.0/1");
		add_tunnel_text(p, "128.0.0.0/1");
	} else if ((flags & LNL_REDIRECT_IPV4) != 0) {
		plan_replace(p);
	}
	if ((flags & LNL_REDIRECT_IPV6) != 0)
		for (unsigned i = 0; i < sizeof(everything6) / sizeof(*everything6); i++)
			add_tunnel_text(p, everything6[i]);
}

/* ---- routes by name ---- */

static void plan_via_address(struct plan *p, const struct lnl_prefix *dst,
			     const struct lnl_ip *gateway, uint32_t metric)
{
	struct lnl_nl_route r = { .dst = *dst, .gateway = *gateway, .metric = metric };
	struct lnl_nl_route outer;

	if (gateway->family == 6 && gateway->bytes[0] == 0xfe && outer_default(p->nc, 6, &outer))
		r.index = outer.index; /* a link-local gateway is none without its link */
	add_route(p, &r, false);
}

static void plan_via_outer(struct plan *p, const struct lnl_prefix *dst, uint32_t metric)
{
	struct lnl_nl_route outer;
	struct lnl_nl_route r = { .dst = *dst, .metric = metric };
	char text[LNL_IP_TEXT];

	if (!outer_default(p->nc, dst->ip.family, &outer)) {
		lnl_netconf_warning(p->nc,
				    "route %s via net_gateway is left out: there is no"
				    " default route",
				    lnl_prefix_text(dst, text));
		return;
	}
	r.gateway = outer.gateway;
	r.index = outer.index;
	add_route(p, &r, false);
}

static void plan_route(struct plan *p, const struct lnl_route *route)
{
	const struct lnl_net *net = &p->nc->net;
	int metric = route->metric >= 0 ? route->metric : net->route_metric;
	struct lnl_prefix dst = route->dst;

	if (metric < 0)
		metric = 0;
	if (route->to == LNL_TO_REMOTE)
		dst.ip = p->nc->server;
	if (dst.ip.family == 0)
		return;
	if (dst.bits > all_bits(&dst.ip))
		dst.bits = all_bits(&dst.ip);
	lnl_prefix_mask(&dst);
	if (route->via == LNL_VIA_TUNNEL)
		add_tunnel(p, &dst, &route->gateway, (uint32_t)metric);
	else if (route->via == LNL_VIA_NET_GATEWAY)
		plan_via_outer(p, &dst, (uint32_t)metric);
	else
		plan_via_address(p, &dst, &route->gateway, (uint32_t)metric);
}

/* ---- the device ---- */

static void plan_device(struct plan *p)
{
	const struct lnl_net *net = &p->nc->net;
	struct lnl_change mtu = { .kind = LNL_CHANGE_MTU, .mtu = net->mtu };
	struct lnl_change up = { .kind = LNL_CHANGE_UP };
	struct lnl_change a4 = { .kind = LNL_CHANGE_ADDRESS,
				 .address = { p->nc->index, net->addr4, net->peer4 } };
	struct lnl_change a6 = { .kind = LNL_CHANGE_ADDRESS,
				 .address = { p->nc->index, net->addr6, { 0 } } };

	if (net->addr4.ip.family == 0 && net->addr6.ip.family == 0)
		return;
	if (net->mtu != 0)
		add(p, &mtu);
	if (net->addr4.ip.family != 0)
		add(p, &a4);
	if (net->addr6.ip.family != 0)
		add(p, &a6);
	add(p, &up);
}

int lnl_netconf_plan(struct lnl_netconf *nc, struct lnl_changes *out)
{
	struct plan p = { .nc = nc, .out = out };

	plan_device(&p);
	plan_remotes(&p);
	plan_redirect(&p);
	for (unsigned i = 0; i < nc->net.n_routes; i++)
		plan_route(&p, &nc->net.routes[i]);
	return p.rc;
}
