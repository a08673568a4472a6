-- SPDX-License-Identifier: GPL-3.0-or-later
--- The launcher: reads the command line, has the policy VM load what it names, sets up the process,
-- and runs the loop. It runs in the program's (or a foreign program's) own Lua state.
local core = require "lunel.core"
local cli = require "lunel.cli"
local control = require "lunel.control"
local launch_reload = require "lunel.launch_reload"
local log = require "lunel.log"

local M = {}

local OK, FAILED, BAD = 0, 1, 2

local scripts = debug.getinfo(1, "S").source:match("^@(.*)/lunel/launch%.lua$") or "."

local function complain(text)
  io.stdout:flush()
  for line in (text .. "\n"):gmatch("(.-)\n") do
    -- C functions without a name say nothing to whoever wrote the script.
    if not line:find("^%s*%[C%]: at 0x") then io.stderr:write("lunel: ", line, "\n") end
  end
end

local function exists(path)
  local f = io.open(path, "re")
  if f then f:close() end
  return f ~= nil
end

-- ---- loading ----

-- A policy VM with |what| loaded and its files read: vm, plan; or nil and the errors. |o|: check,
-- or reload, which leaves the files to lunel/reload.lua.
local function load(host, what, o)
  local check = o and o.check
  local vm, err = host:policy { scripts = scripts }
  if not vm then return nil, { err } end
  local ok, plan, errors = vm:call("load", {
    kind = what.kind, file = what.file, args = what.args or {}, check = check,
  })
  if not ok then plan, errors = nil, { plan } end
  if what.kind == "script" and (not plan or plan.tunnels == 0) then
    local fine, lane, problems = vm:call("as_lane", what.file, check)
    if fine and lane ~= nil then plan, errors = lane or nil, problems end
  end
  if plan and not (o and o.reload) then
    local fine, ready, problems = vm:call("prepare", { ask = not check, check = check })
    if not fine then plan, errors = nil, { ready }
    elseif not ready then plan, errors = nil, problems
    else plan.absent = problems end
  end
  if plan then
    plan.options.log_format = what.log_format or plan.options.log_format
    return vm, plan
  end
  vm:close()
  return nil, errors
end

local function engine_options(plan, check)
  local s = core.signals
  local o = plan.options
  return {
    level = o.log_levels and o.log_levels["*"] or log.level(o.verb or 1),
    levels = o.log_levels,
    user = not check and o.user or nil,
    group = not check and o.group or nil,
    stay_root = check or nil,
    signals = check and {} or { s.term, s.int, s.hup, s.usr1, s.usr2 },
  }
end

-- ---- the process ----

local function set_up_process(o)
  if o.nice then
    local ok, err = core.nice(o.nice)
    if not ok then return nil, ("nice %d: %s"):format(o.nice, err) end
  end
  if o.mlock then
    local ok, err = core.mlock()
    if not ok then return nil, "mlock: " .. err end
  end
  if o.writepid then
    local ok, err = core.write_pid(o.writepid)
    if not ok then return nil, ("writepid %s: %s"):format(o.writepid, err) end
  end
  return true
end

-- ---- the loop ----

local Run = {}
Run.__index = Run

function Run:flush()
  repeat
    local records, lost = self.host:records()
    self.sink:write(records, lost)
    if self.control then self.control:log(records) end
  until #records == 0
end

-- A record of the launcher's own; the last arguments are its fields' names in order.
function Run:put(level, sub, event, fields, ...)
  self:flush()
  local records = { { ts = core.time(), level = level, sub = sub, event = event, fields = fields,
                      ... } }
  self.sink:write(records, 0)
  if self.control then self.control:log(records) end
  self.host:tap(level, sub, event, fields)
end

function Run:note(level, event, fields, ...)
  self:put(level, "process", event, fields, ...)
end

-- Calls the policy VM; its error is logged and nil returned.
function Run:ask(name, ...)
  local ok, a, b = self.vm:call(name, ...)
  if ok then return a, b end
  self:complain(a)
  return nil
end

function Run:complain(text)
  for line in (text .. "\n"):gmatch("(.-)\n") do
    self:put("error", "config", "error", { text = line }, "text")
  end
end

