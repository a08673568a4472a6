-- SPDX-License-Identifier: GPL-3.0-or-later
--- The longer form of `server` and `server-ipv6`, which OpenVPN makes of them itself: `ifconfig`
-- and `ifconfig-ipv6` with the server's own address, beside pools.
local address = require "lunel.schema_address"

local M = {}

-- Fails at the line that set |key|.
local function fail(b, key, text)
  b.at, b.name = b.origin[key], (key:gsub("_", "-"))
  b:fail(text)
end

-- `ifconfig 10.8.0.1 255.255.255.0`
local function network4(b, conf)
  local own, mask = address.ipv4(conf.ifconfig[1]), address.ipv4(conf.ifconfig[2])
  if not own or not mask then
    return fail(b, "ifconfig", ("'%s' is not an IPv4 address"):format(
      conf.ifconfig[own and 2 or 1]))
  end
  if (conf.topology or "net30") ~= "subnet" then
    return fail(b, "ifconfig", "without `topology subnet` the server's network is not in it; "
      .. "write `server NETWORK NETMASK`")
  end
  local size = 2 ^ 32 - mask
  local network = math.floor(own / size) * size
  if not address.is_netmask(mask) or own ~= network + 1 then
    return fail(b, "ifconfig", ("the server has the first address of its network here%s")
      :format(address.is_netmask(mask) and ": " .. address.ipv4_text(network + 1)
        or (", and '%s' is not a netmask"):format(conf.ifconfig[2])))
  end
  return ("%s %s"):format(address.ipv4_text(network), conf.ifconfig[2])
end

-- `ifconfig-ipv6 fd00:8::1/64 fd00:8::2`
local function network6(b, conf)
  local text, bits = conf.ifconfig_ipv6[1]:match("^(.-)/(%d%d?%d?)$")
  text, bits = text or conf.ifconfig_ipv6[1], tonumber(bits or 64)
  local own = address.ipv6(text)
  if not own or bits < 16 or bits > 124 then
    return fail(b, "ifconfig_ipv6", ("'%s' is not an IPv6 address with 16 to 124 bits")
      :format(conf.ifconfig_ipv6[1]))
  end
  local network = address.ipv6_fill(own, bits, false)
  local first = address.ipv6_text(address.ipv6_plus(network, 1))
  if first ~= address.ipv6_text(own) then
    return fail(b, "ifconfig_ipv6", "the server has the first address of its network here: "
      .. first)
  end
  return ("%s/%d"):format(address.ipv6_text(network), bits)
end

local FORMS = { { "ifconfig", "server", network4 }, { "ifconfig_ipv6", "server_ipv6", network6 } }

--- Puts `server` and `server_ipv6` in the place of the longer form in the configuration of the
-- builder |b|.
function M.finish(b)
  local conf, origin = b.conf, b.origin
  for _, form in ipairs(FORMS) do
    local long, short, network = unpack(form)
    if conf[long] and conf[short] then
      fail(b, long, ("`%s` sets it already"):format((short:gsub("_", "-"))))
    elseif conf[long] then
      conf[short], origin[short] = network(b, conf), origin[long]
    end
    conf[long] = nil
  end
end

return M
