/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Control prefixes: a record that is declared as one, then records that are control messages. No prefix
 * that is accepted takes a message of OpenVPN's; its handler hears what begins with it and only that; a
 * Lua error is a finding.
 */
#include "fuzz_env.h"
#include "fuzz_lua.h"
#include "wire/acc.h"
#include "wire/message.h"

/* begin(prefix) -> whether it is accepted; hear(text) -> what the handler got, or nil */
static const char setup[] =
	"package.path = LUNEL_SCRIPTS .. '/?.lua'\n"
	"package.loaded['lunel.core'] = { try = function(_, fn, ...) return pcall(fn, ...) end }\n"
	"local chunk = assert(loadfile(LUNEL_SCRIPTS .. '/lunel/control_prefix.lua'))\n"
	"local hook, got\n"
	"local function begin(prefix)\n"
	"  local control = chunk 'lunel.control_prefix'\n"
	"  control.bind(function(_, err) error(err, 0) end)\n"
	"  local ok, err = pcall(control.add, prefix, function(_, text) got = text return true end)\n"
	"  assert(ok or err:find 'vpn.control: ', err)\n"
	"  assert(control.wanted() == ok)\n"
	"  hook = control.hook(function() return 'rest' end)\n"
	"  return ok\n"
	"end\n"
	"local function hear(text)\n"
	"  got = nil\n"
	"  local answer = hook({}, text)\n"
	"  assert(answer == (got and true or 'rest'))\n"
	"  return got\n"
	"end\n"
	"return begin, hear\n";

/* Calls the function at |index| with a text; its one result is on top. */
static void call(lua_State *L, int index, const char *text, size_t len)
{
	lua_pushvalue(L, index);
	lua_pushlstring(L, text, len);
	fuzz_lua_call(L, 1, 1);
}

static void hear(lua_State *L, const char *prefix, size_t prefix_len, const char *text, size_t len)
{
	bool begins = prefix_len > 0 && len >= prefix_len && memcmp(text, prefix, prefix_len) == 0;
	size_t got_len;
	const char *got;

	call(L, 2, text, len);
	got = lua_tolstring(L, -1, &got_len);
	require((got != NULL) == begins);
	if (got) {
		require(got_len == len - prefix_len);
		require(memcmp(got, text + prefix_len, got_len) == 0);
	}
	lua_pop(L, 1);
}

/* As a peer sends it: the engine passes on what nobody there understands. */
static void message(lua_State *L, const char *prefix, size_t prefix_len,
		    const struct fuzz_record *r)
{
	char text[512];
	struct lnl_message m;

	hear(L, prefix, prefix_len, (const char *)r->data, r->len);
	memcpy(text, prefix, prefix_len);
	memcpy(text + prefix_len, r->data, r->len);
	hear(L, prefix, prefix_len, text, prefix_len + r->len);
	if (prefix_len == 0)
		return;
	require(!lnl_acc_is(text, prefix_len + r->len));
	lnl_message_parse(&m, text, prefix_len + r->len);
	require(m.kind == LNL_MSG_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static lua_State *L;
	const uint8_t *end = data + size;
	struct fuzz_record r, other;
	bool accepted;

	if (!L)
		L = fuzz_lua_new(setup, 2);
	if (!fuzz_next(&r, &data, end))
		return 0;
	call(L, 1, (const char *)r.data, r.len);
	accepted = lua_toboolean(L, -1);
	lua_pop(L, 1);
	while (fuzz_next(&other, &data, end))
		message(L, (const char *)r.data, accepted ? r.len : 0, &other);
	require(lua_gettop(L) == 2);
	return 0;
}
