/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are replaced whole or not at all (TRUST Z7: kill -9 at any moment; F11: full disks), and
 * read whole or not at all.
 */
#include "io/store.h"
#include "test_io_namespace.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>

static char folder[] = "/tmp/lunel-io-store-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return chdir("/") == 0 ? system(command) : -1;
}

/* ---- shorthands ---- */

static void put(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void expect_file(const char *path, const char *want)
{
	struct lnl_reason why = { "" };
	char *text;
	size_t len;

	assert_int_equal(lnl_store_load(path, 4096, &text, &len, &why), 0);
	assert_string_equal(why.text, "");
	assert_int_equal(len, strlen(want));
	assert_string_equal(text, want);
	free(text);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode & 07777;
}

static void expect_gone(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), -1);
	assert_int_equal(errno, ENOENT);
}

static void expect_refused(const char *path, int code, const char *sentence)
{
	struct lnl_reason why = { "" };

	assert_int_equal(lnl_store_save(path, "new", 3, &why), code);
	assert_string_equal(why.text, sentence);
	assert_int_equal(lnl_store_save(path, "new", 3, NULL), code);
}

/* ---- saving ---- */

static void saved(void **state)
{
	char absolute[128];
	struct lnl_reason why = { "" };

	(void)state;
	umask(0);
	assert_int_equal(lnl_store_save("a", "one", 3, &why), 0);
	umask(022);
	expect_file("a", "one");
	assert_int_equal(mode_of("a"), 0600);
	assert_int_equal(lnl_store_save("a", "", 0, &why), 0);
	expect_file("a", "");
	snprintf(absolute, sizeof(absolute), "%s/a", folder);
	assert_int_equal(lnl_store_save(absolute, "two\n", 4, &why), 0);
	expect_file("a", "two\n");
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(lnl_store_save("d/b", "x", 1, NULL), 0);
	expect_file("d/b", "x");
	assert_string_equal(why.text, "");
	expect_gone("a.new");
	expect_gone("d/b.new");
}

static void permissions_are_kept(void **state)
{
	static const mode_t modes[] = { 0600, 0640, 0644, 0400, 0666, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
		unlink("a");
		put("a", "old", modes[i]);
		assert_int_equal(lnl_store_save("a", "new", 3, NULL), 0);
		assert_int_equal(mode_of("a"), modes[i]);
	}
	unlink("a");
	put("a", "old", 04755);
	assert_int_equal(lnl_store_save("a", "new", 3, NULL), 0);
	assert_int_equal(mode_of("a"), 0755);
}

static void owner_is_kept(void **state)
{
	struct stat st;
	int status;
	pid_t pid;

	(void)state;
	test_need_root();
	put("a", "old", 0640);
	assert_int_equal(chown("a", 1234, 2345), 0);
	assert_int_equal(lnl_store_save("a", "new", 3, NULL), 0);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_uid, 1234);
	assert_int_equal(st.st_gid, 2345);
	assert_int_equal(st.st_mode & 0777, 0640);

	/* Who may not give it away gives the group's rights to nobody. */
	put("b", "old", 0644);
	assert_int_equal(chown("b", 1234, 2345), 0);
	assert_int_equal(chmod(".", 0777), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(3456) != 0 || setuid(3456) != 0)
			_exit(9);
		_exit(lnl_store_save("b", "new", 3, NULL) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(stat("b", &st), 0);
	assert_int_equal(st.st_uid, 3456);
	assert_int_equal(st.st_mode & 0777, 0600);
	expect_file("b", "new");
}

static void refused(void **state)
{
	char longest[5000];

	(void)state;
	expect_refused("no/where", LNL_E_NOTFOUND,
		       "cannot write no/where: No such file or directory");
	assert_int_equal(mkdir("d", 0700), 0);
	expect_refused("d", LNL_E_INVAL, "cannot write d: it is no regular file");
	assert_int_equal(mkfifo("f", 0600), 0);
	expect_refused("f", LNL_E_INVAL, "cannot write f: it is no regular file");
	/* A link is neither followed nor replaced. */
	put("target", "old", 0600);
	assert_int_equal(symlink("target", "l"), 0);
	expect_refused("l", LNL_E_INVAL, "cannot write l: it is no regular file");
	expect_file("target", "old");
	expect_file("l", "old");
	put("x", "old", 0600);
	expect_refused("x/y", LNL_E_SYSTEM, "cannot write x/y: Not a directory");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(lnl_store_save(longest, "x", 1, NULL), LNL_E_SYSTEM);
	longest[4092] = '\0'; /* there is no room for ".new" */
	assert_int_equal(lnl_store_save(longest, "x", 1, NULL), LNL_E_SYSTEM);
}

