-- SPDX-License-Identifier: GPL-3.0-or-later
--- Types of configuration values. A type is a table with `text` (what it takes, for people) and
-- `check(value, at)`, which gives the normalized value, or nil after at:fail(...). |at| is the
-- place of the value: it knows its path, and at:child(key) makes the place of a part.
local lexer = require "lunel.profile_lexer"
local suggest = require "lunel.suggest"

local M = {}

local floor = math.floor

--- A value for an error message: short, quoted, without control characters.
function M.show(value)
  if type(value) ~= "string" then
    return type(value) == "table" and "a table" or type(value) == "function" and "a function"
      or tostring(value)
  end
  local s = value:gsub("[%z\1-\31\127]", "?")
  if #s > 40 then s = s:sub(1, 37) .. "..." end
  return "'" .. s .. "'"
end
local show = M.show

local function wrong(at, value, want)
  at:fail(("%s is not %s"):format(at.secret and "the value" or show(value), want))
  return nil
end

M.boolean = {
  text = "true or false",
  check = function(value, at)
    if type(value) == "boolean" then return value end
    return wrong(at, value, "true or false")
  end,
}

-- Numbers with a unit behind them: "64k", "5m".
local SIZES = { [""] = 1, k = 1024, m = 1024 ^ 2, g = 1024 ^ 3 }
local TIMES = { [""] = 1, s = 1, m = 60, h = 3600, d = 86400 }

local function amount(value, units)
  if type(value) == "number" then return value end
  if type(value) ~= "string" then return nil end
  local digits, unit = value:match("^([+-]?%d+)(%a?)$")
  local factor = unit and units[unit:lower()]
  return factor and tonumber(digits, 10) * factor
end

local function number_type(o, what, units)
  local text = o.max and ("%s from %.0f to %.0f"):format(what, o.min, o.max)
    or ("%s of at least %.0f"):format(what, o.min)
  for word in pairs(o.words or {}) do
    if type(word) == "string" then text = text .. (" or \"%s\""):format(word) end
  end
  return {
    text = text,
    check = function(value, at)
      if o.words and o.words[value] then return o.words[value] end
      local n = amount(value, units)
      if not n or n ~= n or floor(n) ~= n or n == math.huge then return wrong(at, value, text) end
      if n < o.min or o.max and n > o.max then
        at:fail(("%s is out of range: %s"):format(show(value), text))
        return nil
      end
      return n
    end,
  }
end

--- A whole number: {min, max, words = {name = number}}.
function M.integer(o) return number_type(o, "a whole number", { [""] = 1 }) end

--- A duration in seconds; text may end in s, m, h or d.
function M.seconds(o)
  return number_type({ min = o.min or 0, max = o.max or 2 ^ 31 - 1, words = o.words },
                     "a number of seconds", TIMES)
end

--- A size in bytes; text may end in k, m or g.
function M.size(o)
  return number_type({ min = o.min or 0, max = o.max or 2 ^ 53, words = o.words },
                     "a number of bytes", SIZES)
end

--- Text on one line: {pattern, want, max, min}.
function M.string(o)
  o = o or {}
  local want = o.want or "text"
  return {
    text = want,
    check = function(value, at)
      if type(value) == "number" then value = tostring(value) end
      if type(value) ~= "string" then return wrong(at, value, want) end
      if value:find("[%z\1-\31\127]") then
        at:fail("there are control characters in it")
        return nil
      end
      if #value < (o.min or 1) or #value > (o.max or 1024)
        or o.pattern and not value:find(o.pattern) then
        return wrong(at, value, want)
      end
      return value
    end,
  }
end

