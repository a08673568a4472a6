-- SPDX-License-Identifier: GPL-3.0-or-later
-- The reckoning of bench/tunnel.sh: what iperf3 and ping wrote, as a table, as JSON and as a chart.
--
--   luajit bench/tunnel.lua WORK OPTION...
--
-- WORK/runs.tsv has a line for each turn of a pair, WORK/runs/N what iperf3 or ping said in it.

local cjson = require "cjson"

local BASE, LIMIT, OURS = "openvpn-openvpn", "limit-limit", "lunel-lunel"
local FILTER = "lunel-filter" -- lunel-lunel with a packet lane at the server
local GOALS = { times = 10, of_limit = 0.95, mixed = 1, of_unfiltered = 0.85 }

local load_names = {
  tcp1 = "one TCP stream", tcp8 = "8 TCP streams", udp64 = "datagrams of 64 bytes",
  ping = "round trip",
}
local direction_names = { up = "client to server", down = "server to client" }

local function die(...)
  io.stderr:write("tunnel.lua: ", string.format(...), "\n")
  os.exit(1)
end

local function read_file(name)
  local file, why = io.open(name, "rb")
  if not file then die("%s", why) end
  local text = file:read("*a")
  file:close()
  return text
end

local function write_file(name, text)
  local file, why = io.open(name, "wb")
  if not file then die("%s", why) end
  if not (file:write(text) and file:close()) then die("%s cannot be written", name) end
end

-- ---- arguments ----

local function parse(args)
  local options = { work = args[1] }
  local i = 2
  while i <= #args do
    local name = args[i]:match("^%-%-(%a+)$") or die("unexpected %s", args[i])
    if name == "check" then
      options.check = true
    else
      i = i + 1
      options[name] = args[i] or die("--%s needs a value", name)
    end
    i = i + 1
  end
  return options
end

-- ---- numbers ----

