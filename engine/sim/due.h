/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is due, in order of time; of one time, what was put first comes first. */
#ifndef LNL_SIM_DUE_H
#define LNL_SIM_DUE_H

#include <stdbool.h>
#include <stdint.h>

struct lnl_due {
	uint64_t at;
	uint64_t order;
	unsigned kind; /* the caller's */
	void *what;
	int *place; /* of this in the heap, from 1; 0: it is not there; NULL: nobody asks */
};

struct lnl_dues {
	struct lnl_due *heap;
	int n, cap;
	uint64_t order;
};

/* Puts |what| in, or moves it to another time. False when out of memory: then it is not in. */
bool lnl_dues_put(struct lnl_dues *d, int *place, uint64_t at, unsigned kind, void *what);
/* Takes it out; no-op when it is not in. */
void lnl_dues_drop(struct lnl_dues *d, int *place);
/* Takes the first out that is due until |until|; false when there is none. */
bool lnl_dues_next(struct lnl_dues *d, uint64_t until, struct lnl_due *out);
/* Releases; what was in is not there any more. */
void lnl_dues_deinit(struct lnl_dues *d);

#endif
