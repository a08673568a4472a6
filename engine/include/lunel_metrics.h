/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an engine tells of itself: how much it logs, and what it counts; part of lunel.h, which includes it. */
#ifndef LUNEL_METRICS_H
#define LUNEL_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "lunel_codes.h"
#include "lunel_record.h"

struct lnl_engine;

/* Keeps log records as |l| says, instead of the level of the options. Copied. */
void lnl_engine_levels(struct lnl_engine *e, const struct lnl_levels *l);
/* The next turn waits for nothing: the host has more to do. */
void lnl_engine_hurry(struct lnl_engine *e);

/*
 * What is counted since the engine began, and what there is now. X(field, name, kind, help): names and
 * kinds are OpenMetrics'.
 */
#define LNL_METRICS(X)                                                                             \
	X(tunnels, "tunnels", GAUGE, "Clients' tunnels.")                                          \
	X(tunnels_up, "tunnels_up", GAUGE, "Clients' tunnels through which packets can flow.")     \
	X(attempts, "attempts", COUNTER, "Attempts of ours to connect to a server.")               \
	X(connections, "connections", COUNTER, "Connections to a server that came up.")            \
	X(failures, "failures", COUNTER, "Attempts that failed, and connections that were lost.")  \
	X(servers, "servers", GAUGE, "Servers.")                                                   \
	X(peers, "peers", GAUGE, "Clients of servers, from their first packet on.")                \
	X(peers_up, "peers_up", GAUGE, "Clients through which packets can flow.")                  \
	X(half_open, "peers_half_open", GAUGE, "Clients that have not shown who they are.")        \
	X(admitted, "peers_admitted", COUNTER, "Clients that were admitted to a handshake.")       \
	X(established, "peers_established", COUNTER, "Clients that came up.")                      \
	X(refused, "peers_refused", COUNTER, "Clients that ended before they were up.")            \
	X(closed, "peers_closed", COUNTER, "Clients that ended after they were up.")               \
	X(denied, "auth_denied", COUNTER, "Logins that were denied, or asked for more.")           \
	X(keys, "key_exchanges", COUNTER, "Handshakes that gave keys, renewals among them.")       \
	X(rx_packets, "received_packets", COUNTER, "Packets out of tunnels.")                      \
	X(rx_bytes, "received_bytes", COUNTER, "Bytes out of tunnels.")                            \
	X(tx_packets, "sent_packets", COUNTER, "Packets into tunnels.")                            \
	X(tx_bytes, "sent_bytes", COUNTER, "Bytes into tunnels.")                                  \
	X(link_rx_bytes, "link_received_bytes", COUNTER, "Authentic bytes of data from others.")   \
	X(link_tx_bytes, "link_sent_bytes", COUNTER, "Bytes of data to others.")                   \
	X(questions, "questions", COUNTER, "Questions to the host.")                               \
	X(deadlines, "question_deadlines", COUNTER, "Questions that it did not answer in time.")   \
	X(suppressed, "log_suppressed", COUNTER,                                                   \
	  "Log records of others' making, beyond the rate.")                                       \
	X(lost, "log_lost", COUNTER, "Log records that nobody took in time.")

struct lnl_engine_metrics {
#define X(field, name, kind, help) uint64_t field;
	LNL_METRICS(X)
#undef X
	uint64_t drops[LNL_DROP_COUNT];
};

/*
 * What is known now. Packets, bytes and drops are as the data plane told them last: of a thousand clients
 * each is asked once a minute, of ten within five seconds.
 */
void lnl_engine_metrics(const struct lnl_engine *e, struct lnl_engine_metrics *out);

/*
 * Calls |ready| from inside a turn when |fd| can be read, and once the seconds are over that it returned
 * the last time (below 0: no such time). It may not touch the engine but to look at its metrics. It keeps
 * no engine running. NULL when out of memory.
 */
struct lnl_watch;
typedef double lnl_ready(void *ctx);
struct lnl_watch *lnl_engine_watch(struct lnl_engine *e, int fd, lnl_ready *ready, void *ctx);
/* Ends it, before the engine ends; |w| may be NULL. */
void lnl_engine_unwatch(struct lnl_watch *w);

#endif
