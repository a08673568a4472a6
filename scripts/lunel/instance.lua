-- SPDX-License-Identifier: GPL-3.0-or-later
--- What runs in one policy VM: its configuration, its tunnels and their sessions. The launcher
-- calls the functions of this module by name, bindings/events.c calls `event`.
local acc = require "lunel.acc"
local control = require "lunel.control_prefix"
local core = require "lunel.core"
local console_vm = require "lunel.console_vm"
local coroutines = require "lunel.coroutines"
local credentials = require "lunel.credentials"
local hooks = require "lunel.hooks"
local hooks_server = require "lunel.hooks_server"
local appended = require "lunel.files"
local lane_file = require "lunel.lane_file"
local logging = require "lunel.logging"
local management = require "lunel.management"
local metrics = require "lunel.metrics"
local network = require "lunel.network"
local origins = require "lunel.origin"
local peer_list = require "lunel.peer_list"
local profile = require "lunel.profile"
local push = require "lunel.push"
local reload = require "lunel.reload"
local reload_outline = require "lunel.reload_outline"
local schema = require "lunel.schema"
local schema_engine = require "lunel.schema_engine"
local schema_engine_server = require "lunel.schema_engine_server"
local sessions = require "lunel.session"
local status_file = require "lunel.status"
local strict = require "lunel.strict"

local M = {}

local given = {}      -- what vpn.client and vpn.server were given: { conf, origin, server }
local tunnels = {}    -- prepared, in order
local by_handle = {}  -- those that are open
local notes = {}
local owners = 0
local status = 0
local open_tunnels = 0
local closing = 0     -- hooks `closed` that have not ended

function M.new_owner()
  owners = owners + 1
  return owners
end

-- ---- for init.lua ----

local loaded = false

-- What is declared later would never be opened.
local function in_time(name)
  if loaded then
    error(name .. ": the script is loaded and its tunnels are open; declare it in the script "
      .. "itself, not in a hook, and reload", 4)
  end
end

