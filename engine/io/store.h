/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small files that a crash leaves whole: the old one, or the new one. */
#ifndef LNL_IO_STORE_H
#define LNL_IO_STORE_H

#include <stddef.h>

#include "lunel.h"

#define LNL_STORE_MAX ((size_t)16 << 20)

/*
 * Replaces |path| by |len| bytes: a new file beside it, for its owner alone, is written, brought to
 * disk and renamed. LNL_E_PERM, LNL_E_NOTFOUND, LNL_E_SYSTEM, with |why|: then the old one stays.
 */
int lnl_store_write(const char *path, const void *data, size_t len, struct lnl_reason *why);
/*
 * Reads |path| whole: from malloc, with a NUL behind its |*len| bytes. LNL_E_NOTFOUND when there is
 * none; LNL_E_PERM, LNL_E_LIMIT (above LNL_STORE_MAX), LNL_E_NOMEM, LNL_E_SYSTEM (also for what is no
 * file).
 */
int lnl_store_read(const char *path, char **out, size_t *len, struct lnl_reason *why);

#endif
