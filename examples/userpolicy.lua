-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- examples/userpolicy.lua: per-user pool, hours, rate and filter on a server.
--
-- Who may come is known to a backend: POST AUTH_URL { "user", "pass", "cn" } answers 200 and
-- { "role": "staff" }, or another status to refuse. Without it nobody comes in. Change AUTH_URL,
-- `roles`, `tls` and `pools`; filter.lua has to be in the folder where lunel is started. Then
--   lunel check userpolicy.lua
--   sudo lunel userpolicy.lua
-- What it does is said, and tried, by userpolicy_test.lua: lunel test userpolicy_test.lua
local vpn = require "lunel"
local log = vpn.log "policy"

local AUTH_URL = "http://127.0.0.1:8080/vpn/auth"
local WEEKDAYS = { Mon = true, Tue = true, Wed = true, Thu = true, Fri = true }

local roles = {
  staff      = { pool = "staff" },
  contractor = { pool = "contractors", hours = { 8, 18 }, days = WEEKDAYS,
                 rate = { down = "20mbit" }, filter = "no_lateral" },
}

-- Seconds of access left now, false when outside the window, nil when unlimited.
local function window(role, t)
  if not role.hours then return nil end
  local from, to = role.hours[1], role.hours[2]
  if not role.days[t.wday] or t.hour < from or t.hour >= to then return false end
  return (to - t.hour) * 3600 - t.min * 60 - t.sec
end

vpn.server {
  listen = { "0.0.0.0:1194/udp", "0.0.0.0:443/tcp" },
  tls    = { ca = "ca.pem", cert = "srv.pem", key = "srv.key", crypt_v2 = "srv.tc2" },
  pools  = { staff = "10.8.0.0/22", contractors = "10.8.8.0/24" },
  filters = { no_lateral = { file = "filter.lua", args = { deny_net = "10.8.0.0/22" } } },
  on = {
    authenticate = function(peer, cred)     -- may yield; no answer within 10 s = deny
      local res, err = vpn.http.post(AUTH_URL, {
        timeout = 3,
        json = { user = cred.username, pass = cred.password:reveal(), cn = peer.cert.cn },
      })
      if not res then
        log.error("backend", { user = cred.username, err = err })
        return vpn.deny("authentication backend unavailable")
      end
      if res.status ~= 200 then return vpn.deny("bad credentials") end
      peer.vars.role = res.json.role
      return true
    end,

    authorize = function(peer)              -- may yield; result replaces client-connect files
      local role = roles[peer.vars.role]
      if not role then return vpn.deny("no role") end
      local left = window(role, vpn.localtime())
      if left == false then return vpn.deny("outside working hours") end
      return vpn.grant {
        pool   = role.pool,
        rate   = role.rate,
        filter = role.filter,
        push   = { "dhcp-option DNS 10.8.0.1", "route 10.20.0.0 255.255.0.0" },
        expires = left,                     -- the engine ends the session, no timer here
      }
    end,

    closed = function(peer, why, stats)
      log.info("session", { user = peer.user, why = why, rx = stats.rx, tx = stats.tx })
    end,
  },
}
