/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changing what was applied, remotes to come, and what happens when something does not work. */
#include "test_io_netconf.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* ---- changes ---- */

/* Counts what the kernel says of IPv4 routes and addresses. */
static int open_monitor(void)
{
	struct sockaddr_nl at = { .nl_family = AF_NETLINK,
				  .nl_groups =
					  RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR | RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

static unsigned count_messages(int fd)
{
	uint8_t data[16384];
	unsigned n = 0;
	ssize_t len;

	while ((len = recv(fd, data, sizeof(data), 0)) > 0) {
		for (size_t at = 0; at < (size_t)len; n++) {
			struct nlmsghdr h;

			memcpy(&h, data + at, sizeof(h));
			at += NLMSG_ALIGN(h.nlmsg_len);
		}
	}
	return n;
}

static void applying_again_changes_what_differs(void **state)
{
	struct world w;
	struct lnl_net net;
	int monitor;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	add_route(&net, "10.0.0.0/8", LNL_VIA_TUNNEL);
	add_route(&net, "172.16.0.0/12", LNL_VIA_TUNNEL);
	apply_well(&w, &net, "203.0.113.1");
	monitor = open_monitor();
	apply_well(&w, &net, "203.0.113.1");
	assert_int_equal(count_messages(monitor), 0);
	/* One goes, one comes. */
	assert_int_equal(lnl_prefix_parse(&net.routes[0].dst, "100.64.0.0/10"), 0);
	apply_well(&w, &net, "203.0.113.1");
	assert_int_equal(count_messages(monitor), 2);
	assert_shows("ip route show", "100.64.0.0/10 dev tun0");
	assert_false(shows("ip route show", "10.0.0.0/8"));
	/* Another server: its host route for the old one's. */
	apply_well(&w, &net, "203.0.113.2");
	assert_int_equal(count_messages(monitor), 2);
	assert_way("203.0.113.2", "via 192.0.2.1 dev wan0");
	assert_way("203.0.113.1", "dev tun0");
	close(monitor);
	close_world(&w);
}

/* The last address takes the device's routes with it: they come back. */
static void a_new_address_keeps_the_routes(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	add_route(&net, "10.0.0.0/8", LNL_VIA_TUNNEL);
	apply_well(&w, &net, "203.0.113.1");
	lnl_prefix_parse(&net.addr4, "10.8.0.3/24");
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip addr show tun0", "inet 10.8.0.3/24");
	assert_false(shows("ip addr show tun0", "10.8.0.2/24"));
	assert_way("9.9.9.9", "dev tun0");
	assert_way("10.77.0.1", "dev tun0");
	assert_way("203.0.113.1", "dev wan0");
	net.mtu = 1300;
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip link show tun0", "mtu 1300");
	close_world(&w);
}

/* From def1 to a replaced default route, twice, and to nothing. */
static void redirects_change(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	apply_well(&w, &net, "203.0.113.1");
	net.redirect = LNL_REDIRECT_IPV4;
	apply_well(&w, &net, "203.0.113.1");
	assert_false(shows("ip route show", "default via 192.0.2.1"));
	add_route(&net, "198.51.100.0/24", LNL_VIA_NET_GATEWAY);
	apply_well(&w, &net, "203.0.113.9");
	assert_way("203.0.113.9", "via 192.0.2.1 dev wan0");
	assert_way("203.0.113.1", "dev tun0");
	assert_way("198.51.100.1", "via 192.0.2.1 dev wan0");
	net.redirect = 0;
	apply_well(&w, &net, "203.0.113.9");
	assert_shows("ip route show",
		     "default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100");
	assert_way("9.9.9.9", "via 192.0.2.1 dev wan0");
	close_world(&w);
}

static void remotes_are_protected(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;
	struct lnl_addr a = addr("203.0.113.50"), b = addr("203.0.113.51"),
			near = addr("192.0.2.77"), six = addr("2001:db8:6::1");

	(void)state;
	need_world(&w);
	base_net(&net);
	/* Before anything is applied it is only remembered. */
	assert_int_equal(lnl_netconf_protect(w.nc, &a, &why), 0);
	assert_false(shows("ip route show", "203.0.113.50"));
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	apply_well(&w, &net, "203.0.113.1");
	assert_way("203.0.113.50", "via 192.0.2.1 dev wan0");
	assert_way("203.0.113.51", "dev tun0");
	assert_int_equal(lnl_netconf_protect(w.nc, &b, &why), 0);
	assert_int_equal(lnl_netconf_protect(w.nc, &near, &why), 0);
	assert_int_equal(lnl_netconf_protect(w.nc, &six, &why), 0);
	assert_way("203.0.113.51", "via 192.0.2.1 dev wan0");
	assert_way("192.0.2.77", "dev wan0");
	/* Also one whose address is within the tunnel's own network. */
	a = addr("10.8.0.50");
	assert_int_equal(lnl_netconf_protect(w.nc, &a, &why), 0);
	assert_way("10.8.0.50", "via 192.0.2.1 dev wan0");
	assert_way("2001:db8:6::1", "via 2001:db8::1 dev wan0");
	assert_false(shows("ip -6 route show", "2001:db8:6::1"));
	/* The gateway of the moment: the machine has moved to another one. */
	run("ip route add default via 192.0.2.9 dev wan0 metric 50");
	assert_int_equal(lnl_netconf_protect(w.nc, &b, &why), 0);
	assert_way("203.0.113.51", "via 192.0.2.9 dev wan0");
	assert_way("203.0.113.1", "via 192.0.2.9 dev wan0");
	run("ip route del default via 192.0.2.9");
	/* More than are remembered. */
	for (unsigned i = 0; i < 40; i++) {
		char text[32];

		snprintf(text, sizeof(text), "198.51.100.%u", i + 1);
		a = addr(text);
		assert_int_equal(lnl_netconf_protect(w.nc, &a, &why), 0);
		assert_way(text, "via 192.0.2.1 dev wan0");
	}
	assert_way("198.51.100.1", "dev tun0");
	assert_way("203.0.113.1", "via 192.0.2.1 dev wan0");
	close_world(&w);
}

/* The same while the default route itself is the tunnel's. */
static void remotes_are_protected_without_def1(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;
	struct lnl_addr a = addr("203.0.113.50");

	(void)state;
	need_world(&w);
	base_net(&net);
	/* Another default route, that counts less than the one that is taken out. */
	run("ip route add default via 192.0.2.9 dev wan0 metric 200");
	capture(EVERYTHING, w.before, sizeof(w.before));
	net.redirect = LNL_REDIRECT_IPV4;
	apply_well(&w, &net, "203.0.113.1");
	assert_int_equal(lnl_netconf_protect(w.nc, &a, &why), 0);
	assert_way("203.0.113.50", "via 192.0.2.1 dev wan0");
	/* A DHCP client puts it back: the next time it is taken out again. */
	run("ip route add default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100");
	apply_well(&w, &net, "203.0.113.1");
	assert_false(shows("ip route show", "default via 192.0.2.1"));
	assert_way("9.9.9.9", "dev tun0");
	close_world(&w);
}

/* ---- failures ---- */

static void what_the_device_needs_has_to_work(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.mtu = 20;
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), LNL_E_SYSTEM);
	assert_string_equal(why.text, "cannot set the MTU of tun0 to 20: mtu less than device"
				      " minimum (Invalid argument)");
	net.mtu = 1400;
	lnl_prefix_parse(&net.addr6, "ff02::1/64");
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), LNL_E_SYSTEM);
	assert_non_null(strstr(why.text, "cannot add address ff02::1/64 to tun0: "));
	/* What came before is there, and goes with the rest. */
	assert_shows("ip addr show tun0", "10.8.0.2/24");
	close_world(&w);
}

