-- The demo's server (./run demo). Who has a certificate of its CA comes as far as `authorize`:
-- there, Lua decides.
local vpn = require "lunel"

local STAFF = { anna = true, otto = true }
local WHY_NOT = { ben = "your contract ended in June: ask the office" }

local function say(text, ...) print("policy: " .. text:format(...)) end

vpn.server {
  listen = { "1194/udp" }, server = "10.8.0.0/24", push = { "explicit-exit-notify 1" },
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },
  machine_readable_output = true, -- times to the microsecond: the demo sorts lines by them

  on = {
    authorize = function(peer)
      if not STAFF[peer.cn] then
        local why = WHY_NOT[peer.cn] or "you are not on the list"
        say("%s is not let in, and is told: \"%s\"", peer.cn, why)
        return vpn.deny(why)
      end
      say("%s is staff: address %s, two networks, for 8 hours", peer.cn, peer.ipv4)
      return vpn.grant {
        push = { "route 10.20.0.0 255.255.0.0", "route 10.66.0.0 255.255.0.0" },
        expires = 8 * 3600,
      }
    end,

    closed = function(peer, why, stats)
      say("%s has left (%s): %.0f MB came, %.0f MB went", peer.cn, why, stats.rx / 1e6,
        stats.tx / 1e6)
    end,
  },
}
