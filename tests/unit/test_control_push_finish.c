/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What all options together ask of the machine, and the MSS. */
#include "test_control_push.h"

static int finish(struct push_test *t)
{
	memset(&t->why, 'x', sizeof(t->why));
	return lnl_pulled_finish(&t->p, &t->why);
}

static void push_all(struct push_test *t, const char *list)
{
	size_t len = strlen(list);
	struct lnl_option o;

	while (lnl_option_next(&o, &list, &len) == 1)
		assert_int_equal(give_words(t, LNL_FROM_SERVER, &o), 0);
}

static const struct {
	const char *list;
	bool tap;
	int error;
	const char *addr4, *peer4, *gateway4;
} ifconfigs[] = {
	{ "", false, 0, "", "", "" },
	{ "topology subnet,ifconfig 10.8.0.2 255.255.255.0,route-gateway 10.8.0.1", false, 0,
	  "10.8.0.2/24", "", "10.8.0.1" },
	{ "topology subnet,ifconfig 10.8.0.2 255.255.255.0", false, 0, "10.8.0.2/24", "", "" },
	{ "topology subnet,ifconfig 10.8.0.2 255.255.255.255", false, 0, "10.8.0.2/32", "", "" },
	{ "topology subnet,ifconfig 10.8.0.2 255.0.0.0", false, 0, "10.8.0.2/8", "", "" },
	{ "topology subnet,ifconfig 10.8.0.2 254.0.0.0", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "topology subnet,ifconfig 10.8.0.2 0.0.0.0", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "topology subnet,ifconfig 10.8.0.2 255.0.255.0", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "topology subnet,ifconfig 10.8.0.2 10.8.0.1", false, LNL_E_INVAL, NULL, NULL, NULL },
	/* Without a word on topology it is net30 (OpenVPN options.c). */
	{ "ifconfig 10.8.0.6 10.8.0.5", false, 0, "10.8.0.6/32", "10.8.0.5", "10.8.0.5" },
	{ "topology net30,ifconfig 10.8.0.6 10.8.0.5,route-gateway 10.8.0.1", false, 0,
	  "10.8.0.6/32", "10.8.0.5", "10.8.0.1" },
	{ "topology p2p,ifconfig 10.8.0.6 192.168.9.1", false, 0, "10.8.0.6/32", "192.168.9.1",
	  "192.168.9.1" },
	{ "ifconfig 10.8.0.2 255.255.255.0", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "topology p2p,ifconfig 10.8.0.2 255.255.255.0", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "ifconfig 10.8.0.2 224.0.0.1", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "ifconfig 10.8.0.2 0.0.0.0", false, LNL_E_INVAL, NULL, NULL, NULL },
	{ "ifconfig 10.8.0.2 127.0.0.1", false, LNL_E_INVAL, NULL, NULL, NULL },
	/* Ethernet has netmasks whatever the topology. */
	{ "ifconfig 10.8.0.2 255.255.255.0", true, 0, "10.8.0.2/24", "", "" },
	{ "topology p2p,ifconfig 10.8.0.2 255.255.255.0", true, 0, "10.8.0.2/24", "", "" },
	{ "ifconfig 10.8.0.2 10.8.0.1", true, LNL_E_INVAL, NULL, NULL, NULL },
	{ "route-gateway 10.8.0.1", true, 0, "", "", "10.8.0.1" },
};

static void addresses(void **state)
{
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(ifconfigs); i++) {
		const struct lnl_net *net = &t->p.net;
		char text[LNL_IP_TEXT];

		lnl_pulled_init(&t->p, ifconfigs[i].tap);
		push_all(t, ifconfigs[i].list);
		assert_int_equal(finish(t), ifconfigs[i].error);
		assert_int_equal(t->why.text[0] != '\0', ifconfigs[i].error != 0);
		if (ifconfigs[i].error != 0)
			continue;
		assert_int_equal(net->tap, ifconfigs[i].tap);
		if (ifconfigs[i].addr4[0])
			assert_string_equal(lnl_prefix_text(&net->addr4, text), ifconfigs[i].addr4);
		else
			assert_int_equal(net->addr4.ip.family, 0);
		assert_ip(&net->peer4, ifconfigs[i].peer4);
		assert_ip(&net->gateway4, ifconfigs[i].gateway4);
		assert_int_equal(net->mtu, 1500);
	}
}

