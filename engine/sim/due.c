/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "sim/due.h"

#include <stdlib.h>

static bool is_before(const struct lnl_due *a, const struct lnl_due *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void set(struct lnl_dues *d, int at, struct lnl_due due)
{
	d->heap[at] = due;
	if (due.place)
		*due.place = at + 1;
}

/* |due| goes where it belongs, from the free place |at|. */
static void settle(struct lnl_dues *d, int at, struct lnl_due due)
{
	for (; at > 0 && is_before(&due, &d->heap[(at - 1) / 2]); at = (at - 1) / 2)
		set(d, at, d->heap[(at - 1) / 2]);
	for (;;) {
		int child = 2 * at + 1;

		if (child + 1 < d->n && is_before(&d->heap[child + 1], &d->heap[child]))
			child++;
		if (child >= d->n || !is_before(&d->heap[child], &due))
			break;
		set(d, at, d->heap[child]);
		at = child;
	}
	set(d, at, due);
}

static void take_at(struct lnl_dues *d, int at)
{
	struct lnl_due last = d->heap[--d->n];

	if (d->heap[at].place)
		*d->heap[at].place = 0;
	if (at < d->n)
		settle(d, at, last);
}

void lnl_dues_drop(struct lnl_dues *d, int *place)
{
	if (*place > 0)
		take_at(d, *place - 1);
}

bool lnl_dues_put(struct lnl_dues *d, int *place, uint64_t at, unsigned kind, void *what)
{
	struct lnl_due due = { at, d->order++, kind, what, place };

	if (place)
		lnl_dues_drop(d, place);
	if (d->n == d->cap) {
		int cap = d->cap ? 2 * d->cap : 256;
		struct lnl_due *heap = realloc(d->heap, (size_t)cap * sizeof(*heap));

		if (!heap)
			return false;
		d->heap = heap;
		d->cap = cap;
	}
	settle(d, d->n++, due);
	return true;
}

bool lnl_dues_next(struct lnl_dues *d, uint64_t until, struct lnl_due *out)
{
	if (d->n == 0 || d->heap[0].at > until)
		return false;
	*out = d->heap[0];
	take_at(d, 0);
	return true;
}

void lnl_dues_deinit(struct lnl_dues *d)
{
	for (int i = 0; i < d->n; i++)
		if (d->heap[i].place)
			*d->heap[i].place = 0;
	free(d->heap);
	*d = (struct lnl_dues){ 0 };
}
