/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One policy VM takes the place of another on a real engine: what the old one was asked goes on, what
 * else it did ends, what it leaves in `vars` passes over, and its memory goes.
 */
#include "test_bindings_engine.h"

#include <stdlib.h>

#include "bindings/reload.h"
#include "bindings/task.h"

static int tear_down(void **state)
{
	lnl_reload_clear(*state);
	return tear_down_engine(state);
}

static const char notes[] =
	"local I, seen = require 'lunel.instance', {}\n"
	"package.loaded.seen = seen\n"
	"I.take_vars = function(...) seen[#seen + 1] = select('#', ...) .. ':' ..\n"
	"  table.concat({ ... }, ',', 1, 3) .. ',' .. tostring((select(4, ...)).a)\n"
	"return true end return 'ok'";

static struct lnl_vm *fresh_vm(struct lnl_host *h)
{
	struct lnl_vm *vm = new_test_vm(h);

	expect_lua(vm, notes, "ok");
	return vm;
}

static void swap(struct lnl_host *h, struct lnl_vm *fresh, const uint32_t *gone, unsigned n)
{
	struct lnl_fault fault;

	if (lnl_reload_swap(h, fresh, gone, n, &fault))
		fail_msg("%s", fault.text);
	assert_ptr_equal(h->vm, fresh);
}

static void old_questions_are_answered(void **state)
{
	struct lnl_host *h = *state;

	expect_lua(
		h->vm,
		"local core = require 'lunel.core'\n"
		"local function after(s, n) return function() core.sleep(s)\n"
		"  core.pass_vars(n, 2, 3, { a = 'x', f = nil }) end end\n"
		"core.spawn(0, 'a hook', 10, nil, after(0.02, 1))\n"
		"core.spawn(0, 'what goes on', nil, nil, after(0.01, 7))\n"
		"core.keep(core.spawn(0, 'a question without deadline', nil, nil, after(0.03, 8)))\n"
		"core.spawn(0, 'too slow', 0.01, nil, after(5, 9))\n"
		"return 'ok'",
		"ok");
	lnl_task_run(h->vm);
	swap(h, fresh_vm(h), NULL, 0);
	assert_non_null(h->old);
	while (h->old)
		assert_true(lnl_host_turn(h));
	expect_lua(h->vm, "return table.concat(package.loaded.seen, ' ')", "4:1,2,3,x 4:8,2,3,x");
	/* Nothing of it is left that could happen. */
	assert_false(lnl_host_turn(h));
}

static void a_failing_one_leaves_the_old(void **state)
{
	static const char *const bad[] = {
		"I.take_over = function() error 'no' end",
		"I.take_over = nil",
	};
	struct lnl_host *h = *state;
	struct lnl_vm *old = h->vm;
	struct lnl_fault fault;
	char code[256];

	expect_lua(old,
		   "require('lunel.instance').hand_over = function(i)\n"
		   "  if i < 3 then return { i } end end return 'ok'",
		   "ok");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct lnl_vm *fresh = new_test_vm(h);

		snprintf(code, sizeof(code), "local I = require 'lunel.instance' %s return 'ok'",
			 bad[i]);
		expect_lua(fresh, code, "ok");
		assert_int_equal(lnl_reload_swap(h, fresh, NULL, 0, &fault), -1);
		assert_ptr_equal(h->vm, old);
		assert_null(h->old);
		lnl_vm_free(fresh);
	}
	expect_lua(old, "return 'alive'", "alive");
}

static void what_ends_with_it_is_its(void **state)
{
	const uint32_t gone[] = { 42, 43 };
	struct lnl_host *h = *state;
	struct lnl_vm *old = h->vm;
	struct lnl_event e = { .kind = LNL_EVENT_CLOSED, .tunnel = 42, .peer = LNL_NO_PEER };

	swap(h, fresh_vm(h), gone, 2);
	assert_ptr_equal(lnl_reload_owner(h, &e), old);
	lnl_reload_overhear(h, &e);
	lnl_reload_run(h);
	assert_ptr_equal(h->old, old);
	assert_ptr_equal(lnl_reload_owner(h, &e), h->vm);
	e.tunnel = 44; /* another's */
	lnl_reload_overhear(h, &e);
	lnl_reload_run(h);
	assert_ptr_equal(h->old, old);
	e.tunnel = 43;
	lnl_reload_overhear(h, &e);
	lnl_reload_run(h);
	assert_null(h->old);
}

static void many_after_another(void **state)
{
	struct lnl_host *h = *state;
	struct lnl_fault fault;
	struct lnl_vm *fresh;

	for (int i = 0; i < LNL_RELOAD_OLD; i++) {
		expect_lua(h->vm,
			   "local core = require 'lunel.core'\n"
			   "core.spawn(0, 'a hook', 10, nil, function() core.sleep(0.5) end)\n"
			   "return 'ok'",
			   "ok");
		lnl_task_run(h->vm);
		swap(h, fresh_vm(h), NULL, 0);
	}
	/* Enough is enough. */
	fresh = fresh_vm(h);
	assert_int_equal(lnl_reload_swap(h, fresh, NULL, 0, &fault), -1);
	assert_non_null(strstr(fault.text, "16 scripts that were replaced"));
	lnl_vm_free(fresh);
	while (h->old)
		assert_true(lnl_host_turn(h));
}

static void vars_go_whole_or_not_at_all(void **state)
{
	struct lnl_host *h = *state;

	/* The host's own VM has nobody to pass them to. */
	expect_lua(h->vm, "return require('lunel.core').pass_vars(1, 2, 3, {})", "nil");
	assert_int_equal(h->passed.n, 0);
	expect_lua(h->vm,
		   "local core = require 'lunel.core'\n"
		   "core.spawn(0, 'a hook', 10, nil, function() core.sleep(0.01)\n"
		   "  core.pass_vars(1, 2, 3, { a = ('x'):rep(9e6) }) end)\n"
		   "core.spawn(0, 'another', 10, nil, function() core.sleep(0.02)\n"
		   "  core.pass_vars(4, 5, 6, { a = 'y' }) end)\n"
		   "return 'ok'",
		   "ok");
	lnl_task_run(h->vm);
	swap(h, fresh_vm(h), NULL, 0);
	while (h->old)
		assert_true(lnl_host_turn(h));
	expect_lua(h->vm, "return table.concat(package.loaded.seen, ' ')", "4:4,5,6,y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(old_questions_are_answered, set_up_engine,
						tear_down),
		cmocka_unit_test_setup_teardown(a_failing_one_leaves_the_old, set_up_engine,
						tear_down),
		cmocka_unit_test_setup_teardown(what_ends_with_it_is_its, set_up_engine, tear_down),
		cmocka_unit_test_setup_teardown(many_after_another, set_up_engine, tear_down),
		cmocka_unit_test_setup_teardown(vars_go_whole_or_not_at_all, set_up_engine,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
