-- SPDX-License-Identifier: GPL-3.0-or-later
local address = require "lunel.schema_address"
local client = require "lunel.schema_client"
local engine = require "lunel.schema_engine"
local profile = require "lunel.profile"
local schema = require "lunel.schema"

local HERE = debug.getinfo(1, "S").source:match("^@(.*)/[^/]*$") or "."

-- A configuration that is right, with |more| over it.
local function conf(more)
  local t = {
    remotes = { { "vpn.example", 1194, "udp" } },
    tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" },
  }
  for k, v in pairs(more or {}) do t[k] = v end
  return t
end

local function check(more)
  local out, errors = schema.check(conf(more))
  assert.is_table(out, tostring(errors and errors[1]))
  return out
end

local function errors_of(more, origin)
  local out, errors = schema.check(conf(more), origin)
  assert.is_nil(out)
  return errors
end

local function tls(more)
  local t = conf().tls
  for k, v in pairs(more) do t[k] = v end
  return t
end

local FP = ("AB:"):rep(31) .. "CD"
local PLAIN_FP = ("ab"):rep(31) .. "cd"

describe("the schema", function()
  it("fills in the defaults of OpenVPN 2.6, and ours", function()
    local c = check()
    for key, value in pairs {
      connect_timeout = 120, connect_retry_max = 0, resolv_retry = -1, remote_random = false,
      dev = "tun", dev_type = "tun", persist_tun = true, tun_mtu = 1500, pull = true,
      auth = "SHA1", reneg_sec = 3600, reneg_bytes = 0, tran_window = 3600, hand_window = 60,
      explicit_exit_notify = 0, auth_retry = "none", max_packet_size = 1250, verb = 3,
      nobind = true, scripts_allowed = true, float = false, session_timeout = 0,
    } do
      assert.equal(value, c[key], key)
    end
    assert.same({ first = 1, max = 300 }, c.connect_retry)
    assert.same({ value = 1492, mode = "mtu" }, c.mssfix)
    assert.same({ "AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305" }, c.data_ciphers)
    assert.same({ packets = 64, seconds = 15 }, c.replay_window)
    assert.equal("server", c.tls.remote_cert)
    assert.equal("1.2", c.tls.version_min)
    for _, key in ipairs { "ping", "ping_restart", "lport", "mark", "route", "keepalive" } do
      assert.is_nil(c[key], key)
    end
  end)

  -- Key, what is given, what comes out; nil: the same.
  it("takes values in all their forms", function()
    for _, row in ipairs {
      { "connect_timeout", "2m", 120 }, { "connect_timeout", 5 }, { "connect_timeout", "5s", 5 },
      { "reneg_sec", "1h", 3600 }, { "reneg_sec", "1d", 86400 }, { "reneg_sec", 0 },
      { "sndbuf", "64k", 65536 }, { "rcvbuf", "1M", 1048576 }, { "reneg_bytes", "1g", 2 ^ 30 },
      { "connect_retry", 5, { first = 5, max = 300 } },
      { "connect_retry", { 5, "1m" }, { first = 5, max = 60 } },
      { "connect_retry", { first = 2, max = 4 } }, { "connect_retry_max", "unlimited", 0 },
      { "resolv_retry", "infinite", -1 }, { "resolv_retry", -1 }, { "resolv_retry", 30 },
      { "data_ciphers", "AES-256-GCM:?NOPE:chacha20-poly1305",
        { "AES-256-GCM", "CHACHA20-POLY1305" } },
      { "data_ciphers", { "AES-128-CBC", "DEFAULT", "AES-256-GCM" },
        { "AES-128-CBC", "AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305" } },
      { "cipher", "aes-256-cbc", "AES-256-CBC" }, { "auth", "sha-256", "SHA256" },
      { "auth", "RSA-SHA512", "SHA512" }, { "auth", "SHA", "SHA1" }, { "auth", "none" },
      { "mssfix", 1300, { value = 1300 } }, { "mssfix", { 0 }, { value = 0 } },
      { "mssfix", { value = 1400, mode = "fixed" } },
      { "status", "s", { file = "s", seconds = 60 } },
      { "status", { "s", 5 }, { file = "s", seconds = 5 } },
      { "status_version", 3 },
      { "management", { "/run/x.sock", "unix" }, { path = "/run/x.sock" } },
      { "management", { "/run/x.sock", "unix", "pw" },
        { path = "/run/x.sock", password_file = "pw" } },
      { "management", { "127.0.0.1", 7505 }, { address = "127.0.0.1", port = 7505 } },
      { "management", { "::1", 7505, "pw" },
        { address = "::1", port = 7505, password_file = "pw" } },
      { "management", { address = "localhost", port = 7505 },
        { address = "127.0.0.1", port = 7505 } },
      { "inactive", 60, { seconds = 60, bytes = 0 } },
      { "inactive", { "1m", "1k" }, { seconds = 60, bytes = 1024 } },
      { "route", "10.0.0.0/8", { "10.0.0.0 255.0.0.0" } },
      { "route", { "10.0.0.0/8 net_gateway 5", { "192.168.0.0", "255.255.0.0" }, "10.1.1.1" },
        { "10.0.0.0 255.0.0.0 net_gateway 5", "192.168.0.0 255.255.0.0", "10.1.1.1" } },
      { "route", { { "10.0.0.0", "default", "default", 7 } }, { "10.0.0.0 default default 7" } },
      { "route", "0.0.0.0/0", { "0.0.0.0 0.0.0.0" } },
      { "route_ipv6", { "fd00::/8", "::/0 net_gateway_ipv6 3" } },
      { "redirect_gateway", true, "" }, { "redirect_gateway", "def1 ipv6", "def1 ipv6" },
      { "redirect_gateway", { "def1", "!ipv4" }, "def1 !ipv4" },
      { "dhcp_option", { "DNS 10.8.0.1", { "DOMAIN", "a b" } },
        { "DNS 10.8.0.1", 'DOMAIN "a b"' } },
      { "dns", "search-domains example", { "search-domains example" } },
      { "pull_filter", { { "ignore", "route " } }, { { action = "ignore", text = "route " } } },
      { "auth_user_pass", true, {} }, { "auth_user_pass", { file = "f" } },
      { "auth_user_pass", { username = "u", password = "p" } },
      { "static_challenge", { "Code", true }, { text = "Code", echo = true } },
      { "socket_flags", "TCP_NODELAY", { "TCP_NODELAY" } },
      { "up", "/bin/x 'a b' c", { "/bin/x", "a b", "c" } }, { "up", { "/bin/x", "a b" } },
      { "dev", "tap0" }, { "daemon", true }, { "daemon", "vpn" }, { "verb", 0 },
      { "setenv", { UV_A = "b", EMPTY = "" } }, { "nice", -20 }, { "mark", 4294967295 },
      { "compress", "stub-v2" }, { "comp_lzo", "no" }, { "topology", "net30" },
      { "ifconfig", "10.8.0.2 255.255.255.0" }, { "bind_dev", "eth0.7" },
    } do
      local want = row[3]
      if want == nil then want = row[2] end
      assert.same(want, check({ [row[1]] = row[2] })[row[1]], row[1])
    end
    assert.is_nil(check({ auth_user_pass = false }).auth_user_pass)
  end)

  it("takes TLS settings in all their forms", function()
    for _, row in ipairs {
      { "version_min", 1.3, "1.3" }, { "verify_x509_name", "CN=x", { name = "CN=x",
        type = "subject" } },
      { "verify_x509_name", { "x", "name" }, { name = "x", type = "name" } },
      { "verify_x509_name", { name = "x", type = "name-prefix" } },
      { "peer_fingerprint", FP, { PLAIN_FP } }, { "peer_fingerprint", { PLAIN_FP, FP },
        { PLAIN_FP, PLAIN_FP } },
      { "remote_cert_ku", { "a0", 136 }, { 160, 136 } }, { "remote_cert_ku", "88", { 136 } },
      { "remote_cert", false }, { "groups", { "X25519", "secp256r1" }, "X25519:secp256r1" },
      { "key", "-----BEGIN\nx\n" }, { "askpass", true }, { "askpass", "pass.txt" },
    } do
      local want = row[3]
      if want == nil then want = row[2] end
      assert.same(want, check({ tls = tls { [row[1]] = row[2] } }).tls[row[1]], row[1])
    end
    assert.equal("server", check { tls = tls { verify_x509_name = "x" } }.tls.remote_cert)
    for _, key in ipairs { "peer_fingerprint", "remote_cert_eku" } do
      assert.is_nil(check({ tls = tls { [key] = FP } }).tls.remote_cert)
    end
  end)

  -- Key, what is given, the error behind its path.
  it("refuses what it does not take, with the range", function()
    for _, row in ipairs {
      { "connect_timeout", 0, "0 is out of range: a number of seconds from 1 to 86400" },
      { "connect_timeout", "5 s", "'5 s' is not a number of seconds from 1 to 86400" },
      { "connect_timeout", 1.5, "1.5 is not a number of seconds" },
      { "connect_timeout", 0 / 0, "is not a number of seconds" },
      { "connect_timeout", math.huge, "inf is not" }, { "connect_timeout", true, "true is not" },
      { "verb", 12, "12 is out of range: a whole number from 0 to 11" },
      { "verb", "3k", "'3k' is not a whole number" }, { "mark", -1, "-1 is out of range" },
      { "remote_random", 1, "1 is not true or false" },
      { "remote_random", "yes", "'yes' is not true or false" },
      { "topology", "subent", "'subent' is not one of \"subnet\", \"net30\", \"p2p\"; "
        .. "did you mean 'subnet'?" },
      { "topology", {}, "a table is not one of" },
      { "data_ciphers", "BF-CBC", "'BF-CBC' is not one of" },
      { "data_ciphers", "AES-256-GMC", "did you mean 'AES-256-GCM'?" },
      { "data_ciphers", "?X", "it names no cipher that is known here" },
      { "data_ciphers", 5, "5 is not a list" }, { "auth", "SHA3", "'SHA3' is not one of" },
      { "dev", "much-too-long-for-it", "is not a device's name" },
      { "dev", "a/b", "'a/b' is not a device's name" },
      { "dev", "vpn", "dev_type is needed: 'vpn' begins with neither tun nor tap" },
      { "dev", "null", "dev_type is needed" },
      { "tun_mtu", 99, "99 is out of range: a whole number from 100 to 65535" },
      { "route", "10.0.0.0 255.0.255.0", "'255.0.255.0' is not a netmask" },
      { "route", "example.com", "'example.com' is not an IPv4 network (names are not resolved" },
      { "route", "10.0.0.0/33", "'10.0.0.0/33' is not an IPv4 network" },
      { "route", "10.0.0.0/8 255.0.0.0", "the prefix has the netmask already" },
      { "route", "10.0.0.0 255.0.0.0 gateway", "'gateway' is not a gateway" },
      { "route", "10.0.0.0 255.0.0.0 10.1.1.1 low", "'low' is not a metric" },
      { "route", "1 2 3 4 5", "it takes 1 to 4 words" }, { "route", "10.0.0.0,1", "commas" },
      { "route", "10.0.0.0 \"x", "no closing quote" }, { "route", 5, "5" },
      { "route", { {} }, "has 0 words" }, { "route", { { true } }, "true cannot be a word" },
      { "route_ipv6", "fd00::/129", "'fd00::/129' is not an IPv6 prefix" },
      { "route_ipv6", "fd00::/8 10.0.0.1", "'10.0.0.1' is not a gateway" },
      { "route_gateway", "fd00::1", "'fd00::1' is not an IPv4 address" },
      { "ifconfig", "10.8.0.2", "has 1 words; it takes 2 words" },
      { "ifconfig", "10.8.0.2 x", "'x' is not an IPv4 address" },
      { "ifconfig_ipv6", "fd00::1/64 x", "'x' is not an IPv6 address" },
      { "redirect_gateway", "def2", "'def2' is not a flag: def1" },
      { "pull_filter", { { "drop", "x" } }, "'drop' is not one of" },
      { "pull_filter", { { "ignore" } }, "'text' is missing" },
      { "pull_filter", { x = 1 }, "this is a list; it cannot have the key 'x'" },
      { "socket_flags", "X", "'X' is not one of" },
      { "setenv", { ["A B"] = "c" }, "this is no name" },
      { "setenv", { A = "b\nc" }, "control characters" }, { "user", "", "'' is not text" },
      { "up", "", "is not a program" }, { "up", { 1 }, "1 is not an argument" },
      { "up", "/bin/x 'a", "no closing quote" },
      { "mssfix", { 1400, "mut" }, "did you mean 'mtu'?" }, { "mssfix", {}, "'value' is missing" },
      { "compress", "lz4", "'lz4' is not one of" }, { "local", "a b", "'a b' is no address" },
      { "auth_user_pass", "file", "'file' is not { file = }" },
      { "auth_user_pass", { password = "p" }, "'username' is missing" },
      { "auth_user_pass", { file = "f", username = "u" }, "either the file or" },
      { "auth_user_pass", { usernam = "x" }, "did you mean 'username'?" },
      { "connect_retry", { 10, 5 }, "the longest wait is below the first" },
      { "status_version", 4, "4 is out of range: a whole number from 1 to 3" },
      { "management", "127.0.0.1", "'port' is missing" },
      { "management", { "127.0.0.1", 0 }, "0 is out of range" },
      { "management", { "127.0.0.1", "unx" }, "'unx' is not a whole number" },
      { "management", { "0.0.0.0", 7505 }, "'0.0.0.0' would let in the whole network" },
      { "management", { "::", 7505 }, "'::' would let in the whole network" },
      { "management", { "0::0", 7505 }, "'0::0' would let in the whole network" },
      { "management", { "tunnel", 7505 }, "it cannot be reached through the tunnel" },
      { "management", { "vpn.example", 7505 }, "'vpn.example' is no IP address" },
      { "management", { "127.0.0.1", 7505, "stdin" }, "the password cannot be asked for" },
      { "management", { "", "unix" }, "'' is not text" },
      { "management", { "/run/\1", "unix" }, "control characters" },
      { "management", { ("x"):rep(108), "unix" }, "at most 107 bytes; this has 108" },
      { "management_client_user", "anna", "it belongs to management on a Unix socket" },
      { "management_client_group", "staff", "it belongs to management on a Unix socket" },
      { "keepalive", { 10, 15 }, "at least twice the interval" },
      { "remotes", {}, "there is no remote to connect to" },
      { "remotes", "a", "'a' is not a list" },
      { "remotes", { {} }, "'host' is missing" }, { "remotes", { "a" }, "'a' is not a remote" },
      { "remotes", { { "a", 0 } }, "0 is out of range: a whole number from 1 to 65535" },
      { "remotes", { { "a", 1, "sctp" } }, "'sctp' is not one of" },
      { "remotes", { { "a b" } }, "'a b' is not a host name" },
      { "remotes", { { "a", 1, "udp", "x" } }, "there is no key of this name" },
      { "on", { up = 1 }, "a hook is a function" },
      { "on", { select_remot = print }, "did you mean 'select_remote'?" },
      { "tls", "x", "'x' is not a table of TLS settings" },
      { "cd", 1 / 0 == 1 and 1 or {}, "a table is not" },
    } do
      local errors = errors_of { [row[1]] = row[2] }
      assert.equal(row[1], errors[1]:match("^[%w_]+"), errors[1])
      assert.is_truthy(errors[1]:find(row[3], 1, true), row[1] .. ": " .. errors[1])
    end
  end)

  it("refuses TLS settings that are wrong or do not fit together", function()
    for text, t in pairs {
      ["nobody could be trusted"] = { cert = "c", key = "k" },
      ["who are we?"] = { ca = "c" },
      ["'cert' needs its private key"] = { ca = "c", cert = "c" },
      ["'key' needs its certificate"] = { ca = "c", key = "c" },
      ["exclude each other"] = tls { auth = "a", crypt = "b" },
      ["pkcs12 holds certificate and key already"] = tls { pkcs12 = "p" },
      ["key_direction: it belongs to tls.auth"] = tls { key_direction = 1 },
      ["key_direction: 2 is out of range"] = tls { auth = "a", key_direction = 2 },
      ["version_max: it is below version_min"] = tls { version_min = "1.3", version_max = "1.2" },
      ["version_min: TLS 1.1 is not supported; the lowest is 1.2"] = tls { version_min = "1.1" },
      ["peer_fingerprint[1]: this is no SHA-256 fingerprint"] = tls { peer_fingerprint = "AB:CD" },
      ["remote_cert_ku[2]: 'xx' is no key usage"] = tls { remote_cert_ku = { "a0", "xx" } },
      ["remote_cert: 'peer' is not one of"] = tls { remote_cert = "peer" },
      ["verify_x509_name.type: 'nmae' is not one of"] = tls { verify_x509_name = { "x", "nmae" } },
      ["ca: this is no path"] = tls { ca = "a\tb" },
      ["key: the value is not a path or a file's content"] = tls { key = true },
      ["cipher: 'a b' is not a list of names"] = tls { cipher = "a b" },
      ["there is no key of this name; did you mean 'crypt_v2'?"] = tls { crpyt_v2 = "x" },
    } do
      local errors = errors_of { tls = t }
      assert.equal(1, #errors, errors[2])
      assert.is_truthy(errors[1]:find(text, 1, true), errors[1])
      assert.matches("^tls", errors[1])
    end
    for _, t in ipairs { { ca = "c" }, { peer_fingerprint = FP } } do
      assert.is_table(schema.check(conf { tls = t, auth_user_pass = true }))
    end
    assert.is_table(schema.check(conf { tls = { pkcs12 = "p" } }))
  end)

  it("takes a range of times for renewing keys", function()
    assert.equal(30, schema.check(conf { reneg_sec = 60, reneg_sec_min = 30 }).reneg_sec_min)
    assert.equal(9, schema.check(conf { reneg_sec = 0, reneg_sec_min = 9 }).reneg_sec_min)
    assert.is_nil(schema.check(conf {}).reneg_sec_min)
    assert.matches("^reneg_sec_min: it is above reneg_sec, which is 60",
      errors_of({ reneg_sec = 60, reneg_sec_min = 61 })[1])
    assert.matches("^reneg_sec_min: ", errors_of({ reneg_sec_min = 0 })[1])
  end)

  it("tells all errors at once, with their origin", function()
    local errors = errors_of({ verb = 99, mute = -1, remots = {}, tls = tls { kye = "" } },
                             "x.lua:7")
    assert.equal(4, #errors)
    for _, e in ipairs(errors) do assert.equal("x.lua:7: ", e:sub(1, 9)) end
    errors = errors_of({ verb = 99, remotes = { { "a", 0 }, { "b", 0 } }, mute = -1 }, {
      verb = { file = "p.ovpn", line = 4 }, ["remotes[2]"] = { file = "p.ovpn", line = 9 },
      remotes = { file = "command line" },
    })
    assert.same({ -- by line; what has none comes last, as it was found
      "p.ovpn:4: verb: 99 is out of range: a whole number from 0 to 11",
      "p.ovpn:9: remotes[2].port: 0 is out of range: a whole number from 1 to 65535",
      "command line: remotes[1].port: 0 is out of range: a whole number from 1 to 65535",
      "mute: -1 is out of range: a whole number from 0 to 2147483647",
    }, errors)
    assert.same({ "the configuration is not a table" }, select(2, schema.check("x")))
  end)

  it("knows where a directive's setting went, or why there is none", function()
    for key, text in pairs {
      ca = "it is 'tls.ca'", crl_verify = "it is 'tls.crl'", ["crl-verify"] = "it is 'tls.crl'",
      ["tls-crypt"] = "it is 'tls.crypt'", remote = "remotes go into 'remotes'",
      select_remote = "hooks go into 'on'", ["persist-key"] = "keys are always kept",
      fragment = "are not split", workers = "one peer is one worker's", server = "it is a server's",
      ["connect-timeout"] = "did you mean 'connect_timeout'?",
      remote_randon = "did you mean 'remote_random'?",
      [1] = "there is no key of this name", [true] = "there is no key of this name",
    } do
      local errors = errors_of { [key] = "x" }
      assert.is_truthy(errors[1]:find(text, 1, true), errors[1])
    end
  end)

  it("never shows a secret", function()
    for _, more in ipairs {
      { auth_user_pass = { username = "u", password = { "sesame" } } },
      { auth_user_pass = { username = "u", password = ("sesame"):rep(1000) } },
      { auth_token = ("sesame"):rep(1000) }, { tls = tls { password = ("sesame"):rep(1000) } },
      { tls = tls { key = ("sesame\n"):rep(2 ^ 18) } }, { tls = tls { key = "sesame\0" } },
    } do
      for _, e in ipairs(errors_of(more)) do assert.is_nil(e:find("sesame", 1, true), e) end
    end
    -- A secret object of the program's stays one.
    local secret = newproxy()
    assert.equal(secret, check {
      auth_user_pass = { username = "u", password = secret } }.auth_user_pass.password)
  end)

  it("keeps remotes the objects they were, with their own fields", function()
    local a, b = { "a", 443, "tcp", site = "fra" }, { host = "b", proto = "tcp4-client" }
    local c = check { remotes = { a, b } }
    assert.equal(a, c.remotes[1])
    assert.equal(b, c.remotes[2])
    assert.same({ host = "a", port = 443, proto = "tcp", site = "fra" }, a)
    assert.same({ host = "b", port = 1194, proto = "tcp4" }, b)
    check { remotes = { a, b } }
    assert.same({ host = "a", port = 443, proto = "tcp", site = "fra" }, a)
    assert.equal(a, schema.remote(a))
    assert.same({ "remote: 'host' is missing" }, select(2, schema.remote {}))
    -- The list itself and the configuration stay as they were given.
    local given = conf { keepalive = { 10, 60 } }
    schema.check(given)
    assert.same({ 10, 60 }, given.keepalive)
    assert.is_nil(given.verb)
  end)

  it("needs no remote when a hook chooses it", function()
    assert.is_table(check { remotes = {}, on = { select_remote = function() end } })
  end)

  it("works out what hangs on other keys", function()
    assert.same({ 10, 60 }, { check { keepalive = { 10, 60 } }.ping,
                              check { keepalive = { 10, 60 } }.ping_restart })
    assert.matches("it excludes ping", errors_of { keepalive = { 10, 60 }, ping = 5 }[1])
    assert.matches("it excludes ping_restart", errors_of { ping_exit = 5, ping_restart = 9 }[1])
    assert.is_table(check { ping_exit = 5, ping_restart = 0 })
    assert.same({ value = 1400, mode = "fixed" }, check { tun_mtu = 1400 }.mssfix)
    assert.same({ value = 1300 }, check { tun_mtu = 1400, mssfix = 1300 }.mssfix)
    for _, row in ipairs {
      { {}, true, nil }, { { nobind = true }, true, nil }, { { nobind = false }, false, 1194 },
      { { bind = true }, false, 1194 }, { { lport = 5 }, false, 5 }, { { lport = 0 }, false, 0 },
      { { ["local"] = "192.0.2.1" }, false, 1194 },
    } do
      local c = check(row[1])
      assert.equal(row[2], c.nobind)
      assert.equal(row[3], c.lport)
    end
    assert.matches("it excludes local, lport and bind", errors_of { nobind = true, lport = 5 }[1])
    assert.equal("tap", check { dev = "vpn", dev_type = "tap" }.dev_type)
  end)

  it("resolves paths by cd", function()
    local c = check {
      cd = "/etc/vpn/", log = "l", status = "s", management = { "m", "unix", "pw" },
      writepid = "/run/p", auth_user_pass = { file = "up" },
      tls = { ca = "ca.pem", cert = "/c.pem", key = "a\nb\n", askpass = "p" }, up = "./x",
    }
    assert.equal("/etc/vpn/ca.pem", c.tls.ca)
    assert.equal("/c.pem", c.tls.cert)
    assert.equal("a\nb\n", c.tls.key)
    assert.equal("/etc/vpn/p", c.tls.askpass)
    assert.equal("/etc/vpn/l", c.log)
    assert.equal("/etc/vpn/s", c.status.file)
    assert.same({ path = "/etc/vpn/m", password_file = "/etc/vpn/pw" }, c.management)
    assert.equal("/run/p", c.writepid)
    assert.equal("/etc/vpn/up", c.auth_user_pass.file)
    assert.equal("/etc/vpn/", c.workdir)
    assert.same({ "./x" }, c.up)
    assert.is_nil(c.cd)
  end)

  it("describes every key, and the reference has them all", function()
    local f = assert(io.open(HERE .. "/../../scripts/README.md"))
    local text = f:read("*a")
    f:close()
    local rows = schema.describe()
    assert.is_true(#rows > 120)
    for _, row in ipairs(rows) do
      assert.is_string(row.type, row.path)
      assert.matches("%.$", row.doc, row.path)
      local name = row.path:gsub("^remotes%[n%]%.", ""):gsub("^tls%.", ""):gsub("^on%.", "")
      assert.is_truthy(text:find("`" .. name .. "`", 1, true), row.path)
    end
    assert.equal("a whole number from 0 to 11", schema.help("verb").type)
    assert.equal(1194, schema.help("remotes[n].port").default)
    assert.same("there is no key 'vreb'; did you mean 'verb'?", select(2, schema.help("vreb")))
  end)
end)

describe("peer_info", function()
  it("has names of its own, on one line each", function()
    for _, row in ipairs {
      { { IV_PROTO = "1" },
        "peer_info.IV_PROTO: names with IV_ are the engine's; yours are UV_..." },
      { { IV_ACC = "1" }, "peer_info.IV_ACC: names with IV_ are the engine's" },
      { { SITE = "x" }, "peer_info.SITE: a name begins with UV_" },
      { { UV_ = "x" }, "peer_info.UV_: a name begins with UV_" },
      { { uv_x = "x" }, "peer_info.uv_x: a name begins with UV_" },
      { { ["UV_A=1\nIV_X"] = "x" }, "this is no name: letters, digits and _" },
      { { "x" }, "this is no name" }, { { UV_A = "a\nIV_VER=x" }, "control characters" },
      { { UV_A = "\195\169" }, "printable ASCII" }, { { UV_A = "" }, "printable ASCII" },
      { { UV_A = ("x"):rep(256) }, "printable ASCII" }, { { UV_A = true }, "printable ASCII" },
      { "UV_A", "peer_info: 'UV_A' is not a table" },
      { { UV_A = ("x"):rep(255), UV_B = ("x"):rep(255), UV_C = ("x"):rep(241) },
        "peer_info: all lines together are 769 bytes; 768 can be sent" },
    } do
      local errors = errors_of { peer_info = row[1] }
      assert.equal(1, #errors)
      assert.truthy(errors[1]:find(row[2], 1, true), errors[1])
    end
    assert.equal("ams", check { peer_info = { UV_SITE = "ams" } }.peer_info.UV_SITE)
    check { peer_info = { UV_A = ("x"):rep(255), UV_B = ("x"):rep(255), UV_C = ("x"):rep(240) } }
  end)
end)

describe("addresses", function()
  it("are told from what looks like them", function()
    for s, value in pairs { ["0.0.0.0"] = 0, ["10.8.0.1"] = 168296449,
                            ["255.255.255.255"] = 4294967295 } do
      assert.equal(value, address.ipv4(s))
    end
    for _, s in ipairs { "", "1.2.3", "1.2.3.256", "1.2.3.4.5", "a.b.c.d", "1.2.3.4 ", "1..2.3" } do
      assert.is_nil(address.ipv4(s), s)
    end
    for _, s in ipairs { "::", "::1", "fd00::", "fd00::1:2", "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1",
                         "1:2:3:4:5:6:10.0.0.1", "1::8", "1:2:3:4:5:6:7::" } do
      assert.is_true(address.is_ipv6(s), s)
    end
    for _, s in ipairs { "", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::",
                         "g::", "1.2.3.4", "::1.2.3.256", "1:2:3:4:5:6:7:8::", "fe80::1%eth0",
                         ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:10.0.0.1", ("1:"):rep(100) } do
      assert.is_false(address.is_ipv6(s), s)
    end
    for s, full in pairs {
      ["::"] = "::", ["::1"] = "::1", ["fd00::"] = "fd00::",
      ["1:2:3:4:5:6:7:8"] = "1:2:3:4:5:6:7:8", ["1::8"] = "1::8",
      ["1:0:2::8"] = "1:0:2::8", ["1::2:0:0:0:3"] = "1:0:0:2::3",
      ["1::2:0:0:3:4"] = "1::2:0:0:3:4", ["1:0:2:3:4:5:6:7"] = "1:0:2:3:4:5:6:7",
      ["FD00::A:b"] = "fd00::a:b", ["::ffff:10.1.2.3"] = "::ffff:a01:203",
      ["1:2:3:4:5:6:10.0.0.1"] = "1:2:3:4:5:6:a00:1", ["1:2:3:4:5:6:7::"] = "1:2:3:4:5:6:7:0",
    } do
      assert.equal(full, address.ipv6_text(address.ipv6(s)))
    end
    assert.is_nil(address.ipv6 "1::2::3")
    local one = address.ipv6 "fd00::ffff:ffff"
    assert.equal("fd00::1:0:0", address.ipv6_text(address.ipv6_plus(one, 1)))
    assert.equal("fd00::1:0:fffe", address.ipv6_text(address.ipv6_plus(one, 65535)))
    for bits, text in pairs { [0] = "::", [16] = "fd00::",
                              [97] = "fd00::8000:0",
                              [128] = "fd00::ffff:ffff" } do
      assert.equal(text, address.ipv6_text(address.ipv6_fill(one, bits, false)), bits)
    end
    assert.equal("fd00::7:ffff:ffff:ffff:ffff",
      address.ipv6_text(address.ipv6_fill(address.ipv6 "fd00:0:0:4::", 62, true)))
    assert.is_true(address.ipv6_before(one, address.ipv6_plus(one, 1)))
    assert.is_false(address.ipv6_before(one, one))
    assert.is_false(address.ipv6_before(address.ipv6 "2::", address.ipv6 "1:ffff::"))
    for bits = 0, 32 do
      assert.is_true(address.is_netmask(address.ipv4(address.netmask(bits))))
    end
    for _, s in ipairs { "0.0.0.1", "255.0.255.0", "127.0.0.0" } do
      assert.is_false(address.is_netmask(address.ipv4(s)), s)
    end
    for _, s in ipairs { "a", "a-b.c_d", "_x" } do assert.is_true(address.is_hostname(s)) end
    for _, s in ipairs { "", "-a", "a b", "a..b", ("a"):rep(256) } do
      assert.is_falsy(address.is_hostname(s), s)
    end
  end)
end)

describe("the engine's options", function()
  local FILES = { ["ca.pem"] = "CA", ["me.pem"] = "CERT", ["me.key"] = "KEY", empty = "",
                  up = "\239\187\191me\r\nse same\r\n", user = "me\n", none = "\n",
                  pass = "open\n" }
  local function reader(path)
    if FILES[path] then return FILES[path] end
    return nil, "No such file or directory"
  end
  local function options(more)
    local out, used = engine.options(check(more), reader, {})
    assert.is_table(out, type(used) == "table" and used[1])
    return out, used
  end

  it("hold the content of files, and what is given inline", function()
    local o = options { tls = tls { crl = "a\nb\n", crypt = "x\ny\n" } }
    assert.same({ "CA", "CERT", "KEY", "a\nb\n", "x\ny\n" },
                { o.ca, o.cert, o.key, o.crl, o.tls_crypt })
    assert.is_nil(o.crl_file)
    o = options { tls = tls { crl = "pass", auth = "pass", key_direction = 0, askpass = "pass" } }
    assert.same({ "open\n", "pass", "open\n", 0, "open" },
                { o.crl, o.crl_file, o.tls_auth, o.key_direction, o.key_password })
    -- printf '\0\1\2hello' | base64, and cut in lines
    o = options { tls = { pkcs12 = "AAECaGVs\nbG8=\n", ca = "ca.pem" } }
    assert.equal("\0\1\2hello", o.pkcs12)
    o = options { tls = { pkcs12 = "pass" } }
    assert.equal("open\n", o.pkcs12)
  end)

  it("name every file that cannot be read, and where it was asked for", function()
    local c = check { tls = { ca = "no", cert = "empty", key = "me.key" },
                      auth_user_pass = { file = "none" } }
    local out, errors = engine.options(c, reader, { ["tls.ca"] = { file = "p", line = 3 } })
    assert.is_nil(out)
    table.sort(errors)
    assert.same({
      "auth_user_pass.file: 'none' has no user name in its first line",
      "p:3: tls.ca: cannot read 'no': No such file or directory",
      "tls.cert: 'empty' is empty",
    }, errors)
    out, errors = engine.options(check { tls = { pkcs12 = "!\n!\n" } }, reader)
    assert.is_nil(out)
    assert.same({ "tls.pkcs12: the inline content is not base64" }, errors)
  end)

  it("have credentials from a file, from the table, or none", function()
    local o = options { auth_user_pass = { file = "up" } }
    assert.same({ true, "me", "se same" }, { o.auth_user_pass, o.username, o.password })
    o = options { auth_user_pass = { file = "user" } }
    assert.same({ true, "me" }, { o.auth_user_pass, o.username, o.password })
    o = options { auth_user_pass = true }
    assert.same({ true }, { o.auth_user_pass, o.username, o.password })
    assert.is_nil(options().auth_user_pass)
  end)

  it("have the engine's names and forms", function()
    local o = options {
      connect_retry = { 2, 9 }, mtu_disc = "yes", float = true, dev = "tap", compress = "stub",
      mssfix = { 1400, "fixed" }, inactive = { 5, 6 }, static_challenge = { "Q", true },
      data_ciphers_fallback = "AES-256-CBC", cipher = "AES-128-CBC", setenv = { UV_B = "2",
      UV_A = "1", X = "y" }, pull_filter = { { "reject", "x" } }, socket_flags = "TCP_NODELAY",
      replay_window = 128,
      tls = tls { remote_cert = "client", verify_x509_name = { "n", "name" },
                  peer_fingerprint = FP, remote_cert_ku = "a0" },
    }
    for key, value in pairs {
      connect_retry = 2, connect_retry_max_wait = 9, mtu_disc = 2, floating = true, tap = true,
      framing = 2, mssfix = 1400, mssfix_fixed = true, mssfix_mtu = false, inactive = 5,
      inactive_bytes = 6, static_challenge = "Q", static_challenge_echo = true,
      cipher = "AES-256-CBC", peer_info_extra = "UV_A=1\nUV_B=2\n", tcp_nodelay = true,
      replay_window = 128, remote_cert_tls = false, eku = "clientAuth", name = "n",
      name_check = "name",
    } do
      assert.equal(value, o[key], key)
    end
    assert.same({ { "reject", "x" } }, o.pull_filter)
    assert.same({ 160 }, o.ku)
    assert.same({ ("\171"):rep(31) .. "\205" }, o.fingerprints)
    for given, framing in pairs { migrate = 0, ["stub-v2"] = 3 } do
      assert.equal(framing, options({ compress = given }).framing)
    end
    assert.equal(1, options({ comp_lzo = "no" }).framing)
    assert.is_nil(options().framing)
    assert.is_true(options().remote_cert_tls)
  end)

  it("tell the server what peer_info says, before what is for programs", function()
    local o = options { peer_info = { UV_SITE = "ams", IV_GUI_VER = "Lunel 1", UV_N = 7 },
                        setenv = { UV_SITE = "fra", UV_OTHER = "x" } }
    assert.equal("IV_GUI_VER=Lunel 1\nUV_N=7\nUV_SITE=ams\n", o.peer_info)
    assert.equal("UV_OTHER=x\n", o.peer_info_extra)
    assert.is_nil(options().peer_info)
  end)

  it("have plain remotes, with the tunnel's own address and port", function()
    local a, b = { "a", 1, "udp", site = "x" }, { "b", 2, "tcp", lport = 7 }
    local o, used = options { remotes = { a, b }, lport = 5, ["local"] = "192.0.2.1" }
    assert.same({
      { host = "a", port = 1, proto = "udp", lport = 5, ["local"] = "192.0.2.1" },
      { host = "b", port = 2, proto = "tcp", lport = 7, ["local"] = "192.0.2.1" },
    }, o.remotes)
    assert.equal(a, used[1])
    o, used = options { remotes = { a, b }, proto_force = "tcp" }
    assert.equal("b", o.remotes[1].host)
    assert.same({ b }, used)
    local none, errors = engine.options(check { remotes = { a }, proto_force = "tcp" }, reader)
    assert.is_nil(none)
    assert.same({ "proto_force: no remote uses tcp" }, errors)
  end)

  it("have the network's lines, those before that others build on", function()
    assert.same({
      "topology subnet", "ifconfig 10.8.0.2 255.255.255.0", "route-metric 5",
      "redirect-gateway def1", "block-ipv6", "route-nopull", "route 10.0.0.0 255.0.0.0",
      "route-ipv6 fd00::/8", 'dhcp-option DOMAIN "a b"',
    }, options {
      route = "10.0.0.0/8", topology = "subnet", ifconfig = "10.8.0.2 255.255.255.0",
      route_metric = 5, redirect_gateway = "def1", block_ipv6 = true, route_nopull = true,
      route_ipv6 = "fd00::/8", dhcp_option = { { "DOMAIN", "a b" } },
    }.network)
    assert.same({ "redirect-gateway" }, options { redirect_gateway = true }.network)
  end)

  it("are all fields of struct lnl_tunnel_options", function()
    local f = assert(io.open(HERE .. "/../../engine/include/lunel.h"))
    local text = f:read("*a")
    local header = text:match("struct lnl_tunnel_options (%b{})")
      .. text:match("struct lnl_security (%b{})")
    f:close()
    local all = options {
      auth_user_pass = { file = "up" }, static_challenge = "x", inactive = 5, compress = "stub",
      cipher = "AES-128-CBC", mark = 1, bind_dev = "x", mtu_disc = "no", txqueuelen = 5, ping = 1,
      ping_restart = 5, auth_token = "x", auth_token_user = "x", setenv = { UV_A = "b" },
      socket_flags = "TCP_NODELAY",
      tls = tls { crypt = "pass", crl = "pass", extra_certs = "pass", askpass = "pass",
                  version_max = "1.3", cipher = "x", ciphersuites = "x", groups = "x",
                  peer_fingerprint = FP, verify_x509_name = "x", remote_cert_ku = "a0",
                  remote_cert_eku = "x" },
    }
    for name in pairs(all) do
      assert.is_truthy(header:find("[%s*(]" .. name .. "[,;%[%s)]"), name)
    end
  end)

  it("come out of a profile as out of a table", function()
    local imported = assert(profile.parse("client\nremote vpn.example\nca ca.pem\ncert me.pem\n"
      .. "key me.key\nremote-cert-tls server\n", "p.ovpn"))
    local a = engine.options(assert(schema.check(imported)), reader)
    assert.same(options(), a)
  end)
end)

describe("the ciphers and digests", function()
  it("are those of the engine", function()
    local f = assert(io.open(HERE .. "/../../engine/crypto/names.c"))
    local text = f:read("*a")
    f:close()
    for _, name in ipairs(client.ciphers) do
      assert.is_truthy(text:find('"' .. name .. '"', 1, true), name)
    end
    for _, name in ipairs(client.digests) do
      assert.is_truthy(text:find('"' .. name .. '"', 1, true), name)
    end
  end)
end)
