-- Tests of userpolicy.lua: lunel test examples/userpolicy_test.lua
local t = require "lunel.test"

-- The lane that it names, from the folder of this file.
local FOLDER = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local f = assert(io.open(FOLDER .. "filter.lua"))
local FILTER = f:read "*a"
f:close()

local USERS = {
  anna = { pass = "correct horse", role = "staff" },
  ben = { pass = "battery staple", role = "contractor" },
  cleo = { pass = "sesame", role = "cook" },
}

-- The backend, as AUTH_URL has it.
local function backend(req)
  t.equal(req.method, "POST")
  t.equal(req.url, "http://127.0.0.1:8080/vpn/auth")
  t.equal(req.timeout, 3)
  local user = USERS[req.json.user]
  if not user or user.pass ~= req.json.pass or req.json.cn ~= req.json.user then
    return { status = 403 }
  end
  return t.later(0.2, { status = 200, json = { role = user.role } })
end

local function server(http)
  return t.server("userpolicy.lua", { http = http or backend, files = { ["filter.lua"] = FILTER } })
end

local function come(srv, name, o)
  local c = { cn = name, user = name, password = USERS[name].pass }
  for k, v in pairs(o or {}) do c[k] = v end
  return srv:connect(c)
end

local function refused(srv, name, o)
  local p = come(srv, name, o):wait "denied"
  t.equal(srv:log "^peer.up$", {})
  return p.denied
end

t.case("a right password is accepted, by UDP and TCP, and gets its pool", function()
  local srv = server()
  for _, proto in ipairs { "udp", "tcp" } do
    local anna = come(srv, "anna", { proto = proto }):wait "up"
    t.match(anna.address, "^10%.8%.[0-3]%.")
    local pushed = table.concat(anna.pushed, "\n")
    t.match(pushed, "dhcp%-option DNS 10%.8%.0%.1")
    t.match(pushed, "route 10%.20%.0%.0 255%.255%.0%.0")
    anna:disconnect()
    t.advance(10)
  end
  local seen = srv:log "^policy.session$"
  t.equal(#seen, 2)
  t.equal(seen[1].fields.user, "anna")
  t.equal(seen[1].fields.why, "client_exit")
end)

t.case("a wrong password is denied with its reason, and not logged", function()
  local srv = server()
  t.equal(refused(srv, "anna", { password = "open please" }), "bad credentials")
  for _, r in ipairs(srv:log()) do
    for _, v in pairs(r.fields) do t.ok(not tostring(v):find "open please", r.event) end
  end
end)

t.case("a contractor at 17:30 gets 1,800 seconds", function()
  t.at "2026-11-25 17:30"
  local ben = come(server(), "ben"):wait "up"
  t.match(ben.address, "^10%.8%.8%.")
  t.advance(1790)
  t.ok(ben.up, "still there just before six")
  t.advance(11)
  t.ok(not ben.up, "gone at six")
end)

t.case("a contractor is denied at 19:30, before eight and at the weekend", function()
  for _, time in ipairs { "2026-11-25 19:30", "2026-11-25 18:00", "2026-11-25 07:59:50",
                          "2026-11-28 12:00" } do
    t.at(time)
    t.equal(refused(server(), "ben"), "outside working hours", time)
  end
end)

t.case("staff stay as long as they like", function()
  t.at "2026-11-25 19:30"
  local anna = come(server(), "anna"):wait "up"
  t.advance(12 * 3600)
  t.ok(anna.up)
end)

t.case("an unreachable backend denies", function()
  for _, http in ipairs { function() return nil, "connect: Connection refused" end,
                          function() return t.never end } do
    local srv = server(http)
    t.equal(refused(srv, "anna"), "authentication backend unavailable")
    t.equal(srv:log "^policy.backend$"[1].fields.user, "anna")
  end
end)

t.case("a script error in authenticate denies", function()
  -- It says yes without JSON, so that there is no role to be read.
  local srv = server(function() return { status = 200, body = "welcome" } end)
  refused(srv, "anna")
  local told = srv:log "^script.error$"[1].fields
  t.match(told.error or told.text or told.what or "", "userpolicy.lua:%d+: .*json")
end)

t.case("a role that is not there denies", function()
  t.equal(refused(server(), "cleo"), "no role")
end)

t.case("the contractors' filter drops what it should, and nothing of the staff's", function()
  local srv = server()
  local anna, ben = come(srv, "anna"):wait "up", come(srv, "ben"):wait "up"
  for _, p in ipairs { anna, ben } do
    for _, packet in ipairs {
      { to = "10.8.0.1", dport = 22 },   -- lateral
      { to = "10.20.0.9", dport = 25 },  -- SMTP
      { to = "10.20.0.9", dport = 443 },
    } do
      packet.from, packet.proto = p.address, "tcp"
      p:send_packet(t.packet(packet))
    end
  end
  t.advance(1)
  local got = {}
  for _, packet in ipairs(srv:packets()) do
    packet = t.parse(packet)
    got[packet.from] = (got[packet.from] or "") .. packet.dport .. " "
  end
  t.equal(got, { [anna.address] = "22 25 443 ", [ben.address] = "443 " })
end)

t.case("the contractors' rate holds, and the staff have none", function()
  local srv = server()
  for name, most in pairs { ben = 4000, anna = 8000 } do
    local p = come(srv, name):wait "up"
    -- 20 Mbit/s are 2.5 MB a second: of 10 MB at once not all can come.
    local packet = t.packet { from = "10.20.0.9", to = p.address, payload = ("x"):rep(1200) }
    local n = 0
    for i = 1, 8000 do
      srv:send_packet(packet)
      if i % 100 == 0 then
        t.advance(0.001)
        n = n + #p:packets()
      end
    end
    t.advance(1)
    n = n + #p:packets()
    t.ok(n > 0 and n <= most and (name == "ben" or n == most), ("%s got %d"):format(name, n))
  end
end)
