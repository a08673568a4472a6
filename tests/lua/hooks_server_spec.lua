-- SPDX-License-Identifier: GPL-3.0-or-later
--- The engine's questions about a server's clients, through lunel.instance and lunel.hooks_server.
local server = require "server_stub"
local stub = require "core_stub"

describe("a server's hooks", function()
  local core, instance, vpn, on

  before_each(function()
    core = server.new()
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    on = {}
  end)

  -- Opens a server with the hooks in |on|, in an instance of its own; its handle.
  local function open(more)
    instance, vpn = stub.load(core, "lunel.instance", "lunel")
    local conf = { on = on }
    for k, v in pairs(more or {}) do conf[k] = v end
    return server.open(core, instance, conf)
  end

  local function event(handle, kind, fields)
    return server.event(core, instance, handle, kind, fields)
  end

  local function login(handle, more)
    local fields = { username = "anna@x", password = core.secret "sesame", again = false }
    for k, v in pairs(more or {}) do fields[k] = v end
    return event(handle, "authenticate", fields)
  end

  local function asked()
    return stub.calls(core, "server_open")[1][2].asks
  end

  it("are asked where there is one, and for the certificate where there is any", function()
    for _, row in ipairs {
      { {}, 0 }, { { authenticate = true }, 512 + 8 }, { { authorize = true }, 1024 + 8 },
      { { learn = true, control = true }, 2048 + 256 + 8 }, { { verify_cert = true }, 8 },
      { { reauth = true }, 8192 + 8 }, { { established = true }, 8 }, { { closed = true }, 8 },
    } do
      core, on = server.new(), {}
      for name in pairs(row[1]) do on[name] = function() return true end end
      open()
      assert.equal(row[2], asked(), next(row[1]))
    end
  end)

  -- A1: what a hook returns or does, and what the client gets.
  local function answers(name, ask, kind, denied)
    local answer
    on[name] = function(...) return answer(...) end
    local handle = open()
    local function nothing() end
    for text, row in pairs {
      ["nil"] = { nothing }, ["false"] = { function() return false end },
      error = { function() error "boo" end, "boo" },
      number = { function() return 42 end, "returned a number" },
      text = { function() return "yes" end, "returned a string" },
      plain = { function() return {} end, "returned a table" },
      ["function"] = { function() return nothing end, "returned a function" },
      of_client = { function() return vpn.stop() end, "returned a table" },
    } do
      answer, core.logged = row[1], {}
      local r = ask(handle)
      local err = server.last_error(core)
      if row[2] then
        assert.equal("default", r.kind, text)
        assert.truthy(err and err:find(row[2], 1, true), tostring(err))
      else
        assert.equal(kind, r.kind, text)
        -- A no without a word is the empty text; no answer has none.
        if text == "false" then assert.equal("", r[r.n]) end
        assert.same(denied, { unpack(r, 1, text == "false" and r.n - 1 or r.n) }, text)
        assert.is_nil(err)
      end
    end
    -- Its deadline is the engine's; who meets it gets the default, which denies.
    answer = nothing
    core.replies = {}
    instance.event { kind = name, tunnel = handle, peer = 7, ticket = "9", deadline = 5,
                     password = core.secret "x", username = "" }
    assert.equal(5, core.tasks[1].deadline)
    table.remove(core.tasks, 1).expire()
    assert.same({ kind = "default", ticket = "9", n = 0 }, core.replies[1])
    return handle, function(fn) answer = fn end
  end

  describe("authenticate", function()
    it("denies whatever is no clear yes", function()
      local handle, set = answers("authenticate", login, "login", { "deny" })
      set(function() return true end)
      assert.same({ kind = "login", ticket = "1", n = 1, "ok" }, login(handle))
      set(function() return vpn.deny "not today\nAUTH" end)
      assert.same({ "deny", "not today AUTH" }, { unpack(login(handle)) })
      set(function() return vpn.deny() end)
      assert.same({ "deny", "" }, { unpack(login(handle)) })
      set(function() return vpn.grant {} end)
      assert.equal("default", login(handle).kind)
    end)

    it("is asked about renegotiations, unless reauth is there, who hears of the token", function()
      local heard = {}
      on.authenticate = function(_, cred, state)
        heard[#heard + 1] = { "authenticate", cred.again, state }
        return true
      end
      login(open(), { again = true, token_state = "none" })
      on.reauth = function(_, cred, state)
        heard[#heard + 1] = { "reauth", cred.again, state }
        return vpn.deny "no more"
      end
      local handle = open()
      assert.same({ "ok" }, { unpack(login(handle, { token_state = "none" })) })
      for _, state in ipairs { "none", "valid", "expired", "invalid" } do
        assert.same({ "deny", "no more" },
          { unpack(login(handle, { again = true, token_state = state })) })
      end
      assert.same({ { "authenticate", true }, { "authenticate", false }, { "reauth", true, "none" },
                    { "reauth", true, "valid" }, { "reauth", true, "expired" },
                    { "reauth", true, "invalid" } }, heard)
    end)

    it("denies by reauth, too, what is no clear yes", function()
      for _, row in ipairs {
        { function() end, "login" }, { function() return false end, "login" },
        { function() error "boo" end, "default", "hook 'reauth'.*boo" },
        { function() return 42 end, "default", "hook 'reauth' returned a number" },
      } do
        on.reauth, core.logged = row[1], {}
        local r = login(open(), { again = true, token_state = "valid" })
        assert.equal(row[2], r.kind)
        assert.not_equal("ok", r[1])
        if row[3] then
          local said = core.logged[#core.logged].fields
          assert.matches(row[3], said.what .. " " .. said.error)
        end
      end
      on.reauth = function() return vpn.challenge { "Code?", inside = true } end
      assert.same({ "challenge", "CR_TEXT:R:Code?" }, { unpack(login(open(), { again = true })) })
    end)

    it("gets what the client said", function()
      local seen
      on.authenticate = function(peer, cred)
        seen = { peer.id, cred.username, cred.password:reveal(), cred.response:reveal(),
                 cred.state, cred.again, tostring(cred.password) }
        return true
      end
      login(open(), { response = core.secret "123", state = "s1", again = true })
      assert.same({ 7, "anna@x", "sesame", "123", "s1", true, "***" }, seen)
    end)

    it("asks in OpenVPN's words", function()
      for _, row in ipairs {
        { { "Code?" }, "CRV1:R:-:YW5uYUB4:Code?" },
        { { "Code?", echo = true, state = "st4te" }, "CRV1:R,E:st4te:YW5uYUB4:Code?" },
        { { text = "PIN: now", state = 5 }, "CRV1:R:5:YW5uYUB4:PIN: now" },
        { { "Code?", inside = true }, "CR_TEXT:R:Code?" },
        { { "Co\nde?", inside = true, echo = true }, "CR_TEXT:R,E:Co de?" },
      } do
        on = { authenticate = function() return vpn.challenge(row[1]) end }
        assert.same({ "challenge", row[2] }, { unpack(login(open())) })
      end
      for user, text in pairs { a = "YQ==", ab = "YWI=", abc = "YWJj", ["\255\254"] = "//4=" } do
        core.peers_known[7].user = user
        on = { authenticate = function() return vpn.challenge { "?" } end }
        assert.equal("CRV1:R:-:" .. text .. ":?", login(open())[2])
      end
    end)

    it("has no challenge that the client could not send back", function()
      for _, state in ipairs { "a:b", "", "a\nb" } do
        assert.has_error(function() vpn.challenge { "?", state = state } end)
      end
      local ok, err = pcall(function() vpn.challenge {} end)
      assert.is_false(ok)
      assert.matches("hooks_server_spec.lua:%d+: vpn.challenge: a text expected", err)
      assert.has_error(function() vpn.challenge "?" end,
        "vpn.challenge: a table expected, got a string")
    end)
  end)

  describe("authorize", function()
    local function authorize(handle) return event(handle, "authorize") end

    it("denies whatever is no clear yes", function()
      local handle, set = answers("authorize", authorize, "grant", { nil })
      set(function() return true end)
      assert.same({ {} }, { unpack(authorize(handle)) })
      set(function() return vpn.deny "full" end)
      local r = authorize(handle)
      assert.same({ n = 2, nil, "full" }, { n = r.n, r[1], r[2] })
      set(function() return vpn.challenge { "?" } end)
      assert.equal("default", authorize(handle).kind)
    end)

    it("grants each field", function()
      for key, value in pairs {
        pool = "staff", address = "10.8.0.9", address6 = "fd00::9", routes = { "10.1.0.0/16" },
        push = { "route 10.2.0.0 255.255.0.0" }, push_remove = { "dns" }, push_reset = true,
        expires = 60, filter = "no_lateral",
      } do
        on = { authorize = function() return vpn.grant { [key] = value } end }
        assert.same({ [key] = value }, authorize(open())[1])
      end
      assert.same({}, authorize((function()
        on = { authorize = function() return vpn.grant() end }
        return open()
      end)())[1])
    end)

    it("says what of it a client will not take", function()
      core.push_faults["rout 10.0.0.0"] = { "rout: it is nothing", true }
      core.push_faults["route 10.0.0.0 1"] = { "the netmask has holes" }
      on = { authorize = function()
        return vpn.grant { push = { "rout 10.0.0.0", "dns 1", "route 10.0.0.0 1" } }
      end }
      authorize(open())
      local said = {}
      for _, line in ipairs(core.logged) do
        local f = line.fields
        if line.name == "grant.push" then said[#said + 1] = f.peer .. " " .. f.why end
      end
      assert.same({ "anna rout: it is nothing; did you mean 'route'?",
                    "anna the netmask has holes" }, said)
    end)

    it("grants rates in bits a second", function()
      for _, row in ipairs {
        { "20mbit", 20e6, 20e6 }, { 1000, 1000, 1000 }, { { down = "1.5 Mbit" }, 1.5e6 },
        { { up = "64kbit" }, nil, 64e3 }, { { down = "1gbit", up = 5e6 }, 1e9, 5e6 }, { {} },
      } do
        on = { authorize = function() return vpn.grant { rate = row[1] } end }
        assert.same({ rate_down = row[2], rate_up = row[3] }, authorize(open())[1])
      end
    end)

    it("has no grant that says what it cannot", function()
      for _, row in ipairs {
        { { pol = "x" }, "there is no 'pol'; did you mean 'pool'?" },
        { { [1] = "x" }, "there is no '1'" }, { { kind = "grant" }, "there is no 'kind'" },
        { { rate = "10m" }, "rate is bits a second, from 1000 to 1e12, or a text like '20mbit' "
          .. "(kbit, mbit, gbit), not '10m'" },
        { { rate = 0 }, "rate is bits a second, from 1000 to 1e12" },
        { { rate = 0 / 0 }, "rate is bits a second, from 1000 to 1e12" },
        { { rate = "0.5kbit" }, "rate is bits a second, from 1000 to 1e12" },
        { { rate = true }, "rate is bits a second" },
        { { rate = { down = {} } }, "rate.down is bits a second" },
        { { rate = { up = "fast" } }, "rate.up is bits a second" },
        { { rate = { "1mbit" } }, "rate has down and up, not '1'" },
        { { filter = {} }, "filter is a string, not a table" },
        { { pool = 5 }, "pool is a string, not a number" },
        { { push = "route 10.0.0.0" }, "push is a table, not a string" },
        { { routes = { {} } }, "in routes is a table, not a string" },
        { { expires = "1h" }, "expires is a number, not a string" },
        { { expires = 0 }, "expires is not a time to come: 0" },
        { { expires = -60 }, "expires is not a time to come: -60" },
        { { expires = 0 / 0 }, "expires is not a time to come" },
        { { expires = math.huge }, "expires is not a time to come: inf" },
        { { push_reset = 1 }, "push_reset is a boolean, not a number" },
        { { push = { "a", nil, "b" } }, "push is no list: it has holes or names" },
        { { routes = { [2] = "10.0.0.0/8" } }, "routes is no list: it has holes or names" },
        { { push_remove = { "a", x = "b" } }, "push_remove is no list: it has holes or names" },
      } do
        local ok, err = pcall(function() vpn.grant(row[1]) end)
        assert.is_false(ok)
        assert.truthy(err:find("vpn.grant: " .. row[2], 1, true), err)
        assert.matches("hooks_server_spec.lua:%d+: vpn", err)
      end
      assert.has_error(function() vpn.grant "x" end,
        "vpn.grant: a table expected, got a string")
    end)
  end)

  describe("verify_cert", function()
    local function verify(handle) return event(handle, "verify_cert") end

    it("judges the chain", function()
      local seen, answer
      on.verify_cert = function(peer, chain)
        seen = { peer.cert, chain }
        return answer()
      end
      local handle = open()
      for _, row in ipairs {
        { function() return true end, { true } },
        { function() return false, "too old" end, { false, "too old" } },
        { function() return false end, { false, "refused by verify_cert" } },
        { function() end }, { function() return 1 end }, { function() error "boo" end },
        { function() return vpn.deny "x" end },
      } do
        answer = row[1]
        local r = verify(handle)
        assert.equal(row[2] and "verdict" or "default", r.kind)
        assert.same(row[2] or {}, { r[1], r[2] })
      end
      assert.same({ core.chain[1], core.chain }, seen)
    end)

    it("is nobody's when there is none, but others see the certificate", function()
      local cn
      on.authorize = function(peer)
        cn = peer.cert.cn
        return true
      end
      local handle = open()
      assert.same({ true }, { unpack(verify(handle)) })
      event(handle, "authorize")
      assert.equal("anna", cn)
    end)
  end)

  it("learn says yes by true alone", function()
    local answer, seen
    on.learn = function(peer, prefix, op)
      seen = { peer.id, prefix, op }
      return answer()
    end
    local handle = open()
    for _, row in ipairs {
      { function() return true end, "verdict", true }, { function() end, "verdict", false },
      { function() return false end, "verdict", false },
      { function() return 1 end, "verdict", false },
      { function() error "boo" end, "default" },
    } do
      answer = row[1]
      local r = event(handle, "learn", { prefix = "10.8.0.2/32", op = "add" })
      assert.equal(row[2], r.kind)
      assert.equal(row[3], r[1])
    end
    assert.same({ 7, "10.8.0.2/32", "add" }, seen)
  end)

  it("control takes a text or leaves it", function()
    on.control = function(_, text) return text == "mine" or nil end
    local handle = open()
    assert.is_true(event(handle, "control", { text = "mine" })[1])
    assert.is_false(event(handle, "control", { text = "other" })[1])
  end)

  it("are no other's business: a question without a hook gets the default", function()
    local handle = open()
    assert.equal("default", event(handle, "no_such_question").kind)
    assert.equal("default", event(99, "authorize").kind)
  end)

  describe("closed", function()
    local ended

    before_each(function()
      ended = {}
      on.closed = function(peer, why, stats)
        ended[#ended + 1] = { peer.name, peer.ipv4, why, stats and stats.rx, peer:is_up() }
      end
    end)

    it("comes once for each established, with the last counters", function()
      local handle = open()
      event(handle, "verify_cert")
      event(handle, "established", { ticket = false })
      core.peers_known[7] = nil
      local gone = { ticket = false, cause = "client_exit", stats = { rx = 99 } }
      event(handle, "peer_closed", gone)
      event(handle, "peer_closed", gone)
      assert.same({ { "anna", "10.8.0.2", "client_exit", 99, false } }, ended)
    end)

    it("comes for nobody who was not established", function()
      local handle = open()
      event(handle, "verify_cert")
      event(handle, "peer_closed", { ticket = false, cause = "auth_failed" })
      event(handle, "peer_closed", { ticket = false, peer = 8, cause = "auth_failed" })
      assert.same({}, ended)
    end)

    it("comes at the server's end, too, and the instance waits for it", function()
      local handle = open()
      core.peers_known[8] = { name = "ben", address = "192.0.2.8:1", ipv4 = "10.8.0.3" }
      event(handle, "established", { ticket = false })
      event(handle, "established", { ticket = false, peer = 8 })
      core.calls = {}
      -- One of them is told by the engine, one is not.
      instance.event { kind = "peer_closed", tunnel = handle, peer = 7, cause = "user",
                       stats = { rx = 5 } }
      instance.event { kind = "closed", tunnel = handle, cause = "user", exit_status = 0 }
      local function waits()
        for _, call in ipairs(stub.calls(core, "cancel_owner")) do
          if call[2] == 0 then return false end
        end
        return true
      end
      assert.is_true(waits())
      core.run()
      assert.is_false(waits())
      table.sort(ended, function(a, b) return a[1] < b[1] end)
      assert.same({ { "anna", "10.8.0.2", "user", 5, false },
                    { "ben", "10.8.0.3", "user", nil, false } }, ended)
      event(handle, "peer_closed", { ticket = false, cause = "user" })
      assert.equal(2, #ended)
    end)

    it("is told even when it fails, and holds nothing up", function()
      on.closed = function() error "boo" end
      local handle = open()
      event(handle, "established", { ticket = false })
      event(handle, "peer_closed", { ticket = false, cause = "user" })
      event(handle, "closed", { ticket = false, cause = "user", exit_status = 0 })
      assert.truthy(server.last_error(core):find "boo")
      assert.same({ "cancel_owner", 0 }, core.calls[#core.calls])
    end)
  end)

  it("established is told, and what it spawned ends with the peer", function()
    local peer
    on.established = function(p)
      peer = p
      assert.is_true(p:is_up())
      vpn.spawn(function() error "must not run" end)
      return false -- nobody asks
    end
    local handle = open()
    instance.event { kind = "established", tunnel = handle, peer = 7 }
    table.remove(core.tasks, 1).run() -- the hook; its task waits
    assert.equal(1, #core.tasks)
    assert.equal(peer.owner, core.tasks[1].owner)
    instance.event { kind = "peer_closed", tunnel = handle, peer = 7, cause = "user" }
    assert.equal(0, #core.tasks)
  end)

  describe("a peer", function()
    local peer

    local function establish()
      on.established = function(p) peer = p end
      local handle = open()
      event(handle, "verify_cert")
      event(handle, "established", { ticket = false })
      return handle
    end

    it("has what the engine knows, and vars", function()
      local handle = establish()
      for name, value in pairs(core.peers_known[7]) do
        if name ~= "up" then assert.equal(value, peer[name], name) end
      end
      assert.equal(7, peer.id)
      assert.equal("anna", peer.cert.cn)
      assert.same({}, peer.vars)
      assert.equal("peer anna", tostring(peer))
      local ok, err = pcall(function() return peer.adress end)
      assert.is_false(ok)
      assert.matches("a peer has no 'adress'; did you mean 'address'%?", err)
      -- Live while it is there, as last seen afterwards.
      core.peers_known[7] = { address = "192.0.2.99:5", name = "anna", ipv4 = "10.8.0.2" }
      assert.equal("192.0.2.99:5", peer.address)
      core.peers_known[7] = nil
      event(handle, "peer_closed", { ticket = false, cause = "user" })
      core.peers_known[7] = { address = "203.0.113.1:1", name = "mallory" }
      assert.equal("192.0.2.99:5", peer.address)
      assert.equal("anna", peer.name)
    end)

    it("reaches the engine, and nobody else once it is gone", function()
      local handle = establish()
      local h = handle
      assert.is_true(peer:kill())
      peer:kill "bye"
      peer:restart()
      peer:send "INFO,hi"
      peer:renegotiate()
      peer:filter "shut"
      peer:filter()
      local _, err = pcall(function() peer:filter(5) end)
      assert.matches("hooks_server_spec.lua:%d+: peer:filter: the name of a filter expected, "
        .. "or nil$", err)
      assert.same({ { "peer_kill", h, 7, "HALT" }, { "peer_kill", h, 7, "HALT,bye" },
                    { "peer_kill", h, 7, "RESTART" } }, stub.calls(core, "peer_kill"))
      assert.same({ { "peer_text", h, 7, "INFO,hi" } }, stub.calls(core, "peer_text"))
      assert.same({ { "peer_renegotiate", h, 7 } }, stub.calls(core, "peer_renegotiate"))
      assert.same({ { "peer_filter", h, 7, "shut" }, { "peer_filter", h, 7 } },
        stub.calls(core, "peer_filter"))
      assert.equal(1, peer:stats().rx)
      event(handle, "peer_closed", { ticket = false, cause = "user" })
      core.calls = {}
      for _, name in ipairs { "kill", "restart", "send", "renegotiate", "filter", "stats" } do
        assert.same({ nil, "the peer is gone" }, { peer[name](peer, "x") }, name)
      end
      assert.is_false(peer:is_up())
      assert.same({}, core.calls)
    end)

    it("is nobody's heir when its number is given out again", function()
      local seen = {}
      on.authorize = function(p)
        seen[#seen + 1] = { p.vars.admin, p.cert and p.cert.cn }
        p.vars.admin = true
        return false
      end
      local handle = open()
      event(handle, "verify_cert")
      event(handle, "authorize")
      event(handle, "authorize") -- the same connection
      -- Refused, without a word of the engine; the next has its number and no certificate.
      core.peers_known[7] = { name = "ben", address = "192.0.2.8:1" }
      event(handle, "authorize")
      assert.same({ { nil, "anna" }, { true, "anna" }, { nil, nil } }, seen)
      -- What is gone makes room as soon as somebody else comes, even for one from the same place.
      core.peers_known[7], core.peers_known[8] = nil, { name = "eve", address = "192.0.2.9:1" }
      event(handle, "authorize", { peer = 8 })
      core.peers_known[7] = { name = "ben", address = "192.0.2.8:1" }
      event(handle, "authorize")
      assert.same({}, seen[5])
      assert.is_true(#stub.calls(core, "cancel_owner") >= 2)
    end)

    it("costs the same whoever else is coming or there", function()
      local looked, info = 0, core.peer_info
      core.peer_info = function(...)
        looked = looked + 1
        return info(...)
      end
      on.authorize = function() return false end
      local handle = open()
      -- A thousand that are up, then two thousand that come and go.
      for id = 1000, 1999 do
        core.peers_known[id] = { name = "up" .. id, address = "192.0.2.1:" .. id, up = true }
        event(handle, "established", { peer = id, ticket = false })
      end
      looked = 0
      for id = 2000, 3999 do
        core.peers_known[id] = { name = "n" .. id, address = "192.0.2.2:" .. id }
        if id >= 2300 then core.peers_known[id - 300] = nil end
        event(handle, "authorize", { peer = id })
      end
      assert.is_true(looked / 2000 < 20, looked / 2000 .. " a newcomer")
      -- Those that are gone have been let go of, but for the last few.
      assert.is_true(#stub.calls(core, "cancel_owner") >= 1500)
    end)

    it("stays the same while it moves", function()
      local seen
      on.learn = function(p)
        seen = p
        return true
      end
      local handle = establish()
      core.peers_known[7].address = "203.0.113.9:9"
      event(handle, "verify_cert")
      event(handle, "learn", { prefix = "10.8.0.2/32", op = "add" })
      assert.equal(peer.id, seen.id)
      assert.is_true(rawequal(peer, seen))
    end)
  end)
end)
