/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Extensions from Lua on a real engine: declared there, JSON at hand, a message's bytes as they came. */
#include "test_bindings_engine.h"

#include <stdlib.h>

#include "bindings/events.h"

#define CORE "local core = require 'lunel.core' "

static const struct {
	const char *code, *want;
} rows[] = {
	{ CORE "return core.extensions {}", "true" },
	{ CORE "return core.extensions { { name = 'a', max = 1, count = 1, per = 1 } }", "true" },
	{ CORE
	  "return (select(2, core.extensions { { name = 'a b', max = 1, count = 1, per = 1 } }))",
	  "extension 'a b': a name is 1 to 32 letters, digits, '-', '_' and '.'" },
	{ CORE "return core.extension_known(1, nil, 'a')", "false" },
	{ CORE "return core.extension_known(1, 2, 'a')", "false" },
	{ CORE "return (select(2, core.extension_send(1, nil, 'a', 'x')))",
	  "not possible in this state" },
	{ CORE "return (select(2, core.extension_stats(1, 7)))", "not possible in this state" },
	{ "local vpn = require 'lunel'\n"
	  "local ext = vpn.acc.protocol('lnk1', { schema = { rtt = 'number' } })\n"
	  "return require('lunel.acc').announce() and ext.name",
	  "lnk1" },
};

static void what_the_core_does(void **state)
{
	struct lnl_host *h = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		expect_lua(h->vm, rows[i].code, rows[i].want);
	refuse_lua(h->vm, CORE "core.extensions { 'a' }", "table expected");
	refuse_lua(h->vm, CORE "core.extensions { { name = 'a' } }", "number expected");
	refuse_lua(h->vm, CORE "core.extension_send(1, nil, 'a')", "string expected");
}

static void a_message_comes_as_it_is(void **state)
{
	struct lnl_host *h = *state;
	struct lnl_event e = { .kind = LNL_EVENT_MESSAGE, .tunnel = 3, .peer = 9 };

	expect_lua(h->vm,
		   "local i = require 'lunel.instance'\n"
		   "i.event = function(ev) package.loaded.got = ev end return true",
		   "true");
	e.u.message.protocol = "lnk1";
	e.u.message.data = "a\0b";
	e.u.message.len = 3;
	lnl_event_deliver(h->vm, &e);
	expect_lua(h->vm,
		   "local ev = package.loaded.got\n"
		   "return ev.kind .. ev.tunnel .. ev.peer .. ev.protocol .. #ev.data\n"
		   "  .. tostring(ev.data == 'a\\0b') .. tostring(ev.ticket)",
		   "message39lnk13truenil");
	e.peer = LNL_NO_PEER;
	e.u.message.data = NULL;
	e.u.message.len = 0;
	lnl_event_deliver(h->vm, &e);
	expect_lua(h->vm, "local ev = package.loaded.got return tostring(ev.peer) .. #ev.data",
		   "nil0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_the_core_does, set_up_engine,
						tear_down_engine),
		cmocka_unit_test_setup_teardown(a_message_comes_as_it_is, set_up_engine,
						tear_down_engine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
