-- Tests of xor.lua: lunel test examples/xor_test.lua
local t = require "lunel.test"

local FOLDER = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"
local f = assert(io.open(FOLDER .. "xor.lua"))
local XOR = f:read "*a"
f:close()

-- Texts of all lengths that a datagram can have, and a few of each.
local function texts()
  local out = {}
  for i = 1, 256 do
    local n = i <= 40 and i or i * 6
    local bytes = {}
    for k = 1, n do bytes[k] = string.char(math.random(0, 255)) end
    out[i] = table.concat(bytes)
  end
  return out
end

local MODES = { { jit = true, name = "compiled" }, { jit = false, name = "interpreted" } }

for _, mode in ipairs(MODES) do
  local function case(name, fn) t.case(name .. ", " .. mode.name, fn) end
  local function xor(key)
    return t.lane("xor.lua", { key = key or "sesame" }, { jit = mode.jit })
  end

  case("what goes out comes back the same", function()
    local lane, packets = xor(), texts()
    local lengths = {}
    for _ = 1, 20 do
      local out, err = lane:wire_out(packets)
      t.equal(err, nil)
      local wire = {}
      for i, p in ipairs(out) do
        local more = #p.data - #packets[i]
        t.ok(more >= 1 and more <= 15, "1 to 15 bytes more")
        lengths[more] = true
        t.ok(not p.data:find(packets[i], 1, true) or #packets[i] < 8, "it is not to be read")
        wire[i] = p.data
      end
      local back
      back, err = lane:wire_in(wire)
      t.equal(err, nil)
      for i, p in ipairs(back) do
        t.equal(p.verdict, "pass")
        t.ok(p.data == packets[i], "packet " .. i)
      end
    end
    for n = 1, 15 do t.ok(lengths[n], ("a pad of %d never came"):format(n)) end
  end)

  case("garbage does not fault", function()
    local lane = xor()
    local packets = texts()
    packets[1], packets[2], packets[3] = "", "s", "\0"
    local passed = 0
    for _ = 1, 20 do
      local list, err, detached = lane:wire_in(packets)
      t.match(err, "xor%.lua:%d+: ", "of the empty one")
      t.ok(not detached)
      t.equal(list[1], { data = "", verdict = "drop", failed = true })
      t.equal(list[2].verdict, "drop")
      for i, p in ipairs(list) do
        if i > 1 then t.ok(not p.failed, "packet " .. i) end
        if p.verdict == "pass" then passed = passed + 1 end
      end
    end
    t.ok(passed < 20 * 256 / 4, "most of it is nothing: " .. passed)
  end)

  case("who has another key cannot read it", function()
    local out = xor():wire_out { ("hello"):rep(20) }
    local list = xor("open"):wire_in { out[1].data }
    t.ok(list[1].data ~= ("hello"):rep(20))
  end)
end

-- ---- in a tunnel ----

local CLIENT = [[
local vpn = require "lunel"
vpn.client { remotes = { vpn.remote { "a.example", %d, "%s" } }, connect_timeout = 10, %s
  tls = { ca = "ca.pem", cert = "me.pem", key = "me.key" } }
]]
local SERVER = [[
local vpn = require "lunel"
vpn.server { listen = { "1194/udp", "443/tcp" }, server = "10.9.0.0/24", %s
  tls = { ca = "ca.pem", cert = "srv.pem", key = "srv.key" } }
]]
local LANE = [[transport = { file = "xor.lua", args = { key = "sesame" } },]]

local function server(lane)
  return t.server(SERVER:format(lane), { files = { ["xor.lua"] = XOR } })
end

local function client(proto, lane)
  local port = proto == "udp" and 1194 or 443
  return t.client(CLIENT:format(port, proto, lane), { files = { ["xor.lua"] = XOR } }):start()
end

-- A SYN that says MSS 1460; its checksum is nobody's business here.
local function syn(from, to)
  local p = t.packet { from = from, to = to, proto = "tcp", sport = 4000, dport = 80,
                       payload = "\2\4\5\180" }
  return p:sub(1, 32) .. "\96" .. p:sub(34)
end

local function mss_of(p) return p:byte(43) * 256 + p:byte(44) end

-- The MSS that comes out at the server, the device's MTU, and both ends.
local function tunnel(proto, lane)
  local srv, c = server(lane), client(proto, lane):wait "up"
  local own = c.net.addresses[1]:match "^[^/]*"
  for i = 1, 50 do
    c:send_packet(t.packet { from = own, to = "10.9.0.1", dport = i, payload = ("x"):rep(i * 20) })
  end
  t.advance(1)
  t.equal(#srv:packets(), 50)
  for i = 1, 50 do
    srv:send_packet(t.packet { from = "10.9.0.1", to = own, payload = ("y"):rep(i * 20) })
  end
  t.advance(1)
  local got = c:packets()
  t.equal(#got, 50)
  t.equal(t.parse(got[50]).payload, ("y"):rep(1000))
  c:send_packet(syn(own, "10.9.0.1"))
  t.advance(1)
  return mss_of(srv:packets()[1]), c.net.mtu
end

for _, proto in ipairs { "udp", "tcp" } do
  t.case("a tunnel works with it at both ends, over " .. proto, function() tunnel(proto, LANE) end)
end

t.case("without it MSS and MTU are what they are", function()
  local mss, mtu = tunnel("udp", "")
  t.equal(mtu, 1500)
  t.equal(mss, 1400)
end)

t.case("its overhead lowers MSS and MTU", function()
  local mss, mtu = tunnel("udp", LANE)
  t.equal(mtu, 1485)
  t.equal(mss, 1385)
end)

for _, lanes in ipairs { { LANE, "" }, { "", LANE } } do
  t.case("one end alone meets silence: " .. (lanes[1] == "" and "client" or "server"), function()
    local srv, c = server(lanes[1]), client("udp", lanes[2])
    t.advance(60)
    t.ok(not c.up)
    t.equal(c.cause.code, "timeout")
    t.equal(srv:peers(), {})
  end)
end
