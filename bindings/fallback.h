/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a log says that it cannot log: stderr, or syslog once stderr leads nowhere. It never waits: what
 * a full pipe does not take is counted, as is what comes faster than LNL_FALLBACK_RATE a second.
 */
#ifndef LNL_BINDINGS_FALLBACK_H
#define LNL_BINDINGS_FALLBACK_H

#include <lua.h>
#include <time.h>

#define LNL_FALLBACK_RATE 20

struct lnl_host;

/* A host's. */
struct lnl_fallback {
	time_t since;
	unsigned said; /* in that second */
	unsigned long lost;
};

/*
 * Says |text| in one line of at most 1,000 bytes, without secrets that were revealed. |h| NULL: as
 * often as one likes.
 */
void lnl_fallback_say(struct lnl_host *h, const char *text);
/* lua_CFunction, `fallback(text)`. */
int lnl_fallback_call(lua_State *L);

#endif
