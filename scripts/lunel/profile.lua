-- SPDX-License-Identifier: GPL-3.0-or-later
--- Reads OpenVPN profiles (.ovpn, .conf) and OpenVPN's command line into the table that
-- `vpn.client` takes. Every directive is acted on, ignored with a note, or refused with a reason;
-- all errors are told at once, each with file and line. Nothing is opened here: a reader is passed
-- in, |reader(path)| giving a file's text and {uid, mode}, or nil and a reason.
--
-- Results are |conf, notes|, or |nil, errors, notes|: errors a list of texts, notes a list of
-- {level, file, line, text}. conf.origin maps paths ("tls.ca", "remotes[2].port") to {file, line},
-- for schema.check.
local builder = require "lunel.profile_builder"
local directives = require "lunel.directives"
local lexer = require "lunel.profile_lexer"
local origins = require "lunel.origin"
local schema = require "lunel.schema"
local suggest = require "lunel.suggest"
local types = require "lunel.schema_types"

local M = {}

local SIZE = 2 ^ 20 -- bytes of a file
local DEPTH = 10    -- files within files, as in OpenVPN
local FILES = 100   -- in all: a file that includes itself twice would be read 2^10 times

local function plural(n) return n == 1 and "1 word" or ("%d words"):format(n) end

local function expected(row)
  if row.min == row.max then return plural(row.min) end
  return ("%d to %s"):format(row.min, plural(row.max))
end

-- Whether the directive may stand where it does; tells if not.
local function is_placed(b, name, row, inline)
  if b.block and not directives.allowed(row, "c") then
    b:fail("it cannot stand in a <connection> block")
  elseif inline and not directives.allowed(row, "i") then
    b:fail(("it takes no inline block; write `%s ...` on one line"):format(name))
  elseif not inline and not directives.allowed(row, "f") then
    b:fail(("it must be a block: <%s> ... </%s>"):format(name, name))
  else
    return true
  end
  return false
end

local function unknown(b, name, optional)
  if b.ignored[name] then
    b:note("info", "it is not known, and passed over as ignore-unknown-option says")
  elseif optional then
    b:note("warn", "it is not known, and passed over as optional")
  else
    b.name = nil
    if b:is_full() then return b:fail("") end -- looking for a similar name costs too much
    -- A line of a key whose block lost its tag is no name, and goes into no log.
    local is_name = name:find("^%a[%w_-]*$") and #name <= 40 and (#name < 20 or name:find("[_-]"))
    b:fail(is_name and ("unknown directive '%s'%s"):format(name,
      suggest.hint(name, directives.names())) or "unknown directive")
  end
end

