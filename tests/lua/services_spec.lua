-- SPDX-License-Identifier: GPL-3.0-or-later
--- What the API makes of a request before the engine gets it, and of an answer; whose keys a probe
-- has. (Real servers: unit/test_bindings_services.c, interop/test_services.sh.)
local stub = require "core_stub"

describe("services", function()
  local core, instance, vpn, asked, answer

  before_each(function()
    core = stub.new()
    for _, name in ipairs { "ca.pem", "me.pem", "me.key" } do core.files[name] = name:upper() end
    asked, answer = {}, nil
    for _, name in ipairs { "http", "dial", "probe" } do
      core[name] = function(...)
        asked = { name, ... }
        return unpack(answer or {}, 1, 3)
      end
    end
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
  end)

  -- Declares and opens clients, one for each of |devices|; returns their handles.
  local function open(devices)
    local file = os.tmpname() .. ".lua"
    local f = assert(io.open(file, "w"))
    f:write [[
      local vpn = require "lunel"
      for _, dev in ipairs(package.loaded.test_devices) do
        vpn.client { dev = dev, dev_type = "tun", remotes = { vpn.remote { "fra.example" } },
          lport = 4000, tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" },
          on = { up = function(sess) package.loaded.test_up(sess) end } }
      end]]
    f:close()
    package.loaded.test_devices = devices
    local plan, errors = instance.load { kind = "script", file = file, args = {} }
    os.remove(file)
    assert(plan, errors and errors[1])
    assert(instance.prepare {})
    local first = core.next_handle
    assert(instance.open())
    local handles = {}
    for i = 1, #devices do handles[i] = first + i - 1 end
    return handles
  end

  it("probes with the keys of the only client", function()
    local handle = open({ "a" })[1]
    answer = { 0.02 }
    assert.equal(0.02, (vpn.probe(vpn.remote { "ams.example", 443, "tcp", site = "ams" })))
    assert.same({ "probe", handle, 1, { host = "ams.example", port = 443, proto = "tcp",
                  lport = 4000 } }, { asked[1], asked[2], asked[4], asked[3] })
    answer = { nil, "timeout" }
    assert.same({ nil, "timeout" }, { vpn.probe({ "192.0.2.1" }, { timeout = 0.5 }) })
    assert.equal(0.5, asked[4])
    assert.equal(1194, asked[3].port)
  end)

  it("probes with the keys of the client whose task asks", function()
    local handles, seen = open { "a", "b" }, {}
    package.loaded.test_up = function()
      vpn.probe { "192.0.2.1" }
      seen[#seen + 1] = asked[2]
    end
    for i = #handles, 1, -1 do
      instance.event { kind = "state", tunnel = handles[i], state = "connect" }
      instance.event { kind = "up", tunnel = handles[i], ticket = "1", lines = {}, env = {} }
      core.run()
    end
    assert.same({ handles[2], handles[1] }, seen)
    core.as_owner(0)
    assert.has_error(function() vpn.probe { "192.0.2.1" } end,
      "vpn.probe: whose keys? Call it from a task of a client, or declare one client alone")
  end)

  it("tells what is no probe", function()
    open { "a" }
    assert.has_error(function() vpn.probe "fra" end, "vpn.probe: a table expected, got a string")
    assert.has_error(function() vpn.probe({ "x", 70000 }) end)
    assert.has_error(function() vpn.probe({ "x" }, { timeuot = 1 }) end,
      "vpn.probe: there is no 'timeuot'; did you mean 'timeout'?")
  end)

  it("makes requests", function()
    answer = { { status = 200, json = { a = 1 }, lines = { "Content-Type: application/json" } } }
    local res = vpn.http.post("http://x/", { json = { 1 }, headers = { ["X-Y"] = { 1, 2 } },
                                             ca = "ca.pem", key = "a\nb" })
    assert.equal(1, res.json.a)
    assert.same({ ["content-type"] = "application/json" }, res.headers)
    local o = asked[2]
    assert.same({ "Accept: */*", "Content-Type: application/json", "X-Y: 1", "X-Y: 2" }, o.headers)
    assert.same({ "POST", "http://x/", "[1]", "CA.PEM", "a\nb", 10, 2 ^ 20 },
      { o.method, o.url, o.body, o.ca, o.key, o.timeout, o.max })
    assert.is_nil(o.insecure)
    assert.is_nil(o.redirects)
    answer = { nil, "connect: no" }
    assert.same({ nil, "connect: no" }, { vpn.http.get "http://x/" })
    assert.has_error(function() vpn.http.request { method = "CONNECT", url = "http://x/" } end)
    assert.has_error(function() vpn.http.request { method = "GET" } end,
      "vpn.http.request: url expected")
  end)

  it("makes sockets", function()
    answer = { "socket" }
    assert.equal("socket", (vpn.connect { "h", 5, proto = "udp", timeout = 2 }))
    assert.same({ "dial", { host = "h", port = 5, proto = "udp", timeout = 2 } }, asked)
    vpn.connect { path = "/run/x", proto = "unix" }
    assert.same({ "dial", { host = "/run/x", proto = "unix" } }, asked)
    assert.has_error(function() vpn.connect { "h", 0 } end)
    assert.has_error(function() vpn.connect { "h", 5, host = "i" } end,
      "vpn.connect: host or port twice")
  end)

  it("reads and writes JSON", function()
    assert.equal('{"a":null}', vpn.json.encode { a = vpn.json.null })
    assert.same({ 1, { x = true } }, vpn.json.decode '[1,{"x":true}]')
    local none, err = vpn.json.decode "["
    assert.is_nil(none)
    assert.truthy(err:find "Expected")
    assert.has_error(function() vpn.json.encode(print) end)
    assert.has_error(function() vpn.json.decode(5) end,
      "vpn.json.decode: a text expected, got a number")
  end)
end)
