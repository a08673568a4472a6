/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy VM for tests of bindings, and a way to run Lua text in it. */
#ifndef LNL_TEST_BINDINGS_VM_H
#define LNL_TEST_BINDINGS_VM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lua.h>

#include "bindings/call.h"
#include "bindings/host.h"
#include "bindings/vm.h"

#define TEST_MEMORY ((size_t)32 << 20)
#define TEST_SLICE  INT64_C(50000)

static inline struct lnl_vm *new_test_vm(struct lnl_host *host)
{
	const struct lnl_vm_options o = { .scripts = LUNEL_TESTS_DIR "/../scripts",
					  .limit = TEST_MEMORY };
	char err[2048];
	struct lnl_vm *vm = lnl_vm_new(host, &o, err, sizeof(err));

	if (!vm)
		fail_msg("%s", err);
	return vm;
}

struct test_chunk {
	const char *code;
	char *out; /* its first result as text */
	size_t out_len;
};

static inline int run_test_chunk(lua_State *L)
{
	struct test_chunk *c = lua_touserdata(L, 1);

	lua_settop(L, 0);
	if (luaL_loadbuffer(L, c->code, strlen(c->code), "=test"))
		return lua_error(L);
	lnl_call_function(L, 0, 1);
	if (c->out)
		snprintf(c->out, c->out_len, "%s",
			 lua_isnil(L, 1)       ? "nil"
			 : lua_isboolean(L, 1) ? (lua_toboolean(L, 1) ? "true" : "false")
			 : lua_tostring(L, 1)  ? lua_tostring(L, 1)
					       : luaL_typename(L, 1));
	return 0;
}

/* 0 with the first result in |out|, or -1 with the error in |fault|. */
static inline int run_lua(struct lnl_vm *vm, const char *code, int64_t slice, char *out,
			  size_t out_len, struct lnl_fault *fault)
{
	struct test_chunk c = { code, out, out_len };

	return lnl_call(vm, "the test", slice, run_test_chunk, &c, fault);
}

/* Runs |code|, which must return something that reads as |want|. */
static inline void expect_lua(struct lnl_vm *vm, const char *code, const char *want)
{
	struct lnl_fault fault;
	char out[512];

	if (run_lua(vm, code, LNL_SLICE_LOAD, out, sizeof(out), &fault))
		fail_msg("%s\nfailed: %s", code, fault.text);
	if (strcmp(out, want) != 0)
		fail_msg("%s\ngave %s, not %s", code, out, want);
}

/* Runs |code|, which must fail with an error that contains |want|. */
static inline void refuse_lua(struct lnl_vm *vm, const char *code, const char *want)
{
	struct lnl_fault fault;

	if (run_lua(vm, code, TEST_SLICE, NULL, 0, &fault) == 0)
		fail_msg("%s\ndid not fail", code);
	if (!strstr(fault.text, want))
		fail_msg("%s\nfailed with: %s\nwithout: %s", code, fault.text, want);
}

#endif
