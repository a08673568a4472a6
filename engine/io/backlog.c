/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "lunel_codes.h"

int lnl_backlog_init(struct lnl_backlog *q)
{
	q->start = 0;
	q->used = 0;
	q->data = malloc(LNL_BACKLOG_SIZE);
	return q->data != NULL ? 0 : LNL_E_NOMEM;
}

void lnl_backlog_deinit(struct lnl_backlog *q)
{
	free(q->data);
	q->data = NULL;
	q->start = q->used = 0;
}

void lnl_backlog_lend(struct lnl_backlog *q, uint8_t *memory)
{
	q->data = memory;
	q->start = q->used = 0;
}

uint8_t *lnl_backlog_take(struct lnl_backlog *q)
{
	uint8_t *memory = q->data;

	q->data = NULL;
	return memory;
}

static void append(struct lnl_backlog *q, const uint8_t *src, size_t len)
{
	size_t at = (q->start + q->used) % LNL_BACKLOG_SIZE;
	size_t first = len < LNL_BACKLOG_SIZE - at ? len : LNL_BACKLOG_SIZE - at;

	memcpy(q->data + at, src, first);
	memcpy(q->data, src + first, len - first);
	q->used += len;
}

bool lnl_backlog_put(struct lnl_backlog *q, const struct iovec *pieces, unsigned n, size_t skip,
		     bool urgent)
{
	size_t limit = LNL_BACKLOG_SIZE - (urgent ? 0 : LNL_BACKLOG_RESERVE);
	size_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += pieces[i].iov_len;
	total -= skip < total ? skip : total;
	if (q->used + total > limit)
		return false;
	if (total > 0 && q->data == NULL && lnl_backlog_init(q) < 0)
		return false;
	for (unsigned i = 0; i < n; i++) {
		size_t cut = skip < pieces[i].iov_len ? skip : pieces[i].iov_len;

		skip -= cut;
		if (pieces[i].iov_len > cut)
			append(q, (const uint8_t *)pieces[i].iov_base + cut,
			       pieces[i].iov_len - cut);
	}
	return true;
}

unsigned lnl_backlog_pieces(const struct lnl_backlog *q, struct iovec iov[2])
{
	size_t first = LNL_BACKLOG_SIZE - q->start;

	if (q->used == 0)
		return 0;
	if (first > q->used)
		first = q->used;
	iov[0] = (struct iovec){ q->data + q->start, first };
	iov[1] = (struct iovec){ q->data, q->used - first };
	return q->used > first ? 2 : 1;
}

void lnl_backlog_took(struct lnl_backlog *q, size_t len)
{
	if (len > q->used)
		len = q->used;
	q->start = (q->start + len) % LNL_BACKLOG_SIZE;
	q->used -= len;
	/* An empty queue begins at the front again: its pages stay the same few. */
	if (q->used == 0)
		q->start = 0;
}
