-- Tests of filter.lua: lunel test examples/filter_test.lua
-- As a client's filter it is tried in userpolicy_test.lua.
local t = require "lunel.test"

local ARGS = { deny_net = "10.8.0.0/22" }

-- A later fragment, of whatever |packet| is: more would be in front of it.
local function later(packet) return packet:sub(1, 6) .. "\0\100" .. packet:sub(9) end

local function tcp(to, port)
  return t.packet { from = "10.8.8.2", to = to, proto = "tcp", dport = port }
end

local function udp(to, port) return t.packet { from = "10.8.8.2", to = to, dport = port } end

local IPV6 = "\96" .. ("\0"):rep(3) .. "\0\8\17\64" .. ("\32\1"):rep(16) .. "\0\53\0\53\0\8\0\0"

-- What a packet is for, and whether it passes.
local KINDS = {
  { "pass", tcp("192.0.2.1", 443) },
  { "smtp", tcp("192.0.2.1", 25) },
  { "lateral", tcp("10.8.0.1", 22) },
  { "pass", udp("192.0.2.1", 25) },        -- that is no SMTP
  { "lateral", udp("10.8.3.255", 53) },    -- the network's last address
  { "pass", udp("10.8.4.0", 53) },         -- behind it
  { "pass", udp("10.7.255.255", 53) },     -- in front of it
  { "lateral", tcp("10.8.1.9", 25) },      -- it is both, and counts once
  { "pass", tcp("192.0.2.1", 2525) },
  { "pass", t.packet { from = "10.8.8.2", to = "192.0.2.1", proto = "icmp", payload = "\8\0" } },
  { "pass", t.packet { from = "10.8.0.9", to = "192.0.2.1", dport = 1 } }, -- from there, not to it
}

local function mixed(n, kinds)
  local packets, expected, sum = {}, {}, { smtp = 0, lateral = 0, unclassified = 0, pass = 0 }
  for i = 1, n do
    local kind = kinds[(i - 1) % #kinds + 1]
    packets[i], expected[i] = kind[2], kind[1] == "pass" and "pass" or "drop"
    sum[kind[1]] = sum[kind[1]] + 1
  end
  return packets, expected, sum
end

local MODES = { { jit = true, name = "compiled" }, { jit = false, name = "interpreted" } }

for _, mode in ipairs(MODES) do
  local function case(name, fn) t.case(name .. ", " .. mode.name, fn) end
  local function filter() return t.lane("filter.lua", ARGS, { jit = mode.jit }) end

  local function check(lane, n, kinds, rounds)
    local packets, expected, sum = mixed(n, kinds)
    for _ = 1, rounds do
      local list, err = lane:from_peer(packets)
      t.equal(err, nil)
      for i = 1, n do
        t.equal(list[i].verdict, expected[i], "packet " .. i)
        t.ok(list[i].data == packets[i], "it is as it was")
      end
    end
    local counted = lane:counters()
    for _, name in ipairs { "smtp", "lateral", "unclassified" } do
      t.equal(counted["filter." .. name] or 0, sum[name] * rounds, name)
    end
  end

  case("of 64 packets of IPv4 exactly SMTP and what is lateral are dropped", function()
    check(filter(), 64, KINDS, 1)
  end)

  case("the same when it has long been running", function() check(filter(), 64, KINDS, 500) end)

  case("what cannot be judged does not pass", function()
    local kinds = { { "unclassified", IPV6 }, { "unclassified", later(tcp("192.0.2.1", 443)) },
                    { "unclassified", "" }, { "unclassified", "\69" },
                    { "unclassified", tcp("192.0.2.1", 443):sub(1, 19) } }
    for _, kind in ipairs(KINDS) do kinds[#kinds + 1] = kind end
    check(filter(), 64, kinds, 20)
  end)

  case("reading past a truncated packet's end costs that packet, and the lane stays", function()
    local lane = filter()
    local packets, expected, sum = mixed(64, KINDS)
    local rounds = 30
    packets[10], expected[10] = tcp("192.0.2.1", 443):sub(1, 21), "drop" -- it has no ports
    packets[50], expected[50] = packets[10], "drop"
    for _ = 1, rounds do
      local list, err, detached = lane:from_peer(packets)
      t.match(err, "filter%.lua:%d+: ")
      t.ok(not detached)
      for i = 1, 64 do
        t.equal(list[i].verdict, expected[i], "packet " .. i)
        t.equal(list[i].failed, (i == 10 or i == 50) or nil, "packet " .. i)
      end
    end
    -- 10 and 50 were neither SMTP nor lateral.
    t.equal(KINDS[10][1], "pass")
    t.equal(KINDS[(50 - 1) % #KINDS + 1][1], "pass")
    t.equal(lane:counters()["filter.smtp"], sum.smtp * rounds)
    t.equal(lane:counters()["filter.lateral"], sum.lateral * rounds)
  end)
end

t.case("it says what it is", function()
  local facts = t.lane("filter.lua", ARGS):facts()
  t.equal(facts.on_error, "drop")
  t.equal(facts.overhead, 0)
end)
