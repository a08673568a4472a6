/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/reliable.h"

#include <string.h>

#define FAST_RESEND_ACKS 3 /* acks of later packets after which a packet counts as lost */

/*
 * Ids are compared with plain < all over: the last one, 2^32 - 1, is neither sent nor taken, so
 * that next_send and next_recv never wrap.
 */

void lnl_reliable_init(struct lnl_reliable *r, const struct lnl_env *env, uint64_t timeout)
{
	memset(r, 0, sizeof(*r));
	r->env = env;
	if (timeout < LNL_MSEC)
		timeout = LNL_MSEC;
	r->timeout = timeout < LNL_RELIABLE_TIMEOUT_MAX ? timeout : LNL_RELIABLE_TIMEOUT_MAX;
}

void lnl_reliable_resume(struct lnl_reliable *r)
{
	r->next_send = 1;
	r->next_recv = 1;
}

static void free_sent(struct lnl_reliable *r, struct lnl_reliable_sent *s)
{
	lnl_release(r->env, s->data);
	memset(s, 0, sizeof(*s));
}

static void free_got(struct lnl_reliable *r, struct lnl_reliable_got *g)
{
	lnl_release(r->env, g->data);
	memset(g, 0, sizeof(*g));
}

void lnl_reliable_deinit(struct lnl_reliable *r)
{
	for (unsigned i = 0; i < LNL_RELIABLE_SEND; i++)
		free_sent(r, &r->out[i]);
	for (unsigned i = 0; i < LNL_RELIABLE_RECV; i++)
		free_got(r, &r->in[i]);
}

/* A copy of |len| bytes that is never NULL for want of bytes. */
static uint8_t *copy_of(const struct lnl_env *env, const void *data, size_t len)
{
	uint8_t *copy = lnl_alloc(env, len > 0 ? len : 1);

	if (copy && len > 0)
		memcpy(copy, data, len);
	return copy;
}

/* --- the sender --- */

/* Ids in flight are within LNL_RELIABLE_SEND of each other, so each has a slot of its own. */
static struct lnl_reliable_sent *slot_of(struct lnl_reliable *r, uint32_t id)
{
	return &r->out[id % LNL_RELIABLE_SEND];
}

bool lnl_reliable_can_send(const struct lnl_reliable *r)
{
	return !r->out[r->next_send % LNL_RELIABLE_SEND].data;
}

int lnl_reliable_send(struct lnl_reliable *r, uint8_t op, const void *data, size_t len)
{
	struct lnl_reliable_sent *s = slot_of(r, r->next_send);

	if (r->next_send == UINT32_MAX)
		return LNL_E_LIMIT;
	if (s->data)
		return LNL_E_SPACE;
	if (len > UINT16_MAX)
		return LNL_E_INVAL;
	s->data = copy_of(r->env, data, len);
	if (!s->data)
		return LNL_E_NOMEM;
	s->len = (uint16_t)len;
	s->op = op;
	s->tries = 0;
	s->later_acks = 0;
	s->id = r->next_send++;
	s->due = 0;
	s->timeout = r->timeout;
	return 0;
}

static void mark_sent(struct lnl_reliable_sent *s, uint64_t now)
{
	if (s->tries > 0)
		s->timeout *= 2;
	else
		s->first = (uint32_t)now;
	s->timed = s->tries == 0;
	if (s->tries >= LNL_RELIABLE_TRIES || s->timeout > LNL_RELIABLE_TIMEOUT_MAX)
		s->timeout = LNL_RELIABLE_TIMEOUT_MAX;
	if (s->tries <= LNL_RELIABLE_TRIES)
		s->tries++;
	s->later_acks = 0;
	s->due = now < LNL_NEVER - s->timeout ? now + s->timeout : LNL_NEVER;
}

const struct lnl_reliable_sent *lnl_reliable_due(struct lnl_reliable *r, uint64_t now)
{
	struct lnl_reliable_sent *first = NULL;

	for (unsigned i = 0; i < LNL_RELIABLE_SEND; i++) {
		struct lnl_reliable_sent *s = &r->out[i];

		if (s->data && s->due != LNL_NEVER && s->due <= now &&
		    (!first || s->id < first->id))
			first = s;
	}
	if (first)
		mark_sent(first, now);
	return first;
}

void lnl_reliable_resend(struct lnl_reliable *r, uint64_t now)
{
	for (unsigned i = 0; i < LNL_RELIABLE_SEND; i++) {
		struct lnl_reliable_sent *s = &r->out[i];

		if (!s->data || s->tries == 0 || s->due <= now)
			continue;
		s->tries = 1;
		s->timed = false;
		s->timeout = r->timeout;
		s->due = now;
	}
}

