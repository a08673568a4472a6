/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Name servers, domains and the environment among the network options. */
#include "test_control_push.h"

static void dhcp_options(void **state)
{
	static const struct {
		const char *text;
		int error;
	} rows[] = {
		{ "dhcp-option DNS 10.8.0.1", 0 },
		{ "dhcp-option DNS fd00::1", 0 },
		{ "dhcp-option DNS ::1", 0 },
		{ "dhcp-option DNS6 fd00::1", 0 },
		{ "dhcp-option DNS6 10.8.0.1", LNL_E_FORMAT },
		{ "dhcp-option DNS dns.example.net", LNL_E_FORMAT },
		{ "dhcp-option DNS 10.8.0.1 10.8.0.2", LNL_E_FORMAT },
		{ "dhcp-option DNS", LNL_E_FORMAT },
		{ "dhcp-option DNS 10.8.0.1/24", LNL_E_FORMAT },
		{ "dhcp-option DNS ''", LNL_E_FORMAT },
		{ "dhcp-option", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN example.net", 0 },
		{ "dhcp-option DOMAIN", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN a b", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN -x", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN .example.net", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN example..net", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN exa/mple", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN .", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN-SEARCH a.example b.example", 0 },
		{ "dhcp-option DOMAIN-SEARCH .", LNL_E_FORMAT },
		{ "dhcp-option DOMAIN-ROUTE .", 0 },
		{ "dhcp-option ADAPTER_DOMAIN_SUFFIX example.net", 0 },
		{ "dhcp-option NTP 10.8.0.1", 0 },
		{ "dhcp-option NTP time.example.net", LNL_E_FORMAT },
		{ "dhcp-option WINS 10.8.0.1", 0 },
		{ "dhcp-option NBDD 10.8.0.1", 0 },
		{ "dhcp-option NBT 2", 0 },
		{ "dhcp-option NBT 3", LNL_E_INVAL },
		{ "dhcp-option NBT", LNL_E_INVAL },
		{ "dhcp-option NBS scope", 0 },
		{ "dhcp-option DISABLE-NBT", 0 },
		{ "dhcp-option PROXY_HTTP 10.8.0.1 8080", 0 },
		{ "dhcp-option PROXY_AUTO_CONFIG_URL http://10.8.0.1/proxy.pac", 0 },
		{ "dhcp-option PROXY_AUTO_CONFIG_URL 'http://x/?a=$(reboot)'", LNL_E_FORMAT },
		{ "dhcp-option KIND 'two words'", LNL_E_FORMAT },
		{ "dhcp-option 1 2 3 4", LNL_E_FORMAT },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), rows[i].error);
		assert_int_equal(t->p.n_env, rows[i].error == 0);
	}
}

static void dhcp_values(void **state)
{
	static const char *const lines[] = {
		"dhcp-option DNS 10.8.0.1",
		"dhcp-option DNS 10.8.0.1",
		"dhcp-option DNS fd00::1",
		"dhcp-option DOMAIN first.example",
		"dhcp-option DOMAIN first.example",
		"dhcp-option DOMAIN second.example",
		"dhcp-option DOMAIN-SEARCH second.example",
		"dhcp-option DOMAIN-SEARCH third.example",
		"dhcp-option DOMAIN-ROUTE corp.example",
		"dhcp-option DISABLE-NBT",
	};
	static const char *const env[] = {
		"foreign_option_1=dhcp-option DNS 10.8.0.1",
		"foreign_option_2=dhcp-option DNS fd00::1",
		"foreign_option_3=dhcp-option DOMAIN first.example",
		"foreign_option_4=dhcp-option DOMAIN second.example",
		"foreign_option_5=dhcp-option DOMAIN-SEARCH second.example",
		"foreign_option_6=dhcp-option DOMAIN-SEARCH third.example",
		"foreign_option_7=dhcp-option DOMAIN-ROUTE corp.example",
		"foreign_option_8=dhcp-option DISABLE-NBT",
	};
	struct push_test *t = *state;
	const struct lnl_net *net = &t->p.net;

	for (size_t i = 0; i < ROWS(lines); i++)
		assert_int_equal(pushed(t, lines[i]), 0);
	assert_int_equal(net->n_dns, 2);
	assert_ip(&net->dns[0], "10.8.0.1");
	assert_ip(&net->dns[1], "fd00::1");
	assert_string_equal(net->domain, "first.example");
	assert_int_equal(net->n_search, 2);
	assert_string_equal(net->search[0], "second.example");
	assert_string_equal(net->search[1], "third.example");
	assert_int_equal(net->n_resolve, 1);
	assert_string_equal(net->resolve[0], "corp.example");
	assert_int_equal(t->p.n_env, ROWS(env));
	for (size_t i = 0; i < ROWS(env); i++)
		assert_string_equal(t->p.env[i], env[i]);
}