static void addresses6(void **state)
{
	struct push_test *t = *state;

	push_all(t, "tun-mtu 1400,ifconfig-ipv6 fd00::2/64 fd00::1");
	assert_int_equal(finish(t), 0);
	assert_int_equal(t->p.net.addr6.bits, 64);
	assert_ip(&t->p.net.gateway6, "fd00::1");
	assert_int_equal(t->p.net.mtu, 1400);
	push_all(t, "route-ipv6-gateway fd00::9");
	assert_int_equal(finish(t), 0);
	assert_ip(&t->p.net.gateway6, "fd00::9");
}

/* The first answer of a 2.6 server, as PROTOCOL 1.10 has it. */
static void usual_push(void **state)
{
	struct push_test *t = *state;

	push_all(t, "route-gateway 10.8.0.1,topology subnet,ping 10,ping-restart 60,"
		    "ifconfig 10.8.0.2 255.255.255.0,peer-id 0,cipher AES-256-GCM,"
		    "protocol-flags cc-exit tls-ekm dyn-tls-crypt,tun-mtu 1500");
	assert_int_equal(finish(t), 0);
	assert_int_equal(t->p.peer_id, 0);
	assert_int_equal(t->p.cipher, LNL_CIPHER_AES_256_GCM);
	assert_int_equal(t->p.protocol_flags,
			 LNL_PROTOCOL_CC_EXIT | LNL_PROTOCOL_TLS_EKM | LNL_PROTOCOL_DYN_TLS_CRYPT);
	assert_int_equal(t->p.ping_restart, 60);
	assert_int_equal(t->p.net.redirect, 0);
	assert_int_equal(t->p.net.n_routes, 0);
}

static void gateways_of_routes(void **state)
{
	static const struct {
		const char *route;
		enum lnl_via via;
		const char *gateway;
	} rows[] = {
		{ "route 10.0.0.0 255.0.0.0", LNL_VIA_TUNNEL, "10.8.0.1" },
		{ "route 10.0.0.0 255.0.0.0 10.8.0.1", LNL_VIA_TUNNEL, "10.8.0.1" },
		{ "route 10.0.0.0 255.0.0.0 10.8.0.9", LNL_VIA_ADDRESS, "10.8.0.9" },
		{ "route 10.0.0.0 255.0.0.0 net_gateway", LNL_VIA_NET_GATEWAY, "" },
		{ "route-ipv6 2001:db8::/32", LNL_VIA_TUNNEL, "fd00::1" },
		{ "route-ipv6 2001:db8::/32 fd00::1", LNL_VIA_TUNNEL, "fd00::1" },
		{ "route-ipv6 2001:db8::/32 fd00::9", LNL_VIA_ADDRESS, "fd00::9" },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		push_all(t, rows[i].route);
		push_all(t, "topology subnet,ifconfig 10.8.0.2 255.255.255.0,"
			    "route-gateway 10.8.0.1,ifconfig-ipv6 fd00::2/64 fd00::1");
		assert_int_equal(finish(t), 0);
		assert_int_equal(t->p.net.routes[0].via, rows[i].via);
		assert_ip(&t->p.net.routes[0].gateway, rows[i].gateway);
	}
}

static void vpn_gateway(void **state)
{
	struct push_test *t = *state;
	char text[LNL_IP_TEXT];

	push_all(t, "route vpn_gateway,route vpn_gateway 255.255.255.0,route 10.0.0.0 255.0.0.0");
	assert_int_equal(finish(t), 0);
	assert_non_null(strstr(t->why.text, "vpn_gateway"));
	assert_int_equal(t->p.net.n_routes, 1);
	assert_string_equal(lnl_prefix_text(&t->p.net.routes[0].dst, text), "10.0.0.0/8");
	push_reset(t);
	push_all(t, "route vpn_gateway 255.255.255.0,ifconfig 10.8.0.6 10.8.0.5");
	assert_int_equal(finish(t), 0);
	assert_string_equal(t->why.text, "");
	assert_int_equal(t->p.net.routes[0].to, LNL_TO_PREFIX);
	assert_string_equal(lnl_prefix_text(&t->p.net.routes[0].dst, text), "10.8.0.0/24");
	assert_ip(&t->p.net.routes[0].gateway, "10.8.0.5");
}

