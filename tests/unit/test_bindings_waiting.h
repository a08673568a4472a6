/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An engine and a policy VM for tests of what waits, and a way to run its tasks to their end. */
#ifndef LNL_TEST_BINDINGS_WAITING_H
#define LNL_TEST_BINDINGS_WAITING_H

#include "test_bindings_engine.h"

#include "bindings/task.h"

/*
 * Runs |code| with `core`, `vpn` and `put` at hand, and `spawn`, whose results are put; then the
 * loop until nothing is left. |want| is what was put, as texts with blanks between them; of each
 * text its first line. |left|: tasks may be left that nobody will ever wake.
 */
static inline void run_waiting(struct lnl_host *h, const char *code, const char *want, bool left)
{
	char text[8192], out[1024];
	struct lnl_fault fault;

	snprintf(text, sizeof(text),
		 "local core, vpn = require 'lunel.core', require 'lunel' local out = {} "
		 "package.loaded.out = out "
		 "local function put(...) for i = 1, select('#', ...) do "
		 "  out[#out + 1] = tostring((select(i, ...))):match('^[^\\n]*') end end "
		 "local function spawn(fn, ...) "
		 "  return core.spawn(core.owner(), 'task', nil, put, fn, ...) end\n%s\n",
		 code);
	if (run_lua(h->vm, text, LNL_SLICE_LOAD, NULL, 0, &fault))
		fail_msg("%s\nfailed: %s", code, fault.text);
	while (lnl_host_turn(h))
		;
	if (run_lua(h->vm, "return table.concat(package.loaded.out, ' ')", LNL_SLICE_LOAD, out,
		    sizeof(out), &fault))
		fail_msg("%s", fault.text);
	if (strcmp(out, want) != 0)
		fail_msg("%s\ngave: %s\nnot:  %s", code, out, want);
	if (left)
		lnl_task_clear(h->vm);
	assert_null(h->vm->tasks);
	assert_int_equal(h->vm->numbers.count, 0);
	assert_int_equal(h->vm->owners.count, 0);
	assert_int_equal(h->vm->tickets.count, 0);
}

#endif
