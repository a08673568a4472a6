/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The kernel's links, addresses and routes, asked for one at a time. The kernel answers at once, so
 * these calls block for no longer than it takes to carry them out.
 *
 * All return 0 (or a count) or a negative errno; lnl_netlink_cause then says why in words.
 */
#ifndef LNL_IO_NETLINK_H
#define LNL_IO_NETLINK_H

#include <net/if.h>

#include "wire/ip.h"

struct lnl_netlink;
struct nlmsghdr;

/* -ENOMEM, or what opening a netlink socket says. */
int lnl_netlink_new(struct lnl_netlink **out);
void lnl_netlink_free(struct lnl_netlink *nl); /* may be NULL */
/* The kernel's own words on the last failure, else its errno's text; valid until the next call. */
const char *lnl_netlink_cause(const struct lnl_netlink *nl);

/* ---- links ---- */

struct lnl_nl_link {
	unsigned index;
	char name[IFNAMSIZ];
	unsigned mtu;
	bool up;
};

/* By name: -ENODEV; by index: |index| not 0. */
int lnl_netlink_link(struct lnl_netlink *nl, const char *name, unsigned index,
		     struct lnl_nl_link *out);
int lnl_netlink_set_up(struct lnl_netlink *nl, unsigned index, bool up);
int lnl_netlink_set_mtu(struct lnl_netlink *nl, unsigned index, unsigned mtu);
/* A super-packet of the device has at most |n| segments. */
int lnl_netlink_set_segments(struct lnl_netlink *nl, unsigned index, unsigned n);

/* ---- addresses ---- */

struct lnl_nl_address {
	unsigned index;
	struct lnl_prefix prefix;
	struct lnl_ip peer; /* point to point: the other end, alone; family 0: none */
};

/*
 * Adds an address: IPv4 with a broadcast address where the prefix has room for one and there is no
 * peer; IPv6 usable at once, without duplicate address detection. -EEXIST.
 */
int lnl_netlink_add_address(struct lnl_netlink *nl, const struct lnl_nl_address *a);
/* -EADDRNOTAVAIL when it is not there, -ENODEV. */
int lnl_netlink_del_address(struct lnl_netlink *nl, const struct lnl_nl_address *a);
/* Calls |each| for every address of |family| (4, 6) on link |index|. */
int lnl_netlink_addresses(struct lnl_netlink *nl, int family, unsigned index, void *ctx,
			  void (*each)(void *ctx, const struct lnl_nl_address *a));

/* ---- routes ---- */

enum lnl_nl_kind {
	LNL_NL_UNICAST,
	LNL_NL_UNREACHABLE, /* answered by "no route to host"; no link, no gateway */
	LNL_NL_BLACKHOLE,
	LNL_NL_LOCAL, /* only read: an address of this host */
	LNL_NL_OTHER, /* only read */
};

struct lnl_nl_route {
	struct lnl_prefix dst; /* family 4 or 6; 0 bits: the default route */
	enum lnl_nl_kind kind;
	struct lnl_ip gateway; /* family 0: on the link itself */
	unsigned index;	       /* of the link; 0: as the gateway says */
	uint32_t table;	       /* 0: main */
	uint32_t metric;       /* 0: the kernel's choice */
	struct lnl_ip source;  /* only read: preferred source address */
	bool onlink; /* only written: the gateway is on the link, whatever addresses say */
};

/* With |replace| one of the same destination, metric and table goes; else -EEXIST. */
int lnl_netlink_add_route(struct lnl_netlink *nl, const struct lnl_nl_route *r, bool replace);
/* -ESRCH when it is not there. */
int lnl_netlink_del_route(struct lnl_netlink *nl, const struct lnl_nl_route *r);
/*
 * How packets to |ip| go at the moment: gateway, index, source, kind; `dst` is |ip| itself.
 * -ENETUNREACH.
 */
int lnl_netlink_route_to(struct lnl_netlink *nl, const struct lnl_ip *ip, struct lnl_nl_route *out);
/*
 * Calls |each| for every route of |family| in the tables main and local. |raw| is the kernel's
 * message, which lnl_netlink_restore takes. Of a multipath route the first hop is shown.
 */
int lnl_netlink_routes(struct lnl_netlink *nl, int family, void *ctx,
		       void (*each)(void *ctx, const struct lnl_nl_route *r,
				    const struct nlmsghdr *raw));
/* Takes out the very route that lnl_netlink_routes showed as |raw|. -ESRCH. */
int lnl_netlink_remove(struct lnl_netlink *nl, const struct nlmsghdr *raw);
/* Puts it back exactly as it was. -EEXIST. */
int lnl_netlink_restore(struct lnl_netlink *nl, const struct nlmsghdr *raw);
/* The default route with the lowest metric in the main table that is not link |skip|'s. -ESRCH. */
int lnl_netlink_default(struct lnl_netlink *nl, int family, unsigned skip,
			struct lnl_nl_route *out);

#endif
