/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Addresses and routes among the network options, and the lies about them (TRUST C3,
 * CVE-2025-12106).
 */
#include "test_control_push.h"

static void ifconfig(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "ifconfig 10.8.0.2 255.255.255.0", 0 },
		{ "ifconfig 10.8.0.6 10.8.0.5", 0 },
		{ "ifconfig 10.8.0.2", LNL_E_FORMAT },
		{ "ifconfig 10.8.0.2 255.255.255.0 x", LNL_E_FORMAT },
		{ "ifconfig fd00::2 255.255.255.0", LNL_E_FORMAT },
		{ "ifconfig 10.8.0.2 fd00::1", LNL_E_FORMAT },
		{ "ifconfig fd00::2 fd00::1", LNL_E_FORMAT },
		{ "ifconfig 10.8.0.2/24 10.8.0.1", LNL_E_FORMAT },
		{ "ifconfig 10.8.0 255.255.255.0", LNL_E_FORMAT },
		{ "ifconfig 10.8.0.256 255.255.255.0", LNL_E_FORMAT },
		{ "ifconfig vpn.example.net 255.255.255.0", LNL_E_FORMAT },
		{ "ifconfig 0.0.0.0 255.255.255.0", LNL_E_INVAL },
		{ "ifconfig 127.0.0.1 255.0.0.0", LNL_E_INVAL },
		{ "ifconfig 224.0.0.1 255.255.255.0", LNL_E_INVAL },
		{ "ifconfig 255.255.255.255 255.255.255.0", LNL_E_INVAL },
		{ "ifconfig-ipv6 fd00::2/64 fd00::1", 0 },
		{ "ifconfig-ipv6 fd00::2/124 fd00::1", 0 },
		{ "ifconfig-ipv6 fe80::2/64 fe80::1", 0 },
		{ "ifconfig-ipv6 fd00::2/63 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 fd00::2/125 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 fd00::2/0 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 fd00::2/129 fd00::1", LNL_E_FORMAT },
		{ "ifconfig-ipv6 fd00::2/-1 fd00::1", LNL_E_FORMAT },
		{ "ifconfig-ipv6 fd00::2 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 fd00::2/64", LNL_E_FORMAT },
		{ "ifconfig-ipv6 10.8.0.2/64 fd00::1", LNL_E_FORMAT },
		{ "ifconfig-ipv6 10.8.0.2/24 10.8.0.1", LNL_E_FORMAT },
		{ "ifconfig-ipv6 fd00::2/64 10.8.0.1", LNL_E_FORMAT },
		{ "ifconfig-ipv6 fd00::2/64 fd00::1/64", LNL_E_FORMAT },
		{ "ifconfig-ipv6 ::/64 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 ::1/64 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 ff02::1/64 fd00::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 fd00::2/64 ff02::1", LNL_E_INVAL },
		{ "ifconfig-ipv6 fe80::2%eth0/64 fe80::1", LNL_E_FORMAT },
		{ "route-gateway 10.8.0.1", 0 },
		{ "route-gateway dhcp", LNL_E_INVAL },
		{ "route-gateway fd00::1", LNL_E_FORMAT },
		{ "route-gateway net_gateway", LNL_E_FORMAT },
		{ "route-gateway 127.0.0.1", LNL_E_INVAL },
		{ "route-gateway", LNL_E_FORMAT },
		{ "route-ipv6-gateway fd00::1", 0 },
		{ "route-ipv6-gateway 10.8.0.1", LNL_E_FORMAT },
		{ "route-ipv6-gateway ::1", LNL_E_INVAL },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), rows[i].error);
		assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i].text), rows[i].error);
		assert_false(rows[i].error != 0 && (t->p.has_ifconfig || t->p.has_ifconfig6));
	}
}

static void ifconfig_values(void **state)
{
	struct push_test *t = *state;
	char text[LNL_IP_TEXT];

	assert_int_equal(pushed(t, "ifconfig 10.8.0.2 255.255.255.0"), 0);
	assert_true(t->p.has_ifconfig);
	assert_ip(&t->p.ifconfig_local, "10.8.0.2");
	assert_ip(&t->p.ifconfig_remote, "255.255.255.0");
	assert_int_equal(pushed(t, "ifconfig-ipv6 fd00::2/64 fd00::1"), 0);
	assert_true(t->p.has_ifconfig6);
	assert_string_equal(lnl_prefix_text(&t->p.net.addr6, text), "fd00::2/64");
	assert_ip(&t->p.net.gateway6, "fd00::1");
}

