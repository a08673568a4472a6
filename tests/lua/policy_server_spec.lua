-- SPDX-License-Identifier: GPL-3.0-or-later
--- What files and programs decide for a server, through its hooks.
local server = require "server_stub"
local stub = require "core_stub"

local function slurp(path)
  local f = io.open(path)
  if not f then return nil end
  local text = f:read "*a"
  f:close()
  return text
end

describe("options of one client", function()
  local policy

  before_each(function() policy = stub.load(server.new(), "lunel.policy_server") end)

  local function read(text)
    local g = { push = {}, routes = {}, push_remove = {} }
    local ok, err = policy.read_options(g, text, "ccd/anna")
    return ok and g, err
  end

  it("are what OpenVPN calls them", function()
    for _, row in ipairs {
      { "ifconfig-push 10.8.0.9 255.255.255.0", "address", "10.8.0.9" },
      { "ifconfig-push 10.8.0.9", "address", "10.8.0.9" },
      { "ifconfig-ipv6-push fd00::9/64 fd00::1", "address6", "fd00::9" },
      { "ifconfig-ipv6-push fd00::9", "address6", "fd00::9" },
      { "iroute 10.1.0.0 255.255.0.0", "routes", { "10.1.0.0/16" } },
      { "iroute 10.1.2.3", "routes", { "10.1.2.3/32" } },
      { "iroute 0.0.0.0 0.0.0.0", "routes", { "0.0.0.0/0" } },
      { "iroute 10.1.0.0/16", "routes", { "10.1.0.0/16" } },
      { "iroute 10.1.0.0 255.255.0.0\r\niroute-ipv6 fd01::/48\r\n", "routes",
        { "10.1.0.0/16", "fd01::/48" } },
      { 'push "route 10.2.0.0 255.255.0.0"\npush block-ipv6 # all of it', "push",
        { "route 10.2.0.0 255.255.0.0", "block-ipv6" } },
      { "push-reset", "push_reset", true }, { "push-remove dhcp-option", "push_remove",
        { "dhcp-option" } },
      { "# nothing\n\n; disable\n  disable", "disabled", true }, { "", "address", nil },
    } do
      local g, err = read(row[1])
      assert.is_nil(err)
      assert.same(row[3], g[row[2]], row[1])
    end
  end)

  it("refuse what is wrong, with its place", function()
    for text, want in pairs {
      ["\nifconfg-push 10.8.0.9"] = "ccd/anna:2: 'ifconfg-push' is no option of a client",
      ["remote a"] = "ccd/anna:1: 'remote' is no option of a client",
      ["ifconfig-push"] = "ccd/anna:1: 'ifconfig-push' needs a value",
      ["ifconfig-push joe"] = "ccd/anna:1: 'joe' is not an address",
      ["ifconfig-push fd00::1"] = "ccd/anna:1: 'fd00::1' is not an address",
      ["ifconfig-ipv6-push 10.8.0.1"] = "ccd/anna:1: '10.8.0.1' is not an address",
      ["iroute 10.1.0.0 255.0.255.0"] = "ccd/anna:1: '255.0.255.0' is not a netmask",
      ["iroute 10.1.0.0 255.255.0"] = "ccd/anna:1: '255.255.0' is not a netmask",
      ["iroute 10.1.0.0/33"] = "ccd/anna:1: '10.1.0.0/33' is not an IPv4 network",
      ["iroute joe 255.0.0.0"] = "ccd/anna:1: 'joe' is not an IPv4 network",
      ["iroute-ipv6 fd01::"] = "ccd/anna:1: 'fd01::' is not an IPv6 network",
      ["iroute-ipv6 fd01::/129"] = "ccd/anna:1: 'fd01::/129' is not an IPv6 network",
      ["push route 10.2.0.0"] = "ccd/anna:1: 'push' has too many words; what has blanks in it "
        .. "stands in quotes",
      ["push"] = "ccd/anna:1: 'push' needs a value",
      ["push-remove"] = "ccd/anna:1: 'push-remove' needs a value",
      ["disable now"] = "ccd/anna:1: 'disable' has too many words; what has blanks in it stands "
        .. "in quotes",
      ['push "route'] = 'ccd/anna:1: no closing quote (")',
    } do
      local g, err = read(text)
      assert.is_nil(g)
      assert.equal(want, err)
    end
  end)
end)

