-- SPDX-License-Identifier: GPL-3.0-or-later
--- Addresses in configuration values, and the checks of the lines that are made of them.
local M = {}

local floor = math.floor

--- An IPv4 address as a number, or nil.
function M.ipv4(s)
  local a, b, c, d = s:match("^(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)%.(%d%d?%d?)$")
  if not a then return nil end
  a, b, c, d = tonumber(a, 10), tonumber(b, 10), tonumber(c, 10), tonumber(d, 10)
  if a > 255 or b > 255 or c > 255 or d > 255 then return nil end
  return ((a * 256 + b) * 256 + c) * 256 + d
end

--- And back.
function M.ipv4_text(n)
  return ("%d.%d.%d.%d"):format(floor(n / 2 ^ 24), floor(n / 2 ^ 16) % 256, floor(n / 256) % 256,
                                n % 256)
end

-- How many 16-bit groups colon-separated |s| has; nil when one is malformed.
local function groups(s)
  if s == "" then return 0 end
  local n = 0
  for group in (s .. ":"):gmatch("([^:]*):") do
    if group:find("^%x%x?%x?%x?$") then n = n + 1
    else return nil end
  end
  return n
end

--- Whether |s| is an IPv6 address.
function M.is_ipv6(s)
  if #s > 45 then return false end
  local head, tail4 = s:match("^(.*:)(%d+%.%d+%.%d+%.%d+)$")
  if head then
    if not M.ipv4(tail4) then return false end
    s = head .. "0:0"
  end
  local left, right = s:match("^(.-)::(.*)$")
  if not left then return groups(s) == 8 end
  local l, r = groups(left), groups(right)
  return l ~= nil and r ~= nil and l + r <= 7
end

