-- SPDX-License-Identifier: GPL-3.0-or-later
--- Cuts scripts/TUTORIAL.md into steps, for test_tutorial.sh.
--   luajit tutorial.lua cut TUTORIAL.md FOLDER     FOLDER/001.file (its name in 001.name), 002.sh,
--                                                  002.want (what it prints), 003.root ...
--   luajit tutorial.lua compare WANT GOT           status 1 and where, when they differ
-- A block is a script, whose first line names its file; `sh`; or `text`, what the commands
-- before it print. There `...` alone stands for any lines, at a line's beginning or end for the
-- rest of it.

local function read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "*a"
  f:close()
  return text
end

local function write(path, text)
  local f = assert(io.open(path, "wb"))
  f:write(text)
  f:close()
end

local function cut(path, folder)
  local n, line_number, block, last = 0, 0, nil, nil
  local function fail(what) error(("%s:%d: %s"):format(path, line_number, what), 0) end
  local function put(kind, text)
    write(("%s/%03d.%s"):format(folder, n, kind), text)
  end
  local function finish(kind, lines)
    local text = table.concat(lines, "\n") .. "\n"
    if kind == "text" then
      if not last then fail "a block of text that stands behind no commands" end
      put("want", text)
      last = nil
      return
    end
    n, last = n + 1, nil
    put("line", tostring(line_number))
    if kind == "lua" then
      local name = lines[1]:match "^%-%- ([%w_]+%.lua)$"
      if not name then fail "the first line of a script is to be its name: -- NAME.lua" end
      put("name", name)
      put("file", text)
    elseif kind == "sh" then
      put("sh", text)
      last = true
    else
      fail(("no test knows what to do with a block of '%s'"):format(kind))
    end
  end
  for line in read(path):gmatch "([^\n]*)\n" do
    line_number = line_number + 1
    local fence = line:match "^```(.*)$"
    if fence and not block then
      block = { kind = fence }
    elseif fence then
      finish(block.kind, block)
      block = nil
    elseif block then
      block[#block + 1] = line
    elseif line == "<!-- root -->" then
      n, last = n + 1, nil
      put("root", "")
    end
  end
  if block then fail "a block without an end" end
end

local function lines_of(text)
  local list = {}
  for line in text:gmatch "([^\n]*)\n?" do list[#list + 1] = line end
  while list[#list] == "" do list[#list] = nil end
  return list
end

local function is_like(want, got)
  local head, tail = want:sub(1, 3) == "...", want:sub(-3) == "..."
  local text = want:sub(head and 4 or 1, tail and -4 or -1)
  if head and tail then return got:find(text, 1, true) ~= nil end
  if head then return #got >= #text and got:sub(#got - #text + 1) == text end
  if tail then return got:sub(1, #text) == text end
  return got == want
end

-- Whether got[j] and what follows are like want[i] and what follows.
local function matches(want, got, i, j)
  if i > #want then return j > #got end
  if want[i] == "..." then
    for k = j, #got + 1 do if matches(want, got, i + 1, k) then return true end end
    return false
  end
  return j <= #got and is_like(want[i], got[j]) and matches(want, got, i + 1, j + 1)
end

local command, a, b = ...
if command == "cut" then
  cut(a, b)
elseif command == "compare" then
  if not matches(lines_of(read(a)), lines_of(read(b)), 1, 1) then
    print("---- the tutorial says\n" .. read(a) .. "---- but it is\n" .. read(b))
    os.exit(1)
  end
else
  error("tutorial.lua cut or compare", 0)
end
