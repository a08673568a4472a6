/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The helper process: programs with what they may see, how they end, and what it opens for whom. */
#include "test_io_namespace.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/process.h"

#define LIMIT 20.0 /* seconds that a test may wait */

struct outcome {
	struct ev_loop *loop;
	unsigned times;
	struct lnl_exit x;
	char out[LNL_EXEC_OUTPUT + 1];
	char err[LNL_EXEC_OUTPUT + 1];
};

static struct ev_loop *loop;
static struct lnl_process *process;

static int set_up(void **state)
{
	struct lnl_reason why;

	(void)state;
	loop = ev_loop_new(EVFLAG_AUTO);
	return loop != NULL ? lnl_process_new(&process, loop, NULL, NULL, &why) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	lnl_process_free(process);
	ev_loop_destroy(loop);
	return 0;
}

static void exited(void *ctx, const struct lnl_exit *x)
{
	struct outcome *o = ctx;

	o->times++;
	o->x = *x;
	memcpy(o->out, x->out, x->out_len);
	o->out[x->out_len] = '\0';
	memcpy(o->err, x->err, x->err_len);
	o->err[x->err_len] = '\0';
	ev_break(loop, EVBREAK_ONE);
}

static void too_long(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
	fail_msg("nothing happened");
}

static void wait_for(const struct outcome *o)
{
	struct ev_timer limit;

	ev_timer_init(&limit, too_long, LIMIT, 0);
	ev_timer_start(loop, &limit);
	while (o->times == 0)
		ev_run(loop, EVRUN_ONCE);
	ev_timer_stop(loop, &limit);
}

static void run_env(struct outcome *o, const char *const *argv, const char *const *env,
		    const char *input, double timeout)
{
	memset(o, 0, sizeof(*o));
	assert_non_null(lnl_process_exec(process, argv, env, input, input ? strlen(input) : 0,
					 timeout, exited, o));
	assert_int_equal(o->times, 0);
	wait_for(o);
	assert_int_equal(o->times, 1);
	assert_int_equal(o->x.error, 0);
}

static void run_shell(struct outcome *o, const char *script, double timeout)
{
	run_env(o, (const char *const[]){ "sh", "-c", script, NULL }, NULL, NULL, timeout);
}

static struct outcome o;

