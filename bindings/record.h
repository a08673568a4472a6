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
struct lnl_secrets;

/* The records that a policy VM's own sinks have not seen yet. */
struct lnl_record_tap {
	struct lnl_record_node *ring[LNL_RECORD_QUEUE];
	unsigned first, n;
	uint64_t lost;		  /* for want of room */
	struct lnl_levels levels; /* what some of the sinks want */
};

/* For the launcher's sink. */
struct lnl_record_queue {
	struct lnl_record_node *head, *tail;
	unsigned n;
	uint64_t lost;		     /* since the last batch */
	struct lnl_levels levels;    /* what is kept here */
	struct lnl_record_tap *tap;  /* gets the engine's records, too; NULL: none */
	struct lnl_secrets *secrets; /* what no text may show; NULL: none */
};

/* Takes all records that the engine has. */
void lnl_record_collect(struct lnl_record_queue *q, struct lnl_engine *e);

/* Adds a record with two text fields; |when| in seconds since 1970. |tap| may be NULL. */
void lnl_record_text(struct lnl_record_queue *q, struct lnl_record_tap *tap, enum lnl_level level,
		     const char *event, double when, const char *name1, const char *text1,
		     const char *name2, const char *text2);

struct lnl_script_record {
	enum lnl_level level;
	const char *sub, *event;
	double when;
	const char *src;  /* "file:line"; NULL: none */
	const char *sess; /* whom it is about; NULL: nobody */
	int fields;	  /* index of a table; 0: none */
};

/*
 * Adds a script's record: event |sub|.|event| with the table's fields, numbers and texts as they are,
 * other values by their type's name; control characters become spaces, secrets "***". |tap| may be
 * NULL.
 */
void lnl_record_script(lua_State *L, struct lnl_record_queue *q, struct lnl_record_tap *tap,
		       const struct lnl_script_record *in);

/*
 * Pushes a list of at most LNL_RECORD_BATCH records, taken from the queue, and how many were lost
 * before. A record is { ts, level, sub, event, src, sess, fields = { name = value }, "name", ... }:
 * the names in order; src and sess where there are any.
 */
int lnl_record_push(lua_State *L, struct lnl_record_queue *q);

void lnl_record_clear(struct lnl_record_queue *q);

/* Pushes a list of those of the first |n| records that |levels| want: how many; or only counts them. */
unsigned lnl_tap_push(lua_State *L, const struct lnl_record_tap *tap, unsigned n,
		      const struct lnl_levels *levels);
unsigned lnl_tap_count(const struct lnl_record_tap *tap, unsigned n,
		       const struct lnl_levels *levels);
/* Takes the first |n| out, or as many as there are. */
void lnl_tap_drop(struct lnl_record_tap *tap, unsigned n);

/* The length of the UTF-8 character at |text|, of at most |len| bytes; 0: it is none. */
size_t lnl_utf8(const char *text, size_t len);

/* "error" to "trace"; a level of |name|, or -1. */
const char *lnl_level_name(enum lnl_level level);
int lnl_level_of(const char *name);

#endif
