-- Tests of server.lua: lunel test examples/server_test.lua
local t = require "lunel.test"

t.case("who has a certificate gets an address and the routes", function()
  local srv = t.server "server.lua"
  local anna = srv:connect { cn = "anna" }
  anna:wait "up"
  t.match(anna.address, "^10%.8%.0%.")
  t.match(table.concat(anna.pushed, "\n"), "route 10%.0%.0%.0 255%.255%.0%.0")
  t.equal(srv:peers()[1].name, "anna")
end)

t.case("packets go both ways", function()
  local srv = t.server "server.lua"
  local anna = srv:connect { cn = "anna", proto = "tcp" }
  anna:wait "up"
  anna:send_packet(t.packet { from = anna.address, to = "10.8.0.1", dport = 53, payload = "who?" })
  srv:send_packet(t.packet { from = "10.8.0.1", to = anna.address, sport = 53, payload = "me" })
  t.advance(1)
  t.equal(t.parse(srv:packets()[1]).payload, "who?")
  t.equal(t.parse(anna:packets()[1]).payload, "me")
end)

t.case("nobody comes without one", function()
  local srv = t.server "server.lua"
  local stranger = srv:connect {}
  stranger:wait "closed"
  t.equal(#srv:log "^peer.up$", 0)
end)
