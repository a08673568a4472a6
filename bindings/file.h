/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads a configuration's files whole: with a limit, never blocking for good, with who owns them.
 */
#ifndef LNL_BINDINGS_FILE_H
#define LNL_BINDINGS_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LNL_FILE_MAX  ((size_t)4 << 20)
#define LNL_FILE_WAIT 5000 /* milliseconds in all for what is no plain file */

struct lnl_file {
	char *data; /* terminated */
	size_t len;
	uid_t uid;
	mode_t mode;
	int error;	 /* errno, when it failed */
	const char *why; /* a sentence for it; static storage */
};

/*
 * Returns 0, or -1 with error and why set. Folders and devices that never end are refused; pipes
 * may take LNL_FILE_WAIT.
 */
int lnl_file_read(const char *path, struct lnl_file *f);
/* Wipes and releases. */
void lnl_file_free(struct lnl_file *f);

#endif
