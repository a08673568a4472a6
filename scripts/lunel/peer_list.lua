-- SPDX-License-Identifier: GPL-3.0-or-later
--- The clients that are up, for scripts (`vpn.peers`) and for the console.
local core = require "lunel.core"

local M = {}

local AT_ONCE = 500 -- clients that are looked at before others have their turn

local tunnels, by_handle -- set by M.bind

--- |list| gives this script's tunnels, |handles| has those that are open by the engine's number.
function M.bind(list, handles) tunnels, by_handle = list, handles end

local function is_called(p, name)
  return p.name == name or p.address == name or p.ipv4 == name or p.ipv6 == name
end

-- `cid` is a peer's number among all that came.
local function came_before(a, b) return a.cid < b.cid end

--- The clients of all servers of this script; with |name|, those that are called so, or are there
-- (name, address), of a server the oldest first: they are few enough to be put in order. In a task:
-- with hundreds it lets others have their turn.
function M.list(name)
  local out = {}
  for _, t in ipairs(tunnels()) do
    local open = t.server and by_handle[t.handle] == t
    local found = {}
    for i, id in ipairs(open and core.peers(t.handle) or {}) do
      if i % AT_ONCE == 0 then core.sleep(0) end
      local p = t.peers[id]
      if p and p.up and not p.ended and (name == nil or is_called(p, name)) then
        found[#found + 1] = p
      end
    end
    if name ~= nil then table.sort(found, came_before) end
    for _, p in ipairs(found) do out[#out + 1] = p end
  end
  return out
end

return M