static void output_and_status_come_back(void **state)
{
	static const struct {
		const char *script;
		int status;
		const char *out, *err;
	} t[] = {
		{ "true", 0, "", "" },
		{ "echo out; echo err >&2; exit 3", 3, "out\n", "err\n" },
		{ "kill -TERM $$", 128 + SIGTERM, "", "" },
		{ "kill -KILL $$", 128 + SIGKILL, "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		run_shell(&o, t[i].script, 0);
		assert_int_equal(o.x.status, t[i].status);
		assert_string_equal(o.out, t[i].out);
		assert_string_equal(o.err, t[i].err);
		assert_false(o.x.timeout);
	}
}

/* No shell: what would be syntax there is an argument here. */
static void arguments_are_not_read_by_a_shell(void **state)
{
	(void)state;
	run_env(&o,
		(const char *const[]){ "printf", "%s|", "a b", "$(id)", "; exit 9", "", "*", NULL },
		NULL, NULL, 0);
	assert_string_equal(o.out, "a b|$(id)|; exit 9||*|");
	assert_int_equal(o.x.status, 0);
}

static void what_cannot_be_run_is_said(void **state)
{
	(void)state;
	run_env(&o, (const char *const[]){ "lunel-no-such-program", NULL }, NULL, NULL, 0);
	assert_int_equal(o.x.status, 127);
	run_env(&o, (const char *const[]){ "/nowhere/at/all", NULL }, NULL, NULL, 0);
	assert_int_equal(o.x.status, 127);
	run_env(&o, (const char *const[]){ "/dev/null", NULL }, NULL, NULL, 0);
	assert_int_equal(o.x.status, 126);
}

/* The variables that are passed on, and nothing of the engine's own. */
static void the_environment_is_filtered(void **state)
{
	static const char *const env[] = {
		"common_name=client",
		"route_gateway_1=10.8.0.1",
		"LD_PRELOAD=/tmp/x.so",
		"LD_LIBRARY_PATH=/tmp",
		"PATH=/tmp",
		"IFS=x",
		"ENV=/tmp/rc",
		"BASH_ENV=/tmp/rc",
		"BASH_FUNC_ls%%=() { id; }",
		"SHELLOPTS=xtrace",
		"PYTHONPATH=/tmp",
		"PERL5OPT=-Mx",
		"OPENSSL_CONF=/tmp/x.cnf",
		"JAVA_TOOL_OPTIONS=-javaagent:x.jar",
		"_JAVA_OPTIONS=-javaagent:x.jar",
		"GIT_SSH_COMMAND=id",
		"no-equals-sign",
		"=strange",
		"empty=",
		NULL,
	};

	(void)state;
	assert_int_equal(setenv("LUNEL_SECRET", "leak", 1), 0);
	run_env(&o, (const char *const[]){ "env", NULL }, env, NULL, 0);
	assert_string_equal(o.out, "common_name=client\nroute_gateway_1=10.8.0.1\nempty=\n"
				   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:"
				   "/bin\n");
}

static void only_three_descriptors_are_open(void **state)
{
	int fd = open("/dev/null", O_RDONLY); /* on purpose without close-on-exec */

	(void)state;
	run_env(&o, (const char *const[]){ "ls", "/proc/self/fd", NULL }, NULL, NULL, 0);
	/* 3 is the directory that ls reads */
	assert_string_equal(o.out, "0\n1\n2\n3\n");
	close(fd);
}

static void input_is_fed(void **state)
{
	static char big[100001];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	run_env(&o, (const char *const[]){ "wc", "-c", NULL }, NULL, big, 0);
	assert_string_equal(o.out, "100000\n");
	run_env(&o, (const char *const[]){ "cat", NULL }, NULL, "hello", 0);
	assert_string_equal(o.out, "hello");
	/* Without input there is an end at once; a program that does not read is no trouble. */
	run_env(&o, (const char *const[]){ "cat", NULL }, NULL, NULL, 0);
	assert_string_equal(o.out, "");
	run_env(&o, (const char *const[]){ "true", NULL }, NULL, big, 0);
	assert_int_equal(o.x.status, 0);
}

static void output_is_bounded(void **state)
{
	(void)state;
	run_shell(&o, "head -c 1000000 /dev/zero | tr '\\0' a; head -c 200000 /dev/zero >&2", 0);
	assert_int_equal(o.x.out_len, LNL_EXEC_OUTPUT);
	assert_int_equal(o.x.err_len, LNL_EXEC_OUTPUT);
	assert_int_equal(strspn(o.out, "a"), LNL_EXEC_OUTPUT);
	assert_int_equal(o.x.status, 0);
}

static void what_takes_too_long_is_killed(void **state)
{
	(void)state;
	/* With its children: the pipe would stay open for a minute. */
	run_shell(&o, "echo begun; sleep 60; echo never", 1.0);
	assert_true(o.x.timeout);
	assert_int_equal(o.x.status, 128 + SIGKILL);
	assert_string_equal(o.out, "begun\n");
	/* One that forks into the background and keeps the pipes is not waited for. */
	run_shell(&o, "sleep 60 & echo daemon", 0);
	assert_false(o.x.timeout);
	assert_string_equal(o.out, "daemon\n");
}

/* What is longer than a number of milliseconds holds is long, not short. */
static void a_long_limit_is_no_short_one(void **state)
{
	static const double limits[] = { 4294967.296, 4294967.295, 1e10, 1e300, INFINITY };

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		run_shell(&o, "sleep 0.2; echo done", limits[i]);
		assert_false(o.x.timeout);
		assert_string_equal(o.out, "done\n");
	}
}

/* Why the helper cannot start is said, whichever of its sockets there is none for. */
static void no_descriptors_for_a_helper(void **state)
{
	struct rlimit before, few;
	struct lnl_process *none;
	struct lnl_reason why;
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int free_ones = 0; free_ones < 4; free_ones++) {
		few = before;
		few.rlim_cur = (rlim_t)(next + free_ones);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		assert_true(lnl_process_new(&none, loop, NULL, NULL, &why) < 0);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_null(none);
		assert_non_null(strstr(why.text, strerror(EMFILE)));
		/* And nothing stays open. */
		assert_int_equal(open("/dev/null", O_RDONLY | O_CLOEXEC), next);
		close(next);
	}
}

