-- SPDX-License-Identifier: GPL-3.0-or-later
--- The programs of a server's device.
local server = require "server_stub"
local stub = require "core_stub"

describe("a server's programs of its device", function()
  local core, instance, handle

  before_each(function() core = server.new() end)

  local function open(conf)
    instance = stub.load(core, "lunel.instance")
    handle = server.open(core, instance, conf)
    core.calls = {}
  end

  local function up()
    instance.event { kind = "state", tunnel = handle, state = "up", detail = "tun3" }
    core.run()
  end

  local function closed()
    instance.event { kind = "closed", tunnel = handle, cause = "user", exit_status = 0 }
  end

  local function execs() return stub.calls(core, "exec") end

  local function words()
    local out = {}
    for i, call in ipairs(execs()) do out[i] = call[2] end
    return out
  end

  local function environment(call) return "\n" .. table.concat(call[3], "\n") .. "\n" end

  local ALL = { up = "/bin/u own", route_up = "/bin/ru", route_pre_down = "/bin/rd",
                down = "/bin/d" }
  local function all(more)
    local conf = {}
    for k, v in pairs(ALL) do conf[k] = v end
    for k, v in pairs(more or {}) do conf[k] = v end
    return conf
  end

  it("run once, when it is there and when it is gone, in OpenVPN's words", function()
    open(all())
    up()
    up()
    assert.same({ "/bin/u own tun3 1500 0 10.8.0.1 255.255.255.0 init", "/bin/ru" }, words())
    core.calls = {}
    closed()
    core.run()
    assert.same({ "/bin/rd tun3 1500 0 10.8.0.1 255.255.255.0 init",
                  "/bin/d tun3 1500 0 10.8.0.1 255.255.255.0 init" }, words())
  end)

  it("learn of its addresses", function()
    for _, row in ipairs {
      { { server = "10.8.4.77/22", server_ipv6 = "fd00:8::/64", setenv = { A = "b" },
          tun_mtu = 1400 },
        { "dev=tun3", "dev_type=tun", "tun_mtu=1400", "ifconfig_local=10.8.4.1", "A=b",
          "ifconfig_netmask=255.255.252.0", "ifconfig_ipv6_local=fd00:8::1",
          "ifconfig_ipv6_remote=fd00:8::2", "ifconfig_ipv6_netbits=64", "script_type=up" } },
      { { server = "10.8.0.0 255.255.255.0", topology = "net30" },
        { "ifconfig_local=10.8.0.1", "ifconfig_remote=10.8.0.2", "route_vpn_gateway=10.8.0.2" } },
      { { server = "10.255.255.0/24", topology = "p2p" }, { "ifconfig_remote=10.255.255.2" } },
    } do
      core = server.new()
      row[1].up = "/bin/u"
      open(row[1])
      up()
      for _, line in ipairs(row[2]) do
        assert.truthy(environment(execs()[1]):find("\n" .. line .. "\n", 1, true), line)
      end
    end
  end)

  it("end the server when they fail at the start, and not at the end", function()
    open(all())
    core.results = { { status = 3, out = "", err = "no luck\n" } }
    up()
    local stop = stub.calls(core, "tunnel_stop")
    assert.equal(1, #stop)
    assert.equal(handle, stop[1][2])
    assert.matches("^up /bin/u: ", stop[1][3])
    assert.equal(1, #execs())
    core.calls, core.results = {}, { { status = 3, out = "", err = "" } }
    closed()
    core.run()
    assert.equal(2, #execs())
    assert.equal(1, instance.status())
  end)

  it("are waited for at the end", function()
    open(all())
    up()
    core.calls = {}
    closed()
    local function ended()
      for _, call in ipairs(stub.calls(core, "cancel_owner")) do
        if call[2] == 0 then return true end
      end
    end
    assert.is_nil(ended())
    core.run()
    assert.is_true(ended())
  end)

  it("do not run where no program may, nor when there are none, nor without a device", function()
    open(all { script_security = 1 })
    up()
    closed()
    core.run()
    assert.same({}, execs())
    assert.equal("script.not_allowed", core.logged[1].name)
    assert.equal(0, instance.status())
    open {}
    up()
    closed()
    open(all())
    closed()
    core.run()
    assert.same({}, execs())
  end)
end)
