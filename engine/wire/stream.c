/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/stream.h"

#include <string.h>

void lnl_stream_init(struct lnl_stream *s, uint8_t *data, size_t cap, size_t max)
{
	size_t fits = cap > LNL_STREAM_PREFIX ? cap - LNL_STREAM_PREFIX : 0;

	s->data = data;
	s->cap = cap;
	s->start = 0;
	s->end = 0;
	s->max = max < fits ? max : fits;
}

uint8_t *lnl_stream_room(struct lnl_stream *s, size_t *room)
{
	size_t held = s->end - s->start;

	if (s->start > 0) {
		if (held > 0)
			memmove(s->data, s->data + s->start, held);
		s->start = 0;
		s->end = held;
	}
	*room = s->cap - s->end;
	return s->data + s->end;
}

void lnl_stream_added(struct lnl_stream *s, size_t len)
{
	size_t room = s->cap - s->end;

	s->end += len < room ? len : room;
}

int lnl_stream_next(struct lnl_stream *s, uint8_t **packet, size_t *len)
{
	size_t held = s->end - s->start;
	const uint8_t *prefix = s->data + s->start;
	size_t n;

	if (held < LNL_STREAM_PREFIX)
		return 0;
	n = (size_t)prefix[0] << 8 | prefix[1];
	if (n == 0 || n > s->max)
		return LNL_E_FORMAT;
	if (held - LNL_STREAM_PREFIX < n)
		return 0;
	*packet = s->data + s->start + LNL_STREAM_PREFIX;
	*len = n;
	s->start += LNL_STREAM_PREFIX + n;
	return 1;
}
