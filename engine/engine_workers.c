/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server's data workers: which of them is told what, and what of them is whose. */
#include "engine_service.h"

/*
 * Links have numbers, and the worker's place as last digit to the base of how many there are: so the
 * sockets of one listening address differ in that digit.
 */
unsigned lnl_service_worker_of(const struct lnl_service *s, uint32_t link)
{
	return link % s->n_workers;
}

uint32_t lnl_service_place_of(const struct lnl_service *s, uint32_t link)
{
	return link / s->n_workers;
}

uint32_t lnl_service_link(const struct lnl_service *s, uint32_t number, unsigned worker)
{
	return number * s->n_workers + worker;
}

/* A server's connections may be counted beyond the numbers that there are. */
uint32_t lnl_service_tcp_link(struct lnl_service *s)
{
	uint32_t most = UINT32_MAX / s->n_workers - 1, link;

	do {
		if (s->next_link >= most)
			s->next_link = LNL_SERVICE_LISTEN;
		s->next_link++;
		link = lnl_service_link(s, s->next_link, s->next_link % s->n_workers);
	} while (lnl_door_by_link(s, link));
	return link;
}

/* ---- commands ---- */

void lnl_service_command_to(struct lnl_service *s, unsigned worker, const struct lnl_command *cmd)
{
	if (lnl_worker_command(s->workers[worker], cmd) < 0)
		lnl_log(&s->engine->log, LNL_LEVEL_ERROR, "worker.command",
			LNL_F("error", lnl_error_text(LNL_E_NOMEM)));
}

static void command_others(struct lnl_service *s, unsigned worker, const struct lnl_command *cmd)
{
	unsigned i;

	for (i = 0; i < s->n_workers; i++)
		if (i != worker)
			lnl_service_command_to(s, i, cmd);
}

/* Whose the peer is takes it; the others learn where it is. */
static void add_peer(struct lnl_service *s, unsigned worker, const struct lnl_command *cmd)
{
	struct lnl_command other = {
		.kind = LNL_CMD_PEER_ELSEWHERE,
		.id = cmd->id,
		.peer = cmd->u.peer.conf.id,
		.u.elsewhere = { worker, cmd->u.peer.serial, cmd->u.peer.address },
	};

	lnl_service_command_to(s, worker, cmd);
	command_others(s, worker, &other);
}

void lnl_service_command(struct lnl_service *s, const struct lnl_command *cmd)
{
	const struct lnl_served *v = lnl_served_find(s, cmd->peer);
	unsigned owner = v ? v->worker : 0;

	switch (cmd->kind) {
	case LNL_CMD_LINK_ADD:
		lnl_service_command_to(s, lnl_service_worker_of(s, cmd->u.link.id), cmd);
		break;
	case LNL_CMD_LINK_DEL:
	case LNL_CMD_LINK_SEND:
		lnl_service_command_to(s, lnl_service_worker_of(s, cmd->id), cmd);
		break;
	case LNL_CMD_PEER_ADD:
		add_peer(s, owner, cmd);
		break;
	case LNL_CMD_TUN_DEL:
	case LNL_CMD_PEER_DEL:
	case LNL_CMD_ROUTE_ADD:
	case LNL_CMD_ROUTE_DEL:
	case LNL_CMD_RELAY:
	case LNL_CMD_COUNTERS:
	case LNL_CMD_LANE_ADD:
	case LNL_CMD_LANE_DEL:
		lnl_service_command_to(s, owner, cmd);
		command_others(s, owner, cmd);
		break;
	default:
		lnl_service_command_to(s, owner, cmd);
		break;
	}
}

/* ---- counters: each worker answers ---- */

void lnl_service_ask_counters(struct lnl_served *v)
{
	struct lnl_command cmd = { .kind = LNL_CMD_COUNTERS, .peer = v->id };

	v->counters_asked += v->service->n_workers;
	lnl_service_command(v->service, &cmd);
}

void lnl_service_counted(struct lnl_served *v, unsigned worker, const struct lnl_counters *c)
{
	struct lnl_counters own = { 0 };

	if (v->counted)
		own = v->counted->counters;
	/* Others know only of packets for it that were lost on the way to its own worker. */
	if (worker != v->worker) {
		v->lost_elsewhere += c->drops[LNL_DROP_QUEUE];
		v->service->engine->metrics.drops[LNL_DROP_QUEUE] += c->drops[LNL_DROP_QUEUE];
		c = &own;
	}
	lnl_served_counters(v, c);
}

/* ---- beginning and end ---- */

/* All clients by UDP share the sockets that we listen on, by TCP each has its own. */
static uint32_t most_links(const struct lnl_service *s)
{
	const struct lnl_server_options *o = &s->conf.o;

	for (unsigned i = 0; i < o->n_listen; i++)
		if (o->listen[i].proto >= LNL_PROTO_TCP)
			return o->n_listen + s->n_slots;
	return o->n_listen;
}

int lnl_workers_start(struct lnl_service *s, void (*wake)(void *ctx))
{
	uint32_t links = most_links(s);
	int rc = 0;

	while (rc == 0 && s->n_workers < s->conf.o.workers) {
		rc = lnl_worker_new(&s->workers[s->n_workers], &s->engine->env, s->n_slots, links,
				    wake, s);
		s->n_workers += rc == 0;
	}
	if (rc == 0 && s->n_workers > 1)
		rc = lnl_worker_connect(s->workers, s->n_workers);
	return rc;
}

/* Until all have ended, each may still hand something to the others. */
void lnl_workers_free(struct lnl_service *s)
{
	unsigned i;

	for (i = 0; s->n_workers > 1 && i < s->n_workers; i++)
		lnl_worker_stop(s->workers[i]);
	for (i = 0; i < s->n_workers; i++)
		lnl_worker_free(s->workers[i]);
	s->n_workers = 0;
}
