-- A profile with a policy over it: who may be the server, what it may push, what happens when.
-- Run it beside a profile: sudo lunel policy.lua
local vpn = require "lunel"
local log = vpn.log "policy"

local conf = vpn.profile "office.ovpn"

conf.on = {
  -- May wait (ask a database, call a program); an error or no answer in 10 s means no.
  verify_cert = function(_, chain)
    local peer = chain[1]
    if peer.not_after < os.time() + 24 * 3600 then
      return false, "the certificate of " .. peer.cn .. " ends within a day"
    end
    log.info("server accepted", { cn = peer.cn, issuer = chain[2] and chain[2].cn })
    return true
  end,

  -- What the server pushed, as texts: take away, add, or refuse all of it.
  pulled = function(_, options)
    return vpn.filter(options, function(option)
      if not option:find "^route 10%.66%." then return true end
      log.info("route refused", { option = option })
    end)
  end,

  up = function(_, net)
    log.info("tunnel is up", { dev = net.ifname, address = net.addresses[1] })
  end,

  -- Seconds to wait before the next attempt, or vpn.stop(reason).
  reconnect = function(ctx, cause)
    if cause.code == "auth_failed" then return vpn.stop("credentials rejected") end
    return vpn.backoff(ctx.failures, { base = 0.5, max = 30 })
  end,
}

vpn.client(conf)
