-- Tests of members.lua: lunel test examples/members_test.lua
local t = require "lunel.test"

local ANNA = { cn = "anna", user = "anna", password = "correct horse" }
local BEN = { cn = "ben", user = "ben", password = "battery staple" }

t.case("staff get their pool and their network", function()
  local srv = t.server "members.lua"
  local anna = srv:connect(ANNA)
  anna:wait "up"
  t.match(anna.address, "^10%.8%.1%.")
  t.match(table.concat(anna.pushed, "\n"), "route 10%.0%.0%.0 255%.0%.0%.0")
  t.equal(srv:log "^members.came$"[1].fields.who, "anna")
end)

t.case("a wrong password is refused with a reason", function()
  local srv = t.server "members.lua"
  local anna = srv:connect { cn = "anna", user = "anna", password = "123456" }
  anna:wait "denied"
  t.equal(anna.denied, "wrong name or password")
end)

t.case("ben's certificate is of no use to anna", function()
  local srv = t.server "members.lua"
  local anna = srv:connect { cn = "ben", user = "anna", password = "correct horse" }
  anna:wait "denied"
end)

t.case("a guest who comes at 17:30 has to go at 18:00", function()
  t.at "2026-11-25 17:30"
  local srv = t.server "members.lua"
  local ben = srv:connect(BEN)
  ben:wait "up"
  t.match(ben.address, "^10%.8%.2%.")
  t.advance(29 * 60)
  t.ok(ben.up, "still there at 17:59")
  t.advance(70)
  t.ok(not ben.up, "gone at 18:00")
  t.advance(10)
  t.equal(#srv:log "^members.left$", 1)
end)

t.case("no guest at night, nor at the weekend", function()
  for _, time in ipairs { "2026-11-25 19:30", "2026-11-25 07:59", "2026-11-28 12:00" } do
    t.at(time)
    local ben = t.server "members.lua":connect(BEN)
    ben:wait "denied"
    t.equal(ben.denied, "open from 8 to 18, Monday to Friday")
  end
end)
