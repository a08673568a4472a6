-- SPDX-License-Identifier: GPL-3.0-or-later
--- `require "lunel"`: what policy scripts are written against. scripts/README.md is its reference.
--
-- In another Lua state than the policy VM (a foreign program, the launcher) it has only `run`.
local core = require "lunel.core"
local strict = require "lunel.strict"

if not core.policy then
  return strict.fields({
    --- Runs a profile or script until it ends, as the command line does; the exit status.
    run = function(file, ...)
      if type(file) ~= "string" then error("run: a file's path expected", 2) end
      return require("lunel.launch").main { file, ... }
    end,
    version = core.build().version,
  }, "lunel")
end

local files = require "lunel.files"
local hooks_server = require "lunel.hooks_server"
local instance = require "lunel.instance"
local logging = require "lunel.logging"
local metrics = require "lunel.metrics"
local schema = require "lunel.schema"
local profile = require "lunel.profile"

local vpn = {}

local floor, min, random = math.floor, math.min, math.random

local function expect(value, kind, name)
  if type(value) ~= kind then
    error(("%s: a %s expected, got a %s"):format(name, kind, type(value)), 3)
  end
end

-- ---- configuration ----

--- Declares a client. Errors of its table are reported together once the script has run.
function vpn.client(conf)
  expect(conf, "table", "vpn.client")
  instance.add_client(conf, core.where(2))
end

--- Declares a server.
function vpn.server(conf)
  expect(conf, "table", "vpn.server")
  instance.add_server(conf, core.where(2))
end

--- What `authorize` returns to let a client in: { pool = or address =, routes =, push =, ... }.
function vpn.grant(o)
  if o ~= nil then expect(o, "table", "vpn.grant") end
  return (hooks_server.grant(o)) -- no tail call: its errors name the caller's line
end

--- What `authenticate` and `authorize` return to refuse; the client is told |text|.
vpn.deny = hooks_server.deny

--- What `authenticate` returns to ask the client a question.
function vpn.challenge(o)
  expect(o, "table", "vpn.challenge")
  return (hooks_server.challenge(o))
end

--- A remote: { host, port, proto, ... }; other fields are the script's own.
function vpn.remote(t)
  expect(t, "table", "vpn.remote")
  local remote, errors = schema.remote(t)
  if not remote then error("vpn.remote: " .. table.concat(errors, "; "), 2) end
  return remote
end

--- The table of an OpenVPN profile, to be changed and given to vpn.client.
function vpn.profile(path)
  expect(path, "string", "vpn.profile")
  local conf, notes = profile.load(path, core.read_file)
  if not conf then
    -- Its lines have places of their own; the script goes no further with them.
    error(table.concat(notes, "\n"), 0)
  end
  instance.add_notes(notes)
  return conf
end

--- Adds |fn| as hook |name| of |conf|; where there is one already both run, and the first answer
-- counts.
function vpn.hook(conf, name, fn)
  expect(conf, "table", "vpn.hook")
  expect(fn, "function", "vpn.hook")
  conf.on = conf.on or {}
  local before = conf.on[name]
  conf.on[name] = not before and fn or function(...)
    local function choose(first, ...)
      if first ~= nil then return first, ... end
    end
    local answer = { n = 0 }
    local function keep(...) answer = { n = select("#", ...), ... } end
    keep(choose(before(...)))
    if answer.n > 0 then
      fn(...)
      return unpack(answer, 1, answer.n)
    end
    return fn(...)
  end
end

-- ---- log, files, metrics ----

vpn.log = logging.log
vpn.file = files.file
vpn.metrics = metrics.metrics

-- ---- time ----

vpn.now = core.now
vpn.sleep = core.sleep

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }

--- Local time as a table: year, month, day, hour, min, sec, yday, isdst, and wday = "Mon".
function vpn.localtime(t)
  local out = os.date("*t", floor(t or core.wallclock()))
  out.wday = DAYS[out.wday]
  return out
end

--- "2026-11-23T22:10:01.123Z" for seconds since 1970.
function vpn.iso8601(t)
  t = t or core.wallclock()
  local ms = floor((t - floor(t)) * 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", floor(t)) .. (".%03dZ"):format(ms)
end

--- Seconds to wait after |n| failures: base, doubled each time up to max, less up to a fifth at
-- random so that many clients do not come back at once. |o|: base (1), max (300), jitter (0.2).
function vpn.backoff(n, o)
  o = o or {}
  expect(n, "number", "vpn.backoff")
  local base, max, jitter = o.base or 1, o.max or 300, o.jitter or 0.2
  local seconds = min(max, base * 2 ^ min(62, math.max(0, n - 1)))
  return seconds * (1 - jitter * random())
end

-- ---- tasks and waiting ----

local Task = {}
Task.__index = Task

--- Ends the task where it waits; true when it had not ended yet.
function Task:cancel() return core.cancel(self.id) end

--- Runs fn(...) beside what goes on, as long as the session (or instance) that asks for it lives.
function vpn.spawn(fn, ...)
  expect(fn, "function", "vpn.spawn")
  local name = "the task of " .. (core.where(2) or "vpn.spawn")
  local id = core.spawn(core.owner(), name, nil, function(ok, err)
    if not ok then instance.report(name, err) end
  end, fn, ...)
  return setmetatable({ id = id }, Task)
end

vpn.resolve = core.resolve

--- Runs a program without a shell: { program, arguments..., env = {}, input =, timeout = 30 }.
-- Waits; gives { status, out, err, timeout }, or nil and why.
function vpn.exec(o)
  expect(o, "table", "vpn.exec")
  return instance.exec(o)
end

--- What `reconnect` returns to end for good.
vpn.stop = instance.stop_marker

-- ---- small things ----

--- The entries of |list| for which keep(entry, index) is true.
function vpn.filter(list, keep)
  expect(list, "table", "vpn.filter")
  expect(keep, "function", "vpn.filter")
  local out = {}
  for i, v in ipairs(list) do
    if keep(v, i) then out[#out + 1] = v end
  end
  return out
end

local function is_plain(t)
  return type(t) == "table" and getmetatable(t) == nil and #t == 0
end

--- A new table with the fields of all; later ones win, tables of fields are merged too.
function vpn.merge(...)
  local out = {}
  for i = 1, select("#", ...) do
    local t = select(i, ...)
    if t ~= nil then expect(t, "table", "vpn.merge") end
    for k, v in pairs(t or {}) do
      if is_plain(v) then v = vpn.merge(is_plain(out[k]) and out[k] or nil, v) end
      out[k] = v
    end
  end
  return out
end

vpn.hostname = core.hostname
vpn.pid = core.pid

return strict.fields(vpn, "vpn")