/* |dst| as text, "remote/32" for remote_host and "vpn/32" for vpn_gateway. */
static void assert_dst(const struct lnl_route *r, const char *dst)
{
	char text[LNL_IP_TEXT];

	if (strncmp(dst, "remote/", 7) == 0) {
		assert_int_equal(r->to, LNL_TO_REMOTE);
		assert_int_equal(r->dst.bits, atoi(dst + 7));
		assert_int_equal(r->dst.ip.family, 0);
	} else if (strncmp(dst, "vpn/", 4) == 0) {
		assert_int_equal(r->to, LNL_TO_GATEWAY);
		assert_int_equal(r->dst.bits, atoi(dst + 4));
	} else {
		assert_int_equal(r->to, LNL_TO_PREFIX);
		assert_string_equal(lnl_prefix_text(&r->dst, text), dst);
	}
}

static void routes(void **state)
{
	static const struct {
		const char *text, *dst;
		enum lnl_via via;
		const char *gateway;
		int metric;
	} rows[] = {
		{ "route 10.0.0.0 255.0.0.0", "10.0.0.0/8", LNL_VIA_TUNNEL, "", -1 },
		{ "route 10.1.2.3", "10.1.2.3/32", LNL_VIA_TUNNEL, "", -1 },
		{ "route 10.1.2.3 default", "10.1.2.3/32", LNL_VIA_TUNNEL, "", -1 },
		{ "route 10.1.2.3 255.255.0.0", "10.1.0.0/16", LNL_VIA_TUNNEL, "", -1 },
		{ "route 0.0.0.0 0.0.0.0", "0.0.0.0/0", LNL_VIA_TUNNEL, "", -1 },
		{ "route 10.0.0.0 255.0.0.0 default", "10.0.0.0/8", LNL_VIA_TUNNEL, "", -1 },
		{ "route 10.0.0.0 255.0.0.0 default default", "10.0.0.0/8", LNL_VIA_TUNNEL, "",
		  -1 },
		{ "route 10.0.0.0 255.0.0.0 vpn_gateway 7", "10.0.0.0/8", LNL_VIA_TUNNEL, "", 7 },
		{ "route 10.0.0.0 255.0.0.0 net_gateway", "10.0.0.0/8", LNL_VIA_NET_GATEWAY, "",
		  -1 },
		{ "route 10.0.0.0 255.0.0.0 10.8.0.1 0", "10.0.0.0/8", LNL_VIA_ADDRESS, "10.8.0.1",
		  0 },
		{ "route remote_host 255.255.255.255 net_gateway", "remote/32", LNL_VIA_NET_GATEWAY,
		  "", -1 },
		{ "route remote_host default 192.0.2.1", "remote/32", LNL_VIA_ADDRESS, "192.0.2.1",
		  -1 },
		{ "route vpn_gateway", "vpn/32", LNL_VIA_TUNNEL, "", -1 },
		{ "route-ipv6 2001:db8::/32", "2001:db8::/32", LNL_VIA_TUNNEL, "", -1 },
		{ "route-ipv6 2001:db8::1", "2001:db8::1/128", LNL_VIA_TUNNEL, "", -1 },
		{ "route-ipv6 2001:db8::1/32", "2001:db8::/32", LNL_VIA_TUNNEL, "", -1 },
		{ "route-ipv6 ::/0", "::/0", LNL_VIA_TUNNEL, "", -1 },
		{ "route-ipv6 2000::/3 default 9", "2000::/3", LNL_VIA_TUNNEL, "", 9 },
		{ "route-ipv6 2000::/3 fd00::1 9", "2000::/3", LNL_VIA_ADDRESS, "fd00::1", 9 },
		{ "route-ipv6 2000::/3 net_gateway_ipv6", "2000::/3", LNL_VIA_NET_GATEWAY, "", -1 },
		{ "route-ipv6 2000::/3 vpn_gateway_ipv6", "2000::/3", LNL_VIA_TUNNEL, "", -1 },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct lnl_route *r = t->p.net.routes;

		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), 0);
		assert_int_equal(t->p.net.n_routes, 1);
		assert_dst(r, rows[i].dst);
		assert_int_equal(r->via, rows[i].via);
		assert_ip(&r->gateway, rows[i].gateway);
		assert_int_equal(r->metric, rows[i].metric);
	}
}

