/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Time in a test's hands: what is due, in order, and in the place of libev's timers and of the
 * data worker's thread the calls that the linker leads here ("lunel-test: crowd" in CMakeLists.txt).
 */
#ifndef LNL_SIM_CROWD_LOOP_H
#define LNL_SIM_CROWD_LOOP_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/due.h"

#define LOOP_TIMER 0 /* the kind of libev's; others are the test's */

/* Everything starts at |now|. */
void loop_init(uint64_t now);
void loop_deinit(void);
uint64_t loop_now(void);

/* Puts |what| in, or moves it to another time; LNL_NEVER takes it out. */
void loop_put(int *place, uint64_t at, unsigned kind, void *what);
/*
 * The next that is due until |until|: moves the clock there and takes it out. False when nothing is,
 * and the clock stands at |until|. Timers of libev's have been called already.
 */
bool loop_next(uint64_t until, struct lnl_due *out);
/* Forgets all that is due; the test's kinds are given to |drop|. */
void loop_drop(void (*drop)(unsigned kind, void *what));
/* Wakes who was sent an ev_async: one round; false when there was none. */
bool loop_wake(void);
/* Of a watcher whose ev_io_start and _stop came here. */
void loop_readable(ev_io *w);

#endif