local function append_groups(out, text)
  for group in text:gmatch("%x+") do out[#out + 1] = tonumber(group, 16) end
end

--- An IPv6 address as its eight groups of 16 bits, or nil.
function M.ipv6(s)
  if not M.is_ipv6(s) then return nil end
  local head, tail4 = s:match("^(.*:)(%d+%.%d+%.%d+%.%d+)$")
  if head then
    local n = M.ipv4(tail4)
    s = ("%s%x:%x"):format(head, floor(n / 65536), n % 65536)
  end
  local left, right = s:match("^(.-)::(.*)$")
  local out, tail = {}, {}
  append_groups(out, left or s)
  append_groups(tail, right or "")
  while #out + #tail < 8 do out[#out + 1] = 0 end
  for _, group in ipairs(tail) do out[#out + 1] = group end
  return out
end

-- Where the longest run of zeros begins and how long it is; the first of several.
local function longest_run(ip)
  local at, most, run = 1, 0, 0
  for i = 1, 8 do
    run = ip[i] == 0 and run + 1 or 0
    if run > most then at, most = i - run + 1, run end
  end
  return at, most
end

--- |ip| as text, as short as it goes (RFC 5952).
function M.ipv6_text(ip)
  local parts = {}
  for i = 1, 8 do parts[i] = ("%x"):format(ip[i]) end
  local at, most = longest_run(ip)
  if most < 2 then return table.concat(parts, ":") end
  return table.concat(parts, ":", 1, at - 1) .. "::" .. table.concat(parts, ":", at + most, 8)
end

--- |ip| with all bits behind the first |bits| as |ones| says: set, or not.
function M.ipv6_fill(ip, bits, ones)
  local out = {}
  for i = 1, 8 do
    local size = 2 ^ math.min(16, math.max(0, 16 * i - bits)) -- of what is filled in this group
    out[i] = floor(ip[i] / size) * size + (ones and size - 1 or 0)
  end
  return out
end

--- The address |n| behind |ip|.
function M.ipv6_plus(ip, n)
  local out = {}
  for i = 8, 1, -1 do
    n = n + ip[i]
    out[i], n = n % 65536, floor(n / 65536)
  end
  return out
end

--- Whether |a| comes before |b|, both groups.
function M.ipv6_before(a, b)
  for i = 1, 8 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end

--- Whether |s| is an address of either family.
function M.is_address(s)
  return M.ipv4(s) ~= nil or M.is_ipv6(s)
end

--- Whether |s| can be the name of a host.
function M.is_hostname(s)
  return #s <= 255 and s:find("^[%w_]") ~= nil and not s:find("[^%w%._-]")
    and not s:find("..", 1, true)
end

--- Whether |mask| (a number) is ones, then zeros.
function M.is_netmask(mask)
  local inverted = 4294967295 - mask
  while inverted % 2 == 1 do inverted = floor(inverted / 2) end
  return inverted == 0
end

--- The netmask of a prefix length, as text.
function M.netmask(bits)
  return M.ipv4_text(2 ^ 32 - 2 ^ (32 - bits))
end

local NETWORKS = { vpn_gateway = true, remote_host = true }
local GATEWAYS = { vpn_gateway = true, net_gateway = true, default = true }
local GATEWAYS6 = { vpn_gateway_ipv6 = true, net_gateway_ipv6 = true, default = true }

local function fail(at, word, want)
  at:fail(("'%s' is not %s"):format(word, want))
  return false
end

local function is_metric(s)
  return s == "default" or s:find("^%d+$") ~= nil and tonumber(s, 10) < 2 ^ 31
end

--- `route NETWORK [NETMASK [GATEWAY [METRIC]]]`; NETWORK may be a prefix.
function M.route(words, at)
  local base, bits = words[1]:match("^([%d%.]+)/(%d+)$")
  bits = tonumber(bits, 10)
  if base then
    if not M.ipv4(base) or bits > 32 then return fail(at, words[1], "an IPv4 network") end
    if words[2] and (M.ipv4(words[2]) or words[2] == "default") then
      return fail(at, words[2], "a gateway, and the prefix has the netmask already")
    end
    words[1] = base
    table.insert(words, 2, M.netmask(bits))
  end
  if not NETWORKS[words[1]] and not M.ipv4(words[1]) then
    return fail(at, words[1], "an IPv4 network (names are not resolved in routes)")
  end
  local mask = words[2]
  if mask and mask ~= "default" then
    local n = M.ipv4(mask)
    if not n or not M.is_netmask(n) then return fail(at, mask, "a netmask") end
  end
  local gateway = words[3]
  if gateway and not GATEWAYS[gateway] and not M.ipv4(gateway) then
    return fail(at, gateway, "a gateway: an IPv4 address, vpn_gateway or net_gateway")
  end
  if words[4] and not is_metric(words[4]) then return fail(at, words[4], "a metric") end
end

local function is_prefix6(s)
  local base, bits = s:match("^(.-)/(%d%d?%d?)$")
  base = base or s
  return M.is_ipv6(base) and (not bits or tonumber(bits, 10) <= 128)
end

--- `route-ipv6 PREFIX [GATEWAY [METRIC]]`.
function M.route_ipv6(words, at)
  if not is_prefix6(words[1]) then return fail(at, words[1], "an IPv6 prefix") end
  local gateway = words[2]
  if gateway and not GATEWAYS6[gateway] and not M.is_ipv6(gateway) then
    return fail(at, gateway, "a gateway: an IPv6 address, vpn_gateway_ipv6 or net_gateway_ipv6")
  end
  if words[3] and not is_metric(words[3]) then return fail(at, words[3], "a metric") end
end

--- `ifconfig LOCAL REMOTE|NETMASK`.
function M.ifconfig(words, at)
  for _, word in ipairs(words) do
    if not M.ipv4(word) then return fail(at, word, "an IPv4 address") end
  end
end

--- `ifconfig-ipv6 ADDRESS/BITS GATEWAY`.
function M.ifconfig_ipv6(words, at)
  if not is_prefix6(words[1]) then return fail(at, words[1], "an IPv6 address with its bits") end
  if words[2] and not M.is_ipv6(words[2]) then return fail(at, words[2], "an IPv6 address") end
end

--- `route-gateway ADDRESS`.
function M.route_gateway(words, at)
  if not M.ipv4(words[1]) then
    return fail(at, words[1], "an IPv4 address")
  end
end

--- `route-ipv6-gateway ADDRESS`.
function M.route_ipv6_gateway(words, at)
  if not M.is_ipv6(words[1]) then return fail(at, words[1], "an IPv6 address") end
end

local REDIRECT = {
  def1 = true, ["local"] = true, autolocal = true, ["bypass-dhcp"] = true,
  ["bypass-dns"] = true, ["block-local"] = true, ipv6 = true, ["!ipv4"] = true,
}

--- The flags of `redirect-gateway` and `redirect-private`.
function M.redirect(words, at)
  for _, word in ipairs(words) do
    if not REDIRECT[word] then
      return fail(at, word, "a flag: def1, local, autolocal, bypass-dhcp, bypass-dns, "
        .. "block-local, ipv6 or !ipv4")
    end
  end
end

return M
