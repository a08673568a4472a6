-- A server that can be drained: while a file is there nobody new comes in, and those who are there
-- are asked to leave, a few every ten seconds, so that the other servers are not run over.
--   lunel pki init && lunel pki server vpn.example.net >/dev/null && sudo lunel maintenance.lua
--   echo "until 22:00" | sudo tee /run/vpn-maintenance       and `sudo rm` it afterwards
local vpn = require "lunel"
local log = vpn.log "maintenance"

local FILE = "/run/vpn-maintenance" -- what is in it is told to who comes
local LOOK, AT_ONCE = 10, 5         -- seconds between two looks; clients that are asked to leave

local here = {}   -- peer -> true
local closed_for  -- what the file says; nil: we are open

-- Reading a small file of /run takes no time; what may take some belongs into vpn.exec.
local function note()
  local f = io.open(FILE)
  if not f then return nil end
  local text = f:read "*l"
  f:close()
  return text or ""
end

local function send_some_away()
  local n = 0
  for peer in pairs(here) do
    if n == AT_ONCE then break end
    n = n + 1
    here[peer] = nil
    peer:restart() -- it comes again, by its profile to another server
  end
  return n
end

local function watch()
  repeat
    local before = closed_for
    closed_for = note()
    if closed_for and not before then log.info("begins", { note = closed_for }) end
    if before and not closed_for then log.info("ends") end
    if closed_for then
      local n = send_some_away()
      if n > 0 then log.info("sent away", { clients = n, left = vpn.count(here) }) end
    end
  until not vpn.sleep(LOOK)
end

vpn.server {
  listen = { "1194/udp", "443/tcp" },
  server = "10.8.0.0/22",
  tls = { ca = "pki/ca.crt", crl = "pki/crl.pem", crypt_v2 = "pki/tls-crypt-v2.key",
          cert = "pki/issued/vpn.example.net.crt", key = "pki/private/vpn.example.net.key" },

  on = {
    authorize = function()
      local text = closed_for or note()
      if text then return vpn.deny("maintenance " .. text) end
      return vpn.grant {}
    end,
    established = function(peer) here[peer] = true end,
    closed = function(peer) here[peer] = nil end,
  },
}

vpn.spawn(watch)
