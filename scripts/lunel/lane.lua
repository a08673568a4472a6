-- SPDX-License-Identifier: GPL-3.0-or-later
--- A packet VM's other half: what a lane's file finds there, and what the table has to be that it
-- returns. bindings/lane_vm.c calls `open`, once, and the function that it gives for each lane.
local core = require "lunel.core"
local pkt = require "lunel.pkt"
local strict = require "lunel.strict"
local suggest = require "lunel.suggest"

local M = {}

local POINTS = { "from_peer", "to_peer", "wire_in", "wire_out" }
local ON_ERROR = { drop = 0, pass = 1, detach = 2 }
local KEYS = { "from_peer", "to_peer", "wire_in", "wire_out", "on_error", "overhead", "super" }
local known = {}
for _, name in ipairs(KEYS) do known[name] = true end

-- What scripts are used to and will not find, and why.
local ABSENT = {
  ffi = "there is no ffi in a packet lane; require \"lunel.pkt\" has what packets need",
  jit = "there is no jit in a packet lane; LUNEL_JIT=off turns the compiler off",
  debug = "there is no debug library in a packet lane",
  io = "a packet lane reads and writes no files",
  os = "a packet lane asks nothing of the system",
  package = "a packet lane is one file; it can require lunel.pkt alone",
  print = "there is no print in a packet lane; count what happens with pkt.counter",
  coroutine = "there are no coroutines in a packet lane: it cannot wait",
  load = "a packet lane loads no code", loadstring = "a packet lane loads no code",
  loadfile = "a packet lane loads no code", dofile = "a packet lane loads no code",
  collectgarbage = "memory is not a packet lane's business",
  vpn = "there is no vpn in a packet lane: a policy decides, a lane looks at packets",
  module = "a packet lane is one file", newproxy = "newproxy is not available",
  setfenv = "function environments are not available",
  getfenv = "function environments are not available",
}

local function only_pkt(name)
  if name == "lunel.pkt" then return pkt end
  error(("a packet lane can require lunel.pkt alone, not '%s'%s"):format(tostring(name),
    name == "lunel" and "; a policy, which requires that, has no lunel.pkt: it names a lane's file "
    .. "as its `filter`, `filters` or `transport`" or ""), 2)
end

-- ---- a lane by itself, without its arguments ----

-- An argument that is not known: whatever is done with it gives it again.
local function make_absent(t, touched)
  local function again()
    touched.yes = true
    return t
  end
  return setmetatable(t, {
    __index = again, __call = again, __add = again, __sub = again, __mul = again, __div = again,
    __mod = again, __pow = again, __unm = again,
    __concat = function()
      touched.yes = true
      return ""
    end,
    __newindex = function() end,
  })
end

-- ---- the table ----

local function check_key(t, errors, key)
  if known[key] then return end
  errors[#errors + 1] = ("a lane has no key '%s'%s"):format(tostring(key),
    suggest.hint(tostring(key), KEYS))
end

local function whole(v, max)
  return type(v) == "number" and v % 1 == 0 and v >= 0 and v <= max
end

-- The sentences about what is wrong with |t|.
local function check(t, unsure)
  if type(t) ~= "table" or t == pkt then
    return { ("a lane returns a table { from_peer = function(b) ... end, ... }, not %s"):format(
      t == nil and "nothing" or t == pkt and "lunel.pkt" or "a " .. type(t)) }
  end
  local errors, functions = {}, 0
  for key in pairs(t) do check_key(t, errors, key) end
  table.sort(errors)
  for _, name in ipairs(POINTS) do
    local kind = type(t[name])
    if kind == "function" then functions = functions + 1
    elseif kind ~= "nil" then
      errors[#errors + 1] = ("%s: a function expected, got a %s"):format(name, kind)
    end
  end
  if functions == 0 and #errors == 0 then
    errors[1] = "a lane has at least one of from_peer, to_peer, wire_in and wire_out"
  end
  if t.on_error ~= nil and not ON_ERROR[t.on_error] then
    errors[#errors + 1] = ("on_error: \"drop\", \"pass\" or \"detach\" expected, not %s%s"):format(
      type(t.on_error) == "string" and '"' .. t.on_error .. '"' or "a " .. type(t.on_error),
      type(t.on_error) == "string"
        and suggest.hint(t.on_error, { "drop", "pass", "detach" }) or "")
  end
  if t.overhead ~= nil and not whole(t.overhead, core.overhead)
    and not (unsure and t.overhead == pkt._absent) then
    errors[#errors + 1] = ("overhead: a whole number from 0 to %d expected, not %s"):format(
      core.overhead, tostring(t.overhead))
  end
  if t.super ~= nil and type(t.super) ~= "boolean" then
    errors[#errors + 1] = "super: true or false expected"
  elseif t.super and not t.to_peer then
    errors[#errors + 1] = "super: it is about to_peer, which is not there"
  end
  return errors
end

local function where(chunk_name, text) return ("%s: %s"):format(chunk_name, text) end

--- Runs |chunk| with |args| and gives its functions in the order of enum lnl_lane_point (or nil),
-- on_error's number, overhead, super, and whether the answer is unsure: with |alone| the arguments
-- are not known, and an error in which they may have a part is none.
local function load_lane(chunk, alone, args, name)
  local touched = {}
  local t
  if alone then
    -- The table is the same each time, so that pkt knows it.
    local ok, result = pcall(chunk, make_absent(pkt._absent, touched))
    if not ok then
      if not touched.yes then error(result, 0) end
      return nil, nil, nil, nil, ON_ERROR.drop, 0, false, true
    end
    t = result
  else
    t = chunk(args)
  end
  local errors = check(t, touched.yes)
  if #errors > 0 then error(where(name, table.concat(errors, "; ")), 0) end
  return t.from_peer, t.to_peer, t.wire_in, t.wire_out, ON_ERROR[t.on_error or "drop"],
    type(t.overhead) == "number" and t.overhead or 0, t.super or false, touched.yes or false
end

--- Takes from the globals |g| what lanes do not have; gives the batch and the function above.
function M.open(g)
  for name in pairs(ABSENT) do g[name] = nil end
  g.gcinfo, g.string.dump = nil, nil
  g.require = only_pkt
  strict.enable(g, ABSENT)
  return pkt._view, load_lane
end

return M
