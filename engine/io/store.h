/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Small files that a crash leaves whole: the old one, or the new one. */
#ifndef LNL_IO_STORE_H
#define LNL_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "lunel.h"

/*
 * Makes |len| bytes the content of the regular file |path|: they are written to "|path|.new", brought
 * to disk and renamed, so that whoever reads finds the whole of the old or of the new ones, also after
 * a crash. Owner and permissions of the old file are kept (where the owner may not be, nobody else gets
 * permissions); a new one is its owner's alone (0600). What a crash left as "|path|.new" is replaced.
 * Blocks until the disk has it.
 *
 * With an error, and |why|, the old file stays: LNL_E_INVAL (|path| is a link, device or folder),
 * LNL_E_EXIST (somebody else is writing it), LNL_E_PERM, LNL_E_NOTFOUND (no folder), LNL_E_SYSTEM (disk
 * full and others).
 */
int lnl_store_save(const char *path, const void *data, size_t len, struct lnl_reason *why);
/*
 * The same in two steps, for who says elsewhere why it failed: 0 or an errno (EINVAL: no regular file,
 * EBUSY: somebody else is writing it), and what that means for |path|. Without |durable| nobody waits
 * for the disk: readers still see all or nothing, but a crash may give back the older file.
 */
int lnl_store_replace(const char *path, const void *data, size_t len, bool durable);
int lnl_store_failed(const char *path, int err, struct lnl_reason *why);
/*
 * Reads the regular file that |path| is or links to, of at most |max| bytes, whole: from malloc, with a NUL behind its |*len|
 * bytes. With an error, and |why|, |*out| is NULL: LNL_E_NOTFOUND when there is none, LNL_E_PERM,
 * LNL_E_INVAL (device or folder), LNL_E_LIMIT (larger), LNL_E_NOMEM, LNL_E_SYSTEM.
 */
int lnl_store_load(const char *path, size_t max, char **out, size_t *len, struct lnl_reason *why);

#endif
