/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lanes of a tunnel or server: checked, copied, given to workers, and what is logged of them. */
#include <string.h>

#include "engine_service.h"

#define PLAIN	(1u << LNL_LANE_FROM_PEER | 1u << LNL_LANE_TO_PEER)
#define WIRE	(1u << LNL_LANE_WIRE_IN | 1u << LNL_LANE_WIRE_OUT)
#define LEAST_6 1280 /* IPv6 wants no less of a device */

const struct lnl_lane_conf *lnl_lane_find(const struct lnl_lane_options *o, uint32_t id)
{
	unsigned i;

	for (i = 0; id && i < o->n; i++)
		if (o->list[i].id == id)
			return &o->list[i];
	return NULL;
}

uint32_t lnl_lane_named(const struct lnl_lane_options *o, const char *name)
{
	unsigned i;

	for (i = 0; i < o->n; i++)
		if (o->list[i].id != o->transport && o->list[i].id != o->filter &&
		    strcmp(o->list[i].name, name) == 0)
			return o->list[i].id;
	return 0;
}

unsigned lnl_lane_overhead(const struct lnl_lane_options *o, uint32_t id)
{
	const struct lnl_lane_conf *c = lnl_lane_find(o, id);

	return c ? c->overhead : 0;
}

unsigned lnl_lanes_overhead(const struct lnl_lane_options *o)
{
	return lnl_lane_overhead(o, o->transport) + lnl_lane_overhead(o, o->filter);
}

unsigned lnl_lanes_mtu(const struct lnl_lane_options *o, unsigned mtu)
{
	unsigned less = lnl_lanes_overhead(o), least = mtu < LEAST_6 ? mtu : LEAST_6;

	return mtu < least + less ? least : mtu - less;
}

/* ---- options ---- */

static int check_one(const struct lnl_lane_options *o, const struct lnl_lane_conf *c,
		     struct lnl_reason *why)
{
	bool wire = c->id == o->transport;
	unsigned wanted = wire ? WIRE : PLAIN;

	if (c->id == 0 || !c->name)
		return lnl_reason_set(why, LNL_E_INVAL, "a lane without a number or a name");
	if (c->overhead > LNL_LANE_OVERHEAD)
		return lnl_reason_set(why, LNL_E_INVAL, "%s: overhead is %u bytes, at most %d",
				      c->name, c->overhead, LNL_LANE_OVERHEAD);
	if ((c->points & wanted) == 0 || (c->points & ~wanted) != 0)
		return lnl_reason_set(
			why, LNL_E_INVAL,
			wire ? "%s: a transport has wire_in, wire_out or both, and neither from_peer "
			       "nor to_peer: those are a filter's"
			     : "%s: a filter has from_peer, to_peer or both, and neither wire_in nor "
			       "wire_out: those are a transport's",
			c->name);
	/* Whoever sends us bytes could have it taken off. */
	if (wire && c->on_error == LNL_LANE_ON_ERROR_DETACH)
		return lnl_reason_set(why, LNL_E_INVAL,
				      "%s: on_error of a transport is 'drop' or 'pass': with "
				      "'detach' anybody who sends us bytes could take it off",
				      c->name);
	return 0;
}

static int check_list(const struct lnl_lane_options *o, struct lnl_reason *why)
{
	unsigned i, k;
	int rc = 0;

	for (i = 0; rc == 0 && i < o->n; i++) {
		rc = check_one(o, &o->list[i], why);
		for (k = 0; rc == 0 && k < i; k++)
			if (o->list[i].id == o->list[k].id)
				rc = lnl_reason_set(why, LNL_E_INVAL,
						    "lanes: %s and %s have the same number",
						    o->list[k].name, o->list[i].name);
	}
	if (rc == 0 && ((o->transport && !lnl_lane_find(o, o->transport)) ||
			(o->filter && !lnl_lane_find(o, o->filter)) ||
			(o->filter && o->filter == o->transport)))
		rc = lnl_reason_set(why, LNL_E_INVAL,
				    "lanes: the transport or the filter is none of them");
	return rc;
}

static bool copy_one(struct lnl_arena *a, struct lnl_lane_conf *to, const struct lnl_lane_conf *c)
{
	const char *name = lnl_arena_str(a, c->name);
	const char *origin = lnl_arena_str(a, c->origin ? c->origin : "");

	if (!name || !origin)
		return false;
	*to = *c;
	to->name = name;
	to->origin = origin;
	return true;
}

int lnl_lanes_take(struct lnl_lane_options *o, const struct lnl_engine *e, struct lnl_arena *a,
		   struct lnl_reason *why)
{
	struct lnl_lane_conf *list;
	unsigned i;
	int rc;

