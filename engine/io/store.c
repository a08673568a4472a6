/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/reason.h"

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		len -= (size_t)n;
	}
	return fsync(fd);
}

/* The name of the new file is on disk only once its folder is. */
static void sync_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd;

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path + 1) : 1,
		 slash ? path : ".");
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	fsync(fd);
	close(fd);
}

int lnl_store_write(const char *path, const void *data, size_t len, struct lnl_reason *why)
{
	char temporary[PATH_MAX];
	int fd, err;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= (int)sizeof(temporary))
		return lnl_reason_errno(why, ENAMETOOLONG, "cannot write %s", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return lnl_reason_errno(why, errno, "cannot write %s", path);
	err = write_all(fd, data, len) < 0 ? errno : 0;
	if (close(fd) < 0 && err == 0)
		err = errno;
	if (err == 0 && rename(temporary, path) < 0)
		err = errno;
	if (err != 0) {
		unlink(temporary);
		return lnl_reason_errno(why, err, "cannot write %s", path);
	}
	sync_folder(path);
	return 0;
}

static int read_all(int fd, char **out, size_t *len)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return errno;
	if (!S_ISREG(st.st_mode))
		return EINVAL;
	if ((size_t)st.st_size > LNL_STORE_MAX)
		return EFBIG;
	*out = calloc(1, (size_t)st.st_size + 1);
	if (!*out)
		return ENOMEM;
	while (*len < (size_t)st.st_size) {
		ssize_t n = read(fd, *out + *len, (size_t)st.st_size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno;
		if (n == 0)
			break;
		*len += (size_t)n;
	}
	return 0;
}

int lnl_store_read(const char *path, char **out, size_t *len, struct lnl_reason *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = fd < 0 ? errno : 0;

	*out = NULL;
	*len = 0;
	if (fd >= 0) {
		err = read_all(fd, out, len);
		close(fd);
	}
	if (err == 0)
		return 0;
	free(*out);
	*out = NULL;
	*len = 0;
	if (err == EFBIG)
		return lnl_reason_set(why, LNL_E_LIMIT, "%s is too large", path);
	if (err == ENOMEM)
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	return lnl_reason_errno(why, err, "cannot read %s", path);
}
