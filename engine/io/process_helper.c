/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The helper's side: a process of its own with a loop of its own. It trusts the engine's requests
 * only as far as their sizes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/listen.h"
#include "io/process.h"
#include "io/process_wire.h"

#define SAFE_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stream {
	ev_io io;
	struct job *job;
	char *data;
	size_t len;
};

/* A program that runs, or ran and whose output is still coming. */
struct job {
	struct job *next;
	uint32_t id;
	pid_t pid;
	bool exited, timeout, silent;
	int status;
	ev_child child;
	ev_timer timer;
	struct stream out, err;
	ev_io in;
	char *input;
	size_t input_len, input_at;
};

/* A Unix socket that was asked for; |bound| while the one that we made has to be removed. */
struct made {
	bool bound;
	dev_t dev;
	ino_t ino;
	char path[LNL_HELPER_SOCKET];
};

struct helper {
	struct ev_loop *loop;
	int exec_fd, open_fd;
	ev_io exec_io, open_io;
	struct job *jobs;
	struct lnl_helper_files files;
	unsigned n_sockets;
	struct made sockets[LNL_HELPER_SOCKETS];
	uint8_t message[LNL_HELPER_MESSAGE];
};

/* The one of this process, which does nothing else. */
static struct helper *self;

/* ---- the end of a program ---- */

/* With its children; before it has a session of its own there are none. */
static void kill_all(const struct job *j)
{
	if (kill(-j->pid, SIGKILL) < 0)
		kill(j->pid, SIGKILL);
}

static void close_watch(ev_io *w)
{
	if (w->fd < 0)
		return;
	ev_io_stop(self->loop, w);
	close(w->fd);
	w->fd = -1;
}

static void report(const struct job *j, int error)
{
	struct lnl_helper_exit h = { .id = j->id,
				     .error = error,
				     .status = j->status,
				     .timeout = j->timeout,
				     .out_len = (uint32_t)j->out.len,
				     .err_len = (uint32_t)j->err.len };
	struct iovec iov[3] = { { &h, sizeof(h) },
				{ j->out.data, j->out.len },
				{ j->err.data, j->err.len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 3 };

	if (sendmsg(self->exec_fd, &msg, MSG_NOSIGNAL) >= 0 || errno != EMSGSIZE)
		return;
	/* How it ended counts more than what it said. */
	h.out_len = h.err_len = 0;
	msg.msg_iovlen = 1;
	sendmsg(self->exec_fd, &msg, MSG_NOSIGNAL);
}

static void drop_job(struct job *j)
{
	struct job **p = &self->jobs;

	while (*p != j)
		p = &(*p)->next;
	*p = j->next;
	ev_child_stop(self->loop, &j->child);
	ev_timer_stop(self->loop, &j->timer);
	close_watch(&j->out.io);
	close_watch(&j->err.io);
	close_watch(&j->in);
	free(j->out.data);
	free(j->err.data);
	free(j->input);
	free(j);
}

static void finish_if_done(struct job *j)
{
	if (!j->exited || j->out.io.fd >= 0 || j->err.io.fd >= 0)
		return;
	if (!j->silent)
		report(j, 0);
	drop_job(j);
}

static void child_exited(struct ev_loop *loop, ev_child *w, int revents)
{
	struct job *j = w->data;

	(void)revents;
	ev_child_stop(loop, w);
	j->exited = true;
	j->status = WIFSIGNALED(w->rstatus) ? 128 + WTERMSIG(w->rstatus) : WEXITSTATUS(w->rstatus);
	/* A grandchild may hold the pipes for ever: what has come by now is what counts. */
	ev_timer_stop(loop, &j->timer);
	ev_timer_set(&j->timer, 0.2, 0);
	ev_timer_start(loop, &j->timer);
	finish_if_done(j);
}

static void time_is_up(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct job *j = w->data;

	(void)loop;
	(void)revents;
	if (j->exited) {
		close_watch(&j->out.io);
		close_watch(&j->err.io);
		finish_if_done(j);
		return;
	}
	j->timeout = true;
	kill_all(j);
}

/* ---- its streams ---- */

static void readable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct stream *s = w->data;
	char spill[4096];
	bool room = s->len < LNL_EXEC_OUTPUT;
	ssize_t n = read(w->fd, room ? s->data + s->len : spill,
			 room ? LNL_EXEC_OUTPUT - s->len : sizeof(spill));

	(void)loop;
	(void)revents;
	if (n > 0) {
		if (room)
			s->len += (size_t)n;
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close_watch(w);
	finish_if_done(s->job);
}

static void writable(struct ev_loop *loop, ev_io *w, int revents)
{
	struct job *j = w->data;
	ssize_t n = write(w->fd, j->input + j->input_at, j->input_len - j->input_at);

	(void)loop;
	(void)revents;
	if (n > 0)
		j->input_at += (size_t)n;
	else if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0 || j->input_at == j->input_len)
		close_watch(w);
}

