/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How this room says what went wrong: one sentence that names the object and the kernel's cause. */
#ifndef LNL_IO_REASON_H
#define LNL_IO_REASON_H

#include "lunel.h"

/*
 * Writes the sentence, cut to fit; |why| may be NULL. Returns |code|, so that it can be returned
 * on.
 */
int lnl_reason_set(struct lnl_reason *why, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The same with ": " and the text of errno value |err| behind. Returns the code that fits it:
 * LNL_E_PERM for EPERM and EACCES, LNL_E_NOMEM, LNL_E_NOTFOUND for ENOENT, ENODEV and ENXIO,
 * LNL_E_EXIST for EEXIST and EBUSY, LNL_E_TIMEOUT, else LNL_E_SYSTEM.
 */
int lnl_reason_errno(struct lnl_reason *why, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
