/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Links, addresses and routes by netlink, in a namespace of the test's own; iproute2 is the
 * witness.
 */
#include "test_io_namespace.h"

#include <linux/netlink.h>

#include "io/netlink.h"
#include "io/tun.h"

struct world {
	struct lnl_netlink *nl;
	struct lnl_tun wan;
	struct lnl_tun tun;
};

static void open_world(struct world *w)
{
	struct lnl_reason why;

	assert_int_equal(lnl_tun_open(&w->wan,
				      &(struct lnl_tun_conf){
					      .name = "wan0", .tap = true, .node = -1 },
				      &why),
			 0);
	assert_int_equal(lnl_tun_open(&w->tun, &(struct lnl_tun_conf){ .name = "tun", .node = -1 },
				      &why),
			 0);
	assert_int_equal(lnl_netlink_new(&w->nl), 0);
}

static void close_world(struct world *w)
{
	lnl_netlink_free(w->nl);
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

static struct lnl_prefix prefix(const char *text)
{
	struct lnl_prefix p;

	assert_int_equal(lnl_prefix_parse(&p, text), 0);
	return p;
}

static struct lnl_ip ip(const char *text)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, text), 0);
	return i;
}

/* The output of |command|, cut to fit. */
static void capture(const char *command, char *out, size_t cap)
{
	FILE *f = popen(command, "r");

	assert_non_null(f);
	out[fread(out, 1, cap - 1, f)] = '\0';
	pclose(f);
}

/* Whether it has |text| in it. */
static bool shows(const char *command, const char *text)
{
	char all[16384];

	capture(command, all, sizeof(all));
	return strstr(all, text) != NULL;
}

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

static void links(void **state)
{
	struct world w;
	struct lnl_nl_link l;

	(void)state;
	need_world(&w);
	assert_int_equal(lnl_netlink_link(w.nl, "tun0", 0, &l), 0);
	assert_int_equal(l.index, w.tun.index);
	assert_int_equal(l.mtu, 1500);
	assert_false(l.up);
	assert_int_equal(lnl_netlink_set_mtu(w.nl, l.index, 1400), 0);
	assert_int_equal(lnl_netlink_set_up(w.nl, l.index, true), 0);
	assert_int_equal(lnl_netlink_link(w.nl, NULL, w.tun.index, &l), 0);
	assert_string_equal(l.name, "tun0");
	assert_int_equal(l.mtu, 1400);
	assert_true(l.up);
	assert_true(shows("ip link show tun0", "mtu 1400"));
	assert_int_equal(lnl_netlink_set_segments(w.nl, l.index, 45), 0);
	assert_true(shows("ip -d link show tun0", "gso_max_segs 45"));
	assert_int_equal(lnl_netlink_set_up(w.nl, l.index, false), 0);
	assert_int_equal(lnl_netlink_link(w.nl, NULL, w.tun.index, &l), 0);
	assert_false(l.up);
	assert_int_equal(lnl_netlink_link(w.nl, "nothere", 0, &l), -ENODEV);
	assert_string_equal(lnl_netlink_cause(w.nl), "No such device");
	assert_int_equal(lnl_netlink_set_up(w.nl, 9999, true), -ENODEV);
	/* The kernel's own words. */
	assert_int_equal(lnl_netlink_set_mtu(w.nl, w.tun.index, 10), -EINVAL);
	assert_string_equal(lnl_netlink_cause(w.nl),
			    "mtu less than device minimum (Invalid argument)");
	close_world(&w);
}

static void count(void *ctx, const struct lnl_nl_address *a)
{
	struct lnl_nl_address *out = ctx;

	*out = *a;
}

static void addresses(void **state)
{
	static const struct {
		const char *prefix;
		const char *peer;
		const char *shown;
	} t[] = {
		{ "10.8.0.2/24", NULL, "inet 10.8.0.2/24 brd 10.8.0.255 scope global tun0" },
		{ "10.8.0.6/32", "10.8.0.5", "inet 10.8.0.6 peer 10.8.0.5/32 scope global tun0" },
		{ "10.8.1.0/31", NULL, "inet 10.8.1.0/31 scope global tun0" },
		{ "fd00::2/64", NULL, "inet6 fd00::2/64 scope global nodad" },
	};
	struct world w;

	(void)state;
	need_world(&w);
	test_link_up("tun0");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_nl_address a = { .index = w.tun.index, .prefix = prefix(t[i].prefix) };
		struct lnl_nl_address seen = { 0 };

		if (t[i].peer != NULL)
			a.peer = ip(t[i].peer);
		assert_int_equal(lnl_netlink_add_address(w.nl, &a), 0);
		if (!shows("ip addr show tun0", t[i].shown))
			fail_msg("not shown: %s", t[i].shown);
		assert_int_equal(lnl_netlink_add_address(w.nl, &a), -EEXIST);
		assert_int_equal(lnl_netlink_addresses(w.nl, a.prefix.ip.family, w.tun.index, &seen,
						       count),
				 0);
		if (a.prefix.ip.family == 4) {
			assert_true(lnl_ip_equal(&seen.prefix.ip, &a.prefix.ip));
			assert_true(lnl_ip_equal(&seen.peer, &a.peer));
		}
		assert_int_equal(lnl_netlink_del_address(w.nl, &a), 0);
		assert_false(shows("ip addr show tun0", t[i].shown));
		assert_int_equal(lnl_netlink_del_address(w.nl, &a), -EADDRNOTAVAIL);
	}
	close_world(&w);
}

