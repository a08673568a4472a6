-- SPDX-License-Identifier: GPL-3.0-or-later
--- vpn.metrics: what a script counts, beside what the engine does.
local core = require "lunel.core"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"

local M = {}

-- The metric |name|; errors name the line of who asked for it.
local function get(kind, name, labels, o)
  if type(name) ~= "string" then
    error(("vpn.metrics.%s: a name expected, got a %s"):format(kind, type(name)), 3)
  end
  if labels ~= nil and type(labels) ~= "table" then
    error(("vpn.metrics.%s: a table of labels expected, got a %s"):format(kind, type(labels)), 3)
  end
  local ok, out = pcall(core.metric, kind, name, labels, o and o.buckets)
  if not ok then error(("vpn.metrics.%s: %s"):format(kind, out), 3) end
  return out
end

local metrics = {}

--- What only rises: counter:add([n]).
function metrics.counter(name, labels) return (get("counter", name, labels)) end

--- What rises and falls: gauge:set(n), gauge:add([n]).
function metrics.gauge(name, labels) return (get("gauge", name, labels)) end

--- How values are spread: histogram:observe(n). |o|: buckets, the upper bounds.
function metrics.histogram(name, labels, o)
  if o ~= nil and type(o) ~= "table" then
    error("vpn.metrics.histogram: a table of options expected, got a " .. type(o), 2)
  end
  for key in pairs(o or {}) do
    if key ~= "buckets" then
      error(("vpn.metrics.histogram: there is no '%s'%s"):format(tostring(key),
        suggest.hint(tostring(key), { "buckets" })), 2)
    end
  end
  return (get("histogram", name, labels, o))
end

--- All that is counted, the engine's among it: a list of { name, labels, value }.
metrics.snapshot = core.metrics

M.metrics = strict.fields(metrics, "vpn.metrics")

local LOCAL = { ["127.0.0.1"] = true, ["::1"] = true }

--- Serves what is counted by HTTP, as |listen| = { address, port } says; true, or nil and why not.
function M.open(listen)
  local ok, err = core.scrape(listen.address, listen.port)
  if not ok then return nil, "metrics: " .. err end
  local where = { address = listen.address, port = listen.port }
  if listen.address:find "^127%." or LOCAL[listen.address] then
    core.log("info", "metrics", "listening", where)
  else
    core.log("warn", "metrics", "exposed", where)
  end
  return true
end

return M
