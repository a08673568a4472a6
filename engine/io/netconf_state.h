/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The insides of netconf, shared by netconf*.c only: changes to the machine, planned or made. */
#ifndef LNL_IO_NETCONF_STATE_H
#define LNL_IO_NETCONF_STATE_H

#include "io/netconf.h"
#include "io/netlink.h"

#define LNL_NETCONF_REMOTES 32	/* 16 of them probed at once */
#define LNL_NETCONF_RAW	    512 /* a route as the kernel showed it */

enum lnl_change_kind {
	LNL_CHANGE_MTU,
	LNL_CHANGE_UP,
	LNL_CHANGE_ADDRESS,
	LNL_CHANGE_ROUTE,
	LNL_CHANGE_ABSENT, /* a route that is taken out */
};

struct lnl_change {
	enum lnl_change_kind kind;
	bool outer; /* a route around the tunnel to the remote in use: it has to be there */
	unsigned mtu;
	unsigned mtu_before;
	struct lnl_nl_address address;
	struct lnl_nl_route route;
	/* ABSENT: what to put back; aligned as the kernel's messages are */
	_Alignas(8) uint8_t raw[LNL_NETCONF_RAW];
};

struct lnl_changes {
	struct lnl_change *v;
	unsigned n;
	unsigned cap;
};

struct lnl_netconf {
	struct lnl_netlink *nl;
	char name[IFNAMSIZ];
	unsigned index;
	struct lnl_changes journal; /* in the order in which they were made */
	bool applied;
	struct lnl_net net;
	struct lnl_ip server;
	struct lnl_ip remotes[LNL_NETCONF_REMOTES]; /* the newest first */
	unsigned n_remotes;
	bool protecting; /* the newest of them is about to be used */
	bool no_way;	 /* for a remote in use, none around the tunnel was found */
	lnl_netconf_warn *warn;
	void *warn_ctx;
};

/* Appends a copy. LNL_E_NOMEM. */
int lnl_changes_add(struct lnl_changes *c, const struct lnl_change *change);
/* Index of a change that asks for the same, -1 if there is none. */
int lnl_changes_find(const struct lnl_changes *c, const struct lnl_change *change);

/* Builds what nc->net wants, in the order in which it has to be done. LNL_E_NOMEM. */
int lnl_netconf_plan(struct lnl_netconf *nc, struct lnl_changes *out);

/* Formats a warning and tells it. */
void lnl_netconf_warning(struct lnl_netconf *nc, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
