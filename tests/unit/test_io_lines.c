/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * M1: a local socket that is spoken to in lines. What is said and answered, who may say it, and that
 * nobody makes it large: HTTP, long lines, idle connections, readers that do not read.
 */
#include "test_io_namespace.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "io/lines.h"
#include "wire/line.h"

#define LIMIT 20.0 /* seconds that a test may wait */
#define MOST  128  /* connections that a test makes */

static struct ev_loop *loop;
static struct lnl_process *process;
static struct lnl_lines *lines;
static char folder[64], path[108];

/* What the host saw. */
static struct {
	unsigned n;
	uint32_t from;
	char text[2048];
	bool deaf; /* it cannot answer */
	char refused[512];
	unsigned n_refused;
} host;

static bool said(void *ctx, uint32_t connection, const char *text)
{
	(void)ctx;
	host.n++;
	host.from = connection;
	snprintf(host.text, sizeof(host.text), "%s", text);
	return !host.deaf;
}

static void refused(void *ctx, const char *why)
{
	(void)ctx;
	host.n_refused++;
	snprintf(host.refused, sizeof(host.refused), "%s", why);
}

static int set_up(void **state)
{
	struct lnl_reason why;

	(void)state;
	memset(&host, 0, sizeof(host));
	loop = ev_loop_new(EVFLAG_AUTO);
	snprintf(folder, sizeof(folder), "/tmp/lunel-test.XXXXXX");
	if (loop == NULL || mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/a.sock", folder);
	return lnl_process_new(&process, loop, NULL, NULL, &why);
}

static int tear_down(void **state)
{
	(void)state;
	lnl_lines_free(lines);
	lines = NULL;
	lnl_process_free(process);
	ev_loop_destroy(loop);
	return rmdir(folder); /* it left nothing */
}

static void open_with(const char *greeting, const char *password, double patience)
{
	const struct lnl_lines_conf conf = {
		.path = path,
		.owner = { UINT32_MAX, UINT32_MAX, 0600 },
		.helper = process,
		.greeting = greeting,
		.password = password,
		.patience = patience,
	};
	struct lnl_reason why;

	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why), 0);
}

/* ---- the other side ---- */

