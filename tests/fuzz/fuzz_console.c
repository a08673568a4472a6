/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The control socket and the console: each line of the input is what somebody says there. A line is
 * answered once, by JSON of one line and a bounded length, whatever it is; a Lua error is a finding.
 * Code is compiled, not run: whoever may connect may run what he likes. What a line that ran would
 * give is shown, too: what the input is as JSON.
 */
#include "fuzz_env.h"
#include "fuzz_lua.h"

#define TEXT_MAX 2048

/* What surrounds both: a host, a policy VM whose tasks give what the input is as JSON. */
static const char setup[] =
	"package.path = LUNEL_SCRIPTS .. '/?.lua;' .. LUNEL_SCRIPTS .. '/?/init.lua'\n"
	"local json = require 'cjson'.new()\n"
	"local said, told, value, finish, asked = {}, nil, nil, nil, 0\n"
	"local core = { policy = true }\n"
	"function core.try(_, fn, ...) return pcall(fn, ...) end\n"
	"function core.time() return 1000 end\n"
	"function core.pid() return 42 end\n"
	"function core.build() return { version = '1' } end\n"
	"function core.cancel() return true end\n"
	"function core.console_answer(ticket, v) told = { { ticket = ticket, value = v } } end\n"
	"function core.spawn(_, _, _, done) finish = done return 1 end\n"
	"package.loaded['lunel.core'], package.loaded.lunel = core, {}\n"
	"package.loaded['lunel.launch_reload'] = { reload = function() return true, { 'done' } end }\n"
	"local control, console = require 'lunel.control', require 'lunel.console_vm'\n"
	"console.bind { by_handle = {}, tunnels = function() return {} end }\n"
	"local host, vm, run = {}, {}, { what = { file = 'fuzz.lua' } }\n"
	"function host.control() return true end\n"
	"function host.control_told() local t = told told = nil return t end\n"
	"function host.control_answer(_, ticket, text)\n"
	"  assert(ticket == asked, 'another ticket')\n"
	"  said[#said + 1] = text\n"
	"end\n"
	"function vm.call(_, name, ...)\n"
	"  return pcall(console[name:match '^console_(.*)$'], ...)\n"
	"end\n"
	"function run.complain(_, err) error(err, 0) end\n"
	"run.host, run.vm = host, vm\n"
	"return function(text)\n"
	"  local c = assert(control.open(run, { paths = { '/x' } }, core))\n"
	"  local ok, v = pcall(json.decode, text)\n"
	"  value = ok and v or text\n"
	"  for line in (text .. '\\n'):gmatch '(.-)\\n' do\n"
	"    asked, said = asked + 1, {}\n"
	"    c:line { ticket = asked, connection = 3, text = line }\n"
	"    if finish then finish(true, value, nil, { value }) finish = nil end\n"
	"    c:tell_answers()\n"
	"    if #said == 0 then c:log { { ts = 1, level = 'info', sub = 'a', event = 'b', fields = {} } } end\n"
	"    assert(#said == 1, 'not one answer')\n"
	"    assert(said[1]:find '^[^\\n]*\\n$' and #said[1] < 262144, 'not one line')\n"
	"    local answer = json.decode(said[1])\n"
	"    assert(type(answer.ok) == 'boolean', 'no answer')\n"
	"    assert(answer.ok or type(answer.error) == 'string', 'refused without a reason')\n"
	"  end\n"
	"end\n";

/* LeakSanitizer does not see through LuaJIT's references, which have tags in them. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}

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
