/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Files that are added to: nobody else's link or file is opened where others may write, and the helper
 * opens what was named before for who may not.
 */
#include "test_io_namespace.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "io/process.h"

static struct ev_loop *loop;
static struct lnl_process *process;
static char folder[64], path[128], other[128];

static int set_up(void **state)
{
	struct lnl_reason why;

	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/lunel-append.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	loop = ev_loop_new(EVFLAG_AUTO);
	return loop != NULL ? lnl_process_new(&process, loop, NULL, NULL, &why) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	lnl_process_free(process);
	ev_loop_destroy(loop);
	unlink(path);
	unlink(other);
	return rmdir(folder);
}

/* Adds |text| to |where|; 0 or LNL_E_*, 1: an error without a sentence. */
static int add(const char *where, const char *text, unsigned mode)
{
	struct lnl_reason why = { "" };
	int fd, rc = lnl_process_append(process, where, mode, &fd, &why);

	if (rc < 0)
		return why.text[0] && fd == -1 ? rc : 1;
	rc = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : 2;
	if ((fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK)) != (O_APPEND | O_NONBLOCK) ||
	    !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
		rc = 3;
	close(fd);
	return rc;
}

static off_t size_of(const char *where)
{
	struct stat st;

	return stat(where, &st) == 0 ? st.st_size : -1;
}

static void make(const char *where, uid_t owner)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(chown(where, owner, owner), 0);
}

static void it_is_made_and_added_to(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(add(path, "one\n", 0640), 0);
	assert_int_equal(add(path, "two\n", 0600), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 8);
	assert_int_equal(st.st_mode & 0777, 0640 & ~022);
	assert_int_equal(add(folder, "x", 0600), LNL_E_SYSTEM); /* a folder */
	snprintf(other, sizeof(other), "%s/none/log", folder);
	assert_int_equal(add(other, "x", 0600), LNL_E_NOTFOUND);
}

static void only_a_trusted_link_is_followed(void **state)
{
	(void)state;
	test_need_root();
	make(other, 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(add(path, "one\n", 0600), 0);
	assert_int_equal(size_of(other), 4);
	/* Ours, but others may have put it there by another name. */
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(add(path, "x", 0600), LNL_E_PERM);
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(add(path, "two\n", 0600), 0);
	/* Somebody else's, and the same when it leads nowhere. */
	assert_int_equal(lchown(path, 65534, 65534), 0);
	assert_int_equal(add(path, "x", 0600), LNL_E_PERM);
	assert_int_equal(lnl_process_allow_append(process, path), LNL_E_PERM);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(add(path, "x", 0600), LNL_E_PERM);
	assert_int_equal(size_of(other), 8);
	unlink(other);
	assert_int_equal(add(path, "x", 0600), LNL_E_PERM);
	assert_int_equal(size_of(other), -1);
}

static void nobody_elses_file_is_opened_where_others_write(void **state)
{
	(void)state;
	test_need_root();
	make(path, 65534);
	assert_int_equal(add(path, "one\n", 0600), 0); /* in a folder of ours */
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(add(path, "x", 0600), LNL_E_PERM);
	assert_int_equal(unlink(path), 0);
	/* A second name, which others may have given to a file of ours. */
	make(other, 0);
	assert_int_equal(link(other, path), 0);
	assert_int_equal(add(path, "x", 0600), LNL_E_PERM);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(add(path, "two\n", 0600), 0);
	assert_int_equal(size_of(other), 4);
}

/* Runs |body| as nobody, in a process of its own; its result. */
static int as_nobody(int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
			_exit(100);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int add_what_is_listed(void)
{
	if (add(path, "one\n", 0600) != 0)
		return 1;
	if (add(other, "x", 0600) != LNL_E_PERM)
		return 2;
	if (lnl_process_allow_append(process, other) != LNL_E_STATE)
		return 3;
	return lnl_process_allow_append(process, path) == 0 ? 0 : 4;
}

static int add_to_a_link(void)
{
	return add(path, "x", 0600) == LNL_E_PERM ? 0 : 1;
}

static void the_helper_opens_what_was_named(void **state)
{
	(void)state;
	test_need_root();
	assert_int_equal(lnl_process_allow_append(process, path), 0);
	lnl_process_seal(process);
	assert_int_equal(as_nobody(add_what_is_listed), 0);
	assert_int_equal(size_of(path), 4);
	assert_int_equal(size_of(other), -1);
	/* It was moved: a new one is made. */
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(as_nobody(add_what_is_listed), 0);
	assert_int_equal(size_of(path), 4);
	/* What stands in its place later leads root nowhere. */
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(as_nobody(add_to_a_link), 0);
	assert_int_equal(size_of(other), 4);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(it_is_made_and_added_to),
		test(only_a_trusted_link_is_followed),
		test(nobody_elses_file_is_opened_where_others_write),
		test(the_helper_opens_what_was_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
