-- SPDX-License-Identifier: GPL-3.0-or-later
--- Packets, as lanes see them: bounds-checked access to batches in C's memory, through FFI. Runs in
-- packet VMs alone (bindings/lane_vm.c); the only place of ffi. Offsets count from 0. What stands
-- behind an underscore is not for lanes.
--
-- Whatever is checked is checked here, before memory is touched: that offsets are Lua's own, too,
-- as integers of 64 bits wrap around in a sum. What is compiled must stay quick:
-- an accessor compares and loads; all that makes an error's text stands in functions of its own.
-- luacheck: ignore 581 (a number that is none must not pass: `not (x >= y)` is true of NaN)
local core = require "lunel.core"

-- Elsewhere its pointers are not there, and FFI would follow them all the same.
if not rawget(core, "leaf") then
  package.loaded["lunel.pkt"] = nil -- else require says something else the next time
  error('lunel.pkt is for packet lanes; a test runs a lane by t.lane("filter.lua") and makes '
    .. "packets by t.packet (scripts/README.md, Testing policies: Lanes)", 3)
end

local ffi = require "ffi"
local suggest = require "lunel.suggest"

local M = {}

local band, bor, lshift, rshift, tobit = bit.band, bit.bor, bit.lshift, bit.rshift, bit.tobit
local floor, type, error, tostring, tonumber = math.floor, type, error, tostring, tonumber

-- struct lnl_lane_packet of lunel_packet.h, twice: as lanes may use it, and as this file does; the
-- rest is bindings/lane_vm.h's and bindings/lane_leaf.h's. Lengths are below 2^31: so they are
-- integers to the compiler.
ffi.cdef [[
struct lnl_lane_packet {
  uint8_t *const _data;
  const int32_t len;
  const int32_t peer;
  const uint16_t head, tail, segment;
  uint8_t verdict;
  const uint8_t _error;
};
struct lnl_lane_room {
  uint8_t *data;
  int32_t len, peer;
  uint16_t head, tail, segment;
  uint8_t verdict, error;
};
struct lnl_lane_packets {
  const int32_t _n;
  int32_t _at, _back;
  struct lnl_lane_packet *const _p;
};
struct lnl_lane_view {
  const int32_t n, point;
  struct lnl_lane_packets p;
};
struct lnl_lane_counter { double _value; };
struct lnl_lane_leaf {
  void (*mix)(uint8_t *data, uint32_t len, const uint8_t *key, uint32_t key_len);
  uint32_t (*csum)(const uint8_t *data, uint32_t len, uint32_t start);
  int32_t (*find)(const uint8_t *data, uint32_t len, const char *text, uint32_t text_len);
  double (*number)(void *random);
  int32_t (*fill)(void *random, uint8_t *data, uint32_t len);
  int32_t (*address)(const char *text, uint8_t *out);
};
struct lnl_lane_key { uint32_t _len; uint8_t _bytes[?]; };
struct lnl_lane_prefix { int32_t family, _bits; int32_t _net[4], _mask[4]; };
]]

local leaf = ffi.cast("const struct lnl_lane_leaf *", core.leaf)
local c_mix, c_csum, c_find = leaf.mix, leaf.csum, leaf.find
local c_number, c_fill, c_address = leaf.number, leaf.fill, leaf.address
local random = ffi.cast("void *", core.random)
local room_p = ffi.typeof "struct lnl_lane_room *"
local word_p = ffi.typeof "const int32_t *"
local key_t = ffi.typeof "struct lnl_lane_key"
local cast, copy, istype, to_string = ffi.cast, ffi.copy, ffi.istype, ffi.string

M.PASS, M.DROP = 0, 1
M.ICMP, M.TCP, M.UDP, M.ICMP6 = 1, 6, 17, 58
M.NO_PEER = 0xffffff

-- ---- errors ----

