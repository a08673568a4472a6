/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "data/plane.h"

#include <string.h>

#define HEAP_MIN 4

/* |start| + |span|, never when |span| is 0. */
static uint64_t after(uint64_t start, uint64_t span)
{
	return span == 0 || span > LNL_NEVER - start ? LNL_NEVER : start + span;
}

static uint64_t ping_due(const struct lnl_peer *p)
{
	if (p->slots[LNL_SLOT_PRIMARY] == NULL)
		return LNL_NEVER;
	return after(p->sent_at, p->conf.ping_interval);
}

static uint64_t timeout_due(const struct lnl_peer *p)
{
	if (p->conf.ping_timer_rem && !p->heard)
		return LNL_NEVER;
	return after(p->heard_at, p->conf.ping_timeout);
}

static uint64_t due_of(const struct lnl_peer *p)
{
	uint64_t due = lnl_earlier(ping_due(p), timeout_due(p));

	for (unsigned i = 0; i < LNL_SLOTS; i++) {
		if (p->slots[i] != NULL)
			due = lnl_earlier(due, p->slots[i]->expires);
	}
	return due;
}

static void place(struct lnl_data *d, uint32_t at, struct lnl_due entry)
{
	d->heap[at] = entry;
	entry.peer->heap_at = at;
}

/* Puts |entry| where it belongs, starting from the free place |at|. */
static void settle(struct lnl_data *d, uint32_t at, struct lnl_due entry)
{
	while (at > 0 && d->heap[(at - 1) / 2].at > entry.at) {
		place(d, at, d->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	for (;;) {
		uint32_t child = 2 * at + 1;
		if (child >= d->heap_n)
			break;
		if (child + 1 < d->heap_n && d->heap[child + 1].at < d->heap[child].at)
			child++;
		if (d->heap[child].at >= entry.at)
			break;
		place(d, at, d->heap[child]);
		at = child;
	}
	place(d, at, entry);
}

int lnl_timer_reserve(struct lnl_data *d)
{
	if (d->heap_n < d->heap_cap)
		return 0;
	uint32_t cap = d->heap_cap != 0 ? d->heap_cap * 2 : HEAP_MIN;
	struct lnl_due *wider = lnl_alloc(d->env, cap * sizeof(*wider));
	if (wider == NULL)
		return LNL_E_NOMEM;
	if (d->heap_n > 0)
		memcpy(wider, d->heap, d->heap_n * sizeof(*wider));
	lnl_release(d->env, d->heap);
	d->heap = wider;
	d->heap_cap = cap;
	return 0;
}

void lnl_timer_add(struct lnl_data *d, struct lnl_peer *p)
{
	settle(d, d->heap_n++, (struct lnl_due){ due_of(p), p });
}

void lnl_timer_remove(struct lnl_data *d, struct lnl_peer *p)
{
	struct lnl_due last = d->heap[--d->heap_n];

	if (last.peer != p)
		settle(d, p->heap_at, last);
}

void lnl_timer_update(struct lnl_data *d, struct lnl_peer *p)
{
	settle(d, p->heap_at, (struct lnl_due){ due_of(p), p });
}

static void expire_keys(struct lnl_data *d, struct lnl_peer *p, uint64_t now)
{
	for (unsigned i = 0; i < LNL_SLOTS; i++) {
		struct lnl_keyslot *k = p->slots[i];
		if (k == NULL || k->expires > now)
			continue;
		lnl_notice_put(d, p, LNL_NOTICE_KEY_EXPIRED, k->id);
		lnl_data_slot_drop(d, p, i);
		lnl_table_note_key(&d->peers, p);
	}
}

/*
 * Both clocks start again when they have been acted on, whether or not the owner does something
 * about it: a ping that could not be sent is not asked for a thousand times, and a timeout that was
 * overlooked is told again.
 */
uint32_t lnl_data_tick(struct lnl_data *d, uint64_t now)
{
	while (d->heap_n > 0 && d->heap[0].at <= now) {
		struct lnl_peer *p = d->heap[0].peer;

		expire_keys(d, p, now);
		if (timeout_due(p) <= now) {
			lnl_notice_put(d, p, LNL_NOTICE_PING_TIMEOUT, 0);
			p->heard_at = now;
		}
		bool ping = ping_due(p) <= now;
		if (ping)
			p->sent_at = now;
		lnl_timer_update(d, p);
		if (ping)
			return p->conf.id;
	}
	return LNL_PEER_ID_NONE;
}

uint64_t lnl_data_next_due(const struct lnl_data *d)
{
	return d->heap_n > 0 ? d->heap[0].at : LNL_NEVER;
}
