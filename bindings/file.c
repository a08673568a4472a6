/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int refuse(struct lnl_file *f, int error, const char *why)
{
	f->error = error;
	f->why = why ? why : strerror(error);
	return -1;
}

static int64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int grow(struct lnl_file *f, size_t *cap)
{
	size_t more = *cap ? *cap * 2 : 16384;
	char *data = malloc(more + 1);

	if (!data)
		return -1;
	if (f->data) {
		memcpy(data, f->data, f->len);
		explicit_bzero(f->data, f->len);
		free(f->data);
	}
	f->data = data;
	*cap = more;
	return 0;
}

/* Waits until |fd| can be read; 0 when the time is up. */
static int wait_for(int fd, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = until - milliseconds();

	return left > 0 ? poll(&p, 1, (int)left) : 0;
}

static int read_all(int fd, struct lnl_file *f)
{
	int64_t until = milliseconds() + LNL_FILE_WAIT;
	size_t cap = 0;

	for (;;) {
		ssize_t n;

		if (f->len > LNL_FILE_MAX)
			return refuse(f, EFBIG, "it is larger than 4 MiB");
		if (f->len == cap && grow(f, &cap))
			return refuse(f, ENOMEM, NULL);
		n = read(fd, f->data + f->len, cap - f->len);
		if (n == 0)
			break;
		if (n > 0)
			f->len += (size_t)n;
		else if (errno == EAGAIN && wait_for(fd, until) == 0)
			return refuse(f, ETIMEDOUT, "nothing comes out of it");
		else if (errno != EAGAIN && errno != EINTR)
			return refuse(f, errno, NULL);
	}
	f->data[f->len] = '\0';
	return 0;
}

static int check_kind(struct lnl_file *f, const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return refuse(f, EISDIR, NULL);
	if (S_ISBLK(st->st_mode))
		return refuse(f, EINVAL, "it is a block device");
	if (S_ISREG(st->st_mode) && st->st_size > (off_t)LNL_FILE_MAX)
		return refuse(f, EFBIG, "it is larger than 4 MiB");
	return 0;
}

int lnl_file_read(const char *path, struct lnl_file *f)
{
	struct stat st;
	int fd, rc;

	*f = (struct lnl_file){ 0 };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return refuse(f, errno, NULL);
	if (fstat(fd, &st) < 0) {
		rc = refuse(f, errno, NULL);
	} else {
		f->uid = st.st_uid;
		f->mode = st.st_mode & 07777;
		rc = check_kind(f, &st);
		/* A pipe that nobody has opened for writing yet reads as ended. */
		if (rc == 0 && S_ISFIFO(st.st_mode) &&
		    wait_for(fd, milliseconds() + LNL_FILE_WAIT) == 0)
			rc = refuse(f, ETIMEDOUT, "nothing comes out of it");
		if (rc == 0)
			rc = read_all(fd, f);
	}
	close(fd);
	if (rc) {
		int error = f->error;
		const char *why = f->why;

		lnl_file_free(f);
		f->error = error;
		f->why = why;
	}
	return rc;
}

void lnl_file_free(struct lnl_file *f)
{
	if (f->data)
		explicit_bzero(f->data, f->len);
	free(f->data);
	*f = (struct lnl_file){ 0 };
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int lnl_file_temporary(const char *folder, const char *text, size_t len, char *path, size_t cap)
{
	int n = snprintf(path, cap, "%s/lunel_XXXXXX", folder), fd, error;

	if (n < 0 || (size_t)n >= cap) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	error = write_all(fd, text, len) < 0 ? errno : 0;
	if (close(fd) < 0 && error == 0)
		error = errno;
	if (error) {
		unlink(path);
		errno = error;
	}
	return error ? -1 : 0;
}
