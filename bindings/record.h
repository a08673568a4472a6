/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log records on their way to a sink: the engine's and the scripts' in one bounded queue, in order;
 * handed out in batches.
 */
#ifndef LNL_BINDINGS_RECORD_H
#define LNL_BINDINGS_RECORD_H

#include <lauxlib.h>
#include <lua.h>

#include "lunel.h"

#define LNL_RECORD_QUEUE 2048
#define LNL_RECORD_BATCH 256

struct lnl_record_node;

struct lnl_record_queue {
	struct lnl_record_node *head, *tail;
	unsigned n;
	uint64_t lost;	      /* since the last batch */
	enum lnl_level level; /* of scripts' records; the engine has its own */
};

/* Takes all records that the engine has. */
void lnl_record_collect(struct lnl_record_queue *q, struct lnl_engine *e);

/* Adds a record with two text fields; |when| in seconds since 1970. */
void lnl_record_text(struct lnl_record_queue *q, enum lnl_level level, const char *event,
		     double when, const char *name1, const char *text1, const char *name2,
		     const char *text2);

/*
 * Adds a script's record: event |sub|.|event| with the fields of the table at |fields| (0: none),
 * numbers and texts as they are, other values by their type's name; control characters become
 * spaces.
 */
void lnl_record_script(lua_State *L, struct lnl_record_queue *q, enum lnl_level level,
		       const char *sub, const char *event, double when, int fields);

/*
 * Pushes a list of at most LNL_RECORD_BATCH records, taken from the queue, and how many were lost
 * before. A record is { ts, level, sub, event, fields = { name = value }, "name", ... }: the names
 * in order.
 */
int lnl_record_push(lua_State *L, struct lnl_record_queue *q);

void lnl_record_clear(struct lnl_record_queue *q);

/* "error" to "trace"; a level of |name|, or -1. */
const char *lnl_level_name(enum lnl_level level);
int lnl_level_of(const char *name);

#endif
