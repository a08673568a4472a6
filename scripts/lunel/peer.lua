-- SPDX-License-Identifier: GPL-3.0-or-later
--- A peer: one client of a server, as hooks and tasks see it.
local core = require "lunel.core"
local suggest = require "lunel.suggest"

local M = {}

local methods = {}

--- Whether packets can flow right now.
function methods.is_up(p) return p.up == true and not p.ended end

--- Counters: rx, tx (bytes through the tunnel), packets, drops; nil once the peer is gone.
function methods.stats(p) return core.peer_stats(p.server.handle, p.id) end

--- Ends the connection; the client is told `HALT` and |reason|, unless it is nil.
function methods.kill(p, reason)
  return core.peer_kill(p.server.handle, p.id, reason and "HALT," .. reason or "HALT")
end

--- Ends the connection and asks the client to come back.
function methods.restart(p) return core.peer_kill(p.server.handle, p.id, "RESTART") end

--- Sends a text on the control channel.
function methods.send(p, text) return core.peer_text(p.server.handle, p.id, text) end

--- Renews the keys now.
function methods.renegotiate(p) return core.peer_renegotiate(p.server.handle, p.id) end

-- What the engine knows, asked for when somebody looks.
local LIVE = { name = true, cn = true, user = true, address = true, proto = true, ipv4 = true,
               ipv6 = true, cipher = true, connected_at = true, peer_info = true, metadata = true }
local PLAIN = { id = true, vars = true, cert = true, up = true, ended = true, owner = true,
                server = true, known = true }
local NAMES = { "is_up", "stats", "kill", "restart", "send", "renegotiate", "id", "vars", "cert",
                "name", "cn", "user", "address", "proto", "ipv4", "ipv6", "cipher",
                "connected_at", "peer_info", "metadata" }

local meta = {
  __index = function(p, name)
    local method = methods[name]
    if method then return method end
    if LIVE[name] then
      local known = rawget(p, "known")
      if not p.ended then
        known = core.peer_info(p.server.handle, p.id) or known
        rawset(p, "known", known)
      end
      return known and known[name]
    end
    if PLAIN[name] then return nil end
    error(("a peer has no '%s'%s"):format(tostring(name), suggest.hint(tostring(name), NAMES)), 2)
  end,
  __tostring = function(p) return "peer " .. tostring(p.name or p.address or p.id) end,
}

--- A peer |id| of |server|; |owner| is whose tasks end with it.
function M.new(server, id, owner)
  return setmetatable({ server = server, id = id, owner = owner, vars = {} }, meta)
end

--- Remembers what is known, for who asks after the end.
function M.remember(p) return p.name end

return M
