/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "wire/log.h"

#include <string.h>

#include "wire/buf.h"

static const char *store_text(struct lnl_record *r, const char *text)
{
	char *at = r->store + r->used;
	size_t room = LNL_RECORD_TEXT - r->used;
	size_t len;

	if (room == 0)
		return "";
	len = lnl_text_clean(at, room, text, strlen(text));
	r->used += (uint32_t)(len + 1 <= room ? len + 1 : room);
	return at;
}

void lnl_log_emit(const struct lnl_log *log, enum lnl_level level, const char *event,
		  const struct lnl_field *fields, size_t n)
{
	struct lnl_record r;
	size_t i;

	r.time = 0;
	r.level = level;
	r.event = event;
	r.used = 0;
	r.n = (unsigned)(n < LNL_RECORD_FIELDS ? n : LNL_RECORD_FIELDS);
	for (i = 0; i < r.n; i++) {
		r.field[i] = fields[i];
		if (fields[i].type == LNL_FIELD_TEXT)
			r.field[i].text = store_text(&r, fields[i].text ? fields[i].text : "");
	}
	log->emit(log->ctx, &r);
}
