/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a tunnel wants of the machine: addresses, MTU, routes, DNS. Put together from the profile
 * and the server's push by control/push.c; applied and taken back by io/netconf.c.
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
	LNL_VIA_TUNNEL,	     /* the tunnel device */
	LNL_VIA_NET_GATEWAY, /* net_gateway: around the tunnel, as the default route led before */
	LNL_VIA_ADDRESS,     /* an explicit gateway */
};

/* What a route is for. */
enum lnl_route_to {
	LNL_TO_PREFIX, /* `dst` */
	LNL_TO_REMOTE, /* remote_host: the server's address; `dst` holds bits, but family 0 */
	LNL_TO_GATEWAY /* vpn_gateway: none are left after lnl_pulled_finish */
};

struct lnl_route {
	enum lnl_route_to to;
	struct lnl_prefix dst; /* host bits are zero */
	enum lnl_via via;
	struct lnl_ip
		gateway; /* with LNL_VIA_ADDRESS; in the tunnel its gateway, if one is known */
	int metric;	 /* -1: route_metric */
};

/* redirect-gateway's and redirect-private's flags. */
enum lnl_redirect {
	LNL_REDIRECT_IPV4 = 1 << 0, /* the default route (unless !ipv4) */
	LNL_REDIRECT_IPV6 = 1 << 1,
	LNL_REDIRECT_DEF1 = 1 << 2,  /* two halves beside the default route; IPv6 always does so */
	LNL_REDIRECT_LOCAL = 1 << 3, /* the server is on a connected network: no host route */
	LNL_REDIRECT_AUTOLOCAL = 1 << 4,
	LNL_REDIRECT_BYPASS_DHCP = 1 << 5,
	LNL_REDIRECT_BYPASS_DNS = 1 << 6,
	LNL_REDIRECT_BLOCK_LOCAL = 1 << 7,
	LNL_REDIRECT_PRIVATE = 1 << 8, /* redirect-private: everything but the default route */
};

struct lnl_net {
	bool tap;
	unsigned mtu;		 /* of the device */
	struct lnl_prefix addr4; /* family 0: none */
	struct lnl_ip peer4; /* point to point (net30, p2p): the other end; family 0 with subnet */
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
	/* Only names below these are asked of |dns| (split DNS; "." is all). None: all names. */
	unsigned n_resolve;
	char resolve[LNL_NET_DOMAINS][LNL_NET_NAME];
};

#endif
