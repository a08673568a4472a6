/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Tells what becomes of this machine's network: links that come up and go down, addresses, default
 * routes, as the kernel says by netlink (rtnetlink(7)). What belongs together comes together; what
 * changes nothing that is told here is passed over.
 */
#ifndef LNL_IO_MONITOR_H
#define LNL_IO_MONITOR_H

#include <net/if.h>

#include "io/reason.h"
#include "wire/ip.h"

#define LNL_MONITOR_MOST 64 /* changes told at once; of more, the rest is LNL_CHANGE_LOST */

struct ev_loop;
struct lnl_monitor;

enum lnl_change_kind {
	LNL_CHANGE_LINK,    /* `ifname` is `up`, or not, or no more (`gone`) */
	LNL_CHANGE_ADDRESS, /* `prefix` is on `ifname`, or no more */
	LNL_CHANGE_DEFAULT, /* a default route of `prefix`'s family by `gateway`, or no more */
	LNL_CHANGE_LOST,    /* there were more than could be told: look for yourself */
};

struct lnl_change {
	enum lnl_change_kind kind;
	bool up, gone;
	char ifname[IFNAMSIZ]; /* "" where a route has no link */
	struct lnl_prefix prefix;
	struct lnl_ip gateway; /* family 0: none, on the link itself */
};

/* |n| changes, 1 to LNL_MONITOR_MOST, in their order. */
typedef void lnl_monitor_changed(void *ctx, const struct lnl_change *list, unsigned n);

/*
 * Watches from now on; it keeps no loop running. LNL_E_NOMEM, LNL_E_SYSTEM with a sentence in |why|.
 */
int lnl_monitor_new(struct lnl_monitor **out, struct ev_loop *loop, lnl_monitor_changed *changed,
		    void *ctx, struct lnl_reason *why);
void lnl_monitor_free(struct lnl_monitor *m); /* may be NULL */

#endif
