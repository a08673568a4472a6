/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the kernel says of links, addresses and default routes, in a namespace of the test's own. */
#include "test_io_namespace.h"

#include <ev.h>

#include "io/monitor.h"

static struct {
	struct ev_loop *loop;
	struct lnl_monitor *monitor;
	struct lnl_change all[1000];
	unsigned n;
} w;

static void changed(void *ctx, const struct lnl_change *list, unsigned n)
{
	assert_ptr_equal(ctx, &w);
	assert_in_range(n, 1, LNL_MONITOR_MOST);
	for (unsigned i = 0; i < n && w.n < 1000; i++)
		w.all[w.n++] = list[i];
}

static void run(const char *line)
{
	if (system(line) != 0)
		fail_msg("%s", line);
}

/* Turns the loop until there is such a change; the place behind it. */
static unsigned until(unsigned from, enum lnl_change_kind kind, const char *ifname, bool gone)
{
	for (int patience = 0; patience < 200; patience++) {
		for (unsigned i = from; i < w.n; i++)
			if (w.all[i].kind == kind && w.all[i].gone == gone &&
			    strcmp(w.all[i].ifname, ifname) == 0)
				return i + 1;
		usleep(10000); /* the kernel's messages, and the time in which they are put together */
		ev_run(w.loop, EVRUN_NOWAIT);
	}
	fail_msg("no change of kind %d of %s", kind, ifname);
	return 0;
}

static int set_up(void **state)
{
	struct lnl_reason why;

	(void)state;
	if (geteuid() != 0)
		return 0;
	assert_true(test_namespace());
	run("ip link add old0 type veth peer name old1 && ip link set old1 up && ip link set old0 up");
	/* The kernel says a moment later that it is running, which would be a change. */
	run("timeout 10 sh -c 'until ip link show dev old0 | grep -q LOWER_UP.*state.UP; do "
	    "sleep 0.01; done'");
	memset(&w, 0, sizeof(w));
	w.loop = ev_loop_new(0);
	assert_int_equal(lnl_monitor_new(&w.monitor, w.loop, changed, &w, &why), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	lnl_monitor_free(w.monitor);
	if (w.loop)
		ev_loop_destroy(w.loop);
	memset(&w, 0, sizeof(w));
	return 0;
}

static void links_addresses_and_routes_are_told(void **state)
{
	unsigned at;

	(void)state;
	test_need_root();
	run("ip link add new0 type veth peer name new1");
	at = until(0, LNL_CHANGE_LINK, "new0", false);
	assert_false(w.all[at - 1].up);
	run("ip link set new1 up && ip link set new0 up");
	at = until(at, LNL_CHANGE_LINK, "new0", false);
	assert_true(w.all[at - 1].up);
	run("ip address add 192.0.2.2/24 dev new0");
	at = until(at, LNL_CHANGE_ADDRESS, "new0", false);
	while (w.all[at - 1].prefix.ip.family != 4) /* the link-local one */
		at = until(at, LNL_CHANGE_ADDRESS, "new0", false);
	assert_int_equal(w.all[at - 1].prefix.bits, 24);
	assert_memory_equal(w.all[at - 1].prefix.ip.bytes, "\xc0\0\2\2", 4);
	run("ip route add default via 192.0.2.1");
	at = until(at, LNL_CHANGE_DEFAULT, "new0", false);
	assert_int_equal(w.all[at - 1].prefix.ip.family, 4);
	assert_memory_equal(w.all[at - 1].gateway.bytes, "\xc0\0\2\1", 4);
	run("ip route del default");
	at = until(at, LNL_CHANGE_DEFAULT, "new0", true);
	run("ip link del new0");
	until(at, LNL_CHANGE_LINK, "new0", true);
}

/* Neither what was there, nor what is no change, nor other routes. */
static void what_changes_nothing_is_not_told(void **state)
{
	(void)state;
	test_need_root();
	run("ip link set old0 txqueuelen 77 && ip link set old0 up");
	run("ip address add 192.0.2.9/24 dev old0 && ip route add 198.51.100.0/24 dev old0");
	run("ip route add default dev old0 table 77");
	run("ip link add last0 type veth peer name last1");
	until(0, LNL_CHANGE_LINK, "last0", false);
	for (unsigned i = 0; i < w.n; i++) {
		assert_int_not_equal(w.all[i].kind, LNL_CHANGE_DEFAULT);
		if (w.all[i].kind == LNL_CHANGE_LINK)
			assert_memory_equal(w.all[i].ifname, "last", 4);
	}
}

static void of_too_many_the_rest_is_lost(void **state)
{
	(void)state;
	test_need_root();
	run("for i in $(seq 1 200); do echo address add 192.0.2.$i/32 dev old0; done | ip -batch -");
	until(0, LNL_CHANGE_LOST, "", false);
	assert_true(w.n >= LNL_MONITOR_MOST);
	assert_int_equal(w.all[LNL_MONITOR_MOST - 1].kind, LNL_CHANGE_LOST);
	run("ip link add last0 type veth peer name last1");
	until(w.n, LNL_CHANGE_LINK, "last0", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(links_addresses_and_routes_are_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(what_changes_nothing_is_not_told, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(of_too_many_the_rest_is_lost, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
