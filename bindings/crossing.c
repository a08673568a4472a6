/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "bindings/crossing.h"

#include <string.h>

static int cross(lua_State *L)
{
	struct lnl_crossing *c = lua_touserdata(L, 1);
	int n;

	lua_settop(L, 0);
	lua_rawgeti(L, LUA_REGISTRYINDEX, lnl_vm_of(L)->instance);
	lua_getfield(L, 1, c->name);
	n = lnl_plain_push(&c->in, L);
	lnl_call_function(L, n, LUA_MULTRET);
	for (int i = 2; i <= lua_gettop(L); i++)
		if (!lnl_plain_put(&c->out, L, i))
			return luaL_error(L, "%s: its results are too large", c->name);
	return 0;
}

/* What functions had there when they returned: gsub, for one, works on the stack. */
__attribute__((noinline)) void lnl_scrub_stack(void)
{
	char area[128 * 1024];

	explicit_bzero(area, sizeof(area));
}

/* What a call is in the eyes of who wrote the script. */
static const char *what(const char *name)
{
	return strcmp(name, "load") == 0 ? "the script's main chunk" : name;
}

int lnl_cross(struct lnl_vm *vm, struct lnl_crossing *c, struct lnl_fault *fault)
{
	int rc = lnl_call(vm, what(c->name), LNL_SLICE_LOAD, cross, c, fault);

	lnl_scrub_stack();
	lnl_plain_clear(&c->in);
	return rc;
}

void lnl_crossing_clear(struct lnl_crossing *c)
{
	lnl_plain_clear(&c->in);
	lnl_plain_clear(&c->out);
}
