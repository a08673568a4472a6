/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening TUN: names, attaching, and each way in which it fails with its own sentence. */
#include "test_io_namespace.h"

#include <linux/if_tun.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "io/tun.h"

static int open_named(struct lnl_tun *out, const char *name, bool tap, struct lnl_reason *why)
{
	const struct lnl_tun_conf conf = { .name = name, .tap = tap, .node = -1 };

	return lnl_tun_open(out, &conf, why);
}

#define need_namespace()                                                                           \
	do {                                                                                       \
		test_need_tun();                                                                   \
		if (!test_namespace())                                                             \
			test_skip("no network namespace");                                         \
	} while (0)

static void the_next_free_number_is_taken(void **state)
{
	struct lnl_reason why;
	struct lnl_tun a, b, tap;

	(void)state;
	need_namespace();
	assert_int_equal(open_named(&a, "tun", false, &why), 0);
	assert_int_equal(open_named(&b, "tun", false, &why), 0);
	assert_int_equal(open_named(&tap, "tap", true, &why), 0);
	assert_string_equal(a.name, "tun0");
	assert_string_equal(b.name, "tun1");
	assert_string_equal(tap.name, "tap0");
	assert_int_equal(a.index, if_nametoindex("tun0"));
	assert_int_not_equal(a.index, b.index);
	assert_true(tap.tap);
	assert_true(fcntl(a.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(a.fd, F_GETFD) & FD_CLOEXEC);
	close(a.fd);
	assert_int_equal(if_nametoindex("tun0"), 0);
	close(b.fd);
	close(tap.fd);
}

static int queue_len(const char *name)
{
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFTXQLEN, &ifr), 0);
	close(fd);
	return ifr.ifr_qlen;
}

static void a_name_and_a_queue_are_set(void **state)
{
	struct lnl_tun_conf conf = { .name = "office", .txqueuelen = 123, .node = -1 };
	struct lnl_reason why;
	struct lnl_tun t;

	(void)state;
	need_namespace();
	assert_int_equal(lnl_tun_open(&t, &conf, &why), 0);
	assert_string_equal(t.name, "office");
	assert_int_equal(queue_len("office"), 123);
	close(t.fd);
	/* The same over a node that somebody else opened. */
	conf.node = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(lnl_tun_open(&t, &conf, &why), 0);
	assert_int_equal(t.fd, conf.node);
	close(t.fd);
}

static void a_persistent_device_is_attached_to(void **state)
{
	struct lnl_reason why;
	struct lnl_tun t;

	(void)state;
	need_namespace();
	assert_int_equal(open_named(&t, "keep", false, &why), 0);
	assert_int_equal(ioctl(t.fd, TUNSETPERSIST, 1), 0);
	unsigned index = t.index;
	close(t.fd);
	assert_int_equal(open_named(&t, "keep", false, &why), 0);
	assert_int_equal(t.index, index);
	close(t.fd);
	assert_int_equal(if_nametoindex("keep"), index);
	/* Of another kind: refused, and said. */
	assert_int_equal(open_named(&t, "keep", true, &why), LNL_E_INVAL);
	assert_string_equal(why.text, "cannot open tap device keep: a device of that name exists"
				      " and is of another kind");
}

/* A device of several queues, and one that has but one and keeps it. */
static void queues_are_asked_for(void **state)
{
	struct lnl_tun_conf conf = { .name = "tun", .queues = true, .node = -1 };
	struct lnl_tun t[3], one;
	struct lnl_reason why;

	(void)state;
	need_namespace();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(lnl_tun_open(&t[i], &conf, &why), 0);
		assert_string_equal(t[i].name, "tun0");
		assert_int_equal(t[i].index, t[0].index);
		assert_int_equal(t[i].offload, t[0].offload);
		conf.name = t[0].name;
	}
	assert_int_equal(open_named(&one, "tun0", false, &why), LNL_E_INVAL);
	assert_int_equal(open_named(&one, "keep", false, &why), 0);
	assert_int_equal(ioctl(one.fd, TUNSETPERSIST, 1), 0);
	close(one.fd);
	conf.name = "keep";
	assert_int_equal(lnl_tun_open(&one, &conf, &why), LNL_E_INVAL);
	for (unsigned i = 0; i < 3; i++)
		close(t[i].fd);
	assert_int_equal(if_nametoindex("tun0"), 0);
}

static void what_has_another_owner_is_busy(void **state)
{
	struct lnl_reason why;
	struct lnl_tun a, b;

	(void)state;
	need_namespace();
	assert_int_equal(open_named(&a, "mine", false, &why), 0);
	assert_int_equal(open_named(&b, "mine", false, &why), LNL_E_EXIST);
	assert_string_equal(why.text, "cannot open tun device mine: device busy (another process"
				      " has it)");
	close(a.fd);
	assert_int_equal(open_named(&b, "lo", false, &why), LNL_E_INVAL);
}

static void bad_names_are_refused(void **state)
{
	static const char *const names[] = { "",      "a/b", "sixteen.letters.",
					     "tun%d", "a b", "a\nb",
					     ".",     "..",  "tun0:1" };
	struct lnl_reason why;
	struct lnl_tun t;

	(void)state;
	need_namespace();
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_int_equal(open_named(&t, names[i], false, &why), LNL_E_INVAL);
	assert_int_equal(open_named(&t, "fifteen.letters", false, &why), 0);
	close(t.fd);
}

/* Runs |f| in a process of its own; the reason that it found comes back by a pipe. */
static int in_child(int (*f)(struct lnl_reason *why), struct lnl_reason *why)
{
	int p[2], status;
	pid_t pid;

	assert_int_equal(pipe(p), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct lnl_reason r = { "" };
		int rc = f(&r);

		_exit(write(p[1], &r, sizeof(r)) == sizeof(r) ? -rc : 77);
	}
	close(p[1]);
	assert_int_equal(read(p[0], why, sizeof(*why)), sizeof(*why));
	close(p[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return -WEXITSTATUS(status);
}

static int without_node(struct lnl_reason *why)
{
	struct lnl_tun t;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/dev/net", "tmpfs", 0, NULL) < 0)
		return -78;
	return open_named(&t, "tun", false, why);
}

static int as_nobody(struct lnl_reason *why)
{
	struct lnl_tun_conf conf = { .name = "tun" };
	struct lnl_tun t;

	conf.node = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (conf.node < 0 || setresuid(65534, 65534, 65534) < 0)
		return -78;
	return lnl_tun_open(&t, &conf, why);
}

static void causes_are_named(void **state)
{
	struct lnl_reason why;
	int rc;

	(void)state;
	need_namespace();
	rc = in_child(without_node, &why);
	if (rc == -78)
		test_skip("no mount namespace");
	assert_int_equal(rc, LNL_E_NOTFOUND);
	assert_string_equal(why.text, "cannot open /dev/net/tun: no such device node (is the kernel"
				      " module \"tun\" there?)");
	assert_int_equal(in_child(as_nobody, &why), LNL_E_PERM);
	assert_string_equal(why.text, "cannot create tun device tun: not permitted (root or"
				      " CAP_NET_ADMIN is needed)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_free_number_is_taken),
		cmocka_unit_test(a_name_and_a_queue_are_set),
		cmocka_unit_test(a_persistent_device_is_attached_to),
		cmocka_unit_test(queues_are_asked_for),
		cmocka_unit_test(what_has_another_owner_is_busy),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(causes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
