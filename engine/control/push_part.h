/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One option on its way into a struct lnl_pulled: what push.c hands to the other push_*.c. */
#ifndef LNL_CONTROL_PUSH_PART_H
#define LNL_CONTROL_PUSH_PART_H

#include "control/push.h"

struct lnl_push {
	struct lnl_pulled *p;
	const struct lnl_option *o;
	enum lnl_option_source from;
	const char *reason; /* of a failure, or of a warning; static storage */
};

/*
 * Each takes one option, whose number of words the table of push.c has checked: 0, or an error with
 * x->reason set and x->p unchanged, as lnl_pulled_option says.
 */
int lnl_push_ifconfig(struct lnl_push *x);
int lnl_push_ifconfig6(struct lnl_push *x);
int lnl_push_route(struct lnl_push *x);
int lnl_push_route6(struct lnl_push *x);
int lnl_push_route_gateway(struct lnl_push *x);
int lnl_push_route_gateway6(struct lnl_push *x);
int lnl_push_redirect(struct lnl_push *x);
int lnl_push_dhcp_option(struct lnl_push *x);
int lnl_push_dns(struct lnl_push *x);
int lnl_push_setenv(struct lnl_push *x);
int lnl_push_setenv_safe(struct lnl_push *x);

/* Gives |error| with its |reason|. */
static inline int lnl_push_fail(struct lnl_push *x, int error, const char *reason)
{
	x->reason = reason;
	return error;
}

/* The word |i| of the option, or NULL when it has fewer. */
static inline const char *lnl_push_word(const struct lnl_push *x, unsigned i)
{
	return i < x->o->n ? x->o->word[i] : NULL;
}

/* Reads the decimal |text| into |*out|, at most |max|. False when it is none. */
bool lnl_push_number(const char *text, uint64_t max, uint64_t *out);

#endif
