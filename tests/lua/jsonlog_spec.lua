-- SPDX-License-Identifier: GPL-3.0-or-later
--- examples/jsonlog.lua: one line an event, valid JSON, no secret, and what was lost is counted.
local json = require "cjson"
local stub = require "core_stub"

local SOURCE = os.getenv "LUNEL_SOURCE" or "."
local PATH = "/var/log/vpn.jsonl"

local core, sink

local function record(sub, event, fields, more)
  local r = { ts = 1.25, level = "info", sub = sub, event = event, fields = fields or {} }
  for k, v in pairs(more or {}) do r[k] = v end
  return r
end

local function lines()
  local out = {}
  for line in table.concat(core.appended[PATH] or {}):gmatch("([^\n]*)\n") do
    out[#out + 1] = json.decode(line)
  end
  return out
end

describe("jsonlog.lua", function()
  before_each(function()
    core = stub.new()
    stub.load(core, "lunel")
    dofile(SOURCE .. "/examples/jsonlog.lua")
    sink = stub.calls(core, "sink")[1]
  end)

  it("wants the events from info on, and a file that may be moved", function()
    assert.equal("info", sink[5])
    assert.same({ "append", PATH, 384, true }, stub.calls(core, "append")[1])
  end)

  it("writes one line an event, each of them JSON", function()
    sink[2]({
      record("tls", "handshake", { version = "TLSv1.3", peer = "anna" }, { sess = "anna" }),
      record("test", "text", { text = 'a "b" \\ c', level = "a field's" }, { src = "x.lua:1" }),
    }, 2, 0)
    local out = lines()
    assert.equal(2, #out)
    assert.same({ host = "test", pid = 42, version = "TLSv1.3", peer = "anna", level = "info",
                  ts = "1970-01-01T00:00:01.250Z", event = "tls.handshake", sess = "anna" }, out[1])
    assert.equal('a "b" \\ c', out[2].text)
    assert.equal("x.lua:1", out[2].src)
    -- In one piece: others may write, too.
    assert.equal(1, #core.appended[PATH])
  end)

  it("counts what was lost", function()
    sink[2]({ record("a", "b") }, 1, 17)
    assert.same({ event = "log.lost", count = 17 }, lines()[2])
    sink[2]({}, 0, 3)
    assert.same({ event = "log.lost", count = 3 }, lines()[3])
  end)

  it("says elsewhere that it cannot write", function()
    core.refuse_append = "cannot write it: No space left on device"
    sink[2]({ record("a", "b") }, 1, 0)
    assert.same({ "fallback", "jsonlog: cannot write it: No space left on device" },
                stub.calls(core, "fallback")[1])
  end)
end)

-- The same script in the program, with real records; what carries it there is a client whose
-- server cannot be reached.
describe("jsonlog.lua in the program", function()
  local lunel = os.getenv "LUNEL"
  local folder

  local function write(name, text)
    local f = assert(io.open(folder .. "/" .. name, "w"))
    f:write(text)
    f:close()
  end

  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir " .. folder))
    assert.equal(0, os.execute(("cd %s && %s pki init >/dev/null && %s pki client anna "
      .. "--remote 127.0.0.1:9 >anna.ovpn 2>err"):format(folder, lunel, lunel)))
  end)
  teardown(function() os.execute("rm -r " .. folder) end)

  it("logs every event, and no secret", function()
    write("cjson.lua", 'require "cjson"')
    if os.execute(("cd %s && mkdir c && mv cjson.lua c/x.lua && %s check c/x.lua >out 2>err")
      :format(folder, lunel)) ~= 0 then
      return pending "policy scripts have no cjson in this build"
    end
    local f = assert(io.open(SOURCE .. "/examples/jsonlog.lua"))
    -- Paths aside, as it stands.
    write("jsonlog.lua", (f:read("*a"):gsub("/var/log", folder)))
    f:close()
    write("policy.lua", [[
      local vpn = require "lunel"
      require "jsonlog"
      local log = vpn.log "test"
      local secret = require("lunel.core").secret "sesame-open"
      vpn.client(vpn.merge(vpn.profile "anna.ovpn", {
        auth_user_pass = true, proto_force = "udp", verb = 1, connect_timeout = 1,
        on = {
          credentials = function()
            return { username = "anna", password = secret }
          end,
          select_remote = function() error("no remote for " .. secret:reveal()) end,
          reconnect = function() return vpn.stop "enough" end,
        },
      }))
      log.info("said", { secret = secret, inside = { secret }, text = secret:reveal() .. "!" })
    ]])
    os.execute(("cd %s && %s policy.lua >out 2>err"):format(folder, lunel))
    local seen = {}
    for line in assert(io.lines(folder .. "/vpn.jsonl")) do
      assert.is_nil(line:find("sesame", 1, true), line)
      local r = json.decode(line)
      seen[r.event] = r
    end
    for _, name in ipairs { "process.start", "test.said", "script.error", "tunnel.failed",
                            "tunnel.stopped", "process.exit" } do
      assert.truthy(seen[name], name)
    end
    assert.same({ "***", "table", "***!" }, { seen["test.said"].secret, seen["test.said"].inside,
                                              seen["test.said"].text })
    assert.truthy(seen["test.said"].src:find "policy%.lua:%d+$")
    for line in io.lines(folder .. "/out") do assert.is_nil(line:find("sesame", 1, true), line) end
  end)

  it("has a twin in the program's own log", function()
    for _, line in ipairs {
      "%s --log-format json anna.ovpn --connect-retry-max 1",
      "%s anna.ovpn --log-format json --connect-retry-max 1",
    } do
      os.execute(("cd %s && " .. line .. " >out 2>err"):format(folder, lunel))
      local seen = {}
      for text in io.lines(folder .. "/out") do seen[json.decode(text).event] = true end
      for _, name in ipairs { "process.start", "tunnel.failed", "process.exit" } do
        assert.truthy(seen[name], name)
      end
    end
  end)
end)
