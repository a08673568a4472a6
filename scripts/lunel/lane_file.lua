-- SPDX-License-Identifier: GPL-3.0-or-later
--- Packet lanes where a policy script is expected: `lunel check` accepts a lane's file by itself.
local core = require "lunel.core"
local suggest = require "lunel.suggest"

local M = {}

local POINTS = { "from_peer", "to_peer", "wire_in", "wire_out" }
local is_point = { from_peer = true, to_peer = true, wire_in = true, wire_out = true }
local is_lane = false -- the script that was loaded here
local script          -- its path, while it runs

-- A lane's first line, mostly. The rest of it is for another VM to run. A script that has required
-- "lunel" is a policy, and what it requires is its module: those have no packets.
package.preload["lunel.pkt"] = function()
  local place = core.where(3)
  is_lane = script ~= nil and place ~= nil and place:match "^(.*):%d+$" == script
    and not package.loaded.lunel
  package.loaded["lunel.pkt"] = nil -- else require says something else the next time
  error("lunel.pkt is for packet lanes: files of their own, which a policy names as its `filter`, "
    .. "`filters` or `transport` and does not require (scripts/README.md, Packet lanes)", 3)
end

-- Nor is a file of tests a policy.
package.preload["lunel.test"] = function()
  package.loaded["lunel.test"] = nil
  error("a file of tests is neither run nor checked as a policy; run it by `lunel test FILE`", 3)
end

--- The main chunk of |file| is about to run.
function M.runs(file) script = file end

-- Whether |t| is meant as a lane: also one whose function is misspelt, which a policy would refuse.
local function looks_like_one(t)
  if type(rawget(t, "on_error")) == "string" or type(rawget(t, "overhead")) == "number" then
    return true
  end
  for name, v in next, t do
    if type(name) == "string" and type(v) == "function"
      and (is_point[name] or suggest.hint(name, POINTS) ~= "") then return true end
  end
  return false
end

--- What a script's main chunk has returned.
function M.returned(t)
  script = nil
  if type(t) == "table" and looks_like_one(t) then is_lane = true end
end

local function summary(facts)
  local names = {}
  for i, name in ipairs(POINTS) do
    if bit.band(facts.points, 2 ^ (i - 1)) ~= 0 then names[#names + 1] = name end
  end
  local what = #names > 0 and ("packet lane (%s), on_error = %q"):format(
    table.concat(names, ", "), facts.on_error) or "packet lane"
  if facts.unsure then
    what = what .. "; its args are not known here, and checked where a policy names it"
  end
  return "ok: " .. what
end

--- After the script |file| was loaded, or could not be: nil when it is no lane. With |check|, a
-- plan as of instance.load; or false and the list of errors.
function M.as_lane(file, check)
  if not is_lane then return nil end
  if not check then
    return false, { file .. ": a packet lane does nothing by itself; a policy names it as its "
      .. "`filter` or `transport`" }
  end
  local facts, err = core.lane_alone(file)
  if not facts then return false, { err } end
  return { tunnels = 0, options = {}, notes = {}, summary = summary(facts) }
end

return M