/* TRUST C3: masks with holes, families that do not fit, names, and what leads nowhere. */
static void c3_route_lies(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *why;
	} rows[] = {
		{ "route 10.0.0.0 255.0.255.0", LNL_E_FORMAT, "holes" },
		{ "route 10.0.0.0 0.255.255.255", LNL_E_FORMAT, "holes" },
		{ "route 10.0.0.0 255.255.255.1", LNL_E_FORMAT, "holes" },
		{ "route 10.0.0.0 10.0.0.1", LNL_E_FORMAT, "holes" },
		{ "route 10.0.0.0 24", LNL_E_FORMAT, "netmask" },
		{ "route 10.0.0.0 ffff::", LNL_E_FORMAT, "netmask" },
		{ "route 10.0.0.0/8", LNL_E_FORMAT, "address" },
		{ "route fd00:: 255.0.0.0", LNL_E_FORMAT, "family" },
		{ "route 10.0.0.0 255.0.0.0 fd00::1", LNL_E_FORMAT, "family" },
		{ "route 10.0.0.0 255.0.0.0 127.0.0.1", LNL_E_INVAL, "no host" },
		{ "route 10.0.0.0 255.0.0.0 0.0.0.0", LNL_E_INVAL, "no host" },
		{ "route 10.0.0.0 255.0.0.0 255.255.255.255", LNL_E_INVAL, "no host" },
		{ "route 10.0.0.0 255.0.0.0 remote_host", LNL_E_INVAL, "no gateway" },
		{ "route 10.0.0.0 255.0.0.0 default -1", LNL_E_FORMAT, "metric" },
		{ "route 10.0.0.0 255.0.0.0 default 2147483648", LNL_E_FORMAT, "metric" },
		{ "route 10.0.0.0 255.0.0.0 default 1 x", LNL_E_FORMAT, "parameters" },
		{ "route www.example.net", LNL_E_FORMAT, "not resolved" },
		{ "route 10.0.0.0 255.0.0.0 gw.example.net", LNL_E_FORMAT, "not resolved" },
		{ "route default", LNL_E_FORMAT, "not resolved" },
		{ "route g", LNL_E_FORMAT, "not resolved" },
		{ "route Z", LNL_E_FORMAT, "not resolved" },
		{ "route G", LNL_E_FORMAT, "not resolved" },
		{ "route z", LNL_E_FORMAT, "not resolved" },
		{ "route af09AF", LNL_E_FORMAT, "address" },
		{ "route \"\"", LNL_E_FORMAT, "address" },
		{ "route", LNL_E_FORMAT, "parameters" },
		{ "route net_gateway", LNL_E_INVAL, "destination" },
		{ "route remote_host", LNL_E_INVAL, "behind the tunnel" },
		{ "route remote_host default vpn_gateway", LNL_E_INVAL, "behind the tunnel" },
		{ "route '10.0.0.0;reboot'", LNL_E_FORMAT, "not resolved" },
		{ "route-ipv6 10.0.0.0/8", LNL_E_FORMAT, "family" },
		{ "route-ipv6 2001:db8::/129", LNL_E_FORMAT, "address" },
		{ "route-ipv6 2001:db8::/32 10.8.0.1", LNL_E_FORMAT, "family" },
		{ "route-ipv6 2001:db8::/32 net_gateway", LNL_E_FORMAT, "not resolved" },
		{ "route-ipv6 2001:db8::/32 ::1", LNL_E_INVAL, "no host" },
		{ "route-ipv6 2001:db8::/32 ff02::1", LNL_E_INVAL, "no host" },
		{ "route-ipv6 2001:db8::/32 default x", LNL_E_FORMAT, "metric" },
		{ "route-ipv6 www.example.net", LNL_E_FORMAT, "not resolved" },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_int_equal(pushed(t, rows[i].text), rows[i].error);
		assert_non_null(strstr(t->why.text, rows[i].why));
		assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i].text), rows[i].error);
	}
	assert_int_equal(t->p.net.n_routes, 0);
}

static void set_host(char *text, unsigned i)
{
	text[11] = (char)('0' + i / 100);
	text[12] = (char)('0' + i / 10 % 10);
	text[13] = (char)('0' + i % 10);
}

/*
 * 256 routes of both families are held, the next one is refused, and one that is there is no next
 * one.
 */
