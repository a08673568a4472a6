-- SPDX-License-Identifier: GPL-3.0-or-later
--- Lines of an OpenVPN configuration file split into words, by OpenVPN's rules: blanks separate;
-- "..." takes backslash escapes, '...' is literal; a backslash outside single quotes may stand
-- before blank, double quote and backslash only; # or ; at the start of a word begins a comment.
-- (Checked against options_util.c, parse_line, of 2.6.14.)
local M = {}

local sub, find, gmatch, concat = string.sub, string.find, string.gmatch, table.concat

--- Words on a line that count; OpenVPN passes over the rest.
M.WORDS = 16

local BLANKS = { [" "] = true, ["\t"] = true, ["\n"] = true, ["\v"] = true, ["\f"] = true,
                 ["\r"] = true }

-- Without quotes and backslashes, words are what stands between blanks.
local function plain_words(line)
  local words = {}
  for word in gmatch(line, "%S+") do
    local first = sub(word, 1, 1)
    if first == "#" or first == ";" then break end
    if #words == M.WORDS then return words, nil, true end
    words[#words + 1] = word
  end
  return words
end

-- One word from |i| on, which is no blank. Returns it and the place after it; or nil and the error.
-- A word ends with its closing quote: "a"b are two.
local function quoted_word(line, i)
  local out, quote = {}, sub(line, i, i)
  if quote == '"' or quote == "'" then i = i + 1 else quote = nil end
  while i <= #line do
    local c = sub(line, i, i)
    if c == "\\" and quote ~= "'" then
      i = i + 1
      c = sub(line, i, i)
      if c == "" then return nil, "a backslash at the end of the line" end
      if c ~= "\\" and c ~= '"' and not BLANKS[c] then
        return nil, ("a backslash before '%s'; write \\\\ for one backslash"):format(c)
      end
      out[#out + 1] = c
    elseif quote and c == quote or not quote and BLANKS[c] then
      return concat(out), i + 1
    else
      out[#out + 1] = c
    end
    i = i + 1
  end
  if quote then return nil, ("no closing quote (%s)"):format(quote) end
  return concat(out), i
end

--- The words of |line|: a list, nil, and whether there were more than the 16 that count; or nil and
-- what is wrong.
function M.words(line)
  if not find(line, "[\"'\\]") then return plain_words(line) end
  local words, i = {}, 1
  while true do
    i = find(line, "%S", i)
    if not i then return words end
    local first = sub(line, i, i)
    local escaped = first == "\\" and sub(line, i + 1, i + 1)
    if find(first, "[#;]") or escaped and find(escaped, "[#;]") then return words end
    if escaped and (escaped == "" or BLANKS[escaped]) then
      i = i + 2 -- a blank between words stays one, escaped or not
    else
      if #words == M.WORDS then return words, nil, true end
      local word, after = quoted_word(line, i)
      if not word then return nil, after end
      words[#words + 1], i = word, after
    end
  end
end

--- |word| so that M.words gives it back as one word.
function M.quote(word)
  if word ~= "" and not find(word, "[%s\"'\\#;]") then return word end
  return '"' .. word:gsub('[\\"]', "\\%0") .. '"'
end

--- |words| as one line.
function M.join(words)
  local out = {}
  for i, word in ipairs(words) do out[i] = M.quote(word) end
  return concat(out, " ")
end

--- The lines of a text without their ends (LF or CRLF), as a list.
function M.lines(text)
  local out = {}
  if text == "" then return out end
  if sub(text, -1) ~= "\n" then text = text .. "\n" end
  for line in gmatch(text, "([^\n]*)\n") do
    if sub(line, -1) == "\r" then line = sub(line, 1, -2) end
    out[#out + 1] = line
  end
  return out
end

return M