static void routes(void **state)
{
	static const struct {
		const char *dst;
		const char *gateway;
		uint32_t metric;
		enum lnl_nl_kind kind;
		const char *shown;
	} t[] = {
		{ "10.0.0.0/8", NULL, 0, LNL_NL_UNICAST,
		  "10.0.0.0/8 dev tun0 proto static scope link" },
		{ "10.0.0.0/8", NULL, 7, LNL_NL_UNICAST,
		  "10.0.0.0/8 dev tun0 proto static scope link metric 7" },
		{ "192.168.0.0/16", "10.8.0.1", 0, LNL_NL_UNICAST,
		  "192.168.0.0/16 via 10.8.0.1 dev tun0 proto static" },
		{ "0.0.0.0/0", NULL, 5, LNL_NL_UNICAST,
		  "default dev tun0 proto static scope link metric 5" },
		{ "203.0.113.1/32", NULL, 0, LNL_NL_UNICAST,
		  "203.0.113.1 dev tun0 proto static scope link" },
		{ "198.51.100.0/24", NULL, 0, LNL_NL_UNREACHABLE,
		  "unreachable 198.51.100.0/24 proto static" },
		{ "198.51.100.0/24", NULL, 0, LNL_NL_BLACKHOLE,
		  "blackhole 198.51.100.0/24 proto static" },
		{ "192.0.2.0/24", "fd00::1", 0, LNL_NL_UNICAST,
		  "192.0.2.0/24 via inet6 fd00::1 dev tun0 proto static" },
		{ "2001:db8::/32", NULL, 0, LNL_NL_UNICAST,
		  "2001:db8::/32 dev tun0 proto static metric 1024" },
		{ "2001:db8::/32", "fd00::1", 9, LNL_NL_UNICAST,
		  "2001:db8::/32 via fd00::1 dev tun0 proto static metric 9" },
		{ "fc00::/7", NULL, 0, LNL_NL_UNREACHABLE,
		  "unreachable fc00::/7 dev lo proto static" },
	};
	struct world w;

	(void)state;
	need_world(&w);
	run("ip link set tun0 up && ip addr add 10.8.0.2/24 dev tun0 &&"
	    " ip addr add fd00::2/64 dev tun0 nodad");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_nl_route r = { .dst = prefix(t[i].dst),
					  .kind = t[i].kind,
					  .metric = t[i].metric };

		if (t[i].gateway != NULL)
			r.gateway = ip(t[i].gateway);
		if (t[i].kind == LNL_NL_UNICAST)
			r.index = w.tun.index;
		assert_int_equal(lnl_netlink_add_route(w.nl, &r, false), 0);
		if (!shows("ip route show; ip -6 route show", t[i].shown))
			fail_msg("not shown: %s", t[i].shown);
		assert_int_equal(lnl_netlink_add_route(w.nl, &r, false), -EEXIST);
		assert_string_equal(lnl_netlink_cause(w.nl), "File exists");
		assert_int_equal(lnl_netlink_add_route(w.nl, &r, true), 0);
		assert_int_equal(lnl_netlink_del_route(w.nl, &r), 0);
		assert_false(shows("ip route show; ip -6 route show", t[i].shown));
		assert_int_equal(lnl_netlink_del_route(w.nl, &r), -ESRCH);
	}
	close_world(&w);
}

static void other_tables(void **state)
{
	struct world w;
	struct lnl_nl_route r = { .dst = prefix("10.0.0.0/8"), .table = 1000 };

	(void)state;
	need_world(&w);
	test_link_up("tun0");
	r.index = w.tun.index;
	assert_int_equal(lnl_netlink_add_route(w.nl, &r, false), 0);
	assert_true(shows("ip route show table 1000", "10.0.0.0/8 dev tun0"));
	assert_false(shows("ip route show", "10.0.0.0/8"));
	assert_int_equal(lnl_netlink_del_route(w.nl, &r), 0);
	close_world(&w);
}

/* A sentence of the kernel's, where it has one. */
static void causes(void **state)
{
	struct world w;
	struct lnl_nl_route r = { .dst = prefix("10.0.0.0/8"), .gateway = ip("192.0.2.1") };

	(void)state;
	need_world(&w);
	assert_int_equal(lnl_netlink_add_route(w.nl, &r, false), -ENETUNREACH);
	assert_string_equal(lnl_netlink_cause(w.nl),
			    "Nexthop has invalid gateway (Network is unreachable)");
	close_world(&w);
}

