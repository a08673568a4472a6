/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/netconf.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/netconf_state.h"
#include "io/offload.h"
#include "io/reason.h"

#define METRIC6 1024 /* what the kernel gives an IPv6 route that asks for none */

/* ---- lists of changes ---- */

int lnl_changes_add(struct lnl_changes *c, const struct lnl_change *change)
{
	unsigned cap = c->cap != 0 ? c->cap * 2 : 16;
	struct lnl_change *v = c->v;

	if (c->n == c->cap) {
		v = realloc(c->v, cap * sizeof(*v));
		if (v == NULL)
			return LNL_E_NOMEM;
		c->v = v;
		c->cap = cap;
	}
	v[c->n++] = *change;
	return 0;
}

static void free_changes(struct lnl_changes *c)
{
	free(c->v);
	memset(c, 0, sizeof(*c));
}

static bool same_prefix(const struct lnl_prefix *a, const struct lnl_prefix *b)
{
	return a->bits == b->bits && lnl_ip_equal(&a->ip, &b->ip);
}

static bool same_route(const struct lnl_nl_route *a, const struct lnl_nl_route *b)
{
	return same_prefix(&a->dst, &b->dst) && a->kind == b->kind && a->index == b->index &&
	       a->metric == b->metric && lnl_ip_equal(&a->gateway, &b->gateway);
}

static bool same(const struct lnl_change *a, const struct lnl_change *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case LNL_CHANGE_MTU:
		return a->mtu == b->mtu;
	case LNL_CHANGE_UP:
		return true;
	case LNL_CHANGE_ADDRESS:
		return a->address.index == b->address.index &&
		       same_prefix(&a->address.prefix, &b->address.prefix) &&
		       lnl_ip_equal(&a->address.peer, &b->address.peer);
	case LNL_CHANGE_ROUTE:
	case LNL_CHANGE_ABSENT:
		return same_route(&a->route, &b->route);
	}
	return false;
}

int lnl_changes_find(const struct lnl_changes *c, const struct lnl_change *change)
{
	for (unsigned i = 0; i < c->n; i++)
		if (same(&c->v[i], change))
			return (int)i;
	return -1;
}

/* ---- words ---- */

void lnl_netconf_warning(struct lnl_netconf *nc, const char *format, ...)
{
	char text[512];
	va_list args;

	if (nc->warn == NULL)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	nc->warn(nc->warn_ctx, text);
}

/* "10.0.0.0/8 via 192.0.2.1 dev eth0 metric 5" */
static void describe_route(const struct lnl_netconf *nc, const struct lnl_nl_route *r, char *out,
			   size_t cap)
{
	char dst[LNL_IP_TEXT], gateway[LNL_IP_TEXT], name[IFNAMSIZ] = "";
	char via[LNL_IP_TEXT + 8] = "", dev[IFNAMSIZ + 8] = "", metric[24] = "";

	if (r->gateway.family != 0)
		snprintf(via, sizeof(via), " via %s", lnl_ip_text(&r->gateway, gateway));
	if (r->index == nc->index)
		snprintf(dev, sizeof(dev), " dev %s", nc->name);
	else if (r->index != 0 && if_indextoname(r->index, name) != NULL)
		snprintf(dev, sizeof(dev), " dev %s", name);
	if (r->metric != 0)
		snprintf(metric, sizeof(metric), " metric %u", r->metric);
	snprintf(out, cap, "%s%s%s%s%s", r->kind == LNL_NL_UNREACHABLE ? "unreachable " : "",
		 lnl_prefix_text(&r->dst, dst), via, dev, metric);
}

