/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left of root's powers, each time in a process of its own; /proc is the witness. */
#include "test_io_namespace.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "io/privilege.h"
#include "io/tun.h"

#define NOBODY 65534

/* Runs |f| in a child: 0, or the number of the check that failed. */
static int in_child(int (*f)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(f());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A line of /proc/self/status as a number. */
static unsigned long long status_of(const char *field, int base)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long v = ~0ULL;
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, field, strlen(field)) == 0)
			v = strtoull(line + strlen(field), NULL, base);
	if (f != NULL)
		fclose(f);
	return v;
}

static int only_net_admin(void)
{
	const unsigned long long net_admin = 1ULL << CAP_NET_ADMIN;

	if (status_of("CapEff:", 16) != net_admin || status_of("CapPrm:", 16) != net_admin)
		return 20;
	if (status_of("CapInh:", 16) != 0 || status_of("CapBnd:", 16) != 0)
		return 21;
	return status_of("NoNewPrivs:", 10) == 1 ? 0 : 22;
}

static int become_nobody(void)
{
	struct lnl_reason why;
	char text[16];

	snprintf(text, sizeof(text), "%d", NOBODY);
	if (lnl_privilege_drop(text, text, &why) != 0)
		return 1;
	if (getuid() != NOBODY || geteuid() != NOBODY || getgid() != NOBODY ||
	    getegid() != NOBODY || getgroups(0, NULL) != 0)
		return 2;
	if (setuid(0) == 0 || seteuid(0) == 0 || setgid(0) == 0)
		return 3;
	return only_net_admin();
}

/* The user's name brings its group along. */
static int become_by_name(void)
{
	struct lnl_reason why;

	if (lnl_privilege_drop("daemon", NULL, &why) != 0)
		return 1;
	return getuid() != 0 && getgid() != 0 && getgroups(0, NULL) == 0 ? only_net_admin() : 2;
}

static int stay_root(void)
{
	struct lnl_reason why;

	if (lnl_privilege_drop(NULL, NULL, &why) != 0)
		return 1;
	return getuid() == 0 ? only_net_admin() : 2;
}

/* What it keeps is enough for what tunnels need: a device, up. */
static int still_makes_devices(void)
{
	struct lnl_tun_conf conf = { .name = "tun" };
	struct lnl_reason why;
	struct lnl_tun t;
	char text[16];

	if (!test_namespace())
		return 9;
	conf.node = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	snprintf(text, sizeof(text), "%d", NOBODY);
	if (lnl_privilege_drop(text, NULL, &why) != 0)
		return 1;
	if (lnl_tun_open(&t, &conf, &why) != 0)
		return 2;
	test_link_up(t.name);
	return 0;
}

static int not_root(void)
{
	struct lnl_reason why;

	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 9;
	if (lnl_privilege_drop("root", NULL, &why) != LNL_E_PERM || why.text[0] == '\0')
		return 1;
	if (lnl_privilege_drop(NULL, NULL, &why) != 0)
		return 2;
	return status_of("NoNewPrivs:", 10) == 1 ? 0 : 3;
}

static int unknown(void)
{
	struct lnl_reason why;

	if (lnl_privilege_drop("no-such-user", NULL, &why) != LNL_E_NOTFOUND ||
	    strstr(why.text, "no-such-user") == NULL)
		return 1;
	if (lnl_privilege_drop("daemon", "no-such-group", &why) != LNL_E_NOTFOUND ||
	    strstr(why.text, "no-such-group") == NULL)
		return 2;
	if (lnl_privilege_drop("", NULL, &why) != LNL_E_NOTFOUND ||
	    lnl_privilege_drop("1x", NULL, &why) != LNL_E_NOTFOUND ||
	    lnl_privilege_drop("-1", NULL, &why) != LNL_E_NOTFOUND ||
	    lnl_privilege_drop("4294967295", NULL, &why) != LNL_E_NOTFOUND)
		return 3;
	/* Nothing was given up on the way. */
	return geteuid() == 0 && status_of("NoNewPrivs:", 10) == 0 ? 0 : 4;
}

static int hidden(void)
{
	struct rlimit core = { 1, 1 };

	lnl_privilege_hide();
	if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_cur != 0 || core.rlim_max != 0)
		return 1;
#ifndef __SANITIZE_ADDRESS__
	if (prctl(PR_GET_DUMPABLE) != 0)
		return 2;
#endif
	return 0;
}

static void powers_are_given_up(void **state)
{
	(void)state;
	test_need_root();
	assert_int_equal(in_child(become_nobody), 0);
	assert_int_equal(in_child(become_by_name), 0);
	assert_int_equal(in_child(stay_root), 0);
}

static void tunnels_still_work(void **state)
{
	(void)state;
	test_need_tun();
	assert_int_equal(in_child(still_makes_devices), 0);
}

static void what_cannot_be_is_said(void **state)
{
	(void)state;
	test_need_root();
	assert_int_equal(in_child(unknown), 0);
	assert_int_equal(in_child(not_root), 0);
}

static void memory_is_hidden(void **state)
{
	(void)state;
	assert_int_equal(in_child(hidden), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(powers_are_given_up),
		cmocka_unit_test(tunnels_still_work),
		cmocka_unit_test(what_cannot_be_is_said),
		cmocka_unit_test(memory_is_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
