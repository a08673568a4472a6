/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Metrics by HTTP: /metrics as OpenMetrics, /status as JSON. It is served from the engine's loop without
 * a thread and without Lua. Who asks needs no password, so it is bounded: 16 connections, 10 seconds
 * each, and a new text five times a second at most.
 */
#ifndef LNL_BINDINGS_SCRAPE_H
#define LNL_BINDINGS_SCRAPE_H

#include <lua.h>

struct lnl_host;

/*
 * lua_CFunction, `scrape(address, port)`: true when it listens there, also when it did so already; or nil
 * and why not.
 */
int lnl_scrape_open(lua_State *L);
/* Ends it, before the engine ends. */
void lnl_scrape_close(struct lnl_host *h);

#endif
