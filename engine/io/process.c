/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/append.h"
#include "io/process_wire.h"
#include "io/reason.h"
#include "io/store.h"

struct lnl_exec {
	struct lnl_exec *next;
	struct lnl_process *process;
	uint32_t id;
	lnl_exited *done;
	void *ctx;
};

struct lnl_process {
	struct ev_loop *loop;
	pid_t pid;
	int exec_fd, open_fd;
	ev_io io;
	uint32_t next_id;
	struct lnl_exec *first;
	uint8_t *
		/* an answer, whose texts a callback is looking at while it asks for more */
		message;
	uint8_t *request;
};

/* ---- answers ---- */

static struct lnl_exec *take(struct lnl_process *p, uint32_t id)
{
	struct lnl_exec **at, *x;

	for (at = &p->first; (x = *at); at = &x->next) {
		if (x->id == id) {
			*at = x->next;
			return x;
		}
	}
	return NULL;
}

static void tell(struct lnl_exec *x, const struct lnl_exit *e)
{
	x->done(x->ctx, e);
	free(x);
}

/* The helper is gone: everything that waits for it has failed. */
static void lost(struct lnl_process *p)
{
	struct lnl_exit e = { .error = LNL_E_SYSTEM };

	ev_io_stop(p->loop, &p->io);
	while (p->first) {
		struct lnl_exec *x = p->first;

		p->first = x->next;
		tell(x, &e);
	}
}

static void answered(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_process *p = w->data;
	struct lnl_helper_exit h;
	struct lnl_exit e = { 0 };
	struct lnl_exec *x;
	ssize_t n = recv(p->exec_fd, p->message, LNL_HELPER_MESSAGE, 0);

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(h)) {
		lost(p);
		return;
	}
	memcpy(&h, p->message, sizeof(h));
	if (sizeof(h) + h.out_len + h.err_len != (size_t)n)
		return;
	x = take(p, h.id);
	if (!x)
		return;
	e.error = h.error;
	e.status = h.status;
	e.timeout = h.timeout != 0;
	e.out = (const char *)p->message + sizeof(h);
	e.out_len = h.out_len;
	e.err = e.out + h.out_len;
	e.err_len = h.err_len;
	tell(x, &e);
}

/* ---- life ---- */