static void redirects(void **state)
{
	static const struct {
		const char *list;
		unsigned flags;
	} rows[] = {
		{ "redirect-gateway def1", LNL_REDIRECT_IPV4 | LNL_REDIRECT_DEF1 },
		{ "redirect-gateway !ipv4 def1", 0 },
		{ "redirect-gateway !ipv4 ipv6", LNL_REDIRECT_IPV6 },
		{ "redirect-private local", LNL_REDIRECT_PRIVATE | LNL_REDIRECT_LOCAL },
		{ "redirect-private,redirect-gateway", LNL_REDIRECT_IPV4 },
		{ "redirect-private ipv6", LNL_REDIRECT_IPV6 },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		push_all(t, rows[i].list);
		assert_int_equal(finish(t), 0);
		assert_int_equal(t->p.net.redirect, rows[i].flags);
	}
}

/* `dns` comes before dhcp-option; of several servers the lowest usable priority counts. */
static void name_servers(void **state)
{
	static const struct {
		const char *list;
		unsigned n_dns;
		const char *first;
		unsigned n_resolve;
	} rows[] = {
		{ "dhcp-option DNS 10.8.0.1", 1, "10.8.0.1", 0 },
		{ "dhcp-option DNS 10.8.0.1,dhcp-option DOMAIN-ROUTE a.example", 1, "10.8.0.1", 1 },
		{ "dhcp-option DNS 10.8.0.1,dns server 1 address 10.8.0.2 fd00::2", 2, "10.8.0.2",
		  0 },
		{ "dns server 9 address 10.8.0.9,dns server 1 address 10.8.0.2,"
		  "dns server 1 resolve-domains a b",
		  1, "10.8.0.2", 2 },
		{ "dns server 9 address 10.8.0.9,dns server 1 resolve-domains a", 1, "10.8.0.9",
		  0 },
		{ "dns server 9 address 10.8.0.9,dns server 1 address 10.8.0.1,"
		  "dns server 1 transport DoT",
		  1, "10.8.0.9", 0 },
		{ "dhcp-option DNS 10.8.0.1,dns server 1 address 10.8.0.2,"
		  "dns server 1 transport DoH",
		  1, "10.8.0.1", 0 },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		push_all(t, rows[i].list);
		assert_int_equal(finish(t), 0);
		assert_int_equal(t->p.net.n_dns, rows[i].n_dns);
		assert_ip(&t->p.net.dns[0], rows[i].first);
		assert_int_equal(t->p.net.n_resolve, rows[i].n_resolve);
	}
}

/*
 * The sums of OpenVPN's mss.c, done by hand: mssfix - outer IP and UDP or TCP - our overhead -
 * length - inner IPv4 and TCP. 24 bytes are AES-256-GCM behind DATA_V2.
 */
static void mss(void **state)
{
	static const struct {
		int mssfix;
		bool mtu, fixed, tcp, ipv6;
		unsigned overhead, mss, padded;
	} rows[] = {
		{ 0, true, false, false, false, 24, 0, 0 },
		{ -1, true, false, false, false, 24, 0, 0 },
		{ 1492, true, false, false, false, 24, 1400, 0 },
		{ 1492, true, false, false, true, 24, 1380, 0 },
		{ 1492, true, false, true, false, 24, 1386, 0 },
		{ 1492, true, false, true, true, 24, 1366, 0 },
		{ 1450, false, false, false, false, 24, 1386, 0 },
		{ 1450, false, false, false, true, 24, 1386, 0 },
		{ 1450, false, false, true, false, 24, 1384, 0 },
		{ 1400, false, true, false, false, 24, 1360, 0 },
		{ 1400, true, true, true, true, 24, 1360, 0 },
		{ 65535, false, true, false, false, 0, 65495, 0 },
		{ 100, true, false, false, false, 24, 88, 0 },
		{ 1, false, true, false, false, 0, 88, 0 },
		/* AES-CBC with SHA256: 4 + 32 + 16 + 4 + 16; as OpenVPN 2.6 as a client came to */
		{ 1492, true, false, false, false, 72, 1363, 4 },
		{ 1300, false, false, false, false, 72, 1203, 4 },
		{ 1300, false, false, false, false, 73, 1202, 5 },
		{ 1300, false, true, false, false, 72, 1260, 4 },
		{ 100, true, false, false, false, 72, 88, 4 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_int_equal(lnl_mss_for(rows[i].mssfix, rows[i].mtu, rows[i].fixed,
					     rows[i].tcp, rows[i].ipv6, rows[i].overhead,
					     rows[i].padded),
				 rows[i].mss);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUSH_TEST(addresses),	       PUSH_TEST(addresses6),  PUSH_TEST(usual_push),
		PUSH_TEST(gateways_of_routes), PUSH_TEST(vpn_gateway), PUSH_TEST(redirects),
		PUSH_TEST(name_servers),       PUSH_TEST(mss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
