/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lanes of a worker: how they come and go, and what is told of those that fail. Whoever should be
 * filtered by a lane that is not there is not let through.
 */
#include "io/worker_lane.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"

/* What the stage holds before lanes see it; the longest packet of TUN finds room behind that. */
#define STAGE_BYTES  (192 * 1024)
#define STAGE_LONG   (65536 + 64)
#define STAGE_ROOM   (2 * LNL_LANE_OVERHEAD) /* one lane's of all, one of its own */
#define STAGE_LEAST  16			     /* sealing may write before a packet */
#define STAGE_MEMORY (STAGE_BYTES + STAGE_LONG + 2 * STAGE_ROOM)

static int have_lanes(struct lnl_worker *w)
{
	struct lnl_worker_lanes *s;

	if (w->lanes != NULL)
		return 0;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return LNL_E_NOMEM;
	s->stage.memory = malloc(STAGE_MEMORY);
	if (s->stage.memory == NULL) {
		free(s);
		return LNL_E_NOMEM;
	}
	s->missing.state = LNL_LANE_BLOCKED;
	s->stage.room = STAGE_LEAST;
	w->lanes = s;
	return 0;
}

static struct lnl_lane *find(const struct lnl_worker_lanes *s, uint32_t id)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->list[i]->id == id)
			return s->list[i];
	return NULL;
}

/* ---- room ---- */

bool lnl_worker_stage_has_room(const struct lnl_worker *w)
{
	const struct lnl_stage *g = &w->lanes->stage;

	return !g->judged && g->n < LNL_LANE_BATCH && g->used < STAGE_BYTES;
}

void lnl_worker_stage_fit(struct lnl_worker_lanes *s)
{
	uint16_t room = STAGE_LEAST;

	if (s->stage.n > 0)
		return;
	for (unsigned i = 0; i < s->n; i++)
		if (s->list[i]->conf.of != LNL_LANE_OF_WIRE && s->list[i]->conf.overhead > 0)
			room = STAGE_ROOM;
	s->stage.room = room;
}

/* Of all peers and of the wire there is one each. */
static void place(struct lnl_worker *w, struct lnl_lane *lane)
{
	struct lnl_worker_lanes *s = w->lanes;
	unsigned room = 0;

	if (lane->conf.of == LNL_LANE_OF_ALL)
		s->all = lane;
	else if (lane->conf.of == LNL_LANE_OF_WIRE)
		s->wire = lane;
	if (s->wire != NULL && (s->wire->conf.points >> LNL_LANE_WIRE_OUT & 1) != 0)
		room = s->wire->conf.overhead;
	lnl_outgoing_set_room(&w->tx, (uint16_t)room);
	lnl_outgoing_set_room(&w->relay, (uint16_t)room);
	lnl_worker_stage_fit(s);
}

/* ---- coming and going ---- */

static void tell(struct lnl_worker *w, struct lnl_lane *lane, enum lnl_lane_news news, int error)
{
	struct lnl_ntf n;

	n.kind = LNL_NTF_LANE;
	n.id = lane->id;
	n.peer = LNL_PEER_ID_NONE;
	n.error = error;
	n.u.lane.news = news;
	n.u.lane.errors = lane->errors;
	memcpy(n.u.lane.text, lane->text, sizeof(n.u.lane.text));
	lnl_worker_note(w, &n, offsetof(struct lnl_ntf, u) + sizeof(n.u.lane));
	lane->errors = 0;
}

/* Has the VM take it, or take it anew. */
static int load(struct lnl_worker *w, struct lnl_lane *lane)
{
	struct lnl_worker_lanes *s = w->lanes;

	lane->text[0] = '\0';
	if (s->vm == NULL)
		s->vm = s->host->vm_new(s->host->ctx, lane->text, sizeof(lane->text));
	if (s->vm == NULL)
		return LNL_E_NOMEM;
	return s->host->load(s->vm, lane->id, lane->text, sizeof(lane->text));
}

static struct lnl_lane *enter(struct lnl_worker_lanes *s, uint32_t id,
			      const struct lnl_worker_lane *conf)
{
	struct lnl_lane *lane = calloc(1, sizeof(*lane));

	if (lane == NULL)
		return NULL;
	lane->id = id;
	lane->conf = *conf;
	lane->state = LNL_LANE_BLOCKED;
	s->list[s->n++] = lane;
	return lane;
}

