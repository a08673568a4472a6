-- Tests of policy.lua: lunel test examples/policy_test.lua
local t = require "lunel.test"

-- The profile that it reads. Its keys are the test's, whatever stands there.
local OFFICE = [[
client
dev tun
remote vpn.example.net 1194 udp
ca ca.crt
cert me.crt
key me.key
]]

local function client(o)
  o = o or {}
  o.files = { ["office.ovpn"] = OFFICE }
  return t.client("policy.lua", o)
end

t.case("one pushed route is not taken", function()
  local c = client { push = { "route 10.66.1.0 255.255.255.0", "route 10.7.0.0 255.255.0.0" } }
  c:start():wait "up"
  local routes = table.concat(c.net.routes, " ")
  t.match(routes, "10%.7%.0%.0/16")
  t.ok(not routes:find "10%.66%.")
  t.equal(#c:log "^policy.route refused$", 1)
end)

t.case("a certificate that ends within a day is refused", function()
  t.at "2048-12-31 12:00" -- the test's certificates end with that year
  local c = client()
  c:start()
  c:wait(function() return c.cause end)
  t.match(c.cause.text, "ends within a day")
end)
