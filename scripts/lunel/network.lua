-- SPDX-License-Identifier: GPL-3.0-or-later
--- The hook `network`: what became of the machine's links, addresses and default routes.
local ask = require "lunel.ask"
local core = require "lunel.core"
local hook_schema = require "lunel.hook_schema"

local M = {}

local SECONDS = hook_schema.deadline("client", "network")
local MOST = 256 -- changes that wait for a hook which still runs

local parse = {}

function parse.link(ifname, state)
  return { what = "link", ifname = ifname, up = state == "up", gone = state == "gone" }
end

function parse.address(ifname, state, address)
  return { what = "address", ifname = ifname, gone = state == "gone", address = address }
end

function parse.default(ifname, state, family, gateway)
  return { what = "default", ifname = ifname ~= "-" and ifname or nil, gone = state == "gone",
           family = tonumber(family), gateway = gateway ~= "-" and gateway or nil }
end

function parse.lost() return { what = "lost" } end

--- A line of the engine's as a table.
function M.change(line)
  local words = {}
  for word in line:gmatch("%S+") do words[#words + 1] = word end
  return parse[words[1]](unpack(words, 2))
end

-- One at a time for each tunnel: what comes meanwhile is told next.
local function tell(t)
  local changes = t.changes
  if not changes or t.changes_told then return end
  t.changes, t.changes_told = nil, true
  ask.tell("network", t.owner, SECONDS, function()
    t.changes_told = nil
    tell(t)
  end, t.on.network, changes, t.session)
end

--- Tells those of |tunnels| (by handle) that have the hook of |lines|.
function M.event(tunnels, lines)
  for _, t in pairs(tunnels) do
    if t.on.network then
      t.changes = t.changes or {}
      for _, line in ipairs(lines) do
        if #t.changes == MOST then table.remove(t.changes, 1) end
        t.changes[#t.changes + 1] = M.change(line)
      end
      tell(t)
    end
  end
end

--- Watches the network if one of |tunnels| (a list) has the hook: true, or nil and why.
function M.watch(tunnels)
  for _, t in ipairs(tunnels) do
    if t.on.network and not t.checking then return core.watch_network() end
  end
  return true
end

return M
