/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What comes to a worker and is for a peer of another one: packets of TUN and of peers go as they
 * are, and are sealed where the peer's packet ids are given out; datagrams go as they came, and are
 * opened where its replay window is. A ring for each two workers and direction.
 */
#include <stdlib.h>
#include <string.h>

#include "io/clock.h"
#include "io/worker_state.h"

#define RING (256 * 1024)
/* Room that datagrams leave to packets: those come from who may be anybody. */
#define PACKETS_RESERVE (RING / 2)
/* Taken from one ring before others have their turn. */
#define AT_ONCE RING
/* Where opening and splitting may write, and read a vector beyond the end. */
#define BEFORE	 64
#define BEHIND	 64
#define ITEM_MAX (sizeof(struct item) + LNL_WORKER_SUPER)
/* The longest item, behind datagrams that wait for it to be opened together. */
#define BUFFER (2 * (BEFORE + ITEM_MAX + BEHIND))

enum item_kind { PACKET, DATAGRAM, PLACE };

/* In front of the bytes. */
struct item {
	uint32_t kind;
	uint32_t peer;
	uint64_t serial;
	/* Of a datagram, and of where a peer is now. */
	uint32_t link; /* the receiver's, of the listening address */
	struct lnl_addr from;
	/* Of a packet. */
	struct lnl_vnet vnet;
};

/* A peer of another worker's. */
struct elsewhere {
	struct lnl_node node;
	unsigned worker;
	uint64_t serial;
	uint64_t drops; /* since it was asked for */
	/* Where it is: nobody else moves there. */
	bool placed;
	uint32_t link; /* ours of its listening address */
	struct lnl_addr address;
	struct lnl_node place; /* by link and address */
};

struct lnl_across {
	struct lnl_ring in[LNL_WORKERS_MAX]; /* by who puts into it; ours is not used */
	struct lnl_worker *workers[LNL_WORKERS_MAX];
	struct lnl_across *others[LNL_WORKERS_MAX];
	unsigned n, index;

	/* The worker's thread's own. */
	struct lnl_nodes elsewhere; /* by peer */
	struct lnl_nodes places;    /* by link and address */
	uint32_t woken;		    /* a bit for each that has to be woken */
	uint8_t *buffer;
	/* datagrams in `in` of the worker, which lie in the buffer */
	struct lnl_addr from[LNL_IN_PACKETS];
	struct lnl_link *link;
	/* the packet that is not all sealed, in the buffer */
	bool splitting;
	uint32_t peer;
	struct lnl_split split;
};

static struct elsewhere *find(const struct lnl_across *a, uint32_t peer)
{
	struct lnl_node *node = lnl_nodes_find(&a->elsewhere, peer);

	return node != NULL ? LNL_NODE_OF(node, struct elsewhere, node) : NULL;
}

/* ---- handing over ---- */

static bool put(struct lnl_across *a, unsigned worker, const struct item *item, const uint8_t *p,
		uint32_t len, size_t reserve)
{
	if (!lnl_ring_put_behind(&a->others[worker]->in[a->index], item, sizeof(*item), p, len,
				 reserve))
		return false;
	a->woken |= UINT32_C(1) << worker;
	return true;
}

/* Packets that would have been made of it; TCP's options do not matter for counting drops. */
uint32_t lnl_worker_segments(uint32_t len, const struct lnl_vnet *vnet)
{
	uint32_t headers = vnet->csum_start + (vnet->gso_type == LNL_VNET_GSO_UDP ? 8u : 20u);

	if (vnet->gso_type == LNL_VNET_GSO_NONE || vnet->gso_size == 0 || len <= headers)
		return 1;
	return (len - headers + vnet->gso_size - 1) / vnet->gso_size;
}

bool lnl_worker_hand_packet(struct lnl_worker *w, uint32_t peer, const uint8_t *p, uint32_t len,
			    const struct lnl_vnet *vnet)
{
	struct elsewhere *e = find(w->across, peer);
	struct item item = { .kind = PACKET, .peer = peer, .vnet = *vnet };

	if (e == NULL)
		return false;
	item.serial = e->serial;
	if (!put(w->across, e->worker, &item, p, len, 0))
		e->drops += lnl_worker_segments(len, vnet);
	return true;
}

