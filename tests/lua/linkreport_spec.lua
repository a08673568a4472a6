-- SPDX-License-Identifier: GPL-3.0-or-later
--- examples/linkreport.lua at both ends, in virtual time: what a client sends the server hears.
local cjson = require "cjson"
local server_stub = require "server_stub"
local stub = require "core_stub"
local virtual = require "virtual_core"

local root = debug.getinfo(1, "S").source:match "^@(.*)tests/lua/[^/]*$"

describe("linkreport", function()
  local client, server, gauges

  -- One end: its modules over a core of its own.
  local function load_end(core)
    local one = { core = virtual.install(core) }
    core.files["ca.pem"], core.files["me.pem"], core.files["me.key"] = "CA", "CERT", "KEY"
    one.instance, one.vpn = stub.load(core, "lunel.instance", "lunel")
    core.known.lnk1 = true
    -- Where there are none yet.
    rawset(one.vpn, "metrics", { gauge = function(name, labels)
      return { set = function(_, v) gauges[name .. " " .. labels.user] = v end }
    end })
    one.script = dofile(root .. "examples/linkreport.lua")
    return one
  end

  local function connect(loss)
    local conf = { tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" },
      remotes = { { "fra.example", site = "fra" }, { "ams.example", site = "ams" } } }
    client.vpn.hook(conf, "up", function(s)
      -- The engine's measurements are another test's.
      rawset(s, "rtt", function() return 0.05 end)
      rawset(s, "loss", function() return loss() end)
    end)
    client.script.client(conf)
    local file = os.tmpname()
    local f = assert(io.open(file, "w"))
    f:write("require('lunel').client(package.loaded.test_conf)")
    f:close()
    package.loaded.test_conf, package.loaded.lunel = conf, client.vpn
    assert(client.instance.load { kind = "script", file = file, args = {} })
    os.remove(file)
    assert(client.instance.prepare {})
    assert(client.instance.open())
    client.handle = client.core.next_handle - 1
    client.instance.event { kind = "up", tunnel = client.handle, ticket = "1", ifname = "tun0",
                            lines = {} }
    client.core.run()
  end

  local function serve()
    package.loaded.lunel = server.vpn
    server.script.server({})
    server.handle = server_stub.open(server.core, server.instance, {})
    server.instance.event { kind = "established", tunnel = server.handle, peer = 7 }
    server.core.run()
  end

  before_each(function()
    gauges = {}
    client, server = load_end(stub.new()), load_end(server_stub.new())
    function client.core.extension_send(_, _, name, data)
      client.core.sent[#client.core.sent + 1] = data
      server.instance.event { kind = "message", tunnel = server.handle, peer = 7, protocol = name,
                              data = data }
      server.core.run()
      return true
    end
    function server.core.extension_send(_, _, name, data)
      server.core.sent[#server.core.sent + 1] = data
      client.instance.event { kind = "message", tunnel = client.handle, protocol = name,
                              data = data }
      client.core.run()
      return true
    end
  end)

  it("reports every 30 seconds, while the session is up", function()
    serve()
    connect(function() return 0.01 end)
    client.core.advance(29)
    assert.equal(0, #client.core.sent)
    client.core.advance(2)
    assert.same({ rtt = 0.05, loss = 0.01 }, cjson.decode(client.core.sent[1]))
    client.core.advance(300)
    assert.equal(11, #client.core.sent)
    assert.equal(0.01, gauges["peer_loss anna@x"])
    assert.equal(0, #server.core.sent)
    client.instance.event { kind = "state", tunnel = client.handle, state = "wait" }
    client.core.advance(300)
    assert.equal(11, #client.core.sent)
  end)

  it("moves a lossy peer to the other site", function()
    serve()
    local loss = 0.02
    connect(function() return loss end)
    client.core.advance(61)
    assert.equal(0, #stub.calls(client.core, "tunnel_reconnect"))
    loss = 0.2
    client.core.advance(30)
    assert.same({ { rtt = 0, loss = 0, site = "ams" } }, { cjson.decode(server.core.sent[1]) })
    local moved = stub.calls(client.core, "tunnel_reconnect")
    assert.equal(1, #moved)
    assert.equal(client.handle, moved[1][2])
    assert.equal("ams.example", moved[1][4].host)
    assert.equal(2, moved[1][5])
    assert.equal("server request", moved[1][6])
    local last = client.core.logged[#client.core.logged]
    assert.equal("linkreport.moved by server", last.name)
    assert.same({ site = "ams" }, last.fields)
  end)

  it("leaves a peer without the extension alone", function()
    client.core.known.lnk1 = nil
    serve()
    connect(function() return 0.5 end)
    client.core.advance(600)
    assert.same({}, client.core.sent)
    assert.same({}, server.core.sent)
    for _, r in ipairs(client.core.logged) do assert.not_equal("error", r.level) end
  end)
end)