local function act(b, name, row, args, inline, optional)
  if not is_placed(b, name, row, inline ~= nil) then return end
  if #args < row.min or #args > row.max then
    local text = ("%s must follow it, not %d"):format(expected(row), #args)
    if #args > row.max then text = text .. "; quote what belongs together" end
    if optional then b:note("warn", text) else b:fail(text) end
    return
  end
  row.act(b, args, inline ~= nil)
end

-- One directive: its words, or with |inline| the block's content.
local function apply(b, words, inline)
  local first, optional = 1, b.forward_compatible
  if words[1] == "setenv" and words[2] == "opt" then
    first, optional = 3, true
    if not words[3] then
      b.name = "setenv opt"
      return b:fail("a directive must follow it")
    end
  end
  local name, args = words[first], {}
  for i = first + 1, #words do args[#args + 1] = words[i] end
  if inline then args = { inline } end
  b.name = name
  local row = directives.get(name)
  if not row then return unknown(b, name, optional) end
  if row.kind == "refuse" then return b:fail(row.reason .. "; " .. row.remedy) end
  if row.kind == "ignore" then return b:note(row.level, "ignored: " .. row.reason) end
  return act(b, name, row, args, inline, optional)
end

local function trim(line) return (line:match("^%s*(.-)%s*$")) end

-- Where the block |tag| that begins in line |first| ends: its closing tag stands alone on a line,
-- so that data may hold it.
local function block_end(lines, tag, first, last)
  local closing = "</" .. tag .. ">"
  for i = first + 1, last do
    if lines[i]:find(closing, 1, true) and trim(lines[i]) == closing then return i end
  end
end

local read_lines

-- A block from line |first|; returns the line of its end, or nil when it has none.
local function read_block(b, lines, tag, first, last)
  local stop = block_end(lines, tag, first, last)
  if not stop then
    b.name = nil
    b:fail(("the block <%s> that begins here has no </%s>: is the file cut off?")
      :format(tag, tag))
    return nil
  end
  if tag == "connection" and not b.block then
    b:open_connection()
    read_lines(b, lines, first + 1, stop - 1)
    b:close_connection()
  else
    local content = table.concat(lines, "\n", first + 1, stop - 1) .. "\n"
    if content:find("%S") then
      apply(b, { tag }, content)
    else
      b.name = nil
      b:fail(("the block <%s> is empty"):format(tag))
    end
  end
  return stop
end

local function read_line(b, words, cut)
  if cut then
    b:note("warn", ("only the first %d words of this line count"):format(lexer.WORDS))
  end
  if words[1]:find("^%-%-.") then words[1] = words[1]:sub(3) end
  if words[1]:find("^</.*>$") then
    return b:fail(("%s closes no block"):format(types.show(words[1])))
  end
  apply(b, words)
end

function read_lines(b, lines, first, last)
  local file, i = b.at.file, first
  while i <= last do
    b.at, b.name = { file = file, line = i }, nil
    local words, err, cut = lexer.words(lines[i])
    local tag = words and #words == 1 and words[1]:match("^<([^/].*)>$")
    if err then
      b:fail(err)
    elseif tag then
      i = read_block(b, lines, tag, i, last)
      if not i then return end
    elseif words[1] then
      read_line(b, words, cut)
    end
    i = i + 1
  end
end

-- Why |text| cannot be a profile, or nil.
local function no_text(text)
  local start = text:sub(1, 2)
  if start == "\255\254" or start == "\254\255" then return "it is UTF-16; save it as UTF-8" end
  if text:find("%z") then return "it is no text: it holds a zero byte" end
  if #text > SIZE then return "it is larger than 1 MiB" end
end

local function read_text(b, text, name, info)
  local trusted, at = b.trusted, b.at
  b.trusted, b.at, b.name = builder.is_root_only(info), { file = name }, nil
  b:begin_file(name)
  local why = no_text(text)
  if why then
    b:fail(why)
  else
    local lines = lexer.lines((text:gsub("^\239\187\191", "")))
    read_lines(b, lines, 1, #lines)
  end
  b.trusted, b.at = trusted, at
end

local function join(folder, path)
  if not folder or path:find("^/") then return path end
  return (folder:gsub("/+$", "")) .. "/" .. path
end

-- The builder's part that needs this file: `config` and `cd`.
local function new_builder(reader)
  local b = builder.new(reader)
  function b:include(path)
    if not self.reader then return self:fail("no other file can be read here") end
    if self.depth >= DEPTH then
      return self:fail(("files within files go %d deep at most; does it include itself?")
        :format(DEPTH))
    end
    self.files = self.files + 1
    if self.files > FILES then
      return self:fail(("more than %d files"):format(FILES))
    end
    local where = join(self.folder, path)
    local text, info = self.reader(where)
    if not text then
      self.name = nil
      return self:fail(("cannot read %s: %s"):format(types.show(where),
                                                     info or "unknown error"))
    end
    self.depth = self.depth + 1
    read_text(self, text, where, info)
    self.depth = self.depth - 1
  end
  function b:change_folder(path)
    self.folder = join(self.folder, path)
    self:set("cd", self.folder)
  end
  return b
end

-- Of a profile that is refused, wrong values are told too.
local function finish(b, whole)
  local conf, list, notes = b:finish(whole)
  if conf then return conf, origins.sorted(list) end
  if not b:is_full() then
    local wrong = schema.value_errors(b.conf, b.origin, b.is_server)
    for _, e in ipairs(wrong) do list[#list + 1] = e end
  end
  return nil, origins.texts(list), origins.sorted(notes)
end

--- Parses |text|; |name| is what messages call it; |info| is the file's {uid, mode}, which decides
-- whether its script-security counts.
function M.parse(text, name, reader, info)
  if type(text) ~= "string" or type(name) ~= "string" then
    error("profile.parse takes a text and its name", 2)
  end
  local b = new_builder(reader)
  read_text(b, text, name, info)
  return finish(b, { file = name })
end

--- Reads and parses the file |path|.
function M.load(path, reader)
  local text, info = reader(path)
  if not text then
    return nil, { ("cannot read %s: %s"):format(types.show(path), info or "unknown error") }, {}
  end
  return M.parse(text, path, reader, info)
end

--- OpenVPN's own command line: {"--config", "office.ovpn", "--verb", "4"}, or a profile's name
-- first. What stands later counts.
function M.from_args(args, reader)
  local b = new_builder(reader)
  local here, i = { file = "command line" }, 1
  b.trusted = true
  if args[1] and not args[1]:find("^%-%-") then
    b.at, i = here, 2
    b:include(args[1])
  end
  while i <= #args do
    b.at, b.name = here, nil
    local words = { args[i]:match("^%-%-(.+)$") }
    i = i + 1
    if not words[1] then
      b:fail(("%s: an option begins with --"):format(types.show(args[i - 1])))
    else
      while args[i] and not args[i]:find("^%-%-") and #words < lexer.WORDS do
        words[#words + 1], i = args[i], i + 1
      end
      apply(b, words)
    end
  end
  return finish(b, here)
end

--- A note as one text: "office.ovpn:3: ...".
function M.format(note)
  return note.line and ("%s:%d: %s"):format(note.file, note.line, note.text)
    or ("%s: %s"):format(note.file, note.text)
end

return M
