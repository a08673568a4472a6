-- SPDX-License-Identifier: GPL-3.0-or-later
--- Where a setting was made, for messages. An origin is a text ("office.lua:3"), or a table from
-- paths ("tls.ca", "remotes[2]"; "" is the whole) to { file, line, name }: name is the directive's,
-- which is what its user knows. The whole's may have `numbers`, from files to their order.
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

-- |text| with the place in front, and the place when it is known.
local function told(origin, path, text)
  local plain = path == "" and text or ("%s: %s"):format(path, text)
  if type(origin) == "string" then return ("%s: %s"):format(origin, plain) end
  local at, below = find(origin or {}, path)
  if type(at) ~= "table" then return at and ("%s: %s"):format(at, plain) or plain end
  local where = at.line and ("%s:%s"):format(at.file, at.line) or at.file
  return ("%s: %s"):format(where, named(at, path, below, text)), at
end

--- |text|, which is about |path|, with the place in front.
function M.tell(origin, path, text) return (told(origin, path, text)) end

--- The same as a message for M.sorted: { text, line, nth }.
function M.message(origin, path, text)
  local whole, at = told(origin, path, text)
  if not at then return { text = whole } end
  local numbers = origin[""] and origin[""].numbers or {}
  return { text = whole, line = at.line, nth = numbers[at.file] }
end

--- The messages |list|, each { line, nth, ... }, by file and line; what is about no line comes
-- last, and what is of one place stays in its order.
function M.sorted(list)
  local rank, out = {}, {}
  for i, m in ipairs(list) do rank[m], out[i] = i, m end
  table.sort(out, function(a, b)
    local x, y = a.line and (a.nth or 0) or math.huge, b.line and (b.nth or 0) or math.huge
    if x ~= y then return x < y end
    if a.line ~= b.line then return a.line < b.line end
    return rank[a] < rank[b]
  end)
  return out
end

--- The texts of messages in that order, each once.
function M.texts(list)
  local out, seen = {}, {}
  for _, m in ipairs(M.sorted(list)) do
    if not seen[m.text] then seen[m.text], out[#out + 1] = true, m.text end
  end
  return out
end

return M