uint64_t lnl_reliable_next_due(const struct lnl_reliable *r)
{
	uint64_t next = LNL_NEVER;

	for (unsigned i = 0; i < LNL_RELIABLE_SEND; i++)
		if (r->out[i].data && r->out[i].due < next)
			next = r->out[i].due;
	return next;
}

bool lnl_reliable_idle(const struct lnl_reliable *r)
{
	for (unsigned i = 0; i < LNL_RELIABLE_SEND; i++)
		if (r->out[i].data)
			return false;
	return true;
}

static void take_rtt(struct lnl_reliable *r, const struct lnl_reliable_sent *s, uint64_t now)
{
	uint32_t took =
		(uint32_t)now - s->first; /* far below 2^32: it would have been sent again */

	if (s->timed)
		r->rtt = r->rtt ? r->rtt - r->rtt / 8 + took / 8 : took;
	if (s->timed && r->rtt == 0)
		r->rtt = 1; /* at once, but not unknown */
}

bool lnl_reliable_acked(struct lnl_reliable *r, uint32_t id, uint64_t now)
{
	struct lnl_reliable_sent *acked = slot_of(r, id);

	/* A packet that is queued but was never sent cannot have been seen by the peer. */
	if (!acked->data || acked->id != id || acked->tries == 0)
		return false;
	take_rtt(r, acked, now);
	free_sent(r, acked);
	for (unsigned i = 0; i < LNL_RELIABLE_SEND; i++) {
		struct lnl_reliable_sent *s = &r->out[i];

		if (!s->data || s->id > id || s->tries == 0 || s->tries > LNL_RELIABLE_TRIES)
			continue;
		if (++s->later_acks == FAST_RESEND_ACKS && s->due > now)
			s->due = now;
	}
	return true;
}

/* --- the receiver --- */

/* A full list forgets the new ack: the peer sends that packet again, and it is a duplicate then. */
static void add_ack(struct lnl_reliable *r, uint32_t id)
{
	for (unsigned i = 0; i < r->n_acks; i++)
		if (r->acks[i] == id)
			return;
	if (r->n_acks < LNL_RELIABLE_RECV)
		r->acks[r->n_acks++] = id;
}

int lnl_reliable_receive(struct lnl_reliable *r, uint8_t op, uint32_t id, const void *data,
			 size_t len)
{
	struct lnl_reliable_got *g = &r->in[id % LNL_RELIABLE_RECV];

	if (id < r->next_recv || (g->used && g->id == id)) {
		add_ack(r, id);
		return 0;
	}
	if (id - r->next_recv >= LNL_RELIABLE_RECV || id == UINT32_MAX || len > UINT16_MAX)
		return LNL_E_LIMIT;
	g->data = copy_of(r->env, data, len);
	if (!g->data)
		return LNL_E_NOMEM;
	g->len = (uint16_t)len;
	g->op = op;
	g->used = true;
	g->id = id;
	add_ack(r, id);
	return 1;
}

const struct lnl_reliable_got *lnl_reliable_next(const struct lnl_reliable *r)
{
	const struct lnl_reliable_got *g = &r->in[r->next_recv % LNL_RELIABLE_RECV];

	return g->used ? g : NULL;
}

void lnl_reliable_took(struct lnl_reliable *r)
{
	struct lnl_reliable_got *g = &r->in[r->next_recv % LNL_RELIABLE_RECV];

	if (!g->used)
		return;
	free_got(r, g);
	r->next_recv++;
}

/* --- acknowledgements to send --- */

bool lnl_reliable_has_acks(const struct lnl_reliable *r)
{
	return r->n_acks > 0;
}

/* Puts |id| in front of the recent ones, where it stands once. */
static void remember(struct lnl_reliable *r, uint32_t id)
{
	unsigned at = 0;

	while (at < r->n_recent && r->recent[at] != id)
		at++;
	if (at == LNL_ACKS_MAX)
		at--;
	else if (at == r->n_recent)
		r->n_recent++;
	memmove(r->recent + 1, r->recent, at * sizeof(r->recent[0]));
	r->recent[0] = id;
}

unsigned lnl_reliable_take_acks(struct lnl_reliable *r, uint32_t *out, unsigned max, bool repeat)
{
	unsigned fresh = r->n_acks < max ? r->n_acks : max;
	unsigned n = fresh;

	memcpy(out, r->acks, fresh * sizeof(out[0]));
	r->n_acks = (uint8_t)(r->n_acks - fresh);
	memmove(r->acks, r->acks + fresh, r->n_acks * sizeof(r->acks[0]));
	for (unsigned i = 0; i < fresh; i++)
		remember(r, out[i]);
	/* The fresh ones stand in front now, as far as the list is long. */
	for (unsigned i = fresh; repeat && i < r->n_recent && n < max; i++)
		out[n++] = r->recent[i];
	return n;
}
