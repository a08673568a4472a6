-- SPDX-License-Identifier: GPL-3.0-or-later
--- A peer: one client of a server, as hooks and tasks see it.
local core = require "lunel.core"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"
local who = require "lunel.who"

local M = {}

local methods = {}

--- Whether packets can flow right now.
function methods.is_up(p) return p.up == true and not p.ended end

-- What asks the engine for something. Once the peer is gone its number may be another's.
local function asking(fn)
  return function(p, ...)
    if p.ended then return nil, "the peer is gone" end
    return fn(p.server.handle, p.id, ...)
  end
end

--- Counters: rx, tx (bytes through the tunnel), packets, drops; nil once the peer is gone.
methods.stats = asking(function(server, id) return core.peer_stats(server, id) end)

local function counter(name)
  return asking(function(server, id)
    local counters = core.peer_stats(server, id)
    return counters and counters[name]
  end)
end

--- Seconds that the client takes to answer, smoothed; nil before it has.
methods.rtt = counter "rtt"

--- The part of the client's packets that got lost in the last minute, 0 to 1; nil when none came.
methods.loss = counter "loss"

--- Ends the connection; the client is told `HALT` and |reason|, unless it is nil.
methods.kill = asking(function(server, id, reason)
  return core.peer_kill(server, id, reason and "HALT," .. tostring(reason) or "HALT")
end)

--- Ends the connection and asks the client to come back.
methods.restart = asking(function(server, id) return core.peer_kill(server, id, "RESTART") end)

--- Sends a text on the control channel.
methods.send = asking(function(server, id, text) return core.peer_text(server, id, text) end)

--- Renews the keys now.
methods.renegotiate = asking(function(server, id) return core.peer_renegotiate(server, id) end)

--- Another of the server's `filters` for its packets from now on, by name; nil: none of its own.
methods.filter = asking(function(server, id, name)
  if name ~= nil and type(name) ~= "string" then
    error("peer:filter: the name of a filter expected, or nil", 2)
  end
  return core.peer_filter(server, id, name)
end)

-- The lines of peer info as a table; the first of a name counts.
local function parse(text)
  local out = {}
  for line in (text or ""):gmatch "[^\n]+" do
    local name, value = line:match "^([^=]+)=(.*)$"
    if name and out[name] == nil then out[name] = value end
  end
  return out
end

-- What the engine knows, asked for when somebody looks.
local LIVE = { name = true, cn = true, user = true, address = true, proto = true, ipv4 = true,
               ipv6 = true, cipher = true, connected_at = true, peer_info = true, metadata = true }
local PLAIN = { id = true, vars = true, cert = true, up = true, ended = true, owner = true,
                cid = true, server = true, known = true, from = true, files = true,
                learned = true, authorities = true }
local NAMES = { "is_up", "stats", "rtt", "loss", "kill", "restart", "send", "renegotiate",
                "filter", "id", "vars", "cert", "name", "cn", "user", "address", "proto", "ipv4",
                "ipv6", "cipher", "connected_at", "peer_info", "info", "metadata" }

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
    if name == "info" then return parse(p.peer_info) end
    if PLAIN[name] then return nil end
    error(("a peer has no '%s'%s"):format(tostring(name), suggest.hint(tostring(name), NAMES)), 2)
  end,
  __tostring = function(p) return "peer " .. tostring(p.name or p.address or p.id) end,
}

strict.methods(methods, meta, "peer")

--- A peer |id| of |server|; |owner| is whose tasks end with it. `from` is where it was first,
-- `files` are what was written for programs about it, `learned` what learn-address was asked about,
-- `cid` its number among all that came.
function M.new(server, id, owner)
  local p = setmetatable({ server = server, id = id, owner = owner, vars = {}, files = {},
                           learned = {} }, meta)
  p.from = p.address
  who.set(owner, p)
  return p
end

--- Whether |p| is not the connection any more that has its number now, if one has.
function M.is_gone(p)
  local now = core.peer_info(p.server.handle, p.id)
  return not now or not p.up and now.address ~= p.from
end

--- Remembers what is known, for who asks after the end.
function M.remember(p) return p.name end

return M