static void ways_to_a_host(void **state)
{
	struct world w;
	struct lnl_nl_route r;
	struct lnl_ip to = ip("203.0.113.9"), near = ip("192.0.2.77"), self = ip("192.0.2.2"),
		      to6 = ip("2001:db8:ffff::1");

	(void)state;
	need_world(&w);
	assert_int_equal(lnl_netlink_route_to(w.nl, &to, &r), -ENETUNREACH);
	assert_int_equal(lnl_netlink_route_to(w.nl, &to6, &r), -ENETUNREACH);
	assert_int_equal(lnl_netlink_default(w.nl, 4, 0, &r), -ESRCH);
	run("ip link set wan0 up && ip addr add 192.0.2.2/24 dev wan0 &&"
	    " ip addr add 2001:db8::2/64 dev wan0 nodad &&"
	    " ip route add default via 192.0.2.9 metric 200 &&"
	    " ip route add default via 192.0.2.1 metric 100 &&"
	    " ip -6 route add default via 2001:db8::1");
	assert_int_equal(lnl_netlink_route_to(w.nl, &to, &r), 0);
	assert_true(lnl_ip_equal(&r.gateway, &(struct lnl_ip){ 4, { 192, 0, 2, 1 } }));
	assert_true(lnl_ip_equal(&r.source, &self));
	assert_int_equal(r.index, w.wan.index);
	assert_int_equal(lnl_netlink_route_to(w.nl, &near, &r), 0);
	assert_int_equal(r.gateway.family, 0);
	assert_int_equal(r.index, w.wan.index);
	assert_int_equal(lnl_netlink_route_to(w.nl, &self, &r), 0);
	assert_int_equal(r.kind, LNL_NL_LOCAL);
	assert_int_equal(lnl_netlink_route_to(w.nl, &to6, &r), 0);
	assert_int_equal(r.gateway.family, 6);
	assert_int_equal(r.gateway.bytes[15], 1);
	/* The lowest metric wins, whatever the order; a link may be left out. */
	assert_int_equal(lnl_netlink_default(w.nl, 4, 0, &r), 0);
	assert_int_equal(r.metric, 100);
	assert_int_equal(r.gateway.bytes[3], 1);
	assert_int_equal(lnl_netlink_default(w.nl, 6, 0, &r), 0);
	assert_int_equal(r.index, w.wan.index);
	assert_int_equal(lnl_netlink_default(w.nl, 4, w.wan.index, &r), -ESRCH);
	assert_string_equal(lnl_netlink_cause(w.nl), "no default route (No such process)");
	/* Of several hops the first. */
	run("ip route add default metric 10 nexthop via 192.0.2.7 dev wan0"
	    " nexthop via 192.0.2.8 dev wan0");
	assert_int_equal(lnl_netlink_default(w.nl, 4, 0, &r), 0);
	assert_int_equal(r.gateway.bytes[3], 7);
	assert_int_equal(r.index, w.wan.index);
	close_world(&w);
}

struct taken {
	_Alignas(8) uint8_t raw[512];
	unsigned n;
};

static void take_default(void *ctx, const struct lnl_nl_route *r, const struct nlmsghdr *raw)
{
	struct taken *t = ctx;

	if (r->dst.bits != 0)
		return;
	assert_true(raw->nlmsg_len <= sizeof(t->raw));
	memcpy(t->raw, raw, raw->nlmsg_len);
	t->n++;
}

/* What was taken out comes back to the letter, with metrics, source, protocol and several hops. */
static void routes_come_back_as_they_were(void **state)
{
	static const char *const defaults[] = {
		"default via 192.0.2.1 dev wan0 proto dhcp src 192.0.2.2 metric 100 mtu 1300",
		"default dev wan0 scope link",
		"default via 198.51.100.1 dev wan0 onlink",
		("default proto static nexthop via 192.0.2.1 dev wan0 weight 1"
		 " nexthop via 192.0.2.3 dev wan0 weight 3"),
	};
	struct world w;
	char line[512], before[4096], after[4096];

	(void)state;
	need_world(&w);
	run("ip link set wan0 up && ip addr add 192.0.2.2/24 dev wan0");
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++) {
		struct taken t = { .n = 0 };

		snprintf(line, sizeof(line), "ip route add %s", defaults[i]);
		run(line);
		capture("ip -d route show", before, sizeof(before));
		assert_int_equal(lnl_netlink_routes(w.nl, 4, &t, take_default), 0);
		assert_int_equal(t.n, 1);
		assert_int_equal(lnl_netlink_remove(w.nl, (void *)t.raw), 0);
		assert_false(shows("ip route show", "default"));
		assert_int_equal(lnl_netlink_remove(w.nl, (void *)t.raw), -ESRCH);
		assert_int_equal(lnl_netlink_restore(w.nl, (void *)t.raw), 0);
		assert_int_equal(lnl_netlink_restore(w.nl, (void *)t.raw), -EEXIST);
		capture("ip -d route show", after, sizeof(after));
		assert_string_equal(before, after);
		run("ip route del default");
	}
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links),
		cmocka_unit_test(addresses),
		cmocka_unit_test(routes),
		cmocka_unit_test(other_tables),
		cmocka_unit_test(causes),
		cmocka_unit_test(ways_to_a_host),
		cmocka_unit_test(routes_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