-- quantile(LIST, Q): of a sorted list, between its values where it falls there.
local function quantile(sorted, q)
  if #sorted == 0 then return nil end
  local at = 1 + (#sorted - 1) * q
  local low = math.floor(at)
  local high = math.min(low + 1, #sorted)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
end

local function sorted_copy(list)
  local copy = {}
  for i, v in ipairs(list) do copy[i] = v end
  table.sort(copy)
  return copy
end

local function median(list)
  return quantile(sorted_copy(list), 0.5)
end

-- ---- what was said in one turn ----

-- Of many turns in a round: |before| is what those before it gave.
local function read_ping(text, before)
  local times = before and before.times or {}
  local n = #times
  for ms in text:gmatch("time=([%d.]+) ms") do times[#times + 1] = tonumber(ms) * 1000 end
  if #times == n then return nil, "no answer" end
  return { value = median(times), times = times }
end

local function read_iperf(text, ticks, options)
  local good, report = pcall(cjson.decode, text)
  if not good then return nil, "iperf3 wrote no JSON: " .. report end
  local ended = report["end"]
  local got, sent = ended and ended.sum_received, ended and ended.sum_sent
  if not got or not got.bytes or got.bytes <= 0 then return nil, "nothing arrived" end
  local cpu = ticks / options.tick
  local out = { cpu_s_per_gb = cpu / (got.bytes / 1e9), mss = report.start.tcp_mss_default }
  if not got.packets then
    out.value = got.bits_per_second / 1e9
    return out
  end
  local arrived = got.packets - got.lost_packets
  if arrived <= 0 then return nil, "no datagram arrived" end
  out.value = arrived / got.seconds / 1000
  out.loss = 1 - arrived / sent.packets
  out.cpu_us_per_packet = cpu * 1e6 / arrived
  -- The bytes that iperf3 sums up are not those of lost ones in every release.
  out.cpu_s_per_gb = cpu / (arrived * 64 / 1e9)
  return out
end

-- ---- all turns, by configuration and pair ----

local function key_of(turn)
  return table.concat({ turn.load, turn.cipher, turn.mtu, turn.transport, turn.direction }, " ")
end

local columns = {
  "number", "round", "transport", "cipher", "mtu", "load", "direction", "pair", "ticks", "resident",
}

-- Configurations in the order of their first turn, each with its pairs' turns by round.
local function read_turns(options)
  local configs, failures = {}, 0
  for line in read_file(options.work .. "/runs.tsv"):gmatch("[^\n]+") do
    local turn, i = {}, 0
    for word in line:gmatch("[^\t]+") do
      i = i + 1
      turn[columns[i]] = word
    end
    local text = read_file(options.work .. "/runs/" .. turn.number)
    local config = configs[key_of(turn)]
    local rounds = config and config.by_pair[turn.pair]
    local result, why
    if turn.load == "ping" then
      result, why = read_ping(text, rounds and rounds[tonumber(turn.round)])
    else
      result, why = read_iperf(text, tonumber(turn.ticks), options)
    end
    if result then
      result.peak_kib = tonumber(turn.resident)
      if not config then
        config = { turn = turn, by_pair = {} }
        configs[key_of(turn)] = config
        configs[#configs + 1] = config
      end
      config.by_pair[turn.pair] = config.by_pair[turn.pair] or {}
      config.by_pair[turn.pair][tonumber(turn.round)] = result
    else
      failures = failures + 1
      io.stderr:write(string.format("tunnel: %s over %s, %s %s, round %s: %s\n", turn.pair,
        turn.transport, turn.load, turn.direction, turn.round, why))
    end
  end
  return configs, failures
end

local function gather(rounds, field, n)
  local list = {}
  for i = 1, n do
    if rounds[i] and rounds[i][field] then list[#list + 1] = rounds[i][field] end
  end
  return list
end

-- What all rounds' pings took: a round alone has too few for its slowest hundredth.
local function pooled(rounds, n)
  local all = {}
  for _, times in ipairs(gather(rounds, "times", n)) do
    for _, t in ipairs(times) do all[#all + 1] = t end
  end
  table.sort(all)
  return all
end

-- The median of the rounds' ratios to |other|, of those that have both.
local function ratio(rounds, other, n)
  local list = {}
  for i = 1, n do
    if rounds[i] and other and other[i] then
      list[#list + 1] = rounds[i].value / other[i].value
    end
  end
  return median(list)
end

local function summary(config, pair, n)
  local rounds = config.by_pair[pair]
  local values = gather(rounds, "value", n)
  local sorted = sorted_copy(values)
  local turn = config.turn
  local row = {
    load = turn.load, cipher = turn.cipher, tun_mtu = tonumber(turn.mtu),
    transport = turn.transport, direction = turn.direction, pair = pair,
    values = values, median = median(values), least = sorted[1], most = sorted[#sorted],
    cpu_s_per_gb = median(gather(rounds, "cpu_s_per_gb", n)),
    cpu_us_per_packet = median(gather(rounds, "cpu_us_per_packet", n)),
    loss = median(gather(rounds, "loss", n)),
    mss = median(gather(rounds, "mss", n)),
    -- It never falls: what the last round saw is the peak of all.
    peak_kib = quantile(sorted_copy(gather(rounds, "peak_kib", n)), 1),
  }
  if turn.load == "ping" then
    local all, direct = pooled(rounds, n), config.by_pair.direct
    row.unit = "us"
    row.direction = "both"
    row.median = quantile(all, 0.5)
    row.p99 = quantile(all, 0.99)
    row.pings = #all
    row.direct = direct and quantile(pooled(direct, n), 0.5)
  else
    row.unit = turn.load == "udp64" and "kpackets/s" or "Gb/s"
  end
  row.to_openvpn = ratio(rounds, config.by_pair[BASE], n)
  row.to_limit = ratio(rounds, config.by_pair[LIMIT], n)
  if pair == FILTER then row.to_unfiltered = ratio(rounds, config.by_pair[OURS], n) end
  return row
end

local function summaries(configs, options)
  local rows = {}
  local n = tonumber(options.rounds)
  for _, config in ipairs(configs) do
    config.rows = {}
    for pair in options.pairs:gmatch("%S+") do
      if config.by_pair[pair] then
        local row = summary(config, pair, n)
        rows[#rows + 1] = row
        config.rows[#config.rows + 1] = row
        config.rows[pair] = row
      end
    end
  end
  return rows
end

-- ---- the table ----

local function figure(v, format)
  return v and string.format(format, v) or "-"
end

local function title_of(row)
  local parts = { load_names[row.load], "over " .. row.transport:upper(), row.cipher,
    "tun-mtu " .. row.tun_mtu }
  if row.direction ~= "both" then parts[#parts + 1] = direction_names[row.direction] end
  return table.concat(parts, ", ")
end

local function print_tcp(rows)
  print(string.format("%-16s %7s %15s %9s %9s %10s %6s %9s", "client-server", "Gb/s",
    "least to most", "x openvpn", "x limit", "CPU s/GB", "MSS", "peak KiB"))
  for _, row in ipairs(rows) do
    print(string.format("%-16s %7.2f %15s %9s %9s %10s %6s %9s", row.pair, row.median,
      string.format("%.2f to %.2f", row.least, row.most), figure(row.to_openvpn, "%.2f"),
      figure(row.to_limit, "%.2f"), figure(row.cpu_s_per_gb, "%.2f"), figure(row.mss, "%d"),
      figure(row.peak_kib, "%d")))
  end
end

local function print_udp(rows)
  print(string.format("%-16s %9s %17s %9s %9s %7s %13s", "client-server", "kpkt/s",
    "least to most", "x openvpn", "x limit", "lost", "CPU us/packet"))
  for _, row in ipairs(rows) do
    print(string.format("%-16s %9.1f %17s %9s %9s %7s %13s", row.pair, row.median,
      string.format("%.1f to %.1f", row.least, row.most), figure(row.to_openvpn, "%.2f"),
      figure(row.to_limit, "%.2f"), figure(row.loss and row.loss * 100, "%.0f%%"),
      figure(row.cpu_us_per_packet, "%.2f")))
  end
end

local function print_ping(rows)
  print(string.format("%-16s %9s %9s %9s %9s", "client-server", "us", "added", "p99",
    "x openvpn"))
  for _, row in ipairs(rows) do
    print(string.format("%-16s %9.0f %9s %9.0f %9s", row.pair, row.median,
      figure(row.direct and row.median - row.direct, "%.0f"), row.p99,
      figure(row.to_openvpn, "%.2f")))
  end
end

-- What the lane leaves of the rate (of ping: by how much it is slower).
local function print_filter(rows)
  local row = rows[FILTER]
  if not (row and row.to_unfiltered) then return end
  print(string.format("%s is %.2f of %s (median of rounds)", FILTER, row.to_unfiltered, OURS))
end

local function print_tables(configs)
  for _, config in ipairs(configs) do
    if config.rows[1] then
      print("\n" .. title_of(config.rows[1]))
      local load = config.turn.load
      local show = load == "ping" and print_ping or load == "udp64" and print_udp or print_tcp
      show(config.rows)
      print_filter(config.rows)
    end
  end
end

-- ---- the machine ----

local function first_match(name, pattern)
  local file = io.open(name, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text:match(pattern)
end

local function count_processors()
  local n = 0
  for _ in (first_match("/proc/cpuinfo", ".*") or ""):gmatch("processor%s*:") do n = n + 1 end
  return n
end

local function machine(options)
  return {
    processor = first_match("/proc/cpuinfo", "model name%s*:%s*([^\n]+)") or "unknown processor",
    processors = count_processors(),
    kernel = first_match("/proc/sys/kernel/osrelease", "%S+") or "unknown",
    load_average = first_match("/proc/loadavg", "^%S+ %S+ %S+"),
    date = os.date("!%Y-%m-%d %H:%M UTC"),
    openvpn = options.openvpn, iperf3 = options.iperf, congestion = options.congestion,
    rounds = tonumber(options.rounds), seconds = tonumber(options.seconds),
  }
end

-- ---- the chart ----

local WIDTH, MARGIN, PANEL, PLOT = 960, 24, 316, 200
local colours = {
  udp = { up = "#3b76af", down = "#8fb8de", both = "#3b76af" },
  tcp = { up = "#d9782d", down = "#f0b983", both = "#d9782d" },
}
local style = [[
<style>
.paper { fill: #ffffff } .text { fill: #222222 } .faint { fill: #666666 } .line { stroke: #bbbbbb }
text { font-family: sans-serif; font-size: 12px }
@media (prefers-color-scheme: dark) {
  .paper { fill: #17191c } .text { fill: #e8e8e8 } .faint { fill: #a0a0a0 }
  .line { stroke: #55585c }
}
</style>]]

local function escape(text)
  return (text:gsub("[&<>\"]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;",
    ['"'] = "&quot;" }))
end

local function text(out, x, y, class, anchor, words)
  out[#out + 1] = string.format('<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>',
    x, y, class, anchor, escape(words))
end

local function rect(out, x, y, w, h, look)
  out[#out + 1] = string.format('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" %s/>',
    x, y, w, h, look)
end

local function short(v)
  return string.format(v < 10 and "%.2f" or v < 100 and "%.1f" or "%.0f", v)
end

-- A panel has the configurations that differ in transport and direction alone: they are its bars,
-- side by side for each pair.
local function panels_of(configs)
  local panels = {}
  for _, config in ipairs(configs) do
    local row = config.rows[1]
    if row then
      local key = table.concat({ row.load, row.cipher, row.tun_mtu }, " ")
      if not panels[key] then
        panels[key] = { row = row, series = {}, pairs = {} }
        panels[#panels + 1] = panels[key]
      end
      local panel = panels[key]
      panel.series[#panel.series + 1] = config
      for _, other in ipairs(config.rows) do
        if not panel.pairs[other.pair] then
          panel.pairs[other.pair] = true
          panel.pairs[#panel.pairs + 1] = other.pair
        end
      end
    end
  end
  return panels
end

local function fill_of(row)
  return 'fill="' .. colours[row.transport][row.direction] .. '"'
end

local function draw_legend(out, panel, y)
  for i, config in ipairs(panel.series) do
    local row = config.rows[1]
    local x = MARGIN + (i - 1) * 180
    local words = row.transport:upper()
    if row.direction ~= "both" then words = words .. ", " .. direction_names[row.direction] end
    rect(out, x, y - 10, 12, 12, fill_of(row))
    text(out, x + 18, y, "faint", "start", words)
  end
end

local function draw_group(out, panel, pair, x, width, base, scale)
  local bar = math.min(width * 0.84 / #panel.series, 60)
  local left = x + (width - bar * #panel.series) / 2
  for i, config in ipairs(panel.series) do
    local row = config.rows[pair]
    if row then
      local h = row.median * scale
      local at = left + (i - 1) * bar
      rect(out, at + 1, base - h, bar - 2, h, fill_of(row))
      text(out, at + bar / 2, base - h - 4, "text", "middle", short(row.median))
    end
  end
  text(out, x + width / 2, base + 18, "text", "middle", pair)
end

local function draw_panel(out, panel, top)
  local row = panel.row
  local most = 0
  for _, config in ipairs(panel.series) do
    for _, other in ipairs(config.rows) do most = math.max(most, other.median) end
  end
  local base = top + 72 + PLOT
  text(out, MARGIN, top + 18, "text", "start", string.format("%s, %s, tun-mtu %d: %s",
    load_names[row.load], row.cipher, row.tun_mtu,
    row.load == "ping" and "microseconds, median" or row.unit))
  draw_legend(out, panel, top + 38)
  local width = (WIDTH - 2 * MARGIN) / #panel.pairs
  for i, pair in ipairs(panel.pairs) do
    draw_group(out, panel, pair, MARGIN + (i - 1) * width, width, base, PLOT / most)
  end
  out[#out + 1] = string.format('<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" class="line"/>', MARGIN,
    base, WIDTH - MARGIN, base)
end

local function chart(configs, host)
  local panels = panels_of(configs)
  local height = 64 + #panels * PANEL + 12
  local out = {
    '<?xml version="1.0" encoding="UTF-8"?>',
    string.format('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
      .. 'viewBox="0 0 %d %d" role="img">', WIDTH, height, WIDTH, height),
    "<title>Lunel: what a tunnel carries</title>", style,
  }
  rect(out, 0, 0, WIDTH, height, 'class="paper"')
  out[#out + 1] = string.format('<text x="%d" y="28" class="text" style="font-size: 16px">'
    .. "What a tunnel carries, client-server, %s</text>", MARGIN, escape(host.date))
  text(out, MARGIN, 48, "faint", "start", string.format(
    "%d x %s, Linux %s, %s; rounds: %d, of %d s each", host.processors, host.processor,
    host.kernel, host.openvpn, host.rounds, host.seconds))
  for i, panel in ipairs(panels) do draw_panel(out, panel, 64 + (i - 1) * PANEL) end
  out[#out + 1] = "</svg>\n"
  return table.concat(out, "\n")
end

-- ---- goals ----

-- goals(CONFIGS): what is missed, as lines; and whether anything could be judged.
local function goals(configs)
  local missed, judged = {}, 0
  local function want(row, value, sign, bound, what)
    if not value then return end
    judged = judged + 1
    local good
    if sign == ">=" then good = value >= bound else good = value <= bound end
    if not good then
      missed[#missed + 1] = string.format("%s: %s is %.2f %s, not %s %.2f", title_of(row),
        row.pair, value, what, sign, bound)
    end
  end
  for _, config in ipairs(configs) do
    local ours, base = config.rows[OURS], config.rows[BASE]
    local turn = config.turn
    if turn.load == "ping" and ours and base then
      want(ours, ours.median / base.median, "<=", 1, "times openvpn's median")
      want(ours, ours.p99 / base.p99, "<=", 1, "times openvpn's p99")
    elseif turn.load == "tcp1" and turn.mtu == "1420" then
      for _, pair in ipairs { "lunel-openvpn", "openvpn-lunel" } do
        local row = config.rows[pair]
        if row then want(row, row.to_openvpn, ">=", GOALS.mixed, "times openvpn") end
      end
      local filtered = config.rows[FILTER]
      if filtered then
        want(filtered, filtered.to_unfiltered, ">=", GOALS.of_unfiltered, "of lunel-lunel")
      end
      if ours and turn.cipher == "AES-256-GCM" then
        want(ours, ours.to_openvpn, ">=", GOALS.times, "times openvpn")
        want(ours, ours.to_limit, ">=", GOALS.of_limit, "of the limit")
      end
    end
  end
  return missed, judged
end

-- ----

local function main(args)
  local options = parse(args)
  options.tick = tonumber(options.tick)
  local configs, failures = read_turns(options)
  local host = machine(options)
  local rows = summaries(configs, options)
  print(string.format("%d x %s, Linux %s, %s, %s, %s, %s", host.processors, host.processor,
    host.kernel, host.openvpn, host.iperf3, host.congestion, host.date))
  print_tables(configs)
  local missed, judged = goals(configs)
  if options.json then
    write_file(options.json, cjson.encode { machine = host, rows = rows, missed = missed,
      failures = failures + tonumber(options.failures) } .. "\n")
  end
  if options.svg then write_file(options.svg, chart(configs, host)) end
  if #missed > 0 then print("\nmissed:\n  " .. table.concat(missed, "\n  ")) end
  if options.check then
    if judged == 0 then die("--check: nothing was measured that has a goal") end
    if #missed > 0 then os.exit(1) end
  end
  if failures > 0 then os.exit(1) end
end

main(arg)