-- A name that is not there, with a hint. |level| is the caller's whose fault it is.
local function unknown(what, name, names, level)
  local list = {}
  for known in pairs(names) do
    if known:sub(1, 1) ~= "_" then list[#list + 1] = known end
  end
  error(("there is no %s.%s%s"):format(what, tostring(name),
    suggest.hint(tostring(name), list)), level + 1)
end

local function known_only(t, what)
  return setmetatable(t, { __index = function(_, name) unknown(what, name, t, 2) end })
end

-- The text of an error about reading or writing |n| bytes at |off|; at |level| is who did.
local function outside(p, what, off, n, level)
  if type(off) ~= "number" or type(n) ~= "number" then
    error(("p:%s: numbers expected"):format(what), level + 1)
  end
  error(("p:%s(%s): %s bytes there are outside of the packet, which has %d"):format(
    what, tostring(off), tostring(n), p.len), level + 1)
end

local function cut(p, what, need)
  error(("p:%s(): the packet is cut off: it has %d bytes, and %d would be needed"):format(
    what, p.len, need), 3)
end

-- ---- a batch ----

ffi.metatype("struct lnl_lane_packets", {
  -- It notes which packet was handed out last: should its handling fail, that one is to blame.
  __index = function(s, i)
    if not (i >= 0 and i < s._n) then
      error(("b.p[%s]: the batch has packets 0 to %d"):format(tostring(i), s._n - 1), 2)
    end
    if i < s._at then s._back = 1 end
    s._at = i
    return s._p[i]
  end,
  __newindex = function() error("b.p: packets are changed by their own functions", 2) end,
})

local BATCH = { n = true, p = true, point = true }

ffi.metatype("struct lnl_lane_view", {
  __index = function(_, name) unknown("b", name, BATCH, 2) end,
  __newindex = function() error("b: a batch has nothing to be set", 2) end,
})

-- ---- bytes ----

local packet = {}

function packet:u8(off)
  if not (off >= 0 and off < self.len) then outside(self, "u8", off, 1, 2) end
  return self._data[off]
end

function packet:u16(off)
  if not (type(off) == "number" and off >= 0 and off + 2 <= self.len) then
    outside(self, "u16", off, 2, 2)
  end
  local d = self._data + off
  return bor(lshift(d[0], 8), d[1])
end

function packet:u32(off)
  if not (type(off) == "number" and off >= 0 and off + 4 <= self.len) then
    outside(self, "u32", off, 4, 2)
  end
  local d = self._data + off
  return d[0] * 16777216 + bor(lshift(d[1], 16), lshift(d[2], 8), d[3])
end

local function check_value(what, v, max)
  if not (v >= 0 and v <= max) then
    error(("p:%s: a value from 0 to %d expected, not %s"):format(what, max, tostring(v)), 3)
  end
end

function packet:set_u8(off, v)
  if not (off >= 0 and off < self.len) then outside(self, "set_u8", off, 1, 2) end
  if not (v >= 0 and v <= 255) then check_value("set_u8", v, 255) end
  self._data[off] = v
end

function packet:set_u16(off, v)
  if not (type(off) == "number" and off >= 0 and off + 2 <= self.len) then
    outside(self, "set_u16", off, 2, 2)
  end
  if not (v >= 0 and v <= 65535) then check_value("set_u16", v, 65535) end
  local d = self._data + off
  d[0], d[1] = rshift(v, 8), band(v, 255)
end

function packet:set_u32(off, v)
  if not (type(off) == "number" and off >= 0 and off + 4 <= self.len) then
    outside(self, "set_u32", off, 4, 2)
  end
  if not (v >= 0 and v <= 4294967295) then check_value("set_u32", v, 4294967295) end
  local d = self._data + off
  d[0], d[1] = rshift(v, 24), band(rshift(v, 16), 255)
  d[2], d[3] = band(rshift(v, 8), 255), band(v, 255)
end

--- The |n| bytes at |off| as a text; it makes garbage, so not for each packet.
function packet:text(off, n)
  if not (type(off) == "number" and type(n) == "number" and off >= 0 and n >= 0
    and off + n <= self.len) then
    outside(self, "text", off, n, 2)
  end
  return to_string(self._data + off, n)
end

--- Writes |text| at |off|, over what is there.
function packet:set(off, text)
  local n = #text
  if not (type(off) == "number" and off >= 0 and off + n <= self.len) then
    outside(self, "set", off, n, 2)
  end
  copy(self._data + off, text, n)
end

--- Whether |text| stands at |off|; false where the packet ends before.
function packet:equals(off, text)
  local n = #text
  if not (type(off) == "number" and off >= 0) then outside(self, "equals", off, n, 2) end
  if off + n > self.len then return false end
  return c_find(self._data + off, n, text, n) == 0
end

--- Where |text| is, looked for from |from| (0) on; nil when it is not there.
function packet:find(text, from)
  from = from or 0
  if not (type(from) == "number" and from >= 0 and from <= self.len) then
    outside(self, "find", from, #text, 2)
  end
  local at = c_find(self._data + from, self.len - from, text, #text)
  if at >= 0 then return from + at end
end

--- Copies |n| bytes from |from| to |to| in the packet; they may overlap.
function packet:copy(to, from, n)
  if not (type(from) == "number" and type(n) == "number" and n >= 0 and from >= 0
    and from + n <= self.len) then
    outside(self, "copy", from, n, 2)
  end
  if not (type(to) == "number" and to >= 0 and to + n <= self.len) then
    outside(self, "copy", to, n, 2)
  end
  local d = self._data
  n = floor(n)
  if to > from then
    for i = n - 1, 0, -1 do d[to + i] = d[from + i] end
  else
    for i = 0, n - 1 do d[to + i] = d[from + i] end
  end
end

--- Each byte from |from| (0) on, |n| of them (all), with that of the key, which is repeated.
function packet:xor(key, from, n)
  if not istype(key_t, key) then error("p:xor: a key of pkt.key expected", 2) end
  from = from or 0
  n = n or self.len - from
  if not (type(from) == "number" and type(n) == "number" and from >= 0 and n >= 0
    and from + n <= self.len) then
    outside(self, "xor", from, n, 2)
  end
  c_mix(self._data + from, n, key._bytes, key._len)
end

-- ---- room ----

local function no_room(what, n, room, where)
  if type(n) ~= "number" then error(("p:%s: a number expected"):format(what), 3) end
  error(("p:%s(%s): there is room for 0 to %d bytes %s it; what a lane adds is declared: "
    .. "overhead = %s"):format(what, tostring(n), room, where, tostring(n)), 3)
end

local function too_few(what, n, p)
  if type(n) ~= "number" then error(("p:%s: a number expected"):format(what), 3) end
  error(("p:%s(%s): the packet has %d bytes"):format(what, tostring(n), p.len), 3)
end

local function fill(at, n)
  if c_fill(random, at, n) == 0 then error("the kernel has no randomness", 3) end
end

--- |n| more bytes in front, random ones.
function packet:prepend(n)
  if not (n >= 0 and n <= self.head) then no_room("prepend", n, self.head, "in front of") end
  n = floor(n)
  local r = cast(room_p, self)
  r.data, r.len, r.head = r.data - n, r.len + n, r.head - n
  fill(r.data, n)
end

--- |n| more bytes at the end, random ones.
function packet:append(n)
  if not (n >= 0 and n <= self.tail) then no_room("append", n, self.tail, "behind") end
  n = floor(n)
  local r = cast(room_p, self)
  fill(r.data + r.len, n)
  r.len, r.tail = r.len + n, r.tail - n
end

--- Without its first |n| bytes.
function packet:trim_front(n)
  if not (n >= 0 and n <= self.len) then too_few("trim_front", n, self) end
  n = floor(n)
  local r = cast(room_p, self)
  local head = r.head + n
  if head > 65535 then head = 65535 end
  r.data, r.len, r.head = r.data + n, r.len - n, head
end

--- Without its last |n| bytes.
function packet:trim_back(n)
  if not (n >= 0 and n <= self.len) then too_few("trim_back", n, self) end
  n = floor(n)
  local r = cast(room_p, self)
  local tail = r.tail + n
  if tail > 65535 then tail = 65535 end
  r.len, r.tail = r.len - n, tail
end

-- ---- what is inside ----

-- Four bytes as the signed number that bit's functions give. Unaligned, which processors that
-- LuaJIT compiles for can.
local be32
if ffi.abi "le" then
  local bswap = bit.bswap
  function be32(d) return bswap(cast(word_p, d)[0]) end
else
  function be32(d) return cast(word_p, d)[0] end
end

-- The length of the IPv4 header, whole in the packet, or 0: it is none.
local function header4(p)
  local len = p.len
  if len < 20 then return 0 end
  local b = p._data[0]
  if b < 0x45 or b > 0x4f then return 0 end
  local n = band(b, 15) * 4
  if n > len then return 0 end
  return n
end

local function is6(p)
  return p.len >= 40 and rshift(p._data[0], 4) == 6
end

local EXTENSIONS = 8 -- headers, at most: nobody sends more in good faith

-- Past the extension headers: protocol, where its header begins, and the fragment's offset.
local function walk6(p, what)
  local d, len = p._data, p.len
  local proto, at = d[6], 40
  for _ = 1, EXTENSIONS + 1 do
    local size
    if proto == 44 then size = 8
    elseif proto == 0 or proto == 43 or proto == 60 or proto == 51 then
      if at + 2 > len then cut(p, what, at + 2) end
      size = proto == 51 and (d[at + 1] + 2) * 4 or (d[at + 1] + 1) * 8
    else return proto, at, 0 end
    if at + size > len then cut(p, what, at + size) end
    local offset = proto == 44 and rshift(bor(lshift(d[at + 2], 8), d[at + 3]), 3) or 0
    proto, at = d[at], at + size
    if offset > 0 then return proto, at, offset end
  end
  error(("p:%s(): more than %d extension headers"):format(what, EXTENSIONS), 3)
end

function packet:is_ip4() return header4(self) > 0 end
function packet:is_ip6() return is6(self) end

--- Whether it is a fragment that does not begin its packet: there are no ports in it.
function packet:is_later_fragment()
  if header4(self) > 0 then
    local d = self._data
    return bor(band(d[6], 31), d[7]) ~= 0
  elseif is6(self) then
    local _, _, offset = walk6(self, "is_later_fragment")
    return offset > 0
  end
  return false
end

--- The protocol inside IPv4 or IPv6, past extension headers; nil when it is neither.
function packet:proto()
  if header4(self) > 0 then return self._data[9] end
  if is6(self) then return (walk6(self, "proto")) end
end

--- Where what IP carries begins; nil when it is neither IPv4 nor IPv6.
function packet:payload_offset()
  local n = header4(self)
  if n > 0 then return n end
  if is6(self) then
    local _, at = walk6(self, "payload_offset")
    return at
  end
end

-- Protocol and where its header is, or nil for what is not IP.
local function inside(p, what)
  local n = header4(p)
  local offset
  if n > 0 then
    local d = p._data
    offset = bor(band(d[6], 31), d[7])
    if offset == 0 then return d[9], n end
  elseif is6(p) then
    local proto, at
    proto, at, offset = walk6(p, what)
    if offset == 0 then return proto, at end
  else return nil, 0 end
  error(("p:%s(): a later fragment has none; ask p:is_later_fragment() first"):format(what), 3)
end

local function has_ports(proto)
  return proto == 6 or proto == 17 or proto == 132 or proto == 33 or proto == 136
end

--- The source's port; nil for what has no ports. An error when it is cut off, or a later fragment.
function packet:sport()
  local proto, at = inside(self, "sport")
  if not has_ports(proto) then return nil end
  if at + 2 > self.len then cut(self, "sport", at + 2) end
  local d = self._data + at
  return bor(lshift(d[0], 8), d[1])
end

--- The destination's port, likewise.
function packet:dport()
  local proto, at = inside(self, "dport")
  if not has_ports(proto) then return nil end
  if at + 4 > self.len then cut(self, "dport", at + 4) end
  local d = self._data + at
  return bor(lshift(d[2], 8), d[3])
end

--- TCP's flags (1 FIN, 2 SYN, 4 RST, 8 PSH, 16 ACK, 32 URG); nil when it is not TCP.
function packet:tcp_flags()
  local proto, at = inside(self, "tcp_flags")
  if proto ~= 6 then return nil end
  if at + 14 > self.len then cut(self, "tcp_flags", at + 14) end
  return self._data[at + 13]
end

--- Whether the four bytes at |off| (12: an IPv4 source, 16: its destination) are in net and mask.
function packet:ip4_in(off, net, mask)
  if not (type(off) == "number" and off >= 0 and off + 4 <= self.len) then
    outside(self, "ip4_in", off, 4, 2)
  end
  return band(be32(self._data + off), mask) == tobit(net)
end

local function in_prefix(d, prefix)
  return band(be32(d), prefix._mask[0]) == prefix._net[0]
    and band(be32(d + 4), prefix._mask[1]) == prefix._net[1]
    and band(be32(d + 8), prefix._mask[2]) == prefix._net[2]
    and band(be32(d + 12), prefix._mask[3]) == prefix._net[3]
end

--- Whether the sixteen bytes at |off| (8: an IPv6 source, 24: its destination) are in |prefix|.
function packet:ip6_in(off, prefix)
  if not (type(off) == "number" and off >= 0 and off + 16 <= self.len) then
    outside(self, "ip6_in", off, 16, 2)
  end
  if prefix.family ~= 6 then error("p:ip6_in: a prefix of pkt.cidr6 expected", 2) end
  return in_prefix(self._data + off, prefix)
end

local function address_in(p, prefix, at4, at6)
  if prefix.family == 4 then
    return header4(p) > 0 and band(be32(p._data + at4), prefix._mask[0]) == prefix._net[0]
  end
  return is6(p) and in_prefix(p._data + at6, prefix)
end

--- Whether its source is in |prefix| (of pkt.prefix), of whichever family.
function packet:src_in(prefix) return address_in(self, prefix, 12, 8) end
--- And its destination.
function packet:dst_in(prefix) return address_in(self, prefix, 16, 24) end

local FIELDS = { len = true, peer = true, head = true, tail = true, segment = true,
                 verdict = true }

ffi.metatype("struct lnl_lane_packet", {
  __index = setmetatable(packet, { __index = function(_, name)
    local names = {}
    for k in pairs(packet) do names[k] = true end
    for k in pairs(FIELDS) do names[k] = true end
    unknown("p", name, names, 2)
  end }),
  __newindex = function(_, name)
    error(("a packet has no field '%s' to be set%s"):format(tostring(name),
      suggest.hint(tostring(name), { "verdict" })), 2)
  end,
})

-- ---- what lanes are made with ----

-- Stands for an argument that is not known, where a lane is checked alone (lunel/lane.lua).
M._absent = {}
local absent = M._absent

local function check_text(text, what)
  if type(text) ~= "string" then
    error(("pkt.%s: a text expected, got %s"):format(what, text == nil and "nil"
      or "a " .. type(text)), 3)
  end
end

local prefix_t = ffi.typeof "struct lnl_lane_prefix"

-- |text| as a prefix; |what| and |level| are for the error.
local function parse(text, what, family)
  local host, bits = text:match("^([%x:.]+)/?(%d*)$")
  local bytes = ffi.new("uint8_t[16]")
  local found = host and c_address(host, bytes) or 0
  local full = found == 4 and 32 or 128
  local has_bits = text:find("/", 1, true)
  if found == 0 or (family and found ~= family) or (has_bits and bits == "")
    or #bits > 3 or (tonumber(bits) or 0) > full then
    error(("pkt.%s: '%s' is no %s prefix, as %s"):format(what, text,
      family == 4 and "IPv4" or family == 6 and "IPv6" or "IP",
      family == 6 and "2001:db8::/32" or "10.8.0.0/16"), 3)
  end
  bits = has_bits and tonumber(bits) or full
  local p = prefix_t(found, bits)
  for i = 0, 3 do
    local ones = math.max(0, math.min(32, bits - 32 * i))
    p._mask[i] = ones == 0 and 0 or tobit(lshift(-1, 32 - ones))
    local word = be32(bytes + 4 * i)
    p._net[i] = band(word, p._mask[i])
    if p._net[i] ~= word then
      error(("pkt.%s: '%s' has bits behind its first %d; write the network's own address")
        :format(what, text, bits), 3)
    end
  end
  return p
end

ffi.metatype("struct lnl_lane_prefix", {
  __tostring = function(p) return ("a prefix of IPv%d, /%d"):format(p.family, p._bits) end,
})

--- Net and mask of an IPv4 prefix ("10.8.0.0/22"; without /: that address), for p:ip4_in.
function M.cidr4(text)
  if text == absent then return 0, 0 end
  check_text(text, "cidr4")
  local p = parse(text, "cidr4", 4)
  return p._net[0], p._mask[0]
end

--- An IPv6 prefix, for p:ip6_in, src_in and dst_in.
function M.cidr6(text)
  if text == absent then return prefix_t(6, 0) end
  check_text(text, "cidr6")
  return (parse(text, "cidr6", 6))
end

--- A prefix of either family, for p:src_in and p:dst_in.
function M.prefix(text)
  if text == absent then return prefix_t(4, 0) end
  check_text(text, "prefix")
  return (parse(text, "prefix"))
end

local PATTERN = 256 -- bytes of a key's pattern, at least: so that few pieces are mixed

ffi.metatype("struct lnl_lane_key", { __tostring = function() return "***" end })

--- A key for p:xor, of a text. It does not show.
function M.key(text)
  if text == absent then text = "?" end
  check_text(text, "key")
  if #text == 0 or #text > 65536 then
    error("pkt.key: a text of 1 to 65536 bytes expected", 2)
  end
  local times = math.ceil(PATTERN / #text)
  local k = key_t(times * #text)
  k._len = times * #text
  for i = 0, times - 1 do copy(k._bytes + i * #text, text, #text) end
  return k
end

--- A whole number from |a| to |b|, each as likely, of the kernel's randomness.
function M.random(a, b)
  if not (a <= b and b - a < 4294967296 and a % 1 == 0 and b % 1 == 0) then
    error("pkt.random(a, b): whole numbers expected, the first not above the second", 2)
  end
  local bits = c_number(random)
  if bits < 0 then error("the kernel has no randomness", 2) end
  return a + floor(bits * ((b - a + 1) / 4294967296))
end

ffi.metatype("struct lnl_lane_counter", {
  __index = known_only({
    add = function(c, n)
      if not (n >= 0) then error("counter:add: a number of 0 or more expected", 2) end
      c._value = c._value + n
    end,
    --- What this worker has counted.
    value = function(c) return c._value end,
  }, "counter"),
})

--- The counter |name|: of all lanes and workers that name it so, one in the metrics.
function M.counter(name)
  if name == absent then name = "absent" end
  check_text(name, "counter")
  if not name:find("^%a[%w_.-]*$") or #name > core.counter_name then
    error(("pkt.counter: '%s' is no name: a letter, then letters, digits, '_', '.' and '-', "
      .. "at most %d in all"):format(name, core.counter_name), 2)
  end
  return cast("struct lnl_lane_counter *", core.counter(name))[0]
end

--- The Internet checksum of |n| bytes of the packet |p| from |from| on, as set_u16 writes it;
-- |start|, of a pseudo-header, is added.
function M.csum(p, from, n, start)
  start = start or 0
  if not (type(from) == "number" and type(n) == "number" and from >= 0 and n >= 0
    and from + n <= p.len) then
    outside(p, "csum", from, n, 2)
  end
  if not (start >= 0 and start < 4294967296) then
    error("pkt.csum: start is a number from 0 to 2^32 - 1", 2)
  end
  return c_csum(p._data + from, n, start)
end

--- The batch that C hands out, for lunel/lane.lua.
M._view = cast("struct lnl_lane_view *", core.view)[0]

return known_only(M, "pkt")
