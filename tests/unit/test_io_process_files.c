/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the helper writes for who may not: named before, in the folder that they were in then. */
#include "test_io_namespace.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
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
	snprintf(folder, sizeof(folder), "/tmp/lunel-files.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/status", folder);
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

static int put(const char *where, const char *text)
{
	struct lnl_reason why = { "" };
	int rc = lnl_process_write(process, where, text, strlen(text), false, &why);

	if (rc < 0 && why.text[0] == 0)
		return 1;
	return rc;
}

/* What is in |where|; NULL when it is not there. Valid until the next call. */
static const char *content(const char *where)
{
	static char text[64];
	int fd = open(where, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	return text;
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

static int write_what_is_listed(void)
{
	if (put(path, "new") != 0)
		return 1;
	if (put(other, "new") != LNL_E_PERM)
		return 2;
	if (lnl_process_allow_write(process, other) != LNL_E_STATE)
		return 3;
	return lnl_process_allow_write(process, path) == 0 ? 0 : 4;
}

static void who_may_not_writes_by_the_helper(void **state)
{
	struct stat st;
	char *text;
	size_t len;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(lnl_process_allow_write(process, path), 0);
	lnl_process_seal(process);
	assert_int_equal(as_nobody(write_what_is_listed), 0);
	assert_string_equal(content(path), "new");
	assert_null(content(other));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Whose it is, and who may read it, stays. */
	assert_int_equal(chown(path, 1, 2), 0);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(as_nobody(write_what_is_listed), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 1);
	assert_int_equal(st.st_gid, 2);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(lnl_process_read(process, path, &text, &len), 0);
	assert_string_equal(text, "new");
	free(text);
}

static int write_listed(void)
{
	return put(path, "new") == 0 ? 0 : 1;
}

static int read_listed(void)
{
	char *text;
	size_t len;

	if (lnl_process_read(process, path, &text, &len) != 0)
		return 1;
	return strcmp(text, "new") == 0 ? 0 : 2;
}

/* Whoever may rename the folder does not say where root writes. */
static void a_link_in_the_folders_place_is_not_followed(void **state)
{
	char moved[80], trap[80], hit[128];

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(lnl_process_allow_write(process, path), 0);
	lnl_process_seal(process);
	snprintf(moved, sizeof(moved), "%s.moved", folder);
	snprintf(trap, sizeof(trap), "%s.trap", folder);
	snprintf(hit, sizeof(hit), "%s/status", trap);
	assert_int_equal(mkdir(trap, 0700), 0);
	assert_int_equal(rename(folder, moved), 0);
	assert_int_equal(symlink(trap, folder), 0);
	assert_int_equal(as_nobody(write_listed), 0);
	assert_null(content(hit));
	assert_int_equal(unlink(folder), 0);
	assert_int_equal(rename(moved, folder), 0);
	assert_int_equal(rmdir(trap), 0);
	assert_string_equal(content(path), "new");
	assert_int_equal(as_nobody(read_listed), 0);
	/* Nor one in the file's own. */
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(as_nobody(write_listed), 1);
	assert_int_equal(as_nobody(read_listed), 1);
}

static void what_a_link_led_to_is_written(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(put(other, "old"), 0);
	assert_int_equal(symlink(other, path), 0);
	assert_int_equal(lnl_process_allow_write(process, path), 0);
	lnl_process_seal(process);
	assert_int_equal(put(path, "new"), 0);
	assert_string_equal(content(other), "new");
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void what_is_no_file(void **state)
{
	char fifo[80];
	struct stat st;

	(void)state;
	assert_int_equal(lnl_process_allow_write(process, "/dev/null"), 0);
	assert_int_equal(put("/dev/null", "text"), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	/* A pipe that nobody reads makes nobody wait. */
	snprintf(fifo, sizeof(fifo), "%s.fifo", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(put(fifo, "text"), LNL_E_NOTFOUND);
	unlink(fifo);
	assert_int_equal(put(folder, "text"), LNL_E_SYSTEM);
	assert_int_equal(lnl_process_allow_write(process, "/tmp/"), LNL_E_SYSTEM);
	assert_int_equal(lnl_process_allow_write(process, "/nowhere/status"), LNL_E_NOTFOUND);
	assert_int_equal(put("/nowhere/status", "text"), LNL_E_NOTFOUND);
	assert_int_equal(put("/dev/full", "text"), LNL_E_SYSTEM);
}

static void not_above_16_mib(void **state)
{
	size_t len = 16 * 1024 * 1024 + 1;
	char *data = calloc(1, len);
	struct lnl_reason why;
	struct stat st;

	(void)state;
	assert_non_null(data);
	assert_int_equal(lnl_process_allow_write(process, path), 0);
	assert_int_equal(lnl_process_write(process, path, data, len, true, &why), LNL_E_LIMIT);
	assert_int_equal(lnl_process_write(process, path, data, len - 1, true, &why), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, len - 1);
	free(data);
}

/* ---- F11: a reader never sees half a file ---- */

#define ROUNDS 300
#define SIZE   200000

static atomic_bool over;
static char a_text[SIZE + 1], b_text[SIZE + 1];

static void *read_again_and_again(void *unused)
{
	static char seen[SIZE + 2];
	uintptr_t wrong = 0;

	(void)unused;
	while (!atomic_load(&over)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		size_t len = 0;
		ssize_t n;

		if (fd < 0) {
			wrong++;
			continue;
		}
		while ((n = read(fd, seen + len, sizeof(seen) - len)) > 0)
			len += (size_t)n;
		close(fd);
		seen[len < SIZE ? len : SIZE] = 0;
		wrong += len != SIZE || (strcmp(seen, a_text) != 0 && strcmp(seen, b_text) != 0);
	}
	return (void *)wrong;
}

static void nobody_reads_half_of_it(void **state)
{
	pthread_t reader;
	void *wrong;

	(void)state;
	memset(a_text, 'a', SIZE);
	memset(b_text, 'b', SIZE);
	assert_int_equal(lnl_process_allow_write(process, path), 0);
	assert_int_equal(put(path, a_text), 0);
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&reader, NULL, read_again_and_again, NULL), 0);
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(put(path, i % 2 ? a_text : b_text), 0);
	atomic_store(&over, true);
	assert_int_equal(pthread_join(reader, &wrong), 0);
	assert_int_equal((uintptr_t)wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_may_not_writes_by_the_helper, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_link_in_the_folders_place_is_not_followed, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_a_link_led_to_is_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(not_above_16_mib, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_reads_half_of_it, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
