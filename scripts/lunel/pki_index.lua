-- SPDX-License-Identifier: GPL-3.0-or-later
--- The index of a PKI: a text file with a line for each certificate. Pure.
--
--   # comment
--   crl-number 3
--   SERIAL  KIND  NAME  ISSUED  EXPIRES  REVOKED
--
-- with times like 2026-11-26T01:15:57Z, and "-" for what is not revoked.
local M = {}

local DAY = 86400

-- Within so many days of its end a certificate may be renewed, and list says so.
M.SOON = 30

M.head = [[
# What this CA has issued; `lunel pki` keeps it.
# serial                           kind    name  issued  expires  revoked
]]

--- Seconds since 1970 as text, and back (nil when it is none).
function M.time(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%SZ", seconds)
end

function M.date(seconds)
  return os.date("!%Y-%m-%d", seconds)
end

function M.seconds(text)
  local y, mo, d, h, mi, s = text:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)Z$")
  if not y then return nil end
  y, mo, d = tonumber(y), tonumber(mo), tonumber(d)
  -- Years that begin in March put the leap day at their end.
  local year = mo <= 2 and y - 1 or y
  local month = mo <= 2 and mo + 9 or mo - 3
  local days = year * 365 + math.floor(year / 4) - math.floor(year / 100) + math.floor(year / 400)
    + math.floor((month * 153 + 2) / 5) + d - 1 - 719468
  return days * DAY + tonumber(h) * 3600 + tonumber(mi) * 60 + tonumber(s)
end

local function entry(line)
  local serial, kind, name, issued, expires, revoked =
    line:match("^(%x+)%s+(%l+)%s+(%S+)%s+(%S+)%s+(%S+)%s+(%S+)%s*$")
  if not serial or #serial % 2 == 1 then return nil end
  local e = { serial = serial, kind = kind, name = name, issued = M.seconds(issued),
              expires = M.seconds(expires) }
  if revoked ~= "-" then
    e.revoked = M.seconds(revoked)
    if not e.revoked then return nil end
  end
  return e.issued and e.expires and e or nil
end

--- { crl_number =, list of entries }; or nil and the number of the line that is none.
function M.parse(text)
  local index = { crl_number = 0 }
  local n = 0
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    n = n + 1
    local number = line:match("^crl%-number%s+(%d+)%s*$")
    if number then
      index.crl_number = tonumber(number)
    elseif not line:find("^%s*#") and line:find("%S") then
      local e = entry(line)
      if not e then return nil, n end
      index[#index + 1] = e
    end
  end
  return index
end

function M.format(index)
  local lines = { M.head .. ("crl-number %d"):format(index.crl_number) }
  for _, e in ipairs(index) do
    lines[#lines + 1] = ("%s  %-6s  %s  %s  %s  %s"):format(e.serial, e.kind, e.name,
      M.time(e.issued), M.time(e.expires), e.revoked and M.time(e.revoked) or "-")
  end
  return table.concat(lines, "\n") .. "\n"
end

--- What has become of an entry at |now|: "valid", "soon", "expired" or "revoked", and a text.
function M.state(e, now)
  if e.revoked then return "revoked", "revoked " .. M.date(e.revoked) end
  if now >= e.expires then return "expired", "expired " .. M.date(e.expires) end
  local days = math.floor((e.expires - now) / DAY)
  if days < M.SOON then
    return "soon", ("expires in %d day%s"):format(days, days == 1 and "" or "s")
  end
  return "valid", "valid until " .. M.date(e.expires)
end

--- The entry that stands in the way of another certificate for |name|, or nil.
function M.in_the_way(index, name, now)
  for _, e in ipairs(index) do
    if e.name == name and M.state(e, now) == "valid" then return e end
  end
  return nil
end

--- The newest entry of |kind| that still counts, or nil.
function M.newest(index, kind, now)
  for i = #index, 1, -1 do
    local state = M.state(index[i], now)
    if index[i].kind == kind and (state == "valid" or state == "soon") then return index[i] end
  end
  return nil
end

--- What a CRL lists: { serial =, when = } for each that is revoked, past its end or not.
function M.revoked(index)
  local out = {}
  for _, e in ipairs(index) do
    if e.revoked then out[#out + 1] = { serial = e.serial, when = e.revoked } end
  end
  return out
end

--- Lines of a table for people.
function M.table(index, now)
  local rows = { { "NAME", "KIND", "STATE", "SERIAL" } }
  for _, e in ipairs(index) do
    local _, text = M.state(e, now)
    rows[#rows + 1] = { e.name, e.kind, text, e.serial }
  end
  local width = { 0, 0, 0 }
  for _, row in ipairs(rows) do
    for i = 1, 3 do width[i] = math.max(width[i], #row[i]) end
  end
  local lines = {}
  for i, row in ipairs(rows) do
    for j = 1, 3 do row[j] = row[j] .. (" "):rep(width[j] - #row[j]) end
    lines[i] = table.concat(row, "  ")
  end
  return lines
end

return M
