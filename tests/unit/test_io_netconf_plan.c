/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a tunnel does to the machine, setting by setting, and that all of it is taken back. */
#include "test_io_netconf.h"

#include <sys/mount.h>

static void the_device_gets_what_it_needs(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip link show tun0", "mtu 1400");
	assert_shows("ip link show tun0", ",UP,");
	assert_shows("ip addr show tun0", "inet 10.8.0.2/24 brd 10.8.0.255");
	assert_shows("ip addr show tun0", "inet6 fd00:8::2/64");
	assert_way("10.8.0.1", "dev tun0");
	/* Without a redirect the rest of the world stays where it was. */
	assert_way("203.0.113.1", "via 192.0.2.1 dev wan0");
	assert_way("8.8.8.8", "via 192.0.2.1 dev wan0");
	close_world(&w);
}

static void point_to_point(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	lnl_prefix_parse(&net.addr4, "10.8.0.6/32");
	net.peer4 = net.gateway4 = ip("10.8.0.5");
	add_route(&net, "10.8.0.1", LNL_VIA_TUNNEL);
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip addr show tun0", "inet 10.8.0.6 peer 10.8.0.5/32");
	assert_way("10.8.0.5", "dev tun0");
	assert_way("10.8.0.1", "dev tun0");
	close_world(&w);
}

static void without_addresses_the_device_is_left_alone(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.addr4.ip.family = net.addr6.ip.family = 0;
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip link show tun0", "mtu 1500");
	assert_false(shows("ip link show tun0", ",UP,"));
	close_world(&w);
}