static void limits(void **state)
{
	struct push_test *t = *state;
	char dns[] = "dhcp-option DNS 10.8.0.0", domain[] = "dns search-domains a.example";
	char any[] = "setenv-safe A 1", longest[LNL_NET_NAME + 32] = "dns search-domains ";

	for (char c = '0'; c < '0' + LNL_NET_DNS; c++) {
		dns[sizeof(dns) - 2] = c;
		assert_int_equal(pushed(t, dns), 0);
	}
	dns[sizeof(dns) - 2] = '9';
	assert_int_equal(pushed(t, dns), LNL_E_LIMIT);
	for (char c = 'a'; c < 'a' + LNL_NET_DOMAINS; c++) {
		domain[19] = c;
		assert_int_equal(pushed(t, domain), 0);
	}
	domain[19] = 'z';
	assert_int_equal(pushed(t, domain), LNL_E_LIMIT);
	assert_int_equal(pushed(t, "dns search-domains a.example b.example"), 0);
	for (unsigned i = t->p.n_env; i < LNL_PUSH_ENV; i++) {
		any[12] = (char)('A' + i % 26);
		any[13] = i < 26 ? ' ' : '_';
		assert_int_equal(pushed(t, any), 0);
	}
	assert_int_equal(t->p.n_env, LNL_PUSH_ENV);
	assert_int_equal(pushed(t, "setenv-safe LAST x"), LNL_E_LIMIT);
	assert_int_equal(pushed(t, any), 0); /* what is there can still be set */
	push_reset(t);
	memset(longest + 19, 'a', LNL_NET_NAME - 1);
	assert_int_equal(pushed(t, longest), 0);
	longest[19 + LNL_NET_NAME - 1] = 'a';
	assert_int_equal(pushed(t, longest), LNL_E_FORMAT);
}

/* Names of 63 characters, and texts of 255, are the longest. */
static void env_lengths(void **state)
{
	struct push_test *t = *state;
	char text[600] = "setenv-safe A ";

	memset(text + 14, 'v', 245);
	assert_int_equal(pushed(t, text), 0);
	assert_int_equal(strlen(t->p.env[0]), 255);
	text[14 + 245] = 'v';
	assert_int_equal(pushed(t, text), LNL_E_LIMIT);
	memset(text, 0, sizeof(text));
	strcpy(text, "setenv-safe ");
	memset(text + 12, 'N', 63);
	assert_int_equal(pushed(t, text), 0);
	text[12 + 63] = 'N';
	assert_int_equal(pushed(t, text), LNL_E_FORMAT);
	memset(text, 0, sizeof(text));
	strcpy(text, "dhcp-option KIND ");
	memset(text + 17, 'v', 400);
	assert_int_equal(pushed(t, text), LNL_E_LIMIT);
}

/* A search list is taken whole or not at all. */
static void all_or_none(void **state)
{
	struct push_test *t = *state;

	assert_int_equal(pushed(t, "dns search-domains a.example b.example"), 0);
	assert_int_equal(pushed(t, "dns search-domains c.example 'd;e' f.example"), LNL_E_FORMAT);
	assert_int_equal(t->p.net.n_search, 2);
	assert_int_equal(pushed(t, "dns search-domains c d e f g h i j k l m n o"), 0);
	assert_int_equal(t->p.net.n_search, 15);
	assert_int_equal(pushed(t, "dns search-domains p q"), LNL_E_LIMIT);
	assert_int_equal(t->p.net.n_search, 15);
	assert_int_equal(pushed(t, "dns search-domains p"), 0);
}

static void dns_lines(void **state)
{
	static const struct {
		const char *text;
		int error;
		bool warned;
	} rows[] = {
		{ "dns server 0 address 10.8.0.1", 0, false },
		{ "dns server 127 address 10.8.0.1", 0, false },
		{ "dns server 128 address 10.8.0.1", LNL_E_FORMAT, false },
		{ "dns server -1 address 10.8.0.1", LNL_E_FORMAT, false },
		{ "dns server x address 10.8.0.1", LNL_E_FORMAT, false },
		{ "dns server 1 address 10.8.0.1 fd00::1", 0, false },
		{ "dns server 1 address 10.8.0.1:53 [fd00::1]:53", 0, false },
		{ "dns server 1 address 10.8.0.1:5353", 0, true },
		{ "dns server 1 address 10.8.0.1:0", LNL_E_FORMAT, false },
		{ "dns server 1 address 10.8.0.1:65536", LNL_E_FORMAT, false },
		{ "dns server 1 address 10.8.0.1:", LNL_E_FORMAT, false },
		{ "dns server 1 address :53", LNL_E_FORMAT, false },
		{ "dns server 1 address []:53", LNL_E_FORMAT, false },
		{ "dns server 1 address [fd00::1", LNL_E_FORMAT, false },
		{ "dns server 1 address [fd00::1]", LNL_E_FORMAT, false },
		{ "dns server 1 address [fd00::1]:x", LNL_E_FORMAT, false },
		{ "dns server 1 address [10.8.0.1]:53", LNL_E_FORMAT, false },
		{ "dns server 1 address [", LNL_E_FORMAT, false },
		{ "dns server 1 address dns.example.net", LNL_E_FORMAT, false },
		{ "dns server 1 address "
		  "0000000000000000000000000000000000000000000000000000000010.8.0.1",
		  LNL_E_FORMAT, false },
		{ "dns server 1 address", LNL_E_FORMAT, false },
		{ "dns server 1 resolve-domains corp.example .", 0, false },
		{ "dns server 1 resolve-domains 'corp;example'", LNL_E_FORMAT, false },
		{ "dns server 1 transport plain", 0, false },
		{ "dns server 1 transport DoT", 0, true },
		{ "dns server 1 transport DoH", 0, true },
		{ "dns server 1 transport smoke", LNL_E_INVAL, false },
		{ "dns server 1 transport plain x", LNL_E_FORMAT, false },
		{ "dns server 1 dnssec yes", 0, true },
		{ "dns server 1 dnssec no", 0, true },
		{ "dns server 1 dnssec optional", 0, true },
		{ "dns server 1 dnssec perhaps", LNL_E_INVAL, false },
		{ "dns server 1 sni dns.example.net", 0, false },
		{ "dns server 1 colour blue", LNL_E_FORMAT, false },
		{ "dns search-domains", LNL_E_FORMAT, false },
		{ "dns search-domains .", LNL_E_FORMAT, false },
		{ "dns", LNL_E_FORMAT, false },
		{ "dns colour blue", LNL_E_FORMAT, false },
	};
	struct push_test *t = *state;

	for (size_t i = 0; i < ROWS(rows); i++) {
		push_reset(t);
		assert_int_equal(pushed(t, rows[i].text), rows[i].error);
		if (rows[i].error == 0)
			assert_int_equal(t->why.text[0] != '\0', rows[i].warned);
	}
}

