-- SPDX-License-Identifier: GPL-3.0-or-later
-- A user's tests that pass: all of the harness (testing_spec.lua runs them).
local t = require "lunel.test"

-- Scripts under test; %s is what each case wants of them.
local CLIENT = [[
local vpn = require "lunel"
local log = vpn.log "mine"
local remotes = { vpn.remote { "a.example", 1194, "udp", site = "a" },
                  vpn.remote { "b.example", 443, "tcp", site = "b" } }
vpn.client { remotes = remotes, connect_timeout = 10,
  tls = { ca = "ca.pem", cert = "me.pem", key = "me.key", %s }, %s }
]]
local SERVER = [[
local vpn = require "lunel"
local log = vpn.log "mine"
vpn.server { listen = { "1194/udp", "1194/tcp" }, server = "10.9.0.0/24",
  server_ipv6 = "fd00:9::/64",
  tls = { ca = "ca.pem", cert = "srv.pem", key = "srv.key", %s }, %s }
]]

local function client(tls, more, o) return t.client(CLIENT:format(tls, more), o) end
local function server(tls, more, o) return t.server(SERVER:format(tls, more), o) end

t.case("time is virtual", function()
  t.equal(t.now(), 0)
  t.advance(86400)
  t.equal(t.now(), 86400)
end)

t.case("the wall clock is the test's", function()
  t.at "2026-11-25 17:30:15"
  local srv = server("", [[on = { established = function()
    local now = vpn.localtime()
    log.info("now", { text = ("%s %d:%d"):format(now.wday, now.hour, now.min), time = os.time(),
                      date = os.date("%H:%M") })
  end }]])
  srv:connect { cn = "anna" }:wait "up"
  local seen = srv:log "^mine.now$"[1].fields
  t.equal(seen.text, "Wed 17:30")
  t.equal(seen.date, "17:30")
  t.equal(math.floor(seen.time / 60), math.floor(os.time { year = 2026, month = 11, day = 25,
                                                           hour = 17, min = 30 } / 60))
end)

