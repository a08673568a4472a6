/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of lunel/instance.lua's functions from outside the policy VM, with plain values both ways. */
#ifndef LNL_BINDINGS_CROSSING_H
#define LNL_BINDINGS_CROSSING_H

#include "bindings/call.h"
#include "bindings/plain.h"

struct lnl_crossing {
	const char *name; /* of instance's function */
	struct lnl_plain in, out;
};

/*
 * Calls the function with |c|->in, which is wiped, within LNL_SLICE_LOAD; its results in |c|->out. -1
 * with |fault|; |c| is the caller's to clear all the same.
 */
int lnl_cross(struct lnl_vm *vm, struct lnl_crossing *c, struct lnl_fault *fault);
void lnl_crossing_clear(struct lnl_crossing *c);

/* Wipes what functions had on the stack below the caller when they returned. */
void lnl_scrub_stack(void);

#endif
