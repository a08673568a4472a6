-- SPDX-License-Identifier: GPL-3.0-or-later
local engine = require "lunel.schema_engine_server"
local profile = require "lunel.profile"
local schema = require "lunel.schema"
local server = require "lunel.schema_server"

local HERE = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."

-- A configuration that is right, with |more| over it; false takes a key away.
local function conf(more)
  local t = { server = "10.8.0.0/24", tls = { ca = "ca.pem", cert = "s.pem", key = "s.key" } }
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

local function check(more)
  local out, errors = schema.check_server(conf(more))
  assert.is_table(out, tostring(errors and errors[1]))
  return out
end

local function errors_of(more, origin)
  local out, errors = schema.check_server(conf(more), origin)
  assert.is_nil(out)
  return errors
end

local function without(key)
  local t = conf()
  t[key] = nil
  return t
end

local function yes() return true end

describe("the schema of a server", function()
  it("fills in the defaults", function()
    local c = check()
    for key, value in pairs {
      topology = "subnet", client_to_client = false, duplicate_cn = false, max_clients = 1024,
      max_routes_per_client = 254, workers = 1,
      tls_crypt_v2_cookie = true, tls_crypt_v2_max_age = 0,
      verify_client_cert = "require", auth_user_pass = false, username_as_common_name = false,
      session_timeout = 0, explicit_exit_notify = 1, tcp_nodelay = false, ccd_exclusive = false,
      auth_user_pass_via = "via-file", ping = 10, ping_restart = 120, dev = "tun",
      dev_type = "tun", tun_mtu = 1500, auth = "SHA1", reneg_sec = 3600, tran_window = 3600,
      hand_window = 60, max_packet_size = 1250, verb = 3, script_security = 2,
      scripts_allowed = true,
    } do
      assert.equal(value, c[key], key)
    end
    assert.same({ { port = 1194, proto = "udp" } }, c.listen)
    assert.same({ "ping 10", "ping-restart 60" }, c.push)
    assert.same({ n = 100, seconds = 10 }, c.connect_freq_initial)
    assert.same({ value = 1492, mode = "mtu" }, c.mssfix)
    assert.same({}, c.pools)
    assert.equal("client", c.tls.remote_cert)
    for _, key in ipairs { "server_ipv6", "connect_freq", "ifconfig_pool_persist",
                           "auth_gen_token", "inactive", "client_config_dir" } do
      assert.is_nil(c[key], key)
    end
  end)

  -- Key, what is given, what comes out; nil: the same.
  it("takes values in all their forms", function()
    local on = { authenticate = yes }
    for _, row in ipairs {
      { "server", "10.8.0.0 255.255.240.0", "10.8.0.0/20" }, { "server", "10.8.0.0/16" },
      { "server_ipv6", "fd00:8::/64" }, { "topology", "net30" },
      { "pools", { a = "10.8.0.0/25" }, { a = { first = "10.8.0.0/25" } } },
      { "pools", { a = "10.8.0.5 - 10.8.0.9" }, { a = { first = "10.8.0.5", last = "10.8.0.9" } } },
      { "pools", { a = { "10.8.0.5", "10.8.0.9" } },
        { a = { first = "10.8.0.5", last = "10.8.0.9" } } },
      { "pools", { a = { first = "fd00::5", last = "fd00::9" } } },
      { "pools", { [""] = "fd00::/112" }, { [""] = { first = "fd00::/112" } } },
      { "ifconfig_pool_persist", "ipp.txt", { file = "ipp.txt", seconds = 600 } },
      { "ifconfig_pool_persist", { "ipp.txt", "1m" }, { file = "ipp.txt", seconds = 60 } },
      { "client_to_client", true }, { "duplicate_cn", true }, { "max_clients", 5 },
      { "max_routes_per_client", 254 }, { "workers", 16 },
      { "connect_freq", { 5, "1m" }, { n = 5, seconds = 60 } },
      { "connect_freq_initial", { n = 1, seconds = 2 } }, { "tls_crypt_v2_cookie", false },
      { "tls_crypt_v2_max_age", "180d", 15552000 }, { "username_as_common_name", true },
      { "verify_client_cert", "none", "none", on }, { "verify_client_cert", "optional", nil, on },
      { "auth_user_pass", true, true, on }, { "auth_user_pass", "optional", nil, on },
      { "auth_gen_token", true }, { "auth_gen_token", "1h", { lifetime = 3600, renewal = 0 } },
      { "auth_gen_token", { "1d", "10m" }, { lifetime = 86400, renewal = 600 } },
      { "auth_gen_token_secret", "token.key" }, { "ping", 0 }, { "ping_restart", "1m", 60 },
      { "session_timeout", "8h", 28800 }, { "explicit_exit_notify", 2 }, { "tcp_nodelay", true },
      { "client_config_dir", "ccd" }, { "auth_user_pass_via", "via-env" },
      { "tls_verify", "/bin/v 'a b'", { "/bin/v", "a b" } }, { "client_connect", { "/bin/c" } },
      { "auth_user_pass_verify", "/bin/x", { "/bin/x" } }, { "client_disconnect", { "/bin/d" } },
      { "learn_address", "/bin/l x", { "/bin/l", "x" } },
      { "inactive", { 60, 1000 }, { seconds = 60, bytes = 1000 } },
      { "status", "s", { file = "s", seconds = 60 } }, { "mark", 5 },
      { "route", "10.9.0.0/16", { "10.9.0.0 255.255.0.0" } },
    } do
      local want = row[3]
      if want == nil then want = row[2] end
      local more = { [row[1]] = row[2], on = row[4] }
      more.server_ipv6 = more.server_ipv6 or row[1] == "pools" and "fd00::/64" or nil
      assert.same(want, check(more)[row[1]], row[1])
    end
    assert.same({ "ping 10", "ping-restart 60", "route 10.0.0.0 255.0.0.0" },
      check { push = "route 10.0.0.0 255.0.0.0" }.push)
    local quiet = check { keepalive = false }
    assert.same({}, quiet.push)
    assert.is_nil(quiet.ping)
    local own = check { keepalive = { 5, 20 }, ping = 7 }
    assert.same({ 7, 40, { "ping 5", "ping-restart 20" } },
      { own.ping, own.ping_restart, own.push })
  end)

  it("listens as it is told", function()
    for text, want in pairs {
      ["1194"] = { port = 1194, proto = "udp" }, ["443/tcp"] = { port = 443, proto = "tcp" },
      ["0.0.0.0:1194/udp"] = { address = "0.0.0.0", port = 1194, proto = "udp" },
      ["[::]:443/tcp"] = { address = "::", port = 443, proto = "tcp" },
      ["[fd00::1]:443"] = { address = "fd00::1", port = 443, proto = "udp" },
      ["*:53/udp4"] = { port = 53, proto = "udp4" }, [":53"] = { port = 53, proto = "udp" },
      ["192.0.2.1"] = { address = "192.0.2.1", port = 1194, proto = "udp" },
      ["vpn.example:443/tcp-server"] = { address = "vpn.example", port = 443, proto = "tcp" },
      ["192.0.2.1/tcp6-server"] = { address = "192.0.2.1", port = 1194, proto = "tcp6" },
      ["fd00::1"] = { address = "fd00::1", port = 1194, proto = "udp" },
      [443] = { port = 443, proto = "udp" },
    } do
      assert.same({ want }, check { listen = text }.listen, text)
    end
    assert.same({ { port = 53, proto = "udp" }, { address = "::1", port = 5, proto = "tcp" },
                  { address = "10.0.0.1", port = 1194, proto = "udp" } },
      check { listen = { "53", { "::1", 5, "tcp" }, { address = "10.0.0.1" } } }.listen)
    for text, want in pairs {
      ["0"] = "0 is out of range", ["65536"] = "65536 is out of range",
      ["53/sctp"] = "'sctp' is not one of", ["53/tpc"] = "did you mean 'tcp'?",
      ["a b:53"] = "'a b' is no address", ["[::1]"] = "'[::1]' is no address",
      ["fd00::1:53/tcp:"] = "is no address",
    } do
      local e = errors_of { listen = text }
      assert.matches("^listen%[1%]", e[1])
      assert.truthy(e[1]:find(want, 1, true), e[1])
    end
  end)

  -- Key, what is given, the error behind its path.
  it("refuses what it does not take, with the range", function()
    for _, row in ipairs {
      { "server", "10.8.0.0", "is not a network" }, { "server", "10.8.0.0/33", "is not a network" },
      { "server", "10.8.0.256/24", "is not a network" },
      { "server", "10.8.0.0 255.0.255.0", "is not a network" },
      { "server", "10.8.0.0 255.255.255.0 nopool", "is not a network" },
      { "server", "fd00::/64", "is not a network: \"10.8.0.0/24\"" },
      { "server", {}, "a table is not a network" }, { "server", 5, "5 is not a network" },
      { "server_ipv6", "10.8.0.0/24", "is not a network: \"fd00:8::/64\"" },
      { "server_ipv6", "fd00::/129", "is not a network" },
      { "server_ipv6", "fd00:::/64", "is not a network" },
      { "ifconfig_ipv6_pool", "fd00:8::5", "is not an IPv6 address with the bits" },
      { "ifconfig_ipv6_pool", "fd00:8::5/63", "of 64 to 124" },
      { "ifconfig_ipv6_pool", "fd00:8::5/125", "of 64 to 124" },
      { "ifconfig_ipv6_pool", "10.8.0.9/24", "is not an IPv6 address" },
      { "ifconfig_ipv6_pool", "fd00:8::5/64", "do not lie in server_ipv6, which is missing" },
      { "topology", "subent", "did you mean 'subnet'?" },
      { "pools", "10.8.0.0/24", "is not a table" }, { "pools", { "10.8.0.0/24" }, "no name" },
      { "pools", { ["a b"] = "10.8.0.0/24" }, "this is no name" },
      { "pools", { a = "10.8.0.0/99" }, "is neither a network nor { first, last }" },
      { "pools", { a = { "10.8.0.5" } }, "is neither a network nor { first, last }" },
      { "pools", { a = { "10.8.0.5", "fd00::5" } }, "not of one family" },
      { "pools", { a = { "10.8.0.5", "10.8.0.4" } }, "is below its first" },
      { "pools", { a = { "10.8.0.5", "10.8.0.999" } }, "'10.8.0.999' is not an address" },
      { "pools", { a = { 5, 6 } }, "5 is not an address" },
      { "push", "a,b", "is not an option without commas" },
      { "push", { {} }, "is not an option without commas" },
      { "max_clients", 0, "0 is out of range: a whole number from 1 to 1000000" },
      { "workers", 0, "0 is out of range: a whole number from 1 to 16" },
      { "workers", 17, "a whole number from 1 to 16" },
      { "max_routes_per_client", 255, "a whole number from 1 to 254" },
      { "connect_freq", 5, "'seconds' is missing" }, { "connect_freq", { 0, 1 }, "out of range" },
      { "connect_freq", { 1, 1, 1 }, "there is no key of this name" },
      { "connect_freq_initial", { 5 }, "'seconds' is missing" },
      { "tls_crypt_v2_cookie", 1, "1 is not true or false" },
      { "tls_crypt_v2_max_age", -1, "out of range" },
      { "verify_client_cert", "non", "did you mean 'none'?" },
      { "auth_user_pass", "optinal", "did you mean 'optional'?" },
      { "auth_gen_token", { 1, 2, 3 }, "there is no key of this name" },
      { "auth_gen_token", { lifetim = 5 }, "did you mean 'lifetime'?" },
      { "auth_gen_token_secret", 5, "the value is not a path" },
      { "ifconfig_pool_persist", {}, "'file' is missing" },
      { "keepalive", { 10, 15 }, "at least twice the interval" },
      { "keepalive", { 10 }, "'timeout' is missing" },
      { "explicit_exit_notify", 3, "a whole number from 0 to 2" },
      { "auth_user_pass_via", "env", "is not one of" }, { "tls_verify", "", "is not a program" },
      { "on", { authentcate = yes }, "did you mean 'authenticate'?" },
      { "on", { up = yes }, "there is no key of this name" },
      { "on", { authorize = 1 }, "a hook is a function" },
      { "dev", "tap0", "bridging is not supported" },
      { "ccd_exclusive", true, "it belongs to client_config_dir" },
      { "auth_user_pass", true, "an authenticate hook is missing" },
      { "verify_client_cert", "none", "there has to be an authenticate hook" },
      { "max_client", 5, "did you mean 'max_clients'?" },
      { "port", 5, "it is part of 'listen'" }, { "proto", "tcp", "it is part of 'listen'" },
      { "local", "a", "it is part of 'listen'" }, { "remotes", {}, "those are a client's" },
      { "connect_retry", { 1, 2 }, "it is a client's" }, { "pull", true, "it is a client's" },
      { "redirect_gateway", true, "it is a client's, who gets it by 'push'" },
      { "dhcp_option", "DNS 10.0.0.1", "it is a client's, who gets it by 'push'" },
      { "up_restart", true, "it is a client's" },
      { "authorize", yes, "hooks go into 'on': on = { authorize = function" },
      { "ca", "x", "it is 'tls.ca'" }, { "crl_verify", "x", "it is 'tls.crl'" },
    } do
      local errors = errors_of({ [row[1]] = row[2] }, "s.lua:3")
      assert.equal(1, #errors, errors[2])
      assert.matches("^s%.lua:3: " .. row[1], errors[1])
      assert.is_truthy(errors[1]:find(row[3], 1, true), row[1] .. ": " .. errors[1])
    end
  end)

  -- As OpenVPN 2.6 gives them out (pool.c), but never the network's own address or ours.
  it("begins its IPv6 pool where it is told, and goes as far as the network or 65,536", function()
    for _, row in ipairs {
      { "fd00:8::1000/64", "fd00:8::1000", "fd00:8::1:fff" },
      { "fd00:8::/64", "fd00:8::2", "fd00:8::1:1" },
      { "fd00:8::1/64", "fd00:8::2", "fd00:8::1:1" },
      { "fd00:8::1:ffff:ffff:ffff/64", "fd00:8::1:ffff:ffff:ffff", "fd00:8::2:0:0:fffe" },
      { "fd00:8::10/112", "fd00:8::10", "fd00:8::ffff" },
      { "fd00:8::7:f5/124", "fd00:8::7:f5", "fd00:8::7:ff" },
      { "fd00:8::7:f0/124", "fd00:8::7:f2", "fd00:8::7:ff" },
      { "fd00:8::ffff:ffff:ffff:ff00/64", "fd00:8::ffff:ffff:ffff:ff00",
        "fd00:8::ffff:ffff:ffff:ffff" },
    } do
      assert.same({ first = row[2], last = row[3] },
        check { ifconfig_ipv6_pool = row[1], server_ipv6 = "fd00:8::/64" }.ifconfig_ipv6_pool,
        row[1])
    end
    for pool, network in pairs { ["fd00:9::5/64"] = "fd00:8::/64",
                                 ["fd00:8::1:0/64"] = "fd00:8::/112",
                                 ["fd00:8::f000/64"] = "fd00:8::/112" } do
      local e = errors_of { ifconfig_ipv6_pool = pool, server_ipv6 = network }
      assert.matches("^ifconfig_ipv6_pool: its addresses do not lie in server_ipv6$", e[1])
    end
    local e = errors_of { ifconfig_ipv6_pool = "fd00:8::9/64", server_ipv6 = "fd00:8::/64",
                          pools = { [""] = "fd00:8::/80" } }
    assert.truthy(e[1]:find('pools[""] has IPv6 addresses for everybody already', 1, true))
    check { ifconfig_ipv6_pool = "fd00:8::9/64", server_ipv6 = "fd00:8::/48",
            pools = { [""] = "10.8.0.0/25", a = "fd00:8::/80" } }
  end)

  it("tells where each of all errors is", function()
    local errors = errors_of({ verb = 99, listen = { "53", "0" }, pools = { a = "x" } }, {
      verb = { file = "s.conf", line = 4 }, listen = { file = "s.conf", line = 9 },
      pools = { file = "s.conf", line = 2 },
    })
    table.sort(errors)
    assert.equal(3, #errors)
    assert.matches("^s%.conf:2: pools%.a: 'x' is neither", errors[1])
    assert.matches("^s%.conf:4: verb: 99 is out of range", errors[2])
    assert.matches("^s%.conf:9: listen%[2%]%.port: 0 is out of range", errors[3])
    assert.same({ "the configuration is not a table" }, select(2, schema.check_server "x"))
  end)

  it("sends what is a server's from a client there, and back", function()
    local _, errors = schema.check { remotes = { { "a" } }, tls = conf().tls, max_clients = 5 }
    assert.truthy(errors[1]:find("it is a server's: vpn.server { ... }", 1, true), errors[1])
  end)

  it("needs what a server cannot be without", function()
    local _, errors = schema.check_server(without "server")
    assert.truthy(errors[1]:find("'server' is missing", 1, true))
    for text, tls in pairs {
      ["clients could not tell that it is us"] = { ca = "c" },
      ["'cert' needs its private key"] = { ca = "c", cert = "c" },
      ["no certificate could be trusted"] = { cert = "c", key = "k" },
      ["auth and crypt exclude each other"] = { ca = "c", cert = "c", key = "k", auth = "a",
                                                crypt = "b" },
    } do
      assert.truthy(errors_of({ tls = tls })[1]:find(text, 1, true), text)
    end
    check { tls = { pkcs12 = "p" } }
    check { tls = { ca = "c", cert = "c", key = "k", crypt = "a", crypt_v2 = "b" } }
    local open = check { tls = { cert = "c", key = "k" }, verify_client_cert = "none",
                         on = { authenticate = yes } }
    assert.is_true(open.auth_user_pass)
    assert.is_nil(open.tls.remote_cert)
    assert.is_true(check { auth_user_pass_verify = "/bin/x" }.auth_user_pass)
  end)

  it("has no program decide that may not run", function()
    for _, key in ipairs { "tls_verify", "auth_user_pass_verify", "client_connect",
                           "learn_address" } do
      for _, more in ipairs { { script_security = 1 }, { scripts_allowed = false } } do
        more[key] = "/bin/x"
        local e = errors_of(more)
        assert.truthy(e[1]:find(key .. ": the program may not run", 1, true), e[1])
      end
    end
    check { script_security = 1, client_disconnect = "/bin/x" } -- which decides nothing
  end)

  it("makes one network of its pools", function()
    for _, row in ipairs {
      { { a = "10.8.1.0/24" }, "10.8.1.0/24" },
      { { a = "10.8.1.0/24", b = "10.8.2.0/24" }, "10.8.0.0/22" },
      { { a = { "10.8.0.10", "10.8.0.20" } }, "10.8.0.0/27" },
      { { a = { "10.8.0.127", "10.8.0.128" } }, "10.8.0.0/24" },
      { { a = "10.8.0.4/30" }, "10.8.0.4/30" }, { { a = "10.8.0.5/32" }, "10.8.0.4/30" },
      { { a = "10.8.0.77/24" }, "10.8.0.0/24" }, { { a = "10.0.0.0/8" }, "10.0.0.0/8" },
      { { a = "10.8.1.0/24", b = "fd00::/64" }, "10.8.1.0/24" },
      { { a = "fd00::/64" } }, { {} }, { { a = "10.0.0.0/24", b = "192.168.0.0/24" } },
      { { a = "10.0.0.0/7" } },
    } do
      local t = without "server"
      t.pools, t.server_ipv6 = row[1], row[1].b == "fd00::/64" and "fd00::/48" or nil
      local out = schema.check_server(t)
      assert.equal(row[2], out and out.server, next(row[1]))
    end
    assert.equal("10.8.0.0/16", check { server = "10.8.0.0/16",
      pools = { a = "10.8.1.0/24" } }.server)
    assert.is_nil(server.cover {})
  end)

  it("has every pool in its network", function()
    for _, row in ipairs {
      { { a = "10.9.0.0/24" }, "pools.a: its addresses do not lie in server (10.8.0.0/24): make "
        .. "that larger, or leave it out" },
      { { [""] = { "10.8.0.250", "10.8.1.5" } }, 'pools.[""]: its addresses do not lie in server' },
      { { b = "10.8.0.0/23" }, "pools.b: its addresses do not lie in server" },
      { { c = "fd00::/64" }, "pools.c: its addresses lie in no network: 'server_ipv6' is missing" },
      { { d = "fd00:9::/80" }, "pools.d: its addresses do not lie in server_ipv6 (fd00:8::/64)",
        "fd00:8::/64" },
      { { e = { "fd00:8::5", "fd00:8:0:1::5" } }, "pools.e: its addresses do not lie in",
        "fd00:8::/64" },
    } do
      local e = errors_of { server = "10.8.0.0/24", pools = row[1], server_ipv6 = row[3] }
      assert.equal(1, #e)
      assert.truthy(e[1]:find(row[2], 1, true), e[1])
    end
    check { server = "10.8.0.0/16", server_ipv6 = "fd00:8::/64",
            pools = { a = "10.8.255.0/24", b = { "10.8.0.0", "10.8.255.255" }, c = "fd00:8::/64",
                      d = { "fd00:8::1", "fd00:8::ffff" }, e = "10.8.0.0/16" } }
  end)

  it("resolves paths by cd", function()
    local c = check {
      cd = "/etc/vpn/", log = "l", status = "s", client_config_dir = "ccd",
      ifconfig_pool_persist = "ipp", auth_gen_token_secret = "t", client_connect = "./c",
      tmp_dir = "tmp",
    }
    assert.equal("/etc/vpn/tmp", c.tmp_dir)
    assert.same({ "/etc/vpn/ccd", "/etc/vpn/ipp", "/etc/vpn/t", "/etc/vpn/ca.pem", "/etc/vpn/s" },
      { c.client_config_dir, c.ifconfig_pool_persist.file, c.auth_gen_token_secret, c.tls.ca,
        c.status.file })
    assert.same({ "./c" }, c.client_connect)
    assert.equal("/etc/vpn/", c.workdir)
  end)

  it("knows a type and has a sentence for every key, and the reference has them as they are",
    function()
      local f = assert(io.open(HERE .. "/../../scripts/README.md"))
      local text = f:read("*a"):match "## The configuration of a server(.-)\n## "
      f:close()
      local n = 0
      for _, key in ipairs(server.keys) do
        assert.is_string(key[2].text, key[1])
        assert.matches("%.$", key.doc, key[1])
        local row = text:match("\n| `" .. key[1] .. "` |([^\n]*)")
        if row then
          n = n + 1
          assert.truthy(row:find(" " .. key[2].text .. " |", 1, true), key[1])
          assert.truthy(row:find("| " .. key.doc .. " |", 1, true), key[1])
        end
      end
      assert.is_true(n >= 34, n)
    end)
end)

-- An imported server.conf |text|.
local function import(text)
  local out, errors = profile.parse("mode server\nca ca.pem\ncert s.pem\nkey s.key\n" .. text,
    "s.conf")
  assert(out, errors and errors[1])
  local c, problems = schema.check_server(out)
  return assert(c, problems and problems[1])
end

describe("an imported server.conf", function()
  it("means what OpenVPN takes it to mean", function()
    local c = import "server 10.8.0.0 255.255.255.0\n"
    for key, value in pairs { topology = "net30", explicit_exit_notify = 0, keepalive = false,
                              server = "10.8.0.0/24", verify_client_cert = "require",
                              script_security = 1, scripts_allowed = false } do
      assert.equal(value, c[key], key)
    end
    assert.is_false(c.tls.remote_cert)
    assert.is_nil(c.ping)
    assert.same({}, c.push)
    assert.same({ { port = 1194, proto = "udp" } }, c.listen)
  end)

  it("says otherwise where it does", function()
    local c = import "server 10.8.0.0 255.255.255.0\ntopology subnet\nkeepalive 10 60\n"
    assert.same({ "subnet", 10, 120, { "ping 10", "ping-restart 60" } },
      { c.topology, c.ping, c.ping_restart, c.push })
  end)
end)

describe("the engine's options of a server", function()
  local files = { ["ca.pem"] = "CA", ["s.pem"] = "CERT", ["s.key"] = "KEY", ["t.key"] = "TOKEN",
                  ["x.crl"] = "CRL", ["tc.key"] = "TC", ["v2.key"] = "V2", ["ex.pem"] = "EX" }
  local function reader(path)
    if path == "ccd" then return nil, "Is a directory" end
    local text = files[path]
    if text then return text end
    return nil, "No such file or directory"
  end

  local function options(more)
    local out, errors = engine.options(check(more), reader, "s.lua:1")
    return assert(out, errors and errors[1])
  end

  local FULL = {
    listen = { "53", "443/tcp" }, server_ipv6 = "fd00::/64", topology = "p2p",
    pools = { b = "10.8.0.0/25", a = { "10.8.0.200", "10.8.0.210" } }, push = { "dns 1" },
    ifconfig_pool_persist = { "ipp", 5 }, client_to_client = true, duplicate_cn = true,
    connect_freq = { 5, 6 }, tls_crypt_v2_max_age = "1d", auth_gen_token = { 60, 5 },
    auth_gen_token_secret = "t.key", inactive = { 60, 9 }, session_timeout = 9, mark = 3,
    bind_dev = "eth0", sndbuf = 1, rcvbuf = 2, txqueuelen = 5, reneg_bytes = 5, reneg_pkts = 5,
    reneg_sec_min = 60,
    workers = 3, client_config_dir = "ccd", route = "10.9.0.0/16", route_ipv6 = "fd01::/16",
    cipher = "AES-256-CBC", compress = "stub-v2", mssfix = { 1400, "fixed" },
    auth_user_pass = "optional", on = { authenticate = yes, authorize = yes },
    tls = { ca = "ca.pem", cert = "s.pem", key = "s.key", extra_certs = "ex.pem", crl = "x.crl",
            crypt = "tc.key", crypt_v2 = "v2.key", password = "p", version_min = "1.2",
            version_max = "1.3", cipher = "A", ciphersuites = "B", groups = "X25519",
            remote_cert_ku = "a0", remote_cert_eku = "clientAuth", verify_x509_name = "x",
            peer_fingerprint = ("ab"):rep(32), timeout = 3 },
  }

  it("are fields of the engine's structures", function()
    local f = assert(io.open(HERE .. "/../../engine/include/lunel.h"))
    local header = f:read("*a")
    f:close()
    local fields = {}
    for _, name in ipairs { "lnl_server_options", "lnl_security" } do
      local body = header:match("\nstruct " .. name .. " {\n(.-)\n};")
      body = body:gsub("/%*.-%*/", "")
      for field in body:gmatch("([%w_]+)[%[%]%d%)]*%s*[,;]") do fields[field] = true end
    end
    local n = 0
    for _, more in ipairs { {}, FULL } do
      for key in pairs(options(more)) do
        assert.is_true(fields[key], key)
        n = n + 1
      end
    end
    assert.is_true(n > 90, n)
  end)

  it("have what was configured", function()
    local o = options(FULL)
    for key, value in pairs {
      ca = "CA", cert = "CERT", key = "KEY", crl = "CRL", crl_file = "x.crl", tls_crypt = "TC",
      tls_crypt_v2 = "V2", token_secret = "TOKEN", token_lifetime = 60, token_renewal = 5,
      gen_token = true, auth_user_pass = true, auth_user_pass_optional = true, leases = "ipp",
      leases_interval = 5, network4 = "10.8.0.0/24", network6 = "fd00::/64", connect_freq = 5,
      connect_freq_sec = 6, connect_freq_initial = 100, connect_freq_init_sec = 10,
      v2_force_cookie = true, v2_max_age = 86400, inactive = 60, inactive_bytes = 9, framing = 3,
      mssfix = 1400, mssfix_fixed = true, mssfix_mtu = false, eku = "clientAuth", name = "x",
      cipher = "AES-256-CBC", remote_cert_tls = false, max_clients = 1024, workers = 3,
    } do
      assert.equal(value, o[key], key)
    end
    assert.same({ { name = "a", first = "10.8.0.200", last = "10.8.0.210" },
                  { name = "b", first = "10.8.0.0/25" } }, o.pools)
    assert.same({ { name = "", first = "10.8.0.0/25" },
                  { name = "", first = "fd00::9", last = "fd00::1:8" } },
      options { pools = { [""] = "10.8.0.0/25" }, server_ipv6 = "fd00::/64",
                ifconfig_ipv6_pool = "fd00::9/64" }.pools)
    assert.same({ "route 10.9.0.0 255.255.0.0", "route-ipv6 fd01::/16" }, o.network)
    assert.same({ "ping 10", "ping-restart 60", "dns 1" }, o.push)
    assert.equal(2, #o.listen)
    assert.is_true(options().remote_cert_tls) -- a client's role is what is checked
    assert.equal("serverAuth", options { tls = { ca = "ca.pem", cert = "s.pem", key = "s.key",
                                                 remote_cert = "server" } }.eku)
    assert.is_false(options().auth_user_pass)
    assert.is_true(options { auth_gen_token = true }.gen_token)
  end)

  it("tell of every file that cannot be read, and where it is named", function()
    local c = check { tls = { ca = "ca.pem", cert = "no.pem", key = "s.key" },
                      auth_gen_token = true, auth_gen_token_secret = "no.key",
                      client_config_dir = "nowhere" }
    local out, errors = engine.options(c, reader, "s.lua:1")
    assert.is_nil(out)
    assert.same({
      "s.lua:1: tls.cert: cannot read 'no.pem': No such file or directory",
      "s.lua:1: auth_gen_token_secret: cannot read 'no.key': No such file or directory",
      "s.lua:1: client_config_dir: cannot read 'nowhere': No such file or directory",
    }, errors)
    errors = select(2, engine.options(check { client_config_dir = "ca.pem" }, reader, "s.lua:1"))
    assert.same({ "s.lua:1: client_config_dir: cannot read 'ca.pem': it is no folder" }, errors)
  end)
end)
