/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are read and written after privileges were dropped; part of lunel.h, which includes it. */
#ifndef LUNEL_FILES_H
#define LUNEL_FILES_H

#include <stddef.h>
#include <sys/types.h>

struct lnl_engine;
struct lnl_reason;

/*
 * Before the first turn: the file |path| may be read later though this process may not read it any
 * more. LNL_E_STATE after that turn, LNL_E_LIMIT, LNL_E_SYSTEM.
 */
int lnl_engine_allow(struct lnl_engine *e, const char *path);
/*
 * Reads such a file whole, or one that may be read anyway: |*out| is from malloc, with a NUL behind
 * its |*len| bytes. LNL_E_NOTFOUND, LNL_E_PERM, LNL_E_LIMIT, LNL_E_NOMEM, LNL_E_SYSTEM.
 */
int lnl_engine_read(struct lnl_engine *e, const char *path, char **out, size_t *len);
/*
 * Before the first turn: |path| may be written, and read, later, in the folder that it is in now. After
 * that turn only what was allowed before is fine: LNL_E_STATE. LNL_E_LIMIT, LNL_E_NOTFOUND, LNL_E_PERM,
 * LNL_E_SYSTEM. A server's |leases| are allowed when it opens.
 */
int lnl_engine_allow_write(struct lnl_engine *e, const char *path);
/*
 * Makes |len| bytes the content of such a file, or of one that may be written anyway: beside it and
 * renamed, so that a reader sees the whole of the old or of the new content, and owner and permissions
 * stay. At most 16 MiB. It does not wait for the disk. With an error, and |why|, what was there stays:
 * LNL_E_NOTFOUND, LNL_E_PERM, LNL_E_LIMIT, LNL_E_INVAL (a folder), LNL_E_EXIST, LNL_E_SYSTEM.
 */
int lnl_engine_write(struct lnl_engine *e, const char *path, const void *data, size_t len,
		     struct lnl_reason *why);
/*
 * Before the first turn: |path| may be added to later, in the folder that it is in now. A link that
 * somebody else made is not followed: LNL_E_PERM. Else as lnl_engine_allow_write.
 */
int lnl_engine_allow_append(struct lnl_engine *e, const char *path);
/*
 * Opens such a file, or one that may be opened anyway, to be added to, and makes it with permissions
 * |mode| when it is not there: |*fd|, the caller's. It never blocks, and nobody else's link or file is
 * opened in a folder where others may write. |e| may be NULL. LNL_E_NOTFOUND (no folder), LNL_E_PERM,
 * LNL_E_INVAL (no file), LNL_E_SYSTEM, with |why|.
 */
int lnl_engine_append(struct lnl_engine *e, const char *path, unsigned mode, int *fd,
		      struct lnl_reason *why);
/* As write(2), but a pipe or socket that nobody reads any more is EPIPE and no signal. From any thread. */
ssize_t lnl_write_quietly(int fd, const void *data, size_t len);

#endif
