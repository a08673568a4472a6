-- SPDX-License-Identifier: GPL-3.0-or-later
--- vpn.log: what scripts say, and who hears what anybody says.
local core = require "lunel.core"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"
local who = require "lunel.who"

local M = {}

local instance -- set by M.bind
local sink_owner

--- |m| is lunel.instance.
function M.bind(m) instance = m end

local LEVELS = { "error", "warn", "info", "debug", "trace" }
local KNOWN = {}
for _, level in ipairs(LEVELS) do KNOWN[level] = true end

local function expect(value, kind, name)
  if type(value) ~= kind then
    error(("%s: a %s expected, got a %s"):format(name, kind, type(value)), 3)
  end
end

local function expect_level(level, name)
  if KNOWN[level] then return end
  error(("%s: a level expected (%s), got %s%s"):format(name, table.concat(LEVELS, ", "),
    type(level) == "string" and "'" .. level .. "'" or "a " .. type(level),
    type(level) == "string" and suggest.hint(level, LEVELS) or ""), 3)
end

local function logger(sub)
  expect(sub, "string", "vpn.log")
  local out = {}
  for _, level in ipairs { "error", "warn", "info", "debug" } do
    out[level] = function(event, fields)
      expect(event, "string", "log." .. level)
      if fields ~= nil then expect(fields, "table", "log." .. level) end
      core.log(level, sub, event, fields, 2, who.now())
    end
  end
  return strict.fields(out, "log")
end

local Sink = {}
Sink.__index = Sink

--- Takes the sink off; true when it was not off yet.
function Sink:close() return core.sink_close(self.number) end

local SINK = { batch = true, level = true, subs = true }
local SINK_NAMES = { "batch", "level", "subs" }

local function check_subs(subs)
  if subs == nil then return nil end
  expect(subs, "table", "vpn.log.sink: subs")
  for i, sub in ipairs(subs) do
    if type(sub) ~= "string" or sub == "" or sub == "*" then
      error(("vpn.log.sink: subs[%d] is no subsystem's name"):format(i), 4)
    end
  end
  if #subs == 0 then error("vpn.log.sink: subs is a list of names, and has none", 4) end
  return subs
end

local functions = {}

--- Calls |o.batch|(records, n, lost) at most once a turn with up to 256 records, of level |o.level|
-- ("info") and above it and of the subsystems |o.subs| alone. Returns the sink.
function functions.sink(o)
  expect(o, "table", "vpn.log.sink")
  for key in pairs(o) do
    if not SINK[key] then
      error(("vpn.log.sink: there is no '%s'%s"):format(tostring(key),
        suggest.hint(tostring(key), SINK_NAMES)), 2)
    end
  end
  expect(o.batch, "function", "vpn.log.sink: batch")
  local level = o.level or "info"
  expect_level(level, "vpn.log.sink")
  sink_owner = sink_owner or instance.new_owner()
  local number = core.sink(o.batch, "the log sink of " .. (core.where(2) or "a script"),
    sink_owner, level, check_subs(o.subs))
  return setmetatable({ number = number }, Sink)
end

--- The level of |sub| ("*": of what is not named); |level|, if it is given, takes its place.
function functions.level(sub, level)
  expect(sub, "string", "vpn.log.level")
  if level ~= nil then expect_level(level, "vpn.log.level") end
  return (core.log_level(sub, level))
end

--- Says |text| where nothing can be in its way: on stderr, or to syslog when stderr leads nowhere.
function functions.fallback(text)
  expect(text, "string", "vpn.log.fallback")
  core.fallback(text)
end

--- Ends what sinks have spawned.
function M.close()
  if sink_owner then core.cancel_owner(sink_owner) end
end

M.log = setmetatable(functions, {
  __call = function(_, sub) return logger(sub) end,
  __index = function(_, name)
    error(("there is no vpn.log.%s%s"):format(tostring(name),
      suggest.hint(tostring(name), { "sink", "level", "fallback" })), 2)
  end,
})

return M
