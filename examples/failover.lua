-- SPDX-License-Identifier: GPL-3.0-or-later
--
-- examples/failover.lua: choose the fastest healthy remote, leave it when it degrades.
--
-- A client that measures its servers before it connects, and every minute once it has. To run it
-- with servers and keys of your own: change `remotes` and `tls` below, then
--   lunel check failover.lua
--   sudo lunel failover.lua
-- What it does where servers fail and get slow is said, and tried, by failover_test.lua:
--   lunel test failover_test.lua
local vpn = require "lunel"
local log = vpn.log "failover"

local PROBES, PENALTY, MARGIN = 3, 60, 0.7

local remotes = {
  vpn.remote { "fra.example.net", 1194, "udp", site = "fra" },
  vpn.remote { "ams.example.net", 1194, "udp", site = "ams" },
  vpn.remote { "fra.example.net",  443, "tcp", site = "fra", last_resort = true },
}
local avoid_until = {}                      -- remote -> time before which it is skipped

-- Best of a few HARD_RESET round trips, wrapped with this tunnel's keys but without a login; nil
-- when unreachable. Yields.
local function measure(r)
  local best
  for _ = 1, PROBES do
    local rtt = vpn.probe(r, { timeout = 1 })
    if rtt and (not best or rtt < best) then best = rtt end
  end
  return best
end

local function ranked()
  local now, list = vpn.now(), {}
  local candidates = vpn.filter(remotes, function(r)
    return not r.last_resort and (avoid_until[r] or 0) <= now
  end)
  local rtts = vpn.all(candidates, measure, { limit = 4, timeout = 5 })
  for i, r in ipairs(candidates) do
    if rtts[i] then list[#list + 1] = { remote = r, rtt = rtts[i] } end
  end
  table.sort(list, function(a, b) return a.rtt < b.rtt end)   -- must not yield in here
  return list
end

-- Leave a site only when another one is clearly better three times in a row.
local function watch(sess)
  local wins = 0
  while vpn.sleep(60) and sess:is_up() do
    local top = ranked()[1]
    local better = top and top.remote ~= sess.remote and top.rtt < sess:rtt() * MARGIN
    wins = better and wins + 1 or 0
    if wins == 3 then
      log.info("migrate", { from = sess.remote.site, to = top.remote.site, rtt = top.rtt })
      return sess:reconnect { remote = top.remote, reason = "better remote" }
    end
  end
end

vpn.client {
  remotes = remotes,
  tls = { ca = "ca.pem", cert = "me.pem", key = "me.key", crypt_v2 = "me.tc2" },
  on = {
    select_remote = function(ctx)           -- may yield; default on error: round robin
      local top = ranked()[1]
      if top then
        log.info("selected", { site = top.remote.site, rtt = top.rtt, attempt = ctx.attempt })
        return top.remote
      end
      return vpn.filter(remotes, function(r) return r.last_resort end)[1]
    end,
    reconnect = function(ctx, cause)        -- sync: seconds to wait, or vpn.stop(reason)
      if cause.code == "auth_failed" then return vpn.stop("credentials rejected") end
      avoid_until[ctx.remote] = vpn.now() + PENALTY
      return vpn.backoff(ctx.failures, { base = 0.5, max = 30 })
    end,
    up = function(sess) vpn.spawn(watch, sess) end,
  },
}