/* redirect-gateway in its forms: where the world goes, and where the server. */
static void redirects(void **state)
{
	static const struct {
		unsigned flags;
		const char *server;
		const char *world4, *world6, *server_way;
		const char *shown; /* by ip route */
	} t[] = {
		{ LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1, "203.0.113.1", "dev tun0",
		  "via 2001:db8::1 dev wan0", "via 192.0.2.1 dev wan0", "128.0.0.0/1 dev tun0" },
		{ LNL_REDIRECT_IPV4, "203.0.113.1", "dev tun0", "via 2001:db8::1 dev wan0",
		  "via 192.0.2.1 dev wan0", "default dev tun0" },
		{ LNL_REDIRECT_IPV6 | LNL_REDIRECT_DEF1, "203.0.113.1", "via 192.0.2.1 dev wan0",
		  "dev tun0", "via 192.0.2.1 dev wan0", "3000::/4 dev tun0" },
		{ LNL_REDIRECT_IPV4 | LNL_REDIRECT_IPV6 | LNL_REDIRECT_DEF1, "2001:db8:5::1",
		  "dev tun0", "dev tun0", "via 2001:db8::1 dev wan0",
		  "2001:db8:5::1 via 2001:db8::1 dev wan0" },
		/* The server is on the network next door: its route is on the link itself. */
		{ LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1 | LNL_REDIRECT_AUTOLOCAL, "192.0.2.50",
		  "dev tun0", "via 2001:db8::1 dev wan0", "192.0.2.50 dev wan0",
		  "192.0.2.50 dev wan0" },
		{ LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1 | LNL_REDIRECT_LOCAL, "192.0.2.50",
		  "dev tun0", "via 2001:db8::1 dev wan0", "dev wan0", "0.0.0.0/1 dev tun0" },
		{ LNL_REDIRECT_IPV4 | LNL_REDIRECT_PRIVATE, "203.0.113.1", "via 192.0.2.1 dev wan0",
		  "via 2001:db8::1 dev wan0", "via 192.0.2.1 dev wan0",
		  "203.0.113.1 via 192.0.2.1 dev wan0" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct world w;
		struct lnl_net net;

		need_world(&w);
		base_net(&net);
		net.redirect = t[i].flags;
		apply_well(&w, &net, t[i].server);
		assert_way("198.51.100.7", t[i].world4);
		assert_way("9.9.9.9", t[i].world4);
		assert_way("2a00::1", t[i].world6);
		assert_way("fc01::1", t[i].world6);
		assert_way(t[i].server, t[i].server_way);
		assert_shows("ip -4 route show; ip -6 route show", t[i].shown);
		close_world(&w);
	}
}

/*
 * With `local` no host route is added, although the halves would take a far server into the tunnel.
 */
static void local_adds_no_host_route(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1 | LNL_REDIRECT_LOCAL;
	apply_well(&w, &net, "203.0.113.1");
	assert_false(shows("ip route show", "203.0.113.1"));
	close_world(&w);
}

/* A server on this host itself needs no way around. */
static void a_local_server_needs_no_route(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1;
	apply_well(&w, &net, "127.0.0.1");
	assert_false(shows("ip route show", "127.0.0.1"));
	close_world(&w);
}

static void block_local_takes_the_neighbours(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1 | LNL_REDIRECT_BLOCK_LOCAL;
	apply_well(&w, &net, "203.0.113.1");
	assert_way("192.0.2.77", "dev tun0");
	assert_way("192.0.2.200", "dev tun0");
	assert_way("192.0.2.1", "dev wan0");
	assert_way("203.0.113.1", "via 192.0.2.1 dev wan0");
	close_world(&w);
}

/* Resolvers of the system stay reachable from outside; one on this host is left alone. */
static void bypass_dns_leads_around(void **state)
{
	struct world w;
	struct lnl_net net;
	FILE *f;
	char name[] = "resolv.XXXXXX";
	int fd;

	(void)state;
	need_world(&w);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		test_skip("no mount namespace");
	fd = mkstemp(name);
	f = fdopen(fd, "w");
	fputs("# nameserver 198.51.100.1\nnameserver 198.51.100.53\nnameserver 127.0.0.53\n"
	      "nameserver 2001:db8:53::1\noptions edns0\n",
	      f);
	fclose(f);
	assert_int_equal(mount(name, "/etc/resolv.conf", NULL, MS_BIND, NULL), 0);
	unlink(name);
	base_net(&net);
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1 | LNL_REDIRECT_BYPASS_DNS;
	apply_well(&w, &net, "203.0.113.1");
	assert_way("198.51.100.53", "via 192.0.2.1 dev wan0");
	assert_way("198.51.100.1", "dev tun0");
	assert_false(shows("ip -6 route show", "2001:db8:53::1"));
	umount("/etc/resolv.conf");
	close_world(&w);
}

static void routes_of_all_kinds(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_route *r;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.route_metric = 50;
	add_route(&net, "10.0.0.0/8", LNL_VIA_TUNNEL);
	add_route(&net, "172.16.5.0/24", LNL_VIA_TUNNEL)->metric = 7;
	add_route(&net, "198.51.100.0/24", LNL_VIA_NET_GATEWAY);
	r = add_route(&net, "100.64.0.0/10", LNL_VIA_ADDRESS);
	r->gateway = ip("192.0.2.99");
	r = add_route(&net, "100.127.0.0/16", LNL_VIA_ADDRESS);
	r->gateway = ip("10.8.0.77");
	add_route(&net, "2001:db8:77::/48", LNL_VIA_TUNNEL);
	add_route(&net, "2001:db8:78::/48", LNL_VIA_NET_GATEWAY);
	r = add_route(&net, "0.0.0.0/32", LNL_VIA_NET_GATEWAY);
	r->to = LNL_TO_REMOTE;
	r->dst.ip.family = 0;
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip route show", "10.0.0.0/8 dev tun0 proto static scope link metric 50");
	assert_shows("ip route show", "172.16.5.0/24 dev tun0 proto static scope link metric 7");
	assert_shows("ip route show",
		     "198.51.100.0/24 via 192.0.2.1 dev wan0 proto static metric 50");
	assert_shows("ip route show", "100.64.0.0/10 via 192.0.2.99 dev wan0");
	assert_shows("ip route show", "100.127.0.0/16 via 10.8.0.77 dev tun0");
	assert_shows("ip route show", "203.0.113.1 via 192.0.2.1 dev wan0");
	assert_shows("ip -6 route show", "2001:db8:77::/48 dev tun0");
	assert_shows("ip -6 route show", "2001:db8:78::/48 via 2001:db8::1 dev wan0");
	close_world(&w);
}

/* On TAP there are neighbours: routes go by the gateway. */
static void tap_routes_have_a_gateway(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.tap = true;
	add_route(&net, "10.0.0.0/8", LNL_VIA_TUNNEL);
	add_route(&net, "172.16.0.0/12", LNL_VIA_TUNNEL)->gateway = ip("10.8.0.9");
	apply_well(&w, &net, "203.0.113.1");
	assert_shows("ip route show", "10.0.0.0/8 via 10.8.0.1 dev tun0");
	assert_shows("ip route show", "172.16.0.0/12 via 10.8.0.9 dev tun0");
	close_world(&w);
}

/* Also without redirect: a route that covers the server must not swallow the tunnel itself. */
static void a_route_over_the_server_is_seen(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	add_route(&net, "203.0.113.0/24", LNL_VIA_TUNNEL);
	apply_well(&w, &net, "203.0.113.1");
	assert_way("203.0.113.1", "via 192.0.2.1 dev wan0");
	assert_way("203.0.113.2", "dev tun0");
	close_world(&w);
}

static void ipv6_is_blocked(void **state)
{
	struct world w;
	struct lnl_net net;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.addr6.ip.family = 0;
	net.block_ipv6 = true;
	net.redirect = LNL_REDIRECT_IPV4 | LNL_REDIRECT_IPV6 | LNL_REDIRECT_DEF1;
	apply_well(&w, &net, "203.0.113.1");
	assert_way("2a00::1", "No route to host");
	assert_way("2001:db8::1", "dev wan0");
	close_world(&w);
	/* What is unreachable already is nobody's. */
	need_world(&w);
	run("ip -6 route add unreachable 3000::/4");
	capture(EVERYTHING, w.before, sizeof(w.before));
	apply_well(&w, &net, "203.0.113.1");
	assert_way("2a00::1", "No route to host");
	close_world(&w);
}

static void without_an_ipv6_address_its_routes_are_left_out(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;

	(void)state;
	need_world(&w);
	base_net(&net);
	net.addr6.ip.family = 0;
	add_route(&net, "2001:db8:77::/48", LNL_VIA_TUNNEL);
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), 0);
	assert_string_equal(w.warnings,
			    "route 2001:db8:77::/48 is left out: the tunnel has no IPv6 address\n");
	assert_way("2001:db8:77::1", "dev wan0");
	close_world(&w);
}

