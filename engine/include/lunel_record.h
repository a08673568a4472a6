/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A log record: an event's name and its fields. Whoever reads it formats it; nobody else does. */
#ifndef LUNEL_RECORD_H
#define LUNEL_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum lnl_level {
	LNL_LEVEL_ERROR, /* the operator has to act, or the program ends */
	LNL_LEVEL_WARN,
	LNL_LEVEL_INFO, /* what a supervisor waits for, one line an event */
	LNL_LEVEL_DEBUG,
	LNL_LEVEL_TRACE, /* each control packet */
};

enum lnl_field_type { LNL_FIELD_TEXT, LNL_FIELD_NUMBER };

struct lnl_field {
	const char *name; /* static storage */
	enum lnl_field_type type;
	int64_t number;
	const char *text;
};

#define LNL_RECORD_FIELDS 8
#define LNL_RECORD_TEXT	  768

/*
 * Texts are copied and cleaned (printable ASCII); together at most LNL_RECORD_TEXT bytes, the
 * rest is cut.
 */
struct lnl_record {
	uint64_t time; /* microseconds since 1970; set by who collects it */
	enum lnl_level level;
	const char *event; /* "tls.verified": subsystem, dot, event; static storage */
	unsigned n;
	struct lnl_field field[LNL_RECORD_FIELDS];
	uint32_t used;
	char store[LNL_RECORD_TEXT];
};

/*
 * How much of which subsystem is kept. A subsystem is what stands before the dot in an event's name. A
 * level below 0 is nothing at all.
 */
#define LNL_LEVEL_SUBS 32
#define LNL_LEVEL_SUB  24 /* bytes of a name, with its NUL */

struct lnl_levels {
	int all; /* of those that are not named */
	unsigned n;
	struct {
		char sub[LNL_LEVEL_SUB];
		int level;
	} sub[LNL_LEVEL_SUBS];
};

/* The level up to which records of |event| are kept. */
int lnl_levels_of(const struct lnl_levels *l, const char *event);
/* Sets |sub|'s, or with NULL or "*" that of the rest. False: the name is too long, or there are too many. */
bool lnl_levels_set(struct lnl_levels *l, const char *sub, int level);
/* Keeps what |other| keeps, too; where there are too many names, more than that. */
void lnl_levels_join(struct lnl_levels *l, const struct lnl_levels *other);
/* The highest that there is in it. */
int lnl_levels_most(const struct lnl_levels *l);

#endif
