/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What others can make us log, as often as they like: a few records a second of each kind, and how
 * many more there were (TRUST F12). What the host's own doings bring about is not in it, nor
 * peer.up and peer.closed: each connection that was let in has both.
 */
#include <string.h>

#include "engine_state.h"

static const char *const kinds[LNL_QUIET_KINDS] = {
	"acc.dropped",	     "auth.denied",  "client.mtu",	  "control.dropped",
	"control.malformed", "control.text", "control.unhandled", "grant.denied",
	"hook.deadline",     "lane.error",   "link.error",	  "peer.moved",
	"peer.refused",	     "server.full",  "tls.handshake",	  "tls.renegotiating",
	"worker.failed",
};

static void tell(struct lnl_engine *e, unsigned i)
{
	struct lnl_quiet *q = &e->quiet[i];
	int64_t n = q->suppressed;

	q->suppressed = 0;
	if (n > 0)
		lnl_log(&e->log, q->level, "log.suppressed", LNL_F("kind", kinds[i]),
			LNL_F("records", n));
}

bool lnl_quiet_passes(struct lnl_engine *e, const char *event, enum lnl_level level, uint64_t now)
{
	struct lnl_quiet *q;
	unsigned i = 0;

	while (i < LNL_QUIET_KINDS && strcmp(kinds[i], event) != 0)
		i++;
	if (i == LNL_QUIET_KINDS)
		return true;
	q = &e->quiet[i];
	if (now - q->since >= LNL_SECOND) {
		q->since = now;
		q->passed = 0;
		tell(e, i);
	}
	if (q->passed < LNL_QUIET_RATE) {
		q->passed++;
		return true;
	}
	q->level = level;
	q->suppressed++;
	e->metrics.suppressed++;
	return false;
}

void lnl_quiet_tell(struct lnl_engine *e, uint64_t now)
{
	for (unsigned i = 0; i < LNL_QUIET_KINDS; i++)
		if (now - e->quiet[i].since >= LNL_SECOND)
			tell(e, i);
}
