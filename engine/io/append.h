/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are added to, in folders where others may write, too. */
#ifndef LNL_IO_APPEND_H
#define LNL_IO_APPEND_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Where |path| leads, in |out| of |size| bytes: itself, or what a link there leads to that is ours or
 * root's, in a folder where nobody else can have changed it. 0 or an errno; ELOOP: somebody else's link.
 */
int lnl_append_target(const char *path, char *out, size_t size);
/*
 * Opens |name| of the |folder| (AT_FDCWD: |name| is a path) to be added to, and makes it with
 * permissions |mode| when it is not there. 0 and |*fd|, which never blocks, or an errno: ELOOP (a link), EPERM
 * (somebody else's file in a folder where others may write, or a file with a second name there),
 * EINVAL (no file, pipe or terminal).
 */
int lnl_append_open(int folder, const char *name, mode_t mode, int *fd);

#endif