/* What was to be done, in words. */
static void describe(const struct lnl_netconf *nc, const struct lnl_change *c, char *out,
		     size_t cap)
{
	char text[256];

	switch (c->kind) {
	case LNL_CHANGE_MTU:
		snprintf(out, cap, "cannot set the MTU of %s to %u", nc->name, c->mtu);
		break;
	case LNL_CHANGE_UP:
		snprintf(out, cap, "cannot bring %s up", nc->name);
		break;
	case LNL_CHANGE_ADDRESS:
		snprintf(out, cap, "cannot add address %s to %s",
			 lnl_prefix_text(&c->address.prefix, text), nc->name);
		break;
	case LNL_CHANGE_ROUTE:
		describe_route(nc, &c->route, text, sizeof(text));
		snprintf(out, cap, "cannot add route %s", text);
		break;
	case LNL_CHANGE_ABSENT:
		describe_route(nc, &c->route, text, sizeof(text));
		snprintf(out, cap, "cannot take out route %s", text);
		break;
	}
}

/* ---- one change ---- */

/* Each of these: 1 when it was done, 0 when it was so already, or a negative errno. */

static int set_mtu(struct lnl_netconf *nc, struct lnl_change *c)
{
	struct lnl_nl_link link;
	int rc = lnl_netlink_link(nc->nl, NULL, nc->index, &link);

	if (rc == 0 && link.mtu == c->mtu)
		return 0;
	c->mtu_before = link.mtu;
	if (rc == 0)
		rc = lnl_netlink_set_mtu(nc->nl, nc->index, c->mtu);
	return rc == 0 ? 1 : rc;
}

static int set_up(struct lnl_netconf *nc)
{
	struct lnl_nl_link link;
	int rc = lnl_netlink_link(nc->nl, NULL, nc->index, &link);

	if (rc == 0 && link.up)
		return 0;
	if (rc == 0)
		rc = lnl_netlink_set_up(nc->nl, nc->index, true);
	return rc == 0 ? 1 : rc;
}

static int add_address(struct lnl_netconf *nc, const struct lnl_change *c)
{
	int rc = lnl_netlink_add_address(nc->nl, &c->address);

	if (rc == -EEXIST)
		return 0;
	return rc == 0 ? 1 : rc;
}

struct match {
	struct lnl_nl_route want;
	bool found;
	uint8_t *raw; /* LNL_NETCONF_RAW bytes; NULL: not wanted */
};

static void match_route(void *ctx, const struct lnl_nl_route *r, const struct nlmsghdr *raw)
{
	struct match *m = ctx;
	struct lnl_nl_route seen = *r;

	if (seen.dst.ip.family == 6 && m->want.metric == 0 && seen.metric == METRIC6)
		seen.metric = 0;
	/* Unreachable IPv6 routes are shown on the loopback device. */
	if (m->want.index == 0)
		seen.index = 0;
	if (m->found || !same_route(&m->want, &seen))
		return;
	if (m->raw != NULL && raw->nlmsg_len > LNL_NETCONF_RAW)
		return;
	if (m->raw != NULL)
		memcpy(m->raw, raw, raw->nlmsg_len);
	m->found = true;
}

/*
 * A gateway that only an `onlink` route made reachable (hosts with a single address have such) is
 * one for our routes by the same link, too.
 */
static int add_by_gateway(struct lnl_netconf *nc, const struct lnl_nl_route *route)
{
	struct lnl_nl_route r = *route;
	int rc = lnl_netlink_add_route(nc->nl, &r, false);

	if ((rc != -ENETUNREACH && rc != -EHOSTUNREACH && rc != -EINVAL) || r.gateway.family == 0 ||
	    r.index == 0 || r.index == nc->index)
		return rc;
	r.onlink = true;
	return lnl_netlink_add_route(nc->nl, &r, false);
}

static int add_route(struct lnl_netconf *nc, const struct lnl_change *c)
{
	struct match m = { .want = c->route };
	int rc = add_by_gateway(nc, &c->route);

	if (rc == 0)
		return 1;
	if (rc != -EEXIST)
		return rc;
	if (lnl_netlink_routes(nc->nl, c->route.dst.ip.family, &m, match_route) == 0 && m.found)
		return 0;
	/* The search has overwritten what the kernel said. */
	return add_by_gateway(nc, &c->route);
}

static const struct nlmsghdr *raw_of(const struct lnl_change *c)
{
	return (const void *)c->raw;
}

