/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that appear whole or not at all, and what of all this a policy VM must not have. */
#include "test_bindings_vm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bindings/vault.h"

static char folder[] = "/tmp/lunel-store-XXXXXX";

static int start(void **state)
{
	(void)state;
	return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int stop(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void expect_file(const char *path, const char *text, mode_t mode)
{
	char got[64] = "";
	struct stat st;
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	size_t n = fread(got, 1, sizeof(got) - 1, f);
	fclose(f);
	assert_int_equal(n, strlen(text));
	assert_string_equal(got, text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* Nothing that was on its way stays behind. */
static unsigned count_files(void)
{
	unsigned n = 0;
	FILE *f = popen("ls -A | wc -l", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

static void test_written(void **state)
{
	char path[128];

	(void)state;
	umask(0077);
	assert_int_equal(lnl_vault_write("a", "one", 3, 0644, false), 0);
	expect_file("a", "one", 0644); /* whatever the umask */
	umask(0);
	snprintf(path, sizeof(path), "%s/b", folder);
	assert_int_equal(lnl_vault_write(path, "", 0, 0600, false), 0);
	expect_file("b", "", 0600);
	umask(0022);
	assert_int_equal(count_files(), 2);
}

static void test_not_replaced(void **state)
{
	(void)state;
	assert_int_equal(lnl_vault_write("a", "two", 3, 0600, false), -1);
	assert_int_equal(errno, EEXIST);
	expect_file("a", "one", 0644);
	/* Nor what a link leads to, nor the link. */
	assert_int_equal(symlink("nowhere", "l"), 0);
	assert_int_equal(lnl_vault_write("l", "x", 1, 0600, false), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(access("nowhere", F_OK), -1);
	assert_int_equal(unlink("l"), 0);
	assert_int_equal(count_files(), 2);
}

static void test_replaced(void **state)
{
	(void)state;
	assert_int_equal(lnl_vault_write("a", "three", 5, 0600, true), 0);
	expect_file("a", "three", 0600);
	assert_int_equal(count_files(), 2);
}

static void test_failures(void **state)
{
	static char longest[5000];

	(void)state;
	assert_int_equal(lnl_vault_write("no/where", "x", 1, 0600, true), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(mkdir("d", 0700), 0);
	assert_int_equal(lnl_vault_write("d", "x", 1, 0600, true), -1);
	assert_int_equal(errno, EISDIR);
	assert_int_equal(rmdir("d"), 0);
	memset(longest, 'x', sizeof(longest) - 1);
	assert_int_equal(lnl_vault_write(longest, "x", 1, 0600, true), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(count_files(), 2);
}

static void test_not_for_policies(void **state)
{
	struct lnl_vm *vm = new_test_vm(NULL);

	(void)state;
	expect_lua(vm, "return tostring(require('lunel.core').pki)", "nil");
	expect_lua(vm, "return tostring(require('lunel.core').write_file)", "nil");
	expect_lua(vm, "return tostring(require('lunel.core').make_folder)", "nil");
	lnl_vm_free(vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_written),		 cmocka_unit_test(test_not_replaced),
		cmocka_unit_test(test_replaced),	 cmocka_unit_test(test_failures),
		cmocka_unit_test(test_not_for_policies),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