function Run:stop(why)
  if self.stopping then
    -- The second time is meant, unless it is the same signal to process and group.
    self.abandon = core.time() - self.stopping > 1
    return
  end
  self.stopping = core.time()
  core.notify("STOPPING=1")
  self:ask("stop", why)
end

-- What SIGHUP does, by the options |o|.
function Run:choose(o)
  self.stays_up = o.reload
  if o.reload == nil then self.stays_up = self.what.kind == "script" end
end

-- SIGHUP where tunnels do not stay up: with all of them closed, a new VM takes the place of the old
-- one, unless the file is no good any more.
function Run:restart()
  self.sink:reopen()
  local vm, plan = load(self.host, self.what)
  if not vm then
    for _, e in ipairs(plan) do self:complain(e) end
    self:note("warn", "reload_failed", { text = "going on with the old configuration" }, "text")
    self:ask("reconnect", true, "SIGHUP")
    return
  end
  if self.fresh then self.fresh:close() end
  self.fresh = vm
  self:ask("stop", "SIGHUP: reading the configuration again")
end

function Run:signal(number)
  local s = core.signals
  local names = { [s.term] = "SIGTERM", [s.int] = "SIGINT", [s.hup] = "SIGHUP",
                  [s.usr1] = "SIGUSR1", [s.usr2] = "SIGUSR2" }
  self:note("info", "signal", { signal = names[number] or tostring(number) }, "signal")
  if number == s.term or number == s.int then self:stop(names[number])
  elseif self.stopping then return
  elseif number == s.hup then
    if self.stays_up then launch_reload.reload(self) else self:restart() end
  elseif number == s.usr1 then self:ask("reconnect", false, "SIGUSR1")
  elseif number == s.usr2 then self:ask("report_status") end
end

-- Every tunnel is closed: with what was read anew, or the end.
function Run:swap()
  local fresh = self.fresh
  if not fresh or self.stopping then return false end
  self.fresh = nil
  self.vm:close()
  self.vm = fresh
  self.host:attach(fresh)
  local opened, errors = self:ask("open")
  for _, e in ipairs(errors or {}) do self:complain(e) end
  return opened
end

function Run:loop()
  self:flush()
  while not self.abandon do
    local alive, signals, lines = self.host:turn()
    self:flush()
    if not self.ready and self:ask("is_up") then
      self.ready = true
      core.notify("READY=1\nSTATUS=Initialization Sequence Completed")
    end
    for _, number in ipairs(signals) do self:signal(number) end
    for _, line in ipairs(lines or {}) do self.control:line(line) end
    if self.control then self.control:tell_answers() end
    if not alive and not self:swap() then break end
  end
end

-- The control socket at |place|; one that nobody asked for and that cannot be is no error.
local function open_control(run, place, err)
  if not place then
    if err then run:note("debug", "no_control", { why = err }, "why") end
    return true
  end
  run.control, err = control.open(run, place, core)
  if run.control or place.asked then return run.control, err end
  run:note("debug", "no_control", { why = err }, "why")
  return true
end

local function start(run, plan, place, none)
  run.host:attach(run.vm) -- so that the helper, which is forked now, forgets what is in it
  local ok, err = run.host:start(engine_options(plan))
  if not ok then return nil, { err }, FAILED end
  if run.capture then
    ok, err = run.host:capture(run.capture, run.what.capture)
    run.capture = nil -- the engine's from here on
    if not ok then return nil, { err }, FAILED end
  end
  local build = core.build()
  run:note("info", "start", build, "version", "wolfssl", "luajit")
  for _, note in ipairs(plan.notes) do
    run:put(note.level, "config", "note", { text = note.text }, "text")
  end
  local called, opened, errors = run.vm:call("open")
  if not called then return nil, { opened }, FAILED end
  if opened then
    ok, err = open_control(run, place, none)
    if not ok then return nil, { err }, FAILED end
  end
  return opened, errors, BAD -- what the engine cannot open was not well configured
end

