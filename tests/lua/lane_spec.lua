-- SPDX-License-Identifier: GPL-3.0-or-later
--- Packet lanes as scripts see them: accessors, what their errors spare, what lanes do not have,
-- and the example lanes. All of it with the compiler on and off.
local core = require "lunel.core"

local SOURCE = os.getenv("LUNEL_SOURCE") or "."
local SCRIPTS = SOURCE .. "/scripts"

local function bytes(...) return string.char(...) end
local function u16(n) return bytes(math.floor(n / 256), n % 256) end

-- ---- packets ----

local function ip4(o)
  local payload = o.payload or (u16(o.sport or 40000) .. u16(o.dport or 80) .. ("\0"):rep(16))
  local options = o.options or ""
  return bytes(0x45 + #options / 4, 0) .. u16(20 + #options + #payload) .. u16(1)
    .. u16(o.fragment or 0) .. bytes(64, o.proto or 6) .. u16(0)
    .. bytes(unpack(o.src or { 10, 9, 0, 2 })) .. bytes(unpack(o.dst or { 192, 0, 2, 1 }))
    .. options .. payload
end

-- Extension headers as { number, bytes } each.
local function ip6(o)
  local payload = o.payload or (u16(o.sport or 40000) .. u16(o.dport or 80) .. ("\0"):rep(16))
  local proto, body = o.proto or 6, payload
  for i = #(o.headers or {}), 1, -1 do
    local h = o.headers[i]
    body = bytes(proto) .. h[2] .. body
    proto = h[1]
  end
  local address = bytes(0x20, 1, 0xd, 0xb8) .. ("\0"):rep(11)
  return bytes(0x60, 0, 0, 0) .. u16(#body) .. bytes(proto, 64) .. address .. bytes(1)
    .. address .. bytes(2) .. body
end

local HOP = { 0, bytes(0) .. ("\0"):rep(6) }
local LONG = { 60, bytes(1) .. ("\0"):rep(14) }
local AUTH = { 51, bytes(4) .. ("\0"):rep(22) }
local function fragment(offset) return { 44, bytes(0) .. u16(offset * 8 + 1) .. ("\0"):rep(4) } end

for _, jit in ipairs { true, false } do
  describe("packet lanes, " .. (jit and "compiled" or "interpreted"), function()
    local opened = {}

    local function open(text, args)
      local lane, err = core.lane_open { scripts = SCRIPTS, text = text, args = args, jit = jit,
                                         file = "/etc/lunel/lane.lua" }
      opened[#opened + 1] = lane
      return lane, err
    end

    after_each(function()
      for _, lane in ipairs(opened) do lane:close() end
      opened = {}
    end)

    -- A lane in which |code| has each packet as `p`.
    local function each(code, options)
      return assert(open(([[local pkt = require "lunel.pkt"
        local args = ...
        return { %s from_peer = function(b) for i = 0, b.n - 1 do local p = b.p[i]
%s
        end end }]]):format(options or "", code), { key = "k" }))
    end

    -- |code| finds |data| as it should be; what the packet is then.
    local function fine(code, data, o)
      local list, err = each(code):run("from_peer", { data }, o)
      assert.is_nil(err)
      assert.is_nil(list[1].failed)
      return list[1].data, list[1].verdict
    end

    -- |code| is an error of line 4 of the lane, with |want| in its text.
    local function wrong(code, data, want, o)
      local list, err = each(code):run("from_peer", { data }, o)
      assert.is_true(list[1].failed)
      assert.equal("drop", list[1].verdict)
      assert.equal(data, list[1].data)
      assert.matches("^/etc/lunel/lane.lua:4: ", err)
      assert.matches(want, err, 1, true)
      assert.matches("stack traceback", err, 1, true)
    end

    local SIX = bytes(1, 2, 3, 4, 0xfe, 0xff)

    it("read numbers in network order, within the packet", function()
      fine("assert(p.len == 6 and p:u8(0) == 1 and p:u8(5) == 255)", SIX)
      fine("assert(p:u16(0) == 0x102 and p:u16(4) == 0xfeff)", SIX)
      fine("assert(p:u32(0) == 0x1020304 and p:u32(2) == 0x304feff)", SIX)
      fine("assert(p:u32(0) == 4294967295)", ("\255"):rep(4))
      local text = "outside of the packet, which has 6"
      for _, at in ipairs { "-1", "6", "1e9", "-1e300", "0/0", "1/0", "2^32", "2^53" } do
        wrong("return p:u8(" .. at .. "), 1", SIX, text)
      end
      for _, at in ipairs { "-1", "5", "6", "0/0", "2^31 - 1", "2^32" } do
        wrong("local _ = p:u16(" .. at .. ")", SIX, text)
      end
      for _, at in ipairs { "-1", "3", "0/0", "-2^31" } do
        wrong("local _ = p:u32(" .. at .. ")", SIX, text)
      end
      for _, at in ipairs { "nil", "'x'", "{}", "true", "print" } do
        wrong("local _ = p:u8(" .. at .. ")", SIX, "")
      end
      wrong("local _ = p:u8(0)", "", "which has 0")
    end)

    it("write them", function()
      assert.equal(bytes(9, 1, 2, 0xfe, 0xdc, 0xba), fine(
        "p:set_u8(0, 9) p:set_u16(1, 0x102) p:set_u16(4, 0xdcba) p:set_u8(3, 254)", SIX))
      assert.equal(bytes(1, 0xff, 0xee, 0xdd, 0xcc, 0xff), fine("p:set_u32(1, 0xffeeddcc)", SIX))
      for _, call in ipairs { "set_u8(6, 0)", "set_u8(-1, 0)", "set_u16(5, 0)", "set_u32(3, 0)",
                              "set(5, 'ab')", "set(-1, '')", "copy(3, 0, 4)", "copy(0, 3, 4)",
                              "copy(-1, 0, 1)", "copy(0, 0, -1)" } do
        wrong("p:" .. call, SIX, "outside of the packet")
      end
      wrong("p:set_u8(0, 256)", SIX, "a value from 0 to 255 expected, not 256")
      wrong("p:set_u16(0, -1)", SIX, "a value from 0 to 65535 expected")
      wrong("p:set_u32(0, 2^32)", SIX, "a value from 0 to 4294967295 expected")
      wrong("p:set_u8(0, 0/0)", SIX, "a value from 0 to 255")
    end)

    it("have texts, too", function()
      fine("assert(p:text(1, 3) == 'ell' and p:text(5, 0) == '' and p:equals(1, 'ello'))", "hello")
      fine("assert(not p:equals(1, 'ellos') and not p:equals(0, 'j') and p:equals(5, ''))", "hello")
      fine("assert(p:find 'l' == 2 and p:find('l', 3) == 3 and p:find 'x' == nil)", "hello")
      fine("assert(p:find('', 5) == 5)", "hello")
      assert.equal("heyho", fine("p:set(2, 'yho')", "hello"))
      assert.equal("abcabc", fine("p:copy(3, 0, 3)", "abcdef"))
      assert.equal("aabcde", fine("p:copy(1, 0, 5)", "abcdef")) -- as if by a buffer in between
      assert.equal("bcdeff", fine("p:copy(0, 1, 5)", "abcdef"))
      wrong("local _ = p:text(3, 3)", "hello", "outside of the packet")
      wrong("local _ = p:text(0, -1)", "hello", "outside of the packet")
      wrong("local _ = p:find('x', 6)", "hello", "outside of the packet")
    end)

    -- They wrap around: the last of them and two is one.
    it("take no integers of 64 bits for offsets and lengths", function()
      local last, text = "0xffffffffffffffffULL", ("x"):rep(40)
      for _, call in ipairs { "u16(%s)", "u32(%s)", "set_u16(%s, 1)", "set_u32(%s, 1)",
                              "text(%s, 2)", "text(2, %s)", "set(%s, 'ab')", "equals(%s, 'ab')",
                              "copy(%s, 0, 2)", "copy(0, %s, 2)", "copy(1, 1, %s)",
                              "ip4_in(%s, 0, 0)", "ip6_in(%s, pkt.cidr6 '::/0')",
                              "xor(pkt.key 'k', %s, 2)", "xor(pkt.key 'k', 2, %s)",
                              "find('x', %s)", "u8(%s)", "set_u8(%s, 1)" } do
        wrong("local _ = p:" .. call:format(last), text, "")
      end
      wrong("local _ = pkt.csum(p, " .. last .. ", 2)", text, "")
      wrong("local _ = pkt.csum(p, 2, " .. last .. ")", text, "")
    end)

    it("grow and shrink within their room", function()
      local out = fine("p:prepend(3) p:set_u8(0, 7) assert(p.len == 8 and p.head == 61)", "hello")
      assert.equal(8, #out)
      assert.equal("\7", out:sub(1, 1))
      assert.equal("hello", out:sub(4))
      out = fine("p:append(2) assert(p.tail == 62)", "hello")
      assert.equal(7, #out)
      assert.equal("hello", out:sub(1, 5))
      assert.equal("llo", fine("p:trim_front(2) assert(p.head == 66)", "hello"))
      assert.equal("he", fine("p:trim_back(3)", "hello"))
      assert.equal("", fine("p:trim_front(5) p:trim_front(0)", "hello"))
      assert.equal("hello", fine("p:prepend(64) p:append(64) p:trim_front(64) p:trim_back(64)",
        "hello"))
      wrong("p:prepend(65)", "hello", "room for 0 to 64 bytes in front of it; what a lane adds is "
        .. "declared: overhead = 65")
      wrong("p:append(1)", "hello", "room for 0 to 0 bytes behind it", { tail = 0 })
      for _, n in ipairs { "-1", "0/0", "2^40", "nil", "'x'" } do
        wrong("p:prepend(" .. n .. ")", "hello", "")
        wrong("p:append(" .. n .. ")", "hello", "")
        wrong("p:trim_front(" .. n .. ")", "hello", "")
        wrong("p:trim_back(" .. n .. ")", "hello", "")
      end
      wrong("p:trim_front(6)", "hello", "p:trim_front(6): the packet has 5 bytes")
    end)

    it("fill what is new with random bytes", function()
      local seen = {}
      local lane = each("p:prepend(8) p:append(8)")
      for _, p in ipairs(lane:run("from_peer", { "", "", "", "" })) do
        assert.equal(16, #p.data)
        assert.is_nil(p.data:find(("\165"):rep(8), 1, true)) -- what had been in the room
        seen[p.data:sub(1, 8)], seen[p.data:sub(9)] = true, true
      end
      local n = 0
      for _ in pairs(seen) do n = n + 1 end
      assert.equal(8, n)
    end)

    it("are mixed with a key that does not show", function()
      local key = "local key = pkt.key('abc') "
      local out = fine(key .. "p:xor(key)", ("\0"):rep(1000))
      assert.equal(("abc"):rep(334):sub(1, 1000), out)
      assert.equal("hello", fine(key .. "p:xor(key) p:xor(key)", "hello"))
      assert.equal(bytes(0, 0, 97, 98, 0), fine(key .. "p:xor(key, 2, 2)", ("\0"):rep(5)))
      fine(key .. "assert(tostring(key) == '***')", "")
      wrong(key .. "p:xor(key, 4, 2)", "hello", "outside of the packet")
      for _, other in ipairs { "'abc'", "nil", "p", "{ _bytes = 'x', _len = 5 }" } do
        wrong("p:xor(" .. other .. ")", "hello", "p:xor: a key of pkt.key expected")
      end
      wrong("pkt.key('')", "", "a text of 1 to 65536 bytes expected")
      wrong("pkt.key(nil)", "", "pkt.key: a text expected, got nil")
    end)

    it("know IPv4", function()
      local plain = ip4 {}
      fine("assert(p:is_ip4() and not p:is_ip6() and p:proto() == pkt.TCP)", plain)
      fine("assert(p:sport() == 40000 and p:dport() == 80 and p:payload_offset() == 20)", plain)
      fine("assert(p:dport() == 25 and p:payload_offset() == 32)",
        ip4 { dport = 25, options = ("\1"):rep(12) })
      fine("assert(p:proto() == pkt.UDP and p:dport() == 53)", ip4 { proto = 17, dport = 53 })
      fine("assert(p:proto() == pkt.ICMP and not p:dport() and not p:sport())", ip4 { proto = 1 })
      fine("assert(p:tcp_flags() == 18)",
        ip4 { payload = ("\0"):rep(13) .. "\18" .. ("\0"):rep(6) })
      fine("assert(p:tcp_flags() == nil)", ip4 { proto = 17 })
      fine("assert(not p:is_later_fragment())", ip4 { fragment = 0x2000 })
      fine("assert(p:dport() == 80)", ip4 { fragment = 0x6000 })
      for _, offset in ipairs { 1, 0x2001, 0x1fff, 0x0100 } do
        fine("assert(p:is_later_fragment() and p:proto() == 6)", ip4 { fragment = offset })
        wrong("local _ = p:dport()", ip4 { fragment = offset }, "a later fragment has none")
        wrong("local _ = p:tcp_flags()", ip4 { fragment = offset }, "a later fragment has none")
      end
      for _, data in ipairs { "", "E", plain:sub(1, 19), "\70" .. plain:sub(2, 22),
                              "\68" .. plain:sub(2), "\85" .. plain:sub(2), ("x"):rep(30) } do
        fine("assert(not p:is_ip4() and p:proto() == nil and p:dport() == nil)", data)
        fine("assert(not p:is_later_fragment() and p:payload_offset() == nil)", data)
      end
      for n = 20, 23 do
        wrong("local _ = p:dport()", plain:sub(1, n), "p:dport(): the packet is cut off: it has "
          .. n .. " bytes, and 24 would be needed")
      end
      wrong("local _ = p:sport()", plain:sub(1, 21), "cut off")
      wrong("local _ = p:tcp_flags()", plain:sub(1, 33), "and 34 would be needed")
    end)

    it("know IPv6, past a few extension headers", function()
      fine("assert(p:is_ip6() and not p:is_ip4() and p:proto() == 6 and p:dport() == 80)", ip6 {})
      fine("assert(p:proto() == pkt.ICMP6 and p:dport() == nil)", ip6 { proto = 58 })
      fine("assert(p:proto() == 17 and p:dport() == 53 and p:payload_offset() == 40 + 8 + 16 + 24)",
        ip6 { headers = { HOP, LONG, AUTH }, proto = 17, dport = 53 })
      fine("assert(not p:is_later_fragment() and p:sport() == 40000 and p:payload_offset() == 48)",
        ip6 { headers = { fragment(0) } })
      fine("assert(p:is_later_fragment() and p:proto() == 6)",
        ip6 { headers = { HOP, fragment(5) } })
      wrong("local _ = p:dport()", ip6 { headers = { fragment(1) } }, "a later fragment has none")
      local many = {}
      for i = 1, 8 do many[i] = LONG end
      fine("assert(p:dport() == 80)", ip6 { headers = many })
      many[9] = LONG
      wrong("local _ = p:proto()", ip6 { headers = many }, "more than 8 extension headers")
      local chain = ip6 { headers = { HOP, LONG }, payload = "" }
      for n = 40, #chain - 1 do
        wrong("local _ = p:proto()", chain:sub(1, n), "cut off")
        wrong("local _ = p:is_later_fragment()", chain:sub(1, n), "cut off")
      end
      fine("assert(not p:is_ip6() and p:proto() == nil)", ip6({}):sub(1, 39))
      wrong("local _ = p:dport()", ip6({}):sub(1, 43), "and 44 would be needed")
    end)

    it("know networks", function()
      local data = ip4 { src = { 10, 8, 3, 255 }, dst = { 200, 0, 2, 1 } }
      fine("assert(p:ip4_in(12, pkt.cidr4 '10.8.0.0/22'))", data)
      fine("assert(not p:ip4_in(12, pkt.cidr4 '10.8.4.0/22'))", data)
      fine("assert(p:ip4_in(16, pkt.cidr4 '200.0.2.1') and p:ip4_in(16, pkt.cidr4 '0.0.0.0/0'))",
        data)
      fine("assert(not p:ip4_in(16, pkt.cidr4 '200.0.2.0'))", data)
      fine("assert(p:ip4_in(16, pkt.cidr4 '192.0.0.0/4'))", data)
      fine("assert(p:src_in(pkt.prefix '10.0.0.0/8') and not p:dst_in(pkt.prefix '10.0.0.0/8'))",
        data)
      fine("assert(not p:src_in(pkt.prefix '::/0'))", data)
      local six = ip6 {}
      fine("assert(p:ip6_in(8, pkt.cidr6 '2001:db8::/32'))", six)
      fine("assert(p:ip6_in(24, pkt.cidr6 '2001:db8::2'))", six)
      fine("assert(not p:ip6_in(8, pkt.cidr6 '2001:db8::2') and p:ip6_in(8, pkt.cidr6 '::/0'))",
        six)
      fine("assert(p:dst_in(pkt.prefix '2001:db8::/127') == false)", six)
      fine("assert(p:src_in(pkt.prefix '2001:db8::/127') and not p:src_in(pkt.prefix '0.0.0.0/0'))",
        six)
      wrong("local _ = p:ip4_in(41, 0, 0)", data, "outside of the packet")
      wrong("local _ = p:ip6_in(30, pkt.cidr6 '::/0')", data, "outside of the packet")
      wrong("local _ = p:ip6_in(8, pkt.prefix '10.0.0.0/8')", six, "a prefix of pkt.cidr6 expected")
      local rows = {
        { "cidr4", "10.8.0.1/22", "has bits behind its first 22" },
        { "cidr4", "10.8.0.0/33", "is no IPv4 prefix, as 10.8.0.0/16" },
        { "cidr4", "::/0", "is no IPv4 prefix" }, { "cidr6", "10.0.0.0/8", "is no IPv6 prefix" },
        { "prefix", "10.8.0/24", "is no IP prefix" }, { "prefix", "10.8.0.0/", "is no IP prefix" },
        { "prefix", "10.8.0.0/8/8", "is no IP prefix" }, { "prefix", "", "is no IP prefix" },
        { "cidr6", "2001:db8::1/64", "has bits behind its first 64" },
        { "cidr6", "::/129", "is no IPv6 prefix" },
      }
      for _, row in ipairs(rows) do
        wrong(("local _ = pkt.%s '%s'"):format(row[1], row[2]), "", row[3])
      end
    end)

    it("have checksums", function()
      local head = bytes(0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1,
                         0xc0, 0xa8, 0, 0xc7)
      fine("assert(pkt.csum(p, 0, 20) == 0xb861)", head)
      fine("p:set_u16(10, pkt.csum(p, 0, 20)) assert(pkt.csum(p, 0, 20) == 0)", head)
      fine("assert(pkt.csum(p, 1, 2, 0x10000) == pkt.csum(p, 1, 2, 1))", head)
      fine("assert(pkt.csum(p, 0, 0) == 65535 and pkt.csum(p, 0, 1) == 0xbaff)", head)
      wrong("local _ = pkt.csum(p, 0, 21)", head, "outside of the packet")
    end)

    it("draw numbers", function()
      fine("for _ = 1, 500 do local n = pkt.random(3, 5) assert(n == 3 or n == 4 or n == 5) end",
        "")
      fine("local seen = {} for _ = 1, 500 do seen[pkt.random(1, 2)] = true end "
        .. "assert(seen[1] and seen[2])", "")
      fine("assert(pkt.random(7, 7) == 7 and pkt.random(-2, -2) == -2)", "")
      for _, pair in ipairs { "2, 1", "0.5, 2", "0, 2^32", "0/0, 1", "1, 0/0" } do
        wrong("local _ = pkt.random(" .. pair .. ")", "", "whole numbers expected")
      end
    end)

    it("count", function()
      local lane = each("pkt.counter('a.b'):add(2) pkt.counter('never')")
      lane:run("from_peer", { "", "", "" })
      assert.same({ ["a.b"] = 6, never = 0 }, lane:counters())
      wrong("pkt.counter('a'):add(-1)", "", "a number of 0 or more expected")
      wrong("pkt.counter('a b')", "", "is no name")
      wrong("pkt.counter('a'):ad(1)", "", "there is no counter.ad; did you mean 'add'?")
      local _, err = open([[local pkt = require "lunel.pkt"
        for i = 1, 300 do pkt.counter("c" .. i) end]])
      assert.matches("there are more than 256 counters", err, 1, true)
    end)

    it("say what is misspelt, and let nothing else be set", function()
      wrong("p:is_ipv4()", "", "there is no p.is_ipv4; did you mean 'is_ip4'?")
      wrong("p.vredict = 1", "",
        "a packet has no field 'vredict' to be set; did you mean 'verdict'?")
      wrong("p.len = 70000", "", "constant location")
      wrong("p.verdict = nil", "", "")
      wrong("local _ = pkt.DORP", "", "there is no pkt.DORP; did you mean 'DROP'?")
      wrong("local _ = b.m", "", "there is no b.m")
      wrong("b.n = 7", "", "constant location")
      wrong("b.p[0] = nil", "", "packets are changed by their own functions")
      wrong("local _ = b.p[1]", "", "b.p[1]: the batch has packets 0 to 0")
      wrong("local _ = b.p[-1]", "", "the batch has packets 0 to 0")
      wrong("local _ = p[1]", "", "there is no p.1")
      wrong("local _ = p + 1", "", "")
      wrong("x = 1", "", "'x' is not declared; write: local x")
      wrong("error {}", "", "error object is a table value")
    end)

    it("do not have what could wait, block or escape", function()
      for _, name in ipairs { "ffi", "jit", "debug", "io", "os", "package", "coroutine", "print",
                              "load", "loadstring", "loadfile", "dofile", "collectgarbage", "vpn",
                              "newproxy", "getfenv", "setfenv", "module" } do
        wrong("local _ = " .. name, "", "lane")
      end
      fine("assert(not string.dump and not rawget(_G, 'gcinfo'))", "")
      wrong("require 'ffi'", "", "a packet lane can require lunel.pkt alone, not 'ffi'")
      wrong("require 'lunel.core'", "", "can require lunel.pkt alone")
      fine("assert(string.rep('x', 2) == 'xx' and table.concat({ 1 }) == '1' and "
        .. "math.floor(1.5) == 1 and bit.band(3, 1) == 1 and pcall(error) == false)", "")
      local _, err = open("\27LJ\2")
      assert.matches("wrong mode", err, 1, true) -- bytecode
    end)

    it("find nothing in a packet that they kept from another batch", function()
      local lane = assert(open [[local kept
        return { from_peer = function(b)
          if kept then assert(kept.len == 0 and kept.head == 0 and kept.tail == 0) kept:u8(0) end
          kept = b.p[2]
        end }]])
      assert.is_nil(lane:run("from_peer", { "a", "b", "secret" })[1].failed)
      local list, err = lane:run("from_peer", { "x", "y" })
      assert.matches("which has 0", err, 1, true)
      assert.is_true(list[1].failed and list[2].failed) -- it had taken up neither
    end)

    -- ---- errors ----

    local MARKED = "if p:u8(0) == 1 then error 'one' end p:set_u8(0, 9)"

    it("spare the rest of a batch in which a packet fails", function()
      local lane = each(MARKED)
      local given = {}
      for i = 1, 256 do given[i] = bytes(i % 3 == 0 and 1 or 2) end
      local list, err = lane:run("from_peer", given)
      for i = 1, 256 do
        local bad = i % 3 == 0
        assert.equal(bad or nil, list[i].failed)
        assert.equal(bad and "drop" or "pass", list[i].verdict)
        assert.equal(bad and "\1" or "\9", list[i].data)
      end
      assert.matches("^/etc/lunel/lane.lua:4: one", err)
    end)

    it("let a failed packet go on where they say so", function()
      local list = each(MARKED, "on_error = 'pass',"):run("from_peer", { "\2", "\1", "\2" })
      assert.same({ { data = "\9", verdict = "pass" },
                    { data = "\1", verdict = "pass", failed = true },
                    { data = "\9", verdict = "pass" } }, list)
      -- As it was: what it had become by then is not sent.
      list = each("p:trim_front(1) p.verdict = 1 error 'x'", "on_error = 'pass',")
        :run("from_peer", { "ab" })
      assert.same({ { data = "ab", verdict = "pass", failed = true } }, list)
    end)

    it("are taken off after repeated errors where they say so, and never otherwise", function()
      for _, word in ipairs { "drop", "pass" } do
        local lane = each(MARKED, ("on_error = '%s',"):format(word))
        for _ = 1, 30 do
          local _, err, detached = lane:run("from_peer", { "\1" })
          assert.truthy(err)
          assert.is_false(detached)
        end
      end
      local lane = each(MARKED, "on_error = 'detach',")
      local detached
      for i = 1, 10 do
        local _, err
        _, err, detached = lane:run("from_peer", { "\1", "\2" })
        assert.truthy(err)
        assert.equal(i == 10, detached)
      end
      assert.same({ { data = "\1", verdict = "pass" }, { data = "\2", verdict = "pass" } },
        lane:run("from_peer", { "\1", "\2" }))
    end)

    it("let nothing pass that they did not come to", function()
      -- Nobody knows which packets were done: all fail.
      local rows = {
        "error 'before'",                                                   -- none was taken up
        "for i = b.n - 1, 0, -1 do if b.p[i]:u8(0) == 1 then error 'x' end end",    -- backwards
        "for i = 0, b.n - 1 do b.p[i]:u8(0) end for i = 0, b.n - 1 do b.p[i]:u8(1) end", -- twice
      }
      for _, code in ipairs(rows) do
        local lane = assert(open("return { from_peer = function(b) " .. code .. " end }"))
        for i, p in ipairs(lane:run("from_peer", { "\2", "\1", "\2" })) do
          assert.is_true(p.failed, code .. i)
          assert.equal("drop", p.verdict)
        end
      end
    end)

    it("may leave packets alone", function()
      local lane = assert(open [[return { from_peer = function(b) b.p[1].verdict = 1 end }]])
      local list, err = lane:run("from_peer", { "a", "b", "c" })
      assert.is_nil(err)
      assert.same({ "pass", "drop", "pass" }, { list[1].verdict, list[2].verdict, list[3].verdict })
      assert.is_nil(select(2, lane:run("wire_out", { "a" }))) -- it has nothing there
      assert.same({}, (lane:run("from_peer", {})))
    end)

    it("fail when memory is short, and go on after that", function()
      local lane = each("if p:u8(0) == 1 then local t = {} "
        .. "while true do t[#t + 1] = ('x'):rep(2 ^ 20) .. #t end end")
      local list, err = lane:run("from_peer", { "\1", "\2" })
      assert.is_true(list[1].failed)
      assert.matches(jit and "not enough memory" or "", err, 1, true)
      list, err = lane:run("from_peer", { "\2", "\2" })
      assert.is_nil(err)
      assert.is_nil(list[2].failed)
    end)

    -- ---- the table ----

    it("return a table that is right", function()
      local rows = {
        { "return { form_peer = print }", "there is no print in a packet lane" },
        { "return { form_peer = 1 }", "a lane has no key 'form_peer'; did you mean 'from_peer'?" },
        { "return { from_peer = 1 }", "from_peer: a function expected, got a number" },
        { "return {}", "at least one of from_peer, to_peer, wire_in and wire_out" },
        { "", "a lane returns a table { from_peer = function(b) ... end, ... }, not nothing" },
        { "return 7", "not a number" },
        { "return { from_peer = function() end, on_error = 'dorp' }",
          'on_error: "drop", "pass" or "detach" expected, not "dorp"; '
          .. "did you mean 'drop'?" },
        { "return { from_peer = function() end, overhead = 65 }",
          "overhead: a whole number from 0 to 64 expected, not 65" },
        { "return { from_peer = function() end, overhead = 1.5 }", "overhead: a whole number" },
        { "return { from_peer = function() end, super = true }", "super: it is about to_peer" },
        { "return { from_peer = function() end, super = 1 }", "super: true or false" },
        { "local x = = 1", "unexpected symbol" },
        { "\n\nerror 'no'", "/etc/lunel/lane.lua:3: no" },
      }
      if not jit then -- a second, and it is always interpreted
        rows[#rows + 1] = { "for i = 1, 1e12 do end",
                            "the lane's main chunk ran for more than its 1000 ms" }
      end
      for _, row in ipairs(rows) do
        local lane, err = open(row[1])
        assert.is_nil(lane)
        assert.matches("^/etc/lunel/lane.lua", err)
        assert.matches(row[2], err, 1, true)
      end
      -- all at once
      local _, err = open("return { form_peer = 1, overhed = 2, wire_in = 3 }")
      for _, word in ipairs { "form_peer", "overhed", "wire_in: a function" } do
        assert.matches(word, err, 1, true)
      end
      local lane = open("return { to_peer = function() end, wire_in = function() end, "
        .. "super = true, overhead = 3, on_error = 'detach' }")
      assert.same({ id = 1, name = "lane", origin = "/etc/lunel/lane.lua", points = 6, overhead = 3,
                    super = true, on_error = "detach", unsure = false }, lane:facts())
    end)

    it("get their arguments as plain data", function()
      local lane, err = open("local a = ... assert(a.list[2] == 'y' and a.n == 5 and not a.f) "
        .. "return { from_peer = function() end }", { list = { "x", "y" }, n = 5, f = print })
      assert.truthy(lane, err)
      assert.truthy(open("assert(... == nil) return { from_peer = function() end }"))
    end)

    -- ---- the examples: shared/api's README has what they must do ----

    local function example(name, args)
      return assert(core.lane_open { scripts = SCRIPTS, args = args, jit = jit,
                                     file = ("%s/examples/%s.lua"):format(SOURCE, name) })
    end

    it("filter.lua drops exactly mail, the lateral, and what cannot be judged", function()
      local lane = example("filter", { deny_net = "10.8.0.0/22" })
      local given, want = {}, {}
      for i = 1, 64 do
        local kind = i % 16
        local o = { dport = 443, dst = { 192, 0, 2, i } }
        want[i] = "pass"
        if kind == 3 then o.dport, want[i] = 25, "drop"
        elseif kind == 5 then o.dst, want[i] = { 10, 8, 3, i }, "drop"
        elseif kind == 7 then o.proto, o.dport = 17, 25        -- UDP to 25 is no mail
        elseif kind == 9 then o.dst = { 10, 8, 4, i }          -- just behind the network
        elseif kind == 11 then o.proto = 1 end
        given[i] = ip4(o)
      end
      local list, err = lane:run("from_peer", given)
      assert.is_nil(err)
      for i = 1, 64 do assert.equal(want[i], list[i].verdict, i) end
      assert.same({ ["filter.smtp"] = 4, ["filter.lateral"] = 4, ["filter.unclassified"] = 0 },
        lane:counters())
      -- what cannot be judged; and what is cut off, which spares the others
      local cut = ip4({}):sub(1, 22)
      list, err = lane:run("from_peer",
        { given[1], ip6 {}, ip4 { fragment = 9 }, "", cut, given[1] })
      local verdicts = {}
      for i, p in ipairs(list) do verdicts[i] = p.verdict end
      assert.same({ "pass", "drop", "drop", "drop", "drop", "pass" }, verdicts)
      assert.is_true(list[5].failed)
      assert.matches("examples/filter.lua:%d+: p:dport%(%): the packet is cut off", err)
      assert.equal(3, lane:counters()["filter.unclassified"])
      for _ = 1, 30 do lane:run("from_peer", { cut }) end
      assert.equal("drop", lane:run("from_peer", { given[3] })[1].verdict) -- the lane has stayed
    end)

    it("xor.lua's two ends understand each other", function()
      local a, b = example("xor", { key = "secret" }), example("xor", { key = "secret" })
      assert.equal(15, a:facts().overhead)
      local given = {}
      for i = 1, 256 do given[i] = ("x"):rep(i % 200) .. bytes(i % 256) end
      local wire = {}
      for i, p in ipairs((a:run("wire_out", given))) do
        wire[i] = p.data
        assert.is_true(#p.data > #given[i] and #p.data <= #given[i] + 15)
      end
      local back = b:run("wire_in", wire)
      for i = 1, 256 do
        assert.equal(given[i], back[i].data)
        assert.equal("pass", back[i].verdict)
      end
      -- with no room the packet does not go out as it is
      assert.equal("drop", a:run("wire_out", { "x" }, { head = 0 })[1].verdict)
      -- garbage: dropped or not, but no fault
      local seed = 1
      local garbage = { "" }
      for i = 2, 256 do
        local t = {}
        for k = 1, i % 40 do
          seed = (seed * 1103515245 + 12345) % 2 ^ 31
          t[k] = bytes(math.floor(seed / 65536) % 256)
        end
        garbage[i] = table.concat(t)
      end
      local list, err = b:run("wire_in", garbage)
      assert.equal(256, #list)
      assert.is_true(list[1].failed) -- nothing to read in it
      assert.matches("examples/xor.lua:%d+: p:u8%(0%)", err)
    end)
  end)
end
