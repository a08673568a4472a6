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
        "Connection failed: the server refused us and did not say why; a password may be "
          .. "wrong [auth_failed]" },
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
      sink.outputs[1].file:close()
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

  it("goes to several places, each in its form and from its level on", function()
    local other = os.tmpname()
    local sink = assert(log.open { log_append = path, suppress_timestamps = true, mute = 1, logs = {
      { to = other, format = "json", level = "warn" } } })
    sink:write({ record("info", "a.b"), record("warn", "a.c", "x", "y"),
                 record("warn", "a.c", "x", "z") }, 2)
    sink:write({ record("info", "e.f") }, 0)
    sink:reopen()
    sink:write({ record("info", "g.h") }, 0)
    assert.equal("a.b\nWARNING: a.c x=y\nWARNING: 2 log records were lost\n"
      .. "1 more of them were not logged (mute 1)\ne.f\ng.h\n", content())
    local f = assert(io.open(other))
    -- Machines get what is muted, too.
    assert.equal('{"ts":"1970-01-01T00:00:01.500Z","level":"warn","event":"a.c","x":"y"}\n'
      .. '{"ts":"1970-01-01T00:00:01.500Z","level":"warn","event":"a.c","x":"z"}\n'
      .. '{"ts":"1970-01-01T00:00:01.500Z","level":"warn","event":"log.lost","count":2}\n',
      f:read "*a")
    f:close()
    os.remove(other)
  end)

  it("leaves standard output to itself when it goes elsewhere", function()
    assert.is_true(assert(log.open {}):is_seen())
    assert.is_false(assert(log.open { logs = { { to = path } } }):is_seen())
    assert.is_true(assert(log.open { logs = { { to = path }, { to = "stdout" } } }):is_seen())
    assert.is_false(assert(log.open { log = path }):is_seen())
  end)

  it("tells once a minute what a place did not take", function()
    local up = false
    local sent = {}
    local core = { journal = function()
      return { send = function(_, text)
        if not up then return nil, "it is full" end
        sent[#sent + 1] = text
        return true
      end }
    end }
    local sink = assert(log.open({ log = path, suppress_timestamps = true,
                                   logs = { { to = "journal" } } }, core))
    for i = 1, 3 do
      local r = record("info", "a.b", "i", i)
      r.ts = i
      sink:write({ r }, 0)
    end
    assert.equal("a.b i=1\nWARNING: 1 records could not be written to journal: it is full\n"
      .. "a.b i=2\na.b i=3\n", content())
    up = true
    local r = record("info", "a.b")
    r.ts = 100
    sink:write({ r }, 0)
    assert.truthy(content():find("a.b\nWARNING: 3 records could not be written", 1, true))
    assert.equal(2, #sent)
  end)

  it("tells of a full disk where there is room", function()
    local sink = assert(log.open { log = path, suppress_timestamps = true,
                                   logs = { { to = "/dev/full" } } })
    for _ = 1, 2 do sink:write({ record("info", "a.b"), record("info", "c.d") }, 0) end
    assert.equal("a.b\nc.d\na.b\nc.d\nWARNING: 2 records could not be written to /dev/full: "
      .. "No space left on device\n", content())
  end)

  it("tells that there is no journal", function()
    local core = { journal = function() return nil, "No such file or directory" end }
    local sink, err = log.open({ logs = { { to = "journal", socket = "/x" } } }, core)
    assert.is_nil(sink)
    assert.equal("cannot reach the journal at /x: No such file or directory", err)
  end)
end)

describe("a record for machines", function()
  local forms = require "lunel.log_forms"
  local json = require "cjson"

  it("is one line of JSON, whatever is in it", function()
    local r = record("info", "a.b", "text", 'q"\\\n\r\t\1\127', "level", 3, "large", 1e15,
                     "part", 0.5, "nan", 0 / 0, "utf8", "\195\164\240\159\152\128",
                     "bad", "\255\237\160\128\195")
    r.src, r.sess = "x.lua:3", "anna"
    local line = forms.json(r)
    assert.is_nil(line:find "[%z\1-\31\127]")
    assert.same({ ts = "1970-01-01T00:00:01.500Z", level = "info", event = "a.b", src = "x.lua:3",
                  sess = "anna", text = 'q"\\\n\r\t\1\127', level_ = 3, large = 1e15, part = 0.5,
                  nan = tostring(0 / 0), utf8 = "\195\164\240\159\152\128",
                  bad = "?????" }, json.decode(line))
    assert.truthy(line:find('"large":1000000000000000,', 1, true))
  end)

  it("is the journal's fields", function()
    local r = record("warn", "peer.up", "peer", "anna", "two-words", "a\nb", "event", "x",
                     "n", 1e15)
    r.src, r.sess = "/etc/vpn.lua:12", "anna"
    assert.equal("MESSAGE=hello\nPRIORITY=4\nSYSLOG_IDENTIFIER=lunel\nLUNEL_EVENT=peer.up\n"
      .. "LUNEL_SESS=anna\nCODE_FILE=/etc/vpn.lua\nCODE_LINE=12\nLUNEL_PEER=anna\n"
      .. "LUNEL_TWO_WORDS\n\3\0\0\0\0\0\0\0a\nb\nLUNEL_EVENT_=x\nLUNEL_N=1000000000000000\n",
      forms.journal(r, "hello", "lunel"))
    r = record("info", "a.b", ("x"):rep(100), 1)
    assert.truthy(forms.journal(r, "m", "l"):find("\nLUNEL_" .. ("X"):rep(58) .. "=1\n", 1, true))
  end)
end)