static void become_helper(int exec_fd, int open_fd)
{
	unsigned low = (unsigned)(exec_fd < open_fd ? exec_fd : open_fd);
	unsigned high = (unsigned)(exec_fd < open_fd ? open_fd : exec_fd);

	/* Standard streams stay; all else of the parent's is not the helper's business. */
	if (low > 3)
		close_range(3, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
	lnl_helper_run(exec_fd, open_fd);
}

static void release(struct lnl_process *p)
{
	if (!p)
		return;
	free(p->message);
	free(p->request);
	free(p);
}

/* An answer is one message, whatever the system's default for buffers is. */
static void widen(int fd)
{
	int size = 2 * LNL_HELPER_MESSAGE;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int lnl_process_new(struct lnl_process **out, struct ev_loop *loop, void (*wipe)(void *ctx),
		    void *ctx, struct lnl_reason *why)
{
	struct lnl_process *p = calloc(1, sizeof(*p));
	int type = SOCK_SEQPACKET | SOCK_CLOEXEC, a[2] = { -1, -1 }, b[2] = { -1, -1 }, err;

	*out = NULL;
	if (p) {
		p->message = malloc(LNL_HELPER_MESSAGE);
		p->request = malloc(LNL_HELPER_REQUEST);
	}
	if (!p || !p->message || !p->request) {
		release(p);
		return lnl_reason_set(why, LNL_E_NOMEM, "%s", lnl_error_text(LNL_E_NOMEM));
	}
	p->pid = -1;
	if (socketpair(AF_UNIX, type, 0, a) == 0 && socketpair(AF_UNIX, type, 0, b) == 0) {
		widen(a[0]);
		widen(a[1]);
		p->pid = fork();
	}
	if (p->pid == 0) {
		if (wipe)
			wipe(ctx);
		become_helper(a[1], b[1]);
	}
	err = errno; /* closing what was never opened is another error */
	close(a[1]);
	close(b[1]);
	p->exec_fd = a[0];
	p->open_fd = b[0];
	p->loop = loop;
	ev_io_init(&p->io, answered, p->exec_fd, EV_READ);
	p->io.data = p;
	if (p->pid < 0) {
		lnl_process_free(p);
		return lnl_reason_errno(why, err, "cannot start the helper process");
	}
	fcntl(p->exec_fd, F_SETFL, O_NONBLOCK);
	ev_io_start(loop, &p->io);
	*out = p;
	return 0;
}

void lnl_process_free(struct lnl_process *p)
{
	if (!p)
		return;
	ev_io_stop(p->loop, &p->io);
	while (p->first) {
		struct lnl_exec *x = p->first;

		p->first = x->next;
		free(x);
	}
	close(p->exec_fd); /* which ends it */
	close(p->open_fd);
	if (p->pid > 0)
		waitpid(p->pid, NULL, 0);
	release(p);
}

/* ---- running programs ---- */

static bool append(uint8_t *message, size_t *len, const void *data, size_t n)
{
	if (n > LNL_HELPER_REQUEST - *len)
		return false;
	if (n)
		memcpy(message + *len, data, n);
	*len += n;
	return true;
}

static bool append_strings(uint8_t *message, size_t *len, const char *const *list, uint32_t *count)
{
	for (*count = 0; list && list[*count]; ++*count)
		if (!append(message, len, list[*count], strlen(list[*count]) + 1))
			return false;
	return true;
}

/* 0: no limit. What does not fit (49 days) is the longest there is. */
static uint32_t milliseconds(double seconds)
{
	if (!(seconds > 0))
		return 0;
	return seconds < UINT32_MAX / 1000 ? (uint32_t)(seconds * 1000) + 1 : UINT32_MAX;
}

struct lnl_exec *lnl_process_exec(struct lnl_process *p, const char *const *argv,
				  const char *const *env, const char *input, size_t input_len,
				  double timeout, lnl_exited *done, void *ctx)
{
	struct lnl_helper_exec h = { .op = LNL_HELPER_EXEC, .input_len = (uint32_t)input_len };
	struct lnl_exec *x = calloc(1, sizeof(*x));
	size_t len = sizeof(h);

	if (!x)
		return NULL;
	h.id = ++p->next_id;
	h.timeout_ms = milliseconds(timeout);
	if (!append_strings(p->request, &len, argv, &h.argc) || h.argc == 0 ||
	    !append_strings(p->request, &len, env, &h.envc) ||
	    !append(p->request, &len, input, input_len)) {
		free(x);
		return NULL;
	}
	memcpy(p->request, &h, sizeof(h));
	if (send(p->exec_fd, p->request, len, MSG_NOSIGNAL) < 0) {
		free(x);
		return NULL;
	}
	x->process = p;
	x->id = h.id;
	x->done = done;
	x->ctx = ctx;
	x->next = p->first;
	p->first = x;
	return x;
}

void lnl_process_cancel(struct lnl_exec *x)
{
	struct lnl_helper_exec h = { .op = LNL_HELPER_KILL };

	if (!x)
		return;
	h.id = x->id;
	take(x->process, x->id);
	send(x->process->exec_fd, &h, sizeof(h), MSG_NOSIGNAL);
	free(x);
}

/* ---- opening ---- */

/* The request, and with it the descriptor |give| unless that is -1. */
static bool send_request(const struct lnl_process *p, struct lnl_helper_path *m, int give)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (give >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &give, sizeof(give));
	}
	return sendmsg(p->open_fd, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(*m);
}

/*
 * Asks and waits: the helper answers at once, and these are rare. Returns an errno; |*fd| is -1
 * without a descriptor.
 */
static int ask(struct lnl_process *p, struct lnl_helper_path *m, int give, int *fd)
{
	char control[CMSG_SPACE(sizeof(int))];
	int32_t answer = EIO;
	struct iovec iov = { &answer, sizeof(answer) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;

	*fd = -1;
	if (!p)
		return ENOSYS;
	if (!send_request(p, m, give) ||
	    recvmsg(p->open_fd, &msg, MSG_CMSG_CLOEXEC) < (ssize_t)sizeof(answer))
		return EIO;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof(*fd));
	return answer;
}

static int ask_with(struct lnl_process *p, enum lnl_helper_open op, const char *path, int give,
		    int *fd)
{
	struct lnl_helper_path m = { .op = op };

	*fd = -1;
	if (strlen(path) >= sizeof(m.u.path))
		return ENAMETOOLONG;
	memcpy(m.u.path, path, strlen(path) + 1);
	return ask(p, &m, give, fd);
}

static int ask_open(struct lnl_process *p, enum lnl_helper_open op, const char *path, int *fd)
{
	return ask_with(p, op, path, -1, fd);
}

int lnl_process_open_tun(struct lnl_process *p)
{
	int fd;

	return ask_open(p, LNL_HELPER_TUN, "", &fd) == 0 ? fd : -1;
}

static int ask_bind(struct lnl_process *p, int type, const struct lnl_addr *local, bool v6only,
		    bool shared)
{
	struct lnl_helper_path m = { .op = LNL_HELPER_BIND };
	int fd, err;

	m.u.bind.type = type;
	m.u.bind.v6only = v6only;
	m.u.bind.shared = shared;
	m.u.bind.local = *local;
	err = ask(p, &m, -1, &fd);
	if (err != 0)
		return -err;
	return fd >= 0 ? fd : -EIO;
}

int lnl_process_bind(struct lnl_process *p, int type, const struct lnl_addr *local, bool v6only)
{
	return ask_bind(p, type, local, v6only, false);
}

int lnl_process_bind_shared(struct lnl_process *p, const struct lnl_addr *local, bool v6only)
{
	return ask_bind(p, SOCK_DGRAM, local, v6only, true);
}

int lnl_process_listen(struct lnl_process *p, const char *path,
		       const struct lnl_socket_owner *owner)
{
	struct lnl_helper_path m = { .op = LNL_HELPER_LISTEN };
	int fd, err;

	if (strlen(path) >= sizeof(m.u.listen.path))
		return -ENAMETOOLONG;
	memcpy(m.u.listen.path, path, strlen(path) + 1);
	m.u.listen.uid = owner->uid;
	m.u.listen.gid = owner->gid;
	m.u.listen.mode = owner->mode;
	err = ask(p, &m, -1, &fd);
	if (err != 0)
		return -err;
	return fd >= 0 ? fd : -EIO;
}

void lnl_process_unlisten(struct lnl_process *p, const char *path)
{
	int fd;

	ask_open(p, LNL_HELPER_REMOVE, path, &fd);
}

static int allow(struct lnl_process *p, enum lnl_helper_open op, const char *path)
{
	int fd;

	switch (ask_open(p, op, path, &fd)) {
	case 0:
		return 0;
	case EPERM:
		return LNL_E_STATE;
	case ENOSPC:
	case ENAMETOOLONG:
		return LNL_E_LIMIT;
	case EACCES:
	case ELOOP:
		return LNL_E_PERM;
	case ENOENT:
	case ENOTDIR:
		return LNL_E_NOTFOUND;
	default:
		return LNL_E_SYSTEM;
	}
}

int lnl_process_allow(struct lnl_process *p, const char *path)
{
	return allow(p, LNL_HELPER_ALLOW, path);
}

int lnl_process_allow_write(struct lnl_process *p, const char *path)
{
	return allow(p, LNL_HELPER_ALLOW_WRITE, path);
}

int lnl_process_allow_append(struct lnl_process *p, const char *path)
{
	return allow(p, LNL_HELPER_ALLOW_APPEND, path);
}

static int append_by_helper(struct lnl_process *p, const char *path, unsigned mode, int *fd)
{
	struct lnl_helper_path m = { .op = LNL_HELPER_APPEND, .mode = mode };

	if (!p)
		return EACCES;
	if (strlen(path) >= sizeof(m.u.path))
		return ENAMETOOLONG;
	memcpy(m.u.path, path, strlen(path) + 1);
	return ask(p, &m, -1, fd);
}

int lnl_process_append(struct lnl_process *p, const char *path, unsigned mode, int *fd,
		       struct lnl_reason *why)
{
	char target[PATH_MAX];
	int err = lnl_append_target(path, target, sizeof(target));

	*fd = -1;
	if (!err)
		err = lnl_append_open(AT_FDCWD, target, mode & 0777, fd);
	if (err == EACCES)
		err = append_by_helper(p, path, mode, fd);
	if (!err && *fd < 0)
		err = EIO;
	switch (err) {
	case 0:
		return 0;
	case ELOOP:
		return lnl_reason_set(why, LNL_E_PERM,
				      "cannot write %s: it is a link that others may have made",
				      path);
	case EPERM:
		return lnl_reason_set(
			why, LNL_E_PERM,
			"cannot write %s: it is somebody else's, where others may write", path);
	case EINVAL:
		return lnl_reason_set(why, LNL_E_INVAL, "cannot write %s: it is no file", path);
	default:
		return lnl_reason_errno(why, err, "cannot write %s", path);
	}
}

void lnl_process_seal(struct lnl_process *p)
{
	int fd;

	ask_open(p, LNL_HELPER_SEAL, "", &fd);
}

static int read_all(int fd, char **out, size_t *len)
{
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return LNL_E_SYSTEM;
	if (st.st_size > LNL_HELPER_FILE)
		return LNL_E_LIMIT;
	*out = calloc(1, (size_t)st.st_size + 1);
	if (!*out)
		return LNL_E_NOMEM;
	for (*len = 0; *len < (size_t)st.st_size; *len += (size_t)n) {
		n = read(fd, *out + *len, (size_t)st.st_size - *len);
		if (n <= 0)
			break;
	}
	return 0;
}

int lnl_process_read(struct lnl_process *p, const char *path, char **out, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err = errno, rc;

	*out = NULL;
	*len = 0;
	if (fd < 0 && err == EACCES)
		err = ask_open(p, LNL_HELPER_READ, path, &fd);
	if (fd < 0)
		return lnl_reason_errno(NULL, err, "%s", path);
	rc = read_all(fd, out, len);
	close(fd);
	return rc;
}

static int write_all(int fd, const char *data, size_t len)
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
	return 0;
}