static int join(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static void too_long(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
	fail_msg("nothing happened");
}

static void wakes(struct ev_loop *l, struct ev_timer *w, int revents)
{
	(void)l;
	(void)w;
	(void)revents;
}

/* Runs the loop until |condition|. */
#define run_until(condition)                                                                       \
	do {                                                                                       \
		struct ev_timer limit_, tick_;                                                     \
		ev_timer_init(&limit_, too_long, LIMIT, 0);                                        \
		ev_timer_init(&tick_, wakes, 0.001, 0.001);                                        \
		ev_timer_start(loop, &limit_);                                                     \
		ev_timer_start(loop, &tick_);                                                      \
		while (!(condition))                                                               \
			ev_run(loop, EVRUN_ONCE);                                                  \
		ev_timer_stop(loop, &limit_);                                                      \
		ev_timer_stop(loop, &tick_);                                                       \
	} while (0)

static void tell(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static char heard[4096];

static bool hears(int fd, const char *want)
{
	size_t len = strlen(heard);
	ssize_t n = recv(fd, heard + len, sizeof(heard) - 1 - len, 0);

	if (n > 0)
		heard[len + (size_t)n] = '\0';
	return strcmp(heard, want) == 0;
}

/* |fd| gets just |text|. */
#define expect(fd, text)                                                                           \
	do {                                                                                       \
		heard[0] = '\0';                                                                   \
		run_until(hears(fd, text));                                                        \
	} while (0)

/* All that is left is read; true once the other end has closed. */
static bool is_over(int fd)
{
	char buf[65536];
	ssize_t n;

	do {
		n = recv(fd, buf, sizeof(buf), 0);
	} while (n > 0);
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

static void answer(const char *text, bool end)
{
	assert_int_equal(lnl_lines_answer(lines, host.from, text, strlen(text), end), 0);
}

/* ---- what is said and answered ---- */

static void lines_are_answered(void **state)
{
	int fd;

	(void)state;
	open_with("hello\r\n", NULL, 0);
	fd = join();
	expect(fd, "hello\r\n");
	tell(fd, "status 2\r\n");
	run_until(host.n == 1);
	assert_string_equal(host.text, "status 2");
	answer("one\r\ntwo\r\n", false);
	expect(fd, "one\r\ntwo\r\n");
	/* In two pieces. */
	tell(fd, "qu");
	tell(fd, "it\n");
	run_until(host.n == 2);
	assert_string_equal(host.text, "quit");
	answer("", true);
	run_until(is_over(fd));
	assert_int_equal(lnl_lines_connected(lines), 0);
	assert_int_equal(lnl_lines_answer(lines, host.from, "x", 1, false), LNL_E_NOTFOUND);
	assert_int_equal(host.n_refused, 0);
	close(fd);
}

/* The next line is handed on once the one before is answered, however many came at once. */
static void one_line_at_a_time(void **state)
{
	static char all[8192];
	char want[32];
	size_t len = 0;
	int fd;

	(void)state;
	open_with(NULL, NULL, 0);
	fd = join();
	for (int i = 0; i < 500; i++)
		len += (size_t)snprintf(all + len, sizeof(all) - len, "line %d\n", i);
	tell(fd, all);
	shutdown(fd, SHUT_WR); /* what has been said is answered all the same */
	for (unsigned i = 0; i < 500; i++) {
		run_until(host.n == i + 1);
		ev_run(loop, EVRUN_NOWAIT);
		assert_int_equal(host.n, i + 1);
		snprintf(want, sizeof(want), "line %u", i);
		assert_string_equal(host.text, want);
		answer("ok\n", false);
		expect(fd, "ok\n");
	}
	assert_int_equal(lnl_lines_answer(lines, host.from, "x", 1, false),
			 lnl_lines_connected(lines) ? LNL_E_STATE : LNL_E_NOTFOUND);
	run_until(lnl_lines_connected(lines) == 0);
	close(fd);
}

static void each_has_its_answer(void **state)
{
	uint32_t from[3];
	int fd[3];

	(void)state;
	open_with(NULL, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		fd[i] = join();
		tell(fd[i], "hello\n");
		run_until(host.n == i + 1);
		from[i] = host.from;
	}
	for (int i = 2; i >= 0; i--) {
		char text[2] = { (char)('0' + i), '\0' };

		assert_int_equal(lnl_lines_answer(lines, from[i], text, 1, false), 0);
	}
	expect(fd[0], "0");
	expect(fd[1], "1");
	expect(fd[2], "2");
	/* One that leaves while it is asked for, and one that the host cannot answer. */
	tell(fd[0], "x\n");
	run_until(host.n == 4);
	close(fd[0]);
	assert_int_equal(lnl_lines_answer(lines, from[0], "x", 1, false), 0);
	run_until(lnl_lines_connected(lines) == 2);
	host.deaf = true;
	tell(fd[1], "x\n");
	run_until(is_over(fd[1]));
	assert_int_equal(lnl_lines_connected(lines), 1);
	close(fd[1]);
	close(fd[2]);
}

/* ---- long lines, and one user alone ---- */

static void long_lines(void **state)
{
	const struct lnl_lines_conf conf = { .path = path,
					     .owner = { UINT32_MAX, UINT32_MAX, 0600 },
					     .helper = process,
					     .long_lines = true };
	static char line[LNL_LINE_LONG + 3];
	struct lnl_reason why;
	int fd;

	(void)state;
	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why), 0);
	fd = join();
	memset(line, 'a', LNL_LINE_LONG);
	strcpy(line + LNL_LINE_LONG, "\n");
	tell(fd, line);
	run_until(host.n == 1);
	assert_int_equal(lnl_lines_answer(lines, host.from, "ok\n", 3, false), 0);
	expect(fd, "ok\n");
	strcpy(line + LNL_LINE_LONG, "a\n");
	tell(fd, line);
	run_until(is_over(fd));
	assert_string_equal(host.refused, "a line is too long");
	close(fd);
}

/* Root may always; else who is not the user that is named is turned away. */
static void one_user_alone(void **state)
{
	struct lnl_lines_conf conf = { .path = path,
				       .owner = { UINT32_MAX, UINT32_MAX, 0666 },
				       .helper = process,
				       .peer_user = true,
				       .user = geteuid() };
	struct lnl_reason why;
	uid_t me = geteuid();
	int fd;

	(void)state;
	if (me != 0)
		conf.user = me + 1;
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why), 0);
	assert_true(me != 0 || seteuid(65534) == 0);
	fd = join();
	assert_int_equal(seteuid(me), 0);
	run_until(is_over(fd));
	assert_int_equal(lnl_lines_connected(lines), 0);
	close(fd);
	if (me != 0)
		return;
	fd = join();
	tell(fd, "x\n");
	run_until(host.n == 1);
	close(fd);
}

