-- SPDX-License-Identifier: GPL-3.0-or-later
--- Whatever a script misuses is told with the script's line, never with one of lunel's own files:
-- by `lunel test`, in real policy VMs.
local lunel = os.getenv "LUNEL" or "build/bin/lunel"

local folder

local function write(name, text)
  local f = assert(io.open(folder .. "/" .. name, "w"))
  f:write(text)
  f:close()
end

local function run(command)
  local pipe = assert(io.popen(("cd %s && %s 2>&1"):format(folder, command)))
  local text = pipe:read "*a"
  pipe:close()
  return text
end

local CONF = [[
local vpn = require "lunel"
%s
vpn.%s { %s
  tls = { ca = "ca.pem", cert = "a.pem", key = "a.key" }, on = { %s } }
]]
local SERVER = { "server", 'listen = { "1194/udp" }, server = "10.9.0.0/24",' }
local CLIENT = { "client", 'remotes = { vpn.remote { "a.example" } },' }

-- What a script's records say when |code| stands in line 6, in the hook established or up.
local function server(code)
  return CONF:format("", SERVER[1], SERVER[2], [[authorize = function() return true end,
    established = function(peer)
      ]] .. code .. "\nend")
end

local function client(code)
  return CONF:format("", CLIENT[1], CLIENT[2], "\n    up = function(session)\n      " .. code
    .. "\nend")
end

