/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Socket addresses: there and back, as text, compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/address.h"
#include "lunel_codes.h"

static struct lnl_addr make(const char *ip, uint16_t port)
{
	struct lnl_ip i;

	assert_int_equal(lnl_ip_parse(&i, ip), 0);
	return lnl_addr_from(&i, port);
}

static void texts(void **state)
{
	static const struct {
		const char *ip;
		uint16_t port;
		uint32_t scope;
		const char *text;
	} t[] = {
		{ "192.0.2.1", 1194, 0, "192.0.2.1:1194" },
		{ "255.255.255.255", 65535, 0, "255.255.255.255:65535" },
		{ "2001:db8::1", 443, 0, "[2001:db8::1]:443" },
		{ "fe80::1", 1, 4294967295, "[fe80::1%4294967295]:1" },
		{ "::ffff:192.0.2.1", 0, 0, "[::ffff:192.0.2.1]:0" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535, 4294967295,
		  "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535" },
	};
	struct lnl_addr none = { 0 };
	char text[LNL_ADDR_TEXT] = "x";

	(void)state;
	assert_string_equal(lnl_addr_text(&none, text), "");
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct lnl_addr a = make(t[i].ip, t[i].port);

		if (t[i].scope != 0)
			a.u.in6.sin6_scope_id = t[i].scope;
		assert_string_equal(lnl_addr_text(&a, text), t[i].text);
		assert_int_equal(lnl_addr_port(&a), t[i].port);
	}
}

static void there_and_back(void **state)
{
	struct lnl_addr a = make("192.0.2.1", 1194), b;
	struct lnl_ip ip, none = { 0 };
	char text[LNL_IP_TEXT];

	(void)state;
	assert_int_equal(lnl_addr_from_sockaddr(&b, &a.u.sa, a.len), 0);
	assert_true(lnl_addr_equal(&a, &b));
	ip = lnl_addr_ip(&b);
	assert_string_equal(lnl_ip_text(&ip, text), "192.0.2.1");
	a = make("fd00::5", 53);
	assert_int_equal(lnl_addr_from_sockaddr(&b, &a.u.sa, a.len), 0);
	ip = lnl_addr_ip(&b);
	assert_string_equal(lnl_ip_text(&ip, text), "fd00::5");
	/* What a dual-stack socket shows of an IPv4 peer. */
	a = make("::ffff:192.0.2.1", 53);
	ip = lnl_addr_ip(&a);
	assert_string_equal(lnl_ip_text(&ip, text), "192.0.2.1");
	a = lnl_addr_from(&none, 53);
	assert_int_equal(a.len, 0);
	assert_int_equal(lnl_addr_ip(&a).family, 0);
	assert_int_equal(lnl_addr_port(&a), 0);
	lnl_addr_set_port(&a, 1);
	assert_int_equal(lnl_addr_port(&a), 0);
}

static void other_families_are_refused(void **state)
{
	struct lnl_addr a = make("192.0.2.1", 1), b;
	struct sockaddr un = { .sa_family = AF_UNIX };

	(void)state;
	assert_int_equal(lnl_addr_from_sockaddr(&b, &un, sizeof(un)), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_addr_from_sockaddr(&b, &a.u.sa, a.len - 1), LNL_E_UNSUPPORTED);
	a = make("::1", 1);
	assert_int_equal(lnl_addr_from_sockaddr(&b, &a.u.sa, a.len - 1), LNL_E_UNSUPPORTED);
	assert_int_equal(lnl_addr_from_sockaddr(&b, &a.u.sa, 0), LNL_E_UNSUPPORTED);
}

static void equality(void **state)
{
	struct lnl_addr a = make("192.0.2.1", 1), b = a, none = { 0 };

	(void)state;
	assert_true(lnl_addr_equal(&a, &b));
	assert_true(lnl_addr_equal(&none, &none));
	assert_false(lnl_addr_equal(&a, &none));
	lnl_addr_set_port(&b, 2);
	assert_false(lnl_addr_equal(&a, &b));
	b = make("192.0.2.2", 1);
	assert_false(lnl_addr_equal(&a, &b));
	b = make("::ffff:192.0.2.1", 1);
	assert_false(lnl_addr_equal(&a, &b));
	a = b = make("fe80::1", 1);
	lnl_addr_set_port(&b, 2);
	assert_false(lnl_addr_equal(&a, &b));
	lnl_addr_set_port(&b, 1);
	assert_true(lnl_addr_equal(&a, &b));
	b.u.in6.sin6_scope_id = 3;
	assert_false(lnl_addr_equal(&a, &b));
	b = make("fe80::2", 1);
	assert_false(lnl_addr_equal(&a, &b));
}

/* Only an IPv4 address that is mapped into IPv6 becomes another; its port stays. */
static void plain(void **state)
{
	static const struct {
		const char *ip, *text;
	} t[] = {
		{ "::ffff:192.0.2.1", "192.0.2.1:1194" },
		{ "::ffff:0.0.0.0", "0.0.0.0:1194" },
		{ "::ffff:255.255.255.255", "255.255.255.255:1194" },
		{ "192.0.2.1", "192.0.2.1:1194" },
		{ "2001:db8::1", "[2001:db8::1]:1194" },
		{ "::", "[::]:1194" },
		{ "::1", "[::1]:1194" },
		/* Near it, and not it: compatible, translated, one bit beside. */
		{ "::192.0.2.1", "[::c000:201]:1194" },
		{ "::ffff:0:192.0.2.1", "[::ffff:0:c000:201]:1194" },
		{ "64:ff9b::192.0.2.1", "[64:ff9b::c000:201]:1194" },
		{ "::fffe:192.0.2.1", "[::fffe:c000:201]:1194" },
		{ "0:0:0:0:1:ffff:192.0.2.1", "[::1:ffff:c000:201]:1194" },
	};
	struct lnl_addr none = { 0 }, scoped = make("fe80::1", 1194), a, b;
	char text[LNL_ADDR_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		a = make(t[i].ip, 1194);
		b = lnl_addr_plain(&a);
		assert_string_equal(lnl_addr_text(&b, text), t[i].text);
		a = lnl_addr_plain(&b);
		assert_true(lnl_addr_equal(&a, &b));
	}
	/* It is the address that an IPv4 socket shows of the same peer. */
	a = make("::ffff:192.0.2.1", 1);
	a.u.in6.sin6_scope_id = 7;
	a.u.in6.sin6_flowinfo = 7;
	b = lnl_addr_plain(&a);
	a = make("192.0.2.1", 1);
	assert_int_equal(b.len, sizeof(struct sockaddr_in));
	assert_memory_equal(&a, &b, sizeof(a));
	scoped.u.in6.sin6_scope_id = 3;
	b = lnl_addr_plain(&scoped);
	assert_memory_equal(&scoped, &b, sizeof(b));
	b = lnl_addr_plain(&none);
	assert_int_equal(b.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(other_families_are_refused),
		cmocka_unit_test(equality),
		cmocka_unit_test(plain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
