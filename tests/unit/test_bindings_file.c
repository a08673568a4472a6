/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of every kind (X4): what is no file that ends gets a sentence, not a hang. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bindings/file.h"
#include "bindings/library.h"

static char folder[] = "/tmp/lunel-file-XXXXXX";
static char path[128];

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return rmdir(folder);
}

static const char *at(const char *name)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static void refused(const char *name, int error, const char *why)
{
	struct lnl_file f;

	assert_int_equal(lnl_file_read(name, &f), -1);
	assert_int_equal(f.error, error);
	if (why)
		assert_string_equal(f.why, why);
	assert_null(f.data);
}

static void a_file_is_read_whole(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 300000 };
	struct lnl_file f;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *text = calloc(1, sizes[i] + 1);

		for (size_t j = 0; j < sizes[i]; j++)
			text[j] = (char)(j * 7);
		write_file("a", text, sizes[i]);
		assert_int_equal(lnl_file_read(at("a"), &f), 0);
		assert_int_equal(f.len, sizes[i]);
		assert_memory_equal(f.data, text, sizes[i]);
		assert_int_equal(f.data[f.len], 0);
		assert_int_equal(f.uid, getuid());
		lnl_file_free(&f);
		free(text);
	}
	assert_int_equal(chmod(at("a"), 0640), 0);
	assert_int_equal(lnl_file_read(at("a"), &f), 0);
	assert_int_equal(f.mode, 0640);
	lnl_file_free(&f);
	unlink(at("a"));
}

static void what_is_refused(void **state)
{
	(void)state;
	refused(at("missing"), ENOENT, NULL);
	refused(folder, EISDIR, NULL);
	refused("/dev/zero", EFBIG, "it is larger than 4 MiB");
	refused("", ENOENT, NULL);
	write_file("large", "x", 1);
	assert_int_equal(truncate(at("large"), (off_t)1 << 30), 0);
	refused(at("large"), EFBIG, "it is larger than 4 MiB");
	unlink(at("large"));
	assert_int_equal(symlink("loop", at("loop")), 0);
	refused(at("loop"), ELOOP, NULL);
	unlink(at("loop"));
}

/* A pipe is read to its end, as a shell's <(command) is. */
static void a_pipe_is_read(void **state)
{
	char name[32];
	struct lnl_file f;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "text", 4), 4);
	close(fds[1]);
	snprintf(name, sizeof(name), "/dev/fd/%d", fds[0]);
	assert_int_equal(lnl_file_read(name, &f), 0);
	assert_string_equal(f.data, "text");
	lnl_file_free(&f);
	close(fds[0]);
}

/* One that nobody writes to is given up. */
static void a_silent_pipe_is_given_up(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	refused(at("fifo"), ETIMEDOUT, "nothing comes out of it");
	unlink(at("fifo"));
}

/* For the owner alone, whatever the umask says; and nothing is left of one that cannot be. */
static void a_temporary_file(void **state)
{
	struct lnl_file f;
	char first[128], second[128], name[20];
	mode_t before = umask(0);

	(void)state;
	assert_int_equal(lnl_file_temporary(folder, "a\0b\n", 4, first, sizeof(first)), 0);
	umask(before);
	assert_int_equal(lnl_file_temporary(folder, "", 0, second, sizeof(second)), 0);
	assert_string_not_equal(first, second);
	assert_int_equal(strncmp(first, folder, strlen(folder)), 0);
	assert_int_equal(lnl_file_read(first, &f), 0);
	assert_int_equal(f.len, 4);
	assert_memory_equal(f.data, "a\0b\n", 4);
	assert_int_equal(f.mode, 0600);
	lnl_file_free(&f);
	unlink(first);
	unlink(second);
	assert_int_equal(lnl_file_temporary(at("nowhere"), "", 0, first, sizeof(first)), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(lnl_file_temporary(folder, "", 0, name, sizeof(name)), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* What was read once stays as it was: there, changed or gone; and what was not there stays away. */
static void the_library_stays(void **state)
{
	struct lnl_file f;

	(void)state;
	put("a.lua", "return 1");
	assert_int_equal(lnl_library_read(at("a.lua"), &f), 0);
	assert_string_equal(f.data, "return 1");
	put("a.lua", "return 2");
	assert_int_equal(lnl_library_read(at("a.lua"), &f), 0);
	assert_string_equal(f.data, "return 1");
	assert_int_equal(f.len, 8);
	assert_int_equal(unlink(at("a.lua")), 0);
	assert_int_equal(lnl_library_read(at("a.lua"), &f), 0);
	assert_string_equal(f.data, "return 1");

	assert_int_equal(lnl_library_read(at("b.lua"), &f), -1);
	assert_int_equal(f.error, ENOENT);
	put("b.lua", "return 3");
	assert_int_equal(lnl_library_read(at("b.lua"), &f), -1);
	assert_int_equal(f.error, ENOENT);
	assert_int_equal(unlink(at("b.lua")), 0);

	/* A folder is no module, but may become one. */
	assert_int_equal(mkdir(at("c.lua"), 0700), 0);
	assert_int_equal(lnl_library_read(at("c.lua"), &f), -1);
	assert_int_equal(rmdir(at("c.lua")), 0);
	put("c.lua", "return 4");
	assert_int_equal(lnl_library_read(at("c.lua"), &f), 0);
	assert_int_equal(unlink(at("c.lua")), 0);

	/* Of names that are not there it keeps some hundreds. */
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "d%d.lua", i);
		assert_int_equal(lnl_library_read(at(name), &f), -1);
	}
	put("d999.lua", "return 5");
	assert_int_equal(lnl_library_read(at("d999.lua"), &f), 0);
	assert_int_equal(unlink(at("d999.lua")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_read_whole), cmocka_unit_test(what_is_refused),
		cmocka_unit_test(a_pipe_is_read),	cmocka_unit_test(a_silent_pipe_is_given_up),
		cmocka_unit_test(a_temporary_file),	cmocka_unit_test(the_library_stays),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