for _, wrap in ipairs { "", "crypt = 'k'", "crypt_v2 = 'k'", "auth = 'k', key_direction = 1" } do
  t.case(("a client comes up with {%s}"):format(wrap), function()
    local c = client(wrap, "")
    c:start():wait("up", 5)
    t.equal(c.session.remote.site, "a")
    t.match(c.net.addresses[1], "^10%.8%.0%.")
  end)
  t.case(("a peer comes up with {%s}"):format(wrap), function()
    local srv = server(wrap, "")
    srv:connect { cn = "anna" }:wait("up", 5)
    srv:connect { cn = "ben", proto = "tcp" }:wait("up", 5)
    t.equal(#srv:peers(), 2)
  end)
end

t.case("a client and a server with a policy each", function()
  local srv = server("crypt_v2 = 'k'", [[push = { "route 10.99.0.0 255.255.0.0" }, on = {
    authorize = function(peer)
      peer.vars.seen = true
      return vpn.grant { push = { "setenv-safe SITE " .. peer.cn } }
    end }]])
  local c = client("crypt_v2 = 'k'", [[on = {
    pulled = function(_, options)
      return vpn.filter(options, function(o) return not o:find "^route 10" end)
    end }]], { cn = "branch" })
  c:start():wait "up"
  t.equal(c:far_end(), srv)
  t.match(table.concat(c.pushed, "\n"), "setenv%-safe SITE branch")
  t.equal(c.net.routes, {})
  t.equal(srv:peers()[1].vars.seen, true)
  t.ok(srv:peers()[1].up)
end)

t.case("what a client's remotes do not answer", function()
  local c = client("", "", { reach = function(remote) return remote.site == "b" end })
  c:start():wait("up", 60)
  t.equal(c.session.remote.site, "b")
  t.equal(c.cause.code, "timeout")
end)

t.case("packets cross, also a bad network", function()
  t.network { delay = 0.05, loss = 5 }
  local srv = server("", "")
  local p = srv:connect { cn = "anna" }
  p:wait("up", 120)
  t.network {}
  for i = 1, 100 do
    p:send_packet(t.packet { from = p.address, to = "10.9.0.1", dport = i, payload = ("x"):rep(i) })
  end
  p:send_packet(t.packet { from = "10.1.2.3", to = "10.9.0.1" }) -- not its address
  t.advance(1)
  local got = srv:packets()
  t.equal(#got, 100)
  t.equal(t.parse(got[100]).dport, 100)
  t.equal(t.parse(got[7]), { from = p.address, to = "10.9.0.1", proto = "udp", sport = 0,
                             dport = 7, payload = "xxxxxxx" })
  t.equal(srv:packets(), {})
end)

t.case("packets from peer to peer", function()
  local srv = server("", "client_to_client = true")
  local a, b = srv:connect { cn = "a" }, srv:connect { cn = "b", proto = "tcp" }
  a:wait "up"
  b:wait "up"
  a:send_packet(t.packet { from = a.address, to = b.address, proto = "tcp", dport = 22 })
  t.advance(1)
  t.equal(t.parse(b:packets()[1]).dport, 22)
end)

t.case("scripted names and programs", function()
  local srv = server("", [[on = { authorize = function(peer)
    local addresses, err = vpn.resolve(peer.cn .. ".example", 4)
    local r = vpn.exec { "check", peer.cn, env = { A = "b" }, input = "in", timeout = 3 }
    log.info("got", { address = addresses and addresses[1], err = err, out = r.out,
                      status = r.status, late = r.timeout and "yes" or "no" })
    return vpn.grant {}
  end }]], {
    resolve = function(name, family)
      t.equal(family, 4)
      if name == "anna.example" then return { "192.0.2.7" } end
      return nil, "not found"
    end,
    exec = function(run)
      t.equal(run.input, "in")
      if run.argv[2] == "slow" then return t.never end
      return t.later(1, { out = table.concat(run.argv, " "), status = 3 })
    end,
  })
  for i, cn in ipairs { "anna", "ben", "slow" } do
    srv:connect { cn = cn }:wait("up", 10)
    local seen = srv:log "^mine.got$"[i].fields
    t.equal(seen.address, cn == "anna" and "192.0.2.7" or nil)
    t.equal(seen.err, cn ~= "anna" and "not found" or nil)
    t.equal(seen.out, cn == "slow" and "" or "check " .. cn)
    t.equal(seen.late, cn == "slow" and "yes" or "no")
  end
end)

t.case("no answer at all is told in the world's words", function()
  local c = client("", [[on = { up = function()
    local function why(call, ...) return select(2, call(...)) end
    log.info("got", {
      http = why(vpn.http.get, "https://a.example/", { timeout = 1 }),
      probe = why(vpn.probe, vpn.remote { "192.0.2.1" }, { timeout = 1 }),
      connect = why(vpn.connect, { "192.0.2.1", 80, timeout = 1 }),
    })
  end }]], { http = t.never, probe = t.never, connect = t.never })
  c:start():wait(function() return c:log "^mine.got$"[1] end)
  t.equal(c:log "^mine.got$"[1].fields, { http = "timeout: no complete answer in time",
                                          probe = "timeout", connect = "timeout" })
end)

t.case("what is declared too late is an error", function()
  local srv = server("", [[on = { established = function() vpn.client {} end }]])
  srv:connect { cn = "anna" }:wait "up"
  t.match(srv:log "^script.error$"[1].fields.error, "^the server:5: vpn.client: the")
end)

t.case("scripted HTTP, with JSON both ways", function()
  local answers = {
    { json = { role = "staff" } },
    { body = '{"role":"cook"}', headers = { ["Content-Type"] = "application/problem+json; x=y" } },
    { body = '{"role":"cook"}', headers = { ["content-type"] = "text/plain" } },
    { body = "{", headers = { ["content-type"] = "application/json" } },
    t.later(1, { status = 201, json = { role = "late" } }),
  }
  local n = 0
  local srv = server("", [[on = { established = function(peer)
    for i = 1, 5 do
      local res = vpn.http.post("http://192.0.2.1/", { json = { i = i } })
      log.info("got", { status = res.status, role = res.json and res.json.role, body = res.body,
                        error = res.json_error and "yes" })
    end
  end }]], { http = function(req)
    n = n + 1
    t.equal(req.json, { i = n })
    return answers[n]
  end })
  srv:connect { cn = "anna" }:wait "up"
  t.advance(2)
  local seen = {}
  for i, r in ipairs(srv:log "^mine.got$") do seen[i] = r.fields end
  t.equal(seen, {
    { status = 200, role = "staff", body = '{"role":"staff"}' },
    { status = 200, role = "cook", body = '{"role":"cook"}' },
    { status = 200, body = '{"role":"cook"}' },
    { status = 200, body = "{", error = "yes" },
    { status = 201, role = "late", body = '{"role":"late"}' },
  })
end)

t.case("a lane's file can be the test's, too", function()
  local srv = server("", [[filter = "mine.lua"]], { files = { ["mine.lua"] =
    "return { from_peer = function(b) b.p[0].verdict = 1 end }" } })
  local p = srv:connect { cn = "anna" }:wait "up"
  p:send_packet(t.packet { from = p.address, to = "10.9.0.1" })
  t.advance(1)
  t.equal(srv:packets(), {})
end)

t.case("a challenge and its answer", function()
  local srv = server("", [[auth_user_pass = true, on = { authenticate = function(_, cred)
    if cred.response then
      return cred.response:reveal() == "123456" or vpn.deny "wrong code"
    end
    return vpn.challenge { text = "Code?", echo = true }
  end }]])
  local anna = { cn = "anna", user = "anna", password = "x", answer = "123456" }
  srv:connect(anna):wait("up", 60)
  anna.answer = function(question)
    t.equal(question, "Code?")
    return "1"
  end
  local p = srv:connect(anna)
  p:wait("denied", 60)
end)

t.case("control texts", function()
  local srv = server("", [[on = { control = function(peer, text)
    log.info("said", { who = peer.cn, text = text })
    peer:send("INFO,yes")
    return true
  end }]])
  local p = srv:connect { cn = "anna" }
  p:wait "up"
  p:send_text "INFO,hello"
  t.advance(1)
  t.equal(srv:log "^mine.said$"[1].fields, { who = "anna", text = "INFO,hello" })
  srv:send_text("anna", "INFO,more")
  t.advance(1)
  srv:kill("anna", "HALT,enough")
  p:wait "closed"
end)

t.case("certificates have the names that a test gives", function()
  local srv = server("", [[on = { verify_cert = function(_, chain)
    log.info("chain", { cn = chain[1].cn, san = chain[1].san[1],
                        fingerprint = chain[1].fingerprint })
    return chain[1].cn ~= "eve", "not her"
  end }]])
  local anna = { cn = "anna", san = { "anna.example" } }
  srv:connect(anna):wait "up"
  local seen = srv:log "^mine.chain$"[1].fields
  t.equal(seen.cn, "anna")
  t.match(seen.san, "anna%.example")
  t.equal(seen.fingerprint, srv:certificate(anna).fingerprint)
  local eve = srv:connect { cn = "eve" }
  eve:wait "closed"
  t.equal(#srv:log "^peer.up$", 1)
end)

t.case("files that a configuration names are the test's", function()
  local c = client("", [[auth_user_pass = { file = "login.txt" }]], {
    files = { ["login.txt"] = "anna\nsecret\n" },
    login = function(who)
      t.equal(who, { cn = "client", username = "anna", password = "secret" })
      return true
    end,
  })
  c:start():wait "up"
end)

t.case("a file that is written is not the disk's", function()
  local srv = server("", [[status = { file = "no-such-folder/status.log", seconds = 5 }]])
  srv:connect { cn = "anna" }:wait "up"
  t.advance(10)
  t.match(srv:file "no-such-folder/status.log", "anna")
end)

t.case("what the tasks wait for is told", function()
  local c = client("", [[on = { up = function()
    vpn.spawn(function() while vpn.sleep(30) do log.info "tick" end end)
  end }]])
  c:start():wait "up"
  t.advance(1)
  t.equal(c:waiting(), { "vpn.sleep(30)" })
  t.advance(300)
  t.equal(#c:log "^mine.tick$", 10)
  c:stop()
  c:wait "closed"
  t.equal(c:waiting(), {})
end)

t.case("two servers are two places", function()
  local one, two = server("", "", { at = "192.0.2.1" }), server("", "", { at = "192.0.2.2" })
  one:connect { cn = "a" }:wait "up"
  two:connect { cn = "b", at = "203.0.113.9" }:wait "up"
  t.equal(one:peers()[1].name, "a")
  t.match(two:peers()[1].address, "^203%.0%.113%.9:")
end)

t.case("keys are renewed while an hour passes", function()
  local srv = server("", "reneg_sec = 600, ping = 10, ping_restart = 60")
  local p = srv:connect { cn = "anna" }
  p:wait "up"
  t.advance(3600)
  t.ok(p.up)
  t.ok(#p:log "^tls.handshake$" > 4)
end)

local PROFILE = [[
client
dev tun
remote a.example 1194 udp
<ca>
nothing that counts
</ca>
cert me.crt
key me.key
tls-crypt ta.key
auth-user-pass login.txt
verify-x509-name vpn.corp name
]]
local CONF = [[
port 1194
proto udp
dev tun
server 10.7.0.0 255.255.255.0
ca ca.crt
cert srv.crt
key srv.key
dh none
tls-crypt ta.key
push "route 10.20.0.0 255.255.0.0"
verify-client-cert require
script-security 2
client-connect /etc/openvpn/came.sh
]]

t.case("profiles and configurations of OpenVPN's", function()
  local c = t.client("office.ovpn", { files = { ["office.ovpn"] = PROFILE,
                                                ["login.txt"] = "anna\nsecret\n" } })
  c:start():wait "up"
end)

t.case("a program of a server's configuration", function()
  local ran
  local srv = t.server("server.conf", {
    files = { ["server.conf"] = CONF },
    exec = function(run)
      ran = run.argv[1]
      return {}
    end,
  })
  local p = srv:connect { cn = "anna" }
  p:wait "up"
  t.equal(ran, "/etc/openvpn/came.sh")
  t.match(table.concat(p.pushed, "\n"), "route 10.20.0.0 255.255.0.0")
end)

t.case("an address beside the network is told, and so is what a client will not take", function()
  local srv = server("", [[on = { authorize = function()
    return vpn.grant { address = "10.10.0.9", push = { "rout 10.2.0.0" } }
  end }]])
  local anna = srv:connect { cn = "anna" }
  anna:wait "up"
  t.equal(anna.address, "10.10.0.9")
  t.equal(srv:log "^grant.outside$"[1].fields.address, "10.10.0.9")
  t.match(srv:log "^grant.push$"[1].fields.why, "did you mean 'route'")
end)

t.case("two at a time for each name, and the oldest makes room", function()
  local srv = server("", [[duplicate_cn = true, on = { established = function(peer)
    local same = vpn.peers(peer.name)
    log.info("same", { n = #same, all = #vpn.peers() })
    for i = 1, #same - 2 do same[i]:kill "connected elsewhere" end
  end }]])
  local all = {}
  for i, name in ipairs { "anna", "ben", "anna", "anna", "ben" } do
    all[i] = srv:connect { cn = name }
    all[i]:wait "up"
    t.advance(0.1)
  end
  t.wait(function() return not all[1].up end)
  t.ok(all[2].up and all[3].up and all[4].up and all[5].up, "the others stay")
  local counts = {}
  for i, line in ipairs(srv:log "^mine.same$") do
    counts[i] = line.fields.n .. "/" .. line.fields.all
  end
  t.equal(table.concat(counts, " "), "1/1 1/2 2/3 3/4 2/4")
end)

t.case("a sync hook has no list of peers", function()
  local srv = server("", [[on = { learn = function() return #vpn.peers() > 0 end }]])
  srv:connect { cn = "anna" }:wait "denied"
  t.match(srv:log "^script.error$"[1].fields.error, "the server:%d+: vpn.peers cannot wait in")
end)

t.case("the log says why nobody was let in", function()
  for code, why in pairs {
    ["error 'x'"] = "authorize failed", ["return 5"] = "authorize failed",
    ["vpn.sleep(1e6)"] = "authorize failed", [""] = "authorize gave no answer",
    ["return false"] = "refused by authorize", ["return vpn.deny()"] = "refused by authorize",
    ["return vpn.deny 'not you'"] = "not you",
  } do
    local srv = server("", ("on = { authorize = function() %s end }"):format(code))
    srv:connect { cn = "anna" }:wait("denied", 100)
    t.equal(srv:log "^grant.denied$"[1].fields.reason, why, code)
    srv:log "script.error"
    srv:stop()
  end
end)

t.case("and why no login was good", function()
  for code, why in pairs {
    ["error 'x'"] = "authenticate failed", ["return 5"] = "authenticate failed",
    [""] = "authenticate gave no answer", ["return false"] = "refused by authenticate",
    ["return vpn.deny()"] = "refused by authenticate", ["return vpn.deny 'not you'"] = "not you",
  } do
    local srv = server("", ("on = { authenticate = function() %s end }"):format(code))
    srv:connect { cn = "anna", user = "anna", password = "x" }:wait("denied", 60)
    t.equal(srv:log "^auth.denied$"[1].fields.reason, why, code)
    srv:log "script.error"
    srv:stop()
  end
end)

t.case("what is returned where nothing is decided is told, once for each hook", function()
  local srv = server("", [[on = {
    established = function(peer) return vpn.deny "no" end,
    closed = function() return true end }]])
  for _ = 1, 2 do
    srv:connect { cn = "anna" }:wait "up":disconnect()
    t.advance(10)
  end
  local list = {}
  for _, r in ipairs(srv:log "^script.ignored$") do
    t.equal(r.level, "warn")
    list[#list + 1] = ("%s %s %s"):format(r.fields.hook, r.fields.returned, r.fields.instead)
  end
  t.equal(list, {
    "established vpn.deny deny in authorize, or end the connection by peer:kill(why)",
    "closed a boolean return nothing",
  })
  t.equal(srv:log "^script.ignored$"[1].fields.where, "the server:6")
  local c = client("", [[on = { up = function() return false end }]])
  c:start():wait "up"
  t.equal(c:log "^script.ignored$"[1].fields.instead,
    "refuse in verify_cert or pulled, or end the tunnel by session:stop(why)")
  local fine = client("", [[on = { up = function() end, closed = function() return nil end }]])
  fine:start():wait "up"
  fine:stop()
  t.equal(fine:log "^script.ignored$", {})
end)

t.case("a reason that the client is told is in the log, too", function()
  for code, why in pairs {
    ["peer:kill 'you have connected elsewhere'"] = "you have connected elsewhere",
    ["peer:kill()"] = "", ["peer:restart()"] = "", ["peer:kill 'a, b'"] = "a, b",
  } do
    local srv = server("", ("on = { established = function(peer) %s end }"):format(code))
    srv:connect { cn = "anna" }
    t.advance(10)
    t.equal(srv:log "^peer.closed$"[1].fields.why, why, code)
    t.equal(srv:log "^peer.closed$"[1].fields.cause, "user")
    srv:stop()
  end
end)

t.case("a packet is told apart into all that the reference names", function()
  local o = { from = "10.9.0.2", to = "192.0.2.1", sport = 5, dport = 25, payload = "hello" }
  for _, proto in ipairs { "udp", "tcp" } do
    o.proto = proto
    t.equal(t.parse(t.packet(o)), o, proto)
  end
  local p = t.packet(o)
  -- TCP with options: its header says how long it is.
  t.equal(t.parse(p:sub(1, 32) .. "\96" .. p:sub(34, 40) .. "optn" .. p:sub(41)).payload, "hello")
  t.equal(t.parse(t.packet { from = "10.9.0.2", to = "192.0.2.1", proto = "icmp", payload = "x" }),
    { from = "10.9.0.2", to = "192.0.2.1", proto = "icmp", payload = "x" })
  t.equal(t.parse(t.packet { from = "10.9.0.2", to = "192.0.2.1", proto = 47 }),
    { from = "10.9.0.2", to = "192.0.2.1", proto = 47, payload = "" })
  t.equal(t.parse "no packet", nil)
  local _, err = pcall(function() t.parse(nil) end)
  t.match(err, "good_test.lua:%d+: t.parse: a packet as a text expected, got a nil$")
end)

t.case("connected_at is in whole seconds since 1970", function()
  t.at "2026-11-25 17:30"
  local srv = server("", "")
  local before = srv:connect { cn = "anna" }:wait "up"
  local at = srv:peers()[1].connected_at
  t.equal(os.date("%Y-%m-%d %H:%M", at), "2026-11-25 17:30")
  t.equal(at % 1, 0)
  before:stop()
end)