local function run_loaded(host, what, vm, plan)
  local o = plan.options
  local run = setmetatable({ host = host, what = what, vm = vm, load = load }, Run)
  run:choose(o)
  local err
  run.sink, err = log.open(o, core)
  if not run.sink then
    complain(err)
    return FAILED
  end
  if o.daemon then
    local ok, why = core.daemon()
    if not ok then
      complain("daemon: " .. why)
      return FAILED
    end
  end
  local ok, why = set_up_process(o)
  if not ok then
    complain(why)
    return FAILED
  end
  if what.capture then -- before powers are given up
    run.capture, why = core.open_capture(what.capture.to)
    if not run.capture then
      complain(("capture: cannot write %s: %s"):format(what.capture.to, why))
      return FAILED
    end
  end
  local place, none, asked = control.prepare(run, o, core)
  if none and asked then
    complain(none)
    return FAILED
  end
  local opened, errors, status = start(run, plan, place, none)
  if not opened then
    run:flush()
    for _, e in ipairs(errors) do
      if not run.sink:is_seen() then run:complain(e) end
      complain(e)
    end
    return status
  end
  if o.daemon then core.detach() end
  run:loop()
  if what.capture then run.host:capture_end() end
  status = run:ask("status") or FAILED
  if run.abandon then status = FAILED end
  run:note("info", "exit", {})
  host:drain()
  run:flush()
  if o.writepid then os.remove(o.writepid) end
  return status, run.vm
end

--- Runs what |what| (of cli.parse) names until it ends; the exit status.
function M.run(what)
  local host = core.host { level = "info" }
  local vm, plan = load(host, what)
  local status = BAD
  if vm then
    local last
    status, last = run_loaded(host, what, vm, plan);
    (last or vm):close()
  else
    for _, e in ipairs(plan) do complain(e) end
  end
  host:close()
  return status
end

-- What a script was given, which who meant files to be checked did not mean.
local function with_arguments(what)
  if what.kind ~= "script" or #what.args == 0 then return "" end
  local words = {}
  for i, word in ipairs(what.args) do words[i] = ("%q"):format(word) end
  return ("with the argument%s %s: "):format(#words == 1 and "" or "s", table.concat(words, " "))
end

--- Says what is wrong with it. The keys are read by an engine that never takes a turn.
function M.check(what)
  local host = core.host { level = "warn" }
  local vm, plan = load(host, what, { check = true })
  local errors = not vm and plan or nil
  if vm and plan.tunnels > 0 and not plan.absent then
    local ok, err = host:start(engine_options(plan, true))
    if ok then
      host:attach(vm)
      local called, opened, problems = vm:call("open")
      if not called then errors = { opened } elseif not opened then errors = problems end
    else
      errors = { err }
    end
  end
  for _, e in ipairs(errors or {}) do complain(e) end
  if not errors then
    for _, note in ipairs(plan.notes) do print(("%s: %s"):format(note.level, note.text)) end
    for _, text in ipairs(plan.absent or {}) do print("warn: " .. text) end
    print(("%s: %s%s"):format(what.file or "command line", with_arguments(what), plan.summary))
  end
  if vm then vm:close() end
  host:close()
  return errors and BAD or OK
end

--- Asks what runs it how it is.
function M.status(what)
  local host = core.host { level = "error" }
  local vm, plan = load(host, what, { check = true })
  local text
  local errors = not vm and plan or nil
  if vm then
    local ok, sources = vm:call("status_sources")
    local why = sources
    if ok then text, why = require("lunel.status_command").text(sources, core, what.json) end
    errors = not text and { why } or nil
    vm:close()
  end
  for _, e in ipairs(errors or {}) do complain(e) end
  if text then io.stdout:write(text) end
  host:close()
  return text and OK or vm and FAILED or BAD
end

function M.version(what)
  for _, line in ipairs(cli.version(core.build(), core.ciphers(), what.features)) do print(line) end
  return OK
end

function M.console(what)
  return require("lunel.console").main(what)
end

M.reload = M.console

function M.pki(what)
  return require("lunel.pki").main(what.args)
end

function M.test(what)
  return require("lunel.test.run").main(what.args)
end

function M.help(what)
  io.stdout:write(what.text or cli.help)
  return OK
end

--- Acts on a command line (a list); the exit status.
function M.main(args)
  local what, err = cli.parse(args, exists)
  if not what then
    complain(err)
    io.stderr:write(cli.usage)
    return BAD
  end
  return M[what.command](what)
end

return M
