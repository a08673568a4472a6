/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What becomes of the machine's network, told to the host; what we do to our own devices is not. */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"
#include "io/monitor.h"

#define OURS 32 /* devices of ours, the latest */

struct lnl_network {
	struct lnl_engine *engine;
	struct lnl_monitor *monitor;
	char ours[OURS][IFNAMSIZ];
	unsigned next;
};

static bool is_ours(const struct lnl_network *n, const struct lnl_change *c)
{
	for (unsigned i = 0; i < OURS; i++)
		if (*n->ours[i] && strcmp(n->ours[i], c->ifname) == 0)
			return true;
	return false;
}

/* As LNL_EVENT_NETWORK has it; NULL when out of memory. */
static const char *line_of(struct lnl_arena *a, const struct lnl_change *c)
{
	const char *dev = *c->ifname ? c->ifname : "-", *state = c->up ? "up" : "down";
	char text[LNL_IP_TEXT];

	switch (c->kind) {
	case LNL_CHANGE_LINK:
		return lnl_arena_print(a, "link %s %s", dev, c->gone ? "gone" : state);
	case LNL_CHANGE_ADDRESS:
		return lnl_arena_print(a, "address %s %s %s", dev, c->gone ? "gone" : "new",
				       lnl_prefix_text(&c->prefix, text));
	case LNL_CHANGE_DEFAULT:
		lnl_ip_text(&c->gateway, text);
		return lnl_arena_print(a, "default %s %s %u %s", dev, c->gone ? "gone" : "new",
				       c->prefix.ip.family, *text ? text : "-");
	case LNL_CHANGE_LOST:
		break;
	}
	return lnl_arena_str(a, "lost");
}

static void changed(void *ctx, const struct lnl_change *list, unsigned n)
{
	struct lnl_network *w = ctx;
	struct lnl_queued *q = NULL;
	const char **lines = NULL;

	for (unsigned i = 0; i < n; i++) {
		if (is_ours(w, &list[i]))
			continue;
		if (!q)
			q = lnl_event_add(w->engine, LNL_EVENT_NETWORK, NULL);
		if (q && !lines)
			lines = lnl_arena_alloc(&q->arena, n * sizeof(*lines));
		if (!lines)
			return; /* an event without lines says nothing */
		q->event.u.options.list = lines;
		lines[q->event.u.options.n] = line_of(&q->arena, &list[i]);
		if (lines[q->event.u.options.n])
			q->event.u.options.n++;
	}
}

int lnl_engine_network(struct lnl_engine *e, struct lnl_reason *why)
{
	struct lnl_network *n;
	int rc;

	if (e->network)
		return 0;
	n = calloc(1, sizeof(*n));
	if (!n)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	n->engine = e;
	rc = lnl_monitor_new(&n->monitor, e->loop, changed, n, why);
	if (rc < 0)
		free(n);
	else
		e->network = n;
	return rc;
}

void lnl_network_ours(struct lnl_engine *e, const char *dev)
{
	struct lnl_network *n = e->network;

	if (!n)
		return;
	memset(n->ours[n->next], 0, IFNAMSIZ);
	memcpy(n->ours[n->next], dev, strnlen(dev, IFNAMSIZ - 1));
	n->next = (n->next + 1) % OURS;
}

void lnl_network_free(struct lnl_engine *e)
{
	if (!e->network)
		return;
	lnl_monitor_free(e->network->monitor);
	free(e->network);
	e->network = NULL;
}