-- Runs each of |scripts| (name = text) and gives its errors by name.
local function errors_of(scripts)
  local out = { [[
local t = require "lunel.test"
local function show(name, x)
  for _, r in ipairs(x:log "^script%.error$") do print("@" .. name .. "@" .. r.fields.error) end
  for _, r in ipairs(x:log "^script%.print$") do print("@" .. name .. "@" .. r.fields.text) end
end
]] }
  for name, s in pairs(scripts) do
    write(name .. ".lua", s.text)
    out[#out + 1] = s.client
      and ('t.case(%q, function() local c = t.client(%q) c:start() t.advance(2) show(%q, c) end)\n')
        :format(name, name .. ".lua", name)
      or ('t.case(%q, function() local s = t.server(%q) s:connect { cn = "anna" } t.advance(2) '
        .. 'show(%q, s) end)\n'):format(name, name .. ".lua", name)
  end
  write("all_test.lua", table.concat(out))
  local text, found = run(lunel .. " test all_test.lua"), {}
  for name, err in text:gmatch "@(%w+)@([^\n]*)" do found[name] = err end
  return found, text
end

-- Code of one line, and the error that it is told with, without its place.
local OF_PEER = {
  { 'peer.kill("x")', "peer:kill: a peer expected, got a string; write it with a colon" },
  { "peer.is_up()", "peer:is_up: a peer expected, got a nil; write it with a colon" },
  { "peer.stats {}", "peer:stats: a peer expected, got a table; write it with a colon" },
  { "peer:filter(5)", "peer:filter: the name of a filter expected, or nil" },
  { "local _ = peer.nme", "a peer has no 'nme'; did you mean 'name'?" },
  { "vpn.localtime 'x'", "vpn.localtime: a number expected, got a string" },
  { "vpn.localtime(0 / 0)", "vpn.localtime: " },
  { "vpn.iso8601 {}", "vpn.iso8601: a number expected, got a table" },
  { "vpn.iso8601(1 / 0)", "vpn.iso8601: " },
  { "vpn.backoff(1, 5)", "vpn.backoff: a table expected, got a number" },
  { "vpn.backoff(1, { max = 'x' })", "vpn.backoff: max: a number expected, got a string" },
  { "vpn.metrics.histogram('h', 5)", "vpn.metrics.histogram: " },
  { "vpn.metrics.histogram('h', nil, 5)", "vpn.metrics.histogram: a table of options expected" },
  { "local t = vpn.spawn(vpn.now) t.cancel()", "task:cancel: a task expected" },
  { "vpn.exec { true }", "" },
  { "vpn.grant { rate = 'x' }", "vpn.grant: rate is bits a second" },
  { "vpn.challenge {}", "vpn.challenge: a text expected" },
}
local OF_SESSION = {
  { "session.stop 'x'", "session:stop: a session expected, got a string; write it with a colon" },
  { "session.rtt()", "session:rtt: a session expected, got a nil; write it with a colon" },
  { "session:reconnect(5)", "session:reconnect: a table expected, got a number" },
  { "session:reconnect { match = 5 }", "session:reconnect: match: a table expected, got a number" },
  { "session:reconnect { match = { x = 1 } }", "session:reconnect: no remote matches" },
}

describe("the place of an error", function()
  setup(function()
    folder = os.tmpname()
    os.remove(folder)
    os.execute("mkdir " .. folder)
  end)
  teardown(function() os.execute("rm -r " .. folder) end)

  local function check(rows, make, is_client)
    local scripts = {}
    for i, row in ipairs(rows) do
      scripts["a" .. i] = { text = make(row[1]), client = is_client }
      -- Whoever catches it sees the same.
      scripts["b" .. i] = { client = is_client, text = make(
        ("local _, e = pcall(function() %s end) print(e or 'none')"):format(row[1])) }
    end
    local found, text = errors_of(scripts)
    for i, row in ipairs(rows) do
      for _, kind in ipairs { "a", "b" } do
        local err, wanted = found[kind .. i], ("%s%d.lua:6: %s"):format(kind, i, row[2])
        if row[2] == "" then err = err and err:gsub("^none$", wanted) or wanted end
        assert.equal(1, err and err:find(wanted, 1, true), ("%s: %s\n-- not --\n%s\n%s"):format(
          row[1], tostring(err), wanted, err and "" or text))
      end
    end
  end

  it("is the script's, of peers and functions", function() check(OF_PEER, server) end)

  it("is the script's, of sessions", function() check(OF_SESSION, client, true) end)

  it("is the hook's, of a wrong answer", function()
    local function answering(name, value)
      return { text = CONF:format("", SERVER[1], SERVER[2],
        ("\n    %s = function()\n      return %s\n    end, authorize = %s"):format(name, value,
          name == "authorize" and "nil" or "function() return true end"):gsub(
          ", authorize = nil$", "")) }
    end
    local found, text = errors_of {
      authorize = answering("authorize", 5), verify = answering("verify_cert", "'x'"),
      select = { client = true, text = CONF:format("", CLIENT[1], CLIENT[2],
        "\n    select_remote = function()\n      return 5\n    end") },
    }
    assert.equal("authorize.lua:5: hook 'authorize' returned a number; vpn.grant{}, "
      .. "vpn.deny(text), or true expected", found.authorize, text)
    assert.equal("verify.lua:5: hook 'verify_cert' returned a string; true, or false and a reason "
      .. "expected", found.verify, text)
    assert.equal("select.lua:5: hook 'select_remote' returned a number; a remote (vpn.remote{...}) "
      .. "or nil expected", found.select, text)
  end)

  it("is the script's of what waits while it loads", function()
    for _, call in ipairs { "vpn.http.get 'http://a.example/'", "vpn.connect { 'a.example', 80 }",
                            "vpn.resolve 'a.example'", "vpn.sleep(1)", "vpn.exec { 'true' }" } do
      write("waits.lua", CONF:format(call, SERVER[1], SERVER[2], ""))
      write("waits_test.lua", 'local t = require "lunel.test"\nt.case("x", function()\n'
        .. 't.server "waits.lua" end)')
      for _, command in ipairs { "check waits.lua", "test waits_test.lua" } do
        local text = run(lunel .. " " .. command)
        assert.truthy(text:find("waits.lua:2: vpn%.[%w.]+ cannot wait in the script's main chunk"),
          call .. "\n" .. text)
        assert.falsy(text:find("services.lua:%d+: vpn"), text)
      end
    end
  end)

  it("is the test's, of a test", function()
    write("srv.lua", server "")
    write("own_test.lua", [[
local t = require "lunel.test"
t.case("a", function() t.server "srv.lua":connect { cn = "a" }:wait "upp" end)
t.case("b", function() t.advance {} end)
t.case("c", function() t.server("srv.lua"):connect { cn = "a" }:wait {} end)
t.case("d", function() t.wait(function() return true end, "x") end)
]])
    local text = run(lunel .. " test own_test.lua")
    for i, wanted in ipairs { "there is no 'upp' here; did you mean 'up'?",
                              "t.advance: a number expected, got a table", "", "" } do
      assert.truthy(text:find(("     own_test.lua:%d: %s"):format(i + 1, wanted), 1, true), text)
    end
    assert.falsy(text:find("lunel/test/", 1, true), text)
  end)
end)
