-- SPDX-License-Identifier: GPL-3.0-or-later
--- Whom a log record is about: the session or peer whose code runs.
local core = require "lunel.core"

local M = {}

local owners = setmetatable({}, { __mode = "v" })

--- |thing|, a session or peer, is who owner |owner| stands for.
function M.set(owner, thing) owners[owner] = thing end

local function text(value) return value ~= "" and value or nil end

--- A peer's name, or the address of a session's server; nil when nobody in particular is meant.
function M.now()
  local thing = owners[core.owner()]
  if not thing then return nil end
  local known = rawget(thing, "known")
  return known and text(known.name) or text(thing.name) or text(thing.address)
end

return M