/* Somebody else's host route keeps ours out: the tunnel would swallow itself. */
static void the_way_to_the_server_has_to_be_there(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;
	struct lnl_addr b = addr("203.0.113.2"), near = addr("203.0.113.3");

	(void)state;
	need_world(&w);
	run("ip route add blackhole 203.0.113.1 && ip route add blackhole 203.0.113.2");
	capture(EVERYTHING, w.before, sizeof(w.before));
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), LNL_E_SYSTEM);
	assert_string_equal(why.text, "cannot add route 203.0.113.1/32 via 192.0.2.1 dev wan0: File"
				      " exists");
	assert_way("9.9.9.9", "dev wan0");
	/* With another server it works; the same remote is refused later, and does no harm. */
	apply_well(&w, &net, "203.0.113.9");
	assert_int_equal(lnl_netconf_protect(w.nc, &b, &why), LNL_E_SYSTEM);
	assert_int_equal(lnl_netconf_protect(w.nc, &near, &why), 0);
	assert_way("203.0.113.3", "via 192.0.2.1 dev wan0");
	assert_way("203.0.113.9", "via 192.0.2.1 dev wan0");
	close_world(&w);
}

/* The network goes away under the tunnel: what leads around stays, what has no way is said. */
static void without_a_network_ways_around_stay(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;
	struct lnl_addr server = addr("203.0.113.1"), other = addr("203.0.113.2");

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	apply_well(&w, &net, "203.0.113.1");
	run("ip route del default");
	assert_int_equal(lnl_netconf_protect(w.nc, &server, &why), 0);
	assert_way("203.0.113.1", "via 192.0.2.1 dev wan0");
	assert_int_equal(lnl_netconf_protect(w.nc, &other, &why), LNL_E_NOTFOUND);
	assert_string_equal(why.text,
			    "no way around the tunnel to 203.0.113.2: no route leads there");
	run("ip route add default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100");
	assert_int_equal(lnl_netconf_protect(w.nc, &other, &why), 0);
	assert_way("203.0.113.2", "via 192.0.2.1 dev wan0");
	close_world(&w);
}