/* ---- starting ---- */

/* Variables by which a peer's data could become code, or choose which program runs. */
static bool is_dangerous(const char *var)
{
	static const char *const starts[] = {
		"LD_",		"PATH=",	"IFS=",		"ENV=",	     "BASH_",
		"SHELLOPTS=",	"PS4=",		"GCONV_",	"PYTHON",    "PERL",
		"RUBY",		"NODE_",	"LUA_",		"GLIBC_",    "MALLOC_",
		"HOSTALIASES=", "LOCALDOMAIN=", "RES_OPTIONS=", "SHELL=",    "OPENSSL_",
		"SSL_CERT_",	"JAVA_TOOL_",	"_JAVA_",	"JDK_JAVA_", "GIT_",
	};
	size_t i;

	if (!strchr(var, '=') || var[0] == '=')
		return true;
	for (i = 0; i < sizeof(starts) / sizeof(*starts); i++)
		if (strncmp(var, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

/* In the child. Returns only when the program cannot be run. */
static void become(char **argv, char **env, const int in[2], const int out[2], const int err[2])
{
	sigset_t none;
	int i;

	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 1; i < 32; i++)
		signal(i, SIG_DFL);
	if (dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
		return;
	syscall(SYS_close_range, 3U, ~0U, 0U);
	clearenv();
	setenv("PATH", SAFE_PATH, 1); /* where execvpe looks */
	execvpe(argv[0], argv, env);
}

static void watch(ev_io *w, void (*cb)(struct ev_loop *, ev_io *, int), void *data, int fd,
		  int events)
{
	fcntl(fd, F_SETFL, O_NONBLOCK);
	ev_io_init(w, cb, fd, events);
	w->data = data;
	ev_io_start(self->loop, w);
}

static bool spawn(struct job *j, char **argv, char **env)
{
	int p[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } }, i;
	bool ok = true;

	for (i = 0; i < 3; i++)
		ok = ok && pipe2(p[i], O_CLOEXEC) == 0;
	j->pid = ok ? fork() : -1;
	if (j->pid == 0) {
		become(argv, env, p[0], p[1], p[2]);
		_exit(errno == ENOENT ? 127 : 126); /* as a shell has it */
	}
	for (i = 0; i < 3; i++)
		close(p[i][i == 0 ? 0 : 1]);
	if (j->pid < 0) {
		for (i = 0; i < 3; i++)
			close(p[i][i == 0 ? 1 : 0]);
		return false;
	}
	watch(&j->out.io, readable, &j->out, p[1][0], EV_READ);
	watch(&j->err.io, readable, &j->err, p[2][0], EV_READ);
	watch(&j->in, writable, j, p[0][1], EV_WRITE);
	ev_child_init(&j->child, child_exited, j->pid, 0);
	j->child.data = j;
	ev_child_start(self->loop, &j->child);
	return true;
}

static struct job *new_job(const struct lnl_helper_exec *h, const char *input)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return NULL;
	j->id = h->id;
	j->out.io.fd = j->err.io.fd = j->in.fd = -1;
	j->out.job = j->err.job = j;
	j->out.data = malloc(LNL_EXEC_OUTPUT);
	j->err.data = malloc(LNL_EXEC_OUTPUT);
	j->input = malloc(h->input_len + 1);
	ev_init(&j->child, child_exited);
	ev_timer_init(&j->timer, time_is_up, h->timeout_ms / 1000.0, 0);
	j->timer.data = j;
	j->next = self->jobs;
	self->jobs = j;
	if (j->input) {
		memcpy(j->input, input, h->input_len);
		j->input_len = h->input_len;
	}
	return j;
}

/* Takes |n| strings at |*at| into |list|, which ends with NULL. */
static bool take_strings(char **at, const char *end, uint32_t n, char **list, bool vars)
{
	static char path[] = "PATH=" SAFE_PATH;
	uint32_t i, kept = 0;

	for (i = 0; i < n; i++) {
		char *nul = memchr(*at, 0, (size_t)(end - *at));

		if (!nul)
			return false;
		if (!vars || !is_dangerous(*at))
			list[kept++] = *at;
		*at = nul + 1;
	}
	if (vars)
		list[kept++] = path;
	list[kept] = NULL;
	return true;
}

static void run(struct lnl_helper_exec *h, char *at, char *end)
{
	char **argv = calloc(h->argc + 1, sizeof(*argv));
	char **env = calloc(h->envc + 2, sizeof(*env));
	struct job *j = NULL;
	bool ok = argv && env && h->argc > 0 && take_strings(&at, end, h->argc, argv, false) &&
		  take_strings(&at, end, h->envc, env, true) && (size_t)(end - at) == h->input_len;

	if (ok)
		j = new_job(h, at);
	if (j && j->out.data && j->err.data && j->input && spawn(j, argv, env)) {
		if (h->timeout_ms)
			ev_timer_start(self->loop, &j->timer);
	} else if (j) {
		report(j, LNL_E_SYSTEM);
		drop_job(j);
	} else {
		struct job none = { .id = h->id };

		report(&none, LNL_E_SYSTEM);
	}
	free(argv);
	free(env);
}

/* ---- Unix sockets that listen ---- */

/* Takes away what lies at |path|, unless another has come in the place of |made|. */
static void remove_if_same(const char *path, const struct stat *made)
{
	struct stat st;

	if (lstat(path, &st) == 0 && st.st_dev == made->st_dev && st.st_ino == made->st_ino)
		unlink(path);
}

static void remove_made(struct made *m)
{
	const struct stat made = { .st_dev = m->dev, .st_ino = m->ino };

	if (m->bound)
		remove_if_same(m->path, &made);
	m->bound = false;
}

/* Makes way at |a|, where nobody listens: 0, or an errno. */
static int clear_way(const struct sockaddr_un *a)
{
	struct stat st;
	int fd, rc;

	if (lstat(a->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : errno;
	if (!S_ISSOCK(st.st_mode))
		return EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return errno;
	rc = connect(fd, (const struct sockaddr *)a, sizeof(*a));
	if (rc < 0)
		rc = errno;
	close(fd);
	/* A socket of another type, or one that has too much to do, has somebody, too. */
	if (rc != ECONNREFUSED)
		return rc == EACCES || rc == EPERM ? rc : EADDRINUSE;
	return unlink(a->sun_path) < 0 ? errno : 0;
}

/* By the file that was looked at, whatever its name leads to meanwhile. */
static int give_to(const char *path, uint32_t uid, uint32_t gid, struct stat *made)
{
	int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (fstat(fd, made) < 0) {
		err = errno;
		*made = (struct stat){ 0 };
	} else if (!S_ISSOCK(made->st_mode) || made->st_uid != geteuid()) {
		err = EEXIST;
		*made = (struct stat){ 0 }; /* somebody else's: it stays */
	} else if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) < 0)
		err = errno;
	close(fd);
	return err;
}

/* Its permissions are there from the start: nobody connects in between. */
static int bind_local(int fd, const struct sockaddr_un *a, const struct lnl_helper_path *m,
		      struct stat *made)
{
	mode_t before = umask(~m->u.listen.mode & 0777);
	int err = bind(fd, (const struct sockaddr *)a, sizeof(*a)) < 0 ? errno : 0;

	*made = (struct stat){ 0 };
	umask(before);
	if (err)
		return err;
	err = give_to(a->sun_path, m->u.listen.uid, m->u.listen.gid, made);
	if (!err && listen(fd, SOMAXCONN) < 0)
		err = errno;
	if (err && made->st_ino != 0)
		remove_if_same(a->sun_path, made);
	return err;
}

static struct made *made_at(const char *path)
{
	unsigned i;

	for (i = 0; i < self->n_sockets; i++)
		if (strcmp(self->sockets[i].path, path) == 0)
			return &self->sockets[i];
	return NULL;
}

static int listen_for(const struct lnl_helper_path *m, int *fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct made *s;
	struct stat st;
	int err;

	memcpy(a.sun_path, m->u.listen.path, sizeof(a.sun_path));
	a.sun_path[sizeof(a.sun_path) - 1] = 0;
	s = made_at(a.sun_path);
	if (!s && self->files.sealed)
		return EPERM;
	if (!s && self->n_sockets == LNL_HELPER_SOCKETS)
		return ENOSPC;
	err = a.sun_path[0] == 0 ? EINVAL : clear_way(&a);
	if (err)
		return err;
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = *fd < 0 ? errno : bind_local(*fd, &a, m, &st);
	if (err)
		return err;
	if (!s)
		s = &self->sockets[self->n_sockets++];
	memcpy(s->path, a.sun_path, sizeof(s->path));
	s->bound = true;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	return 0;
}

/* ---- requests ---- */

static void kill_job(uint32_t id)
{
	struct job *j;

	for (j = self->jobs; j; j = j->next) {
		if (j->id == id) {
			j->silent = true;
			if (!j->exited)
				kill_all(j);
			return;
		}
	}
}

static void end(void)
{
	struct job *j;

	for (unsigned i = 0; i < self->n_sockets; i++)
		remove_made(&self->sockets[i]);
	for (j = self->jobs; j; j = j->next)
		if (!j->exited)
			kill_all(j);
	_exit(0);
}

static void exec_asked(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_helper_exec h;
	ssize_t n = recv(w->fd, self->message, sizeof(self->message) - 1, 0);

	(void)loop;
	(void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(h))
		end();
	memcpy(&h, self->message, sizeof(h));
	if (h.op == LNL_HELPER_KILL)
		kill_job(h.id);
	else if (h.op == LNL_HELPER_EXEC && h.argc < LNL_HELPER_REQUEST &&
		 h.envc < LNL_HELPER_REQUEST)
		run(&h, (char *)self->message + sizeof(h), (char *)self->message + n);
}

/* Of the requests' structs only these two kinds of each, and no length but theirs. */
static int bind_for(const struct lnl_helper_path *m, int *fd)
{
	const struct lnl_addr *local = &m->u.bind.local;
	struct lnl_addr checked;

	if (self->files.sealed)
		return EPERM;
	if ((m->u.bind.type != SOCK_DGRAM && m->u.bind.type != SOCK_STREAM) ||
	    (m->u.bind.shared && m->u.bind.type != SOCK_DGRAM) || local->len > sizeof(local->u) ||
	    lnl_addr_from_sockaddr(&checked, &local->u.sa, local->len) < 0)
		return EINVAL;
	if (m->u.bind.shared)
		*fd = lnl_listen_bind_shared(&checked, m->u.bind.v6only != 0);
	else
		*fd = lnl_listen_bind(m->u.bind.type, &checked, m->u.bind.v6only != 0);
	if (*fd >= 0)
		return 0;
	return -*fd;
}

/* |given| is a descriptor that came with the request, or -1. */
static int open_for(const struct lnl_helper_path *m, int given, int *fd)
{
	struct made *made;

	switch (m->op) {
	case LNL_HELPER_TUN:
		*fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
		return *fd < 0 ? errno : 0;
	case LNL_HELPER_ALLOW:
	case LNL_HELPER_ALLOW_WRITE:
		return lnl_helper_allow(&self->files, m->u.path, m->op == LNL_HELPER_ALLOW_WRITE);
	case LNL_HELPER_ALLOW_APPEND:
		return lnl_helper_allow_append(&self->files, m->u.path);
	case LNL_HELPER_APPEND:
		return lnl_helper_append(&self->files, m->u.path, m->mode, fd);
	case LNL_HELPER_SEAL:
		self->files.sealed = true;
		return 0;
	case LNL_HELPER_READ:
		return lnl_helper_read(&self->files, m->u.path, fd);
	case LNL_HELPER_SAVE:
	case LNL_HELPER_WRITE:
		return lnl_helper_write(&self->files, m->u.path, given, m->op == LNL_HELPER_SAVE);
	case LNL_HELPER_BIND:
		return bind_for(m, fd);
	case LNL_HELPER_LISTEN:
		return listen_for(m, fd);
	case LNL_HELPER_REMOVE:
		made = made_at(m->u.path);
		if (made)
			remove_made(made);
		return 0;
	default:
		return EINVAL;
	}
}

/* The next request, and the descriptor that came with it, or -1. Ends with the engine. */
static int take_request(int from, struct lnl_helper_path *m)
{
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*m))
		end();
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	if (m->op != LNL_HELPER_BIND && m->op != LNL_HELPER_LISTEN)
		m->u.path[sizeof(m->u.path) - 1] = 0;
	return fd;
}

