-- Tests of maintenance.lua: lunel test examples/maintenance_test.lua
local t = require "lunel.test"

local FILE = "/run/vpn-maintenance"

t.case("who comes meanwhile is told until when", function()
  local srv = t.server("maintenance.lua", { files = { [FILE] = "until 22:00\n" } })
  t.equal(srv:connect { cn = "anna" }:wait "denied".denied, "maintenance until 22:00")
end)

t.case("who is there is sent away, five every ten seconds", function()
  local peers = {}
  local srv = t.server "maintenance.lua"
  for i = 1, 8 do peers[i] = srv:connect { cn = "client" .. i }:wait "up" end
  local function left()
    local n = 0
    for _, p in ipairs(peers) do n = n + (p.up and 1 or 0) end
    return n
  end
  t.advance(30)
  t.equal(left(), 8)
  srv:put(FILE, "until 22:00\n")
  t.advance(10)
  t.equal(left(), 3)
  t.advance(10)
  t.equal(left(), 0)
  t.equal(#srv:log "maintenance.begins", 1)
  srv:put(FILE, nil)
  t.advance(10)
  srv:connect { cn = "anna" }:wait "up"
end)
