/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The profile importer and the schema behind it, on any text. A Lua error is a finding: what is wrong
 * with a profile is told by a list of errors.
 */
#include "fuzz_env.h"
#include "fuzz_lua.h"

#define TEXT_MAX 1024

static const char setup[] =
	"package.path = LUNEL_SCRIPTS .. '/?.lua;' .. LUNEL_SCRIPTS .. '/?/init.lua'\n"
	"local profile, schema = require 'lunel.profile', require 'lunel.schema'\n"
	"local function reader(path)\n"
	"  if path == 'credentials' then return 'anna\\nsecret\\n', { uid = 0 } end\n"
	"  return nil, 'no such file'\n"
	"end\n"
	"return function(text)\n"
	"  local conf, errors = profile.parse(text, 'fuzz.ovpn', reader)\n"
	"  if not conf then\n"
	"    assert(type(errors) == 'table' and #errors > 0, 'refused without a reason')\n"
	"    return\n"
	"  end\n"
	"  local checked, wrong = schema.check(conf, conf.origin)\n"
	"  assert(checked or #wrong > 0, 'refused without a reason')\n"
	"end\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static lua_State *L;

	if (size > TEXT_MAX)
		return 0;
	if (!L)
		L = fuzz_lua_new(setup, 1);
	fuzz_lua_text(L, data, size);
	return 0;
}
