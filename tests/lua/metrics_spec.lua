-- SPDX-License-Identifier: GPL-3.0-or-later
local stub = require "core_stub"

local core, metrics, ask

describe("vpn.metrics", function()
  before_each(function()
    core = stub.new()
    metrics, ask = stub.load(core, "lunel.metrics", "lunel.ask")
    ask.bind(function() end)
  end)

  it("hands names, labels and buckets on", function()
    metrics.metrics.counter("a", { x = 1 }):add(2)
    metrics.metrics.gauge "b"
    metrics.metrics.histogram("c", nil, { buckets = { 1, 2 } })
    assert.same({ { "metric", "counter", "a", { x = 1 }, n = nil }, { "metric", "gauge", "b" },
                  { "metric", "histogram", "c", nil, { 1, 2 } } }, stub.calls(core, "metric"))
  end)

  it("tells of misuse where it happened", function()
    for _, row in ipairs {
      { function() metrics.metrics.counter(5) end, "vpn.metrics.counter: a name expected" },
      { function() metrics.metrics.gauge("a", 5) end, "a table of labels expected" },
      { function() metrics.metrics.histogram("a", nil, { bukets = {} }) end,
        "did you mean 'buckets'?" },
    } do
      local ok, err = pcall(row[1])
      assert.is_false(ok)
      assert.truthy(err:find("metrics_spec.lua", 1, true) and err:find(row[2], 1, true), err)
    end
  end)

  it("is served at an address of this machine, with a warning at others", function()
    assert.is_true(metrics.open { address = "127.0.0.1", port = 9176 })
    assert.is_true(metrics.open { address = "::1", port = 9176 })
    assert.is_true(metrics.open { address = "0.0.0.0", port = 9176 })
    assert.same({ "metrics.listening", "metrics.listening", "metrics.exposed" },
      { core.logged[1].name, core.logged[2].name, core.logged[3].name })
    assert.equal("warn", core.logged[3].level)
    core.refuse_scrape = "cannot listen"
    assert.same({ nil, "metrics: cannot listen" },
                { metrics.open { address = "127.0.0.1", port = 80 } })
  end)
end)

describe("a hook", function()
  local ran

  before_each(function()
    core = stub.new()
    ran = {}
    function core.hook_ran(...) ran[#ran + 1] = { ... } end
    ask = stub.load(core, "lunel.ask")
    ask.bind(function() end)
  end)

  local function nothing() end

  it("is counted, with its time and how it ended", function()
    ask.now("pulled", { ticket = 1 }, 0, nothing, nothing)
    ask.now("pulled", { ticket = 1 }, 0, function() error "x" end, nothing)
    ask.task("up", { ticket = 2 }, 0, function() core.time = core.time + 3 end, nothing)
    core.run()
    ask.tell("closed", 0, 5, nil, nothing)
    core.tasks[1].expire()
    assert.same({ { "pulled" }, { "pulled", 0, "ok" }, { "pulled" }, { "pulled", 0, "error" },
                  { "up" }, { "up", 3, "ok" }, { "closed" }, { "closed", 0, "deadline" } }, ran)
  end)

  it("is none when it is something else", function()
    ask.tell("the programs of the device", 0, 20, nil, nothing)
    core.run()
    assert.same({}, ran)
  end)
end)

describe("lunel status", function()
  local command = require "lunel.status_command"

  local function says(answer, why)
    local asked = {}
    return { query = function(...)
      asked[#asked + 1] = { ... }
      return answer, why
    end, read_file = function() return "sesame\nmore" end }, asked
  end

  local STATUS = '{"tunnels":1,"drops":{"replay":3,"auth":0},"version":"0.1.0"}\n'

  it("asks where metrics are served", function()
    local core_, asked = says("HTTP/1.1 200 OK\r\nA: b\r\n\r\n" .. STATUS)
    local sources = { metrics = { address = "127.0.0.1", port = 9176 }, management = {} }
    assert.equal("drops.replay 3\ntunnels 1\nversion 0.1.0\n", command.text(sources, core_))
    assert.equal(STATUS, command.text(sources, core_, true))
    assert.same({ "127.0.0.1", 9176 }, { asked[1][1], asked[1][2] })
    assert.truthy(asked[1][3]:find("^GET /status HTTP/1.0\r\n"))
  end)

  it("asks the management socket otherwise", function()
    local core_, asked = says("ENTER PASSWORD:SUCCESS: password is correct\r\n>INFO:x\r\n"
      .. "TITLE,Lunel\r\nCLIENT_LIST,anna\r\nEND\r\n")
    local text = command.text({ management = { path = "/run/x", password_file = "pw" } }, core_)
    assert.equal("TITLE,Lunel\nCLIENT_LIST,anna\n", text)
    assert.same({ { "/run/x", nil, "sesame\nstatus 2\nquit\n", 5 } }, asked)
  end)

  it("says what failed", function()
    local where = { metrics = { address = "127.0.0.1", port = 9176 } }
    local function why(...) return select(2, command.text(...)) end
    assert.equal("metrics at 127.0.0.1, port 9176: Connection refused",
                 why(where, (says(nil, "Connection refused"))))
    assert.equal("metrics at 127.0.0.1, port 9176: it answers with status 404",
                 why(where, (says "HTTP/1.1 404 x\r\n\r\n")))
    assert.equal("metrics at 127.0.0.1, port 9176: it speaks no HTTP", why(where, (says "hello")))
    where = { management = { address = "127.0.0.1", port = 7505 } }
    assert.equal("management at 127.0.0.1, port 7505: it gave no status", why(where, (says "")))
    assert.equal("--json is for 'metrics', which its configuration has not",
                 why(where, (says ""), true))
    assert.equal("its configuration has neither 'metrics' nor 'management': nothing can be asked",
                 why({}, (says "")))
  end)
end)
