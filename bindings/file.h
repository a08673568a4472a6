/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads a configuration's files whole: with a limit, never blocking for good, with who owns them. And
 * writes those that programs read.
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
/*
 * Makes a new file in |folder| with |len| bytes of |text|, for its owner alone, and writes its path
 * to |path|, which has room for |cap| bytes. Returns 0, or -1 with errno set, and there is no file.
 */
int lnl_file_temporary(const char *folder, const char *text, size_t len, char *path, size_t cap);

#endif