describe("a server's files and programs", function()
  local core, instance, on, vpn

  before_each(function()
    core, on = server.new(), {}
    -- What programs write is on the disk.
    local read = core.read_file
    function core.read_file(path)
      if path == "ccd" then return nil, "Is a directory" end
      local text = slurp(path)
      if text then return text, { uid = 0, mode = 384 } end
      return read(path)
    end
  end)

  local function open(conf)
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    conf.on = on
    return server.open(core, instance, conf)
  end

  local function event(handle, kind, fields)
    return server.event(core, instance, handle, kind, fields)
  end

  local function execs() return stub.calls(core, "exec") end

  local function environment(call)
    local out = {}
    for _, line in ipairs(call[3]) do
      local name, value = line:match "^([^=]*)=(.*)$"
      assert.is_nil(out[name], name)
      out[name] = value
    end
    return out
  end

  local function why()
    for i = #core.logged, 1, -1 do
      if core.logged[i].name:find "^policy" then return core.logged[i].fields.why end
    end
  end

  -- The file that is the last argument of the program, and what was in it.
  local function watch(seen, result)
    return function(argv)
      seen.path = argv[#argv]
      seen.text = slurp(seen.path)
      return type(result) == "function" and result(seen) or result
        or { status = 0, out = "", err = "" }
    end
  end

  describe("client-config-dir", function()
    local function authorize(more)
      local conf = { client_config_dir = "ccd" }
      for k, v in pairs(more or {}) do conf[k] = v end
      return event(open(conf), "authorize")
    end

    it("is asked by the client's name, else by DEFAULT, else nobody is", function()
      assert.same({ push = {}, routes = {}, push_remove = {} }, authorize()[1])
      core.files["ccd/DEFAULT"] = "push default\n"
      assert.same({ "default" }, authorize()[1].push)
      core.files["ccd/anna"] = "push anna\nifconfig-push 10.8.0.9 255.255.255.0\n"
      local g = authorize()[1]
      assert.same({ { "anna" }, "10.8.0.9" }, { g.push, g.address })
    end)

    it("cleans names, and none leads out of it", function()
      for name, file in pairs {
        ["anna@x-1.y_z"] = "anna@x-1.y_z", ["a b/c"] = "a_b_c", ["../etc"] = "DEFAULT",
        [".."] = "DEFAULT", ["."] = "DEFAULT", [".anna"] = "DEFAULT", [""] = "DEFAULT",
        ["DEFAULT"] = "DEFAULT", ["a\nb"] = "a_b", ["\195\164"] = "__",
      } do
        core.peers_known[7].name = name
        core.files = { ["ca.pem"] = "CA", ["s.pem"] = "C", ["s.key"] = "K",
                       ["ccd/" .. file] = "push this\n" }
        assert.same({ "this" }, authorize()[1].push, name)
      end
    end)

    it("lets only those in who have a file, when it is exclusive", function()
      core.files["ccd/DEFAULT"] = "push default\n"
      for _, name in ipairs { "anna", "DEFAULT", "", ".anna", ".." } do
        core.peers_known[7].name = name
        local r = authorize { ccd_exclusive = true }
        assert.equal("grant", r.kind)
        assert.is_nil(r[1], name)
        assert.equal("there is no file for it in 'ccd'", why())
      end
      core.files["ccd/anna"] = ""
      core.peers_known[7].name = "anna"
      assert.is_table(authorize { ccd_exclusive = true }[1])
    end)

    it("denies by disable, by what is wrong, and when it cannot be read", function()
      core.files["ccd/anna"] = "push x\ndisable\n"
      assert.is_nil(authorize()[1])
      assert.equal("'disable' stands in 'ccd/anna'", why())
      core.files["ccd/anna"] = "dissable\n"
      assert.is_nil(authorize()[1])
      assert.equal("ccd/anna:1: 'dissable' is no option of a client", why())
      -- Behind a folder that may not be searched nothing "exists".
      core.files["ccd/anna"] = nil
      local read = core.read_file
      function core.read_file(path)
        if path == "ccd/anna" then return nil, "Permission denied" end
        return read(path)
      end
      assert.is_nil(authorize()[1])
      assert.equal("cannot read 'ccd/anna': Permission denied", why())
    end)

    it("goes before the script's hook, which may add, change or deny", function()
      core.files["ccd/anna"] = "push anna\npush-remove dns\nifconfig-push 10.8.0.9\n"
      on.authorize = function()
        return vpn.grant { push = { "own" }, routes = { "10.1.0.0/16" }, address = "10.8.0.77",
                           expires = 9 }
      end
      assert.same({ push = { "anna", "own" }, push_remove = { "dns" }, routes = { "10.1.0.0/16" },
                    address = "10.8.0.77", expires = 9 }, authorize()[1])
      on.authorize = function() return true end
      assert.equal("10.8.0.9", authorize()[1].address)
      on.authorize = function() return vpn.deny "full" end
      local r = authorize()
      assert.same({ nil, "full" }, { r[1], r[2] })
      for _, fn in ipairs { function() end, function() return false end } do
        on.authorize = fn
        assert.is_nil(authorize()[1])
      end
      on.authorize = function() return 42 end
      assert.equal("default", authorize().kind)
      -- And is not asked about who may not come.
      core.files["ccd/anna"] = "disable\n"
      on.authorize = function() error "asked" end
      assert.equal("grant", authorize().kind)
    end)
  end)

  describe("client-connect", function()
    local function connect(result)
      core.results = { result }
      return event(open { client_connect = { "/bin/c", "own arg" },
                          setenv = { FOO = "bar", PATH = "/x", LD_PRELOAD = "/x",
                                     username = "x" } }, "authorize")
    end

    it("learns of the client, and what it writes counts", function()
      local seen = {}
      local r = connect(watch(seen, function(s)
        local f = assert(io.open(s.path, "w"))
        f:write 'push "route 10.2.0.0 255.255.0.0"\nifconfig-push 10.8.0.9 255.255.255.0\n'
        f:close()
        return { status = 0, out = "", err = "" }
      end))
      assert.same({ "route 10.2.0.0 255.255.0.0" }, r[1].push)
      assert.equal("10.8.0.9", r[1].address)
      assert.equal("", seen.text)
      assert.is_nil(slurp(seen.path))
      assert.equal("/bin/c own arg " .. seen.path, execs()[1][2])
      local env = environment(execs()[1])
      for name, value in pairs {
        script_type = "client-connect", common_name = "anna", username = "anna@x",
        trusted_ip = "192.0.2.7", trusted_port = "41194", untrusted_ip = "192.0.2.7",
        ifconfig_pool_remote_ip = "10.8.0.2", ifconfig_pool_remote_ip6 = "fd00::2",
        time_unix = "1700000000", IV_VER = "2.6.14", UV_SITE = "fra", FOO = "bar",
        dev_type = "tun",
      } do
        assert.equal(value, env[name], name)
      end
      assert.matches("^/usr/local/sbin:", env.PATH)
      assert.is_nil(env.LD_PRELOAD)
    end)

    it("knows the certificate, and an IPv6 client", function()
      core.peers_known[7].address = "[2001:db8::7]:5"
      local handle = open { client_connect = "/bin/c" }
      event(handle, "verify_cert")
      event(handle, "authorize")
      local env = environment(execs()[1])
      for name, value in pairs {
        tls_id_0 = "C=DE, CN=anna", X509_0_CN = "anna", X509_0_C = "DE", tls_serial_0 = "10",
        tls_serial_hex_0 = "0a", tls_digest_sha256_0 = "aa:bb", tls_digest_0 = "ee:ff",
        trusted_ip6 = "2001:db8::7", trusted_port = "5",
        tls_id_1 = "CN=CA", X509_1_CN = "CA", tls_serial_1 = "01",
        tls_serial_hex_1 = "01", proto_1 = "udp", local_port_1 = "1194", script_context = "init",
        verb = "3",
      } do
        assert.equal(value, env[name], name)
      end
    end)

    it("knows the device, and the other end of the client's addresses", function()
      for topology, more in pairs {
        subnet = { ifconfig_netmask = "255.255.255.0", ifconfig_pool_netmask = "255.255.255.0" },
        net30 = { ifconfig_remote = "10.8.0.2", ifconfig_pool_local_ip = "10.8.0.5" },
        p2p = { ifconfig_remote = "10.8.0.2", ifconfig_pool_local_ip = "10.8.0.1" },
      } do
        core.peers_known[7].ipv4 = "10.8.0.6"
        local handle = open { client_connect = "/bin/c", topology = topology,
                              server_ipv6 = "fd00::/64", dev = "tun3" }
        instance.event { kind = "state", tunnel = handle, state = "up", detail = "tun3" }
        event(handle, "authorize")
        local all = execs()
        local env = environment(all[#all])
        more.dev = env.dev and "tun3"
        more.ifconfig_local, more.tun_mtu = "10.8.0.1", "1500"
        more.ifconfig_ipv6_local, more.ifconfig_pool_local_ip6 = "fd00::1", "fd00::1"
        more.ifconfig_pool_ip6_netbits = "64"
        for name, value in pairs(more) do assert.equal(value, env[name], topology .. name) end
        assert.equal(topology == "subnet", env.ifconfig_pool_local_ip == nil)
        assert.equal(topology == "subnet", env.ifconfig_remote == nil)
      end
    end)

    it("gets what the client says without blanks and without what a shell opens", function()
      core.peers_known[7].peer_info = "IV_SSL=OpenSSL 3.0\nUV_X=a\tb$(c)`d`\1\255~!'*\nPATH=/tmp\n"
      event(open { client_connect = "/bin/c" }, "authorize")
      local env = environment(execs()[1])
      assert.equal("OpenSSL_3.0", env.IV_SSL)
      assert.equal("a_b__c)_d___~!'*", env.UV_X)
      assert.matches("^/usr/local/sbin:", env.PATH)
    end)

    it("denies by its status, when it takes too long, fails or writes what is wrong", function()
      local function wrote(text)
        return function(s)
          local f = assert(io.open(s.path, "w"))
          f:write(text)
          f:close()
          return { status = 0, out = "", err = "" }
        end
      end
      for text, result in pairs {
        ["'/bin/c' ended with status 1: no licence left"] = { status = 1, out = "x",
                                                              err = "no licence left\nmore\n" },
        ["'/bin/c' ended with status 137"] = { status = 137, out = "", err = "" },
        ["'/bin/c' took too long"] = { status = 0, timeout = true, out = "", err = "" },
        ["there is no program '/bin/c'"] = { status = 127, out = "", err = "" },
        ["the helper is gone"] = function() return nil end,
        ["client-connect said 'disable'"] = wrote "disable\n",
        ["client-connect:1: 'dissable' is no option of a client"] = wrote "dissable\n",
      } do
        local seen = {}
        local r
        if text == "the helper is gone" then
          r = connect(text)
        else
          r = connect(watch(seen, result))
          assert.is_nil(slurp(seen.path), text)
        end
        assert.equal("grant", r.kind)
        assert.is_nil(r[1], text)
        assert.equal(text, why())
      end
      -- It may remove the file: what it meant is not known.
      local r = connect(watch({}, function(s)
        os.remove(s.path)
        return { status = 0, out = "", err = "" }
      end))
      assert.is_nil(r[1])
      assert.equal("cannot read what client-connect wrote: No such file or directory", why())
    end)
  end)

  describe("auth-user-pass-verify", function()
    local function login(via, result, more)
      core.results = { result }
      local conf = { auth_user_pass_verify = { "/bin/a" }, auth_user_pass_via = via }
      for k, v in pairs(more or {}) do conf[k] = v end
      return event(open(conf), "authenticate",
        { username = "anna@x", password = core.secret "sesame" })
    end

    it("gets name and password in a file, which is gone afterwards", function()
      local seen = {}
      assert.same({ "ok" }, { unpack(login("via-file", watch(seen))) })
      assert.equal("anna@x\nsesame\n", seen.text)
      assert.is_nil(slurp(seen.path))
      assert.equal("/bin/a " .. seen.path, execs()[1][2])
      assert.is_nil(environment(execs()[1]).password)
      assert.equal("user-pass-verify", environment(execs()[1]).script_type)
    end)

    it("has its file where it is told, and denies when there can be none", function()
      local function folder()
        login("via-file", nil)
        return stub.calls(core, "temporary")[1][2]
      end
      assert.equal(os.getenv "TMPDIR" or "/tmp", folder())
      core.calls = {}
      login("via-file", nil, { tmp_dir = "/run/x" })
      assert.equal("/run/x", stub.calls(core, "temporary")[1][2])
      core.temporary = function() return nil, "No space left on device" end
      core.calls = {}
      local r = login("via-file", nil, { tmp_dir = "/run/x" })
      assert.equal("default", r.kind)
      assert.matches("cannot write a file in '/run/x': No space left", server.last_error(core))
      assert.same({}, execs())
    end)

    it("is not asked about control characters", function()
      for _, via in ipairs { "via-file", "via-env" } do
        for _, bad in ipairs { { "anna\nroot", "x" }, { "anna", "x\ny" }, { "anna", "x\r" },
                               { "\27[2J", "x" }, { "anna", "x\0" } } do
          core.calls, core.results = {}, { { status = 0, out = "", err = "" } }
          local r = event(open { auth_user_pass_verify = { "/bin/a" }, auth_user_pass_via = via },
            "authenticate", { username = bad[1], password = core.secret(bad[2]) })
          assert.same({ "deny", "" }, { unpack(r) })
          assert.same({}, execs())
        end
      end
    end)

    it("gets them in the environment", function()
      assert.same({ "ok" }, { unpack(login "via-env") })
      local env = environment(execs()[1])
      assert.same({ "anna@x", "sesame", "/bin/a" },
        { env.username, env.password, execs()[1][2] })
    end)

    it("denies unless it ends well, and leaves no file", function()
      for _, result in ipairs { { status = 1, out = "", err = "" },
                                { status = 2, out = "", err = "" },
                                { status = 0, timeout = true, out = "", err = "" } } do
        local seen = {}
        assert.same({ "deny", "" }, { unpack(login("via-file", watch(seen, result))) })
        assert.is_nil(slurp(seen.path))
      end
      assert.same({ "deny", "" }, { unpack(login("via-env", "no helper")) })
      assert.same({ "deny", "" }, { unpack(login("via-env", nil, {
        auth_user_pass_verify = { "nothing" } })) })
      assert.equal("there is no program 'nothing'", why())
      for _, entry in ipairs(core.logged) do
        for _, value in pairs(entry.fields) do
          assert.is_nil(tostring(value):find("sesame", 1, true))
        end
      end
    end)

    it("leaves no file when its hook ends in the middle", function()
      -- By its deadline: the core ends the task where it waits, and says so. By the client's end:
      -- it says nothing.
      for _, ending in ipairs { "deadline", "peer_closed", "closed" } do
        local seen, replies = {}, {}
        core.results = { watch(seen, function() error "it never comes back" end) }
        local handle = open { auth_user_pass_verify = "/bin/a" }
        instance.event { kind = "established", tunnel = handle, peer = 7 }
        instance.event { kind = "authenticate", tunnel = handle, peer = 7, ticket = "1",
                         deadline = 5, username = "a", password = core.secret "b" }
        local task = core.tasks[1]
        -- Stops where the program runs, as a task that is never resumed does.
        local co = coroutine.create(function() task.fn(unpack(task.args, 1, task.args.n)) end)
        core.exec = function(argv)
          seen.path = argv[#argv]
          coroutine.yield()
        end
        coroutine.resume(co)
        assert.equal("a\nb\n", slurp(seen.path))
        core.replies = replies
        if ending == "deadline" then
          table.remove(core.tasks, 1).expire()
          assert.equal("default", replies[1].kind)
        else
          instance.event { kind = ending, tunnel = handle, peer = 7, cause = "user" }
          assert.same({}, replies)
        end
        assert.is_nil(slurp(seen.path), ending)
      end
    end)

    it("goes before the script's hook, which hears of those alone who are right", function()
      local asked = 0
      on.authenticate = function(_, cred)
        asked = asked + 1
        return cred.username == "anna@x" and vpn.deny "full"
      end
      assert.same({ "deny", "full" }, { unpack(login "via-env") })
      assert.same({ "deny", "" }, { unpack(login("via-env", { status = 1, out = "", err = "" })) })
      assert.equal(1, asked)
    end)
  end)

  it("asks no program about a token, but about a password when keys are renewed", function()
    local asked = {}
    on.reauth = function(_, _, state)
      asked[#asked + 1] = state
      return true
    end
    local handle = open { auth_user_pass_verify = { "/bin/a" } }
    local function renew(state, result)
      core.results = { result }
      return event(handle, "authenticate", { username = "anna@x", password = core.secret "sesame",
                                             again = true, token_state = state })[1]
    end
    for _, state in ipairs { "valid", "expired", "invalid" } do
      assert.equal("ok", renew(state, { status = 1, out = "", err = "" }))
    end
    assert.equal(0, #execs())
    assert.equal("deny", renew("none", { status = 1, out = "", err = "" }))
    assert.equal("ok", renew "none")
    assert.equal(2, #execs())
    assert.same({ "valid", "expired", "invalid", "none" }, asked)
  end)

  describe("tls-verify", function()
    local function verify(...)
      core.results = { ... }
      return event(open { tls_verify = { "/bin/v", "x" } }, "verify_cert")
    end

    it("judges each certificate, from the authority down", function()
      assert.same({ true }, { unpack(verify()) })
      assert.equal("/bin/v x 1 CN=CA", execs()[1][2])
      assert.equal("/bin/v x 0 C=DE, CN=anna", execs()[2][2])
      local env = environment(execs()[1])
      assert.same({ "tls-verify", "CN=CA", "01", "192.0.2.7" },
        { env.script_type, env.tls_id_1, env.tls_serial_1, env.untrusted_ip })
      assert.is_nil(env.X509_0_CN) -- which is not judged yet
      assert.is_nil(env.common_name)
      assert.is_nil(env.trusted_ip)
      env = environment(execs()[2])
      assert.same({ "CN=CA", "anna", "anna" }, { env.tls_id_1, env.X509_0_CN, env.common_name })
    end)

    it("refuses by its status, and goes no further", function()
      local r = verify { status = 1, out = "", err = "revoked\n" }
      assert.same({ false, "'/bin/v' ended with status 1: revoked" }, { r[1], r[2] })
      assert.equal(1, #execs())
      assert.is_false(verify({ status = 0, out = "", err = "" },
        { status = 0, timeout = true, out = "", err = "" })[1])
    end)

    it("goes before the script's hook", function()
      on.verify_cert = function(_, chain) return chain[1].cn ~= "anna", "not anna" end
      local r = verify()
      assert.same({ false, "not anna" }, { r[1], r[2] })
    end)
  end)

  describe("client-disconnect", function()
    local function leave(conf)
      local handle = open(conf)
      event(handle, "established", { ticket = false })
      core.peers_known[7] = nil
      event(handle, "peer_closed", { ticket = false, cause = "client_exit",
                                     stats = { rx = 5, tx = 6, link_rx = 55, link_tx = 66 } })
    end

    it("is told the end and the counters, and the hook after it", function()
      local heard
      on.closed = function(peer, cause, stats) heard = { peer.name, cause, stats.rx } end
      core.results = { { status = 3, out = "", err = "" } } -- which changes nothing
      leave { client_disconnect = { "/bin/d" } }
      local env = environment(execs()[1])
      for name, value in pairs {
        script_type = "client-disconnect", common_name = "anna", bytes_received = "55",
        bytes_sent = "66", time_duration = ("%.0f"):format(core.wallclock() - 1700000000),
        ifconfig_pool_remote_ip = "10.8.0.2",
      } do
        assert.equal(value, env[name], name)
      end
      assert.same({ "anna", "client_exit", 5 }, heard)
      assert.equal("script.failed", core.logged[#core.logged].name)
    end)

    it("does not run where no program may", function()
      leave { client_disconnect = { "/bin/d" }, script_security = 1 }
      assert.same({}, execs())
      assert.equal("script.not_allowed", core.logged[1].name)
    end)
  end)

  it("are found by cd, and by PATH", function()
    core.programs.verdict = "/usr/bin/verdict"
    for _, row in ipairs { { "./c", "/etc/vpn/./c" }, { "bin/c", "/etc/vpn/bin/c" },
                           { "/bin/c", "/bin/c" }, { "verdict", "/usr/bin/verdict" } } do
      core.calls = {}
      core.files["/etc/vpn/ca.pem"] = "CA"
      event(open { cd = "/etc/vpn", client_connect = { row[1] },
                   tls = { ca = "ca.pem", cert = "-\n", key = "-\n" } }, "authorize")
      assert.truthy(execs()[1][2]:find(row[2] .. " ", 1, true), execs()[1][2])
    end
  end)
end)
