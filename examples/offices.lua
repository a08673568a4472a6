-- Routes by office: clients reach what they need by the gateway that is nearest to where they are,
-- and who comes from inside an office gets no route to it. Where somebody is, a list of networks
-- says; countries are such lists, too, only longer.
--   lunel pki init && lunel pki server vpn.example.net >/dev/null && sudo lunel offices.lua
local vpn = require "lunel"
local log = vpn.log "offices"

local OFFICES = {
  fra = { from = { "198.51.100.0/24" }, network = "10.20.0.0 255.255.0.0", dns = "10.20.0.53" },
  ams = { from = { "203.0.113.0/25", "203.0.113.128/26" },
          network = "10.30.0.0 255.255.0.0", dns = "10.30.0.53" },
}
local ELSEWHERE = "10.20.0.53" -- the DNS server of who is in no office

local function number_of(address)
  local a, b, c, d = address:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)"
  return a and ((a * 256 + b) * 256 + c) * 256 + d
end

-- { first, last, office } of each network, once.
local ranges = {}
for name, office in pairs(OFFICES) do
  for _, prefix in ipairs(office.from) do
    local address, bits = prefix:match "^(.*)/(%d+)$"
    local size = 2 ^ (32 - bits)
    local first = math.floor(number_of(address) / size) * size
    ranges[#ranges + 1] = { first, first + size - 1, name }
  end
end

-- The office that |address| ("198.51.100.7:40000") is in, or nil.
local function office_of(address)
  local n = number_of(address)
  for _, range in ipairs(ranges) do
    if n and n >= range[1] and n <= range[2] then return range[3] end
  end
end

vpn.server {
  listen = { "1194/udp", "443/tcp" },
  server = "10.8.0.0/22",
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },

  on = {
    authorize = function(peer)
      local here = office_of(peer.address)
      local push = {}
      for name, office in pairs(OFFICES) do
        if name ~= here then push[#push + 1] = "route " .. office.network end
      end
      table.sort(push)
      push[#push + 1] = "dhcp-option DNS " .. (here and OFFICES[here].dns or ELSEWHERE)
      log.info("routed", { who = peer.name, office = here or "none", routes = #push - 1 })
      return vpn.grant { push = push }
    end,
  },
}
