/* SPDX-License-Identifier: GPL-3.0-or-later */
/* lunel.h's look at what a server pushes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lunel.h"

static const struct {
	const char *option;
	int rc;
	const char *why; /* a part of it */
} rows[] = {
	{ "route 10.2.0.0 255.255.0.0", 0, "" },
	{ "route 10.2.0.0 255.255.0.0 vpn_gateway 5", 0, "" },
	{ "dhcp-option DNS 10.8.0.1", 0, "" },
	{ "redirect-gateway def1", 0, "" },
	{ "register-dns", 0, "" },
	/* OpenVPN's clients take it. */
	{ "verb 3", 0, "" },
	{ "cipher BF-CBC", 0, "" },
	{ "rout 10.2.0.0", LNL_E_NOTFOUND, "rout: it is nothing that a server may push" },
	{ "", LNL_E_FORMAT, "" },
	{ "route", LNL_E_FORMAT, "route: it has too few or too many parameters" },
	{ "route 10.2.0.0 255.0.255.0", LNL_E_FORMAT, "route 10.2.0.0 255.0.255.0: " },
	{ "ping 86401", LNL_E_INVAL, "ping 86401: " },
	{ "route \"10.2.0.0", LNL_E_FORMAT, "route: it cannot be split into words" },
	{ "auth-token \"secret", LNL_E_FORMAT, "auth-token: it cannot be split into words" },
	{ "ro\033ute 10.2.0.0", LNL_E_FORMAT, "ro: it cannot be split into words" },
};

static void what_clients_say_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct lnl_reason why = { "" };

		assert_int_equal(lnl_push_check(rows[i].option, &why), rows[i].rc);
		assert_non_null(strstr(why.text, rows[i].why));
		assert_null(strstr(why.text, "secret"));
		if (rows[i].rc == 0)
			assert_string_equal(why.text, "");
	}
}

/* Not what a profile alone may have. */
static void names_are_those_of_a_server(void **state)
{
	bool route = false;
	const char *name;
	unsigned n;

	(void)state;
	for (n = 0; (name = lnl_push_name(n)) != NULL; n++) {
		route = route || strcmp(name, "route") == 0;
		assert_string_not_equal(name, "setenv");
		assert_string_not_equal(name, "keepalive");
	}
	assert_true(route);
	assert_true(n > 20);
	assert_null(lnl_push_name(n + 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_clients_say_is_said),
		cmocka_unit_test(names_are_those_of_a_server),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
