/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Applies what a tunnel wants of the machine to its device and to the routes, and remembers each
 * change in a journal, so that exactly those are taken back, in reverse order. Applying again
 * changes only what differs.
 *
 * Packets to a remote never fall into the tunnel: wherever a route of the tunnel would cover its
 * address, a host route leads around it, the way packets went before (on the link itself where the
 * remote is on a connected network), unless redirect-gateway says `local`.
 *
 * redirect-gateway: with `def1` two halves beside the default route, else the default route is
 * taken out and put back in the end; for IPv6 always ::/3, 2000::/4, 3000::/4 and fc00::/7.
 * `bypass-dns` leads around the tunnel to the resolvers of /etc/resolv.conf; `bypass-dhcp` asks for
 * nothing, since a DHCP server is reached over its link. `block-local` leads the connected network
 * into the tunnel, but for its gateway. block_ipv6 makes the tunnel's IPv6 routes unreachable ones.
 */
#ifndef LNL_IO_NETCONF_H
#define LNL_IO_NETCONF_H

#include "control/net.h"
#include "io/address.h"
#include "lunel.h"

struct lnl_netconf;

/* For device |name| with |index|; changes nothing yet. LNL_E_NOMEM, LNL_E_SYSTEM. */
int lnl_netconf_new(struct lnl_netconf **out, const char *name, unsigned index,
		    struct lnl_reason *why);
/*
 * Has the device give super-packets of which all datagrams, |datagram| bytes each, are one message of
 * UDP_SEGMENT, and not one and a few. A wish: never fails.
 */
void lnl_netconf_fit(struct lnl_netconf *nc, unsigned datagram);
/* Takes everything back and releases; |nc| may be NULL. */
void lnl_netconf_free(struct lnl_netconf *nc);

/* Called for what could not be done and does not keep the tunnel from working. */
typedef void lnl_netconf_warn(void *ctx, const char *text);

/*
 * Makes the machine as |net| wants it, for a tunnel whose remote is |server|. Without addresses in
 * |net| device and MTU are left alone. What it cannot do without (MTU, addresses, the device being
 * up, the host route to |server|) has to work: else LNL_E_SYSTEM, LNL_E_PERM or LNL_E_NOTFOUND with
 * a sentence in |why| that names the object, and what was done so far waits for lnl_netconf_revert.
 * A route that cannot be set is told to |warn| (may be NULL) instead; one that is there already,
 * exactly so, is nobody's fault and is not taken back. LNL_E_NOMEM.
 */
int lnl_netconf_apply(struct lnl_netconf *nc, const struct lnl_net *net,
		      const struct lnl_addr *server, lnl_netconf_warn *warn, void *ctx,
		      struct lnl_reason *why);
/*
 * |remote| is about to be used, too: leads packets to it around the tunnel where that is needed, by
 * the gateway of the moment. The last 32 are remembered. Before the first apply it is only
 * remembered. Errors as above; LNL_E_NOTFOUND, too, when no route leads there.
 */
int lnl_netconf_protect(struct lnl_netconf *nc, const struct lnl_addr *remote,
			struct lnl_reason *why);
/*
 * The gateway of the default route beside the tunnel, also while that route is taken out; false:
 * there is none.
 */
bool lnl_netconf_outer_gateway(const struct lnl_netconf *nc, int family, struct lnl_ip *out);
/* Takes back what was done, in reverse order. What is gone already is fine. Again: no-op. */
void lnl_netconf_revert(struct lnl_netconf *nc);

#endif