/* As hosters do it: an address alone, and a gateway that is on the link by decree. */
static void a_gateway_by_decree_is_one_for_us(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	run("ip addr flush dev wan0 && ip addr add 192.0.2.2/32 dev wan0 &&"
	    " ip route add default via 172.31.1.1 dev wan0 onlink");
	capture(EVERYTHING, w.before, sizeof(w.before));
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	add_route(&net, "198.51.100.0/24", LNL_VIA_NET_GATEWAY);
	apply_well(&w, &net, "203.0.113.1");
	assert_way("203.0.113.1", "via 172.31.1.1 dev wan0");
	assert_way("198.51.100.1", "via 172.31.1.1 dev wan0");
	net.redirect = LNL_REDIRECT_IPV4;
	apply_well(&w, &net, "203.0.113.1");
	assert_way("203.0.113.1", "via 172.31.1.1 dev wan0");
	close_world(&w);
}

static void without_ipv6_there_is_still_ipv4(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;

	(void)state;
	need_world(&w);
	run("sysctl -qw net.ipv6.conf.tun0.disable_ipv6=1");
	base_net(&net);
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), 0);
	assert_non_null(strstr(w.warnings, "cannot add address fd00:8::2/64 to tun0: "));
	assert_way("10.8.0.1", "dev tun0");
	close_world(&w);
}

/* The device may go first: with it what was on it; what was around it is still taken back. */
static void the_device_may_be_gone(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4;
	net.block_ipv6 = true;
	add_route(&net, "2001:db8:77::/48", LNL_VIA_TUNNEL);
	apply_well(&w, &net, "203.0.113.1");
	run("ip link del tun0");
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), LNL_E_NOTFOUND);
	assert_string_equal(why.text, "cannot set the MTU of tun0 to 1400: No such device");
	lnl_netconf_free(w.nc);
	assert_shows("ip route show",
		     "default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100");
	assert_false(shows("ip route show", "203.0.113.1"));
	assert_false(shows("ip -6 route show", "unreachable"));
	close(w.wan.fd);
	close(w.tun.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(applying_again_changes_what_differs),
		cmocka_unit_test(a_new_address_keeps_the_routes),
		cmocka_unit_test(redirects_change),
		cmocka_unit_test(remotes_are_protected),
		cmocka_unit_test(remotes_are_protected_without_def1),
		cmocka_unit_test(what_the_device_needs_has_to_work),
		cmocka_unit_test(the_way_to_the_server_has_to_be_there),
		cmocka_unit_test(without_a_network_ways_around_stay),
		cmocka_unit_test(a_gateway_by_decree_is_one_for_us),
		cmocka_unit_test(without_ipv6_there_is_still_ipv4),
		cmocka_unit_test(the_device_may_be_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
