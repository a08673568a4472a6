-- Tests of offices.lua: lunel test examples/offices_test.lua
local t = require "lunel.test"

local function pushed(at)
  local p = t.server "offices.lua":connect { cn = "anna", at = at }
  p:wait "up"
  local out = {}
  for _, line in ipairs(p.pushed) do
    if line:find "^route 10%.[23]" or line:find "^dhcp" then out[#out + 1] = line end
  end
  return out
end

t.case("who is in no office gets all of them", function()
  t.equal(pushed "192.0.2.9", { "route 10.20.0.0 255.255.0.0", "route 10.30.0.0 255.255.0.0",
                                "dhcp-option DNS 10.20.0.53" })
end)

t.case("who is in one gets the other, and its DNS", function()
  t.equal(pushed "198.51.100.7", { "route 10.30.0.0 255.255.0.0", "dhcp-option DNS 10.20.0.53" })
  t.equal(pushed "203.0.113.191", { "route 10.20.0.0 255.255.0.0", "dhcp-option DNS 10.30.0.53" })
end)

t.case("the first address behind an office's last is outside", function()
  t.equal(#pushed "203.0.113.192", 3)
end)