	if (o->n > 0 && !e->lanes.run)
		return lnl_reason_set(why, LNL_E_UNSUPPORTED, "lanes: this host runs none");
	if (o->n > LNL_WORKER_LANES)
		return lnl_reason_set(why, LNL_E_LIMIT, "lanes: at most %d", LNL_WORKER_LANES);
	rc = check_list(o, why);
	if (rc < 0)
		return rc;
	list = lnl_arena_alloc(a, (o->n + 1) * sizeof(*list));
	if (!list)
		return LNL_E_NOMEM;
	for (i = 0; i < o->n; i++)
		if (!copy_one(a, &list[i], &o->list[i]))
			return LNL_E_NOMEM;
	o->list = list;
	return 0;
}

/* ---- workers ---- */

void lnl_lane_command(const struct lnl_lane_options *o, const struct lnl_engine *e, unsigned i,
		      struct lnl_command *cmd)
{
	const struct lnl_lane_conf *c = &o->list[i];

	memset(cmd, 0, sizeof(*cmd));
	cmd->kind = LNL_CMD_LANE_ADD;
	cmd->id = c->id;
	cmd->peer = LNL_PEER_ID_NONE;
	cmd->u.lane = (struct lnl_worker_lane){
		.host = &e->lanes,
		.of = LNL_LANE_OF_PEERS,
		.points = c->points,
		.overhead = c->overhead,
		.super = c->super,
		.on_error = c->on_error,
	};
	if (c->id == o->transport)
		cmd->u.lane.of = LNL_LANE_OF_WIRE;
	else if (c->id == o->filter)
		cmd->u.lane.of = LNL_LANE_OF_ALL;
}

/* ---- news ---- */

void lnl_lane_told(struct lnl_engine *e, const struct lnl_lane_options *o, const struct lnl_ntf *n)
{
	static const struct {
		const char *event;
		enum lnl_level level;
		const char *means;
	} news[] = {
		[LNL_LANE_FAILED] = { "lane.failed", LNL_LEVEL_ERROR,
				      "the one before stays; without one, packets are dropped" },
		[LNL_LANE_ERRORS] = { "lane.error", LNL_LEVEL_WARN, "" },
		[LNL_LANE_DETACHED] = { "lane.detached", LNL_LEVEL_ERROR,
					"packets pass without it" },
		[LNL_LANE_STOPPED] = { "lane.stopped", LNL_LEVEL_ERROR, "packets are dropped" },
	};
	const struct lnl_lane_conf *c = lnl_lane_find(o, n->id);
	unsigned what = n->u.lane.news;
	const char *text = n->u.lane.text;

	if (!c)
		return;
	if (!*text && n->error)
		text = lnl_error_text(n->error);
	if (!lnl_quiet_passes(e, news[what].event, news[what].level, lnl_clock_now()))
		return;
	if (what == LNL_LANE_ERRORS)
		lnl_log(&e->log, news[what].level, news[what].event, LNL_F("lane", c->name),
			LNL_F("file", c->origin), LNL_F("errors", (int64_t)n->u.lane.errors),
			LNL_F("error", text));
	else
		lnl_log(&e->log, news[what].level, news[what].event, LNL_F("lane", c->name),
			LNL_F("file", c->origin), LNL_F("error", text),
			LNL_F("then", news[what].means));
}

/* ---- the host's part ---- */

int lnl_lane_renew(struct lnl_engine *e, uint32_t tunnel, const struct lnl_lane_conf *conf,
		   struct lnl_reason *why)
{
	struct lnl_tunnel *t = lnl_tunnel_find(e, tunnel);
	struct lnl_service *s = t ? NULL : lnl_service_find(e, tunnel);
	struct lnl_lane_options *o;
	struct lnl_command cmd;
	unsigned i = 0;
	int rc;

	why->text[0] = 0;
	if (!t && !s)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "there is no such client or server");
	o = t ? &t->conf.o.lanes : &s->conf.o.lanes;
	while (i < o->n && o->list[i].id != conf->id)
		i++;
	if (i == o->n)
		return lnl_reason_set(why, LNL_E_NOTFOUND, "it has no such lane");
	rc = check_one(o, conf, why);
	/* Its own list, which lnl_lanes_take made. */
	if (rc == 0 && !copy_one(t ? &t->conf.arena : &s->conf.arena,
				 (struct lnl_lane_conf *)(uintptr_t)&o->list[i], conf))
		rc = lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	if (rc < 0)
		return rc;
	lnl_lane_command(o, e, i, &cmd);
	if (s)
		lnl_service_command(s, &cmd);
	else
		rc = lnl_worker_command(t->worker, &cmd);
	return rc;
}

int lnl_peer_filter(struct lnl_engine *e, uint32_t server, uint32_t peer, const char *name)
{
	struct lnl_service *s = lnl_service_find(e, server);
	struct lnl_served *v = s ? lnl_served_find(s, peer) : NULL;
	uint32_t lane = s && name ? lnl_lane_named(&s->conf.o.lanes, name) : 0;
	struct lnl_command cmd = { .kind = LNL_CMD_PEER_LANE, .peer = peer, .id = lane };

	if (!v || v->ended || (name && !lane))
		return LNL_E_NOTFOUND;
	v->lane = lane;
	if (v->peer_added)
		lnl_service_command(s, &cmd);
	return 0;
}
