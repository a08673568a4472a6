/* SPDX-License-Identifier: GPL-3.0-or-later */
/* vpn.file.append: whole lines, in the file that has the name now, and never a wait. */
#include "test_bindings_vm.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct lnl_host host;
static char folder[64], path[128], old[128];

static int set_up(void **state)
{
	struct lnl_vm *vm;
	char code[512];

	memset(&host, 0, sizeof(host));
	lnl_host_levels(&host);
	*state = vm = new_test_vm(&host);
	snprintf(folder, sizeof(folder), "/tmp/lunel-append.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/log", folder);
	snprintf(old, sizeof(old), "%s/log.1", folder);
	snprintf(code, sizeof(code),
		 "local vpn = require 'lunel' package.loaded.vpn = vpn package.loaded.path = '%s' "
		 "package.loaded.out = vpn.file.append('%s', { reopen = 'moved', mode = 0640 })",
		 path, path);
	expect_lua(vm, code, "nil");
	return 0;
}

static int tear_down(void **state)
{
	lnl_vm_free(*state);
	lnl_record_clear(&host.log);
	unlink(path);
	unlink(old);
	return rmdir(folder);
}

/* With `out` the file; |want| is what write gives. */
static void expect(struct lnl_vm *vm, const char *code, const char *want)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "local out, vpn, path = require 'out', require 'vpn', require 'path' %s", code);
	expect_lua(vm, text, want);
}

static void refuse(struct lnl_vm *vm, const char *code, const char *want)
{
	char text[1024];

	snprintf(text, sizeof(text),
		 "local out, vpn, path = require 'out', require 'vpn', require 'path' %s", code);
	refuse_lua(vm, text, want);
}

static const char *content(const char *where)
{
	static char text[256];
	int fd = open(where, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return "(not there)";
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

static void lines_are_added(void **state)
{
	struct stat st;

	assert_string_equal(content(path), "(not there)"); /* it is opened when it is needed */
	expect(*state, "return out:write 'one\\n'", "true");
	expect(*state, "return out:write 'two\\n'", "true");
	assert_string_equal(content(path), "one\ntwo\n");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	expect(*state, "return out:close()", "true");
	expect(*state, "local ok, err = out:write 'x' return tostring(ok) .. err",
	       "nilit is closed");
}

/* Within a second or so: it is looked for once a second. */
static void write_until(struct lnl_vm *vm, const char *line, const char *where)
{
	const struct timespec pause = { 0, 20000000 };
	char code[128];

	snprintf(code, sizeof(code), "return out:write '%s\\n'", line);
	for (int i = 0; access(where, F_OK) != 0; i++) {
		assert_true(i < 500);
		expect(vm, code, "true");
		nanosleep(&pause, NULL);
	}
}

static void what_was_moved_is_left_alone(void **state)
{
	expect(*state, "return out:write 'one\\n'", "true");
	assert_int_equal(rename(path, old), 0);
	write_until(*state, "two", path);
	/* The first lines after that may have gone to the old one: none is lost. */
	assert_string_equal(content(path), "two\n");
	assert_true(strncmp(content(old), "one\n", 4) == 0);
}

static void what_was_removed_comes_back(void **state)
{
	expect(*state, "return out:write 'one\\n'", "true");
	assert_int_equal(unlink(path), 0);
	write_until(*state, "two", path);
	assert_string_equal(content(path), "two\n");
}

static void without_reopen_it_stays(void **state)
{
	expect(*state,
	       "local f = vpn.file.append(path) f:write 'one\\n' os.rename(path, path .. '.1') "
	       "f:write 'two\\n' f:close() return true",
	       "true");
	assert_string_equal(content(old), "one\ntwo\n");
}

static void what_cannot_be_written_is_told(void **state)
{
	expect(*state,
	       "local ok, err = vpn.file.append('/dev/full'):write 'x' return tostring(ok) .. ' ' .. err",
	       "nil cannot write /dev/full: No space left on device");
	expect(*state,
	       "local ok, err = vpn.file.append('/nonexistent/x'):write 'x' return err:match '^[^:]*:'",
	       "cannot write /nonexistent/x:");
}

/* Half a line in a pipe that nobody empties does not become the beginning of the next. */
static void a_full_pipe_is_not_waited_for(void **state)
{
	static char text[1 << 17];
	ssize_t n;
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	expect(*state, "local ok, err = out:write 'x' return err:find 'No such device' ~= nil",
	       "true");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	expect(*state,
	       "local ok, err = out:write(('x'):rep(100000)) return tostring(ok) .. "
	       "tostring(err:find 'temporarily unavailable' ~= nil)",
	       "niltrue");
	n = read(fd, text, sizeof(text));
	assert_in_range(n, 4096, 100000 - 1);
	expect(*state, "return out:write 'next\\n'", "true");
	n = read(fd, text, sizeof(text));
	assert_int_equal(n, 6);
	assert_memory_equal(text, "\nnext\n", 6);
	close(fd);
}

/* Whoever read a pipe may end: that is an error of the write, and no signal to us. */
static void a_pipe_that_nobody_reads_any_more_is_told(void **state)
{
	char text[16];
	int fd;

	assert_int_equal(mkfifo(path, 0600), 0);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	expect(*state, "return out:write 'one\\n'", "true");
	close(fd);
	expect(*state,
	       "local ok, err = out:write 'two\\n' return tostring(ok) .. "
	       "tostring(err:find 'Broken pipe' ~= nil)",
	       "niltrue");
	/* For the next reader it goes on, with what the last one left. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	expect(*state, "return out:write 'three\\n'", "true");
	assert_int_equal(read(fd, text, sizeof(text)), 10);
	assert_memory_equal(text, "one\nthree\n", 10);
	close(fd);
}

/* A hook may ask for one each time that it runs: those are not kept, nor their descriptors. */
static void what_nobody_has_any_more_is_closed(void **state)
{
	expect(*state,
	       "local files = require 'lunel.files' files.allow() "
	       "local weak = setmetatable({}, { __mode = 'v' }) "
	       "for i = 1, 10 do weak[i] = vpn.file.append(path) weak[i]:write 'x' end "
	       "collectgarbage() collectgarbage() return next(weak)",
	       "nil");
}

static void misuse_is_told(void **state)
{
	refuse(*state, "vpn.file.append()", "vpn.file.append: a path expected");
	refuse(*state, "vpn.file.append('x', { mdoe = 600 })", "did you mean 'mode'?");
	refuse(*state, "vpn.file.append('x', { mode = 608 })", "as chmod writes them");
	refuse(*state, "vpn.file.append('x', { mode = 7777 })", "as chmod writes them");
	refuse(*state, "vpn.file.append('x', { reopen = true })", "reopen is \"moved\"");
	refuse(*state, "out:write({})", "string expected");
	refuse(*state, "out:write(require('lunel.core').secret 'x')", "string expected");
	refuse(*state, "return vpn.file.apend", "did you mean 'append'?");
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		test(lines_are_added),
		test(what_was_moved_is_left_alone),
		test(what_was_removed_comes_back),
		test(without_reopen_it_stays),
		test(what_cannot_be_written_is_told),
		test(a_full_pipe_is_not_waited_for),
		test(a_pipe_that_nobody_reads_any_more_is_told),
		test(what_nobody_has_any_more_is_closed),
		test(misuse_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