/* By the helper, which gets the bytes in a file that has no name. */
static int write_by_helper(struct lnl_process *p, const char *path, const void *data, size_t len,
			   bool durable)
{
	int from, none, err;

	if (!p)
		return EACCES;
	from = memfd_create("lunel-write", MFD_CLOEXEC);
	if (from < 0)
		return errno;
	err = write_all(from, data, len);
	if (!err)
		err = ask_with(p, durable ? LNL_HELPER_SAVE : LNL_HELPER_WRITE, path, from, &none);
	close(from);
	return err;
}

/* A device or a pipe, which nobody waits for. */
static int write_into(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), err = 0;
	struct stat st;

	if (fd < 0)
		return errno;
	if (fstat(fd, &st) < 0)
		err = errno;
	else if (!S_ISCHR(st.st_mode) && !S_ISFIFO(st.st_mode))
		err = EINVAL;
	else
		err = write_all(fd, data, len);
	close(fd);
	return err == EAGAIN ? 0 : err;
}

static int write_ourselves(const char *path, const void *data, size_t len, bool durable)
{
	char target[PATH_MAX];
	struct stat st;
	int err;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && realpath(path, target))
		path = target;
	err = lnl_store_replace(path, data, len, durable);
	return err == EINVAL ? write_into(path, data, len) : err;
}

int lnl_process_write(struct lnl_process *p, const char *path, const void *data, size_t len,
		      bool durable, struct lnl_reason *why)
{
	int err;

	if (len > LNL_HELPER_FILE)
		return lnl_reason_set(why, LNL_E_LIMIT, "cannot write %s: it is above 16 MiB",
				      path);
	err = write_by_helper(p, path, data, len, durable);
	/* It was not asked before, or what it was asked for is no file, or is no longer there. */
	if (err == EACCES || err == EINVAL || err == ENOENT || err == ENOSYS)
		err = write_ourselves(path, data, len, durable);
	return lnl_store_failed(path, err, why);
}