int lnl_worker_lane_add(struct lnl_worker *w, const struct lnl_command *cmd)
{
	const struct lnl_worker_lane *conf = &cmd->u.lane;
	struct lnl_lane *lane;
	int rc;

	if (cmd->id == 0 || conf->host == NULL || conf->overhead > LNL_LANE_OVERHEAD)
		return LNL_E_INVAL;
	if (have_lanes(w) < 0)
		return LNL_E_NOMEM;
	w->lanes->host = conf->host;
	lane = find(w->lanes, cmd->id);
	if (lane == NULL && w->lanes->n == LNL_WORKER_LANES)
		return LNL_E_LIMIT;
	if (lane == NULL)
		lane = enter(w->lanes, cmd->id, conf);
	if (lane == NULL)
		return LNL_E_NOMEM;
	rc = load(w, lane);
	if (rc < 0) {
		tell(w, lane, LNL_LANE_FAILED, rc);
	} else {
		lane->conf = *conf;
		lane->state = LNL_LANE_RUNS;
		lane->loaded = true;
		lane->ended = false;
		lane->errors = 0;
	}
	place(w, lane);
	return 0;
}

/* Whose lane it was must not go without one. */
static void leave(struct lnl_worker *w, const struct lnl_lane *lane)
{
	for (struct lnl_carrier *c = w->newest; c != NULL; c = c->older)
		if (c->lane == lane)
			c->lane = &w->lanes->missing;
}

static void free_vm(struct lnl_worker_lanes *s)
{
	if (s->vm != NULL)
		s->host->vm_free(s->vm);
	s->vm = NULL;
}

int lnl_worker_lane_del(struct lnl_worker *w, uint32_t id)
{
	struct lnl_worker_lanes *s = w->lanes;
	struct lnl_lane *lane = s != NULL ? find(s, id) : NULL;
	unsigned i = 0;

	if (lane == NULL)
		return LNL_E_NOTFOUND;
	leave(w, lane);
	if (s->all == lane)
		s->all = NULL;
	if (s->wire == lane)
		s->wire = NULL;
	if (lane->loaded)
		s->host->unload(s->vm, id);
	while (s->list[i] != lane)
		i++;
	s->list[i] = s->list[--s->n];
	free(lane);
	if (s->n == 0)
		free_vm(s);
	return 0;
}

int lnl_worker_lane_give(struct lnl_worker *w, struct lnl_carrier *c, uint32_t id)
{
	if (id == 0) {
		c->lane = NULL;
		return 0;
	}
	if (have_lanes(w) < 0)
		return LNL_E_NOMEM;
	c->lane = find(w->lanes, id);
	if (c->lane == NULL)
		c->lane = &w->lanes->missing;
	return 0;
}

/* ---- telling ---- */

static void tell_one(struct lnl_worker *w, struct lnl_lane *lane)
{
	uint64_t now;

	if (lane->ended) {
		lane->ended = false;
		tell(w, lane, lane->state == LNL_LANE_OFF ? LNL_LANE_DETACHED : LNL_LANE_STOPPED,
		     0);
		return;
	}
	now = lnl_clock_now();
	if (lane->told && now - lane->told_at < LNL_SECOND)
		return;
	lane->told = true;
	lane->told_at = now;
	tell(w, lane, LNL_LANE_ERRORS, 0);
}

void lnl_worker_lanes_tell(struct lnl_worker *w)
{
	for (unsigned i = 0; i < w->lanes->n; i++) {
		struct lnl_lane *lane = w->lanes->list[i];

		if ((lane->ended || lane->errors > 0) && lnl_worker_has_room(w))
			tell_one(w, lane);
	}
}

uint64_t lnl_worker_lanes_due(const struct lnl_worker *w)
{
	uint64_t due = LNL_NEVER;

	for (unsigned i = 0; i < w->lanes->n; i++) {
		const struct lnl_lane *lane = w->lanes->list[i];
		uint64_t at = lane->told_at + LNL_SECOND;

		/* What is due already waits for room, and whoever makes that wakes us. */
		if (lane->errors > 0 && at < due && at > lnl_clock_now())
			due = at;
	}
	return due;
}

/* ---- the end ---- */

void lnl_worker_lanes_stop(struct lnl_worker *w)
{
	free_vm(w->lanes);
}

void lnl_worker_lanes_free(struct lnl_worker *w)
{
	struct lnl_worker_lanes *s = w->lanes;

	if (s == NULL)
		return;
	w->lanes = NULL;
	while (s->n > 0)
		free(s->list[--s->n]);
	free(s->stage.memory);
	free(s);
}