/* ---- who may ---- */

static void nothing_is_heard_before_the_password(void **state)
{
	int fd;

	(void)state;
	open_with("hello\r\n", "geheim", 0);
	fd = join();
	expect(fd, "ENTER PASSWORD:");
	tell(fd, "status\n");
	expect(fd, "ERROR: bad password\r\nENTER PASSWORD:");
	tell(fd, "geheim\r\nstatus\r\n");
	expect(fd, "SUCCESS: password is correct\r\nhello\r\n");
	run_until(host.n == 1);
	assert_string_equal(host.text, "status");
	close(fd);
}

static void wrong_passwords(void **state)
{
	static const char *const t[] = {
		"", "g", "geheim ", "geheim1", "Geheim", "gehei", " geheim"
	};
	char longer[200];

	(void)state;
	open_with("hello\r\n", "geheim", 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int fd = join();

		expect(fd, "ENTER PASSWORD:");
		tell(fd, t[i]);
		tell(fd, "\n");
		expect(fd, "ERROR: bad password\r\nENTER PASSWORD:");
		close(fd);
	}
	/* Three, and it is over; what stands behind them is not looked at. */
	for (int round = 0; round < 2; round++) {
		int fd = join();

		expect(fd, "ENTER PASSWORD:");
		tell(fd, "a\nb\n");
		memset(longer, 'x', sizeof(longer));
		memcpy(longer + sizeof(longer) - 2, "\n", 2);
		tell(fd, longer);
		tell(fd, "geheim\nstatus\n");
		heard[0] = '\0';
		run_until(hears(fd, "ERROR: bad password\r\nENTER PASSWORD:ERROR: bad password\r\n"
				    "ENTER PASSWORD:ERROR: bad password\r\n"));
		run_until(is_over(fd));
		close(fd);
	}
	run_until(lnl_lines_connected(lines) == 0);
	assert_int_equal(host.n, 0);
	assert_string_equal(host.refused, "three wrong passwords");
}

/* Whether |needle| stands anywhere in the heap. */
static bool in_heap(const char *needle)
{
	uintptr_t from = 0, to = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, "[heap]"))
			assert_int_equal(sscanf(line, "%" SCNxPTR "-%" SCNxPTR, &from, &to), 2);
	fclose(maps);
	return to > from && memmem((const void *)from, to - from, needle, strlen(needle)) != NULL;
}

/* What was said as a password does not stay while the connection does, however it came. */
static void a_password_is_forgotten(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	skip(); /* their heap is elsewhere */
#endif
	char *seen = strdup("found-if-it-is-there");
	int fd;

	(void)state;
	assert_true(in_heap("und-if-it-is-the"));
	free(seen);
	open_with(NULL, "geheim", 0);
	fd = join();
	expect(fd, "ENTER PASSWORD:");
	tell(fd, "needle-in-one-piece\n");
	expect(fd, "ERROR: bad password\r\nENTER PASSWORD:");
	assert_false(in_heap("edle-in-one"));
	tell(fd, "needle-in-two-pi");
	run_until(in_heap("edle-in-two")); /* the line so far */
	tell(fd, "eces\n");
	expect(fd, "ERROR: bad password\r\nENTER PASSWORD:");
	assert_false(in_heap("e-in-two"));
	close(fd);
}

/* Of the longest password each byte counts, and one byte more is another. */
static void the_longest_password(void **state)
{
	char password[LNL_LINES_PASSWORD + 2] = { 0 };
	struct lnl_lines_conf conf = { .path = path,
				       .owner = { UINT32_MAX, UINT32_MAX, 0600 },
				       .helper = process,
				       .password = password };
	struct lnl_reason why;
	int fd;

	(void)state;
	memset(password, 'p', LNL_LINES_PASSWORD);
	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why),
			 LNL_E_LIMIT);
	assert_string_equal(why.text, "the password is above 127 bytes");
	password[LNL_LINES_PASSWORD - 1] = '\0';
	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why), 0);
	fd = join();
	expect(fd, "ENTER PASSWORD:");
	tell(fd, password);
	tell(fd, "p\n");
	expect(fd, "ERROR: bad password\r\nENTER PASSWORD:");
	tell(fd, password);
	tell(fd, "\n");
	expect(fd, "SUCCESS: password is correct\r\n");
	close(fd);
}