/* ---- what is there already ---- */

static void a_route_that_exists_is_nobodys(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;

	(void)state;
	need_world(&w);
	run("ip link set tun0 up && ip addr add 10.9.9.9/24 dev tun0 &&"
	    " ip route add 10.0.0.0/8 dev tun0 &&"
	    " ip route add 10.1.0.0/16 dev wan0 && ip -6 route add fd01::/64 dev tun0");
	capture(EVERYTHING, w.before, sizeof(w.before));
	base_net(&net);
	net.mtu = 1500;
	add_route(&net, "10.0.0.0/8", LNL_VIA_TUNNEL);
	add_route(&net, "fd01::/64", LNL_VIA_TUNNEL);
	apply_well(&w, &net, "203.0.113.1");
	/* The same destination on another device is a conflict, and said. */
	add_route(&net, "10.1.0.0/16", LNL_VIA_TUNNEL);
	add_route(&net, "10.2.0.0/16", LNL_VIA_TUNNEL);
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), 0);
	assert_string_equal(w.warnings, "cannot add route 10.1.0.0/16 dev tun0: File exists\n");
	assert_way("10.1.0.1", "dev wan0");
	assert_way("10.2.0.1", "dev tun0");
	close_world(&w);
}

static void net_gateway_needs_a_default_route(void **state)
{
	struct world w;
	struct lnl_net net;
	struct lnl_reason why;
	struct lnl_route *r;

	(void)state;
	need_world(&w);
	run("ip route del default");
	capture(EVERYTHING, w.before, sizeof(w.before));
	base_net(&net);
	add_route(&net, "198.51.100.0/24", LNL_VIA_NET_GATEWAY);
	r = add_route(&net, "100.64.0.0/10", LNL_VIA_ADDRESS);
	r->gateway = ip("198.51.100.9");
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), 0);
	assert_string_equal(w.warnings,
			    "route 198.51.100.0/24 via net_gateway is left out: there is no default"
			    " route\n"
			    "cannot add route 100.64.0.0/10 via 198.51.100.9: Nexthop has invalid"
			    " gateway (Network is unreachable)\n");
	/* Nor is there a way around a redirect; it is there all the same. */
	net.n_routes = 0;
	net.redirect = LNL_REDIRECT_IPV4;
	assert_int_equal(apply(&w, &net, "203.0.113.1", &why), 0);
	assert_string_equal(w.warnings,
			    "no way around the tunnel to 203.0.113.1: no route leads there\n");
	assert_way("9.9.9.9", "dev tun0");
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_device_gets_what_it_needs),
		cmocka_unit_test(point_to_point),
		cmocka_unit_test(without_addresses_the_device_is_left_alone),
		cmocka_unit_test(redirects),
		cmocka_unit_test(local_adds_no_host_route),
		cmocka_unit_test(a_local_server_needs_no_route),
		cmocka_unit_test(block_local_takes_the_neighbours),
		cmocka_unit_test(bypass_dns_leads_around),
		cmocka_unit_test(routes_of_all_kinds),
		cmocka_unit_test(tap_routes_have_a_gateway),
		cmocka_unit_test(a_route_over_the_server_is_seen),
		cmocka_unit_test(ipv6_is_blocked),
		cmocka_unit_test(without_an_ipv6_address_its_routes_are_left_out),
		cmocka_unit_test(a_route_that_exists_is_nobodys),
		cmocka_unit_test(net_gateway_needs_a_default_route),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