static void cancelled_is_killed_and_silent(void **state)
{
	struct outcome other;
	struct lnl_exec *x;
	char line[128];
	int p[2];

	(void)state;
	/* The program's end closes the write side of a FIFO that it holds. */
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	snprintf(line, sizeof(line), "/proc/%d/fd/%d", (int)getpid(), p[1]);
	memset(&other, 0, sizeof(other));
	x = lnl_process_exec(process,
			     (const char *const[]){ "sh", "-c", "exec sleep 60 > \"$0\"", line,
						    NULL },
			     NULL, NULL, 0, 0, exited, &other);
	assert_non_null(x);
	lnl_process_cancel(x);
	close(p[1]);
	run_shell(&o, "true", 0);
	assert_int_equal(read(p[0], line, 1), 0);
	close(p[0]);
	assert_int_equal(other.times, 0);
	lnl_process_cancel(NULL);
}

struct chain {
	struct outcome next;
	bool same;
};

/* From a callback the next program is asked for, while the first one's output is looked at. */
static void again(void *ctx, const struct lnl_exit *x)
{
	struct chain *c = ctx;
	char before[16];

	memcpy(before, x->out, x->out_len);
	lnl_process_exec(process, (const char *const[]){ "echo", "second", NULL }, NULL, NULL, 0, 0,
			 exited, &c->next);
	c->same = x->out_len == 6 && memcmp(before, x->out, 6) == 0 &&
		  memcmp(x->out, "first\n", 6) == 0;
}

static void a_callback_may_ask_for_more(void **state)
{
	static struct chain c;

	(void)state;
	assert_non_null(lnl_process_exec(process, (const char *const[]){ "echo", "first", NULL },
					 NULL, NULL, 0, 0, again, &c));
	wait_for(&c.next);
	assert_true(c.same);
	assert_string_equal(c.next.out, "second\n");
}

static void requests_that_are_too_large_are_refused(void **state)
{
	static char big[140000];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	assert_null(lnl_process_exec(process, (const char *const[]){ "true", big, NULL }, NULL,
				     NULL, 0, 0, exited, &o));
	assert_null(lnl_process_exec(process, (const char *const[]){ NULL }, NULL, NULL, 0, 0,
				     exited, &o));
	run_shell(&o, "true", 0);
}

static void count(void *ctx, const struct lnl_exit *x)
{
	unsigned *n = ctx;

	(void)x;
	++*n;
}

static void many_run_at_once(void **state)
{
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 30; i++)
		assert_non_null(lnl_process_exec(process,
						 (const char *const[]){ "sleep", "0.01", NULL },
						 NULL, NULL, 0, 0, count, &n));
	while (n < 30)
		ev_run(loop, EVRUN_ONCE);
}

/*
 * What the parent had open stays with it: a connection to a peer must end when the engine ends it.
 */
static void the_helper_holds_nothing_of_the_engine(void **state)
{
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;
	int fds[2], high;
	char byte;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	high = fcntl(fds[1], F_DUPFD, 900);
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	close(fds[1]);
	close(high);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	lnl_process_free(p);
	ev_loop_destroy(l);
}

/* The engine goes, and with it the helper and what it runs. */
static void the_end_takes_all_along(void **state)
{
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;
	char line[64], byte;
	int fds[2];

	(void)state;
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(line, sizeof(line), "/proc/%d/fd/%d", (int)getpid(), fds[1]);
	memset(&o, 0, sizeof(o));
	assert_non_null(lnl_process_exec(p,
					 (const char *const[]){
						 "sh", "-c", "exec sleep 60 > \"$0\"", line, NULL },
					 NULL, NULL, 0, 0, exited, &o));
	lnl_process_free(p);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
	assert_int_equal(o.times, 0);
	ev_loop_destroy(l);
}

/* ---- opening ---- */

static void tun_is_opened(void **state)
{
	int fd;

	(void)state;
	test_need_tun();
	fd = lnl_process_open_tun(process);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(lnl_process_open_tun(NULL), -1);
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static struct lnl_addr any(const char *ip, uint16_t port)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, ip), 0);
	return lnl_addr_from(&i, port);
}

/* What the socket |fd| is bound to. */
static struct lnl_addr local_of(int fd)
{
	struct sockaddr_storage s;
	struct lnl_addr a;
	socklen_t len = sizeof(s);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&s, &len), 0);
	assert_int_equal(lnl_addr_from_sockaddr(&a, (struct sockaddr *)&s, len), 0);
	return a;
}

