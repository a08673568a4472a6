/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From all options together to what the machine is asked for. */
#include <string.h>

#include "control/push_part.h"

#define MTU_DEFAULT 1500

/* No private network is larger: a wider mask draws the internet into the tunnel as "connected". */
#define SUBNET_BITS_MIN 8

/* Linux takes no smaller MSS for its own (TCP_MIN_MSS). */
#define MSS_MIN 88

#define IPV4_LEN 20u
#define IPV6_LEN 40u
#define TCP_LEN	 20u
#define UDP_LEN	 8u

static void explain(struct lnl_why *why, const char *text)
{
	lnl_text_clean(why->text, sizeof(why->text), text, strlen(text));
}

static int finish_subnet(struct lnl_pulled *p, struct lnl_why *why)
{
	int bits = lnl_netmask_bits(&p->ifconfig_remote);

	if (bits < 0) {
		explain(why, "ifconfig: with this topology the second address must be a netmask, "
			     "and it is none");
		return LNL_E_INVAL;
	}
	if (bits < SUBNET_BITS_MIN) {
		explain(why, "ifconfig: the netmask takes in more than a /8");
		return LNL_E_INVAL;
	}
	p->net.addr4.ip = p->ifconfig_local;
	p->net.addr4.bits = (uint8_t)bits;
	memset(&p->net.peer4, 0, sizeof(p->net.peer4));
	p->net.gateway4 = p->route_gateway;
	return 0;
}

static int finish_pair(struct lnl_pulled *p, struct lnl_why *why)
{
	const uint8_t *remote = p->ifconfig_remote.bytes;

	if (remote[0] >= 224) {
		explain(why, "ifconfig: the second address is a netmask, but topology subnet was "
			     "not set: push it, too");
		return LNL_E_INVAL;
	}
	if (remote[0] == 0 || remote[0] == 127) {
		explain(why, "ifconfig: the second address is no host's");
		return LNL_E_INVAL;
	}
	p->net.addr4.ip = p->ifconfig_local;
	p->net.addr4.bits = 32;
	p->net.peer4 = p->ifconfig_remote;
	p->net.gateway4 = p->route_gateway.family ? p->route_gateway : p->ifconfig_remote;
	return 0;
}

/* Fills in the tunnel's gateway, also where it is the destination. False: there is none. */
static bool finish_route(const struct lnl_net *net, struct lnl_route *r)
{
	bool v6 = r->to == LNL_TO_PREFIX && r->dst.ip.family == 6;
	const struct lnl_ip *gateway = v6 ? &net->gateway6 : &net->gateway4;

	if (r->to == LNL_TO_GATEWAY) {
		if (!gateway->family)
			return false;
		r->to = LNL_TO_PREFIX;
		r->dst.ip = *gateway;
		lnl_prefix_mask(&r->dst);
	}
	if (r->via == LNL_VIA_ADDRESS && lnl_ip_equal(&r->gateway, gateway))
		r->via = LNL_VIA_TUNNEL;
	if (r->via == LNL_VIA_TUNNEL)
		r->gateway = *gateway;
	return true;
}

static void finish_routes(struct lnl_net *net, struct lnl_why *why)
{
	unsigned n = 0;

	for (unsigned i = 0; i < net->n_routes; i++) {
		struct lnl_route r = net->routes[i];

		if (finish_route(net, &r))
			net->routes[n++] = r;
		else
			explain(why, "route vpn_gateway: there is no such gateway, the route is "
				     "left out");
	}
	net->n_routes = n;
}

/* `dns` overrides dhcp-option; of its servers the first usable one counts (OpenVPN dns.c). */
static void finish_dns(struct lnl_pulled *p)
{
	const struct lnl_dns_server *best = NULL;
	struct lnl_net *net = &p->net;

	for (unsigned i = 0; i < p->n_servers; i++) {
		const struct lnl_dns_server *s = &p->server[i];

		if (s->plain && s->n > 0 && (!best || s->priority < best->priority))
			best = s;
	}
	if (!best)
		return;
	memcpy(net->dns, best->address, sizeof(net->dns));
	net->n_dns = best->n;
	memcpy(net->resolve, best->domain, sizeof(net->resolve));
	net->n_resolve = best->n_domains;
}

int lnl_pulled_finish(struct lnl_pulled *p, struct lnl_why *why)
{
	struct lnl_net *net = &p->net;
	int error = 0;

	why->text[0] = '\0';
	net->gateway4 = p->route_gateway;
	if (p->has_ifconfig) {
		if (net->tap || p->topology == LNL_TOPOLOGY_SUBNET)
			error = finish_subnet(p, why);
		else
			error = finish_pair(p, why);
	}
	if (error != 0)
		return error;
	if (p->route_gateway6.family)
		net->gateway6 = p->route_gateway6;
	finish_routes(net, why);
	finish_dns(p);
	/* redirect-gateway without either family is nothing, with one more than -private. */
	if (net->redirect & (LNL_REDIRECT_IPV4 | LNL_REDIRECT_IPV6))
		net->redirect &= ~(unsigned)LNL_REDIRECT_PRIVATE;
	else if (!(net->redirect & LNL_REDIRECT_PRIVATE))
		net->redirect = 0;
	net->mtu = p->tun_mtu > 0 ? (unsigned)p->tun_mtu : MTU_DEFAULT;
	return 0;
}

unsigned lnl_mss_for(int mssfix, bool with_mtu, bool fixed, bool tcp, bool outer_ipv6,
		     unsigned overhead, unsigned padded)
{
	unsigned around = 0, packet;

	if (mssfix <= 0)
		return 0;
	if (!fixed) {
		around = overhead + (tcp ? 2 : 0);
		if (with_mtu)
			around += (outer_ipv6 ? IPV6_LEN : IPV4_LEN) + (tcp ? TCP_LEN : UDP_LEN);
	}
	if ((unsigned)mssfix < around + IPV4_LEN + TCP_LEN + MSS_MIN)
		return MSS_MIN;
	packet = (unsigned)mssfix - around;
	/* What fits into whole blocks with one byte of padding at least. */
	if (padded && !fixed)
		packet = (packet + padded) / LNL_BLOCK_LEN * LNL_BLOCK_LEN + LNL_BLOCK_LEN - 1 -
			 padded;
	return packet - IPV4_LEN - TCP_LEN;
}
