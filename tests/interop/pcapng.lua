-- SPDX-License-Identifier: GPL-3.0-or-later
--- Reads what `lunel capture` wrote: a line a packet, INTERFACE DIRECTION WHOLE DATA-AS-HEX COMMENT, in
-- the file's order; ends with an error where the file is no good. luajit pcapng.lua FILE
local f = assert(io.open(arg[1], "rb"))
local text = f:read("*a")
local interfaces = {}

local function u16(at) return text:byte(at) + 256 * text:byte(at + 1) end
local function u32(at) return u16(at) + 65536 * u16(at + 2) end

local function options(at, last)
  local out = {}
  while at < last do
    local code, len = u16(at), u16(at + 2)
    assert(at + 4 + len <= last + 1, "an option leaves its block")
    if code == 0 then return out end
    out[code] = text:sub(at + 4, at + 3 + len)
    at = at + 4 + math.ceil(len / 4) * 4
  end
  return out
end

local function packet(at, last)
  local kept, whole = u32(at + 20), u32(at + 24)
  assert(at + 27 + kept <= last, "a packet leaves its block")
  local o = options(at + 28 + math.ceil(kept / 4) * 4, last)
  local data = text:sub(at + 28, at + 27 + kept)
  local flags = o[2] and o[2]:byte() or 0
  print(table.concat({ assert(interfaces[u32(at + 8) + 1], "no such interface"),
    flags % 4 == 1 and "in" or flags % 4 == 2 and "out" or "?", whole,
    (data:gsub(".", function(c) return ("%02x"):format(c:byte()) end)), o[1] or "" }, " "))
end

local at = 1
assert(u32(1) == 0x0a0d0d0a and u32(9) == 0x1a2b3c4d, "no pcapng file")
while at <= #text do
  local kind, len = u32(at), u32(at + 4)
  local last = at + len - 5
  assert(at + len - 1 <= #text and len >= 12 and u32(at + len - 4) == len, "a block is cut")
  if kind == 1 then interfaces[#interfaces + 1] = options(at + 16, last)[2] end
  if kind == 6 then packet(at, last) end
  at = at + len
end
