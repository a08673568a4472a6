/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/append.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lunel.h"

static bool is_trusted(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

/* Where |path| is: "/var/log/" of "/var/log/x". */
static int folder_of(const char *path, char *out, size_t size)
{
	const char *slash = strrchr(path, '/');
	int n = snprintf(out, size, "%.*s", slash ? (int)(slash - path + 1) : 1,
			 slash ? path : ".");

	return n < 0 || (size_t)n >= size ? ENAMETOOLONG : 0;
}

/* Whether others may put names into it. */
static bool is_shared(const struct stat *folder)
{
	return (folder->st_mode & 022) != 0 || !is_trusted(folder->st_uid);
}

int lnl_append_target(const char *path, char *out, size_t size)
{
	char folder[PATH_MAX], whole[PATH_MAX];
	struct stat link, st;
	int err;

	if (lstat(path, &link) == 0 && S_ISLNK(link.st_mode)) {
		err = folder_of(path, folder, sizeof(folder));
		if (err)
			return err;
		if (stat(folder, &st) < 0)
			return errno;
		/* A sticky folder's links can be replaced by their owners alone. */
		if (!is_trusted(link.st_uid) || (is_shared(&st) && !(st.st_mode & S_ISVTX)))
			return ELOOP;
		if (!realpath(path, whole))
			return errno;
		path = whole;
	}
	if (strlen(path) >= size)
		return ENAMETOOLONG;
	memcpy(out, path, strlen(path) + 1);
	return 0;
}

static int check(int folder, const char *name, int fd)
{
	struct stat st, in;
	char path[PATH_MAX];
	int err = 0;

	if (fstat(fd, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode) && !S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return EINVAL;
	if (folder == AT_FDCWD) {
		err = folder_of(name, path, sizeof(path));
		if (!err && stat(path, &in) < 0)
			err = errno;
	} else if (fstat(folder, &in) < 0) {
		err = errno;
	}
	if (err || !is_shared(&in))
		return err;
	if (!is_trusted(st.st_uid) || (S_ISREG(st.st_mode) && st.st_nlink > 1))
		return EPERM;
	return 0;
}

int lnl_append_open(int folder, const char *name, mode_t mode, int *fd)
{
	const int flags =
		O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int err;

	*fd = openat(folder, name, flags, mode);
	if (*fd < 0)
		return errno;
	err = check(folder, name, *fd);
	if (err) {
		close(*fd);
		*fd = -1;
	}
	return err;
}

ssize_t lnl_write_quietly(int fd, const void *data, size_t len)
{
	static const struct timespec at_once;
	sigset_t pipe, before;
	ssize_t n;
	int error;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	n = write(fd, data, len);
	error = errno;
	if (n < 0 && error == EPIPE)
		sigtimedwait(&pipe, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return n;
}
