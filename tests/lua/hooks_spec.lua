-- SPDX-License-Identifier: GPL-3.0-or-later
--- The engine's events through lunel.instance and lunel.hooks, over a core that answers at once.
local stub = require "core_stub"

describe("a client's hooks", function()
  local core, instance, vpn, remotes, on

  before_each(function()
    core = stub.new()
    core.files["ca.pem"], core.files["me.pem"], core.files["me.key"] = "CA", "CERT", "KEY"
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    remotes = { vpn.remote { "fra.example", 1194, "udp", site = "fra" },
                vpn.remote { "ams.example", 443, "tcp", site = "ams" } }
    on = {}
  end)

  -- Opens a client with the hooks in |on|; its handle.
  local function open(more)
    local file = os.tmpname() .. ".lua"
    local f = assert(io.open(file, "w"))
    f:write("require('lunel').client(package.loaded.test_conf)")
    f:close()
    package.loaded.test_conf = vpn.merge({
      tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" }, on = on,
    }, more)
    package.loaded.test_conf.remotes = remotes
    local plan, errors = instance.load { kind = "script", file = file, args = {} }
    os.remove(file)
    assert(plan, errors and errors[1])
    local ok, problems = instance.prepare {}
    assert(ok, problems and problems[1])
    assert(instance.open())
    return core.next_handle - 1
  end

  local function event(handle, kind, fields)
    local ev = { kind = kind, tunnel = handle }
    for k, v in pairs(fields or {}) do ev[k] = v end
    instance.event(ev)
    core.run()
    return table.remove(core.replies, 1)
  end

  local function last_error()
    for i = #core.logged, 1, -1 do
      if core.logged[i].name == "script.error" then return core.logged[i].fields end
    end
  end

  local function asked()
    return stub.calls(core, "tunnel_open")[1][2].asks
  end

  it("are asked only where there is one, or a default of ours", function()
    open()
    assert.equal(4 + 32 + 64, asked())
    on.pulled, on.reconnect = function() end, function() end
    core.calls = {}
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    open { auth_user_pass = { username = "joe", password = "x" } }
    assert.equal(4 + 32 + 64 + 2 + 16 + 128, asked())
  end)

  describe("select_remote", function()
    it("gets the attempts and names a remote of the list", function()
      local ctx
      on.select_remote = function(c)
        ctx = c
        return remotes[2], 3
      end
      local handle = open()
      local r = event(handle, "select_remote", { ticket = "1", attempt = 2, failures = 1,
        last_remote = 1, last_cause = "timeout", last_text = "no answer", deadline = 10 })
      assert.equal("remote", r.kind)
      assert.equal("ams.example", r[1].host)
      assert.equal("tcp", r[1].proto)
      assert.is_nil(r[1].site)
      assert.equal(2, r[2])
      assert.equal(3, r[3])
      assert.equal(2, ctx.attempt)
      assert.equal(remotes[1], ctx.remote)
      assert.equal("timeout", ctx.last_error.code)
      assert.equal(1, #ctx.history)
    end)

    it("may make a remote of its own", function()
      on.select_remote = function() return vpn.remote { "new.example" } end
      local r = event(open(), "select_remote", { ticket = "1", attempt = 1 })
      assert.equal("new.example", r[1].host)
      assert.is_nil(r[2])
    end)

    it("gets the default when it returns nil, fails or returns something else", function()
      local handle = open { on = { select_remote = function()
        return package.loaded.answer and package.loaded.answer()
      end } }
      local rows = {
        { nil }, { function() error "boo" end, "boo" },
        { function() return 5 end, "returned a number; a remote" },
        { function() return {} end, "returned a table; a remote" },
      }
      for _, row in ipairs(rows) do
        package.loaded.answer = row[1]
        assert.equal("default", event(handle, "select_remote", { ticket = "1", attempt = 1 }).kind)
        local err = row[2] and last_error().error
        if err then assert.truthy(err:find(row[2], 1, true), err) end
      end
      package.loaded.answer = nil
    end)
  end)

  describe("credentials", function()
    it("gives them, or says why not", function()
      local answer
      on.credentials = function(ctx)
        assert.equal("first", ctx.why)
        return unpack(answer, 1, 2)
      end
      local handle = open { auth_user_pass = true }
      answer = { { username = "joe", password = "x" } }
      local r = event(handle, "credentials", { ticket = "1", why = "first" })
      assert.same({ "joe", "x" }, { r[1], r[2] })
      answer = { nil, "locked" }
      r = event(handle, "credentials", { ticket = "1", why = "first" })
      assert.is_nil(r[1])
      assert.equal("locked", r[3])
      answer = { { user = "joe" } }
      assert.equal("default", event(handle, "credentials", { ticket = "1", why = "first" }).kind)
    end)

    it("come from the terminal otherwise", function()
      local handle = open { auth_user_pass = true }
      core.answers = { "joe", "x" }
      local r = event(handle, "credentials", { ticket = "1", why = "first" })
      assert.same({ "joe", "x" }, { r[1], r[2] })
      r = event(handle, "credentials", { ticket = "1", why = "first" })
      assert.is_nil(r[1])
      assert.equal("there is no terminal to ask on", r[3])
    end)
  end)

  it("challenge answers, and knows the page that was to be opened", function()
    local seen
    on.challenge = function(ctx)
      seen = ctx
      return "42"
    end
    local handle = open()
    event(handle, "open_url", { text = "https://sso.example/x" })
    local r = event(handle, "challenge",
      { ticket = "1", ask = "cr_text", text = "Code", echo = true })
    assert.equal("answer", r.kind)
    assert.equal("42", r[1])
    assert.same({ "cr_text", "Code", true, "https://sso.example/x" },
      { seen.kind, seen.text, seen.echo, seen.url })
  end)

  it("verify_cert decides; whatever is no verdict is the default", function()
    local verdict
    on.verify_cert = function(sess, chain)
      assert.equal("server", chain[1].cn)
      assert.is_false(sess:is_up())
      return unpack(verdict, 1, 2)
    end
    local handle = open()
    verdict = { true }
    assert.same({ true }, { event(handle, "verify_cert", { ticket = "1" })[1] })
    verdict = { false, "not you" }
    local r = event(handle, "verify_cert", { ticket = "1" })
    assert.same({ false, "not you" }, { r[1], r[2] })
    verdict = { false }
    assert.equal("refused by verify_cert", event(handle, "verify_cert", { ticket = "1" })[2])
    verdict = { nil }
    assert.equal("default", event(handle, "verify_cert", { ticket = "1" }).kind)
    verdict = { "yes" }
    assert.equal("default", event(handle, "verify_cert", { ticket = "1" }).kind)
  end)

  it("pulled edits, replaces or refuses the options", function()
    local act
    on.pulled = function(_, options) return act(options) end
    local handle = open()
    local function pull()
      return event(handle, "pulled", { ticket = "1", options = { "route 10.0.0.0", "ping 10" } })
    end
    act = function(o) o[3] = "mtu" end
    assert.same({ "route 10.0.0.0", "ping 10", "mtu" }, pull()[1])
    act = function() return { "ping 10" } end
    assert.same({ "ping 10" }, pull()[1])
    act = function() return false, "too many" end
    local r = pull()
    assert.is_nil(r[1])
    assert.equal("too many", r[2])
    act = function() error "boo" end
    assert.equal("default", pull().kind)
    act = function() return "x" end
    assert.equal("default", pull().kind)
  end)

  it("up and down get the network; an error in them stops nothing", function()
    local seen = {}
    on.up = function(sess, net)
      seen.up, seen.is_up = net, sess:is_up()
      error "boo"
    end
    on.down = function(sess, net)
      seen.down, seen.was_up = net, sess:is_up()
    end
    local handle = open()
    event(handle, "state", { state = "hello", remote = 2, address = "192.0.2.1:443" })
    local net = { ticket = "1", ifname = "tun7", mtu = 1400, lines = { "address 10.8.0.2/24" },
                  env = {} }
    local r = event(handle, "up", net)
    assert.same({ "verdict", true }, { r.kind, r[1] })
    assert.is_true(seen.is_up)
    assert.equal("tun7", seen.up.ifname)
    assert.truthy(last_error().error:find("boo", 1, true))
    event(handle, "state", { state = "up" })
    assert.is_true(instance.is_up())
    r = event(handle, "down", net)
    assert.equal("verdict", r.kind)
    assert.is_false(seen.was_up)
  end)

  describe("reconnect", function()
    local answer, ctx, cause
    before_each(function()
      on.reconnect = function(c, why)
        ctx, cause = c, why
        return answer()
      end
    end)

    local function reconnect(handle)
      return event(handle, "reconnect", { ticket = "1", cause = "timeout", text = "no answer",
        phase = "connect", remote = 1, failures = 3, backoff = 8 })
    end

    it("says how long to wait, or that it is over", function()
      local handle = open()
      answer = function() return 2.5 end
      assert.same({ 2.5 }, { reconnect(handle)[1] })
      assert.same({ "timeout", "no answer", "connect" }, { cause.code, cause.text, cause.phase })
      assert.same({ remotes[1], 3, 8 }, { ctx.remote, ctx.failures, ctx.backoff })
      answer = function() return vpn.stop "enough" end
      local r = reconnect(handle)
      assert.same({ -1, "enough" }, { r[1], r[2] })
      answer = function() end
      assert.equal("default", reconnect(handle).kind)
    end)

    it("gets the default for what is no time", function()
      local handle = open()
      for _, value in ipairs { -1, 0 / 0, 1e9, "5 s", true } do
        answer = function() return value end
        assert.equal("default", reconnect(handle).kind, tostring(value))
      end
    end)
  end)

  it("control takes a text or leaves it", function()
    on.control = function(_, text) return text == "mine" or nil end
    local handle = open()
    assert.is_true(event(handle, "control", { ticket = "1", text = "mine" })[1])
    assert.is_false(event(handle, "control", { ticket = "1", text = "other" })[1])
  end)

  it("closed gets why and the counters, and the instance ends with its last tunnel", function()
    local seen
    on.closed = function(sess, why, stats) seen = { why, stats.rx, sess and sess:is_up() } end
    local handle = open()
    event(handle, "state", { state = "hello" })
    event(handle, "closed", { cause = "auth_failed", exit_status = 1, stats = { rx = 5 } })
    assert.same({ "auth_failed", 5, false }, seen)
    assert.equal(1, instance.status())
    assert.same({ "cancel_owner", 0 }, core.calls[#core.calls])
    -- the handle is dead now
    assert.equal("default", event(handle, "credentials", { ticket = "9" }).kind)
  end)

  it("of a session that ended are cancelled with it", function()
    local handle = open()
    event(handle, "state", { state = "hello", remote = 1 })
    core.calls = {}
    event(handle, "state", { state = "wait" })
    assert.equal(1, #stub.calls(core, "cancel_owner"))
    event(handle, "state", { state = "wait" })
    assert.equal(1, #stub.calls(core, "cancel_owner"))
  end)

  it("reach the engine through the session", function()
    local session
    on.up = function(s) session = s end
    local handle = open()
    event(handle, "state", { state = "hello", remote = 1 })
    event(handle, "up", { ticket = "1", ifname = "tun0", lines = {}, env = {} })
    session:reconnect { match = { site = "ams" }, reason = "test" }
    local call = stub.calls(core, "tunnel_reconnect")[1]
    assert.same({ handle, false, "ams.example", 2, "test" },
      { call[2], call[3], call[4].host, call[5], call[6] })
    assert.has_error(function() session:reconnect { match = { site = "nowhere" } } end,
      "session:reconnect: no remote matches")
    assert.has_error(function() return session.remotte end,
      "a session has no 'remotte'; did you mean 'remote'?")
    assert.equal(1, session:stats().rx)
    session:stop "done"
    assert.same({ "tunnel_stop", handle, "done" }, stub.calls(core, "tunnel_stop")[1])
    -- Of the latest it ends the wait; once there is another it is nobody's.
    event(handle, "state", { state = "wait" })
    assert.is_true((session:reconnect()))
    event(handle, "state", { state = "hello", remote = 1 })
    assert.is_nil((session:reconnect()))
  end)

  it("tell of the network, one at a time and in order", function()
    local told = {}
    core.watch_network = function()
      core.calls[#core.calls + 1] = { "watch_network" }
      return 1
    end
    open()
    assert.same({}, stub.calls(core, "watch_network"))
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    on.network = function(changes, session)
      told[#told + 1] = changes
      assert.is_nil(session)
      if #told == 1 then
        instance.event { kind = "network", options = { "link wlan0 down" } }
        instance.event { kind = "network", options = { "lost" } }
      end
    end
    open()
    assert.equal(1, #stub.calls(core, "watch_network"))
    instance.event { kind = "network", options = {
      "link eth0 up", "link eth1 gone", "address eth0 new 192.0.2.2/24",
      "default eth0 new 4 192.0.2.1", "default - gone 6 -" } }
    core.run()
    assert.same({
      { { what = "link", ifname = "eth0", up = true, gone = false },
        { what = "link", ifname = "eth1", up = false, gone = true },
        { what = "address", ifname = "eth0", gone = false, address = "192.0.2.2/24" },
        { what = "default", ifname = "eth0", gone = false, family = 4, gateway = "192.0.2.1" },
        { what = "default", gone = true, family = 6 } },
      { { what = "link", ifname = "wlan0", up = false, gone = false }, { what = "lost" } },
    }, told)
  end)
end)

describe("the API", function()
  local core, vpn

  before_each(function()
    core = stub.new()
    vpn = stub.load(core, "lunel")
  end)

  it("backs off", function()
    local o = { base = 0.5, max = 30, jitter = 0 }
    for n, seconds in pairs { [0] = 0.5, 0.5, 1, 2, 4, 8, 16, 30, 30, [1000] = 30 } do
      assert.equal(seconds, vpn.backoff(n, o), n)
    end
    for _ = 1, 100 do
      local s = vpn.backoff(3, { base = 1, max = 10 })
      assert.is_true(s <= 4 and s > 3.2)
    end
  end)

  it("filters and merges", function()
    assert.same({ 2, 4 }, vpn.filter({ 1, 2, 3, 4 }, function(v) return v % 2 == 0 end))
    local a, b = { x = 1, t = { a = 1, b = 1 }, l = { 1, 2 } }, { y = 2, t = { b = 2 }, l = { 3 } }
    assert.same({ x = 1, y = 2, t = { a = 1, b = 2 }, l = { 3 } }, vpn.merge(a, b))
    assert.same({ x = 1, t = { a = 1, b = 1 }, l = { 1, 2 } }, a)
    assert.same({ a = 1 }, vpn.merge(nil, { a = 1 }))
  end)

  it("tells the time", function()
    assert.equal("2026-11-23T22:10:01.500Z", vpn.iso8601(1795471801.5))
    assert.equal("Mon", vpn.localtime(1795435200).wday)
  end)

  it("chains hooks: both run, the first answer counts", function()
    local ran, conf = {}, {}
    vpn.hook(conf, "reconnect", function() ran[#ran + 1] = "a" end)
    vpn.hook(conf, "reconnect", function() ran[#ran + 1] = "b" return 5 end)
    vpn.hook(conf, "reconnect", function() ran[#ran + 1] = "c" return 6 end)
    assert.equal(5, conf.on.reconnect())
    assert.same({ "a", "b", "c" }, ran)
    conf = { on = { pulled = function() return false, "no" end } }
    vpn.hook(conf, "pulled", function() return {} end)
    assert.same({ false, "no" }, { conf.on.pulled() })
  end)

  it("logs under a name", function()
    local log = vpn.log "failover"
    log.info("selected", { site = "fra" })
    log.error "gone"
    assert.same({ level = "info", name = "failover.selected", fields = { site = "fra" } },
      core.logged[1])
    assert.same("failover.gone", core.logged[2].name)
    assert.has_error(function() log.notice "x" end)
    assert.has_error(function() log.info(5) end, "log.info: a string expected, got a number")
  end)

  it("runs programs with an environment of their own", function()
    core.programs.ping = "/bin/ping"
    local r = vpn.exec { "ping", "-c", 1, env = { A = "b" }, timeout = 2 }
    assert.equal(0, r.status)
    local call = stub.calls(core, "exec")[1]
    assert.equal("/bin/ping -c 1", call[2])
    assert.equal("A=b", call[3][2])
    assert.equal(2, call[5])
    local none, err = vpn.exec { "nothing" }
    assert.is_nil(none)
    assert.equal("there is no program 'nothing'", err)
  end)

  it("is in the reference, all of it", function()
    local f = assert(io.open((os.getenv "LUNEL_SOURCE" or ".") .. "/scripts/README.md"))
    local text = f:read "*a"
    f:close()
    for name in pairs(vpn) do assert.truthy(text:find("`vpn." .. name, 1, true), name) end
    for _, name in ipairs(require("lunel.schema_client").hooks) do
      assert.truthy(text:find("| `" .. name .. "` |", 1, true), name)
    end
    for _, name in ipairs { "is_up", "stats", "rtt", "loss", "reconnect", "stop", "send" } do
      assert.truthy(text:find("`sess:" .. name, 1, true), name)
    end
    local server = require "lunel.schema_server"
    for _, name in ipairs(server.hooks) do
      assert.truthy(text:find("| `" .. name .. "` |", 1, true), name)
    end
    for _, name in ipairs { "is_up", "stats", "rtt", "loss", "kill", "restart", "send",
                            "renegotiate" } do
      assert.truthy(text:find("`peer:" .. name, 1, true), name)
    end
    local keys = text:match("## The configuration of a server(.-)\n## ")
    for _, key in ipairs(server.keys) do
      assert.truthy(keys:find("`" .. key[1] .. "`", 1, true), key[1])
    end
  end)

  it("tells of misuse where it happened", function()
    for _, row in ipairs {
      { function() vpn.client "x" end, "vpn.client: a table expected, got a string" },
      { function() vpn.spawn(5) end, "vpn.spawn: a function expected, got a number" },
      { function() vpn.remote { port = 99999 } end, "vpn.remote: " },
      { function() return vpn.serve end, "there is no vpn.serve" },
      { function() vpn.profile "nothing.ovpn" end, "cannot read 'nothing.ovpn'" },
    } do
      local ok, err = pcall(row[1])
      assert.is_false(ok)
      assert.truthy(err:find(row[2], 1, true), err)
    end
  end)
end)
