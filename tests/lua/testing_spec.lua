-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel test` as users see it: what it prints and its exit status, for files of tests that pass
-- (testing/good_test.lua), that fail (testing/bad_test.lua) and that are none; and the examples'
-- tests.
local lunel = os.getenv "LUNEL" or "build/bin/lunel"
local source = os.getenv "LUNEL_SOURCE" or "."
local folder = source .. "/tests/lua/testing/"

-- Exit status and output, both streams in one.
local function run(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo $?"))
  local text, status = pipe:read("*a"):match "^(.-)(%d+)\n$"
  pipe:close()
  return tonumber(status), text
end

local function test(arguments) return run(lunel .. " test " .. arguments) end

local function write(text)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(text)
  f:close()
  return path
end

describe("lunel test", function()
  it("passes the tests that are right", function()
    local status, out = test(folder .. "good_test.lua")
    assert.equal(0, status, out)
    assert.falsy(out:find "FAIL", out)
    assert.truthy(out:find "\n%d+ passed, 0 failed\n$", out)
  end)

  it("says of each failure where, and what was expected", function()
    local file = folder .. "bad_test.lua"
    local status, out = test(file)
    assert.equal(1, status, out)
    assert.truthy(out:find "\nok   this one passes\n", out)
    assert.truthy(out:find "\nok   an error that the case asks about\n2 passed, 18 failed\n$", out)
    local lines = {
      [[FAIL equal
     FILE:14: the table: expected { 2 }, got { 1, a = "x" }]],
      [[FAIL in a helper
     FILE:12: expected "expected", got "got"]],
      [[FAIL an error
     FILE:18: attempt to index local 'x' (a nil value)]],
      [[FAIL nobody answers
     FILE:21: the server:4: the server called vpn.resolve(db.example), which the test does not ]]
        .. [[answer; give it `resolve = function(...)`]],
      [[FAIL it hangs
     FILE:25: the peer anna is to be 'up' and is 'hello': not so after 3 s; what is waited for: ]]
        .. [[the server: vpn.resolve(db.example)]],
      [[FAIL round and round
     FILE:29: at 0.]],
      [[ s something goes round and round without time passing; waiting: the server: vpn.sleep(0)]],
      [[FAIL a wrong configuration
     FILE:35: the server does not load:
     the server:2: lsten: there is no key of this name; did you mean 'listen'?
     the server:2: tls: 'ca' is missing (]],
      [[FAIL a wrong option
     FILE:37: t.server: there is no option 'htp'
]],
      [[  | the server: error Error in hook 'authorize': the server:4: oops
]],
      [[FAIL it closed
     FILE:40: the peer anna is to be 'up', and has closed: auth_failed
]],
      [[FAIL a service fails
     FILE:44: expected "other", got "db.example"]],
      [[FAIL a service lets time pass
     FILE:50: time passes already: a service cannot make it pass]],
      [[FAIL an unknown field
     FILE:54: there is no 'nonsense' here
]],
      [[FAIL a mistyped call
     FILE:57: there is no 'conect' here; did you mean 'connect'?]],
      [[FAIL a mistyped word of the tests' own
     FILE:59: there is no lunel.test.eqaul; did you mean 'equal'?]],
      [[FAIL an error in established
     the server:4: boom (hook 'established' of the server). A script's error fails a case that ]]
        .. [[does not ask about it: x:log "^script%.error$"
]],
      [[FAIL an error in closed
     the server:4: a peer has no 'nme'; did you mean 'name'? (hook 'closed' of the server)]],
      [[FAIL errors of a task, of which one is asked about
     the server:6: second (the task of the server:6 of the server). A script's error]],
      [[FAIL an error of a lane
     mine.lua:2: lame (a lane of the server). A lane's error fails a case that does not ask ]]
        .. [[about it: x:log "^lane%.error$"
]],
    }
    for _, line in ipairs(lines) do
      line = line:gsub("FILE", (file:gsub("%%", "%%%%")))
      assert.truthy(out:find(line, 1, true), line .. "\n-- is not in --\n" .. out)
    end
  end)

  it("runs those whose name has a text in it", function()
    local status, out = test("--filter 'wall clock' " .. folder .. "good_test.lua")
    assert.equal(0, status)
    assert.equal("ok   the wall clock is the test's\n1 passed, 0 failed\n", out)
    status, out = test("--filter nothing-like-this " .. folder .. "good_test.lua")
    assert.equal(2, status)
    assert.truthy(out:find("lunel: no case has 'nothing-like-this' in its name", 1, true), out)
  end)

  it("shows the log of every host when asked", function()
    local _, out = test("--verbose --filter 'control texts' " .. folder .. "good_test.lua")
    assert.truthy(out:find("  | the server: info mine.said ", 1, true), out)
    assert.truthy(out:find("  | the peer anna: info Initialization Sequence Completed", 1, true))
  end)

  it("helps", function()
    local status, out = test "--help"
    assert.equal(0, status)
    assert.truthy(out:find "^usage: lunel test .*\n%-%-filter TEXT ")
  end)

  it("refuses what is no test", function()
    local rows = {
      { "", "a file of tests is missing\nusage: lunel test " },
      { "--nonsense x.lua", "test knows --filter and --verbose, not '--nonsense'" },
      { "--filter", "--filter: a text is missing" },
      { "no-such-file.lua", "cannot open no-such-file.lua" },
    }
    for text, message in pairs {
      ["local x = "] = ":1: unexpected symbol near '<eof>'",
      ["local t = require 'lunel.test'"] = ": there is no t.case in it",
      ["require('lunel.test').advance(1)"] = ":1: this belongs into a case",
      ["local t = require 'lunel.test' error 'so'"] = ":1: so",
    } do
      rows[#rows + 1] = { write(text), message, true }
    end
    for _, row in ipairs(rows) do
      local status, out = test(row[1])
      assert.equal(2, status, out)
      assert.truthy(out:find("lunel: " .. (row[3] and row[1] or "") .. row[2], 1, true), out)
      if row[3] then os.remove(row[1]) end
    end
  end)

  it("says of a script that it is no test, before all else", function()
    local file = write "require('lunel').server {}"
    local status, out = test(file)
    os.remove(file)
    assert.equal(2, status, out)
    assert.equal(1, out:find(("lunel: %s is no file of tests: it has no require"):format(file), 1,
      true), out)
  end)

  -- It once took its functions from a pointer that is not there outside of packet VMs.
  it("says of lunel.pkt that it is for lanes, and where their tests go", function()
    for text, line in pairs {
      ['local t = require "lunel.test"\nlocal pkt = require "lunel.pkt"\nt.case("x", print)'] = 2,
      ['local t = require "lunel.test"\nrequire "lunel.lane"'] = false,
    } do
      local file = write(text)
      local status, out = test(file)
      os.remove(file)
      assert.equal(2, status, out)
      assert.truthy(out:find('lunel.pkt is for packet lanes; a test runs a lane by t.lane("', 1,
        true), out)
      assert.truthy(not line or out:find(("lunel: %s:%d: "):format(file, line), 1, true), out)
    end
    local file = write 'local pkt = require "lunel.pkt"\nreturn { from_peer = print }'
    local status, out = test(file)
    os.remove(file)
    assert.equal(2, status, out)
    assert.equal(1, out:find("lunel: " .. file .. " is no file of tests: it is a packet lane; "
      .. 'a test runs it by t.lane("', 1, true), out)
  end)

  it("passes the examples' tests", function()
    local status, out = test(source .. "/examples/*_test.lua")
    assert.equal(0, status, out)
  end)

  it("passes those of lanes without the compiler, too", function()
    local status, out = run(("cd %s/examples && LUNEL_JIT=off %s test filter_test.lua "
      .. "xor_test.lua userpolicy_test.lua"):format(source, lunel))
    assert.equal(0, status, out)
  end)

  -- Only an interpreter can be stopped: this says that there was one.
  it("interprets lanes when LUNEL_JIT says so", function()
    local file = write [[
      local t = require "lunel.test"
      t.case("a loop", function()
        local lane = t.lane "return {\n from_peer = function(b) while true do end end }"
        local list, err = lane:from_peer { "x" }
        t.equal(list[1], { data = "x", verdict = "drop", failed = true })
        t.match(err, "the lane:2: .*20 ms")
      end)
    ]]
    local status, out = run(("LUNEL_JIT=off %s test %s"):format(lunel, file))
    os.remove(file)
    assert.equal(0, status, out)
  end)

  it("runs under a stock luajit, too", function()
    local status, out = run(("luajit %s/scripts/launcher.lua test --filter 'wall clock' %s")
      :format(source, folder .. "good_test.lua"))
    assert.equal(0, status, out)
    assert.truthy(out:find("1 passed, 0 failed", 1, true), out)
  end)

  -- What the engine began to ask of libev and of sockets, and the simulator does not stand in for.
  it("leaves nothing to the libraries whose place it takes", function()
    local nm = io.popen(("nm -D --undefined-only %s/../lib/lunel/sim.so 2>/dev/null"):format(
      lunel:match "^(.*)/[^/]*$"))
    local names = nm:read "*a"
    nm:close()
    for _, name in ipairs { "ev_%w+", "ares_[^v]%w+", "mnl_%w+", "epoll_%w+", "recvm+sg",
                            "sendm+sg", "sendto", "__re[ac][dv]_chk" } do
      assert.falsy(names:find(" U " .. name .. "[@\n]"), name)
    end
  end)
end)
