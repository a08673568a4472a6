/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A policy VM takes the place of another between two turns of the loop. The old one answers what it
 * was asked, until the deadlines, and what it still has to do with tunnels that end with it; then it is
 * released. What is plain passes to the new one: who is connected, and their `vars`.
 */
#ifndef LNL_BINDINGS_RELOAD_H
#define LNL_BINDINGS_RELOAD_H

#include "bindings/host.h"

#define LNL_RELOAD_OLD 16 /* VMs that may wait for their last answers */

/*
 * Hands the host's VM over to |fresh|, in pieces: instance.hand_over(n) of the one, take_over(...) of
 * the other, until there is nothing more; neither may change anything but |fresh|. -1 with |fault|: the
 * old one goes on as if nothing had been. Else |fresh| is the host's VM; the old one has no more than
 * its open questions and the |n| tunnels |gone|.
 */
int lnl_reload_swap(struct lnl_host *h, struct lnl_vm *fresh, const uint32_t *gone, unsigned n,
		    struct lnl_fault *fault);

/* The VM whose the event |e| is: an old one's that keeps the tunnel, or the host's; may be NULL. */
struct lnl_vm *lnl_reload_owner(const struct lnl_host *h, const struct lnl_event *e);
/* Gives the event of an operation to the old VM that waits for it. */
bool lnl_reload_event(struct lnl_host *h, const struct lnl_event *e);
/* Tells old VMs of ends that the event |e|, which is not theirs, brings. */
void lnl_reload_overhear(struct lnl_host *h, const struct lnl_event *e);
/* Runs their tasks, passes on what those left in `vars`, and releases who has no more to do. */
void lnl_reload_run(struct lnl_host *h);
void lnl_reload_clear(struct lnl_host *h);

/* lua_CFunction, `pass_vars(server, peer, cid, vars)`: for the VM that came after this one. */
int lnl_reload_pass_vars(lua_State *L);

#endif
