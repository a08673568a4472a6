-- SPDX-License-Identifier: GPL-3.0-or-later
--- vpn.file: files that a script adds to while the process runs.
local core = require "lunel.core"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"

local M = {}

local named = {} -- what is to be allowed before root's powers go; nil: they are gone
local checking = false

local OPTIONS = { reopen = true, mode = true }

local function check_options(o)
  for key in pairs(o) do
    if not OPTIONS[key] then
      error(("vpn.file.append: there is no '%s'%s"):format(tostring(key),
        suggest.hint(tostring(key), { "reopen", "mode" })), 3)
    end
  end
  if o.reopen ~= nil and o.reopen ~= "moved" then
    error('vpn.file.append: reopen is "moved", or not there', 3)
  end
end

-- Permission bits as chmod writes them: 600, 0640 or "0640".
local function bits(mode)
  local text = type(mode) == "number" and mode % 1 == 0 and ("%d"):format(mode) or mode
  local number = type(text) == "string" and text:find("^[0-7]+$") and tonumber(text, 8)
  if number and number <= 511 then return number end
  error("vpn.file.append: mode is permission bits as chmod writes them, as 640, not "
    .. tostring(mode), 3)
end

-- What `lunel check` gives: nothing is opened.
local Nowhere = {}
Nowhere.__index = Nowhere
function Nowhere.write() return true end
function Nowhere.close() return true end

local file = {}

--- A file that texts are added to: { write(text) -> true or nil and why, close() }. It is opened
-- when something is written. |o|: reopen = "moved" opens it anew when it was moved or removed;
-- mode, its permissions when it is made (600).
function file.append(path, o)
  o = o or {}
  if type(path) ~= "string" or path == "" or path:find("%z") then
    error("vpn.file.append: a path expected", 2)
  end
  if type(o) ~= "table" then error("vpn.file.append: a table of options expected", 2) end
  check_options(o)
  local mode = bits(o.mode or 600)
  if checking then return setmetatable({}, Nowhere) end
  local out = core.append(path, mode, o.reopen == "moved")
  if named then named[#named + 1] = out end
  return out
end

--- Nothing is to be opened.
function M.check() checking = true end

--- The engine runs, and the paths that scripts named may be opened later, too; errors come with the
-- first write.
function M.allow()
  for _, out in ipairs(named or {}) do out:allow() end
  named = nil
end

M.file = strict.fields(file, "vpn.file")

return M
