-- SPDX-License-Identifier: GPL-3.0-or-later
--- Where a setting was made, for messages. An origin is a text ("office.lua:3"), or a table from
-- paths ("tls.ca", "remotes[2]"; "" is the whole) to { file, line, name }: name is the directive's,
-- which is what its user knows.
local M = {}

-- The nearest known place of |path| or of what it is part of, and what of |path| lies below that.
local function find(origin, path)
  local whole = path
  while path ~= "" do
    local at = origin[path]
    if type(at) == "table" and at.file then return at, whole:sub(#path + 1) end
    path = path:match("^(.*)%[%d+%]$") or path:match("^(.*)%.[^.]*$") or ""
  end
  return origin[""]
end

local function named(at, path, below, text)
  if not below then -- of a profile as a whole: its user knows no paths
    return text
  elseif not at.name then
    return ("%s: %s"):format(path, text)
  end
  below = below:gsub("%[%d+%]", ""):gsub("^%.", "")
  return ("'%s': %s%s"):format(at.name, below ~= "" and below .. ": " or "", text)
end

--- |text|, which is about |path|, with the place in front.
function M.tell(origin, path, text)
  local plain = path == "" and text or ("%s: %s"):format(path, text)
  if type(origin) == "string" then return ("%s: %s"):format(origin, plain) end
  local at, below = find(origin or {}, path)
  if type(at) ~= "table" then return at and ("%s: %s"):format(at, plain) or plain end
  local where = at.line and ("%s:%s"):format(at.file, at.line) or at.file
  return ("%s: %s"):format(where, named(at, path, below, text))
end

return M
