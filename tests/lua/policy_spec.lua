-- SPDX-License-Identifier: GPL-3.0-or-later
local stub = require "core_stub"

local LINES = { "address 10.8.0.2/24", "gateway 10.8.0.1", "route 10.0.0.0/8", "dns 10.8.0.1",
                "dns fd00::1", "domain corp.example", "search lab.example",
                "route-around 192.0.2.0/24" }

local function event(o)
  local ev = { ifname = "tun0", mtu = 1500, lines = LINES, restart = false,
               env = { "dev=tun0", "ifconfig_local=10.8.0.2", "ifconfig_netmask=255.255.255.0" } }
  for k, v in pairs(o or {}) do ev[k] = v end
  return ev
end

describe("the default policy", function()
  local core, policy, t

  before_each(function()
    core = stub.new()
    policy = stub.load(core, "lunel.policy")
    t = { conf = { scripts_allowed = true, script_security = 2 } }
  end)

  local function commands()
    local out = {}
    for i, call in ipairs(stub.calls(core, "exec")) do out[i] = call[2] end
    return out
  end

  local function up(o)
    local ev = event(o)
    return policy.up(t, policy.net(ev), ev)
  end

  local function down(o)
    local ev = event(o)
    return policy.down(t, policy.net(ev), ev)
  end

  it("reads the engine's lines", function()
    local net = policy.net(event { lines = { "redirect ipv4", unpack(LINES) } })
    assert.same({ "10.8.0.2/24" }, net.addresses)
    assert.same({ "10.0.0.0/8" }, net.routes)
    assert.same({ "192.0.2.0/24" }, net.around)
    assert.same({ "10.8.0.1", "fd00::1" }, net.dns)
    assert.same({ "corp.example" }, net.domains)
    assert.same({ "lab.example" }, net.search)
    assert.equal("ipv4", net.redirect)
  end)

  it("sets DNS by resolvectl and takes it back", function()
    core.programs.resolvectl, core.files["/run/systemd/resolve"] = "/usr/bin/resolvectl", ""
    assert.is_true(up())
    down()
    assert.same({ "/usr/bin/resolvectl dns tun0 10.8.0.1 fd00::1",
                  "/usr/bin/resolvectl domain tun0 corp.example lab.example",
                  "/usr/bin/resolvectl revert tun0" }, commands())
    down() -- and not twice
    assert.equal(3, #commands())
  end)

  it("sends all names through a tunnel that takes all packets", function()
    core.programs.resolvectl, core.files["/run/systemd/resolve"] = "/usr/bin/resolvectl", ""
    up { lines = { "dns 10.8.0.1", "redirect ipv4" } }
    assert.equal("/usr/bin/resolvectl domain tun0 ~.", commands()[2])
  end)

  it("falls back to resolvconf", function()
    core.programs.resolvectl = "/usr/bin/resolvectl" -- without its service
    core.programs.resolvconf = "/sbin/resolvconf"
    up()
    local call = stub.calls(core, "exec")[1]
    assert.equal("/sbin/resolvconf -a tun0.lunel", call[2])
    assert.equal("search corp.example lab.example\n"
      .. "nameserver 10.8.0.1\nnameserver fd00::1\n", call[4])
    down()
    assert.equal("/sbin/resolvconf -d tun0.lunel", commands()[2])
  end)

  it("says so when nothing can set DNS, and when it fails", function()
    assert.is_true(up())
    assert.equal("dns.none", core.logged[1].name)
    core.programs.resolvconf = "/sbin/resolvconf"
    core.results = { { status = 1, out = "", err = "no rights\n" } }
    assert.is_true(up())
    assert.equal("dns.failed", core.logged[2].name)
    assert.equal("exit status 1: no rights", core.logged[2].fields.error)
    down() -- what was not set is not taken back
    assert.equal(1, #commands())
  end)

  it("leaves DNS alone when a hook emptied the list", function()
    core.programs.resolvconf = "/sbin/resolvconf"
    local ev = event()
    local net = policy.net(ev)
    net.dns = {}
    assert.is_true(policy.up(t, net, ev))
    assert.same({}, commands())
  end)

  it("runs up and down with OpenVPN's arguments and environment", function()
    core.files["/etc/up.sh"], core.files["/etc/down.sh"] = "", ""
    t.conf.up, t.conf.down = { "/etc/up.sh", "own arg" }, { "/etc/down.sh" }
    t.conf.setenv = { FOO = "bar" }
    t.env = event().env
    assert.is_true(up { lines = {} })
    down { lines = {}, env = {} }
    local calls = stub.calls(core, "exec")
    assert.equal("/etc/up.sh own arg tun0 1500 0 10.8.0.2 255.255.255.0 init", calls[1][2])
    assert.equal("/etc/down.sh tun0 1500 0 10.8.0.2 255.255.255.0 init", calls[2][2])
    local env = table.concat(calls[1][3], "\n") .. "\n"
    for _, line in ipairs { "script_type=up", "script_context=init", "FOO=bar", "dev=tun0" } do
      assert.truthy(env:find(line .. "\n", 1, true), line)
    end
    assert.truthy(table.concat(calls[2][3], "\n"):find("script_type=down", 1, true))
  end)

  it("never lets names through that change what a program is", function()
    core.files["/etc/up.sh"] = ""
    t.conf.up = { "/etc/up.sh" }
    t.conf.setenv = { LD_PRELOAD = "/x.so", PATH = "/x", BASH_ENV = "/x", IFS = "x", ENV = "/x" }
    up { lines = {}, env = { "LD_LIBRARY_PATH=/x", "PATH=/y", "dev=tun0" } }
    local seen = {}
    for _, line in ipairs(stub.calls(core, "exec")[1][3]) do
      local name, value = line:match("^([^=]*)=(.*)$")
      seen[name] = value
    end
    for _, name in ipairs { "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "IFS", "ENV" } do
      assert.is_nil(seen[name], name)
    end
    assert.truthy(seen.PATH:find("^/usr/local/sbin:"))
    assert.equal("tun0", seen.dev)
  end)

  it("runs no program that is not allowed", function()
    core.files["/etc/up.sh"] = ""
    t.conf.up = { "/etc/up.sh" }
    for _, conf in ipairs { { scripts_allowed = false, script_security = 2 },
                            { scripts_allowed = true, script_security = 1 } } do
      t.conf.scripts_allowed, t.conf.script_security = conf.scripts_allowed, conf.script_security
      assert.is_true(up { lines = {} })
      assert.equal("script.not_allowed", core.logged[#core.logged].name)
    end
    assert.same({}, commands())
  end)

  it("stands in for update-resolv-conf", function()
    core.files["/etc/openvpn/update-resolv-conf"] = ""
    t.conf.up = { "/etc/openvpn/update-resolv-conf" }
    core.programs.resolvconf = "/sbin/resolvconf"
    assert.is_true(up())
    assert.same({ "/sbin/resolvconf -a tun0.lunel" }, commands())
  end)

  it("ends the tunnel when up fails, but not when down does", function()
    core.files["/etc/x.sh"] = ""
    t.conf.up, t.conf.down = { "/etc/x.sh" }, { "/etc/x.sh" }
    core.results = { { status = 7, out = "", err = "" }, { status = 7, out = "", err = "" } }
    local ok, err = up { lines = {} }
    assert.is_false(ok)
    assert.equal("up /etc/x.sh: exit status 7", err)
    down { lines = {} }
    assert.equal("warn", core.logged[#core.logged].level)
    t.conf.up = { "/etc/missing.sh" }
    core.results = { { status = 127, out = "", err = "" }, { status = 126, out = "", err = "" } }
    assert.same({ false, "up /etc/missing.sh: there is no such program" }, { up { lines = {} } })
    assert.same({ false, "up /etc/missing.sh: it cannot be run" }, { up { lines = {} } })
    t.conf.up = { "missing" }
    assert.same({ false, "there is no program 'missing'" }, { up { lines = {} } })
  end)

  it("runs up again after a reconnect only with up-restart", function()
    core.files["/etc/up.sh"] = ""
    t.conf.up = { "/etc/up.sh" }
    up { lines = {}, restart = true }
    assert.same({}, commands())
    t.conf.up_restart = true
    up { lines = {}, restart = true }
    assert.truthy(commands()[1]:find(" restart$"))
  end)

  it("tells ipchange the address", function()
    core.files["/etc/ip.sh"] = ""
    t.conf.ipchange = { "/etc/ip.sh" }
    policy.reached(t, "192.0.2.1:1194")
    policy.reached(t, "[2001:db8::1]:443")
    assert.same({ "/etc/ip.sh 192.0.2.1 1194", "/etc/ip.sh 2001:db8::1 443" }, commands())
  end)
end)
