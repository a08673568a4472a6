-- SPDX-License-Identifier: GPL-3.0-or-later
local log = require "lunel.log"

-- A record: record("info", "tunnel.up", "dev", "tun0")
local function record(level, name, ...)
  local sub, event = name:match("^([^.]*)%.(.*)$")
  local r = { ts = 1.5, level = level, sub = sub, event = event, fields = {} }
  for i = 1, select("#", ...), 2 do
    local field, value = select(i, ...)
    r[#r + 1] = field
    r.fields[field] = value
  end
  return r
end

describe("a log line", function()
  it("is a sentence for what people wait for", function()
    local rows = {
      { record("info", "tunnel.up", "dev", "tun0"), "Initialization Sequence Completed" },
      { record("info", "tunnel.connecting", "address", "192.0.2.1:1194", "proto", "udp",
               "attempt", 2),
        "Connecting to 192.0.2.1:1194 over udp, attempt 2" },
      { record("info", "tunnel.failed", "cause", "timeout", "text", "no answer"),
        "Connection failed: no answer [timeout]" },
      { record("info", "tunnel.failed", "cause", "auth_failed", "text", ""),
        "Connection failed: the server refused user name and password [auth_failed]" },
      { record("info", "tunnel.failed", "cause", "auth_failed", "text", "account locked"),
        "Connection failed: the server refused: account locked [auth_failed]" },
      { record("info", "tunnel.lost", "cause", "odd", "text", ""),
        "Connection lost: for an unknown reason [odd]" },
      -- what a sentence does not name follows
      { record("info", "tunnel.stopping", "reason", "SIGTERM", "extra", 1),
        "Stopping: SIGTERM extra=1" },
    }
    for _, row in ipairs(rows) do assert.equal(row[2], log.text(row[1])) end
  end)

  it("is the event and its fields otherwise", function()
    local rows = {
      { record("info", "a.b"), "a.b" },
      { record("info", "a.b", "n", 5, "x", "y"), "a.b n=5 x=y" },
      { record("info", "a.b", "n", 0.5), "a.b n=0.5" },
      { record("info", "a.b", "n", 1e15), "a.b n=1000000000000000" },
      { record("info", "a.b", "s", "two words"), 'a.b s="two words"' },
      { record("info", "a.b", "s", ""), 'a.b s=""' },
      { record("info", "a.b", "s", 'q"x\\'), 'a.b s="q\\"x\\\\"' },
      { record("info", "a.b", "s", "x=y"), 'a.b s="x=y"' },
    }
    for _, row in ipairs(rows) do assert.equal(row[2], log.text(row[1])) end
  end)

  it("has a time and says what is bad", function()
    local r = record("error", "a.b")
    assert.truthy(log.line(r, {}):find("^%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d ERROR: a%.b$"))
    assert.equal("ERROR: a.b", log.line(r, { suppress_timestamps = true }))
    assert.equal("1.500000 20 ERROR: a.b", log.line(r, { machine_readable_output = true }))
    r.level = "warn"
    assert.equal("WARNING: a.b", log.line(r, { suppress_timestamps = true }))
  end)

  it("goes by OpenVPN's verb", function()
    for verb, level in pairs { [0] = "error", "info", "info", "info", "debug", "debug", "trace",
                               [11] = "trace" } do
      assert.equal(level, log.level(verb))
    end
  end)
end)

describe("the sink", function()
  local path
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function content()
    local f = assert(io.open(path))
    local text = f:read("*a")
    f:close()
    return text
  end

  it("writes a file anew, or adds to it", function()
    for i, key in ipairs { "log", "log_append", "log_append", "log" } do
      local sink = assert(log.open({ [key] = path, suppress_timestamps = true }))
      sink:write({ record("info", "a.b", "i", i) }, 0)
      sink.file:close()
    end
    assert.equal("a.b i=4\n", content())
  end)

  it("tells of a file it cannot write", function()
    local sink, err = log.open { log = "/nonexistent/folder/x.log" }
    assert.is_nil(sink)
    assert.truthy(err:find("cannot write the log: /nonexistent/folder/x.log", 1, true))
  end)

  it("opens the file anew after it was moved", function()
    local sink = assert(log.open { log = path, suppress_timestamps = true })
    sink:write({ record("info", "a.before") }, 0)
    os.rename(path, path .. ".1")
    sink:reopen()
    sink:write({ record("info", "a.after") }, 0)
    assert.equal("a.after\n", content())
    os.remove(path .. ".1")
  end)

  it("counts what was lost and what is muted", function()
    local sink = assert(log.open { log = path, suppress_timestamps = true, mute = 2 })
    sink:write({ record("info", "a.b"), record("info", "a.b"), record("info", "a.b"),
                 record("info", "a.b"), record("info", "c.d") }, 0)
    sink:write({ record("info", "e.f") }, 3)
    assert.equal("a.b\na.b\n2 more of them were not logged (mute 2)\nc.d\ne.f\n"
      .. "WARNING: 3 log records were lost\n", content())
  end)

  it("speaks to syslog without times", function()
    local said = {}
    local core = {
      openlog = function(name) said[#said + 1] = name end,
      syslog = function(level, line) said[#said + 1] = level .. " " .. line end,
    }
    local sink = assert(log.open({ syslog = "office" }, core))
    sink:write({ record("warn", "a.b") }, 0)
    assert.same({ "office", "warn WARNING: a.b" }, said)
  end)
end)