/* Not to be replaced by a file, of all things; ones of our own, since this is root. */
static void devices_stay(void **state)
{
	struct stat st;

	(void)state;
	test_need_root();
	if (mknod("null", S_IFCHR | 0666, makedev(1, 3)) < 0 ||
	    mknod("full", S_IFCHR | 0666, makedev(1, 7)) < 0)
		test_skip("no device nodes");
	expect_refused("null", LNL_E_INVAL, "cannot write null: it is no regular file");
	expect_refused("full", LNL_E_INVAL, "cannot write full: it is no regular file");
	assert_int_equal(lstat("null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(lstat("full", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void not_permitted(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	test_need_root();
	put("a", "old", 0600);
	assert_int_equal(chmod(".", 0755), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct lnl_reason why = { "" };

		if (setgid(3456) != 0 || setuid(3456) != 0)
			_exit(9);
		if (lnl_store_save("a", "new", 3, &why) != LNL_E_PERM)
			_exit(1);
		_exit(strcmp(why.text, "cannot write a: Permission denied") ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	expect_file("a", "old");
}

/* What stands under the name of the new file. */
static void left_overs(void **state)
{
	int fd;

	(void)state;
	/* A crash's. */
	put("a.new", "half", 0644);
	assert_int_equal(lnl_store_save("a", "new", 3, NULL), 0);
	expect_file("a", "new");
	assert_int_equal(mode_of("a"), 0600);
	expect_gone("a.new");
	/* Planted: it is not followed. */
	put("victim", "old", 0600);
	assert_int_equal(symlink("victim", "a.new"), 0);
	expect_refused("a", LNL_E_SYSTEM, "cannot write a: Too many levels of symbolic links");
	expect_file("victim", "old");
	expect_file("a", "new");
	unlink("a.new");
	assert_int_equal(mkdir("a.new", 0700), 0);
	assert_true(lnl_store_save("a", "newer", 5, NULL) < 0);
	expect_file("a", "new");
	assert_int_equal(rmdir("a.new"), 0);
	assert_int_equal(link("victim", "a.new"), 0);
	assert_int_equal(lnl_store_save("a", "newer", 5, NULL), 0);
	expect_file("victim", "old");
	expect_file("a", "newer");
	/* Being written by somebody else. */
	put("a.new", "half", 0600);
	fd = open("a.new", O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	expect_refused("a", LNL_E_EXIST, "cannot write a: somebody else is writing it");
	expect_file("a", "newer");
	expect_file("a.new", "half");
	close(fd);
	assert_int_equal(lnl_store_save("a", "newest", 6, NULL), 0);
	expect_file("a", "newest");
}

/* ---- F11 ---- */

/* Saves until there is no more room: the last that was saved whole stays. */
static void fill(const char *path)
{
	static char data[1 << 20];
	struct lnl_reason why = { "" };
	char *text, want[256];
	size_t len, good = 0;
	int rc = 0;

	for (size_t size = 1000; rc == 0 && size < sizeof(data); size += 1000) {
		memset(data, 'a' + (int)(size / 1000 % 26), size);
		rc = lnl_store_save(path, data, size, &why);
		if (rc == 0)
			good = size;
	}
	snprintf(want, sizeof(want), "cannot write %s: %s", path,
		 strerror(strstr(path, "full/") ? ENOSPC : EFBIG));
	assert_int_equal(rc, LNL_E_SYSTEM);
	assert_string_equal(why.text, want);
	assert_true(good > 0);
	assert_int_equal(lnl_store_load(path, sizeof(data), &text, &len, &why), 0);
	assert_int_equal(len, good);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(text[i], 'a' + (int)(good / 1000 % 26));
	free(text);
	snprintf(want, sizeof(want), "%s.new", path);
	expect_gone(want);
	/* With room it goes on by itself. */
	assert_int_equal(lnl_store_save(path, "x", 1, NULL), 0);
	expect_file(path, "x");
}

static void f11_disk_full(void **state)
{
	(void)state;
	test_need_root();
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		test_skip("no mount namespace");
	assert_int_equal(mkdir("full", 0700), 0);
	assert_int_equal(mount("none", "full", "tmpfs", 0, "size=64k"), 0);
	fill("full/leases");
	assert_int_equal(umount("full"), 0);
}

static void f11_file_too_large(void **state)
{
	struct rlimit old, small;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 30000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fill("leases");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
}

/* ---- Z7 ---- */

enum { Z7_ROUNDS = 200, Z7_MAX = 1 << 16 };

/* A file says in its first line its number, from which length and bytes follow. */
static size_t numbered(char *out, unsigned number)
{
	size_t len = 20 + number * 7919 % (Z7_MAX - 20);

	memset(out, 'a' + (int)(number % 26), len);
	snprintf(out, 20, "%019u", number);
	out[19] = '\n';
	return len;
}

/* Writes file after file until it is killed. */
static void write_for_ever(unsigned number)
{
	static char data[Z7_MAX];

	/* Also when the test itself ends otherwise than it should. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int rc = lnl_store_save("leases", data, numbered(data, number), NULL);

		if (rc != 0 && rc != LNL_E_EXIST)
			_exit(1);
		number += rc == 0;
	}
}

/* The number of the file that is there, which is whole. */
static unsigned expect_whole(void)
{
	static char want[Z7_MAX];
	struct lnl_reason why;
	unsigned number;
	char *text;
	size_t len;

	assert_int_equal(lnl_store_load("leases", Z7_MAX, &text, &len, &why), 0);
	assert_in_range(len, 20, Z7_MAX);
	number = (unsigned)strtoul(text, NULL, 10);
	assert_int_equal(len, numbered(want, number));
	assert_memory_equal(text, want, len);
	free(text);
	return number;
}

static void pause_for(unsigned microseconds)
{
	struct timespec t = { 0, (long)microseconds * 1000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

/* Microseconds that a save takes here, disk and all: 1,000 to 50,000. */
static unsigned save_time(void)
{
	static char data[Z7_MAX];
	struct timespec a, b;
	long us;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(lnl_store_save("leases", data, numbered(data, 0), NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &b);
	us = ((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000) / 4;
	return us < 1000 ? 1000 : us > 50000 ? 50000 : (unsigned)us;
}

/* Kills |n| writers of one file at some moment, again and again. */
static void kill_writers(unsigned n)
{
	unsigned last = 0, advanced = 0, left = 0, seed = 1, longest = 3 * save_time();
	struct stat st;

	for (unsigned round = 0; round < Z7_ROUNDS; round++) {
		pid_t pid[2];
		int status;

		for (unsigned i = 0; i < n; i++) {
			pid[i] = fork();
			assert_true(pid[i] >= 0);
			if (pid[i] == 0)
				write_for_ever(last + 1);
		}
		seed = seed * 1103515245 + 12345;
		pause_for((seed >> 8) % longest);
		for (unsigned i = 0; i < n; i++) {
			unsigned number = expect_whole();

			advanced += number != last;
			last = number > last ? number : last;
			kill(pid[i], SIGKILL);
			assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
			assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		}
		last = expect_whole();
		left += lstat("leases.new", &st) == 0;
	}
	/* It was a test: files were written meanwhile, and some writers died in the middle. */
	assert_in_range(advanced, 5, n * Z7_ROUNDS);
	assert_in_range(left, 1, Z7_ROUNDS);
	print_message("%u files written, %u of %u kills in the middle of one\n", last, left,
		      Z7_ROUNDS);
	assert_int_equal(lnl_store_save("leases", "x", 1, NULL), 0);
	expect_file("leases", "x");
	expect_gone("leases.new");
}

static void z7_killed_at_any_moment(void **state)
{
	(void)state;
	kill_writers(1);
}

static void z7_two_writers_killed(void **state)
{
	(void)state;
	kill_writers(2);
}

/* ---- loading ---- */

static void loaded(void **state)
{
	static const struct {
		const char *path;
		size_t max;
		int code;
		const char *sentence;
	} t[] = {
		{ "five", 5, 0, "" },
		{ "five", 6, 0, "" },
		{ "five", 4, LNL_E_LIMIT, "cannot read five: it is larger than 4 bytes" },
		{ "five", 0, LNL_E_LIMIT, "cannot read five: it is larger than 0 bytes" },
		{ "empty", 0, 0, "" },
		{ "link", 5, 0, "" },
		{ "none", 5, LNL_E_NOTFOUND, "cannot read none: No such file or directory" },
		{ "loop", 5, LNL_E_SYSTEM, "cannot read loop: Too many levels of symbolic links" },
		{ "d", 5, LNL_E_INVAL, "cannot read d: it is no regular file" },
		{ "fifo", 5, LNL_E_INVAL, "cannot read fifo: it is no regular file" },
		{ "/dev/zero", 5, LNL_E_INVAL, "cannot read /dev/zero: it is no regular file" },
	};

	(void)state;
	put("five", "1234\n", 0600);
	put("empty", "", 0600);
	assert_int_equal(symlink("five", "link"), 0);
	assert_int_equal(symlink("loop", "loop"), 0);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_reason why = { "" };
		char *text = (char *)1;
		size_t len = 99;

		assert_int_equal(lnl_store_load(t[i].path, t[i].max, &text, &len, &why), t[i].code);
		assert_string_equal(why.text, t[i].sentence);
		if (t[i].code != 0) {
			assert_null(text);
			assert_int_equal(len, 0);
			continue;
		}
		assert_string_equal(text, strcmp(t[i].path, "empty") ? "1234\n" : "");
		assert_int_equal(len, strlen(text));
		free(text);
	}
}

static void bytes_are_kept(void **state)
{
	char all[256], *text;
	size_t len;

	(void)state;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (char)i;
	assert_int_equal(lnl_store_save("a", all, sizeof(all), NULL), 0);
	assert_int_equal(lnl_store_load("a", sizeof(all), &text, &len, NULL), 0);
	assert_int_equal(len, sizeof(all));
	assert_memory_equal(text, all, sizeof(all));
	assert_int_equal(text[len], '\0');
	free(text);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(saved),
		TEST(permissions_are_kept),
		TEST(owner_is_kept),
		TEST(refused),
		TEST(devices_stay),
		TEST(not_permitted),
		TEST(left_overs),
		TEST(f11_disk_full),
		TEST(f11_file_too_large),
		TEST(loaded),
		TEST(bytes_are_kept),
		TEST(z7_killed_at_any_moment),
		TEST(z7_two_writers_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
