/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our server and our client in memory, HS_BATCH connections in step: all clients have their turn,
 * then all servers. So the clock is looked at twice in a step, and not for each packet.
 */
#include <stdlib.h>
#include <string.h>

#include "bench/handshake.h"

#define QUEUE	  16  /* packets that one end may send in a turn */
#define TURNS_MAX 100 /* more means that nothing moves on */

struct packet {
	size_t len;
	uint8_t bytes[LNL_SESSION_PACKET_MAX];
};

struct queue {
	unsigned n;
	struct packet packets[QUEUE];
};

struct pair {
	struct hs_engine *engine;
	struct lnl_client *client;
	struct lnl_server *server;
	struct queue to[HS_SIDES];
	bool up[HS_SIDES];
	uint32_t id; /* of the peer in both data planes */
	struct lnl_ip ip;
};

struct hs_engine {
	struct hs_ends ends;
	struct lnl_admission *door;
	struct lnl_data *data[HS_SIDES];
	uint64_t now;
	uint32_t clients; /* so far */
	struct pair pairs[HS_BATCH];
};

static const char *const push[] = {
	"route-gateway 10.8.0.1",	   "topology subnet", "ping 10", "ping-restart 120",
	"ifconfig 10.8.0.2 255.255.255.0",
};

static struct packet *room(struct queue *q)
{
	if (q->n == QUEUE)
		hs_die("too many packets in one turn");
	return &q->packets[q->n];
}

static void must(int rc, const char *what)
{
	if (rc < 0)
		hs_die(what);
}

/* ---- the client's turn ---- */

static void take_client_event(struct pair *p, struct lnl_client_event *e)
{
	struct lnl_data *data = p->engine->data[HS_CLIENT];
	uint64_t now = p->engine->now;

	switch (e->kind) {
	case LNL_CLIENT_PULLED:
		must(lnl_client_configure(p->client, NULL, 0, NULL, now), "client: options");
		break;
	case LNL_CLIENT_PEER_ADD:
		e->peer.id = p->id;
		must(lnl_data_peer_add(data, &e->peer, now), "client: no peer");
		break;
	case LNL_CLIENT_PEER_SET:
		e->peer.id = p->id;
		must(lnl_data_peer_set(data, &e->peer, now), "client: no peer");
		break;
	case LNL_CLIENT_KEY_INSTALL:
		must(lnl_data_key_install(data, p->id, e->slot, &e->key), "client: no key");
		break;
	case LNL_CLIENT_UP:
		p->up[HS_CLIENT] = true;
		break;
	case LNL_CLIENT_CLOSED:
		hs_die(e->text);
	default:
		break;
	}
}

static void run_client(struct pair *p)
{
	struct queue *out = &p->to[HS_SERVER];
	uint64_t now = p->engine->now;
	struct lnl_client_event e;
	struct packet *k;
	bool more;

	do {
		for (;;) {
			k = room(out);
			k->len = lnl_client_output(p->client, k->bytes, sizeof(k->bytes), now);
			if (k->len == 0)
				break;
			out->n++;
		}
		more = lnl_client_next(p->client, &e, now);
		if (more)
			take_client_event(p, &e);
		lnl_client_event_wipe(&e);
	} while (more);
}

static void client_turn(struct pair *p)
{
	struct queue *in = &p->to[HS_CLIENT];

	for (unsigned i = 0; i < in->n; i++) {
		lnl_client_input(p->client, in->packets[i].bytes, in->packets[i].len,
				 p->engine->now);
		run_client(p);
	}
	if (in->n == 0)
		run_client(p);
	in->n = 0;
}

/* ---- the server's turn ---- */

static void take_server_event(struct pair *p, struct lnl_server_event *e)
{
	static const struct lnl_grant grant = {
		.push = push,
		.n_push = sizeof(push) / sizeof(push[0]),
		.ping = -1,
		.ping_restart = -1,
		.ends_at = LNL_NEVER,
	};
	struct lnl_data *data = p->engine->data[HS_SERVER];
	uint64_t now = p->engine->now;

	switch (e->kind) {
	case LNL_SERVER_AUTHENTICATE:
		must(lnl_server_judged(p->server, LNL_JUDGED_OK, NULL, now), "server: verdict");
		break;
	case LNL_SERVER_AUTHORIZE:
		must(lnl_server_grant(p->server, &grant, now), "server: grant");
		break;
	case LNL_SERVER_PEER_ADD:
		must(lnl_data_peer_add(data, &e->peer, now), "server: no peer");
		break;
	case LNL_SERVER_KEY_INSTALL:
		must(lnl_data_key_install(data, p->id, e->slot, &e->key), "server: no key");
		break;
	case LNL_SERVER_UP:
		p->up[HS_SERVER] = true;
		break;
	case LNL_SERVER_CLOSED:
		hs_die(e->text);
	default:
		break;
	}
}

static void run_server(struct pair *p)
{
	struct queue *out = &p->to[HS_CLIENT];
	uint64_t now = p->engine->now;
	struct lnl_server_event e;
	struct packet *k;

	while (lnl_server_next(p->server, &e, now)) {
		take_server_event(p, &e);
		lnl_server_event_wipe(&e);
	}
	for (;;) {
		k = room(out);
		k->len = lnl_server_output(p->server, k->bytes, sizeof(k->bytes), now);
		if (k->len == 0)
			break;
		out->n++;
	}
}