static int take_out(struct lnl_netconf *nc, struct lnl_change *c)
{
	struct match m = { .want = c->route, .raw = c->raw };
	int rc = lnl_netlink_routes(nc->nl, c->route.dst.ip.family, &m, match_route);

	if (rc == 0 && !m.found)
		return 0;
	if (rc == 0)
		rc = lnl_netlink_remove(nc->nl, raw_of(c));
	return rc == 0 ? 1 : rc;
}

static int make(struct lnl_netconf *nc, struct lnl_change *c)
{
	switch (c->kind) {
	case LNL_CHANGE_MTU:
		return set_mtu(nc, c);
	case LNL_CHANGE_UP:
		return set_up(nc);
	case LNL_CHANGE_ADDRESS:
		return add_address(nc, c);
	case LNL_CHANGE_ROUTE:
		return add_route(nc, c);
	case LNL_CHANGE_ABSENT:
		return take_out(nc, c);
	}
	return -EINVAL;
}

/* Takes a change back. Whatever keeps it from that, the device or the route is gone: so be it. */
static void undo(struct lnl_netconf *nc, const struct lnl_change *c)
{
	switch (c->kind) {
	case LNL_CHANGE_MTU:
		lnl_netlink_set_mtu(nc->nl, nc->index, c->mtu_before);
		break;
	case LNL_CHANGE_UP:
		lnl_netlink_set_up(nc->nl, nc->index, false);
		break;
	case LNL_CHANGE_ADDRESS:
		lnl_netlink_del_address(nc->nl, &c->address);
		break;
	case LNL_CHANGE_ROUTE:
		lnl_netlink_del_route(nc->nl, &c->route);
		break;
	case LNL_CHANGE_ABSENT:
		lnl_netlink_restore(nc->nl, raw_of(c));
		break;
	}
}

/* ---- all of them ---- */

/*
 * Without IPv6 on this host its addresses cannot be had; that is no reason to do without the
 * tunnel.
 */
static bool no_ipv6(const struct lnl_change *c, int err)
{
	return c->kind == LNL_CHANGE_ADDRESS && c->address.prefix.ip.family == 6 &&
	       (err == -EACCES || err == -EOPNOTSUPP || err == -EAFNOSUPPORT);
}

static bool is_fatal(const struct lnl_change *c, int err)
{
	if (c->kind == LNL_CHANGE_ROUTE)
		return c->outer;
	return c->kind != LNL_CHANGE_ABSENT && !no_ipv6(c, err);
}

static int code_of(int err)
{
	if (err == -EPERM || err == -EACCES)
		return LNL_E_PERM;
	return err == -ENODEV ? LNL_E_NOTFOUND : LNL_E_SYSTEM;
}

static int carry_out(struct lnl_netconf *nc, struct lnl_change *c, struct lnl_reason *why)
{
	bool done_before = lnl_changes_find(&nc->journal, c) >= 0;
	char what[400];
	int rc;

	/*
	 * Done before, it may have been undone by others: a route that was flushed, a DHCP
	 * client's.
	 */
	rc = make(nc, c);
	if (rc >= 0)
		return rc == 1 && !done_before ? lnl_changes_add(&nc->journal, c) : 0;
	describe(nc, c, what, sizeof(what));
	if (is_fatal(c, rc))
		return lnl_reason_set(why, code_of(rc), "%s: %s", what, lnl_netlink_cause(nc->nl));
	lnl_netconf_warning(nc, "%s: %s", what, lnl_netlink_cause(nc->nl));
	return 0;
}

/* Takes back what is not wanted any more. */
static void trim(struct lnl_netconf *nc, const struct lnl_changes *plan)
{
	unsigned kept = 0;

	for (unsigned i = nc->journal.n; i-- > 0;)
		if (lnl_changes_find(plan, &nc->journal.v[i]) < 0)
			undo(nc, &nc->journal.v[i]);
	for (unsigned i = 0; i < nc->journal.n; i++)
		if (lnl_changes_find(plan, &nc->journal.v[i]) >= 0)
			nc->journal.v[kept++] = nc->journal.v[i];
	nc->journal.n = kept;
}

