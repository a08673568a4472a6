/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Unix sockets that the helper makes and removes: M1's mode 0600, and what must not be taken away. */
#include "test_io_namespace.h"

#include <sys/stat.h>
#include <sys/un.h>

#include "io/process.h"

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

static const struct lnl_socket_owner mine = { UINT32_MAX, UINT32_MAX, 0600 };

/* A path in a folder of the test's own. */
static const char *socket_path(char *folder, char *out, const char *name)
{
	/* What mkdtemp puts there may end with an X, too. */
	if (strstr(folder, "XXXXXX") != NULL)
		assert_non_null(mkdtemp(folder));
	snprintf(out, 108, "%s/%s", folder, name);
	return out;
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	rc = connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ? errno : 0;
	close(fd);
	return rc;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode;
}

static void unix_sockets_listen(void **state)
{
	char folder[] = "/tmp/lunel-test.XXXXXX", path[108];
	const struct lnl_socket_owner group = { UINT32_MAX, UINT32_MAX, 0660 };
	int fd, other;

	(void)state;
	socket_path(folder, path, "a.sock");
	fd = lnl_process_listen(process, path, &mine);
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(mode_of(path), S_IFSOCK | 0600);
	assert_int_equal(connect_to(path), 0);
	/* Somebody listens. */
	assert_int_equal(lnl_process_listen(process, path, &mine), -EADDRINUSE);
	assert_int_equal(connect_to(path), 0);
	/* Nobody does any more: what is left is replaced. */
	close(fd);
	assert_int_equal(connect_to(path), ECONNREFUSED);
	fd = lnl_process_listen(process, path, &group);
	assert_true(fd >= 0);
	assert_int_equal(mode_of(path), S_IFSOCK | 0660);
	/* What has come in its place is another's. */
	unlink(path);
	other = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	close(other);
	lnl_process_unlisten(process, path);
	assert_int_equal(mode_of(path), S_IFREG | 0600);
	unlink(path);
	close(fd);
	fd = lnl_process_listen(process, path, &mine);
	assert_true(fd >= 0);
	lnl_process_unlisten(process, "/tmp/another.sock");
	assert_int_equal(connect_to(path), 0);
	lnl_process_unlisten(process, path);
	assert_int_equal(connect_to(path), ENOENT);
	close(fd);
	assert_int_equal(rmdir(folder), 0);
}

/* Only a socket is ever taken away, and no link is followed. */
static void what_is_no_socket_stays(void **state)
{
	char folder[] = "/tmp/lunel-test.XXXXXX", file[108], link[108], sub[108], none[200];
	int fd;

	(void)state;
	fd = open(socket_path(folder, file, "file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	close(fd);
	assert_int_equal(symlink(file, socket_path(folder, link, "link")), 0);
	assert_int_equal(mkdir(socket_path(folder, sub, "sub"), 0755), 0);
	assert_int_equal(lnl_process_listen(process, file, &mine), -EEXIST);
	assert_int_equal(lnl_process_listen(process, link, &mine), -EEXIST);
	assert_int_equal(lnl_process_listen(process, sub, &mine), -EEXIST);
	assert_int_equal(lnl_process_listen(process, "", &mine), -EINVAL);
	snprintf(none, sizeof(none), "%s/no/a.sock", folder);
	assert_int_equal(lnl_process_listen(process, none, &mine), -ENOENT);
	memset(none, 'x', 108);
	none[108] = '\0';
	assert_int_equal(lnl_process_listen(process, none, &mine), -ENAMETOOLONG);
	assert_int_equal(lnl_process_listen(NULL, file, &mine), -ENOSYS);
	assert_int_equal(mode_of(file), S_IFREG | 0644);
	assert_int_equal(mode_of(link) & S_IFMT, S_IFLNK);
	unlink(link);
	unlink(file);
	rmdir(sub);
	assert_int_equal(rmdir(folder), 0);
}

static void a_socket_gets_its_owner(void **state)
{
	char folder[] = "/tmp/lunel-test.XXXXXX", path[108];
	const struct lnl_socket_owner nobody = { 65534, 65533, 0600 };
	struct stat st;
	int fd;

	(void)state;
	test_need_root();
	fd = lnl_process_listen(process, socket_path(folder, path, "a.sock"), &nobody);
	assert_true(fd >= 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_uid, 65534);
	assert_int_equal(st.st_gid, 65533);
	lnl_process_unlisten(process, path);
	close(fd);
	assert_int_equal(rmdir(folder), 0);
}

/* Sealed, it makes those again that it made before; and its own end removes them. */
static void the_seal_and_the_end_of_sockets(void **state)
{
	char folder[] = "/tmp/lunel-test.XXXXXX", path[108], other[108];
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;
	int fd;

	(void)state;
	socket_path(folder, path, "a.sock");
	socket_path(folder, other, "b.sock");
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	fd = lnl_process_listen(p, path, &mine);
	assert_true(fd >= 0);
	lnl_process_seal(p);
	assert_int_equal(lnl_process_listen(p, other, &mine), -EPERM);
	lnl_process_unlisten(p, path);
	close(fd);
	assert_int_equal(connect_to(path), ENOENT);
	fd = lnl_process_listen(p, path, &mine);
	assert_true(fd >= 0);
	assert_int_equal(connect_to(path), 0);
	lnl_process_free(p);
	close(fd);
	ev_loop_destroy(l);
	assert_int_equal(connect_to(path), ENOENT);
	assert_int_equal(rmdir(folder), 0);
}

static void no_more_than_sixteen_sockets(void **state)
{
	char folder[] = "/tmp/lunel-test.XXXXXX", path[108], name[16];
	struct ev_loop *l = ev_loop_new(EVFLAG_AUTO);
	struct lnl_process *p;
	struct lnl_reason why;

	(void)state;
	assert_int_equal(lnl_process_new(&p, l, NULL, NULL, &why), 0);
	for (int i = 0; i <= 16; i++) {
		int fd;

		snprintf(name, sizeof(name), "%d", i);
		fd = lnl_process_listen(p, socket_path(folder, path, name), &mine);
		if (i == 16)
			assert_int_equal(fd, -ENOSPC);
		else
			close(fd);
	}
	lnl_process_free(p);
	ev_loop_destroy(l);
	assert_int_equal(rmdir(folder), 0); /* it removed all */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unix_sockets_listen),
		cmocka_unit_test(what_is_no_socket_stays),
		cmocka_unit_test(a_socket_gets_its_owner),
		cmocka_unit_test(the_seal_and_the_end_of_sockets),
		cmocka_unit_test(no_more_than_sixteen_sockets),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
