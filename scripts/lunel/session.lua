-- SPDX-License-Identifier: GPL-3.0-or-later
--- A session: one connection to a server, as hooks and tasks see it.
local core = require "lunel.core"
local schema_engine = require "lunel.schema_engine"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"
local who = require "lunel.who"

local M = {}

local methods = {}

--- Whether packets can flow right now.
function methods.is_up(s) return s.up == true and not s.ended end

--- Counters: rx, tx (bytes through the tunnel), packets, drops; nil once the tunnel is gone.
function methods.stats(s) return core.tunnel_stats(s.tunnel.handle) end

-- The remote of the tunnel's list that has all the fields of |match|.
local function find(tunnel, match)
  for i, remote in ipairs(tunnel.remotes) do
    local same = true
    for k, v in pairs(match) do same = same and remote[k] == v end
    if same then return remote, i end
  end
end

-- Counters are the tunnel's: of a session that has ended nothing is known any more.
local function counter(name)
  return function(s)
    local counters = not s.ended and core.tunnel_stats(s.tunnel.handle)
    return counters and counters[name] or nil
  end
end

--- Seconds that the server takes to answer, smoothed; nil before it has.
methods.rtt = counter "rtt"

--- The part of the server's packets that got lost in the last minute, 0 to 1; nil when none came.
methods.loss = counter "loss"

--- Connects anew: { remote = , or match = { field = value }, reason = , hard = true to close the
-- device }.
function methods.reconnect(s, o)
  o = o or {}
  if type(o) ~= "table" then
    error("session:reconnect: a table expected, got a " .. type(o), 2)
  elseif o.match ~= nil and type(o.match) ~= "table" then
    error("session:reconnect: match: a table expected, got a " .. type(o.match), 2)
  end
  local remote, index = o.remote, nil
  if o.match then
    remote, index = find(s.tunnel, o.match)
    if not remote then error("session:reconnect: no remote matches", 2) end
  end
  local t = s.tunnel
  -- Of the latest, that ends the wait for the next.
  if s.ended and t.session ~= s then return nil, "the session has ended" end
  return core.tunnel_reconnect(t.handle, o.hard or false,
    remote and schema_engine.remote(remote, t.conf), index or remote and t:index_of(remote),
    o.reason or "asked for by a script")
end

--- Ends the tunnel for good.
function methods.stop(s, reason)
  return core.tunnel_stop(s.tunnel.handle, reason or "stopped by a script")
end

--- Sends a text on the control channel.
function methods.send(s, text)
  if s.ended then return nil, "the session has ended" end
  return core.tunnel_text(s.tunnel.handle, text)
end

local FIELDS = { remote = true, address = true, ifname = true, vars = true }
local HIDDEN = { up = true, ended = true, owner = true, tunnel = true, known = true,
                 name = true }
local NAMES = { "is_up", "stats", "rtt", "loss", "reconnect", "stop", "send", "remote", "address",
                "ifname", "vars" }

local meta = {
  __index = function(_, name)
    local method = methods[name]
    if method then return method end
    if FIELDS[name] or HIDDEN[name] then return nil end
    error(("a session has no '%s'%s"):format(tostring(name),
      suggest.hint(tostring(name), NAMES)), 2)
  end,
  __tostring = function(s) return "session with " .. tostring(s.address or "nobody yet") end,
}

strict.methods(methods, meta, "session")

--- A session of |tunnel|; |owner| is whose tasks end with it.
function M.new(tunnel, owner)
  local s = setmetatable({ tunnel = tunnel, owner = owner, vars = {} }, meta)
  who.set(owner, s)
  return s
end

return M
