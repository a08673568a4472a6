-- SPDX-License-Identifier: GPL-3.0-or-later
--- Plain data: numbers, texts, booleans and tables of them, what passes from one state to another.
local core = require "lunel.core"

local M = {}

local DEPTH = 8 -- less than bindings/plain.h takes, which counts what is around it, too
local MOST = 65536 -- bytes, about

local function copy(v, path, dropped, state, depth)
  local kind = type(v)
  if kind == "number" or kind == "boolean" or kind == "string" then
    state.left = state.left - 16 - (kind == "string" and #v or 0)
    return v
  end
  if kind ~= "table" or getmetatable(v) ~= nil or state.seen[v] or depth > DEPTH then
    dropped[#dropped + 1] = path
    return nil
  end
  local out = {}
  state.seen[v] = true
  for k, value in next, v do
    local at = ("%s.%s"):format(path, tostring(k))
    if type(k) ~= "string" and type(k) ~= "number" then
      dropped[#dropped + 1] = at
    elseif state.left > 0 then
      state.left = state.left - 16 - (type(k) == "string" and #k or 0)
      out[k] = copy(value, at, dropped, state, depth + 1)
    end
  end
  state.seen[v] = nil
  return out
end

--- A copy of |v| without what is not plain; the places of that are added to |dropped|, under
-- |path|. nil, and |path| there, when it is larger than some 64 KiB.
function M.copy(v, path, dropped)
  local state = { seen = {}, left = MOST }
  local out = copy(v, path, dropped, state, 0)
  if state.left > 0 then return out end
  dropped[#dropped + 1] = path .. " (above 64 KiB)"
  return nil
end

--- Logs what was dropped of the tunnel called |name|: the first, and how many more.
function M.tell(name, dropped)
  if not dropped[1] then return end
  core.log("warn", "reload", "dropped", { name = name, what = dropped[1], more = #dropped - 1 })
end

return M