bool lnl_worker_hand_datagram(struct lnl_link *l, uint32_t peer, const struct lnl_packet *pkt,
			      const struct lnl_addr *from)
{
	struct lnl_across *a = l->worker->across;
	struct elsewhere *e = find(a, peer);
	struct item item = { .kind = DATAGRAM, .peer = peer };

	if (e == NULL)
		return false;
	item.serial = e->serial;
	item.link = l->conf.id - a->index + e->worker;
	item.from = *from;
	if (!put(a, e->worker, &item, pkt->p, pkt->len, PACKETS_RESERVE))
		e->drops++;
	return true;
}

/* What is lost here, as the ring is full, is an address that is not guarded until the next move. */
void lnl_worker_across_moved(struct lnl_worker *w, const struct lnl_carrier *c)
{
	struct lnl_across *a = w->across;
	struct item item = {
		.kind = PLACE, .peer = c->peer, .serial = c->serial, .from = c->address
	};

	for (unsigned i = 0; i < a->n; i++) {
		if (i == a->index)
			continue;
		item.link = c->link_id - a->index + i;
		put(a, i, &item, NULL, 0, 0);
	}
}

void lnl_worker_across_wake(struct lnl_worker *w)
{
	struct lnl_across *a = w->across;

	for (unsigned i = 0; a->woken != 0; i++, a->woken >>= 1)
		if (a->woken & 1)
			ev_async_send(a->workers[i]->loop, &a->workers[i]->async);
}

/* ---- where they are ---- */

bool lnl_worker_across_at(const struct lnl_worker *w, uint32_t link_id,
			  const struct lnl_addr *address)
{
	struct lnl_node *node =
		lnl_nodes_find(&w->across->places, lnl_worker_address_key(w, link_id, address));

	for (; node != NULL; node = lnl_nodes_again(node)) {
		const struct elsewhere *e = LNL_NODE_OF(node, struct elsewhere, place);

		if (e->link == link_id && lnl_addr_equal(&e->address, address))
			return true;
	}
	return false;
}

static void unplace(struct lnl_across *a, struct elsewhere *e)
{
	if (e->placed)
		lnl_nodes_take(&a->places, &e->place);
	e->placed = false;
}

static void place(struct lnl_worker *w, struct elsewhere *e, uint32_t link,
		  const struct lnl_addr *address)
{
	unplace(w->across, e);
	if (address->len == 0)
		return;
	e->link = link;
	e->address = *address;
	lnl_nodes_put(&w->across->places, &e->place, lnl_worker_address_key(w, link, address));
	e->placed = true;
}

/* ---- taking ---- */

/* Opens the datagrams that have been put together. */
static void open_all(struct lnl_worker *w)
{
	struct lnl_across *a = w->across;

	if (a->link == NULL)
		return;
	/* What they bring to other peers must not overtake what is staged or sealed for those. */
	if (w->lanes != NULL)
		lnl_worker_tun_end(w);
	lnl_worker_flush(w);
	/* Those are our own peers': nothing is handed on once more. */
	lnl_worker_link_take(a->link);
	a->link = NULL;
}

/* The same as seal_rest for a peer with a lane, which sees many at once. */
static void stage_rest(struct lnl_worker *w)
{
	struct lnl_across *a = w->across;
	uint32_t len;
	uint8_t *p;

	while (a->splitting) {
		if (!lnl_worker_stage_has_room(w)) {
			lnl_worker_tun_end(w);
			if (!lnl_worker_stage_has_room(w))
				return;
		}
		a->splitting = lnl_split_next(&a->split, &p, &len);
		if (a->splitting)
			lnl_worker_stage(w, p, len, a->peer, false);
	}
}

/* Seals what has been begun, and sends, as far as sockets have room. */
static void seal_rest(struct lnl_worker *w)
{
	struct lnl_across *a = w->across;
	struct lnl_outgoing *o = &w->tx;
	uint32_t prefix, len;
	uint64_t now;
	uint8_t *p;

	if (!a->splitting)
		return;
	if (w->lanes != NULL && lnl_worker_tap_stages(w, a->peer)) {
		stage_rest(w);
		return;
	}
	prefix = lnl_worker_prefix(w, a->peer);
	now = lnl_clock_now();
	while (a->splitting && w->blocked == NULL) {
		if (!lnl_outgoing_has_room(o, a->split.headers + a->split.segment)) {
			lnl_worker_flush(w);
			continue;
		}
		a->splitting = lnl_split_next(&a->split, &p, &len);
		if (a->splitting)
			lnl_worker_seal(w, o, p, len, a->peer, prefix, now);
	}
}

