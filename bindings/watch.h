/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The watchdog: a thread that notices when one stretch of Lua keeps the control thread busy for
 * more than a second, of the wall's time and of CPU time, and says so once, with the hook and its
 * file, while it still goes on. It stops nothing: what gets past the slice is a function of C. While
 * no Lua runs the thread sleeps without a timer.
 */
#ifndef LNL_BINDINGS_WATCH_H
#define LNL_BINDINGS_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct lnl_watch;

/* Told from the watchdog's thread; |text| is one line. */
typedef void (*lnl_watch_tell)(void *ctx, const char *text);

/*
 * Watches the calling thread. |limit| in seconds. |tell| NULL: to stderr and syslog, as the log's
 * own sink is in the thread that hangs. NULL when no thread could be started.
 */
struct lnl_watch *lnl_watch_new(double limit, lnl_watch_tell tell, void *ctx);
/* Ends the thread; |w| may be NULL. */
void lnl_watch_free(struct lnl_watch *w);

/* What |what| and |where| are: "hook 'up'"; "file:line" or NULL. Both are copied. */

/* A stretch begins; |cpu|: microseconds of the thread's CPU time now. |w| may be NULL, as below. */
void lnl_watch_begin(struct lnl_watch *w, int64_t cpu, const char *what, const char *where);
/* Within it something else runs now. */
void lnl_watch_name(struct lnl_watch *w, const char *what, const char *where);
/* It has ended: its seconds, and |who| it was, if it was told of; else 0. */
double lnl_watch_end(struct lnl_watch *w, char *who, size_t len);

#endif
