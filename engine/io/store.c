/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/reason.h"

/* ---- the new file ---- */

/* Whether |path| names the file that |fd| is. */
static bool is_named(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* False when another has the lock of |fd|; where there are no locks, there is nobody to have one. */
static bool lock(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

/*
 * Removes the new file that a crash left: one whose writer is gone is not locked. Who has the lock of a
 * file alone may rename or remove it, so nobody takes away what another is writing.
 */
static int remove_left(const char *path)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	if (!lock(fd) || !is_named(fd, path))
		err = EBUSY;
	else if (unlink(path) < 0)
		err = errno;
	close(fd);
	return err;
}

/* Makes the new file, empty and locked. */
static int create(const char *path, int *out)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags, 0600), err;

	if (fd < 0 && errno == EEXIST) {
		err = remove_left(path);
		if (err)
			return err;
		fd = open(path, flags, 0600);
	}
	if (fd < 0)
		return errno == EEXIST ? EBUSY : errno;
	if (!lock(fd) || !is_named(fd, path)) {
		close(fd);
		return EBUSY;
	}
	*out = fd;
	return 0;
}

/* Permissions for a group or for all are given only where the group is theirs. */
static int keep_owner(int fd, const struct stat *old)
{
	struct stat own;
	mode_t mode = old->st_mode & 0777;

	if (fstat(fd, &own) < 0)
		return errno;
	if ((own.st_uid != old->st_uid || own.st_gid != old->st_gid) &&
	    fchown(fd, old->st_uid, old->st_gid) < 0)
		mode &= 0700;
	return fchmod(fd, mode) < 0 ? errno : 0;
}

static int write_all(int fd, const char *data, size_t len, bool durable)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		data += n;
		len -= (size_t)n;
	}
	return durable && fsync(fd) < 0 ? errno : 0;
}

/*
 * A name is on disk once its folder is. A file system that cannot do that does what it can: the new
 * file is there already.
 */
static void sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

static int replace(const char *path, const char *fresh, const struct stat *old, const void *data,
		   size_t len, bool durable)
{
	int fd = -1, err = create(fresh, &fd);

	if (err)
		return err;
	if (old)
		err = keep_owner(fd, old);
	if (!err)
		err = write_all(fd, data, len, durable);
	if (!err && rename(fresh, path) < 0)
		err = errno;
	if (err)
		unlink(fresh);
	/* Its lock goes with it, so this comes last. */
	close(fd);
	return err;
}

int lnl_store_replace(const char *path, const void *data, size_t len, bool durable)
{
	char fresh[PATH_MAX];
	struct stat old;
	bool is_there = lstat(path, &old) == 0;
	int err;

	if (!is_there && errno != ENOENT)
		return errno;
	if (is_there && !S_ISREG(old.st_mode))
		return EINVAL;
	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return ENAMETOOLONG;
	err = replace(path, fresh, is_there ? &old : NULL, data, len, durable);
	if (!err && durable)
		sync_folder(path);
	return err;
}

int lnl_store_failed(const char *path, int err, struct lnl_reason *why)
{
	switch (err) {
	case 0:
		return 0;
	case EINVAL:
		return lnl_reason_set(why, LNL_E_INVAL, "cannot write %s: it is no regular file",
				      path);
	case EBUSY:
		return lnl_reason_set(why, LNL_E_EXIST,
				      "cannot write %s: somebody else is writing it", path);
	default:
		return lnl_reason_errno(why, err, "cannot write %s", path);
	}
}

int lnl_store_save(const char *path, const void *data, size_t len, struct lnl_reason *why)
{
	return lnl_store_failed(path, lnl_store_replace(path, data, len, true), why);
}

/* ---- reading ---- */

static int read_all(int fd, char *out, size_t size, size_t *len)
{
	while (*len < size) {
		ssize_t n = read(fd, out + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break; /* it became shorter */
		*len += (size_t)n;
	}
	return 0;
}

static int load(int fd, const char *path, size_t max, char **out, size_t *len,
		struct lnl_reason *why)
{
	struct stat st;
	int err;

	if (fstat(fd, &st) < 0)
		return lnl_reason_errno(why, errno, "cannot read %s", path);
	if (!S_ISREG(st.st_mode))
		return lnl_reason_set(why, LNL_E_INVAL, "cannot read %s: it is no regular file",
				      path);
	if ((uintmax_t)st.st_size > max)
		return lnl_reason_set(why, LNL_E_LIMIT,
				      "cannot read %s: it is larger than %zu bytes", path, max);
	*out = calloc(1, (size_t)st.st_size + 1);
	if (*out == NULL)
		return lnl_reason_errno(why, ENOMEM, "cannot read %s", path);
	err = read_all(fd, *out, (size_t)st.st_size, len);
	return err ? lnl_reason_errno(why, err, "cannot read %s", path) : 0;
}

int lnl_store_load(const char *path, size_t max, char **out, size_t *len, struct lnl_reason *why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), rc;

	*out = NULL;
	*len = 0;
	if (fd < 0)
		return lnl_reason_errno(why, errno, "cannot read %s", path);
	rc = load(fd, path, max, out, len, why);
	close(fd);
	if (rc < 0) {
		free(*out);
		*out = NULL;
		*len = 0;
	}
	return rc;
}
