/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a tunnel does to the machine: device, addresses, routes; and how it is told to hooks and
 * programs.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine_state.h"

#define NET_LINES 640
#define NET_ENV	  640

/* ---- the device ---- */

static void release_tun(struct lnl_tunnel *t)
{
	struct lnl_command cmd = { .kind = LNL_CMD_TUN_DEL };

	lnl_worker_command(t->worker, &cmd);
	t->tun_open = false;
}

static int open_tun(struct lnl_tunnel *t, struct lnl_reason *why)
{
	struct lnl_tun_conf conf = {
		.name = t->conf.o.dev,
		.tap = t->conf.o.tap,
		.txqueuelen = t->conf.o.txqueuelen,
		.offload = (enum lnl_offload)t->conf.o.offload,
		.node = lnl_process_open_tun(t->engine->process),
	};
	struct lnl_command cmd = { .kind = LNL_CMD_TUN_ADD };
	struct lnl_tun tun;
	int rc = lnl_tun_open(&tun, &conf, why);

	if (rc < 0)
		return rc;
	rc = lnl_netconf_new(&t->net, tun.name, tun.index, why);
	if (rc < 0) {
		close(tun.fd);
		return rc;
	}
	snprintf(t->ifname, sizeof(t->ifname), "%s", tun.name);
	cmd.u.tun.fd = tun.fd;
	cmd.u.tun.tap = tun.tap;
	cmd.u.tun.offload = tun.offload;
	lnl_worker_command(t->worker, &cmd);
	t->tun_open = true;
	lnl_engine_fit_tun(t->net, tun.offload, t->conf.o.tun_mtu, t->conf.o.mssfix,
			   t->conf.o.mssfix_mtu);
	lnl_engine_tell_tun(t->engine, t->ifname, conf.offload, tun.offload);
	return 0;
}

/* What the profile asked not to be done for it is left out. */
static void select_net(const struct lnl_tunnel *t, struct lnl_net *net)
{
	if (t->conf.o.ifconfig_noexec) {
		net->addr4.ip.family = 0;
		net->addr6.ip.family = 0;
		net->peer4.family = 0;
	}
	if (t->conf.o.route_noexec) {
		net->n_routes = 0;
		net->redirect = 0;
		net->block_ipv6 = false;
	}
}

static void warned(void *ctx, const char *text)
{
	struct lnl_tunnel *t = ctx;

	lnl_log(&t->engine->log, LNL_LEVEL_WARN, "net.warning", LNL_F("why", text));
}

int lnl_net_up(struct lnl_tunnel *t, const struct lnl_pulled *p, enum lnl_cause *cause,
	       struct lnl_reason *why)
{
	int rc = 0;

	*cause = LNL_CAUSE_TUN;
	if (!t->tun_open)
		rc = open_tun(t, why);
	if (rc < 0)
		return rc;
	*cause = LNL_CAUSE_NET;
	t->applied = p->net;
	t->applied.mtu = lnl_lanes_mtu(&t->conf.o.lanes, p->net.mtu);
	select_net(t, &t->applied);
	return lnl_netconf_apply(t->net, &t->applied, &t->addresses[t->address], warned, t, why);
}

void lnl_net_protect(struct lnl_tunnel *t, const struct lnl_addr *a)
{
	struct lnl_reason why = { "" };

	if (t->net && lnl_netconf_protect(t->net, a, &why) < 0)
		warned(t, why.text);
}

void lnl_net_down(struct lnl_tunnel *t)
{
	if (!t->tun_open)
		return;
	lnl_netconf_free(t->net);
	t->net = NULL;
	release_tun(t);
	lnl_log(&t->engine->log, LNL_LEVEL_INFO, "tun.closed", LNL_F("dev", t->ifname));
}

/* ---- telling ---- */

struct list {
	struct lnl_arena *arena;
	const char **item;
	unsigned n, max;
};

/* |text| in the arena; NULL (out of memory) leaves a line out, not a hole. */
static void add_text(struct list *l, const char *text)
{
	if (text && l->n < l->max)
		l->item[l->n++] = text;
}

static void add(struct list *l, const char *name, char between, const char *value)
{
	if (value && *value)
		add_text(l, lnl_arena_print(l->arena, "%s%c%s", name, between, value));
}

static void add_number(struct list *l, const char *name, unsigned value)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", value);
	add(l, name, '=', text);
}

static void add_ip(struct list *l, const char *name, char between, const struct lnl_ip *ip)
{
	char text[LNL_IP_TEXT];

	if (ip->family)
		add(l, name, between, lnl_ip_text(ip, text));
}

static void add_prefix(struct list *l, const char *name, const struct lnl_prefix *p)
{
	char text[LNL_IP_TEXT];

	if (p->ip.family)
		add(l, name, ' ', lnl_prefix_text(p, text));
}

static void describe_lines(struct list *l, const struct lnl_net *net)
{
	unsigned i;

	add_prefix(l, "address", &net->addr4);
	add_prefix(l, "address", &net->addr6);
	add_ip(l, "gateway", ' ', &net->gateway4);
	add_ip(l, "gateway", ' ', &net->gateway6);
	for (i = 0; i < net->n_routes; i++)
		add_prefix(l, net->routes[i].via == LNL_VIA_TUNNEL ? "route" : "route-around",
			   &net->routes[i].dst);
	if (net->redirect & (LNL_REDIRECT_IPV4 | LNL_REDIRECT_IPV6))
		add(l, "redirect", ' ',
		    net->redirect & LNL_REDIRECT_IPV6
			    ? (net->redirect & LNL_REDIRECT_IPV4 ? "ipv4 ipv6" : "ipv6")
			    : "ipv4");
	for (i = 0; i < net->n_dns; i++)
		add_ip(l, "dns", ' ', &net->dns[i]);
	add(l, "domain", ' ', net->domain);
	for (i = 0; i < net->n_search; i++)
		add(l, "search", ' ', net->search[i]);
}

