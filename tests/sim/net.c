/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/net.h"

#include <stdlib.h>
#include <string.h>

#include "sim/env.h"

void sim_net_init(struct sim_net *n, uint64_t seed)
{
	memset(n, 0, sizeof(*n));
	n->seed = seed;
	n->faults.delay = 5 * LNL_MSEC;
}

void sim_net_deinit(struct sim_net *n)
{
	struct sim_packet *p;

	while ((p = n->first)) {
		n->first = p->next;
		free(p);
	}
	while ((p = n->spare)) {
		n->spare = p->next;
		free(p);
	}
	n->last = NULL;
}

static bool strikes(struct sim_net *n, unsigned one_in)
{
	return one_in > 0 && !n->stream && sim_random(&n->seed) % one_in == 0;
}

/* Behind all that arrive no later. */
static void insert(struct sim_net *n, struct sim_packet *p)
{
	struct sim_packet *after = n->last;

	while (after && after->at > p->at)
		after = after->before;
	p->before = after;
	p->next = after ? after->next : n->first;
	if (p->next)
		p->next->before = p;
	else
		n->last = p;
	if (after)
		after->next = p;
	else
		n->first = p;
}

static void put(struct sim_net *n, unsigned from, const uint8_t *data, size_t len, uint64_t now)
{
	struct sim_packet *p = n->spare;

	if (p)
		n->spare = p->next;
	else
		p = malloc(sizeof(*p));
	sim_require(p != NULL && len <= sizeof(p->bytes), "no room for a packet");
	p->to = !from;
	p->len = len;
	memcpy(p->bytes, data, len);
	if (len > 0 && strikes(n, n->faults.corrupt))
		p->bytes[sim_random(&n->seed) % len] ^= (uint8_t)(1U << sim_random(&n->seed) % 8);
	p->at = now + n->faults.delay;
	if (n->faults.jitter && !n->stream)
		p->at += sim_random(&n->seed) % n->faults.jitter;
	if (strikes(n, n->faults.reorder))
		p->at += n->faults.delay + sim_random(&n->seed) % (3 * n->faults.delay + 1);
	insert(n, p);
}

void sim_net_send(struct sim_net *n, unsigned from, const void *data, size_t len, uint64_t now)
{
	uint8_t copy[SIM_PACKET_MAX];

	sim_require(len <= sizeof(copy), "a packet is too long");
	memcpy(copy, data, len);
	if (n->tap && !n->tap(n->tap_ctx, from, copy, &len))
		return;
	n->sent[from]++;
	n->bytes[from] += len;
	if (n->cut[from] || strikes(n, n->faults.drop)) {
		n->lost[from]++;
		return;
	}
	put(n, from, copy, len, now);
	if (strikes(n, n->faults.duplicate))
		put(n, from, copy, len, now);
}

struct sim_packet *sim_net_next(struct sim_net *n, uint64_t now)
{
	struct sim_packet *p = n->first;

	if (!p || p->at > now)
		return NULL;
	n->first = p->next;
	if (n->first)
		n->first->before = NULL;
	else
		n->last = NULL;
	return p;
}

void sim_net_took(struct sim_net *n, struct sim_packet *p)
{
	p->next = n->spare;
	n->spare = p;
}

uint64_t sim_net_due(const struct sim_net *n)
{
	return n->first ? n->first->at : LNL_NEVER;
}