static void take_packet(struct lnl_worker *w, const struct item *item, uint8_t *p, uint32_t len)
{
	struct lnl_across *a = w->across;

	a->peer = item->peer;
	if (w->lanes != NULL && !lnl_worker_tap_super(w, a->peer, p, len, &item->vnet))
		return;
	/* A kernel that contradicts itself. */
	if (lnl_split_init(&a->split, p, len, &item->vnet, 0) < 0) {
		w->nobody.drops_tun++;
		return;
	}
	a->splitting = true;
	seal_rest(w);
}

/* Puts it to those before it, if they are of the same link. */
static void take_datagram(struct lnl_worker *w, const struct item *item, uint8_t *p, uint32_t len)
{
	struct lnl_across *a = w->across;
	struct lnl_link *link = lnl_worker_link(w, item->link);

	if (link == NULL || !link->conf.many) {
		lnl_worker_counting(w, item->peer)->drops_queue++;
		return;
	}
	if (a->link == NULL) {
		lnl_incoming_begin(&w->in);
		a->link = link;
	}
	a->from[w->in.n] = item->from;
	lnl_incoming_add(&w->in, p, len, &a->from[w->in.n]);
}

/* Whether |item| has to wait until the datagrams before it are opened. */
static bool is_apart(const struct lnl_worker *w, const struct item *item)
{
	const struct lnl_across *a = w->across;

	return a->link != NULL && (item->kind != DATAGRAM || item->link != a->link->conf.id ||
				   w->in.n == LNL_IN_PACKETS);
}

static void take_place(struct lnl_worker *w, const struct item *item)
{
	struct elsewhere *e = find(w->across, item->peer);

	if (e != NULL && e->serial == item->serial)
		place(w, e, item->link, &item->from);
}

/* Takes the item of |len| bytes at |at|. Its peer may be another one than when it was sent. */
static void take(struct lnl_worker *w, uint8_t *at, size_t len)
{
	const struct lnl_carrier *c;
	uint8_t *p = at + sizeof(struct item);
	struct item item;

	memcpy(&item, at, sizeof(item));
	if (is_apart(w, &item))
		open_all(w);
	if (item.kind == PLACE) {
		take_place(w, &item);
		return;
	}
	c = lnl_worker_carrier(w, item.peer);
	if (c == NULL || c->serial != item.serial)
		w->nobody.drops_queue++;
	else if (item.kind == DATAGRAM)
		take_datagram(w, &item, p, (uint32_t)(len - sizeof(item)));
	else
		take_packet(w, &item, p, (uint32_t)(len - sizeof(item)));
}

/* True when there is more. */
static bool take_from(struct lnl_worker *w, struct lnl_ring *r)
{
	struct lnl_across *a = w->across;
	size_t used = 0, taken = 0, len;

	while (taken < AT_ONCE && w->blocked == NULL) {
		if (!lnl_ring_get(r, a->buffer + used + BEFORE, ITEM_MAX, &len)) {
			open_all(w);
			return false;
		}
		take(w, a->buffer + used + BEFORE, len);
		taken += len;
		used += (BEFORE + len + BEHIND + 63) & ~(size_t)63;
		/* A packet that was begun lies where it is until it is sealed. */
		if (a->link != NULL && used + BEFORE + ITEM_MAX + BEHIND > BUFFER)
			open_all(w);
		if (a->link == NULL)
			used = 0;
	}
	open_all(w);
	return true;
}

void lnl_worker_across_take(struct lnl_worker *w)
{
	struct lnl_across *a = w->across;
	bool more = false;

	seal_rest(w);
	for (unsigned i = 0; i < a->n && w->blocked == NULL; i++)
		if (i != a->index)
			more = take_from(w, &a->in[i]) || more;
	if (w->blocked != NULL)
		return;
	if (w->lanes != NULL)
		lnl_worker_tun_end(w);
	lnl_worker_flush(w);
	if (more)
		ev_async_send(w->loop, &w->async);
}