static void dns_servers(void **state)
{
	struct push_test *t = *state;
	const struct lnl_dns_server *s = t->p.server;

	assert_int_equal(give(t, LNL_FROM_PROFILE, "dns server -128 address 10.9.0.1"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "dns server -129 address 10.9.0.1"),
			 LNL_E_FORMAT);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "dns server 5 address 10.9.0.2"), 0);
	assert_int_equal(give(t, LNL_FROM_PROFILE, "dns server 5 resolve-domains a.example"), 0);
	assert_int_equal(t->p.n_servers, 2);
	assert_int_equal(s[0].priority, -128);
	assert_int_equal(s[1].n_domains, 1);
	/*
	 * A refused line of the server's leaves the profile's alone, the first good one replaces
	 * it.
	 */
	assert_int_equal(pushed(t, "dns server 5 address x"), LNL_E_FORMAT);
	assert_int_equal(s[1].n, 1);
	assert_int_equal(pushed(t, "dns server 5 address 10.8.0.1:99 10.8.0.2"), 0);
	assert_int_equal(pushed(t, "dns server 5 address 10.8.0.3"), 0);
	assert_int_equal(t->p.n_servers, 2);
	assert_int_equal(s[1].n, 2);
	assert_ip(&s[1].address[0], "10.8.0.2");
	assert_int_equal(s[1].n_domains, 0);
	assert_int_equal(pushed(t, "dns server 6 transport DoT"), 0);
	assert_false(s[2].plain);
	assert_int_equal(pushed(t, "dns server 7 sni x"), 0);
	assert_int_equal(t->p.n_servers, LNL_PUSH_SERVERS);
	assert_int_equal(pushed(t, "dns server 8 address 10.8.0.1"), LNL_E_LIMIT);
	assert_int_equal(pushed(t, "dns server 7 address 1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 1.0.0.5 "
				   "1.0.0.6 1.0.0.7 1.0.0.8 1.0.0.9"),
			 LNL_E_LIMIT);
	assert_int_equal(s[3].n, 0);
}

static void environment(void **state)
{
	struct push_test *t = *state;

	assert_int_equal(pushed(t, "setenv-safe A 1"), 0);
	assert_int_equal(pushed(t, "setenv-safe AB 2"), 0);
	assert_int_equal(pushed(t, "setenv-safe A 3"), 0);
	assert_int_equal(t->p.n_env, 2);
	assert_string_equal(t->p.env[0], "OPENVPN_A=3");
	assert_string_equal(t->p.env[1], "OPENVPN_AB=2");
	/* The text of a variable is no foreign option. */
	assert_int_equal(pushed(t, "setenv-safe A \"dhcp-option DNS 10.8.0.1\""), 0);
	assert_int_equal(pushed(t, "dhcp-option DNS 10.8.0.1"), 0);
	assert_int_equal(t->p.n_env, 3);
	assert_string_equal(t->p.env[2], "foreign_option_1=dhcp-option DNS 10.8.0.1");
	/* A profile is its user's: it may say what it likes to the user's own programs. */
	assert_int_equal(give(t, LNL_FROM_PROFILE, "setenv UV_X 'a;b'"), 0);
	assert_string_equal(t->p.env[3], "UV_X=a;b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUSH_TEST(dhcp_options), PUSH_TEST(dhcp_values), PUSH_TEST(limits),
		PUSH_TEST(env_lengths),	 PUSH_TEST(all_or_none), PUSH_TEST(dns_lines),
		PUSH_TEST(dns_servers),	 PUSH_TEST(environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
