/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can change while a tunnel or server is up; part of lunel.h, which includes it. */
#ifndef LUNEL_UPDATE_H
#define LUNEL_UPDATE_H

#include <stdbool.h>
#include <stdint.h>

struct lnl_engine;
struct lnl_reason;
struct lnl_server_options;
struct lnl_tunnel_options;

/*
 * Changes what can change while it is up: of |o| its asks, remotes and their order, connect_timeout,
 * connect_retry and its kin, resolv_retry, auth_retry and explicit_exit_notify count, the rest is not
 * looked at. A connection that stands stays; the remote in use keeps its place where it is still
 * listed. With |check| nothing changes. LNL_E_NOTFOUND, LNL_E_INVAL, LNL_E_NOMEM; |why| is a sentence,
 * and nothing has changed then.
 */
int lnl_tunnel_update(struct lnl_engine *e, uint32_t tunnel, const struct lnl_tunnel_options *o,
		      bool check, struct lnl_reason *why);
/*
 * The same for a server. Of |o| count: asks, push, pools, client_to_client, duplicate_cn, max_clients
 * (at most what it began with, else LNL_E_LIMIT), max_routes_per_client, connect_freq, ping,
 * ping_restart, inactive, session_timeout, explicit_exit_notify, auth_user_pass and whether that is
 * optional. Clients that are there keep what they were granted.
 */
int lnl_server_update(struct lnl_engine *e, uint32_t server, const struct lnl_server_options *o,
		      bool check, struct lnl_reason *why);

#endif
