-- SPDX-License-Identifier: GPL-3.0-or-later
--- A server's device, as its programs `up`, `route-up`, `route-pre-down` and `down` see it;
-- lunel.policy runs them, as it does for a client.
local address = require "lunel.schema_address"
local policy = require "lunel.policy"

local M = {}

-- Of "10.8.0.0/24", or with a netmask: the server's own address, the one behind it, the netmask.
local function addresses4(network)
  local ip, rest = network:match("^(%S-)[/%s]%s*(%S+)$")
  local mask = rest:find(".", 1, true) and rest or address.netmask(tonumber(rest))
  local size = 2 ^ 32 - address.ipv4(mask)
  local first = math.floor(address.ipv4(ip) / size) * size
  return address.ipv4_text(first + 1), address.ipv4_text(first + 2), mask
end

-- The same of "fd00:8::/64", with the bits.
local function addresses6(network)
  local ip, bits = network:match("^(.-)/(%d+)$")
  local first = address.ipv6_fill(address.ipv6(ip), tonumber(bits), false)
  return address.ipv6_text(address.ipv6_plus(first, 1)),
    address.ipv6_text(address.ipv6_plus(first, 2)), bits
end

--- The addresses of the server |conf| inside its networks, IPv4's and IPv6's; "" for one that it
-- does not have.
function M.own(conf)
  return conf.server and (addresses4(conf.server)) or "",
    conf.server_ipv6 and (addresses6(conf.server_ipv6)) or ""
end

-- The variables that OpenVPN has for a server's device.
local function environment(conf, ifname)
  local env = { "dev=" .. ifname, "dev_type=tun", ("tun_mtu=%d"):format(conf.tun_mtu) }
  local function add(name, value) env[#env + 1] = name .. "=" .. value end
  if conf.server then
    local own, second, mask = addresses4(conf.server)
    add("ifconfig_local", own)
    if conf.topology == "subnet" then
      add("ifconfig_netmask", mask)
    else
      add("ifconfig_remote", second)
      add("route_vpn_gateway", second)
    end
  end
  if conf.server_ipv6 then
    local own, second, bits = addresses6(conf.server_ipv6)
    add("ifconfig_ipv6_local", own)
    add("ifconfig_ipv6_remote", second)
    add("ifconfig_ipv6_netbits", bits)
  end
  return env
end

--- The variables for the server |t|'s device, once it is there, as lines.
function M.environment(t) return environment(t.conf, t.ifname) end

-- What is told to all of the server |t|'s programs about the device |ifname|.
local function event(t, ifname)
  return { ifname = ifname, mtu = t.conf.tun_mtu, env = environment(t.conf, ifname) }
end

-- There is no DNS for a server to set.
local NO_DNS = { dns = {} }

--- The device |ifname| of the server |t| is there. In a task. True, or false and why: a program
-- failed, and the server has to end.
function M.up(t, ifname) return policy.up(t, NO_DNS, event(t, ifname)) end

--- It is gone. In a task.
function M.down(t, ifname) policy.down(t, NO_DNS, event(t, ifname)) end

return M