static void the_socket_is_its_owners(void **state)
{
	struct lnl_lines_conf conf = { .path = path,
				       .owner = { UINT32_MAX, UINT32_MAX, 0600 },
				       .helper = process };
	struct lnl_lines *other;
	struct lnl_reason why;
	struct stat st;
	int fd;

	(void)state;
	open_with(NULL, NULL, 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(lnl_lines_new(&other, loop, &conf, said, refused, NULL, &why),
			 LNL_E_EXIST);
	assert_non_null(strstr(why.text, "another program does"));
	conf.path = folder;
	assert_int_equal(lnl_lines_new(&other, loop, &conf, said, refused, NULL, &why),
			 LNL_E_EXIST);
	assert_non_null(strstr(why.text, "no socket; remove it"));
	assert_null(other);
	lnl_lines_free(lines);
	assert_int_equal(access(path, F_OK), -1);
	/* Root may always, and who is of the group. */
	conf.path = path;
	conf.peer_group = true;
	conf.owner.gid = getegid() + (geteuid() != 0);
	if (geteuid() == 0)
		conf.owner.gid = 12345;
	else
		conf.owner.gid = UINT32_MAX; /* nobody's */
	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why), 0);
	fd = join();
	if (geteuid() == 0)
		run_until(lnl_lines_connected(lines) == 1);
	else
		run_until(is_over(fd));
	close(fd);
}

