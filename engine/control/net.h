/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a tunnel wants of the machine: addresses, MTU, routes, DNS. Put together from the profile and the server's push by
 * control/push.c; applied and taken back by io/netconf.c.
 */
#ifndef LNL_CONTROL_NET_H
#define LNL_CONTROL_NET_H

#include "wire/ip.h"

#define LNL_NET_ROUTES	256
#define LNL_NET_DNS	8
#define LNL_NET_DOMAINS 16
#define LNL_NET_NAME	128

/* Where a route leads. */
enum lnl_via {
	LNL_VIA_TUNNEL,	     /* the tunnel device (gateway: route-gateway, only for bookkeeping) */
	LNL_VIA_NET_GATEWAY, /* net_gateway: around the tunnel, the way the default route led before */
	LNL_VIA_ADDRESS,     /* an explicit gateway */
};

struct lnl_route {
	struct lnl_prefix dst;
	enum lnl_via via;
	struct lnl_ip gateway; /* with LNL_VIA_ADDRESS; the tunnel's gateway when known otherwise */
	int metric;	       /* -1: the default */
};

/* redirect-gateway's and redirect-private's flags. */
enum lnl_redirect {
	LNL_REDIRECT_IPV4 = 1 << 0,  /* the default route (unless !ipv4) */
	LNL_REDIRECT_IPV6 = 1 << 1,
	LNL_REDIRECT_DEF1 = 1 << 2,  /* two halves instead of replacing the default route; always done for IPv6 */
	LNL_REDIRECT_LOCAL = 1 << 3, /* the server is on a directly connected network: no host route */
	LNL_REDIRECT_AUTOLOCAL = 1 << 4,
	LNL_REDIRECT_BYPASS_DHCP = 1 << 5,
	LNL_REDIRECT_BYPASS_DNS = 1 << 6,
	LNL_REDIRECT_BLOCK_LOCAL = 1 << 7,
	LNL_REDIRECT_PRIVATE = 1 << 8, /* redirect-private: everything but the default route */
};

struct lnl_net {
	bool tap;
	unsigned mtu;		/* of the device */
	struct lnl_prefix addr4; /* family 0: none */
	struct lnl_ip peer4;	/* point to point (net30, p2p): the other end; family 0 with topology subnet */
	struct lnl_prefix addr6;
	struct lnl_ip gateway4; /* route-gateway, or the peer */
	struct lnl_ip gateway6;
	unsigned redirect; /* enum lnl_redirect bits; 0: none */
	bool block_ipv6;
	int route_metric; /* default metric; -1: none */
	unsigned n_routes;
	struct lnl_route routes[LNL_NET_ROUTES];
	unsigned n_dns;
	struct lnl_ip dns[LNL_NET_DNS];
	char domain[LNL_NET_NAME];
	unsigned n_search;
	char search[LNL_NET_DOMAINS][LNL_NET_NAME];
};

#endif
