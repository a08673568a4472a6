-- SPDX-License-Identifier: GPL-3.0-or-later
--- Raw control messages by their prefix, at both ends.
local server = require "server_stub"
local stub = require "core_stub"

describe("vpn.control", function()
  local core, instance, vpn, heard

  before_each(function()
    core = server.new()
    core.files["me.pem"], core.files["me.key"] = "CERT", "KEY"
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    heard = {}
  end)

  local function hear(who, text)
    heard[#heard + 1] = { who, text }
    return true
  end

  local function open_client(on)
    local file = os.tmpname()
    local f = assert(io.open(file, "w"))
    f:write("require('lunel').client(package.loaded.test_conf)")
    f:close()
    package.loaded.test_conf = {
      remotes = { { "a.example" } }, tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" },
      on = on,
    }
    assert(instance.load { kind = "script", file = file, args = {} })
    os.remove(file)
    assert(instance.prepare {})
    assert(instance.open())
    instance.event { kind = "state", tunnel = core.next_handle - 1, state = "hello" }
    return core.next_handle - 1
  end

  local function says(handle, text)
    core.replies = {}
    instance.event { kind = "control", tunnel = handle, ticket = "1", text = text }
    return core.replies[1][1]
  end

  it("hears what begins with the prefix, without it", function()
    vpn.control("MYEXT,", hear)
    vpn.control("MYEXT2:", function() return false end)
    local handle = open_client()
    assert.is_true(says(handle, "MYEXT,a,b"))
    assert.is_true(says(handle, "MYEXT,"))
    assert.is_false(says(handle, "MYEXT2:x"))
    assert.is_false(says(handle, "MYEXT"))
    assert.is_false(says(handle, " MYEXT,a"))
    assert.is_false(says(handle, "myext,a"))
    assert.is_false(says(handle, "MYEXT," .. ("x"):rep(2042)))
    assert.is_true(says(handle, "MYEXT," .. ("x"):rep(2041)))
    assert.equal("a,b", heard[1][2])
    assert.equal("", heard[2][2])
    assert.equal("session with nobody yet", tostring(heard[1][1]))
    assert.equal(3, #heard)
  end)

  it("comes before the hook, which gets the rest", function()
    local rest = {}
    vpn.control("MYEXT,", function(_, text) return text == "mine" end)
    local handle = open_client { control = function(_, text)
      rest[#rest + 1] = text
      return true
    end }
    assert.is_true(says(handle, "MYEXT,mine"))
    assert.is_true(says(handle, "MYEXT,other"))
    assert.is_true(says(handle, "ELSE"))
    assert.same({ "MYEXT,other", "ELSE" }, rest)
  end)

  it("makes the engine ask, and only then", function()
    open_client()
    assert.equal(4 + 32 + 64, stub.calls(core, "tunnel_open")[1][2].asks)
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    core.calls = {}
    vpn.control("MYEXT,", hear)
    open_client()
    assert.equal(4 + 32 + 64 + 256, stub.calls(core, "tunnel_open")[1][2].asks)
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    vpn.control("MYEXT,", hear)
    server.open(core, instance, {})
    assert.equal(256, stub.calls(core, "server_open")[1][2].asks % 512)
  end)

  it("hears a server's clients", function()
    vpn.control("MYEXT,", hear)
    local handle = server.open(core, instance, {})
    local r = server.event(core, instance, handle, "control", { text = "MYEXT,x" })
    assert.is_true(r[1])
    assert.equal("x", heard[1][2])
    assert.equal("anna", heard[1][1].name)
    r = server.event(core, instance, handle, "control", { text = "OTHER,x" })
    assert.is_false(r[1])
  end)

  it("is an error with its place when the handler fails, and the hook goes on", function()
    vpn.control("MYEXT,", function() error("oh no") end)
    local handle = open_client()
    assert.is_false(says(handle, "MYEXT,x"))
    assert.truthy(server.last_error(core):find("oh no", 1, true))
  end)

  it("leaves OpenVPN's own messages alone, and says which they are", function()
    for _, prefix in ipairs { "PUSH_REPLY,", "AUTH_FAILED,", "INFO,", "INFO_PRE,", "INFOX,", "ACC,",
      "EXIT,", "RELAY,", "HALTS:", "RESTART,", "CR_RESPONSE,", "AUTH_PENDING,", "PUSH_UPDATE,",
      "PUSH_REQUEST," } do
      local ok, err = pcall(vpn.control, prefix, hear)
      assert.is_false(ok, prefix)
      assert.truthy(err:find("collides with OpenVPN's own messages: ACC, AUTH", 1, true), err)
    end
    for _, prefix in ipairs { "", ",", "MYEXT", "MY EXT,", "MYEXT,,", "M,E,", 5, "X\n,",
      ("X"):rep(33) .. "," } do
      local ok, err = pcall(vpn.control, prefix, hear)
      assert.is_false(ok, tostring(prefix))
      assert.truthy(err:find("a prefix is letters", 1, true), err)
    end
    vpn.control("MYEXT,", hear)
    assert.has_error(function() vpn.control("MYEXT,", hear) end,
      "vpn.control: 'MYEXT,' has a handler already")
    assert.has_error(function() vpn.control("X,") end,
      "vpn.control: a function expected, got a nil")
    open_client()
    assert.has_error(function() vpn.control("LATE,", hear) end,
      "vpn.control: tunnels are open already: declare it while the script is loaded")
  end)
end)

describe("peer info", function()
  it("of a peer is a table, too", function()
    local core = server.new()
    local instance = stub.load(core, "lunel.instance", "lunel")
    local info
    core.peers_known[7].peer_info =
      "IV_VER=2.6\nUV_SITE=ams\nUV_SITE=fra\nUV_EMPTY=\nnoise\n=x\nA=b=c"
    local handle = server.open(core, instance, { on = { established = function(p)
      info = p.info
      assert.is_nil(p.info.UV_NONE)
    end } })
    server.event(core, instance, handle, "established", { ticket = false })
    assert.same({ IV_VER = "2.6", UV_SITE = "ams", UV_EMPTY = "", A = "b=c" }, info)
  end)
end)
