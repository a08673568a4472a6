/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How the sans-IO rooms say what happened: typed records to a sink, built only if the level asks. */
#ifndef LNL_WIRE_LOG_H
#define LNL_WIRE_LOG_H

#include "lunel_record.h"

struct lnl_log {
	void *ctx;
	void (*emit)(void *ctx, const struct lnl_record *r);
	enum lnl_level level; /* records above it are not built */
};

static inline struct lnl_field lnl_field_text(const char *name, const char *v)
{
	return (struct lnl_field){ .name = name, .type = LNL_FIELD_TEXT, .text = v };
}

static inline struct lnl_field lnl_field_number(const char *name, int64_t v)
{
	return (struct lnl_field){ .name = name, .type = LNL_FIELD_NUMBER, .number = v };
}

/* A field: LNL_F("depth", 2), LNL_F("subject", cert->subject). */
/* clang-format off */
#define LNL_F(name, v)                                  \
	_Generic((v), char *: lnl_field_text,           \
		 const char *: lnl_field_text,          \
		 default: lnl_field_number)(name, v)
/* clang-format on */

/*
 * lnl_log(log, LNL_LEVEL_INFO, "tls.verified", LNL_F(...), ...): at most LNL_RECORD_FIELDS fields.
 * |event| and field names are literals; text is copied and cleaned, so a peer's may be given. |log|
 * may be NULL.
 */
#define lnl_log(log, lvl, event, ...)                                                              \
	do {                                                                                       \
		const struct lnl_log *log_ = (log);                                                \
		if (log_ && log_->level >= (lvl)) {                                                \
			const struct lnl_field f_[] = { { 0 }, __VA_ARGS__ };                      \
			lnl_log_emit(log_, (lvl), (event), f_ + 1, sizeof(f_) / sizeof(*f_) - 1);  \
		}                                                                                  \
	} while (0)

/* What the macro calls. Builds the record on the stack and hands it to the sink. */
void lnl_log_emit(const struct lnl_log *log, enum lnl_level level, const char *event,
		  const struct lnl_field *fields, size_t n);

#endif
