/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The helper's files: those that were named before privileges were dropped, read and written for the
 * engine later.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/append.h"
#include "io/process_wire.h"
#include "io/store.h"

/*
 * The folder is kept open: whoever may rename it, or put a link in its place, does not thereby say
 * where root writes.
 */
static int hold_folder(struct lnl_helper_file *f, const char *path)
{
	char whole[PATH_MAX], folder[PATH_MAX];
	const char *slash;
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(path, whole))
		path = whole;
	slash = strrchr(path, '/');
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
	if (slash)
		path = slash + 1;
	if (path[0] == 0 || strcmp(path, ".") == 0 || strcmp(path, "..") == 0)
		return EISDIR;
	if (strlen(path) >= sizeof(f->name))
		return ENAMETOOLONG;
	memcpy(f->name, path, strlen(path) + 1);
	f->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return f->folder < 0 ? errno : 0;
}

static struct lnl_helper_file *find(struct lnl_helper_files *files, const char *path, bool write)
{
	unsigned i;

	for (i = 0; i < files->n; i++)
		if (strcmp(files->list[i].path, path) == 0 && (!write || files->list[i].is_written))
			return &files->list[i];
	return NULL;
}

int lnl_helper_allow(struct lnl_helper_files *files, const char *path, bool write)
{
	struct lnl_helper_file *f = &files->list[files->n];
	int err;

	if (files->sealed)
		return find(files, path, write) ? 0 : EPERM;
	if (files->n == LNL_HELPER_PATHS)
		return ENOSPC;
	if (strlen(path) >= sizeof(f->path))
		return ENAMETOOLONG;
	err = write ? hold_folder(f, path) : 0;
	if (err)
		return err;
	f->is_written = write;
	memcpy(f->path, path, strlen(path) + 1);
	files->n++;
	return 0;
}

/* Where it is: a path through the folder that is held. */
static void place(const struct lnl_helper_file *f, char *path, size_t size)
{
	snprintf(path, size, "/proc/self/fd/%d/%s", f->folder, f->name);
}

int lnl_helper_read(struct lnl_helper_files *files, const char *path, int *fd)
{
	const struct lnl_helper_file *f = find(files, path, false);
	char held[PATH_MAX];

	if (!f)
		return EACCES;
	if (f->is_written) {
		place(f, held, sizeof(held));
		path = held;
	}
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (f->is_written ? O_NOFOLLOW : 0));
	return *fd < 0 ? errno : 0;
}

static int load(int from, char **out, size_t *len)
{
	struct stat st;

	if (fstat(from, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;
	if (st.st_size > LNL_HELPER_FILE)
		return EFBIG;
	*len = (size_t)st.st_size;
	*out = malloc(*len + 1);
	if (!*out)
		return ENOMEM;
	return pread(from, *out, *len, 0) == (ssize_t)*len ? 0 : EIO;
}

int lnl_helper_write(struct lnl_helper_files *files, const char *path, int from, bool durable)
{
	const struct lnl_helper_file *f = find(files, path, true);
	char held[PATH_MAX], *data = NULL;
	size_t len = 0;
	int err;

	if (!f)
		return EACCES;
	err = load(from, &data, &len);
	place(f, held, sizeof(held));
	if (!err)
		err = lnl_store_replace(held, data, len, durable);
	free(data);
	return err;
}

/* What somebody else's link leads to is not held, and so never opened. */
int lnl_helper_allow_append(struct lnl_helper_files *files, const char *path)
{
	char target[PATH_MAX];
	int err = files->sealed ? 0 : lnl_append_target(path, target, sizeof(target));

	if (err)
		return err;
	return find(files, path, true) ? 0 : lnl_helper_allow(files, path, true);
}

int lnl_helper_append(struct lnl_helper_files *files, const char *path, uint32_t mode, int *fd)
{
	const struct lnl_helper_file *f = find(files, path, true);

	return f ? lnl_append_open(f->folder, f->name, mode & 0777, fd) : EACCES;
}