function M.add_client(conf, origin)
  in_time "vpn.client"
  given[#given + 1] = { conf = conf, origin = origin }
end

function M.add_server(conf, origin)
  in_time "vpn.server"
  given[#given + 1] = { conf = conf, origin = origin, server = true }
end

function M.add_notes(list)
  for _, note in ipairs(list or {}) do
    notes[#notes + 1] = { level = note.level, text = profile.format(note) }
  end
end

local stop = {}
stop.__index = stop

--- The value by which `reconnect` ends a tunnel.
function M.stop_marker(reason)
  return setmetatable({ reason = tostring(reason or "stopped by a script") }, stop)
end

function M.is_stop(value) return getmetatable(value) == stop end

--- Logs a script's error: the sentence, and its traceback for those who look closer.
function M.report(what, err)
  local first, rest = tostring(err):match("^([^\n]*)\n?(.*)$")
  core.log("error", "script", "error", { what = what, error = first })
  for line in rest:gmatch("[^\n]+") do
    core.log("debug", "script", "traceback", { what = what, line = line })
  end
end

local DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

--- vpn.exec; a program never inherits this process's environment.
function M.exec(o)
  local argv = {}
  for i, word in ipairs(o) do argv[i] = tostring(word) end
  local program = argv[1] and core.program(argv[1])
  if not program then return nil, ("there is no program '%s'"):format(tostring(argv[1])) end
  argv[1] = program
  local env = { "PATH=" .. (os.getenv("PATH") or DEFAULT_PATH) }
  for k, v in pairs(o.env or {}) do
    env[#env + 1] = type(k) == "number" and v or k .. "=" .. tostring(v)
  end
  return core.exec(argv, env, o.input, o.timeout or 30)
end

-- ---- loading ----

local function run_script(file, args)
  local folder = file:match("^(.*)/[^/]*$") or "."
  package.path = folder .. "/?.lua;" .. package.path
  local chunk, err = loadfile(file)
  if not chunk then return nil, { err } end
  lane_file.runs(file)
  lane_file.returned((chunk(unpack(args))))
  return true
end

local function read_profile(spec)
  local conf, list
  if spec.kind == "args" then
    conf, list = profile.from_args(spec.args, core.read_file)
  else
    conf, list = profile.load(spec.file, core.read_file)
  end
  if not conf then return nil, list end
  M.add_notes(list)
  if conf.is_server then M.add_server(conf) else M.add_client(conf) end
  return true
end

local tunnel = {}
tunnel.__index = tunnel

--- The place of |remote| in the list, or nil.
function tunnel:index_of(remote)
  for i, r in ipairs(self.remotes) do
    if r == remote then return i end
  end
end

local function new_tunnel(conf, origin, server)
  local t = setmetatable({
    conf = conf, origin = origin, on = conf.on, remotes = conf.remotes, server = server,
    -- A server's by number, and of them those that are not up (hooks_server.sweep).
    peers = server and {} or nil, coming = server and {} or nil, newcomers = 0, interval = 1,
    owner = M.new_owner(), gone = { rx = 0, tx = 0 },
    history = {}, state = "idle", name = conf.name or conf.dev,
    settings = reload_outline.settings(conf, server), most = server and conf.max_clients or nil,
  }, tunnel)
  if server then hooks_server.install(t) end
  return t
end

local function summarize()
  if #tunnels == 0 then
    return "no vpn.client or vpn.server in it; as a module it is well formed"
  end
  local parts = {}
  for _, t in ipairs(tunnels) do
    local n = t.server and #t.conf.listen
    parts[#parts + 1] = n and ("server, %d socket%s"):format(n, n == 1 and "" or "s")
      or ("client, %d remote%s"):format(#t.remotes, #t.remotes == 1 and "" or "s")
  end
  return "ok: " .. table.concat(parts, "; ")
end

-- What concerns the process comes from the first client.
local PROCESS = { "user", "group", "nice", "mlock", "log", "log_append", "verb", "mute",
                  "suppress_timestamps", "machine_readable_output", "writepid", "syslog", "daemon",
                  "reload", "control", "log_format", "log_levels", "logs" }

local function process_options()
  local out = {}
  local conf = tunnels[1] and tunnels[1].conf or {}
  for _, name in ipairs(PROCESS) do
    if conf[name] ~= false or name == "reload" or name == "control" then out[name] = conf[name] end
  end
  if out.daemon and not (out.log or out.log_append or out.logs) then
    out.syslog = out.syslog or (type(out.daemon) == "string" and out.daemon) or "lunel"
  end
  if out.syslog == true then out.syslog = "lunel" end
  return out
end

-- What clients would tell their users, and nobody here.
local function note_pushed(conf, origin)
  for _, option in ipairs(conf.push or {}) do
    local why = push.fault(option)
    if why then
      notes[#notes + 1] = { level = "warn", text = origins.tell(origin, "push", why) }
    end
  end
end

--- Reads and checks what |spec| names: { kind, file, args, check }. A plan for the launcher
-- { tunnels = number, options, notes, summary }; or nil and the list of all errors.
function M.load(spec)
  local ok, errors
  if spec.check then appended.check() end
  if spec.test then
    require("lunel.test.policy").install(M, spec.test, function() return tunnels end)
  end
  if spec.kind == "script" then ok, errors = run_script(spec.file, spec.args or {})
  else ok, errors = read_profile(spec) end
  if not ok then return nil, errors end
  local all = {}
  local declared = given
  given, loaded = {}, true
  for _, c in ipairs(declared) do
    local origin = c.conf.origin or c.origin
    local check = c.server and schema.check_server or schema.check
    local conf, problems = check(c.conf, origin)
    if conf then tunnels[#tunnels + 1] = new_tunnel(conf, origin, c.server) end
    if conf and c.server then note_pushed(conf, origin) end
    for _, e in ipairs(problems or {}) do all[#all + 1] = e end
  end
  if #all == 0 and #tunnels == 0 and not spec.check then
    all[1] = ("%s: there is no vpn.client{...} or vpn.server{...} in it"):format(spec.file)
  end
  if #all > 0 then return nil, all end
  return { tunnels = #tunnels, options = process_options(), notes = notes, summary = summarize() }
end

M.as_lane = lane_file.as_lane

-- ---- preparing and opening ----

--- Reads the files that the configuration names and, with |o.ask|, asks for credentials that it
-- lacks while there is a terminal for sure. true; or nil and the list of errors. With |o.check| a
-- file that is not there is no error, since it may be on another machine: true and those sentences.
function M.prepare(o)
  local all, absent = {}, {}
  local function failed(errors)
    for _, e in ipairs(errors) do
      local list = o.check and e:find(": No such file or directory$") and absent or all
      list[#list + 1] = e
    end
  end
  local list_of = o.list or tunnels
  for _, t in ipairs(list_of) do
    local from = t.server and schema_engine_server or schema_engine
    local options, used = from.options(t.conf, core.read_file, t.origin)
    if options then
      t.options, t.remotes, t.lane_ids = options, used, reload_outline.lane_ids(options)
    else
      failed(used)
    end
    local files = schema_engine.reading(core.read_file, t.origin)
    t.desk = management.options(t.conf, files)
    failed(origins.texts(files.errors))
    t.checking = o.check
  end
  if #all > 0 then return nil, all end
  if #absent > 0 then return true, absent end
  for _, t in ipairs(list_of) do
    t.options.asks = (t.server and hooks_server or hooks).asks(t)
    if o.ask and not t.server then
      local ok, err = credentials.prepare(t)
      if not ok then return nil, { err } end
    end
  end
  return true
end

-- The engine's sentences about TLS begin with the setting: its place goes before it.
local function with_place(t, text)
  local setting, rest = text:match("^([%w-]+): (.*)$")
  local key = setting and setting:gsub("^tls%-", ""):gsub("-", "_")
  local value = key and t.conf.tls[key]
  if value == nil then return text end
  if type(value) == "string" and not value:find("\n", 1, true) then
    rest = ("%s: %s"):format(value, rest)
  end
  return origins.tell(t.origin, "tls." .. key, rest)
end

--- What |t| has to do while it is open: its status file.
function M.watch(t)
  if t.conf.status then
    -- What that refuses is said when the file cannot be written.
    core.allow_write(t.conf.status.file)
    core.spawn(t.owner, "the status file", nil, function(ok, fault)
      if not ok then M.report("the status file", fault) end
    end, status_file.keep, t)
  end
end

--- The engine has its own copies of keys and passwords.
function M.forget_secrets(t)
  t.options, t.desk, t.conf.tls, t.conf.auth_user_pass = nil, nil, nil, nil
end

local function open_one(t)
  local known = t.options.key_password
  local handle, err, passphrase
  for _ = 1, 3 do
    -- Where one runs, device and sockets are its own: a check opens none.
    local open = t.server and (t.checking and core.server_check or core.server_open)
      or core.tunnel_open
    handle, err, passphrase = open(t.options)
    if handle or not passphrase or known then break end
    local text, why = credentials.passphrase(t)
    if not text then
      err = err .. " (" .. why .. ")"
      break
    end
    t.options.key_password = text
  end
  if not handle then return nil, with_place(t, err) end
  if t.login and t.login.file then core.allow_read(t.login.file) end
  t.handle = handle
  by_handle[handle] = t
  open_tunnels = open_tunnels + 1
  local listens, why = management.open(t)
  if not listens then return nil, why end
  M.watch(t)
  M.forget_secrets(t)
  return true
end

-- What was read, keys and passwords, leaves memory: what is collected is wiped (bindings/policy.c),
-- and LuaJIT's buffer for building strings is written over by building one that is larger.
local function scrub()
  local _ = (" "):rep(2 ^ 18)
  collectgarbage()
  collectgarbage()
end

-- What concerns no tunnel in particular: the network, extensions. true, or nil and why.
local function declare()
  appended.allow()
  local watched, why = network.watch(tunnels)
  if not watched then return nil, why end
  control.close()
  return acc.announce()
end

-- As the first says that says it; an error's text.
local function serve_metrics()
  for _, t in ipairs(tunnels) do
    if t.conf.metrics then
      if t.checking then return nil end
      local ok, err = metrics.open(t.conf.metrics.listen)
      return not ok and origins.tell(t.origin, "metrics", err) or nil
    end
  end
end

--- Opens all tunnels: true; or nil and the errors.
function M.open()
  local declared, why = declare()
  if not declared then return nil, { why } end
  for _, t in ipairs(tunnels) do
    local ok, err = open_one(t)
    if not ok then return nil, { err } end
  end
  local err = serve_metrics()
  if err then return nil, { err } end
  scrub()
  return true
end

-- ---- what goes on ----

--- Ends all tunnels.
function M.stop(reason)
  for handle in pairs(by_handle) do core.tunnel_stop(handle, reason) end
  return true
end

--- Connects all tunnels anew; |hard|: closing the device too. A server's clients are told to come
-- again; it has nothing of its own that |hard| would close.
function M.reconnect(hard, reason)
  for handle, t in pairs(by_handle) do
    if not t.server then core.tunnel_reconnect(handle, hard, nil, nil, reason)
    elseif not hard then
      for _, id in ipairs(core.peers(handle)) do core.peer_kill(handle, id, "RESTART") end
    end
  end
  return true
end

-- The engine answers with what it knows and asks the data plane anew: that is told soon after.
local function report_counters(handle, t)
  core.tunnel_stats(handle)
  core.sleep(0.1)
  local s = core.tunnel_stats(handle)
  if not s then return end
  core.log("info", "status", "counters", {
    name = t.name, state = t.state, rx = s.rx, tx = s.tx,
    link_rx = s.link_rx, link_tx = s.link_tx,
  })
end

local function report_clients(handle)
  local list = core.peers(handle)
  core.log("info", "status", "clients", { clients = #list })
  for i, id in ipairs(list) do
    if i % status_file.PIECE == 0 then core.sleep(0) end
    local p, s = core.peer_info(handle, id), core.peer_stats(handle, id)
    if p and s then
      core.log("info", "status", "client", { name = p.name, address = p.address, ipv4 = p.ipv4,
                                             ipv6 = p.ipv6, rx = s.rx, tx = s.tx })
    end
  end
end

--- Logs the counters (SIGUSR2).
function M.report_status()
  for handle, t in pairs(by_handle) do
    local report = t.server and report_clients or report_counters
    core.spawn(t.owner, "the counters", nil, function(ok, err)
      if not ok then M.report("the counters", err) end
    end, report, handle, t)
  end
  return true
end

--- The client that |owner| (a number of core.owner) belongs to, or the only one there is; or nil.
function M.client_of(owner)
  local only, clients = nil, 0
  for _, t in ipairs(tunnels) do
    if t.owner == owner or (t.session and t.session.owner == owner) then
      return not t.server and t or nil
    end
    if not t.server then only, clients = t, clients + 1 end
  end
  return clients == 1 and only or nil
end

--- Where what runs this configuration can be asked about itself: { metrics, management }, the first
-- that there are; management with its password file.
function M.status_sources()
  local out = {}
  for _, t in ipairs(tunnels) do
    local metric = t.conf.metrics
    out.metrics = out.metrics or metric and metric.listen
    out.management = out.management or t.conf.management
  end
  return out
end

--- Whether every tunnel is up.
function M.is_up()
  for _, t in pairs(by_handle) do
    if t.state ~= "up" then return false end
  end
  return open_tunnels > 0
end

--- The exit status so far.
function M.status() return status end

-- A session begins with the first sign of an attempt and ends with its last.
local BEGINS = { resolve = true, connect = true, hello = true }
local ENDS = { wait = true, closing = true }

function M.begin_session(t)
  if t.session and not t.session.ended then return t.session end
  t.session = sessions.new(t, M.new_owner())
  return t.session
end

function M.end_session(t)
  local s = t.session
  if not s or s.ended then return end
  s.ended, s.up = true, false
  core.cancel_owner(s.owner)
end

local function enter(t, state)
  t.state, t.since = state, core.wallclock()
end

-- What a |state| says about the session of |t|.
function M.session_state(t, state)
  if ENDS[state] then M.end_session(t) end
  if BEGINS[state] then M.begin_session(t) end
end

local function state_changed(t, ev)
  enter(t, ev.state)
  M.session_state(t, ev.state)
  local s = t.session
  if s and not s.ended then
    s.remote = ev.remote and t.remotes[ev.remote] or t.chosen or s.remote
    s.address = ev.address or s.address
    if ev.state == "up" then
      s.up = true
      t.last_error = nil
      hooks.reached(t, s)
    end
  end
end

--- What the end of the process waits for: a hook `closed` that has not ended.
function M.hold() closing = closing + 1 end

function M.release()
  closing = closing - 1
  -- What the instance itself waits for must not keep the process.
  if open_tunnels > 0 or closing > 0 then return end
  core.cancel_owner(0)
  logging.close()
end

local function closed(t, ev)
  if t.session then M.end_session(t) end
  core.cancel_owner(t.owner)
  management.close(t)
  by_handle[t.handle] = nil
  open_tunnels = open_tunnels - 1
  status = math.max(status, ev.exit_status or 0, t.exit_status or 0)
  M.hold()
  if t.server then
    hooks_server.closed(t, ev)
    M.release()
  else
    hooks.closed(t, ev, M.release)
  end
end

--- One event of the engine (bindings/events.c).
function M.event(ev)
  if ev.kind == "line" then return management.event(ev) end
  if ev.kind == "network" then return network.event(by_handle, ev.options) end
  local t = by_handle[ev.tunnel]
  if not t then
    if ev.ticket then core.reply_default(ev.ticket) end
    return
  end
  if ev.kind == "closed" then closed(t, ev)
  elseif ev.kind == "message" then acc.message(t.server and t.peers[ev.peer] or t.session, ev)
  elseif t.server and ev.kind == "state" then
    enter(t, ev.state)
    hooks_server.state(t, ev)
  elseif t.server then hooks_server.event(t, ev)
  elseif ev.kind == "state" then state_changed(t, ev)
  else hooks.event(t, ev) end
end

reload.bind {
  by_handle = by_handle, tunnels = function() return tunnels end, open = open_one,
  prepare = function(o) return M.prepare(o) end, new_owner = M.new_owner, report = M.report,
  scrub = scrub, declare = declare, session_state = M.session_state,
  status = function(least)
    status = math.max(status, least or 0)
    return status
  end,
  adopted = function(t)
    by_handle[t.handle] = t
    open_tunnels = open_tunnels + 1
  end,
  begin = function(t)
    M.watch(t)
    M.forget_secrets(t)
  end,
  closed_all = function(but) open_tunnels = but end,
}
for _, name in ipairs(reload.calls) do M[name] = reload[name] end
peer_list.bind(function() return tunnels end, by_handle)
console_vm.bind { by_handle = by_handle, tunnels = function() return tunnels end }
M.console_eval, M.console_cancel = console_vm.eval, console_vm.cancel
M.console_complete = console_vm.complete

-- hooks.lua needs this module's sessions, and this module its hooks.
hooks.bind(M)
hooks_server.bind(M)
management.bind(M.report)
acc.bind(M.report)
control.bind(M.report)
logging.bind(M)

math.randomseed(core.pid() + core.wallclock() * 1000 % 2 ^ 31)
-- A script's own coroutines can wait.
coroutines.enable(coroutine, core.coroutines)
core.coroutines = nil
strict.enable(_G)

return M
