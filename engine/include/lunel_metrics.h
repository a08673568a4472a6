/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an engine tells of itself: how much it logs, and what it counts; part of lunel.h, which includes it. */
#ifndef LUNEL_METRICS_H
#define LUNEL_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "lunel_codes.h"
#include "lunel_record.h"

struct lnl_engine;

/* Keeps log records as |l| says, instead of the level of the options. Copied. */
void lnl_engine_levels(struct lnl_engine *e, const struct lnl_levels *l);
/* The next turn waits for nothing: the host has more to do. */
void lnl_engine_hurry(struct lnl_engine *e);

#endif
