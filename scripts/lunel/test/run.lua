-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel test`: finds the cases of each file, runs each in a world of its own, and says what came
-- of it.
local log = require "lunel.log"
local t = require "lunel.test"
local worlds = require "lunel.test.world"

local M = {}

local OK, FAILED, BAD = 0, 1, 2

M.usage = [[
usage: lunel test [--filter TEXT] [--verbose] FILE_test.lua ...
]]

M.help = M.usage .. [[

Runs tests of scripts, in virtual time and against real sessions in memory. The
tests' language is described in scripts/README.md, "Testing policies".

A case fails at its first failure, and when a script's error was logged that it
did not ask about by srv:log "script.error".

--filter TEXT   only the cases that have TEXT in their name
--verbose       the log of each host, too

Exit status: 0 all passed, 1 one failed, 2 a file is no test.
]]

--- The options and files of |args|: { files, filter, verbose }; or nil and what is wrong.
function M.parse(args)
  local o = { files = {} }
  local i = 1
  while args[i] do
    local word = args[i]
    if word == "--filter" then
      i = i + 1
      if not args[i] then return nil, "--filter: a text is missing" end
      o.filter = args[i]
    elseif word == "--verbose" then o.verbose = true
    elseif word == "--help" or word == "-h" then o.help = true
    elseif word:find "^%-" then
      return nil, ("test knows --filter and --verbose, not '%s'"):format(word)
    else o.files[#o.files + 1] = word end
    i = i + 1
  end
  if #o.files == 0 and not o.help then return nil, "a file of tests is missing" end
  return o
end

local scripts = debug.getinfo(1, "S").source:match "^@(.*)/lunel/test/run%.lua$" or "."

-- "file:line" of the innermost function of |file| that runs.
local function place_in(file)
  for level = 2, 50 do
    local info = debug.getinfo(level, "Sl")
    if not info then return nil end
    if info.source == "@" .. file and info.currentline > 0 then
      return ("%s:%d"):format(file, info.currentline)
    end
  end
end

-- What a failure says: where the test stood, and what the matter is.
local function describe(err, file)
  local where, text = place_in(file), tostring(err)
  local known = type(err) == "table" and err.text ~= nil
  if not known then
    -- Of the way there only what is the test's own.
    text = debug.traceback(text, 3):gsub("\n%s*%[C%]: in function 'xpcall'.*$", "")
    text = text:gsub("\n[^\n]*/lunel/test/[%l_]+%.lua:[^\n]*", "")
      :gsub("\n[^\n]*/lunel/strict%.lua:[^\n]*", ""):gsub("\nstack traceback:$", "")
    local head, way = text:match "^(.-)\nstack traceback:(.*)$"
    if way and select(2, way:gsub("\n", "")) == 1 then text = head end
    -- What is misused is told by the test's line alone.
    if where then text = text:gsub("^[^\n]*/lunel/test/[%l_]+%.lua:%d+: ", "") end
  elseif err.place == where then
    text = err.text
  end
  if where and text:find(where, 1, true) == 1 then return text end
  return where and where .. ": " .. text or text
end

local function print_record(h, r)
  print(("  | %s: %s %s"):format(h.name, r.level, h.world:rename(log.text(r))))
end

-- The last warnings of each host, for who asks why.
local function print_warnings(world)
  for _, h in ipairs(world.hosts) do
    local n = 0
    for i = math.max(1, #h.log - 200), #h.log do
      local r = h.log[i]
      if (r.level == "error" or r.level == "warn") and n < 10 then
        n = n + 1
        print_record(h, r)
      end
    end
  end
end

local function run_case(core, case, file, o)
  local world = worlds.new(core, { folder = file:match "^(.*)/[^/]*$" or ".", scripts = scripts })
  if o.verbose then world.on_record = print_record end
  t.enter(world)
  local ok, text = xpcall(case.fn, function(err) return describe(err, file) end)
  t.enter(nil)
  if ok then
    text = world:unasked()
    ok = text == nil
  end
  text = not ok and world:rename(text) or nil
  if not ok and not o.verbose then print_warnings(world) end
  world:close()
  return ok, text
end

local function indent(text) return (text:gsub("\n", "\n     ")) end

-- Who gives the script itself learns where its tests belong, and what became of running it after
-- that; |text| says it.
local function problem_of(file, text)
  local f = io.open(file, "rb")
  local source = f and f:read "*a" or "lunel.test"
  if f then f:close() end
  if source:find("lunel.test", 1, true) then return text end
  local what = ("%s is no file of tests: "):format(file)
  local beside = ("stand in a file beside it, %s_test.lua"):format((file:gsub("%.lua$", "")))
  if source:find("lunel.pkt", 1, true) then
    return ("%sit is a packet lane; a test runs it by t.lane(%q). A lane's tests %s"):format(what,
      file:match "[^/]*$", beside)
  end
  return ('%sit has no require "lunel.test". Tests of a script %s\n%s'):format(what, beside, text)
end

local function cases_of(file)
  local list = {}
  local chunk, err = loadfile(file)
  if not chunk then return nil, err end
  t.collect(list)
  local ok, text = xpcall(chunk, function(e) return describe(e, file) end)
  t.collect(nil)
  if not ok then return nil, problem_of(file, text) end
  if #list == 0 then
    return nil, problem_of(file, ("%s: there is no t.case in it"):format(file))
  end
  return list
end

local function load_core()
  local ok, core = pcall(require, "lunel.sim")
  if ok then return core end
  return nil, "the module lunel/sim.so, which belongs to lunel, is not found or cannot be loaded:\n"
    .. tostring(core)
end

local function complain(text) io.stderr:write("lunel: ", text, "\n") end

--- Runs |args| of the command line; the exit status.
function M.main(args)
  local o, err = M.parse(args)
  if not o then
    complain(err)
    io.stderr:write(M.usage)
    return BAD
  end
  if o.help then
    io.stdout:write(M.help)
    return OK
  end
  local core, why = load_core()
  if not core then
    complain(why)
    return FAILED
  end
  local passed, failed, bad = 0, 0, 0
  for _, file in ipairs(o.files) do
    local list, problem = cases_of(file)
    if not list then
      complain(problem)
      bad = bad + 1
    end
    for _, case in ipairs(list or {}) do
      if not o.filter or case.name:find(o.filter, 1, true) then
        local ok, text = run_case(core, case, file, o)
        if ok then passed = passed + 1 else failed = failed + 1 end
        print(ok and "ok   " .. case.name or ("FAIL %s\n     %s"):format(case.name, indent(text)))
      end
    end
  end
  if passed + failed > 0 or bad == 0 then
    print(("%d passed, %d failed"):format(passed, failed))
  end
  if bad > 0 then return BAD end
  if passed + failed == 0 then
    complain(("no case has '%s' in its name"):format(o.filter))
    return BAD
  end
  return failed > 0 and FAILED or OK
end

return M
