-- SPDX-License-Identifier: GPL-3.0-or-later
--- IPv4 packets for tests: as few of their fields as policies and lanes look at.
local bit = require "bit"

local M = {}

local PROTO = { icmp = 1, tcp = 6, udp = 17 }

local function u16(n) return string.char(math.floor(n / 256) % 256, n % 256) end

local function address(text)
  local a, b, c, d = tostring(text):match "^(%d+)%.(%d+)%.(%d+)%.(%d+)$"
  if not a then error(("t.packet: '%s' is no IPv4 address"):format(tostring(text)), 3) end
  return string.char(a, b, c, d)
end

-- The Internet checksum of |s|.
local function sum(s)
  local n = 0
  if #s % 2 == 1 then s = s .. "\0" end
  for i = 1, #s, 2 do
    n = n + s:byte(i) * 256 + s:byte(i + 1)
  end
  while n > 0xffff do n = n % 0x10000 + math.floor(n / 0x10000) end
  return bit.bxor(n, 0xffff)
end

local function transport(o, proto, pseudo)
  local payload = o.payload or ""
  if proto == PROTO.udp then
    local len = 8 + #payload
    local head = u16(o.sport or 0) .. u16(o.dport or 0) .. u16(len)
    local check = sum(pseudo .. "\0" .. string.char(proto) .. u16(len) .. head .. "\0\0" .. payload)
    return head .. u16(check == 0 and 0xffff or check) .. payload
  elseif proto == PROTO.tcp then
    local head = u16(o.sport or 0) .. u16(o.dport or 0) .. ("\0"):rep(8) .. "\80\2\255\255"
    local check = sum(pseudo .. "\0" .. string.char(proto) .. u16(20 + #payload) .. head ..
      "\0\0\0\0" .. payload)
    return head .. u16(check) .. "\0\0" .. payload
  end
  return payload
end

--- An IPv4 packet: { from =, to =, proto = "udp" (or "tcp", "icmp", a number), sport =, dport =,
-- payload =, ttl = 64 }.
function M.build(o)
  if type(o) ~= "table" then error("t.packet: a table expected", 2) end
  local proto = type(o.proto) == "number" and o.proto or PROTO[o.proto or "udp"]
  if not proto then error(("t.packet: there is no proto '%s'"):format(tostring(o.proto)), 2) end
  local from, to = address(o.from), address(o.to)
  local body = transport(o, proto, from .. to)
  local head = "\69\0" .. u16(20 + #body) .. "\0\0\0\0" .. string.char(o.ttl or 64, proto)
  return head .. u16(sum(head .. "\0\0" .. from .. to)) .. from .. to .. body
end

--- What an IPv4 packet says: { from, to, proto, sport, dport, payload }; nil when it is none.
function M.parse(p)
  if type(p) ~= "string" then
    error("t.parse: a packet as a text expected, got a " .. type(p), 2)
  end
  if #p < 20 or math.floor(p:byte(1) / 16) ~= 4 then return nil end
  local at = p:byte(1) % 16 * 4 + 1
  local out = { from = ("%d.%d.%d.%d"):format(p:byte(13, 16)),
                to = ("%d.%d.%d.%d"):format(p:byte(17, 20)), proto = p:byte(10) }
  for name, number in pairs(PROTO) do
    if number == out.proto then out.proto = name end
  end
  local skip = out.proto == "udp" and 8 or out.proto == "tcp" and 20 or 0
  if skip > 0 and #p >= at + 3 then
    out.sport = p:byte(at) * 256 + p:byte(at + 1)
    out.dport = p:byte(at + 2) * 256 + p:byte(at + 3)
  end
  -- TCP's header says itself how long it is.
  if out.proto == "tcp" then skip = math.floor((p:byte(at + 12) or 80) / 16) * 4 end
  out.payload = p:sub(at + skip)
  return out
end

return M
