-- A laptop's tunnel: with a new way out of the machine it connects anew at once, instead of after
-- a time-out, and without any it does not try all the time.
--   sudo lunel netwatch.lua        beside a profile, office.ovpn
local vpn = require "lunel"
local log = vpn.log "netwatch"

local SETTLE = 2  -- seconds until a new network is used (a portal, IPv6 after IPv4)
local NO_WAY = 60 -- seconds between two attempts where there is no way out

local conf = vpn.profile "office.ovpn"

local ways = {}   -- default routes that came: "4 wlan0" -> true
local lost = false -- the last of those that we know of has gone

local function take(change)
  if change.what ~= "default" then return end
  ways[change.family .. " " .. (change.ifname or "")] = not change.gone or nil
  lost = next(ways) == nil
end

vpn.hook(conf, "network", function(changes, session)
  for _, change in ipairs(changes) do take(change) end
  local new = vpn.filter(changes, function(c) return c.what == "default" and not c.gone end)
  if #new == 0 or not session then return end
  vpn.sleep(SETTLE)
  log.info("new way out", { by = new[#new].ifname, gateway = new[#new].gateway })
  session:reconnect { reason = "the network changed" }
end)

vpn.hook(conf, "reconnect", function()
  -- nil: as the profile says. The hook above ends the wait when there is a way again.
  if lost then return NO_WAY end
end)

vpn.client(conf)