--- Text that is never shown; a secret object (vpn.secret, a hook's password) passes as it is.
function M.secret(o)
  local plain = M.string(o)
  return {
    text = plain.text .. ", or a secret",
    check = function(value, at)
      if type(value) == "userdata" then return value end
      at.secret = true
      return plain.check(value, at)
    end,
  }
end

--- One of a few words; |values| is a list. |aliases| maps other spellings to them.
function M.enum(values, aliases)
  local set = {}
  for _, v in ipairs(values) do set[v] = v end
  local text = "\"" .. table.concat(values, "\", \"") .. "\""
  return {
    text = text,
    check = function(value, at)
      local known = set[value] or aliases and aliases[value]
      if known then return known end
      at:fail(("%s is not one of %s%s"):format(show(value), text,
        type(value) == "string" and suggest.hint(value, values) or ""))
      return nil
    end,
  }
end

--- Accepts |value| alone, as it is, beside what |other| takes.
function M.either(value, other)
  return {
    text = ("%s, or %s"):format(tostring(value), (other.text:gsub("^true, or ", "true, "))),
    check = function(given, at)
      if given == value then return given end
      return other.check(given, at)
    end,
  }
end

--- A file's path, or its content: text with a newline in it is content.
M.file = {
  text = "a path, or the content itself (text with line breaks)",
  file = true,
  check = function(value, at)
    if type(value) ~= "string" or value == "" then
      return wrong(at, value, "a path or a file's content")
    end
    local inline = value:find("\n", 1, true)
    if value:find("%z") or not inline and value:find("[\1-\31\127]") or #value > 2 ^ 20 then
      at:fail(inline and "this is no text of at most 1 MiB" or "this is no path")
      return nil
    end
    return value
  end,
}

--- A list of |of|; with |o.single|, a value that is no table stands for a list of it alone.
function M.list(of, o)
  o = o or {}
  return {
    text = ("a list: %s"):format(of.text),
    of = of,
    check = function(value, at)
      if o.single and type(value) ~= "table" then value = { value } end
      if type(value) ~= "table" then return wrong(at, value, "a list") end
      local out, n = {}, #value
      for key in pairs(value) do
        if type(key) ~= "number" or key < 1 or key > n or floor(key) ~= key then
          at:fail(("this is a list; it cannot have the key %s"):format(show(key)))
          return nil
        end
      end
      if n > (o.max or 4096) then
        at:fail(("%d entries; at most %d"):format(n, o.max or 4096))
        return nil
      end
      for i = 1, n do out[#out + 1] = of.check(value[i], at:child(i)) end
      return out
    end,
  }
end

--- Names and texts: setenv.
function M.map(name_pattern, of)
  return {
    text = "a table of names and texts",
    check = function(value, at)
      if type(value) ~= "table" then return wrong(at, value, "a table") end
      local out = {}
      for k, v in pairs(value) do
        if type(k) ~= "string" or not k:find(name_pattern) then
          at:child(k):fail("this is no name: letters, digits and _")
        else
          out[k] = of.check(v, at:child(k))
        end
      end
      return out
    end,
  }
end

--- A command: a program and its arguments, as a line in OpenVPN's quoting or as a list.
M.command = {
  text = "a program and its arguments, as one line or a list",
  check = function(value, at)
    local words, err = value, nil
    if type(value) == "string" then words, err = lexer.words(value) end
    if err then
      at:fail(err)
      return nil
    end
    if type(words) ~= "table" or #words == 0 or words[1] == "" then
      return wrong(at, value, "a program and its arguments")
    end
    local out = {}
    for i, word in ipairs(words) do
      if type(word) ~= "string" or word:find("%z") then
        return wrong(at, word, "an argument (text)")
      end
      out[i] = word
    end
    return out
  end,
}

--- One line of words for the engine's own option reader (`route`, `dns`, ...), given as text or as
-- a list of words. |min| and |max| bound the words, |check(words, at)| looks at them and may change
-- them; it returns false after at:fail.
function M.line(min, max, check)
  local text = min == max and ("%d word%s"):format(min, min == 1 and "" or "s")
    or ("%d to %d words"):format(min, max)
  return {
    text = text .. ", as one text or a list",
    check = function(value, at)
      local words, err = value, nil
      if type(value) == "string" then words, err = lexer.words(value) end
      if err then
        at:fail(err)
        return nil
      end
      if type(words) ~= "table" then return wrong(at, value, text) end
      local out = {}
      for i = 1, #words do
        local word = words[i]
        if type(word) == "number" and word == floor(word) then
          word = ("%.0f"):format(word)
        end
        -- A comma ends an option on the wire and in the engine's reader, quoted or not.
        if type(word) ~= "string" or word:find("[^\32-\126]") or word:find(",", 1, true) then
          at:fail(("%s cannot be a word here: plain text without commas"):format(show(word)))
          return nil
        end
        out[i] = word
      end
      if #out < min or #out > max then
        at:fail(("%s has %d words; it takes %s"):format(show(lexer.join(out)), #out, text))
        return nil
      end
      if check and check(out, at) == false then return nil end
      return lexer.join(out)
    end,
  }
end

--- A table with fixed keys: |keys| is a list of {name, type, default = , doc = }. With |o.extra|,
-- other keys are kept as they are; |o.positions| names the keys that list places stand for;
-- |o.in_place| keeps the table's identity.
function M.record(keys, o)
  o = o or {}
  local by_name, names = {}, {}
  for _, key in ipairs(keys) do
    by_name[key[1]], names[#names + 1] = key, key[1]
  end
  local function place(value, k)
    local name = o.positions and type(k) == "number" and o.positions[k]
    if name and value[name] == nil then return name end
    return k
  end
  local function take(value, at)
    local out, unknown = {}, {}
    for k, v in pairs(value) do
      local name = place(value, k)
      if by_name[name] then out[name] = v
      elseif o.extra and type(name) == "string" then out[name] = v
      else unknown[#unknown + 1] = name end
    end
    table.sort(unknown, function(a, b) return tostring(a) < tostring(b) end)
    for _, k in ipairs(unknown) do
      local moved = o.moved and o.moved(k)
      at:child(k):fail(moved and ("there is no key of this name; %s"):format(moved)
        or "there is no key of this name"
        .. (type(k) == "string" and suggest.hint(k, names) or ""))
    end
    return out
  end
  return {
    text = o.text or "a table",
    keys = keys,
    check = function(value, at)
      if type(value) ~= "table" then return wrong(at, value, o.text or "a table") end
      local out = take(value, at)
      for _, key in ipairs(keys) do
        local name, given = key[1], out[key[1]]
        if given == nil then given = key.default end
        if given ~= nil then
          local child = at:child(name)
          child.secret = key.secret
          out[name] = key[2].check(given, child)
        elseif key.required then
          at:fail(("'%s' is missing"):format(name))
        end
      end
      if not o.in_place then return out end
      for k in pairs(value) do
        if out[k] == nil then value[k] = nil end
      end
      for k, v in pairs(out) do value[k] = v end
      return value
    end,
  }
end

--- A record that may be given as its list of positions or as its first value alone; see record.
function M.tuple(keys, o)
  local positions = {}
  for i, key in ipairs(keys) do positions[i] = key[1] end
  local record = M.record(keys, { positions = positions, text = o.text })
  return {
    text = o.text,
    keys = keys,
    check = function(value, at)
      if type(value) ~= "table" then value = { value } end
      return record.check(value, at)
    end,
  }
end

return M
