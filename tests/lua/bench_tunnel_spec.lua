-- SPDX-License-Identifier: GPL-3.0-or-later
-- The reckoning of bench/tunnel.sh on turns whose figures are known.
local cjson = require "cjson"

local program = (os.getenv("LUNEL_SOURCE") or ".") .. "/bench/tunnel.lua"

local function write(name, text)
  local file = assert(io.open(name, "w"))
  file:write(text)
  file:close()
end

local function read(name)
  local file = assert(io.open(name))
  local text = file:read("*a")
  file:close()
  return text
end

local function stream(gbps)
  return cjson.encode { start = { tcp_mss_default = 1368 },
    ["end"] = { sum_sent = { bytes = gbps * 1e9 / 8 }, sum_received = {
      bytes = gbps * 1e9 / 8, seconds = 1, bits_per_second = gbps * 1e9 } } }
end

local function datagrams(packets, lost, sent)
  return cjson.encode { start = {},
    ["end"] = { sum_received = { bytes = 64 * packets, seconds = 2, bits_per_second = 1,
      packets = packets, lost_packets = lost }, sum_sent = { packets = sent } } }
end

describe("bench/tunnel.lua", function()
  local work

  before_each(function()
    work = os.tmpname()
    os.remove(work)
    assert(os.execute("mkdir -p " .. work .. "/runs") == 0)
  end)
  after_each(function() os.execute("rm -r " .. work) end)

  -- turns: { load, direction, pair, round, ticks, what was said }
  local function reckon(turns, rounds, more)
    local lines = {}
    for i, t in ipairs(turns) do
      write(work .. "/runs/" .. i, t[6])
      lines[i] = table.concat({ i, t[4], "udp", "AES-256-GCM", 1420, t[1], t[2], t[3], t[5],
        9000 + i }, "\t")
    end
    write(work .. "/runs.tsv", table.concat(lines, "\n") .. "\n")
    local status = os.execute(string.format("luajit %s %s --rounds %d --seconds 1 --tick 100 "
      .. "--failures 0 --congestion c --openvpn 'o <&>' --iperf i --pairs 'openvpn-openvpn "
      .. "openvpn-lunel lunel-lunel lunel-filter limit-limit' --json %s/out.json "
      .. "--svg %s/out.svg %s >%s/out.txt 2>&1", program, work, rounds, work, work, more or "",
      work))
    local rows = {}
    local out = cjson.decode(read(work .. "/out.json"))
    for _, row in ipairs(out.rows) do rows[row.pair] = row end
    return rows, status, read(work .. "/out.txt"), out, read(work .. "/out.svg")
  end

  local function rounds_of(ours, base, limit, mixed)
    local turns = {}
    for i = 1, #ours do
      turns[#turns + 1] = { "tcp1", "up", "lunel-lunel", i, 50, stream(ours[i]) }
      turns[#turns + 1] = { "tcp1", "up", "openvpn-openvpn", i, 200, stream(base[i]) }
      turns[#turns + 1] = { "tcp1", "up", "limit-limit", i, 25, stream(limit[i]) }
      turns[#turns + 1] = { "tcp1", "up", "openvpn-lunel", i, 25, stream(mixed[i]) }
    end
    return turns
  end

  it("takes medians, and ratios of the same round", function()
    local rows, status = reckon(rounds_of({ 4, 8, 6 }, { 0.5, 0.5, 1 }, { 8, 8, 8 },
      { 1, 1, 1 }), 3)
    assert.equal(0, status)
    local ours = rows["lunel-lunel"]
    assert.equal(6, ours.median)
    assert.equal(4, ours.least)
    assert.equal(8, ours.most)
    assert.equal(8, ours.to_openvpn)     -- of 8, 16 and 6, not 6 by 0.5
    assert.equal(0.75, ours.to_limit)
    assert.equal(1368, ours.mss)
    assert.equal(9009, ours.peak_kib)
    -- 0.5 s for 0.5, 1 and 0.75 GB.
    assert.is_true(math.abs(ours.cpu_s_per_gb - 0.5 / 0.75) < 1e-9)
    assert.equal(1, rows["openvpn-openvpn"].to_openvpn)
  end)

  it("judges the goals only when asked", function()
    local good = rounds_of({ 7.7 }, { 0.7 }, { 8 }, { 0.7 })
    local _, status, _, out = reckon(good, 1, "--check")
    assert.equal(0, status)
    assert.same({}, out.missed)
    for bad, words in pairs {
      [rounds_of({ 6.9 }, { 0.7 }, { 7 }, { 0.8 })] = "lunel%-lunel is 9.86 times openvpn",
      [rounds_of({ 7.5 }, { 0.7 }, { 8 }, { 0.8 })] = "lunel%-lunel is 0.94 of the limit",
      [rounds_of({ 7.7 }, { 0.7 }, { 8 }, { 0.6 })] = "openvpn%-lunel is 0.86 times openvpn",
    } do
      _, status, _, out = reckon(bad, 1)
      assert.equal(0, status)
      assert.equal(1, #out.missed)
      assert.matches(words, out.missed[1])
      _, status = reckon(bad, 1, "--check")
      assert.not_equal(0, status)
    end
  end)

  it("holds a packet lane's rate against that without it", function()
    local function turns(rates)
      local out = {}
      for i, rate in ipairs(rates) do
        out[#out + 1] = { "tcp1", "up", "lunel-lunel", i, 50, stream(i * 2) }
        out[#out + 1] = { "tcp1", "up", "lunel-filter", i, 60, stream(rate) }
      end
      return out
    end
    -- 0.9, 0.86 and 0.5 of the same round's.
    local rows, status, text = reckon(turns { 1.8, 3.44, 3 }, 3, "--check")
    assert.equal(0, status)
    assert.is_true(math.abs(rows["lunel-filter"].to_unfiltered - 0.86) < 1e-9)
    assert.is_nil(rows["lunel-lunel"].to_unfiltered)
    assert.matches("lunel%-filter is 0.86 of lunel%-lunel", text)
    local _, missed, _, out = reckon(turns { 1.8, 3.36, 3 }, 3, "--check")
    assert.not_equal(0, missed)
    assert.equal(1, #out.missed)
    assert.matches("lunel%-filter is 0.84 of lunel%-lunel, not >= 0.85", out.missed[1])
  end)

  it("counts datagrams that arrive", function()
    local rows, _, text = reckon({
      { "udp64", "down", "lunel-lunel", 1, 100, datagrams(900000, 700000, 1000000) },
      { "udp64", "down", "openvpn-openvpn", 1, 100, datagrams(900000, 800000, 1000000) },
    }, 1)
    local ours = rows["lunel-lunel"]
    assert.equal(100, ours.median)
    assert.equal(2, ours.to_openvpn)
    assert.is_true(math.abs(ours.loss - 0.8) < 1e-9)
    assert.is_true(math.abs(ours.cpu_us_per_packet - 5) < 1e-9)
    assert.matches("lunel%-lunel +100.0", text)
  end)

  it("puts the pings of all rounds together", function()
    local function pings(first)
      local lines = {}
      for i = 0, 99 do lines[#lines + 1] = string.format("time=%.3f ms", (first + i) / 1000) end
      return table.concat(lines, "\n")
    end
    local turns = {}
    for i = 1, 2 do
      turns[#turns + 1] = { "ping", "up", "direct", i, 0, "64 bytes: time=0.020 ms" }
      turns[#turns + 1] = { "ping", "up", "openvpn-openvpn", i, 0, pings(i * 100) }
      turns[#turns + 1] = { "ping", "up", "lunel-lunel", i, 0, pings(i * 100 + 10) }
    end
    local rows, status, _, out = reckon(turns, 2, "--check")
    assert.equal(199.5, rows["openvpn-openvpn"].median)
    assert.is_true(math.abs(rows["openvpn-openvpn"].p99 - 297.01) < 1e-6)
    assert.equal(20, rows["lunel-lunel"].direct)
    assert.equal(200, rows["lunel-lunel"].pings)
    assert.not_equal(0, status)
    assert.equal(2, #out.missed)
  end)

  it("says which turn had no figure, and fails", function()
    for said, words in pairs {
      ["iperf3: error"] = "wrote no JSON", [stream(0)] = "nothing arrived",
      ["{}"] = "nothing arrived",
    } do
      local turns = rounds_of({ 8 }, { 0.5 }, { 8 }, { 1 })
      turns[1][6] = said
      local rows, status, text, out = reckon(turns, 1)
      assert.not_equal(0, status)
      assert.is_nil(rows["lunel-lunel"])
      assert.equal(1, out.failures)
      assert.matches(words, text)
    end
  end)

  it("draws what it has, with no mark-up from outside", function()
    local _, _, _, _, svg = reckon(rounds_of({ 8 }, { 0.5 }, { 8 }, { 1 }), 1)
    assert.matches("o &lt;&amp;&gt;", svg)
    local bars = select(2, svg:gsub("<rect [^>]*fill=", ""))
    assert.equal(4 + 1, bars)            -- and one in the legend
    assert.matches(">8.00</text>", svg)
  end)
end)
