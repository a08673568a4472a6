-- SPDX-License-Identifier: GPL-3.0-or-later
--- Forms of a log record for machines: a line of JSON, and what the journal takes. A record is
-- { ts, level, sub, event, src, sess, fields, and the fields' names in order } (bindings/record.h).
local M = {}

local floor = math.floor

--- The event's whole name.
function M.name(r) return r.sub ~= "" and r.sub .. "." .. r.event or r.event end

-- ---- JSON ----

-- Bytes of the UTF-8 character that begins at |i|, or nil when none does.
local function utf8_at(s, i)
  local a, b = s:byte(i, i + 1)
  local n = a < 0x80 and 1 or a < 0xc2 and 0 or a < 0xe0 and 2 or a < 0xf0 and 3
    or a < 0xf5 and 4 or 0
  if n < 2 then return n == 1 and 1 or nil end
  if not s:find("^" .. ("[\128-\191]"):rep(n - 1), i + 1) then return nil end
  if a == 0xe0 and b < 0xa0 or a == 0xed and b > 0x9f or a == 0xf0 and b < 0x90
    or a == 0xf4 and b > 0x8f then return nil end
  return n
end

-- What is no UTF-8 becomes "?".
local function clean(run)
  local out, i = {}, 1
  while i <= #run do
    local n = utf8_at(run, i)
    out[#out + 1] = n and run:sub(i, i + n - 1) or "?"
    i = i + (n or 1)
  end
  return table.concat(out)
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end

local function quote(text)
  return '"' .. text:gsub('[%z\1-\31"\\\127]', escape):gsub("[\128-\255]+", clean) .. '"'
end

local function value(v)
  if type(v) ~= "number" then return quote(tostring(v)) end
  if v ~= v or v == math.huge or v == -math.huge then return quote(tostring(v)) end
  return floor(v) == v and ("%.0f"):format(v) or ("%.14g"):format(v)
end

local FIXED = { ts = true, level = true, event = true, sess = true, src = true }

--- Time as text, with thousandths of a second.
function M.time(ts)
  return os.date("!%Y-%m-%dT%H:%M:%S", floor(ts)) .. (".%03dZ"):format((ts - floor(ts)) * 1000)
end

--- The record as one line of JSON without its end: ts, level, event, sess and src where there are
-- any, and the fields. A field of one of those names gets a _ behind it.
function M.json(r)
  local out = { ('"ts":"%s","level":%s,"event":%s'):format(M.time(r.ts), quote(r.level),
                                                           quote(M.name(r))) }
  for _, name in ipairs { "sess", "src" } do
    if r[name] then out[#out + 1] = quote(name) .. ":" .. quote(r[name]) end
  end
  for _, field in ipairs(r) do
    out[#out + 1] = quote(FIXED[field] and field .. "_" or field) .. ":" .. value(r.fields[field])
  end
  return "{" .. table.concat(out, ",") .. "}"
end

-- ---- the journal ----

local PRIORITY = { error = 3, warn = 4, info = 6, debug = 7, trace = 7 }

-- A field of the journal's: text with a line break in it has its length before it.
local function assign(name, text)
  text = tostring(text)
  if not text:find("\n", 1, true) then return name .. "=" .. text .. "\n" end
  local n, length = #text, {}
  for i = 1, 8 do
    length[i] = string.char(n % 256)
    n = floor(n / 256)
  end
  return name .. "\n" .. table.concat(length) .. text .. "\n"
end

-- The journal's names are of A to Z, 0 to 9 and _, at most 64 of them.
local function journal_name(field)
  return ("LUNEL_" .. field:upper():gsub("[^A-Z0-9]", "_")):sub(1, 64)
end

--- The record as the journal's socket takes it; |message| is its sentence, |identifier| our name.
function M.journal(r, message, identifier)
  local out = {
    assign("MESSAGE", message), assign("PRIORITY", PRIORITY[r.level] or 6),
    assign("SYSLOG_IDENTIFIER", identifier), assign("LUNEL_EVENT", M.name(r)),
  }
  if r.sess then out[#out + 1] = assign("LUNEL_SESS", r.sess) end
  if r.src then
    local file, line = r.src:match("^(.*):(%d+)$")
    out[#out + 1] = assign("CODE_FILE", file or r.src)
    if line then out[#out + 1] = assign("CODE_LINE", line) end
  end
  for _, field in ipairs(r) do
    local name = journal_name(field)
    if name == "LUNEL_EVENT" or name == "LUNEL_SESS" then name = name .. "_" end
    local v = r.fields[field]
    out[#out + 1] = assign(name, type(v) == "number" and floor(v) == v and ("%.0f"):format(v) or v)
  end
  return table.concat(out)
end

return M