/* The rings are looked at from the loop alone: this may be called while a packet is being taken. */
void lnl_worker_across_go_on(struct lnl_worker *w)
{
	if (w->blocked != NULL)
		return;
	seal_rest(w);
	if (w->lanes != NULL)
		lnl_worker_tun_end(w);
	if (w->blocked != NULL)
		return;
	lnl_worker_flush(w);
	ev_async_send(w->loop, &w->async);
}

/* ---- whose are they? ---- */

int lnl_worker_across_add(struct lnl_worker *w, const struct lnl_command *cmd)
{
	struct lnl_peer_conf conf = { .id = cmd->peer, .wire_id = LNL_PEER_ID_NONE };
	unsigned worker = cmd->u.elsewhere.worker;
	struct lnl_across *a = w->across;
	struct elsewhere *e;
	int rc;

	if (a == NULL || worker >= a->n || worker == a->index)
		return LNL_E_INVAL;
	/* Without a key: only routes lead to it. */
	rc = lnl_data_peer_add(w->data, &conf, lnl_clock_now());
	if (rc < 0)
		return rc;
	e = calloc(1, sizeof(*e));
	if (e == NULL) {
		lnl_data_peer_del(w->data, cmd->peer);
		return LNL_E_NOMEM;
	}
	e->worker = worker;
	e->serial = cmd->u.elsewhere.serial;
	lnl_nodes_put(&a->elsewhere, &e->node, cmd->peer);
	place(w, e, cmd->id - worker + a->index, &cmd->u.elsewhere.address);
	return 0;
}

void lnl_worker_across_del(struct lnl_worker *w, uint32_t peer)
{
	struct lnl_across *a = w->across;
	struct elsewhere *e = find(a, peer);

	/* The next one of this id must not get the rest of it. */
	if (a->splitting && a->peer == peer)
		a->splitting = false;
	if (e == NULL)
		return;
	unplace(a, e);
	lnl_nodes_take(&a->elsewhere, &e->node);
	free(e);
}

bool lnl_worker_across_count(struct lnl_worker *w, uint32_t peer, struct lnl_counters *out)
{
	struct elsewhere *e = find(w->across, peer);

	if (e == NULL)
		return false;
	out->drops[LNL_DROP_QUEUE] = e->drops;
	e->drops = 0;
	return true;
}

/* ---- coming and going ---- */

void lnl_worker_across_free(struct lnl_across *a)
{
	struct lnl_node *node;
	uint32_t from = 0;

	if (a == NULL)
		return;
	while ((node = lnl_nodes_any(&a->elsewhere, &from)) != NULL) {
		lnl_nodes_take(&a->elsewhere, node);
		free(LNL_NODE_OF(node, struct elsewhere, node));
	}
	lnl_nodes_deinit(&a->elsewhere);
	lnl_nodes_deinit(&a->places);
	for (unsigned i = 0; i < a->n; i++)
		lnl_ring_deinit(&a->in[i]);
	free(a->buffer);
	free(a);
}

static struct lnl_across *make(unsigned index, unsigned n)
{
	struct lnl_across *a = aligned_alloc(alignof(struct lnl_across), sizeof(*a));
	int rc = 0;

	if (a == NULL)
		return NULL;
	memset(a, 0, sizeof(*a));
	a->index = index;
	a->n = n;
	a->buffer = malloc(BUFFER);
	for (unsigned i = 0; i < n && rc == 0; i++)
		if (i != index)
			rc = lnl_ring_init(&a->in[i], RING, false);
	if (rc == 0 && a->buffer != NULL)
		return a;
	lnl_worker_across_free(a);
	return NULL;
}

int lnl_worker_connect(struct lnl_worker *const *workers, unsigned n)
{
	struct lnl_command cmd = { .kind = LNL_CMD_CONNECT };
	int rc = 0;

	if (n < 2 || n > LNL_WORKERS_MAX)
		return LNL_E_INVAL;
	for (unsigned i = 0; i < n; i++) {
		workers[i]->connected = make(i, n);
		if (workers[i]->connected == NULL)
			return LNL_E_NOMEM;
	}
	for (unsigned i = 0; i < n && rc == 0; i++) {
		struct lnl_across *a = workers[i]->connected;

		for (unsigned k = 0; k < n; k++) {
			a->workers[k] = workers[k];
			a->others[k] = workers[k]->connected;
		}
		cmd.u.across = a;
		rc = lnl_worker_command(workers[i], &cmd);
	}
	return rc;
}
