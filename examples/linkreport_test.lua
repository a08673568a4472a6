-- Tests of linkreport.lua: lunel test examples/linkreport_test.lua
local t = require "lunel.test"

local FOLDER = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"

local HEAD = ([[
package.path = "%s?.lua;" .. package.path
local vpn = require "lunel"
local log = vpn.log "test"
]]):format(FOLDER)

local SERVER = [[
local conf = { listen = { "1194/udp" }, server = "10.9.0.0/24",
  tls = { ca = "ca.pem", cert = "srv.pem", key = "srv.key" } }
require("linkreport").server(conf)
vpn.server(conf)
]]

local CLIENT = [[
local conf = {
  remotes = { vpn.remote { "fra.example", 1194, "udp", site = "fra" },
              vpn.remote { "ams.example", 1194, "udp", site = "ams" } },
  tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" } }
%s
vpn.client(conf)
]]

local function server() return t.server(HEAD .. SERVER) end

local function client(how) return t.client(HEAD .. CLIENT:format(how)):start():wait "up" end

local MODULE = [[require("linkreport").client(conf)]]

-- What the server has counted of its peers' loss: one gauge a user.
local function gauge(srv)
  for _, m in ipairs(srv:metrics()) do
    if m.name == "peer_loss" then return m.value, m.labels end
  end
end

-- Packets from the server for |seconds|, a hundred a second.
local function traffic(srv, c, seconds)
  local own = c.net.addresses[1]:match "^[^/]*"
  for _ = 1, seconds * 10 do
    for i = 1, 10 do srv:send_packet(t.packet { from = "10.9.0.1", to = own, dport = i }) end
    t.advance(0.1)
  end
end

-- How many reports the server has had.
local COUNTED = [[
  local send = vpn.acc.stats
  vpn.hook(conf, "up", function(sess)
    vpn.spawn(function()
      while vpn.sleep(1) and sess:is_up() do log.info("sent", { n = send(sess).sent }) end
    end)
  end)
]]

local function sent(c)
  local list = c:log "^test.sent$"
  return list[#list].fields.n
end

t.case("a report every 30 seconds, while the session is up", function()
  local srv = server()
  local c = client(MODULE .. COUNTED)
  traffic(srv, c, 1)
  t.advance(28)
  t.equal(sent(c), 0)
  t.equal(gauge(srv), nil)
  t.advance(2)
  t.equal(sent(c), 1)
  t.equal(gauge(srv), 0, "nothing was lost")
  for n = 2, 6 do
    traffic(srv, c, 1)
    t.advance(29)
    t.equal(sent(c), n)
  end
  t.equal(c.session.remote.site, "fra")
  c:stop()
  c:wait "closed"
  t.equal(c:waiting(), {})
end)

t.case("a lossy peer is told another site, and goes there", function()
  local srv = server()
  local c = client(MODULE)
  t.equal(c.session.remote.site, "fra")
  t.network { loss = 5 }
  traffic(srv, c, 25)
  t.network {}
  t.advance(6)
  t.ok(gauge(srv) > 0.05, "it was told")
  t.equal(c:log "^linkreport.moved by server$"[1].fields, { site = "ams" })
  c:wait(function() return c.up and c.session.remote.site == "ams" end)
end)

t.case("a peer without the extension is unaffected", function()
  local srv = server()
  local p = srv:connect { cn = "anna" }:wait "up"
  local c = client(MODULE)
  t.advance(300)
  t.ok(p.up and c.up)
  t.equal(p.texts, {})
  for _, line in ipairs(p.pushed) do t.ok(not line:find "custom%-control", line) end
  t.equal(srv:log "^acc%.", {})
  t.equal(#p:log "^tunnel.connecting$", 1)
end)

t.case("a client is silent at a server without the extension", function()
  local c = client(MODULE .. COUNTED)
  t.advance(300)
  t.ok(c.up)
  t.equal(sent(c), 0)
  t.equal(c:log "^script.error$", {})
end)

t.case("more than four reports a minute are dropped", function()
  local srv = server()
  local c = client [[
    local ext = vpn.acc.protocol("lnk1", { max = 512 })
    vpn.hook(conf, "up", function(sess)
      for i = 1, 10 do ext:send(sess, { rtt = 0.1, loss = i / 1000 }) end
    end)
  ]]
  t.advance(10)
  t.equal(gauge(srv), 0.004, "the fourth was the last one")
  t.ok(#srv:log "^acc.dropped$" > 0, "it is told")
  t.ok(c.up)
end)

t.case("what does not fit the schema does not come in", function()
  local srv = server()
  local c = client [[
    local ext = vpn.acc.protocol("lnk1", { max = 512 })
    vpn.hook(conf, "up", function(sess)
      ext:send(sess, { rtt = "soon", loss = 0.9 })
      ext:send(sess, { loss = 0.9 })
      ext:send(sess, { rtt = 0.1, loss = 0.9, site = 7 })
    end)
  ]]
  t.advance(10)
  t.equal(gauge(srv), nil)
  t.ok(#srv:log "^acc.refused$" > 0, "it is told")
  t.ok(c.up)
end)
