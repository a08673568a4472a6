-- Tests of netwatch.lua: lunel test examples/netwatch_test.lua
local t = require "lunel.test"

local PROFILE = "client\ndev tun\nremote vpn.example.net\nca ca.crt\ncert me.crt\nkey me.key\n"

local function client(more)
  local o = { files = { ["office.ovpn"] = PROFILE } }
  for k, v in pairs(more or {}) do o[k] = v end
  return t.client("netwatch.lua", o):start()
end

t.case("a new way out is used at once", function()
  local c = client():wait "up"
  local first = c.session
  c:network { "default wlan0 gone 4 192.0.2.1" }
  t.advance(5)
  t.ok(c.up, "nothing yet")
  c:network { "link eth0 up", "address eth0 new 198.51.100.7/24",
              "default eth0 new 4 198.51.100.1" }
  t.advance(4)
  t.equal(#c:log "netwatch.new way out", 1)
  c:wait "up"
  t.ok(c.session ~= first, "another session")
end)

t.case("without a way out it is patient, until there is one", function()
  local out = false
  local c = client { reach = function() return out end }
  c:network { "default wlan0 new 4 192.0.2.1", "default wlan0 gone 4 192.0.2.1" }
  t.advance(600)
  local tries = #c:log "tunnel.connecting"
  t.ok(tries <= 6, "few attempts: " .. tries)
  out = true
  c:network { "default eth0 new 4 198.51.100.1" }
  t.advance(5)
  t.ok(c.up, "at once")
end)
