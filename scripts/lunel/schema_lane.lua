-- SPDX-License-Identifier: GPL-3.0-or-later
--- Packet lanes in a configuration: `transport` and `filter` of a client, those and `filters` of a
-- server. What a lane's file says of itself comes from the core, which checks it.
local types = require "lunel.schema_types"

local M = {}

local DEEPEST = 16 -- of tables in args

-- Args are copied into other VMs: plain values alone, and no table in itself.
local function check_plain(value, at, depth)
  local kind = type(value)
  if kind ~= "table" then
    if kind == "string" or kind == "number" or kind == "boolean" then return true end
    at:fail(("a %s cannot be given to a lane: texts, numbers, true, false and tables of them can")
      :format(kind))
    return false
  elseif depth > DEEPEST then
    at:fail(("tables within tables, more than %d deep"):format(DEEPEST))
    return false
  end
  for k, v in pairs(value) do
    if type(k) ~= "string" and type(k) ~= "number" then
      at:fail(("a key is a %s, neither a text nor a number"):format(type(k)))
      return false
    end
    if not check_plain(v, at:child(k), depth + 1) then return false end
  end
  return true
end

local args = {
  text = "a table of texts, numbers, true and false",
  check = function(value, at)
    if type(value) ~= "table" then
      at:fail(("%s is not a table"):format(types.show(value)))
      return nil
    end
    return check_plain(value, at, 1) and value or nil
  end,
}

local record = types.record({
  { "file", types.string { max = 4096 }, required = true, doc = "The lane's file." },
  { "args", args, doc = "What the file gets as `...`." },
}, { text = "a lane: { file =, args = }, or its file" })

--- A lane: { file =, args = }, or the path alone.
M.lane = {
  text = record.text,
  check = function(value, at)
    if type(value) == "string" then value = { file = value } end
    return record.check(value, at)
  end,
}

--- Lanes by name.
M.lanes = types.map("^[%w_-]+$", M.lane)
M.lanes.text = "lanes by name: { name = { file =, args = } }"

-- A lane of the configuration as the engine takes it; nil where the core finds fault.
local function take(files, path, name, lane)
  local found, why = require("lunel.core").lane_check(lane.file, lane.args)
  if not found then
    files:fail(path .. ".file", why)
    return nil
  end
  return { id = found.id, name = name, origin = found.origin or lane.file, points = found.points,
           overhead = found.overhead, super = found.super, on_error = found.on_error }
end

--- Puts the lanes of |conf| into the engine's options |out|; |files| as in schema_engine.
function M.options(out, conf, files)
  local list = {}
  local function add(path, name, lane)
    local taken = take(files, path, name, lane)
    list[#list + 1] = taken
    return taken and taken.id
  end
  if conf.transport then out.transport = add("transport", "transport", conf.transport) end
  if conf.filter then out.filter = add("filter", "filter", conf.filter) end
  local names = {}
  for name in pairs(conf.filters or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do add("filters." .. name, name, conf.filters[name]) end
  if list[1] then out.lanes = list end
end

--- The lanes of |out|, options that come to nothing, are nobody's.
function M.forget(out)
  for _, lane in ipairs(out.lanes or {}) do require("lunel.core").lane_forget(lane.id) end
end

--- Applies |join| to the paths of |conf|'s lanes.
function M.each_path(conf, join)
  for _, key in ipairs { "transport", "filter" } do
    if conf[key] then conf[key].file = join(conf[key].file) end
  end
  for _, lane in pairs(conf.filters or {}) do lane.file = join(lane.file) end
end

return M