static void route_limit(void **state)
{
	struct push_test *t = *state;
	char text[] = "route-ipv6 000::/64";

	for (unsigned i = 0; i < LNL_NET_ROUTES; i++) {
		set_host(text, i);
		assert_int_equal(pushed(t, text), 0);
		assert_int_equal(pushed(t, text), 0);
		assert_int_equal(t->p.net.n_routes, i + 1);
	}
	set_host(text, LNL_NET_ROUTES);
	assert_int_equal(pushed(t, text), LNL_E_LIMIT);
	assert_int_equal(pushed(t, "route 10.0.0.0 255.0.0.0"), LNL_E_LIMIT);
	set_host(text, 0);
	assert_int_equal(pushed(t, text), 0);
}

/* Routes that differ in anything are two. */
static void alike(void **state)
{
	static const char *const rows[] = {
		"route 10.0.0.0 255.0.0.0",	      "route 10.0.0.0 255.128.0.0",
		"route 11.0.0.0 255.0.0.0",	      "route 10.0.0.0 255.0.0.0 net_gateway",
		"route 10.0.0.0 255.0.0.0 10.8.0.1",  "route 10.0.0.0 255.0.0.0 10.8.0.9",
		"route 10.0.0.0 255.0.0.0 default 5",
	};
	struct push_test *t = *state;

	for (unsigned twice = 0; twice < 2; twice++)
		for (size_t i = 0; i < ROWS(rows); i++)
			assert_int_equal(pushed(t, rows[i]), 0);
	assert_int_equal(t->p.net.n_routes, ROWS(rows));
}

#define V4	LNL_REDIRECT_IPV4
#define V6	LNL_REDIRECT_IPV6
#define PRIVATE LNL_REDIRECT_PRIVATE

static void redirect(void **state)
{
	static const struct {
		const char *first, *second; /* the profile's and the server's */
		unsigned flags;
		bool warned;
	} rows[] = {
		{ NULL, "redirect-gateway", V4, false },
		{ NULL, "redirect-gateway def1", V4 | LNL_REDIRECT_DEF1, false },
		{ NULL, "redirect-gateway local", V4 | LNL_REDIRECT_LOCAL, false },
		{ NULL, "redirect-gateway autolocal", V4 | LNL_REDIRECT_AUTOLOCAL, false },
		{ NULL, "redirect-gateway bypass-dhcp", V4 | LNL_REDIRECT_BYPASS_DHCP, false },
		{ NULL, "redirect-gateway bypass-dns", V4 | LNL_REDIRECT_BYPASS_DNS, false },
		{ NULL, "redirect-gateway block-local", V4 | LNL_REDIRECT_BLOCK_LOCAL, false },
		{ NULL, "redirect-gateway ipv6", V4 | V6, false },
		{ NULL, "redirect-gateway ipv6 !ipv4", V6, false },
		{ NULL, "redirect-gateway !ipv4 ipv6 def1", V6 | LNL_REDIRECT_DEF1, false },
		{ NULL, "redirect-gateway !ipv4", 0, false },
		{ NULL, "redirect-private", PRIVATE, false },
		{ NULL, "redirect-private block-local", PRIVATE | LNL_REDIRECT_BLOCK_LOCAL, false },
		{ NULL, "redirect-gateway of-2031 def1", V4 | LNL_REDIRECT_DEF1, true },
		{ "redirect-gateway def1", "redirect-gateway ipv6", V4 | V6 | LNL_REDIRECT_DEF1,
		  false },
		{ "redirect-private", "redirect-gateway", V4 | PRIVATE, false },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		if (rows[i].first)
			assert_int_equal(give(t, LNL_FROM_PROFILE, rows[i].first), 0);
		assert_int_equal(pushed(t, rows[i].second), 0);
		assert_int_equal(t->p.net.redirect, rows[i].flags);
		assert_int_equal(t->why.text[0] != '\0', rows[i].warned);
	}
	assert_int_equal(pushed(t, "block-ipv6"), 0);
	assert_true(t->p.net.block_ipv6);
	assert_int_equal(pushed(t, "block-ipv6 x"), LNL_E_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUSH_TEST(ifconfig),	  PUSH_TEST(ifconfig_values), PUSH_TEST(routes),
		PUSH_TEST(c3_route_lies), PUSH_TEST(route_limit),     PUSH_TEST(alike),
		PUSH_TEST(redirect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