static void tcp_is_served_too(void **state)
{
	struct lnl_lines_conf conf = { .helper = process, .greeting = "hello\r\n" };
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	struct lnl_reason why;
	struct lnl_ip ip;
	int probe, fd;

	(void)state;
	/* A port that is free now. */
	probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(probe, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	assert_int_equal(getsockname(probe, (struct sockaddr *)&sin, &len), 0);
	close(probe);
	assert_int_equal(lnl_ip_parse(&ip, "127.0.0.1"), 0);
	conf.local = lnl_addr_from(&ip, ntohs(sin.sin_port));
	assert_int_equal(lnl_lines_new(&lines, loop, &conf, said, refused, NULL, &why), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	expect(fd, "hello\r\n");
	tell(fd, "pid\n");
	run_until(host.n == 1);
	answer("SUCCESS\r\n", false);
	expect(fd, "SUCCESS\r\n");
	close(fd);
}

/* ---- M1: what strangers send ---- */

static void what_is_no_command_ends_it(void **state)
{
	static const struct {
		const char *bytes, *why;
		size_t len;
	} t[] = {
#define BYTES(s, w) s, w, sizeof(s) - 1
		{ BYTES("POST / HTTP/1.1\r\nHost: 127.0.0.1:7505\r\n\r\nkill anna\r\n",
			"it speaks HTTP") },
		{ BYTES("GET / HTTP/1.0\n\nkill anna\n", "it speaks HTTP") },
		{ BYTES("kill\0anna\nkill anna\n", "it is no text") },
		{ BYTES("\x16\x03\x01\x02\x00\x01\nkill anna\n", "it is no text") },
	};

	(void)state;
	open_with("hello\r\n", NULL, 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int fd = join();

		expect(fd, "hello\r\n");
		assert_int_equal(send(fd, t[i].bytes, t[i].len, MSG_NOSIGNAL), t[i].len);
		run_until(is_over(fd));
		close(fd);
		if (i == 0) /* of those that follow at once nothing is said: no flood */
			assert_string_equal(host.refused, t[i].why);
	}
	assert_int_equal(host.n, 0);
	assert_true(host.n_refused < sizeof(t) / sizeof(*t));
}

static void a_line_of_a_mebibyte_ends_it(void **state)
{
	static char piece[65536];
	size_t sent = 0;
	int fd;

	(void)state;
	open_with(NULL, NULL, 0);
	fd = join();
	memset(piece, 'a', sizeof(piece));
	run_until(lnl_lines_connected(lines) == 1);
	while (sent < 1 << 20) {
		ssize_t n = send(fd, piece, sizeof(piece), MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN)
			break;
		sent += n > 0 ? (size_t)n : 0;
		ev_run(loop, EVRUN_NOWAIT);
	}
	run_until(lnl_lines_connected(lines) == 0);
	assert_true(sent < 1 << 20);
	assert_int_equal(host.n, 0);
	assert_string_equal(host.refused, "a line is too long");
	close(fd);
}

/* A hundred that say nothing: no more than so many are kept, and who comes next is served. */
static void a_hundred_idle_connections(void **state)
{
	int fd[MOST], last;

	(void)state;
	open_with("hello\r\n", NULL, 0);
	for (unsigned i = 0; i < 100; i++) {
		fd[i] = join();
		run_until(lnl_lines_connected(lines) ==
				  (i < LNL_LINES_MOST ? i + 1 : LNL_LINES_MOST) &&
			  recv(fd[i], heard, 1, MSG_PEEK) == 1);
	}
	/* The first have made room, the last are there. */
	assert_true(is_over(fd[0]));
	assert_true(is_over(fd[100 - LNL_LINES_MOST - 1]));
	assert_false(is_over(fd[100 - LNL_LINES_MOST]));
	assert_false(is_over(fd[99]));
	last = join();
	expect(last, "hello\r\n");
	tell(last, "status\n");
	run_until(host.n == 1);
	answer("ok\r\n", false);
	expect(last, "ok\r\n");
	assert_int_equal(lnl_lines_connected(lines), LNL_LINES_MOST);
	assert_true(host.n_refused <= 2);
	for (unsigned i = 0; i < 100; i++)
		close(fd[i]);
	close(last);
}

/* Who has logged in, and speaks, is not pushed out by strangers. */
static void strangers_push_out_strangers(void **state)
{
	int fd[MOST], mine;

	(void)state;
	open_with(NULL, "geheim", 0);
	mine = join();
	expect(mine, "ENTER PASSWORD:");
	tell(mine, "geheim\n");
	expect(mine, "SUCCESS: password is correct\r\n");
	for (unsigned i = 0; i < 100; i++) {
		fd[i] = join();
		run_until(recv(fd[i], heard, 1, MSG_PEEK) == 1);
	}
	tell(mine, "status\n");
	run_until(host.n == 1);
	answer("ok\r\n", false);
	expect(mine, "ok\r\n");
	for (unsigned i = 0; i < 100; i++)
		close(fd[i]);
	close(mine);
}

/* Answers that nobody reads: bounded for all of them together. */
static void readers_that_do_not_read(void **state)
{
	size_t large = LNL_LINES_UNREAD / 4 * 3;
	char *text = malloc(large);
	uint32_t first;
	int a, b;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', large);
	open_with(NULL, NULL, 0);
	a = join();
	b = join();
	tell(a, "status\n");
	run_until(host.n == 1);
	first = host.from;
	tell(b, "status\n");
	run_until(host.n == 2);
	assert_int_equal(lnl_lines_answer(lines, first, text, large, false), 0);
	assert_int_equal(lnl_lines_answer(lines, host.from, text, large, false), LNL_E_LIMIT);
	run_until(is_over(b));
	/* It is deaf until it has read; and its room is free again with its end. */
	tell(a, "status\n");
	ev_run(loop, EVRUN_NOWAIT);
	assert_int_equal(host.n, 2);
	close(a);
	run_until(lnl_lines_connected(lines) == 0);
	close(b);
	b = join();
	tell(b, "status\n");
	run_until(host.n == 3);
	assert_int_equal(lnl_lines_answer(lines, host.from, text, large, true), 0);
	run_until(is_over(b));
	close(b);
	free(text);
}

static void patience_ends(void **state)
{
	size_t large = 4 << 20;
	char *text = calloc(1, large);
	int fd;

	(void)state;
	assert_non_null(text);
	open_with(NULL, NULL, 0.05);
	fd = join();
	tell(fd, "status\n");
	run_until(host.n == 1);
	assert_int_equal(lnl_lines_answer(lines, host.from, text, large, false), 0);
	run_until(lnl_lines_connected(lines) == 0);
	assert_string_equal(host.refused, "it does not read what it asked for");
	close(fd);
	free(text);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(long_lines),
		test(one_user_alone),
		test(lines_are_answered),
		test(one_line_at_a_time),
		test(each_has_its_answer),
		test(nothing_is_heard_before_the_password),
		test(wrong_passwords),
		test(a_password_is_forgotten),
		test(the_longest_password),
		test(the_socket_is_its_owners),
		test(tcp_is_served_too),
		test(what_is_no_command_ends_it),
		test(a_line_of_a_mebibyte_ends_it),
		test(a_hundred_idle_connections),
		test(strangers_push_out_strangers),
		test(readers_that_do_not_read),
		test(patience_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