/* A packet of nobody: to the door. Returns what of it is for the session that it begins. */
static size_t knock(struct pair *p, const struct packet *in)
{
	struct hs_engine *e = p->engine;
	struct packet *reply = room(&p->to[HS_CLIENT]);
	struct lnl_admitted a;
	const struct lnl_server_start start = { .admitted = &a, .peer = p->id };

	lnl_admission_datagram(e->door, &p->ip, 1194, in->bytes, in->len, reply->bytes,
			       sizeof(reply->bytes), e->now, &a);
	if (a.verdict == LNL_ADMISSION_REPLY) {
		reply->len = a.reply_len;
		p->to[HS_CLIENT].n++;
		return 0;
	}
	if (a.verdict != LNL_ADMISSION_ADMIT)
		hs_die("the door let nobody in");
	must(lnl_server_new(&p->server, &e->ends.server, &start, e->now), "server: no session");
	return a.len;
}

static void server_turn(struct pair *p)
{
	struct queue *in = &p->to[HS_SERVER];

	for (unsigned i = 0; i < in->n; i++) {
		size_t len = in->packets[i].len;

		if (!p->server)
			len = knock(p, &in->packets[i]);
		if (len == 0)
			continue;
		lnl_server_input(p->server, in->packets[i].bytes, len, p->engine->now);
		run_server(p);
	}
	in->n = 0;
}

/* ---- a batch ---- */

static void begin(struct hs_engine *e)
{
	for (unsigned i = 0; i < HS_BATCH; i++) {
		struct pair *p = &e->pairs[i];
		uint32_t n = e->clients++;

		p->engine = e;
		p->id = i;
		p->ip = (struct lnl_ip){ 4, { 10, (uint8_t)(n >> 8), (uint8_t)n, 2 } };
		p->server = NULL;
		p->up[HS_SERVER] = p->up[HS_CLIENT] = false;
		p->to[HS_SERVER].n = p->to[HS_CLIENT].n = 0;
		must(lnl_client_new(&p->client, &e->ends.client, NULL, NULL, e->now),
		     "client: no session");
	}
}

static void end(struct hs_engine *e, enum hs_side side)
{
	for (unsigned i = 0; i < HS_BATCH; i++) {
		struct pair *p = &e->pairs[i];

		lnl_data_peer_del(e->data[side], p->id);
		if (side == HS_SERVER)
			lnl_server_free(p->server);
		else
			lnl_client_free(p->client);
	}
}

static bool all_up(const struct hs_engine *e)
{
	for (unsigned i = 0; i < HS_BATCH; i++) {
		const struct pair *p = &e->pairs[i];

		if (!p->up[HS_SERVER] || !p->up[HS_CLIENT] || p->to[HS_SERVER].n > 0 ||
		    p->to[HS_CLIENT].n > 0)
			return false;
	}
	return true;
}

/* The time since |*at|, which moves on. */
static void account(double *ns, uint64_t *at)
{
	uint64_t now = hs_cpu_ns();

	*ns += (double)(now - *at);
	*at = now;
}

void hs_engine_batch(struct hs_engine *e, double ns[HS_SIDES])
{
	uint64_t at = hs_cpu_ns();
	unsigned turns = 0;

	ns[HS_SERVER] = ns[HS_CLIENT] = 0;
	begin(e);
	do {
		for (unsigned i = 0; i < HS_BATCH; i++)
			client_turn(&e->pairs[i]);
		account(&ns[HS_CLIENT], &at);
		for (unsigned i = 0; i < HS_BATCH; i++)
			server_turn(&e->pairs[i]);
		account(&ns[HS_SERVER], &at);
		e->now += LNL_MSEC;
		if (++turns == TURNS_MAX)
			hs_die("a handshake of ours does not end");
	} while (!all_up(e));
	at = hs_cpu_ns();
	end(e, HS_CLIENT);
	account(&ns[HS_CLIENT], &at);
	end(e, HS_SERVER);
	account(&ns[HS_SERVER], &at);
	/* Far enough for every source to have its burst again. */
	e->now += LNL_SECOND;
	for (unsigned side = 0; side < HS_SIDES; side++)
		ns[side] /= HS_BATCH;
}

struct hs_engine *hs_engine_new(const struct hs_pki *p)
{
	struct hs_engine *e = calloc(1, sizeof(*e));

	if (!e)
		hs_die("out of memory");
	e->now = 1000 * LNL_SECOND;
	hs_ends_init(&e->ends, p);
	must(lnl_admission_new(&e->door, &e->ends.door, e->now), "no door");
	for (unsigned side = 0; side < HS_SIDES; side++)
		must(lnl_data_new(&e->data[side], &e->ends.env, HS_BATCH), "no data plane");
	return e;
}

void hs_engine_free(struct hs_engine *e)
{
	lnl_admission_free(e->door);
	for (unsigned side = 0; side < HS_SIDES; side++)
		lnl_data_free(e->data[side]);
	hs_ends_deinit(&e->ends);
	free(e);
}
