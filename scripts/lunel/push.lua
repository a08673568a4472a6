-- SPDX-License-Identifier: GPL-3.0-or-later
--- Options that a server pushes: what a client will say of them, told where they were written.
local core = require "lunel.core"
local suggest = require "lunel.suggest"

local M = {}

local names

--- Why a client will not take |option|, "route 10.0.0.0 255.0.0.0"; nil when it will.
function M.fault(option)
  local why, unknown = core.push_check(option)
  if not unknown then return why end
  names = names or core.push_names()
  return why .. suggest.hint(option:match "^%s*(%S*)", names)
end

return M
