-- SPDX-License-Identifier: GPL-3.0-or-later
--- `lunel console` and `lunel reload`: the other end of a control socket (lunel/control.lua). In
-- the launcher's own state.
local core = require "lunel.core"
local control = require "lunel.control"
local suggest = require "lunel.suggest"

local M = {}

local OK, FAILED, BAD = 0, 1, 2

local SHORT, LONG = 10, 900 -- seconds for an answer: of completion and its kin, of all others

local function complain(text)
  for line in (text .. "\n"):gmatch("(.-)\n") do io.stderr:write("lunel: ", line, "\n") end
end

-- ---- which ----

-- The path of the socket that |name| means; or nil and why there is none.
local function find(name)
  if name and name:find("/", 1, true) then return name end
  local folder = control.folder(core)
  if not folder then return nil, "XDG_RUNTIME_DIR is not set: name the socket's path" end
  local list = core.sockets(folder)
  if name then
    for _, known in ipairs(list) do
      if known == name then return ("%s/%s.sock"):format(folder, name) end
    end
    return nil, ("nothing that is called '%s' runs (%s has no such socket)%s"):format(name, folder,
      suggest.hint(name, list))
  end
  if #list == 1 then return ("%s/%s.sock"):format(folder, list[1]) end
  if #list == 0 then
    return nil, ("nothing that has a control socket runs (there is none in %s); profiles have one "
      .. "when `control = true` stands in a script that loads them"):format(folder)
  end
  return nil, "several run; name one: " .. table.concat(list, ", ")
end

local Line = {}
Line.__index = Line

-- The answer to |request| as a table, or nil and why; |patience| in seconds.
function Line:ask(request, patience)
  local ok, why = self.to:send(self.json.encode(request))
  if not ok then return nil, why end
  local text, err = self.to:receive(patience or LONG)
  if not text then return nil, err end
  local fine, answer = pcall(self.json.decode, text)
  if not fine or type(answer) ~= "table" then return nil, "it answers what is no JSON" end
  return answer, text
end

local function connect(name)
  local found, cjson = pcall(require, "cjson")
  if not found then return nil, "the package lua-cjson is not installed" end
  local path, err = find(name)
  if not path then return nil, err end
  local to, why = core.attach(path)
  if not to then
    if why == "Connection refused" then why = "nobody listens there" end
    return nil, ("%s: %s"):format(path, why)
  end
  local line = setmetatable({ to = to, json = cjson.new(), path = path }, Line)
  local hello
  hello, err = line:ask({ op = "hello" }, SHORT)
  if not hello or not hello.ok then
    return nil, ("%s: %s"):format(path, hello and hello.error or err)
  end
  line.hello = hello
  return line
end

-- ---- reload ----

local function reload(what)
  local line, err = connect(what.name)
  if not line then
    complain(err)
    return FAILED
  end
  local answer, why = line:ask { op = "reload" }
  if not answer then
    complain("no answer: " .. why)
    return FAILED
  end
  for _, text in ipairs(answer.said or {}) do print(text) end
  if answer.ok then return OK end
  for _, text in ipairs(answer.errors or { answer.error }) do complain(text) end
  complain("nothing has changed")
  return BAD
end

-- ---- console ----

-- ^C: whatever this connection evaluates ends, by another connection: this one is deaf meanwhile.
local function cancel(line)
  local other = connect(line.path)
  if not other then return end
  other:ask({ op = "cancel", connection = line.hello.connection }, SHORT)
  other.to:close()
end

-- The answer to what may take a while: ^C ends that, and not this program.
local function ask_long(line, request)
  local answer, text = line:ask(request)
  while not answer and text == "interrupted" do
    cancel(line)
    local raw, why = line.to:receive(SHORT)
    if raw then return line.json.decode(raw), raw end
    text = why
  end
  return answer, text
end

local function follow(line, out)
  local after
  while true do
    local answer, why = line:ask { op = "follow", after = after }
    if not answer then
      if why ~= "interrupted" then return nil, why end
      -- Its answer would be taken for that of the next line: the connection begins anew.
      line.to:close()
      local again, err = connect(line.path)
      if not again then return nil, err end
      line.to, line.hello = again.to, again.hello
      return true
    end
    if not answer.ok then return nil, answer.error end
    if answer.lost > 0 then out.lost(answer.lost) end
    for _, record in ipairs(answer.records) do out.record(record) end
    after = answer.after
  end
end

local human = {
  answer = function(answer)
    for _, text in ipairs(answer.said or {}) do io.stdout:write(text, "\n") end
    if not answer.ok then return io.stdout:write(answer.error, "\n") end
    if answer.n and answer.n > 0 then io.stdout:write(answer.text, "\n") end
  end,
  record = function(record)
    local time = os.date("%H:%M:%S ", math.floor(record.ts))
    io.stdout:write(time, record.level, " ", record.text, "\n")
    io.stdout:flush()
  end,
  lost = function(n) io.stdout:write(("-- %d records were lost\n"):format(n)) end,
}

local function machine(json)
  local function put(value)
    io.stdout:write(json.encode(value), "\n")
    io.stdout:flush()
  end
  return {
    answer = function(answer)
      answer.text = nil -- the values say it
      put(answer)
    end,
    record = put,
    lost = function(n) put { lost = n } end,
  }
end

-- Evaluates |code|: true, "more" when it is not complete, or nil and why there is no going on.
local function evaluate(line, code, out, may_go_on)
  local answer, why = ask_long(line, { op = "eval", code = code })
  if not answer then return nil, why end
  if answer.incomplete and may_go_on then return "more" end
  if answer.action == "follow" then return follow(line, out) end
  out.answer(answer)
  return true
end

-- What reads lines: of a terminal with editing and history where this build has it, else plainly.
local function reader(line)
  local found, edit = pcall(require, "lunel.edit")
  if not found or not core.isatty(0) or not core.isatty(1) then
    local prompts = core.isatty(0)
    return function(prompt)
      if prompts then
        io.stdout:write(prompt)
        io.stdout:flush()
      end
      return io.stdin:read "*l"
    end
  end
  edit.complete(function(text)
    local answer = line:ask({ op = "complete", text = text }, SHORT)
    return answer and answer.ok and answer.list or {}
  end)
  return edit.read
end

local function console(what)
  local line, err = connect(what.name)
  if not line then
    complain(err)
    return FAILED
  end
  local out = what.json and machine(line.json) or human
  local terminal = core.isatty(0) and not what.json
  if terminal then
    print(("lunel %s, process %d. help() says what there is; ^D ends this."):format(
      line.hello.version, line.hello.pid))
  end
  local read = reader(line)
  local code
  while true do
    local text = read(code and ">> " or "> ")
    if not text then break end
    code = code and code .. "\n" .. text or text
    if code:find "%S" then
      local done, why = evaluate(line, code, out, terminal)
      if not done then
        complain(why == "closed" and "it has ended, or the line was too long" or why)
        return FAILED
      end
      if done ~= "more" then code = nil end
    else
      code = nil
    end
    io.stdout:flush()
  end
  if terminal then print() end
  return OK
end

--- Acts on |what| (of cli.parse); the exit status.
function M.main(what)
  if what.command == "reload" then return reload(what) end
  return console(what)
end

return M