static void sockets_are_bound(void **state)
{
	static const struct {
		int type;
		const char *ip;
		bool v6only;
	} t[] = {
		{ SOCK_DGRAM, "127.0.0.1", false }, { SOCK_STREAM, "127.0.0.1", false },
		{ SOCK_DGRAM, "0.0.0.0", true },    { SOCK_STREAM, "0.0.0.0", false },
		{ SOCK_DGRAM, "::1", true },	    { SOCK_STREAM, "::1", false },
		{ SOCK_DGRAM, "::", false },	    { SOCK_STREAM, "::", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_addr want = any(t[i].ip, 0), is;
		int fd = lnl_process_bind(process, t[i].type, &want, t[i].v6only), again;

		if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
			test_skip("no IPv6");
		assert_true(fd >= 0);
		is = local_of(fd);
		assert_int_not_equal(lnl_addr_port(&is), 0);
		lnl_addr_set_port(&want, lnl_addr_port(&is));
		assert_true(lnl_addr_equal(&is, &want));
		assert_int_equal(get(fd, SOL_SOCKET, SO_TYPE), t[i].type);
		assert_int_equal(get(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		/* Of one address of IPv6's alone the kernel says so itself. */
		if (strcmp(t[i].ip, "::") == 0)
			assert_int_equal(get(fd, IPPROTO_IPV6, IPV6_V6ONLY), t[i].v6only);
		/* TCP's is in use once somebody listens. */
		if (t[i].type == SOCK_STREAM)
			assert_int_equal(listen(fd, 1), 0);
		again = lnl_process_bind(process, t[i].type, &want, t[i].v6only);
		assert_int_equal(again, -EADDRINUSE);
		/* The helper keeps none: with ours the port is free. */
		close(fd);
		again = lnl_process_bind(process, t[i].type, &want, t[i].v6only);
		assert_true(again >= 0);
		close(again);
	}
}

static void what_cannot_be_bound(void **state)
{
	static const int types[] = { SOCK_RAW,	  SOCK_SEQPACKET,
				     SOCK_PACKET, 0,
				     -1,	  SOCK_DGRAM | SOCK_NONBLOCK };
	struct lnl_addr a = any("127.0.0.1", 0), odd;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		assert_int_equal(lnl_process_bind(process, types[i], &a, false), -EINVAL);
	for (socklen_t len = 0; len < a.len; len++) {
		odd = a;
		odd.len = len;
		assert_int_equal(lnl_process_bind(process, SOCK_DGRAM, &odd, false), -EINVAL);
	}
	odd = a;
	odd.len = sizeof(odd.u) + 1;
	assert_int_equal(lnl_process_bind(process, SOCK_DGRAM, &odd, false), -EINVAL);
	odd.len = UINT32_MAX;
	assert_int_equal(lnl_process_bind(process, SOCK_DGRAM, &odd, false), -EINVAL);
	odd = any("::1", 0);
	odd.len--;
	assert_int_equal(lnl_process_bind(process, SOCK_DGRAM, &odd, false), -EINVAL);
	odd = a;
	odd.u.sa.sa_family = AF_UNIX;
	assert_int_equal(lnl_process_bind(process, SOCK_STREAM, &odd, false), -EINVAL);
	odd = any("192.0.2.77", 0);
	assert_int_equal(lnl_process_bind(process, SOCK_DGRAM, &odd, false), -EADDRNOTAVAIL);
	assert_int_equal(lnl_process_bind(NULL, SOCK_DGRAM, &a, false), -ENOSYS);
	/* Nothing of it was the helper's end. */
	fd = lnl_process_bind(process, SOCK_DGRAM, &a, false);
	assert_true(fd >= 0);
	close(fd);
}

/* Sealed, it binds nothing, be the port a high one; other things go on. */
static void the_seal_ends_binding(void **state)
{
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_addr a = any("127.0.0.1", 0);
	struct lnl_process *p;
	struct lnl_reason why;
	int fd;

	(void)state;
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	assert_int_equal(lnl_process_allow(p, "/etc/passwd"), 0);
	fd = lnl_process_bind(p, SOCK_STREAM, &a, false);
	assert_true(fd >= 0);
	lnl_process_seal(p);
	assert_int_equal(lnl_process_bind(p, SOCK_STREAM, &a, false), -EPERM);
	assert_int_equal(lnl_process_bind(p, SOCK_DGRAM, &a, false), -EPERM);
	assert_int_equal(lnl_process_bind(p, SOCK_RAW, &a, false), -EPERM);
	/* What was bound before is ours. */
	assert_int_equal(listen(fd, 1), 0);
	close(fd);
	lnl_process_free(p);
	ev_loop_destroy(l);
}

static void make_file(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "content", 7), 7);
	close(fd);
}

/* As nobody: only the paths that were named before. */
static int read_as_nobody(struct lnl_process *p, const char *allowed, const char *other)
{
	char *text;
	size_t len;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 10;
	if (lnl_process_read(p, allowed, &text, &len) != 0)
		return 1;
	if (len != 7 || strcmp(text, "content") != 0)
		return 2;
	free(text);
	if (lnl_process_read(p, other, &text, &len) != LNL_E_PERM)
		return 3;
	if (lnl_process_allow(p, other) != LNL_E_STATE)
		return 4;
	return 0;
}

static void files_are_read(void **state)
{
	char allowed[] = "allowed.XXXXXX", other[] = "other.XXXXXX", dir[4096], a[8192], b[8192];
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;
	char *text;
	size_t len;
	int status;
	pid_t pid;

	(void)state;
	close(mkstemp(allowed));
	close(mkstemp(other));
	assert_non_null(getcwd(dir, sizeof(dir)));
	snprintf(a, sizeof(a), "%s/%s", dir, allowed);
	snprintf(b, sizeof(b), "%s/%s", dir, other);
	make_file(a, 0600);
	make_file(b, 0600);
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	assert_int_equal(lnl_process_read(p, a, &text, &len), 0);
	assert_int_equal(len, 7);
	assert_string_equal(text, "content");
	free(text);
	assert_int_equal(lnl_process_read(p, "/nowhere/at/all", &text, &len), LNL_E_NOTFOUND);
	assert_int_equal(lnl_process_read(p, "/dev/null", &text, &len), LNL_E_SYSTEM);
	assert_int_equal(lnl_process_allow(p, a), 0);
	lnl_process_seal(p);
	assert_int_equal(lnl_process_allow(p, b), LNL_E_STATE);
	if (geteuid() == 0) {
		pid = fork();
		if (pid == 0)
			_exit(read_as_nobody(p, a, b));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	lnl_process_free(p);
	ev_loop_destroy(l);
	unlink(a);
	unlink(b);
}

static void no_more_than_sixteen_paths(void **state)
{
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;
	static char longer[2000];

	(void)state;
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(lnl_process_allow(p, "/etc/passwd"), 0);
	assert_int_equal(lnl_process_allow(p, "/etc/passwd"), LNL_E_LIMIT);
	memset(longer, 'x', sizeof(longer) - 1);
	assert_int_equal(lnl_process_allow(p, longer), LNL_E_LIMIT);
	lnl_process_free(p);
	ev_loop_destroy(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_and_status_come_back),
		cmocka_unit_test(arguments_are_not_read_by_a_shell),
		cmocka_unit_test(what_cannot_be_run_is_said),
		cmocka_unit_test(the_environment_is_filtered),
		cmocka_unit_test(only_three_descriptors_are_open),
		cmocka_unit_test(input_is_fed),
		cmocka_unit_test(output_is_bounded),
		cmocka_unit_test(what_takes_too_long_is_killed),
		cmocka_unit_test(a_long_limit_is_no_short_one),
		cmocka_unit_test(no_descriptors_for_a_helper),
		cmocka_unit_test(cancelled_is_killed_and_silent),
		cmocka_unit_test(a_callback_may_ask_for_more),
		cmocka_unit_test(requests_that_are_too_large_are_refused),
		cmocka_unit_test(many_run_at_once),
		cmocka_unit_test(the_helper_holds_nothing_of_the_engine),
		cmocka_unit_test(the_end_takes_all_along),
		cmocka_unit_test(tun_is_opened),
		cmocka_unit_test(sockets_are_bound),
		cmocka_unit_test(what_cannot_be_bound),
		cmocka_unit_test(the_seal_ends_binding),
		cmocka_unit_test(files_are_read),
		cmocka_unit_test(no_more_than_sixteen_paths),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