/* Names as OpenVPN's programs know them (man page, "Environmental Variables"). */
static void describe_routes(struct list *l, const struct lnl_tunnel *t, const struct lnl_net *net)
{
	struct lnl_ip outer = { 0 };
	unsigned i, n4 = 0, n6 = 0;
	char name[64], text[LNL_IP_TEXT];

	if (t->net && lnl_netconf_outer_gateway(t->net, 4, &outer))
		add_ip(l, "route_net_gateway", '=', &outer);
	for (i = 0; i < net->n_routes; i++) {
		const struct lnl_route *r = &net->routes[i];
		const struct lnl_ip *gateway = r->gateway.family ? &r->gateway : &net->gateway4;
		struct lnl_ip mask;

		if (r->dst.ip.family == 6) {
			snprintf(name, sizeof(name), "route_ipv6_network_%u", ++n6);
			add(l, name, '=', lnl_prefix_text(&r->dst, text));
			continue;
		}
		mask = lnl_netmask(r->dst.bits);
		snprintf(name, sizeof(name), "route_network_%u", ++n4);
		add_ip(l, name, '=', &r->dst.ip);
		snprintf(name, sizeof(name), "route_netmask_%u", n4);
		add_ip(l, name, '=', &mask);
		snprintf(name, sizeof(name), "route_gateway_%u", n4);
		add_ip(l, name, '=', r->via == LNL_VIA_NET_GATEWAY ? &outer : gateway);
	}
	add_ip(l, "route_vpn_gateway", '=', &net->gateway4);
}

static void describe_env(struct list *l, const struct lnl_tunnel *t, const struct lnl_pulled *p)
{
	const struct lnl_net *net = &p->net;
	struct lnl_ip mask = lnl_netmask(net->addr4.bits), server;
	unsigned i;

	add(l, "dev", '=', t->ifname);
	add(l, "dev_type", '=', t->conf.o.tap ? "tap" : "tun");
	add_number(l, "tun_mtu", lnl_lanes_mtu(&t->conf.o.lanes, net->mtu));
	add_ip(l, "ifconfig_local", '=', &net->addr4.ip);
	if (net->peer4.family)
		add_ip(l, "ifconfig_remote", '=', &net->peer4);
	else if (net->addr4.ip.family)
		add_ip(l, "ifconfig_netmask", '=', &mask);
	add_ip(l, "ifconfig_ipv6_local", '=', &net->addr6.ip);
	if (net->addr6.ip.family)
		add_number(l, "ifconfig_ipv6_netbits", net->addr6.bits);
	add_ip(l, "ifconfig_ipv6_remote", '=', &net->gateway6);
	if (t->n_addresses) {
		server = lnl_addr_ip(&t->addresses[t->address]);
		add_ip(l, server.family == 6 ? "trusted_ip6" : "trusted_ip", '=', &server);
		add_number(l, "trusted_port", lnl_addr_port(&t->addresses[t->address]));
	}
	if (t->remote) {
		add(l, "remote_1", '=', t->remote->host);
		add_number(l, "remote_port_1", t->remote->port);
		add(l, "proto_1", '=', t->remote->proto >= LNL_PROTO_TCP ? "tcp-client" : "udp");
	}
	describe_routes(l, t, net);
	for (i = 0; i < p->n_env; i++)
		add_text(l, lnl_arena_str(l->arena, p->env[i]));
}

void lnl_net_describe(struct lnl_tunnel *t, struct lnl_queued *q, const struct lnl_pulled *p,
		      bool restart)
{
	struct list lines = { &q->arena, lnl_arena_alloc(&q->arena, NET_LINES * sizeof(char *)), 0,
			      NET_LINES };
	struct list env = { &q->arena, lnl_arena_alloc(&q->arena, NET_ENV * sizeof(char *)), 0,
			    NET_ENV };

	q->event.u.net.ifname = lnl_arena_str(&q->arena, t->ifname);
	q->event.u.net.restart = restart;
	if (!lines.item || !env.item)
		return;
	describe_lines(&lines, p ? &p->net : &t->applied);
	if (p)
		describe_env(&env, t, p);
	q->event.u.net.lines = lines.item;
	q->event.u.net.n = lines.n;
	q->event.u.net.env = env.item;
	q->event.u.net.n_env = env.n;
	q->event.u.net.mtu = p ? lnl_lanes_mtu(&t->conf.o.lanes, p->net.mtu) : t->applied.mtu;
}

void lnl_net_ask_down(struct lnl_tunnel *t)
{
	struct lnl_queued *q = NULL;

	if (t->conf.o.asks & LNL_ASK_DOWN)
		q = lnl_event_ask(t->engine, LNL_EVENT_DOWN, t, 5, false);
	if (q)
		lnl_net_describe(t, q, NULL, !t->finishing);
	else
		lnl_retry_down(t);
}
