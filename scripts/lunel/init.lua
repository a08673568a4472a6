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

local acc = require "lunel.acc"
local control = require "lunel.control_prefix"
local files = require "lunel.files"
local hooks_server = require "lunel.hooks_server"
local instance = require "lunel.instance"
local logging = require "lunel.logging"
local metrics = require "lunel.metrics"
local peer_list = require "lunel.peer_list"
local schema = require "lunel.schema"
local profile = require "lunel.profile"
local services = require "lunel.services"
local waiting = require "lunel.waiting"

local vpn = {}

waiting.bind(instance.report)

local floor, min, random = math.floor, math.min, math.random

local function expect(value, kind, name, level)
  if type(value) ~= kind then
    error(("%s: a %s expected, got a %s"):format(name, kind, type(value)), level or 3)
  end
end

-- ---- configuration ----

--- Declares a client, while the script is loaded. Errors of its table are reported together once
-- the script has run.
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

--- The clients of this script's servers that are up, in a list; with |name|, those that are called
-- so, or have that address. In a task.
function vpn.peers(name)
  if name ~= nil then expect(name, "string", "vpn.peers") end
  -- It waits where there are hundreds: who could not is told before.
  local task, why = core.self "vpn.peers"
  if not task then error(why, 2) end
  return (peer_list.list(name))
end

-- ---- messages of one's own ----

--- Protocol extensions: vpn.acc.protocol(name, options), vpn.acc.stats(who).
vpn.acc = strict.fields({ protocol = acc.protocol, stats = acc.stats }, "vpn.acc")

--- Raw control messages that begin with a prefix: vpn.control(prefix, fn).
vpn.control = control.add

-- ---- log, files, metrics ----

vpn.log = logging.log
vpn.file = files.file
vpn.metrics = metrics.metrics

-- ---- time ----

vpn.now = core.now
vpn.sleep = core.sleep

local DAYS = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }

-- Seconds since 1970, now without |t|.
local function time_of(t, name)
  if t == nil then return core.wallclock() end
  expect(t, "number", name, 4)
  if not (t > -1e11 and t < 1e11) then error(name .. ": no time: " .. tostring(t), 3) end
  return t
end

--- Local time as a table: year, month, day, hour, min, sec, yday, isdst, and wday = "Mon".
function vpn.localtime(t)
  local out = os.date("*t", floor(time_of(t, "vpn.localtime")))
  out.wday = DAYS[out.wday]
  return out
end

--- "2026-11-23T22:10:01.123Z" for seconds since 1970.
function vpn.iso8601(t)
  t = time_of(t, "vpn.iso8601")
  local ms = floor((t - floor(t)) * 1000)
  return os.date("!%Y-%m-%dT%H:%M:%S", floor(t)) .. (".%03dZ"):format(ms)
end

--- Seconds to wait after |n| failures: base, doubled each time up to max, less up to a fifth at
-- random so that many clients do not come back at once. |o|: base (1), max (300), jitter (0.2).
function vpn.backoff(n, o)
  expect(n, "number", "vpn.backoff")
  if o ~= nil then expect(o, "table", "vpn.backoff") end
  o = o or {}
  for _, name in ipairs { "base", "max", "jitter" } do
    if o[name] ~= nil then expect(o[name], "number", "vpn.backoff: " .. name) end
  end
  local base, max, jitter = o.base or 1, o.max or 300, o.jitter or 0.2
  local seconds = min(max, base * 2 ^ min(62, math.max(0, n - 1)))
  return seconds * (1 - jitter * random())
end

-- ---- tasks and waiting ----

vpn.spawn = waiting.spawn
vpn.all = waiting.all
vpn.any = waiting.any
vpn.timeout = waiting.timeout
vpn.channel = waiting.channel

vpn.resolve = core.resolve

--- Runs a program without a shell: { program, arguments..., env = {}, input =, timeout = 30 }.
-- Waits; gives { status, out, err, timeout }, or nil and why.
function vpn.exec(o)
  expect(o, "table", "vpn.exec")
  return instance.exec(o)
end

-- ---- others, while packets flow (lunel/services.lua) ----

vpn.http = strict.fields(services.http, "vpn.http")
vpn.json = strict.fields(services.json, "vpn.json")
vpn.connect = services.connect

--- Whether the server at |remote| answers the first packet of a connection, with the keys of the
-- calling task's client: seconds, or nil and why. |o|: timeout (1).
function vpn.probe(remote, o)
  expect(remote, "table", "vpn.probe")
  if o ~= nil then expect(o, "table", "vpn.probe") end
  if not remote.host then
    local checked, errors = schema.remote(remote)
    if not checked then error("vpn.probe: " .. table.concat(errors, "; "), 2) end
  end
  local seconds, err = services.probe(instance.client_of(core.owner()), remote, o or {})
  return seconds, err
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

--- How many fields |t| has, whatever their keys.
function vpn.count(t)
  expect(t, "table", "vpn.count")
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
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

--- What packet lanes have counted, by the names of pkt.counter.
vpn.lane_counters = core.lane_counters

vpn.hostname = core.hostname
vpn.pid = core.pid

return strict.fields(vpn, "vpn")
