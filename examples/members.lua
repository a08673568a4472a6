-- A server with members: a password beside the certificate, addresses and networks by group, hours
-- for those who have some, and a line in the log for each visit.
--   lunel pki init && lunel pki server vpn.example.net >/dev/null && sudo lunel members.lua
--   lunel pki client anna >anna.ovpn        and in anna.ovpn a line: auth-user-pass
-- The names of certificates and members are the same: anna's certificate is of no use to ben.
local vpn = require "lunel"
local log = vpn.log "members"

-- Passwords as they are, so keep this file for root alone: chmod 600 members.lua
local MEMBERS = {
  anna = { password = "correct horse", group = "staff" },
  ben = { password = "battery staple", group = "guests" },
}

local GROUPS = {
  staff = { push = { "route 10.0.0.0 255.0.0.0" } },
  guests = { push = { "route 10.20.0.0 255.255.0.0" }, from = 8, till = 18 }, -- hours, local time
}

-- Seconds until |hour| of today, or nil when it has passed.
local function seconds_until(hour, now)
  local left = hour * 3600 - (now.hour * 3600 + now.min * 60 + now.sec)
  return left > 0 and left or nil
end

local function is_weekend(now) return now.wday == "Sat" or now.wday == "Sun" end

vpn.server {
  listen = { "1194/udp", "443/tcp" },
  server = "10.8.0.0/16",
  pools = { staff = "10.8.1.0/24", guests = "10.8.2.0/24" },
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },

  on = {
    -- May wait (ask a directory, call a program). An error, or no answer in time, denies.
    authenticate = function(peer, cred)
      local member = MEMBERS[cred.username]
      if not member or cred.username ~= peer.cn or cred.password:reveal() ~= member.password then
        return vpn.deny "wrong name or password"
      end
      return true
    end,

    authorize = function(peer)
      local name = MEMBERS[peer.cn].group
      local group, now = GROUPS[name], vpn.localtime()
      local left
      if group.till then
        left = not is_weekend(now) and now.hour >= group.from and seconds_until(group.till, now)
        if not left then
          return vpn.deny(("open from %d to %d, Monday to Friday"):format(group.from, group.till))
        end
      end
      -- Who is in when the day ends has to go, too.
      return vpn.grant { pool = name, push = group.push, expires = left }
    end,

    established = function(peer)
      log.info("came", { who = peer.name, from = peer.address, ip = peer.ipv4 })
    end,

    -- Once for each `established`, with the last counters.
    closed = function(peer, why, stats)
      log.info("left", { who = peer.name, why = why, received = stats.rx, sent = stats.tx })
    end,
  },
}