/*
 * From what was done to what is wanted. All that is wanted is asked for again: with a device's last
 * address the kernel drops its routes.
 */
static int update(struct lnl_netconf *nc, struct lnl_reason *why)
{
	struct lnl_changes plan = { 0 };
	int rc;

	nc->no_way = false;
	rc = lnl_netconf_plan(nc, &plan);

	if (rc == 0)
		trim(nc, &plan);
	for (unsigned i = 0; rc == 0 && i < plan.n; i++)
		rc = carry_out(nc, &plan.v[i], why);
	free_changes(&plan);
	if (rc == LNL_E_NOMEM)
		lnl_reason_set(why, rc, "%s", lnl_error_text(rc));
	return rc;
}

/* ---- the interface ---- */

int lnl_netconf_new(struct lnl_netconf **out, const char *name, unsigned index,
		    struct lnl_reason *why)
{
	struct lnl_netconf *nc = calloc(1, sizeof(*nc));
	int rc;

	if (nc == NULL)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	rc = lnl_netlink_new(&nc->nl);
	if (rc < 0) {
		free(nc);
		return lnl_reason_errno(why, -rc, "cannot open a netlink socket");
	}
	snprintf(nc->name, sizeof(nc->name), "%s", name);
	nc->index = index;
	*out = nc;
	return 0;
}

void lnl_netconf_fit(struct lnl_netconf *nc, unsigned datagram)
{
	unsigned n = datagram > 0 ? LNL_UDP_BYTES / datagram : 0;

	if (n > LNL_UDP_SEGMENTS)
		n = LNL_UDP_SEGMENTS;
	if (n > 1)
		lnl_netlink_set_segments(nc->nl, nc->index, n);
}

void lnl_netconf_free(struct lnl_netconf *nc)
{
	if (nc == NULL)
		return;
	lnl_netconf_revert(nc);
	lnl_netlink_free(nc->nl);
	free_changes(&nc->journal);
	free(nc);
}

int lnl_netconf_apply(struct lnl_netconf *nc, const struct lnl_net *net,
		      const struct lnl_addr *server, lnl_netconf_warn *warn, void *ctx,
		      struct lnl_reason *why)
{
	int rc;

	nc->net = *net;
	nc->server = lnl_addr_ip(server);
	nc->applied = true;
	nc->warn = warn;
	nc->warn_ctx = ctx;
	rc = update(nc, why);
	nc->warn = NULL;
	return rc;
}

/* The newest first; the oldest goes. */
static void remember(struct lnl_netconf *nc, const struct lnl_ip *ip)
{
	unsigned at = 0;

	while (at < nc->n_remotes && !lnl_ip_equal(&nc->remotes[at], ip))
		at++;
	if (at == nc->n_remotes && at < LNL_NETCONF_REMOTES)
		nc->n_remotes++;
	if (at == LNL_NETCONF_REMOTES)
		at--;
	memmove(nc->remotes + 1, nc->remotes, at * sizeof(*nc->remotes));
	nc->remotes[0] = *ip;
}

int lnl_netconf_protect(struct lnl_netconf *nc, const struct lnl_addr *remote,
			struct lnl_reason *why)
{
	struct lnl_ip ip = lnl_addr_ip(remote);
	char text[LNL_IP_TEXT];
	int rc;

	if (ip.family == 0)
		return 0;
	remember(nc, &ip);
	if (!nc->applied)
		return 0;
	nc->protecting = true;
	rc = update(nc, why);
	nc->protecting = false;
	if (rc == 0 && nc->no_way)
		rc = lnl_reason_set(why, LNL_E_NOTFOUND,
				    "no way around the tunnel to %s: no route leads there",
				    lnl_ip_text(&ip, text));
	return rc;
}

void lnl_netconf_revert(struct lnl_netconf *nc)
{
	while (nc->journal.n > 0)
		undo(nc, &nc->journal.v[--nc->journal.n]);
	nc->applied = false;
}
