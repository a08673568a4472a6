/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a tunnel does to the machine's network: applied from a `struct lnl_net`, written down in a journal, and taken back exactly.
 */
#ifndef LNL_IO_NETCONF_H
#define LNL_IO_NETCONF_H

#include "control/net.h"
#include "io/address.h"
#include "lunel.h"

struct lnl_netconf;

/* For the device |ifname| of |index|; changes nothing yet. LNL_E_NOMEM, LNL_E_SYSTEM with |why|. */
int lnl_netconf_new(struct lnl_netconf **out, const char *ifname, unsigned index,
		    struct lnl_reason *why);
/* Takes everything back, in reverse order, and releases; |n| may be NULL. */
void lnl_netconf_free(struct lnl_netconf *n);

/*
 * Brings the machine to |net|: link up, MTU, addresses, routes, redirect-gateway (host route to |server| first, so that the outer
 * socket never falls into the tunnel), block-ipv6. Called again it changes only what differs, the device stays up. What the
 * device cannot do without (link, MTU, addresses, the host route of a redirect) fails: LNL_E_PERM, LNL_E_SYSTEM, with a sentence in |why|
 * that names the object; what was done before stays in the journal. A single route that fails is told to |warn| instead, as in OpenVPN.
 */
int lnl_netconf_apply(struct lnl_netconf *n, const struct lnl_net *net,
		      const struct lnl_addr *server, void (*warn)(void *ctx, const char *text),
		      void *ctx, struct lnl_reason *why);

/*
 * Another address that outer sockets will use: while the default route is redirected it gets a host route around the tunnel.
 * Errors as above.
 */
int lnl_netconf_protect(struct lnl_netconf *n, const struct lnl_addr *server,
			struct lnl_reason *why);

/* Takes everything back; |n| can be applied again. */
void lnl_netconf_revert(struct lnl_netconf *n);

#endif