static void open_asked(struct ev_loop *loop, ev_io *w, int revents)
{
	struct lnl_helper_path m;
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	int32_t answer;
	struct iovec iov = { &answer, sizeof(answer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int fd = -1, given;

	(void)loop;
	(void)revents;
	given = take_request(w->fd, &m);
	answer = open_for(&m, given, &fd);
	if (given >= 0)
		close(given);
	if (answer == 0 && fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	sendmsg(w->fd, &msg, MSG_NOSIGNAL);
	if (fd >= 0)
		close(fd);
}

void lnl_helper_run(int exec_fd, int open_fd)
{
	sigset_t none;

	prctl(PR_SET_NAME, "lunel-helper");
	prctl(PR_SET_DUMPABLE, 0); /* which the programs it runs do not inherit */
	setsid(); /* a terminal's ^C is the engine's to handle; the helper ends with its sockets */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	self = calloc(1, sizeof(*self));
	if (!self)
		_exit(1);
	self->loop = ev_default_loop(EVFLAG_AUTO | EVFLAG_NOENV);
	if (!self->loop)
		_exit(1);
	self->exec_fd = exec_fd;
	self->open_fd = open_fd;
	ev_io_init(&self->exec_io, exec_asked, exec_fd, EV_READ);
	ev_io_start(self->loop, &self->exec_io);
	ev_io_init(&self->open_io, open_asked, open_fd, EV_READ);
	ev_io_start(self->loop, &self->open_io);
	ev_run(self->loop, 0);
	_exit(0);
}
