/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a tunnel does to the machine and takes back, in a namespace of the test's own; iproute2 is
 * the witness: after the end everything is, to the letter, as it was.
 */
#include "test_io_namespace.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/mount.h>

#include "io/netconf.h"
#include "io/tun.h"

/* All that counts: not what a device's queue has become by having been up. */
#define EVERYTHING                                                                                 \
	"ip -d -4 route show table all; ip -d -6 route show table all;"                            \
	" ip -o link show | sed 's/ qdisc [a-z_]*//'; ip -o addr show"

struct world {
	struct lnl_tun wan;
	struct lnl_tun tun;
	struct lnl_netconf *nc;
	char before[16384];
	char warnings[2048];
};

static void capture(const char *command, char *out, size_t cap)
{
	FILE *f = popen(command, "r");

	assert_non_null(f);
	out[fread(out, 1, cap - 1, f)] = '\0';
	pclose(f);
}

static bool shows(const char *command, const char *text)
{
	char all[16384];

	capture(command, all, sizeof(all));
	return strstr(all, text) != NULL;
}

#define assert_shows(command, text)                                                                \
	do {                                                                                       \
		if (!shows(command, text))                                                         \
			fail_msg("%s does not show: %s", command, text);                           \
	} while (0)

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void open_world(struct world *w)
{
	struct lnl_reason why;

	memset(w, 0, sizeof(*w));
	assert_int_equal(lnl_tun_open(&w->wan,
				      &(struct lnl_tun_conf){
					      .name = "wan0", .tap = true, .node = -1 },
				      &why),
			 0);
	assert_int_equal(lnl_tun_open(&w->tun, &(struct lnl_tun_conf){ .name = "tun", .node = -1 },
				      &why),
			 0);
	run("sysctl -qw net.ipv6.conf.wan0.accept_ra=0 net.ipv6.conf.wan0.addr_gen_mode=1"
	    " net.ipv6.conf.tun0.addr_gen_mode=1");
	run("ip link set wan0 up && ip addr add 192.0.2.2/24 dev wan0 &&"
	    " ip addr add 2001:db8::2/64 dev wan0 nodad &&"
	    " ip route add default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100 &&"
	    " ip -6 route add default via 2001:db8::1 dev wan0 metric 512");
	capture(EVERYTHING, w->before, sizeof(w->before));
	assert_int_equal(lnl_netconf_new(&w->nc, w->tun.name, w->tun.index, &why), 0);
}

static void same_lines(const char *before, const char *after)
{
	while (*before != '\0' || *after != '\0') {
		size_t b = strcspn(before, "\n"), a = strcspn(after, "\n");

		if (a != b || memcmp(before, after, a) != 0)
			fail_msg("was: %.*s\n is: %.*s", (int)b, before, (int)a, after);
		before += b + (before[b] == '\n');
		after += a + (after[a] == '\n');
	}
}

/* Takes all back: the world is as it was. */
static void close_world(struct world *w)
{
	char after[sizeof(w->before)];

	lnl_netconf_revert(w->nc);
	capture(EVERYTHING, after, sizeof(after));
	same_lines(w->before, after);
	lnl_netconf_revert(w->nc);
	lnl_netconf_free(w->nc);
	close(w->wan.fd);
	close(w->tun.fd);
}

#define need_world(w)                                                                              \
	do {                                                                                       \
		test_need_tun();                                                                   \
		if (!test_namespace())                                                             \
			test_skip("no network namespace");                                         \
		open_world(w);                                                                     \
	} while (0)

static struct lnl_ip ip(const char *text)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, text), 0);
	return i;
}

static struct lnl_addr addr(const char *text)
{
	struct lnl_ip i = ip(text);

	return lnl_addr_from(&i, 1194);
}

/* Topology subnet, IPv4 and IPv6. */
static void base_net(struct lnl_net *net)
{
	memset(net, 0, sizeof(*net));
	net->mtu = 1400;
	net->route_metric = -1;
	lnl_prefix_parse(&net->addr4, "10.8.0.2/24");
	lnl_prefix_parse(&net->addr6, "fd00:8::2/64");
	net->gateway4 = ip("10.8.0.1");
	net->gateway6 = ip("fd00:8::1");
}

static struct lnl_route *add_route(struct lnl_net *net, const char *dst, enum lnl_via via)
{
	struct lnl_route *r = &net->routes[net->n_routes++];

	memset(r, 0, sizeof(*r));
	assert_int_equal(lnl_prefix_parse(&r->dst, dst), 0);
	r->via = via;
	r->metric = -1;
	return r;
}

static void warned(void *ctx, const char *text)
{
	struct world *w = ctx;
	size_t len = strlen(w->warnings);

	snprintf(w->warnings + len, sizeof(w->warnings) - len, "%s\n", text);
}

static int apply(struct world *w, const struct lnl_net *net, const char *server,
		 struct lnl_reason *why)
{
	struct lnl_addr at = addr(server);

	w->warnings[0] = '\0';
	why->text[0] = '\0';
	return lnl_netconf_apply(w->nc, net, &at, warned, w, why);
}

static void apply_well(struct world *w, const struct lnl_net *net, const char *server)
{
	struct lnl_reason why;

	if (apply(w, net, server, &why) != 0)
		fail_msg("%s", why.text);
	assert_string_equal(w->warnings, "");
}

/* Where the kernel would send a packet to |to|. */
static void assert_way(const char *to, const char *way)
{
	char command[128], all[1024];

	snprintf(command, sizeof(command), "ip route get %s 2>&1", to);
	capture(command, all, sizeof(all));
	if (strstr(all, way) == NULL)
		fail_msg("packets to %s do not go %s: %s", to, way, all);
}

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
