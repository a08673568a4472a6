-- SPDX-License-Identifier: GPL-3.0-or-later
--- The console in the policy VM, and the control socket in the launcher.
local server = require "server_stub"
local stub = require "core_stub"

describe("the console", function()
  local core, instance, answers

  before_each(function()
    core = server.new()
    answers = {}
    function core.console_answer(ticket, value) answers[#answers + 1] = { ticket, value } end
    instance = stub.load(core, "lunel.instance")
    local handle = server.open(core, instance, {})
    instance.event { kind = "established", tunnel = handle, peer = 7 }
    core.run()
  end)

  -- What |code| gives: the answer's table.
  local function eval(code)
    answers = {}
    local now = instance.console_eval("t", 3, code)
    if now then return now end
    core.run()
    assert.equal(1, #answers, code)
    assert.equal("t", answers[1][1])
    return answers[1][2]
  end

  -- Code, and what is printed.
  it("evaluates expressions and statements, and prints what they give", function()
    for _, row in ipairs {
      { "1 + 1", "2" }, { "return 3", "3" }, { "local x = 5 return x * 2", "10" }, { "", "" },
      { "'a\\nb\\0'", '"a\\nb\\000"' }, { "1, nil, true", "1\nnil\ntrue" }, { "{}", "{}" },
      { "{ 1, { a = 2, ['b c'] = 3 } }", "{\n  1,\n  {\n    a = 2,\n    [b c] = 3,\n  },\n}" },
      { "print", "function" }, { "peers()[1]", "peer anna" }, { "#peers('192.0.2.7:41194')", "1" },
      { "#peers('nobody')", "0" }, { "tunnels()[1].role", '"server"' }, { "#sessions()", "0" },
      { "kill('anna', 'bye')", "1" }, { "vpn.pid()", "42" }, { "var.x", "nil" },
      { "(function() var.x = 4 return var.x end)()", "4" }, { "var.x + _", "8" },
      { "require('lunel.core').secret('geheim')", "***" },
    } do
      assert.equal(row[2], eval(row[1]).text, row[1])
    end
    assert.same({ "peer_kill", 1, 7, "HALT,bye" }, stub.calls(core, "peer_kill")[1])
  end)

  it("has what a line prints in its answer", function()
    local a = eval("print('x', 1, nil, true) print 'y\\nz' return 5")
    assert.same({ true, "5", { "x 1 nil true", "y", "z" } }, { a.ok, a.text, a.said })
    assert.is_nil(eval("1").said)
    a = eval("print 'before' error 'boo'")
    assert.same({ ok = false, error = "console:1: boo", said = { "before" } }, a)
    a = eval("for i = 1, 1000 do print(('x'):rep(100)) end")
    assert.is_true(#table.concat(a.said, "\n") < 8300)
    assert.equal("-- cut", a.said[#a.said])
    -- What is printed when the answer has gone goes where print leads elsewhere.
    local heard, before = {}, print
    rawset(_G, "print", function(...) heard[#heard + 1] = { ... } end)
    a = eval("var.later = print")
    eval("var.later('late')")
    rawset(_G, "print", before)
    assert.is_nil(a.said)
    assert.same({ { "late" } }, heard)
  end)

  it("bounds what it prints", function()
    local text = eval("local t = {} for i = 1, 1000 do t[i] = ('x'):rep(5000) end return t").text
    assert.is_true(#text < 8300)
    assert.matches("%-%- cut$", text)
    assert.matches("%-%- and 150 more",
      eval("local t = {} for i = 1, 200 do t[i] = i end return t").text)
    assert.equal("{\n  a = {...},\n}", eval("local t = {} t.a = t return t").text)
    assert.truthy(eval("{{{{{{1}}}}}}").text:find("{...}", 1, true))
  end)

  it("has values for machines", function()
    assert.same({ 1, "x", { true, { a = 1 } } }, eval("1, 'x', { true, { a = 1 } }").values)
    assert.same({ [2] = "inf", [3] = "***" },
      eval("nil, 1/0, require('lunel.core').secret 'x'").values)
    assert.equal(3, eval("nil, 1, nil").n)
  end)

  it("tells errors by the line, and what is not complete", function()
    assert.same({ ok = false, error = "console:1: boo" }, eval("local x = error 'boo'"))
    local bad = eval("x = = 2")
    assert.is_false(bad.ok)
    assert.is_nil(bad.incomplete or nil)
    for _, code in ipairs { "1 +", "for i = 1, 3", "vpn.filter(", "function() ", "x =", "{ 1," } do
      assert.is_true(eval(code).incomplete, code)
    end
  end)

  it("asks the launcher for what is the launcher's", function()
    assert.same({ ok = true, action = "reload" }, eval("reload()"))
    assert.same({ ok = true, action = "follow" }, eval("follow()"))
  end)

  it("ends what takes too long", function()
    assert.is_nil(instance.console_eval("t", 3, "vpn.sleep(100)"))
    assert.same({ ok = false, error = "nothing is evaluated" }, instance.console_cancel(4))
    answers = {}
    assert.same({ ok = true }, instance.console_cancel(3))
    assert.same({ { "t", { ok = false, error = "interrupted" } } }, answers)
  end)

  it("helps", function()
    local all = eval("help()").text
    for _, word in ipairs { "peers(", "sessions()", "kill(", "reload()", "follow()" } do
      assert.truthy(all:find(word, 1, true), word)
    end
    for _, row in ipairs {
      { "hooks.authorize", "a server's hook authorize(peer)" },
      { "on.up", "a client's hook up(session, net)" },
      { "vpn.server", "listen " }, { "vpn.client", "remotes " }, { "tls.cert", "Our certificate." },
      { "workers", "a whole number from 1 to 16, by default 1" },
      { "hooks", "of a server: verify_cert" },
      { "hooks.authorise", "did you mean 'authorize'?" }, { "lisen", "did you mean" },
    } do
      local text = eval(("help %q"):format(row[1])).text
      assert.truthy(text:find(row[2], 1, true), text)
    end
  end)

  it("completes names", function()
    local function complete(text)
      local answer = instance.console_complete(text)
      return table.concat(answer.list, " ", 1, math.min(3, #answer.list))
    end
    for _, row in ipairs {
      { "vpn.spa", "vpn.spawn" }, { "x = vpn.spa", "vpn.spawn" }, { "pee", "peers" },
      { "string.for", "string.format" }, { "vpn.nothing", "" }, { "nothing.at", "" },
      { "help 'hooks.authent", "hooks.authenticate" }, { 'help("tls.crypt_', "tls.crypt_v2" },
      { "help 'vpn.s", "vpn.server" }, { "sess", "sessions" },
    } do
      assert.equal(row[2], complete(row[1]), row[1])
    end
    assert.is_true(#instance.console_complete("").list > 20)
  end)
end)

describe("the control socket", function()
  local control, run, answers, core, cjson

  setup(function() cjson = require "cjson" end)

  before_each(function()
    answers = {}
    core = { now = 100, time = function() return core.now end, pid = function() return 9 end,
             euid = function() return 0 end, build = function() return { version = "1" } end,
             socket_folder = function(path)
               return path:find("^/run") ~= nil or nil, "it is somebody else's"
             end }
    package.loaded["lunel.core"] = core
    package.loaded["lunel.control"], package.loaded["lunel.launch_reload"] = nil, nil
    control = require "lunel.control"
    run = {
      what = { kind = "script", file = "/etc/vpn/my office.lua" }, told = {},
      host = {
        control = function(_, o)
          run.options = o
          if run.taken and not o.path:find "-9" then return nil, "another program does", true end
          return true
        end,
        control_answer = function(_, ticket, text)
          assert.equal("\n", text:sub(-1))
          answers[#answers + 1] = { ticket, cjson.decode(text) }
        end,
        control_told = function() return run.told end,
      },
      vm = { call = function(_, name, ...) return run.call(name, ...) end },
      call = function() return true end,
    }
  end)

  local function open()
    return assert(control.open(run, assert(control.prepare(run, {}, core)), core))
  end

  local function ask(c, text)
    answers = {}
    c:line { ticket = "t", connection = 3, text = text }
    return answers[1] and answers[1][2]
  end

  it("is there for scripts, and for profiles that ask", function()
    assert.same({ "/run/lunel/my_office.sock", "/run/lunel/my_office-9.sock" },
      control.prepare(run, {}, core).paths)
    assert.is_nil(control.prepare(run, { control = false }, core))
    run.what.kind = "profile"
    assert.is_nil(control.prepare(run, {}, core))
    assert.is_table(control.prepare(run, { control = true }, core))
    local place = control.prepare(run, { control = { path = "/run/x/a.sock" } }, core)
    assert.same({ asked = true, paths = { "/run/x/a.sock" } }, place)
    local none, err, asked = control.prepare(run, { control = { path = "/tmp/a.sock" } }, core)
    assert.is_nil(none)
    assert.is_true(asked)
    assert.equal("control: /tmp: it is somebody else's", err)
  end)

  it("has the process's number behind its name when that is taken", function()
    run.taken = true
    open()
    assert.equal("/run/lunel/my_office-9.sock", run.options.path)
    assert.is_true(run.options.own_user and run.options.long_lines)
  end)

  it("answers each line, whatever it is", function()
    local c = open()
    for _, text in ipairs { "", "x", "[]", "1", "{}", '{"op":5}', '{"op":"nothing"}', "null",
                            ("["):rep(5000), '{"op":"hello"' } do
      local answer = ask(c, text)
      assert.is_false(answer.ok, text)
      assert.matches("a JSON object", answer.error)
    end
    assert.same({ ok = true, pid = 9, version = "1", connection = 3 }, ask(c, '{"op":"hello"}'))
  end)

  it("passes code on, and its answer back", function()
    local c = open()
    local seen
    function run.call(...)
      seen = { ... }
      return true
    end
    assert.is_nil(ask(c, '{"op":"eval","code":"1+1"}'))
    assert.same({ "console_eval", "t", 3, "1+1" }, seen)
    run.told = { { ticket = "t", value = { ok = true, n = 2, text = "2", values = { [2] = 2 } } } }
    c:tell_answers()
    assert.same({ ok = true, n = 2, text = "2", values = { cjson.null, 2 } }, answers[1][2])
    function run.call() return false, "out of memory" end
    assert.same({ ok = false, error = "out of memory" }, ask(c, '{"op":"eval"}'))
  end)

  it("gives the log to those who follow, and counts what they miss", function()
    local c = open()
    local function log(n)
      local records = {}
      for i = 1, n do
        records[i] = { ts = 1, level = "info", sub = "t", event = "e" .. i, fields = {} }
      end
      c:log(records)
    end
    log(3)
    assert.is_nil(ask(c, '{"op":"follow"}'))
    log(1)
    local answer = answers[1][2]
    assert.equal(4, answer.after)
    assert.equal(0, answer.lost)
    assert.equal("t.e1", answer.records[1].text)
    log(300)
    answer = ask(c, '{"op":"follow","after":4}')
    assert.equal(256, #answer.records)
    assert.equal(44, answer.lost)
    for _, after in ipairs { "9999999", "-5", "1e300", "-1e300", '"x"', "null", "{}", "[1]" } do
      assert.is_nil(ask(c, '{"op":"follow","after":' .. after .. "}"), after)
      core.now = core.now + 100
      c:log {}
      assert.same({}, answers[1][2].records)
    end
    assert.equal(256, #ask(c, '{"op":"follow","after":0.5}').records)
  end)

  it("outlives an error of its own", function()
    local c = open()
    local said
    function run.complain(_, text) said = text end
    function run.call() error("something is wrong", 0) end
    assert.same({ ok = false, error = "something is wrong" }, ask(c, '{"op":"complete"}'))
    assert.matches("^control: something is wrong\nstack traceback", said)
  end)
end)
